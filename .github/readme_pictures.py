"""Makes the README's picture and animation from the real thing, in a real browser.

uv run pytest tests/readme_pictures.py
"""

import io
import re

from PIL import Image, ImageDraw
from test_browser import ROOT, lab, opened, pytestmark  # noqa: F401
from test_browser_unified import write_notebook

GALLERY = """
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.evidence import Thermometer
from course_utils.gallery import Gallery

case = Catalog.load().select(kind="image", role="item", label=["pen", "cup"])
encoder = ImageEncoder()
vectors = encoder.encode(case.paths)
Gallery(case, vectors, "pen-01", k=10, encoder=encoder, scale=Thermometer(vectors, case.sources))
"""
SEARCH = """
from course_utils.audio import AudioEncoder
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.searchbox import SearchBox
from course_utils.unified import UnifiedSearch
from course_utils.video import VideoEncoder

search = UnifiedSearch([ImageEncoder(), VideoEncoder(), AudioEncoder("gated")])
search.add([item for item in Catalog.load() if item.role in ("item", "extra")])
SearchBox(search, "place-sea-1", k=3)
"""
CLICKS = [("Films", 0), ("Sounds", 1), ("Pictures", 0)]  # column and place of each next query
WIDTH = 900  # pixels, of the animation


def shot(page, box) -> Image.Image:
    """Return what can be seen of a box, when all its films and pictures are there."""
    news = page.get_by_role("button", name="No", exact=True)  # of Jupyter, over the page's corner
    if news.first.is_visible():
        news.first.click()
    page.mouse.move(0, 0)
    box.evaluate("box => box.scrollIntoView()")
    page.wait_for_timeout(2500)  # until its films have loaded
    return Image.open(io.BytesIO(box.screenshot())).convert("RGB")


def small(picture: Image.Image, height: int) -> Image.Image:
    page = Image.new("RGB", (picture.width, height), "white")
    page.paste(picture)
    return page.resize((WIDTH, height * WIDTH // picture.width), Image.Resampling.LANCZOS)


def test_gallery(lab):  # noqa: F811
    write_notebook(lab, "gallery.ipynb", GALLERY)
    with opened(lab, "gallery.ipynb", galleries=1) as page:
        page.set_viewport_size({"width": 1500, "height": 1000})
        picture = shot(page, page.locator(".cg-root:visible"))
        picture.quantize(160).save(ROOT / ".github" / "gallery.png", optimize=True)


def test_search(lab):  # noqa: F811
    from playwright.sync_api import expect

    write_notebook(lab, "search.ipynb", SEARCH)
    with opened(lab, "search.ipynb", galleries=1) as page:
        page.set_viewport_size({"width": 1500, "height": 1000})
        box = page.locator(".cg-root:visible")
        frames, times = [], []
        for column, place in [*CLICKS, (None, None)]:
            frames.append(shot(page, box))
            times.append(2600)
            if column is None:
                break
            card = (
                box.locator(".cg-column")
                .filter(has_text=re.compile(rf"^\s*{column}"))
                .locator(".cg-card:visible")
                .nth(place)
            )
            spot = card.locator(".cg-label").bounding_box()  # a film itself would play
            corner = box.bounding_box()
            x, y = spot["x"] - corner["x"] + 30, spot["y"] - corner["y"] + 10
            clicked = frames[-1].copy()
            ImageDraw.Draw(clicked).ellipse(
                (x - 22, y - 22, x + 22, y + 22), outline="#D55E00", width=6
            )
            frames.append(clicked)
            times.append(700)
            asked = box.locator(".cg-query .cg-name")
            before = asked.inner_text()
            card.locator(".cg-label").click(force=True, position={"x": 30, "y": 10})
            expect(asked).not_to_have_text(before, timeout=20_000)
        height = max(frame.height for frame in frames)
        first, *rest = (small(frame, height) for frame in frames)
        first.save(
            ROOT / ".github" / "search.webp", save_all=True, append_images=rest, duration=times,
            loop=0, quality=62, method=6,
        )  # fmt: skip
