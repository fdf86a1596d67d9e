"""The search box without a browser: three layers, clicks, typed names and paths, odd names."""

import base64
import dataclasses
import html
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from films import numbered, write
from PIL import Image
from test_uploads import arrive

from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError
from course_utils.searchbox import COLUMNS, SearchBox
from course_utils.spaces import StoreError
from course_utils.unified import UnifiedSearch

NASTY = "<script>alert(1)</script> \"q\" 'p' & $x$"
# Where each item points, in degrees. A film has a movement, key frames and a soundtrack.
ANGLES = {
    "image": {"sea": 0, "lake": 10, "cup": 60, "mine": 50},
    "video": {"waves": 0, "swing": 50, "rain": 20},
    "audio": {"surf": 2, "drip": 25, "bell": 80, "waves": 0, "swing": 70, "rain": 30},
}
LABELS = {"sea": "water", "lake": "water", "waves": "water", "rain": "water", "surf": "waves"}

TABLE = """\
Query: lake (water), a picture

Pictures
rank  item: how it was found, cosine
   1  sea (water): looks alike 0.98
   2  cup (thing): looks alike 0.64

Films
rank  item: how it was found, cosine
   1  waves (water): looks alike 1.00
   2  swing (thing): looks alike 0.99

Sounds
rank  item: how it was found, cosine
   1  surf (waves): via waves: sounds alike 1.00
   2  drip (thing): via waves: sounds alike 0.91"""


class Angles:
    """An encoder that knows where files point by their names, and works at once."""

    batch_size = 8

    def __init__(self, space: str):
        self.space, self.name, self.dim = space, f"angles-{space}", 2
        self.fingerprint = f"angles{space}"

    def encode(self, paths, problems=None):
        names = [Path(path).name.split(".")[0] for path in paths]
        return pointing([ANGLES[self.space].get(name, 45) for name in names])

    def encode_frames(self, frames):
        """Films differ in how far their red half is rolled up, by 10 rows each."""
        top = frames[:, :30, 5].astype(int)
        rows = (top[..., 0] - top[..., 1] > 120).sum(axis=1)
        return pointing(7 + 11 * np.round(rows / 10))


def pointing(degrees) -> np.ndarray:
    angles = np.deg2rad(np.asarray(degrees, float))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.fixture
def media(tmp_path):
    """Three pictures, three films and three sounds of one second."""
    items = []
    folder = tmp_path / "media"
    folder.mkdir()
    for i, name in enumerate(("sea", "lake", "cup")):
        path = folder / f"{name}.png"
        Image.new("RGB", (40, 30), (80 * i, 90, 200)).save(path)
        items.append(_item(path, "image"))
    for i, name in enumerate(("waves", "swing", "rain")):
        frames = np.roll(numbered(16), 10 * i, axis=1)
        items.append(_item(write(folder / f"{name}.mp4", frames), "video"))
    for i, name in enumerate(("surf", "drip", "bell")):
        path = folder / f"{name}.wav"
        soundfile.write(path, np.sin(np.arange(16000) * (0.05 + 0.1 * i)) / 3, 16000)
        items.append(_item(path, "audio"))
    return Catalog(items)


def _item(path: Path, kind: str) -> Item:
    name = path.stem
    label = LABELS.get(name, "thing")
    return Item(path, kind, label, source=name, caption=f"The {name}", alt=f"Here is the {name}.")


@pytest.fixture
def search(media, tmp_path):
    found = UnifiedSearch([EmbeddingCache(Angles(space), tmp_path / "cache") for space in COLUMNS])
    found.add(media)
    return found


def shown(box) -> dict[str, list[str]]:
    return {
        kind: [
            re.search(r'class="cg-name">(.*?)<', content.value).group(1)
            for card, content, _ in cards
            if card.layout.display != "none"
        ]
        for kind, cards in box.cards.items()
    }


def everything(box) -> str:
    contents = [content.value for cards in box.cards.values() for _, content, _ in cards]
    return "".join([box.query_html.value, box.said.value, *contents])


def test_answers_are_those_of_the_search(search):
    box = SearchBox(search, "sea", k=2)
    assert box.answers() == search.search("sea", k=2)
    box.widget()
    names = {kind: [x.item.caption for x in found] for kind, found in box.answers().items()}
    assert {kind: [name.split(": ")[-1] for name in x] for kind, x in shown(box).items()} == names


def test_the_table_says_how_each_was_found(search):
    assert repr(SearchBox(search, "lake", k=2)) == TABLE


