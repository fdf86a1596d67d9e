"""Settings, lights and camera of the picture collection, and the rendering of one picture.

The camera always looks along +y from the -y side; objects are turned instead. A setting is the
surface under the objects with everything that stays when the objects are taken away.
"""

import math
import random
import tempfile
import zlib
from pathlib import Path

import blender_objects as bo
import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from PIL import Image, ImageDraw, ImageFont

WORDS = (
    "a picture becomes a row of numbers and near numbers mean like pictures so the search takes "
    "the picture in hand and asks which others lie close by light and angle change the numbers "
    "a little but the thing itself changes them far more which is why it works at all"
).split()


def printed_page(seed, size=(500, 707), heading=True):
    """A page of print as a packed Blender image."""
    rng = random.Random(seed)
    page = Image.new("RGB", size, "#f7f5ef")
    draw = ImageDraw.Draw(page)
    font, big = ImageFont.load_default(13), ImageFont.load_default(25)
    y = 50
    if heading:
        draw.text((50, y), " ".join(rng.sample(WORDS, 3)).title(), "#222", font=big)
        y += 48
    while y < size[1] - 60:
        line = ""
        while draw.textlength(line, font=font) < size[0] - 150:
            line += rng.choice(WORDS) + " "
        draw.text(
            (50, y), line if rng.random() > 0.12 else line[: len(line) // 2], "#333", font=font
        )
        y += 17 if rng.random() > 0.12 else 34
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        page.save(path)
        image = bpy.data.images.load(str(path))
        image.pack()
    return image


# ------------------------------------------------------------------ settings


def table(mat, seed, width=170, depth=110, turn=0.0):
    """A table top whose upper face is z = 0."""
    root = bo.empty("table")
    top = bo.box(root, (width, depth, 3), mat, (0, 0, -1.5), 0.3)
    top.rotation_euler[2] = math.radians(turn)
    return root


def planks(light, dark, seed):
    """Wooden boards with seams."""
    mat = bo.wood(light, dark, 0.8, "x", 0.38, shift=seed % 17 * 7.3)
    shader = bo.shader_of(mat)
    grain = shader.inputs["Base Color"].links[0].from_socket
    brick = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=0.04, Brick_Width=60.0,
                    Row_Height=11.0, Color1=bo.linear("#ffffff"), Color2=bo.linear("#d8cfc4"),
                    Mortar=bo.linear("#4a3a2c"))  # fmt: skip
    bo.link(mat, bo.coordinates(mat, shift=(seed % 31, 5.5 + seed % 5, 0)), brick.inputs["Vector"])
    bo.base_colour(mat, bo.mix(mat, 1.0, grain, brick.outputs["Color"], "MULTIPLY"))
    return mat


def oak_table(seed, clear):
    """Oak boards."""
    table(planks("#cb9e6b", "#aa7a49", seed), seed, turn=seed % 25 - 12)


def white_cloth(seed, clear):
    """A white table cloth, smooth in the middle, in folds further out."""
    rng = np.random.default_rng(seed)
    n, size = 220, 170.0
    line = np.linspace(-size / 2, size / 2, n)
    x, y = np.meshgrid(line, line)
    height = np.zeros_like(x)
    for _ in range(7):
        a, k = rng.uniform(0, math.pi), rng.uniform(0.12, 0.3)
        along = x * math.cos(a) + y * math.sin(a) + 4 * np.sin(0.05 * (y - x) + rng.uniform(0, 6))
        height += np.maximum(0, np.sin(along * k + rng.uniform(0, 6))) ** 3 * rng.uniform(0.4, 1.1)
    reach = np.clip((np.hypot(x, y) - clear * 0.75) / 14, 0, 1)
    z = height * reach**1.5 * 1.1
    verts = np.stack([x, y, z], -1).reshape(-1, 3)
    faces = [(i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j)
             for i in range(n - 1) for j in range(n - 1)]  # fmt: skip
    mat = bo.fabric("#f6f6f4", "#e6e6e3", 22.0, 0.2, 0.15)
    base = bo.shader_of(mat).inputs["Base Color"].links[0].from_socket
    for pitch, width in ((2.4, 0.05), (0.4, 0.02)):
        grid = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=width, Brick_Width=pitch,
                       Row_Height=pitch, Color1=bo.linear("#ffffff"), Color2=bo.linear("#ffffff"),
                       Mortar=bo.linear("#ebebec"))  # fmt: skip
        grid.offset = 0.0
        bo.link(mat, bo.coordinates(mat, turn=seed % 60), grid.inputs["Vector"])
        base = bo.mix(mat, 1.0, base, grid.outputs["Color"], "MULTIPLY")
    bo.base_colour(mat, base)
    bo.mesh(bo.empty("cloth"), verts, faces, mat, 180, weld=False)


