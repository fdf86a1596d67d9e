"""Every path between pictures, films and sounds gives what a plain NumPy computation gives.

The files are real and tiny. The encoders are small ones: a picture's or a frame's vector is drawn
at random for the number that it shows, a film's and a sound's for the file's content.
"""

import hashlib
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from films import number, numbered, write
from PIL import Image
from scipy.io import wavfile

from course_utils import unified
from course_utils.cache import EmbeddingCache
from course_utils.cache import Encoder as Base
from course_utils.catalog import Catalog, Item, item_id
from course_utils.media import MediaError, read_frames, read_image, read_waveform
from course_utils.store import MemoryStore, StoreError, VectorStore
from course_utils.unified import (
    KINDS,
    SPACES,
    Hop,
    UnifiedSearch,
    fuse,
    key_moments,
)

FRAMES = numbered(400)
RATE = 4  # frames a second of the films here
DIM = {"image": 6, "video": 7, "audio": 5}


# ---- small encoders and files ----


class Encoder(Base):
    """Gives each content a vector that is drawn at random, and counts what it is asked for."""

    def __init__(self, space, seed=0, fingerprint="f1"):
        self.space, self.name, self.dim, self.seed = space, f"small {space}", DIM[space], seed
        self.fingerprint = f"{fingerprint}{space}{seed}"
        self.files, self.frames = [], 0

    def draw(self, *key):
        vector = np.random.default_rng([self.seed, *key]).normal(size=self.dim)
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


def encoders(folder, seed=0, fingerprint="f1"):
    return [EmbeddingCache(Encoder(space, seed, fingerprint), folder) for space in KINDS]


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


def ids(answers):
    return [item_id(answer.item.path) for answer in answers]


def computed(search):
    return [search.encoders[space].computed for space in KINDS]


# ---- the same in plain NumPy ----


class Plain:
    """The whole search once more, from the files on, with loops and sorted lists only."""

    def __init__(self, catalog, seed=0):
        self.catalog, self.encoders = list(catalog), {s: Encoder(s, seed) for s in KINDS}
        self.rows = {
            (space, item.path): self.vectors(space, item)
            for item in self.catalog
            for space in SPACES[item.kind]
        }
        self.known = self.catalog  # what percentiles are taken from

    def vectors(self, space, item):
        encoder = self.encoders[space]
        if (space, item.kind) == ("image", "video"):
            shown = [number(frame) for frame in read_frames(item.path)]
            moments = key_moments(len(shown) / RATE)
            return np.array([encoder.draw(shown[int(moment * RATE + 1e-6)]) for moment in moments])
        return encoder.encode([item.path], [])  # no row for a film without sound

    def nearest(self, query, space, kind, without):
        """Return (item, cosine, key frame), best first, of all items of a kind."""
        mine = self.rows.get((space, query.path))
        mine = self.vectors(space, query) if mine is None else mine
        found = []
        for item in self.catalog:
            rows = self.rows.get((space, item.path), ())
            if item.kind == kind and item not in without and len(rows) and len(mine):
                cosines = (mine @ rows.T).max(axis=0)
                found.append((item, cosines.max(), int(cosines.argmax())))
        return sorted(found, key=lambda one: -one[1])

    def percentile(self, space, kind, other, cosine):
        """Return the share of pairs of two kinds, of different sources, with a lower cosine."""
        pairs = []
        for i, a in enumerate(self.known):
            for b in self.known[i + 1 :]:
                rows = self.rows.get((space, a.path), ()), self.rows.get((space, b.path), ())
                if (
                    {a.kind, b.kind} == {kind, other}
                    and a.source != b.source
                    and all(map(len, rows))
                ):
                    pairs.append((rows[0] @ rows[1].T).max())
        return np.mean([pair < cosine - 1e-6 for pair in pairs]) if pairs else max(cosine, 0)

    def over_films(self, query, kind, without):
        """Return (item, strength of its strongest way), best first, and the ways to each item."""
        ways = {}
        for film, cosine, frame in self.nearest(query, query.kind, "video", without)[:3]:
            first = self.percentile(query.kind, query.kind, "video", cosine)
            for step in self.nearest(film, kind, kind, without):
                strength = first * self.percentile(kind, "video", kind, step[1])
                ways.setdefault(step[0].name, []).append((strength, ((film, cosine, frame), step)))
        for mine in ways.values():
            mine.sort(key=lambda way: -round(way[0], 12))
        order = sorted(ways, key=lambda name: -round(ways[name][0][0], 12))
        return [(name, ways[name][0][0], [way for _, way in ways[name]]) for name in order]

    def search(self, query, kind, spaces=KINDS, leave_out=()):
        """Return (item, sum of 1 / (60 + rank)), best first, and the ways to each item."""
        without = [i for i in self.catalog if i.source in leave_out or i.path == query.path]
        shared = [s for s in SPACES[query.kind] if s in SPACES[kind]]
        if not shared:
            usable = {"image", "audio"} <= set(spaces)
            return self.over_films(query, kind, without) if usable else []
        lists = [
            [(step,) for step in self.nearest(query, space, kind, without)]
            for space in shared
            if space in spaces
        ]
        sums, met, ways = {}, {}, {}
        for which, ways_of_one in enumerate(lists):
            for rank, way in enumerate(ways_of_one, 1):
                name = way[-1][0].name
                sums[name] = sums.get(name, 0) + Fraction(1, 60 + rank)
                met[name] = min(met.get(name, (rank, which)), (rank, which))
                ways.setdefault(name, []).append((rank, which, way))
        order = sorted(sums, key=lambda name: (-sums[name], met[name]))
        return [
            (name, float(sums[name]), [way for *_, way in sorted(ways[name], key=lambda w: w[:2])])
            for name in order
        ]


