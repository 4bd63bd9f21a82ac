"""Logistic regression on standardised features, fitted by scikit-learn."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.checks import check_columns, learnable_requests
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.parameters import Parameters

MODEL = "weights.json"
_FURTHEST = 10.0
"""Standard deviations beyond which a value counts as so far: one odd value must not decide."""


class LinearParameters(Parameters):
    """What a surface may set."""

    l2: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Penalty on the weights of standardised columns (scikit-learn's 1 / C)."""
    iterations: int = Field(default=200, ge=1)
    """Of L-BFGS, at most."""
    log: bool = True
    """Take sign(x) · ln(1 + |x|) of every feature first: counts and ages are spread over decades."""


class Weights(BaseModel):
    """What was fitted, [features] each; JSON keeps every bit of a float64."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    mean: tuple[FiniteFloat, ...]
    scale: tuple[FiniteFloat, ...]
    weight: tuple[FiniteFloat, ...]
    """Per standard deviation, in logits."""
    missing: tuple[FiniteFloat, ...]
    """Added where the feature is NaN, which otherwise counts as its mean."""
    bias: FiniteFloat
    iterations: int
    """Of L-BFGS; as many as the parameters allow where it did not converge."""

    @property
    def columns(self) -> set[int]:
        return {len(self.mean), len(self.scale), len(self.weight), len(self.missing)}


@dataclass(frozen=True)
class Linear:
    """Logit of a positive label as a weighted sum; the plain model that others must beat.

    Rows of requests without a positive count too; a grade above 0 is a positive.
    """

    family: ClassVar[str] = "linear"
    setwise: ClassVar[bool] = False

    parameters: LinearParameters
    names: tuple[str, ...] = ()
    weights: Weights | None = None
    """None before `fit`."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(LinearParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        return ()

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy; L-BFGS starts from zero, and nothing is drawn.

        Raises:
            TooLittleData: no request has both a positive and a negative.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        del rng, bins
        learnable_requests(frame)
        values = self._transformed(frame.features)
        mean, scale = _mean_and_scale(values)
        inputs = np.hstack([_standardised(values, mean, scale), np.isnan(values)])
        settings = self.parameters
        model = LogisticRegression(
            C=1 / settings.l2, max_iter=settings.iterations, tol=1e-5
        )
        with warnings.catch_warnings():
            # Where the iterations end first, `iterations` in the saved weights says so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, frame.labels > 0)
        weight, missing = np.split(model.coef_[0], 2)
        fitted = Weights(
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            weight=tuple(weight.tolist()),
            missing=tuple(missing.tolist()),
            bias=float(np.ravel(model.intercept_)[0]),
            iterations=int(np.max(model.n_iter_)),
        )
        return replace(self, names=frame.names, weights=fitted)

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Logits, [rows]."""
        del offsets
        terms = self.contributions(features)
        total = np.zeros(len(features))
        # Column by column: a sum along rows depends on how they lie in memory.
        for term in terms.T:
            total += term
        return total

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Weight times standardised value, [rows, features + 1]; last the bias."""
        del offsets
        check_columns(features, self.names)
        fitted = self._fitted
        values = self._transformed(features)
        inputs = _standardised(values, np.array(fitted.mean), np.array(fitted.scale))
        terms = inputs * np.array(fitted.weight) + np.isnan(values) * np.array(
            fitted.missing
        )
        return np.column_stack([terms, np.full(len(features), fitted.bias)])

    def save(self, directory: Path) -> None:
        content = self._fitted.model_dump_json(indent=2) + "\n"
        write_atomically(directory / MODEL, content.encode())
        manifest = RankerManifest(
            family=self.family, parameters=self.parameters.model_dump(), names=self.names
        )
        manifest.write(directory)

    @classmethod
    def load(cls, files: Files) -> Self:
        manifest = RankerManifest.read(files)
        content = files.read(MODEL)
        try:
            parameters = LinearParameters.parse(cls.family, manifest.parameters)
            weights = Weights.model_validate_json(content)
        except (ConfigError, ValidationError) as error:
            raise IntegrityError(f"{files.source}: not a saved ranker: {error}") from error
        if weights.columns != {len(manifest.names)}:
            raise IntegrityError(
                f"{files.path(MODEL)}: weights of {sorted(weights.columns)} columns, "
                f"the manifest names {len(manifest.names)}"
            )
        return cls(parameters, manifest.names, weights)

    @property
    def _fitted(self) -> Weights:
        if self.weights is None:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        return self.weights

    def _transformed(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        values = features.astype(np.float64)
        return (
            np.copysign(np.log1p(np.abs(values)), values) if self.parameters.log else values
        )


def _mean_and_scale(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the finite values of each column, [features]; 0 and 1 where there are none, or one."""
    finite = np.isfinite(values)
    filled = np.where(finite, values, 0.0)
    count = np.maximum(finite.sum(axis=0), 1)
    mean = filled.sum(axis=0) / count
    spread = np.sqrt((np.where(finite, filled - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > 0, spread, 1.0)


def _standardised(
    values: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    clipped = np.clip((values - mean) / scale, -_FURTHEST, _FURTHEST)
    return np.nan_to_num(clipped, nan=0.0)
