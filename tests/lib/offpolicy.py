"""Worlds of known truth for off-policy evaluation: all that can happen is listed with its chance."""

import itertools
from dataclasses import dataclass

import numpy as np

from sluice.metrics.offpolicy import (
    LoggedDecisions,
    LoggedSlates,
    Predicted,
    SlotProbability,
)

SLOTS = 3


@dataclass(frozen=True)
class DecisionWorld:
    """Contexts drawn alike, an action each; all arrays [contexts, actions]."""

    logging: np.ndarray
    target: np.ndarray
    reward: np.ndarray
    """Chance of a reward of 1."""
    predicted: np.ndarray
    """A model of the reward, wrong on purpose."""

    @property
    def truth(self) -> float:
        return float((self.target * self.reward).sum(axis=1).mean())

    @property
    def everything(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Contexts and actions of every pair, and the chance that the log holds it."""
        context, action = np.indices(self.logging.shape).reshape(2, -1)
        return context, action, self.logging.ravel() / len(self.logging)

    def decisions(self, context, action, rewards) -> tuple[LoggedDecisions, Predicted]:
        log = LoggedDecisions(
            rewards=np.asarray(rewards, np.float64),
            propensities=self.logging[context, action],
            targets=self.target[context, action],
            users=np.arange(len(context)),
        )
        expected = (self.target * self.predicted).sum(axis=1)
        return log, Predicted(self.predicted[context, action], expected[context])

    def draw(self, rng, size: int) -> tuple[LoggedDecisions, Predicted]:
        context, action, chance = self.everything
        cell = rng.choice(len(chance), size=size, p=chance)
        context, action = context[cell], action[cell]
        return self.decisions(
            context, action, rng.random(size) < self.reward[context, action]
        )


def decision_world(rng, *, sharp=0.7, rate=0.1, contexts=4, actions=6) -> DecisionWorld:
    """Softmax policies that differ in taste; the sharper, the heavier the weights."""
    shape = contexts, actions
    logging, target = (_softmax(sharp * rng.normal(size=shape)) for _ in range(2))
    reward = np.clip(rate * np.exp(0.5 * rng.normal(size=shape)), 0, 1)
    return DecisionWorld(logging, target, reward, reward.mean() * rng.random(shape) * 2)


@dataclass(frozen=True)
class SlateWorld:
    """Every slate of three different items; all arrays [slates, slots] unless said otherwise."""

    slates: np.ndarray
    logging: np.ndarray
    """Of the item, given those above it."""
    target: np.ndarray
    reward: np.ndarray
    predicted: np.ndarray
    expected: np.ndarray

    @property
    def chance(self) -> np.ndarray:
        """That the log holds the slate, [slates]."""
        return self.logging.prod(axis=1)

    @property
    def truth(self) -> float:
        return float(self.target.prod(axis=1) @ self.reward.sum(axis=1))

    def marginal(self, policy: np.ndarray) -> np.ndarray:
        """Chance of each item at its slot, whatever stands elsewhere."""
        chance = policy.prod(axis=1)
        same = self.slates[:, None, :] == self.slates[None, :, :]
        return np.einsum("sjk,j->sk", same, chance)

    def log(self, slates, rewards, given) -> tuple[LoggedSlates, Predicted]:
        logging, target = self.logging, self.target
        if given is SlotProbability.MARGINAL:
            logging, target = self.marginal(logging), self.marginal(target)
        log = LoggedSlates(
            rewards=np.asarray(rewards, np.float64).ravel(),
            propensities=np.minimum(logging[slates].ravel(), 1.0),
            targets=np.minimum(target[slates].ravel(), 1.0),
            given=given,
            offsets=np.arange(0, SLOTS * len(slates) + 1, SLOTS),
            users=np.arange(len(slates)),
        )
        return log, Predicted(self.predicted[slates].ravel(), self.expected[slates].ravel())

    def draw(self, rng, size: int, given) -> tuple[LoggedSlates, Predicted]:
        slates = rng.choice(len(self.slates), size=size, p=self.chance / self.chance.sum())
        rewards = rng.random((size, SLOTS)) < self.reward[slates]
        return self.log(slates, rewards, given)


def slate_world(rng, *, sharp=0.5, rate=0.1, items=5, interaction=0.0) -> SlateWorld:
    """Plackett-Luce policies; with `interaction`, an item is rewarded by what stands above it."""
    slates = np.array(list(itertools.permutations(range(items), SLOTS)))
    logging, target = np.exp(sharp * rng.normal(size=(2, items)))
    base = rate * np.exp(0.5 * rng.normal(size=(SLOTS, items)))
    pull = np.exp(interaction * rng.normal(size=(items, items)))
    reward = base[np.arange(SLOTS), slates]
    if interaction:
        reward[:, 1:] *= pull[slates[:, :-1], slates[:, 1:]]
    guess = rate * 2 * rng.random((SLOTS, items))
    return SlateWorld(
        slates=slates,
        logging=_plackett_luce(logging, slates),
        target=_plackett_luce(target, slates),
        reward=np.clip(reward, 0, 1),
        predicted=guess[np.arange(SLOTS), slates],
        expected=_expected(target, guess, slates),
    )


def _plackett_luce(strength, slates) -> np.ndarray:
    """Chance of each item among those not above it, [slates, slots]."""
    chosen = strength[slates]
    above = np.cumsum(chosen, axis=1) - chosen
    return chosen / (strength.sum() - above)


def _expected(strength, guess, slates) -> np.ndarray:
    """Mean guess over what the policy would put at each slot, given the items above."""
    expected = np.empty(slates.shape)
    for row, slate in enumerate(slates):
        for slot in range(SLOTS):
            left = [item for item in range(len(strength)) if item not in slate[:slot]]
            expected[row, slot] = strength[left] @ guess[slot, left] / strength[left].sum()
    return expected


def _softmax(scores) -> np.ndarray:
    weights = np.exp(scores)
    return weights / weights.sum(axis=1, keepdims=True)
