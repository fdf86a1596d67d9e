"""Thumbnails and players of pictures, films and sounds.

A player is only shown where somebody can press play; elsewhere small pictures stand in for it.
"""

from __future__ import annotations

import base64
import html
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from course_utils.catalog import Item
from course_utils.figures import Figure, grid
from course_utils.media import (
    SAMPLE_RATE,
    MediaError,
    check_file,
    jpeg_bytes,
    kind_of,
    read_frames,
    read_image,
    read_waveform,
    video_seconds,
)
from course_utils.session import is_live

THUMBNAIL = 176  # pixels
LONGEST = 20  # seconds of a sound that a player holds; what follows is cut off
LARGEST = 4_000_000  # bytes of a film that a player holds; of larger files 3 seconds are shown
PLAYS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}  # in every browser


class _Kept:
    """What was made of files, as long as they stay the same: at most `most` bytes of it."""

    def __init__(self, most: int):
        self.most, self.size, self.made = most, 0, OrderedDict()

    def get(self, path: Path, what: tuple, make: Callable):
        """Return what `make()` returns; what was not asked for in a long time is forgotten."""
        state = check_file(path).stat()
        key = (str(path), *what, state.st_mtime_ns, state.st_size)
        if key not in self.made:
            self.made[key] = make()
            self.size += len(self.made[key])
            while self.size > self.most:
                self.size -= len(self.made.popitem(last=False)[1])
                if not self.made:
                    return make()  # larger than all that may be kept
        self.made.move_to_end(key)
        return self.made[key]


_kept = _Kept(64_000_000)


def thumbnail(path: str | Path, kind: str = "image") -> bytes:
    """Return a small JPEG: of a picture, of four moments of a film, or of a sound's spectrogram.

    It is made once for as long as the file stays the same.

    Raises:
        MediaError: the file is unusable.
    """
    return _kept.get(Path(path), (kind,), lambda: jpeg_bytes(*_small(Path(path), kind)))


def _small(path: Path, kind: str) -> tuple[Image.Image, int]:
    if kind == "audio":
        return _spectrogram(read_waveform(path, duration=LONGEST)), THUMBNAIL
    if kind == "video":
        return _four_moments(path), 2 * THUMBNAIL
    return read_image(path, draft_side=THUMBNAIL), THUMBNAIL


