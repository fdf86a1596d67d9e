"""Sounds in, embeddings out: by calculation, with nothing learned.

A sound becomes a mel spectrogram, and the spectrogram is collapsed over time. How it is collapsed
is a recipe; the recipes go from the simplest average to one that knows about silence, loudness and
pitch, and notebook 3 adds one ingredient after the other.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torchaudio
from tqdm import tqdm

from course_utils.media import RATE, MediaError, read_waveform
from course_utils.search import unit_length
from course_utils.session import is_live

WINDOW, HOP = 1024, 160  # samples: each frame looks at 64 ms, a new frame every 10 ms
BANDS, LOW, HIGH = 64, 50, 7600  # mel bands, and the hertz they cover
SILENT = 35  # dB below the loudest frame: a frame quieter than that counts as silence
FLOOR = 50  # dB below the loudest value: what is quieter counts as this quiet
VOICED = 0.6  # how well a frame must repeat itself to have a pitch, 0 to 1
PITCH_LOW, PITCH_HIGH, MIDDLE = 60, 420, 160  # hertz; MIDDLE lies between most men and women
PITCH_WEIGHT = 2.0  # how much the pitch counts, beside all bands together


@dataclass(frozen=True)
class Recipe:
    """How a mel spectrogram is collapsed over time.

    Attributes:
        log: take decibels instead of power, as the ear does.
        gate: leave out silent frames, and take away the recording's own level.
        spread: beside each band's mean, how much it varies over time.
        pitch: three numbers on how high the voice is.
    """

    log: bool = False
    gate: bool = False
    spread: bool = False
    pitch: bool = False


RECIPES = {
    "mel": Recipe(),  # the plain one: normalise, average over time
    "log-mel": Recipe(log=True),
    "gated": Recipe(log=True, gate=True),
    "spread": Recipe(log=True, gate=True, spread=True),
    "voice": Recipe(log=True, gate=True, pitch=True),
}


@lru_cache(maxsize=8)
def mel_transform(
    window: int = WINDOW, bands: int = BANDS, low: float = LOW, high: float = HIGH
) -> torchaudio.transforms.MelSpectrogram:
    """Return the transform from a waveform (samples,) to mel power (bands, frames), made once.

    With these values every mel band has at least one frequency in it. With a window of 400 samples
    and 128 bands, as is often seen, some low bands lie between two frequencies and stay empty.

    Source: https://docs.pytorch.org/audio/stable/generated/torchaudio.transforms.MelSpectrogram.html
    Introduced in notebook 3.
    """
    return torchaudio.transforms.MelSpectrogram(
        RATE, n_fft=window, hop_length=HOP, n_mels=bands, f_min=low, f_max=high,
        pad_mode="constant",
    )  # fmt: skip


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


def audible(power: np.ndarray) -> np.ndarray:
    """Return which frames are not silent, shape (frames,): those near enough to the loudest.

    Introduced in notebook 3.
    """
    loudness = power.sum(axis=0)
    return loudness > loudness.max() * 10 ** (-SILENT / 10)


def pitch_track(waveform: np.ndarray) -> np.ndarray:
    """Return the pitch of each frame in hertz, NaN where there is none; shape (frames,).

    A sound with a pitch repeats itself: moved by one period it looks the same. So each frame is
    compared with itself moved (autocorrelation), and the smallest move that fits nearly as well as
    the best one is its period.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency (1993)
    Introduced in notebook 3.
    """
    shape = torch.hann_window(WINDOW)
    padded = torch.nn.functional.pad(torch.as_tensor(waveform), (WINDOW // 2, WINDOW // 2))
    frames = padded.unfold(0, WINDOW, HOP)
    frames = (frames - frames.mean(dim=1, keepdim=True)) * shape
    longest = RATE // PITCH_LOW + 2
    alike, of_shape = (
        torch.fft.irfft(torch.fft.rfft(x, 2 * WINDOW).abs().square())[..., :longest]
        for x in (frames, shape)
    )
    energy = alike[:, :1]
    alike = alike / energy.clamp(min=1e-12) * (of_shape[0] / of_shape)
    first = RATE // PITCH_HIGH
    alike = alike[:, first:]
    best = alike[:, 1:-1].max(dim=1, keepdim=True).values
    middle = alike[:, 1:-1]
    peaks = (middle >= alike[:, :-2]) & (middle >= alike[:, 2:]) & (middle >= 0.95 * best)
    period = peaks.float().argmax(dim=1) + first + 1
    clear = (best > VOICED) & (energy > energy.max() * 1e-3) & peaks.any(dim=1, keepdim=True)
    return torch.where(clear[:, 0], RATE / period, torch.nan).numpy()


@contextmanager
def one_thread():
    """Let PyTorch use one thread: for pieces as small as these, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class AudioEncoder:
    """A sound becomes the numbers of a recipe: 64 for `mel`, 67 for `voice`.

    Attributes:
        name: `mel spectrogram (voice)` and the like.
        space: `audio`; only vectors of one space and one fingerprint can be compared.
        dim: how many numbers a vector has.
        device: always the CPU; there is too little to calculate for anything else.
        note: what stands in for weights, in words.
        fingerprint: 12 hexadecimal digits that stand for recipe, settings and centring.

    Introduced in notebook 3.
    """

    space = "audio"

    def __init__(self, recipe: str = "voice", progress: bool = True):
        """Choose a recipe: `mel`, `log-mel`, `gated`, `spread` or `voice`.

        Raises:
            ValueError: there is no recipe of that name.
        """
        if recipe not in RECIPES:
            raise ValueError(f"There is no recipe {recipe!r}; there are: {', '.join(RECIPES)}.")
        self.recipe, self.progress = RECIPES[recipe], progress
        self.name, self.device = f"mel spectrogram ({recipe})", torch.device("cpu")
        self.note = "calculated, not learned, so there are no weights to load"
        bands = BANDS * (2 if self.recipe.spread else 1)
        self.dim = bands + (3 if self.recipe.pitch else 0)
        self.weight = np.ones(self.dim)
        self.weight[bands:] = PITCH_WEIGHT * math.sqrt(bands / 3)  # as heavy as all bands
        self.middle, self.scale = np.zeros(self.dim), np.ones(self.dim)
        self.scale[bands:] = 4  # semitones; replaced, as `middle` is, by `fit`
        self.fitted = False

    @property
    def fingerprint(self) -> str:
        """What the vectors depend on, as 12 hexadecimal digits."""
        settings = (self.recipe, RATE, WINDOW, HOP, BANDS, LOW, HIGH, SILENT, FLOOR, VOICED,
                    PITCH_LOW, PITCH_HIGH, MIDDLE, PITCH_WEIGHT)  # fmt: skip
        identity = repr(settings).encode() + self.middle.tobytes() + self.scale.tobytes()
        return hashlib.sha256(identity).hexdigest()[:12]

    def fit(self, paths: Sequence[str | Path]) -> AudioEncoder:
        """Return a copy of this encoder that is centred on a collection.

        From each number the collection's mean is taken away, and the rest divided by the
        collection's deviation, so that no number is large only by its nature. Vectors of the copy
        cannot be compared with vectors from before.

        Args:
            paths: the collection's files, two or more, or its Catalog.

        Raises:
            ValueError: fewer than two files.
            MediaError: a file is unusable.
        """
        with one_thread():
            raw = np.array([self._numbers(path) for path in getattr(paths, "paths", paths)])
        if len(raw) < 2:
            raise ValueError("One sound has nothing to be centred on; give at least two files.")
        known = np.where(np.isnan(raw).all(axis=0), 0.0, raw)  # no file at all has a pitch
        fitted = copy.copy(self)
        fitted.middle = np.nanmean(known, axis=0)
        fitted.scale = np.nanstd(known, axis=0)
        fitted.scale[fitted.scale < 1e-6] = 1.0
        fitted.fitted = True
        return fitted

    def encode(
        self, paths: Sequence[str | Path], problems: list[MediaError] | None = None
    ) -> np.ndarray:
        """Return the embeddings of sound files, or of videos' soundtracks.

        Args:
            paths: n files, or a Catalog of n items.
            problems: a list to which the errors of unusable files are added; their rows are then
                left out. Without it, the first such file raises its error.

        Returns:
            float32 of shape (n, dim); every row has length 1.

        Raises:
            MediaError: a file is unusable, or silent from beginning to end.
        """
        if isinstance(paths, (str, Path)):
            raise TypeError("encode takes a list of paths; write encode([path]) for one file.")
        paths = list(getattr(paths, "paths", paths))  # a Catalog knows its paths

        rows = []
        with one_thread():
            show = self.progress and is_live()  # and only where it takes longer than 2 seconds
            for path in tqdm(paths, unit="file", delay=2, leave=False, disable=not show):
                try:
                    rows.append(self._finish(self._numbers(path), path))
                except MediaError as error:
                    if problems is None:
                        raise
                    problems.append(error)
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dim)

    def embed(self, catalog):
        """Encode the items of a catalog and leave out those that cannot be read.

        Args:
            catalog: a `course_utils.catalog.Catalog` of n items.

        Returns:
            The catalog of the m <= n readable items, and their embeddings of shape (m, dim). Each
            item left out is printed with the reason.
        """
        problems: list[MediaError] = []
        vectors = self.encode(catalog.paths, problems)
        return catalog.without(problems), vectors

    def encode_waveform(self, waveform: np.ndarray) -> np.ndarray:
        """Return the embedding of a 16 kHz waveform, shape (samples,), as shape (dim,)."""
        with one_thread():
            return self._finish(self.numbers(waveform), "the waveform").astype(np.float32)

    def parts(self, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Return what each band of each frame adds to a sound's vector.

        Returns:
            What the bands add, shape (64, frames), zero in silent frames; and the pitch's numbers,
            shape (3,) or (0,). The sum over the frames, followed by the pitch's numbers, is the
            vector before it is made unit length.

        Raises:
            ValueError: the recipe is not a mean over time, so it cannot be split this way.
            MediaError: the file is unusable.
        """
        if self.recipe.spread:
            raise ValueError("A deviation over time is no sum over time; use another recipe.")
        power = mel_power(read_waveform(path))
        spectrogram, kept = self._spectrogram(power)
        numbers = self._centred(self._numbers(path))
        shown = np.zeros(power.shape)
        middle, scale = (x[:BANDS, None] for x in (self.middle, self.scale))
        shown[:, kept] = (spectrogram - middle) / scale / kept.sum()
        return shown, numbers[BANDS:]

    def numbers(self, waveform: np.ndarray) -> np.ndarray:
        """Return the recipe's numbers as they are, shape (dim,); NaN for the pitch of a whisper."""
        power = mel_power(waveform)
        spectrogram, _ = self._spectrogram(power)
        parts = [spectrogram.mean(axis=1)]
        if self.recipe.spread:
            parts.append(spectrogram.std(axis=1))
        if self.recipe.pitch:
            hertz = pitch_track(waveform)
            hertz = hertz[~np.isnan(hertz)]
            quartiles = (
                np.quantile(hertz, (0.25, 0.5, 0.75)) if len(hertz) > 4 else np.full(3, np.nan)
            )
            parts.append(12 * np.log2(quartiles / MIDDLE))  # semitones above MIDDLE
        return np.concatenate(parts).astype(np.float64)

    def _spectrogram(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the normalised spectrogram (64, m) and which frames it has kept (frames,)."""
        kept = audible(power) if self.recipe.gate else np.ones(power.shape[1], dtype=bool)
        if self.recipe.gate:
            levels = decibels(power[:, kept], floor=power.max() * 10 ** (-FLOOR / 10) or 1e-10)
            return (levels - levels.mean()) / 10, kept  # without its own level; in units of 10 dB
        values = decibels(power) if self.recipe.log else power
        return (values - values.mean()) / (values.std() or 1.0), kept

    def _numbers(self, path: str | Path) -> np.ndarray:
        waveform = read_waveform(path)
        if not waveform.any():
            raise MediaError(path, "is silent from beginning to end", "record it again, louder")
        return self.numbers(waveform)

    def _centred(self, numbers: np.ndarray) -> np.ndarray:
        """Centre, scale and weigh; a pitch that is not there counts as the usual one."""
        return np.nan_to_num((numbers - self.middle) / self.scale) * self.weight

    def _finish(self, numbers: np.ndarray, name) -> np.ndarray:
        vector = self._centred(numbers)
        if not vector.any():
            raise MediaError(name, "has nothing that could be compared", "use a longer sound")
        return unit_length(vector)
