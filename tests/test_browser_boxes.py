"""A real browser uploads, marks and compares, and sits at the back of the room."""

import re

from test_browser import ROOT, lab, opened, pytestmark  # noqa: F401
from test_browser_unified import CONTRAST, ITEMS, write_notebook

CODE = f"""
from course_utils.audio import AudioEncoder
from course_utils.catalog import Catalog
from course_utils.compare import Compare
from course_utils.encoders import ImageEncoder
from course_utils.evidence import Thermometer, center
from course_utils.gallery import Gallery
from course_utils.searchbox import SearchBox
from course_utils.unified import UnifiedSearch
from course_utils.video import VideoEncoder

case = Catalog.load().select(kind="image", role="item", label=["pen", "cup"])[::2]
encoder = ImageEncoder()
vectors = encoder.encode(case.paths)
centred, _ = center(vectors)
scale = Thermometer(vectors)
gallery = Gallery(case, vectors, "pen-01", k=8, encoder=encoder, scale=scale, heading="Find pens")
compare = Compare(case, {{"As they are": vectors, "Centred": centred}}, "pen-01", k=4)
names = {ITEMS}
few = [item for item in Catalog.load() if item.name in names[item.kind]]
search = UnifiedSearch([encoder, VideoEncoder(), AudioEncoder("gated")])
search.add(few)
display(gallery, compare, SearchBox(search, "cup-08", k=2, heading="Everything for a cup"))
"""
WORDS = ".cg-label, .cg-name, .cg-score, .cg-mark, .cg-change, .cg-marks button, .cg-column-name"
SIZE = "element => parseFloat(getComputedStyle(element).fontSize)"


def test_upload_marks_compare_and_large(lab, tmp_path):  # noqa: F811
    from playwright.sync_api import expect

    write_notebook(lab, "boxes.ipynb", CODE)
    with opened(lab, "boxes.ipynb", galleries=3) as page:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.get_by_role("tab", name=re.compile("File Browser")).click()  # closes the side bar
        page.get_by_role("button", name="No", exact=True).click()  # news of Jupyter
        gallery, compare, search = (page.locator(".cg-root").nth(i) for i in range(3))
        said = gallery.get_by_role("status")
        cards = gallery.locator(".cg-cards .cg-card:visible")

        def look(box, name: str) -> None:
            page.mouse.move(0, 0)
            box.evaluate("box => box.scrollIntoView()")
            page.screenshot(path=tmp_path / f"{name}.png")

        # More like one, less like another, by mouse and by keyboard; then neither.
        expect(said).to_contain_text("8 matches for")
        expect(cards.first.locator(".cg-score")).to_contain_text("above ")
        first = cards.locator(".cg-name").all_inner_texts()
        cards.nth(3).get_by_role("button", name="More", exact=True).click()
        expect(said).to_contain_text("moved by 1 liked and 0 disliked", timeout=20_000)
        less = cards.nth(5).get_by_role("button", name="Less", exact=True)
        less.focus()
        page.keyboard.press("Enter")
        expect(said).to_contain_text("moved by 1 liked and 1 disliked", timeout=20_000)
        expect(gallery.locator(".cg-liked:visible")).to_have_text("+ liked")
        expect(gallery.locator(".cg-disliked:visible")).to_have_text("− disliked")
        assert cards.locator(".cg-name").all_inner_texts() != first
        look(gallery, "marks-light")
        gallery.get_by_role("button", name="Forget marks").click()
        expect(gallery.locator(".cg-mark:visible")).to_have_count(0, timeout=20_000)
        assert cards.locator(".cg-name").all_inner_texts() == first

        # A file from the browser's dialogue, and one of the wrong kind; marks come back with Back.
        cards.nth(1).get_by_role("button", name="More", exact=True).click()
        expect(gallery.locator(".cg-liked:visible")).to_have_count(1, timeout=20_000)
        picture = {"name": "my <b>cup.jpg", "mimeType": "image/jpeg"}
        with page.expect_file_chooser() as asked:
            gallery.locator(".widget-upload").click()
        cup = (ROOT / "data" / "images" / "cup-09.jpg").read_bytes()
        asked.value.set_files(picture | {"buffer": cup})
        expect(gallery.locator(".cg-query .cg-label")).to_contain_text("yours", timeout=20_000)
        expect(gallery.locator(".cg-query .cg-name")).to_have_text("my _b_cup.jpg")
        expect(gallery.locator(".widget-upload")).to_have_text("Upload, to 10 MB (0)")
        expect(cards.first.locator(".cg-label")).to_contain_text("cup")
        expect(gallery.locator(".cg-mark:visible")).to_have_count(0)
        look(gallery, "upload-light")
        for name in ("same.jpg", "same.jpg"):  # the same once more must be said once more
            with page.expect_file_chooser() as asked:
                gallery.locator(".widget-upload").click()
            asked.value.set_files(picture | {"name": name, "buffer": b"words"})
            expect(said).to_contain_text("⚠ 'same.jpg' is not a picture", timeout=20_000)
        gallery.get_by_role("button", name="Back").click()
        expect(gallery.locator(".cg-liked:visible")).to_have_count(1, timeout=20_000)
        expect(said).to_contain_text("moved by 1 liked")

        # Two rankings beside each other.
        columns = compare.locator(".cg-column")
        assert len({columns.nth(i).bounding_box()["y"] for i in range(2)}) == 1
        expect(columns.nth(1).locator(".cg-change:visible")).to_have_count(4)
        look(compare, "compare-light")
        wanted = columns.nth(1).locator(".cg-card:visible .cg-name").nth(2).inner_text()
        columns.nth(1).locator(".cg-card:visible .cg-hit").nth(2).click()
        expect(compare.locator(".cg-query .cg-name")).to_have_text(wanted, timeout=20_000)

        # A sound for the search box.
        sound = (ROOT / "data" / "audio" / "everyday" / "waves-2.ogg").read_bytes()
        with page.expect_file_chooser() as asked:
            search.locator(".widget-upload").click()
        asked.value.set_files({"name": "sea.ogg", "mimeType": "audio/ogg", "buffer": sound})
        expect(search.locator(".cg-query .cg-name")).to_contain_text("sea.ogg", timeout=20_000)
        expect(search.get_by_role("status")).to_contain_text("sea.ogg", timeout=20_000)
        look(search, "search-light")

        # Large, in both themes.
        boxes = {"gallery": gallery, "compare": compare, "search": search}
        for box in boxes.values():
            box.get_by_role("button", name="Large").click()
            expect(box).to_have_class(re.compile("cg-large"), timeout=20_000)
            for words in (".cg-label", ".cg-score"):
                assert box.locator(f".cg-card:visible {words}").first.evaluate(SIZE) >= 22
        for name, box in boxes.items():
            look(box, f"{name}-large-light")
        for entry in ("Settings", "Theme", "JupyterLab Dark"):
            page.get_by_text(entry, exact=True).first.click()
        page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
        expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=20_000)
        for name, box in boxes.items():
            look(box, f"{name}-large-dark")
            assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), name
        for name, box in boxes.items():
            box.get_by_role("button", name="Large").click()
            expect(box).not_to_have_class(re.compile("cg-large"), timeout=20_000)
            look(box, f"{name}-dark")
            for words in box.locator(WORDS).all():
                if words.is_visible():
                    assert words.evaluate(CONTRAST) > 4.5, (name, words.inner_text())
