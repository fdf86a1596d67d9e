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
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from course_utils import weights
from course_utils.weights import OFFLINE, WeightsError, inflate, load_weights, time_blind


def small_state(network: str = "resnet18") -> OrderedDict:
    """Return a state_dict with the network's names and shapes that takes few bytes in a file."""
    with torch.device("meta"):
        shapes = getattr(models, network)().state_dict()
    return OrderedDict(
        (name, torch.tensor(0.01 * i).expand(blank.shape))
        for i, (name, blank) in enumerate(shapes.items())
    )


class Server:
    """A web server that answers as a test chooses: `good`, `cut`, `stall`, `silent` or a number."""

    def __init__(self, body: bytes):
        self.body, self.behaviour, self.requests = body, "good", []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                outer.requests.append(self.command)
                if outer.behaviour == "silent":
                    outer.over.wait(30)
                elif isinstance(outer.behaviour, int):
                    self.send_error(outer.behaviour)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(outer.body)))
                    self.end_headers()

            def do_GET(self):
                self.do_HEAD()
                half = slice(None if outer.behaviour == "good" else len(outer.body) // 2)
                self.wfile.write(outer.body[half])
                self.wfile.flush()
                if outer.behaviour == "stall":
                    outer.over.wait(30)

            def log_message(self, *_):
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Give each test an empty cache folder, an empty memory, and no settings."""
    weights._find.cache_clear()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("COURSE_WEIGHTS"):
            monkeypatch.delenv(name)
    yield
    weights._find.cache_clear()


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """Return the bytes of a small official-looking file."""
    path = tmp_path_factory.mktemp("served") / "file.pth"
    torch.save(small_state(), path)
    return path.read_bytes()


def official(monkeypatch, content: bytes, url: str = "http://127.0.0.1:9") -> str:
    """Make a file with this content the official one, to be had from `url`; return its name."""
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    entry = (SimpleNamespace(url=f"{url}/{name}"), "ImageNet")
    monkeypatch.setitem(weights.OFFICIAL, "resnet18", entry)
    return name


@pytest.fixture
def server(monkeypatch, body):
    server = Server(body)
    official(monkeypatch, body, server.url)
    yield server
    server.over.set()
    server.server.shutdown()
    server.server.server_close()


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
    assert found.kind == "offline" and found.sha256 == OFFLINE["resnet18"][1]
    assert found.note.startswith("the course's offline checkpoint")
    for text in (str(caught.value), found.note):
        assert len(text.splitlines()) == 1 and all(word in text for word in words), text


# ---- the official file ----


@pytest.mark.parametrize("network", OFFLINE)
def test_the_official_file_is_torchvisions(network):
    preset, _ = weights.OFFICIAL[network]
    assert preset.url.startswith(f"https://download.pytorch.org/models/{network}-")
    assert len(weights._hash_in(Path(preset.url))) == 8


def test_download_works_once_and_is_remembered(server, cache, body):
    first = load_weights()
    assert first.kind == "official" and first.path.parent == cache
    assert first.sha256 == hashlib.sha256(body).hexdigest()
    assert first.note == f"official ImageNet weights, {first.path.name}"
    assert server.requests == ["HEAD", "GET"] and list(cache.iterdir()) == [first.path]
    for name, tensor in small_state().items():
        assert torch.equal(first.state[name], tensor)
    assert load_weights() is first  # from memory
    weights._find.cache_clear()  # like a new process
    again = load_weights()  # from the cache
    assert again is not first and again.sha256 == first.sha256
    assert server.requests == ["HEAD", "GET"]


def test_offline_asks_nobody_and_changed_settings_are_noticed(server, monkeypatch, tmp_path, body):
    monkeypatch.setenv("COURSE_WEIGHTS", "Offline ")
    assert load_weights().kind == "offline"
    name = weights.OFFICIAL["resnet18"][0].url.rsplit("/")[-1]
    (tmp_path / name).write_bytes(body)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    found = load_weights()
    assert (found.kind, found.path) == ("folder", tmp_path / name)
    assert found.note == f"{name} from {tmp_path}"
    monkeypatch.delenv("COURSE_WEIGHTS_DIR")
    assert load_weights().kind == "offline" and server.requests == []
    monkeypatch.setenv("COURSE_WEIGHTS", "imagenet")
    with pytest.raises(ValueError, match="'imagenet'; it may be auto, official or offline"):
        load_weights()


# ---- what can go wrong on the way ----


def test_wrong_hash_in_a_download(server, cache):
    server.body = server.body[:-1] + bytes([server.body[-1] ^ 1])
    assert_no_official("the download of resnet18-", "invalid hash")
    assert list(cache.iterdir()) == []


def test_wrong_hash_in_the_cache(server, cache):
    path = cache / weights.OFFICIAL["resnet18"][0].url.rsplit("/")[-1]
    path.write_bytes(b"something else")
    assert_no_official(repr(str(path)), "was refused", "delete it and fetch it again")
    assert server.requests == [] and path.read_bytes() == b"something else"  # a learner's file


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("cut", "the download of"),
        ("stall", "timed out"),
        ("silent", "could not be reached"),
        (403, "could not be reached"),
        (500, "could not be reached"),
    ],
)
def test_a_server_that_fails(server, cache, monkeypatch, behaviour, words):
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(weights, "STALL_SECONDS", 0.5)
    server.behaviour = behaviour
    before, start = socket.getdefaulttimeout(), time.monotonic()
    assert_no_official(words)
    assert time.monotonic() - start < 2 * 0.5 + 15  # 15 for reading the offline checkpoint
    assert list(cache.iterdir()) == []
    assert socket.getdefaulttimeout() == before  # nothing else in the process is changed


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", ["no server", "no such name", "the name hangs"])
def test_no_network(monkeypatch, body, fault):
    over = threading.Event()
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    if fault != "no server":

        def look_up(*_, **__):
            if fault == "the name hangs":
                over.wait(30)
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        url = "http://weights.example"
    official(monkeypatch, body, url)
    said = {"no such name": "not known", "the name hangs": "no answer in time"}.get(fault, "")
    assert_no_official("the official weights could not be reached: ", said)
    over.set()


def test_cache_folder_cannot_be_made(server, tmp_path):
    (tmp_path / "torch").write_text("a file where torch wants a folder")
    assert_no_official("the download of")


@pytest.mark.parametrize("content", [None, b"\0" * 1000])
def test_the_offline_checkpoint_is_missing_or_damaged(monkeypatch, tmp_path, content):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    monkeypatch.setattr(weights, "DATA", tmp_path)
    path = tmp_path / "weights" / "resnet18-course.safetensors"
    path.parent.mkdir()
    if content:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="fetch it again") as caught:
        load_weights()
    assert repr(str(path)) in str(caught.value)


# ---- content that is refused ----


def without(name: str) -> dict:
    return {key: tensor for key, tensor in small_state().items() if key != name}


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (lambda: small_state("resnet34"), 'Unexpected key(s) in state_dict: "layer1.2.'),
        (lambda: without("fc.bias"), 'Missing key(s) in state_dict: "fc.bias"'),
        (lambda: without("bn1.running_var"), 'Missing key(s) in state_dict: "bn1.running_var"'),
        (lambda: small_state() | {"extra": torch.ones(3)}, 'Unexpected key(s) in state_dict: "ex'),
        (lambda: small_state() | {"fc.weight": torch.ones(10, 512)}, "mismatch for fc.weight"),
        (lambda: {}, "Missing key(s)"),
    ],
)
def test_weights_that_do_not_fit(monkeypatch, tmp_path, make, difference):
    save_file(
        {name: x.contiguous() for name, x in make().items()}, tmp_path / "resnet18.safetensors"
    )
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="was refused: it does not fit resnet18") as caught:
        load_weights()
    assert difference in str(caught.value) and len(str(caught.value)) < 600
    assert repr(str(tmp_path / "resnet18.safetensors")) in str(caught.value)


class Trap:
    """An object that makes a folder when it is unpickled: any code could run instead."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch", "training", "list", "text"])
