"""When one machine is not enough: files are encoded on a cluster, with Ray.

Encoding is a map: each file becomes a vector, whatever the other files are. So the files can be
dealt out to workers in small batches, on this computer or on many.
"""

from __future__ import annotations

import os
import re
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

    def encode(self, paths: list[str]) -> tuple[list, str]:
        """Return, for each file, its row or error, and the fingerprint that rows belong to."""
        return list(self.encoder.stream(paths)), self.encoder.fingerprint


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

    Source: https://docs.ray.io/en/latest/ray-core/api/doc/ray.util.ActorPool.html
    Introduced in notebook 4.
    """
    paths, mine = path_list(paths), False
    if not paths:
        return make_encoder().encode([])  # no rows, of the right width
    size = min(BATCH, -(-len(paths) // workers))
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_UV_RUN_RUNTIME_ENV"):
        os.environ.setdefault(name, "0")  # nobody is told; workers run in this very Python
    known = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *known]))
    files = [str(Path(path).absolute()) for path in paths]
    batches = [files[start : start + size] for start in range(0, len(files), size)]
    try:
        import ray
        from ray.util import ActorPool

        address, options = os.environ.get("RAY_ADDRESS"), {"num_cpus": 1}
        if address or ray.is_initialized():  # what is started here has this environment
            sent = {x: y for x, y in os.environ.items() if x.startswith("COURSE_")}
            sent["PYTHONPATH"] = f"{ROOT}{os.pathsep}${{PYTHONPATH}}"  # before what is set there
            options["runtime_env"] = {"env_vars": sent}
        if mine := not ray.is_initialized():
            if address and ":" in address:  # else Ray itself would try for minutes
                host, _, port = address.removeprefix("ray://").rpartition(":")
                socket.create_connection((host, int(port)), timeout=5).close()
            here = {} if address else {"num_cpus": workers, "include_dashboard": False}
            ray.init(address or "local", logging_level="ERROR", log_to_driver=False, **here)
        worker = ray.remote(**options)(_Worker)
        pool = ActorPool([worker.remote(make_encoder) for _ in range(min(workers, len(batches)))])
        done = list(pool.map(lambda actor, batch: actor.encode.remote(batch), batches))
    except Exception as error:  # of many kinds, and pages long
        said = f"{type(error).__name__}: {error}"
        said = [said, *re.findall(r"^\w+Error: .*", said, re.M)][-1].splitlines()[0]
        if type(error).__name__ == "ActorDiedError" and "Error: " not in str(error):
            said = "a worker was lost, most often because memory ran out"
        raise ClusterError(
            f"Ray broke off ({said}); try a few files without it, see whether it is installed "
            "(`uv sync --extra cluster`) and runs (`ray status`), or unset RAY_ADDRESS."
        ) from None
    finally:
        if mine:
            ray.shutdown()  # stops what was started here; only hangs up on others' cluster
    if len({mark for _, mark in done}) > 1:
        raise ClusterError(
            "The workers' encoders differ, so their vectors cannot be compared; give all machines "
            "the same weights (COURSE_WEIGHTS_DIR can name a shared folder) and versions."
        )
    found = [result for results, _ in done for result in results]
    for place, result in enumerate(found):
        if isinstance(result, MediaError):  # by the name that the file was given here
            found[place] = MediaError(paths[place], result.problem, result.remedy)
    return np.array(all_tried(found, problems), dtype=np.float32)
