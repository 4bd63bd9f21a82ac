"""The canary flow: what people clicked with the canary and without, at the looks that were declared.

A look is taken once: its figures are kept with the first verdict, so that asking again changes
nothing. Surely worse, the canary is withdrawn; after the last look so is one of which nobody knows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.canary_spec import CanarySpec
from sluice.data.tables import Window
from sluice.errors import NothingToWatch
from sluice.flows.canary_arms import Split, arms_of
from sluice.flows.memory import StepName, document, kept, remembered
from sluice.flows.promote import export, tell_canaries
from sluice.flows.reporting import step
from sluice.flows.workplace import Workplace, now, open_workplace
from sluice.metrics.arms import ArmComparison
from sluice.registry import canary as life
from sluice.registry.canary_verdict import Fate, Look, Verdict, judge, outcome_of
from sluice.store.canary import Canary
from sluice.store.records import MetricPoint

WAITS = "waits"
"""The state before the first look."""


@dataclass(frozen=True)
class Trial:
    """A canary that runs, with the terms that it was started on."""

    canary: Canary
    champion: str
    """Release that it is compared with."""
    spec: CanarySpec

    @property
    def split(self) -> Split:
        canary = self.canary
        return Split(canary.surface, canary.release, self.champion, canary.share)

    def due(self, at: datetime) -> int:
        """Number of the newest look that is due; 0 before the first."""
        return sum(time <= at for time in self.spec.look_times(self.canary.since))

    def next_look(self, at: datetime) -> datetime | None:
        return next(
            (time for time in self.spec.look_times(self.canary.since) if time > at), None
        )


def running(workplace: Workplace) -> Trial:
    """The surface's canary and its terms.

    Raises:
        NothingToWatch: none runs.
        IntegrityError: the ledger never started it, or its terms are gone.
    """
    canary = life.canary_of(workplace.store, workplace.name)
    if canary is None or not canary.runs:
        raise NothingToWatch(
            f"no canary runs on {workplace.name}; start one with `sluice canary start`"
        )
    terms = life.terms_of(workplace.store, canary)
    spec = CanarySpec.model_validate(terms["declared"])
    return Trial(canary, terms["champion"]["release"], spec)


def look(workplace: Workplace, trial: Trial, number: int) -> dict[str, Any]:
    """Take a look, once; returns its verdict and the digest of its document."""
    canary = trial.canary
    depends = (str(canary.epoch), str(number))
    name = StepName("canary", "look", canary.release, depends)
    return remembered(workplace, name, lambda: _taken(workplace, trial, number))


def _taken(workplace: Workplace, trial: Trial, number: int) -> dict[str, Any]:
    canary, end = trial.canary, trial.spec.look_times(trial.canary.since)[number - 1]
    window = Window(canary.since, end)
    with step("clicks"):
        arms = arms_of(
            workplace.log.read(window), trial.split, workplace.surface.data.label
        )
    judgement = judge(number, arms.canary, arms.champion, trial.spec)
    for point in _points(judgement, canary, window):
        workplace.store.put(point)
    body = {
        **judgement.body(),
        "surface": canary.surface,
        "release": canary.release,
        "champion": trial.champion,
        "share": canary.share,
        "epoch": canary.epoch,
        "window": [window.start.isoformat(), window.end.isoformat()],
        "rules": trial.spec.model_dump(mode="json"),
        "elsewhere": arms.elsewhere,
        "strayed": arms.strayed,
        "fate": judgement.fate(trial.spec).value,
    }
    return {"evidence": kept(workplace, "canary.look", body)}


def _points(look: Look, canary: Canary, window: Window) -> list[MetricPoint]:
    about = (canary.surface, canary.release, "canary")
    values = [_value(comparison) for comparison in look.comparisons] or [
        ("clicks per request", None)
    ]
    return [
        MetricPoint(
            *about, name, window.start, window.end, value, outcome_of(look.verdict),
            look.requests[0], now(),
        )
        for name, value in values
    ]  # fmt: skip


def _value(comparison: ArmComparison) -> tuple[str, float | None]:
    return comparison.metric, comparison.difference


def settle(
    workplace: Workplace, trial: Trial, evidence: str, at: datetime
) -> dict[str, Any]:
    """Withdraw the canary where its look says so."""
    seen = document(workplace, evidence)
    if seen["fate"] == Fate.WITHDRAWN:
        worse = seen["verdict"] == Verdict.WORSE
        why = seen["reason"] if worse else f"inconclusive to the end: {seen['reason']}"
        life.withdraw(workplace.store, trial.canary, reason=why, evidence=evidence, at=at)
        export(workplace)
    return {**seen, "state": seen["fate"], "document": evidence}


@flow(name="canary", flow_run_name="{surface}")
def canary(surface: str, until: datetime | None = None) -> dict[str, Any]:
    """Judge the surface's canary at the newest look that is due; returns the look and its state."""
    workplace = open_workplace(surface)
    at = until or now()
    # A move that was cut short is told before anything is judged, and one made here after it.
    _task("tell", tell_canaries)(workplace)
    if ended := life.end_superseded(workplace.store, surface, at=at):
        _task("tell", tell_canaries)(workplace)
        raise NothingToWatch(f"the canary of {surface} is ended: {ended.reason}")
    trial = running(workplace)
    number, upcoming = trial.due(at), trial.next_look(at)
    facts = {
        "version": trial.canary.version,
        "release": trial.canary.release,
        "share": trial.canary.share,
        "next_look": upcoming and upcoming.isoformat(timespec="seconds"),
    }
    if number == 0:
        return {**facts, "state": WAITS, "verdict": Verdict.INCONCLUSIVE.value,
                "reason": "no look is due yet"}  # fmt: skip
    taken = _task("look", look)(workplace, trial, number)
    settled = _task("settle", settle)(workplace, trial, taken["evidence"], at)
    _task("tell", tell_canaries)(workplace)
    return {**facts, **settled}


def _task(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return task(name=name, cache_policy=NO_CACHE)(function)
