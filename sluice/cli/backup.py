"""`sluice backup` and `sluice restore`: a copy of an installation, and an installation from a copy."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import conclude, print_facts, print_json, with_home
from sluice.errors import IntegrityError, UserError

if TYPE_CHECKING:
    from sluice.backup.manifest import Manifest
    from sluice.settings import Settings

_MIB = 1 << 20


@click.command()
@with_home
@click.argument("target", type=click.Path(path_type=Path))
def backup(home: Path | None, as_json: bool, target: Path) -> None:
    """Copy the installation to a new folder, or to one new file that ends in .tar, while it is written.

    The copy holds the private keys: keep it where only you read it. Surface files, and reviewers'
    keys that lie outside the home, are not in it.

    \b
    Example:
      sluice backup /mnt/elsewhere/2026-11-27.tar
    """
    from sluice.backup.taking import take

    began = time.monotonic()
    settings = settings_at(home)
    with existing_store(settings) as store:
        taken = take(settings, store, target)
    facts = _facts(taken.manifest) | {"seconds": round(time.monotonic() - began, 1)}
    outside = _outside(settings)
    if as_json:
        print_json({"target": str(target), **facts, "not_in_it": outside})
        return
    print_facts(f"Backup {target}", facts.items())
    for what in outside:
        click.echo(f"not in it: {what}")
    click.echo(f"next: sluice restore {target} --home NEW, to try it")


@click.command()
@with_home
@click.argument("backup", type=click.Path(path_type=Path))
def restore(home: Path | None, as_json: bool, backup: Path) -> None:
    """Make a new --home from a backup, every byte of which is compared, and verify it as an audit does.

    It prints how much may be missing (RPO: the moment of the copy) and how long it took (RTO). The
    exit code is 5 where a byte is wrong, or the restored installation does not pass its audit.

    \b
    Example:
      sluice restore /mnt/elsewhere/2026-11-27.tar --home /srv/sluice
    """
    from sluice.backup.restoring import restore as put_back

    if home is None:
        raise UserError("Cannot restore because no place is named; add --home NEW")
    began = time.monotonic()
    _ensure_embedded(home)
    manifest = put_back(backup, home.resolve())
    settings = settings_at(home)
    problems, covers = _audited(settings, manifest)
    seconds = round(time.monotonic() - began, 1)
    facts = {
        "home": str(settings.home),
        "RPO": f"{manifest.moment.isoformat(timespec='seconds')}: what came later is not in it",
        "RTO": f"{seconds} s",
        **_facts(manifest),
    }
    if as_json:
        print_json(
            {**facts, "rto_seconds": seconds, "problems": problems, "covers": covers}
        )
    else:
        print_facts(f"Restored {backup}", facts.items())
        for problem in problems:
            click.echo(f"  {click.style('✗', fg='red')} {problem}")
        looked = "; ".join(f"{count} {what}" for what, count in covers.items())
        click.echo(f"looked at: {looked or 'nothing, for nothing was decided yet'}")
    if problems:
        wrong = f"{len(problems)} problems in {settings.home}, as in `sluice audit verify`"
        conclude(IntegrityError(wrong), as_json=as_json)


def _facts(manifest: "Manifest") -> dict[str, object]:
    return {
        "moment": manifest.moment.isoformat(timespec="milliseconds"),
        "ledger": manifest.ledger,
        "files": len(manifest.entries),
        "MiB": round(manifest.size / _MIB, 1),
        "manifest": manifest.digest,
    }


def _outside(settings: "Settings") -> list[str]:
    """What belongs to the installation and lies elsewhere."""
    places = {"surface files": settings.surfaces, "reviewers' keys": settings.review_keys}
    return [
        f"{what} in {place}"
        for what, place in places.items()
        if not place.is_relative_to(settings.home)
    ]


def _ensure_embedded(home: Path) -> None:
    import os

    from sluice.settings import load_settings

    if not load_settings(os.environ, home).embedded:
        raise UserError(
            "Cannot restore because SLUICE_DATABASE_URL names another store than the one in the backup; "
            "unset it"
        )


def _audited(
    settings: "Settings", manifest: "Manifest"
) -> tuple[list[str], dict[str, int]]:
    """What an audit of the restored home says, and whether its ledger is the one that was copied."""
    if not settings.database.is_file():
        return [], {}
    from sluice.cli.audit_seen import look

    seen = look(settings)
    other = [] if seen.head == manifest.ledger else [f"its ledger ends at {seen.head}"]
    return [*other, *seen.problems], seen.covers
