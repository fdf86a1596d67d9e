"""Figures about spaces and databases, beside those in `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter

from course_utils.plots import BLUE, GREEN, GREY, ORANGE, STYLE, VERMILION, Picture, new_figure

MARKERS, COLORS = "os^D", (ORANGE, GREEN, BLUE, VERMILION)


def distributions(scales: Mapping[str, object], mark: float, title: str = "") -> Picture:
    """Show how cosines are spread in several spaces, and what one and the same cosine means there.

    Args:
        scales: name -> `course_utils.evidence.Thermometer`.
        mark: a cosine to mark in each.
        title: a line above.

    Introduced in notebook 4.
    """
    figure = new_figure(8, 1.35 * len(scales) + 0.5)
    said = []
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(len(scales), 1, sharex=True, squeeze=False)[:, 0]
        for axis, (name, scale), color in zip(axes, scales.items(), COLORS, strict=False):
            low, high = np.quantile(scale.scores, [0.05, 0.95])
            axis.hist(scale.scores, bins=np.linspace(-1, 1, 101), color=color, alpha=0.75)
            axis.axvline(mark, color="black", linewidth=1.4)
            above = f"{mark:.2f} is above {scale.percentile(mark):.0f} % of pairs"
            axis.text(-0.98, 0.55 * axis.get_ylim()[1], f"{name}\n{above}", fontsize=9)
            axis.set_yticks([])
            axis.spines["left"].set_visible(False)
            said.append(f"{name}: nine in ten from {low:.2f} to {high:.2f}, {above}")
        axes[-1].set_xlabel("cosine similarity of two random items")
        axes[0].set_title(title)
    return Picture.of(figure, f"Histograms of random pairs' cosines. {'; '.join(said)}.")


def paths(rows: Mapping[str, tuple[float, float]], k: int, title: str = "") -> Picture:
    """Show precision@k of several paths, each beside what luck gives on the same queries.

    Args:
        rows: name of the path -> (precision, luck).
        k: how many results were judged.
        title: a line above.

    Introduced in notebook 4.
    """
    figure = new_figure(8, 0.34 * len(rows) + 1.0)
    places = np.arange(len(rows))[::-1]
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        found, luck = (np.array([row[i] for row in rows.values()]) for i in (0, 1))
        axis.barh(places, found, 0.62, color=BLUE)
        axis.plot(luck, places, "|", color="black", markersize=16, markeredgewidth=2, label="luck")
        for place, value in zip(places, found, strict=True):
            axis.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=9)
        axis.set_yticks(places, list(rows))
        axis.set_xlim(0, 1.08)
        axis.set_xlabel(f"precision@{k}")
        axis.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(1, 0))
        axis.set_title(title)
    said = "; ".join(f"{name} {x:.2f} (luck {luck:.2f})" for name, (x, luck) in rows.items())
    return Picture.of(figure, f"Bars of precision@{k}: {said}.")


def index_curves(results: Sequence[Mapping], enough: float = 0.95) -> Picture:
    """Draw exact search beside HNSW: time over size, and recall over time.

    Args:
        results: the part `server` of data/benchmarks/vector_search.json, one entry a size.
        enough: on the left, HNSW stands with the least effort that reaches this recall.

    Introduced in notebook 4.
    """
    sizes = [result["vectors"] for result in results]
    chosen = [
        next((x for x in result["hnsw"] if x["recall"] >= enough), result["hnsw"][-1])
        for result in results
    ]
    figure = new_figure(9.5, 3.4)
    with matplotlib.rc_context(STYLE):
        left, right = figure.subplots(1, 2)
        exact = [result["exact_ms"] for result in results]
        graph = [x["ms"] for x in chosen]
        left.plot(sizes, exact, "-o", color=VERMILION, label="exact: every vector")
        left.plot(sizes, graph, "-s", color=BLUE, label=f"HNSW, recall {enough:.2f} or more")
        left.set_xscale("log")
        left.set_yscale("log")
        left.set_xlabel("vectors")
        left.set_ylabel("milliseconds a query")
        left.legend(frameon=False, fontsize=9)
        left.set_title("Time")
        for result, marker, color in zip(results, MARKERS, COLORS, strict=False):
            efforts = result["hnsw"]
            right.plot(
                [x["ms"] for x in efforts], [x["recall"] for x in efforts], f"-{marker}",
                color=color, label=f"{result['vectors']:,} vectors",
            )  # fmt: skip
        right.set_xscale("log")
        right.set_xlabel("milliseconds a query, HNSW")
        right.set_ylabel("recall@10")
        right.legend(frameon=False, fontsize=9, loc="lower right")
        right.set_title("What HNSW finds of the true ten")
        right.set_xticks([1, 2, 5, 10, 20, 50])
        right.set_xlim(1, 50)
        for axis in (left.xaxis, left.yaxis, right.xaxis):
            axis.set_major_formatter(
                FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
            )
            axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    said = "; ".join(
        f"{size:,} vectors: exact {slow:g} ms, HNSW {fast['ms']:g} ms, recall {fast['recall']:.3f}"
        for size, slow, fast in zip(sizes, exact, chosen, strict=True)
    )
    return Picture.of(figure, f"Curves of search time and recall. {said}.")


def pieces(
    boxes: Mapping[str, tuple[float, float, str]],
    arrows: Sequence[tuple[str, str, str]],
    alt: str,
    size: tuple[float, float] = (10, 4.2),
) -> Picture:
    """Draw boxes and what flows between them.

    Args:
        boxes: name -> (x, y, second line), x and y from 0 to 1 in the middle of the box.
        arrows: (from, to, what flows).
        alt: the drawing in words.
        size: width and height in inches.

    Introduced in notebook 4.
    """
    figure = new_figure(*size)
    wide, high = 0.19, 0.2
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        axis.axis("off")
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        for name, (x, y, more) in boxes.items():
            axis.add_patch(
                FancyBboxPatch(
                    (x - wide / 2, y - high / 2),
                    wide,
                    high,
                    boxstyle="round,pad=0,rounding_size=0.02",
                    facecolor="#EAF2F8",
                    edgecolor=BLUE,
                    linewidth=1.4,
                )  # fmt: skip
            )
            axis.text(x, y + 0.035, name, ha="center", va="center", fontweight="bold")
            axis.text(x, y - 0.045, more, ha="center", va="center", fontsize=8.5, color="#333333")
        for start, end, label in arrows:
            (x0, y0, _), (x1, y1, _) = boxes[start], boxes[end]
            flat = abs(x1 - x0) > abs(y1 - y0)
            dx, dy = (np.sign(x1 - x0) * wide / 2, 0) if flat else (0, np.sign(y1 - y0) * high / 2)
            axis.annotate(
                "", (x1 - dx, y1 - dy), (x0 + dx, y0 + dy),
                arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 1.6},
            )  # fmt: skip
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            place = {"ha": "center", "va": "bottom"} if flat else {"ha": "left", "va": "center"}
            axis.text(x if flat else x + 0.012, y + 0.02 * flat, label, fontsize=8.5, **place)
    return Picture.of(figure, alt)
