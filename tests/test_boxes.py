"""The boxes without a browser: one contract for all of them, then what is each one's own."""

import io
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from films import numbered, write
from PIL import Image
from scipy.io import wavfile

from course_utils.boxes import Compare, Explore, Gallery, SearchBox
from course_utils.catalog import Catalog, Item
from course_utils.evaluation import Percentiles
from course_utils.figures import dots
from course_utils.media import MediaError, read_image

NASTY = "<img src=x onerror=alert(1)> \"q\" 'p' & $x$"
VIEW = "application/vnd.jupyter.widget-view+json"


def circle(*steps) -> np.ndarray:
    """Return vectors at so many sixteenths of a half circle."""
    angles = np.array(steps) * np.pi / 16
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


class Colors:
    """An encoder that works at once: hue as an angle."""

    def encode(self, paths, problems=None):
        pixels = [np.asarray(read_image(path), dtype=float).mean(axis=(0, 1)) for path in paths]
        return np.array([[red, blue] / np.hypot(red, blue) for red, _, blue in pixels])


class Search:
    """A search that finds everything, in the order in which it was added."""

    def __init__(self, catalog):
        self.items = {str(item.path): item for item in catalog}

    def item(self, query):
        for item in self.items.values():
            if query == item or str(query) in (item.name, str(item.path)):
                return item
        raise MediaError(query, "does not exist", "type another name")

    def search(self, item, k):
        found = {"image": [], "video": [], "audio": []}
        for i, other in enumerate(x for x in self.items.values() if x != item):
            hop = SimpleNamespace(cosine=0.95 - 0.05 * i, percentile=100 - 0.3 * i)
            match = SimpleNamespace(item=other, best=hop, short="looks alike")
            found[other.kind].append(match)
        return found


@pytest.fixture
def pictures(tmp_path):
    """Eight small pictures: four warm ones and four cold ones."""
    items = [Item(tmp_path / f"{i}.png", label="warm" if i < 4 else "cold") for i in range(8)]
    for i, item in enumerate(items):
        Image.new("RGB", (40, 30), (250 - 20 * i, 60, 20 * i)).save(item.path)
    return Catalog(items)


@pytest.fixture
def media(pictures, tmp_path):
    """The pictures, a film and a sound."""
    film = write(tmp_path / "film.mp4", numbered(16))
    tone = np.sin(np.arange(16000) / 9) / 3
    wavfile.write(tmp_path / "tone.wav", 16000, tone.astype(np.float32))
    more = [Item(film, "video", "warm", caption="A film")]
    more += [Item(tmp_path / "tone.wav", "audio", "cold", caption="A tone")]
    return Catalog([*pictures, *more])


def gallery(catalog, query=0, k=3, **more):
    more = {"encoder": Colors(), **more}
    return Gallery(catalog, circle(*range(len(catalog))), query, k, **more)


def compare(catalog, query=0, k=3, **more):
    steps = np.arange(len(catalog))
    spaces = {"near": circle(*steps), "far": circle(*(steps * 3 % 8))}
    return Compare(catalog, spaces, query, k, **more)


def search(catalog, query=0, k=3, **more):
    query = catalog[query] if isinstance(query, int) else query
    return SearchBox(Search(catalog), query, k, **more)


BAD = [[], (1, 2), "text", 3, None]
each_box = pytest.mark.parametrize("make", [gallery, compare, search])


def widgets(box, kind: str, root=None) -> list:
    """Return what a live box shows of a kind of widget, from top to bottom."""
    root = box.widget() if root is None else root
    found = [root] if type(root).__name__ == kind else []
    return found + [x for y in getattr(root, "children", ()) for x in widgets(box, kind, y)]


def cards(box) -> list:
    return [x for x in widgets(box, "Box") if "cg-card" in x._dom_classes]


def button(box, name: str, place: int = 0):
    return [x for x in widgets(box, "Button") if x.description == name][place]


def shown(box) -> str:
    """Return all that a live box shows, as HTML, without its style."""
    return "".join(part.value.rpartition("</style>")[2] for part in widgets(box, "HTML"))


def names(box) -> list[str]:
    return [row.item.name for _, rows, _ in box.columns() for row in rows]


