"""The compiled form of a feature declaration: column names and the program that the kernel runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.features.declaration.columns import Columns, Operand, declared_columns
from sluice.features.declaration.layout import (
    ABSENT,
    DECAY_SPAN,
    SINCE_SPAN,
    Rows,
    Tally,
    lay_out,
)
from sluice.features.declaration.program import (
    CODE,
    COLUMN,
    COUNT,
    DECAYED,
    ELAPSED,
    RATE,
    READ_TABLE,
    WIDTH,
    Program,
)
from sluice.features.declaration.spec import ALL, CLICK, FeatureSpec


@dataclass(frozen=True)
class Plan:
    """A surface's features in column order."""

    names: tuple[str, ...]
    rows: Rows
    program: Program
    context: tuple[str, ...]
    context_column: int
    """Column of the first context feature."""
    steps: int
    """Columns of the features and of the steps on the way to them."""

    @property
    def longest_window(self) -> int:
        """µs for which a counted event must be kept, to leave its longest window."""
        return int(self.rows.windows.max()) if len(self.rows.windows) else 0


def compile_plan(spec: FeatureSpec, context: tuple[str, ...] = ()) -> Plan:
    """Number the columns of a declaration and write the kernel's program.

    Args:
        spec: the surface's declaration.
        context: names of the log's context columns, passed through where the spec says so.

    Raises:
        ConfigError: `relative_of` or `ratios` names a feature that is not declared.
    """
    passed = context if spec.context else ()
    columns, first_context = declared_columns(spec, passed)
    places = columns.places()
    rows = lay_out(
        columns.tallies, keep_last=spec.horizon is not None,
        keep_noted=spec.item_horizon is not None,
    )  # fmt: skip
    names = tuple(columns.names)
    program = _program(spec, columns, places, rows)
    steps = len(names) + len(places) - len(columns.of_tally)
    return Plan(names, rows, program, passed, first_context, steps)


def _program(
    spec: FeatureSpec, columns: Columns, places: Mapping[Tally, int], rows: Rows
) -> Program:
    return Program(
        embargo=microseconds(spec.embargo),
        horizon=microseconds(spec.horizon) if spec.horizon else 0,
        item_horizon=microseconds(spec.item_horizon) if spec.item_horizon else 0,
        prior_weight=float(spec.prior_weight),
        transitions=spec.transitions,
        similarity=spec.similarity,
        alike=spec.alike.dimensions if spec.alike else 0,
        last_clicks=spec.alike.last_clicks if spec.alike else 0,
        windows=rows.windows,
        half_lives=rows.half_lives,
        halves=rows.halves,
        endless=rows.endless,
        updates=rows.updates,
        updates_first=rows.updates_first,
        expiries=rows.expiries,
        expiries_first=rows.expiries_first,
        marked=rows.marked,
        surface=rows.table("surface"),
        previous_item=rows.table("previous_item"),
        totals=_totals(rows),
        followed=rows.offsets.get(Tally("previous_item", CLICK, ALL), ABSENT),
        reads=_table([*_resolved(columns.reads, places, rows), *_reads(places, rows)]),
        derived=_table(_resolved(columns.derived, places, rows)),
        columns=len(columns.names),
    )


def _totals(rows: Rows) -> NDArray[np.int64]:
    cells = [rows.offsets.get(Tally("surface", kind, ALL), ABSENT) for kind in rows.kinds]
    return np.array(cells, np.int64)


def _reads(places: Mapping[Tally, int], rows: Rows) -> list[tuple[int, ...]]:
    return _merged(_read(tally, column, rows) for tally, column in places.items())


def _table(operations: list[tuple[int, ...]]) -> NDArray[np.int64]:
    table = np.zeros((len(operations), WIDTH), np.int64)
    for number, operation in enumerate(operations):
        table[number, : len(operation)] = operation
    return table


def _read(tally: Tally, column: int, rows: Rows) -> tuple[int, ...]:
    table, offset = rows.table(tally.key), rows.offsets[tally]
    if tally.span == SINCE_SPAN:
        return ELAPSED, column, table, offset
    if tally.span.startswith(DECAY_SPAN):
        half_life = microseconds(tally.span.removeprefix(DECAY_SPAN))
        return (
            DECAYED,
            column,
            table,
            offset,
            int(rows.half_lives.tolist().index(half_life)),
        )
    return COUNT, column, table, offset, 1


def _merged(reads: Iterator[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Neighbouring counts of a row into neighbouring columns are one operation."""
    merged: list[tuple[int, ...]] = []
    for read in sorted(reads, key=lambda read: read[COLUMN]):
        if merged and _continues(merged[-1], read):
            code, begin, table, cell, run = merged[-1]
            merged[-1] = (code, begin, table, cell, run + 1)
        else:
            merged.append(read)
    return merged


def _continues(before: tuple[int, ...], read: tuple[int, ...]) -> bool:
    if before[CODE] != COUNT or read[CODE] != COUNT:
        return False
    _, begin, table, cell, run = before
    _, column, _, offset, _ = read
    return table == read[READ_TABLE] and (column, offset) == (begin + run, cell + run)


def _resolved(
    operations: list[tuple[Operand, ...]], places: Mapping[Tally, int], rows: Rows
) -> list[tuple[int, ...]]:
    return [_numbers(operation, places, rows) for operation in operations]


def _numbers(
    operation: tuple[Operand, ...], places: Mapping[Tally, int], rows: Rows
) -> tuple[int, ...]:
    """The operation with the columns of its tallies, and of a rate the kind of event."""
    numbers = tuple(
        places[operand] if isinstance(operand, Tally) else operand for operand in operation
    )
    if numbers[CODE] != RATE:
        return numbers
    event = next(operand.event for operand in operation if isinstance(operand, Tally))
    return (*numbers, rows.kinds.index(event))
