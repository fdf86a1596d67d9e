"""The course's figures: one style, colours that colour-blind readers can tell apart, alt text.

Every function returns a `Figure`, which shows itself as the last line of a cell. `title` is a line
above, `alt` the figure in words, which is computed where it is not given; sizes are in inches. What
cannot be drawn as asked is an error; nothing is left out in silence.
"""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from textwrap import fill

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image, ImageOps

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
ARROW = {"arrowstyle": "-|>", "color": DARK, "linewidth": 2, "mutation_scale": 18}
STYLE = {
    "font.size": 12,  # 17 pixels: legible on a projector of 1280 x 720
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "text.parse_math": False,  # a $ in a file name is a dollar sign
    "figure.dpi": 100,
}


def drawing(draw: Callable) -> Callable:
    """Let a function draw in the course's style, and say in words if there is nothing to draw."""

    @wraps(draw)
    @matplotlib.rc_context(STYLE)
    def drawn(first, *more, **named):
        if hasattr(first, "__len__") and not len(first):
            raise ValueError(f"There is nothing that `{draw.__name__}` could show.")
        return draw(first, *more, **named)

    return drawn


def label_color(label: str) -> str:
    """Return the colour that stands for a label in every figure and gallery."""
    return LABEL_COLORS.get(label, GREY)


