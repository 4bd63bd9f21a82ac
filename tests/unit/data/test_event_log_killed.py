"""An ingest that is killed anywhere and run again ends like one that was not."""

import subprocess
import sys

import pytest

from sluice.data.event_log import EventLog
from sluice.data.journal import Journal
from tests.lib.logs import AT, tiny_log

pytestmark = pytest.mark.faults

# Dies by SIGKILL at the n-th fsync: of a part's bytes, or of the folder after its rename.
KILLED = """
import os, signal, sys
from pathlib import Path
import sluice.data.atomic as atomic
from sluice.data.event_log import EventLog
from tests.lib.logs import AT, tiny_log

left = int(sys.argv[2])
real = os.fsync

def fsync(handle):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(handle)

atomic.os.fsync = fsync
EventLog(Path(sys.argv[1])).append(tiny_log(requests=20), at=AT)
"""


def contents(log):
    return {
        path.relative_to(log.root): path.read_bytes()
        for path in log.root.rglob("*")
        if path.is_file() and not path.name.startswith("journal.db")
    }


def announced(log):
    """The parts that a tailer meets; the journal's bytes also tell of tries that were undone."""
    return [stored.parts for stored in Journal(log.root).batches(0, limit=100)]


@pytest.mark.parametrize("fsyncs", [0, 1, 2, 5, 9])
def test_a_killed_ingest_run_again_gives_the_same_files(tmp_path, fsyncs):
    whole = EventLog(tmp_path / "whole")
    whole.append(tiny_log(requests=20), at=AT)
    killed = EventLog(tmp_path / "killed")

    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(killed.root), str(fsyncs)], check=False
    )
    killed.append(tiny_log(requests=20), at=AT)

    assert died.returncode == -9
    assert contents(killed) == contents(whole)
    assert announced(killed) == announced(whole)
    assert [batch.tables.exposures.height for batch in killed.tail(0)] == [60]
