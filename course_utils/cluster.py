"""When one machine is not enough: files are encoded on a cluster, with Ray Data.

Encoding is a map: each file becomes a vector, whatever the other files are. So the files can be
dealt out to workers in small batches, on this computer or on many.
"""

from __future__ import annotations

import logging
import os
import pickle
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
        """Return, for each file, its row or error, and the fingerprint that the row belongs to."""
        try:
            if self.lost:  # Ray has started it anew, and would do so without end
                raise MemoryError("a worker was lost, most often because memory ran out")
            self.encoder = self.encoder or self.make_encoder()
            found, mark = list(self.encoder.stream(list(batch["path"]))), self.encoder.fingerprint
        except Exception as error:  # Ray would make pages of it
            reason = f"The work broke off ({type(error).__name__}: {error}); try a few files here."
            found, mark = [ClusterError(reason)] * len(batch["path"]), ""
        return {"place": batch["place"], "found": [pickle.dumps((x, mark)) for x in found]}


def encode_on_cluster(
    paths: Sequence[str | Path],
    make_encoder: Callable,
    workers: int = 2,
    problems: list[MediaError] | None = None,
) -> np.ndarray:
    """Return the embeddings of n files, computed by several workers: float32 (n, dim).

    The cluster is the one that this program is connected to, or that at RAY_ADDRESS (`host:port`),
    or else Ray is started here and stopped at the end. Each worker is a process with an encoder and
    a core of its own. Every machine needs this project, and the files under the same paths; the
    COURSE_... settings are passed on. It pays where there are more machines: on one, an encoder by
    itself uses all cores already.

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
    # Workers are plain processes of this Python, nobody is told about them, and they keep quiet.
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    for name, value in (quiet | {"RAY_BACKEND_LOG_LEVEL": "fatal"}).items():
        os.environ.setdefault(name, value)
    try:
        import ray.data
    except ImportError as error:
        said = f"Ray is not installed here ({error}); run `uv sync --extra cluster`."
        raise ClusterError(said) from None
    mine, found, marks = not ray.is_initialized(), [None] * len(paths), set()
    try:
        if mine:
            address = os.environ.get("RAY_ADDRESS")
            if address and ":" in address:  # else Ray itself would try for minutes
                host, _, port = address.removeprefix("ray://").rpartition(":")
                socket.create_connection((host, int(port)), timeout=5).close()
            here = {} if address else {"num_cpus": workers, "include_dashboard": False}
            ray.init(address or "local", logging_level="ERROR", log_to_driver=False, **here)
        for row in _dealt_out(ray, paths, make_encoder, workers).iter_rows():
            result, mark = pickle.loads(row["found"])
            if isinstance(result, ClusterError):
                raise result
            if isinstance(result, MediaError):  # by the name that the file was given here
                result = MediaError(paths[row["place"]], result.problem, result.remedy)
            found[row["place"]] = result
            marks.add(mark)
    except ClusterError:
        raise
    except Exception as error:  # of many kinds, and pages long
        first = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        said = f"Ray broke off ({first}); see whether the cluster runs (`ray status`), or unset "
        raise ClusterError(f"{said}RAY_ADDRESS to use this computer alone.") from None
    finally:
        if mine:
            ray.shutdown()  # stops what was started here; only hangs up on others' cluster
    if len(marks) > 1:
        raise ClusterError(
            "The workers' encoders differ, so their vectors cannot be compared; give all machines "
            "the same weights (COURSE_WEIGHTS_DIR can name a shared folder) and versions."
        )
    return np.array(all_tried(found, problems), dtype=np.float32)


def _dealt_out(ray, paths: list, make_encoder: Callable, workers: int):
    """Return the dataset of what the workers say of each file, in any order."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("COURSE_")}
    settings |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}${{PYTHONPATH}}"}
    size = min(BATCH, -(-len(paths) // workers))
    items = [{"place": i, "path": str(Path(path).absolute())} for i, path in enumerate(paths)]
    logging.getLogger("ray.data").setLevel("CRITICAL")  # it writes of all that it does
    dataset = ray.data.from_items(items, override_num_blocks=-(-len(paths) // size)).map_batches(
        _Worker,
        fn_constructor_args=[make_encoder],
        batch_size=size,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
        runtime_env={"env_vars": settings},
    )
    dataset.context.enable_progress_bars = False
    return dataset
