"""The parity flow: what was served over a window, recomputed offline, as points and a document."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.data.code import code_digest
from sluice.data.durations import parse_duration
from sluice.data.tables import Window
from sluice.errors import NothingServed
from sluice.flows.alerting import tell_alerts
from sluice.flows.memory import StepName, document, kept, put_once, remembered
from sluice.flows.parity_memory import FLOW, STEP
from sluice.flows.reporting import step
from sluice.flows.serving_room import ask_serving
from sluice.flows.trial import micros
from sluice.flows.workplace import Workplace, now, open_workplace
from sluice.gates.served import ServedGate, judge_window
from sluice.metrics.parity_report import ParityReport
from sluice.monitors.parity import ParityLimits, points

_SERVING = Path(__file__).parents[1] / "serving"
_CODE = tuple(
    _SERVING / name
    for name in (
        "delays.py", "live_state.py", "parity.py", "parity_feed.py", "parity_log.py",
        "parity_quality.py", "recomputation.py", "release_tally.py", "scorer.py",
        "served_answers.py",
    )
)  # fmt: skip
_SECONDS = 6 * 3_600
"""For as many requests as a day may bring."""


@dataclass(frozen=True)
class Served:
    """What the prediction log holds of a window."""

    window: Window
    requests: int
    digest: str
    """Of which answers they are; more that are written later make another."""


def arrange(workplace: Workplace, start: datetime | None, end: datetime | None) -> Served:
    """The window that is measured: of the surface's monitors, up to the newest answer.

    Args:
        workplace: whose answers.
        start: the monitors' window before the end where not given.
        end: just after the newest answer where not given, and never later.

    Raises:
        NothingServed: no answer is logged in the window.
    """
    length = parse_duration(workplace.surface.monitors.window)
    serving = ask_serving(
        workplace,
        "served",
        {
            **_place(workplace),
            "start": start and micros(start),
            "end": end and micros(end),
            "length": int(length.total_seconds() * 1e6),
        },
    )
    if not serving["requests"]:
        raise NothingServed(_nothing(workplace, start, end))
    window = Window(_moment(serving["start"]), _moment(serving["end"]))
    return Served(window, serving["requests"], serving["digest"])


def compare(workplace: Workplace, served: Served) -> dict[str, Any]:
    """Recompute the window once; returns the digest of its report."""
    window = served.window
    depends = (window.start.isoformat(), window.end.isoformat(), code_digest(*_CODE))
    name = StepName(FLOW, STEP, served.digest, depends)
    return remembered(workplace, name, lambda: _compare(workplace, window))


def _compare(workplace: Workplace, window: Window) -> dict[str, Any]:
    surface, measured_at = workplace.surface, now()
    request = {
        **_place(workplace),
        "start": micros(window.start),
        "end": micros(window.end),
        "label": surface.data.label.value,
        "measured_at": measured_at.isoformat(),
    }
    with step("recomputation"):
        serving = ask_serving(workplace, "parity", request, seconds=_SECONDS)
    report = ParityReport.from_json(serving)
    limits = ParityLimits(
        surface.gates.of(ServedGate).min_identical,
        surface.gates.of(ServedGate).min_requests,
        parse_duration(surface.features.embargo).total_seconds(),
    )
    for point in points(report, limits):
        put_once(workplace, point)
    return {"report": kept(workplace, "parity", report.to_json())}


def _place(workplace: Workplace) -> dict[str, str]:
    settings = workplace.settings
    return {
        "surface": workplace.name,
        "predictions": str(settings.predictions / workplace.name),
        "releases": str(settings.releases),
        "log": str(settings.log),
    }


def _nothing(workplace: Workplace, start: datetime | None, end: datetime | None) -> str:
    since = f" from {start.isoformat()}" if start else ""
    until = f" up to {end.isoformat()}" if end else ""
    return (
        f"Cannot measure parity of {workplace.name} because nothing was served{since}{until}: no answer is "
        f"in its prediction log; serve it with `sluice serve {workplace.name}`, or name another window"
    )


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


@flow(name="parity", flow_run_name="{surface}")
def parity(
    surface: str,
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[str, Any]:
    """Recompute what was served over a window; returns outcome, reason and the report.

    Raises:
        NothingServed: no answer is logged in the window, which is not a pass.
    """
    workplace = open_workplace(surface)
    with step("prediction log"):
        served = arrange(workplace, start, end)
    measured = task(name="compare", cache_policy=NO_CACHE)(compare)(workplace, served)
    body = document(workplace, measured["report"])
    outcome, reason = judge_window(
        ParityReport.from_json(body), workplace.surface.gates.of(ServedGate)
    )
    tell_alerts(workplace)
    return {
        "outcome": outcome.value,
        "reason": reason,
        "embargo": workplace.surface.features.embargo,
        "report": body,
        "document": measured["report"],
    }
