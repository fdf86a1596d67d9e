"""The scripts that train the offline checkpoints: what they show, compare, learn and write."""

import importlib
import itertools
import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize
from torchvision.models import resnet18

from course_utils.catalog import DATA
from course_utils.weights import inflate, load_weights

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DATA / "make")
    names = ("train_image", "train_video", "training_pictures", "images")
    IMAGE, VIDEO, PICTURES, COURSE = map(importlib.import_module, names)


@pytest.fixture
def noise(tmp_path):
    """Write 101 pictures, the fewest that are enough."""
    folder = tmp_path / "pictures" / "deep"
    folder.mkdir(parents=True)
    for i in range(101):
        pixels = np.random.default_rng(i).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def run(monkeypatch, script, *words):
    """Run a script with this command line; for it, each step of training takes a second."""
    clock = itertools.count()
    monkeypatch.setattr(script, "time", SimpleNamespace(time=lambda: next(clock)))
    monkeypatch.setattr(sys, "argv", ["script", *map(str, words)])
    script.main()


def test_crops_are_squares_in_range_some_mirrored_and_folders_give_their_shares(monkeypatch):
    torch.manual_seed(0)
    ramp = torch.arange(64).repeat(3, 64, 1).to(torch.uint8) * 4  # brighter to the right
    crops = IMAGE.random_crops(ramp.repeat(64, 1, 1, 1), 48, 0.15, 1.0)
    assert crops.shape == (64, 3, 48, 48) and 0 <= crops.min() and crops.max() <= 1
    assert 0.2 < (crops[..., -1] - crops[..., 0]).mean(dim=(1, 2)).gt(0).float().mean() < 0.8
    # folders give their shares, and small pictures larger parts
    dark, light = (torch.full((9, 3, side, side), side, dtype=torch.uint8) for side in (64, 224))
    shares = [IMAGE.folder_and_share(text)[1] for text in ("a/b=3", "c")]
    crops = IMAGE.crops_of([dark, light], shares, 200, 32, 0.15, 1.0)
    assert 0.65 < (crops.mean(dim=(1, 2, 3)) < 0.5).float().mean() < 0.85
    monkeypatch.setattr(IMAGE, "random_crops", lambda chosen, side, *part: torch.tensor([part]))
    assert IMAGE.crops_of([dark], [1], 5, 32, 0.15, 1.0).tolist() == [[0.75**2, 1.0]]


def test_equal_networks_agree_and_others_do_less_the_more_they_differ(monkeypatch):
    torch.manual_seed(0)
    wanted, other, turn = torch.randn(3, 24, 24)
    apart = [IMAGE.difference(wanted + x, wanted).item() for x in (3, 0.1 * other, other)]
    assert abs(apart[0]) < 1e-4 and 0 < apart[1] < apart[2]  # a constant changes nothing
    turned = wanted @ torch.linalg.qr(turn).Q  # another basis: all cosines stay
    apart = [IMAGE.resemblance(normalize(wanted), normalize(x), 12).item()
             for x in (turned, wanted + 0.1 * other, other)]  # fmt: skip
    assert abs(apart[0]) < 1e-4 and 0 < apart[1] < apart[2]
    student, pictures = resnet18().eval(), torch.randint(0, 255, (12, 3, 64, 64)).to(torch.uint8)
    embeddings, scores = IMAGE.ask_student(student, pictures[:2] / 255)
    assert embeddings.shape == (2, 512) and torch.allclose(student.fc(embeddings), scores)
    monkeypatch.setattr(IMAGE, "ask_teacher", IMAGE.ask_student)
    apart, *same = IMAGE.agreement(student, student, pictures).values()
    assert apart < 1e-4 and same == [1, 1]


