"""The canary's life: started by a person, ended by a person, or withdrawn by Sluice itself.

Each move is one transaction with one ledger row and one outbox row. The version stays approved all
the time: a canary is no promotion. Every function may be called again after a crash: what is done
already changes nothing and is answered as the first time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sluice.data.digest import json_digest
from sluice.errors import Conflict, Held, IntegrityError, NotFound, Refused
from sluice.registry.approvals import Panel
from sluice.registry.bake import NO_BAKE
from sluice.registry.moves import named, position_of, version_of
from sluice.registry.promotion import champion_of
from sluice.registry.proof import ensure_promotable, evidence_of
from sluice.registry.rules import ensure_rules
from sluice.registry.states import ensure_allowed
from sluice.store.canary import Canary, CanaryMove
from sluice.store.port import Store
from sluice.store.records import Document, LedgerRow, State, Transition, Version

SLUICE = "sluice"
"""The actor of what nobody decided by hand."""
START, STOP, WITHDRAW = "canary", "canary_stop", "withdraw"
ACTIONS = (START, STOP, WITHDRAW)


def canary_of(store: Store, surface: str) -> Canary | None:
    """The surface's canary, also one that ended."""
    return store.get(Canary, surface=surface)


def canary_moves(store: Store, surface: str) -> tuple[LedgerRow, ...]:
    """Every start and end of a canary of the surface, oldest first."""
    rows = store.find(LedgerRow, surface=surface)
    return tuple(row for row in rows if row.action in ACTIONS)


def start(  # noqa: PLR0913 - as a promotion, and named at the call
    store: Store,
    version: Version,
    *,
    share: float,
    declared: Mapping[str, Any],
    mandatory: Sequence[str],
    actor: str,
    reason: str,
    at: datetime,
    panel: Panel,
    bake: timedelta = NO_BAKE,
) -> LedgerRow:
    """Let an approved version serve a share of the people beside the champion.

    The evidence is read again as for a promotion. What it is compared with, and by which rules, is
    a document that the ledger's row names second, after the release.

    Args:
        store: where it is kept.
        version: the approved version.
        share: of the people, above 0 and below 1.
        declared: the surface's `CanarySpec`, as JSON.
        mandatory: the surface's mandatory gates.
        actor: who starts it.
        reason: why.
        at: when.
        panel: who must have approved it, and whose signatures count.
        bake: how long a promoted version serves before another may follow, as declared now.

    Raises:
        Held: evidence is missing, or it was judged by laxer rules than the champion that nobody
            approved; the message says which.
        Refused: the version is not approved, there is no reason, or the share is none.
        NotFound: the surface has no champion to compare it with.
        Conflict: another canary runs, or this one with another share.
    """
    if not 0 < share < 1 or not reason.strip():
        raise Refused(
            f"a canary of {version.surface} needs a share above 0 and below 1, and a reason"
        )
    current = canary_of(store, version.surface)
    if current and current.runs:
        return _started_before(store, current, version, share)
    position = position_of(store, version)
    ensure_promotable(store, version, mandatory, panel=panel, at=at)
    ensure_rules(store, version, panel, bake)
    if position.state is not State.APPROVED:
        raise Refused(
            f"{named(version)} is {position.state}; a canary needs {State.APPROVED}"
        )
    ensure_allowed(named(version), position.state, position.state)
    release, epoch = position.release or "", current.epoch if current else 0
    terms = store.put(
        Document.of("canary.terms", _terms(store, version, share, declared), at)
    )
    evidence = (release, terms.digest, *evidence_of(store, version))
    return store.transition(
        Transition(
            surface=version.surface,
            version=version.number,
            action=START,
            expected=State.APPROVED,
            after=State.APPROVED,
            actor=actor,
            role="promoter",
            reason=reason,
            idempotency_key=_key(version.surface, epoch),
            at=at,
            evidence=evidence,
            canary=CanaryMove(epoch, release, share),
        )
    )


def stop(store: Store, surface: str, *, actor: str, reason: str, at: datetime) -> LedgerRow:
    """End the canary by hand; one that ended already stays as it is.

    Raises:
        NotFound: the surface never had a canary.
        Refused: no reason is given.
        Conflict: the canary was moved meanwhile.
    """
    if not reason.strip():
        raise Refused(f"stopping the canary of {surface} needs a reason")
    return _end(store, surface, STOP, actor=actor, reason=reason, at=at)


