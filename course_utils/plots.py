"""The course's figures: one style, colours that colour-blind readers can tell apart, alt text.

Every function returns a `Picture`, which shows itself when it is the last line of a cell.
"""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image

from course_utils.media import read_image
from course_utils.session import is_live

# Okabe and Ito's eight colours, https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#767676"
# The labels of the case studies keep their colour in all notebooks; the others are grey.
LABEL_COLORS = {"pen": BLUE, "cup": VERMILION, "pen and cup": PURPLE}
LABEL_COLORS |= {"female voice": BLUE, "male voice": VERMILION}
LABEL_COLORS |= {"water": BLUE, "children playing": VERMILION, "children and water": PURPLE}
# Sounds and places have the colour of what is heard or seen there.
WATERS = ("waves", "rain", "river", "fountain", "waterfall", "sea", "lake")
PLAYS = ("playground", "swing", "footsteps", "park")
LABEL_COLORS |= dict.fromkeys(WATERS, BLUE) | dict.fromkeys(PLAYS, VERMILION)

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "text.parse_math": False,  # a $ in a file name is a dollar sign
    "figure.dpi": 100,
}


def label_color(label: str) -> str:
    """Return the colour that stands for a label in every figure and gallery."""
    return LABEL_COLORS.get(label, GREY)


