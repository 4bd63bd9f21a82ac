"""One move of the machine, made at most once."""

from sluice.errors import Conflict, NotFound, Refused
from sluice.registry.states import ensure_allowed
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Position, Transition, Version


def version_of(store: Store, surface: str, number: int) -> Version:
    """The registered version.

    Raises:
        NotFound: there is none; the message lists the newest ones there are.
    """
    version = store.get(Version, surface=surface, number=number)
    if version is None:
        numbers = [str(row.number) for row in store.find(Version, surface=surface)]
        raise NotFound(
            f"{surface} has no version {number}; newest: {', '.join(numbers[-5:]) or 'none'}"
        )
    return version


def position_of(store: Store, version: Version) -> Position:
    """Where the version stands.

    Raises:
        NotFound: the version is not registered in this store.
    """
    position = store.get(Position, surface=version.surface, version=version.number)
    if position is None:
        raise NotFound(f"{named(version)} is not registered")
    return position


def named(version: Version) -> str:
    return f"version {version.number} of {version.surface}"


def made(store: Store, key: str) -> LedgerRow | None:
    """The ledger row of the request with that idempotency key, if it was made."""
    rows = store.find(LedgerRow, idempotency_key=key)
    return rows[0] if rows else None


def move_once(store: Store, transition: Transition) -> LedgerRow:
    """Make the move, or return the row of when it was made.

    A retry may come with other words or from another run of the flow; the first one stands.

    Raises:
        Refused: the version stands elsewhere, or the machine has no such arrow.
        Conflict: somebody else moved the version or the pointer first, or the key is of another move.
    """
    # The position is read before the ledger: if a twin of this request commits in between, the
    # store answers with its row, where the other order would find the version already moved.
    version = version_of(store, transition.surface, transition.version)
    position = position_of(store, version)
    row = made(store, transition.idempotency_key)
    if row:
        return _same_move(row, transition)
    if position.state is not transition.expected:
        raise Refused(
            f"{named(version)} is {position.state}; {transition.action} needs {transition.expected}"
        )
    ensure_allowed(named(version), transition.expected, transition.after)
    for other, before, after in transition.also:
        ensure_allowed(f"version {other} of {transition.surface}", before, after)
    return store.transition(transition)


def _same_move(row: LedgerRow, transition: Transition) -> LedgerRow:
    done = (row.surface, row.version, row.action)
    if done != (transition.surface, transition.version, transition.action):
        raise Conflict(
            f"idempotency key {row.idempotency_key!r} belongs to {row.action} of version "
            f"{row.version} of {row.surface} (ledger row {row.sequence})"
        )
    return row
