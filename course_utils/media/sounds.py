"""Sound files and soundtracks in, waveforms out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from course_utils.media.files import MediaError, check_file

RATE = 16_000  # samples a second: what every waveform of the course has
SOUND_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff",
)  # fmt: skip
# What FFmpeg may take a file for: media only, no playlist that could lead to other files.
CONTAINERS = (
    "mov,mp4,matroska,webm,avi,mp3,wav,flac,ogg,aac,asf,mpegts,mpeg,flv,aiff,amr,caf,w64,ac3,3gp"
)
MAX_MINUTES = 30  # of sound at once; about 115 MB as a waveform


def read_waveform(
    path: str | Path, *, start: float = 0.0, duration: float | None = None
) -> np.ndarray:
    """Read a sound file, or the soundtrack of a video, as one channel at 16,000 samples a second.

    Channels are averaged. WAV, FLAC, Ogg, MP3 and AIFF are read by soundfile, everything else
    (M4A, MP4, WebM, ...) by PyAV; both bring their decoders with them. torchaudio resamples.

    Args:
        path: the file.
        start: where to begin, in seconds. The sound before it is skipped, not decoded, where the
            format allows.
        duration: how many seconds to read at most; None reads to the end.

    Returns:
        float32 of shape (samples,), values -1 to 1. A sound that is louder than that (files of
        floating-point numbers can be) is scaled down to it.

    Raises:
        MediaError: the file is missing, broken, holds no sound, or is too long to read at once.
        ValueError: `start` is negative or `duration` is not positive.

    Source: https://python-soundfile.readthedocs.io, https://pyav.basswood-io.com
    Introduced in notebook 3.
    """
    if start < 0 or (duration is not None and not duration > 0):
        raise ValueError(f"start is {start} and duration {duration}; both must be positive.")
    path = check_file(path)
    try:
        sound, rate = _with_soundfile(path, start, duration)
    except MediaError:
        raise
    except PermissionError:
        raise MediaError(path, "may not be read by you", "change its permissions") from None
    except Exception:  # not one of soundfile's formats, or damaged: FFmpeg has the last word
        sound, rate = _with_av(path, start, duration)
    if not 1_000 <= rate <= 768_000:
        raise MediaError(path, f"claims to have {rate} samples a second", "record or copy it again")
    if not len(sound):
        what = f"ends before {start:g} s" if start else "holds no sound"
        raise MediaError(path, what, "listen to it in a player and choose another part or file")
    sound = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    return _full_scale(_resample(_full_scale(sound), rate))


def _full_scale(sound: np.ndarray) -> np.ndarray:
    """Scale down what goes beyond -1..1."""
    peak = np.abs(sound).max()
    return sound / peak if peak > 1 else sound


def _resample(sound: np.ndarray, rate: int) -> np.ndarray:
    if rate == RATE:
        return np.ascontiguousarray(sound, dtype=np.float32)
    import torch
    from torchaudio.functional import resample

    if math.gcd(rate, RATE) < 25:  # odd rates such as 44,099 would need a filter of gigabytes
        rate = max(100, 100 * round(rate / 100))
    return resample(torch.from_numpy(np.ascontiguousarray(sound)), rate, RATE).numpy()


def _too_long(path: Path) -> MediaError:
    return MediaError(
        path,
        f"has more than {MAX_MINUTES} minutes of sound",
        "read a part of it with start and duration, or cut it",
    )


def _with_soundfile(path: Path, start: float, duration: float | None) -> tuple[np.ndarray, int]:
    """Return (samples, rate), channels averaged, reading a second at a time."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        if start:
            file.seek(min(round(start * rate), file.frames))
        wanted = math.inf if duration is None else max(1, round(duration * rate))
        limit = MAX_MINUTES * 60 * rate
        parts, count = [], 0
        while count < wanted:
            block = file.read(int(min(rate, wanted - count)), dtype="float32", always_2d=True)
            if not len(block):  # the end; what a damaged header promises does not count
                break
            parts.append(block.mean(axis=1))
            count += len(block)
            if count > limit:
                raise _too_long(path)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32), rate


def _with_av(path: Path, start: float, duration: float | None) -> tuple[np.ndarray, int]:
    """Return (samples, rate), channels averaged, of whatever FFmpeg can decode."""
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    parts, count, rate = [], 0, 0
    try:
        with av.open(str(path.resolve()), options=options) as container:
            if not container.streams.audio:
                raise MediaError(path, "has no sound in it", "use a file with a soundtrack")
            stream = container.streams.audio[0]
            rate = stream.rate
            wanted = math.inf if duration is None else max(1, round(duration * rate))
            limit = MAX_MINUTES * 60 * rate
            if start:
                container.seek(int(start * av.time_base))  # to a little before `start`
            converter = av.AudioResampler(format="fltp")
            skip = None
            for frame in container.decode(stream):
                for piece in converter.resample(frame):
                    block = piece.to_ndarray().mean(axis=0)
                    if skip is None:  # how many samples lie between here and `start`
                        skip = max(0, round((start - (frame.time or 0.0)) * rate)) if start else 0
                    kept = block[skip:]
                    skip -= len(block) - len(kept)
                    parts.append(kept)
                    count += len(kept)
                if count >= wanted:
                    break
                if count > limit:
                    raise _too_long(path)
    except MediaError:
        raise
    except PermissionError:
        raise MediaError(path, "may not be read by you", "change its permissions") from None
    except Exception as error:  # PyAV raises its own errors, OSError, ValueError, ...
        what = "is damaged or cut short" if parts else "is not a sound that can be read here"
        raise MediaError(
            path,
            f"{what} ({getattr(error, 'strerror', None) or error})",
            "open it in a sound program and save it as WAV",
        ) from None
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return (sound if duration is None else sound[: int(wanted)]), rate
