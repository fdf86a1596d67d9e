"""Players for sounds, and figures of them.

A player is only shown where somebody can press play; elsewhere its transcript stands in for it.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from course_utils.media import RATE, read_waveform
from course_utils.plots import BLUE, ORANGE, SKY, STYLE, VERMILION, Picture, label_color, new_figure
from course_utils.session import is_live

LONGEST = 20  # seconds that a player holds; what follows is cut off


def flac_bytes(waveform: np.ndarray) -> bytes:
    """Return a 16 kHz waveform as a FLAC file, which every browser plays."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, waveform[: LONGEST * RATE], RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def audio_tag(sound: str | Path | np.ndarray, name: str) -> str:
    """Return a browser's own player, which can be used with the keyboard, as HTML.

    Raises:
        MediaError: the file is unusable.
    """
    waveform = sound if isinstance(sound, np.ndarray) else read_waveform(sound, duration=LONGEST)
    data = base64.b64encode(flac_bytes(waveform)).decode()
    label = html.escape(name, quote=True)
    return (
        f'<audio controls preload="auto" style="max-width:100%" aria-label="{label}" '
        f'src="data:audio/flac;base64,{data}"></audio>'
    )


class Players:
    """Sounds to listen to, each with its title or transcript below.

    Introduced in notebook 3.
    """

    def __init__(self, sounds: Sequence, titles: Sequence[str]):
        """Take files or 16 kHz waveforms, and a title for each."""
        self.sounds, self.titles = list(sounds), list(titles)

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/plain": repr(self)}
        if is_live():
            figures = "".join(
                f'<figure style="margin:0 16px 8px 0;max-width:100%">{audio_tag(sound, title)}'
                f"<figcaption>{html.escape(title)}</figcaption></figure>"
                for sound, title in zip(self.sounds, self.titles, strict=True)
            )
            bundle["text/html"] = f'<div style="display:flex;flex-flow:row wrap">{figures}</div>'
        return bundle

    def __repr__(self) -> str:
        return "\n".join(f"[a player in a live notebook] {title}" for title in self.titles)


