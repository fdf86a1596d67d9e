"""Clips of children playing, and of children playing in water: places, things, motions, plan.

Every scene is a function `scene(clip)` that builds the place, the things and the figures of
blender_figure.py and returns an update function of time. One Blender unit is one metre.
"""

import math
import random
from dataclasses import replace

import blender_figure as fig
import blender_film as film
import blender_objects as bo
import bpy
import numpy as np
from blender_figure import Child, Limb, Looks, Pose, Solid, rot, smooth
from blender_film import Clip

TAU = 2 * math.pi

# ------------------------------------------------------------------ grounds


def patchy(colours, scale=1.5, fine=30.0, rough=0.95):
    """A matt ground of three tones: patches, and grains within them."""
    low, middle, high = colours
    mat = bo.principled(middle, rough=rough, spec=0.1)
    vector = bo.coordinates(mat)
    broad = bo.ramp(mat, bo.noise(mat, vector, scale, 3), [(0.35, low), (0.65, high)])
    grain = bo.noise(mat, vector, fine, 3)
    tone = bo.ramp(mat, grain, [(0.3, "#a8a8a8"), (0.7, "#ffffff")])
    bo.base_colour(mat, bo.mix(mat, 0.75, broad, tone, "MULTIPLY"))
    return mat


GROUNDS = {
    "grass": (("#58933a", "#64a242", "#7cb84e"), 0.8, 26.0),
    "dry grass": (("#8a8a3c", "#7c8f3a", "#a39a4c"), 0.8, 26.0),
    "autumn": (("#7c8a3a", "#8a9442", "#a39a4c"), 1.2, 20.0),
    "blue rubber": (("#2563b0", "#2a6cbc", "#3177c8"), 0.6, 60.0),
    "red rubber": (("#a8442f", "#b24b35", "#bd573f"), 0.6, 60.0),
    "asphalt": (("#64666a", "#6e7074", "#7a7b7e"), 0.5, 70.0),
    "paving": (("#b3aa9b", "#bdb4a6", "#c7bfb2"), 0.4, 50.0),
    "sand": (("#d3b98a", "#dcc396", "#e6cfa6"), 0.7, 40.0),
    "snow": (("#dfe6ee", "#eef2f6", "#f8fafc"), 0.5, 12.0),
    "boards": (("#c08d57", "#c99761", "#d2a26d"), 0.4, 90.0),
}


def ground(kind, size=160.0, at=(0, 0, 0)):
    """A wide flat ground with its upper face at the height of `at`."""
    solid = Solid()
    half = size / 2
    solid.add([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)],
              [(0, 1, 2, 3)], patchy(*GROUNDS[kind]))  # fmt: skip
    obj = solid.finish("ground", 0)
    obj.location = at
    return obj


def patch(kind, outline, z=0.004, edge=None):
    """A flat area of another ground on top; with an edge it gets a rim of that colour."""
    solid = Solid()
    solid.add([(x, y, z) for x, y in outline], [tuple(range(len(outline)))], patchy(*GROUNDS[kind]))
    if edge:
        rim = bo.principled(edge, rough=0.8)
        for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
            turn = math.degrees(math.atan2(by - ay, bx - ax))
            solid.box((math.hypot(bx - ax, by - ay) + 0.08, 0.08, 0.1), rim,
                      ((ax + bx) / 2, (ay + by) / 2, 0.03), (turn, 0, 0))  # fmt: skip
    return solid.finish("patch", 0)


def oval(x, y, wide, deep, n=36):
    """An oval outline."""
    return [(x + wide * math.cos(TAU * k / n), y + deep * math.sin(TAU * k / n)) for k in range(n)]


def copies(data, places):
    """Linked copies of a mesh: places are (x, y, z, turn, scale)."""
    for x, y, z, turn, scale in places:
        obj = bpy.data.objects.new("copy", data)
        bpy.context.scene.collection.objects.link(obj)
        obj.location, obj.rotation_euler[2] = (x, y, z), turn
        obj.scale = (scale,) * 3


def tufts(seed, low, high, colours=("#64a23c", "#7cb84e", "#54903a"), tall=0.07, keep=None):
    """Blades of grass between the corners `low` and `high`, as copies of one small patch."""
    rng = np.random.default_rng(seed)
    solid = Solid()
    for colour in colours:
        mat = bo.principled(colour, rough=0.9, spec=0.1)
        n = 170
        foot = np.concatenate([rng.uniform(-0.5, 0.5, (n, 2)), np.zeros((n, 1))], 1)
        turn, lean = rng.uniform(0, TAU, n), rng.uniform(-0.5, 0.5, (n, 2)) * tall
        side = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1) * 0.006
        tip = foot + np.concatenate([lean, rng.uniform(0.5, 1.2, (n, 1)) * tall], 1)
        verts = np.stack([foot - side, foot + side, tip], 1).reshape(-1, 3)
        solid.add(verts, [(3 * i, 3 * i + 1, 3 * i + 2) for i in range(n)], mat)
    first = solid.finish("tuft", 0)
    first.location = (0, 0, -5)
    places = []
    for x in np.arange(low[0], high[0], 0.9):
        for y in np.arange(low[1], high[1], 0.9):
            if keep is None or keep(x, y):
                places.append((x, y, 0, rng.integers(4) * TAU / 4, rng.uniform(0.8, 1.2)))
    copies(first.data, places)


def litter(seed, low, high, count, colours, size=0.06):
    """Fallen leaves on the ground."""
    rng = np.random.default_rng(seed)
    solid = Solid()
    for colour in colours:
        n = count // len(colours)
        at = np.stack([rng.uniform(low[0], high[0], n), rng.uniform(low[1], high[1], n),
                       rng.uniform(0.005, 0.02, n)], 1)  # fmt: skip
        turn = rng.uniform(0, TAU, n)
        a = np.stack([np.cos(turn), np.sin(turn), rng.uniform(-0.2, 0.4, n)], 1) * size
        b = np.stack([-np.sin(turn), np.cos(turn), rng.uniform(-0.2, 0.4, n)], 1) * size * 0.6
        verts = np.stack([at - a, at + b, at + a, at - b], 1).reshape(-1, 3)
        faces = [tuple(4 * i + k for k in range(4)) for i in range(n)]
        solid.add(verts, faces, bo.principled(colour, rough=0.9))
    return solid.finish("litter", 0)


# ------------------------------------------------------------------ trees, houses, park things

LEAVES = {
    "summer": ("#44832f", "#5a9c3c", "#78b84c"),
    "dark": ("#35703a", "#438243", "#5a9a50"),
    "autumn": ("#b5541c", "#d5832a", "#e0b03a"),
    "red": ("#8f2f1c", "#b5442a", "#cf6a32"),
}


def tree_mesh(seed, kind="summer", bushy=False):
    """A tree about 5 m high (a bush about 1 m) as a mesh to copy."""
    rng = np.random.default_rng(seed)
    solid = Solid()
    bark = bo.principled("#6b5340" if kind != "bare" else "#54453a", rough=0.95)
    if bushy:
        centres = [(*rng.uniform(-0.35, 0.35, 2), rng.uniform(0.35, 0.6)) for _ in range(4)]
        radii, leaf, per = [rng.uniform(0.38, 0.5) for _ in centres], 0.075, 170
    else:
        solid.tube([(0, 0, -0.1), (0.03, 0.02, 1.2), (-0.04, 0.03, 2.6), (0.05, 0, 3.8)],
                   [0.2, 0.15, 0.11, 0.04], bark, 10)  # fmt: skip
        centres = [(0, 0, 4.2)]
        for k in range(7):
            a = TAU * k / 7 + rng.uniform(-0.3, 0.3)
            out, up = rng.uniform(0.8, 1.15), rng.uniform(2.5, 4.0)
            centres.append((out * math.cos(a), out * math.sin(a), up))
            solid.tube(
                [
                    (0, 0, up - 1.1),
                    (out * 0.5 * math.cos(a), out * 0.5 * math.sin(a), up - 0.5),
                    centres[-1],
                ],
                [0.07, 0.05, 0.02],
                bark,
                6,
            )
        radii, leaf, per = [rng.uniform(0.75, 1.0) for _ in centres], 0.15, 210
    if kind == "bare":
        for c in centres:
            for _ in range(9):
                way = rng.normal(0, 0.5, 3) + (c[0] * 0.35, c[1] * 0.35, 0.5)
                mid = np.array(c) + way * 0.5
                solid.tube(
                    [np.array(c) - (0, 0, 0.2), mid, mid + way * 0.5 + rng.normal(0, 0.1, 3)],
                    [0.025, 0.016, 0.006],
                    bark,
                    5,
                )
        return solid.finish("tree", 60)
    tones = LEAVES[kind]
    core = bo.principled(fig.darker(tones[0], 0.75), rough=1.0, spec=0.0)
    mats = [bo.principled(tone, rough=0.8, spec=0.15) for tone in tones]
    for c, r in zip(centres, radii, strict=True):
        solid.ball(c, r * 0.86, core, None, 8, 12)
        for mat in mats:
            n = per // 3
            way = rng.normal(0, 1, (n, 3))
            way /= np.linalg.norm(way, axis=1, keepdims=True)
            at = np.array(c) + way * r * rng.uniform(0.8, 1.12, (n, 1))
            a = np.cross(way, rng.normal(0, 1, (n, 3)))
            a = a / np.linalg.norm(a, axis=1, keepdims=True) * leaf
            b = np.cross(way, a) * rng.uniform(0.5, 0.8, (n, 1)) + way * leaf * 0.5
            verts = np.stack([at - a, at - b * 0.6, at + a, at + b], 1).reshape(-1, 3)
            solid.add(verts, [tuple(4 * i + k for k in range(4)) for i in range(n)], mat)
    return solid.finish("tree", 0)


def grove(seed, spots, kinds=("summer", "dark", "summer"), bushy=False):
    """Trees at spots (x, y, size), three different ones in turn."""
    rng = random.Random(seed)
    meshes = []
    for k, kind in enumerate(kinds):
        first = tree_mesh(seed + k, kind, bushy)
        first.location = (0, 60 + 4 * k, -20)
        meshes.append(first.data)
    for k, (x, y, size) in enumerate(spots):
        copies(meshes[k % len(meshes)], [(x, y, 0, rng.uniform(0, TAU), size)])


def tree_line(seed, y=16, low=-22, high=22, step=2.6, size=1.15, kinds=("summer", "dark", "summer"),
              bushes=True):  # fmt: skip
    """A wood's edge across the background."""
    rng = random.Random(seed)
    spots = [(x + rng.uniform(-0.8, 0.8), y + rng.uniform(-1.5, 2.5), size * rng.uniform(0.85, 1.3))
             for x in np.arange(low, high, step)]  # fmt: skip
    grove(seed, spots, kinds)
    if bushes:
        spots = [
            (x + rng.uniform(-0.5, 0.5), y - 2.2 + rng.uniform(-0.5, 0.5), rng.uniform(1.8, 2.8))
            for x in np.arange(low, high, 1.7)
        ]
        grove(seed + 9, spots, [kinds[0], kinds[1]], True)


