"""`sluice review`: what waits for a reviewer, and the decision."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sluice.cli.account import account
from sluice.cli.approval import Approval, Desk, give
from sluice.cli.installation import (
    existing_store,
    panel_of,
    seal_ledger,
    settings_at,
    signatory,
    surface_of,
    tell_reviews,
)
from sluice.cli.output import NONE, print_json, print_table, with_home
from sluice.cli.review_keys import OWN_KEYS, keygen, listed, revoke, trust
from sluice.cli.review_rules import rules


@click.group()
def review() -> None:
    """List, read, approve or reject candidates."""


for _command in (account, keygen, listed, trust, revoke, rules):
    review.add_command(_command)


@review.command("list")
@click.argument("surface")
@with_home
def list_waiting(surface: str, home: Path | None, as_json: bool) -> None:
    """Show the versions of SURFACE that wait for a reviewer.

    \b
    Example:
      sluice review list for_you
    """
    from sluice.registry.moves import position_of
    from sluice.registry.review import review_queue

    settings = settings_at(home)
    store = existing_store(settings)
    surface_of(settings, surface)  # nothing waits on a surface that there is not
    rows = [
        {
            "version": snapshot.number,
            "author": snapshot.author,
            "trained": snapshot.created_at.isoformat(timespec="seconds"),
            "release": position_of(store, snapshot).release,
        }
        for snapshot in review_queue(store, surface)
    ]
    if as_json:
        print_json({"surface": surface, "waiting": rows})
    elif rows:
        print_table(
            f"{surface}: waiting for a reviewer", list(rows[0]), [r.values() for r in rows]
        )
    else:
        click.echo(f"nothing of {surface} waits for a reviewer")


@review.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
def show(surface: str, version: int, home: Path | None, as_json: bool) -> None:
    """Show the evidence for VERSION of SURFACE.

    \b
    Example:
      sluice review show for_you 1
    """
    from sluice.flows.dossier import gather
    from sluice.flows.workplace import open_workplace
    from sluice.registry.evidence import approve_command, gate_rows, headline, metric_rows
    from sluice.registry.moves import position_of, version_of
    from sluice.registry.review_tags import REVIEWED, review_tags
    from sluice.store.records import State

    settings = settings_at(home)
    workplace = open_workplace(surface, str(settings.home))
    store, stored = workplace.store, version_of(workplace.store, surface, version)
    evidence = gather(workplace, stored)
    page = workplace.settings.evidence / surface / f"{version}.html"
    state = position_of(store, stored).state
    needs = workplace.surface.at_least.approvers
    decided = review_tags(store, stored, needs).get(REVIEWED)
    if as_json:
        print_json(_as_json(evidence, page) | {"state": state, "decided": decided})
        return
    click.echo(f"{surface} {version} is {state.replace('_', ' ')}: {headline(evidence)}")
    print_table(
        "Gates",
        ("gate", "verdict", "why"),
        [(row["gate"], row["outcome"], row["reason"]) for row in gate_rows(evidence)],
    )
    rows = metric_rows(evidence)
    names = list(evidence.metrics)
    print_table(
        "Metrics",
        ("metric", *names),
        [(r["metric"], *(r["values"][n] for n in names)) for r in rows],
    )
    click.echo(f"release {evidence.release or NONE}\nthe whole evidence: {page}")
    click.echo(decided or f"nobody has decided yet; people who have to approve: {needs}")
    if state == State.IN_REVIEW and (command := approve_command(evidence)):
        click.echo(f"next: {command}")
    elif state == State.APPROVED:
        click.echo(f"next: sluice run promote {surface} --version {version}")
    elif state == State.BLOCKED:
        click.echo(f"next: sluice gates explain {surface} {version} --why-not")


def _as_json(evidence: Any, page: Path) -> dict[str, Any]:
    from sluice.registry.evidence import gate_rows, headline

    return {
        "surface": evidence.surface,
        "version": evidence.version,
        "author": evidence.author,
        "headline": headline(evidence),
        "release": evidence.release,
        "metrics": evidence.metrics,
        "gates": gate_rows(evidence),
        "page": str(page),
    }


@review.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
@click.option("--reviewer", required=True, envvar="SLUICE_ACTOR", help="Who decides.")
@click.option("--digest", required=True, help="Of the release that the reviewer has seen.")
@click.option("--reason", default="", help="Why, for the ledger.")
@OWN_KEYS
def approve(
    surface: str, version: int, home: Path | None, as_json: bool,
    reviewer: str, digest: str, reason: str, keys: Path | None,
) -> None:  # fmt: skip
    """Approve the release of VERSION of SURFACE; never by its author.

    \b
    Example:
      sluice review approve for_you 1 --reviewer demo-reviewer --digest 3f2a...
    """
    from sluice.registry.approvals import counted_approvals
    from sluice.registry.moves import version_of
    from sluice.store.records import State

    settings = settings_at(home)
    desk = Desk.open(settings, surface)
    row = give(desk, Approval(surface, version, reviewer, digest, reason), keys)
    store, declared = desk.store, desk.declared
    stored = version_of(store, surface, version)
    counted = counted_approvals(store, stored, digest, desk.panel).counted
    actors = [approval.actor for approval in counted]
    untold = tell_reviews(settings, store, declared)
    _said(row, untold, as_json=as_json, approved_by=actors)
    if as_json:
        return
    if row.after == State.APPROVED:
        click.echo(f"next: sluice run promote {surface} --version {version}")
    else:
        needs = declared.at_least.approvers
        click.echo(f"{len(actors)} of {needs} people approved it: {', '.join(actors)}")
        click.echo(
            f"next: {needs - len(actors)} more of {', '.join(declared.review.reviewers)}"
        )


@review.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
@click.option("--reviewer", required=True, envvar="SLUICE_ACTOR", help="Who decides.")
@click.option("--reason", required=True, help="Why, for the author and the ledger.")
@OWN_KEYS
def reject(
    surface: str, version: int, home: Path | None, as_json: bool,
    reviewer: str, reason: str, keys: Path | None,
) -> None:  # fmt: skip
    """Reject VERSION of SURFACE.

    \b
    Example:
      sluice review reject for_you 1 --reviewer demo-reviewer --reason "stale catalogue"
    """
    from sluice.registry import review as decisions
    from sluice.registry.moves import version_of

    settings = settings_at(home)
    store, declared = existing_store(settings), surface_of(settings, surface)
    row = decisions.reject(
        store,
        version_of(store, surface, version),
        by=signatory(settings, reviewer, keys),
        panel=panel_of(settings, declared),
        reason=reason,
        at=datetime.now(UTC),
    )
    seal_ledger(settings, store)
    _said(row, tell_reviews(settings, store, declared), as_json=as_json)


def _said(row: Any, untold: str | None, *, as_json: bool, **more: Any) -> None:
    """The decision, which stands in the ledger whether MLflow's page shows it already or not."""
    if as_json:
        facts = {
            "state": row.after,
            "ledger": row.sequence,
            "mlflow": untold or "told",
            **more,
        }
        print_json({"surface": row.surface, "version": row.version, **facts})
        return
    click.echo(
        f"{row.surface} {row.version} is {row.after} by {row.actor}, ledger row {row.sequence}"
    )
    if untold:
        click.echo(
            f"MLflow does not show it yet ({untold}); later: sluice champion mirror {row.surface}"
        )
