"""Every file, odd or broken, gives the right picture, film or sound, or an error that names it."""

import io
import os
import pickle
import random
import shutil
import struct
import sys
import tracemalloc
import warnings
import zlib
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import soundfile
from films import number, numbered, write
from PIL import EpsImagePlugin, Image, ImageFile, PngImagePlugin, TiffImagePlugin, features

from course_utils import media
from course_utils.media import (
    SAMPLE_RATE,
    MediaError,
    NoSoundError,
    displayable,
    iterate_frames,
    jpeg_bytes,
    kind_of,
    one_error,
    read_frames,
    read_image,
    read_waveform,
    video_seconds,
)
from course_utils.session import DATA

CASES = Path(__file__).parent / "cases"
WINDOWS = sys.platform == "win32"
READ = {"image": read_image, "video": read_frames, "audio": read_waveform}
each = pytest.mark.parametrize


def refused(path, *words, read=read_image, **options) -> str:
    """Reading gives a MediaError of one line that names the file and says what to do."""
    with pytest.raises(MediaError) as caught:
        read(path, **options)
    error, message = caught.value, str(caught.value)
    assert repr(str(path)) in message and len(message.splitlines()) == 1
    assert error.path == Path(path) and error.problem and message.endswith(f"; {error.remedy}.")
    assert all(word in message for word in words), message
    return message


def clouds(width: int = 64, height: int = 48) -> Image.Image:
    """Return coloured clouds: like a photo, neighbouring pixels are alike."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def pixels(picture) -> np.ndarray:
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def seen(path, **options) -> np.ndarray:
    return pixels(read_image(path, **options))


def tone(rate: int = 48_000, seconds: float = 2.0, hertz: float = 440.0, level: float = 0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def hertz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)[spectrum.argmax()])


def alike(one, two) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(two))[0, 1])


def numbers(path, **options) -> list[int]:
    return [number(frame) for frame in read_frames(path, **options)]


# ---- the contract: every format x good, cut short, damaged, under a wrong name ----


def picture(path, form):
    clouds().save(path, form)


def moving(path, form):
    first, *more = (Image.fromarray(frame) for frame in numbered(6))
    first.save(path, form, save_all=True, append_images=more, duration=250)


def sound(path, form, subtype=None, wave=None):
    soundfile.write(path, tone() if wave is None else wave, 48_000, subtype, format=form)


def song(path, codec="aac", form=None, cover=False, wave=None):
    """Write a sound with FFmpeg, with a cover picture if wanted."""
    with av.open(str(path), "w", format=form) as container:
        track = container.add_stream(codec, rate=48_000, layout="mono")
        track.bit_rate = 64_000
        if cover:
            shown = container.add_stream("mjpeg", rate=1)
            shown.width, shown.height, shown.pix_fmt = 64, 48, "yuvj420p"
            shown.disposition = av.stream.Disposition.attached_pic.value
            container.mux(shown.encode(av.VideoFrame.from_image(clouds())))
            container.mux(shown.encode(None))
        wave = np.float32(tone() if wave is None else wave)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*track.encode(frame), *track.encode(None)])
    return path


JPEGS = {"codec": "mjpeg", "pixels": "yuvj420p"}
IMAGES = "jpeg png webp gif bmp tiff ppm mpo dib".split()
IMAGES += [x for x, y in (("avif", "avif"), ("jpeg2000", "jpg_2000")) if features.check(y)]
STRIP = {"frames": numbered(40)}
PLAIN = dict.fromkeys(("a.mp4", "a.mkv", "a.mov", "a.3gp"), {})
CODECS = {"avi": "mpeg4", "flv": "flv1", "webm": "libvpx-vp9"}
FILMS = PLAIN | {f"a.{x}": {"codec": codec} for x, codec in CODECS.items()}
FILMS |= {"sound.mp4": {"sound": tone(seconds=2.5)}, "a.wmv": {"codec": "wmv2", "form": "asf"}}
FILMS |= {"a.mts": {"form": "mpegts"}, "a.h264": {"form": "h264"}, "jpegs.avi": JPEGS}
FILMS |= {"a.mpg": {"codec": "mpeg2video", "rate": 25}}
FILMS |= {"prores.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"}}
SOUNDS = {f"a.{x}": {"form": x} for x in "wav flac ogg mp3 aiff caf w64 au".split()}
DEPTHS = "PCM_U8 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW".split()
SOUNDS |= {f"{depth}.wav": {"form": "WAV", "subtype": depth} for depth in DEPTHS}
SOUNDS |= {"a.opus": {"form": "OGG", "subtype": "OPUS"}}
SONGS = dict.fromkeys(("only.mp4", "only.mkv", "a.aac"), {}) | {"a.m4a": {"form": "mp4"}}
SONGS |= {"only.webm": {"codec": "libopus"}, "cover.m4a": {"form": "mp4", "cover": True}}
SONGS |= {"a.wma": {"codec": "wmav2", "form": "asf"}, "a.mp2": {"codec": "mp2"}}
GOOD = {  # name: (kind, how it is made, with which options)
    **{f"a.{form}": ("image", picture, {"form": form.upper()}) for form in IMAGES},
    **{f"move.{form}": ("video", moving, {"form": form.upper()}) for form in ("gif", "png")},
    **{name: ("video", write, STRIP | options) for name, options in FILMS.items()},
    **{name: ("audio", sound, options) for name, options in SOUNDS.items()},
    **{name: ("audio", song, options) for name, options in SONGS.items()},
}
WRONG = (".jpg", ".gif", ".mp4", ".flac", ".aac", ".txt", ".m3u8", "")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the path and kind of a good file; made when it is first asked for."""
    folder = tmp_path_factory.mktemp("good")

    def made(name):
        kind, make, options = GOOD[name]
        if not (folder / name).exists():
            make(folder / name, **options)
        return folder / name, kind

    return made


