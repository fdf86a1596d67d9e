"""Uploads without a browser: both forms of the widget's value, names, sizes, kinds, clearing up."""

import datetime
import os
import subprocess
import sys

import ipywidgets
import pytest
from PIL import Image
from traitlets import Dict, HasTraits, Int, List, observe

from course_utils.media import MediaError
from course_utils.uploads import (
    MAX_BYTES,
    empty,
    folder,
    keep,
    safe_name,
    upload_button,
    uploaded,
    words,
)


def jpeg(tmp_path) -> bytes:
    Image.new("RGB", (20, 10), (200, 10, 10)).save(tmp_path / "a.jpg")
    return (tmp_path / "a.jpg").read_bytes()


def arrive(button, name: str, content: bytes) -> None:
    """Do what the browser does when a file is chosen."""
    if isinstance(button.value, dict):
        button.metadata, button.data = [{"name": name}], [content]
        button._counter += 1
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    file = {"name": name, "type": "", "size": len(content), "last_modified": now}
    button.value = (file | {"content": memoryview(content)},)


class Seven(HasTraits):
    """The `FileUpload` of ipywidgets 7, as far as its value goes."""

    _counter = Int()
    metadata, data = List(), List()
    value = Dict(read_only=True)

    def __init__(self, **_):
        super().__init__()

    @observe("_counter")
    def _count(self, change):
        assert len(self.metadata) == len(self.data)
        found = {
            meta["name"]: {"metadata": meta, "content": content}
            for meta, content in zip(self.metadata, self.data, strict=True)
        }
        self.set_trait("value", found)


class Widgets:
    """ipywidgets 7, as far as uploads go."""

    FileUpload, Layout = Seven, dict


@pytest.mark.parametrize("w", [ipywidgets, Widgets], ids=["installed", "seven"])
def test_a_file_arrives_once_and_the_button_is_emptied(w, tmp_path):
    came, said = [], []
    button = upload_button(w, ("image",), came.append, said.append)
    content = jpeg(tmp_path)
    for _ in range(2):
        arrive(button, "me.jpg", content)
        assert uploaded(button.value) == [] and not said
        assert not getattr(button, "data", [])
    assert [path.name for path in came] == ["me.jpg"] * 2 and came[0] != came[1]
    assert came[0].read_bytes() == content
    arrive(button, "me.jpg", b"no picture at all")
    assert len(came) == 2 and said[0].startswith("'me.jpg' is not a picture")
    assert uploaded(button.value) == []


def test_an_emptied_button_stays_empty():
    for button in (ipywidgets.FileUpload(), Seven()):
        empty(button)
        assert uploaded(button.value) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cup.jpg", "cup.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cup.JPG", "cup.JPG"),
        ("/", "upload"),
        ("..", "upload"),
        (".jpg", "upload.jpg"),
        (".bashrc", "upload.bashrc"),
        ("a\0b\n\u202egpj.exe", "abgpj.exe"),
        ("<img src=x>.png", "_img src=x_.png"),
        ("con.wav", "_con.wav"),
        ("two.dots.mp4", "two.dots.mp4"),
        ("odd.a b", "odd.a b"),
        ("Tasse gr\u00fcn \u676f.png", "Tasse gr\u00fcn \u676f.png"),
        ("x" * 500 + ".jpeg", "x" * 120 + ".jpeg"),
        ("\u676f" * 500 + ".jpeg", "\u676f" * 40 + ".jpeg"),
        ("name. ", "name"),
    ],
)
def test_names_are_made_safe(name, safe):
    assert safe_name(name) == safe


def test_the_folder_is_private_and_names_stay_in_it(tmp_path):
    path = keep("../../../evil.jpg", jpeg(tmp_path))
    assert path.name == "evil.jpg" and path.parent.parent == folder()
    if os.name == "posix":
        assert folder().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("large.mp4", bytes(MAX_BYTES + 1), "'large.mp4' has 10.0 MB, and at most 10 MB"),
        ("empty.jpg", b"", "'empty.jpg' is empty"),
        ("text.txt", b"words", "'text.txt' is neither a picture nor"),
    ],
)
def test_what_cannot_be_used_is_said_without_where_it_was(name, content, said):
    before = sorted(folder().rglob("*"))
    with pytest.raises(MediaError) as error:
        keep(name, content)
    assert words(error.value).startswith(said) and str(folder()) not in words(error.value)
    assert sorted(folder().rglob("*")) == before  # nothing of it is kept


def test_the_wrong_kind_is_said_whatever_it_is_called(tmp_path):
    with pytest.raises(MediaError, match="is a picture; here a sound is wanted"):
        keep("song.mp3", jpeg(tmp_path), ("audio",))


def test_words_leave_other_errors_as_they_are(tmp_path):
    error = MediaError(tmp_path / "a.jpg", "is empty", "copy it again")
    assert words(error) == str(error)
    assert words(KeyError("No item.")) == "No item." and words(ValueError("No.")) == "No."


def test_the_folder_is_gone_when_the_process_ends():
    code = "from course_utils.uploads import folder; print(folder())"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "course-uploads-" in made.stdout and not os.path.exists(made.stdout.strip())  # noqa: PTH110
