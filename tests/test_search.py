"""Cosines and rankings against values worked out by hand."""

import itertools
import math

import numpy as np
import pytest

from course_utils.search import (
    best_cosines,
    cosine_similarity,
    reciprocal_rank_fusion,
    rocchio,
    top_k,
    unit_length,
)

SEEDS = pytest.mark.parametrize("seed", range(5))

# ---- cosines ----


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [
        ([3, 4], [30, 40], 1.0),
        ([1, 0], [0, 7], 0.0),
        ([1, 2], [-2, -4], -1.0),
        ([1, 1], [1, 0], math.sqrt(0.5)),
        ([1, 2, 3], [3, 2, 1], 10 / 14),
    ],
)
def test_cosine_by_hand(a, b, cosine):
    assert cosine_similarity(a, b) == pytest.approx(cosine, abs=1e-12)
    assert cosine_similarity(b, a) == pytest.approx(cosine, abs=1e-12)


def test_cosine_shapes_and_range():
    a, b = np.eye(3)[:2], np.arange(1.0, 13).reshape(4, 3)
    for first, second in itertools.product((a[0], a), (b[0], b)):
        shape = (*first.shape[:-1], *second.shape[:-1])
        assert np.shape(cosine_similarity(first, second)) == shape
    assert cosine_similarity(a, b)[1, 2] == pytest.approx(8 / math.sqrt(49 + 64 + 81))
    vectors = np.random.default_rng(0).normal(size=(200, 512)).astype(np.float32)
    cosines = cosine_similarity(vectors, vectors)
    assert np.abs(cosines).max() <= 1 + 1e-6
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)


@pytest.mark.parametrize("compare", [cosine_similarity, top_k])
@pytest.mark.parametrize(
    ("query", "vectors", "words"),
    [
        ([1, 2, 3], [[1, 2]], "have 3 and 2 dimensions; only vectors of one encoder"),
        ([1, np.nan], [[1, 0]], "NaN or infinity"),
        ([1, 0], [[1, 0], [-np.inf, 1]], "NaN or infinity"),
        ([0, 0], [[1, 0]], "all zeros"),
        ([1, 0], [[1, 0], [0, 0]], "all zeros"),
    ],
)
def test_what_cannot_be_compared(compare, query, vectors, words):
    with pytest.raises(ValueError, match=words):
        compare(query, vectors)


def test_unit_length():
    np.testing.assert_allclose(unit_length([[3, 4], [0, -2]]), [[0.6, 0.8], [0, -1]])
    assert unit_length(np.ones((2, 3), np.float32)).dtype == np.float32


@SEEDS
def test_best_cosines_are_the_largest_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    items = [rng.normal(size=(rows, 5)) for rows in rng.integers(1, 6, 9)]
    first, second = items[: seed % 8 + 1], items[seed % 8 + 1 :]
    found = best_cosines(first, second)
    by_hand = [[cosine_similarity(a, b).max() for b in second] for a in first]
    np.testing.assert_allclose(found, by_hand)
    np.testing.assert_allclose(best_cosines(second, first), found.T)


def test_best_cosines_of_nothing():
    one, none = np.ones((1, 2)), np.ones((0, 2))
    for first, second in (([], [one]), ([one], []), ([one, none], [one]), ([one], [none, one])):
        with pytest.raises(ValueError, match="no items, or one has no vector"):
            best_cosines(first, second)


# ---- top_k ----


def test_top_k_by_hand():
    collection = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6], [-1.0, 0.0]])
    best, scores = top_k([2.0, 0.0], collection, 3)
    assert best.tolist() == [0, 3, 2]
    np.testing.assert_allclose(scores, [1.0, 0.8, 0.6])
    ties = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
    assert top_k([1.0, 0.0], ties, 50)[0].tolist() == [1, 2, 4, 0, 3]  # in the order given


@pytest.mark.parametrize(
    ("query", "collection", "k"),
    [
        ([1.0, 0.0], np.eye(2), 0),
        ([1.0, 0.0], [], 2),
        ([1.0, 0.0], np.zeros((0, 2)), 2),
        (np.eye(2)[:1], np.eye(2), 2),  # top_k(encoder.encode([path]), vectors)
        ([1.0, 0.0], [1.0, 0.0], 2),
    ],
)
def test_top_k_says_what_it_was_given(query, collection, k):
    with pytest.raises(ValueError, match=rf"k is {k}, .*give one vector, such as encode\(\[path"):
        top_k(query, collection, k)


