"""The audio encoder: recipes, what must not matter, exact explanations, and who finds whom."""

import re

import numpy as np
import pytest
import soundfile
import torch

from course_utils import audio, evidence, exercises, explain, hear
from course_utils.audio import RECIPES, AudioEncoder
from course_utils.catalog import Catalog
from course_utils.gallery import Gallery
from course_utils.media import RATE, MediaError, read_waveform

SOUNDS = Catalog.load().select(kind="audio")
FIRST = SOUNDS.select(setting="studio", role="item", caption="Life is beautiful.")
each_recipe = pytest.mark.parametrize("recipe", RECIPES)
STEADY = ("gated", "spread", "voice")  # recipes that leave silence and level out


@pytest.fixture(scope="module")
def heart():
    return read_waveform(SOUNDS[SOUNDS.find("heart-1")].path)


# ---- the interface ----


@each_recipe
def test_rows_of_unit_length(recipe):
    encoder = AudioEncoder(recipe)
    vectors = encoder.encode(FIRST.paths[:3])
    assert vectors.dtype == np.float32 and vectors.shape == (3, encoder.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (encoder.encode(FIRST[:3]) == vectors).all()  # a Catalog knows its paths
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert encoder.space == "audio" and recipe in encoder.name


def test_fingerprints_tell_recipes_and_centrings_apart():
    encoders = [AudioEncoder(recipe) for recipe in RECIPES]
    encoders += [encoders[-1].fit(FIRST[:5]), encoders[-1].fit(FIRST[:6])]
    marks = [encoder.fingerprint for encoder in encoders]
    assert len(set(marks)) == len(marks)
    assert all(re.fullmatch("[0-9a-f]{12}", mark) for mark in marks)
    assert AudioEncoder("voice").fingerprint == AudioEncoder("voice").fingerprint


def test_mistakes_are_said_in_words(tmp_path):
    with pytest.raises(ValueError, match="no recipe 'mfcc'; there are: mel, log-mel"):
        AudioEncoder("mfcc")
    with pytest.raises(TypeError, match="a list of paths"):
        AudioEncoder().encode(FIRST.paths[0])
    with pytest.raises(ValueError, match="at least two"):
        AudioEncoder().fit(FIRST.paths[:1])
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    with pytest.raises(MediaError, match="silent from beginning to end"):
        AudioEncoder().encode([tmp_path / "silence.wav"])


def test_unusable_files_are_collected_and_the_rest_goes_on(tmp_path, capsys):
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(RATE) / 5), RATE)
    problems = []
    vectors = AudioEncoder().encode([tmp_path / "text.wav", tmp_path / "tone.wav"], problems)
    assert len(vectors) == 1 and len(problems) == 1
    kept, vectors = AudioEncoder().embed(Catalog.from_folder(tmp_path, kind="audio"))
    assert [item.name for item in kept] == ["tone"] and len(vectors) == 1
    assert "Left out" in capsys.readouterr().out


@each_recipe
@pytest.mark.parametrize("seconds", [1 / RATE, 0.001, 0.05])
def test_very_short_sounds_have_an_embedding(recipe, seconds):
    sound = np.full(max(1, int(seconds * RATE)), 0.5, dtype=np.float32)
    vector = AudioEncoder(recipe).encode_waveform(sound)
    assert np.isfinite(vector).all()


def test_threads_are_left_as_they_were(heart):
    before = torch.get_num_threads()
    AudioEncoder().encode_waveform(heart)
    AudioEncoder().encode(FIRST.paths[:2])
    assert torch.get_num_threads() == before


# ---- the mel spectrogram ----


def test_no_mel_filter_is_empty_and_common_defaults_have_empty_ones():
    assert (audio.mel_transform().mel_scale.fb.sum(dim=0) > 0).all()
    with pytest.warns(UserWarning, match="all zero"):
        poor = audio.mel_transform(400, 128, low=0, high=8000)
    assert (poor.mel_scale.fb.sum(dim=0) == 0).any()


