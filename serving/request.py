"""The bodies of POST /rank and POST /rank/batch: checked by hand, because it is the hot path.

Whatever is accepted here can be stored in the event log: the limits are the log's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.data.limits import (
    CLOCK_AHEAD,
    FLOAT32_MAX,
    MAX_CANDIDATES,
    MAX_ID_CHARACTERS,
    OLDEST,
)
from sluice.serving.problem import Code, Rejected, nameable, unfit
from sluice.serving.strict_json import decode_object
from sluice.serving.times import micros, parse_time

MAX_BODY_BYTES = 1 << 20
MAX_BATCH_BODY_BYTES = 2 << 20
MAX_BATCH_REQUESTS = 100
RANK_FIELDS = ("user_id", "candidates", "ts", "context", "request_id", "revenue")
BATCH_FIELDS = ("requests",)

_OLDEST = micros(OLDEST)
_AHEAD = micros(OLDEST + CLOCK_AHEAD) - _OLDEST
_RANK_FIELDS = frozenset(RANK_FIELDS)


@dataclass(frozen=True)
class RankRequest:
    """One body of POST /rank that may be answered."""

    user_id: str
    candidates: tuple[str, ...]
    ts: int | None
    """µs since the epoch; None where the server's clock is meant."""
    context: Mapping[str, float | Sequence[float]]
    """A number, or one for each candidate."""
    request_id: str | None
    revenue: tuple[float | None, ...] | None = None
    """Expected revenue of showing each candidate that is an ad; None for an organic one."""


def parse_rank(body: bytes, now: int) -> RankRequest:
    """Read and check a body.

    Args:
        body: JSON in UTF-8.
        now: the server's clock, µs since the epoch.

    Raises:
        Rejected: 400 where it is no JSON object, 413 where it asks for too much, 422 where a field
            is unknown, missing or not what it must be.
    """
    return _rank_request(decode_object(body), now)


def parse_batch(body: bytes, now: int) -> tuple[RankRequest | Rejected, ...]:
    """Read a body of several requests; each is checked by itself, in its own place.

    Raises:
        Rejected: the body as a whole is no batch (400, 422), or too large a one (413).
    """
    fields = decode_object(body)
    _refuse_unknown(fields, frozenset(BATCH_FIELDS), BATCH_FIELDS)
    requests = fields.get("requests")
    if not isinstance(requests, list):
        code = Code.WRONG_TYPE if "requests" in fields else Code.MISSING
        raise unfit("requests", code, "requests must be a list of bodies of POST /rank")
    if len(requests) > MAX_BATCH_REQUESTS:
        message = f"{len(requests)} requests; a batch may have {MAX_BATCH_REQUESTS}"
        raise Rejected(413, message, field="requests")
    parsed = tuple(_request_or_error(request, now) for request in requests)
    total = sum(
        len(request.candidates) for request in parsed if isinstance(request, RankRequest)
    )
    if total > MAX_CANDIDATES:
        message = f"{total} candidates; a batch may have {MAX_CANDIDATES} together"
        raise Rejected(413, message, field="requests")
    return parsed


def _request_or_error(value: Any, now: int) -> RankRequest | Rejected:
    if not isinstance(value, dict):
        return unfit(None, Code.WRONG_TYPE, "every request must be an object")
    try:
        return _rank_request(value, now)
    except Rejected as error:
        return error


def _rank_request(fields: Mapping[str, Any], now: int) -> RankRequest:
    if not fields.keys() <= _RANK_FIELDS:
        _refuse_unknown(fields, _RANK_FIELDS, RANK_FIELDS)
    candidates = _candidates(fields)
    return RankRequest(
        user_id=_id("user_id", _required("user_id", fields)),
        candidates=candidates,
        ts=_ts(fields["ts"], now) if "ts" in fields else None,
        context=_context(fields.get("context", {}), len(candidates)),
        request_id=_id("request_id", fields["request_id"])
        if "request_id" in fields
        else None,
        revenue=_revenue(fields.get("revenue"), len(candidates)),
    )


def _refuse_unknown(
    fields: Mapping[str, Any], allowed: frozenset[str], listed: Sequence[str]
) -> None:
    unknown = [name for name in fields if name not in allowed]
    if unknown:
        field = unknown[0] if nameable(unknown[0]) else None
        message = f"{len(unknown)} unknown field(s); there are: {', '.join(sorted(listed))}"
        raise unfit(field, Code.UNKNOWN_FIELD, message)


