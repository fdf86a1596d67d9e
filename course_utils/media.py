"""Media files in; pictures, frames and waveforms out.

Every file that cannot be used raises `MediaError`: one sentence that names the file, says what is
wrong and what to do about it. What a file is its content decides, never its name.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import unicodedata
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

READING = "2"  # the version of the reading rules: raised when a file may come out differently
SAMPLE_RATE = 16_000  # samples a second: what every waveform of the course has
MAX_PIXELS = 150_000_000  # of a picture once it is decoded; about 600 MB
MAX_ASPECT = 50  # a longer strip would grow to millions of pixels when its short side is resized
MAX_BYTES = 2_000_000_000  # of frames at once
MAX_MINUTES = 30  # of sound at once; about 115 MB as a waveform
MARGIN = 1.0  # seconds: how far before the wanted moment reading begins, how much may be missing
HAIR = 1e-4  # seconds: timestamps are rounded, some to whole milliseconds

# Formats that Pillow decodes by itself, so that a file never starts another program.
PICTURES = "JPEG PNG WEBP GIF BMP DIB TIFF PPM MPO JPEG2000 AVIF".split()
HEIC = ".heic .heif .hif".split()  # phones' photos: Pillow reads them once pillow-heif is installed
# What FFmpeg may take a file for: media only, no playlist that could lead to other files.
CONTAINERS = (
    "mov,mp4,matroska,webm,avi,mp3,wav,flac,ogg,aac,asf,mpegts,mpeg,flv,aiff,amr,caf,w64,ac3,3gp,"
    "au,gif,apng,h264,hevc,m4v,mpegvideo,mjpeg,dv,mxf"
)
# The one list of formats: what a file in a folder is taken for.
FORMATS = {
    "image": ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm "
    ".pnm .jp2 .avif " + " ".join(HEIC if find_spec("pillow_heif") else []),
    "video": ".mp4 .m4v .mov .qt .webm .mkv .avi .mpg .mpeg .m2v .vob .wmv .flv .f4v .3gp .3g2 "
    ".mts .m2ts .ogv .mxf .dv",
    "audio": ".wav .flac .ogg .oga .opus .mp3 .mp2 .m4a .m4b .aac .ac3 .aif .aiff .aifc .wma .caf "
    ".mka .weba .w64 .au .amr",
}
FORMATS = {kind: tuple(suffixes.split()) for kind, suffixes in FORMATS.items()}
ANEW = "copy it again, or save it as JPEG, MP4 (H.264) or WAV"  # what helps most often
WORDS = {"image": "picture", "video": "video", "audio": "sound"}

# Pillow refuses twice as many pixels as this (a JPEG may have more than MAX_PIXELS: it can be read
# at a half, a quarter, an eighth), and would call a picture damaged for more than 1 MB of text.
Image.MAX_IMAGE_PIXELS = 250_000_000
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 64 << 20


class MediaError(ValueError):
    """A media file that cannot be used.

    Attributes:
        path: the file, as it was given.
        problem: what is wrong with it, as the second half of a sentence.
        remedy: what to do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str = ANEW):
        """Keep the parts; the message is all three in one sentence."""
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        super().__init__(f"{str(path)!r} {problem}; {remedy}.")

    def __reduce__(self):
        """Let the error travel between processes."""
        return type(self), (self.path, self.problem, self.remedy)


class NoSoundError(MediaError):
    """A film without a soundtrack, which is no fault of the film."""


def one_error(errors: list[MediaError], total: int) -> MediaError:
    """Return one error for all unusable ones of `total` files."""
    if len(errors) == 1:
        return errors[0]
    listed = "\n".join(f"  {error}" for error in errors)
    what = f"and {len(errors) - 1} more of {total} files cannot be used"
    advice = f"each for its own reason:\n{listed}\nRemove them or pass a list as `problems`"
    return MediaError(errors[0].path, what, advice)