def withdraw(
    store: Store, canary: Canary, *, reason: str, evidence: str, at: datetime
) -> LedgerRow:
    """End the canary because of what was measured; `evidence` is the digest of its document.

    Raises:
        Conflict: the canary was moved since it was judged.
    """
    held = canary_of(store, canary.surface)
    if held and held.runs and held != canary:
        raise Conflict(
            f"the canary of {canary.surface} is at epoch {held.epoch}, judged was {canary.epoch}"
        )
    return _end(
        store,
        canary.surface,
        WITHDRAW,
        actor=SLUICE,
        reason=reason,
        at=at,
        evidence=(evidence,),
    )


def end_superseded(store: Store, surface: str, *, at: datetime) -> LedgerRow | None:
    """End a canary whose champion serves no more: there is nothing left to compare it with.

    Returns:
        The row of its end; None where it goes on, or none runs.
    """
    canary, champion = canary_of(store, surface), champion_of(store, surface)
    if canary is None or not canary.runs or champion is None:
        return None
    against = terms_of(store, canary)["champion"]
    if (champion.release, champion.epoch) == (against["release"], against["epoch"]):
        return None
    reason = (
        f"it was compared with version {against['version']} at epoch {against['epoch']}; "
        f"version {champion.version} serves since"
    )
    return _end(store, surface, STOP, actor=SLUICE, reason=reason, at=at)


def terms_of(store: Store, canary: Canary) -> dict[str, Any]:
    """Share, champion and declared rules of the canary that runs, as its start wrote them down.

    Raises:
        IntegrityError: the ledger's newest start is of another canary, or its document is gone.
    """
    starts = [row for row in canary_moves(store, canary.surface) if row.action == START]
    if not starts or starts[-1].evidence[0] != canary.release:
        raise IntegrityError(
            f"the canary of {canary.surface} is release {canary.release[:12]}, which the ledger "
            "never started"
        )
    document = store.get(Document, digest=starts[-1].evidence[1])
    if document is None or json_digest(document.body) != document.digest:
        raise IntegrityError(
            f"the terms {starts[-1].evidence[1][:12]} of {canary.surface}'s canary are gone or altered"
        )
    return document.body


def _terms(
    store: Store, version: Version, share: float, declared: Mapping[str, Any]
) -> dict[str, Any]:
    champion = champion_of(store, version.surface)
    if champion is None:
        raise NotFound(
            f"{version.surface} has no champion to compare a canary with; promote the version"
        )
    if champion.version == version.number:
        raise Held(f"{named(version)} serves everybody already")
    return {
        "share": share,
        "champion": {
            "version": champion.version,
            "release": champion.release,
            "epoch": champion.epoch,
        },
        "declared": dict(declared),
    }


def _started_before(
    store: Store, current: Canary, version: Version, share: float
) -> LedgerRow:
    if (current.version, current.share) != (version.number, share):
        raise Conflict(
            f"version {current.version} is the canary of {current.surface} with share "
            f"{current.share:g}; end it first with `sluice canary stop {current.surface}`"
        )
    return canary_moves(store, current.surface)[-1]


def _end(  # noqa: PLR0913 - the parts of a ledger row
    store: Store,
    surface: str,
    action: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    evidence: tuple[str, ...] = (),
) -> LedgerRow:
    canary = canary_of(store, surface)
    if canary is None:
        raise NotFound(f"{surface} never had a canary")
    if not canary.runs:
        return canary_moves(store, surface)[-1]
    # It may have been promoted, or refused by a reviewer, since it was started.
    state = position_of(store, version_of(store, surface, canary.version)).state
    return store.transition(
        Transition(
            surface=surface,
            version=canary.version,
            action=action,
            expected=state,
            after=state,
            actor=actor,
            role="canary" if actor == SLUICE else "operator",
            reason=reason,
            idempotency_key=_key(surface, canary.epoch),
            at=at,
            evidence=(canary.release, *evidence),
            canary=CanaryMove(canary.epoch, canary.release, 0.0),
        )
    )


def _key(surface: str, epoch: int) -> str:
    return f"canary:{surface}:{epoch + 1}"
