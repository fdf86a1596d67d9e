"""Checks of the exercises.

Each check runs the learner's function on small cases and says in words what is not right yet. It
never raises, whatever comes back: an unsolved exercise must not stop the notebook.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import islice

import numpy as np

DONE = "All correct!"
EXERCISES = 3  # in each notebook

_solved: set[tuple[int, int]] = set()  # (notebook, exercise)


def _run(
    notebook: int,
    number: int,
    function: Callable,
    cases: Sequence[tuple],
    hints: Sequence[tuple[Callable, str]] = (),
    tolerance: float = 1e-6,
    view: Callable = lambda result: result,
) -> None:
    """Try a function on cases (arguments, what is right, the case in words) and print a verdict.

    A hint is a test, called with what came back and the arguments, and what to say if it is true.
    `view` is the part of a result that is looked at.
    """
    problems = [_problem(function, *case, hints, tolerance, view) for case in cases]
    _verdict(notebook, number, list(filter(None, problems)))


def _verdict(notebook: int, number: int, problems: list[str]) -> None:
    if not problems:
        _solved.add((notebook, number))
        done = sum(each[0] == notebook for each in _solved)
        print(f"Exercise {number}: {DONE} Solved in this notebook: {done} of {EXERCISES}.")
        return
    _solved.discard((notebook, number))
    print(f"Exercise {number}: not yet.")
    for problem in dict.fromkeys(problems):
        print(f"  - {problem}")


def _call(function: Callable, arguments: tuple) -> tuple[object, str]:
    """Return what came back, or what went wrong in words."""
    try:
        result = function(*deepcopy(arguments))
        if isinstance(result, Iterator):
            result = list(islice(result, 1000))
    except NotImplementedError:
        return None, "it is not written yet: replace the `raise NotImplementedError` line."
    except Exception as error:
        name = type(error).__name__
        if isinstance(error, TypeError) and any(isinstance(one, np.ndarray) for one in arguments):
            name += "; `math` takes one number, `np` takes arrays as well"
        try:
            return None, f"it stopped with {name}: {error}"
        except Exception:  # an error that cannot be printed
            return None, f"it stopped with {name}."
    return (
        (None, "it returned nothing; does it end with `return`?")
        if result is None
        else (result, "")
    )


def _problem(function, arguments, wanted, what, hints, tolerance, view) -> str:
    """Return what is not right about one case, in words; nothing if all is."""
    result, problem = _call(function, arguments)
    if problem:
        return problem
    try:
        texts = isinstance(wanted, list) and isinstance(wanted[0], str)
        found = list(view(result)) if texts else np.asarray(view(result), dtype=float)
        right = wanted if texts else np.asarray(wanted, dtype=float)
        same = found == right if texts else np.shape(found) == np.shape(right)
        if same and (texts or np.allclose(found, right, atol=tolerance, rtol=0)):
            return ""
        words = next((f" {hint}" for test, hint in hints if _true(test, found, arguments)), "")
        shown = found if texts else found.round(3).tolist()
        return f"{what} gave {str(shown)[:200]}, but {_short(wanted)} is right.{words}"
    except Exception:
        kind = type(result).__name__
        return f"{what} gave a {kind} that cannot be compared; {_short(wanted)} is right."


def _true(test: Callable, found, arguments: tuple) -> bool:
    try:
        with np.errstate(all="ignore"):
            return bool(np.all(test(found, *arguments)))
    except Exception:  # a test of a shape that did not come back
        return False


def _short(wanted) -> str:
    return str(wanted if isinstance(wanted, list) else np.round(wanted, 3).tolist())


def check_cosine(function: Callable) -> None:
    """Check `cosine(a, b)` of two vectors of shape (d,). Used in notebook 1."""
    pairs = [
        ([3.0, 4.0], [3.0, 4.0], 1.0, "a vector with itself"),
        ([1.0, 0.0], [0.0, 5.0], 0.0, "two vectors at a right angle"),
        ([1.0, 2.0], [-2.0, -4.0], -1.0, "opposite vectors"),
        ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0], 1.0, "a vector with ten times itself"),
        ([1.0, 1.0], [1.0, 0.0], math.sqrt(0.5), "two vectors at 45 degrees"),
    ]
    cases = [((np.array(a), np.array(b)), wanted, what) for a, b, wanted, what in pairs]
    hint = "That is the dot product: divide it by both lengths."
    _run(1, 1, function, cases, [(lambda x, a, b: np.isclose(x, a @ b), hint)])


def check_top_k(function: Callable) -> None:
    """Check `top_k(query, vectors, k)`, which returns positions, best first. Used in notebook 1."""
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]])
    asked = (([1.0, 0.0], 2, [0, 3]), ([0.0, 1.0], 3, [1, 2, 3]), ([0.6, 0.8], 1, [2]))
    cases = [
        ((np.array(query), vectors, k), best, f"the best {k} for the query {query}")
        for query, k, best in asked
    ]
    worst_first = "The worst matches come first; np.argsort sorts from low to high."
    hints = [
        (lambda x, query, all_of, k: x == np.argsort(all_of @ query)[:k], worst_first),
        (lambda x, query, all_of, k: x.size != k, "k says how many positions to return."),
    ]
    _run(1, 2, function, cases, hints)


def check_precision(function: Callable) -> None:
    """Check `precision(found_labels, wanted_label, k)`. Used in notebook 1."""
    mixed = ["pen", "pen", "cup", "pen", "cup"]
    cases = [
        ((mixed, "pen", 5), 0.6, f"{mixed} with k=5"),
        ((mixed, "pen", 2), 1.0, f"{mixed} with k=2"),
        ((["cup", "cup", "cup"], "pen", 3), 0.0, "three cups, when pens were wanted,"),
    ]
    share = "Only the first k results count."
    hints = [
        (
            lambda x, found, label, k: x == found[:k].count(label),
            "That is a count: divide it by k.",
        ),
        (lambda x, found, label, k: np.isclose(x, found.count(label) / len(found)), share),
    ]
    _run(1, 3, function, cases, hints)


def check_moments(function: Callable) -> None:
    """Check `moments(seconds, count)`, the middles of equal parts. Used in notebook 2."""
    asked = ((3.0, 3, [0.5, 1.5, 2.5]), (10.0, 2, [2.5, 7.5]), (4.0, 1, [2.0]))
    cases = [((s, n), wanted, f"{s:g} s and {n} moments") for s, n, wanted in asked]
    edge = "The first part's beginning is its edge; its middle is half a part later."
    counted = "That counts parts; a part lasts seconds / count."
    hints = [
        (lambda x, seconds, count: x.size != count, "That is another number of moments."),
        (lambda x, seconds, count: np.isclose(x[0], 0), edge),
        (lambda x, seconds, count: np.allclose(x, np.arange(count) + 0.5), counted),
    ]
    _run(2, 1, function, cases, hints)


def check_clip(function: Callable) -> None:
    """Check `clip(frames, mean, deviation)` on BGR frames (t, h, w, 3). Used in notebook 2."""
    frames = np.zeros((4, 2, 3, 3), dtype=np.uint8)
    frames[..., 0], frames[..., 2] = 51, 255  # blue 0.2, green 0, red 1
    mean, deviation = np.array([0.5, 0.4, 0.3]), np.array([0.5, 0.25, 0.1])

    def first_pixel(result):  # or the sizes of a clip that has others
        clip = np.asarray(result, dtype=float)
        return clip[:, 0, 0, 0] if clip.shape == (3, 4, 2, 3) else np.array(clip.shape)

    sizes = "These are sizes: colours come first, then time, height and width: 3, 4, 2, 3."
    swapped = "Red and blue are swapped: OpenCV's frames have blue first."
    hints = [
        (lambda x, *_: x.size != 3, sizes),
        (lambda x, *_: np.isclose(x, (np.array([0.2, 0, 1]) - mean) / deviation), swapped),
        (lambda x, *_: np.abs(x).max() > 20, "The numbers are too large; divide by 255 first."),
    ]
    cases = [
        ((frames, mean, deviation), np.array([1.0, -1.6, -1.0]), "red, green, blue of a pixel")
    ]
    _run(2, 2, function, cases, hints, view=first_pixel)


def check_movement(function: Callable) -> None:
    """Check `movement(vectors)`: 1 - the mean cosine of neighbours in time. Used in notebook 2."""
    angles = np.radians([0, 60, 120, 120])
    turning = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cases = [
        ((np.ones((5, 3)) / np.sqrt(3),), 0.0, "a film that stands still"),
        ((turning,), 1 / 3, "a film with cosines 0.5, 0.5 and 1 between neighbours"),
    ]
    mean = "That is the mean cosine: subtract it from 1."
    hints = [
        (lambda x, v: np.isclose(x, (v[1:] * v[:-1]).sum(axis=1).mean()), mean),
        (lambda x, v: np.isclose(x, 1 - (v @ v.T).mean()), "Only neighbours in time count."),
    ]
    _run(2, 3, function, cases, hints)


def check_mel(function: Callable) -> None:
    """Check `mel(hertz)` of a number and of an array. Used in notebook 3."""
    cases = [
        ((hertz,), 2595 * np.log10(1 + hertz / 700), f"{hertz:.0f} Hz") for hertz in (0.0, 4e3)
    ]
    both = np.array([0.0, 700.0])
    cases.append(((both,), 2595 * np.log10(1 + both / 700), "an array of 0 and 700 Hz"))
    natural = "That is the natural logarithm; use np.log10."
    hints = [(lambda x, hertz: np.isclose(x, 2595 * np.log1p(hertz / 700)), natural)]
    _run(3, 1, function, cases, hints, tolerance=0.01)


def check_collapse(function: Callable) -> None:
    """Check `embedding(spectrogram)`: normalise, average over time, unit length. Notebook 3."""
    spectrogram = np.array([[4.0, 2.0, 6.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0], [9.0, 7.0, 8.0]])
    mean = ((spectrogram - spectrogram.mean()) / spectrogram.std()).mean(axis=1)
    raw = spectrogram.mean(axis=1) / np.linalg.norm(spectrogram.mean(axis=1))
    normalise = "It is not normalised: subtract the mean, divide by the standard deviation."
    hints = [
        (lambda x, _: x.shape == (3,), "That is one number a frame; average over time: axis=1."),
        (lambda x, _: x.shape != (4,), "Four bands should give four numbers."),
        (lambda x, _: np.isclose(x, mean), "The length is not 1; divide by np.linalg.norm."),
        (lambda x, _: np.isclose(x, raw), normalise),
    ]
    cases = [((spectrogram,), mean / np.linalg.norm(mean), "a spectrogram of four bands")]
    _run(3, 2, function, cases, hints)


def check_pitch(function: Callable) -> None:
    """Check `pitch(frame, rate)` on tones with overtones. Used in notebook 3."""
    cases = []
    for rate, hertz in ((16000, 120.0), (16000, 210.0), (8000, 95.0)):
        time = np.arange(1024) / rate
        frame = sum(np.sin(2 * np.pi * part * hertz * time) for part in (1, 2, 3))
        cases.append(((frame * np.hanning(1024), rate), hertz, f"a tone of {hertz:.0f} Hz"))
    hints = [
        (lambda x, _, rate: x > 400, "A shift of almost 0 always fits; begin at rate // 400."),
        (
            lambda x, _, rate: abs(rate / x - x) > 3,
            "Is it a shift in samples? Divide the rate by it.",
        ),
    ]
    _run(3, 3, function, cases, hints, tolerance=4.0)


def check_percentile(function: Callable) -> None:
    """Check `percentile(score, scores)`, 0 to 100. Used in notebook 4."""
    scores = np.array([0.2, 0.5, 0.1, 0.4, 0.3, 0.8, 0.6, 0.7])
    asked = ((0.55, 62.5), (0.0, 0.0), (0.9, 100.0), (0.15, 12.5))
    cases = [((x, scores), wanted, f"{x} among {len(scores)} scores") for x, wanted in asked]
    above = "That counts the scores above; count those below."
    hints = [
        (lambda x, s, all_of: np.isclose(x, (all_of < s).mean()), "Times 100 it is a percentage."),
        (lambda x, s, all_of: np.isclose(x, 100 * (all_of > s).mean()), above),
    ]
    _run(4, 1, function, cases, hints)


def check_fusion(function: Callable) -> None:
    """Check `fuse(rankings, k)`, which merges rankings by reciprocal ranks. Used in notebook 4."""
    asked = (
        ([["a", "b", "c"]], ["a", "b", "c"], "a single ranking"),
        (
            [["a", "b", "c"], ["b", "c", "d"]],
            ["b", "c", "a", "d"],
            "two rankings, b and c in both,",
        ),
        ([["x", "y"], ["y", "x"], ["y"]], ["y", "x"], "three rankings of different lengths"),
    )
    cases = [((rankings, 60), wanted, f"{what} {rankings}") for rankings, wanted, what in asked]
    right = {str(arguments[0]): wanted for arguments, wanted, _ in cases}
    missing = "Every id of every ranking comes back once."
    hints = [
        (lambda x, r, k: sorted(x) != sorted(right[str(r)]), missing),
        (lambda x, r, k: x == right[str(r)][::-1], "The worst come first; sort with reverse=True."),
        (lambda x, r, k: len(r) > 1, "What is found by several rankings comes first."),
    ]
    _run(4, 2, function, cases, hints)


def check_key(function: Callable) -> None:
    """Check `key(content, fingerprint)`, what a cache keeps a vector under. Used in notebook 4."""
    problems, keys = [], {}
    cases = [(b"picture", "resnet"), (b"picture", "r3d"), (b"film", "resnet"), (b"", "resnet")]
    for case in [*cases, (b"ab", "c"), (b"a", "bc"), (b"\xff\xfe", "resnet")]:
        (result, problem), (again, _) = _call(function, case), _call(function, case)
        if problem:
            problems.append(problem)
        elif type(result) is not str:
            problems.append(f"a {type(result).__name__} came back; return a text.")
        elif type(again) is not str or result != again:
            problems.append("the same content and encoder gave two different keys.")
        elif keys.setdefault(result, case) != case:
            problems.append(f"{case} and {keys[result]} have the same key.")
    _verdict(4, 3, problems)
