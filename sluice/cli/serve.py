"""`sluice serve`: the champion's Bento on loopback, following the champion pointer."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_json, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import NotFound, SluiceError

if TYPE_CHECKING:
    from serving.processes import Process
    from sluice.settings import Settings

_LOOK_SECONDS = 1.0


@click.command()
@click.argument("surface")
@with_home
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
              help="On 127.0.0.1.")  # fmt: skip
def serve(surface: str, home: Path | None, as_json: bool, port: int) -> None:
    """Serve the champion of SURFACE; a promotion or a rollback is picked up while it runs.

    \b
    Example, after `sluice demo`:
      sluice serve for_you --home .sluice/demo/feed &
      curl -sfo /dev/null --retry 60 --retry-connrefused --retry-delay 1 127.0.0.1:3000/readyz
      curl -s 127.0.0.1:3000/rank -H 'content-type: application/json' \\
        -d '{"user_id": "u1", "candidates": ["i1", "i2"]}'
    """
    from serving.bento import build_bento
    from serving.processes import tree
    from serving.running import serve as serving
    from sluice.cli.programs import choose_port, until_stopped

    settings = settings_at(home)
    release, log = _champion(settings, surface), settings.home / "logs" / "serve.log"
    choose_port("the service", port, port)
    steps = Quiet() if as_json else Steps(2)
    environ = {"SLUICE_SURFACE": surface}
    with until_stopped(), ExitStack() as stack:
        with steps.step("bento"):
            bento = build_bento(settings.releases / release, release, settings.bentos)
        with steps.step("service"):
            server = stack.enter_context(
                serving(bento, settings.home, port=port, log=log, environ=environ)
            )
        if as_json:
            print_json({"url": server.url, "pid": server.pid, "release": server.release})
        else:
            click.echo(
                f"{surface} at {server.url}, release {server.release[:12]}; log {log}"
            )
            click.echo("POST /rank · GET /livez /readyz /metrics · Ctrl-C stops it")
        _watch(tree(server.pid)[:1], log)
    if not as_json:
        click.echo("stopped")


def _champion(settings: "Settings", surface: str) -> str:
    """The release that serves the surface."""
    from registry.promotion import champion_of

    champion = champion_of(existing_store(settings), surface)
    if champion is None:
        raise NotFound(f"{surface} has no champion; see `sluice review list {surface}`")
    return champion.release


def _watch(supervisor: "tuple[Process, ...]", log: Path) -> None:
    """Stay as long as the service runs.

    Raises:
        SluiceError: it ended; names its log.
    """
    while any(process.alive for process in supervisor):
        time.sleep(_LOOK_SECONDS)
    raise SluiceError(f"the service ended; see {log}")
