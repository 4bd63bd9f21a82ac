"""How exposure spreads over providers under several orders, with what chance may have done to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.exposure import gini, shuffled_exposure
from sluice.mechanisms.slate import UNKNOWN
from sluice.mechanisms.stakeholders import Judged
from sluice.metrics.clusters import numbered

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_AT_ONCE = 64
"""Resamples whose counts are held in memory together."""


@dataclass(frozen=True)
class Spread:
    """Figures of some orders, and the same figures on resampled users."""

    figures: NDArray[np.float64]
    """[orders, 2]; Gini of the providers' exposure, and providers under the floor."""
    resampled: NDArray[np.float64]
    """[resamples, orders, 2]; every order on the same users."""

    def interval(
        self, order: int, reference: int, figure: int, confidence: float
    ) -> tuple[float, float]:
        """Percentile interval of the difference between two orders."""
        differences = (
            self.resampled[:, order, figure] - self.resampled[:, reference, figure]
        )
        tail = (1 - confidence) / 2
        low, high = np.nanquantile(differences, [tail, 1 - tail])
        return float(low), float(high)


def spread(
    judged: Judged,
    orders: Sequence[NDArray[np.int64]],
    floor: float,
    *,
    resamples: int,
    rng: np.random.Generator,
) -> Spread:
    """Compare the providers' exposure under several orders of the same requests.

    These figures are of all requests together and no mean over them, so whole users are drawn with
    replacement and all is added up again (cluster bootstrap: Davison & Hinkley 1997, section 3.8).

    Args:
        judged: the requests, with providers.
        orders: each the rows of all requests from their top slots down, [rows].
        floor: share of what shuffled candidates would give, below which a provider is under it.
        resamples: how many.
        rng: draws them.
    """
    people, users = numbered(judged.frame.users)
    exposures = [
        _by_user(judged, users, judged.exposure(judged.ranks(order))) for order in orders
    ]
    chance = _by_user(judged, users, shuffled_exposure(judged.slates.offsets))
    once = np.ones((1, people))
    parts = []
    for first in range(0, resamples, _AT_ONCE):
        draws = min(_AT_ONCE, resamples - first)
        drawn = rng.integers(people, size=(draws, people))
        counts = np.stack([np.bincount(row, minlength=people) for row in drawn])
        parts.append(_figures(counts.astype(np.float64), exposures, chance, floor))
    return Spread(_figures(once, exposures, chance, floor)[0], np.concatenate(parts))


def _figures(
    counts: NDArray[np.float64],
    exposures: "Sequence[csr_matrix]",
    chance: "csr_matrix",
    floor: float,
) -> NDArray[np.float64]:
    """Both figures, [resamples, orders, 2], with users counted so often, [resamples, users]."""
    due = floor * (chance.T @ counts.T).T
    out = np.empty((len(counts), len(exposures), 2))
    for nth, exposure in enumerate(exposures):
        gained = (exposure.T @ counts.T).T
        out[:, nth, 0] = gini(gained)
        # A hair of tolerance: sums of the same numbers in another order are not equal.
        out[:, nth, 1] = (gained < due * (1 - 1e-9)).sum(axis=1)
    return out


def _by_user(
    judged: Judged, users: NDArray[np.int64], exposure: NDArray[np.float64]
) -> "csr_matrix":
    """Exposure that each provider has with each user, [users, providers]."""
    from scipy.sparse import csr_matrix

    codes, count = judged.providers
    by_user = codes != UNKNOWN
    places = (users[judged.request[by_user]], codes[by_user])
    shape = (int(users.max(initial=-1)) + 1, count)
    return csr_matrix((exposure[by_user], places), shape=shape)
