"""Media files in, pictures and waveforms out.

Every file that cannot be used raises `MediaError`: one sentence that names the file, says what is
wrong and what to do about it.
"""

from __future__ import annotations

import errno
import io
import math
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Formats that Pillow decodes by itself, so that a file never starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "MPO", "JPEG2000", "AVIF")
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif",
)  # fmt: skip

RATE = 16_000  # samples a second: what every waveform of the course has
SOUND_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff",
)  # fmt: skip
# What FFmpeg may take a file for: media only, no playlist that could lead to other files.
CONTAINERS = (
    "mov,mp4,matroska,webm,avi,mp3,wav,flac,ogg,aac,asf,mpegts,mpeg,flv,aiff,amr,caf,w64,ac3,3gp"
)
MAX_MINUTES = 30  # of sound at once; about 115 MB as a waveform

MAX_PIXELS = 150_000_000  # larger than a phone's photo; about 600 MB once decoded
MAX_ASPECT = 50  # a longer strip would grow to millions of pixels when its short side is resized

# Pillow warns from 89 million pixels on. `read_image` has a limit and words of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class MediaError(ValueError):
    """A media file that cannot be used.

    Attributes:
        path: the file, as it was given.
        problem: what is wrong with it, as the second half of a sentence.
        remedy: what to do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str):
        """Keep the parts; the message is all three in one sentence."""
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        super().__init__(f"{str(path)!r} {problem}; {remedy}.")

    def __reduce__(self):
        """Let the error travel between processes."""
        return type(self), (self.path, self.problem, self.remedy)


def check_file(path: str | Path) -> Path:
    """Return `path` if it is a file that can be opened and is not empty.

    Raises:
        MediaError: it is missing, a folder, empty, unreadable, or a link that leads nowhere.

    Introduced in notebook 1.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        if Path(path).is_symlink():
            raise MediaError(path, "is a link to a file that is gone", "copy the file") from None
        raise MediaError(
            path, "does not exist", "check the spelling and the folder you are in"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise MediaError(
                path, "is a link that leads back to itself", "delete it and copy the real file"
            ) from None
        reason = getattr(error, "strerror", None) or error
        raise MediaError(path, f"cannot be opened ({reason})", "rename or copy the file") from None
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(
            path, "is a folder, not a file", "use Catalog.from_folder to take all files in it"
        )
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(path, "is not an ordinary file", "copy its content into a file")
    if status.st_size == 0:
        raise MediaError(path, "is empty (0 bytes)", "copy or download it again")
    return Path(path)


def read_image(path: str | Path, *, draft_side: int | None = None) -> Image.Image:
    """Read a picture file as 8-bit RGB, the right way up.

    Photos are turned as their EXIF data says; transparency is laid on white; greyscale, palette,
    CMYK and 16-bit pictures are converted; of an animation the first frame is taken.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000 or AVIF file.
        draft_side: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size (the JPEG
            decoder does this almost for free), as long as its short side stays at least this
            many pixels. A large photo is then read several times as fast.

    Returns:
        A `PIL.Image.Image` of mode RGB, width x height pixels, values 0 to 255.

    Raises:
        MediaError: the file is missing, broken, not a picture, or too large.

    Source: https://pillow.readthedocs.io/en/stable/reference/Image.html
    Introduced in notebook 1.
    """
    path = check_file(path)
    Image.init()
    try:
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as picture:
            _check_size(path, *picture.size)
            if draft_side:
                picture.draft("RGB", (draft_side, draft_side))
            picture.load()
            return _to_rgb(_upright(picture))
    except MediaError:
        raise
    except UnidentifiedImageError:
        raise MediaError(
            path,
            "is not a picture that can be read here, whatever its name says",
            "open it in a picture program and save it as JPEG or PNG",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(path) from None
    except PermissionError:
        raise MediaError(path, "may not be read by you", "change its permissions") from None
    except MemoryError:
        raise MediaError(path, "does not fit into memory", "make the picture smaller") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise MediaError(
            path, f"is damaged or cut short ({error})", "copy or download it again"
        ) from None


def _too_many_pixels(path: Path) -> MediaError:
    limit = MAX_PIXELS // 1_000_000
    return MediaError(
        path, f"has more than {limit} million pixels", "save a smaller copy and use that"
    )


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(path)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise MediaError(
            path,
            f"is a strip of {width} x {height} pixels",
            f"crop it: the long side may be at most {MAX_ASPECT} times the short one",
        )


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a photo as its EXIF data says; broken EXIF data does not make a photo unusable."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # raised for damaged EXIF data in many ways
        return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB."""
    if picture.mode.startswith("I;16"):  # 16 bits a pixel: keep the upper 8
        picture = Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):  # 32 bits a pixel have no fixed range: stretch to 0..255
        values = np.asarray(picture, dtype=np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        picture = Image.fromarray(np.uint8(255 * (values - low) / (high - low or 1)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def jpeg_bytes(picture: Image.Image, side: int, quality: int = 80) -> bytes:
    """Return a JPEG copy of `picture` whose longer side is at most `side` pixels.

    Introduced in notebook 1 (the gallery's thumbnails).
    """
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


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
