"""What was served becomes what was shown: the prediction log as exposures of the event log."""

import polars as pl

from serving.prediction_reader import PredictionsRead
from sluice.data.frames import conform


def served_exposures(read: PredictionsRead, surface: str) -> pl.DataFrame:
    """Exposures of every prediction, from the top slot down, in the event log's schema.

    Context columns are the client's to log: the ranking service does not repeat what it was told.

    Args:
        read: all that a surface's prediction log holds.
        surface: where it was shown.
    """
    rows = pl.DataFrame(
        {
            "request_id": [each.request_id for each in read.predictions],
            "user_id": [each.user_id for each in read.predictions],
            "ts": [each.ts for each in read.predictions],
            "item_id": [list(each.item_ids) for each in read.predictions],
            "position": [list(each.positions) for each in read.predictions],
            "propensity": [list(each.propensities) for each in read.predictions],
            "score": [list(each.scores) for each in read.predictions],
            "release": [each.release for each in read.predictions],
        },
        schema={
            "request_id": pl.String(),
            "user_id": pl.String(),
            "ts": pl.Int64(),
            "item_id": pl.List(pl.String()),
            "position": pl.List(pl.Int32()),
            "propensity": pl.List(pl.Float64()),
            "score": pl.List(pl.Float64()),
            "release": pl.String(),
        },
    )
    shown = rows.explode("item_id", "position", "propensity", "score").with_columns(
        pl.lit(surface).alias("surface"),
        pl.from_epoch("ts", time_unit="us").dt.replace_time_zone("UTC").alias("ts"),
    )
    return conform("exposures", shown)
