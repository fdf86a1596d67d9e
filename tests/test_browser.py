"""A learner in a real browser: one small notebook with every box, clicked, played, typed and seen.

axe-core, which judges accessibility, is not part of the project: COURSE_AXE names an `axe.min.js`;
without it, npm fetches one.
"""

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from browser import ROOT, command, errors, needs_chromium, opened, plays, serving
from playwright.sync_api import expect
from test_exports import exported

pytestmark = needs_chromium
ITEMS = {
    "image": ["cup-08", "cup-10", "cup-05", "pen-01", "pen-05", "pen-09", "bottle-01"],
    "video": ["playing-11", "playing-13", "water-01", "water-06", "both-01"],
    "audio": ["playground-1", "waves-1", "waves-3", "fountain-1", "alice-1"],
}
CELLS = [
    f"""
import numpy as np
from course_utils.audio import AudioEncoder
from course_utils.boxes import Compare, Explore, Gallery, SearchBox
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder, VideoEncoder
from course_utils.evaluation import Percentiles, center
from course_utils.figures import histograms, kernel_in_time
from course_utils.players import Animation, Players
from course_utils.unified import UnifiedSearch

names = {ITEMS}
known = Catalog.load().select(role=["item", "both"])
few = Catalog([item for item in known if item.name in names[item.kind]])
pictures, films, sounds = (few.select(kind=kind) for kind in names)
encoder = ImageEncoder()
search = UnifiedSearch([encoder, VideoEncoder(), AudioEncoder()])
search.add(few)
vectors = encoder.encode(pictures)
scale = Percentiles(vectors)
""",
    'Gallery(pictures, vectors, "cup-08", k=5, encoder=encoder, scale=scale, heading="Find cups")',
    'Compare(pictures, {"Raw": vectors, "Centred": center(vectors)[0]}, "pen-01", k=3)',
    'SearchBox(search, "cup-08", k=3, heading="Everything that goes with a cup")',
    """
def moved(cosine, what):
    return histograms(scale, {what: cosine})

Explore(moved, cosine=(0.0, 1.0, 0.05, 0.8), what=["two pens", "two cups"])
""",
    "display(Players(sounds[:2]), Players(films[:2]))",
    """
frames = np.zeros((4, 30, 40, 3), np.uint8)
Animation([kernel_in_time(frames, at) for at in range(2)], "A kernel slides along time.")
""",
]
PROGRAMS = ["lab", pytest.param("notebook", marks=pytest.mark.nightly)]


@pytest.fixture(scope="module", params=PROGRAMS)
def page(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param)
    with serving(home, request.param) as server:
        (server.course / "notebooks" / "words.jpg").write_text("no picture")
        with opened(server, "boxes.ipynb", CELLS) as page:
            assert errors(page) == []
            page.program = request.param
            if request.param == "lab":  # the notebook gets all of the width
                page.get_by_role("tab", name="File Browser").first.click()
            yield page


@pytest.fixture
def boxes(page):
    """The gallery, the comparison, the search box and what can be moved."""
    return [page.locator(".cg-root").nth(i) for i in range(4)]


def cards(part):
    return part.locator(".cg-card:not(.cg-query):visible")


def query(box):
    return box.locator(".cg-query .cg-name")


def test_every_cell_has_run_and_shows_what_it_should(page, boxes):
    assert errors(page) == [] and page.locator(".cg-root").count() == 4
    scores = cards(boxes[0]).locator(".cg-score").all_inner_texts()
    assert len(scores) == 5 and all(re.match(r"cosine \d\.\d\d, above", x) for x in scores)
    for i, card in enumerate(cards(boxes[0]).all()):
        assert re.match(rf"{i + 1}\. [✓✗] ?\w+", card.locator(".cg-label").inner_text())
        image = card.locator("img")
        assert len(image.get_attribute("alt")) > 20
        assert image.evaluate("image => image.naturalWidth") > 50
    assert boxes[0].locator(".cg-right, .cg-wrong").first.get_attribute("aria-label")


