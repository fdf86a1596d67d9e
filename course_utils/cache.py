"""Embeddings that are computed once and kept on disk.

A file's vector changes only if the file or the encoder does. So it is kept under the file's content
and the encoder's fingerprint, not under its name: a renamed file is still known, a changed one is
encoded anew, and another encoder's vectors are never mixed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from uuid import uuid4

import numpy as np

from course_utils.media import MediaError, one_error
from course_utils.session import cache_folder, progress

_unwritten: dict[Path, np.ndarray] = {}  # what could not be written, while the process runs


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


def each_tried(compute: Callable, paths: Iterable) -> Iterator:
    """Yield for each path what `compute` returns, or the MediaError that it raises."""
    for path in paths:
        try:
            yield compute(path)
        except MediaError as error:
            yield error


class Encoder:
    """What every encoder can do, whether it computes or remembers; each says how in `stream`.

    Each has a `name`, a `space`, `dim` numbers in a vector, and a `fingerprint` that stands for all
    that a vector depends on: only vectors of one space and one fingerprint can be compared.
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


class EmbeddingCache(Encoder):
    """An encoder that remembers: it is used like the encoder it is made from.

    What it does not do itself (`dim`, `feature_map`, ...) is the encoder's. Several kernels may use
    it at once: a file's record appears whole or not at all, and a damaged one is made anew. Where
    nothing can be written, vectors are remembered for as long as the process runs.

    Attributes:
        encoder: the encoder that vectors come from.
        computed, reused: how many files it has encoded, and how many it knew, since it was made.

    Introduced in notebook 4.
    """

    def __init__(self, encoder: Encoder, folder: str | Path | None = None):
        """Wrap an encoder; its vectors are kept in `folder`, or else in `cache_folder()`."""
        self.encoder, self.folder = encoder, Path(folder or cache_folder())
        self.computed = self.reused = 0

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

        They are kept apart by `recipe` and by the code of `compute`, with the functions, networks,
        arrays, lists and plain values that it names: change one, and they are computed anew. If
        the result depends on what lies inside other objects, say so in `recipe`.

        Args:
            paths: the files, or a Catalog.
            recipe: what `compute` does, in words.
            compute: makes the vectors of one file, (m, d), with this encoder.
            problems: as in `encode`.
        """

        def one_by_one(files: list) -> Iterator[np.ndarray | MediaError]:
            return each_tried(compute, map(Path, progress(files)))

        recipe = f"{recipe}|{_described(compute)}"
        return all_tried(self._gather(path_list(paths), recipe, one_by_one), problems)

    def _gather(self, paths: list, recipe: str, compute) -> list[np.ndarray | MediaError]:
        """Read what is kept; compute the rest and keep it, too."""
        places = [self._place(recipe, path) for path in paths]
        found: list = [_read(place) for place in places]
        missing = [i for i, vectors in enumerate(found) if vectors is None]
        self.reused += len(paths) - len(missing)
        results = compute([paths[i] for i in missing]) if missing else ()
        for i, result in zip(missing, results, strict=True):
            found[i] = result
            if not isinstance(result, MediaError):
                found[i] = np.atleast_2d(np.asarray(result, dtype=np.float32))
                self.computed += 1
                if self._place(recipe, paths[i]) == places[i]:  # else the file has just changed
                    self._write(places[i], found[i])
        return found

    def _place(self, recipe: str, path: str | Path) -> Path:
        """Return where a file's record is kept, whatever the file is called."""
        content = hashlib.sha256()
        with suppress(OSError):  # the encoder will say what is wrong with it
            if Path(path).is_file():  # reading a pipe might never end
                with Path(path).open("rb") as file:
                    while block := file.read(1 << 20):
                        content.update(block)
        key = repr((self.encoder.fingerprint, recipe, content.hexdigest()))
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / "course_embeddings" / name[:2] / f"{name}.npz"

    def _write(self, place: Path, vectors: np.ndarray) -> None:
        """Keep a record: first under a name of its own, then moved to its place at once."""
        part = place.with_name(f"{uuid4().hex}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.savez(file, **{place.stem: vectors})
            part.replace(place)  # from one moment to the next, and whole
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            if not _unwritten:
                said = f"Vectors cannot be kept in {str(self.folder)!r} ({error.strerror}) and will"
                print(f"{said} be computed again next time; COURSE_CACHE_DIR names another folder.")
            _unwritten[place] = vectors


def _read(place: Path) -> np.ndarray | None:
    """Return a record's vectors, or None if there is no sound one: npz files have checksums."""
    try:
        with np.load(place, allow_pickle=False) as record:
            return record[place.stem]  # it is not there in a record that lies in another's place
    except Exception:  # of many kinds, one for each way to be damaged
        return _unwritten.get(place)


def _described(value, seen: tuple = ()) -> str:
    """Say what a function's result depends on; functions of other modules stand by their names."""
    value = getattr(value, "__func__", value)  # of a method
    if isinstance(value, partial):
        value = (value.func, value.args, *value.keywords.items())
    elif isinstance(value, CodeType):
        value = (value.co_code, value.co_names, *value.co_consts)
    elif isinstance(value, FunctionType) and value not in seen:
        seen = (*seen, value)
        if value.__module__ == seen[0].__module__:
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            named = [value.__globals__.get(name) for name in value.__code__.co_names]
            value = (value.__code__, value.__defaults__, *cells, *named)
    elif hasattr(value, "state_dict") and not isinstance(value, type):  # a network
        numbers = (x.float().numpy(force=True) for x in value.state_dict().values())
        value = (str(value), value.training, *numbers)
    if isinstance(value, (tuple, list)):
        return repr([_described(part, seen) for part in value])
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, (type(None), int, float, complex, str, bytes, frozenset, Path)):
        return repr(value)
    return " ".join(str(getattr(value, x, x)) for x in ("__class__", "__qualname__", "fingerprint"))
