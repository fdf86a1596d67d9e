"""What all tests share: weights, a cache of their own, no window, the order, the encoders."""

import atexit
import os
import re
import shutil
import tempfile

import pytest
from xdist.scheduler import LoadFileScheduling

os.environ["COURSE_WEIGHTS"] = "offline"
os.environ["MPLBACKEND"] = "Agg"
# Two files are tested at a time: threads that wait for each other leave the processor to others.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
for name in ("COURSE_WEIGHTS_DIR", "COURSE_GALLERY", "MILVUS_URI", "MILVUS_TOKEN", "RAY_ADDRESS"):
    os.environ.pop(name, None)
os.environ["COURSE_CACHE_DIR"] = tempfile.mkdtemp(prefix="course-cache-")
atexit.register(shutil.rmtree, os.environ["COURSE_CACHE_DIR"], ignore_errors=True)


class Scheduling(LoadFileScheduling):
    """Keeps each file on one worker, and both runs of a notebook: the second finds the vectors."""

    def _split_scope(self, nodeid):
        notebook = re.search(r"^notebooks/(\w+)|test_live.*\[(\w+)", nodeid)
        return notebook[notebook.lastindex] if notebook else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    """Say which tests belong together."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no worker waits at the end for the other."""
    items.sort(key=lambda item: not re.search(r"test_live|test_browser|\.ipynb", item.nodeid))


def pytest_terminal_summary(terminalreporter, config):
    """Print what tests have measured, and what was left out."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
    if config.option.markexpr == "not nightly":
        terminalreporter.write_line(
            "Left to the nightly run (pytest -m nightly): Notebook 7, a file of 300 MB and long "
            "fuzzing, among others."
        )


@pytest.fixture(scope="session")
def catalog():
    """The course's catalog."""
    from course_utils.catalog import Catalog

    return Catalog.load()


@pytest.fixture(scope="session")
def image_encoder():
    """The image encoder, loaded once a worker."""
    from course_utils.encoders import ImageEncoder

    return ImageEncoder(device="cpu")


@pytest.fixture(scope="session")
def video_encoder():
    """The video encoder, loaded once a worker."""
    from course_utils.encoders import VideoEncoder

    return VideoEncoder(device="cpu")
