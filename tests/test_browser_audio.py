"""A real browser opens notebook 3, runs it, plays voices and clicks."""

import pytest
from test_browser import lab, opened, pytestmark  # noqa: F401


@pytest.fixture(scope="module")
def page(lab):  # noqa: F811
    with opened(lab, "03_audio_embeddings.ipynb", galleries=5) as page:
        yield page


def test_no_cell_stopped_with_an_error(page):
    said = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    assert not [text for text in said if "Error" in text], said
    assert page.locator(".cg-root").count() == 5


def test_players_come_with_their_transcript(page):
    players = page.locator(".jp-OutputArea-output figure:has(> audio)")
    assert "Life is beautiful." in players.first.locator("figcaption").inner_text()
    seconds = players.first.locator("audio").evaluate("player => player.duration")
    assert 1 < seconds < 2


def test_a_card_plays_by_keyboard_and_by_mouse_and_the_rest_of_it_is_a_button(page):
    from playwright.sync_api import expect

    gallery = page.locator(".cg-root").first
    gallery.scroll_into_view_if_needed()
    card = gallery.locator(".cg-cards .cg-card:visible").first
    player = card.locator("audio")
    player.scroll_into_view_if_needed()
    on_top = """player => {
        const box = player.getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === player;
    }"""
    assert player.evaluate(on_top), "the button lies over the player"
    plays = "player => player.played.length > 0"
    player.focus()
    page.keyboard.press("Space")
    page.wait_for_function(plays, arg=player.element_handle(), timeout=20_000)
    second = gallery.locator(".cg-cards .cg-card:visible audio").nth(1)
    second.click(position={"x": 20, "y": 17})
    page.wait_for_function(plays, arg=second.element_handle(), timeout=20_000)
    wanted = card.locator(".cg-name").inner_text()
    card.locator("img").click(force=True)  # what lies on top there is the card's button
    expect(gallery.locator(".cg-query .cg-name")).to_have_text(wanted, timeout=20_000)
    expect(gallery.get_by_role("button", name="Back")).to_be_enabled()
