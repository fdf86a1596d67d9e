"""The whole of search: compare by cosine, rank, return the top N.

Everything up to `rocchio` is built step by step in notebook 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

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
        ValueError: the dimensions differ, or as `unit_length`.

    Source: https://en.wikipedia.org/wiki/Cosine_similarity
    Introduced in notebook 1.
    """
    (a, lengths_a), (b, lengths_b) = _with_lengths(a), _with_lengths(b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"The vectors have {a.shape[-1]} and {b.shape[-1]} dimensions; only vectors of one "
            "encoder can be compared."
        )
    return a @ b.T / np.multiply.outer(lengths_a, lengths_b)


def best_cosines(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Return the cosine of each item with each other, shape (n, m); items may have several vectors.

    Two items, arrays of shape (rows, d) with at least one row, are as similar as their two most
    similar vectors: a picture and a video, say, as the picture and that key frame most like it.
    """
    if not all(map(len, [first, second, *first, *second])):
        raise ValueError("There are no items, or one has no vector, so there is no cosine.")
    scores = cosine_similarity(np.concatenate(first), np.concatenate(second))
    for axis, arrays in enumerate((first, second)):
        starts = np.cumsum([0, *map(len, arrays[:-1])])
        scores = np.maximum.reduceat(scores, starts, axis=axis)
    return scores


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Divide each vector by its length, so that a dot product is a cosine.

    Raises:
        ValueError: a vector is all zeros or holds a value that is not a finite number.

    Introduced in notebook 1.
    """
    vectors, lengths = _with_lengths(vectors)
    return vectors / lengths[..., None]


def _with_lengths(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors as floating-point numbers, and the length of each."""
    vectors = np.asarray(vectors)
    vectors = vectors.astype(np.result_type(vectors, np.float32), copy=False)
    lengths = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))
    if not np.isfinite(lengths).all():
        raise ValueError("A vector holds NaN or infinity; encode its file again.")
    if (lengths == 0).any():
        raise ValueError("A vector is all zeros; it has no direction, so no cosine.")
    return vectors, lengths


def top_k(query: np.ndarray, vectors: np.ndarray, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return the k vectors most similar to the query, best first.

    Args:
        query: shape (d,).
        vectors: the collection, shape (n, d), n at least 1.
        k: how many to return, at least 1; with k larger than n, all n are returned.

    Returns:
        Their positions in `vectors` (integers) and their cosines, both of shape (k,). Equal
        cosines keep the collection's order.

    Introduced in notebook 1.
    """
    if k < 1 or np.ndim(query) != 1 or np.ndim(vectors) != 2 or not len(vectors):
        raise ValueError(
            f"k is {k}, the query has shape {np.shape(query)} and the collection "
            f"{np.shape(vectors)}; ask for at least one result, and give one vector, such as "
            "encode([path])[0], and a list of vectors."
        )
    scores = cosine_similarity(query, vectors)
    last = min(k, len(scores)) - 1  # to sort everything takes long: only what reaches the k-th
    reach = np.flatnonzero(scores >= -np.partition(-scores, last)[last])
    best = reach[np.argsort(-scores[reach], kind="stable")][:k]
    return best, scores[best]


def rocchio(query: np.ndarray, liked: np.ndarray = (), disliked: np.ndarray = ()) -> np.ndarray:
    """Move a query towards what was liked and away from what was disliked.

    The new query is the old one, plus 0.75 times the mean of the liked, minus 0.15 times the mean
    of the disliked; these weights are the book's. What is liked counts more: it says where to go,
    and dislikes only say where not to. Together they weigh less than the query: none cancels it.

    Args:
        query: shape (d,).
        liked: n vectors, shape (n, d); there may be none.
        disliked: m vectors, shape (m, d); there may be none.

    Returns:
        The moved query, unit length, shape (d,).

    Source: Rocchio, Relevance Feedback in Information Retrieval (1971); Manning, Raghavan,
    Schuetze, Introduction to Information Retrieval (2008), ch. 9
    Introduced in notebook 1.
    """
    moved = unit_length(query)
    for vectors, weight in ((liked, 0.75), (disliked, -0.15)):
        if len(vectors):
            if np.shape(vectors)[1:] != np.shape(query):
                raise ValueError("Give lists of vectors of one encoder; no others can be added.")
            moved = moved + weight * unit_length(vectors).mean(axis=0)
    return unit_length(moved)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[str]], k: int = 60
) -> tuple[list[str], list[float]]:
    """Merge several rankings into one, by ranks alone.

    An item gets 1 / (k + rank) from each ranking that it is in, with rank 1 for the best, and the
    sum decides. So what several rankings put high comes first, and scores that cannot be compared,
    such as cosines of different encoders, never have to be.

    Args:
        rankings: lists of ids, best first, each id once; lengths and items may differ.
        k: how little the very first ranks count more than those after them; 60 is the paper's.

    Returns:
        All ids, best first, and their sums. Items with the same sum keep the order in which they
        are first met: by rank, and at one rank by the order of the rankings.

    Source: Cormack, Clarke, Buettcher, Reciprocal Rank Fusion outperforms Condorcet and individual
    Rank Learning Methods (2009), https://doi.org/10.1145/1571941.1572114
    Introduced in notebook 4.
    """
    if k < 0 or any(len(set(ranking)) < len(ranking) for ranking in rankings):
        raise ValueError(f"k is {k}; it must not be negative, nor may a ranking have an id twice.")
    sums: Counter[str] = Counter()
    for rank, items in enumerate(zip_longest(*rankings), 1):  # by rank: equal ranks, equal sums
        for item in items:
            if item is not None:
                sums[item] += 1 / (k + rank)
    ranked = sums.most_common()  # equals keep their order
    return [item for item, _ in ranked], [total for _, total in ranked]
