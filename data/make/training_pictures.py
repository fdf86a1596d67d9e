"""Render pictures to train on, with the generators of the course's media but none of their scenes.

    python data/make/training_pictures.py ../renders --rounds 0 60   render what is missing
    python data/make/training_pictures.py ../renders --check         hide what is too alike

Every picture has a seed, all of them far above the course's own. From it follow the object's kind,
form, colours and place, the table, lights and camera; the scenes of the places and of the clips get
other plants, ground, clothes, sky and camera. A round holds every kind, in mixed order, so that the
first pictures are as varied as all of them. `--check` compares them with the course's pictures and
hides those that are nearly copies (a dot before the name: neither read nor rendered again).

Rendering needs bpy, Pillow and numpy (see README.md here), `--check` the course's environment. The
pictures are neither shipped nor shown.
"""

import argparse
import colorsys
import csv
import multiprocessing
import random
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
FIRST = 1_000_000  # the course's own seeds are below 100,000
TIMES = {"pen": 4, "cup": 4, "pen and cup": 2, "place": 3, "film": 4, "other": 2}  # a round; else 3
VIEWS = 4  # pictures of a place's or film's scene, which takes long to build
# Things of these kinds also lie or stand together, this many cm apart.
APART = {"pen": 3, "spoon": 5, "screwdriver": 4, "syringe": 4, "key": 6, "cup": 12.5, "bottle": 10}
LYING = {"pen", "spoon", "screwdriver", "syringe", "key", "scissors"}


METALS = ("#c9cdd2", "#8f9398", "#5d5a56", "#c8b27a", "#8a6a3c", "#b87a52", "#3a3b3f")


def colour(rng, low=0.03, high=0.95, much=0.95):
    """A colour as '#rrggbb', one in three of them near grey, none stronger than `much`."""
    strong = rng.uniform(0, 0.12) if rng.random() < 0.33 else rng.uniform(0.35, 0.95)
    rgb = colorsys.hsv_to_rgb(rng.random(), min(strong, much), rng.uniform(low, high))
    return "#" + "".join(f"{round(255 * v):02x}" for v in rgb)


def pen(rng):
    """One of five builders of pens with its arguments."""
    a, b = colour(rng), colour(rng)
    return rng.choice([
        ("stick_pen", {"body": a, "cap": b, "ink": b, "clear": rng.random() < 0.4,
                       "capped": rng.random() < 0.5}),
        ("click_pen", {"body": a, "grip": rng.choice([b, None]), "brushed": rng.random() < 0.2,
                       "button": rng.choice([b, None]), "trim": colour(rng, 0.4)}),
        ("twist_pen", {"body": a, "trim": colour(rng, 0.4)}),
        ("fountain_pen", {"body": a, "trim": colour(rng, 0.5),
                          "cap": rng.choice(["beside", "posted"])}),
        ("marker", {"body": a, "barrel": rng.choice([a, b, "#f3f3f0"]),
                    "capped": rng.random() < 0.5}),
    ])  # fmt: skip


def mug(rng):
    """The arguments of a mug."""
    shape = rng.choice(["straight", "round", "conic", "tea", "espresso", "beaker", "enamel"])
    bands = [(0, colour(rng)), *((rng.uniform(1, 7), colour(rng)) for _ in range(4))]
    return {"shape": shape, "colour": colour(rng, 0.1), "inside": rng.choice([None, "#f1efe8"]),
            "drink": rng.choice([None, "coffee", "tea", "milk coffee"]),
            "saucer": shape in ("tea", "espresso") and rng.random() < 0.7,
            "speckle": rng.choice([None, None, colour(rng)]), "level": rng.uniform(0.5, 0.9),
            "bands": sorted(bands) if rng.random() < 0.25 else None,
            "printed": rng.choice(["pen", "heart"] + [None] * 7),
            "clear": rng.random() < 0.08}  # fmt: skip


