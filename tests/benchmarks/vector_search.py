"""How fast is search among many vectors: exact, FAISS's exact index, and HNSW on a Milvus server?

Run it on an otherwise idle Linux machine (a million vectors need about 9 GB of memory):

    uv run --group benchmark --extra server python tests/benchmarks/vector_search.py

It writes data/benchmarks/vector_search.json, which notebook 4 draws.

The vectors are made like the embeddings of a large collection: 512 numbers, none negative (as after
a ReLU), unit length, in a thousand clusters. A vector is a cluster's centre plus noise in 64 hidden
dimensions, mixed into 512 with some more noise, because embeddings fill few of their dimensions.
Queries are made in the same way and are not in the collection.

    exact    course_utils.search.top_k, one query at a time
    product  the least that exact search has to do: one matrix product, and the ten best of it
    faiss    faiss.IndexFlatIP, one query at a time
    hnsw     Milvus server on this computer, index HNSW (M 16, efConstruction 200), through its
             network interface, one query at a time: time, and which share of the exact ten it
             finds, for several efforts (ef); `store` is VectorStore.search with its checks
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from turns import best_seconds

from course_utils import store as milvus_store
from course_utils.search import top_k, unit_length
from course_utils.store import Passport, VectorStore

DIM, K, QUERIES, CHUNK = 512, 10, 100, 10_000
EFFORTS = (16, 32, 64, 128, 256)
FILE = Path(__file__).resolve().parents[2] / "data" / "benchmarks" / "vector_search.json"


class Vectors:
    """Clustered vectors, made in chunks so that a million never exist twice."""

    def __init__(self, clusters: int = 1000, spread: float = 0.5, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.centres = rng.normal(size=(clusters, 64)).astype(np.float32)
        self.mixture = rng.normal(size=(64, DIM)).astype(np.float32) / 8
        self.spread, self.clusters = spread, clusters

    def make(self, n: int, seed: int) -> np.ndarray:
        """Return n vectors of unit length, float32 (n, 512)."""
        rng = np.random.default_rng((1, seed))
        hidden = self.centres[rng.integers(self.clusters, size=n)]
        hidden = hidden + self.spread * rng.standard_normal((n, 64), dtype=np.float32)
        shown = hidden @ self.mixture
        shown += 0.1 * rng.standard_normal((n, DIM), dtype=np.float32)
        return unit_length(np.maximum(shown, 0)).astype(np.float32)


def machine() -> dict:
    """Return what this was measured on."""
    processor = platform.processor() or platform.machine()
    memory = 0.0
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("numpy", "faiss-cpu", "pymilvus", "milvus")},
    }


def beside_faiss(vectors: np.ndarray, queries: np.ndarray, rounds: int) -> dict:
    """Time exact search and FAISS's in turns; return milliseconds a query and their ratio."""
    import faiss

    index = faiss.IndexFlatIP(DIM)
    index.add(vectors)
    ways = {
        "exact": lambda: [top_k(query, vectors, K) for query in queries],
        "product": lambda: [product(query, vectors) for query in queries],
        "faiss": lambda: [index.search(query[None], K) for query in queries],
    }
    best = best_seconds(ways, rounds)
    ours = [product(query, vectors).tolist() for query in queries]
    theirs = [index.search(query[None], K)[1][0].tolist() for query in queries]
    same = np.mean([len(set(a) & set(b)) / K for a, b in zip(ours, theirs, strict=True)])
    found = {way: round(1000 * seconds / len(queries), 2) for way, seconds in best.items()}
    return found | {
        "exact_to_faiss": round(best["exact"] / best["faiss"], 2),
        "product_to_faiss": round(best["product"] / best["faiss"], 2),
        "same_results": round(float(same), 4),
    }


def product(query: np.ndarray, vectors: np.ndarray, k: int = K) -> np.ndarray:
    """Return the k best of unit-length vectors: the least that exact search has to do."""
    scores = vectors @ query
    best = np.argpartition(-scores, k)[:k]
    return best[np.argsort(-scores[best], kind="stable")]


