"""Who gains and who pays: what each party gets of the candidate's order and of the reference's."""

from typing import Any

import numpy as np

from sluice.features.state.frame import RankingFrame
from sluice.gates.ecosystem import shown_order
from sluice.gates.paired import compared
from sluice.gates.scene import Scores
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.stakeholders import MEASURES, Judged
from sluice.metrics import Evaluation

_QUALITY = "ndcg@10"


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
        Evaluation(seen.measures(shown_order(seen, scores)), seen.slates.requests, 0)
        for scores in (candidate, reference)
    )
    rows = (
        (measure, compared(ours, theirs, judged, measure.name, confidence))
        for measure in MEASURES
        if measure.name in set(ours.names) - {_QUALITY} and not _unknown(ours, measure.name)
    )
    return [
        {
            "party": measure.party,
            "meaning": measure.meaning,
            "better": measure.better,
            **row,
        }
        for measure, row in rows
        if row is not None
    ]


def _unknown(results: Evaluation, name: str) -> bool:
    return bool(np.isnan(results.vector(name)).all())
