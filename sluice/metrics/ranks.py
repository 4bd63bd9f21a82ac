"""Where the positives of each request stand; every metric is a function of this alone."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError

MAX_GRADE = 30.0
"""Labels are gain grades; over this 2^grade - 1 is no gain but a value in the wrong column."""


@dataclass(frozen=True)
class PositiveRanks:
    """Counts for every positive candidate (label > 0) of every request that has both classes.

    A request with only one class has no entry: it is judged by no metric.
    """

    starts: NDArray[np.int64]
    """[requests + 1]; request r owns positives starts[r] to starts[r + 1]."""
    above: NDArray[np.int64]
    """[positives]; candidates with a higher score."""
    tied: NDArray[np.int64]
    """[positives]; candidates with the same score, itself among them."""
    negatives_above: NDArray[np.int64]
    """[positives]."""
    negatives_tied: NDArray[np.int64]
    """[positives]."""
    grades: NDArray[np.float64]
    """[positives]; the labels."""
    negatives: NDArray[np.int64]
    """[requests]; candidates with label 0."""

    @cached_property
    def positives(self) -> NDArray[np.int64]:
        """[requests]; 0 where the request is not judged."""
        return np.diff(self.starts)

    @cached_property
    def request(self) -> NDArray[np.int64]:
        """[positives]; which request each belongs to, ascending."""
        return np.repeat(np.arange(len(self.starts) - 1), self.positives)

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of `values` [positives] over each request, [requests]; NaN where not judged."""
        positives = self.positives
        totals = np.bincount(self.request, weights=values, minlength=len(positives))
        return np.where(positives > 0, totals, np.nan)

    def share_within(self, cutoff: int) -> NDArray[np.float64]:
        """Chance that each positive is among the first `cutoff`, its ties shuffled, [positives]."""
        return np.clip(cutoff - self.above, 0, self.tied) / self.tied

    def of_first(self, worth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected worth of each first positive's rank, [requests]; NaN where not judged.

        `worth` [ranks] is of the ranks from the top; those below it are worth nothing.
        """
        from sluice.metrics import kernels

        return kernels.expected_worth(self.above, self.tied, self.starts, worth)


def rank_positives(
    scores: NDArray[np.float64], labels: NDArray[np.float64], offsets: NDArray[np.int64]
) -> PositiveRanks:
    """The one pass over all candidates: `scores` and `labels` [rows], `offsets` [requests + 1].

    Raises:
        DataError: a score is NaN, the lengths differ, or a label is no grade in 0..MAX_GRADE.
    """
    from sluice.metrics import kernels

    if scores.shape != labels.shape:
        raise DataError(
            f"{scores.shape} scores for {labels.shape} labels; one a row is needed"
        )
    scores = np.ascontiguousarray(scores, dtype=np.float64)
    labels = np.ascontiguousarray(labels, dtype=np.float64)
    positives, negatives, unscored, outside = kernels.count_classes(
        scores, labels, offsets, MAX_GRADE
    )
    _check(unscored, outside, len(labels))
    judged = (positives > 0) & (negatives > 0)
    starts = np.concatenate([[0], np.cumsum(np.where(judged, positives, 0))])
    counts, grades = kernels.rank_positives(scores, labels, offsets, starts)
    above, tied, negatives_above, negatives_tied = counts.T
    return PositiveRanks(
        starts, above, tied, negatives_above, negatives_tied, grades, negatives
    )


def _check(unscored: int, outside: int, rows: int) -> None:
    if unscored:
        raise DataError(
            f"{unscored} of {rows} scores are NaN; a ranker must score every row"
        )
    if outside:
        raise DataError(f"{outside} of {rows} labels are no grade from 0 to {MAX_GRADE:g}")
