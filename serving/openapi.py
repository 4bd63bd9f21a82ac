"""The contract as OpenAPI 3.1, made from the constants and schemas that the checks use."""

from functools import cache
from importlib.metadata import version
from typing import Any

import orjson

from sluice.data.limits import FLOAT32_MAX, MAX_CANDIDATES, MAX_ID_CHARACTERS
from sluice.data.schema import TABLES, FeedbackKind
from sluice.serving.body import MediaType
from sluice.serving.event_columns import CONTEXT_PATTERN as EVENT_CONTEXT
from sluice.serving.event_columns import (
    MAX_CONTEXT_COLUMNS,
    MAX_EMBEDDING,
    Column,
    Kind,
    columns,
)
from sluice.serving.events_arrow import MAX_ARROW_ROWS
from sluice.serving.events_body import MAX_EVENT_ROWS
from sluice.serving.openapi_answers import ANSWER_SCHEMAS, SECURITY, answers, described
from sluice.serving.problem import NAME_PATTERN
from sluice.serving.request import MAX_BATCH_REQUESTS
from sluice.serving.times import EARLIEST, LATEST, RFC_3339

Json = dict[str, Any]

_RANK_ERRORS = (400, 408, 413, 415, 422, 500, 503)


@cache
def openapi() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice",
            "version": version("sluice"),
            "description": "Ranks candidates for a person, and takes what happened then. Times are "
            "µs since 1970 or RFC 3339. Errors have one form and a code of a closed list, and "
            "never repeat a value that was sent.",
        },
        "paths": _paths(),
        "components": {
            "schemas": ANSWER_SCHEMAS | _request_schemas(),
            "securitySchemes": SECURITY,
        },
        "security": [{}, {"bearer": []}],
    }


@cache
def openapi_json() -> bytes:
    return orjson.dumps(openapi())


def _paths() -> Json:
    return {
        "/rank": {"post": _rank()},
        "/rank/batch": {"post": _batch()},
        "/events": {"post": _events()},
        "/livez": {
            "get": _get("livez", "Whether the process runs.", answers(200, "Alive"))
        },
        "/readyz": {
            "get": _get(
                "readyz",
                "Whether requests are answered, from which release, and how old its state is.",
                answers(200, "Readiness") | answers(503, "Readiness"),
            )
        },
        "/metrics": {
            "get": _get("metrics", "Counts for Prometheus.", _text(200, "text/plain"))
        },
        "/openapi.json": {
            "get": _get("openapi", "This document.", answers(200, "Document"))
        },
        "/docs": {"get": _get("docs", "A page to read.", _text(200, "text/html"))},
    }


def _get(name: str, summary: str, responses: Json) -> Json:
    closed = {} if name in {"livez", "readyz"} else described((401,))
    return {
        "operationId": name,
        "summary": summary,
        "responses": responses | closed | described((421, 500)),
    }


def _text(status: int, media: str) -> Json:
    return {
        str(status): {
            "description": "text",
            "content": {media: {"schema": {"type": "string"}}},
        }
    }


def _post(
    name: str, summary: str, body: Json, result: str, errors: tuple[int, ...]
) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {"required": True, "content": body},
        "responses": answers(200, result) | described((*errors, 401, 421)),
    }


def _rank() -> Json:
    summary = "Rank candidates for a person."
    body = {MediaType.JSON.value: {"schema": _ref("RankRequest"), "example": RANK_EXAMPLE}}
    return _post("rank", summary, body, "Answer", _RANK_ERRORS)


def _batch() -> Json:
    summary = "Several rankings; each is answered or refused by itself, in its own place."
    example = {"requests": [RANK_EXAMPLE]}
    body = {MediaType.JSON.value: {"schema": _ref("Batch"), "example": example}}
    return _post("rank_batch", summary, body, "Answers", _RANK_ERRORS)


def _events() -> Json:
    summary = (
        "Tell what was shown and what happened. On return it is durable, and counts for the next "
        "ranking. A row that is there already is no fault; a bad one is refused by itself."
    )
    table = {
        "name": "table",
        "in": "query",
        "required": False,
        "description": f"Which table an Arrow stream is of; up to {MAX_ARROW_ROWS} rows.",
        "schema": {"type": "string", "enum": list(TABLES)},
    }
    body = {
        MediaType.JSON.value: {"schema": _ref("Events"), "example": EVENTS_EXAMPLE},
        MediaType.ARROW.value: {"schema": {"type": "string", "format": "binary"}},
    }
    return {"parameters": [table]} | _post("events", summary, body, "Intake", _RANK_ERRORS)


