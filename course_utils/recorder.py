"""A learner's own picture, film, voice or file, from the browser to a path that encoders can take.

The browser's side is recorder.js, an anywidget (https://anywidget.dev). What it records comes in
pieces, as binary messages, which are part of no widget's state and so never get into a notebook.
It goes into a private folder that is deleted when the kernel ends, and nowhere else.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from course_utils import media
from course_utils.catalog import Item
from course_utils.figures import pipeline
from course_utils.media import MediaError, check_file, displayable, kind_of
from course_utils.players import small_picture
from course_utils.session import is_live, private_folder

ONE = {"image": "picture", "video": "film", "audio": "sound"}
KINDS = tuple(ONE)
MODES = {  # title, main button, invitation
    "picture": ("Camera", "Turn the camera on", "Hold something up to your camera."),
    "film": ("Film camera", "Turn the camera on", "Show your camera something that moves."),
    "voice": ("Microphone", "Record", "Say something to your microphone."),
    "file": ("Your own file", "Choose a file", "Choose a file, drop it here, or type its path."),
}
SHORTEST = 0.5  # seconds: less is a slip of the finger
SILENT = 1e-3  # -60 dB: a microphone that works is never as quiet


def safe_name(name: str) -> str:
    """Return a file name that is safe on every system; its suffix stays, and letters do."""
    name = re.sub(r"[^\w. -]", "_", re.split(r"[/\\]", name)[-1]).strip(" .")
    stem, dot, suffix = name.rpartition(".") if re.search(r".\.\w{1,8}$", name) else (name, "", "")
    return f"{stem[:40].strip(' .') or 'file'}{dot}{suffix}"


def look(path: Path, kinds: Sequence[str]) -> str:
    """Return in words what a file is.

    Raises:
        MediaError: it is broken, of another kind, silent, without pictures, or too short.
    """
    kind = kind_of(path)
    if kind not in kinds:
        wanted = " or ".join(ONE[x] for x in kinds)
        raise MediaError(path, f"is a {ONE[kind]}", f"here a {wanted} is wanted")
    if kind == "image":
        return "a picture of {} x {} pixels".format(*media.read_image(path).size)
    if kind == "video":
        media.read_frames(path, count=1)
        seconds = media.video_seconds(path)
    elif np.abs(heard := media.read_waveform(path)).max() < SILENT:
        raise MediaError(path, "is silent", "see which microphone is on, and record again")
    else:
        seconds = len(heard) / media.SAMPLE_RATE
    if seconds < SHORTEST:
        raise MediaError(path, f"lasts {seconds:.1f} s", f"make it {SHORTEST} s or longer")
    return f"a {ONE[kind]} of {seconds:.1f} s"


class Recorder:
    """What `Camera`, `Microphone` and `OwnFile` return; as the last line of a cell it shows itself.

    `path` is what was recorded last; until then, and again once it is deleted, the default.
    """

    def __init__(self, mode: str, kinds: Sequence[str], act: Callable | None, default):
        """Make a recorder in one of MODES; `act` is called with the path of each new file.

        A ValueError that `act` raises is shown in the status line, and `path` stays what it was.

        Raises:
            MediaError: there is no such default file.
        """
        self.mode, self.kinds, self.act = mode, tuple(kinds), act
        self.title, self.button, self.invitation = MODES[mode]
        self.path: Path | None = None if default is None else check_file(default)
        self.default = self.path
        self.unless = f" Unless you do, {displayable(self.path.name)} is used." if default else ""
        self._widget = self._arriving = None  # the latter is a file on its way from the browser
        self._asked, self._size, self._said, self._kept = "", 0, ("", False), []

    def __repr__(self) -> str:
        return f"{self.title}. {self.invitation}{self.unless}"

    def widget(self):
        """Return the recorder as a widget, made once; its state never holds what was recorded."""
        if self._widget is None:
            from anywidget import AnyWidget
            from traitlets import Dict

            how = {x: getattr(self, x) for x in ("mode", "title", "button", "invitation", "unless")}
            accept = [x for kind in self.kinds for x in (f"{kind}/*", *media.FORMATS[kind])]
            how["accept"] = ",".join(accept)
            js, css = (Path(__file__).with_suffix(x) for x in (".js", ".css"))
            made = {"_esm": js, "_css": css, "how": Dict(how).tag(sync=True)}
            self._widget = type("RecorderWidget", (AnyWidget,), made)()
            self._widget.on_msg(self._heard)
        return self._widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        small = self.default and small_picture(Item(self.default, kind_of(self.default)))
        shown = pipeline([(self.title, small, f"{self.invitation}{self.unless}")])
        shown.alt = f"A recorder, which works in a live notebook only: {self!r}"
        shown.text = repr(self)
        data, metadata = shown._repr_mimebundle_()
        if is_live():
            data.pop("text/html")
            live, how = self.widget()._repr_mimebundle_()
            data, metadata = live | data, metadata | how
        return data, metadata

    def _heard(self, _, message: dict, buffers: list) -> None:
        """Do what the browser asks for, and answer in one sentence."""
        what, known = message["do"], self._arriving and message["id"] == self._asked
        if what == "piece" and not known:
            return  # of a file that was given up
        self._asked = message["id"]
        try:
            if what != "piece":
                self._drop()  # it takes the place of what was asked for before
            if what == "path":
                self._say(self._take(Path(message["path"].strip().strip("\"'")).expanduser()))
            elif what == "delete":
                self._delete()
            elif what == "hello":  # says a place where it is newly shown
                self._say(*self._said)
            else:
                self._receive(message, buffers)
        except Exception as error:
            self._drop()
            if isinstance(error, MediaError):  # its name will do: nobody knows the private folder
                error = MediaError(error.path.name, error.problem, error.remedy)
            self._say(str(error), wrong=True)
            if not isinstance(error, (ValueError, OSError, RuntimeError)):
                raise

    def _delete(self) -> None:
        """Delete what was recorded; files that were given by their path stay."""
        for path in self._kept:
            shutil.rmtree(path.parent, ignore_errors=True)
        self.path = self.default if self.path in self._kept else self.path
        self._kept = []
        self._say(f"What you recorded is deleted.{self.unless}")

    def _receive(self, message: dict, buffers: list) -> None:
        """Begin a file, or add a piece; ask for the next one, or take the file if it is whole."""
        if message["do"] == "start":  # a folder for each, so that files of the same name stay apart
            folder = Path(tempfile.mkdtemp(dir=private_folder()))
            self._arriving, self._size = folder / safe_name(message["name"]), message["size"]
        with self._arriving.open("ab") as file:
            if message.get("at", 0) != file.tell():
                raise MediaError(self._arriving, "arrived damaged", "send it again")
            file.writelines(buffers)
            got = file.tell()
        self._widget.send({"id": self._asked, "got": got})  # and it sends the next piece
        if got >= self._size:
            said = self._take(self._arriving)
            self._kept.append(self._arriving)
            self._arriving = None
            self._say(said)

    def _take(self, path: Path) -> str:
        """Make a file the path, unless it cannot be used; return what to say."""
        found, before = look(path, self.kinds), self.path
        self.path = path
        try:
            if self.act is not None:
                self.act(path)
        except BaseException:
            self.path = before
            raise
        return f"In use: {displayable(path.name)}, {found}."

    def _drop(self) -> None:
        """Forget a file that is not, or not yet, of use."""
        if self._arriving:
            shutil.rmtree(self._arriving.parent, ignore_errors=True)
        self._arriving = None

    def _say(self, said: str, wrong: bool = False) -> None:
        self._said = said, wrong
        kept = bool(self._kept)  # so there is something to delete
        self._widget.send({"id": self._asked, "said": said, "wrong": wrong, "kept": kept})


def Camera(act: Callable | None = None, default=None, film: bool = False) -> Recorder:
    """Return a camera, which takes a picture or, with `film`, records three seconds with sound."""
    mode, kind = ("film", "video") if film else ("picture", "image")
    return Recorder(mode, [kind], act, default)


def Microphone(act: Callable | None = None, default=None) -> Recorder:
    """Return a microphone, which records up to ten seconds of sound."""
    return Recorder("voice", ["audio"], act, default)


def OwnFile(act: Callable | None = None, kinds: Sequence[str] = KINDS, default=None) -> Recorder:
    """Return a field for a file of any size and of `kinds`: chosen, dropped, or named."""
    return Recorder("file", kinds, act, default)
