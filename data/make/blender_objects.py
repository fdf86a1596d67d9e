"""Objects of the picture collection: one function an object kind, all built from code.

One Blender unit is one centimetre. Long objects (pens, tools, keys) lie along the x axis with
their tip at +x; everything else stands on z = 0. A builder gets an empty `root` and hangs its
parts on it, so that the whole object can be moved, hidden and framed by that root.
"""

import math
import random

import bpy
import numpy as np
from mathutils import Matrix, Vector

# ------------------------------------------------------------------ materials


def linear(colour):
    """Turn '#rrggbb' into the linear RGBA that Blender's shaders expect."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values] + [1.0]


INPUTS = {
    "rough": "Roughness", "metal": "Metallic", "coat": "Coat Weight", "ior": "IOR",
    "trans": "Transmission Weight", "sheen": "Sheen Weight", "sss": "Subsurface Weight",
    "coat_rough": "Coat Roughness", "spec": "Specular IOR Level", "emit": "Emission Strength",
}  # fmt: skip


def principled(colour, **inputs):
    """A Principled material; short input names as in INPUTS."""
    mat = bpy.data.materials.new("m")
    if mat.node_tree is None:
        mat.use_nodes = True
    shader = mat.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = linear(colour)
    for key, value in inputs.items():
        shader.inputs[INPUTS[key]].default_value = value
    if "emit" in inputs:
        shader.inputs["Emission Color"].default_value = linear(colour)
    return mat


def node(mat, kind, **inputs):
    """Add a shader node; keyword inputs by name with underscores for blanks."""
    new = mat.node_tree.nodes.new(kind)
    for key, value in inputs.items():
        new.inputs[key.replace("_", " ")].default_value = value
    return new


def link(mat, out, into):
    """Connect two sockets."""
    mat.node_tree.links.new(out, into)


def shader_of(mat):
    """The Principled node of a material."""
    return mat.node_tree.nodes["Principled BSDF"]


def coordinates(mat, stretch=(1, 1, 1), turn=0.0, shift=(0, 0, 0)):
    """Object coordinates in cm, stretched, turned about z (degrees) and shifted."""
    mapping = node(mat, "ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = stretch
    mapping.inputs["Rotation"].default_value = (0, 0, math.radians(turn))
    mapping.inputs["Location"].default_value = shift
    link(mat, node(mat, "ShaderNodeTexCoord").outputs["Object"], mapping.inputs["Vector"])
    return mapping.outputs["Vector"]


def ramp(mat, value, stops, interpolation="LINEAR"):
    """Colour ramp: stops are (position, '#rrggbb')."""
    new = node(mat, "ShaderNodeValToRGB")
    elements = new.color_ramp.elements
    new.color_ramp.interpolation = interpolation
    while len(elements) < len(stops):
        elements.new(0.5)
    for element, (position, colour) in zip(elements, stops, strict=False):
        element.position = position
        element.color = linear(colour)
    link(mat, value, new.inputs["Fac"])
    return new.outputs["Color"]


def noise(mat, vector, scale, detail=4.0, distortion=0.0):
    """Noise texture value."""
    new = node(mat, "ShaderNodeTexNoise", Scale=scale, Detail=detail, Distortion=distortion)
    link(mat, vector, new.inputs["Vector"])
    return new.outputs[0]


def mix(mat, fac, colour_a, colour_b, blend="MIX"):
    """Mix two colour sockets."""
    new = node(mat, "ShaderNodeMix")
    new.data_type = "RGBA"
    new.blend_type = blend
    if isinstance(fac, float):
        new.inputs[0].default_value = fac
    else:
        link(mat, fac, new.inputs[0])
    link(mat, colour_a, new.inputs[6])
    link(mat, colour_b, new.inputs[7])
    return new.outputs[2]


def bump(mat, height, strength=0.3, distance=0.05):
    """Use a value as bump map."""
    new = node(mat, "ShaderNodeBump", Strength=strength, Distance=distance)
    link(mat, height, new.inputs["Height"])
    link(mat, new.outputs["Normal"], shader_of(mat).inputs["Normal"])


def base_colour(mat, socket):
    """Use a socket as base colour."""
    link(mat, socket, shader_of(mat).inputs["Base Color"])


def plastic(colour, rough=0.28):
    """Hard plastic."""
    return principled(colour, rough=rough, coat=0.15)


def rubber(colour="#1b1b1d"):
    """Matt rubber."""
    return principled(colour, rough=0.75)


def metal(colour="#c9cbd0", rough=0.22, brushed=False):
    """Metal, polished or brushed around its axis."""
    mat = principled(colour, rough=rough, metal=1.0)
    if brushed:
        height = noise(mat, coordinates(mat, (1, 1, 60)), 1.2, 3)
        bump(mat, height, 0.12, 0.02)
    return mat


GOLD = "#e0b354"


def ceramic(colour, rough=0.2, speckle=None):
    """Glazed ceramic; `speckle` adds dots of that colour."""
    mat = principled(colour, rough=rough, coat=0.6, coat_rough=0.05)
    vector = coordinates(mat)
    if speckle:
        dots = noise(mat, vector, 3.2, 6)
        base_colour(mat, ramp(mat, dots, [(0.0, colour), (0.62, colour), (0.66, speckle)]))
    bump(mat, noise(mat, vector, 0.6, 2), 0.05, 0.1)
    return mat


def banded(stops, height, rough=0.2):
    """Glazed ceramic with horizontal bands: stops are (z in cm, colour)."""
    mat = principled("#ffffff", rough=rough, coat=0.6, coat_rough=0.05)
    split = node(mat, "ShaderNodeSeparateXYZ")
    link(mat, coordinates(mat, (1, 1, 1 / height)), split.inputs[0])
    bands = [(max(0.0, z / height), colour) for z, colour in stops]
    base_colour(mat, ramp(mat, split.outputs["Z"], bands, "CONSTANT"))
    return mat


def glass(colour="#f4fbf8", rough=0.0, ior=1.45):
    """Glass or clear plastic; lets shadow rays through, so that it throws no black shadow."""
    mat = principled(colour, rough=rough, trans=1.0, ior=ior)
    tree = mat.node_tree
    clear = node(mat, "ShaderNodeBsdfTransparent", Color=[0.5 + 0.45 * c for c in linear(colour)])
    path = node(mat, "ShaderNodeLightPath")
    both = node(mat, "ShaderNodeMixShader")
    link(mat, path.outputs["Is Shadow Ray"], both.inputs[0])
    link(mat, shader_of(mat).outputs[0], both.inputs[1])
    link(mat, clear.outputs[0], both.inputs[2])
    link(mat, both.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    return mat


def wood(light, dark, scale=1.0, axis="x", rough=0.42, shift=0.0):
    """Wood with grain along an axis."""
    mat = principled(light, rough=rough, coat=0.1)
    stretch = {"x": (0.04, 1, 1), "y": (1, 0.04, 1), "z": (1, 1, 0.04)}[axis]
    vector = coordinates(mat, stretch, shift=(shift, shift * 0.7, shift * 0.3))
    grain = noise(mat, vector, 1.3 * scale, 4, 0.6)
    fine = noise(mat, vector, 9.0 * scale, 3)
    coarse = ramp(mat, grain, [(0.3, dark), (0.48, light), (0.58, dark), (0.7, light)])
    lines = ramp(mat, fine, [(0.35, "#cdc3b6"), (0.6, "#ffffff")])
    base_colour(mat, mix(mat, 0.8, coarse, lines, "MULTIPLY"))
    bump(mat, fine, 0.12, 0.03)
    return mat


def fabric(colour, dark, weave=18.0, sheen=0.4, relief=0.5):
    """Woven or felted cloth."""
    mat = principled(colour, rough=0.95, sheen=sheen, spec=0.15)
    vector = coordinates(mat)
    fine = noise(mat, vector, weave, 3)
    broad = noise(mat, vector, 0.25, 3)
    base = ramp(mat, fine, [(0.3, dark), (0.65, colour)])
    tone = ramp(mat, broad, [(0.3, "#dddddd"), (0.7, "#ffffff")])
    base_colour(mat, mix(mat, 1.0, base, tone, "MULTIPLY"))
    bump(mat, fine, relief, 0.06)
    return mat


def picture(image, rough=0.7):
    """A material that shows a packed image by its UV map."""
    mat = principled("#ffffff", rough=rough)
    tex = node(mat, "ShaderNodeTexImage")
    tex.image = image
    base_colour(mat, tex.outputs["Color"])
    return mat


# ------------------------------------------------------------------ geometry


def attach(root, data, mat=None, name="part"):
    """Make an object of mesh or curve data, give it a material, hang it on the root."""
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    obj.parent = root
    if mat:
        data.materials.append(mat)
    return obj


def welded(verts, faces):
    """Merge vertices in the same place and drop the faces that this closes."""
    index, keep, new = {}, [], []
    for v in verts:
        key = tuple(round(float(c), 4) + 0.0 for c in v)
        if key not in index:
            index[key] = len(keep)
            keep.append(key)
        new.append(index[key])
    out = []
    for face in faces:
        ids = list(dict.fromkeys(new[i] for i in face))
        if len(ids) > 2:
            out.append(ids)
    return keep, out


def mesh(root, verts, faces, mat, angle=40, weld=True):
    """Mesh object, shaded smooth with sharp edges above `angle` degrees."""
    if weld:
        verts, faces = welded(verts, faces)
    data = bpy.data.meshes.new("mesh")
    data.from_pydata([tuple(map(float, v)) for v in verts], [], [tuple(f) for f in faces])
    data.shade_smooth()
    data.set_sharp_from_angle(angle=math.radians(angle))
    return attach(root, data, mat)


def rounded(points, n=5):
    """Round the corners of a polyline: points are (r, z) or (r, z, corner radius)."""
    out = []
    for i, point in enumerate(points):
        here = np.array(point[:2], float)
        if len(point) < 3 or i in (0, len(points) - 1):
            out.append(tuple(here))
            continue
        ends = []
        for other in (points[i - 1], points[i + 1]):
            way = np.array(other[:2], float) - here
            length = np.linalg.norm(way)
            ends.append(here + way / length * min(point[2], 0.48 * length))
        for t in np.linspace(0, 1, n):
            a, b = (1 - t) * ends[0] + t * here, (1 - t) * here + t * ends[1]
            out.append(tuple((1 - t) * a + t * b))
    return out


def spline(points, n=6):
    """Catmull-Rom curve through points of any dimension."""
    pts = [np.array(p, float) for p in points]
    pts = [2 * pts[0] - pts[1]] + pts + [2 * pts[-1] - pts[-2]]
    out = []
    for a, b, c, d in zip(pts, pts[1:], pts[2:], pts[3:], strict=False):
        for t in np.linspace(0, 1, n, endpoint=False):
            out.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                              + (3 * b - a - 3 * c + d) * t**3))  # fmt: skip
    out.append(pts[-2])
    return [tuple(p) for p in out]


def lathe(root, profile, mat, axis="z", segments=72, flutes=None, angle=40, at=(0, 0, 0)):
    """Turn a profile of (r, z) about an axis. `flutes` = (count, depth, z from, z to)."""
    verts, faces = [], []
    for r, z in profile:
        for k in range(segments):
            turn = 2 * math.pi * k / segments
            radius = r
            if flutes and flutes[2] <= z <= flutes[3]:
                radius = r - flutes[1] * (0.5 + 0.5 * math.cos(flutes[0] * turn)) ** 2
            p = (radius * math.cos(turn), radius * math.sin(turn), z)
            p = p if axis == "z" else (p[2], p[0], p[1])
            verts.append([a + b for a, b in zip(p, at, strict=False)])
    for i in range(len(profile) - 1):
        for k in range(segments):
            n = (k + 1) % segments
            a, b = i * segments, (i + 1) * segments
            faces.append((a + k, a + n, b + n, b + k))
    return mesh(root, verts, faces, mat, angle)


def prism(root, radius, start, end, sides, mat, axis="x", at=(0, 0, 0)):
    """A straight bar with `sides` flat sides (6 for pencils and hexagonal pens)."""
    profile = [(0, start), (radius * 0.96, start), (radius, start + 0.04)]
    profile += [(radius, end - 0.04), (radius * 0.96, end), (0, end)]
    return lathe(root, profile, mat, axis, sides, angle=30, at=at)


def tube(root, points, radius, mat, closed=False, scale=(1, 1, 1), at=(0, 0, 0), smooth=True):
    """A round bar along points."""
    data = bpy.data.curves.new("tube", "CURVE")
    data.dimensions = "3D"
    data.bevel_depth = radius
    data.bevel_resolution = 5
    data.use_fill_caps = True
    pts = spline(points) if smooth and not closed else points
    line = data.splines.new("POLY")
    line.points.add(len(pts) - 1)
    for target, p in zip(line.points, pts, strict=False):
        target.co = (*p, 1)
    line.use_cyclic_u = closed
    line.use_smooth = True
    obj = attach(root, data, mat)
    obj.scale = scale
    obj.location = at
    return obj


def ring(root, radius, thickness, mat, at=(0, 0, 0), stretch=(1, 1), turn=0.0, flat=1.0):
    """An elliptical ring lying in the xy plane."""
    steps = [2 * math.pi * k / 64 for k in range(64)]
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    pts = []
    for t in steps:
        x, y = radius * stretch[0] * math.cos(t), radius * stretch[1] * math.sin(t)
        pts.append((x * c - y * s, x * s + y * c, 0))
    return tube(root, pts, thickness, mat, True, (1, 1, flat), at)


def plate(root, outlines, thickness, mat, at=(0, 0, 0), bevel=0.03, turn=0.0):
    """A flat piece cut from outlines (the first the edge, further ones holes), centred in z."""
    data = bpy.data.curves.new("plate", "CURVE")
    data.dimensions = "2D"
    data.fill_mode = "BOTH"
    data.extrude = max(0.001, thickness / 2 - bevel)
    data.bevel_depth = bevel
    data.bevel_resolution = 2
    for outline in outlines:
        line = data.splines.new("POLY")
        line.points.add(len(outline) - 1)
        for target, (x, y) in zip(line.points, outline, strict=False):
            target.co = (x, y, 0, 1)
        line.use_cyclic_u = True
    obj = attach(root, data, mat)
    obj.location = at
    obj.rotation_euler[2] = math.radians(turn)
    return obj


def circle(radius, at=(0, 0), n=40, stretch=(1, 1)):
    """Points of an ellipse."""
    return [
        (
            at[0] + radius * stretch[0] * math.cos(2 * math.pi * k / n),
            at[1] + radius * stretch[1] * math.sin(2 * math.pi * k / n),
        )
        for k in range(n)
    ]


def box(root, size, mat, at=(0, 0, 0), bevel=0.1, turn=(0, 0, 0)):
    """A box with bevelled edges, centred on `at`."""
    x, y, z = (s / 2 for s in size)
    verts = [(i, j, k) for k in (-z, z) for j in (-y, y) for i in (-x, x)]
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    obj = mesh(root, verts, faces, mat, 30)
    obj.location = at
    obj.rotation_euler = [math.radians(t) for t in turn]
    if bevel:
        mod = obj.modifiers.new("bevel", "BEVEL")
        mod.width = min(bevel, 0.45 * min(size))
        mod.segments = 3
    return obj


def sheet(root, width, depth, mat, at=(0, 0, 0), turn=0.0):
    """A flat sheet with a UV map that fills it."""
    data = bpy.data.meshes.new("sheet")
    x, y = width / 2, depth / 2
    data.from_pydata([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [], [(0, 1, 2, 3)])
    uv = data.uv_layers.new()
    for loop, co in zip(uv.data, [(0, 0), (1, 0), (1, 1), (0, 1)], strict=False):
        loop.uv = co
    obj = attach(root, data, mat)
    obj.location = at
    obj.rotation_euler[2] = math.radians(turn)
    return obj


def decal(root, quads, radius, mat, side=-90.0, axis="z", lift=0.012):
    """Print on a cylinder: quads of (along the girth, z) in cm, centred at angle `side`."""
    for quad in quads:
        verts, faces = [], []
        (ax, az), (bx, bz), (cx, cz), (dx, dz) = quad
        n = 4 + int(max(abs(bx - ax), abs(cx - dx)) / radius * 25)
        for i in range(n + 1):
            t = i / n
            for x, z in ((ax + (bx - ax) * t, az + (bz - az) * t),
                         (dx + (cx - dx) * t, dz + (cz - dz) * t)):  # fmt: skip
                turn = math.radians(side) + x / radius
                p = ((radius + lift) * math.cos(turn), (radius + lift) * math.sin(turn), z)
                verts.append(p if axis == "z" else (p[2], p[0], p[1]))
        for i in range(n):
            faces.append((2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1))
        mesh(root, verts, faces, mat, 60)


def text(root, words, size, mat, at, turn=(0, 0, 0), depth=0.01):
    """Raised lettering in Blender's built-in font, centred."""
    data = bpy.data.curves.new("text", "FONT")
    data.body = words
    data.size = size
    data.extrude = depth
    data.align_x = "CENTER"
    data.align_y = "CENTER"
    obj = attach(root, data, mat)
    obj.location = at
    obj.rotation_euler = [math.radians(t) for t in turn]


