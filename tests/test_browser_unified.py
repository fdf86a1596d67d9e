"""A real browser asks the search box: it clicks, types, plays, and looks at both themes."""

import contextlib
import json
import re
import urllib.request

import pytest
from test_browser import lab, opened, pytestmark  # noqa: F401

ITEMS = {
    "image": ["cup-08", "cup-10", "pen-01", "bottle-01"],
    "video": ["playing-11", "playing-13", "water-01", "water-06", "both-01"],
    "audio": ["playground-1", "waves-1", "waves-3", "fountain-1", "alice-1"],
}
CODE = f"""
from course_utils.audio import AudioEncoder
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.searchbox import SearchBox
from course_utils.unified import UnifiedSearch
from course_utils.video import VideoEncoder

names = {ITEMS}
few = [item for item in Catalog.load() if item.name in names[item.kind]]
search = UnifiedSearch([ImageEncoder(), VideoEncoder(), AudioEncoder("gated")])
search.add(few)
SearchBox(search, "cup-08", k=3, heading="Everything that goes with a cup")
"""
CONTRAST = """element => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(value => value / 255)
        .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = element;
    while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
    const [low, high] = pair.map(light).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}"""


def write_notebook(lab, name: str, code: str) -> None:  # noqa: F811
    """Save a notebook of one cell on the server."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel},
        "cells": [cell | {"source": code}],
    }  # fmt: skip
    request = urllib.request.Request(
        f"{lab}/api/contents/notebooks/{name}?token=course",
        json.dumps({"type": "notebook", "format": "json", "content": notebook}).encode(),
        {"Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=20)


def plays(page, player) -> None:
    """Press the space bar on a player until it has moved on; a busy page may miss a key."""
    from playwright.sync_api import Error

    state = "({paused, readyState, currentTime}) => ({paused, readyState, currentTime})"
    for _ in range(3):
        with contextlib.suppress(Error):  # a card that is drawn anew gets a new player
            player.scroll_into_view_if_needed()
            player.focus()
            if player.evaluate("player => player.paused"):
                page.keyboard.press("Space")
            for _ in range(40):
                if player.evaluate("player => player.currentTime > 0.2"):
                    player.evaluate("player => player.pause()")
                    return
                page.wait_for_timeout(250)
    pytest.fail(f"the player does not play: {player.evaluate(state)}")


def test_one_box_answers_with_pictures_films_and_sounds(lab, tmp_path):  # noqa: F811
    from playwright.sync_api import expect

    write_notebook(lab, "box.ipynb", CODE)
    with opened(lab, "box.ipynb", galleries=1) as page:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.get_by_role("tab", name=re.compile("File Browser")).click()  # closes the side bar
        page.get_by_role("button", name="No", exact=True).click()  # news of Jupyter
        box = page.locator(".cg-root")
        asked, said = box.locator(".cg-query .cg-name"), box.get_by_role("status")
        columns = box.locator(".cg-column")

        def look(name: str) -> None:
            box.screenshot(path=tmp_path / f"{name}.png")

        def cards(column: int):
            return columns.nth(column).locator(".cg-card:visible")

        expect(said).to_contain_text('3 pictures, 3 films and 3 sounds for "Striped mug')
        assert columns.locator(".cg-column-name").all_inner_texts() == [
            "Pictures", "Films", "Sounds",
        ]  # fmt: skip
        assert len({columns.nth(i).bounding_box()["y"] for i in range(3)}) == 1
        expect(cards(2).first.locator("summary")).to_contain_text("via ")
        look("light")

        # A film plays, its card makes it the query, and so does the keyboard.
        plays(page, cards(1).nth(1).locator("video"))
        wanted = cards(1).nth(1).locator(".cg-name").inner_text()
        cards(1).nth(1).locator(".cg-label").click(force=True)  # on top lies the card's button
        expect(asked).to_have_text(wanted, timeout=20_000)
        plays(page, box.locator(".cg-query video"))

        # How it was found can be unfolded without leaving the query.
        way = cards(2).first.locator("details")
        way.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(way.locator("li").first).to_be_visible()
        expect(asked).to_have_text(wanted)
        look("film")

        # A name, a wrong name, and a file of one's own.
        field = box.get_by_label("Search")
        field.fill("waves-1")
        field.press("Enter")
        expect(said).to_contain_text('sounds for "waves-1', timeout=20_000)
        expect(asked).to_have_text(re.compile("^waves-1"))
        expect(field).to_have_value("")
        expect(cards(1).first.locator(".cg-label")).to_have_text("1. water")
        plays(page, cards(2).first.locator("audio"))
        look("sound")
        field.fill("wave")
        field.press("Enter")
        expect(said).to_contain_text("Did you mean water-01, waves-1, waves-3?", timeout=20_000)
        expect(asked).to_have_text(re.compile("^waves-1"))
        look("wrong")
        field.fill("../data/images/cup-09.jpg")
        field.press("Enter")
        expect(box.locator(".cg-query .cg-label")).to_contain_text("yours", timeout=20_000)
        box.get_by_role("button", name="Back").click()
        expect(asked).to_have_text(re.compile("^waves-1"), timeout=20_000)
        expect(said).to_contain_text('sounds for "waves-1', timeout=20_000)
        wanted = cards(0).first.locator(".cg-name").inner_text()
        cards(0).first.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(asked).to_have_text(wanted, timeout=20_000)
        expect(box.locator(".cg-query img")).to_have_count(1)
        expect(said).to_contain_text(f'sounds for "{wanted}', timeout=20_000)
        expect(cards(0)).to_have_count(3)

        # The dark theme, then a window as narrow as a phone.
        box.locator(".noUi-handle").focus()
        page.keyboard.press("ArrowRight")
        for i in range(3):
            expect(cards(i)).to_have_count(4, timeout=20_000)
        for entry in ("Settings", "Theme", "JupyterLab Dark"):
            page.get_by_text(entry, exact=True).first.click()
        page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
        expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=20_000)
        page.set_viewport_size({"width": 1280, "height": 1000})
        look("dark")
        for words in (".cg-label", ".cg-name", ".cg-score", "summary", ".cg-column-name"):
            assert columns.nth(1).locator(words).first.evaluate(CONTRAST) > 4.5, words
        page.set_viewport_size({"width": 420, "height": 900})
        page.wait_for_timeout(1000)
        look("narrow")
        tops = [columns.nth(i).bounding_box()["y"] for i in range(3)]
        assert tops == sorted(set(tops))
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
