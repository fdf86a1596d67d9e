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
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from course_utils.search import unit_length
from course_utils.session import cache_folder

CONNECT_SECONDS, CALL_SECONDS = 5, 30  # how long a server may take to answer
LONGEST = {"id": 1024, "label": 256, "kind": 256}  # texts, in bytes of UTF-8
BATCH_BYTES = 4_000_000  # of vectors in one message; servers refuse messages over 64 MB
MAX_RESULTS = 16_384  # that Milvus returns at once
TIE = 1e-6  # cosines nearer than this are equal: each database rounds in its own way

_users: Counter = Counter()  # folder: how many stores of this program have it open


class StoreError(RuntimeError):
    """A store that cannot do what it was asked; the message says what to do."""


@dataclass(frozen=True)
class Hit:
    """One search result.

    Attributes:
        id: what it was stored under.
        score: its cosine with the query, -1 to 1.
        label: what it shows.
        kind: what its file is. A video's key frames are in the space `image`, of the kind `video`.
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


class Store:
    """What `MemoryStore` and `VectorStore` have in common.

    Wherever vectors go in, their encoder is named and its passport is compared with the space's:
    another one raises StoreError, as does a database that failed.
    """

    def create(self, encoder) -> None:
        """Make the encoder's space; if it is there already, only compare the passports."""
        passport = Passport.of(encoder)
        if not self._check(passport):
            self._create(passport)

    def upsert(self, encoder, ids, vectors, labels="unlabelled", kinds=None) -> None:
        """Add vectors to the encoder's space, or replace those that have the same id.

        Args:
            encoder: what the vectors were made with.
            ids: n different texts, such as file names.
            vectors: float32 of shape (n, dim).
            labels: n labels, or one for all.
            kinds: n kinds, or one for all; None takes the space's name.

        Raises:
            ValueError: an argument has the wrong shape, or a text is empty or too long.
            StoreError: as above. What was written before a failure is kept; do it again, since
                replacing is harmless.
        """
        passport = Passport.of(encoder)
        ids, n, vectors = [str(name) for name in ids], len(ids), np.asarray(vectors)
        if vectors.shape != (n, passport.dim):
            raise ValueError(
                f"{n} ids and vectors of shape {vectors.shape}; {passport.name} gives "
                f"({n}, {passport.dim}) for them."
            )
        if len(set(ids)) < n:
            twice, _ = Counter(ids).most_common(1)[0]
            raise ValueError(f"The id {twice!r} is there twice; every vector needs its own.")
        columns = {"id": ids, "label": labels, "kind": kinds or passport.space}
        for name, given in columns.items():
            columns[name] = [given] * n if isinstance(given, str) else [str(one) for one in given]
            if len(columns[name]) != n:
                raise ValueError(f"{n} ids and {len(columns[name])} {name}s; give one for each.")
            for value in set(columns[name]):
                check_text(name, value)
        vectors = unit_length(vectors).astype(np.float32)
        self.create(encoder)
        self._upsert(passport.space, columns, vectors)

    def search(self, encoder, vector, k=5, label=None, kind=None) -> list[Hit]:
        """Return what `search_many` returns for one vector, shape (dim,)."""
        if np.ndim(vector) != 1:
            raise ValueError(
                f"The query has shape {np.shape(vector)}; give one vector, such as "
                "encode([path])[0], or use search_many."
            )
        return self.search_many(encoder, np.asarray(vector)[None], k, label, kind)[0]

    def search_many(self, encoder, vectors, k=5, label=None, kind=None) -> list[list[Hit]]:
        """Return, for each of n queries, the k most similar vectors of the encoder's space.

        Args:
            encoder: what the queries were made with.
            vectors: the queries, shape (n, dim), such as a video's key frames.
            k: how many results; with fewer in the space, all of them.
            label: only items with this label, or one of these.
            kind: only items of this kind, or one of these.

        Returns:
            n lists, best first; equal cosines in the order in which they were added.

        Raises:
            ValueError: k is below 1, or a query has the wrong shape or no direction.
            StoreError: as above, or there is no such space.
        """
        passport = Passport.of(encoder)
        if np.ndim(vectors) != 2 or np.shape(vectors)[1] != passport.dim:
            raise ValueError(
                f"The queries have shape {np.shape(vectors)}, not (n, {passport.dim}); give "
                f"vectors of {passport.name}, such as encode(paths)."
            )
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one result.")
        vectors, wanted = unit_length(vectors).astype(np.float32), _wanted(label, kind)
        if not self._check(passport):
            raise StoreError(f"There is no space {passport.space!r} yet; upsert vectors first.")
        return self._search(passport.space, vectors, k, wanted) if len(vectors) else []

    def count(self, space: str, label=None, kind=None) -> int:
        """Return how many vectors a space has, with this label and kind (or one of these)."""
        return self._count(space, _wanted(label, kind)) if self._passport(space) else 0

    def delete(self, space: str, ids: Sequence[str]) -> None:
        """Remove vectors by their ids; ids that are not there do no harm."""
        if isinstance(ids, str):
            raise TypeError("delete takes a list of ids; write [id] for one.")
        if self._passport(space):
            self._delete(space, [check_text("id", str(name)) for name in ids])

    def drop(self, space: str) -> None:
        """Remove a space with all its vectors and its passport, if it is there."""
        if self._passport(space):
            self._drop(space)

    def close(self) -> None:
        """Let go of the database, so that another program can open it."""

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _check(self, passport: Passport) -> bool:
        """Return whether the space is there, after comparing the passports."""
        there = self._passport(passport.space)
        if there and there != passport:
            raise StoreError(
                f"The space {passport.space!r} holds vectors of {there}, which cannot be compared "
                f"with those of {passport}; use that encoder, or drop({passport.space!r}) and fill "
                "the space again."
            )
        return there is not None


