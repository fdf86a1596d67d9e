"""What a store of embeddings is, and the simplest one: in memory, searched exactly.

Each space (`image`, `video`, `audio`) has a passport: which encoder its vectors come from.
ResNet-18 and R3D-18 both give 512 numbers, so no database would notice if they were mixed; the
passport does.

`course_utils.store` has the same with a database.
"""

from __future__ import annotations

import re
import time
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.search import top_k, unit_length

ID_BYTES, LABEL_BYTES = 1024, 256  # how long an id, and a label or kind, may be in UTF-8


class StoreError(RuntimeError):
    """A store that cannot do what it was asked; the message says what to do."""


Wanted = dict[str, list[str]]  # column: the values of which a row must have one


@dataclass(frozen=True)
class Hit:
    """One search result.

    Attributes:
        id: what it was stored under.
        score: its cosine with the query, -1 to 1.
        label: what it shows.
        kind: what its file is: `image`, `video` or `audio`. A video's key frames are in the space
            `image` and have the kind `video`.
    """

    id: str
    score: float
    label: str
    kind: str


@dataclass(frozen=True)
class Passport:
    """Which encoder made a space's vectors: what must agree before two vectors are compared."""

    space: str
    name: str
    dim: int
    fingerprint: str

    @classmethod
    def of(cls, encoder) -> Passport:
        """Return the passport of an encoder, or of anything with these four members."""
        return cls(encoder.space, encoder.name, int(encoder.dim), str(encoder.fingerprint))

    def __str__(self) -> str:
        return f"{self.name} ({self.dim} numbers, fingerprint {self.fingerprint})"


class Store(ABC):
    """What all stores have in common; use `VectorStore`, `ArrayStore` or `open_store`.

    Wherever vectors go in, their encoder is named and its passport is compared with the space's.

    Introduced in notebook 4.
    """

    def create(self, encoder) -> None:
        """Make the encoder's space; if it is there already, only compare the passports.

        Raises:
            StoreError: the space holds vectors of another encoder.
        """
        passport = Passport.of(encoder)
        if not self._check(passport):
            self._create(passport)

    def upsert(
        self,
        encoder,
        ids: Sequence[str],
        vectors: np.ndarray,
        labels: Sequence[str] | str = "unlabelled",
        kinds: Sequence[str] | str | None = None,
    ) -> None:
        """Add vectors to the encoder's space, or replace those that have the same id.

        Args:
            encoder: what the vectors were made with.
            ids: n different texts, such as file names.
            vectors: float32 of shape (n, dim).
            labels: n labels, or one for all.
            kinds: n kinds, or one for all; None takes the space's name.

        Raises:
            ValueError: an argument has the wrong shape, or a text is empty or too long.
            StoreError: the space holds vectors of another encoder, or the database failed. Batches
                before the failure are kept; do it again, since replacing is harmless.
        """
        passport = Passport.of(encoder)
        ids, n = [str(name) for name in ids], len(ids)
        vectors = np.asarray(vectors)
        if vectors.shape != (n, passport.dim):
            raise ValueError(
                f"{n} ids and vectors of shape {vectors.shape}; {passport.name} gives "
                f"({n}, {passport.dim}) for them."
            )
        if len(set(ids)) < n:
            twice, _ = Counter(ids).most_common(1)[0]
            raise ValueError(f"The id {twice!r} is there twice; every vector needs its own.")
        columns = {"id": ids}
        for name, given in (("label", labels), ("kind", kinds or passport.space)):
            column = [given] * n if isinstance(given, str) else [str(value) for value in given]
            if len(column) != n:
                raise ValueError(f"{n} ids and {len(column)} {name}s; give one for each.")
            columns[name] = column
        for name, column in columns.items():
            for value in set(column):
                check_text(name, value)
        vectors = unit_length(vectors).astype(np.float32)
        self.create(encoder)
        first = time.time_ns()  # rows have the order in which they came, for ties
        rows = [
            {"id": ids[i], "label": columns["label"][i], "kind": columns["kind"][i],
             "added": first + i, "vector": vectors[i]}
            for i in range(n)
        ]  # fmt: skip
        self._upsert(passport.space, rows)

    def search(
        self,
        encoder,
        vector: np.ndarray,
        k: int = 5,
        label: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
    ) -> list[Hit]:
        """Return the k vectors of the encoder's space that are most similar, best first.

        Args:
            encoder: what the query was made with.
            vector: the query, shape (dim,).
            k: how many results; with fewer in the space, all of them.
            label: only items with this label, or one of these.
            kind: only items of this kind, or one of these.

        Returns:
            The results; those with the same cosine in the order in which they were added.

        Raises:
            ValueError: k is below 1, or the query has the wrong shape or no direction.
            StoreError: there is no such space, it holds vectors of another encoder, or the
                database failed.
        """
        if np.ndim(vector) != 1:
            raise ValueError(
                f"The query has shape {np.shape(vector)}; give one vector, such as "
                "encode([path])[0], or use search_many."
            )
        return self.search_many(encoder, np.asarray(vector)[None], k, label, kind)[0]

    def search_many(
        self,
        encoder,
        vectors: np.ndarray,
        k: int = 5,
        label: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
    ) -> list[list[Hit]]:
        """Search for several vectors at once, shape (n, dim), such as a video's key frames.

        A database then needs one message instead of n. Everything else is as in `search`.

        Returns:
            n lists of results.
        """
        passport = Passport.of(encoder)
        if np.ndim(vectors) != 2:
            raise ValueError(
                f"The queries have shape {np.shape(vectors)}; give several vectors, such as "
                "encode(paths), or use search for one."
            )
        if np.shape(vectors)[1] != passport.dim:
            raise ValueError(
                f"A query has shape {np.shape(vectors)[1:]}, not ({passport.dim},); give vectors "
                f"of {passport.name}, such as encode([path])[0]."
            )
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        vectors = unit_length(vectors).astype(np.float32)
        if not self._check(passport):
            raise StoreError(f"There is no space {passport.space!r} yet; upsert vectors first.")
        if not len(vectors):
            return []
        return self._search(passport.space, vectors, k, _wanted(label, kind))

    def count(
        self,
        space: str,
        label: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
    ) -> int:
        """Return how many vectors a space has, with this label and kind if given."""
        if self._passport(_checked(space)) is None:
            return 0
        return self._count(space, _wanted(label, kind))

    def delete(self, space: str, ids: Sequence[str]) -> None:
        """Remove vectors by their ids; ids that are not there do no harm."""
        if isinstance(ids, str):
            raise TypeError("delete takes a list of ids; write [id] for one.")
        if self._passport(_checked(space)) is not None:
            self._delete(space, [check_text("id", str(name)) for name in ids])

    def drop(self, space: str) -> None:
        """Remove a space with all its vectors and its passport, if it is there."""
        if self._passport(_checked(space)) is not None:
            self._drop(space)

    def close(self) -> None:  # noqa: B027 - only a database has something to close
        """Let go of the database, so that another program can open it."""

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _check(self, passport: Passport) -> bool:
        """Return whether the space is there, after comparing the passports."""
        there = self._passport(_checked(passport.space))
        if there and there != passport:
            raise StoreError(
                f"The space {passport.space!r} holds vectors of {there}, which cannot be compared "
                f"with those of {passport}; use that encoder, or drop({passport.space!r}) and fill "
                "the space again."
            )
        return there is not None

    @abstractmethod
    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""

    @abstractmethod
    def _passport(self, space: str) -> Passport | None: ...

    @abstractmethod
    def _create(self, passport: Passport) -> None: ...

    @abstractmethod
    def _upsert(self, space: str, rows: list[dict]) -> None: ...

    @abstractmethod
    def _search(
        self, space: str, queries: np.ndarray, k: int, wanted: Wanted
    ) -> list[list[Hit]]: ...

    @abstractmethod
    def _count(self, space: str, wanted: Wanted) -> int: ...

    @abstractmethod
    def _delete(self, space: str, ids: list[str]) -> None: ...

    @abstractmethod
    def _drop(self, space: str) -> None: ...


