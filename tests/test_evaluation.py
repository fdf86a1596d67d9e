"""Measures over all queries, with sources left out, beside what chance would give."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from course_utils.evaluation import (
    Difference,
    Evaluation,
    Percentiles,
    above,
    best_of,
    center,
    chance,
    difference,
    evaluate,
    explain_images,
    explain_videos,
    hub_counts,
)
from course_utils.search import cosine_similarity, unit_length


def at_angles(*degrees: float) -> np.ndarray:
    """Return unit vectors in the plane, so that nearness is easy to see."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


# ---- evaluate ----


def test_evaluate_by_hand():
    #                 0   1   2    3    4
    vectors = at_angles(0, 10, 25, 90, 100)
    found = evaluate(vectors, ["a", "a", "b", "b", "a"], range(5), k=2)
    # Rankings: 0: 1 2 3 4; 1: 0 2 3 4; 2: 1 0 3 4; 3: 4 2 1 0; 4: 3 2 1 0
    assert found.precision.tolist() == [0.5, 0.5, 0.0, 0.5, 0.0]
    assert found.mean == pytest.approx(0.3)
    assert found.by_label() == {"a": pytest.approx(1 / 3), "b": pytest.approx(0.25)}
    assert found.k == 2 and found.queries.tolist() == [0, 1, 2, 3, 4]
    ties = evaluate(np.ones((4, 2)), ["a", "b", "a", "a"], range(4), k=1)
    assert ties.precision.tolist() == [0, 0, 1, 1]  # in the collection's order
    few = evaluate(vectors[:3], ["a", "a", "b"], range(3), k=50)  # more than is left
    assert few.precision.tolist() == [0.5, 0.5, 0]


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(30, 6)), rng.integers(0, 3, 30)
    labels[0] = 3  # nothing is relevant for this query
    wanted = [0.0]
    for query in range(1, 30):
        scores = np.delete(cosine_similarity(vectors[query], vectors), query)
        wanted.append(average_precision_score(np.delete(labels, query) == labels[query], scores))
    found = evaluate(vectors, labels, range(30)).mean_average_precision
    assert found == pytest.approx(np.mean(wanted))


def test_the_whole_source_is_left_out():
    """Two views of each object lie side by side; other objects of the label lie far away."""
    vectors = at_angles(0, 1, 40, 41, 80, 81, 120, 121)
    labels = ["pen", "pen", "cup", "cup", "pen", "pen", "cup", "cup"]
    objects = ["pen-1", "pen-1", "cup-1", "cup-1", "pen-2", "pen-2", "cup-2", "cup-2"]
    assert evaluate(vectors, labels, range(8), k=1).mean == 1.0  # only itself left out
    before = evaluate(vectors, labels, objects, k=3)
    assert evaluate(vectors, labels, objects, k=1).mean == 0.0  # the object left out
    for query in range(8):  # moving the sister away changes nothing for the query
        moved = vectors.copy()
        moved[query ^ 1] = -vectors[query]
        assert evaluate(moved, labels, objects, k=3).precision[query] == before.precision[query]


def test_only_some_labels_are_queries():
    vectors, labels = at_angles(0, 10, 25, 90), ["pen", "pen", "p", "p"]
    every = evaluate(vectors, labels, range(4), k=2)
    for query_labels in (["p"], np.array(["p"]), "p"):
        some = evaluate(vectors, labels, range(4), k=2, query_labels=query_labels)
        assert some.queries.tolist() == [2, 3] and some.labels.tolist() == ["p", "p"]
        assert some.precision.tolist() == every.precision[2:].tolist()
    some = evaluate(vectors, labels, range(4), query_labels="pen")  # a word, not its letters
    assert some.queries.tolist() == [0, 1]


