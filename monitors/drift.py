"""Drift between a reference and a watched window, as effect sizes over the same bins.

No p-values: with a million rows every difference is significant, with a hundred none is. A window
with too few rows is 'unknown', never 'no drift'.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.tables import Window
from sluice.monitors.histogram import Profile
from sluice.store.records import MetricPoint, Outcome
from sluice.surface import MonitorSpec

SCORE = "score"
SMOOTHING = 0.5
"""Pseudo-count in every bin that either window touches (Jeffreys' prior), so that an empty bin
gives a finite index that grows with the evidence."""


@dataclass(frozen=True)
class ColumnDrift:
    """How far one feature, or the score, moved."""

    name: str
    psi: float | None
    """None, like the other sizes, where there were too few rows to say."""
    ks: float | None
    js: float | None
    unknown_reference: float | None
    """Share of NaN in the reference window."""
    unknown_current: float | None
    drifted: bool | None


@dataclass(frozen=True)
class DriftLimits:
    """What the surface tolerated when the window was judged."""

    psi: float
    drifted_share: float
    rows: int


@dataclass(frozen=True)
class DriftReport:
    """All columns of one watched window against the reference."""

    outcome: Outcome
    reason: str
    features: tuple[ColumnDrift, ...]
    score: ColumnDrift
    drifted: int
    """Features over the limit."""
    share: float | None
    """Of features over the limit; None where there were too few rows to say."""
    noise: float | None
    """The index to expect without any drift, from the two windows' sizes alone."""
    reference_rows: int
    current_rows: int
    limits: DriftLimits

    def body(self) -> dict[str, Any]:
        """The report as JSON, for a `Document`."""
        return asdict(self)


def psi(reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """Population stability index of two histograms over the same bins, [bins] counts each.

    PSI = Σ (p − q) ln(p / q), the symmetric divergence of Kullback and Leibler (1951), "On
    information and sufficiency", under the name that Siddiqi (2006), *Credit Risk Scorecards*,
    made customary. p and q are shares after `SMOOTHING` in each bin that either window touches.
    """
    touched = (reference + current) > 0
    p, q = reference[touched] + SMOOTHING, current[touched] + SMOOTHING
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def psi_noise(bins: int, reference_rows: int, current_rows: int) -> float:
    """Expected index of two samples of one distribution: (bins − 1)(1/n + 1/m).

    Yurdakul and Naranjo (2020), "Statistical properties of the population stability index". Rows of
    one request are alike, so the true noise is larger.
    """
    return (bins - 1) * (1 / reference_rows + 1 / current_rows)


def kolmogorov_smirnov(reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """Greatest distance of the two distribution functions at the bin edges, 0 to 1.

    A lower bound of the statistic of Smirnov (1948) on the raw values. NaN must not be among the
    bins: it has no place in the order. 0 where a window has no known value at all; that shows in
    the other sizes.
    """
    if reference.sum() == 0 or current.sum() == 0:
        return 0.0
    below = np.cumsum(reference) / reference.sum() - np.cumsum(current) / current.sum()
    return float(np.abs(below).max())


def jensen_shannon(reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """Jensen-Shannon distance, base 2: √(½ KL(p‖m) + ½ KL(q‖m)) with m = (p + q) / 2, 0 to 1.

    Lin (1991), "Divergence measures based on the Shannon entropy"; the root is a metric (Endres and
    Schindelin 2003).
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(np.clip(divergence, 0, 1)))


def drift(reference: Profile, current: Profile, spec: MonitorSpec) -> DriftReport:
    """Judge the watched window.

    FAIL where the share of drifted features exceeds `max_drifted_share` or the score drifted;
    INCONCLUSIVE where either window has fewer than `min_rows` rows.

    Raises:
        DataError: the profiles were counted in different bins.
    """
    reference.merge(current)
    if min(reference.rows, current.rows) < spec.min_rows:
        return _unknown(reference, current, spec)
    names = (*reference.names, SCORE)
    columns = tuple(
        _column(name, reference.counts[index], current.counts[index], spec.psi_limit)
        for index, name in enumerate(names)
    )
    features, score = columns[:-1], columns[-1]
    drifted = sum(bool(column.drifted) for column in features)
    share = drifted / len(features) if features else 0.0
    bad = share > spec.max_drifted_share or bool(score.drifted)
    return DriftReport(
        outcome=Outcome.FAIL if bad else Outcome.PASS,
        reason=_reason(drifted, score, len(features), spec),
        features=features,
        score=score,
        drifted=drifted,
        share=share,
        noise=psi_noise(reference.counts.shape[1], reference.rows, current.rows),
        reference_rows=reference.rows,
        current_rows=current.rows,
        limits=DriftLimits(spec.psi_limit, spec.max_drifted_share, spec.min_rows),
    )


def points(
    report: DriftReport, surface: str, release: str, window: Window, at: datetime
) -> tuple[MetricPoint, ...]:
    """The report as points for the store: every index, and the share of drifted features."""

    def point(
        monitor: str, name: str, value: float | None, outcome: Outcome
    ) -> MetricPoint:
        start, end, rows = window.start, window.end, report.current_rows
        return MetricPoint(
            surface, release, monitor, name, start, end, value, outcome, rows, at
        )

    return (
        *(
            point("feature_drift", f"psi[{feature.name}]", feature.psi, _of(feature))
            for feature in report.features
        ),
        point("feature_drift", "drifted_share", report.share, report.outcome),
        point("score_drift", "psi[score]", report.score.psi, _of(report.score)),
    )


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))


def _column(
    name: str, reference: NDArray[np.int64], current: NDArray[np.int64], limit: float
) -> ColumnDrift:
    index = psi(reference, current)
    return ColumnDrift(
        name=name,
        psi=index,
        ks=kolmogorov_smirnov(reference[:-1], current[:-1]),
        js=jensen_shannon(reference, current),
        unknown_reference=float(reference[-1] / reference.sum()),
        unknown_current=float(current[-1] / current.sum()),
        drifted=index > limit,
    )


def _unknown(reference: Profile, current: Profile, spec: MonitorSpec) -> DriftReport:
    blank = [ColumnDrift(name, *[None] * 6) for name in (*reference.names, SCORE)]
    return DriftReport(
        outcome=Outcome.INCONCLUSIVE,
        reason=f"unknown: {reference.rows} reference and {current.rows} current rows, "
        f"{spec.min_rows} are needed on either side",
        features=tuple(blank[:-1]),
        score=blank[-1],
        drifted=0,
        share=None,
        noise=None,
        reference_rows=reference.rows,
        current_rows=current.rows,
        limits=DriftLimits(spec.psi_limit, spec.max_drifted_share, spec.min_rows),
    )


def _reason(drifted: int, score: ColumnDrift, features: int, spec: MonitorSpec) -> str:
    return (
        f"{drifted} of {features} features over PSI {spec.psi_limit:g} "
        f"(at most {spec.max_drifted_share:.0%} may be); score PSI {score.psi:.3f}"
    )


def _of(column: ColumnDrift) -> Outcome:
    if column.drifted is None:
        return Outcome.INCONCLUSIVE
    return Outcome.FAIL if column.drifted else Outcome.PASS
