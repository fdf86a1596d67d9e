"""Embeddings that are computed once and kept on disk.

Encoding is the slow part of a search, and a file's vector changes only if the file or the encoder
does. So it is kept under the file's content and the encoder's fingerprint, not under its name: a
renamed file is still known, a changed one is encoded anew, and another encoder's vectors are never
mixed in.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from course_utils.media import MediaError
from course_utils.session import is_live

HEADER = struct.Struct("<4sII16s")  # MARK, rows, columns, checksum; then float32, little-endian
MARK = b"EMB1"
SETTLED = 2  # seconds: a file changed more recently may change again within its time stamp

_hashes: dict[tuple, str] = {}  # content hashes, for as long as the process runs


def cache_folder() -> Path:
    """Return the folder in which the course keeps what it has computed.

    It is COURSE_CACHE_DIR, or else a folder in the place where the operating system wants caches.

    Introduced in notebook 4.
    """
    if chosen := os.environ.get("COURSE_CACHE_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        place = "~/Library/Caches"
    else:
        place = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(place).expanduser() / "media-embeddings-course"


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

    Everything that it does not do itself (`dim`, `fingerprint`, `cells`, ...) is the encoder's.
    Several kernels may use it at once. Each vector is a file of its own that appears whole or not
    at all; one that is damaged is not believed, but made anew. If the program is killed, what it
    was encoding at that moment is lost (`at_once` files), never more.

    Attributes:
        encoder: the encoder that vectors come from.
        computed: how many files it has encoded since this object was made.
        reused: how many files' vectors were already there.

    Introduced in notebook 4.
    """

    def __init__(self, encoder, folder: str | Path | None = None, at_once: int | None = None):
        """Wrap an encoder.

        Args:
            encoder: anything with `encode(paths, problems)` and `fingerprint`.
            folder: where vectors are kept; None takes `cache_folder()`.
            at_once: how many files the encoder is given at a time; None takes its batch size, or 1
                if it has none.
        """
        self.encoder = encoder
        self.folder = Path(folder) if folder else cache_folder()
        self.at_once = at_once or getattr(encoder, "batch_size", 1)
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
                left out. Without it, such files raise the encoder's error, after all files have
                been tried.

        Returns:
            float32 of shape (n, dim), in the order of `paths`.

        Raises:
            MediaError: files are unusable and `problems` was not given.
        """

        def compute(files: list, errors: list[MediaError]) -> list[np.ndarray | None]:
            bad: list[MediaError] = []
            vectors = self.encoder.encode(files, bad)
            errors += bad
            left_out = {error.path for error in bad}
            kept = [Path(file) not in left_out for file in files]
            if sum(kept) != len(vectors):
                raise ValueError(f"The encoder gave {len(vectors)} rows for {sum(kept)} files.")
            row = iter(vectors)
            return [next(row)[None] if good else None for good in kept]

        errors: list[MediaError] = []
        found = self._gather(paths, "", compute, self.at_once, errors)
        if errors and problems is None:
            self.encoder.encode([error.path for error in errors])  # it says so in its own words
            raise errors[0]
        if problems is not None:
            problems.extend(errors)
        return np.concatenate([np.zeros((0, self.dim), np.float32), *found])

    def rows(
        self,
        paths: Sequence[str | Path],
        recipe: str,
        compute: Callable[[Path], np.ndarray],
        problems: list[MediaError] | None = None,
    ) -> list[np.ndarray]:
        """Return several vectors for each file, such as those of a video's key frames.

        Args:
            paths: n files, or a Catalog of n items.
            recipe: what `compute` does, in words, with every setting that its result depends on;
                vectors are kept apart by it.
            compute: makes the vectors of one file, float32 of shape (m, d), with this encoder.
            problems: as in `encode`; without it, the first unusable file raises its error.

        Returns:
            n arrays, in the order of `paths`, without those of unusable files.

        Raises:
            MediaError: a file is unusable and `problems` was not given.
        """

        def compute_one(files: list, errors: list[MediaError]) -> list[np.ndarray | None]:
            try:
                return [np.asarray(compute(Path(files[0])))]
            except MediaError as error:
                if problems is None:
                    raise
                errors.append(error)
                return [None]

        return self._gather(paths, recipe, compute_one, 1, [] if problems is None else problems)

    def embed(self, catalog):
        """Encode the items of a catalog and leave out those that cannot be read.

        Args:
            catalog: a `course_utils.catalog.Catalog` of n items.

        Returns:
            The catalog of the m <= n readable items, and their embeddings of shape (m, dim). Each
            item left out is printed with the reason.
        """
        problems: list[MediaError] = []
        vectors = self.encode(catalog.paths, problems)
        return catalog.without(problems), vectors

    def clear(self, everything: bool = False) -> None:
        """Forget this encoder's vectors, or those of all encoders."""
        mine = self._place("").parent
        shutil.rmtree(mine.parent if everything else mine, ignore_errors=True)

    def _place(self, recipe: str) -> Path:
        """Return the folder of the encoder's records made by a recipe."""
        fingerprint = str(self.encoder.fingerprint)
        if not re.fullmatch(r"[0-9a-z]{1,64}", fingerprint):  # may not be able to name a folder
            fingerprint = hashlib.sha256(fingerprint.encode()).hexdigest()[:24]
        kind = hashlib.sha256(recipe.encode()).hexdigest()[:12] if recipe else "encode"
        return self.folder / "course_embeddings" / fingerprint / kind

    def _gather(self, paths, recipe, compute, at_once, errors) -> list[np.ndarray]:
        """Read what is kept and compute the rest, `at_once` files at a time."""
        if isinstance(paths, (str, Path)):
            raise TypeError("This takes a list of paths; write [path] for one file.")
        paths = list(getattr(paths, "paths", paths))  # a Catalog knows its paths
        place = self._place(recipe)
        known: dict[str, np.ndarray] = {}
        waiting: dict[str, list[int]] = {}  # content: the positions in `paths` that have it
        found: list[np.ndarray | None] = [None] * len(paths)

        def compute_waiting() -> None:
            files = [paths[positions[0]] for positions in waiting.values()]
            arrays = compute(files, errors)
            for (key, positions), file, array in zip(waiting.items(), files, arrays, strict=True):
                if array is None:  # its copies are unusable too; each is reported by its name
                    for other in positions[1:]:
                        compute([paths[other]], errors)
                    continue
                array = np.ascontiguousarray(array, dtype="<f4")
                if array.ndim != 2:
                    raise ValueError(f"{str(file)!r} gave shape {array.shape}, not (rows, d).")
                self.computed += 1
                self.reused += len(positions) - 1
                if _key(file) == key:  # else it was changed while it was being encoded
                    self._write(place, key, array)
                    known[key] = array
                for position in positions:
                    found[position] = array
            waiting.clear()

        bar = tqdm(
            total=len(paths), unit="file", file=sys.stdout, leave=False, delay=0.5,
            disable=not (getattr(self.encoder, "progress", True) and is_live()),
        )  # fmt: skip
        progress = getattr(self.encoder, "progress", None)
        try:
            if progress is not None:
                self.encoder.progress = False  # one bar for all, not one for each batch
            for position, path in enumerate(paths):
                key = _key(path) or f"unreadable {position}"
                if key not in known and key not in waiting:
                    array = _read(place, key)
                    if array is not None:
                        known[key] = array
                if key in known:
                    found[position] = known[key]
                    self.reused += 1
                else:
                    waiting.setdefault(key, []).append(position)
                if len(waiting) == at_once:
                    compute_waiting()
                bar.update()
            if waiting:
                compute_waiting()
        finally:
            bar.close()
            if progress is not None:
                self.encoder.progress = progress
        return [array for array in found if array is not None]

    def _write(self, place: Path, key: str, array: np.ndarray) -> None:
        """Keep a record: first under a name of its own, then moved to its place at once."""
        path = _path(place, key)
        part = path.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}.part")
        content = array.tobytes()
        header = HEADER.pack(MARK, *array.shape, _checksum(key, array.shape, content))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(header + content)
            part.replace(path)  # from one moment to the next, and whole
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if not self._told and not path.exists():  # it exists if another kernel was faster
                print(
                    f"Vectors cannot be kept in {str(self.folder)!r} ({error.strerror}) and will "
                    "be computed again next time; COURSE_CACHE_DIR can name another folder."
                )
                self._told = True


def _key(path: str | Path) -> str:
    """Return what a file's vectors are kept under, empty if it cannot be read."""
    try:
        return content_hash(path)
    except (OSError, ValueError):  # ValueError: a name with a null character
        return ""


def _path(place: Path, key: str) -> Path:
    """Return a record's path; folders of a few hundred files stay quick to list."""
    return place / key[:2] / f"{key}.vectors"


def _checksum(key: str, shape: tuple[int, int], content: bytes) -> bytes:
    """Return what shows damage, and a record that lies in another's place."""
    head = f"{key} {shape[0]} {shape[1]} ".encode()
    return hashlib.blake2b(head + content, digest_size=16).digest()


def _read(place: Path, key: str) -> np.ndarray | None:
    """Return a record's vectors, or None if there is no sound one."""
    try:
        record = _path(place, key).read_bytes()
    except OSError:
        return None
    if len(record) < HEADER.size:
        return None
    mark, rows, columns, checksum = HEADER.unpack_from(record)
    content = record[HEADER.size :]
    sound = mark == MARK and len(content) == 4 * rows * columns
    if not sound or checksum != _checksum(key, (rows, columns), content):
        return None
    return np.frombuffer(content, "<f4").reshape(rows, columns).astype(np.float32)
