"""Tables, lights, cameras and scenes of the pictures to train on, other than the course's own.

`salted` makes every generator of random numbers in the neighbouring scripts start elsewhere; what
those scripts fix (tables, lights, skies, cameras, paints, clothes) is replaced here.
"""

import contextlib
import dataclasses
import math
import random
import zlib
from types import SimpleNamespace
from unittest import mock

import blender_children as kids
import blender_film as film
import blender_objects as bo
import blender_scenes as scenes
import blender_water as wet
import bpy
import numpy as np
import places
from mathutils import Matrix, Vector
from PIL import Image, ImageOps
from training_pictures import APART, LYING, colour, thing

SAMPLES = {"table": 6, "scene": 5}
KEPT_SKIES = {"hall", "lamps"}  # scenes under a roof or lit by lamps of their own
LONG = {"stick_pen", "click_pen", "twist_pen", "fountain_pen", "marker", "pencil", "screwdriver",
        "syringe", "spoon"}  # fmt: skip
Random, default_rng, hashed = random.Random, np.random.default_rng, wet.hashed
build_as_ever = scenes.build


@contextlib.contextmanager
def salted(seed):
    """Let the generators of the neighbouring scripts draw other numbers than for the course."""
    with (
        mock.patch("random.Random", lambda *start: Random(f"{seed} {start}")),
        mock.patch("numpy.random.default_rng",
                   lambda *start: default_rng([seed, zlib.crc32(repr(start).encode())])),
        mock.patch.object(wet, "hashed", lambda i, j, s: hashed(i, j, s + seed % 9973)),
    ):  # fmt: skip
        yield Random(seed)


def shade(colour, rng, low, high):
    """A colour '#rrggbb' with each part multiplied by a number from low to high."""
    parts = (int(colour[k : k + 2], 16) * rng.uniform(low, high) for k in (1, 3, 5))
    return "#" + "".join(f"{min(255, int(part)):02x}" for part in parts)


def tint(parts, rng, hue, most=0.5):
    """Shift the hue of all materials of some parts, and vary how strong and bright they are."""
    for mat in {mat for part in parts if part.data for mat in getattr(part.data, "materials", ())}:
        shader = mat and mat.node_tree and mat.node_tree.nodes.get("Principled BSDF")
        if not shader:
            continue
        into = shader.inputs["Base Color"]
        turn = bo.node(mat, "ShaderNodeHueSaturation", Hue=(0.5 + hue) % 1,
                       Saturation=rng.uniform(1 - most, 1 + most / 2),
                       Value=rng.uniform(1 - most / 2, 1 + most / 2))  # fmt: skip
        if into.links:
            bo.link(mat, into.links[0].from_socket, turn.inputs["Color"])
        else:
            turn.inputs["Color"].default_value = into.default_value
        bo.link(mat, turn.outputs[0], into)


# ------------------------------------------------------------------ things on a table


def build(objects, source, where):
    """Build an object with other proportions and other colours than its builder gives it."""
    kind, rng = objects[source][0], Random(source)
    holder = build_as_ever(objects, source, where)
    root = holder.children[0]
    wide, tall = rng.uniform(0.85, 1.18), rng.uniform(0.85, 1.18)
    if kind in ("ball", "marbles", "key_bunch", "scissors"):
        tall = wide
    root.scale = [a * b for a, b in zip(root.scale, (tall, wide, wide) if kind in LONG else
                                        (wide, wide, tall), strict=True)]  # fmt: skip
    fixed = (
        kind in ("bottle", "pencil_pot", "desk_lamp") or objects[source][1].get("kind") == "beach"
    )
    tint(holder.children_recursive, rng, rng.uniform(-0.5, 0.5) if fixed else rng.gauss(0, 0.02))
    return holder


