"""Each notebook in a real browser, as a newcomer without internet has it.

All cells run in JupyterLab with an empty home and every connection cut, the kernel's memory is
measured, and the first gallery is clicked. What is computed here is kept, so that nbval, which runs
the notebooks again and compares their outputs, has less to wait for.
"""

import os
import re
import sys
import time
from pathlib import Path

import psutil
from browser import ROOT, errors, needs_chromium, opened, serving
from playwright.sync_api import expect
from test_notebooks import each_notebook

pytestmark = needs_chromium
CUT = """
import sys
def cut(event, values):
    if event == "socket.connect" and isinstance(values[1], tuple):
        host = values[1][0]
    elif event == "socket.getaddrinfo":
        host = values[0]
    else:
        return
    if host and not str(host).startswith(("127.", "::1", "localhost")):
        raise OSError(101, "Network is unreachable (cut by the test)")
sys.addaudithook(cut)
"""


def most_memory(home: Path) -> tuple[float, float]:
    """Return the most that the kernel of the server in `home` has held so far, in GB.

    The second is what is its own, without the files of libraries that are mapped into it.
    """
    (file,) = (home / "RUNTIME").glob("kernel-*.json")
    processes = psutil.process_iter(["cmdline"])
    (kernel,) = (x for x in processes if str(file) in (x.info["cmdline"] or ()))
    status = Path(f"/proc/{kernel.pid}/status").read_text()
    most, files = (int(re.search(rf"{x}:\s+(\d+)", status)[1]) / 1e6 for x in ("VmHWM", "RssFile"))
    return most, most - files


@each_notebook
def test_a_newcomer_without_internet_runs_it(path, tmp_path, record_property):
    (tmp_path / "sitecustomize.py").write_text(CUT)
    variables = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "COURSE_WEIGHTS": "auto",
        "MPLCONFIGDIR": str(tmp_path),
        "TORCH_HOME": str(tmp_path),
    }
    home = tmp_path / "home"
    home.mkdir()
    start = time.perf_counter()
    with serving(home, **variables) as server, opened(server, path.name) as page:
        seconds = time.perf_counter() - start
        assert errors(page) == []
        said = page.locator(".jp-OutputArea-output").first.inner_text()
        if "03" not in path.name:  # sounds need no weights
            assert "offline checkpoint" in said and "could not be fetched" in said
        box = page.locator(".cg-root:visible:has(.cg-query)").first
        asked = box.locator(".cg-query .cg-name")
        before = asked.inner_text()
        box.locator(".cg-card:not(.cg-query):visible .cg-label").first.click(force=True)
        expect(asked).not_to_have_text(before)
        if sys.platform == "linux":
            held, own = most_memory(home)
            told = f"kernel at most {held:.2f} GB resident, {own:.2f} GB its own"
            record_property(path.name, f"{seconds:.0f} s in JupyterLab; {told}")
            assert held < 1.8 and own < 1.2  # Binder stops a session at 2 GB
