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
import soundfile
from films import number, numbered, write
from PIL import Image

from course_utils import catalog as catalog_module
from course_utils import unified
from course_utils.answers import Answer, Step, merged, strongest
from course_utils.cache import EmbeddingCache
from course_utils.catalog import Catalog, Item, item_id
from course_utils.media import MediaError, read_frames, read_image, read_waveform
from course_utils.search import reciprocal_rank_fusion
from course_utils.spaces import ArrayStore, StoreError
from course_utils.store import VectorStore
from course_utils.unified import KINDS, SPACES, UnifiedSearch, key_moments

FRAMES = numbered(400)
RATE = 4  # frames a second of the films here
DIM = {"image": 6, "video": 7, "audio": 5}


# ---- small encoders and files ----


class Encoder:
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

    def encode(self, paths, problems=None):
        rows = []
        for path in paths:
            try:
                rows.append(self.one(path))
                self.files.append(Path(path).name)
            except MediaError as error:
                if problems is None:
                    raise
                problems.append(error)
        return np.array(rows, np.float32).reshape(len(rows), self.dim)

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
    soundfile.write(path, tone(hertz), 16_000, format="WAV")
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
        yield ArrayStore()
    else:
        with VectorStore(tmp_path / "vectors.db") as opened:
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


@pytest.mark.parametrize(
    ("query", "kind", "spaces"),
    [
        ("picture 3", "image", [("image",)]),
        ("picture 3", "video", [("image",)]),
        ("picture 3", "audio", [("image", "audio")]),
        ("long", "image", [("image",)]),
        ("long", "video", [("audio",), ("image",), ("video",)]),
        ("long", "audio", [("audio",)]),
        ("mute", "video", [("image",), ("video",)]),
        ("mute", "audio", []),
        ("tone 310", "image", [("audio", "image")]),
        ("tone 310", "video", [("audio",)]),
        ("tone 310", "audio", [("audio",)]),
    ],
)
def test_which_spaces_lead_where(search, query, kind, spaces):
    found = search.search(query, 50)[kind]
    used = {tuple(step.space for step in path) for answer in found for path in answer.paths}
    assert sorted(used) == spaces


def test_ways_that_are_equally_strong_keep_their_order(library):
    """0.3 x 0.6 is a hair less than 0.2 x 0.9 for a computer."""
    assert 0.3 * 0.6 < 0.2 * 0.9
    film, other, found = (named(library, name) for name in ("long", "half", "tone 310"))
    ways = [
        (Step("image", first, 0.5, 100 * one), Step("audio", found, 0.5, 100 * two))
        for first, one, two in ((film, 0.3, 0.6), (other, 0.2, 0.9))
    ]
    (answer,) = strongest([ways])
    assert answer.paths == tuple(ways)


def test_the_best_of_a_list_is_merged_by_hand(search):
    """Each space alone gives a ranking; together they give reciprocal rank fusion of the three."""
    query = search.item("half")
    alone = [ids(search.search(query, 50, "video", space)["video"]) for space in SPACES["video"]]
    assert [len(ranking) for ranking in alone] == [5, 5, 4]  # one of them is silent
    together = search.search(query, 50, "video")["video"]
    order, sums = reciprocal_rank_fusion(alone)
    assert ids(together) == order and [answer.score for answer in together] == sums
    for answer in together:
        name = item_id(answer.item.path)
        ranks = [ranking.index(name) + 1 for ranking in alone if name in ranking]
        assert answer.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))
        assert len(answer.paths) == len(ranks)
        assert sorted(ranks) == [
            ranking.index(name) + 1
            for (step,) in answer.paths
            for ranking in [alone[SPACES["video"].index(step.space)]]
        ]  # the best way first


# ---- words ----


def test_a_step_and_an_answer_in_words():
    still, clip, song = (
        Item(Path(name), kind)
        for name, kind in (("still.png", "image"), ("clip.mp4", "video"), ("song.wav", "audio"))
    )
    seen = Step("image", clip, 0.876, 93.4, 2.26)
    assert str(seen) == "looks alike at 2.3 s (0.88, above 93 %)"
    assert str(Step("video", clip, -0.5)) == "moves alike (-0.50)"
    heard = Step("audio", song, 0.5, 12)
    assert str(heard) == "sounds alike (0.50, above 12 %)"
    assert str(Step("image", still, 1.0, None, 0.0)) == "looks alike at 0.0 s (1.00)"
    assert Answer(clip, 0.1, ((seen,), (Step("video", clip, 0.2),))).path == (
        "looks alike at 2.3 s (0.88, above 93 %); moves alike (0.20)"
    )
    assert Answer(song, 0.1, ((seen, heard),)).path == (
        "clip looks alike at 2.3 s (0.88, above 93 %), and with it this sounds alike (0.50, "
        "above 12 %)"
    )


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
        return [(Step("image", item, 0.5),) for item in items]

    first, second = steps(a, b, c), steps(c, a)
    found = merged([first, second])
    assert [answer.item for answer in found] == [a, c, b]
    assert [answer.score for answer in found] == [1 / 61 + 1 / 62, 1 / 61 + 1 / 63, 1 / 62]
    assert found[0].paths == (first[0], second[1])
    assert found[1].paths == (second[0], first[2])  # its better rank first
    assert merged([]) == merged([[], []]) == []


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