def fence(y=6.0, low=-12, high=12, colour="#b98d5c", height=0.8):
    """A wooden fence across the picture."""
    solid, mat = Solid(), bo.principled(colour, rough=0.85)
    for x in np.arange(low, high, 0.17):
        solid.box((0.1, 0.03, height), mat, (x, y, height / 2), bevel=0.02)
    for z in (0.25 * height, 0.75 * height):
        solid.box((high - low, 0.04, 0.07), mat, ((low + high) / 2, y + 0.04, z))
    return solid.finish("fence")


def bench(x, y, turn=0.0, colour="#9c6b3f"):
    """A park bench."""
    solid, timber, iron = Solid(), bo.principled(colour, rough=0.7), bo.principled("#2f3336")
    for k in range(4):
        solid.box((1.6, 0.09, 0.035), timber, (0, -0.18 + 0.11 * k, 0.44), bevel=0.01)
    for k in range(3):
        solid.box((1.6, 0.03, 0.09), timber, (0, 0.24 + 0.02 * k, 0.55 + 0.12 * k), bevel=0.01)
    for side in (-0.65, 0.65):
        solid.box((0.05, 0.42, 0.05), iron, (side, 0, 0.4))
        for dy in (-0.18, 0.2):
            solid.box((0.05, 0.05, 0.42), iron, (side, dy, 0.21))
        solid.box((0.04, 0.04, 0.5), iron, (side, 0.27, 0.64))
    obj = solid.finish("bench")
    obj.location, obj.rotation_euler[2] = (x, y, 0), math.radians(turn)
    return obj


def house(x, y, wide=7.0, high=5.0, colour="#d9c7a8", roof="#9c4a36", flat=False, doors=True):
    """A house front with windows and a roof."""
    solid, wall = Solid(), bo.principled(colour, rough=0.95)
    pane, frame = bo.principled("#44586a", rough=0.1), bo.principled("#f2f0ea", rough=0.7)
    solid.box((wide, 5, high), wall, (x, y + 2.5, high / 2))
    if flat:
        solid.box((wide + 0.3, 5.3, 0.3), bo.principled(roof), (x, y + 2.5, high + 0.1))
    else:
        w, top = wide / 2 + 0.3, high + wide * 0.32
        verts = [(x - w, y - 0.3, high), (x + w, y - 0.3, high), (x + w, y + 5.3, high),
                 (x - w, y + 5.3, high), (x - w, y + 2.5, top), (x + w, y + 2.5, top)]  # fmt: skip
        faces = [(0, 1, 5, 4), (2, 3, 4, 5), (1, 2, 5), (3, 0, 4)]
        solid.add(verts, faces, bo.principled(roof, rough=0.9))
    n = max(2, int(wide / 1.8))
    for level in range(max(1, int(high / 2.4))):
        for k in range(n):
            wx, wz = x - wide / 2 + wide * (k + 0.5) / n, 1.5 + 2.4 * level
            if level == 0 and doors and k == n // 2:
                solid.box((0.95, 0.1, 2.0), bo.principled("#5c4634"), (wx, y - 0.02, 1.0))
                continue
            solid.box((1.0, 0.08, 1.25), frame, (wx, y, wz))
            solid.box((0.84, 0.1, 1.09), pane, (wx, y - 0.01, wz))
            solid.box((0.05, 0.12, 1.1), frame, (wx, y - 0.01, wz))
    return solid.finish("house", 20)


def lamp_post(x, y):
    """A park lamp."""
    solid, iron = Solid(), bo.principled("#2b3a35", rough=0.5)
    solid.tube([(x, y, 0), (x, y, 3.0)], [0.05, 0.035], iron)
    solid.ball((x, y, 3.2), 0.16, bo.principled("#f6f1df", rough=0.4))
    return solid.finish("lamp")


def park(seed, kinds=("summer", "dark", "summer"), near=True, grass="grass", far=16, shift=0.0):
    """Lawn, a wood's edge, a bench, single trees: the usual park."""
    ground(grass)
    tree_line(seed, far, -20 + shift, 20 + shift, kinds=kinds)
    rng = random.Random(seed)
    if near:
        grove(
            seed + 30, [(-5.2, 7 + rng.uniform(-1, 1), 0.95), (5.6, 9, 1.1), (1.2, 12, 0.9)], kinds
        )


# ------------------------------------------------------------------ playground things

PAINT = {
    "red": "#d23a2e",
    "blue": "#2a62b8",
    "yellow": "#efb823",
    "green": "#3d9a4a",
    "orange": "#e87a22",
    "grey": "#a9adb3",
    "wood": "#b8834d",
    "violet": "#7a4fa0",
}


def paint(name):
    """Glossy paint or bright metal."""
    return bo.principled(PAINT.get(name, name), rough=0.35, coat=0.2)


def hang(obj, place, turn=None):
    """Move an object to a place with a rotation matrix."""
    obj.matrix_world = fig.matrix(np.eye(3) if turn is None else turn, place)


def swing_frame(width, high, legs="red", bar="yellow", x=0.0, y=0.0):
    """The frame of a swing; the bar runs away from the camera (along y) or across (turned)."""
    solid, leg, top = Solid(), paint(legs), paint(bar)
    for side in (-1, 1):
        yy = y + side * width / 2
        for foot in (-1, 1):
            solid.tube([(x + foot * 0.8, yy + side * 0.12, 0), (x, yy, high)], 0.045, leg)
        solid.tube(
            [(x - 0.42, yy + side * 0.06, high * 0.48), (x + 0.42, yy + side * 0.06, high * 0.48)],
            0.03,
            leg,
        )
        solid.ball((x, yy, high), 0.075, top)
    solid.tube(
        [(x, y - width / 2 - 0.1, high), (x, y + width / 2 + 0.1, high)], 0.05, top, 12, True
    )
    return solid.finish("frame", 60)


class Swing:
    """A swing with a child on it (or nobody): a pendulum under the bar."""

    def __init__(self, looks, x, y, high, length=1.75, reach=33, period=2.5, begin=0.0,
                 seat="blue", yaw=0.0):  # fmt: skip
        """Build seat, chains and child; `begin` is the phase in turns, looks None an empty seat."""
        self.pivot, self.length, self.yaw = np.array((x, y, high)), length, yaw
        self.reach, self.period, self.begin = reach, period, begin
        solid, chain = Solid(), bo.principled("#8d9299", rough=0.4, metal=0.6)
        solid.box((0.2, 0.46, 0.035), paint(seat), (0, 0, -length), bevel=0.02)
        for side in (-1, 1):
            n = int(length / 0.05)
            for k in range(n):
                z = -length + 0.025 + k * 0.05
                size = (0.012, 0.022, 0.05) if k % 2 else (0.022, 0.012, 0.05)
                solid.box(size, chain, (0, side * 0.22, z))
        self.seat = solid.finish("swing")
        self.child = Child(looks, self.motion) if looks else None

    def motion(self, body, t):
        """The pose on the swing."""
        a = TAU * (t / self.period + self.begin)
        angle, ahead = self.reach * math.sin(a), math.cos(a)  # ahead: 1 while swinging forward
        turn = rot(self.yaw, -angle, 0)
        seat = self.pivot + turn @ (0.0, 0, -self.length)
        kick = 0.5 + 0.5 * ahead
        lean = 8 - 30 * smooth(kick)
        hips = seat + turn @ (-0.02, 0, 0.02 + 0.056 * body.height)
        legs = [Limb(swing=78 + lean * 0.4 + 10 * kick, out=4, bend=105 - 90 * smooth(kick))] * 2
        arms = []
        for side in (1, -1):
            hand = seat + turn @ (-0.015, side * 0.225, body.shoulder * 0.98)
            arms.append(Limb(to=tuple(hand), pole=(-0.7, side * 0.9, -0.5)))
        return Pose(
            at=tuple(hips),
            yaw=self.yaw,
            pitch=-angle + lean * 0.4,
            chest=(lean * 0.6, 0, 0),
            head=(-lean * 0.6 + angle * 0.5, 0, 0),
            legs=legs,
            arms=arms,
        )

    def update(self, t):
        """Move seat and child."""
        angle = self.reach * math.sin(TAU * (t / self.period + self.begin))
        hang(self.seat, self.pivot, rot(self.yaw, -angle, 0))
        if self.child:
            self.child.update(t)


class Seesaw:
    """A seesaw with two children facing each other (or nobody: looks None)."""

    def __init__(self, left, right, x=0.0, y=0.0, colour="red", period=2.4):
        """Build plank, foot and children."""
        self.x, self.y, self.period, self.high = x, y, period, 0.52
        solid = Solid()
        for side in (-1, 1):
            solid.tube([(x - 0.3, y + side * 0.22, 0), (x, y + side * 0.2, 0.52),
                        (x + 0.3, y + side * 0.22, 0)], 0.04, paint("grey"))  # fmt: skip
        solid.tube([(x, y - 0.26, 0.52), (x, y + 0.26, 0.52)], 0.045, paint("yellow"), 12, True)
        solid.finish("foot", 60)
        plank = Solid()
        plank.box((3.1, 0.2, 0.06), paint(colour), (0, 0, 0.04), bevel=0.02)
        for side in (-1, 1):
            plank.box((0.34, 0.3, 0.05), paint("blue"), (side * 1.3, 0, 0.1), bevel=0.04)
            sx = side * 0.97
            plank.tube(
                [(sx, -0.17, 0.36), (sx, -0.1, 0.37), (sx, 0.1, 0.37), (sx, 0.17, 0.36)],
                0.018,
                paint("yellow"),
                8,
                True,
            )
            plank.tube([(sx, 0, 0.06), (sx, 0, 0.36)], 0.018, paint("yellow"))
        self.plank = plank.finish("plank")
        self.kids = [Child(looks, lambda b, t, side=side: self.motion(b, t, side))
                     for looks, side in ((left, -1), (right, 1)) if looks]  # fmt: skip

    def tilt(self, t):
        """Degrees, positive where the right end is high."""
        return 15 * math.tanh(1.7 * math.sin(TAU * t / self.period)) / math.tanh(1.7)

    def motion(self, body, t, side):
        """The pose of the child at the right (1) or left (-1)."""
        tilt = self.tilt(t)
        turn = rot(0, -tilt, 0)
        centre = np.array((self.x, self.y, self.high))
        seat = centre + turn @ (side * 1.3, 0, 0.125)
        up = side * tilt / 15  # 1 at the top
        yaw = 0 if side < 0 else 180
        hips = seat + (0, 0, 0.052 * body.height)
        legs, arms = [], []
        for k, s in enumerate((1, -1)):
            way = 1 if side < 0 else -1
            lateral = s * way * (0.2 + 0.02 * k)
            drop = min(hips[2] - body.ankle, (body.thigh + body.shin) * (0.9 - 0.12 * up))
            foot = hips + (way * (0.12 + 0.05 * up), lateral, -drop)
            legs.append(Limb(to=tuple(foot), pole=(1, s * 0.5, 0.3), foot=(yaw, 12 + 10 * up, 0)))
            grip = centre + turn @ (side * (0.97 + 0.02), s * way * 0.12, 0.38)
            arms.append(Limb(to=tuple(grip), pole=(-0.5, s, -0.6)))
        lean = -5 * up
        return Pose(at=tuple(hips), yaw=yaw, pitch=lean + 4, chest=(4 + lean * 0.4, 0, 0),
                    head=(-4 + 8 * up, 0, 0), legs=legs, arms=arms)  # fmt: skip

    def update(self, t):
        """Move plank and children."""
        hang(self.plank, (self.x, self.y, self.high), rot(0, -self.tilt(t), 0))
        for kid in self.kids:
            kid.update(t)


