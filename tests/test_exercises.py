"""The checks of the exercises: mistakes are explained, and nothing that comes back stops them."""

import hashlib
import itertools
import math
import time

import numpy as np
import pytest

from course_utils import exercises
from course_utils.search import reciprocal_rank_fusion, unit_length

CHECKS = [name for name in dir(exercises) if name.startswith("check_")]

WRONG = {  # a common mistake, and words of the answer to it
    "dot product": ("cosine", lambda a, b: a @ b, "divide it by both lengths"),
    "no return": ("cosine", lambda a, b: None, "does it end with `return`"),
    "a crash": ("cosine", lambda a, b: a @ c, "NameError"),  # noqa: F821
    "worst first": ("top_k", lambda q, v, k: np.argsort(v @ q)[:k], "worst matches come first"),
    "all of them": ("top_k", lambda q, v, k: np.argsort(-(v @ q)), "The shape is"),
    "another order": ("top_k", lambda q, v, k: np.argsort(-(v @ q))[:k][::-1], "is right"),
    "a count": ("precision", lambda f, w, k: f[:k].count(w), "divide it by k"),
    "all results": ("precision", lambda f, w, k: f.count(w) / len(f), "Only the first k"),
    "the edge": ("moments", lambda s, n: np.arange(n) * s / n, "its edge"),
    "parts": ("moments", lambda s, n: np.arange(n) + 0.5, "counts parts"),
    "blue first": ("clip", lambda f, m, d: np.moveaxis((f / 255 - m) / d, 3, 0), "swapped"),
    "time first": ("clip", lambda f, m, d: (f[..., ::-1] / 255 - m) / d, "The shape is"),
    "0 to 255": ("clip", lambda f, m, d: np.moveaxis((f[..., ::-1] - m) / d, 3, 0), "by 255"),
    "mean cosine": ("movement", lambda v: (v[1:] * v[:-1]).sum(1).mean(), "subtract it from 1"),
    "all pairs": ("movement", lambda v: 1 - (v @ v.T).mean(), "Only neighbours"),
    "natural logarithm": ("mel", lambda h: 2595 * np.log(1 + h / 700), "use np.log10"),
    "math on an array": ("mel", lambda h: 2595 * math.log10(1 + h / 700), "arrays"),
    "not unit": ("collapse", lambda s: ((s - s.mean()) / s.std()).mean(axis=1), "np.linalg.norm"),
    "not normalised": ("collapse", lambda s: unit_length(s.mean(axis=1)), "not normalised"),
    "shift 0": ("pitch", lambda f, rate: rate / 1, "begin at rate // 400"),
    "a shift": ("pitch", lambda f, rate: 133, "Divide the rate"),
    "a share": ("percentile", lambda s, a: (a < s).mean(), "Times 100"),
    "those above": ("percentile", lambda s, a: 100 * (a > s).mean(), "those below"),
    "worst fused first": (
        "fusion",
        lambda rankings, k: reciprocal_rank_fusion(rankings, k)[0][::-1],
        "worst come first",
    ),
    "only the first list": ("fusion", lambda r, k: r[0], "comes back once"),
    "joined in turn": ("fusion", lambda r, k: list(dict.fromkeys(sum(r, []))), "comes first"),
    "a number, not a list": ("fusion", lambda r, k: 1, "cannot be compared"),
    "content alone": ("key", lambda c, f: str(c), "have the same key"),
    "glued": ("key", lambda c, f: hashlib.sha256(c + f.encode()).hexdigest(), "the same key"),
    "bytes": ("key", lambda c, f: c + f.encode(), "return a text"),
    "a new key each time": ("key", lambda c, f: str(time.perf_counter_ns()), "two different"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_answer_is_explained(mistake, capsys):
    name, function, words = WRONG[mistake]
    getattr(exercises, f"check_{name}")(function)
    said = capsys.readouterr().out
    assert "not yet" in said and words in said


class Evil:
    """Refuses everything that a check could do with it."""

    def _no(self, *_):
        raise RuntimeError("no")

    __array__ = __eq__ = __len__ = __iter__ = __float__ = __repr__ = __str__ = __bool__ = _no
    __hash__ = None


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no")


def fail():
    raise Unspeakable


ODD = [
    None, 0, -1, 1e400, float("nan"), True, "text", "", b"bytes", (), [], {}, set(), object(),
    print,     (1, 2, 3, 4), [[1, 2], [3]], ["a", 1, None], {"a": 1}, np.zeros(0), np.zeros((0, 3)),
    np.full((4, 4), np.nan), np.zeros((200, 300)), np.array("x"), np.array([None, 1]), 1 + 2j,
    np.arange(4).astype(object), float, Evil(), [Evil()], np.array(["a", "b"]), [["a"], ["b"]],
]  # fmt: skip
FRESH = [lambda: map(str, range(3)), lambda: (x for x in "abc"), itertools.count, fail]


@pytest.mark.parametrize("name", CHECKS)
def test_whatever_comes_back_is_said_and_never_raised(name, capsys):
    check = getattr(exercises, name)
    functions = [lambda *_, value=value: value for value in ODD]
    functions += [lambda *_, make=make: make() for make in FRESH]
    for function in [*functions, None, 3, "no function", lambda: 1]:
        check(function)
        assert "not yet" in capsys.readouterr().out


def test_arguments_that_are_changed_do_no_harm(capsys):
    def greedy(query, vectors, k):
        best = np.argsort(-(vectors @ query))[:k]
        vectors[:] = 0
        return best

    exercises.check_top_k(greedy)
    assert exercises.DONE in capsys.readouterr().out
