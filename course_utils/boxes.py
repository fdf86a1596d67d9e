"""Boxes of ranked cards to look at and click through: a gallery, a comparison, a search box.

Each is a `Box`: it says what is found in which column, and shows itself in three layers: as
ipywidgets (version 7 or 8) in a live notebook; as a picture where no kernel is behind it (GitHub,
nbconvert, slides, print); and as a table in a terminal. `Explore` gives it something to move.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from textwrap import fill, shorten
from typing import NamedTuple

import numpy as np
from PIL import ImageOps

from course_utils.catalog import Catalog, Item
from course_utils.evaluation import above
from course_utils.figures import DARK, GREEN, VERMILION, Figure, drawing, label_color, new_axes
from course_utils.media import displayable
from course_utils.players import media_html, small_picture
from course_utils.recorder import Camera, Microphone, OwnFile
from course_utils.search import cosine_similarity, rocchio
from course_utils.session import is_live

OFFERED = 500  # names that a field suggests
MOST = 20  # cards of a column that can be asked for, unless more are shown from the start
FOLDER = Path(__file__).parent
STYLE = f"<style>{(FOLDER / 'cards.css').read_text(encoding='utf-8')}</style>"
SIGNS = {None: ("", DARK, ""), True: ("✓", GREEN, "right"), False: ("✗", VERMILION, "wrong")}
MARKS = {1: "liked", -1: "disliked"}
COLUMNS = {"image": "Pictures", "video": "Films", "audio": "Sounds"}
WAYS = {"image": Camera, "video": partial(Camera, film=True), "audio": Microphone}
EXPECTED = (ValueError, KeyError, OSError, RuntimeError)  # what is said in words, not raised


class Row(NamedTuple):
    """One ranked item and what is known of it."""

    key: object  # what to ask for to make it the query
    item: Item
    rank: int  # 1 for the best
    cosine: float
    percentile: float | None = None  # which percentage of random pairs has a lower cosine
    note: str = ""  # more words, such as how it was found
    right: bool | None = None  # whether its label is the query's; None where that is not known
    mark: int = 0  # 1 liked, -1 disliked

    @property
    def worth(self) -> tuple[float, str]:
        """Its bar's length, 0 to 1, and in words how many random pairs its cosine beats."""
        if self.percentile is None:
            return max(0.0, self.cosine), ""
        return self.percentile / 100, above(self.percentile)

    def remarks(self) -> list[str]:
        """Return what else there is to say of it: its mark, what it beats, its note."""
        return [words for words in (MARKS.get(self.mark), self.worth[1], self.note) if words]


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
        still = self.picture()
        words = {"text/plain": still}, {}
        data, metadata = words if isinstance(still, str) else still._repr_mimebundle_()
        if is_live():
            data.pop("text/html", None)
            view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
            data["application/vnd.jupyter.widget-view+json"] = view
            # Sliders are anywidgets; they know what Colab must be told to show them.
            metadata = metadata | slider("", 0, 1, 1, 0)._repr_mimebundle_()[1]
        return data, metadata


