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

from course_utils.boxes import Compare, Explore, Gallery, Row, SearchBox
from course_utils.catalog import Catalog, Item
from course_utils.evaluation import Percentiles
from course_utils.figures import Figure, dots
from course_utils.media import MediaError, read_image
from course_utils.search import rocchio

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
        vectors = np.array([[p[0], p[2]] for p in pixels])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Search:
    """A search that finds everything, in the order in which it was added."""

    def __init__(self, catalog):
        self.items = {str(item.path): item for item in catalog}

    def item(self, query):
        for item in self.items.values():
            if str(query) in (item.name, str(item.path)):
                return item
        raise MediaError(query, "does not exist", "type another name")

    def search(self, item, k):
        found = {"image": [], "video": [], "audio": []}
        for i, other in enumerate(x for x in self.items.values() if x != item):
            hop = SimpleNamespace(cosine=0.95 - 0.05 * i, percentile=100 - 0.3 * i)
            short, path = f"looks alike {hop.cosine:.2f}", "by its looks; by its sound"
            match = SimpleNamespace(item=other, best=hop, short=short, path=path)
            found[other.kind] += [match][: k - len(found[other.kind])]
        return found


@pytest.fixture
def pictures(tmp_path):
    """Eight small pictures in two folders: four warm ones and four cold ones."""
    for i in range(8):
        folder = tmp_path / ("warm" if i < 4 else "cold")
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (250 - 20 * i, 60, 20 * i)).save(folder / f"{i}.png")
    found = Catalog.from_folder(tmp_path)
    return found[np.argsort([item.name for item in found])]


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
    return Compare(
        catalog, {"near": circle(*steps), "far": circle(*(steps * 3 % 8))}, query, k, **more
    )


def search(catalog, query=0, k=3, **more):
    return SearchBox(
        Search(catalog), catalog[query] if isinstance(query, int) else query, k, **more
    )


each_box = pytest.mark.parametrize("make", [gallery, compare, search])


def cards(box) -> list:
    """Return the cards that are shown, of all columns."""
    box.widget()
    return [card for body in box._bodies.values() for card in body.children]


def shown(box) -> str:
    """Return all that a live box shows, as HTML."""
    box.widget()
    parts = [
        box.query_card,
        box.said,
        *box._headings.values(),
        *(x.children[0] for x in cards(box)),
    ]
    return "".join(part.value for part in parts)


def names(box) -> list[str]:
    return [row.item.name for rows in box.columns().values() for row in rows]


# ---- the contract ----


