"""The retrain flow: features, leakage audit, fit, comparison, and the gates before packaging."""

import sys
from dataclasses import asdict
from functools import cached_property
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.data.code import code_digest
from sluice.data.commit import running_commit
from sluice.data.digest import json_digest
from sluice.data.snapshot import Snapshot, open_snapshot
from sluice.errors import IntegrityError
from sluice.features.state.audit import AuditResult
from sluice.features.state.feature_state import FeatureState
from sluice.flows import trial
from sluice.flows.candidates import candidate_folder, keep_candidate
from sluice.flows.dossier import publish
from sluice.flows.evaluation import evaluation
from sluice.flows.judging import judge, verdict_row
from sluice.flows.memory import StepName, kept, remembered
from sluice.flows.pooling import EarlierWindow, earlier_windows
from sluice.flows.reporting import step
from sluice.flows.trial import Chosen, Incumbent
from sluice.flows.workplace import Workplace, now, open_workplace, seal_ledger
from sluice.mechanisms.arrangement import Arrangement
from sluice.rankers import Ranker, load_ranker
from sluice.registry import promotion
from sluice.registry.attestation import COMMIT_STEP
from sluice.store.records import Champion, Draft, State, Version


class Retraining:
    """One snapshot, one declaration, one code; its digest is the version's idempotency key."""

    def __init__(self, workplace: Workplace, snapshot: Snapshot) -> None:
        self.workplace, self.snapshot = workplace, snapshot
        self.code = code_digest(*trial.CODE)

    @property
    def run(self) -> str:
        parts = [self.snapshot.digest, self.code, self.workplace.surface.candidate_digest]
        return json_digest(parts)

    @cached_property
    def trial(self) -> trial.Trial:
        """Computed at most once, and not at all where every step is remembered."""
        with step("features"):
            return trial.prepare(
                self.workplace.surface, self.snapshot.read(), self.snapshot.window
            )

    def train(self) -> dict[str, Any]:
        """Digests of the candidate's folder and of its leakage audit."""
        spec = self.workplace.surface.training_digest
        name = StepName("retrain", "train", self.snapshot.digest, (self.code, spec))
        return remembered(self.workplace, name, self._train)

    def evaluate(self, model: str) -> str:
        """Digest of the comparison with whoever is champion when this run first gets here."""
        name = StepName("retrain", "evaluate", self.snapshot.digest, (self.run, model))
        outcome = remembered(
            self.workplace,
            name,
            lambda: {"run": self.run, "evaluation": self._evaluate(model)},
        )
        return outcome["evaluation"]

    def note_commit(self) -> None:
        """Keep the commit of the first to train this, for the signature; nothing depends on it."""
        name = StepName("retrain", COMMIT_STEP, self.snapshot.digest, (self.run,))
        remembered(
            self.workplace,
            name,
            lambda: {"run": self.run, "commit": asdict(running_commit())},
        )

    def _train(self) -> dict[str, Any]:
        spec = trial.fit_digest(self.workplace.surface)
        name = StepName("retrain", "fit", self.snapshot.digest, (self.code, spec))
        fitted = remembered(self.workplace, name, self._fit)
        return {**fitted, "model": self._as_declared(fitted["model"])}

    def _fit(self) -> dict[str, Any]:
        workplace = self.workplace
        prepared = self.trial
        with step("leakage audit"):
            audited = trial.audit(workplace.surface, prepared)
        fit, sized = self._search(), self._size()
        with step("training"):
            candidate = trial.fit(workplace.surface, prepared, self._chosen(fit or sized))
        state = prepared.replayed.state
        state.advance(trial.micros(self.snapshot.window.end))
        return {
            "model": keep_candidate(workplace.settings.models, candidate, state),
            "family": candidate.family,
            "leakage": kept(workplace, "leakage", _audit_body(audited)),
            "search": fit,
            "size": sized,
        }

    def _chosen(self, figures: dict[str, Any] | None) -> Chosen | None:
        if figures is None:
            return None
        return figures.get("family", self.workplace.surface.ranker.family), figures[
            "parameters"
        ]

    def _size(self) -> dict[str, Any] | None:
        surface = self.workplace.surface
        if surface.ranker.search is not None:
            return None
        with step("size"):
            sized = trial.choose_size(surface, self.trial)
        return None if sized is None else asdict(sized)

    def _as_declared(self, model: str) -> str:
        """The candidate under the declared weights and mechanisms, which need no other fit."""
        models = self.workplace.settings.models
        folder = candidate_folder(models, model)
        fitted = load_ranker(folder / "model")
        surface = self.workplace.surface
        declared = trial.weighted_as_declared(surface, fitted)
        if declared is fitted and not surface.mechanisms:
            return model
        arrangement = trial.arranged(surface, self.trial, declared)
        state = FeatureState.load(folder / "state")
        return keep_candidate(models, declared, state, arrangement)

    def _search(self) -> dict[str, Any] | None:
        surface, url = self.workplace.surface, self.workplace.settings.search_url
        budget = surface.ranker.search
        if budget is None:
            return None
        study = json_digest([self.snapshot.digest, self.code, surface.training_digest])
        with step("parameter search"):
            search_parameters = trial.search_parameters(
                surface, self.trial, budget, storage=url, study=study
            )
        return asdict(search_parameters)

    def _evaluate(self, model: str) -> str:
        workplace, prepared = self.workplace, self.trial
        folder = candidate_folder(workplace.settings.models, model)
        candidate = load_ranker(folder / "model")
        baseline = trial.fit_baseline(workplace.surface, prepared)
        champion = _incumbent(workplace)
        with step("evaluation"):
            judged = evaluation(
                workplace.surface,
                prepared,
                candidate,
                Arrangement.load(folder),
                baseline,
                champion,
                refitted=self._refits() if champion else (),
                earlier=self._earlier(champion) if champion else (),
            )
        return kept(workplace, "evaluation", judged)

    def _earlier(self, champion: Incumbent) -> tuple[EarlierWindow, ...]:
        end = self.snapshot.window.end
        return earlier_windows(self.workplace, self.code, champion, end)

    def _refits(self) -> tuple[Ranker, ...]:
        trained = self.train()
        chosen = self._chosen(trained["search"] or trained["size"])
        return trial.refits(self.workplace.surface, self.trial, chosen)


