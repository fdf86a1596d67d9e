"""The scripts that train the offline checkpoints: what they show, compare, learn and write."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import resnet18

from course_utils.catalog import DATA
from course_utils.weights import OFFLINE, inflate, load_weights

MAKE = Path(__file__).resolve().parents[1] / "data" / "make"


def load(name: str):
    """Import a script of data/make/ as it imports its neighbours there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(MAKE)
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def script():
    return load("train_image")


@pytest.fixture(scope="module")
def video_script():
    return load("train_video")


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    """Write a teacher that has learned nothing, in the form of the real one."""
    timm = pytest.importorskip("timm", reason="needs the extra 'training'")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    teacher = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    save_file(teacher.half().state_dict(), path)
    return path


def noise(folder: Path) -> Path:
    """Write 101 pictures, the fewest that are enough."""
    folder.mkdir(parents=True)
    for i in range(101):
        pixels = np.random.default_rng(i).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_crops_are_squares_in_range_and_some_are_mirrored(script):
    torch.manual_seed(0)
    ramp = torch.arange(64).repeat(3, 64, 1).to(torch.uint8) * 4  # brighter to the right
    crops = script.random_crops(ramp.repeat(64, 1, 1, 1), 48, 0.15, 1.0)
    assert crops.shape == (64, 3, 48, 48) and 0 <= crops.min() and crops.max() <= 1
    rises = crops[..., -1].mean(dim=(1, 2)) > crops[..., 0].mean(dim=(1, 2))
    assert 0.2 < rises.float().mean() < 0.8


def test_difference_is_zero_for_equal_scores_and_grows(script):
    wanted = torch.randn(4, 1000)
    assert abs(script.difference(wanted + 3, wanted).item()) < 1e-4  # a constant changes nothing
    near = script.difference(wanted + 0.1 * torch.randn(4, 1000), wanted)
    far = script.difference(wanted + torch.randn(4, 1000), wanted)
    assert 0 < near < far


def test_resemblance_is_zero_for_the_same_neighbours_and_grows(script):
    torch.manual_seed(0)
    one, other = (torch.nn.functional.normalize(torch.randn(24, 8)) for _ in range(2))
    turn = torch.linalg.qr(torch.randn(8, 8)).Q  # another basis: all cosines stay
    assert abs(script.resemblance(one, one @ turn, 12).item()) < 1e-4
    moved = torch.nn.functional.normalize(one + 0.1 * torch.randn(24, 8))
    near = script.resemblance(one, moved, 12)
    far = script.resemblance(one, other, 12)
    assert 0 < near < far


def test_a_network_agrees_with_itself(script, teacher_file, monkeypatch):
    teacher = script.load_teacher(teacher_file, torch.device("cpu"))
    monkeypatch.setattr(script, "ask_student", script.ask_teacher)
    pictures = torch.randint(0, 255, (12, 3, 64, 64), dtype=torch.uint8)
    found = script.agreement(teacher, teacher, pictures)
    assert found["difference"] < 1e-4
    assert found["same best class"] == found["same nearest five"] == 1


def test_students_embedding_is_what_the_course_searches_with(script):
    torch.manual_seed(0)
    student = resnet18().eval()
    embeddings, scores = script.ask_student(student, torch.rand(2, 3, 64, 64))
    assert embeddings.shape == (2, 512) and torch.allclose(student.fc(embeddings), scores)


