"""`python -m tests.lib.doomed SEEN EVERY ARGUMENT...`: the command line, killed where it writes.

No hook stands in the code under test: what it writes is what SQLAlchemy's events and the
interpreter's audit events show of it. A write is a row of the store or of MLflow, its COMMIT, or a
file or folder of the home that gets its final name. Each has a name, the same in every run; every
EVERY-th one that no run has met before kills the process and its children, so that running it again
and again goes once through all writes.
"""

import os
import re
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

HOLDS = ("INSERT", "UPDATE", "DELETE")
_HIDDEN = re.compile(r"/\.[^/]+$|/\.candidate\.|/prefect/")
"""What is still being built, and what is Prefect's."""
_KEY = re.compile(r"keys/trusted/[0-9a-f]+")
"""Named by chance: after a kill another key is made, at the same write."""
_LONGEST = 24
"""Of a value that names a row; the rest are texts, digests and times."""


class Writes:
    """Names the writes of this process, and kills it at one that is new."""

    def __init__(self, seen: Path, every: int, home: Path) -> None:
        self._seen, self._every, self._home = seen, every, f"{home}/"
        self._met = set(seen.read_text().splitlines()) if seen.exists() else set()
        self._written: dict[int, str] = {}

    def watch(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._execute)
        event.listen(Engine, "commit", self._commit)
        sys.addaudithook(self._audit)

    def _meet(self, name: str) -> None:
        if name in self._met:
            return
        self._met.add(name)
        with self._seen.open("a") as file:
            file.write(f"{name}\n")
        if len(self._met) % self._every == 0:
            os.killpg(0, signal.SIGKILL)

    def _execute(self, connection, cursor, statement, parameters, *rest):
        if statement.startswith(HOLDS):
            name = " ".join([*statement.split()[:3], *_names(parameters)])
            self._written[id(connection)] = name
            self._meet(f"before {name}")

    def _commit(self, connection):
        if written := self._written.pop(id(connection), None):
            self._meet(f"before COMMIT of {written}")

    def _audit(self, name, arguments):
        if name in {"os.rename", "os.link"}:
            target = str(arguments[1])
            if target.startswith(self._home) and not _HIDDEN.search(target):
                name = _KEY.sub("keys/trusted/key", target.removeprefix(self._home))
                self._meet(f"before the name {name}")


def _names(parameters) -> list[str]:
    """Short words among a statement's values, which tell its row from others of the table."""
    row = parameters[0] if isinstance(parameters, list) and parameters else parameters
    values = row.values() if isinstance(row, dict) else row
    return [value for value in values if isinstance(value, str) and _is_word(value)]


def _is_word(value: str) -> bool:
    return len(value) < _LONGEST and value.replace("_", "").isalpha()


def main(seen: str, every: str, *arguments: str) -> None:
    """The command line, watched."""
    home = Path(arguments[arguments.index("--home") + 1])
    Writes(Path(seen), int(every), home).watch()
    sys.argv = ["sluice", *arguments]
    from sluice.cli import entrypoint

    entrypoint()


if __name__ == "__main__":
    main(*sys.argv[1:])
