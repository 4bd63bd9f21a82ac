"""Confirmations of what was shown, held against what was answered."""

from datetime import UTC, datetime

import polars as pl
import pytest

from sluice.data.frames import conform
from sluice.serving.served_exposures import complete_exposures, shown_exposures
from sluice.serving.served_request import ServedRequest
from tests.lib.predictions import prediction

AT = datetime(1970, 1, 1, 0, 0, 0, 7, tzinfo=UTC)
SERVED = {"r7": [ServedRequest.of(prediction(7), "for_you")]}
WHOLE = {
    "request_id": "r7", "user_id": "u", "surface": "for_you", "ts": AT, "item_id": "a",
    "position": 2, "propensity": 0.5, "score": 0.1 + 0.2, "release": "e" * 64,
    "context_hour": 7.0, "context_seen": 1.0,
}  # fmt: skip
OTHERWISE = {
    "user_id": "somebody", "surface": "search", "ts": datetime(1970, 1, 2, tzinfo=UTC),
    "position": 1, "propensity": 0.25, "score": 0.3001, "release": "d" * 64,
    "context_hour": 8.0, "context_seen": 2.0,
}  # fmt: skip


def frame(*rows):
    types = {
        "ts": pl.Datetime("us", "UTC"),
        "position": pl.Int32,
        "context_hour": pl.Float32,
        "context_seen": pl.Float32,
    }
    names = {name for row in rows for name in row}
    full = [{name: row.get(name) for name in sorted(names)} for row in rows]
    return pl.DataFrame(
        full, schema_overrides={k: v for k, v in types.items() if k in names}
    )


def test_ids_alone_become_whole_exposures():
    done = complete_exposures(frame({"request_id": "r7", "item_id": "a"}), SERVED)

    assert done.refused == ()
    assert done.rows == (0,)
    assert conform("exposures", done.frame).rows(named=True) == [WHOLE]


def test_what_is_repeated_rightly_is_taken():
    said = WHOLE | {"score": 0.300000012, "propensity": 0.5000000001}
    done = complete_exposures(frame(said), SERVED)

    assert done.refused == ()
    assert done.frame.rows(named=True) == [WHOLE]


@pytest.mark.parametrize("field", list(OTHERWISE))
def test_what_says_otherwise_is_refused_by_itself(field):
    rows = frame(
        {"request_id": "r7", "item_id": "c"}, WHOLE | {field: OTHERWISE[field]}, WHOLE
    )
    done = complete_exposures(rows, SERVED)
    (refused,) = done.refused

    assert (refused.row, refused.field) == (1, field)
    assert refused.code == f"exposures.{field}.contradicts_served"
    assert str(OTHERWISE[field]) not in refused.message
    assert done.rows == (0, 2)
    assert done.frame["item_id"].to_list() == ["c", "a"]


def test_an_item_that_was_not_answered_is_refused():
    rows = frame({"request_id": "r7", "item_id": "z"}, {"request_id": "r7", "item_id": "b"})
    done = complete_exposures(rows, SERVED)

    assert [each.code for each in done.refused] == ["exposures.item_id.not_served"]
    assert done.frame["position"].to_list() == [3]


def test_an_item_without_a_slot_was_not_answered():
    partly = {"r7": [ServedRequest.of(prediction(7, order=(2,), propensities=(1.0,)), "s")]}
    done = complete_exposures(frame({"request_id": "r7", "item_id": "a"}), partly)

    assert [each.code for each in done.refused] == ["exposures.item_id.not_served"]


def test_requests_of_others_are_taken_as_they_are():
    theirs = WHOLE | {"request_id": "x", "score": None, "propensity": None}
    done = complete_exposures(frame(theirs), SERVED)

    assert done.refused == ()
    assert done.frame.rows(named=True) == [theirs]


def test_a_retry_is_held_against_the_answer_that_was_shown():
    # The client asked twice under one id; items c and d were in the second answer alone.
    first = prediction(7)
    second = first._replace(ts=9, candidates=("a", "d", "c"))
    answers = {"r7": [ServedRequest.of(each, "for_you") for each in (second, first)]}
    shown_first = complete_exposures(
        frame({"request_id": "r7", "item_id": "a"}, {"request_id": "r7", "item_id": "b"}),
        answers,
    )
    shown_second = complete_exposures(
        frame({"request_id": "r7", "item_id": "a"}, {"request_id": "r7", "item_id": "d"}),
        answers,
    )
    either = complete_exposures(frame({"request_id": "r7", "item_id": "a"}), answers)

    assert shown_first.refused == shown_second.refused == either.refused == ()
    assert shown_first.frame["ts"].dt.timestamp("us").to_list() == [7, 7]
    assert shown_second.frame["ts"].dt.timestamp("us").to_list() == [9, 9]
    assert either.frame["ts"].dt.timestamp("us").to_list() == [9]


def test_no_row_is_no_row():
    done = complete_exposures(frame(WHOLE).clear(), SERVED)

    assert done.frame.is_empty()
    assert done.refused == ()


def test_answers_that_are_declared_shown_are_exposures_down_to_the_slot():
    shown = shown_exposures([prediction(7), prediction(8, context={})], "for_you", 2)

    assert shown.select("request_id", "item_id", "position").rows() == [
        ("r7", "c", 1), ("r7", "a", 2), ("r8", "c", 1), ("r8", "a", 2),
    ]  # fmt: skip
    assert shown.row(1, named=True) == WHOLE
    assert shown["context_hour"].to_list() == [7.0, 7.0, None, None]


def test_an_id_that_was_answered_twice_is_shown_once():
    shown = shown_exposures([prediction(7), prediction(7, ts=9)], "for_you", 3)

    assert shown["ts"].dt.timestamp("us").to_list() == [7, 7, 7]


def test_no_answer_is_no_exposure():
    assert shown_exposures([], "for_you", 3).is_empty()
