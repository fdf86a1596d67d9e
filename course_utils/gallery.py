"""Ranked matches to look at and click through.

In a live notebook a gallery is made of ipywidgets (version 7 or 8). Where there is no kernel behind
it (GitHub, nbconvert, slides, print) it is a picture with all ranks and scores, and in a terminal a
table.
"""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np

from course_utils.cards import (
    STYLE,
    Box,
    bar_html,
    card_html,
    card_widget,
    small_picture,
    status_html,
    title,
)
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError
from course_utils.plots import Picture
from course_utils.search import top_k
from course_utils.sheets import contact_sheet

MOST = 20  # cards that a live gallery can show at once


class Gallery(Box):
    """A query and its ranked matches.

    As the last line of a cell it shows itself. Click a card to make it the next query.

    Introduced in notebook 1.
    """

    def __init__(
        self,
        catalog: Catalog,
        vectors: np.ndarray,
        query: int | str = 0,
        k: int = 10,
        encoder=None,
        scale=None,
        heading: str = "",
    ):
        """Take a collection and choose the first query.

        Args:
            catalog: n items.
            vectors: their embeddings, shape (n, d).
            query: an item's position or name, or (with `encoder`) a file of your own.
            k: how many matches to show.
            encoder: the encoder that made the vectors; with it, any file can be the query.
            scale: a `course_utils.evidence.Thermometer`; with it, each card also says how many
                random pairs it is above.
            heading: a line above.

        Raises:
            ValueError: the collection is empty, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        if len(catalog) == 0:
            raise ValueError("The collection is empty; there is nothing to show.")
        if len(catalog) != len(vectors):
            raise ValueError(
                f"There are {len(catalog)} items and {len(vectors)} vectors; "
                "each item needs its own."
            )
        self.catalog, self.vectors, self.encoder = catalog, np.asarray(vectors), encoder
        self.k, self.scale, self.heading, self.label = k, scale, heading, None
        self.history: list = []
        self.query_position: int | None = None
        self._set_query(query)

    def _set_query(self, query: int | str | Path) -> None:
        """Make an item or a file the query; on any error the old query stays."""
        if isinstance(query, (int, np.integer)):
            if not -len(self.catalog) <= query < len(self.catalog):
                raise KeyError(f"There is no item {query}; there are {len(self.catalog)}.")
            position = int(query) % len(self.catalog)
        else:
            try:
                position = self.catalog.find(str(query))
            except KeyError:
                if self.encoder is None:
                    raise
                position = None
        if position is None:
            vector = self.encoder.encode([query])[0]
            kind = self.catalog[0].kind
            item = Item(Path(query), kind, "yours", caption=Path(query).name, alt="Your own file")
        else:
            vector, item = self.vectors[position], self.catalog[position]
        self.query_position, self.query_vector, self.query_item = position, vector, item

    def ranking(self) -> list[tuple[int, float]]:
        """Return (position, cosine) of the best k matches, without the query itself."""
        among = np.array(
            [
                i
                for i, item in enumerate(self.catalog)
                if i != self.query_position and self.label in (None, item.label)
            ],
            dtype=int,
        )
        if not len(among):
            return []
        best, scores = top_k(self.query_vector, self.vectors[among], self.k)
        return [(int(among[i]), float(score)) for i, score in zip(best, scores, strict=True)]

    def text(self) -> str:
        """Return the ranking as a table in words."""
        lines = [f"Query: {self.query_item.name} ({self.query_item.label})", "rank  cosine  item"]
        for rank, (position, score) in enumerate(self.ranking(), 1):
            item = self.catalog[position]
            lines.append(f"{rank:4}  {score:6.2f}  {item.name} ({item.label}){self._above(score)}")
        return "\n".join(lines)

    def _above(self, score: float) -> str:
        """Return how many random pairs a cosine beats, in words, if the gallery has a scale."""
        return f", above {self.scale.percentile(score):.0f} %" if self.scale else ""

    def picture(self) -> Picture:
        """Return the ranking as a picture with all ranks and scores."""
        cards = [
            (small_picture(self.catalog[i]), self.catalog[i], score, self._above(score))
            for i, score in self.ranking()
        ]
        query = (small_picture(self.query_item), self.query_item)
        return contact_sheet(query, cards, self.text(), self.heading)

    # ---- the live gallery ----

    def _build(self):
        import ipywidgets as w

        labels = [("all labels", "")] + [(str(x), str(x)) for x in np.unique(self.catalog.labels)]
        options = [
            (f"{item.name}: {item.caption}" if item.caption != item.name else item.name, i)
            for i, item in enumerate(self.catalog)
        ]
        wide = w.Layout(width="340px")
        self.picker = w.Dropdown(
            options=[("a file of yours", -1), *options],  # `_show` chooses among them
            description="Query", layout=wide,
        )  # fmt: skip
        self.count = w.IntSlider(
            value=min(self.k, MOST), min=1, max=max(1, min(MOST, len(self.catalog) - 1)),
            description="How many", continuous_update=False, layout=wide,
        )  # fmt: skip
        self.only = w.Dropdown(options=labels, description="Show", layout=w.Layout(width="240px"))
        self.back = w.Button(
            description="Back", icon="arrow-left", disabled=True, tooltip="The query before this"
        )
        self.file = w.Text(
            placeholder="path of a file of yours, then Enter", description="Your file",
            continuous_update=False, layout=w.Layout(width="440px"),
        )  # fmt: skip
        self.said = w.HTML()
        self.query_card, query_html, _ = card_widget(w)
        self.query_card.add_class("cg-query")
        self.cards = [card_widget(w) for _ in range(self.count.max)]
        self.query_html, self._busy = query_html, False

        self.picker.observe(lambda change: self._pick(change["new"]), "value")
        self.count.observe(lambda change: self._narrow(k=change["new"]), "value")
        self.only.observe(lambda change: self._narrow(label=change["new"] or None), "value")
        self.file.observe(lambda change: self._go(change["new"].strip().strip("\"'")), "value")
        self.back.on_click(lambda _: self._go_back())
        for slot, (_, _, button) in enumerate(self.cards):
            button.on_click(lambda _, slot=slot: self._go(self._shown[slot]))

        cards = w.Box([card for card, _, _ in self.cards])
        cards.add_class("cg-cards")
        controls = [w.HBox([self.picker, self.back]), w.HBox([self.count, self.only])]
        if self.encoder is not None:
            controls.append(self.file)
        heading = w.HTML(f"<b>{html.escape(self.heading)}</b>" if self.heading else "")
        controls = w.VBox([*controls, self.said])
        controls.add_class("cg-controls")
        head = w.HBox([self.query_card, controls])
        head.add_class("cg-head")
        root = w.VBox([w.HTML(STYLE), heading, head, cards])
        root.add_class("cg-root")
        self._show()
        return root

    def _go(self, query, remember: bool = True) -> None:
        """Make `query` (a position or a file) the query and show its ranking."""
        if self._busy or query is None or query == "":
            return
        before = self.query_item.path if self.query_position is None else self.query_position
        try:
            self._set_query(query)
        except (MediaError, KeyError, ValueError) as error:
            self._say(str(error), wrong=True)
            return
        if remember and before != query:
            self.history.append(before)
        self._show()

    def _pick(self, position: int) -> None:
        if position >= 0:  # -1 stands for a file of the learner's
            self._go(position)

    def _go_back(self) -> None:
        if self.history:
            self._go(self.history.pop(), remember=False)

    def _narrow(self, **changes) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self._show()

    def _say(self, words: str, wrong: bool = False) -> None:
        self.said.value = status_html(words, wrong)

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self._busy = True  # setting the picker must not count as a click
        self.picker.value = -1 if self.query_position is None else self.query_position
        self._busy = False
        self.back.disabled = not self.history
        self.query_html.value = card_html(self.query_item, "Query:")
        ranking = self.ranking()
        self._shown = [position for position, _ in ranking]
        for slot, (card, content, button) in enumerate(self.cards):
            card.layout.display = None if slot < len(ranking) else "none"
            if slot < len(ranking):
                position, score = ranking[slot]
                item = self.catalog[position]
                content.value = card_html(item, f"{slot + 1}.", self._bar(item, score))
                button.description = f"Use {item.name} as query"
                button.tooltip = item.alt or item.name
        self._say(f"{len(ranking)} matches for {title(self.query_item)}")

    def _bar(self, item: Item, score: float) -> str:
        return bar_html(item, score, self._above(score).replace(", ", "<br>"))
