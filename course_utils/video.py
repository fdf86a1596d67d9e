"""Videos in, embeddings out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torchvision.models.video import R3D_18_Weights, r3d_18
from torchvision.transforms import functional

from course_utils.encoders import NetworkEncoder, unit_rows
from course_utils.media import MediaError, iterate_frames, video_seconds
from course_utils.weights import load_weights

RATE = 15  # frames a second, and
FRAMES = 16  # frames a clip: how the official weights were trained; 1.07 seconds
MOST_CLIPS = 5  # of one video, unless asked for more
EVERY = 4.0  # seconds of video for which one clip is taken


def clip_starts(seconds: float, clips: int | None = None) -> list[float]:
    """Return at which seconds of a video clips are taken: spread evenly, at least one.

    Args:
        seconds: how long the video is.
        clips: how many to take; None takes one for every 4 seconds, 5 at most.

    Returns:
        The clips' starts in seconds. Two clips never overlap, so a short video may get fewer.

    Introduced in notebook 2.
    """
    length = FRAMES / RATE
    fit = max(1, int(seconds / length))
    wanted = clips or min(MOST_CLIPS, round(seconds / EVERY) or 1)
    count = min(wanted, fit)
    middles = (np.arange(count) + 0.5) / count * seconds  # the middle of each of `count` parts
    return [max(0.0, float(middle - length / 2)) for middle in middles]


class VideoEncoder(NetworkEncoder):
    """R3D-18 without its last layer: a video becomes 512 numbers.

    From the video some clips are taken, each of 16 frames at 15 frames a second. Frames are
    prepared as the official weights expect (resize to 128 x 171, crop the central 112 x 112,
    normalise each colour), whichever weights are in use. The clips' vectors are averaged.

    Attributes:
        name: `R3D-18`.
        space: `video`; only vectors of one space and one fingerprint can be compared.
        dim: 512.
        size: height and width of the frames that the network sees, in pixels.
        device: where the network runs.
        weights: where its parameters come from (`course_utils.weights.Weights`).
        fingerprint: 12 hexadecimal digits that stand for architecture, weights, preprocessing,
            sampling and precision.

    Source: Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition (2018),
    https://arxiv.org/abs/1711.11248
    Introduced in notebook 2.
    """

    name, space, dim = "R3D-18", "video", 512

    def __init__(
        self,
        size: int = 112,
        clips: int | None = None,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        batch_size: int | None = None,
        progress: bool = True,
    ):
        """Load the network.

        Args:
            size: 112, what the weights were trained on, or another multiple of 16, such as 224,
                which costs four times as much.
            clips: how many clips to take from a video; None takes one for every 4 seconds of it,
                at least 1 and at most 5.
            device: `cpu`, `cuda` or `mps`; None picks the fastest there is.
            precision: `fp32`, `bf16` or `auto`, as for `ImageEncoder`.
            batch_size: how many clips go through the network at once; None takes 1 on the CPU,
                where two were measured to be a tenth faster but to need 50 MB more.
            progress: show a bar when somebody is watching.

        Raises:
            ValueError: an argument has a value that it cannot have.
            WeightsError: no usable weights (see `course_utils.weights`).
        """
        super().__init__(device, precision, batch_size, progress)
        if size < 32 or size % 16:
            raise ValueError(f"size is {size}; it may be 112, 224 or another multiple of 16.")
        if clips is not None and clips < 1:
            raise ValueError(f"clips is {clips}; take at least one.")
        if batch_size is None and self.device.type == "cpu":
            self.batch_size = 1
        self.size, self.clips = size, clips
        self.shot_shape = (3, FRAMES, size, size)
        steps = self.preprocessing = R3D_18_Weights.KINETICS400_V1.transforms()
        self.resize = [round(side * size / steps.crop_size[0]) for side in steps.resize_size]
        self.weights = load_weights("r3d_18")
        with torch.device("meta"):  # no time is spent on random numbers that are replaced anyway
            network = r3d_18()
        network.to_empty(device="cpu")
        network.fc = torch.nn.Identity()  # remove the last layer: what goes in comes out
        network.load_state_dict(
            {name: value for name, value in self.weights.state.items() if name[:3] != "fc."},
            strict=False,  # checked when they were loaded; old files lack counters
        )
        sampling = (RATE, FRAMES, MOST_CLIPS, EVERY, clips, size)
        self._load(network, torch.channels_last_3d, steps, *sampling)

    def encode_frames(self, clips: Iterable[np.ndarray]) -> np.ndarray:
        """Return the embeddings of clips whose frames are at hand.

        Args:
            clips: n clips, each uint8 RGB of shape (16, height, width, 3); a generator keeps only
                one of them in memory.

        Returns:
            float32 of shape (n, 512); every row has length 1.

        Raises:
            ValueError: a clip does not have 16 frames.
        """
        shots = []
        for clip in clips:
            if len(clip) != FRAMES:
                raise ValueError(f"A clip has {len(clip)} frames; the network takes {FRAMES}.")
            shots.append(self.prepare(clip))
        return unit_rows(self._compute(torch.stack(shots)))

    def clip_vectors(self, path: str | Path) -> tuple[list[float], np.ndarray]:
        """Return the embedding of each clip of a video: which second matches?

        Returns:
            The seconds at which the k clips start, and their embeddings, float32 of shape (k, 512),
            every row of length 1.

        Raises:
            MediaError: the file is unusable.
        """
        rows, _ = self._encode([path], None, self._embed)
        return self.starts(path), unit_rows(rows)

    def cells(self, path: str | Path) -> np.ndarray:
        """Return what the network has just before averaging: a vector for each time and place.

        Returns:
            float32 of shape (k clips, 2 times, 7 rows, 7 columns, 512), with `size` 112. The mean
            over all but the last axis, made unit length, is the video's embedding.

        Raises:
            MediaError: the file is unusable.
        """
        return self._encode([path], None, self._cells)[0]

    def starts(self, path: str | Path) -> list[float]:
        """Return at which seconds of a video its clips are taken.

        Raises:
            MediaError: the file is unusable.
        """
        return clip_starts(video_seconds(path), self.clips)

    def prepare(self, frames: np.ndarray) -> torch.Tensor:
        """Return frames as the network takes them but for normalising.

        Args:
            frames: uint8 RGB of shape (t, height, width, 3).

        Returns:
            uint8 of shape (3, t, size, size): colours first, then time.
        """
        return torch.stack([self._prepare_one(frame) for frame in frames], dim=1)

    def normalize(self, clips: torch.Tensor) -> torch.Tensor:
        """Turn uint8 clips (b, 3, t, size, size) into the numbers that the network was taught."""
        steps = self.preprocessing
        mean, deviation = (
            torch.tensor(values, device=self.device).view(3, 1, 1, 1)
            for values in (steps.mean, steps.std)
        )
        clips = clips.to(self.device).to(torch.float32).div_(255).sub_(mean).div_(deviation)
        return clips.to(self.dtype).contiguous(memory_format=self.layout)

    def _prepare_one(self, frame: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(frame).permute(2, 0, 1)
        pixels = functional.resize(
            pixels, self.resize, interpolation=self.preprocessing.interpolation, antialias=False
        )
        return functional.center_crop(pixels, [self.size, self.size])

    def _shots(self, path: str | Path) -> torch.Tensor:
        """Return a video's clips, (k, 3, 16, size, size), shrinking each frame as it is read."""
        clips = []
        for start in self.starts(path):
            frames = iterate_frames(path, rate=RATE, start=start)
            small = [self._prepare_one(frame) for _, frame in islice(frames, FRAMES)]
            if small:
                small += small[-1:] * (FRAMES - len(small))  # a short video stops at its end
                clips.append(torch.stack(small, dim=1))
        if not clips:
            raise MediaError(path, "holds no frames that can be decoded", "copy it again")
        return torch.stack(clips)
