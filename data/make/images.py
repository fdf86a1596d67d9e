"""Make the picture collection of the course: rendered pictures, controls and near-duplicates.

    python data/make/images.py                  render what is missing, write data/catalog.csv
    python data/make/images.py --only pen-03    render one picture (and its control) if missing
    python data/make/images.py --force --jobs 4 render everything again

The plan below drives everything: OBJECTS names the things (an id is one physical object, the
`source` of the catalogue), PLAN has one row a picture, COPIES one row a near-duplicate.
Needs bpy, Pillow and numpy (see README.md here); the course itself never runs this.
"""

import argparse
import csv
import multiprocessing
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

HERE = Path(__file__).resolve().parent
DATA = HERE.parent
COLUMNS = "path,kind,label,role,source,setting,tags,caption,alt,license,made".split(",")
MADE = "Rendered with Blender 5.0.1 (Cycles) by data/make/images.py"
PLACES = "images/place-"  # how the paths of places.py begin

ON = {
    "oak-table": "on an oak table",
    "white-cloth": "on a white tablecloth",
    "dark-slate": "on dark slate",
    "green-mat": "on a green cutting mat with a grid",
    "blue-felt": "on blue felt",
    "marble": "on white marble with grey veins",
    "paper-desk": "on printed sheets of paper",
    "cluttered-desk": "on a cluttered desk with papers, keyboard and notes",
}
LIT = {
    "window": "in soft window light from the left",
    "window-right": "in soft window light from the right",
    "overcast": "in even grey daylight",
    "lamp": "in warm lamp light",
    "sun": "in low sun with long shadows",
    "bright": "in very bright light",
    "dim": "in dim evening light",
    "backlight": "with the light coming from behind",
}

STEEL_PEN = {"body": "#b9bdc3", "grip": None, "brushed": True}
ORANGE_BANDS = [
    (0, "#e8e2d4"),
    (2.2, "#c8642a"),
    (3.4, "#e8e2d4"),
    (5.2, "#2f5f73"),
    (6.4, "#e8e2d4"),
]
BLUE_BANDS = [
    (0, "#f1efe8"),
    (4.6, "#2a4f9c"),
    (5.3, "#f1efe8"),
    (5.7, "#2a4f9c"),
    (5.95, "#f1efe8"),
]
TRIO = [("stick_pen", {"body": "#1d4fb8"}), ("click_pen", {"body": "#c8352b", "grip": "#222222"}),
        ("twist_pen", {})]  # fmt: skip
DUO = [("click_pen", {"body": "#2f8a56", "grip": "#1b1b1d"}),
       ("stick_pen", {"clear": True, "cap": "#1d4fb8"}),
       ("stick_pen", {"clear": True, "cap": "#c8202c", "ink": "#b01824"}),
       ("click_pen", STEEL_PEN)]  # fmt: skip