def _four_moments(path: Path) -> Image.Image:
    frames = [Image.fromarray(frame) for frame in moments(path, 4)[0]]
    for frame in frames:
        frame.thumbnail((THUMBNAIL - 1, THUMBNAIL - 1))
    width, height = frames[0].size
    sheet = Image.new("RGB", (2 * width + 2, 2 * height + 2), "white")
    for i, frame in enumerate(frames):
        sheet.paste(frame, ((width + 2) * (i % 2), (height + 2) * (i // 2)))
    return sheet


def _spectrogram(sound: np.ndarray, bands: int = 48) -> Image.Image:
    """Draw a sound: time to the right, pitch upwards in equal steps of the ear, 60 dB of levels."""
    size, columns = 1024, THUMBNAIL
    sound = np.pad(sound, (size // 2, max(size // 2, size - len(sound))))
    starts = np.linspace(0, len(sound) - size, columns).astype(int)
    frames = sound[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.geomspace(4, size // 2, bands + 1)  # 62 to 8,000 Hz, in bins
    sums = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))
    at = np.array([np.interp(edges, np.arange(sums.shape[1]), row) for row in sums])
    means = np.diff(at, axis=1) / np.diff(edges)
    levels = np.log10(np.maximum(means / (means.max() or 1), 1e-6)) / 6 + 1
    colors = matplotlib.colormaps["magma"](levels.T[::-1])[..., :3]
    return Image.fromarray(np.uint8(255 * colors)).resize((columns, 3 * columns // 4))


def small_picture(item: Item) -> Image.Image:
    """Return a thumbnail as a picture, or a grey square for a file that has become unusable."""
    try:
        return Image.open(io.BytesIO(thumbnail(item.path, item.kind)))
    except (MediaError, OSError):
        return Image.new("RGB", (THUMBNAIL, THUMBNAIL), "#BBBBBB")


def moments(path: str | Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frames spread evenly over a film, (count, height, width, 3), and their seconds.

    Raises:
        MediaError: the file is unusable.

    Introduced in notebook 2.
    """
    seconds = video_seconds(path)
    start = seconds / count / 2
    frames = read_frames(path, rate=count / seconds, start=start, count=count)
    return frames, seconds * (np.arange(count) + 0.5) / count


def still(path: str | Path) -> Image.Image:
    """Return one frame that stands for a film: its poster if there is one, else the middle.

    A poster is a JPEG of the same name in a folder `posters` beside the film.

    Raises:
        MediaError: the file is unusable.
    """
    path = check_file(path)
    poster = path.parent / "posters" / f"{path.stem}.jpg"
    return read_image(poster) if poster.is_file() else Image.fromarray(moments(path, 1)[0][0])


def _data(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def audio_tag(sound: str | Path | np.ndarray, name: str) -> str:
    """Return a browser's own player, which can be used with the keyboard, as HTML.

    Args:
        sound: a file, or a waveform of shape (n,) at 16 kHz.
        name: its title, for screen readers.

    Raises:
        MediaError: the file is unusable.
    """
    import soundfile

    waveform = sound if isinstance(sound, np.ndarray) else read_waveform(sound, duration=LONGEST)
    file, waveform = io.BytesIO(), waveform[: LONGEST * SAMPLE_RATE]
    soundfile.write(file, waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return (
        f'<audio controls preload="auto" style="max-width:100%" aria-label="{html.escape(name)}" '
        f'src="{_data("audio/flac", file.getvalue())}"></audio>'
    )


def video_tag(path: str | Path, name: str, alt: str = "") -> str:
    """Return a browser's own player, muted and looping, as HTML.

    Files that are large, or that browsers may not play, are shown as three silent seconds from
    their middle.

    Args:
        path: the file.
        name: its title, for screen readers.
        alt: what is seen and heard, for the same.

    Raises:
        MediaError: the file is unusable.

    Introduced in notebook 2.
    """
    path = check_file(path)
    label = html.escape(f"{name}. {alt}" if alt else name)
    mime = PLAYS.get(path.suffix.lower())
    if mime is None or path.stat().st_size > LARGEST:
        start = max(0.0, video_seconds(path) / 2 - 1.5)
        frames = [Image.fromarray(x) for x in read_frames(path, rate=8, start=start, count=24)]
        for frame in frames:
            frame.thumbnail((240, 240))
        source = _data("image/webp", _moving(frames, 125))
        return f'<img class="cg-film" alt="{label}" src="{source}">'
    return (
        f'<video controls loop muted playsinline preload="metadata" aria-label="{label}" '
        f'poster="{_data("image/jpeg", jpeg_bytes(still(path), 320))}" '
        f'src="{_data(mime, path.read_bytes())}"></video>'
    )


def _moving(frames: Sequence[Image.Image], milliseconds: int) -> bytes:
    """Return frames as an animated WebP that loops for ever."""
    file, more = io.BytesIO(), {"append_images": frames[1:], "duration": milliseconds, "loop": 0}
    frames[0].save(file, "WEBP", save_all=True, quality=60, **more)
    return file.getvalue()


def media_html(item: Item) -> str:
    """Return a picture, a film's player, or a sound's spectrogram and player as HTML.

    For a file that has become unusable, it is what is wrong with it, in words.
    """
    try:
        shown = ""
        if item.kind != "video":
            source = _data("image/jpeg", thumbnail(item.path, item.kind))
            style = ' class="cg-sound"' if item.kind == "audio" else ""
            shown = f'<img{style} src="{source}" alt="{html.escape(item.alt or item.name)}">'
        if item.kind != "image":
            shown += _player(item)
        return shown
    except MediaError as error:
        return html.escape(str(error))


def _player(item: Item) -> str:
    if item.kind == "video":
        what = ("film", item.title, item.alt)
        return _kept.get(item.path, what, lambda: video_tag(item.path, item.title, item.alt))
    return _kept.get(item.path, ("sound", item.title), lambda: audio_tag(item.path, item.title))


class Players:
    """Films to watch or sounds to listen to, each with its title or transcript below.

    Where nothing can play, it is a picture: four moments of each film, each sound's spectrogram.

    Introduced in notebook 2.
    """

    def __init__(self, sounds: Sequence, titles: Sequence[str] = ()):
        """Take items, files or 16 kHz waveforms, and a title for each that is no item.

        Raises:
            ValueError: there is nothing to play, or not a title for each.
        """
        items = [
            x if isinstance(x, (Item, np.ndarray)) else Item(Path(x), kind_of(x), caption="")
            for x in sounds
        ]
        self.titles = list(titles) or [getattr(item, "title", "a sound") for item in items]
        if not items or len(items) != len(self.titles):
            raise ValueError(
                f"There are {len(items)} films or sounds and {len(self.titles)} titles; give at "
                "least one, and a title for each."
            )
        self.items = items

    def _repr_mimebundle_(self, include=None, exclude=None):
        pictures = [
            _spectrogram(x) if isinstance(x, np.ndarray) else small_picture(x) for x in self.items
        ]
        alt = f"Players, not live here: {'; '.join(self.titles)}."
        data, metadata = grid(pictures, self.titles, alt)._repr_mimebundle_()
        data["text/plain"] = repr(self)
        if is_live():
            players = map(self._figure, self.items, self.titles)
            data["text/html"] = f'<div style="display:flex;flex-flow:row wrap">{"".join(players)}'
            data["text/html"] += "</div>"
        return data, metadata

    def _figure(self, item: Item | np.ndarray, title: str) -> str:
        width = "max-width:100%"
        if isinstance(item, np.ndarray) or item.kind == "audio":
            shown = audio_tag(item if isinstance(item, np.ndarray) else item.path, title)
        else:
            width = "width:300px;max-width:100%"
            shown = video_tag(item.path, title, item.alt).replace("<video", '<video width="100%"')
        caption = f"<figcaption>{html.escape(title)}</figcaption>"
        return f'<figure style="margin:0 16px 12px 0;{width}">{shown}{caption}</figure>'

    def __repr__(self) -> str:
        return "\n".join(f"[a player in a live notebook] {title}" for title in self.titles)


class Animation(Figure):
    """Drawings that move where somebody is watching; elsewhere the first and the last of them.

    Introduced in notebook 2.
    """

    def __init__(self, drawings: Sequence[Figure], alt: str, milliseconds: int = 400):
        """Take drawings in order, what they show in words, and how long each is shown.

        Raises:
            ValueError: there are no drawings.
        """
        if not drawings:
            raise ValueError("There are no drawings to show.")
        self.pages = [Image.open(io.BytesIO(drawing.data)).convert("RGB") for drawing in drawings]
        self.milliseconds = milliseconds
        ends = [self.pages[0], *self.pages[1:][-1:]]
        size = max(page.width for page in ends), sum(page.height for page in ends)
        sheet, top, file = Image.new("RGB", size, "white"), 0, io.BytesIO()
        for page in ends:
            sheet.paste(page, (0, top))
            top += page.height
        sheet.quantize(96).save(file, "PNG", optimize=True)
        super().__init__(file.getvalue(), alt)

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle, metadata = super()._repr_mimebundle_()
        if is_live():
            moving = _data("image/webp", _moving(self.pages, self.milliseconds))
            still = _data(self.mime, self.data)  # for those who have asked for no motion
            bundle["text/html"] = (
                f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
                f'<img src="{moving}" alt="{html.escape(self.alt)}" style="max-width:100%">'
                "</picture>"
            )
        return bundle, metadata
