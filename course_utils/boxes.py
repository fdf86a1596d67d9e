"""Boxes of ranked cards to look at and click through: a gallery, a comparison, a search box.

Each is a `Box`: it says what is found in which column, and shows itself in three layers: as
ipywidgets (version 7 or 8) in a live notebook; as a picture where no kernel is behind it (GitHub,
nbconvert, slides, print); and as a table in a terminal. `Explore` gives it something to move.
"""

from __future__ import annotations

import filecmp
import html
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from textwrap import shorten
from time import perf_counter
from typing import NamedTuple

import numpy as np
from matplotlib.patches import Circle, Rectangle

from course_utils.catalog import Catalog, Item
from course_utils.evaluation import above
from course_utils.figures import DARK, GREEN, VERMILION, Figure, label_color, new_figure
from course_utils.media import displayable
from course_utils.players import media_html, small_picture
from course_utils.recorder import Camera, Microphone, OwnFile
from course_utils.search import best_first, cosine_similarity, rocchio
from course_utils.session import is_live

OFFERED = 500  # names that a field suggests
MOST = 20  # cards of a column that can be asked for, unless more are shown from the start
FOLDER = Path(__file__).parent
STYLE = f"<style>{(FOLDER / 'cards.css').read_text(encoding='utf-8')}</style>"
SIGNS = {None: ("", DARK, ""), True: ("✓", GREEN, "right"), False: ("✗", VERMILION, "wrong")}
MARKS = {1: "liked", -1: "disliked"}
COLUMNS = {"image": "Pictures", "video": "Films", "audio": "Sounds"}
EXPECTED = (ValueError, KeyError, OSError, RuntimeError)  # what is said in words, not raised


class Row(NamedTuple):
    """One ranked item and what is known of it."""

    key: object  # what to ask for to make it the query
    item: Item
    rank: int  # 1 for the best
    cosine: float
    percentile: float | None = None  # which percentage of random pairs has a lower cosine
    note: str = ""  # more words, such as how it was found
    paths: tuple[str, ...] = ()  # the note in full, a line each
    right: bool | None = None  # whether its label is the query's; None where that is not known
    mark: int = 0  # 1 liked, -1 disliked

    @property
    def beats(self) -> str:
        """How many random pairs its cosine beats, in words."""
        return "" if self.percentile is None else above(self.percentile)

    @property
    def share(self) -> float:
        """How long its bar is, 0 to 1: the percentile if there is one, else the cosine."""
        return max(0.0, self.cosine if self.percentile is None else self.percentile / 100)


class _Shown:
    """What shows itself as the last line of a cell: live its widget, with picture and words."""

    _widget = None

    def widget(self):
        """Return what is shown as an ipywidget, made once."""
        if self._widget is None:
            self._widget = self._build()
            self._show()
        return self._widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = self._bundle()
        if is_live():
            view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
            data = {mime: content for mime, content in data.items() if mime != "text/html"}
            data["application/vnd.jupyter.widget-view+json"] = view
        return data, metadata


