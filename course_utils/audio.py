"""Sounds in, embeddings out: by calculation, with nothing learned.

A sound becomes a mel spectrogram, and the spectrogram is collapsed over time. How it is collapsed
is a recipe; the recipes go from the simplest average to one that knows about silence, loudness and
pitch, and notebook 3 adds one ingredient after the other.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torchaudio.transforms import MelSpectrogram

from course_utils.cache import Encoder, all_tried, each_tried, path_list
from course_utils.media import READING, SAMPLE_RATE, MediaError, read_waveform
from course_utils.search import unit_length
from course_utils.session import progress

WINDOW, HOP = 1024, 160  # samples: each frame looks at 64 ms, a new frame every 10 ms
BANDS, LOWEST, HIGHEST = 64, 50, 7600  # mel bands, and the hertz they cover
SILENCE_DB = 35  # below the loudest frame: a frame quieter than that counts as silence
FLOOR_DB = 50  # below the loudest value: what is quieter counts as this quiet
PITCH_LOW, PITCH_HIGH, PITCH_MIDDLE = 60, 420, 160  # hertz; 160 lies between most men and women
VOICED = 0.6  # how well a frame must repeat itself to have a pitch, 0 to 1
NEARLY_BEST = 0.95  # of the best move's fit: the smallest move that fits so well is the period
PITCH_DB = 30  # below the loudest frame: a quieter frame has no pitch
PITCH_FRAMES = 5  # fewer frames with a pitch say nothing about a voice
PITCH_SPREAD = 4  # semitones: how far voices lie apart, until `fit` has measured it


@dataclass(frozen=True)
class Recipe:
    """How a mel spectrogram is collapsed over time.

    Attributes:
        log: take decibels instead of power, as the ear does.
        gate: leave out silent frames, and take away the recording's own level.
        spread: beside each band's mean, how much it varies over time.
        pitch: three numbers on how high the voice is.
        bands: False leaves the bands out, so that the pitch is alone.
    """

    log: bool = False
    gate: bool = False
    spread: bool = False
    pitch: bool = False
    bands: bool = True


RECIPES = {
    "mel": Recipe(),  # the plain one: normalise, average over time
    "log-mel": Recipe(log=True),
    "gated": Recipe(log=True, gate=True),
    "spread": Recipe(log=True, gate=True, spread=True),
    "pitch": Recipe(log=True, gate=True, pitch=True, bands=False),
    "voice": Recipe(log=True, gate=True, pitch=True),
}


@lru_cache(maxsize=8)
def mel_transform(window: int = WINDOW, bands: int = BANDS) -> MelSpectrogram:
    """Return the transform from a waveform (samples,) to mel power (bands, frames), made once.

    With these values every mel band has at least one frequency in it. With a window of 400 samples
    and 128 bands, as is often seen, some low bands lie between two frequencies and stay empty.

    Source: https://docs.pytorch.org/audio/stable/generated/torchaudio.transforms.MelSpectrogram.html
    Introduced in notebook 3.
    """
    settings = {"hop_length": HOP, "n_mels": bands, "f_min": LOWEST, "f_max": HIGHEST}
    transform = MelSpectrogram(SAMPLE_RATE, window, pad_mode="constant", **settings)
    transform.spectrogram.power = None  # its own way to the power takes four times as long
    transform.spectrogram.register_forward_hook(lambda *known: _power(known[-1]))
    return transform


def _power(spectrum: torch.Tensor) -> torch.Tensor:
    """Return the squares of complex numbers' absolute values."""
    return spectrum.real.square() + spectrum.imag.square()


def mel_power(waveform: np.ndarray) -> np.ndarray:
    """Return the mel spectrogram of a 16 kHz waveform: power, shape (64, frames).

    Introduced in notebook 3.
    """
    with torch.inference_mode():
        return mel_transform()(torch.as_tensor(waveform)).numpy()


def decibels(power: np.ndarray, floor: float = 1e-10) -> np.ndarray:
    """Return power in decibels: ten times as much power is 10 dB more.

    Introduced in notebook 3.
    """
    return 10 * np.log10(np.maximum(power, floor))


