"""`sluice champion rollback`: back to a version that has served, with nothing but the home."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import (
    existing_store,
    settings_at,
    signed_canary,
    signed_pointer,
)
from sluice.cli.output import print_facts, print_json, with_home
from sluice.errors import IntegrityError, NotFound, SluiceError

if TYPE_CHECKING:
    from sluice.registry.rollback import Predecessor
    from sluice.settings import Settings
    from sluice.store.port import Store


@click.command()
@click.argument("surface")
@with_home
@click.option("--reason", required=True, help="Why, for the ledger.")
@click.option("--actor", envvar="SLUICE_ACTOR", required=True, help="Who rolls back.")
@click.option(
    "--to",
    "version",
    type=int,
    help="Any version that has served; else the last that served well, else the last that served.",
)
def rollback(
    surface: str,
    home: Path | None,
    as_json: bool,
    reason: str,
    actor: str,
    version: int | None,
) -> None:
    """Put a version of SURFACE that has served back; needs neither MLflow nor Prefect nor a network.

    \b
    Example:
      sluice champion rollback for_you --actor oncall --reason "clicks fell by half"
      sluice champion rollback for_you --to 3 --actor oncall --reason "clicks fell by half"
    """
    from sluice.registry.champions import champion_of
    from sluice.registry.rollback import rollback as move
    from sluice.registry.rollback import way_back

    settings = settings_at(home)
    store = existing_store(settings)
    before = champion_of(store, surface)
    if before is None:
        raise NotFound(f"{surface} has no champion to roll back")
    target = way_back(store, before, version)
    if target is not None:
        _ensure_intact(settings, surface, target)
    at = datetime.now(UTC)
    row = move(store, surface, actor=actor, reason=reason, at=at, to=version)
    tell_serving(settings, store, surface)
    serving = champion_of(store, surface)
    facts = {
        "surface": surface,
        "version": serving.version if serving else None,
        "release": row.evidence[0],
        "epoch": row.epoch,
        "moved": target is not None,
    }
    if as_json:
        print_json(facts)
        return
    print_facts(f"{surface} is rolled back", facts.items())
    if target is None:
        click.echo(
            "nothing was moved: the last move was a rollback; to go on, name --to VERSION"
        )
    click.echo(f"next: sluice champion mirror {surface}, once MLflow is up, tells it too")


def _ensure_intact(settings: "Settings", surface: str, target: "Predecessor") -> None:
    """Refuse to point servers at bytes that they would not take: nothing would serve at all."""
    from sluice.serving.integrity import ensure_intact

    try:
        ensure_intact(settings.releases, settings.bentos, surface, target.release)
    except SluiceError as error:
        raise IntegrityError(
            f"version {target.version} of {surface} cannot serve again: {error}; name another version "
            f"that has served with --to, see `sluice champion history {surface}`"
        ) from error


def tell_serving(settings: "Settings", store: "Store", surface: str) -> None:
    """Point servers to the champion, end a canary that it leaves behind, and export the head."""
    from sluice.registry.canary import end_superseded
    from sluice.registry.heads import export_head
    from sluice.registry.keys import KeyRing
    from sluice.registry.relay import reconcile, relay_canaries

    # The serving pointer at once; MLflow's alias follows with the outbox, when it can be reached.
    reconcile(store, [signed_pointer(settings, store)])
    # After it, so that nothing of a canary stands in the way of going back.
    end_superseded(store, surface, at=datetime.now(UTC))
    relay_canaries(store, [signed_canary(settings, store)])
    export_head(store, settings.heads, KeyRing(settings.keys), datetime.now(UTC))
