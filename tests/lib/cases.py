"""A candidate before the gates, in memory: the twin of `sluice.flows.candidate_case`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sluice.gates.case import SuiteOutcome
from sluice.gates.replay import ReplayFigures
from sluice.gates.revised import Revised
from sluice.gates.sent_context import ServedContext
from sluice.gates.spec import GateSpec
from sluice.metrics.parity_report import ParityReport
from tests.lib.stores import T0


@dataclass(frozen=True)
class MemoryCase:
    """A `sluice.gates.case.Case` of plain values, of which nothing is known unless it is said."""

    gates: GateSpec = field(default_factory=GateSpec)
    family: str = "lambdamart"
    at: datetime = T0
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    suites: tuple[SuiteOutcome, ...] = ()
    required_suites: tuple[str, ...] = ()
    newest_exposure: datetime | None = None
    state_clock: datetime | None = None
    revised: Revised | None = None
    sent_context: tuple[str, ...] = ()
    served_context: ServedContext | None = None
    embargo: str = "0s"
    champion: str | None = None
    baseline_serves: bool = False
    parity: ParityReport | None = None
    replayed: ReplayFigures | None = None


def a_case(**known: Any) -> MemoryCase:
    return MemoryCase(**known)
