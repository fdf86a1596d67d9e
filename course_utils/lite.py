"""Milvus Lite, the database in a file: one program at a time may have it open.

Milvus Lite runs inside the program that uses it. What is here makes it say in words who has a file
open, and keeps it from getting into the way of anything else.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from course_utils.spaces import StoreError

_users: Counter = Counter()  # file: how many stores of this program have it open


def import_milvus():
    """Return MilvusClient, imported without its side effects."""
    before = os.environ.get("PYTHON_DOTENV_DISABLED")
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"  # it would put any .env file into the environment
    # Milvus Lite takes FAISS along if it can, which the exact index never uses; on macOS FAISS
    # and PyTorch each bring an OpenMP, and two of them in one program crash.
    hidden = "faiss" not in sys.modules
    if hidden:
        sys.modules["faiss"] = None
    try:
        from pymilvus import MilvusClient

        with suppress(ImportError):
            import milvus_lite.adapter.grpc.server  # noqa: F401
    finally:
        if hidden:
            del sys.modules["faiss"]
        if before is None:
            del os.environ["PYTHON_DOTENV_DISABLED"]
        else:
            os.environ["PYTHON_DOTENV_DISABLED"] = before
    for name in ("pymilvus", "milvus_lite"):  # they print a stack trace with every error
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return MilvusClient


def _holder(path: Path) -> Path:
    """Return the file that says who has a database file open."""
    return path.with_name(f"{path.name}.holder")


def take(path: Path) -> None:
    """See whether a database file can be opened, and write down who does it.

    Milvus Lite lets one program at a time open a file. To a second one pymilvus only says that it
    failed, so this tries first.
    """
    if _users[path]:  # by this program, whose stores share it
        _users[path] += 1
        return
    try:
        import_milvus()
        from milvus_lite import MilvusLite
        from milvus_lite.exceptions import DataDirLockedError
    except ImportError as error:
        raise StoreError(
            f"Milvus Lite, the database in a file, is not installed here ({error}); run `uv sync`, "
            "or name a Milvus server in MILVUS_URI."
        ) from None
    try:
        if path.is_file():
            raise StoreError(
                f"{str(path)!r} is a file of Milvus Lite 2 or of another program, not a database "
                "of today's Milvus Lite; move it away or choose another name."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        MilvusLite(str(path)).close()
        about = {
            "program": os.environ.get("JPY_SESSION_NAME") or sys.argv[0] or "a Python prompt",
            "process": os.getpid(),
        }
        _holder(path).write_text(json.dumps(about), encoding="utf-8")
    except DataDirLockedError:
        who = "another program"
        with suppress(OSError, ValueError, KeyError):
            about = json.loads(_holder(path).read_text(encoding="utf-8"))
            who = f"{Path(about['program']).name} (process {about['process']})"
        raise StoreError(
            f"{str(path)!r} is open in {who}, and only one program at a time can have it open; "
            "shut that kernel down (in JupyterLab: Running Terminals and Kernels) or close() its "
            "store."
        ) from None
    except OSError as error:
        raise StoreError(
            f"The database {str(path)!r} cannot be opened ({error.strerror}); make its folder "
            "writable with some space left, or name another in COURSE_CACHE_DIR."
        ) from None
    _users[path] += 1


def give_back(path: Path) -> None:
    """Let go of a database file if no other store of this program uses it."""
    _users[path] -= 1
    if not _users[path]:
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(str(path))  # closing the client leaves it locked
        with suppress(OSError):
            _holder(path).unlink()
