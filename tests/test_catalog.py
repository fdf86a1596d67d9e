"""Catalogs list the right files, can be narrowed down, and say what is wrong with a folder."""

import csv
import json
import os
import stat
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils import catalog as module
from course_utils import session
from course_utils.catalog import Catalog, Item, item_id
from course_utils.media import MediaError
from course_utils.session import DATA

COLUMNS = list(Item.__dataclass_fields__)
ROWS = [
    {"path": "images/pen_01.jpg", "label": "pen", "source": "pen-1", "tags": "hard;dark"},
    {"path": "images/pen_02.jpg", "label": "pen", "source": "pen-2", "tags": "dark"},
    {"path": "images/cup_01.jpg", "label": "cup", "source": "cup-1", "caption": "Stift, grün"},
    {"path": "images/both_01.jpg", "label": "pen and cup", "role": "both", "source": "both-1"},
]
NAMES = ["pen_01", "pen_02", "cup_01", "both_01"]


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_catalog(folder: Path, rows=ROWS, columns=COLUMNS, encoding="utf-8") -> Path:
    """Write a catalog file and the (empty) files it names."""
    touch(folder, *(row["path"] for row in rows))
    with (folder / "catalog.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            defaults = {"kind": "image", "role": "item", "license": "CC BY 4.0"}
            writer.writerow(dict.fromkeys(columns, "") | defaults | row)
    return folder / "catalog.csv"


@pytest.fixture
def four(tmp_path):
    return Catalog.load(write_catalog(tmp_path))


# ---- load ----


def test_load(four, tmp_path, monkeypatch):
    assert len(four) == 4 and repr(four) == "Catalog of 4 items: 1 cup, 2 pen, 1 pen and cup"
    assert four.paths == [tmp_path / row["path"] for row in ROWS]  # in the file's order
    assert four.labels.tolist() == ["pen", "pen", "cup", "pen and cup"]
    assert four.sources.tolist() == ["pen-1", "pen-2", "cup-1", "both-1"]
    assert (four[0].kind, four[0].role, four[0].name) == ("image", "item", "pen_01")
    assert four[0].tags == ("hard", "dark") and four[2].tags == ()
    with pytest.raises(AttributeError):
        four[0].label = "spoon"
    monkeypatch.chdir(tmp_path.parent)
    for file in (str(tmp_path / "catalog.csv"), Path(tmp_path.name, "catalog.csv")):
        assert all(path.is_file() for path in Catalog.load(file).paths)


def test_load_reads_what_a_spreadsheet_saved(tmp_path):
    """Excel puts an invisible mark in front; unknown columns do no harm; not UTF-8 is said."""
    file = write_catalog(tmp_path, columns=[*COLUMNS, "my_notes"], encoding="utf-8-sig")
    assert Catalog.load(file)[2].caption == "Stift, grün"
    with pytest.raises(ValueError, match="catalog.csv is not in UTF-8; save it as 'CSV UTF-8'"):
        Catalog.load(write_catalog(tmp_path, encoding="latin-1"))


def test_load_says_what_is_wrong(tmp_path):
    for lacking in COLUMNS:
        file = write_catalog(tmp_path, columns=[name for name in COLUMNS if name != lacking])
        with pytest.raises(ValueError, match=rf"catalog.csv lacks the column\(s\) {lacking}\."):
            Catalog.load(file)
    file = write_catalog(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + "images/cup_01.jpg,image\n", "utf-8")
    with pytest.raises(ValueError, match="catalog.csv lacks"):
        Catalog.load(file)
    for content in ("", ",".join(COLUMNS) + "\n"):
        file.write_text(content)
        with pytest.raises(ValueError, match="catalog.csv lists no files"):
            Catalog.load(file)
    write_catalog(tmp_path)
    (tmp_path / "images/cup_01.jpg").unlink()
    with pytest.raises(ValueError, match="which is not there; fetch") as caught:
        Catalog.load(file)
    assert repr(str(tmp_path / "images/cup_01.jpg")) in str(caught.value)
    with pytest.raises(FileNotFoundError, match="is the whole project folder here"):
        Catalog.load(tmp_path / "none.csv")


def test_a_long_catalog_looks_into_each_folder_once(tmp_path, monkeypatch):
    """100,000 rows take about a second; asking for each file would take several times that."""
    rows = [{"path": f"{i % 3}/{i}.jpg", "label": "x"} for i in range(600)]
    file, asked = write_catalog(tmp_path, rows), []
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **x: asked.append(self) or real(self, **x))
    assert len(Catalog.load(file)) == 600 and len(asked) < 10


