"""Make pictures of places: parks, playgrounds, sea, rivers, waterfalls, fountains, lakes.

    python data/make/places.py                      render what is missing, write data/catalog.csv
    python data/make/places.py --only place-sea-1   render one picture if it is missing
    python data/make/places.py --force --threads 4  render everything again

The pictures show the kinds of places in which the clips of videos.py are set, but none of their
scenes: another arrangement, camera and light, and nobody is there. So a search can start with a
picture and look for clips. Things and materials come from blender_children.py (parks) and
blender_water.py (water). One Blender unit is one metre. Needs bpy, Pillow and numpy (see README.md
here); the course itself never runs this.
"""

import argparse
import csv
import io
import math
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
DATA = HERE.parent
sys.path.insert(0, str(HERE))

import blender_children as kids  # noqa: E402
import blender_film as film  # noqa: E402
import blender_objects as bo  # noqa: E402
import blender_water as wet  # noqa: E402
from blender_figure import Solid  # noqa: E402

COLUMNS = "path,kind,label,role,source,setting,tags,caption,alt,license,made".split(",")
MADE = "Rendered with Blender 5.0.1 (Cycles) by data/make/places.py"
SIZE = (400, 300)

# more skies, as in blender_film.SKIES; the sun's azimuth: 0 from the right, 90 from behind
film.SKIES |= {
    "afternoon": ("#2a64b8", "#cfe0ea", "#ffffff", 0.25, 0.95, (42, 305, 3.6, "#ffeecb", 1.0), 0.0),
    "clear": ("#1f62c0", "#b4d6f0", "#ffffff", 0.1, 0.95, (58, 165, 3.8, "#fff6e6", 1.0), 0.0),
    "haze": ("#8fb0d0", "#e3e8ea", "#f4f6f7", 0.6, 1.05, (46, 335, 2.6, "#fff6e6", 4), 0.1),
    "gold": ("#5a86bc", "#f4dcae", "#ffe9c4", 0.4, 0.85, (22, 320, 3.6, "#ffd08e", 1.5), 0.2),
}


@dataclass
class Place:
    """One row of the plan.

    Attributes:
        id: File name without suffix, such as "place-sea-1"; also the source.
        label: "park", "sea", "river", "waterfall", "fountain" or "lake".
        setting: The place, such as "city-park".
        caption: At most 40 characters.
        alt: What is seen, one full sentence.
        build: Makes the scene, sets the camera; returns an update function of time or None.
        light: A key of blender_film.SKIES.
        mirrored: Whether the picture is turned left to right.
        moment: The time in seconds for which moving water is computed.
        samples: Render samples a pixel.
    """

    id: str
    label: str
    setting: str
    caption: str
    alt: str
    build: Callable
    light: str = "noon"
    mirrored: bool = False
    moment: float = 37.3
    samples: int = 40
    fps: int = 16
    count: int = 1

    @property
    def seed(self):
        """A number that follows from the id, so that a rerun makes the same picture."""
        return zlib.crc32(self.id.encode()) % 100000

    @property
    def path(self):
        """Where the picture is, seen from the data folder."""
        return f"images/{self.id}.jpg"


# ------------------------------------------------------------------ parks


class Group:
    """Things made inside `with Group(x, y, turn)` are turned about the origin and moved there."""

    def __init__(self, x=0.0, y=0.0, turn=0.0):
        """Remember the place; `turn` in degrees."""
        self.place, self.turn = (x, y, 0), math.radians(turn)

    def __enter__(self):
        """Note what is there already."""
        self.before = set(bpy.context.scene.objects)
        return self

    def __exit__(self, *_):
        """Move what is new."""
        root = bo.empty("group")
        for thing in set(bpy.context.scene.objects) - self.before - {root}:
            if thing.parent is None:
                thing.parent = root
        root.location, root.rotation_euler[2] = self.place, self.turn


def track(kind, centre, half, y0, y1):
    """A path over a lawn, away from the camera; centre(y) is its middle."""
    line = np.linspace(y0, y1, 60)
    left = [(float(centre(y) - half), float(y)) for y in line]
    right = [(float(centre(y) + half), float(y)) for y in line]
    return kids.patch(kind, left + right[::-1], 0.006)


