"""Bad rows set aside: as Parquet with their reason, out of the log's way."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sluice.data.parquet import frame_bytes
from sluice.data.part import write_part
from sluice.data.row_rules import Faults
from sluice.data.tables import LogTables

FOLDER = "quarantine"
EXPOSURE_COMPANION = "exposures.request.incomplete"
FEEDBACK_COMPANION = "feedback.request.incomplete"


@dataclass(frozen=True)
class Sifted:
    """Tables parted into the rows that may go on and those that may not."""

    good: LogTables
    bad: dict[str, pl.DataFrame]
    """Table -> its bad rows with a `reason` column."""
    counts: dict[str, int]
    """Reason's rule -> rows."""


def sift(tables: LogTables, faults: Faults) -> Sifted:
    """Part the bad rows from the good.

    A request with one bad exposure goes as a whole, and the feedback on it too: with a hole in
    it, its ranking would be judged against candidates that were not all that was shown.
    """
    exposure_reason = faults.reasons("exposures")
    broken = tables.exposures.filter(exposure_reason.is_not_null())["request_id"].unique()
    faults = faults.with_mask(
        "exposures",
        EXPOSURE_COMPANION,
        exposure_reason.is_null() & tables.exposures["request_id"].is_in(broken.implode()),
    )
    faults = faults.with_mask(
        "feedback",
        FEEDBACK_COMPANION,
        faults.reasons("feedback").is_null()
        & tables.feedback["request_id"].is_in(broken.implode()).fill_null(value=False),
    )
    good, bad = {}, {}
    for table in faults.masks:
        frame = getattr(tables, table)
        reason = faults.reasons(table)
        good[table] = frame.filter(reason.is_null())
        bad[table] = frame.with_columns(reason).filter(reason.is_not_null())
    return Sifted(LogTables(**good), bad, faults.counts)


def set_aside(sifted: Sifted, root: Path) -> None:
    """Write the bad rows to `<root>/quarantine/<table>/`; writing the same rows twice is one file."""
    for table, rows in sifted.bad.items():
        if rows.height:
            write_part(root / FOLDER / table, frame_bytes(rows))
