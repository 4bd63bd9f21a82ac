"""The night's training: the product's ranker, fitted on the last days of the world's own log."""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.rankers.families import make_ranker
from sluice.rankers.protocol import Ranker
from sluice.world.draws import starting
from sluice.world.memory import FEATURES
from sluice.world.policy import Policy

_PART = 4
_START = {"topic_rate": 0.5, "item_rate": 0.5, "provider_rate": 0.5, "age_days": -0.1}
"""Weights of the order before anything was learned."""


@dataclass(frozen=True)
class DayLog:
    """What was shown on one day, as a ranker learns from it."""

    features: NDArray[np.float32]
    """[requests, slots, features]; as they were when the request was answered."""
    clicked: NDArray[np.bool_]
    """[requests, slots]."""
    person: NDArray[np.int64]
    """[requests]."""
    time: NDArray[np.float64]
    """[requests]; days."""


@dataclass(frozen=True)
class Learner:
    """The ranker that serves now, and the days it can be trained on."""

    policy: Policy
    seed: int
    ranker: Ranker | None = None
    """None before the first night."""
    days: tuple[DayLog, ...] = field(default=(), repr=False)

    def learned(self, day: DayLog) -> Self:
        """Trained on the last days, this one among them; as it was where nothing can be learned."""
        days = (*self.days, day)[-self.policy.training_days :]
        frame = _frame(days, self.policy.fitted_on)
        rng = starting(self.seed, _PART)
        import sklearn.linear_model  # noqa: F401 - its BLAS must be loaded when threads are limited

        unfitted = make_ranker(self.policy.family, self.policy.parameters)
        try:
            # A second BLAS thread only spins on matrices of this size, and its sums end in other bits.
            with _threads().limit(limits=1, user_api="blas"):
                ranker = unfitted.fit(frame, rng)
        except TooLittleData:
            ranker = self.ranker  # a day without a click: yesterday's ranker serves on
        return replace(self, days=days, ranker=ranker)

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """[rows] of `features` [rows, all features]."""
        if self.ranker is None:
            start = np.zeros(len(features))
            for name, weight in _START.items():
                start += weight * features[:, FEATURES.index(name)].astype(np.float64)
            return start
        return self.ranker.score(_columns(features, self.policy.fitted_on))


@cache
def _threads() -> ThreadpoolController:
    """Looked up once: the libraries are all loaded after the first fit, and finding them takes a while."""
    return ThreadpoolController()


def _columns(features: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
    return np.ascontiguousarray(features[:, [FEATURES.index(name) for name in names]])


def _frame(days: tuple[DayLog, ...], names: tuple[str, ...]) -> RankingFrame:
    features = np.concatenate([day.features for day in days])
    requests, slots, width = features.shape
    flat = features.reshape(-1, width)
    clicked = np.concatenate([day.clicked for day in days])
    return RankingFrame(
        names=names,
        features=_columns(flat, names),
        labels=clicked.ravel().astype(np.float64),
        offsets=np.arange(requests + 1) * slots,
        ts=(np.concatenate([day.time for day in days]) * 86_400e6).astype(np.int64),
        request_ids=np.arange(requests).astype(np.str_),
        users=np.concatenate([day.person for day in days]),
        item_ids=np.full(requests * slots, ""),
        positions=np.tile(np.arange(1, slots + 1, dtype=np.int32), requests),
    )
