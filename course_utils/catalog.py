"""Which media files there are, and what is known of them.

`Catalog.load()` gives the course's own media, `Catalog.from_folder(...)` yours.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.media import FORMATS, MediaError
from course_utils.session import DATA


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
        """The file's name without folder and suffix."""
        return self.path.stem

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
        items = []
        with file.open(encoding="utf-8-sig", newline="") as lines:  # with or without Excel's mark
            for row in csv.DictReader(lines):
                if missing := [name for name in fields if row.get(name) is None]:
                    raise ValueError(f"{file.name} lacks the column(s) {', '.join(missing)}.")
                row = {name: row[name] for name in fields}
                row["tags"] = tuple(tag for tag in row["tags"].split(";") if tag)
                row["path"] = file.parent / row["path"]
                if not row["path"].is_file():
                    raise ValueError(
                        f"{file.name} names {str(row['path'])!r}, which is not there; "
                        "fetch the project's data/ folder again."
                    )
                items.append(Item(**row))
        if not items:
            raise ValueError(f"{file.name} lists no files; fetch the project's data/ folder again.")
        return cls(items)

    @classmethod
    def from_folder(cls, folder: str | Path, kind: str = "image") -> Catalog:
        """List the pictures (videos, sounds) in a folder and its subfolders, in alphabetical order.

        A picture's label is the name of the subfolder it lies in (`my_photos/cats/tom.jpg` is a
        `cats`), or `unlabelled` if it lies in the folder itself. Hidden files are left out; links
        to folders are not followed.

        Args:
            folder: the folder.
            kind: `image`, `video` or `audio`.

        Raises:
            FileNotFoundError: there is no such folder.
            NotADirectoryError: it is a file.
            ValueError: there are no pictures (videos, sounds) in it.
        """
        what, suffixes, hint = {
            "image": ("pictures", FORMATS["image"], " (save HEIC photos as JPEG)"),
            "video": ("videos", FORMATS["video"], ""),
            "audio": ("sounds", FORMATS["audio"], ""),
        }[kind]
        folder = Path(folder)
        if folder.is_file():
            raise NotADirectoryError(f"{str(folder)!r} is a file; name the folder it lies in.")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"There is no folder {str(folder)!r} (looked from {str(Path.cwd())!r}); "
                f"make it and put some {what} in."
            )
        items = []
        for here, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(here, name)
                if name.startswith(".") or path.suffix.lower() not in suffixes:
                    continue
                label = "unlabelled" if Path(here) == folder else Path(here).name
                items.append(
                    Item(path, kind, label, source=str(path), caption=path.stem, alt=path.name)
                )
        if not items:
            raise ValueError(
                f"There are no {what} in {str(folder)!r}; "
                f"it may hold files that end in {', '.join(suffixes)}{hint}."
            )
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
        for problem in problems:
            print(f"Left out: {problem}")
        bad = {problem.path for problem in problems}
        return Catalog([item for item in self.items if item.path not in bad])

    def find(self, name: str) -> int:
        """Return the position of the item whose file name (without suffix) is `name`."""
        for position, item in enumerate(self.items):
            if name in (item.name, item.path.name):
                return position
        raise KeyError(f"No item is named {name!r}.")

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


def item_id(path: str | Path) -> str:
    """Return what an item is called in the store: its path, from data/ on if it lies there.

    It is the same on every way to the file's folder, such as `../here/a.jpg`. A link to a file is
    an item of its own.
    """
    path = Path(path)
    path, data = Path(os.path.realpath(path.parent), path.name), os.path.realpath(DATA)
    return path.relative_to(data).as_posix() if path.is_relative_to(data) else path.as_posix()