def dark_slate(seed, clear):
    """Dark slate with a rough split face."""
    mat = bo.principled("#4a4f54", rough=0.5)
    vector = bo.coordinates(mat, (1, 1, 1), shift=(seed % 40, seed % 23, 0))
    broad = bo.noise(mat, vector, 0.09, 5, 0.4)
    bo.base_colour(
        mat, bo.ramp(mat, broad, [(0.3, "#3a3f43"), (0.55, "#54595e"), (0.75, "#70767a")])
    )
    bo.bump(mat, bo.noise(mat, vector, 0.5, 6, 0.5), 0.55, 0.35)
    table(mat, seed)


def green_mat(seed, clear):
    """A green cutting mat with a centimetre grid."""
    mat = bo.principled("#1d6b4a", rough=0.55)
    vector = bo.coordinates(mat, shift=(seed % 3, seed % 4, 0))
    tone = bo.ramp(mat, bo.noise(mat, vector, 4, 3), [(0.3, "#17593d"), (0.7, "#1f6c4b")])
    for pitch, width, colour in ((1.0, 0.02, "#4f9a72"), (5.0, 0.05, "#c9dcb0")):
        black, white = bo.linear("#000000"), bo.linear("#ffffff")
        grid = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=width, Brick_Width=pitch,
                       Row_Height=pitch, Color1=black, Color2=black, Mortar=white)  # fmt: skip
        grid.offset = 0.0
        bo.link(mat, vector, grid.inputs["Vector"])
        paint = bo.node(mat, "ShaderNodeRGB")
        paint.outputs[0].default_value = bo.linear(colour)
        tone = bo.mix(mat, grid.outputs["Color"], tone, paint.outputs[0])
    bo.base_colour(mat, tone)
    table(mat, seed, turn=seed % 20 - 10)


def blue_felt(seed, clear):
    """Blue felt."""
    mat = bo.fabric("#4470c0", "#2f569e", 9.0, 0.7)
    table(mat, seed)


def marble(seed, clear):
    """White marble with grey veins."""
    mat = bo.principled("#eceae6", rough=0.16, coat=0.3)
    vector = bo.coordinates(mat, shift=(seed % 50, seed % 37, 0), turn=seed % 90)
    tone = bo.ramp(mat, bo.noise(mat, vector, 0.05, 6, 1.5), [(0.3, "#d3d1ce"), (0.7, "#f1efeb")])
    for scale, colour in ((0.035, "#8d8f94"), (0.09, "#b9b9bb")):
        veins = bo.noise(mat, vector, scale, 6, 1.8)
        mask = bo.ramp(mat, veins, [(0.46, "#000000"), (0.5, "#ffffff"), (0.54, "#000000")])
        ink = bo.node(mat, "ShaderNodeRGB")
        ink.outputs[0].default_value = bo.linear(colour)
        tone = bo.mix(mat, mask, tone, ink.outputs[0])
    bo.base_colour(mat, tone)
    table(mat, seed)


def scatter_papers(root, seed, count, reach):
    """Printed sheets lying about, also under the objects."""
    rng = random.Random(seed)
    for k in range(count):
        image = printed_page(seed + k, heading=k % 2 == 0)
        a = 2 * math.pi * k / max(1, count - 1) + rng.uniform(-0.4, 0.4)
        d = reach * rng.uniform(0.6, 1.1) if k else 0.0
        bo.sheet(
            root,
            21,
            29.7,
            bo.picture(image),
            (d * math.cos(a), d * math.sin(a), 0.012 * (k + 1) - 0.09),
            rng.uniform(-35, 35),
        )


def paper_desk(seed, clear):
    """A grey desk covered with printed sheets."""
    mat = bo.principled("#9a9a98", rough=0.5)
    root = table(mat, seed)
    root.location.z = -0.1
    papers = bo.empty("papers")
    scatter_papers(papers, seed, 7, 20)


def keyboard(root, seed=0):
    """A computer keyboard of bevelled blocks."""
    body, key = bo.plastic("#25272b", 0.5), bo.plastic("#3a3d42", 0.55)
    bo.box(root, (36, 13, 1.2), body, (0, 0, 0.6), 0.4)
    for row in range(5):
        for k in range(17):
            wide = row == 4 and 5 <= k <= 10
            if wide and k != 7:
                continue
            size = (11.4, 1.75, 0.8) if wide else (1.75, 1.75, 0.8)
            bo.box(
                root,
                size,
                key,
                (-16.4 + 2.04 * k + (1.0 if wide else 0), 4.6 - 2.25 * row, 1.35),
                0.18,
            )


