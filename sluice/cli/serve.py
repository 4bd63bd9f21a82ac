"""`sluice serve`: the champion over HTTP, following the champion pointer."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_json, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import ConfigError, NotFound, SluiceError

if TYPE_CHECKING:
    from sluice.serving.address import Address
    from sluice.serving.processes import Process
    from sluice.settings import Settings

_LOOK_SECONDS = 1.0


@click.command()
@click.argument("surface")
@with_home
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
              help="Port to listen on.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="IP address to listen on; beyond loopback only with --tokens.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Processes, each with the whole release.")  # fmt: skip
@click.option("--tokens", type=click.Path(path_type=Path),
              help="File of mode 0600 with one name:token a line; then nobody asks without one.")  # fmt: skip
@click.option("--shadow", type=click.IntRange(min=1), metavar="VERSION",
              help="Version that scores what was answered, seen by `sluice shadow` alone.")  # fmt: skip
def serve(
    surface: str,
    home: Path | None,
    as_json: bool,
    port: int,
    host: str,
    workers: int,
    tokens: Path | None,
    shadow: int | None,
) -> None:
    """Serve the champion of SURFACE; a promotion or a rollback is picked up while it runs.

    What POST /events takes, or `sluice ingest` adds, is known to the next answer; /docs has the
    whole interface.

    \b
    Example, after `sluice demo`:
      sluice serve for_you --home .sluice/demo/feed &
      curl -sfo /dev/null --retry 60 --retry-connrefused --retry-delay 1 127.0.0.1:3000/readyz
      curl -s 127.0.0.1:3000/rank -H 'content-type: application/json' \\
        -d '{"user_id": "u1", "candidates": ["i1", "i2"], "request_id": "r1"}'
      curl -s 127.0.0.1:3000/events -H 'content-type: application/json' \\
        -d '{"exposures": [{"request_id": "r1", "item_id": "i1"}]}'
    """
    from sluice.cli.programs import choose_port, until_stopped
    from sluice.serving.address import Address
    from sluice.serving.processes import tree
    from sluice.serving.running import serve_lean

    settings, address = settings_at(home), Address(host, port)
    environ = {**settings.own_variables(), "SLUICE_SURFACE": surface}
    environ |= _guard(address, tokens) | _shadowed(settings, surface, shadow)
    _ensure_champion(settings, surface)
    log = settings.home / "logs" / "serve.log"
    choose_port("the service", port, port)
    steps = Quiet() if as_json else Steps(1)
    with until_stopped(), ExitStack() as stack:
        with steps.step("service"):
            server = stack.enter_context(
                serve_lean(settings.home, environ, address, workers=workers, log=log)
            )
        if as_json:
            print_json({"url": server.url, "pid": server.pid, "release": server.release})
        else:
            click.echo(
                f"{surface} at {address.url}, release {server.release[:12]}; log {log}"
            )
            click.echo(
                "POST /rank /rank/batch /events · GET /livez /readyz /metrics /docs · Ctrl-C stops it"
            )
        _watch(tree(server.pid)[:1], log)
    if not as_json:
        click.echo("stopped")


def _guard(address: "Address", tokens: Path | None) -> dict[str, str]:
    """Variables that let the workers ask for tokens.

    Raises:
        ConfigError: others could reach the service and nothing would be asked of them, or the file
            is not fit.
    """
    from sluice.serving.address import TOKENS

    if tokens is None:
        if not address.loopback:
            raise ConfigError(
                f"cannot listen on {address.host} without tokens, because anybody could ask; write "
                "one name:token a line into a file of mode 0600 and name it with --tokens"
            )
        return {}
    from sluice.serving.tokens import read_tokens

    read_tokens(tokens)
    return {TOKENS: str(tokens.resolve())}


def _shadowed(settings: "Settings", surface: str, version: int | None) -> dict[str, str]:
    """The variable that names the shadow's release to the workers."""
    if version is None:
        return {}
    from sluice.cli.shadow import release_of
    from sluice.serving.shadow_process import SHADOW

    return {SHADOW: release_of(existing_store(settings), surface, version)}


def _ensure_champion(settings: "Settings", surface: str) -> None:
    """The pointer is all a service needs; the store is opened only to say why there is none.

    Raises:
        NotFound: the surface has no champion, or there is no installation.
    """
    from sluice.registry.pointer import read_pointer

    if read_pointer(settings.pointers, surface) is not None:
        return
    from sluice.registry.promotion import champion_of

    if champion_of(existing_store(settings), surface) is None:
        raise NotFound(f"{surface} has no champion; see `sluice review list {surface}`")
    raise NotFound(
        f"no pointer to the champion of {surface} was written yet; run `sluice champion mirror`"
    )


def _watch(supervisor: "tuple[Process, ...]", log: Path) -> None:
    """Stay as long as the service runs.

    Raises:
        SluiceError: it ended; names its log.
    """
    while any(process.alive for process in supervisor):
        time.sleep(_LOOK_SECONDS)
    raise SluiceError(f"the service ended; see {log}")
