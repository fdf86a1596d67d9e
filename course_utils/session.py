"""This session: who sits in front of it, and where it finds and keeps its files."""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"  # the course's own media
CACHES = {"win32": "~/AppData/Local", "darwin": "~/Library/Caches"}  # elsewhere ~/.cache


def cache_folder() -> Path:
    """Return the folder for what the course has computed: COURSE_CACHE_DIR, or the system's."""
    place = os.environ.get("COURSE_CACHE_DIR")
    if not place:
        system = CACHES.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        place = f"{system}/media-embeddings-course"
    return Path(place).expanduser()


def private_folder() -> Path:
    """Return a folder that only this user can read and that is deleted when the process ends.

    Recordings and files of a learner's own go there, and nowhere else.
    """
    return _folder_of(os.getpid())


@lru_cache(maxsize=1)
def _folder_of(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="course-"))
    # A copy of this process (fork) has a folder of its own and leaves this one alone.
    atexit.register(lambda: os.getpid() == process and shutil.rmtree(folder, ignore_errors=True))
    return folder


def is_live() -> bool:
    """Return whether somebody sits in front of a notebook that can show widgets.

    Programs that run notebooks (nbconvert, nbval, papermill) tell the kernel that nobody can
    answer a question; JupyterLab, Notebook, VS Code and Colab tell it that somebody can.
    COURSE_GALLERY=live or =static overrules this; ValueError if it is something else.

    Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute (allow_stdin)
    """
    wish = os.environ.get("COURSE_GALLERY", "").strip().lower() or "auto"
    if wish not in ("auto", "live", "static"):
        raise ValueError(f"COURSE_GALLERY is {wish!r}; it may be auto, live or static.")
    if wish != "auto":
        return wish == "live"
    try:
        from IPython import get_ipython

        return bool(get_ipython().kernel.get_parent("shell")["content"]["allow_stdin"])
    except (ImportError, AttributeError, KeyError, TypeError):
        return False


def progress(paths: Iterable):
    """Return `paths` with a tqdm bar, seen only where somebody looks and has to wait."""
    from tqdm import tqdm

    look = {"unit": "file", "file": sys.stdout, "leave": False, "delay": 1}
    return tqdm(paths, disable=not is_live(), **look)


def report(*encoders) -> None:
    """Print versions, device and weights in use, one line each.

    Introduced in notebook 1.
    """
    names = ("torch", "torchvision", "numpy", "pillow", "ipywidgets")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {version(name)}" for name in names))
    for encoder in encoders:
        note = getattr(encoder, "weights", encoder).note
        print(f"{encoder.name} on {encoder.device}: {note}")
