"""Compaction: where the rows stand changes, and nothing else."""

import fcntl
import os
from datetime import timedelta

import pytest

from sluice.data.compaction import MAX_PARTS
from sluice.data.event_log import EventLog
from sluice.data.snapshot import take as take_snapshot
from sluice.data.tables import LogTables, Window
from tests.lib.killed_log import hours
from tests.lib.logs import AT, START, exposure, frame, tiny_log

EVER = Window(START - timedelta(days=30), AT + timedelta(days=30))
NOW = timedelta(0)
HOUR = timedelta(hours=1)


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "log")


def parts(log, table="exposures"):
    return sorted((log.root / table).rglob("*.parquet"))


def digest(log, folder):
    return take_snapshot(log, EVER, folder).digest


def appended(log):
    log.append(tiny_log(requests=20), at=AT)


def taken(log):
    for number in range(20):
        log.take(hours(number, number + 1), AT)
    log.take(tiny_log(requests=20), AT)


def taken_backwards(log):
    log.take(tiny_log(requests=1), AT)
    for number in reversed(range(20)):
        log.take(hours(number, number + 1), AT)


def taken_and_compacted(log):
    for number in range(20):
        log.take(hours(number, number + 1), AT)
        log.compact(NOW, NOW, AT + HOUR)
    log.take(tiny_log(requests=20), AT)


def partly_compacted(log):
    for number in range(20):
        log.take(hours(number, number + 1), AT + number * HOUR)
    log.take(tiny_log(requests=20), AT + 20 * HOUR)
    log.compact(10 * HOUR, 15 * HOUR, AT + 20 * HOUR)


@pytest.mark.parametrize(
    "way", [taken, taken_backwards, taken_and_compacted, partly_compacted]
)
def test_a_snapshots_digest_does_not_depend_on_how_its_rows_came(log, tmp_path, way):
    plain = EventLog(tmp_path / "plain")
    appended(plain)

    way(log)

    assert digest(log, tmp_path / "a") == digest(plain, tmp_path / "b")


@pytest.mark.parametrize("every", [1, 2, 5, 100])
def test_a_request_that_grew_keeps_the_order_in_which_it_was_shown(log, every):
    """Its rows come one by one, and are compacted and merged in between."""
    names = [f"i{number:02d}" for number in range(40)]
    names = names[::2] + names[1::2]
    for slot, name in enumerate(names, 1):
        rows = frame("exposures", [exposure(0, name, slot), exposure(slot, "x", 1)])
        log.take(LogTables(rows, frame("feedback", []), frame("items", [])), AT)
        if slot % every == 0:
            log.compact(NOW, NOW, AT + HOUR)

    shown = log.read(EVER).exposures.filter(request_id="r0")["item_id"].to_list()

    assert shown == names


def test_many_live_batches_end_as_a_handful_of_files(log):
    for number in range(60):
        rows = frame("exposures", [exposure(0, f"i{number}", 1)])
        log.take(LogTables(rows, frame("feedback", []), frame("items", [])), AT)
        log.compact(NOW, NOW, AT + HOUR)

    assert len(parts(log)) <= MAX_PARTS
    assert log.read(EVER).exposures.height == 60
    assert len(list((log.root / ".keys" / "exposures").iterdir())) == len(parts(log))
    assert log._journal.batches(60, 1) == ()


def test_young_batches_stay_and_old_ones_are_kept_for_a_while(log):
    for number in range(4):
        log.take(hours(number, number + 1), AT + number * HOUR)

    done = log.compact(HOUR, 3 * HOUR, AT + 4 * HOUR)

    assert (done.batches, done.dropped) == (3, 1)
    assert [batch.position for batch in log.tail(1)] == [2, 3, 4]
    assert sum(path.stat().st_size > 0 for path in parts(log)) == 1
    assert log.read(EVER).exposures.equals(tiny_log(requests=4).exposures)


def test_a_second_compaction_has_nothing_to_do(log):
    log.take(tiny_log(), AT)
    log.compact(NOW, HOUR, AT + HOUR)
    before = parts(log)

    done = log.compact(NOW, HOUR, AT + HOUR)

    assert (done.batches, done.written, done.merged, done.dropped) == (0, 0, 0, 0)
    assert parts(log) == before


def test_only_one_process_compacts(log):
    log.take(tiny_log(), AT)
    with (log.root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert log.compact(NOW, NOW, AT + HOUR) is None

    assert log.compact(NOW, NOW, AT + HOUR).batches == 1


def test_dropped_batches_give_their_space_back(log):
    for number in range(40):
        log.take(hours(number, number + 1), AT)
    log._journal._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (log.root / "journal.db").stat().st_size

    log.compact(NOW, NOW, AT + HOUR)
    log._journal._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert (log.root / "journal.db").stat().st_size < before / 2


def test_keys_that_a_killed_process_left_half_written_are_swept_up_once_they_are_old(log):
    log.append(tiny_log(), at=AT)
    folder = log.root / ".keys" / "exposures"
    old, new = folder / ".new.old", folder / ".new.new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))

    log.compact(NOW, HOUR, AT)

    assert (old.exists(), new.exists()) == (False, True)
