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
import socket
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from course_utils.session import DATA

CONNECT_SECONDS = 5  # how long to wait for the first answer before going on without internet
STALL_SECONDS = 15  # how long a download may stand still

OFFLINE = {  # network: (file in data/weights/, its sha256)
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
        values: the parameters, or a function that reads them: a file's take up no memory until
            `state` is asked for.
        kind: `official`, `offline`, `folder`, or what was made from them.
        path: the file.
        sha256: 64 hexadecimal digits that stand for the parameters; a file's own SHA-256.
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
    """Find the weights of a network as the module's first lines say, and remember where they are.

    Args:
        network: `resnet18` or `r3d_18`.

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
    why = ""
    if folder:
        return _from_folder(network, Path(folder).expanduser())
    if choice != "offline":
        try:
            return _official(network)
        except WeightsError as error:
            if choice == "official":
                raise
            why = f" ({error})"
    name, sha256 = OFFLINE[network]
    path = DATA / "weights" / name
    if not path.is_file():
        raise WeightsError(f"{str(path)!r} is missing; fetch the project's data/ folder again.")
    return _read(network, path, "offline", f"the course's offline checkpoint, {name}{why}", sha256)


def official_file(network: str) -> tuple[str, str, str]:
    """Return URL, file name and SHA-256 prefix of torchvision's official weights."""
    from torchvision.models import ResNet18_Weights
    from torchvision.models.video import R3D_18_Weights

    url = {
        "resnet18": ResNet18_Weights.IMAGENET1K_V1,
        "r3d_18": R3D_18_Weights.KINETICS400_V1,
    }[network].url
    name = url.rsplit("/", 1)[1]
    return url, name, name.rsplit("-", 1)[1].split(".")[0]  # resnet18-f37072fd.pth -> f37072fd


def official_path(network: str) -> Path:
    """Return where torchvision's official weights lie in torch's cache, fetched if need be.

    Raises:
        WeightsError: they are not there and cannot be reached.
    """
    from torch import hub

    url, name, prefix = official_file(network)
    path = Path(hub.get_dir()) / "checkpoints" / name
    if path.exists():
        return path
    _probe(url)
    stall = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)  # torch's downloader has no time-out of its own
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hub.download_url_to_file(url, str(path), hash_prefix=prefix)
    except Exception as error:  # no network, no space, no permission, or the wrong hash
        raise WeightsError(f"the download of {path.name} failed: {error}") from None
    finally:
        socket.setdefaulttimeout(stall)
    return path


