"""The recorders without a browser: what they keep, what they refuse, what they show."""

import av
import films
import ipywidgets
import numpy as np
import pytest

from course_utils.media import MediaError
from course_utils.recorder import Camera, Microphone, OwnFile, Recorder, safe_name
from course_utils.session import DATA, private_folder

CUP = DATA / "images" / "cup-02.jpg"
NAMES = {
    "../../etc/passwd": "passwd", "C:\\Users\\me\\cup.JPG": "cup.JPG", "/": "file", ".jpg": "jpg",
    "a\0b\n\u202egpj.exe": "a_b__gpj.exe", "<img src=x>.png": "_img src_x_.png", "name. ": "name",
    "two.dots.mp4": "two.dots.mp4", "\u676f" * 500 + ".mp4": "\u676f" * 40 + ".mp4",
}  # fmt: skip


class Browser:
    """What a browser does with a recorder."""

    def __init__(self, recorder: Recorder):
        self.recorder, self.answers = recorder, []
        recorder.widget().send = self.answers.append

    def say(self, what: str, number="1", piece=b"", **more) -> dict:
        self.recorder._heard(None, {"do": what, "id": number, **more}, [memoryview(piece)])
        return self.answers[-1]

    def send(self, path, name="") -> dict:
        """Send a file in pieces, each when it is asked for, and return the last answer."""
        content = path.read_bytes()
        answer = self.say("start", name=name or path.name, size=len(content))
        while answer.get("got", len(content)) < len(content):
            piece = content[answer["got"] :][:1000]
            answer = self.say("piece", piece=piece, at=answer["got"])
        return answer


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = list(private_folder().rglob("*"))
    yield
    assert list(private_folder().rglob("*")) == before


def test_names_are_made_safe():
    assert {name: safe_name(name) for name in NAMES} == NAMES


def test_a_picture_arrives_in_pieces_and_is_deleted():
    came = []
    browser = Browser(camera := Camera(came.append, default=CUP))
    state = str(camera.widget().get_state())
    for _ in range(2):
        answer = browser.send(CUP, "picture.jpg")
        assert answer["said"].startswith("In use: picture.jpg, a picture of ") and answer["kept"]
    assert came == [came[0], camera.path] and came[0] != came[1]
    assert camera.path.read_bytes() == CUP.read_bytes()
    assert camera.path.parent.parent == private_folder()
    assert str(camera.widget().get_state()) == state  # nothing of it gets into a notebook
    assert "cup-02.jpg is used" in browser.say("delete")["said"]
    assert camera.path == CUP and CUP.exists() and not came[1].exists()


def test_what_is_damaged_given_up_or_refused_leaves_all_as_it_was():
    def act(path):
        raise ValueError("No, thank you.")

    browser = Browser(own := OwnFile(act, default=CUP))
    browser.say("start", "2", name="a.jpg", size=9)
    for at in (0, 3):
        answer = browser.say("piece", "2", b"12345", at=at)
    assert answer["said"] == "'a.jpg' arrived damaged; send it again."
    count = len(browser.answers)
    browser.say("piece", "1", b"12345", at=0)  # of one that was given up
    assert len(browser.answers) == count and own.path == CUP
    said = {"said": "No, thank you.", "wrong": True, "kept": False}
    assert browser.send(CUP) == {"id": "1"} | said
    assert browser.say("hello", "3") == {"id": "3"} | said
    own.act = {}.__getitem__  # a mistake in a program is not hidden
    with pytest.raises(KeyError):
        browser.send(CUP)
    assert browser.answers[-1]["wrong"] and own.path == CUP


def test_a_typed_path_is_used_where_it_is_and_never_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine.jpg").write_bytes(CUP.read_bytes())
    browser = Browser(own := OwnFile())
    browser.say("path", path=' "~/mine.jpg" ')
    assert browser.say("path", path="~/none.jpg")["said"].startswith("'none.jpg' does not exist")
    browser.say("delete")
    assert own.path == tmp_path / "mine.jpg" and own.path.exists()


TONE = 0.3 * np.sin(np.arange(72_000) / 10)


def sound(path, wave=TONE):
    """Write Opus as a browser does: a stream whose header does not say how long it is."""
    with av.open(str(path), "w", options={"live": "1"}) as container:
        track = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.float32(wave)[None], format="flt", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*track.encode(frame), *track.encode(None)])


def film(path, codec="libvpx", **more):
    films.write(path, films.numbered(24), codec=codec, **more)


@pytest.mark.parametrize(("name", "make", "words"), [
    ("a.webm", sound, "a sound of 1.5 s"),
    ("vp8.webm", film, "a film of 1.5 s"),
    ("safari.mp4", lambda path: film(path, codec="libx264", sound=TONE), "a film of 1.5 s"),
    ("silent.webm", lambda path: sound(path, 0 * TONE), "silent.webm' is silent; see which"),
    ("quick.webm", lambda path: sound(path, TONE[:9600]), "quick.webm' lasts 0.2 s; make it"),
    ("cut.mp4", lambda path: path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(99)), "cut.mp4' "),
    ("words.txt", lambda path: path.write_text("words"), "words.txt' is neither a picture"),
])  # fmt: skip
def test_what_browsers_record_is_read_and_bad_files_get_one_sentence(tmp_path, name, make, words):
    make(tmp_path / name)
    browser = Browser(own := OwnFile(default=CUP))
    answer = browser.send(tmp_path / name)
    assert words in answer["said"] and "\n" not in answer["said"]
    assert answer["wrong"] == (own.path == CUP) == (not words.startswith("a "))
    browser.say("delete")


def test_a_film_must_have_pictures(tmp_path):
    sound(tmp_path / "film.webm")
    answer = Browser(Camera(film=True)).send(tmp_path / "film.webm")
    assert answer["said"] == "'film.webm' is a sound; here a film is wanted."


def test_it_shows_a_picture_of_the_default_or_the_live_widget(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    for recorder in (Camera(default=CUP), Camera(film=True), Microphone(), OwnFile()):
        data, metadata = recorder._repr_mimebundle_()
        assert data["text/plain"] == repr(recorder) in metadata["image/jpeg"]["alt"]
        assert set(data) == {"image/jpeg", "text/plain"} and recorder._widget is None
    assert "Unless you do, cup-02.jpg is used." in repr(Camera(default=CUP))
    monkeypatch.setenv("COURSE_GALLERY", "live")
    shown = recorder._repr_mimebundle_()[0]["application/vnd.jupyter.widget-view+json"]
    assert shown["model_id"] == ipywidgets.VBox([recorder.widget()]).children[0].model_id
    with pytest.raises(MediaError, match="does not exist"):
        Camera(default=tmp_path / "none.jpg")
