"""Where a network's weights come from, and which were used.

They are looked for in the folder named by COURSE_WEIGHTS_DIR (an instructor's USB stick); else
torchvision's official weights are taken, from torch's cache or downloaded once; else the course's
own offline checkpoint in data/weights/.

COURSE_WEIGHTS=official or =offline asks for one of the last two. A file that is
damaged, of another network, or able to run code is refused by name, never used.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.pool import ThreadPool
from pathlib import Path
from urllib.request import Request, urlopen

import torch
from safetensors.torch import load_file

from course_utils.session import DATA
from course_utils.vision import R3D_18_Weights, ResNet18_Weights, r3d_18, resnet18

CONNECT_SECONDS = 5  # how long to wait for the first answer before going on without internet
STALL_SECONDS = 15  # how long a download may stand still

NETWORKS = {  # name: (how it is built, torchvision's file, how the SHA-256 of the course's begins)
    "resnet18": (resnet18, ResNet18_Weights.IMAGENET1K_V1.url, "b355a0432dfd74d2318209643c5a30eb"),
    "r3d_18": (r3d_18, R3D_18_Weights.KINETICS400_V1.url, "c1f53f360267c9cbbc878c74ace40cec"),
}


class WeightsError(RuntimeError):
    """Weights that cannot be had or must not be used; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """Where a network's parameters are: the file, its SHA-256, and one line for the learner."""

    path: Path
    sha256: str
    note: str
    blind: bool = False

    @property
    def state(self) -> dict:
        """Parameter name -> tensor, as `torch.nn.Module.load_state_dict` takes it; read anew."""
        state = self.stored()
        for name, value in state.items():
            if value.ndim == 5 and value.shape[-1] > value.shape[2] == 1:  # the middle frame:
                state[name] = torch.nn.functional.pad(value, (0, 0, 0, 0, 1, 1))  # zeros around it
        return state

    def stored(self) -> dict:
        """Return parameters as the file has them, kernels that see one frame one frame deep."""
        try:
            plain = self.path.suffix == ".safetensors"
            state = load_file(self.path) if plain else torch.load(self.path, weights_only=True)
            for name, value in state.items():
                if value.ndim == 5 and self.blind:
                    whole = value.sum(dim=2, keepdim=True, dtype=torch.float32)
                    state[name] = whole.to(value.dtype)
            return state
        except Exception:  # a pickle that holds more than numbers could run code
            raise _refused(self.path, "it is not a plain file of weights") from None


def load_weights(network: str = "resnet18") -> Weights:
    """Find the weights of `resnet18` or `r3d_18` as the module's first lines say.

    Raises:
        WeightsError: nothing usable was found where it was asked for.

    Source: https://docs.pytorch.org/vision/stable/models.html
    """
    choice, why = os.environ.get("COURSE_WEIGHTS", "").strip().lower() or "auto", ""
    if choice not in ("auto", "official", "offline"):
        raise WeightsError(f"COURSE_WEIGHTS is {choice!r}; it may be auto, official or offline.")
    if folder := os.environ.get("COURSE_WEIGHTS_DIR"):
        own, official = Path(folder).expanduser(), Path(NETWORKS[network][1]).name
        for path in (own / official, *sorted(own.glob(f"{network}*.safetensors"))):
            if path.is_file():
                return _checked(network, path, f"{path.name} from {folder}")
        said = f"{folder!r} has neither {official} nor a {network}*.safetensors file"
        raise WeightsError(f"COURSE_WEIGHTS_DIR: {said}; put one there or unset the variable.")
    if choice != "offline":
        try:
            path = official_path(network)
            return _checked(network, path, f"official weights, {path.name}")
        except WeightsError as error:
            if choice == "official":
                raise
            why = f" ({error})"
    path = DATA / "weights" / f"{network}-course.safetensors"
    return _checked(network, path, f"the course's offline checkpoint, {path.name}{why}")


