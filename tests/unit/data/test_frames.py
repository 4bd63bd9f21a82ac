import polars as pl
import pyarrow as pa
import pytest

from sluice.data.frames import complete, conform, dtypes, log_tables
from sluice.data.schema import TABLES
from sluice.errors import SchemaError
from tests.lib.logs import tiny_log

TABLE_NAMES = tuple(TABLES)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_polars_types_are_those_of_the_arrow_schema(table):
    assert list(dtypes(table)) == TABLES[table].names


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("user_id"), "exposures: missing column user_id"),
        (lambda f: f.with_columns(pl.lit(1).alias("age")), "exposures: extra column age"),
        (lambda f: f.rename({"ts": "time"}), "exposures: missing column ts"),
        (
            lambda f: f.with_columns(pl.lit(1).cast(pl.Int64).alias("user_id")),
            "exposures.user_id is Int64, expected String",
        ),
        (
            lambda f: f.with_columns(pl.col("position").cast(pl.Int64)),
            "exposures.position is Int64, expected Int32",
        ),
        (
            lambda f: f.with_columns(pl.col("ts").dt.replace_time_zone(None)),
            "exposures.ts is Datetime",
        ),
        (
            lambda f: f.with_columns(pl.lit(1.0).alias("context_hour")),
            "exposures.context_hour is Float64, expected Float32",
        ),
        (
            lambda f: f.with_columns(pl.lit(1, pl.Float32).alias("context_")),
            "exposures: the name of a context column",
        ),
        (
            lambda f: f.with_columns(pl.lit(1, pl.Float32).alias("context_" + "x" * 1025)),
            "exposures: the name of a context column",
        ),
    ],
)
def test_a_drifted_column_is_refused_by_name(change, said):
    with pytest.raises(SchemaError, match=said.replace(".", r"\.")):
        conform("exposures", change(tiny_log().exposures))


def test_a_duplicated_column_is_refused_by_name():
    arrow = tiny_log().feedback.to_arrow()
    doubled = pa.Table.from_arrays(
        [*arrow.columns, arrow["kind"]], [*arrow.column_names, "kind"]
    )

    with pytest.raises(SchemaError, match="feedback: duplicated column kind"):
        conform("feedback", doubled)


def test_context_columns_belong_to_exposures_alone():
    extra = tiny_log().items.with_columns(pl.lit(1, dtype=pl.Float32).alias("context_x"))

    with pytest.raises(SchemaError, match="items: extra column context_x"):
        conform("items", extra)


def test_reordered_columns_are_put_into_the_declared_order():
    exposures = tiny_log().exposures.with_columns(
        pl.lit(1, dtype=pl.Float32).alias("context_b"),
        pl.lit(2, dtype=pl.Float32).alias("context_a"),
    )

    found = conform("exposures", exposures.select(sorted(exposures.columns, reverse=True)))

    assert found.columns == [*TABLES["exposures"].names, "context_a", "context_b"]


def test_only_nullable_columns_are_completed():
    bare = tiny_log().exposures.select("request_id", "user_id", "ts", "item_id")

    found = complete("exposures", bare)

    assert found["position"].null_count() == found.height
    assert "surface" not in found.columns


def test_exposures_are_sorted_by_request_and_keep_the_shown_order():
    tables = tiny_log()
    shown = tables.exposures.sort("ts", "position", descending=True)

    found = log_tables(shown, tables.feedback, tables.items)

    assert found.exposures["request_id"].to_list() == [
        f"r{n}" for n in (0, 0, 0, 1, 1, 1, 2, 2, 2)
    ]
    assert found.exposures["item_id"].to_list() == ["c", "b", "a"] * 3