@each_box
def test_three_layers_say_the_same(make, pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    box = make(pictures, heading="A heading")
    bundle, metadata = box._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"} and box._widget is None
    assert bundle["text/plain"] == repr(box) == box.text() and " ms" not in box.text()
    alt = metadata["image/jpeg"]["alt"]
    assert alt.startswith("Query: 0. ")
    for name in names(box):
        assert re.search(rf"\d\. (right: |wrong: |right |wrong )?{name}", alt)
        assert re.search(rf"^ +\d  +\d\.\d\d  [✓✗]? ?{name} \((warm|cold)\)", box.text(), re.M)
    assert Image.open(io.BytesIO(box.picture().data)).width > 400
    assert make(pictures, heading="A heading")._repr_mimebundle_()[0] == bundle  # nbval compares
    monkeypatch.setenv("COURSE_GALLERY", "live")
    live, _ = box._repr_mimebundle_()
    assert live.pop(VIEW)["model_id"] == box.widget().model_id and live == bundle
    assert len(cards(box)) == len(names(box)) == shown(box).count("cosine ")


@each_box
def test_a_card_becomes_the_query_and_back_returns(make, media):
    box = make(media, k=2)
    before = cards(box)
    assert box.back.disabled
    wanted = names(box)[1]
    before[1].children[1].click()
    assert box.query_item.name == wanted and f"Query: {wanted}" in repr(box)
    before[0].children[1].click()
    box._go(box.columns()[next(iter(box.columns()))][0].key)
    assert len(box.history) == 3
    box._go(box.query_item if make is search else box.query_position)  # what is the query already
    assert len(box.history) == 3, "a dead step"
    for _ in range(5):  # more often than there are steps
        box.back.click()
    assert box.query_item.name == "0" and box.back.disabled and not box.history
    assert [id(card) for card in cards(box)[:2]] == [id(card) for card in before[:2]]


@each_box
def test_names_and_suggestions_can_be_typed_and_typed_again(make, media):
    box = make(media, k=2)
    box.widget()
    assert "tone: A tone" in box.field.options and len(box.field.options) == len(media)
    for text, name in (("tone: A tone", "tone"), (' "5" ', "5"), ("film", "film")):
        box.field.value = text
        assert box.query_item.name == name and box.field.value == ""
    for _ in range(2):
        box.field.value = "TON<E"
        assert "&#9888;" in box.said.value and "<E" not in box.said.value
        box.said.value = ""
    box.field.value = "A FIL"
    assert "Did you mean film?" in box.said.value and box.field.options == ("film: A film",)
    assert box.query_item.name == "film" and len(box.history) == 3
    box.field.value = "1"
    assert len(box.field.options) == len(media)


@each_box
def test_how_many_and_large(make, pictures):
    box = make(pictures, k=2)
    columns = len(box.columns()) - 2 * (make is search)  # that finds pictures alone here
    for k in (1, 5, 7):
        box.count.value = k if box.widget() else 0
        assert len(cards(box)) == len(names(box)) == columns * k
    assert box.count.how["high"] == 7
    assert "cg-large" not in box.widget()._dom_classes
    box.bigger.value = True
    assert "cg-large" in box.widget()._dom_classes and "cg-root" in box.widget()._dom_classes
    for k in (0, -1, 2.5, None):
        with pytest.raises(ValueError, match="at least one"):
            make(pictures, k=k)
    many = make(pictures, k=50)
    assert len(cards(many)) == len(names(many)) == columns * 7 and "50" not in many.said.value


@each_box
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not allow such names")
def test_names_labels_and_captions_cannot_inject_html(make, tmp_path):
    items = []
    for name in (NASTY, "plain", "emoji \U0001f58a"):
        Image.new("RGB", (9, 9), "red").save(tmp_path / f"{name}.png")
        look = {"caption": name + NASTY, "alt": NASTY, "source": name}
        items.append(Item(tmp_path / f"{name}.png", "image", NASTY, **look))
    box = make(Catalog(items), k=2, heading=NASTY)
    html = shown(box) + box.widget().children[1].value
    assert "<img src=x" not in html and "&lt;img src=x onerror=alert(1)&gt;" in html
    assert box.picture().data  # odd names can be drawn, too


@each_box
def test_what_vanishes_or_fails_leaves_the_box_standing(make, media, monkeypatch):
    box = make(media, k=3)
    for item in media[1:3]:
        item.path.unlink()
    assert "does not exist" in shown(box) and box.picture().data and names(box)
    before = shown(box)
    for error in (KeyError("No such thing."), ValueError("No such thing.")):
        monkeypatch.setattr(box, "_ask", lambda _, error=error: (_ for _ in ()).throw(error))
        cards(box)[0].children[1].click()
        assert "&#9888; No such thing." in box.said.value
        assert before.split("cg-said")[0] == shown(box).split("cg-said")[0] and box.back.disabled


# ---- the gallery ----

TABLE = """\
Query: 0 (warm)
rank  cosine  item
   1    0.98  ✓ 1 (warm){}
   2    0.92  ✓ 2 (warm){}
   3    0.83  ✓ 3 (warm){}"""


def test_a_gallery_ranks_by_cosine_and_says_what_it_is_worth(pictures):
    assert gallery(pictures).text() == TABLE.format("", "", "")
    scale = Percentiles.of(np.linspace(0.5, 0.982, 300))
    scaled = gallery(pictures, scale=scale)
    assert scaled.text() == TABLE.format(", above 99 %", ", above 87 %", ", above 68 %")
    assert re.findall(r"width:(\d+)%", shown(scaled)) == ["100", "88", "69"]  # the bars' lengths
    assert scaled.ranking()[0][0] == 1 and scaled.ranking()[0][1] == pytest.approx(
        np.cos(np.pi / 16)
    )
    assert "above" not in gallery(pictures, scale=scale).mark(["2"]).text()  # no item asks that


@pytest.mark.parametrize(
    ("truth", "query", "signs"),
    [
        (None, 3, "✓✗✓✗✓"),
        (list("aabbccdd"), 3, "✓✗✗✗✗"),
        (["", *"aaaaaaa"], 0, ""),
        (None, "own", ""),
    ],
)
def test_right_and_wrong_are_marked_where_they_are_known(pictures, tmp_path, truth, query, signs):
    Image.new("RGB", (9, 9), (250, 60, 9)).save(tmp_path / "own.png")
    query = tmp_path / "own.png" if query == "own" else query
    box = gallery(pictures, query, 5, truth=truth)
    assert "".join(re.findall("[✓✗]", box.text())) == signs
    assert "".join(re.findall(">([✓✗])<", shown(box))) == signs
    assert box.picture().alt.count("right") == signs.count("✓") == shown(box).count('label="right"')


def test_unlabelled_is_not_printed(tmp_path):
    for i in range(3):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{i}.png")
    box = gallery(Catalog.from_folder(tmp_path), k=2)
    assert "unlabelled" not in box.text() + shown(box) and not re.search("[✓✗]", box.text())


def test_a_gallery_says_what_cannot_be(pictures):
    for bad, words in ((99, "no item 99"), (-99, "no item"), ("nobody", "nobody")):
        with pytest.raises(KeyError, match=words):
            gallery(pictures, bad, encoder=None)
    with pytest.raises(ValueError, match="empty"):
        Gallery(Catalog([]), np.zeros((0, 2)), encoder=Colors())
    with pytest.raises(ValueError, match="8 items and 7 vectors"):
        Gallery(pictures, circle(*range(7)))
    with pytest.raises(ValueError, match="8 items and 2 values of 'truth'"):
        gallery(pictures, truth=["a", "b"])
    with pytest.raises(KeyError, match=r"No item is named .none\.png"):
        gallery(pictures, "none.png")
    assert not gallery(pictures, encoder=None).kinds  # no field for files of one's own


def test_a_file_of_ones_own_its_copy_and_one_that_has_vanished(pictures, tmp_path):
    box = gallery(pictures, k=7)
    box.widget()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (9, 9), (9, 60, 250)).save(tmp_path / folder / "mine.png")
        box._use(tmp_path / folder / "mine.png")
    assert box.query_item.label == "yours" and names(box)[0] == "7" and len(names(box)) == 7
    assert len(box.history) == 1, "the same file twice is one step"
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(MediaError, match="not a picture"):  # the recorder says it in its own line
        box._use(tmp_path / "words.png")
    box._go(3)
    (tmp_path / "two" / "mine.png").unlink()
    box.back.click()
    assert box.query_item.name == "mine" and names(box)[0] == "7" and "does not exist" in shown(box)
    box.back.click()
    assert box.query_item.name == "0" and box.back.disabled
    box._use(str(pictures[5].path))  # an item's path is the item
    assert box.query_position == 5 and "5" not in names(box)


