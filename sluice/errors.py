"""One tree of errors.

```
SluiceError
├── UserError                shown without a traceback; exit code 2
│   ├── ConfigError          a surface file or setting that cannot be obeyed (names the key's path)
│   ├── DataError            an input that cannot be read or is refused (names file, rule and counts)
│   │   ├── SchemaError      a column is missing, extra, duplicated or of another type
│   │   ├── BadRows          rows broke a row rule; carries {rule: count}
│   │   └── TooLittleData    too few rows, requests or labels to go on
│   │       ├── NothingToWatch  no champion yet, or nothing from before the watched window
│   │       └── NothingServed   no answer was logged in the window; exit code 3, for it is no pass
│   └── NotFound             no such surface, version, snapshot or release
├── Held                     a gate or a reviewer holds the candidate; exit code 3
├── Conflict                 somebody else was first (compare-and-set lost); exit code 4
├── IntegrityError           bytes or rows are not what their digest says; exit code 5
├── Refused                  a request that the rules forbid (author reviews own work); exit code 6
└── StaleState               a feature state or report is too old, or from the future; exit code 7
```
"""

import errno
import os

_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")
_CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class SluiceError(Exception):
    """Base of all errors that Sluice raises on purpose."""

    exit_code = 1


class UserError(SluiceError):
    """Something the person at the keyboard can mend."""

    exit_code = 2


class ConfigError(UserError):
    """A surface file or a setting that cannot be obeyed."""


class DataError(UserError):
    """An input that cannot be read, or is refused."""


class SchemaError(DataError):
    """A column is missing, extra, duplicated or of another type."""


class BadRows(DataError):
    """Rows broke a row rule.

    Attributes:
        counts: rows that broke each rule, by the rule's name.
    """

    def __init__(self, message: str, counts: dict[str, int]) -> None:
        super().__init__(message)
        self.counts = counts


class TooLittleData(DataError):
    """Too few rows, requests or labels to go on."""


class NothingToWatch(TooLittleData):
    """No champion yet, or nothing from before the watched window to compare it with."""


class NothingServed(TooLittleData):
    """No answer was logged in the window, so nothing says that what is served is right."""

    exit_code = 3


class NotFound(UserError):
    """No such surface, version, snapshot or release."""


class Held(SluiceError):
    """A gate or a reviewer holds the candidate."""

    exit_code = 3


class Conflict(SluiceError):
    """Somebody else was first: the compare-and-set lost."""

    exit_code = 4


class IntegrityError(SluiceError):
    """Bytes or rows are not what their digest says."""

    exit_code = 5


class Refused(SluiceError):
    """A request that the rules forbid."""

    exit_code = 6


class StaleState(SluiceError):
    """A feature state or a report is too old, or lies in the future."""

    exit_code = 7


def no_room(text: str) -> UserError | None:
    """The user's error where a message, of whichever library or child process, is of a full disk."""
    if not any(words in text for words in _FULL):
        return None
    return UserError(
        "the disk is full; make room, and run the same command again: it goes on where it was"
    )


def mendable(error: OSError) -> UserError | None:
    """The user's error behind the system's: a full disk, or a place that may not be written to."""
    if error.errno in _CLOSED:
        return UserError(f"{error.filename}: {error.strerror}")
    return no_room(str(error))
