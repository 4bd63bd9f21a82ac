"""Columns in the order in which a declaration names them, and what fills each."""

from sluice.errors import ConfigError
from sluice.features.declaration.alike import ALIKE_COLUMNS, FORMS
from sluice.features.declaration.layout import ABSENT, DECAY_SPAN, SINCE_SPAN, Tally
from sluice.features.declaration.program import (
    AGE,
    ALIKE,
    CONTEXT,
    FIRST_DERIVED,
    RATE,
    RATIO,
    RELATE,
    SIMILARITY,
    SIZE,
    TASTE,
    TRANSITION,
)
from sluice.features.declaration.spec import ALL, CLICK, EXPOSURE, CounterSpec, FeatureSpec

Operand = int | Tally
"""A number, or a tally that stands for its column: which that is, is known once all are declared."""


class Columns:
    """Columns in the order in which they are added, and the operations that fill them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.of_tally: dict[Tally, int] = {}
        self.tallies: list[Tally] = []
        self.reads: list[tuple[Operand, ...]] = []
        self.derived: list[tuple[Operand, ...]] = []
        self._needed: list[Tally] = []

    def add(self, name: str, code: int, *operands: Operand) -> int:
        """A column filled by an operation; its number stands between the code and the operands."""
        column = self.claim(name)
        into = self.derived if code >= FIRST_DERIVED else self.reads
        into.append((code, column, *operands))
        return column

    def claim(self, name: str) -> int:
        self.names.append(name)
        return len(self.names) - 1

    def count(self, tally: Tally, name: str = "") -> None:
        """A column that reads one tally."""
        self.of_tally[tally] = self.claim(name or ".".join(tally))
        self.tallies.append(tally)

    def need(self, tally: Tally) -> Tally:
        """The tally, kept for another feature whether it is declared or not."""
        self.tallies.append(tally)
        self._needed.append(tally)
        return tally

    def places(self) -> dict[Tally, int]:
        """Column of every tally that is read; those that are no feature themselves come last."""
        steps = [
            tally for tally in dict.fromkeys(self._needed) if tally not in self.of_tally
        ]
        return self.of_tally | {
            tally: len(self.names) + number for number, tally in enumerate(steps)
        }


def declared_columns(spec: FeatureSpec, context: tuple[str, ...]) -> tuple[Columns, int]:
    """The columns of a declaration, and the number of the first context column.

    Args:
        spec: the surface's declaration.
        context: names of the context columns that are passed through.

    Raises:
        ConfigError: `relative_of` or `ratios` names a feature that is not declared, or a counter is
            declared twice.
    """
    columns = Columns()
    columns.add("request.size", SIZE)
    _declare_item(columns, spec)
    _declare_person(columns, spec)
    for number, counter in enumerate(spec.counters):
        _declare_counter(columns, counter, number)
    _declare_ratios(columns, spec)
    first_context = len(columns.names)
    for number, name in enumerate(context):
        columns.add(name, CONTEXT, number)
    _declare_relative(columns, spec)
    return columns, first_context


def _declare_item(columns: Columns, spec: FeatureSpec) -> None:
    spans = (*spec.windows, ALL)
    for event in (EXPOSURE, CLICK):
        for span in spans:
            columns.count(Tally("item", event, span))
    for span in spans:
        _declare_rate(columns, Tally("item", CLICK, span))
    for half_life in spec.half_lives:
        span = DECAY_SPAN + half_life
        for event in (EXPOSURE, CLICK):
            columns.count(Tally("item", event, span))
        _declare_rate(columns, Tally("item", CLICK, span))
    if spec.age:
        columns.add("item.age", AGE)


def _declare_person(columns: Columns, spec: FeatureSpec) -> None:
    if spec.user_item:
        for event in (EXPOSURE, CLICK):
            columns.count(Tally("user_item", event, ALL), f"user_item.{event}")
    for group in ("provider", "category"):
        if group in spec.affinity:
            tally = Tally(f"user_{group}", CLICK, ALL)
            columns.count(tally, f"user_{group}.click")
            columns.add(f"user_{group}.share", TASTE, columns.of_tally[tally])
    if spec.transitions:
        columns.tallies.append(Tally("previous_item", CLICK, ALL))
        last, mean = columns.claim("transition.last"), columns.claim("transition.mean")
        columns.reads.append((TRANSITION, last, mean))
    if spec.similarity:
        columns.add("user_item.similarity", SIMILARITY)
    if spec.alike:
        first, *_ = [columns.claim(name) for name in ALIKE_COLUMNS]
        columns.reads.append((ALIKE, first))


def _declare_rate(columns: Columns, tally: Tally) -> None:
    """Events per exposure of the same key and span."""
    called = "ctr" if tally.event == CLICK else f"{tally.event}_rate"
    shown = columns.need(tally._replace(event=EXPOSURE))
    columns.tallies += [Tally("surface", event, ALL) for event in (EXPOSURE, tally.event)]
    name = f"{tally.key}.{called}.{tally.span}"
    columns.add(name, RATE, columns.need(tally), shown)


def _declare_counter(columns: Columns, counter: CounterSpec, number: int) -> None:
    for span in counter.spans:
        _count_once(columns, Tally(counter.key, counter.event, span), number)
    for span in counter.spans if counter.rate else ():
        _declare_rate(columns, Tally(counter.key, counter.event, span))
    if counter.since:
        _count_once(columns, Tally(counter.key, counter.event, SINCE_SPAN), number)


def _count_once(columns: Columns, tally: Tally, number: int) -> None:
    if tally in columns.of_tally:
        there = columns.names[columns.of_tally[tally]]
        raise ConfigError(
            f"features.counters.{number}: {'.'.join(tally)} is declared already, as {there}"
        )
    columns.count(tally)


def _declare_ratios(columns: Columns, spec: FeatureSpec) -> None:
    for number, name in enumerate(spec.ratios):
        stem, _, spans = name.rpartition(".")
        short, _, long = spans.partition("/")
        parts = [f"{stem}.{span}" for span in (short, long)]
        missing = [part for part in parts if part not in columns.names]
        if not long or missing:
            raise ConfigError(
                f"features.ratios.{number}: {name!r}: write <key>.<event>.<short>/<long> of two "
                f"declared features, like item.click.1h/24h"
                + (f"; there is no {missing[0]}" if long else "")
            )
        columns.add(name, RATIO, *(columns.names.index(part) for part in parts))


def _declare_relative(columns: Columns, spec: FeatureSpec) -> None:
    missing = [name for name in spec.relative_of if name not in columns.names]
    if missing:
        raise ConfigError(
            f"features.relative_of: no feature {', '.join(missing)}; "
            f"there are: {', '.join(columns.names)}"
        )
    _relate(columns, spec.relative_of, spec.relative)
    if spec.alike:
        _relate(columns, ALIKE_COLUMNS, spec.alike.relative)


def _relate(columns: Columns, names: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Columns for the forms of others."""
    bases = [columns.names.index(name) for name in names]
    forms = {
        form: [columns.claim(f"{name}.{form}") for name in names]
        for form in FORMS
        if form in wanted
    }
    for number, base in enumerate(bases):
        formed = [forms[form][number] if form in forms else ABSENT for form in FORMS]
        columns.derived.append((RELATE, base, *formed))