def surface(rng):
    """A table of boards, cloth, stone, tiles, plain or metal, some with papers; and a wall."""
    a, b = colour(rng, 0.15, much=0.6), colour(rng, 0.1, much=0.6)
    near = shade(a, rng, 0.6, 0.95)
    made_of = rng.choice(["boards", "boards", "cloth", "plain", "stone", "tiles", "metal"])

    def lay(_, clear):
        if made_of == "boards":
            light, dark = rng.choice([(a, near), ("#8a5a3a", "#5c3820"), ("#e0c9a6", "#c4a57a"),
                                      ("#5a4636", "#3a2c22"), ("#b5aa9c", "#8f8578")])  # fmt: skip
            mat = scenes.planks(light, dark, rng.randrange(9999))
        elif made_of == "cloth":
            mat = bo.fabric(a, near, rng.uniform(4, 30), rng.uniform(0.1, 0.6))
        elif made_of == "stone":
            mat = bo.principled(a, rough=rng.uniform(0.1, 0.8))
            grain = bo.noise(mat, bo.coordinates(mat), 10 ** rng.uniform(-1.6, 0.6), 5,
                             rng.uniform(0, 2))  # fmt: skip
            bo.base_colour(mat, bo.ramp(mat, grain, [(0.35, a), (0.5, near), (0.65, b)]))
        elif made_of == "tiles":
            mat = bo.principled(a, rough=rng.uniform(0.1, 0.8))
            side = rng.uniform(1, 14)
            grid = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=side * 0.03,
                           Brick_Width=side * rng.choice([1, 1, 2, 4]), Row_Height=side,
                           Color1=bo.linear(a), Color2=bo.linear(rng.choice([near, b])),
                           Mortar=bo.linear(rng.choice([near, b])))  # fmt: skip
            grid.offset = rng.choice([0, 0.5])
            bo.link(mat, bo.coordinates(mat, turn=rng.uniform(0, 90)), grid.inputs["Vector"])
            bo.base_colour(mat, grid.outputs["Color"])
        elif made_of == "metal":
            mat = bo.metal(a, rng.uniform(0.3, 0.6))
        else:
            mat = bo.principled(a, rough=rng.uniform(0.1, 0.9))
        scenes.table(mat, 0, rng.uniform(110, 240), rng.uniform(80, 150), rng.uniform(-25, 25))
        if rng.random() < 0.15:
            papers = bo.empty("papers")
            papers.location.z = 0.1
            scenes.scatter_papers(papers, rng.randrange(9999), rng.randint(2, 6), clear + 12)

    return lay, colour(rng, 0.3)


def lights(rng):
    """Set one or two lamps or the sun; gives the exposure in stops."""

    def tone():
        warm = rng.uniform(-0.15, 0.35)
        return (1 - max(0, -warm), 1 - abs(warm) * 0.4, 1 - max(0, warm))

    def around(far, low=15, high=85):
        e, a = math.radians(rng.uniform(low, high)), rng.uniform(0, 2 * math.pi)
        return (far * math.cos(e) * math.cos(a), far * math.cos(e) * math.sin(a), far * math.sin(e))

    scenes.world(rng.uniform(0.12, 0.95), tone())
    bpy.context.scene.world.cycles.sampling_method = "NONE"  # a map of it takes a second
    if rng.random() < 0.35:
        scenes.sun(rng.uniform(14, 75), rng.uniform(0, 360), rng.uniform(2.2, 4.5), tone(),
                   rng.uniform(0.4, 6))  # fmt: skip
    else:
        for strength in (rng.uniform(1, 2.8), rng.uniform(0, 0.8)):
            size = rng.uniform(12, 200)
            scenes.area(around(rng.uniform(90, 180)), (size, size), strength, tone())
    return rng.uniform(0.1, 0.8)


def table_picture(kind, seed, path):
    """Render one picture of an object of a kind, or of some of them, on a table."""
    with salted(seed) as rng:
        many = rng.randint(2, 4) if kind in APART and rng.random() < 0.25 else 1
        objects, things, props = {}, [], []
        for k in range(many):
            objects[f"{seed} {k}"] = thing(kind, rng)
            way = APART.get(kind, 0) * (k + 1) // 2 * (-1) ** k
            turn = rng.uniform(-15, 15) if kind in LYING and many > 1 else rng.uniform(0, 360)
            at = {"x": rng.uniform(-2, 2), "y": way} if kind in LYING else {"x": way, "y": 0}
            things.append((f"{seed} {k}", at | {"rot": turn}))
        for k in range(rng.choice([0, 0, 1, 2])):  # other things behind
            objects[f"{seed} behind {k}"] = thing(
                rng.choice(["cup", "bottle", "book", "ball", "bowl", "pencil pot", "other"]), rng
            )
            props.append((f"{seed} behind {k}", {"x": rng.uniform(10, 24) * (-1) ** k,
                          "y": rng.uniform(22, 45), "rot": rng.uniform(0, 360)}))  # fmt: skip
        spec = SimpleNamespace(
            id=f"training {seed}", things=things, props=props, setting="table", light="",
            shape=rng.choice(["square", "landscape", "portrait"]), exposure=0,
            elevation=rng.triangular(9, 85, 35), lens=rng.uniform(35, 95),
            fill=rng.uniform(0.5, 1.1), fstop=rng.choice([2.8, 5, 8, 16]),
            shift=(rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12)))  # fmt: skip
        raw = path.with_name(f".{path.stem}.jpg")  # hidden until it is whole
        with (
            mock.patch.object(scenes, "build", build),
            mock.patch.dict(scenes.SETTINGS, {"table": surface(rng)}),
            mock.patch.object(scenes, "light_up", lambda *_: lights(rng)),
        ):
            scenes.render(spec, objects, raw, SAMPLES["table"], scale=0.55)
    keep(raw, path, seed % 2)


