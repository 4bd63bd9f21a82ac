"""What an interval lets one say: pass, fail, or that nobody knows."""

from dataclasses import dataclass, fields, replace
from math import inf, isfinite
from typing import Literal

from sluice.metrics.comparison import PairedComparison

Rule = Literal["superiority", "non_inferiority", "equivalence"]
Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class Minimum:
    """What a comparison must rest on before it may decide anything."""

    confidence: float = 0.95
    requests: int = 200
    clusters: int = 50
    """Users; with fewer the interval itself is not to be trusted."""


@dataclass(frozen=True)
class Decision:
    """An outcome and why."""

    outcome: Verdict
    reason: str
    """A clause with the figures, for a person."""
    threshold: float | None = None
    """What the difference was held against; ± of it for equivalence. None: it was not judged."""


def decide(
    comparison: PairedComparison,
    rule: Rule,
    margin: float = 0.0,
    minimum: Minimum = Minimum(),
) -> Decision:
    """Judge a comparison by its whole interval, never by its point.

    `margin` is relative: a share of the reference's mean. Superiority asks low > 0 and ignores
    it, non-inferiority low > -margin × reference (see any text on non-inferiority trials, e.g.
    CONSORT 2010), equivalence that the interval lies strictly between both margins, which is the
    pair of one-sided tests at (1 - confidence) / 2 each (TOST, Schuirmann 1987). Where it lies
    wholly on the wrong side the outcome is fail. Where it straddles a bound, nobody knows: that
    is what too little power looks like, and so is too little evidence.
    """
    if thin := lacking(comparison, minimum):
        return Decision("inconclusive", thin)
    threshold = 0.0 if rule == "superiority" else margin * abs(comparison.reference)
    floor = -threshold if threshold else 0.0
    ceiling = threshold if rule == "equivalence" else inf
    outcome = place(comparison.low, comparison.high, floor, ceiling)
    reason = f"{_figures(comparison)}, {_meaning(outcome, comparison, floor, ceiling)}"
    return Decision(outcome, reason, threshold if rule == "equivalence" else floor)


def place(low: float, high: float, floor: float, ceiling: float = inf) -> Verdict:
    """Pass where the interval lies strictly between the bounds, fail where none of it does."""
    if low > floor and high < ceiling:
        return "pass"
    return "fail" if high <= floor or low >= ceiling else "inconclusive"


def adjusted_for_many(decision: Decision, adjusted: float, level: float) -> Decision:
    """A failure among many is one only where its adjusted p-value is at most `level`."""
    if decision.outcome != "fail" or adjusted <= level:
        return decision
    reason = (
        f"{decision.reason}; among so many slices that may be chance (p {adjusted:.3f})"
    )
    return replace(decision, outcome="inconclusive", reason=reason)


def lacking(comparison: PairedComparison, minimum: Minimum) -> str | None:
    if unknown := _unknown(comparison):
        return f"the comparison has no figure for {', '.join(unknown)}"
    if comparison.low > comparison.high:
        return f"its interval is upside down, {comparison.low:g} to {comparison.high:g}"
    if comparison.confidence < minimum.confidence:
        return (
            f"its interval holds at {comparison.confidence:.0%}, "
            f"the rule asks {minimum.confidence:.0%}"
        )
    if comparison.requests < minimum.requests:
        return (
            f"{comparison.requests} requests were judged, the rule asks {minimum.requests}"
        )
    if comparison.clusters < minimum.clusters:
        return f"{comparison.clusters} users were judged, the rule asks {minimum.clusters}"
    return None


def _unknown(comparison: PairedComparison) -> list[str]:
    """Figures that are not finite, or None as in a comparison read back from JSON."""
    values = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return [
        name
        for name, value in values.items()
        if value is None or (not isinstance(value, str) and not isfinite(value))
    ]


def _figures(comparison: PairedComparison) -> str:
    return (
        f"a difference of {comparison.difference:+.4f} ({comparison.confidence:.0%} interval "
        f"{comparison.low:+.4f} to {comparison.high:+.4f}, "
        f"{comparison.requests:,} requests of {comparison.clusters:,} users)"
    )


def _meaning(
    outcome: Verdict, comparison: PairedComparison, floor: float, ceiling: float
) -> str:
    detectable = comparison.minimum_detectable
    bounds = _named(floor, ceiling)
    if outcome == "inconclusive":
        return (
            f"which straddles {bounds}; with this many requests only a "
            f"difference of {detectable:.4f} or more would be found"
        )
    side = "above" if ceiling == inf else "within"
    share = "all" if outcome == "pass" else "none"
    return f"{share} of it {side} {bounds}; {detectable:.4f} or more would be found"


def _named(floor: float, ceiling: float) -> str:
    if ceiling < inf:
        return f"the tolerated difference of ±{ceiling:.4f}"
    return f"the tolerated loss of {floor:+.4f}" if floor else "zero"
