"""Is this computer ready for the course? Run `python -m course_utils.check`.

One line for each finding, with what to do about it. The exit code is the number of findings that
stop the course, so 0 means ready.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NEEDED = (
    "torch", "torchvision", "torchaudio", "numpy", "pillow", "safetensors", "matplotlib",
    "scikit-learn", "ipywidgets", "tqdm", "soundfile", "av", "pymilvus", "milvus-lite",
)  # fmt: skip
MEMORY_GB, DISK_GB = 1.5, 1.0


def python() -> str:
    """Python is one of the versions that the course runs on."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise RuntimeError(f"{sys.version.split()[0]}; use Python 3.10 to 3.13")
    return sys.version.split()[0]


def packages() -> str:
    """All packages are installed."""
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"missing: {', '.join(missing)}; run `uv sync`")
    return f"torch {version('torch')}, torchvision {version('torchvision')}"


def opencv() -> str:
    """OpenCV can be imported."""
    try:
        import cv2
    except ImportError as error:
        raise RuntimeError(
            f"{error}; on Linux install the system packages libgl1 and libglib2.0-0"
        ) from None
    return cv2.__version__


def widgets() -> str:
    """The galleries' widgets are of a version that the course knows."""
    if not 7 <= int(version("ipywidgets").split(".")[0]) <= 8:
        raise RuntimeError(f"ipywidgets {version('ipywidgets')}; install version 7.7.1 or 8")
    return f"ipywidgets {version('ipywidgets')}"


def memory() -> str:
    """There is memory for one notebook."""
    try:
        with Path("/proc/meminfo").open() as lines:
            kilobytes = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return "not known on this system"
    gigabytes = kilobytes / 1e6
    if gigabytes < MEMORY_GB:
        raise RuntimeError(f"{gigabytes:.1f} GB free; close programs or shut other kernels down")
    return f"{gigabytes:.1f} GB free"


def disk() -> str:
    """There is room on the disk."""
    gigabytes = shutil.disk_usage(".").free / 1e9
    if gigabytes < DISK_GB:
        raise RuntimeError(f"{gigabytes:.1f} GB free; free at least {DISK_GB:.0f} GB")
    return f"{gigabytes:.0f} GB free"


def media() -> str:
    """The course's own media are there and can be decoded."""
    from course_utils.catalog import Catalog
    from course_utils.media import RATE, read_frames, read_image, read_waveform

    catalog = Catalog.load()
    image, film, sound = (catalog.select(kind=kind)[0] for kind in ("image", "video", "audio"))
    width, height = read_image(image.path).size
    return (
        f"{len(catalog)} files; {image.path.name} is {width} x {height} pixels, {film.path.name} "
        f"has {len(read_frames(film.path))} frames, {sound.path.name} lasts "
        f"{len(read_waveform(sound.path)) / RATE:.1f} s"
    )


def weights() -> str:
    """Weights can be had, and the network tells course pictures apart with them."""
    from course_utils.catalog import Catalog
    from course_utils.encoders import ImageEncoder

    encoder = ImageEncoder()
    pens = Catalog.load().select(kind="image", role="item", label="pen")
    vectors = encoder.encode(pens.paths[:2])
    if vectors.shape != (2, encoder.dim):
        raise RuntimeError(f"embeddings of shape {vectors.shape}; fetch the project again")
    return encoder.weights.note


def database() -> str:
    """A vector database can be opened: MILVUS_URI's, or a new file."""
    from course_utils.store import VectorStore

    with tempfile.TemporaryDirectory() as folder:
        uri = os.environ.get("MILVUS_URI") or f"{folder}/check.db"
        with VectorStore(uri) as store:
            store.spaces()
            return f"Milvus {'in a file' if uri.startswith(folder) else 'at ' + store.where}"


CHECKS: tuple[Callable[[], str], ...] = (
    python, packages, opencv, widgets, memory, disk, media, weights, database,
)  # fmt: skip


def main() -> int:
    """Run all checks, print a line for each, and return how many failed."""
    failed = 0
    for check in CHECKS:
        try:
            print(f"[ OK ] {check.__name__}: {check()}")
        except Exception as error:
            failed += 1
            print(f"[FAIL] {check.__name__}: {error}")
    print("Ready." if not failed else f"{failed} thing(s) to put right, see above.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
