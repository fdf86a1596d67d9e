"""What axe-core finds on the pages: no serious and no critical violation.

axe-core is not part of the project. COURSE_AXE names an `axe.min.js`; without it, npm fetches one.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from test_browser import ROOT, chromium, lab, opened, pytestmark  # noqa: F401
from test_browser_places import CELLS
from test_browser_unified import write_notebook
from test_exports import exported

# Controls and cards that reach beyond their box.
CUT_OFF = """box => [...box.querySelectorAll("input, select, button, .noUi-target, .cg-card")]
    .filter(part => part.offsetWidth
        && part.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)
    .map(part => part.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The source of axe-core: COURSE_AXE, node_modules, or what npm fetches."""
    installed = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if os.environ.get("COURSE_AXE") or installed.is_file():
        return Path(os.environ.get("COURSE_AXE") or installed).read_text(encoding="utf-8")
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if not npm:
        pytest.skip("needs axe-core: COURSE_AXE (its axe.min.js), or npm to fetch it")
    fetched = subprocess.run(
        [npm, "pack", "axe-core@4"], cwd=folder, capture_output=True, text=True
    )
    archives = list(folder.glob("axe-core-*.tgz"))
    if not archives:
        pytest.skip(f"npm could not fetch axe-core: {fetched.stderr[-200:]}")
    with tarfile.open(archives[0]) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


def violations(page, axe: str, where: str = "html") -> list[str]:
    """Return the serious and critical violations in parts of a page, one line each."""
    page.evaluate(axe)
    found = page.evaluate("where => axe.run({include: [[where]]})", where)["violations"]
    return [
        f"{each['impact']} {each['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture
def browser():
    with chromium() as started:
        yield started


def test_axe_sees_what_is_wrong(axe, browser):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>x</title><img src="data:,"><input>')
    assert {line.split(":")[0] for line in violations(page, axe)} == {
        "critical image-alt", "critical label",
    }  # fmt: skip


@pytest.mark.parametrize("template", ["course", "slides"])
@pytest.mark.parametrize("name", ["01_image_embeddings", "04_unified_search"])
def test_exports_are_accessible(axe, browser, tmp_path, name, template):
    """Slides have no reveal.js here, so that all of them are on the page."""
    settings = {"reveal_url_prefix": "none"} if template == "slides" else {}
    text = exported(ROOT / "notebooks" / f"{name}.ipynb", template, **settings)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.route("http*://**", lambda route: route.abort())
    page.goto((tmp_path / "page.html").as_uri())
    assert page.locator(".no-reveal").count() == (template == "slides")
    assert violations(page, axe) == []


def test_galleries_are_accessible_in_both_themes_and_on_a_phone(axe, lab, tmp_path):  # noqa: F811
    from playwright.sync_api import expect

    *calls, box = ("\n".join(source.strip().splitlines()[-1:]) for source in CELLS[1:])
    shown = "\n".join(f"display({call})" for call in (*calls, box))
    write_notebook(
        lab, "all.ipynb", f"{CELLS[0]}\nvectors = encoders[0].encode(pictures.paths)\n{shown}"
    )
    with opened(lab, "all.ipynb", galleries=3) as page:
        page.set_viewport_size({"width": 1280, "height": 1000})
        page.get_by_role("tab", name="File Browser").first.click()  # closes the side bar
        page.get_by_role("button", name="No", exact=True).click()  # news of Jupyter
        root = page.locator(".cg-root")

        def look(name: str) -> list[str]:
            for i in range(3):
                root.nth(i).screenshot(path=tmp_path / f"{name}-{i}.png")
            return violations(page, axe, ".jp-Cell-outputWrapper")

        found = {"light": look("light")}
        page.set_viewport_size({"width": 400, "height": 2400})
        page.wait_for_timeout(1000)
        found["narrow"] = look("narrow")
        for i in range(3):
            assert root.nth(i).evaluate(CUT_OFF) == []
        page.set_viewport_size({"width": 1280, "height": 1000})
        for entry in ("Settings", "Theme", "JupyterLab Dark"):
            page.get_by_text(entry, exact=True).first.click()
        page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
        expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=20_000)
        page.wait_for_timeout(1000)
        found["dark"] = look("dark")
        page.set_viewport_size({"width": 400, "height": 2400})
        page.wait_for_timeout(1000)
        found["dark and narrow"] = look("dark-narrow")
        problems = [f"{when}: {line}" for when, lines in found.items() for line in lines]
        assert not problems, "\n".join(problems)
