"""Puts the repository's address of pyproject.toml into all badges, links and set-up cells.

    python .github/set_address.py

Change `Repository` in pyproject.toml first; a test says where an old address is left.
"""

import re
import sys
from pathlib import Path

PLACES = ("README.md", "CITATION.cff", "notebooks/*.ipynb", "notebooks/*.md")


def main(root: Path) -> None:
    """Replace the address that the README's Binder badge has, in all files that name it."""
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    new = re.search(r'^Repository = "https://github\.com/([^"]+)"', project, re.M)[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    old = re.search(r"mybinder\.org/v2/gh/([^/]+/[^/]+)/", readme)[1]
    for path in sorted(path for place in PLACES for path in root.glob(place)):
        text = path.read_text(encoding="utf-8")
        if old in text and old != new:
            path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")
            print(f"{path.relative_to(root)}: {text.count(old)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]))
