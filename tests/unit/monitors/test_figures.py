"""Figures over whole tables, on a log small enough to count by hand."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from sluice.data.schema import FeedbackKind
from sluice.monitors.figures import (
    broken_share,
    comparable,
    log_figures,
    log_shape,
    misfits,
    table_shape,
)
from sluice.monitors.suites import Check, Rule
from tests.lib.monitors import empty_log, sound_log

LOG = sound_log(requests=60, candidates=5, days=3)


def figures(tables):
    return log_figures(tables, FeedbackKind.CLICK, log_shape(tables))


def test_a_sound_log_has_the_figures_counted_by_hand():
    found = figures(LOG)

    assert found["requests"] == 60
    assert found["labelled_requests"] == 20 / 60
    assert found["labelled_rows"] == 20 / 300
    assert found["label_grades"] == 2
    assert found["covered_days"] == 1
    assert found["orphan_feedback"] == found["shown_items_without_facts"] == 0


FAULTS = {
    "orphan_feedback": (
        lambda log: replace(
            log, exposures=log.exposures.filter(pl.col("request_id") != "r3")
        ),
        1 / 20,
    ),
    "feedback_before_exposure": (
        lambda log: replace(
            log, feedback=log.feedback.with_columns(pl.col("ts") - timedelta(seconds=60))
        ),
        19,  # the first request's click now lies before the window and is nobody's
    ),
    "feedback_by_another_user": (
        lambda log: replace(log, feedback=log.feedback.with_columns(user_id=pl.lit("u0"))),
        17,  # of the 20 clicking requests 0, 3, 6 .. 57, those divisible by 7 are u0's own
    ),
    "shown_items_without_facts": (
        lambda log: replace(log, items=log.items.filter(pl.col("item_id") != "i0")),
        1 / 20,
    ),
    "label_grades": (lambda log: replace(log, feedback=log.feedback.clear()), 1),
    "covered_days": (
        lambda log: replace(
            log, exposures=log.exposures.filter(pl.col("ts").dt.day() != 5)
        ),
        2 / 3,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_moves_its_figure(name):
    spoil, expected = FAULTS[name]

    assert figures(spoil(LOG))[name] == pytest.approx(expected)


def test_feedback_from_before_the_window_says_that_the_log_goes_on_before_it():
    later = replace(LOG, exposures=LOG.exposures.filter(pl.col("ts").dt.day() > 4))

    assert log_shape(LOG).starts_inside
    assert not log_shape(later).starts_inside


def test_no_exposures_leave_nothing_to_join():
    assert figures(empty_log()).keys() == {
        "exposures.misfit_columns",
        "feedback.misfit_columns",
        "items.misfit_columns",
        "requests",
    }


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda frame: frame, ()),
        (lambda frame: frame.drop("score"), ("score",)),
        (lambda frame: frame.with_columns(extra=1), ("extra",)),
        (lambda frame: frame.rename({"ts": "time"}), ("time", "ts")),
        (lambda frame: frame.with_columns(pl.col("ts").cast(pl.Int64)), ("ts",)),
        (
            lambda frame: frame.with_columns(pl.col("context_device").cast(pl.String)),
            ("context_device",),
        ),
        (lambda frame: frame.select(reversed(frame.columns)), ()),
    ],
)
def test_misfits_name_the_columns_that_are_not_as_declared(spoil, expected):
    assert misfits("exposures", spoil(LOG.exposures)) == expected


def test_a_column_of_nothing_but_nan_counts_as_unknown():
    frame = LOG.exposures.with_columns(score=pl.lit(float("nan")))

    assert "score" not in table_shape("exposures", frame).filled


ROWS = pl.DataFrame(
    {"a": [1.0, 2.0, None, float("nan")], "b": [1.0, 3.0, 1.0, 1.0], "k": list("xxyz")}
)


@pytest.mark.parametrize(
    ("check", "share"),
    [
        (Check("c", Rule.FILLED, ("a",)), 2 / 4),
        (Check("c", Rule.BETWEEN, ("a",), low=2, high=9), 1 / 4),
        (Check("c", Rule.BETWEEN, ("b",), high=2), 1 / 4),
        (Check("c", Rule.MEMBER, ("k",), members=("x", "y")), 1 / 4),
        (Check("c", Rule.UNIQUE, ("k",)), 2 / 4),
        (Check("c", Rule.ORDERED, ("a", "b")), 1 / 4),
    ],
)
def test_broken_share_counts_the_rows_that_break_a_rule(check, share):
    assert broken_share(check, comparable(ROWS)) == share


def test_no_rows_break_no_rule():
    assert broken_share(Check("c", Rule.FILLED, ("a",)), ROWS.clear()) == 0
