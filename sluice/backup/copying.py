"""One file or database of a home into a backup, as it is at one moment, digested on its way."""

import os
import sqlite3
import stat
import tempfile
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO

from sluice.backup.container import Writing
from sluice.backup.contents import DATABASE
from sluice.backup.manifest import Entry

_OWNER = 0o700
_READABLE = 0o600


class _Digested:
    """The first bytes of a file, digested as they are read: one that grows is copied up to its size now."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self._digest = sha256()

    def read(self, count: int = -1) -> bytes:
        wanted = self._left if count < 0 else min(count, self._left)
        content = self._file.read(wanted)
        self._left -= len(content)
        self._digest.update(content)
        return content

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def copy_file(home: Path, name: str, into: Writing) -> Entry | None:
    """Copy a file below the home; None where it is gone."""
    path = home / name
    if name.endswith(DATABASE):
        return _copy_database(path, name, into)
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            return _add(file, state.st_size, stat.S_IMODE(state.st_mode), name, into)
    except FileNotFoundError:
        return None


def _copy_database(path: Path, name: str, into: Writing) -> Entry | None:
    """As SQLite copies it: what is committed, whoever writes meanwhile."""
    if not path.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="sluice-backup-") as folder:
        copy = Path(folder) / path.name
        with (
            closing(sqlite3.connect(path, timeout=60.0)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        with copy.open("rb") as file:
            return _add(file, copy.stat().st_size, _READABLE, name, into)


def _add(file: IO[bytes], size: int, mode: int, name: str, into: Writing) -> Entry:
    content = _Digested(file, size)
    kept = mode & _OWNER | _READABLE
    into.add(name, content, size, kept)  # pyright: ignore[reportArgumentType] - read alone is called
    return Entry(name, size, content.digest, kept)


def copy_bytes(content: bytes, name: str, into: Writing) -> None:
    """Add a file of our own."""
    into.add(name, BytesIO(content), len(content), _READABLE)
