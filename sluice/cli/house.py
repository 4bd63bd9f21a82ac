"""`sluice up`, `down` and `status`: every server of an installation, as one house."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.house_addresses import (
    addresses,
    forget_addresses,
    write_addresses,
)
from sluice.cli.installation import declared_surfaces, settings_at
from sluice.cli.output import print_json, print_line, print_table, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import NotFound, SluiceError

if TYPE_CHECKING:
    from sluice.cli.programs import Program
    from sluice.cli.supervision import Supervisor
    from sluice.settings import Settings

_READY_SECONDS = 180.0
_POLL_SECONDS = 0.2


@click.command()
@with_home
@click.option(
    "--no-auth", is_flag=True, help="MLflow lets everybody in, and takes no reviews."
)
def up(home: Path | None, as_json: bool, no_auth: bool) -> None:
    """Start MLflow, Prefect with a worker, Evidently, and a service for every surface.

    What dies is started again. The flows of every surface are deployed, so Prefect runs them at
    their times. Run it again after a change of the surfaces; `sluice down` stops all of it.

    \b
    Example:
      sluice new surface for_you
      sluice up
      sluice status
    """
    from sluice.cli.house_servers import has_work
    from sluice.cli.supervision import ensure_installed

    ensure_installed()
    settings = settings_at(home)
    surfaces = [surface.name for surface in declared_surfaces(settings)]
    supervisor = _supervisor(settings)
    programs = _programs(settings, surfaces, auth=not no_auth)
    _prepare(settings)
    steps = Quiet() if as_json else Steps(2)
    began = time.monotonic()
    with steps.step("servers"):
        supervisor.start(programs, _environ(settings))
        working = [program for program in programs if has_work(settings, program.name)]
        _await_ready(supervisor, working)
        write_addresses(settings, programs)
    with steps.step("deployments"):
        from sluice.cli.deploy import deploy_all

        deploy_all(settings, check=False)
    seconds = time.monotonic() - began
    _tell(settings, programs, seconds, as_json=as_json)


@click.command()
@with_home
def down(home: Path | None, as_json: bool) -> None:
    """Stop what `sluice up` started; what is in flight is finished first.

    \b
    Example:
      sluice down
    """
    settings = settings_at(home)
    stopped = _supervisor(settings).stop()
    forget_addresses(settings)
    if as_json:
        print_json({"stopped": stopped})
    else:
        click.echo("stopped" if stopped else f"nothing runs for {settings.home}")


@click.command()
@with_home
def status(home: Path | None, as_json: bool) -> None:
    """Show how every server stands, and what every surface serves.

    The exit code is 2 where nothing runs, 3 where something does not answer.

    \b
    Example:
      sluice status
    """
    from sluice.cli.house_servers import servers_now
    from sluice.cli.house_surfaces import surfaces_now
    from sluice.errors import Held

    settings = settings_at(home)
    running = _supervisor(settings).programs()
    if not running:
        raise NotFound(f"nothing runs for {settings.home}; start it with `sluice up`")
    servers = servers_now(settings, running)
    names = [surface.name for surface in declared_surfaces(settings)]
    surfaces = surfaces_now(settings, names)
    if as_json:
        print_json(
            {
                "servers": [asdict(row) for row in servers],
                "surfaces": [asdict(row) for row in surfaces],
            }
        )
    else:
        print_table(
            "servers",
            ("server", "state", "address"),
            [row.cells() for row in servers],
        )
        print_table(
            "surfaces",
            ("surface", "champion", "since", "waiting for review", "served"),
            [row.cells() for row in surfaces],
        )
    if silent := [row.name for row in servers if not row.answers]:
        raise Held(f"{', '.join(silent)} does not answer; see `sluice logs {silent[0]}`")


def _supervisor(settings: "Settings") -> "Supervisor":
    from sluice.cli.supervision import Supervisor

    return Supervisor(settings.home / "house", settings.home / "logs")


def _programs(
    settings: "Settings", surfaces: Sequence[str], *, auth: bool
) -> "tuple[Program, ...]":
    """What the house runs; a program that runs already keeps its port."""
    from urllib.parse import urlsplit

    from sluice.cli.house_programs import (
        FIRST_SERVICE,
        USUAL,
        page_servers,
        service,
        service_name,
        worker,
    )
    from sluice.cli.programs import choose_port

    running = {row.name for row in _supervisor(settings).programs()}
    kept = {
        name: urlsplit(address.url).port
        for name, address in addresses(settings).items()
        if name in running
    }

    def port(name: str, usual: int) -> int:
        return kept.get(name) or choose_port(name, None, usual)

    ports = {name: port(name, usual) for name, usual in USUAL.items()}
    services = [
        service(settings, surface, port(service_name(surface), usual))
        for usual, surface in enumerate(surfaces, start=FIRST_SERVICE)
    ]
    return (
        *page_servers(settings, ports, auth=auth),
        worker(settings, ports["prefect"]),
        *services,
    )


def _environ(settings: "Settings") -> dict[str, str]:
    # One request is scored at a time, in one thread; more would only wait for each other.
    single = dict.fromkeys(
        ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
    )
    return {**settings.child_environment(), **single}


def _prepare(settings: "Settings") -> None:
    """Make what the servers would otherwise make at the same time, or not find."""
    from sluice.data.event_log import EventLog
    from sluice.data.private_files import secret_in
    from sluice.flows.prefect_server import credential
    from sluice.store import open_store

    for folder in (settings.mlflow, settings.prefect, settings.evidently):
        folder.mkdir(parents=True, exist_ok=True)
    EventLog(settings.log)
    with open_store(settings.database_url):
        credential(settings)
        secret_in(settings.evidently_key)


def _await_ready(supervisor: "Supervisor", programs: "Sequence[Program]") -> None:
    """Return once every program answers.

    Raises:
        SluiceError: one does not; names its log.
    """
    import httpx

    from sluice.cli.programs import is_healthy

    until = time.monotonic() + _READY_SECONDS
    waiting = list(programs)
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while waiting := [
            program for program in waiting if not is_healthy(client, program)
        ]:
            if time.monotonic() > until or supervisor.pid is None:
                name = waiting[0].name
                raise SluiceError(
                    f"Cannot start {name}: it was not up after {_READY_SECONDS:g} s; see "
                    f"`sluice logs {name}`, and stop the others with `sluice down`"
                )
            time.sleep(_POLL_SECONDS)


def _tell(
    settings: "Settings", programs: "Sequence[Program]", seconds: float, *, as_json: bool
) -> None:
    from sluice.cli.ui import sign_in

    signed = sign_in(settings, {program.name: program.url for program in programs})
    where = {program.name: program.url for program in programs if program.port is not None}
    if as_json:
        print_json({"servers": where, "sign_in": signed, "seconds": round(seconds, 1)})
        return
    print_line(f"up after {seconds:.0f} s", style="bold")
    for name, url in {**where, **signed}.items():
        click.echo(f"  {name:<22}{url}")
    click.echo("`sluice status` says how they stand, `sluice down` stops them")
