"""Which verdict a monitor's report carries: that of what is usual, and none while it is learned."""

import numpy as np
import pytest

from sluice.monitors.drift import by_the_usual, drift
from sluice.monitors.histogram import profile_like, reference_profile
from sluice.monitors.usual.finding import Family, Finding
from sluice.monitors.usual.report import UsualReport, learning
from sluice.store.records import Outcome
from sluice.surface import MonitorSpec


def by_fixed_limits(shift: float):
    rng = np.random.default_rng(1)
    before, after = rng.normal(0, 1, (800, 1)), rng.normal(shift, 1, (800, 1))
    scores = np.zeros(800)
    profile = reference_profile(("price",), before.astype(np.float32), scores)
    current = profile_like(profile, after.astype(np.float32), scores)
    return drift(profile, current, MonitorSpec())


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_while_the_usual_is_learned_no_window_passes(shift):
    fixed = by_fixed_limits(shift)
    report = by_the_usual(fixed, learning(3))
    assert fixed.outcome is (Outcome.FAIL if shift else Outcome.PASS)
    assert (report.outcome, report.by_limits) == (Outcome.INCONCLUSIVE, fixed.outcome)
    assert report.reason == (
        f"learning the usual, 3 windows to go; by declared limits: {fixed.reason}"
    )
    assert {column.drifted for column in (*report.features, report.score)} == {None}
    assert report.share is None


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_once_learned_the_usual_decides(outcome):
    report = by_the_usual(by_fixed_limits(3.0), UsualReport(outcome, "as it is"))
    assert (report.outcome, report.reason) == (outcome, "as it is")


@pytest.mark.parametrize(
    ("moved", "only"),
    [
        (("price",), True),
        (("mean_rank[price]",), True),
        (("price", "score"), False),
        (("price", "volume[rows]"), False),
        ((), False),
    ],
)
def test_only_features_is_said_where_nothing_else_moved(moved, only):
    findings = tuple(
        Finding(Family.COLUMNS, name, "psi", "everywhere", 1.0, 0.1, 9.0, 4.0, 1)
        for name in moved
    )
    usual = UsualReport(Outcome.FAIL, "as it is", findings, columns=("price",))
    report = by_the_usual(by_fixed_limits(3.0), usual)
    assert (report.only_features, report.drifted, report.share) == (only, 1, 1.0)
