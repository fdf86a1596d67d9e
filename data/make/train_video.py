"""Train the course's own R3D-18: it learns what moves, and how, from pictures that are set moving.

    python data/make/train_video.py --pictures FOLDER OTHER=0.5 --minutes 90

No films are needed. Each picture becomes a short clip in which the camera moves, a part of another
picture crosses the scene, the scene ripples or flows, or nothing moves. The network starts as the
course's ResNet-18, inflated so that only the middle of three frames counts, and learns four things
at once: to name the motion; to say how fast it is; to keep what the ResNet-18 sees in the middle
frame; and to make clips alike that show the same thing or move the same way. Its first blocks stay
as they are, and only layers 2 and 3 get kernels that are three frames deep.

Kernels of one frame are stored as such, which halves the file; `load_weights` puts zeros before
and behind them. A graphics card is used if there is one. The course itself never runs this.

Sources: Carreira and Zisserman, Quo Vadis, Action Recognition? (2017),
https://arxiv.org/abs/1705.07750 (inflation); Huang and others, Self-supervised Motion Learning
from Static Images (2021), https://arxiv.org/abs/2104.00240 (motion made from pictures).
"""

import argparse
import copy
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.video import R3D_18_Weights, r3d_18
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

from course_utils.weights import inflate, load_weights, see_one_frame

PICTURE_STEPS = ResNet18_Weights.IMAGENET1K_V1.transforms()  # how each network's input
CLIP_STEPS = R3D_18_Weights.KINETICS400_V1.transforms()  # is normalised
MOTIONS = (
    "still", "shake", "ripple", "camera left", "camera right", "camera up", "camera down",
    "nearer", "farther", "turn left", "turn right", "flow left", "flow right", "flow down",
    "thing left", "thing right", "thing up", "thing down",
)  # fmt: skip
# Where that which is seen goes, to the right and down: if the camera moves left, it goes right.
HEADINGS = {
    "camera left": (1, 0), "flow right": (1, 0), "thing right": (1, 0),
    "camera right": (-1, 0), "flow left": (-1, 0), "thing left": (-1, 0),
    "camera up": (0, 1), "flow down": (0, 1), "thing down": (0, 1),
    "camera down": (0, -1), "thing up": (0, -1),
}  # fmt: skip
# Part of the time that is gone, frames of a clip, height and width of its frames.
PLAN = ((0.7, 8, 64), (0.9, 16, 80), (1.0, 16, 112))
DEEP = ("layer2", "layer3")  # blocks whose kernels are three frames deep
LEARNS = ("layer2", "layer3", "layer4")


