"""Provider floors: nobody falls below a share of the exposure that chance would give them.

The floors are constraints on all requests together, so no single request can see whether they are
met. Their prices can be: fitted once over many requests, offline, they are added to the scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.mechanisms.exposure import position_weights, shuffled_exposure
from sluice.mechanisms.slate import UNKNOWN, Slate
from sluice.mechanisms.slates import Slates

ROUNDS = 200
"""Of the dual ascent; the prices are the mean of its second half."""
_STEP = 1.0
"""In standard deviations of the scores within a request, for a provider without any exposure."""


@dataclass(frozen=True)
class FittedFloors:
    """Prices of the floors, and what they bring over the requests they were fitted on."""

    prices: Mapping[str, float]
    """By provider, in units of the score; 0 for one whose floor does not bind."""
    floor: float
    """Share of the exposure under shuffled candidates that every provider is to get."""
    least: float
    """Smallest realised share of any provider; `floor` or more where every floor is met."""


def opportunity(
    slates: Slates, groups: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Exposure of every group if every request's candidates were shuffled, [groups]."""
    grouped = groups != UNKNOWN
    exposure = shuffled_exposure(slates.offsets)
    by_chance = np.bincount(groups[grouped], weights=exposure[grouped], minlength=count)
    return by_chance.astype(np.float64)


def fit_floors(slates: Slates, floor: float, rounds: int = ROUNDS) -> FittedFloors:
    """Prices at which all requests together give every provider its floor, at the least loss.

    Maximises Σ_r Σ_k v_k s over all orders, so that each provider p has an exposure E_p of at
    least f_p, `floor` times what shuffled candidates would give it. (The shuffle meets floors up
    to 1, so there always is a solution.) For given prices λ the best order of each request is by
    s + λ_p; the prices follow by projected subgradient ascent of the dual, scaled per provider:
    λ_p <- [λ_p + η_t (1 - E_p / f_p)]₊, η_t falling with 1 / √t, and the mean of the second half.
    Source: the dual of LinkedIn's matching LP (Ramanath, Keerthi et al. 2022, "Efficient vertex-
    oriented polytopic projection for web-scale applications"; Basu et al. 2020, ECLIPSE).

    Args:
        slates: the requests, with providers.
        floor: above 0, up to 1.
        rounds: of the ascent, each O(rows).

    Raises:
        DataError: the requests lack providers, or a score is not finite.
        TooLittleData: no candidate has a provider.
    """
    from sluice.mechanisms import kernels

    groups, names = slates.groups("provider")
    if not names:
        raise TooLittleData(
            f"no provider is known of any of {slates.rows} candidates; floors need one"
        )
    if odd := int((~np.isfinite(slates.scores)).sum()):
        raise DataError(f"cannot fit floors: {odd} scores are NaN or infinite")
    order, scores, groups = _in_order(slates, groups)
    weights = position_weights(int(np.diff(slates.offsets).max(initial=0)))
    demanded = floor * opportunity(slates, groups, len(names))
    step = _STEP * _spread(scores, slates.offsets)
    prices, mean, shares = np.zeros((3, len(names)))
    for turn in range(rounds):
        kernels.reorder(_priced(scores, groups, prices), order, slates.offsets)
        kernels.exposures(order, slates.offsets, groups, weights, shares)
        prices = raised(prices, shares, demanded, step / np.sqrt(turn + 1))
        if turn >= rounds // 2:
            mean += prices / (rounds - rounds // 2)
    kernels.reorder(_priced(scores, groups, mean), order, slates.offsets)
    kernels.exposures(order, slates.offsets, groups, weights, shares)
    least = float((shares / demanded).min()) * floor
    return FittedFloors(dict(zip(names, mean.tolist(), strict=True)), floor, least)


def raised(
    prices: NDArray[np.float64],
    exposure: NDArray[np.float64],
    demanded: NDArray[np.float64],
    step: float,
) -> NDArray[np.float64]:
    """One step of the dual ascent, [groups]: λ <- [λ + η (1 - E / f)]₊.

    `fit_floors` takes many over the same requests; a platform that serves may take one a day.
    """
    return np.maximum(prices + step * (1 - exposure / demanded), 0.0)


def floors(slate: Slate, prices: Mapping[str, float]) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: by score plus the price of the provider's floor.

    Args:
        slate: the candidates, with providers.
        prices: as `fit_floors` gives them; a provider without one is not moved.

    Raises:
        DataError: the slate lacks providers.
    """
    codes, names = slate.groups("provider")
    priced = np.array([prices.get(name, 0.0) for name in [*names, ""]])
    priced[UNKNOWN] = 0.0
    along = slate.scores[slate.order] + priced[codes]
    return slate.order[np.argsort(-along, kind="stable")]


def _in_order(
    slates: Slates, groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Rows renumbered by score and item id, so that ties go as they will online."""
    by_score = slates.by_score()
    order = np.arange(slates.rows, dtype=np.int64)
    return order, slates.scores[by_score], groups[by_score]


def _spread(scores: NDArray[np.float64], offsets: NDArray[np.int64]) -> float:
    """Mean standard deviation of the scores within a request; 1 where they are all equal."""
    sizes = np.diff(offsets)
    kept = sizes > 0
    starts, sizes = offsets[:-1][kept], sizes[kept]
    centred = scores - np.repeat(np.add.reduceat(scores, starts) / sizes, sizes)
    variance = np.add.reduceat(centred**2, starts) / sizes
    return float(np.sqrt(variance).mean()) or 1.0


def _priced(
    scores: NDArray[np.float64], groups: NDArray[np.int64], prices: NDArray[np.float64]
) -> NDArray[np.float64]:
    return scores + np.append(prices, 0.0)[groups]