def cluttered_desk(seed, clear):
    """A beech desk with keyboard, papers, notes, books and a plant pot around the object."""
    rng = random.Random(seed)
    table(planks("#d9b98c", "#b08a5a", seed), seed)
    things = bo.empty("clutter")
    scatter_papers(things, seed, 3, clear + 12)
    for child in things.children:
        child.location.z += 0.1
    side = rng.choice((-1, 1))
    board = bo.empty("keyboard", things)
    keyboard(board)
    bo.place(board, side * -6, clear + 11, rng.uniform(-12, 12))
    stack = bo.empty("stack", things)
    bo.book_stack(stack, seed, 3)
    bo.place(stack, side * (clear + 17), clear * 0.5 + 13, rng.uniform(-25, 25))
    slab = bo.empty("phone", things)
    bo.box(slab, (7.2, 14.6, 0.8), bo.plastic("#15161a", 0.3), (0, 0, 0.4), 0.35)
    bo.box(slab, (6.6, 13.8, 0.02), bo.principled("#0a0d14", rough=0.05), (0, 0, 0.81), 0)
    bo.place(slab, -side * (clear + 6.5), rng.uniform(-2, 4), rng.uniform(-30, 30))
    for k, colour in enumerate(("#f2d84b", "#f28aa8", "#7ecb8f")):
        notes = bo.empty("notes", things)
        bo.box(notes, (7.6, 7.6, 0.5), bo.principled(colour, rough=0.8), (0, 0, 0.25), 0.03)
        spots = [
            (side * (clear + 6), -3),
            (-side * (clear + 9), clear + 2),
            (side * 3, -clear - 10),
        ]
        bo.place(notes, *spots[k], rng.uniform(-40, 40))
    pot = bo.empty("plant", things)
    bo.lathe(
        pot,
        [(0, 0), (4, 0), (5.4, 9), (5.0, 9), (4.8, 8), (0, 8)],
        bo.principled("#b5643c", rough=0.8),
    )
    leaf = bo.principled("#3f7a35", rough=0.5)
    for _ in range(16):
        a, up = rng.uniform(0, 6.28), rng.uniform(7, 15)
        out = rng.uniform(5, 11)
        pts = [(0, 0, 8), (out * 0.5 * math.cos(a), out * 0.5 * math.sin(a), 8 + up),
               (out * math.cos(a), out * math.sin(a), 8 + up * 0.7)]  # fmt: skip
        obj = bo.tube(pot, pts, 0.5, leaf)
        obj.data.bevel_depth = 0.45
    bo.place(pot, -side * (clear + 16), clear + 22)


SETTINGS = {
    "oak-table": (oak_table, "#b9b2a6"),
    "white-cloth": (white_cloth, "#c9c2b8"),
    "dark-slate": (dark_slate, "#7b7f84"),
    "green-mat": (green_mat, "#a9aca6"),
    "blue-felt": (blue_felt, "#9b9388"),
    "marble": (marble, "#aab2b5"),
    "paper-desk": (paper_desk, "#b5b5b0"),
    "cluttered-desk": (cluttered_desk, "#a8a296"),
}  # fmt: skip


def room(seed, wall):
    """Wall, shelf and framed picture far behind the table, for views that see past its edge."""
    rng = random.Random(seed)
    root = bo.empty("room")
    bo.box(root, (900, 4, 500), bo.principled(wall, rough=0.9), (0, 170, 60), 0)
    bo.box(root, (900, 700, 2), bo.principled("#6d5a48", rough=0.6), (0, 0, -75), 0)
    bo.box(
        root,
        (110, 20, 3),
        bo.principled("#8a6a48", rough=0.6),
        (rng.uniform(-50, 50), 158, 32),
        0.2,
    )
    x = root.children[-1].location.x - 45
    for _ in range(16):
        w, h = rng.uniform(2.5, 5), rng.uniform(16, 26)
        colour = rng.choice(["#8c3a34", "#345a7a", "#c9a24a", "#4d6b4f", "#d8d2c2", "#5a4a66"])
        bo.box(root, (w, 15, h), bo.principled(colour, rough=0.7), (x, 156, 33.5 + h / 2), 0.2)
        x += w + 0.3
    bo.box(
        root,
        (50, 2, 65),
        bo.principled("#e8e4da", rough=0.7),
        (rng.choice((-95, 95)), 167, 55),
        0.2,
    )
    for part in root.children:
        part.visible_shadow = False  # the low sun shines through the wall


