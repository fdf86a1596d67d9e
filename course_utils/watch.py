"""Players for videos, and figures of them.

A player is only shown where somebody can press play; elsewhere some frames stand in for it.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from course_utils.media import check_file, jpeg_bytes, read_frames, read_image, video_seconds
from course_utils.plots import STYLE, Picture, label_color, new_figure
from course_utils.session import is_live

PLAYS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}  # in every browser
LARGEST = 4_000_000  # bytes that a player holds; of larger files a few seconds are shown
PREVIEW = 3.0  # seconds


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
    label = html.escape(f"{name}. {alt}" if alt else name, quote=True)
    mime = PLAYS.get(path.suffix.lower())
    if mime is None or path.stat().st_size > LARGEST:
        moving = base64.b64encode(_preview(path)).decode()
        return f'<img class="cg-film" alt="{label}" src="data:image/webp;base64,{moving}">'
    poster = base64.b64encode(jpeg_bytes(still(path), 320)).decode()
    film = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<video controls loop muted playsinline preload="metadata" aria-label="{label}" '
        f'poster="data:image/jpeg;base64,{poster}" src="data:{mime};base64,{film}"></video>'
    )


def _preview(path: Path) -> bytes:
    start = max(0.0, (video_seconds(path) - PREVIEW) / 2)
    frames = [Image.fromarray(x) for x in read_frames(path, rate=8, start=start, count=24)]
    for frame in frames:
        frame.thumbnail((240, 240))
    return moving_picture(frames, 125)


def moving_picture(frames: Sequence[Image.Image], milliseconds: int) -> bytes:
    """Return frames as an animated WebP that loops for ever."""
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0,
        quality=60,
    )  # fmt: skip
    return buffer.getvalue()


def still(path: str | Path) -> Image.Image:
    """Return one frame that stands for a video: its poster if there is one, else the middle.

    A poster is a JPEG of the same name in a folder `posters` beside the video.

    Raises:
        MediaError: the file is unusable.
    """
    path = check_file(path)
    poster = path.parent / "posters" / f"{path.stem}.jpg"
    if poster.is_file():
        return read_image(poster)
    return Image.fromarray(read_frames(path, start=video_seconds(path) / 2, count=1)[0])


def moments(path: str | Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frames spread evenly over a video, (count, height, width, 3), and their seconds.

    Raises:
        MediaError: the file is unusable.

    Introduced in notebook 2.
    """
    seconds = video_seconds(path)
    rate = count / seconds
    frames = read_frames(path, rate=rate, start=seconds / count / 2, count=count)
    return frames, seconds * (np.arange(count) + 0.5) / count


