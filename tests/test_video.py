"""The video encoder: inflation, preparation, clips, embeddings, problems."""

import dataclasses

import numpy as np
import pytest
import torch
from films import numbered, write
from torchvision.models import resnet18
from torchvision.models.video import R3D_18_Weights, r3d_18

from course_utils import encoders, video
from course_utils.catalog import Catalog
from course_utils.explain import cell_shares
from course_utils.media import MediaError, read_frames
from course_utils.video import FRAMES, RATE, VideoEncoder, clip_starts
from course_utils.weights import inflate, load_weights


@pytest.fixture(scope="module")
def encoder() -> VideoEncoder:
    return VideoEncoder(device="cpu", progress=False)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Four films of other lengths, sizes and rates; the second is shorter than a clip."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    rolling = np.stack([np.roll(scene, 4 * i, axis=1) for i in range(48)])
    return [
        write(folder / "a.mp4", rolling),
        write(folder / "b.mp4", rolling[:6]),
        write(folder / "c.mp4", numbered(100, 96, 160), rate=10),
        write(folder / "d.mkv", rolling[::-1].transpose(0, 2, 1, 3)),
    ]


@pytest.fixture(scope="module")
def vectors(encoder, paths):
    return encoder.encode(paths)


# ---- inflation ----


def plain(state) -> r3d_18:
    network = r3d_18().eval()
    network.fc = torch.nn.Identity()
    network.load_state_dict(state)
    return network


def test_an_inflated_kernel_answers_a_still_clip_as_the_flat_one_answers_the_picture():
    state = load_weights("resnet18").state
    flat = resnet18().eval()
    flat.load_state_dict(state)
    deep = plain(inflate(state))
    picture = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    clip = picture.unsqueeze(2).expand(-1, -1, 8, -1, -1)
    with torch.inference_mode():
        wanted = flat.relu(flat.bn1(flat.conv1(picture)))
        found = deep.stem(clip)
        torch.testing.assert_close(found[:, :, 4], wanted, atol=1e-4, rtol=1e-4)
        # One layer on it is still so, where the clip's ends have not reached in.
        wanted, found = flat.layer1[0](wanted), deep.layer1[0](found)
        torch.testing.assert_close(found[:, :, 4], wanted, atol=1e-3, rtol=1e-3)


def test_inflation_keeps_sums_and_repeats_along_time():
    state = load_weights("resnet18").state
    inflated = inflate(state)
    assert not any(name.startswith("fc.") for name in inflated)
    for kernel in inflated.values():
        if kernel.ndim == 5:
            assert kernel.shape[2] == (1 if kernel.shape[-1] == 1 else 3)
            assert (kernel == kernel[:, :, :1]).all()
    first = inflated["stem.0.weight"].sum(dim=2)
    torch.testing.assert_close(first, state["conv1.weight"].float(), atol=1e-6, rtol=1e-5)


def test_inflation_invents_no_names():
    theirs = r3d_18().state_dict()
    mine = inflate(load_weights("resnet18").state)
    assert mine.keys() == {name for name in theirs if not name.startswith("fc.")}
    assert all(mine[name].shape == theirs[name].shape for name in mine)


def test_the_offline_network_has_learned_what_an_inflated_one_cannot_see(encoder):
    """A film and itself backwards hold the same frames: only their order differs."""
    catalog = Catalog.load()
    item = catalog[catalog.find("water-06")]
    clip = read_frames(item.path, rate=RATE, start=encoder.starts(item.path)[0], count=FRAMES)
    shots = torch.stack([encoder.prepare(clip), encoder.prepare(clip[::-1].copy())])
    cosines = {}
    untrained = plain(inflate(load_weights("resnet18").state))
    for name, network in (("untrained", untrained), ("trained", encoder.network)):
        with torch.inference_mode():
            one, other = torch.nn.functional.normalize(network(encoder.normalize(shots)))
        cosines[name] = float(one @ other)
    assert cosines["untrained"] > 0.999 and cosines["trained"] < 0.97, cosines


# ---- which seconds ----


@pytest.mark.parametrize("seconds", [0.06, 0.5, 1.07, 1.5, 3.0, 5.9, 10.0, 61.0, 600.0])
@pytest.mark.parametrize("clips", [None, 1, 3, 50])
def test_clips_lie_inside_the_video_and_do_not_overlap(seconds, clips):
    starts = clip_starts(seconds, clips)
    length = FRAMES / RATE
    assert 1 <= len(starts) <= (clips or 5)
    assert all(start >= 0 for start in starts)
    assert all(b - a >= length - 1e-9 for a, b in zip(starts, starts[1:], strict=False))
    if seconds >= length:
        assert starts[-1] + length <= seconds + 1e-9
        before, behind = starts[0], seconds - starts[-1] - length
        assert before == pytest.approx(behind, abs=1e-6)  # none of the ends is favoured
    else:
        assert starts == [0]


def test_longer_videos_get_more_clips_up_to_five():
    counts = [len(clip_starts(seconds)) for seconds in (1, 3, 5, 8, 12, 16, 20, 60, 6000)]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == 5


# ---- preparation and embedding ----


