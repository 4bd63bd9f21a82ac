"""A trial: features of a snapshot, a candidate fitted on its first part, all rankers judged on the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sluice.gates
from sluice.data.digest import json_digest
from sluice.data.split import TimeSplit, time_split
from sluice.data.tables import LogTables, Window
from sluice.errors import TooLittleData
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.audit import AuditResult, mutation_audit, probe_times
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.frame import RankingFrame
from sluice.features.state.readings import ALWAYS, telling
from sluice.features.state.replay import Replayed, replay
from sluice.flows.logged_slates import logged_slates
from sluice.flows.refits import refit
from sluice.gates.quality import QualityGate
from sluice.mechanisms.arrangement import Arrangement
from sluice.mechanisms.floors import fit_floors
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.spec import ProviderFloors
from sluice.metrics import evaluate
from sluice.rankers import Ranker, load_ranker, make_ranker, sizing
from sluice.rankers.multitask import Multitask, reweighted
from sluice.rankers.search import Found, SearchSpec, Task, search
from sluice.rankers.sizing import Sized
from sluice.surface import Surface

Chosen = tuple[str, Mapping[str, Any]]
"""Family and parameters, where something else than declared was chosen."""
Bounds = tuple[int, int]
"""Numbers of the first request and of the one behind the last."""
AUDIT_PROBES = 3
CODE = (
    Path(sluice.gates.__path__[0]),
    *(
        Path(__file__).with_name(name)
        for name in (
            "trial.py",
            "scrutiny.py",
            "logged_slates.py",
            "refits.py",
            "guardrails.py",
            "evaluation.py",
            "pooling.py",
        )
    ),
)
"""Counts as ranking code: probes, seeds, the split and what gates measure are chosen here."""


@dataclass(frozen=True)
class Trial:
    """One snapshot, its features, and where fitting ends."""

    tables: LogTables
    split: TimeSplit
    replayed: Replayed
    _told: dict[tuple[Bounds | None, FeatureSpec, frozenset[str]], Slates] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `slates` has read, for it is read by several and costs a fold."""

    @property
    def frame(self) -> RankingFrame:
        return self.replayed.frame

    @property
    def parts(self) -> tuple[RankingFrame, RankingFrame]:
        """Requests to fit, requests to judge."""
        return self.frame.split_at(micros(self.split.fit_end))

    def slates(
        self,
        features: FeatureSpec,
        wanted: frozenset[str],
        scores: NDArray[np.float64],
        requests: Bounds | None = None,
    ) -> Slates:
        """The judged requests with these scores, [rows], and at least the wanted columns of a `Slate`.

        As a service knows them whose state has these features; of other `requests` of the frame where
        they are named.
        """
        key = requests, telling(wanted, features), wanted | ALWAYS
        if key not in self._told:
            part = self.parts[1] if requests is None else self.frame.take(*requests)
            self._told[key] = logged_slates(part, self.tables, scores, *key[1:])
        return replace(self._told[key], scores=scores)


@dataclass(frozen=True)
class Incumbent:
    """The champion as it is judged again: its ranker and the features it was fitted on."""

    version: int
    release: str
    ranker: Ranker
    features: FeatureState
    arrangement: Arrangement


def micros(moment: datetime) -> int:
    """µs since the epoch."""
    return round(moment.timestamp() * 1e6)


def prepare(surface: Surface, tables: LogTables, window: Window) -> Trial:
    """Compute every feature as it was known, and split by time."""
    split = time_split(window, surface.data.judged_share)
    kinds = make_ranker(surface.ranker.family, surface.ranker.parameters).kinds
    return Trial(tables, split, replay(surface.features, surface.data.label, tables, kinds))


def audit(surface: Surface, trial: Trial) -> AuditResult:
    """Change the future at a few moments of the window and see that no feature moves."""

    def build(tables: LogTables) -> RankingFrame:
        return replay(surface.features, surface.data.label, tables).frame

    times = probe_times(trial.frame, AUDIT_PROBES)
    return mutation_audit(build, trial.tables, trial.frame, times)


def fit(surface: Surface, trial: Trial, chosen: Chosen | None = None) -> Ranker:
    """The candidate, fitted on the first part of the window; as declared where nothing was chosen.

    Raises:
        TooLittleData: nothing to fit, or nothing to judge.
    """
    fitted, judged = trial.parts
    if not fitted.requests or not judged.requests:
        raise TooLittleData(
            f"{fitted.requests} requests to fit before {trial.split.fit_end.isoformat()} and "
            f"{judged.requests} to judge after it; both are needed"
        )
    family, parameters = chosen or (surface.ranker.family, surface.ranker.parameters)
    candidate = make_ranker(family, parameters)
    return candidate.fit(fitted, np.random.default_rng(surface.ranker.seed))


