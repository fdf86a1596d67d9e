"""Cards that show an item, and what all boxes of cards have in common.

A box of cards shows itself in three layers: ipywidgets (version 7 or 8) in a live notebook, a
picture where there is no kernel behind it (GitHub, nbconvert, slides, print), and in a terminal a
table.
"""

from __future__ import annotations

import base64
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils import hear, watch
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError, check_file, jpeg_bytes, read_image
from course_utils.plots import Picture, label_color
from course_utils.session import is_live

THUMBNAIL = 176  # pixels

CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
# ipywidgets gives a slider's handle no name, and Notebook 7 takes its arrow keys for the cells.
_NAME_SLIDERS = """
const name = () => document.querySelectorAll('.cg-root .widget-slider').forEach(slider => {
    const words = slider.querySelector('.widget-label')?.textContent || 'How many';
    slider.querySelectorAll('[role=slider], .ui-slider-handle, .widget-readout').forEach(part => {
        if (part.matches('.widget-readout')) part.setAttribute('role', 'textbox');
        part.setAttribute('aria-label', words);
        part.dataset.lmSuppressShortcuts = 'true';
    });
});
name();
setTimeout(name, 1000);
"""
STYLE = f'<style onload="{" ".join(_NAME_SLIDERS.split())}">{CSS}</style>'


class Box(ABC):
    """What shows itself in three layers."""

    _widget = None
    large = False  # whether its cards can be read from the back of a room

    @abstractmethod
    def text(self) -> str:
        """Return what is shown as a table in words."""

    @abstractmethod
    def picture(self) -> Picture:
        """Return what is shown as a picture."""

    @abstractmethod
    def _build(self):
        """Return what is shown as a new ipywidget."""

    def widget(self):
        """Return what is shown as an ipywidget, made once."""
        if self._widget is None:
            self._widget = self._build()
        return self._widget

    def _root(self, w, head, body, *classes: str):
        """Return the whole box: the style, the heading, what is asked and what is found."""
        heading = w.HTML(f"<b>{html.escape(self.heading)}</b>" if self.heading else "")
        heading.add_class("cg-heading")
        head.add_class("cg-head")
        root = w.VBox([w.HTML(STYLE), heading, head, body])
        for name in ("cg-root", *classes, *(["cg-large"] if self.large else [])):
            root.add_class(name)

        def resize(change) -> None:
            self.large = change["new"]
            (root.add_class if self.large else root.remove_class)("cg-large")

        self.bigger.observe(resize, "value")
        return root

    def _buttons(self, w) -> None:
        """Make the buttons that all boxes have, and the line that says what happened."""
        auto = w.Layout(width="auto")
        self.back = w.Button(
            description="Back", icon="arrow-left", disabled=True, tooltip="The query before this",
            layout=auto,
        )  # fmt: skip
        self.bigger = w.ToggleButton(
            value=self.large, description="Large", icon="search-plus",
            tooltip="Large enough for the back of a room", layout=auto,
        )  # fmt: skip
        self.said = w.HTML()

    def _say(self, words: str, wrong: bool = False) -> None:
        self.said.value = status_html(words, wrong)

    def _wrong(self, words: str) -> None:
        self._say(words, wrong=True)

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = self.picture()._repr_mimebundle_()
        if is_live():
            widget = self.widget()
            data.pop("text/html", None)
            data["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": widget.model_id,
            }
        return data, metadata

    def __repr__(self) -> str:
        return self.text()


@lru_cache(maxsize=2000)
def _thumbnail(path: Path, kind: str, changed: int) -> bytes:
    if kind == "audio":
        return jpeg_bytes(hear.thumbnail(path, THUMBNAIL), THUMBNAIL)
    if kind == "video":
        return jpeg_bytes(watch.four_frames(path, 2 * THUMBNAIL), 2 * THUMBNAIL)
    return jpeg_bytes(read_image(path, draft_side=THUMBNAIL), THUMBNAIL)


def thumbnail(path: Path, kind: str = "image") -> bytes:
    """Return a small JPEG: of a picture, of four moments of a video, or of a sound's spectrogram.

    It is made once for as long as the file stays the same.

    Raises:
        MediaError: the file is unusable.
    """
    return _thumbnail(path, kind, check_file(path).stat().st_mtime_ns)


def small_picture(item: Item) -> Image.Image:
    """Return a thumbnail as a picture, or a grey square for a file that has become unusable."""
    try:
        return Image.open(io.BytesIO(thumbnail(item.path, item.kind)))
    except (MediaError, OSError):
        return Image.new("RGB", (THUMBNAIL, THUMBNAIL), "#BBBBBB")


@lru_cache(maxsize=200)
def _player(path: Path, kind: str, name: str, alt: str, changed: int) -> str:
    return watch.video_tag(path, name, alt) if kind == "video" else hear.audio_tag(path, name)


def media_html(item: Item) -> str:
    """Return a picture, a film's player, or a sound's spectrogram and player as HTML.

    For a file that has become unusable, it is what is wrong with it, in words.
    """
    try:
        shown = ""
        if item.kind != "video":
            source = base64.b64encode(thumbnail(item.path, item.kind)).decode()
            alt = html.escape(item.alt or item.name)
            shown = f'<img src="data:image/jpeg;base64,{source}" alt="{alt}">'
        if item.kind == "audio":
            shown = shown.replace("<img ", '<img class="cg-sound" ')
        if item.kind != "image":
            changed = check_file(item.path).stat().st_mtime_ns
            shown += _player(item.path, item.kind, title(item), item.alt, changed)
        return shown
    except MediaError as error:
        return html.escape(str(error))


