"""The notebooks: well formed, true for any weights, exercises solvable, gates that can fail.

Running every cell and comparing its output is nbval's work (see `addopts` in pyproject.toml).
"""

import contextlib
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import numpy as np
import pytest
from test_house import PYPROJECT, ROOT

from course_utils import exercises
from course_utils.catalog import Catalog

PROJECT = PYPROJECT["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"nbval-ignore-output", "exercise", "check", "parameters"}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

# What belongs to a method, not to a run, may stand in the text whatever the weights.
CONSTANTS = {
    *("0.485", "0.456", "0.406", "0.229", "0.224", "0.225"),  # ImageNet's colours
    "0.80",  # the cosine about which notebook 4 asks
}


def load(path: Path):
    return nbformat.read(path, as_version=4)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", ()))


def slide_type(cell) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


def text_of(cells) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def parts(cells) -> dict[str, int]:
    """Return title and minutes of each part, from the table in the first cell."""
    rows = re.findall(r"^\| (\d+\. .+?) \| (\d+) \|$", cells[0].source, re.M)
    return {title: int(minutes) for title, minutes in rows}


# ---- the gates themselves ----


def said_by_pytest(*words: str) -> str:
    """Return what the test command prints with these words added, on one worker."""
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


def test_nbval_tells_right_from_wrong():
    said = said_by_pytest("tests/planted")
    assert re.findall(r"FAILED tests/planted/(\w+)", said) == ["raises", "wrong_output"]
    assert "2 failed, 1 passed" in said


def test_every_notebook_is_collected_by_the_test_command():
    assert "notebooks" in PYPROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
    collected = said_by_pytest("--collect-only", "-q", "notebooks")
    assert len(NOTEBOOKS) == 4
    assert all(f"notebooks/{path.name}::" in collected for path in NOTEBOOKS)


# ---- form ----


@each_notebook
def test_notebook_is_stored_as_it_ran_short_and_its_pictures_have_alt_text(path):
    notebook = load(path)
    cells = notebook.cells
    assert "widgets" not in notebook.metadata, "widget state breaks GitHub's view"
    assert path.stat().st_size < 1_000_000 and len(cells) <= 75
    assert 60 <= sum(parts(cells).values()) <= 75
    code = [cell for cell in cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(counts) + 1)), "not run from top to bottom"
    lines = [len(cell.source.splitlines()) for cell in code]
    assert max(lines) <= 20 and 4 <= statistics.median(lines) <= 7  # fits on a projector
    assert not any("fmt: skip" in cell.source for cell in code)
    for output in (output for cell in code for output in cell.outputs):
        assert output.output_type != "error", output
        for mime in output.get("data", {}):
            assert mime != "application/vnd.jupyter.widget-view+json"
            assert "image/" not in mime or len(output.metadata[mime].get("alt", "")) > 20
    for image in re.findall(r"!\[(.*?)\]", text_of(cells)):
        assert image.strip(), "a picture in the text without alt text"


@each_notebook
def test_notebook_follows_the_anatomy(path):
    cells = load(path).cells
    text = text_of(cells)
    for part in ("You will learn", "Minutes", "Predict first", "Quiz", "Recap", "You have learned"):
        assert part in text, f"no {part!r}"
    assert text.count("<summary>Hint</summary>") == text.count("<summary>Solution</summary>") >= 3
    assert text.count("<b>Right.</b>") == 3
    assert "<summary>In the stored run</summary>" in text
    headings = [re.match(r"## (\d+\. .+)", cell.source) for cell in cells]
    assert [match[1] for match in headings if match] == list(parts(cells))
    for cell, heading in zip(cells, headings, strict=True):
        assert tags(cell) <= TAGS
        assert not heading or slide_type(cell) == "slide"
        assert slide_type(cell) != "notes", "notes for instructors stand in INSTRUCTORS.md"


@each_notebook
def test_each_part_has_speaker_notes_with_its_minutes(path):
    notes = (ROOT / "notebooks" / "INSTRUCTORS.md").read_text(encoding="utf-8")
    (mine,) = re.findall(rf"(?ms)^## Notebook {path.name[1]}\b.*?\n(.*?)(?=^## |\Z)", notes)
    sections = dict(re.findall(r"(?ms)^### (\d+\. .+?)\n(.*?)(?=^### |\Z)", mine))
    for title, minutes in parts(load(path).cells).items():
        assert sections[title].strip().startswith(f"{minutes} minutes"), title


@each_notebook
def test_only_what_may_differ_is_left_unchecked(path):
    unchecked = [cell for cell in load(path).cells if "nbval-ignore-output" in tags(cell)]
    for cell in unchecked:
        assert re.search(r"report\(|perf_counter|subprocess", cell.source), cell.source
    assert len(unchecked) <= 6


# ---- true for any weights ----


def visible_after_first_output(cells) -> str:
    """Return the text that stands unfolded below the first result, without code."""
    first = next(i for i, cell in enumerate(cells) if cell.get("outputs"))
    text = re.sub(r"(?s)<details>.*?</details>|```.*?```", " ", text_of(cells[first:]))
    return re.sub(r"\]\([^)]*\)|https?://\S+", " ", text)


def of_one_run(text: str) -> set[str]:
    """Return what can be true for one run only: decimal fractions and the names of items."""
    numbers = set(re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)", text)) - CONSTANTS
    names = {item.name for item in Catalog.load()}
    return numbers | {word for word in re.findall(r"[\w-]+", text) if word in names}


