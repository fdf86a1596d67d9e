"""Every odd or broken sound gives either the right waveform or an error that names the file."""

import os
import sys
import tracemalloc

import av
import numpy as np
import pytest
import soundfile

from course_utils import media
from course_utils.media import RATE, MediaError, read_waveform


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def loudest_hertz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / RATE)[spectrum.argmax()])


def write_av(path, sound=None, rate=48000, codec="aac", picture=False):
    """Write a file with FFmpeg: a sound, a picture track, or both."""
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=8)
            video.width = video.height = 64
        if sound is not None:
            audio = container.add_stream(codec, rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(
                sound.astype(np.float32)[None], format="fltp", layout="mono"
            )
            frame.sample_rate = rate
            for packet in [*audio.encode(frame), *audio.encode(None)]:
                container.mux(packet)
        if picture:
            blank = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            for packet in [*video.encode(blank), *video.encode(None)]:
                container.mux(packet)
    return path


def assert_refused(path, *words: str, **options) -> None:
    with pytest.raises(MediaError) as caught:
        read_waveform(path, **options)
    message = str(caught.value)
    assert repr(str(path)) in message and len(message.splitlines()) == 1
    assert caught.value.problem and message.endswith(f"; {caught.value.remedy}.")
    for word in words:
        assert word in message


# ---- rates, depths, channels, formats ----


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44099, 44100, 48000, 96000])
def test_every_rate_becomes_16_khz(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    sound = read_waveform(tmp_path / "a.wav")
    assert sound.dtype == np.float32 and sound.shape == pytest.approx((RATE,), abs=2)
    assert loudest_hertz(sound) == pytest.approx(440, abs=1)
    assert np.abs(sound[800:-800]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"]
)
def test_every_depth_has_the_same_level(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE, subtype=subtype)
    assert np.abs(read_waveform(tmp_path / "a.wav")).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_formats_of_soundfile(tmp_path, name):
    soundfile.write(tmp_path / name, tone(RATE), RATE)
    sound = read_waveform(tmp_path / name)
    assert len(sound) == pytest.approx(RATE, abs=2500)  # MP3 pads
    assert loudest_hertz(sound) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "a.mkv", "a.mov"])
def test_formats_of_pyav_and_soundtracks(tmp_path, name):
    path = write_av(tmp_path / name, tone(48000, 2), picture=name != "a.m4a")
    sound = read_waveform(path)
    assert len(sound) == pytest.approx(2 * RATE, abs=2000)
    assert loudest_hertz(sound) == pytest.approx(440, abs=2)


def test_channels_are_averaged(tmp_path):
    six = np.stack([tone(RATE, level=0.1 * i) for i in range(6)], axis=1)  # 5.1
    soundfile.write(tmp_path / "six.wav", six, RATE, subtype="FLOAT")
    assert np.abs(read_waveform(tmp_path / "six.wav")).max() == pytest.approx(0.25, abs=1e-3)
    out_of_phase = np.stack([tone(RATE), -tone(RATE)], axis=1)
    soundfile.write(tmp_path / "two.wav", out_of_phase, RATE, subtype="FLOAT")
    assert np.abs(read_waveform(tmp_path / "two.wav")).max() < 1e-6


