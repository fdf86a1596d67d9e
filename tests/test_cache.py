"""Embeddings are computed once, and a kept one is believed only if it is whole and the right one.

The encoder here is a small one that writes down which files it was given. Programs are really
killed.
"""

import errno
import hashlib
import inspect
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course_utils import cache
from course_utils.cache import EmbeddingCache, cache_folder, content_hash
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError

ROOT = Path(__file__).resolve().parents[1]


class Encoder:
    """A vector of four numbers that depends on a file's content; a file with `bad` is unusable."""

    name, space, dim = "small", "image", 4

    def __init__(self, log, fingerprint="f1", batch_size=1, seconds=0.0):
        self.log, self.fingerprint, self.batch_size = Path(log), fingerprint, batch_size
        self.seconds, self.progress = seconds, True

    def encode(self, paths, problems=None):
        rows = []
        for path in paths:
            try:
                content = Path(path).read_bytes()
            except OSError:
                content = b"bad"
            if b"bad" in content:
                error = MediaError(path, "cannot be read", "try another")
                if problems is None:
                    raise error
                problems.append(error)
                continue
            time.sleep(self.seconds)
            rows.append(np.frombuffer(hashlib.sha256(content).digest(), "<u4")[:4] / 2**32)
            with self.log.open("a") as log:  # one short write: whole, even if killed after it
                log.write(f"{Path(path).name}\n")
        return np.array(rows, dtype=np.float32).reshape(len(rows), 4)

    def hello(self):
        return "hello"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "media").mkdir()
    paths = [tmp_path / "media" / f"{i}.bin" for i in range(10)]
    for i, path in enumerate(paths):
        path.write_bytes(f"content {i}".encode())
    return paths


@pytest.fixture
def encoder(tmp_path):
    return Encoder(tmp_path / "log")


def encoded(encoder) -> list[str]:
    """Return the names of the files that the encoder was given, in order."""
    return encoder.log.read_text().split() if encoder.log.exists() else []