def empty(name, parent=None):
    """An empty to hang parts on."""
    obj = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(obj)
    obj.parent = parent
    return obj


def place(obj, x=0, y=0, rot=0, z=0, pitch=0, roll=0):
    """Put an object: roll about x, pitch about y, turn about z (degrees), then move."""
    obj.rotation_euler = [math.radians(a) for a in (roll, pitch, rot)]
    obj.location = (x, y, z)


def stand_in(root, builder, args, floor, rim, phi, height, offset=0.25):
    """Build a long object standing in a pot: through a floor point and a point at the rim."""
    child = empty("standing", root)
    length = builder(child, **args)
    low = Vector((math.cos(phi + 0.5) * floor * offset, math.sin(phi + 0.5) * floor * offset, 0.6))
    high = Vector((math.cos(phi) * rim, math.sin(phi) * rim, height))
    way = (high - low).normalized()
    spin = Matrix.Rotation(phi * 3, 4, "X")
    turn = way.to_track_quat("X", "Z").to_matrix().to_4x4()
    lift = child.children[0].location.z  # builders lay things on z = 0; the axis is higher
    centre = Matrix.Translation((0, 0, -lift))
    child.matrix_local = Matrix.Translation(low + way * (length / 2)) @ turn @ spin @ centre


# ------------------------------------------------------------------ pens


def clip(root, start, end, radius, mat, width=0.32, height=0.16):
    """A pocket clip above a barrel from x = start (fixed end) to x = end."""
    step = 0.25 if end > start else -0.25
    z = radius + height
    pts = [(start, 0, radius - 0.05), (start + step * 0.3, 0, z), (start + step * 2, 0, z + 0.03),
           (end - step * 2, 0, z - 0.02), (end - step, 0, radius + 0.05),
           (end, 0, radius + 0.12)]  # fmt: skip
    tube(root, pts, 0.07, mat, scale=(1, width / 0.14, 1))


def lie(root, radius, roll=-22):
    """Roll the parts so that a clip can be seen and lift them: the bar then lies on z = 0."""
    for child in root.children:
        child.rotation_euler.x += math.radians(roll)
        child.location.z += radius


def stick_pen(root, body="#1d4fb8", cap="#1d4fb8", clear=False, capped=True, ink="#1b3fa0"):
    """Cheap ball pen: hexagonal or round barrel, cap with clip on the tip or on the back."""
    r = 0.4
    barrel = glass("#f2f6f8", 0.04) if clear else plastic(body)
    sides = 6 if clear or body == "#f08a1c" else 48
    lathe(root, [(0, -6.4), (r, -6.4), (r, 5.0), (r * 0.95, 5.1), (0, 5.1)], barrel, "x", sides,
          angle=30)  # fmt: skip
    if clear:
        lathe(root, [(0, -5.0), (0.13, -5.0), (0.13, 5.4), (0, 5.4)], plastic(ink), "x", 24)
    lathe(root, [(0, -6.75), (0.3, -6.75), (0.38, -6.4), (0, -6.3)], plastic(cap), "x")
    lathe(root, rounded([(0.38, 5.05), (0.36, 5.2, 0.1), (0.16, 6.4, 0.1), (0.12, 6.5)]),
          plastic("#e8e6df" if clear else body), "x")  # fmt: skip
    lathe(root, [(0.12, 6.45), (0.1, 6.8), (0.05, 7.1), (0, 7.12)], metal("#d8b36a"), "x", 24)
    skin = plastic(cap, 0.22)
    if capped:
        profile = [(0, 3.1), (0.46, 3.1), (0.5, 3.2), (0.48, 6.9), (0.36, 7.5), (0, 7.5)]
        lathe(root, rounded([(*p, 0.12) for p in profile]), skin, "x")
        clip(root, 7.0, 3.2, 0.47, skin, 0.32, 0.3)
    else:
        profile = [(0, -7.6), (0.36, -7.6), (0.48, -7.1), (0.5, -3.6), (0.46, -3.5), (0, -3.5)]
        lathe(root, rounded([(*p, 0.12) for p in profile]), skin, "x")
        clip(root, -7.1, -3.6, 0.47, skin, 0.32, 0.3)
    lie(root, 0.48)
    return 14.6


