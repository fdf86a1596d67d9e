"""Cosine similarity, ranking, and how good a ranking is.

This is the whole of search: compare, rank, return the top N. Everything here was built step by
step in notebook 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of the angle between each vector of `a` and each of `b`.

    Args:
        a: a vector of shape (d,) or n vectors of shape (n, d).
        b: a vector of shape (d,) or m vectors of shape (m, d).

    Returns:
        Numbers from -1 to 1, of shape (n, m) without the axes of single vectors: 1 for the same
        direction, 0 for a right angle, -1 for the opposite direction.

    Raises:
        ValueError: the dimensions differ, a vector is all zeros (it has no direction), or a value
            is not a finite number.

    Source: https://en.wikipedia.org/wiki/Cosine_similarity
    Introduced in notebook 1.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"The vectors have {a.shape[-1]} and {b.shape[-1]} dimensions; only vectors of one "
            "encoder can be compared."
        )
    return unit_length(a) @ unit_length(b).T


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Divide each vector by its length, so that a dot product is a cosine.

    Raises:
        ValueError: a vector is all zeros or holds a value that is not a finite number.

    Introduced in notebook 1.
    """
    vectors = np.asarray(vectors)
    if not np.isfinite(vectors).all():
        raise ValueError("A vector holds NaN or infinity; encode its file again.")
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if (lengths == 0).any():
        raise ValueError("A vector is all zeros; it has no direction, so no cosine.")
    return vectors / lengths


def top_k(query: np.ndarray, vectors: np.ndarray, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return the k vectors most similar to the query, best first.

    Args:
        query: shape (d,).
        vectors: the collection, shape (n, d).
        k: how many to return; with k larger than n, all n are returned.

    Returns:
        Their positions in `vectors` (integers) and their cosines, both of shape (k,). Equal
        cosines keep the collection's order.

    Raises:
        ValueError: k is below 1, the collection is empty, or the vectors cannot be compared.

    Introduced in notebook 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least one result.")
    if len(vectors) == 0:
        raise ValueError("The collection is empty; encode some files first.")
    if np.ndim(query) != 1 or np.ndim(vectors) != 2:
        raise ValueError(
            f"The query has shape {np.shape(query)} and the collection {np.shape(vectors)}; give "
            "one vector, such as encode([path])[0], and a list of vectors."
        )
    scores = cosine_similarity(query, vectors)
    best = np.argsort(-scores, kind="stable")[:k]
    return best, scores[best]


def precision_at_k(relevant: Sequence[bool], k: int = 5) -> float:
    """Return which share of the first k results is relevant.

    Args:
        relevant: for each result, best first, whether it is what was looked for.
        k: how many of them count; with fewer results than k, those that there are.

    Source: Manning, Raghavan, Schuetze, Introduction to Information Retrieval (2008), ch. 8
    Introduced in notebook 1.
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

    Source: as `precision_at_k`. Introduced in notebook 1.
    """
    relevant = np.asarray(relevant, dtype=bool)
    if not relevant.any():
        return 0.0
    ranks = np.flatnonzero(relevant) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def mean_average_precision(rankings: Sequence[Sequence[bool]]) -> float:
    """Return the mean of `average_precision` over several queries' rankings.

    Source: as `precision_at_k`. Introduced in notebook 1.
    """
    if len(rankings) == 0:
        raise ValueError("There are no rankings to judge.")
    return float(np.mean([average_precision(ranking) for ranking in rankings]))