class Box(_Shown):
    """A query (`query_item`) and columns of ranked cards.

    A further kind of box defines `columns`, which returns for each its name, its rows, best first,
    and a note; and `_ask`, which returns the attributes that a query sets and changes nothing.
    """

    kinds: tuple[str, ...] = ()  # of files of one's own that may be the query
    verbs: Mapping[str, int] = {}  # what each card's buttons say, and the mark that they give
    marks: Mapping[int, int] = {}  # which items were marked
    labels: Sequence[str] = ()  # of the items to `choose` from; `label` is the one that is shown
    label = None

    def __init__(self, query, k: int, heading: str, choose: Collection[Item]):
        """Ask the first query, one of those to `choose` from; `k` is how many rows a column has."""
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k is {k!r}; ask for at least one match.")
        self.k, self.heading, self.choose = int(k), heading, choose
        self.history: list[dict] = []  # what each step has changed, as it was before
        vars(self).update(self._ask(query))

    def _aside(self) -> str:
        marks = list(self.marks.values())
        return f", moved by {marks.count(1)} liked and {marks.count(-1)} disliked" if marks else ""

    def __repr__(self) -> str:
        lines = [f"Query: {_named(self.query_item)}{self._aside()}"]
        for name, rows, note in self.columns():
            lines += ["", f"{name}: {note}".removesuffix(": ")] if name else []
            lines += ["rank  cosine  item"] if rows else []
            for row in rows:
                name = f"{SIGNS[row.right][0]} {_named(row.item)}".lstrip()
                words = ", ".join([name, *row.remarks()])
                lines.append(f"{row.rank:4}  {row.cosine:6.2f}  {words}")
        return "\n".join(lines)

    @drawing
    def picture(self) -> Figure:
        """Return what is shown as a picture: the query, and each column's cards in rows of five."""
        columns = self.columns()
        lines = []
        for name, rows, note in columns:
            starts = range(0, max(1, len(rows)), 5)
            lines += [(f"{name}\n{note}".strip(), rows[start : start + 5]) for start in starts]
        across = 1 + max(1, *(len(rows) for _, rows in lines))
        size = 1.85 * across, 2.75 * len(lines), len(lines), across
        figure, axes = new_axes(*size, self.heading, xticks=[], yticks=[], frame_on=False)
        _draw(axes[0, 0], self.query_item)
        for (name, rows), (_, *places) in zip(lines, axes, strict=True):
            places[0].set_ylabel(name, fontsize=9)
            for axis, row in zip(places, rows, strict=False):
                _draw(axis, row.item, row)
        alt = [f"Query: {displayable(self.query_item.title)}{self._aside()}"]
        for name, rows, _ in columns:
            said = [f"{x.rank}. {SIGNS[x.right][2]} {displayable(x.item.title)}" for x in rows]
            said = ", ".join(said).replace(".  ", ". ") or "none"
            alt.append(f"{name or 'Ranked matches'}: {said}")
        return Figure.of(figure, f"{'. '.join(alt)}.", photo=True, text=repr(self))

    def _build(self):
        import ipywidgets as w

        auto, grows = w.Layout(width="auto"), w.Layout(flex="1 1 240px", width="auto")
        look = {"ensure_option": False, "continuous_update": False, "layout": grows}
        self.field = w.Combobox(description="Query", placeholder="a name, then Enter", **look)
        named = (x.name + (x.caption and f": {displayable(x.caption)}") for x in self.choose)
        self.field.options = list(islice(named, OFFERED))
        self.field.observe(self._typed, "value")
        most = max(self.k, min(MOST, len(self.choose) - 1))
        self.count = slider("How many", 1, most, 1, self.k)
        self.count.observe(lambda change: self._change(k=change["new"]), "value")
        self.back = w.Button(description="Back", icon="arrow-left", layout=auto)
        self.back.on_click(lambda _: self._change(**(self.history.pop() if self.history else {})))
        self.large = w.ToggleButton(description="Large", layout=auto)
        self.large.observe(lambda change: _styled(root, "cg-large", on=change["new"]), "value")
        self.said, self.query_card = w.HTML(), _styled(w.HTML(), "cg-card", "cg-query")
        self._parts = [w.VBox([w.HTML(), w.Box()]) for _ in self.columns()]
        labels = np.unique(self.labels).tolist()
        choices = [("all labels", ""), *((label, label) for label in labels)]
        menu = w.Dropdown(description="Show", options=choices)
        menu.observe(lambda change: self._change(label=change["new"] or None), "value")
        counts = [self.count, menu] if 1 < len(labels) <= 200 else [self.count]
        rows = [w.HBox([self.field, self.back, self.large]), w.HBox(counts)]
        rows += [*(self._own_files(w) if self.kinds else []), self.said]
        head = w.Box([self.query_card, _styled(w.VBox(rows), "cg-controls")])
        body = _styled(w.Box(self._parts), "cg-several" if len(self._parts) > 1 else "cg-one")
        title = w.HTML(f"{STYLE}<b>{html.escape(self.heading)}</b>")
        root = _styled(w.VBox([title, _styled(head, "cg-head"), body]), "cg-root")
        return root

    def _own_files(self, w) -> list:
        """Return a button that unfolds ways to take a file of one's own, and what it unfolds."""
        made = [OwnFile(self._use, self.kinds), *(WAYS[kind](self._use) for kind in self.kinds)]
        button, place = w.ToggleButton(description="Your own file", icon="upload"), w.VBox()

        def unfold(change) -> None:
            place.children = [way.widget() for way in made if change["new"]]

        button.observe(unfold, "value")
        return [button, place]

    def _new_card(self, part: int, slot: int):
        """Return a card: its content, the button that covers it, and the buttons for marks."""
        import ipywidgets as w

        def button(act: Callable, **look):
            made = w.Button(**look)
            made.on_click(lambda _: self._try(act, self._shown[part][1][slot]))
            return made

        hit = _styled(button(lambda row: self._use(row.key)), "cg-hit")
        marks = [button(partial(self._mark, x), description=verb) for verb, x in self.verbs.items()]
        parts = [w.HTML(), hit, *([_styled(w.HBox(marks), "cg-marks")] if marks else [])]
        return _styled(w.Box(parts), "cg-card")

    def _show(self) -> None:
        """Bring all widgets up to date; cards are changed in place, not made anew."""
        self._shown, self.back.disabled = self.columns(), not self.history
        self.query_card.value = _card_html(self.query_item)
        for i, (name, rows, note) in enumerate(self._shown):
            name, note = html.escape(name), html.escape(note)
            heading, body = self._parts[i].children
            title = f'<div class="cg-column" role="heading" aria-level="3">{name}</div>'
            heading.value = f'{name and title}<div class="cg-score">{note}</div>'
            new = [self._new_card(i, slot) for slot in range(len(body.children), len(rows))]
            body.children = (*body.children, *new)[: len(rows)]
            for card, row in zip(body.children, rows, strict=True):
                card.children[0].value = _card_html(row.item, row)
                card.children[1].description = f"Use {row.item.name} as query"
        count = sum(len(rows) for _, rows, _ in self._shown)
        self._say(f"{count} matches for {displayable(self.query_item.title)}{self._aside()}")

    def _say(self, sentence: str) -> None:
        """Say what happened, in a line that screen readers read out when it changes."""
        self.said.value = f'<div class="cg-said" role="status">{html.escape(sentence)}</div>'

    def _change(self, **changes) -> None:
        vars(self).update(changes)
        if self._widget is not None:
            self._show()

    def _typed(self, change) -> None:
        if name := change["new"].partition(": ")[0].strip().strip("\"'"):
            self._try(self._use, name)
            self.field.value = ""  # so that the same can be typed again

    def _try(self, act: Callable, what) -> None:
        try:
            act(what)
        except EXPECTED as error:
            self._say(_words(error))

    def _use(self, query) -> None:
        """Make something the query; on any error all stays as it was."""
        new = self._ask(query)
        if new["query_item"] != self.query_item or self.marks:
            self._step(**new)

    def _step(self, **new) -> None:
        """Make changes that Back takes back."""
        self.history.append({name: getattr(self, name) for name in new})
        self._change(**new)


