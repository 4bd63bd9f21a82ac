"""Which releases a server's processes have tried already, so that each is tried once for all.

The trial load answers whether bytes can be loaded and score as recorded. For the same bytes the
answer is the same, so a worker that comes back, or a second one, need not wait for another child.
Every process still checks the bytes, and repeats the golden requests itself.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TRIALS = "SLUICE_TRIALS"
"""Variable that names the folder to the workers; without it every process tries for itself."""


@contextmanager
def shared_trials() -> Iterator[None]:
    """Let the processes forked meanwhile share their trials, in a folder that only we can read."""
    folder, owner = tempfile.mkdtemp(prefix="sluice-trials-"), os.getpid()
    os.environ[TRIALS] = folder
    try:
        yield
    finally:
        # A worker leaves through here as well, and its siblings go on.
        if os.getpid() == owner:
            shutil.rmtree(folder)


def try_once(digest: str, trial: Callable[[], None]) -> None:
    """Run the trial of the release with this digest, unless it passed before.

    Where another process runs it at the moment, its end is waited for. A trial that raises is
    remembered by nobody.

    Args:
        digest: of bytes that this process has checked.
        trial: raises where the release does not pass.
    """
    folder = os.environ.get(TRIALS)
    if not folder:
        trial()
        return
    mark = Path(folder) / digest
    with (Path(folder) / f"{digest}.lock").open("wb") as lock:
        # Released by Linux where its holder is killed.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            return
        trial()
        mark.touch()
