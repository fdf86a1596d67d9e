"""Embeddings that are computed once and kept on disk.

A file's vector changes only if the file or the encoder does. So it is kept under the file's content
and the encoder's fingerprint, not under its name: a renamed file is still known, a changed one is
encoded anew, and another encoder's vectors are never mixed in.
"""

from __future__ import annotations

import hashlib
import io
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from uuid import uuid4

import numpy as np

from course_utils.media import MediaError, one_error
from course_utils.session import cache_folder, progress

SETTLED = 2  # seconds: a file changed more recently may change again within its time stamp
CHECKSUM = 16  # bytes, before the array in each record
REMEMBERED = 10_000  # records that the process remembers where they cannot be written

_hashes: dict[tuple, str] = {}  # content hashes, for as long as the process runs
_unwritten: dict[Path, np.ndarray] = {}


def path_list(paths: Sequence[str | Path]) -> list:
    """Return the paths of a list or of a Catalog; a single path is a TypeError."""
    if isinstance(paths, (str, Path)):
        raise TypeError(f"This takes a list of paths; write [{str(paths)!r}] for one file.")
    return list(getattr(paths, "paths", paths))  # a Catalog knows its paths


def all_tried(results: Iterable, problems: list[MediaError] | None = None) -> list:
    """Go through the results of all files; return the good ones, and report the errors among them.

    Errors are added to `problems`; without it, one `MediaError` that names each file is raised.
    """
    results = list(results)
    errors = [result for result in results if isinstance(result, MediaError)]
    if errors and problems is None:
        raise one_error(errors, len(results))
    if problems is not None:
        problems.extend(errors)
    return [result for result in results if not isinstance(result, MediaError)]


class Encoder:
    """What every encoder can do, whether it computes or remembers; each says how in `stream`.

    Each has a `name`, a `space`, `dim` numbers in a vector, and a `fingerprint` that stands for all
    that a vector depends on: only vectors of one space and one fingerprint can be compared.
    `progress` says whether a bar is shown when somebody is watching.
    """

    def stream(self, paths: Sequence[str | Path]) -> Iterator[np.ndarray | MediaError]:
        """Yield each file's embedding, float32 (dim,), as soon as it is there, or its error."""
        raise NotImplementedError

    def encode(
        self, paths: Sequence[str | Path], problems: list[MediaError] | None = None
    ) -> np.ndarray:
        """Return the embeddings of n files: float32 (n, dim), each row of length 1, in their order.

        Args:
            paths: the files, or a Catalog.
            problems: a list to which the errors of unusable files are added; their rows are then
                left out. Without it, such files raise an error, after all files have been tried.

        Raises:
            MediaError: files are unusable and `problems` was not given; the message names each.
        """
        rows = all_tried(self.stream(path_list(paths)), problems)
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dim)

    def embed(self, catalog):
        """Return the Catalog of the m readable items and their embeddings, float32 (m, dim).

        Each item left out is printed with the reason.
        """
        problems: list[MediaError] = []
        vectors = self.encode(catalog, problems)
        return catalog.without(problems), vectors


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits.

    Within a process a file is read again only if its size or one of its dates has changed. A file
    that cannot be read, or is not an ordinary one, is an OSError.
    """
    path = Path(path).absolute()
    before = path.stat()
    if not stat.S_ISREG(before.st_mode):
        raise OSError(f"{str(path)!r} is not an ordinary file")
    key = (path, before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
    if key not in _hashes:
        sha256 = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                sha256.update(block)
        if time.time() - before.st_mtime <= SETTLED:
            return sha256.hexdigest()
        _hashes[key] = sha256.hexdigest()
    return _hashes[key]


class EmbeddingCache(Encoder):
    """An encoder that remembers: it is used like the encoder it is made from.

    What it does not do itself (`dim`, `feature_map`, ...) is the encoder's. Several kernels may use
    it at once. Each file has a record that appears whole or not at all; a damaged one is made anew.
    If the program is killed, the batch in work is lost, never more. Where nothing can be written,
    vectors are remembered for as long as the process runs.

    Attributes:
        encoder: the encoder that vectors come from.
        computed: how many files it has encoded since this object was made.
        reused: how many files' vectors were already there.

    Introduced in notebook 4.
    """

    def __init__(self, encoder: Encoder, folder: str | Path | None = None):
        """Wrap an encoder; its vectors are kept in `folder`, or else in `cache_folder()`."""
        self.encoder = encoder
        self.folder = Path(folder) if folder else cache_folder()
        self.computed = self.reused = 0
        self._told = False

    def __getattr__(self, name: str):
        if name == "encoder" or name.startswith("__"):  # while it is being copied or unpickled
            raise AttributeError(name)
        return getattr(self.encoder, name)

    def fit(self, paths: Sequence[str | Path]) -> EmbeddingCache:
        """Return a cache of the encoder centred on a collection (see `AudioEncoder.fit`)."""
        return EmbeddingCache(self.encoder.fit(paths), self.folder)

    def stream(self, paths: Sequence[str | Path]) -> Iterator[np.ndarray | MediaError]:
        """Yield each file's embedding or error; only new files are encoded."""
        for found in self._gather(path_list(paths), "encode", self.encoder.stream):
            yield found if isinstance(found, MediaError) else found[0]

    def rows(
        self,
        paths: Sequence[str | Path],
        recipe: str,
        compute: Callable[[Path], np.ndarray],
        problems: list[MediaError] | None = None,
    ) -> list[np.ndarray]:
        """Return several vectors for each of n files, such as those of a video's key frames.

        They are kept apart by `recipe` and by the code of `compute`, with the functions, arrays and
        plain values that it names: change one, and they are computed anew. What lies inside other
        objects is not looked at; if the result depends on that, say so in `recipe`.

        Args:
            paths: the files, or a Catalog.
            recipe: what `compute` does, in words.
            compute: makes the vectors of one file, (m, d), with this encoder.
            problems: as in `encode`, and so are the errors.
        """

        def one_by_one(files: list) -> Iterator[np.ndarray | MediaError]:
            for file in progress(files, self.encoder):
                try:
                    yield np.asarray(compute(Path(file)))
                except MediaError as error:
                    yield error

        recipe = f"{recipe}|{_described(compute, compute)}"
        return all_tried(self._gather(path_list(paths), recipe, one_by_one), problems)

    def _gather(self, paths: list, recipe: str, compute) -> list[np.ndarray | MediaError]:
        """Read what is kept and compute the rest; copies of a file are computed once."""
        keys = [_content(path) or f"unreadable {number}" for number, path in enumerate(paths)]
        places = {key: self._place(recipe, key) for key in keys}
        found = {key: _read(place) for key, place in places.items()}
        self.reused += sum(found[key] is not None for key in keys)
        missing = {key: path for key, path in zip(keys, paths, strict=True) if found[key] is None}
        copies = Counter(keys)
        results = compute(list(missing.values())) if missing else ()
        for (key, path), result in zip(missing.items(), results, strict=True):
            found[key] = result
            if not isinstance(result, MediaError):
                found[key] = np.atleast_2d(np.asarray(result, dtype=np.float32))
                self.computed += 1
                self.reused += copies[key] - 1
                if _content(path) == key:  # else it was changed while it was being encoded
                    self._write(places[key], found[key])
        return [
            type(found[key])(path, found[key].problem, found[key].remedy)
            if isinstance(found[key], MediaError)
            else found[key]
            for key, path in zip(keys, paths, strict=True)
        ]

    def _place(self, recipe: str, key: str) -> Path:
        """Return where a record is kept; folders of a few hundred files stay quick to list."""
        parts = repr((self.encoder.fingerprint, recipe, key))
        name = hashlib.sha256(parts.encode()).hexdigest()
        return self.folder / "course_embeddings" / name[:2] / f"{name}.vectors"

    def _write(self, place: Path, array: np.ndarray) -> None:
        """Keep a record: first under a name of its own, then moved to its place at once."""
        content, part = io.BytesIO(), place.with_name(f"{uuid4().hex}.part")
        np.save(content, array, allow_pickle=False)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_checksum(place, content.getvalue()) + content.getvalue())
            part.replace(place)  # from one moment to the next, and whole
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            _unwritten[place] = array
            if len(_unwritten) > REMEMBERED:
                del _unwritten[next(iter(_unwritten))]
            if not self._told and not place.exists():  # it exists if another kernel was faster
                print(
                    f"Vectors cannot be kept in {str(self.folder)!r} ({error.strerror}) and will "
                    "be computed again next time; COURSE_CACHE_DIR can name another folder."
                )
                self._told = True