class Roundabout:
    """A disc with a round bench and a wheel in the middle; the children face inwards."""

    def __init__(self, looks, x=0.0, y=0.0, colours=("red", "yellow"), speed=-100.0, begin=20.0):
        """Build it; speed in degrees a second, negative is clockwise seen from above."""
        self.x, self.y, self.speed, self.begin = x, y, speed, begin
        solid, n = Solid(), 8
        for k in range(n):
            a = np.linspace(TAU * k / n, TAU * (k + 1) / n, 7)
            rim = [(1.15 * math.cos(v), 1.15 * math.sin(v), 0.2) for v in a]
            solid.add(
                [(0, 0, 0.2), *rim], [(0, i + 1, i + 2) for i in range(6)], paint(colours[k % 2])
            )
        a = np.linspace(0, TAU, 49)
        edge = np.stack([1.15 * np.cos(a), 1.15 * np.sin(a), 0 * a + 0.17], 1)
        solid.tube(edge, 0.045, paint("grey"), 8)
        wheel = np.stack([0.3 * np.cos(a), 0.3 * np.sin(a), 0 * a + 0.72], 1)
        solid.tube(wheel, 0.025, paint("grey"), 8)
        solid.tube([(0, 0, 0.2), (0, 0, 0.72)], 0.05, paint("grey"))
        solid.box((0.6, 0.03, 0.03), paint("grey"), (0, 0, 0.72))
        solid.box((0.03, 0.6, 0.03), paint("grey"), (0, 0, 0.72))
        self.count = len(looks)
        for k in range(8):  # the bench: eight seats in two colours, on posts
            v = TAU * (k + 0.5) / 8
            c, s = math.cos(v), math.sin(v)
            solid.box(
                (0.26, 0.6, 0.05),
                paint(("blue", "green")[k % 2]),
                (0.86 * c, 0.86 * s, 0.46),
                (math.degrees(v), 0, 0),
                0.03,
            )
            solid.tube(
                [(0.86 * c, 0.86 * s, 0.2), (0.86 * c, 0.86 * s, 0.45)], 0.025, paint("grey")
            )
            solid.tube([(1.0 * c, 1.0 * s, 0.46), (1.04 * c, 1.04 * s, 0.74)], 0.018, paint("grey"))
        back = np.stack([1.04 * np.cos(a), 1.04 * np.sin(a), 0 * a + 0.74], 1)
        solid.tube(back, 0.022, paint(colours[0]), 8)
        self.disc = solid.finish("roundabout", 40)
        self.kids = [
            Child(one, lambda b, t, k=k: self.motion(b, t, k)) for k, one in enumerate(looks)
        ]

    def motion(self, body, t, k):
        """The pose of the k-th child."""
        angle = self.begin + self.speed * t + 360 * k / self.count
        turn = rot(angle)
        centre = np.array((self.x, self.y, 0))
        hips = centre + turn @ (0.84, 0, 0.485 + 0.054 * body.height)
        legs, arms = [], []
        for s in (1, -1):
            foot = centre + turn @ (0.84 - body.thigh * 1.0, -s * 0.11, 0.2 + body.ankle)
            legs.append(Limb(to=tuple(foot), pole=(1, s * 0.2, 0.9), foot=(angle + 180, 0, 0)))
            hand = centre + turn @ (0.3, -s * 0.13, 0.75)
            arms.append(Limb(to=tuple(hand), pole=(-0.3, s, -0.7)))
        wave = math.sin(t * 5 + k)
        return Pose(at=tuple(hips), yaw=angle + 180, pitch=2, chest=(10 + 2 * wave, 0, 0),
                    head=(-10 + 4 * wave, 0, 14 * math.sin(t * 1.7 + k * 2)), legs=legs,
                    arms=arms)  # fmt: skip

    def update(self, t):
        """Turn disc and children."""
        hang(self.disc, (self.x, self.y, 0), rot(self.begin + self.speed * t))
        for kid in self.kids:
            kid.update(t)


class Ball:
    """A ball of six coloured segments, so that one sees it turn."""

    def __init__(self, radius=0.13, colours=("#d8352b", "#f5f1e8", "#2a62b8", "#f5f1e8", "#efb823",
                                             "#f5f1e8")):  # fmt: skip
        """Build the ball."""
        self.radius = radius
        solid, n = Solid(), 6
        el = np.linspace(-math.pi / 2, math.pi / 2, 15)[:, None]
        for k in range(n):
            az = np.linspace(TAU * k / n, TAU * (k + 1) / n, 6)[None]
            p = np.stack(
                [np.cos(el) * np.cos(az), np.sin(el) + 0 * az, np.cos(el) * np.sin(az)], -1
            )
            faces = [(i * 6 + j, i * 6 + j + 1, (i + 1) * 6 + j + 1, (i + 1) * 6 + j)
                     for i in range(14) for j in range(5)]  # fmt: skip
            mat = bo.principled(colours[k % len(colours)], rough=0.4, coat=0.2)
            solid.add(p.reshape(-1, 3) * radius, [f[::-1] for f in faces], mat)
        self.obj = solid.finish("ball", 0)

    def put(self, place, rolled=0.0, axis=25.0):
        """Move the ball; `rolled` is the way it has rolled to the right, in metres."""
        turn = rot(0, math.degrees(rolled / self.radius), 0) @ rot(axis, 0, 30)
        hang(self.obj, place, turn)


class Rope:
    """A skipping rope between two moving hands."""

    def __init__(self, colour="#e8e0cf", radius=0.014):
        """Build the rope."""
        self.radius, self.obj, self.mat = radius, None, bo.principled(colour, rough=0.7)

    def put(self, left, right, reach, angle, axis_turn=0.0):
        """Bend the rope; angle 0 hangs down, it turns about the line between the hands."""
        s = np.linspace(0, 1, 41)[:, None]
        left, right = np.asarray(left, float), np.asarray(right, float)
        a = math.radians(angle)
        side = rot(axis_turn) @ (0, 1, 0)
        way = side * math.sin(a) - fig.UP * math.cos(a)
        pts = left + (right - left) * s + way * reach * np.sin(math.pi * s) ** 0.75
        # No rope lies below the ground.
        pts[:, 2] = np.maximum(pts[:, 2], self.radius)
        r = np.full(len(pts), self.radius)
        rings = fig.sweep(pts, np.gradient(pts, axis=0), r, r, 8)
        if self.obj is None:
            solid = Solid()
            solid.grid(rings, self.mat)
            self.obj = solid.finish("rope", 0)
        else:
            self.obj.data.vertices.foreach_set("co", rings.ravel().astype(np.float32))
            self.obj.data.update()


# ------------------------------------------------------------------ more motions


def waving(body, x, y, yaw, t, z=0.0, both=False, **more):
    """Standing and waving or cheering with raised arms, bouncing a little."""
    w = math.sin(t * 9 + x)
    pose = fig.standing(body, x, y, yaw, t, z, beat=1.0)
    up = Limb(swing=20, out=138 + 14 * w, bend=22 + 16 * w, inward=60)
    pose.arms = [up, up if both else Limb(swing=6, out=12, bend=25)]
    for key, value in more.items():
        setattr(pose, key, value)
    return pose


def clapping(body, x, y, yaw, t, z=0.0, **more):
    """Standing and clapping."""
    pose = fig.standing(body, x, y, yaw, t, z, beat=1.0)
    gap = 0.02 + 0.12 * abs(math.sin(t * 8 + x))
    centre = np.array(pose.at) + rot(yaw) @ (body.fore * 1.35, 0, body.shoulder * 0.62)
    pose.arms = [Limb(to=tuple(centre + rot(yaw) @ (0, s * gap, 0)), pole=(-0.2, s, -0.8))
                 for s in (1, -1)]  # fmt: skip
    for key, value in more.items():
        setattr(pose, key, value)
    return pose


def cheering_jump(body, x, y, yaw, t, period=0.8, height=0.16, z=0.0):
    """Jumping on the spot with the arms flying up."""
    up, crouch = fig.hop(body, t, period, height, 0.42)
    air = smooth(up, 0, height)
    pose = fig.jumping(body, x, y, yaw, up, crouch, z)
    pose.arms = [Limb(swing=10 + 20 * air, out=25 + 105 * air, bend=30, inward=30)] * 2
    return pose


def cartwheel(body, x, y, yaw, turn):
    """A pose of a cartwheel to the figure's left, `turn` degrees through it."""
    a = math.radians(turn)
    spread = 0.5 - 0.5 * math.cos(2 * a) if 0 < turn < 360 else 0.0
    open_legs = 4 + 42 * min(1.0, spread * 1.6 + (90 < turn < 270))
    pose = Pose(at=(x, y, 0), yaw=yaw, roll=-turn, arms=[Limb(out=158, bend=4)] * 2,
                legs=[Limb(out=open_legs, bend=4)] * 2)  # fmt: skip
    j = fig.joints(body, pose)
    low = min(
        j["leg0"][2][2] - body.ankle,
        j["leg1"][2][2] - body.ankle,
        j["arm0"][2][2] - body.hand,
        j["arm1"][2][2] - body.hand,
    )
    # Feet seen from the side stand out by more than the ankle height.
    pose.at = (x, y, -low + 0.01)
    return pose


