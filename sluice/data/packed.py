"""Rows of a live batch as bytes: Arrow IPC, zstd, one blob a table."""

import io

import polars as pl

from sluice.data.frames import conform, empty_frame
from sluice.data.journal import StoredBatch
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables
from sluice.errors import IntegrityError

ANSWERED = "answered_surface"
"""Column of packed feedback: the surface of the request it answers, null for none."""


def pack(tables: LogTables, surfaces: pl.Series) -> dict[str, bytes]:
    """Table -> bytes of its rows; tables without a row are left out."""
    feedback = tables.feedback.with_columns(surfaces.alias(ANSWERED))
    frames = {"exposures": tables.exposures, "feedback": feedback, "items": tables.items}
    return {table: _bytes(frame) for table, frame in frames.items() if frame.height}


def unpack(stored: StoredBatch) -> tuple[LogTables, pl.Series]:
    """The rows and the surface that each feedback row belongs to.

    Raises:
        IntegrityError: the bytes are not what was stored.
    """
    frames = {table: _frame(stored, table) for table in TABLES}
    feedback = frames["feedback"]
    if ANSWERED not in feedback.columns:
        return LogTables(**frames), pl.Series(ANSWERED, [], pl.String())
    surfaces = feedback[ANSWERED]
    frames["feedback"] = feedback.drop(ANSWERED)
    return (
        LogTables(**{name: conform(name, frame) for name, frame in frames.items()}),
        surfaces,
    )


def _bytes(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.rechunk().write_ipc_stream(target, compression="zstd")
    return target.getvalue()


def _frame(stored: StoredBatch, table: str) -> pl.DataFrame:
    content = stored.rows.get(table)
    if content is None:
        return empty_frame(table)
    try:
        return pl.read_ipc_stream(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise IntegrityError(
            f"Cannot read batch {stored.position} of the journal because its {table} are damaged; "
            "restore journal.db from a copy"
        ) from error