# ------------------------------------------------------------------ lights


def area(location, size, irradiance, colour, target=(0, 0, 3)):
    """An area light that gives about this irradiance at the target."""
    data = bpy.data.lights.new("area", "AREA")
    data.shape = "RECTANGLE"
    data.size, data.size_y = size
    way = Vector(target) - Vector(location)
    data.energy = irradiance * math.pi * way.length_squared
    data.color = colour
    obj = bpy.data.objects.new("area", data)
    bpy.context.scene.collection.objects.link(obj)
    obj.location = location
    obj.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()


def sun(elevation, azimuth, strength, colour, angle=0.6):
    """A sun lamp; azimuth 0 shines from the right, 90 from behind the objects."""
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.color, data.angle = strength, colour, math.radians(angle)
    obj = bpy.data.objects.new("sun", data)
    bpy.context.scene.collection.objects.link(obj)
    e, a = math.radians(elevation), math.radians(azimuth)
    come = Vector((math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)))
    obj.rotation_euler = (-come).to_track_quat("-Z", "Y").to_euler()


def world(strength, colour):
    """Ambient light, uneven like a room, so that metal and glaze have something to reflect."""
    new = bpy.data.worlds.new("world")
    bpy.context.scene.world = new
    if new.node_tree is None:
        new.use_nodes = True
    back = new.node_tree.nodes["Background"]
    back.inputs["Strength"].default_value = strength
    coord = new.node_tree.nodes.new("ShaderNodeTexCoord")
    value = new.node_tree.nodes.new("ShaderNodeTexNoise")
    value.inputs["Scale"].default_value = 1.7
    tones = new.node_tree.nodes.new("ShaderNodeValToRGB")
    dark, light = tones.color_ramp.elements
    dark.position, light.position = 0.38, 0.62
    dark.color = [0.35 * c for c in colour] + [1]
    light.color = [1.3 * c for c in colour] + [1]
    link = new.node_tree.links.new
    link(coord.outputs["Generated"], value.inputs["Vector"])
    link(value.outputs[0], tones.inputs["Fac"])
    link(tones.outputs["Color"], back.inputs["Color"])


def light_up(kind, rng):
    """Set the lights; gives the exposure in stops."""
    cool, warm, white = (0.9, 0.96, 1.0), (1.0, 0.8, 0.57), (1.0, 0.97, 0.93)
    j = rng.uniform(-15, 15)
    if kind in ("window", "window-right"):
        s = -1 if kind == "window" else 1
        world(0.45, (0.95, 0.97, 1.0))
        area((s * 120, 30 + j, 95), (90, 130), 2.2, cool)
        area((-s * 110, -90, 80), (60, 60), 0.35, white)
        return 0.55
    if kind == "overcast":
        world(0.85, (0.95, 0.98, 1.0))
        area((j, 20, 190), (240, 240), 1.5, (0.93, 0.97, 1.0))
        return 0.3
    if kind == "lamp":
        world(0.16, (1.0, 0.85, 0.7))
        area((-55 + j, 35, 75), (16, 16), 2.4, warm)
        area((80, -60, 90), (60, 60), 0.35, (1.0, 0.8, 0.6))
        return 0.5
    if kind == "sun":
        world(0.5, (0.8, 0.9, 1.0))
        sun(26 + j * 0.3, 150 + j, 3.6, (1.0, 0.89, 0.74))
        return 0.35
    if kind == "bright":
        world(0.9, white)
        sun(50, 40 + j, 4.5, (1.0, 0.97, 0.92))
        return 0.75
    if kind == "dim":
        world(0.14, (0.7, 0.8, 1.0))
        area((100, 40 + j, 60), (50, 70), 0.75, (1.0, 0.8, 0.6))
        return 0.45
    world(0.4, cool)  # backlight
    area((j * 2, 140, 80), (160, 90), 2.6, white)
    area((-60, -100, 80), (70, 70), 0.7, cool)
    return 0.5


# ------------------------------------------------------------------ camera


def corners(roots):
    """Corner points of the bounding boxes of all parts below the roots, in the world."""
    bpy.context.view_layer.update()
    points = []
    for root in roots:
        for part in root.children_recursive:
            if part.type in ("MESH", "CURVE", "FONT"):
                points += [part.matrix_world @ Vector(c) for c in part.bound_box]
    return points