def press(box, name: str, verb: str) -> None:
    row = next(row for row in box.columns()[""] if row.item.name == name)
    place = box.columns()[""].index(row)
    buttons = {b.tooltip: b for b in cards(box)[place].children[2].children}
    buttons[f"{verb} like {name}"].click()


def test_marks_move_the_query_and_stay_in_sight(pictures):
    box = gallery(pictures, k=4)
    before = box.text()
    press(box, "4", "More")
    press(box, "1", "Less")
    vectors = box.spaces[""]
    moved = rocchio(vectors[0], vectors[[4]], vectors[[1]])
    assert box.ranking()[0][1] == pytest.approx(float(vectors[box.ranking()[0][0]] @ moved))
    assert "4 (cold), liked" in box.text() and "1 (warm), disliked" in box.text()
    assert "moved by 1 liked and 1 disliked" in box.said.value and box.text().count("moved by") == 1
    assert 'cg-liked">liked' in shown(box) and 'cg-disliked">disliked' in shown(box)
    press(box, "1", "Less")  # taken back
    press(box, "4", "Less")  # turned round
    assert box.marks == {4: -1}
    box._go(7)
    assert box.marks == {}
    box.back.click()
    assert box.marks == {4: -1}
    box._mark(box.columns()[""][-1], -1)
    assert box.marks == {} and box.text() == before


def test_what_is_marked_further_down_is_shown_in_every_layer(pictures):
    box = gallery(pictures, k=2).mark(liked=["1"], disliked=["7", 6])
    late = [row for row in box.columns()[""] if row.rank > 2]
    assert [(row.rank, row.item.name) for row in late] == [(6, "6"), (7, "7")]
    assert (
        len(cards(box)) == 4 and "7. wrong 7" in box.picture().alt and box.text().count("\n") == 5
    )
    assert "2 matches for 0" in box.said.value and "2 marked further down" in box.said.value
    with pytest.raises(KeyError, match="nobody"):
        box.mark(["nobody"])
    nothing = Gallery(pictures[:2], np.array([[1.0, 0.0], [0.6, 0.8]]), 0, 1)
    nothing.widget()
    nothing.spaces[""][1] = 0
    with pytest.raises(ValueError, match="all zeros"):
        nothing.mark([1])
    nothing._mark(Row(1, pictures[1], 1, 0.6), 1)
    assert "all zeros" in nothing.said.value and nothing.marks == {}


def test_a_label_narrows_the_gallery(pictures):
    box = gallery(pictures, k=3)
    only, forget = box.widget().children[1].children[1].children[1].children[1:]
    only.value = "cold"
    assert names(box) == ["4", "5", "6"] and len(cards(box)) == 3
    only.value = ""
    press(box, "2", "More")
    forget.click()
    assert box.marks == {} and names(box) == ["1", "2", "3"]


