"""A vector database: where embeddings live once there are many, or several programs need them.

Milvus is a folder on this computer, or with MILVUS_URI=http://host:19530 (and MILVUS_TOKEN) a
server or a cluster. Where it cannot be used, an exact search in memory takes its place.

Each space (`image`, `video`, `audio`) has a passport: which encoder its vectors come from.
ResNet-18 and R3D-18 both give 512 numbers, so only the passport tells them apart.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.search import unit_length
from course_utils.session import cache_folder

CONNECT_SECONDS, CALL_SECONDS = 5, 30  # how long a server may take to answer
BATCH = 1000  # rows in one message; servers refuse messages over 64 MB
MAX_RESULTS = 16_384  # that Milvus returns at once
ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})  # in a filter's texts
TIE = 1e-6  # cosines nearer than this are equal: each database rounds in its own way


class StoreError(RuntimeError):
    """A store that cannot do what it was asked; the message says what to do."""


class Hit(NamedTuple):
    """One search result: its id, its cosine with the query (-1 to 1), its label and kind.

    A video's key frames are in the space `image`, of the kind `video`.
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


class Store(AbstractContextManager):
    """What `MemoryStore` and `VectorStore` have in common.

    Wherever vectors go in, their encoder is named and its passport is compared with the space's:
    another one raises StoreError, as does a database that failed.
    """

    def create(self, encoder) -> None:
        """Make the encoder's space; if it is there already, only compare the passports."""
        if not self._there(encoder):
            self._create(Passport.of(encoder))

    def upsert(self, encoder, ids, vectors, labels="unlabelled", kinds=None) -> None:
        """Add vectors to the encoder's space, or replace those that have the same id.

        Args:
            encoder: what the vectors were made with.
            ids: n different texts, such as file names.
            vectors: float32 of shape (n, dim).
            labels: n labels, or one for all.
            kinds: n kinds, or one for all; None takes the space's name.

        Raises:
            ValueError: an argument has the wrong shape, or a vector has no direction.
            StoreError: as above. Do it again: what was written before a failure is replaced.
        """
        ids, dim, kinds, n = list(map(str, ids)), encoder.dim, kinds or encoder.space, len(ids)
        labels, kinds = ([x] * n if isinstance(x, str) else list(x) for x in (labels, kinds))
        if np.shape(vectors) != (n, dim) or not len({*ids}) == len(labels) == len(kinds) == n:
            raise ValueError(
                f"There are {n} ids ({len({*ids})} different), {len(labels)} labels, {len(kinds)} "
                f"kinds and vectors of shape {np.shape(vectors)}; give n of each, and (n, {dim})."
            )
        vectors = unit_length(vectors).astype(np.float32)
        self.create(encoder)
        self._upsert(encoder.space, list(zip(ids, labels, kinds, vectors, strict=True)))

    def search(self, encoder, vector, k=5, label=None, kind=None) -> list[Hit]:
        """Return the k vectors of the encoder's space that are most similar to a query.

        Args:
            encoder: what the query was made with.
            vector: the query, shape (dim,).
            k: how many results: fewer if the space has fewer, and 16,384 of Milvus at most.
            label: only items with this label.
            kind: only items of this kind.

        Returns:
            Best first; equal cosines in the order in which they were added.

        Raises:
            ValueError: k is below 1, or the query has the wrong shape or no direction.
            StoreError: as above, or there is no such space.
        """
        if k < 1 or np.shape(vector) != (encoder.dim,):
            raise ValueError(
                f"k is {k} and the query has shape {np.shape(vector)}; ask for at least one "
                f"result, with one vector of shape ({encoder.dim},), such as encode([path])[0]."
            )
        if not self._there(encoder):
            raise StoreError(f"There is no space {encoder.space!r} yet; upsert vectors first.")
        query = unit_length(vector).astype(np.float32)
        return self._search(encoder.space, query, k, {"label": label, "kind": kind})

    def count(self, space: str, label=None, kind=None) -> int:
        """Return how many vectors a space has, with this label and of this kind."""
        there = self._passport(space)
        return self._count(space, {"label": label, "kind": kind}) if there else 0

    def delete(self, space: str, ids: Sequence[str]) -> None:
        """Remove vectors by a list of their ids; ids that are not there do no harm."""
        if self._passport(space):
            self._delete(space, ids)

    def drop(self, space: str) -> None:
        """Remove a space with all its vectors and its passport, if it is there."""
        if self._passport(space):
            self._drop(space)

    def close(self) -> None:
        """Let go of the database, so that another program can open it."""

    def __exit__(self, *_) -> None:
        self.close()

    def _there(self, encoder) -> bool:
        """Return whether the encoder's space is there, after comparing the passports."""
        mine, there = Passport.of(encoder), self._passport(encoder.space)
        if there not in (None, mine):
            raise StoreError(
                f"The space {mine.space!r} holds vectors of {there}, which cannot be compared with "
                f"those of {mine}; use that encoder, or drop({mine.space!r}) and fill it again."
            )
        return there is not None


