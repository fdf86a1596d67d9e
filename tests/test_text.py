"""The words of the course: spelled right, in one way, with links that lead somewhere."""

import os
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError

import pytest
from spellchecker import SpellChecker
from test_notebooks import NOTEBOOKS, ROOT, load
from test_notebooks import text_of as text_of_cells

DOCUMENTS = [ROOT / "README.md", *ROOT.glob("notebooks/*.md"), *ROOT.glob("data/**/*.md")]
TEXTS = [*NOTEBOOKS, *DOCUMENTS]
KNOWN = set((ROOT / "tests" / "words.txt").read_text(encoding="utf-8").split())
ADDRESS = r"https?://[^\s)\"'>\\`,;]+"
DICTIONARY = SpellChecker()
# One spelling: British. The American one is right in code, and in titles of papers.
AMERICAN = (
    r"(?i)\b(colors?|center(ed|ing|s)?|\w+aliz(e|es|ed|ing|ation)|recogniz\w+|gray|neighbors?)\b"
)


def text_of(path: Path) -> str:
    """Return a file's prose: a notebook's markdown, or a document."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return text_of_cells(load(path).cells)


def prose(text: str) -> str:
    """Return a text without code, formulas, addresses and tags."""
    text = re.sub(r"(?s)```.*?```|\$\$.*?\$\$", " ", text)
    return re.sub(rf"`[^`]*`|\$[^$\n]*\$|\]\([^)]*\)|{ADDRESS}|<[^>]*>", " ", text)


def unknown(text: str) -> set[str]:
    """Return the words that the dictionary does not know, in lower case."""
    found = re.findall(r"(?<![\w./-])[A-Za-z]{2,}(?:'[a-z]+)?(?![\w/]|\.\w)", prose(text))
    return DICTIONARY.unknown(word.lower().removesuffix("'s") for word in found)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_words_are_spelled_right_and_in_one_way(path):
    assert unknown(text_of(path)) <= KNOWN
    assert not re.search(AMERICAN, prose(text_of(path)))


def test_mistakes_are_seen():
    assert unknown("A pictrue of `a pne`, <b>bold</b>, see https://exmaple.org.") == {"pictrue"}
    assert re.search(AMERICAN, "It is normalized.") and not re.search(AMERICAN, "Realise the size.")


def test_no_word_is_known_in_vain():
    assert set().union(*(unknown(text_of(path)) for path in TEXTS)) == KNOWN


# ---- links to other places ----


def addresses() -> set[str]:
    """Return all addresses of other places."""
    found = (re.findall(ADDRESS, text_of(path)) for path in TEXTS)
    return {address.rstrip(".").split("#")[0] for each in found for address in each}


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


@pytest.mark.nightly
@pytest.mark.skipif("COURSE_LINKS" not in os.environ, reason="needs the internet")
def test_links_lead_somewhere():
    with ThreadPoolExecutor(8) as pool:
        assert [words for words in pool.map(fails, addresses()) if words] == []
