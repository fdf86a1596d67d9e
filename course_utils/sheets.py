"""Ranked matches on one sheet: what a box of cards is where there is no kernel behind it."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.patches import Rectangle

from course_utils.plots import STYLE, Picture, label_color, new_figure


def contact_sheet(
    query, cards: Sequence, text: str, heading: str = "", columns: int = 5
) -> Picture:
    """Show a query and its ranked matches on one sheet: the gallery where there is no kernel.

    Args:
        query: (picture, item) of the query.
        cards: (picture, item, cosine, note on the cosine) of each match, best first.
        text: the same ranking as a table in words.
        heading: a line above.
        columns: how many matches beside each other.

    Introduced in notebook 1.
    """
    columns = max(1, min(columns, len(cards)))
    rows = max(1, -(-len(cards) // columns))
    figure = new_figure(1.65 * (columns + 1), 2.15 * rows + 0.2)
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(rows, columns + 1, squeeze=False)
        for axis in axes.ravel():
            axis.axis("off")
        label = query[1].label  # a long one would run into the first match's
        _card(axes[0, 0], *query, f"query: {label}" if len(label) < 15 else "query")
        for i, (picture, item, score, note) in enumerate(cards):
            axis = axes[i // columns, 1 + i % columns]
            _card(axis, picture, item, f"{i + 1}. {item.label}", score, note)
        if heading:
            figure.suptitle(heading, fontsize=11, x=0.01, ha="left")
    first = ", ".join(f"{i + 1}. {_said(card[1])}" for i, card in enumerate(cards))
    alt = f"Query: {_said(query[1])}. Ranked matches: {first}."
    return Picture.of(figure, alt, photo=True, text=text)


def _said(item) -> str:
    """Name an item in words; voices that say the same are told apart by their names."""
    return item.name if item.kind == "audio" else item.caption or item.name


def _card(axis, picture, item, title: str, score: float | None = None, note: str = "") -> None:
    """Draw one card: title, picture in a square, name, bar and number of the cosine."""
    width, height = picture.size
    left, top = (1 - width / max(picture.size)) / 2, (1 - height / max(picture.size)) / 2
    axis.imshow(picture, extent=(left, 1 - left, 1 - top, top), aspect="equal")
    axis.set_xlim(0, 1)
    axis.set_ylim(1.22, 0)
    color = label_color(item.label)
    axis.set_title(title, fontsize=9, color=color, fontweight="bold", loc="left", pad=3)
    axis.text(0, 1.08, item.name[:24] + note, fontsize=7, color="#333333", va="center")
    if score is not None:
        axis.add_patch(Rectangle((0, 1.16), 0.72, 0.045, color="#E4E4E4"))
        axis.add_patch(Rectangle((0, 1.16), 0.72 * max(0.0, score), 0.045, color=color))
        axis.text(1, 1.18, f"{score:.2f}", fontsize=8, ha="right", va="center")
