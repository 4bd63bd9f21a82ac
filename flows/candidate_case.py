"""A candidate before the gates, read from the installation when a gate asks for it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from sluice.data.snapshot import open_snapshot
from sluice.features.engine.counters import NEVER
from sluice.features.state.feature_state import FeatureState
from sluice.flows.candidates import candidate_folder
from sluice.flows.memory import document
from sluice.flows.parity_memory import latest_parity
from sluice.flows.reread import reread
from sluice.flows.served_context import served_context
from sluice.flows.validate import check
from sluice.flows.workplace import Workplace, now
from sluice.gates.case import SuiteOutcome
from sluice.gates.replay import ReplayFigures
from sluice.gates.revised import Revised
from sluice.gates.sent_context import ServedContext
from sluice.gates.spec import GateSpec
from sluice.metrics.parity_report import ParityReport
from sluice.monitors.suites import SUITES
from sluice.registry.baseline import served_as_baseline
from sluice.store.records import Champion, Version


@dataclass
class CandidateCase:
    """A `sluice.gates.case.Case` of one version; nothing is read twice, nor before it is asked for."""

    workplace: Workplace
    version: Version
    leakage: str = ""
    """Digest of its mutation audit."""
    evaluated: str = ""
    """Digest of its evaluation."""
    replay: Callable[[], ReplayFigures] | None = None
    """Asks the packaged release; None before it is packaged."""
    at: datetime = field(default_factory=now)

    @property
    def gates(self) -> GateSpec:
        return self.workplace.surface.gates

    @property
    def family(self) -> str:
        return self.version.family

    @property
    def evaluation(self) -> dict[str, Any]:
        return self._evaluation

    @property
    def audit(self) -> dict[str, Any]:
        return self._audit

    @cached_property
    def _evaluation(self) -> dict[str, Any]:
        return document(self.workplace, self.evaluated)

    @cached_property
    def _audit(self) -> dict[str, Any]:
        return document(self.workplace, self.leakage)

    @property
    def suites(self) -> list[SuiteOutcome]:
        # A snapshot that a monitor took was never checked; one that was is not checked again.
        snapshot = open_snapshot(self.workplace.settings.snapshots, self.version.snapshot)
        return [
            (suite.suite, suite.outcome, suite.checks, suite.failing)
            for suite in check(self.workplace, snapshot)
        ]

    @property
    def required_suites(self) -> Collection[str]:
        return SUITES

    @property
    def newest_exposure(self) -> datetime | None:
        snapshot = open_snapshot(self.workplace.settings.snapshots, self.version.snapshot)
        newest = pl.col("ts").dt.timestamp("us").max()
        micros = snapshot.read().exposures.select(newest).item()
        return None if micros is None else _moment(micros)

    @property
    def state_clock(self) -> datetime | None:
        folder = candidate_folder(self.workplace.settings.models, self.version.model)
        clock = FeatureState.load(folder / "state").clock
        return None if clock == NEVER else _moment(clock)

    @property
    def revised(self) -> Revised | None:
        return reread(self.workplace, self.version.snapshot)

    @property
    def sent_context(self) -> tuple[str, ...]:
        return self.workplace.surface.serving.context

    @property
    def served_context(self) -> ServedContext | None:
        return served_context(self.workplace)

    @property
    def embargo(self) -> str:
        return self.workplace.surface.features.embargo

    @property
    def champion(self) -> str | None:
        champion = self.workplace.store.get(Champion, surface=self.workplace.name)
        return champion and champion.release

    @property
    def baseline_serves(self) -> bool:
        champion = self.evaluation["champion"]
        if not champion:
            return False
        store, name = self.workplace.store, self.workplace.name
        return served_as_baseline(store, name, champion["version"]) is not None

    @property
    def parity(self) -> ParityReport | None:
        measured = latest_parity(self.workplace)
        return measured and measured.report

    @property
    def replayed(self) -> ReplayFigures | None:
        return self.replay() if self.replay else None


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
