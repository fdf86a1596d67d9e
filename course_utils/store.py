"""A vector database: where embeddings live once there are many, or several programs need them.

`open_store()` gives a Milvus database: a folder on this computer, or with MILVUS_URI=http://host:19530
(and MILVUS_TOKEN) a server or a whole cluster, with the same code. Where Milvus cannot be used, it
gives an exact search in memory that is used in the same way, and says so.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from course_utils.cache import cache_folder
from course_utils.lite import give_back, import_milvus, take
from course_utils.spaces import (
    ID_BYTES,
    LABEL_BYTES,
    ArrayStore,
    Hit,
    Passport,
    Store,
    StoreError,
    Wanted,
)

SECONDS = 5  # how long to wait for a server before giving up
BATCH_BYTES = 4_000_000  # of vectors in one message; servers refuse messages over 64 MB
MOST = 16_384  # results that Milvus returns at once
TIE = 1e-6  # cosines nearer than this are equal: each database rounds in its own way


def open_store(uri: str | None = None, **options) -> Store:
    """Open the vector database, or an exact search in memory where that cannot be done.

    Args:
        uri: as in `VectorStore`.
        options: `VectorStore`'s other arguments.

    Returns:
        A `VectorStore`; or else an `ArrayStore`, after printing one line that says why.

    Introduced in notebook 4.
    """
    try:
        return VectorStore(uri, **options)
    except StoreError as error:
        print(f"Searching exactly in memory instead of in Milvus: {error}")
        return ArrayStore()


class VectorStore(Store):
    """Milvus: a folder on this computer, a server, or a cluster.

    Attributes:
        where: the folder or the server's address, without any password.

    Source: https://milvus.io/docs/milvus_lite.md,
    https://milvus.io/api-reference/pymilvus/v2.6.x/MilvusClient/Client/MilvusClient.md
    Introduced in notebook 4.
    """

    def __init__(
        self,
        uri: str | None = None,
        token: str | None = None,
        index: str = "FLAT",
        prefix: str = "course",
        fresh: bool = True,
        seconds: float = SECONDS,
    ):
        """Connect.

        Args:
            uri: a server's address such as `http://localhost:19530`, or a folder whose name ends in
                `.db`; None takes MILVUS_URI, or else a folder in `cache_folder()`.
            token: `user:password` or an API key; None takes MILVUS_TOKEN, or else none.
            index: `FLAT` compares with every vector and is exact; `HNSW` walks a graph, is faster
                among many vectors, may miss some, and is offered for servers only.
            prefix: what the collections' names begin with, so that the learners of a class can
                share a server.
            fresh: a search knows everything that was written before it, for which a server waits
                some tenths of a second; without it, a search is quicker but may lag behind.
            seconds: how long a server may take to answer.

        Raises:
            StoreError: the database cannot be opened; the message says why and what to do.
            ValueError: an argument has a value that it cannot have.
        """
        if index not in ("FLAT", "HNSW"):
            raise ValueError(f"index is {index!r}; it may be FLAT or HNSW.")
        uri = str(uri or os.environ.get("MILVUS_URI") or cache_folder() / "vectors.db")
        token = token or os.environ.get("MILVUS_TOKEN", "")
        self.index, self.prefix, self.seconds = index, prefix, seconds
        self.level = "Strong" if fresh else "Bounded"
        self._client, self._loaded = None, set()
        if uri.endswith(".db"):
            self._path = Path(uri).expanduser().absolute()
            self.where = str(self._path)
            if index != "FLAT":
                raise ValueError(
                    "On this computer alone the course searches exactly (FLAT); for HNSW, name a "
                    "Milvus server."
                )
            take(self._path)
            uri, options = str(self._path), {"grpc_options": {"grpc.enable_http_proxy": 0}}
        else:
            self._path = None
            try:
                address = urlsplit(uri)
                self.where = f"{address.hostname}:{address.port or 19530}"
            except ValueError:
                address = None
            if address is None or address.scheme not in ("http", "https", "tcp"):
                raise ValueError(
                    "MILVUS_URI must be a server such as http://localhost:19530, or end in .db."
                )
            # How soon a lost connection is tried again; it would become minutes.
            options = {"grpc_options": {"grpc.max_reconnect_backoff_ms": 2000}}
        try:
            self._client = self._connect(uri, token, options)
        except BaseException:
            self.close()
            raise

    def _connect(self, uri: str, token: str, options: dict):
        with self._in_words("open the database"):
            client = import_milvus()
            return self._tried(lambda left: client(uri, token=token, timeout=left, **options))

    def _call(self, method: str, *arguments, **more):
        """Call a method of MilvusClient; all those used here may be repeated without harm."""
        if self._client is None:
            raise StoreError("This store is closed; open a new one.")
        function = getattr(self._client, method)
        return self._tried(lambda left: function(*arguments, timeout=left, **more))

    def _tried(self, function):
        """Try until the time is over, as long as there is no answer from the server.

        pymilvus tries again by itself, but not while it has no connection.
        """
        end = time.monotonic() + self.seconds
        while True:
            try:
                return function(max(end - time.monotonic(), 0.1))
            except Exception as error:
                if self._path or not _is_silence(error) or time.monotonic() + 0.5 > end:
                    raise
                time.sleep(0.5)

    def close(self) -> None:
        """Let go of the database, so that another program can open it."""
        if self._client is not None:
            with suppress(Exception):
                self._client.close()
            self._client = None
        if self._path:
            give_back(self._path)
            self._path = None

    def spaces(self) -> dict[str, Passport]:
        """Return the spaces that there are, with their passports."""
        with self._in_words("list the spaces"):
            names = self._call("list_collections")
        start = f"{self.prefix}_"
        found = {name: self._passport(name.removeprefix(start)) for name in sorted(names)
                 if name.startswith(start)}  # fmt: skip
        return {passport.space: passport for passport in found.values() if passport}

    def _name(self, space: str) -> str:
        return f"{self.prefix}_{space}"

    def _passport(self, space: str) -> Passport | None:
        name = self._name(space)
        with self._in_words(f"look at the space {space!r}"):
            if not self._call("has_collection", name):
                return None
            about = self._call("describe_collection", name)
            if name not in self._loaded:  # a collection is searched in memory
                self._call("load_collection", name)
                self._loaded.add(name)
        # Milvus Lite forgets descriptions, so it is written down twice.
        text = about.get("properties", {}).get("passport") or about.get("description")
        try:
            return Passport(**json.loads(text))
        except (TypeError, ValueError):
            raise StoreError(
                f"The collection {name!r} in {self.where} has no passport, so it is not the "
                "course's; choose another prefix, such as VectorStore(prefix='ana')."
            ) from None

    def _create(self, passport: Passport) -> None:
        from pymilvus import DataType, MilvusClient

        text = json.dumps(asdict(passport))
        schema = MilvusClient.create_schema(enable_dynamic_field=False, description=text)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_BYTES)
        schema.add_field("label", DataType.VARCHAR, max_length=LABEL_BYTES)
        schema.add_field("kind", DataType.VARCHAR, max_length=LABEL_BYTES)
        schema.add_field("added", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=passport.dim)
        index = MilvusClient.prepare_index_params()
        index.add_index(
            "vector", index_type=self.index, metric_type="COSINE",
            params={"M": 16, "efConstruction": 200} if self.index == "HNSW" else {},
        )  # fmt: skip
        with self._in_words(f"make the space {passport.space!r}"):
            self._call(
                "create_collection", self._name(passport.space), schema=schema,
                index_params=index, consistency_level="Strong", properties={"passport": text},
            )  # fmt: skip

    def _upsert(self, space: str, rows: list[dict]) -> None:
        name = self._name(space)
        size = max(1, BATCH_BYTES // (4 * len(rows[0]["vector"]))) if rows else 1
        with self._in_words(f"write {len(rows)} vectors to {space!r}"):
            for start in range(0, len(rows), size):
                self._call("upsert", name, rows[start : start + size])
            if self._path and len(rows) >= 1000:  # a file's new rows are slow to search until then
                self._call("flush", name)

    def _search(self, space: str, queries: np.ndarray, k: int, wanted: Wanted) -> list[list[Hit]]:
        if k > MOST:
            raise ValueError(f"k is {k}; Milvus returns {MOST} results at most.")
        limit = min(k + 10, MOST)
        with self._in_words(f"search in {space!r}"):
            while True:
                more = {"ef": max(limit, 64)} if self.index == "HNSW" else {}
                found = self._call(
                    "search", self._name(space), list(queries), filter=_filter(wanted), limit=limit,
                    output_fields=["label", "kind", "added"], consistency_level=self.level,
                    search_params={"metric_type": "COSINE", "params": more},
                )  # fmt: skip
                if limit == MOST or not any(_cut_tie(hits, k, limit) for hits in found):
                    return [_ordered(hits, k) for hits in found]
                limit = min(4 * limit, MOST)

    def _count(self, space: str, wanted: Wanted) -> int:
        with self._in_words(f"count in {space!r}"):
            counted = self._call(
                "query", self._name(space), filter=_filter(wanted), output_fields=["count(*)"]
            )
        return int(counted[0]["count(*)"])

    def _delete(self, space: str, ids: list[str]) -> None:
        with self._in_words(f"delete from {space!r}"):
            for start in range(0, len(ids), 500):
                # Not `ids=`: pymilvus puts them between quotes as they are.
                some = {"id": ids[start : start + 500]}
                self._call("delete", self._name(space), filter=_filter(some))

    def _drop(self, space: str) -> None:
        with self._in_words(f"drop {space!r}"):
            self._call("drop_collection", self._name(space))
        self._loaded.discard(self._name(space))

    @contextmanager
    def _in_words(self, action: str) -> Iterator[None]:
        """Turn the database's errors into one sentence."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(self._explained(action, error)) from None

    def _explained(self, action: str, error: Exception) -> str:
        text = _text(error)
        if isinstance(error, ImportError):
            return f"Milvus is not installed here ({text}); run `uv sync`."
        if "No space left on device" in text or getattr(error, "errno", 0) == errno.ENOSPC:
            return f"The disk is full, so Milvus could not {action}; free some space and try again."
        if self._path:
            return (
                f"Milvus could not {action} in {self.where!r} ({text[:200]}); if this happens "
                "again the file is damaged: delete it and fill it again from the EmbeddingCache."
            )
        if _is_refusal(error):
            return (
                f"The Milvus server at {self.where} refuses MILVUS_TOKEN, or wants one "
                "(user:password); ask who runs it."
            )
        if _is_silence(error):
            return (
                f"The Milvus server at {self.where} does not answer, after {self.seconds:g} "
                "seconds of trying; start it, or unset MILVUS_URI to work on this computer alone."
            )
        return f"The Milvus server at {self.where} could not {action}: {text[:200]}"


