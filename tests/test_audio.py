"""The audio encoder: recipes, what must not matter, exact contributions, and who finds whom."""

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from course_utils import audio
from course_utils.audio import RECIPES, AudioEncoder
from course_utils.catalog import Catalog, Item
from course_utils.evaluation import evaluate, explain_sounds
from course_utils.media import SAMPLE_RATE, MediaError, read_waveform

SOUNDS = Catalog.load().select(kind="audio")
FIRST = SOUNDS.select(setting="studio", role="item", caption="Life is beautiful.")
CENTRED = pytest.mark.parametrize("centred", [False, True])


@pytest.fixture(scope="module")
def heart():
    return read_waveform(FIRST[FIRST.find("heart-1")].path)


@pytest.mark.parametrize("recipe", RECIPES)
def test_rows_of_unit_length(recipe):
    encoder, threads = AudioEncoder(recipe), torch.get_num_threads()
    vectors = encoder.encode(FIRST[:3])
    assert vectors.dtype == np.float32 and vectors.shape == (3, encoder.dim)
    assert encoder.dim == {"spread": 128, "pitch": 3, "voice": 67}.get(recipe, 64)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert torch.get_num_threads() == threads  # left as they were
    for samples in (1, 16, 800):
        sound = np.full(samples, 0.5, dtype=np.float32)
        if recipe == "pitch":
            with pytest.raises(MediaError, match="nothing that could be compared"):
                encoder.encode_waveform(sound)
        else:
            assert np.isfinite(encoder.encode_waveform(sound)).all()


def test_fingerprints_tell_recipes_weights_and_centrings_apart(monkeypatch):
    encoders = [AudioEncoder(recipe) for recipe in RECIPES]
    voice = encoders[-1]
    encoders += [AudioEncoder("voice", pitch_weight=1), voice.fit(FIRST[:5]), voice.fit(FIRST[:6])]
    marks = {encoder.fingerprint for encoder in encoders}
    assert AudioEncoder("voice").fingerprint in marks and len(marks) == len(encoders)
    monkeypatch.setattr(audio, "READING", "another rule")
    assert voice.fingerprint not in marks and len(voice.fingerprint) == 12


def test_the_pitch_counts_as_much_as_it_is_told():
    """Without any weight the pitch is nothing, and with a great one the bands are."""
    bands, pitch = (AudioEncoder(name).fit(FIRST).encode(FIRST[:5]) for name in ("gated", "pitch"))
    for weight, alone in ((0, bands), (1e6, pitch)):
        found = AudioEncoder("voice", pitch_weight=weight).fit(FIRST).encode(FIRST[:5])
        np.testing.assert_allclose(found @ found.T, alone @ alone.T, atol=1e-3)


def test_mistakes_are_said_in_words(tmp_path, capsys):
    with pytest.raises(ValueError, match="no recipe 'mfcc'; there are: mel, log-mel"):
        AudioEncoder("mfcc")
    with pytest.raises(ValueError, match="at least two"):
        AudioEncoder().fit(FIRST.paths[:1])
    (tmp_path / "text.wav").write_text("no sound")
    wavfile.write(tmp_path / "silence.wav", SAMPLE_RATE, np.zeros(SAMPLE_RATE, np.int16))
    paths = [tmp_path / "text.wav", FIRST.paths[0], tmp_path / "silence.wav", FIRST.paths[1]]
    problems = []
    assert len(AudioEncoder().encode(paths, problems)) == 2
    assert [error.path.name for error in problems] == ["text.wav", "silence.wav"]
    with pytest.raises(MediaError, match="and 1 more of 4 files") as caught:
        AudioEncoder().fit(paths)
    assert "silent from beginning to end" in str(caught.value)
    kept, vectors = AudioEncoder().embed(Catalog([Item(path) for path in paths]))
    assert len(kept) == len(vectors) == 2 and capsys.readouterr().out.count("Left out") == 2


def test_no_mel_filter_is_empty_and_common_defaults_have_empty_ones():
    assert (audio.mel_transform().mel_scale.fb.sum(dim=0) > 0).all()
    with pytest.warns(UserWarning, match="all zero"):
        poor = audio.mel_transform(400, 128)
    assert (poor.mel_scale.fb.sum(dim=0) == 0).any()


