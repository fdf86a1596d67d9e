"""The gallery without a browser: ranking, widgets, the three layers, odd names, errors in words."""

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from test_uploads import arrive

from course_utils import plots
from course_utils.catalog import Catalog
from course_utils.evidence import Thermometer, above
from course_utils.gallery import Gallery
from course_utils.media import MediaError, read_image
from course_utils.search import rocchio

NASTY = "<img src=x onerror=alert(1)> \"q\" 'p' & $x$"


@pytest.fixture
def collection(tmp_path):
    """Eight small pictures in two folders, with vectors on a quarter circle."""
    for i in range(8):
        folder = tmp_path / ("warm" if i < 4 else "cold")
        folder.mkdir(exist_ok=True)
        color = (250 - 20 * i, 60, 20 * i)
        Image.new("RGB", (40, 30), color).save(folder / f"{i}.png")
    catalog = Catalog.from_folder(tmp_path)
    angles = np.array([int(item.name) for item in catalog]) * np.pi / 16
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return catalog, vectors


class Colors:
    """An encoder that works at once: hue as an angle."""

    def encode(self, paths):
        pixels = [np.asarray(read_image(path), dtype=float).mean(axis=(0, 1)) for path in paths]
        vectors = np.array([[p[0], p[2]] for p in pixels])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def names(gallery) -> list[str]:
    return [gallery.catalog[position].name for position, _ in gallery.ranking()]


def visible(gallery) -> int:
    return sum(card.layout.display != "none" for card, _, _ in gallery.cards)


def test_ranking_leaves_the_query_out_and_sorts_by_cosine(collection):
    gallery = Gallery(*collection, "0", k=3)
    assert names(gallery) == ["1", "2", "3"]
    scores = [score for _, score in gallery.ranking()]
    assert scores == pytest.approx(np.cos(np.arange(1, 4) * np.pi / 16))


def test_k_larger_than_the_collection_gives_all(collection):
    assert len(Gallery(*collection, "0", k=99).ranking()) == 7


@pytest.mark.parametrize("bad", [99, -99, "nobody"])
def test_unknown_query_is_said_in_words(collection, bad):
    with pytest.raises(KeyError, match="no item|No item"):
        Gallery(*collection, bad)


def test_empty_and_mismatched_collections_are_said_in_words(collection):
    catalog, vectors = collection
    with pytest.raises(ValueError, match="empty"):
        Gallery(Catalog([]), vectors[:0])
    with pytest.raises(ValueError, match="8 items and 7 vectors"):
        Gallery(catalog, vectors[:7])


def test_a_file_of_ones_own_can_be_the_query(collection, tmp_path):
    Image.new("RGB", (9, 9), (250, 60, 0)).save(tmp_path / "mine.png")
    gallery = Gallery(*collection, str(tmp_path / "mine.png"), k=8, encoder=Colors())
    assert len(gallery.ranking()) == 8
    with pytest.raises(MediaError, match="not exist"):
        Gallery(*collection, str(tmp_path / "none.png"), encoder=Colors())


def test_text_and_picture_hold_every_rank_and_score(collection):
    gallery = Gallery(*collection, "0", k=5)
    text = repr(gallery)
    assert re.findall(r"^ +(\d)  +(\d\.\d\d)  (\d) \((\w+)\)", text, re.M)[0] == (
        "1", "0.98", "1", "warm",
    )  # fmt: skip
    bundle, metadata = gallery._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"}
    assert bundle["text/plain"] == text and gallery._widget is None
    assert "5. " in metadata["image/jpeg"]["alt"]
    assert Image.open(io.BytesIO(gallery.picture().data)).width > 500


