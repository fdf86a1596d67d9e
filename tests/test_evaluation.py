"""Measures over all queries, with sources left out, beside what chance would give."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from course_utils.evaluation import (
    Difference,
    Evaluation,
    Percentiles,
    above,
    average_precision,
    best_of,
    center,
    chance,
    contributions,
    difference,
    evaluate,
    hub_counts,
    precision_at_k,
)
from course_utils.search import cosine_similarity, unit_length


def at_angles(*degrees: float) -> np.ndarray:
    """Return unit vectors in the plane, so that nearness is easy to see."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def random_data(n: int, classes: int, seed: int = 0):
    """Return vectors that know nothing of their labels, the labels, and a source for each."""
    vectors = np.random.default_rng(seed).normal(size=(n, 16))
    return vectors, np.arange(n) % classes, np.arange(n)


# ---- evaluate ----


def test_evaluate_by_hand():
    #                 0   1   2    3    4
    vectors = at_angles(0, 10, 25, 90, 100)
    labels = ["a", "a", "b", "b", "a"]
    found = evaluate(vectors, labels, range(5), k=2)
    # Rankings: 0: 1 2 3 4; 1: 0 2 3 4; 2: 1 0 3 4; 3: 4 2 1 0; 4: 3 2 1 0
    assert found.precision.tolist() == [0.5, 0.5, 0.0, 0.5, 0.0]
    wanted = [(1 + 2 / 4) / 2, (1 + 2 / 4) / 2, 1 / 3, 1 / 2, (1 / 3 + 2 / 4) / 2]
    np.testing.assert_allclose(found.average_precision, wanted)
    assert found.mean == pytest.approx(0.3)
    assert found.mean_average_precision == pytest.approx(np.mean(wanted))
    assert found.by_label() == {"a": pytest.approx(1 / 3), "b": pytest.approx(0.25)}
    assert found.k == 2 and found.queries.tolist() == [0, 1, 2, 3, 4]


def test_the_whole_source_is_left_out():
    """Two views of each object lie side by side; other objects of the label lie far away."""
    vectors = at_angles(0, 1, 40, 41, 80, 81, 120, 121)
    labels = ["pen", "pen", "cup", "cup", "pen", "pen", "cup", "cup"]
    objects = ["pen-1", "pen-1", "cup-1", "cup-1", "pen-2", "pen-2", "cup-2", "cup-2"]
    assert evaluate(vectors, labels, range(8), k=1).mean == 1.0  # only itself left out
    assert evaluate(vectors, labels, objects, k=1).mean == 0.0  # the object left out
    for query in range(8):  # moving the sister away changes nothing for the query
        moved = vectors.copy()
        moved[query ^ 1] = -vectors[query]
        before = evaluate(vectors, labels, objects, k=3)
        after = evaluate(moved, labels, objects, k=3)
        assert before.average_precision[query] == after.average_precision[query]


def test_ties_keep_the_collections_order():
    vectors = np.array([[1.0, 0.0]] * 4)
    assert evaluate(vectors, ["a", "b", "a", "a"], range(4), k=1).precision.tolist() == [0, 0, 1, 1]


def test_only_some_labels_are_queries():
    vectors = at_angles(0, 10, 25, 90)
    labels = ["a", "a", "b", "b"]
    every = evaluate(vectors, labels, range(4), k=2)
    for query_labels in (["b"], ("b",), {"b"}, np.array(["b"]), "b"):
        some = evaluate(vectors, labels, range(4), k=2, query_labels=query_labels)
        assert some.queries.tolist() == [2, 3] and some.labels.tolist() == ["b", "b"]
        assert some.precision.tolist() == every.precision[2:].tolist()


def test_one_label_given_as_a_word_is_not_taken_letter_by_letter():
    vectors, labels = at_angles(0, 10, 25, 90), ["pen", "pen", "p", "p"]
    assert evaluate(vectors, labels, range(4), query_labels="pen").queries.tolist() == [0, 1]


def test_other_query_vectors():
    """Searching with each vector's opposite ranks the others backwards."""
    vectors = at_angles(0, 10, 100)
    labels = ["a", "a", "b"]
    assert evaluate(vectors, labels, range(3), k=1).precision.tolist() == [1, 1, 0]
    turned = evaluate(vectors, labels, range(3), k=1, query_vectors=-vectors)
    assert turned.precision.tolist() == [0, 0, 0]