def test_a_file_that_is_more_or_less_than_weights(monkeypatch, cache, tmp_path, kind):
    marker, made = tmp_path / "code_has_run", tmp_path / "made.pth"
    content = {"fc.bias": Trap(marker)}
    if kind == "pickle":
        made.write_bytes(pickle.dumps(Trap(marker), protocol=2))
    else:
        others = {"training": {"epoch": 3, "state_dict": small_state()}, "list": [1, 2]}
        content = others.get(kind, small_state() | {"fc.bias": "x"} if kind == "text" else content)
        torch.save(content, made, _use_new_zipfile_serialization=kind != "old torch")
    path = cache / official(monkeypatch, made.read_bytes())
    path.write_bytes(made.read_bytes())
    assert_no_official(repr(str(path)), "was refused: it is not a plain file of weights")
    (tmp_path / "stick").mkdir()
    renamed = made.rename(tmp_path / "stick" / "resnet18-nice.safetensors")
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(renamed.parent))
    with pytest.raises(WeightsError, match="not a plain file of weights"):
        load_weights()
    assert not marker.exists()
    if kind in ("pickle", "torch", "old torch"):  # the trap does work on those who are careless
        pickle.loads(renamed.read_bytes()) if kind == "pickle" else torch.load(
            path, weights_only=False
        )
        assert marker.exists()