def climb(body, x, y, yaw, t, rung=0.3, period=1.5, start=0.3, out=0.24, lean=0.0):
    """Climbing a ladder or wall bars: hands and feet go up one rung after the other.

    Args:
        body: Lengths of the child.
        x: Where the climber hangs at height 0.
        y: As x.
        yaw: Heading.
        t: Time in seconds.
        rung: Distance of the rungs, the lowest at this height.
        period: Seconds a rung.
        start: Height of the rung on which the feet stand at first.
        out: Distance of the rungs from the climber.
        lean: Degrees by which the ladder leans.
    """
    way, slope = rot(yaw), math.tan(math.radians(lean))
    reach = round((body.hip * 0.86 + body.shoulder * 1.12) / rung)
    limbs = []
    for side, offset, hand in ((1, 0.0, 1), (-1, 0.5, 1), (1, 0.5, 0), (-1, 0.0, 0)):
        c = t / period + offset
        step, f = math.floor(c), smooth(c % 1, 0.5, 1.0)
        z = start + rung * (step + f + reach * hand)
        away = out + slope * z - 0.07 * math.sin(math.pi * f)
        if hand:
            p = np.array((x, y, z)) + way @ (away - 0.03, side * body.shoulder_side * 1.3, 0)
            limbs.append(Limb(to=tuple(p), pole=(-0.4, side, -0.7)))
        else:
            p = np.array((x, y, z + body.ankle)) + way @ (
                away - 0.08,
                side * body.hip_side * 1.4,
                0,
            )
            limbs.append(Limb(to=tuple(p), pole=(0.8, side * 0.7, 0.3), foot=(yaw, -5, 0)))
    z = start + rung * (t / period + 0.15) + body.hip * 0.86
    hips = np.array((x, y, z)) + way @ (slope * z - 0.02, 0, 0)
    sway = 5 * math.sin(TAU * t / period)
    return Pose(at=tuple(hips), yaw=yaw, pitch=4 + lean * 0.6, roll=sway, chest=(4, -sway, 0),
                head=(-25, 0, 0), arms=limbs[:2], legs=limbs[2:])  # fmt: skip


def show(kids, *others):
    """An update function for children and things."""

    def update(t):
        for thing in (*kids, *others):
            thing.update(t) if hasattr(thing, "update") else thing(t)

    return update


# ------------------------------------------------------------------ the children

MIA = Looks(1.26, "#e8b592", "#7a4a26", "ponytail", top="#e9b52c", bottom="trousers",
            bottom_colour="#2f5596", shoes="#d8412f")  # fmt: skip
BEN = Looks(1.08, "#dba580", "#4a2f1d", "short", top="#cf3a30", stripes="#f4efe4",
            bottom_colour="#2d4a7c")  # fmt: skip
AMA = Looks(1.2, "#7a4a2f", "#1d130d", "curly", top="#d6508c", bottom="dress", shoes="#f2f2ee")
LEA = Looks(1.16, "#edc0a0", "#b5702f", "plaits", top="#3d8f5c", bottom="skirt",
            bottom_colour="#f0c23a", shoes="#7a3f8f")  # fmt: skip
TOM = Looks(1.34, "#c98f68", "#20150e", "short", top="#3a78c4", bottom_colour="#c9b083",
            shoes="#333a44")  # fmt: skip
KAI = Looks(1.0, "#f0c6a6", "#d9b36a", "bob", top="#f08a2c", bottom_colour="#4c5a66",
            shoes="#2a62b8")  # fmt: skip
ZOE = Looks(1.3, "#a8704a", "#2a1a10", "bun", top="#8a5cc0", bottom="trousers",
            bottom_colour="#e0dccf", shoes="#d6508c")  # fmt: skip
SAM = Looks(1.14, "#5f3922", "#15100c", "buzz", top="#f2efe6", stripes="#2e8f86",
            bottom="trousers", bottom_colour="#55606e", shoes="#e87a22")  # fmt: skip
IDA = Looks(0.97, "#e6b08c", "#5a3a22", "plaits", hat="sun", hat_colour="#f1e3b0", top="#5cb0d8",
            bottom="dress", shoes="#d8412f")  # fmt: skip
LUC = Looks(1.22, "#e2aa84", "#8a3f1c", "short", hat="cap", hat_colour="#2a62b8", top="#6cae3c",
            bottom_colour="#6d4f36")  # fmt: skip
YUN = Looks(1.12, "#e9bf93", "#16110f", "bob", top="#e8574a", bottom="skirt",
            bottom_colour="#31507f", shoes="#f2f2ee")  # fmt: skip
OLE = Looks(1.18, "#efc4a6", "#caa052", "short", hat="knit", hat_colour="#c8372d", top="#2f62b5",
            coat=True, sleeves="long", bottom="trousers", bottom_colour="#3a3f4a", scarf="#efc23a",
            gloves="#c8372d", shoes="#5a4030")  # fmt: skip
EVA = Looks(1.1, "#d9a27c", "#3a2416", "plaits", hat="knit", hat_colour="#f0c23a", top="#c93a78",
            coat=True, sleeves="long", bottom="trousers", bottom_colour="#4a4f7a", scarf="#5cb0d8",
            gloves="#f0c23a", shoes="#6a3f5a")  # fmt: skip
NOA = Looks(1.27, "#7c4d31", "#1a120d", "curly", hat="knit", hat_colour="#3d9a8a", top="#e87a22",
            coat=True, sleeves="long", bottom="trousers", bottom_colour="#2f4a3a", scarf="#f4efe4",
            gloves="#3d9a8a", shoes="#3a3a3e")  # fmt: skip


# ------------------------------------------------------------------ scenes


def swings_in_park(clip):
    """Two children swing side by side in a sunny park, one watches."""
    park(1, shift=11)
    patch("sand", oval(0, 0.4, 2.8, 2.3))
    swing_frame(2.9, 2.3, y=0.5)
    tufts(
        1, (-2.5, -2.8), (5, 2.5), keep=lambda x, y: (x / 2.9) ** 2 + ((y - 0.4) / 2.4) ** 2 > 1.1
    )
    one = Swing(BEN, 0, -0.2, 2.3, begin=0.02, seat="blue", yaw=180)
    two = Swing(MIA, 0, 1.2, 2.3, begin=0.46, seat="red", period=2.4, reach=30, yaw=180)
    kid = Child(AMA, lambda b, t: clapping(b, 1.9, 2.2, 205, t))
    film.camera((-3.5, -2.2, 1.2), (-0.1, 0.62, 1.02), 36)
    return show([one, two, kid])


def seesaw(clip):
    """Two children on a seesaw, a third waits."""
    park(5)
    fence(5.0)
    saw = Seesaw(LEA, SAM, y=0.2)
    tufts(5, (-3, -2.2), (3, 1.6))
    kid = Child(KAI, lambda b, t: waving(b, 0.35, 1.5, -100, t))
    film.camera((0.25, -3.6, 1.2), (0, 0.2, 0.72), 34)
    return show([kid], saw)


def rolling_ball(clip):
    """A ball rolls from left to right in front of three children."""
    park(8)
    tufts(8, (-3, -2.0), (3, 2.0), tall=0.05)
    ball = Ball(0.16)
    speed = 0.95

    def roll(t):
        x = -1.55 + speed * t
        ball.put((x, -0.35, 0.16), x)

    def look(t):
        return (-1.55 + speed * t, -0.35, 0.2)

    kids = [
        Child(LUC, lambda b, t: fig.standing(b, -0.95, 0.75, -70, t, beat=0.5, look=look(t))),
        Child(YUN, lambda b, t: clapping(b, 0.05, 0.95, -90, t, look=look(t))),
        Child(TOM, lambda b, t: fig.standing(b, 1.05, 0.7, -110, t, beat=0.5, look=look(t))),
    ]
    film.camera((0, -3.6, 1.15), (0, 0.3, 0.62), 36)
    return show(kids, roll)


def tag(clip):
    """Four children run after each other across a meadow."""
    park(12)
    bench(2.6, 5.6)
    tufts(12, (-4, -2.5), (4, 1.5))
    runs = [
        (AMA, 0.0, 0.0, 2.35, 0.0),
        (TOM, -0.95, 0.5, 2.4, 0.35),
        (MIA, -1.75, -0.35, 2.35, 0.6),
        (KAI, -2.7, 0.25, 2.3, 0.15),
    ]
    kids = []
    for looks, x, y, speed, phase in runs:
        path = fig.line_path(x - 1.7, y, 0, speed)
        kids.append(Child(looks, lambda b, t, p=path, f=phase: fig.gait(b, p, t, "run", f)))
    camera = film.camera((0, -4.3, 1.1), (0, 0, 0.75), 34)

    def follow(t):
        x = -2.6 + 2.3 * t
        film.look(camera, (x * 0.9, -4.3, 1.1), (x, 0, 0.72))

    return show(kids, follow)


def blue_rubber(clip):
    """Swings on blue rubber between houses; no grass anywhere."""
    ground("blue rubber")
    patch("asphalt", [(-60, 7.5), (40, 7.5), (40, 60), (-60, 60)])
    for k, (colour, high) in enumerate((("#c9b9a0", 7.4), ("#b9bec4", 9.8), ("#d8c8b8", 7.4),
                                        ("#bfae9a", 9.8), ("#c7c2b4", 7.4))):  # fmt: skip
        house(-34 + 9.6 * k, 13 + k % 2, 9.4, high, colour, "#6a5a54", True)
    for k, colour in enumerate(("yellow", "red", "green")):
        solid = Solid()
        solid.ball((-2.6 + k * 0.75, 3.6, 0.24), (0.3, 0.3, 0.26), paint(colour), None, 10, 16)
        solid.finish("seat", 0)
    swing_frame(2.9, 2.3, "green", "orange", y=0.5)
    one = Swing(ZOE, 0, -0.2, 2.3, begin=0.3, seat="yellow", reach=30)
    two = Swing(SAM, 0, 1.2, 2.3, begin=0.78, seat="yellow", period=2.35, reach=34)
    path = fig.line_path(-1.2, 3.2, 180, 0.9)
    kid = Child(IDA, lambda b, t: fig.gait(b, path, t, "walk"))
    film.camera((3.4, -2.4, 1.25), (0.1, 0.62, 1.0), 36)
    return show([one, two, kid])


class Drops:
    """Many small drops, flakes or leaves in one mesh, moved as a whole."""

    def __init__(self, count, colour="#f4f8fb", rough=0.2, **inputs):
        """Build octahedra of size one."""
        self.shape = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
        faces = [
            (0, 2, 4),
            (2, 1, 4),
            (1, 3, 4),
            (3, 0, 4),
            (2, 0, 5),
            (1, 2, 5),
            (3, 1, 5),
            (0, 3, 5),
        ]
        solid = Solid()
        solid.add(np.tile(self.shape, (count, 1)) * 0.01 + np.repeat(np.arange(count), 6)[:, None],
                  [tuple(6 * i + v for v in f) for i in range(count) for f in faces],
                  bo.principled(colour, rough=rough, **inputs))  # fmt: skip
        self.obj = solid.finish("drops", 0)

    def put(self, at, size, long=1.0):
        """Move the drops; `long` stretches them upwards."""
        verts = at[:, None] + self.shape[None] * (1, 1, long) * np.reshape(size, (-1, 1, 1))
        self.obj.data.vertices.foreach_set("co", verts.ravel().astype(np.float32))
        self.obj.data.update()


