"""Every odd or broken video gives either the right frames or an error that names the file."""

import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from films import number, numbered, turn, write

from course_utils.media import MediaError, frames, iterate_frames, read_frames, video_seconds

ROOT = Path(__file__).resolve().parents[1]


def numbers(path, **options) -> list[int]:
    return [number(frame) for frame in read_frames(path, **options)]


def assert_refused(path, *words: str, **options) -> None:
    with pytest.raises(MediaError) as caught:
        read_frames(path, **options)
    message = str(caught.value)
    assert repr(str(path)) in message and len(message.splitlines()) == 1
    for word in words:
        assert word in message


@pytest.fixture(scope="module")
def ten_seconds(tmp_path_factory):
    """160 numbered frames at 16 a second."""
    return write(tmp_path_factory.mktemp("film") / "ten.mp4", numbered(160))


# ---- containers, codecs ----


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {}),
        ("h264.mkv", {}),
        ("h264.mov", {}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mjpeg.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("mpeg2.mpg", {"codec": "mpeg2video", "rate": 25}),
    ],
)
def test_every_container_gives_all_its_frames(tmp_path, name, options):
    path = write(tmp_path / name, numbered(40), **options)
    assert numbers(path) == list(range(40))
    assert video_seconds(path) == pytest.approx(40 / options.get("rate", 16), abs=0.05)


def test_shape_type_and_colour(ten_seconds):
    found = read_frames(ten_seconds, count=3)
    assert found.shape == (3, 96, 160, 3) and found.dtype == np.uint8
    red, green, blue = found[0, 80, 80]
    assert red > 200 and green < 60 and blue < 60  # OpenCV would have it blue


def test_a_path_with_spaces_and_other_alphabets(tmp_path):
    path = write(tmp_path / "été 映画 100%d.mp4", numbered(5))
    assert numbers(path) == list(range(5))


# ---- sampling by time ----


@pytest.mark.parametrize("rate", [4, 8, 15, 16, 30, 60])
@pytest.mark.parametrize("start", [0.0, 0.5, 3.21, 7.0])
def test_frames_are_those_on_screen_at_each_moment(ten_seconds, rate, start):
    wanted = [int((start + i / rate) * 16 + 1e-3) for i in range(16)]
    wanted = [n for n in wanted if n < 160]
    wanted += wanted[-1:] * (16 - len(wanted))  # the last one found is repeated
    assert numbers(ten_seconds, rate=rate, start=start, count=16) == wanted


@pytest.mark.parametrize("start", [0.0, 0.9, 3.7, 10.05])
def test_a_variable_rate_is_sampled_by_time(tmp_path, start):
    steps = np.tile([33, 67, 200, 33], 40)
    shown = np.cumsum(np.r_[0, steps])[:160]
    path = write(tmp_path / "phone.mp4", numbered(160), rate=30, milliseconds=shown)
    wanted = [int(np.flatnonzero(shown / 1000 <= start + i / 15 + 1e-4)[-1]) for i in range(16)]
    assert numbers(path, rate=15, start=start, count=16) == wanted


def test_without_timestamps_the_rate_decides(tmp_path):
    path = write(tmp_path / "raw.h264", numbered(60), form="h264")
    assert numbers(path) == list(range(60))
    assert numbers(path, rate=5, count=3) == [0, 5, 10]  # read as 25 a second, as players do
    assert numbers(path, rate=5, start=1.2, count=3) == [30, 35, 40]
    assert video_seconds(path) == pytest.approx(60 / 25)


def test_iterating_tells_the_moments(ten_seconds):
    found = list(islice(iterate_frames(ten_seconds, rate=2, start=4), 4))
    assert [moment for moment, _ in found] == [4, 4.5, 5, 5.5]
    assert [number(frame) for _, frame in found] == [64, 72, 80, 88]
    own = list(islice(iterate_frames(ten_seconds, start=4), 3))
    assert [moment for moment, _ in own] == pytest.approx([4, 4.0625, 4.125])


# ---- too few frames, wrong claims ----


def test_the_last_frame_is_repeated(tmp_path):
    path = write(tmp_path / "short.mp4", numbered(5))
    assert numbers(path, rate=16, count=9) == [0, 1, 2, 3, 4, 4, 4, 4, 4]


