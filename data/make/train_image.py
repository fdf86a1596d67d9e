"""Train the course's own ResNet-18: it learns to repeat what a larger network says.

    python data/make/train_image.py --pictures FOLDER=3 OTHER=1 --teacher FILE --minutes 60
    python data/make/train_image.py ... --start data/weights/resnet18-course.safetensors
    python data/make/train_image.py ... --state FILE    stop at any time, and go on from there

Both networks see the same crop of the same picture (the small one with fewer pixels), and the
small one learns to give the answers of the large one: its 1,000 class scores, the direction of its
embedding, and which pictures resemble which. No labels are needed. Of each folder one picture in
twenty is never trained on; how well the two networks agree on these is printed before and after.

Sources: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015),
https://arxiv.org/abs/1503.02531; Beyer and others, Knowledge distillation: A good teacher is
patient and consistent (2022), https://arxiv.org/abs/2106.05237; Abbasi Koohpayegani and others,
CompRess: Self-Supervised Learning by Compressing Representations (2020),
https://arxiv.org/abs/2010.14713.

Needs timm (`uv sync --extra training`). The teacher is EfficientNet-Lite0 in timm's form,
`tf_efficientnet_lite0`. A graphics card is used if there is one. The course itself never runs this.
"""

import argparse
import copy
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18
from training import (
    drawn_from,
    folder_and_share,
    follow,
    learn,
    load_pictures,
    normalised,
    recoloured,
    save,
    set_rate,
)

STEPS = ResNet18_Weights.IMAGENET1K_V1.transforms()  # how its pictures are normalised
# Part of the time that is gone: pixels of the student's crops, smallest and largest share of the
# picture in a crop.
PLAN = ((0.5, 112, 0.15, 1.0), (0.82, 144, 0.15, 1.0), (1.0, 192, 0.3, 1.0))
TEACHER = 160  # pixels of the teacher's crops, or as many as the student's if those are more
FINEST = 48  # pixels of a picture that a crop's side has at least: less is only blur
REMEMBERED = 2048  # pictures of earlier steps, with which those of a step are compared


def load_teacher(path: Path, device: torch.device) -> nn.Module:
    """Return EfficientNet-Lite0, which names 1,000 classes and is not trained."""
    import timm

    teacher = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    teacher.load_state_dict(load_file(path))
    teacher = teacher.eval().requires_grad_(False)
    return teacher.to(device, memory_format=torch.channels_last)


def load_student(path: Path | None, device: torch.device) -> nn.Module:
    """Return a ResNet-18, new or as a checkpoint left it."""
    student = resnet18(weights=None)
    if path:
        student.load_state_dict(load_file(path))
    return student.to(device, memory_format=torch.channels_last)


