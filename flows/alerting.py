"""Alerts of a surface: from what its monitors said of windows, each told once to every sink."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sluice.data.digest import json_digest
from sluice.data.tables import Window
from sluice.errors import SluiceError
from sluice.flows import parity_memory
from sluice.flows.memory import StepName, document, remembered, step_key
from sluice.flows.workplace import Workplace, now
from sluice.gates.served import ServedGate, judge_window
from sluice.metrics.parity_report import ParityReport
from sluice.monitors.alerts.alert import Alert, Kind, alert_of
from sluice.monitors.alerts.sinks import sink
from sluice.monitors.alerts.windows import Episode, Judged, Standing, episodes
from sluice.store.records import Outcome, Step

_FLOW, _SILENCE = "alert", "silence"
_SHOWN = 5
"""Columns that an alert names."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Silence:
    """Nobody is told of a kind for a while, and why."""

    kind: Kind
    until: datetime
    reason: str
    by: str


@dataclass(frozen=True)
class _Seen:
    """One window as a monitor judged it, with what moved most in it."""

    judged: Judged
    where: tuple[str, ...]
    began: datetime | None = None
    """Start of the first window beyond the usual, where that is earlier than anybody looked."""


def alerts(workplace: Workplace) -> tuple[Alert, ...]:
    """Every alert that this surface ever had, oldest first; the last of a kind may be open."""
    raised = [
        _alert(workplace, kind, episode, seen)
        for kind, seen in _windows(workplace).items()
        for episode in _episodes(workplace, seen)
    ]
    return tuple(sorted(raised, key=lambda alert: (alert.since, alert.kind)))


def last_judged(workplace: Workplace) -> dict[Kind, Judged]:
    """By kind, what a monitor said of the newest window that it judged; a kind it never judged is not there."""
    return {kind: seen[-1].judged for kind, seen in _windows(workplace).items() if seen}


def tell_alerts(workplace: Workplace) -> tuple[Alert, ...]:
    """Tell every sink of what is open or has just ended, once each; returns what was due.

    Raises:
        SluiceError: a sink did not take one; the others got it, and this one is tried at the next run.
    """
    silent = {silence.kind for silence in silences(workplace, now())}
    due = [alert for alert in _newest(alerts(workplace)) if alert.kind not in silent]
    problems = [problem for alert in due for problem in _deliver(workplace, alert)]
    if problems:
        raise SluiceError("; ".join(problems))
    return tuple(due)


def try_sinks(workplace: Workplace) -> Alert:
    """An alert of nothing, told to every sink at once.

    Raises:
        SluiceError: one did not take it; the others did.
    """
    at = now()
    window = Window(at - timedelta(seconds=1), at)
    judged = Judged(window, Outcome.FAIL, "somebody tries whether alerts arrive")
    episode = Episode(window.start, judged, 1, None)
    alert = _alert(workplace, Kind.TEST, episode, ())
    problems = [
        problem
        for declared in workplace.surface.alerts.sinks
        if (problem := _tried(sink(declared, workplace.settings.home), alert))
    ]
    if problems:
        raise SluiceError("; ".join(problems))
    return alert


def silence(workplace: Workplace, silenced: Silence) -> None:
    """Tell nobody of a kind until then; it is kept who wanted that, and why."""
    depends = (silenced.kind, silenced.until.isoformat(), silenced.reason, silenced.by)
    outcome = {
        "kind": silenced.kind.value,
        "until": silenced.until.isoformat(),
        "reason": silenced.reason,
        "by": silenced.by,
    }
    remembered(workplace, StepName(_FLOW, _SILENCE, "", depends), lambda: outcome)


def silences(workplace: Workplace, at: datetime) -> tuple[Silence, ...]:
    """What is silenced at this time."""
    kept = workplace.store.find(Step, surface=workplace.name, flow=_FLOW, step=_SILENCE)
    read = [
        Silence(
            Kind(step.outcome["kind"]),
            datetime.fromisoformat(step.outcome["until"]),
            step.outcome["reason"],
            step.outcome["by"],
        )
        for step in kept
    ]
    return tuple(silenced for silenced in read if silenced.until > at)


def _newest(alerts: Sequence[Alert]) -> list[Alert]:
    """The last of each kind: what is long over is nobody's concern."""
    return list({alert.kind: alert for alert in alerts}.values())