def test_other_query_vectors():
    """Searching with each vector's opposite ranks the others backwards."""
    vectors, labels = at_angles(0, 10, 100), ["a", "a", "b"]
    assert evaluate(vectors, labels, range(3), k=1).precision.tolist() == [1, 1, 0]
    turned = evaluate(vectors, labels, range(3), k=1, query_vectors=-vectors)
    assert turned.precision.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ["a"]}, "3 vectors, 1 labels, 3 sources"),
        ({"sources": [1, 2]}, "3 vectors, 3 labels, 2 sources"),
        ({"query_vectors": at_angles(0, 1, 2, 3)}, "4 query vectors"),
        ({"query_labels": ["z"]}, "No item has one of these labels"),
        ({"sources": [1, 1, 1]}, "all items are of one source"),
        ({"vectors": np.zeros((3, 2))}, "all zeros"),
        ({"k": 0}, "k, here 0"),
        ({"vectors": np.zeros((0, 2)), "labels": [], "sources": []}, "No item"),
    ],
)
def test_what_cannot_be_evaluated(changes, words):
    given = {"vectors": at_angles(0, 1, 2), "labels": ["a", "a", "b"], "sources": [1, 2, 3]}
    with pytest.raises(ValueError, match=words):
        evaluate(**(given | changes))


@pytest.mark.parametrize("own_source", [True, False])
def test_chance_is_what_shuffling_gives(own_source):
    rng = np.random.default_rng(0)
    labels, pairs = np.repeat(["a", "b", "c"], [4, 6, 10]), np.arange(20) // 2
    deal, sources = (rng.permutation, None) if own_source else (np.asarray, pairs)
    left_out = range(20) if own_source else pairs
    means = [evaluate(rng.normal(size=(20, 8)), deal(labels), left_out, k=3).mean
             for _ in range(200)]  # fmt: skip
    assert np.mean(means) == pytest.approx(chance(labels, sources=sources), abs=0.015)


def test_chance_of_some_queries():
    labels = ["pen"] * 3 + ["cup"] * 2 + ["key"] * 5
    assert chance(labels, "pen") == pytest.approx(2 / 9)
    assert chance(labels, ["pen", "cup"]) == pytest.approx((3 * 2 / 9 + 2 * 1 / 9) / 5)


# ---- intervals and differences ----


def width(values, sources) -> float:
    found = Difference.of(values, sources)
    return found.high - found.low


def test_an_interval_is_as_wide_as_theory_says_and_draws_whole_sources():
    """About 2 x 1.96 standard errors; ten copies of a picture are no more evidence than one."""
    values = np.random.default_rng(0).random(400)
    assert width(values, range(400)) == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    single, copies = width(values[:12], range(12)), values[:12].repeat(10)
    assert width(copies, np.arange(12).repeat(10)) == pytest.approx(single)
    assert width(copies, range(120)) < 0.6 * single
    assert width([0.4] * 10, range(10)) == pytest.approx(0)
    assert "no interval" in str(Difference.of([1.0, 0.5], ["x", "x"]))
    with pytest.raises(ValueError):
        Difference.of([1.0], ["a", "b"])


def judged(precision, k=5) -> Evaluation:
    """Return an evaluation with these precisions, in which each query is a source of its own."""
    queries = np.arange(len(precision))
    return Evaluation(k, queries, queries % 2, queries, np.asarray(precision), 0.0)


def test_an_interval_covers_the_mean_and_is_the_same_each_time():
    found = judged(np.random.default_rng(0).random(60))
    low, high = found.interval()
    assert 0 <= low < found.mean < high <= 1 and found.interval() == (low, high)


def test_a_difference_is_paired():
    """Both vary much from query to query, but one is always a little better."""
    hard = np.random.default_rng(0).random(40) * 0.8
    found = difference(judged(hard + 0.1), judged(hard))
    assert found.mean == pytest.approx(0.1) == found.low and "above 0" in str(found)
    assert "below 0" in str(difference(judged(hard), judged(hard + 1)))
    mixed = difference(judged(np.tile([0.0, 1.0], 20)), judged(np.tile([1.0, 0.0], 20)))
    assert "no difference shown" in str(mixed)
    for other in (judged(hard[:3]), judged(hard, k=3)):
        with pytest.raises(ValueError, match="same queries at the same k"):
            difference(judged(hard), other)


