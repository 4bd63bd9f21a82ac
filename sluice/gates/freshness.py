"""The freshness gate: what the candidate knows is of now, not of last month."""

from datetime import datetime
from typing import ClassVar

from sluice.data.durations import parse_duration
from sluice.features.declaration.spec import PositiveDuration
from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.figures import Row
from sluice.gates.judgement import Judgement
from sluice.gates.outcome import Outcome


class FreshnessGate(Gate):
    """How old what the candidate knows may be when it is judged."""

    name: ClassVar[str] = "freshness"
    question: ClassVar[str] = "Is what it knows of now?"
    position: ClassVar[int] = 80
    laxest_tier: ClassVar = "critical"

    max_age: PositiveDuration = "2d"

    def judge(self, case: Case) -> Judgement:
        return self.decide(newest=case.newest_exposure, clock=case.state_clock, at=case.at)

    def decide(
        self, *, newest: datetime | None, clock: datetime | None, at: datetime
    ) -> Judgement:
        """Judge the age of what was learned from, and of what will be served from.

        Args:
            newest: exposure of the snapshot; None where it has none.
            clock: of the feature state, its newest counted event; None where it counted nothing.
            at: when the candidate is judged.
        """
        moments = {"newest exposure": newest, "feature state": clock}
        ages = {name: at - moment for name, moment in moments.items() if moment is not None}
        evidence = {
            "limits": self.model_dump(mode="json"),
            "at": at.isoformat(),
            "newest": newest.isoformat() if newest else None,
            "clock": clock.isoformat() if clock else None,
            "age_s": {name: age.total_seconds() for name, age in ages.items()},
        }
        limit = parse_duration(self.max_age)
        ages_shown = ", ".join(
            f"the {name} is {_age(age.total_seconds())} old" for name, age in ages.items()
        )
        if stale := [name for name, age in ages.items() if age > limit]:
            reason = f"Stale: {ages_shown}, {self.max_age} is allowed; too old: {', '.join(stale)}."
            return Judgement(self.name, Outcome.FAIL, reason, evidence)
        if absent := [name for name, moment in moments.items() if moment is None]:
            reason = f"Nobody knows how old it is: there is no {', no '.join(absent)}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        if ahead := [name for name, age in ages.items() if age.total_seconds() < 0]:
            reason = (
                f"Clocks disagree: the {', the '.join(ahead)} lies after {at.isoformat()}."
            )
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        reason = f"Fresh: {ages_shown}, {self.max_age} is allowed."
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [
            (f"age of the {name}", f"{seconds / 3600:,.1f} h")
            for name, seconds in evidence.get("age_s", {}).items()
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        limit = evidence["limits"]["max_age"]
        return [
            f"events received within {limit} of the judgement: ingest what was logged since "
            f"{evidence.get('newest') or 'the start'} and run the lifecycle, which makes another version"
        ]


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