def keep(raw, path, mirrored):
    """Turn a rendered file into the WebP file that is kept; only whole ones bear its name."""
    picture = Image.open(raw).convert("RGB")
    part = path.with_suffix(".part")
    (ImageOps.mirror(picture) if mirrored else picture).save(part, "WEBP", quality=85)
    raw.unlink()
    part.replace(path)


# ------------------------------------------------------------------ places and the clips' scenes


def sky(rng, kind):
    """Add a sky like one of the course's, with the sun elsewhere and other tones."""
    if kind not in KEPT_SKIES:
        kind = rng.choice([k for k in film.SKIES if k not in KEPT_SKIES | {"other"}])
    *tones, cover, strength, lamp, exposure = film.SKIES[kind]
    if lamp:
        lamp = (max(6, lamp[0] + rng.uniform(-12, 18)), rng.uniform(0, 360),
                lamp[2] * rng.uniform(0.8, 1.15), *lamp[3:])  # fmt: skip
    tones = [shade(tone, rng, 0.85, 1.12) for tone in tones]
    return {"other": (*tones, min(0.95, cover * rng.uniform(0.3, 1.6)), strength, lamp,
                      exposure + rng.uniform(0, 0.5))}  # fmt: skip


def scene_pictures(kind, seed, paths):
    """Render views of a place's or a clip's scene with other plants, ground, colours and light."""
    rows = places.PLACES if kind == "place" else (*kids.CLIPS, *wet.CLIPS)
    views = []
    row = rows[seed % len(rows)]
    camera, look, grove, Group = film.camera, film.look, kids.grove, places.Group

    with salted(seed) as rng:

        def noted(location, target, lens=35.0):
            views[:] = [Vector(location), Vector(target), lens]
            return camera(location, target, lens)

        def shaken(s, spots, *more, **named):
            spots = [(x + rng.uniform(-0.9, 0.9), y + rng.uniform(0, 1.5),
                      size * rng.uniform(0.8, 1.2)) for x, y, size in spots]  # fmt: skip
            return grove(s, spots, *more, **named)

        def turned(x=0.0, y=0.0, turn=0.0):
            return Group(x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.3, 0.5),
                         turn + rng.uniform(-35, 35))  # fmt: skip

        clothes = {name: dataclasses.replace(
            looks, top=colour(rng, 0.2), bottom_colour=colour(rng, 0.15), shoes=colour(rng),
            hat_colour=colour(rng, 0.2), height=looks.height * rng.uniform(0.97, 1.03))
            for name, looks in vars(kids).items() if isinstance(looks, kids.Looks)}  # fmt: skip
        with (
            mock.patch.object(film, "camera", noted),
            mock.patch.object(kids, "grove", shaken),
            mock.patch.object(places, "Group", turned),
            mock.patch.multiple(kids, **clothes),
            mock.patch.dict(kids.PAINT, {name: colour(rng, 0.2) for name in kids.PAINT}),
            mock.patch.dict(film.SKIES, sky(rng, row.light)),
        ):
            # a row of another id has another seed
            row = dataclasses.replace(row, id=f"training {seed}", light="other",
                                      samples=SAMPLES["scene"])  # fmt: skip
            update = film.prepare(row, 1, 0.7)
        tint(bpy.context.scene.objects, rng, rng.gauss(0, 0.03), 0.25)
        for path in paths:
            if update:
                update(rng.uniform(0, 3) if kind == "film" else rng.uniform(20, 60))
            at, target, lens = views
            way = Matrix.Rotation(math.radians(rng.uniform(-22, 22)), 3, "Z") @ (at - target)
            way = way * rng.uniform(0.8, 1.25)
            way.z *= rng.uniform(0.95, 1.5)
            drawn = target + Vector([rng.gauss(0, 0.08) * way.length for _ in "xyz"]) * 0.7
            look(bpy.context.scene.camera, drawn + way, drawn)
            bpy.context.scene.camera.data.lens = lens * rng.uniform(0.85, 1.35)
            raw = path.with_name(f".{path.stem}.png")
            bpy.context.scene.render.filepath = str(raw)
            bpy.ops.render.render(write_still=True)
            keep(raw, path, rng.random() < 0.5)
