"""Players, film strips and galleries of videos."""

import base64
import io
import re

import numpy as np
import pytest
from films import number, numbered, write
from PIL import Image

from course_utils import explain, watch
from course_utils.catalog import Catalog, Item
from course_utils.gallery import Gallery
from course_utils.media import MediaError
from course_utils.plots import Picture
from course_utils.video import VideoEncoder


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return Catalog(
        [
            Item(write(folder / f"film-{i}.mp4", np.roll(numbered(48), 10 * i, axis=1)), "video",
                 label, source=str(i), caption=f'<b>"Film" {i}</b>', alt="A bar & a wall.")
            for i, label in enumerate(("water", "water", "children playing"))
        ]
    )  # fmt: skip


VECTORS = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])


def test_the_player_holds_the_whole_file_and_a_poster(films):
    tag = watch.video_tag(films[0].path, "A <film>", 'says "hello"')
    assert 'aria-label="A &lt;film&gt;. says &quot;hello&quot;"' in tag
    for attribute in ("controls", "loop", "muted", "playsinline"):
        assert f" {attribute}" in tag
    assert "autoplay" not in tag
    (data,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', tag)
    assert base64.b64decode(data) == films[0].path.read_bytes()
    (poster,) = re.findall(r'poster="data:image/jpeg;base64,([^"]+)"', tag)
    with Image.open(io.BytesIO(base64.b64decode(poster))) as picture:
        assert number(np.asarray(picture)) == 24  # the middle


def test_a_poster_file_is_preferred(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(8))
    (tmp_path / "posters").mkdir()
    Image.new("RGB", (32, 24), "lime").save(tmp_path / "posters" / "a.jpg")
    assert watch.still(path).size == (32, 24)


@pytest.mark.parametrize("name", ["film.avi", "large.mp4"])
def test_what_browsers_do_not_play_is_shown_as_a_moving_picture(tmp_path, monkeypatch, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write(tmp_path / name, numbered(64), codec=codec)
    monkeypatch.setattr(watch, "LARGEST", 100)
    tag = watch.video_tag(path, "film")
    (data,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', tag)
    with Image.open(io.BytesIO(base64.b64decode(data))) as moving:
        assert moving.n_frames == 24
        numbers = []
        for i in range(24):
            moving.seek(i)
            numbers.append(number(np.asarray(moving.convert("RGB"))))
    assert numbers == list(range(8, 56, 2))  # three seconds from the middle, 8 frames a second


def test_moments_are_spread_over_the_film(films):
    frames, times = watch.moments(films[0].path, 6)
    assert times == pytest.approx([0.25, 0.75, 1.25, 1.75, 2.25, 2.75])
    assert [number(frame) for frame in frames] == [4, 12, 20, 28, 36, 44]


def test_clips_play_when_somebody_is_there(films, monkeypatch):
    monkeypatch.setenv("COURSE_GALLERY", "static")
    clips = watch.Clips(films)
    data, metadata = clips._repr_mimebundle_()
    assert "text/html" not in data and data["text/plain"].count("[a player") == 3
    assert len(metadata["image/jpeg"]["alt"]) > 20
    monkeypatch.setenv("COURSE_GALLERY", "live")
    data, _ = clips._repr_mimebundle_()
    assert data["text/html"].count("<video ") == 3
    assert "<b>" not in data["text/html"] and "&lt;b&gt;" in data["text/html"]


def test_an_animation_moves_live_and_stands_side_by_side_elsewhere(monkeypatch):
    drawings = [watch.kernel_in_time(numbered(4), at) for at in range(2)]
    assert all(isinstance(drawing, Picture) for drawing in drawings)
    moving = watch.Animation(drawings, "a kernel slides along time")
    monkeypatch.setenv("COURSE_GALLERY", "static")
    data, metadata = moving._repr_mimebundle_()
    assert "text/html" not in data and metadata["image/png"]["alt"] == moving.alt
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as sheet:
        with Image.open(io.BytesIO(drawings[0].data)) as one:
            assert sheet.width == 2 * one.width
    monkeypatch.setenv("COURSE_GALLERY", "live")
    data, _ = moving._repr_mimebundle_()
    (webp,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', data["text/html"])
    with Image.open(io.BytesIO(base64.b64decode(webp))) as picture:
        assert picture.n_frames == 2


def test_strips_and_film_strip_say_what_they_show(films):
    assert "Film" in watch.strips(films.paths, [item.caption for item in films]).alt
    strip = watch.film_strip(numbered(10), np.arange(10) / 15, alt="A bar.")
    assert "10 frames from second 0.00 to 0.60. A bar." in strip.alt


def test_gallery_of_films_plays_and_escapes(films, monkeypatch):
    gallery = Gallery(films, VECTORS, 0, k=2)
    monkeypatch.setenv("COURSE_GALLERY", "static")
    data, _ = gallery._repr_mimebundle_()
    assert "film-1 (water)" in data["text/plain"] and "image/jpeg" in data
    widget = gallery.widget()
    assert widget is gallery.widget()
    content = gallery.query_html.value
    assert content.count("<video ") == 1 and "<b>" not in content
    assert "A bar &amp; a wall." in content
    shown = [card for card, _, _ in gallery.cards if card.layout.display != "none"]
    assert len(shown) == 2


def test_gallery_says_that_a_film_is_gone(films, tmp_path):
    path = write(tmp_path / "short-lived.mp4", numbered(8))
    catalog = Catalog([*films, Item(path, "video", "water")])
    gallery = Gallery(catalog, np.vstack([VECTORS, [[0.9, 0.1]]]), 0, k=3)
    gallery.widget()
    path.unlink()
    gallery._narrow(k=2)
    assert "does not exist" in gallery.cards[0][1].value or "film-1" in gallery.cards[0][1].value
    with pytest.raises(MediaError, match="does not exist"):
        watch.video_tag(path, "gone")


def test_a_match_of_films_is_explained_exactly(films):
    encoder = VideoEncoder(device="cpu", progress=False)
    ours, theirs, score = explain.explain_clips(encoder, films[0].path, films[2].path)
    first, second = encoder.encode([films[0].path, films[2].path])
    assert ours.shape == theirs.shape == (1, 2, 7, 7)
    assert ours.sum() == pytest.approx(score, abs=1e-5)
    assert theirs.sum() == pytest.approx(score, abs=1e-5)
    assert score == pytest.approx(float(first @ second), abs=1e-5)
    seen = [np.zeros((16, 112, 112, 3), np.uint8)] * 2
    figure = watch.time_shares(seen, [ours[0], theirs[0]], ["a", "b"], score)
    assert f"{score:.2f}" in figure.alt
