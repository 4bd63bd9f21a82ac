"""Rows of one table, each looked at by itself: taken, or refused with its field and its code."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from sluice.data.limits import FLOAT32_MAX, MAX_ID_CHARACTERS
from sluice.serving.event_columns import (
    MAX_CONTEXT_COLUMNS,
    MAX_EMBEDDING,
    Column,
    Kind,
    columns,
    context_column,
    is_context,
    received_by,
)
from sluice.serving.port import RefusedRow
from sluice.serving.problem import Code, Rejected, nameable, unfit
from sluice.serving.request import encodable
from sluice.serving.times import parse_time

FLOAT64_MAX = 1.7976931348623157e308
INT32 = (-(2**31), 2**31 - 1)

Value = str | int | float | list[float | None] | None


class RowReader:
    """Collects the rows of one table that can be read."""

    def __init__(self, table: str, now: int) -> None:
        self.rows: list[int] = []
        """Numbers of the rows taken, as they were sent."""
        self.refused: list[RefusedRow] = []
        self._table, self._now = table, now
        self._declared = {column.name: column for column in columns(table)}
        self._context: dict[str, Column] = {}
        self._values: list[dict[str, Value]] = []

    def read(self, row: int, value: object) -> None:
        """Take one row, or note why not."""
        try:
            values = self._row(value)
        except Rejected as error:
            self.refused.append(
                RefusedRow(self._table, row, error.field, error.code, str(error))
            )
        else:
            self.rows.append(row)
            self._values.append(values)

    def frame(self) -> pl.DataFrame:
        """The rows taken, in the schema's columns and the context columns sent."""
        wanted = [*self._declared.values(), *sorted(self._context.values(), key=_name)]
        frame = pl.DataFrame(
            [
                series(column, [values.get(column.name) for values in self._values])
                for column in wanted
            ]
        )
        return received_by(frame, self._now) if self._table == "feedback" else frame

    def _row(self, value: object) -> dict[str, Value]:
        if not isinstance(value, dict):
            raise unfit(None, Code.WRONG_TYPE, "every row must be an object")
        context = self._context_of(value)
        values = {
            name: _value(column, value.get(name)) for name, column in self._declared.items()
        }
        for name, column in context.items():
            values[name] = _value(column, value[name])
        self._context |= context
        return values

    def _context_of(self, value: Mapping[str, object]) -> dict[str, Column]:
        context: dict[str, Column] = {}
        for name in value:
            if name in self._declared:
                continue
            if not is_context(self._table, name):
                field = name if nameable(name) else None
                message = f"an unknown field; there are: {', '.join(self._declared)}"
                raise unfit(field, Code.UNKNOWN_FIELD, message)
            context[name] = context_column(name)
        if len(self._context | context) > MAX_CONTEXT_COLUMNS:
            message = f"more than {MAX_CONTEXT_COLUMNS} context columns"
            raise unfit(None, Code.TOO_LARGE, message)
        return context


def series(column: Column, values: list[Any]) -> pl.Series:
    """Checked values as a column; times are µs."""
    if column.kind is Kind.TIME:
        return pl.Series(column.name, values, pl.Int64).cast(column.dtype)
    return pl.Series(column.name, values, column.dtype)


def _name(column: Column) -> str:
    return column.name


def _value(column: Column, value: object) -> Value:
    if value is None:
        if column.required:
            raise unfit(column.name, Code.MISSING, f"{column.name} must be given")
        return None
    return _READERS[column.kind](column.name, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise unfit(name, Code.WRONG_TYPE, f"{name} must be a text")
    if not value:
        raise unfit(name, Code.EMPTY, f"{name} must have a character")
    if len(value) > MAX_ID_CHARACTERS:
        message = f"{name} may have {MAX_ID_CHARACTERS} characters"
        raise unfit(name, Code.TOO_LONG, message)
    if not encodable(value):
        raise unfit(name, Code.NOT_UNICODE, f"{name} holds a lone surrogate")
    return value


def _time(name: str, value: object) -> int:
    time = parse_time(value)
    if time is None:
        message = f"{name} must be whole µs since 1970, or RFC 3339 with an offset"
        raise unfit(name, Code.NOT_A_TIME, message)
    return time


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise unfit(name, Code.WRONG_TYPE, f"{name} must be a whole number")
    if not INT32[0] <= value <= INT32[1]:
        raise unfit(name, Code.OUT_OF_RANGE, f"{name} does not fit 32 bits")
    return value


def _number(name: str, value: object, largest: float = FLOAT64_MAX) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise unfit(name, Code.WRONG_TYPE, f"{name} must be a number")
    if not abs(value) <= largest:  # also true of NaN
        raise unfit(name, Code.NOT_FINITE, f"{name} is not finite")
    return float(value)


def _float32(name: str, value: object) -> float:
    return _number(name, value, FLOAT32_MAX)


def _vector(name: str, value: object) -> list[float | None]:
    if not isinstance(value, list):
        raise unfit(name, Code.WRONG_TYPE, f"{name} must be a list of numbers")
    if len(value) > MAX_EMBEDDING:
        raise unfit(name, Code.TOO_LARGE, f"{name} may have {MAX_EMBEDDING} numbers")
    return [_float32(f"{name}[{place}]", number) for place, number in enumerate(value)]


_READERS = {
    Kind.TEXT: _text,
    Kind.TIME: _time,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.FLOAT32: _float32,
    Kind.VECTOR: _vector,
}
