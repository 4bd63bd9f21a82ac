"""What a reviewer decides on: everything known about one candidate; `sluice.registry.page` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sluice.gates.judgement import Judgement
from sluice.gates.registry import question
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.parity_report import ParityReport
from sluice.registry.words import moment
from sluice.store.records import Outcome


@dataclass(frozen=True)
class Evidence:
    """Everything known about one candidate, as plain values."""

    surface: str
    version: int
    author: str
    trained_at: datetime
    family: str
    snapshot: str
    start: datetime
    """Of the snapshot's window; `end` is not part of it."""
    end: datetime
    counts: Mapping[str, int]
    """E.g. exposures, fitted requests, judged requests."""
    code: str
    spec: str
    model: str
    mandatory: tuple[str, ...]
    """Gates that the surface demands; one without a judgement is still open."""
    judgements: tuple[Judgement, ...]
    metrics: Mapping[str, Mapping[str, float]]
    """Means by `candidate`, `champion` (where there is one) and `baseline`, then by metric."""
    comparisons: Mapping[str, tuple[PairedComparison, ...]]
    """By the reference, `champion` or `baseline`."""
    gains: Mapping[str, float] = field(default_factory=dict[str, float])
    """Training gain by feature; empty for a family without."""
    slices: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The quality comparison within slices of the requests: `metric`, `outcome`, `worst`, `slices`."""
    calibration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """By objective, rows with predicted over observed rates; empty without calibrated objectives."""
    reliability: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """By objective, `predicted` and `observed` rates of bins of equal mass."""
    stakeholders: tuple[Mapping[str, Any], ...] = ()
    """Rows of who gains and who pays: party, meaning, candidate, reference and their difference."""
    churn: Mapping[str, float] = field(default_factory=dict[str, float])
    """How alike candidate and champion order the same requests; empty without a champion."""
    embargo: str | None = None
    """How long after its receipt an event first counts, as the candidate's features assume it; None
    where that is not known."""
    parity: ParityReport | None = None
    """Of the newest window of what was served when the candidate was registered; None without one."""
    waivers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By gate that did not pass, who lets the version on all the same, why and until when."""
    approvers: int = 1
    """Different people who have to approve it."""
    laxer: tuple[str, ...] = ()
    """In what it was judged by laxer rules than the champion; somebody has to approve them by name."""
    release: str | None = None
    """Digest that an approval binds to; None until the candidate is packaged."""

    def judgement(self, gate: str) -> Judgement | None:
        return next(
            (judgement for judgement in self.judgements if judgement.gate == gate), None
        )

    @property
    def reference(self) -> str:
        """Whom it is held against: the champion where there is one."""
        return "champion" if "champion" in self.metrics else "baseline"

    @property
    def outcome(self) -> Outcome:
        """PASS only where every mandatory gate, and every other that judged, said so or is waived."""
        outcomes = {
            judgement.outcome
            for judgement in self.judgements
            if judgement.gate not in self.waivers
        }
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        judged = {judgement.gate for judgement in self.judgements}
        complete = bool(self.mandatory) and judged.issuperset(self.mandatory)
        return (
            Outcome.PASS
            if complete and outcomes == {Outcome.PASS}
            else Outcome.INCONCLUSIVE
        )


def headline(evidence: Evidence) -> str:
    """The verdict in one line, after what it was judged by where that is laxer than before."""
    if not evidence.laxer:
        return _verdict(evidence)
    laxer = "; ".join(evidence.laxer)
    return f"Judged by laxer rules than the champion ({laxer}). {_verdict(evidence)}"


def _verdict(evidence: Evidence) -> str:
    failed, undecided = _gates(evidence, Outcome.FAIL), _undecided(evidence)
    if failed:
        return f"Held: failed at {', '.join(failed)}"
    if undecided:
        return f"Held: {', '.join(undecided)} {'is' if len(undecided) == 1 else 'are'} not settled"
    if not evidence.mandatory:
        return "Held: the surface demands no gate, so nothing was shown"
    if evidence.release is None:
        return f"{_passed(evidence)}; to be packaged"
    return f"{_passed(evidence)}; a reviewer decides"


def _passed(evidence: Evidence) -> str:
    waived = ", ".join(evidence.waivers)
    return f"All gates passed but {waived}, waived" if waived else "All gates passed"


def delay_rows(evidence: Evidence) -> list[tuple[str, float, float]]:
    """Kind of event, median and 95th percentile of its observed delay in seconds."""
    delays = evidence.parity.delays if evidence.parity else ()
    return [(delay.kind, delay.spread.p50_s, delay.spread.p95_s) for delay in delays]


def delay_sentence(evidence: Evidence) -> str:
    """The delay that is assumed, and the one that was observed where something was served."""
    assumed = f"Delay of events: features.embargo assumes {evidence.embargo or 'nobody knows what'}"
    parity = evidence.parity
    if parity is None:
        why = (
            "no parity of the champion was measured yet"
            if evidence.reference == "champion"
            else "nothing was served"
        )
        return f"{assumed}; observed: not measured, for {why}."
    window = f"from {moment(parity.start)} to {moment(parity.end)}"
    slowest = parity.slowest
    if slowest is None:
        return f"{assumed}; observed {window}: not measured, for no event came in live."
    return (
        f"{assumed}; observed {window}, from receipt to state: up to {slowest.spread.p95_s:,.1f} s "
        f"(95th percentile of {slowest.kind}, median {slowest.spread.p50_s:,.1f} s)."
    )


def approve_command(evidence: Evidence) -> str | None:
    """What a reviewer types, or None while there is nothing to approve."""
    if evidence.release is None or evidence.outcome is not Outcome.PASS:
        return None
    return (
        f"sluice review approve {evidence.surface} {evidence.version} "
        f"--reviewer NAME --digest {evidence.release}"
    )


def gate_rows(evidence: Evidence) -> list[dict[str, str]]:
    """Gate, question, verdict and reason; mandatory gates first, an unjudged one as open."""
    extra = [
        judgement.gate
        for judgement in evidence.judgements
        if judgement.gate not in evidence.mandatory
    ]
    return [
        _gate_row(gate, evidence.judgement(gate), evidence.waivers.get(gate))
        for gate in [*evidence.mandatory, *extra]
    ]


def metric_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """A row a metric: the value of each ranker, the comparison with each reference."""
    names = list(
        dict.fromkeys(name for values in evidence.metrics.values() for name in values)
    )
    return [
        {
            "metric": name,
            "values": {who: values.get(name) for who, values in evidence.metrics.items()},
            "against": {
                kind: next((row for row in rows if row.metric == name), None)
                for kind, rows in evidence.comparisons.items()
            },
        }
        for name in names
    ]


def _gate_row(gate: str, judgement: Judgement | None, waiver: str | None) -> dict[str, str]:
    reason = (
        judgement.reason if judgement else "This gate has not judged the candidate yet."
    )
    return {
        "gate": gate,
        "question": question(gate),
        "outcome": str(judgement.outcome) if judgement else "not judged",
        "reason": f"{reason} {waiver}" if waiver else reason,
    }


def _gates(evidence: Evidence, outcome: Outcome) -> list[str]:
    return [
        judgement.gate
        for judgement in evidence.judgements
        if judgement.outcome is outcome and judgement.gate not in evidence.waivers
    ]


def _undecided(evidence: Evidence) -> list[str]:
    unjudged = [gate for gate in evidence.mandatory if evidence.judgement(gate) is None]
    return _gates(evidence, Outcome.INCONCLUSIVE) + unjudged