# id: (function in blender_objects, its arguments)
OBJECTS = {
    "pen-blue-cap": ("stick_pen", {"body": "#e9ebee"}),
    "pen-red-stick": ("stick_pen", {"body": "#c3171f", "cap": "#c3171f", "capped": False}),
    "pen-clear-hex": ("stick_pen", {"clear": True, "capped": False}),
    "pen-orange-hex": ("stick_pen", {"body": "#f08a1c", "capped": False}),
    "pen-clear-black": ("stick_pen", {"clear": True, "cap": "#151517", "ink": "#101012"}),
    "pen-click-white": ("click_pen", {}),
    "pen-click-black": ("click_pen", {"body": "#1c1d20", "grip": "#3a3b3f"}),
    "pen-click-steel": ("click_pen", STEEL_PEN),
    "pen-click-green": ("click_pen", {"body": "#2f8a56", "grip": "#1b1b1d", "button": "#2f8a56"}),
    "pen-click-red": ("click_pen", {"body": "#c8202c", "grip": "#1b1b1d"}),
    "pen-fountain-burgundy": ("fountain_pen", {}),
    "pen-fountain-black": ("fountain_pen", {"body": "#121214", "cap": "posted"}),
    "pen-fountain-blue": ("fountain_pen", {"body": "#123c8c", "trim": "#c9cbd0"}),
    "pen-marker-green": ("marker", {"barrel": "#1f8a3b"}),
    "pen-marker-red": ("marker", {"body": "#c8202c", "barrel": "#c8202c"}),
    "pen-luxury": ("twist_pen", {}),
    "pen-luxury-gold": ("twist_pen", {"body": "#c79a3a", "trim": "#d9d9dc"}),
    "cup-white": ("mug", {"drink": "coffee"}),
    "cup-white-empty": ("mug", {"shape": "round"}),
    "cup-red": ("mug", {"colour": "#b81c22", "inside": "#f4f2ec", "drink": "coffee"}),
    "cup-blue": ("mug", {"shape": "round", "colour": "#23508f", "inside": "#f1efe8",
                         "drink": "tea"}),
    "cup-yellow": ("mug", {"shape": "conic", "colour": "#e6b022", "inside": "#f6f2e6"}),
    "cup-striped": ("mug", {"shape": "round", "bands": ORANGE_BANDS, "colour": "#e8e2d4",
                            "drink": "milk coffee", "inside": "#f1efe8"}),
    "cup-pen-print": ("mug", {"printed": "pen", "drink": "coffee"}),
    "cup-heart": ("mug", {"printed": "heart", "drink": "tea"}),
    "cup-tea-white": ("mug", {"shape": "tea", "saucer": True, "drink": "tea"}),
    "cup-tea-green": ("mug", {"shape": "tea", "colour": "#7fa38a", "saucer": True, "drink": "tea",
                              "inside": "#f4f1e6"}),
    "cup-espresso-brown": ("mug", {"shape": "espresso", "colour": "#5a3220", "saucer": True,
                                   "inside": "#f1ece0", "drink": "coffee"}),
    "cup-espresso-white": ("mug", {"shape": "espresso", "saucer": True, "drink": "coffee"}),
    "cup-paper": ("paper_cup", {}),
    "cup-paper-stack": ("paper_cup", {"count": 5}),
    "cup-travel": ("travel_mug", {}),
    "cup-enamel": ("mug", {"shape": "enamel", "speckle": "#33415f", "drink": "coffee"}),
    "cup-beaker": ("mug", {"shape": "beaker", "colour": "#5f7f86", "speckle": "#2c3f44",
                           "drink": "tea"}),
    "cup-black": ("mug", {"shape": "conic", "colour": "#17181a", "drink": "coffee"}),
    "cup-glass": ("mug", {"shape": "round", "clear": True, "drink": "tea", "level": 0.7}),
    "cup-pile": ("mug_pile", {}),
    "scissors-orange": ("scissors", {}),
    "scissors-blue": ("scissors", {"colour": "#1f5fae", "opening": 46}),
    "scissors-black": ("scissors", {"colour": "#17181a", "opening": 22}),
    "scissors-red": ("scissors", {"colour": "#c21f2a", "opening": 36, "size": 0.8}),
    "scissors-green": ("scissors", {"colour": "#3a9a4c", "opening": 60}),
    "scissors-steel": ("scissors", {"colour": "#8f9398", "opening": 14}),
    "bottle-water": ("bottle", {"kind": "water"}),
    "bottle-wine": ("bottle", {"kind": "wine"}),
    "bottle-beer": ("bottle", {"kind": "beer"}),
    "bottle-cork": ("bottle", {"kind": "cork"}),
    "bottle-milk": ("bottle", {"kind": "milk"}),
    "bottle-sport": ("bottle", {"kind": "sport"}),
    "bottle-sauce": ("bottle", {"kind": "sauce"}),
    "bottle-spray": ("bottle", {"kind": "spray"}),
    "bowl-white": ("bowl", {}),
    "bowl-fruit": ("bowl", {"fill": "fruit", "colour": "#3f6f8f"}),
    "bowl-soup": ("bowl", {"shape": "flat", "fill": "soup"}),
    "bowl-flakes": ("bowl", {"shape": "deep", "fill": "flakes", "bands": BLUE_BANDS}),
    "bowl-wood": ("bowl", {"timber": True, "colour": "#b9854f"}),
    "bowl-lemons": ("bowl", {"fill": "lemons", "colour": "#f3f1ea"}),
    "bowl-cuplike": ("bowl", {"shape": "cuplike", "colour": "#d8cdb8", "speckle": "#6b5a44"}),
    "bowl-green": ("bowl", {"shape": "deep", "colour": "#4f7a52", "inside": "#efe9d8"}),
    "screwdriver-red": ("screwdriver", {}),
    "screwdriver-yellow": ("screwdriver", {"colour": "#e6b51c", "length": 11}),
    "screwdriver-blue": ("screwdriver", {"colour": "#1f5fb8", "cross": True}),
    "screwdriver-slim": ("screwdriver", {"colour": "#2f8a4a", "slim": 0.55, "length": 7.5}),
    "screwdriver-clear": ("screwdriver", {"colour": "#e06a1c", "dark": "#e06a1c", "length": 6}),
    "key-brass": ("house_key", {}),
    "key-hex": ("house_key", {"bow": "hex", "seed": 4}),
    "key-old": ("skeleton_key", {}),
    "key-iron": ("skeleton_key", {"colour": "#5d5a56"}),
    "key-bunch": ("key_bunch", {}),
    "book-red": ("closed_book", {}),
    "book-blue": ("closed_book", {"colour": "#1f4f8c", "title": "THE\nSEA", "band": "#e9e2cf",
                                  "ink": "#1a2a3a"}),
    "book-green": ("closed_book", {"colour": "#2f5f45", "title": "BIRDS", "size": (12, 18, 4)}),
    "book-open": ("open_book", {"image": "page"}),
    "book-open-red": ("open_book", {"image": "page", "cover": "#8c2a2a"}),
    "book-stack": ("book_stack", {"seed": 3}),
    "book-stack-tall": ("book_stack", {"seed": 8, "count": 6}),
    "ball-football": ("ball", {}),
    "ball-basketball": ("ball", {"kind": "basketball"}),
    "ball-tennis": ("ball", {"kind": "tennis"}),
    "ball-baseball": ("ball", {"kind": "baseball"}),
    "ball-beach": ("ball", {"kind": "beach"}),
    "ball-golf": ("ball", {"kind": "golf"}),
    "ball-marbles": ("marbles", {}),
    "pot-mesh": ("pencil_pot", {}),
    "pot-wood": ("pencil_pot", {"pot": "wood", "seed": 5}),
    "pot-ceramic": ("pencil_pot", {"pot": "ceramic", "seed": 7, "count": 6}),
    "pot-tin": ("pencil_pot", {"pot": "tin", "seed": 9, "count": 9}),
    "syringe-yellow": ("syringe", {}),
    "syringe-blue": ("syringe", {"fluid": "#5aa8e0", "rod": "#3a76c0", "plunger": 5}),
    "syringe-empty": ("syringe", {"fluid": None, "plunger": 1.5, "rod": "#e07a2a"}),
    "spoon-steel": ("spoon", {}),
    "spoon-wood": ("spoon", {"timber": True, "size": 1.3}),
    "lamp-teal": ("desk_lamp", {}),
    "lamp-red": ("desk_lamp", {"colour": "#b5281f"}),
    "both-white": ("pens_in_cup", {"cup": {}, "pens": TRIO}),
    "both-blue": ("pens_in_cup", {"cup": {"shape": "conic", "colour": "#2a5f8f"}, "pens": DUO}),
    "both-enamel": ("pens_in_cup", {"cup": {"shape": "enamel"}, "pens": DUO[:3]}),
}  # fmt: skip


