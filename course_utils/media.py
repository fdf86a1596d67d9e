"""Media files in, pictures, frames and waveforms out.

Every file that cannot be used raises `MediaError`: one sentence that names the file, says what is
wrong and what to do about it.
"""

from __future__ import annotations

import errno
import io
import math
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SAMPLE_RATE = 16_000  # samples a second: what every waveform of the course has
READING = "2"  # the version of the reading rules
FORMATS = {
    "image": (
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".jp2",
        ".avif",
    ),
    "video": (
        ".mp4",
        ".m4v",
        ".mov",
        ".webm",
        ".mkv",
        ".avi",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
        ".3gp",
        ".mts",
        ".ogv",
    ),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff"),
}


def displayable(name) -> str:
    """Return a file's name in a form in which it may go into figures, HTML and JSON."""
    return os.fsencode(str(name)).decode(errors="replace")


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


def one_error(errors: list[MediaError], total: int) -> MediaError:
    """Return one error for all unusable ones of `total` files.

    Introduced in notebook 1.
    """
    if len(errors) == 1:
        return errors[0]
    listed = "\n".join(f"  {error}" for error in errors)
    return MediaError(
        errors[0].path,
        f"and {len(errors) - 1} more of {total} files cannot be used",
        f"each for its own reason:\n{listed}\nRemove them or pass a list as `problems`",
    )


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


# Formats that Pillow decodes by itself, so that a file never starts another program.
PICTURES = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "MPO", "JPEG2000", "AVIF")

MAX_PIXELS = 150_000_000  # larger than a phone's photo; about 600 MB once decoded
MAX_ASPECT = 50  # a longer strip would grow to millions of pixels when its short side is resized

# Pillow warns from 89 million pixels on. `read_image` has a limit and words of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


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
        with Image.open(path, formats=[name for name in PICTURES if name in Image.OPEN]) as picture:
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
    if rate == SAMPLE_RATE:
        return np.ascontiguousarray(sound, dtype=np.float32)
    import torch
    from torchaudio.functional import resample

    if (
        math.gcd(rate, SAMPLE_RATE) < 25
    ):  # odd rates such as 44,099 would need a filter of gigabytes
        rate = max(100, 100 * round(rate / 100))
    return resample(torch.from_numpy(np.ascontiguousarray(sound)), rate, SAMPLE_RATE).numpy()


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


MARGIN = 1.0  # seconds: how far before the wanted moment reading begins
MAX_BYTES = 2_000_000_000  # of frames at once
HAIR = 1e-4  # seconds: timestamps are rounded, some to whole milliseconds

# Films only: a playlist, or a list of files to be joined, could lead to other files.
FILMS = f"{CONTAINERS},gif,h264,hevc,m4v,mpegvideo,mjpeg,dv,mxf"

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # the same for FFmpeg: it reads this once
os.environ.setdefault(
    "OPENCV_FFMPEG_CAPTURE_OPTIONS", f"format_whitelist;{FILMS}|protocol_whitelist;file"
)


class _Film:
    """An opened video that knows at which second each frame is shown."""

    def __init__(self, path: Path):
        import cv2

        self.path, self.cv2 = path, cv2
        cv2.utils.logging.setLogLevel(0)  # what goes wrong is told by MediaError, in words
        # FFmpeg alone: OpenCV's other readers would take a file name for a camera or a pattern.
        self.capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
        if not self.capture.isOpened():
            raise _why_not(path)
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0.1 <= rate <= 1000 else 25.0  # also false for NaN
        self.seconds = -1 / self.rate

    def claimed_seconds(self) -> float:
        """Return how long the file says it is; 0 if it says nothing that could be true."""
        seconds = self.capture.get(self.cv2.CAP_PROP_FRAME_COUNT) / self.rate
        return seconds if 0 < seconds < 200 * 3600 else 0.0

    def jump(self, seconds: float) -> None:
        """Go to a little before a moment, or to wherever the file lets us."""
        self.capture.set(self.cv2.CAP_PROP_POS_MSEC, 1000 * seconds)

    def grab(self) -> bool:
        """Decode the next frame; False at the end."""
        if not self.capture.grab():
            return False
        stamp = self.capture.get(self.cv2.CAP_PROP_POS_MSEC) / 1000
        # Files without timestamps say 0 for every frame: there the rate has to do.
        self.seconds = stamp if stamp > self.seconds else self.seconds + 1 / self.rate
        return True

    def picture(self) -> np.ndarray | None:
        """Return the decoded frame as RGB (height, width, 3); None if it is damaged."""
        found, frame = self.capture.retrieve()
        if not found or frame is None:
            return None
        if frame.ndim == 2:
            return self.cv2.cvtColor(frame, self.cv2.COLOR_GRAY2RGB)
        return self.cv2.cvtColor(frame, self.cv2.COLOR_BGR2RGB)  # OpenCV has blue first


