"""`sluice champion`: who serves, who served, and back to the last good one."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_facts, print_json, print_table, with_home
from sluice.errors import NotFound


@click.group()
def champion() -> None:
    """Show the champion and its history, or roll back."""


@champion.command()
@click.argument("surface")
@with_home
def show(surface: str, home: Path | None, as_json: bool) -> None:
    """Show who serves SURFACE.

    \b
    Example:
      sluice champion show for_you
    """
    from dataclasses import asdict

    from registry.moves import position_of, version_of
    from registry.promotion import champion_of

    store = existing_store(settings_at(home))
    found = champion_of(store, surface)
    if found is None:
        raise NotFound(f"{surface} has no champion; see `sluice review list {surface}`")
    version = version_of(store, surface, found.version)
    facts = {
        **asdict(found),
        "state": str(position_of(store, version).state),
        "author": version.author,
        "snapshot": version.snapshot,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(f"Champion of {surface}", facts.items())


@champion.command()
@click.argument("surface")
@with_home
def history(surface: str, home: Path | None, as_json: bool) -> None:
    """Show every change of champion: who, when, why, on what evidence.

    \b
    Example:
      sluice champion history for_you
    """
    from registry.promotion import history as moves

    rows = [
        {
            "epoch": row.epoch,
            "version": row.version,
            "action": row.action,
            "actor": row.actor,
            "at": row.at.isoformat(timespec="seconds"),
            "reason": row.reason,
            "release": row.evidence[0],
            "evidence": list(row.evidence[1:]),
        }
        for row in moves(existing_store(settings_at(home)), surface)
    ]
    if as_json:
        print_json({"surface": surface, "history": rows})
        return
    head = ("epoch", "version", "action", "actor", "at", "reason", "release")
    shown = [
        [row[name] if name != "release" else row[name][:12] for name in head]
        for row in rows
    ]
    print_table(f"Champions of {surface}", head, shown)


@champion.command()
@click.argument("surface")
@with_home
@click.option("--reason", required=True, help="Why, for the ledger.")
@click.option("--actor", envvar="SLUICE_ACTOR", required=True, help="Who rolls back.")
def rollback(
    surface: str, home: Path | None, as_json: bool, reason: str, actor: str
) -> None:
    """Put the last good version of SURFACE back; needs neither MLflow nor Prefect nor a network.

    \b
    Example:
      sluice champion rollback for_you --actor oncall --reason "clicks fell by half"
    """
    from registry.pointer import PointerReceiver
    from registry.promotion import champion_of
    from registry.promotion import rollback as move
    from registry.relay import reconcile

    settings = settings_at(home)
    store = existing_store(settings)
    row = move(store, surface, actor=actor, reason=reason, at=datetime.now(UTC))
    # The serving pointer at once; MLflow's alias follows with the outbox, when it can be reached.
    reconcile(store, [PointerReceiver(settings.pointers)])
    found = champion_of(store, surface)
    facts = {
        "surface": surface,
        "version": found.version if found else None,
        "release": row.evidence[0],
        "epoch": row.epoch,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(f"{surface} is rolled back", facts.items())
        click.echo(
            f"next: sluice champion mirror {surface}, once MLflow is up, tells it too"
        )


@champion.command()
@click.argument("surface")
@with_home
def mirror(surface: str, home: Path | None, as_json: bool) -> None:
    """Tell the serving pointer and MLflow again who serves SURFACE; mends an alias that was moved.

    \b
    Example:
      sluice champion mirror for_you
    """
    from dataclasses import asdict

    from flows.dossier import mlflow_mirror
    from flows.promote import tell
    from flows.workplace import open_workplace
    from registry.pointer import PointerReceiver
    from registry.relay import reconcile

    workplace = open_workplace(surface, str(settings_at(home).home))
    told = tell(workplace)
    reconcile(workplace.store, [PointerReceiver(workplace.settings.pointers)])
    found = mlflow_mirror(workplace).reconcile(workplace.store, surface)
    if as_json:
        print_json(
            {"surface": surface, "told": told, "mended": found.mended, **asdict(found)}
        )
        return
    click.echo(f"{told} moves told to the serving pointer and MLflow")
    if found.mended:
        click.echo(
            f"MLflow's alias said {found.found}, and is put back to {found.expected}"
        )
