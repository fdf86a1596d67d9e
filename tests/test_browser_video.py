"""A real browser opens notebook 2, runs it, plays films and clicks."""

import pytest
from test_browser import lab, opened, pytestmark  # noqa: F401


@pytest.fixture(scope="module")
def page(lab):  # noqa: F811
    with opened(lab, "02_video_embeddings.ipynb", galleries=2) as page:
        yield page


def test_no_cell_stopped_with_an_error(page):
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert page.locator(".cg-root").count() == 2


def test_films_come_with_caption_and_description(page):
    film = page.locator(".jp-OutputArea-output figure:has(> video)").first
    assert film.locator("figcaption").inner_text()
    assert len(film.locator("video").get_attribute("aria-label")) > 40


def test_a_film_plays_is_muted_and_has_a_soundtrack(page):
    gallery = page.locator(".cg-root").first
    gallery.scroll_into_view_if_needed()
    film = gallery.locator(".cg-query video")
    handle = film.element_handle()
    page.wait_for_function("film => film.readyState >= 1", arg=handle, timeout=20_000)
    assert film.evaluate("film => film.videoWidth") == 320
    assert 2.4 < film.evaluate("film => film.duration") < 3.3
    assert film.evaluate("film => film.muted && film.loop && film.controls && film.paused")
    film.focus()
    page.keyboard.press("Space")
    page.wait_for_function("film => film.currentTime > 0.3", arg=handle, timeout=20_000)
    assert film.evaluate("film => film.webkitAudioDecodedByteCount") > 0
    film.evaluate("film => film.pause()")


def test_the_player_lies_on_top_and_the_rest_of_the_card_is_a_button(page):
    from playwright.sync_api import expect

    gallery = page.locator(".cg-root").first
    card = gallery.locator(".cg-cards .cg-card:visible").nth(1)
    card.scroll_into_view_if_needed()
    on_top = """film => {
        const box = film.getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === film;
    }"""
    assert card.locator("video").evaluate(on_top), "the button lies over the player"
    wanted = card.locator(".cg-name").inner_text()
    card.locator(".cg-label").click(force=True)  # what lies on top there is the card's button
    expect(gallery.locator(".cg-query .cg-name")).to_have_text(wanted, timeout=20_000)
    expect(gallery.get_by_role("button", name="Back")).to_be_enabled()
