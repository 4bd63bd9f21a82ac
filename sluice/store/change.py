"""What one transaction must write, decided purely from what the store holds; every store obeys it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from sluice.data.digest import json_digest
from sluice.errors import Conflict, NotFound, Refused
from sluice.store.canary import Canary, CanaryMove
from sluice.store.content import ensure_same, stored_form
from sluice.store.cover import covers_of
from sluice.store.ledger import seal
from sluice.store.records import (
    Champion,
    Draft,
    LedgerRow,
    OutboxRow,
    PointerMove,
    Position,
    Record,
    State,
    Transition,
    Version,
)

R = TypeVar("R", bound=Record)


class Reader(Protocol):
    """The store as the current transaction sees it, with nobody else writing the ledger."""

    def get(self, kind: type[R], **key: object) -> R | None: ...

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]: ...

    def tail(self) -> LedgerRow | None:
        """The newest ledger row."""
        ...

    def session(self) -> str:
        """Who is running this, as `Store.session` says it."""
        ...


@dataclass(frozen=True)
class Change:
    """Rows to write together: new ones, and positions, champion and canary that replace what is there."""

    ledger: LedgerRow
    version: Version | None = None
    positions: tuple[Position, ...] = ()
    champion: Champion | None = None
    canary: Canary | None = None
    outbox: OutboxRow | None = None


def registered(draft: Draft, read: Reader, at: datetime) -> Version | None:
    """The version that this run was registered as, if it was.

    Raises:
        Conflict: it was, with other content: the same inputs have trained another model.
    """
    for version in read.find(Version, surface=draft.surface, run=draft.run):
        ensure_same(version, _numbered(draft, version.number, at))
        return version
    return None


def of_registration(
    draft: Draft, read: Reader, *, actor: str, role: str, at: datetime
) -> Change:
    """Give the draft the next number of its surface."""
    rows = read.find(Version, surface=draft.surface)
    version = _numbered(draft, rows[-1].number + 1 if rows else 1, at)
    row = LedgerRow(
        sequence=0,
        surface=draft.surface,
        version=version.number,
        action="register",
        actor=actor,
        role=role,
        reason=f"run {draft.run}",
        before=None,
        after=State.CANDIDATE.value,
        evidence=(draft.model, draft.snapshot),
        epoch=None,
        idempotency_key=f"register:{draft.surface}:{draft.run}",
        request=json_digest(asdict(draft)),
        at=at,
        previous_hash="",
        hash="",
        ran_by=read.session(),
    )
    position = Position(draft.surface, version.number, State.CANDIDATE, None)
    return _vouched(Change(seal(stored_form(row), read.tail()), version, (position,)), read)


def answered(transition: Transition, read: Reader) -> LedgerRow | None:
    """The ledger row of the same request, where it was made before.

    Raises:
        Conflict: the idempotency key belongs to another request.
    """
    for row in read.find(LedgerRow, idempotency_key=transition.idempotency_key):
        if row.request != request_digest(transition):
            raise Conflict(
                f"idempotency key {row.idempotency_key!r} belongs to ledger row {row.sequence} "
                f"({row.action} version {row.version} of {row.surface} by {row.actor}), "
                f"not to {transition.action} version {transition.version} of {transition.surface}"
            )
        return row
    return None


def of_transition(transition: Transition, read: Reader) -> Change:
    """Everything that the transition writes.

    Raises:
        Conflict: a version is in another state than expected, or a pointer at another epoch.
        NotFound: a version is not registered.
        Refused: it moves the champion and the canary.
    """
    if transition.pointer and transition.canary:
        raise Refused(
            f"{transition.action}: moves champion and canary at once; end the canary first"
        )
    epoch = transition.pointer.expected_epoch + 1 if transition.pointer else None
    row = replace(_row(transition, epoch), ran_by=read.session())
    row = seal(stored_form(row), read.tail())
    positions = tuple(_moved(transition, read))
    if transition.canary:
        canary = stored_form(_canary(transition, transition.canary, read))
        payload = _told(row, canary)
        return _vouched(
            Change(row, positions=positions, canary=canary, outbox=payload), read
        )
    if not transition.pointer:
        return _vouched(Change(row, positions=positions), read)
    move = transition.pointer
    champion = _pointed(transition.surface, move, read)
    outbox = OutboxRow(
        row.sequence, champion.surface, move.version, move.release, champion.epoch
    )
    whole = Change(row, positions=positions, champion=champion, outbox=outbox)
    return _vouched(whole, read)


def request_digest(transition: Transition) -> str:
    """Digest of what is asked; a retry asks the same at another time."""
    fields = asdict(transition)
    del fields["at"], fields["signature"]
    if transition.canary is None:
        del fields[
            "canary"
        ]  # as before there were canaries, so that a retry of then is one
    return json_digest(fields)


def _vouched(decided: Change, read: Reader) -> Change:
    """The same with what its row vouches for, sealed again."""
    parts = (
        decided.version, *decided.positions, decided.champion, decided.canary, decided.outbox,
    )  # fmt: skip
    covers = covers_of(read, decided.ledger, filter(None, parts))
    row = replace(decided.ledger, covers=covers)
    return replace(decided, ledger=seal(row, read.tail()))


def _numbered(draft: Draft, number: int, at: datetime) -> Version:
    return stored_form(Version(**asdict(draft), number=number, created_at=at))


def _row(transition: Transition, epoch: int | None) -> LedgerRow:
    return LedgerRow(
        sequence=0,
        surface=transition.surface,
        version=transition.version,
        action=transition.action,
        actor=transition.actor,
        role=transition.role,
        reason=transition.reason,
        before=transition.expected.value,
        after=transition.after.value,
        evidence=transition.evidence,
        epoch=epoch,
        idempotency_key=transition.idempotency_key,
        request=request_digest(transition),
        at=transition.at,
        previous_hash="",
        hash="",
        signature=transition.signature,
    )


def _moved(transition: Transition, read: Reader) -> Iterator[Position]:
    moves = ((transition.version, transition.expected, transition.after), *transition.also)
    for version, expected, after in moves:
        position = read.get(Position, surface=transition.surface, version=version)
        if position is None:
            raise NotFound(f"{transition.surface} has no version {version}")
        if position.state is not expected:
            raise Conflict(
                f"{transition.action}: version {version} of {transition.surface} is "
                f"{position.state}, expected {expected}"
            )
        moved = replace(position, state=after)
        own = version == transition.version and transition.release
        moved = replace(moved, release=transition.release) if own else moved
        if moved != position:
            yield moved


def _pointed(surface: str, move: PointerMove, read: Reader) -> Champion:
    current = read.get(Champion, surface=surface)
    epoch = current.epoch if current else 0
    if epoch != move.expected_epoch:
        raise Conflict(
            f"the champion of {surface} is at epoch {epoch}, expected {move.expected_epoch}: "
            "somebody else moved it first"
        )
    return Champion(
        surface=surface,
        version=move.version,
        release=move.release,
        epoch=epoch + 1,
        last_good_version=move.last_good_version,
        last_good_release=move.last_good_release,
    )


def _canary(transition: Transition, move: CanaryMove, read: Reader) -> Canary:
    current = read.get(Canary, surface=transition.surface)
    epoch = current.epoch if current else 0
    if epoch != move.expected_epoch:
        raise Conflict(
            f"the canary of {transition.surface} is at epoch {epoch}, expected "
            f"{move.expected_epoch}: somebody else moved it first"
        )
    return Canary(
        surface=transition.surface,
        version=transition.version,
        release=move.release,
        share=move.share,
        epoch=epoch + 1,
        since=transition.at,
    )


def _told(row: LedgerRow, canary: Canary) -> OutboxRow:
    return OutboxRow(
        row.sequence,
        canary.surface,
        canary.version,
        canary.release,
        canary.epoch,
        share=canary.share,
    )
