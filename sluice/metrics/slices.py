"""Is anybody worse off? The paired comparison within each slice of the requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.metrics.comparison import (
    RESAMPLES,
    PairedComparison,
    clustered_differences,
    compare_pairs,
)
from sluice.metrics.decision import Decision, Minimum, Verdict, adjusted_for_many, decide
from sluice.metrics.holm import holm
from sluice.metrics.pairing import Paired

Labels = Mapping[str, NDArray[np.str_]]
"""By dimension (`hour`, `device`, ...), the label of each request, [requests]."""


@dataclass(frozen=True)
class SliceRule:
    """What is asked of every slice: no loss beyond a margin, on enough evidence."""

    margin: float = 0.002
    """Relative loss that is tolerated, of the slice's own reference mean."""
    minimum: Minimum = field(default_factory=Minimum)
    expected: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Labels that must be there, by dimension; one without requests is named, not forgotten."""
    resamples: int = RESAMPLES

    @property
    def level(self) -> float:
        """Chance, over all slices together, that one is accused without reason."""
        return (1 - self.minimum.confidence) / 2


@dataclass(frozen=True)
class SliceResult:
    """One slice."""

    name: str
    """`dimension=label`."""
    comparison: PairedComparison | None
    """None where too few users could be judged for any interval."""
    adjusted: float | None
    """Holm-adjusted p-value of "it loses no more than the margin"; None where not tested."""
    decision: Decision


@dataclass(frozen=True)
class SliceReport:
    """Every slice, in order of dimension and label."""

    slices: tuple[SliceResult, ...]

    @property
    def outcome(self) -> Verdict:
        """Fail where one fails, pass where all pass: both claims hold at the rule's level.

        The first by Holm's adjustment; the second needs none, as every slice has to pass by itself
        (intersection-union test, Berger 1982).
        """
        outcomes = {result.decision.outcome for result in self.slices}
        if "fail" in outcomes:
            return "fail"
        return "pass" if outcomes == {"pass"} else "inconclusive"

    @property
    def worst(self) -> SliceResult | None:
        """The one most clearly worse off; None where no slice could be tested.

        Not the lowest difference, which is as a rule that of the smallest slice.
        """
        tested = [result for result in self.slices if result.adjusted is not None]
        return min(tested, key=_clearly_worse, default=None)


def compare_slices(
    paired: Paired, labels: Labels, rule: SliceRule, *, rng: np.random.Generator
) -> SliceReport:
    """Judge non-inferiority in every slice of every dimension.

    A slice fails where its interval lies wholly beyond the margin and its Holm-adjusted p-value
    over all slices with enough evidence says so too. One with too little evidence is inconclusive.

    Raises:
        DataError: a dimension's labels are not one a request.
    """
    chosen = members(labels, rule.expected, paired.requests)
    slice_results = [_compare(name, paired.where(whom), rule, rng) for name, whom in chosen]
    tested = [
        at
        for at, result in enumerate(slice_results)
        if result.decision.threshold is not None
    ]
    chances = [
        _chance(paired.where(chosen[at][1]), slice_results[at].decision) for at in tested
    ]
    adjusted = dict(zip(tested, holm(np.array(chances)).tolist(), strict=True))
    return SliceReport(
        tuple(
            _settle(result, adjusted.get(at), rule.level)
            for at, result in enumerate(slice_results)
        )
    )


def members(
    labels: Labels, expected: Mapping[str, Sequence[str]], size: int
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Every slice with whom it holds, [size]; in order of dimension and label.

    Raises:
        DataError: a dimension's labels are not one for each of `size`.
    """
    slices = []
    for dimension in sorted({*labels, *expected}):
        groups = labels.get(dimension)
        if groups is not None and len(groups) != size:
            raise DataError(
                f"{len(groups)} labels of {dimension} for {size} rows or requests; "
                "one each is needed"
            )
        present = set() if groups is None else set(groups.tolist())
        for label in sorted(present | {*expected.get(dimension, ())}):
            chosen = np.zeros(size, np.bool_) if groups is None else groups == label
            slices.append((f"{dimension}={label}", chosen))
    return slices


def _compare(
    name: str, paired: Paired, rule: SliceRule, rng: np.random.Generator
) -> SliceResult:
    try:
        comparison = compare_pairs(
            paired,
            confidence=rule.minimum.confidence,
            resamples=rule.resamples,
            rng=rng,
        )
    except TooLittleData as error:
        reason = str(error) if paired.requests else "no request is in it"
        return SliceResult(name, None, None, Decision("inconclusive", reason))
    decision = decide(comparison, "non_inferiority", rule.margin, rule.minimum)
    return SliceResult(name, comparison, None, decision)


def _chance(paired: Paired, decision: Decision) -> float:
    """p-value of "no loss beyond the threshold" for a slice that was judged."""
    return clustered_differences(paired.judged()).chance_of_at_least(
        decision.threshold or 0
    )


def _settle(slice_result: SliceResult, adjusted: float | None, level: float) -> SliceResult:
    if adjusted is None:
        return slice_result
    decision = adjusted_for_many(slice_result.decision, adjusted, level)
    return replace(slice_result, adjusted=adjusted, decision=decision)


def _clearly_worse(slice_result: SliceResult) -> tuple[float, float]:
    comparison = slice_result.comparison
    if comparison is None or slice_result.adjusted is None:
        return 1.0, 0.0
    return slice_result.adjusted, comparison.difference / (
        comparison.minimum_detectable or 1
    )
