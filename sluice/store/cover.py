"""What a ledger row vouches for: the digest of every record that it relies on or leaves behind.

A row's hash covers what the row says, and not the verdicts, versions and positions that the store
keeps beside it. So each row carries their digests, and whoever changes one of them has to change
the row, and every row after it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sluice.data.digest import json_digest
from sluice.store.canary import Canary
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    OutboxRow,
    Position,
    Record,
    Release,
    SnapshotRecord,
    Validation,
    Verdict,
    Version,
)

R = TypeVar("R", bound=Record)

COVERED: tuple[type[Record], ...] = (
    Version, Verdict, Release, SnapshotRecord, Validation, Document, Position, Champion, Canary,
    OutboxRow,
)  # fmt: skip
"""Kinds that rows vouch for. Steps and monitored figures are memory and pictures, and decide nothing."""

MOVED: tuple[type[Record], ...] = (Position, Champion, Canary)
"""Those that change: what the newest row says of one is what must stand there."""


class Finder(Protocol):
    """What of a store is asked here."""

    def get(self, kind: type[R], **key: object) -> R | None: ...

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]: ...


def cover_name(record: Record) -> str:
    """The record's kind and key, e.g. `Verdict for_you 3 quality`."""
    key = (str(getattr(record, name)) for name in record.key)
    return " ".join((type(record).__name__, *key))


def record_digest(record: Record) -> str:
    """SHA-256 over the canonical JSON of all its fields; of a document as its body is now."""
    if isinstance(record, Document):
        return json_digest(record.body)
    fields = {name: _plain(value) for name, value in asdict(record).items()}
    if isinstance(record, OutboxRow):
        del fields["delivered"]  # the relay's own mark
    return json_digest(fields)


def covers_of(read: Finder, row: LedgerRow, left: Iterable[Record]) -> dict[str, str]:
    """Digests of what a row relies on and leaves, by name.

    Args:
        read: the store as the row's transaction sees it.
        row: of the ledger, not yet written.
        left: records that are written with it.
    """
    version = read.get(Version, surface=row.surface, number=row.version)
    records = [*left, *_of_version(read, row.surface, row.version)]
    versions = [version, *(record for record in left if isinstance(record, Version))]
    for record in filter(None, versions):
        records += [record, *_of_inputs(read, record)]
    records += _documents(read, row.evidence)
    return {cover_name(record): record_digest(record) for record in records}


def _of_version(read: Finder, surface: str, number: int) -> Iterator[Record]:
    yield from read.find(Verdict, surface=surface, version=number)
    yield from read.find(Release, surface=surface, version=number)


def _of_inputs(read: Finder, version: Version) -> Iterator[Record]:
    yield from read.find(SnapshotRecord, surface=version.surface, digest=version.snapshot)
    yield from read.find(Validation, surface=version.surface, snapshot=version.snapshot)
    yield from _documents(read, (version.spec,))


def _documents(read: Finder, digests: Iterable[str]) -> Iterator[Record]:
    yield from filter(None, (read.get(Document, digest=digest) for digest in digests))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
