"""How well each column ranks by itself, for the leakage gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from sluice.data.schema import CONTEXT_PREFIX
from sluice.features.state.frame import RankingFrame
from sluice.metrics import evaluate
from sluice.metrics.single_columns import single_columns
from sluice.rankers import Ranker

if TYPE_CHECKING:
    from sluice.gates.leakage import LeakageGate

CHANCE = 0.5


@dataclass(frozen=True)
class RankedAlone:
    """How well each column ranks by itself, beside the whole model; see `sluice.metrics.single_columns`."""

    model: float | None
    """AUC of the candidate over the same requests."""
    columns: Mapping[str, float]
    """AUC by column."""

    def too_well(self, rule: "LeakageGate") -> list[str]:
        """Columns that know too much, the worst first, and why."""
        ordered = sorted(self.columns.items(), key=lambda column: -column[1])
        reasons = ((name, self._why(name, auc, rule)) for name, auc in ordered)
        return [f"{name} {why}" for name, why in reasons if why]

    def _why(self, name: str, auc: float, rule: "LeakageGate") -> str | None:
        if auc > rule.ceiling:
            return f"alone has an AUC of {auc:.3f}, the ceiling is {rule.ceiling:g}"
        allowed = any(fnmatchcase(name, pattern) for pattern in rule.strong)
        if not name.startswith(CONTEXT_PREFIX) or allowed or self.model is None:
            return None
        near = auc - CHANCE >= rule.near * (self.model - CHANCE)
        if not near or auc < rule.near_from:
            return None
        return f"alone has an AUC of {auc:.3f}, the whole model one of {self.model:.3f}"


def columns(
    candidate: Ranker, fitted: RankingFrame, judged: RankingFrame
) -> dict[str, Any]:
    """How well each column ranks alone, beside the whole model, and how much of it was known."""
    alone = single_columns(fitted, judged)
    scores = candidate.score(judged.features, judged.offsets)
    shares = dict(zip(fitted.names, _known_shares(fitted), strict=True))
    return {
        "model": evaluate(scores, judged).mean("auc") if alone else None,
        "alone": {column.name: column.auc for column in alone},
        "context": {
            name: share for name, share in shares.items() if name.startswith(CONTEXT_PREFIX)
        },
    }


def _known_shares(frame: RankingFrame) -> list[float]:
    return [float(share) for share in (~np.isnan(frame.features)).mean(axis=0)]
