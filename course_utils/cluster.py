"""When one machine is not enough: files are encoded on a cluster, with Ray Data.

Encoding is a map: each file becomes a vector, whatever the other files are. So the files can be
dealt out to workers in small batches, on this computer or on many.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from course_utils.cache import all_tried, path_list
from course_utils.media import MediaError

ROOT = Path(__file__).resolve().parents[1]
BATCH = 16  # files that a worker is given at a time


class ClusterError(RuntimeError):
    """A cluster that cannot be used, or work that failed on it; the message says what to do."""


class _Worker:
    """A process of the cluster with an encoder of its own."""

    def __init__(self, make_encoder: Callable):
        self.encoder = make_encoder()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list]:
        """Return for each file its place, its vector or what is wrong, and whose vector it is."""
        paths, problems = [Path(path) for path in batch["path"]], []
        rows = iter(self.encoder.encode(paths, problems))
        bad = {error.path: (error.problem, error.remedy) for error in problems}
        return {
            "place": batch["place"],
            "vector": [None if path in bad else next(rows).tolist() for path in paths],
            "problem": [bad.get(path) for path in paths],
            "fingerprint": [self.encoder.fingerprint] * len(paths),
        }


def encode_on_cluster(
    paths: Sequence[str | Path],
    make_encoder: Callable,
    workers: int = 2,
    problems: list[MediaError] | None = None,
) -> np.ndarray:
    """Return the embeddings of n files, computed by several workers: float32 (n, dim).

    The cluster is the one that this program is connected to, or that at RAY_ADDRESS (`host:port`),
    or else Ray is started here and stopped at the end. Each worker is a process that makes its
    encoder once and computes on a core of its own. Every machine needs this project, and the files
    under the same paths, as in a shared folder; the COURSE_... settings are passed on. It pays
    where there are more machines: on one, an encoder by itself uses all cores already.

    Args:
        paths: the files, or a Catalog.
        make_encoder: called once in each worker, such as the class `ImageEncoder`, or
            `lambda: EmbeddingCache(ImageEncoder())`, which computes nothing a second time.
        workers: how many processes encode at the same time.
        problems: as in `Encoder.encode`.

    Raises:
        MediaError: files are unusable and `problems` was not given; the message names each.
        ClusterError: Ray is missing or cannot be reached, or a worker failed or was lost.

    Source: https://docs.ray.io/en/latest/data/api/doc/ray.data.Dataset.map_batches.html
    Introduced in notebook 4.
    """
    paths = path_list(paths)
    if not paths:
        return make_encoder().encode([])  # no rows, of the right width
    # Workers are plain processes of this Python, and nobody is told about them.
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_UV_RUN_RUNTIME_ENV"):
        os.environ.setdefault(name, "0")
    try:
        import ray.data
    except ImportError as error:
        raise ClusterError(
            f"Ray is not installed here ({error}); run `uv sync --extra cluster`."
        ) from None
    mine = not ray.is_initialized()
    try:
        if mine:
            _connect(ray, workers)
        answers = sorted(_map(ray, paths, make_encoder, workers), key=lambda row: row["place"])
    except ClusterError:
        raise
    except Exception as error:  # Ray's errors are of many kinds, and pages long
        while error.__cause__ is not None:
            error = error.__cause__  # the innermost one says what happened
        last = f"{type(error).__name__}: {error}".strip().splitlines()[-1].strip()[:300]
        raise ClusterError(
            f"Ray broke off ({last}); try a few files without a cluster, see whether the cluster "
            "runs (`ray status`) and has memory to spare."
        ) from None
    finally:
        if mine:
            ray.shutdown()  # stops what was started here; only hangs up on others' cluster
    if len({row["fingerprint"] for row in answers}) > 1:
        raise ClusterError(
            "The workers' encoders differ, so their vectors cannot be compared; give all machines "
            "the same weights (COURSE_WEIGHTS_DIR can name a shared folder) and versions."
        )
    results = [  # errors by the names that the files were given here
        row["vector"] if row["problem"] is None else MediaError(path, *row["problem"])
        for path, row in zip(paths, answers, strict=True)
    ]
    return np.array(all_tried(results, problems), dtype=np.float32)


def _connect(ray, workers: int) -> None:
    """Join the cluster at RAY_ADDRESS, or start one here."""
    address = os.environ.get("RAY_ADDRESS")
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if port.isdecimal():  # Ray itself would try for minutes
                socket.create_connection((host, int(port)), timeout=5).close()
            ray.init(address, **quiet)
        except OSError as error:
            raise ClusterError(
                f"No Ray cluster answers at RAY_ADDRESS={address} ({error}); start it there with "
                "`ray start --head`, or unset RAY_ADDRESS to use this computer alone."
            ) from None
    else:
        ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)


def _map(ray, paths: list, make_encoder: Callable, workers: int) -> list[dict]:
    """Deal out the files and return what the workers say of each, in any order."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("COURSE_")}
    settings |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}${{PYTHONPATH}}"}
    batches = -(-len(paths) // BATCH)
    items = [{"place": i, "path": str(Path(path).absolute())} for i, path in enumerate(paths)]
    dataset = ray.data.from_items(items, override_num_blocks=batches).map_batches(
        _Worker,
        fn_constructor_args=[make_encoder],
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=min(workers, batches)),
        num_cpus=1,
        max_restarts=0,  # Ray would start a worker that runs out of memory again, without end
        runtime_env={"env_vars": settings},
    )
    dataset.context.enable_progress_bars = False
    return dataset.take_all()
