"""Milvus in a file, a real Milvus server, and exact search in memory: the same answers, in words.

The server comes with the extra `server` (`uv run --extra server pytest tests/test_store.py`). It is
started in a temporary folder; beside the port that is used here it opens some for its own parts.
"""

import errno
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from course_utils import store
from course_utils.search import top_k, unit_length
from course_utils.store import Hit, MemoryStore, Passport, StoreError, VectorStore, open_store

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("file", "server", "memory")

RESNET = Passport("image", "ResNet-18", 8, "aaaaaaaaaaaa")
R3D = Passport("image", "R3D-18", 8, "bbbbbbbbbbbb")  # as many numbers
VOICE = Passport("audio", "mel spectrogram (voice)", 6, "cccccccccccc")

_prefixes = (f"t{os.getpid()}x{i}" for i in range(10_000))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a Milvus server that wants a password and return its address."""
    milvus = pytest.importorskip("milvus", reason="no Milvus server: it needs `--extra server`")
    with socket.socket() as port:  # it can choose its other ports, but not this one
        if not port.connect_ex(("127.0.0.1", 2380)):
            pytest.skip("no Milvus server: another one, or etcd, is running on this computer")
    folder = tmp_path_factory.mktemp("milvus")
    settings = milvus.MilvusServerConfig(data_dir=str(folder))
    settings.set("authorization_enabled", True)
    running = milvus.MilvusServer(settings, wait_for_started=False)
    try:
        running.start()
        running.wait_started(timeout=120_000)  # milliseconds
        os.environ["MILVUS_TOKEN"] = "root:Milvus"  # what a new server begins with
        yield f"http://127.0.0.1:{running.listen_port}"
    finally:
        os.environ.pop("MILVUS_TOKEN", None)
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)  # half a gigabyte of unpacked libraries


@pytest.fixture(params=KINDS)
def opened(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "file":
        with VectorStore(uri=tmp_path / "vectors.db") as found:
            yield found
    else:
        address = request.getfixturevalue("server")
        with VectorStore(next(_prefixes), address) as found:
            yield found
            for space in found.spaces():
                found.drop(space)


def some(n: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return unit_length(np.random.default_rng(seed).normal(size=(n, dim))).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"item {i}" for i in range(n)]


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


# ---- the same in every kind of store ----


def test_from_the_first_vector_to_the_last(opened):
    """Create, add, find, filter, replace, remove, drop."""
    assert opened.spaces() == {} and opened.count("image") == 0
    with pytest.raises(StoreError, match="no space 'image' yet; upsert"):
        opened.search(RESNET, some(1)[0])
    opened.create(RESNET)
    opened.create(RESNET)  # harmless
    assert opened.search(RESNET, some(1)[0]) == [] and opened.count("image") == 0

    vectors = some(30)
    labels = ["pen", "cup", "spoon"] * 10
    kinds = ["image"] * 20 + ["video"] * 10
    opened.upsert(RESNET, names(30), vectors, labels, kinds)
    assert opened.count("image") == 30 and opened.count("audio") == 0
    best, scores = top_k(vectors[4], vectors, 7)
    hits = opened.search(RESNET, vectors[4], 7)
    assert ids(hits) == [f"item {i}" for i in best] and hits[0].id == "item 4"
    np.testing.assert_allclose([hit.score for hit in hits], scores, atol=1e-6)
    assert [(hit.label, hit.kind) for hit in hits] == [(labels[i], kinds[i]) for i in best]
    assert len(opened.search(RESNET, vectors[4])) == 5
    assert len(opened.search(RESNET, vectors[4], 500)) == 30
    assert ids(opened.search(RESNET, 7 * vectors[4], 7)) == ids(hits)  # only directions count

    for label, kind in (("cup", None), (None, "video"), (["pen", "cup"], ["video"]), ([], None)):
        kept = [
            i for i in range(30)
            if (label is None or labels[i] in label) and (kind is None or kinds[i] in kind)
        ]  # fmt: skip
        assert opened.count("image", label, kind) == len(kept)
        found = opened.search(RESNET, vectors[4], 30, label=label, kind=kind)
        best = top_k(vectors[4], vectors[kept], 30)[0] if kept else []
        assert ids(found) == [f"item {kept[i]}" for i in best]

    opened.upsert(RESNET, ["item 4"], vectors[5:6], "ruler")
    assert opened.count("image") == 30
    first, second, *_ = opened.search(RESNET, vectors[5])
    assert (first.id, first.label) == ("item 5", "spoon")
    assert (second.id, second.label, second.kind) == ("item 4", "ruler", "image")

    opened.delete("image", ["item 5", "item 5", "never there", "item 6"])
    opened.delete("video", ["no such space"])
    assert opened.count("image") == 28
    assert opened.search(RESNET, vectors[5])[0].id == "item 4"

    opened.upsert(VOICE, ["a"], some(1, 6))
    assert opened.spaces() == {"image": RESNET, "audio": VOICE}
    opened.drop("image")
    opened.drop("image")
    assert opened.spaces() == {"audio": VOICE} and opened.count("image") == 0
    assert opened.count("audio") == 1


def test_another_encoders_vectors_are_refused(opened):
    """ResNet-18 and R3D-18 both give 512 numbers; only the passport tells them apart."""
    vectors = some(5)
    opened.upsert(RESNET, names(5), vectors)
    changed = Passport("image", "ResNet-18", 8, "dddddddddddd")  # other weights
    wider = Passport("image", "ResNet-50", 16, "eeeeeeeeeeee")
    for other in (R3D, changed, wider):
        for use in (
            lambda other=other: opened.search(other, some(1, other.dim)[0]),
            lambda other=other: opened.upsert(other, ["x"], some(1, other.dim)),
            lambda other=other: opened.create(other),
        ):
            with pytest.raises(StoreError, match="cannot be compared with those of") as caught:
                use()
            text = str(caught.value)
            assert "ResNet-18 (8 numbers, fingerprint aaaaaaaaaaaa)" in text
            assert other.name in text and other.fingerprint in text and "drop('image')" in text
    assert opened.count("image") == 5
    assert len(opened.search(RESNET, vectors[0])) == 5
    opened.drop("image")
    opened.upsert(R3D, names(5), vectors)
    assert opened.spaces() == {"image": R3D}


def test_equals_keep_the_order_in_which_they_came(opened):
    """Also where the k-th result has many equals, of which the database may return any."""
    vectors = some(200, seed=3)
    vectors[20:140] = vectors[20]
    opened.upsert(RESNET, names(200), vectors)
    for k in (1, 3, 10, 119, 121):
        expected = top_k(vectors[20], vectors, k)[0]
        assert ids(opened.search(RESNET, vectors[20], k)) == [f"item {i}" for i in expected]
    opened.upsert(RESNET, ["item 20"], vectors[20:21])
    assert ids(opened.search(RESNET, vectors[20], 2)) == ["item 21", "item 22"]


def test_rankings_equal_numpys(opened, monkeypatch):
    """A thousand vectors in batches; cosines that differ by rounding only may change places."""
    monkeypatch.setattr(store, "BATCH_BYTES", 4 * 64 * 90)
    encoder = Passport("video", "R3D-18", 64, "ffffffffffff")
    vectors, queries = some(1000, 64), some(20, 64, seed=1)
    opened.upsert(encoder, names(1000), vectors)
    assert opened.count("video") == 1000
    for query in queries:
        best, scores = top_k(query, vectors, 50)
        hits = opened.search(encoder, query, 50)
        np.testing.assert_allclose([hit.score for hit in hits], scores, atol=2e-6)
        for hit, i, score in zip(hits, best, scores, strict=True):
            assert hit.id == f"item {i}" or abs(hit.score - score) < 2e-6


def test_no_queries_and_wrong_ones(opened):
    with pytest.raises(StoreError, match="no space 'image' yet"):
        opened.search_many(RESNET, some(0))
    opened.create(RESNET)
    assert opened.search_many(RESNET, some(3)) == [[], [], []]
    opened.upsert(RESNET, names(3), some(3))
    assert opened.search_many(RESNET, some(0)) == opened.search_many(RESNET, some(0), 100) == []
    with pytest.raises(StoreError, match="cannot be compared"):
        opened.search_many(R3D, some(0))
    for queries, options, words in (
        (some(1)[0], {}, r"queries have shape \(8,\), not \(n, 8\)"),
        (some(4)[None], {}, r"queries have shape \(1, 4, 8\)"),
        ([], {}, r"queries have shape \(0,\)"),
        (some(2, 9), {}, r"shape \(2, 9\), not \(n, 8\)"),
        (some(2), {"k": 0}, "k is 0"),
        (some(2) * [[1], [0]], {}, "all zeros"),
        (some(2) * [[1], [np.nan]], {}, "NaN"),
        (some(2), {"label": "\0"}, "control characters"),
    ):
        with pytest.raises(ValueError, match=words):
            opened.search_many(RESNET, queries, **options)


# What would end a text or change a filter if it were not taken as it is, and other alphabets
HOSTILE = (
    '"] or 1 == 1 or label in ["', "'] or id != '", "x' or '1' == '1", 'a"b', "a\\", '\\"', "\\'",
    "\\u0041", "\\n", "%", "_", "{x}", "[]", "a, b", " ", "a ", "A", "a", "NULL", "true", "1",
    "日本", "Ünïcödé", "e\u0301", "é", "😀", "\u2028", "\ufeff", "$meta", "/* */", "--", ";",
)  # fmt: skip


def test_texts_are_taken_as_they_are(opened):
    """Nobody gets at other rows by an odd name, label or id."""
    rng = random.Random(0)
    letters = "\"'\\[]{}()%,;=<>! AB01éß日😀_-$&|"
    odd = ["".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(20)]
    texts = list(dict.fromkeys([*HOSTILE, *odd]))
    opened.upsert(RESNET, texts, some(len(texts), seed=5), labels=texts)
    for text in texts[:20]:
        (hit,) = opened.search(RESNET, some(1)[0], 100, label=text)
        assert (hit.id, hit.label) == (text, text)
    assert opened.count("image", label=texts) == opened.count("image") == len(texts)
    for text in texts[:5]:
        opened.delete("image", [text])
    opened.delete("image", texts[5:40])
    hits = opened.search(RESNET, some(1)[0], 100)
    assert {(hit.id, hit.label) for hit in hits} == {(text, text) for text in texts[40:]}


def test_unusable_arguments_are_refused_before_anything_is_written(opened):
    good, two = some(2), ["a", "b"]
    for call, words in (
        (lambda: opened.upsert(RESNET, two, some(3)), r"2 ids and vectors of shape \(3, 8\)"),
        (lambda: opened.upsert(RESNET, two, some(2, 9)), r"ResNet-18 gives \(2, 8\)"),
        (lambda: opened.upsert(RESNET, ["a"], good[0]), r"shape \(8,\)"),
        (lambda: opened.upsert(RESNET, ["a", "a"], good), "'a' is there twice"),
        (lambda: opened.upsert(RESNET, two, good, ["pen"]), "2 ids and 1 labels"),
        (lambda: opened.upsert(RESNET, two, good, kinds=["image"] * 3), "2 ids and 3 kinds"),
        (lambda: opened.upsert(RESNET, ["a", ""], good), "id '' is empty"),
        (lambda: opened.upsert(RESNET, ["a", "\0"], good), "control characters"),
        (lambda: opened.upsert(RESNET, ["a", "b\n"], good), "control characters"),
        (lambda: opened.upsert(RESNET, ["a", "\udc80"], good), "control characters"),
        (lambda: opened.upsert(RESNET, ["a", "é" * 513], good), "longer than 1024 bytes"),
        (lambda: opened.upsert(RESNET, two, good, "x" * 257), "longer than 256 bytes"),
        (lambda: opened.upsert(RESNET, two, good * [[np.nan], [1]]), "NaN"),
        (lambda: opened.upsert(RESNET, two, good * [[0], [1]]), "all zeros"),
        (lambda: opened.search(RESNET, good), r"shape \(2, 8\); give one vector"),
        (lambda: opened.search(RESNET, some(1, 9)[0]), r"shape \(1, 9\), not \(n, 8\)"),
        (lambda: opened.search(RESNET, good[0], label="\0"), "control characters"),
        (lambda: opened.search(RESNET, good[0] * 0), "all zeros"),
        (lambda: opened.search(RESNET, good[0], 0), "k is 0"),
        (lambda: opened.count("Image; drop"), "cannot name a space"),
        (lambda: opened.drop(""), "cannot name a space"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="list of ids"):
        opened.delete("image", "item 1")
    assert opened.spaces() == {}
    opened.upsert(RESNET, ["é" * 512, "b"], good, "x" * 256)  # as long as may be
    opened.upsert(RESNET, [], some(0))
    assert opened.count("image") == 2


# ---- the file ----


START = """
import sys, numpy as np
from course_utils.store import Passport, StoreError, VectorStore, open_store
RESNET = Passport("image", "ResNet-18", 8, "aaaaaaaaaaaa")
"""


@contextmanager
def started(code: str, *arguments, **settings):
    """Start a program with what it needs already imported, and kill it (-9) at the end."""
    program = subprocess.Popen(
        [sys.executable, "-c", START + code, *map(str, arguments)], text=True,
        cwd=settings.pop("cwd", ROOT), env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def run(code: str, *arguments, **settings) -> tuple[str, str]:
    """Return what a program printed, and its errors."""
    with started(code, *arguments, **settings) as program:
        return program.communicate(timeout=120)


def test_a_file_is_there_the_next_time(tmp_path):
    path, vectors = tmp_path / "new folder" / "vectors.db", some(20)
    with VectorStore(uri=path) as opened:
        opened.upsert(RESNET, names(20), vectors, "pen")
        expected = opened.search(RESNET, vectors[0])
    with VectorStore(uri=path) as opened:
        assert opened.spaces() == {"image": RESNET} and opened.count("image", "pen") == 20
        assert opened.search(RESNET, vectors[0]) == expected
        with pytest.raises(StoreError, match="cannot be compared"):
            opened.search(R3D, vectors[0])
    code = "s = VectorStore(uri=sys.argv[1]); print(s.count('image'), s.spaces()['image'].name)"
    assert run(code, path)[0] == "20 ResNet-18\n"


def test_settings_choose_the_place(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    with VectorStore() as opened:
        assert opened.where == str(tmp_path / "cache" / "vectors.db")
    monkeypatch.setenv("MILVUS_URI", str(tmp_path / "mine.db"))
    with open_store() as opened:
        assert opened.where == str(tmp_path / "mine.db")
    for wrong in ("nonsense", "localhost:19530", "ftp://x", "http://x:y", "mine.db2"):
        monkeypatch.setenv("MILVUS_URI", wrong)
        with pytest.raises(ValueError, match=r"such as http://localhost:19530, or a folder"):
            VectorStore()


def test_a_database_that_another_kernel_has_open(tmp_path, capfd):
    """One line says so and memory takes its place; after kill -9 it can be opened."""
    path = tmp_path / "vectors.db"
    hold = "s = VectorStore(uri=sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with started(hold, path) as program:
        assert program.stdout.readline() == "open\n"
        with open_store(uri=path) as opened:
            assert isinstance(opened, MemoryStore)
            opened.upsert(RESNET, names(3), some(3))
            assert len(opened.search(RESNET, some(1)[0])) == 3
        line, printed = capfd.readouterr()
        assert line.startswith("Searching exactly in memory instead of in Milvus:")
        assert f"{str(path)!r} is open in another program" in line and "shut that" in line
        assert line.count("\n") == 1 and printed == ""  # pymilvus would print a stack trace
    with VectorStore(uri=path) as opened:
        assert opened.spaces() == {}


def test_closing_lets_another_program_in(tmp_path):
    """Stores of one program share the file; the last one to close lets go."""
    path = tmp_path / "vectors.db"
    first, second = VectorStore(uri=path), VectorStore(uri=path)
    first.upsert(RESNET, ["a"], some(1))
    assert second.count("image") == 1
    first.close()
    first.close()
    with pytest.raises(StoreError, match="closed; open a new one"):
        first.count("image")
    assert second.count("image") == 1
    code = "VectorStore(uri=sys.argv[1]).close()"
    assert "StoreError" in run(code, path)[1]
    second.close()
    assert run(code, path)[1] == ""
    with VectorStore(uri=path) as opened:
        assert opened.count("image") == 1


def test_kill_9_keeps_what_was_written(tmp_path):
    """Every upsert that has returned is there afterwards, and nothing is half there."""
    code = (
        "s, i = VectorStore(uri=sys.argv[1]), int(sys.argv[2])\n"
        "while True:\n"
        "    s.upsert(RESNET, [f'item {i + j}' for j in range(10)], np.eye(10, 8) + 1)\n"
        "    i += 10; print(i, flush=True)\n"
    )
    done, rng = 0, random.Random(0)
    for _ in range(3):
        with started(code, tmp_path / "vectors.db", done) as program:
            done = int(program.stdout.readline())
            time.sleep(rng.uniform(0, 0.3))
            program.kill()
            done = max([done, *map(int, program.communicate()[0].split())])
        with VectorStore(uri=tmp_path / "vectors.db") as opened:
            found = opened.count("image")
            assert done <= found <= done + 10
            assert len(opened.search(RESNET, some(1)[0], 10_000)) == found


def test_a_full_disk(tmp_path, monkeypatch):
    import milvus_lite.engine.collection as engine
    import pymilvus

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with VectorStore(uri=tmp_path / "vectors.db") as opened:
        opened.upsert(RESNET, ["a"], some(1))
        with monkeypatch.context() as patch:
            patch.setattr(engine.WAL, "write_insert", full)
            with pytest.raises(StoreError, match="disk is full, so Milvus could not write 5 vec"):
                opened.upsert(RESNET, names(5), some(5))
        opened.upsert(RESNET, names(5), some(5))
        assert opened.count("image") == 6
    for owner, name in ((Path, "mkdir"), (pymilvus.MilvusClient, "__init__")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(StoreError, match="disk is full, so Milvus could not open"):
                VectorStore(uri=tmp_path / "vectors.db")
        VectorStore(uri=tmp_path / "vectors.db").close()  # nothing was left locked


def test_something_else_under_the_name(tmp_path):
    """A database of Milvus Lite 2 was one file; this one is a folder."""
    path = tmp_path / "vectors.db"
    path.write_bytes(b"SQLite format 3\0" + bytes(5000))
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be opened .* move what lies there away"):
        VectorStore(uri=path)
    assert path.read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened .* COURSE_CACHE_DIR"):
        VectorStore(uri=tmp_path / "file" / "vectors.db")


@pytest.mark.parametrize("seed", range(9))
def test_a_damaged_file(tmp_path, seed):
    """Any of its files overwritten, cut or gone: an error in words, or the right answer."""
    path, vectors, rng = tmp_path / "vectors.db", some(1200), random.Random(seed)
    with VectorStore(uri=path) as opened:
        opened.upsert(RESNET, names(1200), vectors)
    parts = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "LOCK")
    victim = parts[seed % len(parts)]
    match seed // len(parts) % 3:
        case 0:
            victim.write_bytes(rng.randbytes(victim.stat().st_size or 10))
        case 1:
            victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
        case 2:
            victim.unlink()
    try:
        with VectorStore(uri=path) as opened:
            hits = opened.search(RESNET, vectors[7], 3)
        right = ids(hits) == [f"item {i}" for i in top_k(vectors[7], vectors, 3)[0]]
        assert right or ids(hits) == [], victim.name
    except StoreError as error:
        assert len(str(error).splitlines()) == 1
        assert str(path) in str(error) or "no space 'image' yet" in str(error)
    shutil.rmtree(path)
    with VectorStore(uri=path) as opened:  # the remedy works
        opened.upsert(RESNET, names(1200), vectors)
        assert opened.search(RESNET, vectors[7], 3)[0].id == "item 7"


@pytest.mark.parametrize("missing", ["pymilvus", "milvus_lite"])
def test_without_milvus(tmp_path, missing):
    """As on a computer for which there is none."""
    code = f"sys.modules[{missing!r}] = None\ns = open_store(uri=sys.argv[1])\n"
    code += "s.upsert(RESNET, ['a'], np.ones((1, 8))); print(s.search(RESNET, np.ones(8))[0].id)"
    printed, errors = run(code, tmp_path / "vectors.db")
    first, second = printed.splitlines()
    assert first.startswith("Searching exactly in memory") and "not installed" in first
    assert second == "a" and errors == ""


def test_milvus_leaves_the_rest_alone(tmp_path):
    """No FAISS beside PyTorch, no .env file read, nothing sent to a proxy."""
    (tmp_path / ".env").write_text("MILVUS_URI=http://elsewhere:19530\nSECRET=1\n")
    code = (
        "import os, course_utils.store\n"
        "assert not {'pymilvus', 'torch', 'grpc'} & set(sys.modules)\n"
        "with VectorStore(uri=sys.argv[1]) as s:\n"
        "    s.upsert(RESNET, ['a'], np.ones((1, 8)))\n"
        "    assert s.search(RESNET, np.ones(8))[0].id == 'a'\n"
        "assert not {'faiss', 'torch'} & set(sys.modules)\n"
        "assert not {'SECRET', 'MILVUS_URI', 'PYTHON_DOTENV_DISABLED'} & set(os.environ)\n"
        "import importlib.util; print(bool(importlib.util.find_spec('faiss')))\n"
    )
    proxy = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "all_proxy")}
    done = run(code, tmp_path / "vectors.db", cwd=tmp_path, no_proxy="", NO_PROXY="", **proxy)
    assert done == ("True\n", "")


# ---- the server ----


@pytest.mark.timeout(60)
@pytest.mark.parametrize("listening", [True, False])
def test_a_server_that_does_not_answer(capsys, monkeypatch, listening):
    monkeypatch.setattr(store, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as port:
        address = f"127.0.0.1:{port.getsockname()[1]}"
        if not listening:
            port.close()
        start = time.monotonic()
        monkeypatch.setenv("MILVUS_URI", f"http://me:secret@{address}")
        assert isinstance(open_store(), MemoryStore)
        assert time.monotonic() - start < 5
    said = capsys.readouterr().out
    assert f"server at {address} does not answer; start it" in said
    assert "secret" not in said and said.count("\n") == 1


class Line:
    """A line to the server that can be cut and mended."""

    def __init__(self, address: str):
        self.target = int(address.rsplit(":", 1)[1])
        self.port, self.sockets, self.listener = 0, [], None
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=[a, b], daemon=True).start()

    def copy(self, a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # or `accept` would go on waiting
        self.listener.close()
        for end in self.sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.sockets.clear()


@pytest.mark.timeout(120)
def test_a_server_that_goes_away_and_comes_back(server, monkeypatch):
    """Each call ends within seconds, in words; and the same store works again afterwards."""
    line = Line(server)
    with VectorStore(next(_prefixes), f"http://127.0.0.1:{line.port}") as opened:
        opened.upsert(RESNET, names(5), some(5))
        line.cut()
        with monkeypatch.context() as patch:
            patch.setattr(store, "CALL_SECONDS", 1)
            for call in (
                lambda: opened.search(RESNET, some(1)[0]),
                lambda: opened.upsert(RESNET, ["x"], some(1)),
            ):
                start = time.monotonic()
                with pytest.raises(StoreError, match="does not answer") as caught:
                    call()
                assert time.monotonic() - start < 10
                assert len(str(caught.value).splitlines()) == 1
        line.mend()
        for _ in range(20):  # "try again": the connection comes back within seconds
            with suppress(StoreError):
                opened.count("image")
                break
            time.sleep(0.5)
        assert opened.search(RESNET, some(5)[3])[0].id == "item 3"
        opened.drop("image")


@pytest.mark.parametrize("token", ["root:guessed", "ana:unknown", ""])
def test_a_server_that_wants_another_password(server, monkeypatch, token):
    monkeypatch.setenv("MILVUS_TOKEN", token)
    with pytest.raises(StoreError, match="refuses MILVUS_TOKEN"):
        VectorStore(uri=server).spaces()


def test_learners_share_a_server(server):
    """Each has a prefix, also one that begins like another's; what is not the course's is left."""
    from pymilvus import MilvusClient

    first = next(_prefixes)
    with VectorStore(first, server) as a, VectorStore(f"{first}_b", server) as b:
        b.upsert(R3D, ["b", "c"], some(2))
        assert a.spaces() == {} and b.spaces() == {"image": R3D}
        a.upsert(RESNET, ["a"], some(1))
        assert a.spaces() == {"image": RESNET} and b.spaces() == {"image": R3D}
        theirs = "VectorStore(*sys.argv[1:]).upsert(RESNET, ['theirs'], np.eye(1, 8))"
        assert run(theirs, first, server) == ("", "")  # another program, seen at once
        assert ids(a.search(RESNET, np.eye(1, 8)[0]))[0] == "theirs"
        with pytest.raises(ValueError, match="16384 results at most"):
            a.search(RESNET, some(1)[0], 16_385)
        a.drop("image")
        assert b.count("image") == 2
        b.drop("image")
        client = MilvusClient(server, token=os.environ["MILVUS_TOKEN"])
        client.create_collection(f"{first}_image", dimension=8)
        with pytest.raises(StoreError, match="has no passport.*choose another prefix"):
            a.upsert(RESNET, ["a"], some(1))
        client.drop_collection(f"{first}_image")
        client.close()


def test_nothing_was_left_open():
    """The last test: every one above has let go of its folder."""
    assert not +store._users
