"""LETOR and other rankings in SVMlight form.

Lines are `grade qid:7 1:0.5 2:0.1 #docid = X`; LightGBM's form leaves `qid:` out and has the
group sizes in a file beside it (`rank.train` and `rank.train.query`).

A query is a request, by a person of its own. There are no times: the order of the queries in the
files stands for it, one query a minute from EPOCH, so that a time split fits on the first
queries and judges the last. Grades become feedback `relevance`, features `context_f<number>`; a
feature that a line leaves out is 0, as the format says.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.adapters.files import first_seen, listing, parsed, text_bytes
from sluice.data.frames import log_tables
from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import BadRows, DataError

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MAX_FEATURES = 5_000
_DOCUMENT = r"#\s*docid\s*=\s*(\S+)"


def read(folder: Path, surface: str) -> LogTables:
    """Read every `*.txt` with `qid:` (except a readme), or every file that has a `.query` beside it."""
    files = _ranking_files(folder)
    documents = pl.concat([_documents(path) for path in files], how="diagonal")
    features = [name for name in documents.columns if name.startswith(CONTEXT_PREFIX)]
    # A query that comes back after another one is a new minute: the row rules find it out.
    minute = pl.col("query").rle_id()
    rows = documents.with_columns(
        (pl.lit(EPOCH).cast(pl.Datetime("us", "UTC")) + pl.duration(minutes=minute)).alias(
            "ts"
        ),
        pl.format("query-{}", "query").alias("request_id"),
        pl.format("searcher-{}", "query").alias("user_id"),
        pl.col(features).fill_null(0.0),
    )
    exposures = rows.select(
        "request_id",
        "user_id",
        pl.lit(surface).alias("surface"),
        "ts",
        "item_id",
        *features,
    )
    feedback = rows.select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(FeedbackKind.RELEVANCE)).alias("kind"),
        pl.col("grade").alias("value"),
        "ts",
        pl.col("ts").alias("received_ts"),
    )
    return log_tables(exposures, feedback, first_seen(rows))


def _ranking_files(folder: Path) -> list[Path]:
    """Files in the order that stands for time; of LightGBM's pairs, `*.train` first."""
    paired = [
        path.with_suffix("")
        for path in folder.glob("*.query")
        if path.with_suffix("").is_file()
    ]
    texts = [
        path for path in folder.glob("*.txt") if not path.name.lower().startswith("readme")
    ]
    files = sorted(paired or texts, key=lambda path: (path.suffix != ".train", path.name))
    if not files:
        raise DataError(
            f"{folder}: expected *.txt in SVMlight form with qid:, or rank.train with "
            f"rank.train.query; there {listing(folder)}"
        )
    return files


def _documents(path: Path) -> pl.DataFrame:
    """One row a document: `query`, `item_id`, `grade` and the features."""
    lines = pl.DataFrame({"line": text_bytes(path).decode().splitlines()}).filter(
        pl.col("line").str.strip_chars().str.len_bytes() > 0
    )
    body = pl.col("line").str.splitn("#", 2).struct.field("field_0").str.strip_chars()
    fields = lines.select(
        body.str.split(" ")
        .list.eval(pl.element().filter(pl.element() != ""))
        .alias("fields"),
        pl.col("line").str.extract(_DOCUMENT, 1).alias("document"),
    )
    grades = fields.select(
        pl.col("fields").list.first().alias("grade"),
        pl.col("fields")
        .list.get(1, null_on_oob=True)
        .str.extract(r"^qid:(.+)$", 1)
        .alias("query"),
        "document",
    )
    queries = _queries(path, grades)
    number = pl.int_range(pl.len()).over("query")
    named = parsed(
        path,
        grades.with_columns(queries.alias("query")),
        {"grade": pl.col("grade").cast(pl.Float64, strict=False)},
    ).select(
        "query",
        pl.coalesce("document", pl.format("{}-{}", "query", number)).alias("item_id"),
        "grade",
    )
    skip = 2 if grades["query"].null_count() == 0 else 1
    return pl.concat(
        [named, _features(path, fields["fields"].list.slice(skip))], how="horizontal"
    )


def _queries(path: Path, grades: pl.DataFrame) -> pl.Series:
    """Each line's query: from `qid:`, or numbered by the group sizes in the file beside it.

    Raises:
        DataError: lines without a query and no such file, or one that does not fit.
    """
    sizes_path = path.with_name(f"{path.name}.query")
    missing = grades["query"].null_count()
    if not missing:
        return grades["query"]
    if missing < grades.height or not sizes_path.is_file():
        raise DataError(
            f"{path}: {missing:,} of {grades.height:,} lines have no qid:<query>"
        )
    sizes = _group_sizes(sizes_path)
    if sizes.sum() != grades.height:
        raise DataError(
            f"{sizes_path}: group sizes sum to {sizes.sum():,}, {path.name} has {grades.height:,} rows"
        )
    names = pl.Series(
        [f"{path.suffix.removeprefix('.')}-{number}" for number in range(len(sizes))]
    )
    return names.gather(np.repeat(np.arange(len(sizes)), sizes))


def _group_sizes(path: Path) -> NDArray[np.int64]:
    lines = text_bytes(path).decode().split()
    sizes = pl.Series("size", lines).cast(pl.Int64, strict=False)
    bad = int((sizes.is_null() | (sizes < 1)).sum())
    if bad:
        raise BadRows(
            f"{path}: {bad} of {len(lines)} group sizes are no whole number of at least 1",
            {"group.size.below_1": bad},
        )
    return sizes.to_numpy()


def _features(path: Path, fields: pl.Series) -> pl.DataFrame:
    """Sparse `number:value` fields as dense columns, 0 where a line leaves one out.

    Raises:
        BadRows: a field is no `number:value`, or a line's numbers do not ascend.
    """
    pairs = (
        pl.DataFrame({"row": pl.int_range(len(fields), eager=True), "field": fields})
        .explode("field")
        .with_columns(
            pl.col("field").str.splitn(":", 2).struct.rename_fields(["number", "value"])
        )
        .unnest("field")
    )
    number = pairs["number"].cast(pl.Int64, strict=False)
    value = pairs["value"].cast(pl.Float32, strict=False)
    faults = {
        "feature.unreadable": int(
            (number.is_null() | value.is_null() | (number < 0)).sum()
        ),
        "feature.not_ascending": int(
            ((number.diff() <= 0) & (pairs["row"].diff() == 0)).sum()
        ),
    }
    if any(faults.values()):
        raise BadRows(
            f"{path}: features must be ascending number:value; found {faults}", faults
        )
    rows, numbers = pairs["row"].to_numpy(), number.to_numpy()
    used = np.unique(numbers)
    width = int(used[-1]) + 1 if len(used) else 0
    if width > MAX_FEATURES:
        raise DataError(
            f"{path}: feature number {width - 1:,}; at most {MAX_FEATURES:,} are read"
        )
    dense = np.zeros((len(fields), width), dtype=np.float32)
    dense[rows, numbers] = value.to_numpy()
    return pl.DataFrame({f"{CONTEXT_PREFIX}f{index}": dense[:, index] for index in used})