def is_right(path, kind, name, whole=True) -> bool:
    """Whether a reading is what was written, or the beginning of it."""
    found = READ[kind](path)
    if kind == "image":
        assert found.size == (64, 48)
        return abs(pixels(found) - pixels(clouds())).mean() < (12 if name.endswith("gif") else 6)
    if kind == "video":
        count, rate = (6, 4) if "move" in name else (40, 25 if name == "a.mpg" else 16)
        shown = {round(rate * at): number(frame) for at, frame in iterate_frames(path)}
        assert video_seconds(path) == pytest.approx((max(shown) + 1) / rate, abs=0.1)
        assert len(found) == len(shown) <= count
        if not whole:  # at the cut, some decoders make up what is not there
            shown = {at: shown[at] for at in sorted(shown)[: -3 if name == "a.h264" else -1]}
        return shown == {at: at for at in shown} and (len(shown) == count or not whole)
    assert found.dtype == np.float32 and found.ndim == 1
    assert len(found) == pytest.approx(2 * SAMPLE_RATE, abs=2500) or not whole
    middle = found[2000:-2000]  # around which MP3 and AAC pad
    return len(found) < 8000 or (abs(hertz(middle) - 440) < 3 and abs(middle.std() - 0.354) < 0.02)


@each("name", GOOD)
def test_a_good_file_is_read_under_any_name(good, tmp_path, name):
    path, kind = good(name)
    assert kind_of(path) == kind == kind_of(str(path)) and is_right(path, kind, name)
    for suffix in WRONG:
        copy = shutil.copy(path, tmp_path / f"copy{suffix}")
        assert kind_of(copy) == kind
    assert is_right(copy, kind, name)


@each("name", GOOD)
def test_a_file_cut_short_is_refused_or_gives_what_is_left(good, tmp_path, name):
    """A picture is complete or refused, never partly grey; films and sounds may be shorter."""
    path, kind = good(name)
    data, cut, outcomes = path.read_bytes(), tmp_path / name, []
    for share in (0.001, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        cut.write_bytes(data[: max(1, int(share * len(data)))])
        try:
            outcomes.append(is_right(cut, kind, name, whole=False))
        except MediaError as error:
            assert len(str(error).splitlines()) == 1 and repr(str(cut)) in str(error)
            outcomes.append(None)
    assert False not in outcomes
    if kind == "image":
        assert outcomes == [None] * 7
    if name in ("a.mkv", "a.mts", "a.webm", "a.wav", "a.mp3", "a.aac"):
        assert outcomes[5:] == [True] * 2


JUNK = {"text": b"no medium at all\n" * 500, "zeros": bytes(5_000), "zip": b"PK\3\4" + bytes(100)}
JUNK |= {"random": np.random.default_rng(0).bytes(50_000), "svg": b"<svg><rect /></svg>"}
JUNK |= {"MP4's head": b"\0\0\0\x20ftypisom" + bytes(5_000), "pdf": b"%PDF-1.7\n1 0 obj\n"}
JUNK |= {"eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"}
NO = {"image": "not a picture", "video": "not a video", "audio": "not a sound"}


@each("junk", JUNK)
def test_junk_under_any_name(tmp_path, junk):
    for suffix in (".jpg", ".gif", ".mp4", ".MKV", ".wav", ".flac", ".amr", ".m3u8", ""):
        path = tmp_path / f"junk{suffix}"
        path.write_bytes(JUNK[junk])
        refused(path, "is neither a picture nor a video nor a sound", read=kind_of)
        for kind, read in READ.items():
            refused(path, NO[kind], read=read)


@each("times", [5, pytest.param(400, marks=pytest.mark.nightly)])
@each("name", GOOD)
def test_random_damage_gives_something_sound_or_a_media_error(good, tmp_path, name, times):
    """Bytes changed, added, lost or cut off, also in the first 60, which say what a file is."""
    path, kind = good(name)
    chance, broken = random.Random(name), tmp_path / name
    for _ in range(times):
        data = bytearray(path.read_bytes())
        for _ in range(chance.choice([1, 1, 2, 5, 20])):
            place = chance.randrange(len(data) if chance.random() < 0.6 else min(60, len(data)))
            more = chance.choice([0, 0, 1, chance.randrange(400)])
            data[place : place + chance.choice([1, 1, 9])] = chance.randbytes(more or 1)
        broken.write_bytes(data[: len(data) if chance.random() < 0.9 else place + 1])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's notes on odd metadata
                found = READ[kind](broken)
                assert kind_of(broken)
        except MediaError as error:
            assert len(str(error).splitlines()) == 1 and repr(str(broken)) in str(error)
        else:
            limit = 1 if kind == "audio" else 255
            assert np.isfinite(found).all() and np.abs(found).max() <= limit


# ---- files ----


@pytest.mark.timeout(60)
@each("read", [kind_of, *READ.values(), video_seconds])
def test_what_is_no_file(tmp_path, read):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text").write_text("x")
    words = {"none.jpg": "does not exist", "": "Catalog.from_folder", "empty.mp4": "is empty (0"}
    words |= {"text/a.jpg": "", "bad\0.jpg": "cannot be opened", "x" * 5000: ""}
    if not WINDOWS:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "nowhere").symlink_to(tmp_path / "gone.jpg")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
        words |= {"pipe": "not an ordinary file", "nowhere": "is a link", "circle": "links"}
    for name, said in words.items():
        refused(tmp_path / name, said, read=read)


