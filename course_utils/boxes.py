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
from pathlib import Path
from textwrap import shorten
from time import perf_counter
from typing import NamedTuple

import numpy as np

from course_utils.catalog import Catalog, Item
from course_utils.evaluation import above
from course_utils.figures import DARK, GREEN, VERMILION, Figure, label_color, new_figure
from course_utils.media import displayable
from course_utils.players import media_html, small_picture
from course_utils.recorder import Camera, Microphone, OwnFile, words
from course_utils.search import best_first, cosine_similarity, rocchio
from course_utils.session import is_live

OFFERED = 500  # names that a field suggests
MOST = 20  # cards of a column that can be asked for, unless more are shown from the start
STYLE = f"<style>{Path(__file__).with_name('cards.css').read_text(encoding='utf-8')}</style>"
SIGNS = {True: ("\u2713", GREEN, "right: "), False: ("\u2717", VERMILION, "wrong: ")}
SIGNS |= {None: ("", DARK, "")}
MARKS = {1: "liked", -1: "disliked"}
COLUMNS = {"image": "Pictures", "video": "Films", "audio": "Sounds"}

# ipywidgets' own slider has no name for screen readers, and notebooks take its arrow keys.
SLIDER = """
export default { render({ model, el }) {
  const [label, range, shown] = ["label", "input", "output"].map(x => document.createElement(x));
  const how = model.get("how");
  range.id = label.htmlFor = "cg-" + Math.random().toString(36).slice(2);
  Object.assign(range, { type: "range", min: how.low, max: how.high, step: how.step });
  range.dataset.lmSuppressShortcuts = "true";
  label.textContent = how.name;
  const show = () => { range.value = model.get("value"); shown.value = range.value; };
  range.oninput = () => { shown.value = range.value; };
  range.onchange = () => { model.set("value", Number(range.value)); model.save_changes(); };
  range.onkeydown = event => event.stopPropagation();
  model.on("change:value", show);
  el.classList.add("cg-slider");
  el.append(label, range, shown);
  show();
} };
"""


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
    def score(self) -> str:
        """The cosine in words, with the random pairs that it beats."""
        beats = "" if self.percentile is None else f", {above(self.percentile)}"
        return f"{self.cosine:.2f}{beats}"

    @property
    def share(self) -> float:
        """How long its bar is, 0 to 1: the percentile if there is one, else the cosine."""
        return max(0.0, self.cosine if self.percentile is None else self.percentile / 100)