class MemoryStore(Store):
    """A store in this kernel's memory: it compares with every vector, and is gone at the end."""

    def __init__(self):
        """Start empty."""
        self._passports: dict[str, Passport] = {}
        self._rows: dict[str, dict[str, tuple]] = {}  # space: id: (id, label, kind, vector)

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        return dict(self._passports)

    def _passport(self, space):
        return self._passports.get(space)

    def _create(self, passport):
        self._passports[passport.space], self._rows[passport.space] = passport, {}

    def _upsert(self, space, rows):
        self._delete(space, [row[0] for row in rows])  # so that those that are replaced come last
        self._rows[space].update((row[0], row) for row in rows)

    def _wanted(self, space, only):
        rows = self._rows[space].values()
        return [r for r in rows if only["label"] in (None, r[1]) and only["kind"] in (None, r[2])]

    def _search(self, space, query, k, only):
        rows = enumerate(self._wanted(space, only))
        return _best([(query @ vector, n, *facts) for n, (*facts, vector) in rows], k)

    def _count(self, space, only):
        return len(self._wanted(space, only))

    def _delete(self, space, ids):
        for name in ids:
            self._rows[space].pop(name, None)

    def _drop(self, space):
        del self._passports[space], self._rows[space]


class VectorStore(Store):
    """Milvus: a folder on this computer, a server, or a cluster.

    `where` is the folder, or the address without any password.

    Source: https://milvus.io/docs/milvus_lite.md
    """

    def __init__(self, prefix: str = "course", uri: str | Path | None = None):
        """Connect.

        Args:
            prefix: what the collections' names begin with: learners can share a server.
            uri: a server's address such as `http://localhost:19530`, or a folder whose name ends in
                `.db`; None takes MILVUS_URI, or else a folder in `cache_folder()`. A server's
                `user:password` or API key is taken from MILVUS_TOKEN.

        Raises:
            StoreError: the database cannot be opened; the message says why and what to do.
        """
        uri = str(uri or os.environ.get("MILVUS_URI") or cache_folder() / "vectors.db")
        self._local, self._client, self.prefix = uri.endswith(".db"), None, prefix
        folder = Path(uri).expanduser().absolute()
        self.where = str(folder) if self._local else uri.rpartition("//")[2].rpartition("@")[2]
        with self._in_words():
            from pymilvus import MilvusClient

            for library in ("pymilvus", "milvus_lite"):  # no stack traces beside our sentence
                logging.getLogger(library).setLevel(logging.CRITICAL + 1)
            if self._local:
                folder.parent.mkdir(parents=True, exist_ok=True)
                uri = self.where
            token = os.environ.get("MILVUS_TOKEN", "")
            self._client = MilvusClient(uri, token=token, timeout=CONNECT_SECONDS)

    def close(self) -> None:
        """Let go of the database; a folder is closed for all stores of this program."""
        if self._client:
            self._client.close()
        self._client = None
        if self._local:
            from milvus_lite import server_manager_instance

            server_manager_instance.release_server(self.where)

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        parts = (name.rpartition("_") for name in self._call("list_collections"))
        return {x: self._passport(x) for prefix, _, x in parts if prefix == self.prefix}

    def _passport(self, space):
        name = self._name(space)
        if not self._call("has_collection", name):
            return None
        self._call("load_collection", name)  # a collection is searched in memory
        about = self._call("describe_collection", name)
        # Milvus Lite forgets descriptions and old servers properties: it is written twice.
        text = about.get("properties", {}).get("passport") or about["description"]
        with self._in_words():
            return Passport(**json.loads(text))

    def _create(self, passport):
        from pymilvus import DataType, MilvusClient

        text = json.dumps(asdict(passport))
        schema = MilvusClient.create_schema(enable_dynamic_field=False, description=text)
        for name in ("id", "label", "kind"):
            schema.add_field(name, DataType.VARCHAR, is_primary=name == "id", max_length=65_535)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=passport.dim)
        schema.add_field("added", DataType.INT64)  # the order in which rows came, for ties
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="COSINE")
        more = {"schema": schema, "index_params": index, "properties": {"passport": text}}
        more["consistency_level"] = "Strong"  # a search knows everything that was written before it
        self._call("create_collection", self._name(passport.space), **more)

    def _upsert(self, space, rows):
        names, now = ("id", "label", "kind", "vector", "added"), time.time_ns()
        rows = [dict(zip(names, (*row, now + i), strict=True)) for i, row in enumerate(rows)]
        for start in range(0, len(rows), BATCH):
            self._call("upsert", self._name(space), rows[start : start + BATCH])

    def _search(self, space, query, k, only):
        facts, name = ("added", "id", "label", "kind"), self._name(space)
        more = {"filter": _filter(only), "output_fields": list(facts)}
        for limit in (min(k + 10, MAX_RESULTS), MAX_RESULTS):
            (found,) = self._call("search", name, [query], limit=limit, **more)
            rows = [(hit.distance, *map(hit.entity.get, facts)) for hit in found]
            if len(rows) < limit or rows[k - 1][0] - rows[-1][0] >= TIE:
                break  # else equals of the k-th may be missing
        return _best(rows, k)

    def _count(self, space, only):
        more = {"filter": _filter(only), "output_fields": ["count(*)"]}
        return int(self._call("query", self._name(space), **more)[0]["count(*)"])

    def _delete(self, space, ids):
        some = f"id in [{', '.join(map(_literal, ids))}]"  # not `ids=`, which takes quotes as such
        self._call("delete", self._name(space), filter=some)

    def _drop(self, space):
        self._call("drop_collection", self._name(space))

    def _name(self, space: str) -> str:
        return f"{self.prefix}_{space}"

    def _call(self, method: str, *arguments, **more):
        """Call a method of MilvusClient; all those that are used may be repeated without harm."""
        if self._client is None:
            raise StoreError("This store is closed; open a new one.")
        with self._in_words():
            return getattr(self._client, method)(*arguments, timeout=CALL_SECONDS, **more)

    @contextmanager
    def _in_words(self):
        """Turn any error of the database into one sentence."""
        try:
            yield
        except Exception as error:
            remedy = "start it, see what MILVUS_TOKEN says, or unset MILVUS_URI to do without it"
            if self._local:
                remedy = (
                    "if open in another program, shut that notebook's kernel down, else delete it"
                )
            said = " ".join(f"{type(error).__name__}: {error}".split())[:250]
            raise StoreError(f"Milvus failed at {self.where!r} ({said}); {remedy}.") from None


def open_store(prefix: str = "course", uri: str | Path | None = None) -> Store:
    """Open the vector database, or an exact search in memory where that cannot be done.

    Args: as `VectorStore`.

    Returns:
        A `VectorStore`; or else a `MemoryStore`, after printing one line that says why.

    Introduced in notebook 4.
    """
    try:
        return VectorStore(prefix, uri)
    except StoreError as error:
        print(f"Searching exactly in memory instead of in Milvus: {error}")
        return MemoryStore()


def _literal(text: str) -> str:
    return f'"{text.translate(ESCAPED)}"'


def _filter(only: dict[str, str | None]) -> str:
    return " and ".join(f"{x} == {_literal(y)}" for x, y in only.items() if y is not None)


def _best(rows: list[tuple], k: int) -> list[Hit]:
    """Return the k best rows (cosine, when added, id, label, kind), equals as they were added."""
    scores, added = (np.array([row[i] for row in rows]) for i in (0, 1))
    order = np.argsort(-scores, kind="stable")
    groups = np.cumsum(np.diff(-scores[order], prepend=-np.inf) >= TIE)
    best = [rows[i] for i in order[np.lexsort((added[order], groups))][:k]]
    return [Hit(name, float(score), label, kind) for score, _, name, label, kind in best]