def test_a_file_that_may_not_be_read(good, monkeypatch):
    """It is tried, never guessed from the class of a decoder's error."""
    files = [good(name) for name in ("a.png", "a.mp4", "a.m4a")]

    def closed(self, *args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    for path, kind in files:
        for read in (kind_of, READ[kind]):
            refused(path, "Permission denied", "permissions", read=read)


LATIN = os.fsdecode(b"latin-\xfc")
NAMES = ["a b #1 %d", "a.b.", "🎉 Übung 日本", "it's", '"hi"', "<b>&amp;", "$x$", "-rf", "~x"]


@each("name", [*NAMES, "new\nline", "a\u202eb", LATIN])
@each("format", ["a.png", "a.mp4", "a.flac"])
def test_names(good, tmp_path, name, format):
    """Good files of odd names are read; broken ones give one line that names them."""
    path, kind = good(format)
    odd = tmp_path / (name + path.suffix)
    try:
        shutil.copy(path, odd)
    except OSError:
        pytest.skip("this system does not allow the name")
    assert kind_of(odd) == kind and is_right(odd, kind, format)
    odd.write_bytes(b"broken")
    refused(odd, read=READ[kind])
    shown = displayable(odd.name)
    assert shown.encode() and shown.isprintable() and (shown == odd.name or name not in NAMES)


def test_displayable():
    for name, shown in (("a\nb\tc", "a b c"), ("a\u202egpj", "agpj"), ("\udcfc", "\ufffd")):
        assert displayable(name) == shown


def test_errors_travel_between_processes_and_are_told_together(tmp_path):
    for kind in (MediaError, NoSoundError):
        error = kind(tmp_path / "it's.png", "is odd", "look at it")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is kind and str(copy) == str(error)
        assert (copy.path, copy.problem, copy.remedy) == (error.path, "is odd", "look at it")
    assert one_error([error], 5) is error
    told = str(one_error([error, MediaError("b.png", "is odder", "throw it away")], 5))
    assert "1 more of 5" in told and "it's.png" in told and "'b.png' is odder" in told


DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>OTHER'
    "</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 40000 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nOTHER\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile OTHER\n"
LISTS = [DASH, SDP, HLS, CONCAT, "[playlist]\nFile1=OTHER\n", CONCAT.replace("O", "file:O")]


@each("suffix", [".mp4", ".m3u8", ".ffconcat", ".wav", ".jpg", ""])
@each("name", ["a.mts", "a.wav"])
def test_a_file_that_names_another_is_not_followed(good, tmp_path, suffix, name):
    """Else a downloaded "film" could show any file of this computer."""
    shutil.copy(good(name)[0], tmp_path / name)
    for other in (name, str(tmp_path / name)):
        for text in LISTS:
            path = tmp_path / f"lure{suffix}"
            path.write_text(text.replace("OTHER", other))
            for read in (kind_of, *READ.values()):
                refused(path, read=read)
    for i in range(4):  # FFmpeg would take film%d.jpg for all of film0.jpg, film1.jpg, ...
        clouds().save(tmp_path / f"film{i}.jpg")
    (tmp_path / "film%d.jpg").write_bytes(b"nothing")
    for read in (kind_of, read_frames):
        refused(tmp_path / "film%d.jpg", read=read)


def test_bad_files_start_nothing_take_no_memory_and_print_nothing(tmp_path, monkeypatch, capfd):
    """Pillow would start Ghostscript for a drawing, and decode 1.6 GB from a PNG of 70 bytes."""
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **_: started.append(args))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: started.append(self))
    bomb = tmp_path / "bomb.png"
    for side in (20_000, 30_000):
        Image.new("1", (8, 8)).save(bomb)
        data = bytearray(bomb.read_bytes())
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        bomb.write_bytes(data)
        refused(bomb, "pixels")
    for name in ("eps", "MP4's head"):
        (tmp_path / "bad").write_bytes(JUNK[name])
        for read in (kind_of, *READ.values()):
            refused(tmp_path / "bad", read=read)
    assert not started and capfd.readouterr() == ("", "")


# ---- pictures ----