def slider(name: str, low: float, high: float, step: float, value: float):
    """Return a slider with a name, which obeys the arrow keys and acts on release: an anywidget."""
    import anywidget
    import traitlets

    whole = isinstance(step, int) and isinstance(value, int)  # then its values stay whole numbers

    class Slider(anywidget.AnyWidget):
        _esm = FOLDER / "slider.js"
        how = traitlets.Dict().tag(sync=True)
        value = (traitlets.Int if whole else traitlets.Float)().tag(sync=True)

    return Slider(how={"name": name, "low": low, "high": high, "step": step}, value=value)


def _words(error: Exception) -> str:
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return f"\u26a0 {said or type(error).__name__}"


def _styled(widget, *classes: str, on: bool = True):
    for name in classes:
        (widget.add_class if on else widget.remove_class)(name)
    return widget


def _label(item: Item) -> str:
    return "" if item.label == "unlabelled" else displayable(item.label)


def _named(item: Item) -> str:
    return item.name + (f" ({_label(item)})" if _label(item) else "")


def _card_html(item: Item, row: Row | None = None) -> str:
    """Return a card: the medium, the rank and label, the title, and what is known of the match."""
    label, color = html.escape(_label(item)), label_color(item.label)
    rank, more = "Query:", ""
    if row is not None:
        symbol, _, said = SIGNS[row.right]
        sign = f' <span class="cg-{said}" role="img" aria-label="{said}">{symbol}</span>'
        rank = f"{row.rank}.{symbol and sign}"
        share, beats = row.worth
        score = ", ".join(filter(None, (f"cosine {row.cosine:.2f}", beats.replace(" ", "&nbsp;"))))
        bar = f'<div style="width:{100 * share:.0f}%;background:{color}"></div>'
        more = f'<div class="cg-bar">{bar}</div><div class="cg-score">{score}</div>'
        marked = MARKS.get(row.mark, "")
        for style, words in (("cg-note", row.note), (f"cg-mark cg-{marked}", marked)):
            more += words and f'<div class="{style}">{html.escape(words)}</div>'
    dot = label and f'<span class="cg-dot" style="background:{color}"></span>'
    title = html.escape(displayable(item.title))
    return (
        f'<figure><div class="cg-media">{media_html(item)}</div><figcaption><div class="cg-label">'
        f'{rank} {dot}{label}</div><div class="cg-name">{title}</div>{more}</figcaption></figure>'
    )


