"""When one machine is not enough: files are encoded on a cluster, with Ray Data.

Encoding is a map: each file becomes a vector, whatever the other files are. So the files can be
dealt out to workers in small batches, on this computer or on many, and all that is left to do is
to put the rows back in order.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from course_utils.media import MediaError, one_error
from course_utils.session import is_live

ROOT = Path(__file__).resolve().parents[1]


class ClusterError(RuntimeError):
    """A cluster that cannot be used, or work that failed on it; the message says what to do."""


class _Worker:
    """A process of the cluster with an encoder of its own.

    What goes wrong is handed over like a result: Ray would make it a page of its own.
    """

    def __init__(self, make_encoder: bytes, restarted: Callable):
        self.encoder, self.failure = None, ""
        if restarted():
            self.failure = "was lost, most often because memory ran out"
            return
        try:
            self.encoder = pickle.loads(make_encoder)()
        except Exception as error:
            self.failure = f"could not make its encoder ({type(error).__name__}: {error})"

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list]:
        files = [Path(path) for path in batch["path"]]
        rows, problems = None, []
        try:
            if not self.failure:
                rows = self.encoder.encode(files, problems)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self.failure = f"failed at the file {str(files[0])!r} or one soon after it ({what})"
        bad = {error.path: error for error in problems}
        errors = {
            p: bad[file] for p, file in zip(batch["place"], files, strict=True) if file in bad
        }
        places = [place for place in batch["place"] if place not in errors]
        fingerprint = getattr(self.encoder, "fingerprint", "")
        return {"answer": [pickle.dumps((self.failure, fingerprint, places, rows, errors))]}


def encode_on_cluster(
    paths: Sequence[str | Path],
    make_encoder: Callable,
    workers: int = 2,
    at_once: int = 16,
    problems: list[MediaError] | None = None,
    cores: int = 1,
) -> np.ndarray:
    """Return the embeddings of files, computed by several workers.

    The cluster is the one that this program is connected to already, or the one in RAY_ADDRESS
    (`host:port`); otherwise Ray is started on this computer and stopped at the end. Each worker is
    a process that makes its encoder once. On a cluster every machine needs this project with the
    same versions, and the files under the same paths, as in a shared folder; the COURSE_...
    settings are passed on. Starting takes half a minute and several GB of memory. It pays where
    there are more machines: on one, an encoder by itself uses all cores already.

    Args:
        paths: n files, or a Catalog of n items.
        make_encoder: called once in each worker, such as the class `ImageEncoder`, or
            `lambda: EmbeddingCache(ImageEncoder())`, which computes nothing a second time.
        workers: how many processes encode at the same time.
        at_once: how many files a worker is given at a time.
        problems: a list to which the errors of unusable files are added; their rows are then
            left out. Without it, such files raise an error, after all files have been tried.
        cores: processor cores that are set aside for each worker, and the number of threads that
            its network computes with, so that workers do not wait for each other. (Two threads
            more decode files, and graphics cards are not used.)

    Returns:
        float32 of shape (n, dim), in the order of `paths`.

    Raises:
        MediaError: files are unusable and `problems` was not given; the message names each.
        ClusterError: Ray is missing or cannot be reached, a worker failed or was lost, or the
            workers' encoders differ.
        ValueError: `workers`, `at_once` or `cores` is less than 1.

    Source: https://docs.ray.io/en/latest/data/api/doc/ray.data.Dataset.map_batches.html
    Introduced in notebook 4.
    """
    if isinstance(paths, (str, Path)):
        raise TypeError("This takes a list of paths; write [path] for one file.")
    if min(workers, at_once, cores) < 1:
        raise ValueError("workers, at_once and cores must be at least 1.")
    paths = list(getattr(paths, "paths", paths))  # a Catalog knows its paths
    if not paths:
        return make_encoder().encode([])  # no rows, of the right width
    ray = _import_ray()
    mine = not ray.is_initialized()
    try:
        if mine:
            _connect(ray, workers * cores)
        answers = _map(ray, paths, make_encoder, workers, at_once, cores)
    except ClusterError:
        raise
    except Exception as error:  # Ray's errors are of many kinds, and pages long
        last = f"{type(error).__name__}: {error}".strip().splitlines()[-1].strip()
        raise ClusterError(
            f"Ray broke off ({last}); see whether the cluster runs (`ray status`) and each of its "
            "machines has this project and memory to spare."
        ) from error
    finally:
        if mine:
            ray.shutdown()  # stops what was started here; only hangs up on others' cluster

    failures, fingerprints, places, rows, errors = zip(*answers, strict=True)
    if any(failures):
        raise ClusterError(
            f"A worker {max(failures, key=bool)}; find the cause by encoding a few files without "
            "a cluster, or with fewer workers. Vectors kept by an EmbeddingCache are not lost."
        )
    if len(set(fingerprints)) > 1:
        raise ClusterError(
            "The workers' encoders differ, so their vectors cannot be compared; give all machines "
            "the same weights (COURSE_WEIGHTS_DIR can name a shared folder) and versions."
        )
    bad = {place: error for some in errors for place, error in some.items()}
    found = [  # by the names that the files were given here
        MediaError(paths[place], bad[place].problem, bad[place].remedy) for place in sorted(bad)
    ]
    if found and problems is None:
        raise one_error(found, len(paths))
    if problems is not None:
        problems.extend(found)
    return np.concatenate(rows)[np.argsort(np.concatenate(places)).astype(int)]


def _import_ray():
    # Nobody is told about it. Workers are plain processes of this Python: under `uv run`, Ray would
    # otherwise copy the folder and install everything anew for each.
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_UV_RUN_RUNTIME_ENV"):
        os.environ.setdefault(name, "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else it warns of its own doings
    try:
        import ray.data
    except ImportError as error:
        raise ClusterError(
            f"Ray is not installed here ({error}); run `uv sync --extra cluster`."
        ) from None
    return ray


def _connect(ray, cores: int) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address, **quiet)
    except OSError as error:
        raise ClusterError(
            f"No Ray cluster answers at RAY_ADDRESS={address} ({error}); start it there with "
            "`ray start --head`, or unset RAY_ADDRESS to use this computer alone."
        ) from error


def _map(ray, paths, make_encoder, workers, at_once, cores) -> list[tuple]:
    """Deal out the files and return what the workers say, up to the first failure."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("COURSE_")}
    settings["OMP_NUM_THREADS"] = str(cores)  # PyTorch's threads
    settings["PYTHONPATH"] = f"{ROOT}{os.pathsep}${{PYTHONPATH}}"
    batches = math.ceil(len(paths) / at_once)
    items = [{"place": i, "path": str(Path(path).absolute())} for i, path in enumerate(paths)]

    def restarted() -> bool:
        return ray.get_runtime_context().was_current_actor_reconstructed

    logging.getLogger("ray.data").setLevel("CRITICAL")  # see ClusterError
    dataset = ray.data.from_items(items, override_num_blocks=batches).map_batches(
        _Worker,
        fn_constructor_args=[ray.cloudpickle.dumps(make_encoder), restarted],
        batch_size=at_once,
        compute=ray.data.ActorPoolStrategy(size=min(workers, batches)),
        num_cpus=cores,
        runtime_env={"env_vars": settings},
    )
    dataset.context.enable_progress_bars = is_live()
    answers = []
    for row in dataset.iter_rows():
        answers.append(pickle.loads(row["answer"]))
        if answers[-1][0]:
            break
    return answers
