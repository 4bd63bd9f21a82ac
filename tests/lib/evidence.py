"""Builders of gate evidence: a candidate that passes all, to be spoilt one figure at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sluice.gates.data import DataGate
from sluice.gates.leakage import Audited, LeakageGate, RankedAlone
from sluice.gates.quality import QualityGate
from sluice.gates.replay import ReplayFigures, ReplayGate
from sluice.gates.sent_context import SentContext
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.feature_gaps import FeatureGap
from sluice.metrics.parity_report import (
    EventDelay,
    ParityReport,
    ReleaseParity,
    ScoreGap,
    Spread,
)
from sluice.registry.evidence import Evidence
from sluice.store.records import Outcome
from tests.lib.stores import T0

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")
RELEASE = "3f" * 32
SUITES = (
    ("exposures", Outcome.PASS, 12, ()),
    ("feedback", Outcome.PASS, 9, ()),
    ("items", Outcome.PASS, 7, ()),
    ("across", Outcome.PASS, 4, ()),
)


def a_comparison(**changes: Any) -> PairedComparison:
    """A clear gain of the candidate on nDCG@10."""
    clear = PairedComparison(
        metric="ndcg@10",
        candidate=0.640,
        reference=0.610,
        difference=0.030,
        low=0.021,
        high=0.039,
        confidence=0.95,
        requests=6_872,
        clusters=1_402,
        minimum_detectable=0.0128,
    )
    return replace(clear, **changes)


def a_replay(**changes: Any) -> ReplayFigures:
    """A release that answers rightly and fast."""
    sound = ReplayFigures(
        requests=100,
        mismatches=0,
        errors=0,
        p50_ms=3.1,
        p99_ms=9.4,
        memory_mb=412.0,
        digest_agreed=True,
        rounds=3,
    )
    return replace(sound, **changes)


def a_parity(
    *,
    requests: int = 1_000,
    identical: int = 1_000,
    age_hours: float = 4,
    end_hours: float = 5,
    delay_s: float | None = 1.5,
    **changes: Any,
) -> ParityReport:
    """The champion's last day, every figure of it there, its events within two seconds."""
    end = T0 - timedelta(hours=end_hours)
    gap = FeatureGap("item.click.1h", 1, 2, 3, 0.5, 1.0, 4)
    champion = ReleaseParity(
        release=RELEASE,
        requests=requests,
        identical=identical,
        other=tuple(f"7-ab:{nth}" for nth in range(min(requests - identical, 100))),
        late=3,
        sampled=10,
        skew=(replace(gap, missing=0, extra=0, mismatch=0, requests=0),),
        delayed=(gap,),
        scores=ScoreGap(requests, 4, 0.001, 0.2),
        quality=a_comparison(candidate=0.609, difference=-0.001, low=-0.002, high=0.0),
    )
    spread = None if delay_s is None else Spread(4_000, delay_s / 5, delay_s)
    return replace(
        ParityReport(
            surface="for_you",
            start=end - timedelta(days=1),
            end=end,
            measured_at=T0 - timedelta(hours=age_hours),
            releases=(champion,) if requests else (),
            lost=2,
            delays=(
                (
                    EventDelay("exposure", Spread(9_000, 0.01, 0.1)),
                    EventDelay("click", spread),
                )
                if spread
                else ()
            ),
            state_age=Spread(requests, 0.5, 4.0),
            unknown_items=0.01,
            unknown_users=0.2,
        ),
        **changes,
    )


def an_evidence(**changes: Any) -> Evidence:
    """The evidence of a packaged candidate that passed every gate against a champion."""
    against = {
        "champion": tuple(a_comparison(metric=name) for name in METRICS),
        "baseline": tuple(
            a_comparison(metric=name, reference=0.5, difference=0.14, low=0.12, high=0.16)
            for name in METRICS
        ),
    }
    complete = Evidence(
        surface="for_you",
        version=2,
        author="ranking-team",
        trained_at=datetime(2026, 5, 2, 3, 4, tzinfo=UTC),
        family="lambdamart",
        snapshot="a1" * 32,
        start=datetime(2026, 4, 25, tzinfo=UTC),
        end=datetime(2026, 5, 2, tzinfo=UTC),
        counts={"exposures": 214_310, "fitted requests": 17_003, "judged requests": 6_872},
        code="b2" * 32,
        spec="c3" * 32,
        model="d4" * 32,
        mandatory=("data", "leakage", "quality", "replay"),
        judgements=(
            DataGate().decide(SUITES),
            LeakageGate().decide(
                Audited(probes=8, rows=4_096, moved=(), worst=0.0),
                RankedAlone(0.765, {"item.click.1h": 0.71}),
                SentContext({}),
            ),
            QualityGate().decide(a_comparison(), reference_kind="champion"),
            ReplayGate().decide(a_replay()),
        ),
        metrics={
            "candidate": dict(zip(METRICS, (0.765, 0.571, 0.592, 0.640), strict=True)),
            "champion": dict(zip(METRICS, (0.741, 0.540, 0.561, 0.610), strict=True)),
            "baseline": dict(zip(METRICS, (0.602, 0.430, 0.447, 0.500), strict=True)),
        },
        comparisons=against,
        gains={f"item.click.{hours}h": 900.0 / hours for hours in range(1, 25)},
        release=RELEASE,
    )
    return replace(complete, **changes)


def closely_looked_at(**changes: Any) -> Evidence:
    """An evidence with slices, calibration, churn and what each party gets."""
    bounds = {"difference": 0.03, "low": 0.021, "high": 0.039, "confidence": 0.95}
    worse = {"difference": -0.04, "low": -0.06, "high": -0.02, "confidence": 0.95}
    ratio = {
        "ratio": 1.02, "low": 0.97, "high": 1.08, "confidence": 0.95, "normalized_entropy": 0.91,
    }  # fmt: skip
    found: dict[str, Any] = {
        "slices": {
            "metric": "ndcg@10",
            "outcome": "fail",
            "worst": "hour=00-05",
            "slices": [
                _a_slice("hour=06-11", "pass", bounds),
                _a_slice("hour=00-05", "fail", worse),
            ],
        },
        "calibration": {
            "click": [{"name": "all", "calibration": ratio, "decision": {"outcome": "pass"}}]
        },
        "reliability": {"click": {"predicted": [0.02, 0.1], "observed": [0.03, 0.09]}},
        "churn": {"overlap@10": 0.81},
        "stakeholders": (
            {"party": "users", "meaning": "nDCG@10", "better": "higher", "candidate": 0.64,
             "reference": 0.61, **bounds},
        ),
    }  # fmt: skip
    return an_evidence(**{**found, **changes})


def _a_slice(name: str, outcome: str, comparison: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "comparison": {**comparison, "requests": 900},
        "adjusted": 0.01,
        "decision": {"outcome": outcome, "reason": "as measured", "threshold": -0.03},
    }
