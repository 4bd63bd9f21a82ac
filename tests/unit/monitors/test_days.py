"""A ruined day among good ones is seen, which the mean over the window hides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.monitors.days import day_figures
from sluice.monitors.suites import DAY_CHANGES, SILENT
from sluice.monitors.validation import validate
from sluice.store.records import Outcome
from sluice.surface import DataSpec

FEED = FeedConfig(days=6, requests_per_day=300, users=120, items_per_day=60, candidates=10)
END = FEED.start + timedelta(days=FEED.days)
LAST = END - timedelta(days=1)


@cache
def log() -> LogTables:
    return generate(FEED).tables


def clicks_lost(tables: LogTables) -> LogTables:
    """Four of five of the last day's."""
    kept = pl.Series(np.random.default_rng(0).random(tables.feedback.height) > 0.8)
    return replace(tables, feedback=tables.feedback.filter((pl.col("ts") < LAST) | kept))


def clicks_late(tables: LogTables) -> LogTables:
    """None of the last twelve hours has come."""
    known = pl.col("received_ts") < END - timedelta(hours=12)
    return replace(tables, feedback=tables.feedback.filter(known))


def requests_lost(tables: LogTables) -> LogTables:
    kept = (pl.col("ts") < LAST) | (pl.col("request_id").hash(seed=1) % 5 == 0)
    exposures = tables.exposures.filter(kept)
    return replace(
        tables,
        exposures=exposures,
        feedback=tables.feedback.join(exposures, on="request_id", how="semi"),
    )


def one_of(name: str) -> Callable[[LogTables], LogTables]:
    """Everything new of the last day is in one segment."""

    def changed(tables: LogTables) -> LogTables:
        value = (
            pl.when(pl.col("valid_from") >= LAST)
            .then(pl.lit("one"))
            .otherwise(pl.col(name))
        )
        return replace(tables, items=tables.items.with_columns(value.alias(name)))

    return changed


def context_lost(tables: LogTables) -> LogTables:
    hour = pl.when(pl.col("ts") < LAST).then(pl.col("context_hour"))
    return replace(
        tables, exposures=tables.exposures.with_columns(hour.alias("context_hour"))
    )


RUINED: dict[str, tuple[Callable[[LogTables], LogTables], Outcome]] = {
    "days.label_rate": (clicks_lost, Outcome.FAIL),
    "days.silent_share": (clicks_late, Outcome.INCONCLUSIVE),
    "days.volume": (requests_lost, Outcome.FAIL),
    "days.category_shift": (one_of("category"), Outcome.FAIL),
    "days.provider_id_shift": (one_of("provider_id"), Outcome.FAIL),
    "days.null_shift": (context_lost, Outcome.FAIL),
}


@pytest.mark.parametrize("figure", RUINED)
def test_a_ruined_day_is_named(figure):
    spoil, _ = RUINED[figure]
    low, high = {**DAY_CHANGES, "days.silent_share": (None, SILENT)}[figure]
    sound, ruined = (
        day_figures(tables, FeedbackKind.CLICK)[figure] for tables in (log(), spoil(log()))
    )

    assert (low or 0) <= sound <= (high or 1)
    assert not (low or 0) <= ruined <= (high or 1)


def test_every_figure_of_a_day_has_its_ruined_day():
    assert set(RUINED) == {*DAY_CHANGES, "days.silent_share"}


@pytest.mark.parametrize("figure", ["days.label_rate", "days.silent_share"])
def test_the_suite_across_the_tables_holds_it(figure):
    spoil, outcome = RUINED[figure]
    across = validate(spoil(log()), DataSpec(min_requests=100), docs=None)[-1]

    assert figure in across.failing
    if outcome is Outcome.FAIL or across.failing == (figure,):
        assert across.outcome is outcome


def test_a_sound_log_passes():
    across = validate(log(), DataSpec(min_requests=100), docs=None)[-1]

    assert across.outcome is Outcome.PASS, across.results
    assert set(DAY_CHANGES) <= across.results["checks"].keys()


def test_of_a_log_of_a_few_days_nothing_is_said():
    short = log().exposures.filter(pl.col("ts") < FEED.start + timedelta(days=3))

    assert day_figures(replace(log(), exposures=short), FeedbackKind.CLICK) == {}
