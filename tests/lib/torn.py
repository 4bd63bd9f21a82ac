"""`python -m tests.lib.torn SEEN EVERY ARGUMENT...`: the mutant of `doomed` that writes in place.

Parts of the event log get their final name at once, and their second half after the point at which
`doomed` kills.
"""

import sys
from pathlib import Path

from sluice.data import part
from tests.lib.doomed import main


def write_in_place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = len(content) // 2
    with path.open("wb", buffering=0) as file:
        file.write(content[:half])
        sys.audit("os.rename", f"{path}.new", str(path), -1, -1)
        file.write(content[half:])


if __name__ == "__main__":
    part.write_atomically = write_in_place
    main(*sys.argv[1:])