class ArrayStore(Store):
    """A store in this kernel's memory: one matrix product a search, exact, and gone at the end.

    Introduced in notebook 4.
    """

    def __init__(self):
        """Start empty."""
        self._passports: dict[str, Passport] = {}
        self._rows: dict[str, dict[str, dict]] = {}  # space: id: row
        self._matrix: dict[str, np.ndarray] = {}  # space: its vectors, until something changes

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        return dict(self._passports)

    def _passport(self, space: str) -> Passport | None:
        return self._passports.get(space)

    def _create(self, passport: Passport) -> None:
        self._passports[passport.space] = passport
        self._rows[passport.space] = {}

    def _upsert(self, space: str, rows: list[dict]) -> None:
        self._delete(space, [row["id"] for row in rows])  # so that replaced ones are last in order
        self._rows[space].update({row["id"]: row for row in rows})

    def _search(self, space: str, queries: np.ndarray, k: int, wanted: Wanted) -> list[list[Hit]]:
        rows = list(self._rows[space].values())
        if space not in self._matrix and rows:
            self._matrix[space] = np.array([row["vector"] for row in rows])
        kept = [i for i, row in enumerate(rows) if _is(row, wanted)]
        if not kept:
            return [[] for _ in queries]
        vectors = self._matrix[space]
        vectors = vectors if len(kept) == len(rows) else vectors[kept]
        found = []
        for query in queries:
            hits = zip(*top_k(query, vectors, k), strict=True)
            rows_found = [(rows[kept[i]], float(score)) for i, score in hits]
            found.append([Hit(r["id"], score, r["label"], r["kind"]) for r, score in rows_found])
        return found

    def _count(self, space: str, wanted: Wanted) -> int:
        return sum(_is(row, wanted) for row in self._rows[space].values())

    def _delete(self, space: str, ids: list[str]) -> None:
        for name in ids:
            self._rows[space].pop(name, None)
        self._matrix.pop(space, None)

    def _drop(self, space: str) -> None:
        for part in (self._passports, self._rows, self._matrix):
            part.pop(space, None)


def _wanted(label: str | Sequence[str] | None, kind: str | Sequence[str] | None) -> Wanted:
    """Return the values that are asked for, without the columns that may have any."""
    wanted = {}
    for column, values in (("label", label), ("kind", kind)):
        if values is not None:
            values = [values] if isinstance(values, str) else values
            wanted[column] = [check_text(column, str(value)) for value in values]
    return wanted


def _is(row: dict, wanted: Wanted) -> bool:
    return all(row[column] in values for column, values in wanted.items())


def _checked(space: str) -> str:
    """Return the name of a space if it can be a collection's name too."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", space):
        raise ValueError(f"{space!r} cannot name a space; use small letters, digits and _.")
    return space


def check_text(column: str, value: str) -> str:
    """Return a text if every database can store it and look for it."""
    most = ID_BYTES if column == "id" else LABEL_BYTES
    # Control characters and halves of characters, as in broken file names
    strange = any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
    if strange or not 0 < len(value.encode()) <= most:
        raise ValueError(
            f"The {column} {value[:40]!r} is empty, longer than {most} bytes or holds control "
            "characters; rename it."
        )
    return value
