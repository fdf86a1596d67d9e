"""The notebooks as web pages and as slides: every picture comes with its description in words."""

import functools

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter, SlidesExporter
from test_notebooks import ROOT, each_notebook, load, parts

KINDS = {
    "course": HTMLExporter,
    "slides": functools.partial(SlidesExporter, reveal_url_prefix="reveal.js"),
}


@functools.cache
def exported(path, template: str) -> str:
    """Export a notebook as the README's command does; slides look for reveal.js beside them."""
    exporter = KINDS[template](
        template_name=f"notebooks/templates/{template}", extra_template_basedirs=[str(ROOT)]
    )
    return exporter.from_filename(str(path))[0]


def alts(text: str) -> dict[str, str | None]:
    """Return the alt text of each picture of an output, by its data."""
    images = BeautifulSoup(text, "html.parser").find_all("img")
    parts = [(*image["src"].partition(","), image.get("alt")) for image in images]
    return {data.replace("\n", ""): alt for head, _, data, alt in parts if head.startswith("data:")}


@each_notebook
@pytest.mark.parametrize("template", KINDS)
def test_pictures_keep_their_alt_text_and_galleries_their_picture(path, template):
    outputs = [output for cell in load(path).cells for output in cell.get("outputs", ())]
    wanted = {
        output.data[mime].replace("\n", ""): output.metadata[mime]["alt"]
        for output in outputs
        for mime in {"image/png", "image/jpeg"} & set(output.get("data", {}))
    }
    assert alts(exported(path, template)) == wanted
    assert sum(alt.startswith("Query: ") for alt in wanted.values()) >= 2  # galleries


@pytest.mark.parametrize("template", KINDS)
def test_a_picture_without_a_description_says_so(template, tmp_path):
    output = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cell = nbformat.v4.new_code_cell("figure", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "own.ipynb")
    said = alts(exported(tmp_path / "own.ipynb", template)).values()
    assert list(said) == ["A picture without a description"]


@each_notebook
def test_slides_carry_notes_and_load_reveal_from_where_they_are_told(path):
    deck = exported(path, "slides")
    assert deck.count('<aside class="notes">') == len(parts(load(path).cells))
    assert "common mistakes" in deck.lower()
    assert "common mistakes" not in exported(path, "course").lower()
    page = BeautifulSoup(deck, "html.parser")
    loads = [script["src"] for script in page.find_all("script", src=True)]
    assert loads[-2:] == ["reveal.js/dist/reveal.js", "reveal.js/plugin/notes/notes.js"]
    assert all("mathjax" in address for address in loads[:-2])
    assert len(page.find_all("section")) > 20
