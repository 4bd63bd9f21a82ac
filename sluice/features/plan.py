"""The compiled form of a feature declaration: column names and the program that the kernel runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.errors import ConfigError
from sluice.features.program import (
    AGE,
    CONTEXT,
    COUNT,
    DECAYED,
    ELAPSED,
    FIRST_DERIVED,
    RATE,
    RATIO,
    RELATE,
    SIMILARITY,
    SIZE,
    TASTE,
    TRANSITION,
    WIDTH,
    Program,
)
from sluice.features.rows import (
    ABSENT,
    DECAY_SPAN,
    SINCE_SPAN,
    Rows,
    Tally,
    lay_out,
)
from sluice.features.spec import ALL, CLICK, EXPOSURE, CounterSpec, FeatureSpec

FORMS = ("rank", "share", "difference", "z")


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


class _Features:
    """Columns in the order in which they are added, and the operations that fill them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.columns: dict[Tally, int] = {}
        self.hidden: list[Tally] = []
        self.tallies: list[Tally] = []
        self.operations: list[tuple[int, ...]] = []
        self.derived: list[tuple[int, ...]] = []

    def add(self, name: str, *operation: int) -> int:
        """A column filled by `operation(code, operands...)`, the column number put between."""
        column = self.claim(name)
        code, *operands = operation
        into = self.derived if code >= FIRST_DERIVED else self.operations
        into.append((code, column, *operands))
        return column

    def claim(self, name: str) -> int:
        self.names.append(name)
        return len(self.names) - 1

    def count(self, tally: Tally, name: str = "") -> None:
        """A column that reads one tally."""
        self.columns[tally] = self.claim(name or ".".join(tally))
        self.tallies.append(tally)

    def step(self, tally: Tally) -> int:
        """Column of a tally that another feature needs; below -1 where it is no feature itself."""
        self.tallies.append(tally)
        if tally in self.columns:
            return self.columns[tally]
        if tally not in self.hidden:
            self.hidden.append(tally)
        return -2 - self.hidden.index(tally)


def compile_plan(spec: FeatureSpec, context: tuple[str, ...] = ()) -> Plan:
    """Number the columns of a declaration and write the kernel's program.

    Args:
        spec: the surface's declaration.
        context: names of the log's context columns, passed through where the spec says so.

    Raises:
        ConfigError: `relative_of` or `ratios` names a feature that is not declared.
    """
    features = _Features()
    features.add("request.size", SIZE)
    _declare_item(features, spec)
    _declare_person(features, spec)
    for number, counter in enumerate(spec.counters):
        _declare_counter(features, counter, number)
    _declare_ratios(features, spec)
    passed = context if spec.context else ()
    first = len(features.names)
    for number, name in enumerate(passed):
        features.add(name, CONTEXT, number)
    _declare_relative(features, spec)
    return _compiled(features, spec, passed, first)


def _declare_item(features: _Features, spec: FeatureSpec) -> None:
    spans = (*spec.windows, ALL)
    for event in (EXPOSURE, CLICK):
        for span in spans:
            features.count(Tally("item", event, span))
    for span in spans:
        _declare_rate(features, Tally("item", CLICK, span))
    for half_life in spec.half_lives:
        span = DECAY_SPAN + half_life
        for event in (EXPOSURE, CLICK):
            features.count(Tally("item", event, span))
        _declare_rate(features, Tally("item", CLICK, span))
    if spec.age:
        features.add("item.age", AGE)


def _declare_person(features: _Features, spec: FeatureSpec) -> None:
    if spec.user_item:
        for event in (EXPOSURE, CLICK):
            features.count(Tally("user_item", event, ALL), f"user_item.{event}")
    for group in ("provider", "category"):
        if group in spec.affinity:
            tally = Tally(f"user_{group}", CLICK, ALL)
            features.count(tally, f"user_{group}.click")
            features.add(f"user_{group}.share", TASTE, features.columns[tally])
    if spec.transitions:
        features.tallies.append(Tally("previous_item", CLICK, ALL))
        last, mean = features.claim("transition.last"), features.claim("transition.mean")
        features.operations.append((TRANSITION, last, mean))
    if spec.similarity:
        features.add("user_item.similarity", SIMILARITY)


def _declare_rate(features: _Features, tally: Tally) -> None:
    """Events per exposure of the same key and span; its kind is filled in once kinds are known."""
    called = "ctr" if tally.event == CLICK else f"{tally.event}_rate"
    shown = features.step(tally._replace(event=EXPOSURE))
    features.tallies += [Tally("surface", event, ALL) for event in (EXPOSURE, tally.event)]
    name = f"{tally.key}.{called}.{tally.span}"
    features.add(name, RATE, features.step(tally), shown, features.tallies.index(tally))