@dataclass
class Picture:
    """One row of the plan: what stands where, how it is lit and seen, and its words."""

    id: str
    label: str
    role: str
    things: list
    props: list
    setting: str
    light: str
    shape: str
    elevation: float
    fill: float
    caption: str
    alt: str
    tags: list
    lens: float = 60
    fstop: float = 8
    shift: tuple = (0, 0)
    exposure: float = 0.0

    @property
    def source(self):
        """The first object is what the picture shows."""
        return self.things[0][0]

    @property
    def path(self):
        """Path below data/."""
        return f"images/{self.id}.jpg"


def parse(text):
    """Read 'object x y turn [z pitch roll]; ...' into (object, placement) pairs."""
    out = []
    for item in filter(None, (part.split() for part in text.split(";"))):
        where = dict(
            zip(("x", "y", "rot", "z", "pitch", "roll"), map(float, item[1:]), strict=False)
        )
        out.append((item[0], where))
    return out


PLAN = []


def pic(label, things, scene, view, caption, what, tags="", props="", **more):
    """Add a picture: scene is 'setting light', view is 'shape elevation fill'."""
    number = 1 + sum(p.label == label for p in PLAN)
    setting, light = scene.split()
    shape, elevation, fill = view.split()
    marks = [t for t in tags.split() if t]
    if float(elevation) >= 70:
        marks.append("top-view")
    if float(elevation) <= 14:
        marks.append("eye-level")
    alt = what if what.endswith(".") else f"{what} {ON[setting]}, {LIT[light]}."
    PLAN.append(
        Picture(f"{label.replace(' ', '-')}-{number:02d}", label,
                "both" if label == "pen and cup" else "item", parse(things), parse(props), setting,
                light, shape, float(elevation), float(fill), caption, alt, marks, **more)
    )  # fmt: skip


# fmt: off
def plan_pens():
    """Pens."""
    pic("pen", "pen-blue-cap 0 0 25", "oak-table window", "landscape 42 .78",
        "Blue ball pen on oak",
        "A blue ball pen with its cap on lies slantwise across the picture")
    pic("pen", "pen-blue-cap 0 0 -38", "paper-desk overcast", "square 62 .8",
        "Blue ball pen on printed paper",
        "A capped blue ball pen, seen from well above, lies slantwise, its cap low on the right,")
    pic("pen", "pen-red-stick 0 0 38", "marble overcast", "square 50 .8",
        "Red ball pen on marble",
        "An open red ball pen, cap on its back end, lies slantwise, its point to the upper right")
    pic("pen", "pen-red-stick 0 0 12", "oak-table window", "landscape 24 .74",
        "Red pen in front of red cups",
        "A red ball pen lies in front; behind it stand two red cups, out of focus,", "hard",
        "cup-red -6 17 150; cup-red 7 21 20", fstop=4, shift=(0, -0.2))
    pic("pen", "pen-clear-hex 0 0 -30", "white-cloth window-right", "landscape 46 .8",
        "Clear ball pen with blue cap",
        "A clear six-sided ball pen with a blue ink tube and a blue cap on its end lies slantwise")
    pic("pen", "pen-clear-hex 0 0 -72", "green-mat overcast", "portrait 26 .85",
        "Clear ball pen seen from its point",
        "A clear ball pen points almost straight at the viewer, its blue cap far back and blurred,",
        "hard end-on", fstop=5)
    pic("pen", "pen-orange-hex 0 0 32", "dark-slate sun", "square 45 .82",
        "Orange ball pen on slate",
        "An orange ball pen with a blue cap on its end lies slantwise", exposure=0.2)
    pic("pen", "pen-clear-black 0 0 -20", "oak-table lamp", "landscape 38 .72",
        "Clear ball pen with black cap",
        "A clear ball pen with black ink and its black cap on lies a little slantwise")
    pic("pen", "pen-click-white 0 0 40", "blue-felt window", "square 48 .84",
        "White and blue click pen on felt",
        "A white click pen with a blue rubber grip and steel clip lies slantwise, point up right,")
    pic("pen", "pen-click-white 0 0 -28", "cluttered-desk overcast", "landscape 36 .5",
        "Click pen on a cluttered desk",
        "A white click pen with a blue grip lies in the middle", "hard clutter")
    pic("pen", "pen-click-black 0 0 28", "white-cloth sun", "landscape 40 .76",
        "Black click pen on white cloth",
        "A black click pen with steel clip and tip lies slantwise and throws a hard shadow")
    pic("pen", "pen-click-black 0 0 -40", "dark-slate dim", "square 50 .82",
        "Black click pen in the dark",
        "A black click pen with a steel clip lies slantwise, hard to make out,", "hard dark")
    pic("pen", "pen-click-steel 0 0 36", "green-mat window", "square 55 .84",
        "Steel click pen on a cutting mat",
        "A brushed steel click pen lies slantwise, point to the upper right,")
    pic("pen", "pen-fountain-burgundy 0 0 24", "marble window-right", "landscape 44 .74",
        "Burgundy fountain pen and its cap",
        "A wine-red fountain pen with a golden nib lies open, its cap in front of it,")
    pic("pen", "pen-fountain-black 0 0 -33", "paper-desk lamp", "square 42 .84",
        "Black fountain pen on printed paper",
        "A black fountain pen with golden nib and rings lies slantwise, nib low on the right,")
    pic("pen", "pen-fountain-blue 0 0 -50", "white-cloth backlight", "portrait 40 .72",
        "Blue fountain pen on white cloth",
        "A dark blue fountain pen with a steel nib points to the lower right, its cap beside it,",
        shift=(0, 0.06))
    pic("pen", "pen-marker-green 0 0 20", "cluttered-desk window", "landscape 40 .62",
        "Green felt-tip on a desk",
        "A green felt-tip marker with a white label lies open, its green cap in front of it,")
    pic("pen", "pen-marker-red 0 0 40", "marble bright", "square 58 .78",
        "Red felt-tip in glaring light",
        "A red felt-tip marker with a white label lies open beside its red cap", "hard bright")
    pic("pen", "pen-luxury 0 0 22", "blue-felt lamp", "landscape 36 .78",
        "Black and gold ball pen on felt",
        "A black lacquered ball pen with golden clip, ring and point lies slantwise")
    pic("pen", "pen-click-green 1.5 0 35; pen-orange-hex -1 5.5 10; pen-click-red 0 -7 -15",
        "cluttered-desk overcast", "square 52 .74", "Three pens together",
        "Three pens, an orange, a green and a red one, lie close together in the middle",
        "hard several clutter")
    pic("pen", "pen-click-red 0 0 55", "dark-slate window-right", "portrait 48 1.25",
        "Red click pen, partly out of frame",
        "A red click pen runs through the picture; its point and its button lie outside the frame",
        "hard cropped")
    pic("pen", "pen-luxury-gold 0 0 -24", "oak-table sun", "landscape 30 .7",
        "Golden ball pen in low sun",
        "A golden ball pen, not unlike the wood in colour, lies slantwise, point low on the right,",
        "hard")


