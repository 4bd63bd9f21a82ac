"""The promote flow: the approved version becomes champion, and every mirror hears of it."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.errors import Held, IntegrityError, SluiceError
from sluice.flows.dossier import evaluation_of, mlflow_mirror, publish
from sluice.flows.package import served
from sluice.flows.reporting import step
from sluice.flows.serving_room import ask_serving
from sluice.flows.workplace import Workplace, now, open_workplace
from sluice.registry import promotion
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.bake import bakes_until
from sluice.registry.baseline import served_as_baseline
from sluice.registry.canary import end_superseded
from sluice.registry.canary_pointer import CanaryReceiver
from sluice.registry.heads import export_head
from sluice.registry.keys import KeyRing
from sluice.registry.moves import made, named, position_of, version_of
from sluice.registry.pointer import PointerReceiver
from sluice.registry.relay import relay, relay_canaries
from sluice.store.records import LedgerRow, OutboxRow, Position, State, Version


def approved_version(workplace: Workplace) -> int:
    """The newest approved version, or else the one whose promotion was cut short untold.

    Raises:
        Held: none is approved; the message says what waits for a reviewer.
    """
    positions = workplace.store.find(Position, surface=workplace.name)
    approved = [
        position.version for position in positions if position.state is State.APPROVED
    ]
    if approved:
        return max(approved)
    untold = workplace.store.find(
        OutboxRow, surface=workplace.name, delivered=False, share=None
    )
    if untold:
        return untold[-1].version
    waiting = [
        str(position.version) for position in positions if position.state is State.IN_REVIEW
    ]
    hint = (
        f"waiting for a reviewer: {', '.join(waiting)}; see `sluice review list {workplace.name}`"
        if waiting
        else "and none waits for a reviewer"
    )
    raise Held(f"no version of {workplace.name} is approved, {hint}")


def move(workplace: Workplace, number: int) -> LedgerRow:
    """Make the version champion in one transaction."""
    version = version_of(workplace.store, workplace.name, number)
    key = f"promote:{workplace.name}:{number}"
    if not made(workplace.store, key):
        ensure_intact(workplace, version)
    judged = evaluation_of(workplace, version)["champion"]
    return promotion.promote(
        workplace.store,
        version,
        mandatory=workplace.surface.gates.mandatory,
        panel=workplace.panel,
        bake=workplace.surface.at_least.bake_time,
        judged_against=judged["release"] if judged else None,
        actor=workplace.actor,
        at=now(),
        idempotency_key=key,
    )


def ensure_intact(workplace: Workplace, version: Version) -> None:
    """Let a version pass whose release and Bento are, byte for byte, what was packaged.

    Raises:
        IntegrityError: they are not; nothing was moved.
    """
    release = position_of(workplace.store, version).release
    if release is None:
        return  # without one it is held by what speaks for it, which says more
    try:
        ask_serving(workplace, "intact", served(workplace, release))
    except SluiceError as error:
        raise IntegrityError(
            f"{named(version)} cannot serve, for its release is not what was approved: {error}"
        ) from error


def baking(workplace: Workplace, version: Version) -> str | None:
    """Until when the version has to serve before it is confirmed; None for one that has."""
    until = bakes_until(workplace.store, version, workplace.surface.at_least.bake_time)
    return until and until.isoformat(timespec="seconds")


def tell(workplace: Workplace) -> int:
    """Carry every move that is still in the outbox: champions' to their pointer and MLflow, canaries' to theirs.

    A canary that was compared with a champion which serves no more is ended first.
    """
    end_superseded(workplace.store, workplace.name, at=now())
    _publish_baselines(workplace)
    outcomes = tell_canaries(workplace)
    receivers = (signed_pointer(workplace), mlflow_mirror(workplace))
    return outcomes + len(relay(workplace.store, receivers))


def _publish_baselines(workplace: Workplace) -> None:
    """Show MLflow the baselines that came to serve without it: its alias needs a version to stand on."""
    store, surface = workplace.store, workplace.name
    for row in store.find(OutboxRow, surface=surface, delivered=False, share=None):
        if served_as_baseline(store, surface, row.version):
            publish(workplace, version_of(store, surface, row.version))


def tell_canaries(workplace: Workplace) -> int:
    """Carry every canary move that is still in the outbox to the canary pointer; needs no MLflow."""
    receiver = SignedPointer(
        _signer(workplace), CanaryReceiver(workplace.settings.pointers), "canary pointer"
    )
    return len(relay_canaries(workplace.store, (receiver,)))


def tell_reviews(workplace: Workplace) -> tuple[int, ...]:
    """Let MLflow say what reviewers decided; returns the versions of which it said something else."""
    needs = workplace.surface.at_least.approvers
    return mlflow_mirror(workplace).reviewed(workplace.store, workplace.name, needs)


def signed_pointer(workplace: Workplace) -> SignedPointer:
    """The receiver that signs a release before servers are pointed to it."""
    return SignedPointer(_signer(workplace), PointerReceiver(workplace.settings.pointers))


def _signer(workplace: Workplace) -> Signer:
    settings, keys = workplace.settings, KeyRing(workplace.settings.keys)
    return Signer(workplace.store, settings.releases, settings.signatures, keys, now())


def export(workplace: Workplace) -> str:
    """Keep the ledger's signed head outside the database; returns its hash."""
    settings = workplace.settings
    keys = KeyRing(settings.keys)
    return export_head(workplace.store, settings.heads, keys, now()).head.hash


@flow(name="promote", flow_run_name="{surface}")
def promote(surface: str, version: int | None = None) -> dict[str, Any]:
    """Promote the approved version, or the one that is named; returns version, release and epoch."""
    workplace = open_workplace(surface)
    number = approved_version(workplace) if version is None else version
    with step("promotion"):
        row = task(name="move", cache_policy=NO_CACHE)(move)(workplace, number)
        task(name="export", cache_policy=NO_CACHE)(export)(workplace)
        task(name="tell", cache_policy=NO_CACHE)(tell)(workplace)
        tell_reviews(workplace)
    until = baking(workplace, version_of(workplace.store, surface, row.version))
    return {
        "version": row.version,
        "release": row.evidence[0],
        "epoch": row.epoch,
        "ledger": row.sequence,
        "state": row.after,
        "bakes_until": until,
    }
