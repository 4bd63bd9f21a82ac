"""The audit is silent on the fold and names each planted leak."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.audit import mutation_audit, probe_times
from sluice.features.frame import RankingFrame
from sluice.features.replay import replay
from sluice.features.spec import FeatureSpec
from tests.lib.random_logs import log, random_logs

SPEC = FeatureSpec(windows=("1h",), affinity=("provider",), transitions=1)


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


REQUESTS = [(60 * n, "uvw"[n % 3], ["a", "b", "c"]) for n in range(12)]
CLICKS = [(n, "uvw"[n % 3], "abc"[n % 3], 60 * n + 5, 60 * n + 5) for n in range(12)]


@pytest.mark.parametrize(
    "leaky", [own_label, clicks_of_all_time, exposures_of_all_time, dwell_on_the_page]
)
def test_a_planted_leak_is_named(leaky):
    tables = log(REQUESTS, CLICKS)
    frame = leaky(tables)
    found = mutation_audit(leaky, tables, frame, probe_times(frame, 3))

    assert found.moved == ("leak",)
    assert not found.clean


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
