"""Catalogs list the right files, can be narrowed down, and say what is wrong with a folder."""

import csv
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils import catalog as module
from course_utils.catalog import DATA, Catalog, Item, item_id

COLUMNS = list(Item.__dataclass_fields__)
ROWS = [
    {"path": "images/pen_01.jpg", "label": "pen", "source": "pen-1", "tags": "hard;dark"},
    {"path": "images/pen_02.jpg", "label": "pen", "source": "pen-2", "tags": "dark"},
    {"path": "images/cup_01.jpg", "label": "cup", "source": "cup-1", "caption": "A cup, blue"},
    {"path": "images/both_01.jpg", "label": "pen and cup", "role": "both", "source": "both-1"},
]


def write_catalog(folder: Path, rows=ROWS, columns=COLUMNS, encoding="utf-8") -> Path:
    """Write a catalog file and the (empty) files it names."""
    with (folder / "catalog.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / row["path"]).touch()
            defaults = {"kind": "image", "role": "item", "license": "CC BY 4.0"}
            writer.writerow(dict.fromkeys(columns, "") | defaults | row)
    return folder / "catalog.csv"


@pytest.fixture
def catalog(tmp_path):
    return Catalog.load(write_catalog(tmp_path))


# ---- load ----


def test_load(catalog, tmp_path):
    assert len(catalog) == 4
    assert catalog.paths == [tmp_path / row["path"] for row in ROWS]  # in the file's order
    assert catalog.labels.tolist() == ["pen", "pen", "cup", "pen and cup"]
    assert catalog.sources.tolist() == ["pen-1", "pen-2", "cup-1", "both-1"]
    first = catalog[0]
    assert (first.kind, first.role, first.name) == ("image", "item", "pen_01")
    assert first.tags == ("hard", "dark") and catalog[2].tags == ()
    assert catalog[2].caption == "A cup, blue"


def test_load_takes_a_string_and_looks_beside_the_file(tmp_path, monkeypatch):
    file = write_catalog(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    assert len(Catalog.load(str(file))) == 4
    assert all(path.is_file() for path in Catalog.load(file.relative_to(tmp_path.parent)).paths)


def test_load_ignores_columns_that_it_does_not_know(tmp_path):
    assert len(Catalog.load(write_catalog(tmp_path, columns=[*COLUMNS, "my_notes"]))) == 4


def test_load_reads_what_a_spreadsheet_saved(tmp_path):
    """Excel puts an invisible mark in front of the first column's name."""
    rows = [ROWS[0] | {"caption": "Stift, grün"}]
    catalog = Catalog.load(write_catalog(tmp_path, rows, encoding="utf-8-sig"))
    assert catalog[0].caption == "Stift, grün"


@pytest.mark.parametrize("lacking", COLUMNS)
def test_missing_column(tmp_path, lacking):
    file = write_catalog(tmp_path, columns=[name for name in COLUMNS if name != lacking])
    with pytest.raises(ValueError, match=rf"catalog.csv lacks the column\(s\) {lacking}\."):
        Catalog.load(file)


def test_row_that_is_too_short(tmp_path):
    file = write_catalog(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + "images/cup_01.jpg,image\n")
    with pytest.raises(ValueError, match="catalog.csv lacks"):
        Catalog.load(file)


@pytest.mark.parametrize("content", ["", ",".join(COLUMNS) + "\n"], ids=["empty", "no rows"])
def test_catalog_that_lists_nothing(tmp_path, content):
    (tmp_path / "catalog.csv").write_text(content)
    with pytest.raises(ValueError, match="catalog.csv lists no files"):
        Catalog.load(tmp_path / "catalog.csv")


def test_row_of_a_file_that_is_gone(tmp_path):
    file = write_catalog(tmp_path)
    (tmp_path / "images/cup_01.jpg").unlink()
    with pytest.raises(ValueError, match="which is not there; fetch") as caught:
        Catalog.load(file)
    assert repr(str(tmp_path / "images/cup_01.jpg")) in str(caught.value)


def test_absent_catalog(tmp_path):
    with pytest.raises(FileNotFoundError, match="is the whole project folder here") as caught:
        Catalog.load(tmp_path / "catalog.csv")
    assert repr(str(tmp_path / "catalog.csv")) in str(caught.value)


# ---- select, find, positions ----


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"label": "cup"}, ["cup_01"]),
        ({"label": ["cup", "pen"]}, ["pen_01", "pen_02", "cup_01"]),
        ({"label": {"pen and cup"}}, ["both_01"]),
        ({"label": "pen", "role": "item"}, ["pen_01", "pen_02"]),
        ({"tags": "hard"}, ["pen_01"]),
        ({"tags": "dark"}, ["pen_01", "pen_02"]),
        ({"tags": ["hard", "nothing"]}, ["pen_01"]),
        ({"label": ["cup", "chair"]}, ["cup_01"]),
        ({"name": "pen_02"}, ["pen_02"]),
        ({}, ["pen_01", "pen_02", "cup_01", "both_01"]),
    ],
)
def test_select(catalog, wanted, names):
    found = catalog.select(**wanted)
    assert isinstance(found, Catalog) and [item.name for item in found] == names
    assert len(catalog) == 4  # the catalog itself stays as it was


