"""Forked processes that say something before they end, or are killed."""

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

FORK = get_context("fork")
Say = Callable[[Any], None]


@dataclass(frozen=True)
class Ended:
    """How a child ended and what it said."""

    code: int
    said: tuple[Any, ...]

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Child:
    """A forked process that says something over a pipe."""

    process: Any
    ear: Connection

    @classmethod
    def start(cls, work: Callable[[Say], None]) -> "Child":
        ear, mouth = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_speak, args=(work, mouth))
        process.start()
        mouth.close()
        return cls(process, ear)

    def end(self) -> Ended:
        """Hear it out; a killed one has said less."""
        said = []
        try:
            while True:
                said.append(self.ear.recv())
        except EOFError:
            self.process.join()
        return Ended(self.process.exitcode, tuple(said))


def _speak(work: Callable[[Say], None], mouth: Connection) -> None:
    logging.disable(
        logging.CRITICAL
    )  # a server that is refused a release says so each time
    try:
        work(mouth.send)
    except Exception as error:  # noqa: BLE001 - whatever it was, the parent judges it
        mouth.send(f"{type(error).__name__}: {error}")
        sys.exit(1)
