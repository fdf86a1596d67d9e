"""Every odd or broken file gives either the right picture or an error that names it."""

import io
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils import media
from course_utils.media import MediaError, check_file, jpeg_bytes, read_image

WINDOWS = sys.platform == "win32"


def smooth_noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return coloured clouds: like a photo, neighbouring pixels are alike."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def png_by_hand(path: Path, width: int, height: int, depth: int, color: int, rows) -> Path:
    """Write a PNG of raw `rows` (bytes each), so that sizes and depths are free."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b"\0" + row) for row in rows) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )
    return path


def assert_refused(path, *words: str) -> MediaError:
    """Reading gives a MediaError of one line that names the file and says what to do."""
    with pytest.raises(MediaError) as caught:
        read_image(path)
    error, message = caught.value, str(caught.value)
    assert repr(str(path)) in message
    assert len(message.splitlines()) == 1
    assert error.path == Path(path)
    assert error.problem and error.remedy
    assert message.endswith(f"; {error.remedy}.")
    for word in words:
        assert word in message
    return error


def pixels(picture: Image.Image) -> np.ndarray:
    """Return the picture as whole numbers that can be subtracted."""
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


# ---- files that are not there, or not files ----


def test_missing_file(tmp_path):
    assert_refused(tmp_path / "nowhere.jpg", "does not exist", "spelling")


def test_folder_instead_of_file(tmp_path):
    assert_refused(tmp_path, "is a folder", "Catalog.from_folder")


def test_empty_file(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert_refused(path, "is empty (0 bytes)", "download it again")


def test_a_file_used_as_a_folder(tmp_path):
    (tmp_path / "file.txt").write_text("x")
    assert_refused(tmp_path / "file.txt" / "picture.jpg")


def test_null_byte_in_the_path():
    assert_refused("bad\0name.jpg", "cannot be opened")


def test_far_too_long_name(tmp_path):
    assert_refused(tmp_path / ("x" * 5000 + ".jpg"), "cannot be opened" if not WINDOWS else "")


def test_link_to_nowhere(tmp_path):
    path = tmp_path / "link.jpg"
    make_link(path, tmp_path / "gone.jpg")
    assert_refused(path, "is a link to a file that is gone", "copy the file")


def test_link_to_itself(tmp_path):
    one, two = tmp_path / "one.jpg", tmp_path / "two.jpg"
    make_link(one, two)
    make_link(two, one)
    assert_refused(one, "" if WINDOWS else "leads back to itself")


def test_link_to_a_good_file_is_followed(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "real.png")
    make_link(tmp_path / "link.png", tmp_path / "real.png")
    assert read_image(tmp_path / "link.png").getpixel((0, 0)) == (255, 0, 0)


def make_link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system does not let us make links")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_named_pipe_does_not_hang(tmp_path):
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    assert_refused(path, "is not an ordinary file")


@pytest.mark.skipif(
    WINDOWS or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may read everything"
)
def test_file_without_read_permission(tmp_path):
    path = tmp_path / "secret.png"
    Image.new("RGB", (4, 3)).save(path)
    path.chmod(0)
    assert_refused(path, "may not be read by you", "permissions")


def test_check_file_returns_the_path(tmp_path):
    path = tmp_path / "any.bin"
    path.write_bytes(b"x")
    assert check_file(str(path)) == path


# ---- damaged files, and files of other kinds ----


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99])
def test_truncated_picture(tmp_path, kind, part):
    path = tmp_path / f"cut.{kind.lower()}"
    smooth_noise(320, 240).save(path, kind)
    data = path.read_bytes()
    path.write_bytes(data[: max(1, int(part * len(data)))])
    assert_refused(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_no_cut_gives_half_a_picture(tmp_path, kind):
    """Wherever a file is cut, the picture is refused or complete, never partly grey."""
    whole = tmp_path / "whole"
    smooth_noise(64, 48).save(whole, kind)
    data, complete = whole.read_bytes(), pixels(read_image(whole))
    path, refused = tmp_path / "cut", 0
    for length in [*range(1, len(data), len(data) // 60), *range(len(data) - 12, len(data))]:
        path.write_bytes(data[:length])
        try:
            assert (pixels(read_image(path)) == complete).all()
        except MediaError:
            refused += 1
    assert refused > 60


@pytest.mark.parametrize(
    "content",
    [
        b"This is a letter, not a picture.",
        b"<html><body>404 Not Found</body></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
        b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n",
        b"\0" * 1000,
        b"PK\x03\x04" + b"\0" * 100,
    ],
    ids=["text", "html", "svg", "pdf", "zeros", "zip"],
)
def test_other_content_named_jpg(tmp_path, content):
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    assert_refused(path, "is not a picture that can be read here", "save it as JPEG or PNG")


def test_random_bytes_after_a_jpeg_header(tmp_path):
    path = tmp_path / "noise.jpg"
    header = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    for seed in range(20):
        path.write_bytes(header + random.Random(seed).randbytes(2000))
        assert_refused(path)


POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
showpage
%%EOF
"""