def test_live_bundle_adds_a_widget(collection, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    gallery = Gallery(*collection, "0")
    bundle, _ = gallery._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == gallery.widget().model_id
    assert set(bundle) == {
        "image/jpeg", "text/plain", "application/vnd.jupyter.widget-view+json",
    }  # fmt: skip


def test_clicks_change_the_query_and_back_returns(collection):
    gallery = Gallery(*collection, "0", k=3)
    gallery.widget()
    assert gallery.back.disabled
    gallery.cards[1][2].click()  # second card: item 2
    assert gallery.query_item.name == "2"
    assert gallery.picker.value == gallery.catalog.find("2")
    gallery.picker.value = gallery.catalog.find("7")
    assert gallery.query_item.name == "7" and "Query" in gallery.query_html.value
    gallery.back.click()
    assert gallery.query_item.name == "2"
    gallery.back.click()
    assert gallery.query_item.name == "0" and gallery.back.disabled
    gallery.back.click()  # nothing left to go back to
    assert gallery.query_item.name == "0"


def test_slider_and_filter_narrow_the_cards(collection):
    gallery = Gallery(*collection, "0", k=3)
    gallery.widget()
    gallery.count.value = 6
    assert visible(gallery) == 6
    gallery.only.value = "cold"
    assert names(gallery) == ["4", "5", "6", "7"] and visible(gallery) == 4
    gallery.only.value = ""
    assert visible(gallery) == 6


def test_a_bad_file_keeps_the_query_and_says_why(collection, tmp_path):
    gallery = Gallery(*collection, "0", k=3, encoder=Colors())
    gallery.widget()
    (tmp_path / "text.jpg").write_text("no picture")
    gallery.file.value = str(tmp_path / "text.jpg")
    assert "not a picture" in gallery.said.value and gallery.query_item.name == "0"
    Image.new("RGB", (9, 9), (0, 0, 255)).save(tmp_path / "mine.png")
    gallery.file.value = f'"{tmp_path / "mine.png"}"'  # as copied from a file manager
    assert gallery.query_item.label == "yours" and gallery.picker.value == -1
    gallery.back.click()
    assert gallery.query_item.name == "0"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not allow such names")
def test_names_and_labels_cannot_inject_html(tmp_path):
    folder = tmp_path / "<b onmouseover=alert(2)>"
    folder.mkdir()
    for name in (NASTY, "plain", "emoji \U0001f58a"):
        Image.new("RGB", (9, 9), "red").save(folder / f"{name}.png")
    catalog = Catalog.from_folder(tmp_path)
    gallery = Gallery(catalog, np.eye(3) + 1, NASTY, k=2)
    gallery.heading = NASTY
    gallery.widget()
    html = gallery.query_html.value + "".join(card[1].value for card in gallery.cards)
    html += gallery.said.value
    assert "<img src=x" not in html and "<b onmouseover" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert gallery.picture().data  # odd names can be drawn, too


def test_percentile_is_shown_when_asked_for(collection):
    catalog, vectors = collection
    gallery = Gallery(catalog, vectors, "0", k=1, scale=Thermometer(vectors))
    gallery.widget()
    assert re.search(r"cosine 0\.98<br>above \d+ %", gallery.cards[0][1].value)


TEXT = """\
Query: 0 (warm)
rank  cosine  item
   1    0.98  1 (warm){}
   2    0.92  2 (warm){}
   3    0.83  3 (warm){}"""


def test_stored_text_is_what_it_always_was(collection):
    """Notebooks are stored with it and compared."""
    assert repr(Gallery(*collection, "0", k=3)) == TEXT.format("", "", "")
    assert repr(Gallery(*collection, "0", k=3, large=True)) == TEXT.format("", "", "")
    scaled = Gallery(*collection, "0", k=3, scale=Thermometer.of(np.linspace(0.5, 0.982, 300)))
    scaled.widget()
    assert repr(scaled) == TEXT.format(", above 99 %", ", above 88 %", ", above 69 %")
    assert "above 99 %" in scaled.cards[0][1].value


def test_above_all_pairs_only_if_above_all():
    said = {0: "above 0 %", 41.6: "above 42 %", 99.4: "above 99 %", 99.6: "above 99 %"}
    assert {value: above(value) for value in said} == said
    assert above(100.0) == "above all pairs"


# ---- more like this, less like this ----


def press(gallery, name: str, less: bool = False) -> None:
    """Press one of the two buttons on an item's card."""
    slot = gallery._shown.index(gallery.catalog.find(name))
    gallery.marking[slot][2 if less else 1].click()


def marked(gallery) -> dict[str, str]:
    found = {}
    for slot, position in enumerate(gallery._shown):
        mark = re.search(r"cg-mark[^>]*>(.*?)<", gallery.cards[slot][1].value)
        if mark:
            found[gallery.catalog[position].name] = mark.group(1)
    return found


def test_marks_move_the_query_and_are_shown_in_words(collection):
    gallery = Gallery(*collection, "0", k=4)
    gallery.widget()
    before = names(gallery)
    assert gallery.forget.disabled and marked(gallery) == {}
    press(gallery, "4")
    press(gallery, "1", less=True)
    vectors = gallery.vectors
    moved = rocchio(vectors[gallery.query_position], *(
        [vectors[gallery.catalog.find(name)]] for name in ("4", "1")
    ))  # fmt: skip
    assert gallery._moved(gallery.marks) == pytest.approx(moved)
    assert names(gallery) != before and names(gallery)[0] == "2"
    assert marked(gallery) == {"4": "+ liked", "1": "&minus; disliked"}
    assert "moved by 1 liked and 1 disliked" in gallery.said.value
    slot = gallery._shown.index(gallery.catalog.find("4"))
    assert gallery.marking[slot][1].description == "\u2713 More"
    assert gallery.marking[slot][1].tooltip == "More like 4"
    assert "4 (cold), liked" in repr(gallery) and "moved by 1 liked" in repr(gallery)
    gallery.forget.click()
    assert names(gallery) == before and marked(gallery) == {} and gallery.forget.disabled
    assert "liked" not in repr(gallery) + gallery.said.value


def test_a_mark_is_taken_back_or_turned_round(collection):
    gallery = Gallery(*collection, "0", k=3)
    gallery.widget()
    press(gallery, "2")
    press(gallery, "2", less=True)
    assert marked(gallery) == {"2": "&minus; disliked"}
    press(gallery, "2", less=True)
    assert marked(gallery) == {} and gallery.marks == {}


def test_what_is_marked_stays_in_sight_with_its_rank(collection):
    gallery = Gallery(*collection, "0", k=2).mark(disliked=["7"])
    gallery.widget()
    assert names(gallery) == ["1", "2"] and marked(gallery) == {"7": "&minus; disliked"}
    assert "7. cold" in gallery.cards[2][1].value and visible(gallery) == 3
    assert repr(gallery).endswith("7 (cold), disliked")
    gallery.mark(disliked=["3", "4", "5", "6"], liked=[1, 2])  # as many as there are cards
    assert visible(gallery) == len(gallery.cards) == 7


def test_a_new_query_forgets_the_marks_and_back_brings_them_back(collection):
    gallery = Gallery(*collection, "0", k=3)
    gallery.widget()
    press(gallery, "3")
    order = names(gallery)
    gallery.cards[1][2].click()
    assert gallery.marks == {} and gallery.forget.disabled
    gallery.back.click()
    assert gallery.query_item.name == "0" and names(gallery) == order
    assert marked(gallery) == {"3": "+ liked"}
    gallery.picker.value = gallery.catalog.find("7")
    assert gallery.marks == {}


def test_percentiles_are_not_shown_for_a_moved_query(collection):
    catalog, vectors = collection
    gallery = Gallery(catalog, vectors, "0", k=3, scale=Thermometer(vectors)).mark(["2"])
    gallery.widget()
    assert "above" not in repr(gallery) + gallery.cards[0][1].value


def test_marks_that_cannot_be_are_said(collection):
    catalog, vectors = collection
    vectors = vectors.copy()
    vectors[1] = -vectors[0]
    gallery = Gallery(catalog, vectors, 0, k=7)
    with pytest.raises(KeyError, match="nobody"):
        gallery.mark(["nobody"])
    with pytest.raises(KeyError, match="no item 99"):
        gallery.mark(disliked=[99])
    gallery.widget()
    vectors[1] = 0
    gallery.vectors = vectors
    gallery._mark_slot(gallery._shown.index(1), 1)
    assert "all zeros" in gallery.said.value and gallery.marks == {}


# ---- uploads and size ----


def test_an_upload_becomes_the_query_and_back_returns(collection, tmp_path):
    gallery = Gallery(*collection, "0", k=3, encoder=Colors())
    gallery.widget()
    Image.new("RGB", (9, 9), (0, 60, 250)).save(tmp_path / "blue.png")
    for name in ("blue.png", "<b>.png"):
        arrive(gallery.upload, name, (tmp_path / "blue.png").read_bytes())
    assert gallery.query_item.label == "yours" and names(gallery)[0] == "7"
    assert "_b_.png" in gallery.query_html.value and "<b>" not in gallery.query_html.value
    assert not gallery.upload.value and str(gallery.query_item.path) not in repr(gallery)
    gallery.back.click()
    assert gallery.query_item.name == "blue"
    gallery.back.click()
    assert gallery.query_item.name == "0" and gallery.back.disabled


def test_uploads_that_cannot_be_used_are_said_and_the_query_stays(collection, tmp_path):
    gallery = Gallery(*collection, "0", k=3, encoder=Colors())
    gallery.widget()
    for _ in range(2):
        arrive(gallery.upload, "words.jpg", b"words")
        assert "&#x27;words.jpg&#x27; is not a picture" in gallery.said.value
    Image.effect_noise((90, 90), 50).save(tmp_path / "whole.jpg")
    arrive(gallery.upload, "cut.jpg", (tmp_path / "whole.jpg").read_bytes()[:600])
    assert "&#9888; &#x27;cut.jpg&#x27; " in gallery.said.value  # not where it is kept
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    arrive(gallery.upload, "moves.gif", (tmp_path / "moves.gif").read_bytes())
    assert "is a film; here a picture is wanted" in gallery.said.value
    assert gallery.query_item.name == "0" and gallery.back.disabled


def test_without_an_encoder_there_is_nothing_to_upload(collection):
    gallery = Gallery(*collection, "0")
    gallery.widget()
    assert not hasattr(gallery, "upload") and not hasattr(gallery, "file")


def test_large_is_a_class_of_the_whole_gallery(collection):
    small, large = Gallery(*collection), Gallery(*collection, large=True)
    assert "cg-large" not in small.widget()._dom_classes
    assert "cg-large" in large.widget()._dom_classes and large.bigger.value
    small.bigger.value = True
    assert "cg-large" in small.widget()._dom_classes and small.large
    small.bigger.value = False
    assert "cg-large" not in small.widget()._dom_classes


def test_a_picture_that_vanishes_leaves_the_gallery_standing(collection):
    catalog, vectors = collection
    gallery = Gallery(catalog, vectors, "0", k=3)
    catalog[catalog.find("1")].path.unlink()
    gallery.widget()
    assert gallery.picture().data
    assert names(gallery)[0] == "1"


def test_a_new_query_reuses_the_cards(collection):
    gallery = Gallery(*collection, "0", k=3)
    gallery.widget()
    before = [id(card) for card, _, _ in gallery.cards]
    gallery.cards[0][2].click()
    assert [id(card) for card, _, _ in gallery.cards] == before


def test_every_figure_has_alt_text_with_its_numbers():
    matrix = plots.similarity_matrix(np.array([[1, 0.5], [0.5, 1]]), ["a", "b"])
    assert "2 x 2" in matrix.alt and "0.50" in matrix.alt
    scale = Thermometer(np.eye(3))
    mark = plots.thermometer(scale, {"a pair": 0.4})
    assert "a pair 0.40, above 100 %" in mark.alt
    bundle, metadata = mark._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == mark.alt and bundle["text/plain"] == mark.alt


def test_the_check_command_finds_this_machine_ready():
    result = subprocess.run(
        [sys.executable, "-m", "course_utils.check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1] == "Ready."
    assert result.stdout.count("[ OK ]") == 9


def test_the_check_command_names_what_is_missing(tmp_path):
    """A copy of the package without the media beside it."""
    shutil.copytree(plots.__file__.rsplit("plots", 1)[0], tmp_path / "course_utils")
    result = subprocess.run(
        [sys.executable, "-m", "course_utils.check"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2, result.stdout
    assert "[FAIL] media" in result.stdout and "[FAIL] weights" in result.stdout
    assert json.dumps(result.stdout).count("FAIL") == 2
