"""The pack for a class without internet, and the fresh start; and what instructors are told."""

import os
import re
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest

from course_utils import classroom, weights
from course_utils.audio import RECIPES, AudioEncoder
from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog
from course_utils.classroom import PackError, main, pack, reset
from course_utils.encoders import ImageEncoder
from course_utils.video import VideoEncoder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def small(monkeypatch):
    """Packs of one small package instead of all."""
    fetch = partial(classroom._fetch_wheels, packages=["tqdm>=4.66,<5"])
    monkeypatch.setattr(classroom, "_fetch_wheels", fetch)


@pytest.fixture
def unreachable(monkeypatch):
    def fail(network):
        raise weights.WeightsError("the official weights could not be reached: no network")

    monkeypatch.setattr(weights, "official_path", fail)


def or_skip(function, *arguments):
    """Call what needs the internet; skip the test where there is none."""
    try:
        return function(*arguments)
    except PackError:
        try:
            socket.getaddrinfo("www.python.org", 443)
        except OSError as error:
            pytest.skip(f"no internet: {error}")
        raise


def test_a_pack_installs_without_any_network(small, unreachable, tmp_path, capsys):
    folder = tmp_path / "course pack"
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    mine = classroom._this_system()
    or_skip(pack, folder, [mine, "windows"] if mine != "windows" else ["windows"], python)
    said = capsys.readouterr().out
    assert "learners use the course's own checkpoint" in said and f"Python {python}" in said
    assert not (folder / "weights").exists()
    for name in ("README.md", "notebooks/01_image_embeddings.ipynb", "course_utils/search.py",
                 "data/catalog.csv", "data/weights/resnet18-course.safetensors"):  # fmt: skip
        assert (folder / "course" / name).read_bytes() == (ROOT / name).read_bytes()
    assert not (folder / "course" / ".git").exists() and not (folder / "course" / ".venv").exists()
    windows = {path.name.split("-")[0] for path in (folder / "wheels/windows").glob("*.whl")}
    assert {"tqdm", "colorama"} <= windows  # only Windows needs colorama

    start = (folder / "START.md").read_text(encoding="utf-8")
    assert "## Windows" in start and f"Python {python}" in start
    install = next(line for line in start.splitlines() if f"wheels/{mine}/packages" in line)
    subprocess.run([sys.executable, "-m", "venv", folder / "course/.venv"], check=True)
    closed = "http://127.0.0.1:9"  # nothing answers there
    done = subprocess.run(
        install.split(), cwd=folder, check=False, capture_output=True, text=True,
        env={"HTTPS_PROXY": closed, "HTTP_PROXY": closed, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    program = [folder / "course/.venv/bin/python", "-c", "import tqdm; print(tqdm.__file__)"]
    said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    assert said.startswith(str(folder))


def test_official_weights_come_along(monkeypatch, tmp_path):
    for network in ("resnet18", "r3d_18"):
        (tmp_path / f"{network}.pth").write_bytes(network.encode())
    monkeypatch.setattr(weights, "official_path", lambda network: tmp_path / f"{network}.pth")
    monkeypatch.setattr(classroom, "_fetch_wheels", lambda *_: None)
    monkeypatch.setattr(classroom, "_copy_project", lambda _: None)
    pack(tmp_path / "pack", ["linux", "windows", "macos"], "3.12")
    assert (tmp_path / "pack/weights/r3d_18.pth").read_bytes() == b"r3d_18"
    start = (tmp_path / "pack/START.md").read_text(encoding="utf-8")
    assert start.count('COURSE_WEIGHTS_DIR="$PWD/weights"') == 2
    assert r"COURSE_WEIGHTS_DIR=%CD%\weights&&" in start
    assert start.count("3.12 -m venv") == 3 and "{" not in start


def test_what_cannot_be_packed_is_said(monkeypatch, tmp_path, capsys):
    with pytest.raises(PackError, match="in the project itself"):
        pack(ROOT / "data" / "pack")
    with pytest.raises(PackError, match="No system is called amiga"):
        pack(tmp_path, ["amiga"])
    with pytest.raises(SystemExit):
        main(["pack", str(tmp_path), "--for", "amiga"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["pack", str(tmp_path / "pack")]) == 1
    assert "pip install uv" in capsys.readouterr().out
    assert not (tmp_path / "pack").exists()


def test_a_failed_download_is_one_sentence(tmp_path, monkeypatch):
    fetch = partial(classroom._fetch_wheels, packages=["no-such-package-in-the-world==1"])
    with pytest.raises(PackError, match="Could not resolve the packages for windows .*internet"):
        fetch(tmp_path, "windows", "3.12")


def test_after_warming_up_nothing_is_left_to_compute(tmp_path, monkeypatch, capsys):
    """The command that Binder runs, on a few of the media."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    everything = Catalog.load()
    few = Catalog(everything.select(kind=kind)[0] for kind in ("image", "video", "audio"))
    monkeypatch.setattr(Catalog, "load", lambda: few)
    assert main(["warm"]) == 0
    said = capsys.readouterr().out
    assert "3 files are computed" in said and "offline checkpoint" in said
    image, video = EmbeddingCache(ImageEncoder()), EmbeddingCache(VideoEncoder())
    image.encode(few[:1])
    video.encode(few[1:2])
    sounds = [EmbeddingCache(AudioEncoder(recipe)) for recipe in RECIPES]
    for sound in sounds:
        sound.encode(few[2:])
    assert [cache.computed for cache in (image, video, *sounds)] == [0] * (2 + len(RECIPES))
    assert "course_utils.classroom warm" in (ROOT / "postBuild").read_text(encoding="utf-8")
    assert os.access(ROOT / "postBuild", os.X_OK) or os.name == "nt"


def test_reset_forgets_what_the_course_kept_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    reset()
    assert "Nothing is kept" in capsys.readouterr().out
    (tmp_path / "course_embeddings" / "ab").mkdir(parents=True)
    (tmp_path / "course_embeddings" / "ab" / "x.vectors").write_bytes(b"1")
    (tmp_path / "vectors.db").mkdir()
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["reset"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert capsys.readouterr().out.count("removed") == 2


def test_reset_says_what_is_in_the_way(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    (tmp_path / "vectors.db").mkdir()

    def locked(path):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(classroom.shutil, "rmtree", locked)
    assert main(["reset"]) == 1
    assert "shut down all kernels first" in capsys.readouterr().out


# ---- notebooks/INSTRUCTORS.md ----


def test_instructors_find_every_exercise_with_its_mistakes():
    text = (ROOT / "notebooks" / "INSTRUCTORS.md").read_text(encoding="utf-8")
    for number, path in enumerate(sorted((ROOT / "notebooks").glob("*.ipynb")), 1):
        cells = nbformat.read(path, as_version=4).cells
        source = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        titles = re.findall(r"^### Exercise (\d): (.+)$", source, re.M)
        section = text.split(f"### Notebook {number}\n")[1].split("\n#")[0]
        told = re.findall(r"^\| (\d)\. (.+?) \| .+? \| .+ \|$", section, re.M)
        assert [(n, title.lower()) for n, title in told] == [
            (n, title.lower()) for n, title in titles
        ]


def test_the_minutes_of_the_plans_are_the_notebooks():
    """A plan names parts and their minutes; they are added up from the notebooks' own tables."""
    text = (ROOT / "notebooks" / "INSTRUCTORS.md").read_text(encoding="utf-8")
    minutes = {}
    for number, path in enumerate(sorted((ROOT / "notebooks").glob("*.ipynb")), 1):
        first = nbformat.read(path, as_version=4).cells[0].source
        for part, length in re.findall(r"^\| (\d+)\. .+? \| (\d+) \|$", first, re.M):
            minutes[number, int(part)] = int(length)
    checked = 0
    for notebook, parts, told in re.findall(
        r"notebook (\d), parts? ([\d, and to]+?) \((\d+)\)", text
    ):
        if span := re.fullmatch(r"(\d+) to (\d+)", parts):
            chosen = range(int(span[1]), int(span[2]) + 1)
        else:
            chosen = map(int, re.findall(r"\d+", parts))
        assert sum(minutes[int(notebook), part] for part in chosen) == int(told), (notebook, parts)
        checked += 1
    assert checked >= 6
