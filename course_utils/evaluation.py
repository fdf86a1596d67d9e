"""Is the search really good, or did one query look lucky? And what made a match?

Measured over every query, with everything from the query's own source left out, beside what chance
would give, and with an interval that says how far to trust the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.search import cosine_similarity, top_k, unit_length


@dataclass(frozen=True)
class Evaluation:
    """How well a collection is searched, over q queries.

    Source: Manning, Raghavan, Schuetze, Introduction to Information Retrieval (2008), ch. 8
    """

    k: int  # how many results were judged
    queries: np.ndarray  # positions of the queries, shape (q,)
    labels: np.ndarray  # of the queries, shape (q,)
    sources: np.ndarray  # of the queries, shape (q,)
    precision: np.ndarray  # which share of each query's first k results is relevant, shape (q,)
    mean_average_precision: float  # 1 if all relevant items always come first

    @property
    def mean(self) -> float:
        """Mean precision@k over the queries."""
        return float(self.precision.mean())

    def interval(self) -> tuple[float, float]:
        """Return the ends of a 95 % bootstrap interval of `mean`; NaN with a single source."""
        found = Difference.of(self.precision, self.sources)
        return found.low, found.high

    def by_label(self) -> dict[str, float]:
        """Return the mean precision@k of each label's queries."""
        every = np.unique(self.labels)
        return {str(label): float(self.precision[self.labels == label].mean()) for label in every}


def evaluate(
    vectors: np.ndarray,
    labels: Sequence[str],
    sources: Sequence[str],
    k: int = 5,
    query_labels: Sequence[str] | None = None,
    query_vectors: np.ndarray | None = None,
) -> Evaluation:
    """Let every item be the query once and judge what is found among the others.

    Everything from the query's own source is left out: another view of the same object is easily
    found and proves little. Equal cosines keep the collection's order.

    Args:
        vectors: the collection, shape (n, d).
        labels: n labels; a result is relevant if its label is the query's.
        sources: n sources.
        k: how many results to judge; of fewer, those that there are.
        query_labels: only items with these labels are queries (all items are still searched).
        query_vectors: what to search with instead, shape (n, d), for controls.

    Raises:
        ValueError: lengths differ, k is below 1, or nothing is left to search for some query.

    Introduced in notebook 1.
    """
    labels, sources = np.asarray(labels), np.asarray(sources)
    asking = vectors if query_vectors is None else query_vectors
    lengths = [len(each) for each in (vectors, labels, sources, asking)]
    if len(set(lengths)) > 1 or k < 1:
        raise ValueError(
            "There are {} vectors, {} labels, {} sources and {} query vectors; each item needs one "
            "of each, and k, here {}, is at least 1.".format(*lengths, k)
        )
    queries = np.flatnonzero(np.isin(labels, labels if query_labels is None else query_labels))
    if not len(queries) or (sources == sources[0]).all():
        raise ValueError("No item has one of these labels, or all items are of one source.")
    precision, average_precision = np.zeros(len(queries)), np.zeros(len(queries))
    rankings = np.argsort(-cosine_similarity(asking, vectors)[queries], axis=1, kind="stable")
    for i, (query, ranking) in enumerate(zip(queries, rankings, strict=True)):
        others = ranking[sources[ranking] != sources[query]]
        relevant = labels[others] == labels[query]
        precision[i] = relevant[:k].mean()
        ranks = np.flatnonzero(relevant) + 1
        if len(ranks):
            average_precision[i] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
    mean = float(average_precision.mean())
    return Evaluation(k, queries, labels[queries], sources[queries], precision, mean)