def test_sizes_and_drafts(tmp_path, monkeypatch):
    """A JPEG that is too large is read at a half; a PNG of that size is refused."""
    photo = clouds(800, 600)
    for name in ("photo.jpg", "photo.png"):
        photo.save(tmp_path / name, quality=95)
    for side, scale in {601: 1, 301: 1, 300: 2, 150: 4, 10: 8, None: 1}.items():
        size = (800 // scale, 600 // scale)
        found = read_image(tmp_path / "photo.jpg", draft_side=side)
        assert found.size == size
        assert abs(pixels(found) - pixels(photo.resize(size, Image.Resampling.BOX))).mean() < 2
        assert (seen(tmp_path / "photo.png", draft_side=side) == pixels(photo)).all()
    monkeypatch.setattr(media, "MAX_PIXELS", 500 * 400)
    for side, size in ((None, (400, 300)), (50, (100, 75))):
        found = read_image(tmp_path / "photo.jpg", draft_side=side)
        assert found.size == size and alike(pixels(found), pixels(photo.resize(size))) > 0.99
    refused(tmp_path / "photo.png", "is too large", "200,000 pixels")
    for size in ((1, 1), (500, 10), (501, 10), (1, 5000)):
        Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "a.png")
        if max(size) > 50 * min(size):
            refused(tmp_path / "a.png", "is too large", "50 to 1")
        else:
            assert seen(tmp_path / "a.png")[-1, -1].tolist() == [1, 2, 3]


def test_a_png_with_a_long_text_is_not_damaged(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("x", "x" * 3_000_000)
    path = tmp_path / "notes.png"
    clouds().save(path, pnginfo=notes)
    assert kind_of(path) == "image" and (seen(path) == pixels(clouds())).all()


@each("form", ["JPEG", "TIFF"])
@each("ink", [(0, 255, 255, 0), (255, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 128)])
def test_cmyk_colours(tmp_path, ink, form):
    Image.new("CMYK", (256, 256), ink).save(tmp_path / "print", form)
    color = 255 - np.minimum(255, np.array(ink[:3]) + ink[3])
    for draft_side in (None, 32):
        assert abs(seen(tmp_path / "print", draft_side=draft_side) - color).max() <= 3


def ramp(low, high, dtype) -> np.ndarray:
    """Return 256 equal steps, 256 x 16."""
    return np.tile(np.linspace(low, high, 256).round(6).astype(dtype), (16, 1))


FULL, U16, F32, I32 = (0, 255), np.uint16, np.float32, np.int32
RANGES = [  # what is in the file, what it states of the range, the first and last grey value
    (ramp(0, 65535, U16), {}, FULL),  # a photo in 16 bits
    (ramp(0, 65535, ">u2"), {}, FULL),
    (ramp(5000, 40000, U16), {}, (19, 156)),  # a pale one stays pale
    (ramp(0, 4095, U16), {}, FULL),  # a camera's 12 bits in 16
    (ramp(29_000, 31_000, U16), {}, FULL),  # a thermal camera
    (ramp(0, 400, U16), {280: 0, 281: 4095}, (0, 25)),  # dark, and the file says so
    (ramp(0, 400, U16), {280: 0, 281: 65535}, FULL),  # what any file may say
    (ramp(2570, 2570, U16), {}, (10, 10)),
    (ramp(0, 1, F32), {}, FULL),
    (ramp(0.2, 0.6, F32), {}, (51, 153)),
    (ramp(0, 255, F32), {}, FULL),
    (ramp(-3, 7, F32), {}, FULL),
    (ramp(1000, 1010, F32), {}, FULL),
    (ramp(0, 100, F32), {340: 0.0, 341: 1000.0}, (0, 25)),
    (ramp(100_000, 300_000, I32), {}, FULL),
    (ramp(0, 200, I32), {}, (0, 200)),
]


@each(("values", "tags", "wanted"), RANGES)
def test_ranges(tmp_path, values, tags, wanted):
    """The file's own statement, else robust: one absurd pixel changes nothing."""
    told = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        told.tagtype[tag] = 12 if isinstance(value, float) else 4
        told[tag] = value
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo=told)
    found = seen(tmp_path / "a.tif")[1, [0, -1], 0]
    assert abs(found - wanted).max() <= 1
    if values.dtype.kind == "u" and not tags:
        Image.fromarray(values).save(tmp_path / "a.png")
        assert (seen(tmp_path / "a.png")[1, [0, -1], 0] == found).all()
    odd = {"f": (1e30, -1e30, np.inf, np.nan), "u": (65535,), "i": (2**31 - 1, -(2**31))}
    for value in odd[values.dtype.kind] if not tags and np.ptp(values) else ():
        values = values.copy()
        values[0, 7] = value
        Image.fromarray(values).save(tmp_path / "odd.tif")
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # NumPy would warn of bad conversions
            assert abs(seen(tmp_path / "odd.tif")[1, [0, -1], 0] - wanted).max() <= 2


def test_ranges_of_other_formats(tmp_path):
    """16-bit colours, a PGM that states its largest value, few stars, no numbers at all, bits."""
    for depth, loss in ((65535, 1), (4095, 17)):  # of 12 bits, Pillow keeps four
        row = np.linspace(0, depth, 256).astype(np.uint16)
        color = np.stack([row, row[::-1], row], axis=1)
        cv2.imwrite(str(tmp_path / "a.png"), np.stack([color] * 8))
        found = seen(tmp_path / "a.png")[0]
        assert abs(found[:, 0] - np.arange(256)).max() <= loss
        assert abs(found[:, 1] - np.arange(256)[::-1]).max() <= loss
        (tmp_path / "a.pgm").write_bytes(b"P5 256 8 %d\n" % depth + row.byteswap().tobytes() * 8)
        assert abs(seen(tmp_path / "a.pgm")[0, :, 0] - np.arange(256)).max() <= 1

    def read(values):
        Image.fromarray(values).save(tmp_path / "a.tif")
        return seen(tmp_path / "a.tif")[..., 0]

    stars = np.zeros((100, 100), F32)
    stars[50, 50] = 7
    assert read(stars)[50, 50] == 255
    for value in (np.nan, np.inf, 5.0):
        assert np.ptp(read(np.full((4, 4), value, F32))) == 0
    assert read(np.array([[True, False]])).tolist() == [[255, 0]]


