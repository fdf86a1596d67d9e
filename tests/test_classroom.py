"""For instructors: the computer's check, the pack, the fresh start, and notes in the slides."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils import check, classroom, weights
from course_utils.audio import RECIPES, AudioEncoder
from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog, Item
from course_utils.classroom import AddNotes, PackError, main, pack
from course_utils.media import MediaError

ROOT = Path(__file__).resolve().parents[1]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SMALL = '[project]\nname = "small"\nversion = "1"\ndependencies = ["tqdm>=4.66,<5"]\n'


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# ---- check ----


def test_the_check_finds_this_machine_ready(capsys):
    assert check.main() == 0
    said = capsys.readouterr().out.splitlines()
    assert [line[:6] for line in said[:-1]] == ["[ OK ]"] * 5 and said[-1] == "Ready."
    assert f"all {len(Catalog.load())} files of the course can be decoded" in said[2]


def test_the_check_names_what_is_missing(tmp_path, monkeypatch):
    """A copy of the package without the media beside it, as from a wheel."""
    shutil.copytree(ROOT / "course_utils", tmp_path / "course_utils")
    done = run(sys.executable, "-m", "course_utils.check", cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    for words in ("media: .*is the whole project folder here", "weights: .*fetch it again"):
        assert re.search(rf"\[FAIL\] {words}", done.stdout)
    monkeypatch.setattr(check, "NEEDED", "sys no_such_package")
    with pytest.raises(RuntimeError, match="no_such_package: .*run `uv sync`"):
        check.packages()
    monkeypatch.setattr(check, "DISK_GB", 1e9)
    with pytest.raises(RuntimeError, match="free; make room for"):
        check.room()
    done = run(sys.executable, "-m", "course_utils.classroom", "pack", "here", cwd=tmp_path)
    assert done.returncode == 1 and "Run this in the whole project" in done.stdout
    (tmp_path / "pen.jpg").write_bytes(b"no picture")
    catalog = Catalog([Item(tmp_path / "pen.jpg")])
    monkeypatch.setattr(Catalog, "load", lambda: catalog)
    with pytest.raises(MediaError, match=r"pen\.jpg"):
        check.media()


# ---- pack ----


def test_a_pack_installs_without_any_network(tmp_path, monkeypatch, capsys):
    """Of a small project that needs one package."""

    def unreachable(network):
        raise weights.WeightsError("the official weights could not be reached: no network")

    project, folder = tmp_path / "project", tmp_path / "course pack"
    (project / ".venv").mkdir(parents=True)
    (project / "pyproject.toml").write_text(SMALL)
    monkeypatch.setattr(classroom, "ROOT", project)
    monkeypatch.setattr(weights, "official_path", unreachable)
    try:
        pack(folder, ["linux", "windows"])
    except PackError as error:
        try:
            socket.getaddrinfo("www.python.org", 443)
        except OSError:
            pytest.skip(f"no internet: {error}")
        raise
    said = capsys.readouterr().out
    assert "learners use the course's own checkpoint" in said and f"Python {PYTHON}" in said
    assert len(list((folder / "weights").iterdir())) == 2
    assert not (folder / "course/.venv").exists()
    windows = {path.name.split("-")[0] for path in (folder / "wheels/windows").glob("*.whl")}
    assert {"tqdm", "colorama"} <= windows  # only Windows needs colorama
    start = (folder / "START.md").read_text(encoding="utf-8")
    assert "## windows" in start and f"Python {PYTHON}" in start
    install = next(line for line in start.splitlines() if "wheels/linux/packages" in line)
    subprocess.run([sys.executable, "-m", "venv", folder / "course/.venv"], check=True)
    closed = "http://127.0.0.1:9"  # nothing answers there
    network = {"HTTPS_PROXY": closed, "HTTP_PROXY": closed, "PATH": "/usr/bin:/bin"}
    done = run(*install.split(), cwd=folder, env=network)
    assert done.returncode == 0, done.stderr
    program = [folder / "course/.venv/bin/python", "-c", "import tqdm; print(tqdm.__file__)"]
    assert run(*program).stdout.startswith(str(folder))


@pytest.mark.parametrize("git", ["there", "not there"])  # as where the project came as a ZIP
def test_the_project_and_official_weights_come_along(monkeypatch, tmp_path, git):
    if git == "not there":
        monkeypatch.setattr(classroom.shutil, "which", lambda program: None)
    for network in ("resnet18", "r3d_18"):
        (tmp_path / f"{network}.pth").write_bytes(network.encode())
    monkeypatch.setattr(weights, "official_path", lambda network: tmp_path / f"{network}.pth")
    monkeypatch.setattr(classroom, "_fetch_wheels", lambda *_: None)
    pack(tmp_path / "pack", ["linux", "windows", "macos"], "3.12")
    assert (tmp_path / "pack/weights/r3d_18.pth").read_bytes() == b"r3d_18"
    start = (tmp_path / "pack/START.md").read_text(encoding="utf-8")
    assert start.count('COURSE_WEIGHTS_DIR="$PWD/weights"') == 2
    assert r"set COURSE_WEIGHTS_DIR=%CD%\weights&& course\.venv\Scripts\jupyter lab" in start
    assert start.count("3.12 -m venv") == 3 and "{" not in start
    for name in ("README.md", "data/catalog.csv", "data/weights/r3d_18-course.safetensors",
                 "course_utils/recorder.js", "notebooks/01_image_embeddings.ipynb"):  # fmt: skip
        assert (tmp_path / "pack/course" / name).read_bytes() == (ROOT / name).read_bytes()
    assert not (tmp_path / "pack/course/.git").exists()


def test_a_file_of_the_project_that_was_deleted_is_left_out(monkeypatch, tmp_path):
    listed = subprocess.CompletedProcess([], 0, "README.md\0gone.md\0")
    monkeypatch.setattr(classroom.subprocess, "run", lambda *_, **__: listed)
    monkeypatch.setattr(classroom.shutil, "which", lambda program: program)
    classroom._copy_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_what_cannot_be_packed_is_said(monkeypatch, tmp_path, capsys):
    with pytest.raises(PackError, match="name a folder outside of it"):
        pack(ROOT / "data" / "pack")
    with pytest.raises(SystemExit):
        main(["pack", str(tmp_path), "--for", "amiga"])
    monkeypatch.setattr(classroom, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text(SMALL.replace("tqdm", "no such package"))
    with pytest.raises(PackError, match="Could not fetch the packages for windows.*internet"):
        classroom._fetch_wheels(tmp_path / "wheels", "windows", "3.12")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert main(["pack", str(tmp_path.parent / "pack")]) == 1
    assert "pip install uv" in capsys.readouterr().out
    assert not (tmp_path.parent / "pack").exists()


# ---- warm and reset ----


def test_after_warming_up_nothing_is_left_to_compute(
    tmp_path, monkeypatch, capsys, catalog, image_encoder, video_encoder
):
    """The command that Binder runs, on a few of the media."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    few = Catalog(catalog.select(kind=kind)[0] for kind in ("image", "video", "audio"))
    monkeypatch.setattr(Catalog, "load", lambda: few)
    assert main(["warm"]) == 0
    said = capsys.readouterr().out
    assert "3 files are computed" in said and "offline checkpoint" in said
    caches = [EmbeddingCache(image_encoder), EmbeddingCache(video_encoder)]
    caches += [EmbeddingCache(AudioEncoder(recipe)) for recipe in RECIPES]
    for position, cache in enumerate(caches):
        cache.encode(few.paths[min(position, 2) :][:1])
    assert [cache.computed for cache in caches] == [0] * len(caches)
    assert "course_utils.classroom warm" in (ROOT / "postBuild").read_text(encoding="utf-8")
    assert os.access(ROOT / "postBuild", os.X_OK) or os.name == "nt"


