"""Who may do what to which table on PostgreSQL: five roles, declared once.

`sluice.store.roles` grants exactly this, and the tests try every cell of it. All roles read. Nothing
is ever deleted, and what is written once is never updated. Two tables are shared by several
roles, and for these the rows are declared that each may write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sluice.store.canary import Canary
from sluice.store.record import Record, State
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    MetricPoint,
    OutboxRow,
    Position,
    Release,
    SnapshotRecord,
    Step,
    Validation,
    Verdict,
    Version,
)
from sluice.store.tables import TABLES, VERSION_TABLE


class Role(StrEnum):
    """What a database account is for."""

    TRAINER = "trainer"
    """Trains, gates and packages: the flows up to the review."""
    REVIEWER = "reviewer"
    """Writes what people decide: MLflow's app, and reviewers at the command line."""
    PROMOTER = "promoter"
    """Moves champion and canary, watches them, and tells the mirrors."""
    READER = "reader"
    MIGRATOR = "migrator"
    """Owns the tables, for upgrades; nothing that runs connects as it."""


Verbs = tuple[str, ...]
READS: Verbs = ("SELECT",)
ADDS: Verbs = ("SELECT", "INSERT")
CHANGES: Verbs = ("SELECT", "INSERT", "UPDATE")

_WRITES: Mapping[Role, Mapping[type[Record], Verbs]] = {
    Role.TRAINER: {
        **dict.fromkeys((SnapshotRecord, Step, Document, Validation, MetricPoint), ADDS),
        **dict.fromkeys((Version, Verdict, Release, LedgerRow), ADDS),
        Position: CHANGES,
    },
    Role.REVIEWER: {Document: ADDS, LedgerRow: ADDS, Position: ("SELECT", "UPDATE")},
    Role.PROMOTER: {
        **dict.fromkeys((SnapshotRecord, Step, Document, Validation, MetricPoint), ADDS),
        LedgerRow: ADDS,
        Position: ("SELECT", "UPDATE"),
        Champion: CHANGES,
        Canary: CHANGES,
        OutboxRow: ("SELECT", "INSERT", "UPDATE (delivered)"),
    },
    Role.READER: {},
}

TABLE_NAMES = (*(table.__tablename__ for table in TABLES.values()), VERSION_TABLE)
RIGHTS: Mapping[Role, Mapping[str, Verbs]] = {
    role: {
        **dict.fromkeys(TABLE_NAMES, READS),
        **{TABLES[kind].__tablename__: verbs for kind, verbs in written.items()},
    }
    for role, written in _WRITES.items()
}
"""By role and table; the migrator owns them all."""

_OF_TRAINER = frozenset({"register", "gate", "package", "submit"})
_OF_REVIEWER = frozenset({"approve", "reject", "waive", "account", "rules", "key"})


@dataclass(frozen=True)
class Actions:
    """Ledger rows that a role may add, by their action."""

    names: frozenset[str]
    excluded: bool = False
    """All actions but these."""

    def allow(self, action: str) -> bool:
        return (action in self.names) is not self.excluded


@dataclass(frozen=True)
class Moves:
    """States between which a role may move a version."""

    before: frozenset[State]
    after: frozenset[State]
    starts: bool = False
    """Whether it may also register one, as a candidate."""


ACTIONS: Mapping[Role, Actions] = {
    Role.TRAINER: Actions(_OF_TRAINER),
    Role.REVIEWER: Actions(_OF_REVIEWER),
    Role.PROMOTER: Actions(_OF_TRAINER | _OF_REVIEWER, excluded=True),
}
_SERVED = frozenset(
    {
        State.APPROVED, State.CHAMPION_PROVISIONAL, State.CHAMPION, State.RETIRED,
        State.ROLLED_BACK,
    }
)  # fmt: skip
MOVES: Mapping[Role, Moves] = {
    Role.TRAINER: Moves(
        frozenset({State.CANDIDATE, State.GATED, State.PACKAGED}),
        frozenset(
            {
                State.GATED,
                State.BLOCKED,
                State.PACKAGED,
                State.IN_REVIEW,
                State.BASELINE,
            }
        ),
        starts=True,
    ),
    # From each state also to itself: such a row of the ledger moves nothing.
    Role.REVIEWER: Moves(
        frozenset({State.BLOCKED, State.IN_REVIEW, State.APPROVED}),
        frozenset(
            {
                State.CANDIDATE,
                State.PACKAGED,
                State.IN_REVIEW,
                State.APPROVED,
                State.REJECTED,
            }
        ),
    ),
    Role.PROMOTER: Moves(_SERVED | {State.BASELINE}, _SERVED),
}
