"""Whether a provisional champion that has baked is confirmed: by what it served, not by drift of features alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sluice.flows.parity_memory import latest_parity
from sluice.flows.workplace import Workplace
from sluice.gates.quality import QualityGate
from sluice.gates.served import ServedGate, judge_window
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.parity_report import ParityReport
from sluice.store.records import Outcome


@dataclass(frozen=True)
class Sign:
    """What is known of one side of the champion's own answers since its promotion."""

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class DriftSign:
    """What the drift monitor said of the newest window."""

    outcome: Outcome
    reason: str
    to_go: int = 0
    """Windows until the usual is learned; 0 once it is."""
    by_limits: Outcome = Outcome.INCONCLUSIVE
    """What the declared limits say while it is learned."""
    only_features: bool = False
    """Nothing but features drifted: neither score, slots and answers, nor how much was shown to whom."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read the document of a watched window, also one that knew no usual yet."""
        to_go = body.get("usual", {}).get("to_go", 0)
        by_limits = Outcome(body.get("by_limits") or Outcome.INCONCLUSIVE)
        only_features = body.get("only_features", False)
        outcome = Outcome(body["outcome"])
        return cls(outcome, body["reason"], to_go, by_limits, only_features)


@dataclass(frozen=True)
class Confirmation:
    """The decision, and why."""

    confirmed: bool
    reason: str


def decide(drift: DriftSign, live: Sequence[Sign]) -> Confirmation:
    """Confirm on live signs, and on drift where it speaks of more than features.

    One bad live sign holds. Where a live sign is good, drift of features alone does not hold, nor does a window
    that drift could not judge. Where nothing was measured of what was served, drift must not speak
    against it: a window as usual confirms, and while the usual is still learned one that keeps the declared
    limits, for no evidence at all is never a pass; one beyond either, or too short to be judged, holds.
    """
    signs = "; ".join(f"{sign.name}: {sign.reason}" for sign in live)
    reason = f"{signs}; drift: {drift.reason}"
    if any(sign.outcome is Outcome.FAIL for sign in live):
        return Confirmation(confirmed=False, reason=reason)
    good = any(sign.outcome is Outcome.PASS for sign in live)
    if drift.outcome is Outcome.PASS:
        return Confirmation(confirmed=True, reason=reason)
    if drift.outcome is Outcome.FAIL:
        confirmed = good and drift.only_features
        note = ", which alone holds nobody" if confirmed else ""
        return Confirmation(confirmed, f"{reason}{note}")
    kept = drift.to_go > 0 and drift.by_limits is Outcome.PASS
    return Confirmation(good or kept, reason)


def live_signs(workplace: Workplace, release: str, since: datetime) -> tuple[Sign, ...]:
    """Parity, lost answers and quality of the release's own answers, of the newest window measured since."""
    measured = latest_parity(workplace)
    if measured is None or measured.report.measured_at < since:
        return (Sign("parity", Outcome.INCONCLUSIVE, "not measured since the promotion"),)
    own = measured.report.of(release)
    if own is None:
        return (Sign("parity", Outcome.INCONCLUSIVE, "the champion answered nothing yet"),)
    report, gates = replace(measured.report, releases=(own,)), workplace.surface.gates
    served = gates.of(ServedGate)
    outcome, reason = judge_window(report, served)
    signs = [Sign("parity", outcome, reason.rstrip(".")), _lost(report, served)]
    if own.quality is not None:
        signs.append(_quality(own.quality, gates.of(QualityGate).margin))
    return tuple(signs)


def _lost(report: ParityReport, rule: ServedGate) -> Sign:
    answers = report.requests + report.lost
    lost = report.lost / answers if answers else 0.0
    # That nothing is lost is no evidence of good answers.
    bad = lost > 1 - rule.min_identical
    outcome = Outcome.FAIL if bad else Outcome.INCONCLUSIVE
    return Sign("lost answers", outcome, f"{report.lost:,} of {answers:,}")


def _quality(served: PairedComparison, margin: float) -> Sign:
    """Served scores against those with everything that was available: what lateness costs."""
    reason = (
        f"{served.metric} {served.candidate:.4f} served, {served.difference:+.4f} "
        f"({served.low:+.4f} to {served.high:+.4f}) against everything available"
    )
    least = -margin * served.reference
    if served.high < least:
        return Sign("live quality", Outcome.FAIL, reason)
    shown = served.low >= least
    return Sign("live quality", Outcome.PASS if shown else Outcome.INCONCLUSIVE, reason)