def _draw(axis, item: Item, row: Row | None = None) -> None:
    """Draw a card: rank and label above the picture, a bar and words below it."""
    sign, shade, _ = SIGNS[row.right if row else None]
    head = " ".join(filter(None, (f"{row.rank}." if row else "query", sign, _label(item))))
    axis.imshow(ImageOps.pad(small_picture(item), (200, 200), color="white"))
    style = {"color": shade, "fontsize": 11, "fontweight": "bold", "pad": 3}
    axis.set_title(shorten(head, 20, placeholder=" ..."), **style)
    words = [item.name, "" if item.caption == item.name else displayable(item.caption)]
    words = [shorten(line, 25, placeholder=" ...") for line in words]
    if row:
        for share, color in ((1, "#E0E0E0"), (row.worth[0], label_color(item.label))):
            look = {"linewidth": 5, "transform": axis.transAxes, "clip_on": False}
            axis.plot([0, share], [-0.05, -0.05], color=color, solid_capstyle="butt", **look)
        more = ", ".join([f"{row.cosine:.2f}", *row.remarks()])
        words.append(fill(more, 27, max_lines=2, placeholder=" ..."))
    axis.set_xlabel("\n".join(words), fontsize=9, loc="left", labelpad=11)


class Gallery(Box):
    """A query and its ranked matches.

    Click a card to make it the next query, or say of some cards that you want more or less like
    them: the query moves, and all cards are ranked anew. A tick or a cross says whether a match has
    the query's label, where that is known.

    Introduced in notebook 1.
    """

    verbs = {"More": 1, "Less": -1}

    def __init__(
        self, catalog: Catalog, vectors, query=0, k=10, encoder=None, scale=None, heading=""
    ):
        """Take n items, their vectors of shape (n, d), and the first query: a position or a name.

        With the `encoder` that made the vectors, any file can be the query. With `scale`, a
        `course_utils.evaluation.Percentiles`, bars and words also say how many random pairs a match
        is above.

        Raises:
            ValueError: the collection is empty, or vectors and items do not match.
            KeyError: there is no item of that name (for a position, IndexError).
        """
        if len(vectors) != len(catalog) or not len(catalog):
            raise ValueError(f"{len(catalog)} items and {len(vectors)} vectors cannot be shown.")
        self.catalog, self.labels, self.vectors = catalog, catalog.labels, np.asarray(vectors)
        self.encoder, self.scale = encoder, scale
        self.kinds = () if encoder is None else (catalog[0].kind,)
        super().__init__(query, k, heading, catalog.items)

    def _ask(self, query) -> dict:
        catalog, position = self.catalog, None
        try:
            number = isinstance(query, (int, np.integer))
            position = range(len(catalog))[query] if number else catalog.find(str(query))
            item, vector = catalog[position], self.vectors[position]
        except KeyError:
            path = Path(str(query))
            if self.encoder is None or not path.is_file():
                raise
            vector, caption = self.encoder.encode([path])[0], displayable(path.name)
            item = Item(path, self.kinds[0], "yours", caption=caption, alt="Your own file")
        new = {"query_position": position, "query_item": item, "query_vector": vector}
        return {**new, "marks": {}}  # a new query forgets the marks

    def _ranking(self, query: np.ndarray, vectors: np.ndarray) -> tuple[list[Row], np.ndarray]:
        """Return the rows of the best k and of marked items, and the rank of each item."""
        scores, asked, right = cosine_similarity(query, vectors), self.query_position, None
        if self.label is not None:
            scores[self.labels != self.label] = -np.inf
        if asked is not None:
            scores[asked] = -np.inf
        ranks = 1 + np.argsort(np.argsort(-scores, kind="stable"))
        # A query that was moved is no item, so there are no pairs to compare it with.
        scale, rows = None if self.marks else self.scale, []
        for i in sorted({*np.flatnonzero(ranks <= self.k).tolist(), *self.marks}, key=ranks.item):
            if asked is not None and self.labels[asked] not in ("", "unlabelled"):
                right = bool(self.labels[i] == self.labels[asked])
            known = {"right": right, "mark": self.marks.get(i, 0)}
            known["percentile"] = None if scale is None else scale.percentile(scores[i])
            rows.append(Row(i, self.catalog[i], int(ranks[i]), float(scores[i]), **known))
        return [row for row in rows if np.isfinite(row.cosine)], ranks

    def columns(self) -> list[tuple[str, list[Row], str]]:
        """Return the best k in one column, and marked items that come later."""
        return [("", self._ranking(self._moved(self.marks), self.vectors)[0], "")]

    def _moved(self, marks: Mapping[int, int]) -> np.ndarray:
        liked, disliked = ([i for i, mark in marks.items() if mark == x] for x in (1, -1))
        return rocchio(self.query_vector, self.vectors[liked], self.vectors[disliked])

    def _mark(self, mark: int, row: Row) -> None:
        """Mark an item, or take back its mark if it has just this one."""
        marks = {**self.marks, row.key: 0 if row.mark == mark else mark}
        marks = {i: given for i, given in marks.items() if given}
        self._moved(marks)  # or says that they leave nothing of the query
        self._step(marks=marks)


