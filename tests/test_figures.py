"""Figures: each says in words what it shows, takes any number of things, and refuses in words."""

import base64
import io
import re

import numpy as np
import pytest
from films import numbered
from PIL import Image

from course_utils import figures as f
from course_utils.catalog import Catalog
from course_utils.evaluation import Percentiles, evaluate
from course_utils.figures import Figure, label_color

HERTZ = np.geomspace(60, 7000, 7)
PICTURE, MAP = np.full((30, 40, 3), 90, np.uint8), np.arange(49.0).reshape(7, 7) / 5000
SCALE = Percentiles.of(np.linspace(0.2, 0.8, 101))
EVALUATION = evaluate(np.eye(4) + 0.1, list("aabb"), list("wxyz"), k=1)


PAIR = Catalog.load().select(kind="image", role="item")[[0, 60]]
SMALL = [Image.new("RGB", (9, 9))] * 2
# What a figure says in words, and how it is drawn.
FIGURES = [
    ("3 pictures: a $x$, b, c.", lambda: f.grid([PICTURE, *PAIR.paths], ["a $x$", "b", "c"])),
    ("1 pictures.", lambda: f.grid([PICTURE[..., 0]])),
    ("A way in 2 steps. File: a; then Best: last.",
     lambda: f.pipeline([("File", PAIR.paths[0], "a"), ("Best", [PICTURE] * 3, "last")])),
    ("A way in 2 steps. Vector; then Numbers: 512.",
     lambda: f.pipeline([("Vector", np.arange(9.0), ""), ("Numbers", None, "512")])),
    ("Bars for a, b: x 0.50, 0.25; chance 0.10.",
     lambda: f.bars({"x": [0.5, 0.25]}, ["a", "b"], 0.1)),
    (", 18.00, 19.00.", lambda: f.bars({"x": range(20)}, range(20))),
    ("precision@1 of 4 queries, mean 0.50; chance 0.33. Lowest: c, d, ",
     lambda: f.precision_bars(EVALUATION, list("abcd"), 1 / 3)),
    ("Dots with intervals, difference: x 0.50 (0.40 to 0.60); chance 0.",
     lambda: f.intervals({"x": (0.5, 0.4, 0.6)}, 0, "difference")),
    ("x 1.00 (1.00 to 1.00); chance 0.5.",  # a mean of ones may come out below both ends
     lambda: f.intervals({"x": (1 - 1e-16, 1.0, 1.0)}, 0.5)),
    ("x 0.50 (0.40 to 0.60), chance 0.20.",
     lambda: f.intervals({"x": (0.5, 0.4, 0.6)}, {"x": 0.2})),
    ("median 0.50; a pair 0.50: above 49 %; 0.90: above all pairs.",
     lambda: f.histograms(SCALE, {"a pair": 0.5, "0.90": 0.9})),
    ("h: median 0.50. i: median 0.50.",
     lambda: f.histograms(dict.fromkeys("abcdefghi", SCALE))),
    ("cosine of 0.23. a: most from row 7, column 7 of 7 x 7; b: ",
     lambda: f.heat_maps([PICTURE] * 3, [MAP, MAP, MAP - 0.005], list("abc"), 0.234)),
    ("x: most from time 2, row 7, column 7 of 7 x 7",
     lambda: f.heat_maps([numbered(16)] * 2, [np.stack([MAP, 2 * MAP])] * 2, "xy", 0.7)),
    ("Middle of each label: pen around (1.0, 0.0), ",
     lambda: f.map_2d(np.eye(2), PAIR, "", SMALL, "label")),
    ("Middle of each kind: image around (0.5, 0.5).",
     lambda: f.map_2d(np.eye(2), PAIR, "A map", SMALL)),
    ("Curves, y over x: c0 from 0 to 0, highest at 1 with 0; c1 from 1 to -1",
     lambda: f.lines([1, 2], {f"c{i}": [i, -i] for i in range(9)}, "x", "y")),
    ("highest at 1 with 1; m at 1.5.",
     lambda: f.lines([1, 2], {"a": [1, np.nan]}, logx=True, logy=True, marks={"m": 1.5})),
    ("Waveforms. a: 0.50 s, up to 1.00; b: 0.00 s, up to 0.00.",
     lambda: f.waveforms([np.ones(8000), np.zeros(0)], ["a", "b"])),
    ("Spectrograms: a, 64 x 64; b, 32 x 32.",
     lambda: f.spectrograms([np.eye(64), np.eye(32)], "ab", unit="power")),
    ("a, 7 x 7; b, 7 x 7.",
     lambda: f.spectrograms([MAP] * 2, "ab", HERTZ, [0, 200, np.nan] * 2, signed=True)),
    ("Dots, hertz: a from 1 to 9; b from 2 to 2.",
     lambda: f.dots([1, 2, 9], ["a", "b", "a"], "hertz")),
    ("Film strip: 10 frames from second 0.00 to 0.60. A bar.",
     lambda: f.film_strip(numbered(10), np.arange(10) / 15, "A bar")),
    ("5 frames in order; a kernel covers frames 2 to 4.",
     lambda: f.kernel_in_time(numbered(5), 1)),
    ("Boxes a (one), b. Arrows a to b: x.",
     lambda: f.diagram({"a": (0.2, 0.5, "one"), "b": (0.8, 0.5, "")}, [("a", "b", "x")])),
]  # fmt: skip