def _request_schemas() -> Json:
    return {
        "Id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS},
        "Time": {
            "description": "µs since 1970, or RFC 3339 with an offset",
            "oneOf": [
                {"type": "integer", "minimum": EARLIEST, "maximum": LATEST},
                {"type": "string", "format": "date-time", "pattern": RFC_3339},
            ],
        },
        "Number": {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX},
        "RankRequest": _rank_request(),
        "Batch": {
            "type": "object",
            "required": ["requests"],
            "additionalProperties": False,
            "properties": {
                "requests": {
                    "type": "array",
                    "maxItems": MAX_BATCH_REQUESTS,
                    "description": f"up to {MAX_CANDIDATES} candidates together",
                    # Each is judged by itself, so a bad one does not make the batch bad.
                    "items": {"anyOf": [_ref("RankRequest"), {}]},
                }
            },
        },
        "Events": {
            "type": "object",
            "additionalProperties": False,
            "description": f"up to {MAX_EVENT_ROWS} rows together",
            "properties": {
                table: {
                    "type": "array",
                    "maxItems": MAX_EVENT_ROWS,
                    "items": {"anyOf": [_ref(ROW_SCHEMAS[table]), {}]},
                }
                for table in TABLES
            },
        },
    } | {name: _row(table) for table, name in ROW_SCHEMAS.items()}


ROW_SCHEMAS = {"exposures": "Exposure", "feedback": "Feedback", "items": "Item"}


def _rank_request() -> Json:
    numbers = {"type": "array", "items": _ref("Number"), "maxItems": MAX_CANDIDATES}
    return {
        "type": "object",
        "required": ["user_id", "candidates"],
        "additionalProperties": False,
        "properties": {
            "user_id": _ref("Id") | {"description": "pseudonym of the person"},
            "candidates": {
                "type": "array",
                "items": _ref("Id"),
                "maxItems": MAX_CANDIDATES,
                "uniqueItems": True,
                "description": "ids of the items to rank",
            },
            "ts": _ref("Time")
            | {"description": "when the request is made; the server's clock if left out"},
            "context": {
                "type": "object",
                "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
                "additionalProperties": {"anyOf": [_ref("Number"), numbers]},
                "description": "facts of the request: a number, or one for each candidate",
            },
            "request_id": _ref("Id")
            | {"description": "yours, to name the request in /events; drawn if left out"},
            "revenue": {
                "anyOf": [
                    {
                        "type": "array",
                        "maxItems": MAX_CANDIDATES,
                        "items": {"anyOf": [_ref("Number"), {"type": "null"}]},
                    },
                    {"type": "null"},
                ],
                "description": "expected revenue of each candidate that is an ad, null for others",
            },
        },
    }


def _row(table: str) -> Json:
    declared = columns(table)
    schema: Json = {
        "type": "object",
        "required": [column.name for column in declared if column.required],
        "additionalProperties": False,
        "properties": {column.name: _column(column) for column in declared},
    }
    if table == "exposures":
        schema["patternProperties"] = {EVENT_CONTEXT: _nullable(_ref("Number"))}
        schema["description"] = (
            "user_id, surface and ts may be left out of a request that the service answered; up to "
            f"{MAX_CONTEXT_COLUMNS} context columns"
        )
    return schema


def _column(column: Column) -> Json:
    schema = _VALUES[column.kind]
    if column.name == "kind":
        schema = {"type": "string", "enum": [str(kind) for kind in FeedbackKind]}
    if not column.required:
        schema = _nullable(schema)
    return schema | {"description": column.meaning}


def _nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_VALUES: dict[Kind, Json] = {
    Kind.TEXT: _ref("Id"),
    Kind.TIME: _ref("Time"),
    Kind.INTEGER: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    Kind.NUMBER: {"type": "number"},
    Kind.FLOAT32: _ref("Number"),
    Kind.VECTOR: {"type": "array", "items": _ref("Number"), "maxItems": MAX_EMBEDDING},
}

RANK_EXAMPLE: Json = {
    "user_id": "u1",
    "candidates": ["a", "b", "c"],
    "request_id": "r-2026-01-31-17",
}
EVENTS_EXAMPLE: Json = {
    "exposures": [{"request_id": "r-2026-01-31-17", "item_id": "b", "position": 1}],
    "feedback": [
        {
            "request_id": "r-2026-01-31-17",
            "user_id": "u1",
            "item_id": "b",
            "kind": "click",
            "value": 1,
            "ts": "2026-01-31T08:00:09Z",
        }
    ],
}
