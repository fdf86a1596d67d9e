"""What a file is: told by its content, since names can be wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from course_utils.media.files import MediaError, check_file
from course_utils.media.frames import VIDEO_SUFFIXES, video_seconds
from course_utils.media.pictures import FORMATS, SUFFIXES, read_image
from course_utils.media.sounds import CONTAINERS, SOUND_SUFFIXES, read_waveform


def kind_of(path: str | Path) -> str:
    """Return what a file is, by its content: `image`, `video` or `audio`.

    An animated GIF is a video, a video file without pictures is a sound, and the cover picture of
    a song does not make it a video.

    Raises:
        MediaError: the file is missing, empty, or none of the three.

    Introduced in notebook 4.
    """
    path = check_file(path)
    Image.init()
    try:
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as picture:
            moves = picture.format == "GIF" and getattr(picture, "n_frames", 1) > 1
            return "video" if moves else "image"
    except Exception:  # not a picture; Pillow says so in many ways
        pass
    if streams := _streams(path):
        return "video" if "video" in streams else "audio"
    # Nothing that is known: the reader for which it is named says why, in words, or knows better.
    for kind, suffixes, read in (
        ("image", SUFFIXES, read_image),
        ("video", VIDEO_SUFFIXES, video_seconds),
        ("audio", SOUND_SUFFIXES, read_waveform),
    ):
        if path.suffix.lower() in suffixes:
            read(path)
            return kind
    raise MediaError(
        path,
        "is neither a picture nor a video nor a sound that can be read here",
        "save it as JPEG, MP4 or WAV",
    )


def _streams(path: Path) -> set[str]:
    """Return which of `video` and `audio` FFmpeg finds in a file, without cover pictures."""
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        with path.open("rb") as file:
            # Without its name, from which FFmpeg would guess: any text named .flac is FLAC to it.
            nameless = SimpleNamespace(name="", read=file.read, seek=file.seek, tell=file.tell)
            with av.open(nameless, options=options) as container:
                covers = av.stream.Disposition.attached_pic
                return {
                    stream.type
                    for stream in container.streams
                    if stream.type in ("video", "audio") and not stream.disposition & covers
                }
    except Exception:  # PyAV raises its own errors, OSError, ValueError, ...
        return set()
