"""What many tests need, made once."""

import os

import pytest

# Two files are tested at a time: threads that wait for each other leave the processor to others.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_terminal_summary(terminalreporter):
    """Print what tests have measured."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def catalog():
    from course_utils.catalog import Catalog

    return Catalog.load()


@pytest.fixture(scope="session")
def image_encoder():
    from course_utils.encoders import ImageEncoder

    return ImageEncoder(device="cpu")


@pytest.fixture(scope="session")
def video_encoder():
    from course_utils.encoders import VideoEncoder

    return VideoEncoder(device="cpu")