def thing(kind, rng):
    """A builder of blender_objects and its arguments for an object of this kind."""
    a, b, n = colour(rng), colour(rng), rng.randrange(FIRST, 9 * FIRST)
    title = " ".join(rng.sample(["ART", "SKY", "NEW", "TREES", "HOME", "SUN", "TALES", "MAPS"], 2))
    if kind == "pen":
        return pen(rng)
    if kind == "cup":
        return rng.choice([("mug", mug(rng))] * 6 + [
            ("paper_cup", {"colour": a, "sleeve": rng.choice([b, None]), "lid": colour(rng)}),
            ("paper_cup", {"colour": a, "count": rng.randint(2, 7)}),
            ("travel_mug", {"colour": a, "lid": b, "grip": rng.random() < 0.6})])  # fmt: skip
    if kind == "pen and cup":
        cup = mug(rng) | {"shape": rng.choice(["straight", "conic", "enamel"]), "saucer": False}
        return "pens_in_cup", {"cup": cup, "pens": [pen(rng) for _ in range(rng.randint(1, 5))]}
    if kind == "other":
        return rng.choice(
            [
                ("pencil", {"colour": a}),
                ("fruit", {"kind": rng.choice(["apple", "orange", "lemon"])}),
            ]
        )
    return {
        "scissors": ("scissors", {"colour": a, "opening": rng.uniform(4, 75),
                                  "steel": rng.choice(METALS), "size": rng.uniform(0.7, 1.2)}),
        "bottle": ("bottle", {"kind": rng.choice(["water", "wine", "oil", "beer", "cork", "milk",
                                                  "sport", "sauce", "spray"])}),
        "bowl": ("bowl", {"shape": rng.choice(["wide", "flat", "deep", "cuplike"]), "colour": a,
                          "fill": rng.choice([None, "fruit", "lemons", "soup", "flakes"]),
                          "inside": rng.choice([None, b]), "timber": rng.random() < 0.2,
                          "speckle": rng.choice([None, b]), "seed": n}),
        "screwdriver": ("screwdriver", {"colour": a, "dark": b, "length": rng.uniform(5, 13),
                                        "cross": rng.random() < 0.5,
                                        "slim": rng.uniform(0.5, 1.1)}),
        "key": rng.choice([("house_key", {"seed": n, "bow": rng.choice(["round", "hex", "oval"])}),
                           ("skeleton_key", {"colour": rng.choice(METALS)}), ("key_bunch", {})]),
        "book": rng.choice([
            ("closed_book", {"colour": a, "title": title, "band": rng.choice([None, b]),
                             "size": tuple(rng.uniform(*r) for r in ((10, 17), (15, 23), (1, 5)))}),
            ("open_book", {"image": "page", "cover": a}),
            ("book_stack", {"seed": n, "count": rng.randint(2, 6)})]),
        "ball": rng.choice([("marbles", {})] + [("ball", {
            "kind": k, "turn": [rng.uniform(0, 360) for _ in range(3)]})
            for k in ("football", "basketball", "tennis", "baseball", "beach", "golf")]),
        "pencil pot": ("pencil_pot", {"pot": rng.choice(["mesh", "wood", "ceramic", "tin"]),
                                      "count": rng.randint(3, 11), "seed": n}),
        "syringe": ("syringe", {"fluid": rng.choice([None, a]), "plunger": rng.uniform(0.5, 5.5),
                                "rod": b, "needle": rng.random() < 0.8}),
        "spoon": ("spoon", {"colour": rng.choice(METALS), "size": rng.uniform(0.8, 1.4),
                            "timber": rng.random() < 0.4}),
        "lamp": ("desk_lamp", {"colour": a, "lit": rng.random() < 0.6}),
    }[kind]  # fmt: skip


KINDS = ("pen", "cup", "pen and cup", "scissors", "bottle", "bowl", "screwdriver", "key", "book",
         "ball", "pencil pot", "syringe", "spoon", "lamp", "other", "place", "film")  # fmt: skip


def jobs(number):
    """The (kind, seed) pairs of a round, in mixed order."""
    kinds = [kind for kind in KINDS for _ in range(TIMES.get(kind, 3))]
    random.Random(number).shuffle(kinds)
    return [(kind, FIRST + 100 * number + k) for k, kind in enumerate(kinds)]


