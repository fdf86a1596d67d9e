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
from importlib.util import find_spec
from pathlib import Path

NEEDED = (
    *("torch", "torchvision", "torchaudio", "numpy", "pillow", "safetensors", "matplotlib"),
    *("scikit-learn", "ipywidgets", "anywidget", "tqdm", "soundfile", "av", "pymilvus"),
    "milvus-lite",
)
MEMORY_GB, DISK_GB = 1.5, 1.0


def python() -> str:
    """Say whether this Python is one of the versions that the course runs on."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        raise RuntimeError(f"{sys.version.split()[0]}; use Python 3.10 to 3.13")
    return sys.version.split()[0]


def packages() -> str:
    """Say whether all packages are installed."""
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"missing: {', '.join(missing)}; run `uv sync`")
    if not 7 <= int(version("ipywidgets").split(".")[0]) <= 8:
        raise RuntimeError(f"ipywidgets {version('ipywidgets')}; install version 7.7.1 or 8")
    return ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "ipywidgets"))


def opencv() -> str:
    """Import OpenCV, which notebook 2 compares with."""
    try:
        import cv2
    except ImportError as error:
        remedy = "on Linux install the system packages libgl1 and libglib2.0-0"
        raise RuntimeError(f"{error}; {remedy if find_spec('cv2') else 'run `uv sync`'}") from None
    return cv2.__version__


def memory() -> str | None:
    """Say whether there is memory for one notebook; only Linux tells."""
    try:
        with Path("/proc/meminfo").open() as lines:
            kilobytes = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    if kilobytes / 1e6 < MEMORY_GB:
        raise RuntimeError(f"{kilobytes / 1e6:.1f} GB free; close programs or shut kernels down")
    return f"{kilobytes / 1e6:.1f} GB free"


def disk() -> str:
    """Say whether there is room on the disk."""
    gigabytes = shutil.disk_usage(".").free / 1e9
    if gigabytes < DISK_GB:
        raise RuntimeError(f"{gigabytes:.1f} GB free; free at least {DISK_GB:.0f} GB")
    return f"{gigabytes:.0f} GB free"


def media() -> str:
    """Decode every picture, film and sound of the course."""
    from course_utils.catalog import Catalog
    from course_utils.media import MediaError, one_error, read_frames, read_image, read_waveform

    read = {"image": read_image, "video": read_frames, "audio": read_waveform}
    catalog, errors = Catalog.load(), []
    for item in catalog:
        try:
            read[item.kind](item.path)
        except MediaError as error:
            errors.append(error)
    if errors:
        raise RuntimeError(f"{one_error(errors, len(catalog))} Or fetch the project's data/ again.")
    return f"all {len(catalog)} files of the course can be decoded"


def weights() -> str:
    """Find weights, and encode a few pictures with them."""
    import numpy as np

    from course_utils.catalog import Catalog
    from course_utils.encoders import ImageEncoder

    encoder = ImageEncoder()
    vectors = encoder.encode(Catalog.load().select(kind="image")[:3])
    cosines = (vectors @ vectors.T)[np.triu_indices(3, 1)]
    if not (np.isfinite(cosines).all() and cosines.max() < 0.99999):
        raise RuntimeError(
            f"three pictures got the cosines {cosines.round(3)}; delete {encoder.weights.path}"
        )
    return f"{encoder.weights.note}; on {encoder.device}, three pictures got three vectors"


def database() -> str:
    """Open a vector database: MILVUS_URI's, or a new file."""
    from course_utils.store import VectorStore

    with tempfile.TemporaryDirectory() as folder:
        uri = os.environ.get("MILVUS_URI") or f"{folder}/check.db"
        with VectorStore(uri) as store:
            store.spaces()
            return f"Milvus {'in a file' if uri.startswith(folder) else 'at ' + store.where}"


CHECKS: tuple[Callable[[], str | None], ...] = (
    *(python, packages, opencv, memory, disk, media, weights, database),
)


def main() -> int:
    """Run all checks, print a line for each, and return how many failed."""
    failed = 0
    for check in CHECKS:
        try:
            found = check()
            print(f"[ {'OK' if found else '??'} ] {check.__name__}: {found or 'not known here'}")
        except Exception as error:
            failed += 1
            print(f"[FAIL] {check.__name__}: {error}")
    print("Ready." if not failed else f"{failed} thing(s) to put right, see above.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
