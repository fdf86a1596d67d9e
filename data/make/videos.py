"""Make the clip collection of the course: rendered frames, soundtracks, variants, catalogue rows.

    python data/make/videos.py                   render what is missing, write data/catalog.csv
    python data/make/videos.py --only water-03   make one clip (with its variants) if missing
    python data/make/videos.py --partial         render nothing, use the clips whose frames exist
    python data/make/videos.py --check           measure the finished files and stop

The plan is in blender_children.py and blender_water.py, one Clip each. Two kinds of variants cost
no rendering: `-still` holds one frame and `-back` plays the frames in reverse order; both keep the
soundtrack of their original, so that the motion is the only difference. Needs bpy, Pillow, numpy,
scipy, soundfile and av (see README.md here); the course itself never runs this.
"""

import argparse
import csv
import io
import multiprocessing
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from PIL import Image
from scipy import signal

HERE = Path(__file__).resolve().parent
DATA = HERE.parent
sys.path.insert(0, str(HERE))

import audio  # noqa: E402
import blender_film as film  # noqa: E402

COLUMNS = "path,kind,label,role,source,setting,tags,caption,alt,license,made".split(",")
MADE = "{}, soundtrack synthesised{}, by data/make/videos.py"
VOICES = " with voices of Kokoro-82M (Apache-2.0)"
BOTH = "children and water"  # belongs to both families
LOUD = -21  # level of the soundtracks in decibels below full scale
TURNED = {
    "rightward": ("leftward", "moved from left to right now moves from right to left"),
    "clockwise": ("anticlockwise", "turned clockwise now turns anticlockwise"),
}


# ------------------------------------------------------------------ the plan


def plan():
    """All rendered clips, then the variants that are made from their frames."""
    import blender_children
    import blender_water

    clips = list(blender_children.CLIPS) + list(blender_water.CLIPS)
    clips.sort(key=lambda clip: (clip.label == BOTH, clip.label, clip.id))
    clips = [replace(clip, tags=tags_of(clip)) for clip in clips]
    clips += [variant for clip in clips for variant in variants(clip)]
    return [replace(clip, tags=(*clip.tags, heard(clip))) for clip in clips]


def tags_of(clip):
    """The tags of a clip; one that has a variant is half of a motion pair."""
    tags = [tag for tag in clip.tags if tag != "motion-pair"]
    paired = "moving" in tags or TURNED.keys() & set(tags)
    return ("motion-pair", *tags) if paired else tuple(tags)


def heard(clip):
    """The tag that names the main sound of a clip: the first maker of its soundtrack."""
    return f"heard-{clip.sound.split()[0].partition(':')[0]}"


def variants(clip):
    """The variants that a clip's tags ask for."""
    name = f"{clip.id} ({clip.caption[0].lower()}{clip.caption[1:]})"
    side = next((tag for tag in clip.tags if tag in TURNED), None)
    other = tuple(tag for tag in clip.tags if tag not in ("motion-pair", "moving", side))
    if "moving" in clip.tags:
        yield replace(clip, id=f"{clip.id}-still", like=clip.id, how="still",
                      tags=("motion-pair", "still", *other), caption=f"{clip.caption}, held still",
                      alt=f"One picture of {name} is held for the whole clip, so nothing "
                      "moves.", poster=clip.held)  # fmt: skip
    if side:
        turned, words = TURNED[side]
        yield replace(clip, id=f"{clip.id}-back", like=clip.id, how="back",
                      tags=("motion-pair", turned, *other), caption=f"{clip.caption}, backwards",
                      alt=f"The clip {name} is played backwards: what {words}.",
                      poster=clip.count + 1 - clip.poster)  # fmt: skip


def frames_of(clip, folder):
    """The frames of a clip or variant in the order in which they are shown, or None."""
    paths = [folder / (clip.like or clip.id) / f"{n:04}.png" for n in range(1, clip.count + 1)]
    if not all(path.exists() for path in paths):
        return None
    if clip.how == "still":
        return [paths[clip.held - 1]] * len(paths)
    return paths[::-1] if clip.how == "back" else paths


# ------------------------------------------------------------------ sound


