"""A jointed child figure for the clips: its looks, its poses, and how it walks, runs and jumps.

Units are metres and seconds. A figure faces +x, its left side is +y, up is +z. A motion is a plain
function of time that returns a `Pose`, so that any frame can be rendered on its own. Arms and legs
are swept tubes that are computed anew for each frame: elbows and knees stay smooth.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import blender_objects as bo
import bpy
import numpy as np
from mathutils import Matrix

UP = np.array((0.0, 0.0, 1.0))


# ------------------------------------------------------------------ small geometry


def rot(yaw=0.0, pitch=0.0, roll=0.0):
    """Rotation matrix; degrees. Positive pitch leans forward, positive roll to the right."""
    a, b, c = (math.radians(v) for v in (yaw, pitch, roll))
    ca, sa, cb, sb, cc, sc = (f(v) for v in (a, b, c) for f in (math.cos, math.sin))
    rz = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    ry = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    rx = np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]])
    return rz @ ry @ rx


def unit(v):
    """A vector of length one."""
    v = np.asarray(v, float)
    return v / max(1e-9, np.linalg.norm(v))


def smooth(t, low=0.0, high=1.0):
    """Smooth step from 0 to 1 while t goes from low to high."""
    t = np.clip((t - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def matrix(turn, at):
    """A 4x4 Blender matrix from a rotation and a place."""
    m = np.eye(4)
    m[:3, :3], m[:3, 3] = turn, at
    return Matrix(m.tolist())


class Solid:
    """Collects shapes of many materials in one mesh: fewer objects render faster."""

    def __init__(self):
        """Begin empty."""
        self.verts, self.faces, self.slots, self.mats, self.count = [], [], [], [], 0

    def slot(self, mat):
        """The index of a material."""
        if mat not in self.mats:
            self.mats.append(mat)
        return self.mats.index(mat)

    def add(self, verts, faces, mat):
        """Add a shape; returns the index of its first vertex."""
        first, slot = self.count, self.slot(mat)
        self.verts.append(np.asarray(verts, float).reshape(-1, 3))
        self.faces += [tuple(first + i for i in face) for face in faces]
        self.slots += [slot] * len(faces)
        self.count += len(self.verts[-1])
        return first

    def grid(self, points, mat):
        """A tube-like surface from an array (rings, sides, 3)."""
        rings, sides = points.shape[:2]
        return self.add(points, tube_faces(rings, sides), mat)

    def ball(self, at, radii, mat, turn=None, rings=9, sides=14):
        """An ellipsoid."""
        el = np.linspace(-math.pi / 2, math.pi / 2, rings)[:, None]
        az = np.linspace(0, 2 * math.pi, sides, endpoint=False)[None]
        shape = np.stack(
            [np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el) + 0 * az], -1
        )
        shape = shape * np.broadcast_to(radii, 3)
        self.grid((shape if turn is None else shape @ turn.T) + np.asarray(at), mat)

    def tube(self, points, radius, mat, sides=10, round_ends=False):
        """A round bar along points; the radius may be a list."""
        points = np.asarray(points, float)
        radius = np.broadcast_to(radius, len(points)).astype(float)
        way = np.gradient(points, axis=0)
        if round_ends:
            first, last = unit(way[0]), unit(way[-1])
            points = np.concatenate([[points[0] - first * radius[0] * 0.7], points,
                                     [points[-1] + last * radius[-1] * 0.7]])  # fmt: skip
            radius = np.concatenate([[radius[0] * 0.55], radius, [radius[-1] * 0.55]])
            way = np.concatenate([[first], way, [last]])
        centre = np.concatenate([points[:1], points, points[-1:]])
        radius = np.concatenate([[1e-4], radius, [1e-4]])
        way = np.concatenate([way[:1], way, way[-1:]])
        self.grid(sweep(centre, way, radius, radius, sides), mat)

    def box(self, size, mat, at=(0, 0, 0), turn=(0, 0, 0), bevel=0.0):
        """A box; `turn` is (yaw, pitch, roll). A bevel cuts the upright edges."""
        x, y, z = (s / 2 for s in size)
        if bevel:
            b = min(bevel, 0.45 * min(size))
            ring = [(x - b, y), (x, y - b), (x, b - y), (x - b, -y), (b - x, -y), (-x, b - y),
                    (-x, y - b), (b - x, y)][::-1]  # fmt: skip
            n = 8
        else:
            ring, n = [(-x, -y), (x, -y), (x, y), (-x, y)], 4
        verts = [(*p, h) for h in (-z, z) for p in ring]
        faces = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
        faces += [tuple(range(n))[::-1], tuple(range(n, 2 * n))]
        self.add(np.array(verts) @ rot(*turn).T + np.asarray(at), faces, mat)

    def finish(self, name="solid", angle=35):
        """Make the object."""
        data = bpy.data.meshes.new(name)
        data.from_pydata(np.concatenate(self.verts).tolist(), [], self.faces)
        for mat in self.mats:
            data.materials.append(mat)
        data.polygons.foreach_set("material_index", self.slots)
        data.shade_smooth()
        if angle:
            data.set_sharp_from_angle(angle=math.radians(angle))
        obj = bpy.data.objects.new(name, data)
        bpy.context.scene.collection.objects.link(obj)
        return obj


def tube_faces(rings, sides):
    """Quads of a tube grid."""
    return [(i * sides + k, i * sides + (k + 1) % sides, (i + 1) * sides + (k + 1) % sides,
             (i + 1) * sides + k) for i in range(rings - 1) for k in range(sides)]  # fmt: skip


def sweep(centre, way, wide, deep, sides, side=None):
    """Ellipse rings (rings, sides, 3) around a path; `side` is the direction of `wide`."""
    way = way / np.maximum(1e-9, np.linalg.norm(way, axis=1, keepdims=True))
    if side is None:
        lean = np.abs(way.mean(0))
        side = np.eye(3)[int(np.argmin(lean))]
    u = side - way * (way @ side)[:, None]
    u /= np.maximum(1e-9, np.linalg.norm(u, axis=1, keepdims=True))
    v = np.cross(way, u)
    turn = np.linspace(0, 2 * math.pi, sides, endpoint=False)[None, :, None]
    ring = np.cos(turn) * (u * np.reshape(wide, (-1, 1)))[:, None]
    return centre[:, None] + ring + np.sin(turn) * (v * np.reshape(deep, (-1, 1)))[:, None]


# ------------------------------------------------------------------ looks and poses


@dataclass(frozen=True)
class Looks:
    """What a child looks like; colours are '#rrggbb'."""

    height: float = 1.2
    skin: str = "#e3ae8c"
    hair: str = "#4a2f1d"
    style: str = "short"  # short, bob, ponytail, plaits, curly, bun, buzz
    hat: str | None = None  # knit, cap, sun
    hat_colour: str = "#c8372d"
    top: str = "#d8412f"
    stripes: str | None = None
    sleeves: str = "short"  # short, long
    bottom: str = "shorts"  # shorts, trousers, skirt, dress
    bottom_colour: str = "#2d4a7c"
    shoes: str = "#f2f2ee"
    socks: str = "#f4f4f0"
    coat: bool = False
    scarf: str | None = None
    gloves: str | None = None
    eyes: str = "#3a2416"


@dataclass
class Limb:
    """An arm or a leg: a place for wrist or ankle (`to`), or angles in degrees."""

    to: tuple | None = None
    pole: tuple | None = None  # where elbow or knee points, in the figure's own directions
    swing: float = 0.0  # forward
    out: float = 6.0  # away from the body
    bend: float = 8.0
    inward: float = 0.0  # turns the plane of the elbow towards the body
    foot: tuple | None = None  # yaw, pitch, roll of the foot in the world


@dataclass
class Pose:
    """Where the hips are and how everything above and below is turned."""

    at: tuple
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    chest: tuple = (0.0, 0.0, 0.0)  # pitch, roll, yaw against the hips
    head: tuple = (0.0, 0.0, 0.0)  # pitch, roll, yaw against the chest
    arms: list = field(default_factory=lambda: [Limb(), Limb()])  # left, right
    legs: list = field(default_factory=lambda: [Limb(out=2), Limb(out=2)])
    look: tuple | None = None  # a place to look at, in place of `head`


class Body:
    """Lengths of a child of this height: the younger, the larger the head."""

    def __init__(self, height):
        """Work out all lengths."""
        h = self.height = height
        self.head = h * np.interp(height, [0.9, 1.45], [0.25, 0.196])
        self.hip = h * np.interp(height, [0.9, 1.45], [0.425, 0.475])
        self.ankle = 0.052 * h
        self.thigh = (self.hip - self.ankle) * 0.515
        self.shin = (self.hip - self.ankle) * 0.485
        self.shoulder = h - self.head - 0.035 * h - self.hip  # above the hip joints
        self.waist = self.shoulder * 0.36
        self.upper, self.fore = 0.152 * h, 0.135 * h
        self.hip_side, self.shoulder_side = 0.05 * h, 0.098 * h
        self.ball = 0.065 * h  # from ankle to the ball of the foot
        self.hand = 0.045 * h  # from wrist to the middle of the hand


def two_bones(start, target, first, second, pole):
    """The middle joint and the end that a limb reaches."""
    way = np.asarray(target, float) - start
    length = min(np.linalg.norm(way), (first + second) * 0.998)
    length = max(length, abs(first - second) + 0.02)
    way = unit(way)
    along = (first**2 - second**2 + length**2) / (2 * length)
    off = math.sqrt(max(0.0, first**2 - along**2))
    pole = pole - way * (way @ pole)
    return start + way * along + unit(pole) * off, start + way * length


def joints(body, pose):
    """All joint places and turns of a pose."""
    hips = rot(pose.yaw, pose.pitch, pose.roll)
    at = np.asarray(pose.at, float)
    chest = hips @ rot(pose.chest[2], pose.chest[0], pose.chest[1])
    waist = at + hips @ (0, 0, body.waist)
    neck = waist + chest @ (0, 0, body.shoulder - body.waist + 0.012 * body.height)
    if pose.look is not None:
        way = chest.T @ unit(np.asarray(pose.look) - neck - UP * body.head * 0.45)
        yaw = np.clip(math.degrees(math.atan2(way[1], way[0])), -75, 75)
        up = np.clip(math.degrees(math.asin(np.clip(way[2], -1, 1))), -45, 40)
        head = chest @ rot(yaw, -up * 0.8, 0)
    else:
        head = chest @ rot(pose.head[2], pose.head[0], pose.head[1])
    out = {"hips": (hips, at), "chest": (chest, waist), "head": (head, neck)}
    for k, side in enumerate((1, -1)):
        limb = pose.arms[k]
        start = waist + chest @ (0, side * body.shoulder_side,
                                 body.shoulder - body.waist - 0.035 * body.height)  # fmt: skip
        mid, end = bend_limb(limb, start, chest, side, body.upper, body.fore, False)
        out[f"arm{k}"] = (start, mid, end)
        limb = pose.legs[k]
        start = at + hips @ (0, side * body.hip_side, 0)
        mid, end = bend_limb(limb, start, hips, side, body.thigh, body.shin, True)
        out[f"leg{k}"] = (start, mid, end)
        if limb.foot is not None:
            foot = rot(*limb.foot)
        else:
            up = unit(mid - end)
            front = hips @ (1, 0, 0)
            if abs(front @ up) > 0.9:
                front = hips @ (0, 0, 1) * (1 if front @ up < 0 else -1)
            front = unit(front - up * (front @ up))
            foot = np.stack([front, np.cross(up, front), up], 1)
        out[f"foot{k}"] = foot
    return out


def bend_limb(limb, start, frame, side, first, second, leg):
    """Knee or elbow and the end of a limb, from a target or from angles."""
    if limb.to is not None:
        pole = limb.pole or ((1, side * 0.12, 0.1) if leg else (-0.5, side * 0.6, -0.5))
        return two_bones(start, limb.to, first, second, frame @ np.asarray(pole, float))
    s, o, b, i = (math.radians(v) for v in (limb.swing, limb.out, limb.bend, limb.inward))
    way = np.array((math.sin(s) * math.cos(o), side * math.sin(o), -math.cos(s) * math.cos(o)))
    front = np.array((math.cos(s), 0, math.sin(s)))
    front = front * math.cos(i) + np.array((0, -side, 0)) * math.sin(i)
    front = unit(front - way * (way @ front))
    low = way * math.cos(b) + front * math.sin(b) * (-1 if leg else 1)
    mid = start + frame @ way * first
    return mid, mid + frame @ low * second


# ------------------------------------------------------------------ head


def head_surface(az, el):
    """A child's skull as distances for directions (radians); head height 1, centre 0."""
    x, y, z = np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el) + 0 * az
    low = np.clip(-z, 0, 1)
    narrow = 1 - 0.2 * low**1.6
    px = x * 0.445 * narrow + 0.035 * low * (x > 0) * x - 0.02 * low * (x < 0)
    py = y * 0.425 * narrow
    pz = z * 0.5
    # Cheeks: round cushions beside the mouth.
    for side in (1, -1):
        d = (x - 0.66) ** 2 + (y - side * 0.6) ** 2 + (z + 0.36) ** 2
        grow = 1 + 0.06 * np.exp(-d / 0.09)
        px, py = px * grow, py * grow
    return np.stack([px, py, pz], -1)