def test_one_frame_is_a_film_too(tmp_path):
    path = write(tmp_path / "one.mp4", numbered(2)[1:])
    assert numbers(path, rate=15, count=16) == [1] * 16
    assert video_seconds(path) == pytest.approx(1 / 16)


def test_start_behind_the_end_is_said(ten_seconds):
    assert_refused(ten_seconds, "ends before 12 s", start=12.0, count=4)


def test_a_lying_frame_count_is_not_believed(tmp_path):
    """The header promises 160 frames (10 s), 50 are there."""
    path = write(tmp_path / "lies.avi", numbered(160), codec="mjpeg", pixels="yuvj420p")
    data = path.read_bytes()
    cut = 0
    for _ in range(52):  # the index in the header, fifty frames, and the one to cut
        cut = data.index(b"00dc", cut + 1)
    path.write_bytes(data[:cut])
    found = numbers(path)
    assert found == list(range(50))
    assert video_seconds(path) == pytest.approx(50 / 16, abs=0.1)


def test_a_count_that_is_too_low_is_not_believed(tmp_path):
    path = write(tmp_path / "more.avi", numbered(160), codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    data[48:52] = (64).to_bytes(4, "little")  # the file's number of frames
    at = data.index(b"strh") + 8 + 32
    data[at : at + 4] = (64).to_bytes(4, "little")  # and the stream's
    path.write_bytes(data)
    assert len(numbers(path)) == 160
    assert video_seconds(path) == pytest.approx(10, abs=0.1)


def test_a_film_cut_short_gives_what_is_left(tmp_path):
    path = write(tmp_path / "cut.mkv", numbered(160, 192, 320))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = numbers(path)
    assert 20 < len(found) < 150 and found == list(range(len(found)))
    assert video_seconds(path) == pytest.approx(len(found) / 16, abs=0.2)


def test_an_mp4_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "cut.mp4", numbered(60))  # its table of contents is at the end
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path, "cut short", "copy it again")


def test_a_quarter_turn_is_honoured(tmp_path):
    path = write(tmp_path / "phone.mp4", numbered(4, 96, 160))
    turn(path)
    (frame,) = read_frames(path, count=1)
    assert frame.shape == (160, 96, 3)
    assert frame[80, 10, 0] > 200 and frame[80, 80, 0] < 60  # what was below is on the left


# ---- what is no video ----


def test_files_that_are_no_video(tmp_path):
    assert_refused(tmp_path / "none.mp4", "does not exist")
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert_refused(tmp_path / "empty.mp4", "is empty")
    assert_refused(tmp_path, "is a folder")
    (tmp_path / "text.mp4").write_text("not a film at all " * 50)
    assert_refused(tmp_path / "text.mp4", "is not a video")
    noise = np.random.default_rng(0).bytes(50_000)
    (tmp_path / "noise.avi").write_bytes(noise)
    assert_refused(tmp_path / "noise.avi", "is not a video")


def test_a_sound_is_no_video(tmp_path):
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert_refused(path, "has sound but no pictures")


def test_wrong_requests(ten_seconds):
    for options in ({"rate": 0}, {"rate": -1}, {"start": -1}, {"count": 0}, {"rate": float("nan")}):
        with pytest.raises(ValueError, match=r"start|count"):
            read_frames(ten_seconds, **options)


def test_bad_videos_say_nothing_beside_the_error(tmp_path):
    """FFmpeg would fill the notebook with lines of its own."""
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(5000))
    program = (
        "import sys; from course_utils.media import MediaError, read_frames\n"
        "try:\n    read_frames(sys.argv[1])\nexcept MediaError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "bad.mp4")],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "bad.mp4" in done.stdout and done.stderr == ""


# ---- memory ----


def test_too_many_frames_at_once_are_refused(ten_seconds, monkeypatch):
    monkeypatch.setattr(frames, "MAX_BYTES", 1_000_000)
    assert_refused(ten_seconds, "more frames than fit into memory", "iterate_frames")
    assert_refused(ten_seconds, "more frames than fit into memory", count=1000)
    assert len(read_frames(ten_seconds, count=5)) == 5


def test_iterating_holds_only_a_few_frames(ten_seconds):
    tracemalloc.start()
    count = sum(1 for _ in iterate_frames(ten_seconds))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 160 and peak < 10 * 96 * 160 * 3
