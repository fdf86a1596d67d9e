"""A file's kind is told by its content, the readers agree, and no other file is ever opened."""

import io
import itertools
import shutil
import sys

import av
import numpy as np
import pytest
import soundfile
from films import numbered, write
from PIL import Image, features

from course_utils.media import (
    MediaError,
    kind_of,
    read_frames,
    read_image,
    read_waveform,
    video_seconds,
)

READ = {"image": read_image, "video": read_frames, "audio": read_waveform}
WRONG = (".jpg", ".gif", ".mp4", ".avi", ".wav", ".flac", ".mp3", ".aac", ".txt", ".m3u8", "")


def tone(seconds=0.5, rate=48_000):
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def assert_kind(path, kind):
    """The kind is right, and that kind's reader gives something."""
    assert kind_of(path) == kind == kind_of(str(path))
    read = READ[kind](path)
    assert min(np.asarray(read).shape) > 0


def assert_refused(path, *words):
    with pytest.raises(MediaError) as caught:
        kind_of(path)
    message = str(caught.value)
    assert repr(str(path)) in message and len(message.splitlines()) == 1
    for word in words:
        assert word in message


def pictures(count, mode="RGB"):
    return [Image.fromarray(frame).convert(mode) for frame in numbered(count)]


def save(path, form, count=1, mode="RGB", **options):
    first, *more = pictures(count, mode)
    if more:
        options |= {"save_all": True, "append_images": more}
    first.save(path, form, **options)
    return path


# ---- pictures ----

