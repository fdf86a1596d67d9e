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
from functools import lru_cache
from pathlib import Path

from PIL import Image

from course_utils import hear, watch
from course_utils.catalog import Item
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


def status_html(words: str, wrong: bool = False) -> str:
    """Return a line that screen readers read out when it changes."""
    mark = "&#9888; " if wrong else ""
    return f'<div class="cg-said" role="status">{mark}{html.escape(words)}</div>'


def title(item: Item) -> str:
    """Name an item in a line; a sound by its name and transcript, for many say the same."""
    if item.kind == "audio" and item.caption != item.name:
        return f"{item.name}: {item.caption}"
    return item.caption or item.name