# ---- select, find, positions ----


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"label": "cup"}, ["cup_01"]),
        ({"label": ["cup", "pen", "chair"]}, NAMES[:3]),
        ({"label": {"pen and cup"}}, ["both_01"]),
        ({"label": "pen", "role": "item"}, NAMES[:2]),
        ({"tags": "hard"}, ["pen_01"]),
        ({"tags": ["hard", "nothing"]}, ["pen_01"]),
        ({"name": "pen_02"}, ["pen_02"]),
        ({"label": np.array(["pen"])}, NAMES[:2]),
        ({"label": np.array(["pen"])[0]}, NAMES[:2]),
        ({}, NAMES),
    ],
)
def test_select(four, wanted, names):
    found = four.select(**wanted)
    assert isinstance(found, Catalog) and [item.name for item in found] == names
    assert len(four) == 4  # the catalog itself stays as it was


def test_select_says_what_there_is(four):
    for wanted, message in (
        ({"label": "pens"}, "No item has label ['pens']; there are: cup, pen, pen and cup."),
        ({"tags": "easy"}, "No item has tags ['easy']; there are: dark, hard."),
        ({"label": "cup", "role": "both"}, "No item has role ['both']; there are: item."),
    ):
        with pytest.raises(ValueError) as caught:
            four.select(**wanted)
        assert str(caught.value) == message
    with pytest.raises(AttributeError, match="colour"):
        four.select(colour="red")


def test_positions_slices_and_masks(four):
    assert four[1].name == "pen_02" and four[-1].name == "both_01"
    assert four[np.int64(2)].name == "cup_01" and repr(Catalog([])) == "Catalog of 0 items: "
    for position, wanted in [
        (slice(1, 3), NAMES[1:3]),
        (slice(None, None, -1), NAMES[::-1]),
        (np.array([3, 0]), ["both_01", "pen_01"]),
        ([False, True, False, True], ["pen_02", "both_01"]),
        (four.labels == "pen", NAMES[:2]),
        ([], []),
        (np.zeros(4, bool), []),
    ]:
        assert isinstance(four[position], Catalog)
        assert [item.name for item in four[position]] == wanted
    for position in (4, -5, [4], [True, False]):
        with pytest.raises(IndexError):
            four[position]


def test_find_takes_a_file_before_a_name_and_never_the_first_of_several(tmp_path, monkeypatch):
    names = ("cats/IMG_2.jpg", "dogs/IMG_2.jpg", "dogs/rex.png", "own/IMG_2.jpg", "own/rex.jpg")
    touch(tmp_path, *names)
    found = Catalog([Item(tmp_path / name) for name in [*names[:3], names[2]]])
    monkeypatch.chdir(tmp_path / "own")
    assert found.find("rex") == found.find("rex.png") == found.find(tmp_path / "dogs/rex.png") == 2
    assert found.find("dogs/IMG_2") == found.find("../dogs/IMG_2.jpg") == 1
    for name in ("IMG_2.jpg", "rex.jpg", tmp_path / "own/rex.jpg"):  # files of one's own
        with pytest.raises(KeyError, match="The file .* is not an item of this catalog"):
            found.find(name)
    with pytest.raises(KeyError, match="2 items are named 'IMG_2'.*cats.*dogs.*say which"):
        found.find("IMG_2")
    for name in ("re", "cats/rex", "", "a\0b", "x" * 5000):
        with pytest.raises(KeyError, match="No item is named"):
            found.find(name)


def test_titles():
    assert (
        Item(Path("a.jpg"), caption="A cup").title == "A cup" and Item(Path("a.jpg")).title == "a"
    )
    assert Item(Path("eve-1.wav"), "audio", caption="Hello.").title == "eve-1: Hello."
    assert Item(Path("eve-1.wav"), "audio", caption="eve-1").title == "eve-1"


def test_without_takes_any_problems(four, capsys):
    problems = (MediaError(item.path, "is odd", "look at it") for item in four[:2])
    assert [item.name for item in four.without(problems)] == NAMES[2:]
    assert capsys.readouterr().out.count("Left out: ") == 2 and len(four.without([])) == 4


# ---- from_folder ----


