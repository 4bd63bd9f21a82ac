"""`sluice review rules`: approving by name that a version was judged by laxer rules."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.installation import (
    existing_store,
    panel_of,
    seal_ledger,
    settings_at,
    signatory,
    surface_of,
)
from sluice.cli.output import print_json, with_home
from sluice.cli.review_keys import OWN_KEYS


@click.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
@click.option("--reviewer", required=True, envvar="SLUICE_ACTOR", help="Who decides.")
@click.option("--reason", required=True, help="Why, for the ledger.")
@OWN_KEYS
def rules(
    surface: str, version: int, home: Path | None, as_json: bool,
    reviewer: str, reason: str, keys: Path | None,
) -> None:  # fmt: skip
    """Approve that VERSION of SURFACE was judged by laxer rules than the champion.

    \b
    Example:
      sluice review rules for_you 4 --reviewer demo-reviewer --reason "the margin was never shown"
    """
    from sluice.registry.moves import version_of
    from sluice.registry.rules import approve_rules, laxer_rules

    settings = settings_at(home)
    store, declared = existing_store(settings), surface_of(settings, surface)
    stored, panel = version_of(store, surface, version), panel_of(settings, declared)
    bake = declared.at_least.bake_time
    laxer = laxer_rules(store, stored, panel, bake)
    row = approve_rules(
        store,
        stored,
        by=signatory(settings, reviewer, keys),
        panel=panel,
        bake=bake,
        reason=reason,
        at=datetime.now(UTC),
    )
    seal_ledger(settings, store)
    if as_json:
        print_json(
            {"surface": surface, "version": version, "laxer": laxer, "ledger": row.sequence}
        )
        return
    for label in laxer:
        click.echo(f"  {label}")
    click.echo(f"approved by {row.actor}, ledger row {row.sequence}")
