"""The data gate: every suite of checks over the snapshot ran and passed."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case, SuiteOutcome
from sluice.gates.figures import Row
from sluice.gates.judgement import Judgement, count
from sluice.gates.outcome import Outcome


class DataGate(Gate):
    """Checks of the snapshot that the candidate learned from; what they ask is declared with the data."""

    name: ClassVar[str] = "data"
    question: ClassVar[str] = "Was the data it learned from checked, and found good?"
    position: ClassVar[int] = 10
    laxest_tier: ClassVar = "experimental"
    not_plain: ClassVar[frozenset[str]] = frozenset({"suites"})

    def judge(self, case: Case) -> Judgement:
        return self.decide(case.suites, required=case.required_suites)

    def decide(
        self, suites: Sequence[SuiteOutcome], required: Collection[str] = ()
    ) -> Judgement:
        """Judge the validation of the snapshot that the candidate learned from.

        Args:
            suites: what each suite said.
            required: suites without which nothing is known about the data.
        """
        failing = [f"{suite}/{check}" for suite, _, _, names in suites for check in names]
        failed = [suite for suite, outcome, _, _ in suites if outcome is Outcome.FAIL]
        unknown = _unknown(suites, required)
        checks = sum(count(ran) or 0 for _, _, ran, _ in suites)
        if failing or failed:
            outcome = Outcome.FAIL
            reason = f"{_failing(failing, failed)} of {checks} data checks in {len(suites)} suites."
        elif unknown:
            outcome, reason = (
                Outcome.INCONCLUSIVE,
                f"The data is not known to be good: {unknown}.",
            )
        else:
            outcome = Outcome.PASS
            reason = f"All {checks} data checks in {len(suites)} suites passed."
        return Judgement(self.name, outcome, reason, _evidence(suites))

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [
            (
                suite["suite"],
                f"{suite['outcome']}, {suite['checks']} checks, failing: "
                f"{', '.join(suite['failing']) or 'none'}",
            )
            for suite in evidence.get("suites", ())
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        failing = [
            f"{suite['suite']}: mend {', '.join(suite['failing'])} in the log, and take another snapshot"
            for suite in evidence.get("suites", ())
            if suite["failing"]
        ]
        return failing or ["every suite of checks has to run and pass over the snapshot"]


def _failing(failing: list[str], failed: list[str]) -> str:
    if not failing:
        return f"Suite {', '.join(failed)} failed without naming any"
    return f"{len(failing)} failed ({', '.join(failing)})"


def _unknown(suites: Sequence[SuiteOutcome], required: Collection[str]) -> str | None:
    if not suites:
        return "no suite of checks ran"
    absent = sorted(set(required) - {suite for suite, _, _, _ in suites})
    if absent:
        return f"suite {', '.join(absent)} did not run"
    empty = [suite for suite, _, checks, _ in suites if not count(checks)]
    if empty:
        return f"suite {', '.join(empty)} ran no check"
    unsure = [suite for suite, outcome, _, _ in suites if outcome is not Outcome.PASS]
    return f"suite {', '.join(unsure)} was inconclusive" if unsure else None


def _evidence(suites: Sequence[SuiteOutcome]) -> dict[str, object]:
    return {
        "suites": [
            {
                "suite": suite,
                "outcome": str(outcome),
                "checks": count(checks),
                "failing": list(failing),
            }
            for suite, outcome, checks, failing in suites
        ]
    }
