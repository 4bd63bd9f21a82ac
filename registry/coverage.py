"""Whether the records beside the ledger are those that its rows vouch for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from sluice.store.cover import COVERED, MOVED, cover_name, record_digest
from sluice.store.port import Store
from sluice.store.records import Champion, Document, LedgerRow, Record, Version

_MOVED = frozenset(kind.__name__ for kind in MOVED)
_TRIES = 5
"""Readings of a store that is written to all the time."""


@dataclass(frozen=True)
class Coverage:
    """What was compared with the ledger's rows, and what no row vouches for."""

    problems: tuple[str, ...]
    covered: int
    """Records that a row vouches for."""
    uncovered: tuple[str, ...]
    """Names of records that no row vouches for."""
    rows_before: int
    """Rows from before rows vouched for anything."""


@dataclass(frozen=True)
class _Promise:
    """What the ledger says of one record."""

    digest: str
    row: int


def coverage(store: Store) -> Coverage:
    """Compare every record that rows vouch for with the one that stands in the store.

    A row that is written meanwhile moves records that were read before it, so then all is read again.
    """
    rows = store.find(LedgerRow)
    compared = _compared(store, rows)
    for _ in range(_TRIES):
        if not store.find(LedgerRow, sequence=len(rows) + 1):
            break
        rows = store.find(LedgerRow)
        compared = _compared(store, rows)
    return compared


def _compared(store: Store, rows: Sequence[LedgerRow]) -> Coverage:
    promised, problems = _promises(rows)
    standing = {cover_name(record): record for record in _records(store)}
    problems += _broken(promised, standing)
    problems += _unwritten(store, rows)
    uncovered = sorted(
        name
        for name, record in standing.items()
        if name not in promised and not isinstance(record, Document)
    )
    before = sum(row.covers is None for row in rows)
    return Coverage(tuple(problems), len(promised), tuple(uncovered), before)


def _promises(rows: Sequence[LedgerRow]) -> tuple[dict[str, _Promise], list[str]]:
    promised: dict[str, _Promise] = {}
    problems = []
    later = list(dropwhile(lambda row: row.covers is None, rows))
    for row in later:
        if row.covers is None:
            problems.append(
                f"ledger row {row.sequence} vouches for nothing, and rows before it do: Sluice did "
                "not write it"
            )
        for name, digest in (row.covers or {}).items():
            before = promised.get(name)
            if before and before.digest != digest and name.split(" ")[0] not in _MOVED:
                problems.append(
                    f"{name}: ledger rows {before.row} and {row.sequence} vouch for different "
                    "contents, and it is written once"
                )
            promised[name] = _Promise(digest, row.sequence)
    return promised, problems


def _records(store: Store) -> Iterator[Record]:
    for kind in COVERED:
        yield from store.find(kind)


def _broken(
    promised: Mapping[str, _Promise], standing: Mapping[str, Record]
) -> Iterator[str]:
    for name, promise in promised.items():
        record = standing.get(name)
        if record is None:
            yield f"{name}: is gone; ledger row {promise.row} vouches for it"
        elif record_digest(record) != promise.digest:
            yield f"{name}: is not what ledger row {promise.row} vouches for: it was changed"


def _unwritten(store: Store, rows: Sequence[LedgerRow]) -> Iterator[str]:
    """What no release of Sluice ever wrote without a row, so that its row was taken away."""
    registered = {(row.surface, row.version) for row in rows if row.action == "register"}
    for version in store.find(Version):
        if (version.surface, version.number) not in registered:
            yield (
                f"version {version.number} of {version.surface}: stands in the store, and no ledger "
                "row registered it"
            )
    moved = {row.surface for row in rows if row.epoch is not None}
    for champion in store.find(Champion):
        if champion.surface not in moved:
            yield f"{champion.surface}: has a champion, and no ledger row made one"
