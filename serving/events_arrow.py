"""The Arrow body of POST /events: one table as an IPC stream, for bulk.

A stream from a stranger may claim anything. Types and sizes are judged before a batch is read, and
what was read is validated in full before a value of it is used.
"""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from sluice.data.frames import empty_frame
from sluice.data.limits import FLOAT32_MAX, MAX_ID_CHARACTERS
from sluice.data.schema import TABLES
from sluice.serving.arrow_size import batch_size
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
from sluice.serving.port import EventRows, RefusedRow
from sluice.serving.problem import Code, Rejected, nameable, unfit
from sluice.serving.times import EARLIEST, LATEST

MAX_ARROW_BYTES = 32 << 20
MAX_ARROW_ROWS = 100_000
MAX_UNPACKED_BYTES = 128 << 20
MAX_MESSAGES = 10_000

_TEXTS = frozenset({pa.string(), pa.large_string()})
_FLOATS = frozenset({pa.float32(), pa.float64()})
_TIMES = frozenset({pa.int64(), *(pa.timestamp(unit, "UTC") for unit in ("us", "ns"))})
_INTEGERS = frozenset({pa.int32(), pa.int64()})


def parse_arrow(body: bytes, table: str | None, now: int) -> EventRows:
    """Read an Arrow IPC stream of one table; `now` is `received_ts` where it is left out.

    Raises:
        Rejected: 400 where it is no such stream, 413 where it is too large, 422 where the table is
            not named, or a column is not what it must be.
    """
    if table not in TABLES:
        message = f"name the table in the query: ?table= one of {', '.join(TABLES)}"
        raise unfit("table", Code.MISSING, message)
    try:
        present = _judged(body, table)
        with pa.ipc.open_stream(body) as reader:
            content = reader.read_all()
        content.validate(full=True)
    # A name that is no UTF-8 is a ValueError, as is a batch that does not describe its body.
    except (pa.ArrowException, ValueError, OSError, StopIteration) as error:
        raise _not_arrow() from error
    return _rows(table, content, present, now)


def _judged(body: bytes, table: str) -> tuple[Column, ...]:
    """The columns of the stream, once its types and its sizes are known to be bearable."""
    messages = _messages(body)
    first = next(messages, None)
    if first is None or first.type != "schema":
        raise _not_arrow()
    present = _columns(table, pa.ipc.read_schema(first))
    rows = unpacked = 0
    for message in messages:
        if message.type != "record batch":
            raise _not_arrow()
        size = batch_size(message)
        rows, unpacked = rows + size.rows, unpacked + size.unpacked
        if rows > MAX_ARROW_ROWS:
            raise Rejected(413, f"a stream may have {MAX_ARROW_ROWS} rows")
        if unpacked > MAX_UNPACKED_BYTES:
            raise Rejected(413, f"a stream may have {MAX_UNPACKED_BYTES} bytes unpacked")
    return present


def _messages(body: bytes) -> Iterator[pa.Message]:
    reader = pa.ipc.MessageReader.open_stream(body)
    for _ in range(MAX_MESSAGES):
        try:
            yield reader.read_next_message()
        except StopIteration:
            return
    raise Rejected(413, f"a stream may have {MAX_MESSAGES} batches")


def _columns(table: str, schema: pa.Schema) -> tuple[Column, ...]:
    declared = {column.name: column for column in columns(table)}
    if len(set(schema.names)) != len(schema.names):
        raise unfit(None, Code.DUPLICATE_KEY, "a column is given twice")
    if len(schema) > len(declared) + MAX_CONTEXT_COLUMNS:
        raise unfit(
            None, Code.TOO_LARGE, f"more than {MAX_CONTEXT_COLUMNS} context columns"
        )
    present = tuple(_column(table, field) for field in schema)
    for name in sorted(declared.keys() - set(schema.names)):
        if declared[name].required:
            raise unfit(name, Code.MISSING, f"{name} must be given")
    return present


def _column(table: str, field: pa.Field) -> Column:
    declared = {column.name: column for column in columns(table)}
    column = declared.get(field.name)
    if column is None and is_context(table, field.name):
        column = context_column(field.name)
    if column is None:
        name = field.name if nameable(field.name) else None
        message = f"an unknown column; there are: {', '.join(declared)}"
        raise unfit(name, Code.UNKNOWN_FIELD, message)
    if not _fits(column.kind, field.type):
        message = f"{column.name} has a type that cannot be taken; cast it to the log's own"
        raise unfit(column.name, Code.WRONG_TYPE, message)
    return column