def test_k_larger_than_what_is_left():
    assert evaluate(at_angles(0, 1, 2), ["a", "a", "b"], range(3), k=50).mean == pytest.approx(
        1 / 3
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ["a"]}, "3 vectors, 1 labels and 3 sources"),
        ({"sources": [1, 2]}, "3 vectors, 3 labels and 2 sources"),
        ({"query_vectors": at_angles(0, 1)}, "2 query vectors and 3 items"),
        ({"query_vectors": at_angles(0, 1, 2, 3)}, "4 query vectors and 3 items"),
        ({"query_vectors": np.ones((3, 5))}, "5 and 2 dimensions"),
        ({"query_labels": ["z"]}, "No item has one of these labels"),
        ({"sources": [1, 1, 1]}, "there is nothing to search"),
        ({"vectors": np.zeros((3, 2))}, "all zeros"),
        ({"vectors": np.full((3, 2), np.nan)}, "NaN"),
        ({"k": 0}, "k is 0"),
        ({"k": -1}, "k is -1"),
    ],
)
def test_what_cannot_be_evaluated(changes, words):
    given = {"vectors": at_angles(0, 1, 2), "labels": ["a", "a", "b"], "sources": [1, 2, 3]}
    with pytest.raises(ValueError, match=words):
        evaluate(**(given | changes))


def test_nothing_to_evaluate():
    with pytest.raises(ValueError):
        evaluate(np.zeros((0, 3)), [], [])


# ---- interval ----


def make_evaluation(precision, sources) -> Evaluation:
    precision = np.asarray(precision, float)
    n = len(precision)
    return Evaluation(5, np.arange(n), np.full(n, "a"), np.asarray(sources), precision, precision)


def test_interval_covers_the_mean_and_is_the_same_each_time():
    evidence = evaluate(*random_data(60, 3))
    low, high = evidence.interval()
    assert 0 <= low < evidence.mean < high <= 1
    assert evidence.interval() == (low, high)


def test_interval_without_any_spread():
    assert make_evaluation([0.4] * 10, range(10)).interval() == pytest.approx((0.4, 0.4))


def test_interval_draws_whole_sources():
    """Ten copies of a picture are no more evidence than one."""
    precision = np.random.default_rng(0).random(12)
    single = make_evaluation(precision, range(12)).interval()
    copies = make_evaluation(precision.repeat(10), np.arange(12).repeat(10)).interval()
    careless = make_evaluation(precision.repeat(10), range(120)).interval()
    assert copies == pytest.approx(single)
    assert careless[1] - careless[0] < 0.6 * (single[1] - single[0])


def test_interval_is_as_wide_as_theory_says():
    """For many sources a 95 % interval is about 2 x 1.96 standard errors wide."""
    precision = np.random.default_rng(0).random(400)
    low, high = make_evaluation(precision, range(400)).interval()
    assert high - low == pytest.approx(2 * 1.96 * precision.std() / 20, rel=0.1)


# ---- Percentiles ----


def test_percentile_is_what_counting_gives():
    rng = np.random.default_rng(0)
    vectors, sources = rng.normal(size=(20, 6)), rng.integers(0, 8, 20)
    pairs = [
        vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
        for i in range(20)
        for j in range(i)
        if sources[i] != sources[j]
    ]
    percentiles = Percentiles(vectors, sources)
    np.testing.assert_allclose(percentiles.scores, np.sort(pairs))
    for score in [*np.linspace(-1, 1, 41), *percentiles.scores]:  # a pair is not above itself
        lower = sum(other < score for other in percentiles.scores)
        assert percentiles.percentile(score) == pytest.approx(100 * lower / len(pairs))


def test_percentile_by_hand():
    percentiles = Percentiles(at_angles(0, 60, 180))  # cosines 0.5, -0.5, -1
    assert len(percentiles.scores) == 3
    assert percentiles.percentile(-2) == 0
    assert percentiles.percentile(0) == pytest.approx(200 / 3)
    assert percentiles.percentile(0.6) == 100


def test_pairs_of_one_source_do_not_count():
    percentiles = Percentiles(at_angles(0, 0, 90), ["a", "a", "b"])
    np.testing.assert_allclose(percentiles.scores, [0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("vectors", "sources", "words"),
    [
        (at_angles(0), None, "at least two"),
        (np.zeros((0, 2)), None, "at least two"),
        (at_angles(0, 1), ["a", "a"], "All items are of one source"),
        (np.zeros((2, 2)), None, "all zeros"),
    ],
)
def test_what_gives_no_percentiles(vectors, sources, words):
    with pytest.raises(ValueError, match=words):
        Percentiles(vectors, sources)


def test_percentiles_of_pairs_drawn_elsewhere():
    """The same as a percentiles of the vectors, in any order and shape."""
    vectors, _, sources = random_data(12, 3)
    whole = Percentiles(vectors, sources // 2)
    scores = np.random.default_rng(1).permutation(whole.scores)
    given = scores.copy()
    for shape in ((-1,), (4, -1), (2, 3, -1)):
        percentiles = Percentiles.of(scores.reshape(shape))
        assert isinstance(percentiles, Percentiles)
        np.testing.assert_array_equal(percentiles.scores, whole.scores)
        for score in (-1.0, *whole.scores[::7], 0.123, 1.0):
            assert percentiles.percentile(score) == whole.percentile(score)
    np.testing.assert_array_equal(scores, given)  # what was given is left as it was
    assert Percentiles.of([0.5, -0.5, 0.5, 0.9]).percentile(0.6) == 75
    assert Percentiles.of([0.5, -0.5, 0.5, 0.9]).percentile(0.5) == 25  # strictly lower


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 3)), np.zeros((3, 0))])
def test_percentiles_of_no_pairs(nothing):
    with pytest.raises(ValueError, match="no pairs"):
        Percentiles.of(nothing)