def head_grid(rings, sides):
    """Directions of a grid over the head."""
    el = np.linspace(-math.pi / 2, math.pi / 2, rings)[:, None]
    az = np.linspace(-math.pi, math.pi, sides, endpoint=False)[None]
    return np.broadcast_arrays(az, el)


def on_face(az, el, lift=0.0):
    """A point on the face and the frame there (normal first); degrees."""
    a, e = math.radians(az), math.radians(el)
    p = head_surface(np.array(a), np.array(e))
    da = head_surface(np.array(a + 0.02), np.array(e)) - p
    de = head_surface(np.array(a), np.array(e + 0.02)) - p
    n = unit(np.cross(da, de))
    left = unit(np.cross(UP, n))
    return p + n * lift, np.stack([n, left, np.cross(n, left)], 1)


HAIRLINES = {  # elevation of the hairline at azimuth 0, 35, 60, 90, 130, 180 degrees; thickness
    "short": ((31, 28, 17, -4, -40, -46), 0.1),
    "buzz": ((38, 33, 20, -2, -38, -44), 0.035),
    "bob": ((21, 18, -12, -56, -64, -64), 0.115),
    "ponytail": ((36, 30, 15, -4, -34, -42), 0.065),
    "plaits": ((27, 24, 10, -10, -38, -44), 0.075),
    "bun": ((36, 30, 16, -3, -34, -42), 0.065),
    "curly": ((36, 29, 14, -8, -42, -48), 0.1),
    "knit": ((24, 22, 14, 2, -12, -18), 0.13),
    "cap": ((34, 32, 26, 20, 14, 10), 0.1),
    "sun": ((30, 28, 24, 18, 14, 12), 0.1),
}


