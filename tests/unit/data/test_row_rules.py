"""Every kind of broken row is counted under the rule that names it, and under no other."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sluice.data.frames import empty_frame
from sluice.data.limits import CLOCK_AHEAD, MAX_CANDIDATES, MAX_ID_CHARACTERS
from sluice.data.row_rules import find_faults, refuse
from sluice.data.schema import TABLES, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import BadRows
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

NAN, INF = float("nan"), float("inf")
SECONDS_READ_AS_MICROSECONDS = datetime(1970, 1, 1, 0, 29, tzinfo=UTC)
MILLISECONDS_READ_AS_SECONDS = datetime(9000, 1, 1, tzinfo=UTC)


def counts(tables, **arguments):
    return find_faults(tables, AT, **arguments).counts


def test_a_sound_log_breaks_no_rule():
    assert counts(tiny_log()) == {}


def test_empty_tables_break_no_rule():
    empty = LogTables(
        empty_frame("exposures"), empty_frame("feedback"), empty_frame("items")
    )

    assert counts(empty) == {}


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("exposures", "item_id", None, "exposures.item_id.null"),
        ("exposures", "item_id", "", "exposures.item_id.empty"),
        ("exposures", "release", "", "exposures.release.empty"),
        ("exposures", "position", 0, "exposures.position.below_1"),
        ("exposures", "position", -3, "exposures.position.below_1"),
        ("exposures", "propensity", 0.0, "exposures.propensity.not_in_0_1"),
        ("exposures", "propensity", -0.0, "exposures.propensity.not_in_0_1"),
        ("exposures", "propensity", 1.0000001, "exposures.propensity.not_in_0_1"),
        ("exposures", "propensity", 5e-324, "exposures.propensity.not_in_0_1"),
        ("exposures", "propensity", NAN, "exposures.propensity.not_finite"),
        ("exposures", "propensity", INF, "exposures.propensity.not_finite"),
        ("exposures", "score", -INF, "exposures.score.not_finite"),
        ("exposures", "user_id", "someone", "exposures.request.several_user_id"),
        ("exposures", "surface", "follow", "exposures.request.several_surface"),
        ("feedback", "user_id", None, "feedback.user_id.null"),
        ("feedback", "item_id", "unseen", "feedback.item.not_shown"),
        ("feedback", "request_id", "r99", "feedback.request.unknown"),
        ("feedback", "user_id", "someone", "feedback.user.differs"),
        ("feedback", "kind", "clik", "feedback.kind.unknown"),
        ("feedback", "value", NAN, "feedback.value.not_finite"),
        ("feedback", "value", INF, "feedback.value.not_finite"),
        ("feedback", "value", -1.0, "feedback.value.negative"),
        ("feedback", "value", -0.0, "feedback.value.negative"),
        ("feedback", "value", 5e-324, "feedback.value.denormal"),
        ("feedback", "value", 1e308, "feedback.value.too_large"),
        ("feedback", "value", None, "feedback.value.null"),
        (
            "feedback",
            "received_ts",
            START - timedelta(days=1),
            "feedback.received_ts.before_ts",
        ),
        (
            "feedback",
            "received_ts",
            AT + CLOCK_AHEAD + timedelta(microseconds=1),
            "feedback.received_ts.in_the_future",
        ),
        ("items", "quality", 1.5, "items.quality.not_in_0_1"),
        ("items", "quality", NAN, "items.quality.not_finite"),
        ("items", "embedding", [0.0, NAN], "items.embedding.not_finite"),
        ("items", "embedding", [0.0, None], "items.embedding.not_finite"),
        ("items", "valid_from", None, "items.valid_from.null"),
        (
            "items",
            "valid_from",
            SECONDS_READ_AS_MICROSECONDS,
            "items.valid_from.before_1990",
        ),
        ("items", "category", "", "items.category.empty"),
    ],
)
def test_a_broken_cell_is_counted_under_its_rule(table, column, value, rule):
    assert counts(with_cell(tiny_log(), table, column, value, row=2)) == {rule: 1}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, field.name)
        for table, schema in TABLES.items()
        for field in schema
        if field.type == "string" and field.name != "kind"
    ],
)
def test_every_text_may_have_as_many_characters_as_the_limit_says(table, column):
    longest = "ø" * MAX_ID_CHARACTERS

    assert f"{table}.{column}.too_long" not in counts(
        with_cell(tiny_log(), table, column, longest)
    )
    assert (
        counts(with_cell(tiny_log(), table, column, longest + "x"))[
            f"{table}.{column}.too_long"
        ]
        == 1
    )


@pytest.mark.parametrize("value", [NAN, INF])
def test_context_must_be_finite(value):
    tables = tiny_log()
    context = pl.Series("context_hour", [value, *[None] * 8], dtype=pl.Float32)
    broken = LogTables(
        tables.exposures.with_columns(context), tables.feedback, tables.items
    )

    assert counts(broken) == {"exposures.context_hour.not_finite": 1}


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("relevance", 2.5, "feedback.relevance.not_a_grade"),
        ("relevance", 99.0, "feedback.relevance.not_a_grade"),
        ("rating", 5.5, "feedback.rating.not_in_0_5"),
        ("relevance", 4.0, None),
        ("relevance", 0.0, None),
        ("rating", 3.5, None),
        ("dwell", 1799.0, None),
    ],
)
def test_values_stay_within_their_kinds_scale(kind, value, rule):
    tables = with_rows(tiny_log(), "feedback", [event(0, "a", kind, value=value)])

    assert counts(tables) == ({rule: 1} if rule else {})


def test_a_negative_grade_is_no_grade():
    tables = with_rows(tiny_log(), "feedback", [event(0, "a", "relevance", value=-1.0)])

    assert set(counts(tables)) == {
        "feedback.relevance.not_a_grade",
        "feedback.value.negative",
    }


@pytest.mark.parametrize("kind", list(FeedbackKind))
def test_every_declared_kind_is_known(kind):
    assert counts(with_rows(tiny_log(), "feedback", [event(0, "a", str(kind))])) == {}


def test_a_candidate_shown_twice_is_counted_with_its_double():
    tables = with_rows(tiny_log(), "exposures", [exposure(0, "a", 4)])

    assert counts(tables) == {"exposures.duplicate_candidate": 2}


def test_one_request_at_two_times_is_several_requests_under_one_name():
    late = exposure(0, "d", 4, ts=START + timedelta(minutes=5))

    found = counts(with_rows(tiny_log(), "exposures", [late]))

    assert found == {"exposures.request.several_ts": 1}


def test_a_request_may_not_exceed_the_limit_of_candidates():
    huge = [exposure(0, f"i{number}", number + 1) for number in range(MAX_CANDIDATES + 1)]
    tables = LogTables(
        frame("exposures", huge), empty_frame("feedback"), empty_frame("items")
    )

    assert counts(tables) == {"exposures.request.too_large": MAX_CANDIDATES + 1}


def test_a_request_of_one_candidate_is_allowed():
    one = frame("exposures", [exposure(0, "a", 1)])

    assert counts(LogTables(one, empty_frame("feedback"), empty_frame("items"))) == {}


@pytest.mark.parametrize(
    ("ts", "rule"),
    [
        (AT + CLOCK_AHEAD + timedelta(microseconds=1), "exposures.ts.in_the_future"),
        (AT + CLOCK_AHEAD, None),
        (MILLISECONDS_READ_AS_SECONDS, "exposures.ts.in_the_future"),
        (SECONDS_READ_AS_MICROSECONDS, "exposures.ts.before_1990"),
        (AT, None),
    ],
)
def test_times_out_of_this_world_are_refused(ts, rule):
    exposures = frame("exposures", [exposure(0, "a", 1, ts=ts)])
    tables = LogTables(exposures, empty_frame("feedback"), empty_frame("items"))

    assert counts(tables) == ({rule: 1} if rule else {})


def test_a_label_from_before_its_impression_is_refused():
    early = START - timedelta(seconds=1)
    tables = with_rows(tiny_log(), "feedback", [event(0, "a", ts=early, received_ts=early)])

    assert counts(tables) == {"feedback.ts.before_exposure": 1}


def test_feedback_outside_any_request_needs_no_exposure():
    tables = with_rows(tiny_log(), "feedback", [event(0, "elsewhere", request_id=None)])

    assert counts(tables) == {}


def test_feedback_may_answer_a_request_of_an_earlier_batch():
    tables = tiny_log()
    late = LogTables(empty_frame("exposures"), tables.feedback, empty_frame("items"))

    assert counts(late) == {"feedback.request.unknown": 3}
    assert counts(late, earlier=tables.exposures) == {}


def test_one_event_told_in_two_ways_is_refused():
    tables = with_rows(tiny_log(), "feedback", [event(0, "b", value=2.0)])

    assert counts(tables) == {"feedback.duplicate_event": 2}


def test_two_versions_of_an_item_at_one_time_are_refused():
    tables = with_rows(tiny_log(), "items", [item("a", category="sport")])

    assert counts(tables) == {"items.duplicate_version": 2}


def test_the_refusal_lists_every_rule_with_its_count():
    with pytest.raises(
        BadRows, match=r"week\.parquet.*a\.b\.null: 3; c\.d\.empty: 1"
    ) as caught:
        refuse({"c.d.empty": 1, "a.b.null": 3}, "week.parquet")

    assert caught.value.counts == {"a.b.null": 3, "c.d.empty": 1}


def test_a_row_that_breaks_two_rules_gives_both_as_its_reason():
    tables = with_cell(tiny_log(), "exposures", "position", 0)
    tables = with_cell(tables, "exposures", "score", NAN)

    reasons = find_faults(tables, AT).reasons("exposures")

    assert reasons[0] == "exposures.position.below_1, exposures.score.not_finite"
    assert reasons[1:].null_count() == 8
