"""Steps as a person watches them, on standard error: what runs, for how long, how many are left."""

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
        try:
            with self._spinning(title):
                yield
        except BaseException:
            _ended("✗", "red", title, perf_counter() - began)
            raise
        self._done += 1
        _ended("✓", "green", title, perf_counter() - began)

    @contextmanager
    def _spinning(self, title: str) -> Iterator[None]:
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        # Columns as in the line that stays, so that nothing jumps when the step ends.
        columns = (
            TextColumn(" "), SpinnerColumn(), TextColumn("{task.description:<16}"),
            TextColumn("{task.elapsed:5.1f} s "), BarColumn(bar_width=24),
            TextColumn("step {task.fields[number]} of {task.total}"),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            total = max(self._expected, self._done + 1)
            progress.add_task(
                title, total=total, completed=self._done, number=self._done + 1
            )
            yield


class Quiet:
    """Nothing: a machine is reading."""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        del title
        yield


def _ended(mark: str, colour: str, title: str, seconds: float) -> None:
    click.echo(f"  {click.style(mark, fg=colour)} {title:<16}{seconds:6.1f} s", err=True)
