"""Pictures and videos in, embeddings out."""

from __future__ import annotations

import ctypes
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
import torch
from PIL import Image
from torch.fx.experimental.optimization import fuse

from course_utils.cache import Encoder, all_tried, each_tried, path_list
from course_utils.media import READING, MediaError, iterate_frames, read_image, video_seconds
from course_utils.search import unit_length
from course_utils.session import progress
from course_utils.vision import R3D_18_Weights, ResNet18_Weights, functional
from course_utils.weights import Weights, build, load_weights

FRAME_RATE = 15  # frames a second, and
FRAMES = 16  # frames a clip: how the official weights were trained; 1.07 seconds
MOST_CLIPS = 5  # of one video
SECONDS_A_CLIP = 4.0  # of video, for which one clip is taken
_in_use = WeakValueDictionary()  # (name, weights, device): network; it is shared
_accelerator = Lock()  # a GPU is one; many workers read for it


def _hand_back() -> None:
    """Give memory that is free again, some 200 MB, back to the system, which glibc would not do."""
    with suppress(AttributeError, TypeError):  # other systems' C libraries lack this
        ctypes.CDLL(None).malloc_trim(0)


class NetworkEncoder(Encoder):
    """What encoders that are networks share: workers, batches, one row for each file.

    Each of them says what a file becomes (`_read`): one or several inputs of the network, which
    gives a feature map for each. A file's vector is the mean over all places of its feature maps.
    A worker takes `batch_size` files at once.
    """

    dim = 512
    most_workers = 4  # memory grows with them

    def _load(self, network: str, device, batch_size: int, settings: tuple) -> None:
        """Build the network and stamp what its vectors depend on."""
        fastest = torch.accelerator.current_accelerator(check_available=True)  # CUDA, Apple's MPS
        self.device = torch.device(device or fastest or "cpu")
        self.batch_size = batch_size if self.device.type == "cpu" else 16 * batch_size
        # Convolutions are fastest with colours last in memory, an order that Apple's MPS lacks.
        order = torch.channels_last_3d if self.space == "video" else torch.channels_last
        self.order = torch.contiguous_format if self.device.type == "mps" else order
        key = network, self.weights.sha256, self.device
        if (model := _in_use.get(key)) is None:
            model = build(network, self.weights)
            model = torch.nn.Sequential(*list(model.children())[:-2])  # up to the averaging
            model = model.to(self.device, torch.float32, memory_format=self.order)
            model = fuse(model, inplace=True)  # same results; a third less memory, a bit quicker
        self.network = _in_use[key] = model
        steps = self.preprocessing  # its numbers, not how torchvision happens to print them
        identity = (self.name, self.weights.sha256, READING, *settings, steps.interpolation.name)
        identity += (steps.resize_size, steps.crop_size, steps.mean, steps.std)
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:12]

    def stream(self, paths: Sequence[str | Path]) -> Iterator[np.ndarray | MediaError]:
        """Yield each file's embedding or error.

        Each worker has one batch, and only what the network will see of it, so that memory grows
        neither with the number of files nor with a video's length.
        """
        for found in self._feature_maps(path_list(paths)):
            if not isinstance(found, MediaError):
                found = unit_length(found.reshape(-1, self.dim).mean(axis=0))
            yield found

    def encode_frames(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        """Return the embeddings of n pictures or clips at hand: float32 (n, 512), unit length.

        Args:
            frames: uint8 RGB, each (height, width, 3) for an `ImageEncoder`, (16, height, width, 3)
                for a `VideoEncoder`; of a generator, one at a time is in memory.

        Raises:
            ValueError: a clip does not have 16 frames.
        """
        prepared = [self.prepare(one) for one in frames]
        if any(x.ndim == 4 and x.shape[1] != FRAMES for x in prepared):
            raise ValueError(f"A clip has another number of frames; the network takes {FRAMES}.")
        if not prepared:
            return np.zeros((0, self.dim), dtype=np.float32)
        vectors = unit_length(self.compute(torch.stack(prepared)))
        _hand_back()
        return vectors

    def compute(self, prepared: torch.Tensor) -> np.ndarray:
        """Return what the network makes of n stacked results of `prepare`: float32 (n, 512).

        It is on the CPU whatever the device, and not of unit length.
        """
        return self._before_averaging(prepared).reshape(len(prepared), -1, self.dim).mean(axis=1)

    def _before_averaging(self, prepared: torch.Tensor) -> np.ndarray:
        """Return the feature maps of n stacked results of `prepare`: (n, ...places, 512)."""
        with torch.inference_mode():
            parts = (self.normalize(part) for part in prepared.split(self.batch_size))
            maps = torch.cat([self.network(part).cpu() for part in parts])
        return maps.movedim(1, -1).numpy()

    def normalize(self, prepared: torch.Tensor) -> torch.Tensor:
        """Turn uint8 inputs (n, 3, ...) into the numbers that the network was trained on."""
        mean, deviation = (
            torch.tensor(x, device=self.device).view(3, *[1] * (prepared.ndim - 2))
            for x in (self.preprocessing.mean, self.preprocessing.std)
        )
        pixels = prepared.to(self.device).to(torch.float32).div_(255).sub_(mean).div_(deviation)
        return pixels.contiguous(memory_format=self.order)

    def _feature_maps(self, paths: list) -> Iterator[np.ndarray | MediaError]:
        """Yield each file's error or feature maps of its k inputs, (k, ...places, 512)."""

        def work(start: int) -> list[np.ndarray | MediaError]:
            batch = list(each_tried(self._read, paths[start : start + self.batch_size]))
            good = [inputs for inputs in batch if not isinstance(inputs, MediaError)]
            with nullcontext() if self.device.type == "cpu" else _accelerator:
                maps = iter(self._before_averaging(torch.cat(good)) if good else ())
            bad = (isinstance(x, MediaError) for x in batch)
            return [x if next(bad) else np.stack(list(islice(maps, len(x)))) for x in batch]

        # Two workers of one core do more than one of two: cores need not wait for each other.
        cores = torch.get_num_threads()
        workers = min(cores, self.most_workers)
        starts = iter(range(0, len(paths), self.batch_size))
        try:
            part = torch.set_num_threads, (cores // workers,)
            with ThreadPoolExecutor(workers, "encoder", *part) as pool, progress(paths) as bar:
                coming = deque(pool.submit(work, start) for start in islice(starts, workers + 1))
                while coming:
                    yield from (done := coming.popleft().result())
                    coming.extend(pool.submit(work, start) for start in islice(starts, 1))
                    bar.update(len(done))
        finally:
            torch.set_num_threads(cores)  # for threads to come
            _hand_back()


class ImageEncoder(NetworkEncoder):
    """ResNet-18 without its last layer: a picture becomes 512 numbers.

    Pictures are prepared as the official weights expect (resize the short side to 256 pixels, crop
    the central 224 x 224, normalise each colour), whichever weights are in use.

    Source: He et al., Deep Residual Learning for Image Recognition (2015),
    https://arxiv.org/abs/1512.03385
    Introduced in notebook 1.
    """

    name, space = "ResNet-18", "image"

    def __init__(self, device: str | torch.device | None = None):
        """Load the network; `device` is `cpu`, `cuda` or `mps`, None the fastest there is.

        Raises:
            WeightsError: no usable weights (see `course_utils.weights`).
        """
        self.preprocessing = ResNet18_Weights.IMAGENET1K_V1.transforms()
        # Large photos are shrunk by the JPEG decoder while it reads them: to no less than twice
        # what is needed, so that the resize after it still sees enough pixels.
        self.draft_side = 2 * self.preprocessing.resize_size[0]
        self.weights = load_weights("resnet18")
        self._load("resnet18", device, 4, (self.draft_side,))  # 8 are as fast, and take 25 MB more

    def feature_map(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Return what the network has of n files just before averaging: float32 (n, 7, 7, 512).

        Rows run from top to bottom, columns from left to right. The mean over the 7 x 7 places,
        made unit length, is the embedding. Unusable files are a MediaError that names each.
        """
        maps = all_tried(self._feature_maps(path_list(paths)))
        return np.concatenate([np.zeros((0, 7, 7, self.dim), dtype=np.float32), *maps])

    def prepare(self, picture: str | Path | np.ndarray) -> torch.Tensor:
        """Return a picture as the network takes it but for normalising: uint8 (3, 224, 224)."""
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        else:
            picture = read_image(picture, draft_side=self.draft_side)
        steps = self.preprocessing
        picture = functional.resize(picture, steps.resize_size, steps.interpolation)
        return functional.pil_to_tensor(functional.center_crop(picture, steps.crop_size))

    def _read(self, path: str | Path) -> torch.Tensor:
        return self.prepare(path)[None]


def clip_starts(seconds: float) -> list[float]:
    """Return at which seconds of a video clips are taken: spread evenly, at least one.

    One clip is taken for every 4 seconds, 5 at most. They never overlap, so a short video may get
    fewer.

    Introduced in notebook 2.
    """
    length = FRAMES / FRAME_RATE
    fit = max(1, int(seconds / length))
    count = min(MOST_CLIPS, round(seconds / SECONDS_A_CLIP) or 1, fit)
    middles = (np.arange(count) + 0.5) / count * seconds  # the middle of each of `count` parts
    return [max(0.0, float(middle - length / 2)) for middle in middles]


class VideoEncoder(NetworkEncoder):
    """R3D-18 without its last layer: a video becomes 512 numbers.

    From the video some clips are taken, each of 16 frames at 15 frames a second. Frames are
    prepared as the official weights expect (resize to 128 x 171, crop the central 112 x 112,
    normalise each colour), whichever weights are in use. The clips' vectors are averaged.

    Source: Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition (2018),
    https://arxiv.org/abs/1711.11248
    Introduced in notebook 2.
    """

    name, space = "R3D-18", "video"

    def __init__(self, size: int = 112, device=None, weights: Weights | None = None):
        """Load the network.

        Args:
            size: height and width of the frames that the network sees, in pixels: 112, what the
                weights were trained on, or another multiple of 16.
            device: as in `ImageEncoder`.
            weights: others than `load_weights("r3d_18")`, such as `time_blind` returns.

        Raises:
            ValueError: `size` is too small or no multiple of 16.
            WeightsError: no usable weights (see `course_utils.weights`).
        """
        if size < 32 or size % 16:
            raise ValueError(f"size is {size}; it may be 112, 224 or another multiple of 16.")
        self.size, self.most_workers = size, self.most_workers if size <= 112 else 1
        steps = self.preprocessing = R3D_18_Weights.KINETICS400_V1.transforms()
        self.resize = [round(side * size / steps.crop_size[0]) for side in steps.resize_size]
        self.weights = weights or load_weights("r3d_18")
        sampling = (FRAME_RATE, FRAMES, MOST_CLIPS, SECONDS_A_CLIP, size)
        self._load("r3d_18", device, 1, sampling)

    def feature_map(self, path: str | Path) -> np.ndarray:
        """Return what the network has of a file just before averaging.

        It is float32 of shape (k clips, 2 times, 7 rows, 7 columns, 512), with `size` 112. The mean
        over all but the last axis, made unit length, is the video's embedding. An unusable file is
        a MediaError.
        """
        return all_tried(self._feature_maps([path]))[0]

    def starts(self, path: str | Path) -> list[float]:
        """Return at which seconds of a video its clips are taken, or raise a MediaError."""
        return clip_starts(video_seconds(path))

    def prepare(self, frames: Sequence[np.ndarray]) -> torch.Tensor:
        """Return frames as the network takes them but for normalising: colours first, then time.

        They are uint8 RGB, (t, height, width, 3) before and (3, t, size, size) after.
        """
        how, prepared = self.preprocessing.interpolation, []
        for frame in frames:
            pixels = torch.from_numpy(frame).permute(2, 0, 1)
            pixels = functional.resize(pixels, self.resize, interpolation=how, antialias=False)
            prepared.append(functional.center_crop(pixels, [self.size, self.size]))
        return torch.stack(prepared, dim=1)

    def _read(self, path: str | Path) -> torch.Tensor:
        """Return a video's clips, (k, 3, 16, size, size); a short video stops at its end."""
        clips = []
        for start in self.starts(path):
            frames = iterate_frames(path, rate=FRAME_RATE, start=start)
            small = [self.prepare([frame]) for _, frame in islice(frames, FRAMES)]
            if small:
                clips.append(torch.cat(small + small[-1:] * (FRAMES - len(small)), dim=1))
        if not clips:
            raise MediaError(path, "holds no frames that can be decoded", "copy it again")
        return torch.stack(clips)
