"""The monitor flow: what the champion met and said on a new day, against what it was judged on."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

import sluice.monitors
from sluice.data.code import code_digest
from sluice.data.digest import json_digest
from sluice.data.durations import parse_duration
from sluice.data.snapshot import Snapshot, open_snapshot
from sluice.data.split import time_split
from sluice.data.tables import Window
from sluice.errors import NothingToWatch
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.flows.alerting import tell_alerts
from sluice.flows.candidates import candidate_folder
from sluice.flows.confirmation import Confirmation, DriftSign, decide, live_signs
from sluice.flows.memory import StepName, document, kept, put_once, remembered
from sluice.flows.promote import baking, tell
from sluice.flows.reporting import step
from sluice.flows.trial import CODE, load_incumbent, micros
from sluice.flows.validate import freeze
from sluice.flows.workplace import Workplace, now, open_workplace, seal_ledger
from sluice.monitors.dashboard import Rows, Watched, add_run
from sluice.monitors.drift import by_the_usual, drift, points
from sluice.monitors.histogram import profile_like, reference_profile
from sluice.monitors.usual.columns import Watched as SeenRows
from sluice.monitors.usual.of_log import watched_rows
from sluice.monitors.usual.report import UsualReport
from sluice.monitors.usual.watching import compare, windows_before
from sluice.registry import promotion
from sluice.registry.bake import bakes_until, has_baked, promoted_at
from sluice.registry.moves import position_of, version_of
from sluice.store.records import Champion, State, Version

_SAMPLE_SEED = 5
_CODE = (*CODE, Path(__file__), *map(Path, sluice.monitors.__path__))


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
    depends = (code_digest(*_CODE), json_digest(_about(workplace, arranged)))
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
        names, reference, current, usual = _rows(workplace, arranged, snapshot)
        profile = reference_profile(names, reference.features, reference.scores)
        measured = drift(
            profile,
            profile_like(profile, current.features, current.scores),
            workplace.surface.monitors,
        )
        report = by_the_usual(measured, usual)
    release, watched = arranged.champion.release, arranged.watched
    for point in points(report, workplace.name, release, watched, now()):
        put_once(workplace, point)
    with step("dashboard"):
        about = Watched(workplace.name, release, watched, report)
        rng = np.random.default_rng(_SAMPLE_SEED)
        add_run(workplace.settings.evidently, about, reference, current, rng)
    body = {**_about(workplace, arranged), **report.body(), "usual": usual.body()}
    return {"report": kept(workplace, "drift", body)}


def _rows(
    workplace: Workplace, arranged: Watch, snapshot: Snapshot
) -> tuple[tuple[str, ...], Rows, Rows, UsualReport]:
    """Features and scores over reference and watched window, and the latter against the usual."""
    folder = candidate_folder(workplace.settings.models, arranged.version.model)
    champion = load_incumbent(folder, arranged.version.number, arranged.champion.release)
    label, tables = workplace.surface.data.label, snapshot.read()
    frame = replay(champion.features.spec, label, tables).frame
    monitors = workplace.surface.monitors

    def rows(window: Window) -> Rows:
        part = _between(frame, window)
        return Rows(part.features, champion.ranker.score(part.features, part.offsets))

    def seen(window: Window) -> SeenRows | None:
        part = _between(frame, window)
        if not part.requests:
            return None
        scores = champion.ranker.score(part.features, part.offsets)
        return watched_rows(part, scores, tables, window, label, monitors.segments)

    before = windows_before(arranged.watched, snapshot.window)
    usual = compare([*before, arranged.watched], seen, monitors.min_rows)
    return frame.names, rows(arranged.reference), rows(arranged.watched), usual


def _between(frame: RankingFrame, window: Window) -> RankingFrame:
    later = frame.split_at(micros(window.start))[1]
    return later.split_at(micros(window.end))[0]


def settle(
    workplace: Workplace, version: Version, sign: DriftSign, at: datetime
) -> Confirmation:
    """End the champion's probation where it has baked and what is known of it allows; says why or why not."""
    store, bake = workplace.store, workplace.surface.at_least.bake_time
    position = position_of(store, version)
    if position.state is not State.CHAMPION_PROVISIONAL:
        return Confirmation(
            confirmed=False, reason=f"nothing to confirm: the version is {position.state}"
        )
    if not has_baked(store, version, bake, at):
        until = bakes_until(store, version, bake)
        return Confirmation(
            confirmed=False, reason=f"it bakes until {until and until.isoformat()}"
        )
    live = live_signs(workplace, position.release or "", promoted_at(store, version))
    confirmation = decide(sign, live)
    if confirmation.confirmed:
        promotion.confirm(
            store,
            version,
            actor=workplace.actor,
            reason=confirmation.reason,
            at=at,
            bake=bake,
        )
        seal_ledger(workplace)
    return confirmation


@flow(name="monitor", flow_run_name="{surface}")
def monitor(surface: str, until: datetime | None = None) -> dict[str, Any]:
    """Watch the champion over the newest window; returns the drift report and its state."""
    workplace = open_workplace(surface)
    arranged = arrange(workplace, until)
    watched = task(name="watch", cache_policy=NO_CACHE)(watch)(workplace, arranged)
    report = document(workplace, watched["report"])
    confirmation = settle(workplace, arranged.version, DriftSign.of(report), now())
    # Last: a move that MLflow missed, after a rollback without it, is told as soon as it can be.
    task(name="tell", cache_policy=NO_CACHE)(tell)(workplace)
    tell_alerts(workplace)
    return {
        **report,
        "state": position_of(workplace.store, arranged.version).state.value,
        "confirmation": confirmation.reason,
        "bakes_until": baking(workplace, arranged.version),
        "document": watched["report"],
    }
