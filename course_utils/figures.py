"""The course's figures: one style, colours that colour-blind readers can tell apart, alt text.

Every function returns a `Figure`, which shows itself as the last line of a cell. `title` is a line
above, `alt` the figure in words, which is computed where it is not given; sizes are in inches. What
cannot be drawn as asked is a ValueError that says so; nothing is left out in silence.
"""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Mapping, Sequence
from itertools import cycle
from textwrap import fill

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from course_utils.evaluation import above
from course_utils.media import SAMPLE_RATE, read_image
from course_utils.session import is_live

# Okabe and Ito's colours, https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY, DARK = "#CC79A7", "#56B4E9", "#F0E442", "#767676", "#222222"
COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, GREY)
# A label keeps its colour in all notebooks; an item of two classes is dark, all others are grey.
# Sounds and places have the colour of what is heard or seen there.
LABELS = {
    BLUE: ("pen",),
    VERMILION: ("cup",),
    DARK: ("pen and cup", "children and water"),
    PURPLE: ("female voice",),
    GREEN: ("male voice",),
    SKY: ("water", "waves", "rain", "river", "fountain", "waterfall", "sea", "lake"),
    ORANGE: ("children playing", "playground", "swing", "footsteps", "park"),
}
LABEL_COLORS = {label: color for color, labels in LABELS.items() for label in labels}
KIND_FRAMES = {"image": (BLUE, "-"), "video": (VERMILION, "--"), "audio": (GREEN, ":")}
STYLE = {
    "font.size": 12,  # 17 pixels: legible on a projector of 1280 x 720
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.titlepad": 8,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "text.parse_math": False,  # a $ in a file name is a dollar sign
    "figure.dpi": 100,
}
styled = matplotlib.rc_context(STYLE)  # as a decorator: what the function draws has the style


def label_color(label: str) -> str:
    """Return the colour that stands for a label in every figure and gallery."""
    return LABEL_COLORS.get(label, GREY)


class Figure:
    """A finished figure with its description in words.

    In a notebook it shows the figure; where somebody is watching, as an HTML image whose alt text
    a screen reader reads; in a terminal, the words.
    """

    def __init__(self, data: bytes, alt: str, text: str | None = None):
        """Keep PNG or JPEG `data`, the `alt` text, and what a terminal shows (else the alt)."""
        self.data, self.alt, self.text = data, alt, text or alt
        self.mime = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"

    @classmethod
    def of(cls, figure: Canvas, alt: str, photo: bool = False, text: str | None = None) -> Figure:
        """Draw a matplotlib figure; `photo` says that it is mostly photographs (JPEG)."""
        drawn, small = io.BytesIO(), io.BytesIO()
        with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # emoji in file names
            figure.savefig(drawn, format="png", bbox_inches="tight", facecolor="white")
        picture = Image.open(drawn).convert("RGB")
        if photo:
            picture.save(small, "JPEG", quality=60, progressive=True, optimize=True)
        else:
            picture.quantize(128).save(small, "PNG", optimize=True)
        return cls(small.getvalue(), alt, text)

    def html(self) -> str:
        """Return the figure as HTML."""
        source = f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"
        return f'<img src="{source}" alt="{html.escape(self.alt)}" style="max-width:100%">'

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {self.mime: base64.b64encode(self.data).decode(), "text/plain": self.text}
        if is_live():
            bundle["text/html"] = self.html()
        return bundle, {self.mime: {"alt": self.alt}}

    def __repr__(self) -> str:
        return self.text


@styled
def new_figure(width: float, height: float) -> Canvas:
    """Return an empty matplotlib figure in the course's style, width x height in inches."""
    return Canvas(figsize=(width, height), layout="constrained")


def _axes(width: float, height: float, rows: int = 1, columns: int = 1, **words):
    """Return a figure and its axes, shape (rows, columns); of a single one the axes themselves."""
    figure = new_figure(width, height)
    axes = figure.subplots(rows, columns, squeeze=False)
    axes[0, 0].set(**words)
    return figure, axes if rows * columns > 1 else axes[0, 0]


