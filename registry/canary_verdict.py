"""What one look at a canary's clicks lets one say, and what becomes of it then.

A canary is looked at many times, and by two metrics: each interval is as wide as Bonferroni asks for
all of them together (Dunn 1961), so that the chance to withdraw a canary that is no worse than its
margin is at most (1 - confidence) / 2 over its whole life. That holds whatever the looks have to do
with each other; the same people come back from look to look, so that their estimates do not grow by
independent steps, which sequential boundaries rest on (Jennison & Turnbull 2000, chapter 11).
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sluice.canary_spec import CanarySpec
from sluice.errors import TooLittleData
from sluice.metrics.arms import Arm, ArmComparison, compare_arms
from sluice.store.records import Outcome

PER_REQUEST, PER_PERSON = "clicks per request", "clicks per person"
_METRICS = 2


class Verdict(StrEnum):
    """Of one look."""

    WORSE = "worse"
    """By more than the margin, in one of the metrics at least."""
    NOT_WORSE = "not_worse"
    """Than the margin, in both."""
    BETTER = "better"
    """In both, and by more than nothing in clicks per request."""
    INCONCLUSIVE = "inconclusive"
    """Too little data, or an interval that straddles the margin: nobody knows."""


class Fate(StrEnum):
    """What becomes of the canary after a look."""

    GOES_ON = "goes_on"
    STAYS = "stays"
    """The looks are over and it is good enough: to promote it is a person's decision."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Look:
    """One look: a verdict, and what it stands on."""

    number: int
    """1 the first."""
    verdict: Verdict
    reason: str
    """A clause with the figures, for a person."""
    comparisons: tuple[ArmComparison, ...]
    """Empty where there was too little data."""
    requests: tuple[int, int]
    """Of the canary, of the champion."""
    people: tuple[int, int]

    def fate(self, spec: CanarySpec) -> Fate:
        """Worse goes at once; at the last look all goes that is not shown to be good enough."""
        good = self.verdict in {Verdict.BETTER, Verdict.NOT_WORSE}
        last = self.number >= spec.looks
        if self.verdict is Verdict.WORSE or (last and not good):
            return Fate.WITHDRAWN
        return Fate.STAYS if last else Fate.GOES_ON

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "verdict": self.verdict.value}


def judge(number: int, canary: Arm, champion: Arm, spec: CanarySpec) -> Look:
    """Judge the clicks of both arms up to the look's time."""
    requests = int(canary.requests.sum()), int(champion.requests.sum())
    people = len(canary.requests), len(champion.requests)
    if lacking := _lacking(requests, people, spec):
        return Look(number, Verdict.INCONCLUSIVE, lacking, (), requests, people)
    confidence = 1 - (1 - spec.confidence) / (spec.looks * _METRICS)
    try:
        comparisons = (
            compare_arms(
                PER_REQUEST, canary.per_request(), champion.per_request(), confidence
            ),
            compare_arms(
                PER_PERSON, canary.per_person(), champion.per_person(), confidence
            ),
        )
    except TooLittleData as error:
        return Look(number, Verdict.INCONCLUSIVE, str(error), (), requests, people)
    verdict = _verdict(comparisons, spec.margin)
    reason = f"{_figures(comparisons)}; {_meaning(verdict, spec.margin)}"
    return Look(number, verdict, reason, comparisons, requests, people)


def outcome_of(verdict: Verdict) -> Outcome:
    """As monitored numbers say it."""
    if verdict is Verdict.WORSE:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if verdict is Verdict.INCONCLUSIVE else Outcome.PASS


def _lacking(
    requests: tuple[int, int], people: tuple[int, int], spec: CanarySpec
) -> str | None:
    for name, required, there in (
        ("requests", spec.min_requests, requests),
        ("people", spec.min_users, people),
    ):
        if min(there) < required:
            return (
                f"{there[0]:,} {name} with the canary and {there[1]:,} without; "
                f"{required:,} each are needed"
            )
    return None


def _verdict(comparisons: tuple[ArmComparison, ...], margin: float) -> Verdict:
    if any(comparison.high < -margin for comparison in comparisons):
        return Verdict.WORSE
    if any(comparison.low <= -margin for comparison in comparisons):
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if comparisons[0].low > 0 else Verdict.NOT_WORSE


def _figures(comparisons: tuple[ArmComparison, ...]) -> str:
    return ", ".join(
        f"{comparison.metric} {comparison.difference:+.1%} ({comparison.low:+.1%} to {comparison.high:+.1%})"
        for comparison in comparisons
    )


def _meaning(verdict: Verdict, margin: float) -> str:
    return {
        Verdict.WORSE: f"worse than the tolerated loss of {margin:.1%}",
        Verdict.NOT_WORSE: f"all above the tolerated loss of {margin:.1%}",
        Verdict.BETTER: "more clicks per request than the champion's",
        Verdict.INCONCLUSIVE: f"which straddles the tolerated loss of {margin:.1%}",
    }[verdict]