class MemoryStore(Store):
    """A store in this kernel's memory: one matrix product a search, exact, and gone at the end."""

    def __init__(self):
        """Start empty."""
        self._passports: dict[str, Passport] = {}
        self._rows: dict[str, dict[str, tuple]] = {}  # space: id: (label, kind, vector)
        self._tables: dict[str, tuple] = {}  # space: its columns, until something changes

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        return dict(self._passports)

    def _passport(self, space):
        return self._passports.get(_checked(space))

    def _create(self, passport):
        self._passports[passport.space], self._rows[passport.space] = passport, {}

    def _upsert(self, space, columns, vectors):
        self._delete(space, columns["id"])  # so that those that are replaced come last
        rows = zip(columns["label"], columns["kind"], vectors, strict=True)
        self._rows[space].update(zip(columns["id"], rows, strict=True))

    def _table(self, space, wanted):
        """Return ids, labels, kinds and vectors, and the positions of the rows that are wanted."""
        rows = self._rows[space]
        if space not in self._tables:
            labels, kinds, vectors = zip(*rows.values(), strict=True) if rows else ([], [], [])
            vectors = np.array(vectors)  # and from now on the rows are views of it, not copies
            rows.update(zip(rows, zip(labels, kinds, vectors, strict=True), strict=True))
            self._tables[space] = list(rows), np.array(labels), np.array(kinds), vectors
        kept = np.ones(len(rows), dtype=bool)
        for column, values in wanted.items():
            kept &= np.isin(self._tables[space][1 if column == "label" else 2], values)
        return *self._tables[space], np.flatnonzero(kept)

    def _search(self, space, queries, k, wanted):
        ids, labels, kinds, vectors, kept = self._table(space, wanted)
        if not len(kept):
            return [[] for _ in queries]
        found, last = [], min(k, len(kept)) - 1
        for scores in (queries @ vectors.T)[:, kept]:
            near = np.flatnonzero(scores > -np.partition(-scores, last)[last] - TIE)
            best = near[_ranked(scores[near], near)][:k]
            rows = zip(scores[best].tolist(), kept[best], strict=True)
            found.append([Hit(ids[i], score, str(labels[i]), str(kinds[i])) for score, i in rows])
        return found

    def _count(self, space, wanted):
        return len(self._table(space, wanted)[-1])

    def _delete(self, space, ids):
        for name in ids:
            self._rows[space].pop(name, None)
        self._tables.pop(space, None)

    def _drop(self, space):
        for part in (self._passports, self._rows, self._tables):
            part.pop(space, None)


