"""Where a network's weights come from, and which were used.

They are looked for in this order:

1. the folder named by COURSE_WEIGHTS_DIR (an instructor's USB stick or a shared drive);
2. torchvision's official weights: from torch's cache, else downloaded once and hash checked;
3. the course's own offline checkpoint in data/weights/.

COURSE_WEIGHTS=official or =offline asks for the second or third and nothing else;
COURSE_WEIGHTS_DIR comes before both. A file that is damaged, of another network, or able to run
code is refused by name, never used.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.video import R3D_18_Weights, r3d_18

from course_utils.session import DATA

CONNECT_SECONDS = 5  # how long to wait for the first answer before going on without internet
STALL_SECONDS = 15  # how long a download may stand still

OFFICIAL = {  # network: (torchvision's weights, what they were trained on)
    "resnet18": (ResNet18_Weights.IMAGENET1K_V1, "ImageNet"),
    "r3d_18": (R3D_18_Weights.KINETICS400_V1, "Kinetics-400"),
}
OFFLINE = {  # network: (file in data/weights/, its SHA-256)
    "resnet18": (
        "resnet18-course.safetensors",
        "e62d47b605cbb50ff21ebfe3d3e08c0919a2aa19e1c701c1f47a7a143d8e5ff7",
    ),
    "r3d_18": (
        "r3d_18-course.safetensors",
        "207e52b2cc9bbc602105a831a5321571b20f7645475010bdf1b9b828a5ba21b9",
    ),
}


class WeightsError(RuntimeError):
    """Weights that cannot be had or must not be used; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """A network's parameters and where they come from.

    Attributes:
        values: the parameters, or a function that reads them, so that they take up no memory.
        kind: `official`, `offline`, `folder`, or what was made from them.
        path: the file.
        sha256: the file's SHA-256, or other digits that stand for the parameters.
        note: one line for the learner.
    """

    values: dict | Callable[[], dict]
    kind: str
    path: Path
    sha256: str
    note: str

    @property
    def state(self) -> dict:
        """Parameter name -> tensor, as `torch.nn.Module.load_state_dict` takes it; read anew."""
        return self.values() if callable(self.values) else self.values


def load_weights(network: str = "resnet18") -> Weights:
    """Find the weights of `resnet18` or `r3d_18` as the module's first lines say.

    Where they are is remembered as long as the process runs.

    Raises:
        WeightsError: nothing usable was found where it was asked for.
        ValueError: COURSE_WEIGHTS has another value than auto, official or offline.

    Source: https://docs.pytorch.org/vision/stable/models.html
    """
    choice = os.environ.get("COURSE_WEIGHTS", "").strip().lower() or "auto"
    if choice not in ("auto", "official", "offline"):
        raise ValueError(f"COURSE_WEIGHTS is {choice!r}; it may be auto, official or offline.")
    return _find(network, choice, os.environ.get("COURSE_WEIGHTS_DIR", ""))


@lru_cache(maxsize=16)
def _find(network: str, choice: str, folder: str) -> Weights:
    published, why = OFFICIAL[network][0].url.rsplit("/", 1)[1], ""
    if folder:
        own = Path(folder).expanduser()
        found = [own / published, *sorted(own.glob(f"{network}*.safetensors"))]
        for path in found:
            if path.is_file():
                return _read(network, path, "folder", f"{path.name} from {own}")
        raise WeightsError(
            f"COURSE_WEIGHTS_DIR is {str(own)!r}, where there is neither {published} nor a "
            f"{network}*.safetensors file; put one there or unset the variable."
        )
    if choice != "offline":
        try:
            path = official_path(network)
            note = f"official {OFFICIAL[network][1]} weights, {path.name}"
            return _read(network, path, "official", note)
        except WeightsError as error:
            if choice == "official":
                raise
            why = f" ({error})"
    name, sha256 = OFFLINE[network]
    note = f"the course's offline checkpoint, {name}{why}"
    return _read(network, DATA / "weights" / name, "offline", note, sha256)


def official_path(network: str) -> Path:
    """Return where torchvision's official weights lie in torch's cache, fetched if need be.

    A WeightsError says that they are not there and cannot be reached.
    """
    url = OFFICIAL[network][0].url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    if path.exists():
        return path
    _probe(url)
    stall = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)  # torch's downloader has no time-out of its own
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=_hash_in(path))
    except Exception as error:  # no network, no space, no permission, or the wrong hash
        raise WeightsError(f"the download of {path.name} failed: {error}") from None
    finally:
        socket.setdefaulttimeout(stall)
    return path


def _probe(url: str) -> None:
    """Ask for five seconds whether `url` can be reached at all."""
    answer: list = ["no answer in time"]

    def ask() -> None:
        try:
            head = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(head, timeout=CONNECT_SECONDS).close()
            answer.clear()
        except Exception as error:
            answer[0] = getattr(error, "reason", error)

    # In a thread, because looking up a host's name has no time-out of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if answer:
        raise WeightsError(f"the official weights could not be reached: {answer[0]}")


