"""Embeddings are what the networks really give, for good files, bad files and many files."""

import dataclasses
import threading
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from films import numbered, write
from PIL import Image
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.video import R3D_18_Weights, r3d_18

from course_utils import encoders
from course_utils.catalog import Catalog, Item
from course_utils.encoders import FRAME_RATE, FRAMES, ImageEncoder, VideoEncoder, clip_starts
from course_utils.media import MediaError, read_frames
from course_utils.weights import inflate, load_weights, time_blind


def smooth_noise(width: int, height: int, seed: int, patch: int = 16) -> Image.Image:
    """Return coloured clouds: like a photo, neighbouring pixels are alike."""
    rng = np.random.default_rng(seed)
    shape = (height // patch + 2, width // patch + 2, 3)
    small = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of different sizes, shapes, modes and contents."""
    folder = tmp_path_factory.mktemp("pictures")
    sizes = {"a.png": (300, 300), "b.jpg": (640, 360), "c.png": (200, 320), "d.jpg": (64, 48)}
    for seed, (name, (width, height)) in enumerate(sizes.items()):
        smooth_noise(width, height, seed, patch=4 * seed + 4).save(folder / name)
    smooth_noise(400, 300, 8).convert("L").save(folder / "grey.png")
    smooth_noise(400, 300, 9).convert("CMYK").save(folder / "print.jpg")
    return [folder / name for name in (*sizes, "grey.png", "print.jpg")]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films of other lengths, sizes and rates; the second is shorter than a clip."""
    folder = tmp_path_factory.mktemp("films")
    scene = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    scene = scene.repeat(10, 0).repeat(10, 1)
    rolling = np.stack([np.roll(scene, 4 * i, axis=1) for i in range(48)])
    return [
        write(folder / "a.mp4", rolling),
        write(folder / "b.mp4", rolling[:6]),
        write(folder / "c.mp4", numbered(100, 96, 160), rate=10),
    ]


@pytest.fixture(scope="module")
def image_vectors(image_encoder, pictures):
    return image_encoder.encode(pictures)


@pytest.fixture(scope="module")
def video_vectors(video_encoder, films):
    return video_encoder.encode(films)


@pytest.fixture(params=["image", "video"])
def case(request):
    """An encoder, good files for it, and their vectors."""
    kind, files = request.param, {"image": "pictures", "video": "films"}[request.param]
    names = (f"{kind}_encoder", files, f"{kind}_vectors")
    return tuple(request.getfixturevalue(name) for name in names)


@pytest.fixture
def bad(tmp_path):
    """Three unusable files."""
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.mp4").write_text("not a film")
    return [tmp_path / "empty.jpg", tmp_path / "text.mp4", tmp_path / "missing.jpg"]


def test_rows_of_unit_length_in_the_order_of_the_files(case):
    encoder, files, vectors = case
    assert vectors.shape == (len(files), encoder.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].max() < 0.999
    again = encoder.encode(str(files[i]) for i in (1, 0, 1))  # a generator, strings, a file twice
    np.testing.assert_allclose(again, vectors[[1, 0, 1]], atol=1e-5)
    assert encoder.encode([]).shape == (0, 512) and encoder.encode([]).dtype == np.float32
    with pytest.raises(TypeError, match=r"list of paths; write \['photo.jpg'\]"):
        encoder.encode("photo.jpg")


def test_all_files_are_tried_and_the_bad_ones_reported(case, bad, capsys):
    encoder, files, vectors = case
    mixed, problems = [bad[0], *files[:2], bad[1], Path(), bad[2]], ["older"]
    np.testing.assert_allclose(encoder.encode(mixed, problems), vectors[:2], atol=1e-5)
    assert [problem.path for problem in problems[1:]] == [bad[0], bad[1], Path(), bad[2]]
    with pytest.raises(MediaError, match="and 2 more of 3 files cannot be used") as caught:
        encoder.encode(bad)
    assert all(repr(str(path)) in str(caught.value) for path in bad)
    catalog, rows = encoder.embed(Catalog([Item(path) for path in [bad[0], files[1], bad[2]]]))
    assert catalog.paths == files[1:2] and len(rows) == 1
    assert capsys.readouterr().out.count("Left out: ") == 2


def test_fingerprints_change_with_what_changes_vectors_and_with_nothing_else(
    image_encoder, video_encoder, monkeypatch
):
    found = {image_encoder.fingerprint, video_encoder.fingerprint}
    assert ImageEncoder("cpu").fingerprint == image_encoder.fingerprint
    blind = time_blind(video_encoder.weights)
    found |= {VideoEncoder(size=224).fingerprint, VideoEncoder(weights=blind).fingerprint}
    other = dataclasses.replace(image_encoder.weights, sha256="0" * 64)
    with monkeypatch.context() as patch:
        patch.setattr(encoders, "load_weights", lambda _: other)
        found.add(ImageEncoder().fingerprint)
    monkeypatch.setattr(encoders, "READING", "another rule")
    found |= {ImageEncoder().fingerprint, VideoEncoder().fingerprint}
    assert len(found) == 7
    assert all(len(mark) == 12 and int(mark, 16) for mark in found)


def plain(network: torch.nn.Module, weights) -> torch.nn.Module:
    """Return torchvision's own network with these weights, without its last layer."""
    network.fc = torch.nn.Identity()
    state = {name: x for name, x in weights.state.items() if not name.startswith("fc.")}
    network.load_state_dict(state)
    return network.eval()


def test_pictures_as_torchvision_does_it(image_encoder, image_vectors, pictures):
    network = plain(resnet18(), image_encoder.weights)
    steps = ResNet18_Weights.IMAGENET1K_V1.transforms()
    for path, vector in zip(pictures, image_vectors, strict=True):
        picture = Image.open(path).convert("RGB")
        with torch.inference_mode():
            theirs = network(steps(picture)[None])[0]
        np.testing.assert_allclose(vector, theirs / theirs.norm(), atol=1e-5)
        frames = [np.asarray(picture)]
        np.testing.assert_allclose(image_encoder.encode_frames(frames)[0], vector, atol=1e-5)
    assert image_encoder.encode_frames([]).shape == (0, 512)


def test_the_mean_of_the_feature_map_is_the_embedding(case, bad):
    encoder, files, vectors = case
    film = encoder.space == "video"
    maps = [encoder.feature_map(files[2])] if film else encoder.feature_map(files)
    for places, vector in zip(maps, vectors[2:] if film else vectors, strict=True):
        assert places.shape == ((2, 2, 7, 7, 512) if film else (7, 7, 512))
        mean = places.reshape(-1, 512).mean(axis=0)
        np.testing.assert_allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)
    with pytest.raises(MediaError):
        encoder.feature_map(bad[1] if film else [files[0], *bad[:2]])
    assert film or encoder.feature_map([]).shape == (0, 7, 7, 512)