def official_path(network: str) -> Path:
    """Return where torchvision's official weights lie in torch's cache, fetched if need be.

    A WeightsError says that they are not there and cannot be reached.
    """
    url = NETWORKS[network][1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not path.exists() and (why := _fetch(url, path)):
        raise WeightsError(f"the official weights could not be fetched: {why}")
    return path


@lru_cache(maxsize=2)
def _fetch(url: str, path: Path) -> str:
    """Download a file; return why that failed, so that a process waits only once."""
    stall = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)  # torch's downloader has no time-out of its own
    try:
        # In a thread, because looking up a host's name has no time-out of its own.
        ThreadPool(1).apply_async(urlopen, [Request(url, method="HEAD")]).get(CONNECT_SECONDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.split("-")[1])
        return ""
    except Exception as error:  # no network, no space, no permission, or the wrong hash
        return str(error) or "no answer in time"
    finally:
        socket.setdefaulttimeout(stall)


def _checked(network: str, path: Path, note: str) -> Weights:
    """Refuse a file whose SHA-256 does not begin as that of the file of its name."""
    official, course = Path(NETWORKS[network][1]), f"{network}-course.safetensors"
    wanted = {official.name: official.stem[-8:], course: NETWORKS[network][2]}.get(path.name, "")
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror})") from None
    if not sha256.startswith(wanted):
        why = f"its SHA-256 is not {wanted[:8]}..., so it is damaged or another file"
        raise _refused(path, why)
    return Weights(path, sha256, note)


def _refused(path: Path, why: str) -> WeightsError:
    return WeightsError(f"{str(path)!r} was refused: {why}; fetch it again from where you trust it")


def build(network: str, weights: Weights) -> torch.nn.Module:
    """Return a network with its weights, as they are in the file, and without its last layer.

    All names and shapes must be the network's; a WeightsError names the first difference.
    """
    model = NETWORKS[network][0]()
    model.fc = torch.nn.Identity()  # what goes in comes out
    state = {name: x for name, x in weights.stored().items() if not name.startswith("fc.")}
    see_one_frame(model, state)
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:300]
        raise _refused(weights.path, f"it does not fit {network} ({first})") from None
    return model.eval().requires_grad_(False)


def see_one_frame(network: torch.nn.Module, state: dict) -> None:
    """Make those kernels of a network one frame deep that are so in a state.

    With zeros before and behind the frame they would give the same answers, for three times the
    work: a time-blind network is made of them, and so is most of the course's own R3D-18.
    """
    for name, conv in network.named_modules():
        kernel = state.get(f"{name}.weight")
        if isinstance(conv, torch.nn.Conv3d) and kernel is not None and kernel.shape[2] == 1:
            conv.kernel_size, conv.padding = (1, *conv.kernel_size[1:]), (0, *conv.padding[1:])
            conv.weight = torch.nn.Parameter(conv.weight[:, :, :1], requires_grad=False)


def inflate(state: dict, frames: int = 3) -> dict:
    """Turn the weights of a ResNet-18 into weights of an R3D-18.

    Each 2-D kernel, (out, in, height, width), is repeated `frames` times along time, after `in`,
    and divided by their number. On a clip whose frames are all the same, such a kernel gives what
    the 2-D kernel gives on one of them. Kernels of 1 x 1, which only mix channels, get a time of 1;
    the last layer is left out.

    Source: Carreira and Zisserman, Quo Vadis, Action Recognition? (2017), section 2.4,
    https://arxiv.org/abs/1705.07750
    Introduced in notebook 2.
    """
    inflated = {}
    for name, value in state.items():
        if value.ndim == 4:
            time = frames if value.shape[-1] > 1 else 1
            # Repeated by `expand`, which costs no memory; loading the network makes the copies.
            value = (value.float() / time).unsqueeze(2).expand(-1, -1, time, -1, -1)
        name = re.sub(r"\b(conv|bn)(\d)\.", lambda x: f"conv{x[2]}.{int(x[1] == 'bn')}.", name)
        inflated[re.sub("^conv1", "stem", name)] = value
    return {name: value for name, value in inflated.items() if not name.startswith("fc.")}


def time_blind(weights: Weights) -> Weights:
    """Return the same video network without a sense of time: the control that must fail.

    Each kernel's sum over time stands in its middle frame, with zeros before and behind it. So no
    frame's answer depends on its neighbours: what was learned about motion is gone, and all else is
    kept. Since three blocks halve the time, only every eighth frame is seen.

    Introduced in notebook 2.
    """
    sha256 = hashlib.sha256(f"time-blind {weights.sha256}".encode()).hexdigest()
    return replace(weights, sha256=sha256, note=f"{weights.note}, made blind to time", blind=True)
