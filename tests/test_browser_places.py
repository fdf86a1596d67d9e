"""The galleries in the other places where the course is opened: Notebook 7, and the classic one.

The classic notebook with ipywidgets 7.7.1 stands for places that have kept the old widgets; Colab
has them too. It runs where COURSE_COLAB names a Python like Colab's: see test_colab.py.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import nbformat
import pytest
from test_browser import ROOT, chromium, pytestmark, serving  # noqa: F401
from test_browser_unified import plays

OLD = os.environ.get("COURSE_COLAB", "")
ITEMS = {
    "image": ["cup-08", "cup-10", "pen-01", "bottle-01", "pen-05"],
    "video": ["playing-11", "playing-13", "water-01", "both-01"],
    "audio": ["playground-1", "waves-1", "waves-3", "fountain-1"],
}
CELLS = [
    f"""
from course_utils import hear, watch
from course_utils.audio import AudioEncoder
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.gallery import Gallery
from course_utils.searchbox import SearchBox
from course_utils.unified import UnifiedSearch
from course_utils.video import VideoEncoder

names = {ITEMS}
few = [item for item in Catalog.load() if item.name in names[item.kind]]
pictures, films, sounds = (Catalog([x for x in few if x.kind == kind]) for kind in names)
encoders = [ImageEncoder(), VideoEncoder(), AudioEncoder("gated")]
search = UnifiedSearch(encoders)
search.add(few)
""",
    """
vectors = encoders[0].encode(pictures.paths)
Gallery(pictures, vectors, "cup-08", k=4, encoder=encoders[0], heading="Pictures")
""",
    """
Gallery(sounds, encoders[2].encode(sounds.paths), "waves-1", k=3, heading="Sounds")
""",
    "hear.Players(sounds.paths[:2], [item.caption for item in sounds[:2]])",
    "watch.Clips(films[:2])",
    'SearchBox(search, "cup-08", k=3, heading="Everything that goes with a cup")',
]


@dataclass
class Place:
    """A front end: how it is started, and where its parts are found on the page."""

    python: str
    options: tuple[str, ...]
    idle: str  # says that the kernel is ready
    menu: tuple[str, str]  # runs all cells
    prompts: str
    errors: str
    widgets: str  # the version of ipywidgets

    def run_all(self, page) -> None:
        """Run all cells by the menu and wait until each has its number."""
        page.wait_for_selector(self.idle, timeout=120_000)
        page.wait_for_timeout(2000)
        for _ in range(4):
            page.get_by_text(self.menu[0], exact=True).first.click()
            page.get_by_text(self.menu[1], exact=True).first.click()
            with contextlib.suppress(Exception):
                page.wait_for_function(
                    "where => [...document.querySelectorAll(where)]"
                    ".some(prompt => /[*\\d]/.test(prompt.innerText))",
                    arg=self.prompts, timeout=15_000,
                )  # fmt: skip
                break
            page.keyboard.press("Escape")
        page.wait_for_function(
            "where => [...document.querySelectorAll(where)]"
            ".every(prompt => /\\d/.test(prompt.innerText) || !/[[]/.test(prompt.innerText))",
            arg=self.prompts, timeout=400_000,
        )  # fmt: skip


NOTEBOOK_7 = Place(
    sys.executable,
    ("--IdentityProvider.token=course", "--ServerApp.root_dir"),
    ".jp-Notebook-ExecutionIndicator[data-status='idle']",
    ("Run", "Run All Cells"),
    ".jp-Notebook .jp-InputPrompt",
    ".jp-OutputArea-output[data-mime-type*='error']",
    "8.",
)
CLASSIC = Place(
    OLD,
    ("--NotebookApp.token=course", "--notebook-dir"),
    "#kernel_indicator_icon.kernel_idle_icon",
    ("Cell", "Run All"),
    ".code_cell .input_prompt",
    ".output_error",
    "7.7.1",
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            NOTEBOOK_7, id="notebook7",
            marks=pytest.mark.skipif(not find_spec("notebook"), reason="needs Notebook 7"),
        ),
        *([pytest.param(CLASSIC, id="classic")] if OLD else []),
    ],
)  # fmt: skip
def place(request):
    return request.param


@pytest.fixture(scope="module")
def server(place, tmp_path_factory):
    """A server on a copy of the notebooks and on one that is made of CELLS."""
    said = subprocess.run(
        [place.python, "-c", "import ipywidgets; print(ipywidgets.__version__)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.startswith(place.widgets)
    home = tmp_path_factory.mktemp("place")
    *options, root = place.options
    program = ["notebook", *options]
    with serving(home, place.python, program, root, PYTHONPATH=str(ROOT)) as address:
        folder = home / "course" / "notebooks"
        shutil.copy(ROOT / "data" / "images" / "cup-09.jpg", folder / "mine.jpg")
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, folder / "small.ipynb")
        yield address


@contextlib.contextmanager
def opened(place: Place, server: str, notebook: str):
    """Open a notebook in a browser and run it from top to bottom."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{server}/notebooks/notebooks/{notebook}?token=course")
        place.run_all(page)
        assert page.locator(place.errors).all_inner_texts() == []
        yield page


def name(gallery) -> str:
    return gallery.locator(".cg-query .cg-name").inner_text()


