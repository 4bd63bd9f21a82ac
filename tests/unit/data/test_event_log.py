from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.data.tables import LogTables, Window
from sluice.errors import BadRows, IntegrityError, SchemaError, TooLittleData
from tests.lib.logs import (
    AT,
    START,
    event,
    exposure,
    flip_bit,
    item,
    tiny_log,
    with_cell,
    with_rows,
)

EVER = Window(datetime(2025, 1, 1, tzinfo=UTC), AT)


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "log")


def names(log):
    return sorted(path.relative_to(log.root) for path in log.root.rglob("*.parquet"))


def assert_equal(found: LogTables, expected: LogTables):
    assert found.exposures.equals(expected.exposures)
    assert found.feedback.equals(expected.feedback)
    assert found.items.equals(expected.items)


def test_what_was_appended_is_read_back(log):
    done = log.append(tiny_log(), at=AT)

    assert (done.exposures, done.feedback, done.items) == (9, 3, 3)
    assert (done.skipped, done.quarantined) == (0, {})
    assert_equal(log.read(EVER), tiny_log())


def test_rows_lie_in_the_folder_of_their_utc_day(log):
    log.append(tiny_log(requests=20), at=AT)

    assert {path.name for path in (log.root / "exposures").iterdir()} == {
        "day=2026-01-05",
        "day=2026-01-06",
    }


def test_ingesting_twice_changes_nothing(log):
    log.append(tiny_log(), at=AT)
    before = names(log)

    again = log.append(tiny_log(), at=AT)

    assert (again.exposures, again.feedback, again.items, again.skipped) == (0, 0, 0, 15)
    assert names(log) == before


def test_overlapping_batches_hold_every_row_once(log):
    log.append(tiny_log(requests=2), at=AT)

    done = log.append(tiny_log(requests=4), at=AT)

    assert (done.exposures, done.skipped) == (6, 11)
    assert_equal(log.read(EVER), tiny_log(requests=4))


def test_an_event_delivered_twice_in_one_batch_stands_once(log):
    done = log.append(with_rows(tiny_log(), "feedback", [event(0, "b")]), at=AT)

    assert (done.feedback, done.skipped) == (3, 1)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        (with_cell(tiny_log(), "exposures", "score", 9.0), "exposures.conflict"),
        (with_cell(tiny_log(), "exposures", "score", None), "exposures.conflict"),
        (with_cell(tiny_log(), "feedback", "value", 2.0), "feedback.conflict"),
        (with_cell(tiny_log(), "items", "embedding", [0.5, 0.5]), "items.conflict"),
        (with_rows(tiny_log(), "exposures", [exposure(0, "new", 4)]), "exposures.conflict"),
    ],
    ids=[
        "another score",
        "a lost score",
        "another value",
        "another vector",
        "a grown request",
    ],
)
def test_a_row_that_says_otherwise_than_the_log_is_refused(log, changed, rule):
    log.append(tiny_log(), at=AT)
    before = names(log)

    with pytest.raises(BadRows) as caught:
        log.append(changed, at=AT)

    assert caught.value.counts == {rule: 1}
    assert names(log) == before


def test_a_request_id_that_comes_back_on_another_day_is_refused(log):
    log.append(tiny_log(), at=AT)

    with pytest.raises(BadRows) as caught:
        log.append(tiny_log(hours=48), at=AT)

    assert caught.value.counts["exposures.conflict"] == 9


def test_late_feedback_finds_its_request_in_the_log(log):
    tables = tiny_log()
    log.append(LogTables(tables.exposures, tables.feedback.clear(), tables.items), at=AT)

    done = log.append(
        LogTables(tables.exposures.clear(), tables.feedback, tables.items), at=AT
    )

    assert done.feedback == 3
    assert_equal(log.read(EVER), tables)


def test_a_bad_row_refuses_the_whole_batch_and_writes_nothing(log):
    with pytest.raises(BadRows, match=r"exposures\.position\.below_1: 1"):
        log.append(with_cell(tiny_log(), "exposures", "position", 0), at=AT)

    assert names(log) == []


def test_the_future_is_what_lies_after_the_time_of_the_ingest(log):
    with pytest.raises(BadRows, match=r"exposures\.ts\.in_the_future: 6"):
        log.append(tiny_log(), at=START + timedelta(minutes=30))