def click_pen(root, body="#f2f2ee", grip="#1d4fb8", trim="#c9cbd0", button=None, brushed=False):
    """Ball pen with push button, metal cone, rubber grip and clip."""
    skin = metal(body, 0.28, True) if brushed else plastic(body)
    shine = metal(trim, 0.15)
    r = 0.5
    lathe(root, rounded([(0, -6.0), (0.36, -6.0, 0.1), (0.44, -5.6, 0.3), (r, -2, 1), (r, 1.4)]),
          skin, "x")  # fmt: skip
    lathe(root, rounded([(r, 1.38), (r + 0.03, 1.42, 0.03), (r + 0.03, 1.65, 0.03), (r, 1.7)]),
          shine, "x")  # fmt: skip
    grip_mat = skin if grip is None else rubber(grip)
    wave = [(r + 0.03 + 0.035 * math.cos((x - 1.7) * 9), x) for x in np.linspace(1.7, 5.0, 50)]
    lathe(root, [(r, 1.69)] + wave + [(0.4, 5.05)], grip_mat, "x")
    lathe(root, rounded([(0.5, 5.0), (0.47, 5.1, 0.1), (0.14, 6.6, 0.1), (0.12, 6.7)]), shine, "x")
    lathe(root, [(0.1, 6.65), (0.09, 6.9), (0.04, 7.15), (0, 7.16)], shine, "x", 24)
    press = plastic(button) if button else shine
    lathe(root, rounded([(0, -7.0), (0.26, -7.0, 0.12), (0.26, -6.0), (0, -6.0)]), press, "x")
    lathe(root, rounded([(0.38, -6.05), (0.46, -5.95, 0.05), (0.47, -5.4, 0.05), (0.4, -5.35)]),
          shine, "x")  # fmt: skip
    clip(root, -5.7, -1.6, 0.46, shine, 0.34, 0.2)
    lie(root, 0.52)
    return 14.1


def twist_pen(root, body="#141416", trim=GOLD):
    """Luxury ball pen: tapered lacquer barrel with golden rings, clip and cone."""
    skin = principled(body, rough=0.12, coat=1.0, coat_rough=0.03)
    shine = metal(trim, 0.14)
    upper = spline([(0.3, -7.0), (0.46, -6.2), (0.55, -3.0), (0.57, -0.1)])
    lower = spline([(0.57, 0.25), (0.55, 2.5), (0.46, 5.0), (0.3, 6.1)])
    lathe(root, upper, skin, "x")
    lathe(root, lower, skin, "x")
    lathe(root, rounded([(0.55, -0.12), (0.61, -0.08, 0.05), (0.61, 0.22, 0.05), (0.55, 0.26)]),
          shine, "x")  # fmt: skip
    lathe(root, [(0.3, 6.08), (0.33, 6.15), (0.13, 7.0), (0.06, 7.3), (0, 7.32)], shine, "x")
    lathe(root, rounded([(0, -7.5), (0.22, -7.45, 0.1), (0.33, -7.05, 0.1), (0.3, -6.95)]), shine,
          "x")  # fmt: skip
    clip(root, -6.6, -2.4, 0.5, shine, 0.36, 0.22)
    lie(root, 0.6)
    return 14.6


def nib(root, mat, x=5.0):
    """Fountain pen nib: a curved leaf with a slit and a round hole, tip at +x."""
    verts, faces, nu, nv = [], [], 24, 9
    for i in range(nu + 1):
        t = i / nu
        half = 0.34 * (1 - 0.15 * (1 - t) ** 2) * (1 - t**2.2) + 0.02
        for j in range(nv):
            y = half * (2 * j / (nv - 1) - 1)
            z = 0.26 - 0.22 * t - 1.6 * y * y * (1 - 0.5 * t)
            verts.append((x + 2.3 * t, y, z))
    for i in range(nu):
        for j in range(nv - 1):
            a = i * nv + j
            faces.append((a, a + nv, a + nv + 1, a + 1))
    obj = mesh(root, verts, faces, mat)
    obj.modifiers.new("thick", "SOLIDIFY").thickness = 0.05
    dark = principled("#0b0b0b", rough=0.6)
    tube(root, [(x + 1.0, 0, 0.19), (x + 2.25, 0, 0.07)], 0.016, dark, smooth=False)
    lathe(root, [(0, 0.17), (0.08, 0.17), (0.08, 0.2), (0, 0.205)], dark, at=(x + 0.95, 0, 0))
    lathe(root, [(0.2, x - 0.2), (0.16, x + 0.8), (0.03, x + 1.9)], rubber("#151515"), "x",
          at=(0, 0, -0.08))  # fmt: skip


def fountain_pen(root, body="#6b1420", trim=GOLD, cap="beside"):
    """Fountain pen with an open nib; the cap lies beside it or is posted on the back."""
    skin = principled(body, rough=0.1, coat=1.0, coat_rough=0.03)
    shine = metal(trim, 0.15)
    barrel = spline([(0.0, -6.6), (0.36, -6.4), (0.5, -5.0), (0.6, -1.0), (0.6, 2.3)])
    lathe(root, barrel, skin, "x")
    lathe(root, rounded([(0.58, 2.28), (0.62, 2.3, 0.03), (0.62, 2.5, 0.03), (0.55, 2.52)]), shine,
          "x")  # fmt: skip
    lathe(root, spline([(0.53, 2.5), (0.46, 3.4), (0.4, 4.6), (0.46, 5.0), (0.2, 5.05)]),
          plastic("#121214", 0.2), "x")  # fmt: skip
    nib(root, shine)
    cover = empty("cap", root)
    outer = rounded([(0, 3.0), (0.5, 2.95, 0.3), (0.66, 1.6, 0.8), (0.7, -2.4, 0.1), (0.64, -2.5)])
    lathe(cover, [(r, -z) for r, z in outer], skin, "x")
    lathe(cover, [(0.6, 2.5), (0.58, -1), (0, -1.2)], plastic("#111111"), "x")
    lathe(cover, rounded([(0.68, 1.75), (0.73, 1.8, 0.03), (0.73, 2.1, 0.03), (0.69, 2.15)]),
          shine, "x")  # fmt: skip
    clip(cover, -2.6, 1.2, 0.66, shine, 0.34, 0.2)
    if cap == "posted":
        cover.location = (-6.0, 0, 0.0)
        lie(root, 0.7)
    else:
        lie(root, 0.62)
        place(cover, 0.5, -2.6, 14, 0.72)
    return 14.0


def marker(root, body="#1f8a3b", barrel="#f3f3f0", capped=False):
    """Felt-tip marker: thick barrel in white with a coloured cap, felt point if open."""
    r = 0.72
    skin, colour = plastic(barrel, 0.35), plastic(body, 0.3)
    lathe(root, rounded([(0, -6.2), (r * 0.9, -6.2, 0.2), (r, -5.8, 0.2), (r, 2.6, 0.1),
                         (0.5, 2.8, 0.1), (0.48, 4.0, 0.2), (0.24, 4.5, 0.1), (0.2, 5.0)]),
          skin, "x")  # fmt: skip
    lathe(root, [(r + 0.01, -6.0), (r + 0.012, -5.9), (r + 0.012, -4.9), (r, -4.88)], colour, "x")
    decal(
        root,
        [[(-0.7, -3.6), (0.7, -3.6), (0.7, 1.6), (-0.7, 1.6)]],
        r,
        plastic("#f1f1ee", 0.4),
        110,
        "x",
        0.02,
    )
    cover = empty("cap", root)
    shape = rounded([(0.66, -1.6), (0.78, -1.6, 0.05), (0.78, 2.0, 0.4), (0.6, 3.1, 0.25),
                     (0, 3.1)])  # fmt: skip
    lathe(cover, shape, colour, "x")
    lathe(cover, [(0.68, -1.55), (0.66, 1.5), (0, 1.6)][::-1], plastic("#111111"), "x")
    clip(cover, 2.4, -1.2, 0.76, colour, 0.4, 0.22)
    if capped:
        cover.location = (4.1, 0, 0)
        lie(root, 0.78)
        return 13.4
    felt = principled(body, rough=1.0)
    lathe(root, rounded([(0.17, 4.9), (0.17, 5.4, 0.1), (0.05, 5.9, 0.04), (0, 5.9)]), felt, "x")
    lie(root, r)
    place(cover, 2.0, -3.0, -25, 0.79)
    return 12.1


def pencil(root, colour="#e8b21f"):
    """Sharpened hexagonal pencil."""
    prism(root, 0.38, -8.0, 7.0, 6, plastic(colour, 0.35))
    lathe(root, [(0.36, 6.95), (0.33, 7.1), (0.12, 8.1)], principled("#d9b382", rough=0.7), "x", 36)
    lathe(root, [(0.12, 8.1), (0.02, 8.6), (0, 8.6)], principled("#26262a", rough=0.4), "x", 24)
    lie(root, 0.33, 0)
    return 16.6


# ------------------------------------------------------------------ cups, bowls, pots

BEVERAGES = {"coffee": ("#1d0d06", "#4a2a14"), "tea": ("#521d06", "#8a3d0e"),
             "milk coffee": ("#9a6a42", "#c79b6d"), "soup": ("#c6531a", "#e58a3a")}  # fmt: skip


def liquid(root, radius, z, kind):
    """A drink's surface with a slightly raised edge and a lighter rim."""
    dark, light = BEVERAGES[kind]
    mat = principled(dark, rough=0.04 if kind != "soup" else 0.25, ior=1.33)
    split = node(mat, "ShaderNodeTexGradient")
    split.gradient_type = "SPHERICAL"
    link(mat, coordinates(mat, (1 / radius, 1 / radius, 0)), split.inputs[0])
    base_colour(mat, ramp(mat, split.outputs[0], [(0.0, light), (0.06, light), (0.12, dark)]))
    top = [(0, z), (radius * 0.96, z), (radius * 0.99, z + 0.03), (radius + 0.02, z + 0.09)]
    lathe(root, top[::-1], mat)


