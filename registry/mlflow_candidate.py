"""One candidate in MLflow: a run, a logged model and a version of `<surface>-candidates`.

Each is created together with the tag `sluice.run`, so whatever a killed process left behind is
found again by the next call and completed.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.registry.description import Shown, markdown
from sluice.registry.mlflow_models import ensure_registered, versions_with, with_tags
from sluice.registry.tracking import (
    CONTENT,
    RUN,
    TrackedCandidate,
    metrics,
    parameters,
    tags,
    write_model,
)

_KIND = {
    "mlflow.experimentKind": "custom_model_development"
}  # else the UI shows it as an agent
_BATCH = 100  # parameters that MLflow takes in one call


@dataclass(frozen=True)
class MirroredCandidate:
    """Where a candidate stands in MLflow."""

    run_id: str
    model: str
    """Registered model, `<surface>-candidates`."""
    version: str
    """MLflow's own number; the tag `sluice.version` has ours."""


def candidates_model(surface: str) -> str:
    """Name of the registered model that trainers write; the champions have one of their own."""
    return f"{surface}-candidates"


def mirror_candidate(
    client: Any, artifacts: Path, candidate: TrackedCandidate, *, anew: bool = False
) -> MirroredCandidate:
    """Mirror a candidate, or what has changed about it since it was mirrored.

    Args:
        client: of MLflow.
        artifacts: folder of MLflow's files.
        candidate: what is told.
        anew: write everything again, whatever MLflow says that it has: its files may be gone.
    """
    experiment = _experiment(client, artifacts, candidate.evidence.surface)
    run = _run(client, experiment, candidate)
    model = _model(client, experiment, run.info.run_id, candidate, anew=anew)
    page = markdown(candidate.evidence, Shown(experiment, run.info.run_id))
    version = _version(client, model, candidate, page)
    if anew or run.data.tags.get(CONTENT) != candidate.content:
        _describe(client, run, candidate, page)
        _describe_version(client, version, candidate, page)
        # Last, so that a run cut short before this is described again by the next call.
        client.set_tag(run.info.run_id, CONTENT, candidate.content)
    elif version.description != page:
        _describe_version(client, version, candidate, page)  # by somebody else's hand
    if run.info.status != "FINISHED":
        client.set_terminated(run.info.run_id)
    return MirroredCandidate(run.info.run_id, version.name, str(version.version))


def _experiment(client: Any, artifacts: Path, surface: str) -> str:
    experiment = client.get_experiment_by_name(surface)
    if experiment is None:
        place = (artifacts.resolve() / surface).as_uri()
        return client.create_experiment(surface, artifact_location=place, tags=_KIND)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def _run(client: Any, experiment: str, candidate: TrackedCandidate) -> Any:
    search_runs = client.search_runs(
        [experiment], with_tags({RUN: candidate.run}), max_results=1
    )
    if search_runs:
        return search_runs[0]
    evidence = candidate.evidence
    title = f"{evidence.surface} version {evidence.version}"
    return client.create_run(experiment, tags=tags(candidate), run_name=title)


def _model(
    client: Any, experiment: str, run_id: str, candidate: TrackedCandidate, *, anew: bool
) -> Any:
    search_logged_models = client.search_logged_models(
        [experiment], with_tags({RUN: candidate.run})
    )
    model = (
        search_logged_models[0]
        if search_logged_models
        else _create_model(client, experiment, run_id, candidate)
    )
    if model.status == "READY" and not anew:
        return model
    with tempfile.TemporaryDirectory() as folder:
        layout = Path(folder) / "model"
        write_model(candidate.ranker, layout)
        client.log_model_artifacts(model.model_id, str(layout))
    if model.status == "READY":
        return model
    return client.finalize_logged_model(model.model_id, "READY")


def _create_model(
    client: Any, experiment: str, run_id: str, candidate: TrackedCandidate
) -> Any:
    return client.create_logged_model(
        experiment,
        name=f"{candidate.evidence.surface}-{candidate.evidence.version}",
        source_run_id=run_id,
        tags=tags(candidate),
        model_type=candidate.evidence.family,
    )


def _version(client: Any, model: Any, candidate: TrackedCandidate, text: str) -> Any:
    name = candidates_model(candidate.evidence.surface)
    ensure_registered(client, name, "Every trained version of the surface, for review.")
    there = versions_with(client, name, {RUN: candidate.run})
    if there:
        return there[0]
    # The logged model's folder, not its `models:/` address: MLflow resolves that one through the
    # process-wide tracking URI, which is not ours to set.
    return client.create_model_version(
        name,
        model.artifact_location,
        run_id=model.source_run_id,
        model_id=model.model_id,
        tags=tags(candidate),
        description=text,
    )


def _describe(client: Any, run: Any, candidate: TrackedCandidate, text: str) -> None:
    _log_parameters(client, run, parameters(candidate.declaration))
    _log_figures(client, run, candidate, text)
    client.log_text(run.info.run_id, candidate.page, "evidence.html")
    if candidate.plots:
        _log_plots(client, run.info.run_id, candidate.plots)


def _log_parameters(client: Any, run: Any, declared: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    # A run's parameters cannot change: where a gate was declared anew, the first word stands.
    new = [
        Param(key, value) for key, value in declared.items() if key not in run.data.params
    ]
    for first in range(0, len(new), _BATCH):
        client.log_batch(run.info.run_id, params=new[first : first + _BATCH])


def _log_figures(client: Any, run: Any, candidate: TrackedCandidate, text: str) -> None:
    from mlflow.entities import Metric, RunTag

    evidence = candidate.evidence
    # Stamped with the training's time, the same figure logged twice stays one point.
    at = int(evidence.trained_at.timestamp() * 1000)
    labels = {**tags(candidate), "mlflow.note.content": text}
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(key, value, at, 0) for key, value in metrics(evidence).items()],
        tags=[RunTag(key, value) for key, value in labels.items()],
    )


def _log_plots(client: Any, run_id: str, plots: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, png in plots.items():
            (Path(folder) / f"{name}.png").write_bytes(png)
        client.log_artifacts(run_id, folder, "plots")


def _describe_version(
    client: Any, version: Any, candidate: TrackedCandidate, text: str
) -> None:
    name, number = version.name, str(version.version)
    for key, value in tags(candidate).items() - version.tags.items():
        client.set_model_version_tag(name, number, key, value)
    client.update_model_version(name, number, text)
    alias = f"candidate-{candidate.evidence.version}"
    client.set_registered_model_alias(name, alias, number)
