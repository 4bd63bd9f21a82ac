"""JSON as strictly as a contract wants it: no key twice, no NaN, and the fault named.

Python's own decoder is used rather than a faster one: it takes 5 µs for 100 candidates against 4,
and it alone shows a key that is given twice, and tells NaN from broken JSON.
"""

import json
from typing import Any, NoReturn

from sluice.serving.problem import Code, Rejected


class _NotFiniteError(ValueError):
    """NaN or Infinity stood where a number should."""


class _KeyTwiceError(ValueError):
    """An object gives one key twice."""


def _refuse_constant(_: str) -> NoReturn:
    raise _NotFiniteError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _KeyTwiceError
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        Rejected: 400 where it is none, 422 where it holds NaN or Infinity.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except _NotFiniteError as error:
        raise Rejected(
            422,
            "NaN and Infinity are not numbers; leave an unknown number out",
            code=Code.NOT_FINITE,
        ) from error
    except _KeyTwiceError as error:
        raise Rejected(
            400, "a key is given twice in one object", code=Code.DUPLICATE_KEY
        ) from error
    except RecursionError as error:
        raise Rejected(400, "the body is nested too deeply") from error
    except ValueError as error:
        raise Rejected(400, "the body is not JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise Rejected(400, "the body must be a JSON object")
    return value
