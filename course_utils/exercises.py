"""Checks of the exercises.

Each check runs the learner's function on small cases and says in words what is not right yet. It
never raises: an unsolved exercise must not stop the notebook.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

DONE = "All correct!"
EXERCISES = {1: 4, 2: 3, 3: 4, 4: 4}  # notebook: how many have a check

_solved: set[tuple[int, int]] = set()  # (notebook, exercise)


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


def _verdict(notebook: int, number: int, problems: list[str]) -> None:
    name = f"Exercise {number}"
    if not problems:
        _solved.add((notebook, number))
        done = sum(each[0] == notebook for each in _solved)
        print(f"{name}: {DONE} Solved in this notebook: {done} of {EXERCISES[notebook]}.")
        return
    _solved.discard((notebook, number))
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
    _verdict(1, 1, problems)


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
    _verdict(1, 2, problems)


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
    _verdict(1, 3, problems)


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
    _verdict(1, 4, problems)


def check_mel(function: Callable) -> None:
    """Check a function `mel(hertz)`. Used in notebook 3."""
    problems = []
    for hertz, wanted in ((0.0, 0.0), (700.0, 781.170), (4000.0, 2146.065)):
        result, problem = _try(function, hertz)
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), wanted, abs_tol=0.01):
            hint = ""
            if math.isclose(_number(result), 2595 * math.log1p(hertz / 700), abs_tol=0.01):
                hint = " That is the natural logarithm; use np.log10."
            problems.append(f"{hertz:.0f} Hz gave {result}, but {wanted:.2f} is right.{hint}")
    result, problem = _try(function, np.array([0.0, 700.0]))
    if not problem and np.shape(result) != (2,):
        problem = "an array of two frequencies must give two numbers; use np.log10, not math."
    _verdict(3, 1, problems + ([problem] if problem else []))


def check_audible(function: Callable) -> None:
    """Check `audible(power, below)`: which frames can be heard. Used in notebook 3."""
    power = np.array([[1.0, 5e-4, 2e-4, 0.0, 0.05], [0.0, 0.0, 2e-4, 0.0, 0.05]])
    problems = []
    for scale, below, wanted in (
        (1.0, 35, [True, True, True, False, True]),
        (1.0, 20, [True, False, False, False, True]),
        (1e-4, 35, [True, True, True, False, True]),
    ):
        result, problem = _try(function, scale * power, below)
        if problem:
            problems.append(problem)
            continue
        found = np.asarray(result).astype(bool).ravel().tolist()
        if found == wanted:
            continue
        if len(found) != power.shape[1]:
            problems.append("give one True or False for each frame: sum over the bands, axis=0.")
        elif scale != 1.0:
            problems.append("a quiet copy gave another answer; compare with the loudest frame.")
        elif found == (power.sum(axis=0) >= 10 ** (-below / 20)).tolist():
            problems.append("for power it is 10 ** (-below / 10); 20 is for pressure.")
        else:
            problems.append(f"below={below}: {wanted} is right, not {found}.")
    _verdict(3, 2, problems)


def check_collapse(function: Callable) -> None:
    """Check `embedding(spectrogram)`: normalise, average over time, unit length. Notebook 3."""
    spectrogram = np.array([[4.0, 2.0, 6.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0], [9.0, 7.0, 8.0]])
    values = (spectrogram - spectrogram.mean()) / spectrogram.std()
    wanted = values.mean(axis=1) / np.linalg.norm(values.mean(axis=1))
    raw = spectrogram.mean(axis=1) / np.linalg.norm(spectrogram.mean(axis=1))
    result, problem = _try(function, spectrogram)
    problems = [problem] if problem else []
    if not problem:
        found = np.asarray(result)
        if found.shape == (3,):
            problems.append("three numbers came back, one a frame; average over time: axis=1.")
        elif found.shape != (4,):
            problems.append(f"the shape is {found.shape}; four bands should give four numbers.")
        elif np.allclose(found, values.mean(axis=1)):
            problems.append("the length is not 1; divide by np.linalg.norm.")
        elif np.allclose(found, raw):
            problems.append("it is not normalised; subtract the mean and divide by the deviation.")
        elif not np.allclose(found, wanted, atol=1e-6):
            problems.append(f"{wanted.round(2).tolist()} is right, not {found.round(2).tolist()}.")
    _verdict(3, 3, problems)


def check_pitch(function: Callable) -> None:
    """Check `pitch(frame, rate)` on tones with overtones. Used in notebook 3."""
    problems = []
    for rate, hertz in ((16000, 120.0), (16000, 210.0), (8000, 95.0)):
        time = np.arange(1024) / rate
        frame = sum(np.sin(2 * np.pi * part * hertz * time) for part in (1, 2, 3))
        result, problem = _try(function, frame * np.hanning(1024), rate)
        if problem:
            problems.append(problem)
        elif not abs(_number(result) - hertz) < 0.04 * hertz:
            hint = ""
            if abs(_number(result) - rate / hertz) < 5:
                hint = " That is a shift in samples; the pitch is the rate divided by it."
            elif _number(result) > 400:
                hint = " A shift of almost 0 always fits; begin at rate // 400."
            problems.append(f"a tone of {hertz:.0f} Hz gave {result}.{hint}")
    _verdict(3, 4, problems)


def check_moments(function: Callable) -> None:
    """Check `moments(seconds, count)`, the middles of equal parts. Used in notebook 2."""
    problems = []
    for seconds, count, wanted in ((3.0, 3, [0.5, 1.5, 2.5]), (10.0, 2, [2.5, 7.5]), (4, 1, [2])):
        result, problem = _try(function, seconds, count)
        if problem:
            problems.append(problem)
            continue
        found = np.atleast_1d(np.asarray(result, dtype=float))
        hint = ""
        if found.shape != (count,):
            hint = f" There are {found.size} moments, not {count}."
        elif np.allclose(found, wanted):
            continue
        elif np.isclose(found[0], 0):
            hint = " The first part's beginning is its edge; its middle is half a part later."
        elif np.allclose(found, np.array(wanted) * count / seconds):
            hint = " That counts parts; a part lasts seconds / count."
        problems.append(
            f"{seconds:g} s and {count} moments gave {found.round(2).tolist()}, but "
            f"{wanted} is right.{hint}"
        )
    _verdict(2, 1, problems)


def check_clip(function: Callable) -> None:
    """Check `clip(frames, mean, deviation)` on BGR frames (t, h, w, 3). Used in notebook 2."""
    frames = np.zeros((4, 2, 3, 3), dtype=np.uint8)
    frames[..., 0], frames[..., 2] = 51, 255  # blue 0.2, green 0, red 1
    mean, deviation = np.array([0.5, 0.4, 0.3]), np.array([0.5, 0.25, 0.1])
    wanted = {"red": 1.0, "green": -1.6, "blue": -1.0}
    result, problem = _try(function, frames.copy(), mean, deviation)
    problems = [problem] if problem else []
    if not problem:
        found = np.asarray(result, dtype=float)
        if found.shape != (3, 4, 2, 3):
            problems.append(
                f"the shape is {found.shape}; colours first, then time, height and width: "
                "(3, 4, 2, 3)."
            )
        else:
            first = found[:, 0, 0, 0]
            if np.allclose(first, (np.array([0.2, 0, 1]) - mean) / deviation):
                problems.append("red and blue are swapped: OpenCV's frames have blue first.")
            elif np.abs(found).max() > 20:
                problems.append("the numbers are too large; divide by 255 first.")
            else:
                for (name, value), got in zip(wanted.items(), first, strict=True):
                    if not math.isclose(got, value, abs_tol=1e-6):
                        problems.append(f"{name} became {got:.2f}, but {value:.2f} is right.")
    _verdict(2, 2, problems)


def check_movement(function: Callable) -> None:
    """Check `movement(vectors)`: 1 - the mean cosine of neighbours in time. Notebook 2."""
    angles = np.radians([0, 60, 120, 120])
    turning = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    problems = []
    for vectors, wanted, what in (
        (np.ones((5, 3)) / np.sqrt(3), 0.0, "a film that stands still"),
        (turning, 1 / 3, "a film with cosines 0.5, 0.5 and 1 between neighbours"),
    ):
        result, problem = _try(function, vectors)
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), wanted, abs_tol=1e-6):
            hint = ""
            if math.isclose(_number(result), 1 - wanted, abs_tol=1e-6):
                hint = " That is the mean cosine: subtract it from 1."
            elif math.isclose(_number(result), 1 - float((vectors @ vectors.T).mean())):
                hint = " Only neighbours in time count, not all pairs."
            problems.append(f"{what} gave {result}, but {wanted:.2f} is right.{hint}")
    _verdict(2, 3, problems)


def check_fusion(function: Callable) -> None:
    """Check `fuse(rankings, k)`, which merges rankings by reciprocal ranks. Used in notebook 4."""
    problems = []
    for rankings, wanted, what in (
        ([["a", "b", "c"]], ["a", "b", "c"], "a single ranking stays as it is"),
        ([["a", "b", "c"], ["b", "c", "d"]], ["b", "c", "a", "d"], "found by both comes first"),
        ([["x", "y"], ["y", "x"], ["y"]], ["y", "x"], "three rankings of different lengths"),
    ):
        result, problem = _try(function, [list(ranking) for ranking in rankings], 60)
        if problem:
            problems.append(problem)
            continue
        try:
            found = list(result)
        except TypeError:
            problems.append("return a list of ids, best first.")
            continue
        if found == wanted:
            continue
        if found == wanted[::-1]:
            problems.append("the worst come first; sort with reverse=True.")
        elif set(found) != set(wanted):
            problems.append(f"{rankings} holds {sorted(set(wanted))}, but {found} came back.")
        else:
            problems.append(f"{what}: {rankings} should become {wanted}, not {found}.")
    _verdict(4, 1, problems)


def check_percentile(function: Callable) -> None:
    """Check `percentile(score, scores)`, 0 to 100. Used in notebook 4."""
    scores, problems = np.array([0.2, 0.5, 0.1, 0.4, 0.3, 0.8, 0.6, 0.7]), []
    for score, wanted in ((0.55, 62.5), (0.0, 0.0), (0.9, 100.0), (0.15, 12.5)):
        result, problem = _try(function, score, scores)
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), wanted, abs_tol=1e-6):
            hint = ""
            if math.isclose(_number(result), wanted / 100, abs_tol=1e-9):
                hint = " That is a share: times 100 it is a percentage."
            elif math.isclose(_number(result), 100 - wanted, abs_tol=1e-6):
                hint = " That counts the scores above; count those below."
            problems.append(f"{score} among {len(scores)} gave {result}, not {wanted}.{hint}")
    _verdict(4, 2, problems)


def check_recall(function: Callable) -> None:
    """Check `recall(found, true)` of two lists of ids. Used in notebook 4."""
    problems = []
    for found, true, wanted, what in (
        ([1, 2, 3], [1, 2, 3], 1.0, "everything found"),
        ([3, 1, 2], [1, 2, 3], 1.0, "everything found, in another order"),
        ([1, 9, 8, 7], [1, 2], 0.5, "one of two found, among four"),
        ([7, 8], [1, 2, 3], 0.0, "nothing found"),
    ):
        result, problem = _try(function, found, true)
        if problem:
            problems.append(problem)
        elif not math.isclose(_number(result), wanted, abs_tol=1e-9):
            hint = ""
            if math.isclose(_number(result), len(set(found) & set(true)) / len(found)):
                hint = " That is precision: divide by how many *true* ones there are."
            problems.append(f"{what} gave {result}, but {wanted} is right.{hint}")
    _verdict(4, 3, problems)


def check_key(function: Callable) -> None:
    """Check `key(content, fingerprint)`, what a cache keeps a vector under. Used in notebook 4."""
    problems, keys = [], {}
    cases = ((b"picture", "resnet"), (b"picture", "r3d"), (b"film", "resnet"), (b"", "resnet"),
             (b"ab", "c"), (b"a", "bc"), (b"\xff\xfe", "resnet"))  # fmt: skip
    for content, fingerprint in cases:
        result, problem = _try(function, content, fingerprint)
        again, _ = _try(function, content, fingerprint)
        if problem:
            problems.append(problem)
        elif not isinstance(result, str):
            problems.append(f"a {type(result).__name__} came back; return a text.")
        elif result != again:
            problems.append("the same content and encoder gave two different keys.")
        elif result in keys:
            other = keys[result]
            problems.append(f"{(content, fingerprint)} and {other} have the same key.")
        else:
            keys[result] = (content, fingerprint)
    _verdict(4, 4, problems)
