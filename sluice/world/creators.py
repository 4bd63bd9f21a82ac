"""A boost for half of the providers: what an experiment among them says, and what the twins say.

Providers compete for the same slots, so that those left alone lose what the others gain. An experiment that
compares the two halves counts that loss as an effect; people and providers split together do not mix it in.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.world.draws import starting
from sluice.world.experiment import Experiment
from sluice.world.loop import World
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec

BOOST = 0.6
"""Added to the score."""
_PART = 5
_BURN_IN, _BEFORE = 7, 14
_WARM_UP, _AFTER = 7, 14
_NEVER_ZERO = 0.05


@dataclass(frozen=True)
class Stretch:
    """Some days of all providers."""

    published: NDArray[np.float64]
    """[providers]; items."""
    felt: NDArray[np.float64]
    """[providers]; mean logarithm of the dose of exposure."""


@dataclass(frozen=True)
class Creators:
    """One world's figures; effects are relative changes of publishing."""

    naive: float
    """Boosted against the others in the same world, both against their own days before."""
    treated: float
    """The twins' truth for the boosted: their half boosted against nobody boosted."""
    controls: float
    """The same for the others."""
    everybody: float
    """The truth that a launch would meet: all boosted against nobody."""
    co_diverted: float
    """Estimate of that from people and providers split together, one half boosted within itself."""
    elasticity: float
    """Of publishing with respect to exposure, by the randomised boost and the days before."""
    elasticity_twin: float
    """By the twins, for the boosted."""
    elasticity_naive: float
    """Slope across providers, who publish what they would anyhow."""


def creators(spec: WorldSpec, policy: Policy, seed: int) -> Creators:
    """Run the experiments and the twins of one seed."""
    world = World(spec, policy, seed)
    world.run(_BURN_IN)
    before = _lived(world, _BEFORE)
    half = _half(world, seed)
    alive = world.providers.alive
    none = _arm(world, _boosted(world, np.zeros_like(half)))
    some = _arm(world, _boosted(world, half))
    every = _arm(world, _boosted(world, alive))
    split = _arm(world, _co_diverted(world, half, seed))
    others = alive & ~half
    between = _gain(some, before, half) - _gain(some, before, others)
    moved = _dose(some, before, half) - _dose(some, before, others)
    return Creators(
        naive=float(np.expm1(between)),
        treated=_change(some, none, half),
        controls=_change(some, none, others),
        everybody=_change(every, none, alive),
        co_diverted=float(
            np.expm1(_gain(split, before, half) - _gain(split, before, others))
        ),
        elasticity=between / moved,
        elasticity_twin=_gain(some, none, half) / _dose(some, none, half),
        elasticity_naive=_slope(before, alive),
    )


def _half(world: World, seed: int) -> NDArray[np.bool_]:
    """A random half of the living providers."""
    living = np.flatnonzero(world.providers.alive)
    chosen = starting(seed, _PART).permutation(living)[: len(living) // 2]
    half = np.zeros(len(world.providers.alive), np.bool_)
    half[chosen] = True
    return half


def _boosted(world: World, who: NDArray[np.bool_]) -> Experiment:
    none = Experiment.none(world.spec.people, len(who))
    return replace(none, boost=np.where(who, BOOST, 0.0))


def _co_diverted(world: World, half: NDArray[np.bool_], seed: int) -> Experiment:
    """People of one half meet the boosted alone, those of the other the rest (Su et al. 2024)."""
    people = starting(seed, _PART + 1).permutation(world.spec.people)
    side = (people < world.spec.people // 2).astype(np.int64)
    return replace(
        _boosted(world, half), person_side=side, provider_side=half.astype(np.int64)
    )


def _arm(world: World, experiment: Experiment) -> Stretch:
    twin = world.branch()
    twin.treat(experiment)
    twin.run(_WARM_UP)
    return _lived(twin, _AFTER)


def _lived(world: World, days: int) -> Stretch:
    published = np.zeros(len(world.providers.alive))
    felt = np.zeros(len(published))
    for _ in range(days):
        world.step()
        published += world.published
        felt += np.log(world.providers.dose + _NEVER_ZERO) / days
    return Stretch(published, felt)


def _change(after: Stretch, before: Stretch, who: NDArray[np.bool_]) -> float:
    return float(np.expm1(_gain(after, before, who)))


def _gain(after: Stretch, before: Stretch, who: NDArray[np.bool_]) -> float:
    """Logarithm of how much more those published."""
    return float(np.log(after.published[who].sum() / before.published[who].sum()))


def _dose(after: Stretch, before: Stretch, who: NDArray[np.bool_]) -> float:
    """Change of their logarithm of exposure, weighed by what they published."""
    weight = before.published[who] + 1e-9
    return float(np.average(after.felt[who] - before.felt[who], weights=weight))


def _slope(stretch: Stretch, alive: NDArray[np.bool_]) -> float:
    some = alive & (stretch.published > 3)
    return float(np.polyfit(stretch.felt[some], np.log(stretch.published[some]), 1)[0])