def plan_cups():
    """Cups and mugs."""
    pic("cup", "cup-white 0 0 -30", "white-cloth window", "square 34 .74",
        "White mug on white cloth",
        "A white mug full of coffee stands with its handle to the right, white on white,", "hard")
    pic("cup", "cup-white 0 0 205", "oak-table overcast", "landscape 28 .78",
        "White coffee mug on oak",
        "A white mug of coffee stands in the middle, its handle to the left,")
    pic("cup", "cup-white-empty 0 0 35", "dark-slate window", "square 87 .7",
        "Empty mug from straight above",
        "An empty white mug is seen from straight above: a round rim and a handle,", "hard")
    pic("cup", "cup-red 0 0 -25", "oak-table sun", "square 26 .72",
        "Red mug in low sun",
        "A red mug, white inside, with coffee, stands with its handle to the right,",
        shift=(-0.06, 0))
    pic("cup", "cup-red 0 0 200", "marble window-right", "portrait 42 .8",
        "Red mug on marble",
        "A red mug with a white inside holds coffee, its handle to the left,")
    pic("cup", "cup-blue 0 0 -40", "green-mat overcast", "square 38 .72",
        "Blue round mug on a cutting mat",
        "A round blue mug with tea stands with its handle to the right front")
    pic("cup", "cup-yellow 0 0 -15", "blue-felt window", "portrait 22 .74",
        "Tall yellow mug on blue felt",
        "A tall yellow mug, empty, stands upright with its handle to the right")
    pic("cup", "cup-striped 0 0 215", "paper-desk window-right", "landscape 32 .76",
        "Striped mug on printed paper",
        "A round cream mug, banded orange and blue, full of milk coffee, handle to the left,",
        shift=(0.08, 0))
    pic("cup", "cup-pen-print 0 0 8", "marble window", "square 18 .8",
        "Mug with a printed pen",
        "A white mug of coffee with the picture of a blue fountain pen printed on it stands",
        "hard" )
    pic("cup", "cup-heart 0 0 -6", "cluttered-desk overcast", "landscape 26 .6",
        "Heart mug on a cluttered desk",
        "A white mug with a red heart and tea in it stands in the middle", "clutter")
    pic("cup", "cup-tea-white 0 0 -35", "white-cloth lamp", "landscape 32 .8",
        "Tea cup and saucer on white cloth",
        "A wide white tea cup with tea stands on its saucer")
    pic("cup", "cup-tea-green 0 0 -150", "oak-table window", "square 40 .82",
        "Green tea cup with saucer",
        "A pale green tea cup full of tea stands on a saucer, its handle to the left,")
    pic("cup", "cup-espresso-brown 0 0 -20", "marble backlight", "square 34 .76",
        "Brown espresso cup on marble",
        "A small brown espresso cup with coffee stands on its saucer")
    pic("cup", "cup-espresso-white 0 0 -60", "dark-slate lamp", "landscape 46 .62",
        "Espresso cup on slate",
        "A small white espresso cup with black coffee stands on a saucer", shift=(-0.1, 0))
    pic("cup", "cup-paper 0 0 0", "paper-desk overcast", "portrait 12 .78",
        "Paper coffee cup with lid",
        "A white take-away paper cup with brown sleeve and white lid stands, seen at eye level,")
    pic("cup", "cup-travel 0 0 -20", "cluttered-desk window", "portrait 20 .68",
        "Steel travel mug on a desk",
        "A steel travel mug with black lid and black handle stands", "clutter")
    pic("cup", "cup-enamel 0 0 -30", "green-mat sun", "landscape 30 .74",
        "Speckled enamel mug",
        "A white enamel mug with blue rim and dark speckles, with coffee, handle to the right,")
    pic("cup", "cup-beaker 0 0 0", "white-cloth sun", "square 36 .66",
        "Tea cup without handle",
        "A speckled blue-grey cup without a handle, full of tea, stands in the middle", "hard")
    pic("cup", "cup-black 0 0 -35", "blue-felt dim", "square 32 .76",
        "Black mug in the dark",
        "A black mug of coffee stands with its handle to the right, hard to make out,", "hard dark")
    pic("cup", "cup-pile 0 0 0", "cluttered-desk overcast", "portrait 24 .84",
        "A pile of four mugs",
        "Three mugs, red, blue and white, stand close together with a yellow one on top of them,",
        "hard several clutter")
    pic("cup", "cup-glass 0 0 -30", "oak-table backlight", "square 24 .74",
        "Glass cup of tea",
        "A round glass cup, most of it filled with brown tea, stands with its handle to the right")
    pic("cup", "cup-paper-stack 0 0 0", "dark-slate window-right", "portrait 22 .8",
        "Stack of paper cups, upside down",
        "Five white paper cups are stacked upside down", "hard several")


