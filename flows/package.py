"""The package flow: a release around the candidate, a Bento around the release, and its replay."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.data.code import environment_digest
from sluice.data.durations import microseconds
from sluice.data.snapshot import open_snapshot
from sluice.data.split import time_split
from sluice.flows.candidates import candidate_folder
from sluice.flows.dossier import publish
from sluice.flows.judging import judge_release, verdict_row
from sluice.flows.memory import StepName, remembered
from sluice.flows.reporting import step
from sluice.flows.serving_room import ask_serving
from sluice.flows.trial import micros
from sluice.flows.workplace import Workplace, now, open_workplace, seal_ledger
from sluice.gates.registry import is_on_release
from sluice.gates.replay import ReplayFigures, ReplayGate
from sluice.registry import promotion
from sluice.registry.moves import position_of, version_of
from sluice.store.records import Verdict, Version


def build(workplace: Workplace, version: Version) -> dict[str, Any]:
    """Build the release and its Bento; returns the release's digest and where both lie."""
    settings, surface = workplace.settings, workplace.surface
    snapshot = open_snapshot(settings.snapshots, version.snapshot)
    split = time_split(snapshot.window, surface.data.judged_share)
    verdicts = workplace.store.find(Verdict, surface=workplace.name, version=version.number)
    request = {
        "candidate": str(candidate_folder(settings.models, version.model)),
        "snapshot": str(snapshot.folder),
        "into": str(settings.releases),
        "bentos": str(settings.bentos),
        "golden": surface.gates.of(ReplayGate).requests,
        "since": micros(split.fit_end),
        "at": micros(snapshot.window.end) + microseconds(surface.features.embargo),
        "provenance": {
            "surface": workplace.name,
            "version": version.number,
            "family": version.family,
            "snapshot": version.snapshot,
            "until": micros(snapshot.window.end),
            "code": version.code,
            "spec": version.spec,
            "lock": environment_digest(),
            "evidence": [
                verdict.evidence for verdict in verdicts if not is_on_release(verdict.gate)
            ],
        },
    }
    return ask_serving(workplace, "package", request)


def served(workplace: Workplace, release: str) -> dict[str, Any]:
    """Where the serving room finds a release and its Bento."""
    settings = workplace.settings
    return {
        "surface": workplace.name,
        "release": release,
        "releases": str(settings.releases),
        "bentos": str(settings.bentos),
        "home": str(settings.home),
    }


def replay(workplace: Workplace, version: Version, release: str) -> dict[str, Any]:
    """The figures of the replay, and one request with its whole answer.

    The Bento is started and asked once: no second replay measures the same, so the first is the
    evidence.
    """
    name = StepName(
        "package", "replay and example", version.snapshot, (version.run, release)
    )
    sampled = served(workplace, release)
    return remembered(workplace, name, lambda: ask_serving(workplace, "replay", sampled))


def replayed(workplace: Workplace, version: Version, release: str) -> tuple[Verdict, ...]:
    """What the gates say of the release; the Bento is started and asked only if there is no verdict yet."""

    def figures() -> ReplayFigures:
        return ReplayFigures(**replay(workplace, version, release)["figures"])

    return judge_release(workplace, version, figures)


@flow(name="package", flow_run_name="{surface} version {version}")
def package(surface: str, version: int) -> dict[str, Any]:
    """Package a gated version and submit it to review; returns release, state and verdicts."""
    workplace = open_workplace(surface)
    registered = version_of(workplace.store, surface, version)
    name = StepName(
        "package", "build", registered.snapshot, (registered.run, environment_digest())
    )
    building = task(name="build", cache_policy=NO_CACHE)(build)
    with step("packaging"):
        # Once packaged, a version keeps its release: newer libraries would build another one.
        release = (
            position_of(workplace.store, registered).release
            or remembered(workplace, name, lambda: building(workplace, registered))[
                "release"
            ]
        )
    promotion.package(workplace.store, registered, release, actor=workplace.actor, at=now())
    with step("replay"):
        verdicts = task(name="replay", cache_policy=NO_CACHE)(replayed)(
            workplace, registered, release
        )
    state = promotion.submit(
        workplace.store, registered, (),
        mandatory=workplace.surface.gates.mandatory, actor=workplace.actor, at=now(),
    )  # fmt: skip
    seal_ledger(workplace)
    with step("evidence"):
        page = task(name="publish", cache_policy=NO_CACHE)(publish)(workplace, registered)
    return {
        "version": version,
        "release": release,
        "state": str(state),
        "gates": [verdict_row(verdict) for verdict in verdicts],
        "page": page,
    }
