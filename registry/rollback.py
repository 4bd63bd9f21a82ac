"""Back to a version that has served: no gate and no review, for it passed them when it was promoted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.errors import Held, NotFound, Refused
from sluice.registry.champions import champion_of, history
from sluice.registry.moves import move_once, position_of, version_of
from sluice.store.port import Store
from sluice.store.records import (
    Champion,
    LedgerRow,
    PointerMove,
    Position,
    Release,
    State,
    Transition,
)


@dataclass(frozen=True)
class Predecessor:
    """A version that was champion before."""

    version: int
    release: str
    state: State
    confirmed: bool
    """Whether it was confirmed at any time and so served well, or is a baseline, which needs no bake."""


def predecessors(store: Store, surface: str) -> tuple[Predecessor, ...]:
    """Every version that has served but the one that serves, the last to serve first."""
    champion = champion_of(store, surface)
    releases = [row.evidence[0] for row in reversed(history(store, surface))]
    confirmed = {
        row.version
        for action in ("confirm", "baseline")
        for row in store.find(LedgerRow, surface=surface, action=action)
    }
    served = {}
    for digest in dict.fromkeys(releases):
        release = store.get(Release, surface=surface, digest=digest)
        if release and (champion is None or release.version != champion.version):
            stands = position_of(store, version_of(store, surface, release.version)).state
            well = release.version in confirmed
            served[release.version] = Predecessor(release.version, digest, stands, well)
    return tuple(served.values())


def way_back(store: Store, champion: Champion, to: int | None = None) -> Predecessor | None:
    """Where a rollback goes; None where the last move was one and nothing else is named.

    Args:
        store: where it is kept.
        champion: who serves.
        to: the version to go back to; None for the last that served well, or else the last that
            served and was not rolled back.

    Raises:
        Held: nothing else has served, or not the version that is named.
        Refused: the version that is named serves already.
    """
    served = predecessors(store, champion.surface)
    if to is not None:
        return _named(champion, served, to)
    if history(store, champion.surface)[-1].action == "rollback":
        return None  # asked again: there is one last good version, not a row of them
    ready = [row for row in served if row.state is State.RETIRED]
    for candidate in ready:
        if candidate.version == champion.last_good_version:
            return candidate
    best = next((row for row in ready if row.confirmed), None) or next(iter(ready), None)
    if best is None:
        raise Held(
            f"no version of {champion.surface} but {champion.version} has served and was not rolled "
            f"back, so there is nothing to roll back to; {_choice(served)}"
        )
    return best


def rollback(
    store: Store,
    surface: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    to: int | None = None,
) -> LedgerRow:
    """Put a version that has served back in the champion's place; it needs neither gates nor review.

    One that was never confirmed comes back as provisional. Called again without `to` it changes
    nothing.

    Args:
        store: where it is kept.
        surface: whose champion is to go.
        actor: who rolls back.
        reason: why.
        at: when.
        to: the version to go back to; see `way_back`.

    Raises:
        NotFound: the surface has no champion.
        Held: no such version has served.
        Refused: no reason is given, or the version serves already.
        Conflict: the champion was moved meanwhile.
    """
    champion = champion_of(store, surface)
    if champion is None:
        raise NotFound(f"{surface} has no champion to roll back")
    if not reason.strip():
        raise Refused(f"rolling back {surface} needs a reason")
    target = way_back(store, champion, to)
    if target is None:
        return history(store, surface)[-1]
    bad = position_of(store, version_of(store, surface, champion.version))
    return move_once(store, _move(champion, bad, target, actor=actor, reason=reason, at=at))


def _move(
    champion: Champion,
    bad: Position,
    target: Predecessor,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> Transition:
    after = State.CHAMPION if target.confirmed else State.CHAMPION_PROVISIONAL
    return Transition(
        surface=champion.surface,
        version=champion.version,
        action="rollback",
        expected=bad.state,
        after=State.ROLLED_BACK,
        actor=actor,
        role="operator",
        reason=reason,
        idempotency_key=f"rollback:{champion.surface}:{champion.epoch}",
        at=at,
        evidence=(target.release,),
        pointer=PointerMove(champion.epoch, target.version, target.release, None, None),
        also=((target.version, target.state, after),),
    )


def _named(champion: Champion, served: Sequence[Predecessor], to: int) -> Predecessor:
    if to == champion.version:
        raise Refused(f"version {to} of {champion.surface} serves already")
    for row in served:
        if row.version == to:
            return row
    raise Held(
        f"version {to} of {champion.surface} has never served, so nothing is rolled back to it; "
        f"{_choice(served)}"
    )


def _choice(served: Sequence[Predecessor]) -> str:
    versions = ", ".join(str(row.version) for row in served)
    return (
        f"name one of those that have served with --to: {versions}"
        if served
        else ("promote another version")
    )