def plan_scissors_and_bottles():
    """Scissors and bottles."""
    pic("scissors", "scissors-orange 0 0 30", "oak-table window", "landscape 52 .78",
        "Orange scissors on oak", "Open scissors with orange handles lie with points to the right")
    pic("scissors", "scissors-orange 0 0 -40", "green-mat overcast", "square 60 .8",
        "Orange scissors on a cutting mat",
        "Open scissors with orange handles lie with the points to the lower right")
    pic("scissors", "scissors-blue 0 0 60", "white-cloth sun", "portrait 55 .8",
        "Blue scissors on white cloth",
        "Wide open scissors with blue handles lie with the points to the top")
    pic("scissors", "scissors-blue 0 0 160", "paper-desk overcast", "landscape 48 .74",
        "Blue scissors on printed paper",
        "Wide open scissors with blue handles lie with the points to the left")
    pic("scissors", "scissors-black 0 0 42", "marble window-right", "square 50 .84",
        "Black scissors on marble",
        "Black-handled scissors, slightly open, lie slantwise, points to the upper right,")
    pic("scissors", "scissors-black 0 0 -25", "cluttered-desk window", "landscape 45 .6",
        "Black scissors on a cluttered desk",
        "Black-handled scissors, slightly open, lie in the middle", "hard clutter")
    pic("scissors", "scissors-red 0 0 110", "blue-felt window", "square 62 .8",
        "Red scissors on blue felt",
        "Small open scissors with red handles lie with the points to the top")
    pic("scissors", "scissors-green 0 0 20", "dark-slate window", "square 55 .78",
        "Green scissors, wide open",
        "Scissors with green handles lie wide open, points to the right,")
    pic("scissors", "scissors-steel 0 0 28", "dark-slate lamp", "landscape 44 .76",
        "Steel-grey scissors, nearly closed",
        "Grey scissors, nearly closed, lie with the points to the right")
    pic("scissors", "scissors-red 0 0 -15", "marble bright", "landscape 50 .74",
        "Red scissors in glaring light",
        "Small open scissors with red handles lie with the points to the right", "hard bright")
    pic("bottle", "bottle-water 0 0 0", "oak-table window", "portrait 12 .84",
        "Water bottle on oak", "A clear plastic water bottle with blue cap and label stands")
    pic("bottle", "bottle-water 0 0 20 3.2 90", "blue-felt overcast", "landscape 38 .78",
        "Water bottle lying down",
        "A clear water bottle with blue cap and blue label lies on its side, cap to the right,",
        "hard" )
    pic("bottle", "bottle-wine 0 0 0", "white-cloth lamp", "portrait 10 .86",
        "Wine bottle on a white cloth",
        "A dark green wine bottle with a cream label and a red top stands upright")
    pic("bottle", "bottle-wine 0 0 0", "marble window-right", "portrait 26 .82",
        "Wine bottle on marble",
        "A dark wine bottle with a cream label and a red top stands, seen from slightly above,")
    pic("bottle", "bottle-beer 0 0 0", "cluttered-desk window", "portrait 16 .78",
        "Brown beer bottle on a desk",
        "A brown beer bottle with a golden cap and a yellow label stands in the middle", "clutter")
    pic("bottle", "bottle-cork 0 0 0", "dark-slate backlight", "square 14 .82",
        "Corked glass bottle",
        "A clear glass bottle with a cork, half full of an amber liquid, stands")
    pic("bottle", "bottle-milk 0 0 0", "green-mat overcast", "portrait 20 .8",
        "Milk bottle on a cutting mat", "A white bottle of milk with a silver top stands upright")
    pic("bottle", "bottle-sport 0 0 -30", "paper-desk window", "portrait 18 .82",
        "Teal drinking bottle",
        "A teal sports bottle with a black screw lid and carrying loop stands" )
    pic("bottle", "bottle-sauce 0 0 0", "oak-table sun", "square 16 .8",
        "Red sauce bottle in low sun",
        "A red squeeze bottle of sauce with a white pointed top stands upright")
    pic("bottle", "bottle-spray 0 0 25", "marble overcast", "portrait 14 .82",
        "Spray bottle with blue head",
        "A pale spray bottle with green label and blue spray head stands, nozzle to the right,")


