"""`sluice parity`: what was served, recomputed offline: is it what the gates judge?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import existing_store, settings_at
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

_MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"])
_FEATURES = 12
"""Shown of those that are not as they should have been."""
_STEPS = 2


@click.command()
@click.argument("surface")
@with_home
@click.option("--from", "start", type=_MOMENT,
              help="UTC start of the window; monitors.window before its end where not given.")  # fmt: skip
@click.option("--to", "end", type=_MOMENT,
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

    window = [each and each.replace(tzinfo=UTC) for each in (start, end)]
    with reported_to(Quiet() if as_json else Steps(_STEPS)), prefect_api(settings) as ready:
        ready()
        # Prefect reads where its API is when it is imported.
        from sluice.flows.parity import parity as measure

        with at_home(settings):
            found = measure(surface, *window)
    if as_json:
        print_json(found)
    else:
        _show(ParityReport.from_json(found["report"]), found)
    if found["outcome"] != "pass":
        conclude(Held(f"{surface}: {found['reason']}"), as_json=as_json)


def _show(report: "ParityReport", found: dict[str, Any]) -> None:
    print_facts(f"parity of {report.surface}", _facts(report))
    rows = [
        (each.release[:12], each.requests, each.identical, _share(each.share), each.late)
        for each in report.releases
    ]
    head = ("release", "answers", "identical", "share", "late events")
    print_table("Computed again with what was known then", head, rows)
    for each in report.releases:
        _show_release(each)
    _show_delays(report, found["embargo"])
    print_line(found["reason"], style="bold")


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


def _show_release(each: "ReleaseParity") -> None:
    name = each.release[:12]
    if each.unusable:
        print_line(f"{name} cannot be asked again: {each.unusable}", style="red")
    if each.other:
        more = each.requests - each.identical - len(each.other)
        print_line(
            f"not identical: {', '.join(each.other)}{f' and {more:,} more' if more else ''}",
            style="red",
        )
    _show_gaps(f"Features of {name} as served, against as recomputed", each.skew)
    _show_gaps(f"Features of {name} as known then, against complete", each.delayed)
    if each.scores:
        print_line(
            f"scores of {name}: {each.scores.changed:,} of {each.scores.requests:,} requests would be "
            f"other with everything available, by {each.scores.mean:.6f} on the mean"
        )
    if quality := each.quality:
        print_line(
            f"{quality.metric} served {quality.candidate:.4f}, complete {quality.reference:.4f}: "
            f"{quality.difference:+.4f} ({quality.low:+.4f} to {quality.high:+.4f}), "
            f"{quality.requests:,} requests with a label"
        )


def _show_gaps(title: str, gaps: "tuple[FeatureGap, ...]") -> None:
    worst = sorted((each for each in gaps if each.cells), key=lambda each: -each.requests)
    rows = [
        (each.name, each.requests, each.missing, each.extra, each.mismatch, each.mean, each.largest)
        for each in worst[:_FEATURES]
    ]  # fmt: skip
    if rows:
        head = (
            "feature", "requests", "missing", "extra", "mismatch", "mean", "largest",
        )  # fmt: skip
        print_table(f"{title}: {len(worst)} of {len(gaps)} differ", head, rows)


def _show_delays(report: "ParityReport", embargo: str) -> None:
    rows = [
        (each.kind, each.spread.count, each.spread.p50_s, each.spread.p95_s)
        for each in report.delays
    ]
    if not rows:
        print_line(f"delay not measured: no event came in live ({embargo} is assumed)")
        return
    title = f"Delay of events in seconds, {embargo} is assumed"
    print_table(title, ("kind", "events", "median", "95th percentile"), rows)


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.3%}"
