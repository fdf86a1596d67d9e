"""The script that trains the offline checkpoint: what it crops, compares, learns and writes."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import resnet18

timm = pytest.importorskip("timm", reason="needs the extra 'training'")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    path = ROOT / "data" / "make" / "train_image.py"
    spec = importlib.util.spec_from_file_location("train_image", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    """Write a teacher that has learned nothing, in the form of the real one."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    teacher = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    save_file(teacher.half().state_dict(), path)
    return path


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


def test_training_brings_the_student_closer_and_writes_a_checkpoint(
    script, teacher_file, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "pictures" / "deep"
    folder.mkdir(parents=True)
    for i in range(101):
        noise = np.random.default_rng(i).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
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
    monkeypatch.setattr(sys, "argv", command)
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
    assert not torch.equal(state["conv1.weight"], load_file(start)["conv1.weight"])


def test_no_pictures_and_too_few_are_refused_in_words(script, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="There are no pictures in .* files that end in"):
        script.load_pictures(tmp_path, 32)
    Image.new("RGB", (40, 40)).save(tmp_path / "one.png")
    command = ["train_image.py", "--pictures", str(tmp_path), "--teacher", "never read"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="1 pictures are too few .* bring at least 101"):
        script.main()
