"""Judges a snapshot with Great Expectations; a report holds names, counts and shares, never a value.

Tables of up to `NATIVE_ROWS` rows are judged row by row in pandas. Above that the share of broken
rows is computed in Polars and Great Expectations judges the share: the same verdicts, as a
test holds, at a third of the time.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from sluice.data.schema import TABLES
from sluice.data.tables import LogTables
from sluice.monitors.days import day_figures
from sluice.monitors.docs import write_index, write_page
from sluice.monitors.expectations import run_suite
from sluice.monitors.figures import comparable, figure, log_figures, log_shape, table_shape
from sluice.monitors.suites import Check, Rule, Suite, log_suite, table_suite
from sluice.store.records import Outcome
from sluice.surface import DataSpec

NATIVE_ROWS = 2_000_000
"""Great Expectations takes 0.2 s a check and million rows in pandas, and a copy of the table."""


@dataclass(frozen=True)
class SuiteReport:
    """The verdict of one suite over one snapshot."""

    suite: str
    outcome: Outcome
    checks: int
    failing: tuple[str, ...]
    """Names of the failing checks."""
    results: dict[str, Any]
    """JSON: rows, figures, and for every check pass, fail or error."""


def validate(
    tables: LogTables, data: DataSpec, *, docs: Path | None, native_rows: int = NATIVE_ROWS
) -> tuple[SuiteReport, ...]:
    """Judge the three tables and what holds across them.

    Args:
        tables: the snapshot's tables.
        data: the surface's floors and null rates.
        docs: folder for the static pages; none are written where it is None.
        native_rows: tables with more rows than this are judged by figures.
    """
    reports = [
        _judge_table(name, getattr(tables, name), data, native_rows, docs)
        for name in TABLES
    ]
    shape = log_shape(tables)
    days = day_figures(tables, data.label) if shape.sound and shape.requests else {}
    shape = replace(shape, days=frozenset(days))
    figures = log_figures(tables, data.label, shape) | days
    reports.append(_judge(log_suite(data, shape), _one_row(figures), figures, docs))
    if docs is not None:
        write_index(docs, {report.suite: report.outcome for report in reports})
    return tuple(reports)


def outcome_of(failing: tuple[Check, ...]) -> Outcome:
    """Bad data fails; too little of it to say is inconclusive; neither passes."""
    if not failing:
        return Outcome.PASS
    if all(check.quantity for check in failing):
        return Outcome.INCONCLUSIVE
    return Outcome.FAIL


def _judge_table(
    name: str, frame: pl.DataFrame, data: DataSpec, native_rows: int, docs: Path | None
) -> SuiteReport:
    shape = table_shape(name, frame)
    suite, values = table_suite(name, data, shape), comparable(frame)
    if shape.sound and frame.height <= native_rows:
        return _judge(suite, values, {"rows": frame.height}, docs)
    figures = {check.name: figure(check, values) for check in suite.checks}
    return _judge(_over_figures(suite), _one_row(figures), figures, docs)


def _over_figures(suite: Suite) -> Suite:
    """The suite with every check asked of its `figure`."""
    return Suite(suite.name, tuple(_over_figure(check) for check in suite.checks))


def _over_figure(check: Check) -> Check:
    low, high = (check.low, None) if check.rule is Rule.ROWS else (None, check.tolerated)
    return replace(check, rule=Rule.FIGURE, columns=(check.name,), low=low, high=high)


def _one_row(figures: dict[str, float]) -> pl.DataFrame:
    return pl.DataFrame({name: [float(value)] for name, value in figures.items()})


def _judge(
    suite: Suite, frame: pl.DataFrame, figures: dict[str, float], docs: Path | None
) -> SuiteReport:
    result = run_suite(suite, frame)
    observed = {
        str(expectation.expectation_config.meta["check"]): _verdict(expectation)
        for expectation in result.results
    }
    failing = tuple(check for check in suite.checks if observed[check.name] != "pass")
    outcome = outcome_of(failing)
    if docs is not None:
        write_page(docs, suite.name, outcome, result)
    return SuiteReport(
        suite=suite.name,
        outcome=outcome,
        checks=len(suite.checks),
        failing=tuple(check.name for check in failing),
        results={
            "suite": suite.name,
            "figures": figures,
            "checks": dict(sorted(observed.items())),
        },
    )


def _verdict(result: Any) -> str:
    if result.success:
        return "pass"
    return "error" if result.meta.get("raised") else "fail"
