"""One query, ranked by several encoders or settings beside each other.

Like all boxes of cards it is made of ipywidgets in a live notebook, a picture where there is no
kernel behind it, and a table in a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from course_utils.cards import (
    Box,
    bar_html,
    card_html,
    card_widget,
    column_html,
    columns_widget,
    fill,
    offered,
    position_of,
    small_picture,
    title,
)
from course_utils.catalog import Catalog
from course_utils.plots import Picture
from course_utils.search import top_k
from course_utils.sheets import columns_sheet

MOST = 8  # cards of a column that can be shown at once
ARROWS = {"up": "&#9650; ", "down": "&#9660; ", "new": "&#10010; "}


class Place(NamedTuple):
    """Where an item stands in a ranking.

    Attributes:
        position: which item of the catalog it is.
        cosine: how similar it is to the query.
        change: its rank against that in the first ranking, such as `up 3`; empty in the first.
    """

    position: int
    cosine: float
    change: str


class Compare(Box):
    """Rankings of one collection beside each other, and what changes from the first to the others.

    As the last line of a cell it shows itself. Click a card, in any column, to make it the next
    query of all columns. Cosines of two columns cannot be compared; ranks can.

    Attributes:
        query_item: what was searched for.

    Introduced in notebook 1.
    """

    def __init__(
        self,
        catalog: Catalog,
        columns: Mapping[str, np.ndarray],
        query: int | str = 0,
        k: int = 5,
        heading: str = "",
        large: bool = False,
    ):
        """Take a collection and its vectors of two or three encoders or settings.

        Args:
            catalog: n items, at least two.
            columns: what each ranking is called -> vectors of shape (n, d); d may differ.
            query: an item's position or name.
            k: how many matches to show, 1 to 8.
            heading: a line above.
            large: whether the cards can be read from the back of a room.

        Raises:
            ValueError: there is nothing to compare, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        if not 2 <= len(columns) <= 3:
            raise ValueError(f"There are {len(columns)} rankings; give two or three to compare.")
        if len(catalog) < 2:
            raise ValueError(f"The collection has {len(catalog)} items; a ranking needs two.")
        for name, vectors in columns.items():
            if len(vectors) != len(catalog):
                raise ValueError(
                    f"There are {len(catalog)} items and {len(vectors)} vectors of {name!r}; "
                    "each item needs its own."
                )
        if not 1 <= k <= MOST:
            raise ValueError(f"k is {k}; a column has room for 1 to {MOST} matches.")
        self.catalog, self.k, self.heading, self.large = catalog, k, heading, large
        self.columns = {str(name): np.asarray(vectors) for name, vectors in columns.items()}
        self.history: list[int] = []
        self._set_query(query)

    def _set_query(self, query: int | str) -> None:
        self.position = position_of(self.catalog, query)
        self.query_item = self.catalog[self.position]

    def rankings(self) -> dict[str, list[Place]]:
        """Return the best k matches of each column, without the query itself."""
        others = np.delete(np.arange(len(self.catalog)), self.position)
        found, before = {}, {}
        for name, vectors in self.columns.items():
            best, scores = top_k(vectors[self.position], vectors[others], len(others))
            order = others[best].tolist()
            found[name] = [
                Place(item, float(score), _change(rank, before[item], self.k) if before else "")
                for rank, (item, score) in enumerate(
                    zip(order[: self.k], scores[: self.k], strict=True), 1
                )
            ]
            before = before or {item: rank for rank, item in enumerate(order, 1)}
        return found

    def _notes(self, rankings: Mapping[str, list[Place]]) -> dict[str, str]:
        """Return what is said below each column's name."""
        first = next(iter(rankings))
        known = {place.position for place in rankings[first]}
        notes = {
            name: f"{sum(place.position in known for place in places)} of {len(places)} are also "
            f'in "{first}"'
            for name, places in rankings.items()
        }
        return notes | {first: "the ranking to compare with"}

    def text(self) -> str:
        """Return the rankings as tables in words."""
        rankings = self.rankings()
        notes = self._notes(rankings)
        lines = [f"Query: {self.query_item.name} ({self.query_item.label})"]
        for name, places in rankings.items():
            lines += ["", f"{name}: {notes[name]}", "rank  cosine  item"]
            for rank, (position, cosine, change) in enumerate(places, 1):
                item = self.catalog[position]
                change = change and f", {change}"
                lines.append(f"{rank:4}  {cosine:6.2f}  {item.name} ({item.label}){change}")
        return "\n".join(lines)

    def picture(self) -> Picture:
        """Return the rankings as a picture, a column each."""
        columns = {
            name: [
                (
                    small_picture(self.catalog[position]),
                    self.catalog[position],
                    cosine,
                    f"cosine {cosine:.2f}{change and ', '}{change}",
                )
                for position, cosine, change in places
            ]
            for name, places in self.rankings().items()
        }
        query = (small_picture(self.query_item), self.query_item)
        return columns_sheet(query, columns, self.text(), self.heading)

    # ---- the live box ----

    def _build(self):
        import ipywidgets as w

        wide = w.Layout(width="340px")
        options = [(offered(item), i) for i, item in enumerate(self.catalog)]
        self.picker = w.Dropdown(options=options, description="Query", layout=wide)
        most = min(MOST, len(self.catalog) - 1)
        self.count = w.IntSlider(
            value=min(self.k, most), min=1, max=most, description="How many",
            continuous_update=False, layout=wide,
        )  # fmt: skip
        self._buttons(w)
        self.query_card, self.query_html, _ = card_widget(w)
        self.query_card.add_class("cg-query")
        self.query_card.add_class("cg-row")
        body, self.headings, self.cards = columns_widget(w, self.columns, most, self._clicked)
        self.picker.observe(lambda change: self._go(change["new"]), "value")
        self.count.observe(lambda change: self._more(change["new"]), "value")
        self.back.on_click(lambda _: self._go_back())
        controls = w.VBox(
            [w.HBox([self.picker, self.back]), w.HBox([self.count, self.bigger]), self.said]
        )
        controls.add_class("cg-controls")
        root = self._root(w, w.Box([self.query_card, controls]), body, "cg-search")
        self._show()
        return root

    def _clicked(self, name: str, slot: int) -> None:
        self._go(self._shown[name][slot].position)

    def _go(self, position: int, remember: bool = True) -> None:
        """Make an item the query of all columns."""
        if position == self.position:
            return
        if remember:
            self.history.append(self.position)
        self._set_query(position)
        self._show()

    def _go_back(self) -> None:
        if self.history:
            self._go(self.history.pop(), remember=False)

    def _more(self, k: int) -> None:
        self.k = k
        self._show()

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self.picker.value = self.position  # `_go` sees that it is the query already
        self.back.disabled = not self.history
        self.query_html.value = card_html(self.query_item, "Query:")
        self._shown = self.rankings()
        notes = self._notes(self._shown)
        for name, places in self._shown.items():
            self.headings[name].value = column_html(name, notes[name])
            items = [self.catalog[place.position] for place in places]
            shown = [
                (item, f"{rank}.", _below(item, place), item.alt or item.name)
                for rank, (item, place) in enumerate(zip(items, places, strict=True), 1)
            ]
            fill(self.cards[name], shown)
        names = list(self.columns)
        self._say(
            f"Matches for {title(self.query_item)}, ranked by {', '.join(names[:-1])} and "
            f"{names[-1]}"
        )


def _change(rank: int, before: int, k: int) -> str:
    """Return how a rank differs from the one in the first ranking, in words."""
    if before > k:
        return f"new (was {before})"
    if before == rank:
        return "same"
    return f"up {before - rank}" if rank < before else f"down {rank - before}"


def _below(item, place: Place) -> str:
    """Return a cosine as a bar, and below it how the rank changed."""
    arrow = ARROWS.get(place.change.split(" ")[0], "")
    change = f'<div class="cg-change">{arrow}{place.change}</div>' if place.change else ""
    return bar_html(item, place.cosine) + change
