"""`sluice parity`: what was served, recomputed offline: is it what the gates judge?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.moment import MOMENT
from sluice.cli.output import (
    conclude,
    print_facts,
    print_json,
    print_line,
    print_table,
    with_home,
)
from sluice.cli.progress import Quiet, Steps
from sluice.errors import Held

if TYPE_CHECKING:
    from sluice.metrics.feature_gaps import FeatureGap
    from sluice.metrics.parity_report import ParityReport, ReleaseParity

_FEATURES = 12
"""Shown of those that are not as they should have been."""
_STEPS = 2


@click.command()
@click.argument("surface")
@with_home
@click.option("--from", "start", type=MOMENT,
              help="UTC start of the window; monitors.window before its end where not given.")  # fmt: skip
@click.option("--to", "end", type=MOMENT,
              help="UTC end of the window; the newest answer where not given.")  # fmt: skip
def parity(
    surface: str,
    home: Path | None,
    as_json: bool,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Recompute what SURFACE served over a window, and compare it bit for bit.

    Features and scores are computed again with what the state knew then, and once more with
    everything that was available by then, as the gates judge. Exits with 3 where fewer answers than
    declared are the same, and where there are too few to say, or none.

    \b
    Example:
      sluice parity for_you
      sluice parity for_you --from 2026-05-01 --to 2026-05-02
    """
    settings = settings_at(home)
    existing_store(settings)
    from sluice.flows.prefect_api import prefect_api
    from sluice.flows.reporting import reported_to
    from sluice.flows.workplace import at_home
    from sluice.metrics.parity_report import ParityReport

    window = [moment and moment.replace(tzinfo=UTC) for moment in (start, end)]
    with reported_to(Quiet() if as_json else Steps(_STEPS)), prefect_api(settings) as ready:
        ready()
        # Prefect reads where its API is when it is imported.
        from sluice.flows.parity import parity as measure

        with at_home(settings):
            measured = measure(surface, *window)
    if as_json:
        print_json(measured)
    else:
        _show(ParityReport.from_json(measured["report"]), measured)
    if measured["outcome"] != "pass":
        conclude(Held(f"{surface}: {measured['reason']}"), as_json=as_json)


def _show(report: "ParityReport", figures: dict[str, Any]) -> None:
    print_facts(f"parity of {report.surface}", _facts(report))
    rows = [
        (
            build.release[:12],
            build.requests,
            build.identical,
            _share(build.share),
            build.late,
        )
        for build in report.releases
    ]
    head = ("release", "answers", "identical", "share", "late events")
    print_table("Computed again with what was known then", head, rows)
    for build in report.releases:
        _show_release(build)
    _show_delays(report, figures["embargo"])
    print_line(figures["reason"], style="bold")


def _facts(report: "ParityReport") -> list[tuple[str, Any]]:
    age = report.state_age
    return [
        ("window", f"{report.start.isoformat()} to {report.end.isoformat()}"),
        ("answers", f"{report.requests:,}, {report.lost:,} more were not kept"),
        (
            "state age",
            f"{age.p50_s:,.1f} s, 95th percentile {age.p95_s:,.1f} s" if age else None,
        ),
        ("unknown items", _share(report.unknown_items)),
        ("unknown users", _share(report.unknown_users)),
    ]


def _show_release(release_parity: "ReleaseParity") -> None:
    name = release_parity.release[:12]
    if release_parity.unusable:
        print_line(f"{name} cannot be asked again: {release_parity.unusable}", style="red")
    if release_parity.other:
        more = (
            release_parity.requests - release_parity.identical - len(release_parity.other)
        )
        print_line(
            f"not identical: {', '.join(release_parity.other)}{f' and {more:,} more' if more else ''}",
            style="red",
        )
    _show_gaps(f"Features of {name} as served, against as recomputed", release_parity.skew)
    _show_gaps(
        f"Features of {name} as known then, against complete", release_parity.delayed
    )
    if release_parity.scores:
        print_line(
            f"scores of {name}: {release_parity.scores.changed:,} of {release_parity.scores.requests:,} requests would be "
            f"other with everything available, by {release_parity.scores.mean:.6f} on the mean"
        )
    if quality := release_parity.quality:
        print_line(
            f"{quality.metric} served {quality.candidate:.4f}, complete {quality.reference:.4f}: "
            f"{quality.difference:+.4f} ({quality.low:+.4f} to {quality.high:+.4f}), "
            f"{quality.requests:,} requests with a label"
        )


def _show_gaps(title: str, gaps: "tuple[FeatureGap, ...]") -> None:
    worst = sorted(
        (gap for gap in gaps if gap.cells), key=lambda release: -release.requests
    )
    rows = [
        (column.name, column.requests, column.missing, column.extra, column.mismatch, column.mean, column.largest)
        for column in worst[:_FEATURES]
    ]  # fmt: skip
    if rows:
        head = (
            "feature", "requests", "missing", "extra", "mismatch", "mean", "largest",
        )  # fmt: skip
        print_table(f"{title}: {len(worst)} of {len(gaps)} differ", head, rows)


def _show_delays(report: "ParityReport", embargo: str) -> None:
    rows = [
        (spec.kind, spec.spread.count, spec.spread.p50_s, spec.spread.p95_s)
        for spec in report.delays
    ]
    if not rows:
        print_line(f"delay not measured: no event came in live ({embargo} is assumed)")
        return
    title = f"Delay of events in seconds, {embargo} is assumed"
    print_table(title, ("kind", "events", "median", "95th percentile"), rows)


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.3%}"
