"""Ledger heads, signed and kept outside the database.

A chain that was cut, put back from a backup or rewritten whole is whole in itself; only a head that
was exported before tells. Heads are numbered, so that one that was taken away is missed, and each
names the keys that were trusted when it was made, so that a key that came by another way stands out.
The folder is worth most on another machine: copy it there.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice.data.atomic import write_atomically
from sluice.data.digest import canonical_json
from sluice.errors import IntegrityError, NotFound
from sluice.registry.bundle import opened, sealed
from sluice.registry.keys import KeyRing, PublicKey, SigningKey
from sluice.registry.pointer import locked
from sluice.store.ledger import Head, head
from sluice.store.port import Store
from sluice.store.records import Champion, LedgerRow

PAYLOAD_TYPE = "application/vnd.sluice.ledger-head+json"


@dataclass(frozen=True)
class Exported:
    """A head as it was exported."""

    head: Head
    at: str
    """When, ISO 8601."""
    path: Path
    signer: str
    """Id of the key that signed it."""
    number: int | None = None
    """Of the head, from 1 on; None in one from before they were numbered."""
    keys: tuple[str, ...] | None = None
    """Ids of the keys that were trusted; None as above."""


def export_head(
    store: Store,
    folder: Path,
    keys: KeyRing,
    at: datetime,
    *,
    signer: SigningKey | None = None,
    name_keys: bool = False,
) -> Exported:
    """Write the ledger's newest link, signed; one that was exported already stays as it is.

    Args:
        store: whose ledger.
        folder: of all heads.
        keys: those that sign and that heads count by.
        at: when.
        signer: signs in place of the ring's own key, which a rotation has just replaced.
        name_keys: name the keys that are trusted now. Else those that the head before it named: a
            key that somebody put there must not become known by the next run of a flow.

    Raises:
        NotFound: the ledger is empty, or others are trusted and the key that signs is not here.
        IntegrityError: the file of that head is there and damaged, or the ledger is not the one
            that the newest head was exported of.
    """
    newest = head(store)
    if newest is None:
        raise NotFound("the ledger is empty, so it has no head to export")
    key = signer or keys.signing_or_new()
    key_ids = tuple(sorted(key.id for key in keys.known()))
    with locked(folder, "heads"):
        before = _newest(folder, keys.known())
        named = before.keys if before and before.keys and not name_keys else key_ids
        if before and before.head == newest and before.keys in {None, named}:
            return before
        if before:
            _ensure_continued(store, before)
        number = (before.number or _count(folder)) + 1 if before else 1
        stem = f"{newest.sequence:09d}-{newest.hash[:16]}"
        taken = before is not None and before.head == newest
        path = folder / (f"{stem}-{number}.json" if taken else f"{stem}.json")
        if path.exists():
            return _read(path, keys.known())
        payload = {**asdict(newest), "at": at.isoformat(), "number": number, "keys": named}
        write_atomically(path, sealed(PAYLOAD_TYPE, canonical_json(payload), key))
    return Exported(newest, at.isoformat(), path, key.public.id, number, named)


def seal(store: Store, folder: Path, keys: KeyRing, at: datetime) -> Exported | None:
    """Export the head after a gate or a review; None where that is another's to do.

    Which it is where others are trusted and no key is here: `audit verify` then names the rows that
    nobody sealed. An empty ledger has no head. And where something serves and no key was ever
    trusted, the next promotion makes the key and signs: until then no server may ask for a signature.

    Raises:
        IntegrityError: as `export_head`.
    """
    if head(store) is None:
        return None
    if not keys.private.exists() and (keys.known() or store.find(Champion)):
        return None
    return export_head(store, folder, keys, at)


def read_heads(
    folder: Path, keys: Iterable[PublicKey]
) -> tuple[tuple[Exported, ...], tuple[str, ...]]:
    """The heads in a folder, oldest first, and one sentence for each that does not count.

    Heads of a revoked key still count where it is among `keys`: a head can only ask more of the
    ledger, so a forged one raises a false alarm and never hides anything.
    """
    trusted, read, problems = tuple(keys), [], []
    for path in sorted(folder.glob("*.json")):
        try:
            read.append(_read(path, trusted))
        except IntegrityError as error:
            problems.append(str(error))
    return tuple(sorted(read, key=_order)), tuple(problems)


def read_head(path: Path, keys: Iterable[PublicKey]) -> Exported:
    """One head that was kept elsewhere.

    Raises:
        IntegrityError: it is none, or signed by no key among `keys`.
    """
    return _read(path, keys)


def _order(exported: Exported) -> tuple[int, int]:
    return exported.head.sequence, exported.number or 0


def _newest(folder: Path, keys: Sequence[PublicKey]) -> Exported | None:
    """The newest head that counts; one that is damaged is passed over here, and named by an audit."""
    heads, _ = read_heads(folder, keys)
    return heads[-1] if heads else None


def _count(folder: Path) -> int:
    return len(list(folder.glob("*.json")))


def _ensure_continued(store: Store, before: Exported) -> None:
    row = store.get(LedgerRow, sequence=before.head.sequence)
    if row is None or row.hash != before.head.hash:
        raise IntegrityError(
            f"the ledger is not sealed, for it is not the one that {before.path.name} was exported "
            "of: it was rewritten, cut or put back; see `sluice audit verify`"
        )


def _read(path: Path, keys: Iterable[PublicKey]) -> Exported:
    name = f"ledger head {path.name}"
    payload, signer = opened(path.read_bytes(), PAYLOAD_TYPE, tuple(keys), name)
    try:
        body: dict[str, Any] = json.loads(payload)
        newest = Head(int(body["sequence"]), str(body["hash"]))
        number = int(body["number"]) if "number" in body else None
        named = tuple(map(str, body["keys"])) if "keys" in body else None
        return Exported(newest, body["at"], path, signer.id, number, named)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{name}: is signed, but no ledger head") from error
