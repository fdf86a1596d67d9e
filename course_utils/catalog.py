"""Which media files there are, and what is known of them.

`Catalog.load()` gives the course's own media, `Catalog.from_folder(...)` yours.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.media import ADDED, FORMATS, WORDS, MediaError, displayable, moves
from course_utils.session import DATA

# What systems put into people's folders: thumbnails, deleted files, notes of their own.
SYSTEM = re.compile(
    r"\.|(@eadir|[#@]recycle|\$recycle\.bin|__macosx|lost\+found|system volume information"
    r"|thumbs\.db|desktop\.ini)$",
    re.I,
)


@dataclass(frozen=True)
class Item:
    """One media file and what is known of it: a row of data/catalog.csv.

    Attributes:
        path: the file.
        kind: what it is: `image`, `video` or `audio`.
        label: what it shows, in a word: `pen`, `cup`, ...
        role: `item` (the collection), `both` (belongs to two classes), `near-duplicate` (an edited
            copy of an item), `control` (made to test the search, not to be found by it), `motion`
            (an item's frames, held or reversed) or `extra` (for one lesson, such as a whisper).
        source: where it comes from. Items of one source show the same object, so finding one with
            the other proves little; measurements leave the query's whole source out.
        setting: the background and light, where known.
        tags: short notes, such as `hard`.
        caption: a short title.
        alt: one sentence for readers who cannot see the picture.
        license: under what terms the file may be used.
        made: how it was made.
    """

    path: Path
    kind: str = "image"
    label: str = "unlabelled"
    role: str = "item"
    source: str = ""
    setting: str = ""
    tags: tuple[str, ...] = ()
    caption: str = ""
    alt: str = ""
    license: str = ""
    made: str = ""

    @property
    def name(self) -> str:
        """The file's name without folder and suffix, in a form that can be shown."""
        return displayable(self.path.stem)

    @property
    def title(self) -> str:
        """What to call it in a line: a sound by its name and transcript, for many say the same."""
        if self.kind == "audio" and self.caption != self.name:
            return f"{self.name}: {self.caption}"
        return self.caption or self.name


class Catalog:
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
            FileNotFoundError: there is no such file.
            ValueError: a column is missing, or a row names a file that is not there.
        """
        file = Path(file)
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no catalog {str(file)!r}; is the whole project folder here?"
            )
        fields = list(Item.__dataclass_fields__)
        items, there = [], {}
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:  # Excel begins with a mark
                header, *rows = list(csv.reader(lines)) or [[]]
        except UnicodeDecodeError:
            raise ValueError(f"{file.name} is not in UTF-8; save it as 'CSV UTF-8'.") from None
        for row in filter(None, rows):
            known = dict(zip(header, row, strict=False))
            if missing := [name for name in fields if name not in known]:
                raise ValueError(f"{file.name} lacks the column(s) {', '.join(missing)}.")
            values = {name: known[name] for name in fields}
            values["tags"] = tuple(tag for tag in values["tags"].split(";") if tag)
            folder, _, name = values["path"].rpartition("/")
            path = values["path"] = file.parent / values["path"]
            if folder not in there:  # looked into once: asking for each file takes long
                there[folder] = _names(path.parent)
            if name not in there[folder] and not path.is_file():
                raise ValueError(
                    f"{file.name} names {str(path)!r}, which is not there; "
                    "fetch the project's data/ folder again."
                )
            items.append(Item(**values))
        if not items:
            raise ValueError(f"{file.name} lists no files; fetch the project's data/ folder again.")
        return cls(items)

    @classmethod
    def from_folder(cls, folder: str | Path, kind: str = "image") -> Catalog:
        """List the pictures (videos, sounds) in a folder and its subfolders, in alphabetical order.

        A picture's label is the name of the subfolder it lies in (`my_photos/cats/tom.jpg` is a
        `cats`), or `unlabelled` if it lies in the folder itself. Hidden files and what systems put
        there are passed over, links to folders are not followed; one line counts what else is left
        out, and why. GIFs and PNGs that move are videos.

        Args:
            folder: the folder; a leading `~` is your home.
            kind: `image`, `video` or `audio`.

        Raises:
            FileNotFoundError: there is no such folder.
            NotADirectoryError: it is a file.
            ValueError: there are no pictures (videos, sounds) in it, or no such kind.
        """
        if kind not in FORMATS:
            raise ValueError(f"kind is {kind!r}; it may be {', '.join(FORMATS)}.")
        folder, what = Path(os.path.expanduser(folder)), f"{WORDS[kind]}s"  # noqa: PTH111
        if folder.is_file():
            raise NotADirectoryError(f"{str(folder)!r} is a file; name the folder it lies in.")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"There is no folder {str(folder)!r} (looked from {str(Path.cwd())!r}); "
                f"make it and put some {what} in."
            )
        items, left, closed = [], Counter(), []
        for here, folders, files in os.walk(folder, onerror=closed.append):
            folders[:] = sorted(name for name in folders if not SYSTEM.match(name))
            label = "unlabelled" if Path(here) == folder else displayable(Path(here).name)
            for name in sorted(name for name in files if not SYSTEM.match(name)):
                path, shown = Path(here, name), displayable(name)
                found = _taken_for(path)
                if found == kind:
                    title = displayable(path.stem)
                    items.append(
                        Item(path, kind, label, source=str(path), caption=title, alt=shown)
                    )
                else:
                    left[found] += 1
        left["folder| without permission"] = len(closed)
        words = ((WORDS.get(x, x).partition("|"), n) for x, n in sorted(left.items()) if n)
        said = ", ".join(f"{n} {word}{'s' * (n > 1)}{rest}" for (word, _, rest), n in words)
        if not items:
            raise ValueError(
                f"There are no {what} in {str(folder)!r}; it may hold files that end in "
                f"{', '.join(FORMATS[kind])}." + (f" It holds {said}." if said else "")
            )
        if said:
            print(f"Left out: {said}.")
        return cls(items)

    def select(self, **wanted: str | Iterable[str]) -> Catalog:
        """Return the items whose attributes are as wanted.

        Args:
            wanted: attribute=value or attribute=[values], such as `label=["pen", "cup"]`; for
                `tags`, one tag that the item must have.

        Raises:
            ValueError: no item is like that; the message says which values there are.
        """
        items = self.items
        for attribute, values in wanted.items():
            values = {values} if isinstance(values, str) else {str(value) for value in values}
            kept = [i for i in items if values & _values(i, attribute)]
            if not kept:
                there = sorted(set().union(*(_values(i, attribute) for i in items)))
                raise ValueError(
                    f"No item has {attribute} {sorted(values)}; there are: {', '.join(there)}."
                )
            items = kept
        return Catalog(items)

    def without(self, problems: Iterable[MediaError]) -> Catalog:
        """Return the items whose files are not among the problems; print each of those."""
        bad = set()
        for problem in problems:
            print(f"Left out: {problem}")
            bad.add(problem.path)
        return Catalog([item for item in self.items if item.path not in bad])

    def find(self, name: str | Path) -> int:
        """Return the position of an item.

        Args:
            name: the path of its file, or the file's name, with or without suffix and folder.

        Raises:
            KeyError: there is no such item, or several; the message shows their folders.
        """
        path, places = Path(name), {}
        if os.path.isfile(path):  # noqa: PTH113 (it answers for names that cannot be paths, too)
            own = item_id(path)
            for position, item in enumerate(self.items):
                if item.path.name == path.name and item_id(item.path) == own:
                    return position
            raise KeyError(f"The file {str(path)!r} is not an item of this catalog.")
        folder = path.parent.parts
        for position, item in enumerate(self.items):
            named = path.name in (item.name, item.path.name, item.path.stem)
            if named and (not folder or item.path.parts[-len(folder) - 1 : -1] == folder):
                places.setdefault(item.path, position)
        if len(places) > 1:
            raise KeyError(
                f"{len(places)} items are named {str(name)!r}: "
                f"{', '.join(repr(str(place)) for place in places)}; say which, with its folder."
            )
        if not places:
            raise KeyError(f"No item is named {str(name)!r}.")
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

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __getitem__(self, position):
        """One item for a number; a Catalog for a slice, a mask or a list of numbers."""
        if isinstance(position, (int, np.integer)):
            return self.items[position]
        return Catalog([self.items[i] for i in np.arange(len(self))[position]])

    def __repr__(self) -> str:
        labels, counts = np.unique(self.labels, return_counts=True)
        parts = ", ".join(f"{count} {label}" for label, count in zip(labels, counts, strict=True))
        return f"Catalog of {len(self)} items: {parts}"


def _values(item: Item, attribute: str) -> set[str]:
    value = getattr(item, attribute)
    return set(value) if isinstance(value, tuple) else {str(value)}


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError:
        return set()


def _taken_for(path: Path) -> str:
    """Return what a folder's file is taken for: a kind, or in a word why it is left out."""
    suffix = path.suffix.lower()
    for kind, suffixes in FORMATS.items():
        if suffix in suffixes:
            return "video" if suffix in (".gif", ".png", ".apng") and moves(path) else kind
    for name, (_, _, package, suffixes, _) in ADDED.items():
        if suffix in suffixes.split():
            return f"{name} photo| (save as JPEG, or install {package})"
    return "other file"


def item_id(path: str | Path) -> str:
    """Return what an item is called in the store: its path, from data/ on if it lies there.

    It is the same on every way to the file's folder, such as `../here/a.jpg`. A link to a file is
    an item of its own.
    """
    path = Path(path)
    path, data = Path(os.path.realpath(path.parent), path.name), os.path.realpath(DATA)
    name = path.relative_to(data).as_posix() if path.is_relative_to(data) else path.as_posix()
    return name.encode(
        "utf-8", "backslashreplace"
    ).decode()  # a name may hold bytes that are no text