def _deliver(workplace: Workplace, alert: Alert) -> list[str]:
    """Tell the sinks that were not told yet; of an end, only those that heard of its beginning."""
    problems: list[str] = []
    for declared in workplace.surface.alerts.sinks:
        name = json_digest(declared.model_dump(mode="json"))
        if alert.standing is Standing.RESOLVED and not _was_told(workplace, alert, name):
            continue
        step = _step(alert, name, alert.standing)
        if _finished(workplace, step):
            continue
        problem = _tried(sink(declared, workplace.settings.home), alert)
        if problem:
            problems.append(problem)
        else:
            remembered(workplace, step, lambda: {"title": alert.title})
    return problems


def _tried(deliver: Callable[[Alert], None], alert: Alert) -> str | None:
    try:
        deliver(alert)
    except SluiceError as error:
        _LOG.error("an alert was not delivered: %s", error)
        return str(error)
    return None


def _step(alert: Alert, name: str, standing: Standing) -> StepName:
    depends = (alert.kind, alert.since.isoformat(), name, standing)
    return StepName(_FLOW, "told", "", tuple(map(str, depends)))


def _was_told(workplace: Workplace, alert: Alert, name: str) -> bool:
    return _finished(workplace, _step(alert, name, Standing.OPEN))


def _finished(workplace: Workplace, step: StepName) -> bool:
    return workplace.store.get(Step, key_digest=step_key(workplace, step)) is not None


def _episodes(workplace: Workplace, seen: Sequence[_Seen]) -> tuple[Episode, ...]:
    spec = workplace.surface.alerts
    judged = [window.judged for window in seen]
    return episodes(judged, bad=spec.bad, windows=spec.windows)


def _alert(
    workplace: Workplace, kind: Kind, episode: Episode, seen: Sequence[_Seen]
) -> Alert:
    where = next((window.where for window in seen if window.judged == episode.worst), ())
    began = [
        window.began
        for window in seen
        if window.judged.window.start == episode.since and window.began is not None
    ]
    surface = workplace.surface
    return alert_of(
        replace(episode, since=min([episode.since, *began])),
        surface=surface.name,
        kind=kind,
        tier=surface.tier,
        owner=surface.owner,
        where=where,
    )


def _windows(workplace: Workplace) -> dict[Kind, tuple[_Seen, ...]]:
    """By kind, the windows that were judged, each as it was judged last, in the order of time."""
    return {
        Kind.DRIFT: _latest(
            _drift(document(workplace, step.outcome["report"]))
            for step in _steps(workplace, "monitor", "drift")
        ),
        Kind.PARITY: _latest(
            _parity(workplace, document(workplace, step.outcome["report"]))
            for step in _steps(workplace, parity_memory.FLOW, parity_memory.STEP)
        ),
    }


def _steps(workplace: Workplace, flow: str, step: str) -> list[Step]:
    steps = workplace.store.find(Step, surface=workplace.name, flow=flow, step=step)
    return sorted(steps, key=lambda step: step.finished_at)


def _latest(seen: Iterable[_Seen]) -> tuple[_Seen, ...]:
    by_end = {window.judged.window.end: window for window in seen}
    return tuple(by_end[end] for end in sorted(by_end))


def _drift(body: dict[str, Any]) -> _Seen:
    start, end = map(datetime.fromisoformat, body["watched"])
    judged = Judged(Window(start, end), Outcome(body["outcome"]), body["reason"])
    if usual := body.get("usual"):
        return _Seen(judged, _beyond(usual), _moment(usual["began"]))
    # A window that was judged by declared limits, before anybody learned what is usual.
    moved = sorted(
        (column for column in (*body["features"], body["score"]) if column["drifted"]),
        key=lambda column: -column["psi"],
    )
    return _Seen(judged, tuple(column["name"] for column in moved[:_SHOWN]))


def _beyond(usual: dict[str, Any]) -> tuple[str, ...]:
    """The segment that contributes most, then what moved most; of each thing once."""
    names = (finding["name"] for finding in usual["findings"])
    place = [usual["where"]] if usual["findings"] else []
    return tuple(dict.fromkeys([*place, *names]))[: 1 + _SHOWN]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _parity(workplace: Workplace, body: dict[str, Any]) -> _Seen:
    report = ParityReport.from_json(body)
    outcome, reason = judge_window(report, workplace.surface.gates.of(ServedGate))
    return _Seen(Judged(Window(report.start, report.end), outcome, reason), ())
