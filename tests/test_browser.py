"""A real JupyterLab in a real browser: a student opens notebook 1, runs it and clicks."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from course_utils.cache import cache_folder

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update",
    "--disable-audio-output",  # a machine without loudspeakers may wait for them for ever
]  # fmt: skip

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="needs Chromium; on Debian: apt-get install chromium"
)


@contextlib.contextmanager
def chromium():
    """Start Chromium without a window; yields the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def serving(home: Path, python: str, program: list[str], root: str, **variables: str):
    """Run a Jupyter server on a copy of the notebooks, so that saving changes nothing here.

    Args:
        home: an empty folder.
        python: which Python runs it.
        program: its module and options.
        root: the option that names the folder with the course.
        variables: what is set in its environment.

    Yields:
        Its address.
    """
    shutil.copytree(ROOT / "notebooks", home / "course" / "notebooks")
    (home / "course" / "data").symlink_to(ROOT / "data")
    # Keep all cells in the page, also those out of sight, so that the test can find them.
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        **variables,
    }
    command = [
        python, "-m", *program, "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", f"{root}={home / 'course'}",
    ]  # fmt: skip
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api?token=course", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail((home / "log").read_text())
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server."""
    home = tmp_path_factory.mktemp("lab")
    with serving(
        home,
        sys.executable,
        ["jupyter", "lab", "--IdentityProvider.token=course"],
        "--ServerApp.root_dir",
        JUPYTERLAB_WORKSPACES_DIR=str(home / "workspaces"),
        COURSE_CACHE_DIR=str(cache_folder()),  # what a notebook computes, nbval finds again
    ) as address:
        yield address


def run_all(page) -> None:
    """Choose Run, Run All Cells, until a cell says that it runs; a slow page misses a click."""
    from playwright.sync_api import TimeoutError

    prompts = "[...document.querySelectorAll('.jp-InputPrompt')]"
    running = f"() => {prompts}.some(prompt => prompt.innerText.includes('*'))"
    for _ in range(4):
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(running, timeout=15_000)
            return
        page.keyboard.press("Escape")
    pytest.fail("JupyterLab runs no cell")


@contextlib.contextmanager
def opened(lab: str, notebook: str, galleries: int):
    """Open a notebook, run it from top to bottom, and wait for its galleries."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{lab}/lab/tree/notebooks/{notebook}?token=course")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.get_by_text(re.compile(r"ipykernel\) \| Idle")).wait_for(timeout=120_000)
        run_all(page)
        page.locator(".cg-root").nth(galleries - 1).wait_for(state="attached", timeout=480_000)
        yield page


@pytest.fixture(scope="module")
def page(lab):
    with opened(lab, "01_image_embeddings.ipynb", galleries=4) as page:
        yield page


@pytest.fixture
def gallery(page):
    """The first gallery of the notebook, at its first query."""
    gallery = page.locator(".cg-root").first
    gallery.scroll_into_view_if_needed()
    back = gallery.get_by_role("button", name="Back")
    while back.is_enabled():
        back.click()
        page.wait_for_timeout(300)
    return gallery


def query(gallery) -> str:
    return gallery.locator(".cg-query .cg-name").inner_text()


def cards(gallery):
    return gallery.locator(".cg-cards .cg-card:visible")


def test_no_cell_stopped_with_an_error(page):
    # The last gallery is there, but the cells after it may still run.
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.jp-InputPrompt')].some(p => p.innerText == '[*]:')",
        timeout=120_000,
    )
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert page.get_by_text("model not found").count() == 0
    assert page.locator(".cg-root").count() >= 4


def test_click_on_a_card_makes_it_the_query_and_back_returns(page, gallery):
    before = query(gallery)
    wanted = cards(gallery).nth(2).locator(".cg-name").inner_text()
    cards(gallery).nth(2).locator(".cg-hit").click()
    page.wait_for_function(
        "name => document.querySelector('.cg-query .cg-name').innerText == name", arg=wanted
    )
    gallery.get_by_role("button", name="Back").click()
    page.wait_for_function(
        "name => document.querySelector('.cg-query .cg-name').innerText == name", arg=before
    )


def test_keyboard_alone_is_enough(page, gallery):
    wanted = cards(gallery).first.locator(".cg-name").inner_text()
    cards(gallery).first.locator(".cg-hit").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "name => document.querySelector('.cg-query .cg-name').innerText == name", arg=wanted
    )


def test_cards_show_rank_label_picture_with_alt_text_and_cosine(gallery):
    assert cards(gallery).count() == 10
    scores = []
    for place in range(10):
        card = cards(gallery).nth(place)
        assert card.locator(".cg-label").inner_text().startswith(f"{place + 1}. ")
        image = card.locator("img")
        assert len(image.get_attribute("alt")) > 20
        assert image.evaluate("image => image.naturalWidth") > 50
        text = card.locator(".cg-score").inner_text()
        scores.append(float(re.search(r"cosine (-?\d\.\d\d)", text).group(1)))
    assert scores == sorted(scores, reverse=True)


def test_filter_and_slider(page, gallery):
    from playwright.sync_api import expect

    gallery.get_by_label("Show").select_option(label="cup")
    for place in range(5):
        label = cards(gallery).nth(place).locator(".cg-label")
        expect(label).to_have_text(f"{place + 1}. cup", timeout=20_000)
    gallery.get_by_label("Show").select_option(label="all labels")
    gallery.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowLeft")
    expect(cards(gallery)).to_have_count(9, timeout=20_000)
    page.keyboard.press("ArrowRight")
    expect(cards(gallery)).to_have_count(10, timeout=20_000)


def test_a_file_of_ones_own_and_a_bad_one(page, gallery):
    box = gallery.get_by_label("Your file")
    box.fill("../data/catalog.csv")
    box.press("Enter")
    gallery.get_by_text("is not a picture").wait_for(timeout=20_000)
    box.fill("../data/images/cup-02.jpg")
    box.press("Enter")
    gallery.locator(".cg-query", has_text="yours").wait_for(timeout=20_000)
    assert "cup" in cards(gallery).first.locator(".cg-label").inner_text()
