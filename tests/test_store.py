"""Milvus in a folder, a real Milvus server, and exact search in memory: the same answers, in words.

The server comes with the extra `server` and is started for the nightly run only, in a temporary
folder; beside the port that is used here it opens some for its own parts.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from course_utils import store
from course_utils.search import top_k, unit_length
from course_utils.store import Hit, MemoryStore, Passport, StoreError, VectorStore, open_store

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("memory", "folder", pytest.param("server", marks=pytest.mark.nightly))

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
    elif request.param == "folder":
        with VectorStore(uri=tmp_path / "vectors.db") as found:
            yield found
    else:
        with VectorStore(next(_prefixes), request.getfixturevalue("server")) as found:
            yield found
            for space in found.spaces():
                found.drop(space)


def some(n: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return unit_length(np.random.default_rng(seed).normal(size=(n, dim))).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"item {i}" for i in range(n)]


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


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
    assert len(opened.search(RESNET, 7 * vectors[4], 7)) == 7  # only directions count
    for only in ({}, {"label": "cup"}, {"kind": "video"}, {"label": "pen", "kind": "video"}):
        wanted = [(i, {"label": labels[i], "kind": kinds[i]}) for i in range(30)]
        kept = [i for i, facts in wanted if only.items() <= facts.items()]
        best, scores = top_k(vectors[4], vectors[kept], 500)
        hits = opened.search(RESNET, vectors[4], 500, **only)
        expected = [(f"item {i}", labels[i], kinds[i]) for i in np.array(kept)[best]]
        assert [(hit.id, hit.label, hit.kind) for hit in hits] == expected
        assert opened.count("image", **only) == len(kept)
        np.testing.assert_allclose([hit.score for hit in hits], scores, atol=1e-6)
    assert opened.search(RESNET, vectors[4], label="hat") == []

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
    for _ in range(2):
        opened.drop("image")
    assert opened.spaces() == {"audio": VOICE} and opened.count("image") == 0


def test_another_encoders_vectors_are_refused(opened):
    """ResNet-18 and R3D-18 both give 512 numbers; only the passport tells them apart."""
    vectors = some(5)
    opened.upsert(RESNET, names(5), vectors)
    changed = Passport("image", "ResNet-18", 8, "dddddddddddd")  # other weights
    wider = Passport("image", "ResNet-50", 16, "eeeeeeeeeeee")
    for other in (R3D, changed, wider):
        for method, *arguments in (
            (opened.search, some(1, other.dim)[0]),
            (opened.upsert, ["x"], some(1, other.dim)),
            (opened.create,),
        ):
            with pytest.raises(StoreError, match="cannot be compared with those of") as caught:
                method(other, *arguments)
            assert str(RESNET) in str(caught.value) and str(other) in str(caught.value)
    assert opened.count("image") == len(opened.search(RESNET, vectors[0])) == 5
    opened.drop("image")
    opened.upsert(R3D, names(5), vectors)
    assert opened.spaces() == {"image": R3D}


def test_rankings_equal_numpys(opened):
    """With more vectors than one message holds.

    Equals keep the order in which they came, also where the k-th result has many, of which the
    database may return any.
    """
    encoder, vectors = Passport("video", "R3D-18", 64, "ffffffffffff"), some(1500, 64)
    vectors[20:140] = vectors[20]
    opened.upsert(encoder, names(1500), vectors)
    queries = [(vectors[20], k) for k in (1, 10, 119, 121)]
    queries += [(query, 50) for query in some(5, 64, seed=1)]
    for query, k in queries:
        best, scores = top_k(query, vectors, k)
        hits = opened.search(encoder, query, k)
        assert ids(hits) == [f"item {i}" for i in best]
        np.testing.assert_allclose([hit.score for hit in hits], scores, atol=2e-6)
    opened.upsert(encoder, ["item 20"], vectors[20:21])
    assert ids(opened.search(encoder, vectors[20], 2)) == ["item 21", "item 22"]


# What would end a text or change a filter if it were not taken as it is, and other alphabets
HOSTILE = (
    '"] or 1 == 1 or label in ["', "'] or id != '", "x' or '1' == '1", 'a"b', "a\\", '\\"', "\\'",
    "\\u0041", "\\n", "%", "_", "{x}", "[]", "a, b", " ", "a ", "A", "a", "NULL", "true", "1", "",
    "日本", "Ünïcödé", "e\u0301", "é", "😀", "\u2028", "\ufeff", "$meta", "/* */", "--", ";",
    "\n", "a\r\nb", '"\n', "\x1b[1m", "\t", "é" * 2000,
)  # fmt: skip


def test_texts_are_taken_as_they_are(opened):
    """Nobody gets at other rows by an odd name, label or id."""
    texts = list(HOSTILE)
    opened.upsert(RESNET, texts, some(len(texts), seed=5), labels=texts)
    for text in texts:
        (hit,) = opened.search(RESNET, some(1)[0], 100, label=text)
        assert (hit.id, hit.label) == (text, text)
    opened.delete("image", texts[:1])
    opened.delete("image", texts[1:30])
    hits = opened.search(RESNET, some(1)[0], 100)
    assert {(hit.id, hit.label) for hit in hits} == {(text, text) for text in texts[30:]}


def test_unusable_arguments_are_refused_before_anything_is_written(opened):
    good, two = some(2), ["a", "b"]
    for call in (
        lambda: opened.upsert(RESNET, two, some(3)),
        lambda: opened.upsert(RESNET, two, some(2, 9)),
        lambda: opened.upsert(RESNET, ["a", "a"], good),
        lambda: opened.upsert(RESNET, two, good, ["pen"]),
        lambda: opened.upsert(RESNET, two, good, kinds=["image"] * 3),
        lambda: opened.upsert(RESNET, two, good * [[np.nan], [1]]),
        lambda: opened.search(RESNET, good),
        lambda: opened.search(RESNET, some(1, 9)[0]),
        lambda: opened.search(RESNET, good[0], 0),
    ):
        with pytest.raises(ValueError, match=r"give n of each|such as encode|NaN|all zeros"):
            call()
    assert opened.spaces() == {}
    opened.upsert(RESNET, [], some(0))
    assert opened.count("image") == 0


@contextmanager
def another_program(code: str, *arguments):
    """Start a program that has VectorStore and RESNET, and kill it (-9) at the end."""
    start = (
        "import sys, numpy as np\n"
        "from course_utils.store import Passport, VectorStore\n"
        f"RESNET = {RESNET!r}\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, arguments)], text=True, cwd=ROOT,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def test_it_is_there_the_next_time(tmp_path, monkeypatch):
    path, vectors = tmp_path / "new folder" / "vectors.db", some(20)
    monkeypatch.setenv("COURSE_CACHE_DIR", str(path.parent))
    with VectorStore() as opened:
        assert opened.where == str(path)
        opened.upsert(RESNET, names(20), vectors, "pen")
        expected = opened.search(RESNET, vectors[0])
    with pytest.raises(StoreError, match="closed; open a new one"):
        opened.count("image")
    with VectorStore(uri=path) as opened:
        assert opened.spaces() == {"image": RESNET} and opened.count("image", "pen") == 20
        assert opened.search(RESNET, vectors[0]) == expected
    opened.close()  # once more, harmless


def test_another_program_gets_what_is_closed_and_keeps_it_until_it_is_killed(tmp_path, capfd):
    """One line says so, and memory takes its place; what was written is there after kill -9."""
    path = tmp_path / "vectors.db"
    with VectorStore(uri=path) as opened:
        opened.upsert(RESNET, ["mine"], some(1))
    code = (
        "assert not {'pymilvus', 'torch'} & set(sys.modules)\n"  # so far
        "store = VectorStore(uri=sys.argv[1])\n"
        "for i in range(10, 10**6, 10):\n"
        "    store.upsert(RESNET, range(i - 10, i), np.eye(10, 8) + 1)\n"
        "    print(store.count('image'), flush=True)\n"
    )
    with another_program(code, path) as program:
        assert program.stdout.readline() == "11\n"
        assert isinstance(open_store(uri=path), MemoryStore)
        line, printed = capfd.readouterr()
        assert line.startswith("Searching exactly in memory instead of in Milvus:")
        assert str(path) in line and "open in another program, shut that" in line
        assert line.count("\n") == 1 and printed == ""  # pymilvus would print a stack trace
        written = program.stdout.readline()  # it goes on
        time.sleep(0.1)
        program.kill()
        done = int((written + program.stdout.read()).split()[-1])
    with VectorStore(uri=path) as opened:  # nothing is half there
        assert done <= opened.count("image") <= done + 10
        assert len(opened.search(RESNET, some(1)[0], 10_000)) == opened.count("image")


def test_something_else_under_the_name(tmp_path):
    """A database of Milvus Lite 2 was one file; this one is a folder."""
    path = tmp_path / "vectors.db"
    path.write_bytes(b"SQLite format 3\0" + bytes(5000))
    for where in (path, path / "vectors.db"):
        with pytest.raises(StoreError, match="Milvus failed .* else delete it"):
            VectorStore(uri=where)
    assert path.read_bytes() == b"SQLite format 3\0" + bytes(5000)


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_folder(tmp_path, seed):
    """Any of its files overwritten, cut or gone: an error in words, or the right answer."""
    path, vectors, rng = tmp_path / "vectors.db", some(200), random.Random(seed)
    with VectorStore(uri=path) as opened:
        opened.upsert(RESNET, names(200), vectors)
    parts = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "LOCK")
    victim = parts[seed % len(parts)]
    content = victim.read_bytes()
    victim.write_bytes(
        rng.choice([rng.randbytes(len(content) or 10), content[: len(content) // 2]])
    )
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
        opened.upsert(RESNET, names(200), vectors)


@pytest.mark.parametrize("missing", ["pymilvus", "milvus_lite.server_manager"])
def test_without_milvus(tmp_path, monkeypatch, capfd, missing):
    """As on a computer for which there is none."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert isinstance(open_store(uri=tmp_path / "vectors.db"), MemoryStore)
    line, printed = capfd.readouterr()
    assert line.startswith("Searching exactly in memory") and missing[:6] in line
    assert line.count("\n") == 1 and printed == ""


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
        assert time.monotonic() - start < 8
    said = capsys.readouterr().out
    assert f"Milvus failed at '{address}'" in said and "start it" in said
    assert "secret" not in said and said.count("\n") == 1