def slide_frame(sides="red", rails="yellow", posts="blue", cover="green"):
    """A slide with its tower and ladder, running down to the right; gives the line of its bed."""
    line = np.array(bo.spline([(-1.25, 0, 1.35), (-0.85, 0, 1.33), (-0.3, 0, 1.0), (0.4, 0, 0.52),
                               (0.95, 0, 0.27), (1.6, 0, 0.22)], 8))  # fmt: skip
    solid, steel = Solid(), bo.principled("#dfe3e8", rough=0.3, metal=0.5)
    edges = [line + (0, y, z) for y, z in ((-0.27, 0.17), (-0.27, 0), (0.27, 0), (0.27, 0.17))]
    for low, high, mat in ((0, 1, paint(sides)), (1, 2, steel), (2, 3, paint(sides))):
        n = len(line)
        solid.add(np.concatenate([edges[low], edges[high]]),
                  [(i, i + 1, n + i + 1, n + i) for i in range(n - 1)], mat)  # fmt: skip
    for e in (edges[0], edges[3]):
        solid.tube(e, 0.035, paint(rails), 10, True)
    solid.box((0.75, 0.75, 0.06), paint("wood"), (-1.58, 0, 1.33))
    for x in (-1.92, -1.24):
        for y in (-0.36, 0.36):
            solid.tube([(x, y, 0), (x, y, 2.05)], 0.04, paint(posts))
    for y in (-0.36, 0.36):
        solid.tube([(-1.92, y, 1.95), (-1.24, y, 1.95)], 0.03, paint(posts))
        solid.tube([(-1.92, y, 1.65), (-1.24, y, 1.65)], 0.025, paint(posts))
        solid.tube([(-2.3, y * 0.75, 0), (-1.95, y * 0.75, 1.36)], 0.03, paint(rails))
        solid.tube([(1.35, y * 0.6, 0), (1.35, y * 0.6, 0.2)], 0.03, paint("grey"))
    for k in range(1, 6):
        z = 0.225 * k
        solid.tube([(-2.3 + 0.257 * z, -0.27, z), (-2.3 + 0.257 * z, 0.27, z)], 0.02, paint(rails))
    roof = [(-2.05, -0.5, 2.05), (-1.1, -0.5, 2.05), (-1.1, 0.5, 2.05), (-2.05, 0.5, 2.05),
            (-1.58, 0, 2.6)]  # fmt: skip
    solid.add(roof, [(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)], paint(cover))
    solid.finish("slide", 40)
    return line


def slide(clip):
    """One child after another comes down a slide."""
    park(21, kinds=("summer", "dark", "autumn"))
    patch("sand", oval(0.2, 0.3, 3.2, 1.7))
    tufts(
        21,
        (-3.5, -2.4),
        (4, 2.4),
        keep=lambda x, y: ((x - 0.2) / 3.2) ** 2 + ((y - 0.3) / 1.8) ** 2 > 1,
    )
    line = slide_frame()
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])

    def come_down(body, t, begin):
        s = 0.12 + (length[-1] - 0.32) * smooth((t - begin) / 2.0)
        p = np.array([np.interp(s, length, line[:, k]) for k in range(3)])
        q = np.array([np.interp(s + 0.05, length, line[:, k]) for k in range(3)])
        tilt = math.degrees(math.atan2(p[2] - q[2], q[0] - p[0]))
        hips = p + rot(0, tilt) @ (0, 0, 0.058 * body.height)
        joy = smooth(t - begin, 0.2, 0.5)
        w = 8 * math.sin(t * 11)
        arms = [Limb(swing=30 + 20 * joy, out=30 + 95 * joy + w, bend=25, inward=30)] * 2
        return Pose(at=tuple(hips), yaw=0, pitch=tilt * 0.85 - 8, chest=(6 - tilt * 0.1, 0, 0),
                    head=(-6 - tilt * 0.2, 0, -12), arms=arms,
                    legs=[Limb(swing=92 - tilt * 0.1 + 8, out=7, bend=14)] * 2)  # fmt: skip

    kids = [Child(YUN, lambda b, t: come_down(b, t, -0.65)),
            Child(LUC, lambda b, t: come_down(b, t, 2.1)),
            Child(SAM, lambda b, t: climb(b, -2.34, 0, 0, t, 0.225, 1.25, 0.225, lean=14.4)),
            Child(IDA, lambda b, t: clapping(b, 1.25, 1.35, 215, t))]  # fmt: skip
    film.camera((0.75, -3.7, 1.2), (-0.16, 0.2, 0.96), 35)
    return show(kids)


def roundabout_park(clip):
    """A roundabout in a park, clockwise seen from above."""
    park(31)
    patch("red rubber", oval(0, 0.3, 2.1, 2.1))
    tufts(31, (-3.5, -2.6), (3.5, 2.6), keep=lambda x, y: x**2 + (y - 0.3) ** 2 > 4.6)
    toy = Roundabout([BEN, ZOE, KAI, AMA], 0, 0.3)
    film.camera((0, -3.1, 1.75), (0, 0.3, 0.68), 33)
    return show([toy])


def roundabout_town(clip):
    """A roundabout on sand between houses in the evening, clockwise seen from above."""
    ground("sand")
    for k, (colour, high) in enumerate((("#d8b48a", 5.0), ("#e3d3b4", 7.4), ("#c99a7a", 5.0))):
        house(-9.5 + 9.4 * k, 11 + k % 2, 8.4, high, colour, ("#8f4632", "#7a3d2c", "#93503a")[k])
    fence(6.5, colour="#8f8a80", height=0.7)
    lamp_post(2.9, 5.0)
    bench(-2.4, 4.6, 0)
    toy = Roundabout([TOM, YUN, SAM], 0, 0.3, ("blue", "orange"), begin=70)
    bpy.context.scene.view_settings.exposure += 0.5
    film.camera((0.3, -3.0, 1.6), (0, 0.3, 0.72), 33)
    return show([toy])


def long_rope(clip):
    """Two children turn a long rope, a third jumps over it; school yard."""
    ground("asphalt")
    house(0, 9, 26, 5.0, "#c9805a", "#6a4a42", True)
    grove(41, [(-5.5, 7, 0.8), (6, 7.2, 0.85)])
    solid, chalk = Solid(), bo.principled("#e8e4d8", rough=0.9)
    for y in (2.4, 4.6):
        solid.box((30, 0.08, 0.01), chalk, (0, y, 0.002))
    solid.finish("lines", 0)
    rope, period, contact = Rope("#efe23a", 0.016), 0.78, 0.4
    turners = {}

    def hand(body, t, side):
        a = TAU * t / period
        return np.array((side * (1.62 - body.fore * 1.5), 0.3 + 0.1 * math.sin(a),
                         0.78 - 0.1 * math.cos(a)))  # fmt: skip

    def turn_rope(body, t, side):
        yaw = 180 if side > 0 else 0
        turners[side] = body
        pose = fig.standing(body, side * 1.62, 0.3, yaw, t, beat=0.6)
        rope_arm = Limb(to=tuple(hand(body, t, side)), pole=(-0.6, 0.3 * side, -0.7))
        idle = Limb(swing=5, out=14, bend=20)
        pose.arms = [rope_arm, idle] if side > 0 else [idle, rope_arm]
        pose.look = (0, 0.3, 0.7)
        return pose

    def jump(body, t):
        up, crouch = fig.hop(body, t + period * (1 + contact) / 2, period, 0.17, contact)
        pose = fig.jumping(body, 0, 0.3, -75, up, crouch)
        pose.arms = [Limb(swing=10, out=22 + 120 * up, bend=60, inward=20)] * 2
        return pose

    kids = [
        Child(TOM, lambda b, t: turn_rope(b, t, -1)),
        Child(ZOE, lambda b, t: turn_rope(b, t, 1)),
        Child(LEA, jump),
        Child(BEN, lambda b, t: clapping(b, 0.8, 1.7, -105, t)),
    ]

    def move(t):
        left, right = (hand(turners[s], t, s) for s in (-1, 1))
        rope.put(left, right, 0.74, 360 * t / period)

    film.camera((0, -4.3, 1.15), (0, 0.3, 0.82), 36)
    return show(kids, move)


def winter(clip):
    """Children in coats run round a snowman."""
    ground("snow")
    rng = random.Random(51)
    spots = [(x + rng.uniform(-1, 1), 13 + rng.uniform(-2, 3), rng.uniform(0.9, 1.3))
             for x in np.arange(-16, 17, 2.6)]  # fmt: skip
    grove(51, spots, ("bare", "bare"))
    house(-6.5, 17, 7, 3.2, "#a8523f", "#eef2f6")
    house(7, 18, 8, 3.2, "#c9a05c", "#eef2f6")
    fence(8.5, colour="#7a5f48", height=0.7)
    solid, snow = Solid(), bo.principled("#f6f8fb", rough=0.9, sss=0.0)
    coal = bo.principled("#1b1b1d", rough=0.8)
    for z, r in ((0.38, 0.44), (0.98, 0.32), (1.42, 0.22)):
        solid.ball((0, 0.4, z), (r, r, r * 0.93), snow, None, 14, 20)
    for x in (-0.08, 0.08):
        solid.ball((x, 0.2, 1.48), 0.027, coal)
    for z in (0.9, 1.05, 1.18):
        solid.ball((0, 0.4 - 0.315 + abs(z - 1.0) * 0.25, z), 0.03, coal)
    for k in range(5):
        a = (k - 2) * 0.32
        solid.ball((0.12 * math.sin(a), 0.205, 1.37 - 0.05 * math.cos(a) + 0.02), 0.014, coal)
    solid.tube([(0, 0.21, 1.42), (0.02, -0.02, 1.4)], [0.035, 0.006], bo.principled("#e8791e"))
    for side in (-1, 1):
        solid.tube([(side * 0.26, 0.4, 1.05), (side * 0.55, 0.35, 1.25), (side * 0.72, 0.33, 1.42)],
                   [0.02, 0.015, 0.008], bo.principled("#5a4030"), 6)  # fmt: skip
    red = bo.principled("#c8372d", rough=0.9)
    a = np.linspace(0, TAU, 25)
    solid.tube(np.stack([0.22 * np.cos(a), 0.4 + 0.22 * np.sin(a), 0 * a + 1.25], 1), 0.055, red)
    solid.tube([(0.12, 0.2, 1.24), (0.14, 0.1, 1.0)], [0.05, 0.06], red)
    solid.ball((0, 0.4, 1.6), (0.27, 0.27, 0.02), coal)
    solid.tube([(0, 0.4, 1.6), (0, 0.4, 1.84)], 0.17, coal, 20)
    solid.finish("snowman", 50)
    flakes = Drops(260, "#ffffff", 0.9)
    gen = np.random.default_rng(52)
    start = gen.uniform((-4, -2.2, 0), (4, 6, 3.6), (260, 3))
    size = gen.uniform(0.008, 0.016, 260)

    def snowfall(t):
        at = start.copy()
        at[:, 0] += 0.15 * np.sin(t * 1.3 + start[:, 1] * 5) + 0.12 * t
        at[:, 2] = (start[:, 2] - 0.75 * t) % 3.6
        flakes.put(at, size)

    kids = []
    for looks, begin, phase, radius in (
        (OLE, 200, 0.0, 1.15),
        (EVA, 285, 0.4, 1.1),
        (NOA, 20, 0.7, 1.2),
    ):
        path = fig.circle_path(0, 0.4, radius, 1.75, begin, 1.25)
        kids.append(Child(looks, lambda b, t, p=path, f=phase: fig.gait(b, p, t, "run", f)))
    film.camera((0, -4.0, 1.25), (0, 0.4, 0.85), 35)
    return show(kids, snowfall)


