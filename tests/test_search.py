"""Cosines and rankings against values worked out by hand."""

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

# ---- cosine_similarity, unit_length ----


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [
        ([1, 0], [1, 0], 1.0),
        ([3, 4], [30, 40], 1.0),
        ([1, 0], [0, 7], 0.0),
        ([1, 2], [-2, -4], -1.0),
        ([1, 1], [1, 0], math.sqrt(0.5)),
        ([3, 4], [4, 3], 24 / 25),
        ([1, 2, 3], [3, 2, 1], 10 / 14),
        ([5], [-2], -1.0),
    ],
)
def test_cosine_by_hand(a, b, cosine):
    assert cosine_similarity(a, b) == pytest.approx(cosine, abs=1e-12)
    assert cosine_similarity(b, a) == pytest.approx(cosine, abs=1e-12)


def test_cosine_shapes():
    a, b = np.eye(3)[:2], np.arange(1.0, 13).reshape(4, 3)
    assert np.shape(cosine_similarity(a[0], b[0])) == ()
    assert cosine_similarity(a[0], b).shape == (4,)
    assert cosine_similarity(a, b[0]).shape == (2,)
    assert cosine_similarity(a, b).shape == (2, 4)
    assert cosine_similarity(a, b)[1, 2] == pytest.approx(8 / math.sqrt(49 + 64 + 81))


def test_cosines_stay_between_minus_one_and_one():
    vectors = np.random.default_rng(0).normal(size=(200, 512)).astype(np.float32)
    cosines = cosine_similarity(vectors, vectors)
    assert np.abs(cosines).max() <= 1 + 1e-6
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)


def test_different_dimensions():
    with pytest.raises(ValueError, match="have 3 and 2 dimensions; only vectors of one encoder"):
        cosine_similarity([1, 2, 3], [[1, 2]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(bad):
    for a, b in [([1, bad], [1, 0]), ([1, 0], [[1, 0], [bad, 1]])]:
        with pytest.raises(ValueError, match="NaN or infinity"):
            cosine_similarity(a, b)


def test_zero_vector():
    for a, b in [([0, 0], [1, 0]), ([1, 0], [[1, 0], [0, 0]])]:
        with pytest.raises(ValueError, match="all zeros"):
            cosine_similarity(a, b)


def test_unit_length():
    np.testing.assert_allclose(unit_length([3, 4]), [0.6, 0.8])
    np.testing.assert_allclose(unit_length([[3, 4], [0, -2]]), [[0.6, 0.8], [0, -1]])
    assert unit_length(np.ones((2, 3), np.float32)).dtype == np.float32


# ---- best_cosines ----


def test_best_cosines_by_hand():
    """A film with two key frames and a picture, beside three pictures of which one is long."""
    first = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, 0.0]])]
    second = [np.array([[3.0, 4.0]]), np.array([[0.0, -1.0]]), np.array([[-8.0, 6.0]])]
    np.testing.assert_allclose(
        best_cosines(first, second), [[0.8, 0.0, 0.6], [-0.6, 0.0, 0.8]], atol=1e-15
    )


@pytest.mark.parametrize("seed", range(5))
def test_best_cosines_are_the_largest_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 9)
    items = [rng.normal(size=(rows, 5)) for rows in sizes]
    first, second = items[: seed % 8 + 1], items[seed % 8 + 1 :]
    found = best_cosines(first, second)
    assert found.shape == (len(first), len(second))
    by_hand = [[max(cosine_similarity(u, v) for u in a for v in b) for b in second] for a in first]
    np.testing.assert_allclose(found, by_hand)
    np.testing.assert_allclose(best_cosines(second, first), found.T)


def test_best_cosines_of_nothing():
    one, none = np.ones((1, 2)), np.ones((0, 2))
    for first, second in (([], [one]), ([one], []), ([one, none], [one]), ([one], [none, one]),
                          ([none], [none]), ([one], [one, none, one])):  # fmt: skip
        with pytest.raises(ValueError, match="no items, or one has no vector"):
            best_cosines(first, second)
    with pytest.raises(ValueError, match="2 and 3 dimensions"):
        best_cosines([one], [np.ones((1, 3))])
    with pytest.raises(ValueError, match="all zeros"):
        best_cosines([one, 0 * one], [one])


