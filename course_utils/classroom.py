"""For instructors: a pack for a class without internet, a fresh start, notes for the slides.

python -m course_utils.classroom pack FOLDER --for windows --for macos
python -m course_utils.classroom warm     computes the embeddings of the course's media
python -m course_utils.classroom reset    forgets kept embeddings and the database
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_markdown_cell

from course_utils.session import DATA, cache_folder

ROOT = DATA.parent
SYSTEMS = {  # name: (what uv resolves for, which wheels pip may take)
    "windows": ("x86_64-pc-windows-msvc", ["win_amd64"]),
    "macos": ("aarch64-apple-darwin", [f"macosx_{n}_0_arm64" for n in range(11, 16)]),
    "linux": (
        "x86_64-manylinux_2_28",
        ["manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in (17, 24, 26, 27, 28))],
    ),
}
START = """# The course, without internet

You need Python {python}: ask your instructor for the installer
([python.org](https://www.python.org/downloads/)). Copy this whole folder to your computer, open a
terminal in it, and type the three lines for your system. The last one opens the course; next time
it is all you need.
"""


class PackError(RuntimeError):
    """The pack cannot be made; the message says why and what to do."""


def pack(folder: str | Path, systems: Sequence[str] = (), python: str = "") -> None:
    """Gather the project, official weights, packages for each system and START.md in one folder.

    Args:
        folder: where to; it is made if it is not there.
        systems: `windows`, `macos` (Apple silicon), `linux` (x86-64); without any, this computer's.
        python: the learners' Python version, such as `3.12`; empty takes the one that runs this.

    Raises:
        PackError: the project's folder is not here, a program is missing or a download failed.
    """
    folder = Path(folder).absolute()
    if not (ROOT / "pyproject.toml").is_file() or folder.is_relative_to(ROOT):
        raise PackError(
            f"Run this in the whole project, not an installed package ({str(ROOT)!r}), and name a "
            f"folder outside of it, not {str(folder)!r}."
        )
    here = {"Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")
    python, systems = python or "{}.{}".format(*sys.version_info), list(systems) or [here]
    for system in systems:
        _fetch_wheels(folder / "wheels" / system, system, python)
    _copy_weights(folder / "weights")
    _copy_project(folder / "course")
    start = START.format(python=python) + "".join(_commands(x, python) for x in systems)
    (folder / "START.md").write_text(start, encoding="utf-8")
    print(f"{folder}: for {', '.join(systems)}, Python {python}. See START.md.")


def _commands(system: str, python: str) -> str:
    """Return what learners type: make an environment, fill it from the pack, open the course."""
    wheels = f"--find-links wheels/{system} -r wheels/{system}/packages.txt"
    lines = [
        f"python{python} -m venv course/.venv",
        f"course/.venv/bin/python -m pip install --no-index {wheels}",
        "course/.venv/bin/jupyter lab course/notebooks/01_image_embeddings.ipynb",
    ]
    if system == "windows":
        lines = [line.replace("/bin", "/Scripts").replace("/", "\\") for line in lines]
        lines[0] = lines[0].replace("python", "py -", 1)
        lines[2] = rf'cmd /C "set COURSE_WEIGHTS_DIR=%CD%\weights&& {lines[2]}"'
    else:
        lines[2] = f'COURSE_WEIGHTS_DIR="$PWD/weights" {lines[2]}'
    return "\n".join([f"\n## {system}\n", "```", *lines, "```", ""])


def _copy_project(target: Path) -> None:
    """Copy what git keeps, as it is now; without git or a repository, all but what is made anew."""
    listed = ""
    if shutil.which("git"):
        git = ["git", "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(git, capture_output=True, text=True).stdout
    tracked = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    for name in tracked:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    if not tracked:
        left_out = shutil.ignore_patterns(".*", "__pycache__", "uv.lock")
        shutil.copytree(ROOT, target, ignore=left_out, dirs_exist_ok=True)


def _copy_weights(target: Path) -> None:
    """Copy the official weights, fetched if need be, or else the course's own."""
    from course_utils.weights import WeightsError, official_path

    try:
        found = [official_path(network) for network in ("resnet18", "r3d_18")]
    except WeightsError as error:
        print(f"learners use the course's own checkpoint ({error})")
        found = (DATA / "weights").glob("*.safetensors")
    target.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copy2(path, target)


def _fetch_wheels(target: Path, system: str, python: str) -> None:
    """Resolve the project's packages for a system and fetch their wheels."""
    resolved_for, tags = SYSTEMS[system]
    listed = str(target / "packages.txt")
    compiling = "uv pip compile pyproject.toml --quiet --no-header --no-annotate".split()
    compiling += ["--output-file", listed, "--python-platform", resolved_for]
    fetching = "uvx pip download --quiet --no-deps --only-binary :all: --implementation cp".split()
    fetching += [f"--platform={tag}" for tag in tags] + ["-r", listed, "--dest", str(target)]
    if not shutil.which("uvx"):  # which comes with uv
        raise PackError("The program uv is missing; run `pip install uv`.")
    target.mkdir(parents=True, exist_ok=True)
    for command in (compiling, fetching):
        command += ["--python-version", python]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            said = f"Could not fetch the packages for {system}; see whether there is internet and "
            raise PackError(f"{said}room. {done.stderr.strip()[-300:]}")


def warm() -> None:
    """Compute the embeddings of the course's media and keep them, so that no class waits for them.

    Raises:
        WeightsError: no usable weights (see `course_utils.weights`).
    """
    from course_utils.audio import RECIPES, AudioEncoder
    from course_utils.cache import EmbeddingCache
    from course_utils.catalog import Catalog
    from course_utils.encoders import ImageEncoder, VideoEncoder
    from course_utils.unified import UnifiedSearch

    everything, image = Catalog.load(), ImageEncoder()
    UnifiedSearch([image, VideoEncoder(), AudioEncoder("gated")]).add(everything)
    for recipe in RECIPES:
        EmbeddingCache(AudioEncoder(recipe)).encode(everything.select(kind="audio"))
    print(f"{len(everything)} files are computed and kept in {cache_folder()}.")
    print(f"ResNet-18: {image.weights.note}")


def reset() -> None:
    """Forget the embeddings and the database in a file that the course has kept on this computer.

    Raises:
        PackError: something is in use, or may not be removed.
    """
    kept = ("course_embeddings", "vectors.db", "vectors.db.holder")
    for path in filter(Path.exists, (cache_folder() / name for name in kept)):
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise PackError(f"{error}: shut down all kernels first.") from None
        print(f"removed {path}")
    print(f"Nothing is kept in {cache_folder()}.")


class AddNotes(Preprocessor):
    """Put the speaker notes of INSTRUCTORS.md into the slides that nbconvert makes of a notebook.

    There a notebook has a section `## Notebook 1`, and in it each of its parts one that is called
    as the part is: `### 3. Compare`. The text goes to the slide that begins with `## 3. Compare`.
    """

    instructors = ROOT / "notebooks" / "INSTRUCTORS.md"

    def preprocess(self, nb, resources):
        """Return the notebook with a cell of notes behind the heading of each part."""
        number = re.match(r"0*(\d*)", resources["metadata"]["name"])[1]
        text = self.instructors.read_text(encoding="utf-8") + "\n## "
        chapter = re.search(rf"^## Notebook {number}\n(.*?)^## ", text, re.M | re.S)
        notes = re.split(r"^### (\d+)\. .*\n", chapter[1] if chapter else "", flags=re.M)
        notes = dict(zip(notes[1::2], notes[2::2], strict=True))
        cells, nb.cells = nb.cells, []
        for cell in cells:
            nb.cells.append(cell)
            heading = re.search(r"^## (\d+)\. ", cell.source, re.M)
            if cell.cell_type == "markdown" and heading and heading[1] in notes:
                metadata = {"slideshow": {"slide_type": "notes"}}
                note = notes.pop(heading[1]).strip()
                nb.cells.append(new_markdown_cell(note, metadata=metadata))
        return nb, resources


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after saying what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.classroom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("folder")
    packing.add_argument("--for", dest="systems", action="append", default=[], choices=SYSTEMS)
    packing.add_argument("--python", default="", help="the learners' Python, such as 3.12")
    commands.add_parser("warm")
    commands.add_parser("reset")
    options = vars(parser.parse_args(arguments))
    try:
        {"pack": pack, "warm": warm, "reset": reset}[options.pop("command")](**options)
    except (RuntimeError, FileNotFoundError) as error:  # FileNotFoundError: no catalog
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
