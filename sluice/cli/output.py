"""What commands print: one JSON object for a machine, tables for a person."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sluice.errors import SluiceError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NONE = "–"
"""Stands for a value that there is not."""

_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?")
_UNSEEN_WIDTH = 110
"""Columns where no terminal says how many it has."""


def with_home(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home and --json to a command."""
    home = click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where everything lies.",
    )
    machine = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    return home(machine(command))


def print_json(figures: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(figures, indent=2, default=str, allow_nan=False))


def print_table(title: str, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """An empty line, a title in its own line, and a table: numbers to the right, verdicts in colour.

    Args:
        title: what the rows are; as long as it likes.
        head: names of the columns.
        rows: as many values a row as there are names.
    """
    from rich import box
    from rich.table import Table

    cells = [[_text(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, name in enumerate(head):
        numeric = _numeric([row[index] for row in cells])
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(_drawn(text) for text in row))
    _title(title)
    _console().print(table)


def print_facts(title: str, facts: Iterable[tuple[str, Any]]) -> None:
    """An empty line, a title in its own line, and a line for each fact.

    Lines are not folded, so that paths, digests and commands can be copied whole.
    """
    lines = [(name, _text(value)) for name, value in facts]
    width = max((len(name) for name, _ in lines), default=0)
    _title(title)
    for name, value in lines:
        click.echo(f"  {name:<{width}}  {value}")


def _title(title: str) -> None:
    click.echo()
    print_line(title, style="bold")


def print_line(text: str, style: str = "") -> None:
    """One line, or a few where it is longer than the terminal is wide."""
    from rich.text import Text

    _console().print(Text(text, style=style))


def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNSEEN_WIDTH, highlight=False)


def _text(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _numeric(texts: Sequence[str]) -> bool:
    figures = [text for text in texts if text != NONE]
    return bool(figures) and all(_NUMBER.fullmatch(text) for text in figures)


def _drawn(text: str) -> "Text":
    from rich.text import Text

    return Text(text, style=_STYLES.get(text, ""))


def conclude(error: SluiceError, *, as_json: bool) -> NoReturn:
    """Fail after the answer was printed; a machine has it in hand and needs the exit code only."""
    if as_json:
        raise click.exceptions.Exit(error.exit_code)
    raise error


def show_error(error: SluiceError, *, machine: bool) -> None:
    """The error's message, with its kind for a machine."""
    if machine:
        print_json({"error": str(error), "kind": type(error).__name__})
    else:
        click.echo(f"{click.style('error', fg='red')}: {error}", err=True)