def assert_same(answers, expected):
    assert names(answers) == [name for name, _, _ in expected]
    np.testing.assert_allclose(
        [answer.score for answer in answers], [score for _, score, _ in expected], rtol=1e-6
    )
    for answer, (_, _, ways) in zip(answers, expected, strict=True):
        assert len(answer.paths) == len(ways)
        for path, way in zip(answer.paths, ways, strict=True):
            assert [step.item.name for step in path] == [item.name for item, _, _ in way]
            np.testing.assert_allclose(
                [step.cosine for step in path], [cosine for _, cosine, _ in way], atol=2e-6
            )
            assert path[-1].item == answer.item
            for step, (item, _, frame) in zip(path, way, strict=True):
                if step.space == "image" and item.kind == "video":
                    seconds = len(read_frames(item.path)) / RATE
                    assert step.seconds == pytest.approx(key_moments(seconds)[frame], abs=0.02)
                else:
                    assert step.seconds is None


@pytest.mark.parametrize("seed", range(4))
def test_every_path_equals_plain_numpy(library, tmp_path, seed):
    search = UnifiedSearch(encoders(tmp_path / "cache", seed))
    assert list(search.add(library)) == list(library)
    plain = Plain(library, seed)
    for query in library:
        found = search.search(query, k=50)
        assert list(found) == list(KINDS)
        for kind in KINDS:
            assert_same(found[kind], plain.search(query, kind))


def test_every_path_in_both_stores(library, cached, store):
    """Also with only a few results, with some spaces, and with sources left out."""
    search = UnifiedSearch(cached, store)
    search.add(library)
    plain = Plain(library)
    queries = [named(library, name) for name in ("picture 62", "three", "mute", "tone 410")]
    for query in queries:
        for k, options in (
            (1, {}), (3, {"leave_out": ["a day"]}), (2, {"spaces": ["image"]}),
            (50, {"spaces": ["audio", "video"]}), (50, {"spaces": ["audio", "image"]}),
            (50, {"leave_out": ["long", "half", query.source]}),
        ):  # fmt: skip
            found = search.search(query, k, **options)
            for kind in KINDS:
                assert_same(found[kind], plain.search(query, kind, **options)[:k])


# ---- words ----


def test_a_bridge_is_named(search):
    for query, kind in (("picture 62", "audio"), ("tone 410", "image")):
        found = search.search(query, 50, kind)[kind]
        bridges = {path[0].item.name for answer in found for path in answer.paths}
        by_hand = names(search.search(query, 3, "video")["video"])
        assert bridges == set(by_hand) - {"mute"} and len(by_hand) == 3
        for answer in found:
            (before, last), *_ = answer.paths
            assert before.item.kind == "video" and last.item == answer.item
            assert answer.path.startswith(f"{before.item.name} {before}, and with it this {last}")