def pitch_track(waveform: np.ndarray) -> np.ndarray:
    """Return the pitch of each frame in hertz, NaN where there is none; shape (frames,).

    A sound with a pitch repeats itself: moved by one period it looks the same. So each frame is
    compared with itself moved (autocorrelation), and the smallest move that fits nearly as well as
    the best one is its period.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency (1993)
    Introduced in notebook 3.
    """
    taper = torch.hann_window(WINDOW)
    padded = torch.nn.functional.pad(torch.as_tensor(waveform), (WINDOW // 2, WINDOW // 2))
    frames = padded.unfold(0, WINDOW, HOP)
    frames = (frames - frames.mean(dim=1, keepdim=True)) * taper
    longest = SAMPLE_RATE // PITCH_LOW + 2
    power = (_power(torch.fft.rfft(x, 3 * WINDOW // 2)) for x in (frames, taper))
    alike, alike_taper = (torch.fft.irfft(x)[..., :longest] for x in power)
    energy = alike[:, :1]
    alike = alike / energy.clamp(min=1e-12) * (alike_taper[0] / alike_taper)
    first = SAMPLE_RATE // PITCH_HIGH
    alike = alike[:, first:]
    middle = alike[:, 1:-1]
    best = middle.max(dim=1, keepdim=True).values
    peaks = (middle >= alike[:, :-2]) & (middle >= alike[:, 2:]) & (middle >= NEARLY_BEST * best)
    period = peaks.float().argmax(dim=1) + first + 1
    loud = energy > energy.max() * 10 ** (-PITCH_DB / 10)
    clear = (best > VOICED) & loud & peaks.any(dim=1, keepdim=True)
    return torch.where(clear[:, 0], SAMPLE_RATE / period, torch.nan).numpy()


class AudioEncoder(Encoder):
    """A sound becomes the numbers of a recipe: 64 for `mel`, 67 for `voice`, 3 for `pitch`.

    It computes on the CPU; there is too little to calculate for anything else. Files that are
    silent from beginning to end are unusable.

    Introduced in notebook 3.
    """

    space, device = "audio", torch.device("cpu")
    note = "calculated, not learned, so there are no weights to load"

    def __init__(self, recipe: str = "voice", pitch_weight: float = 2.0):
        """Choose one of RECIPES, and how much the pitch counts beside all bands together.

        Raises:
            ValueError: there is no recipe of that name.
        """
        if recipe not in RECIPES:
            raise ValueError(f"There is no recipe {recipe!r}; there are: {', '.join(RECIPES)}.")
        self.recipe, self.name = RECIPES[recipe], f"mel spectrogram ({recipe})"
        self.bands = self.recipe.bands * BANDS * (2 if self.recipe.spread else 1)
        pitch = 3 if self.recipe.pitch else 0
        self.dim = self.bands + pitch
        weight = pitch_weight * math.sqrt(self.bands / 3) if self.bands else 1.0
        self.weight = np.repeat([1.0, weight], [self.bands, pitch])
        self.mean = np.zeros(self.dim)  # replaced, as `scale` is, by `fit`
        self.scale = np.repeat([1.0, PITCH_SPREAD], [self.bands, pitch])

    @property
    def fingerprint(self) -> str:
        """What the vectors depend on, as 12 hexadecimal digits."""
        settings = (
            *(self.recipe, READING, SAMPLE_RATE, WINDOW, HOP, BANDS, LOWEST, HIGHEST),
            *(SILENCE_DB, FLOOR_DB, PITCH_LOW, PITCH_HIGH, PITCH_MIDDLE, VOICED, NEARLY_BEST),
            *(PITCH_DB, PITCH_FRAMES, self.mean.tolist(), self.scale.tolist()),
        )
        return hashlib.sha256(repr((settings, self.weight.tolist())).encode()).hexdigest()[:12]

    def fit(self, paths: Sequence[str | Path]) -> AudioEncoder:
        """Return a copy of this encoder that is centred on a collection, or its Catalog.

        From each number the collection's mean is taken away, and the rest divided by its standard
        deviation, so that no number is large only by its nature. Vectors of the copy cannot be
        compared with vectors from before.

        Raises:
            ValueError: fewer than two files.
            MediaError: files are unusable; the message names each.
        """
        numbers = np.array(all_tried(each_tried(self._numbers, path_list(paths))))
        if len(numbers) < 2:
            raise ValueError("One sound has nothing to be centred on; give at least two files.")
        known = np.where(np.isnan(numbers).all(axis=0), 0.0, numbers)  # no file at all has a pitch
        fitted = copy.copy(self)
        fitted.mean, fitted.scale = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
        fitted.scale[fitted.scale < 1e-6] = 1.0
        return fitted

    def stream(self, paths: Sequence[str | Path]) -> Iterator[np.ndarray | MediaError]:
        """Yield each file's embedding, float32 (dim,), or its error."""

        def embed(path: str | Path) -> np.ndarray:
            return self._finished(self._numbers(path), path)

        return each_tried(embed, progress(path_list(paths)))

    def encode_waveform(self, waveform: np.ndarray) -> np.ndarray:
        """Return the embedding of a 16 kHz waveform, shape (samples,), as float32 (dim,).

        One in which nothing can be compared is a MediaError.
        """
        return self._finished(self._collapsed(waveform), "the waveform")

    def contributions(self, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Return what each band of each frame adds to a sound's embedding, and the pitch's numbers.

        The first, (64, frames), is zero in silent frames. Its sum over the frames, followed by the
        second, (3,) or (0,), is the embedding.

        Raises:
            ValueError: the recipe is not a mean over time, so it cannot be split this way.
            MediaError: the file is unusable.
        """
        if self.recipe.spread:
            raise ValueError("A standard deviation is no sum over time; use another recipe.")
        vector = self._centred(self._numbers(path))
        length = np.linalg.norm(vector)
        power = mel_power(read_waveform(path))
        spectrogram, kept = self._spectrogram(power)
        shown = np.zeros((self.bands, power.shape[1]))
        mean, scale = (x[: self.bands, None] for x in (self.mean, self.scale))
        shown[:, kept] = (spectrogram[: self.bands] - mean) / scale / kept.sum()
        return shown / length, vector[self.bands :] / length

    def _collapsed(self, waveform: np.ndarray) -> np.ndarray:
        """Return the recipe's numbers as they are, shape (dim,); NaN for the pitch of a whisper."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for pieces as small as these, more only wait for each other
        try:
            parts = []
            if self.recipe.bands:
                spectrogram, _ = self._spectrogram(mel_power(waveform))
                parts.append(spectrogram.mean(axis=1))
            if self.recipe.spread:
                parts.append(spectrogram.std(axis=1))
            if self.recipe.pitch:
                hertz = pitch_track(waveform)
                hertz = hertz[~np.isnan(hertz)]
                if len(hertz) < PITCH_FRAMES:
                    hertz = np.full(3, np.nan)
                quartiles = np.quantile(hertz, (0.25, 0.5, 0.75))
                parts.append(12 * np.log2(quartiles / PITCH_MIDDLE))  # semitones above the middle
            return np.concatenate(parts).astype(np.float64)
        finally:
            torch.set_num_threads(threads)

    def _spectrogram(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the normalised spectrogram (64, m) and which frames it has kept (frames,)."""
        if self.recipe.gate:
            loudness = power.sum(axis=0)
            kept = loudness > loudness.max() * 10 ** (-SILENCE_DB / 10)
            levels = decibels(power[:, kept], floor=power.max() * 10 ** (-FLOOR_DB / 10) or 1e-10)
            return (levels - levels.mean()) / 10, kept  # without its own level; in units of 10 dB
        values = decibels(power) if self.recipe.log else power
        kept = np.ones(power.shape[1], dtype=bool)
        return (values - values.mean()) / (values.std() or 1.0), kept

    def _numbers(self, path: str | Path) -> np.ndarray:
        waveform = read_waveform(path)
        if not waveform.any():
            raise MediaError(path, "is silent from beginning to end", "record it again, louder")
        return self._collapsed(waveform)

    def _centred(self, numbers: np.ndarray) -> np.ndarray:
        """Centre, scale and weigh; a pitch that is not there counts as the usual one."""
        return np.nan_to_num((numbers - self.mean) / self.scale) * self.weight

    def _finished(self, numbers: np.ndarray, name: str | Path) -> np.ndarray:
        vector = self._centred(numbers)
        if not vector.any():
            remedy = "use a longer sound, or one with a voice for the pitch"
            raise MediaError(name, "has nothing that could be compared", remedy)
        return unit_length(vector).astype(np.float32)
