"""The notebooks: well formed, stored as they ran, exercises solvable, gates that can fail.

Running every cell and comparing its output is nbval's work (see `addopts` in pyproject.toml).
"""

import contextlib
import hashlib
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

from course_utils import exercises, search

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"nbval-ignore-output", "exercise", "check", "parameters"}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def load(path: Path):
    return nbformat.read(path, as_version=4)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", ()))


def slide_type(cell) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


# ---- the gates themselves ----


@pytest.mark.parametrize(
    ("name", "passes"), [("right", True), ("wrong_output", False), ("raises", False)]
)
def test_nbval_tells_right_from_wrong(name, passes):
    planted = ROOT / "tests" / "planted" / f"{name}.ipynb"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(planted)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == (0 if passes else 1), result.stdout
    assert ("1 passed" if passes else "1 failed") in result.stdout


def test_every_notebook_is_collected_by_the_test_command():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for path in NOTEBOOKS:
        assert f"notebooks/{path.name}::" in result.stdout
    assert NOTEBOOKS


# ---- form ----


@each_notebook
def test_notebook_is_stored_as_it_ran(path):
    notebook = load(path)
    assert "widgets" not in notebook.metadata, "widget state breaks GitHub's view"
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "not run from top to bottom"
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error", output
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


@each_notebook
def test_notebook_is_small_and_cells_fit_on_a_projector(path):
    assert path.stat().st_size < 1_000_000
    cells = load(path).cells
    lines = [len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code"]
    assert max(lines) <= 20
    assert 2 <= statistics.median(lines) <= 8


@each_notebook
def test_every_stored_picture_has_alt_text(path):
    for cell in load(path).cells:
        for output in cell.get("outputs", ()):
            for mime in output.get("data", {}):
                if mime.startswith("image/"):
                    assert len(output.metadata.get(mime, {}).get("alt", "")) > 20, cell.source
        for image in re.findall(r"!\[(.*?)\]", cell.source) if cell.cell_type == "markdown" else ():
            assert image.strip(), "a picture in the text without alt text"


@each_notebook
def test_notebook_follows_the_anatomy(path):
    cells = load(path).cells
    assert 40 <= sum(slide_type(cell) != "notes" for cell in cells) <= 150
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for part in ("You will learn", "Minutes", "Predict first", "Quiz", "Recap", "You have learned"):
        assert part in text, f"no {part!r}"
    assert text.count("<summary>Hint</summary>") == text.count("<summary>Solution</summary>") >= 3
    assert text.count("<b>Right.</b>") == 3
    assert [slide_type(cell) for cell in cells].count("slide") >= 8
    for cell in cells:
        assert tags(cell) <= TAGS


@each_notebook
def test_each_part_has_speaker_notes_with_its_minutes(path):
    cells = load(path).cells
    planned = re.findall(r"^\| (\d+)\. (.+?) \| (\d+) \|$", cells[0].source, re.MULTILINE)
    titles = [i for i, cell in enumerate(cells) if re.match(r"## \d+\. ", cell.source)]
    assert [int(number) for number, _, _ in planned] == list(range(1, len(titles) + 1))
    for (number, title, minutes), i in zip(planned, titles, strict=True):
        first = cells[i].source.splitlines()[0]
        assert title.startswith(first.removeprefix(f"## {number}. ")), first
        assert slide_type(cells[i]) == "slide" and slide_type(cells[i + 1]) == "notes", first
        assert f"\n\n{minutes} minutes" in cells[i + 1].source, first


@each_notebook
def test_only_what_may_differ_is_left_unchecked(path):
    unchecked = [cell for cell in load(path).cells if "nbval-ignore-output" in tags(cell)]
    for cell in unchecked:
        assert re.search(r"report\(|perf_counter|subprocess", cell.source), cell.source
    assert len(unchecked) <= 6


@each_notebook
def test_links_come_from_the_one_repository_address(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"]
    slug = address.removeprefix("https://github.com/")
    first = load(path).cells[0].source
    assert f"https://mybinder.org/v2/gh/{slug}/HEAD?labpath=notebooks/{path.name}" in first
    assert (
        f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{path.name}" in first
    )
    cloned = re.findall(
        r'REPOSITORY = "(.*?)"', "\n".join(cell.source for cell in load(path).cells)
    )
    assert cloned == [address]


def test_a_new_address_is_put_everywhere(tmp_path):
    files = ["pyproject.toml", "README.md", "CITATION.cff"]
    files += [f"notebooks/{path.name}" for path in (ROOT / "notebooks").iterdir() if path.is_file()]
    (tmp_path / "notebooks").mkdir()
    for name in files:
        shutil.copy(ROOT / name, tmp_path / name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    old = project["urls"]["Repository"].removeprefix("https://github.com/")
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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "COURSE_WEIGHTS": "offline",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": project["urls"]["Repository"],
    }


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git repository")
@each_notebook
def test_a_notebook_alone_fetches_the_course(path, tmp_path):
    """As on Colab. After a restart of the kernel it starts in the first folder once more."""
    (set_up,) = (cell.source for cell in load(path).cells if "REPOSITORY = " in cell.source)
    code = f"{set_up}\nimport course_utils\nprint(course_utils.__file__)"
    # Without `site`, the packages are there but not the course, which is installed as a link.
    environment = cloning(tmp_path) | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-S", "-c", code],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        fetched = tmp_path / "course" / "course_utils" / "__init__.py"
        assert Path(result.stdout.strip()) == fetched.resolve()


@each_notebook
def test_what_colab_installs_is_what_the_project_asks_for(path):
    (set_up,) = (cell.source for cell in load(path).cells if "REPOSITORY = " in cell.source)
    (listed,) = re.findall(r"needed = \[(.*?)\]", set_up, re.S)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(re.findall(r"^([\w-]+).*<(\d+)$", "\n".join(project["dependencies"]), re.M))
    for each in re.findall(r'"(.*?)"', listed):
        name, _, below = each.partition("<")
        assert bounds[name.replace("_", "-")] == below or not below, each


def test_every_word_of_the_glossary_stands_in_its_notebooks():
    lines = (ROOT / "notebooks" / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \| ([\d, ]+) \|$", lines, re.M)
    texts = {
        path.name[1]: "\n".join(cell.source for cell in load(path).cells).lower()
        for path in NOTEBOOKS
    }
    assert len(rows) > 25 and [word for word, _ in rows] == sorted(
        (w for w, _ in rows), key=str.lower
    )
    for words, numbers in rows:
        for number in numbers.split(", "):
            assert any(word in texts[number] for word in words.lower().split(", ")), (words, number)


# ---- exercises ----


def exercise_cells():
    """Return (stub, check, solution) of every exercise of every notebook."""
    found = []
    for path in NOTEBOOKS:
        cells = load(path).cells
        stubs = [i for i, cell in enumerate(cells) if "exercise" in tags(cell)]
        for number, i in enumerate(stubs, 1):
            assert "check" in tags(cells[i + 1])
            (solution,) = re.findall(
                r"<summary>Solution</summary>\s*```python\n(.*?)```", cells[i + 2].source, re.S
            )
            name = f"{path.stem}-{number}"
            found.append(pytest.param(cells[i].source, cells[i + 1].source, solution, id=name))
    return found


def say(*sources: str) -> str:
    space = {"np": np, "exercises": exercises}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for source in sources:
            exec(source, space)
    return said.getvalue()


@pytest.mark.parametrize(("stub", "check", "solution"), exercise_cells())
def test_solution_passes_and_stub_fails_kindly(stub, check, solution):
    assert exercises.DONE in say(stub, solution, check)
    kindly = say(stub, check)
    assert "not yet" in kindly and "not written yet" in kindly
    assert "Traceback" not in kindly and "Error" not in kindly.replace("NotImplementedError", "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_solved_is_counted(path, monkeypatch):
    monkeypatch.setattr(exercises, "_solved", set())
    mine = [each.values for each in exercise_cells() if each.id.startswith(path.stem)]
    for count, (stub, check, solution) in enumerate(mine, 1):
        for _ in range(2):  # a second run counts once
            assert f"Solved in this notebook: {count} of {len(mine)}." in say(stub, solution, check)
    say(*mine[0][:2])  # no longer solved
    assert f": {len(mine) - 1} of {len(mine)}." in say(*mine[-1][::2], mine[-1][1])


WRONG = {  # a common mistake, and words of the answer to it
    "dot product": (exercises.check_cosine, lambda a, b: a @ b, "divide it by both lengths"),
    "no return": (exercises.check_cosine, lambda a, b: None, "does it end with `return`"),
    "a crash": (exercises.check_cosine, lambda a, b: a @ c, "NameError"),  # noqa: F821
    "a word": (exercises.check_cosine, lambda a, b: "one", "is right"),
    "worst first": (
        exercises.check_top_k,
        lambda q, v, k: np.argsort(v @ q)[:k],
        "the worst matches come first",
    ),
    "all of them": (
        exercises.check_top_k,
        lambda q, v, k: np.argsort(-(v @ q)),
        "positions came back",
    ),
    "another order": (
        exercises.check_top_k,
        lambda q, v, k: np.argsort(-(v @ q))[:k][::-1],
        "the best",
    ),
    "a count": (exercises.check_precision, lambda f, w, k: f[:k].count(w), "divide it by k"),
    "all results": (
        exercises.check_precision,
        lambda f, w, k: f.count(w) / len(f),
        "Only the first k",
    ),
    "pairs with itself": (
        exercises.check_duplicates,
        lambda v, t: [(i, j) for i in range(len(v)) for j in range(len(v)) if v[i] @ v[j] >= t],
        "i equal to j",
    ),
    "both ways": (
        exercises.check_duplicates,
        lambda v, t: [
            (i, j) for i in range(len(v)) for j in range(len(v)) if i != j and v[i] @ v[j] >= t
        ],
        "smaller position first",
    ),
    "no threshold": (exercises.check_duplicates, lambda v, t: [(0, 1)], "is right, not"),
    "no pairs": (exercises.check_duplicates, lambda v, t: [1, 2], "a list of pairs"),
    "worst fused first": (
        exercises.check_fusion,
        lambda rankings, k: search.reciprocal_rank_fusion(rankings, k)[0][::-1],
        "the worst come first",
    ),
    "only the first list": (exercises.check_fusion, lambda r, k: r[0], "came back"),
    "joined in turn": (
        exercises.check_fusion,
        lambda r, k: list(dict.fromkeys(x for ranking in r for x in ranking)),
        "found by both comes first",
    ),
    "a number, not a list": (exercises.check_fusion, lambda r, k: 1, "a list of ids"),
    "a share": (exercises.check_percentile, lambda s, a: (a < s).mean(), "times 100"),
    "those above": (exercises.check_percentile, lambda s, a: 100 * (a > s).mean(), "those below"),
    "precision for recall": (
        exercises.check_recall,
        lambda found, true: len(set(found) & set(true)) / len(found),
        "That is precision",
    ),
    "content alone": (exercises.check_key, lambda c, f: str(c), "have the same key"),
    "glued together": (
        exercises.check_key,
        lambda c, f: hashlib.sha256(c + f.encode()).hexdigest(),
        "have the same key",
    ),
    "bytes": (exercises.check_key, lambda c, f: c + f.encode(), "return a text"),
    "another key each time": (
        exercises.check_key,
        lambda c, f: str(time.perf_counter_ns()),
        "two different",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_answer_is_explained(mistake, capsys):
    check, function, words = WRONG[mistake]
    check(function)
    said = capsys.readouterr().out
    assert "not yet" in said and words in said


# ---- offline and footprint ----

BLOCK = """
import socket
_connect = socket.socket.connect
def _here(address):
    local = ("127.", "::1", "localhost")
    return not isinstance(address, tuple) or str(address[0]).startswith(local)
def connect(self, address):
    if not _here(address):
        raise OSError(101, "Network is unreachable (blocked by the test)")
    return _connect(self, address)
socket.socket.connect = connect
_look_up = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    if not _here((host,)):
        raise socket.gaierror(-3, "Temporary failure in name resolution (blocked by the test)")
    return _look_up(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
"""


@each_notebook
def test_notebook_runs_without_internet_in_little_memory(path, tmp_path, monkeypatch, capsys):
    """With all connections blocked, an empty home, and weights chosen as for a newcomer."""
    from nbclient import NotebookClient

    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("HOME", "USERPROFILE", "TORCH_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_WEIGHTS", "auto")
    notebook = load(path)
    ask = (
        "import socket, sys\n"
        "try:\n    socket.create_connection(('192.0.2.1', 80), 1)\n"
        "except OSError as error:\n    print('blocked by the test' in str(error))\n"
        "if sys.platform == 'linux':\n"
        "    lines = dict(x.split(':') for x in open('/proc/self/status'))\n"
        "    print(*[int(lines[x].split()[0]) / 1e6 for x in ('VmHWM', 'RssFile')])\n"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    start = time.perf_counter()
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=where).execute()
    seconds = time.perf_counter() - start
    blocked, *memory = notebook.cells[-1].outputs[0].text.split()
    assert blocked == "True"
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    if any("ImageEncoder(" in cell.source for cell in notebook.cells):  # needs weights
        assert "offline checkpoint" in said and "could not be reached" in said
    with capsys.disabled():
        print(f"\n{path.name}: cold and offline in {seconds:.0f} s", end="")
        if memory:
            # How much of the libraries' files is mapped depends on the system's page cache, which
            # shares these pages between programs and can take them back: the rest is the kernel's.
            peak, files = map(float, memory)
            print(f", kernel at most {peak:.2f} GB, of which {files:.2f} GB are mapped libraries")
        else:
            print()
    if memory:
        assert peak - files < 1.15 and peak < 1.9  # Binder stops a session at 2 GB
