"""What was answered becomes what was shown: exposures completed by, and held against, the answers.

The client says which items were shown; what the service knows of them better (slot, score,
propensity, release, context) it need not repeat, and cannot change.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sluice.data.frames import complete, conform, context_columns, dtypes
from sluice.data.schema import CONTEXT_PREFIX
from sluice.serving.prediction import Prediction
from sluice.serving.served_request import ServedRequest, ServedSlot

_KEY = ("request_id", "item_id")
_FLOATS = frozenset({"score", "propensity"})
_ROUNDED = 1e-6
"""Relative difference that a client's rounding to float32 or to some digits makes."""

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class RefusedExposure:
    """A row that says otherwise than the answer; the message repeats neither."""

    row: int
    field: str
    code: str
    message: str


@dataclass(frozen=True)
class CompletedExposures:
    """What may be logged, and what may not."""

    frame: pl.DataFrame
    """In the event log's schema, but that columns of requests not answered here may be null."""
    rows: tuple[int, ...]
    """[frame]; the row that each was among those confirmed."""
    refused: tuple[RefusedExposure, ...]


def complete_exposures(
    exposures: pl.DataFrame, served: Mapping[str, Sequence[ServedRequest]]
) -> CompletedExposures:
    """Fill in what the answers know, and refuse rows that contradict them, each by itself.

    A request id that was answered more than once (a client's retry) is held against the answer that
    agrees with most of its rows, the newest of several: the client shows one answer, and only it
    knows which. Requests that were not answered here are taken as they are.

    Args:
        exposures: rows as they came; any column but `request_id` and `item_id` may be left out or
            null.
        served: answers by request id, newest first (`ServedRequests.lookup`).
    """
    columns, names = _columns(exposures, served)
    answers = _chosen(columns, names, served)
    kept: list[int] = []
    refused: list[RefusedExposure] = []
    for row, request_id in enumerate(columns["request_id"]):
        answer = answers.get(request_id)
        field = _contradicted(columns, names, row, answer) if answer else None
        if answer and field:
            refused.append(_refusal(row, field))
            continue
        if answer:
            slot = answer.slots[columns["item_id"][row]]
            for name, value in _facts(answer, slot, names):
                columns[name][row] = value
        kept.append(row)
    frame = _frame(
        {name: [column[row] for row in kept] for name, column in columns.items()}
    )
    return CompletedExposures(frame, tuple(kept), tuple(refused))


def shown_exposures(
    predictions: Iterable[Prediction], surface: str, down_to: int
) -> pl.DataFrame:
    """Exposures of answers that are declared to be shown whole, down to slot `down_to`.

    An id that was answered twice keeps the first answer: a request is logged once.
    """
    first: dict[str, Prediction] = {}
    for prediction in predictions:
        first.setdefault(prediction.request_id, prediction)
    served = {
        name: [ServedRequest.of(prediction, surface)] for name, prediction in first.items()
    }
    pairs = [
        (name, prediction.candidates[row])
        for name, prediction in first.items()
        for row in prediction.order[:down_to]
    ]
    rows = pl.DataFrame(pairs, schema=dict.fromkeys(_KEY, pl.String), orient="row")
    return conform("exposures", complete_exposures(rows, served).frame)


def _columns(
    exposures: pl.DataFrame, served: Mapping[str, Sequence[ServedRequest]]
) -> tuple[Columns, tuple[str, ...]]:
    """Every column as a list, times in µs, absent ones all None; and names of the context."""
    frame = complete("exposures", exposures)
    answered = {
        name
        for request_id in set(frame["request_id"].to_list())
        for candidate in served.get(request_id, ())
        for name in candidate.context
    }
    names = tuple(sorted({*context_columns(frame), *answered}))
    if "ts" in frame.columns:
        frame = frame.with_columns(pl.col("ts").dt.timestamp("us"))
    columns = {
        name: frame[name].to_list() if name in frame.columns else [None] * frame.height
        for name in (*dtypes("exposures"), *names)
    }
    return columns, names


def _frame(columns: Columns) -> pl.DataFrame:
    types = dtypes("exposures")
    schema = {name: types.get(name, pl.Float32()) for name in columns}
    at = pl.Series("ts", columns["ts"], pl.Int64).cast(types["ts"])
    return pl.DataFrame(columns | {"ts": at}, schema=schema)


def _chosen(
    columns: Columns, names: tuple[str, ...], served: Mapping[str, Sequence[ServedRequest]]
) -> dict[str, ServedRequest]:
    """The answer that each request id is held against."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, request_id in enumerate(columns["request_id"]):
        rows[request_id].append(row)
    chosen: dict[str, ServedRequest] = {}
    for request_id, those in rows.items():
        if answers := served.get(request_id):
            # `max` keeps the first of equals, which is the newest.
            chosen[request_id] = max(
                answers,
                key=lambda answer, those=those: sum(
                    _contradicted(columns, names, row, answer) is None for row in those
                ),
            ) if len(answers) > 1 else answers[0]  # fmt: skip
    return chosen


def _contradicted(
    columns: Columns, names: tuple[str, ...], row: int, answer: ServedRequest
) -> str | None:
    """The first field of a row that says otherwise than the answer."""
    slot = answer.slots.get(columns["item_id"][row])
    if slot is None:
        return "item_id"
    for name, value in _facts(answer, slot, names):
        contradicted = columns[name][row]
        if contradicted is not None and not _agree(name, contradicted, value):
            return name
    return None


def _facts(
    answer: ServedRequest, slot: ServedSlot, names: tuple[str, ...]
) -> Iterable[tuple[str, Any]]:
    """What the service knows of one row, by column."""
    yield "user_id", answer.user_id
    yield "surface", answer.surface
    yield "ts", answer.ts
    yield "position", slot.position
    yield "propensity", slot.propensity
    yield "score", slot.score
    yield "release", answer.release
    for name in names:
        if name in answer.context:
            yield name, answer.context_at(name, slot)


def _agree(name: str, text: Any, value: Any) -> bool:
    if name in _FLOATS:
        return math.isclose(text, value, rel_tol=_ROUNDED, abs_tol=1e-12)
    if name.startswith(CONTEXT_PREFIX):
        return bool(np.float32(text) == np.float32(value))
    return text == value


def _refusal(row: int, field: str) -> RefusedExposure:
    if field == "item_id":
        return RefusedExposure(
            row, field, "exposures.item_id.not_served",
            "the request was answered here, and the item had no slot in the answer; confirm only "
            "items of the answer",
        )  # fmt: skip
    return RefusedExposure(
        row, field, f"exposures.{field}.contradicts_served",
        f"{field} is not what was answered under this request id; leave it out, it is filled in",
    )  # fmt: skip
