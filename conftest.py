"""Settings for all tests: the same weights everywhere, a cache of their own, no window."""

import atexit
import os
import shutil
import tempfile

os.environ["COURSE_WEIGHTS"] = "offline"
os.environ["MPLBACKEND"] = "Agg"
for name in ("WEIGHTS_DIR", "GALLERY"):
    os.environ.pop(f"COURSE_{name}", None)
for name in ("MILVUS_URI", "MILVUS_TOKEN", "RAY_ADDRESS"):
    os.environ.pop(name, None)
os.environ["COURSE_CACHE_DIR"] = tempfile.mkdtemp(prefix="course-cache-")
atexit.register(shutil.rmtree, os.environ["COURSE_CACHE_DIR"], ignore_errors=True)

_left_out = []


def pytest_collection_modifyitems(config, items):
    """Leave out what the scheduled run does, unless it is asked for: `-m nightly`."""
    if config.option.markexpr:
        return
    _left_out[:] = [item for item in items if item.get_closest_marker("nightly")]
    items[:] = [item for item in items if item not in _left_out]


def pytest_terminal_summary(terminalreporter):
    """Say what was left out."""
    if _left_out:
        terminalreporter.write_line(
            f"Left to the nightly run (pytest -m nightly): {len(_left_out)} tests, "
            "among them Notebook 7, a file of 300 MB and long fuzzing."
        )
