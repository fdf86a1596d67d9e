"""Every path between pictures, films and sounds gives what a plain NumPy computation gives.

The files are real and tiny. The encoders are small ones: a picture's or a frame's vector is drawn
at random for the number that it shows, a film's and a sound's for the file's content.
"""

import hashlib
import os
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from films import number, numbered, write
from PIL import Image
from scipy.io import wavfile

from course_utils.cache import EmbeddingCache
from course_utils.cache import Encoder as Base
from course_utils.catalog import Catalog, Item, item_id
from course_utils.media import MediaError, read_frames, read_image, read_waveform
from course_utils.store import MemoryStore, StoreError, VectorStore
from course_utils.unified import KINDS, SPACES, Hop, Match, UnifiedSearch, key_moments

FRAMES = numbered(400)
RATE = 4  # frames a second of the films here
DIM = {"image": 6, "video": 7, "audio": 5}


class Encoder(Base):
    """Gives each content a vector that is drawn at random, and counts what it is asked for."""

    def __init__(self, space, fingerprint="f1"):
        self.space, self.name, self.dim = space, f"small {space}", DIM[space]
        self.fingerprint = f"{fingerprint} {space}"
        self.files, self.frames = [], 0

    def draw(self, *key):
        vector = np.random.default_rng(key).normal(size=self.dim)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def one(self, path):
        if self.space == "image":
            return self.draw(number(np.asarray(read_image(path))))
        if self.space == "video":
            read_frames(path, count=1)
        else:
            read_waveform(path)
        return self.draw(*hashlib.sha256(Path(path).read_bytes()).digest())

    def stream(self, paths):
        for path in paths:
            try:
                yield self.one(path)
                self.files.append(Path(path).name)
            except MediaError as error:
                yield error

    def encode_frames(self, frames):
        self.frames += len(frames)
        return np.array([self.draw(number(frame)) for frame in frames])


def picture(path, shown):
    Image.fromarray(FRAMES[shown]).save(path, "PNG")
    return path


def film(path, first, count, hertz=None, **options):
    heard = None if hertz is None else tone(hertz, count / RATE, 48_000)
    return write(path, FRAMES[first : first + count], rate=RATE, sound=heard, **options)


