"""`sluice canary`: an approved version serves a share of the people, is judged by clicks, and ends."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import (
    existing_store,
    panel_of,
    settings_at,
    signed_canary,
    surface_of,
)
from sluice.cli.moment import MOMENT
from sluice.cli.output import conclude, print_facts, print_json, print_table, with_home
from sluice.errors import Held, NotFound

if TYPE_CHECKING:
    from sluice.settings import Settings
    from sluice.store.port import Store


@click.group()
def canary() -> None:
    """Let an approved version serve a share of the people before it is promoted."""


@canary.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
@click.option(
    "--share", type=float, required=True, help="Of the people, e.g. 0.05; by a hash."
)
@click.option("--by", "actor", envvar="SLUICE_ACTOR", required=True, help="Who starts it.")
@click.option("--reason", required=True, help="Why, for the ledger.")
def start(
    surface: str,
    version: int,
    home: Path | None,
    as_json: bool,
    share: float,
    actor: str,
    reason: str,
) -> None:
    """Let the approved VERSION of SURFACE serve a share of the people beside the champion.

    It is judged by clicks at the looks that the surface declares, and withdrawn if it is worse.

    \b
    Example:
      sluice canary start for_you 3 --share 0.05 --by ann --reason "new features"
    """
    from sluice.registry import canary as life
    from sluice.registry.moves import position_of, version_of
    from sluice.serving.integrity import ensure_intact

    settings = settings_at(home)
    store, declared = existing_store(settings), surface_of(settings, surface)
    rules = declared.serving.canary
    approved = version_of(store, surface, version)
    if release := position_of(store, approved).release:
        ensure_intact(settings.releases, settings.bentos, surface, release)
    row = life.start(
        store,
        approved,
        share=share,
        declared=rules.model_dump(mode="json"),
        mandatory=declared.gates.mandatory,
        panel=panel_of(settings, declared),
        bake=declared.at_least.bake_time,
        actor=actor,
        reason=reason,
        at=datetime.now(UTC),
    )
    _tell(settings, store)
    looks = rules.look_times(row.at)
    facts = {
        **_facts(store, surface),
        "ledger": row.sequence,
        "first_look": looks[0].isoformat(timespec="seconds"),
        "last_look": looks[-1].isoformat(timespec="seconds"),
    }
    _say(f"Canary of {surface}", facts, as_json=as_json)
    if not as_json:
        click.echo(f"next: sluice canary judge {surface}, or leave it to the schedule")


@canary.command()
@click.argument("surface")
@with_home
@click.option("--by", "actor", envvar="SLUICE_ACTOR", required=True, help="Who stops it.")
@click.option("--reason", required=True, help="Why, for the ledger.")
def stop(surface: str, home: Path | None, as_json: bool, actor: str, reason: str) -> None:
    """End the canary of SURFACE; everybody is served by the champion again.

    \b
    Example:
      sluice canary stop for_you --by ann --reason "seen enough"
    """
    from sluice.registry import canary as life

    settings = settings_at(home)
    store = existing_store(settings)
    row = life.stop(store, surface, actor=actor, reason=reason, at=datetime.now(UTC))
    _tell(settings, store)
    facts = {**_facts(store, surface), "ledger": row.sequence, "reason": row.reason}
    _say(f"The canary of {surface} is ended", facts, as_json=as_json)


@canary.command()
@click.argument("surface")
@with_home
def show(surface: str, home: Path | None, as_json: bool) -> None:
    """Show the canary of SURFACE and every canary that it had.

    \b
    Example:
      sluice canary show for_you
    """
    from sluice.registry.canary import canary_moves

    store = existing_store(settings_at(home))
    facts = _facts(store, surface)
    rows = [
        {
            "action": row.action,
            "version": row.version,
            "actor": row.actor,
            "at": row.at.isoformat(timespec="seconds"),
            "reason": row.reason,
            "release": row.evidence[0],
            "evidence": list(row.evidence[1:]),
        }
        for row in canary_moves(store, surface)
    ]
    if as_json:
        print_json({**facts, "history": rows})
        return
    print_facts(f"Canary of {surface}", facts.items())
    head = ("action", "version", "by", "UTC", "reason")
    print_table(
        "History",
        head,
        [
            (row["action"], row["version"], row["actor"], row["at"][:16], row["reason"])
            for row in rows
        ],
    )


@canary.command()
@click.argument("surface")
@with_home
@click.option("--until", type=MOMENT, help="UTC; now where not given.")
def judge(surface: str, home: Path | None, as_json: bool, until: datetime | None) -> None:
    """Judge the canary of SURFACE by its clicks, at the newest look that is due.

    Exit code 0 where it is not worse than the champion, within the margin; 3 where it is withdrawn,
    or nobody knows yet.

    \b
    Example:
      sluice canary judge for_you
    """
    from sluice.flows.prefect_api import prefect_api
    from sluice.flows.workplace import at_home

    settings = settings_at(home)
    moment = until.replace(tzinfo=UTC) if until else None
    with prefect_api(settings) as await_api:
        await_api()
        # Prefect reads where its API is when it is imported.
        from sluice.flows.canary import canary as judged

        with at_home(settings):
            judgement = judged(surface, moment)
    if as_json:
        print_json(judgement)
    else:
        shown = ("version", "release", "share", "state", "verdict", "reason", "next_look")
        print_facts(f"Canary of {surface}", [(name, judgement[name]) for name in shown])
        _print_comparisons(judgement)
    if judgement["verdict"] not in {"not_worse", "better"}:
        state = judgement["state"].replace("_", " ")
        why = f"the canary of {surface} {state}, {judgement['verdict']}: {judgement['reason']}"
        conclude(Held(why), as_json=as_json)
    if not as_json and judgement["state"] == "stays":
        click.echo(f"next: sluice run promote {surface} --version {judgement['version']}")


def _print_comparisons(figures: dict[str, Any]) -> None:
    head = ("metric", "canary", "champion", "difference", "low", "high")
    rows = [
        [
            comparison["metric"], comparison["canary"], comparison["reference"],
            *(f"{comparison[name]:+.2%}" for name in ("difference", "low", "high")),
        ]
        for comparison in figures.get("comparisons", ())
    ]  # fmt: skip
    if rows:
        print_table("Clicks", head, rows)


def _facts(store: "Store", surface: str) -> dict[str, Any]:
    from sluice.registry.canary import canary_of

    held = canary_of(store, surface)
    if held is None:
        raise NotFound(
            f"{surface} never had a canary; start one with `sluice canary start {surface} VERSION`"
        )
    return {
        "surface": surface,
        "version": held.version,
        "release": held.release,
        "share": held.share,
        "runs": held.runs,
        "epoch": held.epoch,
        "since": held.since.isoformat(timespec="seconds"),
    }


def _tell(settings: "Settings", store: "Store") -> None:
    """The canary pointer, at once; the ledger's head, outside its database."""
    from sluice.registry.heads import export_head
    from sluice.registry.keys import KeyRing
    from sluice.registry.relay import relay_canaries

    relay_canaries(store, [signed_canary(settings, store)])
    export_head(store, settings.heads, KeyRing(settings.keys), datetime.now(UTC))


def _say(title: str, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_facts(title, facts.items())
