"""Checks of the exercises.

Each check runs the learner's function on small cases and says in words what is not right yet. It
never raises: an unsolved exercise must not stop the notebook.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

DONE = "All correct!"


def _try(function: Callable, *arguments):
    """Return (result, "") or (None, what went wrong in words)."""
    try:
        result = function(*arguments)
    except NotImplementedError:
        return None, "it is not written yet: replace the `raise NotImplementedError` line."
    except Exception as error:
        return None, f"it stopped with {type(error).__name__}: {error}"
    if result is None:
        return None, "it returned nothing; does it end with `return`?"
    return result, ""


def _number(result) -> float:
    """Return a result as a float, or NaN if it is not one number."""
    try:
        return float(result)
    except (TypeError, ValueError):
        return math.nan


def _verdict(name: str, problems: list[str]) -> None:
    if not problems:
        print(f"{name}: {DONE}")
        return
    print(f"{name}: not yet.")
    for problem in dict.fromkeys(problems):
        print(f"  - {problem}")


def check_cosine(function: Callable) -> None:
    """Check a function `cosine(a, b)` of two vectors of shape (d,). Used in notebook 1."""
    cases = [
        ([3.0, 4.0], [3.0, 4.0], 1.0, "a vector with itself"),
        ([1.0, 0.0], [0.0, 5.0], 0.0, "two vectors at a right angle"),
        ([1.0, 2.0], [-2.0, -4.0], -1.0, "opposite vectors"),
        ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0], 1.0, "a vector with ten times itself"),
        ([1.0, 1.0], [1.0, 0.0], math.sqrt(0.5), "two vectors at 45 degrees"),
    ]
    problems = []
    for a, b, wanted, what in cases:
        result, problem = _try(function, np.array(a), np.array(b))
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), wanted, abs_tol=1e-6):
            hint = ""
            if math.isclose(_number(result), float(np.dot(a, b))):
                hint = " That is the dot product: divide it by both lengths."
            problems.append(f"{what} gave {result}, but {wanted:.3f} is right.{hint}")
    _verdict("Exercise 1", problems)


def check_top_k(function: Callable) -> None:
    """Check `top_k(query, vectors, k)`, which returns positions, best first. Notebook 1."""
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]])
    problems = []
    for query, k, wanted in (
        ([1.0, 0.0], 2, [0, 3]),
        ([0.0, 1.0], 3, [1, 2, 3]),
        ([0.6, 0.8], 1, [2]),
    ):
        result, problem = _try(function, np.array(query), vectors, k)
        if problem:
            problems.append(problem)
            continue
        found = np.asarray(result).ravel().tolist()
        if found == wanted:
            continue
        if found == np.argsort(vectors @ query)[:k].tolist():
            problems.append("the worst matches come first; np.argsort sorts from low to high.")
        elif len(found) != k:
            problems.append(f"k was {k}, but {len(found)} positions came back.")
        else:
            problems.append(f"for query {query} the best {k} are {wanted}, not {found}.")
    _verdict("Exercise 2", problems)


def check_precision(function: Callable) -> None:
    """Check `precision(found_labels, wanted_label, k)`. Used in notebook 1."""
    problems = []
    for labels, wanted, k, right in (
        (["pen", "pen", "cup", "pen", "cup"], "pen", 5, 0.6),
        (["pen", "pen", "cup", "pen", "cup"], "pen", 2, 1.0),
        (["cup", "cup", "cup"], "pen", 3, 0.0),
    ):
        result, problem = _try(function, labels, wanted, k)
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), right, abs_tol=1e-9):
            hint = ""
            if _number(result) == labels[:k].count(wanted):
                hint = " That is a count: divide it by k."
            elif math.isclose(_number(result), labels.count(wanted) / len(labels)):
                hint = " Only the first k results count."
            problems.append(f"{labels} with k={k} gave {result}, but {right} is right.{hint}")
    _verdict("Exercise 3", problems)


def check_duplicates(function: Callable) -> None:
    """Check `duplicates(vectors, threshold)`, pairs (i, j) with i < j. Used in notebook 1."""
    angles = np.radians([0, 5, 90, 94, 200])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    problems = []
    for threshold, wanted in ((0.99, {(0, 1), (2, 3)}), (0.997, {(2, 3)}), (0.9999, set())):
        result, problem = _try(function, vectors, threshold)
        if problem:
            problems.append(problem)
            continue
        try:
            found = {(int(i), int(j)) for i, j in result}
        except (TypeError, ValueError):
            problems.append("return a list of pairs, such as [(0, 1), (2, 3)].")
            continue
        if found == wanted:
            continue
        if any(i == j for i, j in found):
            problems.append("an item is always like itself: leave out pairs with i equal to j.")
        elif any(i > j for i, j in found):
            problems.append("each pair should come once, with the smaller position first.")
        else:
            problems.append(
                f"threshold {threshold}: {sorted(wanted)} is right, not {sorted(found)}."
            )
    _verdict("Exercise 4", problems)
