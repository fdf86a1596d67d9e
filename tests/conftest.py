"""What many tests need, made once."""

import pytest


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
