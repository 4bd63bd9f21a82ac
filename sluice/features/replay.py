"""Offline replay: a stretch of the event log through the same fold that serves online."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import TooLittleData
from sluice.features.counters import Requests
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
    # The exposures are in time order already, so they stand in the state's queue as they came.
    items, users = state.exposures.item, state.exposures.user[first]
    values = exposures.select(state.plan.context).to_numpy().astype(np.float32)
    features = state.fold(Requests(ts, offsets, users, items), values)
    frame = RankingFrame(
        names=state.names,
        features=features,
        labels=_labels(tables, label, requests["request_id"], offsets, state),
        offsets=offsets,
        ts=ts,
        request_ids=requests["request_id"].to_numpy(),
        users=users.astype(np.int64),
        item_ids=np.array(state.items.ids, dtype=object)[items],
        positions=exposures["position"].fill_null(UNKNOWN_POSITION).to_numpy(),
    )
    return Replayed(frame, state)


def _labels(
    tables: LogTables,
    label: FeedbackKind,
    requests: pl.Series,
    offsets: NDArray[np.int64],
    state: FeatureState,
) -> NDArray[np.float64]:
    """Largest value of the label received for each row."""
    answers = tables.feedback.filter(
        (pl.col("kind") == label.value) & pl.col("request_id").is_not_null()
    ).join(requests.to_frame("request_id").with_row_index("request"), on="request_id")
    labels = np.zeros(int(offsets[-1]))
    _mark(
        labels,
        offsets,
        state.exposures.item,
        answers["request"].to_numpy(),
        state.items.encode(answers["item_id"]),
        answers["value"].to_numpy(),
    )
    return labels


@njit(cache=True, nogil=True)
def _mark(labels, offsets, items, requests, answered, values):  # noqa: ANN001, ANN202 - Numba infers them
    for nth in range(len(requests)):
        for row in range(offsets[requests[nth]], offsets[requests[nth] + 1]):
            if items[row] == answered[nth]:
                labels[row] = max(labels[row], values[nth])