def exact_results(vectors: np.ndarray, queries: np.ndarray) -> tuple[list[set[int]], float]:
    """Return each query's true ten, and milliseconds a query."""
    best = best_seconds({"exact": lambda: [top_k(query, vectors, K) for query in queries[:20]]}, 2)
    return [set(product(query, vectors).tolist()) for query in queries], best["exact"] / 20 * 1000


def on_the_server(address: str, vectors: np.ndarray, queries: np.ndarray) -> dict:
    """Fill a collection, wait for its index, and time searches; return what notebook 4 draws."""
    n = len(vectors)
    true, exact = exact_results(vectors, queries)
    passport = Passport("image", "made for the benchmark", DIM, "benchmark")
    milvus_store.CALL_SECONDS = 600
    with VectorStore(f"b{n}", address) as store:
        store.create(passport)
        client, name = store._client, store._name("image")
        client.release_collection(name)
        client.drop_index(name, "vector")  # the course's is exact
        index, build = client.prepare_index_params(), {"M": 16, "efConstruction": 200}
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params=build)
        client.create_index(name, index)
        client.load_collection(name)
        start = time.perf_counter()
        for first in range(0, n, CHUNK):
            rows = vectors[first : first + CHUNK]
            store.upsert(passport, range(first, first + len(rows)), rows)
        written = time.perf_counter() - start
        client.flush(name)
        while client.describe_index(name, "vector")["indexed_rows"] < n:
            time.sleep(1)
        indexed = time.perf_counter() - start - written
        client.release_collection(name)  # so that what is searched is the index, all of it
        client.load_collection(name, timeout=600)

        def search(effort: int) -> list[list[dict]]:
            settings = {"metric_type": "COSINE", "params": {"ef": effort}}
            return [
                client.search(name, [query], limit=K, search_params=settings,
                              consistency_level="Bounded")[0]
                for query in queries
            ]  # fmt: skip

        efforts = []
        for effort in EFFORTS:
            seconds = best_seconds({"hnsw": lambda effort=effort: search(effort)}, 2)["hnsw"]
            found = [{int(hit["id"]) for hit in hits} for hits in search(effort)]
            recall = np.mean([len(a & b) / K for a, b in zip(found, true, strict=True)])
            efforts.append({"ef": effort, "ms": round(seconds / len(queries) * 1000, 2),
                            "recall": round(float(recall), 4)})  # fmt: skip
        way = {"store": lambda: [store.search(passport, query, K) for query in queries]}
        through = best_seconds(way, 1)["store"] / len(queries) * 1000
        store.drop("image")
    return {
        "vectors": n, "exact_ms": round(exact, 2), "hnsw": efforts, "store_ms": round(through, 2),
        "write_s": round(written, 1), "index_s": round(indexed, 1),
    }  # fmt: skip


def main() -> None:
    """Measure, print, and write the file; sizes that are not measured keep their old results."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    options.add_argument("--rounds", type=int, default=10)
    options = options.parse_args()
    maker = Vectors()
    queries = maker.make(QUERIES, seed=-1 % 2**32)
    results = {"k": K, "dim": DIM, "queries": QUERIES, "machine": machine(), "server": []}
    if FILE.exists():
        before = json.loads(FILE.read_text(encoding="utf-8"))
        results["server"] = [x for x in before["server"] if x["vectors"] not in options.sizes]

    def made(n: int) -> np.ndarray:
        vectors = np.empty((n, DIM), np.float32)
        for first in range(0, n, CHUNK):
            vectors[first : first + CHUNK] = maker.make(min(CHUNK, n - first), seed=first)
        return vectors

    def keep() -> None:
        results["server"].sort(key=lambda result: result["vectors"])
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    results["faiss"] = beside_faiss(made(100_000), queries[:20], options.rounds)
    print("100,000 vectors beside FAISS:", results["faiss"], flush=True)
    keep()
    if not options.sizes:
        return
    from milvus import MilvusServer, MilvusServerConfig

    folder = tempfile.mkdtemp(prefix="milvus-")
    server = MilvusServer(MilvusServerConfig(data_dir=folder))
    try:
        server.start()
        for n in sorted(options.sizes):
            result = on_the_server(f"http://127.0.0.1:{server.listen_port}", made(n), queries)
            results["server"].append(result)
            print(result, flush=True)
            keep()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
