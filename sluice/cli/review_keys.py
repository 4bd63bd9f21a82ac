"""`sluice review keygen`, `keys`, `trust` and `revoke`: what reviewers sign with."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_facts, print_json, print_table, with_home

_FOLDER = click.Path(file_okay=False, path_type=Path)
OWN_KEYS = click.option(
    "--keys",
    type=_FOLDER,
    envvar="SLUICE_OWN_KEYS",
    help="Folder of the key to sign with; among the installation's review keys where not said.",
)
_REVIEWER = click.option(
    "--reviewer", required=True, envvar="SLUICE_ACTOR", help="Whose key it is."
)


@click.command()
@with_home
@_REVIEWER
@click.option("--keys", type=_FOLDER, help="Where to make it; nobody trusts it there yet.")
@click.option("--rotate", is_flag=True, help="Put a new key in the place of the old one.")
def keygen(
    home: Path | None, as_json: bool, reviewer: str, keys: Path | None, rotate: bool
) -> None:
    """Make the key that a reviewer signs decisions with.

    Among the installation's review keys it is trusted at once, and only who owns that folder can
    make one there. In a folder of the reviewer's own it is trusted by `sluice review trust`.

    \b
    Example:
      sluice review keygen --reviewer rita --keys ~/.sluice-keys
    """
    from sluice.registry.keys import NAME_DIGITS, KeyRing
    from sluice.registry.review_keys import ReviewKeys

    own = ReviewKeys(settings_at(home).review_keys).ring_of(reviewer)
    ring = KeyRing(keys, own.command) if keys else own
    key = ring.generate(rotate=rotate)
    public = ring.folder / "trusted" / f"{key.id[:NAME_DIGITS]}.pub"
    facts = {
        "reviewer": reviewer,
        "key": key.id,
        "private": str(ring.private),
        "public": str(public),
    }
    if as_json:
        print_json(facts)
        return
    print_facts("New review key", facts.items())
    if keys:
        click.echo(
            f"next, by who owns the installation: sluice review trust {reviewer} {public}"
        )


@click.command()
@click.argument("reviewer")
@click.argument("public", type=click.Path(dir_okay=False, path_type=Path))
@with_home
def trust(reviewer: str, public: Path, home: Path | None, as_json: bool) -> None:
    """Let decisions of REVIEWER that the key PUBLIC signed count.

    \b
    Example:
      sluice review trust rita rita.pub
    """
    from sluice.registry.review_keys import ReviewKeys

    keys = ReviewKeys(settings_at(home).review_keys)
    key = keys.trust(reviewer, public)
    facts = {
        "reviewer": reviewer,
        "key": key.id,
        "trusted": len(keys.ring_of(reviewer).trusted()),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Trusted review key", facts.items())


@click.command("keys")
@with_home
def listed(home: Path | None, as_json: bool) -> None:
    """List the keys whose reviews count, those of MLflow's app and of each reviewer.

    \b
    Example:
      sluice review keys
    """
    from sluice.registry.review_keys import ReviewKeys

    keys = ReviewKeys(settings_at(home).review_keys)
    rings = {"(MLflow's app)": keys.app_ring, **keys.rings()}
    rows = [
        {
            "reviewer": name,
            "key": key.id,
            "standing": "revoked" if key.id in revoked else "trusted",
        }
        for name, ring in rings.items()
        for revoked in (ring.revoked(),)
        for key in ring.known()
    ]
    if as_json:
        print_json({"folder": str(keys.folder), "keys": rows})
    else:
        columns = ("reviewer", "key", "standing")
        print_table(
            f"Review keys in {keys.folder}", columns, [row.values() for row in rows]
        )


@click.command()
@click.argument("reviewer")
@click.argument("key")
@with_home
@click.option("--reason", required=True, help="Why; it stays in the list.")
def revoke(reviewer: str, key: str, home: Path | None, as_json: bool, reason: str) -> None:
    """Let nothing that KEY of REVIEWER signed count any longer; what waits is decided again.

    \b
    Example:
      sluice review revoke rita 3f9c0a --reason "the laptop was stolen"
    """
    from sluice.registry.review_keys import ReviewKeys

    ring = ReviewKeys(settings_at(home).review_keys).ring_of(reviewer)
    facts = asdict(ring.revoke(key, at=datetime.now(UTC), reason=reason))
    if as_json:
        print_json(facts)
    else:
        print_facts("Revoked", facts.items())
