"""Drift between what the champion was judged on and a watched window, as effect sizes over the same bins.

No p-values: with a million rows every difference is significant, with a hundred none is. What is
usual of this log decides (`by_the_usual`); a window with too few rows, or one for which nobody knows
yet what is usual, is 'unknown', never 'no drift'.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.tables import Window
from sluice.monitors.distances.jensen_shannon import jensen_shannon
from sluice.monitors.distances.kolmogorov_smirnov import kolmogorov_smirnov
from sluice.monitors.distances.psi import psi
from sluice.monitors.histogram import Profile
from sluice.monitors.usual.report import UsualReport
from sluice.store.records import MetricPoint, Outcome
from sluice.surface import MonitorSpec

SCORE = "score"


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
    """None where nobody knows: too few rows, or the usual is still being learned."""


@dataclass(frozen=True)
class DriftLimits:
    """What the surface declares; decides nothing where what is usual is known."""

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
    """Features that did."""
    share: float | None
    """Of features that drifted; None where nobody knows."""
    noise: float | None
    """The index to expect without any drift, from the two windows' sizes alone."""
    reference_rows: int
    current_rows: int
    limits: DriftLimits
    by_limits: Outcome | None = None
    """What the declared limits say while the usual is learned; None once that is known."""
    only_features: bool = False
    """Nothing but features left the usual: neither score, slots and answers, nor volumes and shares."""

    def body(self) -> dict[str, Any]:
        """The report as JSON, for a `Document`."""
        return asdict(self)


def psi_noise(bins: int, reference_rows: int, current_rows: int) -> float:
    """Expected index of two samples of one distribution: (bins − 1)(1/n + 1/m).

    Yurdakul and Naranjo (2020), "Statistical properties of the population stability index". Rows of
    one request are alike, so the true noise is larger.
    """
    return (bins - 1) * (1 / reference_rows + 1 / current_rows)


def drift(reference: Profile, current: Profile, spec: MonitorSpec) -> DriftReport:
    """Measure the watched window, and judge it by the declared limits.

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


def by_the_usual(report: DriftReport, usual: UsualReport) -> DriftReport:
    """The report under the verdict of what is usual, and no verdict while that is learned.

    What the declared limits say then stands beside the reason: nobody knows yet how far it is usual here.
    """
    if report.outcome is Outcome.INCONCLUSIVE:
        return report
    if usual.outcome is Outcome.INCONCLUSIVE:
        reason = f"{usual.reason}; by declared limits: {report.reason}"
        *features, score = (
            replace(column, drifted=None) for column in (*report.features, report.score)
        )
        return replace(
            report, outcome=usual.outcome, reason=reason, features=tuple(features),
            score=score, drifted=0, share=None, by_limits=report.outcome,
        )  # fmt: skip
    *features, score = (
        replace(column, drifted=column.name in usual.columns)
        for column in (*report.features, report.score)
    )
    drifted = sum(bool(column.drifted) for column in features)
    names = {column.name for column in features}
    moved = {finding.column for finding in usual.findings}
    return replace(
        report, outcome=usual.outcome, reason=usual.reason, features=tuple(features),
        score=score, drifted=drifted, share=drifted / len(features) if features else 0.0,
        only_features=bool(moved) and moved <= names,
    )  # fmt: skip


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


def _column(
    name: str, reference: NDArray[np.int64], current: NDArray[np.int64], limit: float
) -> ColumnDrift:
    before, now = reference.astype(np.float64), current.astype(np.float64)
    index = float(psi(before, now))
    return ColumnDrift(
        name=name,
        psi=index,
        ks=float(kolmogorov_smirnov(before, now)),
        js=float(jensen_shannon(before, now)),
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
