"""Steps as a person watches them, on standard error: a bar over the steps, seconds for each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import click


class Steps:
    """Shows each step while it runs, and its seconds once it has ended."""

    def __init__(self, expected: int) -> None:
        """`expected`: how many steps a whole run has; fewer run where some are remembered."""
        self._expected, self._done = expected, 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        began = perf_counter()
        with self._spinning(title):
            yield
        self._done += 1
        seconds = perf_counter() - began
        click.echo(f"  {click.style('✓', fg='green')} {title:<16}{seconds:6.1f} s", err=True)

    @contextmanager
    def _spinning(self, title: str) -> Iterator[None]:
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task(title, total=max(self._expected, self._done + 1), completed=self._done)
            yield


class Quiet:
    """Nothing: a machine is reading."""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        del title
        yield