def shell(solid, mat, size, style, grow=0.0, strands=True):
    """Hair or a hat: the head's surface, thicker above the hairline, sunk in below it."""
    line, thick = HAIRLINES[style]
    az, el = head_grid(56, 64)
    limit = np.interp(np.abs(np.degrees(az)), [0, 35, 60, 90, 130, 180], line)
    if strands:  # a ragged fringe, combed to one side
        limit = limit + (5 * np.sin(az * 11 + 1) + 3 * np.sin(az * 23)) * (np.cos(az) > -0.2)
        limit = limit + 5 * np.sin(az * 2) * np.clip(np.cos(az), 0, 1)
    above = np.degrees(el) - limit
    full = (thick + grow) * (1 if style in ("bob", "knit") else 0.45 + 0.55 * smooth(el, -0.6, 0.5))
    lift = -0.06 + (0.06 + full) * smooth(above, -3, 9)
    if strands:
        lock = np.sin(az * 17 + 3 * np.sin(el * 4)) * 0.5 + np.sin(az * 31 + el * 9) * 0.3
        lift = lift + 0.02 * lock * smooth(above, 0, 20) * np.cos(el)
        lift = lift + 0.03 * smooth(el, 0.5, 1.4)
    points = head_surface(az, el)
    way = points / np.linalg.norm(points, axis=-1, keepdims=True)
    solid.grid((points + way * lift[..., None]) * size, mat)


