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


def _head(text: str) -> "Head":
    from sluice.store.ledger import Head

    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or not digest:
        raise ConfigError(
            f"--head {text}: write SEQUENCE:HASH as `sluice audit verify` prints it"
        )
    return Head(int(sequence), digest)
