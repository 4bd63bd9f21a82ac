"""`sluice champion`: who serves, who served, and back to the last good one."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import existing_store, settings_at, signed_pointer
from sluice.cli.output import print_facts, print_json, print_table, show_error, with_home
from sluice.errors import NotFound, SluiceError

if TYPE_CHECKING:
    from flows.workplace import Workplace

TIMES = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
_WATCH_SECONDS = 30.0
"""An alias that was moved behind the store's back is put back within a minute."""


@click.group()
def champion() -> None:
    """Show the champion, its history and what changed, or roll back."""


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


@champion.command("as-of")
@click.argument("surface")
@click.argument("time", type=click.DateTime(TIMES))
@with_home
def as_of(surface: str, time: datetime, home: Path | None, as_json: bool) -> None:
    """Show who served SURFACE at TIME (UTC), who decided it, and on what evidence.

    \b
    Example:
      sluice champion as-of for_you 2026-01-12T09:30:00
    """
    from dataclasses import asdict

    from registry.reigns import reign_at

    moment = time.replace(tzinfo=UTC)
    found = reign_at(existing_store(settings_at(home)), surface, moment)
    facts = asdict(found)
    if as_json:
        print_json({"surface": surface, "at": moment.isoformat(), **facts})
    else:
        print_facts(
            f"Champion of {surface} at {moment:%Y-%m-%d %H:%M:%S} UTC", facts.items()
        )


@champion.command()
@click.argument("surface")
@click.argument("first", type=int)
@click.argument("second", type=int)
@with_home
def diff(surface: str, first: int, second: int, home: Path | None, as_json: bool) -> None:
    """Show what sets version FIRST of SURFACE apart from version SECOND.

    \b
    Example:
      sluice champion diff for_you 1 2
    """
    from dataclasses import asdict

    from flows.dossier import apart
    from flows.workplace import open_workplace

    workplace = open_workplace(surface, str(settings_at(home).home))
    found = [asdict(each) for each in apart(workplace, first, second)]
    if as_json:
        print_json(
            {"surface": surface, "first": first, "second": second, "differences": found}
        )
        return
    rows = [tuple(row.values()) for row in found]
    head = ("about", "what", f"version {first}", f"version {second}")
    print_table(f"{surface}: version {first} and version {second}", head, rows)


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
    from registry.heads import export_head
    from registry.keys import KeyRing
    from registry.promotion import champion_of
    from registry.promotion import rollback as move
    from registry.relay import reconcile

    settings = settings_at(home)
    store = existing_store(settings)
    row = move(store, surface, actor=actor, reason=reason, at=datetime.now(UTC))
    # The serving pointer at once; MLflow's alias follows with the outbox, when it can be reached.
    reconcile(store, [signed_pointer(settings, store)])
    export_head(store, settings.heads, KeyRing(settings.keys), datetime.now(UTC))
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
@click.option("--watch", is_flag=True, help="Do it again every 30 s, until Ctrl-C.")
def mirror(surface: str, home: Path | None, as_json: bool, watch: bool) -> None:
    """Tell the serving pointer and MLflow again who serves SURFACE; mends an alias that was moved.

    With --watch it speaks only of what it told or mended, and outlives an MLflow that is down.

    \b
    Example:
      sluice champion mirror for_you
    """
    from flows.workplace import open_workplace
    from sluice.cli.programs import until_stopped

    workplace = open_workplace(surface, str(settings_at(home).home))
    if not watch:
        _say(_mirrored(workplace), as_json=as_json)
        return
    with until_stopped():
        while True:
            _mirror_again(workplace, as_json=as_json)
            time.sleep(_WATCH_SECONDS)


def _mirrored(workplace: "Workplace") -> dict[str, Any]:
    from dataclasses import asdict

    from flows.dossier import mlflow_mirror
    from flows.promote import tell
    from registry.relay import reconcile

    told = tell(workplace)
    reconcile(workplace.store, [signed_pointer(workplace.settings, workplace.store)])
    found = mlflow_mirror(workplace).reconcile(workplace.store, workplace.name)
    return {
        "surface": workplace.name,
        "told": told,
        "mended": found.mended,
        **asdict(found),
    }


def _mirror_again(workplace: "Workplace", *, as_json: bool) -> None:
    try:
        done = _mirrored(workplace)
    except SluiceError as error:
        show_error(error, machine=as_json)
        return
    if done["told"] or done["mended"]:
        _say(done, as_json=as_json)


def _say(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    click.echo(f"{done['told']} moves told to the serving pointer and MLflow")
    if done["mended"]:
        click.echo(
            f"MLflow's alias said {done['found']}, and is put back to {done['expected']}"
        )
