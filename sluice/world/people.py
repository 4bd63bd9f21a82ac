"""People: tastes that stay, satiation that a night heals, and satisfaction that decides who comes back."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.world.draws import starting
from sluice.world.spec import WorldSpec

_PART = 1
_FOLLOWS = 0.06
_RARE_FROM = 5
"""Topics from this one on are rare among most people where a world has niches."""
NONE = -1
_KEEP, _FURTHEST = 0.75, 2.0


class People(NamedTuple):
    """State of all people; arrays are changed in place."""

    taste: NDArray[np.float64]
    """[people, topics]; logits."""
    habit: NDArray[np.float64]
    """[people]; logit of coming on a day, at usual satisfaction."""
    satisfaction: NDArray[np.float64]
    """[people]; moving mean of the value of days, in standard deviations."""
    sated: NDArray[np.float64]
    """[people, topics]; items examined lately."""
    follows: NDArray[np.bool_]
    """[people, providers]."""
    seen: NDArray[np.int64]
    """[people, unseen]; a ring of rows of items, NONE where there is none yet."""
    cursor: NDArray[np.int64]
    """[people]; where the ring goes on."""


@njit(cache=True, nogil=True)
def logistic(logit):
    return 1.0 / (1.0 + np.exp(-logit))


def draw_people(spec: WorldSpec, seed: int, providers: int) -> People:
    """The people before the first day; `providers` counts those to come as well."""
    rng = starting(seed, _PART)
    taste = rng.normal(0, 1.1, (spec.people, spec.topics))
    if spec.niche > 0:
        lovers = np.flatnonzero(rng.random(spec.people) < spec.niche)
        loved = rng.integers(_RARE_FROM, spec.topics, (len(lovers), 2))
        taste[:, _RARE_FROM:] -= 0.7
        taste[lovers[:, None], loved] += 2.6
        taste[lovers, :_RARE_FROM] -= 1.0
    return People(
        taste=taste,
        habit=rng.normal(-0.2, 0.8, spec.people),
        satisfaction=np.zeros(spec.people),
        sated=np.zeros((spec.people, spec.topics)),
        follows=rng.random((spec.people, providers)) < _FOLLOWS,
        seen=np.full((spec.people, spec.unseen), NONE),
        cursor=np.zeros(spec.people, np.int64),
    )


class Usual(NamedTuple):
    """Mean and standard deviation of a day's value to a person, of the days before the arms branch."""

    mean: float
    spread: float


def usual(value: NDArray[np.float64], before: Usual | None) -> Usual:
    """Follow the value of days, [people who came], as long as it is what satisfaction is held against."""
    mean = float(value.mean())
    return Usual(
        mean if before is None else (before.mean + mean) / 2, float(value.std()) or 1.0
    )


def settle(
    people: People,
    visited: NDArray[np.bool_],
    value: NDArray[np.float64],
    norm: Usual,
    recovery: float,
) -> None:
    """The night: who came remembers how the day was, and everybody's satiation fades."""
    day = np.clip((value[visited] - norm.mean) / norm.spread, -_FURTHEST, _FURTHEST)
    people.satisfaction[visited] = _KEEP * people.satisfaction[visited] + (1 - _KEEP) * day
    people.sated[:] *= recovery
