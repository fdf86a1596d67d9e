"""Checks of the exercises.

Each check runs the learner's function on small cases and says in words what is not right yet. It
never raises, whatever comes back: an unsolved exercise must not stop the notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import islice

import numpy as np

DONE = "All correct!"
EXERCISES = 3  # in each notebook

_solved: set[tuple[int, int]] = set()  # (notebook, exercise)


def _check(
    notebook: int, number: int, cases: Sequence, mistakes: dict[str, Callable], near: float = 1e-6
) -> Callable[[Callable], None]:
    """Return a check that tries a function on cases and prints a verdict.

    A case is (arguments, what is right), and in words what it is where the arguments are long. A
    mistake is what to say, and what it gives instead of what is right, from that and the arguments.
    """

    def check(function: Callable) -> None:
        found = [_problem(function, mistakes, near, *case) for case in cases]
        _verdict(notebook, number, [problem for problem in found if problem])

    return check


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
        with suppress(Exception):  # an error may refuse to be printed
            name += f": {error}"
        return None, f"it stopped with {name}."
    return result, "it returned nothing; does it end with `return`?" if result is None else ""


def _problem(function, mistakes, near, arguments, right, what="") -> str:
    """Return what is not right about one case, in words; nothing if all is."""
    result, problem = _call(function, arguments)
    if problem:
        return problem
    texts = isinstance(right, list) and isinstance(right[0], str)
    what, hint = what or ", ".join(map(_short, arguments)), ""
    try:
        found = list(result) if texts else np.asarray(result, dtype=float)
        if _same(found, right, near):
            return ""
        if texts and sorted(found) != sorted(right):
            hint = " Every id of every ranking comes back once."
        elif not texts and found.shape != np.shape(right):
            hint = f" The shape is {found.shape}; {np.shape(right)} is right."
        for words, mistake in mistakes.items():
            if not hint and _same(found, mistake(right, *arguments), near):
                hint = f" {words}"
        return f"{what} gave {_short(found)}, but {_short(right)} is right.{hint}"
    except Exception:
        kind = type(result).__name__
        return f"{what} gave a {kind} that cannot be compared; {_short(right)} is right."


def _same(found, right, near: float) -> bool:
    if isinstance(found, list):
        return bool(found == right)
    same = found.shape == np.shape(right)
    return same and np.allclose(found, right, atol=near, rtol=0)


def _short(value) -> str:
    number = isinstance(value, (float, np.ndarray))
    return str(np.round(value, 3).tolist() if number else value)[:200]


# cosine(a, b) of two vectors of shape (d,)
PAIRS = ([3, 4], [3, 4], 1), ([1, 0], [0, 5], 0), ([1, 2], [-2, -4], -1), ([1, 1], [1, 0], 0.5**0.5)
check_cosine = _check(
    1, 1, [((np.array(a, float), np.array(b, float)), cosine) for a, b, cosine in PAIRS],
    {"That is the dot product: divide it by both lengths.": lambda right, a, b: a @ b},
)  # fmt: skip

# top_k(query, vectors, k), which returns positions, best first
ITEMS = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]])
ASKED = ([1.0, 0.0], 2, [0, 3]), ([0.0, 1.0], 3, [1, 2, 3]), ([0.6, 0.8], 1, [2])
check_top_k = _check(
    1, 2, [((np.array(query), ITEMS, k), best) for query, k, best in ASKED],
    {"The worst matches come first; np.argsort sorts from low to high.":
     lambda right, query, items, k: np.argsort(items @ query)[:k]},
)  # fmt: skip

# precision(found_labels, wanted_label, k)
MIXED = ["pen", "pen", "cup", "pen", "cup"]
check_precision = _check(
    1, 3, [((MIXED, "pen", 5), 0.6), ((MIXED, "pen", 2), 1.0), ((["cup"] * 3, "pen", 3), 0.0)],
    {"That is a count: divide it by k.": lambda right, found, label, k: k * right,
     "Only the first k count.": lambda right, found, label, k: found.count(label) / len(found)},
)  # fmt: skip

# moments(seconds, count), the middles of equal parts
check_moments = _check(
    2, 1, [((3.0, 3), [0.5, 1.5, 2.5]), ((10.0, 2), [2.5, 7.5]), ((4.0, 1), [2.0])],
    {"The first part's beginning is its edge; its middle is half a part later.":
     lambda right, seconds, count: np.arange(count) * seconds / count,
     "That counts parts; a part lasts seconds / count.":
     lambda right, seconds, count: np.arange(count) + 0.5},
)  # fmt: skip

# clip(frames, mean, deviation) on BGR frames (t, h, w, 3); here blue is 0.2, green 0, red 1
FRAMES = np.full((4, 2, 3, 3), [51, 0, 255], dtype=np.uint8)
SCALES = np.array([0.5, 0.4, 0.3]), np.array([0.5, 0.25, 0.1])
CLIP = np.full((4, 2, 3, 3), [1.0, -1.6, -1.0]).transpose(3, 0, 1, 2)
check_clip = _check(
    2, 2, [((FRAMES, *SCALES), CLIP, "a clip, colours x time x height x width,")],
    {"Red and blue are swapped: OpenCV's frames have blue first.":
     lambda right, frames, mean, by: ((frames / 255 - mean) / by).transpose(3, 0, 1, 2),
     "The numbers are too large; divide by 255 first.":
     lambda right, frames, mean, by: ((frames[..., ::-1] - mean) / by).transpose(3, 0, 1, 2)},
)  # fmt: skip

# movement(vectors): 1 - the mean cosine of neighbours in time
TURNING = np.array([[1.0, 0.0], [0.5, 0.75**0.5], [-0.5, 0.75**0.5], [-0.5, 0.75**0.5]])
check_movement = _check(
    2, 3, [((np.eye(3)[[0] * 5],), 0.0, "a film that stands still"), ((TURNING,), 1 / 3)],
    {"That is the mean cosine: subtract it from 1.": lambda right, vectors: 1 - right,
     "Only neighbours in time count.": lambda right, vectors: 1 - (vectors @ vectors.T).mean()},
)  # fmt: skip

# mel(hertz) of a number and of an array
HERTZ = 0.0, 4e3, np.array([0.0, 700.0])
check_mel = _check(
    3, 1, [((hertz,), 2595 * np.log10(1 + hertz / 700)) for hertz in HERTZ],
    {"That is the natural logarithm; use np.log10.":
     lambda right, hertz: 2595 * np.log1p(hertz / 700)}, near=0.01,
)  # fmt: skip

# embedding(spectrogram): normalise, average over time, unit length
SOUND = np.array([[4.0, 2.0, 6.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0], [9.0, 7.0, 8.0]])
MEANS = ((SOUND - SOUND.mean()) / SOUND.std()).mean(axis=1)
check_collapse = _check(
    3, 2, [((SOUND,), MEANS / np.linalg.norm(MEANS))],
    {"The length is not 1; divide by np.linalg.norm.": lambda right, sound: MEANS,
     "It is not normalised: subtract the mean, divide by the standard deviation.":
     lambda right, sound: sound.mean(axis=1) / np.linalg.norm(sound.mean(axis=1))},
)  # fmt: skip

# pitch(frame, rate) on 1024 samples of tones with two overtones
TONES = (16000, 120.0), (16000, 210.0), (8000, 95.0)
WAVES = [2 * np.pi * np.outer((1, 2, 3), np.arange(1024)) * hertz / rate for rate, hertz in TONES]
check_pitch = _check(
    3, 3, [((np.sin(wave).sum(axis=0) * np.hanning(1024), rate), hertz, f"a tone of {hertz:.0f} Hz")
           for wave, (rate, hertz) in zip(WAVES, TONES, strict=True)],
    {"A shift of almost 0 always fits; begin at rate // 400.": lambda right, frame, rate: rate,
     "That is a shift in samples. Divide the rate by it.":
     lambda right, frame, rate: rate / right}, near=4.0,
)  # fmt: skip

# percentile(score, scores), 0 to 100
SCORES = np.array([0.2, 0.5, 0.1, 0.4, 0.3, 0.8, 0.6, 0.7])
check_percentile = _check(
    4, 1, [((x, SCORES), p) for x, p in ((0.55, 62.5), (0.0, 0.0), (0.9, 100.0), (0.15, 12.5))],
    {"Times 100 it is a percentage.": lambda right, score, scores: right / 100,
     "That counts the scores above; count those below.":
     lambda right, score, scores: 100 - right},
)  # fmt: skip

# fuse(rankings, k), which merges rankings by reciprocal ranks
FUSED = [(["abc"], "abc"), (["abc", "bcd"], "bcad"), (["xy", "yx", "y"], "yx")]
check_fusion = _check(
    4, 2, [((list(map(list, rankings)), 60), list(best)) for rankings, best in FUSED],
    {"The worst come first; sort with reverse=True.": lambda right, rankings, k: right[::-1],
     "What is found by several rankings comes first.":
     lambda right, rankings, k: list(dict.fromkeys(sum(rankings, [])))},
)  # fmt: skip


def check_key(function: Callable) -> None:
    """Check `key(content, fingerprint)`, what a cache keeps a vector under."""
    problems, keys = [], {}
    cases = [(b"picture", "resnet"), (b"picture", "r3d"), (b"film", "resnet"), (b"", "resnet")]
    for case in [*cases, (b"ab", "c"), (b"a", "bc"), (b"\xff\xfe", "resnet")]:
        result, problem = _call(function, case)
        again, _ = _call(function, case)
        if problem:
            problems.append(problem)
        elif type(result) is not str:
            problems.append(f"a {type(result).__name__} came back; return a text.")
        elif type(again) is not str or result != again:
            problems.append("the same content and encoder gave two different keys.")
        elif keys.setdefault(result, case) != case:
            problems.append(f"{case} and {keys[result]} have the same key.")
    _verdict(4, 3, problems)