def tone(hertz, seconds=0.5, rate=16_000):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def sound(path, hertz):
    wavfile.write(path, 16_000, tone(hertz).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Six pictures, six films (one is silent) and five sounds; some are of one source."""
    folder = tmp_path_factory.mktemp("library")
    items = []
    for shown in (3, 62, 81, 200, 210, 220):
        path = picture(folder / f"picture {shown}.png", shown)
        source = "a day" if shown in (62, 200) else path.stem
        items.append(Item(path, "image", "still", source=source))
    for name, first, count, hertz in (
        ("long", 0, 48, 300), ("three", 60, 12, 400), ("two", 80, 8, 500),
        ("blink", 100, 2, 600), ("mute", 120, 12, None), ("half", 140, 10, 700),
    ):  # fmt: skip
        path = film(folder / f"{name}.mp4", first, count, hertz)
        source = "a day" if name in ("three", "mute") else name
        items.append(Item(path, "video", "moving", source=source))
    for hertz in (310, 410, 510, 610, 710):
        path = sound(folder / f"tone {hertz}.wav", hertz)
        items.append(Item(path, "audio", "heard", source="a day" if hertz == 410 else path.stem))
    return Catalog(items)


def encoders(folder, fingerprint="f1"):
    return [EmbeddingCache(Encoder(space, fingerprint), folder) for space in KINDS]


@pytest.fixture
def cached(tmp_path):
    return encoders(tmp_path / "cache")


@pytest.fixture
def search(cached, library):
    found = UnifiedSearch(cached)
    found.add(library)
    return found


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    else:
        with VectorStore(uri=tmp_path / "vectors.db") as opened:
            yield opened


def named(catalog, name):
    return catalog[catalog.find(name)]


def names(answers):
    return [answer.item.name for answer in answers]


class Plain:
    """The whole search once more, from the files on, with loops and sorted lists only."""

    def __init__(self, catalog):
        self.catalog, self.encoders = list(catalog), {space: Encoder(space) for space in KINDS}
        self.moments, self.pairs = {}, {}
        self.rows = {
            (space, item): self.vectors(space, item)
            for item in self.catalog
            for space in SPACES[item.kind]
        }

    def vectors(self, space, item):
        encoder = self.encoders[space]
        if (space, item.kind) == ("image", "video"):
            shown = [number(frame) for frame in read_frames(item.path)]
            self.moments[item] = key_moments(len(shown) / RATE)
            moments = self.moments[item]
            return np.array([encoder.draw(shown[int(moment * RATE + 1e-6)]) for moment in moments])
        return encoder.encode([item.path], [])  # no row for a film without sound

    def cosines(self, space, one, other):
        """Return the cosines of all rows of one item with the best row of the other, if any."""
        return (self.rows[space, one] @ self.rows[space, other].T).max(axis=0, initial=-2)

    def percentile(self, space, kind, other, cosine):
        """Return which percentage of pairs of two kinds, of different sources, is less alike."""
        key = (space, *sorted((kind, other)))
        if key not in self.pairs:
            self.pairs[key] = [
                self.cosines(space, a, b).max(initial=-2)
                for a, b in combinations(self.catalog, 2)
                if sorted((a.kind, b.kind)) == sorted((kind, other)) and a.source != b.source
            ]
        known = [pair for pair in self.pairs[key] if pair > -2]
        return 100 * np.mean([pair < cosine - 1e-6 for pair in known])

    def nearest(self, query, space, kind, without):
        """Return the hops to all items of a kind, best first."""
        hops = []
        for item in self.catalog:
            if item.kind == kind and item not in without:
                cosines = self.cosines(space, query, item)
                best = cosines.max(initial=-2)
                if best > -2:
                    percentile = self.percentile(space, query.kind, kind, best)
                    frames = (space, kind) == ("image", "video")
                    seconds = self.moments[item][cosines.argmax()] if frames else None
                    hops.append(Hop(space, item, best, percentile, seconds))
        return sorted(hops, key=lambda hop: -hop.cosine)

    def search(self, query, kind, spaces=KINDS, leave_out=()):
        """Return matches: the sum of 1 / (60 + rank), or over films the strongest path, decides."""
        without = [item for item in self.catalog if item.source in leave_out or item == query]
        shared = [space for space in SPACES[query.kind] if space in SPACES[kind]]
        found = []  # (how strong a path is, the path)
        for space in filter(spaces.count, shared):
            hops = self.nearest(query, space, kind, without)
            found += [(Fraction(1, 60 + rank), (hop,)) for rank, hop in enumerate(hops, 1)]
        found.sort(key=lambda one: -one[0])
        if not shared and {"image", "audio"} <= set(spaces):
            for bridge in self.nearest(query, query.kind, "video", without)[:3]:
                for hop in self.nearest(bridge.item, kind, kind, without):
                    strength = round(bridge.percentile * hop.percentile / 100**2, 12)
                    found.append((strength, (bridge, hop)))
        ways = {}
        for strength, path in found:
            ways.setdefault(path[-1].item, []).append((strength, path))
        matches = []
        for item, mine in ways.items():
            strengths, paths = zip(*sorted(mine, key=lambda one: -one[0]), strict=True)
            matches.append(Match(item, float(sum(strengths) if shared else strengths[0]), paths))
        return sorted(matches, key=lambda match: -match.score)


def told(matches):
    """Return all that matches say: words, numbers, and moments of films."""
    hops = [(match, path, hop) for match in matches for path in match.paths for hop in path]
    words = [(match.item, len(path), hop.space, hop.item) for match, path, hop in hops]
    numbers = [(match.score, hop.cosine, hop.percentile) for match, _, hop in hops]
    return words, np.array(numbers), [hop.seconds or 0 for *_, hop in hops]


def assert_same(found, expected):
    (words, numbers, moments), right = told(found), told(expected)
    assert words == right[0]
    np.testing.assert_allclose(numbers, right[1], rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(moments, right[2], atol=0.02)


def test_every_path_equals_plain_numpy(library, cached, store):
    """Of every second item: all of them; only a few; by some spaces; with sources left out."""
    search = UnifiedSearch(cached, store)
    assert list(search.add(library)) == list(library)
    plain = Plain(library)
    for query in library[::2]:
        for k, options in (
            (50, {}), (3, {"leave_out": ["a day", ""]}), (2, {"spaces": ["image"]}),
            (50, {"spaces": ["audio", "video"], "leave_out": ["long", query.source]}),
        ):  # fmt: skip
            found = search.search(query, k, **options)
            assert list(found) == list(KINDS)
            for kind in KINDS:
                assert_same(found[kind], plain.search(query, kind, **options)[:k])


def test_key_moments():
    for seconds, moments in ((0.04, [0.02]), (1.4, [0.7]), (3.3, [0.55, 1.65, 2.75])):
        assert key_moments(seconds) == pytest.approx(moments)
    assert key_moments(160) == pytest.approx(range(10, 160, 20))


def test_paths_in_words(search, tmp_path):
    """A bridge is named, and so is the moment at which a film shows the picture."""
    for query, kind in (("picture 62", "audio"), ("tone 410", "image")):
        for match in search.search(query, 50, [kind])[kind]:
            (bridge, last), *_ = match.paths
            assert bridge.item.kind == "video" and last.item == match.item
            assert match.path.startswith(f"{bridge.item.name} {bridge}, and with it this {last}")
    query = picture(tmp_path / "seen.png", 33)  # what the film of twelve seconds shows at 8.25
    best = search.search(query, kinds=["video"])["video"][0]
    assert best.item.name == "long" and best.path.startswith("looks alike at 8.2 s (1.00, above")


def test_an_item_in_any_form_is_never_its_own_answer(search, library, monkeypatch):
    folder = library.paths[0].parent
    monkeypatch.chdir(folder)
    (folder / "sub").mkdir(exist_ok=True)
    for query in (named(library, name) for name in ("picture 62", "mute", "tone 410")):
        expected = search.search(query, 50)
        assert sum(map(len, expected.values())) > 8
        for given in (query.path, str(query.path), query.path.name, query.name,
                      item_id(query.path), f"sub/../{query.path.name}"):  # fmt: skip
            assert search.item(given) is search.items[item_id(query.path)]
            assert search.search(given, 50) == expected
        for match in (match for matches in expected.values() for match in matches):
            assert query.path not in {hop.item.path for path in match.paths for hop in path}


def test_an_own_file_comes_before_an_items_name_and_two_items_of_a_name_are_said(
    cached, library, tmp_path, monkeypatch
):
    search = UnifiedSearch(cached)
    with pytest.raises(StoreError, match="upsert vectors first"):
        search.search(library[0])
    search.add([*library, Item(picture(tmp_path / "long.png", 250))])
    with pytest.raises(KeyError, match="long"):
        search.search("long")
    with pytest.raises(MediaError, match="does not exist"):
        search.search("nowhere.png")
    monkeypatch.chdir(tmp_path)
    assert search.item("picture 62") == named(library, "picture 62")
    own = picture(tmp_path / "picture 62", 62)
    assert search.item("picture 62").path == Path(own.name)


def test_wrong_requests(search, cached):
    for options in ({"k": 0}, {"kinds": ["text"]}, {"kinds": "image"}, {"spaces": ["text"]}):
        with pytest.raises(ValueError, match=r"k is 0|kinds and spaces are"):
            search.search("mute", **options)
    with pytest.raises(ValueError, match="one each for the spaces"):
        UnifiedSearch([*cached[:2], cached[1]])


def test_broken_files_are_left_out_and_the_rest_is_kept(cached, library, tmp_path, capsys):
    search, broken = UnifiedSearch(cached), {}
    for name, kind, content, reason in (
        ("empty.png", "image", b"", "is empty"),
        ("text.mp4", "video", b"no film " * 100, "is not a video"),
        ("cut.wav", "audio", b"RIFF", "is not a sound"),
    ):
        (tmp_path / name).write_bytes(content)
        broken[reason] = Item(tmp_path / name, kind)
    broken["does not exist"] = Item(tmp_path / "gone.png")
    assert list(search.add([*broken.values(), *library])) == list(library)
    said = capsys.readouterr().out.splitlines()  # the silent film is no fault
    assert len(said) == 4
    for reason, item in broken.items():
        assert any(line.startswith(f"Left out: '{item.path}' {reason}") for line in said)
    assert set(search.items) == {item_id(path) for path in library.paths}
    assert search.store.count("video") == 6 and search.store.count("audio", kind="audio") == 5


def test_a_films_damaged_sound_is_said(cached, library, capsys):
    def damaged(path):
        raise MediaError(path, "has sound, but it is damaged", "save it again")

    cached[2].encoder.one = damaged
    search = UnifiedSearch(cached)
    assert len(search.add([named(library, "two"), named(library, "three")])) == 2
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all("but it is damaged" in line for line in said)
    assert search.store.count("audio") == 0
    assert names(search.search("two")["video"]) == ["three"]


ODD = ["a#frame=1", "#frame=", "x#frame=0#frame=1", "#", " a ", "it's", "日本 é 🎵", "';--", "{x}"]
ODD += [] if os.name == "nt" else ['"quoted"', 'a" or id != "', "a\\", "a?*"]


def test_odd_names(cached, store, tmp_path):
    """Each film is found by its own key frame and each picture by its own number."""
    search = UnifiedSearch(cached, store)
    films, stills = [], []
    for i, name in enumerate(ODD):
        films.append(Item(film(tmp_path / f"{name}.mp4", 10 * i, 8), "video", source=f"{i}"))
        stills.append(Item(picture(tmp_path / f"{name}.png", 10 * i + 6), source=f"still {i}"))
    assert len(search.add([*films, *stills])) == 2 * len(ODD)
    for one, still in zip(films, stills, strict=True):
        best = search.search(still, 1, ["video"])["video"][0]
        assert best.item == one and best.paths[0][0].seconds == pytest.approx(1.5)
        assert search.search(str(one.path), 1, ["image"])["image"][0].item == still


def test_nothing_is_encoded_twice(cached, library):
    """Neither when items are added again, nor by any search for them."""
    search = UnifiedSearch(cached)
    for catalog in (library, library[::-1]):
        search.add(catalog)
        for item in library:
            search.search(item, 50)
    UnifiedSearch(cached).add(library)
    inner = [cache.encoder for cache in cached]
    assert [len(encoder.files) for encoder in inner] == [6, 6, 5 + 5]
    assert inner[0].frames == 8 + 3 + 2 + 1 + 3 + 2  # a film of 2.5 s has two


def test_others_in_the_store_do_not_crowd_out(search, library):
    """Rows of an earlier day, say, whose files are not known now."""
    expected = search.search("picture 62", 2)
    pictures = search.encoders["image"]
    alike = np.repeat(pictures.encode([named(library, "picture 62").path]), 200, axis=0)
    search.store.upsert(pictures, range(200), alike)
    assert search.search("picture 62", 2) == expected


@pytest.mark.parametrize("change", ["shorter", "silent", "picture", "broken"])
def test_what_a_file_was_before_is_forgotten(cached, store, library, tmp_path, change):
    """A file of a name that was added before is found by what it holds now, and not twice."""
    search, path = UnifiedSearch(cached, store), tmp_path / "medium"
    item = Item(film(path, 300, 32, 900, form="mp4"), "video", source="it")
    search.add([*library, item])
    if change == "picture":
        item = Item(picture(path, 350), source="it")
    elif change == "broken":
        path.write_bytes(b"nothing any more")
    else:
        film(path, 350, 8, None if change == "silent" else 900, form="mp4")
    search.add([item, *library[:3]])
    fresh = UnifiedSearch(cached)
    fresh.add([*library, item])
    for space in KINDS:
        assert store.count(space) == fresh.store.count(space)
    for query in [*library[::6], *([] if change == "broken" else [item])]:  # one of each kind
        found, expected = search.search(query, 50), fresh.search(query, 50)
        for kind in KINDS:
            assert_same(found[kind], expected[kind])


def test_another_encoders_store_is_refused(cached, store, library, tmp_path):
    """Before anything is encoded."""
    UnifiedSearch(cached, store).add(library[:3])
    others = encoders(tmp_path / "others", fingerprint="f2")
    search = UnifiedSearch(others, store)
    for use in (lambda: search.add(library), lambda: search.search(library[0])):
        with pytest.raises(StoreError, match="cannot be compared with those of small image"):
            use()
    assert others[1].encoder.files == others[2].encoder.files == []
    assert store.count("image") == 3 and store.count("video") == 0