def test_transparency_is_laid_on_white(tmp_path):
    def read(values, mode, palette=None, **options):
        picture = Image.fromarray(np.array([values], np.uint8), mode)
        if palette:
            picture.putpalette(palette)
        picture.save(tmp_path / "a.png", **options)
        return seen(tmp_path / "a.png")[0].tolist()

    solid, clear, half = read([(255, 0, 0, 255), (255, 0, 0, 0), (255, 0, 0, 128)], "RGBA")
    assert (solid, clear, half) == ([255, 0, 0], [255] * 3, [255, 127, 127])
    assert read([(40, 255), (40, 0)], "LA") == [[40] * 3, [255] * 3]
    palette = [10, 20, 30, 200, 100, 0]
    assert read([0, 1], "P", palette, transparency=0) == [[255] * 3, [200, 100, 0]]
    assert read([7, 90], "L", transparency=7) == [[255] * 3, [90] * 3]
    assert read([(7, 7, 7), (9, 9, 9)], "RGB", transparency=(7,) * 3) == [[255] * 3, [9] * 3]


def test_logos_in_white_on_nothing_stay_apart(tmp_path):
    """On white they would be the same picture; an alpha that is zero everywhere is ignored."""
    rows, cols = np.mgrid[:200, :200]
    shapes = [abs(rows - 100) + abs(cols - 100) < 80, cols % 40 < 20, rows + cols < 180]
    for shape in shapes:
        logo = np.full((200, 200, 4), 250, np.uint8)
        logo[..., 3] = 255 * shape
        Image.fromarray(logo).save(tmp_path / "logo.png")
        found = seen(tmp_path / "logo.png")
        assert (found[shape] == 250).all() and (found[~shape] == 128).all()
    hidden = clouds().convert("RGBA")
    hidden.putalpha(0)
    hidden.save(tmp_path / "hidden.png")
    assert (seen(tmp_path / "hidden.png") == pixels(clouds())).all()


TURNS = [  # EXIF orientations 1 to 8: how a camera stores the upright picture
    lambda x: x,
    np.fliplr,
    lambda x: np.rot90(x, 2),
    np.flipud,
    lambda x: x.swapaxes(0, 1),
    np.rot90,
    lambda x: np.rot90(x, 2).swapaxes(0, 1),
    lambda x: np.rot90(x, -1),
]


@each("orientation", [*range(1, 9), 0, 77])
def test_orientation(tmp_path, orientation):
    turned = TURNS[orientation - 1 if orientation in range(1, 9) else 0]
    upright, exif = np.asarray(clouds(192, 128)), Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turned(upright)))
    for form, options in {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}.items():
        stored.save(tmp_path / form, form, exif=exif, **options)
        assert (seen(tmp_path / form) == upright).all()
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    for draft_side, size in ((None, (192, 128)), (60, (96, 64))):
        found = seen(tmp_path / "a.jpg", draft_side=draft_side)
        assert abs(found - pixels(clouds(192, 128).resize(size))).mean() < 2
    deep = ramp(0, 65535, U16)[:, ::4]
    stored = Image.fromarray(np.ascontiguousarray(turned(deep)))
    stored.save(tmp_path / "deep.png", exif=exif)
    assert (seen(tmp_path / "deep.png")[..., 0] == deep // 257).all()


@each("name", ["a.heic", "photo.jpg"])
def test_a_heic_photo_without_its_package_says_which(tmp_path, monkeypatch, name):
    """By content: phones' HEIC is often named .jpg, and FFmpeg would take it for a film."""
    monkeypatch.setattr(media, "find_spec", lambda module: None)
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))
    for read in (kind_of, read_image):
        refused(tmp_path / name, "is a HEIC photo", "as JPEG", "pillow-heif", read=read)


def test_jpeg_bytes():
    original = clouds(400, 200).convert("RGBA")
    small = Image.open(io.BytesIO(jpeg_bytes(original, 100)))
    assert small.format == "JPEG" and small.mode == "RGB" and original.size == (400, 200)
    assert alike(pixels(small), pixels(clouds(400, 200).resize((100, 50)))) > 0.9


# ---- films ----


@pytest.fixture(scope="module")
def ten_seconds(tmp_path_factory):
    """160 numbered frames at 16 a second."""
    return write(tmp_path_factory.mktemp("film") / "ten.mp4", numbered(160))


@each("rate", [4, 15, 16, 60])
@each("start", [0.0, 0.9, 3.21, 7.0])
def test_frames_are_those_on_screen_at_each_moment(ten_seconds, tmp_path, rate, start):
    """At a constant and at a variable rate; the last one found is repeated."""
    wanted = [n for i in range(60) if (n := int((start + i / rate) * 16 + 1e-3)) < 160]
    wanted += wanted[-1:] * (60 - len(wanted))
    assert numbers(ten_seconds, rate=rate, start=start, count=60) == wanted
    moments = [at for at, _ in islice(iterate_frames(ten_seconds, rate=rate, start=start), 4)]
    assert moments == [start + i / rate for i in range(4)]
    shown = np.cumsum(np.r_[0, np.tile([33, 67, 200, 33], 40)])[:160]
    path = write(tmp_path / "phone.mp4", numbered(160), rate=30, milliseconds=shown)
    wanted = [int(np.flatnonzero(shown / 1000 <= start + i / rate + 1e-4)[-1]) for i in range(16)]
    assert numbers(path, rate=rate, start=start, count=16) == wanted