def test_prepared_and_embedded_as_torchvision_does_it(encoder, vectors, paths):
    (start,) = encoder.starts(paths[0])
    frames = read_frames(paths[0], rate=15, start=start, count=16)
    steps = R3D_18_Weights.KINETICS400_V1.transforms()
    theirs = steps(torch.from_numpy(frames).permute(0, 3, 1, 2))
    mine = encoder.normalize(encoder.prepare(frames)[None])[0]
    torch.testing.assert_close(mine.contiguous(), theirs.contiguous(), atol=0.02, rtol=0)
    network = plain(
        {name: x for name, x in load_weights("r3d_18").state.items() if not name.startswith("fc.")}
    )
    with torch.inference_mode():
        vector = network(theirs[None])[0].numpy()
    assert vectors[0] @ vector / np.linalg.norm(vector) > 0.9999


def test_rows_have_unit_length_and_their_own_order(encoder, vectors, paths):
    assert vectors.shape == (4, 512) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    again = encoder.encode([str(paths[i]) for i in (2, 0)])
    np.testing.assert_allclose(again, vectors[[2, 0]], atol=1e-5)


@pytest.mark.parametrize("batch_size", [2, 3])
def test_batches_change_nothing(vectors, paths, batch_size):
    other = VideoEncoder(device="cpu", progress=False, batch_size=batch_size)
    np.testing.assert_allclose(other.encode(paths), vectors, atol=1e-4)


def test_a_video_is_the_mean_of_its_clips(encoder, vectors, paths):
    cells = encoder.cells(paths[2])
    starts, clips = encoder.clip_vectors(paths[2])
    assert cells.shape == (len(starts), 2, 7, 7, 512) and len(starts) == 2
    pooled = cells.mean(axis=(1, 2, 3))
    unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, clips, atol=1e-5)
    mean = pooled.mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), vectors[2], atol=1e-5)


def test_shares_over_time_and_place_add_up_to_the_cosine(encoder, vectors, paths):
    shares = cell_shares(encoder.cells(paths[2]), vectors[0])
    assert shares.shape == (2, 2, 7, 7)
    assert shares.sum() == pytest.approx(float(vectors[0] @ vectors[2]), abs=1e-5)


def test_frames_at_hand_give_the_same_vector(encoder, vectors, paths):
    clips = [
        read_frames(path, rate=RATE, start=encoder.starts(path)[0], count=FRAMES)
        for path in paths[:2]
    ]
    np.testing.assert_allclose(encoder.encode_frames(clips), vectors[:2], atol=1e-5)
    with pytest.raises(ValueError, match="has 5 frames"):
        encoder.encode_frames([clips[0][:5]])


def test_another_size(paths):
    large = VideoEncoder(size=224, device="cpu", progress=False)
    assert large.prepare(numbered(2)).shape == (3, 2, 224, 224)
    assert large.resize == [256, 342]
    assert large.cells(paths[1]).shape == (1, 2, 14, 14, 512)


def test_colours_are_not_swapped(encoder):
    frames = np.zeros((16, 128, 171, 3), np.uint8)
    frames[..., 0] = 255
    red = encoder.prepare(frames)
    assert (red[0] == 255).all() and (red[1:] == 0).all()


@pytest.mark.parametrize(
    "options", [{"size": 100}, {"size": 0}, {"clips": 0}, {"batch_size": 0}, {"precision": "fp8"}]
)
def test_wrong_settings(options):
    with pytest.raises(ValueError, match="is"):
        VideoEncoder(**options)


# ---- problems ----


def test_bad_videos_are_named_and_the_others_go_on(encoder, vectors, paths, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    problems = []
    found = encoder.encode([paths[0], bad, paths[2], tmp_path / "gone.mp4"], problems)
    np.testing.assert_allclose(found, vectors[[0, 2]], atol=1e-5)
    assert [problem.path.name for problem in problems] == ["bad.mp4", "gone.mp4"]
    with pytest.raises(MediaError, match=r"bad\.mp4"):
        encoder.encode([paths[0], bad])
    folder = paths[0].parent
    bad_here = folder / "e.mp4"
    bad_here.write_text("no film")
    catalog, rows = encoder.embed(Catalog.from_folder(folder, kind="video"))
    bad_here.unlink()
    assert len(catalog) == len(rows) == 4 and "Left out" in capsys.readouterr().out


def test_nothing_to_encode(encoder):
    assert encoder.encode([]).shape == (0, 512)
    with pytest.raises(TypeError, match="list of paths"):
        encoder.encode("film.mp4")


def test_fingerprint_changes_with_everything_that_changes_vectors(encoder, monkeypatch):
    found = {
        encoder.fingerprint,
        VideoEncoder(size=224).fingerprint,
        VideoEncoder(clips=3).fingerprint,
        VideoEncoder(precision="bf16").fingerprint,
        encoders.ImageEncoder().fingerprint,
    }
    other = dataclasses.replace(encoder.weights, sha256="0" * 64)
    monkeypatch.setattr(video, "load_weights", lambda _: other)
    found.add(VideoEncoder().fingerprint)
    assert len(found) == 6
    monkeypatch.undo()
    assert VideoEncoder(batch_size=5, progress=True).fingerprint == encoder.fingerprint


def test_rankings_stay_the_same_in_bfloat16(vectors, paths):
    half = VideoEncoder(device="cpu", precision="bf16", progress=False).encode(paths)
    assert (np.sum(half * vectors, axis=1) > 0.995).all()


def test_pictures_at_hand_are_encoded_as_files_are(tmp_path):
    from PIL import Image

    frames = numbered(3)
    files = []
    for i, frame in enumerate(frames):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(frame).save(files[-1])
    image_encoder = encoders.ImageEncoder(device="cpu", progress=False)
    np.testing.assert_allclose(
        image_encoder.encode_frames(frames), image_encoder.encode(files), atol=1e-5
    )
