"""Ranked matches on one sheet: what a box of cards is where there is no kernel behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten

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


COLUMN, ROW, SIDE = 3.3, 1.2, 1.05  # inches: of a column and a row of it, and of a picture there


def columns_sheet(query, columns: Mapping[str, Sequence], text: str, heading: str = "") -> Picture:
    """Show a query and, for each kind of media, its ranked answers below each other.

    Args:
        query: (picture, item) of the query.
        columns: heading of a column -> (picture, item, cosine, how it was found) of each answer.
        text: the same as a table in words.
        heading: a line above.

    Introduced in notebook 4.
    """
    rows = max(1, *(len(cards) for cards in columns.values()))
    width, height = COLUMN * len(columns), ROW * (rows + 1) + 0.45
    figure = new_figure(width, height + 0.3)
    with matplotlib.rc_context(STYLE):
        axis = figure.subplots()
        axis.axis("off")
        axis.set_title(heading)
        _row(axis, (0, 0), *query, "query:")
        for column, (name, cards) in enumerate(columns.items()):
            x, y = COLUMN * column, ROW + 0.35
            axis.text(x, y - 0.12, name, fontsize=11, fontweight="bold")
            axis.plot([x, x + COLUMN - 0.25], [y - 0.05] * 2, color="#333333", linewidth=0.8)
            if not cards:
                axis.text(x, y + 0.2, "nothing found", fontsize=8, color="#333333")
            for rank, (picture, item, cosine, found) in enumerate(cards):
                place = (x, y + 0.05 + ROW * rank)
                _row(axis, place, picture, item, f"{rank + 1}.", cosine, found)
        axis.set_xlim(0, width)
        axis.set_ylim(height, 0)
        axis.set_aspect("equal")
    said = [
        f"{name}: "
        + (", ".join(f"{i + 1}. {_said(card[1])}" for i, card in enumerate(cards)) or "none")
        for name, cards in columns.items()
    ]
    alt = f"Query: {_said(query[1])}. {'. '.join(said)}."
    return Picture.of(figure, alt, photo=True, text=text)


def _row(axis, place, picture, item, rank: str, cosine: float | None = None, found="") -> None:
    """Draw a picture with words on its right; `place` is the upper left corner in inches."""
    x, y = place
    scale = SIDE / max(picture.size)
    wide, high = picture.size[0] * scale, picture.size[1] * scale
    left, top = x + (SIDE - wide) / 2, y + 0.04
    axis.imshow(picture, extent=(left, left + wide, top + high, top), aspect="equal")
    color, x = label_color(item.label), x + SIDE + 0.12
    label = shorten(item.label, 20, placeholder=" ...")
    axis.text(x, y + 0.16, f"{rank} {label}", fontsize=9, color=color, fontweight="bold")
    axis.text(x, y + 0.36, item.name[:27], fontsize=8)
    axis.text(x, y + 0.54, shorten(_caption(item), 33, placeholder=" ..."), fontsize=7)
    if cosine is not None:
        long = COLUMN - SIDE - 0.4
        axis.text(x, y + 0.76, found[:39], fontsize=7.5, color="#333333")
        axis.add_patch(Rectangle((x, y + 0.84), long, 0.06, color="#E4E4E4"))
        axis.add_patch(Rectangle((x, y + 0.84), long * max(0.0, cosine), 0.06, color=color))


def _caption(item) -> str:
    return item.caption if item.caption != item.name else ""