def test_select_takes_labels_of_another_catalog(catalog):
    """The values may be NumPy strings."""
    assert len(catalog.select(label=catalog.labels[:1])) == 2
    assert len(catalog.select(label=catalog.labels[0])) == 2


def test_unknown_value_lists_those_there_are(catalog):
    with pytest.raises(ValueError) as caught:
        catalog.select(label="pens")
    assert str(caught.value) == "No item has label ['pens']; there are: cup, pen, pen and cup."
    with pytest.raises(ValueError, match=r"No item has tags \['easy'\]; there are: dark, hard\."):
        catalog.select(tags="easy")


def test_values_that_never_come_together(catalog):
    """The message lists what is left after the conditions before."""
    with pytest.raises(ValueError, match="No item has role .* there are: item"):
        catalog.select(label="cup", role="both")


def test_unknown_attribute(catalog):
    with pytest.raises(AttributeError, match="colour"):
        catalog.select(colour="red")


@pytest.mark.parametrize("name", ["cup_01", "cup_01.jpg"])
def test_find(catalog, name):
    assert catalog.find(name) == 2


def test_find_nothing(catalog):
    with pytest.raises(KeyError, match="No item is named 'cup'"):
        catalog.find("cup")


def test_positions_slices_and_masks(catalog):
    names = ["pen_01", "pen_02", "cup_01", "both_01"]
    assert catalog[1].name == "pen_02" and catalog[-1].name == "both_01"
    assert catalog[np.int64(2)].name == "cup_01"
    for position, wanted in [
        (slice(1, 3), names[1:3]),
        (slice(None, None, -1), names[::-1]),
        ([3, 0], ["both_01", "pen_01"]),
        (np.array([3, 0]), ["both_01", "pen_01"]),
        ([False, True, False, True], ["pen_02", "both_01"]),
        (catalog.labels == "pen", names[:2]),
        ([], []),
        (np.zeros(4, bool), []),
    ]:
        found = catalog[position]
        assert isinstance(found, Catalog) and [item.name for item in found] == wanted
    assert [item.name for item in catalog] == names


@pytest.mark.parametrize("position", [4, -5, [4], [True, False]])
def test_positions_that_are_not_there(catalog, position):
    with pytest.raises(IndexError):
        catalog[position]


def test_repr(catalog):
    assert repr(catalog) == "Catalog of 4 items: 1 cup, 2 pen, 1 pen and cup"
    assert repr(Catalog([])) == "Catalog of 0 items: "


def test_items_cannot_be_changed(catalog):
    with pytest.raises(AttributeError):
        catalog[0].label = "spoon"


# ---- from_folder ----


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_labels_come_from_subfolders(tmp_path):
    touch(
        tmp_path / "b.jpg", tmp_path / "a.png", tmp_path / "cats/tom.webp",
        tmp_path / "dogs/rex.gif", tmp_path / "dogs/small/fifi.tiff",
    )  # fmt: skip
    found = Catalog.from_folder(tmp_path)
    assert [(item.path.name, item.label) for item in found] == [
        ("a.png", "unlabelled"),
        ("b.jpg", "unlabelled"),
        ("tom.webp", "cats"),
        ("rex.gif", "dogs"),
        ("fifi.tiff", "small"),
    ]
    assert all(item.kind == "image" and item.role == "item" for item in found)
    assert [item.caption for item in found][:2] == ["a", "b"]
    assert len(set(found.sources)) == 5  # each picture is a source of its own


def test_a_folder_relative_to_here(tmp_path, monkeypatch):
    touch(tmp_path / "mine/a.jpg", tmp_path / "mine/cats/b.jpg")
    monkeypatch.chdir(tmp_path / "mine")
    for folder in (".", "", "../mine", Path()):
        assert Catalog.from_folder(folder).labels.tolist() == ["unlabelled", "cats"]


def test_hidden_and_other_files_are_left_out(tmp_path):
    touch(
        tmp_path / "a.jpg", tmp_path / "._a.jpg", tmp_path / ".hidden/b.jpg", tmp_path / "c.txt",
        tmp_path / "d", tmp_path / "jpg", tmp_path / "Thumbs.db", tmp_path / "e.jpg.part",
    )  # fmt: skip
    assert [path.name for path in Catalog.from_folder(tmp_path).paths] == ["a.jpg"]


def test_upper_case_suffixes(tmp_path):
    touch(tmp_path / "A.JPG", tmp_path / "B.Jpeg", tmp_path / "C.PNG")
    assert len(Catalog.from_folder(tmp_path)) == 3