PICTURES = {
    "a.jpg": ("JPEG", 1, "RGB"), "grey.jpg": ("JPEG", 1, "L"), "cmyk.jpg": ("JPEG", 1, "CMYK"),
    "a.png": ("PNG", 1, "RGB"), "alpha.png": ("PNG", 1, "RGBA"), "palette.png": ("PNG", 1, "P"),
    "moving.png": ("PNG", 3, "RGB"), "a.webp": ("WEBP", 1, "RGB"),
    "moving.webp": ("WEBP", 3, "RGB"), "still.gif": ("GIF", 1, "P"),
    "a.bmp": ("BMP", 1, "RGB"), "a.tif": ("TIFF", 1, "RGB"),
    "pages.tif": ("TIFF", 3, "RGB"), "a.ppm": ("PPM", 1, "RGB"), "two.mpo": ("MPO", 2, "RGB"),
    "a.jp2": ("JPEG2000", 1, "RGB"), "a.avif": ("AVIF", 1, "RGB"),
    "moving.avif": ("AVIF", 3, "RGB"),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(tmp_path, name):
    """With several pictures in one file, too: only in a GIF do they make a film."""
    form, *_ = PICTURES[name]
    if form in ("AVIF", "JPEG2000") and not features.check(
        {"AVIF": "avif", "JPEG2000": "jpg_2000"}[form]
    ):
        pytest.skip(f"this Pillow was built without {form}")
    path = save(tmp_path / name, *PICTURES[name])
    assert_kind(path, "image")
    for suffix in WRONG:
        assert_kind(shutil.copy(path, tmp_path / f"copy{suffix}"), "image")


def test_a_gif_that_moves_is_a_film(tmp_path):
    path = save(tmp_path / "moving.gif", "GIF", 6, "P", duration=250, loop=0)
    assert_kind(path, "video")
    assert len(read_frames(path)) == 6 and video_seconds(path) == pytest.approx(1.5, abs=0.02)
    for suffix in (".jpg", ".mp4", ".mp3"):
        assert_kind(shutil.copy(path, tmp_path / f"copy{suffix}"), "video")


def test_damaged_pictures_are_pictures(tmp_path):
    """What is wrong with them, their reader says."""
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    for name in ("a.jpg", "a.png", "a.bmp"):
        path = tmp_path / name
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert kind_of(path) == "image"
        with pytest.raises(MediaError, match="damaged or cut short"):
            read_image(path)


# ---- films ----

FILMS = {
    "a.mp4": {}, "a.mkv": {}, "a.mov": {}, "a.m4v": {"form": "mp4"}, "a.mts": {"form": "mpegts"},
    "a.flv": {"codec": "flv1"}, "a.3gp": {}, "a.avi": {"codec": "mpeg4"},
    "jpegs.avi": {"codec": "mjpeg", "pixels": "yuvj420p"}, "a.webm": {"codec": "libvpx-vp9"},
    "a.wmv": {"codec": "wmv2", "form": "asf"}, "a.mpg": {"codec": "mpeg2video", "rate": 25},
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_films(tmp_path, name):
    path = write(tmp_path / name, numbered(20), **FILMS[name])
    assert_kind(path, "video")
    for suffix in WRONG:
        if (name, suffix) == ("a.mpg", ".jpg"):
            continue  # OpenCV believes the name more than the content of so old a format
        assert_kind(shutil.copy(path, tmp_path / f"copy{suffix}"), "video")


def test_a_film_with_sound_is_a_film(tmp_path):
    for name in ("a.mp4", "a.mkv", "a.mov"):
        path = write(tmp_path / name, numbered(8), sound=tone())
        assert_kind(path, "video")
        assert len(read_waveform(path)) == pytest.approx(8_000, abs=1_500)


# ---- sounds ----


def with_av(path, codec="aac", form=None, cover=None):
    """Write a sound with FFmpeg, and a song's cover picture if there is one."""
    wave = tone()[None].astype(np.float32)
    with av.open(str(path), "w", format=form) as container:
        track = container.add_stream(codec, rate=48_000, layout="mono")
        if cover is not None:
            shown = container.add_stream("mjpeg", rate=1)
            shown.height, shown.width = cover.shape[:2]
            shown.pix_fmt = "yuvj420p"
            shown.disposition = av.stream.Disposition.attached_pic
            container.mux(shown.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
            container.mux(shown.encode(None))
        for start in range(0, wave.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(wave[:, start : start + 960]), format="flt", layout="mono"
            )
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


SOUNDS = ("a.wav", "a.flac", "a.ogg", "a.oga", "a.opus", "a.mp3", "a.aif", "a.aiff")


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_of_soundfile(tmp_path, name):
    form = {"oga": "OGG", "opus": "OGG", "aif": "AIFF"}.get(name[2:], name[2:].upper())
    subtype = "OPUS" if name == "a.opus" else None
    soundfile.write(tmp_path / name, tone(2), 48_000, format=form, subtype=subtype)
    assert_kind(tmp_path / name, "audio")
    for suffix in WRONG:
        assert_kind(shutil.copy(tmp_path / name, tmp_path / f"copy{suffix}"), "audio")


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.m4a", {"form": "mp4"}), ("a.mp4", {}), ("a.mov", {}), ("a.mkv", {}), ("a.aac", {}),
     ("a.webm", {"codec": "libopus"})],
)  # fmt: skip
def test_a_film_file_without_pictures_is_a_sound(tmp_path, name, options):
    path = with_av(tmp_path / name, **options)
    assert_kind(path, "audio")
    for suffix in WRONG:
        assert_kind(shutil.copy(path, tmp_path / f"copy{suffix}"), "audio")


def jpeg():
    content = io.BytesIO()
    pictures(1)[0].save(content, "JPEG")
    return content.getvalue()


def song_mp3(path):
    """An ID3 tag with a picture, and then the sound."""
    soundfile.write(path, tone(2), 48_000, format="MP3")
    frame = b"\0image/jpeg\0\3\0" + jpeg()
    frame = b"APIC" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
    length = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + length + frame + path.read_bytes())


def song_flac(path):
    """A picture block behind the one that every FLAC file begins with."""
    soundfile.write(path, tone(2), 48_000, format="FLAC")
    texts = [len(b"image/jpeg").to_bytes(4, "big"), b"image/jpeg", bytes(4)]
    numbers = [(n).to_bytes(4, "big") for n in (160, 96, 24, 0, len(jpeg()))]
    block = b"".join([(3).to_bytes(4, "big"), *texts, *numbers, jpeg()])
    flac = path.read_bytes()
    path.write_bytes(flac[:42] + b"\6" + len(block).to_bytes(3, "big") + block + flac[42:])


def song_m4a(path):
    with_av(path, form="mp4", cover=numbered(1)[0])


@pytest.mark.parametrize("song", [song_mp3, song_flac, song_m4a])
def test_a_songs_cover_does_not_make_it_a_film(tmp_path, song):
    path = tmp_path / f"song.{song.__name__.removeprefix('song_')}"
    song(path)
    with av.open(str(path)) as container:
        assert sorted(stream.type for stream in container.streams) == ["audio", "video"]
    assert_kind(path, "audio")
    assert_kind(shutil.copy(path, tmp_path / "copy.mp4"), "audio")


