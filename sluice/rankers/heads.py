"""Heads of a multi-objective ranker: one boosted model and one calibration an objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.files import Files
from sluice.errors import IntegrityError, TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.boosted_trees import BoostedTrees, ScorerChoice
from sluice.rankers.boosting import BoostingParameters, lightgbm_settings, positional, train
from sluice.rankers.calibration import Calibration, calibrate
from sluice.rankers.objective import Objective

if TYPE_CHECKING:
    from lightgbm import Dataset

HEADS = "heads.json"


class Fitted(BaseModel):
    """What is known of one head beside its trees."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    curve: Calibration
    log_loss: dict[str, FiniteFloat]
    """Of each calibration on held-out later rows; the least was chosen."""
    positives: int
    """Of the rows that the trees were fitted on."""
    rows: int


class _Heads(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    heads: dict[str, Fitted]


@dataclass(frozen=True)
class Head:
    """P(objective | features), calibrated on later time than the trees were fitted on."""

    trees: BoostedTrees
    fitted: Fitted

    def probabilities(
        self, features: NDArray[np.float32], threads: int
    ) -> NDArray[np.float64]:
        return self.fitted.curve.probabilities(self.trees.score(features, threads))

    def contributions(
        self, features: NDArray[np.float32], threads: int
    ) -> NDArray[np.float64]:
        """What each feature adds to the probability, [rows, features + 1]; they sum to it.

        SHAP values are of the raw score; each is scaled by how much the calibration's curve turns
        the whole raw difference into (the rescale rule for stacks, Chen et al. 2022, "G-DeepSHAP").
        """
        raw = self.trees.contributions(features, threads)
        base, above = raw[:, -1], raw[:, :-1].sum(axis=1)
        start = self.fitted.curve.probabilities(base)
        gained = self.fitted.curve.probabilities(base + above) - start
        slope = np.divide(gained, above, out=np.zeros_like(above), where=above != 0)
        return np.column_stack([raw[:, :-1] * slope[:, None], start])


def fit_heads(
    objectives: Sequence[Objective],
    parameters: BoostingParameters,
    frame: RankingFrame,
    held_out: float,
    rng: np.random.Generator,
    bins: Bins,
) -> dict[str, Head]:
    """Fit each objective on the earlier requests, and calibrate it on the last `held_out` share.

    Raises:
        TooLittleData: an objective is constant on the earlier requests, or not foretold by both
            outcomes on the later ones; the message names it.
        DataError: the frame lacks a kind of feedback.
    """
    import lightgbm

    cut = min(max(1, round((1 - held_out) * frame.requests)), frame.requests - 1)
    earlier, later = frame.take(0, cut), frame.take(cut, frame.requests)
    seeds = rng.integers(2**31 - 1, size=len(objectives))
    settings = [
        {**lightgbm_settings(parameters, int(seed)), "objective": "binary"}
        for seed in seeds
    ]

    def binned() -> "lightgbm.Dataset":
        return lightgbm.Dataset(
            earlier.features,
            label=np.zeros(earlier.rows),
            feature_name=positional(frame.names),
            params=settings[0],
        )

    # One Dataset for all: the bins of the features do not depend on what is foretold.
    key = ("heads", parameters.bins, int(seeds[0]))
    data = bins.of(frame, np.arange(frame.requests) < cut, key, binned)
    return {
        objective.name: _fit_head(objective, parameters, setting, data, (earlier, later))
        for objective, setting in zip(objectives, settings, strict=True)
    }


def _fit_head(
    objective: Objective,
    parameters: BoostingParameters,
    settings: dict[str, object],
    data: "Dataset",
    parts: tuple[RankingFrame, RankingFrame],
) -> Head:
    earlier, later = parts
    outcomes = objective.outcomes(earlier)
    positives = int(outcomes.sum())
    if positives in {0, earlier.rows}:
        raise TooLittleData(
            f"objective {objective.name}: {positives} of {earlier.rows} rows to fit are positive; "
            "both outcomes are needed"
        )
    data.set_label(outcomes.astype(np.float32))
    booster = train(settings, data, parameters)
    trees = BoostedTrees.of(booster, parameters.scorer)
    scores = trees.score(later.features, parameters.num_threads)
    try:
        chosen = calibrate(scores, objective.outcomes(later))
    except TooLittleData as error:
        raise TooLittleData(f"objective {objective.name}: {error}") from error
    fitted = Fitted(
        curve=chosen.curve,
        log_loss=dict(chosen.log_loss),
        positives=positives,
        rows=earlier.rows,
    )
    return Head(trees, fitted)


def save_heads(heads: Mapping[str, Head], directory: Path) -> None:
    for name, head in heads.items():
        head.trees.save(directory / _file(name))
    saved = _Heads(heads={name: head.fitted for name, head in heads.items()})
    content = saved.model_dump_json(indent=2) + "\n"
    write_atomically(directory / HEADS, content.encode())


def load_heads(
    files: Files, names: Sequence[str], columns: int, scorer: ScorerChoice
) -> dict[str, Head]:
    """Read what `save_heads` wrote.

    Raises:
        IntegrityError: a file is missing, or is not what was written.
    """
    path = files.path(HEADS)
    try:
        saved = _Heads.model_validate_json(files.read(HEADS)).heads
    except ValidationError as error:
        raise IntegrityError(f"{path}: not a ranker's heads: {error}") from error
    if set(saved) != set(names):
        raise IntegrityError(
            f"{path}: heads {', '.join(saved)}; objectives are: {', '.join(names)}"
        )
    return {
        name: Head(BoostedTrees.load(files, _file(name), columns, scorer), saved[name])
        for name in names
    }


def _file(name: str) -> str:
    return f"head-{name}.txt"
