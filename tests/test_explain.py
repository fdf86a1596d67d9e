"""A cosine is split into shares of places that add up to it exactly."""

import numpy as np
import pytest
from PIL import Image

from course_utils.encoders import ImageEncoder
from course_utils.explain import cell_shares, explain_match
from course_utils.search import cosine_similarity


def test_shares_by_hand():
    """Two places, one along each axis: the mean is (0.5, 1), the other vector (1, 0)."""
    cells = np.array([[[1.0, 0.0], [0.0, 2.0]]])
    shares = cell_shares(cells, np.array([3.0, 0.0]))
    assert shares.shape == (1, 2)
    np.testing.assert_allclose(shares, [[0.5 / np.hypot(0.5, 1), 0.0]])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_shares_add_up_to_the_cosine(seed, low):
    rng = np.random.default_rng(seed)
    cells, other = rng.uniform(low, 1, (7, 5, 64)), rng.uniform(low, 1, 64)
    shares = cell_shares(cells, other)
    assert shares.shape == (7, 5)
    assert shares.sum() == pytest.approx(cosine_similarity(cells.mean(axis=(0, 1)), other))
    assert (shares.min() < 0) == (low < 0)  # shares are negative only where numbers can be


def test_shares_do_not_depend_on_lengths():
    rng = np.random.default_rng(0)
    cells, other = rng.normal(size=(3, 3, 8)), rng.normal(size=8)
    np.testing.assert_allclose(cell_shares(cells, other), cell_shares(5 * cells, 0.1 * other))


def test_each_share_is_that_places_dot_product():
    """A place that points away from the other vector counts against the match."""
    cells = np.array([[[2.0, 1.0]], [[-1.0, 1.0]]])
    shares = cell_shares(cells, np.array([1.0, 0.0]))
    assert shares[0, 0] > 0 > shares[1, 0]
    assert shares[0, 0] == pytest.approx(-2 * shares[1, 0])


def test_places_in_one_row():
    """Shape (places, d) is not a grid, but the shares add up all the same."""
    rng = np.random.default_rng(0)
    cells, other = rng.random((49, 8)), rng.random(8)
    assert cell_shares(cells, other).sum() == pytest.approx(
        cosine_similarity(cells.mean(axis=0), other)
    )


def test_what_cannot_be_split():
    cells = np.ones((2, 2, 3))
    with pytest.raises(ValueError, match="3 numbers each, the other embedding 4"):
        cell_shares(cells, np.ones(4))
    with pytest.raises(ValueError, match="all zeros"):
        cell_shares(np.zeros((2, 2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="all zeros"):
        cell_shares(cells, np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        cell_shares(cells * np.nan, np.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        cell_shares(cells, np.array([1, 2, np.nan]))


def test_explain_match(tmp_path):
    """On real pictures the shares of both add up to the cosine of their embeddings."""
    encoder = ImageEncoder(device="cpu", progress=False)
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for seed, path in enumerate(files):
        noise = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC).save(path)
    first, second, cosine = explain_match(encoder, *files)
    assert first.shape == second.shape == (7, 7)
    vectors = encoder.encode(files)
    assert cosine == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)
    assert first.sum() == pytest.approx(cosine, abs=1e-5)
    assert second.sum() == pytest.approx(cosine, abs=1e-5)
    back = explain_match(encoder, *files[::-1])
    np.testing.assert_allclose(back[0], second, atol=1e-6)
    np.testing.assert_allclose(back[1], first, atol=1e-6)
