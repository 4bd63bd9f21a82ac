"""The serving pointer: one small file per surface that says which release to serve.

A server needs nothing else, so it starts and swaps with the store and MLflow down. The epoch fences
it: whoever comes late with an older decision cannot overwrite a newer one. Where a key is trusted it
is signed, for an epoch that anybody can write fences nothing.

```json
{"surface": "for_you", "version": 3, "release": "9f2c…", "epoch": 7, "signed": {a bundle of these four}}
```
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.digest import canonical_json
from sluice.errors import Conflict, IntegrityError, Refused
from sluice.registry.bundle import opened, sealed
from sluice.registry.keys import KeyRing, SigningKey
from sluice.registry.small_file import read_small
from sluice.store.records import OutboxRow

PAYLOAD_TYPE = "application/vnd.sluice.pointer+json"
MAX_BYTES = 1 << 16

_Count = Annotated[int, Field(ge=1, lt=1 << 63)]


@dataclass(frozen=True)
class Pointer:
    """What serves a surface, and since which move of the champion."""

    surface: str
    version: int
    release: str
    epoch: int


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Named(_Strict):
    surface: str
    version: _Count
    release: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}\z")]
    """One step of a path, which leads nowhere else."""
    epoch: _Count

    def pointer(self) -> Pointer:
        return Pointer(self.surface, self.version, self.release, self.epoch)


class _File(_Named):
    signed: dict[str, Any] | None = None


def read_pointer(folder: Path, surface: str, keys: KeyRing | None = None) -> Pointer | None:
    """The surface's pointer, or None where nothing was ever promoted.

    Args:
        folder: of all pointers.
        surface: whose.
        keys: whose signature it needs, where any of them was ever trusted; None to look at none.

    Raises:
        IntegrityError: the file is there and is no pointer of this surface, or not a signed one.
    """
    path = _path(folder, surface)
    what = f"serving pointer {path.name}"
    content = read_small(path, MAX_BYTES, what)
    if content is None:
        return None
    parsed = _parsed(content, what)
    if parsed.surface != surface:
        raise IntegrityError(f"{what}: is the pointer of {parsed.surface}")
    if keys is not None and keys.known():
        payload = _payload(parsed.pointer())
        check_signed(parsed.signed, PAYLOAD_TYPE, payload, keys, what)
    return parsed.pointer()


def write_pointer(folder: Path, pointer: Pointer, keys: KeyRing | None = None) -> None:
    """Replace the surface's pointer; the one that is there already changes nothing.

    With keys it is signed, and what lies there counts only if it is: a file that no trusted key
    signed is no decision of ours, whatever epoch it claims, and is overwritten.

    Raises:
        Conflict: the file is at a higher epoch, or at the same one with another release.
        NotFound: others are trusted, and the key that signs is not here.
    """
    path = _path(folder, pointer.surface)
    with locked(folder, pointer.surface):
        held = _held(folder, pointer.surface, keys)
        if held == pointer:
            return
        if held and held.epoch >= pointer.epoch:
            raise Conflict(
                f"{path}: serves release {held.release} at epoch {held.epoch}; "
                f"release {pointer.release} at epoch {pointer.epoch} comes too late. Where the store "
                f"was put back from a backup, remove the file, run `sluice champion mirror "
                f"{pointer.surface}` and start its servers anew"
            )
        write_atomically(path, _encoded(pointer, keys))


@dataclass(frozen=True)
class PointerReceiver:
    """Hears of champion moves and keeps the pointer files."""

    folder: Path
    name: str = "serving pointer"
    keys: KeyRing | None = None
    """That sign the pointers."""

    def deliver(self, row: OutboxRow) -> None:
        """Point to the row's release; `write_pointer` says what is refused."""
        pointer = Pointer(row.surface, row.version, row.release, row.epoch)
        write_pointer(self.folder, pointer, self.keys)


def _path(folder: Path, surface: str) -> Path:
    if not surface.isidentifier():
        raise Refused(f"{surface!r} is no name of a surface")
    return folder / f"{surface}.json"


def _parsed(content: bytes, what: str) -> _File:
    try:
        return _File.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "(file)"
        raise IntegrityError(
            f"{what}: is no serving pointer: {field}: {first['msg']}"
        ) from error


def check_signed(
    signed: dict[str, Any] | None, kind: str, payload: bytes, keys: KeyRing, what: str
) -> None:
    """Let a pointer pass whose bundle is of a trusted key and about exactly this payload.

    Raises:
        IntegrityError: it is not.
    """
    if signed is None:
        raise IntegrityError(
            f"{what}: is not signed; `sluice champion mirror SURFACE` writes it anew"
        )
    document, _ = opened(json.dumps(signed).encode(), kind, keys.trusted(), what)
    if document != payload:
        raise IntegrityError(f"{what}: what is signed is another pointer")


def _held(folder: Path, surface: str, keys: KeyRing | None) -> Pointer | None:
    """What lies there, as far as it counts."""
    if keys is None:
        return read_pointer(folder, surface)
    try:
        return read_pointer(folder, surface, keys)
    except IntegrityError:
        return None  # of no trusted key's making, so it fences nothing; a bad ring fails at signing


def signing_key(keys: KeyRing) -> SigningKey:
    """The key that signs; a new one only where nobody trusts another yet."""
    return keys.signing() if keys.known() else keys.signing_or_new()


def _encoded(pointer: Pointer, keys: KeyRing | None) -> bytes:
    fields: dict[str, Any] = asdict(pointer)
    if keys is not None:
        bundle = sealed(PAYLOAD_TYPE, _payload(pointer), signing_key(keys))
        fields["signed"] = json.loads(bundle)
    return (json.dumps(fields, indent=2) + "\n").encode()


def _payload(pointer: Pointer) -> bytes:
    return canonical_json(asdict(pointer))


@contextmanager
def locked(folder: Path, surface: str) -> Iterator[None]:
    """Let one process at a time compare and replace; the kernel frees the lock of a dead one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{surface}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