class Compare(Gallery):
    """Rankings of one collection beside each other, and what changes from the first to the others.

    Click a card, in any column, to make it the next query of all columns. Cosines of two columns
    cannot be compared; ranks can.

    Introduced in notebook 1.
    """

    verbs = {}

    def __init__(
        self, catalog: Catalog, columns: Mapping, query=0, k=5, heading="", query_vectors=None
    ):
        """Take n items and rankings: name -> vectors of shape (n, d); d may differ.

        `query_vectors` is name -> what to ask with instead of the items' own vectors, for controls.

        Raises:
            ValueError: there is nothing to compare, or vectors and items do not match.
            KeyError: there is no item of that name.
        """
        if len(columns) < 2 or any(len(vectors) != len(catalog) for vectors in columns.values()):
            raise ValueError(f"Give two rankings or more, and {len(catalog)} vectors for each.")
        self.spaces, self.asked = columns, {**columns, **(query_vectors or {})}
        super().__init__(catalog, next(iter(columns.values())), query, k, heading=heading)

    def columns(self) -> list[tuple[str, list[Row], str]]:
        """Return the best k of each ranking, from the second on with how ranks have changed."""
        found, first = [], None
        for name, vectors in self.spaces.items():
            rows, ranks = self._ranking(self.asked[name][self.query_position], np.asarray(vectors))
            if first is None:
                first, original, note = ranks, name, "the ranking to compare with"
            else:
                both = sum(first[row.key] <= self.k for row in rows)
                note = f'{both} of {len(rows)} are also in "{original}"'
                rows = [row._replace(note=self._changed(row.rank, first[row.key])) for row in rows]
            found.append((name, rows, note))
        return found

    def _changed(self, rank: int, before: int) -> str:
        """Return how a rank differs from the one in the first ranking, in words."""
        if before > self.k or before == rank:
            return "same" if before == rank else f"new (was {before})"
        return f"▲ up {before - rank}" if rank < before else f"▼ down {rank - before}"


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
        self.search = search
        super().__init__(query, k, heading, search.items.values())

    def _ask(self, query) -> dict:
        item = self.search.item(query)
        return {"query_item": item, "found": self.search.search(item, k=max(self.k, MOST))}

    def columns(self) -> list[tuple[str, list[Row], str]]:
        """Return the best k answers of each kind."""
        columns = []
        for kind, name in COLUMNS.items():
            rows = []
            for rank, match in enumerate(self.found.get(kind, ())[: self.k], 1):
                hop, item = match.best, match.item
                rows.append(Row(item, item, rank, hop.cosine, hop.percentile, match.short))
            columns.append((name, rows, "" if rows else "nothing found"))
        return columns