def petals(seed, low, high, count, colours, tall=(0.06, 0.16), height=None, size=(0.02, 0.035),
           keep=lambda x, y: True):  # fmt: skip
    """Flowers in the grass: small discs, a little turned to the viewer."""
    rng = np.random.default_rng(seed)
    solid = Solid()
    ring = np.linspace(0, 2 * math.pi, 7, endpoint=False)
    for colour in colours:
        mat = bo.principled(colour, rough=0.8)
        for x, y in rng.uniform(low, high, (count // len(colours), 2)):
            if not keep(x, y):
                continue
            z = rng.uniform(*tall) + (float(height(x, y)) if height else 0)
            r, tilt = rng.uniform(*size), rng.uniform(0.1, 1.0)
            solid.add([(x + r * math.cos(a), y + r * math.sin(a), z + tilt * r * math.sin(a))
                       for a in ring], [tuple(range(7))], mat)  # fmt: skip
    return solid.finish("flowers", 0)


def flower_bed(seed, x, y, wide, deep, colours):
    """A bed of flowers with a rim of stone."""
    kids.patch("autumn", kids.oval(x, y, wide, deep), 0.01)
    solid, stone = Solid(), bo.principled("#b5aa98", rough=0.9)
    a = np.linspace(0, 2 * math.pi, 49)
    line = np.stack([x + wide * np.cos(a), y + deep * np.sin(a), 0 * a + 0.04], 1)
    solid.tube(line, 0.07, stone, 8)
    rng = np.random.default_rng(seed)
    leaf = bo.principled("#3f7a34", rough=0.9)
    mats = [bo.principled(c, rough=0.7) for c in colours]
    for _ in range(300):
        r, v = math.sqrt(rng.random()) * 0.92, rng.uniform(0, 2 * math.pi)
        px, py, z = x + r * wide * math.cos(v), y + r * deep * math.sin(v), rng.uniform(0.12, 0.28)
        solid.ball((px, py, z * 0.5), (0.09, 0.09, z * 0.5), leaf, None, 5, 7)
        solid.ball((px, py, z), (0.055, 0.055, 0.04), mats[rng.integers(len(mats))], None, 5, 8)
    return solid.finish("bed", 60)


def path_park(place):
    """A winding path through a park, with lamps, benches and big trees."""
    kids.ground("grass")

    def centre(y):
        return 0.4 + 1.9 * np.sin(0.16 * y - 0.5) * np.minimum(1, (y + 4) / 8)

    track("paving", centre, 0.95, -6, 34)
    kids.grove(place.seed, [(-4.6, 4.5, 1.25), (5.6, 7.0, 1.4), (-6.6, 11, 1.3), (7.6, 15, 1.5),
                            (-3.4, 19, 1.3), (-10, 7, 1.2), (11, 10, 1.2)])  # fmt: skip
    kids.tree_line(place.seed + 3, 32, -34, 34, 3.2, 1.6)
    for y in (5.4, 14.5):
        kids.lamp_post(float(centre(y)) - 1.45, y)
    kids.bench(float(centre(8.0)) + 1.7, 8.0, -65)
    kids.bench(float(centre(12)) - 1.7, 12, 70)
    kids.tufts(place.seed, (-4.5, -3), (5, 6), keep=lambda x, y: abs(x - centre(y)) > 1.35)
    film.camera((-0.4, -4.6, 1.65), (0.5, 6, 1.25), 30)


def swing_park(place):
    """An empty swing at the edge of a park, its seats hanging still."""
    kids.ground("grass")
    kids.patch("sand", [(-2.6, -0.9), (2.5, -0.9), (2.5, 2.9), (-2.6, 2.9)], edge="#8a6a48")
    with Group(0.0, 1.0, 78):
        kids.swing_frame(3.0, 2.3, "green", "blue")
        for y, seat, begin in ((-0.7, "yellow", 0.01), (0.7, "orange", 0.985)):
            kids.Swing(None, 0, y, 2.3, seat=seat, begin=begin).update(0)
    kids.grove(place.seed, [(-5.0, 6.0, 1.2), (4.6, 7.5, 1.3), (0.6, 11, 1.2), (8, 5, 1.0)],
               ("dark", "summer", "summer"))  # fmt: skip
    kids.tree_line(place.seed + 4, 22, -26, 26, 2.9, 1.4, ("summer", "summer", "dark"))
    kids.fence(15, -24, 24, "#8f6f4c", 1.0)
    kids.bench(3.9, 3.6, -35)
    kids.tufts(place.seed, (-4.5, -3.2), (4.5, 4.5),
               keep=lambda x, y: not (-2.9 < x < 2.8 and -1.2 < y < 3.2))  # fmt: skip
    film.camera((1.6, -4.6, 1.5), (-0.15, 1.4, 1.15), 33)


def slide_park(place):
    """An empty slide on a meadow, seen from its lower end."""
    kids.ground("grass")
    kids.patch("sand", kids.oval(0, 0.3, 2.9, 2.2))
    with Group(0.2, 0.8, 214):
        kids.slide_frame("blue", "orange", "red", "yellow")
    kids.grove(place.seed, [(-4.8, 5.2, 1.15), (3.2, 8.5, 1.35), (6.6, 4.8, 1.0), (-1.6, 12, 1.3)])
    kids.tree_line(place.seed + 5, 24, -28, 44, 3.0, 1.5, ("dark", "summer", "dark"))
    kids.tufts(place.seed, (-4.5, -3.2), (4.5, 4.2),
               keep=lambda x, y: (x / 2.95) ** 2 + ((y - 0.3) / 2.25) ** 2 > 1.05)  # fmt: skip
    petals(place.seed, (-4, -3), (4, 5), 120, ("#f6f3e6", "#f2cf3a"), (0.05, 0.1),
           keep=lambda x, y: (x / 3.0) ** 2 + ((y - 0.3) / 2.3) ** 2 > 1.1)  # fmt: skip
    film.camera((-2.3, -4.0, 1.75), (0.25, 0.9, 1.05), 33)


def playground_park(place):
    """A playground without anybody: roundabout in front, climbing frame and seesaw behind."""
    kids.ground("grass")
    kids.patch("sand", kids.oval(0.2, 2.0, 6.2, 3.7))
    with Group(1.6, 0.4):
        kids.Roundabout([], 0, 0, ("green", "yellow"), begin=40).update(0)
    with Group(-2.2, 2.9, 24):
        kids.climbing_frame("blue", "orange", "red")
    with Group(3.7, 4.6, -12):
        kids.Seesaw(None, None, 0, 0, "violet").update(1.75)
    kids.grove(place.seed, [(-6.4, 7.0, 1.2), (7.2, 7.6, 1.3), (0.8, 10.5, 1.3), (-10, 12, 1.4)],
               ("summer", "dark", "summer"))  # fmt: skip
    kids.tree_line(place.seed + 6, 20, -26, 26, 2.8, 1.3)
    kids.bench(-0.2, 6.6, 4)
    kids.tufts(place.seed, (-5, -3.4), (5, 1.2),
               keep=lambda x, y: ((x - 0.2) / 6.9) ** 2 + ((y - 2) / 4.4) ** 2 > 1)  # fmt: skip
    film.camera((-0.6, -4.9, 2.3), (0.2, 2.2, 0.85), 29)


def bench_park(place):
    """A bench in the shade of two large trees, a wide lawn behind."""
    kids.ground("grass")
    kids.grove(place.seed, [(-2.7, 2.3, 1.15), (3.6, 3.6, 1.35), (-7.4, 10, 1.3), (0.6, 17, 1.3),
                            (9.4, 13, 1.4)], ("summer", "dark", "summer"))  # fmt: skip
    kids.tree_line(place.seed + 7, 30, -32, 32, 3.2, 1.5)
    with Group(0.35, 1.4, -14):
        kids.bench(0, 0, colour="#a5622f")
    kids.patch("paving", kids.oval(0.3, 1.0, 1.6, 0.95), 0.006)
    rng = random.Random(place.seed)
    kids.tufts(place.seed, (-5, -2.6), (5, 6.5),
               keep=lambda x, y: ((x - 0.3) / 1.75) ** 2 + ((y - 1) / 1.05) ** 2 > 1)  # fmt: skip
    for k in range(3):
        petals(place.seed + k, (-5 + 3 * k, -1 + rng.random()), (-2 + 3 * k, 4), 60,
               (("#f6f3e6",), ("#f2cf3a",), ("#d8a8e0",))[k], (0.05, 0.12), size=(0.015, 0.025),
               keep=lambda x, y: ((x - 0.3) / 1.75) ** 2 + ((y - 1) / 1.05) ** 2 > 1)  # fmt: skip
    bpy.context.scene.view_settings.exposure += 0.25
    film.camera((-0.9, -3.4, 1.35), (0.4, 2.2, 1.2), 30)


def fenced_park(place):
    """A fenced lawn with a seesaw, a hedge and a flower bed."""
    kids.ground("grass")
    with Group(-0.5, 0.9, 28):
        kids.Seesaw(None, None, 0, 0, "green").update(0.62)
    kids.fence(4.8, -16, 16, "#e8e6de", 0.85)
    root = bo.empty("hedge")
    wet.hedge(root, -16, 16, 6.4, 1.3, place.seed, ("#2a5a24", "#5f9440"))
    flower_bed(place.seed, 2.7, 2.7, 1.25, 0.75, ("#d8352b", "#f2c52e", "#f4f1e6", "#c65fa0"))
    kids.house(-8.5, 15, 8, 3.6, "#efe6d2", "#8f4a38")
    kids.grove(place.seed, [(-4.4, 3.2, 0.95), (5.8, 8.6, 1.25), (0.4, 10, 1.2), (-2.4, 12, 1.3),
                            (9, 11, 1.3)], ("summer", "dark", "summer"))  # fmt: skip
    kids.tree_line(place.seed + 8, 26, -30, 30, 3.0, 1.3)
    kids.tufts(place.seed, (-4.5, -3), (4.5, 4.4),
               keep=lambda x, y: ((x - 2.7) / 1.3) ** 2 + ((y - 2.7) / 0.8) ** 2 > 1)  # fmt: skip
    film.camera((-1.5, -3.9, 1.6), (0.35, 1.8, 0.75), 31)


def flower_meadow(place):
    """A rolling green meadow full of flowers, with single trees and hills far behind."""
    root = bo.empty("meadow")
    rng = np.random.default_rng(place.seed)

    def height(x, y):
        near = wet.step(2, 14, y)
        return near * (1.6 * (wet.fractal(x * 0.06 + 3, y * 0.06, 12, 2) - 0.45)) + 0.06 * (
            wet.fractal(x * 0.7, y * 0.7, 5, 3) - 0.5)  # fmt: skip

    x, y = wet.flat(-60, 60, -5, 90, 0.7)
    wet.Sheet(root, x, y, height(x, y), wet.mottled("#5f9438", "#74ab44", 0.5, third="#8abb52"))
    gx, gy, gz = wet.scatter(rng, 15000, -7, 7, -3.2, 9, height)
    wet.blades(root, gx, gy, gz, wet.mottled("#4f8a2c", "#93c24e", 3), 1, 0.17, 0.018)
    gx, gy, gz = wet.scatter(rng, 9000, -16, 16, 8, 24, height)
    wet.blades(root, gx, gy, gz, wet.mottled("#5a9434", "#93c24e", 3), 2, 0.2, 0.03)
    petals(place.seed, (-5, -3), (5, 9), 620, ("#f6f3e6", "#f2cf3a", "#d8412f", "#8f6fd0"),
           (0.14, 0.26), height, (0.03, 0.05))  # fmt: skip
    petals(place.seed + 1, (-9, 8), (9, 20), 400, ("#f6f3e6", "#f2cf3a", "#d8412f"),
           (0.2, 0.3), height, (0.05, 0.07))  # fmt: skip
    trees = [wet.broadleaf(place.seed + k, ("#35702a", "#78ab48"), leaves=2600) for k in range(3)]
    spots = [(-6.5, 14, 1.2), (5.2, 20, 1.3), (7.6, 21.5, 1.1), (-1.5, 34, 1.3), (-16, 27, 1.5),
             (16, 36, 1.4), (13, 33, 1.2)]  # fmt: skip
    for k, (tx, ty, size) in enumerate(spots):
        wet.shared(root, trees[k % 3], [(tx, ty, float(height(tx, ty)) - 0.1, 80 * k, size)])
    wet.forest(root, place.seed, trees, 60, -70, 70, 62, 80, height, (1.0, 1.5))
    wet.hills(root, 260, 42, "#7fa0b0", 21)
    film.camera((0, -4.2, 1.7), (0.2, 8, 1.15), 28)


# ------------------------------------------------------------------ the sea


def sailing_boat(root, x, y, size=1.0, hull="#f2efe8", sail="#fbfaf5", turn=0.0):
    """A small yacht far out."""
    part = bo.empty("yacht", root)
    part.location, part.rotation_euler[2] = (x, y, 0), math.radians(turn)
    part.scale = (size,) * 3
    deck = [(-3, 0), (-2.6, 0.9), (0.8, 1.0), (3.6, 0), (0.8, -1.0), (-2.6, -0.9)]
    points = [(a * 0.9, b * 0.7, -0.4) for a, b in deck] + [(a, b, 0.8) for a, b in deck]
    faces = [(k, (k + 1) % 6, 6 + (k + 1) % 6, 6 + k) for k in range(6)] + [tuple(range(6, 12))]
    bo.mesh(part, points, faces, bo.principled(hull, rough=0.4), 30)
    cloth = bo.principled(sail, rough=0.9, emit=0.12)
    bo.mesh(part, [(0.2, 0, 1.5), (-2.7, 0.5, 1.6), (0.2, 0.1, 9), (0.5, 0, 1.3), (3.4, 0, 1.0),
                   (0.5, 0.1, 7.6)], [(0, 1, 2), (3, 4, 5)], cloth, 30, weld=False)  # fmt: skip
    bo.tube(part, [(0.35, 0, 0.7), (0.35, 0, 9.3)], 0.07, bo.principled("#8a7355"), smooth=False)


def groyne_beach(place):
    """A beach with a row of old wooden posts that runs into the surf."""
    update = wet.sea(False)(place)
    root = bo.empty("posts")
    rng = np.random.default_rng(place.seed)
    timber = bo.wood("#5f5040", "#392e25", 0.05, "z")
    for k in range(30):
        y = -0.6 + 0.42 * k
        top = 0.85 - 0.02 * k + rng.uniform(-0.2, 0.14)
        bo.tube(root, [(-1.75 + 0.02 * k, y, -1), (-1.75 + 0.02 * k + rng.normal(0, 0.02), y, top)],
                rng.uniform(0.08, 0.12), timber, smooth=False)  # fmt: skip
    stone = wet.mottled("#6f675c", "#b5aa98", 12)
    for k in range(90):
        x, y = rng.uniform(-3, 3), rng.normal(-0.9, 0.5)
        wet.shared(root, wet.rock(place.seed + k % 12, stone, 0.5),
                   [(x, y, 0.075 * (2.4 - y), rng.uniform(0, 360),
                     0.03 + 0.12 * rng.random() ** 3)])  # fmt: skip
    sailing_boat(root, -10, 95, 1.0, turn=25)
    film.camera((0.35, -3.1, 1.5), (-1.1, 6, 0.45), 34)
    return update


def cliff_sea(place):
    """The open sea from a grassy cliff, with yachts and a headland."""
    update = wet.sea(False)(place)
    root = bo.empty("cliff")
    rng = np.random.default_rng(place.seed)

    def edge(x, y):
        rim = -0.75 + 0.3 * np.sin(1.3 * x) - 0.62 * x
        return 5.35 - 3.0 * wet.step(rim - 0.2, rim + 0.9, y) + 0.12 * wet.fractal(x * 2, y * 2, 4)

    x, y = wet.flat(-5, 5, -3.4, 1.6, 0.06)
    wet.Sheet(root, x, y, edge(x, y), wet.mottled("#5f7a34", "#86a048", 2.5))
    gx, gy, gz = wet.scatter(rng, 5000, -4, 4, -3.2, 0.6, edge, lambda a, b: edge(a, b) > 4.95)
    wet.blades(root, gx, gy, gz, wet.mottled("#5f8a34", "#a8b45c", 3), 2, 0.2, 0.014)
    head = np.linspace(0, 1, 90)
    top = 26 * wet.step(0, 0.3, head) * (0.75 + 0.4 * wet.fractal(head * 8, 0 * head, 6, 4))
    line = np.stack([45 + 150 * head, 235 - 60 * head, top], 1)
    low = line * [1, 1, 0] - [0, 0, 3]
    rock = wet.mottled("#8f8a78", "#c4bda6", 0.12, third="#7f9a5c")
    bo.mesh(root, np.stack([low, line]).reshape(-1, 3), wet.net(2, 90), rock, 180, weld=False)
    sailing_boat(root, -16, 70, 1.1, turn=15)
    sailing_boat(root, -34, 150, 1.2, "#b8412f", turn=-160)
    sailing_boat(root, 14, 120, 1.0, turn=30)
    film.camera((0.6, -3.4, 7.6), (0.3, 17, 0.6), 29)
    return update


def rocky_coast(place):
    """Surf at a coast of dark rocks under a grey sky."""
    update = wet.sea(True)(place)
    root = bo.empty("coast")
    rng = np.random.default_rng(place.seed)
    stone = wet.mottled("#3a3836", "#7a726a", 2.5, 0.6, relief=0.03)
    spots = [(0.9, 4.6, 1.3), (1.5, 5.8, 1.9), (-0.9, 7.4, 1.6), (0.2, 0.3, 0.5), (-3.1, 2.0, 1.5),
             (-3.9, 3.6, 2.3), (2.4, 8.5, 2.2), (-1.4, 1.3, 0.45), (3.3, 7.2, 1.7)]  # fmt: skip
    for k, (x, y, size) in enumerate(spots):
        wet.shared(root, wet.rock(place.seed + k, stone, 0.85),
                   [(x, y, -0.12, rng.uniform(0, 360), size)])  # fmt: skip
    bpy.context.scene.view_settings.exposure += 0.35
    film.camera((0.6, -3.0, 2.3), (-0.8, 6, 0.35), 29)
    return update


# ------------------------------------------------------------------ rivers


def valley(place, middle, half, look, flow=0.8, ripple=0.5, foam=0.3, far=60, rise=0.75, wide=18):
    """A river that winds towards the viewer between banks.

    Args:
        place: The row of the plan.
        middle: Its middle line, a function of the distance y.
        half: Half its width at y = 0.
        look: Colours: water, second colour, foam, three of the banks.
        flow: Metres a second.
        ripple: Strength of the ripples.
        foam: Share of the water under foam.
        far: How far the ground goes.
        rise: Height of the banks.
        wide: Half the width of the ground.

    Returns:
        The root, the ground's height function and the update function.
    """
    root = bo.empty("river")
    water = wet.Water(look[0], look[1], 0.05, 2.4, ripple, (1.3, 0.7, 1), (0, -flow, 0), 0.5)
    if foam:
        water.patches(2.0, (1.4, 0.6, 1), foam, look[2])
    x, y = wet.flat(-wide * 0.7, wide * 0.7, -3, far * 0.75, 0.16)
    sheet = wet.Sheet(root, x, y, 0.0, water.mat)
    s = place.seed % 50

    def bank(px, py):
        off = np.abs(px - middle(py)) + 0.5 * (wet.fractal(px * 0.6, py * 0.6, s, 3) - 0.5)
        edge = half + 0.015 * py
        bumps = 0.5 * wet.fractal(px * 0.3, py * 0.3, s + 2, 3)
        bumps = bumps * wet.step(edge, edge + 2.5, off) + 0.06 * np.maximum(off - edge - 4, 0)
        return bumps - 0.4 + (0.4 + rise) * wet.step(edge - 0.3, edge + 0.8, off)

    px, py = wet.flat(-wide, wide, -3.4, far, 0.2)
    soil = wet.mottled(look[3], look[4], 1.6, third=look[5], relief=0.03)
    wet.Sheet(root, px, py, bank(px, py), soil)
    px, py = wet.flat(-4 * wide, 4 * wide, far - 1, far + 60, 4)
    wet.Sheet(root, px, py, bank(wide + 0 * px, py) + 0.3, soil)

    def update(t):
        water.set(t)
        sheet.set(0.05 * (wet.fractal(x * 1.6, (y + flow * t) * 1.1, 7, 3) - 0.5))

    return root, bank, update


def green(root, rng, bank, colours, count, x, y0, y1, tall, width=0.022, low=0.08, seed=1):
    """Grass on the banks of a river."""
    gx, gy, gz = wet.scatter(rng, count, -x, x, y0, y1, bank, lambda a, b: bank(a, b) > low)
    wet.blades(root, gx, gy, gz, wet.mottled(*colours, 3), seed, tall, width)


def meadow_river(place):
    """A clear river that winds through green meadows with trees."""
    rng = np.random.default_rng(place.seed)

    def middle(py):
        return 0.9 + 2.6 * np.sin(0.17 * py - 0.9) * wet.step(-3, 6, py)

    look = ("#245460", "#3f7d80", "#e9f3ef", "#5c7a35", "#7f9a48", "#93a85a")
    root, bank, update = valley(place, middle, 1.9, look, 1.0, 0.85, 0.4)
    green(root, rng, bank, ("#47801f", "#8fbc46"), 9000, 7, -2, 12, 0.26)
    green(root, rng, bank, ("#4f8a2c", "#8ab54a"), 8000, 16, 11, 34, 0.35, 0.04, seed=2)
    green(root, rng, lambda a, b: bank(a, b), ("#4c6f28", "#93a050"), 500, 6, 0, 22, 0.9, 0.03,
          -0.05, 3)  # fmt: skip
    trees = [wet.broadleaf(place.seed + k, ("#2f6424", "#74a644"), leaves=2300) for k in range(3)]
    for k, (x, y, size) in enumerate([(-5.2, 7.5, 0.95), (6.8, 10, 1.1), (-7.6, 15, 1.2),
                                      (8.6, 19, 1.2), (-3.6, 24, 1.0), (13, 26, 1.3)]):  # fmt: skip
        wet.shared(root, trees[k % 3], [(x, y, float(bank(x, y)) - 0.1, 67 * k, size)])
    wet.forest(root, place.seed, trees, 46, -30, 30, 44, 58, lambda a, b: 1.5 + 0 * a, (0.9, 1.3))
    wet.hills(root, 240, 34, "#7d9fae", 31)
    film.camera((-0.9, -2.9, 2.2), (0.5, 7, 0.45), 27)
    return update


def stone_bridge(root, y, half, arches, spring=0.5, height=3.3, deep=2.4):
    """A stone bridge across the picture; `arches` are (middle, radius)."""
    stone = wet.paving("#a89c88", "#8f8472", "#6f6658", 0.5, 0.25)
    x = np.linspace(-half, half, 500)
    under = np.full_like(x, -1.2)
    for centre, radius in arches:
        inside = np.abs(x - centre) < radius
        under[inside] = spring + np.sqrt(radius**2 - (x[inside] - centre) ** 2)
    top = height - 0.009 * x**2
    # the wall is made lying and put upright, as its stones are painted by x and y
    points = np.stack([np.stack([x, under, 0 * x], 1), np.stack([x, top, 0 * x], 1)])
    wall = bo.mesh(root, points.reshape(-1, 3), wet.net(2, len(x)), stone, 30, False)
    wall.location.y, wall.rotation_euler[0] = y, math.pi / 2
    points = np.stack([np.stack([x, 0 * x + y + d, under], 1) for d in (0, deep)])
    shade = bo.principled("#8f8472", rough=0.9)
    bo.mesh(root, points.reshape(-1, 3), wet.net(2, len(x)), shade, 30, False)
    coping = bo.principled("#bdb3a0", rough=0.9)
    rail = np.stack([x, 0 * x + y - 0.05, top], 1)[::10]
    bo.tube(root, [tuple(p) for p in rail], 0.14, coping, smooth=False)


def bridge_river(place):
    """A broad slow river with an old stone bridge."""
    rng = np.random.default_rng(place.seed)

    def middle(py):
        return 0.3 + 0.9 * np.sin(0.09 * py + 0.6)

    look = ("#3f5338", "#66754a", "#d8dcc4", "#5a5f36", "#7c8048", "#948f5c")
    root, bank, update = valley(place, middle, 4.3, look, 0.5, 0.6, 0.36, rise=0.9, wide=24)
    stone_bridge(root, 17.5, 15, [(-2.5, 2.2), (2.9, 2.2)])
    green(root, rng, bank, ("#4c7a24", "#8aa848"), 16000, 12, -2.5, 16, 0.3)
    green(root, rng, bank, ("#4c6f28", "#93a050"), 900, 7, 0, 16, 1.0, 0.03, -0.08, 3)
    trees = [wet.broadleaf(place.seed + k, ("#3a6428", "#84a04a"), leaves=2300) for k in range(3)]
    for k, (x, y, size) in enumerate([(-7.4, 8, 1.1), (8.2, 12, 1.2), (-9.6, 14, 1.3),
                                      (10.6, 21, 1.4), (-8.8, 23, 1.3)]):  # fmt: skip
        wet.shared(root, trees[k % 3], [(x, y, float(bank(x, y)) - 0.1, 67 * k, size)])
    wet.forest(root, place.seed, trees, 44, -34, 34, 30, 50, lambda a, b: 1.2 + 0 * a, (0.9, 1.4))
    film.camera((1.8, -2.6, 2.3), (-0.5, 9, 1.0), 27)
    return update


def mountain_river(place):
    """A fast mountain river between boulders and firs."""
    rng = np.random.default_rng(place.seed)

    def middle(py):
        return -0.5 - 2.0 * np.sin(0.2 * py - 0.4) * wet.step(-3, 5, py)

    look = ("#2a6a74", "#4f979a", "#f2f8f6", "#5f5c50", "#8a8574", "#6f7f4c")
    root, bank, update = valley(place, middle, 2.5, look, 1.6, 0.9, 0.43)
    stone = wet.mottled("#55534f", "#98938a", 2.2, 0.7, "#7a7f62", 0.02)
    for k in range(70):
        sy = rng.uniform(-1.5, 26)
        way, off = rng.choice((-1, 1)), rng.uniform(1.2, 3.6)
        sx, size = float(middle(sy)) + way * off, rng.uniform(0.35, 1.3)
        wet.shared(root, wet.rock(place.seed + k % 12, stone, 0.75),
                   [(sx, sy, 0.1 * (off > 2.4), rng.uniform(0, 360), size)])  # fmt: skip
    green(root, rng, bank, ("#4c6f2c", "#8aa050"), 14000, 12, -2, 24, 0.3)
    firs = [wet.conifer(place.seed + k, ("#1c4028", "#3f6c44")) for k in range(3)]
    spots = wet.scatter(rng, 70, -17, 17, 5, 50, bank, lambda a, b: np.abs(a - middle(b)) > 4.2)
    for k, (x, y, z) in enumerate(zip(*spots, strict=True)):
        wet.shared(root, firs[k % 3], [(x, y, z - 0.1, 50 * k, rng.uniform(0.7, 1.3))])
    wet.hills(root, 260, 120, "#8fa3b8", 41)
    wet.hills(root, 180, 42, "#54725f", 42)
    film.camera((0.9, -2.6, 1.9), (-0.9, 6, 0.55), 27)
    return update


# ------------------------------------------------------------------ waterfalls


def falls(place, stone, steps, colours, rough=0.8):
    """Waterfalls over steps of rock.

    Args:
        place: The row of the plan.
        stone: Material of the rock.
        steps: For each, from below: lower and upper height, distance, spans (x0, x1) of its falls.
        colours: Two of the water.
        rough: How much the rock stands out.

    Returns:
        The root, a random generator and the update function.
    """
    root = bo.empty("falls")
    rng = np.random.default_rng(place.seed)
    parts, pools, jets = [], [], []
    for k, (low, high, y, spans) in enumerate(steps):
        x0, x1 = spans[0][0], spans[-1][1]

        def face(x, z, y=y, x0=x0, x1=x1, low=low):
            aside = np.maximum(np.maximum(x0 - x, x - x1), 0)
            return y + 0.35 + 0.06 * (z - low) - 0.05 * aside**2 - 0.3 * wet.step(0, 0.8, aside)

        def lip(x, x0=x0, x1=x1):
            aside = np.maximum(np.maximum(x0 - x, x - x1), 0)
            return 0.7 * wet.step(0.1, 1.6, aside) * (0.5 + wet.fractal(x * 0.8, 0 * x, 3))

        s = place.seed % 40 + 3 * k
        x, z = wet.flat(-13, 13, 0, 1, 0.12)
        wet.cliff(root, stone, -13, 13, low - 0.4, high - 0.1, face, s, rough)
        gx, gy = wet.flat(-13, 13, 0, 9, 0.1)
        gz = high - 0.16 + lip(gx) * wet.step(0.2, 1.2, gy) + 0.15 * wet.fractal(gx, gy, s)
        gz -= 1.1 * wet.step(0.5, 0.0, gy) ** 2  # its edge bends down into the wall
        wet.Sheet(root, gx, gy + face(gx, high + 0 * gx) - 0.5, gz, stone)
        for left, right in spans:
            fall = wet.Fall(root, left, right, high + 0.02, low, y - 0.1, 0.85, k + s)
            parts.append(fall)
            jets += fall.spray(strength=1.2) + fall.loose()
        water = wet.Water(*colours, 0.06, 2.4, 0.5, boil=1.1)
        water.foam(2.6, 0.6)
        sides = (-9, 9) if k == 0 else (x0 - 1.6, x1 + 1.6)
        x, py = wet.flat(*sides, steps[k - 1][2] if k else -6, y + 0.4, 0.1)
        pools.append(
            (water, wet.Sheet(root, x, py, low, water.mat, foam=True), x, py, low, y, x0, x1)
        )
    spray = wet.Jets(root, jets, wet.drop_look(0.22), place.seed, 110, steps[0][0] - 0.1, 0.024)

    def update(t):
        for fall in parts:
            fall.set(t)
        spray.set(t)
        for water, sheet, px, py, low, y, x0, x1 in pools:
            water.set(t)
            aside = np.maximum(np.maximum(x0 - px, px - x1), 0)
            d = np.hypot(aside, y - 0.8 - py)
            z = 0.04 * np.sin(3.6 * d - 6 * t + np.sin(px)) * np.exp(-d / 2.2)
            z += 0.06 * (wet.fractal(px * 1.6, py * 1.6 + 1.5 * t, 5, 3) - 0.5)
            sheet.set(low + z, np.exp(-((d / 0.9) ** 2)) + 0.3 * np.exp(-d / 2))

    return root, rng, update


def gorge_fall(place):
    """A waterfall in two leaps down a grey rock wall, firs above."""
    stone = wet.mottled("#544f49", "#948b80", 1.1, 0.85, "#747c52", 0.05)
    steps = [(0, 2.7, 4.2, [(-2.0, 0.3)]), (2.7, 6.6, 7.0, [(-0.9, 0.7)])]
    root, rng, update = falls(place, stone, steps, ("#2c5a5c", "#4a827c"))
    for k in range(46):
        side = rng.choice((-1, 1))
        y = rng.uniform(-3.6, 3.4)
        x = -0.6 + side * (2.3 + 0.2 * (4 - y) + rng.gamma(1.5, 0.8))
        wet.shared(root, wet.rock(place.seed + k % 14, stone, 0.7),
                   [(x, y, rng.uniform(-0.15, 0.1), rng.uniform(0, 360),
                     rng.uniform(0.5, 1.8))])  # fmt: skip
    firs = [wet.conifer(place.seed + k, ("#1c4228", "#44744a")) for k in range(3)]
    for k in range(26):
        x, y = rng.uniform(2.2, 12) * rng.choice((-1, 1)), rng.uniform(8.4, 14)
        wet.shared(root, firs[k % 3], [(x, y, 6.7, 40 * k, rng.uniform(0.5, 0.9))])
    for k, (x, y, z, size) in enumerate([(-5.4, 5.4, 2.8, 0.5), (3.6, 5.8, 2.8, 0.55),
                                         (6.0, 2.0, 0, 0.85), (-7.6, 1.4, 0, 0.9)]):  # fmt: skip
        wet.shared(root, firs[k % 3], [(x, y, z, 70 * k, size)])
    film.camera((-2.7, -6.6, 1.9), (-0.1, 4, 2.75), 26)
    return update


def ledge_fall(place):
    """A broad river that falls over a low ledge between green banks."""
    stone = wet.mottled("#6a5a48", "#9f8d74", 1.3, 0.85, "#6f7d48", 0.04)
    spans = [(-4.4, -2.3), (-1.9, 1.3), (1.8, 3.6)]
    root, rng, update = falls(place, stone, [(0, 2.0, 4.6, spans)], ("#37665c", "#5c8c74"), 0.5)
    river = wet.Water("#37665c", "#5c8c74", 0.06, 2.4, 0.5)
    x, y = wet.flat(-5, 4.2, 4.5, 24, 0.25)
    wet.Sheet(root, x, y, 2.04, river.mat)

    def bank(px, py):
        off = np.abs(px + 0.4) + 0.7 * (wet.fractal(px * 0.5, py * 0.5, 6, 3) - 0.5)
        low = -0.3 + 1.5 * wet.step(5.0, 7.2, off)
        high = 1.7 + 1.0 * wet.step(4.2, 5.6, off)
        return low + (high - low) * wet.step(3.8, 5.6, py) + 0.2 * wet.fractal(px, py, 3)

    px, py = wet.flat(-26, 26, -6, 40, 0.22)
    soil = wet.mottled("#4f7030", "#7f9a48", 1.6, third="#93a85a")
    wet.Sheet(root, px, py, bank(px, py), soil)

    def dry(a, b):
        return np.abs(a + 0.4) > 5.4

    for seed, (x0, x1) in enumerate([(-13, -5), (4, 13)]):
        gx, gy, gz = wet.scatter(rng, 6000, x0, x1, -4, 14, bank, dry)
        wet.blades(root, gx, gy, gz, wet.mottled("#3f7a24", "#8ab846", 3), seed, 0.4, 0.03)
    for k in range(40):
        y = rng.uniform(-3.5, 5.0)
        x = -0.4 + rng.choice((-1, 1)) * rng.uniform(4.4, 5.8)
        wet.shared(root, wet.rock(place.seed + k % 14, stone, 0.7),
                   [(x, y, rng.uniform(-0.1, 0.1), rng.uniform(0, 360),
                     rng.uniform(0.5, 1.3))])  # fmt: skip
    for k, (x, y, size) in enumerate([(-2.1, 4.3, 0.8), (1.55, 4.3, 0.9), (-0.8, 1.6, 0.8),
                                      (2.6, 0.6, 1.0), (-3.4, 2.4, 0.9)]):  # fmt: skip
        wet.shared(root, wet.rock(place.seed + 20 + k, stone, 0.8),
                   [(x, y, 0.05, 40 * k, size)])  # fmt: skip
    trees = [wet.broadleaf(place.seed + k, ("#2f6424", "#74a644"), leaves=2300) for k in range(3)]
    for k in range(34):
        x, y = rng.uniform(6.4, 20) * rng.choice((-1, 1)), rng.uniform(5, 30)
        wet.shared(root, trees[k % 3], [(x, y, float(bank(x, y)) - 0.1, 50 * k,
                   rng.uniform(0.7, 1.15))])  # fmt: skip
    wet.forest(root, place.seed, trees, 24, -16, 16, 28, 38, bank, (0.9, 1.3))
    film.camera((2.4, -5.4, 2.7), (-0.5, 4.4, 1.35), 28)

    def both(t):
        update(t)
        river.set(t)

    return both


# ------------------------------------------------------------------ fountains


def bowl_fountain(place):
    """A fountain with a raised bowl in a garden of clipped hedges and cone-shaped trees."""
    root = bo.empty("fountain")
    stone = wet.mottled("#b5a98f", "#d8cdb4", 4, 0.8, "#c9c2ae")
    wet.round_basin(root, 2.0, stone, 0.5)
    profile = [(0, 0.2), (0.5, 0.2), (0.34, 0.45, 0.05), (0.2, 0.6, 0.05), (0.17, 1.2, 0.04),
               (0.3, 1.35, 0.05), (0.95, 1.62, 0.08), (1.0, 1.72, 0.03), (0.9, 1.72, 0.02),
               (0.6, 1.62), (0.12, 1.6), (0.1, 1.95, 0.03), (0, 1.98)]  # fmt: skip
    bo.lathe(root, bo.rounded(profile), stone)
    water = wet.Water("#3d7080", "#5a919a", 0.05, 4, 0.3)
    water.foam(6, 0.5)
    x, y = wet.flat(-2.05, 2.05, -2.05, 2.05, 0.05)
    inward = np.minimum(1, 2.0 / np.maximum(np.hypot(x, y), 0.01))
    x, y = x * inward, y * inward
    sheet = wet.Sheet(root, x, y, 0.38, water.mat, foam=True)
    sheet.obj.location.z = 0.38
    disc = kids.oval(0, 0, 0.92, 0.92)
    top = Solid()
    top.add([(a, b, 1.67) for a, b in disc], [tuple(range(len(disc)))], water.mat)
    top.finish("bowl", 0)
    jets, spots = [((0, 0, 1.95), (0, 0, 4.6), 0.03)] * 3, [(0, 0)]
    for k in range(28):  # the bowl runs over
        a = 2 * math.pi * k / 28
        c, s = math.cos(a), math.sin(a)
        jets.append(((0.99 * c, 0.99 * s, 1.72), (0.55 * c, 0.55 * s, 0.15), 0.06))
        spots.append((1.28 * c, 1.28 * s))
        if k % 2:
            jets.append(((1.3 * c, 1.3 * s, 0.38), (0, 0, 1.3), 0.35))
    stream = wet.Jets(root, jets, wet.drop_look(), place.seed, 330, 0.38, 0.016)
    gravel = wet.mottled("#c9b894", "#dccdaa", 14, 0.9)
    bo.box(root, (13, 18, 0.1), gravel, (0, 5, -0.05), 0)
    bo.box(root, (160, 130, 0.1), wet.mottled("#4f8030", "#78a844", 1.5), (0, 60, -0.08), 0)
    for side in (-1, 1):
        for row, near in ((3.4, -1.5), (3.4, 7.5)):
            with Group(side * (row + 1.2), near + 3.2, 90):
                wet.hedge(bo.empty("hedge"), -3.2, 3.2, 0, 0.75, place.seed + int(near))
    wet.hedge(root, -14, -1.3, 15, 1.6, place.seed + 1)
    wet.hedge(root, 1.3, 14, 15, 1.6, place.seed + 2)
    cones = [wet.conifer(place.seed + k, ("#1f4c28", "#3f7a40")) for k in range(2)]
    for k, (cx, cy) in enumerate([(-6.2, 5.6), (6.4, 5.2), (-6.2, 12), (6.4, 12)]):
        wet.shared(root, cones[k % 2], [(cx, cy, 0, 60 * k, 0.52)])
    trees = [wet.broadleaf(place.seed + k, ("#2d5a22", "#70a040"), leaves=2300) for k in (5, 6, 7)]
    wet.forest(root, place.seed, trees, 34, -32, 32, 20, 42, lambda a, b: 0 * a, (1.0, 1.7))
    film.camera((-1.9, -6.0, 2.1), (0.1, 0.6, 1.35), 31)

    def update(t):
        water.set(t)
        sheet.set(*wet.splashes(x, y, spots[::2], t, 3, 0.6, 0.012))
        stream.set(t)

    return update


def basin_fountain(place):
    """A long basin with a row of jets on a town square by day."""
    root = bo.empty("square")
    pave = wet.paving("#c9bda6", "#b8ab93", "#958a76", 0.6, 0.6)
    bo.box(root, (90, 60, 0.1), pave, (0, 16, -0.05), 0)
    walls = ("#e0cfa8", "#d9a98a", "#e8e0cc", "#b9c4b8", "#dcc08a", "#cfc4b8")
    roof = bo.principled("#93503a", rough=0.9)
    for k, wall in enumerate(walls):
        x, high = -24 + 8.7 * k, (9.6, 11.4, 9.6, 12.8, 9.6, 11.4)[k]
        wet.house_front(root, x, 20, 8.6, high, place.seed + k, wall, 0.0)
        bo.box(root, (8.7, 6.4, 0.4), roof, (x, 23, high + 0.1), 0)
    stone = wet.mottled("#b8ac98", "#d6ccb8", 4, 0.8)
    x0, x1, y0, y1 = -4.2, 4.2, -0.6, 2.6
    for size, at in (((x1 - x0 + 0.8, 0.4, 0.5), (0, y0 - 0.2, 0.25)),
                     ((x1 - x0 + 0.8, 0.4, 0.5), (0, y1 + 0.2, 0.25)),
                     ((0.4, y1 - y0 + 0.8, 0.5), (x0 - 0.2, 1.0, 0.25)),
                     ((0.4, y1 - y0 + 0.8, 0.5), (x1 + 0.2, 1.0, 0.25))):  # fmt: skip
        bo.box(root, size, stone, at, 0.04)
    water = wet.Water("#38788a", "#56a0a8", 0.05, 4, 0.3)
    water.foam(6, 0.5)
    x, y = wet.flat(x0, x1, y0, y1, 0.06)
    sheet = wet.Sheet(root, x, y, 0.36, water.mat, foam=True)
    sheet.obj.location.z = 0.36
    jets, spots = [], []
    for k in range(7):
        px, high = -3.3 + 1.1 * k, (1.2, 1.6, 2.0, 2.5, 2.0, 1.6, 1.2)[k]
        jets += [((px, 1.0, 0.38), (0, 0, math.sqrt(2 * 9.81 * high)), 0.022)] * 2
        jets.append(((px, 1.0, 0.38), (0, 0, 1.5), 0.4))
        spots.append((px, 1.0))
    stream = wet.Jets(root, jets, wet.drop_look(), place.seed, 400, 0.36, 0.016)
    trees = [wet.broadleaf(place.seed + k, ("#3a7030", "#78aa48"), leaves=2300) for k in range(3)]
    for k, (tx, ty) in enumerate([(-7.4, 8), (-2.6, 12.5), (3.4, 12.5), (8.0, 8), (12, 12)]):
        wet.shared(root, trees[k % 3], [(tx, ty, 0, 77 * k, 0.75)])
    kids.bench(-6.2, 4.6, 15)
    kids.bench(5.9, 4.8, -10)
    film.camera((2.6, -6.6, 1.9), (-0.1, 1.6, 1.3), 31)

    def update(t):
        water.set(t)
        sheet.set(*wet.splashes(x, y, spots, t, 3, 0.6, 0.012))
        stream.set(t)

    return update


# ------------------------------------------------------------------ lakes


def still_lake(root, seed, deep, light, strength, far=170.0, at=(0, -4)):
    """A lake's surface as wide as the view; gives its update function."""
    water = wet.Water(deep, light, 0.04, 1.6, strength, (0.7, 1.3, 1), (-0.3, -0.5, 0), 0.6)
    x, y = wet.fan(2.0, far, 1.0, 150, 170, at=at)
    sheet = wet.Sheet(root, x, y, 0.0, water.mat)
    rng = np.random.default_rng(seed)
    trains = [(2 * math.pi / long, rng.normal(0, 0.4), rng.uniform(0, 6.28), long)
              for long in (0.7, 1.0, 1.4, 1.9, 2.6)]  # fmt: skip

    def update(t):
        water.set(t)
        z = 0
        for k, a, start, long in trains:
            z = z + 0.007 * long * np.sin(k * (x * math.sin(a) + y * math.cos(a))
                                          + math.sqrt(9.81 * k) * t + start)  # fmt: skip
        sheet.set(z * wet.step(110, 8, y))

    return update


def peaks(root, seed):
    """Mountains far away with snow on top, lit by the sun."""
    x, y = wet.flat(-1100, 1100, 500, 1300, 7)
    ridge = 1 - 2 * np.abs(wet.fractal(x / 420 + 7, y / 420, seed, 5) - 0.5)
    z = 330 * ridge**1.7 * wet.step(500, 850, y) * (0.45 + 0.75 * wet.lattice(x / 330, 0 * x, seed))
    mat = bo.principled("#8a8f96", rough=1.0, spec=0.0)
    split = bo.node(mat, "ShaderNodeSeparateXYZ")
    bo.link(mat, bo.node(mat, "ShaderNodeTexCoord").outputs["Object"], split.inputs[0])
    patches = wet.maths(mat, "MULTIPLY", bo.noise(mat, bo.coordinates(mat), 0.02, 5), 110.0)
    level = wet.maths(mat, "MULTIPLY", wet.maths(mat, "ADD", split.outputs["Z"], patches), 1 / 420)
    stops = [(0.2, "#5f7f70"), (0.34, "#8593a0"), (0.6, "#9aa6b4"), (0.66, "#f0f4f8")]
    bo.base_colour(mat, bo.ramp(mat, level, stops))
    wet.Sheet(root, x, y, z - 4, mat)


def mountain_lake(place):
    """A calm mountain lake with a stony shore, firs and snowy peaks."""
    root = bo.empty("lake")
    rng = np.random.default_rng(place.seed)
    update = still_lake(root, place.seed, "#1f5a6c", "#327684", 0.22, 260)

    def shore(px, py):
        edge = 0.6 + 0.9 * wet.fractal(px * 0.5, 0 * px, 8) + 0.22 * px
        return -0.3 + 0.55 * wet.step(edge + 0.9, edge - 1.8, py) + 0.08 * wet.fractal(px, py, 2)

    px, py = wet.flat(-8, 8, -4.5, 5, 0.1)
    wet.Sheet(root, px, py, shore(px, py), wet.mottled("#7d766a", "#a39b8c", 6, relief=0.01))
    stone = wet.mottled("#5f5c58", "#a09a90", 2.4, 0.7, relief=0.02)
    for k in range(150):
        x, y = rng.uniform(-5, 5), rng.uniform(-3, 4)
        z = float(shore(x, y))
        if z > -0.16:
            wet.shared(root, wet.rock(place.seed + k % 16, stone, 0.65),
                       [(x, y, z, rng.uniform(0, 360),
                         0.08 + 0.5 * rng.random() ** 3)])  # fmt: skip
    firs = [wet.conifer(place.seed + k, ("#1a3c28", "#3a6844")) for k in range(3)]
    for k, (x, y, size) in enumerate([(-5.2, 2.6, 0.95), (-6.6, 4.2, 1.1), (-8.4, 5.5, 1.2)]):
        wet.shared(root, firs[k], [(x, y, 0.1, 60 * k, size)])
    px, py = wet.flat(-10, -4.2, 0, 9, 0.2)
    wet.Sheet(root, px, py, 0.35 - 0.25 * wet.step(-6.5, -4.3, px + 0.0 * py) + 0.1 * wet.fractal(
        px, py, 3), wet.mottled("#4c6a34", "#7a9048", 2))  # fmt: skip
    bo.box(root, (700, 60, 1), wet.mottled("#3f6240", "#5f8050", 0.05), (0, 270, 0.4), 0)
    wet.forest(root, place.seed, firs, 150, -210, 210, 243, 262, lambda a, b: 0.9 + 0 * a,
               (1.4, 2.6))  # fmt: skip
    peaks(root, place.seed % 60)
    wet.hills(root, 420, 60, "#4f6f62", 59)
    film.camera((0.4, -4.4, 1.7), (0.0, 8, 1.35), 28)
    return update


def jetty_lake(place):
    """A wooden jetty that leads out into a wooded lake."""
    root = bo.empty("lake")
    rng = np.random.default_rng(place.seed)
    update = still_lake(root, place.seed, "#2a5058", "#3f6c6c", 0.35, 120)
    planks = bo.wood("#a58a68", "#7c6446", 0.05, "x")
    with Group(-1.2, -2.2, -13):
        for k in range(40):
            bo.box(bo.empty("plank"), (1.3, 0.2, 0.05), planks,
                   (0, 0.23 * k - 1.5, 0.45), 0.012)  # fmt: skip
        for k in range(5):
            for side in (-0.62, 0.62):
                y = 0.2 + 1.9 * k
                bo.tube(bo.empty("post"), [(side, y, -0.6), (side, y, 0.95)], 0.075, planks,
                        smooth=False)  # fmt: skip
    boat = wet.rowing_boat(root)
    boat.location, boat.rotation_euler[2] = (2.9, 3.6, 0.12), 1.9

    def shore(px, py):
        edge = 62 - 0.012 * px**2 + 6 * wet.fractal(px * 0.06, 0 * px, 8)
        return -0.4 + 2.6 * wet.step(edge - 1, edge + 9, py)

    px, py = wet.flat(-90, 90, 30, 120, 1.2)
    wet.Sheet(root, px, py, shore(px, py), wet.mottled("#4f7030", "#7f9a48", 0.4))
    trees = [wet.broadleaf(place.seed + k, ("#2c5a26", "#6c9c40"), leaves=2000) for k in range(2)]
    trees.append(wet.conifer(place.seed, ("#1c4228", "#3f6c44")))
    x, y, z = wet.scatter(rng, 190, -80, 80, 48, 90, shore, lambda a, b: shore(a, b) > 0.5)
    for k in range(len(x)):
        wet.shared(root, trees[k % 3], [(x[k], y[k], z[k] - 0.1, 41 * k, rng.uniform(0.9, 1.5))])
    wet.hills(root, 300, 46, "#6f93a0", 63)
    reeds = wet.mottled("#5f8030", "#a3ad58", 3)
    for seed, (x0, x1, y0, y1) in enumerate([(-5.5, -2.6, -1.5, 4.5), (3.4, 7, -0.5, 3.0)]):
        gx, gy, gz = wet.scatter(rng, 420, x0, x1, y0, y1, lambda a, b: 0 * a - 0.1)
        wet.blades(root, gx, gy, gz, reeds, seed, 1.25, 0.035, 0.25)
    film.camera((-1.0, -4.3, 2.05), (0.35, 6, 0.8), 28)
    return update


# ------------------------------------------------------------------ the plan

PLACES = [
    Place("place-park-1", "park", "city-park", "A path through a city park",
          "A paved path with lamps and benches winds through a green park with large trees; nobody "
          "is there.", path_park, "afternoon"),
    Place("place-park-2", "park", "swing-lawn", "An empty swing in a park",
          "An empty swing with a green frame and two seats stands on sand in a park with trees and "
          "a bench.", swing_park, "clear"),
    Place("place-park-3", "park", "slide-meadow", "An empty slide on a meadow",
          "An empty slide with blue sides and a yellow roof stands on sand in a green meadow with "
          "trees.", slide_park, "afternoon"),
    Place("place-park-4", "park", "playground", "A playground without children",
          "An empty playground in a park: a roundabout in front, a climbing frame and a seesaw "
          "behind, trees all around.", playground_park, "haze"),
    Place("place-park-5", "park", "shady-park", "A bench under trees",
          "A wooden bench stands under two large trees at the edge of a wide, flowering lawn.",
          bench_park, "gold"),
    Place("place-park-6", "park", "fenced-garden", "A seesaw on a fenced lawn",
          "An empty green seesaw stands on a lawn with a flower bed, in front of a white fence, a "
          "hedge and trees.", fenced_park, "noon", True),
    Place("place-park-7", "park", "flower-meadow", "A meadow full of flowers",
          "A rolling green meadow full of flowers, with single trees on it and hills far behind.",
          flower_meadow, "afternoon"),
    Place("place-sea-1", "sea", "groyne-beach", "A beach with wooden posts",
          "A row of old wooden posts runs from a sandy beach into the surf of the sea, a yacht far "
          "out.", groyne_beach, "afternoon", moment=36.1),
    Place("place-sea-2", "sea", "cliff-top", "The sea from a cliff",
          "The open blue sea with yachts and a headland, seen from a grassy cliff high above the "
          "breaking waves.", cliff_sea, "afternoon", moment=23.0),
    Place("place-sea-3", "sea", "grey-coast", "Surf at a rocky coast",
          "Grey waves break between dark rocks on a coast under a cloudy sky.", rocky_coast,
          "overcast", True, 53.9),
    Place("place-river-1", "river", "meadow-river", "A river through meadows",
          "A clear river winds through green meadows with trees, hills far behind.",
          meadow_river, "afternoon"),
    Place("place-river-2", "river", "stone-bridge", "A river under a stone bridge",
          "A broad, slow, greenish river flows under an old stone bridge with two arches, trees on "
          "both banks.", bridge_river, "haze"),
    Place("place-river-3", "river", "mountain-river", "A mountain river with boulders",
          "A fast river with white foam runs between boulders and dark firs, mountains behind.",
          mountain_river, "afternoon"),
    Place("place-waterfall-1", "waterfall", "rock-gorge", "A waterfall in two leaps",
          "A white waterfall comes down a rock wall in two leaps into a pool with boulders; "
          "firs stand above.", gorge_fall, "afternoon"),
    Place("place-waterfall-2", "waterfall", "river-ledge", "A broad low waterfall",
          "A river falls over a low, broad ledge of rock in three white curtains between green "
          "banks with trees.", ledge_fall, "haze"),
    Place("place-fountain-1", "fountain", "palace-garden", "A fountain in a garden",
          "Water runs over the rim of a raised stone bowl into a round basin, in a garden with "
          "clipped hedges and trees.", bowl_fountain, "afternoon"),
    Place("place-fountain-2", "fountain", "day-square", "Jets on a town square by day",
          "Seven jets of water rise in a row from a long stone basin on a town square with trees "
          "and houses, in daylight.", basin_fountain, "clear"),
    Place("place-lake-1", "lake", "mountain-lake", "A lake in the mountains",
          "A calm blue lake with a stony shore lies in front of firs and pale mountains.",
          mountain_lake, "morning"),
    Place("place-lake-2", "lake", "jetty-lake", "A jetty on a wooded lake",
          "A wooden jetty leads out into a lake with reeds and an empty boat, woods on the far "
          "shore.", jetty_lake, "gold"),
]  # fmt: skip


# ------------------------------------------------------------------ rendering


def render(place, path, threads=1, scale=1.0):
    """Render one picture to a JPEG file."""

    def build(row):
        # other clouds in every picture
        for node in bpy.context.scene.world.node_tree.nodes:
            if node.type == "MAPPING":
                node.inputs["Location"].default_value = (row.seed % 97 / 9, row.seed % 89 / 9, 0)
        return place.build(row)

    update = film.prepare(replace(place, build=build), threads, scale * SIZE[0] / film.SIZE[0])
    scene = bpy.context.scene
    cycles = scene.cycles
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 5, 3, 3
    cycles.denoising_prefilter = "ACCURATE"
    scene.render.use_persistent_data = False
    if update:
        update(place.moment)
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/picture.png"
        bpy.ops.render.render(write_still=True)
        picture = Image.open(scene.render.filepath).convert("RGB")
    if place.mirrored:
        picture = ImageOps.mirror(picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=88, optimize=True)


# ------------------------------------------------------------------ catalogue


def row(place):
    """The catalogue row of a picture."""
    return {"path": place.path, "kind": "image", "label": place.label, "role": "extra",
            "source": place.id, "setting": place.setting, "tags": "", "caption": place.caption,
            "alt": place.alt, "license": "CC-BY-4.0", "made": MADE}  # fmt: skip


def write_catalog():
    """Replace the rows of the places in catalog.csv; all other lines stay as they are."""
    path = DATA / "catalog.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("images/place-")]
    last = max(k for k, line in enumerate(kept) if next(csv.reader([line]))[1] in ("kind", "image"))
    new = io.StringIO()
    writer = csv.DictWriter(new, COLUMNS, lineterminator="\n")
    writer.writerows(row(place) for place in PLACES if (DATA / place.path).exists())
    text = "".join(kept[: last + 1]) + new.getvalue() + "".join(kept[last + 1 :])
    path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------ command line


def main():
    """Read the arguments, render what is asked for, write the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="ID", help="ids, such as place-sea-1")
    parser.add_argument("--threads", type=int, default=2, help="processor cores to use")
    parser.add_argument("--samples", type=int, help="render samples a pixel, if not the usual")
    parser.add_argument("--preview", type=Path, help="render small to this folder, no catalogue")
    parser.add_argument("--force", action="store_true", help="make files again that exist")
    parser.add_argument("--list", action="store_true", help="print the plan and stop")
    args = parser.parse_args()
    unknown = set(args.only or ()) - {place.id for place in PLACES}
    if unknown:
        parser.error(f"no such place: {', '.join(sorted(unknown))}")
    asked = [place for place in PLACES if not args.only or place.id in args.only]
    if args.list:
        for p in asked:
            print(p.id, p.label, p.setting, p.light, p.caption, sep="\t")
        return
    for place in asked:
        path = args.preview / f"{place.id}.jpg" if args.preview else DATA / place.path
        if path.exists() and not args.force:
            continue
        place.samples = args.samples or place.samples
        start = time.time()
        render(place, path, args.threads, 0.6 if args.preview else 1.0)
        print(f"{place.id} {time.time() - start:.0f} s", flush=True)
    if not args.preview:
        write_catalog()


if __name__ == "__main__":
    main()