def test_headless_there_is_a_picture_and_no_widget(search, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    box = SearchBox(search, "waves", k=2, heading="A heading")
    bundle, metadata = box._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"}
    assert bundle["text/plain"] == box.text() and box._widget is None
    alt = metadata["image/jpeg"]["alt"]
    assert alt.startswith("Query: The waves. Pictures: 1. The ")
    assert "Films: 1. The " in alt and "Sounds: 1. surf" in alt
    again = SearchBox(search, "waves", k=2, heading="A heading")._repr_mimebundle_()[0]
    assert json.dumps(again) == json.dumps(bundle)  # stored outputs stay the same
    assert " ms" not in box.text() + alt
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/jpeg"]))).width > 700


def test_live_there_is_a_widget_too(search, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    box = SearchBox(search, "sea")
    bundle, _ = box._repr_mimebundle_()
    view = bundle.pop("application/vnd.jupyter.widget-view+json")
    assert view["model_id"] == box.widget().model_id
    assert set(bundle) == {"image/jpeg", "text/plain"}
    assert re.search(r'role="status">.* for &quot;The sea&quot;, found in \d+ ms<', box.said.value)


def test_a_card_becomes_the_query_and_back_returns(search):
    box = SearchBox(search, "sea", k=2)
    box.widget()
    assert box.back.disabled
    cards = [id(card) for cards in box.cards.values() for card, _, _ in cards]
    first = box.answers()["video"][0].item
    box.cards["video"][0][2].click()
    assert box.query_item == first and "<video " in box.query_html.value
    box.cards["audio"][1][2].click()
    assert box.query_item.kind == "audio" and "<audio " in box.query_html.value
    box.back.click()
    assert box.query_item == first
    box.back.click()
    assert box.query_item.name == "sea" and box.back.disabled
    box.back.click()  # nothing left to go back to
    assert box.query_item.name == "sea"
    assert cards == [id(card) for cards in box.cards.values() for card, _, _ in cards]


def test_names_suggestions_and_paths_can_be_typed(search, tmp_path):
    box = SearchBox(search, "sea", k=2)
    box.widget()
    box.field.value = "swing"
    assert box.query_item.kind == "video" and box.field.value == ""
    assert "drip: The drip" in box.field.options
    box.field.value = "drip: The drip"
    assert box.query_item.name == "drip"
    Image.new("RGB", (9, 9), (0, 0, 255)).save(tmp_path / "mine.png")
    box.field.value = f'"{tmp_path / "mine.png"}"'  # as copied from a file manager
    assert box.query_item.label == "yours" and box.answers()["image"][0].item.name == "cup"
    box.back.click()
    assert box.query_item.name == "drip"


def test_files_of_all_kinds_can_be_uploaded(search, media, tmp_path):
    box = SearchBox(search, "sea", k=2)
    box.widget()
    for item in (media.items[1], media.items[4], media.items[8]):
        arrive(box.upload, f"my {item.path.name}", item.path.read_bytes())
        assert box.query_item.label == "yours" and box.query_item.kind == item.kind
        assert f"my {item.path.name}" in box.query_html.value and not box.upload.value
    before = box.query_item
    arrive(box.upload, "words.png", b"words")
    assert "&#x27;words.png&#x27; is not a picture" in box.said.value and box.query_item == before
    for _ in range(3):
        box.back.click()
    assert box.query_item.name == "sea" and box.back.disabled


def test_large_is_a_class_of_the_whole_box_and_leaves_the_text(search):
    box = SearchBox(search, "lake", k=2, large=True)
    assert "cg-large" in box.widget()._dom_classes and repr(box) == TABLE
    box.bigger.value = False
    assert "cg-large" not in box.widget()._dom_classes


def test_percentages_are_not_rounded_to_all(search):
    box = SearchBox(search, "sea", k=1)
    answer = box.found["image"][0]
    for percentile, words in ((99.7, "above 99 %"), (100.0, "above all pairs")):
        step = dataclasses.replace(answer.best, percentile=percentile)
        box.found["image"][0] = dataclasses.replace(answer, paths=((step,),))
        assert words in str(step)
        box.widget()
        box._show()
        shown = box.cards["image"][0][1].value
        assert shown.count(words) == 3 and "100 %)" not in shown


def test_what_cannot_be_searched_for_is_said_and_the_query_stays(search, tmp_path, monkeypatch):
    box = SearchBox(search, "sea", k=2)
    box.widget()
    before = shown(box)
    box.field.value = "surfing <script>"
    assert "does not exist" in box.said.value and "<script>" not in box.said.value
    box.field.value = "surf"  # no, this is an item
    box.back.click()
    box.field.value = "ear"
    assert "Did you mean" not in box.said.value
    box.field.value = "SEA"
    assert html.unescape(box.said.value).endswith("Did you mean sea?</div>")
    (tmp_path / "text.jpg").write_text("no picture")
    box.field.value = str(tmp_path / "text.jpg")
    assert "not a picture" in box.said.value and 'role="status"' in box.said.value
    box.field.value = f"{tmp_path}/\0"
    assert "&#9888;" in box.said.value
    for error in (StoreError("The database is gone."), KeyError("No such thing.")):
        monkeypatch.setattr(search, "search", lambda *_, error=error, **__: throw(error))
        box.cards["audio"][0][2].click()
        assert f"&#9888; {error.args[0]}" in box.said.value
    assert box.query_item.name == "sea" and shown(box) == before and box.back.disabled


def throw(error):
    raise error


def test_first_queries_that_cannot_be_are_said(search, tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        SearchBox(search, "nobody")
    for k in (0, 7):
        with pytest.raises(ValueError, match="1 to 6"):
            SearchBox(search, "sea", k=k)
    empty = UnifiedSearch([EmbeddingCache(Angles(x), tmp_path / "none") for x in COLUMNS])
    with pytest.raises(StoreError, match="add a catalog"):
        SearchBox(empty, next(iter(search.items.values())))


def test_slider_and_kinds_of_suggestions(search):
    box = SearchBox(search, "sea", k=1)
    box.widget()
    assert [len(names) for names in shown(box).values()] == [1, 1, 1]
    box.count.value = 6
    assert [len(names) for names in shown(box).values()] == [2, 3, 3]
    assert "2 pictures, 3 films and 3 sounds" in box.said.value
    assert len(box.field.options) == 9
    box.only.value = "video"
    assert box.field.options == ("waves: The waves", "swing: The swing", "rain: The rain")
    box.only.value = ""
    assert len(box.field.options) == 9


def test_items_of_the_same_name_can_be_told_apart(search, tmp_path):
    (tmp_path / "other").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "other" / "sea.png")
    search.add([_item(tmp_path / "other" / "sea.png", "image")])
    box = SearchBox(search, "lake")
    box.widget()
    (text,) = [text for text in box.field.options if "other" in text]
    box.field.value = text
    assert box.query_item.path == tmp_path / "other" / "sea.png"


def test_everything_plays_and_says_how_it_was_found(search):
    box = SearchBox(search, "sea", k=2)
    box.widget()
    for kind, tag in (("image", "<img "), ("video", "<video "), ("audio", "<audio ")):
        for slot in range(2):
            _, content, button = box.cards[kind][slot]
            assert content.value.count(tag) == 1
            assert f"{slot + 1}. " in content.value
            found = box.answers()[kind][slot]
            assert html.escape(found.short) in content.value
            assert found.path == button.tooltip
            assert f"cosine {found.best.cosine:.2f}" in content.value
            assert button.description == f"Use {found.item.name} as query"
    assert 'alt="Here is the lake."' in everything(box)
    assert re.search(r"via (waves|swing|rain): sounds alike", box.cards["audio"][0][1].value)
    assert re.search(r"<li>waves looks alike at 0\.5 s .*and with it", everything(box))


def test_a_kind_without_answers_says_so(media, search):
    search.remove(media.select(kind="video"))
    box = SearchBox(search, "sea")
    box.widget()
    assert "nothing found" in box.headings["video"].value
    assert "1 " not in box.headings["image"].value and "no films and no sounds" in box.said.value
    assert "nothing found" in box.text() and "Films: none" in box.picture().alt


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not allow such names")
def test_names_labels_and_captions_cannot_inject_html(search, tmp_path):
    safe = NASTY.replace("/", "|")
    Image.new("RGB", (9, 9)).save(tmp_path / f"{safe}.png")
    film = write(tmp_path / f"{safe}.mp4", numbered(8))
    search.add([
        Item(tmp_path / f"{safe}.png", "image", NASTY, source="p", caption=NASTY, alt=NASTY),
        Item(film, "video", NASTY, source="f", caption=NASTY, alt=NASTY),
    ])  # fmt: skip
    box = SearchBox(search, tmp_path / f"{safe}.png", k=6, heading=NASTY)
    box.widget()
    assert "&lt;script&gt;" in everything(box) and "<script" not in everything(box)
    box.field.value = NASTY
    assert "<script" not in box.said.value
    box.cards["audio"][0][2].click()
    assert "<script" not in everything(box)
    assert box.picture().data  # odd names can be drawn, too


def test_a_file_that_vanishes_leaves_the_box_standing(search, media):
    box = SearchBox(search, "sea", k=3)
    media.items[1].path.unlink()
    media.items[3].path.unlink()
    box.widget()
    assert "does not exist" in everything(box) and box.picture().data
