"""Thumbnails, players and moving pictures."""

import base64
import io
import re

import numpy as np
import pytest
from films import number, numbered, write
from PIL import Image, ImageSequence
from scipy.io import wavfile

from course_utils import players
from course_utils.catalog import Item
from course_utils.figures import kernel_in_time
from course_utils.media import read_waveform
from course_utils.players import Animation, Players, media_html, small_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A picture, a film of three seconds whose frames carry their numbers, and a tone of 25."""
    folder = tmp_path_factory.mktemp("media")
    Image.new("RGB", (300, 200), "red").save(folder / "a.png")
    write(folder / "a.mp4", numbered(48))
    tone = np.sin(np.arange(25 * 16000) * 2 * np.pi * 1000 / 16000) / 2
    wavfile.write(folder / "a.wav", 16000, tone.astype(np.float32))
    return folder


def embedded(html: str, mime: str) -> list[bytes]:
    found = re.findall(rf'(?:src|poster|srcset)="data:{mime};base64,([^"]+)"', html)
    return [base64.b64decode(data) for data in found]


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_thumbnails_of_pictures_films_and_sounds(folder):
    assert small_picture(Item(folder / "a.png")).size == (176, 117)
    four = np.asarray(small_picture(Item(folder / "a.mp4", "video")))
    high, wide = four.shape[0] // 2, four.shape[1] // 2
    parts = [four[y : y + high, x : x + wide] for y in (0, high) for x in (0, wide)]
    assert [number(part[4:-2, 3:-3]) for part in parts] == [6, 18, 30, 42]
    sound = np.asarray(small_picture(Item(folder / "a.wav", "audio")).convert("L"), dtype=float)
    assert sound.shape == (132, 176)  # pitch upwards: 1,000 Hz is 57 % of the way from 62 to 8,000
    assert sound.mean(axis=1).argmax() == pytest.approx(0.43 * 132, abs=4)
    assert small_picture(Item(folder / "gone.png")).getpixel((0, 0)) == (0xBB, 0xBB, 0xBB)


def test_what_is_kept_follows_the_file_and_is_bounded_in_bytes(tmp_path, monkeypatch):
    item = Item(tmp_path / "changes.png")
    Image.new("RGB", (30, 20), "red").save(item.path)
    red, kept = media_html(item), list(players._kept.values())[-1]
    assert media_html(item) == red and list(players._kept.values())[-1] is kept  # made once
    Image.new("RGB", (30, 21), "blue").save(item.path)
    assert media_html(item) != red
    monkeypatch.setattr(players, "KEPT", 10_000)
    for i in range(9):
        Image.effect_noise((176, 176), 90).save(tmp_path / f"{i}.png")
        assert len(media_html(Item(tmp_path / f"{i}.png"))) > 4000
        assert sum(map(len, players._kept.values())) <= 10_000


def test_the_film_player_holds_the_whole_file_and_a_poster(folder, tmp_path):
    tag = players.video_tag(folder / "a.mp4", "A <film>", 'says "hello"')
    assert 'aria-label="A &lt;film&gt;. says &quot;hello&quot;"' in tag and "autoplay" not in tag
    assert all(f" {x}" in tag for x in ("controls", "loop", "muted", "playsinline"))
    assert embedded(tag, "video/mp4") == [(folder / "a.mp4").read_bytes()]
    (poster,) = embedded(tag, "image/jpeg")
    assert number(np.asarray(picture(poster))) == 24  # the middle
    path = write(tmp_path / "b.mp4", numbered(8))
    (tmp_path / "posters").mkdir()
    Image.new("RGB", (32, 24), "lime").save(tmp_path / "posters" / "b.jpg")
    assert picture(embedded(players.video_tag(path, "b"), "image/jpeg")[0]).size == (32, 24)


@pytest.mark.parametrize(("name", "codec"), [("film.avi", "mpeg4"), ("large.mp4", "libx264")])
def test_what_browsers_do_not_play_is_shown_as_a_moving_picture(tmp_path, monkeypatch, name, codec):
    path = write(tmp_path / name, numbered(64), codec=codec)
    monkeypatch.setattr(players, "LARGEST", 100)
    moving = picture(embedded(players.video_tag(path, "film"), "image/webp")[0])
    numbers = [number(np.asarray(x.convert("RGB"))) for x in ImageSequence.Iterator(moving)]
    assert numbers == list(range(8, 56, 2))  # three seconds from the middle, 8 frames a second


def test_the_sound_player_holds_the_first_twenty_seconds(folder, tmp_path):
    tag = players.audio_tag(folder / "a.wav", 'a "tone"')
    assert " controls" in tag and 'aria-label="a &quot;tone&quot;"' in tag
    (tmp_path / "b.flac").write_bytes(embedded(tag, "audio/flac")[0])
    heard = read_waveform(tmp_path / "b.flac")
    whole = read_waveform(folder / "a.wav", duration=20)
    assert len(heard) == 20 * 16000 and np.abs(heard - whole).max() < 1e-4


def test_players_play_where_somebody_is_there(folder, monkeypatch):
    film = Item(folder / "a.mp4", "video", caption="<b>Film</b>", alt="A bar & a wall.")
    shown = Players([film, folder / "a.wav", np.ones(9000) / 9], ["<b>Film</b>", "tone", "ones"])
    monkeypatch.setenv("COURSE_GALLERY", "static")
    data, metadata = shown._repr_mimebundle_()
    assert set(data) == {"image/jpeg", "text/plain"} and data["text/plain"].count("[a player") == 3
    assert "tone; ones" in metadata["image/jpeg"]["alt"]
    monkeypatch.setenv("COURSE_GALLERY", "live")
    html = shown._repr_mimebundle_()[0]["text/html"]
    assert html.count("<video ") == 1 and html.count("<audio ") == 2 and "<b>" not in html
    assert "A bar &amp; a wall." in html and html.count("<figcaption>") == 3
    assert repr(Players([film, Item(folder / "a.wav", "audio", caption="La.")])).endswith("a: La.")
    for bad in ([], [film]):
        with pytest.raises(ValueError, match="a title for each"):
            Players(bad, ["a", "b"])


def test_an_animation_moves_live_and_shows_both_ends_elsewhere(monkeypatch):
    drawings = [kernel_in_time(numbered(6), at) for at in range(4)]
    moving = Animation(drawings, "A kernel slides.")
    ends = [np.asarray(picture(drawings[i].data).convert("RGB"), int) for i in (0, -1)]
    sheet = np.asarray(picture(moving.data).convert("RGB"), int)
    assert np.abs(sheet - np.vstack(ends)).mean() < 3
    monkeypatch.setenv("COURSE_GALLERY", "static")
    assert set(moving._repr_mimebundle_()[0]) == {"image/png", "text/plain"}
    monkeypatch.setenv("COURSE_GALLERY", "live")
    html = moving._repr_mimebundle_()[0]["text/html"]
    assert picture(embedded(html, "image/webp")[0]).n_frames == 4 and "reduced-motion" in html
    assert 'alt="A kernel slides."' in html and embedded(html, "image/png") == [moving.data]
    with pytest.raises(ValueError, match="no drawings"):
        Animation([], "nothing")


def test_a_file_that_vanishes_is_said_by_its_name(folder, tmp_path):
    for kind, name in (("image", "a.png"), ("video", "a.mp4"), ("audio", "a.wav")):
        said = media_html(Item(tmp_path / f"<i>{name}", kind))
        assert "does not exist" in said and str(tmp_path) not in said and "<i>" not in said
        assert "data:" in media_html(Item(folder / name, kind))
