"""What the generated feed shows: candidates drawn from the pool, ordered by the logging policy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.data.generated_world import HOUR, LIFE_DAYS, People, Pool


@dataclass(frozen=True)
class Requests:
    """A run of requests, in time order."""

    ts: NDArray[np.int64]
    user: NDArray[np.int64]
    surface: NDArray[np.int64]
    device: NDArray[np.int64]
    size: NDArray[np.int64]

    def part(self, rows: slice) -> "Requests":
        return Requests(
            self.ts[rows],
            self.user[rows],
            self.surface[rows],
            self.device[rows],
            self.size[rows],
        )


@dataclass(frozen=True)
class Slots:
    """What was shown: one row a request and slot, requests in order, slots from the top."""

    request: NDArray[np.int64]
    position: NDArray[np.int64]
    item: NDArray[np.int64]
    """Row in the pool."""
    score: NDArray[np.float32]
    propensity: NDArray[np.float64]


def show(
    rng: np.random.Generator, people: People, pool: Pool, requests: Requests, first: int
) -> Slots:
    """Choose and order the candidates of some requests, the first of which is number `first`."""
    chosen = _retrieve(rng, people, pool, requests)
    live = chosen >= 0
    believed = _policy_score(people, pool, requests.ts[:, None], chosen)
    score = np.where(live, believed, np.float32(-np.inf))
    # Gumbel-max: sorting by score + Gumbel noise draws from Plackett-Luce (Yellott, 1977).
    order = np.argsort(-(score + _gumbel(rng, score.shape)), axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, axis=1)
    score = np.take_along_axis(score, order, axis=1)
    row, column = np.nonzero(chosen >= 0)
    return Slots(
        request=row + first,
        position=column + 1,
        item=chosen[row, column],
        score=score[row, column],
        propensity=_propensity(score)[row, column],
    )


def _retrieve(
    rng: np.random.Generator, people: People, pool: Pool, requests: Requests
) -> NDArray[np.int64]:
    """Candidates of each request, [requests, most candidates], -1 where there are fewer.

    Sampled without replacement from the items alive at the time, the fresh ones rather, and on
    every surface but the first those of providers that the person follows.
    """
    age = (requests.ts[:, None] - pool.published[None, :]) / HOUR
    followed = people.follows[requests.user[:, None], pool.provider[None, :]]
    weight = -age / 18 + 4.0 * (followed & (requests.surface[:, None] > 0))
    key = np.where(
        (age >= 0) & (age < 24 * LIFE_DAYS), weight + _gumbel(rng, age.shape), -np.inf
    )
    width = min(int(requests.size.max()), len(pool))
    top = np.argpartition(-key, width - 1, axis=1)[:, :width]
    top_key = np.take_along_axis(key, top, axis=1)
    best = np.argsort(-top_key, axis=1, kind="stable")
    alive = np.isfinite(np.take_along_axis(top_key, best, axis=1))
    within = np.arange(width)[None, :] < requests.size[:, None]
    return np.where(alive & within, np.take_along_axis(top, best, axis=1), -1)


def _policy_score(
    people: People, pool: Pool, ts: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.float32]:
    """What the logging policy believes: quality and half of the buzz, nothing of the person."""
    policy_score = pool.quality[item] + people.provider_quality[pool.provider[item]]
    return (0.6 * policy_score + 0.5 * buzz(pool, ts, item)).astype(np.float32)


def buzz(pool: Pool, ts: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.float32]:
    """Hotness that is left: hotness · 2^(-age / half-life)."""
    age = ((ts - pool.published[item]) / HOUR).astype(np.float32)
    return pool.hotness[item] * np.exp2(-np.maximum(age, 0) / pool.half_life[item])


def _propensity(score: NDArray[np.float32]) -> NDArray[np.float64]:
    """P(item at its slot | the items above it) = e^s_k / Σ_{j ≥ k} e^s_j, by rows."""
    weight = np.exp(score.astype(np.float64))
    remaining = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1]
    return np.divide(weight, remaining, out=np.ones_like(weight), where=weight > 0).clip(
        max=1.0
    )


def _gumbel(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    # Among millions of float32 draws some are exactly 0, whose logarithm is not finite.
    drawn = rng.standard_exponential(shape, dtype=np.float32)
    return -np.log(np.maximum(drawn, np.finfo(np.float32).tiny))
