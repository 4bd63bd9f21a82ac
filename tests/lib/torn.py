"""`python -m tests.lib.torn SEEN EVERY ARGUMENT...`: the mutant of `doomed` that writes in place.

Parts of the event log get their final name at once, and their second half after the point at which
`doomed` kills; nor does the journal say which parts are pending, which alone would be enough for the
next ingest to delete a torn one.
"""

import sys
from pathlib import Path

from sluice.data import part
from sluice.data.journal import JournalWriter
from tests.lib.doomed import main


def write_in_place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = len(content) // 2
    with path.open("wb", buffering=0) as file:
        file.write(content[:half])
        sys.audit("os.rename", f"{path}.new", str(path), -1, -1)
        file.write(content[half:])


def announce_nothing(*_) -> None:
    """Stand in for `JournalWriter.set_state`."""


if __name__ == "__main__":
    JournalWriter.set_state = announce_nothing
    part.write_atomically = write_in_place
    main(*sys.argv[1:])
