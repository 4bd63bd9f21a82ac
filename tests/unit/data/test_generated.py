import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.data.generated import FeedConfig, generate, generate_days
from sluice.data.row_rules import find_faults
from sluice.data.schema import CONTEXT_PREFIX
from sluice.errors import ConfigError

AT = datetime(2026, 6, 1, tzinfo=UTC)
SMALL = FeedConfig(days=2, requests_per_day=120, users=40, items_per_day=60, candidates=10)


@pytest.fixture(scope="module")
def feed():
    return generate(FeedConfig(days=3))


def judged(feed):
    """Exposures with `clicked` and the true relevance."""
    clicks = feed.tables.feedback.filter(kind="click").select(
        "request_id", "item_id", pl.lit(value=True).alias("clicked")
    )
    return (
        feed.tables.exposures.join(clicks, on=["request_id", "item_id"], how="left")
        .join(feed.truth, on=["request_id", "item_id"], validate="1:1")
        .with_columns(pl.col("clicked").fill_null(value=False))
    )


def test_the_feed_breaks_no_row_rule(feed):
    assert find_faults(feed.tables, AT).counts == {}


def test_the_same_seed_gives_the_same_feed_and_another_another():
    assert generate(SMALL).tables.exposures.equals(generate(SMALL).tables.exposures)
    assert not generate(replace(SMALL, seed=8)).tables.exposures.equals(
        generate(SMALL).tables.exposures
    )


def test_a_longer_feed_begins_with_the_shorter_one():
    short, long = generate(SMALL), generate(replace(SMALL, days=3))
    rows = short.tables.exposures.height

    assert long.tables.exposures.head(rows).equals(short.tables.exposures)
    assert long.truth.head(rows).equals(short.truth)
    assert short.tables.feedback.join(
        long.tables.feedback, on=short.tables.feedback.columns, how="anti", nulls_equal=True
    ).is_empty()


def test_days_appended_one_by_one_are_the_whole_feed(tmp_path):
    by_day, at_once = EventLog(tmp_path / "days"), EventLog(tmp_path / "whole")
    for day in generate_days(SMALL):
        by_day.append(day.tables, at=AT)
    at_once.append(generate(SMALL).tables, at=AT)

    found, expected = (log.read(log.window()) for log in (by_day, at_once))
    assert found.exposures.equals(expected.exposures)
    assert found.feedback.equals(expected.feedback)
    assert found.items.equals(expected.items)


def test_the_truth_stays_out_of_the_tables(feed):
    assert "relevance" not in feed.tables.exposures.columns
    assert feed.tables.feedback.filter(kind="relevance").is_empty()
    context = [
        name for name in feed.tables.exposures.columns if name.startswith(CONTEXT_PREFIX)
    ]
    assert context == ["context_device", "context_hour"]


def test_every_declared_part_of_a_feed_is_there(feed):
    assert feed.tables.exposures["surface"].unique().sort().to_list() == [
        "follow",
        "for_you",
    ]
    assert set(feed.tables.feedback["kind"]) == {"click", "dwell", "share", "hide"}
    assert feed.tables.items["provider_id"].n_unique() > 30
    assert feed.tables.items["category"].n_unique() == 12


def test_some_requests_have_no_click_and_most_have_one(feed):
    with_click = feed.tables.feedback.filter(kind="click")["request_id"].n_unique()

    assert 0.5 < with_click / feed.tables.exposures["request_id"].n_unique() < 0.9


def test_requests_have_the_mean_number_of_candidates_and_positions_from_one(feed):
    sizes = feed.tables.exposures.group_by("request_id").agg(
        pl.len(), pl.col("position").max()
    )

    assert 19 < sizes["len"].mean() < 21
    assert (sizes["len"] == sizes["position"]).all()


def test_propensities_are_those_of_plackett_luce(feed):
    slate = feed.tables.exposures.filter(request_id=feed.tables.exposures["request_id"][0])
    weight = np.exp(slate["score"].to_numpy())

    expected = [weight[k] / weight[k:].sum() for k in range(len(weight))]
    np.testing.assert_allclose(slate["propensity"].to_numpy(), expected, rtol=1e-6)


def test_the_inverse_propensity_of_the_first_slot_averages_to_the_slate_size(feed):
    """E[1 / P(item shown first)] is the number of candidates, if the propensities are true."""
    first = feed.tables.exposures.filter(position=1)
    sizes = feed.tables.exposures.group_by("request_id").len()
    rows = first.join(sizes, on="request_id")

    ratio = (1 / rows["propensity"] / rows["len"]).to_numpy()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_clicks_follow_examination_times_relevance(feed):
    rows = judged(feed).with_columns(
        (pl.col("relevance") * pl.col("position") ** -FeedConfig().position_bias).alias(
            "expected"
        )
    )
    by_slot = rows.group_by("position").agg(pl.len(), pl.col("clicked", "expected").mean())

    error = (by_slot["clicked"] - by_slot["expected"]).abs()
    spread = (by_slot["expected"] * (1 - by_slot["expected"]) / by_slot["len"]).sqrt()
    assert (error <= 4.5 * spread).all()


def test_items_fade(feed):
    rows = judged(feed).join(feed.tables.items, on="item_id")
    age = (pl.col("ts") - pl.col("published_at")).dt.total_hours()

    fresh, old = (rows.filter(which)["relevance"].mean() for which in (age < 3, age > 24))
    assert fresh > 1.3 * old


def test_nothing_is_shown_before_its_publication(feed):
    rows = feed.tables.exposures.join(feed.tables.items, on="item_id", how="left")

    assert (rows["published_at"] <= rows["ts"]).all()


def test_receipt_comes_after_the_event_and_sometimes_much_later(feed):
    clicks = feed.tables.feedback.filter(kind="click")
    delay = (clicks["received_ts"] - clicks["ts"]).dt.total_seconds()

    assert (delay >= 0).all()
    assert delay.quantile(0.5) < 60
    assert delay.max() > 600


def test_traffic_has_a_daily_rhythm(feed):
    hours = feed.tables.exposures.unique("request_id")["ts"].dt.hour().value_counts()

    assert hours["count"].max() > 2 * hours["count"].min()


def test_two_hundred_thousand_exposures_take_seconds():
    started = time.perf_counter()

    exposures = generate(FeedConfig()).tables.exposures

    assert 190_000 < exposures.height < 210_000
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"days": 0}, "feed days is 0"),
        ({"surfaces": ()}, "name at least one"),
        ({"surfaces": ("a", "a")}, "none twice"),
        ({"start": SMALL.start.replace(tzinfo=None)}, "zone"),
        ({"position_bias": -1.0}, "must not be negative"),
    ],
)
def test_an_impossible_feed_is_refused(changed, said):
    with pytest.raises(ConfigError, match=said):
        replace(SMALL, **changed)


def test_a_feed_of_one_surface_and_one_user_is_a_feed():
    one = generate(replace(SMALL, surfaces=("ads",), users=1, items_per_day=1))

    assert one.tables.exposures["surface"].unique().to_list() == ["ads"]
