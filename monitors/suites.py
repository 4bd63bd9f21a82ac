"""What every snapshot must satisfy, declared as plain data; nothing here imports a validator.

A rule about values is satisfied by an empty table and by a column of nulls, so every suite has a row
floor, the column set and null-rate floors before any such rule. No check names a value of the log,
so that no report can leak one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from sluice.data.schema import CONTEXT_PREFIX, TABLES, FeedbackKind
from sluice.surface import DataSpec

LOG = "log"
"""Name of the suite across the tables."""
SUITES = (*TABLES, LOG)
"""Names of all suites; a snapshot that lacks the verdict of one is not known to be good."""
CODE = Path(__file__).parent
"""What judges a snapshot: another check is another verdict."""

GRADED = frozenset({FeedbackKind.DWELL, FeedbackKind.RATING, FeedbackKind.RELEVANCE})
"""Kinds whose value matters, so that a label on every shown item is no fault."""

LATE_LABELS = 0.01
"""Share of feedback that may answer a request from before the window, where the log goes on before it."""
UNKNOWN_ITEMS = 0.01
"""Share of shown rows whose item may lack facts: one item published a moment ago holds nothing."""
LABELLED_REQUESTS = 0.001
"""Least share of requests with a label; the lowest click rates of public logs lie above it."""
LABELLED_ROWS = 0.9
"""Greatest share of shown rows with a plain label; above it, nearly everything is a positive."""
DAY_CHANGES: dict[str, tuple[float | None, float | None]] = {
    "days.volume": (0.4, 2.5),
    "days.label_rate": (0.5, 2.0),
    "days.null_shift": (None, 0.2),
    "days.category_shift": (None, 0.1),
    "days.provider_id_shift": (None, 0.1),
}
"""What one day may differ by from the days before it; see `sluice.monitors.days`."""
SILENT = 0.3
"""Share of the last day's requests that may have come after the last label: above it labels are late."""
COVERED_DAYS = 0.9
"""Least share of days, first to last, with a request: one missing day in a week fails."""

# Seconds or milliseconds read as microseconds land in 1970, the reverse far after 2100.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
GREATEST = 1e30
"""No finite figure of a log comes near; infinities lie above."""


