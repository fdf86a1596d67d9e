"""One query of any kind, answers of every kind.

Two things can be compared where both have a vector in one space. A picture has one, a sound has
one, and a video has all three: its clips, its key frames among the pictures, its soundtrack among
the sounds. So videos are also the bridge between pictures and sounds, which share no space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog, Item, item_id
from course_utils.evaluation import Percentiles, above, best_of
from course_utils.media import (
    MediaError,
    NoSoundError,
    check_file,
    displayable,
    kind_of,
    read_frames,
    video_seconds,
)
from course_utils.search import best_cosines, reciprocal_rank_fusion
from course_utils.session import DATA
from course_utils.store import MemoryStore, Store, StoreError, check_text

KINDS = ("image", "video", "audio")
SPACES = {"image": ("image",), "video": ("video", "image", "audio"), "audio": ("audio",)}
ALIKE = {"image": "looks alike", "video": "alike as clips", "audio": "sounds alike"}
MAX_FRAMES = 8  # key frames of a video, one a second
DEPTH = 20  # how far down each list is read before lists are put together
BRIDGES = 3  # videos between a picture and a sound
SAMPLE, KNOWN = 200, 5000  # items whose pairs say what a cosine is worth, of the first so many
FRAME = "/#frame="  # between a video's id and a key frame's number; nothing lies below a file


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
        among: how many items it was found among.
    """

    space: str
    item: Item
    cosine: float
    percentile: float | None = None
    seconds: float | None = None
    among: int = 1

    @property
    def beyond_chance(self) -> bool:
        """Whether its percentile is more than the best of so many items reaches by chance."""
        return self.percentile is not None and self.percentile > best_of(self.among)

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
        return "; ".join(map(_in_words, self.paths))

    @property
    def best(self) -> Hop:
        """The last hop of the best path: the one that led to the item."""
        return self.paths[0][-1]

    @property
    def short(self) -> str:
        """The best path in a few words."""
        via = f"via {self.paths[0][0].item.name}: " if len(self.paths[0]) > 1 else ""
        return f"{via}{ALIKE[self.best.space]} {self.best.cosine:.2f}"


