"""What is at hand while a candidate is evaluated, for the gates to measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.gates.declared import Declared
from sluice.mechanisms.slates import Slates
from sluice.metrics import Evaluation
from sluice.rankers import Ranker

ReferenceKind = Literal["champion", "baseline"]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """One candidate on the judged requests, beside whom it is held against."""

    gates: Declared
    candidate: Ranker
    fitted: RankingFrame
    judged: RankingFrame
    scores: Mapping[str, Scores]
    """By `candidate`, `baseline` and, where there is one, `champion`, [rows of `judged`]."""
    results: Mapping[str, Evaluation]
    """The metrics of the same, request by request."""
    slates: Callable[[frozenset[str]], Slates]
    """The judged requests with at least these columns of a `Slate`, as a service knows them."""
    refits: Callable[[], Sequence[Scores]]
    """Scores of the judged rows by refits of the candidate's configuration."""

    @property
    def reference(self) -> ReferenceKind:
        """Whom the candidate is held against: the champion where there is one."""
        return "champion" if "champion" in self.scores else "baseline"