def displayable(name: str | Path) -> str:
    """Return a file's name in a form that figures, HTML and JSON take.

    Bytes that are no text become a question mark in a diamond, control characters a space; marks
    that would turn the direction of text are left out. HTML in it stays: who shows it escapes it.
    """
    if (text := str(name)).isprintable():  # nearly all are
        return text
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    text = re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    return "".join(" " if unicodedata.category(x) in ("Cc", "Zl", "Zp") else x for x in text)


def check_file(path: str | Path) -> Path:
    """Return `path` if it is a file that can be opened and is not empty.

    Raises:
        MediaError: it is missing, a folder, empty, unreadable, or a link that leads nowhere.
    """
    path = Path(path)
    try:
        status = path.stat()
        if ordinary := stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except (OSError, ValueError, RuntimeError) as error:
        what = f"cannot be opened ({getattr(error, 'strerror', None) or error})"
        if isinstance(error, FileNotFoundError):
            what = "is a link to a file that is gone" if path.is_symlink() else "does not exist"
        raise MediaError(path, what, "check its name, its folder and its permissions") from None
    if not ordinary:
        what = "is a folder, not a file" if path.is_dir() else "is not an ordinary file"
        raise MediaError(path, what, "name a file; Catalog.from_folder takes all in a folder")
    if status.st_size == 0:
        raise MediaError(path, "is empty (0 bytes)", "download it again")
    return path


def kind_of(path: str | Path) -> str:
    """Return what a file is, by its content: `image`, `video` or `audio`.

    A GIF or PNG that moves is a video, a video file without pictures is a sound, and the cover
    picture of a song does not make it a video.

    Raises:
        MediaError: the file is missing, empty, or none of the three.
    """
    path = check_file(path)
    formats = _formats(path)
    with suppress(Exception), Image.open(path, formats=formats):  # else it is not a picture
        return "video" if moves(path) else "image"
    for kind in ("video", "audio"):
        with suppress(MediaError), _opened(path, kind):
            return kind
    raise MediaError(path, "is neither a picture nor a video nor a sound that can be read here")


def moves(path: Path) -> bool:
    """Return whether a GIF or PNG is a film; False where that cannot be told."""
    with suppress(Exception), Image.open(path, formats=("GIF", "PNG")) as picture:
        return picture.is_animated
    return False


# ---- pictures ----


