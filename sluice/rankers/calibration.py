"""From a raw score to a probability: Platt's sigmoid or an isotonic curve, whichever foretells better."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from sluice.errors import TooLittleData

_SURE = 1e-6
"""No probability comes nearer to 0 or 1: one surprise must not cost infinitely much."""
_STEPS = 100
_STILL = 1e-10


class Platt(BaseModel):
    """p = 1 / (1 + e^-(slope · s + bias)) (Platt 1999), with his smoothed targets."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: Literal["platt"] = "platt"
    slope: Annotated[FiniteFloat, Field(ge=0)]
    bias: FiniteFloat

    @classmethod
    def fit(cls, scores: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> Self:
        """Fit by Newton's method to `scores` and `outcomes`, [rows] each."""
        positives = int(outcomes.sum())
        negatives = len(outcomes) - positives
        # Platt's targets: as if one more of each class had been seen.
        high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
        slope, bias = _newton(scores, np.where(outcomes, high, low))
        # A head that orders later rows the wrong way round foretells nothing: the mean is left.
        if slope < 0:
            slope, bias = 0.0, float(np.log((positives + 1) / (negatives + 1)))
        return cls(slope=slope, bias=bias)

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(_sigmoid(self.slope * scores + self.bias), _SURE, 1 - _SURE)


class Isotonic(BaseModel):
    """Straight lines between the centres of an isotonic fit's steps (Oron & Flournoy 2017).

    The usual steps tie all that stand on one; centred, the curve rises between any two of them,
    so calibration does not undo the order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: Literal["isotonic"] = "isotonic"
    scores: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]
    """Ascending."""
    probability: tuple[Annotated[FiniteFloat, Field(ge=0, le=1)], ...]
    """At each of `scores`, ascending."""

    @model_validator(mode="after")
    def _is_a_curve(self) -> "Isotonic":
        if len(self.scores) != len(self.probability):
            raise ValueError("a curve needs as many probabilities as scores")
        return self

    @classmethod
    def fit(cls, scores: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> Self:
        """Fit by pooling adjacent violators to `scores` and `outcomes`, [rows] each."""
        from sklearn.isotonic import isotonic_regression

        values, row, count = np.unique(scores, return_inverse=True, return_counts=True)
        means = np.bincount(row, weights=outcomes) / count
        steps = isotonic_regression(means, sample_weight=count.astype(np.float64))
        _, first = np.unique(steps, return_index=True)
        rows = np.add.reduceat(count, first)
        centres = np.add.reduceat(values * count, first) / rows
        return cls(scores=tuple(centres.tolist()), probability=tuple(steps[first].tolist()))

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        probability = np.interp(scores, self.scores, self.probability)
        return np.clip(probability, _SURE, 1 - _SURE)


Calibration = Annotated[Platt | Isotonic, Field(discriminator="method")]
_METHODS: Mapping[str, Callable[..., Platt | Isotonic]] = {
    "platt": Platt.fit,
    "isotonic": Isotonic.fit,
}


@dataclass(frozen=True)
class Calibrated:
    """The curve that was kept, and how each candidate did on rows it had not seen."""

    curve: Platt | Isotonic
    log_loss: Mapping[str, float]
    """By method, on the later half."""


def calibrate(scores: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> Calibrated:
    """Choose by log loss on the later half of the rows, then fit on all of them.

    `scores` and `outcomes`, [rows] each, stand in time order and belong to rows that the scores
    were not fitted on.

    Raises:
        TooLittleData: a half has not both outcomes.
    """
    half = len(scores) // 2
    for part in (outcomes[:half], outcomes[half:]):
        if not part.any() or part.all():
            raise TooLittleData(
                f"{int(part.sum())} of {len(part)} held-out rows are positive; both outcomes are "
                "needed in each half to choose a calibration"
            )
    losses = {
        name: log_loss(
            fit(scores[:half], outcomes[:half]).probabilities(scores[half:]),
            outcomes[half:],
        )
        for name, fit in _METHODS.items()
    }
    chosen = min(losses, key=losses.__getitem__)
    return Calibrated(_METHODS[chosen](scores, outcomes), losses)


def log_loss(probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> float:
    """Mean of -ln of the probability given to what happened, over rows."""
    return float(-np.log(np.where(outcomes, probabilities, 1 - probabilities)).mean())


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -500, 500)))


def _newton(
    scores: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and bias of least cross-entropy, which has one minimum; a step never goes uphill."""
    inputs = np.stack([scores, np.ones(len(scores))], axis=1)
    theta = np.array([0.0, np.log(targets.mean() / (1 - targets.mean()))])

    def loss(at: NDArray[np.float64]) -> float:
        logits = inputs @ at
        return float((np.logaddexp(0, logits) - targets * logits).sum())

    for _ in range(_STEPS):
        probability = _sigmoid(inputs @ theta)
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs
        # Least squares: where all scores are alike, the slope is not determined and stays.
        gradient = inputs.T @ (probability - targets)
        step = np.asarray(np.linalg.lstsq(curvature, gradient)[0], np.float64)
        while loss(theta - step) > loss(theta) and np.abs(step).max() > _STILL:
            step = step / 2
        theta = theta - step
        if np.abs(step).max() <= _STILL:
            break
    return float(theta[0]), float(theta[1])
