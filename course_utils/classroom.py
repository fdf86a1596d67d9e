"""For instructors: a pack for a class without internet, and a fresh start.

python -m course_utils.classroom pack FOLDER --for windows --for macos
python -m course_utils.classroom reset
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

from course_utils.session import cache_folder

ROOT = Path(__file__).resolve().parents[1]
# What uv resolves for, and which wheels pip may take.
SYSTEMS = {
    "windows": ("x86_64-pc-windows-msvc", ("win_amd64",)),
    "macos": ("aarch64-apple-darwin", tuple(f"macosx_{n}_0_arm64" for n in range(11, 16))),
    "linux": (
        "x86_64-manylinux_2_28",
        ("manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in (17, 24, 26, 27, 28))),
    ),
}
START = """# The course, without internet

You need Python {python}: ask your instructor for the installer
([python.org](https://www.python.org/downloads/)). Copy this whole folder to your computer, open a
terminal in it, and type the three lines for your system. The last one opens the course; next time
it is all you need.

{commands}
"""
COMMANDS = {
    "windows": r"""## Windows

```
py -{python} -m venv course\.venv
course\.venv\Scripts\python -m pip install --no-index --find-links wheels\windows -r wheels\windows\packages.txt
cmd /C "set COURSE_WEIGHTS_DIR={windows_weights}&& course\.venv\Scripts\jupyter lab course\notebooks\01_image_embeddings.ipynb"
```
""",  # noqa: E501
    **{
        system: f"""## {title}

```
python{{python}} -m venv course/.venv
course/.venv/bin/python -m pip install --no-index --find-links wheels/{system} -r wheels/{system}/packages.txt
COURSE_WEIGHTS_DIR="{{weights}}" course/.venv/bin/jupyter lab course/notebooks/01_image_embeddings.ipynb
```
"""  # noqa: E501
        for system, title in (("macos", "macOS (Apple silicon)"), ("linux", "Linux"))
    },
}


class PackError(RuntimeError):
    """The pack cannot be made; the message says why and what to do."""


def pack(folder: str | Path, systems: Sequence[str] = (), python: str = "") -> None:
    """Gather everything that a class needs into one folder.

    The project itself, the official weights (if they are here or can be fetched), all packages for
    each system, and START.md with what learners type. What is there already is not fetched again.

    Args:
        folder: where to; it is made if it is not there.
        systems: `windows`, `macos` (Apple silicon), `linux` (x86-64); without any, this computer's.
        python: the learners' Python version, such as `3.12`; empty takes the one that runs this.

    Raises:
        PackError: a system is unknown, a program is missing or a download failed.
    """
    folder = Path(folder).absolute()
    if folder == ROOT or ROOT in folder.parents:
        raise PackError(f"{str(folder)!r} lies in the project itself; name a folder outside of it.")
    python = python or ".".join(platform.python_version_tuple()[:2])
    systems = list(systems) or [_this_system()]
    if unknown := set(systems) - set(SYSTEMS):
        raise PackError(
            f"No system is called {', '.join(unknown)}; choose of {', '.join(SYSTEMS)}."
        )
    for name in ("uv", "uvx"):
        if not shutil.which(name):
            raise PackError(f"The program {name} is missing; run `pip install uv`.")
    folder.mkdir(parents=True, exist_ok=True)
    _copy_project(folder / "course")
    with_weights = _copy_weights(folder / "weights")
    for system in systems:
        _fetch_wheels(folder / "wheels" / system, system, python)
    weights = {"weights": "$PWD/weights", "windows_weights": r"%CD%\weights"}
    if not with_weights:  # an empty name is none
        weights = dict.fromkeys(weights, "")
    commands = "\n".join(COMMANDS[name].format(python=python, **weights) for name in systems)
    (folder / "START.md").write_text(START.format(python=python, commands=commands), "utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e9:.1f} GB for {', '.join(systems)}, Python {python}. See START.md.")


def _this_system() -> str:
    return {"Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")


def _copy_project(target: Path) -> None:
    """Copy what belongs to the project: tracked files, or all but what is made anew."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
    else:
        left_out = shutil.ignore_patterns(".*", "__pycache__", "uv.lock")
        shutil.copytree(ROOT, target, ignore=left_out, dirs_exist_ok=True)
    print(f"course: {sum(path.is_file() for path in target.rglob('*'))} files")


def _copy_weights(target: Path) -> bool:
    """Copy the official weights, fetched if need be; without them the course uses its own."""
    from course_utils.weights import WeightsError, official_path

    target.mkdir(parents=True, exist_ok=True)
    try:
        for name in ("resnet18", "r3d_18"):
            shutil.copy2(official_path(name), target)
    except WeightsError as error:
        print(f"weights: none, so learners use the course's own checkpoint ({error})")
        shutil.rmtree(target)
        return False
    print("weights: official ones of ResNet-18 and R3D-18")
    return True


def _fetch_wheels(target: Path, system: str, python: str, packages: Sequence[str] = ()) -> None:
    """Resolve the project's packages for a system and fetch their wheels."""
    resolved_for, tags = SYSTEMS[system]
    target.mkdir(parents=True, exist_ok=True)
    listed = target / "packages.txt"
    compiling = ["uv", "pip", "compile", "-" if packages else "pyproject.toml", "--quiet"]
    compiling += ["--no-header", "--no-annotate", "--output-file", str(listed)]
    compiling += ["--python-platform", resolved_for, "--python-version", python]
    _run(compiling, f"resolve the packages for {system}", "\n".join(packages))
    fetching = ["uvx", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    fetching += ["--python-version", python, "--implementation", "cp"]
    fetching += [part for tag in tags for part in ("--platform", tag)]
    fetching += ["--requirement", str(listed), "--dest", str(target)]
    _run(fetching, f"fetch the packages for {system}")
    print(f"{system}: {len(list(target.glob('*.whl')))} packages")


def _run(command: list[str], action: str, text: str = "") -> None:
    done = subprocess.run(
        command, cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise PackError(f"Could not {action} ({last}); see whether there is internet and room.")


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

    everything = Catalog.load()
    search = UnifiedSearch([ImageEncoder(), VideoEncoder(), AudioEncoder("gated")])
    search.add(everything)
    sounds = everything.select(kind="audio")
    for recipe in RECIPES:
        EmbeddingCache(AudioEncoder(recipe)).encode(sounds)
    print(f"{len(everything)} files are computed and kept in {cache_folder()}.")
    print(f"ResNet-18: {search.encoders['image'].weights.note}")


def reset() -> None:
    """Forget what the course has kept on this computer: embeddings and the database in a file.

    Raises:
        PackError: something is in use, or may not be removed.
    """
    folder = cache_folder()
    names = ("course_embeddings", "vectors.db", "vectors.db.holder")
    found = [folder / name for name in names if (folder / name).exists()]
    if not found:
        print(f"Nothing is kept in {folder}.")
    for path in found:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise PackError(
                f"{str(path)!r} cannot be removed ({error.strerror}); shut down all kernels first."
            ) from None
        print(f"removed {path}")


class AddNotes(Preprocessor):
    """Put the speaker notes of INSTRUCTORS.md into the slides that nbconvert makes of a notebook.

    In that file a notebook has a section `## Notebook 1`, and in it each part of the notebook one
    that is called as the part is: `### 3. Compare`. Its text becomes the notes of the slide that
    begins with `## 3. Compare`. notebooks/templates/slides/conf.json puts this into use.
    """

    instructors = ROOT / "notebooks" / "INSTRUCTORS.md"

    def preprocess(self, nb, resources):
        """Return the notebook with a cell of notes behind the heading of each part."""
        number = re.match(r"\d*", resources["metadata"]["name"]).group().lstrip("0")
        notes = speaker_notes(self.instructors.read_text(encoding="utf-8"), number)
        cells = []
        for cell in nb.cells:
            cells.append(cell)
            heading = re.search(r"^## (\d+)\. ", cell.source, re.M)
            if cell.cell_type == "markdown" and heading and heading[1] in notes:
                note = new_markdown_cell(notes.pop(heading[1]))
                note.metadata["slideshow"] = {"slide_type": "notes"}
                cells.append(note)
        for part in notes:
            self.log.warning("Notebook %s has no part %s: its notes are left out.", number, part)
        nb.cells = cells
        return nb, resources


def speaker_notes(text: str, number: str) -> dict[str, str]:
    """Return the notes that INSTRUCTORS.md has for a notebook: number of a part -> text."""
    chapters = re.split(r"^## (.+)\n", text, flags=re.M)
    chapter = dict(zip(chapters[1::2], chapters[2::2], strict=True)).get(f"Notebook {number}", "")
    parts = re.split(r"^### (\d+)\. .*\n", chapter, flags=re.M)
    return {part: note.strip() for part, note in zip(parts[1::2], parts[2::2], strict=True)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after saying what went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.classroom", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="gather course, weights and packages in a folder")
    packing.add_argument("folder")
    packing.add_argument("--for", dest="systems", action="append", default=[], choices=SYSTEMS)
    packing.add_argument("--python", default="", help="the learners' Python, such as 3.12")
    commands.add_parser("warm", help="compute the embeddings of the course's media")
    commands.add_parser("reset", help="forget kept embeddings and the database")
    options = parser.parse_args(arguments)
    try:
        if options.command == "pack":
            pack(options.folder, options.systems, options.python)
        elif options.command == "warm":
            warm()
        else:
            reset()
    except RuntimeError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
