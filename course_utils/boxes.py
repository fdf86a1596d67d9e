"""Boxes of ranked cards to look at and click through: a gallery, a comparison, a search box.

Each is a `Box`: it says what is found in which column, and shows itself in three layers: as
ipywidgets (version 7 or 8) in a live notebook; as a picture where no kernel is behind it (GitHub,
nbconvert, slides, print); and as a table in a terminal. `Explore` gives a figure or a box something
to move.
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
STYLE = f"<style>{Path(__file__).with_name('cards.css').read_text(encoding='utf-8')}</style>"
SIGNS = {True: ("\u2713", GREEN, "right"), False: ("\u2717", VERMILION, "wrong")}
MARKS = {1: "liked", -1: "disliked"}
COLUMNS = {"image": "Pictures", "video": "Films", "audio": "Sounds"}
EXPECTED = (ValueError, KeyError, OSError, RuntimeError)  # what is said in words, not raised


class Row(NamedTuple):
    """One ranked item.

    Attributes:
        key: what to ask for to make it the query.
        item: the item.
        rank: 1 for the best.
        cosine: how similar it is to the query.
        percentile: which percentage of random pairs has a lower cosine, if that is known.
        note: more words, such as how it was found.
        paths: the note in full, a line each.
        right: whether its label is the query's; None where that is not known.
        mark: 1 liked, -1 disliked, 0 neither.
    """

    key: object
    item: Item
    rank: int
    cosine: float
    percentile: float | None = None
    note: str = ""
    paths: tuple[str, ...] = ()
    right: bool | None = None
    mark: int = 0

    @property
    def sign(self) -> tuple[str, str, str]:
        """A tick or a cross, its colour, and what it means; nothing where that is not known."""
        return SIGNS.get(self.right, ("", DARK, ""))

    @property
    def beats(self) -> str:
        """How many random pairs its cosine beats, in words."""
        return "" if self.percentile is None else above(self.percentile)

    @property
    def share(self) -> float:
        """How long its bar is, 0 to 1: the percentile if there is one, else the cosine."""
        return max(0.0, self.cosine if self.percentile is None else self.percentile / 100)


class Box(ABC):
    """A query and columns of ranked cards. As the last line of a cell it shows itself.

    A further kind of box says which `columns` there are, what a query is made of (`_ask`) and what
    can be asked for (`_choices`); all the rest is here.

    Attributes:
        query_item: what was searched for.
        history: earlier queries, each with all that was known of it.
    """

    kinds: tuple[str, ...] = ()  # of files of one's own that may be the query
    verbs: Mapping[str, int] = {}  # what each card's buttons say, and the mark that they give

    def __init__(self, query, k: int, heading: str = "", large: bool = False):
        """Ask the first query; `k` is how many rows a column has, at least 1."""
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k is {k!r}; ask for at least one match.")
        self.k, self.heading, self.large = int(k), heading, large
        self.history: list[dict] = []
        self._widget = None
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
        """Return what else there is to say of the query."""
        return ""

    def _controls(self, w) -> list:
        """Return further controls, made of ipywidgets `w`."""
        return []

    # ---- in words ----

    def text(self) -> str:
        """Return what is shown as a table in words."""
        columns = self.columns()
        notes = self._notes(columns)
        lines = [f"Query: {_named(self.query_item)}{self._aside()}"]
        for name, rows in columns.items():
            lines += ["", f"{name}: {notes[name]}".removesuffix(": ")] if name else []
            lines += ["rank  cosine  item"] if rows else []
            for row in rows:
                name = f"{row.sign[0]} {_named(row.item)}".lstrip()
                more = filter(None, (name, MARKS.get(row.mark), row.beats, row.note))
                lines.append(f"{row.rank:4}  {row.cosine:6.2f}  {', '.join(more)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    # ---- as a picture ----

    def picture(self) -> Figure:
        """Return what is shown as a picture: one column in rows of five, several side by side."""
        columns = self.columns()
        notes, most = self._notes(columns), max(1, *map(len, columns.values()))
        top = 0.35 if self.heading else 0.0
        one = len(columns) == 1
        if one:  # inches: a card's width, height and picture; then how many cards there are
            wide, high, side, across, down = 1.85, 2.62, 1.5, min(5, most) + 1, -(-most // 5)
        else:
            wide, high, side, across, down = 3.5, 1.25, 1.1, len(columns), most + 1.3
        figure = new_figure(wide * across, high * down + top)
        figure.set_layout_engine("none")
        axis = figure.add_axes((0, 0, 1, 1))
        axis.axis("off")
        axis.text(0, 0.05, self.heading, fontsize=13, va="top")
        _draw(axis, 0, top, side, not one, self.query_item)
        alt = [f"Query: {_called(self.query_item)}{self._aside()}"]
        for i, (name, rows) in enumerate(columns.items()):
            if name:
                left, right, y = wide * i, wide * (i + 0.95), top + 1.2 * high
                axis.text(left, y - 0.12, name, fontsize=12, fontweight="bold", va="bottom")
                axis.text(right, y - 0.12, notes[name], fontsize=9, va="bottom", ha="right")
                axis.plot([left, right], [y - 0.07] * 2, color=DARK, linewidth=1)
            for j, row in enumerate(rows):
                x, y = (1 + j % 5, j // 5) if one else (i, j + 1.25)
                _draw(axis, wide * x, top + high * y, side, not one, row.item, row)
            said = [f"{row.rank}. {row.sign[2]} {_called(row.item)}" for row in rows]
            alt.append(
                f"{name or 'Ranked matches'}: {', '.join(said).replace('  ', ' ') or 'none'}"
            )
        axis.set(xlim=(-0.05, wide * across), ylim=(high * down + top, -0.05), aspect="equal")
        return Figure.of(figure, f"{'. '.join(alt)}.", photo=True, text=self.text())

    # ---- live ----

    def widget(self):
        """Return what is shown as an ipywidget, made once."""
        if self._widget is None:
            self._build()
        return self._widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        return _live(self, *self.picture()._repr_mimebundle_())

    def _build(self) -> None:
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
        self.back.on_click(lambda _: self._go_back())
        self.bigger = w.ToggleButton(value=self.large, description="Large", layout=auto)
        self.bigger.observe(lambda change: self._resize(change["new"]), "value")
        self.said, self.query_card, names = w.HTML(), w.HTML(), list(self.columns())
        rows = (
            w.HBox([self.field, self.back, self.bigger]),
            w.HBox([self.count, *self._controls(w)]),
        )
        controls = _styled(w.VBox([*rows, *self._own_files(w), self.said]), "cg-controls")
        _styled(self.query_card, "cg-card", "cg-query")
        self._cards = {name: [] for name in names}
        self._headings, self._bodies = ({x: y() for x in names} for y in (w.HTML, w.Box))
        parts = [w.VBox([self._headings[x], self._bodies[x]]) for x in names]
        head = [w.HTML(f"<b>{html.escape(self.heading)}</b>")] if self.heading else []
        head.append(_styled(w.Box([self.query_card, controls]), "cg-head"))
        body = _styled(w.Box(parts), "cg-several" if len(names) > 1 else "cg-one")
        self._widget = _styled(w.VBox([w.HTML(STYLE), *head, body]), "cg-root")
        self._resize(self.large)
        self._show()

    def _own_files(self, w) -> list:
        """Return a button that unfolds ways to take a file of one's own, and what it unfolds."""
        place, button = w.VBox(), w.ToggleButton(description="Your own file", icon="upload")
        place.layout.display = "none"

        def unfold(change) -> None:
            if not place.children:
                made = [OwnFile(self._use, kinds=self.kinds)]
                made += [Camera(self._use)] if "image" in self.kinds else []
                made += [Camera(self._use, film=True)] if self.kinds == ("video",) else []
                made += [Microphone(self._use)] if "audio" in self.kinds else []
                place.children = [one.widget() for one in made]
            place.layout.display = None if change["new"] else "none"

        button.observe(unfold, "value")
        return [button, place] if self.kinds else []

    def _new_card(self, name: str):
        """Return a card: its content, the button that covers it, and the buttons for marks."""
        import ipywidgets as w

        slot, hit = len(self._cards[name]), _styled(w.Button(), "cg-hit")
        hit.on_click(lambda _: self._go(self._shown[name][slot].key))
        buttons = [w.Button(description=verb) for verb in self.verbs]
        for button, mark in zip(buttons, self.verbs.values(), strict=True):
            button.on_click(lambda _, mark=mark: self._mark(self._shown[name][slot], mark))
        marks = [_styled(w.HBox(buttons), "cg-marks")] if buttons else []
        return _styled(w.Box([w.HTML(), hit, *marks]), "cg-card")

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        if self._widget is None:
            return
        self._shown = columns = self.columns()
        notes = self._notes(columns)
        self.back.disabled = not self.history
        self.query_card.value = _card_html(self.query_item)
        for name, rows in columns.items():
            cards, title = self._cards[name], html.escape(name)
            while len(cards) < len(rows):
                cards.append(self._new_card(name))
            self._bodies[name].children = cards[: len(rows)]
            title = name and f'<div class="cg-column" role="heading" aria-level="3">{title}</div>'
            self._headings[
                name
            ].value = f'{title}<div class="cg-score">{html.escape(notes[name])}</div>'
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

    def _resize(self, large: bool) -> None:
        self.large = large
        (self._widget.add_class if large else self._widget.remove_class)("cg-large")

    def _change(self, **changes) -> None:
        vars(self).update(changes)
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
        if not (text := text.strip().strip("\"'")):
            return
        like = []
        try:
            self._use(self._offered.get(text, text))
        except EXPECTED as error:
            like = [x for x in self._choices() if text.lower() in _searched(x[1]).lower()]
            names = ", ".join(dict.fromkeys(item.name for _, item in like[:4]))
            self._say(_words(error) + (f" Did you mean {names}?" if names else ""), wrong=True)
        self._offer(like or self._choices())
        self.field.value = ""  # so that the same can be typed again

    def _go(self, query) -> None:
        """Make something the query and show what is found; an error is said in words."""
        try:
            self._use(query)
        except EXPECTED as error:
            self._say(_words(error), wrong=True)

    def _use(self, query) -> None:
        """Make something the query; on any error all stays as it was."""
        new = self._ask(query)
        old = {name: getattr(self, name) for name in new}
        if old.get("marks") or not _same(old["query_item"].path, new["query_item"].path):
            self.history.append(old)
        self._change(**new)

    def _go_back(self) -> None:
        if self.history:
            self._change(**self.history.pop())

    def _mark(self, row: Row, mark: int) -> None:
        """Do what one of a card's buttons is for."""
        raise NotImplementedError


