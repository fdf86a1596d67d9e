"""Embeddings are computed once, and a kept one is believed only if it is whole and the right one.

The encoder here is a small one that writes down which files it was given. Programs are really
killed.
"""

import copy
import hashlib
import multiprocessing
import os
import random
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.cache import EmbeddingCache, Encoder, _unwritten
from course_utils.catalog import Catalog, Item
from course_utils.media import MediaError


class Small(Encoder):
    """A vector of four numbers that depends on a file's content; a file with `bad` is unusable."""

    name, space, dim = "small", "image", 4

    def __init__(self, log, fingerprint="f1", seconds=0.0):
        self.log, self.fingerprint, self.seconds = Path(log), fingerprint, seconds

    def stream(self, paths):
        for path in paths:
            content = Path(path).read_bytes() if Path(path).is_file() else b"bad"
            if b"bad" in content:
                yield MediaError(path, "cannot be read", "try another")
                continue
            time.sleep(self.seconds)
            with self.log.open("a") as log:  # one short write: whole, even if killed after it
                log.write(f"{Path(path).name}\n")
            vector = np.frombuffer(hashlib.sha256(content).digest(), "<u4")[:4] / 2**32
            yield vector.astype(np.float32)

    def fit(self, paths):
        return Small(self.log, f"{self.fingerprint} on {len(paths)}")


def made(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{i:03}.bin" for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(f"content {i}".encode())
    return paths


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path):
    return made(tmp_path / "media", 10)


@pytest.fixture
def encoder(tmp_path):
    return Small(tmp_path / "log")


def encoded(encoder) -> list[str]:
    """Return the names of the files that the encoder was given since it was last asked."""
    names = encoder.log.read_text().split() if encoder.log.exists() else []
    encoder.log.unlink(missing_ok=True)
    return names


def records(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.npz"))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_is_not_encoded_again(encoder, files, folder, seed):
    """Any mix of kept and new files, in any order."""
    rng = random.Random(seed)
    wanted = rng.sample(files, 8)
    plain = encoder.encode(wanted)
    EmbeddingCache(encoder, folder).encode(rng.sample(files, rng.randint(0, 10)))
    kept, again = EmbeddingCache(encoder, folder), EmbeddingCache(encoder, folder)
    encoded(encoder)
    np.testing.assert_array_equal(kept.encode(wanted), plain)  # to the last bit
    assert len(encoded(encoder)) == kept.computed == 8 - kept.reused
    np.testing.assert_array_equal(again.encode(wanted), plain)
    assert encoded(encoder) == [] and (again.computed, again.reused) == (0, 8)


def test_content_and_fingerprint_count_not_names(encoder, files, folder, tmp_path):
    kept = EmbeddingCache(encoder, folder)
    vectors = kept.encode(files[:2])
    moved = files[0].rename(tmp_path / "other name.jpg")
    double = shutil.copy(files[1], tmp_path / "copy")
    np.testing.assert_array_equal(kept.encode([moved, str(double)]), vectors)
    for content in (b"one", b"two"):  # of one size, within a second, and with an old date
        files[2].write_bytes(content)
        os.utime(files[2], (1e9, 1e9))
        np.testing.assert_array_equal(kept.encode(files[2:3]), encoder.encode(files[2:3]))
    for odd in ("../../x", "A", "a", "", "x" * 300):  # also where capitals do not count
        EmbeddingCache(Small(encoder.log, odd), folder).encode(files[3:4])
    assert len(records(folder)) == 4 + 5 and not (tmp_path / "x").exists()


def test_a_file_that_changes_while_it_is_encoded_is_not_kept(encoder, files, folder):
    def stream(paths):
        files[0].write_bytes(b"changed")
        yield np.ones(4, np.float32)

    encoder.stream = stream
    assert EmbeddingCache(encoder, folder).encode(files[:1]).shape == (1, 4)
    assert records(folder) == []


def test_it_is_used_like_the_encoder(encoder, files, folder, tmp_path, capsys):
    kept = EmbeddingCache(encoder, folder)
    assert (kept.dim, kept.name, kept.space, kept.fingerprint) == (4, "small", "image", "f1")
    assert copy.copy(kept).dim == 4 and kept.encode([]).shape == (0, 4)
    with pytest.raises(TypeError, match="list of paths; write"):
        kept.encode(str(files[0]))
    fitted = kept.fit(files)
    assert isinstance(fitted, EmbeddingCache) and fitted.fingerprint == "f1 on 10"
    assert fitted.folder == folder and len(fitted.encode(files)) == 10
    for i in (0, 4, 5):
        files[i].write_bytes(b"bad")  # the same content: each is named all the same
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # must not hang it
    wanted = [*files, tmp_path / "missing", tmp_path / "pipe", "null\0"]
    wrong = [*(files[i] for i in (0, 4, 5)), *map(Path, wanted[10:])]
    for _ in range(2):  # reported each time, and not kept
        problems = []
        vectors = kept.encode(wanted, problems)
        assert [error.path for error in problems] == wrong
        np.testing.assert_array_equal(vectors, encoder.encode([*files[1:4], *files[6:]]))
    with pytest.raises(MediaError, match="and 5 more of 13 files cannot be used"):
        kept.encode(wanted)
    catalog, vectors = kept.embed(Catalog([Item(path) for path in files]))
    assert len(catalog) == len(vectors) == 7 and capsys.readouterr().out.count("Left out:") == 3


def test_rows_are_as_many_as_the_file_has(encoder, files, folder):
    def frames(path):
        if path in files[8:]:
            raise MediaError(path, "has no frames", "film it again")
        note(path)
        return np.full((int(path.stem), 4), int(path.stem), np.float64)

    calls, kept = [], EmbeddingCache(encoder, folder)
    note = calls.append  # a list that grows would be something that the result depends on
    for _ in range(2):
        problems = []
        found = kept.rows(files, "frames", frames, problems)
        assert [len(array) for array in found] == list(range(8))
        assert all(array.dtype == np.float32 for array in found) and (found[7] == 7).all()
        assert [error.path for error in problems] == files[8:]
    with pytest.raises(MediaError, match="and 1 more of 10"):
        kept.rows(files, "frames", frames)
    kept.rows(files[:8], "frames, 2 a second", frames)
    assert len(calls) == 16 and encoded(encoder) == []


def test_rows_follow_the_code_not_only_its_name(encoder, files, folder):
    """A changed body, constant, array, list, helper, default, argument or network is noticed."""
    kept, order = EmbeddingCache(encoder, folder), np.arange(4)

    def made_with(edit, factor=1):
        def embed(path):
            return edit(np.array([[1, 2, 3, 4]])) * factor

        return embed

    def scaled(path, by):
        return np.full((1, 4), by)

    def through(network):
        return lambda x: network(torch.tensor(x, dtype=torch.float32)).detach().numpy()

    networks = [torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)]  # their numbers are random
    variants = [
        *(made_with(lambda x: x[:, order]), made_with(lambda x: x[:, order[::-1]])),
        *(made_with(lambda x: x + 1), made_with(lambda x: x + 1.5)),
        *(made_with(lambda x: x + 1, factor=2), partial(scaled, by=3), partial(scaled, by=5)),
        *(made_with(through(network)) for network in networks),
        *(made_with(lambda x, by=by: x * by[0]) for by in ([7], [9])),
    ]
    for compute in variants:
        np.testing.assert_array_equal(kept.rows(files[:1], "", compute)[0], compute(files[0]))
    order = order[::-1].copy()  # the same function, which now names another array
    assert kept.rows(files[:1], "", variants[0])[0].tolist() == [[4, 3, 2, 1]]
    kept.rows(files[:1], "", made_with(lambda x: x + 1))  # defined anew, and the same
    assert (kept.computed, kept.reused) == (12, 1)


