"""The audit is silent on the fold and names each planted leak."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state.audit import mutation_audit, probe_times
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from tests.lib.random_logs import at, eventful_logs, log, random_logs

SPEC = FeatureSpec(windows=("1h",), affinity=("provider",), transitions=1)
EVERYTHING = FeatureSpec(
    windows=("1h",),
    half_lives=("1h",),
    affinity=("provider", "category"),
    transitions=2,
    similarity=2,
    counters=tuple(
        CounterSpec(
            key=key, event=event, windows=("2h", "all"), half_lives=("6h",), since=True
        )
        for key in ("provider", "category", "user", "surface", "previous_item")
        for event in ("exposure", "click", "like")
    ),
)


def causal(tables: LogTables) -> RankingFrame:
    return replay(SPEC, FeedbackKind.CLICK, tables).frame


def _with(frame: RankingFrame, name: str, values) -> RankingFrame:
    column = np.asarray(values, np.float32)[:, None]
    features = np.hstack([frame.features, column])
    changed = {**frame.__dict__, "names": (*frame.names, name), "features": features}
    return RankingFrame(**changed)


def own_label(tables: LogTables) -> RankingFrame:
    frame = causal(tables)
    return _with(frame, "leak", frame.labels)


def clicks_of_all_time(tables: LogTables) -> RankingFrame:
    totals = tables.feedback.group_by("item_id").len()
    joined = tables.exposures.join(totals, on="item_id", how="left", maintain_order="left")
    return _with(causal(tables), "leak", joined["len"].fill_null(0).to_numpy())


def exposures_of_all_time(tables: LogTables) -> RankingFrame:
    totals = tables.exposures.select(pl.len().over("item_id"))["len"]
    return _with(causal(tables), "leak", totals.to_numpy())


def dwell_on_the_page(tables: LogTables) -> RankingFrame:
    clicks = tables.feedback.select("request_id", "item_id", stayed="value")
    joined = tables.exposures.join(
        clicks, on=["request_id", "item_id"], how="left", maintain_order="left"
    )
    return _with(causal(tables), "leak", joined["stayed"].fill_null(-1.0).to_numpy())


def _clicks_before(tables: LogTables, known: str, *, now_too: bool) -> list[int]:
    """Clicks on each shown item by `known`, before the request or up to its very moment."""
    clicks = list(tables.feedback.select(known, "item_id").iter_rows())
    return [
        sum(
            what == item and (when < ts or (now_too and when == ts))
            for when, what in clicks
        )
        for ts, item in tables.exposures.select("ts", "item_id").iter_rows()
    ]


def the_persons_later_clicks(tables: LogTables) -> RankingFrame:
    totals = tables.feedback.group_by("user_id", "item_id").len()
    joined = tables.exposures.join(
        totals, on=["user_id", "item_id"], how="left", maintain_order="left"
    )
    return _with(causal(tables), "leak", joined["len"].fill_null(0).to_numpy())


def clicks_before_they_were_received(tables: LogTables) -> RankingFrame:
    return _with(causal(tables), "leak", _clicks_before(tables, "ts", now_too=False))


def clicks_of_this_very_moment(tables: LogTables) -> RankingFrame:
    return _with(
        causal(tables), "leak", _clicks_before(tables, "received_ts", now_too=True)
    )


def what_an_item_was_called_later(tables: LogTables) -> RankingFrame:
    newest = tables.items.group_by("item_id", maintain_order=True).last()
    joined = tables.exposures.join(newest, on="item_id", how="left", maintain_order="left")
    return _with(
        causal(tables), "leak", (joined["provider_id"] == "q").fill_null(value=False)
    )


def clicks_before_they_were_received_in_time(tables: LogTables) -> RankingFrame:
    """No leak: the same count, by when each click was received."""
    return _with(
        causal(tables), "sound", _clicks_before(tables, "received_ts", now_too=False)
    )


REQUESTS = [(60 * n, "uvw"[n % 3], ["a", "b", "c"]) for n in range(12)]
CLICKS = [
    (n, "uvw"[n % 3], "abc"[n % 3], 60 * n + 5, 60 * n + 60 * (1 + n % 3))
    for n in range(12)
]
ITEMS = [
    {"item_id": "a", "provider_id": "p"},
    {"item_id": "a", "provider_id": "q", "valid_from": at(700)},
]
"""A click is received up to three requests later, at the very moment of one."""

LEAKS = (
    own_label, clicks_of_all_time, exposures_of_all_time, dwell_on_the_page,
    the_persons_later_clicks, clicks_before_they_were_received, clicks_of_this_very_moment,
    what_an_item_was_called_later,
)  # fmt: skip


@pytest.mark.parametrize("leaky", LEAKS)
def test_a_planted_leak_is_named(leaky):
    tables = log(REQUESTS, CLICKS, ITEMS)
    frame = leaky(tables)
    found = mutation_audit(leaky, tables, frame, probe_times(frame, 3))

    assert found.moved == ("leak",)
    assert not found.clean


def test_what_was_received_in_time_is_no_leak():
    tables = log(REQUESTS, CLICKS, ITEMS)
    frame = clicks_before_they_were_received_in_time(tables)

    assert mutation_audit(
        clicks_before_they_were_received_in_time, tables, frame, probe_times(frame, 3)
    ).clean


@settings(max_examples=25, deadline=None)
@given(eventful_logs())
def test_no_declared_counter_ever_moves(tables):
    frame = replay(EVERYTHING, FeedbackKind.CLICK, tables).frame
    found = mutation_audit(
        lambda changed: replay(EVERYTHING, FeedbackKind.CLICK, changed).frame,
        tables, frame, probe_times(frame, 3),
    )  # fmt: skip

    assert found.moved == ()


@settings(max_examples=25, deadline=None)
@given(random_logs())
def test_the_fold_never_moves(tables):
    frame = causal(tables)
    found = mutation_audit(causal, tables, frame, probe_times(frame, 3))

    assert found.moved == ()
    assert found.rows > 0


def test_no_probe_is_not_clean():
    tables = log(REQUESTS, CLICKS)

    assert not mutation_audit(causal, tables, causal(tables), ()).clean