def slider(name: str, low: float, high: float, step: float, value: float):
    """Return a slider that has a name, obeys the arrow keys and acts on release: an anywidget."""
    import anywidget
    import traitlets

    class Slider(anywidget.AnyWidget):
        _esm = Path(__file__).with_name("slider.js")
        how = traitlets.Dict().tag(sync=True)
        value = traitlets.Float().tag(sync=True)

    return Slider(how={"name": name, "low": low, "high": high, "step": step}, value=value)


def _live(box, data: dict, metadata: dict) -> tuple[dict, dict]:
    """Return what shows a box: live its widget, with picture and words for other places."""
    if is_live():
        view = {"version_major": 2, "version_minor": 0, "model_id": box.widget().model_id}
        data.pop("text/html", None)
        data["application/vnd.jupyter.widget-view+json"] = view
    return data, metadata


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


def _called(item: Item) -> str:
    """Name an item in words; voices that say the same are told apart by their names."""
    return displayable(item.name if item.kind == "audio" else item.caption or item.name)


def _searched(item: Item) -> str:
    """Name an item where one of many is chosen."""
    more = f": {item.caption}" if item.caption != item.name else ""
    return displayable(f"{item.name}{more}")


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
        rank, (symbol, _, said), note = f"{row.rank}.", row.sign, html.escape(row.note)
        if symbol:
            rank += f' <span class="cg-{said}" role="img" aria-label="{said}">{symbol}</span>'
        beats = row.beats and f", {row.beats.replace(' ', '&nbsp;')}"
        bar = f'<div style="width:{100 * row.share:.0f}%;background:{color}"></div>'
        score = f"cosine {row.cosine:.2f}{beats}"
        more = f'<div class="cg-bar">{bar}</div><div class="cg-score">{score}</div>'
        if row.paths:
            lines = "".join(f"<li>{html.escape(path)}</li>" for path in row.paths)
            more += f'<details class="cg-path"><summary>{note}</summary><ul>{lines}</ul></details>'
        else:
            more += note and f'<div class="cg-note">{note}</div>'
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
    x, y = (x + side + 0.12, y + 0.12) if beside else (x, y + side + 0.16)
    long, letters, middle = (2.1, 34, {"va": "center"}) if beside else (1.5, 27, {"va": "center"})
    rank, sign, shade = (f"{row.rank}.", *row.sign[:2]) if row else ("query", "", DARK)
    axis.text(x, y, f"{rank} {sign}", color=shade, fontsize=11, fontweight="bold", **middle)
    start = x + 0.1 * len(rank) + (0.3 if sign else 0.14)
    if label:
        axis.add_patch(Circle((start, y), 0.055, color=color))
        size, label = min(11, 155 / len(label)), shorten(label, 22, placeholder=" ...")
        axis.text(start + 0.1, y, label, fontsize=size, fontweight="bold", **middle)
    lines = {0.2: displayable(item.name), 0.37: item.caption if item.caption != item.name else ""}
    if row:
        lines[0.66] = f"{row.cosine:.2f}{row.beats and ', '}{row.beats}"
        lines[0.83] = ", ".join(filter(None, (MARKS.get(row.mark), row.note)))
        for share, shade in ((1, "#E0E0E0"), (row.share, color)):
            axis.add_patch(Rectangle((x, y + 0.47), long * share, 0.07, color=shade))
    for down, line in lines.items():
        line = shorten(displayable(line), letters, placeholder=" ...")
        axis.text(x, y + down, line, fontsize=9, **middle)


