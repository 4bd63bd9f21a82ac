"""The canary's pointer: which release serves which share of a surface's people beside the champion.

One small file a surface, beside the champion's and fenced by its own epoch. A canary that ended
leaves a pointer with share 0 and not no file, so that a start which comes late cannot revive it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.digest import canonical_json
from sluice.errors import Conflict, IntegrityError, Refused
from sluice.registry.bundle import sealed
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import MAX_BYTES, check_signed, locked, signing_key
from sluice.registry.small_file import read_small
from sluice.store.records import OutboxRow

PAYLOAD_TYPE = "application/vnd.sluice.canary-pointer+json"
"""Not the champion's: the signature of a canary makes no champion."""


@dataclass(frozen=True)
class CanaryPointer:
    """The canary of a surface, and since which of its moves."""

    surface: str
    version: int
    release: str
    epoch: int
    share: float
    """Of the people; 0 where the canary ended."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    surface: str
    version: Annotated[int, Field(ge=1, lt=1 << 63)]
    release: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}\z")]
    """One step of a path, which leads nowhere else."""
    epoch: Annotated[int, Field(ge=1, lt=1 << 63)]
    share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    signed: dict[str, Any] | None = None

    def pointer(self) -> CanaryPointer:
        return CanaryPointer(
            self.surface, self.version, self.release, self.epoch, self.share
        )


def read_canary_pointer(
    folder: Path, surface: str, keys: KeyRing | None = None
) -> CanaryPointer | None:
    """The surface's canary pointer, also of one that ended; None where there never was one.

    Args:
        folder: of all pointers.
        surface: whose.
        keys: whose signature it needs, where any of them was ever trusted; None to look at none.

    Raises:
        IntegrityError: the file is there and is no canary pointer of this surface, or not a signed one.
    """
    path = canary_path(folder, surface)
    what = f"canary pointer {path.name}"
    content = read_small(path, MAX_BYTES, what)
    if content is None:
        return None
    try:
        document = _File.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "(file)"
        raise IntegrityError(
            f"{what}: is no canary pointer: {field}: {first['msg']}"
        ) from error
    if document.surface != surface:
        raise IntegrityError(f"{what}: is the pointer of {document.surface}")
    if keys is not None and keys.known():
        payload = canonical_json(asdict(document.pointer()))
        check_signed(document.signed, PAYLOAD_TYPE, payload, keys, what)
    return document.pointer()


def write_canary_pointer(
    folder: Path, pointer: CanaryPointer, keys: KeyRing | None = None
) -> None:
    """Replace the surface's canary pointer; the one that is there already changes nothing.

    With keys it is signed, and what lies there counts only if it is.

    Raises:
        Conflict: the file is at a higher epoch, or at the same one with another canary.
        NotFound: others are trusted, and the key that signs is not here.
    """
    path = canary_path(folder, pointer.surface)
    with locked(folder, f"{pointer.surface}.canary"):
        held = _held(folder, pointer.surface, keys)
        if held == pointer:
            return
        if held and held.epoch >= pointer.epoch:
            raise Conflict(
                f"{path}: release {held.release} has share {held.share:g} at epoch {held.epoch}; "
                f"release {pointer.release} at epoch {pointer.epoch} comes too late"
            )
        write_atomically(path, _encoded(pointer, keys))


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
    keys: KeyRing | None = None
    """That sign the pointers."""

    def deliver(self, row: OutboxRow) -> None:
        """Point to the row's canary; `write_canary_pointer` says what is refused."""
        if row.share is None:
            raise Refused(f"outbox row {row.sequence} moves the champion, not the canary")
        pointer = CanaryPointer(row.surface, row.version, row.release, row.epoch, row.share)
        write_canary_pointer(self.folder, pointer, self.keys)


def _held(folder: Path, surface: str, keys: KeyRing | None) -> CanaryPointer | None:
    """What lies there, as far as it counts."""
    try:
        return read_canary_pointer(folder, surface, keys)
    except IntegrityError:
        if keys is None:
            raise
        return None  # of no trusted key's making, so it fences nothing


def _encoded(pointer: CanaryPointer, keys: KeyRing | None) -> bytes:
    fields: dict[str, Any] = asdict(pointer)
    if keys is not None:
        payload = canonical_json(asdict(pointer))
        fields["signed"] = json.loads(sealed(PAYLOAD_TYPE, payload, signing_key(keys)))
    return (json.dumps(fields, indent=2) + "\n").encode()
