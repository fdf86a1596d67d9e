"""Is the search really good, or did one query look lucky? And what made a match?

Measured over every query, with everything from the query's own source left out, beside what chance
would give, and with an interval that says how far to trust the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.search import cosine_similarity, unit_length


def precision_at_k(relevant: Sequence[bool], k: int = 5) -> float:
    """Return which share of the first k results is relevant.

    Args:
        relevant: for each result, best first, whether it is what was looked for.
        k: how many of them count; with fewer results than k, those that there are.

    Source: Manning, Raghavan, Schuetze, Introduction to Information Retrieval (2008), ch. 8
    """
    if k < 1:
        raise ValueError(f"k is {k}; judge at least one result.")
    first = np.asarray(relevant, dtype=bool)[:k]
    if len(first) == 0:
        raise ValueError("There are no results to judge.")
    return float(first.mean())


def average_precision(relevant: Sequence[bool]) -> float:
    """Return the mean of the precisions at each relevant result, over a whole ranking.

    1.0 means that all relevant items come first; 0.0 that there is none.

    Source: as `precision_at_k`.
    """
    ranks = np.flatnonzero(np.asarray(relevant, dtype=bool)) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks)) if len(ranks) else 0.0


@dataclass(frozen=True)
class Evaluation:
    """How well a collection is searched, over many queries.

    Attributes:
        k: how many results were judged.
        queries: positions of the queries, shape (q,).
        labels: their labels, shape (q,).
        sources: their sources, shape (q,).
        precision: precision@k of each query, shape (q,).
        average_precision: average precision of each query, shape (q,).
    """

    k: int
    queries: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    precision: np.ndarray
    average_precision: np.ndarray

    @property
    def mean(self) -> float:
        """Mean precision@k over the queries."""
        return float(self.precision.mean())

    @property
    def mean_average_precision(self) -> float:
        """Mean average precision over the queries."""
        return float(self.average_precision.mean())

    def interval(self) -> tuple[float, float]:
        """Return the ends of a 95 % bootstrap interval of `mean`; see `Difference.of`."""
        return bootstrap(self.precision, self.sources)

    def by_label(self) -> dict[str, float]:
        """Return the mean precision@k of each label's queries."""
        return {
            str(label): float(self.precision[self.labels == label].mean())
            for label in np.unique(self.labels)
        }


def evaluate(
    vectors: np.ndarray,
    labels: Sequence[str],
    sources: Sequence[str],
    k: int = 5,
    query_labels: str | Sequence[str] | None = None,
    query_vectors: np.ndarray | None = None,
) -> Evaluation:
    """Let every item be the query once and judge what is found among the others.

    Everything from the query's own source is left out: another view of the same object is easily
    found and proves little.

    Args:
        vectors: the collection, shape (n, d).
        labels: n labels; a result is relevant if its label is the query's.
        sources: n sources.
        k: how many results to judge.
        query_labels: only items with these labels are queries (all items are still searched).
        query_vectors: what to search with instead of the items' own vectors, shape (n, d), for
            controls.

    Raises:
        ValueError: lengths differ, or nothing is left to search for some query.

    Introduced in notebook 1.
    """
    labels, sources = np.asarray(labels), np.asarray(sources)
    if not len(vectors) == len(labels) == len(sources):
        raise ValueError(
            f"There are {len(vectors)} vectors, {len(labels)} labels and {len(sources)} sources; "
            "each vector needs one of each."
        )
    if query_vectors is not None and len(query_vectors) != len(vectors):
        raise ValueError(
            f"There are {len(query_vectors)} query vectors and {len(vectors)} items; "
            "each item needs one."
        )
    queries = _queries(labels, query_labels)
    scores = cosine_similarity(vectors if query_vectors is None else query_vectors, vectors)
    precision, average = [], []
    for query in queries:
        others = _others(sources, query)
        ranking = others[np.argsort(-scores[query, others], kind="stable")]
        relevant = labels[ranking] == labels[query]
        precision.append(precision_at_k(relevant, k))
        average.append(average_precision(relevant))
    return Evaluation(
        k, queries, labels[queries], sources[queries], np.array(precision), np.array(average)
    )