def data_url(mime: str, content: bytes) -> str:
    """Return an address that holds a file's content, so that HTML needs no file beside it."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


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
        with warnings.catch_warnings():
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
        source = data_url(self.mime, self.data)
        return f'<img src="{source}" alt="{html.escape(self.alt)}" style="max-width:100%">'

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {self.mime: base64.b64encode(self.data).decode(), "text/plain": self.text}
        if is_live():
            bundle["text/html"] = self.html()
        return bundle, {self.mime: {"alt": self.alt}}

    def __repr__(self) -> str:
        return self.text


def new_axes(width: float, height: float, rows: int = 1, columns: int = 1, title="", **words):
    """Return a matplotlib figure, width x height in inches, and its axes, shape (rows, columns).

    `title` is a line above all; `words`, such as an `xlabel`, are set on each of the axes.
    """
    figure = Canvas(figsize=(width, height + 0.35 * bool(title)), layout="constrained")
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set(**words)
    return figure, axes


def _legend(axis, chance: float | None = None) -> str:
    """Draw a legend beside the axes, and a line for chance; return chance in words."""
    said = "" if chance is None else f"chance {chance:.2f}"
    if said:
        axis.axhline(chance, color=DARK, linestyle="--", label=said)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
    return said and f"; {said}"


def _picture(image) -> Image.Image:
    """Return as a picture what is one, a file, an array, a vector (as stripes), or a list."""
    if isinstance(image, (list, tuple)):
        across = int(np.ceil(np.sqrt(len(image))))
        sheet = Image.new("RGBA", (200 * across, 200 * -(-len(image) // across)))
        for i, one in enumerate(image):
            small = ImageOps.contain(_picture(one), (188, 188), Image.Resampling.NEAREST)
            sheet.paste(small, (i % across * 200, i // across * 200))
        return sheet
    if isinstance(image, Image.Image) or not hasattr(image, "shape"):
        image = image if isinstance(image, Image.Image) else read_image(image, draft_side=400)
        return ImageOps.contain(image, (400, 400))
    array = np.asarray(image)
    array = array if array.ndim > 1 else np.tile(array, (max(1, len(array) // 3), 1))
    if array.ndim == 2:
        array = matplotlib.colormaps["viridis"](matplotlib.colors.Normalize()(array.astype(float)))
    return Image.fromarray(array if array.dtype == np.uint8 else np.uint8(255 * array.clip(0, 1)))


@drawing
def grid(
    images: Sequence, titles: Sequence = (), alt="", columns: int = 5, side: float = 1.9, title=""
) -> Figure:
    """Show pictures, arrays or files in a grid of tiles, `side` wide, titles above them."""
    columns, size = min(columns, len(images)), 11 if side >= 1.4 else 9
    lines = [fill(str(line), round(130 * side / size)) for line in titles]
    over = size / 50 * max((line.count("\n") + 1 for line in lines), default=0)
    pictures, rows = [_picture(image) for image in images], -(-len(images) // columns)
    tall = min(1.0, max(picture.height / picture.width for picture in pictures))
    figure, axes = new_axes(side * columns, (side * tall + over) * rows, rows, columns, title)
    for axis in axes.flat:
        axis.axis("off")
    each = lines or [""] * len(pictures)
    for axis, picture, line in zip(axes.flat[: len(each)], pictures, each, strict=True):
        axis.imshow(picture)
        axis.set_title(line, fontsize=size, loc="center", pad=3)
    named = f": {', '.join(map(str, titles))}" if lines else ""
    return Figure.of(figure, alt or f"{len(images)} pictures{named}.", photo=True)


@drawing
def film_strip(frames: Sequence[np.ndarray], times: Sequence[float], title: str) -> Figure:
    """Show frames, (height, width, 3) each, with their seconds."""
    drawn = grid(frames, [f"{time:.2f} s" for time in times], "", 8, 1.5, title)
    said = f"{len(frames)} frames from second {times[0]:.2f} to {times[-1]:.2f}. {title}."
    return Figure(drawn.data, f"Film strip: {said}", f"[film strip] {said}")


@drawing
def pipeline(steps: Sequence[tuple[str, object, str]]) -> Figure:
    """Draw a whole way, such as from a file to a ranking, with arrows between its steps.

    A step is (title, what is seen, words below); seen is a picture, a file, an array, a vector (as
    stripes), a list of those, or None.
    """
    figure, axes = new_axes(2.5 * len(steps), 3.4, 1, len(steps), xticks=[], yticks=[])
    for i, (axis, (title, seen, words)) in enumerate(zip(axes[0], steps, strict=True)):
        picture = Image.new("RGBA", (1, 1)) if seen is None else _picture(seen).convert("RGBA")
        axis.imshow(ImageOps.pad(picture, (400, 400), Image.Resampling.NEAREST))
        axis.spines[:].set(visible=True, color=BLUE, linewidth=1.5)
        axis.set_title(fill(title, 19), loc="center", fontweight="bold", fontsize=12)
        axis.set_xlabel(fill(words, 22), fontsize=11)
        if i:
            axis.annotate("", (-0.01, 0.5), (-0.22, 0.5), "axes fraction", arrowprops=ARROW)
    figure.get_layout_engine().set(wspace=0.18)
    said = "; then ".join(f"{title}: {text}".rstrip(": ") for title, _, text in steps)
    return Figure.of(figure, f"A way in {len(steps)} steps. {said}.", photo=True)


@drawing
def bars(
    rows: Mapping[str, Sequence[float]], names: Sequence[str], chance=None, ylabel="", title=""
) -> Figure:
    """Show groups of bars: a group for each row, in it a value for each of `names`."""
    values, bar = np.array(list(rows.values()), dtype=float), 0.8 / len(names)
    figure, ((axis,),) = new_axes(10, 3.9, ylabel=ylabel, title=title)
    for i, (name, column) in enumerate(zip(names, values.T, strict=True)):
        places, look = np.arange(len(rows)) + bar * (i - (len(names) - 1) / 2), "/" * (i // 8 % 3)
        drawn = axis.bar(places, column, 0.9 * bar, color=COLORS[i % 8], hatch=look, label=name)
        if values.size <= 16:
            axis.bar_label(drawn, fmt="%.2f", fontsize=10, padding=2)
    axis.set_xticks(range(len(rows)), [fill(str(name), 16) for name in rows])
    axis.set_ylim(min(0, values.min()), max(1.09, 1.05 * values.max()))
    line = _legend(axis, chance)
    said = "; ".join(f"{name} {', '.join(f'{x:.2f}' for x in row)}" for name, row in rows.items())
    return Figure.of(figure, f"Bars for {', '.join(map(str, names))}: {said}{line}.")


@drawing
def precision_bars(
    evaluation, names: Sequence[str], chance: float | None = None, title: str = ""
) -> Figure:
    """Show the precision@k of each query of an Evaluation as a bar; `names` is for all items."""
    queries, values, what = evaluation.queries, evaluation.precision, f"precision@{evaluation.k}"
    figure, ((axis,),) = new_axes(max(10, 0.17 * len(queries)), 3.9, ylabel=what, title=title)
    places, labels = np.arange(len(queries)), np.asarray(evaluation.labels)
    for label in dict.fromkeys(labels.tolist()):
        mine = labels == label
        axis.bar(places[mine], values[mine], 0.8, color=label_color(label), label=label)
    axis.set_xticks(places, [names[q] for q in queries], rotation=90, fontsize=9)
    axis.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, 1.05))
    line = _legend(axis, chance)
    worst = ", ".join(names[q] for q in queries[np.argsort(values, kind="stable")[:3]])
    said = f"Bars: {what} of {len(places)} queries, mean {evaluation.mean:.2f}{line}"
    return Figure.of(figure, f"{said}. Lowest: {worst}.")


@drawing
def intervals(rows: Mapping[str, tuple], line, xlabel="", title="") -> Figure:
    """Show values as dots with intervals: name -> (value, lowest, highest).

    `line` is what chance gives: one value for all rows (0 for differences), or name -> value.
    """
    figure, ((axis,),) = new_axes(9.5, 0.5 * len(rows) + 1.3, xlabel=xlabel, title=title)
    each, said = line if isinstance(line, Mapping) else {}, []
    for place, (name, (value, low, high)) in enumerate(rows.items()):
        ends = np.maximum([[value - low], [high - value]], 0)  # rounding can turn them round
        axis.errorbar(value, place, xerr=ends, fmt="o", color=BLUE, lw=3)
        said.append(f"{name} {value:.2f} ({low:.2f} to {high:.2f})")
        words, where = said[-1].removeprefix(name), axis.get_yaxis_transform()
        axis.text(1.02, place, words, transform=where, va="center", fontsize=11)
        if each:
            axis.plot(each[name], place, "|", color=DARK, markersize=20, mew=2.5)
            said[-1] += f", chance {each[name]:.2f}"
    if each:
        axis.plot([], [], "|", color=DARK, markersize=20, mew=2.5, label="chance")
    else:
        said.append(f"chance {line:.3g}")
        axis.axvline(line, color=DARK, linestyle="--", linewidth=1.5, label=said[-1])
    axis.set_yticks(range(len(rows)), [fill(str(name), 34) for name in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    figure.legend(loc="outside lower right")
    return Figure.of(figure, f"Dots with intervals, {xlabel or 'values'}: {'; '.join(said)}.")


@drawing
def histograms(scales, marks: Mapping[str, float] | None = None, title: str = "") -> Figure:
    """Show how random pairs' cosines are spread, and where some cosines lie among them.

    `scales` is a `course_utils.evaluation.Percentiles` or name -> Percentiles of several spaces;
    `marks` is name -> cosine, marked in each histogram with its percentile.
    """
    scales, marks = scales if isinstance(scales, Mapping) else {"": scales}, marks or {}
    height = (1.35 + 0.26 * len(marks)) * len(scales) + 0.5
    figure, axes = new_axes(9.5, height, len(scales), title=title, yticks=[])
    ends, said = [*marks.values(), *(x for y in scales.values() for x in y.scores[[0, -1]])], []
    bins = np.linspace(min(ends) - 0.02, max(ends) + 0.02, 81)
    for i, (axis, (name, scale)) in enumerate(zip(axes[:, 0], scales.items(), strict=True)):
        top = axis.hist(scale.scores, bins, color=COLORS[i % 8], alpha=0.55)[0].max()
        lines = [(median := float(np.median(scale.scores)), f"median {median:.2f}")]
        for mark, score in sorted(marks.items(), key=lambda mark: mark[1]):
            number = "" if mark == f"{score:.2f}" else f" {score:.2f}"
            lines.append((score, f"{mark}{number}: {above(scale.percentile(score))}"))
        for j, (score, words) in enumerate(lines):  # the words stand above all bars
            high, left = top * (1.05 + 0.3 * j), score < (bins[0] + bins[-1]) / 2
            axis.plot([score] * 2, [0, high], color=VERMILION if j else DARK, linewidth=2)
            axis.text(score, high, f" {words} ", ha="left" if left else "right", fontsize=11)
        axis.set(xlim=(bins[0], bins[-1]), ylim=(0, top * (1.3 + 0.3 * len(marks))), title=name)
        said.append(f"{name}: ".lstrip(": ") + "; ".join(words for _, words in lines))
    axis.set_xlabel("cosine similarity of two items from different sources")
    return Figure.of(figure, f"Histograms of random pairs' cosines. {'. '.join(said)}.")


@drawing
def heat_maps(
    images: Sequence, maps: Sequence[np.ndarray], titles: Sequence[str], cosine: float
) -> Figure:
    """Show pictures in colour, and beside each what its places contribute to a `cosine`.

    `images` are what the network saw, (height, width, 3) each, `maps` their contributions, (rows,
    columns) each. For films both have an axis of time before these.
    """
    films, tiles, lines, said = np.ndim(maps[0]) == 3, [], [], []
    low, high = min(np.min(part) for part in maps), max(np.max(part) for part in maps)
    most, colors = max(high, -low), matplotlib.colormaps["PuOr_r" if low < 0 else "magma"]
    for image, part, title in zip(images, maps, titles, strict=True):
        frames, parts = (image, part) if films else (image[None], part[None])
        step = len(frames) // len(parts)
        tiles += [frames[step * i + step // 2] for i in range(len(parts))]
        tiles += [colors((heat / most + 1) / 2 if low < 0 else heat / most) for heat in parts]
        lines += [title, *[""] * (len(parts) - 1), *(f"sum {heat.sum():.3f}" for heat in parts)]
        time, y, x = (int(place) + 1 for place in np.unravel_index(parts.argmax(), parts.shape))
        where = f"time {time}, " * films + f"row {y}, column {x}"
        said.append(f"{title}: most from {where} of {' x '.join(map(str, parts.shape[1:]))}")
    alt = f"{'Films' if films else 'Pictures'} and heat maps of what each place contributes"
    alt = f"{alt} to a cosine of {cosine:.2f}. {'; '.join(said)}."
    head = f"Contributions, {low:.3f} (dark) to {high:.3f} (bright)"
    return grid(tiles, lines, alt, 4, 2.3, head)


@drawing
def map_2d(points: np.ndarray, catalog, title: str, thumbnails: Sequence, frames="kind") -> Figure:
    """Show n items as thumbnails, 40 pixels long, at their places on a plane, (n, 2).

    Their frames are coloured by `kind` (picture, film or sound) or by `label`.
    """
    figure, ((axis,),) = new_axes(10.5, 6.6, xticks=[], yticks=[], title=title)
    axis.scatter(*points.T, alpha=0)
    names, said = np.array([getattr(item, frames) for item in catalog]), []
    for name in dict.fromkeys(names.tolist()):
        color, line = KIND_FRAMES.get(name, (label_color(name), "-"))
        axis.plot([], [], color=color, linestyle=line, linewidth=3, label=name)
        x, y = points[names == name].mean(axis=0)
        said.append(f"{name} around ({x:.1f}, {y:.1f})")
        look = {"edgecolor": color, "linestyle": line, "linewidth": 2, "boxstyle": "square"}
        for i in np.flatnonzero(names == name):
            small = OffsetImage(ImageOps.contain(thumbnails[i], (40, 40)))
            axis.add_artist(AnnotationBbox(small, points[i], pad=0.1, bboxprops=look))
    axis.margins(0.06)
    axis.spines[:].set_visible(False)
    _legend(axis)
    text = f"Map of {len(points)} thumbnails."
    said = f"{text} Middle of each {frames}: {', '.join(said)}."
    return Figure.of(figure, said, photo=True, text=text)


@drawing
def lines(
    x, ys: Mapping, xlabel="", ylabel="", title="", logx=False, logy=False, marks=None
) -> Figure:
    """Show any number of curves, name -> values at x.

    `marks` is words -> an x to mark with a line.
    """
    figure, ((axis,),) = new_axes(9.5, 3.7, xlabel=xlabel, ylabel=ylabel, title=title)
    said, x, marks = [], np.asarray(x), marks or {}
    for i, (name, y) in enumerate(ys.items()):
        dash, marker = ("-", "--", "-.", ":")[(i + i // 8) % 4], "os^Dv*Ph"[i % 8]
        look = {"color": COLORS[i % 8], "linewidth": 2, "marker": marker if len(x) < 21 else ""}
        axis.plot(x, y, dash, label=name, **look)
        top = f"highest at {x[np.nanargmax(y)]:.4g} with {np.nanmax(y):.3g}"
        said.append(f"{name} from {y[0]:.3g} to {y[-1]:.3g}, {top}")
    for i, (words, place) in enumerate(marks.items()):  # the words stand above the axes
        axis.axvline(place, color=DARK, linestyle=":", linewidth=1.5)
        where = axis.get_xaxis_transform()
        axis.text(place, 1.02 + 0.07 * (i % 2), words, transform=where, ha="center", fontsize=11)
        said.append(f"{words} at {place:.4g}")
    for one in [axis.xaxis] * logx + [axis.yaxis] * logy:
        axis.set(**{f"{one.axis_name}scale": "log"})
        one.set_major_formatter(lambda value, _: f"{value:,.10g}")
        one.set_minor_formatter("")
    if len(ys) > 1:
        _legend(axis)
    return Figure.of(figure, f"Curves, {ylabel} over {xlabel}: {'; '.join(said)}.")


@drawing
def waveforms(sounds: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Show 16 kHz waveforms above each other on the same axes: air pressure over time."""
    figure, axes = new_axes(9.5, 1.6 * len(sounds) + 0.5, len(sounds), ylabel="pressure")
    said, longest = [], max(map(len, sounds)) / SAMPLE_RATE
    peaks = [np.abs(sound).max(initial=0) for sound in sounds]
    for axis, sound, title, peak in zip(axes[:, 0], sounds, titles, peaks, strict=True):
        axis.plot(np.arange(len(sound)) / SAMPLE_RATE, sound, color=BLUE, linewidth=0.8)
        most = 1.05 * (max(peaks) or 1)
        axis.set(xlim=(0, longest), ylim=(-most, most), title=title)
        said.append(f"{title}: {len(sound) / SAMPLE_RATE:.2f} s, up to {peak:.2f}")
    axis.set_xlabel("seconds")
    return Figure.of(figure, f"Waveforms. {'; '.join(said)}.")


