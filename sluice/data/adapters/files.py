"""Reading the files of a foreign data set: what is wrong with one is said by name, at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from sluice.errors import BadRows, DataError, SchemaError

MAX_LINE = 1 << 20
"""Bytes; a longer line is a broken quote or a bomb."""
_LAST_SECOND = 253_402_300_799
"""9999-12-31 23:59:59 UTC, in seconds."""
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
}
_MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\xef\xbb\xbf": "UTF-8 with a byte-order mark",
}


def expect_file(folder: Path, name: str) -> Path:
    """Path of a file that must be there.

    Raises:
        DataError: it is not; lists what is.
    """
    path = folder / name
    if not path.is_file():
        raise DataError(f"{folder}: expected {name}; there {listing(folder)}")
    return path


def listing(folder: Path) -> str:
    """What a folder holds, for a message: `is a.csv, b.csv` or `is nothing`."""
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"is {', '.join(names[:10])}{more}" if names else "is nothing"


def text_bytes(path: Path) -> bytes:
    """The bytes of a UTF-8 text file.

    Raises:
        DataError: empty, packed, in another encoding, with a NUL, or with a line over MAX_LINE.
    """
    content = path.read_bytes()
    if not content.strip():
        raise DataError(f"{path}: is empty; fetch it again")
    for magic, packing in _ARCHIVES.items():
        if content.startswith(magic):
            raise DataError(f"{path}: is packed with {packing}; unpack it first")
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise DataError(f"{path}: is {encoding}; convert it to plain UTF-8")
    if (nul := content.find(b"\0")) >= 0:
        raise DataError(
            f"{path}: NUL byte at offset {nul:,}; it is no text, or cut and padded"
        )
    _refuse_encoding(path, content)
    _refuse_long_line(path, content)
    return content


def _refuse_encoding(path: Path, content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 at offset {error.start:,}; convert it"
        ) from error


def _refuse_long_line(path: Path, content: bytes) -> None:
    ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n"))
    lengths = np.diff(np.concatenate([[-1], ends, [len(content)]]))
    if lengths.max() > MAX_LINE:
        raise DataError(
            f"{path}: line {int(lengths.argmax()) + 1} has {int(lengths.max()):,} bytes, "
            f"at most {MAX_LINE:,} are read; is a quote or a line end missing?"
        )


def read_text_table(
    path: Path, separator: str, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """A delimited file, every column as text, quoting off.

    Without a header, `columns` names the columns and their number is checked.

    Raises:
        DataError: see `text_bytes`; lines of differing width; a header without a row.
        SchemaError: a column stands in the header twice.
    """
    content = text_bytes(path)
    if columns is None:
        _refuse_doubled_header(path, content, separator)
    elif (width := content.partition(b"\n")[0].count(separator.encode()) + 1) != len(
        columns
    ):
        raise DataError(
            f"{path}: {width} columns, expected {len(columns)}: {', '.join(columns)}"
        )
    try:
        table = pl.read_csv(
            content,
            has_header=columns is None,
            new_columns=columns,
            separator=separator,
            quote_char=None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: cannot be read as a table: {reason}") from error
    if table.is_empty():
        raise DataError(
            f"{path}: holds a header and no row; nothing can be learned from it"
        )
    return table


def _refuse_doubled_header(path: Path, content: bytes, separator: str) -> None:
    header = content.partition(b"\n")[0].decode().rstrip("\r").split(separator)
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise SchemaError(f"{path}: duplicated column {', '.join(twice)}; keep one of each")


def require_columns(path: Path, frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Raises SchemaError where a column the adapter needs is not in the file."""
    if missing := [name for name in names if name not in frame.columns]:
        raise SchemaError(
            f"{path}: missing column {', '.join(missing)}; it has {', '.join(frame.columns)}"
        )


def require_types(
    path: Path, frame: pl.DataFrame, allowed: Mapping[str, tuple[type[pl.DataType], ...]]
) -> None:
    """Raises SchemaError where a column of the file, if it is there, has drifted to another type."""
    for name, kinds in allowed.items():
        if name not in frame.columns:
            continue
        dtype = frame.schema[name]
        inner = dtype.inner if isinstance(dtype, pl.List) else dtype
        if (pl.List in kinds) != isinstance(dtype, pl.List) or not isinstance(inner, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise SchemaError(f"{path}: column {name} is {dtype}, expected {wanted}")


def parsed(
    path: Path, frame: pl.DataFrame, expressions: Mapping[str, pl.Expr]
) -> pl.DataFrame:
    """Replace text columns by parsed ones; a text that does not parse is refused, not nulled.

    Raises:
        BadRows: texts that are no such value, counted by column; names the first row of each.
    """
    read = frame.with_columns(
        expression.alias(name) for name, expression in expressions.items()
    )
    failed = {
        name: frame[name].is_not_null() & read[name].is_null() for name in expressions
    }
    counts = {
        f"{name}.unreadable": int(mask.sum()) for name, mask in failed.items() if mask.any()
    }
    if counts:
        first = {
            name: (mask.arg_max() or 0) + 1 for name, mask in failed.items() if mask.any()
        }
        where = "; ".join(f"{name}: first in data row {row}" for name, row in first.items())
        raise BadRows(f"{path}: unreadable values ({where}), counted: {counts}", counts)
    return read


def from_seconds(name: str) -> pl.Expr:
    """Text of seconds since the epoch, fractions allowed, as a UTC time; null if unreadable."""
    seconds = pl.col(name).cast(pl.Float64, strict=False)
    sane = seconds.is_finite() & (seconds.abs() <= _LAST_SECOND)
    microseconds = (pl.when(sane).then(seconds) * 1e6).round().cast(pl.Int64)
    return microseconds.cast(pl.Datetime("us", "UTC"))


def first_seen(times: pl.DataFrame) -> pl.DataFrame:
    """`item_id` and `valid_from` = its first `ts`, for items of which nothing else is known."""
    dated = times.drop_nulls("item_id")
    return dated.group_by("item_id").agg(pl.col("ts").min().alias("valid_from"))