@pytest.mark.skipif(WINDOWS, reason="the stand-in program is a shell script")
@pytest.mark.parametrize("name", ["drawing.eps", "drawing.jpg"])
def test_postscript_never_starts_another_program(tmp_path, monkeypatch, name):
    """Pillow by itself would start Ghostscript for this file; a stand-in for it tells on it."""
    from PIL import EpsImagePlugin

    marker, program = tmp_path / "started", tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho started >> '{marker}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    path = tmp_path / name
    path.write_bytes(POSTSCRIPT)

    assert_refused(path, "is not a picture that can be read here")
    assert not marker.exists()

    with pytest.raises(Exception), Image.open(path) as picture:  # noqa: B017
        picture.load()  # the stand-in draws nothing, so this fails, but it is started
    assert marker.exists()


def damage(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with something wrong: changed, lost, added or cut bytes."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place = chance.randrange(len(data) if chance.random() < 0.6 else min(60, len(data)))
        kind = chance.randrange(4)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 2 and len(data) > 20:
            del data[place : place + chance.randrange(1, 9)]
        elif kind == 3:
            data[place:place] = chance.randbytes(chance.randrange(1, 9))
        if chance.random() < 0.05:
            del data[max(1, place) :]
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("draft_side", [None, 16])
def test_random_damage_gives_a_picture_or_a_media_error(tmp_path, monkeypatch, kind, draft_side):
    """200 damaged copies: each is an RGB picture or a MediaError of one line, nothing else."""
    monkeypatch.setattr(
        media.pictures, "MAX_PIXELS", 4_000_000
    )  # keeps faked sizes from taking time
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    smooth_noise(48, 36).save(buffer, kind, **({} if kind == "GIF" else {"exif": exif}))
    chance, path, outcomes = random.Random(1), tmp_path / "damaged", []
    for _ in range(200):
        path.write_bytes(damage(buffer.getvalue(), chance))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's notes on odd metadata
                picture = read_image(path, draft_side=draft_side)
            assert picture.mode == "RGB" and min(picture.size) >= 1
            picture.resize((8, 8))
            outcomes.append("picture")
        except MediaError as error:
            assert len(str(error).splitlines()) == 1 and repr(str(path)) in str(error)
            outcomes.append("refused")
    assert outcomes.count("refused") >= 10  # else the damage was no damage


# ---- sizes ----


@pytest.mark.skipif(WINDOWS, reason="Windows does not tell the largest memory use this way")
def test_huge_picture_is_refused_before_memory_grows(tmp_path):
    """A 50 kB file that would take 1.6 GB; measured in a process of its own."""
    path = png_by_hand(tmp_path / "bomb.png", 20_000, 20_000, 1, 0, [bytes(2500)] * 20_000)
    assert path.stat().st_size < 300_000
    program = """
import resource, sys
from course_utils.media import MediaError, read_image
def refuse(path):
    try:
        read_image(path)
    except MediaError as error:
        return str(error)
refuse(sys.argv[1])  # a missing file: everything is loaded once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(refuse(sys.argv[2]))
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "none.png"), str(path)],
        capture_output=True, text=True, check=True, cwd=Path(media.__file__).parents[2],
    )  # fmt: skip
    message, grown = done.stdout.splitlines()
    assert repr(str(path)) in message and "more than 150 million pixels" in message
    assert int(grown) < 30_000_000
    assert done.stderr == ""


def test_just_over_the_limit_is_refused(tmp_path):
    side = 12_248  # 12,248 x 12,248 = 150,013,504
    path = png_by_hand(tmp_path / "over.png", side, side, 1, 0, [bytes(side // 8)] * side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert_refused(path, "more than 150 million pixels", "save a smaller copy")


def test_exactly_the_limit_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(media.pictures, "MAX_PIXELS", 100 * 80)
    Image.new("RGB", (100, 80)).save(tmp_path / "at.png")
    Image.new("RGB", (101, 80)).save(tmp_path / "over.png")
    assert read_image(tmp_path / "at.png").size == (100, 80)
    assert_refused(tmp_path / "over.png", "pixels")


def test_long_strip_is_refused(tmp_path):
    Image.new("RGB", (1, 5000)).save(tmp_path / "strip.png")
    assert_refused(tmp_path / "strip.png", "is a strip of 1 x 5000 pixels", "crop it", "50 times")


def test_fifty_to_one_is_still_read(tmp_path):
    Image.new("RGB", (500, 10)).save(tmp_path / "wide.png")
    Image.new("RGB", (501, 10)).save(tmp_path / "wider.png")
    assert read_image(tmp_path / "wide.png").size == (500, 10)
    assert_refused(tmp_path / "wider.png", "strip")


def test_one_pixel(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    picture = read_image(tmp_path / "dot.png")
    assert picture.size == (1, 1) and picture.getpixel((0, 0)) == (1, 2, 3)


# ---- kinds of pixels ----


@pytest.mark.parametrize(
    ("ink", "color"),
    [
        ((0, 255, 255, 0), (255, 0, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 128), (127, 127, 127)),
    ],
    ids=["red", "cyan", "white", "black", "grey"],
)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_colours(tmp_path, ink, color, kind):
    Image.new("CMYK", (32, 32), ink).save(tmp_path / "print", kind)
    found = pixels(read_image(tmp_path / "print"))
    assert abs(found - color).max() <= 3


def test_cmyk_jpeg_with_draft(tmp_path):
    Image.new("CMYK", (256, 256), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    found = pixels(read_image(tmp_path / "print.jpg", draft_side=32))
    assert abs(found - (255, 0, 0)).max() <= 3


def gradient16() -> np.ndarray:
    """Return all of 0..65535 in equal steps, 256 x 8."""
    return np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (8, 1))


@pytest.mark.parametrize(("name", "mode"), [("a.png", "<u2"), ("a.tif", "<u2"), ("b.tif", ">u2")])
def test_16_bit_grey_is_not_clipped(tmp_path, name, mode):
    Image.fromarray(gradient16().astype(mode)).save(tmp_path / name)
    found = pixels(read_image(tmp_path / name))
    for channel in range(3):
        assert (found[..., channel] == np.arange(256)).all()


def test_dark_16_bit_grey_stays_dark(tmp_path):
    """16 bits have a fixed range, so nothing is stretched."""
    Image.fromarray(np.full((4, 4), 2560, np.uint16)).save(tmp_path / "dark.png")
    assert (pixels(read_image(tmp_path / "dark.png")) == 10).all()


def test_16_bit_colour_png(tmp_path):
    row = gradient16()[0]
    color = np.stack([row, row[::-1], np.full_like(row, 65535)], axis=1).astype(">u2")
    path = png_by_hand(tmp_path / "deep.png", 256, 8, 16, 2, [color.tobytes()] * 8)
    found = pixels(read_image(path))[0]
    assert abs(found - np.stack([np.arange(256), np.arange(256)[::-1], [255] * 256], 1)).max() <= 1


def test_float_tiff_is_stretched(tmp_path):
    values = np.tile(np.linspace(-3.0, 7.0, 256, dtype=np.float32), (8, 1))
    Image.fromarray(values).save(tmp_path / "float.tif")
    found = pixels(read_image(tmp_path / "float.tif"))[0, :, 0]
    assert abs(found - np.arange(256)).max() <= 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_float_tiff_with_values_that_are_no_numbers(tmp_path, odd):
    """A hole in the data must not change the brightness of everything else."""
    values = np.tile(np.linspace(1000.0, 1010.0, 256, dtype=np.float32), (8, 1))
    values[0, 0] = odd
    Image.fromarray(values).save(tmp_path / "holes.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # NumPy would warn of a bad conversion
        found = pixels(read_image(tmp_path / "holes.tif"))
    assert abs(found[1, :, 0] - np.arange(256)).max() <= 1
    assert found[0, 0, 0] in (0, 255)


@pytest.mark.parametrize("value", [np.nan, np.inf, 5.0])
def test_float_tiff_without_any_contrast(tmp_path, value):
    Image.fromarray(np.full((4, 4), value, np.float32)).save(tmp_path / "flat.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert np.ptp(pixels(read_image(tmp_path / "flat.tif"))) == 0


def test_32_bit_whole_numbers_are_stretched(tmp_path):
    Image.fromarray(np.array([[100_000, 200_000, 300_000]], np.int32)).save(tmp_path / "int.tif")
    assert pixels(read_image(tmp_path / "int.tif"))[0, :, 0].tolist() == [0, 127, 255]


def test_greyscale_and_one_bit(tmp_path):
    Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(8, 0)).save(tmp_path / "grey.png")
    assert (pixels(read_image(tmp_path / "grey.png"))[0] == np.arange(256)[:, None]).all()
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert pixels(read_image(tmp_path / "bits.png"))[0].tolist() == [[255] * 3, [0] * 3]


def test_transparent_rgba_becomes_white(tmp_path):
    values = [[(255, 0, 0, 255), (255, 0, 0, 0), (255, 0, 0, 128)]]
    Image.fromarray(np.array(values, np.uint8)).save(tmp_path / "alpha.png")
    solid, clear, half = pixels(read_image(tmp_path / "alpha.png"))[0].tolist()
    assert solid == [255, 0, 0] and clear == [255, 255, 255]
    assert half[0] == 255 and half[1] == half[2] and abs(half[1] - 127) <= 1


def test_transparent_grey_becomes_white(tmp_path):
    Image.fromarray(np.array([[(40, 255), (40, 0)]], np.uint8), "LA").save(tmp_path / "la.png")
    assert pixels(read_image(tmp_path / "la.png"))[0].tolist() == [[40] * 3, [255] * 3]


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"], ids=["one index", "alpha table"])
def test_transparent_palette_becomes_white(tmp_path, transparency):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 0])
    picture.save(tmp_path / "palette.png", transparency=transparency)
    found = pixels(read_image(tmp_path / "palette.png"))[0].tolist()
    assert found == [[255, 255, 255], [200, 100, 0]]


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7))])
def test_one_transparent_colour_becomes_white(tmp_path, mode, key):
    picture = Image.new(mode, (2, 1), key)
    picture.putpixel((1, 0), 90 if mode == "L" else (90, 90, 90))
    picture.save(tmp_path / "key.png", transparency=key)
    assert pixels(read_image(tmp_path / "key.png"))[0].tolist() == [[255] * 3, [90] * 3]


def test_transparent_gif_becomes_white(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 0])
    picture.save(tmp_path / "clear.gif", transparency=0)
    found = pixels(read_image(tmp_path / "clear.gif"))[0].tolist()
    assert found == [[255, 255, 255], [200, 100, 0]]


# ---- turned and moving pictures ----

TURNED = {  # EXIF orientation: how a camera stores the upright picture
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def save_turned(path: Path, upright: np.ndarray, orientation: int, kind: str, **options) -> None:
    """Save `upright` turned, with the note that says how to turn it back."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNED[orientation](upright))
    Image.fromarray(stored).save(path, kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation_exactly(tmp_path, orientation, kind):
    upright = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    save_turned(
        tmp_path / "turned",
        upright,
        orientation,
        kind,
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    assert (pixels(read_image(tmp_path / "turned")) == upright).all()


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("draft_side", [None, 60])
def test_orientation_of_jpeg(tmp_path, orientation, draft_side):
    upright = np.asarray(smooth_noise(192, 128))
    save_turned(tmp_path / "turned.jpg", upright, orientation, "JPEG", quality=95)
    found = read_image(tmp_path / "turned.jpg", draft_side=draft_side)
    assert found.size == ((96, 64) if draft_side else (192, 128))
    wanted = Image.fromarray(upright).resize(found.size, Image.Resampling.BOX)
    assert abs(pixels(found) - pixels(wanted)).mean() < 2


@pytest.mark.parametrize("orientation", TURNED)
def test_orientation_of_16_bit_grey(tmp_path, orientation):
    upright = np.random.default_rng(0).integers(0, 65536, (5, 9), dtype=np.uint16)
    save_turned(tmp_path / "turned.png", upright, orientation, "PNG")
    assert (pixels(read_image(tmp_path / "turned.png"))[..., 0] == upright >> 8).all()


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_orientation_that_means_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (5, 3), "red").save(tmp_path / "odd.png", exif=exif)
    assert read_image(tmp_path / "odd.png").size == (5, 3)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True})])
