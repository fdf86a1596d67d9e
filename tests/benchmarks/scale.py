"""What does size cost? Seconds, memory and clicks at 1,000, 10,000 and 100,000 pictures.

Run it on an otherwise idle machine; 100,000 pictures take several minutes and 1 GB of disk:

    uv run --extra cluster python tests/benchmarks/scale.py

The pictures are small and made up, and a tiny encoder stands in for the network, so that what is
timed is all that the course does around it. At last, real embeddings are computed on Ray with two
workers and by one process: but for Ray's start, both should take equally long.
"""

import argparse
import csv
import os
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils.boxes import Gallery
from course_utils.cache import EmbeddingCache, Encoder
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError, read_image
from course_utils.search import unit_length
from course_utils.store import MemoryStore, VectorStore

CLICKS = 15


class TinyEncoder(Encoder):
    """Eight by eight pixels of a picture: a stand-in for a network."""

    name, space, dim, fingerprint = "tiny", "image", 192, "scale"

    def stream(self, paths):
        """Yield each file's embedding or error."""
        for path in paths:
            try:
                small = read_image(path, draft_side=8).resize((8, 8))
                yield unit_length(np.asarray(small, dtype=np.float32).ravel() + 1)
            except MediaError as error:
                yield error


def own_memory() -> float:
    """Return this process's own memory in MB (Linux only, elsewhere 0)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("RssAnon")), 0.0)


def measured(name: str, what):
    """Call a function, print its time and the memory that it left in use; return its result."""
    before, start = own_memory(), time.perf_counter()
    result = what()
    seconds = time.perf_counter() - start
    print(f"    {name:44} {seconds:8.2f} s  {own_memory() - before:+8.0f} MB", flush=True)
    return result


def make(folder: Path, count: int) -> None:
    """Write small pictures of noise, a thousand to a folder, and a catalog of them."""
    rng = np.random.default_rng(0)
    columns = Item.__match_args__
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, columns, restval="")
        rows.writeheader()
        for i in range(count):
            path = folder / f"kind-{i // 1000:03}" / f"{i:06}.jpg"
            path.parent.mkdir(exist_ok=True)
            noise = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((64, 64)).save(path)
            name = path.relative_to(folder).as_posix()
            rows.writerow(
                {"path": name, "kind": "image", "label": path.parent.name, "role": "item"}
            )


def stores(catalog: Catalog, encoder: Encoder, vectors: np.ndarray, folder: Path) -> None:
    """Fill both stores and search them."""
    ids = [item.path.as_posix() for item in catalog]
    labels = catalog.labels.tolist()
    for store in (MemoryStore(), VectorStore(uri=folder / "vectors.db")):
        with store:
            name = type(store).__name__
            measured(f"{name}, filled", lambda s=store: s.upsert(encoder, ids, vectors, labels))
            measured(f"{name}, a first search", lambda s=store: s.search(encoder, vectors[0]))
            clicks(f"{name}, a search", lambda i, s=store: s.search(encoder, vectors[i]))


def clicks(name: str, act) -> None:
    """Do something several times, and print the median and the longest time."""
    taken = []
    for i in range(CLICKS):
        start = time.perf_counter()
        act(i)
        taken.append(1000 * (time.perf_counter() - start))
    print(
        f"    {name:44} {statistics.median(taken):8.0f} ms, at most {max(taken):.0f} ms", flush=True
    )


def drawn(catalog: Catalog, vectors: np.ndarray) -> Gallery:
    """Return a gallery whose widgets are made."""
    box = Gallery(catalog, vectors, 0, k=10)
    box.widget()
    return box


def at_size(count: int) -> None:
    """Print what each step costs at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["COURSE_CACHE_DIR"] = str(folder / ".cache")
        make(folder, count)
        print(f"{count:,} pictures")
        measured("Catalog.load", lambda: Catalog.load(folder / "catalog.csv"))
        catalog = measured("Catalog.from_folder", lambda: Catalog.from_folder(folder))
        encoder = EmbeddingCache(TinyEncoder())
        vectors = measured("read, encoded and kept", lambda: encoder.encode(catalog))
        measured("the same again, remembered", lambda: encoder.encode(catalog))
        wide = unit_length(np.random.default_rng(0).normal(size=(count, 512)).astype(np.float32))
        for shown in (vectors, wide):
            size = f"{shown.shape[1]} numbers"
            box = measured(f"Gallery of {size}, drawn", lambda s=shown: drawn(catalog, s))
            clicks(f"Gallery of {size}, a click", lambda i, b=box: b._use(i + 1))
        stores(catalog, encoder, vectors, folder)


def on_ray(count: int) -> None:
    """Compare two workers on Ray with one process, as ratios in one run."""
    from course_utils.cluster import encode_on_cluster
    from course_utils.encoders import ImageEncoder

    with tempfile.TemporaryDirectory() as name:
        make(Path(name), count)
        paths = Catalog.from_folder(name).paths
        encoder = ImageEncoder("cpu")
        encoder.encode(paths[:32])  # warms up
        taken = {}
        for way, encode in {
            "one process": lambda: encoder.encode(paths),
            "Ray, its start alone": lambda: encode_on_cluster(paths[:2], ImageEncoder),
            "Ray, two workers": lambda: encode_on_cluster(paths, ImageEncoder),
        }.items():
            start = time.perf_counter()
            encode()
            taken[way] = time.perf_counter() - start
    alone, start, both = taken.values()
    print(f"{count:,} pictures: " + ", ".join(f"{way} {x:.1f} s" for way, x in taken.items()))
    print(f"without its start, Ray takes {(both - start) / alone:.2f} times as long")


def main() -> None:
    """Go through the sizes."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--ray", type=int, default=1_000, help="pictures; 0 leaves it out")
    options = options.parse_args()
    for count in options.sizes:
        at_size(count)
    if options.ray and find_spec("ray"):
        on_ray(options.ray)


if __name__ == "__main__":
    main()
