"""`sluice ui`: MLflow, Prefect and Evidently over one installation, started and stopped together."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import accounts_of, settings_at
from sluice.cli.output import print_json, print_line, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import NotFound

if TYPE_CHECKING:
    from sluice.cli.programs import Program
    from sluice.settings import Settings

_PORT = click.IntRange(1, 65535)


@click.command()
@with_home
@click.option("--mlflow-port", type=_PORT, help="5000, or the next that is free.")
@click.option("--prefect-port", type=_PORT, help="4200, or the next that is free.")
@click.option("--evidently-port", type=_PORT, help="8000, or the next that is free.")
@click.option("--auth", is_flag=True, help="Sign in to MLflow; reviews are made there.")
def ui(
    home: Path | None,
    as_json: bool,
    mlflow_port: int | None,
    prefect_port: int | None,
    evidently_port: int | None,
    auth: bool,
) -> None:
    """Open MLflow, Prefect and Evidently over what was made; Ctrl-C stops all three.

    Everything binds to 127.0.0.1, and no tool reports to anybody. With --auth, MLflow asks who you
    are, and the tag `review` of a candidate approves or rejects it; `sluice review account` makes
    the accounts. The addresses of Prefect and Evidently carry the secret that signs a browser in:
    keep them to yourself.

    \b
    Example:
      sluice ui --home .sluice/demo/feed
    """
    from sluice.cli.house_programs import USUAL, page_servers
    from sluice.cli.programs import await_ready, choose_port, running, until_stopped, watch

    settings = settings_at(home)
    if not settings.mlflow.is_dir():
        raise NotFound(
            f"nothing to show in {settings.home}; run `sluice demo`, or name its --home"
        )
    preferred = {
        "mlflow": mlflow_port,
        "prefect": prefect_port,
        "evidently": evidently_port,
    }
    ports = {
        name: choose_port(name, preferred[name], usual) for name, usual in USUAL.items()
    }
    programs = page_servers(settings, ports, auth=auth)
    steps = Quiet() if as_json else Steps(1)
    logs = settings.home / "logs"
    with until_stopped(), running(programs, settings.child_environment(), logs) as started:
        with steps.step("three servers"):
            await_ready(started)
        _tell(settings, programs, as_json=as_json, auth=auth)
        watch(started)
    if not as_json:
        click.echo("stopped")


def sign_in(settings: "Settings", urls: Mapping[str, str]) -> dict[str, str]:
    """By program, the address that signs a browser in to it; of the programs' own addresses."""
    from sluice.flows import prefect_server
    from sluice.monitors import evidently_server

    return {
        "prefect": prefect_server.sign_in_address(settings, urls["prefect"]),
        "evidently": evidently_server.sign_in_address(
            settings.evidently_key, urls["evidently"]
        ),
        "house": evidently_server.house_address(settings.evidently_key, urls["evidently"]),
    }


def _tell(
    settings: "Settings", programs: "Sequence[Program]", *, as_json: bool, auth: bool
) -> None:
    if as_json:
        urls = {program.name: program.url for program in programs}
        print_json(
            urls
            | {
                "sign_in": sign_in(
                    settings, {program.name: program.url for program in programs}
                )
            }
        )
        return
    print_line("Open in a browser", style="bold")
    for name, address in _addresses(settings, programs, auth=auth):
        # Never wrapped, for a broken address can be neither clicked nor copied.
        click.echo(f"  {name:<13}{address}")
    from sluice.cli.house_programs import USUAL

    for program in programs:
        if program.port != USUAL[program.name]:
            click.echo(
                f"port {USUAL[program.name]} is taken, so {program.name} is on {program.port}"
            )
    if auth:
        click.echo(f"MLflow's administrator: admin, {accounts_of(settings).admin_password}")
    click.echo("Ctrl-C stops all three")


def _addresses(
    settings: "Settings", programs: "Sequence[Program]", *, auth: bool
) -> Iterator[tuple[str, str]]:
    """Name and address of what there is to see; of MLflow, the runs or candidates of every surface."""
    from sluice.registry.mlflow_pages import candidate_pages, run_pages

    signed_in = sign_in(settings, {program.name: program.url for program in programs})
    for program in programs:
        pages: dict[str, str] = {}
        if program.name == "mlflow":
            # With accounts, MLflow lists no runs to who has not signed in.
            surfaces = accounts_of(settings).surfaces
            pages = (
                candidate_pages(program.url, surfaces) if auth else run_pages(program.url)
            )
        yield from (
            (program.name, page) for page in pages.values() or [signed_in[program.name]]
        )
    yield "the house", signed_in["house"]
    yield from _pages(settings)


def _pages(settings: "Settings") -> Iterator[tuple[str, str]]:
    """The newest of the pages that need no server."""
    pages = {
        "evidence": settings.evidence.glob("*/*.html"),
        "data checks": settings.validation.glob("*/index.html"),
    }
    for name, files in pages.items():
        newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
        if newest is not None:
            yield name, newest.as_uri()
