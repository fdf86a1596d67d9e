"""A learner's own file, from the browser's file dialogue to a path that encoders can take.

The bytes go into a folder that only this user can read and that is deleted when the kernel shuts
down, and nowhere else: the upload button is emptied, so that they never get into the notebook.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path

from course_utils.media import MediaError, kind_of

MAX_BYTES = 10_000_000  # more does not get through Jupyter's connection, which says nothing
ONE = {"image": "picture", "video": "film", "audio": "sound"}
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)  # Windows' names of devices

_numbers = count(1)


@lru_cache(maxsize=1)
def folder() -> Path:
    """Return the private folder for uploads of this process, made at the first call."""
    made = Path(tempfile.mkdtemp(prefix="course-uploads-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def safe_name(name: str) -> str:
    """Return a file name that is safe on every system: no folders, no control characters.

    Letters of all scripts stay, and so does the suffix.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    name = "".join(x for x in name if unicodedata.category(x)[0] != "C")
    name = re.sub(r'[<>:"|?*]', "_", name).rstrip(" .")
    stem, dot, suffix = name.rpartition(".")
    if not dot or not re.fullmatch(r"\w{1,8}", suffix):
        stem, dot, suffix = name, "", ""
    stem = stem.encode()[:120].decode(errors="ignore").strip(" .") or "upload"
    return f"{'_' if RESERVED.match(stem) else ''}{stem}{dot}{suffix}"


def keep(name: str, content: bytes, kinds: Sequence[str] = tuple(ONE)) -> Path:
    """Write an uploaded file into the private folder and return where it is.

    Args:
        name: what it is called on the learner's machine.
        content: its bytes.
        kinds: which kinds are wanted, of `image`, `video` and `audio`.

    Raises:
        MediaError: it is too large, empty, or of another kind. Nothing of it is kept.
    """
    name = safe_name(name)
    if len(content) > MAX_BYTES:
        raise MediaError(
            name,
            f"has {len(content) / 1e6:.1f} MB, and at most {MAX_BYTES // 10**6} MB can be uploaded",
            "type its path instead, or make it smaller",
        )
    place = folder() / str(next(_numbers))  # one each: files of the same name stay apart
    place.mkdir()
    path = place / name
    path.write_bytes(content)
    try:
        kind = kind_of(path)
        if kind not in kinds:
            wanted = " or ".join(ONE[x] for x in kinds)
            raise MediaError(path, f"is a {ONE[kind]}", f"here a {wanted} is wanted")
    except MediaError:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return path


def words(error: Exception) -> str:
    """Return what an error says; of an uploaded file only its name, not where it is kept."""
    if isinstance(error, MediaError) and folder.cache_info().currsize:
        if folder() in error.path.parents:
            error = MediaError(error.path.name, error.problem, error.remedy)
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def uploaded(value) -> list[tuple[str, bytes]]:
    """Return (name, content) of each file in the value of a `FileUpload`.

    In ipywidgets 7 it is a dictionary, in 8 a tuple.
    """
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def empty(button) -> None:
    """Take the bytes out of a `FileUpload`, in the kernel and in the browser."""
    if isinstance(button.value, dict):  # ipywidgets 7: the counter makes the value anew
        button.metadata, button.data = [], []
        button._counter = 0
    else:
        button.value = ()


def upload_button(w, kinds: Sequence[str], act: Callable, say: Callable):
    """Return a button that asks for a file.

    Args:
        w: ipywidgets, version 7 or 8.
        kinds: which kinds are wanted, of `image`, `video` and `audio`.
        act: is called with the path of the file once it is here.
        say: is called with a problem in words.
    """
    button = w.FileUpload(
        description=f"Upload, to {MAX_BYTES // 10**6} MB", layout=w.Layout(width="auto"),
        accept=",".join(f"{kind}/*" for kind in kinds), multiple=False,
    )  # fmt: skip
    if button.has_trait("tooltip"):  # since ipywidgets 8
        button.tooltip = "A file of yours; a larger one by its path"

    def arrived(_) -> None:
        files = uploaded(button.value)
        if not files:  # it was emptied
            return
        empty(button)
        try:
            path = keep(*files[-1], kinds)
        except (MediaError, OSError) as error:
            say(words(error))
        else:
            act(path)

    button.observe(arrived, "value")
    return button
