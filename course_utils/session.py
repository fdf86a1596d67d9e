"""What kind of session this is: a person at a notebook, or a program running it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def is_live() -> bool:
    """Return whether somebody sits in front of a notebook that can show widgets.

    Programs that run notebooks (nbconvert, nbval, papermill) tell the kernel that nobody can
    answer a question; JupyterLab, Notebook, VS Code and Colab tell it that somebody can.
    COURSE_GALLERY=live or =static overrules this.

    Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute (allow_stdin)
    Introduced in notebook 1.
    """
    wish = os.environ.get("COURSE_GALLERY", "auto")
    if wish in ("live", "static"):
        return wish == "live"
    try:
        from IPython import get_ipython

        return bool(get_ipython().kernel.get_parent("shell")["content"]["allow_stdin"])
    except (ImportError, AttributeError, KeyError, TypeError):
        return False


def report(*encoders) -> None:
    """Print versions, device and weights in use, one line each.

    Introduced in notebook 1.
    """
    names = ("torch", "torchvision", "numpy", "pillow", "ipywidgets")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {version(name)}" for name in names))
    for encoder in encoders:
        note = getattr(encoder, "weights", encoder).note
        print(f"{encoder.name} on {encoder.device}: {note}")
