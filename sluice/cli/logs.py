"""`sluice logs`: what the servers of an installation wrote."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, with_home
from sluice.errors import ConfigError, NotFound

_FOLLOW_SECONDS = 0.5
_LINES = 40


@click.command()
@click.argument("server", required=False)
@with_home
@click.option(
    "--lines",
    type=click.IntRange(1),
    default=_LINES,
    show_default=True,
    help="The last so many.",
)
@click.option("--follow", is_flag=True, help="Go on with what is written from now on.")
def logs(
    server: str | None, home: Path | None, as_json: bool, lines: int, follow: bool
) -> None:
    """Show the end of a server's log, or of all of them.

    \b
    Example:
      sluice logs prefect --follow
    """
    from sluice.cli.programs import until_stopped

    settings = settings_at(home)
    files = {file.stem: file for file in sorted((settings.home / "logs").glob("*.log"))}
    if not files:
        raise NotFound(f"no log in {settings.home}; start the house with `sluice up`")
    if server is not None and server not in files:
        raise ConfigError(f"there is no log of {server!r}; there are: {', '.join(files)}")
    chosen = {server: files[server]} if server else files
    if as_json:
        print_json({name: _tail(file, lines) for name, file in chosen.items()})
        return
    for name, file in chosen.items():
        for line in _tail(file, lines):
            click.echo(line if server else f"{name:<12} {line}")
    if follow:
        with until_stopped():
            for name, line in _followed(chosen):
                click.echo(line if server else f"{name:<12} {line}")


def _tail(file: Path, lines: int) -> list[str]:
    return file.read_text(errors="replace").splitlines()[-lines:]


def _followed(files: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Lines as they are written, also where a log was begun anew."""
    at = {name: file.stat().st_size for name, file in files.items()}
    while True:
        for name, file in files.items():
            size = file.stat().st_size if file.exists() else 0
            if size < at[name]:
                at[name] = 0
            if size > at[name]:
                with file.open("rb") as opened:
                    os.lseek(opened.fileno(), at[name], os.SEEK_SET)
                    content = opened.read(size - at[name])
                at[name] = size
                yield from (
                    (name, line) for line in content.decode(errors="replace").splitlines()
                )
        time.sleep(_FOLLOW_SECONDS)
