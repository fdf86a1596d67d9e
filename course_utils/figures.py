"""The course's figures: one style, colours that colour-blind readers can tell apart, alt text.

Every function returns a `Figure`, which shows itself when it is the last line of a cell. What
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

from course_utils.media import SAMPLE_RATE, read_image
from course_utils.session import is_live

# Okabe and Ito's colours, https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#767676"
DARK = "#222222"
COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, GREY)
DASHES = ("-", "--", "-.", ":")
# A label keeps its colour in all notebooks; an item of two classes is dark, all others are grey.
LABEL_COLORS = {"pen": BLUE, "cup": VERMILION, "water": SKY, "children playing": ORANGE}
LABEL_COLORS |= {"female voice": PURPLE, "male voice": GREEN}
LABEL_COLORS |= dict.fromkeys(("pen and cup", "children and water"), DARK)
# Sounds and places have the colour of what is heard or seen there.
WATERS = ("waves", "rain", "river", "fountain", "waterfall", "sea", "lake")
PLAYS = ("playground", "swing", "footsteps", "park")
LABEL_COLORS |= dict.fromkeys(WATERS, SKY) | dict.fromkeys(PLAYS, ORANGE)
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
        buffer = io.BytesIO()
        with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # emoji in file names
            figure.savefig(buffer, format="png", bbox_inches="tight", facecolor="white")
        drawn = Image.open(buffer).convert("RGB")
        buffer = io.BytesIO()
        if photo:
            drawn.save(buffer, "JPEG", quality=66, optimize=True)
        else:
            drawn.quantize(128).save(buffer, "PNG", optimize=True)
        return cls(buffer.getvalue(), alt, text)

    def _repr_mimebundle_(self, include=None, exclude=None):
        encoded = base64.b64encode(self.data).decode()
        bundle = {self.mime: encoded, "text/plain": self.text}
        if is_live():
            alt = html.escape(self.alt)
            bundle["text/html"] = (
                f'<img src="data:{self.mime};base64,{encoded}" alt="{alt}" style="max-width:100%">'
            )
        return bundle, {self.mime: {"alt": self.alt}}

    def __repr__(self) -> str:
        return self.text


@styled
def new_figure(width: float, height: float, rows: int = 0, columns: int = 1):
    """Return an empty matplotlib figure in the course's style, width x height in inches.

    With `rows`, return also its axes, an array of shape (rows, columns).
    """
    figure = Canvas(figsize=(width, height), layout="constrained")
    return (figure, figure.subplots(rows, columns, squeeze=False)) if rows else figure


def _same_length(**lists) -> None:
    """Raise a ValueError in words if there is nothing to show, or a list is shorter than others."""
    lengths = {name.replace("_", " "): len(values) for name, values in lists.items()}
    if 0 in lengths.values():
        raise ValueError(f"There are no {next(x for x, n in lengths.items() if not n)} to show.")
    if len(set(lengths.values())) > 1:
        counts = " and ".join(f"{count} {name}" for name, count in lengths.items())
        raise ValueError(f"There are {counts}; each needs its own.")


def _tile(axis, image, side: float = 1.0) -> None:
    """Draw an image in the middle of a square, whatever its shape.

    It is a picture, a file, an array of two or three dimensions, numbers (drawn as stripes), or a
    list of those, which share the square.
    """
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(1, 0), aspect="equal")
    for picture, (left, top, size) in _places(image, 0.0, 0.0, side):
        high, wide = np.array(picture.shape[:2]) * size / max(picture.shape[:2])
        left, top = left + (size - wide) / 2, top + (size - high) / 2
        axis.imshow(picture, extent=(left, left + wide, top + high, top), cmap="viridis")
    axis.set(xlim=(0, 1), ylim=(1, 0))


def _places(image, left: float, top: float, side: float):
    """Yield what to draw as an array, and its place in a square."""
    if isinstance(image, (list, tuple)):
        across = int(np.ceil(np.sqrt(len(image))))
        for i, one in enumerate(image):
            x, y, part = left + i % across * side / across, top + i // across * side / across, 0.94
            yield from _places(one, x, y, part * side / across)
        return
    if not hasattr(image, "shape") and not isinstance(image, Image.Image):
        image = read_image(image, draft_side=400)
    array = np.asarray(image)
    if array.ndim == 1:
        array = np.tile(array, (max(1, len(array) // 3), 1))
    if array.ndim == 3 and array.dtype.kind == "f":
        array = np.clip(array, 0, 1)
    if array.shape[0] * array.shape[1] > 500_000 and array.dtype == np.uint8:
        array = np.asarray(Image.fromarray(array).reduce(2))  # a photo is more than a screen shows
    yield array, (left, top, side)


@styled
def grid(
    images: Sequence, titles: Sequence[str] = (), alt: str = "", columns: int = 5, side: float = 1.9
) -> Figure:
    """Show pictures in a grid of square tiles.

    Args:
        images: pictures, arrays or files.
        titles: a line above each, or none at all.
        alt: the figure in words; without it, the titles.
        columns: how many beside each other.
        side: the width of one, in inches.

    Raises:
        ValueError: there are no pictures, or not as many titles.

    Introduced in notebook 1.
    """
    titles = [str(title) for title in titles]
    _same_length(pictures=images, **({"titles": titles} if titles else {}))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = [fill(title, max(10, round(11 * side))) for title in titles]
    above = 0.22 * max((line.count("\n") + 1 for line in lines), default=0)
    figure, axes = new_figure(side * columns, (side + above) * rows, rows, columns)
    for i, axis in enumerate(axes.ravel()):
        axis.axis("off")
        if i < len(images):
            _tile(axis, images[i])
            axis.set_title(lines[i] if lines else "", fontsize=11, loc="center", pad=3)
    named = f": {', '.join(titles)}" if titles else ""
    return Figure.of(figure, alt or f"{len(images)} pictures{named}.", photo=True)


@styled
def pipeline(steps: Sequence[tuple[str, object, str]], alt: str = "") -> Figure:
    """Draw a whole way, such as from a file to a ranking: boxes with pictures, arrows between.

    Args:
        steps: (title, what is seen, words below) of each box. What is seen is a picture, a file, an
            array, a vector (drawn as stripes), a list of those, or None.
        alt: the drawing in words; without it, the titles and words.

    Introduced in notebook 1.
    """
    _same_length(steps=steps)
    wide, gap = 2.0, 0.55  # inches
    width = len(steps) * (wide + gap) - gap
    words = [fill(text, 20) for _, _, text in steps]
    below = 0.3 + 0.19 * max(text.count("\n") + 1 for text in words)
    titles = [fill(title, 18) for title, _, _ in steps]
    above = 0.25 + 0.22 * max(title.count("\n") + 1 for title in titles)
    seen = 1.8 if any(image is not None for _, image, _ in steps) else 0.0
    height = above + seen + below
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    whole = figure.add_axes((0, 0, 1, 1))
    whole.axis("off")
    whole.set(xlim=(-0.03, width + 0.03), ylim=(height + 0.03, -0.03))
    for i, (title, (_, image, _), text) in enumerate(zip(titles, steps, words, strict=True)):
        left = i * (wide + gap)
        _box(whole, left, 0.0, wide, height)
        middle = {"ha": "center", "va": "center", "color": DARK}
        whole.text(left + wide / 2, above / 2, title, fontweight="bold", **middle)
        whole.text(left + wide / 2, above + seen + below / 2 - 0.05, text, fontsize=11, **middle)
        if image is not None:
            bottom = 1 - (above + seen - 0.05) / height
            place = (left + 0.15) / width, bottom, (wide - 0.3) / width, (seen - 0.1) / height
            _tile(figure.add_axes(place), image)
        if i:
            ends = (left - 0.03, height / 2), (left - gap + 0.03, height / 2)
            arrow = {"arrowstyle": "-|>", "color": DARK, "linewidth": 2, "mutation_scale": 18}
            whole.annotate("", *ends, arrowprops=arrow)
    said = "; then ".join(f"{title}: {text}".rstrip(": ") for title, _, text in steps)
    return Figure.of(figure, alt or f"A way in {len(steps)} steps. {said}.", photo=True)


def _box(axis, left: float, top: float, wide: float, high: float) -> None:
    style = f"round,pad=0,rounding_size={0.1 * min(wide, high)}"
    look = {"facecolor": "#EAF2F8", "edgecolor": BLUE, "linewidth": 1.5}
    axis.add_patch(FancyBboxPatch((left, top), wide, high, boxstyle=style, **look))


def _chance_line(axis, chance: float | None, name: str = "chance") -> None:
    if chance is not None:
        axis.axhline(
            chance, color=DARK, linestyle="--", linewidth=1.5, label=f"{name} {chance:.2f}"
        )


def _legend_right(axis, **more) -> None:
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0, **more)


@styled
def bars(
    rows: Mapping[str, Sequence[float]], names: Sequence[str], chance: float | None = None,
    ylabel: str = "", title: str = "",
) -> Figure:  # fmt: skip
    """Show groups of bars, a group for each row, and what chance gives as a line.

    Args:
        rows: name of a group -> a value for each of `names`.
        names: what each bar of a group is.
        chance: the value that chance gives.
        ylabel: what a value is.
        title: a line above.

    Introduced in notebook 3.
    """
    for row in rows.values():
        _same_length(values=row, names=names)
    _same_length(rows=rows)
    values, bar = np.array(list(rows.values()), dtype=float), 0.8 / len(names)
    figure, axes = new_figure(10, 3.9, 1)
    axis = axes[0, 0]
    for i, name in enumerate(names):
        places = np.arange(len(rows)) + bar * (i - (len(names) - 1) / 2)
        hatch = ("", "//", "..", "xx")[i // len(COLORS) % 4]
        axis.bar(places, values[:, i], 0.9 * bar, color=COLORS[i % 8], hatch=hatch, label=name)
        for place, value in zip(places, values[:, i], strict=True):
            if values.size <= 16:
                axis.text(place, value, f"{value:.2f}", ha="center", va="bottom", fontsize=10)
    _chance_line(axis, chance)
    axis.set_xticks(range(len(rows)), [fill(str(name), 16) for name in rows])
    if 0 <= values.min() and values.max() <= 1:
        axis.set_ylim(0, 1.05)
    axis.set(ylabel=ylabel, title=title)
    if len(names) > 1 or chance is not None:
        _legend_right(axis)
    said = "; ".join(f"{name} {', '.join(f'{x:.2f}' for x in row)}" for name, row in rows.items())
    line = "" if chance is None else f"; chance {chance:.2f}"
    return Figure.of(figure, f"Bars for {', '.join(map(str, names))}: {said}{line}.")


@styled
def precision_bars(
    evaluation, names: Sequence[str], chance: float | None = None, title: str = ""
) -> Figure:
    """Show precision@k of every query as a bar in its label's colour, and chance as a line.

    Args:
        evaluation: a `course_utils.evaluation.Evaluation`.
        names: a name for each item of the collection.
        chance: the mean precision@k that chance gives.
        title: a line above.

    Introduced in notebook 1.
    """
    queries, values = evaluation.queries, evaluation.precision
    _same_length(queries=queries)
    figure, axes = new_figure(max(10, 0.17 * len(queries)), 3.9, 1)
    axis, places = axes[0, 0], np.arange(len(queries))
    for label in dict.fromkeys(evaluation.labels):
        mine = evaluation.labels == label
        axis.bar(places[mine], values[mine], 0.8, color=label_color(label), label=label)
    axis.plot(places[values == 0], values[values == 0], "x", color=DARK, label="none right")
    _chance_line(axis, chance)
    axis.set_xticks(places, [names[q] for q in queries], rotation=90, fontsize=9)
    axis.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, 1.05), title=title)
    axis.set_ylabel(f"precision@{evaluation.k}")
    handles, texts = axis.get_legend_handles_labels()
    shown = [(h, t) for h, t in zip(handles, texts, strict=True) if t != "none right"]
    _legend_right(axis, **dict(zip(("handles", "labels"), zip(*shown, strict=True), strict=True)))
    worst = [names[q] for q in queries[np.argsort(values, kind="stable")[:3]]]
    line = "" if chance is None else f"; chance gives {chance:.2f}"
    alt = (
        f"Bars: precision@{evaluation.k} of {len(places)} queries, mean {evaluation.mean:.2f}{line}"
        f". Lowest: {', '.join(worst)}."
    )
    return Figure.of(figure, alt)


@styled
def intervals(
    rows: Mapping[str, tuple[float, float, float]], line: float | Mapping[str, float] | None = None,
    xlabel: str = "", title: str = "", line_name: str = "chance",
) -> Figure:  # fmt: skip
    """Show values as dots with their intervals, and what chance gives as a line.

    Args:
        rows: name -> (value, lowest, highest).
        line: one value for all rows, or name -> value; 0 for differences.
        xlabel: what a value is.
        title: a line above.
        line_name: what the line is.

    Introduced in notebook 1.
    """
    _same_length(rows=rows)
    figure, axes = new_figure(9.5, 0.5 * len(rows) + 1.3, 1)
    axis, places, said = axes[0, 0], np.arange(len(rows))[::-1], []
    for place, (name, (value, low, high)) in zip(places, rows.items(), strict=True):
        axis.plot([low, high], [place, place], color=BLUE, linewidth=3, solid_capstyle="butt")
        axis.plot(value, place, "o", color=BLUE, markersize=9)
        said.append(f"{name} {value:.2f} ({low:.2f} to {high:.2f})")
        text = said[-1].removeprefix(f"{name} ")
        axis.text(1.02, place, text, transform=axis.get_yaxis_transform(), va="center", fontsize=11)
        if isinstance(line, Mapping):
            tick = {"markersize": 20, "markeredgewidth": 2.5, "color": DARK}
            axis.plot(line[name], place, "|", **tick, label=line_name if place == 0 else None)
            said[-1] += f", {line_name} {line[name]:.2f}"
    if line is not None and not isinstance(line, Mapping):
        axis.axvline(line, color=DARK, linestyle="--", linewidth=1.5, label=f"{line_name} {line:g}")
        said.append(f"{line_name} {line:g}")
    axis.set_yticks(places, [fill(str(name), 34) for name in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set(xlabel=xlabel, title=title)
    if line is not None:
        figure.legend(loc="outside lower right")
    return Figure.of(figure, f"Dots with intervals, {xlabel or 'values'}: {'; '.join(said)}.")


@styled
def histograms(scales, marks: Mapping[str, float] | None = None, title: str = "") -> Figure:
    """Show how the cosines of random pairs are spread, and where some cosines lie among them.

    Args:
        scales: a `course_utils.evaluation.Percentiles`, or name -> Percentiles for several spaces.
        marks: name -> cosine, marked in each histogram with its percentile.
        title: a line above.

    Introduced in notebook 1.
    """
    scales = scales if isinstance(scales, Mapping) else {"": scales}
    _same_length(scales=scales)
    marks = dict(marks or {})
    figure, axes = new_figure(9.5, (1.35 + 0.26 * len(marks)) * len(scales) + 0.5, len(scales))
    ends = [x for scale in scales.values() for x in scale.scores[[0, -1]]] + list(marks.values())
    bins, said = np.linspace(min(ends), max(ends) + 1e-9, 81), []
    for axis, (name, scale), color in zip(axes[:, 0], scales.items(), cycle(COLORS)):
        top = axis.hist(scale.scores, bins, color=color, alpha=0.55)[0].max()
        median, words = float(np.median(scale.scores)), []
        axis.plot([median] * 2, [0, top], color=DARK, linestyle=":", linewidth=2)
        axis.text(median, 1.02 * top, f"median {median:.2f}", ha="center", va="bottom", fontsize=11)
        for i, (mark, score) in enumerate(sorted(marks.items(), key=lambda x: x[1])):
            words.append(f"{mark} {score:.2f}: above {scale.percentile(score):.0f} %")
            height = top * (1.4 + 0.3 * i)  # the labels stand above all bars
            axis.plot([score] * 2, [0, height], color=VERMILION, linewidth=2)
            left = score < (bins[0] + bins[-1]) / 2
            text = f" {words[-1]} " if left else f" {words[-1]} "
            axis.text(score, height, text, ha="left" if left else "right", va="center", fontsize=11)
        axis.set_ylim(0, top * (1.3 + 0.3 * len(marks)))
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_title(name)
        axis.set_xlim(bins[0], bins[-1] + 0.01)
        said.append(": ".join(filter(None, (name, f"median {median:.2f}, {'; '.join(words)}"))))
    for axis in axes[:-1, 0]:
        axis.set_xticklabels([])
    axes[-1, 0].set_xlabel("cosine similarity of two items from different sources")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    return Figure.of(figure, f"Histograms of random pairs' cosines. {' | '.join(said)} of pairs.")


@styled
def heat_maps(
    images: Sequence, maps: Sequence[np.ndarray], titles: Sequence[str], cosine: float
) -> Figure:
    """Show pictures in colour, and beside each what its places contribute to a cosine.

    Args:
        images: the pictures as the network saw them, (height, width, 3) each; for films their
            frames (t, height, width, 3).
        maps: their contributions, (rows, columns) each; for films (times, rows, columns).
        titles: a line above each.
        cosine: what each map adds up to.

    Introduced in notebook 1.
    """
    _same_length(images=images, maps=maps, titles=titles)
    films = np.ndim(maps[0]) == 3
    times = max(len(part) for part in maps) if films else 1
    rows, columns = (2 * len(maps), times) if films else (1, 2 * len(maps))
    figure, axes = new_figure(2.3 * columns + 1, 1.75 * rows + 0.7 if films else 3.2, rows, columns)
    low, high = min(part.min() for part in maps), max(part.max() for part in maps)
    signed = low < 0
    limits = {"vmin": -max(high, -low), "vmax": max(high, -low), "cmap": "PuOr_r"}
    limits = limits if signed else {"vmin": 0, "vmax": high, "cmap": "magma"}
    said = []
    for axis in axes.ravel():
        axis.axis("off")
    for i, (image, part, title) in enumerate(zip(images, maps, titles, strict=True)):
        parts = part if films else part[None]
        for time, places in enumerate(parts):
            step = len(image) // len(parts) if films else 1
            frame = image[time * step + step // 2] if films else image
            picture, heat = axes[2 * i : 2 * i + 2, time] if films else axes[0, 2 * i : 2 * i + 2]
            picture.imshow(frame)
            shown = heat.imshow(places, interpolation="nearest", **limits)
            heat.set_box_aspect(np.shape(frame)[0] / np.shape(frame)[1])
            heat.set_aspect("auto")
            heat.set_title(f"sum {places.sum():.3f}", fontsize=11, loc="center", pad=3)
            if not films or time == 0:
                picture.set_title(title, loc="left" if films else "center", pad=4)
        place = [x + 1 for x in np.unravel_index(parts.argmax(), parts.shape)]
        where = f"time {place[0]}, " * films + f"row {place[1]}, column {place[2]}"
        said.append(f"{title}: most from {where} of {' x '.join(map(str, part.shape))}")
    figure.colorbar(shown, ax=axes, shrink=0.8, label="contribution to the cosine")
    what = "Films" if films else "Pictures"
    alt = f"{what} and heat maps of what each place contributes to a cosine of {cosine:.2f}. "
    return Figure.of(figure, f"{alt}{'; '.join(said)}.", photo=True)


@styled
def map_2d(
    points: np.ndarray, catalog, title: str = "", side: int = 40, thumbnails: Sequence = (),
    frames: str = "label",
) -> Figure:  # fmt: skip
    """Show items as thumbnails at their places on a plane, framed by what they are.

    Args:
        points: shape (n, 2).
        catalog: n items.
        title: a line above.
        side: longer side of a thumbnail, in pixels.
        thumbnails: n small pictures; without them, the items are read as pictures.
        frames: `label` colours frames by label, `kind` by picture, film or sound.

    Introduced in notebook 1.
    """
    _same_length(points=points, items=catalog, thumbnails=thumbnails if len(thumbnails) else points)
    if frames not in ("label", "kind"):
        raise ValueError(f"frames is {frames!r}; it may be 'label' or 'kind'.")
    figure, axes = new_figure(10.5, 6.6, 1)
    axis, legend = axes[0, 0], {}
    axis.scatter(*points.T, alpha=0)
    for i, (point, item) in enumerate(zip(points, catalog, strict=True)):
        small = thumbnails[i] if len(thumbnails) else read_image(item.path, draft_side=2 * side)
        small = small.copy()
        small.thumbnail((side, side))
        color, line = label_color(item.label), "-"
        if frames == "kind":
            color, line = KIND_FRAMES[item.kind]
        frame = {"edgecolor": color, "linestyle": line, "linewidth": 2, "boxstyle": "square"}
        axis.add_artist(AnnotationBbox(OffsetImage(small), point, pad=0.1, bboxprops=frame))
        name = item.kind if frames == "kind" else item.label if color != GREY else "all others"
        legend[name] = Line2D([], [], color=color, linestyle=line, linewidth=3, label=name)
    axis.set(xticks=[], yticks=[], title=title)
    axis.margins(0.06)
    axis.spines[["left", "bottom"]].set_visible(False)
    _legend_right(
        axis, handles=sorted(legend.values(), key=lambda x: x.get_label() == "all others")
    )
    said = ", ".join(
        f"{name} around ({x:.1f}, {y:.1f})"
        for name in dict.fromkeys(getattr(item, frames) for item in catalog)
        for x, y in [points[[getattr(item, frames) == name for item in catalog]].mean(axis=0)]
    )
    text = f"Map of {len(catalog)} thumbnails."
    return Figure.of(figure, f"{text} Middle of each {frames}: {said}.", photo=True, text=text)


@styled
def lines(
    x, ys: Mapping[str, np.ndarray], xlabel: str = "", ylabel: str = "", title: str = "",
    alt: str = "", logx: bool = False, logy: bool = False, marks: Mapping[str, float] | None = None,
) -> Figure:  # fmt: skip
    """Show any number of named curves over one axis.

    Args:
        x: where the curves have their values, or name -> where, if they differ.
        ys: name -> values.
        xlabel: what x is.
        ylabel: what the values are.
        title: a line above.
        alt: the figure in words; without it, where each curve begins, ends and is highest.
        logx: whether x has a logarithmic scale.
        logy: likewise the values.
        marks: words -> an x to mark with a line.

    Introduced in notebook 3.
    """
    _same_length(curves=ys)
    figure, axes = new_figure(9.5, 3.6, 1)
    axis, said = axes[0, 0], []
    for i, (name, y) in enumerate(ys.items()):
        mine, y = np.asarray(x[name] if isinstance(x, Mapping) else x), np.asarray(y, dtype=float)
        _same_length(places=mine, values=y)
        marker = "os^Dv*Ph"[i % 8] if len(mine) <= 20 else ""
        style = DASHES[(i + i // 8) % 4]
        axis.plot(mine, y, style, marker=marker, color=COLORS[i % 8], linewidth=2, label=name)
        if np.isfinite(y).any():
            most = f"highest at {mine[np.nanargmax(y)]:.4g} with {np.nanmax(y):.3g}"
            said.append(f"{name} from {y[0]:.3g} to {y[-1]:.3g}, {most}")
    for words, place in (marks or {}).items():
        axis.axvline(place, color=DARK, linestyle=":", linewidth=1.5)
        where = {
            "transform": axis.get_xaxis_transform(),
            "rotation": 90,
            "va": "top",
            "ha": "right",
        }
        axis.text(place, 0.98, words, fontsize=11, **where)
        said.append(f"{words} at {place:.4g}")
    axis.set_xscale("log" if logx else "linear")
    axis.set_yscale("log" if logy else "linear")
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(ys) > 1:
        _legend_right(axis)
    return Figure.of(figure, alt or f"Curves, {ylabel} over {xlabel}: {'; '.join(said)}.")


@styled
def waveforms(sounds: Sequence[np.ndarray], titles: Sequence[str], start: float = 0.0) -> Figure:
    """Show 16 kHz waveforms above each other on the same axes: air pressure over time.

    Introduced in notebook 3.
    """
    _same_length(sounds=sounds, titles=titles)
    figure, axes = new_figure(9.5, 1.6 * len(sounds) + 0.5, len(sounds))
    most = max(float(np.abs(sound).max(initial=0)) for sound in sounds) or 1.0
    longest, said = max(len(sound) for sound in sounds) / SAMPLE_RATE, []
    for axis, sound, title in zip(axes[:, 0], sounds, titles, strict=True):
        seconds = start + np.arange(len(sound)) / SAMPLE_RATE
        axis.plot(seconds, sound, color=BLUE, linewidth=0.8)
        axis.set(xlim=(start, start + longest), ylim=(-1.05 * most, 1.05 * most), title=title)
        axis.set_ylabel("pressure")
        peak = np.abs(sound).max(initial=0)
        said.append(f"{title}: {len(sound) / SAMPLE_RATE:.2f} s, up to {peak:.2f}")
    axes[-1, 0].set_xlabel("seconds")
    return Figure.of(figure, f"Waveforms. {'; '.join(said)}.")


@styled
def spectrograms(
    images: Sequence[np.ndarray], titles: Sequence[str], alt: str = "",
    hertz: np.ndarray | None = None, pitch: np.ndarray | None = None,
    unit: str | Sequence[str] = "dB", signed: bool = False, xlabel: str = "seconds",
    ylabel: str = "hertz", width: float | None = None,
) -> Figure:  # fmt: skip
    """Show spectrograms beside each other, low frequencies at the bottom.

    Args:
        images: each (bands, frames), a frame every 10 ms.
        titles: a line above each.
        alt: the figure in words; without it, the titles and sizes.
        hertz: the frequency of each row, for the axis; None numbers the rows.
        pitch: a pitch in hertz for each frame of the first image, drawn as dots; 0 is none.
        unit: what the colours stand for, on one scale for all; a unit for each gives each its own.
        signed: the last image has values on both sides of zero: orange above, purple below.
        xlabel: what a column is.
        ylabel: what a row is.
        width: what the last column stands for; None counts 10 ms a column.

    Introduced in notebook 3.
    """
    _same_length(spectrograms=images, titles=titles)
    own = signed or not isinstance(unit, str)
    units = [unit] * len(images) if isinstance(unit, str) else list(unit)
    _same_length(spectrograms=images, units=units)
    figure, axes = new_figure(min(12, 4.3 * len(images) + 0.9), 3.6, 1, len(images))
    low, high = (f([f(image) for image in images]) for f in (np.nanmin, np.nanmax))
    for axis, image, title, mine in zip(axes[0], images, titles, units, strict=True):
        if hertz is not None and len(hertz) != len(image):
            raise ValueError(
                f"{title!r} has {len(image)} rows and `hertz` {len(hertz)} frequencies; "
                "each row needs its own."
            )
        look = {} if own else {"vmin": low, "vmax": high}
        if signed and axis is axes[0, -1]:
            most = np.nanmax(np.abs(image))
            look = {"cmap": "PuOr_r", "vmin": -most, "vmax": most}
        extent = (0, width or np.shape(image)[1] / 100, 0, len(image))
        look = {"cmap": "magma", "interpolation": "nearest", **look}
        shown = axis.imshow(image, origin="lower", aspect="auto", extent=extent, **look)
        axis.set(title=title, xlabel=xlabel)
        if hertz is not None:
            at = [x for x in (250, 500, 1000, 2000, 4000) if hertz[0] <= x <= hertz[-1]]
            names = [f"{x // 1000}k" if x >= 1000 else str(x) for x in at]
            axis.set_yticks(_row_of(hertz, at), names)
        if own:
            figure.colorbar(shown, ax=axis, label=mine)
    axes[0, 0].set_ylabel(ylabel)
    if not own:
        figure.colorbar(shown, ax=axes, label=unit)
    if pitch is not None:
        voiced = np.flatnonzero(np.nan_to_num(pitch) > 0)
        rows = _row_of(hertz, np.asarray(pitch)[voiced])
        look = {"color": "#00E5FF", "markersize": 6, "markeredgecolor": "black"}
        axes[0, 0].plot((voiced + 0.5) / 100, rows, "o", markeredgewidth=0.6, **look)
    sizes = [f"{title}, {' x '.join(map(str, np.shape(x)))}" for title, x in zip(titles, images, strict=True)]
    return Figure.of(figure, alt or f"Spectrograms: {'; '.join(sizes)}.", photo=True)


def _row_of(hertz: np.ndarray, frequencies) -> np.ndarray:
    """Return the height at which frequencies lie between the middles of rows."""
    return np.interp(frequencies, hertz, np.arange(len(hertz)) + 0.5)


@styled
def dots(values: np.ndarray, labels: Sequence[str], xlabel: str = "", title: str = "") -> Figure:
    """Show a value of each item as a dot, a row for each label.

    Introduced in notebook 3.
    """
    _same_length(values=values, labels=labels)
    values, labels = np.asarray(values, dtype=float), np.asarray(labels)
    names, said = list(dict.fromkeys(labels.tolist())), []
    figure, axes = new_figure(9.5, 0.7 * len(names) + 1.2, 1)
    axis = axes[0, 0]
    for row, label in enumerate(names):
        mine = values[labels == label]
        look = {"color": label_color(label), "markersize": 9, "alpha": 0.65}
        axis.plot(mine, np.full(len(mine), row), "os^D"[row % 4], markeredgecolor=DARK, **look)
        said.append(f"{label} from {mine.min():.0f} to {mine.max():.0f}")
    axis.set_yticks(range(len(names)), names)
    axis.set(ylim=(-0.6, len(names) - 0.4), xlabel=xlabel, title=title)
    return Figure.of(figure, f"Dots, {xlabel}: {'; '.join(said)}.")


@styled
def film_strip(
    frames: Sequence[np.ndarray], times: Sequence[float], title: str = "", alt: str = ""
) -> Figure:
    """Show frames beside each other, each with its second.

    Args:
        frames: uint8 RGB, (height, width, 3) each.
        times: the second of each frame.
        title: a line above.
        alt: what the film shows, in words.

    Introduced in notebook 2.
    """
    _same_length(frames=frames, times=times)
    columns = min(8, len(frames))
    rows = -(-len(frames) // columns)
    tall = max(frame.shape[0] / frame.shape[1] for frame in frames)
    figure, axes = new_figure(1.5 * columns, (1.5 * tall + 0.3) * rows, rows, columns)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, frame, time in zip(axes.ravel(), frames, times, strict=False):
        axis.imshow(frame)
        axis.set_title(f"{time:.2f} s", fontsize=11, loc="center", pad=2)
    if title:
        figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    said = f"{len(frames)} frames from second {times[0]:.2f} to {times[-1]:.2f}. {title}. {alt}"
    said = said.replace(". . ", ". ").rstrip(". ") + "."
    return Figure.of(figure, f"Film strip: {said}", photo=True, text=f"[film strip] {said}")


@styled
def kernel_in_time(frames: np.ndarray, at: int, span: int = 3) -> Figure:
    """Draw a clip as a stack of frames and mark where a 3-D kernel lies.

    Args:
        frames: uint8 RGB of shape (t, height, width, 3).
        at: the first frame under the kernel.
        span: how many frames it covers at once.

    Introduced in notebook 2.
    """
    _same_length(frames=frames)
    count, height, width = frames.shape[:3]
    figure, axes = new_figure(6.6, 2.6, 1)
    axis, step = axes[0, 0], 0.55 * width  # each frame covers the left part of the one behind it
    for i in reversed(range(count)):
        x, y, layer = i * step, -0.1 * i * height, 3 * (count - i)
        axis.imshow(frames[i], extent=(x, x + width, y + height, y), zorder=layer)
        inside = at <= i < at + span
        edge = {"edgecolor": ORANGE, "linewidth": 3} if inside else {"edgecolor": "white"}
        axis.add_patch(Rectangle((x, y), width, height, fill=False, zorder=layer + 1, **edge))
        if inside:
            place, side = (x + 0.62 * width, y + 0.4 * height), 0.3 * width
            look = {"facecolor": ORANGE, "edgecolor": DARK, "alpha": 0.85, "zorder": layer + 2}
            axis.add_patch(Rectangle(place, side, side, **look))
    end = (count - 1) * step + width
    axis.annotate("", (end, 1.12 * height), (0, 1.12 * height), arrowprops={"arrowstyle": "->"})
    axis.text(0, 1.2 * height, "time", va="top")
    axis.set_xlim(-0.05 * width, end + 0.05 * width)
    axis.set_ylim(1.5 * height, -0.1 * count * height)
    axis.set_aspect("equal")
    axis.axis("off")
    alt = f"{count} frames, one behind the other; a kernel covers frames {at + 1} to {at + span}."
    return Figure.of(figure, alt)


@styled
def diagram(
    boxes: Mapping[str, tuple[float, float, str]], arrows: Sequence[tuple[str, str, str]],
    alt: str = "", size: tuple[float, float] = (10, 4.2),
) -> Figure:  # fmt: skip
    """Draw boxes and what flows between them.

    Args:
        boxes: name -> (x, y, second line), x and y from 0 to 1 in the middle of the box.
        arrows: (from, to, what flows).
        alt: the drawing in words; without it, boxes and arrows.
        size: width and height in inches.

    Introduced in notebook 4.
    """
    _same_length(boxes=boxes)
    figure, axes = new_figure(*size, 1)
    axis, wide, high = axes[0, 0], 0.21, 0.22
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    for name, (x, y, more) in boxes.items():
        _box(axis, x - wide / 2, y - high / 2, wide, high)
        middle = {"ha": "center", "va": "center", "color": DARK}
        axis.text(x, y + 0.04 * bool(more), name, fontweight="bold", **middle)
        axis.text(x, y - 0.05, more, fontsize=11, **middle)
    for start, end, label in arrows:
        if missing := [name for name in (start, end) if name not in boxes]:
            raise ValueError(f"An arrow names {missing[0]!r}; the boxes are {', '.join(boxes)}.")
        (x0, y0, _), (x1, y1, _) = boxes[start], boxes[end]
        flat = abs(x1 - x0) > abs(y1 - y0)
        dx, dy = (np.sign(x1 - x0) * wide / 2, 0) if flat else (0, np.sign(y1 - y0) * high / 2)
        arrow = {"arrowstyle": "-|>", "color": DARK, "linewidth": 1.8, "mutation_scale": 16}
        axis.annotate("", (x1 - dx, y1 - dy), (x0 + dx, y0 + dy), arrowprops=arrow)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        place = {"ha": "center", "va": "bottom"} if flat else {"ha": "left", "va": "center"}
        axis.text(x if flat else x + 0.012, y + 0.02 * flat, label, fontsize=11, **place)
    said = [f"{name} ({more})" if more else name for name, (_, _, more) in boxes.items()]
    flows = [f"{start} to {end}: {label}" for start, end, label in arrows]
    return Figure.of(figure, alt or f"Boxes {', '.join(said)}. Arrows {'; '.join(flows)}.")
