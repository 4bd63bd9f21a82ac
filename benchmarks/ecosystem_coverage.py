"""Row S2: how often an interval holds the figure of the expected exposure, in worlds where that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.catalogue import UNKNOWN, Catalogue
from sluice.ecosystem.concentration import concentrations
from sluice.ecosystem.exposures import Answers, Exposures
from sluice.ecosystem.registry import measures
from sluice.ecosystem.settings import Stated

TOPICS = 10
PROVIDERS = 20
_DRAWN = 1_000
_DAY = 86_400_000_000
_SLOTS = 10
_NEW_SHARE = 0.3
_NAMES = ("item_gini", "effective_items", "hhi", "top_items_share")


@dataclass(frozen=True)
class Plan:
    """How large each world is."""

    people: int = 300
    items: int = 200
    exposures: int = 30
    """For each item, on average."""


SHORTEST = Plan(exposures=40)
"""Just beyond what is refused: by chance a world has fewer than it was to have."""


@dataclass(frozen=True)
class World:
    """Exposures, and what each figure is of the exposure that they are drawn from."""

    exposures: Exposures
    truth: Mapping[str, float]


def world(plan: Plan, seed: int) -> World:
    """People with a favourite topic come unequally often; items are unequally popular within topics."""
    shape, rng = np.random.default_rng(7), np.random.default_rng(seed)
    popular = shape.lognormal(0, 1, plan.items)
    new = shape.random(plan.items) < _NEW_SHARE
    topic = np.arange(plan.items) % TOPICS
    chances = popular * np.where(topic == np.arange(TOPICS)[:, None], 4.0, 1.0)
    chances /= chances.sum(axis=1, keepdims=True)
    favourite = rng.integers(TOPICS, size=plan.people)
    visits = rng.geometric(
        plan.people * _SLOTS / (plan.exposures * plan.items), plan.people
    )
    person = np.repeat(np.arange(plan.people), visits)
    item = _drawn(chances, favourite[np.repeat(person, _SLOTS)], rng)
    exposures = _exposures(plan, person, item, new)
    return World(exposures, _truth(chances.mean(axis=0), new))


def hits(seed: int, plan: Plan = SHORTEST) -> dict[str, bool]:
    """Whether each interval of a world holds the truth; absent where it is refused.

    `percentile of NAME` is the plain interval that is not used, for comparison.
    """
    made = world(plan, seed)
    return {
        name: low <= made.truth[name.removeprefix("percentile of ")] <= high
        for name, (low, high) in _intervals(made.exposures).items()
    }


def held(worlds: Sequence[Mapping[str, bool]]) -> dict[str, float]:
    """Share of the worlds with an interval whose interval holds the truth."""
    names = {name for hit in worlds for name in hit}
    return {
        name: float(np.mean([hit[name] for hit in worlds if name in hit]))
        for name in sorted(names)
    }


def _intervals(shown: Exposures) -> dict[str, tuple[float, float]]:
    intervals = {name: measures()[name].figure(shown).interval for name in (
        "item_gini", "effective_items", "top_items_share", "provider_hhi", "coverage",
        "new_items_share",
    )}  # fmt: skip
    plain = {
        f"percentile of {name}": tuple(np.quantile(column, [0.025, 0.975]).tolist())
        for name, column in zip(_NAMES, shown.over_items.resampled.T, strict=True)
        if name in intervals
    }
    return {
        name: (interval.low, interval.high)
        for name, interval in intervals.items()
        if interval is not None
    } | plain


def _truth(chance: NDArray[np.float64], new: NDArray[np.bool_]) -> dict[str, float]:
    items = dict(
        zip(_NAMES, concentrations(chance, len(chance) // 10).tolist(), strict=True)
    )
    providers = np.bincount(np.arange(len(chance)) % PROVIDERS, weights=chance)
    return items | {
        "provider_hhi": float(np.square(providers).sum()),
        "coverage": float((1 - (1 - chance) ** _DRAWN).mean()),
        "new_items_share": float(chance[new].sum()),
    }


def _drawn(
    chances: NDArray[np.float64], favourite: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """An item for each row, by the chances of its person's favourite topic."""
    bounds = np.cumsum(chances, axis=1)
    bounds[:, -1] = 1.0
    # One search over all topics: each has its own unit of the number line.
    line = (bounds + np.arange(len(chances))[:, None]).ravel()
    return (
        np.searchsorted(line, favourite + rng.random(len(favourite)), side="right")
        % (chances.shape[1])
    )


def _exposures(
    plan: Plan,
    person: NDArray[np.int64],
    item: NDArray[np.int64],
    new: NDArray[np.bool_],
) -> Exposures:
    none = np.empty(0, np.int64)
    items = np.arange(plan.items)
    listed = Catalogue(
        provider=items % PROVIDERS, providers=PROVIDERS,
        category=np.full(plan.items, UNKNOWN), categories=0,
        published=np.where(new, 2 * _DAY, 0), quality=np.full(plan.items, np.nan),
        embedding=None, listed=True,
    )  # fmt: skip
    return Exposures(
        catalogue=listed, start=2 * _DAY, end=3 * _DAY, item=item,
        request=np.repeat(np.arange(len(person)), _SLOTS), weight=np.ones(len(item)),
        popularity=np.full(len(item), 1 / plan.items), person=person,
        moment=np.full(len(person), 2 * _DAY + 1),
        answers=Answers(none, none, none, np.empty(0)),
        answered=frozenset[FeedbackKind](), interests=np.zeros((plan.people, 0)),
        stated=Stated(at_exposures=_DRAWN),
    )  # fmt: skip
