"""What `train_image.py` and `train_video.py` share."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import nn

from course_utils.catalog import Catalog
from course_utils.media import MediaError, read_image


def load_pictures(folder: Path, side: int, enlarge: bool = True) -> torch.Tensor:
    """Return all pictures under a folder, cut to squares: uint8 of shape (n, 3, side, side).

    Files that cannot be read are named, and the rest goes on. Where they are not to be enlarged,
    the first picture's shorter side is the largest that `side` can be.
    """

    def read(path):
        try:
            square = ImageOps.fit(read_image(path), (side, side), Image.Resampling.BICUBIC)
        except MediaError as error:
            print(error)
            return None
        return np.asarray(square)

    try:
        paths = Catalog.from_folder(folder).paths
        side = side if enlarge else min(side, *read_image(paths[0]).size)
    except (OSError, ValueError, MediaError) as error:
        raise SystemExit(str(error)) from None
    with ThreadPoolExecutor() as pool:
        squares = [square for square in pool.map(read, paths) if square is not None]
    if len(squares) < 101:  # one in twenty is held out, and each has five others nearest to it
        raise SystemExit(f"{len(squares)} pictures are too few to learn from; bring at least 101.")
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)


def folder_and_share(text: str) -> tuple[Path, float]:
    """Read "folder=2" or "folder", which means 1."""
    folder, _, share = text.partition("=")
    return Path(folder), float(share or 1)


def drawn_from(folders: list[torch.Tensor], shares: list[float], count: int) -> list[torch.Tensor]:
    """Draw `count` pictures from several folders by shares; return those of each that gave any."""
    counts = torch.tensor(shares, dtype=torch.float).multinomial(count, replacement=True)
    counts = counts.bincount(minlength=len(folders)).tolist()
    return [pictures[torch.randint(len(pictures), (n,), device=pictures.device)]
            for pictures, n in zip(folders, counts, strict=True) if n]  # fmt: skip


def draw(low: float, high: float, like: torch.Tensor) -> torch.Tensor:
    """Return a random number for each picture or clip, shaped so that it multiplies them."""
    shape = (len(like),) + (1,) * (like.ndim - 1)
    return torch.empty(shape, device=like.device).uniform_(low, high)


def recoloured(pixels: torch.Tensor) -> torch.Tensor:
    """Return pictures or clips, (n, 3, ...) in 0..1, with other brightness, contrast and colour."""
    middle = pixels.mean(dim=tuple(range(1, pixels.ndim)), keepdim=True)
    pixels = (pixels - middle) * draw(0.7, 1.3, pixels) + middle
    pixels = pixels * draw(0.7, 1.3, pixels)
    grey = pixels.mean(dim=1, keepdim=True)
    return ((pixels - grey) * draw(0.5, 1.5, pixels) + grey).clamp(0, 1)


def normalised(pixels: torch.Tensor, steps) -> torch.Tensor:
    """Normalise pictures or clips, (n, 3, ...) in 0..1, as torchvision's `steps` do."""
    mean, deviation = (
        pixels.new_tensor(values).view(3, *[1] * (pixels.ndim - 2))
        for values in (steps.mean, steps.std)
    )
    return (pixels - mean) / deviation


def set_rate(optimiser, highest: float, gone: float, steps: int, warm: int) -> None:
    """Let the learning rate rise for `warm` steps and then fall along a cosine to zero."""
    for group in optimiser.param_groups:
        group["lr"] = highest * min(1, (steps + 1) / warm) * (1 + math.cos(math.pi * gone)) / 2


def learn(optimiser, loss: torch.Tensor, learned: list[nn.Parameter]) -> None:
    """Take one step down the loss, of limited length."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learned, 5.0)
    optimiser.step()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, steps: int, most: float) -> None:
    """Move an averaged copy of a network a little towards it, `most` being what it keeps."""
    keep = min(most, (1 + steps) / (10 + steps))
    for mine, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        mine.copy_(keep * mine + (1 - keep) * new if mine.is_floating_point() else new)


def save(network: nn.Module, path: Path) -> None:
    """Write a network's weights as float16 safetensors."""
    state = network.half().state_dict()
    save_file({name: x.cpu().contiguous() for name, x in state.items()}, path)
    print(f"wrote {path}")
