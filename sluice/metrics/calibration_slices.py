"""Calibration within each slice of the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.metrics.calibration import (
    BINS,
    Calibration,
    measure_calibration,
    promised_to_received,
)
from sluice.metrics.clusters import Clusters
from sluice.metrics.comparison import RESAMPLES
from sluice.metrics.decision import Decision, adjusted_for_many, place
from sluice.metrics.holm import holm
from sluice.metrics.predictions import Predictions
from sluice.metrics.slices import members

ALL = "all"
"""Name of the row over everything, beside the slices."""


@dataclass(frozen=True)
class CalibrationRule:
    """Bounds of the calibration ratio, and the evidence that it takes to judge them."""

    floor: float = 0.97
    ceiling: float = 1.03
    positives: int = 200
    users: int = 50
    confidence: float = 0.95
    bins: int = BINS
    resamples: int = RESAMPLES

    @property
    def level(self) -> float:
        """Chance, of all rows and again of all slices together, of an accusation without reason, on each side."""
        return (1 - self.confidence) / 2


@dataclass(frozen=True)
class SliceCalibration:
    """One slice."""

    name: str
    """`dimension=label`, or `all`."""
    calibration: Calibration | None
    """None where there is too little for any figure."""
    adjusted: float | None
    """p-value of "the ratio lies within the bounds", Holm-adjusted among slices; None where not tested."""
    decision: Decision


def calibrations(
    predictions: Predictions,
    labels: Mapping[str, NDArray[np.str_]],
    rule: CalibrationRule,
    *,
    rng: np.random.Generator,
) -> tuple[SliceCalibration, ...]:
    """Of all rows, then of every slice of every dimension; `labels` are [rows] each.

    This is the one place that decides: the gate and every page read `decision`. All rows are one claim,
    the gate's, and its verdict hangs on no slice that is shown beside it. A slice fails where the
    interval of its ratio lies wholly outside the bounds, also after Holm's adjustment over all slices;
    it passes where it lies wholly inside.

    Raises:
        DataError: a dimension's labels are not one a row.
    """
    everyone = (ALL, np.ones(predictions.rows, np.bool_))
    chosen = [everyone, *members(labels, {}, predictions.rows)]
    judged = [_judge(name, predictions.where(rows), rule, rng) for name, rows in chosen]
    tested = [
        at for at, result in enumerate(judged) if result.decision.threshold is not None
    ]
    chances = {at: _chance(predictions.where(chosen[at][1]), rule) for at in tested}
    among = [at for at in tested if judged[at].name != ALL]
    corrected = holm(np.array([chances[at] for at in among])).tolist()
    adjusted = chances | dict(zip(among, corrected, strict=True))
    return tuple(
        _settle(result, adjusted.get(at), rule) for at, result in enumerate(judged)
    )


def _judge(
    name: str, predictions: Predictions, rule: CalibrationRule, rng: np.random.Generator
) -> SliceCalibration:
    try:
        calibration = measure_calibration(
            predictions,
            bins=rule.bins,
            confidence=rule.confidence,
            resamples=rule.resamples,
            rng=rng,
        )
    except TooLittleData as error:
        return SliceCalibration(name, None, None, Decision("inconclusive", str(error)))
    return SliceCalibration(name, calibration, None, _decision(calibration, rule))


def _decision(calibration: Calibration, rule: CalibrationRule) -> Decision:
    if calibration.positives < rule.positives or calibration.users < rule.users:
        return Decision(
            "inconclusive",
            f"{calibration.positives} positives of {calibration.users} users were judged, the rule asks "
            f"{rule.positives} of {rule.users}",
        )
    outcome = place(calibration.low, calibration.high, rule.floor, rule.ceiling)
    where = {"pass": "all within", "fail": "none within", "inconclusive": "which straddles"}
    reason = (
        f"expected over observed is {calibration.ratio:.3f} ({calibration.confidence:.0%} interval "
        f"{calibration.low:.3f} to {calibration.high:.3f}, {calibration.positives:,} positives of "
        f"{calibration.users:,} users), {where[outcome]} {rule.floor:g} to {rule.ceiling:g}"
    )
    nearest = rule.floor if calibration.ratio < 1 else rule.ceiling
    return Decision(outcome, reason, nearest)


def _chance(predictions: Predictions, rule: CalibrationRule) -> float:
    """p-value of "the ratio lies within the bounds"; only one side can be broken at a time."""
    promised = promised_to_received(predictions)
    mirrored = Clusters(-promised.sums, promised.sizes)
    too_low = promised.chance_of_at_least(rule.floor)
    return min(too_low, mirrored.chance_of_at_least(-rule.ceiling))


def _settle(
    slice_calibration: SliceCalibration, adjusted: float | None, rule: CalibrationRule
) -> SliceCalibration:
    if adjusted is None:
        return slice_calibration
    decision = adjusted_for_many(slice_calibration.decision, adjusted, rule.level)
    return replace(slice_calibration, adjusted=adjusted, decision=decision)
