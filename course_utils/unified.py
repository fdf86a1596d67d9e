"""One query of any kind, answers of every kind.

Two things can be compared where both have a vector in one space. A picture has one, a sound has
one, and a video has all three: its movement, its key frames among the pictures, its soundtrack
among the sounds. So videos are also the bridge between pictures and sounds, which share no space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from course_utils.answers import Answer, Step, Way, merged, strongest
from course_utils.cache import EmbeddingCache
from course_utils.catalog import DATA, Catalog, Item, item_id
from course_utils.evidence import Thermometer
from course_utils.media import MediaError, check_file, kind_of, read_frames, video_seconds
from course_utils.search import best_cosines
from course_utils.spaces import ArrayStore, Store, StoreError, check_text

KINDS = ("image", "video", "audio")
SPACES = {"image": ("image",), "video": ("video", "image", "audio"), "audio": ("audio",)}
EVERY, MOST_FRAMES = 1.0, 8  # seconds of video for which one key frame is taken; and how many
DEPTH = 20  # how far down each list is read before lists are put together
BRIDGES = 3  # videos between a picture and a sound
SAMPLE = 200  # items of a kind and space whose pairs say what a cosine is worth, drawn among the
MOST_KNOWN = 5000  # first so many that were added
# Between a video's id and the number of a key frame, from 0. No file has such a path, since nothing
# lies below a file.
FRAME = "/#frame="


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
        self._lengths: dict[tuple, float] = {}

    # ---- filling ----

    def add(self, catalog: Iterable[Item]) -> Catalog:
        """Encode items and put their vectors into the store; items that are there are replaced.

        Args:
            catalog: items of any kinds. Of several with one file the last counts.

        Returns:
            Those that could be used. Each of the others is printed with the reason, and is not in
            the store any more if it was.

        Raises:
            StoreError: the store holds vectors of other encoders, or the database failed.
        """
        catalog = Catalog({item_id(item.path): item for item in catalog}.values())
        problems = [problem for item in catalog if (problem := _unfit(item))]
        fit = [item for item in catalog if not _unfit(item)]
        for space in {space for item in fit for space in SPACES[item.kind]}:
            self.store.create(self.encoders[space])  # or it says now, before hours of encoding, no
        before = [self.items.get(item_id(item.path), item) for item in fit]
        self.remove(old for old, new in zip(before, fit, strict=True) if old.kind != new.kind)
        for kind in KINDS:
            items = [item for item in fit if item.kind == kind]
            for space in SPACES[kind] if items else ():
                bad: list[MediaError] = []
                arrays = self._encode(space, kind, [item.path for item in items], bad)
                left_out = {error.path for error in bad}
                usable = [item for item in items if item.path not in left_out]
                unusable = [item for item in items if item.path in left_out]
                if space == kind:
                    problems += bad
                    items = usable
                    self.remove(unusable)
                else:  # a video without sound, which can still be watched
                    self._clear(space, unusable)
                self._write(space, kind, usable, arrays)
        return catalog.without(problems)

    def remove(self, items: Iterable[Item]) -> None:
        """Take items out of the store; those that are not in it do no harm. Files stay."""
        items = [item for item in items if not _unfit(item)]
        for space in self._spaces:
            self._clear(space, items)
        for item in items:
            self.items.pop(item_id(item.path), None)

    def _clear(self, space: str, items: list[Item]) -> None:
        """Take items out of one space."""
        names = [item_id(item.path) for item in items]
        films = [item_id(item.path) for item in items if _by_frames(space, item.kind)]
        if names and space in self._spaces:
            self.store.delete(space, names + [name for film in films for name in _frame_ids(film)])
        for (where, _), known in self._known.items():
            for name in names if where == space else ():
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
        seconds = self._seconds(path)
        moments = key_moments(seconds)
        rate = len(moments) / seconds
        frames = read_frames(path, rate=rate, start=moments[0], count=len(moments))
        return self.encoders["image"].encode_frames(frames)

    def _seconds(self, path: Path) -> float:
        status = check_file(path).stat()  # another film may come to lie under the same name
        key = (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if key not in self._lengths:
            self._lengths[key] = video_seconds(path)
        return self._lengths[key]

    def _write(self, space: str, kind: str, items: list[Item], arrays: list[np.ndarray]) -> None:
        if not items:
            return
        frames = _by_frames(space, kind)
        if frames:  # the film may have been longer once
            self._clear(space, items)
        ids, labels = [], []
        for item, array in zip(items, arrays, strict=True):
            name = item_id(item.path)
            ids += _frame_ids(name, len(array)) if frames else [name]
            labels += [item.label] * len(array)
        self.store.upsert(self.encoders[space], ids, np.concatenate(arrays), labels, kind)
        known = self._known.setdefault((space, kind), {})
        for item, array in zip(items, arrays, strict=True):
            name = item_id(item.path)
            self.items[name] = item
            if len(known) < MOST_KNOWN or name in known:
                known[name] = array
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
        kinds: str | Iterable[str] = KINDS,
        spaces: str | Iterable[str] = KINDS,
        leave_out: str | Iterable[str] = (),
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
            A list for each of `kinds`, best first. Items whose files are gone are not in it.

        Raises:
            MediaError: the query's file cannot be used.
            ValueError: k is below 1, or a kind or space has a wrong name.
            StoreError: nothing was added yet, or the database failed.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        query = query if isinstance(query, Item) else self.item(query)
        leave_out = _several(leave_out)
        found = {}
        for kind in _several(kinds):
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
        spaces, leave_out = set(_several(spaces)), set(_several(leave_out))
        if wrong := ({kind} | spaces) - set(KINDS):
            raise ValueError(f"{', '.join(sorted(wrong))}: kinds and spaces are {KINDS}.")
        if depth < 1:
            raise ValueError(f"depth is {depth}; ask for at least one result.")
        if not self._spaces:
            raise StoreError("Nothing is in the store yet; add a catalog first.")
        query = query if isinstance(query, Item) else self.item(query)
        without = {item_id(query.path)}
        without |= {name for name, item in self.items.items() if item.source in leave_out}
        without |= leave_out - self.items.keys()  # items of an earlier day are their own sources
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
        lists = []
        for bridge in self._nearest(query, first, "video", BRIDGES, without):
            with suppress(MediaError):  # the video's file was changed, and is no video any more
                steps = self._nearest(bridge.item, second, kind, depth, without)
                lists.append([(bridge, step) for step in steps])
        return lists

    def item(self, query: str | Path) -> Item:
        """Return the item that a name or a file stands for.

        Args:
            query: an added item's id or name, or the path of any file.

        Raises:
            MediaError: there is no such item or file, or it is none of the three kinds.
        """
        path = Path(query)
        with suppress(RuntimeError):  # a file may be named ~x without anybody being called x
            path = path.expanduser()
        for name in (str(query), item_id(path)):
            if name in self.items:
                return self.items[name]
        for item in self.items.values():
            if str(query) == item.name:
                return item
        if not _is_file(path) and _is_file(DATA / path):  # the id of an item of an earlier day
            path = DATA / path
        return Item(
            path, kind_of(path), "yours", source=str(path), caption=path.name, alt=path.name
        )

    def _nearest(self, query, space, kind, k, without) -> list[Step]:
        """Return the k items of a kind that are nearest to an item in one space."""
        try:
            vectors = self._encode(space, query.kind, [query.path])[0]
        except MediaError:
            if (query.kind, space) != ("video", "audio"):
                raise
            self._seconds(query.path)  # raises the error of a video that cannot be watched
            return []  # a silent video
        best: dict[str, tuple[float, int | None]] = {}
        for name, cosine, frame in self._hits(space, vectors, kind, k, without):
            if name not in best or cosine > best[name][0]:
                best[name] = (cosine, frame)
        scale = self.scale(space, query.kind, kind)
        nearest = sorted(best.items(), key=lambda found: -found[1][0])[:k]
        return [
            Step(
                space,
                self.items[name],
                cosine,
                scale.percentile(cosine) if scale else None,
                self._moment(self.items[name].path, frame),
            )
            for name, (cosine, frame) in nearest
        ]

    def _hits(self, space, queries, kind, k, without) -> list[tuple[str, float, int | None]]:
        """Return (id, cosine, key frame) of rows; for each query at least k items if there are."""
        frames = _by_frames(space, kind)
        limit = (k + len(without)) * (MOST_FRAMES if frames else 1)
        there = None
        while True:
            if limit > 1000:  # no more than there are: databases refuse very high numbers
                there = max(1, self.store.count(space, kind=kind))
                limit = min(limit, there)
            lists = self.store.search_many(self.encoders[space], queries, limit, kind=kind)
            found = [self._kept(hits, kind, frames, without) for hits in lists]
            if limit == there or all(
                len(hits) < limit or len({name for name, *_ in kept}) >= k
                for hits, kept in zip(lists, found, strict=True)
            ):
                return list(chain.from_iterable(found))
            limit *= 4  # many files are gone

    def _kept(self, hits, kind, frames, without) -> list[tuple[str, float, int | None]]:
        """Return the rows of items that may be answers."""
        kept = []
        for hit in hits:
            name, _, number = hit.id.rpartition(FRAME) if frames else (hit.id, "", "")
            item = self.items.get(name)
            if item is None:  # from an earlier day
                path = DATA / name
                item = Item(path, kind, hit.label, source=name, caption=path.name)
            if name not in without and _is_file(item.path):
                self.items[name] = item
                kept.append((name, hit.score, int(number) if frames else None))
        return kept

    def _moment(self, path: Path, frame: int | None) -> float | None:
        """Return the second of a video's key frame, None if that cannot be known any more."""
        if frame is None:
            return None
        try:
            moments = key_moments(self._seconds(path))
        except MediaError:  # the file was changed since
            return None
        return moments[frame] if frame < len(moments) else None


def _by_frames(space: str, kind: str) -> bool:
    return (space, kind) == ("image", "video")


def _frame_ids(name: str, count: int = MOST_FRAMES) -> list[str]:
    return [f"{name}{FRAME}{number}" for number in range(count)]


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
        return MediaError(
            item.path,
            "or its label is empty, too long or holds control characters",
            "rename it",
        )
    return None


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