def chance(
    labels: Sequence[str],
    query_labels: str | Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> float:
    """Return the precision that luck alone gives, exactly: the share of relevant items.

    It is the expected precision@k of `evaluate`, for any k, if the labels are dealt to the items
    at random; with `sources`, if the items keep theirs and come in a random order.

    Args: as `evaluate`; without `sources`, each item is a source of its own.

    Introduced in notebook 1.
    """
    labels = np.asarray(labels)
    sources = np.arange(len(labels)) if sources is None else np.asarray(sources)
    queries = _queries(labels, query_labels)
    return float(np.mean([(labels[_others(sources, q)] == labels[q]).mean() for q in queries]))


def _queries(labels: np.ndarray, wanted: str | Sequence[str] | None) -> np.ndarray:
    if wanted is None:
        wanted = labels
    queries = np.flatnonzero(np.isin(labels, [wanted] if isinstance(wanted, str) else list(wanted)))
    if not len(queries):
        raise ValueError("No item has one of these labels, so there is no query.")
    return queries


def _others(sources: np.ndarray, query: int) -> np.ndarray:
    others = np.flatnonzero(sources != sources[query])
    if not len(others):
        raise ValueError(
            f"All items are of the query's own source, {str(sources[query])!r}; there is nothing "
            "to search, so add items of another."
        )
    return others


def bootstrap(values: np.ndarray, sources: Sequence[str]) -> tuple[float, float]:
    """Return the ends of a 95 % interval of the mean of values, shape (q,), drawing whole sources.

    Pictures of one object are not independent, so objects are drawn, not pictures. With a single
    source nothing can be said, and both ends are NaN.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13
    """
    _, group = np.unique(sources, return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    if len(sums) < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(0).integers(0, len(sums), (2000, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """By how much one thing is better than another, and how sure that is.

    Attributes:
        mean: the mean difference.
        low: where its 95 % bootstrap interval begins.
        high: where it ends.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], sources: Sequence[str]) -> Difference:
        """Judge paired differences, one for each query, shape (q,).

        Args:
            values: what one thing gave for a query, less what the other gave for it.
            sources: the queries' sources. Whole sources are drawn, since queries of one source
                are not independent.
        """
        values = np.asarray(values, dtype=float)
        if values.shape != np.shape(sources) or values.ndim != 1 or not len(values):
            raise ValueError(
                f"There are differences of shape {values.shape} and sources of shape "
                f"{np.shape(sources)}; give a list with one of each for every query."
            )
        return cls(float(values.mean()), *bootstrap(values, sources))

    @property
    def shown(self) -> bool:
        """Whether the interval lies on one side of 0, so that a difference is shown."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        mean, low, high = (f"{round(x, 2) + 0.0:.2f}" for x in (self.mean, self.low, self.high))
        if np.isnan(self.low):
            return f"{mean} (no interval: all queries are of one source)"
        side = f"it lies {'above' if self.low > 0 else 'below'} 0"
        words = side if self.shown else "it contains 0: no difference shown"
        return f"{mean} (95 % interval {low} to {high}; {words})"


def difference(a: Evaluation, b: Evaluation) -> Difference:
    """Return by how much the precision@k of `a` is higher than that of `b`, query by query.

    Two intervals that overlap say little: some queries are hard for everybody. Paired differences
    take that out.

    Raises:
        ValueError: the two did not have the same queries and the same k.

    Introduced in notebook 1.
    """
    same = np.array_equal(a.queries, b.queries) and np.array_equal(a.sources, b.sources)
    if not same or a.k != b.k:
        raise ValueError(
            f"One has {len(a.queries)} queries at k = {a.k} and the other {len(b.queries)} at "
            f"k = {b.k}; only the same queries at the same k make pairs."
        )
    return Difference.of(a.precision - b.precision, a.sources)


class Percentiles:
    """What a cosine is worth in one collection: how it compares with pairs drawn at random.

    Attributes:
        scores: the cosines of all pairs of items from different sources, in ascending order.

    Introduced in notebook 1.
    """

    def __init__(self, vectors: np.ndarray, sources: Sequence[str] | None = None):
        """Compare all pairs of the collection, shape (n, d), n at least 2."""
        if len(vectors) < 2:
            raise ValueError("One item makes no pair; percentiles need at least two.")
        sources = np.arange(len(vectors)) if sources is None else np.asarray(sources)
        first, second = np.triu_indices(len(vectors), 1)
        different = sources[first] != sources[second]
        if not different.any():
            raise ValueError("All items are of one source, so there is no pair to compare with.")
        self.scores = np.sort(cosine_similarity(vectors, vectors)[first, second][different])

    @classmethod
    def of(cls, scores: np.ndarray) -> Percentiles:
        """Take the cosines of pairs that were drawn elsewhere, in any order and shape."""
        if not np.size(scores):
            raise ValueError("There are no pairs to compare with.")
        made = cls.__new__(cls)
        made.scores = np.sort(np.ravel(scores))
        return made

    def percentile(self, score: float) -> float:
        """Return which percentage of random pairs has a lower cosine than `score`, 0 to 100.

        Differences below a millionth are rounding: an item's own pair, computed in another way,
        counts as equal.
        """
        return float(100 * np.searchsorted(self.scores, score - 1e-6) / len(self.scores))


def above(percentile: float) -> str:
    """Return in words how many random pairs a cosine beats, rounded down; all only if all."""
    return "above all pairs" if percentile >= 100 else f"above {int(percentile)} %"


def best_of(n: int) -> float:
    """Return the percentile that the best of n random pairs reaches on average: 100 n / (n + 1).

    So the best of 31 beats about 97 % of random pairs by luck alone.

    Introduced in notebook 4.
    """
    return 100 * n / (n + 1)


def center(vectors: np.ndarray, mean: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Take away what all items have in common, and make the rest unit length again.

    Args:
        vectors: shape (n, d) or (d,).
        mean: the collection's mean, shape (d,); give it for queries from outside, so that they are
            moved exactly as the collection was. None takes the mean of `vectors`.

    Returns:
        The centred vectors, shape (n, d), and the mean, shape (d,).

    Introduced in notebook 1.
    """
    if mean is None:
        mean = np.mean(vectors, axis=0)
    return unit_length(vectors - mean), mean


def hub_counts(vectors: np.ndarray, k: int = 5) -> np.ndarray:
    """Return in how many other items' top k each item appears, shape (n,).

    An item that appears in far more lists than k is called a hub.

    Source: Radovanovic et al., Hubs in Space (2010), https://jmlr.org/papers/v11/radovanovic10a.html
    Introduced in notebook 4.
    """
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one result.")
    scores = cosine_similarity(vectors, vectors)
    np.fill_diagonal(scores, -np.inf)  # an item is last in its own list, and then left out
    best = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, len(scores) - 1)]
    return np.bincount(best.ravel(), minlength=len(vectors))


# An embedding is the mean of the vectors of 7 x 7 places. A cosine is a dot product, and the dot
# product of a mean is the mean of the dot products. So a cosine splits into one contribution of
# each place, and they add up to it: exactly, not by guessing.


def contributions(
    feature_map: np.ndarray, other: np.ndarray, mean: np.ndarray | None = None
) -> np.ndarray:
    """Split the cosine between a picture (or video) and another embedding into its places.

    Args:
        feature_map: the picture's vectors before averaging, shape (rows, columns, d); a video's
            have clips and times before them.
        other: the embedding that it is compared with, shape (d,).
        mean: the collection's mean, shape (d,), to split the cosine of the two centred embeddings.

    Returns:
        The contributions, of the shape of `feature_map` without its last axis. Their sum is the
        cosine. A contribution can be negative if embeddings can.

    Raises:
        ValueError: the dimensions differ or a vector is all zeros.

    Introduced in notebook 1.
    """
    places = np.asarray(feature_map, dtype=np.float64)
    if places.shape[-1] != np.shape(other)[-1]:
        raise ValueError(
            f"The places have {places.shape[-1]} numbers each, the other embedding "
            f"{np.shape(other)[-1]}; both must come from one encoder."
        )
    axes, count = tuple(range(places.ndim - 1)), np.prod(places.shape[:-1])
    embedding, other = unit_length(places.mean(axis=axes)), unit_length(other)
    places = places / np.linalg.norm(places.mean(axis=axes))  # whose mean is the embedding
    if mean is not None:
        places, embedding, other = places - mean, embedding - mean, unit_length(other - mean)
    unit_length(embedding)  # says so if nothing is left of it
    return places @ other / (count * np.linalg.norm(embedding))


def explain_images(
    encoder, query, match, mean: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two picture files into contributions of the places of each.

    Args:
        encoder: an `ImageEncoder`.
        query: a picture file.
        match: another one.
        mean: the collection's mean, to split the cosine of the centred embeddings.

    Returns:
        The query's contributions (7, 7), the match's (7, 7), and the cosine, to which each of the
        two adds up.

    Introduced in notebook 1.
    """
    return _explain(encoder.feature_map([query, match]), mean)


def explain_videos(
    encoder, query, match, mean: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two video files into contributions of the times and places of each.

    Args: as `explain_images`, with a `VideoEncoder` and video files.

    Returns:
        The query's contributions (clips, times, rows, columns), the match's, and the cosine, to
        which each of the two adds up.

    Introduced in notebook 2.
    """
    return _explain([encoder.feature_map(path) for path in (query, match)], mean)


def _explain(maps, mean) -> tuple[np.ndarray, np.ndarray, float]:
    first, second = (one.mean(axis=tuple(range(one.ndim - 1)), dtype=np.float64) for one in maps)
    parts = contributions(maps[0], second, mean), contributions(maps[1], first, mean)
    return *parts, float(parts[0].sum())


def explain_sounds(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two sound files into contributions of the match's bands and frames.

    A vector that is a mean over time is a sum of what each band adds in each frame; so its cosine
    with another vector is a sum, too: one contribution of each band in each frame.

    Args:
        encoder: an `AudioEncoder` whose recipe is a mean over time.
        query: a sound file.
        match: another one.

    Returns:
        The match's contributions (bands, frames), those of its pitch numbers (3,) or (0,), and the
        cosine, to which all of them add up.

    Introduced in notebook 3.
    """
    bands, pitch = encoder.contributions(match)
    first, second = encoder.encode([query, match]).astype(np.float64)
    length = np.linalg.norm(np.concatenate([bands.sum(axis=1), pitch]))
    parts = bands * first[: len(bands), None] / length
    return parts, pitch * first[len(bands) :] / length, float(first @ second)