def test_percentile_is_what_counting_gives():
    rng = np.random.default_rng(0)
    vectors, sources = unit_length(rng.normal(size=(20, 6))), rng.integers(0, 8, 20)
    pairs = [
        vectors[i] @ vectors[j] for i in range(20) for j in range(i) if sources[i] != sources[j]
    ]
    percentiles = Percentiles(vectors, sources)
    np.testing.assert_allclose(percentiles.scores, np.sort(pairs))
    drawn = Percentiles.of(rng.permutation(percentiles.scores)[:, None])  # in any order and shape
    for score in [*np.linspace(-1, 1, 41), *percentiles.scores]:  # a pair is not above itself
        lower = sum(other < score for other in percentiles.scores)
        assert percentiles.percentile(score) == pytest.approx(100 * lower / len(pairs))
        assert percentiles.percentile(score) == drawn.percentile(score)
    by_hand = Percentiles(at_angles(0, 60, 180))  # cosines 0.5, -0.5, -1
    assert [by_hand.percentile(x) for x in (-2, 0, 0.6)] == pytest.approx([0, 200 / 3, 100])
    assert above(99.9) == "above 99 %" and above(100) == "above all pairs"
    assert best_of(31) == pytest.approx(96.875)


def test_what_gives_no_percentiles():
    for vectors, sources in ((at_angles(0), None), (np.zeros((0, 2)), None), (np.eye(2), "aa")):
        with pytest.raises(ValueError, match="no pair of items of different sources"):
            Percentiles(vectors, sources and list(sources))


def test_center():
    vectors = np.random.default_rng(0).random((10, 4))
    centred, mean = center(vectors)
    np.testing.assert_allclose(mean, vectors.mean(axis=0))
    np.testing.assert_allclose(centred[3], (vectors[3] - mean) / np.linalg.norm(vectors[3] - mean))
    with pytest.raises(ValueError, match="all zeros"):
        center(np.ones((3, 2)))


def test_hub_counts():
    """One vector in the middle of orthogonal ones is everybody's nearest, but never its own."""
    vectors = np.vstack([np.eye(6), np.ones(6)])
    assert hub_counts(vectors, k=1).tolist() == [1, 0, 0, 0, 0, 0, 6]  # its own nearest: a tie
    assert hub_counts(np.random.default_rng(0).normal(size=(30, 8)), k=4).sum() == 30 * 4
    for k in (2, 3, 50):
        assert hub_counts(at_angles(0, 10, 90), k=k).tolist() == [2, 2, 2]
        assert hub_counts(at_angles(0), k=k).tolist() == [0]
    with pytest.raises(ValueError, match="k is 0"):
        hub_counts(at_angles(0, 10, 90), k=0)


# ---- what made the match ----


@pytest.mark.parametrize("shape", [(7, 7), (3, 2, 4, 4)])
@pytest.mark.parametrize("centred", [False, True])
def test_contributions_add_up_to_the_cosine(shape, centred):
    """Given maps stand for the networks; test_encoders has that their mean is the embedding."""
    maps = np.random.default_rng(0).random((2, *shape, 16))
    mean = unit_length(np.random.default_rng(1).random(16)) / 2 if centred else None
    first, second = unit_length(maps.reshape(2, -1, 16).mean(axis=1)) - (mean if centred else 0)
    fake = SimpleNamespace(feature_map=lambda paths: maps)
    *parts, cosine = explain_images(fake, "a", "b", mean)
    assert cosine == pytest.approx(cosine_similarity(first, second))
    for part in parts:
        assert part.shape == shape and part.sum() == pytest.approx(cosine)
    films = SimpleNamespace(feature_map=lambda path: maps["ab".index(path)])
    assert centred or np.array_equal(explain_videos(films, "a", "b")[0], parts[0])


def test_a_place_contributes_what_it_shares():
    places = np.zeros((2, 2, 3))
    places[0, 0], places[1, 1] = [1, 0, 0], [0, 1, 0]
    maps = [places, np.tile([1, 0, 0], (2, 2, 1))]
    parts, _, cosine = explain_images(SimpleNamespace(feature_map=lambda paths: maps), "a", "b")
    assert parts[0, 0] == pytest.approx(cosine) and parts[1, 1] == 0