def vessel(root, outer, wall, mat, inside=None):
    """A thick-walled vessel from its outer profile [(r, z) from foot to rim]; gives inner one."""
    curve = spline(outer, 8)
    height = curve[-1][1]
    inner = [(max(0.05, r - wall), z) for r, z in curve if z > wall * 1.5]
    rim = [(curve[-1][0] - wall * (0.5 - 0.5 * math.cos(t)), height + wall * 0.5 * math.sin(t))
           for t in np.linspace(0, math.pi, 7)]  # fmt: skip
    foot = curve[0][0]
    base = [(0, 0.25), (foot - 0.5, 0.25), (foot - 0.4, 0.0), (foot - 0.08, 0.0)]
    bottom = [(inner[0][0] * 0.9, wall * 1.1), (0, wall)]
    if inside is None:
        lathe(root, base + curve + rim[1:] + inner[::-1] + bottom, mat, segments=96, angle=50)
    else:
        lathe(root, base + curve + rim[1:4], mat, segments=96, angle=50)
        lathe(root, rim[3:] + inner[::-1] + bottom, inside, segments=96, angle=50)
    return inner[::-1]


def inner_radius(inner, z):
    """Radius of the inside at height z."""
    return min(inner, key=lambda p: abs(p[1] - z))[0]


def handle(root, points, mat, radius=0.42, width=1.35):
    """A cup handle along (r, z) points in the +x direction."""
    tube(root, [(r, 0, z) for r, z in points], radius, mat, scale=(1, width, 1))


MUGS = {  # outer profile, wall, handle points
    "straight": ([(3.7, 0.02), (3.95, 0.25), (4.0, 1.0), (4.0, 5.0), (4.0, 9.4)], 0.36,
                 [(3.8, 7.9), (5.2, 8.0), (6.5, 6.9), (6.7, 4.9), (6.0, 2.9), (3.8, 2.0)]),
    "round": ([(2.6, 0.02), (3.3, 0.5), (4.3, 2.4), (4.6, 4.6), (4.3, 7.0), (4.2, 8.6)], 0.38,
              [(4.1, 7.3), (5.6, 7.5), (6.8, 6.2), (6.7, 4.2), (5.8, 2.9), (4.2, 2.7)]),
    "conic": ([(2.9, 0.02), (3.1, 0.3), (3.4, 2.5), (3.9, 6.5), (4.4, 10.4)], 0.36,
              [(4.0, 8.8), (5.6, 8.8), (6.6, 7.4), (6.4, 5.2), (5.2, 3.6), (3.5, 3.0)]),
    "tea": ([(2.2, 0.02), (2.3, 0.5), (3.2, 1.4), (4.2, 3.2), (4.6, 5.0), (5.0, 6.0)], 0.24,
            [(4.5, 5.1), (5.7, 5.5), (6.5, 4.7), (6.0, 3.3), (5.0, 2.3), (3.7, 2.2)]),
    "espresso": ([(1.8, 0.02), (2.1, 0.4), (2.6, 1.8), (2.9, 3.6), (3.1, 5.4)], 0.4,
                 [(2.8, 4.6), (3.9, 4.7), (4.6, 3.8), (4.3, 2.6), (3.6, 1.9), (2.4, 1.7)]),
    "beaker": ([(2.6, 0.02), (2.9, 0.3), (3.3, 2.5), (3.5, 5.0), (3.5, 8.6)], 0.42, None),
    "enamel": ([(4.0, 0.02), (4.15, 0.15), (4.2, 1.0), (4.2, 4.0), (4.2, 7.6)], 0.14,
               [(4.1, 6.7), (5.6, 6.9), (6.5, 5.7), (6.4, 3.6), (5.5, 2.0), (4.1, 1.8)]),
}  # fmt: skip


def mug(root, shape="straight", colour="#f4f2ec", inside=None, drink=None, saucer=False,
        speckle=None, bands=None, printed=None, clear=False, level=0.82):  # fmt: skip
    """A cup of one of the shapes in MUGS, with handle if the shape has one."""
    outer, wall, grip = MUGS[shape]
    height = outer[-1][1]
    if clear:
        mat = glass()
    elif bands:
        mat = banded(bands, height)
    else:
        mat = ceramic(colour, speckle=speckle)
    lining = ceramic(inside) if inside else None
    inner = vessel(root, outer, wall, mat, lining)
    if grip:
        handle(root, grip, glass() if clear else ceramic(colour, speckle=speckle),
               {"espresso": 0.3, "tea": 0.26, "enamel": 0.33}.get(shape, 0.42))  # fmt: skip
    if shape == "enamel":
        edge = ceramic("#1c2f6b")
        ring(root, outer[-1][0] - 0.07, 0.13, edge, (0, 0, height + 0.02))
    if drink:
        z = height * level
        if clear:
            filling = [(0, wall * 1.3)] + [
                (max(0.0, r - 0.02), h) for r, h in inner if wall * 1.3 < h < z
            ]
            lathe(root, filling + [(0, filling[-1][1])], glass("#b5601c", 0, 1.33))
        else:
            liquid(root, inner_radius(inner, z), z, drink)
    if printed == "pen":
        print_pen(root, outer[1][0] + 0.05)
    if printed == "heart":
        heart = [
            (
                0.16 * 16 * math.sin(t) ** 3 * 0.75,
                0.12
                * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)),
            )
            for t in np.linspace(0, math.pi, 20)
        ]
        quads = [
            [(-a[0], a[1] + 5), (a[0], a[1] + 5), (b[0], b[1] + 5), (-b[0], b[1] + 5)]
            for a, b in zip(heart, heart[1:], strict=False)
        ]
        decal(root, quads, 4.0, plastic("#c8202c"))
    if saucer:
        for child in root.children:
            child.location.z += 0.75
        size = outer[-1][0] * 1.55
        dish = [(size * 0.4, 0.0), (size * 0.5, 0.15), (size * 0.8, 0.7), (size, 1.35)]
        curve = spline(dish, 6)
        under = [(0, 0.2), (size * 0.35, 0.2)] + curve
        top = [(r - 0.05, z + 0.25) for r, z in curve][::-1] + [(size * 0.38, 0.62), (0, 0.6)]
        lathe(root, under + top, ceramic(colour, speckle=speckle), segments=96, angle=50)


def print_pen(root, radius):
    """The picture of a blue fountain-like pen, printed slantwise on a cylinder."""

    def turned(points, turn=52, up=4.9):
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        return [(x * c - y * s, x * s + y * c + up) for x, y in points]

    parts = [
        ("#1d3f9e", [(-3.4, -0.45), (0.3, -0.45), (0.3, 0.45), (-3.4, 0.45)]),
        ("#d8a93a", [(0.3, -0.48), (0.55, -0.48), (0.55, 0.48), (0.3, 0.48)]),
        ("#16203c", [(0.55, -0.4), (1.8, -0.3), (1.8, 0.3), (0.55, 0.4)]),
        ("#d8a93a", [(1.8, -0.36), (3.6, -0.03), (3.6, 0.03), (1.8, 0.36)]),
        ("#d8a93a", [(-3.0, 0.5), (-0.8, 0.5), (-0.8, 0.66), (-3.0, 0.66)]),
    ]
    for colour, points in parts:
        decal(root, [turned(points)], radius, plastic(colour), lift=0.035)


def paper_cup(root, colour="#f5f3ee", sleeve="#a8774a", lid="#f7f7f5", count=1):
    """Take-away cup with sleeve and lid, or (count > 1) a nested stack upside down."""
    outer = [(2.9, 0.0), (2.95, 0.1), (3.45, 5.0), (4.2, 11.0)]
    paper = principled(colour, rough=0.55)
    if count > 1:
        for k in range(count):
            child = empty("cup", root)
            vessel(child, outer, 0.1, paper)
            ring(child, 4.2, 0.17, paper, (0, 0, 11.0))
            place(child, 0.05 * (k % 2), 0, 40 * k, 11.17 + 1.25 * k, roll=180)
        return
    vessel(root, outer, 0.1, paper)
    if sleeve:
        low, high = (3.33, 3.0), (3.95, 8.3)
        profile = [(low[0], low[1]), (low[0] + 0.12, low[1]), (high[0] + 0.12, high[1]), high]
        lathe(root, profile, principled(sleeve, rough=0.85), segments=96)
    if lid:
        profile = [(4.1, 10.6), (4.4, 10.6, 0.1), (4.45, 11.2, 0.1), (4.1, 11.4, 0.1),
                   (3.9, 12.2, 0.15), (3.6, 12.25, 0.1), (3.4, 11.8, 0.1), (0, 11.8)]  # fmt: skip
        lathe(root, rounded(profile), plastic(lid, 0.35), segments=96)
    else:
        ring(root, 4.2, 0.17, paper, (0, 0, 11.0))


def travel_mug(root, colour="#c3c6ca", lid="#17181a", grip=True):
    """Steel travel mug with dark lid and handle."""
    steel = metal(colour, 0.3, True) if colour == "#c3c6ca" else principled(colour, rough=0.35)
    outer = [(3.1, 0.0), (3.2, 0.15, 0.1), (3.5, 3.0, 0.5), (4.2, 9.0, 0.3), (4.3, 14.0, 0.1)]
    dark = plastic(lid, 0.35)
    lathe(root, [(0, 0)] + rounded(outer) + [(4.1, 14.2)], steel, segments=96)
    lathe(root, rounded([(4.3, 13.6), (4.5, 13.7, 0.1), (4.5, 14.8, 0.3), (3.2, 15.2, 0.3),
                         (3.0, 14.9, 0.1), (0, 14.8)]), dark, segments=96)  # fmt: skip
    lathe(root, [(3.5, 2.9), (3.58, 3.0), (3.7, 4.0), (3.6, 4.05)], dark, segments=96)
    box(root, (1.2, 2.2, 0.5), dark, (2.2, 0, 15.2), 0.15)
    if grip:
        handle(root, [(4.2, 12.6), (5.9, 12.7), (7.0, 11.4), (6.9, 7.8), (6.1, 6.0), (3.8, 5.7)],
               dark, 0.5)  # fmt: skip


def mug_pile(root):
    """Four mugs: three side by side, one on top of them."""
    rows = [("#d94a2b", -5.2, 0, 215), ("#2f6f8f", 4.6, 0.6, -20), ("#f1efe8", -0.4, -8.0, -75)]
    for colour, x, y, rot in rows:
        child = empty("mug", root)
        mug(child, "straight", colour, inside="#f1efe8")
        place(child, x, y, rot)
    child = empty("mug", root)
    mug(child, "straight", "#e9b93a", inside="#f1efe8")
    place(child, -0.4, -2.4, -60, 9.62)


BOWLS = {
    "wide": ([(3.2, 0.02), (3.4, 0.5), (6.0, 2.2), (7.8, 4.6), (8.6, 6.8)], 0.35),
    "flat": ([(4.0, 0.02), (4.2, 0.4), (7.6, 1.6), (9.6, 3.4), (10.4, 4.6)], 0.35),
    "deep": ([(2.8, 0.02), (3.0, 0.5), (4.6, 1.8), (5.6, 4.0), (5.9, 6.4)], 0.35),
    "cuplike": ([(2.6, 0.02), (2.8, 0.5), (3.9, 1.8), (4.5, 3.8), (4.6, 6.0)], 0.4),
}


