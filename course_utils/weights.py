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
from dataclasses import dataclass
from pathlib import Path

from course_utils.catalog import DATA

CONNECT_SECONDS = 5  # how long to wait for the first answer before going on without internet
READ_SECONDS = 15  # how long a download may stall

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
        state: parameter name -> tensor, as `torch.nn.Module.load_state_dict` takes it.
        kind: `official`, `offline` or `folder`.
        path: the file.
        sha256: the file's SHA-256, 64 hexadecimal digits.
        note: one line for the learner.
    """

    state: dict
    kind: str
    path: Path
    sha256: str
    note: str


_loaded: dict[tuple, Weights] = {}  # what was found, for as long as the process runs


def load_weights(network: str = "resnet18") -> Weights:
    """Find the weights of a network as the module's first lines say, and remember them.

    Args:
        network: `resnet18` or `r3d_18`.

    Raises:
        WeightsError: nothing usable was found where it was asked for.
        ValueError: COURSE_WEIGHTS has another value than auto, official or offline.

    Source: https://docs.pytorch.org/vision/stable/models.html
    Introduced in notebook 1.
    """
    choice = os.environ.get("COURSE_WEIGHTS", "auto")
    folder = os.environ.get("COURSE_WEIGHTS_DIR", "")
    if choice not in ("auto", "official", "offline"):
        raise ValueError(f"COURSE_WEIGHTS is {choice!r}; it may be auto, official or offline.")
    key = (network, choice, folder)
    if key not in _loaded:
        _loaded[key] = _find(network, choice, folder)
    return _loaded[key]


def _find(network: str, choice: str, folder: str) -> Weights:
    if folder:
        return _from_folder(network, Path(folder).expanduser())
    if choice == "offline":
        return _offline(network)
    try:
        return _official(network)
    except WeightsError as error:
        if choice == "official":
            raise
        return _offline(network, why=f" ({error})")


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
    if not path.exists():
        _download(url, path, prefix)
    return path


def _official(network: str) -> Weights:
    _, name, prefix = official_file(network)
    path = official_path(network)
    taught = {"resnet18": "ImageNet", "r3d_18": "Kinetics-400"}[network]
    return _read(network, path, "official", f"official {taught} weights, {name}", prefix)


def _download(url: str, path: Path, prefix: str) -> None:
    """Fetch `url` to `path` with torch's own downloader, which checks the hash."""
    from torch import hub

    answer: list[object] = []

    def ask():
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS
            ):
                answer.append("here")
        except Exception as error:
            answer.append(error)

    # In a thread, because looking up a host's name has no time-out of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if answer != ["here"]:
        reason = getattr(answer[0], "reason", answer[0]) if answer else "no answer in time"
        raise WeightsError(f"the official weights could not be reached: {reason}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(READ_SECONDS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=True)
    except Exception as error:  # no network, no space, no permission, or the wrong hash
        raise WeightsError(f"the download of {path.name} failed: {error}") from None
    finally:
        socket.setdefaulttimeout(before)


def _offline(network: str, why: str = "") -> Weights:
    name, sha256 = OFFLINE[network]
    path = DATA / "weights" / name
    if not path.is_file():
        raise WeightsError(f"{str(path)!r} is missing; fetch the project's data/ folder again.")
    return _read(network, path, "offline", f"the course's offline checkpoint, {name}{why}", sha256)


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
    """Read a weights file after checking its hash, its content and its shapes."""
    import torch
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            sha256 = hashlib.sha256()
            while block := file.read(1 << 20):
                sha256.update(block)
        sha256 = sha256.hexdigest()
    except OSError as error:
        raise WeightsError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if not sha256.startswith(prefix):
        raise WeightsError(
            f"{str(path)!r} was refused: its SHA-256 starts with {sha256[:8]}, not {prefix[:8]}, "
            "so it is damaged or another file; delete it and fetch it again"
        )
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        raise WeightsError(
            f"{str(path)!r} was refused: it is not a plain file of weights (a pickle that holds "
            "more than numbers can run code); fetch it again from where you trust it"
        ) from None
    state = _deepened(state) if isinstance(state, dict) else {}
    check_shapes(network, state, path)
    return Weights(state, kind, path, sha256, note)


def _deepened(state: dict) -> dict:
    """Put zeros before and behind the kernels that a file keeps one frame deep, to save space."""
    import torch

    def deep(value):
        flat = getattr(value, "ndim", 0) == 5 and value.shape[2] == 1 and value.shape[-1] > 1
        return torch.nn.functional.pad(value, (0, 0, 0, 0, 1, 1)) if flat else value

    return {name: deep(value) for name, value in state.items()}


def check_shapes(network: str, state: dict, path: Path) -> None:
    """Refuse weights that are not exactly the network's: names and shapes must all agree.

    Raises:
        WeightsError: the message names the first difference.
    """
    import torch
    from torchvision import models

    build = {"resnet18": models.resnet18, "r3d_18": models.video.r3d_18}[network]
    with torch.device("meta"):  # shapes only, no memory
        wanted = build().state_dict()
    for name in sorted(wanted.keys() | state.keys(), key=str):
        here, there = (
            tuple(getattr(s[name], "shape", ())) if name in s else None for s in (state, wanted)
        )
        # Older files, the official ones among them, lack the counters, which prediction does not
        # need; and of R3D-18 the course uses all but the last layer.
        spared = here is None and (
            name.endswith(".num_batches_tracked") or (network, name[:3]) == ("r3d_18", "fc.")
        )
        if here != there and not spared:
            raise WeightsError(
                f"{str(path)!r} was refused: it does not fit {network} ({name} has shape "
                f"{here or 'none'}, the network's is {there or 'none'}); use a file made for it"
            )
