"""Is this computer ready for the course? Run `python -m course_utils.check`.

One line for each finding, with what to do about it. The exit code is the number of findings that
stop the course, so 0 means ready.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib import import_module
from importlib.metadata import version

NEEDED = "torch torchvision torchaudio numpy PIL safetensors cv2 matplotlib sklearn ipywidgets"
NEEDED += " anywidget tqdm av pymilvus milvus_lite psutil"
MEMORY_GB, DISK_GB = 1.5, 1.0


def packages() -> str:
    """Import every package that the course needs."""
    for name in NEEDED.split():
        try:
            import_module(name)
        except ImportError as error:
            advice = "run `uv sync` (for cv2 on Linux, install libgl1 and libglib2.0-0, too)"
            raise RuntimeError(f"{name}: {error}; {advice}") from None
    shown = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "ipywidgets"))
    return f"Python {sys.version.split()[0]}, {shown}"


def room() -> str:
    """Look for room on the disk and in memory."""
    import psutil

    disk, memory = shutil.disk_usage(".").free / 1e9, psutil.virtual_memory().available / 1e9
    found = f"{disk:.0f} GB of disk and {memory:.1f} GB of memory free"
    if disk < DISK_GB or memory < MEMORY_GB:
        raise RuntimeError(f"{found}; make room for {DISK_GB} and {MEMORY_GB} GB")
    return found


def media() -> str:
    """Decode every picture, film and sound of the course."""
    from course_utils.catalog import Catalog
    from course_utils.media import read_frames, read_image, read_waveform

    read = {"image": read_image, "video": read_frames, "audio": read_waveform}
    catalog = Catalog.load()
    for item in catalog:
        read[item.kind](item.path)  # or says which file is damaged, and how
    return f"all {len(catalog)} files of the course can be decoded"


def weights() -> str:
    """Find weights, and encode three pictures with them."""
    from course_utils.catalog import Catalog
    from course_utils.encoders import ImageEncoder

    encoder = ImageEncoder()
    vectors = encoder.encode(Catalog.load().select(kind="image")[:3])
    if not (vectors @ vectors.T).min() < 0.999:  # alike, or not numbers at all
        raise RuntimeError(f"pictures cannot be told apart; delete {str(encoder.weights.path)!r}")
    return f"{encoder.weights.note}; the vectors of three pictures differ, on {encoder.device}"


def database() -> str:
    """Open a vector database: MILVUS_URI's, or a new file."""
    from course_utils.store import VectorStore

    with tempfile.TemporaryDirectory() as folder:
        uri = os.environ.get("MILVUS_URI")
        with VectorStore(uri=uri or f"{folder}/check.db") as store:
            store.spaces()
            return f"Milvus at {store.where}" if uri else "Milvus in a file"


def main() -> int:
    """Run all checks, print a line for each, and return how many failed."""
    failed = 0
    for check in (packages, room, media, weights, database):
        try:
            print(f"[ OK ] {check.__name__}: {check()}")
        except Exception as error:
            failed += 1
            print(f"[FAIL] {check.__name__}: {error}")
    print(f"{failed} thing(s) to put right, see above." if failed else "Ready.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
