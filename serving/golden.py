"""Golden requests: recorded questions with the scores and the order that they got when packaged.

Scores are written as hexadecimal floats, so that equality means the same bits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sluice.data.digest import canonical_json
from sluice.data.schema import CONTEXT_PREFIX
from sluice.errors import IntegrityError
from sluice.features.state.feature_state import Request
from sluice.serving.scorer import Scorer

GOLDEN_NAME = "golden.json"


@dataclass(frozen=True)
class GoldenRequest:
    """One request, and the scores and the order it must get."""

    request: Request
    scores: tuple[float, ...]
    """In the order of the request's candidates."""
    order: tuple[int, ...]
    """Rows from the top slot down."""


class _Recorded(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user_id: str
    item_ids: Annotated[tuple[str, ...], Field(strict=False)]
    ts: int
    context: dict[str, float | Annotated[tuple[float, ...], Field(strict=False)]]
    scores: Annotated[tuple[str, ...], Field(strict=False)]
    order: Annotated[tuple[int, ...], Field(strict=False)]


_GOLDEN = TypeAdapter(list[_Recorded])


def sample_requests(exposures: pl.DataFrame, since: int, count: int) -> tuple[Request, ...]:
    """Up to `count` logged requests from `since` (µs) on, evenly spaced in time.

    Context values that are null are left out: a missing one is unknown to the ranker as well.
    """
    late = exposures.filter(pl.col("ts").dt.timestamp("us") >= since)
    ids = (
        late.group_by("request_id")
        .agg(pl.col("ts").min())
        .sort("ts", "request_id")["request_id"]
    )
    if not len(ids):
        return ()
    picked = np.unique(
        np.linspace(0, len(ids) - 1, num=min(count, len(ids))).round().astype(int)
    )
    wanted = ids.gather(picked.tolist())
    rows = late.filter(pl.col("request_id").is_in(wanted.implode()))
    groups = rows.partition_by("request_id", as_dict=True, maintain_order=True)
    return tuple(_request(groups[name,]) for name in wanted)


def record_golden(
    scorer: Scorer, requests: Iterable[Request], at: int
) -> tuple[GoldenRequest, ...]:
    """Ask each request, at `at` (µs) where it was asked earlier, and keep the answers.

    The state has counted the events of the recorded time, so the past cannot be asked again; from
    the end of the window (plus the embargo) on, every answer can be repeated at any later moment.
    """
    moved = [
        Request(request.user_id, request.item_ids, max(request.ts, at), request.context)
        for request in requests
    ]
    moved.sort(key=lambda request: request.ts)
    return tuple(_recorded(scorer, request) for request in moved)


def encode_golden(golden: Sequence[GoldenRequest]) -> bytes:
    """The bytes of `golden.json`."""
    return canonical_json(
        [
            {
                "user_id": scored.request.user_id,
                "item_ids": list(scored.request.item_ids),
                "ts": scored.request.ts,
                "context": {
                    name: _plain(value) for name, value in scored.request.context.items()
                },
                "scores": [score.hex() for score in scored.scores],
                "order": list(scored.order),
            }
            for scored in golden
        ]
    )


def decode_golden(content: bytes) -> tuple[GoldenRequest, ...]:
    """Read the bytes of a `golden.json` whose digest has been checked.

    Raises:
        IntegrityError: it is not what `encode_golden` writes.
    """
    try:
        recorded = _GOLDEN.validate_json(content)
        return tuple(
            GoldenRequest(
                Request(request.user_id, request.item_ids, request.ts, request.context),
                tuple(float.fromhex(score) for score in request.scores),
                request.order,
            )
            for request in recorded
        )
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            f"{GOLDEN_NAME} is not a list of recorded requests with their scores"
        ) from error


def mismatches(
    golden: Sequence[GoldenRequest], answers: Sequence[Sequence[float]]
) -> tuple[int, ...]:
    """Numbers of the golden requests whose scores differ by a bit, or are missing."""
    return tuple(
        nth
        for nth, scored in enumerate(golden)
        if nth >= len(answers) or not same_bits(scored.scores, answers[nth])
    )


def same_bits(
    expected: Sequence[float], figures: Sequence[float] | NDArray[np.float64]
) -> bool:
    """Whether two vectors are equal bit for bit; unlike `==`, -0.0 differs from 0.0 and NaN is itself."""
    left, right = np.asarray(expected, np.float64), np.asarray(figures, np.float64)
    return left.tobytes() == right.tobytes()


def _recorded(scorer: Scorer, request: Request) -> GoldenRequest:
    ranking = scorer.rank(request)
    return GoldenRequest(
        request, tuple(ranking.scores.tolist()), tuple(ranking.order.tolist())
    )


def _request(rows: pl.DataFrame) -> Request:
    columns = [name for name in rows.columns if name.startswith(CONTEXT_PREFIX)]
    unique = rows.unique("item_id", keep="first", maintain_order=True)
    return Request(
        user_id=rows["user_id"][0],
        item_ids=tuple(unique["item_id"]),
        ts=int(rows["ts"].dt.timestamp("us")[0]),
        context={
            name: value for name in columns if (value := _value(unique[name])) is not None
        },
    )


def _value(column: pl.Series) -> float | tuple[float, ...] | None:
    """One number where all rows agree, one each where they do not, none where any is unknown."""
    filled = column.cast(pl.Float64).fill_nan(None)
    if filled.null_count():
        return None
    values = tuple(filled.to_list())
    return values[0] if len(set(values)) == 1 else values


def _plain(value: float | Sequence[float]) -> float | list[float]:
    return (
        float(value)
        if isinstance(value, int | float)
        else [float(number) for number in value]
    )