def autumn_ball(clip):
    """A ball rolls from left to right over fallen leaves between two children."""
    kinds = ("autumn", "red", "autumn")
    park(61, kinds=kinds, grass="autumn")
    litter(61, (-4, -2.5), (4, 6), 1500, ("#c8641f", "#dd9a2c", "#a8431f", "#b98a35"))
    ball = Ball(0.14, ("#2a62b8", "#f5f1e8", "#2a62b8", "#f5f1e8", "#2a62b8", "#f5f1e8"))
    speed = 0.62

    def place(t):
        return (-0.95 + speed * t, -0.1, 0.14)

    def roll(t):
        ball.put(place(t), place(t)[0])

    def ready(body, x, y, yaw, t):
        pose = fig.standing(body, x, y, yaw, t, beat=0.5, look=place(t))
        pose.at = (*pose.at[:2], pose.at[2] - 0.06 * body.height)
        pose.pitch, pose.chest = 12, (10, 0, 0)
        pose.legs = fig.planted(body, x, y, yaw, spread=1.9)
        pose.arms = [Limb(swing=25, out=26, bend=50, inward=10)] * 2
        return pose

    coat = {"coat": True, "sleeves": "long", "bottom": "trousers"}
    left = replace(
        LEA, **coat, top="#7a4fa0", bottom_colour="#3f4f63", hat="knit", hat_colour="#efb823"
    )
    right = replace(SAM, **coat, stripes=None, top="#2e8f86")
    third = replace(KAI, **coat, top="#d8412f", bottom_colour="#39455c")
    kids = [Child(left, lambda b, t: ready(b, -1.3, 0.35, -20, t)),
            Child(right, lambda b, t: ready(b, 1.3, 0.35, 200, t)),
            Child(third, lambda b, t: clapping(b, 0.1, 1.4, -90, t, look=place(t)))]  # fmt: skip
    bpy.context.scene.view_settings.exposure += 0.55
    film.camera((0, -3.3, 1.1), (0, 0.3, 0.6), 36)
    return show(kids, roll)


def hopscotch(clip):
    """A girl hops along a hopscotch court drawn with chalk."""
    ground("paving")
    house(-8, 8, 13, 5.0, "#e3d7bd", "#8a4a3a", True)
    house(7, 8, 13, 5.0, "#cfd6d2", "#5f6f6a", True)
    grove(71, [(-4.6, 5.6, 0.7), (4.9, 6.0, 0.75)])
    bench(-1.5, 4.6)
    chalks = ("#f7f4ea", "#f3a8b8", "#f3e08a", "#a8d8f0")
    size, rows, number, solid = 0.46, [1, 1, 2, 1, 2, 1], 1, Solid()
    x0, y0 = -1.45, 0.0
    for k, many in enumerate(rows):
        for m in range(many):
            y = y0 + (m - (many - 1) / 2) * size
            x = x0 + size * k
            mat = bo.principled(chalks[(k + m) % 4], rough=0.95)
            low = 0.002 + 0.0007 * number  # lines of neighbours lie on each other
            for side in (-1, 1):
                solid.box((size, 0.045, 0.006), mat, (x, y + side * size / 2, low))
                solid.box((0.045, size, 0.006), mat, (x + side * size / 2, y, low))
            bo.text(bo.empty("number"), str(number), 0.3, mat, (x - 0.07, y - 0.1, 0.006))
            number += 1
    solid.finish("court", 0)
    beat, contact = 0.5, 0.4

    def spot(n):
        n = max(-1, min(n, len(rows)))
        two = n in (-1, len(rows)) or rows[min(n, len(rows) - 1)] == 2
        return x0 + size * n, two

    def hopper(body, t):
        c = t / beat - 0.35
        n, f = math.floor(c), c - math.floor(c)
        (xa, two_a), (xb, two_b) = spot(n), spot(n + 1)
        u = smooth((f - contact) / (1 - contact)) if f > contact else 0.0
        v = (f - contact) / (1 - contact) if f > contact else 0.0
        moving = xb > xa
        up = 4 * 0.15 * v * (1 - v) if moving else 0.0
        x = xa + (xb - xa) * v
        two = two_a * (1 - u) + two_b * u
        crouch = math.sin(math.pi * f / contact) if f < contact else 0.0
        pose = fig.jumping(body, x, y0, 0, up, crouch * 0.8)
        legs = []
        for k, s in enumerate((1, -1)):
            ball = np.array((x + 0.05, y0 + s * (0.2 * two + 0.03 * (1 - two)), up))
            if k == 1:  # the right leg is pulled up where there is one square only
                ball = ball + np.array((-0.2, 0, 0.26)) * (1 - two)
            pitch = 30 * smooth(up, 0, 0.1) + (45 * (1 - two) if k == 1 else 0)
            legs.append(Limb(to=tuple(fig.foot_place(body, ball, 0, pitch)), foot=(0, pitch, 0)))
        pose.legs = legs
        w = 25 * smooth(up, 0, 0.15)
        pose.arms = [Limb(swing=12, out=48 + w, bend=25, inward=20)] * 2
        return pose

    kids = [Child(LEA, hopper), Child(KAI, lambda b, t: clapping(b, 0.3, 1.35, -85, t)),
            Child(LUC, lambda b, t: waving(b, 1.5, 1.2, -120, t))]  # fmt: skip
    film.camera((-0.05, -3.1, 1.6), (-0.1, 0.25, 0.56), 33)
    return show(kids)


def climbing_frame(posts="red", bars="blue", cross="yellow"):
    """A climbing frame of bars, 2.4 m wide."""
    solid, red, blue, yellow = Solid(), paint(posts), paint(bars), paint(cross)
    xs, ys, zs, r = (-1.2, -0.4, 0.4, 1.2), (0.2, 1.2), (0.6, 1.2, 1.8), 0.028
    for x in xs:
        for y in ys:
            solid.tube([(x, y, 0), (x, y, 1.8)], r, red, 8)
        for z in zs:
            solid.tube([(x, ys[0], z), (x, ys[1], z)], r, yellow, 8)
    for y in ys:
        for z in zs:
            solid.tube([(xs[0], y, z), (xs[-1], y, z)], r, blue, 8)
    for k in range(1, 7):
        solid.tube([(0.4, 0.2, 0.3 * k), (1.2, 0.2, 0.3 * k)], 0.022, yellow, 8)
    solid.finish("frame", 60)


def climbing_lake(clip):
    """A climbing frame on a lawn, a lake far behind."""
    ground("grass")
    solid = Solid()
    water = bo.principled("#4f8fc0", rough=0.08)
    bo.bump(water, bo.noise(water, bo.coordinates(water, (0.6, 2.5, 1)), 1.2, 3), 0.25, 0.2)
    solid.add(
        [(-90, 10, 0.02), (90, 10, 0.02), (90, 62, 0.02), (-90, 62, 0.02)], [(0, 1, 2, 3)], water
    )
    solid.finish("lake", 0)
    tree_line(81, 66, -48, 48, 5.0, 1.6, bushes=False)
    grove(82, [(-6.5, 8, 1.0), (7.0, 8.6, 1.15)])
    patch("sand", oval(0, 0.7, 2.7, 1.7))
    tufts(
        81, (-3.5, -2.4), (3.5, 2.2), keep=lambda x, y: (x / 2.8) ** 2 + ((y - 0.7) / 1.8) ** 2 > 1
    )
    climbing_frame()

    def hanging(body, t):
        a = 13 * math.sin(TAU * t / 1.7)
        bar = np.array((-0.8, 0.2, 1.8))
        turn = rot(-75, -a, 0)
        reach = body.upper + body.fore + body.shoulder * 0.97
        hips = bar + turn @ (0, 0, -reach)
        arms = [
            Limb(to=tuple(bar + rot(-75) @ (0, s * 0.14, 0.0)), pole=(0.2, s, -0.2))
            for s in (1, -1)
        ]
        kick = 10 * math.cos(TAU * t / 1.7)
        legs = [Limb(swing=8 + kick, bend=25), Limb(swing=18 + kick, bend=42)]
        return Pose(at=tuple(hips), yaw=-75, pitch=-a, arms=arms, legs=legs, head=(-8, 0, 8))

    def on_top(body, t):
        w = math.sin(t * 9)
        up = Limb(swing=25, out=140 + 14 * w, bend=20 + 14 * w, inward=50)
        grip = Limb(to=(0.18, 1.2, 1.84), pole=(-1, -0.5, -0.2))
        return Pose(
            at=(0.0, 1.17, 1.83 + 0.052 * body.height),
            yaw=-95,
            chest=(4, 0, 0),
            head=(6, 0, 0),
            arms=[grip, up],
            legs=[
                Limb(swing=80, out=8, bend=78 + 12 * math.sin(t * 4)),
                Limb(swing=80, out=8, bend=78 - 12 * math.sin(t * 4)),
            ],
        )

    kids = [
        Child(ZOE, hanging),
        Child(KAI, on_top),
        Child(BEN, lambda b, t: climb(b, 0.8, -0.06, 90, t, 0.3, 1.4, 0.3)),
        Child(YUN, lambda b, t: waving(b, -1.75, 0.6, -60, t)),
    ]
    film.camera((0.5, -3.9, 1.45), (-0.1, 0.6, 1.05), 34)
    return show(kids)


