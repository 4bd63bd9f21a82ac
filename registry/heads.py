"""Ledger heads, signed and kept outside the database.

A chain that was cut, put back from a backup or rewritten whole is whole in itself; only a head that
was exported before tells. The folder is worth most on another machine: copy it there.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from registry.bundle import opened, sealed
from registry.keys import KeyRing, PublicKey
from sluice.data.atomic import write_atomically
from sluice.data.digest import canonical_json
from sluice.errors import IntegrityError, NotFound
from sluice.store.ledger import Head, head
from sluice.store.port import Store

PAYLOAD_TYPE = "application/vnd.sluice.ledger-head+json"


@dataclass(frozen=True)
class Exported:
    """A head as it was exported."""

    head: Head
    at: str
    """When, ISO 8601."""
    path: Path


def export_head(store: Store, folder: Path, keys: KeyRing, at: datetime) -> Exported:
    """Write the ledger's newest link, signed; one that was exported already stays as it is.

    Raises:
        NotFound: the ledger is empty.
        IntegrityError: the file of that head is there and damaged.
    """
    newest = head(store)
    if newest is None:
        raise NotFound("the ledger is empty, so it has no head to export")
    path = folder / f"{newest.sequence:09d}-{newest.hash[:16]}.json"
    if path.exists():
        return _read(path, keys.known())
    payload = {"sequence": newest.sequence, "hash": newest.hash, "at": at.isoformat()}
    content = sealed(PAYLOAD_TYPE, canonical_json(payload), keys.signing_or_new())
    write_atomically(path, content)
    return Exported(newest, at.isoformat(), path)


def read_heads(
    folder: Path, keys: Iterable[PublicKey]
) -> tuple[tuple[Exported, ...], tuple[str, ...]]:
    """The heads in a folder, oldest first, and one sentence for each that does not count.

    Heads of a revoked key still count where it is among `keys`: a head can only ask more of the
    ledger, so a forged one raises a false alarm and never hides anything.
    """
    known, found, problems = tuple(keys), [], []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_read(path, known))
        except IntegrityError as error:
            problems.append(str(error))
    return tuple(found), tuple(problems)


def _read(path: Path, keys: Iterable[PublicKey]) -> Exported:
    name = f"ledger head {path.name}"
    payload, _ = opened(path.read_bytes(), PAYLOAD_TYPE, tuple(keys), name)
    try:
        body = json.loads(payload)
        return Exported(Head(int(body["sequence"]), str(body["hash"])), body["at"], path)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{name}: is signed, but no ledger head") from error
