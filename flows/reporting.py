"""How a flow tells a person where it is; silent unless an entry point listens."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter
from typing import Protocol

_SECONDS: ContextVar[dict[str, float] | None] = ContextVar("seconds", default=None)


class Reporter(Protocol):
    """Shows one step while it runs."""

    def step(self, title: str) -> AbstractContextManager[None]: ...


class Silent:
    """A reporter for machines."""

    def step(self, title: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's name
        return nullcontext()


_REPORTER: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


@contextmanager
def reported_to(reporter: Reporter) -> Iterator[dict[str, float]]:
    """Report the steps of this block; yields seconds by step, filled as they end."""
    seconds: dict[str, float] = {}
    shown, timed = _REPORTER.set(reporter), _SECONDS.set(seconds)
    try:
        yield seconds
    finally:
        _REPORTER.reset(shown)
        _SECONDS.reset(timed)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show the title while the block runs, and count its seconds."""
    began = perf_counter()
    with (_REPORTER.get() or Silent()).step(title):
        yield
    seconds = _SECONDS.get()
    if seconds is not None:
        seconds[title] = seconds.get(title, 0.0) + perf_counter() - began