# ---- top_k ----

COLLECTION = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6], [-1.0, 0.0]])


def test_top_k_by_hand():
    best, scores = top_k([2.0, 0.0], COLLECTION, 3)
    assert best.tolist() == [0, 3, 2]
    np.testing.assert_allclose(scores, [1.0, 0.8, 0.6])


def test_top_k_ties_keep_the_order():
    collection = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
    assert top_k([1.0, 0.0], collection, 5)[0].tolist() == [1, 2, 4, 0, 3]


def test_k_larger_than_the_collection():
    best, scores = top_k([1.0, 0.0], COLLECTION, 50)
    assert best.tolist() == [0, 3, 2, 1, 4] and len(scores) == 5
    assert scores[-1] == pytest.approx(-1)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one(k):
    with pytest.raises(ValueError, match=f"k is {k}; ask for at least one"):
        top_k([1.0, 0.0], COLLECTION, k)


@pytest.mark.parametrize("collection", [[], np.zeros((0, 2))])
def test_empty_collection(collection):
    with pytest.raises(ValueError, match="collection is empty"):
        top_k([1.0, 0.0], collection)


@pytest.mark.parametrize(
    ("query", "collection", "words"),
    [
        ([1.0, 0.0, 0.0], COLLECTION, "3 and 2 dimensions"),
        ([0.0, 0.0], COLLECTION, "all zeros"),
        ([np.nan, 0.0], COLLECTION, "NaN"),
    ],
)
def test_query_that_cannot_be_compared(query, collection, words):
    with pytest.raises(ValueError, match=words):
        top_k(query, collection)


@pytest.mark.parametrize(
    ("query", "collection"), [(COLLECTION[:1], COLLECTION), (COLLECTION[0], COLLECTION[0])]
)
def test_a_list_of_queries_or_a_single_vector_to_search(query, collection):
    """`top_k(encoder.encode([path]), vectors)` is easily written."""
    with pytest.raises(ValueError, match=r"give one vector, such as encode\(\[path\]\)\[0\]"):
        top_k(query, collection, 2)


