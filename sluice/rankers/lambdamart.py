"""Gradient-boosted trees on the lambdarank loss, fitted by LightGBM."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.boosted_trees import BoostedTrees
from sluice.rankers.boosting import (
    BoostingParameters,
    Share,
    lightgbm_settings,
    positional,
    train,
)
from sluice.rankers.checks import check_columns, learnable_requests
from sluice.rankers.manifest import RankerManifest

if TYPE_CHECKING:
    from lightgbm import Booster

MODEL = "model.txt"
MAX_GRADE = 30
MAX_CANDIDATES = 10_000
"""LightGBM refuses a longer request, and aborts the fit."""


class LambdaMartParameters(BoostingParameters):
    """What a surface may set."""

    truncation: int = Field(default=30, ge=1)
    """Only pairs with a member among so many first ranks move a score."""
    request_sample: Share = 1.0
    """Of the requests that can be learned from, drawn once before the fit."""
    position_bias: bool = False
    """Learn beside the trees what each slot adds to a click, so that the trees need not."""


@dataclass(frozen=True)
class LambdaMart:
    """LambdaMART (Burges 2010): pairs of one request weigh what swapping them moves nDCG.

    The gain of a grade is 2^grade - 1, as in `sluice.metrics.ndcg`. With `position_bias` the
    slots' own share of the score is fitted too and left out when scoring (LightGBM's form of
    Hu et al. 2019, "Unbiased LambdaMART").
    """

    family: ClassVar[str] = "lambdamart"
    setwise: ClassVar[bool] = False

    parameters: LambdaMartParameters
    names: tuple[str, ...] = ()
    model: BoostedTrees | None = None
    """None before `fit`."""
    requests_dropped: int = 0
    """Requests left out of the fit, as those of one class carry no gradient."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(LambdaMartParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        return ()

    @property
    def booster(self) -> "Booster | None":
        return None if self.model is None else self.model.booster

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy; every seed of LightGBM follows from one draw of `rng`.

        Raises:
            TooLittleData: no request has both a positive and a negative.
            DataError: a label is no whole grade, a request is longer than LightGBM takes, or
                positions are unknown and `position_bias` wants them, or LightGBM gives up.
        """
        import lightgbm

        learnable = learnable_requests(frame)
        sizes = np.diff(frame.offsets)
        _check_fit(frame.labels, sizes)
        seed = int(rng.integers(2**31 - 1))
        chosen = _sample(learnable, self.parameters.request_sample, rng)
        rows = np.repeat(chosen, sizes)
        labels = frame.labels[rows]
        settings = _lightgbm(self.parameters, seed, top_grade=int(labels.max()))
        biased = self.parameters.position_bias
        position = self._positions(frame)[rows] if biased else None
        key = (self.family, self.parameters.bins, seed, biased)

        def binned() -> "lightgbm.Dataset":
            return lightgbm.Dataset(
                frame.features if rows.all() else frame.features[rows],
                label=labels,
                group=sizes[chosen],
                position=position,
                feature_name=positional(frame.names),
                params=settings,
            )

        data = (bins or Bins()).of(frame, chosen, key, binned)
        booster = train(settings, data, self.parameters)
        return replace(
            self,
            names=frame.names,
            model=BoostedTrees.of(booster, self.parameters.scorer),
            requests_dropped=int((~learnable).sum()),
        )

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        del offsets
        check_columns(features, self.names)
        return self._fitted.score(features, self.parameters.num_threads)

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """SHAP values, [rows, features + 1]; see `BoostedTrees.contributions`."""
        del offsets
        check_columns(features, self.names)
        return self._fitted.contributions(features, self.parameters.num_threads)

    def feature_gain(self) -> dict[str, float]:
        """Loss reduction by all splits on each feature, by name, in column order."""
        return self._fitted.gain(self.names)

    def save(self, directory: Path) -> None:
        self._fitted.save(directory / MODEL)
        manifest = RankerManifest(
            family=self.family,
            parameters=self.parameters.model_dump(),
            names=self.names,
            counts={"requests_dropped": self.requests_dropped},
        )
        manifest.write(directory)

    @classmethod
    def load(cls, files: Files) -> Self:
        manifest = RankerManifest.read(files)
        try:
            parameters = LambdaMartParameters.parse(cls.family, manifest.parameters)
        except ConfigError as error:
            raise IntegrityError(f"{files.source}: not a saved ranker: {error}") from error
        columns = len(manifest.names)
        return cls(
            parameters,
            manifest.names,
            BoostedTrees.load(files, MODEL, columns, parameters.scorer),
            manifest.counts.get("requests_dropped", 0),
        )

    @property
    def _fitted(self) -> BoostedTrees:
        if self.model is None:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        return self.model

    @staticmethod
    def _positions(frame: RankingFrame) -> NDArray[np.int32]:
        if unknown := int((frame.positions < 1).sum()):
            raise DataError(
                f"{unknown} of {frame.rows} rows have no known position; "
                "set position_bias = false, or log the slots"
            )
        return frame.positions


def _sample(
    learnable: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Mask, [requests], of a share of the learnable requests; at least one."""
    if share == 1:
        return learnable
    there = np.flatnonzero(learnable)
    kept = rng.choice(there, max(1, round(share * len(there))), replace=False)
    chosen = np.zeros_like(learnable)
    chosen[kept] = True
    return chosen


def _check_fit(labels: NDArray[np.float64], sizes: NDArray[np.int64]) -> None:
    whole = (labels >= 0) & (labels <= MAX_GRADE) & (labels == np.floor(labels))
    if odd := int((~whole).sum()):
        raise DataError(
            f"{odd} of {len(labels)} labels are no whole grade from 0 to {MAX_GRADE}"
        )
    if (longest := int(sizes.max())) > MAX_CANDIDATES:
        raise DataError(
            f"a request has {longest} candidates, lambdamart takes {MAX_CANDIDATES}"
        )


def _lightgbm(
    parameters: LambdaMartParameters, seed: int, top_grade: int
) -> dict[str, Any]:
    return {
        **lightgbm_settings(parameters, seed),
        "objective": "lambdarank",
        "label_gain": [2**grade - 1 for grade in range(top_grade + 1)],
        "lambdarank_truncation_level": parameters.truncation,
        "bagging_by_query": True,
    }