@drawing
def spectrograms(
    images: Sequence, titles: Sequence[str], hertz=None, pitch=None, unit="dB", signed=False
) -> Figure:
    """Show spectrograms, (bands, frames) each, beside each other, low frequencies at the bottom.

    A frame is 10 ms; `hertz` is the frequency of each row, `pitch` a pitch in hertz for each frame
    of the first, drawn as dots (0 is none). `unit` says what the colours stand for; with `signed`,
    orange is above zero and purple below.
    """
    width, said = min(12, 4.3 * len(images) + 0.9), []
    figure, axes = new_axes(width, 3.6, 1, len(images), ylabel="hertz", xlabel="seconds")
    low, high = min(map(np.min, images)), max(map(np.max, images))
    look = {"vmin": low, "vmax": high, "cmap": "magma", "origin": "lower", "aspect": "auto"}
    look |= {"vmin": -max(high, -low), "vmax": max(high, -low), "cmap": "PuOr_r"} if signed else {}
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        rows, columns = np.shape(image)
        ends = (0, columns / 100, 0, rows)
        shown = axis.imshow(image, extent=ends, interpolation="nearest", **look)
        axis.set_title(title)
        if hertz is not None:
            at = [x for x in (250, 500, 1000, 2000, 4000) if hertz[0] <= x <= hertz[-1]]
            middles = np.arange(rows) + 0.5
            axis.set_yticks(np.interp(at, hertz, middles), [f"{x}".replace("000", "k") for x in at])
        said.append(f"{title}, {rows} x {columns}")
    if pitch is not None:
        voiced = np.flatnonzero(np.nan_to_num(pitch) > 0)
        heights = np.interp(np.asarray(pitch)[voiced], hertz, middles)
        axes[0, 0].plot((voiced + 0.5) / 100, heights, "o", color="#00E5FF", mec="black", mew=0.6)
    figure.colorbar(shown, ax=axes, label=unit)
    return Figure.of(figure, f"Spectrograms: {'; '.join(said)}.", photo=True)


