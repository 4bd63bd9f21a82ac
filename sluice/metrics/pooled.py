"""Windows of one configuration against one champion, pooled: is a loss shown, or ruled out, by now?

Every window brings the requests that no window before it judged, by the candidate of its day. People
come again, so what is summed is theirs. The interval is a confidence sequence: it is looked at after
every window, and the chance that it is ever wrong stays what is declared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from statistics import NormalDist

import numpy as np

from sluice.errors import DataError
from sluice.metrics.comparison import POWER, PairedComparison, clustered_differences
from sluice.metrics.confidence_sequence import ConfidenceSequence
from sluice.metrics.decision import Decision, Minimum, lacking
from sluice.metrics.pairing import Paired

FAIR = 0.25
"""Share of the margin that refits of one configuration may differ by without anybody's fault: a champion
is one draw of them, perhaps a lucky one, and its successors are held for ever where any loss fails."""


@dataclass(frozen=True)
class PooledComparison:
    """What all windows say together, and what more of the same traffic would say."""

    comparison: PairedComparison
    """Its bounds are those of the sequence; `minimum_detectable` is what is shown with 80 % power."""
    margin: float
    """Relative loss that is to be found."""
    days: float
    """Of traffic in the windows."""
    days_to_find: float | None
    """Of traffic, from the first window on, that find a loss of the margin with 80 % power."""
    days_left: float | None
    """Until this is decided, if the difference is truly as measured; None where nobody can say."""


def pool(
    windows: Sequence[Paired], days: float, margin: float, confidence: float
) -> PooledComparison | None:
    """Compare over all windows; None where fewer than two people can be compared.

    Args:
        windows: of the same metric, no request in two of them; `users` mean the same people in all.
        days: that the windows cover.
        margin: relative loss that is to be found; above 0.
        confidence: of the whole sequence, both sides together.
    """
    judged = _joined(windows).judged()
    clusters = clustered_differences(judged)
    if len(clusters) < 2:
        return None
    reference = float(np.average(judged.reference, weights=judged.weights))
    tuned = margin * abs(reference)
    if tuned == 0:
        return None
    sequence = ConfidenceSequence(confidence, tuned)
    error = clusters.standard_error() * _of_few(clusters.effective, confidence)
    half = sequence.half_width(error)
    difference = clusters.ratio
    return PooledComparison(
        PairedComparison(
            metric=judged.metric,
            candidate=float(np.average(judged.candidate, weights=judged.weights)),
            reference=reference,
            difference=difference,
            low=difference - half,
            high=difference + half,
            confidence=confidence,
            requests=judged.requests,
            clusters=len(clusters),
            minimum_detectable=sequence.shown_with(error, POWER),
        ),
        margin=margin,
        days=days,
        days_to_find=_days(days, error, sequence.error_for((1 - FAIR) * tuned, POWER)),
        days_left=_left(days, error, sequence.error_for(_room(difference, tuned))),
    )


def decide_loss(pooled: PooledComparison, minimum: Minimum) -> Decision:
    """Pass where a loss of the margin is ruled out, fail where more than a fair loss is shown.

    Else nobody knows yet. As soon as the interval is narrower than what lies between both bounds one of
    the two holds, whatever the truth, so that nothing waits for ever. What loses less than the margin for
    certain passes, though it loses.
    """
    row = pooled.comparison
    if thin := lacking(row, minimum):
        return Decision("inconclusive", thin)
    floor = -pooled.margin * abs(row.reference)
    figures = (
        f"over {pooled.days:.1f} days a difference of {row.difference:+.4f} ({row.confidence:.0%} at every "
        f"look: {row.low:+.4f} to {row.high:+.4f}, {row.requests:,} requests of {row.clusters:,} users)"
    )
    if row.low > floor:
        return Decision("pass", f"{figures}, all of it above {floor:+.4f}", floor)
    if row.high < FAIR * floor:
        return Decision("fail", f"{figures}, none of it above {FAIR * floor:+.4f}", floor)
    return Decision("inconclusive", f"{figures}, {_until(pooled, floor)}", floor)


def _until(pooled: PooledComparison, floor: float) -> str:
    when = (
        "no traffic would decide it"
        if pooled.days_left is None
        else f"decided in {ceil(pooled.days_left)} days of this traffic if it is truly so"
    )
    shown = pooled.comparison.minimum_detectable
    return f"which leaves a loss of {floor:+.4f} open: so far {shown:.4f} would be found; {when}"


def _room(difference: float, tuned: float) -> float:
    """How far the nearer of both decisions is from what was measured."""
    return max(difference + tuned, -difference - FAIR * tuned)


def _days(days: float, error: float, wanted: float) -> float | None:
    """Days of this traffic that bring the error down to what is wanted: it shrinks with their root."""
    needed = days * (error / wanted) ** 2 if wanted > 0 else inf
    return needed if needed < inf else None


def _left(days: float, error: float, wanted: float) -> float | None:
    needed = _days(days, error, wanted)
    return None if needed is None else max(needed - days, 0.0)


def _of_few(clusters: float, confidence: float) -> float:
    """How much wider Student's t is than the normal, for so many effective clusters."""
    from scipy.special import stdtrit

    tail = (1 - confidence) / 2
    return float(stdtrit(max(clusters - 1, 1.0), tail)) / NormalDist().inv_cdf(tail)


def _joined(windows: Sequence[Paired]) -> Paired:
    names = {window.metric for window in windows}
    if len(names) != 1:
        raise DataError(
            f"cannot pool windows of {', '.join(sorted(names)) or 'no metric'}; pool those of one"
        )
    columns = {
        name: np.concatenate([getattr(window, name) for window in windows])
        for name in ("candidate", "reference", "users", "weights")
    }
    return Paired(metric=names.pop(), **columns)