def trampoline(clip):
    """Two children jump on a trampoline in a sports hall."""
    ground("boards")
    solid, wall = Solid(), bo.principled("#e8dcc0", rough=0.9)
    solid.box((30, 0.3, 7), wall, (0, 6.2, 3.5))
    solid.box((0.3, 14, 7), bo.principled("#d8c8a4", rough=0.9), (-7.5, 0, 3.5))
    solid.box((0.3, 14, 7), bo.principled("#d8c8a4", rough=0.9), (7.5, 0, 3.5))
    solid.box((30, 0.05, 1.2), bo.principled("#5f8f6a", rough=0.8), (0, 6.02, 0.6))
    timber = bo.principled("#b98a52", rough=0.6)
    for x in (-4.2, -3.2, 3.2, 4.2):
        for z in np.arange(0.3, 2.7, 0.18):
            solid.tube([(x - 0.45, 5.9, z), (x + 0.45, 5.9, z)], 0.025, timber, 6)
        for side in (-0.45, 0.45):
            solid.box((0.08, 0.12, 2.7), timber, (x + side, 5.92, 1.35))
    white = bo.principled("#f5f3ee", rough=0.9)
    for x in (-6.0, 0, 6.0):
        solid.box((2.6, 0.06, 1.3), bo.principled("#dfeaf2", emit=0.8), (x, 6.03, 4.6))
        solid.box((0.06, 0.1, 1.3), white, (x, 6.02, 4.6))
    line = bo.principled("#3a6fc0", rough=0.6)
    solid.box((30, 0.06, 0.004), line, (0, 3.4, 0.003))
    for x, colour in ((-2.7, "#d8412f"), (-2.7, "#2a62b8"), (2.8, "#efb823")):
        z = 0.12 if colour != "#2a62b8" else 0.36
        solid.box((1.5, 1.0, 0.22), bo.principled(colour, rough=0.6), (x, 2.8, z), (8, 0, 0), 0.03)
    solid.finish("hall", 30)
    frame, a, high, radius = Solid(), np.linspace(0, TAU, 61), 0.62, 1.6
    for r, thick, mat in ((radius + 0.13, 0.05, paint("grey")),):
        frame.tube(
            np.stack([r * np.cos(a), 0.4 + r * 0.72 * np.sin(a), 0 * a + high], 1), thick, mat
        )
    pad = [np.stack([r * np.cos(a[:-1]), 0.4 + r * 0.72 * np.sin(a[:-1]), 0 * a[:-1] + z], 1)
           for r, z in ((radius + 0.16, high + 0.03), (radius + 0.14, high + 0.07),
                        (radius - 0.13, high + 0.06), (radius - 0.15, high + 0.02))]  # fmt: skip
    frame.grid(np.array(pad), bo.principled("#2a6cc4", rough=0.6))
    for k in range(8):
        v = TAU * (k + 0.5) / 8
        x, y = (radius + 0.13) * math.cos(v), 0.4 + (radius + 0.13) * 0.72 * math.sin(v)
        frame.tube([(x, y, 0), (x, y, high)], 0.035, paint("grey"))
    frame.finish("frame", 50)
    n = 26
    line = np.linspace(-1, 1, n)
    gx, gy = np.meshgrid(line, line)
    # A square grid pulled into a disc.
    px, py = gx * np.sqrt(1 - gy**2 / 2) * 1.5, gy * np.sqrt(1 - gx**2 / 2) * 1.08 + 0.4
    mat = Solid()
    mat.add(
        np.stack([px, py, 0 * px + high], -1),
        [
            (i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j)
            for i in range(n - 1)
            for j in range(n - 1)
        ],
        bo.principled("#2b2d33", rough=0.8),
    )
    sheet = mat.finish("sheet", 0)
    jumpers = [(AMA, -0.6, 0.3, -75, 1.0, 0.0, 0.55), (LUC, 0.65, 0.5, -110, 1.08, 0.5, 0.6)]

    def state(k, t):
        _, x, y, _, period, begin, top = jumpers[k]
        f = (t / period + begin) % 1
        if f < 0.3:
            return x, y, -0.16 * math.sin(math.pi * f / 0.3), 0.0
        u = (f - 0.3) / 0.7
        return x, y, 4 * top * u * (1 - u), 4 * u * (1 - u)

    def jump(body, t, k):
        x, y, up, air = state(k, t)
        pose = fig.jumping(body, x, y, jumpers[k][3], max(0, up), smooth(-up, 0, 0.16) * 0.9,
                           high + min(0, up), tuck=0.5)  # fmt: skip
        pose.arms = [Limb(swing=15, out=35 + 105 * air, bend=25, inward=25)] * 2
        return pose

    def bend(t):
        z = np.full_like(px, high)
        for k in range(2):
            x, y, up, _ = state(k, t)
            if up < 0:
                z += (up - 0.01) * np.exp(-((px - x) ** 2 + (py - y) ** 2) / 0.3)
        edge = np.clip(1 - np.maximum(np.abs(gx), np.abs(gy)), 0, 0.3) / 0.3
        z = high + (z - high) * edge**0.5
        sheet.data.vertices.foreach_set("co", np.stack([px, py, z], -1).ravel().astype(np.float32))
        sheet.data.update()

    kids = [Child(jumpers[k][0], lambda b, t, k=k: jump(b, t, k)) for k in (0, 1)]
    kids.append(Child(KAI, lambda b, t: clapping(b, 2.15, -0.3, 155, t)))
    film.area((0, -2, 6), (0, 1, 0), 6, 500, "#fff6e6")
    film.area((0, 4, 6.5), (0, 3, 0), 6, 260, "#fff6e6")
    film.camera((0.15, -4.6, 1.45), (0.15, 0.4, 1.15), 34)
    return show(kids, bend)


def cartwheels(clip):
    """A cartwheel and a skipping rope on a meadow in the evening."""
    park(91, kinds=("summer", "autumn", "dark"), grass="dry grass")
    tufts(91, (-3.5, -2.4), (3.5, 2.2), ("#9aa04a", "#86943f", "#b0a755"))
    rope, period, contact = Rope("#e83a2a", 0.022), 0.62, 0.42
    x1, y1, hand_z = 1.45, 0.75, 0.66

    def wheel(body, t):
        first, second = smooth((t - 0.15) / 1.3), smooth((t - 1.75) / 1.3)
        both = 0.55 * first + 0.45 * ((t - 0.15) / 1.3 if 0.15 < t < 1.45 else float(t >= 1.45))
        more = 0.55 * second + 0.45 * min(1, max(0, (t - 1.75) / 1.3))
        return cartwheel(
            body, -1.75 + 1.25 * (both + more), 0.0, -90, 360 * (more if more > 0 else both)
        )

    def skip(body, t):
        up, crouch = fig.hop(body, t + period * (1 + contact) / 2, period, 0.13, contact)
        pose = fig.jumping(body, x1, y1, -60, up, crouch)
        turn = rot(-60)
        pose.arms = [Limb(to=tuple(np.array((x1, y1, hand_z + up)) + turn @ (0.1, s * 0.34, 0)),
                          pole=(-1, s * 0.5, -0.3)) for s in (1, -1)]  # fmt: skip
        return pose

    skipper = Child(YUN, skip)

    def move(t):
        up, _ = fig.hop(skipper.body, t + period * (1 + contact) / 2, period, 0.13, contact)
        ends = [np.array((x1, y1, hand_z + up)) + rot(-60) @ (0.15, s * 0.38, 0) for s in (1, -1)]
        # Over the head to the front and under the feet: the rope turns forwards.
        rope.put(*ends, 0.74 + up, 180 + 360 * t / period + 180, -150)

    kids = [Child(TOM, wheel), skipper, Child(IDA, lambda b, t: clapping(b, -0.5, 1.5, -80, t))]
    bpy.context.scene.view_settings.exposure += 1.0  # the low sun lights the lawn only a little
    film.camera((0, -3.8, 1.1), (0, 0.3, 0.7), 35)
    return show(kids, move)


def jets(spots, t, drops, seed, each=100):
    """Drops of upright jets: spots are (x, y, height)."""
    rng = np.random.default_rng(seed)
    at = []
    for x, y, high in spots:
        begin, drift = rng.uniform(0, 1, each), rng.normal(0, 0.1, (each, 2))
        tall = high * rng.uniform(0.8, 1.0, each) * (0.93 + 0.07 * math.sin(t * 3 + x * 4))
        life = 2 * np.sqrt(2 * tall / 9.81)
        age = (t / life + begin) % 1
        z = 4 * tall * age * (1 - age)
        at.append(np.stack([x + drift[:, 0] * age * 2, y + drift[:, 1] * age * 2, z], 1))
    at = np.concatenate(at)
    drops.put(at, rng.uniform(0.013, 0.034, len(at)), 1.7)


def fountain_run(clip):
    """Children run between the jets of a fountain set in the paving of a park."""
    park(101, shift=0.0)
    patch("paving", oval(0, 1.0, 6.5, 3.6))
    solid = Solid()
    wet = bo.principled("#86a6b8", rough=0.06)
    bo.bump(wet, bo.noise(wet, bo.coordinates(wet), 6, 3), 0.12, 0.05)
    solid.add([(x, y, 0.01) for x, y in oval(0, 1.0, 3.4, 1.9)], [tuple(range(36))], wet)
    solid.finish("wet", 0)
    spots = [(-2.1, 1.4, 1.5), (-1.05, 1.4, 1.7), (0, 1.4, 1.9), (1.05, 1.4, 1.7), (2.1, 1.4, 1.5),
             (-1.65, 0.15, 0.9), (-0.3, 0.1, 0.95), (1.25, 0.15, 0.9)]  # fmt: skip
    drops = Drops(100 * len(spots), "#f2f8fc", 0.15, emit=0.08)
    core, white = Solid(), bo.principled("#eef6fb", rough=0.3)
    white.node_tree.nodes["Principled BSDF"].inputs["Alpha"].default_value = 0.55
    for x, y, high in spots:
        core.tube([(x, y, 0), (x, y, high * 0.5), (x, y, high * 0.86), (x, y, high * 0.95)],
                  [0.028, 0.045, 0.075, 0.03], white, 10)  # fmt: skip
        core.tube([(x, y, 0.0), (x, y, 0.022)], 0.09, bo.principled("#5a6066", rough=0.4), 16)
    core.finish("jets", 60)
    runs = [(AMA, -1.9, 0.75, 0, 1.55, 0.0), (BEN, -3.1, 0.85, 0, 1.6, 0.5)]
    kids = []
    for looks, x, y, yaw, speed, phase in runs:
        path = fig.line_path(x, y, yaw, speed)
        kids.append(
            Child(looks, lambda b, t, p=path, f=phase: joyful(fig.gait(b, p, t, "run", f), t))
        )
    kids.append(Child(LUC, lambda b, t: cheering_jump(b, 0.55, -0.35, -80, t)))
    kids.append(Child(ZOE, lambda b, t: waving(b, -1.2, -0.25, -60, t, both=True)))
    film.camera((0, -3.6, 1.35), (0, 0.8, 0.86), 34)
    return show(kids, lambda t: jets(spots, t, drops, 102))


def joyful(pose, t):
    """Arms thrown up while running."""
    w = 10 * math.sin(t * 12)
    pose.arms = [Limb(swing=20, out=120 + w, bend=30, inward=40),
                 Limb(swing=20, out=110 - w, bend=35, inward=40)]  # fmt: skip
    return pose