def bowl(root, shape="wide", colour="#f3f1ea", inside=None, fill=None, bands=None, timber=False,
         speckle=None, seed=1):  # fmt: skip
    """A bowl, empty or with fruit, soup or flakes."""
    outer, wall = BOWLS[shape]
    height = outer[-1][1]
    if timber:
        mat = wood(colour, "#6e4321", 0.8, "y", 0.4)
    elif bands:
        mat = banded(bands, height)
    else:
        mat = ceramic(colour, speckle=speckle)
    lining = ceramic(inside) if inside else None
    inner = vessel(root, outer, wall, mat, lining)
    rng = random.Random(seed)
    if fill == "soup":
        z = height * 0.72
        radius = inner_radius(inner, z)
        liquid(root, radius, z, "soup")
        for _ in range(26):
            a, d = rng.uniform(0, 6.28), radius * 0.75 * math.sqrt(rng.random())
            leaf = principled(rng.choice(["#2f6b22", "#4c8a2c"]), rough=0.6)
            box(root, (0.7, 0.4, 0.08), leaf, (d * math.cos(a), d * math.sin(a), z + 0.05), 0.03,
                (0, 0, rng.uniform(0, 180)))  # fmt: skip
    if fill == "flakes":
        z = height * 0.66
        radius = inner_radius(inner, z)
        lathe(root, [(radius, z), (0, z)], principled("#f4efe2", rough=0.2))
        for _ in range(120):
            a, d = rng.uniform(0, 6.28), radius * 0.92 * math.sqrt(rng.random())
            flake = principled(rng.choice(["#c98b35", "#b5742a", "#d7a04c"]), rough=0.7)
            box(
                root,
                (1.3, 1.0, 0.14),
                flake,
                (d * math.cos(a), d * math.sin(a), z + rng.uniform(0.05, 0.5)),
                0.06,
                [rng.uniform(-25, 25) for _ in range(3)],
            )
    if fill == "fruit":
        spots = [(0, 0, 0.9), (3.6, 0.4, 1.3), (-3.5, 1.0, 1.3), (0.4, 3.7, 1.3), (0, -3.8, 1.3),
                 (1.7, 1.5, 4.6), (-1.9, -0.8, 4.6)]  # fmt: skip
        kinds = ["orange", "apple", "orange", "green apple", "apple", "apple", "orange"]
        for (x, y, z), kind in zip(spots, kinds, strict=False):
            child = empty("fruit", root)
            fruit(child, kind)
            place(child, x, y, rng.uniform(0, 360), z, rng.uniform(-25, 25), rng.uniform(-25, 25))
    if fill == "lemons":
        for k in range(5):
            child = empty("fruit", root)
            fruit(child, "lemon")
            a = k * 1.571
            z = 1.4 if k < 4 else 4.2
            place(child, 2.9 * math.cos(a) * (k < 4), 2.9 * math.sin(a) * (k < 4), k * 70, z + 1.9,
                  pitch=80, roll=k * 40)  # fmt: skip


def fruit(root, kind):
    """An apple, orange or lemon of about 6-7 cm."""
    if kind == "orange":
        mat = principled("#ef8a12", rough=0.45, sss=0.1)
        bump(mat, noise(mat, coordinates(mat), 9, 2), 0.35, 0.05)
        lathe(root, [(3.3 * math.sin(t), 3.2 - 3.2 * math.cos(t))
                     for t in np.linspace(0, math.pi, 30)], mat)  # fmt: skip
        return
    if kind == "lemon":
        mat = principled("#f0c400", rough=0.4)
        bump(mat, noise(mat, coordinates(mat), 8, 2), 0.3, 0.05)
        lathe(root, spline([(0, -3.7), (0.5, -3.4), (1.6, -2.2), (2.3, 0), (1.6, 2.2), (0.6, 3.2),
                            (0, 3.6)]), mat)  # fmt: skip
        return
    red = kind == "apple"
    mat = principled("#b81f1c", rough=0.25, coat=0.4)
    vector = coordinates(mat, (1, 1, 0.15))
    stops = [(0.35, "#a3161a"), (0.6, "#c2302a"), (0.75, "#d9a441")]
    if not red:
        stops = [(0.3, "#7fae2e"), (0.7, "#a9c94a")]
    base_colour(mat, ramp(mat, noise(mat, vector, 1.5, 5), stops))
    body = spline([(0, 0.5), (1.0, 0.1), (2.4, 0.9), (3.4, 3.4), (2.9, 5.3), (1.5, 6.0),
                   (0.5, 5.6), (0, 5.0)])  # fmt: skip
    lathe(root, body, mat)
    tube(root, [(0, 0, 5.0), (0.1, 0, 5.9), (0.4, 0, 6.7)], 0.12, principled("#4b3420", rough=0.8))


def pencil_pot(root, pot="mesh", count=7, seed=3):
    """Pencils standing in a pot of wire, wood, ceramic or tin."""
    rng = random.Random(seed)
    height, r = 9.8, 3.8
    if pot == "mesh":
        dark = metal("#2b2d31", 0.4)
        for k in range(44):
            a = 2 * math.pi * k / 44
            for way in (1, -1):
                pts = [
                    (r * math.cos(a + way * t), r * math.sin(a + way * t), 0.2 + height * 0.95 * t)
                    for t in np.linspace(0, 1, 12)
                ]
                tube(root, pts, 0.045, dark, smooth=False)
        ring(root, r, 0.16, dark, (0, 0, height))
        ring(root, r, 0.16, dark, (0, 0, 0.16))
        lathe(root, [(0, 0.05), (r, 0.05), (r, 0.15), (0, 0.15)], dark)
    else:
        mat = {"wood": lambda: wood("#b9854f", "#7a4d26", 1, "z"),
               "ceramic": lambda: ceramic("#5f8f8a", speckle="#2e4a48"),
               "tin": lambda: banded([(0, "#c8cacd"), (1.2, "#b83228"), (8.6, "#c8cacd")], height),
               }[pot]()  # fmt: skip
        vessel(root, [(r - 0.1, 0.02), (r, 0.2), (r, 5), (r, height)], 0.3, mat)
    colours = [
        "#e8b21f",
        "#c8352b",
        "#2f63b0",
        "#3b8a48",
        "#e07d2b",
        "#7a4aa0",
        "#1e1e20",
        "#d84f86",
    ]
    for k in range(count):
        phi = 2 * math.pi * (k + rng.uniform(-0.15, 0.15)) / count
        stand_in(root, pencil, {"colour": colours[k % 8]}, 2.6, r - 0.85, phi, height,
                 rng.uniform(0.35, 0.6))  # fmt: skip


def pens_in_cup(root, cup=None, pens=()):
    """Pens standing in a mug: `pens` are (builder name, arguments)."""
    mug(root, **(cup or {}))
    outer, wall, _ = MUGS[(cup or {}).get("shape", "straight")]
    rim = outer[-1][0] - wall - 0.62
    for k, (builder, args) in enumerate(pens):
        phi = math.radians(35) + 2 * math.pi * k / len(pens)
        stand_in(root, globals()[builder], args, 2.6, rim, phi, outer[-1][1], 0.5)


# ------------------------------------------------------------------ bottles


def label_on(root, radius, low, high, colour, words=None, word_colour="#2a2a2a", girth=0.62):
    """A paper label on a bottle, facing the camera, with bars instead of small print."""
    half = math.pi * radius * girth
    decal(root, [[(-half, low), (half, low), (half, high), (-half, high)]], radius,
          principled(colour, rough=0.6), lift=0.03)  # fmt: skip
    ink = principled(word_colour, rough=0.6)
    size = high - low
    bars = [(0.62, 0.16, 0.5), (0.4, 0.05, 0.4), (0.3, 0.05, 0.42), (0.2, 0.05, 0.3)]
    quads = []
    for where, tall, wide in bars:
        z, w = low + where * size, wide * radius
        quads.append([(-w, z), (w, z), (w, z + tall * size), (-w, z + tall * size)])
    decal(root, quads, radius, ink, lift=0.045)