def _check(**lists) -> None:
    """Raise a ValueError in words if there is nothing to show, or lists differ in length."""
    lengths = {name.replace("_", " "): len(values) for name, values in lists.items()}
    if empty := [name for name, length in lengths.items() if not length]:
        raise ValueError(f"There are no {empty[0]} to show.")
    if len(set(lengths.values())) > 1:
        counts = " and ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"There are {counts}; each needs its own.")


def _legend(axis, **more) -> None:
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0, **more)


def _tile(axis, image, left: float = 0.0, top: float = 0.0, side: float = 1.0) -> None:
    """Draw in a square what may be a picture, a file, an array, numbers (as stripes), or a list."""
    if isinstance(image, (list, tuple)):
        across = int(np.ceil(np.sqrt(len(image))))
        part = side / across
        for i, one in enumerate(image):
            _tile(axis, one, left + i % across * part, top + i // across * part, 0.94 * part)
        return
    if not hasattr(image, "shape") and not isinstance(image, Image.Image):
        image = read_image(image, draft_side=400)
    if isinstance(image, Image.Image):
        image = image.copy()
        image.thumbnail((640, 640))  # more than a screen shows
    array = np.asarray(image)
    if array.ndim == 1:
        array = np.tile(array, (max(1, len(array) // 3), 1))
    if array.ndim == 3 and array.dtype.kind == "f":
        array = np.clip(array, 0, 1)
    high, wide = (size * side / max(array.shape[:2]) for size in array.shape[:2])
    left, top = left + (side - wide) / 2, top + (side - high) / 2
    axis.imshow(array, extent=(left, left + wide, top + high, top), cmap="viridis")
    axis.set(xlim=(0, 1), ylim=(1, 0))


@styled
def grid(
    images: Sequence, titles: Sequence[str] = (), alt: str = "", columns: int = 5, side: float = 1.9
) -> Figure:
    """Show pictures, arrays or files in a grid of square tiles, `side` wide, titles above them."""
    _check(pictures=images, **({"titles": titles} if len(titles) else {}))
    columns, size = min(columns, len(images)), 11 if side >= 1.4 else 9
    lines = [fill(str(title), round(130 * side / size)) for title in titles]
    above = size / 50 * max((line.count("\n") + 1 for line in lines), default=0)
    rows = -(-len(images) // columns)
    figure = new_figure(side * columns, (side + above) * rows)
    for i, axis in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axis.axis("off")
        if i < len(images):
            _tile(axis, images[i])
            axis.set_title(lines[i] if lines else "", fontsize=size, loc="center", pad=3)
    named = f": {', '.join(map(str, titles))}" if lines else ""
    return Figure.of(figure, alt or f"{len(images)} pictures{named}.", photo=True)


@styled
def pipeline(steps: Sequence[tuple[str, object, str]], alt: str = "") -> Figure:
    """Draw a whole way, such as from a file to a ranking: boxes with pictures, arrows between.

    A step is (title, what is seen, words below); seen is a picture, a file, an array, a vector (as
    stripes), a list of those, or None.
    """
    _check(steps=steps)
    wide, gap, middle = 2.0, 0.55, {"ha": "center", "va": "center", "color": DARK}  # inches
    titles, words = ([fill(step[i], 19) for step in steps] for i in (0, 2))
    above, below = (0.3 + 0.2 * max(x.count("\n") + 1 for x in lines) for lines in (titles, words))
    seen = 1.8 if any(image is not None for _, image, _ in steps) else 0.0
    width, height = len(steps) * (wide + gap) - gap, above + seen + below
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    whole = figure.add_axes((0, 0, 1, 1))
    whole.axis("off")
    whole.set(xlim=(-0.03, width + 0.03), ylim=(height + 0.03, -0.03))
    for i, (_, image, _) in enumerate(steps):
        left = i * (wide + gap)
        _box(whole, left, 0.0, wide, height)
        whole.text(left + wide / 2, above / 2, titles[i], fontweight="bold", **middle)
        whole.text(left + wide / 2, height - below / 2, words[i], fontsize=11, **middle)
        if image is not None:
            bottom, high = (below + 0.05) / height, (seen - 0.1) / height
            axis = figure.add_axes(((left + 0.15) / width, bottom, (wide - 0.3) / width, high))
            axis.axis("off")
            _tile(axis, image)
        if i:
            _arrow(whole, (left - gap + 0.03, height / 2), (left - 0.03, height / 2))
    said = "; then ".join(f"{title}: {text}".rstrip(": ") for title, _, text in steps)
    return Figure.of(figure, alt or f"A way in {len(steps)} steps. {said}.", photo=True)


def _box(axis, left: float, top: float, wide: float, high: float) -> None:
    style = f"round,pad=0,rounding_size={0.1 * min(wide, high)}"
    look = {"facecolor": "#EAF2F8", "edgecolor": BLUE, "linewidth": 1.5, "boxstyle": style}
    axis.add_patch(FancyBboxPatch((left, top), wide, high, **look))


def _arrow(axis, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": DARK, "linewidth": 2, "mutation_scale": 18}
    axis.annotate("", end, start, arrowprops=look)


@styled
def bars(
    rows: Mapping[str, Sequence[float]], names: Sequence[str], chance=None, ylabel="", title=""
) -> Figure:
    """Show groups of bars: a group for each row, in it a value for each of `names`."""
    _check(rows=rows)
    for row in rows.values():
        _check(values=row, names=names)
    values, bar = np.array(list(rows.values()), dtype=float), 0.8 / len(names)
    figure, axis = _axes(10, 3.9, ylabel=ylabel, title=title)
    for i, (name, column) in enumerate(zip(names, values.T, strict=True)):
        places, hatch = np.arange(len(rows)) + bar * (i - (len(names) - 1) / 2), "/" * (i // 8 % 3)
        drawn = axis.bar(places, column, 0.9 * bar, color=COLORS[i % 8], hatch=hatch, label=name)
        if values.size <= 16:
            axis.bar_label(drawn, fmt="%.2f", fontsize=10, padding=2)
    axis.set_xticks(range(len(rows)), [fill(str(name), 16) for name in rows])
    if 0 <= values.min() and values.max() <= 1:
        axis.set_ylim(0, 1.09)
    line = _chance(axis, chance)
    said = "; ".join(f"{name} {', '.join(f'{x:.2f}' for x in row)}" for name, row in rows.items())
    return Figure.of(figure, f"Bars for {', '.join(map(str, names))}: {said}{line}.")


def _chance(axis, chance: float | None) -> str:
    """Draw what chance gives and the legend; return it in words."""
    if chance is not None:
        look = {"color": DARK, "linestyle": "--", "linewidth": 1.5}
        axis.axhline(chance, label=f"chance {chance:.2f}", **look)
    _legend(axis)
    return "" if chance is None else f"; chance {chance:.2f}"


@styled
def precision_bars(
    evaluation, names: Sequence[str], chance: float | None = None, title: str = ""
) -> Figure:
    """Show the precision@k of each query of an Evaluation as a bar; `names` is for all items."""
    queries, values = evaluation.queries, evaluation.precision
    _check(queries=queries)
    size = max(10, 0.17 * len(queries)), 3.9
    figure, axis = _axes(*size, ylabel=f"precision@{evaluation.k}", title=title)
    places, labels = np.arange(len(queries)), np.asarray(evaluation.labels)
    for label in dict.fromkeys(labels.tolist()):
        mine = labels == label
        axis.bar(places[mine], values[mine], 0.8, color=label_color(label), label=label)
    axis.set_xticks(places, [names[q] for q in queries], rotation=90, fontsize=9)
    axis.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, 1.05))
    line = _chance(axis, chance)
    worst = ", ".join(names[q] for q in queries[np.argsort(values, kind="stable")[:3]])
    alt = f"Bars: precision@{evaluation.k} of {len(places)} queries, mean {evaluation.mean:.2f}"
    return Figure.of(figure, f"{alt}{line}. Lowest: {worst}.")


@styled
def intervals(
    rows: Mapping[str, tuple], line=None, xlabel="", title="", line_name="chance"
) -> Figure:
    """Show values as dots with intervals: name -> (value, lowest, highest).

    `line` is what chance gives: one value for all rows (0 for differences), or name -> value.
    """
    _check(rows=rows)
    figure, axis = _axes(9.5, 0.5 * len(rows) + 1.3, xlabel=xlabel, title=title)
    places, said = np.arange(len(rows))[::-1], []
    each, tick = isinstance(line, Mapping), {"color": DARK, "markersize": 20, "mew": 2.5}
    for place, (name, (value, low, high)) in zip(places, rows.items(), strict=True):
        axis.plot([low, high], [place, place], color=BLUE, linewidth=3, solid_capstyle="butt")
        axis.plot(value, place, "o", color=BLUE, markersize=9)
        text, where = f"{value:.2f} ({low:.2f} to {high:.2f})", axis.get_yaxis_transform()
        axis.text(1.02, place, text, transform=where, va="center", fontsize=11)
        if each:
            axis.plot(line[name], place, "|", **tick, label=line_name if place == 0 else None)
        said.append(f"{name} {text}" + (f", {line_name} {line[name]:.2f}" if each else ""))
    if line is not None and not each:
        axis.axvline(
            line, color=DARK, linestyle="--", linewidth=1.5, label=f"{line_name} {line:.3g}"
        )
        said.append(f"{line_name} {line:.3g}")
    axis.set_yticks(places, [fill(str(name), 34) for name in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    if line is not None:
        figure.legend(loc="outside lower right")
    return Figure.of(figure, f"Dots with intervals, {xlabel or 'values'}: {'; '.join(said)}.")


@styled
def histograms(scales, marks=None, title: str = "") -> Figure:
    """Show how random pairs' cosines are spread, and where some cosines lie among them.

    `scales` is a `course_utils.evaluation.Percentiles` or name -> Percentiles of several spaces;
    `marks` is name -> cosine, marked in each histogram with its percentile.
    """
    scales = scales if isinstance(scales, Mapping) else {"": scales}
    _check(scales=scales)
    marks = sorted((marks or {}).items(), key=lambda mark: mark[1])
    height = (1.35 + 0.26 * len(marks)) * len(scales) + 0.5
    figure, axes = _axes(9.5, height, len(scales))
    axes, said = np.ravel(axes), []
    ends = [x for y in scales.values() for x in (y.scores[0], y.scores[-1])] + [x for _, x in marks]
    bins = np.linspace(min(ends) - 0.02, max(ends) + 0.02, 81)
    for axis, (name, scale), color in zip(axes, scales.items(), cycle(COLORS), strict=False):
        top = axis.hist(scale.scores, bins, color=color, alpha=0.55)[0].max()
        median = float(np.median(scale.scores))
        lines = [(median, f"median {median:.2f}")]
        for mark, score in marks:
            number = "" if mark == f"{score:.2f}" else f" {score:.2f}"
            lines.append((score, f"{mark}{number}: {above(scale.percentile(score))}"))
        for i, (score, words) in enumerate(lines):  # the words stand above all bars
            high, look = top * (1.05 + 0.3 * i), (DARK, ":") if not i else (VERMILION, "-")
            axis.plot([score] * 2, [0, high], color=look[0], linestyle=look[1], linewidth=2)
            side = "left" if score < (bins[0] + bins[-1]) / 2 else "right"
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axis.text(score, high, f" {words} ", ha=side, va="center", fontsize=11, bbox=behind)
        axis.set(xlim=(bins[0], bins[-1]), ylim=(0, top * (1.3 + 0.3 * len(marks))), yticks=[])
        axis.set_title(name)
        axis.spines["left"].set_visible(False)
        axis.tick_params(labelbottom=axis is axes[-1])
        said.append(f"{name}: ".lstrip(": ") + "; ".join(words for _, words in lines))
    axes[-1].set_xlabel("cosine similarity of two items from different sources")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    return Figure.of(figure, f"Histograms of random pairs' cosines. {'. '.join(said)}.")


@styled
def heat_maps(
    images: Sequence, maps: Sequence[np.ndarray], titles: Sequence[str], cosine: float
) -> Figure:
    """Show pictures in colour, and beside each what its places contribute to a cosine.

    Args:
        images: what the network saw, (height, width, 3) each; films (t, height, width, 3).
        maps: their contributions, (rows, columns) each; for films (times, rows, columns).
        titles: a line above each.
        cosine: what each map adds up to.
    """
    _check(images=images, maps=maps, titles=titles)
    films = np.ndim(maps[0]) == 3
    frames, parts = [], [part if films else part[None] for part in maps]
    for image, part in zip(images, parts, strict=True):
        step = len(image) // len(part) if films else 1
        frames.append(image[step // 2 :: step][: len(part)] if films else [image])
    times = max(map(len, parts))
    rows, columns = (len(maps), 2 * times) if films else (-(-len(maps) // 2), min(4, 2 * len(maps)))
    tall = np.shape(frames[0][0])[0] / np.shape(frames[0][0])[1]
    figure = new_figure(2.3 * columns + 1, (2.3 * tall + 0.6) * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    each = axes.ravel()[: 2 * times * len(parts)].reshape(len(parts), -1)
    low, high = min(part.min() for part in parts), max(part.max() for part in parts)
    limits, said = {"vmin": 0, "vmax": high, "cmap": "magma"}, []
    if low < 0:
        limits = {"vmin": -max(high, -low), "vmax": max(high, -low), "cmap": "PuOr_r"}
    for row, shown, part, title in zip(each, frames, parts, titles, strict=True):
        for time, (frame, heat) in enumerate(zip(shown, part, strict=True)):
            row[time].imshow(frame)
            drawn = row[times + time].imshow(heat, aspect="auto", **limits)
            row[times + time].set_box_aspect(tall)
            row[times + time].set_title(f"sum {heat.sum():.3f}", fontsize=11, loc="center", pad=3)
        row[0].set_title(title, fontsize=12, pad=4)
        time, y, x = (int(i) + 1 for i in np.unravel_index(part.argmax(), part.shape))
        where = f"time {time}, " * films + f"row {y}, column {x}"
        said.append(f"{title}: most from {where} of {' x '.join(map(str, part.shape[-2:]))}")
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="contribution to the cosine")
    alt = f"{'Films' if films else 'Pictures'} and heat maps of what each place contributes"
    return Figure.of(figure, f"{alt} to a cosine of {cosine:.2f}. {'; '.join(said)}.", photo=True)


@styled
def map_2d(
    points: np.ndarray, catalog, title="", side=40, thumbnails: Sequence = (), frames="label"
) -> Figure:
    """Show n items as thumbnails, `side` pixels long, at their places on a plane, (n, 2).

    Without `thumbnails`, n small pictures, the items are read as pictures. `frames` says by what
    frames are coloured: by `label`, or by `kind` (picture, film or sound).
    """
    _check(points=points, items=catalog, thumbnails=thumbnails if len(thumbnails) else points)
    figure, axis = _axes(10.5, 6.6, xticks=[], yticks=[], title=title)
    axis.scatter(*points.T, alpha=0)
    legend, said = {}, {}
    for i, (point, item) in enumerate(zip(points, catalog, strict=True)):
        small = thumbnails[i] if len(thumbnails) else read_image(item.path, draft_side=2 * side)
        small = small.copy()
        small.thumbnail((side, side))
        name, color, line = item.label, label_color(item.label), "-"
        if frames == "kind":
            name, (color, line) = item.kind, KIND_FRAMES[item.kind]
        said.setdefault(name, []).append(point)
        name = name if color != GREY else "all others"
        frame = {"edgecolor": color, "linestyle": line, "linewidth": 2, "boxstyle": "square"}
        axis.add_artist(AnnotationBbox(OffsetImage(small), point, pad=0.1, bboxprops=frame))
        legend[name] = Line2D([], [], color=color, linestyle=line, linewidth=3, label=name)
    axis.margins(0.06)
    axis.spines[["left", "bottom"]].set_visible(False)
    _legend(axis, handles=sorted(legend.values(), key=lambda x: x.get_label() == "all others"))
    text, middles = f"Map of {len(points)} thumbnails.", {x: np.mean(y, 0) for x, y in said.items()}
    around = ", ".join(f"{name} around ({x:.1f}, {y:.1f})" for name, (x, y) in middles.items())
    return Figure.of(figure, f"{text} Middle of each {frames}: {around}.", photo=True, text=text)


@styled
def lines(
    x, ys: Mapping, xlabel="", ylabel="", title="", alt="", logx=False, logy=False, marks=None
) -> Figure:
    """Show any number of curves, name -> values; x is where all have them, or name -> where.

    `marks` is words -> an x to mark with a line.
    """
    _check(curves=ys)
    figure, axis = _axes(9.5, 3.7, xlabel=xlabel, ylabel=ylabel, title=title)
    said, marks = [], marks or {}
    for i, (name, y) in enumerate(ys.items()):
        at, y = np.asarray(x[name] if isinstance(x, Mapping) else x), np.asarray(y, dtype=float)
        _check(places=at, values=y)
        dash, marker = ("-", "--", "-.", ":")[(i + i // 8) % 4], "os^Dv*Ph"[i % 8]
        look = {"color": COLORS[i % 8], "linewidth": 2, "marker": marker if len(at) < 21 else ""}
        axis.plot(at, y, dash, label=name, **look)
        if np.isfinite(y).any():
            top = f"highest at {at[np.nanargmax(y)]:.4g} with {np.nanmax(y):.3g}"
            said.append(f"{name} from {y[0]:.3g} to {y[-1]:.3g}, {top}")
    for i, (words, place) in enumerate(marks.items()):  # the words stand above the axes
        axis.axvline(place, color=DARK, linestyle=":", linewidth=1.5)
        up = {"xytext": (0, 4 + 14 * (i % 2)), "textcoords": "offset points", "ha": "center"}
        axis.annotate(words, (place, 1), xycoords=axis.get_xaxis_transform(), fontsize=11, **up)
        said.append(f"{words} at {place:.4g}")
    axis.set_title(title, pad=8 + 15 * min(2, len(marks)))
    for log, one in ((logx, axis.xaxis), (logy, axis.yaxis)):
        if log:
            one.axes.set(**{f"{one.axis_name}scale": "log"})
            one.set_major_formatter(lambda value, _: f"{value:,.10g}")
    if len(ys) > 1:
        _legend(axis)
    return Figure.of(figure, alt or f"Curves, {ylabel} over {xlabel}: {'; '.join(said)}.")


@styled
def waveforms(sounds: Sequence[np.ndarray], titles: Sequence[str], start: float = 0.0) -> Figure:
    """Show 16 kHz waveforms above each other on the same axes: air pressure over time."""
    _check(sounds=sounds, titles=titles)
    figure, axes = _axes(9.5, 1.6 * len(sounds) + 0.5, len(sounds))
    peaks, said = [np.abs(sound).max(initial=0) for sound in sounds], []
    end, most = start + max(map(len, sounds)) / SAMPLE_RATE, 1.05 * (max(peaks) or 1)
    for axis, sound, title, peak in zip(np.ravel(axes), sounds, titles, peaks, strict=True):
        axis.plot(start + np.arange(len(sound)) / SAMPLE_RATE, sound, color=BLUE, linewidth=0.8)
        axis.set(xlim=(start, end), ylim=(-most, most), ylabel="pressure", title=title)
        said.append(f"{title}: {len(sound) / SAMPLE_RATE:.2f} s, up to {peak:.2f}")
    axis.set_xlabel("seconds")
    return Figure.of(figure, f"Waveforms. {'; '.join(said)}.")


@styled
def spectrograms(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    alt: str = "",
    hertz: np.ndarray | None = None,
    pitch: np.ndarray | None = None,
    unit: str | Sequence[str] = "dB",
    signed: bool = False,
    xlabel: str = "seconds",
    ylabel: str = "hertz",
    width: float | None = None,
) -> Figure:
    """Show spectrograms, (bands, frames) each, beside each other, low frequencies at the bottom.

    Args:
        images: a frame every 10 ms, or `width` is what the last column stands for.
        titles: a line above each.
        alt: the figure in words; without it, the titles and sizes.
        hertz: the frequency of each row, for the axis; None numbers the rows.
        pitch: a pitch in hertz for each frame of the first image, drawn as dots; 0 is none.
        unit: what the colours stand for, on one scale for all; a unit for each gives each its own.
        signed: the last image has values on both sides of zero: orange above, purple below.
        xlabel: what a column is.
        ylabel: what a row is.
        width: see `images`.
    """
    units = [unit] * len(images) if isinstance(unit, str) else list(unit)
    _check(spectrograms=images, titles=titles, units=units)
    own, said = signed or not isinstance(unit, str), []
    figure, axes = _axes(min(12, 4.3 * len(images) + 0.9), 3.6, 1, len(images), ylabel=ylabel)
    axes = np.ravel(axes)
    low, high = (f([f(image) for image in images]) for f in (np.nanmin, np.nanmax))
    for axis, image, title, label in zip(axes, images, titles, units, strict=True):
        if hertz is not None:
            _check(rows=image, frequencies=hertz)
            at = [x for x in (250, 500, 1000, 2000, 4000) if hertz[0] <= x <= hertz[-1]]
            axis.set_yticks(_row_of(hertz, at), [f"{x:g}".replace("000", "k") for x in at])
        look = {"cmap": "magma"} if own else {"cmap": "magma", "vmin": low, "vmax": high}
        if signed and axis is axes[-1]:
            most = np.nanmax(np.abs(image))
            look = {"cmap": "PuOr_r", "vmin": -most, "vmax": most}
        ends, fast = (0, width or np.shape(image)[1] / 100, 0, len(image)), "nearest"
        look |= {"origin": "lower", "aspect": "auto", "extent": ends, "interpolation": fast}
        shown = axis.imshow(image, **look)
        axis.set(title=title, xlabel=xlabel)
        if own or axis is axes[-1]:
            figure.colorbar(shown, ax=axis if own else axes, label=label)
        said.append(f"{title}, {' x '.join(map(str, np.shape(image)))}")
    if pitch is not None:
        voiced = np.flatnonzero(np.nan_to_num(pitch) > 0)
        look = {"color": "#00E5FF", "markersize": 6, "mec": "black", "mew": 0.6}
        axes[0].plot((voiced + 0.5) / 100, _row_of(hertz, np.asarray(pitch)[voiced]), "o", **look)
    return Figure.of(figure, alt or f"Spectrograms: {'; '.join(said)}.", photo=True)


def _row_of(hertz: np.ndarray, frequencies) -> np.ndarray:
    """Return the height at which frequencies lie between the middles of rows."""
    return np.interp(frequencies, hertz, np.arange(len(hertz)) + 0.5)


@styled
def dots(values: np.ndarray, labels: Sequence[str], xlabel: str = "", title: str = "") -> Figure:
    """Show a value of each item as a dot, a row for each label."""
    _check(values=values, labels=labels)
    values, labels = np.asarray(values, dtype=float), np.asarray(labels)
    names, said = list(dict.fromkeys(labels.tolist())), []
    figure, axis = _axes(9.5, 0.7 * len(names) + 1.2, xlabel=xlabel, title=title)
    for row, label in enumerate(names):
        mine, look = values[labels == label], {"markersize": 9, "alpha": 0.65, "mec": DARK}
        axis.plot(mine, [row] * len(mine), "os^D"[row % 4], color=label_color(label), **look)
        said.append(f"{label} from {mine.min():.0f} to {mine.max():.0f}")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, len(names) - 0.4)
    return Figure.of(figure, f"Dots, {xlabel}: {'; '.join(said)}.")


@styled
def film_strip(
    frames: Sequence[np.ndarray], times: Sequence[float], title: str = "", alt: str = ""
) -> Figure:
    """Show frames, (height, width, 3) each, with their seconds; `alt` says what happens there."""
    _check(frames=frames, times=times)
    columns = min(8, len(frames))
    rows, tall = -(-len(frames) // columns), max(len(frame) / len(frame[0]) for frame in frames)
    figure = new_figure(1.5 * columns, (1.5 * tall + 0.3) * rows)
    for i, axis in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axis.axis("off")
        if i < len(frames):
            axis.imshow(frames[i])
            axis.set_title(f"{times[i]:.2f} s", fontsize=11, loc="center", pad=2)
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    said = f"{len(frames)} frames from second {times[0]:.2f} to {times[-1]:.2f}"
    said = ". ".join(words.rstrip(".") for words in (said, title, alt) if words) + "."
    return Figure.of(figure, f"Film strip: {said}", photo=True, text=f"[film strip] {said}")


@styled
def kernel_in_time(frames: np.ndarray, at: int, span: int = 3) -> Figure:
    """Draw a clip (t, height, width, 3) under a 3-D kernel of `span` frames from frame `at` on."""
    _check(frames=frames)
    count, height, width = frames.shape[:3]
    figure, axis = _axes(6.6, 2.6)
    for i in reversed(range(count)):  # each frame covers the left part of the one behind it
        x, y, inside = 0.55 * width * i, -0.1 * height * i, at <= i < at + span
        axis.imshow(frames[i], extent=(x, x + width, y + height, y), zorder=3 * (count - i))
        look = {"fill": False, "edgecolor": ORANGE if inside else "white", "linewidth": 3}
        axis.add_patch(Rectangle((x, y), width, height, zorder=3 * (count - i) + 1, **look))
        if inside:
            look = {"facecolor": ORANGE, "edgecolor": DARK, "zorder": 3 * (count - i) + 2}
            place, side = (x + 0.62 * width, y + 0.4 * height), 0.3 * width
            axis.add_patch(Rectangle(place, side, side, **look))
    end = (0.55 * count + 0.45) * width
    _arrow(axis, (0, 1.12 * height), (end, 1.12 * height))
    axis.text(0, 1.2 * height, "time", va="top")
    ends = (-0.05 * width, end + 0.05 * width), (1.5 * height, -0.1 * count * height)
    axis.set(xlim=ends[0], ylim=ends[1], aspect="equal")
    axis.axis("off")
    alt = f"{count} frames, one behind the other; a kernel covers frames {at + 1} to {at + span}."
    return Figure.of(figure, alt)


@styled
def diagram(boxes: Mapping[str, tuple], arrows: Sequence[tuple], alt="", size=(10, 4.2)) -> Figure:
    """Draw boxes, name -> (x, y, second line), and what flows: (from, to, what).

    x and y of a box's middle go from 0 to 1; `size` is width and height.
    """
    _check(boxes=boxes)
    figure, axis = _axes(*size, xlim=(0, 1), ylim=(0, 1))
    axis.axis("off")
    half, middle = np.array([0.105, 0.11]), {"ha": "center", "va": "center", "color": DARK}
    for name, (x, y, more) in boxes.items():
        _box(axis, x - half[0], y - half[1], *(2 * half))
        axis.text(x, y + 0.04 * bool(more), name, fontweight="bold", **middle)
        axis.text(x, y - 0.05, more, fontsize=11, **middle)
    for start, end, label in arrows:
        if missing := {start, end} - set(boxes):
            raise ValueError(f"An arrow names {missing.pop()!r}; boxes: {', '.join(boxes)}.")
        a, b = np.array(boxes[start][:2]), np.array(boxes[end][:2])
        flat = abs(b - a)[0] > abs(b - a)[1]
        out = np.sign(b - a) * half * ((1, 0) if flat else (0, 1))
        _arrow(axis, tuple(a + out), tuple(b - out))
        x, y = (a + b) / 2 + ((0, 0.02) if flat else (0.012, 0))
        place = {"ha": "center", "va": "bottom"} if flat else {"ha": "left", "va": "center"}
        axis.text(x, y, label, fontsize=11, **place)
    said = [f"{name} ({more})" if more else name for name, (_, _, more) in boxes.items()]
    flows = [f"{start} to {end}: {label}" for start, end, label in arrows]
    return Figure.of(figure, alt or f"Boxes {', '.join(said)}. Arrows {'; '.join(flows)}.")
