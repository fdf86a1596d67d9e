"""Ranked matches to look at and click through.

In a live notebook a gallery is made of ipywidgets (version 7 or 8). Where there is no kernel behind
it (GitHub, nbconvert, slides, print) it is a picture with all ranks and scores, and in a terminal a
table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from course_utils.cards import (
    Box,
    bar_html,
    card_html,
    card_widget,
    fill,
    mark_html,
    mark_widget,
    offered,
    position_of,
    small_picture,
    title,
)
from course_utils.catalog import Catalog, Item
from course_utils.evidence import above
from course_utils.media import MediaError
from course_utils.plots import Picture
from course_utils.search import rocchio, top_k
from course_utils.sheets import contact_sheet
from course_utils.uploads import upload_button, words

MOST = 20  # cards that a live gallery can show at once


class Gallery(Box):
    """A query and its ranked matches.

    As the last line of a cell it shows itself. Click a card to make it the next query, or say of
    some cards that you want more or less like them: the query moves, and all cards are ranked anew.

    Attributes:
        query_item: what was searched for.
        marks: position of an item -> 1 if more like it is wanted, -1 if less.

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
        large: bool = False,
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
            large: whether the cards can be read from the back of a room.

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
        self.large = large
        self.history: list = []
        self.marks: dict[int, int] = {}
        self.query_position: int | None = None
        self._set_query(query)

    def _set_query(self, query: int | str | Path) -> None:
        """Make an item or a file the query, without marks; on any error all stays as it was."""
        try:
            position = position_of(self.catalog, query)
        except KeyError:
            if self.encoder is None or isinstance(query, (int, np.integer)):
                raise
            position = None
        if position is None:
            vector = self.encoder.encode([query])[0]
            kind = self.catalog[0].kind
            item = Item(Path(query), kind, "yours", caption=Path(query).name, alt="Your own file")
        else:
            vector, item = self.vectors[position], self.catalog[position]
        self.query_position, self.query_vector, self.query_item = position, vector, item
        self.marks = {}

    def mark(self, liked: Sequence[int | str] = (), disliked: Sequence[int | str] = ()) -> Gallery:
        """Ask for more like some items and less like others, and return the gallery.

        It is what the buttons on the cards do. A new query forgets the marks.

        Args:
            liked: positions or names of items.
            disliked: likewise.

        Raises:
            KeyError: there is no item of that name.
            ValueError: likes and dislikes cancel the query out.
        """
        marks = dict(self.marks)
        for wanted, mark in ((liked, 1), (disliked, -1)):
            for item in wanted:
                marks[position_of(self.catalog, item)] = mark
        self._remark(marks)
        return self

    def _remark(self, marks: dict[int, int]) -> None:
        """Take other marks; if the query cannot be moved so, the old ones stay."""
        self._moved(marks)
        self.marks = marks
        if self._widget is not None:
            self._show()

    def _moved(self, marks: dict[int, int]) -> np.ndarray:
        """Return the query's vector, moved by marks."""
        liked, disliked = ([i for i, mark in marks.items() if mark == x] for x in (1, -1))
        if not marks:
            return self.query_vector
        return rocchio(self.query_vector, self.vectors[liked], self.vectors[disliked])

    def ranking(self) -> list[tuple[int, float]]:
        """Return (position, cosine) of the best k matches, without the query itself."""
        return [(position, score) for rank, position, score in self._ranked() if rank <= self.k]

    def _ranked(self) -> list[tuple[int, int, float]]:
        """Return (rank, position, cosine) of the best k, and of marked items that come later."""
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
        count = len(among) if self.marks else self.k
        best, scores = top_k(self._moved(self.marks), self.vectors[among], count)
        ranked = [
            (rank, int(among[i]), float(score))
            for rank, (i, score) in enumerate(zip(best, scores, strict=True), 1)
        ]
        return [row for row in ranked if row[0] <= self.k or row[1] in self.marks]

    def text(self) -> str:
        """Return the ranking as a table in words."""
        item = self.query_item
        lines = [f"Query: {item.name} ({item.label}){self._marked()}", "rank  cosine  item"]
        for rank, position, score in self._ranked():
            item = self.catalog[position]
            note = self._note(position, score)
            lines.append(f"{rank:4}  {score:6.2f}  {item.name} ({item.label}){note}")
        return "\n".join(lines)

    def _marked(self) -> str:
        """Return how many were liked and disliked, in words."""
        marks = list(self.marks.values())
        return f", moved by {marks.count(1)} liked and {marks.count(-1)} disliked" if marks else ""

    def _note(self, position: int, score: float) -> str:
        """Return an item's mark, and how many random pairs its cosine beats, in words."""
        mark = {1: ", liked", -1: ", disliked"}.get(self.marks.get(position), "")
        beats = self._above(score)
        return mark + (beats and f", {beats}")

    def _above(self, score: float) -> str:
        """Return how many random pairs a cosine beats, in words, if the gallery has a scale.

        A query that was moved is no item, so there are no pairs to compare it with.
        """
        return above(self.scale.percentile(score)) if self.scale and not self.marks else ""

    def picture(self) -> Picture:
        """Return the ranking as a picture with all ranks and scores."""
        cards = [
            (small_picture(self.catalog[i]), self.catalog[i], score, self._note(i, score))
            for i, score in self.ranking()
        ]
        query = (small_picture(self.query_item), self.query_item)
        return contact_sheet(query, cards, self.text(), self.heading)

    # ---- the live gallery ----

    def _build(self):
        import ipywidgets as w

        labels = [("all labels", "")] + [(str(x), str(x)) for x in np.unique(self.catalog.labels)]
        options = [(offered(item), i) for i, item in enumerate(self.catalog)]
        wide, auto = w.Layout(width="340px"), w.Layout(width="auto")
        self.picker = w.Dropdown(
            options=[("a file of yours", -1), *options],  # `_show` chooses among them
            description="Query", layout=wide,
        )  # fmt: skip
        self.count = w.IntSlider(
            value=min(self.k, MOST), min=1, max=max(1, min(MOST, len(self.catalog) - 1)),
            description="How many", continuous_update=False, layout=wide,
        )  # fmt: skip
        self.only = w.Dropdown(options=labels, description="Show", layout=w.Layout(width="200px"))
        self.forget = w.Button(
            description="Forget marks", icon="eraser", disabled=True, layout=auto,
            tooltip="Search with the query alone again",
        )  # fmt: skip
        self._buttons(w)
        self.query_card, self.query_html, _ = card_widget(w)
        self.query_card.add_class("cg-query")
        self.cards = [card_widget(w) for _ in range(self.count.max)]
        style = w.ButtonStyle()
        self.marking = [mark_widget(w, auto, style) for _ in self.cards]
        self._busy = False

        self.picker.observe(lambda change: self._pick(change["new"]), "value")
        self.count.observe(lambda change: self._narrow(k=change["new"]), "value")
        self.only.observe(lambda change: self._narrow(label=change["new"] or None), "value")
        self.back.on_click(lambda _: self._go_back())
        self.forget.on_click(lambda _: self._remark({}))
        for slot, (card, _, button) in enumerate(self.cards):
            button.on_click(lambda _, slot=slot: self._go(self._shown[slot]))
            row, *buttons = self.marking[slot]
            card.children = (*card.children, row)
            for mark, button in zip((1, -1), buttons, strict=True):
                button.on_click(lambda _, slot=slot, mark=mark: self._mark_slot(slot, mark))

        cards = w.Box([card for card, _, _ in self.cards])
        cards.add_class("cg-cards")
        controls = [
            w.HBox([self.picker, self.back, self.forget]),
            w.HBox([self.count, self.only, self.bigger]),
        ]
        if self.encoder is not None:
            controls.append(self._own_file(w))
        controls = w.VBox([*controls, self.said])
        controls.add_class("cg-controls")
        root = self._root(w, w.Box([self.query_card, controls]), cards)
        self._show()
        return root

    def _own_file(self, w):
        """Return a field for a file's path, and a button to upload one."""
        self.file = w.Text(
            placeholder="path of a file of yours, then Enter",
            description="Your file", continuous_update=False, layout=w.Layout(width="400px"),
        )  # fmt: skip
        self.file.observe(lambda change: self._go(change["new"].strip().strip("\"'")), "value")
        kinds = (self.catalog[0].kind,)
        self.upload = upload_button(w, kinds, self._go, self._wrong)
        return w.HBox([self.file, self.upload])

    def _go(self, query: int | str | Path, marks: dict[int, int] | None = None) -> None:
        """Make `query` (a position or a file) the query; with `marks`, it is one of before."""
        if self._busy or query == "":
            return
        before = self.query_item.path if self.query_position is None else self.query_position
        left = before, self.marks
        try:
            self._set_query(query)
        except (MediaError, KeyError, ValueError) as error:
            self._wrong(words(error))
            return
        if marks is None and before != query:
            self.history.append(left)
        self.marks = marks or {}
        self._show()

    def _pick(self, position: int) -> None:
        if position >= 0:  # -1 stands for a file of the learner's
            self._go(position)

    def _go_back(self) -> None:
        if self.history:
            self._go(*self.history.pop())

    def _mark_slot(self, slot: int, mark: int) -> None:
        """Mark the item on a card, or take back the mark if it has just this one."""
        position = self._shown[slot]
        marks = {i: old for i, old in self.marks.items() if i != position}
        if self.marks.get(position) != mark:
            marks[position] = mark
        try:
            self._remark(marks)
        except ValueError as error:
            self._wrong(str(error))

    def _narrow(self, **changes) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self._show()

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self._busy = True  # setting the picker must not count as a click
        self.picker.value = -1 if self.query_position is None else self.query_position
        self._busy = False
        self.back.disabled, self.forget.disabled = not self.history, not self.marks
        self.query_html.value = card_html(self.query_item, "Query:")
        ranked = self._ranked()
        late = [row for row in ranked if row[0] > self.k]
        rows = ranked[: len(ranked) - len(late)]
        rows = (rows[: max(0, len(self.cards) - len(late))] + late)[: len(self.cards)]
        self._shown = [position for _, position, _ in rows]
        items = [self.catalog[position] for position in self._shown]
        fill(
            self.cards,
            [
                (item, f"{rank}.", self._below(position, score), item.alt or item.name)
                for item, (rank, position, score) in zip(items, rows, strict=True)
            ],
        )
        for (_, more, less), item, position in zip(self.marking, items, self._shown, strict=False):
            mark = self.marks.get(position)
            more.description, less.description = (
                "\u2713 More" if mark == 1 else "More", "\u2713 Less" if mark == -1 else "Less",
            )  # fmt: skip
            more.tooltip, less.tooltip = f"More like {item.name}", f"Less like {item.name}"
        self._say(f"{len(self.ranking())} matches for {title(self.query_item)}{self._marked()}")

    def _below(self, position: int, score: float) -> str:
        """Return what stands below a card's title: the cosine, and the mark."""
        beats = self._above(score)
        bar = bar_html(self.catalog[position], score, beats and f"<br>{beats}")
        return bar + mark_html(self.marks.get(position, 0))