def ask_teacher(teacher: nn.Module, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the teacher's embeddings (n, 1280) and class scores (n, 1000) of crops in 0..1."""
    x = ((crops * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
    cells = teacher.forward_features(x)
    return cells.mean(dim=(2, 3)), teacher.forward_head(cells)


def ask_student(student: nn.Module, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the student's embeddings (n, 512) and class scores (n, 1000) of crops in 0..1."""
    x = normalised(crops, STEPS).contiguous(memory_format=torch.channels_last)
    for name, layer in student.named_children():
        if name != "fc":
            x = layer(x)
    return x.flatten(1), student.fc(x.flatten(1))


def random_crops(pictures: torch.Tensor, side: int, least: float, most: float) -> torch.Tensor:
    """Return one crop of each picture, some mirrored, with other brightness, contrast and colour.

    Args:
        pictures: uint8 of shape (n, 3, height, width).
        side: height and width of the crops.
        least: the smallest share of a picture's area that a crop has.
        most: the largest.

    Returns:
        Numbers in 0..1 of shape (n, 3, side, side).
    """
    n, device = len(pictures), pictures.device

    def draw(low, high, shape=(n,)):
        return torch.empty(shape, device=device).uniform_(low, high)

    area, ratio = draw(least, most), torch.exp(draw(-0.3, 0.3))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    place = torch.zeros(n, 2, 3, device=device)
    place[:, 0, 0] = width * draw(-1, 1).sign()
    place[:, 1, 1] = height
    place[:, 0, 2], place[:, 1, 2] = draw(-1, 1) * (1 - width), draw(-1, 1) * (1 - height)
    grid = F.affine_grid(place, (n, 3, side, side), align_corners=False)
    crops = F.grid_sample(pictures.float() / 255, grid, align_corners=False)
    crops = recoloured(crops)
    one = (n, 1, 1, 1)
    share = draw(0, 0.5, one) * (draw(0, 1, one) < 0.5)  # half of them get a little of another one
    return (1 - share) * crops + share * crops[torch.randperm(n, device=device)]


def crops_of(folders: list[torch.Tensor], shares: list[float], batch: int, side: int, least: float,
             most: float) -> torch.Tensor:  # fmt: skip
    """Return crops as `random_crops` does, of pictures drawn from several folders by shares."""
    parts = []
    for chosen in drawn_from(folders, shares, batch):
        low = min(most, max(least, (FINEST / chosen.shape[-1]) ** 2))
        parts.append(random_crops(chosen, side, low, most))
    return torch.cat(parts)


def difference(given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return how far class scores are from the teacher's (Kullback-Leibler, temperature 2)."""
    given, wanted = F.log_softmax(given / 2, 1), F.log_softmax(wanted / 2, 1)
    return 4 * F.kl_div(given, wanted, log_target=True, reduction="batchmean")


def resemblance(given: torch.Tensor, wanted: torch.Tensor, n: int) -> torch.Tensor:
    """Return how differently two networks say which others each of n pictures resembles.

    A picture's cosines with all others become probabilities (softmax, temperature 0.05); the
    Kullback-Leibler divergence compares those of the two networks.

    Args:
        given: one network's embeddings, of unit length, shape (n or more, d): the n pictures,
            then more pictures to compare them with.
        wanted: the other's, of the same pictures, shape (n or more, e).
        n: how many pictures are asked about.
    """

    def others(x):  # no picture counts as another one
        return F.log_softmax((x[:n] @ x.T / 0.05).fill_diagonal_(-1e4), 1)

    return F.kl_div(others(given), others(wanted), log_target=True, reduction="batchmean")


@torch.inference_mode()
def agreement(student: nn.Module, teacher: nn.Module, pictures: torch.Tensor) -> dict[str, float]:
    """Compare both networks on whole pictures: scores, best class, and the nearest five."""
    student.eval()
    rows = []
    for part in pictures.split(64):
        whole = F.interpolate(part.float() / 255, size=224, mode="bilinear")
        rows.append((*ask_student(student, whole), *ask_teacher(teacher, whole)))
    ours, scores, theirs, wanted = (torch.cat(column) for column in zip(*rows, strict=True))
    nearest = []
    for x in (ours, theirs):
        cosines = F.normalize(x) @ F.normalize(x).T
        nearest.append(cosines.fill_diagonal_(-1).topk(5).indices.cpu().numpy())
    same = [len(set(a) & set(b)) / 5 for a, b in zip(*nearest, strict=True)]
    return {
        "difference": difference(scores, wanted).item(),
        "same best class": (scores.argmax(1) == wanted.argmax(1)).float().mean().item(),
        "same nearest five": float(np.mean(same)),
    }


def train(student, teacher, folders, chosen: Namespace) -> tuple[nn.Module, int]:
    """Train until the minutes are over, those of earlier runs with the same state included.

    Args:
        student: the network that learns.
        teacher: the network that it learns from.
        folders: each folder's pictures, uint8 of shape (n, 3, height, width).
        chosen: the command line; it may change when training goes on.

    Returns:
        A network with the moving average of the student's weights, and how many crops it saw.
    """
    device, batch = folders[0].device, chosen.batch
    bridge = nn.Linear(512, 1280, device=device)  # from the student's embedding to the teacher's
    learned = [p for p in (*student.parameters(), *bridge.parameters()) if p.requires_grad]
    groups = [{"params": [p for p in learned if p.ndim > 1], "weight_decay": 0.02},
              {"params": [p for p in learned if p.ndim < 2], "weight_decay": 0.0}]  # fmt: skip
    optimiser = torch.optim.AdamW(groups, lr=chosen.rate)
    average = copy.deepcopy(student).eval()
    parts = {"student": student, "bridge": bridge, "average": average, "optimiser": optimiser}
    steps, crops_seen, spent = 0, 0, 0.0  # spent: seconds, those of earlier runs included
    if chosen.state and chosen.state.exists():
        state = torch.load(chosen.state, map_location=device, weights_only=True)
        steps, crops_seen, spent = state["counts"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
        print(f"goes on after {crops_seen:,} crops in {spent / 60:.0f} minutes", flush=True)

    def write():  # a run that is cut off while it writes leaves the older file whole
        if chosen.state:
            new = chosen.state.with_suffix(".part")
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save(states | {"counts": (steps, crops_seen, spent)}, new)
            new.replace(chosen.state)
        save(copy.deepcopy(average), chosen.out)

    torch.manual_seed(steps)
    memory = [torch.zeros(0, 512, device=device), torch.zeros(0, 1280, device=device)]
    last = said = wrote = time.time()
    while (gone := spent / (60 * chosen.minutes)) < 1:
        side, least, most = next(row[1:] for row in PLAN if gone < row[0])
        set_rate(optimiser, chosen.rate, gone, steps, warm=200)
        crops = crops_of(folders, chosen.shares, batch, max(TEACHER, side), least, most)
        small = F.interpolate(crops, size=side, mode="bilinear", antialias=True)
        for name, block in student.named_children():
            block.train(name in chosen.learn)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                theirs, wanted = ask_teacher(teacher, crops)
            ours, scores = ask_student(student, small)
            near = F.cosine_similarity(bridge(ours).float(), theirs.float()).mean()
        seen = [torch.cat([F.normalize(x.float()), old])
                for x, old in zip((ours, theirs), memory, strict=True)]  # fmt: skip
        unlike = resemblance(*seen, batch)
        memory = [x[:REMEMBERED].detach() for x in seen]
        loss = difference(scores.float(), wanted.float()) + 2 * (1 - near) + 2 * unlike
        learn(optimiser, loss, learned)
        steps, crops_seen = steps + 1, crops_seen + batch
        follow(average, student, steps, 0.999)
        now = time.time()
        spent, last = spent + min(now - last, 60), now  # a run that is held up does not count
        if now - said > 60:
            said = now
            print(f"{gone:.1%}, {crops_seen:,} crops, side {side}, loss {loss.item():.2f}, "
                  f"direction {near.item():.3f}, resemblance {unlike.item():.2f}",
                  flush=True)  # fmt: skip
        if now - wrote > 600:
            wrote = now
            write()
    write()
    return average, crops_seen


def main() -> None:
    """Read the command line, train, say how well it went, and write the checkpoint."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=folder_and_share, nargs="+", required=True,
                         metavar="FOLDER=SHARE", help="share of the crops")  # fmt: skip
    options.add_argument("--teacher", type=Path, required=True, help="its safetensors file")
    options.add_argument("--start", type=Path, help="a checkpoint to begin with")
    blocks = [name for name, _ in resnet18().named_children()]
    options.add_argument("--learn", nargs="+", default=blocks, choices=blocks,
                         help="the blocks that learn, such as layer4 and fc; else all")  # fmt: skip
    options.add_argument("--state", type=Path, help="written every ten minutes, to go on from")
    options.add_argument("--out", type=Path, default=Path("resnet18.safetensors"))
    options.add_argument("--minutes", type=float, default=25, help="of all runs with this state")
    options.add_argument("--batch", type=int, help="512 on a graphics card, else 64")
    options.add_argument("--rate", type=float, help="0.003 on a graphics card, else 0.001")
    options.add_argument("--side", type=int, default=192, help="pictures are kept no larger")
    chosen = options.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen.batch = chosen.batch or (512 if device.type == "cuda" else 64)
    chosen.rate = chosen.rate or (3e-3 if device.type == "cuda" else 1e-3)
    names, chosen.shares = zip(*chosen.pictures, strict=True)
    folders = [load_pictures(name, chosen.side, enlarge=False).to(device) for name in names]
    held = [pictures[::20] for pictures in folders]
    teacher, student = load_teacher(chosen.teacher, device), load_student(chosen.start, device)
    for name, block in student.named_children():
        block.requires_grad_(name in chosen.learn)

    def report(network, when):
        for name, all_of_it, part in zip(names, folders, held, strict=True):
            print(f"{when}: {name}, {len(all_of_it):,} pictures, {len(part)} of them held out: "
                  f"{agreement(network, teacher, part)}", flush=True)  # fmt: skip

    if not (chosen.state and chosen.state.exists()):
        report(student, "before")
    kept = [pictures[torch.arange(len(pictures)) % 20 > 0] for pictures in folders]
    student, crops = train(student, teacher, kept, chosen)
    report(student, f"after {crops:,} crops")


if __name__ == "__main__":
    main()
