"""Encoding on a cluster gives what encoding here gives, and its failures are told in a sentence.

Real Ray, of two workers on this computer; it comes with the extra `cluster`.
"""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from course_utils.cluster import ROOT, ClusterError, encode_on_cluster
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


def test_no_cluster_at_the_address_and_no_ray(monkeypatch):
    pytest.importorskip("ray", reason="no Ray: it needs `--extra cluster`")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    with pytest.raises(ClusterError, match=r"ConnectionRefusedError.* unset RAY_ADDRESS"):
        encode_on_cluster(PICTURES[:2], dict)
    assert os.environ["PYTHONPATH"] == os.pathsep.join([str(ROOT), "elsewhere"])  # workers see it
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match="uv sync --extra cluster"):
        encode_on_cluster(PICTURES[:2], dict)


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


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("fails", "KeyError: 'boom'"),
        ("dies", "a worker was lost, most often because memory ran out"),
        ("differs", "encoders differ.*COURSE_WEIGHTS_DIR"),
    ],
)
def test_a_worker_that_fails_is_one_sentence(ray, what, words):
    class Odd:  # of a test, as of a notebook, so it is sent along whole
        def __init__(self):
            self.fingerprint = str(os.getpid())

        def stream(self, paths):
            if what == "dies":
                os._exit(1)
            if what == "fails":
                raise KeyError("boom")
            time.sleep(1)  # so that both workers get some
            return [np.ones(2, np.float32) for _ in paths]

    with pytest.raises(ClusterError, match=words) as caught:
        encode_on_cluster(PICTURES, Odd)
    assert len(str(caught.value).splitlines()) == 1