def read_image(path: str | Path, *, draft_side: int | None = None) -> Image.Image:
    """Read a picture file as 8-bit RGB, the right way up.

    Photos are turned as their EXIF data says; greyscale, palette, CMYK and 16-bit pictures are
    converted; of an animation the first frame is taken. Transparency is laid on white, or on grey
    where the picture would vanish in the white. Numbers of more than 8 bits are stretched to the
    range that the file states, or else to where nearly all of them lie.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000 or AVIF file; with pillow-heif
            installed also HEIC.
        draft_side: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, several times
            as fast, as long as its short side stays at least this many pixels. A JPEG of more
            than 150 million pixels is always read in this way.

    Returns:
        A `PIL.Image.Image` of mode RGB, width x height pixels, values 0 to 255.

    Raises:
        MediaError: the file is missing, broken, not a picture, or too large.

    Source: https://pillow.readthedocs.io/en/stable/reference/Image.html
    Introduced in notebook 1.
    """
    path = check_file(path)
    try:
        with Image.open(path, formats=_formats(path)) as picture:
            short, long = sorted(picture.size)
            least = math.ceil(math.sqrt(short * long / MAX_PIXELS))
            if draft_side or least > 1:
                side = min(draft_side or short, short // least)
                picture.draft("RGB", (side, side))
            if math.prod(picture.size) > MAX_PIXELS or long > MAX_ASPECT * short:
                advice = f"keep below {MAX_PIXELS:,} pixels and a shape of {MAX_ASPECT} to 1"
                raise MediaError(path, f"is too large: {picture.size} pixels", advice)
            deep = any(";16" in str(tile[3]) for tile in picture.tile)
            picture.load()
            with suppress(Exception):  # broken EXIF data does not make a photo unusable
                ImageOps.exif_transpose(picture, in_place=True)
            return _to_rgb(picture, deep)
    except MediaError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, ...
        raise MediaError(path, f"is not a picture that can be read here ({error})") from None


def jpeg_bytes(picture: Image.Image, side: int) -> bytes:
    """Return a JPEG copy of `picture` whose longer side is at most `side` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _formats(path: Path) -> list[str]:
    """Return what Pillow may take a file for; MediaError for a HEIC photo that cannot be read."""
    with path.open("rb") as file:
        start = file.read(16)
    if re.match(rb".{4}ftyp(he|mi|ms)", start, re.S) and b"avif" not in start:
        if not find_spec("pillow_heif"):
            advice = "save it as JPEG, or install the package pillow-heif"
            raise MediaError(path, "is a HEIC photo", advice)
        import pillow_heif

        pillow_heif.register_heif_opener()
        return ["HEIF"]
    Image.init()
    return [name for name in PICTURES if name in Image.OPEN]


def _to_rgb(picture: Image.Image, deep: bool) -> Image.Image:
    """Convert any Pillow mode to RGB; `deep` says that its colours have 16 bits in the file."""
    free = picture.mode == "F" or (picture.mode == "I" and picture.format == "TIFF")
    if free or picture.mode[0] == "I":
        return _stretched(picture, (1, 255, 65535) if free else (65535,)).convert("RGB")
    if not picture.has_transparency_data:
        picture = picture.convert("RGB")
        return _stretched(picture, (255,)) if deep else picture  # Pillow keeps the upper 8 bits
    picture = picture.convert("RGBA")
    alpha = np.asarray(picture)[..., 3]
    if not alpha.any():  # a forgotten channel: nothing at all would be seen
        return picture.convert("RGB")
    laid = _laid_on("white", picture)
    white = np.asarray(laid).min(axis=-1)[alpha > 0] >= 224
    if alpha.min() < 255 and white.mean() > 0.95:  # a white drawing on nothing
        return _laid_on("grey", picture)
    return laid


def _laid_on(color: str, picture: Image.Image) -> Image.Image:
    """Lay an RGBA picture on a colour: RGB."""
    ground = Image.new("RGBA", picture.size, color)
    return Image.alpha_composite(ground, picture).convert("RGB")


def _stretched(picture: Image.Image, ranges: tuple[int, ...]) -> Image.Image:
    """Return numbers of an unknown range as 0 to 255.

    The range is what the file states, else one of the usual `ranges` (0 to so much), else, where
    nearly all numbers lie within a quarter of that, as 12 bits in 16 do, where they lie.
    """
    values = np.array(picture, dtype=np.float32)
    some = values[:: 1 + len(values) // 1000, :: 1 + values.shape[1] // 1000]
    some = some[np.isfinite(some)] if np.isfinite(some).any() else np.zeros(1)
    low, high = np.percentile(some, (0.1, 99.9))
    if low == high:  # a few stars in the dark
        low, high = some.min(), some.max()
    known = [(0, full) for full in ranges if high - low >= full / 4 or high == low]
    tags = getattr(picture, "tag_v2", {})
    for least, most in ((280, 281), (340, 341)):  # TIFF's MinSampleValue and SMinSampleValue
        with suppress(TypeError, ValueError, IndexError):
            stated = float(np.ravel(tags.get(least))[0]), float(np.ravel(tags.get(most))[0])
            if math.log2(stated[1] + 1) not in (16, 32):  # what any file may say
                known.insert(0, stated)
    fitting = (x for x in known if x[0] <= low <= high <= x[1] and x[0] < x[1])
    low, high = next(fitting, (low, high))
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    values -= low
    values *= 255 / ((high - low) or 1)
    return Image.fromarray(np.rint(values.clip(0, 255, out=values), out=values).astype(np.uint8))


# ---- films and sounds: FFmpeg ----


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[_Stream]:
    """Open a film or sound with FFmpeg, which sees its content alone and no other file."""

    def seek(offset: int, whence: int = 0) -> int:
        try:
            return file.seek(offset, whence)
        except OSError:  # a damaged file leads to before its beginning
            return -1

    with path.open("rb") as file:
        # Without its name, from which FFmpeg would guess: any text named .flac is FLAC to it.
        nameless = SimpleNamespace(read=file.read, seek=seek, tell=file.tell)
        options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
        try:
            container = av.open(nameless, container_options=options, metadata_errors="replace")
        except Exception:  # PyAV raises its own errors, OSError, ValueError, ...
            raise MediaError(path, f"is not a {WORDS[kind]} that can be read here") from None
        with container:
            yield _Stream(path, kind, container, file)


class _Stream:
    """The moving pictures or the sound of an opened file, with the time that players show."""

    def __init__(self, path: Path, kind: str, container, file):
        film, sound = (container.streams.best(x) for x in ("video", "audio"))
        if film and film.disposition & av.stream.Disposition.attached_pic:  # the cover of a song
            film = None
        if kind == "video" and not film:
            raise MediaError(path, "has sound but no pictures in it", "take it as a sound")
        if kind == "audio" and not sound:
            raise NoSoundError(path, "has no sound in it", "use a file with a soundtrack")
        self.path, self.kind, self.container, self.file = path, kind, container, file
        self.stream = film if kind == "video" else sound
        both = [x for x in (film, sound) if x and x.start_time is not None]
        self.origin = float(min((x.start_time * x.time_base for x in both), default=0))
        length = float((self.stream.duration or 0) * self.stream.time_base)
        length = length or (container.duration or 0) / 1e6
        self.claimed = length if 0 < length < 200 * 3600 else 0.0  # what the file says; 0: nothing

    def seconds(self, timed) -> float | None:
        """Return when a packet or frame is to be shown."""
        stamp = timed.dts if timed.pts is None else timed.pts
        return None if stamp is None else float(stamp * self.stream.time_base) - self.origin

    def packets(self) -> Iterator:
        """Yield packets, and None at the end, for what the decoder still holds."""
        with suppress(av.FFmpegError, OSError):  # a reader that gives up; see `frames`
            ended = False
            while not ended:
                # PyAV stumbles over packets of a stream that begins in mid-film: go on behind them.
                with suppress(IndexError):
                    yield from self.container.demux(self.stream)
                    ended = True
        yield None

    def frames(self, jumped: bool) -> Iterator[tuple]:
        """Decode from where the file stands; nothing where that cannot be told after a jump.

        Yields:
            (second, frame, lost): `lost` says that something between it and the frame before could
            not be decoded. The last has no frame: its second is the end.
        """
        context, film = self.stream.codec_context, self.kind == "video"
        if context is None:
            raise MediaError(self.path, f"has {WORDS[self.kind]} coded in a way unknown here")
        context.thread_type, context.thread_count = "AUTO", min(4, os.cpu_count() or 1)
        # Half a picture is none; MPEG-TS calls packets damaged wherever two films are joined.
        whole = film and self.container.format.name != "mpegts"
        rate = float(getattr(self.stream, "guessed_rate", None) or 0)
        step = 1 / rate if 0.1 <= rate <= 1000 else 0.04
        second, end, still = -step, 0.0, 0.0  # of the last frame, and of the last empty packet
        good, bad, refused = 0, 0, []  # packets; the seconds of those to come that were refused
        ready = not jumped
        for packet in self.packets():
            told = packet and self.seconds(packet)
            if packet and not packet.size:  # an empty one means: still the same frame
                still = still if told is None else told
                continue
            ready = ready or packet is None or packet.is_keyframe
            if not ready:  # it builds on frames that are not there
                continue
            try:
                if whole and packet and packet.is_corrupt:
                    raise ValueError
                frames = context.decode(packet)
            except (av.FFmpegError, ValueError):
                frames, bad = [], bad + 1
                refused.append(told or 0.0)
            good += bool(frames)
            for frame in frames:
                stamp = self.seconds(frame)
                if stamp is None and jumped and not end:
                    return
                # Some files say nothing, or 0 for every frame: there the rate has to do.
                now = stamp if stamp is not None and stamp > second else second + step
                if film and frame.is_corrupt:
                    refused.append(now)
                    continue
                if not film:
                    step = frame.samples / max(1, frame.sample_rate)
                lost = any(x < now for x in refused)
                refused = [x for x in refused if x > now]
                shown = float((frame.duration or 0) * self.stream.time_base)
                second, end = now, now + (shown or step)
                yield now, frame, lost
        if jumped and not end:
            return
        if bad > good and not film:
            raise MediaError(self.path, "has sound, but it is damaged")
        # A reader that gave up: neither the time nor the bytes are at their end.
        size, last = self.path.stat().st_size, max(refused, default=0.0)
        if self.claimed - end > MARGIN and size - self.file.tell() > size / 10:
            last = self.claimed
        if last - end > MARGIN:
            raise _undecodable(self.path, end, last)
        yield max(min(end, self.claimed or end), second + step, still + step), None, False

    def rgb(self, frame) -> np.ndarray:
        """Return a decoded frame as RGB, the way that it is to be shown."""
        aspect = float(self.stream.sample_aspect_ratio or 1)
        width = round(frame.width * aspect) if 0.25 <= aspect <= 4 else frame.width
        clear = len(frame.format.components) in (2, 4)
        try:
            picture = frame.to_ndarray(width=width, format="rgba" if clear else "rgb24")
        except Exception as error:
            raise MediaError(self.path, f"has frames of an unknown form ({error})") from None
        if clear:
            picture = np.asarray(_laid_on("white", Image.fromarray(picture)))
        try:
            a, b, _, c, d, *_ = np.frombuffer(frame.side_data["DISPLAYMATRIX"], np.int32).tolist()
        except (KeyError, ValueError):
            return picture
        if abs(b) > abs(a):  # x and y change places
            picture, a, d = picture.swapaxes(0, 1), c, b
        return np.ascontiguousarray(picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _undecodable(path: Path, since: float, until: float) -> MediaError:
    return MediaError(path, f"cannot be decoded between second {since:.1f} and {until:.1f}")


def _frames(path: Path, kind: str, start: float = 0.0) -> Iterator[tuple]:
    """Yield (stream, second, frame, lost) from what is shown at `start` on, or from before it."""
    for back in (MARGIN, 15, start):  # where the nearest way fails, a longer one is taken
        with _opened(path, kind) as stream:
            # In a GIF each frame builds on those before.
            jumped = back < start and stream.container.format.name not in ("gif", "apng")
            if jumped:
                moment = int((start - back + stream.origin) / stream.stream.time_base)
                with suppress(av.FFmpegError, OSError):
                    stream.container.seek(moment, stream=stream.stream)
            frames = stream.frames(jumped)
            second, frame, lost = next(frames, (math.inf, None, False))
            if jumped and (frame is None or second > start + HAIR):
                continue
            if frame is None:
                raise MediaError(path, f"holds no {WORDS[kind]} that can be decoded")
            yield stream, second, frame, lost
            for found in frames:
                yield stream, *found
            return


# ---- films ----


def iterate_frames(
    path: str | Path, *, rate: float | None = None, start: float = 0.0
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frames of a video one after the other, so that memory does not grow with it.

    Arguments and errors are those of `read_frames`.

    Yields:
        The moment in seconds, and the frame as uint8 RGB of shape (height, width, 3).

    Source: https://pyav.basswood-io.com
    """
    if not start >= 0 or (rate is not None and not 0 < rate < math.inf):
        raise ValueError(f"start is {start} and rate {rate}; start may be 0, both not negative.")
    held, since, taken = None, 0.0, 0  # `held` is on screen from `since` to `until`
    for film, until, frame, lost in _frames(check_file(path), "video", start):
        if held is None:
            if lost and until - start > MARGIN:
                raise _undecodable(path, start, until)
        elif rate is None:
            if since >= start - HAIR:
                yield since, film.rgb(held)
        else:
            picture = None
            while (moment := start + taken / rate) < until - HAIR:
                if lost and min(moment - since, until - moment) > MARGIN:
                    raise _undecodable(path, since, until)
                picture = film.rgb(held) if picture is None else picture
                yield moment, picture
                taken += 1
        held, since = frame, until


def read_frames(
    path: str | Path, *, rate: float | None = None, start: float = 0.0, count: int | None = None
) -> np.ndarray:
    """Read frames of a video at equal distances in time.

    Timestamps decide which frame is taken, never a frame's number: frame counts and frame rates
    that files claim are often wrong, and some films have no constant rate at all. A packet that
    the decoder refuses costs that packet.

    Where the video ends before `count` frames are found, the last one found is repeated, as if the
    player had stopped; a video of one frame gives `count` times that frame.

    Args:
        path: the file.
        rate: how many frames a second to take. At each moment it is the frame that a viewer would
            see: a film with fewer frames a second gives some of them twice. None takes every
            frame once.
        start: where to begin, in seconds. What lies before is skipped, not decoded, where the
            file allows.
        count: how many frames to return; None reads to the end.

    Returns:
        uint8 RGB of shape (frames, height, width, 3), values 0 to 255; turned, mirrored and
        stretched the way that the file says.

    Raises:
        MediaError: the file is missing, broken, has no pictures in it, or ends before `start`; a
            wanted moment lies where more than a second cannot be decoded; or the frames would take
            more than 2 GB of memory.
        ValueError: `rate` or `count` is not positive or `start` is negative.

    Introduced in notebook 2.
    """
    if count is not None and count < 1:
        raise ValueError(f"count is {count}; ask for at least one frame.")
    frames: list[np.ndarray] = []
    for _, frame in islice(iterate_frames(path, rate=rate, start=start), count):
        if frames and frame.shape != frames[0].shape:  # some recorders change size in mid-film
            height, width, _ = frames[0].shape
            frame = np.asarray(Image.fromarray(frame).resize((width, height)))
        frames.append(frame)
        if (len(frames) if count is None else count) * frame.nbytes > MAX_BYTES:
            advice = "ask for fewer with rate and count"
            raise MediaError(path, "has more frames than fit into memory at once", advice)
    if not frames:
        raise MediaError(path, f"ends before {start:g} s", "choose another part of it")
    return np.stack(frames + frames[-1:] * ((count or 0) - len(frames)))


def video_seconds(path: str | Path) -> float:
    """Return how long a video really is, in seconds: up to the end of its last decodable frame.

    What the file claims is only used to look near its end first.

    Raises:
        MediaError: the file is missing, broken, or has no pictures in it.

    Introduced in notebook 4.
    """
    path = check_file(path)
    with _opened(path, "video") as film:
        near = max(0.0, film.claimed - MARGIN)
    return deque(_frames(path, "video", near), maxlen=1)[0][1]


# ---- sounds ----


def read_waveform(path: str | Path, *, duration: float = math.inf) -> np.ndarray:
    """Read a sound file, or the soundtrack of a video, as one channel at 16,000 samples a second.

    Channels are averaged; where they cancel each other out, the loudest is taken. A packet that
    the decoder refuses costs that packet.

    Args:
        path: the file.
        duration: how many seconds to read at most.

    Returns:
        float32 of shape (samples,), values -1 to 1. A sound that is louder than that (files of
        floating-point numbers can be) is scaled down to it; single samples that are absurd are
        cut off first.

    Raises:
        NoSoundError: it is a film without a soundtrack.
        MediaError: the file is missing, broken, holds no sound, or is too long to read at once.
        ValueError: `duration` is not positive.

    Source: https://pyav.basswood-io.com
    Introduced in notebook 3.
    """
    if not duration > 0:
        raise ValueError(f"duration is {duration}; it must be positive.")
    runs = _mixed(check_file(path), duration)
    parts = [_resampled(_full_scale(np.concatenate(blocks)), rate) for rate, blocks in runs]
    return _full_scale(np.concatenate(parts))


def _mixed(path: Path, duration: float, channel: int | None = None) -> list:
    """Return [(rate, blocks), ...]: the mean of a sound's channels, or one `channel`."""
    runs, taken, power, powers = [], 0.0, 0.0, np.zeros(1)
    for _, _, frame, _ in _frames(path, "audio"):
        if frame is None:
            break
        if not 1_000 <= (rate := frame.sample_rate) <= 768_000:
            raise MediaError(path, f"claims {rate} samples a second")
        block = _samples(frame)
        if not block.size:
            continue
        wanted = min(block.shape[1], (duration - taken) * rate)
        block = block[:, : max(1, round(wanted))]
        mixed = block.mean(axis=0) if channel is None else block[min(channel, len(block) - 1)]
        if not runs or runs[-1][0] != rate:  # some radio recordings change it
            runs.append((rate, []))
        runs[-1][1].append(mixed.astype(np.float32))
        power += mixed @ mixed
        powers = np.resize(powers, len(block)) + np.square(block).sum(axis=1)
        taken += block.shape[1] / rate
        if taken > duration - HAIR:
            break
        if taken > 60 * MAX_MINUTES:
            advice = "read its beginning with duration, or save a part of it as a file"
            raise MediaError(path, f"has more than {MAX_MINUTES} minutes of sound", advice)
    if not runs:
        raise MediaError(path, "holds no sound", "choose another file")
    # Channels that have nothing in common leave 1/n of their mean power.
    if channel is None and power < powers.mean() / (10 * len(powers)):
        return _mixed(path, duration, int(powers.argmax()))
    return runs


def _samples(frame) -> np.ndarray:
    """Return a decoded block of sound: float64 (channels, samples), -1 to 1 if it was so."""
    block = frame.to_ndarray()
    if not frame.format.is_planar:
        block = block.reshape(-1, frame.layout.nb_channels).T
    middle = 128 if block.dtype.kind == "u" else 0
    most = 1 if block.dtype.kind == "f" else 2.0 ** (8 * block.itemsize - 1)
    block = (block.astype(np.float64) - middle) / most
    return np.nan_to_num(block, copy=False, posinf=0.0, neginf=0.0).clip(-1e30, 1e30, block)


def _full_scale(sound: np.ndarray) -> np.ndarray:
    """Scale down what goes beyond -1..1; single samples far beyond all the others are cut off."""
    peak = np.abs(sound).max()
    if peak <= 1:
        return sound
    most = max(1.0, 10 * np.percentile(np.abs(sound), 99.9))
    sound = sound.clip(-most, most)
    return sound / np.abs(sound).max()


def _resampled(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return a sound at SAMPLE_RATE samples a second."""
    if rate == SAMPLE_RATE:
        return sound
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    padded, parts = np.append(sound, np.zeros(rate // 10, np.float32)), []
    for begin in range(0, len(padded), rate):  # a second at a time: three times as fast as at once
        frame = av.AudioFrame.from_ndarray(padded[None, begin : begin + rate], "flt", "mono")
        frame.sample_rate = rate
        parts += resampler.resample(frame)
    parts = [part.to_ndarray()[0] for part in parts + resampler.resample(None)]
    return np.concatenate(parts)[: math.ceil(len(sound) * SAMPLE_RATE / rate)]
