"""The water clips: sea, waterfalls, fountains, rivers, rain, pool, lake, stream; nobody in them.

Water is an opaque glossy surface whose heights are computed in NumPy for every frame; finer
ripples and foam are textures that move. What lies under shallow water (pebbles, tiles) is painted
on the surface itself, looked up where the surface's slope would bend the ray: this looks like
refraction and costs nothing. Drops are small spheres on ballistic paths.
"""

import math

import blender_film as film
import blender_objects as bo
import bpy
import numpy as np
from blender_film import Clip

# ------------------------------------------------------------------ numbers


def hashed(i, j, seed):
    """A fixed random number from 0 to 1 for each pair of whole numbers."""
    value = np.sin(i * 127.1 + j * 311.7 + seed * 74.7) * 43758.5453
    return value - np.floor(value)


def lattice(x, y, seed=0):
    """Smooth noise from 0 to 1 that changes over a distance of about one."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    i, j = np.floor(x), np.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    low = hashed(i, j, seed) * (1 - u) + hashed(i + 1, j, seed) * u
    high = hashed(i, j + 1, seed) * (1 - u) + hashed(i + 1, j + 1, seed) * u
    return low * (1 - v) + high * v


def fractal(x, y, seed=0, octaves=4):
    """Noise from 0 to 1 with finer and finer detail."""
    total, weight = 0.0, 0.0
    for k in range(octaves):
        total = total + 0.5**k * lattice(x * 2**k + 17.3 * k, y * 2**k - 9.1 * k, seed + k)
        weight += 0.5**k
    return total / weight


def step(low, high, value):
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


# ------------------------------------------------------------------ surfaces and drops


def net(rows, columns):
    """Faces of a grid of rows x columns points."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).ravel()
    return np.stack([a, a + 1, a + columns + 1, a + columns], 1).tolist()


class Sheet:
    """A surface over a grid of points (two arrays x, y) whose heights may change."""

    def __init__(self, root, x, y, z, mat, foam=False):
        """Make the mesh; `foam` gives each point a number of that name for the material."""
        self.x, self.y = x, y
        points = np.stack([x, y, np.broadcast_to(z, x.shape)], -1).reshape(-1, 3)
        self.obj = bo.mesh(root, points, net(*x.shape), mat, 180, weld=False)
        self.foam = foam and self.obj.data.attributes.new("foam", "FLOAT", "POINT")

    def set(self, z, foam=None, x=None, y=None):
        """Move the points and set the foam."""
        x = self.x if x is None else x
        y = self.y if y is None else y
        points = np.stack(np.broadcast_arrays(x, y, z), -1)
        data = self.obj.data
        data.vertices.foreach_set("co", points.astype("f4").ravel())
        if foam is not None:
            data.attributes["foam"].data.foreach_set("value", foam.astype("f4").ravel())
        data.update()


def fan(near, far, depth, rows, columns, left=-1.0, right=1.0, at=(0.0, 0.0)):
    """Points of a grid that is fine near the camera and coarse far away, as wide as the view.

    Args:
        near: Distance of the first row from `at`.
        far: Distance of the last row.
        depth: Half the width of the view at distance 1.
        rows: Number of rows.
        columns: Number of columns.
        left: Left edge in half widths.
        right: Right edge in half widths.
        at: Where the camera stands.
    """
    away = near * (far / near) ** np.linspace(0, 1, rows)
    y, u = np.meshgrid(away, np.linspace(left, right, columns), indexing="ij")
    return at[0] + u * (y * depth + 1.0), at[1] + y


def flat(x0, x1, y0, y1, spacing):
    """Points of an even grid."""
    nx, ny = int((x1 - x0) / spacing) + 2, int((y1 - y0) / spacing) + 2
    y, x = np.meshgrid(np.linspace(y0, y1, ny), np.linspace(x0, x1, nx), indexing="ij")
    return x, y


class Drops:
    """Many small spheres whose places and sizes change; Blender's nodes turn points into them."""

    def __init__(self, root, count, mat):
        """Make `count` drops, all hidden far below."""
        self.data = bpy.data.meshes.new("drops")
        self.data.from_pydata(np.zeros((count, 3)).tolist(), [], [])
        self.data.attributes.new("size", "FLOAT", "POINT")
        obj = bo.attach(root, self.data, mat)
        tree = bpy.data.node_groups.new("drops", "GeometryNodeTree")
        for way in ("INPUT", "OUTPUT"):
            tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
        start = tree.nodes.new("NodeGroupInput")
        size = tree.nodes.new("GeometryNodeInputNamedAttribute")
        size.inputs["Name"].default_value = "size"
        balls = tree.nodes.new("GeometryNodeMeshToPoints")
        look = tree.nodes.new("GeometryNodeSetMaterial")
        look.inputs["Material"].default_value = mat
        end = tree.nodes.new("NodeGroupOutput")
        tree.links.new(start.outputs[0], balls.inputs["Mesh"])
        tree.links.new(size.outputs["Attribute"], balls.inputs["Radius"])
        tree.links.new(balls.outputs[0], look.inputs["Geometry"])
        tree.links.new(look.outputs[0], end.inputs[0])
        obj.modifiers.new("drops", "NODES").node_group = tree
        self.obj = obj

    def set(self, places, sizes):
        """Put the drops somewhere; size 0 hides one."""
        places = np.where((sizes > 0)[:, None], places, [0, 0, -50])
        self.data.vertices.foreach_set("co", places.astype("f4").ravel())
        self.data.attributes["size"].data.foreach_set("value", sizes.astype("f4"))
        self.data.update()


def ballistic(start, speed, age):
    """Places of things thrown with `speed` after `age` seconds of falling freely."""
    age = np.asarray(age)[:, None]
    return start + speed * age - np.array([0, 0, 4.905]) * age**2


# ------------------------------------------------------------------ materials