def four_frames(path: str | Path, side: int) -> Image.Image:
    """Return four moments of a video as one picture: what a gallery shows where nothing can play.

    Raises:
        MediaError: the file is unusable.
    """
    frames = [Image.fromarray(frame) for frame in moments(path, 4)[0]]
    for frame in frames:
        frame.thumbnail((side // 2 - 1, side // 2 - 1))
    width, height = frames[0].size
    sheet = Image.new("RGB", (2 * width + 2, 2 * height + 2), "white")
    for i, frame in enumerate(frames):
        sheet.paste(frame, ((width + 2) * (i % 2), (height + 2) * (i // 2)))
    return sheet


class Clips:
    """Videos to watch, each with its title; where nothing can play, four moments of each.

    Introduced in notebook 2.
    """

    def __init__(self, items: Sequence):
        """Take items of a catalog."""
        self.items = list(items)

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = strips(
            [item.path for item in self.items], [item.caption or item.name for item in self.items]
        )._repr_mimebundle_()
        data["text/plain"] = repr(self)
        if is_live():
            data["text/html"] = "".join(
                '<figure style="display:inline-block;width:300px;max-width:100%;'
                'margin:0 16px 12px 0;vertical-align:top">'
                f"{video_tag(item.path, item.caption, item.alt)}"
                f"<figcaption>{html.escape(item.caption)}</figcaption></figure>"
                for item in self.items
            ).replace("<video ", '<video style="width:100%" ')
        return data, metadata

    def __repr__(self) -> str:
        return "\n".join(f"[a player in a live notebook] {item.caption}" for item in self.items)


class Animation(Picture):
    """Drawings that move where somebody is watching; elsewhere four of them stand together."""

    def __init__(self, drawings: Sequence[Picture], alt: str, milliseconds: int = 400):
        """Take drawings of one size, in order."""
        pages = [Image.open(io.BytesIO(drawing.data)).convert("RGB") for drawing in drawings]
        kept = pages[:: max(1, len(pages) // 4)][:4]
        width, height = kept[0].size
        sheet = Image.new("RGB", (2 * width, height * -(-len(kept) // 2)), "white")
        for i, page in enumerate(kept):
            sheet.paste(page, (width * (i % 2), height * (i // 2)))
        buffer = io.BytesIO()
        sheet.quantize(96).save(buffer, "PNG", optimize=True)
        super().__init__(buffer.getvalue(), alt)
        self.pages, self.milliseconds = pages, milliseconds

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle, metadata = super()._repr_mimebundle_()
        if is_live():
            moving = base64.b64encode(moving_picture(self.pages, self.milliseconds)).decode()
            bundle["text/html"] = (
                f'<img src="data:image/webp;base64,{moving}" alt="{html.escape(self.alt)}" '
                'style="max-width:100%">'
            )
        return bundle, metadata


def film_strip(
    frames: np.ndarray, times: Sequence[float], title: str = "", alt: str = "", width: float = 1.5
) -> Picture:
    """Show frames beside each other, each with its second.

    Args:
        frames: uint8 RGB of shape (t, height, width, 3).
        times: the second of each frame.
        title: a line above.
        alt: the figure in words.
        width: of one frame, in inches.

    Introduced in notebook 2.
    """
    columns = min(8, len(frames))
    rows = -(-len(frames) // columns)
    figure = new_figure(width * columns, (width * frames.shape[1] / frames.shape[2] + 0.3) * rows)
    with matplotlib.rc_context(STYLE):
        for axis in (axes := figure.subplots(rows, columns, squeeze=False).ravel()):
            axis.axis("off")
        for axis, frame, time in zip(axes, frames, times, strict=False):
            axis.imshow(frame)
            axis.set_title(f"{time:.2f} s", fontsize=8, loc="center", pad=2)
        if title:
            figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    said = f"{len(frames)} frames from second {times[0]:.2f} to {times[-1]:.2f}. {alt}"
    return Picture.of(figure, f"Film strip: {said}", photo=True, text=f"[film strip] {said}")


def strips(paths: Sequence[str | Path], titles: Sequence[str], count: int = 6) -> Picture:
    """Show some moments of each video as a row.

    Introduced in notebook 2.
    """
    figure = new_figure(1.4 * count, 1.3 * len(paths))
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(len(paths), count, squeeze=False)
        for row, path, title in zip(axes, paths, titles, strict=True):
            frames, times = moments(path, count)
            for axis, frame, time in zip(row, frames, times, strict=True):
                axis.imshow(frame)
                axis.axis("off")
                axis.text(
                    2, frame.shape[0] - 4, f"{time:.1f} s", fontsize=6, color="white",
                    va="bottom", bbox={"facecolor": "black", "linewidth": 0, "pad": 1},
                )  # fmt: skip
            row[0].set_title(title, fontsize=9, loc="left", pad=3)
    return Picture.of(
        figure, f"{count} moments of each of {len(paths)} videos: {'; '.join(titles)}.", photo=True
    )


def time_shares(
    clips: Sequence[np.ndarray], shares: Sequence[np.ndarray], titles: Sequence[str], cosine: float
) -> Picture:
    """Lay each clip's shares of a cosine over its frames: which second, which place matched?

    Args:
        clips: for each video the frames as the network saw them, (t, height, width, 3); t is a
            multiple of the shares' times.
        shares: for each video its shares (times, rows, columns).
        titles: a title for each video.
        cosine: what the shares of each add up to.

    Introduced in notebook 2.
    """
    times = max(len(part) for part in shares)
    figure = new_figure(2.1 * times + 1, 2.3 * len(clips))
    high, said = max(part.max() for part in shares), []
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(len(clips), times, squeeze=False)
        for axis in axes.ravel():
            axis.axis("off")
        for row, frames, part, title in zip(axes, clips, shares, titles, strict=True):
            step = len(frames) // len(part)
            for i, (axis, share) in enumerate(zip(row, part, strict=False)):
                frame = frames[i * step + step // 2]
                axis.imshow(frame.mean(axis=2), cmap="gray", alpha=0.6)
                shown = axis.imshow(
                    share, cmap="magma", alpha=0.55, vmin=0, vmax=high, interpolation="nearest",
                    extent=(0, frame.shape[1], frame.shape[0], 0),
                )  # fmt: skip
                name = f"{title}: " if i == 0 else ""
                axis.set_title(f"{name}share {share.sum():.3f}", fontsize=8, loc="left", pad=2)
            best = int(part.sum(axis=(1, 2)).argmax())
            said.append(f"{title}: time {best + 1} of {len(part)} has the largest share")
        figure.colorbar(shown, ax=axes, shrink=0.6, label="share of the cosine")
    alt = f"Frames of {len(clips)} clips, a cosine of {cosine:.2f} laid over them as shares: "
    return Picture.of(figure, f"{alt}{'; '.join(said)}.", photo=True)


def kernel_in_time(frames: np.ndarray, at: int, span: int = 3) -> Picture:
    """Draw a clip as a stack of frames and mark where a 3-D kernel lies.

    Args:
        frames: uint8 RGB of shape (t, height, width, 3).
        at: the first frame under the kernel.
        span: how many frames it covers at once.

    Introduced in notebook 2.
    """
    count, height, width = frames.shape[:3]
    figure = new_figure(4.4, 1.7)
    step = 0.55 * width  # each frame covers the left part of the one behind it
    color = label_color("children playing")
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        for i in reversed(range(count)):
            x, y, layer = i * step, -0.1 * i * height, 3 * (count - i)
            axis.imshow(frames[i], extent=(x, x + width, y + height, y), zorder=layer)
            inside = at <= i < at + span
            axis.add_patch(
                Rectangle((x, y), width, height, fill=False, zorder=layer + 1,
                          edgecolor=color if inside else "white", linewidth=2 if inside else 1)
            )  # fmt: skip
            if inside:
                place = (x + 0.62 * width, y + 0.4 * height)
                axis.add_patch(
                    Rectangle(place, 0.3 * width, 0.3 * width, color=color, alpha=0.8,
                              zorder=layer + 2)
                )  # fmt: skip
        end = (count - 1) * step + width
        axis.annotate("", (end, 1.12 * height), (0, 1.12 * height), arrowprops={"arrowstyle": "->"})
        axis.text(0, 1.2 * height, "time", fontsize=9, va="top")
        axis.set_xlim(-0.05 * width, end + 0.05 * width)
        axis.set_ylim(1.5 * height, -0.1 * count * height)
        axis.set_aspect("equal")
        axis.axis("off")
    return Picture.of(
        figure,
        f"{count} frames, one behind the other; a kernel covers frames {at + 1} to {at + span}.",
    )
