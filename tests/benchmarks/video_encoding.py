"""How fast are videos encoded, how well, and in how much memory? Ratios measured in one run.

Run it on an otherwise idle machine:

    uv run python tests/benchmarks/video_encoding.py

The ways take turns on the course's clips, several times; medians are printed, and the range of the
rounds:

    network   the encoder's own network on clips that are ready
    encoder   VideoEncoder.encode, from files to vectors
    recipe    every frame read, resized to 224 x 224, the whole film through the network at once

Then a film of ten minutes at 1080p is encoded in a process of its own, beside one of ten seconds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torchvision.models.video import R3D_18_Weights, r3d_18
from turns import ratio, seconds_of

from course_utils.catalog import Catalog
from course_utils.encoders import FRAME_RATE, FRAMES, VideoEncoder
from course_utils.evaluation import evaluate
from course_utils.media import read_frames
from course_utils.weights import load_weights

MEMORY = """
import sys
from course_utils.encoders import VideoEncoder
vectors = VideoEncoder(device="cpu").encode(sys.argv[1:])
lines = dict(line.split(":") for line in open("/proc/self/status"))
print(len(vectors), *(int(lines[name].split()[0]) / 1e6 for name in ("VmHWM", "RssFile")))
"""


def recipe(paths, network) -> np.ndarray:
    """Encode as the simplest recipe does: every frame, 224 x 224, one film at a time."""
    steps = R3D_18_Weights.KINETICS400_V1.transforms()
    mean, deviation = (torch.tensor(x).view(3, 1, 1, 1) for x in (steps.mean, steps.std))
    rows = []
    for path in paths:
        film, frames = cv2.VideoCapture(str(path)), []
        while True:
            found, frame = film.read()
            if not found:
                break
            frames.append(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (224, 224)))
        clip = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2) / 255
        with torch.no_grad():
            rows.append(network(((clip - mean) / deviation)[None]).flatten().numpy())
    rows = np.stack(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def long_film(path: Path, seconds: int, width: int = 1920, height: int = 1080) -> Path:
    """Write a film of noise that drifts; ten seconds are encoded and then repeated."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=24, options={"preset": "ultrafast", "bf": "0"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        packets = []
        for i in range(240):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 8 * i, axis=1), format="rgb24")
            frame.pts = i
            packets += stream.encode(frame)
        packets += stream.encode(None)
        step = round(10 / packets[0].time_base)
        kept = [(bytes(packet), packet.pts, packet.is_keyframe) for packet in packets]
        base = packets[0].time_base
        for turn in range(seconds // 10):
            for data, pts, is_key in kept:
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, base
                packet.pts = packet.dts = pts + turn * step
                packet.is_keyframe = is_key
                container.mux(packet)
    return path


def main() -> None:
    """Compare speed and precision on the course's clips, then memory on a long film."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options = options.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    items = Catalog.load().select(kind="video", role="item")
    encoder = VideoEncoder(device="cpu")
    plain = r3d_18()
    plain.fc = torch.nn.Identity()
    state = load_weights("r3d_18").state
    plain.load_state_dict({name: x for name, x in state.items() if name[:3] != "fc."}, strict=False)
    plain.eval()
    few = items.paths[::3]
    ready = [
        encoder.prepare(read_frames(path, rate=FRAME_RATE, start=start, count=FRAMES))
        for path in few
        for start in encoder.starts(path)
    ]
    with torch.inference_mode():
        batches = [encoder.normalize(batch) for batch in torch.stack(ready).split(1)]

    def network() -> None:
        with torch.inference_mode():
            for batch in batches:
                encoder.network(batch)

    taken = seconds_of(
        {
            "network": network,
            "encoder": lambda: encoder.encode(few),
            "recipe": lambda: recipe(few, plain),
        },
        options.rounds,
    )
    medians = (f"{way} {statistics.median(x):.1f} s" for way, x in taken.items())
    print(f"{len(few)} clips: {', '.join(medians)}")
    print(
        f"encoder/network {ratio(taken['network'], taken['encoder'])}, "
        f"encoder/recipe {ratio(taken['recipe'], taken['encoder'])}"
    )
    for way, vectors in (
        ("encoder", encoder.encode(items)),
        ("recipe", recipe(items.paths, plain)),
    ):
        found = evaluate(vectors, items.labels, items.sources)
        low, high = found.interval()
        print(
            f"{way}: precision@5 {found.mean:.3f} ({low:.2f}-{high:.2f}), "
            f"mAP {found.mean_average_precision:.3f}"
        )
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (10, 600):
            path = long_film(Path(folder) / f"{seconds}.mp4", seconds)
            done = subprocess.run(
                [sys.executable, "-c", MEMORY, str(path)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            _, peak, mapped = map(float, done.stdout.split())
            print(f"{seconds} s of 1080p: peak {peak:.2f} GB, of which mapped {mapped:.2f} GB")


if __name__ == "__main__":
    main()
