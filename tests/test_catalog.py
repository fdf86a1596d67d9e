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


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system does not let us make links")


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


def test_load(four, tmp_path, monkeypatch):
    assert len(four) == 4 and repr(four) == "Catalog of 4 items: 1 cup, 2 pen, 1 pen and cup"
    assert four.paths == [tmp_path / row["path"] for row in ROWS]  # in the file's order
    assert four.labels.tolist() == ["pen", "pen", "cup", "pen and cup"]
    assert four.sources.tolist() == ["pen-1", "pen-2", "cup-1", "both-1"]
    assert four[0].tags == ("hard", "dark") and four[2].tags == ()
    monkeypatch.chdir(tmp_path.parent)
    assert all(path.is_file() for path in Catalog.load(f"{tmp_path.name}/catalog.csv").paths)


def test_load_reads_what_a_spreadsheet_saved(tmp_path):
    """Excel puts an invisible mark in front; unknown columns do no harm; not UTF-8 is said."""
    file = write_catalog(tmp_path, columns=[*COLUMNS, "my_notes"], encoding="utf-8-sig")
    assert Catalog.load(file)[2].caption == "Stift, grün"
    with pytest.raises(ValueError, match="catalog.csv.* save it as 'CSV UTF-8'"):
        Catalog.load(write_catalog(tmp_path, encoding="latin-1"))
    file = write_catalog(tmp_path, columns=[name for name in COLUMNS if name != "source"])
    with pytest.raises(ValueError, match=r"catalog.csv.*source.*columns path, kind"):
        Catalog.load(file)
    write_catalog(tmp_path)
    (tmp_path / "images/cup_01.jpg").unlink()
    for missing in (file, tmp_path / "none.csv"):
        with pytest.raises(FileNotFoundError, match="is missing; is the whole project folder here"):
            Catalog.load(missing)


# ---- select, find, positions ----


def test_select(four):
    for wanted, names in (
        ({"label": "cup"}, ["cup_01"]),
        ({"label": ["cup", "pen", "chair"]}, NAMES[:3]),
        ({"label": "pen", "role": "item"}, NAMES[:2]),
        ({"tags": ["hard", "nothing"]}, ["pen_01"]),
        ({"name": "pen_02"}, ["pen_02"]),
        ({"label": np.array(["pen"])}, NAMES[:2]),
        ({}, NAMES),
    ):
        assert [item.name for item in four.select(**wanted)] == names
    assert len(four) == 4  # the catalog itself stays as it was
    with pytest.raises(ValueError, match=r"\['easy'\]; there are: dark, hard\."):
        four.select(label="pen", tags="easy")
    with pytest.raises(AttributeError, match="colour"):
        four.select(colour="red")


def test_positions_slices_and_masks(four):
    assert four[-1].name == "both_01" and four[np.int64(2)].name == "cup_01"
    for position, wanted in (
        (slice(None, None, -1), NAMES[::-1]),
        (np.array([3, 0]), ["both_01", "pen_01"]),
        (four.labels == "pen", NAMES[:2]),
        ([], []),
    ):
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
        with pytest.raises(KeyError, match="No item is named"):
            found.find(name)
    with pytest.raises(KeyError, match="2 items are named 'IMG_2'.*folder"):
        found.find("IMG_2")
    for name in ("re", "cats/rex", "", "a\0b", "x" * 5000):
        with pytest.raises(KeyError, match="No item is named"):
            found.find(name)


def test_titles():
    assert Item(Path("a.jpg"), caption="A cup").title == "A cup"
    assert Item(Path("a.jpg")).title == "a"
    assert Item(Path("eve-1.wav"), "audio", caption="Hello.").title == "eve-1: Hello."
    for caption in ("", "eve-1"):
        assert Item(Path("eve-1.wav"), "audio", caption=caption).title == "eve-1"


def test_without_takes_any_problems(four, capsys):
    problems = (MediaError(item.path, "is odd", "look at it") for item in four[:2])
    assert [item.name for item in four.without(problems)] == NAMES[2:]
    assert capsys.readouterr().out.count("Left out: ") == 2 and len(four.without([])) == 4


