"""One ranking: features as known at the request's time, scores, and the order they give."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import IntegrityError
from sluice.features.state import FeatureState, Request
from sluice.mechanisms.order import rank_by
from sluice.rankers.protocol import Ranker


@dataclass(frozen=True)
class Ranking:
    """The answer to one request; rows stand in the order of the request's candidates."""

    scores: NDArray[np.float64]
    """[candidates]."""
    order: NDArray[np.int64]
    """[candidates]; rows from the top slot down."""
    features_digest: str
    """SHA-256 over the float32 feature matrix, to prove later what was seen when ranking."""


@dataclass(frozen=True)
class Scorer:
    """A ranker and the feature state it is asked with."""

    ranker: Ranker
    state: FeatureState

    def scores(self, request: Request) -> NDArray[np.float64]:
        """Scores, [candidates].

        Raises:
            StaleState: the request is older than the state's newest event.
        """
        return self.ranker.score(self.state.features(request))

    def rank(self, request: Request) -> Ranking:
        """Features, scores and order of one request.

        Raises:
            StaleState: the request is older than the state's newest event.
            IntegrityError: the ranker gave a score that is not finite, so there is no order.
        """
        features = self.state.features(request)
        scores = self.ranker.score(features)
        if unfit := int(np.count_nonzero(~np.isfinite(scores))):
            raise IntegrityError(
                f"{unfit} scores of {len(scores)} are not finite, so there is no order"
            )
        return Ranking(scores, rank_by(scores, request.item_ids), _matrix_digest(features))


def _matrix_digest(features: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
