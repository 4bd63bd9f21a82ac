"""What confirms a provisional champion: what it served, and drift only where it speaks of more than features."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sluice.data.event_log import EventLog
from sluice.flows.confirmation import DriftSign, Sign, decide, live_signs
from sluice.flows.memory import StepName, kept, remembered
from sluice.flows.parity_memory import FLOW, STEP
from sluice.flows.workplace import Workplace
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.parity_report import ParityReport, ReleaseParity
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.store.records import Outcome
from sluice.surface import ReviewSpec, Surface

PROMOTED = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PASS, FAIL, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
USUAL = DriftSign(PASS, "as usual")
LEARNING = DriftSign(UNKNOWN, "learning the usual, 6 windows to go", 6, by_limits=PASS)
BEYOND_LIMITS = replace(LEARNING, by_limits=FAIL)
FEATURES = DriftSign(FAIL, "item.age moved", only_features=True)
SCORE = DriftSign(FAIL, "score moved")
SHORT = DriftSign(UNKNOWN, "unknown: 5 rows")


@pytest.mark.parametrize(
    ("drift", "by_live"),
    [
        (USUAL, {PASS: True, UNKNOWN: True, FAIL: False}),
        (LEARNING, {PASS: True, UNKNOWN: True, FAIL: False}),
        (BEYOND_LIMITS, {PASS: True, UNKNOWN: False, FAIL: False}),
        (FEATURES, {PASS: True, UNKNOWN: False, FAIL: False}),
        (SCORE, {PASS: False, UNKNOWN: False, FAIL: False}),
        (SHORT, {PASS: True, UNKNOWN: False, FAIL: False}),
    ],
)
def test_what_was_served_decides_before_drift_does(drift, by_live):
    for outcome, confirmed in by_live.items():
        decision = decide(drift, (Sign("parity", outcome, "as it is"),))
        assert decision.confirmed is confirmed, outcome
        assert decision.reason.startswith(f"parity: as it is; drift: {drift.reason}")


def test_one_bad_sign_outweighs_all_good_ones():
    signs = (Sign("parity", PASS, "same"), Sign("live quality", FAIL, "lost"))
    assert not decide(USUAL, signs).confirmed


@pytest.fixture
def workplace(tmp_path):
    surface = Surface(name="feed", owner="ann", review=ReviewSpec(reviewers=("rita",)))
    settings = load_settings({}, tmp_path)
    return Workplace(settings, surface, MemoryStore(), EventLog(tmp_path / "log"))


def measured(workplace, own, lost=0, after=HOUR):
    at = PROMOTED + after
    report = ParityReport("feed", at - HOUR, at, at, (own,), lost=lost)
    name = StepName(FLOW, STEP, own.release, (str(lost),))
    remembered(workplace, name, lambda: {"report": kept(workplace, FLOW, report.to_json())})
    return {sign.name: sign.outcome for sign in live_signs(workplace, "own", PROMOTED)}


SAME = ReleaseParity("own", requests=2_000, identical=2_000)


def test_nothing_measured_since_the_promotion_is_unknown(workplace):
    assert [sign.outcome for sign in live_signs(workplace, "own", PROMOTED)] == [UNKNOWN]
    assert measured(workplace, SAME, after=-HOUR) == {"parity": UNKNOWN}


@pytest.mark.parametrize(
    ("own", "lost", "expected"),
    [
        (SAME, 0, {"parity": PASS, "lost answers": UNKNOWN}),
        (SAME, 9, {"parity": PASS, "lost answers": FAIL}),
        (replace(SAME, identical=1_000), 0, {"parity": FAIL, "lost answers": UNKNOWN}),
        (
            replace(SAME, requests=9, identical=9),
            0,
            {"parity": UNKNOWN, "lost answers": UNKNOWN},
        ),
        (replace(SAME, release="other"), 0, {"parity": UNKNOWN}),
    ],
)
def test_parity_and_lost_answers_are_of_its_own_release(workplace, own, lost, expected):
    assert measured(workplace, own, lost) == expected


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-0.0001, 0.0002, PASS), (-0.05, 0.0, UNKNOWN), (-0.05, -0.01, FAIL)],
)
def test_quality_lost_beyond_the_margin_is_bad(workplace, low, high, outcome):
    quality = PairedComparison(
        "ndcg@10", 0.5, 0.5, (low + high) / 2, low, high, 0.95, 2_000, 300, 0.001
    )
    signs = measured(workplace, replace(SAME, quality=quality))
    assert signs["live quality"] is outcome