def card_html(item: Item, rank: str, below: str = "") -> str:
    """Return a card: the medium, the rank and label, the title, and what stands below it."""
    return (
        f'<figure><div class="cg-media">{media_html(item)}</div><figcaption><div class="cg-label">'
        f'<span class="cg-dot" style="background:{label_color(item.label)}"></span>'
        f"{rank} {html.escape(item.label)}</div>"
        f'<div class="cg-name">{html.escape(title(item))}</div>{below}</figcaption></figure>'
    )


def bar_html(item: Item, cosine: float, note: str = "") -> str:
    """Return a cosine as a bar in the colour of an item's label and in words."""
    return (
        f'<div class="cg-bar"><div style="width:{100 * max(0.0, cosine):.0f}%;'
        f'background:{label_color(item.label)}"></div></div>'
        f'<div class="cg-score">cosine {cosine:.2f}{note}</div>'
    )


def card_widget(w):
    """Return a card, its content and the button that covers it, made of ipywidgets `w`."""
    content = w.HTML()
    button = w.Button(description="Use as query")
    button.add_class("cg-hit")
    card = w.Box([content, button])
    card.add_class("cg-card")
    return card, content, button


def mark_widget(w, layout, style):
    """Return a row of the two buttons `more` and `less` like this, and the buttons.

    Args:
        w: ipywidgets.
        layout: how the buttons are laid out; one for all cards, for each would cost time.
        style: what they look like, likewise.
    """
    more, less = (w.Button(layout=layout, style=style) for _ in range(2))
    row = w.HBox([more, less])
    row.add_class("cg-marks")
    return row, more, less


def mark_html(mark: int) -> str:
    """Return what stands on a card that was liked (1), disliked (-1) or not marked (0)."""
    if not mark:
        return ""
    name, words = ("liked", "+ liked") if mark > 0 else ("disliked", "&minus; disliked")
    return f'<div class="cg-mark cg-{name}">{words}</div>'


def columns_widget(w, names: Iterable[str], most: int, clicked: Callable[[str, int], None]):
    """Return columns of cards beside each other, made of ipywidgets `w`.

    Args:
        w: ipywidgets.
        names: what each column is called in the dictionaries that are returned.
        most: how many cards a column has.
        clicked: is called with a column's name and the number of the card that was clicked.

    Returns:
        The columns in a box, and dictionaries of their headings and of their cards.
    """
    headings = {name: w.HTML() for name in names}
    cards = {name: [card_widget(w) for _ in range(most)] for name in headings}
    columns = []
    for name, mine in cards.items():
        for slot, (card, _, button) in enumerate(mine):
            card.add_class("cg-row")
            button.on_click(lambda _, name=name, slot=slot: clicked(name, slot))
        column = w.VBox([headings[name], *(card for card, _, _ in mine)])
        column.add_class("cg-column")
        columns.append(column)
    body = w.Box(columns)
    body.add_class("cg-columns")
    return body, headings, cards


def column_html(name: str, note: str = "") -> str:
    """Return a column's heading, with a note below it."""
    note = note and f'<div class="cg-score">{html.escape(note)}</div>'
    name = html.escape(name)
    return f'<div class="cg-column-name" role="heading" aria-level="3">{name}</div>{note}'


def fill(cards, shown: Sequence[tuple[Item, str, str, str]]) -> None:
    """Bring cards up to date, in place; those that are not needed are hidden.

    Args:
        cards: what `card_widget` returned.
        shown: of each card the item, its rank, what stands below it (HTML), and the tooltip.
    """
    for slot, (card, content, button) in enumerate(cards):
        card.layout.display = None if slot < len(shown) else "none"
        if slot < len(shown):
            item, rank, below, tooltip = shown[slot]
            content.value = card_html(item, rank, below)
            button.description = f"Use {item.name} as query"
            button.tooltip = tooltip


def status_html(words: str, wrong: bool = False) -> str:
    """Return a line that screen readers read out when it changes."""
    mark = "&#9888; " if wrong else ""
    return f'<div class="cg-said" role="status">{mark}{html.escape(words)}</div>'


def position_of(catalog: Catalog, item: int | str | Path) -> int:
    """Return the position of an item, given by its position or name.

    Raises:
        KeyError: there is no such item.
    """
    if not isinstance(item, (int, np.integer)):
        return catalog.find(str(item))
    if not -len(catalog) <= item < len(catalog):
        raise KeyError(f"There is no item {item}; there are {len(catalog)}.")
    return int(item) % len(catalog)


def offered(item: Item) -> str:
    """Name an item where one of many is chosen."""
    return f"{item.name}: {item.caption}" if item.caption != item.name else item.name


def title(item: Item) -> str:
    """Name an item in a line; a sound by its name and transcript, for many say the same."""
    if item.kind == "audio" and item.caption != item.name:
        return f"{item.name}: {item.caption}"
    return item.caption or item.name