def test_shapes_colours_short_films_and_wrong_requests(tmp_path, ten_seconds):
    found = read_frames(ten_seconds, count=3)
    assert found.shape == (3, 96, 160, 3) and found.dtype == np.uint8
    red, green, blue = found[0, 80, 80]
    assert red > 200 and green < 60 and blue < 60  # OpenCV would have it blue
    path = write(tmp_path / "one.mp4", numbered(2)[1:])
    assert numbers(path, rate=15, count=16) == [1] * 16 and video_seconds(path) == 1 / 16
    refused(ten_seconds, "ends before 12 s", read=read_frames, start=12.0, count=4)
    for options in ({"rate": 0}, {"rate": -1}, {"start": -1}, {"count": 0}, {"rate": np.nan}):
        with pytest.raises(ValueError, match=r"start|count"):
            read_frames(ten_seconds, **options)


@each("claimed", [64, 999])
def test_a_lying_frame_count_is_not_believed(tmp_path, claimed):
    path = write(tmp_path / "lies.avi", numbered(160), **JPEGS)
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8 + 32
    data[48:52] = data[at : at + 4] = claimed.to_bytes(4, "little")  # the file's and the stream's
    path.write_bytes(data)
    assert numbers(path) == list(range(160)) and video_seconds(path) == pytest.approx(10, abs=0.1)


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
LIVE = {"webm": "libvpx-vp9", "matroska": "libx264", "mpegts": "libx264", "mp4": "libx264"}


@each("form", LIVE)
def test_films_whose_header_does_not_say_how_long_they_are(tmp_path, form):
    """As recorders in browsers write them: nothing can be put right in the file afterwards."""
    path, content = tmp_path / "recorded", bytearray()
    pipe = SimpleNamespace(write=lambda data: content.extend(data) or len(data))
    options = FRAGMENTS if form == "mp4" else {}
    write(pipe, numbered(320), codec=LIVE[form], form=form, options=options, gop_size=300)
    path.write_bytes(content)
    assert video_seconds(path) == pytest.approx(20, abs=0.02)
    assert numbers(path) == list(range(320))
    assert numbers(path, rate=4, start=17, count=3) == [272, 276, 280]


@each("name", ["screen.mp4", "screen.mkv"])
def test_a_long_time_without_a_new_picture(tmp_path, name):
    """A screen recording of 36 s in which nothing moves for 20 s; slides of 22 s each."""
    shown = np.r_[np.arange(0, 5000, 62), np.arange(25_000, 36_000, 62)]
    path = write(tmp_path / name, numbered(len(shown)), milliseconds=shown, sound=tone(seconds=36))
    assert video_seconds(path) == pytest.approx(36, abs=0.1)
    wanted = [int(np.flatnonzero(shown <= 1000 * second)[-1]) for second in range(3, 36)]
    assert numbers(path, rate=1, start=3, count=33) == wanted
    assert numbers(path, rate=1, start=32, count=3) == wanted[29:32]
    slides = 22_000 * np.arange(5)
    path = write(tmp_path / name, numbered(5), milliseconds=slides, sound=tone(seconds=9))
    assert numbers(path, rate=1 / 11, count=9) == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert numbers(path, rate=15, start=60, count=3) == [2, 2, 2]


def test_empty_packets_and_a_reader_that_gives_up_are_not_the_end(tmp_path, monkeypatch):
    """Theora has packets that are empty: the same picture; some readers stop after so many."""
    path, whole = write(tmp_path / "a.avi", numbered(160), **JPEGS), media._Stream.packets
    sound(tmp_path / "a.wav", "WAV", wave=tone(seconds=20))

    def sparse(self):
        for i, packet in enumerate(whole(self)):
            if i % 40 and packet and packet.pts is not None:
                kept, packet = packet, av.Packet(b"")
                packet.pts, packet.time_base = kept.pts, kept.time_base
            yield packet

    monkeypatch.setattr(media._Stream, "packets", lambda self: [*islice(whole(self), 40), None])
    refused(path, "cannot be decoded between second 2.5 and 10.0", read=read_frames, rate=4)
    refused(tmp_path / "a.wav", "cannot be decoded between", "and 20.0", read=read_waveform)
    assert numbers(path, rate=4, count=4) == [0, 4, 8, 12]
    monkeypatch.setattr(media._Stream, "packets", sparse)
    assert numbers(path) == [0, 40, 80, 120] and video_seconds(path) == pytest.approx(10, abs=0.1)
    assert numbers(path, rate=1, count=10) == [0, 0, 0, 40, 40, 80, 80, 80, 120, 120]


