"""Thumbnails and players of pictures, films and sounds.

A player is only shown where somebody can press play; elsewhere small pictures stand in for it.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from course_utils import media
from course_utils.catalog import Item
from course_utils.figures import Figure, data_url, grid
from course_utils.media import SAMPLE_RATE, MediaError, check_file, jpeg_bytes, read_frames

THUMBNAIL = 176  # pixels
LONGEST = 20  # seconds of a sound that a player holds; what follows is cut off
LARGEST = 4_000_000  # bytes of a film that a player holds; of larger files 3 seconds are shown
PLAYS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}  # in every browser
KEPT = 64_000_000  # bytes of thumbnails and players that are kept
_kept: dict[tuple, bytes | str] = {}  # what was not asked for the longest comes first


def _once(path: str | Path, make: Callable, *what):
    """Return `make(path, *what)`, made once as long as the file stays the same; oldest go first."""
    state = check_file(path).stat()
    key = make, path, *what, state.st_mtime_ns, state.st_size
    made = _kept.pop(key) if key in _kept else make(path, *what)
    _kept[key] = made
    while sum(map(len, _kept.values())) > KEPT:
        del _kept[next(iter(_kept))]
    return made


def thumbnail(path: Path, kind: str) -> bytes:
    """Return a small JPEG: of a picture, of four moments of a film, or of a sound's spectrogram.

    Raises:
        MediaError: the file is unusable.
    """
    if kind == "audio":
        return jpeg_bytes(_spectrogram(media.read_waveform(path, duration=LONGEST)), THUMBNAIL)
    if kind == "image":
        return jpeg_bytes(media.read_image(path, draft_side=THUMBNAIL), THUMBNAIL)
    frames = np.pad(moments(path, 4), ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)
    sheet = np.vstack([np.hstack(frames[:2]), np.hstack(frames[2:])])
    return jpeg_bytes(Image.fromarray(sheet), 2 * THUMBNAIL)


def _spectrogram(sound: np.ndarray, size: int = 1024, bands: int = 48) -> Image.Image:
    """Draw a sound: time to the right, pitch upwards in equal steps of the ear, 60 dB of levels."""
    sound = np.pad(sound, size // 2)
    starts = np.linspace(0, len(sound) - size, THUMBNAIL).astype(int)
    frames = sound[starts[:, None] + np.arange(size)] * np.hanning(size)
    sums = np.cumsum(np.abs(np.fft.rfft(frames)) ** 2, axis=1)
    edges = np.geomspace(4, size // 2, bands + 1)  # 62 to 8,000 Hz, in bins
    power = np.diff([np.interp(edges, np.arange(len(row)), row) for row in sums]) / np.diff(edges)
    levels = 1 + np.log10(np.maximum(power / (power.max() or 1), 1e-6)) / 6
    colors = np.uint8(255 * colormaps["magma"](levels.T[::-1])[..., :3])
    return Image.fromarray(colors).resize((THUMBNAIL, 3 * THUMBNAIL // 4))


def small_picture(item: Item) -> Image.Image:
    """Return a thumbnail as a picture, or a grey square for a file that has become unusable."""
    try:
        return Image.open(io.BytesIO(_once(item.path, thumbnail, item.kind)))
    except (MediaError, OSError):
        return Image.new("RGB", (THUMBNAIL, THUMBNAIL), "#BBBBBB")


def moments(path: Path, count: int) -> np.ndarray:
    """Return frames spread evenly over a film, (count, height, width, 3)."""
    seconds = media.video_seconds(path)
    return read_frames(path, rate=count / seconds, start=seconds / count / 2, count=count)


def audio_tag(sound: str | Path | np.ndarray, name: str) -> str:
    """Return a browser's own player of a file or a 16 kHz waveform (n,), `name` read out, as HTML.

    Raises:
        MediaError: the file is unusable.
    """
    import av

    if not isinstance(sound, np.ndarray):
        sound = media.read_waveform(sound, duration=LONGEST)
    file, levels = io.BytesIO(), np.int16(32767 * sound[: LONGEST * SAMPLE_RATE].clip(-1, 1))
    with av.open(file, "w", format="flac") as flac:
        stream = flac.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(levels[None], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        flac.mux([*stream.encode(frame), *stream.encode(None)])
    look = f'controls preload="auto" style="max-width:100%" aria-label="{html.escape(name)}"'
    return f'<audio {look} src="{data_url("audio/flac", file.getvalue())}"></audio>'


def video_tag(path: str | Path, name: str, alt: str = "") -> str:
    """Return a browser's own player of a film, muted and looping, as HTML.

    Files that are large, or that browsers may not play, are shown as three silent seconds from
    their middle. Screen readers read out `name`, and `alt`: what is seen and heard.

    Raises:
        MediaError: the file is unusable.
    """
    path = check_file(path)
    label, mime = html.escape(f"{name}. {alt}" if alt else name), PLAYS.get(path.suffix.lower())
    if mime is None or path.stat().st_size > LARGEST:
        start = max(0.0, media.video_seconds(path) / 2 - 1.5)
        frames = [Image.fromarray(x) for x in read_frames(path, rate=8, start=start, count=24)]
        for frame in frames:
            frame.thumbnail((240, 240))
        return f'<img class="cg-film" alt="{label}" src="{_moving(frames, 125)}">'
    poster = path.parent / "posters" / f"{path.stem}.jpg"  # a frame that was chosen by hand
    frame = media.read_image(poster) if poster.is_file() else Image.fromarray(moments(path, 1)[0])
    look = 'controls loop muted playsinline preload="metadata" style="max-width:100%"'
    poster = data_url("image/jpeg", jpeg_bytes(frame, 320))
    source = data_url(mime, path.read_bytes())
    return f'<video {look} aria-label="{label}" poster="{poster}" src="{source}"></video>'


def _moving(frames: Sequence[Image.Image], milliseconds: int) -> str:
    """Return frames as an animated WebP that loops for ever."""
    file, more = io.BytesIO(), {"append_images": frames[1:], "duration": milliseconds, "loop": 0}
    frames[0].save(file, "WEBP", save_all=True, quality=60, **more)
    return data_url("image/webp", file.getvalue())


def media_html(item: Item) -> str:
    """Return a picture, a film's player, or a sound's spectrogram and player as HTML.

    For a file that has become unusable, it is what is wrong with it, in words.
    """
    try:
        if item.kind == "video":
            return _once(item.path, video_tag, item.title, item.alt)
        source = data_url("image/jpeg", _once(item.path, thumbnail, item.kind))
        look = f'src="{source}" alt="{html.escape(item.alt or item.name)}"'
        if item.kind == "image":
            return f"<img {look}>"
        return f'<img class="cg-sound" {look}>{_once(item.path, audio_tag, item.title)}'
    except MediaError as error:  # its name will do: nobody knows the folder of recordings
        return html.escape(str(MediaError(error.path.name, error.problem, error.remedy)))


class Players(Figure):
    """Films to watch or sounds to listen to, each with its title or transcript below.

    Where nothing can play, it is a picture: four moments of each film, each sound's spectrogram.
    """

    def __init__(self, sounds: Sequence, titles: Sequence[str] = ()):
        """Take items, files or 16 kHz waveforms, and titles where items' own will not do.

        Raises:
            ValueError: there is nothing to play, or not a title for each.
        """
        kept = Item, np.ndarray
        self.items = [x if isinstance(x, kept) else Item(Path(x), media.kind_of(x)) for x in sounds]
        self.titles = list(titles) or [getattr(item, "title", "a sound") for item in self.items]
        if not self.items or len(self.items) != len(self.titles):
            raise ValueError("Give at least one film or sound, and a title for each.")
        pictures = [
            _spectrogram(x) if isinstance(x, np.ndarray) else small_picture(x) for x in self.items
        ]
        alt = f"Players, not live here: {'; '.join(self.titles)}."
        words = "\n".join(f"[a player in a live notebook] {title}" for title in self.titles)
        super().__init__(grid(pictures, self.titles, alt).data, alt, words)

    def html(self) -> str:
        """Return the players as HTML."""
        shown, style = "", "margin:0 16px 12px 0;max-width:min(300px,100%)"
        for item, title in zip(self.items, self.titles, strict=True):
            if getattr(item, "kind", "audio") == "video":
                tag = video_tag(item.path, title, item.alt)
            else:
                tag = audio_tag(getattr(item, "path", item), title)
            caption = f"<figcaption>{html.escape(title)}</figcaption>"
            shown += f'<figure style="{style}">{tag}{caption}</figure>'
        return f'<div style="display:flex;flex-flow:row wrap">{shown}</div>'


class Animation(Figure):
    """Drawings that move where somebody is watching; elsewhere the first and the last of them."""

    def __init__(self, drawings: Sequence[Figure], alt: str):
        """Take drawings of one size, in order, and what they show in words."""
        if not drawings:
            raise ValueError("There are no drawings to show.")
        self.pages = [Image.open(io.BytesIO(drawing.data)).convert("RGB") for drawing in drawings]
        ends, file = np.vstack([self.pages[0], self.pages[-1]]), io.BytesIO()
        Image.fromarray(ends).quantize(96).save(file, "PNG", optimize=True)
        super().__init__(file.getvalue(), alt)

    def html(self) -> str:
        """Return the moving picture as HTML; who has asked for no motion sees its ends."""
        still, moving = data_url(self.mime, self.data), _moving(self.pages, 400)
        return (
            f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{still}"><img '
            f'src="{moving}" style="max-width:100%" alt="{html.escape(self.alt)}"></picture>'
        )