def make_head(looks, body):
    """The head with face and hair as one object; its origin is the top of the neck."""
    size = body.head
    solid = Solid()
    skin = skin_material(looks.skin, True)
    hair = bo.principled(looks.hair, rough=0.55, sheen=0.3)
    az, el = head_grid(26, 40)
    solid.grid(head_surface(az, el) * size, skin)
    plain = skin_material(looks.skin)
    white, iris = bo.principled("#f6f4f0", rough=0.25), bo.principled(looks.eyes, rough=0.15)
    pupil, shine = bo.principled("#0b0908", rough=0.1), bo.principled("#ffffff", emit=1.0)
    lip, brow = bo.principled("#a8443f", rough=0.5), bo.principled(darker(looks.hair, 0.8))
    for side in (1, -1):
        p, f = on_face(side * 25, -3)
        solid.ball(p * size, np.array((0.026, 0.062, 0.066)) * size, white, f)
        p, f = on_face(side * 24, -3, 0.016)
        solid.ball(p * size, np.array((0.02, 0.049, 0.057)) * size, iris, f)
        p, f = on_face(side * 24, -3, 0.029)
        solid.ball(p * size, np.array((0.012, 0.028, 0.035)) * size, pupil, f)
        p, f = on_face(side * 24 - 3, 1.5, 0.042)
        solid.ball(p * size, 0.012 * size, shine, f, 6, 8)
        lash = [on_face(side * (25 + a), 4.6 - 0.055 * a * a, 0.02)[0] for a in (-9, -5, 0, 5, 10)]
        solid.tube(np.array(lash) * size, 0.011 * size, pupil, 6, True)
        arc = [
            on_face(side * a, e, 0.008)[0] for a, e in ((14, 13), (22, 17), (30, 16.5), (37, 12))
        ]
        solid.tube(np.array(arc) * size, 0.014 * size, brow, 8, True)
        ear, f = on_face(side * 93, -6)
        solid.ball(ear * size, np.array((0.035, 0.06, 0.09)) * size, plain, f)
        solid.ball((ear + f[:, 0] * 0.02) * size, np.array((0.022, 0.03, 0.055)) * size,
                   bo.principled(darker(looks.skin, 0.72), rough=0.6), f)  # fmt: skip
    nose, f = on_face(0, -14, 0.005)
    solid.ball(nose * size, np.array((0.055, 0.042, 0.04)) * size, plain, f)
    arc = [on_face(a, -33 + 9 * (a / 26) ** 2, 0.006)[0] for a in np.linspace(-26, 26, 9)]
    teeth = [on_face(a, -31.5 + 6.5 * (a / 20) ** 2, 0.004)[0] for a in np.linspace(-18, 18, 7)]
    solid.tube(
        np.array(arc) * size, np.array((6, 13, 19, 22, 23, 22, 19, 13, 6)) * 1e-3 * size, lip
    )
    solid.tube(np.array(teeth) * size, np.array((6, 12, 15, 16, 15, 12, 6)) * 1.25e-3 * size, white)
    if looks.hat in (None, "cap", "sun") or looks.style == "bob":
        shell(solid, hair, size, looks.style, -0.02 if looks.hat else 0.0)
    else:
        shell(solid, hair, size, looks.style, -0.035)
    if looks.style == "curly":
        rng = np.random.default_rng(int(looks.height * 1000))
        line = HAIRLINES["curly"][0]
        for k in range(190):
            e = math.asin(1 - 1.75 * (k + 0.5) / 190)
            a = (k * 2.39996 + math.pi) % (2 * math.pi) - math.pi
            limit = np.interp(abs(math.degrees(a)), [0, 35, 60, 90, 130, 180], line)
            if math.degrees(e) < limit + 4 or (looks.hat and math.degrees(e) > 15):
                continue
            p = head_surface(np.array(a), np.array(e))
            solid.ball(p * (1.19 + rng.uniform(-0.03, 0.03)) * size, rng.uniform(0.075, 0.1) * size,
                       hair, None, 6, 8)  # fmt: skip
    if looks.style == "bun" and not looks.hat:
        solid.ball(np.array((-0.2, 0, 0.52)) * size, np.array((0.19, 0.19, 0.17)) * size, hair)
    add_hat(solid, looks, size)
    head = solid.finish("head", 60)
    head.data.transform(Matrix.Translation((0.03 * size, 0, 0.47 * size)))
    blush(head, looks, size)
    return head, hair


def add_hat(solid, looks, size):
    """A knitted hat, a cap or a sun hat."""
    if not looks.hat:
        return
    cloth = bo.principled(looks.hat_colour, rough=0.9, sheen=0.3)
    shell(solid, cloth, size, looks.hat, 0.02 if looks.style == "curly" else 0.0, False)
    if looks.hat == "knit":
        band = bo.principled(darker(looks.hat_colour, 0.7), rough=0.95)
        a = np.linspace(-math.pi, math.pi, 40)
        e = np.radians(np.interp(np.abs(np.degrees(a)), [0, 60, 90, 180], [30, 26, 16, 2]))
        solid.tube(head_surface(a, e) * 1.15 * size, 0.06 * size, band)
        solid.ball(np.array((0, 0, 0.68)) * size, 0.15 * size, bo.principled("#f3efe6", rough=1.0))
    else:
        wide = {"cap": (0.34, 0.05), "sun": (0.3, 0.3)}[looks.hat]
        a = np.linspace(-math.pi, math.pi, 48, endpoint=False)
        line, _ = HAIRLINES[looks.hat]
        e = np.radians(np.interp(np.abs(np.degrees(a)), [0, 35, 60, 90, 130, 180], line) + 4)
        inner = head_surface(a, e) * 1.1
        front = np.clip(np.cos(a), 0, 1) ** 0.6 if looks.hat == "cap" else np.ones_like(a)
        way = inner * (1, 1, 0)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        outer = inner + way * (wide[1] * (looks.hat == "sun") + wide[0] * front)[:, None]
        outer[:, 2] -= 0.05 * front + (0.04 if looks.hat == "sun" else 0)
        rim = np.stack([inner + (0, 0, 0.03), outer + (0, 0, 0.02), outer, inner])
        solid.grid(rim * size, cloth)


def darker(colour, factor):
    """A darker (or lighter) shade of '#rrggbb'."""
    values = [min(255, int(int(colour[i : i + 2], 16) * factor)) for i in (1, 3, 5)]
    return "#" + "".join(f"{v:02x}" for v in values)


def skin_material(colour, face=False):
    """Skin; on the face a vertex attribute adds red cheeks."""
    mat = bo.principled(colour, rough=0.6, spec=0.3)
    if face:
        tint = bo.node(mat, "ShaderNodeAttribute")
        tint.attribute_name = "blush"
        red, base = (bo.node(mat, "ShaderNodeRGB") for _ in range(2))
        red.outputs[0].default_value = bo.linear(blend(colour, "#d8524a", 0.5))
        base.outputs[0].default_value = bo.linear(colour)
        tone = bo.mix(mat, tint.outputs["Fac"], base.outputs[0], red.outputs[0])
        bo.base_colour(mat, tone)
    return mat


def blend(a, b, t):
    """A colour between two '#rrggbb'."""
    pairs = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{int(p + (q - p) * t):02x}" for p, q in pairs)


def blush(head, looks, size):
    """Red cheeks as a vertex attribute."""
    co = np.empty(len(head.data.vertices) * 3)
    head.data.vertices.foreach_get("co", co)
    co = co.reshape(-1, 3)
    tint = np.zeros(len(co))
    for side in (1, -1):
        p = (on_face(side * 38, -24)[0] + (0.03, 0, 0.47)) * size
        tint += np.exp(-((co - p) ** 2).sum(1) / (0.013 * size**2))
    attr = head.data.attributes.new("blush", "FLOAT", "POINT")
    attr.data.foreach_set("value", np.clip(tint, 0, 1).astype(np.float32))


# ------------------------------------------------------------------ the figure


SIDES = 14


