"""Each notebook alone, as Colab opens it: no repository beside it, and Colab's old packages.

It belongs to the nightly run and needs COURSE_COLAB, the path of a Python like Colab's (3.13; the
course itself is not installed there, and the notebooks install what they miss):

    uv venv --seed --python 3.13 colab
    uv pip install --python colab "torch==2.11.*" "torchvision==0.26.*" "torchaudio==2.11.*" \
        "ipywidgets==7.7.1" "ipython==7.34" "notebook<7" "opencv-python>=5" matplotlib \
        scikit-learn pillow soundfile tqdm pandas setuptools
    COURSE_COLAB=$PWD/colab/bin/python uv run --all-extras pytest -m nightly tests/test_colab.py
"""

import os
import subprocess

import nbformat
import pytest
from test_notebooks import NOTEBOOKS, cloning

COLAB = os.environ.get("COURSE_COLAB", "")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not COLAB, reason="needs COURSE_COLAB, a Python like Colab's"),
]

RUN = "-m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.timeout=600"


def installed() -> dict[str, str]:
    """Return the versions of all packages there."""
    listed = subprocess.check_output([COLAB, "-m", "pip", "freeze"], text=True)
    return dict(line.split("==") for line in listed.splitlines() if "==" in line)


def texts(notebook) -> list[str]:
    """Return what the cells say in words, without those whose output differs every time."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", ()):
            said = (x.get("text") or x.get("data", {}).get("text/plain", "") for x in cell.outputs)
            found.append("".join(said))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_alone_runs_and_installs_only_what_is_missing(path, tmp_path):
    before = installed()
    (tmp_path / "alone.ipynb").write_bytes(path.read_bytes())
    command = [COLAB, *RUN.split(), "alone.ipynb"]
    result = subprocess.run(
        command, cwd=tmp_path, env=cloning(tmp_path), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    after = installed()
    assert {name: after[name] for name in before} == before, "a package of Colab's was replaced"
    ran, stored = (texts(nbformat.read(file, 4)) for file in (tmp_path / "alone.ipynb", path))
    differ = [pair for pair in zip(stored, ran, strict=True) if len(set(pair)) > 1]
    print(f"\n{path.name}: {len(after) - len(before)} packages more, {len(differ)} texts differ")
    assert len(differ) <= len(stored) // 4, differ  # other versions round differently
