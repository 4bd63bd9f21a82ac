"""`sluice audit`: is the ledger whole, and does everything agree with it?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import conclude, print_facts, print_json, with_home
from sluice.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from sluice.store.ledger import Head


@click.group()
def audit() -> None:
    """Check the ledger, and keep it from being changed."""


_HEADS = click.option(
    "--heads",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the heads lie; HOME/audit/heads where not said.",
)


@audit.command()
@with_home
@_HEADS
def export(home: Path | None, as_json: bool, heads: Path | None) -> None:
    """Write the newest row's hash, signed, outside the database; every promotion does it too.

    A folder on another machine also tells when database and home are both put back.

    \b
    Example:
      sluice audit export --heads /mnt/elsewhere/heads
    """
    from registry.heads import export_head
    from registry.keys import KeyRing

    settings = settings_at(home)
    store, keys = existing_store(settings), KeyRing(settings.keys)
    done = export_head(store, heads or settings.heads, keys, datetime.now(UTC))
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
@_HEADS
@click.option(
    "--head", help="SEQUENCE:HASH noted earlier, to be found as well as those exported."
)
def verify(home: Path | None, as_json: bool, heads: Path | None, head: str | None) -> None:
    """Verify the hash chain against every exported head, the champion and the serving pointer.

    \b
    Example:
      sluice audit verify
    """
    from registry.audit import audit as check
    from registry.heads import read_heads
    from registry.keys import KeyRing
    from registry.review_keys import ReviewKeys
    from sluice.store.records import LedgerRow

    settings = settings_at(home)
    store = existing_store(settings)
    keys = KeyRing(settings.keys)
    exported, unread = read_heads(heads or settings.heads, keys.known())
    expected = [each.head for each in exported]
    noted = [_head(head)] if head else []
    disagreeing = check(
        store,
        pointers=settings.pointers,
        heads=expected + noted,
        keys=keys,
        reviews=ReviewKeys(settings.review_keys, with_revoked=True),
    )
    problems = [*unread, *disagreeing]
    rows = store.find(LedgerRow)
    newest = f"{rows[-1].sequence}:{rows[-1].hash}" if rows else None
    if as_json:
        facts = {"rows": len(rows), "head": newest, "exported_heads": len(exported)}
        print_json({**facts, "problems": problems})
    else:
        for problem in problems:
            click.echo(f"  {click.style('✗', fg='red')} {problem}")
        click.echo(
            f"{len(rows)} ledger rows, {len(exported)} exported heads, {len(problems)} problems, "
            f"head {newest}"
        )
    if problems:
        found = IntegrityError(f"{len(problems)} problems in the ledger of {settings.home}")
        conclude(found, as_json=as_json)


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


def _head(text: str) -> "Head":
    from sluice.store.ledger import Head

    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or not digest:
        raise ConfigError(
            f"--head {text}: write SEQUENCE:HASH as `sluice audit verify` prints it"
        )
    return Head(int(sequence), digest)