def aim(roots, elevation, lens, fill, shift, fstop):
    """Place the camera so that the objects fill this part of the frame, then shift the frame."""
    points = corners(roots)
    low = Vector([min(p[i] for p in points) for i in range(3)])
    high = Vector([max(p[i] for p in points) for i in range(3)])
    target = (low + high) / 2
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    data.lens, data.clip_start, data.clip_end = lens, 0.5, 5000
    e = math.radians(elevation)
    back = Vector((0, -math.cos(e), math.sin(e)))
    up = "Y"
    camera.rotation_euler = (-back).to_track_quat("-Z", up).to_euler()
    distance = 60.0
    for _ in range(12):
        camera.location = target + back * distance
        bpy.context.view_layer.update()
        seen = [world_to_camera_view(scene, camera, p) for p in points]
        xs, ys = [s.x for s in seen], [s.y for s in seen]
        size = max(max(xs) - min(xs), max(ys) - min(ys))
        distance *= (size / fill) ** 0.9
        right = camera.matrix_world.to_quaternion() @ Vector((1, 0, 0))
        upward = camera.matrix_world.to_quaternion() @ Vector((0, 1, 0))
        frame = data.view_frame(scene=scene)
        scale = distance / -frame[0].z
        width, height = frame[0].x - frame[2].x, frame[0].y - frame[2].y
        target += right * ((max(xs) + min(xs)) / 2 - 0.5) * width * scale
        target += upward * ((max(ys) + min(ys)) / 2 - 0.5) * height * scale
    camera.location = target + back * distance
    wide = max(scene.render.resolution_x, scene.render.resolution_y)
    data.shift_x = -shift[0] * scene.render.resolution_x / wide
    data.shift_y = -shift[1] * scene.render.resolution_y / wide
    if fstop:
        data.dof.use_dof = True
        data.dof.focus_distance = distance
        # the lens is in mm, the scene in cm; stop down for small things, as one would
        data.dof.aperture_fstop = fstop / 100 * max(1, 60 / distance)
        data.dof.aperture_blades = 7
    return distance


# ------------------------------------------------------------------ one picture

SIZES = {"square": (352, 352), "landscape": (400, 300), "portrait": (300, 400)}


def build(objects, source, where):
    """Build one object of the catalogue and put it in its place."""
    kind, args = objects[source]
    if args.get("image") == "page":
        args = args | {"image": printed_page(len(source), (500, 714))}
    root = bo.empty(source)
    getattr(bo, kind)(root, **args)
    holder = bo.empty("holder " + source)
    root.parent = holder
    bo.place(holder, **where)
    return holder


def strip_comments(path):
    """Take Blender's comments (date, render time) out of a JPEG, so that a rerun is the same."""
    data, out, at = path.read_bytes(), b"\xff\xd8", 2
    while data[at + 1] != 0xDA:  # up to the start of the scan
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != 0xFE:
            out += data[at:end]
        at = end
    path.write_bytes(out + data[at:])


def render(spec, objects, path, samples=48, hide=False, scale=1.0, threads=1):
    """Render a picture of the plan to a JPEG; `hide` leaves out all foreground objects."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    seed = zlib.crc32(spec.id.encode()) % 100000
    rng = random.Random(seed)
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.06
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.seed = seed
    scene.cycles.denoising_prefilter = "FAST"
    scene.cycles.max_bounces = 8
    scene.cycles.diffuse_bounces = 2
    scene.cycles.glossy_bounces = 3
    scene.cycles.transmission_bounces = 8
    scene.cycles.caustics_reflective = False
    scene.cycles.sample_clamp_indirect = 4
    scene.render.threads_mode = "FIXED"
    scene.render.threads = threads
    width, height = SIZES[spec.shape]
    scene.render.resolution_x, scene.render.resolution_y = int(width * scale), int(height * scale)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    things = [build(objects, source, where) for source, where in spec.things]
    props = [build(objects, source, where) for source, where in spec.props]
    clear = max(Vector((p.x, p.y)).length for p in corners(things + props))
    surface, wall = SETTINGS[spec.setting]
    surface(seed, min(clear, 25.0))
    room(seed, wall)
    scene.view_settings.exposure = light_up(spec.light, rng) + spec.exposure
    aim(things, spec.elevation, spec.lens, spec.fill, spec.shift, spec.fstop)
    if hide:
        for holder in things + props:
            for part in holder.children_recursive:
                part.hide_render = True
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 88
    path.parent.mkdir(parents=True, exist_ok=True)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    strip_comments(path)