@pytest.mark.nightly
def test_learners_share_a_server(server, monkeypatch):
    """Each has a prefix, also one that begins like another's; what is not the course's is left."""
    from pymilvus import MilvusClient

    first = next(_prefixes)
    with VectorStore(first, server) as a, VectorStore(f"{first}_b", server) as b:
        b.upsert(R3D, ["b", "c"], some(2))
        assert a.spaces() == {} and b.spaces() == {"image": R3D}
        a.upsert(RESNET, ["a"], some(1))
        theirs = "VectorStore(*sys.argv[1:]).upsert(RESNET, ['theirs'], np.eye(1, 8))"
        with another_program(theirs, first, server) as program:
            assert program.communicate(timeout=120) == ("", "")
        assert ids(a.search(RESNET, np.eye(1, 8)[0]))[0] == "theirs"  # seen at once
        a.drop("image")
        assert b.count("image") == 2
        b.drop("image")
        client = MilvusClient(server, token=os.environ["MILVUS_TOKEN"])
        client.create_collection(f"{first}_image", dimension=8)
        with pytest.raises(StoreError, match="Milvus failed"):
            a.upsert(RESNET, ["a"], some(1))
        client.drop_collection(f"{first}_image")
        client.close()
    monkeypatch.setenv("MILVUS_TOKEN", "root:guessed")
    with pytest.raises(StoreError, match="see what MILVUS_TOKEN says"):
        VectorStore(uri=server).spaces()