def paddling_pool(clip):
    """Three children stamp and splash in a paddling pool on a lawn."""
    ground("grass")
    tree_line(111, 13)
    house(-5.5, 10, 7, 3.0, "#e8d9b8", "#a84a36")
    fence(6.0, 0, 12, "#c9a878")
    tufts(
        111,
        (-3.2, -2.4),
        (3.2, 2.4),
        keep=lambda x, y: (x / 1.75) ** 2 + ((y - 0.3) / 1.3) ** 2 > 1,
    )
    solid, a = Solid(), np.linspace(0, TAU, 65)
    for k, colour in enumerate(("#2f7fd0", "#f4f4f0", "#efb823")):
        z = 0.08 + 0.115 * k
        solid.tube(np.stack([1.6 * np.cos(a), 0.3 + 1.15 * np.sin(a), 0 * a + z], 1), 0.085,
                   bo.principled(colour, rough=0.25, coat=0.3), 12)  # fmt: skip
    solid.finish("pool", 60)
    n, level = 60, 0.2
    line = np.linspace(-1, 1, n)
    gx, gy = np.meshgrid(line, line)
    px, py = gx * np.sqrt(1 - gy**2 / 2) * 1.56, gy * np.sqrt(1 - gx**2 / 2) * 1.11 + 0.3
    water = bo.principled("#58b8dc", rough=0.06)
    depth = bo.noise(water, bo.coordinates(water), 7, 2, 1.5)
    tone = bo.ramp(water, depth, [(0.35, "#3a9fd0"), (0.52, "#5fc0e2"), (0.62, "#b8e6f2")])
    bo.base_colour(water, tone)
    grid = Solid()
    grid.add(np.stack([px, py, 0 * px + level], -1),
             [(i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j)
              for i in range(n - 1) for j in range(n - 1)], water)  # fmt: skip
    surface = grid.finish("water", 0)
    spots = [(MIA, -0.85, 0.35, -70, 0.62, 0.0), (SAM, 0.05, 0.6, -90, 0.55, 0.3),
             (KAI, 0.9, 0.25, -115, 0.58, 0.6)]  # fmt: skip
    shorts = {"bottom": "shorts"}
    each = 90
    drops = Drops(each * 3, "#eaf6fc", 0.1, emit=0.05)
    rng = np.random.default_rng(112)
    way = rng.normal(0, 1, (3, each, 2))
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    fast, high, begin = (rng.uniform(*r, (3, each)) for r in ((0.3, 1.1), (1.6, 3.4), (0, 0.12)))
    size = rng.uniform(0.009, 0.02, each * 3)

    def stamp(body, t, k):
        _, x, y, yaw, period, phase = spots[k]
        c = t / period + phase
        pose = fig.standing(body, x, y, yaw, t)
        for m, side in enumerate((1, -1)):
            f = (c / 2 + 0.5 * m) % 1
            up = 0.24 * body.height * math.sin(math.pi * smooth(f, 0.0, 0.5)) if f < 0.5 else 0.0
            ball = np.array((x, y, 0.02 + up)) + rot(yaw) @ (body.ball + up * 0.3, side * 0.09, 0)
            pitch = 60 * up
            pose.legs[m] = Limb(
                to=tuple(fig.foot_place(body, ball, yaw, pitch)), foot=(yaw, pitch, 0)
            )
        w = math.sin(TAU * c / 2)
        pose.at = (*pose.at[:2], pose.at[2] - 0.02 + 0.015 * math.cos(TAU * c))
        pose.roll, pose.chest, pose.head = 3 * w, (8, -4 * w, 0), (0, 3 * w, 6 * w)
        if k == 1:
            pose.arms = [Limb(swing=25, out=125 + 18 * w, bend=30, inward=40),
                         Limb(swing=25, out=125 - 18 * w, bend=30, inward=40)]  # fmt: skip
        else:
            pose.arms = [Limb(swing=35 + 25 * w, out=48, bend=50, inward=20),
                         Limb(swing=35 - 25 * w, out=48, bend=50, inward=20)]  # fmt: skip
        return pose

    def splash(t):
        z = np.full_like(px, level) + 0.006 * np.sin(9 * px + 6 * t) * np.sin(8 * py - 5 * t)
        at = np.zeros((3, each, 3))
        for k, (_, x, y, yaw, period, phase) in enumerate(spots):
            beat = math.floor(t / period + phase)
            age = t - (beat - phase) * period
            side = 1 if beat % 2 == 1 else -1
            p = np.array((x, y, 0)) + rot(yaw) @ (0.1, side * 0.09, 0)
            r = np.hypot(px - p[0], py - p[1])
            z += 0.022 * np.sin(22 * r - 16 * age) * np.exp(-3.0 * r) * math.exp(-1.2 * age)
            u = np.maximum(0, age - begin[k])
            at[k, :, :2] = p[:2] + way[k] * (0.05 + fast[k] * u)[:, None]
            at[k, :, 2] = level + high[k] * u - 4.905 * u**2 - (age < begin[k])
        at = at.reshape(-1, 3)
        at[at[:, 2] < level - 0.02, 2] = -3
        drops.put(at, size, 1.3)
        surface.data.vertices.foreach_set(
            "co", np.stack([px, py, z], -1).ravel().astype(np.float32)
        )
        surface.data.update()

    kids = [Child(replace(s[0], **shorts), lambda b, t, k=k: stamp(b, t, k))
            for k, s in enumerate(spots)]  # fmt: skip
    film.camera((0, -3.0, 1.45), (0, 0.3, 0.62), 34)
    return show(kids, splash)


# ------------------------------------------------------------------ the plan


def playing(number, setting, caption, alt, heard, sound, build, light="noon", tags=(), **more):
    """A row of the plan: a clip of children playing; each is a scene of its own."""
    name = f"playing-{number:02}"
    return Clip(
        name,
        "children playing",
        f"scene-{name}",
        setting,
        tuple(tags),
        caption,
        alt,
        heard,
        sound,
        build,
        light=light,
        samples=4,
        **more,
    )


CALLS = "Children call and laugh."

CLIPS = [
    playing(
        1,
        "sunny-park",
        "Two children on swings",
        "Two children sit on the swings of a red frame in a sunny park, one swinging forward "
        "while the other swings back; a girl in a pink dress claps behind them.",
        "Children laugh and the chains of the swings squeak.",
        "playground:1 swing:0.6",
        swings_in_park,
        tags=("moving",),
        poster=10,
    ),
    playing(
        2,
        "fenced-lawn",
        "A seesaw on a lawn",
        "Two children face each other on a red seesaw on a lawn with a fence; one goes up "
        "while the other goes down, and a small child behind them waves.",
        CALLS,
        "playground:1",
        seesaw,
        "morning",
        ("moving",),
        poster=9,
    ),
    playing(
        3,
        "ball-meadow",
        "A ball rolls past children",
        "A large striped ball rolls across a lawn in front of three children, who stand side "
        "by side and follow it with their eyes.",
        CALLS,
        "playground:1",
        rolling_ball,
        tags=("rightward",),
        poster=24,
    ),
    playing(
        4,
        "open-meadow",
        "Four children run across a meadow",
        "Four children of different sizes run one behind the other across a meadow with "
        "trees; the camera moves along with them.",
        "Children call, and quick footsteps are heard.",
        "playground:1 footsteps:0.5",
        tag,
        poster=20,
    ),
    playing(
        5,
        "blue-rubber",
        "Swings on a blue rubber ground",
        "Two children swing on a green frame that stands on bright blue rubber between grey "
        "houses; there is no grass, and a small child in a sun hat walks past behind.",
        "The chains of the swings squeak and children laugh.",
        "playground:0.8 swing:1",
        blue_rubber,
        "overcast",
        ("moving", "hard"),
        held=9,
        poster=3,
    ),
    playing(
        6,
        "slide-sandpit",
        "Children come down a slide",
        "A girl comes down a red slide with her arms up, the next child follows; another "
        "climbs the ladder and a small one claps beside it.",
        CALLS,
        "playground:1",
        slide,
        "morning",
        poster=12,
    ),
    playing(
        7,
        "roundabout-park",
        "A roundabout in a park",
        "Four children sit on a red and yellow roundabout in a green park and hold on to the "
        "wheel in its middle; it turns steadily.",
        CALLS,
        "playground:1",
        roundabout_park,
        tags=("moving", "clockwise"),
        poster=5,
    ),
    playing(
        8,
        "school-yard",
        "Children jump over a long rope",
        "In a paved school yard two children turn a long yellow rope and a girl with plaits "
        "jumps over it in time; a boy behind claps.",
        "The soles of shoes tap on the ground and children call.",
        "playground:0.9 footsteps:0.7",
        long_rope,
        tags=("moving",),
        held=1,
        poster=5,
    ),
    playing(
        9,
        "snow-garden",
        "Children run round a snowman in winter",
        "Three children in coats and knitted hats run in a circle round a snowman; snow falls "
        "and the trees are bare.",
        "Children shout and steps crunch in the snow.",
        "playground:1 footsteps:0.4",
        winter,
        "winter",
        ("hard",),
        poster=8,
    ),
    playing(
        10,
        "autumn-park",
        "A ball rolls over autumn leaves",
        "A blue and white ball rolls across a lawn full of fallen leaves between two children "
        "in coats; a third child behind it claps.",
        "Children call, and leaves rustle in the wind.",
        "playground:0.9 wind:0.4",
        autumn_ball,
        "overcast",
        ("rightward",),
        poster=24,
    ),
    playing(
        11,
        "chalk-court",
        "A girl hops over a chalk hopscotch court",
        "A girl with plaits hops on one leg and on two along a hopscotch court drawn with "
        "chalk on paving; two children watch, one of them waves.",
        "Shoes tap on the ground and children laugh.",
        "playground:0.8 footsteps:0.8",
        hopscotch,
        poster=24,
    ),
    playing(
        12,
        "lake-view",
        "A climbing frame, a lake far behind",
        "Children climb on a red and blue frame: one hangs from a bar and swings, one climbs "
        "up, one sits on top and waves. A blue lake lies far behind them.",
        CALLS,
        "playground:1",
        climbing_lake,
        tags=("hard",),
        poster=12,
    ),
    playing(
        13,
        "sports-hall",
        "Trampoline jumps in a sports hall",
        "Two children jump high on a trampoline in a sports hall with wall bars, one up while "
        "the other comes down; a small child beside it claps.",
        "Children shout in the large hall.",
        "playground:1 hall",
        trampoline,
        "hall",
        ("hard",),
        poster=5,
    ),
    playing(
        14,
        "evening-meadow",
        "Cartwheels and a skipping rope",
        "On a meadow in evening light a boy turns two cartwheels, a girl skips with a red "
        "rope and a small child in a sun hat claps.",
        CALLS,
        "playground:1",
        cartwheels,
        "evening",
        poster=10,
    ),
    playing(
        15,
        "town-sand",
        "A roundabout between houses",
        "Three children sit on a blue and orange roundabout on sand between houses in low "
        "evening sun; it turns steadily.",
        CALLS,
        "playground:1",
        roundabout_town,
        "evening",
        ("clockwise",),
        poster=5,
    ),
    Clip(
        "both-01",
        "children and water",
        "scene-both-01",
        "plaza-fountain",
        ("hard",),
        "Children run through a fountain in a park",
        "Water jets rise from the ground of a paved square in a park; two children run between "
        "them with raised arms, two others jump and wave in front.",
        "Children laugh and water splashes.",
        "playground:0.8 fountain:0.8",
        fountain_run,
        samples=4,
        poster=14,
    ),
    Clip(
        "both-02",
        "children and water",
        "scene-both-02",
        "garden-pool",
        ("hard",),
        "Three children splash in a paddling pool",
        "Three children in T-shirts and shorts stand in a round paddling pool in a garden and "
        "stamp in the shallow water, so that drops fly up around them.",
        "Children laugh and water splashes.",
        "playground:0.9 fountain:0.6",
        paddling_pool,
        samples=4,
        poster=12,
    ),
]
