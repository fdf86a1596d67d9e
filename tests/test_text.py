"""The words of the course: spelled right, in short sentences, with links that lead somewhere."""

import ast
import os
import re
import statistics
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest
from spellchecker import SpellChecker
from test_notebooks import NOTEBOOKS, ROOT, load

DOCUMENTS = [ROOT / "README.md", *ROOT.glob("notebooks/*.md"), *ROOT.glob("data/**/*.md")]
MODULES = sorted(ROOT.glob("course_utils/**/*.py"))
TEXTS = [*NOTEBOOKS, *DOCUMENTS, *MODULES]
KNOWN = set((ROOT / "tests" / "words.txt").read_text(encoding="utf-8").split())
ADDRESS = r"https?://[^\s)\"'>\\`,;]+"
DICTIONARY = SpellChecker()
# One spelling: British. The American one is right in code, and in titles of papers.
AMERICAN = (
    r"(?i)\b(colors?|center(ed|ing|s)?|\w+aliz(e|es|ed|ing|ation)|recogniz\w+|gray|neighbors?)\b"
)


def text_of(path: Path) -> str:
    """Return a file's prose: a notebook's markdown, a document, or a module's strings."""
    if path.suffix == ".ipynb":
        return "\n\n".join(cell.source for cell in load(path).cells if cell.cell_type == "markdown")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return "\n\n".join(each for each in strings if isinstance(each, str) and " " in each)


def prose(text: str) -> str:
    """Return a text without code, formulas, addresses and tags."""
    text = re.sub(r"(?s)```.*?```|\$\$.*?\$\$", " ", text)
    return re.sub(rf"`[^`]*`|\$[^$\n]*\$|\]\([^)]*\)|{ADDRESS}|<[^>]*>", " ", text)


def unknown(text: str) -> set[str]:
    """Return the words that the dictionary does not know, in lower case."""
    found = re.findall(r"(?<![\w./-])[A-Za-z]{2,}(?:'[a-z]+)?(?![\w/]|\.\w)", prose(text))
    return DICTIONARY.unknown(word.lower().removesuffix("'s") for word in found)


def sentences(text: str) -> list[str]:
    """Return the sentences of a document, without headings, tables and lists' marks."""
    text = re.sub(r"(?m)^(\|.*|#.*|\s*(- |\d+\. |> ))", "\n\n", text)
    parts = re.split(r"(?<=[.!?:;])\s+|\n\s*\n", prose(text))
    return [part for part in parts if len(part.split()) > 2]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_words_are_spelled_right(path):
    assert unknown(text_of(path)) <= KNOWN


@pytest.mark.parametrize("path", [*NOTEBOOKS, *DOCUMENTS], ids=lambda path: path.name)
def test_one_way_of_spelling(path):
    found = {match[0] for match in re.finditer(AMERICAN, prose(text_of(path)))}
    assert found == set()


def test_mistakes_are_seen():
    assert unknown("A pictrue of `a pne`, <b>bold</b>, see https://exmaple.org.") == {"pictrue"}
    assert re.search(AMERICAN, "It is normalized.") and not re.search(AMERICAN, "Realise the size.")


def test_no_word_is_known_in_vain():
    assert set().union(*(unknown(text_of(path)) for path in TEXTS)) == KNOWN


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_sentences_are_short(path):
    lengths = {sentence: len(sentence.split()) for sentence in sentences(text_of(path))}
    assert statistics.mean(lengths.values()) < 16
    assert {sentence for sentence, words in lengths.items() if words > 45} == set()


def said_twice(text: str) -> set[str]:
    """Return what stands twice in one paragraph: sentences, and entries of a list of links."""
    found = set()
    for paragraph in text.split("\n\n"):
        parts = [part for part in re.split(r"(?<=[.!?])\s+| · ", paragraph) if len(part) > 25]
        found |= {part for part in parts if parts.count(part) > 1}
    return found


@pytest.mark.parametrize("path", [*NOTEBOOKS, *DOCUMENTS], ids=lambda path: path.name)
def test_nothing_is_said_twice(path):
    assert said_twice(text_of(path)) == set()


def test_what_is_said_twice_is_seen():
    twice = "It is the square of its size. It is the square of its size."
    link = "[A paper of 1937](https://example.org/1937)"
    assert len(said_twice(f"{twice}\n\nTo read: {link} · {link} · {link}")) == 2
    assert not said_twice(f"Once, and not more than once.\n\n{twice[:30]}\n\n{twice[:30]}")


# ---- links to other places ----


def addresses() -> dict[str, list[str]]:
    """Return all addresses of other places, and the files where they stand."""
    found: dict[str, list[str]] = {}
    for path in TEXTS:
        for address in re.findall(ADDRESS, text_of(path)):
            found.setdefault(address.rstrip(".").split("#")[0], []).append(path.name)
    return found


def fails(address: str) -> str:
    """Return why an address leads nowhere; nothing if it leads somewhere or robots are refused."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except HTTPError as error:
        return "" if error.code in (401, 403, 405, 429) else f"{address}: {error}"
    except OSError as error:
        return f"{address}: {error}"
    return ""


@pytest.mark.skipif(
    "COURSE_LINKS" not in os.environ, reason="needs the internet; COURSE_LINKS=1 asks for it"
)
def test_links_lead_somewhere():
    with ThreadPoolExecutor(8) as pool:
        wrong = [words for words in pool.map(fails, addresses()) if words]
    assert wrong == []


def test_a_link_that_leads_nowhere_is_seen():
    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response({"/here": 200, "/robots": 403}.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        assert fails(f"{here}/here") == fails(f"{here}/robots") == ""
        assert "404" in fails(f"{here}/gone")
        server.shutdown()
    assert fails(here)
    assert "https://arxiv.org/abs/1512.03385" in addresses()
