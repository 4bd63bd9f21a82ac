"""A batch against the rows already in the log: new, the same again, or in conflict."""

from dataclasses import dataclass

import polars as pl

KEYS = {
    "exposures": ("request_id", "item_id"),
    "feedback": ("request_id", "user_id", "item_id", "kind", "ts"),
    "items": ("item_id", "valid_from"),
}
"""What makes two rows of a table the same event."""


@dataclass(frozen=True)
class Comparison:
    """One Boolean a row of the batch each; a row that is neither is new."""

    same: pl.Series
    conflict: pl.Series


def compare_rows(
    table: str, batch: pl.DataFrame, stored: pl.DataFrame, *, may_grow: bool = False
) -> Comparison:
    """Compare by key: equal in every column is the same event again, else a conflict.

    A new candidate for a request that the log already holds is a conflict too, unless requests
    may grow: a bulk source knows its requests whole, a live one may hear of them bit by bit.
    """
    if stored.is_empty():
        none = pl.repeat(value=False, n=batch.height, dtype=pl.Boolean, eager=True)
        return Comparison(none, none)
    key = list(KEYS[table])
    marked = stored.with_columns(pl.lit(value=True).alias("known"))
    joined = batch.join(
        marked, on=key, how="left", nulls_equal=True, maintain_order="left", suffix="_known"
    )
    filled = joined["known"].fill_null(value=False)
    same = filled & joined.select(_equal(batch, stored, key)).to_series()
    conflict = filled & ~same
    if table == "exposures" and not may_grow:
        grown = batch["request_id"].is_in(stored["request_id"].unique().implode())
        conflict |= grown.fill_null(value=False) & ~filled
    return Comparison(same, conflict)


def _equal(batch: pl.DataFrame, stored: pl.DataFrame, key: list[str]) -> pl.Expr:
    both = [name for name in batch.columns if name in stored.columns and name not in key]
    one_sided = (set(batch.columns) ^ set(stored.columns)) - {"known"}
    return pl.all_horizontal(
        *(pl.col(name).eq_missing(pl.col(f"{name}_known")) for name in both),
        *(pl.col(name).is_null() for name in sorted(one_sided)),
    )


def without_repeats(feedback: pl.DataFrame) -> pl.DataFrame:
    """Feedback in which an event that was delivered twice, alike in every column, stands once."""
    repeated = feedback.select(pl.struct(KEYS["feedback"]).is_duplicated()).to_series()
    if not repeated.any():
        return feedback
    return feedback.filter(~repeated | pl.struct(pl.all()).is_first_distinct())