def _declare_counter(features: _Features, counter: CounterSpec, number: int) -> None:
    for span in counter.spans:
        _count_once(features, Tally(counter.key, counter.event, span), number)
    for span in counter.spans if counter.rate else ():
        _declare_rate(features, Tally(counter.key, counter.event, span))
    if counter.since:
        _count_once(features, Tally(counter.key, counter.event, SINCE_SPAN), number)


def _count_once(features: _Features, tally: Tally, number: int) -> None:
    if tally in features.columns:
        there = features.names[features.columns[tally]]
        raise ConfigError(
            f"features.counters.{number}: {'.'.join(tally)} is declared already, as {there}"
        )
    features.count(tally)


def _declare_ratios(features: _Features, spec: FeatureSpec) -> None:
    for number, name in enumerate(spec.ratios):
        stem, _, spans = name.rpartition(".")
        short, _, long = spans.partition("/")
        parts = [f"{stem}.{span}" for span in (short, long)]
        missing = [part for part in parts if part not in features.names]
        if not long or missing:
            raise ConfigError(
                f"features.ratios.{number}: {name!r}: write <key>.<event>.<short>/<long> of two "
                f"declared features, like item.click.1h/24h"
                + (f"; there is no {missing[0]}" if long else "")
            )
        features.add(name, RATIO, *(features.names.index(part) for part in parts))


def _declare_relative(features: _Features, spec: FeatureSpec) -> None:
    missing = [name for name in spec.relative_of if name not in features.names]
    if missing:
        raise ConfigError(
            f"features.relative_of: no feature {', '.join(missing)}; "
            f"there are: {', '.join(features.names)}"
        )
    bases = [features.names.index(name) for name in spec.relative_of]
    forms = {
        form: [features.claim(f"{name}.{form}") for name in spec.relative_of]
        for form in FORMS
        if form in spec.relative
    }
    for nth, base in enumerate(bases):
        columns = [forms[form][nth] if form in forms else ABSENT for form in FORMS]
        features.derived.append((RELATE, base, *columns))


def _compiled(
    features: _Features, spec: FeatureSpec, context: tuple[str, ...], first_context: int
) -> Plan:
    horizon = microseconds(spec.horizon) if spec.horizon else 0
    item_horizon = microseconds(spec.item_horizon) if spec.item_horizon else 0
    rows = lay_out(features.tallies, keep_last=horizon > 0, keep_noted=item_horizon > 0)
    program = Program(
        embargo=microseconds(spec.embargo),
        horizon=horizon,
        item_horizon=item_horizon,
        prior_weight=float(spec.prior_weight),
        transitions=spec.transitions,
        similarity=spec.similarity,
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
        reads=_table([*features.operations, *_reads(features, rows)]),
        derived=_table([_resolved(each, features, rows) for each in features.derived]),
        columns=len(features.names),
    )
    names = tuple(features.names)
    steps = len(names) + len(features.hidden)
    return Plan(names, rows, program, context, first_context, steps)


def _totals(rows: Rows) -> NDArray[np.int64]:
    cells = [rows.offsets.get(Tally("surface", kind, ALL), ABSENT) for kind in rows.kinds]
    return np.array(cells, np.int64)


def _reads(features: _Features, rows: Rows) -> list[tuple[int, ...]]:
    places = dict(features.columns)
    shown = len(features.names)
    places |= {tally: shown + nth for nth, tally in enumerate(features.hidden)}
    return _merged(_read(tally, column, rows) for tally, column in places.items())


def _table(operations: list[tuple[int, ...]]) -> NDArray[np.int64]:
    table = np.zeros((len(operations), WIDTH), np.int64)
    for nth, operation in enumerate(operations):
        table[nth, : len(operation)] = operation
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
    found: list[tuple[int, ...]] = []
    for read in sorted(reads, key=lambda read: read[1]):
        code, column, table, *rest = read
        if found and code == COUNT and found[-1][0] == COUNT and found[-1][2] == table:
            _, begin, _, cell, run = found[-1]
            if begin + run == column and cell + run == rest[0]:
                found[-1] = (COUNT, begin, table, cell, run + 1)
                continue
        found.append(read)
    return found


def _resolved(
    operation: tuple[int, ...], features: _Features, rows: Rows
) -> tuple[int, ...]:
    """The operation with the columns of steps, and the kind of event that a rate is of."""
    code, column, *operands = operation
    if code != RATE:
        return operation
    events, shown, tally = operands
    kind = rows.kinds.index(features.tallies[tally].event)
    return (RATE, column, *(_step(each, features) for each in (events, shown)), kind)


def _step(column: int, features: _Features) -> int:
    return column if column >= 0 else len(features.names) - 2 - column