def test_training_brings_the_student_closer_and_goes_on(noise, tmp_path, monkeypatch, capsys):
    timm = pytest.importorskip("timm", reason="needs the extra 'training'")
    (noise / "broken.jpg").write_text("no picture")
    monkeypatch.setattr(IMAGE, "PLAN", ((0.5, 48, 0.5, 1.0), (1.0, 64, 0.5, 1.0)))
    monkeypatch.setattr(IMAGE, "TEACHER", 64)
    torch.manual_seed(1)
    teacher, start, out, state = (tmp_path / name for name in ("teacher", "start", "out", "state"))
    save_file(timm.create_model("tf_efficientnet_lite0").half().state_dict(), teacher)
    save_file(resnet18().half().state_dict(), start)
    words = ["--pictures", noise.parent, f"{noise}=2", "--teacher", teacher, "--start", start,
             "--out", out, "--state", state, "--batch", "8", "--minutes"]  # fmt: skip
    run(monkeypatch, IMAGE, *words, "1")
    printed = capsys.readouterr().out
    assert "broken.jpg' is not a picture" in printed and printed.count("101 pictures, 6 of") == 4
    numbers = [float(line.partition("'difference': ")[2].partition(",")[0])
               for line in printed.splitlines() if "difference" in line]  # fmt: skip
    assert numbers[2] < numbers[0] and numbers[3] < numbers[1]  # two folders before, two after
    first, learned = torch.load(state), load_file(out)
    assert learned["fc.weight"].dtype == torch.float16
    assert not torch.equal(learned["conv1.weight"], load_file(start)["conv1.weight"])
    run(monkeypatch, IMAGE, *words, "1.1")
    assert f"goes on after {first['counts'][1]:,} crops" in capsys.readouterr().out
    assert all(a > b for a, b in zip(torch.load(state)["counts"], first["counts"], strict=True))
    assert not torch.equal(load_file(out)["fc.bias"], learned["fc.bias"])


def test_no_pictures_and_too_few_are_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="There are no pictures in .* files that end in"):
        IMAGE.load_pictures(tmp_path, 32)
    Image.new("RGB", (40, 40)).save(tmp_path / "one.png")
    with pytest.raises(SystemExit, match="1 pictures are too few .* bring at least 101"):
        run(monkeypatch, IMAGE, "--pictures", tmp_path, "--teacher", "never read")


def test_pictures_to_train_on_are_not_the_courses(tmp_path):
    rounds = [PICTURES.jobs(number) for number in range(100)]
    seeds = [seed for jobs in rounds for _, seed in jobs]
    assert len(set(seeds)) == len(seeds) and min(seeds) >= 1_000_000  # the course's: below 100,000
    assert all({kind for kind, _ in jobs} == set(PICTURES.KINDS) for jobs in rounds)
    made = {repr(PICTURES.thing(kind, random.Random(seed))) for jobs in rounds
            for kind, seed in jobs if kind not in ("place", "film", "bottle")}  # fmt: skip
    # these leave little to choose; like bottles they get other proportions and tones when built
    few = ("('key_bunch'", "('marbles'", "('skeleton_key'")
    assert all(text.startswith(few) for text in made & set(map(repr, COURSE.OBJECTS.values())))
    # and a planted copy of a picture of the course is refused
    course = [DATA / "images" / f"{name}-01.jpg" for name in ("pen", "cup", "lamp")]
    pictures = [tmp_path / f"{name}.webp" for name in ("copy", "mirrored", "other")]
    planted = ImageEnhance.Brightness(Image.open(course[1])).enhance(1.2).resize((200, 150))
    planted.save(pictures[0])
    planted.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(pictures[1])
    Image.open(DATA / "images" / "ball-01.jpg").save(pictures[2])
    for cosine, found in ((0, [course[1], course[1], None]), (0.97, [course[0]] * 3)):
        rows = lambda paths, c=cosine: np.full((len(paths), 1), c**0.5)  # noqa: E731
        assert PICTURES.too_alike(pictures, course, rows) == found


def clips_of(motion: str, pictures: torch.Tensor):
    """Set all pictures moving; gives clips, speeds, and the light's way right, down and growth."""
    torch.manual_seed(0)
    kind = torch.full((len(pictures),), VIDEO.MOTIONS.index(motion))
    clips, speed = VIDEO.make_clips(pictures, kind, 8, 64)
    light = (clips - clips.amin(dim=(1, 2, 3, 4), keepdim=True)).mean(dim=1)
    line, amount = torch.linspace(-1, 1, 64), light.sum(dim=(2, 3))
    ends = [(light * way).sum(dim=(2, 3)) / amount for way in (line, line[:, None])]
    return clips, speed, *(x[:, -1] - x[:, 0] for x in ends), amount[:, -1] / amount[:, 0]


