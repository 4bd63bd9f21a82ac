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
    users = state.users.encode(requests["user_id"])
    items = state.items.encode(exposures["item_id"])
    values = exposures.select(state.plan.context).to_numpy().astype(np.float32)
    features = state.fold(ts, offsets, users, items, values)
    frame = RankingFrame(
        names=state.names,
        features=features,
        labels=_labels(tables, label),
        offsets=offsets,
        ts=ts,
        request_ids=requests["request_id"].to_numpy(),
        users=users.astype(np.int64),
        item_ids=exposures["item_id"].to_numpy(),
        positions=exposures["position"].fill_null(UNKNOWN_POSITION).to_numpy(),
    )
    return Replayed(frame, state)


def _labels(tables: LogTables, label: FeedbackKind) -> NDArray[np.float64]:
    received = (
        tables.feedback.filter(
            (pl.col("kind") == label.value) & pl.col("request_id").is_not_null()
        )
        .group_by("request_id", "item_id")
        .agg(label=pl.col("value").max())
    )
    joined = tables.exposures.select("request_id", "item_id").join(
        received, on=["request_id", "item_id"], how="left", maintain_order="left"
    )
    return joined["label"].fill_null(0.0).to_numpy()
