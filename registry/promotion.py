"""Promotion: the whole way from a trained candidate to the champion and back, one step a function.

Each step is one transaction. Every function may be called again with the same arguments, after a
crash too: it then changes nothing and answers as the first time. Gates, reviewers and limits come
as arguments, from the surface's declaration.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sluice.errors import Held
from sluice.registry.approvals import Panel
from sluice.registry.bake import NO_BAKE, ensure_baked, ensure_may_follow
from sluice.registry.candidacy import gate, package, register, submit
from sluice.registry.champions import champion_of, history
from sluice.registry.moves import made, move_once, named, position_of, version_of
from sluice.registry.proof import ensure_promotable, evidence_of
from sluice.registry.review import approve, reject, review_queue
from sluice.registry.rollback import rollback
from sluice.registry.rules import ensure_rules, rules_document
from sluice.registry.waiving import waive
from sluice.store.port import Store
from sluice.store.records import (
    Champion,
    LedgerRow,
    PointerMove,
    Position,
    State,
    Transition,
    Version,
)

__all__ = [
    "approve",
    "champion_of",
    "confirm",
    "gate",
    "history",
    "package",
    "promote",
    "register",
    "reject",
    "review_queue",
    "rollback",
    "submit",
    "waive",
]


def promote(  # noqa: PLR0913 - a promotion has that many parts, and each is named at the call
    store: Store,
    version: Version,
    *,
    mandatory: Sequence[str],
    judged_against: str | None,
    actor: str,
    at: datetime,
    idempotency_key: str,
    panel: Panel,
    bake: timedelta = NO_BAKE,
) -> LedgerRow:
    """Make an approved version the provisional champion.

    The evidence is read again: every mandatory verdict or its waiver, the release, and its approval
    by people other than the author. The champion so far retires and is remembered as last good.

    Args:
        store: where it is kept.
        version: the approved version.
        mandatory: the surface's mandatory gates.
        judged_against: release of the champion that the candidate was compared with; None where
            there was none.
        actor: who promotes.
        at: when.
        idempotency_key: of this promotion.
        panel: who must have approved it, and whose signatures count.
        bake: how long the champion so far must have served, if it is still provisional.

    Raises:
        Held: evidence is missing, or was gathered against another champion, or that one bakes; the
            message says which.
        Refused: the version is not approved.
        Conflict: the champion was moved meanwhile; judge the candidate against the new one.
    """
    champion = champion_of(store, version.surface)
    if not made(store, idempotency_key):
        ensure_promotable(store, version, mandatory, panel=panel, at=at)
        ensure_rules(store, version, panel, bake)
        _ensure_judged_against(version, champion, judged_against)
        ensure_may_follow(store, champion, bake, at)
    before = _serving(store, champion)
    release = position_of(store, version).release or ""
    rules = store.put(rules_document(panel, bake, at))
    return move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="promote",
            expected=State.APPROVED,
            after=State.CHAMPION_PROVISIONAL,
            actor=actor,
            role="promoter",
            reason=f"after version {champion.version}" if champion else "first champion",
            idempotency_key=idempotency_key,
            at=at,
            evidence=(release, *evidence_of(store, version), rules.digest),
            pointer=_succession(champion, before, version.number, release),
            also=((before.version, before.state, State.RETIRED),) if before else (),
        ),
    )


def confirm(
    store: Store,
    version: Version,
    *,
    actor: str,
    reason: str,
    at: datetime,
    bake: timedelta = NO_BAKE,
) -> LedgerRow:
    """Make the provisional champion the champion, after its bake.

    Raises:
        Held: it bakes.
        Refused: the version is not the provisional champion.
    """
    ensure_baked(store, version, bake, at)
    return move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="confirm",
            expected=State.CHAMPION_PROVISIONAL,
            after=State.CHAMPION,
            actor=actor,
            role="promoter",
            reason=reason,
            idempotency_key=f"confirm:{version.surface}:{version.number}",
            at=at,
            evidence=(position_of(store, version).release or "",),
        ),
    )


def _ensure_judged_against(
    version: Version, champion: Champion | None, judged: str | None
) -> None:
    serving = champion.release if champion else None
    if judged != serving:
        raise Held(
            f"{named(version)} was judged against {_known(judged)}, but {_known(serving)} serves now; "
            "a version of a newer snapshot is judged against it: run the lifecycle when the log has grown"
        )


def _known(release: str | None) -> str:
    return f"release {release[:12]}" if release else "no champion"


def _serving(store: Store, champion: Champion | None) -> Position | None:
    if champion is None:
        return None
    return position_of(store, version_of(store, champion.surface, champion.version))


def _succession(
    champion: Champion | None, before: Position | None, version: int, release: str
) -> PointerMove:
    if champion is None or before is None:
        return PointerMove(0, version, release, None, None)
    if before.state is State.CHAMPION:
        return PointerMove(
            champion.epoch, version, release, champion.version, champion.release
        )
    good, good_release = champion.last_good_version, champion.last_good_release
    return PointerMove(champion.epoch, version, release, good, good_release)
