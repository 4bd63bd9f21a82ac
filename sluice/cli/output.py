"""What commands print: one JSON object for a machine, tables for a person."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from sluice.errors import SluiceError

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def with_home(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home and --json to a command."""
    home = click.option(
        "--home", type=click.Path(file_okay=False, path_type=Path), help="Where everything lies."
    )
    machine = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    return home(machine(command))


def print_json(found: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(found, indent=2, default=str, allow_nan=False))


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; verdicts in colour where the terminal has any."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "–"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    colour = _COLOURS.get(text)
    return f"[{colour}]{text}[/{colour}]" if colour else escape(text)


def show_error(error: SluiceError, *, machine: bool) -> None:
    """The error's message, with its kind for a machine."""
    if machine:
        print_json({"error": str(error), "kind": type(error).__name__})
    else:
        click.echo(f"{click.style('error', fg='red')}: {error}", err=True)
