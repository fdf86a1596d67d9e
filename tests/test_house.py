"""The rules of the house: who may import whom, pins, licences, and what no file may hold."""

import ast
import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# From the ground up: a room imports only rooms of the floors below its own.
FLOORS = (
    {"session", "media", "search", "vision"},
    {"catalog", "weights", "cache"},
    {"encoders", "audio", "evaluation"},
    {"store", "unified", "figures", "players"},
    {"recorder", "boxes", "exercises"},
    {"check", "classroom", "cluster"},
)
# Within a floor: who stands on whom.
BESIDE = {"unified": {"store"}, "players": {"figures"}, "boxes": {"recorder"}}
# The interface never pulls in models.
INTERFACE, MODELS = {"figures", "players", "boxes", "recorder"}, {"encoders", "audio", "weights"}
PACKAGE = ROOT / "course_utils"
ROOMS = set().union(*FLOORS)
# On the way to 4,000 and 5,500: these numbers may only become smaller.
MOST_LINES, MOST_TEST_LINES = 5_296, 6_542


def tree_of(room: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{room}.py").read_text(encoding="utf-8"))


def texts_of(paths) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def lines_of(paths) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def imports(room: str) -> set[str]:
    """Return the rooms that a room imports: the second part of each name, with its module's."""
    found = set()
    for node in ast.walk(tree_of(room)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = [node.module] if isinstance(node, ast.ImportFrom) else []
            names = [".".join([*module, alias.name]).split(".") for alias in node.names]
            found |= {name[1] for name in names if name[0] == "course_utils"}
    return found - {room}


def test_the_house_is_small():
    modules = list(PACKAGE.rglob("*.py"))
    assert {path.stem for path in modules} - {"__init__"} == ROOMS
    assert lines_of(modules) <= MOST_LINES
    assert lines_of([PACKAGE / "cards.css"]) <= 80
    assert lines_of([ROOT / "conftest.py", *(ROOT / "tests").glob("*.py")]) <= MOST_TEST_LINES


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_a_room_imports_only_rooms_below_it(floor):
    below = set().union(*FLOORS[:floor])
    for room in FLOORS[floor]:
        assert imports(room) <= below | BESIDE.get(room, set()), room
        assert room not in INTERFACE or not imports(room) & MODELS, room


def test_nothing_stays_that_nobody_uses():
    """A public name is used by a notebook, a command, a page, a script, or another room."""
    pages = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/**/*.json")]
    pages += [*ROOT.glob("*.md"), *ROOT.glob("notebooks/*.md"), *ROOT.glob("data/make/*.py")]
    outside = texts_of(pages)
    for room in ROOMS:
        others = texts_of(path for path in PACKAGE.glob("*.py") if path.stem != room)
        inside = (PACKAGE / f"{room}.py").read_text(encoding="utf-8")
        for node in tree_of(room).body:
            name = getattr(node, "name", "_")  # of a function or a class
            if name.startswith("_"):
                continue
            word = re.compile(rf"\b{name}\b")
            used = word.search(outside) or word.search(others)
            assert used or len(word.findall(inside)) > 1, f"{room}.{name}"


def test_introduced_in_a_notebook_is_true():
    for room in ROOMS:
        for node in ast.walk(tree_of(room)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                words = " ".join((ast.get_docstring(node) or "").split())
                for number in re.findall(r"Introduced in notebook (\d)", words):
                    page = texts_of((ROOT / "notebooks").glob(f"0{number}*.ipynb"))
                    assert re.search(rf"\b{node.name}\b", page), (room, node.name, number)


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, course_utils; sys.exit(not {'torch', 'numpy'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_torchvision_comes_without_the_compiler_until_it_is_asked():
    code = """if 1:
        import sys
        from course_utils.encoders import ImageEncoder
        import torch, torchvision
        ImageEncoder().encode(["data/images/pen-01.jpg"])
        assert not any(name.startswith("torch._dynamo") or name == "sympy" for name in sys.modules)
        ones, whole = torch.ones(1, 1, 8, 8), torch.tensor([[0.0, 0, 0, 8, 8]])
        assert (torchvision.ops.roi_align(ones, whole, 2) == 1).all()
        assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") in (True, False)
        assert "torch._dynamo" in sys.modules and torch.compile(lambda x: x)"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def split(requirement: str) -> tuple[str, set[str]]:
    name, versions = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
    return name, set(versions.split(","))


def test_environment_yml_has_the_same_versions():
    conda_names = {"torch": "pytorch-cpu", "opencv-python": "opencv"}
    wanted = dict(map(split, PYPROJECT["project"]["dependencies"]))
    wanted = {conda_names.get(name, name): versions for name, versions in wanted.items()}
    groups = dict(map(split, PYPROJECT["dependency-groups"]["dev"]))
    wanted |= {name: groups[name] for name in ("pytest", "nbval")}
    wanted["python"] = set(PYPROJECT["project"]["requires-python"].split(","))
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    found = [line for line in environment["dependencies"] if isinstance(line, str)]
    found += environment["dependencies"][-1]["pip"]  # what conda may not have
    found.remove("pip")
    assert dict(map(split, found)) == wanted


def test_every_pin_has_bounds_and_a_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    requirements = PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    requirements += PYPROJECT["dependency-groups"]["benchmark"]
    for extra in PYPROJECT["project"]["optional-dependencies"].values():
        requirements += extra
    for requirement in requirements:
        assert ">=" in requirement and "<" in requirement.replace(">=", "")
        (line,) = [line for line in lines if f'"{requirement}"' in line]
        assert "# " in line, f"no reason beside {requirement}"


def tracked_files() -> list[Path]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_file_names_a_private_path_or_a_lock_with_addresses():
    forbidden = re.compile(r"/(?:root|work|home)/\w|C:\\Users\\(?!me\b)|pythonhosted|pypi\.org/")
    for path in tracked_files():
        assert path.name not in {"uv.lock", "pylock.toml", "package-lock.json"}
        texts = {".py", ".md", ".ipynb", ".toml", ".yml", ".csv", ".css", ".cfg"}
        if path.suffix in texts and path != Path(__file__):
            assert not forbidden.search(path.read_text(encoding="utf-8")), path


def test_the_media_stay_small():
    sizes = sum(path.stat().st_size for path in tracked_files() if "data" in path.parts)
    assert sizes < 80e6  # 56 of them are the two networks


ROWS = list(csv.DictReader((ROOT / "data/catalog.csv").read_text(encoding="utf-8").splitlines()))
ITEMS = [row for row in ROWS if row["role"] == "item"]


def labelled(label: str, column: str) -> list[str]:
    return [row[column] for row in ITEMS if row["label"] == label]


def test_every_medium_is_catalogued_and_every_row_is_complete():
    files = [path for x in ("images", "videos", "audio") for path in (ROOT / "data" / x).rglob("*")]
    media = [path for path in files if path.is_file() and path.parent.name != "posters"]
    assert {x.relative_to(ROOT / "data").as_posix() for x in media} == {x["path"] for x in ROWS}
    for row in ROWS:
        for column in ("label", "role", "source", "caption", "alt", "license", "made"):
            assert row[column].strip(), f"{row['path']} has no {column}"
        assert row["license"] == "CC-BY-4.0" and len(row["caption"]) <= 48
        assert row["alt"].endswith(".") and len(row["alt"]) > 30


@pytest.mark.parametrize(
    ("label", "items", "sources", "settings"),
    [("pen", 14, 10, 3), ("cup", 14, 10, 3), ("children playing", 12, 12, 6), ("water", 12, 12, 6)],
)
def test_the_collection_is_what_the_case_studies_need(label, items, sources, settings):
    pictures = [row["label"] for row in ITEMS if row["kind"] == "image"]
    assert len(pictures) >= 100 and len(set(pictures)) >= 8
    assert len(labelled(label, "path")) >= items
    assert len(set(labelled(label, "source"))) >= sources
    assert len(set(labelled(label, "setting"))) >= settings
    assert any("hard" in tags.split(";") for tags in labelled(label, "tags"))


def test_the_voices_are_what_the_case_study_needs():
    """Each voice says "Life is beautiful." and another one, each through two microphones."""
    voices = [row for row in ROWS if row["label"] in ("female voice", "male voice")]
    said = {(row["label"], row["source"], row["setting"]): [] for row in voices}
    for row in voices:
        if "whisper" not in row["tags"]:
            said[row["label"], row["source"], row["setting"]].append(row["caption"])
    assert all(len(x) == len(set(x)) == 2 and "Life is beautiful." in x for x in said.values())
    for label in ("female voice", "male voice"):
        studio, room = ({x[1] for x in said if x[::2] == (label, y)} for y in ("studio", "room"))
        assert studio == room and len(studio) >= 13
    sounds = [ROOT / "data" / row["path"] for row in ROWS if row["kind"] == "audio"]
    assert sum(path.stat().st_size for path in sounds) < 6e6


def test_the_films_are_what_the_case_study_needs():
    import av

    films = [row for row in ROWS if row["kind"] == "video"]
    assert len(films) >= 36 and any(row["role"] == "both" for row in films)
    folder = ROOT / "data" / "videos"
    posters = {path.stem for path in folder.glob("posters/*.jpg")}
    assert posters == {path.stem for path in folder.glob("*.mp4")}
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 20e6
    for path in (ROOT / "data" / row["path"] for row in films):
        with av.open(str(path)) as film:
            picture, sound = film.streams.video[0], film.streams.audio[0]
            assert (picture.codec_context.name, picture.pix_fmt) == ("h264", "yuv420p")
            assert sound.codec_context.name == "aac"
            assert min(picture.width, picture.height) >= 224
            assert 2 <= picture.duration * picture.time_base <= 4
        head = path.read_bytes()
        assert head.index(b"moov") < head.index(b"mdat"), "does not start before it is loaded"


def test_motion_films_differ_from_their_original_in_motion_only():
    """Held and reversed films have their original's source, setting and soundtrack."""
    films = {Path(row["path"]).stem: row for row in ROWS if row["kind"] == "video"}
    kinds = [("still", "moving"), ("leftward", "rightward"), ("anticlockwise", "clockwise")]
    counts = dict.fromkeys(kinds, 0)
    for name, row in films.items():
        if row["role"] == "motion":
            original = films[name.rpartition("-")[0]]
            for column in ("label", "source", "setting", "license"):
                assert row[column] == original[column]
            mine, theirs = (set(x["tags"].split(";")) for x in (row, original))
            (pair,) = [(a, b) for a, b in kinds if a in mine and b in theirs]
            counts[pair] += 1
    assert counts["still", "moving"] >= 5 and counts["leftward", "rightward"] >= 5


def test_backgrounds_do_not_give_the_label_away():
    """Guessing pen or cup from the setting alone must be little better than tossing a coin."""
    tables = {label: labelled(label, "setting") for label in ("pen", "cup")}
    right = sum(
        max(x.count(table) for x in tables.values()) for table in set().union(*tables.values())
    )
    assert right / sum(map(len, tables.values())) < 0.7


def test_every_control_belongs_to_an_item():
    controls = {Path(row["path"]).stem for row in ROWS if row["role"] == "control"}
    assert controls and controls <= {Path(row["path"]).stem for row in ITEMS}


def test_every_address_of_the_project_is_the_one_in_pyproject():
    address = PYPROJECT["project"]["urls"]["Repository"]
    slug = address.removeprefix("https://github.com/")
    for name in ("README.md", "CITATION.cff"):
        text = (ROOT / name).read_text(encoding="utf-8")
        found = re.findall(
            r"(?:github\.com|mybinder\.org/v2/gh|colab\.research\.google\.com/github)/([\w-]+/[\w-]+)",
            text,
        )
        assert found and set(found) == {slug}, name


def test_every_link_to_a_file_of_the_project_leads_somewhere():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("notebooks/*.md"), *ROOT.glob("data/**/*.md")):
        links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        for link in links:
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
