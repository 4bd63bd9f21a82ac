"""Offline replay: a stretch of the event log through the same fold that serves online."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import TooLittleData
from sluice.features.frame import RankingFrame
from sluice.features.spec import FeatureSpec
from sluice.features.state import FeatureState

UNKNOWN_POSITION = 0


@dataclass(frozen=True)
class Replayed:
    """Features of every request, and the state that the log leaves behind."""

    frame: RankingFrame
    state: FeatureState


def replay(spec: FeatureSpec, label: FeedbackKind, tables: LogTables) -> Replayed:
    """Compute every request's features as they were known at its time.

    Labels are the largest value of the declared kind received for the (request, item), 0 for none.

    Raises:
        TooLittleData: there is no exposure.
    """
    exposures = tables.exposures
    if exposures.is_empty():
        raise TooLittleData("no exposures to compute features for")
    context = tuple(name for name in exposures.columns if name.startswith(CONTEXT_PREFIX))
    state = FeatureState.empty(spec, context)
    state.push(tables)
    starts = exposures["request_id"].rle_id().to_numpy()
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    offsets = np.append(first, len(starts)).astype(np.int64)
    requests = exposures[first]
    ts = requests["ts"].dt.timestamp("us").to_numpy()
    items, users = _codes(state, exposures, first)
    values = exposures.select(state.plan.context).to_numpy().astype(np.float32)
    features = state.fold(ts, offsets, users, items, values)
    frame = RankingFrame(
        names=state.names,
        features=features,
        labels=_labels(tables, label, requests["request_id"], items, starts, state),
        offsets=offsets,
        ts=ts,
        request_ids=requests["request_id"].to_numpy(),
        users=users.astype(np.int64),
        item_ids=exposures["item_id"].to_numpy(),
        positions=exposures["position"].fill_null(UNKNOWN_POSITION).to_numpy(),
    )
    return Replayed(frame, state)


def _codes(
    state: FeatureState, exposures: pl.DataFrame, first: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Item of every row and person of every request, as the state numbers them."""
    return (
        state.items.encode(exposures["item_id"]),
        state.users.encode(exposures["user_id"].gather(first)),
    )


def _labels(
    tables: LogTables,
    label: FeedbackKind,
    requests: pl.Series,
    items: NDArray[np.int32],
    request_of_row: NDArray[np.uint32],
    state: FeatureState,
) -> NDArray[np.float64]:
    """Largest value received for each row; joined on numbers, which is faster than on two strings."""
    answers = tables.feedback.filter(
        (pl.col("kind") == label.value) & pl.col("request_id").is_not_null()
    ).join(requests.to_frame("request_id").with_row_index("request"), on="request_id")
    received = answers.select(
        key=_key(answers["request"].to_numpy(), state.items.encode(answers["item_id"])),
        value="value",
    )
    rows = pl.DataFrame({"key": _key(request_of_row, items)})
    largest = received.group_by("key").agg(pl.col("value").max())
    joined = rows.join(largest, on="key", how="left", maintain_order="left")
    return joined["value"].fill_null(0.0).to_numpy()


def _key(request: NDArray[np.uint32], item: NDArray[np.int32]) -> pl.Series:
    return pl.Series("key", request.astype(np.int64) << 32 | item.astype(np.int64))