def test_merging_by_hand():
    a, b, c = (Item(Path(f"{name}.png")) for name in "abc")

    def steps(*items):
        return [(Hop("image", item, 0.5),) for item in items]

    first, second = steps(a, b, c), steps(c, a)
    found = fuse([first, second])
    assert [answer.item for answer in found] == [a, c, b]
    assert [answer.score for answer in found] == [1 / 61 + 1 / 62, 1 / 61 + 1 / 63, 1 / 62]
    assert found[0].paths == (first[0], second[1])
    assert found[1].paths == (second[0], first[2])  # its better rank first
    assert fuse([]) == fuse([[], []]) == []


# ---- key frames ----


@pytest.mark.parametrize(
    ("seconds", "moments"),
    [
        (0.04, [0.02]), (1.4, [0.7]), (2, [0.5, 1.5]), (3.3, [0.55, 1.65, 2.75]),
        (8, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]),
        (160, [10, 30, 50, 70, 90, 110, 130, 150]),
    ],
)  # fmt: skip
def test_key_moments(seconds, moments):
    assert key_moments(seconds) == pytest.approx(moments)


@pytest.mark.parametrize("which", range(8))
def test_the_moment_that_matched(search, tmp_path, which):
    """A picture of what is on screen at a key moment finds the film, and that moment."""
    moment = key_moments(12)[which]
    query = picture(tmp_path / "seen.png", int(moment * RATE))
    best = search.search(query, kinds="video")["video"][0]
    assert best.item.name == "long"
    ((step,),) = best.paths
    assert step.cosine == pytest.approx(1, abs=1e-6) and step.seconds == pytest.approx(moment)
    assert f"looks alike at {moment:.1f} s (1.00" in best.path


def test_a_shorter_film_under_the_same_name(cached, store, library, tmp_path):
    """No key frame of the old one is left, and moments are the new one's."""
    search = UnifiedSearch(cached, store)
    path = film(tmp_path / "film.mp4", 300, 32, 900)
    item = Item(path, "video", source="it")
    search.add([*library, item])
    before = store.count("image", kind="video")
    old = picture(tmp_path / "old.png", 330)
    assert search.search(old, 1, "video")["video"][0].paths[0][0].seconds == pytest.approx(7.5)
    film(path, 350, 8, 900)
    search.add([item])
    assert store.count("image", kind="video") == before - 8 + 2
    assert store.count("video") == store.count("audio", kind="video") + 1 == 7
    ways = [a.paths[0][0] for a in search.search(old, 50, "video")["video"]]
    assert max(way.cosine for way in ways) < 0.999
    for shown, moment in ((352, 0.5), (356, 1.5)):  # at 0.5 and 1.5 s, 4 frames a second
        new = picture(tmp_path / "new.png", shown)
        best = search.search(new, 1, "video")["video"][0]
        assert best.item.path == path and best.paths[0][0].seconds == pytest.approx(moment)
        assert best.paths[0][0].cosine == pytest.approx(1, abs=1e-6)


def test_a_film_that_lost_its_sound(cached, store, library, tmp_path):
    search = UnifiedSearch(cached, store)
    item = Item(film(tmp_path / "film.mp4", 300, 4, 900), "video", source="it")
    search.add([*library, item])
    assert store.count("audio", kind="video") == 6
    film(item.path, 300, 4)
    search.add([item])
    assert store.count("audio", kind="video") == 5 and store.count("video") == 7
    assert "film" not in names(search.search("tone 310", 50, "video")["video"])
    assert "film" in names(search.search("long", 50, "video")["video"])
    assert len(search._known["audio", "video"]) == 5


# ---- what is left out ----


