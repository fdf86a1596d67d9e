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

# Each room may import the rooms named here, and no others.
MAY_IMPORT = {
    "media": set(),
    "session": set(),
    "search": set(),
    "exercises": set(),
    "catalog": {"media"},
    "weights": {"catalog"},
    "encoders": {"media", "session", "weights"},
    "video": {"encoders", "media", "weights"},
    "audio": {"media", "search", "session"},
    "cache": {"media", "session"},
    "cluster": {"media", "session"},
    "spaces": {"search"},
    "lite": {"spaces"},
    "store": {"cache", "lite", "spaces"},
    "answers": {"catalog", "evidence", "search"},
    "unified": {"answers", "cache", "catalog", "evidence", "media", "search", "spaces"},
    "explain": {"search"},
    "evidence": {"search"},
    "plots": {"media", "session"},
    "charts": {"plots"},
    "hear": {"audio", "media", "plots", "session"},
    "watch": {"media", "plots", "session"},
    "cards": {"catalog", "hear", "media", "plots", "session", "watch"},
    "sheets": {"plots"},
    "uploads": {"media"},
    "gallery": {"cards", "catalog", "evidence", "media", "plots", "search", "sheets", "uploads"},
    "compare": {"cards", "catalog", "plots", "search", "sheets"},
    "searchbox": {"answers", "cards", "catalog", "evidence", "media", "plots", "sheets", "spaces"}
    | {"unified", "uploads"},
    "check": {"catalog", "encoders", "media", "store"},
    "classroom": {"audio", "cache", "catalog", "encoders", "unified", "video", "weights"},
}


def files(room: str) -> list[Path]:
    """A room is a module, or a package of a few."""
    package = ROOT / "course_utils"
    return [package / f"{room}.py"] if room != "media" else sorted((package / room).glob("*.py"))


def imports(room: str) -> set[str]:
    found = set()
    for file in files(room):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module == "course_utils":
                    found |= {alias.name for alias in node.names}
                elif node.module.startswith("course_utils."):
                    found.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                found |= {
                    alias.name.split(".")[1]
                    for alias in node.names
                    if alias.name.startswith("course_utils.")
                }
    return found - {room}


def test_every_room_is_in_the_plan():
    package = ROOT / "course_utils"
    rooms = {path.stem for path in package.glob("*.py")} - {"__init__"}
    rooms |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room):
    assert imports(room) <= MAY_IMPORT[room]


def test_there_are_no_import_circles():
    done = set()
    while len(done) < len(MAY_IMPORT):
        free = {room for room, below in MAY_IMPORT.items() if below <= done} - done
        assert free, f"a circle among {set(MAY_IMPORT) - done}"
        done |= free


def test_importing_the_package_loads_no_torch():
    code = "import sys, course_utils; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def split(requirement: str) -> tuple[str, set[str]]:
    name, versions = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
    return name, set(versions.split(","))


def test_environment_yml_has_the_same_versions():
    conda_names = {"torch": "pytorch-cpu", "opencv-python": "opencv", "soundfile": "pysoundfile"}
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
        if path.suffix in {".py", ".md", ".ipynb", ".toml", ".yml", ".csv", ".css", ".cfg"}:
            if path != Path(__file__):
                hit = forbidden.search(path.read_text(encoding="utf-8"))
                assert not hit, f"{path.relative_to(ROOT)}: {hit and hit.group()}"


def test_the_media_stay_small():
    sizes = sum(path.stat().st_size for path in tracked_files() if "data" in path.parts)
    assert sizes < 80e6  # 56 of them are the two networks


def rows() -> list[dict]:
    with (ROOT / "data" / "catalog.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_medium_is_catalogued_and_every_row_is_complete():
    for kind, folder in (("image", "images"), ("video", "videos"), ("audio", "audio")):
        media = {
            path.relative_to(ROOT / "data").as_posix()
            for path in (ROOT / "data" / folder).rglob("*")
            if path.is_file() and path.parent.name != "posters"
        }
        assert media == {row["path"] for row in rows() if row["kind"] == kind}
    for row in rows():
        for column in ("label", "role", "source", "caption", "alt", "license", "made"):
            assert row[column].strip(), f"{row['path']} has no {column}"
        assert row["license"] == "CC-BY-4.0"
        assert len(row["caption"]) <= 48
        assert row["alt"].endswith(".") and len(row["alt"]) > 30


def test_the_collection_is_what_the_case_study_needs():
    items = [row for row in rows() if row["kind"] == "image" and row["role"] == "item"]
    labels = [row["label"] for row in items]
    assert len(items) >= 100 and len(set(labels)) >= 8
    assert labels.count("pen") >= 14 and labels.count("cup") >= 14
    for label in ("pen", "cup"):
        mine = [row for row in items if row["label"] == label]
        assert len({row["source"] for row in mine}) >= 10
        assert len({row["setting"] for row in mine}) >= 3
        assert any("hard" in row["tags"].split(";") for row in mine)


def test_the_voices_are_what_the_case_study_needs():
    """Each voice says "Life is beautiful." and another one, each through two microphones."""
    voices = [row for row in rows() if row["label"] in ("female voice", "male voice")]
    for label in ("female voice", "male voice"):
        sources = {row["source"] for row in voices if row["label"] == label}
        assert len(sources) >= 13
        for source in sources:
            for setting in ("studio", "room"):
                said = [
                    row["caption"] for row in voices
                    if row["source"] == source and row["setting"] == setting
                    and "whisper" not in row["tags"]
                ]  # fmt: skip
                assert len(said) == len(set(said)) == 2 and "Life is beautiful." in said
    assert (
        sum(
            (ROOT / "data" / row["path"]).stat().st_size for row in rows() if row["kind"] == "audio"
        )
        < 6e6
    )


def test_the_films_are_what_the_case_study_needs():
    import av

    films = [row for row in rows() if row["kind"] == "video"]
    assert len(films) >= 36
    items = [row for row in films if row["role"] == "item"]
    for label in ("children playing", "water"):
        mine = [row for row in items if row["label"] == label]
        assert len({row["source"] for row in mine}) == len(mine) >= 12
        assert len({row["setting"] for row in mine}) >= 6
        assert any("hard" in row["tags"].split(";") for row in mine)
    assert sum(row["role"] == "both" for row in films) >= 1
    folder = ROOT / "data" / "videos"
    assert {path.stem for path in folder.glob("posters/*.jpg")} == {
        x.stem for x in folder.glob("*.mp4")
    }
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 20e6
    for row in films:
        path = ROOT / "data" / row["path"]
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
    films = {Path(row["path"]).stem: row for row in rows() if row["kind"] == "video"}
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
    items = [row for row in rows() if row["role"] == "item" and row["label"] in ("pen", "cup")]
    right = 0
    for setting in {row["setting"] for row in items}:
        labels = [row["label"] for row in items if row["setting"] == setting]
        right += max(labels.count("pen"), labels.count("cup"))
    assert right / len(items) < 0.7


def test_every_control_belongs_to_an_item():
    names = {Path(row["path"]).stem for row in rows() if row["role"] == "item"}
    controls = [row for row in rows() if row["role"] == "control"]
    assert controls
    assert {Path(row["path"]).stem for row in controls} <= names


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
