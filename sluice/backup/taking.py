"""Takes a backup of an installation while it is written."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice.backup.container import Writing, writing
from sluice.backup.contents import Phase, names
from sluice.backup.copying import copy_bytes, copy_file
from sluice.backup.manifest import NAME, Entry, Manifest
from sluice.backup.settled import undecided
from sluice.data.event_log import EventLog
from sluice.errors import UserError
from sluice.settings import Settings
from sluice.store.ledger import head
from sluice.store.sql import SqlStore

_ROUNDS = 5
"""Looks at the folders, each of which finds what came while the one before was copied."""


@dataclass(frozen=True)
class Taken:
    """A backup that was taken."""

    target: Path
    manifest: Manifest


def take(settings: Settings, store: SqlStore, target: Path) -> Taken:
    """Copy the installation; every file that the copied store names is in the copy.

    Decisions wait while the store is copied, ingests and compactions while the event log is; rows
    that a service takes live do not wait.

    Args:
        settings: of the installation.
        store: its own, open.
        target: a new folder, or a new file that ends in `.tar`.

    Raises:
        UserError: the store is in another database, or the target exists or lies in the home.
    """
    _ensure_embedded(settings)
    if target.resolve().is_relative_to(settings.home):
        raise UserError(
            f"Cannot write a backup to {target} because it lies in the home; name a place outside, best "
            "on another disk"
        )
    with writing(target) as into:
        manifest = _copied(settings, store, into)
        copy_bytes(manifest.encoded(), NAME, into)
    return Taken(target, manifest)


def _ensure_embedded(settings: Settings) -> None:
    if not settings.embedded:
        raise UserError(
            "Cannot back up this installation because its store is not the one in its home; take "
            "`pg_dump --format=custom` of the database that SLUICE_DATABASE_URL names first and copy the "
            "home after it, so that every file the dump names is in the copy"
        )


def _copied(settings: Settings, store: SqlStore, into: Writing) -> Manifest:
    entries: dict[str, Entry] = {}
    moment, ledger = datetime.now(UTC), None
    for phase in Phase:
        with _held(settings, store, phase):
            if phase is Phase.DECISIONS:
                moment, newest = datetime.now(UTC), head(store)
                ledger = f"{newest.sequence}:{newest.hash}" if newest else None
            _copy_phase(settings.home, phase, into, entries)
    return Manifest(moment, ledger, tuple(entries[name] for name in sorted(entries)))


@contextmanager
def _held(settings: Settings, store: SqlStore, phase: Phase) -> Iterator[None]:
    holds = {
        Phase.DECISIONS: lambda: undecided(settings, store),
        Phase.LOG: lambda: EventLog(settings.log).parts_held(),
    }
    with holds.get(phase, nullcontext)():
        yield


def _copy_phase(home: Path, phase: Phase, into: Writing, entries: dict[str, Entry]) -> None:
    """Copy the phase's files; one that became another meanwhile is there under its new name."""
    for _ in range(_ROUNDS):
        new = [name for name in names(home, phase) if name not in entries]
        if not new:
            return
        for name in new:
            if entry := copy_file(home, name, into):
                entries[name] = entry
