"""Makes the README's picture and animation from the real thing, in a real browser.

PYTHONPATH=tests uv run python .github/readme_pictures.py
"""

import io
import tempfile
from pathlib import Path

from browser import ROOT, command, opened, serving
from PIL import Image, ImageDraw

GALLERY = """
from course_utils.boxes import Gallery
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder
from course_utils.evaluation import Percentiles

case = Catalog.load().select(kind="image", role="item", label=["pen", "cup"])
encoder = ImageEncoder()
vectors = encoder.encode(case)
Gallery(case, vectors, "pen-01", k=10, encoder=encoder, scale=Percentiles(vectors, case.sources))
"""
SEARCH = """
from course_utils.audio import AudioEncoder
from course_utils.boxes import SearchBox
from course_utils.catalog import Catalog
from course_utils.encoders import ImageEncoder, VideoEncoder
from course_utils.unified import UnifiedSearch

search = UnifiedSearch([ImageEncoder(), VideoEncoder(), AudioEncoder("gated")])
search.add([item for item in Catalog.load() if item.role in ("item", "extra")])
SearchBox(search, "place-sea-1", k=3)
"""
CLICKS = [3, 7, 0]  # places of the next queries: three pictures, three films, three sounds
WIDTH = 900  # pixels, of the animation


def shot(page, box) -> Image.Image:
    """Return what can be seen of a box, when all its films and pictures are there."""
    page.mouse.move(0, 0)
    box.evaluate("box => box.scrollIntoView()")
    page.wait_for_timeout(2500)  # until its films have loaded
    return Image.open(io.BytesIO(box.screenshot())).convert("RGB")


def small(picture: Image.Image, height: int) -> Image.Image:
    """Return a picture on a white page of some height, scaled to WIDTH."""
    page = Image.new("RGB", (picture.width, height), "white")
    page.paste(picture)
    return page.resize((WIDTH, height * WIDTH // picture.width), Image.Resampling.LANCZOS)


def widen(page) -> None:
    """Give the notebook a large window, and all of its width."""
    page.set_viewport_size({"width": 1500, "height": 1000})
    command(page, "application:toggle-left-area")


def gallery(server) -> None:
    """Make .github/gallery.png."""
    with opened(server, "gallery.ipynb", cells=[GALLERY]) as page:
        widen(page)
        picture = shot(page, page.locator(".cg-root:visible"))
        picture.quantize(160).save(ROOT / ".github" / "gallery.png", optimize=True)


def search(server) -> None:
    """Make .github/search.webp."""
    with opened(server, "search.ipynb", cells=[SEARCH]) as page:
        widen(page)
        box = page.locator(".cg-root:visible")
        frames, times = [], []
        for place in CLICKS:
            frames.append(shot(page, box))
            card = box.locator(".cg-card:visible:not(.cg-query)").nth(place)
            label = card.locator(".cg-label")  # a film itself would play
            spot, corner = label.bounding_box(), box.bounding_box()
            x, y = spot["x"] - corner["x"] + 30, spot["y"] - corner["y"] + 10
            clicked = frames[-1].copy()
            around = (x - 22, y - 22, x + 22, y + 22)
            ImageDraw.Draw(clicked).ellipse(around, outline="#D55E00", width=6)
            frames.append(clicked)
            times += [2600, 700]
            label.click(force=True, position={"x": 30, "y": 10})
            page.wait_for_timeout(1500)
        frames.append(shot(page, box))
        height = max(frame.height for frame in frames)
        first, *rest = (small(frame, height) for frame in frames)
        first.save(
            ROOT / ".github" / "search.webp",
            save_all=True,
            append_images=rest,
            duration=[*times, 2600],
            loop=0,
            quality=62,
            method=6,
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as server:
        gallery(server)
        search(server)