def test_folder_named_like_a_picture(tmp_path):
    touch(tmp_path / "album.jpg/one.png")
    (tmp_path / "empty.jpg").mkdir()
    assert [item.label for item in Catalog.from_folder(tmp_path)] == ["album.jpg"]


def test_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="There are no pictures in .* .jpg, .jpeg, .png") as caught:
        Catalog.from_folder(tmp_path)
    assert repr(str(tmp_path)) in str(caught.value)


def test_missing_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder 'my_photos'") as caught:
        Catalog.from_folder("my_photos")
    assert repr(str(Path.cwd())) in str(caught.value) and "make it" in str(caught.value)


def test_file_instead_of_a_folder(tmp_path):
    touch(tmp_path / "a.jpg")
    with pytest.raises(NotADirectoryError, match="is a file; name the folder it lies in") as caught:
        Catalog.from_folder(tmp_path / "a.jpg")
    assert repr(str(tmp_path / "a.jpg")) in str(caught.value)


@pytest.mark.timeout(30)
def test_links_in_a_circle_do_not_hang(tmp_path):
    touch(tmp_path / "cats/tom.jpg")
    try:
        (tmp_path / "cats" / "again").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "cats" / "self.jpg").symlink_to(tmp_path / "cats" / "self.jpg")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert [path.name for path in Catalog.from_folder(tmp_path).paths] == ["self.jpg", "tom.jpg"]


@pytest.mark.parametrize(
    "name",
    ["with space", "it's", 'say "hi"', "<b>&amp;", "$x$", "100%", "\N{PARTY POPPER}", "a\nb"],
)
def test_odd_names(tmp_path, name):
    try:
        touch(tmp_path / name / f"{name}.jpg")
    except OSError:
        pytest.skip("this system does not allow the name")
    found = Catalog.from_folder(tmp_path)
    assert found.labels.tolist() == [name] and found[0].name == name
    assert found.find(name) == 0 and found[0].path.is_file()
    assert name in repr(found)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only Unicode names")
def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"photo\xff.jpg")
    try:
        touch(tmp_path / name)
    except OSError:
        pytest.skip("this file system does not allow the name")
    assert Catalog.from_folder(tmp_path)[0].path.is_file()


# ---- item_id ----


def test_item_id_in_data_and_elsewhere(tmp_path, monkeypatch):
    assert item_id(DATA / "images" / "a b.jpg") == item_id(str(DATA / "images/a b.jpg"))
    assert item_id(DATA / "images" / "a b.jpg") == "images/a b.jpg"
    assert item_id(DATA.parent / "database" / "a.jpg") != "base/a.jpg"
    elsewhere = Path(os.path.realpath(tmp_path)) / "it's #1.jpg"
    assert item_id(elsewhere) == elsewhere.as_posix()
    assert module.DATA / item_id(elsewhere) == elsewhere  # so every id leads back to its file
    for item in Catalog.load():
        assert DATA / item_id(item.path) == item.path and not Path(item_id(item.path)).is_absolute()


def test_item_id_is_the_same_on_every_way(tmp_path, monkeypatch):
    (tmp_path / "one" / "two").mkdir(parents=True)
    path = tmp_path / "one" / "a.jpg"
    path.touch()
    wanted = {item_id(path)}
    monkeypatch.chdir(tmp_path / "one")
    ways = {item_id(way) for way in ("a.jpg", "./a.jpg", "two/../a.jpg", "../one/a.jpg")}
    assert ways == wanted == {item_id(tmp_path / "one" / "two" / ".." / "a.jpg")}
    assert item_id("two/a.jpg") not in wanted and item_id("b.jpg") not in wanted


def test_item_id_and_links(tmp_path):
    """A link to a folder is a way to it; a link to a file is a file of its own."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
        (tmp_path / "real" / "b.jpg").symlink_to(tmp_path / "real" / "a.jpg")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert item_id(tmp_path / "link" / "a.jpg") == item_id(tmp_path / "real" / "a.jpg")
    assert item_id(tmp_path / "real" / "b.jpg") != item_id(tmp_path / "real" / "a.jpg")
    assert item_id(tmp_path / "circle" / "a.jpg").endswith("circle/a.jpg")


def test_item_id_where_data_is_a_link(tmp_path, monkeypatch):
    """As on a computer whose media lie on another disk."""
    (tmp_path / "disk").mkdir()
    try:
        (tmp_path / "data").symlink_to(tmp_path / "disk", target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let us make links")
    monkeypatch.setattr(module, "DATA", tmp_path / "data")
    assert item_id(tmp_path / "data" / "images" / "a.jpg") == "images/a.jpg"
    assert item_id(tmp_path / "disk" / "images" / "a.jpg") == "images/a.jpg"
