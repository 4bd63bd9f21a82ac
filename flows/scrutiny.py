"""A closer look at a candidate: its slices, its calibration, and how much it reorders.

Shown to the reviewer always; where the surface declares the gate, it decides too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.schema import CONTEXT_PREFIX
from sluice.features.state.frame import RankingFrame
from sluice.gate_spec import CalibrationGate, GateSpec
from sluice.metrics import (
    CalibrationRule,
    Evaluation,
    Minimum,
    SliceRule,
    calibrations,
    compare_slices,
    evaluate,
    likeness,
    pair,
    predictions_of,
)
from sluice.metrics.calibration import reliability
from sluice.metrics.predictions import Predictions
from sluice.metrics.single_columns import single_columns
from sluice.metrics.slice_labels import activity_labels, hour_labels, quantile_labels
from sluice.rankers import Ranker
from sluice.rankers.multitask import Multitask

_SEED = 20_260_112
Labels = Mapping[str, NDArray[np.str_]]


def request_labels(judged: RankingFrame) -> Labels:
    """What requests are sliced by: hour of the day, the person's activity, candidates, [requests]."""
    sizes = np.diff(judged.offsets).astype(np.float64)
    return {
        "hour": hour_labels(judged.ts),
        "activity": activity_labels(judged.users),
        "candidates": quantile_labels(sizes),
    }


def columns(
    candidate: Ranker, fitted: RankingFrame, judged: RankingFrame
) -> dict[str, Any]:
    """How well each column ranks alone, beside the whole model, and how much of it was known."""
    alone = single_columns(fitted, judged)
    scores = candidate.score(judged.features)
    known = dict(zip(fitted.names, _known_shares(fitted), strict=True))
    return {
        "model": evaluate(scores, judged).mean("auc") if alone else None,
        "alone": {each.name: each.auc for each in alone},
        "context": {
            name: share for name, share in known.items() if name.startswith(CONTEXT_PREFIX)
        },
    }


def _known_shares(frame: RankingFrame) -> list[float]:
    return [float(share) for share in (~np.isnan(frame.features)).mean(axis=0)]


def slices(
    candidate: Evaluation, reference: Evaluation, judged: RankingFrame, gates: GateSpec
) -> dict[str, Any]:
    """The quality gate's comparison within each declared slice, as a JSON document."""
    rule, metric = gates.slices, gates.quality.metric
    minimum = Minimum(rule.confidence, rule.min_requests, rule.min_users)
    labels = request_labels(judged)
    report = compare_slices(
        pair(candidate, reference, judged.users, metric),
        {dimension: labels[dimension] for dimension in rule.dimensions},
        SliceRule(rule.margin, minimum),
        rng=np.random.default_rng(_SEED),
    )
    return {
        "metric": metric,
        "worst": report.worst.name if report.worst else None,
        "slices": [asdict(each) for each in report.slices],
    }


def calibration_rule(gate: CalibrationGate) -> CalibrationRule:
    """What the gate asks, as the rule by which rows are decided."""
    return CalibrationRule(
        gate.floor, gate.ceiling, gate.min_positives, gate.min_users, gate.confidence
    )


def calibration(
    candidate: Ranker, judged: RankingFrame, gate: CalibrationGate
) -> dict[str, list[dict[str, Any]]]:
    """Predicted against observed rates of each objective, overall and by slice; none without heads."""
    sizes = np.diff(judged.offsets)
    labels = {
        name: np.repeat(values, sizes) for name, values in request_labels(judged).items()
    }
    rule = calibration_rule(gate)
    return {
        name: [
            asdict(each)
            for each in calibrations(
                promised, labels, rule, rng=np.random.default_rng(_SEED)
            )
        ]
        for name, promised in _promised(candidate, judged)
    }


def reliabilities(candidate: Ranker, judged: RankingFrame) -> dict[str, dict[str, Any]]:
    """By objective, predicted and observed rates in bins of equal mass, for a plot."""
    bins = {name: reliability(found) for name, found in _promised(candidate, judged)}
    return {
        name: {
            "predicted": each.predicted.tolist(),
            "observed": each.observed.tolist(),
            "counts": each.counts.tolist(),
        }
        for name, each in bins.items()
    }


def _promised(candidate: Ranker, judged: RankingFrame) -> Iterator[tuple[str, Predictions]]:
    """Each objective's probabilities with what came of them; none of a family without heads."""
    if not isinstance(candidate, Multitask):
        return
    probabilities = candidate.objectives(judged.features)
    for objective in candidate.parameters.objectives:
        came = objective.outcomes(judged).astype(np.float64)
        yield objective.name, predictions_of(probabilities[objective.name], judged, came)


def churn(
    candidate: NDArray[np.float64], champion: NDArray[np.float64], judged: RankingFrame
) -> dict[str, float]:
    """How alike candidate and champion order the same requests; 1 is the same order."""
    alike = likeness(candidate, champion, judged)
    return {name: alike.mean(name) for name in alike.names}