def _hash_in(path: Path) -> str:
    """Return how a file's SHA-256 begins by its name: resnet18-f37072fd.pth -> f37072fd."""
    found = torch.hub.HASH_REGEX.search(path.name) if path.suffix == ".pth" else None
    return found[1] if found else ""


def _read(network: str, path: Path, kind: str, note: str, sha256: str = "") -> Weights:
    """Check a weights file: its hash, its content, and that it fits the network."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        said = f"{str(path)!r} cannot be read ({error.strerror}); fetch it again"
        raise WeightsError(said) from None
    wanted = sha256 or _hash_in(path)
    if not found.startswith(wanted):
        raise WeightsError(
            f"{str(path)!r} was refused: its SHA-256 starts with {found[:8]}, not {wanted[:8]}, so "
            "it is damaged or another file; delete it and fetch it again"
        )
    weights = Weights(partial(_state, path), kind, path, found, note)
    build(network, weights)
    return weights


def _state(path: Path) -> dict:
    """Read a file's parameters; nothing in it can run."""
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        for name, value in state.items():
            if value.ndim == 5 and value.shape[2] == 1 and value.shape[-1] > 1:
                # Kept one frame deep, to save space: there are zeros before and behind it.
                state[name] = torch.nn.functional.pad(value, (0, 0, 0, 0, 1, 1))
        return state
    except Exception:
        said = f"{str(path)!r} was refused: it is not a plain file of weights (a pickle that holds"
        said += " more than numbers can run code); fetch it again from where you trust it"
        raise WeightsError(said) from None


def build(network: str, weights: Weights) -> torch.nn.Module:
    """Return a network with its weights, as they are in the file, and without its last layer.

    The last layer may be missing from a video network's parameters, and the counters of batch
    normalisation from any: neither is used. All other names and shapes must be the network's; a
    WeightsError names the first difference.
    """
    state = dict(weights.state)
    with torch.device("meta"):  # shapes without memory: the parameters themselves move in
        model = {"resnet18": resnet18, "r3d_18": r3d_18}[network]()
    for name, value in model.state_dict().items():
        if name.endswith(".num_batches_tracked"):
            state.setdefault(name, torch.zeros((), dtype=torch.int64))
        elif network == "r3d_18" and name.startswith("fc."):
            state.setdefault(name, value)
    try:
        model.load_state_dict(state, assign=True)
    except Exception as error:
        first = str(error).splitlines()[:2][-1].strip()[:300]
        said = f"{str(weights.path)!r} was refused: it does not fit {network} ({first}); "
        raise WeightsError(f"{said}use a file made for it") from None
    model.fc = torch.nn.Identity()  # what goes in comes out
    return model.eval().requires_grad_(False)


def inflate(state: dict, frames: int = 3) -> dict:
    """Turn the weights of a ResNet-18 into weights of an R3D-18.

    Each 2-D kernel is repeated `frames` times along time and divided by their number. On a clip
    whose frames are all the same, such a kernel gives what the 2-D kernel gives on one of them.
    Kernels of 1 x 1, which only mix channels, get a time of 1; the last layer is left out.

    Kernels are (out, in, height, width) in `state` and (out, in, time, height, width) after.

    Source: Carreira and Zisserman, Quo Vadis, Action Recognition? (2017), section 2.4,
    https://arxiv.org/abs/1705.07750
    Introduced in notebook 2.
    """
    inflated = {}
    for name, value in state.items():
        if name.startswith("fc."):
            continue
        if value.ndim == 4:
            time = frames if value.shape[-1] > 1 else 1
            # Repeated by `expand`, which costs no memory; loading the network makes the copies.
            value = (value.float() / time).unsqueeze(2).expand(-1, -1, time, -1, -1)
        inflated[_video_name(name)] = value
    return inflated


def _video_name(name: str) -> str:
    """Return what `r3d_18` calls a parameter of `resnet18`: conv1.weight -> stem.0.weight."""
    place = {"conv": 0, "bn": 1}
    name = re.sub(r"^(conv|bn)1\.", lambda found: f"stem.{place[found[1]]}.", name)
    return re.sub(r"\.(conv|bn)(\d)\.", lambda found: f".conv{found[2]}.{place[found[1]]}.", name)


def time_blind(weights: Weights) -> Weights:
    """Return the same video network without a sense of time: the control that must fail.

    Each kernel's sum over time stands in its middle frame, with zeros before and behind it. So no
    frame's answer depends on its neighbours: what was learned about motion is gone, and all else is
    kept. Since three blocks halve the time, only every eighth frame is seen.

    Introduced in notebook 2.
    """

    def blind() -> dict:
        state = dict(weights.state)
        for name, value in state.items():
            if value.ndim == 5 and value.shape[2] > 1:
                still = value.new_zeros(value.shape)
                still[:, :, value.shape[2] // 2] = value.float().sum(dim=2)
                state[name] = still
        return state

    sha256 = hashlib.sha256(f"time-blind {weights.sha256}".encode()).hexdigest()
    note = f"{weights.note}, made blind to time"
    return Weights(blind, "time-blind", weights.path, sha256, note)
