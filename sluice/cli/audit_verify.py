"""`sluice audit verify`: is the ledger whole, and does everything agree with it?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.audit_seen import Noted, Seen, look
from sluice.cli.installation import settings_at
from sluice.cli.output import conclude, print_json, with_home
from sluice.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from sluice.registry.heads import Exported
    from sluice.registry.keys import KeyRing

UNSEEN = (
    "an old copy of everything put back together (database, home and heads), and what was written "
    "by who holds the signing key. Only a head that is kept elsewhere tells: `sluice audit export "
    "--heads ELSEWHERE`, and later `sluice audit verify --head ELSEWHERE/FILE`"
)
"""What nobody can see from inside an installation."""

HEADS = click.option(
    "--heads",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the heads lie; HOME/audit/heads where not said.",
)


@click.command()
@with_home
@HEADS
@click.option(
    "--head",
    help="SEQUENCE:HASH noted earlier, or the FILE of a head kept elsewhere: must be in the ledger too.",
)
@click.option("--quick", is_flag=True, help="The chain and its heads alone.")
def verify(
    home: Path | None, as_json: bool, heads: Path | None, head: str | None, quick: bool
) -> None:
    """Verify the ledger, every record that it vouches for, releases, signatures, pointers and keys.

    It says what it looked at, what nothing vouches for, and what nobody can see from inside.

    \b
    Example:
      sluice audit verify
      sluice audit verify --head /mnt/elsewhere/heads/000000012-3f9c0a1b2c3d4e5f.json
    """
    from sluice.registry.keys import KeyRing

    settings = settings_at(home)
    noted = _noted(head, KeyRing(settings.keys)) if head else None
    seen = look(settings, heads=heads, noted=noted, quick=quick)
    _say(seen, as_json=as_json)
    if seen.problems:
        wrong = f"{len(seen.problems)} problems in the ledger of {settings.home}"
        conclude(IntegrityError(wrong), as_json=as_json)


def _noted(text: str, keys: "KeyRing") -> "Exported | Noted":
    from sluice.registry.heads import read_head
    from sluice.store.ledger import Head

    path = Path(text)
    if path.is_file():
        return read_head(path, keys.known())
    sequence, _, digest = text.partition(":")
    if not sequence.isdigit() or not digest:
        raise ConfigError(
            f"--head {text}: write SEQUENCE:HASH as `sluice audit verify` prints it, or name the file "
            "of an exported head"
        )
    return Noted(Head(int(sequence), digest))


def _say(seen: Seen, *, as_json: bool) -> None:
    if as_json:
        rows, heads = seen.covers["ledger rows"], seen.covers["exported heads"]
        facts = {"rows": rows, "exported_heads": heads}
        parts = {**asdict(seen), "unseen": UNSEEN}
        print_json({**facts, **parts})
        return
    for problem in seen.problems:
        click.echo(f"  {click.style('✗', fg='red')} {problem}")
    for notice in seen.notices:
        click.echo(f"  {click.style('!', fg='yellow')} {notice}")
    click.echo(
        f"{seen.covers['ledger rows']} ledger rows, {seen.covers['exported heads']} exported heads, "
        f"{len(seen.problems)} problems, head {seen.head}"
    )
    click.echo(f"looked at: {_counted(seen.covers)}")
    click.echo(f"not covered: {_counted(seen.uncovered) or 'all but the chain (--quick)'}")
    click.echo(f"nobody can see from inside: {UNSEEN}")


def _counted(counts: dict[str, int]) -> str:
    return "; ".join(f"{count} {what}" for what, count in counts.items())
