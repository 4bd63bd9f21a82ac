"""The monitor flow: what the champion met and said on a new day, against what it was judged on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.data.code import code_digest
from sluice.data.digest import json_digest
from sluice.data.durations import parse_duration
from sluice.data.snapshot import Snapshot, open_snapshot
from sluice.data.split import time_split
from sluice.data.tables import Window
from sluice.errors import NotFound, NothingToWatch
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.flows.alerting import tell_alerts
from sluice.flows.candidates import candidate_folder
from sluice.flows.memory import StepName, document, kept, remembered
from sluice.flows.promote import baking, tell
from sluice.flows.reporting import step
from sluice.flows.trial import CODE, load_incumbent, micros
from sluice.flows.validate import freeze
from sluice.flows.workplace import Workplace, now, open_workplace, seal_ledger
from sluice.monitors.dashboard import Rows, Watched, add_run
from sluice.monitors.drift import drift, points
from sluice.monitors.histogram import profile_like, reference_profile
from sluice.registry import promotion
from sluice.registry.bake import has_baked
from sluice.registry.moves import version_of
from sluice.store.records import Champion, Outcome, Position, Version

_SAMPLE_SEED = 5


@dataclass(frozen=True)
class Watch:
    """The champion, the window it was judged on, and the one that is watched."""

    champion: Champion
    version: Version
    reference: Window
    watched: Window


def arrange(workplace: Workplace, until: datetime | None) -> Watch:
    """The newest window of the declared length, or the one ending `until`, and its reference.

    The reference is what the champion was judged on, as far as it lies before the watched window.

    Raises:
        NothingToWatch: the surface has no champion, or nothing that it was judged on lies before the
            watched window.
    """
    champion = workplace.store.get(Champion, surface=workplace.name)
    if champion is None:
        raise NothingToWatch(
            f"{workplace.name} has no champion to watch; promote a version first"
        )
    version = version_of(workplace.store, workplace.name, champion.version)
    snapshot = open_snapshot(workplace.settings.snapshots, version.snapshot)
    end = workplace.window(until).end
    start = end - parse_duration(workplace.surface.monitors.window)
    judged = _judged(workplace, snapshot)
    if judged.start >= start:
        raise NothingToWatch(
            f"the champion was judged from {judged.start.isoformat()} on, the watched window begins "
            f"{start.isoformat()}: there is nothing before it to compare with; watch a later one"
        )
    reference = Window(judged.start, min(judged.end, start))
    return Watch(champion, version, reference, Window(start, end))


def _judged(workplace: Workplace, snapshot: Snapshot) -> Window:
    return time_split(snapshot.window, workplace.surface.data.judged_share).judged


def watch(workplace: Workplace, arranged: Watch) -> dict[str, Any]:
    """Measure drift of the features and the score, once; returns the report's digest."""
    whole = Window(workplace.log.window().start, arranged.watched.end)
    snapshot = freeze(workplace, whole)
    depends = (code_digest(*CODE), json_digest(_about(workplace, arranged)))
    name = StepName("monitor", "drift", snapshot.digest, depends)
    return remembered(workplace, name, lambda: _measure(workplace, arranged, snapshot))


def _about(workplace: Workplace, arranged: Watch) -> dict[str, Any]:
    return {
        "release": arranged.champion.release,
        "version": arranged.version.number,
        "reference": [
            arranged.reference.start.isoformat(),
            arranged.reference.end.isoformat(),
        ],
        "watched": [arranged.watched.start.isoformat(), arranged.watched.end.isoformat()],
        "limits": workplace.surface.monitors.model_dump(mode="json"),
    }


def _measure(workplace: Workplace, arranged: Watch, snapshot: Snapshot) -> dict[str, Any]:
    with step("drift"):
        names, reference, current = _rows(workplace, arranged, snapshot)
        profile = reference_profile(names, reference.features, reference.scores)
        report = drift(
            profile,
            profile_like(profile, current.features, current.scores),
            workplace.surface.monitors,
        )
    release, watched = arranged.champion.release, arranged.watched
    for point in points(report, workplace.name, release, watched, now()):
        workplace.store.put(point)
    with step("dashboard"):
        about = Watched(workplace.name, release, watched, report)
        rng = np.random.default_rng(_SAMPLE_SEED)
        add_run(workplace.settings.evidently, about, reference, current, rng)
    return {
        "report": kept(workplace, "drift", {**_about(workplace, arranged), **report.body()})
    }


def _rows(
    workplace: Workplace, arranged: Watch, snapshot: Snapshot
) -> tuple[tuple[str, ...], Rows, Rows]:
    """Features and the champion's scores over the reference and over the watched window."""
    folder = candidate_folder(workplace.settings.models, arranged.version.model)
    champion = load_incumbent(folder, arranged.version.number, arranged.champion.release)
    label = workplace.surface.data.label
    frame = replay(champion.features.spec, label, snapshot.read()).frame

    def rows(window: Window) -> Rows:
        part = _between(frame, window)
        return Rows(part.features, champion.ranker.score(part.features, part.offsets))

    return frame.names, rows(arranged.reference), rows(arranged.watched)


def _between(frame: RankingFrame, window: Window) -> RankingFrame:
    later = frame.split_at(micros(window.start))[1]
    return later.split_at(micros(window.end))[0]


def settle(workplace: Workplace, arranged: Watch, outcome: Outcome, at: datetime) -> str:
    """End the champion's probation where it has baked and the window is good; returns its state."""
    position = workplace.store.get(
        Position, surface=workplace.name, version=arranged.version.number
    )
    if position is None:
        raise NotFound(f"{workplace.name} {arranged.version.number} has no state")
    bake = workplace.surface.at_least.bake_time
    baked = has_baked(workplace.store, arranged.version, bake, at)
    if not baked or outcome is not Outcome.PASS:
        return str(position.state)
    row = promotion.confirm(
        workplace.store,
        arranged.version,
        actor=workplace.actor,
        reason=f"no drift up to {arranged.watched.end.isoformat()}",
        at=at,
        bake=bake,
    )
    seal_ledger(workplace)
    return row.after


@flow(name="monitor", flow_run_name="{surface}")
def monitor(surface: str, until: datetime | None = None) -> dict[str, Any]:
    """Watch the champion over the newest window; returns the drift report and its state."""
    workplace = open_workplace(surface)
    arranged = arrange(workplace, until)
    watched = task(name="watch", cache_policy=NO_CACHE)(watch)(workplace, arranged)
    report = document(workplace, watched["report"])
    state = settle(workplace, arranged, Outcome(report["outcome"]), now())
    # Last: a move that MLflow missed, after a rollback without it, is told as soon as it can be.
    task(name="tell", cache_policy=NO_CACHE)(tell)(workplace)
    tell_alerts(workplace)
    return {
        **report,
        "state": state,
        "bakes_until": baking(workplace, arranged.version),
        "document": watched["report"],
    }
