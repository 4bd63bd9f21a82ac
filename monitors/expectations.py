"""Turns checks into Great Expectations and runs them in memory: no project folder, no telemetry."""

import warnings
from collections.abc import Callable
from typing import Any

import polars as pl

from sluice.monitors.suites import Check, Rule, Suite

_SILENT = {
    "raised_exception": False,
    "exception_message": None,
    "exception_traceback": None,
}


def run_suite(suite: Suite, frame: pl.DataFrame) -> Any:
    """Great Expectations' `ExpectationSuiteValidationResult`, without a raw value in it.

    A check that raised counts as failed and carries `meta["raised"]`. What it raised is dropped:
    a message or a traceback may quote a value.
    """
    with warnings.catch_warnings():
        # Great Expectations imports the regex compiler under its old names.
        warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
        return _run(suite, frame)


def _run(suite: Suite, frame: pl.DataFrame) -> Any:
    import great_expectations as gx

    context = _context()
    source = context.data_sources.add_pandas("snapshot")
    whole = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe(
        "whole"
    )
    batch = whole.get_batch({"dataframe": frame.to_pandas()})
    expectations = [expectation(check) for check in suite.checks]
    result = batch.validate(
        gx.ExpectationSuite(name=suite.name, expectations=expectations),
        result_format="BOOLEAN_ONLY",
    )
    for result_ in result.results:
        result_.meta = {
            "raised": not result_.exception_info or result_.exception_info != _SILENT
        }
        result_.exception_info = dict(_SILENT)
    # The library keeps the last context for the whole process, and the context the frame.
    context.data_sources.delete("snapshot")
    return result


def expectation(check: Check) -> Any:
    """The check as an Expectation that carries its name in `meta["check"]`."""
    import great_expectations.expectations as gxe

    name, arguments = _EXPECTATIONS[check.rule]
    return getattr(gxe, name)(**arguments(check), meta={"check": check.name})


def _between(check: Check) -> dict[str, Any]:
    return {"column": check.columns[0], "min_value": check.low, "max_value": check.high}


# Types are missing on purpose: pandas has its own, so they are judged as figures.
_EXPECTATIONS: dict[Rule, tuple[str, Callable[[Check], dict[str, Any]]]] = {
    Rule.ROWS: ("ExpectTableRowCountToBeBetween", lambda check: {"min_value": check.low}),
    Rule.COLUMNS: (
        "ExpectTableColumnsToMatchSet",
        lambda check: {"column_set": list(check.columns), "exact_match": True},
    ),
    Rule.FILLED: (
        "ExpectColumnValuesToNotBeNull",
        lambda check: {"column": check.columns[0], "mostly": 1 - check.tolerated},
    ),
    Rule.BETWEEN: ("ExpectColumnValuesToBeBetween", _between),
    Rule.FIGURE: ("ExpectColumnValuesToBeBetween", _between),
    Rule.MEMBER: (
        "ExpectColumnValuesToBeInSet",
        lambda check: {"column": check.columns[0], "value_set": list(check.members)},
    ),
    Rule.UNIQUE: (
        "ExpectCompoundColumnsToBeUnique",
        lambda check: {"column_list": list(check.columns), "ignore_row_if": "never"},
    ),
    Rule.ORDERED: (
        "ExpectColumnPairValuesAToBeGreaterThanB",
        lambda check: {
            "column_A": check.columns[0],
            "column_B": check.columns[1],
            "or_equal": True,
        },
    ),
}


def _context() -> Any:
    """A context in memory; by default one would make a folder for pages, unasked."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)