class _Collection(Box):
    """A box over one collection, ranked by its vectors of one encoder or of several."""

    encoder = None

    def __init__(self, catalog: Catalog, vectors: Mapping[str, np.ndarray], truth, *more):
        if len(catalog) == 0:
            raise ValueError("The collection is empty; there is nothing to show.")
        self.catalog, self._labels = catalog, catalog.labels
        self.truth = self._labels if truth is None else np.asarray(truth)
        self.spaces = {name: np.asarray(values) for name, values in vectors.items()}
        for name, values in {"truth": self.truth, **self.spaces}.items():
            if len(values) != len(catalog):
                what = f"values of {name!r}" if name else "vectors"
                raise ValueError(
                    f"There are {len(catalog)} items and {len(values)} {what}; each item needs one."
                )
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

    def _scores(self, query: np.ndarray, vectors: np.ndarray, label: str | None = None):
        """Return the cosine of each item, -inf for the query and for items of other labels."""
        scores = cosine_similarity(query, vectors)
        if self.query_position is not None:
            scores[self.query_position] = -np.inf
        if label is not None:
            scores[self._labels != label] = -np.inf
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

    Attributes:
        marks: position of an item -> 1 if more like it is wanted, -1 if less.

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
        """Take a collection and choose the first query.

        Args:
            catalog: n items.
            vectors: their embeddings, shape (n, d).
            query: an item's position or name, or (with `encoder`) a file of your own.
            k: how many matches to show.
            encoder: the encoder that made the vectors; with it, any file can be the query.
            scale: a `course_utils.evaluation.Percentiles`; with it, bars and words also say how
                many random pairs a match is above.
            heading: a line above.
            large: whether the cards can be read from the back of a room.
            truth: what makes a match right if two items share it, n values; None takes the labels.

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

        Args:
            liked: positions or names of items.
            disliked: likewise.

        Raises:
            KeyError: there is no item of that name.
            ValueError: likes and dislikes cancel the query out.
        """
        marks = {self._position(item): 1 for item in liked}
        marks |= {self._position(item): -1 for item in disliked}
        self._remark({**self.marks, **marks})
        return self

    def _mark(self, row: Row, mark: int) -> None:
        """Mark an item, or take back its mark if it has just this one."""
        try:
            self._remark({**self.marks, row.key: 0 if row.mark == mark else mark})
        except ValueError as error:
            self._say(str(error), wrong=True)

    def _remark(self, marks: dict[int, int]) -> None:
        """Take other marks; if the query cannot be moved so, the old ones stay."""
        marks = {position: mark for position, mark in marks.items() if mark}
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
        scores = self._scores(query, self.spaces[""], self.label)
        shown = {*best_first(scores, self.k).tolist(), *self.marks}
        rows = []
        for i in (i for i in shown if np.isfinite(scores[i])):
            # A query that was moved is no item, so there are no pairs to compare it with.
            scale = self.scale if not self.marks else None
            percentile = scale.percentile(scores[i]) if scale is not None else None
            rows.append(self._row(scores, i, percentile=percentile, mark=self.marks.get(i, 0)))
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
        forget.on_click(lambda _: self._remark({}))
        return [*([only] if 2 < len(options) <= 200 else []), forget]


