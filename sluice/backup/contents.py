"""Which files of a home a backup holds, and in which order they are copied.

Whoever writes an installation writes files first and names them in the store afterwards. So the store
is copied first, and every file that the copy names was there before. MLflow mirrors the store, so its
database is copied before it: it may know less than the store, never more.
"""

import os
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path, PurePosixPath

STORE = "sluice.db"
JOURNAL = "log/journal.db"
DATABASE = ".db"


class Phase(IntEnum):
    """When a file is copied; each phase sees what the one before it names."""

    MIRRORS = 0
    """Databases of the tools: what they know, the store knew before."""
    DECISIONS = 1
    """The store, and what is signed about it; nobody decides while they are copied."""
    LOG = 2
    """The event log; no part comes or goes while it is copied, and live rows are taken."""
    FILES = 3
    """All the rest, most of it named by its content."""


_DECISIONS = frozenset({"audit", "keys", "signatures", "serving", "credentials"})
_LEFT_OUT = frozenset({"logs", "house"})
"""Of the running servers, which are not backed up."""
_PASSING = frozenset({"tmp", "prometheus_multiproc_dir"})
"""Of BentoML's folder."""
_SIDECARS = ("-wal", "-shm", "-journal")


def phase_of(name: str) -> Phase:
    """When the file of this name below the home is copied."""
    top = PurePosixPath(name).parts[0]
    if name == STORE or top in _DECISIONS:
        return Phase.DECISIONS
    if top == "log":
        return Phase.LOG
    return Phase.MIRRORS if name.endswith(DATABASE) else Phase.FILES


def is_held(name: str) -> bool:
    """Whether a backup holds the file: all but locks, unfinished and derived ones and servers' output."""
    parts = PurePosixPath(name).parts
    if parts[0] in _LEFT_OUT or (parts[0] == "bentoml" and parts[1] in _PASSING):
        return False
    # Locks, files that are being written and keys of parts, which are derived, have hidden names.
    hidden = any(part.startswith(".") for part in parts)
    beside = any(name.endswith(f"{DATABASE}{sidecar}") for sidecar in _SIDECARS)
    return not hidden and not beside


def names(home: Path, phase: Phase) -> Iterator[str]:
    """The files of a phase that are there now, sorted by folder; links are followed."""
    for folder, below, files in os.walk(home, followlinks=True):
        below.sort()
        at = Path(folder).relative_to(home)
        for file in sorted(files):
            name = (at / file).as_posix()
            if is_held(name) and phase_of(name) is phase:
                yield name
