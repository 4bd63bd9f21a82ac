"""What the gates beside quality rest on: stability, coverage and the providers' share."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.gate_spec import ChurnGate, EcosystemGate
from sluice.mechanisms.provider_exposure import spread
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.stakeholders import MEASURES, SMALL, Judged
from sluice.metrics import Evaluation, compare, likeness, noise_floor
from sluice.metrics.comparison import RESAMPLES
from sluice.registry.gates.ecosystem import MEASURE

_SEED = 20_260_119
_QUALITY = "ndcg@10"
Scores = NDArray[np.float64]


def stability(
    candidate: Scores,
    champion: Scores,
    refits: Sequence[Scores],
    judged: RankingFrame,
    rule: ChurnGate,
) -> dict[str, Any]:
    """Overlap of candidate and champion against that of each two refits, as a JSON document.

    Args:
        candidate: scores of the judged rows, [rows], as all that follow.
        champion: of what serves.
        refits: of the candidate's configuration; see `sluice.flows.refits`.
        judged: the requests.
        rule: how many slots are looked at.
    """
    pairs = [likeness(a, b, judged, k=rule.k) for a, b in combinations(refits, 2)]
    choices = int((np.diff(judged.offsets) > rule.k).sum())
    found: dict[str, Any] = {"pairs": len(pairs), "requests": choices, "comparison": None}
    if not pairs:
        return found
    measured = likeness(candidate, champion, judged, k=rule.k)
    return found | {
        "comparison": _compared(
            measured, noise_floor(pairs), judged, f"overlap@{rule.k}", rule.confidence
        )
    }


def coverage(fitted: RankingFrame, judged: RankingFrame) -> dict[str, Any]:
    """Share of known values of each feature, where it was fitted and where it is judged."""
    known = [~np.isnan(part.features) for part in (fitted, judged)]
    shares = [_share(part) for part in known]
    return {
        "fitted_rows": fitted.rows,
        "judged_rows": judged.rows,
        "complete": float(known[1].all(axis=1).mean()) if judged.rows else None,
        "features": {
            name: {"fitted": shares[0][at], "judged": shares[1][at]}
            for at, name in enumerate(judged.names)
        },
    }


def ecosystem(
    slates: Slates,
    judged: RankingFrame,
    candidate: Scores,
    reference: Scores,
    rule: EcosystemGate,
) -> dict[str, Any]:
    """What the smaller half of the providers gets, and Gini over all of them, under both orders."""
    found: dict[str, Any] = {"comparison": None, "gini": {}}
    seen = Judged(slates, judged)
    if slates.providers is None or int(seen.providers[1] * SMALL) == 0:
        return found
    orders = [_order(seen, scores) for scores in (candidate, reference)]
    ours, theirs = (_small_share(seen, order) for order in orders)
    spreads = spread(
        seen, orders, floor=0.5, resamples=1, rng=np.random.default_rng(_SEED)
    ).figures
    return {
        "comparison": _compared(ours, theirs, judged, MEASURE, rule.confidence),
        "gini": {"candidate": float(spreads[0, 0]), "reference": float(spreads[1, 0])},
    }


def stakeholders(
    slates: Slates,
    judged: RankingFrame,
    candidate: Scores,
    reference: Scores,
    confidence: float,
) -> list[dict[str, Any]]:
    """What each party gets of both orders, a row a measure that the log can tell, as JSON.

    Quality itself is left out: the paired comparison of it stands in every report.
    """
    seen = Judged(slates, judged)
    ours, theirs = (
        Evaluation(seen.measures(_order(seen, scores)), seen.slates.requests, 0)
        for scores in (candidate, reference)
    )
    rows = (
        (each, _compared(ours, theirs, judged, each.name, confidence))
        for each in MEASURES
        if each.name in set(ours.names) - {_QUALITY} and not _unknown(ours, each.name)
    )
    return [
        {"party": each.party, "meaning": each.meaning, "better": each.better, **row}
        for each, row in rows
        if row is not None
    ]


def _unknown(results: Evaluation, name: str) -> bool:
    return bool(np.isnan(results.vector(name)).all())


def _order(seen: Judged, scores: Scores) -> NDArray[np.int64]:
    """Rows of all requests from their top slots down; ties by item id, as the server breaks them."""
    return np.lexsort((seen.slates.item_ids, -scores, seen.request))


def _small_share(seen: Judged, order: NDArray[np.int64]) -> Evaluation:
    exposure = seen.exposure(seen.ranks(order))
    requests = seen.slates.requests
    total = np.bincount(seen.request, weights=exposure, minlength=requests)
    small = np.bincount(seen.request, weights=exposure * seen.small, minlength=requests)
    share = np.divide(small, total, out=np.full(requests, np.nan), where=total > 0)
    return Evaluation({MEASURE: share}, requests, int(np.isnan(share).sum()))


def _share(known: NDArray[np.bool_]) -> list[float | None]:
    if not len(known):
        return [None] * known.shape[1]
    return [float(each) for each in known.mean(axis=0)]


def _compared(
    ours: Evaluation,
    theirs: Evaluation,
    judged: RankingFrame,
    metric: str,
    confidence: float,
) -> dict[str, Any] | None:
    rng = np.random.default_rng(_SEED)
    try:
        found = compare(
            ours, theirs, judged.users, metric,
            confidence=confidence, resamples=RESAMPLES, rng=rng,
        )  # fmt: skip
    except TooLittleData:
        # One user gives no interval: the gate says that there was no comparison.
        return None
    return asdict(found)
