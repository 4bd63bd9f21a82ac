"""The canary's pointer: which release serves which share of a surface's people beside the champion.

One small file a surface, beside the champion's and fenced by its own epoch. A canary that ended
leaves a pointer with share 0 and not no file, so that a start which comes late cannot revive it.
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
class CanaryPointer:
    """The canary of a surface, and since which of its moves."""

    surface: str
    version: int
    release: str
    epoch: int
    share: float
    """Of the people; 0 where the canary ended."""


def read_canary_pointer(folder: Path, surface: str) -> CanaryPointer | None:
    """The surface's canary pointer, also of one that ended; None where there never was one.

    Raises:
        IntegrityError: the file is there and is no canary pointer of this surface.
    """
    path = canary_path(folder, surface)
    if not path.exists():
        return None
    try:
        pointer = CanaryPointer(**json.loads(path.read_text(encoding="utf-8")))
        fits = pointer.surface == surface and _is_whole(pointer)
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"{path}: is no canary pointer: {error}") from error
    if not fits:
        raise IntegrityError(f"{path}: is no canary pointer of {surface}")
    return pointer


def write_canary_pointer(folder: Path, pointer: CanaryPointer) -> None:
    """Replace the surface's canary pointer; the one that is there already changes nothing.

    Raises:
        Conflict: the file is at a higher epoch, or at the same one with another canary.
    """
    path = canary_path(folder, pointer.surface)
    with _locked(folder, pointer.surface):
        held = read_canary_pointer(folder, pointer.surface)
        if held == pointer:
            return
        if held and held.epoch >= pointer.epoch:
            raise Conflict(
                f"{path}: release {held.release} has share {held.share:g} at epoch {held.epoch}; "
                f"release {pointer.release} at epoch {pointer.epoch} comes too late"
            )
        write_atomically(path, (json.dumps(asdict(pointer), indent=2) + "\n").encode())


def canary_path(folder: Path, surface: str) -> Path:
    """File of the surface's canary pointer, for whoever watches it.

    Raises:
        Refused: that is no name of a surface.
    """
    if not surface.isidentifier():
        raise Refused(f"{surface!r} is no name of a surface")
    return folder / f"{surface}.canary.json"


@dataclass(frozen=True)
class CanaryReceiver:
    """Hears of canary moves and keeps the pointer files."""

    folder: Path
    name: str = "canary pointer"

    def deliver(self, row: OutboxRow) -> None:
        """Point to the row's canary; `write_canary_pointer` says what is refused."""
        if row.share is None:
            raise Refused(f"outbox row {row.sequence} moves the champion, not the canary")
        write_canary_pointer(
            self.folder,
            CanaryPointer(row.surface, row.version, row.release, row.epoch, row.share),
        )


def _is_whole(pointer: CanaryPointer) -> bool:
    kinds = (type(pointer.epoch), type(pointer.version), type(pointer.release))
    share = pointer.share
    return kinds == (int, int, str) and isinstance(share, int | float) and 0 <= share < 1


@contextmanager
def _locked(folder: Path, surface: str) -> Iterator[None]:
    """Let one process at a time compare and replace; the kernel frees the lock of a dead one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{surface}.canary.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
