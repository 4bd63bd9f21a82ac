"""`sluice review account`: who may sign in to MLflow's pages."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import accounts_of, seal_ledger, settings_at, surface_of
from sluice.cli.output import print_json, with_home

if TYPE_CHECKING:
    from sluice.registry.account_holds import Account
    from sluice.settings import Settings


@click.command()
@click.argument("name")
@with_home
def account(name: str, home: Path | None, as_json: bool) -> None:
    """Make NAME an account of MLflow's pages, or give it a new password.

    The password is generated and shown this once. A new one for an account that reviews is a ledger
    row, and the account decides nothing for the time that the surface declares. What the account may do follows from its name:
    the surfaces declare their reviewers, SLUICE_PROMOTER is the promoter's.

    \b
    Example:
      sluice review account rita
    """
    from sluice.registry.account_holds import Account

    settings = settings_at(home)
    accounts = accounts_of(settings)
    declared = [surface_of(settings, name) for name in accounts.surfaces]
    reviewed = [column.name for column in declared if name in column.review.reviewers]
    before = accounts.mark(name)
    password = accounts.make(name)
    if before and reviewed:
        _tell_ledger(settings, Account(name, accounts.mark(name) or ""), reviewed)
    if as_json:
        print_json({"account": name, "password": password, "reviews": reviewed})
        return
    click.echo(f"{name} signs in with {password}")
    click.echo(f"reviews: {', '.join(reviewed) or 'no surface, as none declares it'}")


def _tell_ledger(settings: "Settings", account: "Account", surfaces: "list[str]") -> None:
    from sluice.registry.account_holds import note_reset
    from sluice.store import open_store
    from sluice.store.os_user import os_user

    with open_store(settings.database_url) as store:
        note_reset(store, account, surfaces, by=os_user(), at=datetime.now(UTC))
        seal_ledger(settings, store)
