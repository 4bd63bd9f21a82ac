"""`sluice serve`: the champion's Bento on loopback, following the champion pointer."""

import signal
from pathlib import Path

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_json, with_home
from sluice.errors import NotFound


@click.command()
@click.argument("surface")
@with_home
@click.option("--port", type=int, default=3000, show_default=True, help="On 127.0.0.1.")
def serve(surface: str, home: Path | None, as_json: bool, port: int) -> None:  # noqa: FBT001 - a flag
    """Serve the champion of SURFACE; a promotion or a rollback is picked up while it runs.

    \b
    Example:
      sluice serve for_you &
      curl -s localhost:3000/rank -H 'content-type: application/json' \\
        -d '{"user_id": "u1", "candidates": ["i1", "i2"]}'
    """
    from registry.promotion import champion_of
    from serving.bento import Bento, build_bento
    from serving.running import serve as serving

    settings = settings_at(home)
    champion = champion_of(existing_store(settings), surface)
    if champion is None:
        raise NotFound(f"{surface} has no champion; see `sluice review list {surface}`")
    release = champion.release
    bento: Bento = build_bento(settings.releases / release, release, settings.bentos)
    stop = signal.sigwait
    with serving(bento, settings.home, port=port, environ={"SLUICE_SURFACE": surface}) as server:
        if as_json:
            print_json({"url": server.url, "pid": server.pid, "release": server.release})
        else:
            click.echo(f"{surface} version {champion.version} at {server.url}, release {release}")
            click.echo("POST /rank · GET /livez /readyz /metrics · Ctrl-C stops it")
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        stop(_STOPPING)


_STOPPING = {signal.SIGINT, signal.SIGTERM}
