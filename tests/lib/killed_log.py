"""`python -m tests.lib.killed_log ROOT LIVES WORK`: work on an event log, killed at its LIVES-th write.

A write is a statement of the journal, before it is done; a file that gets its final name, before
and after; a file's bytes that are made durable; a file that is deleted. A process of its own, because
polars' threads do not survive a fork.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sluice.data.event_log import EventLog
from sluice.data.tables import LogTables
from tests.lib.logs import AT, tiny_log

HOUR = timedelta(hours=1)
NEVER = 1_000_000


def hours(first: int, last: int) -> LogTables:
    """The tiny log's requests of some hours and the feedback on them, without items."""
    whole = tiny_log(requests=last)
    before = tiny_log(requests=first).exposures["request_id"].unique().implode()
    return LogTables(
        whole.exposures.filter(~whole.exposures["request_id"].is_in(before)),
        whole.feedback.filter(~whole.feedback["request_id"].is_in(before)),
        whole.items.clear(),
    )


def take(log: EventLog) -> None:
    """Three batches; each is said once it is accepted."""
    for number in range(3):
        log.take(hours(number, number + 1), AT)
        print(number, flush=True)


def append(log: EventLog) -> None:
    log.append(tiny_log(requests=3), at=AT)
    print("appended", flush=True)


def compact(log: EventLog) -> None:
    print(log.compact(HOUR, 2 * HOUR, AT + 3 * HOUR), flush=True)


def take_thirty(log: EventLog) -> None:
    """How many rows of thirty batches were accepted, one line each."""
    for number in range(30):
        print(log.take(hours(number, number + 1), AT).accepted, flush=True)


WORKS: dict[str, Callable[[EventLog], None]] = {
    work.__name__: work for work in (take, append, compact, take_thirty)
}


class Lives:
    """Kills its process at a write."""

    def __init__(self, lives: int) -> None:
        self._left = lives

    def write(self, *_: object) -> None:
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def watch(self) -> None:
        connect, fsync, replace, unlink = (
            sqlite3.connect,
            os.fsync,
            Path.replace,
            Path.unlink,
        )

        def watched(*arguments, **named):
            connection = connect(*arguments, **named)
            connection.set_trace_callback(
                lambda statement: None if statement.startswith("SELECT") else self.write()
            )
            return connection

        def synced(handle):
            self.write()
            fsync(handle)

        def replaced(path, target):
            self.write()
            done = replace(path, target)
            self.write()
            return done

        def unlinked(path, missing_ok=False):
            self.write()
            unlink(path, missing_ok=missing_ok)

        sqlite3.connect, os.fsync = watched, synced
        Path.replace, Path.unlink = replaced, unlinked


def work_on(root: Path, work: str, lives: int = NEVER) -> tuple[int, list[str]]:
    """Do some work in a process of its own: its exit code, and what it said before it ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lib.killed_log", str(root), str(lives), work],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode, done.stdout.splitlines()


if __name__ == "__main__":
    Lives(int(sys.argv[2])).watch()
    WORKS[sys.argv[3]](EventLog(Path(sys.argv[1])))
