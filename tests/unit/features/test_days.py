"""A log folded day by day, in order or side by side, gives the frames of one replay."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings

from sluice.data.generated import FeedConfig, generate, generate_days
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state.parallel import replay_days_in_parallel
from sluice.features.state.replay import replay, replay_days
from tests.lib.random_logs import START, eventful_logs, log

SPEC = FeatureSpec(
    windows=("1h", "1d"),
    half_lives=("1h", "1d"),
    affinity=("provider", "category"),
    transitions=3,
    similarity=2,
    counters=(
        CounterSpec(
            key="previous_item", event="click", windows=("2d",), half_lives=("1d",)
        ),
        CounterSpec(key="user_category", event="exposure", windows=("1d",), since=True),
    ),
    relative=("rank", "z"),
    relative_of=("item.ctr.1d",),
)


def _days(tables: LogTables) -> list[LogTables]:
    """What became known on each day, facts with the first; a day that showed nothing joins the next."""
    ends = [START + timedelta(days=number) for number in range(1, 7)]
    shown, told = tables.exposures["ts"], tables.feedback["received_ts"]
    days, start = [], START - timedelta(days=1)
    for end in ends:
        exposures = tables.exposures.filter((shown >= start) & (shown < end))
        if exposures.is_empty():
            continue
        feedback = tables.feedback.filter((told >= start) & (told < end))
        items = tables.items if not days else tables.items[:0]
        days.append(LogTables(exposures, feedback, items))
        start = end
    return days


def _same(frames, expected) -> bool:
    return np.array_equal(
        np.concatenate([frame.features for frame in frames]),
        expected.features,
        equal_nan=True,
    )


@settings(max_examples=30, deadline=None)
@given(eventful_logs())
def test_days_give_the_bits_of_one_replay(tables):
    expected = replay(SPEC, FeedbackKind.CLICK, tables).frame

    assert _same(replay_days(SPEC, FeedbackKind.CLICK, _days(tables)), expected)


@settings(max_examples=15, deadline=None)
@given(eventful_logs())
def test_days_side_by_side_give_the_bits_of_one_replay(tables):
    expected = replay(SPEC, FeedbackKind.CLICK, tables).frame
    frames = replay_days_in_parallel(SPEC, FeedbackKind.CLICK, _days(tables), workers=3)

    assert _same(frames, expected)


def test_a_feed_in_days_is_the_feed_at_once_within_the_horizon():
    config = FeedConfig(days=4, requests_per_day=60, users=30, items_per_day=30)
    days = [day.tables for day in generate_days(config)]
    expected = replay(SPEC, FeedbackKind.CLICK, generate(config).tables).frame
    forgetful = SPEC.model_copy(update={"horizon": "7d"})

    # A day's table holds what happened in it, of which some is known only on the next.
    assert _same(replay_days(forgetful, FeedbackKind.CLICK, days), expected)
    frames = list(replay_days_in_parallel(SPEC, FeedbackKind.CLICK, days, workers=2))
    assert _same(frames, expected)
    people = np.concatenate([frame.users for frame in frames])
    assert len(set(zip(people, expected.users, strict=True))) == len(set(people))


def test_a_day_that_comes_too_late_is_refused():
    early, late = (
        log([(0, "u", ["a"]), (60, "u", ["a"])]),
        log([(90_000, "u", ["a"]), (90_060, "u", ["b"])]),
    )

    with pytest.raises(DataError, match="push events in the order"):
        list(replay_days(SPEC, FeedbackKind.CLICK, [late, early]))
