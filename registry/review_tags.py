"""What reviewers have decided on a version so far, as the tags that MLflow's page shows.

A decision may be made there or by command; either way it is a row of the ledger first, and these
tags are read from it.
"""

from collections.abc import Mapping, Sequence

from sluice.registry.approvals import approvals
from sluice.registry.moves import position_of
from sluice.registry.people import person
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Version

REVIEW = "review"
"""Tag of a candidate's version that approves or rejects it."""

REVIEWED = "sluice.reviewed"
"""Tag that says who decided, for MLflow keeps no author of the other one, and how many it takes."""


def review_tags(store: Store, version: Version, approvers: int) -> dict[str, str]:
    """Both tags as the ledger backs them; empty where nobody has decided.

    Args:
        store: where the ledger is.
        version: that was or is in review.
        approvers: how many different people have to approve it.
    """
    rejected = store.find(
        LedgerRow, surface=version.surface, version=version.number, action="reject"
    )
    if rejected:
        row = rejected[-1]
        return {
            REVIEW: _said("rejected", row),
            REVIEWED: f"rejected by {_by(rejected[-1:])}",
        }
    release = position_of(store, version).release
    decisions = approvals(store, version, release) if release else ()
    if not decisions:
        return {}
    people = len({person(row.actor) for row in decisions})
    return {
        REVIEW: _said("approved", decisions[-1]),
        REVIEWED: f"approved by {_by(decisions)}: {people} of {approvers} needed",
    }


def amiss(
    there: Mapping[str, str], backed: Mapping[str, str]
) -> list[tuple[str, str | None]]:
    """Tags that say something else than the ledger, with what they should say; None for nothing."""
    wanted = {REVIEW: backed.get(REVIEW), REVIEWED: backed.get(REVIEWED)}
    return [(key, value) for key, value in wanted.items() if there.get(key) != value]


def _said(decision: str, row: LedgerRow) -> str:
    return f"{decision}: {row.reason}" if row.reason else decision


def _by(rows: Sequence[LedgerRow]) -> str:
    return " and ".join(f"{row.actor} (ledger row {row.sequence})" for row in rows)
