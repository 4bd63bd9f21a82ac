"""A candidate's way to the reviewers: registered, gated, packaged, replayed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sluice.errors import Refused
from sluice.gates.judgement import Judgement
from sluice.gates.registry import is_on_release
from sluice.registry.moves import move_once, named, position_of
from sluice.registry.proof import evidence_of, record, unproven
from sluice.registry.waivers import reopened
from sluice.store.port import Store
from sluice.store.records import Draft, LedgerRow, Release, State, Transition, Version


def register(store: Store, draft: Draft, *, actor: str, at: datetime) -> Version:
    """Number a trained candidate; the same run again is the same version.

    Raises:
        Conflict: the run is registered with another model: training was not deterministic.
    """
    return store.register(draft, actor=actor, role="trainer", at=at)


def gate(
    store: Store,
    version: Version,
    judgements: Sequence[Judgement],
    *,
    mandatory: Sequence[str],
    actor: str,
    at: datetime,
) -> State:
    """Record what the gates said of the candidate and move it to `gated`, or to `blocked`.

    Args:
        store: where it is kept.
        version: the candidate.
        judgements: of all gates that were asked, the advisory ones too.
        mandatory: the surface's mandatory gates; those that judge the release come in `submit`.
        actor: who ran the gates.
        at: when.

    Returns:
        The state after: `gated` only where every mandatory gate is there and passed or waived.
    """
    for judgement in judgements:
        record(store, version, judgement, at)
    before_release = [name for name in mandatory if not is_on_release(name)]
    reasons = unproven(store, version, before_release, at)
    return _judged(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="gate",
            expected=State.CANDIDATE,
            after=State.GATED,
            actor=actor,
            role="gate",
            reason="every mandatory gate passed or is waived",
            idempotency_key=_key(store, "gate", version),
            at=at,
            evidence=evidence_of(store, version),
        ),
        reasons,
    )


def package(
    store: Store, version: Version, release: str, *, actor: str, at: datetime
) -> LedgerRow:
    """Name the release that was built of a gated version.

    Args:
        store: where it is kept.
        version: the gated version.
        release: digest of the release's bytes.
        actor: who built it.
        at: when.

    Raises:
        Refused: the version is not gated, or is packaged as another release.
        Conflict: the release is another version's.
    """
    position = position_of(store, version)
    if position.release not in {None, release}:
        raise Refused(
            f"{named(version)} is packaged as {position.release}, cannot become {release}"
        )
    if position.release is None and position.state is not State.GATED:
        raise Refused(
            f"{named(version)} is {position.state}; only a gated version is packaged"
        )
    way = State.GATED, State.PACKAGED
    return name_release(store, version, release, way=way, actor=actor, at=at)


def name_release(
    store: Store,
    version: Version,
    release: str,
    *,
    way: tuple[State, State],
    actor: str,
    at: datetime,
) -> LedgerRow:
    """Name the release that was built of a version; again, it changes nothing.

    Args:
        store: where it is kept.
        version: that it was built of.
        release: digest of the release's bytes.
        way: the version's state before and after.
        actor: who built it.
        at: when.

    Raises:
        Conflict: the release is another version's.
    """
    store.put(Release(version.surface, release, version.number, at))
    return move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="package",
            expected=way[0],
            after=way[1],
            actor=actor,
            role="packager",
            reason=f"release {release}",
            idempotency_key=f"package:{version.surface}:{version.number}:{release}",
            at=at,
            evidence=(release,),
            release=release,
        ),
    )


def submit(
    store: Store,
    version: Version,
    judgements: Sequence[Judgement],
    *,
    mandatory: Sequence[str],
    actor: str,
    at: datetime,
) -> State:
    """Record what the gates said of the release and put it before the reviewers, or block it.

    Returns:
        The state after: `in_review` only where every mandatory gate, the earlier ones included,
        is there and passed or waived; else `blocked`.
    """
    for judgement in judgements:
        record(store, version, judgement, at)
    reasons = unproven(store, version, mandatory, at)
    return _judged(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="submit",
            expected=State.PACKAGED,
            after=State.IN_REVIEW,
            actor=actor,
            role="gate",
            reason="every mandatory gate passed or is waived",
            idempotency_key=_key(store, "submit", version),
            at=at,
            evidence=evidence_of(store, version),
        ),
        reasons,
    )


def _key(store: Store, action: str, version: Version) -> str:
    """One for each time that the version was let out of `blocked`; see `sluice.registry.waiving`."""
    again = reopened(store, version)
    key = f"{action}:{version.surface}:{version.number}"
    return f"{key}:{again}" if again else key


def _judged(store: Store, passed: Transition, reasons: Sequence[str]) -> State:
    blocked = replace(passed, after=State.BLOCKED, reason="; ".join(reasons))
    return State(move_once(store, blocked if reasons else passed).after)
