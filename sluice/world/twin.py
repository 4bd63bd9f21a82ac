"""Twins: arms that branch from one burnt-in state, and what they differ by over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from sluice.errors import ConfigError, TooLittleData
from sluice.world.figures import DayFigures, change
from sluice.world.loop import BURN_IN, World
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec

Arms = Mapping[str, Sequence[DayFigures]]


def twins(
    spec: WorldSpec,
    arms: Mapping[str, Policy],
    seed: int,
    days: int,
    burn_in: int = BURN_IN,
) -> Arms:
    """Days of every arm after a burn-in under the first.

    Args:
        spec: of the world.
        arms: policies by name; the first is what has always been served.
        seed: of the world.
        days: after the branch.
        burn_in: days before it.

    Raises:
        ConfigError: no arm.
    """
    if not arms:
        raise ConfigError("no arm to run; give a policy at least")
    world = World(spec, next(iter(arms.values())), seed)
    world.run(burn_in)
    lived = {}
    for name, policy in arms.items():
        twin = world.branch()
        twin.adopt(policy)
        lived[name] = twin.run(days)
    return lived


@dataclass(frozen=True)
class Effect:
    """A relative change over several seeds."""

    changes: tuple[float, ...]
    """One a seed."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.changes))

    @property
    def error(self) -> float:
        """Standard error of the mean.

        Raises:
            TooLittleData: a single seed has none.
        """
        if len(self.changes) < 2:
            raise TooLittleData("one seed has no standard error; give two or more")
        return float(np.std(self.changes, ddof=1)) / sqrt(len(self.changes))

    @property
    def ups(self) -> int:
        """Seeds in which it grew."""
        return sum(value > 0 for value in self.changes)

    @property
    def downs(self) -> int:
        """Seeds in which it shrank."""
        return sum(value < 0 for value in self.changes)


def effect(
    lived: Sequence[Arms], arm: str, against: str, measure: str, span: slice
) -> Effect:
    """Change of a measure over a span of days, one number a seed."""
    return Effect(
        tuple(change(arms[arm][span], arms[against][span], measure) for arms in lived)
    )


def over_seeds(seeds: Sequence[int], live: Callable[[int], Arms]) -> tuple[Arms, ...]:
    """The same twins for each seed.

    Raises:
        ConfigError: no seed.
    """
    if not seeds:
        raise ConfigError("no seed; give one at least")
    return tuple(live(seed) for seed in seeds)