def test_first_frame_of_an_animation(tmp_path, kind, options):
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue", "lime")]
    frames[0].save(
        tmp_path / "moving", kind, save_all=True, append_images=frames[1:], duration=50, **options
    )
    assert (pixels(read_image(tmp_path / "moving")) == (255, 0, 0)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_formats_and_wrong_suffixes(tmp_path, kind):
    """The content decides, not the name."""
    original = smooth_noise(64, 48)
    original.save(tmp_path / "picture.txt", kind)
    found = read_image(tmp_path / "picture.txt")
    assert found.size == (64, 48)
    assert abs(pixels(found) - pixels(original)).mean() < 12


# ---- names ----

NAMES = [
    "with space.png",
    "a.b..png",
    "pen \N{LOWER LEFT BALLPOINT PEN}\N{PARTY POPPER}.png",
    "gr\u00fc\u00dfe \u65e5\u672c.png",
    "it's.png",
    'say "hi".png',
    "<b>&amp;<script>.png",
    "$x$ 100%.png",
    "{name}%s.png",
    "new\nline.png",
    "-rf.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(tmp_path, name):
    """Good files of odd names are read; broken ones give one line that names them."""
    path = tmp_path / name
    try:
        Image.new("RGB", (2, 2), "red").save(path)
    except OSError:
        pytest.skip("this system does not allow the name")
    assert read_image(path).getpixel((0, 0)) == (255, 0, 0)
    assert read_image(str(path)).getpixel((0, 0)) == (255, 0, 0)
    path.write_bytes(b"broken")
    assert_refused(path)
    path.unlink()
    assert_refused(path, "does not exist")


# ---- draft, MediaError, jpeg_bytes ----


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """Return a JPEG of 3000 x 2000 pixels."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    smooth_noise(3000, 2000).save(path, quality=90)
    return path


@pytest.mark.parametrize(
    ("draft_side", "size"),
    [(2001, (3000, 2000)), (1001, (3000, 2000)), (1000, (1500, 1000)), (512, (1500, 1000)),
     (500, (750, 500)), (250, (375, 250)), (10, (375, 250))],
)  # fmt: skip
def test_draft_keeps_the_short_side(photo, draft_side, size):
    found = read_image(photo, draft_side=draft_side)
    assert found.size == size
    assert min(size) >= min(draft_side, 2000)


def test_draft_looks_like_the_full_picture(photo):
    full, draft = read_image(photo), read_image(photo, draft_side=512)
    assert draft.size != full.size
    wanted = full.resize(draft.size, Image.Resampling.BOX)
    difference = abs(pixels(draft) - pixels(wanted))
    assert difference.mean() < 1 and difference.max() < 20


def test_draft_leaves_other_formats_alone(tmp_path):
    original = smooth_noise(400, 300)
    original.save(tmp_path / "exact.png")
    assert (pixels(read_image(tmp_path / "exact.png", draft_side=20)) == pixels(original)).all()


def test_media_error_travels_between_processes(tmp_path):
    error = MediaError(tmp_path / "it's.png", "is odd", "look at it")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is MediaError and str(copy) == str(error)
    assert (copy.path, copy.problem, copy.remedy) == (error.path, "is odd", "look at it")


def test_a_read_file_can_be_deleted(tmp_path):
    """Neither a good nor a broken file stays open (Windows would refuse to delete it)."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    smooth_noise(64, 48).save(good)
    bad.write_bytes(good.read_bytes()[:300])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        read_image(good)
        assert_refused(bad)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_jpeg_bytes(mode):
    original = smooth_noise(400, 200).convert(mode)
    small = Image.open(io.BytesIO(jpeg_bytes(original, 100)))
    assert small.format == "JPEG" and small.mode == "RGB" and small.size == (100, 50)
    assert original.size == (400, 200) and original.mode == mode  # left as it was
    wanted = original.convert("L").resize((100, 50), Image.Resampling.LANCZOS)
    assert abs(np.asarray(small.convert("L"), int) - np.asarray(wanted, int)).mean() < 4


def test_jpeg_bytes_never_enlarges_and_heeds_quality():
    original = smooth_noise(40, 30)
    assert Image.open(io.BytesIO(jpeg_bytes(original, 100))).size == (40, 30)
    assert len(jpeg_bytes(original, 40, quality=10)) < len(jpeg_bytes(original, 40, quality=95))