def test_a_copy_is_an_answer(search, library, tmp_path):
    """Another file with the same content is not the query itself."""
    copy = shutil.copy(named(library, "picture 200").path, tmp_path / "copy.png")
    best = search.search(copy)["image"][0]
    assert best.item.name == "picture 200"
    assert best.paths[0][0].cosine == pytest.approx(1, abs=1e-6)


def test_more_is_asked_for_than_there_is(cached, store, library):
    search = UnifiedSearch(cached, store)
    search.add(library)
    for k in (50, 5_000, 1_000_000):
        found = search.search("picture 3", k)
        assert [len(found[kind]) for kind in KINDS] == [5, 6, 5]


def test_how_many_are_found(search):
    for k in (1, 2, 4):
        assert [len(found) for found in search.search("half", k).values()] == [k, k, k]
    assert [len(found) for found in search.search("half").values()] == [5, 5, 5]
    whole = search.search("half", 50)
    for kind in KINDS:
        assert ids(search.search("half", 2)[kind]) == ids(whole[kind])[:2]


def test_kinds_that_are_not_there(cached, library):
    """Only pictures were added; then other queries find what can be found."""
    search = UnifiedSearch(cached)
    search.add(library.select(kind="image"))
    assert search.store.count("image") == 6
    for query, counts in (("long", [6, 0, 0]), ("tone 310", [0, 0, 0]), ("picture 3", [5, 0, 0])):
        found = search.search(named(library, query), 50)
        assert [len(found[kind]) for kind in KINDS] == counts
    search.add(library.select(kind="audio"))
    assert [len(f) for f in search.search("tone 310", 50).values()] == [0, 0, 4]  # no bridge
    search.add([named(library, "mute")])
    assert [len(f) for f in search.search("tone 310", 50).values()] == [0, 0, 4]  # a silent one
    search.add([named(library, "two")])
    assert [len(f) for f in search.search("tone 310", 50).values()] == [6, 1, 4]


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


def test_nothing_but_broken_files(cached, tmp_path, capsys):
    search = UnifiedSearch(cached)
    assert len(search.add([Item(tmp_path / "gone.mp4", "video")])) == 0
    assert "does not exist" in capsys.readouterr().out
    assert len(search.add([])) == 0
    with pytest.raises(StoreError, match="add a catalog first"):
        search.search(picture(tmp_path / "a.png", 1))


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


def test_a_film_that_was_overwritten_is_no_bridge(cached, library, tmp_path):
    path = Path(shutil.copy(named(library, "three").path, tmp_path / "three.mp4"))
    search = UnifiedSearch(cached)
    search.add([*library.select(kind=["image", "audio"]), Item(path, "video")])
    assert len(search.search("picture 3", 50)["audio"]) == 5
    assert len(search.search("tone 310", 50)["image"]) == 6
    path.write_bytes(b"no film any more")
    assert search.search("picture 3", 50)["audio"] == []
    assert search.search("tone 310", 50)["image"] == []
    (found,) = search.search("picture 3", 50)["video"]  # by what is in the store
    assert found.paths[0][0].seconds is None


ODD = [
    "a#frame=1", "#frame=", "x#frame=0#frame=1", "#", "##", " a ", "it's", "a b#1 %20", "日本 é 🎵",
    "';--", "{x}", "a, b",
    *([] if os.name == "nt" else ['"quoted"', 'a" or id != "', "a\\", "a?*"]),
]  # fmt: skip


def test_odd_names(cached, store, tmp_path):
    """Each film is found by its own key frame and each picture by its own number, then removed."""
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
    for some in ([films[0]], films[1:5], films[5:]):
        search.remove(some)
    assert store.count("image") == len(stills) and store.count("video") == 0
    assert sorted(search.items) == sorted(item_id(still.path) for still in stills)


def test_a_picture_that_is_named_like_a_key_frame(cached, store, tmp_path):
    """Neither takes the other's place in the store."""
    search = UnifiedSearch(cached, store)
    clip = Item(film(tmp_path / "film.mp4", 20, 8), "video", source="film")
    lures = [Item(picture(tmp_path / f"film.mp4{mark}{n}", 40 + n), source=f"{mark}{n}")
             for mark in ("#frame=", "#") for n in range(3)]  # fmt: skip
    search.add([*lures, clip])
    assert store.count("image") == 2 + 6
    search.add([clip])
    assert store.count("image", kind="image") == 6
    search.remove([clip])
    assert store.count("image") == 6
    found = search.search(picture(tmp_path / "query.png", 41), 1)["image"]
    assert found[0].paths[0][0].cosine == pytest.approx(1, abs=1e-6)


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
    search.remove(odd)  # harmless
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


