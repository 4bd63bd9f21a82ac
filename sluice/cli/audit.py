"""`sluice audit`: is the ledger whole, and does everything agree with it?"""

from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.audit_verify import HEADS, verify
from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_facts, print_json, with_home


@click.group()
def audit() -> None:
    """Check the ledger, and keep it from being changed."""


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
    from registry.heads import export_head
    from registry.keys import KeyRing

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
@click.argument("role")
def protect(home: Path | None, as_json: bool, role: str) -> None:
    """Make ROLE on PostgreSQL, which may promote and cannot change or delete the ledger.

    Run it as the database's owner, and again after an upgrade; let everybody else connect as ROLE.

    \b
    Example:
      SLUICE_DATABASE_URL=postgresql://owner@db/sluice sluice audit protect sluice_app
    """
    from sluice.store.roles import protect_ledger

    granted = protect_ledger(settings_at(home).database_url, role)
    if as_json:
        print_json({"role": role, "granted": granted})
        return
    print_facts(
        f"Rights of {role}",
        [(table, ", ".join(rights)) for table, rights in granted.items()],
    )
    click.echo(
        f"next: ALTER ROLE {role} LOGIN PASSWORD '…', and name it in SLUICE_DATABASE_URL"
    )
