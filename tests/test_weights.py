"""Weights come from where the settings say, are checked before use, and never run code.

A web server on this computer stands for torchvision's. It serves a file that is a real state_dict
of a ResNet-18 but small, because each tensor repeats one number.
"""

import hashlib
import os
import pickle
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from course_utils import weights
from course_utils.weights import NETWORKS, WeightsError, build, inflate, load_weights, time_blind


def small_state(network: str = "resnet18") -> dict:
    """Return a state_dict with the network's names and shapes that takes few bytes in a file."""
    with torch.device("meta"):
        shapes = getattr(models, network)().state_dict()
    return {
        name: torch.tensor(0.01 * i).expand(x.shape) for i, (name, x) in enumerate(shapes.items())
    }


class Handler(BaseHTTPRequestHandler):
    """Answer as the server's `behaviour` says: `good`, `cut`, `stall`, `silent` or a number."""

    def do_HEAD(self):
        self.server.requests.append(self.command)
        if self.server.behaviour == "silent":
            self.server.over.wait(30)
        elif isinstance(self.server.behaviour, int):
            self.send_error(self.server.behaviour)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        half = slice(None if self.server.behaviour == "good" else len(self.server.body) // 2)
        self.wfile.write(self.server.body[half])
        self.wfile.flush()
        if self.server.behaviour == "stall":
            self.server.over.wait(30)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Give each test an empty cache folder, no memory of failures, little patience, no settings."""
    weights._fetch.cache_clear()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(weights, "STALL_SECONDS", 0.5)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("COURSE_WEIGHTS"):
            monkeypatch.delenv(name)
    yield
    weights._fetch.cache_clear()


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """Return the bytes of a small official-looking file."""
    path = tmp_path_factory.mktemp("served") / "file.pth"
    torch.save(small_state(), path)
    return path.read_bytes()


def official(monkeypatch, content: bytes, url: str = "http://127.0.0.1:9") -> str:
    """Make a file with this content the official one, to be had from `url`; return its name."""
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    made, _, course = NETWORKS["resnet18"]
    monkeypatch.setitem(NETWORKS, "resnet18", (made, f"{url}/{name}", course))
    return name


@pytest.fixture
def server(monkeypatch, body):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.body, server.behaviour, server.requests = body, "good", []
    server.over = threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    server.name = official(monkeypatch, body, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path):
    """Return the folder that torch keeps downloads in."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def assert_no_official(*words: str):
    """`auto` takes the offline checkpoint and says why in a line; `official` raises that line."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(WeightsError) as caught:
        patch.setenv("COURSE_WEIGHTS", "official")
        load_weights()
    found = load_weights()
    assert found.path.name == "resnet18-course.safetensors"
    assert found.note.startswith("the course's offline checkpoint")
    for text in (str(caught.value), found.note):
        assert len(text.splitlines()) == 1 and all(word in text for word in words), text


def test_download_works_once(server, cache, body):
    for _ in range(2):  # the second time from torch's cache
        found = load_weights()
        assert found.path == cache / server.name and server.requests == ["HEAD", "GET"]
        assert found.sha256 == hashlib.sha256(body).hexdigest()
        assert found.note == f"official weights, {server.name}"
        assert all(torch.equal(found.state[name], x) for name, x in small_state().items())
    assert list(cache.iterdir()) == [found.path]


def test_settings(server, monkeypatch, tmp_path, body):
    monkeypatch.setenv("COURSE_WEIGHTS", "Offline ")
    assert load_weights().path.name == "resnet18-course.safetensors"
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="put one there or unset the variable"):
        load_weights()
    save_file({name: x.half().contiguous() for name, x in small_state().items()},
              tmp_path / "resnet18-ours.safetensors")  # fmt: skip
    assert load_weights().path == tmp_path / "resnet18-ours.safetensors"
    (tmp_path / server.name).write_bytes(body)
    assert load_weights().note == f"{server.name} from {tmp_path}"
    (tmp_path / server.name).write_bytes(body[:-1])
    with pytest.raises(WeightsError, match="was refused: its SHA-256 is not"):
        load_weights()
    monkeypatch.setenv("COURSE_WEIGHTS", "imagenet")
    with pytest.raises(WeightsError, match="'imagenet'; it may be auto, official or offline"):
        load_weights()
    assert server.requests == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong", "invalid hash"),
        ("cut", ""),
        ("stall", "timed out"),
        ("silent", "no answer in time"),
        (403, "Forbidden"),
        ("no name", "not known"),
        ("the name hangs", "no answer in time"),
        ("no folder", "torch"),
    ],
)
def test_no_network_or_a_server_that_fails(server, monkeypatch, tmp_path, fault, said):
    def look_up(*_, **__):
        if fault == "the name hangs":
            server.over.wait(30)
        raise socket.gaierror(-2, "Name or service not known")

    server.behaviour = fault if fault in ("cut", "stall", "silent", 403) else "good"
    if fault == "wrong":
        server.body = server.body[:-1] + b"?"
    elif fault == "no folder":
        (tmp_path / "torch").write_text("a file where torch wants a folder")
    elif server.behaviour == "good":
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
    before, start = socket.getdefaulttimeout(), time.monotonic()
    assert_no_official("the official weights could not be fetched: ", said)
    assert time.monotonic() - start < 10
    assert server.requests.count("HEAD") <= 1  # nobody waits twice
    assert not list(tmp_path.rglob("*.pth"))
    assert socket.getdefaulttimeout() == before  # nothing else in the process is changed


def test_damaged_files_are_named(server, cache, monkeypatch, tmp_path):
    (cache / server.name).write_bytes(b"something else")
    assert_no_official(repr(str(cache / server.name)), "was refused", "fetch it again")
    assert server.requests == [] and (cache / server.name).exists()  # a learner's file
    monkeypatch.setattr(weights, "DATA", tmp_path)
    path = tmp_path / "weights" / "resnet18-course.safetensors"
    with pytest.raises(WeightsError, match=f"{path.name}.*fetch it again"):
        load_weights()
    path.parent.mkdir()
    path.write_bytes(bytes(1000))
    with pytest.raises(WeightsError, match="it is damaged or another file") as caught:
        load_weights()
    assert repr(str(path)) in str(caught.value)


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (lambda: small_state("resnet34"), 'Unexpected key(s) in state_dict: "layer1.2.'),
        (lambda: small_state() | {"conv1.weight": torch.ones(9)}, "mismatch for conv1.weight"),
        (lambda: {}, "Missing key(s)"),
    ],
)
def test_weights_that_do_not_fit(monkeypatch, tmp_path, make, difference):
    path = tmp_path / "resnet18.safetensors"
    save_file({name: x.contiguous() for name, x in make().items()}, path)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="was refused: it does not fit resnet18") as caught:
        build("resnet18", load_weights())
    assert difference in str(caught.value) and len(str(caught.value)) < 600
    assert repr(str(path)) in str(caught.value)


class Trap:
    """An object that makes a folder when it is unpickled: any code could run instead."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch", "training", "list"])