def _required(name: str, fields: Mapping[str, Any]) -> Any:
    value = fields.get(name)
    if value is None:
        raise unfit(name, Code.MISSING, f"{name} must be given")
    return value


def _id(name: str, value: Any) -> str:
    message = f"{name} must be a text of 1 to {MAX_ID_CHARACTERS} characters"
    if not isinstance(value, str):
        raise unfit(name, Code.WRONG_TYPE, message)
    if not value:
        raise unfit(name, Code.EMPTY, message)
    if len(value) > MAX_ID_CHARACTERS:
        raise unfit(name, Code.TOO_LONG, message)
    if not encodable(value):
        raise unfit(
            name, Code.NOT_UNICODE, f"{name} holds a lone surrogate, which is no character"
        )
    return value


def encodable(text: str) -> bool:
    """Whether a text can be stored: JSON can spell half of a surrogate pair, UTF-8 cannot."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _candidates(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = _required("candidates", fields)
    if not isinstance(value, list):
        raise unfit("candidates", Code.WRONG_TYPE, "candidates must be a list of item ids")
    if len(value) > MAX_CANDIDATES:
        message = f"{len(value)} candidates; a request may have {MAX_CANDIDATES}"
        raise Rejected(413, message, field="candidates")
    for item in value:
        if type(item) is not str or not 0 < len(item) <= MAX_ID_CHARACTERS:
            _refuse_candidate(value)
    if len(set(value)) != len(value):
        raise _repeated(value)
    if not encodable("".join(value)):
        _refuse_candidate(value)
    return tuple(value)


def _refuse_candidate(value: Sequence[Any]) -> None:
    """Name the first candidate that is no id."""
    for row, item in enumerate(value):
        _id(f"candidates[{row}]", item)


def _repeated(value: Sequence[str]) -> Rejected:
    places: set[str] = set()
    row = next(row for row, item in enumerate(value) if item in places or places.add(item))
    twice = len(value) - len(set(value))
    message = f"{twice} candidate(s) are given more than once"
    return unfit(f"candidates[{row}]", Code.GIVEN_TWICE, message)


def _ts(value: Any, now: int) -> int:
    time = parse_time(value)
    if time is None:
        message = "ts must be whole µs since 1970, or RFC 3339 like 2026-01-31T08:00:00Z"
        raise unfit("ts", Code.NOT_A_TIME, message)
    if time < _OLDEST:
        message = "ts lies before 1990; is it in another unit than µs?"
        raise unfit("ts", Code.BEFORE_1990, message)
    if time > now + _AHEAD:
        seconds = CLOCK_AHEAD.total_seconds()
        message = f"ts lies more than {seconds:g} s ahead of the server's clock"
        raise unfit("ts", Code.IN_THE_FUTURE, message)
    return time


def _context(value: Any, candidates: int) -> dict[str, float | Sequence[float]]:
    if not isinstance(value, dict):
        raise unfit("context", Code.WRONG_TYPE, "context must be an object of numbers")
    columns: dict[str, float | Sequence[float]] = {}
    for name, numbers in value.items():
        if not nameable(name):
            message = "names in context are lower-case letters, digits and _, up to 64"
            raise unfit("context", Code.UNKNOWN_FIELD, message)
        columns[name] = _number_or_column(f"context.{name}", numbers, candidates)
    return columns


def _revenue(value: Any, candidates: int) -> tuple[float | None, ...] | None:
    if value is None:
        return None
    message = "revenue must be a list with a number or null for each candidate"
    if not isinstance(value, list):
        raise unfit("revenue", Code.WRONG_TYPE, message)
    if len(value) != candidates:
        raise unfit("revenue", Code.WRONG_LENGTH, message)
    return tuple(
        None if number is None else _number(f"revenue[{row}]", number)
        for row, number in enumerate(value)
    )


def _number_or_column(field: str, value: Any, candidates: int) -> float | tuple[float, ...]:
    if not isinstance(value, list):
        return _number(field, value)
    if len(value) != candidates:
        message = f"a list in context has {len(value)} numbers for {candidates} candidates"
        raise unfit(field, Code.WRONG_LENGTH, message)
    return tuple(_number(f"{field}[{row}]", number) for row, number in enumerate(value))


def _number(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = "numbers must stand here, or a list with one for each candidate"
        raise unfit(field, Code.WRONG_TYPE, message)
    if not abs(value) <= FLOAT32_MAX:  # also true of NaN
        raise unfit(field, Code.NOT_FINITE, "a number is not finite as a float32")
    return float(value)
