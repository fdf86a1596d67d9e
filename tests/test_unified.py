"""Every path between pictures, films and sounds gives what a plain NumPy computation gives.

The files are real and tiny. The encoders are small ones: a picture's or a frame's vector is drawn
at random for the number that it shows, a film's and a sound's for the file's content.
"""

import hashlib
import os
from fractions import Fraction
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
from course_utils.unified import KINDS, SPACES, UnifiedSearch, key_moments

FRAMES = numbered(400)
RATE = 4  # frames a second of the films here
DIM = {"image": 6, "video": 7, "audio": 5}


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


class Plain:
    """The whole search once more, from the files on, with loops and sorted lists only."""

    def __init__(self, catalog, seed=0):
        self.catalog, self.encoders = list(catalog), {s: Encoder(s, seed) for s in KINDS}
        self.rows = {
            (space, item.path): self.vectors(space, item)
            for item in self.catalog
            for space in SPACES[item.kind]
        }

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
        for i, a in enumerate(self.catalog):
            for b in self.catalog[i + 1 :]:
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


def test_every_path_equals_plain_numpy(library, cached, store):
    """All of them; only a few; by some spaces; with sources left out."""
    search = UnifiedSearch(cached, store)
    assert list(search.add(library)) == list(library)
    plain = Plain(library)
    for query in library:
        for k, options in (
            (50, {}), (3, {"leave_out": ["a day", ""]}), (2, {"spaces": ["image"]}),
            (50, {"spaces": ["audio", "video"], "leave_out": ["long", query.source]}),
        ):  # fmt: skip
            found = search.search(query, k, **options)
            assert list(found) == list(KINDS)
            for kind in KINDS:
                assert_same(found[kind], plain.search(query, kind, **options)[:k])


def test_a_bridge_is_named(search):
    for query, kind in (("picture 62", "audio"), ("tone 410", "image")):
        for match in search.search(query, 50, [kind])[kind]:
            (bridge, last), *_ = match.paths
            assert bridge.item.kind == "video" and last.item == match.item
            assert match.path.startswith(f"{bridge.item.name} {bridge}, and with it this {last}")


def test_key_moments():
    for seconds, moments in ((0.04, [0.02]), (1.4, [0.7]), (3.3, [0.55, 1.65, 2.75])):
        assert key_moments(seconds) == pytest.approx(moments)
    assert key_moments(160) == pytest.approx(range(10, 160, 20))


@pytest.mark.parametrize("which", [0, 5, 7])
def test_the_moment_that_matched(search, tmp_path, which):
    """A picture of what is on screen at a key moment finds the film, and that moment."""
    moment = key_moments(12)[which]
    query = picture(tmp_path / "seen.png", int(moment * RATE))
    best = search.search(query, kinds=["video"])["video"][0]
    assert best.item.name == "long"
    ((step,),) = best.paths
    assert step.cosine == pytest.approx(1, abs=1e-6) and step.seconds == pytest.approx(moment)
    assert f"looks alike at {moment:.1f} s (1.00" in best.path


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


@pytest.mark.parametrize(
    "options", [{"k": 0}, {"kinds": ["text"]}, {"kinds": "image"}, {"spaces": ["text"]}]
)
def test_wrong_requests(search, options):
    with pytest.raises(ValueError, match=r"k is 0|kinds and spaces are"):
        search.search("mute", **options)


def test_three_encoders():
    with pytest.raises(ValueError, match="one each for the spaces"):
        UnifiedSearch([Encoder("image"), Encoder("video"), Encoder("video")])


def test_broken_files_are_left_out_and_the_rest_is_kept(cached, store, library, tmp_path, capsys):
    search, broken = UnifiedSearch(cached, store), {}
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
    assert store.count("video") == 6 and store.count("audio", kind="audio") == 5


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
    for query in [*library, *([] if change == "broken" else [item])]:
        found, expected = search.search(query, 50), fresh.search(query, 50)
        for kind in KINDS:
            assert [(x.item, x.path) for x in found[kind]] == [
                (x.item, x.path) for x in expected[kind]
            ]


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
