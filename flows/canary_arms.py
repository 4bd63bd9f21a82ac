"""Who was served what while a canary ran, and how often they clicked: both arms, from the event log."""

from dataclasses import dataclass

import polars as pl

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.metrics.arms import Arm
from sluice.registry.canary_arm import in_canary


@dataclass(frozen=True)
class Split:
    """Which release serves whom."""

    surface: str
    canary: str
    """Digest of the canary's release, which is the salt of the split too."""
    champion: str
    """Digest of the release of everybody else."""
    share: float


@dataclass(frozen=True)
class Arms:
    """What was counted of both arms, and what belongs to neither."""

    canary: Arm
    champion: Arm
    elsewhere: int
    """Requests that neither of the two releases is known to have answered."""
    strayed: int
    """Requests that the other arm's release answered, as when a worker had not heard of the split yet."""


def arms_of(tables: LogTables, split: Split, label: FeedbackKind) -> Arms:
    """Requests and clicked items of every person, by arm.

    A request counts in its person's arm where that arm's release answered it, so that nobody is in
    both arms and none is in one for having clicked.

    Args:
        tables: of the time in which the canary ran.
        split: who serves whom.
        label: what counts as a click; an item clicked twice in a request counts once.
    """
    requests = _requests(tables, split, label)
    people = requests["user_id"].unique()
    chosen = [user for user in people if in_canary(user, split.share, split.canary)]
    assigned = requests.with_columns(is_canary=pl.col("user_id").is_in(chosen))
    own = pl.when("is_canary").then(pl.lit(split.canary)).otherwise(pl.lit(split.champion))
    served = assigned.filter(pl.col("release").is_in([split.canary, split.champion]))
    counted = served.filter(pl.col("release") == own)
    return Arms(
        canary=_arm(counted.filter("is_canary")),
        champion=_arm(counted.filter(~pl.col("is_canary"))),
        elsewhere=requests.height - served.height,
        strayed=served.height - counted.height,
    )


def _requests(tables: LogTables, split: Split, label: FeedbackKind) -> pl.DataFrame:
    """One row a request: who asked, which release answered, how many items were clicked."""
    shown = tables.exposures.filter(pl.col("surface") == split.surface)
    pairs = ["request_id", "item_id"]
    clicked = (
        tables.feedback.filter(
            (pl.col("kind") == label.value) & pl.col("request_id").is_not_null()
        )
        .select(pairs)
        .unique()
        .with_columns(clicked=pl.lit(1, pl.Int64))
    )
    return (
        shown.select("request_id", "user_id", "release", "item_id")
        .join(clicked, on=pairs, how="left")
        .group_by("request_id")
        .agg(
            pl.col("user_id").first(),
            # A request that was shown from two releases is of neither.
            release=pl.when(pl.col("release").n_unique() == 1).then(
                pl.col("release").first()
            ),
            clicks=pl.col("clicked").sum(),
        )
    )


def _arm(requests: pl.DataFrame) -> Arm:
    people = (
        requests.group_by("user_id")
        .agg(requests=pl.len(), clicks=pl.col("clicks").sum())
        .sort("user_id")
    )
    return Arm(
        requests=people["requests"].cast(pl.Float64).to_numpy(),
        clicks=people["clicks"].cast(pl.Float64).to_numpy(),
    )
