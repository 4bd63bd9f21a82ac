"""The JSON body of POST /events, read into frames.

A body in which every row is sound is read by a typed decoder and a column at a time. Where that
fails, rows are looked at one by one, so that each bad row is refused by itself; both ways take the same
rows and give the same frames.
"""

from sluice.data.schema import TABLES
from sluice.serving.body_rows import RowReader
from sluice.serving.events_arrow import MAX_ARROW_BYTES, MAX_ARROW_ROWS, parse_arrow
from sluice.serving.events_typed import typed_rows
from sluice.serving.port import EventRows
from sluice.serving.problem import Code, Rejected, nameable, unfit
from sluice.serving.strict_json import decode_object

__all__ = [
    "MAX_ARROW_BYTES",
    "MAX_ARROW_ROWS",
    "MAX_EVENT_ROWS",
    "MAX_JSON_BYTES",
    "parse_arrow",
    "parse_events",
]

MAX_JSON_BYTES = 8 << 20
MAX_EVENT_ROWS = 10_000
"""Of all tables together in one JSON body."""


def parse_events(body: bytes, now: int) -> EventRows:
    """Read a JSON body.

    Args:
        body: `{"exposures": [...], "feedback": [...], "items": [...]}` in UTF-8.
        now: the server's clock, µs since the epoch: `received_ts` where it is left out.

    Raises:
        Rejected: 400 where it is no JSON object, 413 where it has too many rows, 422 where it as a
            whole is not what it must be.
    """
    rows = typed_rows(body, now)
    if rows is None:
        rows = _one_by_one(decode_object(body), now)
    elif rows.count > MAX_EVENT_ROWS:
        raise _too_many(rows.count)
    return rows


def _one_by_one(content: dict[str, object], now: int) -> EventRows:
    for name in content:
        if name not in TABLES:
            field = name if nameable(name) else None
            message = f"an unknown table; there are: {', '.join(TABLES)}"
            raise unfit(field, Code.UNKNOWN_FIELD, message)
    tables: dict[str, list[object]] = {}
    for table in TABLES:
        value = content.get(table, [])
        if not isinstance(value, list):
            raise unfit(table, Code.WRONG_TYPE, f"{table} must be a list of rows")
        tables[table] = value
    total = sum(map(len, tables.values()))
    if total > MAX_EVENT_ROWS:
        raise _too_many(total)
    readers = {table: RowReader(table, now) for table in TABLES}
    for table, values in tables.items():
        for row, value in enumerate(values):
            readers[table].read(row, value)
    return EventRows(
        tables={table: reader.frame() for table, reader in readers.items()},
        rows={table: reader.rows for table, reader in readers.items()},
        refused=tuple(row for reader in readers.values() for row in reader.refused),
    )


def _too_many(count: int) -> Rejected:
    return Rejected(413, f"{count} rows; a JSON body may have {MAX_EVENT_ROWS}")
