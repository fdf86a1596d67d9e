"""Media files in, pictures, frames and waveforms out.

Every file that cannot be used raises `MediaError`: one sentence that names the file, says what is
wrong and what to do about it.
"""

from course_utils.media.files import MediaError, check_file, one_error
from course_utils.media.frames import VIDEO_SUFFIXES, iterate_frames, read_frames, video_seconds
from course_utils.media.kinds import kind_of
from course_utils.media.pictures import SUFFIXES, jpeg_bytes, read_image
from course_utils.media.sounds import CONTAINERS, RATE, SOUND_SUFFIXES, read_waveform

__all__ = [
    "CONTAINERS",
    "RATE",
    "SOUND_SUFFIXES",
    "SUFFIXES",
    "VIDEO_SUFFIXES",
    "MediaError",
    "check_file",
    "iterate_frames",
    "jpeg_bytes",
    "kind_of",
    "one_error",
    "read_frames",
    "read_image",
    "read_waveform",
    "video_seconds",
]
