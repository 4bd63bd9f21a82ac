"""Figures over whole tables, computed in Polars: counts and shares, never a value of a row."""

import polars as pl
import pyarrow as pa

from sluice.data.schema import CONTEXT_PREFIX, TABLES, FeedbackKind
from sluice.data.tables import LogTables
from sluice.monitors.suites import Check, LogShape, Rule, Shape


def misfits(table: str, frame: pl.DataFrame) -> tuple[str, ...]:
    """Columns that are missing, undeclared or of another type than the schema says."""
    expected = _types(TABLES[table])
    schema = dict(frame.schema)
    if table == "exposures":
        expected |= {
            name: pl.Float32() for name in schema if name.startswith(CONTEXT_PREFIX)
        }
    names = expected.keys() | schema.keys()
    return tuple(sorted(name for name in names if expected.get(name) != schema.get(name)))


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with NaN as null and lists as their lengths, so that every column can be judged."""
    return frame.with_columns(
        pl.selectors.float().fill_nan(None), pl.selectors.list().list.len()
    )


def table_shape(table: str, frame: pl.DataFrame) -> Shape:
    values = comparable(frame)
    filled = frozenset(
        name for name in values.columns if values[name].null_count() < values.height
    )
    return Shape(tuple(frame.columns), filled, misfits(table, frame))


def log_shape(tables: LogTables) -> LogShape:
    sound = not any(misfits(name, getattr(tables, name)) for name in TABLES)
    if not sound or tables.exposures.is_empty():
        return LogShape(sound, requests=0, items=0, starts_inside=True)
    answering = tables.feedback.filter(pl.col("request_id").is_not_null())
    first, earliest = tables.exposures["ts"].min(), answering["ts"].min()
    return LogShape(
        sound,
        requests=tables.exposures["request_id"].n_unique(),
        items=tables.items.height,
        starts_inside=earliest is None
        or bool(pl.select(pl.lit(earliest) >= pl.lit(first)).item()),
    )


def log_figures(
    tables: LogTables, label: FeedbackKind, shape: LogShape
) -> dict[str, float]:
    """Every figure that `sluice.monitors.suites.log_suite` may ask for, by its name."""
    figures: dict[str, float] = {
        f"{name}.misfit_columns": len(misfits(name, getattr(tables, name)))
        for name in TABLES
    }
    figures["requests"] = shape.requests
    if shape.sound and shape.requests:
        figures |= _join_figures(tables)
        figures |= _label_figures(tables, label, shape.requests)
        figures["covered_days"] = _covered_days(tables.exposures)
    return figures


def figure(check: Check, frame: pl.DataFrame) -> float:
    """What a table's check is about, as one number: rows, columns amiss, share of rows that break it."""
    match check.rule:
        case Rule.ROWS:
            return frame.height
        case Rule.COLUMNS:
            return len(set(check.columns) ^ set(frame.columns))
        case Rule.TYPED:
            return len(check.columns)
        case _:
            return broken_share(check, frame)


def broken_share(check: Check, frame: pl.DataFrame) -> float:
    """Share of the frame's rows that break a row rule; 0 for no rows, which ROWS must stop."""
    if frame.is_empty():
        return 0.0
    broken = frame.select(_broken(check).fill_null(value=False).sum()).item()
    return broken / frame.height


def _types(schema: pa.Schema) -> dict[str, pl.DataType]:
    empty = pl.from_arrow(schema.empty_table())
    assert isinstance(empty, pl.DataFrame)  # noqa: S101 - a table converts to a frame, never a series
    return dict(empty.schema)


def _broken(check: Check) -> pl.Expr:
    first = pl.col(check.columns[0])
    match check.rule:
        case Rule.FILLED:
            return first.is_null()
        case Rule.BETWEEN:
            low = pl.lit(value=False) if check.low is None else first < pl.lit(check.low)
            return low | (first > pl.lit(check.high))
        case Rule.MEMBER:
            return ~first.is_in(list(check.members))
        case Rule.UNIQUE:
            return pl.struct(check.columns).is_duplicated()
        case Rule.ORDERED:
            return first < pl.col(check.columns[1])
        case _:
            raise ValueError(f"{check.rule} is no rule about rows")


def _join_figures(tables: LogTables) -> dict[str, float]:
    shown = tables.exposures.select("request_id", "user_id", "ts").unique("request_id")
    first = tables.exposures["ts"].min()
    answering = tables.feedback.filter(
        pl.col("request_id").is_not_null() & (pl.col("ts") >= pl.lit(first))
    )
    joined = answering.join(shown, on="request_id", how="left", suffix="_shown")
    with_facts = tables.exposures.join(tables.items, on="item_id", how="semi").height
    return {
        "orphan_feedback": _share(joined["ts_shown"].null_count(), joined.height),
        "feedback_before_exposure": joined.filter(pl.col("ts") < pl.col("ts_shown")).height,
        "feedback_by_another_user": joined.filter(
            pl.col("user_id") != pl.col("user_id_shown")
        ).height,
        "shown_items_without_facts": 1 - _share(with_facts, tables.exposures.height),
    }


def _label_figures(
    tables: LogTables, label: FeedbackKind, requests: int
) -> dict[str, float]:
    valued = (
        tables.feedback.filter((pl.col("kind") == label) & (pl.col("value") > 0))
        .group_by("request_id", "item_id")
        .agg(pl.col("value").max())
    )
    rows = tables.exposures.select("request_id", "item_id").join(
        valued, on=["request_id", "item_id"], how="inner"
    )
    unlabelled = rows.height < tables.exposures.height
    return {
        "labelled_requests": _share(rows["request_id"].n_unique(), requests),
        "labelled_rows": _share(rows.height, tables.exposures.height),
        "label_grades": rows["value"].n_unique() + unlabelled,
    }


def _covered_days(exposures: pl.DataFrame) -> float:
    days = exposures["ts"].dt.date().unique().sort()
    return days.len() / ((days[-1] - days[0]).days + 1)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