def bottle(root, kind="water"):
    """A bottle: water, wine, beer, cork, milk, sport, sauce or spray."""
    if kind == "water":
        clear = glass("#eef6fb", 0.02, 1.3)
        wave = [(3.15 + 0.08 * math.cos(z * 4.2), z) for z in np.linspace(1.2, 7.0, 40)]
        profile = [(0, 0.2), (2.6, 0.0), (3.1, 0.6)] + wave + [(3.2, 7.3), (3.2, 12.5)]
        profile += spline([(3.2, 12.8), (3.0, 15.0), (1.9, 18.0), (1.3, 19.2), (1.25, 20.0)], 5)
        lathe(root, profile, clear)
        lathe(root, rounded([(1.3, 19.7), (1.55, 19.75, 0.05), (1.5, 21.2, 0.15), (0, 21.2)]),
              plastic("#1f6fc0"), segments=48, flutes=(24, 0.06, 19.7, 21.0))  # fmt: skip
        label_on(root, 3.2, 7.6, 12.3, "#2a7fd0", word_colour="#ffffff", girth=1.0)
    elif kind in ("wine", "oil"):
        colour = "#1f4a22" if kind == "wine" else "#d9b84a"
        mat = principled("#0f2412", rough=0.05, coat=1.0) if kind == "wine" else glass(colour)
        body = [
            (0, 0.6),
            (3.3, 0.0, 0.2),
            (3.75, 0.5, 0.4),
            (3.75, 19.0, 2.5),
            (1.5, 23.0, 2.5),
            (1.35, 29.0, 0.2),
            (1.55, 29.1, 0.1),
            (1.55, 29.8, 0.1),
            (1.3, 29.9),
            (0, 29.9),
        ]
        lathe(root, rounded(body, 9), mat)
        foil = principled("#7a1220", rough=0.35, metal=0.6)
        lathe(root, rounded([(1.42, 23.8), (1.44, 24.0, 0.1), (1.4, 29, 0.1), (1.62, 29.1, 0.1),
                             (1.6, 30.0, 0.2), (0, 30.02)]), foil)  # fmt: skip
        label_on(root, 3.75, 6.0, 14.5, "#efe6cf", word_colour="#5c1a1f")
    elif kind == "beer":
        mat = principled("#3a1606", rough=0.06, coat=1.0, trans=0.25)
        body = [(0, 0.3), (2.7, 0, 0.2), (3.05, 0.5, 0.4), (3.05, 12.5, 2.0), (1.5, 17.0, 2.0),
                (1.25, 22.0, 0.3), (1.4, 22.2, 0.1), (1.35, 22.8), (0, 22.8)]  # fmt: skip
        lathe(root, rounded(body, 9), mat)
        lathe(root, rounded([(1.6, 22.3), (1.65, 22.4, 0.05), (1.45, 23.0, 0.1), (0, 23.05)]),
              metal("#d0a03a", 0.3), flutes=(21, 0.12, 22.2, 22.6))  # fmt: skip
        label_on(root, 3.05, 4.0, 10.5, "#e9d9a8", word_colour="#1d5a34")
    elif kind == "cork":
        clear = glass("#e4f3ea")
        body = rounded(
            [
                (0, 0.5),
                (3.6, 0, 0.4),
                (4.0, 0.6, 0.6),
                (4.0, 11.0, 2.5),
                (1.4, 14.5, 1.5),
                (1.3, 17.5, 0.3),
                (1.6, 17.6, 0.1),
                (1.6, 18.2),
            ],
            8,
        )
        inner = [(max(0.02, r - 0.3), z + (0.3 if z < 2 else 0)) for r, z in body]
        lathe(root, body + inner[::-1], clear)
        lathe(root, rounded([(1.1, 16.2), (1.25, 18.2), (1.4, 19.6, 0.2), (0, 19.6)]),
              principled("#b98a58", rough=0.9))  # fmt: skip
        lathe(root, [(0, 0.9), (3.6, 0.9), (3.65, 7.5), (0, 7.5)], glass("#e08a2a", 0, 1.33))
    elif kind == "milk":
        mat = principled("#f6f4ee", rough=0.08, coat=1.0)
        body = rounded(
            [
                (0, 0.3),
                (3.6, 0, 0.3),
                (4.0, 0.5, 0.5),
                (4.0, 12.0, 3.0),
                (2.0, 17.0, 2.5),
                (2.0, 20.0, 0.5),
                (2.3, 20.3, 0.2),
                (2.25, 21.0),
                (0, 21),
            ],
            9,
        )
        lathe(root, body, mat)
        lathe(root, rounded([(2.35, 20.3), (2.45, 20.4, 0.1), (2.35, 21.3, 0.2), (0, 21.35)]),
              metal("#b9c3cf", 0.35))  # fmt: skip
    elif kind == "sport":
        skin = principled("#157a86", rough=0.4, coat=0.3)
        body = rounded([(0, 0), (3.3, 0, 0.3), (3.5, 0.5, 0.5), (3.5, 17.5, 2.0), (2.3, 20.0, 0.6),
                        (2.2, 21.0)], 8)  # fmt: skip
        lathe(root, body, skin)
        lathe(root, [(3.52, 0), (3.53, 0.2), (3.53, 1.2), (3.5, 1.25)], metal(), segments=96)
        lathe(root, rounded([(2.2, 20.6), (2.55, 20.7, 0.1), (2.5, 22.8, 0.4), (0, 22.9)]),
              plastic("#17181a", 0.4), flutes=(30, 0.1, 20.7, 22.5))  # fmt: skip
        tube(root, [(-1.6, 0, 22.5), (-1.5, 0, 24.2), (0, 0, 25.0), (1.5, 0, 24.2), (1.6, 0, 22.5)],
             0.32, plastic("#17181a", 0.4))  # fmt: skip
    elif kind == "sauce":
        red = plastic("#b5140f", 0.25)
        body = rounded([(0, 0), (2.8, 0, 0.4), (3.2, 0.6, 0.5), (3.2, 8.0, 2.0), (2.9, 10.0, 2.0),
                        (3.0, 13.0, 2.0), (1.6, 16.5, 0.5), (1.5, 17.2), (0, 17.2)], 8)  # fmt: skip
        lathe(root, body, red)
        lathe(root, rounded([(1.7, 16.8), (1.8, 16.9, 0.1), (1.7, 18.4, 0.2), (0.9, 18.8, 0.2),
                             (0.4, 21.5, 0.2), (0, 21.5)]), plastic("#f2f0ea"))  # fmt: skip
        label_on(root, 3.2, 2.5, 7.6, "#f4ecd8", word_colour="#8c1712")
    else:  # spray
        body = rounded([(0, 0), (3.6, 0, 0.4), (4.0, 0.6, 0.6), (4.0, 11.5, 3.0), (1.8, 16.0, 2.0),
                        (1.6, 18.0)], 8)  # fmt: skip
        lathe(root, body, plastic("#e9f1f4", 0.35))
        label_on(root, 4.0, 3.0, 10.5, "#37a05a", word_colour="#ffffff")
        head = plastic("#2a6fd0", 0.35)
        lathe(root, rounded([(1.6, 17.5), (1.95, 17.6, 0.1), (1.9, 19.5, 0.1), (0, 19.5)]), head,
              flutes=(24, 0.1, 17.6, 19.4))  # fmt: skip
        outline = [(-2.6, 22.6), (-2.4, 23.4), (1.5, 23.6), (4.2, 23.3), (4.3, 21.7), (2.2, 21.4),
                   (1.2, 19.4), (-1.1, 19.4), (-1.5, 21.2)]  # fmt: skip
        piece = plate(root, [outline], 2.0, head, bevel=0.25)
        piece.rotation_euler[0] = math.radians(90)
        lathe(root, [(0, 4.2), (0.75, 4.2), (0.7, 5.1), (0, 5.1)], plastic("#f0f0f0"), "x",
              at=(0, 0, 22.5))  # fmt: skip
        trigger = [(2.0, 21.6), (2.9, 21.6), (3.1, 20.0), (3.7, 18.2), (3.2, 18.0), (2.4, 19.8)]
        piece = plate(root, [trigger], 1.1, plastic("#f0f0f0"), bevel=0.15)
        piece.rotation_euler[0] = math.radians(90)


# ------------------------------------------------------------------ tools


def scissors(root, colour="#d9541e", opening=30.0, size=1.0, steel="#c9cdd2"):
    """Scissors lying open by `opening` degrees, points at +x."""
    blade_mat = metal(steel, 0.2)
    grip = plastic(colour, 0.35)
    edge = [(9.6, -0.02), (8.0, 0.25), (5.0, 0.52), (0.7, 0.72), (-0.5, 0.55), (-2.6, -0.45),
            (-2.9, -1.35), (-1.9, -1.25), (-0.4, -0.5), (0.6, -0.22), (5.0, -0.12)]  # fmt: skip
    for side in (1, -1):
        half = empty("half", root)
        z = 0.42 + 0.07 * side
        plate(half, [[(x, side * y) for x, y in edge]], 0.13, blade_mat, (0, 0, z), 0.03)
        ring(half, 1.9, 0.42, grip, (-5.2, side * -2.0, 0.42), (1.25, 0.78), side * 14)
        tube(
            half,
            [(-1.9, side * -0.75, 0.42), (-2.6, side * -1.15, 0.42), (-3.3, side * -1.35, 0.42)],
            0.48,
            grip,
            scale=(1, 1, 0.85),
            at=(0, 0, 0.05),
        )
        half.rotation_euler[2] = math.radians(side * opening / 2)
    lathe(root, rounded([(0.42, 0.3), (0.42, 0.62, 0.06), (0.3, 0.68, 0.06), (0, 0.68)]),
          metal("#9a9ea3", 0.3))  # fmt: skip
    root.scale = (size,) * 3


def screwdriver(root, colour="#d8231f", dark="#18191b", length=9.0, cross=False, slim=1.0):
    """Screwdriver: fluted handle, steel shaft, flat or cross tip."""
    k = slim
    lathe(
        root,
        rounded([(0, -9.6), (0.9 * k, -9.6, 0.4), (1.25 * k, -8.6, 0.8)])
        + [(1.28 * k, z) for z in np.linspace(-8.3, -3.2, 24)]
        + rounded(
            [
                (1.2 * k, -2.9),
                (0.85 * k, -1.9, 0.5),
                (0.85 * k, -1.2, 0.3),
                (1.1 * k, -0.5, 0.3),
                (0.9 * k, 0.0, 0.1),
                (0, 0),
            ]
        ),
        plastic(colour, 0.2),
        "x",
        96,
        flutes=(6, 0.24 * k, -8.7, -2.5),
    )
    lathe(root, [(0.9 * k, -9.55), (0.95 * k, -9.4), (1.2 * k, -8.85), (1.0 * k, -8.8)],
          plastic(dark), "x")  # fmt: skip
    steel = metal("#b9bdc3", 0.18)
    r = 0.33 * k
    lathe(root, [(0, -0.1), (r, -0.1), (r, length - 1.6)], steel, "x", 36)
    if cross:
        lathe(root, [(r, length - 1.6), (r * 0.5, length - 0.3), (0, length)], steel, "x", 36,
              flutes=(4, 0.12, length - 1.5, length - 0.2))  # fmt: skip
    else:
        verts = []
        for x, w, h in (
            (length - 1.6, r, r),
            (length - 0.9, r * 1.25, r * 0.6),
            (length, r * 1.1, 0.06),
        ):
            verts += [(x, -w, -h), (x, w, -h), (x, w, h), (x, -w, h)]
        faces = [(8, 9, 10, 11), (3, 2, 1, 0)]
        for a in (0, 4):
            faces += [(a + i, a + (i + 1) % 4, a + 4 + (i + 1) % 4, a + 4 + i) for i in range(4)]
        mesh(root, verts, faces, steel, 20)
    lie(root, 1.26 * k, 0)
    return length + 9.6


def teeth(start, end, seed):
    """Points of a key's cut edge between two x positions."""
    rng = random.Random(seed)
    x, points = start, []
    while x < end - 0.5:
        depth = rng.uniform(-0.32, 0.05)
        points += [(x + 0.16, depth), (x + 0.32, depth)]
        x += 0.48
    return points


def house_key(root, mat=None, seed=1, bow="round", lift=0.13):
    """A modern cylinder key, about 6 cm."""
    mat = mat or metal("#c8b27a", 0.28)
    blade = [(0.6, 0.42), (5.0, 0.42), (5.4, 0.1)] + [(5.2, -0.25)]
    blade += teeth(1.2, 5.1, seed)[::-1] + [(1.1, -0.42), (0.6, -0.42)]
    plate(root, [blade], 0.2, mat, (0, 0, lift), 0.03)
    if bow == "round":
        outline = circle(1.25, (-0.55, 0), 40)
    elif bow == "hex":
        outline = circle(1.35, (-0.55, 0), 6)
    else:
        outline = circle(1.3, (-0.7, 0), 40, (0.9, 1.15))
    plate(root, [outline, circle(0.36, (-1.15, 0), 24)[::-1]], 0.24, mat, (0, 0, lift), 0.05)
    groove = principled("#4a4334", rough=0.5, metal=0.8)
    box(root, (4.0, 0.1, 0.02), groove, (3.0, 0.12, lift + 0.1), 0)