def test_rows_of_the_feature_map_go_down_and_columns_right(image_encoder, tmp_path):
    """Something put in one corner changes the places near that corner the most."""
    files = [tmp_path / name for name in ("blank.png", "right.png", "low.png")]
    # The central 224 x 224 pixels are looked at: 7 x 7 places of 32. The first corner is not seen.
    for file, corner in zip(files, ((256, 256), (208, 16), (16, 208)), strict=True):
        picture = Image.new("RGB", (256, 256), "grey")
        picture.paste(smooth_noise(32, 32, 1, patch=6), corner)
        picture.save(file)
    before, *after = image_encoder.feature_map(files)
    for changed, place in zip(after, ((0, 6), (6, 0)), strict=True):
        change = np.linalg.norm(changed - before, axis=-1)
        change = np.where(change > change.max() / 2, change, 0)
        assert np.abs(np.array(np.nonzero(change)).mean(axis=1) - place).max() < 2


def test_large_photos_are_shrunk_while_they_are_read(image_encoder, tmp_path, monkeypatch):
    layers = [np.asarray(smooth_noise(1800, 1200, i, 8 * 4**i), np.float32) for i in range(4)]
    mixed = sum(2**i * layer for i, layer in enumerate(layers)) / 15  # detail of every size
    Image.fromarray(mixed.astype(np.uint8)).save(tmp_path / "photo.jpg", quality=90)
    quick = image_encoder.encode([tmp_path / "photo.jpg"])[0]
    monkeypatch.setattr(image_encoder, "draft_side", None)
    assert quick @ image_encoder.encode([tmp_path / "photo.jpg"])[0] > 0.995


@pytest.mark.parametrize("seconds", [0.06, 1.07, 1.5, 3.0, 5.9, 10.0, 61.0, 6000.0])
def test_clips_lie_inside_the_video_and_do_not_overlap(seconds):
    starts, length = clip_starts(seconds), FRAMES / FRAME_RATE
    assert len(starts) == min(5, max(1, round(seconds / 4)))
    assert all(b - a >= length - 1e-9 for a, b in zip(starts, starts[1:], strict=False))
    if seconds >= length:
        before, behind = starts[0], seconds - starts[-1] - length
        assert before == pytest.approx(behind, abs=1e-6) and before >= 0  # no end is favoured
    else:
        assert starts == [0]