def _cut_tie(hits, k: int, limit: int) -> bool:
    """Return whether the k-th result may have equals that are not among the results."""
    return len(hits) == limit and hits[k - 1].distance - hits[-1].distance < TIE


def _ordered(hits, k: int) -> list[Hit]:
    """Return the k best results, equals in the order in which they were added."""
    scores = np.array([hit.distance for hit in hits])
    groups = np.cumsum(-np.diff(scores, prepend=scores[:1]) >= TIE)  # equals have one number
    order = np.lexsort(([hit.entity["added"] for hit in hits], groups))[:k]
    return [
        Hit(hits[i].id, float(scores[i]), hits[i].entity["label"], hits[i].entity["kind"])
        for i in order
    ]


def _text(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", "") or error).split())


def _is_refusal(error: Exception) -> bool:
    """Return whether the server turned the token away; pymilvus says only that it failed."""
    words = ("UNAUTHENTICATED", "auth check failure", "PermissionDenied", "PERMISSION_DENIED")
    return any(word in str(cause) for cause in (error, error.__cause__) for word in words)


def _is_silence(error: Exception) -> bool:
    if _is_refusal(error):
        return False
    words = ("Fail connecting", "UNAVAILABLE", "DEADLINE", "Retry timeout", "closed channel")
    return any(word in _text(error) for word in words)


def _filter(wanted: Wanted) -> str:
    """Return Milvus's filter expression, in which each value is one literal, whatever it holds.

    Source: https://milvus.io/docs/boolean.md
    """
    return " and ".join(
        f"{column} in {json.dumps(values, ensure_ascii=False)}" for column, values in wanted.items()
    )