def test_mel_power_is_the_filter_bank_times_the_spectrogram(heart):
    """Written out with NumPy alone."""
    padded = np.pad(heart, audio.WINDOW // 2)
    window = np.hanning(audio.WINDOW + 1)[:-1]
    starts = range(0, len(heart) + 1, audio.HOP)
    power = np.array(
        [np.abs(np.fft.rfft(padded[s : s + audio.WINDOW] * window)) ** 2 for s in starts]
    ).T
    bank = audio.mel_transform().mel_scale.fb.numpy()
    assert np.allclose(bank.T @ power, audio.mel_power(heart), rtol=1e-3, atol=1e-4)


def test_the_plain_recipe_by_hand(heart):
    power = audio.mel_power(heart)
    by_hand = ((power - power.mean()) / power.std()).mean(axis=1)
    by_hand /= np.linalg.norm(by_hand)
    assert np.allclose(AudioEncoder("mel").encode_waveform(heart), by_hand, atol=1e-5)


def test_decibels():
    assert audio.decibels(np.array([1.0, 10.0, 0.001])).tolist() == pytest.approx([0, 10, -30])
    assert np.isfinite(audio.decibels(np.zeros(3))).all()


# ---- what must not matter ----


@pytest.mark.parametrize("recipe", STEADY)
@pytest.mark.parametrize("centred", [False, True])
def test_a_quiet_copy_and_a_second_of_silence_match_at_one(recipe, centred, heart, tmp_path):
    encoder = AudioEncoder(recipe)
    if centred:
        encoder = encoder.fit(FIRST)
    silence = np.zeros(RATE, dtype=np.float32)
    copies = {
        "quiet": 0.02 * heart,
        "after": np.concatenate([heart, silence]),
        "before": np.concatenate([silence, heart]),
        "both": 0.02 * np.concatenate([silence, heart, silence]),
    }
    original = encoder.encode_waveform(heart)
    for name, copy in copies.items():
        assert original @ encoder.encode_waveform(copy) == pytest.approx(1, abs=5e-4), name
        soundfile.write(tmp_path / f"{name}.flac", copy, RATE, subtype="PCM_24")
        assert encoder.encode([tmp_path / f"{name}.flac"])[0] @ original == pytest.approx(
            1, abs=5e-4
        ), name


def test_decibels_without_normalising_fail_that_test(heart):
    """The control: the trap that the notebook shows is real."""
    plain, quiet = (audio.decibels(audio.mel_power(x)).mean(axis=1) for x in (heart, 0.02 * heart))
    assert plain @ quiet / np.linalg.norm(plain) / np.linalg.norm(quiet) < 0.95


def test_the_order_of_the_notes_does_not_matter():
    tune = read_waveform(SOUNDS[SOUNDS.find("grand-piano-rising")].path)
    other = tune.reshape(4, -1)[[2, 0, 3, 1]].ravel()
    encoder = AudioEncoder("mel")
    assert encoder.encode_waveform(tune) @ encoder.encode_waveform(other) > 0.99


# ---- pitch ----


@pytest.mark.parametrize("hertz", [65, 90, 120, 160, 210, 300, 400])
@pytest.mark.parametrize("parts", [(1,), (1, 2, 3, 4), (2, 3, 4)])
def test_pitch_of_tones(hertz, parts):
    """Also where the lowest partial is missing, as through a telephone."""
    time = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * hertz * part * time) for part in parts).astype(np.float32)
    track = audio.pitch_track(0.1 * sound)
    assert np.isnan(track).mean() < 0.1
    assert np.nanmedian(track) == pytest.approx(hertz, rel=0.03)


def test_noise_and_whispers_have_hardly_a_pitch():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert np.isnan(audio.pitch_track(noise)).mean() > 0.95
    for item in SOUNDS.select(role="extra"):
        assert np.isnan(audio.pitch_track(read_waveform(item.path))).mean() > 0.9
    assert np.isfinite(AudioEncoder("voice").encode_waveform(noise)).all()


# ---- explanations ----


@pytest.mark.parametrize("recipe", ["mel", "log-mel", "gated", "voice"])
@pytest.mark.parametrize("centred", [False, True])
def test_shares_add_up_to_the_cosine(recipe, centred):
    encoder = AudioEncoder(recipe)
    if centred:
        encoder = encoder.fit(FIRST)
    query, match = FIRST[3].path, FIRST[9].path
    shares, pitch, cosine = explain.explain_sound(encoder, query, match)
    first, second = encoder.encode([query, match])
    assert cosine == pytest.approx(float(first @ second), abs=1e-6)
    assert shares.sum() + pitch.sum() == pytest.approx(cosine, abs=1e-5)
    frames = audio.mel_power(read_waveform(match)).shape[1]
    assert shares.shape == (64, frames) and pitch.shape == ((3,) if recipe == "voice" else (0,))