# ---- center, hub_counts ----


def test_center():
    vectors = np.random.default_rng(0).random((10, 4))
    centred, mean = center(vectors)
    np.testing.assert_allclose(mean, vectors.mean(axis=0))
    np.testing.assert_allclose(np.linalg.norm(centred, axis=1), 1)
    np.testing.assert_allclose(centred[3], (vectors[3] - mean) / np.linalg.norm(vectors[3] - mean))


def test_center_of_a_query_from_outside():
    vectors = np.random.default_rng(0).random((10, 4))
    centred, mean = center(vectors)
    query, same = center(vectors[4], mean)
    np.testing.assert_allclose(query, centred[4])
    assert same is mean


def test_center_of_vectors_that_are_all_the_same():
    with pytest.raises(ValueError, match="all zeros"):
        center(np.ones((3, 2)))


def test_hub_counts_of_a_hub():
    """One vector in the middle of orthogonal ones is everybody's nearest."""
    vectors = np.vstack([np.eye(6), np.ones(6)])
    found = hub_counts(vectors, k=1)
    assert found[6] == 6  # in every list but its own
    assert found.tolist() == [1, 0, 0, 0, 0, 0, 6]  # the hub's own nearest: a tie, the first


def test_hub_counts_add_up():
    vectors = np.random.default_rng(0).normal(size=(30, 8))
    found = hub_counts(vectors, k=4)
    assert found.shape == (30,) and found.sum() == 30 * 4


@pytest.mark.parametrize("k", [2, 3, 50])
def test_hub_counts_never_count_an_item_itself(k):
    assert hub_counts(at_angles(0, 10, 90), k=k).tolist() == [2, 2, 2]
    assert hub_counts(at_angles(0), k=k).tolist() == [0]


@pytest.mark.parametrize("k", [0, -1])
def test_hub_counts_with_k_below_one(k):
    with pytest.raises(ValueError, match=f"k is {k}"):
        hub_counts(at_angles(0, 10, 90), k=k)


# ---- how good a ranking is ----


@pytest.mark.parametrize(
    ("relevant", "k", "precision"),
    [
        ([1, 1, 0, 1, 0], 5, 0.6),
        ([1, 1, 0, 1, 0], 2, 1.0),
        ([0, 0, 1], 2, 0.0),
        ([1, 0], 5, 0.5),  # fewer results than k
        ([True], 1, 1.0),
    ],
)
def test_precision_by_hand(relevant, k, precision):
    assert precision_at_k(relevant, k) == pytest.approx(precision)


def test_precision_of_nothing():
    with pytest.raises(ValueError, match="no results to judge"):
        precision_at_k([])


@pytest.mark.parametrize("k", [0, -1])
def test_precision_with_k_below_one(k):
    """Not the precision of all results but the last."""
    with pytest.raises(ValueError, match=f"k is {k}"):
        precision_at_k([True, False], k)


@pytest.mark.parametrize(
    ("relevant", "average"),
    [
        ([1, 1, 1], 1.0),
        ([1, 1, 0, 0], 1.0),
        ([0, 1], 1 / 2),
        ([1, 0, 1], (1 + 2 / 3) / 2),
        ([0, 1, 0, 1, 1], (1 / 2 + 2 / 4 + 3 / 5) / 3),
        ([0, 0, 0], 0.0),
        ([], 0.0),
    ],
)
def test_average_precision_by_hand(relevant, average):
    assert average_precision(relevant) == pytest.approx(average)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    relevant = rng.random(rng.integers(2, 60)) < rng.random()
    relevant[rng.integers(len(relevant))] = True
    scores = -np.arange(len(relevant))  # best first, no ties
    assert average_precision(relevant) == pytest.approx(average_precision_score(relevant, scores))


# ---- chance and differences ----


