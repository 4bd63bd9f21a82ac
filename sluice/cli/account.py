"""`sluice review account`: who may sign in to MLflow's pages."""

from pathlib import Path

import click

from sluice.cli.installation import accounts_of, settings_at, surface_of
from sluice.cli.output import print_json, with_home


@click.command()
@click.argument("name")
@with_home
def account(name: str, home: Path | None, as_json: bool) -> None:
    """Make NAME an account of MLflow's pages, or give it a new password.

    The password is generated and shown this once. What the account may do follows from its name:
    the surfaces declare their reviewers, SLUICE_PROMOTER is the promoter's.

    \b
    Example:
      sluice review account rita
    """
    settings = settings_at(home)
    accounts = accounts_of(settings)
    declared = [surface_of(settings, each) for each in accounts.surfaces]
    reviewed = [each.name for each in declared if name in each.review.reviewers]
    password = accounts.make(name)
    if as_json:
        print_json({"account": name, "password": password, "reviews": reviewed})
        return
    click.echo(f"{name} signs in with {password}")
    click.echo(f"reviews: {', '.join(reviewed) or 'no surface, as none declares it'}")
