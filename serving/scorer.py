"""One ranking: features as known at the request's time, scores, and the order they give."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, IntegrityError
from sluice.features.state import FeatureState, Request
from sluice.mechanisms.arrangement import BY_SCORE, Arrangement
from sluice.mechanisms.live import Revenue, live_columns
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

    def rank(self, request: Request, revenue: Revenue | None = None) -> Ranking:
        """Features, scores and order of one request.

        Args:
            request: what is asked.
            revenue: of its ads; all are organic where it is left out.

        Raises:
            StaleState: the request is older than the state's newest event.
            DataError: it has ads, and no mechanism places ads.
            IntegrityError: the ranker gave a score that is not finite, so there is no order.
        """
        features = self.state.features(request)
        scores = self.ranker.score(features)
        if unfit := int(np.count_nonzero(~np.isfinite(scores))):
            raise IntegrityError(
                f"{unfit} scores of {len(scores)} are not finite, so there is no order"
            )
        order = self._order(request, scores, revenue)
        return Ranking(scores, order, matrix_digest(features))

    def _order(
        self, request: Request, scores: NDArray[np.float64], revenue: Revenue | None
    ) -> NDArray[np.int64]:
        wanted = self.arrangement.columns
        if "is_ad" not in wanted and any(each is not None for each in revenue or ()):
            raise DataError(
                "the request has ads, and this release has no mechanism for ads"
            )
        columns = live_columns(self.state, request, wanted, revenue)
        slate = Slate(np.array(request.item_ids, np.str_), scores, **columns)
        order = self.arrangement.order(slate)
        return order if slate.is_ad is None else _shown(order, slate.is_ad)


def _shown(order: NDArray[np.int64], is_ad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Without the ads below the last organic item, which found no slot."""
    organic = np.flatnonzero(~is_ad[order])
    return order[: organic[-1] + 1] if len(organic) else order[:0]


def matrix_digest(features: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
