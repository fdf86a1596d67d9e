"""Is the search really good, or did one query look lucky?

Measured over every query, with everything from the query's own source left out, and set beside
what chance would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.search import average_precision, cosine_similarity, precision_at_k, unit_length


@dataclass(frozen=True)
class Evidence:
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
    def map(self) -> float:
        """Mean average precision over the queries."""
        return float(self.average_precision.mean())

    def interval(self, repeats: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Return a 95 % bootstrap interval of `mean`, drawing whole sources.

        Pictures of one object are not independent, so objects are drawn, not pictures.

        Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13
        """
        rng = np.random.default_rng(seed)
        _, group = np.unique(self.sources, return_inverse=True)
        sums = np.bincount(group, self.precision)
        counts = np.bincount(group)
        drawn = rng.integers(0, len(sums), (repeats, len(sums)))
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        return float(low), float(high)

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
    query_labels: Sequence[str] | None = None,
    query_vectors: np.ndarray | None = None,
) -> Evidence:
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
    scores = cosine_similarity(vectors if query_vectors is None else query_vectors, vectors)
    queries = np.arange(len(labels))
    if query_labels is not None:
        wanted = [query_labels] if isinstance(query_labels, str) else list(query_labels)
        queries = queries[np.isin(labels, wanted)]
    precision, average = [], []
    for query in queries:
        others = np.flatnonzero(sources != sources[query])
        ranking = others[np.argsort(-scores[query, others], kind="stable")]
        relevant = labels[ranking] == labels[query]
        precision.append(precision_at_k(relevant, k))
        average.append(average_precision(relevant))
    if not len(queries):
        raise ValueError("No item has one of these labels, so there is no query.")
    return Evidence(
        k, queries, labels[queries], sources[queries], np.array(precision), np.array(average)
    )


def shuffled_labels(
    vectors: np.ndarray,
    labels: Sequence[str],
    sources: Sequence[str],
    k: int = 5,
    query_labels: Sequence[str] | None = None,
    repeats: int = 20,
    seed: int = 0,
) -> float:
    """Return the mean precision@k when labels are dealt out at random: what luck alone gives.

    Args: as `evaluate`; repeats: how many times the labels are dealt; seed: fixes the dealing.

    Introduced in notebook 1.
    """
    rng = np.random.default_rng(seed)
    means = [
        evaluate(vectors, rng.permutation(np.asarray(labels)), sources, k, query_labels).mean
        for _ in range(repeats)
    ]
    return float(np.mean(means))


class Thermometer:
    """What a cosine is worth in one collection: how it compares with pairs drawn at random.

    Attributes:
        scores: the cosines of all pairs of items from different sources, in ascending order.

    Introduced in notebook 1.
    """

    def __init__(self, vectors: np.ndarray, sources: Sequence[str] | None = None):
        """Compare all pairs of the collection, shape (n, d), n at least 2."""
        if len(vectors) < 2:
            raise ValueError("One item makes no pair; a thermometer needs at least two.")
        if sources is None:
            sources = np.arange(len(vectors))
        sources = np.asarray(sources)
        first, second = np.triu_indices(len(vectors), 1)
        different = sources[first] != sources[second]
        if not different.any():
            raise ValueError("All items are of one source, so there is no pair to compare with.")
        self.scores = np.sort(cosine_similarity(vectors, vectors)[first, second][different])

    @classmethod
    def of(cls, scores: np.ndarray) -> Thermometer:
        """Take the cosines of pairs that were drawn elsewhere, in any order and shape.

        Raises:
            ValueError: there are none.
        """
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
    """Return in words how many random pairs a cosine beats; all of them only if it beats all.

    Rounded to whole percentages, but 99.6 to 99.
    """
    if percentile >= 100:
        return "above all pairs"
    return f"above {min(99, round(percentile))} %"


def center(vectors: np.ndarray, mean: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Take away what all items have in common, and make the rest unit length again.

    Args:
        vectors: shape (n, d).
        mean: the collection's mean, shape (d,); give it for queries from outside, so that they are
            moved exactly as the collection was. None takes the mean of `vectors`.

    Returns:
        The centred vectors, shape (n, d), and the mean, shape (d,).

    Introduced in notebook 1.
    """
    if mean is None:
        mean = np.mean(vectors, axis=0)
    return unit_length(vectors - mean), mean


def occurrences(vectors: np.ndarray, k: int = 5) -> np.ndarray:
    """Return in how many other items' top k each item appears, shape (n,).

    An item that appears in far more lists than k is called a hub.

    Source: Radovanovic et al., Hubs in Space (2010), https://jmlr.org/papers/v11/radovanovic10a.html
    Introduced in notebook 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one result.")
    scores = cosine_similarity(vectors, vectors)
    np.fill_diagonal(scores, -np.inf)  # an item is last in its own list, and then left out
    best = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, len(scores) - 1)]
    return np.bincount(best.ravel(), minlength=len(vectors))
