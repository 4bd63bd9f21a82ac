"""A third of a day: what was asked, shown and done, and the way there."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.world.arrivals import Visits
from sluice.world.behaviour import Outcome
from sluice.world.experiment import Experiment
from sluice.world.items import Items
from sluice.world.memory import Memory, read
from sluice.world.ordering import Order, enough, explore, order
from sluice.world.people import NONE, People
from sluice.world.retrieval import retrieve
from sluice.world.spec import WorldSpec
from sluice.world.training import Learner


class Scene(NamedTuple):
    """What the kernels read and change: people, items and the platform's counters."""

    people: People
    items: Items
    memory: Memory


@dataclass(frozen=True)
class Shown:
    """The answers of a wave; [visits, slots] each where nothing else is said."""

    visits: Visits
    items: NDArray[np.int64]
    """Rows of items."""
    features: NDArray[np.float32]
    """[visits, slots, features]."""
    scores: NDArray[np.float64]
    """By which they were ordered, before spacing."""
    order: Order
    candidates: NDArray[np.int64]
    """[providers]; how often each was a candidate."""


@dataclass(frozen=True)
class Wave:
    """A third of a day."""

    shown: Shown
    outcome: Outcome


@dataclass(frozen=True)
class Platform:
    """What answers: the learner, prices of floors, and an experiment."""

    learner: Learner
    prices: NDArray[np.float64]
    """[providers]; of the floors, in units of the score."""
    experiment: Experiment

    def answer(
        self, visits: Visits, scene: Scene, spec: WorldSpec, seed: int, rate: float
    ) -> Shown:
        """Retrieve, score and order; visits with too few candidates are left out.

        Args:
            visits: who asks.
            scene: as it stands.
            spec: of the world.
            seed: of the world.
            rate: mean click rate, towards which counters are smoothed.
        """
        day = int(visits.time[0]) if len(visits.time) else 0
        halves = self.experiment.person_side, self.experiment.provider_side
        live = np.flatnonzero(scene.items.born > day - spec.life)
        rows = retrieve(
            visits, scene.people, scene.items, live, spec.candidates, halves, seed, day
        )
        kept = enough(rows, spec.slots)
        visits, rows = Visits._make(column[kept] for column in visits), rows[kept]
        features = read(visits, rows, scene.items, scene.memory, rate)
        there = rows != NONE
        providers = scene.items.provider[rows]
        scores = np.full(rows.shape, -np.inf)
        scores[there] = self.learner.scores(features[there])
        scores[there] += (self.prices + self.experiment.boost)[providers[there]]
        plain = order(
            scores, scene.items.topic[rows], self._spacing(visits),
            self.learner.policy.window, spec.slots,
        )  # fmt: skip
        chosen = self._explored(plain, scores, visits, day)
        at = chosen.place
        return Shown(
            visits,
            np.take_along_axis(rows, at, axis=1),
            np.take_along_axis(features, at[:, :, None], axis=1),
            np.take_along_axis(scores, at, axis=1),
            chosen,
            np.bincount(providers[there], minlength=len(self.prices)),
        )

    def _spacing(self, visits: Visits) -> NDArray[np.float64]:
        own = self.experiment.spacing[visits.person]
        return np.where(np.isnan(own), self.learner.policy.spacing, own)

    def _explored(
        self, plain: Order, scores: NDArray[np.float64], visits: Visits, day: int
    ) -> Order:
        exploration = self.learner.policy.exploration
        if exploration is None:
            return plain
        return explore(plain, scores, request_names(visits, day), exploration)


def request_names(visits: Visits, day: int) -> list[str]:
    """Ids of requests: day, person and number of the visit."""
    pairs = zip(visits.person.tolist(), visits.number.tolist(), strict=True)
    return [f"{day:05d}-{person:06d}-{number}" for person, number in pairs]