@contextmanager
def _opened(path: Path) -> Iterator[_Film]:
    film = _Film(path)
    try:
        yield film
    except film.cv2.error as error:
        reason = str(error).splitlines()[0]
        raise MediaError(path, f"cannot be decoded ({reason})", "convert it to MP4") from None
    finally:
        film.capture.release()


def _why_not(path: Path) -> MediaError:
    """Say why OpenCV could not open a file: it only answers yes or no."""
    import av

    try:
        with path.open("rb"):
            pass
    except PermissionError:
        return MediaError(path, "may not be read by you", "change its permissions")
    try:
        options = {"format_whitelist": FILMS, "protocol_whitelist": "file"}
        with av.open(str(path.resolve()), options=options) as container:
            if not container.streams.video:
                return MediaError(
                    path, "has sound but no pictures in it", "use a video, or take it as a sound"
                )
        problem = "holds no frames that can be decoded"
    except Exception:  # PyAV raises its own errors, OSError, ValueError, ...
        problem = "is not a video that can be read here, or is cut short"
    return MediaError(path, problem, "copy it again or convert it to MP4 (H.264)")


def iterate_frames(
    path: str | Path, *, rate: float | None = None, start: float = 0.0
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frames of a video one after the other, so that memory does not grow with it.

    Args:
        path: the file.
        rate: how many frames a second to take. At each moment it is the frame that a viewer would
            see: a film with fewer frames a second gives some of them twice. None takes every
            frame once.
        start: where to begin, in seconds. What lies before is skipped, not decoded, where the
            file allows.

    Yields:
        The moment in seconds, and the frame as uint8 RGB of shape (height, width, 3), turned the
        way that the camera's rotation mark says.

    Raises:
        MediaError: the file is missing, broken, or has no pictures in it.
        ValueError: `rate` is not positive or `start` is negative.

    Source: https://docs.opencv.org/4.x/d8/dfe/classcv_1_1VideoCapture.html
    Introduced in notebook 2.
    """
    if not start >= 0 or (rate is not None and not 0 < rate < math.inf):
        raise ValueError(f"start is {start} and rate {rate}; start may be 0, both not negative.")
    path = check_file(path)
    if start > MARGIN:
        with _opened(path) as film:
            film.jump(start - MARGIN)
            if film.grab() and film.seconds <= start:  # else the file cannot be trusted to jump
                yield from _from_here(film, rate, start)
                return
    with _opened(path) as film:
        if film.grab():
            yield from _from_here(film, rate, start)


def _from_here(film: _Film, rate: float | None, start: float) -> Iterator:
    """Yield frames from the one just grabbed to the end."""
    shown, taken, more = None, 0, True
    while more:
        seconds = film.seconds
        moment = start if rate is None else start + taken / rate
        if moment < seconds + MARGIN:  # may be wanted; nothing is converted for long before it is
            picture = film.picture()
            shown = shown if picture is None else picture
        more = film.grab()
        until = film.seconds if more else seconds + 1 / film.rate  # how long this frame is shown
        if shown is None:
            continue
        if rate is None:
            if seconds >= start - HAIR:
                yield seconds, shown
            continue
        while start + taken / rate < until - HAIR:
            yield start + taken / rate, shown
            taken += 1


def read_frames(
    path: str | Path, *, rate: float | None = None, start: float = 0.0, count: int | None = None
) -> np.ndarray:
    """Read frames of a video at equal distances in time.

    Where the video ends before `count` frames are found, the last one found is repeated, as if the
    player had stopped; a video of one frame gives `count` times that frame.

    Args:
        path: the file.
        rate: how many frames a second to take; None takes every frame there is.
        start: where to begin, in seconds.
        count: how many frames to return; None reads to the end.

    Returns:
        uint8 RGB of shape (frames, height, width, 3), values 0 to 255.

    Raises:
        MediaError: the file is missing, broken, has no pictures in it, ends before `start`, or
            the frames would take more than 2 GB of memory.
        ValueError: `rate` or `count` is not positive or `start` is negative.

    Source: https://docs.opencv.org/4.x/d8/dfe/classcv_1_1VideoCapture.html
    Introduced in notebook 2.
    """
    if count is not None and count < 1:
        raise ValueError(f"count is {count}; ask for at least one frame.")
    frames: list[np.ndarray] = []
    for _, frame in islice(iterate_frames(path, rate=rate, start=start), count):
        if frames and frame.shape != frames[0].shape:  # some recorders change size in mid-film
            import cv2

            frame = cv2.resize(frame, frames[0].shape[1::-1], interpolation=cv2.INTER_AREA)
        frames.append(frame)
        if (len(frames) if count is None else count) * frame.nbytes > MAX_BYTES:
            raise MediaError(
                path,
                "has more frames than fit into memory at once",
                "ask for fewer with rate and count, or use iterate_frames",
            )
    if not frames:
        what = f"ends before {start:g} s" if start else "holds no frames that can be decoded"
        raise MediaError(path, what, "watch it in a player and choose another part or file")
    return np.stack(frames + frames[-1:] * ((count or 0) - len(frames)))


def video_seconds(path: str | Path) -> float:
    """Return how long a video really is, in seconds: up to the end of its last decodable frame.

    What the file claims is only used to look near its end first.

    Raises:
        MediaError: the file is missing, broken, or has no pictures in it.

    Introduced in notebook 2.
    """
    path = check_file(path)
    with _opened(path) as film:
        claimed = film.claimed_seconds()
        if claimed > 2 * MARGIN:
            film.jump(claimed - MARGIN)
            if film.grab() and film.seconds > MARGIN / 2:
                while film.grab():
                    pass
                return film.seconds + 1 / film.rate
    with _opened(path) as film:  # the claim is wrong or of no use: count
        if not film.grab():
            raise MediaError(
                path, "holds no frames that can be decoded", "copy it again or convert it to MP4"
            )
        while film.grab():
            pass
        return film.seconds + 1 / film.rate


def kind_of(path: str | Path) -> str:
    """Return what a file is, by its content: `image`, `video` or `audio`.

    An animated GIF is a video, a video file without pictures is a sound, and the cover picture of
    a song does not make it a video.

    Raises:
        MediaError: the file is missing, empty, or none of the three.

    Introduced in notebook 4.
    """
    path = check_file(path)
    Image.init()
    try:
        with Image.open(path, formats=[name for name in PICTURES if name in Image.OPEN]) as picture:
            moves = picture.format == "GIF" and getattr(picture, "n_frames", 1) > 1
            return "video" if moves else "image"
    except Exception:  # not a picture; Pillow says so in many ways
        pass
    if streams := _streams(path):
        return "video" if "video" in streams else "audio"
    # Nothing that is known: the reader for which it is named says why, in words, or knows better.
    for kind, suffixes, read in (
        ("image", FORMATS["image"], read_image),
        ("video", FORMATS["video"], video_seconds),
        ("audio", FORMATS["audio"], read_waveform),
    ):
        if path.suffix.lower() in suffixes:
            read(path)
            return kind
    raise MediaError(
        path,
        "is neither a picture nor a video nor a sound that can be read here",
        "save it as JPEG, MP4 or WAV",
    )


def _streams(path: Path) -> set[str]:
    """Return which of `video` and `audio` FFmpeg finds in a file, without cover pictures."""
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        with path.open("rb") as file:
            # Without its name, from which FFmpeg would guess: any text named .flac is FLAC to it.
            nameless = SimpleNamespace(name="", read=file.read, seek=file.seek, tell=file.tell)
            with av.open(nameless, options=options) as container:
                covers = av.stream.Disposition.attached_pic
                return {
                    stream.type
                    for stream in container.streams
                    if stream.type in ("video", "audio") and not stream.disposition & covers
                }
    except Exception:  # PyAV raises its own errors, OSError, ValueError, ...
        return set()
