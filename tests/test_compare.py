"""Rankings beside each other, without a browser: ranks by hand, three layers, clicks, odd input."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from course_utils.catalog import Catalog
from course_utils.compare import Compare

NASTY = "<script>alert(1)</script> & $x$"
TABLE = """\
Query: 0 (all)

near: the ranking to compare with
rank  cosine  item
   1    0.98  1 (all)
   2    0.92  2 (all)
   3    0.83  3 (all)

far: 2 of 3 are also in "near"
rank  cosine  item
   1    0.98  4 (all), new (was 4)
   2    0.92  2 (all), same
   3    0.83  1 (all), down 2"""


def circle(*steps) -> np.ndarray:
    """Return vectors at so many sixteenths of a half circle."""
    angles = np.array(steps) * np.pi / 16
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "all").mkdir()
    for i in range(6):
        Image.new("RGB", (40, 30), (40 * i, 60, 200)).save(tmp_path / "all" / f"{i}.png")
    return Catalog.from_folder(tmp_path)


@pytest.fixture
def columns():
    return {"near": circle(0, 1, 2, 3, 4, 5), "far": circle(0, 3, 2, 4, 1, 5)}


def names(box, column: str) -> list[str]:
    return [box.catalog[place.position].name for place in box.rankings()[column]]


def test_the_table_says_how_ranks_changed(catalog, columns):
    assert repr(Compare(catalog, columns, "0", k=3)) == TABLE


def test_changes_by_hand(catalog, columns):
    box = Compare(catalog, columns, "0", k=5)
    first, second = box.rankings().values()
    assert [place.change for place in first] == [""] * 5
    assert [place.change for place in second] == ["up 3", "same", "down 2", "down 1", "same"]
    assert [place.cosine for place in second] == pytest.approx(np.cos(np.arange(1, 6) * np.pi / 16))


def test_encoders_may_differ_in_their_dimensions_and_three_are_possible(catalog, columns):
    wide = np.hstack([columns["near"], np.zeros((6, 3))])
    box = Compare(catalog, columns | {"wide": wide}, k=2)
    assert names(box, "wide") == names(box, "near")
    box.widget()
    assert "near, far and wide" in box.said.value and len(box.cards) == 3
    assert "wide: 2 of 2" in repr(box)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"columns": {}}, ValueError, "0 rankings"),
        ({"columns": {"one": circle(0, 1, 2, 3, 4, 5)}}, ValueError, "two or three"),
        ({"columns": {"a": circle(0), "b": circle(0)}}, ValueError, "6 items and 1 vectors of 'a'"),
        ({"k": 0}, ValueError, "1 to 8"),
        ({"k": 9}, ValueError, "1 to 8"),
        ({"query": "nobody"}, KeyError, "nobody"),
        ({"query": 6}, KeyError, "no item 6"),
    ],
)
def test_what_cannot_be_compared_is_said(catalog, columns, change, error, words):
    with pytest.raises(error, match=words):
        Compare(**({"catalog": catalog, "columns": columns} | change))
    with pytest.raises(ValueError, match="1 items"):
        Compare(catalog[:1], {name: x[:1] for name, x in columns.items()})


def test_headless_there_is_a_picture_and_no_widget(catalog, columns, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    box = Compare(catalog, columns, "0", k=3, heading="A heading")
    bundle, metadata = box._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"} and box._widget is None
    assert bundle["text/plain"] == TABLE
    assert (
        metadata["image/jpeg"]["alt"] == "Query: 0. near: 1. 1, 2. 2, 3. 3. far: 1. 4, 2. 2, 3. 1."
    )
    assert Image.open(io.BytesIO(box.picture().data)).width > 400


def test_one_query_drives_all_columns(catalog, columns, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    box = Compare(catalog, columns, "0", k=3)
    bundle, _ = box._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == box.widget().model_id
    assert "&#10010; new (was 4)" in box.cards["far"][0][1].value
    assert "&#9660; down 2" in box.cards["far"][2][1].value
    assert "2 of 3 are also in &quot;near&quot;" in box.headings["far"].value
    cards = [id(card) for column in box.cards.values() for card, _, _ in column]
    box.cards["far"][0][2].click()
    assert box.query_item.name == "4" and box.picker.value == box.position
    assert names(box, "near")[0] in "35" and "4" not in names(box, "far")
    box.picker.value = box.catalog.find("2")
    box.count.value = 5
    assert sum(card.layout.display != "none" for card, _, _ in box.cards["near"]) == 5
    box.back.click()
    assert box.query_item.name == "4"
    box.back.click()
    box.back.click()  # nothing left to go back to
    assert box.query_item.name == "0" and box.back.disabled
    assert cards == [id(card) for column in box.cards.values() for card, _, _ in column]
    assert "cg-large" not in box.widget()._dom_classes
    box.bigger.value = True
    assert "cg-large" in box.widget()._dom_classes


def test_names_cannot_inject_html(catalog, columns):
    box = Compare(catalog, {NASTY: columns["near"], "b" + NASTY: columns["far"]}, heading=NASTY)
    box.widget()
    shown = [x.value for x in box.headings.values()]
    shown += [content.value for column in box.cards.values() for _, content, _ in column]
    assert "<script" not in "".join([*shown, box.said.value, box.query_html.value])
    assert re.search("&lt;script&gt;", shown[0]) and box.picture().data