class Picture:
    """A finished figure with its description in words.

    In a notebook it shows the figure; where somebody is watching, as an HTML image whose alt text
    a screen reader reads; in a terminal, the words.
    """

    def __init__(self, data: bytes, alt: str, text: str | None = None):
        """Keep PNG or JPEG `data`, the `alt` text, and what a terminal shows (else the alt)."""
        self.data, self.alt, self.text = data, alt, text or alt
        self.mime = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"

    @classmethod
    def of(cls, figure: Figure, alt: str, photo: bool = False, text: str | None = None) -> Picture:
        """Draw a matplotlib figure; `photo` says that it is mostly photographs (JPEG)."""
        buffer = io.BytesIO()
        with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # emoji in file names
            figure.savefig(buffer, format="png", bbox_inches="tight", facecolor="white")
        drawn = Image.open(buffer).convert("RGB")
        buffer = io.BytesIO()
        if photo:
            drawn.save(buffer, "JPEG", quality=72, optimize=True)
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


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in the course's style, width x height in inches."""
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def pictures(
    images: Sequence, titles: Sequence[str] = (), alt: str = "", columns: int = 5, side: float = 1.9
) -> Picture:
    """Show pictures in a grid.

    Args:
        images: what matplotlib's `imshow` takes, or files.
        titles: a line above each.
        alt: the figure in words.
        columns: how many beside each other.
        side: the width of one, in inches.

    Introduced in notebook 1.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(side * columns, (side + 0.3) * rows)
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis in axes:
            axis.axis("off")
        for i, image in enumerate(images):
            if not hasattr(image, "shape") and not isinstance(image, Image.Image):
                image = read_image(image)
            axes[i].imshow(image, cmap="viridis")
            if i < len(titles):
                axes[i].set_title(titles[i], fontsize=9, loc="center")
    return Picture.of(figure, alt or f"{len(images)} pictures: {', '.join(titles)}", photo=True)


def similarity_matrix(scores: np.ndarray, labels: Sequence[str], title: str = "") -> Picture:
    """Show all cosines of a collection as a square, labels in blocks.

    Args:
        scores: shape (n, n).
        labels: n labels; items of one label should follow each other.
        title: a line above.

    Introduced in notebook 1.
    """
    labels = np.asarray(labels)
    figure = new_figure(6.4, 5.4)
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        shown = axis.imshow(scores, cmap="cividis", interpolation="nearest")
        figure.colorbar(shown, label="cosine similarity", shrink=0.8)
        starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
        middles = (starts + np.r_[starts[1:], len(labels)] - 1) / 2
        for start in starts[1:]:
            axis.axhline(start - 0.5, color="white", linewidth=0.8)
            axis.axvline(start - 0.5, color="white", linewidth=0.8)
        axis.set_xticks(middles, labels[starts], rotation=60, ha="right")
        axis.set_yticks(middles, labels[starts])
        axis.tick_params(length=0)
        axis.set_title(title)
    same = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    parts = {"inside a label": same, "between labels": labels[:, None] != labels}
    means = [f"{where} {scores[m].mean():.2f}" for where, m in parts.items() if m.any()]
    n = len(labels)
    alt = f"Square of {n} x {n} cosines in blocks of labels; mean {', '.join(means)}."
    return Picture.of(figure, alt)


def precision_bars(evidence, names: Sequence[str], baseline: float, title: str = "") -> Picture:
    """Show precision@k of every query as a bar, with what luck gives as a line.

    Args:
        evidence: a `course_utils.evidence.Evidence`.
        names: a name for each item of the collection.
        baseline: mean precision@k with shuffled labels.
        title: a line above.

    Introduced in notebook 1.
    """
    figure = new_figure(9, 3.2)
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        colors = [label_color(label) for label in evidence.labels]
        places = np.arange(len(evidence.queries))
        axis.bar(places, evidence.precision, color=colors, width=0.8)
        axis.axhline(baseline, color="black", linestyle="--", linewidth=1)
        axis.text(
            len(places) - 0.4, baseline, " shuffled labels", va="center", fontsize=9, clip_on=False
        )
        axis.set_xticks(places, [names[q] for q in evidence.queries], rotation=90, fontsize=7)
        axis.set_xlim(-0.6, len(places) - 0.4)
        axis.set_ylim(0, 1.05)
        axis.set_ylabel(f"precision@{evidence.k}")
        axis.set_title(title)
    worst = [names[q] for q in evidence.queries[np.argsort(evidence.precision, kind="stable")[:3]]]
    alt = (
        f"Bars: precision@{evidence.k} of {len(places)} queries, mean {evidence.mean:.2f}; "
        f"shuffled labels give {baseline:.2f}. Lowest: {', '.join(worst)}."
    )
    return Picture.of(figure, alt)


def thermometer(scale, marks: dict[str, float], title: str = "") -> Picture:
    """Show cosines on the histogram of a collection's random pairs.

    Args:
        scale: a `course_utils.evidence.Thermometer`.
        marks: name -> cosine.
        title: a line above.

    Introduced in notebook 1.
    """
    figure = new_figure(7.5, 2.8)
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        axis.hist(scale.scores, bins=60, color="#B8C4CE")
        top = axis.get_ylim()[1]
        said = []
        for i, (name, score) in enumerate(marks.items()):
            said.append(f"{name} {score:.2f}, above {scale.percentile(score):.0f} %")
            height = top * (1.0 - 0.17 * i)
            axis.plot([score, score], [0, height], color=VERMILION, linewidth=1.6)
            axis.text(score, height, f" {said[-1]}", va="bottom", fontsize=9)
        axis.set_ylim(0, 1.15 * top)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_xlabel("cosine similarity of two items from different sources")
        axis.set_title(title)
    return Picture.of(figure, f"Histogram of random pairs' cosines. {'; '.join(said)} of pairs.")


def shares(images: Sequence, maps: Sequence[np.ndarray], cosine: float) -> Picture:
    """Lay each picture's shares of a cosine over it: bright where the match was made.

    Args:
        images: the pictures as the network saw them, arrays of shape (224, 224, 3).
        maps: their shares, shape (7, 7) each.
        cosine: what each map adds up to.

    Introduced in notebook 1.
    """
    figure = new_figure(2.6 * len(images) + 1, 5.6)
    high = max(m.max() for m in maps)
    said = []
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(2, len(images), squeeze=False)
        for column, (image, part) in enumerate(zip(images, maps, strict=True)):
            name = "query" if column == 0 else "match"
            for axis in axes[:, column]:
                axis.axis("off")
            axes[0, column].imshow(image)
            axes[0, column].set_title(name, loc="center")
            axes[1, column].imshow(np.asarray(image).mean(axis=2), cmap="gray", alpha=0.55)
            shown = axes[1, column].imshow(
                part, cmap="magma", alpha=0.6, vmin=0, vmax=high,
                extent=(0, image.shape[1], image.shape[0], 0), interpolation="nearest",
            )  # fmt: skip
            axes[1, column].set_title(f"sum of shares {part.sum():.3f}", loc="center", fontsize=9)
            row, place = np.unravel_index(part.argmax(), part.shape)
            said.append(f"largest share of the {name} in row {row + 1}, column {place + 1} of 7")
        figure.colorbar(shown, ax=axes, shrink=0.5, label="share of the cosine")
    alt = f"Two pictures whose cosine is {cosine:.2f}, split over 7 x 7 places: {'; '.join(said)}."
    return Picture.of(figure, alt, photo=True)


def map_2d(
    points: np.ndarray, catalog, title: str = "", side: int = 40, thumbnails: Sequence = ()
) -> Picture:
    """Show items as thumbnails at their places on a plane, framed in their label's colour.

    Args:
        points: shape (n, 2).
        catalog: n items.
        title: a line above.
        side: longer side of a thumbnail, in pixels.
        thumbnails: n small pictures; without them, the items are read as pictures.

    Introduced in notebook 1.
    """
    figure = new_figure(9, 6.6)
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        axis.scatter(*points.T, alpha=0)
        for i, (point, item) in enumerate(zip(points, catalog, strict=True)):
            small = thumbnails[i] if thumbnails else read_image(item.path, draft_side=2 * side)
            small = small.copy()
            small.thumbnail((side, side))
            frame = {"edgecolor": label_color(item.label), "linewidth": 1.6, "boxstyle": "square"}
            axis.add_artist(AnnotationBbox(OffsetImage(small), point, pad=0.1, bboxprops=frame))
        axis.set_xticks([])
        axis.set_yticks([])
        axis.margins(0.06)
        axis.spines[["left", "bottom"]].set_visible(False)
        axis.set_title(title)
    said = ", ".join(
        f"{label} around ({x:.1f}, {y:.1f})"
        for label in dict.fromkeys(catalog.labels)
        for x, y in [points[catalog.labels == label].mean(axis=0)]
    )
    text = f"Map of {len(catalog)} thumbnails."
    return Picture.of(figure, f"{text} Middle of each label: {said}.", photo=True, text=text)
