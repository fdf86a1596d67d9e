"""Embeddings that are computed once and kept on disk.

Encoding is the slow part of a search, and a file's vector changes only if the file or the encoder
does. So it is kept under the file's content and the encoder's fingerprint, not under its name: a
renamed file is still known, a changed one is encoded anew, and another encoder's vectors are never
mixed in.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, MethodType

import numpy as np

from course_utils.media import MediaError, one_error
from course_utils.session import cache_folder, progress

SETTLED = 2  # seconds: a file changed more recently may change again within its time stamp
CHECKSUM = 16  # bytes before the array in each file
UNWRITTEN = 10_000  # arrays that are remembered by the process where they cannot be written

_hashes: dict[tuple, str] = {}  # content hashes, for as long as the process runs
_unwritten: dict[Path, np.ndarray] = {}


def path_list(paths: Sequence[str | Path]) -> list:
    """Return the paths of a list or of a Catalog as a list.

    Raises:
        TypeError: it is a single path.
    """
    if isinstance(paths, (str, Path)):
        raise TypeError(f"This takes a list of paths; write [{str(paths)!r}] for one file.")
    return list(getattr(paths, "paths", paths))  # a Catalog knows its paths


def all_tried(results: Iterable, problems: list[MediaError] | None = None) -> list:
    """Go through the results of all files and tell the good ones from the errors.

    Args:
        results: for each file what was made of it, or its `MediaError`.
        problems: a list to which the errors are added.

    Returns:
        The good results, in order.

    Raises:
        MediaError: there are errors and `problems` was not given; the message names each file.
    """
    results = list(results)
    errors = [result for result in results if isinstance(result, MediaError)]
    if errors and problems is None:
        raise one_error(errors, len(results))
    if problems is not None:
        problems.extend(errors)
    return [result for result in results if not isinstance(result, MediaError)]


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits.

    Within a process a file is read again only if its size or one of its dates has changed.

    Raises:
        OSError: the file cannot be read, or is not an ordinary file.

    Introduced in notebook 4.
    """
    path = Path(path).absolute()
    before = path.stat()
    if not stat.S_ISREG(before.st_mode):
        raise OSError(f"{str(path)!r} is not an ordinary file")
    key = (str(path), before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
    if key in _hashes:
        return _hashes[key]
    sha256 = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            sha256.update(block)
    if time.time() - before.st_mtime > SETTLED:
        _hashes[key] = sha256.hexdigest()
    return sha256.hexdigest()


class EmbeddingCache:
    """An encoder that remembers: it is used like the encoder it is made from.

    Everything that it does not do itself (`dim`, `fingerprint`, `feature_map`, ...) is the
    encoder's. Several kernels may use it at once. Each vector is a file of its own that appears
    whole or not at all; one that is damaged is not believed, but made anew. If the program is
    killed, the batch that it was encoding at that moment is lost, never more. Where nothing can be
    written, vectors are remembered for as long as the process runs.

    Attributes:
        encoder: the encoder that vectors come from.
        computed: how many files it has encoded since this object was made.
        reused: how many files' vectors were already there.

    Introduced in notebook 4.
    """

    def __init__(self, encoder, folder: str | Path | None = None):
        """Wrap an encoder.

        Args:
            encoder: anything with `encode(paths, problems)`, `dim` and `fingerprint`.
            folder: where vectors are kept; None takes `cache_folder()`.
        """
        self.encoder = encoder
        self.folder = Path(folder) if folder else cache_folder()
        self.computed = self.reused = 0
        self._told = False

    def __getattr__(self, name: str):
        if name == "encoder" or name.startswith("__"):  # while it is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.encoder, name)

    def encode(
        self, paths: Sequence[str | Path], problems: list[MediaError] | None = None
    ) -> np.ndarray:
        """Return the embeddings of files, like the encoder; only new files are encoded.

        Args:
            paths: n files, or a Catalog of n items.
            problems: a list to which the errors of unusable files are added; their rows are then
                left out. Without it, such files raise an error, after all files have been tried.

        Returns:
            float32 of shape (n, dim), in the order of `paths`.

        Raises:
            MediaError: files are unusable and `problems` was not given.
        """
        stream = getattr(self.encoder, "stream", None) or self._one_by_one
        found = all_tried(self._gather(path_list(paths), "encode", stream), problems)
        return np.concatenate([np.zeros((0, self.dim), np.float32), *found])

    def rows(
        self,
        paths: Sequence[str | Path],
        recipe: str,
        compute: Callable[[Path], np.ndarray],
        problems: list[MediaError] | None = None,
    ) -> list[np.ndarray]:
        """Return several vectors for each file, such as those of a video's key frames.

        They are kept apart by `recipe` and by the code of `compute`, with the functions, arrays and
        plain values that it names: change one, and they are computed anew. What lies inside other
        objects is not looked at; if the result depends on that, say so in `recipe`.

        Args:
            paths: n files, or a Catalog of n items.
            recipe: what `compute` does, in words.
            compute: makes the vectors of one file, float32 of shape (m, d), with this encoder.
            problems: as in `encode`.

        Returns:
            n arrays, in the order of `paths`, without those of unusable files.

        Raises:
            MediaError: files are unusable and `problems` was not given.
        """

        def one_by_one(files: list) -> Iterator[np.ndarray | MediaError]:
            for file in progress(files, self.encoder):
                try:
                    yield np.asarray(compute(Path(file)))
                except MediaError as error:
                    yield error

        code = hashlib.sha256(f"{recipe}|{_describe(compute, compute)}".encode()).hexdigest()[:24]
        return all_tried(self._gather(path_list(paths), code, one_by_one), problems)

    def embed(self, catalog):
        """Encode the items of a catalog and leave out those that cannot be read.

        Args:
            catalog: a `course_utils.catalog.Catalog` of n items.

        Returns:
            The catalog of the m <= n readable items, and their embeddings of shape (m, dim). Each
            item left out is printed with the reason.
        """
        problems: list[MediaError] = []
        vectors = self.encode(catalog, problems)
        return catalog.without(problems), vectors

    def fit(self, paths: Sequence[str | Path]) -> EmbeddingCache:
        """Return a cache of the encoder centred on a collection (see `AudioEncoder.fit`)."""
        return EmbeddingCache(self.encoder.fit(paths), self.folder)

    def _one_by_one(self, files: list) -> Iterator[np.ndarray | MediaError]:
        for file in files:
            problems: list[MediaError] = []
            rows = self.encoder.encode([file], problems)
            yield problems[0] if problems else rows[0]

    def _gather(self, paths: list, recipe: str, compute) -> list[np.ndarray | MediaError]:
        """Read what is kept and compute the rest; copies of a file are computed once."""
        place = self.folder / "course_embeddings" / _name(self.encoder.fingerprint) / recipe
        keys = [_key(path) or f"unreadable-{i}" for i, path in enumerate(paths)]
        found: dict[str, np.ndarray | MediaError | None] = {}
        for key in keys:
            if key not in found:
                found[key] = _read(place / key[:2] / key)
        copies = Counter(keys)
        self.reused += sum(found[key] is not None for key in keys)
        missing = {key: path for key, path in zip(keys, paths, strict=True) if found[key] is None}
        results = compute(list(missing.values())) if missing else ()
        for (key, path), result in zip(missing.items(), results, strict=True):
            found[key] = result
            if isinstance(result, MediaError):
                continue
            array = found[key] = np.atleast_2d(np.ascontiguousarray(result, dtype=np.float32))
            if array.ndim != 2:
                raise ValueError(f"{str(path)!r} gave shape {array.shape}, not (rows, d).")
            self.computed += 1
            self.reused += copies[key] - 1
            if _key(path) == key:  # else it was changed while it was being encoded
                self._write(place / key[:2] / key, array)
        return [
            MediaError(path, found[key].problem, found[key].remedy)
            if isinstance(found[key], MediaError)
            else found[key]
            for key, path in zip(keys, paths, strict=True)
        ]

    def _write(self, path: Path, array: np.ndarray) -> None:
        """Keep an array: first under a name of its own, then moved to its place at once."""
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        part = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                part = Path(file.name)
                file.write(_checksum(path, content.getvalue()) + content.getvalue())
            part.replace(path)  # from one moment to the next, and whole
        except OSError as error:
            if part:
                with suppress(OSError):
                    part.unlink()
            if path.exists():  # another kernel was faster
                return
            _unwritten[path] = array
            while len(_unwritten) > UNWRITTEN:
                del _unwritten[next(iter(_unwritten))]
            if not self._told:
                print(
                    f"Vectors cannot be kept in {str(self.folder)!r} ({error.strerror}) and will "
                    "be computed again next time; COURSE_CACHE_DIR can name another folder."
                )
                self._told = True


def _name(fingerprint: str) -> str:
    """Return a fingerprint as the name of a folder."""
    if fingerprint.isascii() and fingerprint.isalnum() and len(fingerprint) <= 64:
        return fingerprint.lower()
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:24]