def test_silence_and_a_single_sample_are_sounds(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert not read_waveform(tmp_path / "silence.wav").any()
    soundfile.write(tmp_path / "one.wav", np.array([0.5]), RATE, subtype="FLOAT")
    assert read_waveform(tmp_path / "one.wav").tolist() == [0.5]
    soundfile.write(tmp_path / "one8.wav", np.array([0.5]), 8000, subtype="FLOAT")
    assert read_waveform(tmp_path / "one8.wav").shape == (2,)


def test_too_loud_and_not_a_number_are_put_right(tmp_path):
    loud = 30000 * tone(RATE)
    loud[5] = np.nan
    loud[6] = np.inf
    soundfile.write(tmp_path / "a.wav", loud, RATE, subtype="FLOAT")
    sound = read_waveform(tmp_path / "a.wav")
    assert np.isfinite(sound).all() and np.abs(sound).max() == pytest.approx(1.0)


def test_names_may_hold_anything(tmp_path):
    path = tmp_path / "Übung 🎵 #1 %20.wav"
    soundfile.write(path, tone(RATE), RATE)
    assert len(read_waveform(path)) == RATE
    moved = path.rename(tmp_path / "ñ é.m4a")  # a WAV, whatever its name says
    assert len(read_waveform(moved)) == RATE


# ---- a part of a file ----


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.m4a"])
def test_start_and_duration(tmp_path, name):
    rate = 48000
    steps = np.concatenate([tone(rate, 1, hertz) for hertz in (300, 600, 900, 1200)])
    if name == "a.m4a":
        write_av(tmp_path / name, steps, rate)
    else:
        soundfile.write(tmp_path / name, steps, rate)
    part = read_waveform(tmp_path / name, start=2.1, duration=0.8)
    assert len(part) == pytest.approx(0.8 * RATE, abs=1)
    assert loudest_hertz(part) == pytest.approx(900, abs=3)
    last = read_waveform(tmp_path / name, start=3.1)
    assert len(last) == pytest.approx(0.9 * RATE, abs=1000)
    assert loudest_hertz(last) == pytest.approx(1200, abs=3)


def test_a_part_of_a_long_file_takes_little_memory(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(RATE * 600, np.int16), RATE)
    tracemalloc.start()
    read_waveform(tmp_path / "long.wav", start=300, duration=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6  # the whole file would be 38 MB


def test_a_start_beyond_the_end_is_said(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    assert_refused(tmp_path / "a.wav", "ends before 5 s", start=5)
    assert_refused(write_av(tmp_path / "a.m4a", tone(48000)), "ends before 5 s", start=5)
    for start, duration in ((-1, None), (0, 0), (0, -1), (0, float("nan"))):
        with pytest.raises(ValueError, match="must be positive"):
            read_waveform(tmp_path / "a.wav", start=start, duration=duration)


def test_hours_of_sound_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(media.sounds, "MAX_MINUTES", 0.05)
    soundfile.write(tmp_path / "a.wav", tone(RATE, 5), RATE)
    assert_refused(tmp_path / "a.wav", "minutes of sound", "start and duration")
    assert_refused(write_av(tmp_path / "a.m4a", tone(48000, 5)), "minutes of sound")
    assert len(read_waveform(tmp_path / "a.wav", duration=1)) == RATE


# ---- files that are no sound ----


def test_missing_folder_empty(tmp_path):
    assert_refused(tmp_path / "nowhere.wav", "does not exist")
    assert_refused(tmp_path, "is a folder")
    (tmp_path / "empty.wav").touch()
    assert_refused(tmp_path / "empty.wav", "is empty")


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="POSIX only")
def test_a_file_that_may_not_be_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    (tmp_path / "a.wav").chmod(0)
    if os.access(tmp_path / "a.wav", os.R_OK):
        pytest.skip("this user may read everything")
    assert_refused(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.txt", "a.raw", "a"])
def test_text_under_any_name(tmp_path, name):
    (tmp_path / name).write_text("Life is beautiful. " * 100)
    assert_refused(tmp_path / name, "is not a sound")


def test_a_playlist_never_leads_to_other_files(tmp_path):
    soundfile.write(tmp_path / "secret.wav", tone(RATE), RATE)
    for name, text in (
        ("list.m3u8", "#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile secret.wav\n"),
    ):
        (tmp_path / name).write_text(text)
        assert_refused(tmp_path / name, "is not a sound")


def test_a_picture_and_a_silent_film(tmp_path):
    from PIL import Image

    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    assert_refused(tmp_path / "a.jpg", "is not a sound")
    assert_refused(write_av(tmp_path / "a.mp4", picture=True), "has no sound in it")


def test_no_samples_at_all(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    assert_refused(tmp_path / "a.wav", "no sound")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_a_corrupted_header_is_an_error_or_a_waveform(tmp_path, name):
    soundfile.write(tmp_path / name, tone(RATE), RATE)
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(0, 60, 4):
            broken[place] = rng.integers(256)
        (tmp_path / name).write_bytes(broken)
        try:
            sound = read_waveform(tmp_path / name)
        except MediaError as error:
            assert repr(str(tmp_path / name)) in str(error)
        else:
            assert sound.dtype == np.float32 and np.isfinite(sound).all()
            assert np.abs(sound).max() <= 1


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.m4a"])
def test_a_cut_file_is_an_error_or_what_is_left(tmp_path, name):
    if name == "a.m4a":
        write_av(tmp_path / name, tone(48000, 2))
    else:
        soundfile.write(tmp_path / name, tone(RATE, 2), RATE)
    whole = (tmp_path / name).read_bytes()
    for share in (0.02, 0.3, 0.6, 0.95):
        (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
        try:
            assert len(read_waveform(tmp_path / name)) <= 2 * RATE + 2000
        except MediaError as error:
            assert repr(str(tmp_path / name)) in str(error)


def test_a_header_that_promises_too_much(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[40:44] = (2**31).to_bytes(4, "little")  # the length of the data chunk
    (tmp_path / "a.wav").write_bytes(data)
    assert len(read_waveform(tmp_path / "a.wav")) == pytest.approx(RATE, abs=10)
