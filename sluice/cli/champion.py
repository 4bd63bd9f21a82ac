"""`sluice champion`: who serves, who served, and back to the last good one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.champion_baseline import baseline
from sluice.cli.champion_mirror import mirror
from sluice.cli.champion_rollback import rollback
from sluice.cli.installation import existing_store, settings_at, surface_of
from sluice.cli.moment import MOMENT
from sluice.cli.output import print_facts, print_json, print_table, with_home
from sluice.errors import NotFound

if TYPE_CHECKING:
    from sluice.registry.reigns import Reign
    from sluice.store.port import Store


@click.group()
def champion() -> None:
    """Show the champion, its history and what changed, roll back, or serve the baseline."""


champion.add_command(baseline)
champion.add_command(mirror)
champion.add_command(rollback)


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

    from sluice.registry.bake import bakes_until
    from sluice.registry.baseline import served_as_baseline
    from sluice.registry.moves import position_of, version_of
    from sluice.registry.promotion import champion_of
    from sluice.registry.reigns import reigns

    settings = settings_at(home)
    store = existing_store(settings)
    row = champion_of(store, surface)
    if row is None:
        raise NotFound(f"{surface} has no champion; see `sluice review list {surface}`")
    version = version_of(store, surface, row.version)
    bake = surface_of(settings, surface).at_least.bake_time
    until = bakes_until(store, version, bake)
    facts = {
        **asdict(row),
        "since": reigns(store, surface)[-1].since.isoformat(timespec="seconds"),
        "state": str(position_of(store, version).state),
        "bakes_until": until and until.isoformat(timespec="seconds"),
        "baseline": served_as_baseline(store, surface, row.version) is not None,
        "author": version.author,
        "snapshot": version.snapshot,
    }
    if as_json:
        print_json(facts)
    else:
        lines = [(name.replace("_", " "), value) for name, value in facts.items()]
        print_facts(f"Champion of {surface}", lines)


@champion.command()
@click.argument("surface")
@with_home
def history(surface: str, home: Path | None, as_json: bool) -> None:
    """Show every change of champion: who, when, why, on what evidence.

    \b
    Example:
      sluice champion history for_you
    """
    from sluice.registry.promotion import history as moves
    from sluice.registry.reigns import reigns

    store = existing_store(settings_at(home))
    rows = [
        {
            "epoch": row.epoch,
            "version": row.version,
            "action": row.action,
            "actor": row.actor,
            "at": row.at.isoformat(timespec="seconds"),
            "reason": row.reason,
            "release": row.evidence[0],
            "approved_by": list(reign.approved_by),
            "evidence": list(row.evidence[1:]),
        }
        for row, reign in zip(moves(store, surface), reigns(store, surface), strict=True)
    ]
    if as_json:
        print_json({"surface": surface, "history": rows})
        return
    if not rows:
        raise NotFound(
            f"{surface} never had a champion; see `sluice review list {surface}`"
        )
    head = (
        "epoch",
        "version",
        "action",
        "actor",
        "approved by",
        "UTC",
        "reason",
        "release",
    )
    shown = [
        [
            row["epoch"], row["version"], row["action"], row["actor"],
            ", ".join(row["approved_by"]), row["at"][:16].replace("T", " "), row["reason"], row["release"][:12],
        ]
        for row in rows
    ]  # fmt: skip
    print_table(f"Champions of {surface}", head, shown)
    click.echo(
        f"next: sluice champion as-of {surface} TIME, for the evidence of one of them"
    )


@champion.command("as-of")
@click.argument("surface")
@click.argument("time", type=MOMENT)
@with_home
def as_of(surface: str, time: datetime, home: Path | None, as_json: bool) -> None:
    """Show who served SURFACE at TIME (UTC), who decided it, and on what evidence.

    \b
    Example:
      sluice champion as-of for_you 2026-01-12T09:30:00
    """
    from dataclasses import asdict

    from sluice.registry.reigns import reign_at

    moment = time.replace(tzinfo=UTC)
    store = existing_store(settings_at(home))
    waiver = reign_at(store, surface, moment)
    facts = asdict(waiver)
    if as_json:
        print_json({"surface": surface, "at": moment.isoformat(), **facts})
        return
    facts |= {
        "since": waiver.since.isoformat(timespec="seconds"),
        "until": waiver.until.isoformat(timespec="seconds") if waiver.until else "now",
        "approved_by": ", ".join(waiver.approved_by),
        "waived": ", ".join(waiver.waived) or "nothing",
        "evidence": ", ".join(_named(store, waiver)),
    }
    lines = [(name.replace("_", " "), value) for name, value in facts.items()]
    print_facts(f"Champion of {surface} at {moment:%Y-%m-%d %H:%M:%S} UTC", lines)
    click.echo(f"next: sluice gates explain {surface} {waiver.version}")


def _named(store: "Store", reign: "Reign") -> list[str]:
    """What each document of the evidence is, with the head of its digest."""
    from sluice.store.records import Document

    documents = [(digest, store.get(Document, digest=digest)) for digest in reign.evidence]
    return [
        f"{document.kind} {digest[:12]}" if document else f"{digest[:12]} is gone"
        for digest, document in documents
    ]


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

    from sluice.flows.dossier import apart
    from sluice.flows.workplace import open_workplace

    workplace = open_workplace(surface, str(settings_at(home).home))
    changes = [asdict(difference) for difference in apart(workplace, first, second)]
    if as_json:
        print_json(
            {"surface": surface, "first": first, "second": second, "differences": changes}
        )
        return
    if not changes:
        click.echo(f"nothing sets {surface} {first} apart from {surface} {second}")
        return
    rows = [tuple(row.values()) for row in changes]
    head = ("about", "what", f"version {first}", f"version {second}")
    print_table(f"{surface}: version {first} and version {second}", head, rows)
