"""Encoding on a cluster gives what encoding here gives, and its failures are told in a sentence.

Real Ray, of two workers on this computer; it comes with the extra `cluster`
(`uv run --extra cluster pytest tests/test_cluster.py`).
"""

import os
import pickle
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from course_utils import cluster
from course_utils.cache import EmbeddingCache
from course_utils.catalog import DATA
from course_utils.cluster import ClusterError, encode_on_cluster
from course_utils.media import MediaError

PICTURES = sorted((DATA / "images").glob("*.jpg"))[:24]


@pytest.fixture(scope="module")
def ray():
    """Import Ray, and stop it after the last test: starting it takes a third of the time."""
    if not find_spec("ray"):
        pytest.skip("no Ray: it needs `--extra cluster`")
    ray = cluster._import_ray()
    yield ray
    ray.shutdown()


@pytest.fixture
def running(ray):
    """Have Ray running; it must be left running."""
    if not ray.is_initialized():
        cluster._connect(ray, 2)
    yield
    assert ray.is_initialized()


def test_the_same_vectors_as_without_a_cluster(ray, tmp_path, monkeypatch, capfd):
    """Ray is started and stopped by the call itself, in a folder that is not the project's."""
    stopped = []
    monkeypatch.setattr(ray, "shutdown", lambda: stopped.append(ray.is_initialized()))
    from course_utils.encoders import ImageEncoder

    monkeypatch.chdir(tmp_path)
    Path("broken.jpg").write_bytes(PICTURES[0].read_bytes()[:300])
    paths = [*PICTURES[:5], "broken.jpg", *PICTURES[5:], "missing.jpg"]
    problems = []
    vectors = encode_on_cluster(paths, ImageEncoder, workers=2, at_once=8, problems=problems)
    written = capfd.readouterr()

    expected_problems = []
    expected = ImageEncoder().encode(paths, expected_problems)
    assert vectors.dtype == np.float32 and vectors.shape == (24, 512)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)  # 0 where threads are alike
    assert list(map(str, problems)) == list(map(str, expected_problems))
    assert [str(error.path) for error in problems] == ["broken.jpg", "missing.jpg"]
    assert stopped == [True]
    assert written.out == ""
    assert [x for x in written.err.splitlines() if "RAY_BACKEND_LOG_LEVEL" not in x] == []


def test_two_workers_share_what_is_not_kept_yet(running, tmp_path, monkeypatch):
    """The encoder is defined here, as in a notebook, and its vectors tell who computed them."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    class Encoder:
        dim, fingerprint = 2, "process"

        def encode(self, paths, problems=None):
            (meeting / str(os.getpid())).touch()
            deadline = time.monotonic() + 60
            while len(list(meeting.iterdir())) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)  # until both workers are at it
            return np.array([[os.getpid(), Path(x).stat().st_size] for x in paths], np.float32)

    (meeting / "a third, so that this process need not wait").touch()
    (meeting / "a fourth").touch()
    EmbeddingCache(Encoder()).encode(PICTURES[:4])
    (meeting / "a fourth").unlink()
    (meeting / str(os.getpid())).unlink()

    make_encoder = lambda: EmbeddingCache(Encoder())  # noqa: E731
    vectors = encode_on_cluster(PICTURES, make_encoder, workers=2, at_once=2)
    assert [*vectors[:, 1]] == [path.stat().st_size for path in PICTURES]
    assert {*vectors[:4, 0]} == {os.getpid()}
    assert len({*vectors[4:, 0]} - {os.getpid()}) == 2


def test_an_encoder_that_raises(running):
    class Encoder:
        def encode(self, paths, problems):
            raise KeyError("boom")

    with pytest.raises(ClusterError, match=r"^A worker failed at .*\(KeyError: 'boom'\); find"):
        encode_on_cluster(PICTURES[:2], Encoder, workers=1)


def test_a_worker_that_is_lost(running):
    class Encoder:
        def encode(self, paths, problems):
            os._exit(1)

    with pytest.raises(ClusterError, match="^A worker was lost"):
        encode_on_cluster(PICTURES[:2], Encoder, workers=1)


def test_no_cluster_at_the_address(ray, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(ClusterError, match=f"No Ray cluster answers at RAY_ADDRESS={address}"):
        encode_on_cluster(PICTURES[:2], dict)


# ---- without Ray ----


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match="Ray is not installed here .*uv sync --extra cluster"):
        encode_on_cluster(PICTURES[:2], dict)


def test_an_encoder_that_cannot_be_made(monkeypatch):
    worker = cluster._Worker(pickle.dumps(int_of_a_word), restarted=lambda: False)
    (answer,) = worker({"place": np.arange(1), "path": ["/a.jpg"]})["answer"]
    answered(monkeypatch, pickle.loads(answer))
    with pytest.raises(ClusterError, match=r"could not make its encoder \(ValueError: invalid"):
        encode_on_cluster(["a.jpg"], int_of_a_word)


def int_of_a_word():
    return int("word")


class Ray:
    def is_initialized(self):
        return True


def answered(monkeypatch, *answers):
    monkeypatch.setattr(cluster, "_import_ray", Ray)
    monkeypatch.setattr(cluster, "_map", lambda *_: list(answers))


def test_rows_and_problems_are_put_in_order(monkeypatch):
    empty = MediaError("/there/x", "is empty", "copy it")
    late = ("", "f", [4, 2], np.array([[4.0], [2.0]]), {3: empty})
    answered(monkeypatch, late, ("", "f", [0], np.array([[0.0]]), {1: empty}))
    paths, problems = ["a", "b", "c", "d", "e"], []
    assert encode_on_cluster(paths, dict, problems=problems).tolist() == [[0.0], [2.0], [4.0]]
    assert [str(error.path) for error in problems] == ["b", "d"]
    with pytest.raises(MediaError, match="and 1 more of 5 files cannot be used"):
        encode_on_cluster(paths, dict)


def test_workers_with_different_weights(monkeypatch):
    one, two = (("", name, [i], np.zeros((1, 2)), {}) for i, name in enumerate("fg"))
    answered(monkeypatch, one, two)
    with pytest.raises(ClusterError, match="encoders differ.*COURSE_WEIGHTS_DIR"):
        encode_on_cluster(["a", "b"], dict)


def test_what_cannot_be_asked_for():
    with pytest.raises(TypeError, match="list of paths"):
        encode_on_cluster("a.jpg", dict)
    with pytest.raises(ValueError, match="at least 1"):
        encode_on_cluster(["a.jpg"], dict, workers=0)
