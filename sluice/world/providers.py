"""Providers: they publish more when they are shown, and leave when they are starved."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.world.draws import ARRIVES, LEAVES, poisson, starting, uniform
from sluice.world.spec import WorldSpec

_PART = 2
ROOM = 400
"""Providers who can arrive, beside those of the first day."""
_MEMORY = 0.7
_NEVER_ZERO = 0.05
_PATIENCE = 5
"""Days below `starving` before a provider thinks of leaving."""
_MOST_ARRIVALS = 50


@dataclass(frozen=True)
class Providers:
    """State of all providers, those to come among them; [providers] each."""

    topics: NDArray[np.int64]
    """[providers, 2]; the main topic and the other."""
    quality: NDArray[np.float64]
    """Logits."""
    drive: NDArray[np.float64]
    """Items a day at usual exposure."""
    rate: NDArray[np.float64]
    """Items expected tomorrow."""
    dose: NDArray[np.float64]
    """Moving mean of exposure, 1 being everybody's mean."""
    starved: NDArray[np.int64]
    """Days in a row below `starving`."""
    alive: NDArray[np.bool_]
    arrived: int
    """Providers who have come so far; the rest are still to come."""


def draw_providers(spec: WorldSpec, seed: int) -> Providers:
    rng = starting(seed, _PART)
    total = spec.providers + ROOM
    popularity = 1 / np.arange(1, spec.topics + 1) ** 0.7
    drive = spec.posts * rng.lognormal(-0.5, 0.9, total)
    return Providers(
        topics=rng.choice(spec.topics, (total, 2), p=popularity / popularity.sum()),
        quality=rng.normal(0, spec.provider_spread, total),
        drive=drive,
        rate=drive.copy(),
        dose=np.ones(total),
        starved=np.zeros(total, np.int64),
        alive=np.arange(total) < spec.providers,
        arrived=spec.providers,
    )


def dose_of(
    exposure: NDArray[np.float64],
    live: NDArray[np.int64],
    providers: Providers,
    spec: WorldSpec,
) -> NDArray[np.float64]:
    """A day's exposure in multiples of the mean, [providers]; the old dose where none was possible.

    By item, `live` counts each provider's; by provider, whoever publishes little gets little.
    """
    total = max(float(exposure.sum()), 1e-9)
    if not spec.dose_by_item:
        return exposure * providers.alive.sum() / total
    share = exposure / np.maximum(live, 1) * live.sum() / total
    return np.where(live > 0, share, providers.dose)


def respond(
    providers: Providers, dose: NDArray[np.float64], spec: WorldSpec, seed: int, day: int
) -> Providers:
    """The providers of tomorrow: their rates, who has left, and who has come."""
    alive = providers.alive
    smoothed = np.where(
        alive, _MEMORY * providers.dose + (1 - _MEMORY) * dose, providers.dose
    )
    felt = np.log((smoothed + _NEVER_ZERO) / (1 + _NEVER_ZERO))
    limit = spec.response_limit
    rate = providers.drive * np.exp(spec.response * np.clip(felt, -limit, limit))
    starved = np.where(alive & (smoothed < spec.starving), providers.starved + 1, 0)
    stays = alive.copy()
    for provider in np.flatnonzero(starved >= _PATIENCE).tolist():
        stays[provider] = uniform(seed, LEAVES, day, provider, 0) >= spec.hazard
    newcomers = poisson(uniform(seed, ARRIVES, day, 0, 0), spec.newcomers, _MOST_ARRIVALS)
    arrived = min(providers.arrived + newcomers, len(alive))
    new = slice(providers.arrived, arrived)
    stays[new], smoothed[new] = True, 1.0
    rate[new] = providers.drive[new]
    return replace(
        providers, rate=rate, dose=smoothed, starved=starved, alive=stays, arrived=arrived
    )
