"""`sluice audit acknowledge-key`: a reviewer says that a key which no head names is ours."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.approval import Desk
from sluice.cli.installation import seal_ledger, settings_at, signatory
from sluice.cli.output import print_json, with_home
from sluice.cli.review_keys import OWN_KEYS
from sluice.errors import NotFound


@click.command("acknowledge-key")
@click.argument("surface")
@click.argument("key")
@with_home
@click.option(
    "--reviewer", required=True, envvar="SLUICE_ACTOR", help="Who vouches for it."
)
@click.option("--reason", required=True, help="Why no head names it, for the ledger.")
@OWN_KEYS
def acknowledge_key(
    surface: str, key: str, home: Path | None, as_json: bool,
    reviewer: str, reason: str, keys: Path | None,
) -> None:  # fmt: skip
    """Say as a reviewer of SURFACE that signing KEY is ours: the old one was lost or revoked first.

    \b
    Example:
      sluice audit acknowledge-key for_you 3f9c0a --reviewer demo-reviewer --reason "laptop stolen"
    """
    from sluice.registry import new_key
    from sluice.registry.keys import KeyRing

    desk = Desk.open(settings_at(home), surface)
    ring = KeyRing(desk.settings.keys)
    matching = [trusted for trusted in ring.trusted() if key and trusted.id.startswith(key)]
    if len(matching) != 1:
        raise NotFound(f"{len(matching)} trusted keys in {ring.folder} begin with {key!r}")
    row = new_key.acknowledge_key(
        desk.store,
        surface,
        matching[0],
        by=signatory(desk.settings, reviewer, keys),
        panel=desk.panel,
        reason=reason,
        at=datetime.now(UTC),
    )
    seal_ledger(desk.settings, desk.store)
    if as_json:
        print_json({"surface": surface, "key": matching[0].id, "ledger": row.sequence})
        return
    click.echo(
        f"key {matching[0].id[:16]} is ours by {row.actor}, ledger row {row.sequence}"
    )