def skeleton_key(root, colour="#8a6a3c"):
    """An old iron or brass key with a three-lobed bow and a bit, about 9 cm."""
    mat = metal(colour, 0.35)
    bump(mat, noise(mat, coordinates(mat), 3, 4), 0.25, 0.03)
    lathe(
        root,
        rounded([(0, -1.6), (0.34, -1.6), (0.3, 5.8, 0.1), (0.25, 6.0), (0, 6.0)]),
        mat,
        "x",
        at=(0, 0, 0.42),
    )
    for x in (-1.4, -0.9, 3.6):
        lathe(root, rounded([(0.3, x - 0.2), (0.48, x - 0.1, 0.1), (0.48, x + 0.1, 0.1),
                             (0.3, x + 0.2)]), mat, "x", at=(0, 0, 0.42))  # fmt: skip
    for x, y in ((-3.3, 0), (-2.4, 1.05), (-2.4, -1.05)):
        ring(root, 0.82, 0.26, mat, (x, y, 0.42))
    bit = [(4.0, 0), (5.7, 0), (5.7, -1.9), (5.2, -1.9), (5.2, -1.2), (4.95, -1.2), (4.95, -1.9),
           (4.5, -1.9), (4.5, -0.9), (4.3, -0.9), (4.3, -1.9), (4.0, -1.9)]  # fmt: skip
    plate(root, [bit], 0.3, mat, (0, 0, 0.42), 0.04)


def key_bunch(root):
    """Three house keys on a steel ring with a leather tag."""
    ring(root, 1.5, 0.1, metal(), (-2.4, 0, 0.4))
    for k, (turn, colour, bow) in enumerate([(28, "#c8b27a", "round"), (-6, "#c2c5c9", "hex"),
                                             (-44, "#b98a5a", "oval")]):  # fmt: skip
        child = empty("key", root)
        house_key(child, metal(colour, 0.26), 5 + k, bow)
        t = math.radians(turn)
        place(child, -1.0 + 1.1 * math.cos(t), 2.6 * math.sin(t), turn, 0.02 + 0.24 * k, pitch=2)
    leather = principled("#7a3d1e", rough=0.6)
    tag = circle(1.5, (-6.0, 0.6), 30, (1.35, 0.8))
    plate(root, [tag, circle(0.25, (-4.5, 0.5), 16)[::-1]], 0.3, leather, (0, 0, 0.17), 0.08)
    ring(root, 0.55, 0.07, metal(), (-4.15, 0.4, 0.35))


def syringe(root, fluid="#e8d36a", plunger=3.2, needle=True, rod="#f2f3f1"):
    """Medical syringe: clear barrel with marks, plunger pulled out, needle at +x."""
    r = 0.78
    clear = glass("#eef4f6", 0.02, 1.35)
    lathe(root, rounded([(r - 0.1, -3.6), (r, -3.6), (r, 4.2, 0.15), (0.3, 4.5, 0.1), (0.22, 5.2)]),
          clear, "x")  # fmt: skip
    flange = circle(1.0, (0, 0), 40, (0.95, 1.7))
    piece = plate(
        root,
        [flange, circle(0.68)[::-1]],
        0.2,
        principled("#e9eef0", rough=0.3),
        (-3.6, 0, 0),
        0.05,
    )
    piece.rotation_euler = (0, math.radians(90), 0)
    stop = 4.0 - plunger
    lathe(root, rounded([(0, stop - 0.7), (0.66, stop - 0.7, 0.05), (0.67, stop - 0.1, 0.1),
                         (0, stop + 0.1)]), rubber(), "x")  # fmt: skip
    white = plastic(rod, 0.4)
    back = stop - 8.2
    box(root, (7.5, 0.95, 0.14), white, (stop - 4.4, 0, 0), 0.03)
    box(root, (7.5, 0.14, 0.95), white, (stop - 4.4, 0, 0), 0.03)
    lathe(
        root,
        rounded([(0, back), (0.85, back, 0.05), (0.85, back + 0.22, 0.05), (0, back + 0.25)]),
        white,
        "x",
    )
    if fluid:
        lathe(root, [(0, stop + 0.1), (0.66, stop), (0.66, 4.1), (0, 4.15)],
              glass(fluid, 0.0, 1.33), "x")  # fmt: skip
    ink = principled("#1a1d22", rough=0.6)
    for k in range(21):
        x, long = -2.9 + k * 0.33, k % 5 == 0
        w = 0.75 if long else 0.4
        decal(
            root,
            [[(-0.1 - w, x), (0.3, x), (0.3, x + 0.05), (-0.1 - w, x + 0.05)]],
            r,
            ink,
            60,
            "x",
        )
    if needle:
        lathe(root, rounded([(0.2, 4.7), (0.38, 4.75, 0.05), (0.3, 5.9, 0.05), (0.1, 6.3)]),
              plastic("#2f8a56"), "x")  # fmt: skip
        lathe(root, [(0.08, 6.2), (0.08, 9.6), (0.01, 9.9)], metal("#d5d8dc", 0.1), "x", 16)
    lie(root, 0.96, 0)
    return 14.0


def spoon(root, colour="#cfd2d6", size=1.0, timber=False):
    """A table spoon of steel or wood, bowl at +x."""
    mat = wood("#c08a4e", "#8a5526", 1.2, "x") if timber else metal(colour, 0.12)
    keys = [
        (-9, 0.55, 0.5),
        (-8.3, 0.85, 0.45),
        (-6, 0.6, 0.8),
        (-1, 0.33, 1.3),
        (2.2, 0.4, 1.0),
        (3.2, 0.9, 0.75),
        (4.6, 1.75, 0.75),
        (6.4, 2.1, 0.8),
        (8.2, 1.6, 0.85),
        (9.2, 0.75, 0.9),
        (9.5, 0.05, 0.92),
    ]
    curve = spline(keys, 6)
    verts, faces, nv = [], [], 15
    for x, half, z in curve:
        inside = max(0.0, min(1.0, (x - 2.6) / 1.6)) * max(0.0, min(1.0, (9.5 - x) / 1.4)) ** 0.5
        for j in range(nv):
            v = 2 * j / (nv - 1) - 1
            dip = 0.75 * inside * (1 - v * v) - 0.1 * (1 - inside) * (1 - v * v)
            verts.append((x, half * v, z - dip))
    for i in range(len(curve) - 1):
        for j in range(nv - 1):
            a = i * nv + j
            faces.append((a, a + nv, a + nv + 1, a + 1))
    obj = mesh(root, verts, faces, mat, 70)
    obj.modifiers.new("thick", "SOLIDIFY").thickness = 0.35 if timber else 0.14
    sub = obj.modifiers.new("smooth", "SUBSURF")
    sub.levels = sub.render_levels = 1
    obj.location.z = 0.15
    root.scale = (size,) * 3


# ------------------------------------------------------------------ books, balls, lamp


def page_block(root, size, at):
    """The paper of a closed book: fine lines on its edges."""
    mat = principled("#efe8d6", rough=0.8)
    lines = noise(mat, coordinates(mat, (0.05, 0.05, 14)), 3, 2)
    base_colour(mat, ramp(mat, lines, [(0.3, "#c9bd9f"), (0.6, "#f3ecdb")]))
    box(root, size, mat, at, 0.02)


def closed_book(root, colour="#8c2a2a", size=(14.0, 20.5, 2.8), title="ATLAS", ink=GOLD, band=None):
    """A hardback lying flat, front cover up, spine at -x."""
    w, d, h = size
    cover = fabric(colour, colour, 30, 0.1) if not band else principled(colour, rough=0.35)
    for z in (0.15, h - 0.15):
        box(root, (w, d, 0.3), cover, (0, 0, z), 0.08)
    box(root, (0.4, d, h), cover, (-w / 2 + 0.1, 0, h / 2), 0.15)
    page_block(root, (w - 0.7, d - 0.7, h - 0.55), (-0.05, 0, h / 2))
    letter = metal(ink, 0.3) if ink == GOLD else principled(ink, rough=0.5)
    if band:
        box(
            root,
            (w - 1.2, d * 0.28, 0.02),
            principled(band, rough=0.4),
            (0.2, d * 0.2, h + 0.005),
            0,
        )
    longest = max(len(line) for line in title.split("\n"))
    text(
        root,
        title,
        (0.62 if band else 0.85) * w / max(3.2, 0.62 * longest),
        letter,
        (0.2, d * 0.2, h + 0.02),
    )
    text(root, "a beginner's guide", 0.09 * w, letter, (0.2, -d * 0.3, h + 0.01))
    text(root, title.replace("\n", " "), min(h * 0.6, 0.9 * d / (0.65 * len(title) + 1)), letter,
         (-w / 2 - 0.105, 0, h / 2), (90, 0, -90))  # fmt: skip


def open_book(root, image=None, cover="#27476e"):
    """An open book with printed pages that bulge towards the spine."""
    w, d = 14.0, 20.0
    paper = picture(image) if image else principled("#f1ead9", rough=0.8)
    edge = principled("#e2d8c0", rough=0.85)
    for side in (1, -1):
        box(root, (w + 0.6, d + 0.8, 0.25), principled(cover, rough=0.6),
            (side * (w / 2 + 0.1), 0, 0.13), 0.08)  # fmt: skip
        n = 24
        rise = [(t * w, 0.3 + 1.5 * (math.sin(math.pi * min(1, t * 1.05 + 0.02)) ** 0.6)
                 * (1 - 0.55 * t)) for t in np.linspace(0, 1, n + 1)]  # fmt: skip
        rise = [(x, max(z, 0.75 * (1 - (x / w) ** 6) + 0.3)) for x, z in rise]
        rise[0] = (0, 0.75)
        data = bpy.data.meshes.new("page")
        verts = [(side * x, y, z) for x, z in rise for y in (-d / 2, d / 2)]
        faces = [(2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1)[::side] for i in range(n)]
        data.from_pydata(verts, [], faces)
        uv = data.uv_layers.new()
        for loop in data.loops:
            i, top = divmod(loop.vertex_index, 2)
            u = i / n if side == 1 else 1 - i / n
            uv.data[loop.index].uv = (u, top)
        data.shade_smooth()
        attach(root, data, paper)
        for y in (-d / 2, d / 2):
            pts = [(side * x, y, z - 0.01) for x, z in rise]
            low = [(side * x, y, 0.25) for x, z in rise]
            mesh(root, pts + low, [(i, i + 1, n + 2 + i, n + 1 + i) for i in range(n)], edge)
        x, z = rise[-1]
        mesh(root, [(side * x, -d / 2, 0.25), (side * x, d / 2, 0.25), (side * x, d / 2, z),
                    (side * x, -d / 2, z)], [(0, 1, 2, 3)], edge)  # fmt: skip