def records(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.vectors"))


# ---- computed once ----


def test_the_second_time_nothing_is_encoded(encoder, files, folder):
    first = EmbeddingCache(encoder, folder)
    vectors = first.encode(files)
    np.testing.assert_array_equal(vectors, encoder.encode(files))
    encoder.log.unlink()
    assert (first.computed, first.reused) == (10, 0)
    for again in (first, EmbeddingCache(encoder, folder)):
        found = again.encode(files)
        assert found.dtype == np.float32 and found.flags.writeable
        np.testing.assert_array_equal(found, vectors)  # to the last bit
    assert encoded(encoder) == []
    assert (again.computed, again.reused) == (0, 10)


@pytest.mark.parametrize("at_once", [1, 3, 8, 100])
@pytest.mark.parametrize("seed", range(5))
def test_rows_come_in_the_order_of_the_paths(encoder, files, folder, at_once, seed):
    """Any mix of kept and new files, some of them several times."""
    rng = random.Random(seed)
    wanted = [rng.choice(files) for _ in range(30)]
    kept = EmbeddingCache(encoder, folder, at_once)
    kept.encode(rng.sample(files, rng.randint(0, 10)))
    plain = encoder.encode(wanted)
    encoder.log.unlink()
    np.testing.assert_array_equal(kept.encode(wanted), plain)
    assert len(encoded(encoder)) == len(set(encoded(encoder)))  # none twice
    assert len(records(folder)) >= len(set(wanted))


def test_a_renamed_or_copied_file_is_known(encoder, files, folder, tmp_path):
    kept = EmbeddingCache(encoder, folder)
    vectors = kept.encode(files[:2])
    moved = files[0].rename(tmp_path / "other name.jpg")
    copy = shutil.copy(files[1], tmp_path / "copy")
    np.testing.assert_array_equal(kept.encode([moved, str(copy)]), vectors)
    assert len(encoded(encoder)) == 2


def test_copies_in_one_call_are_encoded_once(encoder, files, folder):
    for path in files:
        path.write_bytes(b"all the same")
    kept = EmbeddingCache(encoder, folder, at_once=4)
    assert len(np.unique(kept.encode(files), axis=0)) == 1
    assert encoded(encoder) == ["0.bin"]
    assert (kept.computed, kept.reused) == (1, 9)


def test_a_changed_file_is_encoded_anew(encoder, files, folder):
    """Also within the same second, with the same size, and by the same object."""
    kept = EmbeddingCache(encoder, folder)
    for content in (b"one", b"two", b"six"):
        files[0].write_bytes(content)
        np.testing.assert_array_equal(kept.encode(files[:1]), encoder.encode(files[:1]))
    assert len(records(folder)) == 3


def test_a_changed_file_with_its_old_date_is_encoded_anew(encoder, files, folder):
    """As `cp -p` and some synchronising programs leave it."""
    os.utime(files[0], (1e9, 1e9))
    kept = EmbeddingCache(encoder, folder)
    kept.encode(files[:1])
    files[0].write_bytes(b"content X")
    os.utime(files[0], (1e9, 1e9))
    np.testing.assert_array_equal(kept.encode(files[:1]), encoder.encode(files[:1]))


def test_a_file_that_changes_while_it_is_encoded_is_not_kept(encoder, files, folder):
    def encode(paths, problems=None):
        files[0].write_bytes(b"changed")
        return np.ones((len(paths), 4), np.float32)

    encoder.encode = encode
    assert EmbeddingCache(encoder, folder).encode(files[:1]).shape == (1, 4)
    assert records(folder) == []


def test_another_encoder_gets_vectors_of_its_own(encoder, files, folder, tmp_path):
    EmbeddingCache(encoder, folder).encode(files)
    other = Encoder(tmp_path / "log 2", "f2")
    EmbeddingCache(other, folder).encode(files)
    assert len(encoded(other)) == 10
    for odd in ("../../x", "A", "a", "", "é", "x" * 300):  # also where capitals do not count
        EmbeddingCache(Encoder(tmp_path / "log 3", odd), folder).encode(files[:1])
    assert len(encoded(Encoder(tmp_path / "log 3"))) == 6
    assert not (tmp_path / "x").exists()


def test_hashes_are_remembered_within_the_process(files, monkeypatch):
    reads = []
    read = Path.open
    monkeypatch.setattr(Path, "open", lambda *a, **k: reads.append(a) or read(*a, **k))
    os.utime(files[0], (1e9, 1e9))
    assert content_hash(files[0]) == content_hash(str(files[0])) == content_hash(files[0])
    assert len(reads) == 1
    content_hash(files[1])  # too new to be sure that it will not change within its time stamp
    content_hash(files[1])
    assert len(reads) == 3


# ---- like an encoder ----


def test_it_is_used_like_the_encoder(encoder, files, folder, capsys):
    kept = EmbeddingCache(encoder, folder)
    assert (kept.dim, kept.name, kept.space, kept.fingerprint) == (4, "small", "image", "f1")
    assert kept.hello() == "hello"
    with pytest.raises(AttributeError):
        kept.goodbye  # noqa: B018
    assert kept.encode([]).shape == (0, 4) and kept.encode([]).dtype == np.float32
    with pytest.raises(TypeError, match=r"list of paths; write \[path\]"):
        kept.encode(str(files[0]))
    files[1].write_bytes(b"bad")
    catalog, vectors = kept.embed(Catalog([Item(path) for path in files]))
    assert len(catalog) == len(vectors) == 9
    assert capsys.readouterr().out.count("Left out:") == 1
    np.testing.assert_array_equal(kept.encode(catalog), vectors)
    np.testing.assert_array_equal(EmbeddingCache(kept, folder).encode(catalog), vectors)


def test_unusable_files_are_reported_each_time_and_not_kept(encoder, files, folder, tmp_path):
    for i in (0, 4, 5):
        files[i].write_bytes(b"bad")  # the same content: each is named all the same
    wanted = [*files, tmp_path / "missing", tmp_path, "null\0"]
    kept = EmbeddingCache(encoder, folder, at_once=4)
    for _ in range(2):
        problems = []
        vectors = kept.encode(wanted[:12], problems)
        assert sorted(e.path.name for e in problems) == sorted(
            ["0.bin", "4.bin", "5.bin", "missing", tmp_path.name]
        )
        np.testing.assert_array_equal(vectors, encoder.encode([*files[1:4], *files[6:]]))
    assert len(records(folder)) == 7
    with pytest.raises(MediaError, match="cannot be read"):
        kept.encode(wanted[:12])
    assert len(records(folder)) == 7


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang_it(encoder, folder, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not an ordinary file"):
        content_hash(tmp_path / "pipe")


def test_several_vectors_for_each_file(encoder, files, folder):
    """Key frames: as many rows as the file has, and none is made twice."""
    calls = []

    def frames(path):
        calls.append(path)
        number = int(path.stem)
        return np.full((number, 4), number, np.float64)

    kept = EmbeddingCache(encoder, folder)
    for _ in range(2):
        found = kept.rows(files, "frames, 1 a second", frames)
        assert [len(array) for array in found] == list(range(10))
        assert all(array.dtype == np.float32 and array.shape[1] == 4 for array in found)
        assert (found[7] == 7).all()
    assert len(calls) == 10
    kept.rows(files, "frames, 2 a second", frames)
    assert len(calls) == 20
    assert len(encoded(encoder)) == 0 and kept.encode(files).shape == (10, 4)
    with pytest.raises(ValueError, match=r"gave shape \(4,\), not \(rows, d\)"):
        kept.rows(files, "wrong", lambda path: np.zeros(4))


def test_several_vectors_of_unusable_files(encoder, files, folder):
    def frames(path):
        if path == files[2]:
            raise MediaError(path, "has no frames", "film it again")
        return np.ones((2, 4))

    kept, problems = EmbeddingCache(encoder, folder), []
    assert len(kept.rows(files, "frames", frames, problems)) == 9
    assert [error.path for error in problems] == [files[2]]
    with pytest.raises(MediaError, match="has no frames"):
        kept.rows(files, "frames", frames)


def test_progress_is_put_back(encoder, files, folder):
    def encode(paths, problems=None):
        assert encoder.progress is False  # one bar for all
        raise KeyboardInterrupt

    encoder.encode = encode
    with pytest.raises(KeyboardInterrupt):
        EmbeddingCache(encoder, folder).encode(files)
    assert encoder.progress is True


# ---- damage ----


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_record_is_made_anew(encoder, files, folder, seed):
    """Cut, lengthened, emptied, a flipped bit anywhere, another's record, a folder in its place."""
    kept = EmbeddingCache(encoder, folder)
    vectors = kept.encode(files)
    rng = random.Random(seed)
    victim, other = rng.sample(records(folder), 2)
    content = bytearray(victim.read_bytes())
    match seed % 6:
        case 0:
            content = content[: rng.randrange(len(content))]
        case 1:
            content += b"\0" * rng.randint(1, 20)
        case 2:
            content = b""
        case 3:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        case 4:
            content = other.read_bytes()
        case 5:
            content = rng.randbytes(rng.randrange(200))
    victim.write_bytes(content)
    encoder.log.unlink()
    again = EmbeddingCache(encoder, folder)
    np.testing.assert_array_equal(again.encode(files), vectors)
    assert len(encoded(encoder)) == 1
    np.testing.assert_array_equal(EmbeddingCache(encoder, folder).encode(files), vectors)
    assert len(encoded(encoder)) == 1  # and put right


def test_a_folder_in_a_records_place(encoder, files, folder):
    kept = EmbeddingCache(encoder, folder)
    vectors = kept.encode(files)
    victim = records(folder)[0]
    victim.unlink()
    victim.mkdir()
    np.testing.assert_array_equal(kept.encode(files), vectors)


def test_no_room_or_no_right_to_write(encoder, files, folder, monkeypatch, capsys):
    """The vectors are there all the same, and one line says what will be missing."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        kept = EmbeddingCache(encoder, folder)
        assert kept.encode(files).shape == (10, 4)
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 and "(No space left on device)" in said
    assert str(folder) in said and "COURSE_CACHE_DIR" in said
    folder.write_text("a file where the folder should be")
    assert EmbeddingCache(encoder, folder).encode(files).shape == (10, 4)
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make a small disk"
)
def test_a_full_disk(encoder, files, tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)])
    if mounted.returncode:
        pytest.skip("this machine does not let us make a small disk")
    try:
        kept = EmbeddingCache(encoder, disk)
        found = kept.rows(files, "large", lambda path: np.full((1, 4000), int(path.stem)))
        assert [int(array[0, 0]) for array in found] == list(range(10))
        assert "No space left on device" in capsys.readouterr().out
        assert not list(disk.rglob("*.part"))
        again = EmbeddingCache(encoder, disk)
        found = again.rows(files, "large", lambda path: np.full((1, 4000), int(path.stem)))
        assert [int(array[0, 0]) for array in found] == list(range(10))
        assert again.reused >= 2
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_clear(encoder, files, folder, tmp_path):
    folder.mkdir()
    (folder / "mine.txt").write_text("not the cache's")
    kept = EmbeddingCache(encoder, folder)
    other = EmbeddingCache(Encoder(tmp_path / "log 2", "f2"), folder)
    kept.clear()  # nothing there yet
    kept.encode(files)
    other.encode(files)
    kept.clear()
    assert len(records(folder)) == 10
    kept.encode(files)
    assert len(encoded(encoder)) == 20
    kept.clear(everything=True)
    assert records(folder) == [] and (folder / "mine.txt").exists()


# ---- where ----


def test_the_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("COURSE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", r"C:\Users\me\AppData\Local")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache_folder() == tmp_path / "media-embeddings-course"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "media-embeddings-course"
    monkeypatch.setattr(cache.sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "media-embeddings-course"
    monkeypatch.setattr(cache.sys, "platform", "win32")
    assert cache_folder() == Path(r"C:\Users\me\AppData\Local") / "media-embeddings-course"


def test_it_needs_no_torch():
    code = "import sys, course_utils.cache; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ---- killed, and two at once ----

PROGRAM = f"""
import hashlib, os, sys, time
from pathlib import Path
import numpy as np
from course_utils.cache import EmbeddingCache
from course_utils.media import MediaError

{inspect.getsource(Encoder)}

media, folder, log, at_once, seconds = sys.argv[1:]
paths = sorted(Path(media).iterdir())
encoder = Encoder(log, seconds=float(seconds))
print("ready", flush=True)
vectors = EmbeddingCache(encoder, folder, int(at_once)).encode(paths)
assert (vectors == Encoder(os.devnull).encode(paths)).all()
print("done", flush=True)
"""


def start(media: Path, folder: Path, log: Path, at_once: int, seconds: float) -> subprocess.Popen:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, media, folder, log, str(at_once), str(seconds)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout.readline() == "ready\n"
    return program


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("at_once", [1, 4])
def test_kill_9_loses_at_most_what_is_being_encoded(tmp_path, folder, at_once):
    """At whatever moment, again and again, until nothing is left to do."""
    media, log, rng = tmp_path / "media", tmp_path / "log", random.Random(at_once)
    media.mkdir()
    for i in range(120):
        (media / f"{i:03}.bin").write_bytes(f"content {i}".encode())
    lost = kills = 0
    for _ in range(15):
        before = len(records(folder))
        log.unlink(missing_ok=True)
        program = start(media, folder, log, at_once, 0.002)
        time.sleep(rng.uniform(0, 0.06))
        program.kill()
        finished = "done" in program.communicate()[0]
        done = len(log.read_text().split()) if log.exists() else 0
        now_lost = before + done - len(records(folder))
        assert 0 <= now_lost <= at_once
        lost, kills = lost + now_lost, kills + (not finished)
        if finished:
            break
    assert kills >= 5  # else it was not tested
    program = start(media, folder, log, at_once, 0)
    assert "done" in program.communicate()[0]  # which compares every vector
    assert len(records(folder)) == 120


def test_two_programs_at_once(tmp_path, folder):
    """Both have everything right, and nothing is left half written."""
    media = tmp_path / "media"
    media.mkdir()
    for i in range(200):
        (media / f"{i:03}.bin").write_bytes(f"content {i}".encode())
    programs = [start(media, folder, tmp_path / f"log {i}", 3, 0.001) for i in range(3)]
    for program in programs:
        assert "done" in program.communicate()[0]
    assert len(records(folder)) == 200
    assert not list(folder.rglob("*.part"))
    program = start(media, folder, tmp_path / "last log", 3, 0)
    assert "done" in program.communicate()[0]
    assert not (tmp_path / "last log").exists()  # nothing was left to encode