def test_a_file_that_is_more_or_less_than_weights(monkeypatch, cache, tmp_path, kind):
    marker, made = tmp_path / "code_has_run", tmp_path / "made.pth"
    if kind == "pickle":
        made.write_bytes(pickle.dumps(Trap(marker), protocol=2))
    else:
        harmless = {"training": {"epoch": 3, "state_dict": small_state()}, "list": [1, 2]}
        content = harmless.get(kind, {"fc.bias": Trap(marker)})
        torch.save(content, made, _use_new_zipfile_serialization=kind != "old torch")
    path = cache / official(monkeypatch, made.read_bytes())
    (tmp_path / "stick").mkdir()
    for place in (path, tmp_path / "stick" / "resnet18-nice.safetensors"):
        place.write_bytes(made.read_bytes())
        with pytest.raises(WeightsError, match="not a plain file of weights") as caught:
            build("resnet18", load_weights())
        assert repr(str(place)) in str(caught.value)
        monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path / "stick"))
    assert not marker.exists()
    if kind not in ("training", "list"):  # the trap does work on those who are careless
        if kind == "pickle":
            pickle.loads(made.read_bytes())
        else:
            torch.load(made, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_offline_checkpoint(monkeypatch, network):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights(network)
    name = f"{network}-course.safetensors"
    assert found.path == weights.DATA / "weights" / name
    assert found.note == f"the course's offline checkpoint, {name}"
    assert all(torch.isfinite(tensor).all() for tensor in found.state.values())
    built = build(network, found)
    assert not built.training and isinstance(built.fc, torch.nn.Identity)
    assert all(p.device.type == "cpu" and not p.requires_grad for p in built.parameters())
    old = {name: x for name, x in found.state.items() if "num_batches" not in name}
    # Files as old as torchvision's lack these.
    monkeypatch.setattr(weights.Weights, "stored", lambda self: old)
    assert len(build(network, found).state_dict()) >= len(old)


def test_the_offline_video_checkpoint_began_as_a_picture_network(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights("r3d_18")
    image, video, kept = load_weights().state, found.state, load_file(found.path)
    assert torch.equal(video["stem.0.weight"][:, :, 1], image["conv1.weight"])
    assert video["layer3.0.conv1.0.weight"][:, :, 0].any()  # three frames deep
    flat = "layer4.0.conv1.0.weight"  # kept one frame deep: zeros before and behind it
    assert kept[flat].shape == (512, 256, 1, 3, 3) and video[flat].shape == (512, 256, 3, 3, 3)
    assert torch.equal(video[flat][:, :, 1:2], kept[flat]) and not video[flat][:, :, [0, 2]].any()


def test_inflation_answers_a_still_clip_as_the_flat_network_answers_the_picture(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    state = load_weights().state
    flat, deep = models.resnet18().eval(), models.video.r3d_18().eval()
    flat.load_state_dict(state)
    deep.fc = torch.nn.Identity()
    deep.load_state_dict(inflate(state))  # strict: all names and shapes are right
    picture = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = flat.layer1[0](flat.relu(flat.bn1(flat.conv1(picture))))
        found = deep.layer1[0](deep.stem(picture.unsqueeze(2).expand(-1, -1, 8, -1, -1)))
        # Where the clip's ends have not reached in.
        torch.testing.assert_close(found[:, :, 4], wanted, atol=1e-3, rtol=1e-3)


def test_time_blind_weights_keep_the_sum_of_each_kernel_in_its_middle(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    seeing = load_weights("r3d_18")
    blind = time_blind(seeing)
    assert blind.sha256 != seeing.sha256 and "blind" in blind.note
    before, after = seeing.state, blind.state
    assert before.keys() == after.keys()
    for name, value in after.items():
        assert value.shape == before[name].shape
        if value.ndim == 5 and value.shape[2] == 3:
            assert not value[:, :, [0, 2]].any()
            torch.testing.assert_close(
                value[:, :, 1].float(), before[name].float().sum(dim=2), atol=1e-2, rtol=1e-3
            )
        else:
            assert torch.equal(value, before[name])