def _content(path: str | Path) -> str:
    try:
        return content_hash(path)
    except (OSError, ValueError):  # ValueError: a name with a null character
        return ""


def _checksum(place: Path, content: bytes) -> bytes:
    """Return what shows damage, and a record that lies in another's place."""
    return hashlib.blake2b(place.name.encode() + content, digest_size=CHECKSUM).digest()


def _read(place: Path) -> np.ndarray | None:
    """Return a record's vectors, or None if there is no sound one."""
    if place in _unwritten:
        return _unwritten[place]
    try:
        record = place.read_bytes()
    except OSError:
        return None
    if record[:CHECKSUM] != _checksum(place, record[CHECKSUM:]):
        return None
    return np.load(io.BytesIO(record[CHECKSUM:]), allow_pickle=False)


def _described(value, top, seen: tuple = ()) -> str:
    """Say what a function's result depends on; functions of other modules stand by their names."""
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, partial):
        value = (value.func, value.args, *value.keywords.items())
    if isinstance(value, FunctionType):
        if value in seen or value.__module__ not in ("__main__", top.__module__):
            return f"{value.__module__}.{value.__qualname__}"
        named = [value.__globals__.get(name) for name in value.__code__.co_names]
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        seen, value = (*seen, value), (value.__code__, value.__defaults__, *cells, *named)
    if isinstance(value, CodeType):
        value = (value.co_code, value.co_names, *value.co_consts)
    if isinstance(value, (tuple, frozenset)):
        parts = [_described(part, top, seen) for part in value]
        return repr(sorted(parts) if isinstance(value, frozenset) else parts)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, Path)):
        return repr(value)
    return f"{type(value).__name__} {getattr(value, 'fingerprint', '')}"