class VectorStore(Store):
    """Milvus: a folder on this computer, a server, or a cluster.

    Attributes:
        where: the folder or the server's address, without any password.

    Source: https://milvus.io/docs/milvus_lite.md,
    https://milvus.io/api-reference/pymilvus/v2.6.x/MilvusClient/Client/MilvusClient.md
    """

    def __init__(self, prefix: str = "course", uri: str | Path | None = None):
        """Connect.

        Args:
            prefix: what the collections' names begin with, so that the learners of a class can
                share a server.
            uri: a server's address such as `http://localhost:19530`, or a folder whose name ends in
                `.db`; None takes MILVUS_URI, or else a folder in `cache_folder()`. A server's
                `user:password` or API key is taken from MILVUS_TOKEN.

        Raises:
            StoreError: the database cannot be opened; the message says why and what to do.
            ValueError: the address is none.
        """
        uri = str(uri or os.environ.get("MILVUS_URI") or cache_folder() / "vectors.db")
        self.prefix, self._client, self._path, self._loaded = prefix, None, None, set()
        # A lost connection is tried again at once, not after minutes; the own computer is no proxy.
        options = {"grpc.max_reconnect_backoff_ms": 2000}
        if uri.endswith(".db"):
            self._path = Path(uri).expanduser().absolute()
            self.where = uri = str(self._path)
            options["grpc.enable_http_proxy"] = 0
        elif re.fullmatch(r"(https?|tcp)://([^/@]*@)?(\[.+\]|[^/:@]+)(:\d+)?(/.*)?", uri):
            address = urlsplit(uri)
            self.where = f"{address.hostname}:{address.port or 19530}"
        else:
            raise ValueError(
                f"MILVUS_URI is {uri!r}; give a server such as http://localhost:19530, or a folder "
                "whose name ends in .db."
            )
        with self._in_words("open the database"):
            client = _milvus_client()
            if self._path:
                _acquire(self._path)
            token, more = os.environ.get("MILVUS_TOKEN", ""), {"grpc_options": options}
            try:
                self._client = client(uri, token=token, timeout=CONNECT_SECONDS, **more)
            except BaseException:
                if self._path:
                    _release(self._path)
                raise

    def close(self) -> None:
        """Let go of the database, so that another program can open it."""
        if self._client is not None:
            with suppress(Exception):
                self._client.close()
            self._client = None
            if self._path:
                _release(self._path)

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        start = f"{self.prefix}_"
        names = sorted(self._call("list the spaces", "list_collections"))
        spaces = [name.removeprefix(start) for name in names if name.startswith(start)]
        found = {space: self._passport(space) for space in spaces}
        # ana_b_image is not the space b_image of the prefix ana, but the space image of ana_b
        return {space: passport for space, passport in found.items() if passport.space == space}

    def _name(self, space):
        return f"{self.prefix}_{_checked(space)}"

    def _passport(self, space):
        action, name = f"look at the space {space!r}", self._name(space)
        if not self._call(action, "has_collection", name):
            return None
        about = self._call(action, "describe_collection", name)
        if name not in self._loaded:  # a collection is searched in memory
            self._call(action, "load_collection", name)
            self._loaded.add(name)
        # Milvus Lite forgets descriptions and old servers properties, so it is written twice.
        text = about.get("properties", {}).get("passport") or about.get("description")
        try:
            return Passport(**json.loads(text))
        except (TypeError, ValueError):
            raise StoreError(
                f"The collection {name!r} in {self.where} has no passport, so it is not the "
                "course's; choose another prefix, such as open_store(prefix='ana')."
            ) from None

    def _create(self, passport):
        from pymilvus import DataType, MilvusClient

        text = json.dumps(asdict(passport))
        schema = MilvusClient.create_schema(enable_dynamic_field=False, description=text)
        for name, longest in LONGEST.items():
            schema.add_field(name, DataType.VARCHAR, is_primary=name == "id", max_length=longest)
        schema.add_field("added", DataType.INT64)  # the order in which rows came, for ties
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=passport.dim)
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="COSINE")
        more = {"schema": schema, "index_params": index, "properties": {"passport": text}}
        more["consistency_level"] = "Strong"  # a search knows everything that was written before it
        action = f"make the space {passport.space!r}"
        self._call(action, "create_collection", self._name(passport.space), **more)

    def _upsert(self, space, columns, vectors):
        action, name = f"write {len(vectors)} vectors to {space!r}", self._name(space)
        now = time.time_ns()
        columns = columns | {"added": range(now, now + len(vectors)), "vector": vectors}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        size = max(1, BATCH_BYTES // (4 * vectors.shape[1]))
        for start in range(0, len(rows), size):
            self._call(action, "upsert", name, rows[start : start + size])
        if self._path and len(rows) >= 1000:  # new rows are slow to search until then
            self._call(action, "flush", name)

    def _search(self, space, queries, k, wanted):
        if k > MAX_RESULTS:
            raise ValueError(f"k is {k}; Milvus returns {MAX_RESULTS} results at most.")
        more = {"filter": _filter(wanted), "output_fields": ["label", "kind", "added"]}
        limit, action, name = min(k + 10, MAX_RESULTS), f"search in {space!r}", self._name(space)
        while True:
            found = self._call(action, "search", name, list(queries), limit=limit, **more)
            if limit == MAX_RESULTS or not any(_cuts_a_tie(hits, k, limit) for hits in found):
                return [_best(hits, k) for hits in found]
            limit = min(4 * limit, MAX_RESULTS)

    def _count(self, space, wanted):
        more = {"filter": _filter(wanted), "output_fields": ["count(*)"]}
        counted = self._call(f"count in {space!r}", "query", self._name(space), **more)
        return int(counted[0]["count(*)"])

    def _delete(self, space, ids):
        for start in range(0, len(ids), 500):  # not `ids=`, which takes quotes as they are
            some = _filter({"id": ids[start : start + 500]})
            self._call(f"delete from {space!r}", "delete", self._name(space), filter=some)

    def _drop(self, space):
        self._call(f"drop {space!r}", "drop_collection", self._name(space))
        self._loaded.discard(self._name(space))

    def _call(self, action: str, method: str, *arguments, **more):
        """Call a method of MilvusClient; all those that are used may be repeated without harm."""
        if self._client is None:
            raise StoreError("This store is closed; open a new one.")
        with self._in_words(action):
            return getattr(self._client, method)(*arguments, timeout=CALL_SECONDS, **more)

    @contextmanager
    def _in_words(self, action: str) -> Iterator[None]:
        """Turn an error into one sentence, in place of the stack traces that Milvus would print."""
        loggers = [logging.getLogger(name) for name in ("pymilvus", "milvus_lite")]
        levels = [logger.level for logger in loggers]
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield
        except Exception as error:
            raise StoreError(self._explained(action, error)) from None
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

    def _explained(self, action: str, error: Exception) -> str:
        text = " ".join(str(getattr(error, "message", "") or error).split())
        name, whole = type(error).__name__, f"{text} {error.__cause__}".lower()
        if isinstance(error, ImportError):
            return f"Milvus is not installed here ({text}); run `uv sync`."
        if "no space left on device" in whole:
            return f"The disk is full, so Milvus could not {action}; free some space and try again."
        if name == "DataDirLockedError":
            return (
                f"{self.where!r} is open in another program, and only one at a time can have it "
                "open; shut that notebook's kernel down (in JupyterLab: Running Terminals and "
                "Kernels) or close() its store."
            )
        if isinstance(error, OSError):
            return (
                f"The database {self.where!r} cannot be opened ({error.strerror}); move what lies "
                "there away, or name another folder in COURSE_CACHE_DIR."
            )
        if self._path:
            return (
                f"Milvus could not {action} in {self.where!r} ({text[:200]}); if this happens "
                "again it is damaged: delete it and fill it again from the EmbeddingCache."
            )
        if re.search("unauthenticated|auth check failure|permission_?denied", whole):
            return (
                f"The Milvus server at {self.where} refuses MILVUS_TOKEN, or wants one "
                "(user:password); ask who runs it."
            )
        if re.search("fail connecting|unavailable|deadline|retry timeout|closed channel", whole):
            return (
                f"The Milvus server at {self.where} does not answer; start it and try again, or "
                "unset MILVUS_URI to work on this computer alone."
            )
        return f"The Milvus server at {self.where} could not {action}: {text[:200]}"


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


def check_text(column: str, value: str) -> str:
    """Return an id, label or kind if every database can store it and look for it."""
    # Control characters and halves of characters, as in broken file names
    strange = any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
    if strange or not 0 < len(value.encode()) <= LONGEST[column]:
        raise ValueError(
            f"The {column} {value[:40]!r} is empty, longer than {LONGEST[column]} bytes or holds "
            "control characters; rename it."
        )
    return value


def _checked(space: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", space):
        raise ValueError(f"{space!r} cannot name a space; use small letters, digits and _.")
    return space


def _wanted(label, kind) -> dict[str, list[str]]:
    """Return the values that are asked for, without a column that may have any."""
    given = {"label": label, "kind": kind}
    lists = {c: [v] if isinstance(v, str) else list(v) for c, v in given.items() if v is not None}
    return {column: [check_text(column, str(v)) for v in some] for column, some in lists.items()}


def _filter(wanted: dict[str, list[str]]) -> str:
    """Return Milvus's filter, in which each value is one literal, whatever it holds.

    Source: https://milvus.io/docs/boolean.md
    """
    parts = (f"{c} in {json.dumps(some, ensure_ascii=False)}" for c, some in wanted.items())
    return " and ".join(parts)


def _ranked(scores: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Return the positions of scores, best first, equals in the order in which they were added."""
    order = np.argsort(-scores, kind="stable")
    groups = np.cumsum(np.diff(-scores[order], prepend=-np.inf) >= TIE)
    return order[np.lexsort((added[order], groups))]


def _cuts_a_tie(hits, k: int, limit: int) -> bool:
    """Return whether the k-th result may have equals that are not among the results."""
    return len(hits) == limit and hits[k - 1].distance - hits[-1].distance < TIE


def _best(hits, k: int) -> list[Hit]:
    scores = np.array([hit.distance for hit in hits])
    added = np.array([hit.entity["added"] for hit in hits])
    best = ((float(scores[i]), hits[i].id, hits[i].entity) for i in _ranked(scores, added)[:k])
    return [Hit(name, score, entity["label"], entity["kind"]) for score, name, entity in best]


def _milvus_client():
    """Import Milvus alone: no `.env` file is read, and no FAISS is loaded.

    On macOS FAISS and PyTorch each bring an OpenMP, and two of them in one program crash.
    """
    hidden = {"PYTHON_DOTENV_DISABLED": "1"}.items() - os.environ.items()
    os.environ.update(hidden)
    faiss = "faiss" in sys.modules or sys.modules.update(faiss=None)
    try:
        from pymilvus import MilvusClient

        with suppress(ImportError):
            import milvus_lite.adapter.grpc.server  # noqa: F401
        return MilvusClient
    finally:
        if not faiss:
            del sys.modules["faiss"]
        for name, _ in hidden:
            del os.environ[name]


def _acquire(path: Path) -> None:
    """Open a database's folder once, to learn why it cannot be done; Milvus says only that."""
    from milvus_lite import MilvusLite

    if not _users[path]:  # the stores of one program share it, and one program at a time has it
        path.parent.mkdir(parents=True, exist_ok=True)
        MilvusLite(str(path)).close()
    _users[path] += 1


def _release(path: Path) -> None:
    """Let go of a database's folder if no other store of this program uses it."""
    _users[path] -= 1
    if not _users[path]:
        from milvus_lite import server_manager_instance

        server_manager_instance.release_server(str(path))  # closing the client leaves it locked