@pytest.mark.parametrize("own_source", [True, False])
def test_chance_is_what_shuffling_gives(own_source):
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], [4, 6, 10])
    sources = np.arange(20) if own_source else np.arange(20) // 2
    vectors = rng.normal(size=(20, 8))
    if own_source:
        dealt = [rng.permutation(labels) for _ in range(200)]
        means = [evaluate(vectors, each, sources, k=3).mean for each in dealt]
        exact = chance(labels)
    else:
        orders = [rng.normal(size=(20, 8)) for _ in range(200)]
        means = [evaluate(each, labels, sources, k=3).mean for each in orders]
        exact = chance(labels, sources=sources)
    assert np.mean(means) == pytest.approx(exact, abs=0.015)


def test_chance_of_some_queries():
    labels = ["pen"] * 3 + ["cup"] * 2 + ["key"] * 5
    assert chance(labels, "pen") == pytest.approx(2 / 9)
    assert chance(labels, ["pen", "cup"]) == pytest.approx((3 * 2 / 9 + 2 * 1 / 9) / 5)


def judged(precision, sources=None):
    n = len(precision)
    sources = np.arange(n) if sources is None else np.asarray(sources)
    values = np.asarray(precision, dtype=float)
    return Evaluation(5, np.arange(n), np.full(n, "a"), sources, values, values)


def test_a_difference_is_paired():
    """Both vary much from query to query, but one is always a little better."""
    hard = np.random.default_rng(0).random(40) * 0.8
    found = difference(judged(hard + 0.1), judged(hard))
    assert found.mean == pytest.approx(0.1) and found.low == pytest.approx(0.1) and found.shown
    assert "above 0" in str(found) and "below 0" in str(difference(judged(hard), judged(hard + 1)))
    mixed = difference(judged(np.tile([0.0, 1.0], 20)), judged(np.tile([1.0, 0.0], 20)))
    assert not mixed.shown and "no difference shown" in str(mixed)


def test_a_difference_draws_whole_sources():
    one = np.array([1.0] * 10 + [0.0] * 2)
    alone = difference(judged(one), judged(0 * one))
    grouped = difference(judged(one, [0] * 10 + [1, 2]), judged(0 * one, [0] * 10 + [1, 2]))
    assert alone.shown and not grouped.shown
    single = Difference.of([1.0, 0.5], ["x", "x"])
    assert "no interval" in str(single) and not single.shown


def test_what_makes_no_pairs():
    with pytest.raises(ValueError, match="only the same queries"):
        difference(judged([1, 0]), judged([1, 0, 1]))
    with pytest.raises(ValueError, match="one of each for every query"):
        Difference.of([1.0], ["a", "b"])


def test_percentiles_in_words():
    assert above(99.9) == "above 99 %" and above(100) == "above all pairs"
    assert best_of(31) == pytest.approx(96.875)


# ---- what made the match ----


@pytest.mark.parametrize("shape", [(7, 7), (3, 2, 4, 4)])
@pytest.mark.parametrize("centred", [False, True])
def test_contributions_add_up_to_the_cosine(shape, centred):
    rng = np.random.default_rng(0)
    places, other = rng.random((*shape, 16)), rng.random(16)
    embedding = unit_length(places.reshape(-1, 16).mean(axis=0))
    mean = unit_length(rng.random(16)) / 2 if centred else None
    parts = contributions(places, other, mean)
    moved = 0 if mean is None else mean
    cosine = cosine_similarity(embedding - moved, unit_length(other) - moved)
    assert parts.shape == shape and parts.sum() == pytest.approx(cosine)


def test_a_place_contributes_what_it_shares():
    places = np.zeros((2, 2, 3))
    places[0, 0], places[1, 1] = [1, 0, 0], [0, 1, 0]
    parts = contributions(places, [1, 0, 0])
    assert parts[0, 0] == pytest.approx(parts.sum()) and parts[1, 1] == 0
    with pytest.raises(ValueError, match="one encoder"):
        contributions(places, [1, 0])
    with pytest.raises(ValueError, match="all zeros"):
        contributions(0 * places, [1, 0, 0])


def test_encoders_split_their_matches_exactly(catalog, image_encoder):
    from course_utils.audio import AudioEncoder
    from course_utils.evaluation import explain_images, explain_sounds

    pens = catalog.select(kind="image", label="pen").paths[:2]
    a, b = image_encoder.encode(pens)
    first, second, cosine = explain_images(image_encoder, *pens)
    assert first.sum() == pytest.approx(cosine, abs=1e-5) == pytest.approx(second.sum(), abs=1e-5)
    assert cosine == pytest.approx(a @ b, abs=1e-4)
    voices = catalog.select(kind="audio", label="female voice").paths[:3]
    encoder = AudioEncoder("voice").fit(voices)
    bands, pitch, cosine = explain_sounds(encoder, *voices[:2])
    assert bands.sum() + pitch.sum() == pytest.approx(cosine, abs=1e-5)