def test_labels_come_from_subfolders(tmp_path, monkeypatch, capsys):
    touch(tmp_path, "b.JPG", "a.png", "cats/tom.webp", "dogs/rex.gif", "dogs/small/fifi.jfif")
    touch(tmp_path, "album.jpg/one.pgm")
    (tmp_path / "empty.jpg").mkdir()
    found = Catalog.from_folder(tmp_path)
    assert [(item.path.name, item.label) for item in found] == [
        ("a.png", "unlabelled"),
        ("b.JPG", "unlabelled"),
        ("one.pgm", "album.jpg"),
        ("tom.webp", "cats"),
        ("rex.gif", "dogs"),
        ("fifi.jfif", "small"),
    ]
    assert all((item.kind, item.role) == ("image", "item") for item in found)
    assert found[0].caption == "a" and len(set(found.sources)) == 6
    monkeypatch.chdir(tmp_path / "cats")
    for folder in (".", "", "../cats", Path()):
        assert Catalog.from_folder(folder).labels.tolist() == ["unlabelled"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Catalog.from_folder("~/cats").paths == [tmp_path / "cats" / "tom.webp"]
    assert capsys.readouterr().out == ""  # nothing was left out


def test_what_is_left_out_is_counted_in_one_line(tmp_path, capsys, monkeypatch):
    """But for what systems and programs put there; animated GIFs and PNGs are videos."""
    touch(tmp_path, "a.jpg", "b.heic", "sub/c.HEIC", "d.txt", "e", "Thumbs.db", "f.jpg.part")
    touch(tmp_path, ".hidden/g.jpg", "._a.jpg", "@eaDir/a.jpg", "$RECYCLE.BIN/old.jpg", "g.caf")
    touch(tmp_path, "__MACOSX/a.jpg", ".Trash-1000/b.jpg", "h.mp4", "i.mts", "#recycle/j.jpg")
    first = Image.new("RGB", (9, 9), "red")
    for name in ("move.gif", "move.png"):
        more = [Image.new("RGB", (9, 9), "blue")]
        first.save(tmp_path / name, save_all=True, append_images=more, duration=100)
    for name in ("still.gif", "still.png"):
        first.save(tmp_path / name)
    added = {"HEIC": ("HEIF", "x", "pillow-heif", ".heic", b"")}
    monkeypatch.setattr(module, "ADDED", added)
    formats = {kind: tuple(x for x in y if x != ".heic") for kind, y in module.FORMATS.items()}
    monkeypatch.setattr(module, "FORMATS", formats)
    pictures = [path.name for path in Catalog.from_folder(tmp_path).paths]
    assert pictures == ["a.jpg", "still.gif", "still.png"]
    said = "Left out: 2 HEIC photos (save as JPEG, or install pillow-heif), 1 sound, 3 other files,"
    assert capsys.readouterr().out == f"{said} 4 videos.\n"
    videos = [path.name for path in Catalog.from_folder(tmp_path, "video").paths]
    assert videos == ["h.mp4", "i.mts", "move.gif", "move.png"]
    assert "1 sound, 3 pictures" in capsys.readouterr().out
    assert [path.name for path in Catalog.from_folder(tmp_path, "audio").paths] == ["g.caf"]


def test_folders_that_do_not_fit(tmp_path, monkeypatch, capsys):
    touch(tmp_path, "a.jpg", "none/notes.txt", "shut/b.jpg")
    for kind in ("photo", "Image", None):
        with pytest.raises(ValueError, match=r"kind is .*; it may be image, video, audio\."):
            Catalog.from_folder(tmp_path, kind)
    with pytest.raises(ValueError, match=r"no pictures in .* \.jpg, .* It holds 1 other file\."):
        Catalog.from_folder(tmp_path / "none")
    with pytest.raises(NotADirectoryError, match="is a file; name the folder it lies in"):
        Catalog.from_folder(tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match="There is no folder 'my_photos'.*make it"
    ) as caught:
        Catalog.from_folder("my_photos")
    assert repr(str(Path.cwd())) in str(caught.value)
    scan = os.scandir

    def closed(folder="."):
        if str(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", closed)
    assert len(Catalog.from_folder(tmp_path)) == 1
    assert "1 folder without permission, 1 other file." in capsys.readouterr().out


@pytest.mark.timeout(30)
def test_links_in_a_circle_do_not_hang(tmp_path):
    touch(tmp_path, "cats/tom.jpg")
    try:
        (tmp_path / "cats" / "again").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "cats" / "self.jpg").symlink_to(tmp_path / "cats" / "self.jpg")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert [path.name for path in Catalog.from_folder(tmp_path).paths] == ["self.jpg", "tom.jpg"]


ODD = {
    "with space": "with space",
    "it's": "it's",
    "<b>&amp;": "<b>&amp;",
    "$x$ 100%": "$x$ 100%",
    "\N{PARTY POPPER}": "\N{PARTY POPPER}",
    "a\nb": "a b",
    "a\u202eb": "ab",
    os.fsdecode(b"latin\xff"): "latin\ufffd",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_names_can_be_shown(tmp_path, name):
    """What is shown goes into figures, HTML and JSON; the path stays as it is."""
    try:
        touch(tmp_path, f"{name}/{name}.jpg")
    except (OSError, UnicodeError):
        pytest.skip("this system does not allow the name")
    found = Catalog.from_folder(tmp_path)
    item = found[0]
    assert item.path.is_file() and item.path.stem == name
    assert (item.label, item.name, item.caption, item.title, item.alt) == (
        *[ODD[name]] * 4,
        f"{ODD[name]}.jpg",
    )
    json.dumps(item_id(item.path), ensure_ascii=False).encode()
    assert found.find(name) == found.find(ODD[name]) == found.find(item.path) == 0


# ---- item_id ----


def test_item_id_is_the_same_on_every_way(tmp_path, monkeypatch):
    """A link to a folder is a way to it; a link to a file is a file of its own."""
    assert item_id(DATA / "images" / "a b.jpg") == item_id(str(DATA / "images/a b.jpg"))
    assert item_id(DATA / "images" / "a b.jpg") == "images/a b.jpg"
    assert item_id(DATA.parent / "database" / "a.jpg") != "base/a.jpg"
    for item in Catalog.load():  # every id leads back to its file
        assert DATA / item_id(item.path) == item.path and not Path(item_id(item.path)).is_absolute()
    touch(tmp_path, "real/a.jpg", "real/two/c.jpg")
    wanted = {item_id(tmp_path / "real" / "a.jpg")}
    assert DATA / wanted.copy().pop() == Path(os.path.realpath(tmp_path), "real", "a.jpg")
    monkeypatch.chdir(tmp_path / "real")
    assert {item_id(x) for x in ("a.jpg", "./a.jpg", "two/../a.jpg", "../real/a.jpg")} == wanted
    assert item_id("two/a.jpg") not in wanted and item_id("b.jpg") not in wanted
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
        (tmp_path / "real" / "b.jpg").symlink_to(tmp_path / "real" / "a.jpg")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert {item_id(tmp_path / "link" / "a.jpg")} == wanted
    assert item_id(tmp_path / "real" / "b.jpg") not in wanted
    assert item_id(tmp_path / "circle" / "a.jpg").endswith("circle/a.jpg")
    monkeypatch.setattr(module, "DATA", tmp_path / "link")  # as where media lie on another disk
    assert item_id(tmp_path / "link" / "a.jpg") == item_id(tmp_path / "real" / "a.jpg") == "a.jpg"


# ---- session ----


def test_folders_of_a_session(tmp_path, monkeypatch):
    """The private folder is ours alone, one a process, and gone when the process ends."""
    folder = session.private_folder()
    assert folder == session.private_folder() and folder.is_dir()
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    program = (
        "from course_utils.session import private_folder as f; (f() / 'a').touch(); print(f())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=DATA.parent
    )
    assert done.stdout.strip() != str(folder) and not Path(done.stdout.strip()).exists()
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    assert session.cache_folder() == tmp_path
    monkeypatch.delenv("COURSE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert session.cache_folder().name == "media-embeddings-course"


def test_who_sits_in_front(monkeypatch, capsys):
    import IPython

    for wish, live in {"live": True, "STATIC": False, " Live ": True, "auto": False}.items():
        monkeypatch.setenv("COURSE_GALLERY", wish)
        assert session.is_live() is live
    monkeypatch.setenv("COURSE_GALLERY", "dead")
    with pytest.raises(
        ValueError, match="COURSE_GALLERY is 'dead'; it may be auto, live or static"
    ):
        session.is_live()
    for allowed in (True, False):
        message = {"content": {"allow_stdin": allowed}}
        kernel = types.SimpleNamespace(get_parent=lambda channel, found=message: found)
        shell = types.SimpleNamespace(kernel=kernel)
        monkeypatch.setattr(IPython, "get_ipython", lambda found=shell: found)
        for wish in ("auto", ""):
            monkeypatch.setenv("COURSE_GALLERY", wish)
            assert session.is_live() is allowed
    monkeypatch.setenv("COURSE_GALLERY", "live")
    quiet = types.SimpleNamespace(progress=False)
    for wanted, hidden in ((True, False), (False, True), (quiet, True), (object(), False)):
        bar = session.progress(range(3), wanted)
        assert bar.disable is hidden and list(bar) == [0, 1, 2]
    assert capsys.readouterr().out.strip() == ""  # for what is quick, nothing is shown
