"""Search for a family's parameters on a split by time, within a budget; Optuna proposes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sluice.errors import ConfigError, TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.families import make_ranker

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Judge = Callable[[NDArray[np.float64], RankingFrame], float]
"""Of scores [rows] and the frame that they are of; higher is better."""


class SearchSpec(BaseModel):
    """What a surface declares under `[ranker.search]`; without it nothing is searched."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    minutes: float = Field(gt=0, le=7 * 24 * 60, allow_inf_nan=False)
    """Of fitting and judging, over all runs on the same data; a trial begun is finished."""
    trials: int = Field(default=200, ge=1)
    """At most."""
    held_out: float = Field(default=0.25, gt=0, lt=1, allow_inf_nan=False)
    """Share of the requests to fit, the last ones, that the trials are judged on."""


@dataclass(frozen=True)
class Range:
    """Where a parameter is looked for, both ends included; whole numbers where `low` is one."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: "Trial", name: str) -> float:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


_BOOSTING = {
    "trees": Range(50, 800, log=True),
    "leaves": Range(7, 63, log=True),
    "learning_rate": Range(0.02, 0.2, log=True),
    "min_rows_per_leaf": Range(5, 300, log=True),
    "l2": Range(1e-3, 30.0, log=True),
    "feature_fraction": Range(0.3, 1.0),
}
RANGES: Mapping[str, Mapping[str, Range]] = {
    "linear": {"l2": Range(1e-3, 1e4, log=True)},
    "lambdamart": _BOOSTING,
    "multitask": _BOOSTING,
}
"""By family. Leaves end where the tree scorer's masks do."""


@dataclass(frozen=True)
class Found:
    """The best parameters so far, the declared ones among the candidates."""

    parameters: Mapping[str, Any]
    """Complete: the declared ones, and over them those searched."""
    value: float
    declared: float
    """Value of the parameters as declared."""
    trials: int


@dataclass(frozen=True)
class Task:
    """What is fitted, on what, and by which measure it is better."""

    family: str
    parameters: Mapping[str, Any]
    frame: RankingFrame
    """The requests to fit; what is judged in the end is not among them."""
    judge: Judge
    seed: int

    def evaluator(self, held_out: float) -> Callable[[Mapping[str, Any]], float]:
        """Fits with some parameters on the earlier requests, and judges on the last `held_out` share.

        Raises:
            TooLittleData: a part has no request.
        """
        requests = self.frame.requests
        cut = requests - round(held_out * requests)
        if not 0 < cut < requests:
            raise TooLittleData(f"{requests} requests cannot be split to search on them")
        earlier, later = self.frame.take(0, cut), self.frame.take(cut, requests)
        bins = Bins()

        def value(searched: Mapping[str, Any]) -> float:
            ranker = make_ranker(self.family, {**self.parameters, **searched})
            fitted = ranker.fit(earlier, np.random.default_rng(self.seed), bins)
            return self.judge(fitted.score(later.features, later.offsets), later)

        return value


def search(
    task: Task, spec: SearchSpec, *, storage: "BaseStorage | str | None", study: str
) -> Found:
    """Go on with `study` in `storage` (None: in memory) until the budget is spent.

    The first trial is of the declared parameters, so what is found is never worse on the held-out
    requests. A budget of time makes the number of trials depend on the machine; what was found is
    in the fitted ranker's own parameters, and fits again alike.

    Raises:
        ConfigError: the family has nothing to search.
    """
    if task.family not in RANGES:
        raise ConfigError(
            f"ranker family {task.family} has nothing to search; those that have: "
            f"{', '.join(RANGES)}"
        )
    study_ = _open(task, storage, study)
    ranges, value = RANGES[task.family], task.evaluator(spec.held_out)

    def attempt(trial: "Trial") -> float:
        if _declared(study_) is None:
            return value({})
        return value({name: ranges[name].suggest(trial, name) for name in ranges})

    seconds, trials = _left(study_, spec)
    if trials > 0 and seconds > 0:
        study_.optimize(attempt, n_trials=trials, timeout=seconds)
    declared = _declared(study_)
    assert declared is not None  # noqa: S101 - the first trial that finishes; a failing one raises
    return Found(
        parameters={**task.parameters, **study_.best_params},
        value=study_.best_value,
        declared=declared,
        trials=len(_finished(study_)),
    )


def _open(task: Task, storage: "BaseStorage | str | None", study: str) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    created = optuna.create_study(
        storage=storage, study_name=study, direction="maximize", load_if_exists=True
    )
    # Another run goes on; from the same seed it would propose the same again.
    created.sampler = optuna.samplers.TPESampler(seed=task.seed + len(created.trials))
    return created


def _declared(study: "Study") -> float | None:
    """Value of the trial without a searched parameter; a killed one never counts."""
    return next((trial.value for trial in _finished(study) if not trial.params), None)


def _finished(study: "Study") -> "list[FrozenTrial]":
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _left(study: "Study", spec: SearchSpec) -> tuple[float, int]:
    """Seconds and trials that are left of the budget."""
    finished = _finished(study)
    spent = sum(trial.duration.total_seconds() for trial in finished if trial.duration)
    return spec.minutes * 60 - spent, spec.trials - len(finished)
