"""The search box of the unified search: one query of any kind, a column of answers for each kind.

Like all boxes of cards it is made of ipywidgets in a live notebook, a picture where there is no
kernel behind it, and a table in a terminal. What is found is the search's business alone.
"""

from __future__ import annotations

import html
from pathlib import Path
from time import perf_counter

from course_utils.answers import Answer, in_words
from course_utils.cards import (
    Box,
    bar_html,
    card_html,
    card_widget,
    column_html,
    columns_widget,
    fill,
    offered,
    small_picture,
    title,
)
from course_utils.catalog import Item, item_id
from course_utils.evidence import above
from course_utils.media import MediaError
from course_utils.plots import Picture
from course_utils.sheets import columns_sheet
from course_utils.spaces import StoreError
from course_utils.unified import UnifiedSearch
from course_utils.uploads import ONE, upload_button, words

MOST = 6  # answers of a kind that can be shown at once
COLUMNS = {"image": "Pictures", "video": "Films", "audio": "Sounds"}


class SearchBox(Box):
    """A query and the best pictures, films and sounds for it, each with how it was found.

    As the last line of a cell it shows itself. Click a card to make it the next query, type a
    name, or take a file of your own: upload it, or type its path.

    Attributes:
        query_item: what was searched for.
        found: the answers, a list for each kind.

    Introduced in notebook 4.
    """

    def __init__(
        self,
        search: UnifiedSearch,
        query: str | Path | Item,
        k: int = 3,
        heading: str = "",
        large: bool = False,
    ):
        """Search for a first query.

        Args:
            search: the search, filled.
            query: an item, its name, or any file of yours.
            k: how many answers of each kind to show, 1 to 6.
            heading: a line above.
            large: whether the cards can be read from the back of a room.

        Raises:
            MediaError: there is no such item or file, or it cannot be used.
            ValueError: k is out of range.
            StoreError: nothing was added yet, or the database failed.
        """
        if not 1 <= k <= MOST:
            raise ValueError(f"k is {k}; a column has room for 1 to {MOST} answers.")
        self.search, self.k, self.heading, self.large = search, k, heading, large
        self.history: list[Item] = []
        self._set_query(query)

    def _set_query(self, query: str | Path | Item) -> None:
        """Search for an item or a file; on any error the old query stays."""
        start = perf_counter()
        item = query if isinstance(query, Item) else self.search.item(query)
        found = self.search.search(item, k=MOST)
        self.query_item, self.found = item, found
        self._seconds = perf_counter() - start

    def answers(self) -> dict[str, list[Answer]]:
        """Return the answers that are shown, a list for each kind, best first."""
        return {kind: self.found[kind][: self.k] for kind in COLUMNS}

    def text(self) -> str:
        """Return the answers as tables in words."""
        item = self.query_item
        lines = [f"Query: {item.name} ({item.label}), a {ONE[item.kind]}"]
        for kind, answers in self.answers().items():
            lines += ["", COLUMNS[kind], "rank  item: how it was found, cosine"]
            lines += [
                f"{rank:4}  {answer.item.name} ({answer.item.label}): {answer.short}"
                for rank, answer in enumerate(answers, 1)
            ] or ["      nothing found"]
        return "\n".join(lines)

    def picture(self) -> Picture:
        """Return the answers as a picture with three columns."""
        columns = {
            COLUMNS[kind]: [
                (small_picture(answer.item), answer.item, answer.best.cosine, answer.short)
                for answer in answers
            ]
            for kind, answers in self.answers().items()
        }
        query = (small_picture(self.query_item), self.query_item)
        return columns_sheet(query, columns, self.text(), self.heading)

    # ---- the live box ----

    def _build(self):
        import ipywidgets as w

        half, wide = w.Layout(flex="1 1 240px", width="auto"), w.Layout(flex="1 1 200px")
        self.field = w.Combobox(
            placeholder="a name, or a file's path; then Enter",
            description="Search", ensure_option=False, continuous_update=False, layout=wide,
        )  # fmt: skip
        self.only = w.Dropdown(
            options=[("all", ""), *((name.lower(), kind) for kind, name in COLUMNS.items())],
            description="Suggest", layout=half,
        )  # fmt: skip
        self.count = w.IntSlider(
            value=self.k, min=1, max=MOST, description="How many", continuous_update=False,
            layout=half,
        )  # fmt: skip
        self._buttons(w)
        self.upload = upload_button(w, tuple(ONE), self._go, self._wrong)
        self.query_card, self.query_html, _ = card_widget(w)
        self.query_card.add_class("cg-query")
        self.query_card.add_class("cg-row")
        body, self.headings, self.cards = columns_widget(w, COLUMNS, MOST, self._clicked)

        self.field.observe(lambda change: self._typed(change["new"]), "value")
        self.only.observe(lambda _: self._suggest(), "value")
        self.count.observe(lambda change: self._more(change["new"]), "value")
        self.back.on_click(lambda _: self._go_back())
        asking = w.HBox([self.field, self.upload, self.back])
        choosing = w.HBox([self.only, self.count, self.bigger])
        controls = w.VBox([asking, choosing, self.said])
        controls.add_class("cg-controls")
        root = self._root(w, w.Box([self.query_card, controls]), body, "cg-search")
        self._suggest()
        self._show()
        return root

    def _suggest(self) -> None:
        """Offer the items of the chosen kind, each by a text of its own."""
        self._offered: dict[str, Item] = {}
        for item in self.search.items.values():
            text = offered(item)
            if text in self._offered:
                text += f" ({item_id(item.path)})"
            self._offered[text] = item
        kinds = [self.only.value] if self.only.value else list(COLUMNS)
        self.field.options = [text for text, x in self._offered.items() if x.kind in kinds]

    def _typed(self, text: str) -> None:
        if text := text.strip().strip("\"'"):
            self._say("Searching ...")
            self._go(self._offered.get(text, text))

    def _clicked(self, kind: str, slot: int) -> None:
        self._go(self.found[kind][slot].item)

    def _go(self, query: str | Path | Item, remember: bool = True) -> None:
        """Make an item, a name or a file the query and show what is found."""
        before = self.query_item
        try:
            self._set_query(query)
        except (MediaError, KeyError, ValueError, StoreError) as error:
            self._wrong(f"{words(error)}{self._like(query)}")
            return
        if remember and before.path != self.query_item.path:
            self.history.append(before)
        self._show()

    def _like(self, query: str | Path | Item) -> str:
        """Return which items have a text in their names or captions, as a question."""
        if not isinstance(query, str):
            return ""
        like = [x.name for text, x in self._offered.items() if query.lower() in text.lower()]
        return f" Did you mean {', '.join(dict.fromkeys(like[:4]))}?" if like else ""

    def _go_back(self) -> None:
        if self.history:
            self._go(self.history.pop(), remember=False)

    def _more(self, k: int) -> None:
        self.k = k
        self._show()

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self.field.value = ""  # all suggestions are offered again
        self.back.disabled = not self.history
        self.query_html.value = card_html(self.query_item, "Query:")
        for kind, answers in self.answers().items():
            note = "" if answers else "nothing found"
            self.headings[kind].value = column_html(COLUMNS[kind], note)
            shown = [
                (answer.item, f"{rank}.", _found_html(answer), _ways(answer))
                for rank, answer in enumerate(answers, 1)
            ]
            fill(self.cards[kind], shown)
        counts = [_counted(len(answers), kind) for kind, answers in self.answers().items()]
        self._say(
            f'{counts[0]}, {counts[1]} and {counts[2]} for "{title(self.query_item)}", '
            f"found in {1000 * self._seconds:.0f} ms"
        )


def _counted(number: int, kind: str) -> str:
    return f"{number or 'no'} {ONE[kind]}{'' if number == 1 else 's'}"


def _ways(answer: Answer) -> str:
    return "; ".join(in_words(path) for path in answer.paths)


def _found_html(answer: Answer) -> str:
    """Return a cosine as a bar, and the ways on which an item was found."""
    step, more = answer.best, len(answer.paths) - 1
    note = "" if step.percentile is None else f", {above(step.percentile)}"
    more = f", and {more} more way{'' if more == 1 else 's'}" if more else ""
    ways = "".join(f"<li>{html.escape(in_words(path))}</li>" for path in answer.paths)
    return (
        f"{bar_html(answer.item, step.cosine, note)}"
        f'<details class="cg-path"><summary title="{html.escape(_ways(answer))}">'
        f"{html.escape(answer.short)}{more}</summary><ul>{ways}</ul></details>"
    )