def hidden(path):
    """The name of a picture that was too alike."""
    return path.with_name(f".{path.name}")


def make_round(folder, number):
    """Render what a round lacks and note it in the index."""
    sys.path.insert(0, str(HERE))
    import blender_training

    for kind, seed in jobs(number):
        stem = f"{seed}-{kind.replace(' ', '-')}"  # new ones stand behind old ones
        scene = kind in ("place", "film")
        paths = [folder / f"{stem}-{view}.webp" for view in range(VIEWS)] if scene else [
            folder / f"{stem}.webp"]  # fmt: skip
        start = time.time()
        try:
            if all(path.exists() or hidden(path).exists() for path in paths):
                continue
            if scene:
                blender_training.scene_pictures(kind, seed, paths)
            else:
                blender_training.table_picture(kind, seed, paths[0])
        except Exception as error:  # report it and go on with the other pictures
            print(f"FAILED {stem} {error!r}", flush=True)
            continue
        with (folder / "index.csv").open("a", newline="") as file:
            csv.writer(file).writerows((path.name, kind, seed) for path in paths)
        print(f"{stem} {time.time() - start:.1f} s", flush=True)


# ------------------------------------------------------------------ comparing


def outline(picture):
    """128 bits: which of 8 x 8 cells are brighter than the mean, and than the one to the left."""
    grey = picture.convert("L")
    cells = np.asarray(grey.resize((8, 8), Image.Resampling.BOX), float)
    wider = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), float)
    return np.concatenate([(cells > cells.mean()).ravel(), (np.diff(wider) > 0).ravel()])


def too_alike(pictures, course, encode):
    """Find pictures that are nearly copies of the course's.

    Edited copies in the course (cropped, recoloured, mirrored) differ from their originals in 0 to
    27 bits, with cosines from 0.97; a picture and its mirror image count as the same.

    Args:
        pictures: paths of pictures.
        course: paths of the course's pictures.
        encode: an image encoder's function from paths to rows of unit length.

    Returns:
        For each picture the path of the course's picture that it is too much like, or None.
    """
    if not pictures:
        return []
    mine = np.array([outline(Image.open(path)) for path in pictures])
    theirs = [Image.open(path).convert("RGB") for path in course]
    both = (np.array([outline(turn(p)) for p in theirs]) for turn in (lambda p: p, ImageOps.mirror))
    bits = np.min([(mine[:, None] != one[None]).sum(2) for one in both], axis=0)
    cosine = encode(pictures) @ encode(course).T
    copy = (bits <= 12) | (cosine >= 0.96) | ((bits <= 24) & (cosine >= 0.85))
    return [course[np.where(row, cosine[i], -2).argmax()] if row.any() else None
            for i, row in enumerate(copy)]  # fmt: skip


def check(folder):
    """Hide the pictures of a folder that are too much like one of the course's."""
    from course_utils.catalog import DATA
    from course_utils.encoders import ImageEncoder

    course = sorted([*DATA.glob("images/**/*.jpg"), *DATA.glob("videos/posters/*.jpg")])
    pictures = sorted(folder.glob("[!.]*.webp"))
    for path, original in zip(pictures, too_alike(pictures, course, ImageEncoder().encode),
                              strict=True):  # fmt: skip
        if original:
            path.rename(hidden(path))
            print(f"{path.name} is too much like {original.relative_to(DATA)}", flush=True)
    print(f"{len(pictures):,} pictures compared with {len(course)} of the course")


def main():
    """Read the arguments; render or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, nargs=2, default=(0, 60), metavar=("FROM", "TO"))
    parser.add_argument("--check", action="store_true", help="hide what is like the course's")
    args = parser.parse_args()
    if args.check:
        return check(args.folder)
    args.folder.mkdir(parents=True, exist_ok=True)
    for number in range(*args.rounds):
        # a process of its own gives its memory back, and may break without an end to all
        work = multiprocessing.get_context("spawn").Process(
            target=make_round, args=(args.folder, number))  # fmt: skip
        work.start()
        work.join()
        print(f"round {number} ended with {work.exitcode}", flush=True)


if __name__ == "__main__":
    main()