def test_mel_power_and_the_plain_recipe_written_out(heart):
    padded = np.pad(heart, audio.WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, audio.WINDOW)[:: audio.HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(audio.WINDOW + 1)[:-1])) ** 2
    mel = audio.mel_transform().mel_scale.fb.numpy().T @ power.T
    assert np.allclose(mel, audio.mel_power(heart), rtol=1e-3, atol=1e-4)
    by_hand = ((mel - mel.mean()) / mel.std()).mean(axis=1)
    by_hand /= np.linalg.norm(by_hand)
    assert np.allclose(AudioEncoder("mel").encode_waveform(heart), by_hand, atol=1e-5)
    assert audio.decibels(np.array([1.0, 10.0, 0.001])).tolist() == pytest.approx([0, 10, -30])
    assert np.isfinite(audio.decibels(np.zeros(3))).all()


@pytest.mark.parametrize("recipe", ["gated", "spread", "pitch", "voice"])
@CENTRED
def test_a_quiet_copy_and_a_second_of_silence_match_at_one(recipe, centred, heart):
    encoder = AudioEncoder(recipe).fit(FIRST) if centred else AudioEncoder(recipe)
    original, silence = encoder.encode_waveform(heart), np.zeros(SAMPLE_RATE, dtype=np.float32)
    for copy in (0.02 * heart, np.concatenate([silence, 0.02 * heart, silence])):
        assert original @ encoder.encode_waveform(copy) == pytest.approx(1, abs=5e-4)


@pytest.mark.parametrize("hertz", [65, 90, 120, 160, 210, 300, 400])
@pytest.mark.parametrize("parts", [(1,), (1, 2, 3, 4), (2, 3, 4)])
def test_pitch_of_tones(hertz, parts):
    """Also where the lowest partial is missing, as through a telephone."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sound = sum(np.sin(2 * np.pi * hertz * part * time) for part in parts).astype(np.float32)
    track = audio.pitch_track(0.1 * sound)
    assert np.isnan(track).mean() < 0.1
    assert np.nanmedian(track) == pytest.approx(hertz, rel=0.03)


def test_noise_and_whispers_have_hardly_a_pitch():
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    assert np.isnan(audio.pitch_track(noise)).mean() > 0.95
    for item in SOUNDS.select(role="extra"):
        assert np.isnan(audio.pitch_track(read_waveform(item.path))).mean() > 0.9
    assert np.isfinite(AudioEncoder("voice").encode_waveform(noise)).all()


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe != "spread"])
@CENTRED
def test_contributions_add_up_to_the_vector_and_to_the_cosine(recipe, centred, tmp_path, heart):
    encoder = AudioEncoder(recipe).fit(FIRST) if centred else AudioEncoder(recipe)
    path = tmp_path / "a.wav"
    wavfile.write(path, SAMPLE_RATE, np.append(heart, np.zeros(SAMPLE_RATE, np.float32)))
    bands, pitch = encoder.contributions(path)
    frames = audio.mel_power(read_waveform(path)).shape[1]
    assert bands.shape == (0 if recipe == "pitch" else 64, frames)
    assert pitch.shape == ((3,) if recipe in ("pitch", "voice") else (0,))
    other, vector = encoder.encode([FIRST.paths[1], path])
    np.testing.assert_allclose([*bands.sum(axis=1), *pitch], vector, atol=1e-5)
    assert (bands[:, -90:] == 0).all() or recipe in ("mel", "log-mel")  # silence adds nothing
    *parts, cosine = explain_sounds(encoder, FIRST.paths[1], path)
    assert sum(part.sum() for part in parts) == pytest.approx(cosine, abs=1e-5)
    assert cosine == pytest.approx(other @ vector, abs=1e-5)


def test_a_standard_deviation_is_not_split():
    with pytest.raises(ValueError, match="no sum over time"):
        AudioEncoder("spread").contributions(FIRST.paths[0])


def test_voices_and_instruments_find_their_like():
    """The plain recipe is little better than luck, the last one much."""

    def precision(encoder, sounds, k=5):
        return evaluate(encoder.encode(sounds), sounds.labels, sounds.sources, k).mean

    assert precision(AudioEncoder("mel"), FIRST) < 0.75
    assert precision(AudioEncoder("voice").fit(FIRST), FIRST) > 0.84
    assert precision(AudioEncoder("spread"), SOUNDS.select(tags="music"), k=3) > 0.55
