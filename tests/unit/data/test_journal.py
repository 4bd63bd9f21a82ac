"""The journal beside the parts: who may read it, its order, and logs that are older than it."""

import os
import shutil
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sluice.data.event_log import EventLog
from sluice.data.journal import FILE, Journal
from sluice.data.tables import Window
from tests.lib.killed_log import Workers, hours
from tests.lib.logs import AT, START, tiny_log

EVER = Window(START - timedelta(days=30), AT + timedelta(days=30))


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "log")


def test_only_its_owner_reads_the_journal(log):
    log.take(tiny_log(), AT)

    for path in log.root.glob(f"{FILE}*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_commit_is_synced_and_the_log_is_written_ahead(log):
    log.take(tiny_log(), AT)

    connection = log._journal._connection()

    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_reading_an_empty_log_makes_no_journal(tmp_path):
    log = EventLog(tmp_path)

    assert log.position() == 0
    assert not log.changed(0)
    assert list(log.tail(0)) == []
    assert log.surfaces() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_is_older_than_the_journal_simply_works(tmp_path):
    log = EventLog(tmp_path / "new")
    log.append(tiny_log(), at=AT)
    old = EventLog(tmp_path / "old")
    old.root.mkdir()
    for table in ("exposures", "feedback", "items"):
        shutil.copytree(log.root / table, old.root / table)

    assert old.read(EVER).exposures.equals(tiny_log().exposures)
    assert old.since(START, "for_you")[0].exposures.height == 9
    assert old.append(tiny_log(), at=AT).skipped == 15
    taken = old.take(tiny_log(requests=4), AT)
    assert (taken.accepted, taken.repeated) == (4, 15)
    assert old.read(EVER).exposures.equals(tiny_log(requests=4).exposures)
    assert [batch.position for batch in old.tail(0)] == [1]


def test_positions_count_on_after_batches_were_dropped(log):
    for number in range(3):
        log.take(hours(number, number + 1), AT)
    log.compact(timedelta(0), timedelta(0), AT + timedelta(seconds=1))

    assert list(log.tail(3)) == []
    assert log.take(hours(3, 4), AT).position == 4


def test_a_batch_of_another_process_is_seen_at_once(log):
    log.take(hours(0, 1), AT)
    seen = log.position()

    assert not log.changed(seen)
    other = Workers()
    other.work_on(log.root, "take")
    other.end()

    assert log.changed(seen)
    fresh = [batch.tables.exposures["request_id"][0] for batch in log.tail(seen)]
    assert fresh == ["r1", "r2"]


def test_a_forked_child_uses_a_connection_of_its_own(log):
    log.take(hours(0, 1), AT)
    inherited = log._journal._connection()

    child = os.fork()
    if not child:
        # No polars here: its threads do not survive a fork.
        own = log._journal._connection()
        os._exit(0 if own is not inherited and log.position() == 1 else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert log.take(hours(1, 2), AT).position == 2


def test_two_processes_that_take_the_same_rows_accept_each_once(log):
    workers = [Workers(), Workers()]
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda each: each.work_on(log.root, "take_thirty"), workers))
    for each in workers:
        each.end()
    accepted = [int(rows) for _, lines in said for rows in lines]

    assert sum(accepted) == 30 * 4
    assert log.read(EVER).exposures.equals(tiny_log(requests=30).exposures)
    assert log.position() == 30


def test_threads_share_one_handle(log):
    wrong = []

    def take_all():
        try:
            for number in range(20):
                log.take(hours(number, number + 1), AT)
                log.since(START, "for_you")
        except Exception as error:  # noqa: BLE001 - whatever it was, the test says so
            wrong.append(error)

    threads = [threading.Thread(target=take_all) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert log.read(EVER).exposures.equals(tiny_log(requests=20).exposures)
    assert log.position() == 20


def test_an_ingest_that_live_rows_overtake_still_holds_every_row_once(log, monkeypatch):
    """Between its judgement and its commit another process takes some of the same rows."""
    other = EventLog(log.root)
    real = EventLog._write
    overtaken = []

    def write(self, tables, position, at):
        if not overtaken:
            overtaken.append(other.take(hours(0, 2), AT).accepted)
        return real(self, tables, position, at)

    monkeypatch.setattr(EventLog, "_write", write)
    done = log.append(tiny_log(), at=AT)

    assert overtaken == [8]
    assert (done.exposures, done.feedback, done.items, done.skipped) == (3, 1, 3, 8)
    assert log.read(EVER).exposures.equals(tiny_log().exposures)
    assert sum(batch.tables.exposures.height for batch in log.tail(0)) == 9


def test_a_feeds_offset_is_kept_with_its_rows(log):
    assert log.offset("clicks") is None

    log.take(hours(0, 1), AT, offset=("clicks", "17-0"))
    log.take(hours(0, 1), AT, offset=("clicks", "18-0"))

    assert log.offset("clicks") == "18-0"
    assert EventLog(log.root).offset("clicks") == "18-0"
    assert log.position() == 1


def test_an_offset_stays_where_its_rows_are_not_kept(log, monkeypatch):
    log.take(hours(0, 1), AT, offset=("clicks", "1"))

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("sluice.data.journal.JournalWriter.set_offset", full)
    with pytest.raises(sqlite3.OperationalError):
        log.take(hours(1, 2), AT, offset=("clicks", "2"))
    monkeypatch.undo()

    assert (log.offset("clicks"), log.position()) == ("1", 1)
    assert log.take(hours(1, 2), AT, offset=("clicks", "2")).accepted == 4


def test_a_journal_that_was_killed_while_it_was_made_is_made(tmp_path):
    (tmp_path / FILE).touch()

    assert Journal(tmp_path).position() == 0
    assert EventLog(tmp_path).take(tiny_log(), AT).position == 1
