"""Live intake, ingest and compaction, killed at the writes that they make."""

import gc
import os
import shutil
from datetime import timedelta

import pytest

from sluice.data.event_log import EventLog
from sluice.data.schema import TABLES
from sluice.data.tables import Window
from tests.lib.killed_log import HOUR, Workers, append, compact, feed, hours, take
from tests.lib.logs import AT, START, tiny_log

pytestmark = pytest.mark.faults

EVER = Window(START - timedelta(days=30), AT + timedelta(days=30))
MOST_WRITES = 400
EVERY = int(os.environ.get("FAULTS_EVERY", "7"))
"""Every so-many-th write kills; 1 takes them all, in some minutes."""


@pytest.fixture(scope="module")
def workers():
    workers = Workers()
    yield workers
    workers.end()


def killed_everywhere(workers, tmp_path, work, prepare=lambda log: None):
    """A log for each write at which the work was killed, and what it had said by then."""
    prepare(EventLog(tmp_path / "prepared"))
    gc.collect()  # a journal that is still open would be tidied up while it is copied
    (tmp_path / "prepared").mkdir(exist_ok=True)
    for lives in range(0, MOST_WRITES, EVERY):
        log = EventLog(tmp_path / str(lives))
        shutil.copytree(tmp_path / "prepared", log.root)
        code, said = workers.work_on(log.root, work.__name__, lives)
        yield log, said
        if code == 0:
            assert lives > 5
            return
    pytest.fail("the work never ends")


def assert_same(rows, expected):
    for table in TABLES:
        assert getattr(rows, table).equals(getattr(expected, table)), table


def tailed(log):
    return [row for batch in log.tail(0) for row in batch.tables.exposures.rows()]


def test_what_was_accepted_survives_and_the_rest_can_be_taken_again(workers, tmp_path):
    for log, said in killed_everywhere(workers, tmp_path, take):
        here = log.read(EVER).exposures
        assert here.height % 3 == 0
        assert len(said) <= here.height // 3 <= len(said) + 1
        assert_same(log.read(EVER), hours(0, here.height // 3))

        for number in range(3):
            assert log.take(hours(number, number + 1), AT).refused == ()

        assert_same(log.read(EVER), hours(0, 3))
        assert tailed(log) == hours(0, 3).exposures.rows()


def test_an_ingest_is_there_whole_or_not_at_all_and_is_announced_once(workers, tmp_path):
    for log, said in killed_everywhere(workers, tmp_path, append):
        here = log.read(EVER)
        assert here.exposures.height in ({9} if said else {0, 9})
        assert here.items.height == here.exposures.height // 3
        assert len(tailed(log)) == here.exposures.height

        log.append(tiny_log(), at=AT)

        assert_same(log.read(EVER), tiny_log())
        assert tailed(log) == tiny_log().exposures.rows()


def test_a_feed_is_read_on_exactly_where_its_rows_end(workers, tmp_path):
    for log, _ in killed_everywhere(workers, tmp_path, feed):
        read = int(log.offset("hours") or 0)
        assert_same(log.read(EVER), hours(0, read))

        repeated = []
        feed(log, repeated.append)

        assert repeated == [0] * (3 - read)
        assert_same(log.read(EVER), hours(0, 3))
        assert tailed(log) == hours(0, 3).exposures.rows()


def a_log_to_compact(log):
    """Old, middle and young live batches, and nine parts of one day that are free to be merged."""
    for number in range(9):
        log.append(hours(number, number + 1), at=AT - HOUR)
    log.compact(timedelta(0), timedelta(0), AT - HOUR + timedelta(seconds=1))
    for number in range(9, 14):
        log.take(hours(number, number + 1), AT + (number - 9) * HOUR / 2)


def test_a_compaction_changes_no_row_wherever_it_is_killed(workers, tmp_path, monkeypatch):
    monkeypatch.setattr("sluice.data.compaction.MAX_PARTS", 100)  # not yet, and only here
    expected = hours(0, 14)
    positions = []
    for log, _ in killed_everywhere(workers, tmp_path, compact, a_log_to_compact):
        assert_same(log.read(EVER), expected)
        assert log.since(START, "for_you")[0].exposures.height == 42
        assert log.take(hours(12, 14), AT).repeated == 8

        workers.work_on(log.root, "compact")

        assert_same(log.read(EVER), expected)
        positions.append(tuple(batch.position for batch in log.tail(11)))
        files = len(list((log.root / "exposures").rglob("*.parquet")))
        assert files == len(list((log.root / ".keys" / "exposures").glob("*.keys"))) <= 8
        assert not log._journal.cut().hidden
    assert set(positions) == {(12, 13, 14)}