def test_films_as_torchvision_does_it(video_encoder, video_vectors, films):
    (start,) = video_encoder.starts(films[0])
    frames = read_frames(films[0], rate=15, start=start, count=16)
    steps = R3D_18_Weights.KINETICS400_V1.transforms()
    theirs = steps(torch.from_numpy(frames).permute(0, 3, 1, 2))
    mine = video_encoder.normalize(video_encoder.prepare(frames)[None])[0].cpu()
    torch.testing.assert_close(mine.contiguous(), theirs.contiguous(), atol=0.02, rtol=0)
    with torch.inference_mode():
        vector = plain(r3d_18(), video_encoder.weights)(theirs[None])[0].numpy()
    assert video_vectors[0] @ vector / np.linalg.norm(vector) > 0.9999
    again = video_encoder.encode_frames([frames])[0]
    np.testing.assert_allclose(again, video_vectors[0], atol=1e-5)
    red = np.zeros((2, 128, 171, 3), np.uint8)
    red[..., 0] = 255
    red = video_encoder.prepare(red)
    assert red.shape == (3, 2, 112, 112) and (red[0] == 255).all() and (red[1:] == 0).all()


def test_clips_and_sizes_that_do_not_fit(video_encoder):
    with pytest.raises(ValueError, match="another number of frames; the network takes 16"):
        video_encoder.encode_frames([np.zeros((5, 64, 64, 3), np.uint8)])
    for size in (0, 100):
        with pytest.raises(ValueError, match="112, 224 or another multiple of 16"):
            VideoEncoder(size=size)
    with pytest.raises(MediaError, match="does not exist"):
        video_encoder.starts("gone.mp4")


def test_what_time_blind_and_untrained_networks_cannot_see(video_encoder, catalog):
    """A film and itself backwards hold the same frames: only their order differs."""
    path = catalog[catalog.find("water-06")].path
    clip = read_frames(path, rate=15, start=video_encoder.starts(path)[0], count=16)
    flat = load_weights("resnet18")
    state = {name: x.contiguous() for name, x in inflate(flat.state).items()}
    untrained = SimpleNamespace(stored=lambda: state, path=flat.path, sha256="1", note="")
    blind = VideoEncoder(device="cpu", weights=time_blind(video_encoder.weights))
    inflated = VideoEncoder(device="cpu", weights=untrained)
    for encoder, low, high in ((video_encoder, 0, 0.97), (inflated, 0.999, 1.001)):
        forwards, backwards = encoder.encode_frames([clip, clip[::-1].copy()])
        assert low < forwards @ backwards < high
    # Of 16 frames only frames 0 and 8 reach a time-blind network's end: each alone gives the same.
    alone = blind.compute(torch.stack([blind.prepare(clip[[t]]) for t in (0, 8)])).mean(axis=0)
    both = blind.encode_frames([clip])[0]
    np.testing.assert_allclose(alone / np.linalg.norm(alone), both, atol=1e-5)


def test_stopping_and_many_files(image_encoder, pictures, monkeypatch):
    """Workers read no more than they can use; a stop ends them though its error is still held."""
    seen, most, before = {"read": [], "embedded": []}, [], threading.active_count()

    def read(path):
        seen["read"].append(path)
        most.append(len(seen["read"]) - len(seen["embedded"]))
        return torch.zeros(1, 3, 224, 224, dtype=torch.uint8)

    def embed(batch):
        time.sleep(0.01)  # the network is slower than the reading, so that pictures pile up
        seen["embedded"].extend(batch)
        if len(seen["embedded"]) == 48:
            raise KeyboardInterrupt
        return torch.ones(len(batch), 512)

    monkeypatch.setattr(image_encoder, "_read", read)
    monkeypatch.setattr(image_encoder, "network", embed)
    assert len(image_encoder.encode([pictures[3]] * 41)) == len(seen["read"]) == 41
    workers = min(image_encoder.most_workers, torch.get_num_threads())
    assert max(most) <= (workers + 1) * image_encoder.batch_size
    seen["embedded"].clear()
    with pytest.raises(KeyboardInterrupt) as caught:
        image_encoder.encode(pictures * 100)
    assert len(seen["read"]) < 41 + 80 and threading.active_count() == before
    assert caught.value.__traceback__ is not None  # it is still held here
    with ThreadPool(1) as pool:  # a later thread calculates with as many cores as ever
        assert pool.apply(torch.get_num_threads) == torch.get_num_threads()
