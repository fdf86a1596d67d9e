"""Embeddings are what the network really gives, for good files, bad files and many files."""

import dataclasses
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import ResNet18_Weights, resnet18

from course_utils import encoders
from course_utils.catalog import Catalog, Item
from course_utils.encoders import ImageEncoder, pick_device, pick_precision
from course_utils.media import MediaError


def smooth_noise(width: int, height: int, seed: int, patch: int = 16) -> Image.Image:
    """Return coloured clouds: like a photo, neighbouring pixels are alike."""
    rng = np.random.default_rng(seed)
    shape = (height // patch + 2, width // patch + 2, 3)
    small = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def make_encoder(**options) -> ImageEncoder:
    return ImageEncoder(**({"device": "cpu", "progress": False} | options))


@pytest.fixture(scope="module")
def encoder():
    return make_encoder(batch_size=4)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return seven picture files of different sizes, shapes, modes and contents."""
    folder = tmp_path_factory.mktemp("pictures")
    sizes = [(300, 300), (640, 360), (200, 320), (64, 48), (900, 301)]
    files = []
    for seed, (width, height) in enumerate(sizes):
        files.append(folder / f"{seed}.{'jpg' if seed % 2 else 'png'}")
        smooth_noise(width, height, seed, patch=4 * seed + 4).save(files[-1])
    smooth_noise(400, 300, 8).convert("L").save(folder / "grey.png")
    smooth_noise(400, 300, 9).convert("CMYK").save(folder / "print.jpg")
    return [*files, folder / "grey.png", folder / "print.jpg"]


@pytest.fixture(scope="module")
def vectors(encoder, paths):
    return encoder.encode(paths)


@pytest.fixture
def bad(tmp_path):
    """Return three unusable files."""
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("not a picture")
    return [tmp_path / "empty.jpg", tmp_path / "text.png", tmp_path / "missing.jpg"]


# ---- the vectors ----


def test_shape_type_and_length(encoder, vectors, paths):
    assert vectors.shape == (len(paths), encoder.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_dim_is_what_the_removed_layer_took(encoder):
    assert encoder.dim == resnet18().fc.in_features == 512


def test_same_as_by_hand(encoder, vectors, paths):
    """The official preprocessing and the plain network, one picture at a time."""
    transforms = ResNet18_Weights.IMAGENET1K_V1.transforms()
    network = resnet18()
    network.load_state_dict(encoder.weights.state)
    network.fc = torch.nn.Identity()
    network.eval()
    for path, vector in list(zip(paths, vectors, strict=True))[3:6]:
        with Image.open(path) as picture, torch.no_grad():
            by_hand = network(transforms(picture.convert("RGB"))[None])[0]
        np.testing.assert_allclose(vector, by_hand / by_hand.norm(), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batch_size_does_not_matter(vectors, paths, batch_size):
    other = make_encoder(batch_size=batch_size).encode(paths[2:6])
    np.testing.assert_allclose(other, vectors[2:6], atol=1e-5)


def test_order_and_neighbours_do_not_matter(encoder, vectors, paths):
    np.testing.assert_allclose(encoder.encode(paths[::-1])[::-1], vectors, atol=1e-5)
    np.testing.assert_allclose(encoder.encode([paths[3]])[0], vectors[3], atol=1e-5)


def test_different_pictures_have_different_vectors(vectors):
    cosines = vectors @ vectors.T
    assert cosines[~np.eye(len(vectors), dtype=bool)].max() < 0.999


def test_the_same_file_twice_gives_the_same_row_twice(encoder, paths):
    first, second = encoder.encode([paths[0], str(paths[0])])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_no_files_give_no_rows(encoder):
    empty = encoder.encode([])
    assert empty.shape == (0, 512) and empty.dtype == np.float32
    assert encoder.cells([]).shape == (0, 7, 7, 512)


def test_any_row_of_paths_will_do(encoder, vectors, paths):
    """A tuple, a generator, strings."""
    np.testing.assert_allclose(encoder.encode(tuple(paths[:2])), vectors[:2], atol=1e-5)
    np.testing.assert_allclose(encoder.encode(str(p) for p in paths[:2]), vectors[:2], atol=1e-5)


@pytest.mark.parametrize("one", ["photo.jpg", Path("photo.jpg")])
def test_one_path_instead_of_a_list(encoder, one):
    with pytest.raises(TypeError, match="takes a list of paths"):
        encoder.encode(one)


# ---- places ----


def test_mean_of_the_cells_is_the_embedding(encoder, vectors, paths):
    cells = encoder.cells(paths)
    assert cells.shape == (len(paths), 7, 7, 512) and cells.dtype == np.float32
    mean = cells.mean(axis=(1, 2))
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(mean, vectors, atol=1e-5)


@pytest.mark.parametrize(("row", "column"), [(0, 6), (6, 0), (6, 6)])
def test_rows_of_cells_go_down_and_columns_to_the_right(encoder, tmp_path, row, column):
    """Something put in one corner changes the cells near that corner the most."""
    blank = Image.new("RGB", (256, 256), "grey")
    blank.save(tmp_path / "blank.png")
    # The central 224 x 224 are looked at, so a cell is 32 pixels wide and starts at pixel 16.
    blank.paste(smooth_noise(32, 32, 1, patch=6), (16 + 32 * column, 16 + 32 * row))
    blank.save(tmp_path / "corner.png")
    before, after = encoder.cells([tmp_path / "blank.png", tmp_path / "corner.png"])
    change = np.linalg.norm(after - before, axis=-1)
    change = np.where(change > change.max() / 2, change, 0)
    center = np.array(np.nonzero(change)).mean(axis=1)
    assert np.abs(center - (row, column)).max() < 2


def test_cells_refuse_bad_files(encoder, paths, bad):
    with pytest.raises(MediaError):
        encoder.cells([paths[0], bad[0]])


# ---- bad files ----


def test_bad_files_among_good_ones_are_listed(encoder, vectors, paths, bad):
    mixed = [bad[0], *paths[:5], bad[1], *paths[5:], bad[2]]
    problems = []
    rows = encoder.encode(mixed, problems)
    assert [problem.path for problem in problems] == bad
    np.testing.assert_allclose(rows, vectors, atol=1e-5)


def test_problems_are_added_to_those_there_were(encoder, bad):
    problems = ["older"]
    encoder.encode(bad[:1], problems)
    assert problems[0] == "older" and len(problems) == 2


def test_one_bad_file_raises_its_own_error(encoder, paths, bad):
    with pytest.raises(MediaError, match="is empty") as caught:
        encoder.encode([paths[0], bad[0]])
    assert repr(str(bad[0])) in str(caught.value)


def test_several_bad_files_are_all_named(encoder, paths, bad):
    with pytest.raises(MediaError, match="and 2 more of 4 files cannot be used") as caught:
        encoder.encode([paths[0], *bad])
    for path in bad:
        assert repr(str(path)) in str(caught.value)
    assert "pass a list as `problems`" in str(caught.value)
    with pytest.raises(MediaError, match="2 more of 3 files"):
        encoder.encode(path for path in bad)  # of a generator, too, the number is told


def test_all_files_bad(encoder, bad):
    problems = []
    assert encoder.encode(bad, problems).shape == (0, 512)
    assert len(problems) == 3
    with pytest.raises(MediaError):
        encoder.encode(bad)


@pytest.mark.parametrize("nothing", ["", Path()])
def test_an_empty_path_is_not_passed_over(encoder, vectors, paths, nothing):
    """It must not be left out in silence: rows and files would no longer belong together."""
    problems = []
    rows = encoder.encode([paths[0], nothing, paths[1], nothing], problems)
    np.testing.assert_allclose(rows, vectors[:2], atol=1e-5)
    assert len(problems) == 2


def test_none_in_the_list_is_not_passed_over(encoder, paths):
    with pytest.raises(TypeError):
        encoder.encode([paths[0], None, paths[1]])


def test_embed_keeps_items_and_vectors_together(encoder, vectors, paths, bad, capsys):
    """Also when the same bad path comes twice, and a good one too."""
    mixed = [bad[0], paths[0], bad[1], paths[1], bad[0], paths[2], paths[0]]
    catalog = Catalog([Item(path, caption=str(i)) for i, path in enumerate(mixed)])
    kept, rows = encoder.embed(catalog)
    assert [item.caption for item in kept] == ["1", "3", "5", "6"]
    np.testing.assert_allclose(rows, vectors[[0, 1, 2, 0]], atol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.startswith("Left out: ") for line in lines)
    assert repr(str(bad[0])) in lines[0] and repr(str(bad[1])) in lines[1]


def test_embed_of_only_bad_and_of_no_files(encoder, bad, capsys):
    for catalog in (Catalog([Item(path) for path in bad]), Catalog([])):
        kept, rows = encoder.embed(catalog)
        assert len(kept) == 0 and rows.shape == (0, 512)
    assert len(capsys.readouterr().out.splitlines()) == 3


# ---- precision, device, fingerprint ----


def test_bf16_ranks_as_fp32_does(encoder, tmp_path):
    """Four clearly different pictures and a slightly changed copy of each."""
    originals, copies = [], []
    for seed, patch in enumerate((4, 16, 48, 120)):
        picture = smooth_noise(256, 256, seed, patch)
        originals.append(tmp_path / f"{seed}.png")
        copies.append(tmp_path / f"{seed}_copy.png")
        picture.save(originals[-1])
        picture.crop((6, 6, 250, 250)).save(copies[-1])
    files = originals + copies
    half = make_encoder(precision="bf16")
    assert half.dtype == torch.bfloat16
    exact, rounded = encoder.encode(files), half.encode(files)
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rounded, axis=1), 1, atol=1e-6)
    assert (exact * rounded).sum(axis=1).min() > 0.99
    for found in (exact, rounded):
        assert (found[4:] @ found[:4].T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    # Wherever two pictures differ in cosine by more than rounding does, their order is the same.
    a, b = exact @ exact.T, rounded @ rounded.T
    gaps = a[:, :, None] - a[:, None, :]
    clear = gaps > 0.02
    assert clear.sum() > 50
    assert ((b[:, :, None] - b[:, None, :])[clear] > 0).all()


def test_auto_takes_what_the_hardware_is_made_for():
    auto = make_encoder(precision="auto")
    assert auto.dtype == pick_precision(torch.device("cpu"))
    assert auto.dtype in (torch.float32, torch.bfloat16)


def test_picked_device_can_be_used():
    device = pick_device()
    assert torch.ones(2, device=device).sum().item() == 2
    assert ImageEncoder(progress=False).device == device


@pytest.mark.parametrize("precision", ["fp16", "", "BF16", None])
def test_wrong_precision(precision):
    with pytest.raises(ValueError, match="it may be fp32, bf16 or auto"):
        make_encoder(precision=precision)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_wrong_batch_size(batch_size):
    with pytest.raises(ValueError, match="must be at least 1"):
        make_encoder(batch_size=batch_size)


def test_fingerprint_is_the_same_for_the_same_settings(encoder):
    assert len(encoder.fingerprint) == 12 and int(encoder.fingerprint, 16)
    # Neither the batch size nor the bar changes a vector.
    assert make_encoder(batch_size=9, progress=True).fingerprint == encoder.fingerprint


def test_fingerprint_changes_with_everything_that_changes_vectors(encoder, monkeypatch):
    found = {
        encoder.fingerprint,
        make_encoder(precision="bf16").fingerprint,
        make_encoder(fast_decode=False).fingerprint,
    }
    other = dataclasses.replace(encoder.weights, sha256="0" * 64)
    monkeypatch.setattr(encoders, "load_weights", lambda _: other)
    found.add(make_encoder().fingerprint)
    assert len(found) == 4


# ---- large photos ----


def test_fast_decode_of_a_large_photo(encoder, tmp_path):
    path = tmp_path / "photo.jpg"
    # Detail of every size, the coarse stronger than the fine, as in photos.
    layers = [np.asarray(smooth_noise(3000, 2000, i, 8 * 4**i), np.float32) for i in range(4)]
    mixed = sum(2**i * layer for i, layer in enumerate(layers)) / 15
    Image.fromarray(mixed.astype(np.uint8)).save(path, quality=90)
    exact = make_encoder(fast_decode=False)
    assert encoder.draft_side == 512 and exact.draft_side is None
    cosine = float(encoder.encode([path])[0] @ exact.encode([path])[0])
    print(f"cosine of fast and exact decoding: {cosine:.7f}")
    assert cosine > 0.995


def test_fast_decode_does_not_touch_small_photos(encoder, vectors, paths):
    jpegs = [i for i, path in enumerate(paths) if path.suffix == ".jpg"]
    exact = make_encoder(fast_decode=False).encode([paths[i] for i in jpegs])
    np.testing.assert_allclose(exact, vectors[jpegs], atol=1e-5)


# ---- threads and memory ----


def decoding_threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")}


def test_stopping_in_the_middle_ends_the_threads(encoder, vectors, paths, monkeypatch):
    """Even while the interruption is still looked at, as notebooks do with the last error."""
    before, calls, too_late = decoding_threads(), [], []

    def slow_prepare(path):
        if len(calls) == 2:
            too_late.append(path)
        time.sleep(0.02)
        return torch.zeros(3, 224, 224, dtype=torch.uint8)

    def stop_at_second_batch(batch):
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return torch.zeros(len(batch), 512)

    monkeypatch.setattr(encoder, "batch_size", 8)
    monkeypatch.setattr(encoder, "prepare", slow_prepare)
    monkeypatch.setattr(encoder, "_embed", stop_at_second_batch)
    with pytest.raises(KeyboardInterrupt) as caught:
        encoder.encode(paths * 10)
    assert calls == [8, 8]
    assert len(too_late) <= 4  # of the 15 files that were waiting, the others are let go
    assert decoding_threads() == before
    assert caught.value.__traceback__ is not None  # it is still held here
    monkeypatch.undo()
    np.testing.assert_allclose(encoder.encode(paths[:2]), vectors[:2], atol=1e-5)


def test_an_interrupt_while_decoding_ends_the_threads(encoder, paths, monkeypatch):
    before = decoding_threads()

    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "prepare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(paths)
    assert decoding_threads() == before


def test_threads_end_with_the_work(encoder, paths):
    before = decoding_threads()
    encoder.encode(paths[:2])
    assert decoding_threads() == before


def test_memory_does_not_grow_with_the_number_of_files(encoder, paths, monkeypatch):
    """Pictures that are decoded but not yet embedded: two batches waiting and one ready."""
    lock, counts = threading.Lock(), {"decoded": 0, "embedded": 0, "most": 0}

    def counting_prepare(path):
        with lock:
            counts["decoded"] += 1
            counts["most"] = max(counts["most"], counts["decoded"] - counts["embedded"])
        return ImageEncoder.prepare(encoder, path)

    def counting_embed(batch):
        time.sleep(0.02)  # the network is slower than the decoding, so that pictures pile up
        with lock:
            counts["embedded"] += len(batch)
        return torch.zeros(len(batch), 512)

    monkeypatch.setattr(encoder, "prepare", counting_prepare)
    monkeypatch.setattr(encoder, "_embed", counting_embed)
    encoder.encode([paths[3]] * 60)
    assert counts["decoded"] == counts["embedded"] == 60
    assert counts["most"] <= 2 * encoder.batch_size + encoder.batch_size