@pytest.mark.parametrize(("words", "draw"), FIGURES)
def test_each_figure_says_in_words_what_it_shows(words, draw):
    figure = draw()
    assert words in figure.alt and not re.search(r"\. \.|\.\.", figure.alt)
    picture = Image.open(io.BytesIO(figure.data))
    assert 100 < picture.width <= 1290 and picture.height <= 1500  # a projector is 1,280 wide
    assert (np.asarray(picture.convert("RGB"))[:4, -4:] > 240).all()  # white in every theme
    assert draw().data == figure.data  # stored outputs stay the same


NAMES = "grid pipeline bars intervals histograms heat_maps lines dots waveforms spectrograms"


@pytest.mark.parametrize("name", f"{NAMES} film_strip kernel_in_time diagram".split())
def test_nothing_to_draw_is_said(name):
    with pytest.raises(ValueError, match=f"nothing that `{name}` could show"):
        getattr(f, name)([], *[[]] * (3 if name == "heat_maps" else 1))


@pytest.mark.parametrize("draw", [
    lambda: f.grid([PICTURE] * 3, ["a", "b"]),
    lambda: f.bars({"x": [1]}, ["a", "b"]),
    lambda: f.heat_maps([PICTURE] * 2, [MAP], ["a", "b"], 1),
    lambda: f.map_2d(np.eye(3), PAIR, "", SMALL),
    lambda: f.lines([1, 2], {"a": [1]}),
    lambda: f.spectrograms([MAP], ["a", "b"]),
    lambda: f.spectrograms([MAP], ["a"], hertz=np.arange(3)),
    lambda: f.dots([1, 2], ["a"]),
    lambda: f.film_strip([PICTURE], [1, 2], ""),
    lambda: f.diagram({"a": (0, 0, "")}, [("a", "c", "")]),
])  # fmt: skip
def test_nothing_is_dropped(draw):
    with pytest.raises((ValueError, LookupError)):
        draw()


def test_a_figure_shows_itself_with_its_description(monkeypatch):
    figure = Figure.of(f.new_axes(2, 1)[0], 'A "drawing" & <b>', photo=True, text="In words")
    monkeypatch.setenv("COURSE_GALLERY", "static")
    bundle, metadata = figure._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"} and bundle["text/plain"] == "In words"
    assert metadata["image/jpeg"]["alt"] == figure.alt and repr(figure) == "In words"
    assert base64.b64decode(bundle["image/jpeg"]) == figure.data
    monkeypatch.setenv("COURSE_GALLERY", "live")
    html = figure._repr_mimebundle_()[0]["text/html"]
    assert 'alt="A &quot;drawing&quot; &amp; &lt;b&gt;"' in html and "max-width:100%" in html
    assert Figure.of(f.new_axes(2, 1)[0], "Lines").mime == "image/png"


def test_labels_that_are_seen_together_have_colours_of_their_own():
    together = ["pen", "cup", "water", "children playing", "female voice", "male voice"]
    together += ["pen and cup", "anything else"]
    assert len({label_color(label) for label in together}) == 8
    assert label_color("waves") == label_color("water")
    assert label_color("children and water") == label_color("pen and cup")  # two classes: dark
