"""G7: serving pointers that nobody who may promote has written."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sluice.errors import Conflict, IntegrityError
from sluice.registry import pointer as pointers
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import Pointer, read_pointer, write_pointer


def pointer(epoch: int) -> Pointer:
    return Pointer("feed", epoch, f"r{epoch}", epoch)


def unsigned(path: Path, keys: KeyRing) -> None:
    write_pointer(path.parent, pointer(999))


def by_a_stranger(path: Path, keys: KeyRing) -> None:
    stranger = KeyRing(path.parent / "strangers")
    write_pointer(path.parent, pointer(999), stranger)


def epoch_edited(path: Path, keys: KeyRing) -> None:
    write_pointer(path.parent, pointer(1), keys)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epoch": 999}))


def release_edited(path: Path, keys: KeyRing) -> None:
    write_pointer(path.parent, pointer(1), keys)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"release": "mine"}))


def of_another_surface(path: Path, keys: KeyRing) -> None:
    write_pointer(path.parent, replace(pointer(999), surface="ads"), keys)
    other = json.loads((path.parent / "ads.json").read_text())
    path.write_text(json.dumps(other | {"surface": "feed"}))


def no_bundle(path: Path, keys: KeyRing) -> None:
    path.write_text(json.dumps(asdict(pointer(999)) | {"signed": {"dsseEnvelope": 3}}))


FORGED: tuple[Callable[[Path, KeyRing], None], ...] = (
    unsigned, by_a_stranger, epoch_edited, release_edited, of_another_surface, no_bundle,
)  # fmt: skip


def taken_after(forge: Callable[[Path, KeyRing], None], folder: Path) -> str:
    """What is wrong: empty where the forged pointer is refused, and who has the key mends it."""
    keys = KeyRing(folder / "keys")
    keys.generate()
    forge(folder / "feed.json", keys)
    try:
        return f"{forge.__name__}: taken, {read_pointer(folder, 'feed', keys)}"
    except IntegrityError as error:
        if "feed.json" not in str(error):
            return f"{forge.__name__}: told of {error}"
    try:
        write_pointer(folder, pointer(2), keys)
    except Conflict as error:
        return f"{forge.__name__}: wedged, {error}"
    mended = read_pointer(folder, "feed", keys)
    return "" if mended == pointer(2) else f"{forge.__name__}: not mended, {mended}"


def believes_any_pointer() -> tuple[Any, str, Any]:
    """G7: whether a pointer is signed is not looked at."""
    return pointers, "check_signed", lambda *_: None


MUTANTS = (believes_any_pointer,)
