"""Settings for all tests: the same weights everywhere, a cache of their own, no window."""

import atexit
import os
import shutil
import tempfile

os.environ["COURSE_WEIGHTS"] = "offline"
os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("COURSE_WEIGHTS_DIR", None)
os.environ.pop("COURSE_GALLERY", None)
os.environ.pop("MILVUS_URI", None)
os.environ.pop("MILVUS_TOKEN", None)
os.environ.pop("RAY_ADDRESS", None)
os.environ["COURSE_CACHE_DIR"] = tempfile.mkdtemp(prefix="course-cache-")
atexit.register(shutil.rmtree, os.environ["COURSE_CACHE_DIR"], ignore_errors=True)