def _fits(kind: Kind, dtype: pa.DataType) -> bool:
    """Whether a column of this type can be taken without a guess."""
    if kind is Kind.TEXT:
        return dtype in _TEXTS
    if kind is Kind.TIME:
        return dtype in _TIMES
    if kind is Kind.INTEGER:
        return dtype in _INTEGERS
    if kind is Kind.VECTOR:
        plain = pa.types.is_list(dtype) or pa.types.is_large_list(dtype)
        return plain and dtype.value_type in _FLOATS
    return dtype in _FLOATS


def _rows(
    table: str, content: pa.Table, present: tuple[Column, ...], now: int
) -> EventRows:
    frame = pl.DataFrame(content)
    faults = frame.select(
        pl.coalesce(*(_fault(column) for column in present), pl.lit(None, pl.String))
        if frame.height
        else pl.lit(None, pl.String)
    ).to_series()
    bad = faults.is_not_null()
    rows = pl.int_range(frame.height, eager=True)
    refused = tuple(
        _refused(table, row, fault)
        for row, fault in zip(rows.filter(bad), faults.filter(bad), strict=True)
    )
    context = sorted(column.name for column in present if is_context(table, column.name))
    names = [*(column.name for column in columns(table)), *context]
    sound = _typed(frame.filter(~bad), present).select(
        pl.col(name)
        if name in frame.columns
        else pl.lit(None, _dtype(table, name)).alias(name)
        for name in names
    )
    if table == "feedback":
        sound = received_by(sound, now)
    frames = {other: empty_frame(other) for other in TABLES} | {table: sound}
    numbers = dict.fromkeys(TABLES, ()) | {table: rows.filter(~bad).to_list()}
    return EventRows(frames, numbers, refused)


def _typed(frame: pl.DataFrame, present: tuple[Column, ...]) -> pl.DataFrame:
    """Cast to the log's types; nothing is lost, for what does not fit was refused."""
    return frame.with_columns(pl.col(column.name).cast(column.dtype) for column in present)


def _dtype(table: str, name: str) -> pl.DataType:
    return next(column.dtype for column in columns(table) if column.name == name)


def _fault(column: Column) -> pl.Expr:
    """`code field` of what is wrong with a value; null where it is sound."""
    value = pl.col(column.name)
    checks: list[tuple[pl.Expr, Code]] = []
    if column.required:
        checks.append((value.is_null(), Code.MISSING))
    checks += _checks(column.kind, value)
    fault = pl.lit(None, pl.String)
    for broken, code in reversed(checks):
        fault = pl.when(broken).then(pl.lit(f"{code} {column.name}")).otherwise(fault)
    return fault


def _checks(kind: Kind, value: pl.Expr) -> list[tuple[pl.Expr, Code]]:
    if kind is Kind.TEXT:
        length = value.str.len_chars()
        return [(length == 0, Code.EMPTY), (length > MAX_ID_CHARACTERS, Code.TOO_LONG)]
    if kind is Kind.TIME:
        time = value.cast(pl.Datetime("us", "UTC")).cast(pl.Int64)
        return [(~time.is_between(EARLIEST, LATEST), Code.NOT_A_TIME)]
    if kind is Kind.INTEGER:
        return [(~value.cast(pl.Int64).is_between(-(2**31), 2**31 - 1), Code.OUT_OF_RANGE)]
    if kind is Kind.VECTOR:
        fits = _fits_float32(pl.element()).fill_null(value=False)
        return [
            (value.list.len() > MAX_EMBEDDING, Code.TOO_LARGE),
            (~value.list.eval(fits).list.all(), Code.NOT_FINITE),
        ]
    if kind is Kind.FLOAT32:
        return [(~_fits_float32(value), Code.NOT_FINITE)]
    return [(~value.is_finite(), Code.NOT_FINITE)]


def _fits_float32(value: pl.Expr) -> pl.Expr:
    return value.is_finite() & (value.abs() <= FLOAT32_MAX)


def _refused(table: str, row: int, fault: str) -> RefusedRow:
    code, _, field = fault.partition(" ")
    return RefusedRow(table, row, field, code, f"{field} cannot be taken: {code}")


def _not_arrow() -> Rejected:
    message = "the body is no Arrow IPC stream of plain columns"
    return Rejected(400, message, code=Code.NOT_ARROW)
