"""The declared baseline as a version that can serve: fitted, evaluated and packaged as candidates are.

Built over the champion's snapshot, so it needs nothing but the home; no Prefect, no MLflow.
"""

from typing import Any

from sluice.data.code import environment_digest
from sluice.data.digest import json_digest
from sluice.data.snapshot import open_snapshot
from sluice.errors import NotFound
from sluice.flows import trial
from sluice.flows.candidates import candidate_folder, keep_candidate
from sluice.flows.evaluation import evaluation
from sluice.flows.memory import StepName, kept, remembered
from sluice.flows.package import build
from sluice.flows.promote import ensure_intact
from sluice.flows.reporting import step
from sluice.flows.retrain import Retraining, register
from sluice.flows.workplace import Workplace, now
from sluice.mechanisms.arrangement import BY_SCORE
from sluice.rankers import load_ranker
from sluice.registry.baseline import package_baseline
from sluice.registry.champions import champion_of
from sluice.registry.moves import position_of, version_of
from sluice.store.records import Version


class BaselineTraining(Retraining):
    """A training whose ranker is the declared baseline, by its own defaults, ordered by score alone."""

    @property
    def run(self) -> str:
        return json_digest(["baseline", super().run])

    def train(self) -> dict[str, Any]:
        """Digest of the folder that holds the fitted baseline and its state."""
        declared = self.workplace.surface.candidate_digest
        name = StepName("baseline", "train", self.snapshot.digest, (self.code, declared))
        return remembered(self.workplace, name, self._train)

    def _train(self) -> dict[str, Any]:
        prepared = self.trial
        with step("training"):
            baseline = trial.fit_baseline(self.workplace.surface, prepared)
        state = prepared.replayed.state
        state.advance(trial.micros(self.snapshot.window.end))
        model = keep_candidate(self.workplace.settings.models, baseline, state)
        return {"model": model, "family": baseline.family}

    def _evaluate(self, model: str) -> str:
        """Its figures, for its page; it is held against nobody, being what others are held against."""
        folder = candidate_folder(self.workplace.settings.models, model)
        baseline = load_ranker(folder / "model")
        with step("evaluation"):
            judged = evaluation(
                self.workplace.surface, self.trial, baseline, BY_SCORE, baseline, None
            )
        return kept(self.workplace, "evaluation", judged)


def ready_baseline(workplace: Workplace) -> Version:
    """The baseline's version over the champion's snapshot, packaged and whole; built where there is none.

    Raises:
        NotFound: the surface has no champion, or its snapshot is gone.
        TooLittleData: the baseline cannot be fitted over that snapshot.
        IntegrityError: the release is not, byte for byte, what was packaged.
    """
    champion = champion_of(workplace.store, workplace.name)
    if champion is None:
        raise NotFound(
            f"{workplace.name} has no champion that the baseline could replace; promote a version first"
        )
    serving = version_of(workplace.store, workplace.name, champion.version)
    snapshot = open_snapshot(workplace.settings.snapshots, serving.snapshot)
    training = BaselineTraining(workplace, snapshot)
    version = register(training, training.train())
    training.evaluate(version.model)
    if position_of(workplace.store, version).release is None:
        name = StepName(
            "baseline", "build", version.snapshot, (version.run, environment_digest())
        )
        with step("packaging"):
            release = remembered(workplace, name, lambda: build(workplace, version))
        package_baseline(
            workplace.store, version, release["release"], actor=workplace.actor, at=now()
        )
    ensure_intact(workplace, version)
    return version
