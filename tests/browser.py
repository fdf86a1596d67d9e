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

import nbformat
import pytest
from playwright.sync_api import Error, expect, sync_playwright

expect.set_options(timeout=30_000)

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # only the server is reached
    "--disable-audio-output",  # a machine without loudspeakers may wait for them for ever
    "--use-fake-device-for-media-stream",  # a camera and a microphone made of test pictures, beeps
    "--use-fake-ui-for-media-stream",  # nobody is there to allow their use
]
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="needs Chromium; on Debian: apt-get install chromium"
)
IDLE = "jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
SETTINGS = {
    # All cells stay in the page, also those out of sight, so that the test can find them.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


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
        file = home / "CONFIG/lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--expose-app-in-browser", "--allow-root", "--ip=127.0.0.1"]
    options += [f"--port={port}", "--IdentityProvider.token=course"]
    options += [f"--ServerApp.root_dir={course}"]
    own = {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    own |= {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "RUNTIME")}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", program, *options],
            env={**os.environ, **own, **variables},
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
def opened(server: Server, notebook: str, cells=None, options=CHROMIUM_ARGS):
    """Open a notebook in a browser that reaches the server alone, and run it from top to bottom.

    Stored outputs of `notebook`, a name in `notebooks/`, are taken out; `cells` are the sources of
    one that is made here. `options` are Chromium's. Yields Playwright's page.
    """
    file = server.course / "notebooks" / notebook
    if cells is None:
        content = nbformat.read(file, 4)
    else:
        made = [nbformat.v4.new_code_cell(source.strip()) for source in cells]
        content = nbformat.v4.new_notebook(cells=made, metadata=KERNEL)
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(content, file)
    where = {"lab": "lab/tree", "notebook": "notebooks"}[server.program]
    query = "token=course" + "&reset" * (server.program == "lab")  # without the tabs of before
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        # Jupyter may ask something, such as when a save took long.
        page.add_locator_handler(
            page.locator(".jp-Dialog"),
            lambda dialog: dialog.locator("button.jp-mod-accept").click(),
            no_wait_after=True,
        )
        page.goto(f"{server.address}/{where}/notebooks/{notebook}?{query}")
        run_all(page)
        yield page
        browser.close()


def command(page, name: str, **arguments) -> None:
    """Execute a command of Jupyter's menus, and wait until it is done."""
    script = "async ([name, arguments]) => void await jupyterapp.commands.execute(name, arguments)"
    page.evaluate(script, [name, arguments])


def run_all(page) -> None:
    """Run all cells, as soon as there is a kernel."""
    page.wait_for_function(f"window.{IDLE}", timeout=120_000)  # else Jupyter asks for a kernel
    command(page, "notebook:run-all-cells")
    page.wait_for_timeout(3000)  # widgets come after the last number


def errors(page) -> list[str]:
    """Return what went wrong on a page: exceptions of cells, and widgets that do not show."""
    outputs = page.locator(".jp-OutputArea-output")
    red = "[data-mime-type='application/vnd.jupyter.stderr']"  # warnings and progress, too
    said = outputs.and_(page.locator(red)).filter(has_text=re.compile(r"Traceback|\w+Error\b"))
    lost = outputs.filter(has_text=re.compile("[Mm]odel not found|Error (displaying|creating) wid"))
    return said.all_inner_texts() + lost.all_inner_texts()


def plays(page, player) -> None:
    """Press the space bar on a player until it has moved on; a busy page may miss a key."""
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
