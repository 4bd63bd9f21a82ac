"""Live intake: each row is judged by itself, against the log and against its own batch."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from sluice.data.batch import RefusedRow
from sluice.data.event_log import EventLog
from sluice.data.frames import empty_frame
from sluice.data.keyed_rows import key_hashes
from sluice.data.limits import CLOCK_AHEAD, MAX_CANDIDATES
from sluice.data.refusals import refused_row
from sluice.data.row_rules import (
    REQUEST_FACTS,
    exposure_rules,
    feedback_rules,
    item_rules,
)
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables, Window
from sluice.errors import SchemaError
from tests.lib.logs import (
    AT,
    START,
    event,
    exposure,
    frame,
    item,
    tiny_log,
    with_cell,
    with_rows,
)

EVER = Window(START - timedelta(days=30), AT + timedelta(days=30))
NAN = float("nan")


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "log")


def tables(exposures=(), feedback=(), items=()):
    return LogTables(
        frame("exposures", list(exposures)),
        frame("feedback", list(feedback)),
        frame("items", list(items)),
    )


def codes(taken):
    return [(row.table, row.row, row.code) for row in taken.refused]


def assert_holds(log, expected):
    rows = log.read(EVER)
    for table in TABLES:
        assert getattr(rows, table).equals(getattr(expected, table)), table


def test_what_was_taken_is_read_back(log):
    taken = log.take(tiny_log(), AT)

    assert (taken.accepted, taken.repeated, taken.refused, taken.position) == (15, 0, (), 1)
    assert_holds(log, tiny_log())
    assert_holds(EventLog(log.root), tiny_log())


def test_rows_that_are_there_already_are_repeated(log):
    log.take(tiny_log(), AT)

    again = log.take(tiny_log(requests=4), AT)

    assert (again.accepted, again.repeated, again.position) == (4, 15, 2)
    assert again.fresh.tables.exposures["request_id"].unique().to_list() == ["r3"]
    assert_holds(log, tiny_log(requests=4))


def test_a_batch_of_repeats_alone_adds_no_batch(log):
    log.take(tiny_log(), AT)

    again = log.take(tiny_log(), AT)

    assert (again.accepted, again.position, again.fresh) == (0, 1, None)
    assert log.position() == 1


@pytest.mark.parametrize("known_by", ["append", "take", "compaction"])
@pytest.mark.parametrize(
    ("table", "column", "value", "code"),
    [
        ("exposures", "score", 9.0, "exposures.conflict"),
        ("exposures", "score", None, "exposures.conflict"),
        ("feedback", "value", 2.0, "feedback.conflict"),
        ("items", "embedding", [0.5, 0.5], "items.conflict"),
    ],
)
def test_a_row_that_contradicts_the_log_is_refused_by_itself(
    log, known_by, table, column, value, code
):
    make_known(log, known_by)

    taken = log.take(with_cell(tiny_log(), table, column, value, row=1), AT)

    assert codes(taken) == [(table, 1, code)]
    assert (taken.accepted, taken.repeated) == (0, 14)
    assert_holds(log, tiny_log())


def make_known(log, by):
    if by == "append":
        log.append(tiny_log(), at=AT)
        return
    log.take(tiny_log(), AT - timedelta(hours=1))
    if by == "compaction":
        assert log.compact(timedelta(0), timedelta(0), AT).written == 3


@pytest.mark.parametrize("known_by", ["append", "take", "compaction"])
def test_a_request_may_grow_by_new_items(log, known_by):
    make_known(log, known_by)
    more = tables([exposure(0, "d", 4), exposure(0, "e", 5)], [event(0, "e")])

    taken = log.take(more, AT)

    assert (taken.accepted, taken.refused) == (3, ())
    shown = log.read(EVER).exposures.filter(request_id="r0")["item_id"].to_list()
    assert shown == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("known_by", ["append", "take", "compaction"])
@pytest.mark.parametrize(
    ("fact", "value"),
    [("ts", START + timedelta(hours=2)), ("user_id", "other"), ("surface", "follow")],
)
def test_a_request_grows_only_for_the_same_user_time_and_surface(
    log, known_by, fact, value
):
    make_known(log, known_by)
    more = tables([exposure(0, "d", 4), exposure(0, "e", 5, **{fact: value})])

    taken = log.take(more, AT)

    assert codes(taken) == [("exposures", 1, f"exposures.request.several_{fact}")]
    assert taken.refused[0].field == fact
    assert taken.accepted == 1


def test_within_a_batch_the_first_row_of_a_request_says_what_it_is(log):
    taken = log.take(
        tables([exposure(0, "a", 1), exposure(0, "b", 2, user_id="other")]), AT
    )

    assert codes(taken) == [("exposures", 1, "exposures.request.several_user_id")]
    assert taken.accepted == 1


def test_a_refused_row_does_not_say_what_its_request_is(log):
    rows = [exposure(0, "a", 1, user_id="other", score=NAN), exposure(0, "b", 2)]

    taken = log.take(tables(rows), AT)

    assert codes(taken) == [("exposures", 0, "exposures.score.not_finite")]
    assert taken.accepted == 1


def test_a_row_twice_in_a_batch_is_repeated_and_in_two_ways_refused(log):
    batch = tables(
        [exposure(0, "a", 1), exposure(0, "a", 1), exposure(0, "a", 2)],
        [event(0, "a"), event(0, "a", value=2.0), event(0, "a")],
        [item("a"), item("a", category="sport"), item("a")],
    )

    taken = log.take(batch, AT)

    assert (taken.accepted, taken.repeated) == (3, 3)
    assert codes(taken) == [
        ("exposures", 2, "exposures.conflict"),
        ("feedback", 1, "feedback.conflict"),
        ("items", 1, "items.conflict"),
    ]


def test_feedback_on_a_refused_exposure_is_refused_and_on_its_neighbours_is_not(log):
    batch = tables(
        [exposure(0, "a", 1), exposure(0, "b", -1)], [event(0, "a"), event(0, "b")]
    )

    taken = log.take(batch, AT)

    assert codes(taken) == [
        ("exposures", 1, "exposures.position.below_1"),
        ("feedback", 1, "feedback.item.not_shown"),
    ]
    assert taken.accepted == 2


@pytest.mark.parametrize("known_by", ["append", "take", "compaction"])
def test_feedback_finds_its_request_wherever_it_is_kept(log, known_by):
    make_known(log, known_by)
    late = [
        event(0, "a", "like"),
        event(1, "z", "like"),
        event(2, "b", "like", user_id="other"),
        event(9, "b", "like"),
        event(0, "z", "like", request_id=None),
        event(0, "a", "hide", ts=START - timedelta(hours=1)),
    ]

    taken = log.take(tables(feedback=late), AT)

    assert codes(taken) == [
        ("feedback", 1, "feedback.item.not_shown"),
        ("feedback", 2, "feedback.user.differs"),
        ("feedback", 3, "feedback.request.unknown"),
        ("feedback", 5, "feedback.ts.before_exposure"),
    ]
    assert taken.fresh.surfaces.to_list() == ["for_you", None]


def test_a_clock_may_be_a_little_ahead(log):
    soon = AT + CLOCK_AHEAD
    later = soon + timedelta(microseconds=1)

    taken = log.take(
        tables([exposure(0, "a", 1, ts=soon), exposure(1, "a", 1, ts=later)]), AT
    )

    assert codes(taken) == [("exposures", 1, "exposures.ts.in_the_future")]


def test_a_request_grows_to_the_limit_and_no_further(log):
    first = [exposure(0, f"i{n}", n + 1) for n in range(MAX_CANDIDATES - 1)]
    log.take(tables(first), AT)

    taken = log.take(tables([exposure(0, "y", 1), exposure(0, "z", 2)]), AT)

    assert codes(taken) == [("exposures", 1, "exposures.request.too_large")]
    assert taken.accepted == 1


def test_another_schema_is_refused_before_any_row_is_judged(log):
    with pytest.raises(SchemaError, match="exposures: missing column position"):
        log.take(replace(tiny_log(), exposures=tiny_log().exposures.drop("position")), AT)


def test_a_row_refused_once_may_come_again_mended(log):
    log.take(with_cell(tiny_log(), "exposures", "position", 0, row=1), AT)

    mended = log.take(tiny_log(), AT)

    assert mended.refused == ()
    rows = log.read(EVER).exposures
    assert rows.sort("ts", "position").equals(tiny_log().exposures)


def test_context_that_only_some_batches_have_is_null_in_the_others(log):
    log.take(tiny_log(), AT)
    with_hour = pl.DataFrame([exposure(5, "a", 1)], schema=empty_frame("exposures").schema)
    with_hour = with_hour.with_columns(pl.lit(3, pl.Float32).alias("context_hour"))

    log.take(replace(tables(), exposures=with_hour), AT)

    assert log.read(EVER).exposures["context_hour"].to_list() == [None] * 9 + [3.0]
    assert log.take(replace(tables(), exposures=with_hour), AT).repeated == 1


def test_a_hash_alone_never_decides(log, monkeypatch):
    """Where all keys have one hash, everything still is as it is."""
    monkeypatch.setattr(
        "sluice.data.lookup.key_hashes", lambda table, frame: key_hashes(table, frame) * 0
    )
    monkeypatch.setattr(
        "sluice.data.keyed_rows.key_hashes",
        lambda table, frame: key_hashes(table, frame) * 0,
    )
    monkeypatch.setattr(
        "sluice.data.part_keys.key_hashes",
        lambda table, frame: key_hashes(table, frame) * 0,
    )
    make_known(log, "compaction")

    taken = log.take(
        with_rows(tiny_log(requests=4), "feedback", [event(7, "a"), event(0, "z")]), AT
    )

    assert (taken.accepted, taken.repeated) == (4, 15)
    assert [code for _, _, code in codes(taken)] == [
        "feedback.request.unknown",
        "feedback.item.not_shown",
    ]


def all_rules():
    context = tiny_log().exposures.with_columns(pl.lit(1, pl.Float32).alias("context_x"))
    yield from (("exposures", rule.name) for rule in exposure_rules(context))
    yield from (("feedback", rule.name) for rule in feedback_rules())
    yield from (("items", rule.name) for rule in item_rules())
    yield from (
        ("exposures", f"exposures.request.several_{fact}") for fact in REQUEST_FACTS
    )
    yield "exposures", "exposures.request.too_large"
    yield from ((table, f"{table}.conflict") for table in TABLES)


@pytest.mark.parametrize(("table", "code"), list(all_rules()))
def test_every_rule_says_in_words_why(table, code):
    row = refused_row(table, 3, code)

    assert isinstance(row, RefusedRow)
    assert row.message.startswith("Cannot take this row because ")
    assert "None" not in row.message
    columns = [*TABLES[table].names, "context_x"]
    assert row.field in columns if not code.endswith(".conflict") else row.field is None
