"""What the clips of the collection share: the plan's row, light and sky, camera, rendering.

One Blender unit is one metre here, x runs to the right, y away from the camera, z up. A clip's
`build(clip)` makes its scene and sets the camera; it returns a function that is called with the
time in seconds before each frame and moves things, or None where nothing more is to be done.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import blender_objects as bo
import blender_scenes as scenes
import bpy
from mathutils import Vector

SIZE = (320, 240)


@dataclass
class Clip:
    """One row of the plan.

    Attributes:
        id: File name without suffix, such as "water-03".
        label: "water", "children playing" or "children and water".
        source: The physical scene; clips of the same scene share it.
        setting: The place, such as "muddy-river".
        tags: Tags of the catalogue. "moving" asks for a variant that stands still, "rightward"
            and "clockwise" for one that is played backwards.
        caption: At most 48 characters; at most 32 where a variant is asked for.
        alt: What is seen and what moves, in full sentences. `heard` is added by videos.py.
        heard: What is heard, one full sentence.
        sound: Makers of audio.py with their loudness, such as "playground:1 swing:0.5"; a word
            "hall" puts all of it into a large room.
        build: Makes the scene and returns an update function or None.
        seconds: Length.
        fps: Frames a second.
        light: A key of SKIES.
        samples: Render samples a pixel.
        held: The frame that the variant without motion holds, counted from 1.
        poster: The frame shown before the clip is played, counted from 1.
    """

    id: str
    label: str
    source: str
    setting: str
    tags: tuple
    caption: str
    alt: str
    heard: str
    sound: str
    build: Callable
    seconds: float = 3.0
    fps: int = 16
    light: str = "noon"
    samples: int = 4
    held: int = 1
    poster: int = 24
    like: str | None = None
    how: str | None = None

    @property
    def count(self):
        """Number of frames."""
        return round(self.seconds * self.fps)

    @property
    def seed(self):
        """A number that follows from the id, so that a rerun makes the same clip."""
        return zlib.crc32(self.id.encode()) % 100000


# ------------------------------------------------------------------ light and sky

# zenith, horizon, cloud colour and amount, strength of the sky; sun: elevation, azimuth, strength,
# colour, apparent size in degrees (larger: softer shadows); exposure in stops
SKIES = {
    "noon": ("#2f6fc4", "#bcd9ee", "#ffffff", 0.35, 0.95, (56, 215, 3.8, "#fff4e2", 1.0), 0.0),
    "morning": ("#4f86c6", "#e6e4da", "#fff6ea", 0.4, 0.9, (30, 330, 3.4, "#ffe3bd", 1.5), 0.1),
    "evening": ("#3a5f9c", "#f3bf86", "#ffcf9a", 0.45, 0.6, (12, 200, 3.6, "#ffb066", 1.5), 0.3),
    "overcast": ("#a9b3bc", "#d9dee1", "#c3cad0", 0.9, 1.15, (60, 250, 0.7, "#ffffff", 25), 0.1),
    "winter": ("#8fa9c4", "#e6ecf1", "#eef2f5", 0.7, 0.95, (24, 230, 1.9, "#fff0dc", 4), -0.1),
    "dusk": ("#1d2c52", "#d98a63", "#8a6a80", 0.5, 0.9, (7, 60, 1.2, "#ff9a5c", 6), 1.3),
    "lamps": ("#121c3a", "#3a4570", "#2a3150", 0.5, 0.9, (30, 240, 0.3, "#9fb4e0", 6), 1.2),
    "hall": ("#f1ece2", "#e4ded2", "#f1ece2", 0.0, 0.55, None, 0.2),
}


def area(location, target, size, watts, colour="#ffffff"):
    """A square area lamp, for halls and lamp light."""
    data = bpy.data.lights.new("area", "AREA")
    data.shape, data.size, data.energy = "SQUARE", size, watts
    data.color = bo.linear(colour)[:3]
    obj = bpy.data.objects.new("area", data)
    bpy.context.scene.collection.objects.link(obj)
    obj.location = location
    way = Vector(target) - Vector(location)
    obj.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()
    return obj


def sky(kind):
    """Set the sky, the sun and the exposure."""
    zenith, horizon, cloud, cover, strength, lamp, exposure = SKIES[kind]
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    world.cycles.sampling_method = "MANUAL"  # the map of the sky is made anew for every frame
    world.cycles.sample_map_resolution = 128
    tree = world.node_tree

    def new(kind, **inputs):
        node = tree.nodes.new(kind)
        for key, value in inputs.items():
            node.inputs[key].default_value = value
        return node

    def tones(value, stops):
        node = new("ShaderNodeValToRGB")
        for element, (position, colour) in zip(node.color_ramp.elements, stops, strict=True):
            element.position, element.color = position, bo.linear(colour)
        tree.links.new(value, node.inputs["Fac"])
        return node.outputs["Color"]

    coord = new("ShaderNodeTexCoord").outputs["Generated"]
    split = new("ShaderNodeSeparateXYZ")
    tree.links.new(coord, split.inputs[0])
    # Generated points from the centre outwards: z is 0 at the horizon and 1 overhead
    colour = tones(split.outputs["Z"], [(0.0, horizon), (0.55, zenith)])
    if cover:
        flat = new("ShaderNodeMapping")
        flat.inputs["Scale"].default_value = (1, 1, 3.2)
        tree.links.new(coord, flat.inputs["Vector"])
        puffs = new("ShaderNodeTexNoise", Scale=2.6, Detail=5.0)
        tree.links.new(flat.outputs[0], puffs.inputs["Vector"])
        edge = 0.72 - 0.4 * cover
        mask = tones(puffs.outputs[0], [(edge, "#000000"), (edge + 0.16, "#ffffff")])
        mixed = new("ShaderNodeMix")
        mixed.data_type = "RGBA"
        tree.links.new(mask, mixed.inputs[0])
        tree.links.new(colour, mixed.inputs[6])
        mixed.inputs[7].default_value = bo.linear(cloud)
        colour = mixed.outputs[2]
    back = tree.nodes["Background"]
    back.inputs["Strength"].default_value = strength
    tree.links.new(colour, back.inputs["Color"])
    bpy.context.scene.view_settings.exposure = exposure
    if lamp:
        elevation, azimuth, brightness, colour, size = lamp
        scenes.sun(elevation, azimuth, brightness, bo.linear(colour)[:3], size)


# ------------------------------------------------------------------ camera


def camera(location, target, lens=35.0):
    """Set the camera; gives its object, so that an update can move it (see `look`)."""
    data = bpy.data.cameras.new("camera")
    obj = bpy.data.objects.new("camera", data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj
    data.lens, data.clip_start, data.clip_end = lens, 0.05, 2000
    look(obj, location, target)
    return obj


def look(obj, location, target):
    """Put a camera somewhere and turn it to a target."""
    obj.location = location
    way = Vector(target) - Vector(location)
    obj.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()


# ------------------------------------------------------------------ rendering


def prepare(clip, threads=1, scale=1.0):
    """Empty the file, set up rendering, build the clip's scene; gives its update function."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = clip.samples
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    cycles.seed = clip.seed  # the same for all frames: what does not move does not flicker either
    cycles.max_bounces = 3
    cycles.diffuse_bounces = 1
    cycles.glossy_bounces = 2
    cycles.transmission_bounces = 2
    cycles.transparent_max_bounces = 6
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 3
    cycles.use_light_tree = False
    scene.render.use_persistent_data = True
    scene.render.threads_mode = "FIXED"
    scene.render.threads = threads
    scene.render.fps = clip.fps
    scene.frame_start, scene.frame_end = 1, clip.count
    scene.render.resolution_x = int(SIZE[0] * scale)
    scene.render.resolution_y = int(SIZE[1] * scale)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.compression = 30
    sky(clip.light)
    return clip.build(clip)


def render_clip(clip, folder, threads=1, frames=None, scale=1.0):
    """Render the missing frames of a clip to folder/<id>/0001.png and so on.

    Args:
        clip: The clip.
        folder: Where the clips' folders are.
        threads: Processor cores to use.
        frames: Numbers of the frames to render, from 1; None means all.
        scale: Below 1 for a small preview.
    """
    folder = Path(folder) / clip.id
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(frames or range(1, clip.count + 1))
    wanted = [n for n in wanted if not (folder / f"{n:04}.png").exists()]
    if not wanted:
        return
    update = prepare(clip, threads, scale)
    scene = bpy.context.scene
    for n in wanted:
        scene.frame_set(n)
        if update:
            update((n - 1) / clip.fps)
        unfinished = folder / "unfinished.png"  # so that a frame that exists is a whole one
        scene.render.filepath = str(unfinished)
        bpy.ops.render.render(write_still=True)
        unfinished.replace(folder / f"{n:04}.png")
