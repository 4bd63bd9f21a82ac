"""The ledger's hash chain: sealing a row, and finding what was done to a chain behind its back.

A chain proves that its rows are those that were written, in that order, but not that the newest
are still there, nor that it was not rewritten whole. For that, keep a `Head` outside the database
and hand it to `verify`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sluice.data.digest import json_digest
from sluice.store.port import Store
from sluice.store.records import LedgerRow

_LATER = ("ran_by", "signature", "covers")
"""Fields that rows of before do not have; where they are None, the hash is what it was then."""

GENESIS = "0" * 64
"""What the first row names as its predecessor's hash."""


@dataclass(frozen=True)
class Head:
    """The newest link of a chain."""

    sequence: int
    hash: str


def row_hash(row: LedgerRow) -> str:
    """SHA-256 over the canonical JSON of all fields but the hash itself; `at` as ISO 8601."""
    content = asdict(row) | {"at": row.at.isoformat()}
    del content["hash"]
    for name in _LATER:
        if content[name] is None:
            del content[name]
    return json_digest(content)


def seal(row: LedgerRow, tail: LedgerRow | None) -> LedgerRow:
    """The row as the next link after `tail`: numbered, chained and hashed."""
    chained = replace(
        row,
        sequence=tail.sequence + 1 if tail else 1,
        previous_hash=tail.hash if tail else GENESIS,
    )
    return replace(chained, hash=row_hash(chained))


def head(store: Store) -> Head | None:
    """The store's newest link, to be kept where nobody who can write the store can write."""
    rows = store.find(LedgerRow)
    return Head(rows[-1].sequence, rows[-1].hash) if rows else None


def verify(rows: Sequence[LedgerRow], *expected: Head) -> list[str]:
    """What is wrong with a chain, one sentence each; empty where it is whole.

    Args:
        rows: the whole ledger in order of sequence.
        expected: heads exported earlier, each of which the chain must still contain.
    """
    problems = []
    previous = GENESIS
    for number, row in enumerate(rows, start=1):
        problems += _problems(row, number, previous)
        previous = row.hash
    hashes = {row.sequence: row.hash for row in rows}
    for exported in expected:
        problems += _missing_head(hashes, exported)
    return problems


def _problems(row: LedgerRow, number: int, previous: str) -> list[str]:
    problems = []
    if row.sequence != number:
        problems.append(f"ledger row {row.sequence} stands where row {number} should")
    if row.previous_hash != previous:
        problems.append(f"ledger row {row.sequence} does not follow the row before it")
    if row.hash != row_hash(row):
        problems.append(
            f"ledger row {row.sequence} was edited: its hash is not that of its content"
        )
    return problems


def _missing_head(hashes: Mapping[int, str], exported: Head) -> list[str]:
    held = hashes.get(exported.sequence)
    if held is None:
        return [
            f"the ledger ends at row {max(hashes, default=0)}, row {exported.sequence} was written: "
            "truncated, or an old backup"
        ]
    if held != exported.hash:
        return [
            f"ledger row {exported.sequence} is not the one exported as head: rewritten"
        ]
    return []
