"""Delays of live events, and of nothing else."""

import polars as pl
import pytest

from sluice.metrics.parity_report import Spread
from sluice.serving.delays import event_delays, spread_of
from sluice.serving.parity_feed import ACCEPTED, Feed
from tests.lib.served import HOUR, SECOND, rows, until

DAY = 24 * HOUR


def by_kind(feed, start, end):
    return {each.kind: each.spread for each in event_delays(feed, start, end)}


def test_delays_are_told_by_kind_over_what_became_available_in_the_window():
    delay = {"exposures": 2, "feedback": 30, "items": 600}
    feed = Feed.of(rows(lambda table: pl.lit(delay[table] * SECOND)))
    whole = by_kind(feed, until(), until() + DAY)

    assert set(whole) > {"exposure", "click", "item"}
    assert (whole["exposure"].p50_s, whole["exposure"].p95_s) == (2.0, 2.0)
    assert whole["click"].p95_s == 30.0
    assert whole["item"].p95_s == 600.0
    assert by_kind(feed, until() + 30 * DAY, until() + 31 * DAY) == {}
    halves = [
        by_kind(feed, until() + nth * DAY // 2, until() + (nth + 1) * DAY // 2)
        for nth in (0, 1)
    ]
    assert sum(half["exposure"].count for half in halves) == whole["exposure"].count


def test_what_was_ingested_in_bulk_says_nothing_of_the_way_that_live_events_take():
    feed = Feed.of(rows(lambda _: pl.lit(DAY), live=False))

    assert event_delays(feed, until(), until() + DAY) == ()


def test_what_came_before_its_time_is_not_late():
    feed = Feed.of(rows(lambda _: pl.lit(-5 * SECOND)))

    assert {each.p95_s for each in by_kind(feed, until(), until() + DAY).values()} == {0.0}
    assert feed.rows.exposures[ACCEPTED].dtype == pl.Int64


@pytest.mark.parametrize(
    ("seconds", "spread"),
    [([], None), ([3.0], Spread(1, 3.0, 3.0)), (list(range(1, 101)), Spread(100, 51.0, 96.0)),
     ([1.0, 9.0], Spread(2, 9.0, 9.0))],
)  # fmt: skip
def test_a_spread_is_of_values_that_were_seen(seconds, spread):
    assert spread_of(seconds) == spread