def test_a_hundred_thousand_items(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    items = [
        Item(tmp_path / "a.png", "image", f"label {i % 9}", caption=str(i)) for i in range(100_000)
    ]
    catalog, rng = Catalog(items), np.random.default_rng(0)
    vectors = rng.normal(size=(len(items), 64)).astype(np.float32)
    start = time.perf_counter()
    box = Gallery(catalog, vectors, 0, k=10)
    box.widget()
    built = time.perf_counter()
    for _ in range(3):
        box._go(box.columns()[""][0].key)
    clicked = (time.perf_counter() - built) / 3
    assert built - start < 3 and clicked < 0.45  # 1 s and 150 ms on a laptop that is not busy
    assert len(box.field.options) == 500 and len(cards(box)) == 10


# ---- the comparison ----

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
    assert compare(pictures).text() == COMPARED
    steps = np.arange(8)
    wide = np.hstack([circle(*steps), np.zeros((8, 3))])  # encoders may differ in dimensions
    asked = {"wide": wide[::-1]}  # as a control: other vectors to ask with
    box = Compare(pictures, {"near": circle(*steps), "wide": wide}, 0, 2, query_vectors=asked)
    assert [row.item.name for row in box.columns()["wide"]] == ["7", "6"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "0 rankings"),
        ({"one": circle(*range(8))}, "two or three"),
        ({"a": circle(0), "b": circle(*range(8))}, "8 items and 1 values of 'a'"),
    ],
)
def test_what_cannot_be_compared_is_said(pictures, columns, words):
    with pytest.raises(ValueError, match=words):
        Compare(pictures, columns)
    with pytest.raises(ValueError, match="one item"):
        Compare(pictures[:1], {"a": circle(0), "b": circle(0)})


# ---- the search box ----


def test_a_search_box_has_a_column_for_each_kind_and_says_how_it_was_found(media):
    box = search(media, "1", k=2)
    assert "Pictures\nrank" in box.text() and "above all pairs, looks alike" in box.text()
    assert "<summary>looks alike</summary><ul><li>by its looks</li>" in shown(box)
    assert shown(box).count("<video ") == 1 and shown(box).count("<audio ") == 1
    assert '2 pictures, 1 films, 1 sounds for "1", found in ' in shown(box).replace("&quot;", '"')
    silent = search(media[:8], "1")
    assert "nothing found" in shown(silent) and "Films: none" in silent.picture().alt
    assert "Films: nothing found" in silent.text()
    with pytest.raises(MediaError, match="does not exist"):
        search(media, "nobody")


# ---- something to move ----


def test_explore_is_its_first_result_where_nothing_can_be_moved(pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")

    def draw(weight, kind, centred):
        return dots(np.array([weight, 2.0]), ["a", kind], "hertz", str(centred))

    box = Explore(draw, weight=(0.0, 4.0, 0.5, 1.0), kind=["x", "y"], centred=True)
    first = draw(1.0, "x", True)
    assert isinstance(first, Figure) and box._repr_mimebundle_() == first._repr_mimebundle_()
    assert repr(box) == repr(first) and box._widget is None
    assert Explore(lambda k: gallery(pictures, k=k), k=[2, 3])._repr_mimebundle_()[0]["text/plain"]


def test_explore_follows_its_controls(pictures, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "live")
    seen = []

    def draw(how_many, what, on):
        seen.append((how_many, what, on))
        if what == "odd":
            raise ValueError("<b> That cannot be.")
        figure = dots(np.ones(1), ["a"], f"{how_many} {what}")
        return gallery(pictures, k=how_many) if on else figure if how_many > 3 else f"{what}!"

    box = Explore(draw, "About it", how_many=(1, 5, 1, 2), what=["a<b>", "odd"], on=False)
    assert box._repr_mimebundle_()[0][VIEW]["model_id"] == box.widget().model_id
    monkeypatch.setenv("COURSE_GALLERY", "auto")  # what a callback knows: nobody runs a cell
    slider, menu, tick = box.widget().children[1].children
    assert slider.how["name"] == "how many" and "<pre>a&lt;b&gt;!</pre>" in box._text.value
    slider.value = 4.0
    assert seen[-1] == (4, "a<b>", False) and isinstance(seen[-1][0], int)
    assert 'alt="Dots, 4 a&lt;b&gt;: a from 1 to 1."' in box._text.value
    menu.value = "odd"
    assert "⚠ &lt;b&gt; That cannot be." in box._text.value
    menu.value = "a<b>"
    tick.value = True
    assert len(box.widget().children[2].children[0].children[-1].children) == 1  # the gallery


@pytest.mark.parametrize("bad", [[], (1, 2), (1, 5, 1, 9), "text", 3, None])
def test_controls_that_cannot_be_are_said(bad):
    with pytest.raises(ValueError, match="speed is .*give a list of choices"):
        Explore(lambda speed: "", speed=bad)