def test_reset_forgets_what_the_course_kept_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    (tmp_path / "course_embeddings" / "ab").mkdir(parents=True)
    (tmp_path / "vectors.db").mkdir()
    (tmp_path / "thesis.txt").write_text("mine")

    def locked(path):
        raise PermissionError(13, "in use")

    with monkeypatch.context() as patch:
        patch.setattr(classroom.shutil, "rmtree", locked)
        assert main(["reset"]) == 1
    assert "shut down all kernels first" in capsys.readouterr().out
    assert main(["reset"]) == main(["reset"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert capsys.readouterr().out.count("removed") == 2


# ---- notes ----


def test_notes_stand_behind_the_headings_of_their_parts(tmp_path):
    text = (
        "# All\n## Notebook 1\n### 1. Look\n5 minutes.\n\nAsk.\n### 2. Think\nTen.\n### 9. No\nx\n"
    )
    (tmp_path / "INSTRUCTORS.md").write_text(text + "## Notebook 11\n### 1. Look\nother\n## End\n")
    cells = [nbformat.v4.new_markdown_cell(x) for x in ("# Title", "## 1. Look", "text")]
    cells += [nbformat.v4.new_code_cell("## 2. Think"), nbformat.v4.new_markdown_cell("## 2. Now")]
    adding = AddNotes()
    adding.instructors = tmp_path / "INSTRUCTORS.md"
    for name, notes in (("01_image_embeddings", ["5 minutes.\n\nAsk.", "Ten."]), ("mine", [])):
        notebook = nbformat.v4.new_notebook(cells=list(cells))
        found, _ = adding.preprocess(notebook, {"metadata": {"name": name}})
        added = [i for i, cell in enumerate(found.cells) if "slideshow" in cell.metadata]
        assert [found.cells[i].source for i in added] == notes
        assert len(found.cells) == 5 + len(notes) and added == [2, 6][: len(notes)]