def test_odd_names(tmp_path):
    film = write(tmp_path / "film.mp4", numbered(4))
    for name in ("a b #1 %20.mp4", "film%d.mp4", "100%03d.png.mp4", "日本.mp4", "'.mp4", "~x.mp4"):
        assert_kind(shutil.copy(film, tmp_path / name), "video")


# ---- what is none of the three ----


def test_no_ordinary_file(tmp_path, monkeypatch):
    assert_refused(tmp_path / "gone.png", "does not exist")
    assert_refused(tmp_path, "is a folder")
    (tmp_path / "empty.mp4").touch()
    assert_refused(tmp_path / "empty.mp4", "is empty")
    with pytest.raises(MediaError, match="cannot be opened"):
        kind_of("a\0b")


JUNK = {
    "text": b"some text and no medium at all\n" * 500,
    "hello": b"hello",
    "zeros": bytes(5_000),
    "random": np.random.default_rng(0).bytes(50_000),
    "head of an MP4": b"\0\0\0\x20ftypisom" + bytes(5_000),
    "head of a WAV": b"RIFF\xff\xff\0\0WAVE",
    "head of a PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "page": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
}
ITS_WORDS = {
    "": ["neither a picture nor a video nor a sound"], ".txt": ["neither a picture nor a video"],
    ".jpg": ["is not a picture that can be read here"], ".gif": ["is not a picture"],
    ".mp4": ["is not a video that can be read here"], ".MKV": ["is not a video"],
    ".wav": ["sound"], ".mp3": ["sound"], ".m4a": ["sound"], ".ogg": ["sound"], ".aac": ["sound"],
    ".flac": [], ".ac3": ["neither"], ".m3u8": ["neither"], ".amr": ["neither"],
}  # fmt: skip


@pytest.mark.parametrize(("junk", "suffix"), [*itertools.product(JUNK, ITS_WORDS)])
def test_junk_under_any_name(tmp_path, junk, suffix):
    """The reader for which it is named says why it is not what its name says."""
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(JUNK[junk])
    assert_refused(path, *([] if junk == "head of a WAV" else ITS_WORDS[suffix]))


# ---- no file leads to another ----


def lists(other: str) -> dict[str, str]:
    """Playlists and the like that name another file."""
    return {
        "ffconcat": f"ffconcat version 1.0\nfile {other}\n",
        "ffconcat with its URL": f"ffconcat version 1.0\nfile 'file:{other}'\nduration 1\n",
        "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
        f"{other}\n#EXT-X-ENDLIST\n",
        "m3u": f"{other}\n",
        "pls": f"[playlist]\nFile1={other}\nNumberOfEntries=1\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 40000 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{other}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "imf": f"<AssetMap><Path>{other}</Path></AssetMap>",
    }


@pytest.mark.parametrize(
    "suffix", [".mp4", ".m3u8", ".ffconcat", ".mpd", ".mkv", ".wav", ".jpg", ""]
)
@pytest.mark.parametrize("way", list(lists("")))
@pytest.mark.parametrize("other", ["other.ts", "other.mp4", "other.wav"])
def test_a_file_that_names_another_is_not_followed(tmp_path, suffix, way, other):
    """Else a downloaded "film" could show any file of this computer."""
    write(tmp_path / "other.ts", numbered(16), form="mpegts")
    write(tmp_path / "other.mp4", numbered(16))
    soundfile.write(tmp_path / "other.wav", tone(1), 48_000)
    for place in (other, str(tmp_path / other)):
        path = tmp_path / f"lure{suffix}"
        path.write_text(lists(place)[way])
        assert_refused(path)
        for read in (read_image, read_frames, video_seconds, read_waveform):
            with pytest.raises(MediaError, match="lure"):
                read(path)


def test_a_numbered_name_is_one_file(tmp_path):
    """FFmpeg would take it for all the pictures film1.jpg, film2.jpg, ..."""
    for i in range(4):
        save(tmp_path / f"film{i}.jpg", "JPEG")
    (tmp_path / "film%d.jpg").write_bytes(b"nothing")
    assert_refused(tmp_path / "film%d.jpg", "is not a picture")
    with pytest.raises(MediaError):
        read_frames(tmp_path / "film%d.jpg")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file times of reading")
def test_the_file_is_left_as_it_is(tmp_path):
    path = write(tmp_path / "film.mp4", numbered(4))
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    assert kind_of(path) == "video"
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before