def hall(rng, sound):
    """Put a sound into a large tiled hall: the echo is as loud as the sound."""
    size = int(2.2 * audio.RATE)
    tail = audio.noise(rng, 2.2, 2) * 10 ** (-3 * np.arange(size) / size)
    tail /= np.sqrt((tail**2).sum())
    twice = np.concatenate([sound, sound])  # so that the echo is there from the first moment
    return sound + signal.fftconvolve(twice, tail)[len(sound) : 2 * len(sound)]


def soundtrack(clip):
    """Mix what a clip's `sound` names to a mono track as long as the clip."""
    mixed, echo = np.zeros(3 * audio.RATE), False
    for number, word in enumerate(clip.sound.split()):
        if word == "hall":
            echo = True
            continue
        name, _, loudness = word.partition(":")
        # the name of the original first: the audio files of the collection have other seeds
        rng = np.random.default_rng([*(clip.like or clip.id).encode(), number])
        maker, _ = audio.EVERYDAY[name]
        sound = maker(rng)
        mixed += float(loudness or 1) * sound / np.sqrt((sound**2).mean())
    if echo:
        mixed = hall(np.random.default_rng(7), mixed)
    mixed = mixed[: round(clip.seconds * audio.RATE)]
    mixed *= 10 ** (LOUD / 20) / np.sqrt((mixed**2).mean())
    mixed = 0.9 * np.tanh(mixed / 0.9)  # rounds single loud peaks off
    fade = np.linspace(0, 1, int(0.01 * audio.RATE))
    mixed[: len(fade)] *= fade
    mixed[-len(fade) :] *= fade[::-1]
    return mixed.astype("f4")


# ------------------------------------------------------------------ files


def mux(clip, frames, path):
    """Write an MP4 file: H.264 with a keyframe a second, AAC."""
    pictures = [np.asarray(Image.open(name).convert("RGB")) for name in frames]
    sound = soundtrack(clip)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}  # no program names, no dates
    with av.open(str(path), "w", options=options) as file:
        video = file.add_stream("libx264", rate=clip.fps)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "21", "preset": "slow", "threads": "1", "flags": "+bitexact",
                         "x264-params": f"keyint={clip.fps}:scenecut=0"}  # fmt: skip
        track = file.add_stream("aac", rate=audio.RATE, layout="mono")
        track.bit_rate = 64000
        track.options = {"flags": "+bitexact"}
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = number
            file.mux(video.encode(frame))
        for start in range(0, len(sound), 1024):
            piece = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "fltp", "mono")
            piece.sample_rate, piece.pts = audio.RATE, start
            file.mux(track.encode(piece))
        file.mux(video.encode())
        file.mux(track.encode())


def make_files(clip, frames):
    """Write a clip and its poster."""
    mux(clip, frames, DATA / f"videos/{clip.id}.mp4")
    poster = DATA / f"videos/posters/{clip.id}.jpg"
    poster.parent.mkdir(exist_ok=True)
    picture = Image.open(frames[min(clip.poster, len(frames)) - 1]).convert("RGB")
    picture.save(poster, quality=84, optimize=True)


def check(clip, folder):
    """Read a clip back and tell what is in it."""
    path = DATA / f"videos/{clip.id}.mp4"
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        rate, length = stream.average_rate, file.duration / 1e6
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    with av.open(str(path)) as file:
        pieces = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
    sound = np.concatenate(pieces)
    power = np.abs(np.fft.rfft(sound)) ** 2
    centre = (power * np.fft.rfftfreq(len(sound), 1 / audio.RATE)).sum() / power.sum()
    level = 20 * np.log10(np.sqrt((sound**2).mean()) + 1e-9)
    change = np.mean([np.abs(np.subtract(a, b, dtype="f4")).mean()
                      for a, b in zip(pictures, pictures[1:], strict=False)])  # fmt: skip
    first = frames_of(clip, folder)
    error = float("nan")
    if first:
        error = np.abs(np.subtract(Image.open(first[0]).convert("RGB"), pictures[0], dtype="f4"))
        error = error.mean()
    height, width = pictures[0].shape[:2]
    wrong = len(pictures) != clip.count or rate != clip.fps or abs(length - clip.seconds) > 0.1
    return (f"{clip.id:18} {len(pictures)} frames {float(rate):.0f}/s {length:.2f} s "
            f"{width}x{height} {path.stat().st_size / 1e3:5.0f} kB  sound {level:6.1f} dB "
            f"centre {centre:5.0f} Hz {len(sound) / audio.RATE:.2f} s  first frame off by "
            f"{error:.1f}, change {change:.2f}{'  WRONG' if wrong else ''}")  # fmt: skip


