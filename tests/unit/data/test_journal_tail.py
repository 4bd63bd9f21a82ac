"""Following the log: since a moment, then batch by batch, on one surface."""

from datetime import timedelta

import polars as pl
import pytest

from sluice.data.batch import Superseded
from sluice.data.event_log import EventLog
from sluice.data.log_view import LogView
from sluice.data.tables import LogTables
from tests.lib.killed_log import hours
from tests.lib.logs import AT, START, event, exposure, frame, item, tiny_log

HOUR = timedelta(hours=1)
ONE_SURFACE = {"surface": "follow"}


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "log")


def two_surfaces():
    return LogTables(
        frame("exposures", [exposure(0, "a", 1), exposure(1, "a", 1, surface="follow")]),
        frame("feedback", [event(0, "a"), event(1, "a"), event(0, "z", request_id=None)]),
        frame("items", [item("a")]),
    )


def feed(log, way, tables=None):
    tables = tables or two_surfaces()
    if way == "append":
        log.append(tables, at=AT)
    else:
        log.take(tables, AT)
    if way == "compaction":
        log.compact(timedelta(0), 10 * HOUR, AT + HOUR)


def requests(tables):
    return tables.feedback["request_id"].to_list()


@pytest.mark.parametrize("way", ["take", "append", "compaction"])
def test_a_batch_parts_into_surfaces(log, way):
    feed(log, way)

    (batch,) = log.tail(0)

    assert (batch.position, batch.accepted_at) == (1, AT)
    ours, theirs = batch.for_surface("for_you"), batch.for_surface("follow")
    assert ours.exposures["request_id"].to_list() == ["r0"]
    assert theirs.exposures["request_id"].to_list() == ["r1"]
    assert sorted(requests(ours), key=str) == [None, "r0"]
    assert sorted(requests(theirs), key=str) == [None, "r1"]
    assert ours.items.height == theirs.items.height == 1


@pytest.mark.parametrize("way", ["take", "append", "compaction"])
@pytest.mark.parametrize("later", ["take", "append"])
def test_later_feedback_belongs_to_the_surface_of_its_request(log, way, later):
    feed(log, way)
    likes = LogTables(
        frame("exposures", []),
        frame("feedback", [event(0, "a", "like"), event(1, "a", "like")]),
        frame("items", []),
    )

    feed(log, later, likes)

    (batch,) = log.tail(1)
    assert requests(batch.for_surface("follow")) == ["r1"]
    tables, position = log.since(START + timedelta(minutes=61), "follow")
    assert (requests(tables).count("r1"), requests(tables).count("r0")) == (2, 0)
    assert position == 2


@pytest.mark.parametrize("way", ["take", "append", "compaction"])
def test_since_goes_by_when_a_row_became_available(log, way):
    late = event(0, "b", "like", received_ts=START + 5 * HOUR)
    tables = tiny_log(requests=6)
    feedback = pl.concat([tables.feedback, frame("feedback", [late])])
    feed(log, way, LogTables(tables.exposures, feedback, tables.items))

    rows, position = log.since(START + 5 * HOUR, "for_you")

    assert rows.exposures["request_id"].unique().to_list() == ["r5"]
    assert sorted(requests(rows)) == ["r0", "r5"]
    assert rows.items.is_empty()
    assert position == 1
    assert log.since(START - HOUR, "for_you")[0].items.height == 3


def test_since_reads_no_day_that_cannot_matter(log):
    log.append(tiny_log(requests=30), at=AT)
    (old,) = (log.root / "exposures" / "day=2026-01-05").iterdir()
    old.write_bytes(b"nothing to be read")

    rows, _ = log.since(START + 20 * HOUR, "for_you")

    assert rows.exposures["request_id"].n_unique() == 10


def test_what_is_no_longer_kept_singly_is_refused_by_type(log):
    for number in range(3):
        log.take(hours(number, number + 1), AT + number * HOUR)
    log.compact(timedelta(0), 2 * HOUR, AT + 3 * HOUR)

    with pytest.raises(Superseded, match="start anew"):
        list(log.tail(0))
    assert [batch.position for batch in log.tail(1)] == [2, 3]


def test_a_kept_ingest_can_be_followed_however_many_small_parts_its_day_has(log):
    for number in range(10):
        log.append(hours(number, number + 1), at=AT)
    log.compact(timedelta(0), 2 * HOUR, AT + HOUR)

    assert sum(batch.tables.exposures.height for batch in log.tail(0)) == 30

    log.compact(timedelta(0), timedelta(0), AT + HOUR)

    with pytest.raises(Superseded):
        list(log.tail(0))
    assert log.since(START, "for_you")[0].exposures.height == 30


def test_a_tail_that_is_overtaken_in_the_middle_of_an_ingest_says_so(log):
    log.append(tiny_log(), at=AT)
    (stored,) = log._journal.batches(0, 1)
    for name in stored.parts:
        (log.root / name).unlink()

    with pytest.raises(Superseded, match="its parts were merged"):
        list(log.tail(0))


def test_since_is_one_cut_where_rows_move_while_it_reads(log, monkeypatch):
    """Live rows are written into parts after the journal was read and before the folders are."""
    for number in range(3):
        log.take(hours(number, number + 1), AT)
    other, listed = EventLog(log.root), []
    real = type(log._parts).listed

    def compacted_first(self, cut):
        if self is log._parts and not listed:
            listed.append(other.compact(timedelta(0), HOUR, AT + timedelta(minutes=1)))
            other.take(hours(3, 4), AT)
        return real(self, cut)

    monkeypatch.setattr(type(log._parts), "listed", compacted_first)
    rows, position = log.since(START, "for_you")

    assert listed[0].batches == 3
    assert rows.exposures["request_id"].unique(maintain_order=True).to_list() == [
        f"r{number}" for number in range(position)
    ]
    assert rows.exposures.height == 3 * position


def test_since_reads_again_where_parts_vanish_while_it_reads(log, monkeypatch):
    for number in range(9):
        log.append(hours(number, number + 1), at=AT)
    other, merged = EventLog(log.root), []
    real = LogView.rows

    def merged_first(self, table, keep):
        if not merged:
            merged.append(other.compact(timedelta(0), timedelta(0), AT + HOUR))
        return real(self, table, keep)

    monkeypatch.setattr(LogView, "rows", merged_first)

    assert log.since(START, "for_you")[0].exposures.height == 27
    assert merged[0].merged > 0


def test_a_part_deleted_by_hand_is_an_error_and_no_endless_loop(log, monkeypatch):
    log.append(tiny_log(), at=AT)
    real = LogView.rows

    def deleted_first(self, table, keep):
        for path in self.paths["exposures"]:
            path.unlink(missing_ok=True)
        return real(self, table, keep)

    monkeypatch.setattr(LogView, "rows", deleted_first)

    with pytest.raises(FileNotFoundError):
        log.since(START, "for_you")
