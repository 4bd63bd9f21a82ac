"""The retrain flow: features, leakage audit, fit, comparison, and the gates before packaging."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import trial
from flows.candidates import candidate_folder, keep_candidate
from flows.dossier import publish
from flows.memory import StepName, document, kept, remembered
from flows.reporting import step
from flows.validate import check
from flows.workplace import Workplace, now, open_workplace
from monitors.suites import SUITES
from registry import promotion
from registry.gates.data import judge_data
from registry.gates.judgement import Judgement
from registry.gates.leakage import judge_leakage
from registry.gates.quality import judge_quality
from registry.proof import record, verdict_of
from sluice.data.code import code_digest
from sluice.data.digest import json_digest
from sluice.data.snapshot import Snapshot, open_snapshot
from sluice.errors import IntegrityError
from sluice.features.audit import AuditResult
from sluice.metrics import PairedComparison
from sluice.rankers import load_ranker
from sluice.store.records import Champion, Draft, State, Verdict, Version


class Retraining:
    """One snapshot, one declaration, one code; its digest is the version's idempotency key."""

    def __init__(self, workplace: Workplace, snapshot: Snapshot) -> None:
        self.workplace, self.snapshot = workplace, snapshot
        self.code = code_digest(trial.CODE)

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

    def _train(self) -> dict[str, Any]:
        workplace = self.workplace
        prepared = self.trial
        with step("leakage audit"):
            audited = trial.audit(workplace.surface, prepared)
        with step("training"):
            candidate = trial.fit(workplace.surface, prepared)
        state = prepared.replayed.state
        state.advance(trial.micros(self.snapshot.window.end))
        return {
            "model": keep_candidate(workplace.settings.models, candidate, state),
            "family": workplace.surface.ranker.family,
            "leakage": kept(workplace, "leakage", _audit_body(audited)),
        }

    def _evaluate(self, model: str) -> str:
        workplace, prepared = self.workplace, self.trial
        folder = candidate_folder(workplace.settings.models, model)
        candidate = load_ranker(folder / "model")
        baseline = trial.fit_baseline(workplace.surface, prepared)
        with step("evaluation"):
            judged = trial.evaluation(
                workplace.surface, prepared, candidate, baseline, _incumbent(workplace)
            )
        return kept(workplace, "evaluation", judged)


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
    draft = Draft(
        surface=workplace.name,
        run=retraining.run,
        model=trained["model"],
        snapshot=retraining.snapshot.digest,
        spec=workplace.surface.candidate_digest,
        code=retraining.code,
        family=trained["family"],
        author=workplace.actor,
    )
    return promotion.register(workplace.store, draft, actor=workplace.actor, at=now())


def judge(
    retraining: Retraining, version: Version, trained: dict[str, Any]
) -> tuple[Verdict, ...]:
    """The verdicts that can be given before there is a package."""
    workplace = retraining.workplace
    gates: dict[str, Callable[[], Judgement]] = {
        "data": lambda: _judge_data(workplace, version),
        "leakage": lambda: judge_leakage(**document(workplace, trained["leakage"])),
        "quality": lambda: _judge_quality(workplace, retraining.evaluate(version.model)),
    }
    return tuple(
        judged_once(workplace, version, gate, gates[gate])
        for gate in workplace.surface.gates.mandatory
        if gate in gates
    )


def judged_once(
    workplace: Workplace, version: Version, gate: str, judging: Callable[[], Judgement]
) -> Verdict:
    """The verdict as it was given, or else given now: a gate is not asked until it says yes."""
    given = verdict_of(workplace.store, version, gate)
    return given or record(workplace.store, version, judging(), now())


def _judge_data(workplace: Workplace, version: Version) -> Judgement:
    # A snapshot that a monitor took was never checked; one that was is not checked again.
    suites = check(workplace, open_snapshot(workplace.settings.snapshots, version.snapshot))
    return judge_data(
        [(each.suite, each.outcome, each.checks, each.failing) for each in suites],
        required=SUITES,
    )


def _judge_quality(workplace: Workplace, evaluation: str) -> Judgement:
    found = document(workplace, evaluation)
    kind = "champion" if found["champion"] else "baseline"
    rule = workplace.surface.gates.quality
    rows = [PairedComparison(**row) for row in found["comparisons"][kind]]
    row = next((row for row in rows if row.metric == rule.metric), None)
    return judge_quality(row, rule, reference_kind=kind)


@flow(name="retrain", flow_run_name="{surface}")
def retrain(surface: str, snapshot: str, home: str | None = None) -> dict[str, Any]:
    """Train on a snapshot and judge; returns version, state, digests and verdicts."""
    workplace = open_workplace(surface, home)
    taken = open_snapshot(workplace.settings.snapshots, snapshot)
    retraining = Retraining(workplace, taken)
    trained = task(name="train", cache_policy=NO_CACHE)(retraining.train)()
    version = register(retraining, trained)
    evaluated = task(name="evaluate", cache_policy=NO_CACHE)(retraining.evaluate)(
        version.model
    )
    verdicts = task(name="judge", cache_policy=NO_CACHE)(judge)(
        retraining, version, trained
    )
    state = promotion.gate(
        workplace.store, version, (),
        mandatory=workplace.surface.gates.mandatory, actor=workplace.actor, at=now(),
    )  # fmt: skip
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


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict for a table or a machine."""
    return {
        "name": verdict.gate,
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "evidence": verdict.evidence,
    }
