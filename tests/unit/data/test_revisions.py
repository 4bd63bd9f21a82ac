"""What a log says of the past now, beside what it said then."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from sluice.data.generated import FeedConfig, generate
from sluice.data.revisions import revisions
from sluice.data.tables import LogTables

FEED = FeedConfig(
    days=3, requests_per_day=200, users=40, items_per_day=40, candidates=8, providers=6,
    surfaces=("feed",),
)  # fmt: skip
END = FEED.start + timedelta(days=2)


@pytest.fixture(scope="module")
def now() -> LogTables:
    return generate(FEED).tables


def until(tables: LogTables) -> LogTables:
    """The snapshot of two days."""
    return LogTables(
        tables.exposures.filter(pl.col("ts") < END),
        tables.feedback.filter(pl.col("received_ts") < END),
        tables.items.filter(pl.col("valid_from") < END),
    )


def with_totals(tables: LogTables) -> LogTables:
    """As a platform exports it: how often each item was shown in all, under its first day."""
    totals = tables.exposures.group_by("item_id").len("shown")
    counted = tables.items.join(totals, on="item_id", how="left", maintain_order="left")
    quality = pl.col("shown").fill_null(0).cast(pl.Float64)
    exposures = tables.exposures.join(totals, on="item_id", maintain_order="left")
    return replace(
        tables,
        items=counted.with_columns(quality=quality).drop("shown"),
        exposures=exposures.with_columns(
            context_total=pl.col("shown").cast(pl.Float32)
        ).drop("shown"),
    )


def test_a_log_that_only_grew_revised_nothing(now):
    found = revisions(until(now), now, END)

    assert {name for name, each in found.items() if each.changed} == set()
    assert all(each.rows > 50 for each in found.values())
    assert "context_hour" in found


def test_a_total_that_goes_on_counting_is_seen_and_why(now):
    found = revisions(with_totals(until(now)), with_totals(now), END)

    for name in ("item.quality", "context_total"):
        assert found[name].share > 0.2, name
        assert found[name].with_counts == pytest.approx(1.0)
    assert found["item.category"].changed == 0
    assert found["context_hour"].changed == 0


def test_vectors_learned_anew_are_seen(now):
    def embedded(value: float) -> LogTables:
        vectors = pl.Series(
            "embedding", [[value, 1.0]] * now.items.height, pl.List(pl.Float32)
        )
        return replace(now, items=now.items.with_columns(vectors))

    assert (
        revisions(until(embedded(0.1)), embedded(0.1), END)["item.embedding"].changed == 0
    )
    assert (
        revisions(until(embedded(0.1)), embedded(0.2), END)["item.embedding"].share == 1.0
    )


def test_a_fact_filed_under_an_earlier_day_is_seen(now):
    late = now.items.head(30).with_columns(
        valid_from=pl.col("valid_from") + timedelta(minutes=1), category=pl.lit("news")
    )
    back = replace(now, items=pl.concat([now.items, late]).sort("valid_from", "item_id"))

    assert revisions(until(now), back, END)["item.category"].changed == 30


def test_facts_that_begin_to_hold_later_are_no_revision(now):
    later = now.items.head(30).with_columns(valid_from=pl.lit(END), category=pl.lit("news"))
    grown = replace(now, items=pl.concat([now.items, later.cast(now.items.schema)]))

    assert revisions(until(now), grown, END)["item.category"].changed == 0
