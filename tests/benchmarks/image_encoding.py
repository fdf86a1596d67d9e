"""How fast are pictures encoded? Ratios measured in one run, so that machines can be compared.

Run it on an otherwise idle machine:

    uv run python tests/benchmarks/image_encoding.py

Three ways take turns on the same files, several times; medians are printed, and the range of the
rounds:

    network   the encoder's own network on tensors that are ready
    encoder   ImageEncoder.encode, from files to vectors
    loop      the loop of most tutorials: open, transform, one picture through the network, next
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.models import ResNet18_Weights, resnet18
from turns import ratio, seconds_of

from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.search import unit_length
from course_utils.weights import load_weights


def tutorial_loop(paths, network, transform) -> np.ndarray:
    """Encode as most tutorials do it."""
    rows = []
    for path in paths:
        picture = transform(Image.open(path).convert("RGB")).unsqueeze(0)
        with torch.no_grad():
            rows.append(network(picture).flatten().numpy())
    return np.stack(rows)


def photos(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Make JPEGs as large as a camera's from the course's pictures."""
    paths = []
    for source in Catalog.load().select(kind="image", role="item").paths[:count]:
        target = folder / f"{width}-{source.name}"
        Image.open(source).convert("RGB").resize((width, height), Image.Resampling.BICUBIC).save(
            target, quality=90
        )
        paths.append(target)
    return paths


def compare(name: str, paths: list[Path], rounds: int) -> None:
    """Time the three ways in turns and print pictures a second and ratios."""
    encoder = ImageEncoder(device="cpu")
    plain = resnet18()
    plain.load_state_dict(load_weights("resnet18").state)
    plain.fc = torch.nn.Identity()
    plain.eval()
    transform = ResNet18_Weights.IMAGENET1K_V1.transforms()
    size = encoder.batch_size
    ready = torch.stack([encoder.prepare(path) for path in paths])
    with torch.inference_mode():
        batches = [encoder.normalize(ready[i : i + size]) for i in range(0, len(ready), size)]

    def network() -> None:
        with torch.inference_mode():
            for batch in batches:
                encoder.network(batch)

    ways = {
        "network": network,
        "encoder": lambda: encoder.encode(paths),
        "loop": lambda: tutorial_loop(paths, plain, transform),
    }
    taken = seconds_of(ways, rounds)
    speed = {way: len(paths) / statistics.median(times) for way, times in taken.items()}
    by_loop = unit_length(tutorial_loop(paths, plain, transform))
    same = (encoder.encode(paths) * by_loop).sum(axis=1)
    print(
        f"{name:24} "
        + ", ".join(f"{way} {value:5.1f}/s" for way, value in speed.items())
        + f"; encoder/network {ratio(taken['network'], taken['encoder'])}"
        + f", encoder/loop {ratio(taken['loop'], taken['encoder'])}"
        + f"; lowest cosine to the loop's vectors {same.min():.4f}"
    )


def main() -> None:
    """Compare on the course's pictures and on photos of 3 and 12 million pixels."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    items = Catalog.load().select(kind="image", role="item").paths
    compare("course pictures", items[:96], options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        small = photos(Path(folder), 48, 2048, 1536)
        compare("photos of 3 megapixels", small, options.rounds)
        large = photos(Path(folder), 32, 4032, 3024)
        compare("photos of 12 megapixels", large, options.rounds)


if __name__ == "__main__":
    main()
