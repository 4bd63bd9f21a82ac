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
    found = [_judge(name, predictions.where(rows), rule, rng) for name, rows in chosen]
    tested = [at for at, one in enumerate(found) if one.decision.threshold is not None]
    chances = {at: _chance(predictions.where(chosen[at][1]), rule) for at in tested}
    among = [at for at in tested if found[at].name != ALL]
    corrected = holm(np.array([chances[at] for at in among])).tolist()
    adjusted = chances | dict(zip(among, corrected, strict=True))
    return tuple(_settle(one, adjusted.get(at), rule) for at, one in enumerate(found))


def _judge(
    name: str, predictions: Predictions, rule: CalibrationRule, rng: np.random.Generator
) -> SliceCalibration:
    try:
        found = measure_calibration(
            predictions,
            bins=rule.bins,
            confidence=rule.confidence,
            resamples=rule.resamples,
            rng=rng,
        )
    except TooLittleData as error:
        return SliceCalibration(name, None, None, Decision("inconclusive", str(error)))
    return SliceCalibration(name, found, None, _decision(found, rule))


def _decision(found: Calibration, rule: CalibrationRule) -> Decision:
    if found.positives < rule.positives or found.users < rule.users:
        return Decision(
            "inconclusive",
            f"{found.positives} positives of {found.users} users were judged, the rule asks "
            f"{rule.positives} of {rule.users}",
        )
    outcome = place(found.low, found.high, rule.floor, rule.ceiling)
    where = {"pass": "all within", "fail": "none within", "inconclusive": "which straddles"}
    reason = (
        f"expected over observed is {found.ratio:.3f} ({found.confidence:.0%} interval "
        f"{found.low:.3f} to {found.high:.3f}, {found.positives:,} positives of "
        f"{found.users:,} users), {where[outcome]} {rule.floor:g} to {rule.ceiling:g}"
    )
    nearest = rule.floor if found.ratio < 1 else rule.ceiling
    return Decision(outcome, reason, nearest)


def _chance(predictions: Predictions, rule: CalibrationRule) -> float:
    """p-value of "the ratio lies within the bounds"; only one side can be broken at a time."""
    promised = promised_to_received(predictions)
    mirrored = Clusters(-promised.sums, promised.sizes)
    too_low = promised.chance_of_at_least(rule.floor)
    return min(too_low, mirrored.chance_of_at_least(-rule.ceiling))


def _settle(
    found: SliceCalibration, adjusted: float | None, rule: CalibrationRule
) -> SliceCalibration:
    if adjusted is None:
        return found
    decision = adjusted_for_many(found.decision, adjusted, rule.level)
    return replace(found, adjusted=adjusted, decision=decision)
