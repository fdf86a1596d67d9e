"""How fast are sounds encoded, on one thread? In multiples of real time, and beside librosa.

Run it on an otherwise idle machine:

    uv run --group benchmark python tests/benchmarks/audio_encoding.py

The ways take turns on the same sounds, several times; medians are printed, and the range of the
rounds. All calculate with 1,024 samples, a step of 160 and
64 bands:

    fourier        torch's Fourier transforms alone: no mel spectrogram made from them is faster
    librosa        mel spectrogram and mean over time, from waveforms; librosa builds its filter
                   bank anew in every call
    mel            the same with the course's recipe of that name, from waveforms
    voice          the course's last recipe, from waveforms
    mel, files     AudioEncoder("mel").encode, from FLAC files
    voice, files   AudioEncoder("voice").encode, from FLAC files
"""

import argparse
import statistics

import numpy as np
import torch
from turns import ratio, seconds_of

from course_utils import audio
from course_utils.audio import AudioEncoder
from course_utils.catalog import Catalog
from course_utils.media import SAMPLE_RATE, read_waveform


def main() -> None:
    """Time all ways in turns and print multiples of real time and ratios."""
    import librosa

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    torch.set_num_threads(1)
    paths = Catalog.load().select(kind="audio", setting="studio", role="item").paths
    sounds = [read_waveform(path) for path in paths]
    seconds = sum(len(sound) for sound in sounds) / SAMPLE_RATE
    encoders = {name: AudioEncoder(name) for name in ("mel", "voice")}

    def with_librosa() -> list[np.ndarray]:
        found = []
        for sound in sounds:
            power = librosa.feature.melspectrogram(
                y=sound, sr=SAMPLE_RATE, n_fft=audio.WINDOW, hop_length=audio.HOP,
                n_mels=audio.BANDS, fmin=audio.LOWEST, fmax=audio.HIGHEST, htk=True, norm=None,
            )  # fmt: skip
            found.append(power.mean(axis=1))
        return found

    taper = torch.hann_window(audio.WINDOW)

    def fourier() -> None:
        for sound in map(torch.from_numpy, sounds):
            torch.stft(sound, audio.WINDOW, audio.HOP, window=taper, return_complex=True)

    ways = {
        "fourier": fourier,
        "librosa": with_librosa,
        "mel": lambda: [encoders["mel"].encode_waveform(sound) for sound in sounds],
        "voice": lambda: [encoders["voice"].encode_waveform(sound) for sound in sounds],
        "mel, files": lambda: encoders["mel"].encode(paths),
        "voice, files": lambda: encoders["voice"].encode(paths),
    }
    taken = seconds_of(ways, rounds)
    same = np.allclose(
        with_librosa()[0], audio.mel_power(sounds[0]).mean(axis=1), rtol=1e-2, atol=1e-3
    )
    print(f"torch {torch.__version__}, librosa {librosa.__version__}, one thread")
    print(f"{len(sounds)} sounds, {seconds:.0f} s; librosa's mean mel equals the course's: {same}")
    for way, times in taken.items():
        print(f"{way:13} {seconds / statistics.median(times):6.0f} times real time, "
              f"{ratio(taken['librosa'], times)} times librosa's speed")  # fmt: skip


if __name__ == "__main__":
    main()