def test_a_click_and_the_keyboard_alone(page, boxes):
    gallery = boxes[0]
    first = query(gallery).inner_text()
    wanted = cards(gallery).nth(2).locator(".cg-name").inner_text()
    cards(gallery).nth(2).locator(".cg-hit").click()
    expect(query(gallery)).to_have_text(wanted)
    gallery.get_by_role("button", name="Back").focus()
    page.keyboard.press("Enter")
    expect(query(gallery)).to_have_text(first)
    slider = gallery.get_by_role("slider", name="How many")
    slider.focus()
    page.keyboard.press("ArrowLeft")  # the notebook leaves this key alone
    expect(cards(gallery)).to_have_count(4)
    page.keyboard.press("ArrowRight")
    expect(cards(gallery)).to_have_count(5)
    gallery.get_by_label("Show").select_option(label="pen")
    expect(cards(gallery).first.locator(".cg-label")).to_contain_text("pen")
    gallery.get_by_label("Show").select_option(label="all labels")
    expect(cards(gallery)).to_have_count(5)


def test_more_and_less_like_this(page, boxes):
    gallery, said = boxes[0], boxes[0].get_by_role("status").last
    page.wait_for_timeout(2000)  # the last cards of the test before may still be on their way
    before = cards(gallery).locator(".cg-name").all_inner_texts()
    cards(gallery).nth(3).get_by_role("button", name="More", exact=True).click()
    expect(said).to_contain_text("moved by 1 liked and 0 disliked")
    cards(gallery).nth(1).get_by_role("button", name="Less", exact=True).focus()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("moved by 1 liked and 1 disliked")
    expect(gallery.locator(".cg-disliked:visible")).to_have_text("disliked")
    for _ in range(2):
        gallery.get_by_role("button", name="Back").click()
    expect(gallery.locator(".cg-mark:visible")).to_have_count(0)
    expect(cards(gallery).locator(".cg-name")).to_have_text(before)


def test_a_file_of_ones_own_and_a_bad_one(page, boxes):
    gallery = boxes[0]
    gallery.get_by_role("button", name="Your own file").click()
    path = gallery.get_by_label("Path").first
    path.fill("words.jpg")
    path.press("Enter")
    expect(gallery.get_by_text("is neither a picture").first).to_be_visible()
    path.fill("../data/images/cup-02.jpg")
    path.press("Enter")
    expect(gallery.locator(".cg-query .cg-label")).to_contain_text("yours")
    expect(cards(gallery).first.locator(".cg-label")).to_contain_text("cup")
    assert not gallery.locator(".cg-right, .cg-wrong").count()  # nobody knows what is right
    gallery.get_by_role("button", name="Back").click()
    expect(gallery.locator(".cg-query .cg-label")).not_to_contain_text("yours")
    gallery.get_by_role("button", name="Your own file").click()


def test_two_rankings_beside_each_other(page, boxes):
    columns = boxes[1].locator(".cg-several > .widget-vbox")
    assert columns.count() == 2
    boxes[1].scroll_into_view_if_needed()
    assert len({columns.nth(i).bounding_box()["y"] for i in range(2)}) == 1
    expect(columns.nth(1).locator(".cg-note:visible")).to_have_count(3)
    wanted = cards(columns.nth(1)).nth(1).locator(".cg-name").inner_text()
    cards(columns.nth(1)).nth(1).locator(".cg-hit").click()
    expect(query(boxes[1])).to_have_text(wanted)


def test_one_box_answers_with_pictures_films_and_sounds(page, boxes):
    box, said = boxes[2], boxes[2].get_by_role("status").last
    columns = [box.locator(".cg-several > .widget-vbox").nth(i) for i in range(3)]
    assert box.locator(".cg-column").all_inner_texts() == ["Pictures", "Films", "Sounds"]
    plays(page, cards(columns[1]).first.locator("video"))
    plays(page, cards(columns[2]).first.locator("audio"))
    wanted = cards(columns[1]).first.locator(".cg-name").inner_text()
    cards(columns[1]).first.locator(".cg-label").click(force=True)  # on top lies the button
    expect(query(box)).to_have_text(wanted)
    plays(page, box.locator(".cg-query video"))
    expect(cards(columns[2]).first.locator(".cg-note")).to_contain_text("sounds alike")
    field = box.get_by_label("Query")
    for text, answer in (("waves-1", "for waves-1"), ("nothing", "⚠")):
        field.fill(text)
        field.press("Enter")
        expect(said).to_contain_text(answer)
        expect(field).to_have_value("")
    expect(query(box)).to_have_text(re.compile("^waves-1"))