def test_the_last_of_several_with_one_file_counts(cached, library):
    search = UnifiedSearch(cached)
    path = library[0].path
    (kept,) = search.add([Item(path, label="a"), Item(str(path.parent) / path, label="b")])
    assert kept.label == "b" and search.items[item_id(path)].label == "b"
    (hit,) = search.store.search(cached[0], cached[0].encode([path])[0])
    assert hit.label == "b"


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


def test_remove(cached, store, library):
    search = UnifiedSearch(cached, store)
    search.add(library)
    search.scale("image", "image", "video")
    out = [named(library, name) for name in ("picture 3", "long", "tone 410")]
    search.remove(iter(out))
    search.remove(out)  # harmless
    kept = [item for item in library if item not in out]
    assert set(search.items) == {item_id(item.path) for item in kept}
    assert all(item.path.is_file() for item in out)
    assert [store.count(space) for space in KINDS] == [5 + 11, 5, 4 + 4]
    plain = Plain(kept)
    for query in library:  # those that are out are queries like any other file
        found = search.search(query, 50)
        for kind in KINDS:
            assert_same(found[kind], plain.search(query, kind))
    assert_scale(search, kept, "image", "image", "video")
    search.add(out)
    assert computed(search) == [12, 6, 10]
    plain = Plain([*kept, *out])
    for kind, answers in search.search("picture 62", 50).items():
        assert_same(answers, plain.search(search.item("picture 62"), kind))


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


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [("photo.mp4", "image"), ("film.jpg", "video"), ("film.wav", "video"), ("song.png", "audio"),
     ("photo", "image"), ("film.txt", "video"), ("song.mp4", "audio")],
)  # fmt: skip
def test_a_file_is_known_by_its_content(search, library, tmp_path, wrong, kind):
    """Under a wrong name it gives the same answers as under the right one."""
    make, right = {
        "image": (lambda path: picture(path, 333), "right.png"),
        "video": (lambda path: film(path, 333, 8, 1200, form="mp4"), "right.mp4"),
        "audio": (lambda path: sound(path, 1200), "right.wav"),
    }[kind]  # fmt: skip
    make(tmp_path / right)
    (tmp_path / right).rename(tmp_path / wrong)
    item = search.item(tmp_path / wrong)
    assert (item.kind, item.label, item.path) == (kind, "yours", tmp_path / wrong)
    found = search.search(tmp_path / wrong, 50)
    (tmp_path / wrong).rename(tmp_path / right)
    assert found == search.search(tmp_path / right, 50)
    plain = Plain(library)
    for one in KINDS:
        assert_same(found[one], plain.search(Item(tmp_path / right, kind), one))


def test_what_is_no_medium_is_refused(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("hello " * 100)
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(5000))
    for query, words in (
        ("text.txt", "neither a picture"), (tmp_path / "gone.png", "does not exist"),
        ("no such item", "does not exist"), (tmp_path, "is a folder"), ("bad.mp4", "not a video"),
        ("~nobody at all", "does not exist"), ("x" * 3000, "cannot be opened"),
        ("a\0b", "cannot be opened"),
    ):  # fmt: skip
        with pytest.raises(MediaError, match=words):
            search.search(query)


def test_a_film_that_cannot_be_watched_is_refused_on_every_path(search, tmp_path):
    path = film(tmp_path / "cut.mp4", 0, 24)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    item = Item(path, "video")
    for kind in KINDS:
        with pytest.raises(MediaError, match=r"cut\.mp4.*is not a video"):
            search.search(item, kinds=kind)


def test_an_item_by_its_id_name_or_path(search, library, monkeypatch):
    monkeypatch.chdir(library.paths[0].parent)
    for item in library:
        path = item.path
        for given in (item_id(path), item.name, path, str(path), path.name, f"./{path.name}"):
            assert search.item(given) is search.items[item_id(path)]
    monkeypatch.setenv("HOME", str(library.paths[0].parent))
    monkeypatch.setenv("USERPROFILE", str(library.paths[0].parent))
    assert search.item("~/long.mp4") == named(library, "long")


# ---- an earlier day ----


