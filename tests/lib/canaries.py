"""Canaries brought to life, and simulated logs of what people did with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from sluice.canary_spec import CanarySpec
from sluice.metrics.arms import Arm
from sluice.registry import canary
from sluice.registry.canary_verdict import Look, judge
from sluice.store.port import Store
from sluice.store.records import LedgerRow, State, Version
from tests.lib.promotions import MANDATORY, bring, panel
from tests.lib.stores import T0

STARTED = T0 + timedelta(hours=2)
SPEC = CanarySpec()


def start(
    store: Store,
    version: Version,
    share: float = 0.05,
    at: datetime = STARTED,
    spec: CanarySpec = SPEC,
) -> LedgerRow:
    return canary.start(
        store,
        version,
        share=share,
        declared=spec.model_dump(mode="json"),
        mandatory=MANDATORY,
        panel=panel(),
        actor="ann",
        reason="new features",
        at=at,
    )


def stop(store: Store, at: datetime = STARTED + timedelta(hours=1)) -> LedgerRow:
    return canary.stop(store, "feed", actor="ann", reason="seen enough", at=at)


def beside_a_champion(store: Store) -> Version:
    """An approved version, and a champion before it."""
    bring(store, State.CHAMPION, "champion")
    return bring(store, State.APPROVED, "candidate")


@dataclass(frozen=True)
class Habits:
    """How many people there are, how they ask and click."""

    people: int = 6000
    share: float = 0.5
    requests: float = 4.0
    """Mean of a person over the whole time; lognormal, so some ask very often."""
    clicks: float = 0.3
    """Mean of a request; beta over people, who differ."""
    effect: float = 0.0
    """Relative change of the chance to click with the canary."""


def looks_at(habits: Habits, spec: CanarySpec, rng: np.random.Generator) -> list[Look]:
    """Every look at one simulated canary, none left out after a withdrawal."""
    arm = rng.random(habits.people) < habits.share
    activity = rng.lognormal(np.log(habits.requests) - 0.245, 0.7, habits.people)
    taste = rng.beta(2, 2 * (1 - habits.clicks) / habits.clicks, habits.people)
    asked = rng.poisson(activity)
    person = np.repeat(np.arange(habits.people), asked)
    when = rng.random(len(person))
    chance = taste[person] * np.where(arm[person], 1 + habits.effect, 1)
    clicked = rng.random(len(person)) < chance
    found = []
    for number, until in enumerate(spec.look_times(STARTED), start=1):
        seen = when < (until - STARTED) / spec.duration
        counts = np.bincount(person[seen], minlength=habits.people).astype(float)
        clicks = np.bincount(person[seen], clicked[seen], minlength=habits.people)
        arms = [
            Arm(counts[own], clicks[own])
            for own in ((counts > 0) & arm, (counts > 0) & ~arm)
        ]
        found.append(judge(number, *arms, spec))
    return found
