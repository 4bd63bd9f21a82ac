"""How large a model a small log bears: chosen on a split by time inside the fit, never on what is judged.

Trees of the declared size learn a small log by heart. So smaller ones are tried beside it, and the best
single column too, since a model that is worse than one of its own columns is worth nothing. A log of
more requests than the budget bears the declared size and costs no second fit.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.boosting import BoostingParameters
from sluice.rankers.families import make_ranker
from sluice.rankers.search import Judge, Task

SIZES: tuple[Mapping[str, int], ...] = (
    {"trees": 60, "leaves": 4},
    {"trees": 150, "leaves": 8},
    {"trees": 200, "leaves": 15},
)
"""Smallest first; only those within the declared size are tried."""
SIZED = frozenset({"lambdamart", "multitask"})
"""Families whose size is chosen."""
ONE_COLUMN = "popularity"
LEAST_JUDGED = 50
"""Held-out requests; fewer choose by chance."""

_BLOCKS, _LEAST_BLOCKS = 10, 5


class SizingSpec(BaseModel):
    """What a surface declares under `[ranker.sizing]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    requests: int = Field(default=10_000, ge=0)
    """Budget: up to so many requests to fit, sizes are tried, which costs about one fit more; 0: never."""
    held_out: float = Field(default=0.25, gt=0, lt=1, allow_inf_nan=False)
    """Share of the requests to fit, the last ones, that the sizes are judged on."""


@dataclass(frozen=True)
class Sized:
    """What did best on the held-out requests."""

    family: str
    """The declared one, or `popularity` where a column alone was better."""
    parameters: Mapping[str, Any]
    """Complete."""
    value: float
    declared: float
    """Value of the declared size."""


def choose_size(task: Task, spec: SizingSpec) -> Sized | None:
    """The size for this log; None where the declared one stands unquestioned.

    Args:
        task: with the declared parameters, and the requests to fit.
        spec: the budget.
    """
    requests = task.frame.requests
    judged = round(spec.held_out * requests)
    if task.family not in SIZED or requests > spec.requests or judged < LEAST_JUDGED:
        return None
    try:
        return _best(task, spec)
    except TooLittleData:
        # A part without a label chooses nothing; the fit itself says what is lacking.
        return None


def _best(task: Task, spec: SizingSpec) -> Sized:
    held_out = _HeldOut.of(task, spec)
    scored = {
        index: (parameters, held_out.scores(task.family, parameters))
        for index, parameters in enumerate([task.parameters, *_smaller(task)])
    }
    values = {index: held_out.value(scores) for index, (_, scores) in scored.items()}
    first = max(values, key=lambda index: values[index])
    parameters, scores = scored[first]
    # Several objectives cannot be had of one column.
    if task.family == "lambdamart":
        column = {"feature": best_column(held_out.earlier, task.judge)}
        alone = held_out.scores(ONE_COLUMN, column)
        if held_out.clearly_better(alone, scores):
            return Sized(ONE_COLUMN, column, held_out.value(alone), values[0])
    return Sized(task.family, parameters, values[first], values[0])


def _smaller(task: Task) -> list[Mapping[str, Any]]:
    parameters = getattr(make_ranker(task.family, task.parameters), "parameters", None)
    if not isinstance(parameters, BoostingParameters):
        return []
    most = {"trees": parameters.trees, "leaves": parameters.leaves}
    return [
        {**task.parameters, **size}
        for size in SIZES
        if size != most and all(size[name] <= most[name] for name in most)
    ]


def best_column(frame: RankingFrame, judge: Judge) -> str:
    """The column that orders the requests best, higher first."""

    def worth(name: str) -> float:
        # Nothing is drawn: the order is the column's.
        alone = make_ranker(ONE_COLUMN, {"feature": name})
        return judge(alone.fit(frame, np.random.default_rng()).score(frame.features), frame)

    return max(frame.names, key=worth)


@dataclass(frozen=True)
class _HeldOut:
    """The earlier requests to fit, and the later ones to judge on."""

    task: Task
    earlier: RankingFrame
    later: RankingFrame
    bins: Bins

    @classmethod
    def of(cls, task: Task, spec: SizingSpec) -> "_HeldOut":
        requests = task.frame.requests
        cut = requests - round(spec.held_out * requests)
        return cls(task, task.frame.take(0, cut), task.frame.take(cut, requests), Bins())

    def scores(self, family: str, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
        """Of the later rows, by a ranker of the earlier."""
        ranker = make_ranker(family, parameters)
        rng = np.random.default_rng(self.task.seed)
        fitted = ranker.fit(self.earlier, rng, self.bins)
        return fitted.score(self.later.features, self.later.offsets)

    def value(self, scores: NDArray[np.float64]) -> float:
        return self.task.judge(scores, self.later)

    def clearly_better(
        self, ours: NDArray[np.float64], theirs: NDArray[np.float64]
    ) -> bool:
        """Whether by more than two standard errors over blocks of requests: of few, chance has its say."""
        edges = np.linspace(0, self.later.requests, _BLOCKS + 1).astype(int)
        gaps = []
        for first, last in pairwise(edges.tolist()):
            block = self.later.take(first, last)
            rows = slice(int(self.later.offsets[first]), int(self.later.offsets[last]))
            # A block without a label says nothing.
            with suppress(TooLittleData):
                gaps.append(
                    self.task.judge(ours[rows], block)
                    - self.task.judge(theirs[rows], block)
                )
        if len(gaps) < _LEAST_BLOCKS:
            return False
        error = float(np.std(gaps, ddof=1)) / np.sqrt(len(gaps))
        return float(np.mean(gaps)) > 2 * error
