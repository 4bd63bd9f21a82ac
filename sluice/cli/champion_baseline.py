"""`sluice champion baseline`: the declared baseline in the champion's place, with nothing but the home."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.champion_rollback import tell_serving
from sluice.cli.installation import settings_at
from sluice.cli.output import print_facts, print_json, with_home
from sluice.errors import Refused


@click.command()
@click.argument("surface")
@with_home
@click.option("--reason", required=True, help="Why, for the ledger.")
@click.option("--actor", envvar="SLUICE_ACTOR", required=True, help="Who decides.")
def baseline(
    surface: str, home: Path | None, as_json: bool, reason: str, actor: str
) -> None:
    """Serve the declared baseline of SURFACE; needs neither gates nor review, MLflow nor Prefect.

    It is fitted and packaged over the champion's snapshot. The next promotion goes over it.

    \b
    Example:
      sluice champion baseline for_you --actor oncall --reason "no version ranks well"
    """
    from sluice.flows.baseline import ready_baseline
    from sluice.flows.workplace import open_workplace
    from sluice.registry.baseline import serve_baseline, serves_baseline
    from sluice.registry.champions import champion_of

    settings = settings_at(home)
    if not reason.strip():
        raise Refused(f"serving the baseline of {surface} needs a reason")
    workplace = open_workplace(surface, str(settings.home))
    store = workplace.store
    row = serves_baseline(store, surface)
    moved = row is None
    if row is None:
        version = ready_baseline(workplace)
        row = serve_baseline(
            store, version, actor=actor, reason=reason, at=datetime.now(UTC)
        )
    tell_serving(settings, store, surface)
    serving = champion_of(store, surface)
    facts = {
        "surface": surface,
        "version": row.version,
        "family": workplace.surface.ranker.baseline,
        "release": row.evidence[0],
        "epoch": serving.epoch if serving else None,
        "moved": moved,
    }
    if as_json:
        print_json(facts)
        return
    print_facts(f"{surface} is served by its baseline", facts.items())
    if not moved:
        click.echo("nothing was moved: the baseline serves already")
    click.echo(f"next: sluice champion mirror {surface}, once MLflow is up, tells it too")