def test_something_to_move(page, boxes):
    box = boxes[3]
    picture = box.locator(".cg-result img")
    assert "two pens 0.80" in picture.get_attribute("alt")
    box.get_by_role("slider", name="cosine").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile("two pens 0.90"))
    box.get_by_label("what").select_option(label="two cups")
    expect(picture).to_have_attribute("alt", re.compile("two cups 0.90"))


def test_players_and_animation(page):
    for tag in ("audio", "video"):
        player = page.locator(f".jp-OutputArea-output figure:has(> {tag})").first
        assert player.locator("figcaption").inner_text()
        assert len(player.locator(tag).get_attribute("aria-label")) > 5
        plays(page, player.locator(tag))
    film = page.locator("figure:has(> video) video").first
    assert film.evaluate("film => film.muted && film.loop && film.controls")
    assert page.locator('img[src^="data:image/webp"]').get_attribute("alt") == (
        "A kernel slides along time."
    )


# ---- seen by everybody: axe-core, both themes, a phone, the back of the room ----

# Controls and cards that reach beyond their box.
CUT_OFF = """box => [...box.querySelectorAll("input, select, button, .cg-card")]
    .filter(part => part.offsetWidth
        && part.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)
    .map(part => part.outerHTML.slice(0, 100))"""
SIZE = "element => parseFloat(getComputedStyle(element).fontSize)"


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The source of axe-core: COURSE_AXE, or what npm fetches."""
    if os.environ.get("COURSE_AXE"):
        return Path(os.environ["COURSE_AXE"]).read_text(encoding="utf-8")
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if not npm:
        pytest.skip("needs axe-core: COURSE_AXE (its axe.min.js), or npm to fetch it")
    subprocess.run([npm, "pack", "axe-core@4"], cwd=folder, capture_output=True, check=False)
    archives = list(folder.glob("axe-core-*.tgz"))
    if not archives:
        pytest.skip("npm could not fetch axe-core")
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


def test_boxes_are_accessible_in_both_themes_large_and_on_a_phone(page, boxes, axe):
    found = {}

    def look(name: str) -> None:
        page.mouse.move(0, 0)
        for box in boxes:
            assert box.evaluate(CUT_OFF) == [], name
        found[name] = violations(page, axe, ".jp-Cell-outputWrapper")

    boxes[0].get_by_role("button", name="Your own file").click()
    cards(boxes[0]).nth(1).get_by_role("button", name="More", exact=True).click()
    expect(boxes[0].locator(".cg-liked:visible")).to_have_count(1)
    for theme in ("Light", "Dark") if page.program == "lab" else ("Light",):
        command(page, "apputils:change-theme", theme=f"JupyterLab {theme}")
        page.wait_for_selector(f"[data-jp-theme-name='JupyterLab {theme}']", state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.wait_for_timeout(1000)
        page.set_viewport_size({"width": 1280, "height": 720})
        look(theme)
        for box in boxes[:3]:
            box.get_by_role("button", name="Large").click()
            expect(box).to_have_class(re.compile("cg-large"))
            for words in (".cg-label", ".cg-score"):
                assert cards(box).locator(words).first.evaluate(SIZE) >= 22
        look(f"{theme} large")
        for box in boxes[:3]:
            box.get_by_role("button", name="Large").click()
            expect(box).not_to_have_class(re.compile("cg-large"))
        page.set_viewport_size({"width": 400, "height": 900})
        page.wait_for_timeout(1000)
        look(f"{theme} narrow")
    problems = [f"{when}: {line}" for when, lines in found.items() for line in lines]
    assert not problems, "\n".join(problems)


@pytest.fixture
def tab(page):
    """A page of its own in the same browser, which reaches nothing."""
    with page.context.browser.new_page(viewport={"width": 1280, "height": 720}) as tab:
        yield tab


def test_axe_sees_what_is_wrong(axe, tab):
    tab.set_content('<html lang="en"><title>x</title><img src="data:,"><input>')
    seen = {line.split(":")[0] for line in violations(tab, axe)}
    assert seen == {"critical image-alt", "critical label"}


@pytest.mark.parametrize("template", ["course", "slides"])
@pytest.mark.parametrize("name", ["01_image_embeddings", "04_unified_search"])
def test_exports_are_accessible(axe, tab, tmp_path, name, template):
    """Slides have no reveal.js here, so that all of them are on the page."""
    text = exported(ROOT / "notebooks" / f"{name}.ipynb", template)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.locator(".no-reveal").count() == (template == "slides")
    assert violations(tab, axe) == []
