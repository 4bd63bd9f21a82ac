"""`sluice champion mirror`: tell the serving pointer and MLflow again, and mend what was moved."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import settings_at, signed_canary, signed_pointer
from sluice.cli.output import conclude, print_json, show_error, with_home
from sluice.errors import IntegrityError, SluiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.flows.workplace import Workplace

_WATCH_SECONDS = 30.0
"""An alias that was moved behind the store's back is put back within a minute."""


@click.command()
@click.argument("surface")
@with_home
@click.option("--watch", is_flag=True, help="Do it again every 30 s, until Ctrl-C.")
@click.option(
    "--rebuild",
    "anew",
    is_flag=True,
    help="First write every version's run, model and page again: after a deletion in MLflow.",
)
def mirror(surface: str, home: Path | None, as_json: bool, watch: bool, anew: bool) -> None:
    """Tell the serving pointer and MLflow again who serves SURFACE; mends an alias that was moved.

    With --watch it speaks only of what it told or mended, and outlives an MLflow that is down.

    \b
    Example:
      sluice champion mirror for_you
      sluice champion mirror for_you --rebuild
    """
    from sluice.cli.programs import asked_to_stop
    from sluice.flows.workplace import open_workplace

    workplace = open_workplace(surface, str(settings_at(home).home))
    missing = _rebuilt(workplace, as_json=as_json) if anew else {}
    if not watch:
        _say(_mirrored(workplace), as_json=as_json)
        if missing:
            conclude(IntegrityError(_unshown(surface, missing)), as_json=as_json)
        return
    # Never between putting an alias back and writing down that it was.
    with asked_to_stop() as stopping:
        while not stopping.is_set():
            _mirror_again(workplace, as_json=as_json)
            stopping.wait(_WATCH_SECONDS)


def _rebuilt(workplace: "Workplace", *, as_json: bool) -> "Mapping[int, str]":
    from sluice.flows.rebuilding import rebuild

    rebuilt = rebuild(workplace)
    if not as_json:
        click.echo(
            f"versions written again: {', '.join(map(str, rebuilt.versions)) or 'none'}"
        )
    return rebuilt.missing


def _unshown(surface: str, missing: "Mapping[int, str]") -> str:
    reasons = "; ".join(f"version {number}: {why}" for number, why in missing.items())
    return f"MLflow does not show all of {surface} again: {reasons}"


def _mirrored(workplace: "Workplace") -> dict[str, Any]:
    from dataclasses import asdict

    from sluice.flows.dossier import mlflow_mirror
    from sluice.flows.promote import tell, tell_reviews
    from sluice.registry.relay import reconcile, reconcile_canaries
    from sluice.registry.reversion import keep_removal, keep_reversion

    mirrored = tell(workplace)
    settings, store = workplace.settings, workplace.store
    reconcile(store, [signed_pointer(settings, store)])
    reconcile_canaries(store, [signed_canary(settings, store)])
    mlflow, by = (
        mlflow_mirror(workplace),
        {"actor": workplace.actor, "at": datetime.now(UTC)},
    )
    repaired = mlflow.reconcile(store, workplace.name)
    row = keep_reversion(store, workplace.name, repaired, **by)
    removed = mlflow.without_strangers(store, workplace.name)
    keep_removal(store, workplace.name, removed, **by)
    return {
        "surface": workplace.name,
        "told": mirrored,
        "reviews": list(tell_reviews(workplace)),
        "ledger": row.sequence if row else None,
        "mended": repaired.mended,
        "removed": [str(stranger) for stranger in removed],
        **asdict(repaired),
    }


def _mirror_again(workplace: "Workplace", *, as_json: bool) -> None:
    try:
        done = _mirrored(workplace)
    except SluiceError as error:
        show_error(error, machine=as_json)
        return
    if done["told"] or done["mended"] or done["reviews"] or done["removed"]:
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
    if done["ledger"]:
        click.echo(
            f"moved by {done['seen'] or 'nobody that was seen'}; ledger row {done['ledger']}"
        )
    for stranger in done["removed"]:
        click.echo(f"taken from the candidates in MLflow: {stranger}")
    if done["reviews"]:
        versions = ", ".join(str(label) for label in done["reviews"])
        click.echo(
            f"MLflow says of version {versions} again what the ledger says of its review"
        )