def _key(path: str | Path) -> str:
    """Return what a file's vectors are kept under, empty if it cannot be read."""
    try:
        return content_hash(path)
    except (OSError, ValueError):  # ValueError: a name with a null character
        return ""


def _checksum(path: Path, content: bytes) -> bytes:
    """Return what shows damage, and a record that lies in another's place."""
    return hashlib.blake2b(path.name.encode() + content, digest_size=CHECKSUM).digest()


def _read(path: Path) -> np.ndarray | None:
    """Return a record's vectors, or None if there is no sound one."""
    if path in _unwritten:
        return _unwritten[path].copy()
    try:
        record = path.read_bytes()
    except OSError:
        return None
    if record[:CHECKSUM] != _checksum(path, record[CHECKSUM:]):
        return None
    return np.load(io.BytesIO(record[CHECKSUM:]), allow_pickle=False)


def _describe(value, top, seen: tuple = ()) -> str:
    """Return in words what a function's result depends on, as far as its code shows."""
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, FunctionType):
        own = value.__module__ in ("__main__", getattr(top, "__module__", None))
        if not own or value in seen:
            return f"{value.__module__}.{value.__qualname__}"
        names = {**value.__globals__}
        named = [names[name] for name in value.__code__.co_names if name in names]
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        parts = [value.__code__, *(value.__defaults__ or ()), *cells, *named]
        return f"({','.join(_describe(part, top, (*seen, value)) for part in parts)})"
    if isinstance(value, CodeType):
        parts = (value.co_names, value.co_varnames, *value.co_consts)
        return value.co_code.hex() + "".join(_describe(part, top, seen) for part in parts)
    if isinstance(value, (tuple, frozenset)):
        return (
            str(sorted(_describe(part, top, seen) for part in value))
            if isinstance(value, frozenset)
            else f"({','.join(_describe(part, top, seen) for part in value)})"
        )
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, Path)):
        return repr(value)
    return f"{type(value).__name__} {getattr(value, 'fingerprint', '')}"
