"""`sluice gates`: why the gates let a version on or held it, and a waiver for one of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import (
    existing_store,
    panel_of,
    seal_ledger,
    settings_at,
    signatory,
    surface_of,
)
from sluice.cli.moment import MOMENT
from sluice.cli.output import print_json, print_line, with_home
from sluice.cli.review_keys import OWN_KEYS

if TYPE_CHECKING:
    from sluice.registry.explanation import Explanation


@click.group()
def gates() -> None:
    """Explain what the gates said, or waive one."""


@gates.command()
@click.argument("surface")
@click.argument("version", type=int)
@click.option("--why-not", is_flag=True, help="Say what would have to change for a pass.")
@with_home
def explain(
    surface: str, version: int, home: Path | None, as_json: bool, why_not: bool
) -> None:
    """Show each gate's verdict on VERSION of SURFACE, with the figures it rests on.

    \b
    Example:
      sluice gates explain for_you 3 --why-not
    """
    from sluice.registry.explanation import explain as explained
    from sluice.registry.moves import position_of, version_of

    settings = settings_at(home)
    store, declared = existing_store(settings), surface_of(settings, surface)
    row = version_of(store, surface, version)
    state = position_of(store, row).state
    rows = explained(store, row, declared.gates.mandatory, datetime.now(UTC))
    if as_json:
        print_json(_as_json(surface, version, state, rows))
        return
    holding = [
        row.gate for row in rows if row.holds and row.gate in declared.gates.mandatory
    ]
    held = f"held by {', '.join(holding)}" if holding else "no gate holds it"
    print_line(f"{surface} {version} is {state}: {held}", style="bold")
    for row in rows:
        _show(row, why_not=why_not)
    if why_not and not holding:
        click.echo(
            "\nnothing would have to change: every mandatory gate passed or is waived"
        )
    if why_not and holding:
        click.echo(
            "\na verdict stands: a newer snapshot or a changed declaration makes another version, which is "
            f"judged anew\nnext: sluice run lifecycle {surface}"
        )
    if holding and not why_not:
        click.echo(f"\nnext: sluice gates explain {surface} {version} --why-not")


def _show(explanation: "Explanation", *, why_not: bool) -> None:
    click.echo()
    print_line(
        f"{explanation.gate}: {explanation.outcome}. {explanation.question}", style="bold"
    )
    print_line(explanation.reason)
    if explanation.waiver:
        print_line(_waiver(explanation), style="yellow")
    width = max((len(name) for name, _ in explanation.figures), default=0)
    for name, value in explanation.figures:
        click.echo(f"  {name:<{width}}  {value}")
    if why_not:
        for change in explanation.changes:
            print_line(f"to pass: {change}", style="yellow")


def _waiver(explanation: "Explanation") -> str:
    if explanation.waiver is None:
        return ""
    verb = "had ended" if explanation.holds else "ends"
    return (
        f"waived by {explanation.waiver.actor}, {verb} {explanation.waiver.until.isoformat(timespec='minutes')}: "
        f"{explanation.waiver.reason}"
    )


def _as_json(
    surface: str, version: int, state: str, rows: "tuple[Explanation, ...]"
) -> dict[str, object]:
    return {
        "surface": surface,
        "version": version,
        "state": state,
        "gates": [
            {
                "gate": row.gate,
                "outcome": row.outcome,
                "holds": row.holds,
                "question": row.question,
                "reason": row.reason,
                "figures": dict(row.figures),
                "to_pass": list(row.changes),
                "waiver": _waiver(row) or None,
            }
            for row in rows
        ],
    }


@gates.command()
@click.argument("surface")
@click.argument("version", type=int)
@click.argument("gate")
@click.option("--actor", required=True, envvar="SLUICE_ACTOR",
              help="Who answers for it: a reviewer, never the author.")  # fmt: skip
@click.option("--reason", required=True, help="Why, for the ledger.")
@click.option("--until", required=True, type=MOMENT,
              help="UTC end, at most 30 days away; promotion reads it again.")  # fmt: skip
@OWN_KEYS
@with_home
def waive(
    surface: str, version: int, gate: str, home: Path | None, as_json: bool,
    actor: str, reason: str, until: datetime, keys: Path | None,
) -> None:  # fmt: skip
    """Let VERSION of SURFACE on though GATE did not pass; never for data, leakage or replay.

    \b
    Example:
      sluice gates waive for_you 3 slices --actor demo-reviewer --until 2026-06-01 --reason "night traffic is new"
    """
    from sluice.registry.moves import version_of
    from sluice.registry.waiving import waive as waived

    settings = settings_at(home)
    store, declared = existing_store(settings), surface_of(settings, surface)
    stored = version_of(store, surface, version)
    row = waived(
        store,
        stored,
        gate,
        by=signatory(settings, actor, keys),
        panel=panel_of(settings, declared),
        reason=reason,
        until=until.replace(tzinfo=UTC),
        at=datetime.now(UTC),
    )
    seal_ledger(settings, store)
    if as_json:
        print_json({"surface": surface, "version": version, "gate": gate, "state": row.after, "ledger": row.sequence})  # fmt: skip
        return
    click.echo(
        f"{gate} is waived for {surface} {version} by {row.actor}, ledger row {row.sequence}"
    )
    if row.before == "blocked":
        steps = {
            "candidate": f"retrain {surface} --snapshot {stored.snapshot}",
            "packaged": f"package {surface} --version {version}",
        }
        click.echo(f"next: sluice run {steps[row.after]}")
