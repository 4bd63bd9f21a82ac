"""The serving pointer: one small file per surface that says which release to serve.

A server needs nothing else, so it starts and swaps with the store and MLflow down. The epoch fences
it: whoever comes late with an older decision cannot overwrite a newer one.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sluice.data.atomic import write_atomically
from sluice.errors import Conflict, IntegrityError, Refused
from sluice.store.records import OutboxRow


@dataclass(frozen=True)
class Pointer:
    """What serves a surface, and since which move of the champion."""

    surface: str
    version: int
    release: str
    epoch: int


def read_pointer(folder: Path, surface: str) -> Pointer | None:
    """The surface's pointer, or None where nothing was ever promoted.

    Raises:
        IntegrityError: the file is there and is no pointer of this surface.
    """
    path = _path(folder, surface)
    if not path.exists():
        return None
    try:
        pointer = Pointer(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"{path}: is no serving pointer: {error}") from error
    if pointer.surface != surface or not isinstance(pointer.epoch, int):
        raise IntegrityError(
            f"{path}: is the pointer of {pointer.surface}, epoch {pointer.epoch}"
        )
    return pointer


def write_pointer(folder: Path, pointer: Pointer) -> None:
    """Replace the surface's pointer; the one that is there already changes nothing.

    Raises:
        Conflict: the file is at a higher epoch, or at the same one with another release.
    """
    path = _path(folder, pointer.surface)
    with _locked(folder, pointer.surface):
        held = read_pointer(folder, pointer.surface)
        if held == pointer:
            return
        if held and held.epoch >= pointer.epoch:
            raise Conflict(
                f"{path}: serves release {held.release} at epoch {held.epoch}; "
                f"release {pointer.release} at epoch {pointer.epoch} comes too late"
            )
        write_atomically(path, (json.dumps(asdict(pointer), indent=2) + "\n").encode())


@dataclass(frozen=True)
class PointerReceiver:
    """Hears of champion moves and keeps the pointer files."""

    folder: Path
    name: str = "serving pointer"

    def deliver(self, row: OutboxRow) -> None:
        """Point to the row's release; `write_pointer` says what is refused."""
        pointer = Pointer(row.surface, row.version, row.release, row.epoch)
        write_pointer(self.folder, pointer)


def _path(folder: Path, surface: str) -> Path:
    if not surface.isidentifier():
        raise Refused(f"{surface!r} is no name of a surface")
    return folder / f"{surface}.json"


@contextmanager
def _locked(folder: Path, surface: str) -> Iterator[None]:
    """Let one process at a time compare and replace; the kernel frees the lock of a dead one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{surface}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
