"""A Jupyter server and a real browser: what the tests that click share.

with serving(tmp_path) as server, opened(server, "small.ipynb", cells=["1 + 1"]) as page:
    ...  # every cell has run; `page` is Playwright's
    assert errors(page) == []
"""

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
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-audio-output",  # a machine without loudspeakers may wait for them for ever
    "--use-fake-device-for-media-stream",  # a camera and a microphone made of test pictures, beeps
    "--use-fake-ui-for-media-stream",  # nobody is there to allow their use
]
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="needs Chromium; on Debian: apt-get install chromium"
)
IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
SETTINGS = {
    # All cells stay in the page, also those out of sight, so that the test can find them.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PROMPTS = "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')]"


@dataclass
class Server:
    """A running Jupyter server: its address, its program (`lab` or `notebook`), and its folder."""

    address: str
    program: str
    course: Path


@contextlib.contextmanager
def serving(home: Path, program: str = "lab", **variables: str):
    """Run JupyterLab (`lab`) or Notebook 7 (`notebook`) beside a copy of the course's notebooks.

    `home` is an empty folder (`home/log` is what the server says), `variables` are set in its
    environment. Yields the `Server`.
    """
    course = home / "course"
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    (course / "data").symlink_to(ROOT / "data")
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {"SETTINGS": "settings", "WORKSPACES": "workspaces"}
    environment = {f"JUPYTERLAB_{name}_DIR": str(home / x) for name, x in folders.items()}
    environment |= {"HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    options += ["--IdentityProvider.token=course", f"--ServerApp.root_dir={course}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", program, *options],
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT), **variables},
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api?token=course", timeout=2)
                break
            time.sleep(0.5)
        else:
            pytest.fail((home / "log").read_text())
        yield Server(address, program, course)
    finally:
        server.terminate()
        server.wait(20)


@contextlib.contextmanager
def opened(server: Server, notebook: str, cells=None, seconds: int = 480, size=(1280, 720)):
    """Open a notebook in a browser that reaches the server alone, and run it from top to bottom.

    Stored outputs of `notebook`, a name in `notebooks/`, are taken out; `cells` are the sources of
    one that is made here. `seconds` is how long all cells may take. Yields Playwright's page.
    """
    from playwright.sync_api import sync_playwright

    file = server.course / "notebooks" / notebook
    made = [nbformat.v4.new_code_cell(source.strip()) for source in cells or ()]
    content = nbformat.v4.new_notebook(cells=made, metadata=KERNEL)
    content = nbformat.read(file, 4) if cells is None else content
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(content, file)
    where = {"lab": "lab/tree", "notebook": "notebooks"}[server.program]
    query = "token=course" + "&reset" * (server.program == "lab")  # without the tabs of before
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.route("**", lambda route: _local(route, urlparse(server.address).netloc))
        # Jupyter may ask something, such as when a save took long.
        page.add_locator_handler(
            page.locator(".jp-Dialog"),
            lambda dialog: dialog.locator("button.jp-mod-accept").click(),
            no_wait_after=True,
        )
        page.goto(f"{server.address}/{where}/notebooks/{notebook}?{query}")
        run_all(page, seconds)
        yield page
        browser.close()


def _local(route, ours: str) -> None:
    address = urlparse(route.request.url)
    outside = address.scheme.startswith("http") and address.netloc != ours
    (route.abort if outside else route.continue_)()


def run_all(page, seconds: int = 480) -> None:
    """Choose Run, Run All Cells, until a cell says that it runs, and wait for the last one."""
    from playwright.sync_api import TimeoutError

    page.wait_for_selector(IDLE, timeout=120_000)
    for _ in range(4):  # a slow page misses a click
        with contextlib.suppress(TimeoutError):
            page.get_by_text("Run", exact=True).first.click(timeout=20_000)
            page.get_by_text("Run All Cells", exact=True).first.click(timeout=20_000)
            running = f"() => {PROMPTS}.some(prompt => /[*\\d]/.test(prompt.innerText))"
            page.wait_for_function(running, timeout=15_000)
            break
        page.keyboard.press("Escape")
        if page.locator(".jp-Dialog").count():  # a question that no answer closes
            page.reload()
            page.wait_for_selector(IDLE, timeout=120_000)
    else:
        pytest.fail("Jupyter runs no cell")
    done = f"() => {PROMPTS}.every(prompt => !prompt.innerText.includes('*'))"
    page.wait_for_function(done, timeout=1000 * seconds)
    page.wait_for_timeout(3000)  # widgets come after the last number, and a slow page's stars late
    page.wait_for_function(done, timeout=1000 * seconds)


def errors(page) -> list[str]:
    """Return what went wrong on a page: exceptions of cells, and widgets that do not show."""
    outputs = page.locator(".jp-OutputArea-output")
    red = "[data-mime-type='application/vnd.jupyter.stderr']"  # warnings and progress, too
    said = outputs.and_(page.locator(red)).filter(has_text=re.compile(r"Traceback|\w+Error\b"))
    lost = outputs.filter(has_text=re.compile("[Mm]odel not found|Error (displaying|creating) wid"))
    return said.all_inner_texts() + lost.all_inner_texts()


def dark_theme(page, name: str = "JupyterLab Dark") -> None:
    """Choose a theme in JupyterLab's menu."""
    for entry in ("Settings", "Theme", name):
        page.get_by_text(entry, exact=True).first.click()
    wanted = str("Dark" not in name).lower()
    page.wait_for_function("wanted => document.body.dataset.jpThemeLight === wanted", arg=wanted)
    page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=20_000)


def close_side_bar(page) -> None:
    """Give the notebook all of JupyterLab's width."""
    page.get_by_role("tab", name="File Browser").first.click()


def plays(page, player) -> None:
    """Press the space bar on a player until it has moved on; a busy page may miss a key."""
    from playwright.sync_api import Error

    for _ in range(3):
        with contextlib.suppress(Error):  # a card that is drawn anew gets a new player
            player.scroll_into_view_if_needed()
            player.focus()
            if player.evaluate("player => player.paused"):
                page.keyboard.press("Space")
            for _ in range(40):
                if player.evaluate("player => player.currentTime > 0.2"):
                    return player.evaluate("player => player.pause()")
                page.wait_for_timeout(250)
    state = "({paused, readyState, currentTime}) => ({paused, readyState, currentTime})"
    pytest.fail(f"the player does not play: {player.evaluate(state)}")