class Child:
    """One child: builds its meshes once, then takes a pose for each frame."""

    def __init__(self, looks: Looks, motion: Callable | None = None):
        """Build the figure.

        Args:
            looks: Height, colours, hair and clothes.
            motion: A function of (body, time) that returns a Pose.
        """
        self.looks, self.motion = looks, motion
        self.body = Body(looks.height)
        self.head, self.hair = make_head(looks, self.body)
        self.skin = skin_material(looks.skin)
        cloth = {"rough": 0.9, "sheen": 0.2, "spec": 0.15}
        self.top = bo.principled(looks.top, **cloth)
        self.second = bo.principled(looks.stripes or looks.top, **cloth)
        self.hem = bo.principled(darker(looks.top, 0.8), **cloth)
        self.bottom = bo.principled(looks.bottom_colour, **cloth)
        self.sock = bo.principled(looks.socks, **cloth)
        self.scarf = bo.principled(looks.scarf, **cloth) if looks.scarf else None
        self.hands = [self.make_hand(side) for side in (1, -1)]
        self.shoes = [self.make_shoe(side) for side in (1, -1)]
        self.mesh = None

    def make_hand(self, side):
        """A hand with slightly bent fingers; its origin is the wrist, fingers along +x."""
        h, solid = self.body.height, Solid()
        mat = bo.principled(self.looks.gloves, rough=0.9) if self.looks.gloves else self.skin
        solid.ball((0.026 * h, 0, 0), (0.032 * h, 0.014 * h, 0.024 * h), mat)
        solid.ball((0.052 * h, side * -0.004 * h, 0), (0.024 * h, 0.011 * h, 0.021 * h), mat)
        solid.ball((0.068 * h, side * -0.012 * h, 0), (0.013 * h, 0.011 * h, 0.019 * h), mat)
        solid.tube(np.array([(0.012, 0, 0.012), (0.03, -side * 0.006, 0.03),
                             (0.046, -side * 0.012, 0.034)]) * h,
                   np.array((0.011, 0.01, 0.008)) * h, mat, 8, True)  # fmt: skip
        return solid.finish("hand", 80)

    def make_shoe(self, side):
        """A shoe with a light sole; its origin is the ankle, toes along +x."""
        h, solid = self.body.height, Solid()
        upper = bo.principled(self.looks.shoes, rough=0.6)
        sole = bo.principled("#f1efe9" if self.looks.shoes != "#f2f2ee" else "#c9c6bd", rough=0.7)
        x = np.array((-0.046, -0.044, -0.036, -0.01, 0.02, 0.055, 0.082, 0.098, 0.104))
        w = np.array((0.004, 0.022, 0.029, 0.03, 0.032, 0.037, 0.036, 0.024, 0.004))
        top = np.array((0.0, 0.014, 0.018, 0.016, 0.004, -0.012, -0.02, -0.026, -0.034))
        base = -self.body.ankle / h
        turn = np.linspace(0, 2 * math.pi, 14, endpoint=False)
        for mat, low, high, grow in (
            (sole, base, np.full(9, base + 0.014), 1.1), (upper, base + 0.012, top, 1.0),
        ):  # fmt: skip
            rings = []
            for xi, wi, hi in zip(x, w, np.broadcast_to(high, 9), strict=True):
                hi = max(hi, low + 0.004)
                c, s = np.cos(turn), np.sin(turn)
                box = np.sign(c) * np.abs(c) ** 0.6, np.sign(s) * np.abs(s) ** 0.6
                ring = np.stack([np.full(14, xi * (1.04 if grow > 1 else 1)), box[0] * wi * grow,
                                 (low + hi) / 2 + box[1] * (hi - low) / 2], -1)  # fmt: skip
                rings.append(ring)
            solid.grid(np.array(rings) * h, mat)
        solid.tube(
            np.array([(0.0, 0, 0.0), (0.0, 0, 0.03)]) * h, np.array((0.03, 0.032)) * h, upper
        )
        return solid.finish("shoe", 60)

    # ---- the soft parts, computed for every pose

    def torso(self, j, rows, sides=22):
        """Rings of the trunk: rows of (z above the hips, half width, half depth, forward)."""
        (hips, at), (chest, waist) = j["hips"], j["chest"]
        b = self.body
        h = b.height
        turn = np.linspace(0, 2 * math.pi, sides, endpoint=False)
        rings = []
        for z, wide, deep, front in rows:
            c, s = np.cos(turn), np.sin(turn)
            flat = np.stack([deep * np.sign(c) * np.abs(c) ** 0.85 + front,
                             wide * np.sign(s) * np.abs(s) ** 0.85, 0 * c], -1) * h  # fmt: skip
            low = at + (flat + (0, 0, z * b.shoulder)) @ hips.T
            high = waist + (flat + (0, 0, z * b.shoulder - b.waist)) @ chest.T
            w = smooth(z, 0.15, 0.6)
            rings.append(low * (1 - w) + high * w)
        return np.array(rings)

    def limb(self, points, start, stop, radii, rings, side, flat=1.0):
        """A stretch of an arm or leg: from `start` to `stop` (0 to 2, the joint is 1)."""
        a, b, c = points
        first, second = np.linalg.norm(b - a), np.linalg.norm(c - b)
        s = np.linspace(start, stop, rings)
        zone = 0.22
        centre, way = [], []
        for v in s:
            if v < 1 - zone:
                centre.append(a + (b - a) * v)
                way.append((b - a) / first)
            elif v > 1 + zone:
                centre.append(b + (c - b) * (v - 1))
                way.append((c - b) / second)
            else:
                u = (v - 1 + zone) / (2 * zone)
                p, q = b + (a - b) * zone, b + (c - b) * zone
                # A quadratic curve that hugs the joint: a rounded knee, not a kink.
                mid = b + (b - (p + q) / 2) * 0.35
                centre.append(p * (1 - u) ** 2 + 2 * mid * u * (1 - u) + q * u * u)
                way.append(unit((mid - p) * (1 - u) + (q - mid) * u))
        radius = np.interp(s, *zip(*radii, strict=True)) * self.body.height
        return sweep(np.array(centre), np.array(way), radius, radius * flat, SIDES, side)

    def capped(self, rings):
        """Close both ends of a tube."""
        return np.concatenate([rings[:1].mean(1, keepdims=True) + 0 * rings[:1], rings,
                               rings[-1:].mean(1, keepdims=True) + 0 * rings[-1:]])  # fmt: skip

    def pieces(self, j):
        """Every soft part of the body as (rings, materials for each band)."""
        looks, b, out = self.looks, self.body, []
        h = b.height
        puff = 0.016 if looks.coat else 0.0
        left = j["hips"][0] @ (0, 1, 0)
        chest_left = j["chest"][0] @ (0, 1, 0)
        dress = looks.bottom == "dress"
        skirt = looks.bottom in ("skirt", "dress")

        # Neck and trunk.
        turn, neck = j["head"]
        centre = np.array([neck - j["chest"][0] @ (0, 0, 0.04 * h), neck + turn @ (0, 0, 0.05 * h)])
        out.append((sweep(centre, np.diff(centre, axis=0).repeat(2, 0), [0.034 * h] * 2,
                          [0.034 * h] * 2, SIDES, chest_left), [self.skin]))  # fmt: skip
        hem = -0.2 if looks.coat else -0.06
        rows = [
            (hem, 0.02, 0.02, 0),
            (hem, 0.09 + puff, 0.072 + puff, 0),
            (hem + 0.05, 0.093 + puff, 0.074 + puff, 0),
            (0.12, 0.089 + puff, 0.073 + puff, 0.002),
            (0.26, 0.089 + puff, 0.076 + puff, 0.006),
            (0.4, 0.089 + puff, 0.074 + puff, 0.006),
            (0.54, 0.089 + puff, 0.07 + puff, 0.005),
            (0.68, 0.093 + puff, 0.069 + puff, 0.004),
            (0.8, 0.099 + puff, 0.066 + puff, 0.001),
            (0.9, 0.094 + puff, 0.056 + puff, -0.001),
            (0.97, 0.074 + puff, 0.046 + puff, 0.0),
            (1.03, 0.044 + puff, 0.04 + puff, 0.0),
            (1.04, 0.03, 0.03, 0.0),
        ]
        bands = (
            [self.top if dress else self.hem] * 2
            + [self.top, self.second] * 4
            + [self.top, self.hem]
        )
        out.append((self.torso(j, rows), bands))
        pelvis = [
            (-0.3, 0.01, 0.01, 0),
            (-0.27, 0.055, 0.045, 0),
            (-0.2, 0.078, 0.064, 0),
            (-0.08, 0.087, 0.069, 0),
            (0.06, 0.085, 0.068, 0),
            (0.2, 0.06, 0.05, 0),
        ]
        out.append((self.torso(j, pelvis), [self.top if dress else self.bottom]))

        # Arms: the arm itself, and the sleeve around it.
        for k in (0, 1):
            arm = j[f"arm{k}"]
            r = [(-0.2, 0.02), (0, 0.036), (0.5, 0.033), (1, 0.028), (1.4, 0.029), (2, 0.021)]
            if looks.sleeves == "short" and not looks.coat:
                out.append((self.capped(self.limb(arm, 0.0, 2.04, r, 16, chest_left)), [self.skin]))
                r = [(-0.2, 0.01), (-0.1, 0.03), (0.0, 0.038), (0.2, 0.042), (0.62, 0.045)]
                sleeve = self.limb(arm, -0.2, 0.62, r, 9, chest_left)
                out.append(
                    (
                        self.capped(sleeve),
                        [
                            self.top,
                            self.top,
                            self.second,
                            self.top,
                            self.second,
                            self.top,
                            self.hem,
                            self.hem,
                        ],
                    )
                )
            else:
                fat = puff * 0.8
                r = [(-0.2, 0.01), (-0.1, 0.03 + fat), (0.1, 0.041 + fat), (0.8, 0.037 + fat),
                     (1.0, 0.035 + fat), (1.4, 0.035 + fat), (1.92, 0.029 + fat)]  # fmt: skip
                out.append((self.capped(self.limb(arm, -0.2, 1.92, r, 20, chest_left)),
                            [self.top, self.second] * 10 + [self.hem]))  # fmt: skip
                r = [(1.8, 0.022), (2.04, 0.021)]
                mat = self.skin
                out.append((self.capped(self.limb(arm, 1.8, 2.04, r, 3, chest_left)), [mat]))

        # Legs: skin and socks, then trousers or shorts around them.
        for k in (0, 1):
            leg = j[f"leg{k}"]
            r = [(0, 0.052), (0.4, 0.05), (0.9, 0.037), (1.05, 0.035), (1.3, 0.038), (1.6, 0.031),
                 (2, 0.025)]  # fmt: skip
            if looks.bottom == "trousers":
                r = [(-0.2, 0.03), (0, 0.059), (0.4, 0.057), (0.9, 0.045), (1.1, 0.043),
                     (1.4, 0.043), (1.93, 0.039)]  # fmt: skip
                out.append((self.capped(self.limb(leg, -0.2, 1.93, r, 20, left)), [self.bottom]))
                r = [(1.85, 0.026), (2.05, 0.026)]
                out.append((self.limb(leg, 1.85, 2.05, r, 3, left), [self.sock]))
            else:
                rings = self.limb(leg, 0.0, 2.05, r, 20, left)
                out.append((self.capped(rings), [self.skin] * 17 + [self.sock] * 4))
                if not skirt:
                    r = [(-0.2, 0.03), (0, 0.06), (0.3, 0.062), (0.66, 0.06)]
                    rings = self.limb(leg, -0.2, 0.66, r, 9, left)
                    out.append((self.capped(rings), [self.bottom]))
        if skirt:
            out.append((self.skirt(j), [self.top if dress else self.bottom] * 7 + [
                self.hem if dress else self.bottom]))  # fmt: skip
        if self.scarf:
            out.append((self.torso(j, [(0.97, 0.05, 0.05, 0), (0.97, 0.078, 0.076, 0.006),
                                       (1.05, 0.08, 0.078, 0.006), (1.13, 0.06, 0.06, 0.004),
                                       (1.13, 0.04, 0.04, 0)]), [self.scarf]))  # fmt: skip
        return out

    def skirt(self, j):
        """A skirt: an oval around both thighs that widens towards the hem."""
        hips, at = j["hips"]
        h = self.body.height
        front, left, up = hips.T
        rings = []
        for s in np.linspace(0, 1, 8):
            a, b = (
                j[f"leg{k}"][0] + (j[f"leg{k}"][1] - j[f"leg{k}"][0]) * s * 0.92 for k in (0, 1)
            )
            middle, apart = (a + b) / 2, (a - b) / 2
            down = unit((j["leg0"][1] + j["leg1"][1]) / 2 - at)
            # Soft start: the upper edge lies flat on the hips, the lower follows the thighs.
            way = unit(-up * (1 - smooth(s, 0, 0.6)) + down * smooth(s, 0, 0.6))
            ahead = unit(np.cross(left, -way))
            wide = abs(apart @ left) + (0.046 + 0.028 * s) * h
            deep = abs(apart @ ahead) + (0.074 + 0.036 * s) * h
            if s == 0:
                middle = at + up * 0.24 * self.body.shoulder
                wide, deep = 0.082 * h, 0.066 * h
            turn = np.linspace(0, 2 * math.pi, 22, endpoint=False)[:, None]
            wave = 1 + 0.05 * s * np.sin(turn * 7)
            rings.append(middle + (np.cos(turn) * ahead * deep + np.sin(turn) * left * wide) * wave)
        return np.array(rings)

    def tails(self, j, drag):
        """Ponytail or plaits, bent by how the head has just moved."""
        looks, size = self.looks, self.body.head
        turn, neck = j["head"]
        if looks.style == "ponytail":
            roots = [((-0.44, 0.0, 0.62 if not looks.hat else 0.3), (-0.8, 0, 0.15))]
        elif looks.style == "plaits":
            roots = [((-0.14, s * 0.42, 0.22), (-0.25, s * 0.9, -0.1)) for s in (1, -1)]
        else:
            return []
        out = []
        for place, start in roots:
            p = neck + turn @ (np.array(place) * size)
            fall = -UP - drag * 2.2
            fall = fall / max(1.0, np.linalg.norm(fall))
            # Hair hangs outside of the back, not through it.
            fall = fall + turn @ (-0.3, 0, 0) if looks.style == "ponytail" else fall
            first, pts = unit(turn @ np.array(start)), [p]
            for k in range(9):
                w = smooth(k / 8, 0, 0.55)
                pts.append(pts[-1] + unit(first * (1 - w) + fall * w) * size * 0.088)
            pts = np.array(pts)
            if looks.style == "ponytail":
                r = np.array((0.05, 0.085, 0.11, 0.12, 0.12, 0.11, 0.095, 0.075, 0.05, 0.01)) * size
            else:
                r = np.array((0.05, 0.085, 0.07, 0.085, 0.066, 0.08, 0.06, 0.07, 0.05, 0.02)) * size
            rings = sweep(pts, np.gradient(pts, axis=0), r, r, SIDES)
            tie = self.second if looks.stripes else self.top
            mats = [tie] + [self.hair] * 9
            if looks.style == "plaits":
                mats = [self.hair] * 7 + [tie, self.hair]
            out.append((rings, mats))
        return out

    def place(self, pose, drag=(0, 0, 0)):
        """Take a pose: moves the rigid parts, computes the soft ones."""
        j = joints(self.body, pose)
        self.head.matrix_world = matrix(*j["head"])
        for k, side in enumerate((1, -1)):
            _, mid, end = j[f"arm{k}"]
            x = unit(end - mid)
            y = j["chest"][0] @ (0, side, 0)
            y = unit(y - x * (x @ y)) * side
            self.hands[k].matrix_world = matrix(np.stack([x, y, np.cross(x, y)], 1), end)
            self.shoes[k].matrix_world = matrix(j[f"foot{k}"], j[f"leg{k}"][2])
        parts = self.pieces(j) + self.tails(j, np.asarray(drag, float))
        verts = np.concatenate([rings.reshape(-1, 3) for rings, _ in parts])
        if self.mesh is None:
            solid = Solid()
            for rings, mats in parts:
                n, sides = rings.shape[:2]
                first = solid.add(rings, [], mats[0])
                for i, face in enumerate(tube_faces(n, sides)):
                    solid.faces.append(tuple(first + v for v in face))
                    solid.slots.append(solid.slot(mats[(i // sides) % len(mats)]))
            self.mesh = solid.finish("body", 0)
        else:
            self.mesh.data.vertices.foreach_set("co", verts.ravel().astype(np.float32))
            self.mesh.data.update()
        return j

    def update(self, t):
        """Take the pose of the motion at this time."""
        pose = self.motion(self.body, t)
        drag = np.zeros(3)
        if self.looks.style in ("ponytail", "plaits"):
            now, before = (joints(self.body, self.motion(self.body, s))["head"][1]
                           for s in (t, t - 0.08))  # fmt: skip
            drag = np.clip((now - before) / 0.08 * 0.22, -0.5, 0.5)
        return self.place(pose, drag)


# ------------------------------------------------------------------ standing, gaits, jumps


def foot_place(body, ball, yaw, pitch):
    """The ankle of a foot whose ball stands at a place, heel lifted by `pitch` degrees."""
    return np.asarray(ball, float) + rot(yaw, pitch) @ (-body.ball, 0, body.ankle)


def planted(body, x, y, yaw, z=0.0, pitch=0.0, spread=1.0):
    """Both legs standing on the ground beside (x, y)."""
    legs = []
    for side in (1, -1):
        way = rot(yaw)
        ball = np.array((x, y, z)) + way @ (body.ball, side * body.hip_side * 1.1 * spread, 0)
        ball_yaw = yaw + side * 6
        legs.append(
            Limb(to=tuple(foot_place(body, ball, ball_yaw, pitch)), foot=(ball_yaw, pitch, 0))
        )
    return legs


def standing(body, x, y, yaw, t=0.0, z=0.0, beat=0.0, **more):
    """Standing at ease, with a little sway; `beat` bounces in the knees."""
    sway = math.sin(t * 2.1 + x * 3) * 0.006
    low = beat * body.height * 0.02 * (0.5 + 0.5 * math.cos(t * 2 * math.pi * 2))
    pose = Pose(at=(x + sway, y, z + body.hip * 0.985 - low), yaw=yaw, chest=(2, 0, 0),
                legs=planted(body, x, y, yaw, z))  # fmt: skip
    pose.arms = [Limb(swing=4, out=9, bend=16), Limb(swing=4, out=9, bend=16)]
    for key, value in more.items():
        setattr(pose, key, value)
    return pose


GAITS = {  # seconds a cycle, share of it on the ground, lift, bob, arm swing, elbow, lean
    "walk": (0.86, 0.6, 0.05, 0.012, 24, 18, 2),
    "run": (0.52, 0.36, 0.19, 0.032, 44, 84, 11),
}


def gait(body, path, t, kind="run", phase=0.0, ground=0.0):
    """Walk or run along a path without sliding feet.

    Each foot stands where the path was in the middle of its time on the ground, and swings from
    one such place to the next.

    Args:
        body: Lengths of the child.
        path: Function of time that returns x, y and heading in degrees.
        t: Time in seconds.
        kind: "walk" or "run".
        phase: Where in its cycle the left foot begins, 0 to 1.
        ground: Height of the ground.
    """
    cycle, duty, lift, bob, arm, elbow, lean = GAITS[kind]
    cycle *= math.sqrt(body.height / 1.2)
    x, y, yaw = path(t)
    legs, arms = [], []
    for k, side in enumerate((1, -1)):
        c = t / cycle + phase + 0.5 * k
        step, f = math.floor(c), c - math.floor(c)

        def plant(n, k=k, side=side):
            px, py, pyaw = path((n + duty / 2 - phase - 0.5 * k) * cycle)
            off = rot(pyaw) @ (body.ball * 0.6, side * body.hip_side * 0.75, 0)
            return np.array((px, py, ground)) + off, pyaw

        here, here_yaw = plant(step)
        if f < duty:
            u = f / duty
            pitch = -14 * (1 - smooth(u, 0, 0.3)) + 42 * smooth(u, 0.5, 1) ** 1.5
            ball, foot_yaw, up = here, here_yaw, 0.0
            if pitch < 0:  # on the heel: the ball is still in the air
                up = body.ball * math.sin(math.radians(-pitch))
        else:
            there, there_yaw = plant(step + 1)
            u = (f - duty) / (1 - duty)
            e = 0.35 * u + 0.65 * smooth(u)
            ball = here + (there - here) * e
            foot_yaw = here_yaw + (there_yaw - here_yaw) * e
            pitch = 42 + 26 * math.sin(math.pi * min(1, u * 1.6)) * (kind == "run")
            pitch = pitch * (1 - smooth(u, 0.25, 0.85)) - 14 * smooth(u, 0.6, 1)
            up = lift * body.height * math.sin(math.pi * u**0.8) ** 1.3
            up += body.ball * math.sin(math.radians(14)) * smooth(u, 0.7, 1)
        ankle = foot_place(body, ball + UP * up, foot_yaw, pitch)
        legs.append(Limb(to=tuple(ankle), foot=(foot_yaw, pitch, 0)))
        back = -math.cos(2 * math.pi * (c - 0.04))
        arms.append(Limb(swing=arm * back + 6, out=10 if kind == "walk" else 14,
                         bend=elbow + 14 * back, inward=18))  # fmt: skip
    c = t / cycle + phase - duty / 2
    high = body.hip * (0.965 if kind == "walk" else 0.94)
    rise = body.height * bob * -math.cos(4 * math.pi * c)
    if kind == "walk":
        rise = -rise
    twist = 7 * math.cos(2 * math.pi * (c + duty / 2))
    return Pose(at=(x, y, ground + high + rise), yaw=yaw - twist, pitch=lean * 0.6,
                chest=(lean * 0.5, 0, 2 * twist), head=(-lean * 0.8, 0, -twist), legs=legs,
                arms=arms)  # fmt: skip


def line_path(x, y, yaw, speed, start=0.0):
    """A straight path: at time `start` at (x, y)."""
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    return lambda t: (x + c * speed * (t - start), y + s * speed * (t - start), yaw)


def circle_path(x, y, radius, speed, begin=0.0, stretch=1.0):
    """A round path, anticlockwise for positive speed; begin in degrees."""

    def path(t):
        a = math.radians(begin) + speed / radius * t
        way = (-math.sin(a) * math.copysign(1, speed) * stretch,
               math.cos(a) * math.copysign(1, speed))  # fmt: skip
        return (x + radius * stretch * math.cos(a), y + radius * math.sin(a),
                math.degrees(math.atan2(way[1], way[0])))  # fmt: skip

    def unwrapped(t):
        px, py, yaw = path(t)
        # Headings must not jump by 360 degrees between one step and the next.
        a = begin + math.degrees(speed / radius * t) + math.copysign(90, speed)
        return px, py, yaw + 360 * round((a - yaw) / 360)

    return unwrapped


def hop(body, t, period, height, contact=0.4):
    """Height of the feet and depth of the knee bend in a row of jumps.

    Returns:
        A pair: how high the feet are, and 0 (stretched) to 1 (deep in the knees).
    """
    f = (t / period) % 1
    if f < contact:
        return 0.0, math.sin(math.pi * f / contact)
    u = (f - contact) / (1 - contact)
    return 4 * height * u * (1 - u), 0.0


def jumping(body, x, y, yaw, up, crouch, z=0.0, tuck=0.15, **more):
    """A pose in a jump: feet `up` above the ground, knees bent by `crouch` or tucked in the air."""
    air = smooth(up, 0, 0.08)
    toe = 35 * air
    low = crouch * body.height * 0.07 + tuck * body.height * 0.2 * air * smooth(up, 0.02, 0.25)
    legs = planted(body, x, y, yaw, z + up, toe)
    hips = z + up + body.hip * 0.985 + air * body.ball * 0.5 - low
    lean = 14 * crouch
    back = rot(yaw) @ (-0.03 * crouch * body.height, 0, 0)
    pose = Pose(at=(x + back[0], y + back[1], hips), yaw=yaw, pitch=lean * 0.7,
                chest=(lean * 0.6, 0, 0), head=(-lean * 0.8, 0, 0), legs=legs)  # fmt: skip
    for key, value in more.items():
        setattr(pose, key, value)
    return pose