@drawing
def dots(values: np.ndarray, labels: Sequence[str], xlabel: str = "", title: str = "") -> Figure:
    """Show a value of each item as a dot, a row for each label."""
    values, labels = np.asarray(values, dtype=float), np.asarray(labels)
    names, said = list(dict.fromkeys(labels.tolist())), []
    figure, ((axis,),) = new_axes(9.5, 0.7 * len(names) + 1.2, xlabel=xlabel, title=title)
    for row, label in enumerate(names):
        mine, look = values[labels == label], {"markersize": 9, "alpha": 0.65, "mec": DARK}
        axis.plot(mine, [row] * len(mine), "os^D"[row % 4], color=label_color(label), **look)
        said.append(f"{label} from {mine.min():.0f} to {mine.max():.0f}")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, len(names) - 0.4)
    return Figure.of(figure, f"Dots, {xlabel}: {'; '.join(said)}.")


@drawing
def kernel_in_time(frames: np.ndarray, at: int) -> Figure:
    """Show a clip (t, height, width, 3), and the three frames from `at` on under a 3-D kernel."""
    frames, (_, height, width, _) = np.array(frames), np.shape(frames)
    frames[at : at + 3, height // 3 : height // 2, width // 3 : width // 2] = (230, 159, 0)
    edges = [ORANGE if at <= i < at + 3 else "white" for i in range(len(frames))]
    wide = 1 + width // 16
    framed = [ImageOps.expand(_picture(x), wide, y) for x, y in zip(frames, edges, strict=True)]
    alt = f"{len(frames)} frames in order; a kernel covers frames {at + 1} to {at + 3}."
    return grid(framed, [], alt, len(frames), 1.2, "time \u2192")


@drawing
def diagram(boxes: Mapping[str, tuple], arrows: Sequence[tuple]) -> Figure:
    """Draw boxes, name -> (x, y, second line), and what flows: (from, to, what); x, y: 0 to 1."""
    figure, ((axis,),) = new_axes(10, 4.2, xlim=(0, 1), ylim=(0, 1))
    axis.axis("off")
    look, middle = {"boxstyle": "round,pad=0.8", "fc": "#EAF2F8", "ec": BLUE}, {"ha": "center"}
    for name, (x, y, more) in boxes.items():
        axis.text(x, y, f"{name}\n{more}".strip(), va="center", bbox=look, **middle)
    for start, end, label in arrows:
        a, b = np.array(boxes[start][:2]), np.array(boxes[end][:2])
        axis.annotate("", b, a, arrowprops={**ARROW, "shrinkA": 75, "shrinkB": 75})
        axis.text(*(a + b) / 2, label, backgroundcolor="white", fontsize=11, **middle)
    said = [f"{name} ({more})" if more else name for name, (_, _, more) in boxes.items()]
    flows = [f"{start} to {end}: {label}" for start, end, label in arrows]
    return Figure.of(figure, f"Boxes {', '.join(said)}. Arrows {'; '.join(flows)}.")