def book_stack(root, seed=1, count=4):
    """A stack of books, spines to the camera (-y)."""
    rng = random.Random(seed)
    looks = [
        ("#8c2a2a", "PHYSICS"),
        ("#2a5a86", "THE SEA"),
        ("#d9a83a", "GARDENS"),
        ("#3c6b4a", "BIRDS"),
        ("#5a3a6e", "MUSIC"),
        ("#e8e2d0", "LETTERS"),
    ]
    rng.shuffle(looks)
    z = 0.0
    for k in range(count):
        colour, title = looks[k]
        h = rng.uniform(2.0, 3.6)
        child = empty("book", root)
        ink = GOLD if colour not in ("#e8e2d0", "#d9a83a") else "#3a2a1a"
        closed_book(child, colour, (14.5 - k * 0.7, 21.0 - k * 1.1, h), title, ink)
        place(child, rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 0.6), 90 + rng.uniform(-12, 12), z)
        z += h


def painted_sphere(root, radius, paint, rough=0.5, coat=0.0, fuzz=0.0):
    """A sphere whose colour and relief come from a function of unit vectors."""
    nu, nv = 360, 180
    theta = np.linspace(1e-3, math.pi - 1e-3, nv + 1)[:, None]
    phi = np.linspace(0, 2 * math.pi, nu, endpoint=False)[None, :]
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi),
                     -np.cos(theta) + 0 * phi], -1).reshape(-1, 3)  # fmt: skip
    colours, relief = paint(unit)
    verts = unit * (radius + relief)[:, None] + [0, 0, radius]
    faces = [(i * nu + k, i * nu + (k + 1) % nu, (i + 1) * nu + (k + 1) % nu, (i + 1) * nu + k)
             for i in range(nv) for k in range(nu)]  # fmt: skip
    mat = principled("#ffffff", rough=rough, coat=coat, sheen=0.6 if fuzz else 0.0)
    paint_node = node(mat, "ShaderNodeAttribute")
    paint_node.attribute_name = "paint"
    base_colour(mat, paint_node.outputs["Color"])
    if fuzz:
        bump(mat, noise(mat, coordinates(mat), 14 / fuzz, 4), 0.9, 0.12 * fuzz)
    obj = mesh(root, verts, faces, mat, 180, weld=False)
    layer = obj.data.color_attributes.new("paint", "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", np.c_[colours, np.ones(len(colours))].astype("f4").ravel())
    return obj


def colour_rows(names, index):
    """Linear RGB rows for colour names chosen by an index array."""
    return np.array([linear(c)[:3] for c in names])[index]


def seam_curve():
    """Unit vectors along a tennis-ball seam."""
    t = np.linspace(0, 2 * math.pi, 500)
    a, b = 0.75, 0.25
    p = np.stack([a * np.cos(t) + b * np.cos(3 * t), a * np.sin(t) - b * np.sin(3 * t),
                  2 * math.sqrt(a * b) * np.sin(2 * t)], -1)  # fmt: skip
    return p / np.linalg.norm(p, axis=1, keepdims=True)


def ball(root, kind="football", turn=(20, 30, 10)):
    """A ball: football, basketball, tennis, baseball, beach, golf or marble."""
    part = empty("ball", root)
    if kind == "football":
        g = (1 + 5**0.5) / 2
        ico = np.array([(0, s, t * g) for s in (1, -1) for t in (1, -1)])
        ico = np.concatenate([ico, ico[:, [2, 0, 1]], ico[:, [1, 2, 0]]])
        ico = ico / np.linalg.norm(ico, axis=1, keepdims=True)
        hexes = []
        for i in range(12):
            for j in range(i):
                for k in range(j):
                    if min(ico[i] @ ico[j], ico[i] @ ico[k], ico[j] @ ico[k]) > 0.4:
                        hexes.append(ico[i] + ico[j] + ico[k])
        hexes = np.array(hexes) / np.linalg.norm(hexes, axis=1, keepdims=True)

        def paint(u):
            near = np.concatenate([u @ ico.T / 0.9393, u @ hexes.T / 0.9149], 1)
            best = np.sort(near, 1)
            seam = np.clip((best[:, -1] - best[:, -2]) / 0.03, 0, 1)
            colours = colour_rows(["#16171a", "#f2f2ef"], (near.argmax(1) >= 12).astype(int))
            return colours * (0.35 + 0.65 * seam[:, None]), -0.22 * (1 - seam) ** 2

        painted_sphere(part, 11.0, paint, 0.35, 0.3)
        radius = 11.0
    elif kind == "basketball":

        def paint(u):
            d = np.minimum(np.abs(u[:, 0]), np.abs(u[:, 2]))
            d = np.minimum(d, np.abs(np.abs(u[:, 1]) - 0.42 - 0.35 * u[:, 2] ** 2))
            seam = np.clip(d / 0.022, 0, 1)
            colours = colour_rows(["#101010", "#c4571c"], (seam > 0.7).astype(int))
            return colours, -0.15 * (1 - seam)

        painted_sphere(part, 12.0, paint, 0.55, fuzz=0.8)
        radius = 12.0
    elif kind in ("tennis", "baseball"):
        curve = seam_curve()
        tennis = kind == "tennis"

        def paint(u):
            near = (u @ curve.T).max(1)
            d = np.sqrt(np.maximum(0, 2 - 2 * near))
            if tennis:
                return colour_rows(["#e9ead8", "#c3d52b"], (d > 0.05).astype(int)), -0.03 * (
                    d < 0.05
                )
            along = (u @ curve.T).argmax(1)
            stitch = (d > 0.025) & (d < 0.12) & (along % 10 < 4)
            dent = np.where(d < 0.02, -0.06, 0.03 * stitch)
            return colour_rows(["#ece5d6", "#b5202a"], stitch.astype(int)), dent

        radius = 3.35 if tennis else 3.7
        painted_sphere(part, radius, paint, 0.9 if tennis else 0.5, fuzz=0.5 if tennis else 0)
    elif kind == "beach":
        names = ["#e03a35", "#f6f4ee", "#2f78c8", "#f6f4ee", "#f0c02c", "#f6f4ee"]

        def paint(u):
            index = ((np.arctan2(u[:, 1], u[:, 0]) / (2 * math.pi) + 0.5) * 6).astype(int) % 6
            cap = np.abs(u[:, 2]) > 0.965
            colours = colour_rows(names, index)
            colours[cap] = linear("#f6f4ee")[:3]
            return colours, np.zeros(len(u))

        radius = 12.0
        painted_sphere(part, radius, paint, 0.15, 0.8)
    elif kind == "golf":
        k = np.arange(336)
        z = 1 - 2 * (k + 0.5) / 336
        a = k * math.pi * (3 - 5**0.5)
        dots = np.stack([np.sqrt(1 - z * z) * np.cos(a), np.sqrt(1 - z * z) * np.sin(a), z], -1)

        def paint(u):
            d = np.sqrt(np.maximum(0, 2 - 2 * (u @ dots.T).max(1)))
            return colour_rows(["#f5f5f2"], np.zeros(len(u), int)), -0.05 * np.clip(
                1 - (d / 0.085) ** 2, 0, 1
            )

        radius = 2.13
        painted_sphere(part, radius, paint, 0.25, 0.6)
    else:  # marble
        radius = 1.0
        for k, colour in enumerate(["#1d6fd0", "#f2c21f", "#e0402b"]):
            verts, faces = [], []
            for i in range(25):
                z = -0.8 + 1.6 * i / 24
                a, w = z * 1.8 + k * 2.1, 0.55 * math.sqrt(1 - (z / 0.85) ** 2)
                verts += [(0, 0, z + 1.0), (w * math.cos(a), w * math.sin(a), z + 1.0)]
            faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(24)]
            obj = mesh(part, verts, faces, plastic(colour))
            obj.modifiers.new("thick", "SOLIDIFY").thickness = 0.12
        lathe(part, [(radius * math.sin(t), radius - radius * math.cos(t))
                     for t in np.linspace(0, math.pi, 40)], glass("#f0f7f4"))  # fmt: skip
    part.location = (0, 0, radius)
    part.rotation_euler = [math.radians(t) for t in turn]
    for child in part.children:
        child.location.z -= radius


def marbles(root):
    """Five glass marbles in a loose group."""
    for k, (x, y) in enumerate([(0, 0), (2.6, 0.7), (-2.3, 1.2), (0.8, -2.6), (-1.7, -1.9)]):
        child = empty("marble", root)
        ball(child, "marble", (40 * k, 60 + 35 * k, 20 * k))
        place(child, x, y, 47 * k)


def desk_lamp(root, colour="#1f6f78", lit=True):
    """A desk lamp with round base, jointed arm and conical shade."""
    skin = principled(colour, rough=0.3, coat=0.4)
    steel = metal("#b8bbc0", 0.25)
    lathe(
        root,
        rounded([(0, 0), (7.5, 0, 0.3), (7.5, 1.2, 0.5), (2.0, 2.0, 0.8), (1.0, 2.6), (0, 2.6)]),
        skin,
        segments=96,
    )
    tube(root, [(0, 0, 2), (-5, 0, 17)], 0.45, steel, smooth=False)
    tube(root, [(-5, 0, 17), (7, 0, 28)], 0.45, steel, smooth=False)
    for x, z in ((0, 2.6), (-5, 17), (7, 28)):
        lathe(
            root, [(0, -0.9), (0.9, -0.9), (0.9, 0.9), (0, 0.9)], skin, "x", 32, at=(0, 0, 0)
        ).matrix_local = Matrix.Translation((x, 0, z)) @ Matrix.Rotation(math.pi / 2, 4, "Z")
    shade = empty("shade", root)
    outer = rounded([(0, 4.5), (1.6, 4.5, 0.3), (2.0, 2.5, 0.6), (6.2, -4.0, 0.1), (6.3, -4.2)])
    inner = [(max(0.0, r - 0.12), z - 0.1) for r, z in outer]
    lathe(shade, outer[::-1], skin, segments=96)
    lathe(shade, inner, principled("#f4f1e8", rough=0.4), segments=96)
    bulb = principled("#ffd9a0", emit=120.0 if lit else 0.0)
    lathe(
        shade,
        [(1.7 * math.sin(t), -1.2 - 1.7 * math.cos(t)) for t in np.linspace(0, math.pi, 20)],
        bulb,
    )
    shade.location = (9.5, 0, 26.0)
    shade.rotation_euler = (0, math.radians(-28), 0)