class Rule(StrEnum):
    """Kinds of check; `sluice.monitors.validation` and `sluice.monitors.figures` each know how to judge one."""

    ROWS = "rows"
    """At least `low` rows."""
    COLUMNS = "columns"
    """Exactly `columns`, in any order."""
    TYPED = "typed"
    """The column as the schema declares it."""
    FILLED = "filled"
    """No null (nor NaN) in the column, but for a `tolerated` share of rows."""
    BETWEEN = "between"
    """Values from `low` to `high`, both included; nulls do not count."""
    MEMBER = "member"
    """Values among `members`; nulls do not count."""
    UNIQUE = "unique"
    """No two rows alike in `columns`."""
    ORDERED = "ordered"
    """The first column at or after the second."""
    FIGURE = "figure"
    """A figure computed over whole tables, from `low` to `high`."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    name: str
    rule: Rule
    columns: tuple[str, ...] = ()
    low: float | datetime | None = None
    high: float | datetime | None = None
    members: tuple[str, ...] = ()
    tolerated: float = 0.0
    """Share of rows that may break it."""
    quantity: bool = False
    """Whether breaking it means 'too little data to say' rather than 'bad data'."""


@dataclass(frozen=True)
class Suite:
    """The checks of one table, or across the tables."""

    name: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Shape:
    """What must be known of a table before its suite can be named."""

    columns: tuple[str, ...]
    filled: frozenset[str]
    """Columns with at least one value. A column that is null throughout says 'unknown', legally."""
    misfits: tuple[str, ...]
    """Columns that are missing, undeclared or of another type; with one, nothing more is judged."""

    @property
    def sound(self) -> bool:
        return not self.misfits


@dataclass(frozen=True)
class LogShape:
    """What must be known of the three tables before the suite across them can be named."""

    sound: bool
    requests: int
    items: int
    starts_inside: bool
    """Whether the log begins within the window, so that no request lies before it."""
    days: frozenset[str] = frozenset()
    """Figures of `sluice.monitors.days` that can be told; none of a log of a few days."""


def table_suite(table: str, data: DataSpec, shape: Shape) -> Suite:
    """Row floor and column set always; null rates and row rules where the table has its columns."""
    floor = data.min_requests if table == "exposures" else 1
    schema = TABLES[table]
    context = tuple(name for name in shape.columns if name.startswith(CONTEXT_PREFIX))
    extra = context if table == "exposures" else ()
    checks = [
        Check("rows", Rule.ROWS, low=floor, quantity=True),
        Check("columns", Rule.COLUMNS, (*schema.names, *extra)),
    ]
    if shape.sound:
        checks += [*_null_rates(schema, data, shape.filled), *_ROW_RULES[table]]
        checks += [_between(name, -GREATEST, GREATEST) for name in extra]
    checks += [Check(f"type[{name}]", Rule.TYPED, (name,)) for name in shape.misfits]
    return Suite(table, tuple(checks))


def log_suite(data: DataSpec, shape: LogShape) -> Suite:
    """Types of every table always; joins, labels and coverage where there are rows to judge."""
    checks = [_figure(f"{table}.misfit_columns", high=0) for table in TABLES]
    if shape.sound:
        checks.append(_figure("requests", low=data.min_requests, quantity=True))
    if shape.sound and shape.requests:
        checks += _joins(shape)
        checks += _labels(data.label)
        checks.append(_figure("covered_days", low=COVERED_DAYS))
        checks += _days(shape)
    return Suite(LOG, tuple(checks))


def _null_rates(
    schema: pa.Schema, data: DataSpec, filled: frozenset[str]
) -> Iterator[Check]:
    for column in schema:
        # A null request_id is a fact of its own: feedback that answers no logged request.
        free = column.nullable and (
            column.name not in filled or column.name == "request_id"
        )
        if not free:
            tolerated = data.max_null_rate if column.nullable else 0.0
            yield Check(
                f"null_rate[{column.name}]",
                Rule.FILLED,
                (column.name,),
                tolerated=tolerated,
            )


def _between(column: str, low: float | datetime | None, high: float | datetime) -> Check:
    return Check(f"range[{column}]", Rule.BETWEEN, (column,), low=low, high=high)


def _unique(*columns: str) -> Check:
    return Check(f"unique[{', '.join(columns)}]", Rule.UNIQUE, columns)


def _figure(
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    quantity: bool = False,
) -> Check:
    return Check(name, Rule.FIGURE, (name,), low=low, high=high, quantity=quantity)


_ROW_RULES: dict[str, tuple[Check, ...]] = {
    "exposures": (
        _unique("request_id", "item_id"),
        _between("ts", EARLIEST, LATEST),
        _between("position", 1, GREATEST),
        _between("propensity", 1e-12, 1),
        _between("score", -GREATEST, GREATEST),
    ),
    "feedback": (
        Check("kind", Rule.MEMBER, ("kind",), members=tuple(FeedbackKind)),
        _between("value", 0, GREATEST),
        _between("ts", EARLIEST, LATEST),
        Check("received_not_before_ts", Rule.ORDERED, ("received_ts", "ts")),
    ),
    "items": (
        _unique("item_id", "valid_from"),
        _between("quality", 0, 1),
        # Films of 1922 are items too: only the future is impossible.
        _between("published_at", None, LATEST),
        _between("valid_from", None, LATEST),
    ),
}


def _joins(shape: LogShape) -> Iterator[Check]:
    yield _figure("orphan_feedback", high=0 if shape.starts_inside else LATE_LABELS)
    yield _figure("feedback_before_exposure", high=0)
    yield _figure("feedback_by_another_user", high=0)
    if shape.items:
        yield _figure("shown_items_without_facts", high=UNKNOWN_ITEMS)


def _days(shape: LogShape) -> Iterator[Check]:
    for name, (low, high) in DAY_CHANGES.items():
        if name in shape.days:
            yield _figure(name, low=low, high=high)
    if "days.silent_share" in shape.days:
        # They may still come: too little is known, nothing is known to be wrong.
        yield _figure("days.silent_share", high=SILENT, quantity=True)


def _labels(label: FeedbackKind) -> Iterator[Check]:
    yield _figure("labelled_requests", low=LABELLED_REQUESTS)
    yield _figure("label_grades", low=2)
    if label not in GRADED:
        yield _figure("labelled_rows", high=LABELLED_ROWS)