def _in_words(path: Hops) -> str:
    *before, last = path
    return f"{before[0].item.name} {before[0]}, and with it this {last}" if before else str(last)


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
        cached = [e if isinstance(e, EmbeddingCache) else EmbeddingCache(e) for e in encoders]
        self.encoders = {encoder.space: encoder for encoder in cached}
        if sorted(self.encoders) != sorted(KINDS) or len(cached) != len(KINDS):
            raise ValueError("Give three encoders: one each for the spaces image, video and audio.")
        self.store = MemoryStore() if store is None else store
        self.items: dict[str, Item] = {}
        self._known: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self._scales: dict[tuple[str, ...], Percentiles | None] = {}

    def add(self, catalog: Iterable[Item]) -> Catalog:
        """Encode items of any kinds and put them into the store; those that are there are replaced.

        Returns:
            Those that could be used. Each of the others is printed with the reason, and so is a
            video whose sound is damaged: it is added without it.

        Raises:
            StoreError: the store holds vectors of other encoders, or the database failed.
        """
        items = {item_id(item.path): item for item in catalog}
        problems = [problem for item in items.values() if (problem := _unfit(item))]
        bad = {problem.path for problem in problems}
        fit = [item for item in items.values() if item.path not in bad]
        for space in {space for item in fit for space in SPACES[item.kind]}:
            self.store.create(self.encoders[space])  # says no now, before hours of encoding
        self._forget(fit)
        for kind in KINDS:
            usable = [item for item in fit if item.kind == kind]
            for space in SPACES[kind] if usable else ():
                found: list[MediaError] = []
                arrays = self._encode(space, kind, [item.path for item in usable], found)
                without = {problem.path for problem in found}
                there = [item for item in usable if item.path not in without]
                if space == kind:
                    problems, usable = problems + found, there
                for problem in found if space == "audio" != kind else ():
                    if not isinstance(problem, NoSoundError):
                        print(f"Added without its sound: {problem}")
                if there:
                    self._write(space, kind, there, arrays)
        return Catalog(items.values()).without(problems)

    def _forget(self, items: Iterable[Item]) -> None:
        """Take out what the store has of items: a film may have been longer, or a picture, once."""
        names = [item_id(item.path) for item in items]
        frames = [name + FRAME + str(i) for name in names for i in range(MAX_FRAMES)]
        for space in self.store.spaces() if names else ():
            self.store.delete(space, names + frames if space == "image" else names)
        for name in names:
            self.items.pop(name, None)
            for known in self._known.values():
                known.pop(name, None)
        self._scales.clear()

    def _encode(self, space: str, kind: str, paths: list, problems=None) -> list[np.ndarray]:
        """Return what files of a kind are in a space: arrays (m, d), most with one row."""
        encoder = self.encoders[space]
        if (space, kind) != ("image", "video"):
            return list(encoder.encode(paths, problems)[:, None])
        return encoder.rows(paths, f"key frames, at most {MAX_FRAMES}", self._key_frames, problems)

    def _key_frames(self, path: Path) -> np.ndarray:
        """Return the embeddings of a video's key frames, among the pictures."""
        seconds = _seconds(path)
        moments = key_moments(seconds)
        rate = len(moments) / seconds
        frames = read_frames(path, rate=rate, start=moments[0], count=len(moments))
        return self.encoders["image"].encode_frames(frames)

    def _write(self, space: str, kind: str, items: list[Item], arrays: list[np.ndarray]) -> None:
        ids, labels, known = [], [], self._known.setdefault((space, kind), {})
        for item, array in zip(items, arrays, strict=True):
            name = item_id(item.path)
            frames = (space, kind) == ("image", "video")
            ids += [f"{name}{FRAME}{i}" for i in range(len(array))] if frames else [name]
            labels += [item.label] * len(array)
            self.items[name] = item
            if len(known) < KNOWN:
                known[name] = array
        self.store.upsert(self.encoders[space], ids, np.concatenate(arrays), labels, kind)

    def scale(self, space: str, kind: str, other: str) -> Percentiles | None:
        """Return what cosines between items of two kinds in a space are usually like.

        Pictures and key frames are less alike than pictures and pictures, so each pair of kinds has
        a scale of its own; None where too few items were added to know.
        """
        key = (space, *sorted((kind, other)))
        if key not in self._scales:
            (first, a), (second, b) = (self._sample(space, each) for each in key[1:])
            different = np.array(a)[:, None] != np.array(b)[None]
            if kind == other:
                different = np.triu(different, 1)  # each pair once
            enough = different.any()
            scores = best_cosines(first, second)[different] if enough else None
            self._scales[key] = Percentiles.of(scores) if enough else None
        return self._scales[key]

    def _sample(self, space: str, kind: str) -> tuple[list[np.ndarray], list[str]]:
        known = self._known.get((space, kind), {})
        names = sorted(known)
        if len(names) > SAMPLE:
            names = np.random.default_rng(0).choice(names, SAMPLE, replace=False).tolist()
        return [known[name] for name in names], [self.items[name].source or name for name in names]

    def search(
        self,
        query: str | Path | Item,
        k: int = 5,
        kinds: str | Iterable[str] = KINDS,
        spaces: str | Iterable[str] = KINDS,
        leave_out: str | Iterable[str] = (),
    ) -> dict[str, list[Match]]:
        """Return the best matches of each kind, {kind: [Match]}.

        Args:
            query: an item, its name or id, or any file of yours; its content tells its kind.
            k: how many of each kind.
            kinds: which kinds are wanted.
            spaces: which spaces may be used.
            leave_out: sources of which nothing is to be found.

        Raises:
            MediaError: the query is no item and no file, or its file cannot be used.
            KeyError: two items have this name.
            ValueError: k is below 1, or there is no such kind or space.
            StoreError: nothing was added yet, or the database failed.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        query, found = self.item(query), {}
        spaces, leave_out = _several(spaces), _several(leave_out)
        for kind in _several(kinds):
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
        spaces, leave_out = set(_several(spaces)), set(_several(leave_out)) - {""}
        if wrong := ({kind} | spaces) - set(KINDS):
            raise ValueError(f"{', '.join(sorted(wrong))}: kinds and spaces are {KINDS}.")
        query, there = self.item(query), set(self.store.spaces())
        if not there:
            raise StoreError("Nothing is in the store yet; add a catalog first.")
        without = {name for name, item in self.items.items() if item.source in leave_out}
        without.add(item_id(query.path))
        shared = [space for space in SPACES[query.kind] if space in SPACES[kind]]
        if shared:
            return [
                [(hop,) for hop in self._nearest(query, space, kind, depth, without)]
                for space in shared
                if space in spaces & there
            ]
        if not {"image", "audio"} <= spaces & there:
            return []
        return [
            [
                (bridge, hop)
                for hop in self._nearest(bridge.item, SPACES[kind][0], kind, depth, without)
            ]
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
        path = Path(query)
        with suppress(RuntimeError):  # a file may be named ~x without anybody being called x
            path = path.expanduser()
        named = [item for item in self.items.values() if str(query) == item.name]
        for name in (str(query), item_id(path)):
            if name in self.items:
                return self.items[name]
        if named and not _is_file(path):
            return Catalog(named)[Catalog(named).find(str(query))]  # or says that it is ambiguous
        kind, name = kind_of(path), displayable(path.name)
        return Item(path, kind, "yours", source=str(path), caption=name, alt=name)

    def _nearest(self, query: Item, space: str, kind: str, k: int, without: set[str]) -> list[Hop]:
        """Return the k items of a kind that are nearest to an item in one space."""
        try:
            (vectors,) = self._encode(space, query.kind, [query.path])
        except MediaError:
            if (query.kind, space) != ("video", "audio"):
                raise
            _seconds(query.path)  # raises the error of a video that cannot be watched
            return []  # a video without sound
        frames = (space, kind) == ("image", "video")
        count, best = max(1, self.store.count(space, kind=kind)), {}
        limit = (k + len(without)) * (MAX_FRAMES if frames else 1)
        while len(best) < k:
            limit = min(limit, count)
            lists = self.store.search_many(self.encoders[space], vectors, limit, kind=kind)
            for hit in chain.from_iterable(lists):
                name, _, number = hit.id.rpartition(FRAME) if frames else (hit.id, "", "")
                better = hit.score > best.get(name, (-2.0,))[0]
                if better and name not in without and self._found(name, hit):
                    best[name] = (hit.score, number)
            if limit == count:
                break
            limit *= 4  # many files are gone
        scale, hops = self.scale(space, query.kind, kind), []
        among = sum(item.kind == kind for item in self.items.values())
        for name, (cosine, number) in sorted(best.items(), key=lambda found: -found[1][0])[:k]:
            item, seconds = self.items[name], None
            with suppress(MediaError, IndexError):  # the film was changed since
                seconds = key_moments(_seconds(item.path))[int(number)] if number else None
            percentile = scale.percentile(cosine) if scale else None
            hops.append(Hop(space, item, cosine, percentile, seconds, among))
        return hops

    def _found(self, name: str, hit) -> bool:
        """Return whether the file of a hit is there; one of an earlier day becomes an item."""
        path = self.items[name].path if name in self.items else DATA / name
        if _is_file(path) and name not in self.items:
            self.items[name] = Item(path, hit.kind, hit.label, source=name, caption=path.name)
        return name in self.items and _is_file(path)


def _several(values: str | Iterable[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # names that no file can have
        return False


def _unfit(item: Item) -> MediaError | None:
    """Return why an item cannot be in any store, whatever its file holds."""
    if item.kind not in KINDS:
        return MediaError(item.path, f"has the kind {item.kind!r}", f"use one of {KINDS}")
    try:
        check_text("id", f"{item_id(item.path)}{FRAME}0")
        check_text("label", item.label)
    except ValueError:
        what = "or its label is empty, too long or holds control characters"
        return MediaError(item.path, what, "rename it")
    return None


def _seconds(path: Path) -> float:
    status = check_file(path).stat()  # another film may come to lie under the same name
    return _length(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=10_000)
def _length(path: Path, *_) -> float:
    return video_seconds(path)


def key_moments(seconds: float) -> list[float]:
    """Return at which seconds of a video key frames are taken: in the middle of equal parts.

    There is one for each second of it, at least 1 and at most 8.

    Introduced in notebook 4.
    """
    count = int(min(max(1, round(seconds)), MAX_FRAMES))
    return [seconds * (part + 0.5) / count for part in range(count)]
