"""What every reader of media files shares: the error, and a first look at the file."""

from __future__ import annotations

import errno
import stat
from pathlib import Path


class MediaError(ValueError):
    """A media file that cannot be used.

    Attributes:
        path: the file, as it was given.
        problem: what is wrong with it, as the second half of a sentence.
        remedy: what to do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str):
        """Keep the parts; the message is all three in one sentence."""
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        super().__init__(f"{str(path)!r} {problem}; {remedy}.")

    def __reduce__(self):
        """Let the error travel between processes."""
        return type(self), (self.path, self.problem, self.remedy)


def one_error(errors: list[MediaError], total: int) -> MediaError:
    """Return one error for all unusable ones of `total` files.

    Introduced in notebook 1.
    """
    if len(errors) == 1:
        return errors[0]
    listed = "\n".join(f"  {error}" for error in errors)
    return MediaError(
        errors[0].path,
        f"and {len(errors) - 1} more of {total} files cannot be used",
        f"each for its own reason:\n{listed}\nRemove them or pass a list as `problems`",
    )


def check_file(path: str | Path) -> Path:
    """Return `path` if it is a file that can be opened and is not empty.

    Raises:
        MediaError: it is missing, a folder, empty, unreadable, or a link that leads nowhere.

    Introduced in notebook 1.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        if Path(path).is_symlink():
            raise MediaError(path, "is a link to a file that is gone", "copy the file") from None
        raise MediaError(
            path, "does not exist", "check the spelling and the folder you are in"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise MediaError(
                path, "is a link that leads back to itself", "delete it and copy the real file"
            ) from None
        reason = getattr(error, "strerror", None) or error
        raise MediaError(path, f"cannot be opened ({reason})", "rename or copy the file") from None
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(
            path, "is a folder, not a file", "use Catalog.from_folder to take all files in it"
        )
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(path, "is not an ordinary file", "copy its content into a file")
    if status.st_size == 0:
        raise MediaError(path, "is empty (0 bytes)", "copy or download it again")
    return Path(path)
