"""The evaluation: candidate, champion and baseline on the same requests, as one JSON document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.flows.guardrails import stakeholders
from sluice.flows.logged_slates import without_the_unknown
from sluice.flows.pooling import EarlierWindow, pooled
from sluice.flows.scrutiny import churn, reliabilities
from sluice.flows.trial import Incumbent, Trial, micros, placed
from sluice.gates.measuring import measured
from sluice.gates.quality import QualityGate
from sluice.gates.scene import Scene
from sluice.mechanisms.arrangement import Arrangement
from sluice.metrics import Paired, PairedComparison, compare, evaluate, pair
from sluice.metrics.evaluation import Evaluation
from sluice.rankers import Ranker
from sluice.surface import Surface

COMPARED = ("auc", "mrr", "ndcg@5", "ndcg@10")
"""Metrics with an interval in every report."""
_SEED = 20_260_105
_PARTIES = frozenset({"providers", "categories"})


def evaluation(  # noqa: PLR0913 - what is judged, and what it is judged against
    surface: Surface,
    trial: Trial,
    candidate: Ranker,
    arrangement: Arrangement,
    baseline: Ranker,
    champion: Incumbent | None,
    *,
    refitted: Sequence[Ranker] = (),
    earlier: Sequence[EarlierWindow] = (),
) -> dict[str, Any]:
    """Means, paired comparisons and counts over the judged requests, as a JSON document.

    Candidate and champion are judged by the order that their own mechanisms make of their scores;
    `refitted` are refits of the candidate, which tell its churn from noise; `earlier` are windows before
    this one, which say with it what it alone cannot show.
    """
    fitted, judged = trial.parts
    gates = surface.gates
    scores = {
        "candidate": placed(
            trial,
            surface.features,
            candidate.score(judged.features, judged.offsets),
            arrangement,
        ),
        "baseline": baseline.score(judged.features, judged.offsets),
    }
    # Once, for a champion of other features has all of the log replayed for it.
    champions = trial.frame if champion is None else _as_read_by(surface, trial, champion)
    if champion is not None:
        later = champions.split_at(micros(trial.split.fit_end))[1]
        scores["champion"] = placed(
            trial,
            champion.features.spec,
            champion.ranker.score(later.features, later.offsets),
            champion.arrangement,
        )
    results = {who: evaluate(values, judged) for who, values in scores.items()}
    reference = "baseline" if champion is None else "champion"
    return {
        "metrics": {who: _means(result) for who, result in results.items()},
        "comparisons": {
            other: [asdict(row) for row in _compared(surface, results, other, judged.users)]
            for other in results
            if other != "candidate"
        },
        "champion": None
        if champion is None
        else {"version": champion.version, "release": champion.release},
        "counts": _counts(trial, results["candidate"]),
        "labels": _labels(surface, trial, results["candidate"]),
        "pooled": {}
        if champion is None
        else pooled(
            surface, trial, champion, champions, earlier,
            _paired(surface, results, judged.users),
        ),
        "fit_end": trial.split.fit_end.isoformat(),
        "gains": _gains(candidate),
        "reliability": reliabilities(candidate, judged),
        "stakeholders": stakeholders(
            without_the_unknown(
                trial.slates(surface.features, _PARTIES, scores["candidate"])
            ),
            judged, scores["candidate"], scores[reference], gates.of(QualityGate).confidence,
        ),
        "churn": churn(scores["candidate"], scores["champion"], judged) if champion else {},
        **measured(
            Scene(
                gates, candidate, fitted, judged, scores, results,
                slates=lambda wanted: trial.slates(
                    surface.features, wanted, scores["candidate"]
                ),
                refits=lambda: [
                    placed(
                        trial, surface.features,
                        ranker.score(judged.features, judged.offsets), arrangement,
                    )
                    for ranker in refitted
                ],
            )
        ),
    }  # fmt: skip


def _paired(
    surface: Surface, results: Mapping[str, Evaluation], users: NDArray[np.int64]
) -> Paired:
    metric = surface.gates.of(QualityGate).metric
    return pair(results["candidate"], results["champion"], users, metric)


def _as_read_by(surface: Surface, trial: Trial, champion: Incumbent) -> RankingFrame:
    """The frame with the features that the champion was fitted on."""
    if (
        champion.features.names == trial.frame.names
        and champion.features.spec == surface.features
    ):
        return trial.frame
    return replay(champion.features.spec, surface.data.label, trial.tables).frame


def _means(result: Evaluation) -> dict[str, float]:
    """Of the metrics by which a request could be judged; none where no label has come."""
    judged = result.requests > result.dropped
    return {name: result.mean(name) for name in result.names} if judged else {}


def _labels(surface: Surface, trial: Trial, result: Evaluation) -> dict[str, Any]:
    """How many judged requests can be judged at all, and when the last label came."""
    kind = surface.data.label.value
    positive = trial.tables.feedback.filter(
        (pl.col("kind") == kind) & (pl.col("value") > 0)
    )
    last = positive.select(pl.col("received_ts").dt.timestamp("us").max()).item()
    return {
        "kind": kind,
        "judged": result.requests,
        "labelled": result.requests - result.dropped,
        "last": None
        if last is None
        else datetime.fromtimestamp(last / 1e6, UTC).isoformat(),
    }


def _compared(
    surface: Surface,
    results: Mapping[str, Evaluation],
    reference: str,
    users: NDArray[np.int64],
) -> list[PairedComparison]:
    names = dict.fromkeys((*COMPARED, surface.gates.of(QualityGate).metric))
    try:
        return [
            compare(
                results["candidate"], results[reference], users, name,
                confidence=surface.gates.of(QualityGate).confidence,
                rng=np.random.default_rng(_SEED),
            )
            for name in names
        ]  # fmt: skip
    except TooLittleData:
        # The gate says that there was no comparison, and when the last label came.
        return []


def _counts(trial: Trial, result: Evaluation) -> dict[str, int]:
    fitted, judged = trial.parts
    return {
        "exposures": trial.frame.rows,
        "fitted_requests": fitted.requests,
        "judged_requests": judged.requests,
        "dropped_requests": result.dropped,
    }


def _gains(ranker: Ranker) -> dict[str, float]:
    """Training gain by feature, for families that have one."""
    gain = getattr(ranker, "feature_gain", None)
    return gain() if gain is not None else {}
