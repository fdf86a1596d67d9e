"""One query of any kind, answers of every kind.

Two things can be compared where both have a vector in one space. A picture has one, a sound has
one, and a video has all three: its clips, its key frames among the pictures, its soundtrack among
the sounds. So videos are also the bridge between pictures and sounds, which share no space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from random import Random

import numpy as np

from course_utils import media
from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog, Item, item_id
from course_utils.evaluation import Percentiles, above
from course_utils.search import best_cosines, reciprocal_rank_fusion
from course_utils.store import MAX_RESULTS, MemoryStore, Store

KINDS = ("image", "video", "audio")
SPACES = {"image": ("image",), "video": ("video", "image", "audio"), "audio": ("audio",)}
ALIKE = {"image": "looks alike", "video": "alike as clips", "audio": "sounds alike"}
MAX_FRAMES = 8  # key frames of a video, one a second
DEPTH = 20  # how far down each list is read before lists are put together
BRIDGES = 3  # videos between a picture and a sound
SAMPLE = 200  # items of a kind whose pairs say what a cosine is worth
FRAME = "/#frame="  # between a video's id and a key frame's number; nothing lies below a file
PARTS = ["", *(f"{FRAME}{number}" for number in range(MAX_FRAMES))]  # what may follow an item's id


@dataclass(frozen=True)
class Hop:
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


Hops = tuple[Hop, ...]  # from the query to an item: one hop, or two with a video between


@dataclass(frozen=True)
class Match:
    """An item that was found, and how.

    Attributes:
        item: what was found.
        score: what it was ranked by; good for an order and for nothing else.
        paths: the paths by which it was found, best first; each is one hop, or two.
    """

    item: Item
    score: float
    paths: tuple[Hops, ...]

    @property
    def path(self) -> str:
        """The paths in words."""
        return "; ".join(
            "".join(f"{hop.item.name} {hop}, and with it this " for hop in bridge) + str(last)
            for *bridge, last in self.paths
        )

    @property
    def best(self) -> Hop:
        """The last hop of the best path: the one that led to the item."""
        return self.paths[0][-1]

    @property
    def short(self) -> str:
        """The best path in a few words."""
        via = f"via {self.paths[0][0].item.name}: " if len(self.paths[0]) > 1 else ""
        return via + ALIKE[self.best.space]


def _by_item(paths: Iterable[Hops]) -> dict[str, list[Hops]]:
    found: dict[str, list[Hops]] = {}
    for path in paths:
        found.setdefault(item_id(path[-1].item.path), []).append(path)
    return found


def fuse(lists: Sequence[Sequence[Hops]]) -> list[Match]:
    """Merge lists of paths, best first, by reciprocal rank fusion: for lists that judge one thing.

    Returns:
        A Match for each item at the end of a path, best first, with all paths that led to it.

    Introduced in notebook 4.
    """
    order, scores = reciprocal_rank_fusion([list(_by_item(paths)) for paths in lists])
    found = _by_item(filter(None, chain.from_iterable(zip_longest(*lists))))  # all first ones first
    return [
        Match(found[name][0][-1].item, score, tuple(found[name]))
        for name, score in zip(order, scores, strict=True)
    ]


def strongest(lists: Iterable[Iterable[Hops]]) -> list[Match]:
    """Rank items by the strongest path to each: for bridges that lead to different things.

    A path is as strong as the product of its hops' percentiles (cosines where none is known).

    Returns:
        A Match for each item, best first, with all paths that led to it, strongest first.

    Introduced in notebook 4.
    """
    matches = []
    for paths in _by_item(chain.from_iterable(lists)).values():
        paths.sort(key=_strength, reverse=True)
        matches.append(Match(paths[0][-1].item, _strength(paths[0]), tuple(paths)))
    return sorted(matches, key=lambda match: match.score, reverse=True)


def _strength(path: Hops) -> float:
    shares = (hop.cosine if hop.percentile is None else hop.percentile / 100 for hop in path)
    # Rounded, so that 0.3 x 0.6 and 0.2 x 0.9 are equally strong.
    return round(math.prod(max(0.0, share) for share in shares), 12)


class UnifiedSearch:
    """All kinds of media in one store, and every path from one kind to another.

    Attributes:
        encoders: the encoder of each space.
        store: where the vectors are.
        items: the items that were added, by their id in the store.

    Introduced in notebook 4.
    """

    def __init__(self, encoders: Sequence, store: Store | None = None):
        """Take one encoder for each of the spaces image, video and audio.

        Each is put into an `EmbeddingCache` if it is in none, so that no file is encoded twice.
        The store is a new `MemoryStore` if none is given.

        Raises:
            ValueError: a space has no encoder, or has two.
        """
        if sorted(encoder.space for encoder in encoders) != sorted(KINDS):
            raise ValueError("Give three encoders: one each for the spaces image, video and audio.")
        cached = [e if isinstance(e, EmbeddingCache) else EmbeddingCache(e) for e in encoders]
        self.encoders = {encoder.space: encoder for encoder in cached}
        self.store = MemoryStore() if store is None else store
        self.items: dict[str, Item] = {}
        self._known = {(space, kind): {} for kind in KINDS for space in SPACES[kind]}  # id: vectors
        self._seconds: dict[str, float] = {}  # how long a video is
        self._scales: dict[tuple[str, ...], Percentiles | None] = {}

    def add(self, catalog: Iterable[Item]) -> Catalog:
        """Encode items of any kinds and put them into the store; those that are there are replaced.

        Returns:
            Those that could be used. Each of the others is printed with the reason, and so is a
            video whose sound is damaged: the rest of it is added.

        Raises:
            StoreError: the store holds vectors of other encoders, or the database failed.
        """
        for encoder in self.encoders.values():
            self.store.create(encoder)  # says no now, before hours of encoding
        items = {item_id(item.path): item for item in catalog}
        # Of what is there already nothing stays: a film may have been longer, or a picture, once.
        for space in KINDS:
            self.store.delete(space, [name + part for name in items for part in PARTS])
        for known in (self.items, *self._known.values()):
            for name in items:
                known.pop(name, None)
        self._scales.clear()
        for kind, spaces in SPACES.items():
            asked = Catalog(item for item in items.values() if item.kind == kind)
            asked, vectors = self.encoders[kind].embed(asked)
            self._write(kind, kind, asked, vectors[:, None])
            for space in spaces[1:]:
                problems: list[media.MediaError] = []
                arrays = self._encode(space, kind, asked.paths, problems)
                unfit = {problem.path for problem in problems}
                self._write(space, kind, [x for x in asked if x.path not in unfit], arrays)
                for problem in problems:
                    if not isinstance(problem, media.NoSoundError):
                        print(f"Added in part: {problem}")
        return Catalog(item for name, item in items.items() if name in self.items)

    def _encode(self, space: str, kind: str, paths: list, problems=None) -> list[np.ndarray]:
        """Return what files of a kind are in a space: arrays (m, d), most with one row."""
        encoder = self.encoders[space]
        if (space, kind) != ("image", "video"):
            return list(encoder.encode(paths, problems)[:, None])
        return encoder.rows(paths, f"key frames, at most {MAX_FRAMES}", self._key_frames, problems)

    def _key_frames(self, path: Path) -> np.ndarray:
        """Return the embeddings of a video's key frames, among the pictures."""
        seconds = media.video_seconds(path)
        moments = key_moments(seconds)
        rate = len(moments) / seconds
        frames = media.read_frames(path, rate=rate, start=moments[0], count=len(moments))
        return self.encoders["image"].encode_frames(frames)

    def _write(self, space: str, kind: str, items: Iterable[Item], arrays: Iterable) -> None:
        ids, labels, vectors = [], [], []
        for item, array in zip(items, arrays, strict=True):
            name = item_id(item.path)
            self.items[name] = item
            self._known[space, kind][name] = array
            if (space, kind) == ("video", "video"):
                self._seconds[name] = media.video_seconds(item.path)
            frames = (space, kind) == ("image", "video")
            ids += [name + part for part in PARTS[1 : len(array) + 1]] if frames else [name]
            labels += [item.label] * len(array)
            vectors += [*array]
        if ids:
            self.store.upsert(self.encoders[space], ids, vectors, labels, kind)

    def scale(self, space: str, kind: str, other: str) -> Percentiles | None:
        """Return what cosines between items of two kinds in a space are usually like.

        Pictures and key frames are less alike than pictures and pictures, so each pair of kinds has
        a scale of its own; None where too few items were added to know.
        """
        key = (space, *sorted((kind, other)))
        if key not in self._scales:
            vectors, sources = [], []
            for known in (self._known[space, each] for each in key[1:]):
                names = Random(0).sample(sorted(known), min(len(known), SAMPLE))
                vectors.append([known[name] for name in names])
                sources.append(np.array([self.items[name].source or name for name in names]))
            different = sources[0][:, None] != sources[1]
            self._scales[key] = None
            if different.any():
                self._scales[key] = Percentiles.of(best_cosines(*vectors)[different])
        return self._scales[key]

    def search(
        self, query, k: int = 5, kinds=KINDS, spaces=KINDS, leave_out=()
    ) -> dict[str, list[Match]]:
        """Return the best matches of each kind, {kind: [Match]}.

        Args:
            query: an item, its name or id, or any file of yours; its content tells its kind.
            k: how many of each kind.
            kinds: a list of the kinds that are wanted.
            spaces: a list of the spaces that may be used.
            leave_out: a list of sources of which nothing is to be found.

        Raises:
            MediaError: the query is no item and no file, or its file cannot be used.
            KeyError: two items have this name.
            ValueError: k is below 1, or there is no such kind or space.
            StoreError: nothing was added yet, or the database failed.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        query, found = self.item(query), {}
        for kind in kinds:
            lists = self.paths(query, kind, max(k, DEPTH), spaces, leave_out)
            direct = set(SPACES[query.kind]) & set(SPACES[kind])
            found[kind] = (fuse(lists) if direct else strongest(lists))[:k]
        return found

    def paths(
        self, query, kind: str, depth: int = DEPTH, spaces=KINDS, leave_out=()
    ) -> list[list[Hops]]:
        """Return every path from a query to items of a kind, before they are put together.

        Args: as `search`; depth: how many items in each list.

        Returns:
            A list for each space that both kinds share; if they share none, a list for each of the
            videos nearest to the query. Nearest items come first.

        Introduced in notebook 4.
        """
        if wrong := {kind, *spaces} - {*KINDS}:
            raise ValueError(f"{', '.join(sorted(wrong))}: kinds and spaces are {KINDS}.")
        query, sources = self.item(query), {*leave_out} - {""}
        without = {name for name, item in self.items.items() if item.source in sources}
        without.add(item_id(query.path))
        if shared := [space for space in SPACES[query.kind] if space in SPACES[kind]]:
            found = [self._nearest(query, x, kind, depth, without) for x in shared if x in spaces]
            return [[(hop,) for hop in hops] for hops in found]
        if not {"image", "audio"} <= {*spaces}:
            return []
        return [
            [(bridge, hop) for hop in self._nearest(bridge.item, kind, kind, depth, without)]
            for bridge in self._nearest(query, query.kind, "video", BRIDGES, without)
        ]

    def item(self, query: str | Path | Item) -> Item:
        """Return the item that a query stands for: itself, a file, or an added item's id or name.

        A file that is there comes before an item's bare name.

        Raises:
            MediaError: there is no such item or file, or it is none of the three kinds.
            KeyError: two items have this name.
        """
        if isinstance(query, Item):
            return query
        path = Path(query).expanduser()
        for name in (str(query), item_id(path)):
            if name in self.items:
                return self.items[name]
        named = Catalog(item for item in self.items.values() if str(query) == item.name)
        if named.items and not path.is_file():
            return named[named.find(str(query))]  # or says that it is ambiguous
        kind, name = media.kind_of(path), media.displayable(path.name)
        return Item(path, kind, "yours", source=str(path), caption=name, alt=name)

    def _nearest(self, query: Item, space: str, kind: str, k: int, without: set[str]) -> list[Hop]:
        """Return the k items of a kind that are nearest to an item in one space."""
        sound = (query.kind, space) == ("video", "audio")  # which a film may lack
        arrays = self._encode(space, query.kind, [query.path], [] if sound else None)
        vectors = list(chain.from_iterable(arrays))
        frames = (space, kind) == ("image", "video")
        for limit in ((k + len(without)) * MAX_FRAMES, MAX_RESULTS):
            lists = [self.store.search(self.encoders[space], v, limit, kind=kind) for v in vectors]
            best: dict[str, tuple[float, str]] = {}
            for hit in sorted(chain.from_iterable(lists), key=lambda hit: -hit.score):
                name, _, number = hit.id.rpartition(FRAME) if frames else (hit.id, "", "")
                if name in self.items and name not in without:
                    best.setdefault(name, (hit.score, number))
            if len(best) >= k or all(len(hits) < limit for hits in lists):
                break  # else what is in the store from an earlier day may hide some
        scale, hops = self.scale(space, query.kind, kind), []
        for name, (cosine, number) in islice(best.items(), k):
            seconds = key_moments(self._seconds[name])[int(number)] if number else None
            percentile = scale.percentile(cosine) if scale else None
            hops.append(Hop(space, self.items[name], cosine, percentile, seconds))
        return hops


def key_moments(seconds: float) -> list[float]:
    """Return at which seconds of a video key frames are taken: in the middle of equal parts.

    There is one for each second of it, at least 1 and at most 8.

    Introduced in notebook 4.
    """
    count = int(min(max(1, round(seconds)), MAX_FRAMES))
    return [seconds * (part + 0.5) / count for part in range(count)]
