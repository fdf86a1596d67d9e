"""One query of any kind, answers of every kind.

Two things can be compared where both have a vector in one space. A picture has one, a sound has
one, and a video has all three: its movement, its key frames among the pictures, its soundtrack
among the sounds. So videos are also the bridge between pictures and sounds, which share no space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from course_utils.answers import Answer, Step, Way, merged, strongest
from course_utils.cache import EmbeddingCache
from course_utils.catalog import DATA, Catalog, Item, item_id
from course_utils.evidence import Thermometer
from course_utils.media import MediaError, kind_of, read_frames, video_seconds
from course_utils.search import best_cosines
from course_utils.spaces import ArrayStore, Store, StoreError

KINDS = ("image", "video", "audio")
SPACES = {"image": ("image",), "video": ("video", "image", "audio"), "audio": ("audio",)}
EVERY, MOST_FRAMES = 1.0, 8  # seconds of video for which one key frame is taken; and how many
DEPTH = 20  # how far down each list is read before lists are put together
BRIDGES = 3  # videos between a picture and a sound
SAMPLE = 200  # items of a kind and space whose pairs say what a cosine is worth, drawn among the
MOST_KNOWN = 5000  # first so many that were added
FRAME = "#frame="  # between a video's id and the number of a key frame, from 0


class UnifiedSearch:
    """All kinds of media in one store, and every path from one kind to another.

    Attributes:
        encoders: the encoder of each space.
        store: where the vectors are.
        items: the items that were added, by their id in the store.

    Introduced in notebook 4.
    """

    def __init__(self, encoders: Sequence, store: Store | None = None):
        """Take one encoder for each of the spaces image, video and audio, and a store.

        Args:
            encoders: three encoders. Each is put into an `EmbeddingCache` if it is in none, so that
                no file is ever encoded twice.
            store: None takes a new `ArrayStore`.

        Raises:
            ValueError: a space has no encoder, or has two.
        """
        cached = [e if isinstance(e, EmbeddingCache) else EmbeddingCache(e) for e in encoders]
        self.encoders: Mapping[str, EmbeddingCache] = {e.space: e for e in cached}
        if set(self.encoders) != set(KINDS) or len(cached) != len(KINDS):
            raise ValueError("Give three encoders: one each for the spaces image, video and audio.")
        self.store = ArrayStore() if store is None else store
        self.items: dict[str, Item] = {}
        self._spaces = set(self.store.spaces())
        self._known: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self._scales: dict[tuple[str, ...], Thermometer | None] = {}
        self._lengths: dict[Path, float] = {}

    # ---- filling ----

    def add(self, catalog: Iterable[Item]) -> Catalog:
        """Encode items and put their vectors into the store; items that are there are replaced.

        Args:
            catalog: items of any kinds.

        Returns:
            Those that could be used. Each of the others is printed with the reason.

        Raises:
            StoreError: the store holds vectors of other encoders, or the database failed.
        """
        catalog = Catalog(catalog)
        problems: list[MediaError] = []
        for kind in KINDS:
            items = [item for item in catalog if item.kind == kind]
            for space in SPACES[kind] if items else ():
                bad: list[MediaError] = []
                arrays = self._encode(space, kind, [item.path for item in items], bad)
                left_out = {error.path for error in bad}
                usable = [item for item in items if item.path not in left_out]
                if space == kind:  # else it is a video without sound, which can still be watched
                    problems += bad
                    items = usable
                self._write(space, kind, usable, arrays)
        return catalog.without(problems)

    def remove(self, items: Iterable[Item]) -> None:
        """Take items out of the store; those that are not in it do no harm. Files stay."""
        names = [item_id(item.path) for item in items]
        for space in self._spaces:
            self.store.delete(space, [*names, *_frame_ids(names)] if space == "image" else names)
        for name in names:
            self.items.pop(name, None)
            for known in self._known.values():
                known.pop(name, None)
        self._scales.clear()

    def _encode(self, space: str, kind: str, paths: list, problems=None) -> list[np.ndarray]:
        """Return what files of a kind are in a space: arrays (m, d), most with one row."""
        encoder = self.encoders[space]
        if not _by_frames(space, kind):
            return list(encoder.encode(paths, problems)[:, None])
        recipe = f"key frames: one for {EVERY} s, at most {MOST_FRAMES}"
        return encoder.rows(paths, recipe, self._key_frames, problems)

    def _key_frames(self, path: Path) -> np.ndarray:
        """Return the embeddings of a video's key frames, among the pictures."""
        moments = key_moments(self._seconds(path))
        rate = len(moments) / self._seconds(path)
        frames = read_frames(path, rate=rate, start=moments[0], count=len(moments))
        return self.encoders["image"].encode_frames(frames)

    def _seconds(self, path: Path) -> float:
        if path not in self._lengths:
            self._lengths[path] = video_seconds(path)
        return self._lengths[path]

    def _write(self, space: str, kind: str, items: list[Item], arrays: list[np.ndarray]) -> None:
        if not items:
            return
        ids, labels = [], []
        known = self._known.setdefault((space, kind), {})
        for item, array in zip(items, arrays, strict=True):
            name = item_id(item.path)
            self.items[name] = item
            frames = _by_frames(space, kind)
            ids += [f"{name}{FRAME}{n}" for n in range(len(array))] if frames else [name]
            labels += [item.label] * len(array)
            if len(known) < MOST_KNOWN or name in known:
                known[name] = array
        if _by_frames(space, kind) and space in self._spaces:  # the film may have been longer once
            self.store.delete(space, _frame_ids(map(item_id, (item.path for item in items))))
        self.store.upsert(self.encoders[space], ids, np.concatenate(arrays), labels, kind)
        self._spaces.add(space)
        self._scales.clear()

    def scale(self, space: str, kind: str, other: str) -> Thermometer | None:
        """Return what cosines between items of two kinds in a space are usually like.

        Pictures and key frames, say, are less alike than pictures and pictures, so each pair of
        kinds has a scale of its own. None where too few items were added to know.
        """
        key = (space, *sorted((kind, other)))
        if key not in self._scales:
            samples = [self._sample(space, each) for each in key[1:]]
            self._scales[key] = None
            if all(arrays for arrays, _ in samples):
                (a, sources), (b, other_sources) = samples
                different = np.array(sources)[:, None] != np.array(other_sources)[None]
                if kind == other:
                    different = np.triu(different, 1)  # each pair once
                if different.any():
                    self._scales[key] = Thermometer.of(best_cosines(a, b)[different])
        return self._scales[key]

    def _sample(self, space: str, kind: str) -> tuple[list[np.ndarray], list[str]]:
        known = self._known.get((space, kind), {})
        names = sorted(known)
        if len(names) > SAMPLE:
            names = np.random.default_rng(0).choice(names, SAMPLE, replace=False).tolist()
        sources = [self.items[name].source or name for name in names]
        return [known[name] for name in names], sources

    # ---- searching ----

    def search(
        self,
        query: str | Path | Item,
        k: int = 5,
        kinds: Iterable[str] = KINDS,
        spaces: Iterable[str] = KINDS,
        leave_out: Iterable[str] = (),
    ) -> dict[str, list[Answer]]:
        """Return the best answers of each kind.

        Args:
            query: an item, or any file of yours. What it is, is told by its content.
            k: how many answers of each kind.
            kinds: of which kinds answers are wanted.
            spaces: which spaces may be used.
            leave_out: sources that must not be among the answers, such as the query's own in a
                measurement. The query itself never is.

        Returns:
            A list for each of `kinds`, best first.

        Raises:
            MediaError: the query's file cannot be used.
            ValueError: k is below 1, or a kind or space has a wrong name.
            StoreError: nothing was added yet, or the database failed.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        query = query if isinstance(query, Item) else self.item(query)
        found = {}
        for kind in kinds:
            lists = self.ways(query, kind, max(k, DEPTH), spaces, leave_out)
            direct = set(SPACES[query.kind]) & set(SPACES[kind])
            found[kind] = (merged(lists) if direct else strongest(lists))[:k]
        return found

    def ways(
        self,
        query: str | Path | Item,
        kind: str,
        depth: int = DEPTH,
        spaces: Iterable[str] = KINDS,
        leave_out: Iterable[str] = (),
    ) -> list[list[Way]]:
        """Return every way from a query to items of a kind, before they are put together.

        Args:
            query: an item, or any file of yours.
            kind: of which kind the items at the end are.
            depth: how many items in each list.
            spaces: which spaces may be used.
            leave_out: sources that must not be at the end.

        Returns:
            A list for each space that both kinds share; if they share none, a list for each of the
            videos nearest to the query. Nearest items come first.

        Raises:
            MediaError, ValueError, StoreError: as in `search`.
        """
        spaces = set(spaces)
        if wrong := ({kind} | spaces) - set(KINDS):
            raise ValueError(f"{', '.join(sorted(wrong))}: kinds and spaces are {KINDS}.")
        if depth < 1:
            raise ValueError(f"depth is {depth}; ask for at least one result.")
        if not self._spaces:
            raise StoreError("Nothing is in the store yet; add a catalog first.")
        query = query if isinstance(query, Item) else self.item(query)
        left_out = set(leave_out)
        without = {item_id(query.path)}
        without |= {name for name, item in self.items.items() if item.source in left_out}
        spaces &= self._spaces
        shared = [space for space in SPACES[query.kind] if space in SPACES[kind]]
        if shared:
            return [
                [(step,) for step in self._nearest(query, space, kind, depth, without)]
                for space in shared
                if space in spaces
            ]
        if not {"image", "audio"} <= spaces:
            return []
        first, second = ("image", "audio") if query.kind == "image" else ("audio", "image")
        return [
            [(bridge, step) for step in self._nearest(bridge.item, second, kind, depth, without)]
            for bridge in self._nearest(query, first, "video", BRIDGES, without)
        ]

    def item(self, query: str | Path) -> Item:
        """Return the item that a name or a file stands for.

        Args:
            query: an added item's id or name, or the path of any file.

        Raises:
            MediaError: there is no such item or file, or it is none of the three kinds.
        """
        path = Path(query).expanduser()
        for name in (str(query), item_id(path)):
            if name in self.items:
                return self.items[name]
        for item in self.items.values():
            if str(query) == item.name:
                return item
        return Item(
            path, kind_of(path), "yours", source=str(path), caption=path.name, alt=path.name
        )

    def _nearest(self, query, space, kind, k, without) -> list[Step]:
        """Return the k items of a kind that are nearest to an item in one space."""
        try:
            vectors = self._encode(space, query.kind, [query.path])[0]
        except MediaError:
            if space == query.kind:
                raise
            return []  # a silent video
        best: dict[str, tuple[float, float | None]] = {}
        for name, cosine, seconds in self._hits(space, vectors, kind, k, without):
            if name not in best or cosine > best[name][0]:
                best[name] = (cosine, seconds)
        scale = self.scale(space, query.kind, kind)
        nearest = sorted(best.items(), key=lambda found: -found[1][0])[:k]
        return [
            Step(
                space,
                self.items[name],
                cosine,
                scale.percentile(cosine) if scale else None,
                seconds,
            )
            for name, (cosine, seconds) in nearest
        ]

    def _hits(self, space, queries, kind, k, without) -> list[tuple[str, float, float | None]]:
        """Return (id, cosine, moment) of rows; for each query at least k items if there are."""
        frames = _by_frames(space, kind)
        limit = (k + len(without)) * (MOST_FRAMES if frames else 1)
        found = []
        lists = self.store.search_many(self.encoders[space], queries, limit, kind=kind)
        for hit in chain.from_iterable(lists):
            name, _, number = hit.id.rpartition(FRAME) if frames else (hit.id, "", "")
            if name not in self.items:  # from an earlier day
                path = DATA / name
                if not path.is_file():
                    continue
                self.items[name] = Item(path, kind, hit.label, source=name, caption=path.name)
            if name in without:
                continue
            seconds = None
            if frames:
                moments = key_moments(self._seconds(self.items[name].path))
                seconds = moments[min(int(number), len(moments) - 1)]
            found.append((name, hit.score, seconds))
        return found


def _by_frames(space: str, kind: str) -> bool:
    return (space, kind) == ("image", "video")


def _frame_ids(names: Iterable[str]) -> list[str]:
    return [f"{name}{FRAME}{number}" for name in names for number in range(MOST_FRAMES)]


def key_moments(seconds: float) -> list[float]:
    """Return at which seconds of a video key frames are taken: in the middle of equal parts.

    Args:
        seconds: how long the video is.

    Returns:
        One moment for each second of it, at least 1 and at most 8.

    Introduced in notebook 4.
    """
    count = int(min(max(1, round(seconds / EVERY)), MOST_FRAMES))
    return [seconds * (part + 0.5) / count for part in range(count)]
