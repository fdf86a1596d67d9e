"""What a search over several kinds of media gives back: items, and on which way each was found."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.catalog import Item, item_id
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
        above = "" if self.percentile is None else f", above {self.percentile:.0f} %"
        return f"{ALIKE[self.space]}{at} ({self.cosine:.2f}{above})"


Way = tuple[Step, ...]


@dataclass(frozen=True)
class Answer:
    """An item that was found, and how.

    Attributes:
        item: what was found.
        score: what it was ranked by: the sum of 1 / (60 + rank) over all lists that it is in. It
            is good for an order and for nothing else.
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


def merged(lists: list[list[Way]]) -> list[Answer]:
    """Merge lists of ways by the ranks of the items they lead to.

    Args:
        lists: rankings, best first; each way ends at the item that it found.

    Returns:
        An answer for each item, best first, with all ways that led to it.

    Introduced in notebook 4.
    """
    rankings = [[item_id(path[-1].item.path) for path in paths] for paths in lists]
    order, scores = reciprocal_rank_fusion(rankings)
    ways: dict[str, list[tuple[int, Way]]] = {}
    for ranking, paths in zip(rankings, lists, strict=True):
        for rank, (name, path) in enumerate(zip(ranking, paths, strict=True)):
            ways.setdefault(name, []).append((rank, path))
    return [
        Answer(
            ways[name][0][1][-1].item,
            score,
            tuple(path for _, path in sorted(ways[name], key=lambda way: way[0])),
        )
        for name, score in zip(order, scores, strict=True)
    ]