class Box(ABC):
    """A query and columns of ranked cards. As the last line of a cell it shows itself.

    A further kind of box says what `columns` there are, what its queries are made of (`_ask`) and
    which of them can be chosen (`_choices`); all the rest is here.

    Attributes:
        query_item: what was searched for.
        history: earlier queries, each with all that was known of it.
    """

    kinds: tuple[str, ...] = ()  # of files of one's own that may be the query
    verbs: tuple[tuple[str, int], ...] = ()  # what each card's buttons say, and the mark they give
    query_item: Item
    marks: Mapping = {}

    def __init__(self, query, k: int, heading: str, large: bool = False):
        """Ask the first query; `k` is how many rows a column has."""
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
        return ""

    def _controls(self, w) -> list:
        """Return controls of its own, made of ipywidgets `w`."""
        return []

    # ---- in words ----

    def text(self) -> str:
        """Return what is shown as a table in words."""
        columns = self.columns()
        notes = self._notes(columns)
        lines = [f"Query: {_named(self.query_item)}{self._aside()}"]
        for name, rows in columns.items():
            if name:
                lines += ["", f"{name}: {notes[name]}" if notes[name] else name]
            lines += ["rank  cosine  item"] if rows else []
            for row in rows:
                sign = f"{SIGNS[row.right][0]} ".lstrip()
                beats = row.score.partition(", ")[2]
                more = "".join(f", {x}" for x in (MARKS.get(row.mark), beats, row.note) if x)
                lines.append(f"{row.rank:4}  {row.cosine:6.2f}  {sign}{_named(row.item)}{more}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    # ---- as a picture ----

    def picture(self) -> Figure:
        """Return what is shown as a picture: one column in rows of five, several side by side."""
        columns, below = self.columns(), 0.86
        one, most = len(columns) == 1, max(map(len, columns.values()))
        notes = self._notes(columns)
        wide, high, side = (1.75, 1.5 + below, 1.5) if one else (3.5, 1.25, 1.1)
        across = min(5, max(1, most)) + 1 if one else len(columns)
        down = -(-max(1, most) // max(1, across - 1)) if one else most + 1.45
        top = 0.35 if self.heading else 0.0
        width, height = wide * across, high * down + top
        figure = new_figure(width, height)
        axis = figure.add_axes((0, 0, 1, 1))
        figure.set_layout_engine("none")
        axis.axis("off")
        axis.text(0, 0.05, self.heading, fontsize=13, va="top")
        _draw(axis, 0, top, side, self.query_item, "query", not one)
        for i, (name, rows) in enumerate(columns.items()):
            if not one:
                y = top + 1.2 * high
                axis.text(wide * i, y - 0.12, name, fontsize=12, fontweight="bold", va="bottom")
                axis.text(
                    wide * (i + 0.95), y - 0.12, notes[name], fontsize=9, va="bottom", ha="right"
                )
                axis.plot([wide * i, wide * (i + 0.95)], [y - 0.07] * 2, color=DARK, linewidth=1)
            for j, row in enumerate(rows):
                x, y = (1 + j % 5, j // 5) if one else (i, j + 1.25)
                _draw(axis, wide * x, top + high * y, side, row.item, f"{row.rank}.", not one, row)
        axis.set(xlim=(-0.05, width), ylim=(height, -0.05), aspect="equal")
        said = ". ".join(
            f"{name or 'Ranked matches'}: {', '.join(map(_spoken, rows)) or 'none'}"
            for name, rows in columns.items()
        )
        alt = f"Query: {_called(self.query_item)}{self._aside()}. {said}."
        return Figure.of(figure, alt, photo=True, text=self.text())

    # ---- live ----

    def widget(self):
        """Return what is shown as an ipywidget, made once."""
        if self._widget is None:
            self._widget = self._build()
        return self._widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = self.picture()._repr_mimebundle_()
        return _live(self.widget(), data, metadata) if is_live() else (data, metadata)

    def _build(self):
        import ipywidgets as w

        auto, columns = w.Layout(width="auto"), self.columns()
        self.field = w.Combobox(
            description="Query",
            placeholder="a name, then Enter",
            ensure_option=False,
            continuous_update=False,
            layout=w.Layout(flex="1 1 240px", width="auto"),
        )
        self.field.observe(lambda change: self._typed(change["new"]), "value")
        self._offer(self._choices())
        others = sum(1 for _, _ in zip(range(MOST + 1), self._choices(), strict=False)) - 1
        most = max(1, self.k, min(MOST, others))
        self.count = slider("How many", 1, most, 1, min(self.k, most))
        self.count.observe(lambda change: self._change(k=int(change["new"])), "value")
        self.back = w.Button(description="Back", icon="arrow-left", layout=auto)
        self.back.on_click(lambda _: self._go_back())
        self.bigger = w.ToggleButton(value=self.large, description="Large", layout=auto)
        self.bigger.observe(lambda change: self._resize(change["new"]), "value")
        self.said = w.HTML()
        rows = [w.HBox([self.field, self.back, self.bigger])]
        rows.append(w.HBox([self.count, *self._controls(w)]))
        controls = w.VBox([*rows, *self._own_files(w), self.said])
        self._query_card = w.HTML()
        self._query_card.add_class("cg-card").add_class("cg-query")
        head = w.Box([self._query_card, controls])
        self._cards: dict[str, list] = {name: [] for name in columns}
        self._headings = {name: w.HTML() for name in columns}
        self._bodies = {name: w.Box() for name in columns}
        parts = [w.VBox([self._headings[x], self._bodies[x]]) for x in columns]
        body = w.Box(parts)
        root = w.VBox([w.HTML(STYLE), w.HTML(f"<b>{html.escape(self.heading)}</b>"), head, body])
        root.children[1].layout.display = None if self.heading else "none"
        for part, name in [(root, "root"), (head, "head"), (controls, "controls"), (body, "body")]:
            part.add_class(f"cg-{name}")
        body.add_class("cg-one" if len(columns) == 1 else "cg-several")
        self._widget = root
        self._resize(self.large)
        self._show()
        return root

    def _own_files(self, w) -> list:
        """Return a button that unfolds ways to take a file of one's own, and what it unfolds."""
        if not self.kinds:
            return []
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
        return [button, place]

    def _new_card(self, name: str):
        """Return a card, made of ipywidgets: its content, the button on it, and its marks."""
        import ipywidgets as w

        place, content, hit = len(self._cards[name]), w.HTML(), w.Button(description="-")
        hit.add_class("cg-hit")
        hit.on_click(lambda _: self._go(self._shown[name][place].key))
        verbs = [w.Button() for _ in self.verbs]
        for button, (_, mark) in zip(verbs, self.verbs, strict=True):
            button.on_click(lambda _, mark=mark: self._mark(self._shown[name][place], mark))
        marks = w.HBox(verbs)
        marks.add_class("cg-marks")
        card = w.Box([content, hit, *([marks] if verbs else [])])
        card.add_class("cg-card")
        return card

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        if self._widget is None:
            return
        self._shown = columns = self.columns()
        notes = self._notes(columns)
        self.back.disabled = not self.history
        self._query_card.value = _card_html(self.query_item, "Query: ")
        for name, rows in columns.items():
            cards = self._cards[name]
            cards += [self._new_card(name) for _ in rows[len(cards) :]]
            self._bodies[name].children = cards[: len(rows)]
            note = f'<div class="cg-score">{html.escape(notes[name])}</div>' if notes[name] else ""
            heading = (
                f'<div class="cg-column-name" role="heading" aria-level="3">{html.escape(name)}'
            )
            self._headings[name].value = f"{heading}</div>{note}" if name else note
            for card, row in zip(cards, rows, strict=False):
                content, hit, *marks = card.children
                content.value = _card_html(row.item, f"{row.rank}. ", row)
                hit.description = f"Use {displayable(row.item.name)} as query"
                hit.tooltip = row.item.alt or row.item.name
                for button, (verb, mark) in zip(
                    marks and marks[0].children, self.verbs, strict=True
                ):
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
        for _, (key, item) in zip(range(OFFERED), choices, strict=False):
            text = f"{item.name}: {item.caption}" if item.caption != item.name else item.name
            if text in self._offered:
                text += f" ({item.path.parent.name})"
            self._offered[displayable(text)] = key
        self.field.options = list(self._offered)

    def _typed(self, text: str) -> None:
        if text := text.strip().strip("\"'"):
            try:
                self._use(self._offered.get(text, text))
            except (ValueError, KeyError, OSError, RuntimeError) as error:
                like = [(key, x) for key, x in self._choices() if text.lower() in _searched(x)]
                names = ", ".join(dict.fromkeys(x.name for _, x in like[:4]))
                self._say(words(error) + (f" Did you mean {names}?" if names else ""), wrong=True)
                self._offer(like or self._choices())
            else:
                self._offer(self._choices())
            self.field.value = ""  # the same text can be typed again

    def _go(self, query) -> None:
        """Make something the query and show what is found; an error is said in words."""
        try:
            self._use(query)
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            self._say(words(error), wrong=True)

    def _use(self, query) -> None:
        """Make something the query; on any error all stays as it was."""
        new = self._ask(query)
        old = {name: getattr(self, name) for name in new}
        if not _same(old["query_item"], new["query_item"]) or old.get("marks"):
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
        _esm = SLIDER
        how = traitlets.Dict().tag(sync=True)
        value = traitlets.Float().tag(sync=True)

    return Slider(how={"name": name, "low": low, "high": high, "step": step}, value=value)


def _live(widget, data: dict, metadata: dict) -> tuple[dict, dict]:
    """Return what shows a widget, with pictures and words for places that cannot."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    data = {mime: content for mime, content in data.items() if mime != "text/html"}
    return data | {"application/vnd.jupyter.widget-view+json": view}, metadata


def _label(item: Item) -> str:
    return "" if item.label == "unlabelled" else displayable(item.label)


def _named(item: Item) -> str:
    name = displayable(item.name)
    return f"{name} ({_label(item)})" if _label(item) else name


def _called(item: Item) -> str:
    """Name an item in words; voices that say the same are told apart by their names."""
    return displayable(item.name if item.kind == "audio" else item.caption or item.name)


def _spoken(row: Row) -> str:
    return f"{row.rank}. {SIGNS[row.right][2]}{_called(row.item)}"


def _searched(item: Item) -> str:
    return f"{item.name}: {item.caption}".lower()


def _same(a: Item, b: Item) -> bool:
    """Return whether two queries are one file, or two copies of it that have the same name."""
    if a.path == b.path:
        return True
    try:
        return a.path.name == b.path.name and filecmp.cmp(a.path, b.path, shallow=False)
    except OSError:  # one has vanished
        return False


def _card_html(item: Item, rank: str, row: Row | None = None) -> str:
    """Return a card: the medium, the rank and label, the title, and what is known of the match."""
    label, note, mark, bar = html.escape(_label(item)), "", "", ""
    sign = ""
    if row is not None:
        symbol, _, said = SIGNS[row.right]
        if symbol:
            sign = (
                f'<span class="cg-{said[:5]}" role="img" aria-label="{said[:5]}">{symbol}</span> '
            )
        if row.mark:
            mark = f'<div class="cg-mark cg-{MARKS[row.mark]}">{MARKS[row.mark]}</div>'
        bar = (
            f'<div class="cg-bar"><div style="width:{100 * row.share:.0f}%;'
            f'background:{label_color(item.label)}"></div></div>'
            f'<div class="cg-score">cosine {row.score}</div>'
        )
        note = f'<div class="cg-note">{html.escape(row.note)}</div>' if row.note else ""
        if row.paths:
            lines = "".join(f"<li>{html.escape(path)}</li>" for path in row.paths)
            summary = f"<summary>{html.escape(row.note)}</summary>"
            note = f'<details class="cg-path">{summary}<ul>{lines}</ul></details>'
    dot = f'<span class="cg-dot" style="background:{label_color(item.label)}"></span>'
    return (
        f'<figure><div class="cg-media">{media_html(item)}</div><figcaption>'
        f'<div class="cg-label">{rank}{sign}{dot if label else ""}{label}</div>'
        f'<div class="cg-name">{html.escape(displayable(item.title))}</div>{bar}{note}{mark}'
        "</figcaption></figure>"
    )


def _draw(axis, x, y, side, item, rank, beside: bool, row: Row | None = None) -> None:
    """Draw a card; `x` and `y` are its upper left corner in inches, `side` its picture's size."""
    from matplotlib.patches import Circle, Rectangle

    picture = small_picture(item)
    wide, high = (size * side / max(picture.size) for size in picture.size)
    left, top = x + (side - wide) / 2, y + (side - high) / 2
    axis.imshow(picture, extent=(left, left + wide, top + high, top))
    x, y, letters = (x + side + 0.12, y + 0.14, 30) if beside else (x, y + side + 0.16, 24)
    sign, color, _ = SIGNS[row.right if row else None]
    axis.text(x, y, f"{rank} {sign}", fontsize=11, color=color, fontweight="bold", va="center")
    label = shorten(_label(item), 18, placeholder=" ...")
    start = x + 0.1 * len(rank) + (0.26 if sign else 0.1)
    if label:
        axis.add_patch(Circle((start + 0.04, y), 0.055, color=label_color(item.label)))
    axis.text(start + 0.15, y, label, fontsize=11, fontweight="bold", va="center")
    small = {"fontsize": 9, "color": DARK, "va": "center"}
    axis.text(x, y + 0.2, displayable(item.name)[:letters], **small)
    if row is None:
        axis.text(
            x, y + 0.38, shorten(displayable(item.caption), letters, placeholder=" ..."), **small
        )
        return
    long = 1.5 if not beside else 2.1
    axis.add_patch(Rectangle((x, y + 0.31), long, 0.07, color="#E0E0E0"))
    axis.add_patch(Rectangle((x, y + 0.31), long * row.share, 0.07, color=label_color(item.label)))
    axis.text(x, y + 0.48, row.score, **small)
    more = ", ".join(filter(None, (MARKS.get(row.mark), row.note)))
    axis.text(x, y + 0.65, shorten(more, 36 if beside else letters, placeholder=" ..."), **small)


def _position(catalog: Catalog, query) -> int:
    """Return the position of an item, given by its position, name or path.

    Raises:
        KeyError: there is no such item.
    """
    if not isinstance(query, (int, np.integer)):
        return catalog.find(str(query))
    if not -len(catalog) <= query < len(catalog):
        raise KeyError(f"There is no item {query}; there are {len(catalog)}.")
    return int(query) % len(catalog)


def _fits(catalog: Catalog, vectors, name: str = "") -> np.ndarray:
    """Return vectors as an array; raise ValueError unless there is one for each item."""
    if len(catalog) == 0:
        raise ValueError("The collection is empty; there is nothing to show.")
    if len(vectors) != len(catalog):
        of = f" of {name!r}" if name else ""
        raise ValueError(
            f"There are {len(catalog)} items and {len(vectors)} vectors{of}; each needs its own."
        )
    return np.asarray(vectors)


def _right(truth: np.ndarray | None, position: int | None, other: int) -> bool | None:
    """Return whether an item is what a query asked for, None where that is not known."""
    if truth is None or position is None or truth[position] in ("", "unlabelled"):
        return None
    return bool(truth[other] == truth[position])


class Gallery(Box):
    """A query and its ranked matches.

    Click a card to make it the next query, or say of some cards that you want more or less like
    them: the query moves, and all cards are ranked anew. A tick or a cross says whether a match has
    the query's label, where that is known.

    Attributes:
        marks: position of an item -> 1 if more like it is wanted, -1 if less.

    Introduced in notebook 1.
    """

    verbs = (("More", 1), ("Less", -1))

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
        self.catalog, self.vectors = catalog, _fits(catalog, vectors)
        self.encoder, self.scale, self.label = encoder, scale, None
        self.kinds = (catalog[0].kind,) if encoder is not None else ()
        self._labels = catalog.labels
        self.truth = self._labels if truth is None else _fits(catalog, truth, "truth")
        super().__init__(query, k, heading, large)

    def _ask(self, query) -> dict:
        try:
            position = _position(self.catalog, query)
        except KeyError:
            if self.encoder is None or isinstance(query, (int, np.integer)):
                raise
            path = Path(query)
            vector = self.encoder.encode([path])[0]
            name = displayable(path.name)
            item = Item(path, self.kinds[0], "yours", caption=name, alt="Your own file")
            return {"query_position": None, "query_vector": vector, "query_item": item, "marks": {}}
        return {
            "query_position": position,
            "query_vector": self.vectors[position],
            "query_item": self.catalog[position],
            "marks": {},
        }

    def _choices(self):
        return enumerate(self.catalog)

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
            marks |= {_position(self.catalog, item): mark for item in wanted}
        self._moved(marks)  # or it says now that nothing is left of the query
        self._change(marks=marks)
        return self

    def _mark(self, row: Row, mark: int) -> None:
        """Mark an item, or take back its mark if it has just this one."""
        marks = {i: old for i, old in self.marks.items() if i != row.key}
        marks |= {} if row.mark == mark else {row.key: mark}
        try:
            self._moved(marks)
        except ValueError as error:
            return self._say(str(error), wrong=True)
        self._change(marks=marks)

    def _moved(self, marks: dict[int, int]) -> np.ndarray:
        """Return the query's vector, moved by marks."""
        liked, disliked = ([i for i, mark in marks.items() if mark == x] for x in (1, -1))
        if not marks:
            return self.query_vector
        return rocchio(self.query_vector, self.vectors[liked], self.vectors[disliked])

    def ranking(self) -> list[tuple[int, float]]:
        """Return (position, cosine) of the best k matches, without the query itself."""
        return [(row.key, row.cosine) for row in self.columns()[""] if row.rank <= self.k]

    def columns(self) -> dict[str, list[Row]]:
        """Return the best k in one column, and marked items that come later."""
        scores = cosine_similarity(self._moved(self.marks), self.vectors)
        out = np.zeros(len(scores), bool) if self.label is None else self._labels != self.label
        if self.query_position is not None:
            out[self.query_position] = True
        scores[out] = -np.inf
        best = best_first(scores, self.k)
        ranked = {int(i): rank for rank, i in enumerate(best, 1) if not out[i]}
        for i in set(self.marks) - set(ranked):
            before = (scores > scores[i]).sum() + (scores[:i] == scores[i]).sum()
            ranked |= {} if out[i] else {i: 1 + int(before)}
        return {
            "": [self._row(i, ranked[i], float(scores[i])) for i in sorted(ranked, key=ranked.get)]
        }

    def _row(self, i: int, rank: int, cosine: float) -> Row:
        # A query that was moved is no item, so there are no pairs to compare it with.
        percentile = self.scale.percentile(cosine) if self.scale and not self.marks else None
        right, mark = _right(self.truth, self.query_position, i), self.marks.get(i, 0)
        return Row(i, self.catalog[i], rank, cosine, percentile, right=right, mark=mark)

    def _aside(self) -> str:
        marks = list(self.marks.values())
        return f", moved by {marks.count(1)} liked and {marks.count(-1)} disliked" if marks else ""

    def _controls(self, w) -> list:
        labels = [str(label) for label in np.unique(self._labels)]
        if not 2 <= len(labels) <= 200:
            return []
        options = [("all labels", ""), *((x, x) for x in labels)]
        only = w.Dropdown(options=options, description="Show", layout=w.Layout(width="240px"))
        only.observe(lambda change: self._change(label=change["new"] or None), "value")
        forget = w.Button(description="Forget marks", icon="eraser", layout=w.Layout(width="auto"))
        forget.on_click(lambda _: self._change(marks={}))
        return [only, forget]


class Compare(Box):
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
        large: bool = False,
    ):
        """Take a collection and its vectors of two or three encoders or settings.

        Args:
            catalog: n items, at least two.
            columns: what each ranking is called -> vectors of shape (n, d); d may differ.
            query: an item's position or name.
            k: how many matches to show.
            heading: a line above.
            large: whether the cards can be read from the back of a room.

        Raises:
            ValueError: there is nothing to compare, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        if not 2 <= len(columns) <= 3:
            raise ValueError(f"There are {len(columns)} rankings; give two or three to compare.")
        self.catalog = catalog
        self.vectors = {str(name): _fits(catalog, x, str(name)) for name, x in columns.items()}
        if len(catalog) < 2:
            raise ValueError("The collection has one item; a ranking needs two.")
        self._labels = catalog.labels
        super().__init__(query, k, heading, large)

    def _ask(self, query) -> dict:
        position = _position(self.catalog, query)
        return {"query_position": position, "query_item": self.catalog[position]}

    def _choices(self):
        return enumerate(self.catalog)

    def columns(self) -> dict[str, list[Row]]:
        """Return the best k of each ranking, each with its rank in the first."""
        found: dict[str, list[Row]] = {}
        ranks, query = None, self.query_position
        for name, vectors in self.vectors.items():
            scores = cosine_similarity(vectors[query], vectors)
            scores[query] = -np.inf
            order = np.argsort(-scores, kind="stable")
            first = ranks is None
            if first:
                ranks = np.argsort(order) + 1
            found[name] = [
                Row(
                    int(i),
                    self.catalog[int(i)],
                    rank,
                    float(scores[i]),
                    note="" if first else _change(rank, int(ranks[i]), self.k),
                    right=_right(self._labels, query, i),
                )
                for rank, i in enumerate(order[: min(self.k, len(order) - 1)], 1)
            ]
        return found

    def _notes(self, columns: dict[str, list[Row]]) -> dict[str, str]:
        first = next(iter(columns))
        known = {row.key for row in columns[first]}
        return {
            name: f'{sum(row.key in known for row in rows)} of {len(rows)} are also in "{first}"'
            for name, rows in columns.items()
        } | {first: "the ranking to compare with"}


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

    def __init__(
        self, search, query: str | Path | Item, k: int = 3, heading: str = "", large: bool = False
    ):
        """Search for a first query.

        Args:
            search: a `course_utils.unified.UnifiedSearch`, filled.
            query: an item, its name, or any file of yours.
            k: how many answers of each kind to show.
            heading: a line above.
            large: whether the cards can be read from the back of a room.

        Raises:
            MediaError: there is no such item or file, or it cannot be used.
            ValueError: k is below 1.
            StoreError: nothing was added yet, or the database failed.
        """
        self.search, self.k = search, k
        super().__init__(query, k, heading, large)

    def _ask(self, query) -> dict:
        start = perf_counter()
        item = query if isinstance(query, Item) else self.search.item(query)
        found = self.search.search(item, k=max(self.k, 6))
        return {"query_item": item, "found": found, "_seconds": perf_counter() - start}

    def _choices(self):
        return ((item, item) for item in self.search.items.values())

    def columns(self) -> dict[str, list[Row]]:
        """Return the answers of each kind."""
        if self.k > max(6, *map(len, self.found.values())):
            self.found = self.search.search(self.query_item, k=self.k)
        return {
            name: [
                self._row(rank, match) for rank, match in enumerate(self.found[kind][: self.k], 1)
            ]
            for kind, name in COLUMNS.items()
        }

    def _row(self, rank: int, match) -> Row:
        hop = match.best
        note = match.short.removesuffix(f" {hop.cosine:.2f}")
        paths = tuple(match.path.split("; "))
        return Row(match.item, match.item, rank, hop.cosine, hop.percentile, note, paths)

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
            draw: is called as `draw(name=value, ...)` and returns a figure, a box or a text. A
                ValueError that it raises is shown in words.
            alt: what this is about, read out before the result's own words.
            controls: name=[choices] makes a menu, name=(lowest, highest, step, start) a slider,
                name=True or False a box to tick.

        Raises:
            ValueError: a control is none of these.
        """
        self.draw, self.alt, self.controls, self._widget = draw, alt, controls, None
        self.values = {}
        for name, control in controls.items():
            if isinstance(control, bool):
                self.values[name] = control
            elif isinstance(control, tuple) and len(control) == 4:
                low, high, _, self.values[name] = control
                if not low <= self.values[name] <= high:
                    raise ValueError(f"{name} starts at {control[3]}, outside {low} to {high}.")
            elif isinstance(control, list) and control:
                self.values[name] = control[0]
            else:
                raise ValueError(
                    f"{name} is {control!r}; give a list of choices, True, False, or "
                    "(lowest, highest, step, start)."
                )
        self.result = draw(**self.values)

    def widget(self):
        """Return controls and result as an ipywidget, made once."""
        if self._widget is not None:
            return self._widget
        import ipywidgets as w

        made = [self._control(w, name, control) for name, control in self.controls.items()]
        self._place, self._words = w.VBox(), w.HTML()
        row = w.HBox(made)
        row.add_class("cg-head")
        self._widget = w.VBox([w.HTML(STYLE), row, self._place])
        self._widget.add_class("cg-root")
        self._show()
        return self._widget

    def _control(self, w, name: str, control):
        words = name.replace("_", " ")
        if isinstance(control, bool):
            made = w.Checkbox(value=control, description=words, indent=False)
        elif isinstance(control, tuple):
            made = slider(words, *control)
        else:
            made = w.Dropdown(options=control, description=words)
            made.style.description_width = "initial"
        whole = isinstance(control, tuple) and all(isinstance(x, int) for x in control)

        def moved(change) -> None:
            self.values[name] = int(change["new"]) if whole else change["new"]
            try:
                self.result = self.draw(**self.values)
            except Exception as error:
                self.result = f"\u26a0 {words_of(error)}"
            self._show()

        made.observe(moved, "value")
        return made

    def _show(self) -> None:
        if isinstance(self.result, Box):
            self._place.children = [self.result.widget()]
            return
        if isinstance(self.result, str):
            shown = f"<pre>{html.escape(self.result)}</pre>"
        else:
            shown = self.result._repr_mimebundle_()[0]["text/html"]
        self._words.value = f'<div class="cg-result" role="status">{shown}</div>'
        self._place.children = [self._words]

    def _repr_mimebundle_(self, include=None, exclude=None):
        if isinstance(self.result, str):
            data, metadata = {"text/plain": self.result}, {}
        else:
            data, metadata = self.result._repr_mimebundle_()
        return _live(self.widget(), data, metadata) if is_live() else (data, metadata)

    def __repr__(self) -> str:
        return str(self.result)


def words_of(error: Exception) -> str:
    """Return what an error says, with its name where that is not a sentence."""
    return words(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