class Compare(_Collection):
    """Rankings of one collection beside each other, and what changes from the first to the others.

    Click a card, in any column, to make it the next query of all columns. Cosines of two columns
    cannot be compared; ranks can.

    Introduced in notebook 1.
    """

    def __init__(
        self,
        catalog: Catalog,
        columns: Mapping[str, np.ndarray],
        query: int | str = 0,
        k: int = 5,
        heading: str = "",
        query_vectors: Mapping[str, np.ndarray] | None = None,
    ):
        """Take a collection and its vectors of two or three encoders or settings.

        Args:
            catalog: n items, at least two.
            columns: what each ranking is called -> vectors of shape (n, d); d may differ.
            query: an item's position or name.
            k: how many matches to show.
            heading: a line above.
            query_vectors: name of a ranking -> what to ask with instead of the items' own vectors,
                shape (n, d), for controls.

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
        """Return the best k of each ranking, from the second on with their ranks in the first."""
        found, first = {}, None
        for name, vectors in self.spaces.items():
            scores = self._scores(self.query_vectors[name][self.query_position], vectors)
            best = [int(i) for i in best_first(scores, min(self.k, len(scores) - 1))]
            first = scores if first is None else first
            rows = [self._row(scores, i) for i in best]
            if found:
                ranks = [_rank(first, row.key) for row in rows]
                rows = [
                    row._replace(note=_change(row.rank, rank, self.k))
                    for row, rank in zip(rows, ranks, strict=True)
                ]
            found[name] = rows
        return found

    def _notes(self, columns: dict[str, list[Row]]) -> dict[str, str]:
        (first, best), *others = columns.items()
        known, notes = {row.key for row in best}, {first: "the ranking to compare with"}
        for name, rows in others:
            both = sum(row.key in known for row in rows)
            notes[name] = f'{both} of {len(rows)} are also in "{first}"'
        return notes


def _change(rank: int, before: int, k: int) -> str:
    """Return how a rank differs from the one in the first ranking, in words."""
    if before > k:
        return f"new (was {before})"
    if before == rank:
        return "same"
    return f"\u25b2 up {before - rank}" if rank < before else f"\u25bc down {rank - before}"


class SearchBox(Box):
    """A query of any kind, and for it the best pictures, films and sounds and how each was found.

    Click a card to make it the next query, type a name, or take a file of your own.

    Introduced in notebook 4.
    """

    kinds = tuple(COLUMNS)

    def __init__(self, search, query: str | Path | Item, k: int = 3, heading: str = ""):
        """Search for a first query.

        Args:
            search: a `course_utils.unified.UnifiedSearch`, filled.
            query: an item, its name, or any file of yours.
            k: how many answers of each kind to show.
            heading: a line above.

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


