"""Whether every decision of a person in the ledger was signed by who is said to have decided."""

from collections.abc import Iterator, Sequence

from sluice.errors import IntegrityError
from sluice.registry.review_keys import ReviewTrust
from sluice.registry.review_signature import DECISIONS, check_review
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Position, State

_WAITING = frozenset({State.IN_REVIEW, State.APPROVED})


def audit_reviews(
    store: Store, rows: Sequence[LedgerRow], trust: ReviewTrust
) -> Iterator[str]:
    """One sentence for each decision whose signature is missing or not about it.

    Rows of before decisions were signed pass unsigned where they are done with: no row after them
    notes who ran it, and their version waits for nothing.

    Args:
        store: where the versions stand.
        rows: the whole ledger, in order.
        trust: whose signatures count, those of keys that were revoked since included.
    """
    first = next((row.sequence for row in rows if row.ran_by is not None), len(rows) + 1)
    for row in rows:
        if row.action not in DECISIONS:
            continue
        if row.signature is None and row.sequence < first and not _waits(store, row):
            continue
        try:
            check_review(row, trust)
        except IntegrityError as error:
            yield str(error)


def _waits(store: Store, row: LedgerRow) -> bool:
    position = store.get(Position, surface=row.surface, version=row.version)
    return position is not None and position.state in _WAITING
