"""Encoding on a cluster gives what encoding here gives, and its failures are told in a sentence.

Real Ray, of two workers on this computer; it comes with the extra `cluster`. That the course's own
encoders can be spread is shown by notebook 4; the one here is small, so that workers start quickly.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from course_utils.cache import Encoder
from course_utils.cluster import ROOT, ClusterError, encode_on_cluster
from course_utils.media import MediaError, read_image
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


def mean_colour(fault=None):
    """Return an encoder's class; it is of a test, as of a notebook, so it is sent along whole."""

    class MeanColour(Encoder):
        dim = 3

        def __init__(self):
            self.fingerprint = str(os.getpid()) if fault == "differs" else "mean colour"

        def stream(self, paths):
            if fault == "dies":
                os._exit(1)
            if fault == "fails":
                raise KeyError("boom")
            for path in paths:
                try:
                    yield np.asarray(read_image(path), np.float32).mean(axis=(0, 1))
                except MediaError as error:
                    yield error

    return MeanColour


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


def test_two_workers_give_what_one_encoder_gives(ray, tmp_path, monkeypatch, capfd):
    """From a folder that is not the project's, with files that cannot be used."""
    monkeypatch.chdir(tmp_path)
    Path("broken.jpg").write_bytes(PICTURES[0].read_bytes()[:300])
    paths = [*PICTURES[:5], "broken.jpg", *PICTURES[5:], "missing.jpg"]
    problems, expected = [], []
    capfd.readouterr()
    vectors = encode_on_cluster(paths, mean_colour(), problems=problems)
    assert capfd.readouterr().out == ""
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, mean_colour()().encode(paths, expected))
    assert list(map(str, problems)) == list(map(str, expected))
    assert [str(error.path) for error in problems] == ["broken.jpg", "missing.jpg"]
    with pytest.raises(MediaError, match="missing.jpg"):
        encode_on_cluster(["missing.jpg"], mean_colour())
    assert ray.is_initialized()  # it was running before


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fails", "KeyError: 'boom'"),
        ("dies", "a worker was lost, most often because memory ran out"),
        ("differs", "encoders differ.*COURSE_WEIGHTS_DIR"),
    ],
)
def test_a_worker_that_fails_is_one_sentence(ray, fault, words):
    with pytest.raises(ClusterError, match=words) as caught:
        encode_on_cluster(PICTURES[:2], mean_colour(fault), workers=1 + (fault == "differs"))
    assert len(str(caught.value).splitlines()) == 1
