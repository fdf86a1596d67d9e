"""Settings for all tests: the same weights everywhere, and no window for figures."""

import os

os.environ["COURSE_WEIGHTS"] = "offline"
os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("COURSE_WEIGHTS_DIR", None)
os.environ.pop("COURSE_GALLERY", None)