# ---- COURSE_WEIGHTS_DIR ----


def test_a_folder_was_asked_for_so_nothing_else_is_taken(monkeypatch, server, tmp_path, body):
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path / "gone"))
    for _ in range(2):
        with pytest.raises(WeightsError, match="put one there or unset the variable"):
            load_weights()
        monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    state = {name: tensor.half().contiguous() for name, tensor in small_state().items()}
    save_file(state, tmp_path / "resnet18-ours.safetensors")
    found = load_weights()
    assert found.path == tmp_path / "resnet18-ours.safetensors"
    assert torch.equal(found.state["fc.bias"], state["fc.bias"])
    weights._find.cache_clear()
    name = weights.OFFICIAL["resnet18"][0].url.rsplit("/")[-1]
    (tmp_path / name).write_bytes(body[:-1])
    with pytest.raises(WeightsError, match="was refused: its SHA-256 starts with"):
        load_weights()
    assert server.requests == []


def test_an_old_file_without_batch_counters_is_accepted(monkeypatch, tmp_path):
    """Files as old as torchvision's lack `num_batches_tracked` and hold Parameters."""
    state = OrderedDict(
        (name, x if "running" in name else torch.nn.Parameter(x))
        for name, x in small_state().items()
        if not name.endswith("num_batches_tracked")
    )
    torch.save(state, tmp_path / "old.pth")
    name = official(monkeypatch, (tmp_path / "old.pth").read_bytes())
    (tmp_path / "old.pth").rename(tmp_path / name)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    found = load_weights()
    models.resnet18().load_state_dict(found.state)  # strict: every parameter is there
    assert len(found.state) == 102


# ---- the networks ----


@pytest.mark.parametrize("network", OFFLINE)
def test_the_offline_checkpoint(monkeypatch, network):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights(network)
    name = f"{network}-course.safetensors"
    assert found.path == weights.DATA / "weights" / name
    assert (
        found.sha256 == OFFLINE[network][1] == hashlib.sha256(found.path.read_bytes()).hexdigest()
    )
    assert found.note == f"the course's offline checkpoint, {name}"
    assert all(torch.isfinite(tensor).all() for tensor in found.state.values())
    built = weights.build(network, found)
    assert not built.training and isinstance(built.fc, torch.nn.Identity)
    assert all(p.device.type == "cpu" and not p.requires_grad for p in built.parameters())


def test_the_offline_video_checkpoint_begins_as_the_picture_network(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights("r3d_18")
    image, video, kept = load_weights().state, found.state, load_file(found.path)
    assert torch.equal(video["stem.0.weight"][:, :, 1], image["conv1.weight"])
    learned = video["layer3.0.conv1.0.weight"]
    assert learned[:, :, 0].any() and learned[:, :, 2].any()  # three frames deep
    flat = "layer4.0.conv1.0.weight"  # kept one frame deep: zeros before and behind it
    assert kept[flat].shape == (512, 256, 1, 3, 3) and video[flat].shape == (512, 256, 3, 3, 3)
    assert torch.equal(video[flat][:, :, 1:2], kept[flat])
    assert not video[flat][:, :, 0].any() and not video[flat][:, :, 2].any()
    assert video["layer4.0.downsample.0.weight"].shape == (512, 256, 1, 1, 1)


def test_inflation_answers_a_still_clip_as_the_flat_network_answers_the_picture(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    state = load_weights().state
    flat, deep = models.resnet18().eval(), models.video.r3d_18().eval()
    flat.load_state_dict(state)
    inflated = inflate(state)
    rest = {name: x for name, x in deep.state_dict().items() if name.startswith("fc.")}
    deep.load_state_dict(inflated | rest)  # strict: all names and shapes are right
    for kernel in inflated.values():
        if kernel.ndim == 5:
            assert kernel.shape[2] == (1 if kernel.shape[-1] == 1 else 3)
            assert (kernel == kernel[:, :, :1]).all()
    picture = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = flat.relu(flat.bn1(flat.conv1(picture)))
        found = deep.stem(picture.unsqueeze(2).expand(-1, -1, 8, -1, -1))
        torch.testing.assert_close(found[:, :, 4], wanted, atol=1e-4, rtol=1e-4)
        # One block on it is still so, where the clip's ends have not reached in.
        wanted, found = flat.layer1[0](wanted), deep.layer1[0](found)
        torch.testing.assert_close(found[:, :, 4], wanted, atol=1e-3, rtol=1e-3)


def test_time_blind_weights_keep_the_sum_of_each_kernel_in_its_middle(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    seeing = load_weights("r3d_18")
    blind = time_blind(seeing)
    assert blind.sha256 != seeing.sha256 and blind.kind == "time-blind" and "blind" in blind.note
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