def make_clips(pictures: torch.Tensor, kind: torch.Tensor, frames: int, side: int):
    """Set pictures moving.

    Args:
        pictures: uint8 of shape (n, 3, height, width).
        kind: which of `MOTIONS` each of them gets, shape (n,).
        frames: how many frames a clip has.
        side: height and width of the frames.

    Returns:
        Clips in 0..1 of shape (n, 3, frames, side, side), and how fast each of them moves, shape
        (n,): 0 for one that stands still, 1 at most.
    """
    n, device = len(pictures), pictures.device

    def draw(low, high, *more):
        return torch.empty((n, *more), device=device).uniform_(low, high)

    def sign(plus, minus=None):
        """Return 1 for clips of one motion, -1 for those of another, else 0; shape (n, 1)."""
        signs = (kind == MOTIONS.index(plus)).float()
        if minus:
            signs = signs - (kind == MOTIONS.index(minus)).float()
        return signs[:, None]

    speed = draw(0.15, 1) * (kind != MOTIONS.index("still"))
    now = torch.linspace(-1, 1, frames, device=device) * speed[:, None]  # (n, frames)

    # Where each pixel of each frame comes from: a window in the picture that moves.
    height, width = draw(0.45, 0.85).sqrt(), draw(0.45, 0.85).sqrt()
    mirror = draw(-1, 1).sign()[:, None]
    size = torch.exp(0.5 * now * sign("farther", "nearer"))
    angle = 0.6 * now * mirror * sign("turn right", "turn left")
    place = torch.zeros(n, frames, 2, 3, device=device)
    place[..., 0, 0] = mirror * width[:, None] * size * angle.cos()
    place[..., 0, 1] = -mirror * width[:, None] * size * angle.sin()
    place[..., 1, 0] = height[:, None] * size * angle.sin()
    place[..., 1, 1] = height[:, None] * size * angle.cos()
    shaking = (
        torch.randn(n, frames, 2, device=device)
        * 0.12
        * (speed[:, None] * sign("shake"))[..., None]
    )
    place[..., 0, 2] = draw(-0.3, 0.3, 1) + 0.35 * now * mirror * sign(
        "camera right", "camera left"
    )
    place[..., 1, 2] = draw(-0.3, 0.3, 1) + 0.35 * now * sign("camera down", "camera up")
    place[..., 2] += shaking
    shape = (n * frames, 3, side, side)
    grid = F.affine_grid(place.flatten(0, 1), shape, align_corners=False)
    grid = grid.view(n, frames, side, side, 2)

    # Water: the scene sways, or a band of it flows.
    line = torch.linspace(-1, 1, side, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    turn, waves = 3 * math.pi * now[..., None, None], draw(6, 18, 1, 1, 1)
    sway = torch.stack([torch.sin(waves * y + turn), torch.cos(waves * x + turn)], dim=-1)
    wide = 0.05 * (0.5 + speed[:, None]) * sign("ripple")
    band = 0.6 * now[..., None, None]
    across = (
        sign("flow left", "flow right")[..., None, None]
        * mirror[..., None, None]
        * band
        * (y.abs() < 0.7)
    )
    down = -sign("flow down")[..., None, None] * band * (x.abs() < 0.6)
    grid = grid + sway * wide[..., None, None, None] + torch.stack([across, down], dim=-1)

    def look(source, grid, padding):
        """Return the frames that a moving window shows, (n, frames, 3, side, side)."""
        source = (source.float() / 255)[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
        seen = F.grid_sample(source, grid.flatten(0, 1), padding_mode=padding, align_corners=False)
        return seen.view(n, frames, 3, side, side)

    clips = look(pictures, grid, "reflection")

    # A round piece of another picture crosses the scene.
    small = draw(2.5, 4.5, 1)
    piece = torch.zeros(n, frames, 2, 3, device=device)
    piece[..., 0, 0] = piece[..., 1, 1] = small
    piece[..., 0, 2] = -0.8 * now * sign("thing right", "thing left") * small
    piece[..., 1, 2] = -0.8 * now * sign("thing down", "thing up") * small
    spot = F.affine_grid(piece.flatten(0, 1), shape, align_corners=False).view_as(grid)
    crosses = sum(sign(f"thing {way}") for way in ("left", "right", "up", "down"))
    inside = (spot.square().sum(-1) < 1).view(n, frames, 1, side, side) * crosses[
        ..., None, None, None
    ]
    clips = clips + inside * (look(pictures.roll(1, 0), spot, "zeros") - clips)

    return recoloured(clips.transpose(1, 2)), speed


def load_networks(device: torch.device, start: Path | None = None):
    """Return the picture network, which is not trained, and the video network.

    Args:
        device: where they run.
        start: a checkpoint to go on from; without it, the video network is the picture network,
            inflated so that only the middle of three frames counts.
    """
    state = load_weights("resnet18").state
    image = resnet18()
    image.load_state_dict(state)
    image.fc = nn.Identity()
    video = r3d_18()
    video.fc = nn.Identity()
    kernels = inflate(state, frames=1)
    for name, kernel in kernels.items():
        if kernel.ndim == 5 and kernel.shape[-1] > 1 and name.split(".")[0] in DEEP:
            kernels[name] = F.pad(kernel, (0, 0, 0, 0, 1, 1))
    see_one_frame(video, kernels)
    video.load_state_dict(load_file(start) if start else kernels)
    for name, block in video.named_children():
        block.requires_grad_(name in LEARNS)
    image = image.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    return image, video.to(device, memory_format=torch.channels_last_3d)


def ask_image(image: nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """Return the picture network's embeddings of the clips' middle frames, (n, 512)."""
    frames = normalised(clips[:, :, clips.shape[2] // 2], PICTURE_STEPS)
    with torch.autocast(clips.device.type, torch.bfloat16):
        return image(frames.contiguous(memory_format=torch.channels_last)).float()


def ask_video(video: nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """Return the video network's embeddings of clips, (n, 512).

    The clips have twice the width and height that the video network sees. Blocks that do not learn
    compute in bfloat16, which is quicker; the others do not, since on CPUs the gradients of
    three-dimensional kernels are then now and then infinite.
    """
    clips = F.avg_pool3d(clips, (1, 2, 2))
    x = normalised(clips, CLIP_STEPS).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(x.device.type, torch.bfloat16):
        x = video.layer1(video.stem(x))
    for name in LEARNS:
        x = getattr(video, name)(x.float())
    return video.avgpool(x).flatten(1)


def alike(embeddings: torch.Tensor) -> torch.Tensor:
    """Return the cosine of each pair, (n, n), after what all of them share was taken away."""
    centred = F.normalize(embeddings - embeddings.mean(0))
    return centred @ centred.T


def move_alike(kind: torch.Tensor) -> torch.Tensor:
    """Return how alike motions are, (n, n).

    1 if they are the same, 1/2 if they only head the same way, -1/2 if they head opposite ways, 0
    for all others.
    """
    ways = torch.tensor([HEADINGS.get(name, (0, 0)) for name in MOTIONS], dtype=torch.float32)
    ways = ways.to(kind.device)[kind]
    return torch.where(kind[:, None] == kind, 1.0, ways @ ways.T / 2)


@torch.inference_mode()
def agreement(image, video, heads, pictures: torch.Tensor) -> dict[str, float]:
    """Set pictures moving and see what the video network makes of them.

    Returns:
        How often the motion is named right, the mean cosine with the picture network's embedding,
        and how many of the three nearest clips move the same way (luck: 1 of 18).
    """
    video.eval()
    torch.manual_seed(1)
    rows = []
    for part in pictures[: len(pictures) // 4 * 4].split(16):
        kind = torch.randint(len(MOTIONS), (len(part),), device=part.device)
        clips, _ = make_clips(part, kind, 16, 2 * PLAN[-1][2])
        rows.append((ask_video(video, clips), ask_image(image, clips), kind))
    ours, theirs, kind = (torch.cat(column) for column in zip(*rows, strict=True))
    nearest = alike(ours).fill_diagonal_(-1).topk(3).indices
    return {
        "motion named right": (heads[0](ours).argmax(1) == kind).float().mean().item(),
        "cosine with the picture network": F.cosine_similarity(ours, theirs).mean().item(),
        "same motion among the nearest three": (kind[nearest] == kind[:, None])
        .float()
        .mean()
        .item(),
    }


def train(image, video, heads, folders, chosen: argparse.Namespace):
    """Train the video network for some minutes.

    Args:
        image: the picture network, which stays as it is.
        video: the network that learns.
        heads: two layers behind it that learn with it: one names the motion, one says how fast.
        folders: each folder's pictures, uint8 of shape (n, 3, height, width).
        chosen: the command line.

    Returns:
        A network with the moving average of the weights, and how many clips were seen.
    """
    device, batch = folders[0].device, chosen.batch
    learned = [p for p in (*video.parameters(), *heads.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=chosen.rate, weight_decay=0.02)
    average = copy.deepcopy(video).eval()
    start, steps, said = time.time(), 0, 0.0
    while (gone := (time.time() - start) / (60 * chosen.minutes)) < 1:
        frames, side = next(row[1:] for row in PLAN if gone < row[0])
        set_rate(optimiser, chosen.rate, gone, steps, warm=50)
        pictures = torch.cat(drawn_from(folders, chosen.shares, batch))
        pictures = pictures[torch.randperm(batch, device=device)]  # any may cross any other
        kind = torch.randint(len(MOTIONS), (batch,), device=device)
        clips, speed = make_clips(pictures, kind, frames, 2 * side)
        for name, block in video.named_children():
            block.train(name in LEARNS)
        theirs, ours = ask_image(image, clips), ask_video(video, clips)
        named = F.cross_entropy(heads[0](ours), kind)
        pace = F.mse_loss(heads[1](ours)[:, 0], speed)
        keeps = 1 - F.cosine_similarity(ours, theirs).mean()
        wanted = (alike(theirs) + move_alike(kind)) / 2  # half what, half how
        pairs = F.mse_loss(alike(ours), wanted)
        loss = named + pace + chosen.keep * keeps + 5 * pairs
        learn(optimiser, loss, learned)
        steps += 1
        follow(average, video, steps, 0.998)
        if gone - said > 0.02:
            said = gone
            print(f"{gone:.0%}, {steps * batch:,} clips, {frames} frames of {side}: motion "
                  f"{named.item():.2f}, cosine {1 - keeps.item():.3f}, pairs {pairs.item():.3f}",
                  flush=True)  # fmt: skip
    return average, steps * batch


def main() -> None:
    """Read the command line, train, say how well it went, and write the checkpoint."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=folder_and_share, nargs="+", required=True,
                         metavar="FOLDER=SHARE", help="share of the clips")  # fmt: skip
    options.add_argument("--start", type=Path, help="a checkpoint to go on from")
    options.add_argument("--out", type=Path, default=Path("r3d_18.safetensors"))
    options.add_argument("--minutes", type=float, default=45)
    options.add_argument("--batch", type=int, help="96 on a graphics card, else 16")
    options.add_argument("--rate", type=float, default=7e-4)
    options.add_argument("--keep", type=float, default=1.0, help="weight of what is in the picture")
    options.add_argument("--side", type=int, default=160, help="pictures are kept at this size")
    chosen = options.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen.batch = chosen.batch or (96 if device.type == "cuda" else 16)
    torch.manual_seed(0)
    names, chosen.shares = zip(*chosen.pictures, strict=True)
    folders = [load_pictures(name, chosen.side).to(device) for name in names]
    held = torch.cat([pictures[::20] for pictures in folders])
    asked = held[torch.randperm(len(held))[:400]]  # enough to tell, and soon done
    image, video = load_networks(device, chosen.start)
    heads = nn.ModuleList([nn.Linear(512, len(MOTIONS)), nn.Linear(512, 1)]).to(device)
    print(f"{sum(map(len, folders)):,} pictures, {len(held)} of them held out, on {device}: "
          f"{agreement(image, video, heads, asked)}", flush=True)  # fmt: skip
    kept = [pictures[torch.arange(len(pictures)) % 20 > 0] for pictures in folders]
    video, clips = train(image, video, heads, kept, chosen)
    print(f"{clips:,} clips later: {agreement(image, video, heads, asked)}")
    save(video, chosen.out)


if __name__ == "__main__":
    main()