def moving(mat, stretch=(1, 1, 1), vector=None):
    """Object coordinates through a mapping whose Location an update may change."""
    mapping = bo.node(mat, "ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = stretch
    if vector is None:
        vector = bo.node(mat, "ShaderNodeTexCoord").outputs["Object"]
    bo.link(mat, vector, mapping.inputs["Vector"])
    return mapping


def noise4(mat, vector, scale, detail=2.0, distortion=0.0):
    """Noise that changes with its W input as well; gives the node."""
    new = bo.node(mat, "ShaderNodeTexNoise", Scale=scale, Detail=detail, Distortion=distortion)
    new.noise_dimensions = "4D"
    bo.link(mat, vector, new.inputs["Vector"])
    return new


def maths(mat, operation, a, b=None):
    """A sum, product or the like of two sockets or numbers."""
    new = bo.node(mat, "ShaderNodeMath")
    new.operation = operation
    for socket, value in zip(new.inputs, (a, b), strict=False):
        if isinstance(value, int | float):
            socket.default_value = value
        elif value is not None:
            bo.link(mat, value, socket)
    return new.outputs[0]


def paint(mat, colour):
    """A colour as a socket."""
    new = bo.node(mat, "ShaderNodeRGB")
    new.outputs[0].default_value = bo.linear(colour)
    return new.outputs[0]


def attribute(mat, name):
    """A number of the mesh's points."""
    new = bo.node(mat, "ShaderNodeAttribute")
    new.attribute_name = name
    return new.outputs["Fac"]


def bent(mat, depth):
    """Where a look straight down meets the ground: object coordinates moved along the slope."""
    place = bo.node(mat, "ShaderNodeTexCoord").outputs["Object"]
    slope = bo.node(mat, "ShaderNodeVectorMath")
    slope.operation = "MULTIPLY"
    bo.link(mat, bo.node(mat, "ShaderNodeNewGeometry").outputs["Normal"], slope.inputs[0])
    slope.inputs[1].default_value = (depth, depth, 0)
    total = bo.node(mat, "ShaderNodeVectorMath")
    total.operation = "ADD"
    bo.link(mat, place, total.inputs[0])
    bo.link(mat, slope.outputs[0], total.inputs[1])
    return total.outputs[0]


class Water:
    """A glossy water material with moving ripples and, where asked for, foam."""

    def __init__(self, deep, light=None, rough=0.06, ripple=2.5, strength=0.35, stretch=(1, 1, 1),
                 flow=(0, 0, 0), boil=0.6):  # fmt: skip
        """Make the material.

        Args:
            deep: Colour of the water.
            light: Second colour, in broad patches.
            rough: Roughness.
            ripple: Ripples a metre.
            strength: Strength of the ripples.
            stretch: Scale of the ripples along the axes.
            flow: Metres a second that everything moves along.
            boil: How fast the ripples change while they move.
        """
        self.mat = mat = bo.principled(deep, rough=rough, ior=1.33)
        self.flow, self.boil = flow, boil
        self.maps = [moving(mat), moving(mat, stretch)]
        self.colour = paint(mat, deep)
        if light:
            patches = noise4(mat, self.maps[0].outputs[0], 0.35, 3)
            self.colour = bo.ramp(mat, patches.outputs[0], [(0.35, deep), (0.65, light)])
        self.waves = [noise4(mat, self.maps[1].outputs[0], ripple * k, 2) for k in (1, 2.7)]
        height = maths(mat, "ADD", self.waves[0].outputs[0],
                       maths(mat, "MULTIPLY", self.waves[1].outputs[0], 0.4))  # fmt: skip
        bo.bump(mat, height, strength, 0.12)
        bo.base_colour(mat, self.colour)

    def cover(self, mask, colour="#ffffff", rough=0.7):
        """Lay another colour over the water where the mask is 1."""
        self.colour = bo.mix(self.mat, mask, self.colour, paint(self.mat, colour))
        bo.base_colour(self.mat, self.colour)
        shader = bo.shader_of(self.mat)
        old = shader.inputs["Roughness"]
        before = old.links[0].from_socket if old.links else old.default_value
        spread = bo.node(self.mat, "ShaderNodeMapRange")
        bo.link(self.mat, mask, spread.inputs[0])
        if isinstance(before, float):
            spread.inputs["To Min"].default_value = before
        else:
            bo.link(self.mat, before, spread.inputs["To Min"])
        spread.inputs["To Max"].default_value = rough
        bo.link(self.mat, spread.outputs[0], old)

    def patches(self, scale, stretch, amount, colour="#f2f4f0", soft=0.06):
        """Cover the water with torn patches of foam that move with the flow."""
        mapping = moving(self.mat, stretch)
        self.maps.append(mapping)
        value = bo.noise(self.mat, mapping.outputs[0], scale, 5, 0.5)
        edge = 1 - amount
        stops = [(edge, "#000000"), (edge + soft, "#ffffff")]
        self.cover(bo.ramp(self.mat, value, stops), colour)

    def foam(self, scale=3.0, tear=0.8, colour="#f6f8f7"):
        """Cover the water where the mesh has foam, torn by noise of this scale."""
        mapping = moving(self.mat)
        self.maps.append(mapping)
        value = bo.noise(self.mat, mapping.outputs[0], scale, 4, 0.6)
        torn = maths(self.mat, "MULTIPLY", maths(self.mat, "SUBTRACT", value, 0.5), 2 * tear)
        total = maths(self.mat, "ADD", attribute(self.mat, "foam"), torn)
        self.cover(bo.ramp(self.mat, total, [(0.42, "#000000"), (0.62, "#ffffff")]), colour)

    def set(self, t):
        """Move the textures to the time t."""
        for mapping in self.maps:
            # the mapping scales before it shifts
            scale = mapping.inputs["Scale"].default_value
            mapping.inputs["Location"].default_value = [
                -f * t * s for f, s in zip(self.flow, scale, strict=True)
            ]
        for k, wave in enumerate(self.waves):
            wave.inputs["W"].default_value = 7.1 * k + self.boil * t * (1 + 0.6 * k)


def mottled(dark, light, scale=1.0, rough=0.9, third=None, relief=0.0):
    """Earth, rock, sand or leaves: two or three colours in blotches."""
    mat = bo.principled(light, rough=rough, spec=0.2)
    vector = bo.coordinates(mat)
    value = bo.noise(mat, vector, scale, 6, 0.3)
    stops = [(0.3, dark), (0.55, light), (0.75, third or light)]
    bo.base_colour(mat, bo.ramp(mat, value, stops))
    if relief:
        bo.bump(mat, bo.noise(mat, vector, scale * 3, 5), 0.8, relief)
    return mat


# ------------------------------------------------------------------ nature


def shared(root, data, places):
    """Put one mesh in many places: each (x, y, z, turn in degrees, size)."""
    out = []
    for x, y, z, turn, size in places:
        obj = bpy.data.objects.new("copy", data)
        bpy.context.scene.collection.objects.link(obj)
        obj.parent = root
        obj.location = (x, y, z)
        obj.rotation_euler[2] = math.radians(turn)
        obj.scale = (size,) * 3
        out.append(obj)
    return out


def quads(centres, along, across):
    """Four points for each centre, spanned by two vectors each; gives points and faces."""
    points = np.stack([centres - along - across, centres + along - across,
                       centres + along + across, centres - along + across], 1)  # fmt: skip
    return points.reshape(-1, 3), np.arange(4 * len(centres)).reshape(-1, 4)


def mesh_data(parts, name="part"):
    """One mesh of several (points, faces, material)."""
    data = bpy.data.meshes.new(name)
    points, faces, looks, start = [], [], [], 0
    for k, (p, f, mat) in enumerate(parts):
        points.append(np.asarray(p))
        faces += [[i + start for i in face] for face in np.asarray(f).tolist()]
        looks += [k] * len(f)
        start += len(p)
        data.materials.append(mat)
    data.from_pydata(np.concatenate(points).tolist(), [], faces)
    data.polygons.foreach_set("material_index", looks)
    return data


def stem(radius, height, lean=0.0, sides=7):
    """Points and faces of a tapering trunk."""
    rings = []
    for t in np.linspace(0, 1, 6):
        a = np.linspace(0, 2 * math.pi, sides, endpoint=False)
        r = radius * (1 - 0.7 * t) * (1 + 0.5 * (1 - t) ** 6)
        rings.append(np.stack([r * np.cos(a) + lean * t * t, r * np.sin(a), 0 * a + t * height], 1))
    faces = [(i * sides + k, i * sides + (k + 1) % sides, (i + 1) * sides + (k + 1) % sides,
              (i + 1) * sides + k) for i in range(5) for k in range(sides)]  # fmt: skip
    return np.concatenate(rings), np.array(faces)


def broadleaf(seed, leaf, bark="#5d4b3a", leaves=1500):
    """A broad-leaved tree 6 m high as a mesh; leaf = (dark, light)."""
    rng = np.random.default_rng(seed)
    clumps = np.clip(rng.normal(size=(16, 3)), -1.4, 1.4) * [1.1, 1.1, 0.9] + [0, 0, 4.1]
    pick = clumps[rng.integers(0, len(clumps), leaves)]
    way = rng.normal(size=(leaves, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    centres = pick + way * rng.uniform(0.55, 0.95, (leaves, 1)) * [1, 1, 0.8]
    a = np.cross(way, rng.normal(size=(leaves, 3)))
    a *= 0.17 / np.linalg.norm(a, axis=1, keepdims=True)
    b = np.cross(a, way + 0.5 * rng.normal(size=(leaves, 3)))
    look = mottled(*leaf, scale=1.3, rough=0.7)
    return mesh_data([(*quads(centres, a, b), look),
                      (*stem(0.2, 4.0, 0.2), bo.principled(bark, rough=0.9))])  # fmt: skip


def conifer(seed, leaf=("#12301f", "#2c5636"), snow=0.0):
    """A fir 7 m high as a mesh; `snow` is the share of white twigs."""
    rng = np.random.default_rng(seed)
    count = 1500
    z = 7 * (1 - np.sqrt(rng.random(count)) * 0.94)
    ring = (7 - z) * 0.27 * (0.65 + 0.35 * np.cos(z * 9)) * rng.uniform(0.5, 1, count)
    a = rng.uniform(0, 2 * math.pi, count)
    out = np.stack([np.cos(a), np.sin(a), 0 * a], 1)
    centres = out * ring[:, None] + np.stack([0 * z, 0 * z, z - 0.25 * ring], 1)
    along = 0.28 * (out + [0, 0, -0.45])
    across = 0.11 * np.stack([-np.sin(a), np.cos(a), rng.normal(0, 0.4, count)], 1)
    white = (rng.random(count) < snow) & (ring > 0.2)
    parts = [(*quads(centres[~white], along[~white], across[~white]), mottled(*leaf, scale=2)),
             (*stem(0.16, 6.5), bo.principled("#463a30", rough=0.9))]  # fmt: skip
    if white.any():
        lifted = centres[white] + [0, 0, 0.06]
        parts.append((*quads(lifted, along[white], across[white] * 1.3),
                      bo.principled("#eef3f8", rough=0.8)))  # fmt: skip
    return mesh_data(parts)


def rock(seed, mat, flatness=0.6):
    """A rock about 1 m wide as a mesh."""
    n, m = 20, 14
    a, b = np.meshgrid(np.linspace(0, 2 * math.pi, n, endpoint=False),
                       np.linspace(0.001, math.pi - 0.001, m))  # fmt: skip
    p = np.stack([np.sin(b) * np.cos(a), np.sin(b) * np.sin(a), np.cos(b)], -1).reshape(-1, 3)
    rng = np.random.default_rng(seed)
    for _ in range(9):  # cut flat faces
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        p -= np.maximum(p @ way - rng.uniform(0.5, 0.8), 0)[:, None] * way
    p *= 0.5 * (0.9 + 0.25 * fractal(p[:, 0] * 3 + p[:, 2] * 2, p[:, 1] * 3, seed))[:, None] * 1.3
    faces = [(i * n + k, (i + 1) * n + k, (i + 1) * n + (k + 1) % n, i * n + (k + 1) % n)
             for i in range(m - 1) for k in range(n)]  # fmt: skip
    data = mesh_data([(p * [1, 1, flatness], faces, mat)])
    data.shade_smooth()
    data.set_sharp_from_angle(angle=math.radians(30))
    return data


def blades(root, x, y, z, mat, seed, height=0.35, width=0.02, lean=0.35):
    """Grass or reeds: one narrow triangle a place, all in one mesh."""
    rng = np.random.default_rng(seed)
    n = len(x)
    tall = height * rng.uniform(0.5, 1.2, n)
    a, b = rng.uniform(0, 2 * math.pi, n), rng.uniform(0, 2 * math.pi, n)
    foot = np.stack([x, y, z], 1)
    side = 0.5 * width * np.stack([np.cos(a), np.sin(a), 0 * a], 1)
    bend = lean * tall * rng.random(n)
    half = foot + np.stack([0.3 * bend * np.cos(b), 0.3 * bend * np.sin(b), 0.6 * tall], 1)
    tip = foot + np.stack([bend * np.cos(b), bend * np.sin(b), tall], 1)
    points = np.stack([foot - side, foot + side, half + 0.7 * side, half - 0.7 * side, tip], 1)
    i = 5 * np.arange(n)[:, None]
    data = bpy.data.meshes.new("blades")
    faces = np.concatenate([i + [0, 1, 2, 3]]).tolist() + (i + [3, 2, 4]).tolist()
    data.from_pydata(points.reshape(-1, 3).tolist(), [], faces)
    return bo.attach(root, data, mat)


def scatter(rng, count, x0, x1, y0, y1, height, keep=lambda x, y: x == x):
    """Random places (x, y, z) on a terrain, where `keep` allows."""
    x, y = rng.uniform(x0, x1, 3 * count), rng.uniform(y0, y1, 3 * count)
    good = np.flatnonzero(keep(x, y))[:count]
    return x[good], y[good], height(x[good], y[good])


def forest(root, seed, meshes, count, x0, x1, y0, y1, height, sizes=(0.8, 1.3)):
    """Trees at random places."""
    rng = np.random.default_rng(seed)
    x, y, z = scatter(rng, count, x0, x1, y0, y1, height)
    for k in range(len(x)):
        place = (x[k], y[k], z[k] - 0.1, rng.uniform(0, 360), rng.uniform(*sizes))
        shared(root, meshes[k % len(meshes)], [place])


def hills(root, distance, height, colour, seed, width=3.0):
    """A far ridge as a flat strip that rises from the horizon."""
    x = np.linspace(-width * distance, width * distance, 160)
    top = height * (0.35 + fractal(x / distance * 4, 0 * x, seed, 5))
    y = np.full_like(x, distance)
    points = np.stack([np.stack([x, y, 0 * x - 5], 1), np.stack([x, y, top], 1)]).reshape(-1, 3)
    mat = bo.principled(colour, rough=1.0, spec=0.0)
    bo.mesh(root, points, net(2, len(x)), mat, 180, weld=False)


# ------------------------------------------------------------------ rivers


def leaf_shapes(root, colours, count, seed, size=0.09):
    """Flat leaves to float on water; gives their objects."""
    rng = np.random.default_rng(seed)
    a = np.linspace(0, 2 * math.pi, 10, endpoint=False)
    shape = np.stack([np.cos(a), 0.45 * np.sin(a) * (1 - 0.3 * np.cos(a)), 0 * a], 1)
    out = []
    for k in range(count):
        data = mesh_data([(shape * size * rng.uniform(0.7, 1.3), [list(range(10))],
                           bo.principled(colours[k % len(colours)], rough=0.6))])  # fmt: skip
        out += shared(root, data, [(0, 0, 0, rng.uniform(0, 360), 1.0)])
    return out


RIVERS = {
    # water, second colour, bank dark/light/third, foam amount, foam colour, floating things
    "clear": dict(deep="#2b4f4c", light="#4b7468", bank=("#5c6b35", "#7f9a48", "#9aa860"),
                  foam=0.40, foam_colour="#e9f3ef", leaves=("#d8b23a", "#b7c84a", "#c9762c"),
                  speed=0.75, strength=0.5),
    "muddy": dict(deep="#6d4a28", light="#8a6238", bank=("#5b4632", "#8a6c4c", "#a08058"),
                  foam=0.42, foam_colour="#d9c8a6", leaves=("#3a2c1c", "#2c2318"),
                  speed=0.95, strength=0.55),
    "dusk": dict(deep="#1c2733", light="#2a3644", bank=("#1c2118", "#2d3323", "#3a3a2a"),
                 foam=0.42, foam_colour="#d9b9a4", leaves=("#403024", "#54402c"),
                 speed=0.65, strength=0.4),
}  # fmt: skip


def river(kind):
    """A river that flows across the picture from left to right."""

    def build(clip):
        look = RIVERS[kind]
        rng = np.random.default_rng(clip.seed)
        root = bo.empty("river")
        flow = look["speed"]
        water = Water(look["deep"], look["light"], 0.07, 2.2, look["strength"], (0.7, 1.3, 1),
                      (flow, 0, 0), 0.0)  # fmt: skip
        # a boil of 0 keeps the ripples' shapes: played backwards, nothing looks wrong
        water.patches(1.9, (0.6, 1.4, 1), look["foam"], look["foam_colour"])
        x, y = fan(1.2, 40, 0.75, 150, 150, at=(0, -1.5))
        inside = y < 13
        x, y = x[inside.all(1)], y[inside.all(1)]
        sheet = Sheet(root, x, y, 0.0, water.mat)

        def bank(px, py):
            far = step(9.6, 11.5, py + 0.7 * np.sin(px * 0.4) + 1.2 * fractal(px * 0.5, 0 * px, 3))
            near = step(0.9, -0.5, py + 0.5 * fractal(px * 0.9, 0 * px, 5) - 0.25)
            rise = 0.9 if kind != "muddy" else 1.5
            bumps = 0.25 * fractal(px, py, 7)
            return -0.5 + far * (0.5 + rise + bumps) + near * (0.62 + bumps * 0.6) + np.maximum(
                py - 13, 0) * 0.12  # fmt: skip

        soil = mottled(*look["bank"][:2], 2.0, third=look["bank"][2], relief=0.03)
        for x0, x1, y0, y1, fine in ((-18, 18, 7.5, 30, 0.22), (-3, 3, -1.5, 1.4, 0.06)):
            px, py = flat(x0, x1, y0, y1, fine)
            Sheet(root, px, py, bank(px, py), soil)
        if kind == "muddy":
            green = mottled("#59602c", "#8b8a48", 3)
            trees = [broadleaf(k, ("#4a5a26", "#7d8a3e")) for k in (1, 2)]
            stalks = (2500, 0.7, 0.02)
        elif kind == "clear":
            green = mottled("#3c6a22", "#7fae3e", 3)
            trees = [broadleaf(k, ("#2c5a1e", "#6c9c3a")) for k in (1, 2, 3)]
            stalks = (5000, 0.4, 0.025)
        else:
            green = mottled("#1f2a18", "#3c4526", 3)
            trees = [conifer(1), broadleaf(2, ("#18251a", "#2c3c24"))]
            stalks = (3500, 1.3, 0.03)
        count, tall, wide = stalks
        gx, gy, gz = scatter(rng, count, -11, 11, 9.5, 17, bank, lambda a, b: bank(a, b) > 0.1)
        blades(root, gx, gy, gz, green, 1, tall, wide)
        near = 500 if kind != "muddy" else 120
        gx, gy, gz = scatter(rng, near, -2.2, 2.2, -1.3, 0.5, bank, lambda a, b: bank(a, b) > 0.05)
        blades(root, gx, gy, gz, green, 2, 0.22 if kind != "dusk" else 0.45, 0.012)
        if kind == "dusk":  # a gap lets the evening sky shine on the water
            forest(root, 4, trees, 9, -26, -7, 15, 26, bank)
            forest(root, 5, trees, 7, 9, 26, 15, 26, bank, (0.6, 0.9))
        else:
            forest(root, 4, trees, 26, -22, 22, 15, 29, bank)
        grey = mottled("#4a4640", "#8a847a", 3, relief=0.02)
        for k in range(14):  # stones at the far bank, none in the current: a wake would tell
            px = rng.uniform(-9, 9)
            shared(root, rock(k, grey), [(px, 9.3 + rng.uniform(0, 1), 0.02, rng.uniform(0, 360),
                                          rng.uniform(0.3, 0.8))])  # fmt: skip
        hills(root, 200, 30, {"clear": "#6f93a8", "muddy": "#9aa39a", "dusk": "#2b2c40"}[kind], 3)
        floats = leaf_shapes(root, look["leaves"], 46, 5, 0.1 if kind != "muddy" else 0.14)
        lanes = rng.uniform(0.9, 9.0, len(floats))
        starts = rng.uniform(-9, 9, len(floats))
        if kind == "muddy":  # sticks and a branch instead of leaves
            for k, leaf in enumerate(floats):
                leaf.scale = (2.2 if k % 5 else 5, 0.35, 1)
        film.camera((0, -1.9, 1.75), (0, 5.2, 0.05 if kind != "dusk" else 0.6), 27)

        def update(t):
            water.set(t)
            q = x - flow * t
            z = 0.03 * (fractal(q * 1.1, y * 1.6, 11, 3) - 0.5) * 2
            z += 0.015 * np.sin(2.4 * q + 1.3 * np.sin(0.9 * y))
            sheet.set(z)
            for k, leaf in enumerate(floats):
                px = (starts[k] + flow * t + 9) % 18 - 9
                leaf.location = (px, lanes[k], 0.035 + 0.012 * math.sin(2.4 * (px - flow * t)))

        return update

    return build


# ------------------------------------------------------------------ fountains


class Jets:
    """Streams of drops on ballistic paths that fall back to the height z = `floor`."""

    def __init__(self, root, jets, mat, seed, per_second=420, floor=0.0, size=0.017):
        """Prepare the drops.

        Args:
            root: What the drops hang on.
            jets: For each stream (start, speed, share of scatter in the speed).
            mat: Material of the drops.
            seed: Of the scatter.
            per_second: Drops a second and stream.
            floor: Height of the water they fall into.
            size: Radius of a drop.
        """
        rng = np.random.default_rng(seed)
        start, speed, life = [], [], []
        for at, v, scatter_share in jets:
            v = np.array(v, float)
            up = v[2] / 9.81
            stays = up + math.sqrt(max(0.0, up**2 + 2 * (at[2] - floor) / 9.81))
            n = int(per_second * stays)
            spread = rng.normal(0, scatter_share * np.linalg.norm(v), (n, 3))
            start += [np.tile(at, (n, 1)) + rng.normal(0, 0.01, (n, 3))]
            speed += [v + spread * [1, 1, 0.6]]
            life += [np.full(n, stays)]
        self.start, self.speed = np.concatenate(start), np.concatenate(speed)
        self.life = np.concatenate(life) * rng.uniform(0.9, 1.0, len(self.start))
        self.phase = rng.random(len(self.start))
        self.size = size * rng.uniform(0.4, 1.3, len(self.start))
        self.floor = floor
        self.drops = Drops(root, 3 * len(self.start), mat)

    def set(self, t):
        """Put the drops where they are at the time t, each three times as a short streak."""
        age = (t + self.phase * self.life) % self.life
        places, sizes = [], []
        for k in range(3):
            p = ballistic(self.start, self.speed, np.maximum(age - 0.006 * k, 0))
            wide = self.size * (1 + 0.8 * age / self.life) * (1 - 0.2 * k)
            places.append(p)
            sizes.append(np.where(p[:, 2] > self.floor - 0.03, wide, 0))
        self.drops.set(np.concatenate(places), np.concatenate(sizes))


def drop_look(glow=0.12, colour="#eef5f9"):
    """White, slightly shining drops, as falling water looks from afar."""
    mat = bo.principled(colour, rough=0.25, emit=glow)
    return mat


def splashes(x, y, spots, t, rng_seed, reach=0.9, strength=0.02):
    """Height and foam of water into which jets fall at these spots."""
    z, foam = 0 * x, 0 * x
    for k, (px, py) in enumerate(spots):
        r = np.hypot(x - px, y - py)
        z = z + strength * np.exp(-r / reach) * np.sin(14 * r - 9 * t + 1.7 * k)
        foam = foam + np.exp(-((r / (0.35 * reach)) ** 2))
    z = z + 0.6 * strength * (fractal(3 * x + 2.5 * t, 3 * y + 1.5 * t, rng_seed, 3) - 0.5)
    return z, np.clip(foam, 0, 1)


def paving(light, dark, joint, width=0.5, row=0.25):
    """Paving stones."""
    mat = bo.principled(light, rough=0.75)
    brick = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=0.012, Brick_Width=width,
                    Row_Height=row, Color1=bo.linear(light), Color2=bo.linear(dark),
                    Mortar=bo.linear(joint))  # fmt: skip
    bo.link(mat, bo.coordinates(mat), brick.inputs["Vector"])
    bo.base_colour(mat, brick.outputs["Color"])
    return mat


def round_basin(root, radius, stone, rim=0.55):
    """The stone wall of a round basin, standing on z = 0."""
    profile = [(radius, -0.1), (radius, rim - 0.12, 0.03), (radius - 0.07, rim - 0.1, 0.02),
               (radius - 0.07, rim, 0.04), (radius + 0.38, rim, 0.05),
               (radius + 0.38, rim - 0.12, 0.03), (radius + 0.28, rim - 0.15, 0.03),
               (radius + 0.28, -0.1)]  # fmt: skip
    bo.lathe(root, bo.rounded(profile), stone)


def fountain_jets(root, at=(0.0, 0.0), height=2.3, arcs=12, ring=1.9, level=0.42, seed=1,
                  mat=None, per_second=420):  # fmt: skip
    """A middle jet and a ring of arcs towards it; gives the jets and where they fall."""
    jets = [((at[0], at[1], level + 0.55), (0, 0, math.sqrt(2 * 9.81 * height)), 0.028)] * 4
    spots = [at]
    up = 4.4
    for k in range(arcs):
        a = 2 * math.pi * k / arcs
        c, s = math.cos(a), math.sin(a)
        inward = 0.62 * ring / (2 * up / 9.81)
        place = (at[0] + ring * c, at[1] + ring * s, level + 0.05)
        jets.append((place, (-inward * c, -inward * s, up), 0.012))
        spots.append((at[0] + 0.38 * ring * c, at[1] + 0.38 * ring * s))
    for px, py in list(spots):  # what splashes up again
        jets.append(((px, py, level), (0, 0, 1.5), 0.35))
    return Jets(root, jets, mat or drop_look(), seed, per_second, level), spots


def hedge(root, x0, x1, y, height, seed, leaf=("#20421c", "#4c7a35")):
    """A clipped hedge along x, made of leaves."""
    rng = np.random.default_rng(seed)
    n = int((x1 - x0) * 420 * height)
    face = rng.random(n) < 0.6
    x = rng.uniform(x0, x1, n)
    z = np.where(face, rng.uniform(0, height, n), height)
    d = np.where(face, -0.35, rng.uniform(-0.35, 0.35, n))
    centres = np.stack([x, y + d, z], 1) + rng.normal(0, 0.025, (n, 3))
    a = rng.normal(size=(n, 3))
    a *= 0.06 / np.linalg.norm(a, axis=1, keepdims=True)
    b = np.cross(a, rng.normal(size=(n, 3)))
    look = mottled(*leaf, scale=2.5, rough=0.7)
    data = mesh_data([(*quads(centres, a, b), look)])
    shared(root, data, [(0, 0, 0, 0, 1)])
    bo.box(root, (x1 - x0, 0.6, height), bo.principled(leaf[0], rough=1.0),
           ((x0 + x1) / 2, y, height / 2 - 0.04), 0)  # fmt: skip


def park_fountain(clip):
    """A round stone fountain on a paved place in a park."""
    root = bo.empty("fountain")
    stone = mottled("#a79b88", "#cfc5b2", 4, 0.8, "#ddd5c6")
    round_basin(root, 2.3, stone)
    profile = [(0, 0.3), (0.35, 0.3), (0.22, 0.5, 0.05), (0.16, 0.8, 0.05), (0.28, 0.92), (0, 0.95)]
    bo.lathe(root, bo.rounded(profile), stone)
    water = Water("#3d6f78", "#558c90", 0.05, 4, 0.3)
    water.foam(6, 0.5)
    x, y = flat(-2.35, 2.35, -2.35, 2.35, 0.05)
    inward = np.minimum(1, 2.3 / np.maximum(np.hypot(x, y), 0.01))
    x, y = x * inward, y * inward  # round, like the basin
    sheet = Sheet(root, x, y, 0.42, water.mat, foam=True)
    ground = paving("#b8a68c", "#a08d72", "#7d6f5c", 0.4, 0.2)
    bo.box(root, (16, 12, 0.1), ground, (0, 0, -0.05), 0)
    lawn = mottled("#4f7a2c", "#79a443", 2)
    bo.box(root, (160, 120, 0.1), lawn, (0, 58, -0.08), 0)
    rng = np.random.default_rng(5)
    gx, gy, gz = scatter(rng, 5000, -12, 12, 6, 14, lambda a, b: 0 * a - 0.03)
    blades(root, gx, gy, gz, mottled("#4c7d28", "#8ab54a", 3), 1, 0.14, 0.02)
    hedge(root, -11, -1.6, 8.5, 0.9, 2)
    hedge(root, 1.6, 11, 8.5, 0.9, 3)
    trees = [broadleaf(k, ("#2d5a22", "#70a040")) for k in (11, 12, 13)]
    forest(root, 8, trees, 34, -30, 30, 15, 44, lambda a, b: 0 * a, (0.9, 1.7))
    jets, spots = fountain_jets(root, seed=clip.seed)
    film.camera((0.8, -6.6, 2.0), (0, 0.2, 1.25), 31)

    def update(t):
        water.set(t)
        sheet.set(*splashes(x, y, spots, t, 3))
        jets.set(t)

    sheet.obj.location.z = 0.42
    return update


def house_front(root, x, y, width, height, seed, wall, lit=0.5, floor=3.2):
    """A house front with rows of windows, some of them lit."""
    rng = np.random.default_rng(seed)
    bo.box(root, (width, 6, height), bo.principled(wall, rough=0.9), (x, y + 3, height / 2), 0)
    warm, dark = bo.principled("#ffcf87", emit=2.2), bo.principled("#1b222e", rough=0.15)
    frame = bo.principled("#d8d2c6", rough=0.8)
    for row in range(int(height / floor)):
        for k in range(int(width / 2.2)):
            px = x - width / 2 + 1.1 + 2.2 * k
            z = 1.6 + floor * row
            bo.box(root, (1.25, 0.08, 1.95), frame, (px, y - 0.02, z), 0)
            bo.box(root, (1.0, 0.1, 1.7), warm if rng.random() < lit else dark,
                   (px, y - 0.04, z), 0)  # fmt: skip


def square_fountain(clip):
    """Jets that spring from the paving of a town square, lit in the evening."""
    root = bo.empty("square")
    mat = paving("#6a6660", "#57534e", "#3b3835", 0.6, 0.6)
    bo.shader_of(mat).inputs["Roughness"].default_value = 0.16  # the paving is wet
    bo.box(root, (60, 40, 0.1), mat, (0, 8, -0.05), 0)
    for k, (x, w, h, wall) in enumerate([(-15, 9, 10, "#8d7f70"), (-6.3, 8, 12.5, "#a48c6d"),
                                         (2.2, 8.6, 10.5, "#7d7f8a"), (10.8, 8.2, 13, "#97806c"),
                                         (19, 8, 10, "#85786c")]):  # fmt: skip
        house_front(root, x, 15, w, h, k, wall, 0.45)
    for x in (-5.5, 5.5):
        bo.tube(root, [(x, 7, 0), (x, 7, 3.4)], 0.05, bo.metal("#2c2c30", 0.5), smooth=False)
        bo.lathe(root, [(0, 3.4), (0.2, 3.5), (0.2, 3.75), (0, 3.9)],
                 bo.principled("#ffd79a", emit=9.0), at=(x, 7, 0))  # fmt: skip
    rows = [(0.7 * i - 2.1, 1.0 * j - 0.8) for j in range(3) for i in range(7)]
    jets, spots = [], []
    for px, py in rows:
        high = 1.1 + 0.9 * math.cos(0.62 * px) ** 2
        jets.append(((px, py, 0.0), (0, 0, math.sqrt(2 * 9.81 * high)), 0.02))
        jets.append(((px, py, 0.0), (0, 0, 1.5), 0.4))
        spots.append((px, py))
    stream = Jets(root, jets, drop_look(0.22, "#d3e6ff"), clip.seed, 300, 0.0, 0.013)
    water = Water("#3a4048", None, 0.04, 7, 0.35)
    x, y = flat(-3.6, 3.6, -2.4, 2.6, 0.06)
    sheet = Sheet(root, x, y, 0.0, water.mat, foam=True)
    water.foam(8, 0.4, "#cfdcea")
    for px in (-2.1, 0, 2.1):
        film.area((px, 0.2, 0.15), (px, 0.2, 3), 0.5, 90, "#9fd0ff")
    film.area((0, 4, 8), (0, 0, 0), 3, 700, "#ffd9a8")
    film.camera((-1.2, -6.8, 1.6), (0, 0, 1.15), 30)

    def update(t):
        water.set(t)
        z, foam = splashes(x, y, spots, t, 5, 0.35, 0.006)
        sheet.set(z + 0.005, foam)
        stream.set(t)

    return update


# ------------------------------------------------------------------ pool and lake


def pool_floor(water, lanes=2.5, depth=2.2):
    """Paint tiles, lane lines and a net of light on the bottom, as seen through the waves."""
    mat = water.mat
    place = bent(mat, depth)
    tile = bo.node(mat, "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=0.012, Brick_Width=0.3,
                   Row_Height=0.3, Color1=bo.linear("#4db4cc"), Color2=bo.linear("#43a6c2"),
                   Mortar=bo.linear("#9fdde8"))  # fmt: skip
    tile.offset = 0.0
    bo.link(mat, place, tile.inputs["Vector"])
    split = bo.node(mat, "ShaderNodeSeparateXYZ")
    bo.link(mat, place, split.inputs[0])
    # distance to the middle of the nearest lane
    x = maths(mat, "PINGPONG", maths(mat, "ADD", split.outputs["X"], lanes / 2), lanes / 2)
    line = maths(mat, "GREATER_THAN", x, lanes / 2 - 0.14)
    colour = bo.mix(mat, line, tile.outputs["Color"], paint(mat, "#12345f"))
    net_of_light = bo.node(mat, "ShaderNodeTexVoronoi", Scale=1.5)
    through = moving(mat, vector=place)  # a slice through cells, which moves upwards
    bo.link(mat, through.outputs[0], net_of_light.inputs["Vector"])
    bright = bo.ramp(mat, net_of_light.outputs["Distance"],
                     [(0.35, "#b4b4b4"), (0.75, "#ffffff")])  # fmt: skip
    water.colour = bo.mix(mat, 1.0, colour, bright, "MULTIPLY")
    bo.base_colour(mat, water.colour)
    return through


def lane_rope(root, x, y0, y1, colours):
    """A string of floats; gives the floats."""
    floats = []
    looks = [bo.principled(c, rough=0.35) for c in colours]
    shape = bo.rounded([(0, -0.09), (0.075, -0.07, 0.03), (0.075, 0.07, 0.03), (0, 0.09)])
    datas = [bo.lathe(bo.empty("hidden"), shape, look, "y", 10).data for look in looks]
    for part in bpy.context.scene.objects:
        if part.parent and part.parent.name.startswith("hidden"):
            part.hide_render = True
    for k in range(int((y1 - y0) / 0.2)):
        floats += shared(root, datas[(k // 4) % len(datas)], [(x, y0 + 0.2 * k, 0, 0, 1)])
    return floats


def pool(clip):
    """An indoor swimming pool with lanes, nobody in it."""
    root = bo.empty("pool")
    water = Water("#47aac6", None, 0.03, 3, 0.06, boil=0.8)
    through = pool_floor(water)
    x, y = flat(-6.25, 6.25, 0, 22, 0.11)
    sheet = Sheet(root, x, y, 0.0, water.mat)
    tiles = paving("#e6e2d8", "#dedacf", "#b9b4a8", 0.3, 0.3)
    blue = paving("#2f6f9c", "#3579a6", "#cfe3ee", 0.15, 0.15)
    for wide, long, px, py in ((24, 3, 0, -1.5), (24, 6, 0, 25), (6, 22, -9.25, 11),
                               (6, 22, 9.25, 11)):  # fmt: skip
        bo.box(root, (wide, long, 0.4), tiles, (px, py, -0.05), 0)
    for wide, long, px, py in ((12.5, 0.12, 0, 21.95), (0.12, 22, -6.2, 11), (0.12, 22, 6.2, 11),
                               (12.5, 0.1, 0, 0.02)):  # fmt: skip
        bo.box(root, (wide, long, 0.3), blue, (px, py, 0.02), 0)
    wall = bo.principled("#e9e3d6", rough=0.9)
    bo.box(root, (26, 0.3, 7), wall, (0, 28, 3.3), 0)
    bo.box(root, (0.3, 34, 7), wall, (-12.2, 12, 3.3), 0)
    bo.box(root, (0.3, 34, 7), wall, (12.2, 12, 3.3), 0)
    glass = bo.principled("#cfe6f5", emit=1.7)
    for k in range(7):
        bo.box(root, (2.4, 0.1, 3.0), glass, (-9.6 + 3.2 * k, 27.8, 3.2), 0)
        bo.box(root, (0.1, 2.4, 3.0), glass, (-12.0, 3 + 3.6 * k, 3.2), 0)
    beam = bo.principled("#a9764a", rough=0.6)
    for k in range(6):
        bo.box(root, (24, 0.35, 0.5), beam, (0, 4 + 4.5 * k, 6.4), 0)
    for k in range(5):
        block = bo.principled("#f0efe9", rough=0.4)
        bo.box(root, (0.5, 0.6, 0.7), block, (-5 + 2.5 * k, 22.7, 0.45), 0.04)
        bo.box(root, (0.5, 0.62, 0.06), bo.principled("#d0342c"), (-5 + 2.5 * k, 22.7, 0.83), 0.02)
    ropes = []
    for k, colours in enumerate([("#d3312b", "#f3f1ea"), ("#1f5fae", "#f3f1ea"),
                                 ("#1f5fae", "#f3f1ea"), ("#d3312b", "#f3f1ea")]):  # fmt: skip
        ropes += lane_rope(root, -3.75 + 2.5 * k, 0.3, 21.8, colours)
    steel = bo.metal("#c8ccd0", 0.15)
    for px in (-5.6, -5.1):
        bo.tube(root, [(px, -0.3, 0.1), (px, -0.25, 0.75), (px, 0.1, 0.95), (px, 0.3, 0.5),
                       (px, 0.3, -0.2)], 0.025, steel)  # fmt: skip
    for y_lamp, watts in ((6, 900), (18, 700)):
        lamp = film.area((0, y_lamp, 6.2), (0, y_lamp, 0), 6, watts, "#fff6e8")
        lamp.visible_glossy = False  # its image in the water would be a white blot
    film.camera((-0.6, -2.4, 2.3), (0.2, 6.5, 0.1), 24)
    rng = np.random.default_rng(clip.seed)
    trains = [(rng.uniform(0.5, 3.2), rng.uniform(0, 2 * math.pi), rng.uniform(0, 6.28))
              for _ in range(14)]  # fmt: skip

    def height(px, py, t):
        z = 0
        for k, a, start in trains:
            speed = math.sqrt(9.81 * k)
            z = z + 0.011 / k**0.7 * np.sin(k * (px * math.cos(a) + py * math.sin(a))
                                            - speed * t + start)  # fmt: skip
        return z

    rx = np.array([f.location.x for f in ropes])
    ry = np.array([f.location.y for f in ropes])

    def update(t):
        water.set(t)
        through.inputs["Location"].default_value[2] = 0.35 * t
        sheet.set(height(x, y, t))
        for part, z in zip(ropes, height(rx, ry, t), strict=True):
            part.location.z = z + 0.02

    return update


def rowing_boat(root):
    """A small empty rowing boat, 3 m long along x."""
    n, m = 17, 9
    part = bo.empty("boat", root)
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, m), indexing="ij")
    half = 0.62 * (1 - np.abs(u) ** 2.6) ** 0.7
    x, y = 1.5 * u, half * np.sign(v) * np.abs(v) ** 0.6
    z = -0.18 + 0.5 * np.abs(v) ** 2.5 + 0.14 * u**4
    hull = bo.mesh(part, np.stack([x, y, z], -1).reshape(-1, 3), net(n, m),
                   bo.wood("#a8683a", "#6d3f20", 0.05, "x"), 60, weld=False)  # fmt: skip
    hull.modifiers.new("thick", "SOLIDIFY").thickness = 0.04
    for px in (-0.7, 0.1, 0.8):
        bo.box(part, (0.25, 1.0, 0.04), bo.principled("#c79a63"), (px, 0, 0.12), 0.01)
    bo.tube(part, [(1.5 * k, 0.63 * (1 - abs(k) ** 2.6) ** 0.7, 0.33 + 0.14 * k**4)
                   for k in np.linspace(-1, 1, 13)], 0.03, bo.principled("#f0ece2"))  # fmt: skip
    bo.tube(part, [(1.5 * k, -0.63 * (1 - abs(k) ** 2.6) ** 0.7, 0.33 + 0.14 * k**4)
                   for k in np.linspace(-1, 1, 13)], 0.03, bo.principled("#f0ece2"))  # fmt: skip
    return part


def lake(clip):
    """A lake in the wind behind a flowering meadow, an empty boat at a jetty."""
    root = bo.empty("lake")
    rng = np.random.default_rng(clip.seed)
    water = Water("#2f5e7c", "#447a90", 0.08, 1.7, 0.55, (0.6, 1.2, 1), (-0.5, -0.9, 0), 0.7)
    x, y = fan(3.5, 170, 1.0, 170, 200, at=(0, -3))
    sheet = Sheet(root, x, y, 0.0, water.mat)

    def shore(px, py):
        edge = 3.2 + 0.8 * np.sin(0.5 * px + 1) + 0.7 * fractal(px * 0.7, 0 * px, 4) - 0.12 * px
        return -0.25 + 0.75 * step(edge + 0.6, edge - 2.2, py) + 0.1 * fractal(px, py, 2)

    px, py = flat(-9, 9, -3.5, 7, 0.12)
    Sheet(root, px, py, shore(px, py), mottled("#4d7a26", "#7ea93e", 2.5))
    gx, gy, gz = scatter(rng, 9000, -6, 6, -2.5, 5, shore, lambda a, b: shore(a, b) > 0.06)
    blades(root, gx, gy, gz, mottled("#47801f", "#93bd48", 3), 1, 0.2, 0.02)

    def edge_only(a, b):
        return (np.abs(shore(a, b)) < 0.12) & (np.abs(a - 1) > 1.7)

    rx, ry, rz = scatter(rng, 260, -6, 6, 1.5, 6, shore, edge_only)
    blades(root, rx, ry, rz, mottled("#5c7a30", "#93a050", 3), 2, 1.1, 0.03, 0.2)
    petal = np.linspace(0, 2 * math.pi, 7, endpoint=False)
    flower = np.stack([0.035 * np.cos(petal), 0.035 * np.sin(petal), 0 * petal], 1)
    for colour in ("#f4f1e4", "#f0c52c", "#c65fa0"):
        data = mesh_data([(flower, [list(range(7))], bo.principled(colour, rough=0.7))])
        fx, fy, fz = scatter(rng, 130, -5, 5, -1.8, 4, shore, lambda a, b: shore(a, b) > 0.12)
        shared(root, data, [(a, b, c + rng.uniform(0.15, 0.3), 0, 1)
                            for a, b, c in zip(fx, fy, fz, strict=True)])  # fmt: skip
    planks = bo.wood("#9a8468", "#6d5b45", 0.05, "y")
    for k in range(24):
        bo.box(root, (1.1, 0.17, 0.05), planks, (1.6, 2.6 + 0.2 * k, 0.32), 0.01)
    for k in range(4):
        for side in (-0.5, 0.5):
            bo.tube(root, [(1.6 + side, 3.0 + 1.4 * k, -0.5), (1.6 + side, 3.0 + 1.4 * k, 0.75)],
                    0.06, planks, smooth=False)  # fmt: skip
    boat = rowing_boat(root)
    bo.box(root, (400, 40, 1), mottled("#4c6f34", "#6d8c46", 0.05), (0, 185, 0.2), 0)
    firs = [conifer(k) for k in (1, 2, 3)]
    forest(root, 3, firs, 70, -110, 110, 166, 178, lambda a, b: 0 * a, (0.9, 1.6))
    hills(root, 420, 95, "#7f9bb4", 5)
    hills(root, 300, 42, "#4f6f5a", 9)
    film.camera((-0.6, -2.4, 2.7), (0.4, 6, 0.75), 26)
    trains = [(2 * math.pi / L, rng.normal(0, 0.35), rng.uniform(0, 6.28), L)
              for L in (0.7, 0.9, 1.2, 1.5, 2.0, 2.6, 3.3)]  # fmt: skip

    def height(px, py, t):
        z = 0
        for k, a, start, length in trains:
            speed = math.sqrt(9.81 * k)
            z = z + 0.016 * length**0.8 * np.sin(
                k * (px * math.sin(a) + py * math.cos(a)) + speed * t + start)  # fmt: skip
        return z

    def update(t):
        water.set(t)
        sheet.set(height(x, y, t) * step(120, 10, y))
        bob = [float(height(-0.8 + d, 6.4, t)) for d in (-1, 0, 1)]
        boat.location = (-0.7, 6.3, 0.1 + sum(bob) / 3)
        boat.rotation_euler = (0.1 * math.sin(2.3 * t), (bob[0] - bob[2]) / 2 * 1.3, 0.25)

    return update


# ------------------------------------------------------------------ the sea


def sea(evening):
    """Waves that break and run up a beach; with `evening` seen along a rocky shore."""

    def build(clip):
        root = bo.empty("sea")
        rng = np.random.default_rng(clip.seed)
        deep, light = ("#1d5a72", "#2f8288") if not evening else ("#1c3a4c", "#2c5562")
        water = Water(deep, light, 0.09, 1.2, 0.5, (1, 1.6, 1), (0, -0.8, 0), 0.9)
        water.foam(2.2, 0.75, "#f4f7f6" if not evening else "#f3ddcb")
        y0 = 2.4  # where the water's edge is at rest
        x, y = fan(1.5, 260, 0.8, 330, 230, -1.5 if evening else -1.0, at=(0, -3.2))
        sheet = Sheet(root, x, y, 0.0, water.mat, foam=True)
        slope, period, tall = 0.075, 3.6, (0.85 if not evening else 1.0)
        sandy = ("#c9ab78", "#dcc392", "#e6d2a8") if not evening else ("#8c7050", "#a98860",
                                                                       "#b8986c")  # fmt: skip
        sand = mottled(*sandy[:2], 3, third=sandy[2], relief=0.01)
        shade = bo.shader_of(sand)
        dry = shade.inputs["Base Color"].links[0].from_socket
        split = bo.node(sand, "ShaderNodeSeparateXYZ")
        bo.link(sand, bo.coordinates(sand), split.inputs[0])
        edge = maths(sand, "ADD", split.outputs["Y"],
                     bo.noise(sand, bo.coordinates(sand), 0.5, 3))  # fmt: skip
        wet = bo.node(sand, "ShaderNodeMapRange")
        wet.inputs["From Min"].default_value, wet.inputs["From Max"].default_value = 0.3, 1.3
        bo.link(sand, edge, wet.inputs[0])
        dark = bo.mix(sand, 1.0, dry, paint(sand, "#a08c78"), "MULTIPLY")
        bo.base_colour(sand, bo.mix(sand, wet.outputs[0], dry, dark))
        shine = bo.node(sand, "ShaderNodeMapRange")
        bo.link(sand, wet.outputs[0], shine.inputs[0])
        shine.inputs["To Min"].default_value, shine.inputs["To Max"].default_value = 0.9, 0.25
        bo.link(sand, shine.outputs[0], shade.inputs["Roughness"])

        def ground(px, py):
            return slope * (y0 - py) + 0.03 * (fractal(px * 0.6, py * 0.6, 2) - 0.5)

        gx, gy = flat(-12, 12, -3.5, 8, 0.15)
        Sheet(root, gx, gy, ground(gx, gy), sand)
        if evening:
            stone = mottled("#2e2a2a", "#5d544c", 2.5, 0.6, relief=0.03)
            for k in range(26):
                px = -2.6 - abs(rng.normal(0, 2.2))
                shared(root, rock(k, stone, 0.8), [(px, 1.5 + rng.uniform(0, 9), -0.15,
                       rng.uniform(0, 360), rng.uniform(0.6, 2.0))])  # fmt: skip
            head = np.linspace(0, 1, 60)
            top = 16 * step(0, 0.35, head) * (0.6 + 0.6 * fractal(head * 9, 0 * head, 3, 4))
            line = np.stack([-95 + 0 * head - 60 * head, 150 - 60 * head, top], 1)
            low = line * [1, 1, 0] - [0, 0, 3]
            cape = np.stack([low, line]).reshape(-1, 3)
            bo.mesh(root, cape, net(2, 60), bo.principled("#4a4450", rough=1), 180, weld=False)
            film.camera((0.9, -2.6, 1.75), (-1.2, 6, 0.55), 25)
        else:
            shell = mottled("#d9c9b4", "#f2e8da", 20)
            for k in range(16):
                px, py = rng.uniform(-3, 3), rng.uniform(-1.6, 0.6)
                shared(root, rock(k, shell, 0.5), [(px, py, float(ground(px, py)),
                       rng.uniform(0, 360), rng.uniform(0.03, 0.08))])  # fmt: skip
            film.camera((0, -3.0, 1.7), (0.2, 6, 0.5), 25)

        # how long a crest takes from a distance s to the edge, by the depth under it
        reach = np.linspace(0, 300, 3000)
        pace = np.sqrt(9.81 * np.clip(slope * reach, 0.12, 1.6))
        needed = np.concatenate([[0], np.cumsum(np.diff(reach) / pace[:-1])])

        def swash(px, t):
            phase = (t + 1.3) / period + 0.22 * (lattice(px * 0.25, 0 * px + 3, 6) - 0.5)
            number, p = np.floor(phase), phase % 1.0
            rise = step(0, 0.28, p) * (1 - step(0.3, 1.0, p))
            return (0.7 + 1.6 * lattice(px * 0.35, number, 8)) * rise * 1.3, p

        def update(t):
            water.set(t)
            s = y - y0
            phase = (t + 1.3 + np.interp(s, reach, needed)) / period
            phase += 0.22 * (lattice(x * 0.25, 0 * x + 3, 6) - 0.5)
            phase += 0.5 * (fractal(x * 0.03, y * 0.05, 9) - 0.5) * step(8, 40, s)
            number, p = np.floor(phase), phase % 1.0
            near = step(22, 5, s)
            w = 0.34 - 0.27 * near
            crest = step(0, 1, p / w) * np.exp(-np.maximum(p - w, 0) / (0.13 + 0.12 * (1 - near)))
            each = 0.55 + 0.75 * lattice(x * 0.09 + 5.3 * number, number, 7)
            high = tall * (0.3 + 0.7 * step(45, 11, s)) * (0.16 + 0.84 * step(0.5, 9, s)) * each
            chop = 0.12 * (fractal(x * 0.8 + 0.6 * t, y * 0.8 + 1.1 * t, 12, 3) - 0.5)
            z = high * (crest - 0.25) + chop * step(0, 5, s) + 0.02
            broken = step(13, 8.5, s - 2.5 * (each - 0.9))
            ragged = 0.12 * fractal(x * 1.3, y * 0.9 + 0.7 * t, 31, 3) + 0.06
            foam = np.exp(-((np.maximum(p - w * 0.75, 0) / ragged) ** 2)) * (p > 0.25 * w)
            foam = foam * broken * (0.62 + 0.5 * fractal(x * 0.7, number * 3.0, 33, 3))
            foam = foam + 0.42 * step(10, 2, s) * (1 - 0.3 * p)
            foam = foam + 0.25 * step(0.8, 1, crest) * step(60, 14, s)
            edge, age = swash(x, t)
            film_z = ground(x, y) + 0.025
            shallow = step(1.6, 0.0, s)
            z = z * (1 - shallow) + np.maximum(z * 0.3, film_z) * shallow
            behind = s + edge  # how far a point lies on the sea's side of the running edge
            z = np.where(s < 0.4, np.where(behind > 0, np.minimum(z, film_z), film_z - 0.2), z)
            rim = np.exp(-((behind / 0.22) ** 2)) * step(0.9, 0.5, age)
            lace = 0.36 * step(0, 0.5, behind) * step(-0.1, -1.0, s) * step(1, 0.3, age)
            foam = np.where(s < 0.4, np.maximum(rim, lace), foam)
            sheet.set(np.maximum(z, np.where(s > 0.4, film_z - 0.1, z)), np.clip(foam, 0, 1))

        return update

    return build


# ------------------------------------------------------------------ falling water


class Fall:
    """A curtain of water between two heights; its texture falls as fast as water does."""

    def __init__(self, root, x0, x1, top, bottom, y, out=0.9, seed=1, colours=None):
        """Make the curtain.

        Args:
            root: What it hangs on.
            x0: Left edge.
            x1: Right edge.
            top: Height of the lip.
            bottom: Height of the water below.
            y: Distance of the lip.
            out: Speed over the lip, towards the camera.
            seed: Of the noise.
            colours: Two of them, for thick and thin water.
        """
        self.span, self.top, self.y, self.out, self.seed = (x0, x1), top, y, out, seed
        self.last = math.sqrt(2 * (top - bottom) / 9.81)
        fall, u = np.meshgrid(np.linspace(-0.12, self.last, 70), np.linspace(-1, 1, 60),
                              indexing="ij")  # fmt: skip
        self.fall, self.u = fall, u
        # the curtain draws together a little as it falls
        self.x = (x0 + x1) / 2 + u * (x1 - x0) / 2 * (1 - 0.06 * np.maximum(fall, 0))
        deep, pale = colours or ("#9fc3cc", "#ffffff")
        mat = bo.principled(pale, rough=0.45)
        split = bo.node(mat, "ShaderNodeSeparateXYZ")
        bo.link(mat, bo.node(mat, "ShaderNodeTexCoord").outputs["Object"], split.inputs[0])
        self.clock = bo.node(mat, "ShaderNodeValue").outputs[0]
        place = bo.node(mat, "ShaderNodeCombineXYZ")
        when = maths(mat, "SUBTRACT", attribute(mat, "fall"), self.clock)
        bo.link(mat, maths(mat, "MULTIPLY", split.outputs["X"], 2.0), place.inputs["X"])
        bo.link(mat, maths(mat, "MULTIPLY", when, 1.7), place.inputs["Y"])
        place.inputs["Z"].default_value = seed * 3.3
        thick = bo.noise(mat, place.outputs[0], 2.6, 5, 0.4)
        fine = bo.noise(mat, place.outputs[0], 9.0, 3)
        both = maths(mat, "ADD", maths(mat, "MULTIPLY", thick, 0.65),
                     maths(mat, "MULTIPLY", fine, 0.35))  # fmt: skip
        bo.base_colour(mat, bo.ramp(mat, both, [(0.4, deep), (0.53, pale)]))
        bo.bump(mat, both, 0.6, 0.15)
        seen = maths(mat, "ADD", both, attribute(mat, "edge"))
        bo.link(mat, bo.ramp(mat, seen, [(0.36, "#000000"), (0.46, "#ffffff")]),
                bo.shader_of(mat).inputs["Alpha"])  # fmt: skip
        self.sheet = Sheet(root, self.x, y - out * fall, 0.0, mat)
        for name, values in (("fall", fall), ("edge", 0.4 - 0.55 * step(0.72, 1.0, np.abs(u))
                                              - 0.2 * step(0.2, self.last, fall))):  # fmt: skip
            data = self.sheet.obj.data.attributes.new(name, "FLOAT", "POINT").data
            data.foreach_set("value", values.astype("f4").ravel())

    def spray(self, per_metre=1500, strength=1.6):
        """The drops that jump up where the curtain lands, as jets for `Jets`."""
        foot = self.y - self.out * self.last
        bottom = self.top - 4.905 * self.last**2
        x0, x1 = self.span
        return [((x, foot - 0.1, bottom), (0, -0.35, strength * k), 0.3)
                for x in np.arange(x0 + 0.15, x1, 0.3) for k in (0.7, 1.0, 1.4)]  # fmt: skip

    def loose(self):
        """Drops that fall beside and before the curtain, as jets."""
        x0, x1 = self.span
        return [((x, self.y - 0.05, self.top), (0, -self.out * 1.15, 0.3), 0.09)
                for x in np.arange(x0, x1 + 0.01, 0.25)]  # fmt: skip

    def set(self, t):
        """Let it fall up to the time t."""
        self.clock.default_value = t
        fall = np.maximum(self.fall, 0)
        z = self.top - 4.905 * fall**2
        lump = fractal(self.x * 1.8, (fall - t) * 5, self.seed, 3) - 0.5
        y = self.y - self.out * self.fall - 0.35 * lump * step(0, 0.4, fall)
        self.sheet.set(z + 0.03 * lump, x=self.x, y=y)


def cliff(root, mat, x0, x1, z0, z1, front, seed, rough=1.0, fine=0.14):
    """A rock wall; front(x, z) is the distance of its face without its relief."""
    x, z = flat(x0, x1, z0, z1, fine)
    ledges = 0.45 * (fractal(x * 0.5, z * 1.6, seed, 4) - 0.5)
    cracks = np.abs(fractal(x * 0.9 + 0.3 * z, z * 0.35, seed + 5, 4) - 0.5)
    y = front(x, z) + rough * (1.3 * (fractal(x * 0.3, z * 0.25, seed + 9, 3) - 0.5) + ledges
                               + 0.6 * step(0.08, 0.0, cracks))  # fmt: skip
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    bo.mesh(root, points, net(*x.shape), mat, 35, weld=False)


def forest_waterfall(clip):
    """A high waterfall that drops over a mossy cliff into a pool in the woods."""
    root = bo.empty("waterfall")
    rng = np.random.default_rng(clip.seed)
    moss = mottled("#3f3d38", "#77726a", 1.2, 0.85, "#4c5f2c", 0.05)

    def front(x, z):
        gap = 0.9 * np.exp(-((x / 1.7) ** 2))  # the water has worn a groove
        return 6.6 + gap - 0.04 * z * np.abs(x) * 0.5 - 0.09 * x**2 + 0.06 * z

    cliff(root, moss, -11, 11, -0.5, 8.1, front, 3)
    fall = Fall(root, -1.15, 1.2, 7.75, 0.0, 6.7, 1.1, 2)
    spray = Jets(root, fall.spray() + fall.loose(), drop_look(0.25), clip.seed, 110, 0.0, 0.028)
    water = Water("#2c4f4a", "#44705f", 0.07, 2.0, 0.5, boil=1.2)
    water.foam(2.5, 0.6)
    x, y = fan(2.5, 13, 1.1, 130, 150, at=(0, -6))
    sheet = Sheet(root, x, y, 0.0, water.mat, foam=True)
    for k in range(44):
        side = rng.choice((-1, 1))
        px = side * rng.uniform(2.0, 6.5)
        py = rng.uniform(-3.6, 5.6)
        if abs(px) < 1.6 + 0.28 * (py + 4):
            px = side * (2.0 + 0.3 * (py + 4) + rng.uniform(0, 1.5))
        shared(root, rock(k, moss, 0.7), [(px, py, rng.uniform(-0.2, 0.1), rng.uniform(0, 360),
                                           rng.uniform(0.5, 1.6))])  # fmt: skip
    top = mottled("#3c5a20", "#6d8c38", 1.5)
    px, py = flat(-14, 14, 7.2, 20, 0.5)
    Sheet(root, px, py, 7.55 + 0.5 * step(0.6, 2.5, np.abs(px)) + 0.1 * (py - 7), top)
    trees = [broadleaf(k, ("#264f1c", "#6a9a38")) for k in (21, 22, 23)] + [conifer(4)]
    for k in range(22):
        tx = rng.uniform(2, 12) * rng.choice((-1, 1))
        shared(root, trees[k % 4], [(tx, rng.uniform(8, 14), 8.1, rng.uniform(0, 360),
                                     rng.uniform(0.5, 0.85))])  # fmt: skip
    for k, (tx, ty, size) in enumerate([(-7.4, 1.5, 1.1), (7.8, 2.6, 1.2), (-9.5, 4, 1.4)]):
        shared(root, trees[k], [(tx, ty, 0, 70 * k, size)])
    n = 2600
    side = rng.choice((-1, 1), n)
    gy = rng.uniform(-4, 5.5, n)
    gx = side * (2.6 + 0.33 * (gy + 4) + rng.gamma(1.5, 0.7, n))
    blades(root, gx, gy, 0 * gx + 0.05, mottled("#2f5a1c", "#79a83c", 3), 4, 0.55, 0.035, 0.7)
    film.camera((0.9, -7.2, 2.1), (0, 3.2, 3.35), 25)

    def update(t):
        water.set(t)
        fall.set(t)
        spray.set(t)
        d = np.hypot((x - 0.05) / 1.5, y - 5.5)
        z = 0.05 * np.sin(3.2 * d - 5.5 * t) * np.exp(-d / 3.5)
        z += 0.10 * (fractal(x * 1.6, y * 1.6 + 1.5 * t, 5, 3) - 0.5) * np.exp(-d / 5)
        sheet.set(z, 1.05 * np.exp(-((d / 1.7) ** 2)) + 0.28 * np.exp(-d / 3.5))

    return update


def canyon_cascade(clip):
    """Broad low falls over three steps of red rock, with turquoise pools between them."""
    root = bo.empty("cascade")
    rng = np.random.default_rng(clip.seed)
    red = mottled("#7d5140", "#b0826a", 1.0, 0.85, "#c9a48a", 0.04)
    steps = [(-0.1, 1.15, 3.2, -3.2, 3.4), (1.15, 2.5, 6.4, -2.6, 4.3), (2.5, 4.4, 9.8, -3.6, 2.9)]
    falls, sheets, jets = [], [], []
    for k, (low, high, y, x0, x1) in enumerate(steps):

        def face(x, z, y=y, k=k):
            return y + 0.25 + 0.5 * np.sin(0.9 * x + 2 * k) * step(1, 3, np.abs(x))

        cliff(root, red, -13, 13, low - 0.3, high - 0.12, face, 4 + k, 0.25)
        middle = x0 + (x1 - x0) * (0.45 if k % 2 else 0.6)
        for left, right in ((x0, middle - 0.35), (middle + 0.3, x1)):
            fall = Fall(root, left, right, high + 0.02, low, y - 0.15, 0.75, k + 3)
            falls.append(fall)
            jets += fall.spray(strength=1.1)[::2]
        water = Water("#2f7f83", "#57aaa2", 0.06, 2.6, 0.4, boil=1.0)
        water.foam(3, 0.6)
        x, py = flat(-7, 7, y - 3.7 if k else -4.2, y + 0.35, 0.09)
        sheet = Sheet(root, x, py, low, water.mat, foam=True)
        sheets.append((water, sheet, x, py, low, y, x0, x1))
        for side in (-1, 1):
            for j in range(9):
                px = side * rng.uniform(4.2, 7.5)
                shared(root, rock(10 * k + j, red, 0.75), [
                    (px, y - rng.uniform(0, 3), low, rng.uniform(0, 360), rng.uniform(0.9, 2.2))
                ])  # fmt: skip
    # the river above the highest step
    water = Water("#2f7f83", "#57aaa2", 0.06, 2.6, 0.4)
    x, py = flat(-4, 4, 9.5, 16, 0.3)
    Sheet(root, x, py, 4.42, water.mat)
    for j in range(12):
        px = rng.uniform(-5, 5)
        shared(root, rock(70 + j, red, 0.6), [(px, rng.uniform(-3.4, -1) if abs(px) > 2.4 else 2.9,
               -0.15, rng.uniform(0, 360), rng.uniform(0.4, 1.0))])  # fmt: skip
    for side in (-1, 1):
        px, pz = flat(-4, 26, -1, 15, 0.3)
        away = 6.6 + 0.12 * px + 2.2 * (fractal(px * 0.25, pz * 0.6, 8 + side, 4) - 0.5)
        away = away + 0.35 * np.floor(pz / 1.7 + 0.4 * fractal(px * 0.3, 0 * px, 2))
        points = np.stack([side * away, px, pz], -1).reshape(-1, 3)
        bo.mesh(root, points, net(*px.shape), red, 35, weld=False)
    px, pz = flat(-14, 14, 4, 13, 0.3)
    py = 24 + 2 * (fractal(px * 0.3, pz * 0.6, 17, 4) - 0.5) + 4 * step(2, 0.5, np.abs(px))
    bo.mesh(root, np.stack([px, py, pz], -1).reshape(-1, 3), net(*px.shape), red, 35, weld=False)
    spray = Jets(root, jets, drop_look(0.2), clip.seed, 120, -0.1, 0.022)
    film.camera((-0.6, -5.6, 2.5), (0.1, 5, 1.75), 26)

    def update(t):
        for fall in falls:
            fall.set(t)
        spray.set(t)
        for water, sheet, px, py, low, y, x0, x1 in sheets:
            water.set(t)
            near = np.clip(np.minimum(px - x0, x1 - px) / 0.5 + 1, 0, 1)
            d = y - 0.45 - py
            z = 0.03 * np.sin(4 * d - 6 * t + np.sin(px)) * np.exp(-np.abs(d) / 1.5) * near
            foam = near * (np.exp(-((d / 0.5) ** 2)) + 0.3 * np.exp(-np.abs(d) / 1.5))
            sheet.set(low + z, foam)

    return update


# ------------------------------------------------------------------ rain


class Rain:
    """Rain on water: rings that spread, drops that jump up, streaks in the air."""

    def __init__(self, root, x, y, seed, per_second, reach=1.0, streaks=260, high=0.017):
        """Choose when and where the drops fall, inside the points x, y of the surface."""
        rng = np.random.default_rng(seed)
        n = int(per_second * 5.5)
        pick = rng.integers(0, x.size, n)
        self.at = np.stack([x.ravel()[pick], y.ravel()[pick]], 1) + rng.normal(0, 0.05, (n, 2))
        self.when = np.sort(rng.uniform(-1.6, 3.9, n))
        self.strong = rng.uniform(0.5, 1.2, n)
        self.x, self.y, self.reach, self.high = x, y, reach, high
        self.jumps = Drops(root, 6 * n, drop_look(0.1))
        self.throw = rng.normal(0, 1, (6, n, 3)) * [0.28, 0.28, 0.25] + [0, 0, 1.05]
        mat = bo.principled("#dfe6ea", rough=0.4, emit=0.15)
        bo.shader_of(mat).inputs["Alpha"].default_value = 0.22
        k = streaks
        self.air = np.stack([rng.uniform(-3, 3, k), rng.uniform(-0.6, 6, k), rng.uniform(0, 4, k)],
                            1)  # fmt: skip
        bottom = np.array([[-0.0022, 0, 0], [0.0022, 0, 0], [0.0022, 0, 0.3], [-0.0022, 0, 0.3]])
        self.shape = bottom
        points = (self.air[:, None] + bottom[None]).reshape(-1, 3)
        data = mesh_data([(points, np.arange(4 * k).reshape(-1, 4), mat)])
        self.lines = bo.attach(root, data)
        self.lines.visible_shadow = False

    def height(self, t):
        """Heights of the surface at the time t; moves drops and streaks as well."""
        z = np.zeros_like(self.x)
        life = 1.2
        for (px, py), when, strong in zip(self.at, self.when, self.strong, strict=True):
            age = t - when
            if not 0 < age < life:
                continue
            radius = 0.06 + 0.42 * age * self.reach
            wide = (0.045 + 0.03 * age) * self.reach
            near = np.abs(self.x - px) + np.abs(self.y - py) < 2 * radius + 0.4
            r = np.hypot(self.x[near] - px, self.y[near] - py) - radius
            fade = (1 - age / life) ** 1.5
            z[near] += self.high * strong * fade * np.exp(-((r / wide) ** 2)) * np.cos(
                math.pi * r / wide)  # fmt: skip
        age = t - self.when
        start = np.concatenate([self.at, np.zeros((len(self.at), 1))], 1)
        places, sizes = [], []
        for k in range(6):
            p = ballistic(start, self.throw[k] * self.strong[:, None], np.maximum(age, 0))
            places.append(p)
            sizes.append(np.where((age > 0) & (p[:, 2] > 0), 0.007 * self.strong, 0))
        self.jumps.set(np.concatenate(places), np.concatenate(sizes))
        air = self.air.copy()
        air[:, 2] = (air[:, 2] - 7.4 * t) % 4
        self.lines.data.vertices.foreach_set(
            "co", (air[:, None] + self.shape[None]).astype("f4").ravel())  # fmt: skip
        self.lines.data.update()
        return z


def lily_pads(root, count, seed, spots):
    """Round leaves with a notch and some white flowers; gives them."""
    rng = np.random.default_rng(seed)
    a = np.linspace(0.2, 2 * math.pi - 0.2, 22)
    disc = np.concatenate([[[0, 0, 0]], np.stack([np.cos(a), np.sin(a), 0.02 + 0 * a], 1)])
    faces = [(0, k, k + 1) for k in range(1, 22)]
    out = []
    for k in range(count):
        mat = mottled("#2f5f2a", "#5d8c3c", 3, 0.35, "#7a9a48")
        px, py = spots[k % len(spots)] + rng.normal(0, 0.55, 2)
        size = rng.uniform(0.1, 0.22)
        out += shared(root, mesh_data([(disc, faces, mat)]),
                      [(px, py, 0.012, rng.uniform(0, 360), size)])  # fmt: skip
        if k % 6 == 0:
            petals = []
            for ring, (tilt, n) in enumerate([(0.35, 9), (0.9, 7)]):
                for j in range(n):
                    b = 2 * math.pi * (j + 0.5 * ring) / n
                    way = np.array([math.cos(b) * math.cos(tilt), math.sin(b) * math.cos(tilt),
                                    math.sin(tilt)])  # fmt: skip
                    side = 0.03 * np.array([-math.sin(b), math.cos(b), 0])
                    petals += [0 * way, 0.06 * way + side, 0.12 * way, 0.06 * way - side]
            shape = (petals, np.arange(len(petals)).reshape(-1, 4),
                     bo.principled("#f7eef0", rough=0.5))  # fmt: skip
            shared(root, mesh_data([shape]), [(px + 0.1, py + 0.1, 0.03, 0, 1)])
    return out


def rainy_pond(clip):
    """Rain on a garden pond with water lilies and reeds."""
    root = bo.empty("pond")
    rng = np.random.default_rng(clip.seed)
    water = Water("#34443c", "#43564a", 0.05, 3, 0.12, boil=1.0)
    x, y = fan(1.0, 11, 0.75, 340, 270, at=(0, -1.2))
    sheet = Sheet(root, x, y, 0.0, water.mat)
    rain = Rain(root, x[60:], y[60:], clip.seed, 170, 1.15, 420)
    rain.x, rain.y = x, y
    spots = np.array([(-1.3, 2.2), (1.5, 2.9), (-0.4, 4.4), (2.6, 5.0), (-2.6, 4.8)])
    lily_pads(root, 44, 3, spots)
    soil = mottled("#4c5a2c", "#76864a", 2)

    def bank(px, py):
        return -0.4 + 0.75 * step(7.2, 8.6, py + 0.8 * fractal(px * 0.5, 0 * px, 4)) + (
            0.1 * fractal(px, py, 6) + 0.05 * np.maximum(py - 9, 0))  # fmt: skip

    px, py = flat(-14, 14, 6, 22, 0.25)
    Sheet(root, px, py, bank(px, py), soil)
    gx, gy, gz = scatter(rng, 1800, -8, 8, 6.9, 8.6, bank)
    blades(root, gx, gy, np.maximum(gz, -0.05), mottled("#3f5f24", "#86a04c", 3), 1, 1.15, 0.035,
           0.35)  # fmt: skip
    trees = [broadleaf(k, ("#2f5026", "#5f8442")) for k in (31, 32)]
    forest(root, 6, trees, 22, -15, 15, 12, 20, bank)
    film.camera((0, -1.6, 1.55), (0.05, 3.6, 0.1), 29)

    def update(t):
        water.set(t)
        sheet.set(rain.height(t))

    return update


def rainy_leaves(clip):
    """Rain on dark water with autumn leaves, seen from above."""
    root = bo.empty("puddle")
    rng = np.random.default_rng(clip.seed)
    water = Water("#2a2a2c", "#38352f", 0.04, 3, 0.1, boil=0.8)
    x, y = flat(-1.9, 1.9, -0.6, 3.2, 0.012)
    sheet = Sheet(root, x, y, 0.0, water.mat)
    rain = Rain(root, x, y, clip.seed, 75, 0.85, 140, 0.032)
    b = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    wide = 0.5 * np.sin(b) * (1 - 0.3 * np.cos(b)) * np.abs(np.sin(b)) ** 0.3  # pointed ends
    leaf = np.stack([np.cos(b), wide, 0.06 * np.cos(2 * b)], 1)
    colours = ("#c8641e", "#d99a2b", "#a8321e", "#8a4a22", "#e0b83c")
    leaves, home = [], []
    for k in range(46):
        mat = mottled(colours[k % 5], colours[(k + 1) % 5], 4, 0.4)
        px, py = rng.uniform(-1.8, 1.8), rng.uniform(-0.5, 3.1)
        data = mesh_data([(leaf, [list(range(24))], mat)])
        leaves += shared(root, data, [(px, py, 0, rng.uniform(0, 360), rng.uniform(0.06, 0.12))])
        home.append((px, py))
    stone = mottled("#5c5852", "#8b867c", 5, 0.5, "#6d7a52", 0.01)
    for k in range(26):
        b = 2 * math.pi * k / 26
        px, py = 2.15 * math.cos(b), 1.35 + 2.1 * math.sin(b)
        place = (px, py, -0.02, rng.uniform(0, 360), rng.uniform(0.4, 0.7))
        shared(root, rock(k, stone, 0.6), [place])
    ground = mottled("#4a4a30", "#6c6a3e", 4)
    bo.box(root, (30, 30, 0.1), ground, (0, 0, -0.1), 0)
    film.camera((0, -1.25, 2.15), (0, 1.1, 0), 30)
    bo.shader_of(water.mat).inputs["IOR"].default_value = 1.6  # mirrors the grey sky better

    def update(t):
        water.set(t)
        z = rain.height(t)
        sheet.set(z)
        for k, part in enumerate(leaves):
            px, py = home[k]
            i = int(np.clip((py + 0.6) / 3.8 * len(y), 0, len(y) - 1))
            j = int(np.clip((px + 1.9) / 3.8 * x.shape[1], 0, x.shape[1] - 1))
            part.location.z = 0.012 + 0.8 * z[i, j]
            part.rotation_euler[0] = 0.05 * math.sin(3 * t + k)

    return update


# ------------------------------------------------------------------ winter


def snowy_stream(clip):
    """A stream that winds towards us between snowy banks with firs."""
    root = bo.empty("stream")
    rng = np.random.default_rng(clip.seed)
    flow = 0.9
    water = Water("#1f3038", "#2c434a", 0.05, 2.6, 0.55, (1.3, 0.6, 1), (0, -flow, 0), 0.5)
    water.patches(2.2, (1.5, 0.6, 1), 0.38, "#e6eef2")
    x, y = flat(-6, 6, -2.5, 26, 0.14)
    sheet = Sheet(root, x, y, 0.0, water.mat)

    def middle(py):
        return 0.35 + 1.15 * np.sin(0.33 * py + 0.2) * step(-1, 4, py)

    def bank(px, py):
        off = np.abs(px - middle(py)) + 0.35 * (fractal(px * 0.8, py * 0.8, 5, 3) - 0.5)
        half = 1.15 + 0.02 * py
        return -0.3 + 0.75 * step(half - 0.25, half + 0.55, off) + (
            0.35 * fractal(px * 0.35, py * 0.35, 2, 3) * step(half, half + 2, off)
            + 0.05 * np.maximum(off - 4, 0))  # fmt: skip

    px, py = flat(-16, 16, -3, 40, 0.13)
    snow = bo.principled("#eef3f8", rough=0.85, spec=0.2)
    bo.bump(snow, bo.noise(snow, bo.coordinates(snow), 6, 4), 0.25, 0.03)
    Sheet(root, px, py, bank(px, py), snow)
    stone = mottled("#3c3c3e", "#77767a", 3, 0.7, relief=0.02)
    for k in range(26):
        sy = rng.uniform(-1, 18)
        sx = float(middle(sy)) + rng.choice((-1, 1)) * rng.uniform(0.75, 1.2)
        size = rng.uniform(0.25, 0.6)
        shape = rock(k, stone, 0.75)
        shared(root, shape, [(sx, sy, 0.02, 40 * k, size)])
        cap = rock(k, snow, 0.35)
        shared(root, cap, [(sx, sy, 0.02 + 0.27 * size, 40 * k, size * 0.82)])
    firs = [conifer(k, ("#16301f", "#2f5238"), 0.5) for k in (1, 2, 3)]
    spots = scatter(rng, 60, -15, 15, 5, 38, bank,
                    lambda a, b: np.abs(a - middle(b)) > 2.6)  # fmt: skip
    for k, (fx, fy, fz) in enumerate(zip(*spots, strict=True)):
        shared(root, firs[k % 3], [(fx, fy, fz - 0.1, 50 * k, rng.uniform(0.6, 1.2))])
    gx, gy, gz = scatter(rng, 350, -4, 4, -1, 9, bank,
                         lambda a, b: (bank(a, b) > 0.02) & (bank(a, b) < 0.45))  # fmt: skip
    blades(root, gx, gy, gz, mottled("#8a7442", "#b89c5e", 3), 2, 0.5, 0.02, 0.6)
    hills(root, 150, 26, "#a9b9c9", 4)
    film.camera((0.2, -2.2, 1.75), (0.35, 6, 0.35), 27)

    def update(t):
        water.set(t)
        q = y + flow * t
        sheet.set(0.035 * (fractal(x * 1.7, q * 1.2, 7, 3) - 0.5) * 2)

    return update


CLIPS = [
    Clip("water-03", "water", "waterfall-forest", "forest-waterfall", (), "Waterfall in a forest",
         "A high white waterfall drops over a mossy cliff into a pool; spray jumps up where it "
         "lands, and trees stand around.", "Falling water roars.", "waterfall:1",
         forest_waterfall, samples=6),
    Clip("water-04", "water", "cascade-canyon", "red-canyon", ("hard",),
         "Cascade in a red canyon",
         "Water falls over three broad steps of red rock into turquoise pools; there is no green.",
         "Falling water roars and splashes.", "waterfall:0.8 fountain:0.5", canyon_cascade,
         light="morning"),
    Clip("water-12", "water", "rain-lilies", "lily-pond", ("hard",), "Rain on a lily pond",
         "Rain falls on a pond with water lilies: drops jump up and rings spread everywhere.",
         "Rain patters.", "rain:1", rainy_pond, light="overcast"),
    Clip("water-13", "water", "rain-leaves", "leafy-pool", (), "Rain on water with autumn leaves",
         "Rain draws spreading rings on dark water, on which orange and yellow leaves float, "
         "seen from above.", "Rain patters.", "rain:1", rainy_leaves, light="overcast"),
    Clip("water-14", "water", "stream-snow", "snowy-stream", ("hard",),
         "Stream between snowy banks",
         "A dark stream flows towards the viewer between snowy banks with stones, dry grass and "
         "firs.", "The stream gurgles.", "river:1", snowy_stream, light="winter"),
    Clip("water-01", "water", "sea-noon", "sandy-beach", (), "Waves on a sandy beach",
         "Waves roll in from a blue sea, break into white foam and run up the sand.",
         "Surf hisses and rumbles.", "waves:1", sea(False)),
    Clip("water-02", "water", "sea-evening", "rocky-shore", (), "Evening surf at a rocky shore",
         "In low evening light waves break beside dark rocks and wash up the beach.",
         "Surf rumbles.", "waves:1", sea(True), light="evening"),
    Clip("water-05", "water", "fountain-park", "park-fountain", ("hard",),
         "Fountain in a park",
         "A round stone fountain in a park: a tall jet and a ring of arcs of water rise and fall "
         "back into the basin, in front of hedges and trees.", "Water splashes.", "fountain:1",
         park_fountain, samples=6),
    Clip("water-09", "water", "fountain-square", "town-square", (), "Lit fountain on a town square",
         "Three rows of lit jets spring from the wet paving of a town square at night, in front "
         "of houses with lit windows.", "Water splashes.", "fountain:1", square_fountain,
         light="lamps"),
    Clip("water-10", "water", "pool", "indoor-pool", ("motion-pair", "moving"),
         "Empty indoor pool",
         "The water of an empty indoor swimming pool ripples; the lane lines on its tiled floor "
         "wobble and the ropes of floats rock.", "Water laps softly in a large hall.",
         "river:1 hall", pool, samples=8, light="hall"),
    Clip("water-11", "water", "lake", "lake-meadow", ("motion-pair", "moving", "hard"),
         "Lake behind a meadow",
         "Wind drives ripples over a lake behind a green, flowering meadow; an empty rowing boat "
         "rocks beside a jetty.", "Small waves lap and the wind blows.", "river:0.7 wind:0.6",
         lake, light="morning"),
    Clip("water-06", "water", "river-clear", "clear-river", ("motion-pair", "moving", "rightward"),
         "Clear river, seen from the bank",
         "A clear blue-green river flows from left to right between grassy banks; foam and fallen "
         "leaves drift along.", "The river gurgles.", "river:1", river("clear"), samples=8),
    Clip("water-07", "water", "river-muddy", "muddy-river", ("motion-pair", "rightward", "hard"),
         "Muddy brown river",
         "A brown, muddy river carries foam and sticks from left to right between earth banks.",
         "The river gurgles and roars softly.", "river:1 waterfall:0.3", river("muddy"), samples=8,
         light="overcast"),
    Clip("water-08", "water", "river-dusk", "dusk-river", ("motion-pair", "rightward", "hard"),
         "River at dusk",
         "A dark river flows from left to right under an orange evening sky; foam drifts along.",
         "The river gurgles.", "river:1", river("dusk"), samples=8, light="dusk"),
]  # fmt: skip
