"""`sluice audit`: is the ledger whole, and does everything agree with it?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.output import conclude, print_json, with_home
from sluice.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from sluice.store.ledger import Head


@click.group()
def audit() -> None:
    """Check the ledger."""


@audit.command()
@with_home
@click.option(
    "--head", help="SEQUENCE:HASH noted earlier; finds a ledger that was cut or put back."
)
def verify(home: Path | None, as_json: bool, head: str | None) -> None:
    """Verify the hash chain, and that champion and serving pointer agree with it.

    \b
    Example:
      sluice audit verify
    """
    from registry.audit import audit as check
    from sluice.cli.installation import existing_store, settings_at
    from sluice.store.records import LedgerRow

    settings = settings_at(home)
    store = existing_store(settings)
    problems = check(
        store, pointers=settings.pointers, expected=_head(head) if head else None
    )
    rows = store.find(LedgerRow)
    newest = f"{rows[-1].sequence}:{rows[-1].hash}" if rows else None
    if as_json:
        print_json({"rows": len(rows), "head": newest, "problems": list(problems)})
    else:
        for problem in problems:
            click.echo(f"  {click.style('✗', fg='red')} {problem}")
        click.echo(f"{len(rows)} ledger rows, {len(problems)} problems, head {newest}")
    if problems:
        found = IntegrityError(f"{len(problems)} problems in the ledger of {settings.home}")
        conclude(found, as_json=as_json)


def _head(text: str) -> "Head":
    from sluice.store.ledger import Head

    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or not digest:
        raise ConfigError(
            f"--head {text}: write SEQUENCE:HASH as `sluice audit verify` prints it"
        )
    return Head(int(sequence), digest)