def plan_bowls_and_tools():
    """Bowls, screwdrivers and keys."""
    pic("bowl", "bowl-white 0 0 0", "oak-table overcast", "landscape 34 .72",
        "Empty white bowl on oak", "A wide white bowl stands empty")
    pic("bowl", "bowl-white 0 0 0", "white-cloth window-right", "square 50 .74",
        "White bowl on white cloth", "An empty white bowl, white on white, stands", "hard")
    pic("bowl", "bowl-fruit 0 0 20", "marble window", "landscape 30 .72",
        "Bowl of apples and oranges", "A blue bowl heaped with apples and oranges stands")
    pic("bowl", "bowl-soup 0 0 0", "cluttered-desk overcast", "square 44 .72",
        "Bowl of tomato soup on a desk",
        "A flat white bowl of orange soup with green herbs stands", "clutter")
    pic("bowl", "bowl-flakes 0 0 0", "blue-felt window", "square 46 .72",
        "Bowl of cereal flakes", "A white bowl with blue bands, full of brown flakes, stands")
    pic("bowl", "bowl-wood 0 0 30", "dark-slate sun", "landscape 36 .7",
        "Wooden bowl on slate", "An empty wooden bowl with visible grain stands")
    pic("bowl", "bowl-lemons 0 0 0", "green-mat overcast", "square 38 .74",
        "Bowl of lemons", "A white bowl with a few lemons stands")
    pic("bowl", "bowl-cuplike 0 0 0", "paper-desk window", "square 32 .68",
        "Small bowl that looks like a cup",
        "A small, steep, speckled cream bowl without a handle stands like a cup", "hard")
    pic("bowl", "bowl-green 0 0 0", "oak-table lamp", "square 74 .72",
        "Green bowl from above", "A green bowl with a cream inside, empty, is seen from above",
        "hard" )
    pic("screwdriver", "screwdriver-red 0 0 28", "oak-table window", "landscape 42 .8",
        "Red screwdriver on oak",
        "A screwdriver with a red fluted handle lies slantwise, its flat tip to the upper right,",
        "hard pen-like")
    pic("screwdriver", "screwdriver-red 0 0 -35", "white-cloth sun", "square 52 .82",
        "Red screwdriver on white cloth",
        "A screwdriver with a red handle lies slantwise, tip to the lower right,")
    pic("screwdriver", "screwdriver-yellow 0 0 35", "dark-slate overcast", "square 46 .84",
        "Yellow screwdriver on slate",
        "A long screwdriver with a yellow handle lies slantwise, tip to the upper right,")
    pic("screwdriver", "screwdriver-blue 0 0 -22", "green-mat window", "landscape 44 .78",
        "Blue cross-tip screwdriver",
        "A screwdriver with a blue handle and a cross tip lies slantwise, tip low on the right,")
    pic("screwdriver", "screwdriver-slim 0 0 30", "paper-desk overcast", "landscape 48 .78",
        "Slim green screwdriver on paper",
        "A slim green screwdriver lies on the text just as a pen would", "hard pen-like")
    pic("screwdriver", "screwdriver-slim 0 0 -42", "blue-felt lamp", "square 50 .82",
        "Slim green screwdriver on felt",
        "A slim green screwdriver lies slantwise, tip to the lower right,", "hard pen-like")
    pic("screwdriver", "screwdriver-clear 0 0 38", "marble window-right", "square 48 .8",
        "Orange screwdriver on marble",
        "A short screwdriver with an orange handle lies slantwise, tip to the upper right,")
    pic("screwdriver", "screwdriver-blue 0 0 24", "cluttered-desk window", "landscape 40 .58",
        "Screwdriver on a cluttered desk",
        "A screwdriver with a blue handle lies in the middle", "hard clutter")
    pic("key", "key-brass 0 0 30", "oak-table window", "square 52 .76",
        "Brass door key on oak", "A brass door key with a round head lies slantwise, teeth below,")
    pic("key", "key-brass 0 0 -35", "blue-felt overcast", "landscape 58 .66",
        "Brass door key on felt", "A brass door key lies slantwise with its head at the upper left")
    pic("key", "key-hex 0 0 25", "green-mat window-right", "square 56 .78",
        "Brass door key on a cutting mat", "A brass door key with a six-sided head lies slantwise")
    pic("key", "key-old 0 0 35", "white-cloth window", "square 54 .82",
        "Old bronze key on white cloth",
        "A large old bronze key with a three-ringed head lies slantwise, bit at the upper right,")
    pic("key", "key-iron 0 0 -28", "marble overcast", "landscape 50 .76",
        "Old iron key on marble", "A large old iron key with a three-ringed head lies slantwise")
    pic("key", "key-old 0 0 20", "dark-slate lamp", "landscape 46 .74",
        "Old bronze key on slate", "A large old bronze key lies slantwise, its bit to the right,")
    pic("key", "key-bunch 0 0 15", "paper-desk window", "landscape 56 .8",
        "Bunch of keys on printed paper",
        "Three door keys on a steel ring with a brown leather tag lie spread out")
    pic("key", "key-bunch 0 0 -60", "cluttered-desk overcast", "square 50 .6",
        "Bunch of keys on a cluttered desk",
        "Three keys on a ring with a brown leather tag lie in the middle", "hard clutter")


def plan_books_and_balls():
    """Books and balls."""
    pic("book", "book-red 0 0 -18", "oak-table window", "square 46 .8",
        "Red book on oak", "A closed red book with the golden title ATLAS lies flat")
    pic("book", "book-blue 0 0 14", "white-cloth overcast", "portrait 55 .8",
        "Blue book on white cloth", "A closed blue book titled THE SEA lies flat")
    pic("book", "book-blue 0 0 -12 10.25 0 80", "dark-slate window", "portrait 16 .78",
        "Blue book standing upright",
        "A blue book titled THE SEA stands upright, facing the viewer," )
    pic("book", "book-green 0 0 24", "green-mat sun", "square 42 .78",
        "Thick green book on a cutting mat", "A thick green book titled BIRDS lies closed")
    pic("book", "book-open 0 0 -8", "blue-felt lamp", "landscape 44 .8",
        "Open book on blue felt", "An open book shows two pages of print")
    pic("book", "book-open-red 0 0 15", "cluttered-desk window", "landscape 50 .74",
        "Open book on a cluttered desk", "An open book with a red cover shows two printed pages",
        "hard clutter")
    pic("book", "book-stack 0 0 8", "marble window-right", "square 20 .78",
        "Stack of four books", "Four hardback books lie in a stack, their spines to the viewer,")
    pic("book", "book-stack-tall 0 0 -14", "paper-desk overcast", "portrait 16 .82",
        "Tall stack of books",
        "Six books in different colours lie in a tall stack, spines in front," )
    pic("ball", "ball-football 0 0 10", "oak-table window", "square 22 .72",
        "Football on oak", "A black and white football lies")
    pic("ball", "ball-football 0 0 100", "green-mat overcast", "landscape 30 .74",
        "Football on a cutting mat", "A football with black and white panels lies")
    pic("ball", "ball-basketball 0 0 20", "dark-slate window-right", "square 20 .74",
        "Basketball on slate", "An orange basketball with black seams lies")
    pic("ball", "ball-tennis 0 0 40", "blue-felt window", "square 34 .62",
        "Tennis ball on blue felt", "A yellow-green tennis ball with a pale seam lies")
    pic("ball", "ball-baseball 0 0 0", "white-cloth sun", "square 30 .66",
        "Baseball on white cloth", "A cream baseball with red stitches lies")
    pic("ball", "ball-beach 0 0 0", "paper-desk bright", "landscape 24 .76",
        "Beach ball in glaring light", "A shiny beach ball with red, white and blue stripes lies",
        "hard bright")
    pic("ball", "ball-marbles 0 0 0", "marble window", "landscape 44 .7",
        "Five glass marbles", "Five glass marbles with coloured twists inside lie", "several")
    pic("ball", "ball-golf 0 0 0", "cluttered-desk lamp", "square 28 .5",
        "Golf ball on a cluttered desk", "A white golf ball lies in the middle", "hard clutter")