@pytest.mark.parametrize("fault", ["cut", "empty", "bit", "other's", "noise"])
def test_a_damaged_record_is_made_anew(encoder, files, folder, fault):
    vectors, anew = EmbeddingCache(encoder, folder).encode(files), 0
    for seed in range(10):
        rng = random.Random(seed)
        victim, other = rng.sample(records(folder), 2)
        content = bytearray(victim.read_bytes())
        flipped = rng.randrange(len(content))
        content[flipped] ^= (1 << rng.randrange(8)) * (fault == "bit")
        contents = {"cut": content[:flipped], "empty": b"", "bit": content}
        contents |= {"other's": other.read_bytes(), "noise": rng.randbytes(200)}
        victim.write_bytes(contents[fault])
        encoded(encoder)
        for _ in range(2):  # it is put right the first time
            np.testing.assert_array_equal(EmbeddingCache(encoder, folder).encode(files), vectors)
        anew += len(encoded(encoder))
    assert anew == 10 or (fault == "bit" and 5 <= anew < 10)  # a flipped date of writing is no harm


@pytest.mark.parametrize("fault", ["no folder", "no space"])
def test_where_nothing_can_be_written_the_process_remembers(
    encoder, files, folder, fault, capsys, monkeypatch
):
    def full(file, **_):
        file.write(b"half a record")
        raise OSError(28, "No space left on device")

    if fault == "no folder":
        folder.write_text("a file where the folder should be")
    else:
        monkeypatch.setattr(np, "savez", full)
    vectors = EmbeddingCache(encoder, folder).encode(files)
    for _ in range(3):  # as the parts of a search ask for one query again and again
        np.testing.assert_array_equal(EmbeddingCache(encoder, folder).encode(files), vectors)
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 and str(folder) in said and "COURSE_CACHE_DIR" in said
    assert len(encoded(encoder)) == 10 and not [x for x in folder.rglob("*") if x.is_file()]
    _unwritten.clear()


def encode_all(media: Path, folder: Path, log: Path) -> None:
    paths = sorted(media.iterdir())
    vectors = EmbeddingCache(Small(log, seconds=0.003), folder).encode(paths)
    assert (vectors == Small(os.devnull).encode(paths)).all()


@pytest.fixture
def start(encoder, tmp_path, folder):
    """Return a function that starts a program which encodes 100 files."""
    made(tmp_path / "many", 100)

    def start():
        words = (tmp_path / "many", folder, encoder.log)
        program = multiprocessing.get_context("spawn").Process(target=encode_all, args=words)
        program.start()
        return program

    return start


def test_kill_9_loses_at_most_what_is_being_encoded(encoder, folder, start):
    """At whatever moment, again and again."""
    for seed in range(3):
        before, program = len(records(folder)), start()
        while program.is_alive() and not encoder.log.exists():
            time.sleep(0.001)
        time.sleep(random.Random(seed).uniform(0, 0.05))
        program.kill()
        program.join()
        assert program.exitcode not in (0, 1)
        assert 0 <= before + len(encoded(encoder)) - len(records(folder)) <= 1


def test_two_programs_at_once(encoder, folder, start):
    """Both have everything right, and nothing is left half written."""
    for programs in ([start(), start()], [start()]):
        encoded(encoder)
        for program in programs:
            program.join()
            assert program.exitcode == 0
    assert len(records(folder)) == 100 and not list(folder.rglob("*.part"))
    assert encoded(encoder) == []  # nothing was left to encode for the last one