def cards(part):
    return part.locator(".cg-card:visible")


def use_gallery(page, gallery, own_file: bool) -> None:
    """Click a card, go back, use the keyboard, the slider, the filter and a file."""
    from playwright.sync_api import expect

    gallery.scroll_into_view_if_needed()
    matches = gallery.locator(".cg-cards")
    asked = gallery.locator(".cg-query .cg-name")
    before, wanted = name(gallery), cards(matches).nth(1).locator(".cg-name").inner_text()
    cards(matches).nth(1).locator(".cg-hit").click(position={"x": 10, "y": 10})
    expect(asked).to_have_text(wanted, timeout=20_000)
    gallery.get_by_role("button", name="Back").click()
    expect(asked).to_have_text(before, timeout=20_000)
    wanted = cards(matches).first.locator(".cg-name").inner_text()
    cards(matches).first.locator(".cg-hit").focus()
    page.keyboard.press("Enter")
    expect(asked).to_have_text(wanted, timeout=20_000)

    count = cards(matches).count()
    slide(page, gallery, "ArrowLeft")
    expect(cards(matches)).to_have_count(count - 1, timeout=20_000)
    number = gallery.locator(".widget-readout")
    number.fill(str(count))
    number.press("Enter")
    expect(cards(matches)).to_have_count(count, timeout=20_000)
    show = gallery.get_by_label("Show")
    label = cards(matches).last.locator(".cg-label").inner_text().partition(". ")[2]
    show.select_option(label=label)
    expect(cards(matches).first.locator(".cg-label")).to_have_text(f"1. {label}", timeout=20_000)
    show.select_option(label="all labels")
    expect(cards(matches)).to_have_count(count, timeout=20_000)
    if own_file:
        box = gallery.get_by_label("Your file")
        box.fill("../data/catalog.csv")
        box.press("Enter")
        expect(gallery.get_by_role("status")).to_contain_text("is not a picture", timeout=20_000)
        box.fill("../data/images/cup-02.jpg")
        box.press("Enter")
        expect(gallery.locator(".cg-query .cg-label")).to_contain_text("yours", timeout=20_000)
        expect(cards(matches).first.locator(".cg-label")).to_contain_text("cup", timeout=20_000)


def use_box(page, box) -> None:
    """Search by a click, by a name and by a file, play a film and a sound, unfold, go back."""
    from playwright.sync_api import expect

    box.scroll_into_view_if_needed()
    asked, columns = box.locator(".cg-query .cg-name"), box.locator(".cg-column")
    first = asked.inner_text()
    wanted = cards(columns.nth(1)).first.locator(".cg-name").inner_text()
    plays(page, cards(columns.nth(1)).first.locator("video"))
    plays(page, cards(columns.nth(2)).first.locator("audio"))
    cards(columns.nth(1)).first.locator(".cg-label").click(force=True)  # on top lies the button
    expect(asked).to_have_text(wanted, timeout=30_000)
    way = cards(columns.nth(0)).first.locator("details")
    way.locator("summary").click()
    expect(way.locator("li").first).to_be_visible()
    box.get_by_role("button", name="Back").click()
    expect(asked).to_have_text(first, timeout=30_000)
    field = box.get_by_label("Search")
    field.fill("wave")
    field.press("Enter")
    expect(box.get_by_role("status")).to_contain_text("Did you mean", timeout=30_000)
    field.fill("mine.jpg")
    field.press("Enter")
    expect(box.locator(".cg-query .cg-label")).to_contain_text("yours", timeout=30_000)
    slide(page, box, "ArrowLeft")
    for i in range(3):
        expect(cards(columns.nth(i))).to_have_count(2, timeout=20_000)


def slide(page, box, key: str) -> None:
    """Press a key on a slider, which must have a name."""
    box.get_by_role("slider", name="How many").or_(
        box.locator(".ui-slider-handle[aria-label='How many']")
    ).focus()
    page.keyboard.press(key)


def test_galleries_players_and_search_box(place, server, tmp_path):
    with opened(place, server, "small.ipynb") as page:
        roots = page.locator(".cg-root")
        roots.nth(2).wait_for(timeout=60_000)
        for i, root in enumerate(roots.all()):
            root.screenshot(path=tmp_path / f"{i}.png")
        use_gallery(page, roots.nth(0), own_file=True)
        use_gallery(page, roots.nth(1), own_file=False)
        plays(page, cards(roots.nth(1).locator(".cg-cards")).first.locator("audio"))
        players = page.locator("figure:has(> audio)")
        assert players.count() == 2 and players.first.locator("figcaption").inner_text()
        plays(page, players.first.locator("audio"))
        plays(page, page.locator("figure:has(> video)").first.locator("video"))
        use_box(page, roots.nth(2))


def test_notebook_1(place, server):
    with opened(place, server, "01_image_embeddings.ipynb") as page:
        page.locator(".cg-root").nth(3).wait_for(timeout=60_000)
        use_gallery(page, page.locator(".cg-root").first, own_file=True)


def test_notebook_4(place, server):
    with opened(place, server, "04_unified_search.ipynb") as page:
        boxes = page.locator(".cg-root")
        boxes.nth(1).wait_for(timeout=60_000)
        boxes.first.scroll_into_view_if_needed()
        use_box(page, boxes.first)