def plan_the_rest():
    """Pencil pots, syringes, spoons, lamps, and pens in cups."""
    pic("pencil pot", "pot-mesh 0 0 0", "oak-table window", "portrait 16 .84",
        "Wire pot full of pencils", "A black wire pot holds a handful of sharp coloured pencils",
        "hard" )
    pic("pencil pot", "pot-wood 0 0 0", "white-cloth window-right", "portrait 22 .84",
        "Wooden pencil pot", "A round wooden pot holds coloured pencils, points up,", "hard")
    pic("pencil pot", "pot-ceramic 0 0 0", "cluttered-desk overcast", "square 20 .78",
        "Ceramic pencil pot on a desk", "A speckled green pot holds sharpened pencils, points up,",
        "hard clutter")
    pic("pencil pot", "pot-tin 0 0 0", "marble overcast", "portrait 30 .84",
        "Tin of pencils on marble", "A red tin holds sharpened pencils, points up,", "hard")
    pic("pencil pot", "pot-mesh 0 0 60", "dark-slate lamp", "square 26 .82",
        "Pencils in a wire pot on slate", "A black wire pot holds a handful of coloured pencils",
        "hard dark" )
    pic("syringe", "syringe-yellow 0 0 28", "oak-table overcast", "landscape 46 .8",
        "Syringe with yellow liquid",
        "A clear syringe with yellow liquid lies slantwise like a pen, needle to the upper right,",
        "hard pen-like")
    pic("syringe", "syringe-yellow 0 0 -35", "green-mat window", "square 54 .82",
        "Syringe on a cutting mat",
        "A clear syringe with yellow liquid lies slantwise, needle low on the right,",
        "hard pen-like" )
    pic("syringe", "syringe-blue 0 0 24", "white-cloth window-right", "landscape 44 .8",
        "Syringe with blue plunger",
        "A syringe with a blue plunger and blue liquid lies slantwise, needle to the right,",
        "hard pen-like")
    pic("syringe", "syringe-blue 0 0 -40", "dark-slate window", "square 50 .84",
        "Blue syringe on slate",
        "A syringe with a blue plunger lies slantwise, needle to the lower right,", "hard pen-like")
    pic("syringe", "syringe-empty 0 0 30", "paper-desk window", "landscape 48 .8",
        "Empty syringe on printed paper",
        "An empty syringe with an orange plunger lies on the text, needle to the upper right,",
        "hard pen-like")
    pic("spoon", "spoon-steel 0 0 30", "oak-table window", "landscape 48 .8",
        "Steel spoon on oak", "A steel table spoon lies slantwise, its bowl at the upper right,")
    pic("spoon", "spoon-steel 0 0 -38", "blue-felt overcast", "square 52 .82",
        "Steel spoon on blue felt",
        "A steel table spoon lies slantwise, its bowl low on the right," )
    pic("spoon", "spoon-wood 0 0 40", "marble window-right", "square 50 .84",
        "Wooden spoon on marble", "A wooden spoon lies slantwise, its bowl at the upper right,")
    pic("lamp", "lamp-teal 0 0 0", "oak-table dim", "portrait 12 .84",
        "Teal desk lamp, lit",
        "A teal desk lamp with a jointed arm stands lit, shade to the right," )
    pic("lamp", "lamp-red 0 0 200", "paper-desk overcast", "square 14 .84",
        "Red desk lamp on paper", "A red desk lamp with a jointed arm stands, shade to the left,")
    pic("lamp", "lamp-teal 0 0 155", "cluttered-desk window", "square 16 .82",
        "Teal lamp on a cluttered desk", "A teal desk lamp stands lit, its shade to the left,",
        "clutter")
    pic("pen and cup", "both-white 0 0 -30", "oak-table window", "portrait 22 .84",
        "Three pens in a white mug",
        "A capped blue pen and two pens with points up stand in a white mug, handle to the right,",
        "hard")
    pic("pen and cup", "both-blue 0 0 -25", "white-cloth overcast", "portrait 26 .84",
        "Four pens in a blue mug", "Four pens stand in a tall blue mug", "hard")
    pic("pen and cup", "cup-yellow 0 0 -30; pen-click-black -9.5 -3 -62", "marble window-right",
        "square 36 .8", "Pen beside a yellow mug",
        "A black click pen lies to the left of an empty yellow mug", "hard")
    pic("pen and cup", "both-enamel 0 0 -30", "cluttered-desk window", "portrait 24 .78",
        "Three pens in an enamel mug", "Three pens stand in a white enamel mug with a blue rim",
        "hard clutter")
# fmt: on


# original, what was done, words for the caption
COPIES = [
    ("pen-03", "cropped"), ("pen-03", "mirrored"), ("pen-09", "recompressed"),
    ("pen-14", "recoloured"), ("pen-14", "small"), ("cup-04", "cropped"),
    ("cup-04", "recoloured"), ("cup-08", "mirrored"),
    ("cup-08", "watermarked"), ("cup-12", "recompressed"), ("scissors-01", "mirrored"),
    ("scissors-01", "recompressed"), ("bottle-09", "cropped"), ("bottle-09", "small"),
    ("book-07", "watermarked"), ("ball-03", "recoloured"),
]  # fmt: skip
DONE = {
    "cropped": "cropped to 80 %", "mirrored": "mirrored", "recompressed": "JPEG quality 18",
    "recoloured": "brighter, warmer", "small": "160 pixels", "watermarked": "with a text band",
}  # fmt: skip
TOLD = {
    "cropped": "cropped to the middle 80 per cent", "mirrored": "mirrored left to right",
    "recompressed": "saved again as a coarse JPEG of quality 18",
    "recoloured": "made brighter and warmer", "small": "made smaller, 160 pixels wide or high",
    "watermarked": "with a band of text laid over its lower edge",
}  # fmt: skip


