"""A copy of an installation, whatever still has one of its databases open."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

_SIDECARS = ("-wal", "-shm", "-journal")


def copied(home: Path, into: Path, *left_out: str) -> Path:
    """`into`, with all of `home` but `left_out`.

    Databases are copied by SQLite itself: their sidecars come and go with the last connection.
    """
    sidecars = [f"*.db{sidecar}" for sidecar in _SIDECARS]
    shutil.copytree(home, into, ignore=shutil.ignore_patterns("*.db", *sidecars, *left_out))
    for database in home.rglob("*.db"):
        target = into / database.relative_to(home)
        if target.parent.is_dir():
            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)
            target.chmod(database.stat().st_mode)
    return into
