"""A parity report as points for the store: what was the same, what was late, and by how much."""

from collections.abc import Iterator
from dataclasses import dataclass

from sluice.metrics.parity_report import ParityReport, ReleaseParity
from sluice.store.records import MetricPoint, Outcome

MONITOR = "parity"
Figure = tuple[str, float | None, Outcome, int]
"""Name, value, outcome and how many it is of."""


@dataclass(frozen=True)
class ParityLimits:
    """What the surface tolerates."""

    min_identical: float
    min_requests: int
    embargo_s: float
    """How late events may be."""


def points(report: ParityReport, limits: ParityLimits) -> tuple[MetricPoint, ...]:
    """Figures of each release; those of the surface stand with the release that answered last.

    A figure without a limit passes where it was measured.
    """
    rows = [
        (release.release, figure)
        for release in report.releases
        for figure in _of_release(release, limits)
    ]
    if report.releases:
        newest = report.releases[-1].release
        rows.extend((newest, figure) for figure in _of_surface(report, limits))
    return tuple(
        MetricPoint(
            report.surface, release, MONITOR, name, report.start, report.end, value, outcome, many,
            report.measured_at,
        )
        for release, (name, value, outcome, many) in rows
    )  # fmt: skip


def _of_release(release: ReleaseParity, limits: ParityLimits) -> Iterator[Figure]:
    same = _within(release.share is not None and release.share >= limits.min_identical)
    few = release.requests < limits.min_requests
    yield (
        "identical_share",
        release.share,
        Outcome.INCONCLUSIVE if few else same,
        release.requests,
    )
    yield "late", float(release.late), Outcome.PASS, release.requests
    for gap in release.skew if release.sampled else ():
        yield (
            f"skew[{gap.name}]",
            gap.requests / release.sampled,
            _within(not gap.cells),
            release.sampled,
        )
    compared = release.scores.requests if release.scores else 0
    for gap in release.delayed if compared else ():
        yield f"delayed[{gap.name}]", gap.requests / compared, Outcome.PASS, compared
    if release.scores:
        yield "score_gap", release.scores.mean, Outcome.PASS, compared
    if release.quality:
        yield (
            release.quality.metric,
            release.quality.difference,
            Outcome.PASS,
            release.quality.requests,
        )


def _of_surface(report: ParityReport, limits: ParityLimits) -> Iterator[Figure]:
    for delay in report.delays:
        spread = delay.spread
        on_time = _within(spread.p95_s <= limits.embargo_s)
        yield f"delay_p50[{delay.kind}]", spread.p50_s, Outcome.PASS, spread.count
        yield f"delay_p95[{delay.kind}]", spread.p95_s, on_time, spread.count
    if age := report.state_age:
        yield "state_age_p50", age.p50_s, Outcome.PASS, age.count
        yield "state_age_p95", age.p95_s, Outcome.PASS, age.count
    for name in ("unknown_items", "unknown_users"):
        value = getattr(report, name)
        at_best = Outcome.INCONCLUSIVE if value is None else Outcome.PASS
        yield name, value, at_best, report.requests
    yield "lost", float(report.lost), Outcome.PASS, report.requests


def _within(kept: bool) -> Outcome:  # noqa: FBT001 - its name says it
    return Outcome.PASS if kept else Outcome.FAIL
