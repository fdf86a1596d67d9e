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

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from course_utils import weights
from course_utils.weights import OFFLINE, WeightsError, load_weights


def small_state(network: str = "resnet18") -> OrderedDict:
    """Return a state_dict with the network's names and shapes that takes few bytes in a file."""
    with torch.device("meta"):
        shapes = getattr(models, network)().state_dict()
    return OrderedDict(
        (name, torch.tensor(0.01 * i).expand(blank.shape))
        for i, (name, blank) in enumerate(shapes.items())
    )


def save(content, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


class Server:
    """A web server whose answers a test can choose.

    Attributes:
        body: what it serves.
        behaviour: `good`, `cut` (half the body, then goodbye), `stall` (half the body, then
            nothing), `silent` (never answers) or the number of an HTTP error.
        requests: the methods of the requests it got.
    """

    def __init__(self, body: bytes):
        self.body, self.behaviour, self.requests = body, "good", []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer(False)

            def do_GET(self):
                self.answer(True)

            def answer(self, with_body: bool):
                outer.requests.append(self.command)
                if outer.behaviour == "silent":
                    outer.over.wait(30)
                    return
                if isinstance(outer.behaviour, int):
                    self.send_error(outer.behaviour)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                if with_body:
                    whole = outer.behaviour == "good"
                    self.wfile.write(outer.body if whole else outer.body[: len(outer.body) // 2])
                    self.wfile.flush()
                    if outer.behaviour == "stall":
                        outer.over.wait(30)

            def log_message(self, *_):
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Give each test an empty cache folder, an empty memory, and no settings."""
    monkeypatch.setattr(weights, "_loaded", {})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.delenv("COURSE_WEIGHTS", raising=False)
    monkeypatch.delenv("COURSE_WEIGHTS_DIR", raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """Return the bytes of a small official-looking file."""
    return save(small_state(), tmp_path_factory.mktemp("served") / "file.pth").read_bytes()


def official(monkeypatch, content: bytes, url: str = "http://127.0.0.1:9") -> str:
    """Make a file with this content the official one, to be had from `url`; return its name."""
    prefix = hashlib.sha256(content).hexdigest()[:8]
    name = f"resnet18-{prefix}.pth"
    monkeypatch.setattr(weights, "official_file", lambda _: (f"{url}/{name}", name, prefix))
    return name


@pytest.fixture
def server(monkeypatch, body):
    server = Server(body)
    official(monkeypatch, body, server.url)
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path):
    """Return the folder that torch keeps downloads in."""
    return tmp_path / "torch" / "hub" / "checkpoints"


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def assert_fell_back(*words: str):
    """`auto` takes the offline checkpoint and says why in one line."""
    found = load_weights()
    assert found.kind == "offline" and found.sha256 == OFFLINE["resnet18"][1]
    assert len(found.note.splitlines()) == 1
    for word in ("offline checkpoint", *words):
        assert word in found.note


def assert_refused(*words: str):
    """`official` raises one line that has these words."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(WeightsError) as caught:
        patch.setenv("COURSE_WEIGHTS", "official")
        load_weights()
    assert len(str(caught.value).splitlines()) == 1
    for word in words:
        assert word in str(caught.value)


# ---- the official file ----


def test_the_official_file_is_torchvisions():
    url, name, prefix = weights.official_file("resnet18")
    assert url == models.ResNet18_Weights.IMAGENET1K_V1.url and url.endswith(f"/{name}")
    assert name == f"resnet18-{prefix}.pth"
    assert len(prefix) == 8 and int(prefix, 16)


def test_the_official_video_file_is_torchvisions():
    url, name, prefix = weights.official_file("r3d_18")
    assert url == models.video.R3D_18_Weights.KINETICS400_V1.url and url.endswith(f"/{name}")
    assert name == f"r3d_18-{prefix}.pth"


def test_download_works_once_and_is_remembered(server, cache, body):
    first = load_weights()
    assert first.kind == "official" and first.path.parent == cache
    assert first.sha256 == hashlib.sha256(body).hexdigest()
    assert first.note == f"official ImageNet weights, {first.path.name}"
    assert server.requests == ["HEAD", "GET"]
    assert left_in(cache) == [first.path.name]
    for name, tensor in small_state().items():
        assert torch.equal(first.state[name], tensor)

    assert load_weights() is first  # from memory
    weights._loaded.clear()  # like a new process
    again = load_weights()  # from the cache
    assert again is not first and again.sha256 == first.sha256
    assert server.requests == ["HEAD", "GET"]


def test_cached_file_needs_no_network(monkeypatch, cache, body):
    name = official(monkeypatch, body)
    cache.mkdir(parents=True)
    (cache / name).write_bytes(body)
    assert load_weights().kind == "official"


def test_offline_setting_asks_nobody(server, monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    assert load_weights().kind == "offline"
    assert server.requests == []


def test_an_official_file_without_batch_counters_is_accepted(monkeypatch, cache, tmp_path):
    """Files as old as torchvision's lack `num_batches_tracked` and hold Parameters."""
    state = OrderedDict(
        (name, tensor if "running" in name else torch.nn.Parameter(tensor))
        for name, tensor in small_state().items()
        if not name.endswith("num_batches_tracked")
    )
    content = save(state, tmp_path / "old.pth").read_bytes()
    name = official(monkeypatch, content)
    cache.mkdir(parents=True)
    (cache / name).write_bytes(content)
    found = load_weights()
    assert found.kind == "official", found.note
    assert len(found.state) == 102
    models.resnet18().load_state_dict(found.state)  # strict: every parameter is there


# ---- what can go wrong on the way ----


def test_wrong_hash_in_a_download(server, cache):
    server.body = server.body[:-1] + bytes([server.body[-1] ^ 1])
    assert_fell_back("invalid hash")
    assert left_in(cache) == []
    assert_refused("invalid hash", "the download of resnet18-")
    assert left_in(cache) == []


@pytest.mark.parametrize("setting", ["auto", "official"])
def test_wrong_hash_in_the_cache(server, cache, setting):
    name = weights.official_file("resnet18")[1]
    cache.mkdir(parents=True)
    (cache / name).write_bytes(b"something else")
    words = [repr(str(cache / name)), "was refused", "delete it and fetch it again"]
    if setting == "auto":
        assert_fell_back(*words)
    else:
        assert_refused(*words)
    assert server.requests == []  # a learner's file is not overwritten


def test_cut_download(server, cache):
    server.behaviour = "cut"
    assert_fell_back("the download of")
    assert_refused("the download of")
    assert left_in(cache) == []


@pytest.mark.parametrize("code", [403, 404, 500])
def test_server_answers_with_an_error(server, cache, code):
    server.behaviour = code
    assert_fell_back("the official weights could not be reached")
    assert_refused("the official weights could not be reached")
    assert left_in(cache) == []


@pytest.mark.timeout(60)
def test_server_that_never_answers(server, monkeypatch):
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    server.behaviour = "silent"
    start = time.monotonic()
    assert_fell_back("could not be reached")
    assert time.monotonic() - start < 0.5 + 2  # 2 for reading the offline checkpoint


@pytest.mark.timeout(60)
def test_server_that_does_not_even_accept(monkeypatch, body):
    """Nobody answers the knock: the connection lies in a queue that is not looked at."""
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as queue:
        official(monkeypatch, body, f"http://127.0.0.1:{queue.getsockname()[1]}")
        start = time.monotonic()
        assert_fell_back("could not be reached")
        assert time.monotonic() - start < 0.5 + 2


@pytest.mark.timeout(60)
def test_server_that_stalls_in_the_middle(server, cache, monkeypatch):
    monkeypatch.setattr(weights, "READ_SECONDS", 0.5)
    server.behaviour = "stall"
    before = socket.getdefaulttimeout()
    start = time.monotonic()
    assert_fell_back("the download of", "timed out")
    assert time.monotonic() - start < 0.5 + 2
    assert left_in(cache) == []
    assert socket.getdefaulttimeout() == before  # nothing else in the process is changed


def test_no_server_there(monkeypatch, body):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    official(monkeypatch, body, f"http://127.0.0.1:{port}")
    assert_fell_back("could not be reached")
    assert_refused("could not be reached")


@pytest.mark.timeout(60)
def test_looking_up_the_name_hangs(monkeypatch, body):
    """A network that swallows every question about names."""
    over = threading.Event()
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    official(monkeypatch, body, "http://weights.example")
    start = time.monotonic()
    assert_fell_back("the official weights could not be reached: no answer in time")
    assert time.monotonic() - start < 0.5 + 2
    over.set()


def test_name_that_does_not_exist(monkeypatch, body):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    official(monkeypatch, body, "http://weights.example")
    assert_fell_back("Name or service not known")


def test_cache_folder_cannot_be_made(server, tmp_path):
    (tmp_path / "torch").write_text("a file where torch wants a folder")
    assert_fell_back("the download of")


def test_nothing_at_all_to_be_had(monkeypatch, body, tmp_path):
    monkeypatch.setattr(weights, "DATA", tmp_path)
    official(monkeypatch, body)
    missing = tmp_path / "weights" / OFFLINE["resnet18"][0]
    with pytest.raises(
        WeightsError, match="is missing; fetch the project's data/ folder"
    ) as caught:
        load_weights()
    assert repr(str(missing)) in str(caught.value)


# ---- the offline checkpoint ----


@pytest.mark.parametrize("network", OFFLINE)
def test_the_offline_checkpoint(monkeypatch, network):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights(network)
    name, sha256 = OFFLINE[network]
    assert found.path == weights.DATA / "weights" / name
    assert found.sha256 == sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert found.note == f"the course's offline checkpoint, {name}"
    build = {"resnet18": models.resnet18, "r3d_18": models.video.r3d_18}[network]()
    if network == "r3d_18":
        build.fc = torch.nn.Identity()
    build.load_state_dict(found.state)
    assert all(torch.isfinite(tensor).all() for tensor in found.state.values())


def test_the_offline_video_checkpoint_begins_as_the_picture_network(monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    image, video = load_weights().state, load_weights("r3d_18").state
    for name, theirs in (("stem.0", "conv1"), ("layer1.1.conv2.0", "layer1.1.conv2")):
        assert torch.equal(video[f"{name}.weight"][:, :, 1], image[f"{theirs}.weight"])
    learned = video["layer3.0.conv1.0.weight"]
    assert not torch.equal(learned[:, :, 1], image["layer3.0.conv1.weight"])
    assert learned[:, :, 0].any() and learned[:, :, 2].any()  # three frames deep


def test_a_kernel_kept_one_frame_deep_gets_zeros_before_and_behind(monkeypatch):
    from safetensors.torch import load_file

    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    found = load_weights("r3d_18")
    kept, used = (x["layer4.0.conv1.0.weight"] for x in (load_file(found.path), found.state))
    assert kept.shape == (512, 256, 1, 3, 3) and used.shape == (512, 256, 3, 3, 3)
    assert torch.equal(used[:, :, 1:2], kept)
    assert not used[:, :, 0].any() and not used[:, :, 2].any()
    mixes = "layer4.0.downsample.0.weight"  # 1 x 1 x 1 in the network, too
    assert found.state[mixes].shape == (512, 256, 1, 1, 1)


def test_picture_weights_are_no_video_weights(monkeypatch, tmp_path):
    """A folder with another network's file under the right name."""
    from safetensors.torch import save_file

    save_file(
        {name: x.contiguous() for name, x in models.resnet18().state_dict().items()},
        tmp_path / "r3d_18-wrong.safetensors",
    )
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="does not fit r3d_18"):
        load_weights("r3d_18")


def test_damaged_offline_checkpoint(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    monkeypatch.setattr(weights, "DATA", tmp_path)
    path = tmp_path / "weights" / OFFLINE["resnet18"][0]
    path.parent.mkdir()
    path.write_bytes(b"\0" * 1000)
    with pytest.raises(WeightsError, match="was refused: its SHA-256 starts with") as caught:
        load_weights()
    assert repr(str(path)) in str(caught.value)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_unreadable_offline_checkpoint(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    monkeypatch.setattr(weights, "DATA", tmp_path)
    path = tmp_path / "weights" / OFFLINE["resnet18"][0]
    path.parent.mkdir()
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(WeightsError, match="cannot be read: Permission denied"):
        load_weights()


@pytest.mark.parametrize("value", ["", "Offline", "yes", "imagenet"])
def test_wrong_setting(monkeypatch, value):
    monkeypatch.setenv("COURSE_WEIGHTS", value)
    with pytest.raises(ValueError, match="it may be auto, official or offline") as caught:
        load_weights()
    assert repr(value) in str(caught.value)


# ---- content that is refused ----


def put_in_cache(monkeypatch, cache: Path, content) -> Path:
    """Save `content` under an official name whose hash is right."""
    made = save(content, cache / "made.pth")
    return made.rename(cache / official(monkeypatch, made.read_bytes()))


def without(state: dict, name: str) -> dict:
    return {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (lambda: small_state("resnet34"), "layer1.2.bn1.bias has shape (64,)"),
        (lambda: without(small_state(), "fc.bias"), "fc.bias has shape none"),
        (lambda: without(small_state(), "bn1.running_var"), "bn1.running_var has shape none"),
        (lambda: small_state() | {"extra": torch.ones(3)}, "extra has shape (3,)"),
        (lambda: small_state() | {"fc.weight": torch.ones(10, 512)}, "has shape (10, 512)"),
        (lambda: small_state() | {7: torch.ones(2)}, "7 has shape (2,)"),
        (lambda: small_state() | {"fc.bias": "text"}, "fc.bias has shape none"),
        (lambda: {"arch": "resnet18", "epoch": 3, "state_dict": small_state()}, "arch has shape"),
        (lambda: [1, 2, 3], "has shape none"),
        (lambda: {}, "has shape none"),
    ],
    ids=[
        "resnet34", "key missing", "statistics missing", "key too many", "ten classes",
        "number as key", "text as value", "training checkpoint", "list", "empty",
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(monkeypatch, cache, make, difference):
    path = put_in_cache(monkeypatch, cache, make())
    words = [repr(str(path)), "was refused: it does not fit resnet18", difference]
    assert_fell_back(*words)
    assert_refused(*words)


class Trap:
    """An object that makes a folder when it is unpickled: any code could run instead."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def trap(kind: str, marker: Path, path: Path) -> bytes:
    """Return a file that would make `marker` if it were unpickled without care."""
    if kind == "plain pickle":
        return pickle.dumps(Trap(marker), protocol=2)
    torch.save({"fc.bias": Trap(marker)}, path, _use_new_zipfile_serialization=kind == "torch")
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["plain pickle", "torch", "old torch"])
def test_a_pickle_that_would_run_code(monkeypatch, cache, tmp_path, kind):
    marker = tmp_path / "code_has_run"
    content = trap(kind, marker, tmp_path / "trap.pth")

    cache.mkdir(parents=True)
    path = cache / official(monkeypatch, content)
    path.write_bytes(content)
    words = [repr(str(path)), "was refused: it is not a plain file of weights"]
    assert_fell_back(*words)
    assert_refused(*words)

    renamed = tmp_path / "stick" / "resnet18-nice.safetensors"
    renamed.parent.mkdir()
    renamed.write_bytes(content)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(renamed.parent))
    assert_refused(repr(str(renamed)), "was refused: it is not a plain file of weights")
    assert not marker.exists()

    if kind == "plain pickle":  # the trap does work on those who are careless
        pickle.loads(content)
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


# ---- COURSE_WEIGHTS_DIR ----


def test_folder_with_the_official_file(monkeypatch, server, tmp_path, body):
    name = weights.official_file("resnet18")[1]
    (tmp_path / name).write_bytes(body)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    found = load_weights()
    assert found.kind == "folder" and found.path == tmp_path / name
    assert found.note == f"{name} from {tmp_path}"
    assert server.requests == []


def test_folder_with_a_damaged_official_file(monkeypatch, server, tmp_path, body):
    """The folder was asked for, so nothing else is taken in its place."""
    path = tmp_path / weights.official_file("resnet18")[1]
    path.write_bytes(body[:-1])
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="was refused: its SHA-256") as caught:
        load_weights()
    assert repr(str(path)) in str(caught.value)


def test_folder_with_a_safetensors_file(monkeypatch, tmp_path):
    state = {name: tensor.half().contiguous() for name, tensor in small_state().items()}
    path = tmp_path / "resnet18-ours.safetensors"
    save_file(state, path)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    found = load_weights()
    assert (found.kind, found.path) == ("folder", path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.equal(found.state["fc.bias"], state["fc.bias"])
    path.unlink()


def test_folder_with_a_safetensors_file_of_another_network(monkeypatch, tmp_path):
    path = tmp_path / "resnet18-wrong.safetensors"
    save_file({"fc.bias": torch.ones(1000)}, path)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="does not fit resnet18") as caught:
        load_weights()
    assert repr(str(path)) in str(caught.value)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_folder_with_nothing_in_it(monkeypatch, tmp_path, name):
    folder = tmp_path / name
    if name == "empty":
        folder.mkdir()
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(folder))
    with pytest.raises(WeightsError, match="put one there or unset the variable") as caught:
        load_weights()
    assert repr(str(folder)) in str(caught.value)
    assert weights.official_file("resnet18")[1] in str(caught.value)


def test_changed_settings_are_noticed(monkeypatch, tmp_path, body):
    """What is remembered belongs to the settings it was found with."""
    monkeypatch.setenv("COURSE_WEIGHTS", "offline")
    assert load_weights().kind == "offline"
    (tmp_path / official(monkeypatch, body)).write_bytes(body)
    monkeypatch.setenv("COURSE_WEIGHTS_DIR", str(tmp_path))
    assert load_weights().kind == "folder"
    monkeypatch.delenv("COURSE_WEIGHTS_DIR")
    assert load_weights().kind == "offline"
