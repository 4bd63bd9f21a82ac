"""Offline replay: a stretch of the event log through the same fold that serves online."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import TooLittleData
from sluice.features.declaration.spec import EXPOSURE, FeatureSpec
from sluice.features.engine.counters import Requests
from sluice.features.state.alike_refit import fold_in_spans, refuse_parts
from sluice.features.state.alike_vectors import Fit, user_vectors
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.frame import RankingFrame
from sluice.features.state.outcomes import Shown
from sluice.features.strings.codes import fingerprints
from sluice.features.strings.runs import runs

UNKNOWN_POSITION = 0


@dataclass(frozen=True)
class Replayed:
    """Features of every request, and the state that the log leaves behind."""

    frame: RankingFrame
    state: FeatureState


def replay(
    spec: FeatureSpec,
    label: FeedbackKind,
    tables: LogTables,
    kinds: tuple[FeedbackKind, ...] = (),
    *,
    vectors: Fit | None = None,
) -> Replayed:
    """Compute every request's features as they were known at its time.

    Labels are the largest value of the declared kind received for the (request, item), 0 for none;
    the frame's feedback holds the same of each of the `kinds`.

    Args:
        spec: the declaration.
        label: what is learned.
        tables: the whole log.
        kinds: further feedback that the frame holds.
        vectors: makes the vectors of people where `features.alike` is declared, as `user_vectors` where
            left out; a placebo permutes them.

    Raises:
        TooLittleData: there is no exposure.
    """
    state = FeatureState.empty(spec, context_of(tables))
    return Replayed(
        _replay_into(state, label, tables, kinds, vectors or user_vectors), state
    )


def replay_days(
    spec: FeatureSpec,
    label: FeedbackKind,
    days: Iterable[LogTables],
    kinds: tuple[FeedbackKind, ...] = (),
) -> Iterator[RankingFrame]:
    """The frames of a log that does not fit into memory, a day (or any other stretch) at a time.

    Features are those of one replay of all days together. A label counts if its feedback lies in
    its request's day or in a day before. Memory holds one day and the state, which a `horizon`
    keeps from growing with the log.

    Args:
        spec: the declaration.
        label: what is learned.
        days: in time order; each brings what was shown and received in it.
        kinds: further feedback that the frames hold.

    Raises:
        TooLittleData: a day has no exposure.
        DataError: a day holds what was known before the end of the one before it.
        ConfigError: `features.alike` is declared, whose vectors are made of the whole log.
    """
    refuse_parts(spec)
    state = None
    for day in days:
        state = state or FeatureState.empty(spec, context_of(day))
        yield replay_into(state, label, day, kinds)


def replay_into(
    state: FeatureState,
    label: FeedbackKind,
    tables: LogTables,
    kinds: tuple[FeedbackKind, ...] = (),
) -> RankingFrame:
    """The frame of a stretch of log that follows on what the state knows, which it then adds.

    Raises:
        TooLittleData: there is no exposure.
        DataError: something was known before the state's clock.
        ConfigError: `features.alike` is declared, whose vectors are made of the whole log.
    """
    refuse_parts(state.spec)
    return _replay_into(state, label, tables, kinds, user_vectors)


def _replay_into(
    state: FeatureState,
    label: FeedbackKind,
    tables: LogTables,
    kinds: tuple[FeedbackKind, ...],
    vectors: Fit,
) -> RankingFrame:
    exposures = tables.exposures
    if exposures.is_empty():
        raise TooLittleData("no exposures to compute features for")
    arrivals = state.push(tables).arrivals
    shown = arrivals[EXPOSURE]
    request_ids, offsets = runs(exposures["request_id"])
    first = offsets[:-1]
    ts = exposures["ts"].gather(first).dt.timestamp("us").to_numpy()
    asked_by = shown.user[first]
    values = exposures.select(state.plan.context).to_numpy().astype(np.float32)
    requests = Requests(ts, offsets, asked_by, shown.item)
    features = fold_in_spans(state, requests, values, vectors)
    answered = Shown(request_ids, offsets, shown.item, state.ids.items)
    coded = {kind: events.item for kind, events in arrivals.items()}
    outcomes = answered.outcomes(tables.feedback, (label, *kinds), coded)
    return RankingFrame(
        names=state.names,
        features=features,
        labels=outcomes[label.value],
        offsets=offsets,
        ts=ts,
        request_ids=request_ids.to_numpy(),
        users=fingerprints(exposures["user_id"].gather(first)),
        item_ids=state.ids.items.ids[shown.item],
        positions=exposures["position"].fill_null(UNKNOWN_POSITION).to_numpy(),
        feedback={kind.value: outcomes[kind.value].astype(np.float32) for kind in kinds},
    )


def context_of(tables: LogTables) -> tuple[str, ...]:
    """Names of the log's context columns."""
    return tuple(
        name for name in tables.exposures.columns if name.startswith(CONTEXT_PREFIX)
    )