def refits(
    surface: Surface, trial: Trial, chosen: Chosen | None = None
) -> tuple[Ranker, ...]:
    """Refits of the candidate's configuration, as many as a mandatory gate has to see."""
    wanted = max((gate.refits for gate in surface.gates.demanded), default=0)
    family, parameters = chosen or (surface.ranker.family, surface.ranker.parameters)
    return tuple(
        refit(family, parameters, trial.parts[0], surface.ranker.seed + nth)
        for nth in range(1, wanted + 1)
    )


def fit_digest(surface: Surface) -> str:
    """Digest of what a fit depends on: the weights of several objectives are not of it."""
    fitted = surface.model_dump(mode="json", include={"name", "data", "features", "ranker"})
    fitted["ranker"]["parameters"].pop("utility", None)
    return json_digest(fitted)


def weighted_as_declared(surface: Surface, fitted: Ranker) -> Ranker:
    """The ranker itself, or where its objectives are weighed otherwise, one with the same heads.

    Raises:
        ConfigError: other weights were declared without a later version.
    """
    if not isinstance(fitted, Multitask):
        return fitted
    declared = Multitask.make(surface.ranker.parameters).parameters.utility
    if declared == fitted.parameters.utility:
        return fitted
    return reweighted(fitted, declared.utility)


def search_parameters(
    surface: Surface, trial: Trial, budget: SearchSpec, *, storage: str, study: str
) -> Found:
    """The best parameters found within the budget, by the metric of the quality gate.

    Only the part to be fitted is looked at. `storage` and `study` say where an interrupted search
    goes on.
    """
    return search(_task(surface, trial), budget, storage=storage, study=study)


def choose_size(surface: Surface, trial: Trial) -> Sized | None:
    """The size that this log bears, by the metric of the quality gate; None: the declared one."""
    return sizing.choose_size(_task(surface, trial), surface.ranker.sizing)


def _task(surface: Surface, trial: Trial) -> Task:
    """Of choosing parameters: only the part to be fitted is looked at."""
    declared, metric = surface.ranker, surface.gates.of(QualityGate).metric
    return Task(
        family=declared.family,
        parameters=declared.parameters,
        frame=trial.parts[0],
        judge=lambda scores, frame: evaluate(scores, frame).mean(metric),
        seed=declared.seed,
    )


def arranged(surface: Surface, trial: Trial, ranker: Ranker) -> Arrangement:
    """The declared mechanisms, with the prices that keep the provider floors for this ranker's scores.

    Prices are fitted over the judged requests, whose scores are like those that will be served; they
    know no label, so what is judged afterwards stays honest.
    """
    floors = [
        mechanism
        for mechanism in surface.mechanisms
        if isinstance(mechanism, ProviderFloors)
    ]
    if not floors:
        return Arrangement(declared=surface.mechanisms, exploration=surface.exploration)
    scores = ranker.score(trial.parts[1].features, trial.parts[1].offsets)
    slates = trial.slates(surface.features, floors[0].columns, scores)
    fitted = fit_floors(slates, floors[0].floor)
    return Arrangement(
        declared=surface.mechanisms,
        prices=dict(fitted.prices),
        exploration=surface.exploration,
    )


def placed(
    trial: Trial,
    features: FeatureSpec,
    scores: NDArray[np.float64],
    arrangement: Arrangement,
    requests: Bounds | None = None,
) -> NDArray[np.float64]:
    """Numbers that order the judged rows, or those of `requests`, as a service with these features would."""
    if not arrangement.declared:
        return scores
    slates = trial.slates(features, arrangement.columns, scores, requests)
    return arrangement.places(slates)


def fit_baseline(surface: Surface, trial: Trial) -> Ranker:
    """The surface's baseline, with its own defaults."""
    baseline = make_ranker(surface.ranker.baseline, {})
    return baseline.fit(trial.parts[0], np.random.default_rng(surface.ranker.seed))


def load_incumbent(folder: Path, version: int, release: str) -> Incumbent:
    """The champion's ranker, features and mechanisms from its candidate folder."""
    ranker, state = load_ranker(folder / "model"), FeatureState.load(folder / "state")
    return Incumbent(version, release, ranker, state, Arrangement.load(folder))