@SEEDS
def test_top_k_is_the_beginning_of_the_whole_ranking(seed):
    """Whatever the kind of numbers, the lengths of the vectors, and however many are equal."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 300), rng.integers(1, 20)
    kind = [np.float32, np.float64, np.float16, np.int8, np.uint8][seed % 5]
    collection = rng.integers(0, 4, size=(n, d)).astype(kind) + kind(1)
    query = rng.normal(size=d).astype(np.float32)
    scores = cosine_similarity(query, collection)
    ranking = np.argsort(-scores, kind="stable")  # equals in the collection's order
    for k in {1, 2, 7, n // 2 + 1, n, n + 3}:
        best, found = top_k(query, collection, k)
        np.testing.assert_array_equal(best, ranking[:k], strict=True)
        np.testing.assert_array_equal(found, scores[best], strict=True)


# ---- merging rankings ----


def test_fusion_by_hand():
    best, sums = reciprocal_rank_fusion([["a", "b", "c"], ["b", "d"]])
    assert best == ["b", "a", "d", "c"]
    assert sums == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    best, sums = reciprocal_rank_fusion([["a", "b"], ["b", "c"], ["c", "b"]], k=0)
    assert best == ["b", "c", "a"] and sums == pytest.approx([2.0, 1.5, 1.0])
    assert reciprocal_rank_fusion([["c", "d"], ["a", "b"]])[0] == ["c", "a", "d", "b"]  # ties
    for rankings in ([], [[]], [[], []]):
        assert reciprocal_rank_fusion(rankings) == ([], [])
    for rankings, k in (([["a"]], -1), ([["a"], ["b", "a", "b"]], 60)):
        with pytest.raises(ValueError, match=f"k is {k}.* an id twice"):
            reciprocal_rank_fusion(rankings, k)


@SEEDS
def test_fusion_properties(seed):
    """What must hold for any rankings."""
    rng = np.random.default_rng(seed)
    items = [f"item {i}" for i in range(30)]
    sizes = rng.integers(0, 31, rng.integers(1, 6))
    rankings = [rng.permutation(items)[:size].tolist() for size in sizes]
    best, sums = reciprocal_rank_fusion(rankings)
    assert sorted(best) == sorted(set().union(*rankings))  # each item once, none lost
    assert (np.diff(sums) <= 0).all()
    for item, total in zip(best, sums, strict=True):
        expected = sum(1 / (61 + r.index(item)) for r in rankings if item in r)
        assert total == pytest.approx(expected, rel=1e-12)
    again = dict(zip(*reciprocal_rank_fusion(rankings[::-1]), strict=True))
    assert again == dict(zip(best, sums, strict=True))  # the order of the rankings adds nothing
    assert reciprocal_rank_fusion([rankings[0]] * 3)[0] == rankings[0]


# ---- rocchio ----


def test_rocchio_by_hand():
    moved = rocchio([1, 0], liked=[[0, 1]], disliked=[[-1, 0]])
    assert moved == pytest.approx(np.array([1.15, 0.75]) / math.hypot(1.15, 0.75))
    moved = rocchio([2, 0], liked=[[0, 3], [5, 0]])  # lengths do not count
    assert moved == pytest.approx(np.array([1.375, 0.375]) / math.hypot(1.375, 0.375))
    assert rocchio([3, 4], np.zeros((0, 2))) == pytest.approx([0.6, 0.8])  # without marks
    assert rocchio([1, 0], [[-1, 0]], [[1, 0]]) == pytest.approx([1, 0])  # marks never cancel it


@SEEDS
def test_rocchio_brings_the_liked_nearer_and_takes_the_disliked_away(seed):
    query, liked, disliked = np.random.default_rng(seed).normal(size=(3, 16))
    near = cosine_similarity(rocchio(query, liked=[liked]), liked)
    far = cosine_similarity(rocchio(query, disliked=[disliked]), disliked)
    assert near > cosine_similarity(query, liked) and far < cosine_similarity(query, disliked)


@pytest.mark.parametrize(
    ("liked", "words"),
    [([[1, 0, 0]], "one encoder"), ([0, 1], "lists of vectors"), ([[0, 0]], "all zeros")],
)
def test_rocchio_says_what_cannot_be_moved(liked, words):
    with pytest.raises(ValueError, match=words):
        rocchio([1, 0], liked)
