"""The notebooks as web pages and as slides: every picture comes with its description in words."""

from html.parser import HTMLParser

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter, SlidesExporter
from test_notebooks import ROOT, each_notebook, load, parts

KINDS = {"course": HTMLExporter, "slides": SlidesExporter}


def exported(path, template: str, **more) -> str:
    """Export a notebook as the README's command does."""
    more |= {"extra_template_basedirs": [str(ROOT)]}
    exporter = KINDS[template](template_name=f"notebooks/templates/{template}", **more)
    return exporter.from_filename(str(path))[0]


class Page(HTMLParser):
    """Collects the alt text of each picture of an output, and what the page loads."""

    def __init__(self, text: str):
        super().__init__()
        self.alts, self.loads, self.sections = {}, [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "img" and values["src"].startswith("data:"):
            self.alts[values["src"].partition(",")[2].strip()] = values.get("alt")
        if tag == "script" and "src" in values:
            self.loads.append(values["src"])
        self.sections += tag == "section"


@each_notebook
@pytest.mark.parametrize("template", KINDS)
def test_pictures_keep_their_alt_text_and_galleries_their_picture(path, template):
    page = Page(exported(path, template))
    outputs = [output for cell in load(path).cells for output in cell.get("outputs", ())]
    wanted = {
        output.data[mime].replace("\n", ""): output.metadata[mime]["alt"]
        for output in outputs
        for mime in {"image/png", "image/jpeg"} & set(output.get("data", {}))
    }
    assert {data.replace("\n", ""): alt for data, alt in page.alts.items()} == wanted
    assert sum(alt.startswith("Query: ") for alt in wanted.values()) >= 2  # galleries


def test_a_picture_without_a_description_says_so(tmp_path):
    output = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cell = nbformat.v4.new_code_cell("figure", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "own.ipynb")
    for template in KINDS:
        page = Page(exported(tmp_path / "own.ipynb", template))
        assert list(page.alts.values()) == ["A picture without a description"]


@each_notebook
def test_slides_carry_notes_and_load_reveal_from_where_they_are_told(path):
    deck = exported(path, "slides", reveal_url_prefix="reveal.js")
    assert deck.count('<aside class="notes">') == len(parts(load(path).cells))
    assert "common mistakes" in deck.lower()
    assert "common mistakes" not in exported(path, "course").lower()
    page = Page(deck)
    assert page.loads[-2:] == ["reveal.js/dist/reveal.js", "reveal.js/plugin/notes/notes.js"]
    assert all("mathjax" in address for address in page.loads[:-2]) and page.sections > 20