class Box(_Shown, ABC):
    """A query (`query_item`) and columns of ranked cards.

    A further kind of box says which `columns` there are, what a query is made of (`_ask`) and what
    can be asked for (`_choices`); all the rest is here.
    """

    kinds: tuple[str, ...] = ()  # of files of one's own that may be the query
    verbs: Mapping[str, int] = {}  # what each card's buttons say, and the mark that they give

    def __init__(self, query, k: int, heading: str = "", large: bool = False):
        """Ask the first query; `k` is how many rows a column has, at least 1."""
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k is {k!r}; ask for at least one match.")
        self.k, self.heading, self.large = int(k), heading, large
        self.history: list[dict] = []  # earlier queries, each with all that was known of it
        vars(self).update(self._ask(query))

    @abstractmethod
    def columns(self) -> dict[str, list[Row]]:
        """Return the rows of each column, best first."""

    @abstractmethod
    def _ask(self, query) -> dict:
        """Return the attributes that a query sets, `query_item` among them; change nothing."""

    @abstractmethod
    def _choices(self) -> Iterable[tuple[object, Item]]:
        """Return what can be asked for, and the item that it stands for."""

    def _notes(self, columns: dict[str, list[Row]]) -> dict[str, str]:
        """Return what is said below each column's name."""
        return {name: "" if rows else "nothing found" for name, rows in columns.items()}

    def _said(self, columns: dict[str, list[Row]]) -> str:
        """Return the sentence that says what is shown."""
        rows = next(iter(columns.values()))
        late = sum(row.rank > self.k for row in rows)
        more = f", and {late} marked further down" if late else ""
        return f"{len(rows) - late} matches for {self.query_item.title}{self._aside()}{more}"

    def _aside(self) -> str:
        return ""  # what else there is to say of the query

    def _controls(self, w) -> list:
        return []  # further ones, made of ipywidgets `w`

    def text(self) -> str:
        """Return what is shown as a table in words."""
        columns = self.columns()
        notes = self._notes(columns)
        lines = [f"Query: {_named(self.query_item)}{self._aside()}"]
        for name, rows in columns.items():
            lines += ["", f"{name}: {notes[name]}".removesuffix(": ")] if name else []
            lines += ["rank  cosine  item"] if rows else []
            for row in rows:
                name = f"{SIGNS[row.right][0]} {_named(row.item)}".lstrip()
                more = filter(None, (name, MARKS.get(row.mark), row.beats, row.note))
                lines.append(f"{row.rank:4}  {row.cosine:6.2f}  {', '.join(more)}")
        return "\n".join(lines)

    __repr__ = text

    def picture(self) -> Figure:
        """Return what is shown as a picture: one column in rows of five, several side by side."""
        columns, top = self.columns(), 0.35 if self.heading else 0.0
        notes, most, one = self._notes(columns), max(map(len, columns.values())), len(columns) == 1
        if one:  # inches: a card's width, height and picture; then how many cards there are
            wide, high, side, across, down = (
                1.85,
                2.62,
                1.5,
                min(5, max(1, most)) + 1,
                -(-most // 5),
            )
        else:
            wide, high, side, across, down = 3.5, 1.25, 1.1, len(columns), max(1, most) + 1.3
        width, height = wide * across, high * max(1, down) + top
        figure = new_figure(width, height)
        figure.set_layout_engine("none")
        axis = figure.add_axes((0, 0, 1, 1))
        axis.axis("off")
        axis.text(0, 0.05, self.heading, fontsize=13, va="top")
        _draw(axis, 0, top, side, not one, self.query_item)
        alt = [f"Query: {displayable(self.query_item.title)}{self._aside()}"]
        for i, (name, rows) in enumerate(columns.items()):
            if name:
                left, right, y = wide * i, wide * (i + 0.95), top + 1.2 * high
                axis.text(left, y - 0.12, name, fontsize=12, fontweight="bold", va="bottom")
                axis.text(right, y - 0.12, notes[name], fontsize=9, va="bottom", ha="right")
                axis.plot([left, right], [y - 0.07] * 2, color=DARK, linewidth=1)
            for j, row in enumerate(rows):
                x, y = (1 + j % 5, j // 5) if one else (i, j + 1.25)
                _draw(axis, wide * x, top + high * y, side, not one, row.item, row)
            said = [f"{x.rank}. {SIGNS[x.right][2]} {displayable(x.item.title)}" for x in rows]
            said = ", ".join(said).replace(".  ", ". ") or "none"
            alt.append(f"{name or 'Ranked matches'}: {said}")
        axis.set(xlim=(-0.05, width), ylim=(height, -0.05), aspect="equal")
        return Figure.of(figure, f"{'. '.join(alt)}.", photo=True, text=self.text())

    def _bundle(self) -> tuple[dict, dict]:
        return self.picture()._repr_mimebundle_()

    def _build(self):
        import ipywidgets as w

        auto, grows = w.Layout(width="auto"), w.Layout(flex="1 1 240px", width="auto")
        look = {"ensure_option": False, "continuous_update": False, "layout": grows}
        self.field = w.Combobox(description="Query", placeholder="a name, then Enter", **look)
        self.field.observe(lambda change: self._typed(change["new"]), "value")
        self._offer(self._choices())
        most = max(self.k, min(MOST, len(list(islice(self._choices(), MOST + 1))) - 1))
        self.count = slider("How many", 1, most, 1, self.k)
        self.count.observe(lambda change: self._change(k=int(change["new"])), "value")
        self.back = w.Button(description="Back", icon="arrow-left", layout=auto)
        self.back.on_click(lambda _: self._change(**(self.history.pop() if self.history else {})))
        self.bigger = w.ToggleButton(value=self.large, description="Large", layout=auto)
        self.bigger.observe(lambda change: self._change(large=change["new"]), "value")
        self.said, self.query_card, names = w.HTML(), w.HTML(), list(self.columns())
        rows = [w.HBox([self.field, self.back, self.bigger])]
        rows += [w.HBox([self.count, *self._controls(w)]), *self._own_files(w), self.said]
        _styled(self.query_card, "cg-card", "cg-query")
        self._cards = {name: [] for name in names}
        self._headings, self._bodies = ({x: y() for x in names} for y in (w.HTML, w.Box))
        parts = [w.VBox([self._headings[x], self._bodies[x]]) for x in names]
        head = [w.HTML(f"<b>{html.escape(self.heading)}</b>")] if self.heading else []
        controls = _styled(w.VBox(rows), "cg-controls")
        head.append(_styled(w.Box([self.query_card, controls]), "cg-head"))
        body = _styled(w.Box(parts), "cg-several" if len(names) > 1 else "cg-one")
        return _styled(w.VBox([w.HTML(STYLE), *head, body]), "cg-root")

    def _own_files(self, w) -> list:
        """Return a button that unfolds ways to take a file of one's own, and what it unfolds."""
        place, button = w.VBox(), w.ToggleButton(description="Your own file", icon="upload")
        place.layout.display = "none"

        def unfold(change) -> None:
            place.layout.display = None if change["new"] else "none"
            if not place.children:
                made = [OwnFile(self._use, kinds=self.kinds)]
                made += [Camera(self._use)] if "image" in self.kinds else []
                made += [Camera(self._use, film=True)] if self.kinds == ("video",) else []
                made += [Microphone(self._use)] if "audio" in self.kinds else []
                place.children = [one.widget() for one in made]

        button.observe(unfold, "value")
        return [button, place] if self.kinds else []

    def _new_card(self, name: str):
        """Return a card: its content, the button that covers it, and the buttons for marks."""
        import ipywidgets as w

        slot, hit = len(self._cards[name]), _styled(w.Button(), "cg-hit")
        hit.on_click(lambda _: self._go(self._shown[name][slot].key))
        buttons = [w.Button() for _ in self.verbs]
        for button, mark in zip(buttons, self.verbs.values(), strict=True):
            button.on_click(lambda _, mark=mark: self._mark(self._shown[name][slot], mark))
        marks = [_styled(w.HBox(buttons), "cg-marks")] if buttons else []
        return _styled(w.Box([w.HTML(), hit, *marks]), "cg-card")

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self._shown = columns = self.columns()
        notes = self._notes(columns)
        self.back.disabled = not self.history
        self.query_card.value = _card_html(self.query_item)
        (self._widget.add_class if self.large else self._widget.remove_class)("cg-large")
        for name, rows in columns.items():
            cards, title, note = self._cards[name], html.escape(name), html.escape(notes[name])
            while len(cards) < len(rows):
                cards.append(self._new_card(name))
            self._bodies[name].children = cards[: len(rows)]
            title = name and f'<div class="cg-column" role="heading" aria-level="3">{title}</div>'
            self._headings[name].value = f'{title}<div class="cg-score">{note}</div>'
            for card, row in zip(cards, rows, strict=False):
                content, hit, *marks = card.children
                content.value = _card_html(row.item, row)
                hit.description = f"Use {displayable(row.item.name)} as query"
                hit.tooltip = row.item.alt or row.item.name
                buttons = marks[0].children if marks else ()
                for button, (verb, mark) in zip(buttons, self.verbs.items(), strict=True):
                    button.description = f"\u2713 {verb}" if row.mark == mark else verb
                    button.tooltip = f"{verb} like {row.item.name}"
        self._say(self._said(columns))

    def _say(self, sentence: str, wrong: bool = False) -> None:
        """Say what happened, in a line that screen readers read out when it changes."""
        mark = "&#9888; " if wrong else ""
        self.said.value = f'<div class="cg-said" role="status">{mark}{html.escape(sentence)}</div>'

    def _change(self, **changes) -> None:
        vars(self).update(changes)
        if self._widget is not None:
            self._show()

    def _offer(self, choices: Iterable[tuple[object, Item]]) -> None:
        """Suggest items in the field, each by a text of its own."""
        self._offered: dict[str, object] = {}
        for key, item in islice(choices, OFFERED):
            text = _searched(item)
            text += f" ({item.path.parent.name})" if text in self._offered else ""
            self._offered[text] = key
        self.field.options = list(self._offered)

    def _typed(self, text: str) -> None:
        """Make what was typed the query; where it is none, suggest what is named like it."""
        if text := text.strip().strip("\"'"):
            named = (x for x in self._choices() if text.lower() in _searched(x[1]).lower())
            like = self._go(self._offered.get(text, text), named)
            self._offer(like or self._choices())
            self.field.value = ""  # so that the same can be typed again

    def _go(self, query, named: Iterable = ()) -> list:
        """Make something the query; say an error in words, and return what may have been meant."""
        try:
            self._use(query)
        except EXPECTED as error:
            like = list(named)
            names = ", ".join(dict.fromkeys(item.name for _, item in like[:4]))
            self._say(_words(error) + (f" Did you mean {names}?" if names else ""), wrong=True)
            return like
        return []

    def _use(self, query) -> None:
        """Make something the query; on any error all stays as it was."""
        new = self._ask(query)
        old = {name: getattr(self, name) for name in new}
        if old.get("marks") or not _same(old["query_item"].path, new["query_item"].path):
            self.history.append(old)
        self._change(**new)


def slider(name: str, low: float, high: float, step: float, value: float):
    """Return a slider that has a name, obeys the arrow keys and acts on release: an anywidget."""
    import anywidget
    import traitlets

    class Slider(anywidget.AnyWidget):
        _esm = FOLDER / "slider.js"
        how = traitlets.Dict().tag(sync=True)
        value = traitlets.Float().tag(sync=True)

    return Slider(how={"name": name, "low": low, "high": high, "step": step}, value=value)


def _words(error: Exception) -> str:
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def _styled(widget, *classes: str):
    for name in classes:
        widget.add_class(name)
    return widget


def _label(item: Item) -> str:
    return "" if item.label == "unlabelled" else displayable(item.label)


def _named(item: Item) -> str:
    return displayable(item.name) + (f" ({_label(item)})" if _label(item) else "")


def _searched(item: Item) -> str:
    """Name an item where one of many is chosen."""
    return displayable(item.name + (f": {item.caption}" if item.caption != item.name else ""))


def _same(a: Path, b: Path) -> bool:
    """Return whether two queries are one file, or two copies of it that have the same name."""
    try:
        return a == b or (a.name == b.name and filecmp.cmp(a, b, shallow=False))
    except OSError:  # one has vanished
        return False


def _card_html(item: Item, row: Row | None = None) -> str:
    """Return a card: the medium, the rank and label, the title, and what is known of the match."""
    label, color, rank, more = html.escape(_label(item)), label_color(item.label), "Query:", ""
    if row is not None:
        rank, (symbol, _, said), note = f"{row.rank}.", SIGNS[row.right], html.escape(row.note)
        if symbol:
            rank += f' <span class="cg-{said}" role="img" aria-label="{said}">{symbol}</span>'
        score = f"cosine {row.cosine:.2f}" + (row.beats and ", ") + row.beats.replace(" ", "&nbsp;")
        bar = f'<div style="width:{100 * row.share:.0f}%;background:{color}"></div>'
        more = f'<div class="cg-bar">{bar}</div><div class="cg-score">{score}</div>'
        lines = "".join(f"<li>{html.escape(path)}</li>" for path in row.paths)
        if row.paths:
            note = f"<details><summary>{note}</summary><ul>{lines}</ul></details>"
        more += note and f'<div class="{"cg-path" if row.paths else "cg-note"}">{note}</div>'
        if row.mark:
            more += f'<div class="cg-mark cg-{MARKS[row.mark]}">{MARKS[row.mark]}</div>'
    dot = label and f'<span class="cg-dot" style="background:{color}"></span>'
    title = html.escape(displayable(item.title))
    return (
        f'<figure><div class="cg-media">{media_html(item)}</div><figcaption><div class="cg-label">'
        f'{rank} {dot}{label}</div><div class="cg-name">{title}</div>{more}</figcaption></figure>'
    )


def _draw(axis, x: float, y: float, side: float, beside: bool, item: Item, row: Row | None = None):
    """Draw a card; x and y are its upper left corner in inches, words are below or beside."""
    picture, color, label = small_picture(item), label_color(item.label), _label(item)
    wide, high = (size * side / max(picture.size) for size in picture.size)
    left, top = x + (side - wide) / 2, y + (side - high) / 2
    axis.imshow(picture, extent=(left, left + wide, top + high, top))
    x, y, long = (x + side + 0.12, y + 0.12, 2.1) if beside else (x, y + side + 0.16, 1.5)
    bold = {"fontweight": "bold", "va": "center"}
    rank, sign, shade = (f"{row.rank}.", *SIGNS[row.right][:2]) if row else ("query", "", DARK)
    axis.text(x, y, f"{rank} {sign}", color=shade, fontsize=11, **bold)
    if label:
        start, size = x + 0.1 * len(rank) + (0.3 if sign else 0.14), min(11, 155 / len(label))
        axis.add_patch(Circle((start, y), 0.055, color=color))
        label = shorten(label, 22, placeholder=" ...")
        axis.text(start + 0.1, y, label, fontsize=size, **bold)
    lines = {0.2: item.name, 0.37: item.caption if item.caption != item.name else ""}
    if row:
        lines[0.66] = f"{row.cosine:.2f}{row.beats and ', '}{row.beats}"
        lines[0.83] = ", ".join(filter(None, (MARKS.get(row.mark), row.note)))
        for share, shade in ((1, "#E0E0E0"), (row.share, color)):
            axis.add_patch(Rectangle((x, y + 0.47), long * share, 0.07, color=shade))
    for down, line in lines.items():
        line = shorten(displayable(line), 34 if beside else 27, placeholder=" ...")
        axis.text(x, y + down, line, fontsize=9, va="center")


class _Collection(Box):
    """A box over one collection, ranked by its vectors of one encoder or of several."""

    def __init__(self, catalog: Catalog, vectors: Mapping[str, np.ndarray], truth, *more):
        if len(catalog) == 0:
            raise ValueError("The collection is empty; there is nothing to show.")
        self.catalog, self._labels = catalog, catalog.labels
        self.truth = self._labels if truth is None else np.asarray(truth)
        self.spaces = {name: np.asarray(values) for name, values in vectors.items()}
        for name, values in {"truth": self.truth, **self.spaces}.items():
            what = f"values of {name!r}" if name else "vectors"
            if len(values) != (n := len(catalog)):
                raise ValueError(f"There are {n} items and {len(values)} {what}; each needs one.")
        super().__init__(*more)

    def _position(self, query) -> int:
        """Return the position of an item, given by its position, name or path."""
        if not isinstance(query, (int, np.integer)):
            return self.catalog.find(str(query))
        if not -len(self.catalog) <= query < len(self.catalog):
            raise KeyError(f"There is no item {query}; there are {len(self.catalog)}.")
        return int(query) % len(self.catalog)

    def _ask(self, query) -> dict:
        position = self._position(query)
        return {"query_position": position, "query_item": self.catalog[position]}

    def _choices(self):
        return enumerate(self.catalog)

    def _scores(self, query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the cosine of each item, -inf for the query."""
        scores = cosine_similarity(query, vectors)
        if self.query_position is not None:
            scores[self.query_position] = -np.inf
        return scores

    def _row(self, scores: np.ndarray, i: int, **more) -> Row:
        """Return an item's row: its rank, and whether it is what the query asked for."""
        asked, right = self.query_position, None
        if asked is not None and self.truth[asked] not in ("", "unlabelled"):
            right = bool(self.truth[i] == self.truth[asked])
        return Row(i, self.catalog[i], _rank(scores, i), float(scores[i]), right=right, **more)


def _rank(scores: np.ndarray, i: int) -> int:
    """Return the rank of an item; equals keep the collection's order."""
    return 1 + int((scores > scores[i]).sum() + (scores[:i] == scores[i]).sum())


class Gallery(_Collection):
    """A query and its ranked matches.

    Click a card to make it the next query, or say of some cards that you want more or less like
    them: the query moves, and all cards are ranked anew. A tick or a cross says whether a match has
    the query's label, where that is known.

    Introduced in notebook 1.
    """

    verbs = {"More": 1, "Less": -1}

    def __init__(
        self,
        catalog: Catalog,
        vectors: np.ndarray,
        query: int | str | Path = 0,
        k: int = 10,
        encoder=None,
        scale=None,
        heading: str = "",
        large: bool = False,
        truth: Sequence | None = None,
    ):
        """Take n items, their vectors of shape (n, d), and the first query: a position or a name.

        With the `encoder` that made the vectors, any file can be the query. With `scale`, a
        `course_utils.evaluation.Percentiles`, bars and words also say how many random pairs a match
        is above. `truth` is n values, the same for what is a right match; None takes the labels.

        Raises:
            ValueError: the collection is empty, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        self.encoder, self.scale, self.label = encoder, scale, None
        self.kinds = (catalog[0].kind,) if encoder is not None and len(catalog) else ()
        super().__init__(catalog, {"": vectors}, truth, query, k, heading, large)

    def _ask(self, query) -> dict:
        try:
            new = super()._ask(query)
            new["query_vector"] = self.spaces[""][new["query_position"]]
        except KeyError:
            path = Path(str(query))
            if self.encoder is None or not path.is_file():
                raise
            new = {"query_position": None, "query_vector": self.encoder.encode([path])[0]}
            look = {"caption": displayable(path.name), "alt": "Your own file"}
            new["query_item"] = Item(path, self.kinds[0], "yours", **look)
        return {**new, "marks": {}}

    def mark(self, liked: Sequence[int | str] = (), disliked: Sequence[int | str] = ()) -> Gallery:
        """Ask for more like some items and less like others, and return the gallery.

        It is what the buttons on the cards do. A new query forgets the marks.

        Raises:
            KeyError: there is no item of that name.
            ValueError: likes and dislikes cancel the query out.
        """
        marks = {self._position(item): 1 for item in liked}
        self._remark(marks | {self._position(item): -1 for item in disliked})
        return self

    def _mark(self, row: Row, mark: int) -> None:
        """Mark an item, or take back its mark if it has just this one."""
        try:
            self._remark({row.key: 0 if row.mark == mark else mark})
        except ValueError as error:
            self._say(str(error), wrong=True)

    def _remark(self, new: dict[int, int]) -> None:
        """Take new marks, too; if the query cannot be moved so, the old ones stay."""
        marks = {position: mark for position, mark in {**self.marks, **new}.items() if mark}
        self._moved(marks)
        self._change(marks=marks)

    def _moved(self, marks: dict[int, int]) -> np.ndarray:
        """Return the query's vector, moved by marks."""
        liked, disliked = ([i for i, mark in marks.items() if mark == x] for x in (1, -1))
        vectors = self.spaces[""]
        return rocchio(self.query_vector, vectors[liked], vectors[disliked])

    def ranking(self) -> list[tuple[int, float]]:
        """Return (position, cosine) of the best k matches, without the query itself."""
        return [(row.key, row.cosine) for row in self.columns()[""] if row.rank <= self.k]

    def columns(self) -> dict[str, list[Row]]:
        """Return the best k in one column, and marked items that come later."""
        query = self._moved(self.marks) if self.marks else self.query_vector
        scores, rows = self._scores(query, self.spaces[""]), []
        if self.label is not None:
            scores[self._labels != self.label] = -np.inf
        # A query that was moved is no item, so there are no pairs to compare it with.
        scale = self.scale if not self.marks else None
        for i in {*best_first(scores, self.k).tolist(), *self.marks}:
            if np.isfinite(scores[i]):
                percentile = scale.percentile(scores[i]) if scale is not None else None
                mark = self.marks.get(i, 0)
                rows.append(self._row(scores, i, percentile=percentile, mark=mark))
        return {"": sorted(rows, key=lambda row: row.rank)}

    def _aside(self) -> str:
        marks = list(self.marks.values())
        return f", moved by {marks.count(1)} liked and {marks.count(-1)} disliked" if marks else ""

    def _controls(self, w) -> list:
        """Return a menu of labels, unless there are too many, and a button to forget marks."""
        options = [("all labels", ""), *((str(x), str(x)) for x in np.unique(self._labels))]
        only = w.Dropdown(options=options[:200], description="Show", layout=w.Layout(width="240px"))
        only.observe(lambda change: self._change(label=change["new"] or None), "value")
        forget = w.Button(description="Forget marks", icon="eraser", layout=w.Layout(width="auto"))
        forget.on_click(lambda _: self._change(marks={}))
        return [*([only] if 2 < len(options) <= 200 else []), forget]


class Compare(_Collection):
    """Rankings of one collection beside each other, and what changes from the first to the others.

    Click a card, in any column, to make it the next query of all columns. Cosines of two columns
    cannot be compared; ranks can.

    Introduced in notebook 1.
    """

    def __init__(
        self, catalog: Catalog, columns: Mapping, query=0, k=5, heading="", query_vectors=None
    ):
        """Take n items and two or three rankings: name -> vectors of shape (n, d); d may differ.

        `query_vectors` is name -> what to ask with instead of the items' own vectors, for controls.

        Raises:
            ValueError: there is nothing to compare, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        if not 2 <= len(columns) <= 3:
            raise ValueError(f"There are {len(columns)} rankings; give two or three to compare.")
        if len(catalog) == 1:
            raise ValueError("The collection has one item; a ranking needs two.")
        self.query_vectors = {**columns, **(query_vectors or {})}
        super().__init__(catalog, columns, None, query, k, heading)

    def columns(self) -> dict[str, list[Row]]:
        """Return the best k of each ranking, from the second on with how ranks have changed."""
        found, first = {}, None
        for name, vectors in self.spaces.items():
            scores = self._scores(self.query_vectors[name][self.query_position], vectors)
            best = best_first(scores, min(self.k, len(scores) - 1)).tolist()
            rows = [self._row(scores, i) for i in best]
            if first is not None:
                rows = [
                    row._replace(note=self._changed(row, _rank(first, row.key))) for row in rows
                ]
            found[name], first = rows, scores if first is None else first
        return found

    def _changed(self, row: Row, before: int) -> str:
        """Return how a rank differs from the one in the first ranking, in words."""
        if before > self.k or before == row.rank:
            return "same" if before == row.rank else f"new (was {before})"
        return f"▲ up {before - row.rank}" if row.rank < before else f"▼ down {row.rank - before}"

    def _notes(self, columns: dict[str, list[Row]]) -> dict[str, str]:
        (first, best), *others = columns.items()
        known, notes = {row.key for row in best}, {first: "the ranking to compare with"}
        for name, rows in others:
            both = sum(row.key in known for row in rows)
            notes[name] = f'{both} of {len(rows)} are also in "{first}"'
        return notes


class SearchBox(Box):
    """A query of any kind, and for it the best pictures, films and sounds and how each was found.

    Click a card to make it the next query, type a name, or take a file of your own.

    Introduced in notebook 4.
    """

    kinds = tuple(COLUMNS)

    def __init__(self, search, query: str | Path | Item, k: int = 3, heading: str = ""):
        """Ask a filled `course_utils.unified.UnifiedSearch` for an item, a name or any file.

        Raises:
            MediaError: there is no such item or file, or it cannot be used.
            ValueError: k is below 1.
            StoreError: nothing was added yet, or the database failed.
        """
        self.search, self.k = search, k
        super().__init__(query, k, heading)

    def _ask(self, query) -> dict:
        start = perf_counter()
        item = query if isinstance(query, Item) else self.search.item(query)
        found = self.search.search(item, k=max(self.k, MOST))
        return {"query_item": item, "found": found, "_seconds": perf_counter() - start}

    def _choices(self):
        return ((item, item) for item in self.search.items.values())

    def columns(self) -> dict[str, list[Row]]:
        """Return the best k answers of each kind."""
        rows = {name: [] for name in COLUMNS.values()}
        for kind, name in COLUMNS.items():
            for rank, match in enumerate(self.found.get(kind, ())[: self.k], 1):
                hop, paths = match.best, tuple(match.path.split("; "))
                note = match.short.removesuffix(f" {hop.cosine:.2f}")
                row = match.item, match.item, rank, hop.cosine, hop.percentile, note, paths
                rows[name].append(Row(*row))
        return rows

    def _said(self, columns: dict[str, list[Row]]) -> str:
        counts = ", ".join(f"{len(rows) or 'no'} {name.lower()}" for name, rows in columns.items())
        return f'{counts} for "{self.query_item.title}", found in {1000 * self._seconds:.0f} ms'


class Explore(_Shown):
    """Something to move: controls above a figure, a box or a text that follows them.

    Live, the controls act on release, and what they change is brought up to date in place. Where
    nothing can be moved, it is what the first settings give.

    Introduced in notebook 1.
    """

    def __init__(self, draw: Callable, alt: str = "", **controls):
        """Take a function, called as `draw(name=value, ...)`, and what its arguments may be.

        It returns a figure, players, a box or a text; an error of it is said in words. name=[...]
        makes a menu, name=(lowest, highest, step, start) a slider, True or False a box to tick.

        Raises:
            ValueError: a control is none of these.
        """
        self.draw, self.alt, self.controls, self.values = draw, alt, controls, {}
        for name, control in controls.items():
            choices = [control] if isinstance(control, bool) else control
            if isinstance(control, tuple) and len(control) == 4:
                choices = [control[3]] if control[0] <= control[3] <= control[1] else []
            if not isinstance(choices, list) or not choices:
                raise ValueError(
                    f"{name} is {control!r}; give a list of choices, True, False, or "
                    "(lowest, highest, step, start) with a start between the others."
                )
            self.values[name] = choices[0]
        self.result = draw(**self.values)

    def _build(self):
        import ipywidgets as w

        made = [self._control(w, name, control) for name, control in self.controls.items()]
        self._place, self._text = w.VBox(), w.HTML()
        parts = [w.HTML(STYLE), _styled(w.HBox(made), "cg-head"), self._place]
        return _styled(w.VBox(parts), "cg-root")

    def _control(self, w, name: str, control):
        said, whole = name.replace("_", " "), False
        if isinstance(control, bool):
            made = w.Checkbox(value=control, description=said, indent=False)
        elif isinstance(control, list):
            made = w.Dropdown(options=control, description=said)
            made.style.description_width = "initial"
        else:
            made, whole = slider(said, *control), all(isinstance(x, int) for x in control)

        def moved(change) -> None:
            self.values[name] = int(change["new"]) if whole else change["new"]
            try:
                self.result = self.draw(**self.values)
            except Exception as error:
                self.result = f"\u26a0 {_words(error) or type(error).__name__}"
            self._show()

        made.observe(moved, "value")
        return made

    def _show(self) -> None:
        result, about = self.result, html.escape(self.alt)
        if isinstance(result, Box):
            self._place.children = [result.widget()]
            return
        shown = result.html() if hasattr(result, "html") else f"<pre>{html.escape(result)}</pre>"
        self._text.value = f'<div class="cg-result" role="status" title="{about}">{shown}</div>'
        self._place.children = [self._text]

    def _bundle(self) -> tuple[dict, dict]:
        if isinstance(self.result, str):
            return {"text/plain": self.result}, {}
        return self.result._repr_mimebundle_()

    def __repr__(self) -> str:
        return str(self.result)