def make_copy(source, target, how):
    """Make a near-duplicate of a picture with Pillow."""
    image = Image.open(source).convert("RGB")
    width, height = image.size
    quality = 88
    if how == "cropped":
        x, y = int(width * 0.11), int(height * 0.09)
        image = image.crop((x, y, x + int(width * 0.8), y + int(height * 0.8)))
    elif how == "mirrored":
        image = ImageOps.mirror(image)
    elif how == "recompressed":
        quality = 18
    elif how == "recoloured":
        red, green, blue = ImageEnhance.Brightness(image).enhance(1.2).split()
        image = Image.merge("RGB", (red.point(lambda v: min(255, int(v * 1.1))), green,
                                    blue.point(lambda v: int(v * 0.82))))  # fmt: skip
    elif how == "small":
        image.thumbnail((160, 160), Image.Resampling.LANCZOS)
    else:
        band = Image.new("RGBA", image.size, (0, 0, 0, 0))
        draw = ImageDraw.Draw(band)
        draw.rectangle((0, height - 34, width, height - 12), fill=(255, 255, 255, 110))
        draw.text((10, height - 32), "course pictures  copy", (20, 20, 20, 200),
                  font=ImageFont.load_default(15))  # fmt: skip
        image = Image.alpha_composite(image.convert("RGBA"), band).convert("RGB")
    image.save(target, quality=quality)


def samples(spec):
    """Render samples a pixel: the case study's pens and cups get more."""
    return 24 if spec.label in ("pen", "cup", "pen and cup") else 16


def render_one(job):
    """Render one picture or control in a worker process."""
    spec, path, count, hide = job
    sys.path.insert(0, str(HERE))
    import blender_scenes

    start = time.time()
    try:
        blender_scenes.render(spec, OBJECTS, path, count, hide)
    except Exception as error:  # report it and go on with the other pictures
        return f"FAILED {path.relative_to(DATA)} {error!r}"
    return f"{path.relative_to(DATA)} {time.time() - start:.1f} s"


def rows():
    """Catalogue rows of all pictures whose file exists."""
    out = []
    fixed = {"kind": "image", "license": "CC-BY-4.0"}
    plan = {p.id: p for p in PLAN}
    for p in PLAN:
        out.append(fixed | {"path": p.path, "label": p.label, "role": p.role, "source": p.source,
                   "setting": p.setting, "tags": ";".join(p.tags), "caption": p.caption,
                   "alt": p.alt, "made": MADE})  # fmt: skip
    for p in PLAN:
        if p.role == "item" and p.label in ("pen", "cup"):
            alt = f"The scene of {p.id} with its objects taken away: an empty place {ON[p.setting]}"
            out.append(fixed | {"path": f"images/control/{p.id}.jpg", "label": "background",
                       "role": "control", "source": p.source, "setting": p.setting,
                       "tags": "empty", "caption": f"Empty scene of {p.id}",
                       "alt": f"{alt}, {LIT[p.light]}.", "made": MADE})  # fmt: skip
    for original, how in COPIES:
        p = plan[original]
        alt = f"The same picture as {original}, {TOLD[how]}; its original: "
        alt += p.alt[0].lower() + p.alt[1:]
        out.append(fixed | {"path": f"images/{original}-{how}.jpg", "label": p.label,
                   "role": "near-duplicate", "source": p.source, "setting": p.setting,
                   "tags": ";".join([how] + p.tags), "caption": f"{original}, {DONE[how]}",
                   "alt": alt,
                   "made": f"Made from {p.path} by data/make/images.py"})  # fmt: skip
    return [row for row in out if (DATA / row["path"]).exists()]


def write_catalog():
    """Replace the image rows of catalog.csv, keep other kinds and the pictures of places.py."""
    path = DATA / "catalog.csv"
    others = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            others = [row for row in csv.DictReader(file)
                      if row["kind"] != "image" or row["path"].startswith(PLACES)]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows() + others)


def main():
    """Read the arguments, render what is asked for, write the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="ID", help="picture ids, such as pen-03")
    parser.add_argument("--jobs", type=int, default=2, help="pictures rendered at the same time")
    parser.add_argument("--samples", type=int, help="render samples a pixel, if not the usual")
    parser.add_argument("--force", action="store_true", help="make files again that exist")
    parser.add_argument("--list", action="store_true", help="print the plan and stop")
    args = parser.parse_args()
    for part in (plan_pens, plan_cups, plan_scissors_and_bottles, plan_bowls_and_tools,
                 plan_books_and_balls, plan_the_rest):  # fmt: skip
        part()
    if args.list:
        for p in PLAN:
            print(p.id, p.source, p.setting, p.light, ";".join(p.tags), p.caption, sep="\t")
        return
    unknown = set(args.only or ()) - {p.id for p in PLAN}
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    jobs = []
    for p in PLAN:
        if args.only and p.id not in args.only:
            continue
        jobs.append((p, DATA / p.path, args.samples or samples(p), False))
    for p in PLAN:
        if args.only and p.id not in args.only:
            continue
        if p.role == "item" and p.label in ("pen", "cup"):
            jobs.append((p, DATA / f"images/control/{p.id}.jpg", args.samples or 8, True))
    jobs = [job for job in jobs if args.force or not job[1].exists()]
    with multiprocessing.get_context("spawn").Pool(args.jobs, maxtasksperchild=25) as pool:
        for done, line in enumerate(pool.imap_unordered(render_one, jobs), 1):
            print(f"{done}/{len(jobs)} {line}", flush=True)
    for original, how in COPIES:
        source, target = DATA / f"images/{original}.jpg", DATA / f"images/{original}-{how}.jpg"
        wanted = not args.only or original in args.only
        if wanted and source.exists() and (args.force or not target.exists()):
            make_copy(source, target, how)
    write_catalog()


if __name__ == "__main__":
    main()