def test_items_of_an_earlier_day(cached, library, tmp_path):
    """The store is all that is left of it: files, kinds and labels are known, sources are not."""
    with VectorStore(tmp_path / "vectors.db") as store:
        UnifiedSearch(cached, store).add(library)
    with VectorStore(tmp_path / "vectors.db") as store:
        search = UnifiedSearch(cached, store)
        plain = Plain(library)
        plain.known = []
        own = [picture(tmp_path / "own.png", 63), film(tmp_path / "own.mp4", 300, 12, 450),
               sound(tmp_path / "own.wav", 450)]  # fmt: skip
        for query in [*own, *library.paths]:
            for kind, answers in search.search(query, 50).items():
                item = Item(query, {".png": "image", ".mp4": "video"}.get(query.suffix, "audio"))
                assert_same(answers, plain.search(item, kind))
                for answer in answers:
                    there = named(library, answer.item.path.name)
                    assert (answer.item.path, answer.item.kind) == (there.path, there.kind)
                    assert answer.item.label == there.label
                    assert answer.paths[0][-1].percentile is None  # nothing is known of pairs
        assert computed(search) == [12 + 2, 7, 12]
        gone = item_id(named(library, "two").path)
        search = UnifiedSearch(cached, store)
        for _ in range(2):  # as long as it has not been met, too
            assert gone not in ids(search.search(own[0], 50, leave_out=gone)["video"])
        assert gone in ids(search.search(own[0], 50)["video"])


def test_files_of_an_earlier_day_that_are_gone(cached, store, tmp_path):
    """They are skipped, and however many they are, the others are still found."""
    items = [Item(picture(tmp_path / f"{n}.png", n), source=str(n)) for n in range(120)]
    UnifiedSearch(cached, store).add(items)
    nearest = [one for one, *_ in Plain(items).nearest(items[0], "image", "image", items[:1])]
    for item in nearest[:100]:
        item.path.unlink()
    left = [item.name for item in nearest[100:]]
    for k in (1, 5, 19, 50, 5000):
        search = UnifiedSearch(cached, store)
        assert names(search.search(items[0].path, k)["image"]) == left[:k]
    assert set(search.items) == {item_id(tmp_path / f"{name}.png") for name in left} | {
        item_id(items[0].path)
    } - {item_id(items[0].path)}


def test_an_earlier_days_item_by_its_id(cached, library, tmp_path, monkeypatch):
    """What lies in data/ is called by its path from there on, wherever one is."""
    data = Path(os.path.realpath(tmp_path)) / "data"
    shutil.copytree(library.paths[0].parent, data / "media")
    for module in (catalog_module, unified):
        monkeypatch.setattr(module, "DATA", data)
    store = ArrayStore()
    items = [Item(data / "media" / i.path.name, i.kind, i.label) for i in library]
    UnifiedSearch(cached, store).add(items)
    search = UnifiedSearch(cached, store)
    item = search.item("media/three.mp4")
    assert (item.path, item.kind) == (data / "media" / "three.mp4", "video")
    found = search.search("media/three.mp4", 50)
    assert [len(found[kind]) for kind in KINDS] == [6, 5, 5]
    assert found["image"][0].item.path.is_relative_to(data)
    assert "media/picture 62.png" in search.items and "media/three.mp4" not in search.items


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


@pytest.mark.parametrize(
    ("space", "kind", "other"),
    [("image", "image", "image"), ("image", "image", "video"), ("image", "video", "video"),
     ("video", "video", "video"), ("audio", "audio", "audio"), ("audio", "audio", "video"),
     ("audio", "video", "video")],
)  # fmt: skip
def test_scale_is_all_pairs_of_two_sources(search, library, space, kind, other):
    assert_scale(search, library, space, kind, other)
    query = {"image": "picture 3", "video": "long", "audio": "tone 310"}[kind]
    for answer in search.search(query, 50, other, space)[other]:
        ((step,),) = answer.paths
        pairs = np.array(scale_by_hand(library, space, kind, other))
        below, upto = (100 * np.mean(pairs < step.cosine + change) for change in (-1e-5, 1e-5))
        assert below - 1e-6 < step.percentile < upto + 1e-6


def test_scale_follows_what_is_added(cached, library):
    search = UnifiedSearch(cached)
    assert search.scale("image", "image", "image") is None
    search.add([library[1]])
    assert search.scale("image", "image", "image") is None  # one makes no pair
    search.add([named(library, "picture 200")])
    assert search.scale("image", "image", "image") is None  # both are of one source
    (answer,) = search.search(library[1])["image"]
    assert answer.paths[0][0].percentile is None and "above" not in answer.path
    search.add(library[:3])
    assert len(search.scale("image", "image", "image").scores) == 5
    assert search.scale("image", "image", "video") is None
    search.add(library.select(kind="video"))
    assert_scale(search, library[[0, 1, 2, 3, *range(6, 12)]], "image", "image", "video")


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
    monkeypatch.setattr(unified, "MOST_KNOWN", 2)
    search = UnifiedSearch(cached)
    search.add(library)
    search.add(library[::-1])
    assert [item_id(item.path) for item in library[:2]] == list(search._known["image", "image"])