def _audit_body(audited: AuditResult) -> dict[str, Any]:
    # JSON knows no infinity: a value that came or went is the largest change there is.
    worst = min(audited.worst, sys.float_info.max)
    return {**asdict(audited), "moved": list(audited.moved), "worst": worst}


def _incumbent(workplace: Workplace) -> trial.Incumbent | None:
    champion = workplace.store.get(Champion, surface=workplace.name)
    if champion is None:
        return None
    version = workplace.store.get(Version, surface=workplace.name, number=champion.version)
    if version is None:
        raise IntegrityError(
            f"{workplace.name}: champion {champion.version} is not registered"
        )
    folder = candidate_folder(workplace.settings.models, version.model)
    return trial.load_incumbent(folder, champion.version, champion.release)


def register(retraining: Retraining, trained: dict[str, Any]) -> Version:
    """Number the candidate, or find the number it got before."""
    workplace = retraining.workplace
    # Before there is a version: none is ever signed without it.
    retraining.note_commit()
    # Kept as a document, so that two versions can be compared by what was declared.
    spec = kept(workplace, "declaration", workplace.surface.declaration)
    draft = Draft(
        surface=workplace.name,
        run=retraining.run,
        model=trained["model"],
        snapshot=retraining.snapshot.digest,
        spec=spec,
        code=retraining.code,
        family=trained["family"],
        author=workplace.actor,
    )
    return promotion.register(workplace.store, draft, actor=workplace.actor, at=now())


@flow(name="retrain", flow_run_name="{surface}")
def retrain(surface: str, snapshot: str) -> dict[str, Any]:
    """Train on a snapshot and judge; returns version, state, digests and verdicts."""
    workplace = open_workplace(surface)
    taken = open_snapshot(workplace.settings.snapshots, snapshot)
    retraining = Retraining(workplace, taken)
    trained = task(name="train", cache_policy=NO_CACHE)(retraining.train)()
    version = register(retraining, trained)
    evaluated = task(name="evaluate", cache_policy=NO_CACHE)(retraining.evaluate)(
        version.model
    )
    verdicts = task(name="judge", cache_policy=NO_CACHE)(judge)(
        workplace,
        version,
        leakage=trained["leakage"],
        evaluation=evaluated,
    )
    state = promotion.gate(
        workplace.store, version, (),
        mandatory=workplace.surface.gates.mandatory, actor=workplace.actor, at=now(),
    )  # fmt: skip
    seal_ledger(workplace)
    page = None
    if state is State.BLOCKED:
        with step("evidence"):
            page = publish(workplace, version)
    return {
        "version": version.number,
        "state": str(state),
        "page": page,
        "model": version.model,
        "evaluation": evaluated,
        "gates": [verdict_row(verdict) for verdict in verdicts],
    }
