"""Video files in, frames out: sampled by time, without holding the whole film in memory.

Timestamps decide which frame is taken, never a frame's number: frame counts and frame rates that
files claim are often wrong, and some films have no constant rate at all.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from course_utils.media.files import MediaError, check_file
from course_utils.media.sounds import CONTAINERS

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".mts", ".ogv",
)  # fmt: skip
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
