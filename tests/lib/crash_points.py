"""The named points at which a promotion and a rollback are killed."""

from collections.abc import Mapping
from enum import StrEnum


class Point(StrEnum):
    """Where a promotion or a rollback can die, in the order in which they get there.

    ```
    store    READ BEGIN LEASE LEDGER STATE OTHER CHAMPION OUTBOX COMMIT | COMMITTED
    head     HEAD_TORN HEAD_UNNAMED HEAD_NAMED
    signing  RELEASE SIGNATURE_TORN SIGNATURE_UNNAMED SIGNATURE_NAMED | SIGNED
    pointer  POINTER_TORN POINTER_UNNAMED POINTER_NAMED POINTER_SYNCED
    MLflow   COPY ALIAS ALIASED
    outbox   ACK ACKED
    server   SWITCH SWITCHED
    ```
    A rollback exports the head after it has pointed, and finds MLflow's copy of the release there.
    """

    READ = "evidence read again, nothing written"
    BEGIN = "before BEGIN"
    LEASE = "the writers' lock is held"
    LEDGER = "before the ledger row"
    STATE = "before the version's state"
    OTHER = "before the state of the version before or after it"
    CHAMPION = "before the champion is swapped"
    OUTBOX = "before the outbox row"
    COMMIT = "before COMMIT"
    COMMITTED = "after COMMIT"
    HEAD_TORN = "half of the ledger's head is written"
    HEAD_UNNAMED = "before the head is renamed"
    HEAD_NAMED = "after the head is renamed"
    RELEASE = "before the release is read to be signed"
    SIGNATURE_TORN = "half of the signature is written"
    SIGNATURE_UNNAMED = "before the signature is renamed"
    SIGNATURE_NAMED = "after the signature is renamed"
    SIGNED = "signed, and not pointed to"
    POINTER_TORN = "half of the serving pointer is written"
    POINTER_UNNAMED = "before the pointer is renamed"
    POINTER_NAMED = "after the pointer is renamed"
    POINTER_SYNCED = "after the sync of the pointer's folder"
    COPY = "before MLflow's copy of the release's version"
    ALIAS = "before the alias is set"
    ALIASED = "after the alias, before its epoch"
    ACK = "before the outbox row is acknowledged"
    ACKED = "after the acknowledgement"
    SWITCH = "a release is verified, the server not switched"
    SWITCHED = "after the server's switch"


_ORDER = tuple(Point)
STORE = (*_ORDER[: _ORDER.index(Point.COMMITTED) + 1], Point.ACK, Point.ACKED)
SIGNING = (
    Point.RELEASE,
    Point.SIGNATURE_TORN,
    Point.SIGNATURE_UNNAMED,
    Point.SIGNATURE_NAMED,
)
SERVING = (Point.SWITCH, Point.SWITCHED)
POINTS = {
    "promotion": _ORDER,
    "rollback": tuple(point for point in _ORDER if point is not Point.COPY),
}
"""What is met in each operation."""


def is_committed(point: Point) -> bool:
    """Whether the store has moved when a process dies there."""
    return _ORDER.index(point) >= _ORDER.index(Point.COMMITTED)


def tally(wrong: Mapping[str, list[str]]) -> dict[str, str]:
    """Survived of how many, by point."""
    return {
        point: f"{sum(not each for each in found)}/{len(found)}"
        for point, found in wrong.items()
    }
