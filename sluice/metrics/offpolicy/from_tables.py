"""Logged decisions and slates from the event log's tables."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.slates import LoggedSlates, SlotProbability


def logged_decisions(
    tables: LogTables,
    targets: NDArray[np.float64],
    *,
    kind: FeedbackKind = FeedbackKind.CLICK,
    overlap: float | None = None,
) -> LoggedDecisions:
    """Each exposure a decision of its own, rewarded by the largest `kind` received for it.

    `targets` [exposures] are the target policy's probabilities of the exposures, row by row.

    Raises:
        DataError: a propensity is null or not in (0, 1], or a target not in [0, 1].
        TooLittleData: fewer than two users.
    """
    exposures = tables.exposures
    return LoggedDecisions(
        rewards=_rewards(exposures, tables.feedback, kind),
        propensities=_propensities(exposures),
        targets=targets,
        users=_codes(exposures["user_id"]),
        overlap=overlap,
    )


def logged_slates(
    tables: LogTables,
    targets: NDArray[np.float64],
    *,
    given: SlotProbability,
    kind: FeedbackKind = FeedbackKind.CLICK,
    overlap: float | None = None,
) -> LoggedSlates:
    """Each request a slate, its exposures put in the order of their positions.

    `targets` [exposures] are the target policy's probabilities of the exposures, row by row;
    `given` says of what they and the logged propensities are. Sluice's generated feed logs
    conditional ones.

    Raises:
        DataError: a propensity or a position is null, a probability out of its range, or a
            request has two exposures at one position.
        TooLittleData: fewer than two users.
    """
    exposures = tables.exposures
    rows, offsets = _slates(exposures)
    users = _codes(exposures["user_id"])[rows]
    return LoggedSlates(
        rewards=_rewards(exposures, tables.feedback, kind)[rows],
        propensities=_propensities(exposures)[rows],
        targets=targets[rows],
        given=given,
        offsets=offsets,
        users=users[offsets[:-1]],
        overlap=overlap,
    )


def _slates(exposures: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows by request and position, [exposures], and where each request starts, [requests + 1]."""
    if absent := exposures["position"].null_count():
        raise DataError(
            f"exposures.position is null in {absent} of {exposures.height} rows; a slate "
            "needs to know its slots"
        )
    request, position = _codes(exposures["request_id"]), exposures["position"].to_numpy()
    rows = np.lexsort((position, request))
    request, position = request[rows], position[rows]
    same = request[1:] == request[:-1]
    if twice := int((same & (position[1:] == position[:-1])).sum()):
        raise DataError(f"{twice} exposures share request and position with another")
    starts = np.flatnonzero(~np.concatenate([[False], same]))
    return rows, np.append(starts, len(rows))


def _rewards(
    exposures: pl.DataFrame, feedback: pl.DataFrame, kind: FeedbackKind
) -> NDArray[np.float64]:
    """Largest value of `kind` received for each exposure, [exposures], 0 for none."""
    key = ["request_id", "item_id"]
    answers = feedback.filter(pl.col("kind") == kind.value)
    largest = answers.group_by(key).agg(pl.col("value").max())
    joined = exposures.select(key).join(largest, on=key, how="left", maintain_order="left")
    return joined["value"].fill_null(0.0).to_numpy()


def _propensities(exposures: pl.DataFrame) -> NDArray[np.float64]:
    logged = exposures["propensity"]
    if absent := logged.null_count():
        raise DataError(
            f"exposures.propensity is null in {absent} of {len(logged)} rows; off-policy "
            "evaluation needs the probability with which each item was shown"
        )
    return logged.to_numpy()


def _codes(ids: pl.Series) -> NDArray[np.int64]:
    return ids.rank("dense").cast(pl.Int64).to_numpy() - 1
