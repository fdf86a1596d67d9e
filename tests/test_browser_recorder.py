"""The recorders in a real browser, whose camera and microphone are files of the course."""

import contextlib
import hashlib
import json
import re
import time

import films
import numpy as np
import pytest
import soundfile
from browser import CHROMIUM_ARGS, errors, needs_chromium, opened, plays, run_all, serving
from PIL import Image
from playwright.sync_api import expect

from course_utils.media import read_image
from course_utils.session import DATA

pytestmark = needs_chromium
CUP, VOICE = DATA / "images" / "cup-02.jpg", DATA / "audio" / "voices" / "sky-1.flac"
START = """
import hashlib, json
from pathlib import Path
from course_utils import media
from course_utils.catalog import Catalog
from course_utils.recorder import Camera, Microphone, OwnFile
from course_utils.search import top_k
from course_utils.session import private_folder

def tell(**said):
    Path("said.json").write_text(json.dumps(said))

def search(encoder, items):
    vectors = encoder.encode(items.paths)
    def act(path):
        best, cosines = top_k(encoder.encode([path])[0], vectors, 3)
        tell(names=[items[i].name for i in best], labels=[items[i].label for i in best],
             cosines=cosines.tolist())
    return act
"""
CELLS = [
    START,
    """
from course_utils.audio import AudioEncoder
voices = Catalog.load().select(kind="audio", role="item")
voices = Catalog([x for x in voices if x.caption == "Life is beautiful."])
Microphone(search(AudioEncoder().fit(voices.paths), voices))""",
    """
from course_utils.encoders import ImageEncoder
items = Catalog.load().select(kind="image", role="item")
Camera(search(ImageEncoder(), items), default=items.paths[0])""",
    """
def act(path):
    tell(film=media.video_seconds(path), sound=len(media.read_waveform(path)))
Camera(act, film=True)""",
    """
def act(path):
    if path.suffix == ".png":
        raise ValueError("No pictures, please.")
    tell(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
own = OwnFile(act); own""",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("lab")) as server:
        yield server


@contextlib.contextmanager
def recorder(server, cell: str, options=CHROMIUM_ARGS):
    """Run a cell with one recorder in a browser; yield the page and the recorder."""
    with opened(server, f"{time.monotonic_ns()}.ipynb", [START, cell], options) as page:
        assert errors(page) == []
        yield page, page.locator(".cr-root")


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    """A page with four recorders; the camera sees a cup, and the microphone hears a voice."""
    folder = tmp_path_factory.mktemp("captured")
    cup = np.asarray(read_image(CUP).resize((640, 480)))
    films.write(folder / "cup.mjpeg", [cup] * 20, 10, "mjpeg", form="mjpeg", pixels="yuvj420p")
    sound, rate = soundfile.read(VOICE)
    quiet = np.zeros(rate)
    soundfile.write(folder / "voice.wav", np.r_[quiet, sound, quiet], rate, subtype="PCM_16")
    files = [
        f"--use-file-for-fake-video-capture={folder / 'cup.mjpeg'}",
        f"--use-file-for-fake-audio-capture={folder / 'voice.wav'}%noloop",
    ]
    with opened(server, "recorders.ipynb", CELLS, [*CHROMIUM_ARGS, *files]) as page:
        assert errors(page) == []
        yield page


@pytest.fixture
def recorders(page):
    """The microphone, the camera, the camera for films and the field for files, in this order."""
    return [page.locator(".cr-root").nth(i) for i in range(4)]


def said(server) -> dict:
    """Wait until the kernel has told something, and return it; the next call waits for more."""
    file = server.course / "notebooks" / "said.json"
    for _ in range(600):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            told = json.loads(file.read_text())
            file.unlink()
            return told
        time.sleep(0.1)
    pytest.fail("nothing came from the recorder")


def press(part, name: str):
    part.get_by_role("button", name=name).click(timeout=60_000)


def expect_status(recorder, words: str):
    expect(recorder.get_by_role("status")).to_contain_text(re.compile(words), timeout=60_000)


# Only one Playwright can be open: tests with a browser of their own stand before the shared page.


def test_no_permission_and_no_secure_page(server):
    cell = f"Camera(lambda path: tell(name=path.name), default={str(CUP)!r})"
    options = [x for x in CHROMIUM_ARGS if x != "--use-fake-ui-for-media-stream"]
    with recorder(server, cell, options) as (page, camera):
        press(camera, "Turn the camera on")
        expect_status(camera, "The camera is not allowed here.*Unless you do, cup-02.jpg is used")
        page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
        page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        page.evaluate("Object.defineProperty(crypto, 'subtle', { value: undefined })")
        press(camera, "Turn the camera on")
        expect_status(camera, "This page is not secure.*choose a file")
        assert camera.get_by_role("button", name="Choose a file instead").is_visible()
        camera.locator(".cr-file").set_input_files(CUP)
        assert said(server) == {"name": CUP.name}
        camera.get_by_role("button", name="Delete").wait_for()
        press(camera, "Turn the camera on again")
        expect_status(camera, "This page is not secure.*choose a file.$")  # one's own stays in use


