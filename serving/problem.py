"""What is wrong with a request: one code of a closed list, the field, and a sentence.

Over HTTP this is `{"error": {"code", "field", "message"}}`. Neither message nor field ever repeats a
value that was sent, for it may be personal; a field is named by its path, such as `candidates[3]`.
"""

import re
from enum import StrEnum
from typing import Self

import orjson

from sluice.errors import Refused


class Code(StrEnum):
    """Why a request, or one row of it, is refused."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """A code that is its text, with a sentence for people."""
        code = str.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    NOT_JSON = ("not_json", "The body is no JSON object in UTF-8, or is nested too deeply.")
    NOT_ARROW = ("not_arrow", "The body is no Arrow IPC stream of plain columns.")
    DUPLICATE_KEY = ("duplicate_key", "An object gives one key twice.")
    UNAUTHORIZED = ("unauthorized", "The bearer token is missing or wrong.")
    NOT_FOUND = ("not_found", "There is no such route.")
    METHOD_NOT_ALLOWED = ("method_not_allowed", "The route answers to another method.")
    BODY_TIMEOUT = ("body_timeout", "The body did not arrive in time.")
    TOO_LARGE = ("too_large", "Too many bytes, candidates, requests or rows.")
    MEDIA_TYPE = (
        "media_type",
        "The content type is not one of those that the route takes.",
    )
    WRONG_HOST = ("wrong_host", "The Host header names none of the hosts of this service.")
    UNKNOWN_FIELD = ("unknown_field", "There is no field, column or table of this name.")
    MISSING = ("missing", "A field that must be there is not, or is null.")
    WRONG_TYPE = ("wrong_type", "The value is of another type.")
    TOO_LONG = ("too_long", "A text has too many characters.")
    EMPTY = ("empty", "A text has no character.")
    NOT_UNICODE = (
        "not_unicode",
        "A text holds half of a surrogate pair, which no file can store.",
    )
    NOT_FINITE = ("not_finite", "NaN, infinite, or too large for the number's type.")
    OUT_OF_RANGE = ("out_of_range", "The value lies outside of what the field may be.")
    NOT_A_TIME = ("not_a_time", "Neither µs since 1970 nor RFC 3339 with an offset.")
    IN_THE_FUTURE = (
        "in_the_future",
        "The time lies ahead of the server's clock by more than is allowed.",
    )
    BEFORE_1990 = (
        "before_1990",
        "The time lies before 1990: mostly one in another unit than µs.",
    )
    GIVEN_TWICE = ("given_twice", "An item stands in one request more than once.")
    WRONG_LENGTH = ("wrong_length", "A list does not have one entry for each candidate.")
    DOES_NOT_FIT = (
        "does_not_fit",
        "The release in service cannot answer this: a time before its state, an unknown context.",
    )
    NO_RELEASE = ("no_release", "No release is in service yet.")
    NO_EVENT_LOG = "no_event_log", "The service has no event log to take events into."
    OVERLOADED = (
        "overloaded",
        "As much work is under way as may be; come back after Retry-After seconds.",
    )
    BROKEN = ("broken", "The fault is the server's; its log says what happened.")
    CLOSED_BY_CLIENT = (
        "closed_by_client",
        "The client went away before its body was complete.",
    )


_BY_STATUS = {
    400: Code.NOT_JSON,
    401: Code.UNAUTHORIZED,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.BODY_TIMEOUT,
    413: Code.TOO_LARGE,
    415: Code.MEDIA_TYPE,
    421: Code.WRONG_HOST,
    499: Code.CLOSED_BY_CLIENT,
    500: Code.BROKEN,
    503: Code.NO_RELEASE,
}

NAME_PATTERN = "[a-z][a-z0-9_]{0,63}"
"""What the name of a field is like."""

_NAMEABLE = re.compile(NAME_PATTERN)


class Rejected(Refused):
    """A request over HTTP that is refused; never repeats what was sent, which may be personal.

    Attributes:
        status: of the HTTP answer.
        code: one of the closed list; the usual one of the status where it is left out.
        field: path of the field at fault, None where the fault is no single field's.
        retry_after: seconds after which to come back, None where coming back does not help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: Code | None = None,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or _BY_STATUS.get(status, Code.DOES_NOT_FIT)
        self.field = field
        self.retry_after = 1 if retry_after is None and status == 503 else retry_after


def unfit(field: str | None, code: Code, message: str) -> Rejected:
    """A field that is not what it must be."""
    return Rejected(422, message, code=code, field=field)


def nameable(key: str) -> bool:
    """Whether a key that a client chose may stand in an error: the name of a field, not a text."""
    return _NAMEABLE.fullmatch(key) is not None


def problem_body(error: Rejected) -> bytes:
    """The JSON of an error."""
    return orjson.dumps({"error": problem(error)})


def problem(error: Rejected) -> dict[str, str | None]:
    return {"code": error.code, "field": error.field, "message": str(error)}
