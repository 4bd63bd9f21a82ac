"""Parquet with bytes that depend on the rows alone, and reading that answers damage by name."""

import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.data.frames import context_columns
from sluice.data.schema import TABLES
from sluice.errors import DataError, IntegrityError, SchemaError

_ROW_GROUP = 1 << 18
MAX_UNPACKED = 16 << 30
"""Bytes that a file from outside may unpack to; more is a bomb, or belongs in several files."""
MAX_ROWS = 1 << 29


def table_bytes(table: str, frame: pl.DataFrame) -> bytes:
    """One table of the log as Parquet, with the declared schema and its units and meanings."""
    schema = TABLES[table]
    for name in context_columns(frame):
        schema = schema.append(pa.field(name, pa.float32()))
    return _write(frame, schema)


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """Any frame as Parquet."""
    return _write(frame, frame.head(0).to_arrow().schema)


def _write(frame: pl.DataFrame, schema: pa.Schema) -> bytes:
    """Same rows, same bytes: chunks are merged and row groups have one size."""
    target = io.BytesIO()
    with pq.ParquetWriter(
        target, schema, compression="zstd", compression_level=1, use_dictionary=True
    ) as writer:
        for rows in frame.rechunk().iter_slices(_ROW_GROUP):
            writer.write_table(rows.to_arrow().combine_chunks().cast(schema))
    return target.getvalue()


def read_bytes(
    content: bytes, path: Path, columns: list[str] | None = None
) -> pl.DataFrame:
    """Parse verified Parquet bytes.

    Raises:
        IntegrityError: the bytes are not Parquet after all; names `path`.
    """
    try:
        return pl.read_parquet(io.BytesIO(content), columns=columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise IntegrityError(f"{path}: no readable Parquet: {error}") from error


def read_foreign(path: Path, columns: list[str]) -> pl.DataFrame:
    """Read those of `columns` that a Parquet file from outside has.

    Raises:
        SchemaError: a column stands in the file twice.
        DataError: not Parquet, truncated, without a row, or unpacking to more than MAX_UNPACKED.
    """
    try:
        with pq.ParquetFile(path) as file:
            _refuse_shape(path, file)
            present = [name for name in columns if name in file.schema_arrow.names]
            table = file.read(columns=present)
            # A flipped bit can leave offsets, text or names that would make polars panic.
            table.validate(full=True)
            str(table.schema).encode()
            return pl.DataFrame(table.replace_schema_metadata())
    # pyarrow answers some damage (a flipped bit in a name or a list) with a bare ValueError.
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({_first_line(error)}); "
            f"it has {path.stat().st_size:,} bytes: fetch it again, unpacked"
        ) from error


def _refuse_shape(path: Path, file: pq.ParquetFile) -> None:
    names = file.schema_arrow.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaError(f"{path}: duplicated column {', '.join(twice)}; keep one of each")
    metadata = file.metadata
    if metadata.num_rows == 0:
        raise DataError(f"{path}: holds columns and no row; nothing can be learned from it")
    unpacked = sum(
        metadata.row_group(group).total_byte_size
        for group in range(metadata.num_row_groups)
    )
    if unpacked > MAX_UNPACKED or metadata.num_rows > MAX_ROWS:
        raise DataError(
            f"{path}: unpacks to {unpacked:,} bytes and {metadata.num_rows:,} rows, "
            f"limits are {MAX_UNPACKED:,} and {MAX_ROWS:,}; split the file"
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
