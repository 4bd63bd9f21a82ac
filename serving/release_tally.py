"""Adds up the answers of one release over its processes, a block at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.feature_gaps import FeatureTally
from sluice.metrics.parity_report import NAMED, ReleaseParity, ScoreGap
from sluice.serving.parity_quality import Labels, Quality
from sluice.serving.recomputation import Answered


class ReleaseTally:
    """What becomes a `ReleaseParity`; memory holds no answer but those with a label."""

    def __init__(self, release: str, names: tuple[str, ...], labels: Labels) -> None:
        """Nothing is counted yet.

        Args:
            release: its digest.
            names: of its features.
            labels: of the requests that have any.
        """
        self._release, self._width = release, len(names)
        self._skew, self._delayed = FeatureTally(names), FeatureTally(names)
        self._quality, self._scores = Quality(labels), _Scores()
        self._requests = self._identical = 0
        self._other: list[str] = []
        self.late = 0

    def add(self, block: Sequence[Answered]) -> None:
        """Count answers that were computed again."""
        for row in block:
            self._requests += 1
            self._identical += row.identical
            if not row.identical and len(self._other) < NAMED:
                self._other.append(row.answer.name)
            self._quality.add(row)
            self._scores.add(row)
        _compare(
            self._delayed,
            [
                (row.known, row.complete)
                for row in block
                if row.known is not None and row.complete is not None
            ],
        )
        _compare(
            self._skew,
            [
                (served, row.known)
                for row in block
                if row.known is not None
                and (served := self._served(row, row.known)) is not None
            ],
        )

    def report(self) -> ReleaseParity:
        """What was counted so far."""
        return ReleaseParity(
            release=self._release,
            requests=self._requests,
            identical=self._identical,
            other=tuple(self._other),
            late=self.late,
            sampled=self._skew.requests,
            skew=self._skew.gaps(),
            delayed=self._delayed.gaps(),
            scores=self._scores.gap(),
            quality=self._quality.compared(),
        )

    def _served(
        self, answered: Answered, stored: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """The matrix as it was logged, where it was, and has the shape of this release's."""
        logged = answered.answer.prediction.features
        if logged is None or len(logged) != stored.nbytes:
            return None
        return np.frombuffer(logged, np.float32).reshape(-1, self._width)


class _Scores:
    """Served scores against complete ones."""

    def __init__(self) -> None:
        self._requests = self._changed = self._candidates = 0
        self._sum = self._largest = 0.0

    def add(self, answered: Answered) -> None:
        if answered.complete is None:
            return
        served = np.array(answered.answer.prediction.scores)
        apart = np.abs(served - answered.scores)
        self._requests += 1
        self._changed += bool(apart.any())
        self._candidates += len(apart)
        self._sum += float(apart.sum())
        self._largest = max(self._largest, float(apart.max(initial=0.0)))

    def gap(self) -> ScoreGap | None:
        if not self._requests:
            return None
        mean = self._sum / max(self._candidates, 1)
        return ScoreGap(self._requests, self._changed, mean, self._largest)


def _compare(
    tally: FeatureTally,
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> None:
    if pairs:
        was, should = (np.concatenate(side) for side in zip(*pairs, strict=True))
        offsets = np.cumsum([0, *(len(pair) for pair, _ in pairs)])
        tally.add(was, should, offsets)