class Explore:
    """Something to move: controls above a figure, a box or a text that follows them.

    Live, the controls act on release, and what they change is brought up to date in place. Where
    nothing can be moved, it is what the first settings give.

    Introduced in notebook 1.
    """

    def __init__(self, draw: Callable, alt: str = "", **controls):
        """Take a function and what its arguments may be.

        Args:
            draw: is called as `draw(name=value, ...)` and returns a figure, a box or a text. An
                error of it is said in words.
            alt: what this is about, read out before the result's own words.
            controls: name=[choices] makes a menu, name=(lowest, highest, step, start) a slider,
                name=True or False a box to tick.

        Raises:
            ValueError: a control is none of these.
        """
        self.draw, self.alt, self.controls, self._widget = draw, alt, controls, None
        self.values = {}
        for name, control in controls.items():
            slides = isinstance(control, tuple) and len(control) == 4
            if not isinstance(control, bool) and not (isinstance(control, list) and control):
                if not slides or not control[0] <= control[3] <= control[1]:
                    raise ValueError(
                        f"{name} is {control!r}; give a list of choices, True, False, or "
                        "(lowest, highest, step, start) with a start between the others."
                    )
            first = control if isinstance(control, bool) else control[3 if slides else 0]
            self.values[name] = first
        self.result = draw(**self.values)

    def widget(self):
        """Return controls and result as an ipywidget, made once."""
        if self._widget is None:
            import ipywidgets as w

            made = [self._control(w, name, control) for name, control in self.controls.items()]
            self._place, self._shown = w.VBox(), w.HTML()
            parts = [w.HTML(STYLE), _styled(w.HBox(made), "cg-head"), self._place]
            self._widget = _styled(w.VBox(parts), "cg-root")
            self._show()
        return self._widget

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
        if isinstance(self.result, Box):
            self._place.children = [self.result.widget()]
            return
        text, about = isinstance(self.result, str), html.escape(self.alt)
        shown = f"<pre>{html.escape(self.result)}</pre>" if text else self.result.html()
        self._shown.value = f'<div class="cg-result" role="status" title="{about}">{shown}</div>'
        self._place.children = [self._shown]

    def _repr_mimebundle_(self, include=None, exclude=None):
        if isinstance(self.result, str):
            return _live(self, {"text/plain": self.result}, {})
        return _live(self, *self.result._repr_mimebundle_())

    def __repr__(self) -> str:
        return str(self.result)
