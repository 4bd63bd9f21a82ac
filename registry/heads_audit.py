"""Whether all heads that were exported are still there, and all that had to be."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from sluice.registry.heads import Exported
from sluice.registry.keys import KeyRing
from sluice.store.port import Store
from sluice.store.records import LedgerRow, OutboxRow

SEALED = frozenset({
    "account", "gate", "submit", "waive", "rules", "key", "approve", "reject", "promote", "confirm", "rollback", "baseline", "canary",
    "canary_stop", "withdraw",
})  # fmt: skip
"""Actions after which a head is exported."""


def audit_heads(
    store: Store,
    heads: Sequence[Exported],
    keys: KeyRing,
    since: int = 0,
    acknowledged: Collection[str] = (),
) -> list[str]:
    """What is missing among the exported heads, one sentence each; empty where nothing is.

    Whether the ledger still contains each head is `sluice.store.ledger.verify`'s question.

    Args:
        store: whose ledger.
        heads: that were read back and count, oldest first.
        keys: that are trusted here.
        since: sequence of a head that was kept elsewhere; keys that signed up to it are as they are.
        acknowledged: ids of keys that a reviewer said to be ours; see `registry.new_key`.
    """
    rows = store.find(LedgerRow)
    return [
        *_missing(store, rows, heads),
        *_numbers(heads),
        *(_unsealed(rows, heads) if heads or keys.known() else ()),
        *_succession(heads, since, acknowledged),
        *_keys(heads, keys),
    ]


def _missing(
    store: Store, rows: Sequence[LedgerRow], heads: Sequence[Exported]
) -> Iterator[str]:
    moves = [row.sequence for row in rows if row.epoch is not None]
    if not heads:
        if moves:
            yield (
                f"no head of the ledger is there, though row {moves[0]} moved a champion and each such "
                "move exports one: the heads were taken away; put them back from a copy"
            )
        return
    missing = {row.sequence for row in store.find(OutboxRow, delivered=True)}
    vouched = [row.sequence for row in rows if row.covers is not None]
    first = next((move for move in moves if move in missing and move in vouched), None)
    if first is not None and heads[0].head.sequence > first:
        yield (
            f"the oldest head is of row {heads[0].head.sequence}, though row {first} moved a champion "
            "and exported one: heads were taken away; put them back from a copy"
        )


def _numbers(heads: Sequence[Exported]) -> Iterator[str]:
    numbers = sorted(head.number for head in heads if head.number is not None)
    expected = sum(head.number is None for head in heads) + 1
    for number in numbers:
        if number > expected:
            yield (
                f"heads {expected} to {number - 1} of the ledger are missing: head {number} follows "
                "on them"
            )
        expected = number + 1


def _unsealed(rows: Sequence[LedgerRow], heads: Sequence[Exported]) -> Iterator[str]:
    newest = heads[-1].head.sequence if heads else 0
    for row in rows:
        if row.sequence > newest and row.covers is not None and row.action in SEALED:
            yield (
                f"ledger row {row.sequence} ({row.action} of {row.surface} {row.version} by "
                f"{row.actor}) is under no exported head: Sluice did not write it, was killed before "
                "it exported one, or heads were taken away; look at the row, then `sluice audit export`"
            )


def _succession(
    heads: Sequence[Exported], since: int, acknowledged: Collection[str]
) -> Iterator[str]:
    """A new key signs only once a head of an old one names it, or a reviewer vouches for it."""
    numbered = [head for head in heads if head.keys is not None]
    for before, after in pairwise(numbered):
        keys = {*(before.keys or ()), *acknowledged}
        if after.signer not in keys and after.head.sequence > since:
            yield (
                f"ledger head {after.path.name} is signed with key {after.signer[:16]}, which no head "
                "before it names: somebody else's, or made without `sluice release keygen --rotate`; "
                "where it is yours, because the old key was lost or revoked first, a reviewer says so: "
                f"sluice audit acknowledge-key SURFACE {after.signer[:16]} --reviewer NAME --reason WHY"
            )


def _keys(heads: Sequence[Exported], keys: KeyRing) -> Iterator[str]:
    named = next(
        (set(head.keys) for head in reversed(heads) if head.keys is not None), None
    )
    if named is None:
        return
    here = {key.id for key in keys.known()}
    for key in sorted(here - named):
        yield (
            f"key {key[:16]} is trusted here, and no exported head names it: remove it from "
            f"{keys.folder / 'trusted'}, or, where it is yours, `sluice audit export --name-keys`"
        )
    for key in sorted(named - here):
        yield f"key {key[:16]} was trusted here and is gone; put it back from a copy"