class Explore(_Shown):
    """Something to move: controls above a figure, a box or a text that follows them.

    Live, the controls act on release, and what they change is brought up to date in place. Where
    nothing can be moved, it is what the first settings give.

    Introduced in notebook 1.
    """

    def __init__(self, draw: Callable, **controls):
        """Take a function, called as `draw(name=value, ...)`, and what its arguments may be.

        It returns a figure, players, a box or a text; an error of it is said in words. name=[...]
        makes a menu, name=(lowest, highest, step, start) a slider.

        Raises:
            ValueError: a control is neither.
        """
        for name, control in controls.items():
            slides = isinstance(control, tuple) and len(control) == 4
            if not (slides or (control and isinstance(control, list))):
                said = f"{name}: give a list or (low, high, step, start), not {control!r}."
                raise ValueError(said)
        self.draw, self.controls = draw, controls
        self.values = {name: x[3] if isinstance(x, tuple) else x[0] for name, x in controls.items()}
        self.result = draw(**self.values)

    def picture(self):
        """Return what is shown where nothing can be moved."""
        return self.result

    def _build(self):
        import ipywidgets as w

        made, self._text, self._place = [], w.HTML(), w.VBox()
        for name, control in self.controls.items():
            said, style = name.replace("_", " "), {"description_width": "initial"}
            if isinstance(control, tuple):
                made.append(slider(said, *control))
            else:
                made.append(w.Dropdown(options=control, description=said, style=style))
            made[-1].observe(partial(self._move, name), "value")
        parts = [w.HTML(STYLE), _styled(w.HBox(made), "cg-head"), self._place]
        return _styled(w.VBox(parts), "cg-root")

    def _move(self, name: str, change) -> None:
        self.values[name] = change["new"]
        try:
            self.result = self.draw(**self.values)
        except Exception as error:
            self.result = _words(error)
        self._show()

    def _show(self) -> None:
        if isinstance(self.result, Box):
            self._place.children = [self.result.widget()]
            return
        text = f"<pre>{html.escape(str(self.result))}</pre>"
        shown = text if isinstance(self.result, str) else self.result.html()
        self._text.value = f'<div class="cg-result" role="status">{shown}</div>'
        self._place.children = [self._text]
