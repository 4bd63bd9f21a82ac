"""A process that is killed at a chosen point of its work on a store and on files.

No hook stands in the code under test: the points are what SQLAlchemy's events and the
interpreter's audit events show of it. A point is a statement of a writing transaction, its BEGIN,
its COMMIT, what comes after it, and every file that is opened or renamed below a folder.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import event

from sluice.store.engine import WRITES
from sluice.store.sql import SqlStore

Work = Callable[[SqlStore], object]
FORK = get_context("fork")


class Points:
    """Counts the points it meets and kills its own process at the given one."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.met: list[str] = []
        self.committed = False

    def meet(self, name: str) -> None:
        self.met.append(name)
        if len(self.met) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, store: SqlStore, folder: Path) -> None:
        event.listen(store._engine, "begin", self._begin, insert=True)
        event.listen(store._engine, "before_cursor_execute", self._execute)
        event.listen(store._engine, "commit", self._commit)
        event.listen(store._engine, "checkin", self._checkin)
        sys.addaudithook(lambda name, arguments: self._file(name, arguments, str(folder)))

    def _begin(self, connection):
        if _writes(connection):
            self.meet("before BEGIN")

    def _execute(self, connection, cursor, statement, *rest):
        if _writes(connection):
            self.meet(f"before {' '.join(statement.split()[:3])}")

    def _commit(self, connection):
        if _writes(connection):
            self.committed = True
            self.meet("before COMMIT")

    def _checkin(self, *rest):
        if self.committed:
            self.committed = False
            self.meet("after COMMIT")

    def _file(self, name, arguments, folder):
        if name in {"open", "os.rename"} and str(arguments[0]).startswith(folder):
            self.meet(f"before {name} of {Path(str(arguments[0])).name[:11]}")


def _writes(connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES))


def points_of(kind: type[SqlStore], url: str, folder: Path, work: Work) -> list[str]:
    """Do the work in a child and list the points it met."""
    names = FORK.SimpleQueue()
    child = FORK.Process(target=_work, args=(kind, url, folder, work, 0, names))
    child.start()
    met = names.get()
    child.join()
    assert child.exitcode == 0
    return met


def kill_at(point: int, kind: type[SqlStore], url: str, folder: Path, work: Work) -> None:
    """Do the work in a child that dies by SIGKILL at that point, counted from 1."""
    child = FORK.Process(target=_work, args=(kind, url, folder, work, point, None))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def _work(kind, url, folder, work, fatal, names) -> None:
    store = kind.open(url)
    points = Points(fatal)
    points.watch(store, folder)
    work(store)
    points.meet("at the end")
    if names is not None:
        names.put(points.met)
