"""What a release answered, answered again: with what its state knew then, and with everything.

A process's state took the feed up to a position before each request. The same pushes before the
same requests, in their order, give the same features and scores bit for bit, or it was not this
release, this feed or this code that answered.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, StaleState
from sluice.features.state.feature_state import FeatureState, Request
from sluice.serving.golden import same_bits
from sluice.serving.live_state import take
from sluice.serving.parity_feed import Feed
from sluice.serving.prediction import Prediction
from sluice.serving.scorer import Scorer, matrix_digest

BLOCK = 512
"""Answers whose features are held and scored together."""


@dataclass(frozen=True)
class LoggedAnswer:
    """A prediction with the process that gave it and its number there."""

    process: str
    sequence: int
    prediction: Prediction

    @property
    def name(self) -> str:
        """How a report names it; unlike its request id it says nothing of anybody."""
        return f"{self.process}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that is not computed again, but moved the state on."""

    ts: int
    position: int
    """Newest batch that was pushed before it."""


@dataclass(frozen=True)
class Answered:
    """One answer, computed again."""

    answer: LoggedAnswer
    known: NDArray[np.float32] | None
    """[candidates, features] with what was known then; None where the state refuses the request."""
    identical: bool
    """Features and scores are those that were served, bit for bit."""
    complete: NDArray[np.float32] | None
    """[candidates, features] with everything that was available by then, whenever it came."""
    scores: NDArray[np.float64]
    """[candidates] of `complete`; of `known` before it is completed; empty without."""


class Recomputation:
    """One release in one process, from its own state on; an answer at a time, in their order."""

    def __init__(self, scorer: Scorer, feed: Feed) -> None:
        """Copies the state twice and leaves the scorer as it was.

        Args:
            scorer: of the release, its golden requests repeated, as when it came into service.
            feed: what its state takes, `Feed.since` the end of its snapshot.
        """
        self._ranker = scorer.ranker
        self._known, self._complete = scorer.state.copy(), scorer.state.copy()
        self._feed, self._position = feed, 0
        self.late = 0
        """Events and facts that came after the state had passed their time."""
        # None is late here: all of them come before the first request.
        take(self._complete, feed.whole())

    @property
    def names(self) -> tuple[str, ...]:
        return self._known.names

    def go_past(self, earlier: Iterable[Passed]) -> None:
        """Let the state count what it had counted before the window, request by request."""
        for answered in earlier:
            self._push(answered.position)
            self._known.advance(answered.ts)

    def blocks(
        self, logged: Iterable[LoggedAnswer], times: NDArray[np.int64]
    ) -> Iterator[list[Answered]]:
        """Compute answers again, each once, a block of them at a time as they are ready.

        What is held at a time is a block, and the answers that came before one of an earlier time.

        Args:
            logged: of one process and release, by sequence.
            times: [answers] µs, of the same.
        """
        # Everything may be asked for in the order of time only: up to the least that is to come.
        ahead = np.append(np.minimum.accumulate(times[::-1])[::-1], _LAST)
        answers, waiting, end = iter(logged), list[Answered](), 0
        while block := list(islice(answers, BLOCK)):
            end += len(block)
            waiting.extend(self._as_known(block))
            waiting.sort(key=_time)
            ready = waiting[: bisect_right(waiting, ahead[end], key=_time)]
            del waiting[: len(ready)]
            yield from (
                self._completed(ready[begin : begin + BLOCK])
                for begin in range(0, len(ready), BLOCK)
            )

    def _as_known(self, logged: Sequence[LoggedAnswer]) -> list[Answered]:
        features = [self._then(answered.prediction) for answered in logged]
        scores = self._scores(features)
        return [
            Answered(
                entry, as_known, _identical(entry.prediction, as_known, score), None, score
            )
            for entry, as_known, score in zip(logged, features, scores, strict=True)
        ]

    def _completed(self, answers: Sequence[Answered]) -> list[Answered]:
        features = [
            _features(self._complete, answered.answer.prediction) for answered in answers
        ]
        other = [
            None if complete is None else self._other_rows(answered.known, complete)
            for answered, complete in zip(answers, features, strict=True)
        ]
        # A row that is as it was known then has the score that it had; where a ranker looks at the
        # whole request, a request that is.
        fresh = self._scores([
            None if rows is None or complete is None else complete[rows]
            for rows, complete in zip(other, features, strict=True)
        ])  # fmt: skip
        return [
            replace(answered, complete=complete, scores=_put(answered, rows, scores))
            for answered, complete, rows, scores in zip(
                answers, features, other, fresh, strict=True
            )
        ]

    def _then(self, prediction: Prediction) -> NDArray[np.float32] | None:
        """Features with the batches that the state had taken before the request."""
        self._push(prediction.feed_position)
        return _features(self._known, prediction)

    def _push(self, position: int) -> None:
        if position > self._position:
            pushed = take(self._known, self._feed.between(self._position, position))
            self.late += pushed.late + pushed.late_facts
            self._position = position

    def _scores(
        self, features: Sequence[NDArray[np.float32] | None]
    ) -> list[NDArray[np.float64]]:
        """Scores of each matrix; a ranker gives a request the same scores in whatever company."""
        rows = [matrix for matrix in features if matrix is not None]
        if not rows:
            return [_NONE] * len(features)
        sizes = [0 if matrix is None else len(matrix) for matrix in features]
        offsets = np.cumsum([0, *sizes])
        flat = self._ranker.score(np.concatenate(rows), offsets)
        return np.split(flat, offsets[1:-1])

    def _other_rows(
        self, as_known: NDArray[np.float32] | None, complete: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """[candidates] whether a row is to be scored again, as it is other than it was known."""
        other = _other_rows(as_known, complete)
        return np.full_like(other, other.any()) if self._ranker.setwise else other


_NONE = np.zeros(0)
_LAST = np.iinfo(np.int64).max


def _time(answered: Answered) -> int:
    return answered.answer.prediction.ts


def _other_rows(
    as_known: NDArray[np.float32] | None, complete: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """[candidates] whether a row is other than it was known."""
    if as_known is None:
        return np.ones(len(complete), np.bool_)
    return (as_known.view(np.uint32) != complete.view(np.uint32)).any(axis=1)


def _put(
    answered: Answered, rows: NDArray[np.bool_] | None, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores of what was known with those of other rows in their places."""
    if rows is None:
        return _NONE
    whole = np.zeros(len(rows)) if answered.known is None else answered.scores.copy()
    whole[rows] = scores
    return whole


def _features(state: FeatureState, prediction: Prediction) -> NDArray[np.float32] | None:
    request = Request(
        prediction.user_id, prediction.candidates, prediction.ts, prediction.context
    )
    try:
        return state.features(request)
    except (StaleState, DataError):
        # It was answered then, so this is another state than answered: the answer is not identical.
        return None


def _identical(
    prediction: Prediction,
    features: NDArray[np.float32] | None,
    scores: NDArray[np.float64],
) -> bool:
    return (
        features is not None
        and matrix_digest(features) == prediction.features_digest
        and same_bits(prediction.scores, scores)
    )