def test_silent_frames_have_no_share(tmp_path, heart):
    soundfile.write(tmp_path / "a.wav", np.concatenate([heart, np.zeros(RATE)]), RATE)
    shares, _, _ = explain.explain_sound(AudioEncoder("gated"), FIRST[0].path, tmp_path / "a.wav")
    assert (shares[:, -90:] == 0).all() and (shares != 0).any()


def test_a_deviation_cannot_be_split():
    with pytest.raises(ValueError, match="no sum over time"):
        explain.explain_sound(AudioEncoder("spread"), FIRST[0].path, FIRST[1].path)


# ---- who finds whom ----


def test_the_voices_find_their_like():
    """Every recipe on all voices: the plain one is little better than luck, the last one much."""
    luck = evidence.shuffled_labels(np.eye(len(FIRST)), FIRST.labels, FIRST.sources)
    found = {}
    for name, encoder in (
        ("mel", AudioEncoder("mel")),
        ("voice", AudioEncoder("voice").fit(FIRST)),
    ):
        found[name] = evidence.evaluate(encoder.encode(FIRST), FIRST.labels, FIRST.sources).mean
    assert luck < 0.55 and found["mel"] < 0.75 and found["voice"] > 0.84, (luck, found)


def test_instruments_find_their_family():
    music = SOUNDS.select(tags="music")
    vectors = AudioEncoder("spread").encode(music)
    assert evidence.evaluate(vectors, music.labels, music.sources, k=3).mean > 0.55


# ---- players and galleries ----


def test_players_show_a_transcript_and_in_a_live_notebook_a_player(monkeypatch):
    item = FIRST[0]
    players = hear.Players([item.path], [f'{item.name}: "{item.caption}" <b>'])
    assert set(players._repr_mimebundle_()) == {"text/plain"}
    assert "Life is beautiful." in repr(players)
    monkeypatch.setenv("COURSE_GALLERY", "live")
    html = players._repr_mimebundle_()["text/html"]
    assert "<audio controls" in html and "&lt;b&gt;" in html and "<b>" not in html


def test_a_gallery_of_sounds_has_players_spectrograms_and_transcripts():
    few = FIRST[:6]
    gallery = Gallery(few, AudioEncoder("mel").encode(few), 0, k=3)
    gallery.widget()
    html = gallery.cards[0][1].value
    assert "<audio controls" in html and "data:audio/flac;base64," in html
    assert "data:image/jpeg;base64," in html and "Life is beautiful." in html
    assert few[gallery.ranking()[0][0]].name in html  # says which voice it is
    bundle, metadata = gallery._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"}  # no player is stored
    assert few[gallery.ranking()[0][0]].name in metadata["image/jpeg"]["alt"]


def test_the_players_lie_above_the_button_that_covers_a_card():
    css = (audio.Path(hear.__file__).parent / "cards.css").read_text(encoding="utf-8")
    rule = re.search(r"\.cg-card audio \{(.*?)\}", css, re.S).group(1)
    assert "position: relative" in rule and "z-index: 2" in rule


def test_the_players_flac_is_the_sound(heart):
    import io

    again, rate = soundfile.read(io.BytesIO(hear.flac_bytes(heart)))
    assert rate == RATE and np.allclose(again, heart, atol=1e-4)
    assert len(hear.flac_bytes(np.zeros(100 * RATE, np.float32))) < 1e6  # long ones are cut


@pytest.mark.parametrize(
    ("check", "function", "words"),
    [
        (exercises.check_mel, lambda f: 2595 * np.log(1 + f / 700), "natural logarithm"),
        (exercises.check_audible, lambda p, below: p.sum(axis=0) >= 0.01, "quiet copy"),
        (
            exercises.check_audible,
            lambda p, below: p.sum(axis=0) >= p.sum(axis=0).max() * 10 ** (-below / 20),
            "20 is for pressure",
        ),
        (exercises.check_audible, lambda p, below: p > 0.1, "for each frame"),
        (exercises.check_collapse, lambda s: s.mean(axis=0), "average over time"),
        (exercises.check_collapse, lambda s: ((s - s.mean()) / s.std()).mean(axis=1), "length"),
        (exercises.check_collapse, lambda s: s.mean(1) / np.linalg.norm(s.mean(1)), "normalised"),
        (exercises.check_pitch, lambda x, rate: 5000.0, "begin at rate // 400"),
        (exercises.check_pitch, lambda x, rate: None, "does it end with `return`"),
    ],
)
def test_a_wrong_answer_is_explained(check, function, words, capsys):
    check(function)
    said = capsys.readouterr().out
    assert "not yet" in said and words in said