@each_notebook
def test_the_text_is_true_for_any_weights(path):
    assert of_one_run(visible_after_first_output(load(path).cells)) == set()


def test_a_sentence_of_one_run_is_seen():
    assert of_one_run("It finds `pen-01`, with 0.71 of 5, in 3. Not [1].") == {"pen-01", "0.71"}
    assert of_one_run("Most of 44 pictures in 2 steps; ImageNet's mean red is 0.485.") == set()


# ---- addresses, and a notebook alone ----


@each_notebook
def test_links_come_from_the_one_repository_address(path):
    address = PROJECT["urls"]["Repository"]
    slug = address.removeprefix("https://github.com/")
    first = load(path).cells[0].source
    assert f"mybinder.org/v2/gh/{slug}/HEAD?labpath=notebooks/{path.name}" in first
    assert f"google.com/github/{slug}/blob/main/notebooks/{path.name}" in first
    assert f'REPOSITORY = "{address}"' in set_up_of(path)


def test_a_new_address_is_put_everywhere(tmp_path):
    files = ["pyproject.toml", "README.md", "CITATION.cff"]
    files += [f"notebooks/{path.name}" for path in (ROOT / "notebooks").iterdir() if path.is_file()]
    (tmp_path / "notebooks").mkdir()
    for name in files:
        shutil.copy(ROOT / name, tmp_path / name)
    old = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    text = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(text.replace(old, "someone/else"), encoding="utf-8")
    script = ROOT / ".github" / "set_address.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    for name in files:
        before, after = ((at / name).read_text(encoding="utf-8") for at in (ROOT, tmp_path))
        assert after == before.replace(old, "someone/else")
    assert (tmp_path / "README.md").read_text(encoding="utf-8").count("someone/else") >= 4


def cloning(home: Path) -> dict[str, str]:
    """Return an environment where the repository's address leads here, for one who has nothing."""
    return {
        **{"PATH": os.environ["PATH"], "HOME": str(home), "COURSE_WEIGHTS": "offline"},
        **{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf"},
        "GIT_CONFIG_VALUE_0": PROJECT["urls"]["Repository"],
    }


def set_up_of(path: Path) -> str:
    (found,) = (cell.source for cell in load(path).cells if "REPOSITORY = " in cell.source)
    return found


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git repository")
def test_a_notebook_alone_fetches_the_course(tmp_path):
    """As on Colab. After a restart of the kernel it starts in the first folder once more."""
    assert len({set_up_of(path).partition("needed = ")[0] for path in NOTEBOOKS}) == 1
    code = f"{set_up_of(NOTEBOOKS[0])}\nimport course_utils\nprint(course_utils.__file__)"
    # Without `site`, the packages are there but not the course, which is installed as a link.
    environment = cloning(tmp_path) | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}
    for _ in range(2):
        command = [sys.executable, "-S", "-c", code]
        said = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
        fetched = tmp_path / "course" / "course_utils" / "__init__.py"
        assert Path(said.strip().splitlines()[-1]) == fetched.resolve()


@each_notebook
def test_what_colab_installs_is_what_the_project_asks_for(path):
    (listed,) = re.findall(r"needed = \[(.*?)\]", set_up_of(path), re.S)
    bounds = dict(re.findall(r"^([\w-]+).*<(\d+)$", "\n".join(PROJECT["dependencies"]), re.M))
    for each in re.findall(r'"(.*?)"', listed):
        name, _, below = each.partition("<")
        assert bounds[name.replace("_", "-")] == below or not below, each


def test_every_word_of_the_glossary_stands_in_its_notebooks():
    lines = (ROOT / "notebooks" / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \| ([\d, ]+) \|$", lines, re.M)
    texts = {
        path.name[1]: " ".join(x.source for x in load(path).cells).lower() for path in NOTEBOOKS
    }
    assert len(rows) > 40 and rows == sorted(rows, key=lambda row: row[0].lower())
    for words, numbers in rows:
        for number in numbers.split(", "):
            assert any(word in texts[number] for word in words.lower().split(", ")), (words, number)


# ---- exercises ----


def exercises_of(path: Path) -> list[tuple[str, str, str]]:
    """Return (stub, check, solution) of every exercise of a notebook."""
    cells, found = load(path).cells, []
    for i, cell in enumerate(cells):
        if "exercise" in tags(cell):
            assert "check" in tags(cells[i + 1])
            folded = r"(?s)<summary>Solution</summary>\s*```python\n(.*?)```"
            solution = re.search(folded, cells[i + 2].source)[1]
            found.append((cell.source, cells[i + 1].source, solution))
    return found


def say(*sources: str) -> str:
    space = {"np": np, "exercises": exercises}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for source in sources:
            exec(source, space)
    return said.getvalue()


@each_notebook
def test_solutions_pass_and_are_counted_and_stubs_fail_kindly(path, monkeypatch):
    monkeypatch.setattr(exercises, "_solved", set())
    mine = exercises_of(path)
    for count, (stub, check, solution) in enumerate(mine, 1):
        kindly = say(stub, check)
        assert "not yet" in kindly and "not written yet" in kindly
        assert "Traceback" not in kindly
        assert "Error" not in kindly.replace("NotImplementedError", "")
        for _ in range(2):  # a second run counts once
            said = say(stub, solution, check)
            assert exercises.DONE in said
            assert f"Solved in this notebook: {count} of {len(mine)}." in said
    say(*mine[0][:2])  # no longer solved
    assert f": {len(mine) - 1} of {len(mine)}." in say(stub, solution, check)