@each_box
def test_three_layers_say_the_same(make, pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    box = make(pictures, heading="A heading")
    bundle, metadata = box._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"}
    assert bundle["text/plain"] == repr(box)
    alt = metadata["image/jpeg"]["alt"]
    assert alt.startswith("Query: 0. ")
    for name in names(box):
        assert re.search(rf"\d\. (right |wrong )?{name}", alt)
        assert re.search(rf"^ +\d  +\d\.\d\d  [✓✗]? ?{name} \((warm|cold)\)", repr(box), re.M)
    assert Image.open(io.BytesIO(box.picture().data)).width > 400
    assert make(pictures, heading="A heading")._repr_mimebundle_()[0] == bundle  # nbval compares
    monkeypatch.setenv("COURSE_GALLERY", "live")
    live, _ = box._repr_mimebundle_()
    assert live.pop(VIEW)["model_id"] == box.widget().model_id and live == bundle
    assert len(cards(box)) == len(names(box)) == shown(box).count("cosine ")


def test_colab_is_told_where_the_code_of_sliders_comes_from(pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    installed = SimpleNamespace(_installed_url="https://manager")
    there = SimpleNamespace(_widgets=installed, enable_custom_widget_manager=lambda: None)
    monkeypatch.setitem(sys.modules, "google.colab.output", there)
    shown = [gallery(pictures), Explore("{number}".format, number=(0, 9, 1, 3))]
    for _, metadata in (each._repr_mimebundle_() for each in shown):
        assert metadata[VIEW]["colab"]["custom_widget_manager"]["url"] == "https://manager"


@each_box
def test_cards_names_and_the_slider_ask_and_back_returns(make, media):
    box = make(media, k=2)
    before, wanted = cards(box), names(box)[1]
    assert box.back.disabled and "tone: A tone" in box.field.options
    before[1].children[1].click()
    assert box.query_item.name == wanted and f"Query: {wanted}" in repr(box)
    for text, name in (("tone: A tone", "tone"), (' "5" ', "5"), ("5", "5")):
        box.field.value = text
        assert box.query_item.name == name and box.field.value == ""
    for _ in range(2):
        box.field.value = "TON<E"
        assert "⚠" in box.said.value and "<E" not in box.said.value and box.field.value == ""
        box.said.value = ""
    columns = len(box.columns())
    for k in (1, 5, 2):
        box.count.value = k
        assert len(cards(box)) == len(names(box)) <= columns * k
    for name in ("tone", wanted, "0", "0"):  # what is the query already was no step
        box.back.click()
        assert box.query_item.name == name
    assert box.back.disabled and cards(box)[0] is before[0]  # changed in place: the focus stays
    box.large.value = True
    assert {"cg-large", "cg-root"} <= {*box.widget()._dom_classes}


@each_box
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not allow such names")
def test_names_labels_and_captions_cannot_inject_html(make, tmp_path):
    items = []
    for name in (NASTY, "plain", "emoji \U0001f58a"):
        Image.new("RGB", (9, 9), "red").save(tmp_path / f"{name}.png")
        look = {"caption": name + NASTY, "alt": NASTY, "source": name}
        items.append(Item(tmp_path / f"{name}.png", "image", NASTY, **look))
    box = make(Catalog(items), k=2, heading=NASTY)
    assert "<img src=x" not in shown(box) and "&lt;img src=x onerror=alert(1)&gt;" in shown(box)
    assert box.picture().data  # odd names can be drawn, too


@each_box
def test_what_vanishes_or_fails_leaves_the_box_standing(make, media, monkeypatch):
    box = make(media, k=3)
    for item in media[1:3]:
        item.path.unlink()
    assert "does not exist" in shown(box) and box.picture().data and names(box)
    before = repr(box)
    for error in (KeyError("No such <thing>."), ValueError("No such <thing>.")):
        monkeypatch.setattr(box, "_ask", lambda _, error=error: (_ for _ in ()).throw(error))
        cards(box)[0].children[1].click()
        assert "⚠ No such &lt;thing&gt;." in box.said.value
        assert repr(box) == before and box.back.disabled


TABLE = """\
Query: 0 (warm)
rank  cosine  item
   1    0.98  ✓ 1 (warm){}
   2    0.92  ✓ 2 (warm){}
   3    0.83  ✓ 3 (warm){}"""


def test_a_gallery_ranks_by_cosine_and_says_what_it_is_worth(pictures):
    assert repr(gallery(pictures)) == TABLE.format("", "", "")
    scale = Percentiles.of(np.linspace(0.5, 0.982, 300))
    scaled = gallery(pictures, scale=scale)
    assert repr(scaled) == TABLE.format(", above 99 %", ", above 87 %", ", above 68 %")
    assert re.findall(r"width:(\d+)%", shown(scaled)) == ["100", "88", "69"]  # the bars' lengths
    assert scaled.columns()[0][1][0].cosine == pytest.approx(np.cos(np.pi / 16))
    button(scaled, "More").click()
    assert "above" not in repr(scaled)  # the moved query is no item


def test_right_and_wrong_are_marked_where_they_are_known(pictures, tmp_path):
    Image.new("RGB", (9, 9), (250, 60, 9)).save(tmp_path / "own.png")
    plain = Catalog(Item(path) for path in pictures.paths)
    own = tmp_path / "own.png"
    for items, query, signs in ((pictures, 3, "✓✗✓✗✓"), (pictures, own, ""), (plain, 3, "")):
        box = gallery(items, query, 5)
        assert "".join(re.findall("[✓✗]", repr(box))) == signs
        assert "".join(re.findall(">([✓✗])<", shown(box))) == signs
        rights = signs.count("✓")
        assert box.picture().alt.count("right") == shown(box).count('label="right"') == rights
        assert "unlabelled" not in repr(box) + "".join(x.children[0].value for x in cards(box))


@pytest.mark.parametrize(("error", "words", "make"), [
    (IndexError, "range", lambda items: gallery(items, 99)),
    (KeyError, r"No item is named .none\.png", lambda items: gallery(items, "none.png")),
    (ValueError, "at least one", lambda items: gallery(items, k=0)),
    (ValueError, "at least one", lambda items: search(items, k=2.5)),
    (ValueError, "0 items", lambda items: Gallery(Catalog([]), np.zeros((0, 2)))),
    (ValueError, "8 items and 7 vec", lambda items: Gallery(items, circle(*range(7)))),
    (ValueError, "two rankings", lambda items: Compare(items, {"a": circle(*range(8))})),
    (ValueError, "8 vectors", lambda items: Compare(items, dict.fromkeys("ab", circle(0)))),
    (MediaError, "does not exist", lambda items: search(items, "nobody")),
    *[(ValueError, "speed: give a list", lambda _, x=x: Explore(str, speed=x)) for x in BAD],
])  # fmt: skip
def test_what_cannot_be_is_said(pictures, error, words, make):
    with pytest.raises(error, match=words):
        make(pictures)


def test_a_file_of_ones_own_and_one_that_has_vanished(pictures, tmp_path):
    box, own = gallery(pictures, k=7), tmp_path / "own" / "mine.png"
    box.widget()
    own.parent.mkdir()
    Image.new("RGB", (9, 9), (9, 60, 250)).save(own)
    for _ in range(2):  # the same file twice is one step
        box._use(own)
    assert box.query_item.label == "yours" and names(box)[0] == "7" and len(names(box)) == 7
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(MediaError, match="not a picture"):  # the recorder says it in its own line
        box._use(tmp_path / "words.png")
    box._use(3)
    own.unlink()
    box.back.click()
    assert box.query_item.name == "mine" and names(box)[0] == "7" and "does not exist" in shown(box)
    box.back.click()
    assert box.query_item.name == "0" and box.back.disabled
    box._use(str(pictures[5].path))  # an item's path is the item
    assert box.query_item == pictures[5] and "5" not in names(box)


def test_marks_move_the_query_and_stay_in_sight(pictures):
    box = gallery(pictures, k=2)
    before = repr(box)
    box.count.value = 7 if box.widget() else 0
    button(box, "More", names(box).index("4")).click()
    button(box, "Less", names(box).index("7")).click()
    box.count.value = 2
    assert [row.rank for row in box.columns()[0][1]][:2] == [1, 2] and "7" in names(box)
    assert "4 (cold), liked" in repr(box) and "7 (cold), disliked" in repr(box)
    assert "moved by 1 liked and 1 disliked" in box.said.value and "moved by" in box.picture().alt
    assert 'cg-liked">liked' in shown(box) and 'cg-disliked">disliked' in shown(box)
    assert len(cards(box)) == len(names(box)) > 2  # what is marked further down is seen, too
    button(box, "Less", names(box).index("7")).click()  # taken back
    box.field.value = "6"  # a new query forgets the marks
    assert box.marks == {}
    for marks in ({4: 1}, {4: 1, 7: -1}, {4: 1}, {}):
        box.back.click()
        assert box.marks == marks
    assert repr(box) == before
    (menu,) = widgets(box, "Dropdown")
    menu.value = "cold"
    assert names(box) == ["4", "5"] and len(cards(box)) == 2
    box.vectors = np.zeros_like(box.vectors)
    button(box, "More").click()
    assert "all zeros" in box.said.value and box.marks == {}


def test_a_hundred_thousand_items(pictures):
    catalog = Catalog([pictures[i % 8] for i in range(100_000)])
    start = time.perf_counter()
    box = Gallery(catalog, np.random.default_rng(0).normal(size=(100_000, 64)), 0, k=10)
    box.widget()
    built = time.perf_counter()
    for i in (5, 6, 7):
        box._use(i)
    clicked = (time.perf_counter() - built) / 3
    assert built - start < 3 and clicked < 0.45  # 1 s and 150 ms on a laptop that is not busy
    assert len(box.field.options) == 500 and len(cards(box)) == 10


COMPARED = """\
Query: 0 (warm)

near: the ranking to compare with
rank  cosine  item
   1    0.98  ✓ 1 (warm)
   2    0.92  ✓ 2 (warm)
   3    0.83  ✓ 3 (warm)

far: 2 of 3 are also in "near"
rank  cosine  item
   1    0.98  ✓ 3 (warm), ▲ up 2
   2    0.92  ✗ 6 (cold), new (was 6)
   3    0.83  ✓ 1 (warm), ▼ down 2"""


def test_a_comparison_says_how_ranks_change(pictures):
    assert repr(compare(pictures)) == COMPARED
    steps = np.arange(8)
    wide = np.hstack([circle(*steps), np.zeros((8, 3))])  # encoders may differ in dimensions
    asked = {"wide": wide[::-1]}  # as a control: other vectors to ask with
    box = Compare(pictures, {"near": circle(*steps), "wide": wide}, 0, 2, query_vectors=asked)
    assert [row.item.name for row in box.columns()[1][1]] == ["7", "6"]


def test_a_search_box_has_a_column_for_each_kind_and_says_how_it_was_found(media):
    box = search(media, "1", k=2)
    assert "Pictures\nrank" in repr(box) and "above all pairs, looks alike" in repr(box)
    assert '<div class="cg-note">looks alike<' in shown(box)
    assert shown(box).count("<video ") == 1 and shown(box).count("<audio ") == 1
    assert "4 matches for 1" in box.said.value
    silent = search(media[:8], "1")
    assert "nothing found" in shown(silent) and "Films: none" in silent.picture().alt
    assert "Films: nothing found" in repr(silent)


def test_explore_is_its_first_result_where_nothing_can_be_moved(pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    for draw in (lambda k, x: dots([k, 2.0], ["a", x]), lambda k, x: gallery(pictures, k=int(k))):
        box = Explore(draw, k=(0.0, 4.0, 0.5, 1.0), x=["x", "y"])
        assert box._repr_mimebundle_() == draw(1.0, "x")._repr_mimebundle_()
    assert Explore(lambda k: f"{k}!", k=[2, 3])._repr_mimebundle_() == ({"text/plain": "2!"}, {})


def test_explore_follows_its_controls(pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    seen = []

    def draw(how_many, what):
        seen.append((how_many, what))
        if what == "odd":
            raise ValueError("<b> That cannot be.")
        figure = dots(np.ones(1), ["a"], f"{how_many} {what}")
        return gallery(pictures, k=5) if what == "box" else figure if how_many > 3 else f"{what}!"

    box = Explore(draw, how_many=(1, 5, 1, 2), what=["a<b>", "odd", "box"])
    assert box._repr_mimebundle_()[0][VIEW]["model_id"] == box.widget().model_id
    monkeypatch.setenv("COURSE_GALLERY", "auto")  # what a callback knows: nobody runs a cell
    (slider,), (menu,) = widgets(box, "Slider"), widgets(box, "Dropdown")
    assert slider.how["name"] == "how many" and "<pre>a&lt;b&gt;!</pre>" in shown(box)
    slider.value = 4
    assert seen[-1] == (4, "a<b>") and isinstance(seen[-1][0], int)
    assert 'alt="Dots, 4 a&lt;b&gt;: a from 1 to 1."' in shown(box)
    menu.value = "odd"
    assert "⚠ &lt;b&gt; That cannot be." in shown(box)
    menu.value = "box"
    assert len(cards(box)) == 5