def test_another_schema_is_refused_before_any_row_is_judged(log):
    tables = tiny_log()
    drifted = LogTables(tables.exposures.drop("position"), tables.feedback, tables.items)

    with pytest.raises(SchemaError, match="exposures: missing column position"):
        log.append(drifted, at=AT)


def test_quarantine_takes_a_request_as_a_whole_with_its_feedback(log):
    done = log.append(
        with_cell(tiny_log(), "exposures", "position", 0, row=1), quarantine=True, at=AT
    )

    assert done.quarantined == {
        "exposures.position.below_1": 1,
        "exposures.request.incomplete": 2,
        "feedback.request.incomplete": 1,
    }
    assert log.read(EVER).exposures["request_id"].unique().sort().to_list() == ["r1", "r2"]
    assert log.read(EVER).feedback["request_id"].to_list() == ["r1", "r2"]


def test_quarantined_rows_keep_their_values_and_their_reason(log):
    bad = with_cell(tiny_log(), "feedback", "value", float("nan"))

    log.append(bad, quarantine=True, at=AT)
    log.append(bad, quarantine=True, at=AT)

    (kept,) = (log.root / "quarantine" / "feedback").iterdir()
    row = pl.read_parquet(kept).row(0, named=True)
    assert row["reason"] == "feedback.value.not_finite"
    assert row["value"] != row["value"]
    assert log.read(EVER).exposures.height == 9


def test_the_window_is_the_exposures_span_in_whole_hours(log):
    log.append(tiny_log(requests=20), at=AT)

    assert log.window() == Window(START, START + timedelta(hours=20))


def test_a_log_without_exposures_has_no_window(log):
    with pytest.raises(TooLittleData, match="holds no exposure"):
        log.window()


def test_a_window_holds_its_exposures_and_all_that_was_received_by_its_end(log):
    log.append(tiny_log(requests=4), at=AT)

    found = log.read(Window(START + timedelta(hours=1), START + timedelta(hours=2)))

    assert found.exposures["request_id"].unique().to_list() == ["r1"]
    assert found.feedback["request_id"].to_list() == ["r0", "r1"]


def test_surfaces_are_those_that_were_shown(log):
    tables = with_rows(tiny_log(), "exposures", [exposure(7, "a", 1, surface="follow")])

    log.append(tables, at=AT)

    assert log.surfaces() == ("follow", "for_you")


def test_context_that_only_some_days_have_is_null_on_the_others(log):
    log.append(tiny_log(requests=2), at=AT)
    later = tiny_log(requests=4)
    exposures = later.exposures.filter(
        pl.col("request_id").is_in(["r2", "r3"])
    ).with_columns(pl.lit(3, dtype=pl.Float32).alias("context_hour"))
    feedback = later.feedback.filter(pl.col("request_id").is_in(["r2", "r3"]))

    log.append(LogTables(exposures, feedback, later.items), at=AT)

    assert log.read(EVER).exposures["context_hour"].to_list() == [None] * 6 + [3.0] * 6


def test_a_new_version_of_an_item_joins_the_old(log):
    log.append(tiny_log(), at=AT)

    done = log.append(
        with_rows(tiny_log(), "items", [item("a", category="sport", valid_from=START)]),
        at=AT,
    )

    assert done.items == 1
    assert log.read(EVER).items.filter(item_id="a")["category"].to_list() == [
        "news",
        "sport",
    ]


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_part_is_named_and_not_parsed(log, damage):
    log.append(tiny_log(), at=AT)
    (part,) = (log.root / "exposures").rglob("*.parquet")
    if damage == "flip":
        flip_bit(part, part.stat().st_size // 2)
    else:
        part.write_bytes(part.read_bytes()[: 100 if damage == "truncate" else 0])

    with pytest.raises(IntegrityError, match=part.name):
        log.read(EVER)


def test_a_file_that_a_killed_write_left_behind_is_swept_up(log):
    log.append(tiny_log(requests=1), at=AT)
    torn = log.root / "exposures" / "day=2026-01-05" / ".0123456789abcdef.parquet.x1"
    torn.write_bytes(b"half")

    log.append(tiny_log(), at=AT)

    assert not torn.exists()
