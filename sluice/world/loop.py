"""The closed loop, day by day: publish, come, show, react, respond, learn."""

import copy
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.floors import raised
from sluice.world.ads import ad_places, draw_advertisers
from sluice.world.arrivals import draw_visits
from sluice.world.behaviour import Appeal, behave, no_outcome
from sluice.world.experiment import Experiment
from sluice.world.figures import DayFigures
from sluice.world.items import live_rows, no_items, publish
from sluice.world.memory import FIRST_RATE, GOES_ON, fade, no_memory, with_items
from sluice.world.people import Usual, draw_people, settle, usual
from sluice.world.policy import Policy
from sluice.world.providers import dose_of, draw_providers, respond
from sluice.world.spec import WorldSpec
from sluice.world.training import DayLog, Learner
from sluice.world.wave import Platform, Scene, Wave

BURN_IN = 10
"""Days before arms branch: until then what a usual day is worth is still being learned."""
_FLOOR_STEP = 0.15
"""Of the floors' prices a day, in units of the score."""


class World:
    """One world on its way; `branch` makes a twin."""

    def __init__(self, spec: WorldSpec, policy: Policy, seed: int) -> None:
        self.spec, self.seed, self.day = spec, seed, 0
        self.providers = draw_providers(spec, seed)
        total = len(self.providers.alive)
        people = draw_people(spec, seed, total)
        self.scene = Scene(people, no_items(), no_memory(spec, total))
        self.advertisers = draw_advertisers(spec, seed)
        self.platform = Platform(
            Learner(policy, seed), np.zeros(total), Experiment.none(spec.people, total)
        )
        self.rate = FIRST_RATE
        self.usual: Usual | None = None
        self.history: tuple[DayFigures, ...] = ()
        self.waves: tuple[Wave, ...] = ()
        """Of the last day."""
        self.published: NDArray[np.int64] = np.zeros(total, np.int64)
        """Items of the last day, [providers]."""
        self._places = ad_places(spec.slots)
        for day in range(-spec.life, 0):
            self._publish(day)

    @property
    def policy(self) -> Policy:
        return self.platform.learner.policy

    def branch(self) -> Self:
        """A twin: the same state, on its own from here."""
        return copy.deepcopy(self)

    def adopt(self, policy: Policy) -> None:
        """Change the policy from the next day on; what was learned stays until the night."""
        learner = replace(self.platform.learner, policy=policy)
        self.platform = replace(self.platform, learner=learner)

    def treat(self, experiment: Experiment) -> None:
        """Start an experiment, or end it with `Experiment.none`."""
        self.platform = replace(self.platform, experiment=experiment)

    def run(self, days: int) -> tuple[DayFigures, ...]:
        """Let some days pass, and say what they came to."""
        return tuple(self.step() for _ in range(days))

    def step(self) -> DayFigures:
        """Let a day pass."""
        spec, day = self.spec, self.day
        self._publish(day)
        value = np.zeros(spec.people)
        visited = np.zeros(spec.people, np.bool_)
        waves = []
        for visits in draw_visits(self.scene.people, spec.loyalty, self.seed, day):
            visited[visits.person] = True
            shown = self.platform.answer(visits, self.scene, spec, self.seed, self.rate)
            outcome = no_outcome(*shown.items.shape)
            behave(
                shown.visits, shown.items, self.scene, self.advertisers, self._places,
                self.providers.quality, self._appeal(), outcome, value, self.seed, day,
            )  # fmt: skip
            waves.append(Wave(shown, outcome))
        self.waves = tuple(waves)
        self._respond()
        self._night(visited, value)
        figures = self._figures(visited, value)
        self.history = (*self.history, figures)
        self.day += 1
        return figures

    def _publish(self, day: int) -> None:
        before = len(self.scene.items.key)
        items = publish(self.scene.items, self.providers, self.spec, self.seed, day)
        memory = with_items(self.scene.memory, len(items.key))
        self.scene = Scene(self.scene.people, items, memory)
        self.published = np.bincount(
            items.provider[before:], minlength=len(self.providers.alive)
        )

    def _appeal(self) -> Appeal:
        spec = self.spec
        return Appeal(spec.satiation, spec.annoyance, spec.ad_reserve, spec.ad_annoyance)

    def _respond(self) -> None:
        """Providers and the prices of their floors answer the exposure of the day."""
        total = len(self.providers.alive)
        items = self.scene.items
        shown = np.concatenate([wave.shown.items for wave in self.waves])
        weights = np.tile(position_weights(self.spec.slots), len(shown))
        exposure = np.bincount(
            items.provider[shown.ravel()], weights, minlength=total
        ).astype(float)
        chances = np.zeros(total)
        for wave in self.waves:
            chances += wave.shown.candidates
        self._price(exposure, chances)
        rows = live_rows(items, self.day, self.spec.life)
        live = np.bincount(items.provider[rows], minlength=total)
        dose = dose_of(exposure, live, self.providers, self.spec)
        self.providers = respond(self.providers, dose, self.spec, self.seed, self.day)

    def _price(self, exposure: NDArray[np.float64], chances: NDArray[np.float64]) -> None:
        """One step of the floors' dual ascent, on the day that was served."""
        if self.policy.floor == 0:
            return
        shuffled = exposure.sum() * chances / max(chances.sum(), 1.0)
        able = (chances > 0) & self.providers.alive
        demanded = np.where(able, self.policy.floor * shuffled, 1.0)
        prices = raised(self.platform.prices, exposure, demanded, _FLOOR_STEP)
        priced = np.where(able, np.minimum(prices, self.policy.floor_limit), 0.0)
        self.platform = replace(self.platform, prices=priced)

    def _night(self, visited: NDArray[np.bool_], value: NDArray[np.float64]) -> None:
        """People sleep on it, counters fade, and the ranker is trained on the last days."""
        if visited.any():
            if self.day < BURN_IN or self.usual is None:
                self.usual = usual(value[visited], self.usual)
            settle(self.scene.people, visited, value, self.usual, self.spec.recovery)
        fade(self.scene.memory)
        shown = [wave.shown for wave in self.waves]
        clicked = np.concatenate([wave.outcome.clicked for wave in self.waves])
        log = DayLog(
            np.concatenate([part.features for part in shown]),
            clicked,
            np.concatenate([part.visits.person for part in shown]),
            np.concatenate([part.visits.time for part in shown]),
        )
        self.platform = replace(self.platform, learner=self.platform.learner.learned(log))
        views = len(clicked) * float((GOES_ON ** np.arange(self.spec.slots)).sum())
        self.rate = max(float(clicked.sum()) / max(views, 1.0), 1e-3)

    def _figures(
        self, visited: NDArray[np.bool_], value: NDArray[np.float64]
    ) -> DayFigures:
        outcomes = [wave.outcome for wave in self.waves]
        paid = [
            self.advertisers.bid[outcome.ad[outcome.ad_clicked]].sum()
            for outcome in outcomes
        ]
        return DayFigures(
            active=int(visited.sum()),
            visits=sum(len(outcome.clicked) for outcome in outcomes),
            clicks=sum(int(outcome.clicked.sum()) for outcome in outcomes),
            dwell=float(sum(outcome.dwell.sum() for outcome in outcomes)),
            value=float(value.sum()),
            providers=int(self.providers.alive.sum()),
            publishing=int((self.published > 0).sum()),
            published=int(self.published.sum()),
            live=len(live_rows(self.scene.items, self.day, self.spec.life)),
            ad_views=sum(int((outcome.ad >= 0).sum()) for outcome in outcomes),
            ad_clicks=sum(int(outcome.ad_clicked.sum()) for outcome in outcomes),
            revenue=float(sum(paid)),
        )