def test_neither_the_query_nor_what_is_left_out(search, library, tmp_path, monkeypatch):
    monkeypatch.chdir(library.paths[0].parent)
    (library.paths[0].parent / "sub").mkdir(exist_ok=True)
    for query in library:
        for given in (query, query.path, str(query.path), query.path.name, query.name,
                      item_id(query.path), f"sub/../{query.path.name}"):  # fmt: skip
            found = search.search(given, 50)
            assert sum(map(len, found.values())) > 8
            for answer in (answer for answers in found.values() for answer in answers):
                assert not answer.item.path.samefile(query.path)
                for path in answer.paths:
                    assert all(step.item.path != query.path for step in path)
    for given in ("a day", ["a day"], {"a day"}, iter(["a day"])):
        found = search.search("tone 310", 50, leave_out=given)
        assert [len(found[kind]) for kind in KINDS] == [4, 4, 3]
        steps = [s for answers in found.values() for a in answers for p in a.paths for s in p]
        assert "a day" not in {step.item.source for step in steps}


@pytest.mark.parametrize("nothing", ["", [""], []])
def test_leaving_out_an_empty_text_leaves_out_nothing(cached, library, tmp_path, nothing):
    """Items without a source have an empty one, and are still found."""
    search = UnifiedSearch(cached)
    alone = Item(picture(tmp_path / "alone.png", 250), source="")
    search.add([*library, alone])
    found = search.search("picture 62", 50, leave_out=nothing)
    assert "alone" in names(found["image"])
    assert found == search.search("picture 62", 50)


def test_an_own_file_comes_before_an_items_name_and_two_items_of_a_name_are_said(
    cached, library, tmp_path, monkeypatch
):
    search = UnifiedSearch(cached)
    other = Item(picture(tmp_path / "long.png", 250))
    search.add([*library, other])
    with pytest.raises(KeyError, match="long"):
        search.search("long")
    monkeypatch.chdir(tmp_path)
    assert search.item("picture 62") == named(library, "picture 62")
    own = picture(tmp_path / "picture 62", 62)
    assert search.item("picture 62").path == Path(own.name)


def test_a_films_damaged_sound_is_said_and_a_missing_one_is_not(cached, library, capsys):
    def damaged(path):
        raise MediaError(path, "has sound, but it is damaged", "save it again")

    search = UnifiedSearch(cached)
    search.add(library)
    assert capsys.readouterr().out == ""  # the film `mute` is no fault
    search.encoders["audio"].encoder.one = damaged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search.encoders["audio"], "folder", library.paths[0].parent / "fresh")
        assert len(search.add([named(library, "two")])) == 1
    assert "Added without its sound" in capsys.readouterr().out
    assert search.store.count("audio", kind="video") == 4


def test_a_silent_film_is_found_by_its_pictures(search, tmp_path):
    assert search.store.count("audio", kind="video") == 5
    query = picture(tmp_path / "seen.png", 126)  # the second key frame, at 1.5 s
    assert search.search(query)["video"][0].item.name == "mute"
    assert "mute" not in names(search.search("tone 310", 50)["video"])
    assert search.search("mute", 50)["audio"] == []
    assert len(search.search("mute", 50)["video"]) == 5


