"""Picture files in, RGB pictures out."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.media.files import MediaError, check_file

# Formats that Pillow decodes by itself, so that a file never starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "MPO", "JPEG2000", "AVIF")
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif",
)  # fmt: skip

MAX_PIXELS = 150_000_000  # larger than a phone's photo; about 600 MB once decoded
MAX_ASPECT = 50  # a longer strip would grow to millions of pixels when its short side is resized

# Pillow warns from 89 million pixels on. `read_image` has a limit and words of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_image(path: str | Path, *, draft_side: int | None = None) -> Image.Image:
    """Read a picture file as 8-bit RGB, the right way up.

    Photos are turned as their EXIF data says; transparency is laid on white; greyscale, palette,
    CMYK and 16-bit pictures are converted; of an animation the first frame is taken.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000 or AVIF file.
        draft_side: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size (the JPEG
            decoder does this almost for free), as long as its short side stays at least this
            many pixels. A large photo is then read several times as fast.

    Returns:
        A `PIL.Image.Image` of mode RGB, width x height pixels, values 0 to 255.

    Raises:
        MediaError: the file is missing, broken, not a picture, or too large.

    Source: https://pillow.readthedocs.io/en/stable/reference/Image.html
    Introduced in notebook 1.
    """
    path = check_file(path)
    Image.init()
    try:
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as picture:
            _check_size(path, *picture.size)
            if draft_side:
                picture.draft("RGB", (draft_side, draft_side))
            picture.load()
            return _to_rgb(_upright(picture))
    except MediaError:
        raise
    except UnidentifiedImageError:
        raise MediaError(
            path,
            "is not a picture that can be read here, whatever its name says",
            "open it in a picture program and save it as JPEG or PNG",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(path) from None
    except PermissionError:
        raise MediaError(path, "may not be read by you", "change its permissions") from None
    except MemoryError:
        raise MediaError(path, "does not fit into memory", "make the picture smaller") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise MediaError(
            path, f"is damaged or cut short ({error})", "copy or download it again"
        ) from None


def _too_many_pixels(path: Path) -> MediaError:
    limit = MAX_PIXELS // 1_000_000
    return MediaError(
        path, f"has more than {limit} million pixels", "save a smaller copy and use that"
    )


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(path)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise MediaError(
            path,
            f"is a strip of {width} x {height} pixels",
            f"crop it: the long side may be at most {MAX_ASPECT} times the short one",
        )


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a photo as its EXIF data says; broken EXIF data does not make a photo unusable."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # raised for damaged EXIF data in many ways
        return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB."""
    if picture.mode.startswith("I;16"):  # 16 bits a pixel: keep the upper 8
        picture = Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):  # 32 bits a pixel have no fixed range: stretch to 0..255
        values = np.asarray(picture, dtype=np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        picture = Image.fromarray(np.uint8(255 * (values - low) / (high - low or 1)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def jpeg_bytes(picture: Image.Image, side: int, quality: int = 80) -> bytes:
    """Return a JPEG copy of `picture` whose longer side is at most `side` pixels.

    Introduced in notebook 1 (the gallery's thumbnails).
    """
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