@pytest.mark.parametrize("keep", [True, False])
def test_training_brings_the_student_closer_and_writes_a_checkpoint(
    script, teacher_file, tmp_path, monkeypatch, capsys, keep
):
    folder = noise(tmp_path / "pictures" / "deep")
    (folder / "broken.jpg").write_text("no picture")
    monkeypatch.setattr(script, "PLAN", ((0.5, 48, 0.5, 1.0), (1.0, 64, 0.5, 1.0)))
    torch.manual_seed(1)
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    save_file(resnet18().half().state_dict(), start)
    command = [
        "train_image.py", "--pictures", str(folder.parent), "--teacher", str(teacher_file),
        "--start", str(start), "--out", str(out), "--minutes", "0.2", "--batch", "8",
        "--side", "64",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", command + ["--keep"] * keep)
    script.main()
    printed = capsys.readouterr().out
    assert "broken.jpg' is not a picture" in printed
    assert "101 pictures, 6 of them held out" in printed
    numbers = [float(line.partition("'difference': ")[2].partition(",")[0])
               for line in printed.splitlines() if "difference" in line]  # fmt: skip
    assert len(numbers) == 2 and numbers[1] < numbers[0]
    state = load_file(out)
    assert state["fc.weight"].dtype == torch.float16
    resnet18().load_state_dict(state)
    begun = load_file(start)
    for name in ("conv1.weight", "bn1.running_mean", "layer1.1.conv2.weight"):
        assert torch.equal(state[name], begun[name]) == keep, f"{name} with keep={keep}"
    for name in ("layer2.0.conv1.weight", "layer4.1.bn2.running_mean", "fc.bias"):
        assert not torch.equal(state[name], begun[name]), f"{name} was to be trained"


def test_a_new_network_has_no_beginning_to_keep(script, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["train_image.py", "--pictures", ".", "--teacher", ".", "--keep"]
    )
    with pytest.raises(SystemExit):
        script.main()
    assert "--keep needs --start" in capsys.readouterr().err


def test_no_pictures_and_too_few_are_refused_in_words(script, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="There are no pictures in .* files that end in"):
        script.load_pictures(tmp_path, 32)
    Image.new("RGB", (40, 40)).save(tmp_path / "one.png")
    command = ["train_image.py", "--pictures", str(tmp_path), "--teacher", "never read"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="1 pictures are too few .* bring at least 101"):
        script.main()


# ---- the video network ----


def disc(n: int, radius: float = 14) -> torch.Tensor:
    """Return n pictures of a bright disc on black, uint8 of shape (n, 3, 96, 96)."""
    y, x = torch.meshgrid(torch.arange(96) - 47.5, torch.arange(96) - 47.5, indexing="ij")
    return ((x**2 + y**2 < radius**2) * 255).to(torch.uint8).expand(n, 3, 96, 96).clone()


def path_of_light(clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return where the light of each clip goes to the right and down, and how it grows, (n,)."""
    light = (clips - clips.amin(dim=(1, 2, 3, 4), keepdim=True)).mean(dim=1)
    line = torch.linspace(-1, 1, light.shape[-1])
    amount = light.sum(dim=(2, 3))
    across = (light * line).sum(dim=(2, 3)) / amount
    down = (light * line[:, None]).sum(dim=(2, 3)) / amount
    return across[:, -1] - across[:, 0], down[:, -1] - down[:, 0], amount[:, -1] / amount[:, 0]


@pytest.mark.parametrize("motion", [
    "camera left", "camera right", "camera up", "camera down", "flow left", "flow right",
    "flow down",
])  # fmt: skip
def test_what_is_seen_moves_as_the_motion_is_called(video_script, motion):
    way = video_script.HEADINGS[motion]
    torch.manual_seed(0)
    kind = torch.full((16,), video_script.MOTIONS.index(motion))
    clips, speed = video_script.make_clips(disc(16), kind, 8, 64)
    assert clips.shape == (16, 3, 8, 64, 64) and 0 <= clips.min() and clips.max() <= 1
    assert 0.15 <= speed.min() and speed.max() <= 1
    across, down, _ = path_of_light(clips)
    for moved, wanted in ((across, way[0]), (down, way[1])):
        if wanted:
            assert (moved.sign() == wanted).float().mean() > 0.8  # a few leave the window
        else:
            assert moved.abs().median() < 0.05


@pytest.mark.parametrize("motion", ["thing left", "thing right", "thing up", "thing down"])
def test_a_piece_of_another_picture_crosses_the_scene(video_script, motion):
    way = video_script.HEADINGS[motion]
    torch.manual_seed(0)
    pictures = torch.zeros(16, 3, 96, 96, dtype=torch.uint8)
    pictures[::2] = 255  # a white piece crosses black scenes, and the other way round
    kind = torch.full((16,), video_script.MOTIONS.index(motion))
    clips, _ = video_script.make_clips(pictures, kind, 8, 64)
    across, down, _ = path_of_light(clips[1::2])
    assert torch.equal(torch.stack([across, down]).round(decimals=1).sign().median(1).values,
                       torch.tensor(way, dtype=torch.float32))  # fmt: skip


def test_nearer_grows_and_farther_shrinks(video_script):
    torch.manual_seed(0)
    for motion, larger in (("nearer", True), ("farther", False)):
        kind = torch.full((16,), video_script.MOTIONS.index(motion))
        *_, grows = path_of_light(video_script.make_clips(disc(16, 8), kind, 8, 64)[0])
        assert ((grows > 1) == larger).float().mean() > 0.8


def test_still_clips_stand_still_and_all_others_move(video_script):
    torch.manual_seed(0)
    count = len(video_script.MOTIONS)
    pictures = torch.randint(0, 255, (count, 3, 12, 12), dtype=torch.uint8)
    pictures = pictures.repeat_interleave(8, 2).repeat_interleave(8, 3)
    clips, speed = video_script.make_clips(pictures, torch.arange(count), 8, 64)
    changes = (clips[:, :, 1:] - clips[:, :, :-1]).abs().mean(dim=(1, 2, 3, 4))
    assert changes[0] < 1e-6 and speed[0] == 0
    assert (changes[1:] > 0.002).all(), dict(zip(video_script.MOTIONS, changes, strict=True))


def test_motions_are_alike_if_they_head_the_same_way(video_script):
    names = ("camera left", "thing right", "thing left", "flow down", "ripple", "ripple")
    kind = torch.tensor([video_script.MOTIONS.index(name) for name in names])
    alike = video_script.move_alike(kind)
    assert torch.equal(alike, alike.T) and (alike.diagonal() == 1).all()
    assert alike[0].tolist() == [1, 0.5, -0.5, 0, 0, 0]
    assert alike[4].tolist() == [0, 0, 0, 0, 1, 1]


def test_the_video_network_begins_as_the_picture_network_frame_by_frame(video_script):
    torch.manual_seed(0)
    image, video = video_script.load_networks(torch.device("cpu"))
    video.eval()
    picture = torch.rand(1, 3, 1, 64, 64)
    with torch.inference_mode():
        one = video(picture.expand(-1, -1, 8, -1, -1))
        other = video(picture)
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
        first = image.relu(image.bn1(image.conv1(picture[:, :, 0])))
        torch.testing.assert_close(video.stem(picture)[:, :, 0], first, atol=1e-4, rtol=1e-3)
    learns = {name.split(".")[0] for name, p in video.named_parameters() if p.requires_grad}
    assert learns == set(video_script.LEARNS)
    assert video.layer4[0].conv1[0].weight.shape[2] == 1
    assert video.layer3[0].conv1[0].weight.shape[2] == 3


def test_training_writes_a_video_checkpoint_that_the_course_can_load(
    video_script, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "weights" / "r3d_18.safetensors"
    out.parent.mkdir()
    monkeypatch.setattr(video_script, "PLAN", ((0.5, 4, 32), (1.0, 8, 32)))
    command = ["train_video.py", "--pictures", str(noise(tmp_path / "pictures")),
               "--out", str(out), "--minutes", "0.1", "--batch", "4", "--side", "48"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", command)
    video_script.main()
    printed = capsys.readouterr().out
    assert "101 pictures, 6 of them held out" in printed
    assert printed.count("motion named right") == 2
    _, further = video_script.load_networks(torch.device("cpu"), start=out)
    first = load_file(out)["layer2.0.conv1.0.weight"]
    assert torch.equal(further.state_dict()["layer2.0.conv1.0.weight"], first.float())
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(out.parent))
    state = load_weights("r3d_18").state
    begun = inflate(load_file(DATA / "weights" / OFFLINE["resnet18"][0]), frames=1)
    stem, deep = "stem.0.weight", "layer3.0.conv1.0.weight"
    assert torch.equal(state[stem][:, :, 1:2], begun[stem].half())
    assert not torch.equal(state[deep][:, :, 1:2], begun[deep].half())
    assert state[deep][:, :, 0].any() and not state["layer4.1.conv2.0.weight"][:, :, 0].any()