def test_a_closed_tab_and_a_kernel_that_restarts(server):
    cell = """
def act(path):
    tell(kept=[x.name for x in private_folder().rglob("*") if x.is_file()])
Microphone(act)"""
    with recorder(server, cell) as (page, microphone):
        page.keyboard.press("Control+s")
        press(microphone, "Record")
        expect_status(microphone, "Recording")
        address, chromium = page.url, page.context.browser
        page.close()
        page = chromium.new_page()
        page.goto(f"{address.partition('?')[0]}?token=course")
        microphone = page.locator(".cr-root")
        press(microphone, "Record")  # the kernel still has the recorder
        page.wait_for_timeout(1500)
        press(microphone, "Stop")
        assert said(server) == {"kept": ["voice.webm"]}  # nothing of the one before
        press(microphone, "Record again")
        expect_status(microphone, "Recording")
        page.get_by_text("Kernel", exact=True).first.click()
        page.get_by_text("Restart Kernel\u2026", exact=True).click()
        press(page, "Confirm Kernel Restart")
        page.wait_for_timeout(2000)
        press(microphone, "Stop")
        expect_status(microphone, "The kernel does not answer")
        plays(page, microphone.locator("audio"))  # nothing is lost
        run_all(page)
        assert errors(page) == []
        expect_status(microphone, "Say something")


def test_a_voice_fed_in_finds_its_speaker_first(server, page, recorders):
    microphone = recorders[0]
    press(microphone, "Record")
    page.wait_for_function("() => document.querySelector('.cr-meter').value > 0.3")
    page.wait_for_timeout(500 + 1000 * soundfile.info(VOICE).duration)
    assert microphone.locator(".cr-left").inner_text() in "45678"  # seconds are left
    press(microphone, "Stop")
    found = said(server)
    expect_status(microphone, r"In use: voice.webm, a sound of \d")
    plays(page, microphone.locator("audio"))
    assert microphone.get_by_role("button", name="Record again").is_visible()
    assert found["names"][0] == VOICE.stem and found["cosines"][0] > 0.9


def test_a_cup_finds_cups_and_two_recorders_do_not_disturb_each_other(server, page, recorders):
    _, camera, filming, _ = recorders
    live = "element => element.querySelector('.cr-live').srcObject?.active ?? false"
    press(filming, "Turn the camera on")
    press(camera, "Turn the camera on")
    camera.get_by_role("button", name="Take the picture").wait_for()
    assert camera.evaluate(live) and filming.evaluate(live)
    page.keyboard.press("Space")
    found = said(server)
    expect_status(camera, "In use: picture.jpg, a picture of ")
    assert not camera.evaluate(live) and filming.evaluate(live)
    assert camera.get_by_role("img").evaluate("image => image.naturalWidth") > 300
    press(filming, "Record 3 seconds")
    film = said(server)
    plays(page, filming.locator(".cr-result video"))
    assert not filming.evaluate(live)
    press(camera, "Delete")
    expect_status(camera, "deleted. Unless you do, pen-01.jpg is used")
    assert found["names"][0] == CUP.stem and found["labels"] == ["cup"] * 3
    assert 1.5 < film["film"] < 3.7 and film["sound"] > 16_000


@pytest.mark.parametrize("megabytes", [30, pytest.param(300, marks=pytest.mark.nightly)])
def test_a_large_file_a_path_and_bad_files(server, page, recorders, tmp_path, megabytes):
    own = recorders[3]
    large = tmp_path / "large <b>film.avi"
    films.write(large, films.numbered(8), codec="rawvideo", pixels="bgr24")
    with large.open("ab") as file:  # players read on only as far as a film's own end
        for _ in range(megabytes):
            file.write(np.random.default_rng().bytes(10**6))
    own.locator(".cr-file").set_input_files(large)
    own.get_by_role("progressbar").wait_for()
    sha256 = hashlib.sha256(large.read_bytes()).hexdigest()  # it arrives whole
    assert said(server) == {"name": "large _b_film.avi", "sha256": sha256}
    expect_status(own, "In use: large _b_film.avi, a film of 0.5 s")
    path = own.get_by_label("Path")
    path.fill(f" '{VOICE}' ")
    path.press("Enter")
    assert said(server)["name"] == VOICE.name and path.input_value() == ""
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "<img src=x onerror=alert(1)>.txt").write_text("words")
    for file, words in {"<img": "neither", "a.": "No pictures"}.items():
        own.locator(".cr-file").set_input_files(next(tmp_path.glob(f"{file}*")))
        expect_status(own, words)
        assert own.locator(".cr-status img").count() == 0
