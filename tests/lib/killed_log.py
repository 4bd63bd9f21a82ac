"""Work on an event log in a process of its own, killed at its n-th write.

A write is a statement of the journal, before it is done; a file that gets its final name, before
and after; a file's bytes that are made durable; a file that is deleted. The processes are forked
from a server that has imported everything and computed nothing: polars' threads survive no fork.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson

from sluice.data.event_log import EventLog
from sluice.data.feeds import Messages
from sluice.data.frames import conform
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables
from sluice.serving.feeding import Feed, Feeding
from sluice.serving.port import EventRows, Intake
from sluice.serving.telemetry import Telemetry
from tests.lib.logs import AT, tiny_log

Say = Callable[[object], None]
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


def take(log: EventLog, say: Say) -> None:
    """Three batches; each is said once it is accepted."""
    for number in range(3):
        log.take(hours(number, number + 1), AT)
        say(number)


def append(log: EventLog, say: Say) -> None:
    log.append(tiny_log(requests=3), at=AT)
    say("appended")


def compact(log: EventLog, say: Say) -> None:
    say(log.compact(HOUR, 2 * HOUR, AT + 3 * HOUR).batches)


def take_thirty(log: EventLog, say: Say) -> None:
    """How many rows of thirty batches were accepted, one line each."""
    for number in range(30):
        say(log.take(hours(number, number + 1), AT).accepted)


class OneByOne:
    """A source of three messages, each with the tiny log's rows of one hour, one message a read."""

    def read(self, after: str | None, max_wait_s: float) -> Messages:
        number = int(after or 0)
        if number == 3:
            return Messages((), "3")
        rows = {name: getattr(hours(number, number + 1), name) for name in TABLES}
        body = {name: frame.to_dicts() for name, frame in rows.items()}
        return Messages((orjson.dumps(body),), str(number + 1))

    def close(self) -> None:
        pass


def feed(log: EventLog, say: Say) -> None:
    """Read the three messages into the log; says how many rows of each were there already."""

    def take(rows: EventRows, offset: tuple[str, str] | None) -> Intake:
        tables = {name: conform(name, rows.tables[name]) for name in TABLES}
        taken = log.take(LogTables(**tables), AT, offset=offset)
        say(taken.repeated)
        return Intake(taken.accepted, taken.repeated, taken.refused)

    feeding = Feeding(log, Feed("for_you", "hours", OneByOne), take, Telemetry())
    while feeding.read_once(OneByOne()):
        pass


WORKS: dict[str, Callable[[EventLog, Say], None]] = {
    work.__name__: work for work in (take, append, compact, take_thirty, feed)
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


class Workers:
    """Starts processes that do some work, one after the other."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.lib.killed_log"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work_on(self, root: Path, work: str, lives: int = NEVER) -> tuple[int, list[str]]:
        """The exit code, and what was said before it ended."""
        print(f"{work} {lives} {root}", file=self._server.stdin, flush=True)
        *said, status = self._server.stdout.readline().split()
        code = os.waitstatus_to_exitcode(int(status))
        assert code in {0, -signal.SIGKILL}, code
        return code, said

    def end(self) -> None:
        self._server.communicate(timeout=60)


def serve() -> None:
    """For each line of input fork a process; what it says and its status make a line of output."""
    for line in sys.stdin:
        work, lives, root = line.rstrip().split(" ", 2)
        ear, mouth = os.pipe()
        child = os.fork()
        if not child:
            _work(Path(root), work, int(lives), mouth)
        os.close(mouth)
        with os.fdopen(ear) as heard:
            said = heard.read()
        print(said + str(os.waitpid(child, 0)[1]), flush=True)


def _work(root: Path, work: str, lives: int, mouth: int) -> None:
    code = 1
    try:
        Lives(lives).watch()
        WORKS[work](EventLog(root), lambda word: os.write(mouth, f"{word} ".encode()))
        code = 0
    except Exception:  # noqa: BLE001 - whatever it was, the parent hears of a failure
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
