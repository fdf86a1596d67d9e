"""Files in, embeddings out.

Every encoder has the same few members: `encode(paths)` gives one unit-length row per file, `dim`
says how many numbers a row has, `name` what the encoder is called, and `fingerprint` changes
whenever its vectors would.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.transforms import functional
from tqdm import tqdm

from course_utils.media import MediaError, one_error, read_image
from course_utils.session import is_live
from course_utils.weights import load_weights


def pick_device() -> torch.device:
    """Return the fastest device that PyTorch can use here: CUDA, Apple's MPS, or the CPU.

    Introduced in notebook 1.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the hardware multiplies matrices in it, else float32.

    On processors that only know bfloat16 as vector instructions, without AMX, it was measured to
    be slower than float32.

    Introduced in notebook 1.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False):
        return torch.bfloat16
    return torch.float32


def fold_normalization(network: torch.nn.Module) -> torch.nn.Module:
    """Merge each batch normalisation of a ResNet into the convolution before it.

    Once trained, both are linear, so one layer can do the work of two: the same results up to
    rounding, about a tenth faster, in less memory.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.fusion.fuse_conv_bn_weights.html
    Introduced in notebook 1.
    """
    pairs = (("conv1", "bn1"), ("conv2", "bn2"), ("0", "1"))  # "0", "1": in `downsample`
    for module in list(network.modules()):
        for first, second in pairs:
            norm = getattr(module, second, None)
            if isinstance(norm, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
                conv = getattr(module, first)
                conv.weight, conv.bias = fuse_conv_bn_weights(
                    conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps,
                    norm.weight, norm.bias,
                )  # fmt: skip
                setattr(module, second, torch.nn.Identity())
    return network


def _return_memory() -> None:
    """Ask Linux's glibc to give blocks over 8 MB back to the system as soon as they are free.

    By itself it learns to keep them, and a notebook grows by hundreds of MB.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html (M_MMAP_THRESHOLD)
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(-3, 8 << 20)


class NetworkEncoder:
    """What encoders that are networks share: choosing hardware, decoding ahead, batches, problems.

    Each of them says what a file becomes (`_shots`), what a batch becomes (`_embed`, `_cells`) and
    how a file's shots become one vector.
    """

    name: str
    space: str
    dim: int

    def __init__(
        self,
        device: str | torch.device | None,
        precision: str,
        batch_size: int | None,
        progress: bool,
    ):
        """Choose device, precision and batch size; see the encoders for their meaning."""
        _return_memory()
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
        if precision not in (*dtypes, "auto"):
            raise ValueError(f"precision is {precision!r}; it may be fp32, bf16 or auto.")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
        self.device = torch.device(device) if device else pick_device()
        self.dtype = dtypes.get(precision) or pick_precision(self.device)
        self.batch_size = batch_size or (8 if self.device.type == "cpu" else 64)
        self.progress = progress

    def _load(self, network: torch.nn.Module, layout: torch.memory_format, *settings) -> None:
        """Take in a network that has lost its last layer, and stamp what its vectors depend on."""
        # Apple's MPS does not know the memory orders that convolutions are fastest in elsewhere.
        self.layout = torch.contiguous_format if self.device.type == "mps" else layout
        self.network = (
            fold_normalization(network.eval())
            .requires_grad_(False)
            .to(self.device, self.dtype, memory_format=self.layout)
        )
        identity = (self.name, self.weights.sha256, *map(str, (*settings, self.dtype)))
        self.fingerprint = hashlib.sha256("|".join(identity).encode()).hexdigest()[:12]

    def encode(
        self, paths: Sequence[str | Path], problems: list[MediaError] | None = None
    ) -> np.ndarray:
        """Return the embeddings of files.

        Files are decoded in threads beside the network, a batch or two ahead of it, and only what
        the network will see is kept, so that memory grows neither with their number nor with a
        video's length.

        Args:
            paths: n files, or a Catalog of n items.
            problems: a list to which the errors of unusable files are added; their rows are then
                left out. Without it, such files raise an error, after all files have been tried.

        Returns:
            float32 of shape (n, 512); every row has length 1.

        Raises:
            MediaError: files are unusable and `problems` was not given; the message names each.
        """
        rows, counts = self._encode(paths, problems, self._embed)
        # A file's vector is the mean of its shots': their sum points the same way.
        firsts = np.cumsum([0, *counts[:-1]]) if counts else np.zeros(0, dtype=int)
        return unit_rows(np.add.reduceat(rows, firsts, axis=0))

    def embed(self, catalog):
        """Encode the items of a catalog and leave out those that cannot be read.

        Args:
            catalog: a `course_utils.catalog.Catalog` of n items.

        Returns:
            The catalog of the m <= n readable items, and their embeddings of shape (m, 512). Each
            item left out is printed with the reason.
        """
        problems: list[MediaError] = []
        vectors = self.encode(catalog.paths, problems)
        return catalog.without(problems), vectors

    def _embed(self, batch: torch.Tensor) -> torch.Tensor:
        return self.network(batch).float().flatten(1)

    def _cells(self, batch: torch.Tensor) -> torch.Tensor:
        for name, layer in self.network.named_children():
            if name == "avgpool":
                break
            batch = layer(batch)
        return batch.float().movedim(1, -1)  # (b, 512, ...places) -> (b, ...places, 512)

    def _encode(self, paths, problems, compute) -> tuple[np.ndarray, list[int]]:
        """Return one row for each shot of each usable file, and how many shots each file has."""
        if isinstance(paths, (str, Path)):
            raise TypeError("encode takes a list of paths; write encode([path]) for one file.")
        paths = list(getattr(paths, "paths", paths))  # a Catalog knows its paths
        found: list[MediaError] = []
        counts: list[int] = []
        rows = []
        with torch.inference_mode():
            for batch in self._batches(paths, found, counts):
                rows.append(compute(self.normalize(batch)).cpu().numpy())
            if not rows:  # nothing to encode: no rows, of the right width
                blank = torch.zeros(1, *self.shot_shape, dtype=torch.uint8)
                rows.append(compute(self.normalize(blank)).cpu().numpy()[:0])
        if found and problems is None:
            raise one_error(found, len(paths))
        if problems is not None:
            problems.extend(found)
        return np.concatenate(rows), counts

    def _compute(self, shots: torch.Tensor) -> np.ndarray:
        """Return `_embed` of prepared shots that are at hand, batch by batch."""
        with torch.inference_mode():
            rows = [
                self._embed(self.normalize(batch)).cpu().numpy()
                for batch in shots.split(self.batch_size)
            ]
        return np.concatenate(rows)

    def _batches(
        self, paths: list, found: list[MediaError], counts: list[int]
    ) -> Iterator[torch.Tensor]:
        """Yield batches of prepared shots, decoding ahead in two threads."""
        bar = tqdm(
            total=len(paths), unit="file", file=sys.stdout, leave=False, delay=0.5,
            disable=not (self.progress and is_live()),
        )  # fmt: skip
        waiting: deque = deque()
        ready: list[torch.Tensor] = []
        todo = iter(paths)
        with ThreadPoolExecutor(2) as pool, bar:
            try:
                while True:
                    for path in islice(todo, 2 * self.batch_size - len(waiting)):
                        waiting.append(pool.submit(self._shots, path))
                    if not waiting:
                        break
                    try:
                        shots = waiting.popleft().result()
                        counts.append(len(shots))
                        ready.extend(shots)
                    except MediaError as error:
                        found.append(error)
                    bar.update()
                    while len(ready) >= self.batch_size:
                        yield torch.stack(ready[: self.batch_size])
                        del ready[: self.batch_size]
                if ready:
                    yield torch.stack(ready)
            finally:  # also when the learner presses stop
                pool.shutdown(cancel_futures=True)


class ImageEncoder(NetworkEncoder):
    """ResNet-18 without its last layer: a picture becomes 512 numbers.

    Pictures are prepared as the official weights expect (resize the short side to 256 pixels, crop
    the central 224 x 224, normalise each colour), whichever weights are in use.

    Attributes:
        name: `ResNet-18`.
        space: `image`; only vectors of one space and one fingerprint can be compared.
        dim: 512.
        device: where the network runs.
        weights: where its parameters come from (`course_utils.weights.Weights`).
        fingerprint: 12 hexadecimal digits that stand for architecture, weights, preprocessing and
            precision.

    Source: He et al., Deep Residual Learning for Image Recognition (2015),
    https://arxiv.org/abs/1512.03385
    Introduced in notebook 1.
    """

    name, space, dim = "ResNet-18", "image", 512
    shot_shape = (3, 224, 224)

    def __init__(
        self,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        batch_size: int | None = None,
        fast_decode: bool = True,
        progress: bool = True,
    ):
        """Load the network.

        Args:
            device: `cpu`, `cuda` or `mps`; None picks the fastest there is.
            precision: `fp32`; `bf16` (half the memory traffic, a little rounding); or `auto`,
                which takes bf16 only where the hardware is made for it.
            batch_size: how many pictures go through the network at once; None takes 8 on the CPU,
                where more was measured to gain little, and 64 elsewhere.
            fast_decode: let the JPEG decoder shrink photos whose short side is over 1,024 pixels
                while it reads them.
            progress: show a bar when somebody is watching.

        Raises:
            ValueError: an argument has a value that it cannot have.
            WeightsError: no usable weights (see `course_utils.weights`).
        """
        super().__init__(device, precision, batch_size, progress)
        self.preprocessing = ResNet18_Weights.IMAGENET1K_V1.transforms()
        # Twice the size that is needed, so that the resize after it still sees enough pixels.
        self.draft_side = 2 * self.preprocessing.resize_size[0] if fast_decode else None
        self.weights = load_weights("resnet18")
        network = resnet18()
        network.load_state_dict(self.weights.state)
        network.fc = torch.nn.Identity()  # remove the last layer: what goes in comes out
        self._load(network, torch.channels_last, self.preprocessing, self.draft_side)

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """Return the embeddings of pictures that are at hand, such as the frames of a video.

        Args:
            frames: uint8 RGB of shape (n, height, width, 3).

        Returns:
            float32 of shape (n, 512); every row has length 1.

        Introduced in notebook 2.
        """
        shots = [self.prepare(Image.fromarray(frame)) for frame in frames]
        return unit_rows(self._compute(torch.stack(shots)))

    def cells(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Return what the network has just before averaging: one vector for each place.

        Returns:
            float32 of shape (n, 7, 7, 512), rows from top to bottom, columns from left to right.
            The mean over the 7 x 7 places, made unit length, is the embedding.

        Raises:
            MediaError: a file is unusable.
        """
        return self._encode(paths, None, self._cells)[0]

    def prepare(self, picture: str | Path | Image.Image) -> torch.Tensor:
        """Return a picture as the network takes it but for normalising: uint8 (3, 224, 224)."""
        steps = self.preprocessing
        if not isinstance(picture, Image.Image):
            picture = read_image(picture, draft_side=self.draft_side)
        picture = functional.resize(
            picture, steps.resize_size, interpolation=steps.interpolation, antialias=steps.antialias
        )
        return functional.pil_to_tensor(functional.center_crop(picture, steps.crop_size))

    def normalize(self, pictures: torch.Tensor) -> torch.Tensor:
        """Turn uint8 pictures (b, 3, 224, 224) into the numbers that the network was trained on."""
        steps = self.preprocessing
        pictures = pictures.to(self.device).to(torch.float32).div_(255)
        pictures = functional.normalize(pictures, steps.mean, steps.std, inplace=True)
        return pictures.to(self.dtype).contiguous(memory_format=self.layout)

    def _shots(self, path: str | Path) -> torch.Tensor:
        return self.prepare(path)[None]


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Make each row unit length; a row of zeros stays what it is."""
    return torch.nn.functional.normalize(torch.from_numpy(rows), dim=1).numpy()