def test_wrong_requests(search):
    for options, words in (
        ({"k": 0}, "k is 0"), ({"k": -1}, "k is -1"), ({"kinds": ["picture"]}, "picture: kinds"),
        ({"spaces": ["text"]}, "text: kinds and spaces are"),
        ({"kinds": "sound"}, "sound: kinds"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            search.search("long", **options)
    assert search.search("long", kinds=[]) == {}
    assert search.search("long", spaces=[]) == {kind: [] for kind in KINDS}
    assert list(search.search("long", kinds=iter(["audio", "image"]))) == ["audio", "image"]


def test_before_anything_was_added(cached, library):
    with pytest.raises(StoreError, match="add a catalog first"):
        UnifiedSearch(cached).search(library[0])


def test_three_encoders(tmp_path):
    image, video, audio = (Encoder(space) for space in KINDS)
    for wrong in ([], [image, video], [image, video, audio, audio], [image, image, audio]):
        with pytest.raises(ValueError, match="one each for the spaces"):
            UnifiedSearch(wrong)
    search = UnifiedSearch(iter([audio, EmbeddingCache(image, tmp_path), video]))
    assert all(isinstance(search.encoders[space], EmbeddingCache) for space in KINDS)
    assert search.encoders["image"].folder == tmp_path


# ---- broken and odd files ----


def test_broken_files_are_left_out_and_the_rest_is_kept(cached, store, library, tmp_path, capsys):
    search = UnifiedSearch(cached, store)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.mp4").write_text("no film " * 100)
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    broken = [
        Item(tmp_path / "empty.png"), Item(tmp_path / "gone.png"),
        Item(tmp_path / "text.mp4", "video"), Item(tmp_path / "cut.wav", "audio"),
        Item(named(library, "mute").path, "audio"),
        Item(picture(tmp_path / "odd.png", 5), "text"), Item(tmp_path / "odd.png", label=""),
    ]  # fmt: skip
    mixed = [*broken[:4], *library, *broken[5:]]
    assert list(search.add(mixed)) == list(library)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5 and all(line.startswith("Left out: '") for line in said)
    for name, reason in (
        ("empty.png", "is empty"), ("gone.png", "does not exist"), ("text.mp4", "is not a video"),
        ("cut.wav", "is not a sound"), ("odd.png", "label is empty"),
    ):  # fmt: skip
        assert sum(name in line and reason in line for line in said) == 1
    assert set(search.items) == {item_id(path) for path in library.paths}
    assert store.count("video") == 6 and store.count("audio", kind="audio") == 5
    assert list(search.add([Item(tmp_path / "odd.png", "text")])) == []
    assert "has the kind 'text'" in capsys.readouterr().out
    assert list(search.add(broken[4:5])) == []  # a film without sound is no sound
    assert "has no sound" in capsys.readouterr().out


def test_an_item_that_broke_is_taken_out(cached, store, library, tmp_path, capsys):
    """What is added again and can no longer be used is not found by its old content."""
    search = UnifiedSearch(cached, store)
    item = Item(film(tmp_path / "film.mp4", 300, 8, 900), "video")
    search.add([*library, item])
    counts = [store.count(space) for space in KINDS]
    item.path.write_bytes(b"nothing any more")
    assert list(search.add([item, library[0]])) == [library[0]]
    assert "Left out" in capsys.readouterr().out
    assert [store.count(s) for s in KINDS] == [counts[0] - 2, counts[1] - 1, counts[2] - 1]
    assert item_id(item.path) not in search.items


def test_a_file_that_is_gone_is_no_answer(cached, library, tmp_path):
    """Nor is it a bridge; and a search for something else goes on without it."""
    copies = [
        Item(Path(shutil.copy(item.path, tmp_path)), item.kind, source=item.source)
        for item in library
    ]
    search = UnifiedSearch(cached)
    search.add(copies)
    kept = Plain(copies)
    kept.catalog = kept.catalog[1::2]
    for gone in copies[::2]:
        gone.path.unlink()
    for query in copies[1::2]:
        found = search.search(query, 50)
        for kind in KINDS:
            assert_same(found[kind], kept.search(query, kind))
    with pytest.raises(MediaError, match="does not exist"):
        search.search(copies[0])


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
        best = search.search(still, 1, "video")["video"][0]
        assert best.item == one and best.paths[0][0].seconds == pytest.approx(1.5)
        assert search.search(str(one.path), 1, "image")["image"][0].item == still


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_no_store_can_hold(cached, store, library, tmp_path, capsys):
    """They are left out with the reason; the others are kept."""
    search = UnifiedSearch(cached, store)
    deep = tmp_path.joinpath(*["x" * 250] * 4)
    deep.mkdir(parents=True)
    odd = [Item(picture(tmp_path / "a\nb.png", 1)), Item(picture(deep / "a.png", 2)),
           Item(library[1].path, label="x" * 257)]  # fmt: skip
    assert list(search.add([library[0], *odd])) == [library[0]]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3 and all("control characters; rename it" in line for line in said)
    assert store.count("image") == 1
    assert ids(search.search(odd[0])["image"]) == [item_id(library[0].path)]  # it can be a query


# ---- adding again, removing ----


def test_nothing_is_encoded_twice(cached, store, library):
    """Neither when items are added again, nor by any search for them."""
    search = UnifiedSearch(cached, store)
    search.add(library)
    assert computed(search) == [6 + 6, 6, 5 + 5]
    done = [list(search.encoders[space].encoder.files) for space in KINDS]
    assert [len(files) for files in done] == [6, 6, 10]
    frames = search.encoders["image"].encoder.frames
    assert frames == 8 + 3 + 2 + 1 + 3 + 2  # a film of 2.5 s has two
    search.add(library)
    search.add(library[::-1])
    for item in library:
        search.search(item, 50)
    again = UnifiedSearch(cached)
    again.add(library)
    assert computed(search) == [12, 6, 10]
    assert [search.encoders[space].encoder.files for space in KINDS] == done
    assert search.encoders["image"].encoder.frames == frames


def test_a_film_is_encoded_once_by_a_search(cached, library, tmp_path):
    search = UnifiedSearch(cached)
    search.add(library)
    own = film(tmp_path / "own.mp4", 300, 12, 1000)
    before = computed(search)
    first = search.search(own, 50)
    assert computed(search) == [before[0] + 1, before[1] + 1, before[2] + 1]
    assert search.search(own, 50) == first
    assert computed(search) == [before[0] + 1, before[1] + 1, before[2] + 1]


def test_adding_again_changes_nothing(cached, store, library):
    search = UnifiedSearch(cached, store)
    search.add(library)
    counts = [store.count(space) for space in KINDS]
    before = {item.name: search.search(item, 50) for item in library}
    assert list(search.add([*library, *library[:4]])) == list(library)  # some of them twice
    assert [store.count(space) for space in KINDS] == counts == [6 + 19, 6, 10]
    for item in library:
        after = search.search(item, 50)
        for kind in KINDS:
            assert names(after[kind]) == names(before[item.name][kind])


def test_a_file_that_became_another_kind(cached, store, library, tmp_path):
    """Nothing of the film is left when its name is given to a picture."""
    search = UnifiedSearch(cached, store)
    path = film(tmp_path / "medium", 300, 12, 900, form="mp4")
    search.add([*library, Item(path, "video")])
    picture(path, 300)
    search.add([Item(path, "image")])
    assert [store.count(space, kind="video") for space in KINDS] == [19, 6, 5]
    assert store.count("image", kind="image") == 7
    found = search.search("half", 50)
    assert "medium" in names(found["image"]) and "medium" not in names(found["video"])


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


# ---- own files ----


def test_an_item_by_its_id_name_or_path(search, library, monkeypatch):
    monkeypatch.chdir(library.paths[0].parent)
    for item in library:
        path = item.path
        for given in (item_id(path), item.name, path, str(path), path.name, f"./{path.name}"):
            assert search.item(given) is search.items[item_id(path)]
    monkeypatch.setenv("HOME", str(library.paths[0].parent))
    monkeypatch.setenv("USERPROFILE", str(library.paths[0].parent))
    assert search.item("~/long.mp4") == named(library, "long")


# ---- what a cosine is worth ----


def scale_by_hand(catalog, space, kind, other):
    plain, cosines = Plain(catalog), []
    items = [item for item in catalog if len(plain.rows.get((space, item.path), ()))]
    for i, a in enumerate(items):
        for b in items[i + 1 :]:
            if {a.kind, b.kind} == {kind, other} and a.source != b.source:
                pair = plain.rows[space, a.path] @ plain.rows[space, b.path].T
                cosines.append(max(float(value) for row in pair for value in row))
    return sorted(cosines)


def assert_scale(search, catalog, space, kind, other):
    by_hand = scale_by_hand(catalog, space, kind, other)
    assert len(by_hand) > 3
    for found in (search.scale(space, kind, other), search.scale(space, other, kind)):
        np.testing.assert_allclose(found.scores, by_hand, atol=1e-6)


def test_scale_of_many_is_a_sample_that_is_the_same_each_time(cached, library, monkeypatch):
    monkeypatch.setattr(unified, "SAMPLE", 4)
    found = []
    for order in (library, library[::-1]):
        search = UnifiedSearch(cached)
        search.add(order)
        found.append([search.scale("image", *kinds).scores for kinds in
                      (("image", "image"), ("image", "video"), ("video", "video"))])  # fmt: skip
    for a, b, most in zip(*found, (6, 16, 6), strict=True):
        np.testing.assert_array_equal(a, b)
        assert 0 < len(a) <= most
