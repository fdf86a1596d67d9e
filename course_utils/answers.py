"""What a search over several kinds of media gives back: items, and on which way each was found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from course_utils.catalog import Item, item_id
from course_utils.evidence import above
from course_utils.search import reciprocal_rank_fusion

ALIKE = {"image": "looks alike", "video": "moves alike", "audio": "sounds alike"}


@dataclass(frozen=True)
class Step:
    """From one item to a similar one.

    Attributes:
        space: in which space they were compared.
        item: the one that was found.
        cosine: how similar the two vectors are.
        percentile: which percentage of random pairs of these two kinds has a lower cosine; None
            where nothing is known of them.
        seconds: the video's moment that matched, where key frames were compared.
    """

    space: str
    item: Item
    cosine: float
    percentile: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        at = "" if self.seconds is None else f" at {self.seconds:.1f} s"
        beats = "" if self.percentile is None else f", {above(self.percentile)}"
        return f"{ALIKE[self.space]}{at} ({self.cosine:.2f}{beats})"


Way = tuple[Step, ...]


@dataclass(frozen=True)
class Answer:
    """An item that was found, and how.

    Attributes:
        item: what was found.
        score: what it was ranked by. It is good for an order and for nothing else.
        paths: the ways on which it was found, best first. Each is one step, or two with a video
            between.
    """

    item: Item
    score: float
    paths: tuple[Way, ...]

    @property
    def path(self) -> str:
        """The ways in words."""
        return "; ".join(map(in_words, self.paths))

    @property
    def best(self) -> Step:
        """The last step of the best way: the one that led to the item."""
        return self.paths[0][-1]

    @property
    def short(self) -> str:
        """The best way in a few words."""
        via = f"via {self.paths[0][0].item.name}: " if len(self.paths[0]) > 1 else ""
        return f"{via}{ALIKE[self.best.space]} {self.best.cosine:.2f}"


def in_words(path: Way) -> str:
    """Return a way as a sentence's part."""
    *before, last = path
    if not before:
        return str(last)
    return f"{before[0].item.name} {before[0]}, and with it this {last}"


def merged(lists: Sequence[Sequence[Way]]) -> list[Answer]:
    """Merge lists that come from different spaces, by the ranks of the items alone.

    Args:
        lists: rankings, best first; each way ends at the item that it found.

    Returns:
        An answer for each item, best first, with all ways that led to it; its score is that of
        reciprocal rank fusion.

    Introduced in notebook 4.
    """
    rankings = [[item_id(way[-1].item.path) for way in ways] for ways in lists]
    order, scores = reciprocal_rank_fusion(rankings)
    found: dict[str, list[Way]] = {}
    for ways in zip_longest(*lists):  # all that are first, all that are second, ...
        for way in filter(None, ways):
            found.setdefault(item_id(way[-1].item.path), []).append(way)
    return [
        Answer(found[name][0][-1].item, score, tuple(found[name]))
        for name, score in zip(order, scores, strict=True)
    ]


def strongest(lists: Iterable[Iterable[Way]]) -> list[Answer]:
    """Rank items by the strongest way that leads to each.

    A way of several steps is as strong as the product of its steps' percentiles. That is for
    bridges, where agreement means nothing: a sea leads to surf on one way and to seagulls on
    another, and what both ways find halfway down their lists is neither.

    Args:
        lists: ways, each ending at the item that it found.

    Returns:
        An answer for each item, best first, with all ways that led to it, strongest first; its
        score is the strength of the first, 0 to 1.

    Introduced in notebook 4.
    """
    found: dict[str, list[Way]] = {}
    for way in chain.from_iterable(lists):
        found.setdefault(item_id(way[-1].item.path), []).append(way)
    for ways in found.values():
        ways.sort(key=strength, reverse=True)
    best = sorted(found.values(), key=lambda ways: strength(ways[0]), reverse=True)
    return [Answer(ways[0][-1].item, strength(ways[0]), tuple(ways)) for ways in best]


def strength(way: Way) -> float:
    """Return how strong a way is, 0 to 1: the product of its steps' percentiles.

    A step whose percentile is not known counts with its cosine. Rounded to 12 places, so that
    0.3 x 0.6 and 0.2 x 0.9 are equally strong.
    """
    known = (step.cosine if step.percentile is None else step.percentile / 100 for step in way)
    return round(math.prod(max(0.0, value) for value in known), 12)