def test_labels_come_from_subfolders(tmp_path, monkeypatch, capsys):
    touch(tmp_path, "b.JPG", "a.png", "cats/tom.webp", "dogs/rex.gif", "dogs/small/fifi.jfif")
    (tmp_path / "empty.jpg").mkdir()
    found = Catalog.from_folder(tmp_path)
    names = ["a.png", "b.JPG", "tom.webp", "rex.gif", "fifi.jfif"]
    assert [item.path.name for item in found] == names and len(set(found.sources)) == 5
    assert found.labels.tolist() == ["unlabelled", "unlabelled", "cats", "dogs", "small"]
    monkeypatch.chdir(tmp_path / "cats")
    for folder in (".", "", "../cats", Path()):
        assert Catalog.from_folder(folder).labels.tolist() == ["unlabelled"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Catalog.from_folder("~/cats").paths == [tmp_path / "cats" / "tom.webp"]
    assert capsys.readouterr().out == ""  # nothing was left out


def test_what_is_left_out_is_counted_in_one_line(tmp_path, capsys):
    """But for what systems and programs put there; animated GIFs and PNGs are videos."""
    touch(tmp_path, "a.jpg", "d.txt", "sub/c.TXT", "e", "Thumbs.db", "g.caf", "h.mp4", "i.mts")
    touch(tmp_path, ".hidden/g.jpg", "._a.jpg", "@eaDir/a.jpg", "$RECYCLE.BIN/old.jpg")
    touch(tmp_path, "__MACOSX/a.jpg", ".Trash-1000/b.jpg", "#recycle/j.jpg")
    first, more = (Image.new("RGB", (9, 9), colour) for colour in ("red", "blue"))
    for name in ("move.gif", "move.png"):
        first.save(tmp_path / name, save_all=True, append_images=[more], duration=100)
    for name in ("still.gif", "still.png"):
        first.save(tmp_path / name)
    for kind, names, said in (
        ("image", ["a.jpg", "still.gif", "still.png"], "2 .txt files, 1 file, 1 sound, 4 videos"),
        ("video", ["h.mp4", "i.mts", "move.gif", "move.png"], "1 file, 3 pictures, 1 sound"),
        ("audio", ["g.caf"], "3 pictures, 4 videos"),
    ):
        assert [path.name for path in Catalog.from_folder(tmp_path, kind).paths] == names
        assert said in capsys.readouterr().out


def test_photos_that_need_a_package_and_closed_folders_are_said(tmp_path, capsys, monkeypatch):
    touch(tmp_path, "a.jpg", "b.heic", "sub/c.HEIC", "closed/d.jpg")
    formats = {kind: [x for x in y if x != ".heic"] for kind, y in module.FORMATS.items()}
    monkeypatch.setattr("course_utils.catalog.FORMATS", formats)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed")
    Catalog.from_folder(tmp_path)
    said = "2 .heic files, 1 closed folder (save HEIC as JPEG, or install pillow-heif)."
    assert capsys.readouterr().out == f"Left out: {said}\n"


def test_folders_that_do_not_fit(tmp_path):
    touch(tmp_path, "a.jpg", "none/notes.txt")
    for kind in ("photo", "Image", None):
        with pytest.raises(ValueError, match=r"kind is .*; it may be image, video, audio\."):
            Catalog.from_folder(tmp_path, kind)
    for name, there in (("none", "1 .txt file"), ("a.jpg", "nothing"), ("my_photos", "nothing")):
        with pytest.raises(ValueError, match=rf"no pictures in .*{name}' \({there} there\)"):
            Catalog.from_folder(tmp_path / name)


@pytest.mark.timeout(30)
def test_links_in_a_circle_do_not_hang(tmp_path):
    touch(tmp_path, "cats/tom.jpg")
    link(tmp_path / "cats" / "again", tmp_path)
    link(tmp_path / "cats" / "self.jpg", tmp_path / "cats" / "self.jpg")
    assert Catalog.from_folder(tmp_path).paths[-1].name == "tom.jpg"


ODD = {
    "it's \N{PARTY POPPER}": "it's \N{PARTY POPPER}",
    "<b>&amp;": "<b>&amp;",
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
    (item,) = found
    assert item.path.is_file() and item.path.stem == name and item.alt == f"{ODD[name]}.jpg"
    assert {item.label, item.name, item.caption, item.title} == {ODD[name]}
    json.dumps(item_id(item.path), ensure_ascii=False).encode()
    assert found.find(name) == found.find(ODD[name]) == found.find(item.path) == 0


def test_item_id_is_the_same_on_every_way(tmp_path, monkeypatch, catalog):
    """A link to a folder is a way to it; a link to a file is a file of its own."""
    assert item_id(DATA / "images" / "a b.jpg") == item_id(str(DATA / "images/a b.jpg"))
    assert item_id(DATA.parent / "database" / "a.jpg") != "base/a.jpg"
    for item in catalog:  # every id leads back to its file
        assert DATA / item_id(item.path) == item.path and not Path(item_id(item.path)).is_absolute()
    touch(tmp_path, "real/a.jpg", "real/two/c.jpg")
    monkeypatch.chdir(tmp_path / "real")
    ways = {item_id(x) for x in ("a.jpg", "./a.jpg", "two/../a.jpg", tmp_path / "real/a.jpg")}
    assert len(ways) == 1 and item_id("two/a.jpg") not in ways
    link(tmp_path / "link", tmp_path / "real")
    link(tmp_path / "real" / "b.jpg", tmp_path / "real" / "a.jpg")
    link(tmp_path / "circle", tmp_path / "circle")
    assert {item_id(tmp_path / "link" / "a.jpg")} == ways and item_id("b.jpg") not in ways
    assert item_id(tmp_path / "circle" / "a.jpg").endswith("circle/a.jpg")
    monkeypatch.setattr(module, "DATA", tmp_path / "link")  # as where media lie on another disk
    assert item_id(tmp_path / "link" / "a.jpg") == item_id("a.jpg") == "a.jpg"


def test_folders_of_a_session(tmp_path, monkeypatch):
    """The private folder is ours alone, one a process, and gone when the process ends."""
    folder = session.private_folder()
    assert folder == session.private_folder() and folder.is_dir()
    assert os.name != "posix" or stat.S_IMODE(folder.stat().st_mode) == 0o700
    code = "from course_utils.session import private_folder as f; (f() / 'a').touch(); print(f())"
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=DATA.parent)
    assert said.strip() != str(folder) and not Path(said.strip()).exists()
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    assert session.cache_folder() == tmp_path
    monkeypatch.delenv("COURSE_CACHE_DIR")
    assert session.cache_folder().name == "media-embeddings-course"


def test_who_sits_in_front(monkeypatch, capsys):
    import IPython

    for wish, live in {"live": True, "STATIC": False, "auto": False}.items():
        monkeypatch.setenv("COURSE_GALLERY", wish)
        assert session.is_live() is live
    monkeypatch.setenv("COURSE_GALLERY", "dead")
    with pytest.raises(ValueError, match="COURSE_GALLERY is 'dead'; it may be auto, live or"):
        session.is_live()
    monkeypatch.setenv("COURSE_GALLERY", "")
    for allowed in (True, False):
        message = {"content": {"allow_stdin": allowed}}
        kernel = types.SimpleNamespace(get_parent=lambda channel, found=message: found)
        shell = types.SimpleNamespace(kernel=kernel)
        monkeypatch.setattr(IPython, "get_ipython", lambda found=shell: found)
        assert session.is_live() is allowed
    for choice in ("live", "static"):
        monkeypatch.setenv("COURSE_GALLERY", choice)
        bar = session.progress(range(3))
        assert bar.disable is (choice == "static") and list(bar) == [0, 1, 2]
    assert capsys.readouterr().out.strip() == ""  # for what is quick, nothing is shown
