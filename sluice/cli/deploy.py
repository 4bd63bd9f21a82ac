"""`sluice deploy`: the flows of every surface as Prefect deployments, as their files declare them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import declared_surfaces, settings_at
from sluice.cli.output import print_json, print_table, with_home
from sluice.errors import ConfigError

if TYPE_CHECKING:
    from sluice.flows.deployments import Planned
    from sluice.settings import Settings

_API_URL = "PREFECT_API_URL"


@click.command()
@with_home
@click.option("--check", is_flag=True, help="Only say what would change.")
def deploy(home: Path | None, as_json: bool, check: bool) -> None:
    """Write the lifecycle, monitor, parity and canary of every surface to Prefect.

    What is no longer declared is removed; a pause made in Prefect's pages stays. Prefect is the one
    that `sluice up` started, or that PREFECT_API_URL names.

    \b
    Example:
      sluice deploy --check
      sluice deploy
    """
    settings = settings_at(home)
    planned = deploy_all(settings, check=check)
    if as_json:
        print_json(
            {
                "checked_only": check,
                "deployments": [_row(deployment) for deployment in planned],
            }
        )
        return
    head = ("deployment", "would be" if check else "is", "runs at")
    print_table(
        "deployments", head, [tuple(_row(deployment).values()) for deployment in planned]
    )


def deploy_all(settings: "Settings", *, check: bool) -> "tuple[Planned, ...]":
    """Bring Prefect to what the surfaces' files declare, or say what that would take.

    Raises:
        NotFound: no surface has a file.
        ConfigError: there is no Prefect, or it does not take this installation's credential.
    """
    surfaces = declared_surfaces(settings)
    with _prefect(settings):
        from sluice.flows.deployments import deploy as deploy_surfaces

        return deploy_surfaces(surfaces, check=check)


@contextmanager
def _prefect(settings: "Settings") -> Iterator[None]:
    """Before Prefect is imported, which reads its address and the credential then."""
    from sluice.cli.house_addresses import addresses
    from sluice.flows.prefect_api import admitted, ensure_admitted

    address = os.environ.get(_API_URL)
    if not address:
        house = addresses(settings).get("prefect")
        if house is None:
            raise ConfigError(
                f"Cannot deploy because no Prefect runs for {settings.home}; start it with `sluice up`, "
                f"or name one with {_API_URL}"
            )
        address = f"{house.url}/api"
        os.environ[_API_URL] = address
    with admitted(settings, address):
        ensure_admitted(address)
        yield


def _row(planned: "Planned") -> dict[str, str]:
    declared = planned.declared
    times = f"{declared.cron} {declared.timezone}" if declared else "-"
    return {"name": planned.name, "change": planned.change.value, "times": times}