@each("name", ["a.mp4", "a.avi"])
def test_a_refused_packet_costs_that_packet(tmp_path, name):
    """More than a second of them is an error by name, and never a picture shown on and on."""
    path = write(tmp_path / name, numbered(160), **JPEGS)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()

    def without(*damaged):
        broken = data
        for i in damaged:
            broken = broken.replace(packets[i], bytes(len(packets[i])))
        path.write_bytes(broken)

    without(40, 80)
    assert numbers(path) == [i for i in range(160) if i not in (40, 80)]
    assert numbers(path, rate=16, start=4.9, count=3) == [78, 79, 79]
    assert video_seconds(path) == pytest.approx(10)
    without(*range(40, 100))
    between = "cannot be decoded between second {} and {}"
    refused(path, between.format(2.4, 6.2), "H.264", read=read_frames, rate=4)
    assert numbers(path, rate=4, start=8, count=4) == [128, 132, 136, 140]
    without(*range(100, 160))
    refused(path, between.format(6.2, 9.9), read=video_seconds)
    refused(path, between.format(6.2, 9.9), read=read_frames, rate=4, start=5)
    without(*range(60))
    refused(path, between.format(0.0, 3.8), read=read_frames, rate=4)
    without(*range(160))
    refused(path, read=read_frames)


# Display matrices that do to the stored pictures of a film what TURNS do.
MATRICES = [(1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1)]
MATRICES += [(0, 1, 1, 0), (0, -1, 1, 0), (0, -1, -1, 0), (0, 1, -1, 0)]


@each(("matrix", "turned"), list(zip(MATRICES, TURNS, strict=True)))
def test_turned_and_mirrored_films(tmp_path, ten_seconds, matrix, turned):
    """As phones and front cameras mark them; the whole display matrix counts."""
    data, path = bytearray(ten_seconds.read_bytes()), tmp_path / "turned.mp4"
    a, b, c, d = (x << 16 for x in matrix)
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    upright = turned(read_frames(ten_seconds, start=4.9, count=1)[0])
    assert (read_frames(path, start=4.9, count=1)[0] == upright).all()


def test_pixels_that_are_not_square_or_change_midway(tmp_path):
    """A television's film; recorders that are switched over, as parts of MPEG-TS are joined."""
    write(tmp_path / "wide.mp4", numbered(4), sample_aspect_ratio=Fraction(2, 1))
    found = read_frames(tmp_path / "wide.mp4")
    assert found.shape == (4, 96, 320, 3) and [number(frame) for frame in found] == [0, 1, 2, 3]
    parts = [numbered(20), numbered(40)[20:], numbered(60, 192, 320)[40:]]
    with (tmp_path / "all.ts").open("wb") as joined:
        for frames, form in zip(parts, ("yuv420p", "yuv444p", "yuv420p"), strict=True):
            write(tmp_path / "part", frames, form="mpegts", pixels=form)
            joined.write((tmp_path / "part").read_bytes())
    found = read_frames(tmp_path / "all.ts")
    assert found.shape[1:] == (96, 160, 3)
    assert [number(frame) for frame in found] == [*range(60)]


def test_transparent_films_are_laid_on_white(tmp_path):
    first, second = Image.new("RGBA", (64, 64)), Image.new("RGBA", (64, 64))
    first.paste((0, 0, 0, 255), (16, 16, 48, 48))
    second.paste((200, 0, 0, 255), (8, 16, 48, 48))
    for name, options in (("a.png", {}), ("a.gif", {"disposal": 2})):
        path = tmp_path / name
        first.save(path, save_all=True, append_images=[second], duration=200, **options)
        found = read_frames(path)
        assert (found[:, 2, 2] == 255).all() and found[:, 30, 30].tolist() == [[0] * 3, [200, 0, 0]]


def test_interlaced_and_av1(video_encoder):
    """As camcorders and new phones write them; cosines to the course's own file."""
    original = video_encoder.encode([DATA / "videos" / "water-01.mp4"])
    interlaced = video_encoder.encode([CASES / "interlaced.mts"])
    assert (original * interlaced).sum() > 0.97
    assert (video_encoder.encode([CASES / "interlaced.mts"]) == interlaced).all()
    frames = read_frames(DATA / "videos" / "water-01.mp4", rate=8, count=16)
    assert alike(frames, read_frames(CASES / "av1.mp4", rate=8, count=16)) > 0.97
    assert video_seconds(CASES / "av1.mp4") == video_seconds(CASES / "interlaced.mts") == 2


def test_memory_stays_bounded(ten_seconds, monkeypatch):
    tracemalloc.start()
    count = sum(1 for _ in iterate_frames(ten_seconds))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 160 and peak < 10 * 96 * 160 * 3
    monkeypatch.setattr(media, "MAX_BYTES", 1_000_000)
    words = ("more frames than fit into memory", "rate and count")
    refused(ten_seconds, *words, read=read_frames)
    refused(ten_seconds, *words, read=read_frames, count=1000)
    assert len(read_frames(ten_seconds, count=5)) == 5


# ---- sounds ----