def thumbnail(path: str | Path, side: int = 176) -> Image.Image:
    """Return a small mel spectrogram of a sound file: time to the right, pitch upwards.

    Raises:
        MediaError: the file is unusable.
    """
    from course_utils.audio import decibels, mel_power

    power = mel_power(read_waveform(path, duration=LONGEST))
    levels = decibels(power / (power.max() or 1), floor=1e-6)  # -60..0 dB
    colors = matplotlib.colormaps["magma"](1 + levels[::-1] / 60)[..., :3]
    picture = Image.fromarray(np.uint8(255 * colors))
    return picture.resize((side, 3 * side // 4), Image.Resampling.BILINEAR)


def _axes(rows: int, columns: int, width: float, height: float):
    figure = new_figure(width, height)
    with matplotlib.rc_context(STYLE):
        return figure, figure.subplots(rows, columns, squeeze=False)


def waveforms(sounds: Sequence[np.ndarray], titles: Sequence[str], start: float = 0.0) -> Picture:
    """Show 16 kHz waveforms above each other: air pressure over time.

    Introduced in notebook 3.
    """
    figure, axes = _axes(len(sounds), 1, 8, 1.5 * len(sounds) + 0.4)
    with matplotlib.rc_context(STYLE):
        for axis, sound, title in zip(axes[:, 0], sounds, titles, strict=True):
            axis.plot(start + np.arange(len(sound)) / RATE, sound, color=BLUE, linewidth=0.7)
            axis.set_title(title)
            axis.set_ylabel("pressure")
        axes[-1, 0].set_xlabel("seconds")
    said = "; ".join(
        f"{title}: {len(sound) / RATE:.2f} s, up to {np.abs(sound).max():.2f}"
        for title, sound in zip(titles, sounds, strict=True)
    )
    return Picture.of(figure, f"Waveforms. {said}.")


def curves(
    x: np.ndarray, ys: dict[str, np.ndarray], xlabel: str, ylabel: str, title: str, alt: str
) -> Picture:
    """Show named curves over one axis.

    Introduced in notebook 3.
    """
    figure, axes = _axes(1, 1, 8, 2.8)
    axis = axes[0, 0]
    with matplotlib.rc_context(STYLE):
        lines = [(BLUE, "-"), (VERMILION, "--"), ("#444444", ":"), (SKY, "-.")]
        for (name, y), (color, line) in zip(ys.items(), lines, strict=False):
            axis.plot(x, y, color=color, linestyle=line, linewidth=1.2, label=name)
        if len(ys) > 1:
            axis.legend(frameon=False, fontsize=9)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.set_title(title)
    return Picture.of(figure, alt)


def spectrograms(
    images: Sequence[np.ndarray], titles: Sequence[str], ylabel: str, unit: str, alt: str,
    hertz: np.ndarray | None = None, pitch: np.ndarray | None = None, same: bool = False,
    color: str = "magma", xlabel: str = "seconds", width: float | None = None,
    signed: bool = False,
) -> Picture:  # fmt: skip
    """Show spectrograms beside each other, low frequencies at the bottom.

    Args:
        images: each (bands, frames), a frame every 10 ms.
        titles: a line above each.
        ylabel: what a row is.
        unit: what the colours stand for.
        alt: the figure in words.
        hertz: the frequency of each row, for the axis; None numbers the rows.
        pitch: a pitch in hertz for each frame of the first image, drawn as dots.
        same: one scale of colours for all.
        color: a matplotlib colour map.
        xlabel: what a column is.
        signed: the last image has values on both sides of zero: orange above, purple below.
        width: what the last column stands for; None counts 10 ms a column.

    Introduced in notebook 3.
    """
    figure, axes = _axes(1, len(images), 4.2 * len(images) + 0.6, 3.2)
    low, high = np.nanmin(np.hstack(images)), np.nanmax(np.hstack(images))
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        limits = {"vmin": low, "vmax": high} if same else {}
        colors = color
        if signed and image is images[-1]:
            colors, most = "PuOr_r", np.abs(image).max()
            limits = {"vmin": -most, "vmax": most}
        with matplotlib.rc_context(STYLE):
            shown = axis.imshow(
                image, origin="lower", aspect="auto", cmap=colors, interpolation="nearest",
                extent=(0, width or image.shape[1] / 100, 0, len(image)), **limits,
            )  # fmt: skip
            axis.set_title(title)
            axis.set_xlabel(xlabel)
            axis.set_ylabel(ylabel)
            if hertz is not None:
                rows = np.linspace(0, len(image) - 1, 6).astype(int)
                axis.set_yticks(rows + 0.5, [f"{hertz[row]:.0f}" for row in rows])
            if not same:
                figure.colorbar(shown, ax=axis, label=unit)
    if same:
        figure.colorbar(shown, ax=axes, label=unit)
    if pitch is not None:
        rows = np.interp(pitch, hertz, np.arange(len(hertz)) + 0.5)
        axes[0, 0].plot(np.arange(len(pitch)) / 100, rows, ".", color="white", markersize=4)
    return Picture.of(figure, alt, photo=signed)


def dots(values: np.ndarray, labels: np.ndarray, xlabel: str, title: str) -> Picture:
    """Show a value of each item as a dot, a row for each label.

    Introduced in notebook 3.
    """
    figure, axes = _axes(1, 1, 8, 2.2)
    axis, said = axes[0, 0], []
    with matplotlib.rc_context(STYLE):
        for row, label in enumerate(dict.fromkeys(labels)):
            mine = values[labels == label]
            axis.plot(
                mine, np.full(len(mine), row), "o^sD"[row % 4], color=label_color(label), alpha=0.6
            )
            said.append(f"{label} from {mine.min():.0f} to {mine.max():.0f}")
        axis.set_yticks(range(row + 1), list(dict.fromkeys(labels)))
        axis.set_ylim(-0.6, row + 0.6)
        axis.set_xlabel(xlabel)
        axis.set_title(title)
    return Picture.of(figure, f"Dots, {xlabel}: {'; '.join(said)}.")


def bars(
    rows: dict[str, Sequence[float]], names: Sequence[str], baseline: float, ylabel: str, title: str
) -> Picture:
    """Show groups of bars, a group for each row, and what luck gives as a line.

    Introduced in notebook 3.
    """
    figure, axes = _axes(1, 1, 9, 3.2)
    axis = axes[0, 0]
    colors = (BLUE, SKY, VERMILION, ORANGE)
    with matplotlib.rc_context(STYLE):
        for i, name in enumerate(names):
            places = np.arange(len(rows)) + 0.2 * (i - (len(names) - 1) / 2)
            axis.bar(places, [row[i] for row in rows.values()], 0.18, color=colors[i], label=name)
        axis.axhline(baseline, color="black", linestyle="--", linewidth=1, label="luck")
        axis.set_xticks(range(len(rows)), list(rows))
        axis.set_ylim(0, 1.02)
        axis.set_ylabel(ylabel)
        axis.set_title(title)
        axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    said = "; ".join(f"{name} {', '.join(f'{x:.2f}' for x in row)}" for name, row in rows.items())
    return Picture.of(figure, f"Bars for {', '.join(names)}: {said}; luck {baseline:.2f}.")