def row(clip):
    """The catalogue row of a clip."""
    how = f"Made from the frames of {clip.like}" if clip.like else (
        "Rendered with Blender 5.0.1 (Cycles)")  # fmt: skip
    voices = VOICES if "playground" in clip.sound else ""
    role = "motion" if clip.like else "both" if clip.label == BOTH else "item"
    return {"path": f"videos/{clip.id}.mp4", "kind": "video", "label": clip.label,
            "role": role, "source": clip.source, "setting": clip.setting,
            "tags": ";".join(clip.tags), "caption": clip.caption,
            "alt": f"{clip.alt} {clip.heard}", "license": "CC-BY-4.0",
            "made": MADE.format(how, voices)}  # fmt: skip


def write_catalog(clips):
    """Replace the video rows of catalog.csv; all other lines stay as they are."""
    path = DATA / "catalog.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kinds = [next(csv.reader([line]))[1] for line in lines]
    kept = [line for line, kind in zip(lines, kinds, strict=True) if kind != "video"]
    audio_rows = [line for line in kept if next(csv.reader([line]))[1] == "audio"]
    others = kept[: len(kept) - len(audio_rows)]
    new = io.StringIO()
    writer = csv.DictWriter(new, COLUMNS, lineterminator="\n")
    writer.writerows(row(clip) for clip in clips if (DATA / f"videos/{clip.id}.mp4").exists())
    path.write_text("".join(others) + new.getvalue() + "".join(audio_rows), encoding="utf-8")


# ------------------------------------------------------------------ command line


def render_one(job):
    """Render one clip in a worker process."""
    name, folder = job
    clip = next(clip for clip in plan() if clip.id == name)
    start = time.time()
    try:
        film.render_clip(clip, folder)
    except Exception as error:  # report it and go on with the other clips
        return f"FAILED {name} {error!r}"
    return f"{name} {time.time() - start:.0f} s"


def main():
    """Read the arguments, render and join what is asked for, write the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="ID", help="clip ids, such as water-03")
    parser.add_argument("--frames", type=Path, default=DATA.parents[1] / "course-frames",
                        help="folder for the rendered frames")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2, help="clips rendered at the same time")
    parser.add_argument("--partial", action="store_true", help="render nothing")
    parser.add_argument("--force", action="store_true", help="make video files again that exist")
    parser.add_argument("--check", action="store_true", help="measure the files and stop")
    parser.add_argument("--list", action="store_true", help="print the plan and stop")
    args = parser.parse_args()
    clips = plan()
    unknown = set(args.only or ()) - {clip.id for clip in clips}
    if unknown:
        parser.error(f"no such clip: {', '.join(sorted(unknown))}")
    asked = [clip for clip in clips if not args.only or {clip.id, clip.like} & set(args.only)]
    if args.list:
        for c in asked:
            print(c.id, c.label, c.source, c.setting, ";".join(c.tags), c.caption, sep="\t")
        return
    if args.check:
        for clip in asked:
            if (DATA / f"videos/{clip.id}.mp4").exists():
                print(check(clip, args.frames), flush=True)
        return
    if not args.partial:
        jobs = [(c.like or c.id, args.frames) for c in asked if not frames_of(c, args.frames)]
        jobs = list(dict.fromkeys(jobs))
        with multiprocessing.get_context("spawn").Pool(args.jobs, maxtasksperchild=1) as pool:
            for done, line in enumerate(pool.imap_unordered(render_one, jobs), 1):
                print(f"{done}/{len(jobs)} {line}", flush=True)
    for clip in asked:
        frames = frames_of(clip, args.frames)
        if frames and (args.force or not (DATA / f"videos/{clip.id}.mp4").exists()):
            make_files(clip, frames)
            print(check(clip, args.frames), flush=True)
    write_catalog(clips)


if __name__ == "__main__":
    main()