@each("rate", [8000, 16000, 44099, 44100, 96000])
def test_every_rate_becomes_16_khz(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate, 1), rate)
    found = read_waveform(tmp_path / "a.wav")
    assert found.dtype == np.float32 and found.shape == pytest.approx((SAMPLE_RATE,), abs=1)
    assert hertz(found) == pytest.approx(440, abs=1)
    assert np.abs(found[800:-800]).max() == pytest.approx(0.5, abs=0.01)
    soundfile.write(tmp_path / "one.wav", np.array([0.5]), rate, subtype="FLOAT")
    assert len(read_waveform(tmp_path / "one.wav")) == -(-SAMPLE_RATE // rate)


LEVELS = {(0, 0.1, 0.2, 0.3, 0.4, 0.5): 0.25, (0.5, -0.5): 0.5, (0.5, -0.25): 0.125, (0, 0): 0}
LEVELS |= {(0.3, -0.3, 0.3, -0.3, 0, 0): 0.3, (0.6, 0): 0.3}


@each(("levels", "wanted"), LEVELS.items())
def test_channels_are_averaged_unless_they_cancel(tmp_path, levels, wanted):
    channels = np.stack([tone(SAMPLE_RATE, level=level) for level in levels], axis=1)
    soundfile.write(tmp_path / "a.wav", channels, SAMPLE_RATE, subtype="FLOAT")
    assert np.abs(read_waveform(tmp_path / "a.wav")).max() == pytest.approx(wanted, abs=1e-3)


def test_a_cancelled_and_a_crashed_recording(tmp_path):
    """One channel inverted; headers that say that nothing or too much follows: the same vector."""
    from course_utils.audio import AudioEncoder

    voice, rate = soundfile.read(DATA / "audio" / "voices" / "adam-1.flac")
    both, files = np.stack([voice, -voice], axis=1), [tmp_path / "voice.wav"]
    soundfile.write(files[0], voice, rate)
    for form, subtype in (("FLAC", None), ("MP3", None), ("OGG", "OPUS")):
        files.append(tmp_path / f"two.{form}")
        soundfile.write(files[-1], both, rate, subtype, format=form)
    vectors = AudioEncoder().encode(files)
    cosines = vectors @ vectors[0]
    assert (cosines > [0.999, 0.99, 0.97, 0.97]).all(), cosines
    data = bytearray(files[0].read_bytes())
    for length in (0, 2**31, 2**32 - 1):
        data[40:44] = length.to_bytes(4, "little")
        (tmp_path / "crashed.wav").write_bytes(data)
        assert (read_waveform(tmp_path / "crashed.wav") == read_waveform(files[0])).all()


def test_ranges_of_sounds(tmp_path):
    """Whole numbers in floats are scaled; absurd samples, and what is no number, are cut off."""

    def read(wave):
        soundfile.write(tmp_path / "a.wav", wave, SAMPLE_RATE, subtype="DOUBLE")
        return read_waveform(tmp_path / "a.wav")

    assert not read(np.zeros(SAMPLE_RATE)).any()
    assert alike(read(30_000 * tone(SAMPLE_RATE)), tone(SAMPLE_RATE)) > 0.999
    for odd in (np.nan, np.inf, 1e30, -3e4, 7.0):
        wave = tone(SAMPLE_RATE)
        wave[5] = odd
        found = read(wave)
        assert np.isfinite(found).all() and np.abs(found).max() <= 1
        assert alike(found[100:], wave[100:]) > 0.999 and found[100:].std() > 0.05


@each("name", ["a.wav", "a.mp3", "a.m4a", "sound.mp4"])
def test_duration(good, monkeypatch, name):
    path = good(name)[0]
    part = read_waveform(path, duration=0.8)
    assert len(part) == pytest.approx(0.8 * SAMPLE_RATE, abs=1)
    assert alike(part[:-50], read_waveform(path)[: len(part) - 50]) > 0.999
    for duration in (0, -1, np.nan):
        with pytest.raises(ValueError, match="must be positive"):
            read_waveform(path, duration=duration)
    monkeypatch.setattr(media, "MAX_MINUTES", 0.02)
    refused(path, "minutes of sound", "duration", read=read_waveform)
    assert len(read_waveform(path, duration=1)) == pytest.approx(SAMPLE_RATE, abs=1)


def test_what_is_missing_and_what_is_damaged_are_two_things(good, tmp_path):
    """Damaged bytes cost the packets they lie in; a film whose sound is gone still has pictures."""
    for name in ("a.m4a", "cover.m4a", "a.wav"):
        refused(good(name)[0], "has sound but no pictures", read=read_frames)
    with pytest.raises(NoSoundError, match="has no sound in it"):
        read_waveform(good("a.mp4")[0])
    sound(tmp_path / "none.wav", "WAV", wave=np.zeros(0))
    refused(tmp_path / "none.wav", "holds no sound", read=read_waveform)
    refused(good("a.jpeg")[0], "is not a sound", read=read_waveform)
    sweep = 0.3 * np.sin(np.cumsum(0.02 + 0.01 * np.sin(np.arange(24 * 48_000) / 9000)))
    path, chance = song(tmp_path / "long.m4a", form="mp4", wave=sweep), random.Random(0)
    whole, data = read_waveform(path), bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = chance.randbytes(400)
    path.write_bytes(data)
    found, third = read_waveform(path), len(whole) // 3
    assert len(whole) - 3000 < len(found) <= len(whole)
    assert alike(found[:third], whole[:third]) > 0.999
    path = write(tmp_path / "film.mp4", numbered(160), sound=tone(seconds=10))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                data[packet.pos : packet.pos + packet.size] = chance.randbytes(packet.size)
    path.write_bytes(data)
    message = refused(path, "has sound, but it is damaged", read=read_waveform)
    assert "permission" not in message and numbers(path) == list(range(160))
