"""One ranking: features as known at the request's time, scores, and the order they give."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, IntegrityError
from sluice.features.state.feature_state import FeatureState, Request, Unknown
from sluice.mechanisms.arrangement import BY_SCORE, Arrangement
from sluice.mechanisms.exploration import Explored
from sluice.mechanisms.live import Revenue, live_columns
from sluice.mechanisms.order import rank_by
from sluice.mechanisms.slate import Slate
from sluice.mechanisms.spec import check_told
from sluice.rankers.protocol import Ranker


@dataclass(frozen=True)
class Ranking:
    """The answer to one request; rows stand in the order of the request's candidates."""

    scores: NDArray[np.float64]
    """[candidates]."""
    order: NDArray[np.int64]
    """[shown]; rows from the top slot down. An ad that no slot was found for is not shown."""
    propensities: NDArray[np.float64]
    """[shown]; probability of this item in this slot, given the items above it; 1 without chance."""
    features: NDArray[np.float32]
    """[candidates, features]; what the ranker saw."""
    unknown: Unknown
    """Of the candidates and the person."""
    features_digest: str
    """SHA-256 over the float32 feature matrix, to prove later what was seen when ranking."""


@dataclass(frozen=True)
class Scorer:
    """A ranker, the feature state it is asked with, and the mechanisms that order what it scores.

    Raises:
        ConfigError: a mechanism reads what the state does not keep.
    """

    ranker: Ranker
    state: FeatureState
    arrangement: Arrangement = BY_SCORE

    def __post_init__(self) -> None:
        check_told(self.arrangement.declared, self.state.plan)

    def scores(self, request: Request) -> NDArray[np.float64]:
        """Scores, [candidates].

        Raises:
            StaleState: the request is older than the state's newest event.
        """
        return self.ranker.score(self.state.features(request))

    def rank(
        self, request: Request, revenue: Revenue | None = None, explore: str | None = None
    ) -> Ranking:
        """Features, scores and order of one request.

        Args:
            request: what is asked.
            revenue: of its ads; all are organic where it is left out.
            explore: id of the request, by whose chance declared slots are filled; None leaves all
                to the scores, as for golden requests and whatever is judged.

        Raises:
            StaleState: the request is older than the state's newest event.
            DataError: it has ads, and no mechanism places ads; or it names an item twice.
            IntegrityError: the ranker gave a score that is not finite, so there is no order.
        """
        answer = self.state.answer(request)
        features = answer.features
        scores = self.ranker.score(features)
        if not np.isfinite(scores).all():
            unfit = int(np.count_nonzero(~np.isfinite(scores)))
            raise IntegrityError(
                f"{unfit} scores of {len(scores)} are not finite, so there is no order"
            )
        order, is_ad = self.order(request, answer.items, scores, revenue)
        shown = self._explored(order, scores, is_ad, explore)
        return Ranking(
            scores, shown.order, shown.propensities, features, answer.unknown,
            matrix_digest(features),
        )  # fmt: skip

    def order(
        self,
        request: Request,
        codes: NDArray[np.int32],
        scores: NDArray[np.float64],
        revenue: Revenue | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
        """What is shown without chance, [shown], and which candidates are ads; None: none is.

        Args:
            request: what is asked.
            codes: [candidates]; what the state calls them, as `FeatureState.answer` says.
            scores: [candidates]; of the ranker, finite.
            revenue: of its ads.

        Raises:
            DataError: it has ads, and no mechanism places ads; or it names an item twice.
        """
        wanted = self.arrangement.columns
        if "is_ad" not in wanted and any(amount is not None for amount in revenue or ()):
            raise DataError(
                "the request has ads, and this release has no mechanism for ads"
            )
        if not self.arrangement.declared:
            # As a slate of one order by score would give it, without its columns.
            if len(set(request.item_ids)) != len(request.item_ids):
                raise DataError(f"an item stands twice among {len(request.item_ids)}")
            return rank_by(scores, request.item_ids), None
        columns = live_columns(self.state, request, wanted, revenue, codes)
        slate = Slate(request.item_ids, scores, **columns)
        order = self.arrangement.order(slate)
        if slate.is_ad is None:
            return order, None
        return _shown(order, slate.is_ad), slate.is_ad

    def _explored(
        self,
        order: NDArray[np.int64],
        scores: NDArray[np.float64],
        is_ad: NDArray[np.bool_] | None,
        explore: str | None,
    ) -> Explored:
        if explore is None:
            return Explored(order, np.ones(len(order)))
        fixed = None if is_ad is None else is_ad[order]
        return self.arrangement.explored(order, scores, fixed, explore)


def _shown(order: NDArray[np.int64], is_ad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Without the ads below the last organic item, which found no slot."""
    organic = np.flatnonzero(~is_ad[order])
    return order[: organic[-1] + 1] if len(organic) else order[:0]


def matrix_digest(features: NDArray[np.float32]) -> str:
    """SHA-256 of the float32 matrix in C order."""
    return hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