def chance(
    labels: Sequence[str],
    query_labels: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> float:
    """Return the precision that luck alone gives, exactly: the share of relevant items.

    It is the expected precision@k of `evaluate`, for any k, if the labels are dealt to the items
    at random; with `sources`, if the items keep theirs and come in a random order.

    Introduced in notebook 1.
    """
    sources = range(len(labels)) if sources is None else sources
    alike = np.ones((len(labels), 1))  # in whatever order: all of them are judged
    return evaluate(alike, labels, sources, len(labels), query_labels).mean


@dataclass(frozen=True)
class Difference:
    """By how much one thing is better than another: the mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], sources: Sequence[str]) -> Difference:
        """Judge paired differences, one for each query, shape (q,), and the queries' sources.

        Pictures of one object are not independent, so objects are drawn, not pictures. With a
        single source nothing can be said, and both ends are NaN.

        Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13
        """
        _, group = np.unique(sources, return_inverse=True)
        sums, counts = np.bincount(group, values), np.bincount(group)
        if len(sums) < 2:
            return cls(float(np.mean(values)), np.nan, np.nan)
        drawn = np.random.default_rng(0).integers(0, len(sums), (2000, len(sums)))
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        return cls(float(np.mean(values)), *map(float, np.quantile(means, [0.025, 0.975])))

    def __str__(self) -> str:
        mean, low, high = (f"{round(x, 2) + 0.0:.2f}" for x in (self.mean, self.low, self.high))
        if np.isnan(self.low):
            return f"{mean} (no interval: all queries are of one source)"
        words = "it contains 0: no difference shown"
        if self.low > 0 or self.high < 0:
            words = f"it lies {'above' if self.low > 0 else 'below'} 0"
        return f"{mean} (95 % interval {low} to {high}; {words})"


def difference(a: Evaluation, b: Evaluation) -> Difference:
    """Return by how much the precision@k of `a` is higher than that of `b`, query by query.

    Two intervals that overlap say little: some queries are hard for everybody. Paired differences
    take that out. ValueError if the two had other queries or another k.

    Introduced in notebook 1.
    """
    if not np.array_equal(a.queries, b.queries) or a.k != b.k:
        raise ValueError("Only two evaluations of the same queries at the same k make pairs.")
    return Difference.of(a.precision - b.precision, a.sources)


class Percentiles:
    """What a cosine is worth in one collection: how it compares with pairs drawn at random.

    `scores` are the cosines of all pairs of items from different sources, in ascending order; of
    a large collection, those of 3,000 items drawn at random.

    Introduced in notebook 1.
    """

    def __init__(self, vectors: np.ndarray, sources: Sequence[str] | None = None):
        """Compare all pairs of the collection, shape (n, d), that are of different sources."""
        sources = np.arange(len(vectors)) if sources is None else np.asarray(sources)
        if len(vectors) > 3000:  # so that memory stays bounded: 4.5 million pairs are enough
            drawn = np.random.default_rng(0).choice(len(vectors), 3000, replace=False)
            vectors, sources = np.asarray(vectors)[drawn], sources[drawn]
        pairs = np.triu(sources[:, None] != sources)
        if not pairs.any():
            raise ValueError("There is no pair of items of different sources to compare with.")
        self.scores = np.sort(cosine_similarity(vectors, vectors)[pairs])

    @classmethod
    def of(cls, scores: np.ndarray) -> Percentiles:
        """Take the cosines of pairs that were drawn elsewhere, in any order and shape."""
        made = cls.__new__(cls)
        made.scores = np.sort(scores, axis=None)
        return made

    def percentile(self, score: float) -> float:
        """Return which percentage of random pairs has a lower cosine than `score`, 0 to 100."""
        # Differences below a millionth are rounding: an item's own pair counts as equal.
        return float(100 * np.searchsorted(self.scores, score - 1e-6) / len(self.scores))


def above(percentile: float) -> str:
    """Return in words how many random pairs a cosine beats, rounded down; all only if all."""
    return "above all pairs" if percentile >= 100 else f"above {int(percentile)} %"


def best_of(n: int) -> float:
    """Return the percentile that the best of n random pairs reaches on average, by luck alone.

    Introduced in notebook 4.
    """
    return 100 * n / (n + 1)


def center(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take away the mean, which all items have in common, and make the rest unit length again.

    Returns the centred vectors, of the same shape (n, d), and the mean, shape (d,).

    Introduced in notebook 1.
    """
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
    counts = np.zeros(len(vectors), dtype=int)
    for query, vector in enumerate(vectors):
        best, _ = top_k(vector, vectors, k + 1)
        counts[best[best != query][:k]] += 1  # itself left out
    return counts


def explain_images(encoder, query, match, mean=None) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two picture files into contributions of the places of each.

    `encoder` is an `ImageEncoder`; with `mean`, the collection's, shape (d,), the cosine of the
    centred embeddings is split. Returns the query's contributions (7, 7), the match's, and the
    cosine, to which each of the two adds up.

    Introduced in notebook 1.
    """
    return _explain(encoder.feature_map([query, match]), 0.0 if mean is None else mean)


def explain_videos(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split a cosine as `explain_images` does, of two films: (clips, times, rows, columns).

    Introduced in notebook 2.
    """
    return _explain([encoder.feature_map(path) for path in (query, match)])


def _explain(maps, mean=0.0) -> tuple[np.ndarray, np.ndarray, float]:
    """Split a cosine into what each place, a vector of maps of shape (..., d), adds to it.

    An embedding is the mean of its places, and the dot product of a mean is the mean of the dot
    products. So the contributions add up to the cosine: exactly, not by guessing.
    """
    parts, embeddings = [], []
    for places in (np.asarray(each, dtype=np.float64) for each in maps):
        axes = tuple(range(places.ndim - 1))
        places = places / np.linalg.norm(places.mean(axis=axes)) - mean
        whole = places.sum(axis=axes)
        parts.append(places / np.linalg.norm(whole))  # they add up to the embedding
        embeddings.append(unit_length(whole))
    return parts[0] @ embeddings[1], parts[1] @ embeddings[0], float(np.dot(*embeddings))


def explain_sounds(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two sound files into contributions of the match's bands and frames.

    `encoder` is an `AudioEncoder` whose recipe is a mean over time. Returns the match's
    contributions (bands, frames), those of its pitch numbers (3,) or (0,), and the cosine, to
    which all of them add up.

    Introduced in notebook 3.
    """
    first, second = encoder.encode([query, match]).astype(np.float64)
    bands, pitch = encoder.contributions(match)
    parts = bands * first[: len(bands), None]
    return parts, pitch * first[len(bands) :], float(first @ second)
