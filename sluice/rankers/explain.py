"""Why a version ranks as it does, and why one item stands where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.rankers.protocol import Ranker


@dataclass(frozen=True)
class Standing:
    """One candidate of one request: what put it on its rank.

    Reasons are by feature, the weightiest first. Those against another item sum to the
    difference of the two scores.
    """

    row: int
    """Among the request's candidates."""
    rank: int
    """1 the top."""
    score: float
    base: float
    """What every row has; with the reasons it sums to the score."""
    reasons: Mapping[str, float]
    against_best: Mapping[str, float]
    """Against the item on rank 1."""
    against_next: Mapping[str, float]
    """Against the item one rank below; empty on the last rank."""


def importance(
    ranker: Ranker,
    features: NDArray[np.float32],
    offsets: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """Mean |contribution| to the score of each feature, over `features` [rows, features].

    The largest first; for trees, contributions are SHAP values (Lundberg et al. 2020). `offsets`
    [requests + 1] are of whole requests; None: the rows are one.
    """
    sizes = np.abs(ranker.contributions(features, offsets)[:, :-1])
    means = sizes.mean(axis=0) if len(sizes) else np.zeros(len(ranker.names))
    return _weightiest_first(ranker.names, means)


def explain(
    ranker: Ranker, features: NDArray[np.float32], order: NDArray[np.int64]
) -> tuple[Standing, ...]:
    """Every candidate of one request, from rank 1 down.

    `features` [candidates, features] are as they were ranked, `order` [candidates] the rows from
    the top slot down.

    Raises:
        DataError: as `Ranker.score`.
    """
    scores = ranker.score(features)
    contributions = ranker.contributions(features)
    terms = contributions[:, :-1]

    def against(row: int, other: int) -> dict[str, float]:
        return _weightiest_first(ranker.names, terms[row] - terms[other])

    rows = order.tolist()
    below = [*rows[1:], None]
    return tuple(
        Standing(
            row=row,
            rank=rank,
            score=float(scores[row]),
            base=float(contributions[row, -1]),
            reasons=_weightiest_first(ranker.names, terms[row]),
            against_best=against(row, rows[0]),
            against_next={} if other is None else against(row, other),
        )
        for rank, (row, other) in enumerate(zip(rows, below, strict=False), start=1)
    )


def _weightiest_first(
    names: tuple[str, ...], values: NDArray[np.float64]
) -> dict[str, float]:
    order = np.argsort(-np.abs(values), kind="stable")
    return {names[nth]: float(values[nth]) for nth in order}
