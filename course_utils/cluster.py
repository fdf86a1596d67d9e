"""When one machine is not enough: files are encoded on a cluster, with Ray Data.

Encoding is a map: each file becomes a vector, whatever the other files are. So the files can be
dealt out to workers in small batches, on this computer or on many.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from course_utils.cache import all_tried, path_list
from course_utils.media import MediaError

ROOT = Path(__file__).resolve().parents[1]
BATCH = 16  # files that a worker is given at a time, at most


class ClusterError(RuntimeError):
    """A cluster that cannot be used, or work that failed on it; the message says what to do."""


class _Worker:
    """A process of the cluster with an encoder of its own."""

    def __init__(self, make_encoder: Callable):
        import ray

        self.make_encoder, self.encoder = make_encoder, None
        self.lost = ray.get_runtime_context().was_current_actor_reconstructed

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list]:
        """Return each file's place and its vector, its problem, or what ends the whole work."""
        paths, problems, rows, failure = [Path(path) for path in batch["path"]], [], [], ""
        try:
            if self.lost:  # Ray has started it anew and would do so without end
                raise MemoryError("a worker was lost, most often because memory ran out")
            self.encoder = self.encoder or self.make_encoder()
            rows = self.encoder.encode(paths, problems)
        except Exception as error:  # Ray would make pages of it
            failure = f"{type(error).__name__}: {error}"
        bad, rows = {error.path: (error.problem, error.remedy) for error in problems}, iter(rows)
        return {
            "place": batch["place"],
            "vector": [None if failure or path in bad else next(rows).tolist() for path in paths],
            "problem": [bad.get(path) for path in paths],
            "failure": [failure] * len(paths),
            "fingerprint": [str(getattr(self.encoder, "fingerprint", ""))] * len(paths),
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
        answers = _map(ray, paths, make_encoder, workers)
    except ClusterError:
        raise
    except Exception as error:  # of many kinds, and pages long
        first = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise ClusterError(
            f"Ray broke off ({first}); see whether the cluster runs (`ray status`)."
        ) from None
    finally:
        if mine:
            ray.shutdown()  # stops what was started here; only hangs up on others' cluster
    if failure := answers[-1]["failure"]:
        raise ClusterError(
            f"The work broke off ({failure}); try a few files without a cluster, or fewer workers."
        )
    if len({row["fingerprint"] for row in answers}) > 1:
        raise ClusterError(
            "The workers' encoders differ, so their vectors cannot be compared; give all machines "
            "the same weights (COURSE_WEIGHTS_DIR can name a shared folder) and versions."
        )
    results = [  # errors by the names that the files were given here
        row["vector"] if row["problem"] is None else MediaError(path, *row["problem"])
        for path, row in zip(paths, sorted(answers, key=lambda row: row["place"]), strict=True)
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
    """Deal out the files and return what the workers say of each, up to the first failure."""
    logging.getLogger("ray.data").setLevel("CRITICAL")  # it writes of all that it does
    settings = {name: value for name, value in os.environ.items() if name.startswith("COURSE_")}
    settings |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}${{PYTHONPATH}}"}
    size = min(BATCH, -(-len(paths) // workers))
    batches = -(-len(paths) // size)
    items = [{"place": i, "path": str(Path(path).absolute())} for i, path in enumerate(paths)]
    dataset = ray.data.from_items(items, override_num_blocks=batches).map_batches(
        _Worker,
        fn_constructor_args=[make_encoder],
        batch_size=size,
        compute=ray.data.ActorPoolStrategy(
            size=min(workers, batches), max_tasks_in_flight_per_actor=1
        ),
        num_cpus=1,
        runtime_env={"env_vars": settings},
    )
    dataset.context.enable_progress_bars = False
    answers = []
    for row in dataset.iter_rows():
        answers.append(row)
        if row["failure"]:
            break
    return answers