@pytest.mark.parametrize("seed", range(5))
def test_top_k_is_the_beginning_of_the_whole_ranking(seed):
    """Whatever the kind of numbers, the lengths of the vectors, and however many are equal."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 300), rng.integers(1, 20)
    kind = [np.float32, np.float64, np.float16, np.int8, np.uint8][seed % 5]
    collection = rng.integers(0, 4, size=(n, d)).astype(kind) + kind(1)
    query = rng.normal(size=d).astype(np.float32)
    scores = cosine_similarity(query, collection)
    everything = np.argsort(-scores.round(4), kind="stable")
    near = 2e-3 if kind == np.float16 else 1e-4
    for k in {1, 2, 7, n // 2 + 1, n, n + 3}:
        best, found = top_k(query, collection, k)
        assert len(best) == len(set(best)) == min(k, n) and best.dtype.kind == "i"
        np.testing.assert_allclose(found, scores[everything[:k]], atol=near)
        np.testing.assert_allclose(found, scores[best], atol=near)
        assert (np.diff(found) <= 0).all()
        equal = np.flatnonzero(np.diff(found) == 0)
        assert (best[equal] < best[equal + 1]).all()  # in the collection's order


# ---- merging rankings ----


def test_fusion_by_hand():
    best, sums = reciprocal_rank_fusion([["a", "b", "c"], ["b", "d"]])
    assert best == ["b", "a", "d", "c"]
    assert sums == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    best, sums = reciprocal_rank_fusion([["a", "b"], ["b", "c"], ["c", "b"]], k=0)
    assert best == ["b", "c", "a"] and sums == pytest.approx([2.0, 1.5, 1.0])


def test_fusion_ties_keep_the_order_in_which_items_are_met():
    assert reciprocal_rank_fusion([["a", "b"], ["c", "d"]])[0] == ["a", "c", "b", "d"]
    assert reciprocal_rank_fusion([["c", "d"], ["a", "b"]])[0] == ["c", "a", "d", "b"]
    assert reciprocal_rank_fusion([["x", "y"], ["y", "x"]])[0] == ["x", "y"]


@pytest.mark.parametrize("rankings", [[], [[]], [[], []]])
def test_fusion_of_nothing(rankings):
    assert reciprocal_rank_fusion(rankings) == ([], [])


def test_fusion_refuses():
    with pytest.raises(ValueError, match="k is -1"):
        reciprocal_rank_fusion([["a"]], -1)
    with pytest.raises(ValueError, match="an id twice"):
        reciprocal_rank_fusion([["a"], ["b", "a", "b"]])


@pytest.mark.parametrize("seed", range(5))
def test_fusion_properties(seed):
    """What must hold for any rankings."""
    rng = np.random.default_rng(seed)
    items = [f"item {i}" for i in range(5)]
    rankings = [
        rng.permutation(items)[: rng.integers(0, 31)].tolist() for _ in range(rng.integers(1, 6))
    ]
    best, sums = reciprocal_rank_fusion(rankings)
    assert sorted(best) == sorted(set().union(*rankings))  # each item once, none lost
    assert (np.diff(sums) <= 0).all()
    for item, total in zip(best, sums, strict=True):
        expected = sum(1 / (61 + r.index(item)) for r in rankings if item in r)
        assert total == pytest.approx(expected, rel=1e-12)
    again = dict(zip(*reciprocal_rank_fusion(rankings[::-1]), strict=True))
    assert again == dict(zip(best, sums, strict=True))  # the order of the rankings adds nothing
    assert reciprocal_rank_fusion([rankings[0]])[0] == rankings[0]  # one ranking stays as it is
    assert reciprocal_rank_fusion([rankings[0]] * 3)[0] == rankings[0]
    assert reciprocal_rank_fusion([*rankings, []])[0] == best
    for above, below in zip(best, best[1:], strict=False):  # ahead in all of them: ahead in the end
        if all(above in r for r in rankings) and all(below in r for r in rankings):
            if all(r.index(below) < r.index(above) for r in rankings):
                raise AssertionError(f"{below} is ahead of {above} everywhere")


# ---- rocchio ----


def test_rocchio_by_hand():
    moved = rocchio([1, 0], liked=[[0, 1]], disliked=[[-1, 0]])
    assert moved == pytest.approx(np.array([1.15, 0.75]) / math.hypot(1.15, 0.75))
    moved = rocchio([2, 0], liked=[[0, 3], [5, 0]])  # lengths do not count
    assert moved == pytest.approx(np.array([1.375, 0.375]) / math.hypot(1.375, 0.375))
    moved = rocchio([1, 0], disliked=[[3, 4]], weights=(1, 0, 0.5))
    assert moved == pytest.approx(np.array([0.7, -0.4]) / math.hypot(0.7, 0.4))


def test_rocchio_without_marks_is_the_query_at_unit_length():
    assert rocchio([3, 4]) == pytest.approx([0.6, 0.8])
    none = np.zeros((0, 2))
    assert rocchio([3, 4], none, none) == pytest.approx([0.6, 0.8])


def test_rocchio_brings_the_liked_nearer_and_takes_the_disliked_away():
    rng = np.random.default_rng(0)
    for _ in range(20):
        query, liked, disliked = rng.normal(size=(3, 16))
        near = cosine_similarity(rocchio(query, liked=[liked]), liked)
        far = cosine_similarity(rocchio(query, disliked=[disliked]), disliked)
        assert near > cosine_similarity(query, liked)
        assert far < cosine_similarity(query, disliked)
        assert np.linalg.norm(rocchio(query, [liked], [disliked])) == pytest.approx(1)


def test_rocchio_says_what_cannot_be_moved():
    with pytest.raises(ValueError, match="one encoder"):
        rocchio([1, 0], liked=[[1, 0, 0]])
    with pytest.raises(ValueError, match="all zeros"):
        rocchio([1, 0], liked=[[0, 0]])
    with pytest.raises(ValueError, match="cancel"):
        rocchio([1, 0], liked=[[-1, 0]], weights=(1, 1, 0))
