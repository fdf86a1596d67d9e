"""Encoding on a cluster gives what encoding here gives, and its failures are told in a sentence.

Real Ray, of two workers on this computer; it comes with the extra `cluster`.
"""

import os
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from course_utils.cache import EmbeddingCache, Encoder
from course_utils.cluster import ClusterError, encode_on_cluster
from course_utils.media import MediaError
from course_utils.session import DATA

PICTURES = sorted((DATA / "images").glob("*.jpg"))[:24]


@pytest.fixture(scope="module")
def ray():
    """Have Ray running for all tests: starting it takes most of the time."""
    if not find_spec("ray"):
        pytest.skip("no Ray: it needs `--extra cluster`")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    import ray

    for attempt in range(4):  # it gives itself 30 seconds, too few on a busy machine
        try:
            ray.init("local", num_cpus=2, include_dashboard=False, logging_level="ERROR")
            break
        except Exception:
            ray.shutdown()
            if attempt == 3:
                raise
    yield ray
    ray.shutdown()


def test_two_workers_give_what_one_encoder_gives(ray, image_encoder, tmp_path, monkeypatch, capfd):
    """From a folder that is not the project's, with files that cannot be used."""
    from course_utils.encoders import ImageEncoder

    monkeypatch.chdir(tmp_path)
    Path("broken.jpg").write_bytes(PICTURES[0].read_bytes()[:300])
    paths = [*PICTURES[:5], "broken.jpg", *PICTURES[5:], "missing.jpg"]
    problems, expected = [], []
    capfd.readouterr()
    vectors = encode_on_cluster(paths, ImageEncoder, problems=problems)
    assert capfd.readouterr().out == ""
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, image_encoder.encode(paths, expected), rtol=0, atol=1e-5)
    assert list(map(str, problems)) == list(map(str, expected))
    assert [str(error.path) for error in problems] == ["broken.jpg", "missing.jpg"]
    with pytest.raises(MediaError, match="missing.jpg"):
        encode_on_cluster(["missing.jpg", PICTURES[0]], ImageEncoder)
    assert ray.is_initialized()  # it was running before


@pytest.mark.parametrize("alike", [True, False])
def test_an_encoder_of_a_notebook_is_shared_out(ray, tmp_path, monkeypatch, alike):
    """Its vectors tell who computed them; what is kept already is not computed again."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    class Telling(Encoder):
        dim, progress = 2, False

        def __init__(self):
            self.fingerprint = "alike" if alike else str(os.getpid())

        def stream(self, paths):
            (meeting / str(os.getpid())).touch()
            deadline = time.monotonic() + 100
            while len(list(meeting.iterdir())) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)  # until both workers are at it
            for path in paths:
                yield np.array([os.getpid(), Path(path).stat().st_size], np.float32)

    for name in ("a", "b"):
        (meeting / name).touch()
    EmbeddingCache(Telling()).encode(PICTURES[:4])
    for name in ("b", str(os.getpid())):
        (meeting / name).unlink()
    if not alike:
        with pytest.raises(ClusterError, match="encoders differ.*COURSE_WEIGHTS_DIR"):
            encode_on_cluster(PICTURES, Telling)
        return
    vectors = encode_on_cluster(PICTURES, lambda: EmbeddingCache(Telling()))
    assert [*vectors[:, 1]] == [path.stat().st_size for path in PICTURES]
    assert {*vectors[:4, 0]} == {os.getpid()}
    assert len({*vectors[4:, 0]} - {os.getpid()}) == 2


@pytest.mark.parametrize(
    ("death", "words"),
    [(False, "KeyError: 'boom'"), (True, "a worker was lost, most often because memory ran out")],
)
def test_a_worker_that_fails_is_one_sentence(ray, death, words):
    class Failing:
        def stream(self, paths):
            if death:
                os._exit(1)
            raise KeyError("boom")

    with pytest.raises(ClusterError, match="^The work broke off .*; try a few files") as caught:
        encode_on_cluster(PICTURES[:2], Failing, workers=1)
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_no_cluster_at_the_address_and_no_ray(ray, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(ClusterError, match="Ray broke off .*unset RAY_ADDRESS"):
        encode_on_cluster(PICTURES[:2], dict)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match="Ray is not installed here .*uv sync --extra cluster"):
        encode_on_cluster(PICTURES[:2], dict)
    with pytest.raises(TypeError, match="list of paths"):
        encode_on_cluster("a.jpg", dict)
