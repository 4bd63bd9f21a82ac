"""What is remembered of what somebody did in MLflow behind the store's back: a row of the ledger."""

from collections.abc import Sequence
from datetime import datetime

from sluice.registry.mirror import MirroredChampion, Reconciled
from sluice.registry.mlflow_strangers import Stranger
from sluice.registry.moves import position_of, version_of
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Transition, Version


def keep_reversion(
    store: Store, surface: str, reconciled: Reconciled, *, actor: str, at: datetime
) -> LedgerRow | None:
    """Write down that the alias was put back, and whom MLflow saw moving it.

    One that was only late, because MLflow was down, is none of anybody's doing and leaves no row.
    The version stays where it is: this is no move of the machine.
    """
    expected = reconciled.expected
    if not reconciled.moved or expected is None or expected.version is None:
        return None
    version = version_of(store, surface, expected.version)
    state = position_of(store, version).state
    return store.transition(
        Transition(
            surface=surface,
            version=version.number,
            action="revert",
            expected=state,
            after=state,
            actor=actor,
            role="mirror",
            reason=_told(reconciled.found, reconciled.seen),
            idempotency_key=f"revert:{surface}:{expected.epoch}:{at.isoformat()}",
            at=at,
            evidence=(expected.release or "",),
        )
    )


def keep_removal(
    store: Store, surface: str, removed: Sequence[Stranger], *, actor: str, at: datetime
) -> LedgerRow | None:
    """Write down which versions of others were taken from the candidates; None where none was.

    The row is of the surface's newest version, which it does not move.
    """
    versions = store.find(Version, surface=surface)
    if not removed or not versions:
        return None
    version = versions[-1]
    position = position_of(store, version)
    return store.transition(
        Transition(
            surface=surface,
            version=version.number,
            action="revert",
            expected=position.state,
            after=position.state,
            actor=actor,
            role="mirror",
            reason=f"taken from MLflow: {'; '.join(map(str, removed))}",
            idempotency_key=f"revert:{surface}:strangers:{at.isoformat()}",
            at=at,
        )
    )


def _told(mirrored_champion: MirroredChampion | None, seen: str | None) -> str:
    if mirrored_champion is None:
        change = "was gone"
    elif mirrored_champion.version is None:
        change = "stood on a version that Sluice did not make"
    else:
        change = f"said version {mirrored_champion.version}, release {mirrored_champion.release}, epoch {mirrored_champion.epoch}"
    who = seen or "nobody was seen doing it: not through MLflow with accounts"
    return f"MLflow's alias {change} and was put back; {who}"
