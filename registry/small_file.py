"""A small file that anybody may have put there: read without waiting, and without following anything."""

import os
import stat
from pathlib import Path

from sluice.errors import IntegrityError

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_small(path: Path, most: int, what: str) -> bytes | None:
    """The bytes of a plain file of at most `most` bytes; None where there is nothing of that name.

    Args:
        path: of the file.
        most: bytes it may have.
        what: it is, for messages.

    Raises:
        IntegrityError: it is a link, a folder, a FIFO or a device, is too big, or cannot be read.
    """
    try:
        # Before it is opened too, for to open some devices is to do something.
        _check_plain(path.lstat(), what)
        handle = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IntegrityError(f"{what}: cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        _check_plain(os.fstat(file.fileno()), what)
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise IntegrityError(f"{what}: cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise IntegrityError(f"{what}: has more than {most} bytes")
    return content


def _check_plain(status: os.stat_result, what: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise IntegrityError(f"{what}: is a link, a folder or a device, not a plain file")
