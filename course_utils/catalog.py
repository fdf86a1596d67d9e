"""Which media files there are, and what is known of them.

`Catalog.load()` gives the course's own media, `Catalog.from_folder(...)` yours.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from course_utils.media import FORMATS, HEIC, WORDS, MediaError, displayable, moves
from course_utils.session import DATA

# What systems put into people's folders: thumbnails, deleted files, notes of their own.
SYSTEM = re.compile(
    r"\.|@eadir|[#@]recycle|\$recycle\.bin|__macosx|lost\+found|system vol|thumbs\.db|desktop\.ini",
    re.I,
)


@dataclass(frozen=True)
class Item:
    """One media file and what is known of it: a row of data/catalog.csv.

    The role is `item` (the collection), `both` (belongs to two classes), `near-duplicate` (an
    edited copy of an item), `control` (made to test the search, not to be found by it), `motion`
    (an item's frames, held or reversed) or `extra` (for one lesson, such as a whisper).
    """

    path: Path
    kind: str = "image"  # or `video` or `audio`
    label: str = "unlabelled"  # what it shows, in a word: `pen`, `cup`, ...
    role: str = "item"
    source: str = ""  # items of one source show the same object: finding one by another is easy
    setting: str = ""  # the background and light, where known
    tags: tuple[str, ...] = ()  # short notes, such as `hard`
    caption: str = ""
    alt: str = ""  # one sentence for readers who cannot see the picture
    license: str = ""
    made: str = ""  # how it was made

    @property
    def name(self) -> str:
        """The file's name without folder and suffix, in a form that can be shown."""
        return displayable(self.path.stem)

    @property
    def title(self) -> str:
        """What to call it in a line: a sound by its name and transcript, for many say the same."""
        if self.kind == "audio" and self.caption not in ("", self.name):
            return f"{self.name}: {self.caption}"
        return self.caption or self.name


class Catalog(Sequence):
    """A list of items that can be narrowed down.

    Introduced in notebook 1.
    """

    def __init__(self, items: Iterable[Item]):
        """Keep the items in the order given."""
        self.items = tuple(items)

    @classmethod
    def load(cls, file: str | Path = DATA / "catalog.csv") -> Catalog:
        """Read a catalog file; paths in it are relative to the file's folder.

        Raises:
            FileNotFoundError: the file is not there, or one that it names.
            ValueError: a column is missing, or the file is not in UTF-8.
        """
        file, items = Path(file), []
        text = file.read_bytes() if file.is_file() else b""
        try:
            for row in csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")):
                known = {field.name: row[field.name] or "" for field in fields(Item)}
                known["path"] = file.parent / known["path"]
                known["tags"] = tuple(filter(None, known["tags"].split(";")))
                items.append(Item(**known))
        except (UnicodeDecodeError, KeyError) as error:
            words = "save it as 'CSV UTF-8' with the columns " + ", ".join(Item.__match_args__)
            raise ValueError(f"{str(file)!r} cannot be read ({error}); {words}.") from None
        if missing := [str(path) for path in (file, *cls(items).paths) if not path.is_file()]:
            raise FileNotFoundError(f"{missing[0]!r} is missing; is the whole project folder here?")
        return cls(items)

    @classmethod
    def from_folder(cls, folder: str | Path, kind: str = "image") -> Catalog:
        """List the pictures (videos, sounds) in a folder and its subfolders, in alphabetical order.

        A picture's label is the name of the subfolder it lies in (`my_photos/cats/tom.jpg` is a
        `cats`), or `unlabelled` if it lies in the folder itself; `kind` is `image`, `video` or
        `audio`. What is hidden or put there by systems is passed over, links to folders are not
        followed; one line counts what else is left out. GIFs and PNGs that move are videos.

        Raises:
            ValueError: there are no pictures (videos, sounds) in it, no such folder or kind.
        """
        if kind not in FORMATS:
            raise ValueError(f"kind is {kind!r}; it may be {', '.join(FORMATS)}.")
        folder, items, left = Path(folder).expanduser(), [], Counter()
        for path in sorted(folder.rglob("*"), key=lambda path: (path.parent.parts, path.name)):
            if any(map(SYSTEM.match, path.relative_to(folder).parts)):
                continue
            if (found := _taken_for(path)) != kind:
                left[WORDS.get(found, found)] += 1
                continue
            label = "unlabelled" if path.parent == folder else displayable(path.parent.name)
            words = {"caption": displayable(path.stem), "alt": displayable(path.name)}
            items.append(Item(path, kind, label, source=str(path), **words))
        del left["folder"]  # what is in it has been counted
        said = ", ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in sorted(left.items()))
        if any(f"{suffix} file" in left for suffix in HEIC):
            said += " (save HEIC as JPEG, or install pillow-heif)"
        if not items:
            raise ValueError(
                f"There are no {WORDS[kind]}s in {str(folder.absolute())!r} ({said or 'nothing'} "
                f"there); put some in, files that end in {', '.join(FORMATS[kind])}."
            )
        if said:
            print(f"Left out: {said}.")
        return cls(items)

    def select(self, **wanted: str | Iterable[str]) -> Catalog:
        """Return the items whose attributes are as wanted; ValueError if there are none.

        Args:
            wanted: attribute=value or attribute=[values], such as `label=["pen", "cup"]`; for
                `tags`, one tag that the item must have.
        """
        items = self.items
        for attribute, values in wanted.items():
            values = {values} if isinstance(values, str) else set(map(str, values))
            has = [getattr(item, attribute) for item in items]
            has = [set(value) if isinstance(value, tuple) else {str(value)} for value in has]
            items = [item for item, mine in zip(items, has, strict=True) if mine & values]
            if not items:
                there = ", ".join(sorted(set().union(*has)))
                raise ValueError(f"No item has {attribute} {sorted(values)}; there are: {there}.")
        return Catalog(items)

    def without(self, problems: Iterable[MediaError]) -> Catalog:
        """Return the items whose files are not among the problems; print each of those."""
        bad = {problem.path: problem for problem in problems}
        for problem in bad.values():
            print(f"Left out: {problem}")
        return Catalog(item for item in self.items if item.path not in bad)

    def find(self, name: str | Path) -> int:
        """Return the position of an item.

        Args:
            name: the path of its file, or the file's name, with or without suffix and folder.

        Raises:
            KeyError: there is no such item, or several.
        """
        path, places = Path(name), {}
        own = os.path.isfile(path) and item_id(path)  # noqa: PTH113 (takes what is no path, too)
        folders = path.parent.parts
        for position, item in enumerate(self.items):
            if path.name in (item.name, item.path.name, item.path.stem):  # else no disk is asked
                same = item.path.parts[-len(folders) - 1 : -1] == folders
                if item_id(item.path) == own if own else same:
                    places.setdefault(item.path, position)
        if len(places) != 1:
            found = f"{len(places)} items are" if places else "No item is"
            raise KeyError(f"{found} named {str(name)!r}; give the name of one, with its folder.")
        return next(iter(places.values()))

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [item.path for item in self.items]

    @property
    def labels(self) -> np.ndarray:
        """The labels, as an array of strings of shape (n,)."""
        return np.array([item.label for item in self.items])

    @property
    def sources(self) -> np.ndarray:
        """The sources, as an array of strings of shape (n,)."""
        return np.array([item.source for item in self.items])

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position):
        """One item for a number; a Catalog for a slice, a mask or a list of numbers."""
        if isinstance(position, (int, np.integer)):
            return self.items[position]
        return Catalog([self.items[i] for i in np.arange(len(self))[position]])

    def __repr__(self) -> str:
        counts = Counter(sorted(self.labels.tolist()))
        parts = ", ".join(f"{count} {label}" for label, count in counts.items())
        return f"Catalog of {len(self)} items: {parts}"


def _taken_for(path: Path) -> str:
    """Return what lies in a folder is taken for: a kind, or what it is called by its suffix."""
    if path.is_dir():
        return "folder" if os.access(path, os.R_OK | os.X_OK) else "closed folder"
    suffix = path.suffix.lower()
    if suffix in (".gif", ".png", ".apng") and moves(path):
        return "video"
    kinds = (kind for kind, suffixes in FORMATS.items() if suffix in suffixes)
    return next(kinds, f"{displayable(suffix)} file".strip())


def item_id(path: str | Path) -> str:
    """Return what an item is called in the store: its path, from data/ on if it lies there.

    It is the same on every way to the file's folder, such as `../here/a.jpg`. A link to a file is
    an item of its own.
    """
    path = Path(os.path.realpath(Path(path).parent), Path(path).name)
    data = os.path.realpath(DATA)
    name = path.relative_to(data).as_posix() if path.is_relative_to(data) else path.as_posix()
    return name.encode("utf-8", "backslashreplace").decode()  # a name may hold bytes, no text
