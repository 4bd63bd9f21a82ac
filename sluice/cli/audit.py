"""`sluice audit`: is the ledger whole, and does everything agree with it?"""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.audit_key import acknowledge_key
from sluice.cli.audit_verify import HEADS, verify
from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_facts, print_json, with_home


@click.group()
def audit() -> None:
    """Check the ledger, and keep it from being changed."""


audit.add_command(acknowledge_key)
audit.add_command(verify)


@audit.command()
@with_home
@HEADS
@click.option(
    "--name-keys",
    is_flag=True,
    help="Say of the keys that are trusted here now that they are yours.",
)
def export(home: Path | None, as_json: bool, heads: Path | None, name_keys: bool) -> None:
    """Write the newest row's hash, signed, outside the database; gates, reviews and moves do it too.

    A folder on another machine also tells when database and home are both put back.

    \b
    Example:
      sluice audit export --heads /mnt/elsewhere/heads
    """
    from sluice.registry.heads import export_head
    from sluice.registry.keys import KeyRing

    settings = settings_at(home)
    store, keys = existing_store(settings), KeyRing(settings.keys)
    folder, at = heads or settings.heads, datetime.now(UTC)
    done = export_head(store, folder, keys, at, name_keys=name_keys)
    facts = {
        "sequence": done.head.sequence,
        "hash": done.head.hash,
        "at": done.at,
        "path": str(done.path),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Head of the ledger", facts.items())


@audit.command()
@with_home
@click.argument("prefix", default="sluice")
def protect(home: Path | None, as_json: bool, prefix: str) -> None:
    """Make five roles on PostgreSQL: PREFIX_trainer, _reviewer, _promoter, _reader and _migrator.

    Only the reviewer's may write what people decide, only the promoter's moves the champion, and
    none but the migrator's, which owns the tables, changes or deletes what happened. Other rights to the
    tables are taken back. Run it as the tables' owner, and again after an upgrade.

    \b
    Example:
      SLUICE_DATABASE_URL=postgresql://owner@db/sluice sluice audit protect
    """
    from sluice.store.roles import protect as make_roles

    granted = make_roles(settings_at(home).database_url, prefix)
    if as_json:
        print_json({"roles": granted})
        return
    for role, rights in granted.items():
        print_facts(f"Rights of {role}", rights.items())
    click.echo(
        f"next: an account for each service, e.g. CREATE ROLE anna LOGIN PASSWORD '…' IN ROLE {prefix}_trainer, "
        "named in its SLUICE_DATABASE_URL; one that trained and promoted until now needs both roles, "
        f"MLflow's app {prefix}_reviewer alone"
    )