def _probe(url: str) -> None:
    """Ask whether `url` can be reached at all, for five seconds.

    In a thread, because looking up a host's name has no time-out of its own.
    """
    answer: list = ["no answer in time"]

    def ask() -> None:
        try:
            head = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(head, timeout=CONNECT_SECONDS).close()
            answer[0] = None
        except Exception as error:
            answer[0] = getattr(error, "reason", error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if answer[0] is not None:
        raise WeightsError(f"the official weights could not be reached: {answer[0]}")


def _official(network: str) -> Weights:
    _, name, prefix = official_file(network)
    taught = {"resnet18": "ImageNet", "r3d_18": "Kinetics-400"}[network]
    note = f"official {taught} weights, {name}"
    return _read(network, official_path(network), "official", note, prefix)


def _from_folder(network: str, folder: Path) -> Weights:
    """Use torchvision's file if it lies in the folder, else any safetensors file of the network."""
    _, name, prefix = official_file(network)
    if (folder / name).is_file():
        return _read(network, folder / name, "folder", f"{name} from {folder}", prefix)
    found = sorted(folder.glob(f"{network}*.safetensors"))
    if not found:
        raise WeightsError(
            f"COURSE_WEIGHTS_DIR is {str(folder)!r}, where there is neither {name} nor a "
            f"{network}*.safetensors file; put one there or unset the variable."
        )
    return _read(network, found[0], "folder", f"{found[0].name} from {folder}")


def _read(network: str, path: Path, kind: str, note: str, prefix: str = "") -> Weights:
    """Check a weights file: its hash, its content, and that it fits the network."""
    sha256 = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha256.update(block)
    except OSError as error:
        raise WeightsError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if not sha256.hexdigest().startswith(prefix):
        raise WeightsError(
            f"{str(path)!r} was refused: its SHA-256 starts with {sha256.hexdigest()[:8]}, not "
            f"{prefix[:8]}, so it is damaged or another file; delete it and fetch it again"
        )
    weights = Weights(partial(_state, path), kind, path, sha256.hexdigest(), note)
    build(network, weights)
    return weights


def _state(path: Path) -> dict:
    """Read a file's parameters; nothing in it can run."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: _deepened(value) for name, value in state.items()}
    except Exception:
        raise WeightsError(
            f"{str(path)!r} was refused: it is not a plain file of weights (a pickle that holds "
            "more than numbers can run code); fetch it again from where you trust it"
        ) from None


def _deepened(value):
    """Put zeros before and behind a kernel that a file keeps one frame deep, to save space."""
    import torch

    flat = value.ndim == 5 and value.shape[2] == 1 and value.shape[-1] > 1
    return torch.nn.functional.pad(value, (0, 0, 0, 0, 1, 1)) if flat else value


def build(network: str, weights: Weights):
    """Return a network with its weights, float32, without the last layer, ready for use.

    Args:
        network: `resnet18` or `r3d_18`.
        weights: parameters of exactly this network. The last layer may be missing from a video
            network's, and the counters of batch normalisation from any: neither is used.

    Returns:
        A `torch.nn.Module` in evaluation mode.

    Raises:
        WeightsError: the parameters are another network's; the message names the first difference.
    """
    import torch
    from torchvision import models

    state = dict(weights.state)
    with torch.device("meta"):  # shapes without memory: the parameters themselves move in
        model = {"resnet18": models.resnet18, "r3d_18": models.video.r3d_18}[network]()
    for name, value in model.state_dict().items():
        if name.endswith(".num_batches_tracked"):
            state.setdefault(name, torch.zeros((), dtype=torch.int64))
        elif network == "r3d_18" and name.startswith("fc."):
            state.setdefault(name, value)
    try:
        model.load_state_dict(state, strict=True, assign=True)
    except Exception as error:
        first = str(error).splitlines()[:2][-1].strip()[:300]
        raise WeightsError(
            f"{str(weights.path)!r} was refused: it does not fit {network} ({first}); "
            "use a file made for it"
        ) from None
    model.fc = torch.nn.Identity()  # remove the last layer: what goes in comes out
    return model.float().eval().requires_grad_(False)


def inflate(state: dict, frames: int = 3) -> dict:
    """Turn the weights of a ResNet-18 into weights of an R3D-18.

    Each 2-D kernel is repeated `frames` times along time and divided by their number. On a clip
    whose frames are all the same, such a kernel gives what the 2-D kernel gives on one of them.
    Kernels of 1 x 1, which only mix channels, get a time of 1; the last layer is left out.

    Args:
        state: parameters of torchvision's `resnet18`; kernels of shape (out, in, height, width).
        frames: how many frames a kernel spans.

    Returns:
        Parameters of torchvision's `r3d_18` without its last layer; kernels of shape
        (out, in, time, height, width).

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
    where, _, parameter = name.rpartition(".")
    if where in ("conv1", "bn1"):
        return f"stem.{int(where == 'bn1')}.{parameter}"
    for number in "12":
        where = where.replace(f".conv{number}", f".conv{number}.0")
        where = where.replace(f".bn{number}", f".conv{number}.1")
    return f"{where}.{parameter}"


def time_blind(weights: Weights) -> Weights:
    """Return the same video network without a sense of time: the control that must fail.

    Each kernel's sum over time stands in its middle frame, with zeros before and behind it. On a
    film that stands still, away from its two ends, the network answers as before; but no frame's
    answer depends on its neighbours, so what was learned about motion is gone and all else is kept.

    Args:
        weights: of an R3D-18; kernels of shape (out, in, time, height, width).

    Returns:
        Weights of the same shapes, with another `sha256` and `note`.

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
