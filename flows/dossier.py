"""The dossier of a version: its evidence as a page on disk, and mirrored to MLflow."""

from typing import Any

from sluice.data.atomic import write_atomically
from sluice.errors import NotFound
from sluice.flows.candidates import candidate_folder
from sluice.flows.memory import document
from sluice.flows.parity_memory import latest_parity
from sluice.flows.workplace import Workplace, now
from sluice.gates.judgement import Judgement
from sluice.metrics import PairedComparison
from sluice.metrics.parity_report import ParityReport
from sluice.registry.differences import Difference, differences
from sluice.registry.evidence import Evidence
from sluice.registry.mirror import MlflowMirror
from sluice.registry.moves import version_of
from sluice.registry.page import page
from sluice.registry.plots import draw
from sluice.registry.proof import verdict_of
from sluice.registry.rules import laxer_rules
from sluice.registry.tracking import TrackedCandidate
from sluice.registry.waivers import waivers_of
from sluice.store.records import Document, Position, SnapshotRecord, Step, Version


def gather(workplace: Workplace, version: Version) -> Evidence:
    """Everything that the store knows about a version."""
    store, surface = workplace.store, workplace.surface
    snapshot = store.get(SnapshotRecord, surface=version.surface, digest=version.snapshot)
    position = store.get(Position, surface=version.surface, version=version.number)
    if snapshot is None or position is None:
        raise NotFound(
            f"{version.surface} {version.number}: its snapshot or state is not stored"
        )
    evaluation = evaluation_of(workplace, version)
    return Evidence(
        surface=version.surface,
        version=version.number,
        author=version.author,
        trained_at=version.created_at,
        family=version.family,
        snapshot=version.snapshot,
        start=snapshot.start,
        end=snapshot.end,
        counts=evaluation["counts"],
        code=version.code,
        spec=version.spec,
        model=version.model,
        mandatory=surface.gates.mandatory,
        judgements=_judgements(workplace, version),
        metrics=evaluation["metrics"],
        comparisons={
            reference: tuple(PairedComparison(**row) for row in rows)
            for reference, rows in evaluation["comparisons"].items()
        },
        gains=evaluation["gains"],
        slices=evaluation["slices"],
        calibration=evaluation["calibration"],
        churn=evaluation["churn"],
        # A version that was evaluated before these were measured has none.
        reliability=evaluation.get("reliability", {}),
        stakeholders=tuple(evaluation.get("stakeholders", ())),
        embargo=_embargo(workplace, version),
        parity=_parity(workplace, version),
        approvers=surface.at_least.approvers,
        waivers=_waivers(workplace, version),
        laxer=laxer_rules(store, version, workplace.panel, surface.at_least.bake_time),
        release=position.release,
    )


def evaluation_of(workplace: Workplace, version: Version) -> dict[str, Any]:
    """The evaluation that the version was judged by.

    Raises:
        NotFound: it was never evaluated.
    """
    steps = workplace.store.find(
        Step, surface=version.surface, snapshot=version.snapshot, step="evaluate"
    )
    for stage in steps:
        if stage.outcome["run"] == version.run:
            return document(workplace, stage.outcome["evaluation"])
    raise NotFound(
        f"{version.surface} {version.number} was never evaluated; run retrain again"
    )


def apart(workplace: Workplace, first: int, second: int) -> tuple[Difference, ...]:
    """What sets two versions apart.

    Raises:
        NotFound: there is no such version, or it was never evaluated.
        IntegrityError: a version's declaration is not stored.
    """
    ours, other = (
        version_of(workplace.store, workplace.name, number) for number in (first, second)
    )
    declared = document(workplace, ours.spec), document(workplace, other.spec)
    return differences(gather(workplace, ours), gather(workplace, other), declared)


def _embargo(workplace: Workplace, version: Version) -> str | None:
    """As the version declares it; None where its declaration is not kept."""
    declared = _declared(workplace, version)
    return declared["features"]["embargo"] if declared else None


def _declared(workplace: Workplace, version: Version) -> dict[str, Any]:
    """What the version was declared to be, which the surface's file may say otherwise by now."""
    kept = workplace.store.get(Document, digest=version.spec)
    return kept.body if kept else {}


def _parity(workplace: Workplace, version: Version) -> ParityReport | None:
    # What was known when it was registered: a page written later says the same.
    measured = latest_parity(workplace, before=version.created_at)
    return measured.report if measured else None


def _judgements(workplace: Workplace, version: Version) -> tuple[Judgement, ...]:
    verdicts = [
        verdict_of(workplace.store, version, gate)
        for gate in workplace.surface.gates.mandatory
    ]
    return tuple(
        Judgement(
            verdict.gate,
            verdict.outcome,
            verdict.reason,
            document(workplace, verdict.evidence),
        )
        for verdict in verdicts
        if verdict is not None
    )


def _waivers(workplace: Workplace, version: Version) -> dict[str, str]:
    """By gate, the waiver that lasts longest: the page is of one moment and says when it ends."""
    latest = sorted(waivers_of(workplace.store, version), key=lambda waiver: waiver.until)
    return {
        verdict.gate: f"Waived by {verdict.actor} until {verdict.until:%Y-%m-%d %H:%M} UTC: {verdict.reason}"
        for verdict in latest
        if verdict.holds(now())
    }


def publish(workplace: Workplace, version: Version, *, anew: bool = False) -> str:
    """Write the evidence page and mirror the candidate to MLflow; returns the page's path.

    Args:
        workplace: the surface's.
        version: of it.
        anew: write all of it to MLflow again, for pieces of it may have been deleted there.
    """
    evidence = gather(workplace, version)
    plots = draw(evidence)
    html = page(evidence, plots)
    path = workplace.settings.evidence / version.surface / f"{version.number}.html"
    write_atomically(path, html.encode())
    folder = candidate_folder(workplace.settings.models, version.model)
    tracked = TrackedCandidate(
        evidence=evidence,
        run=version.run,
        declaration={
            **workplace.surface.model_dump(mode="json"),
            **_declared(workplace, version),
        },
        ranker=folder / "model",
        page=html,
        plots=plots,
    )
    mlflow_mirror(workplace).candidate(tracked, anew=anew)
    return str(path)


def mlflow_mirror(workplace: Workplace) -> MlflowMirror:
    """The mirror of this installation."""
    settings = workplace.settings
    settings.mlflow.mkdir(parents=True, exist_ok=True)
    return MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