def test_what_is_seen_moves_as_the_motion_is_called_and_only_still_clips_stand_still():
    y, x = torch.meshgrid(torch.arange(96) - 47.5, torch.arange(96) - 47.5, indexing="ij")
    discs = [((x**2 + y**2 < radius**2) * 255).to(torch.uint8).expand(16, 3, 96, 96)
             for radius in (14, 8)]  # fmt: skip
    pieces = torch.zeros(32, 3, 96, 96, dtype=torch.uint8)
    pieces[::2] = 255  # a white piece of another picture crosses black scenes
    assert {name.split()[0] for name in VIDEO.HEADINGS} == {"camera", "flow", "thing"}
    for motion, heading in VIDEO.HEADINGS.items():
        things = motion.startswith("thing")
        clips, speed, *ways, _ = clips_of(motion, pieces if things else discs[0])
        assert clips.shape[1:] == (3, 8, 64, 64) and 0 <= clips.min() and clips.max() <= 1
        assert 0.15 <= speed.min() and speed.max() <= 1
        for moved, wanted in zip(ways, heading, strict=True):
            moved = moved[1::2] if things else moved
            some = (moved.sign() == wanted).float().mean() > 0.8  # a few leave the window
            assert some if wanted else moved.abs().median() < 0.05
    for motion, larger in (("nearer", True), ("farther", False)):
        assert ((clips_of(motion, discs[1])[-1] > 1) == larger).float().mean() > 0.8
    count = len(VIDEO.MOTIONS)
    pictures = torch.randint(0, 255, (count, 3, 12, 12), dtype=torch.uint8)
    pictures = pictures.repeat_interleave(8, 2).repeat_interleave(8, 3)
    clips, speed = VIDEO.make_clips(pictures, torch.arange(count), 8, 64)
    changes = clips.diff(dim=2).abs().mean(dim=(1, 2, 3, 4))
    assert changes[0] < 1e-6 and speed[0] == 0
    assert (changes[1:] > 0.002).all(), dict(zip(VIDEO.MOTIONS, changes, strict=True))
    names = ("camera left", "thing right", "thing left", "flow down", "ripple", "ripple")
    alike = VIDEO.move_alike(torch.tensor([VIDEO.MOTIONS.index(name) for name in names]))
    assert torch.equal(alike, alike.T) and (alike.diagonal() == 1).all()
    assert alike[[0, 4]].tolist() == [[1, 0.5, -0.5, 0, 0, 0], [0, 0, 0, 0, 1, 1]]


def test_the_video_network_begins_as_the_picture_network_frame_by_frame():
    torch.manual_seed(0)
    image, video = VIDEO.load_networks(torch.device("cpu"))
    picture, close = torch.rand(1, 3, 1, 64, 64), {"atol": 1e-4, "rtol": 1e-3}
    with torch.inference_mode():
        one = video.eval()(picture.expand(-1, -1, 8, -1, -1))
        torch.testing.assert_close(one, video(picture), **close)
        first = image.relu(image.bn1(image.conv1(picture[:, :, 0])))
        torch.testing.assert_close(video.stem(picture)[:, :, 0], first, **close)
    learns = {name.split(".")[0] for name, p in video.named_parameters() if p.requires_grad}
    assert learns == set(VIDEO.LEARNS)
    assert [x[0].conv1[0].weight.shape[2] for x in (video.layer3, video.layer4)] == [3, 1]


def test_training_writes_a_video_checkpoint_that_loads(noise, tmp_path, monkeypatch, capsys):
    out = tmp_path / "r3d_18.safetensors"
    monkeypatch.setattr(VIDEO, "PLAN", ((0.5, 4, 32), (1.0, 8, 32)))
    words = ["--pictures", noise, "--out", out, "--batch", "4", "--side", "48", "--minutes", "0.3"]
    run(monkeypatch, VIDEO, *words)
    said = capsys.readouterr().out
    assert "6 of them held out" in said and said.count("motion named right") == 2
    _, further = VIDEO.load_networks(torch.device("cpu"), start=out)
    assert all(x.equal(load_file(out)[name].float()) for name, x in further.named_parameters())
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    state = load_weights("r3d_18").state
    begun = inflate(load_file(DATA / "weights" / "resnet18-course.safetensors"), frames=1)
    stem, deep = "stem.0.weight", "layer3.0.conv1.0.weight"
    assert torch.equal(state[stem][:, :, 1:2], begun[stem].half())
    assert not torch.equal(state[deep][:, :, 1:2], begun[deep].half())
    assert state[deep][:, :, 0].any() and not state["layer4.1.conv2.0.weight"][:, :, 0].any()
