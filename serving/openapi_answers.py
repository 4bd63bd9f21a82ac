"""The schemas of what is sent back, and of errors."""

from typing import Any

from sluice.data.schema import TABLES
from sluice.serving.port import RefusalReason, Status
from sluice.serving.problem import Code

Json = dict[str, Any]

SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "needed where the service was started with tokens",
    }
}

ERROR_MEANINGS = {
    400: "The body is not what its content type says.",
    401: "A token is needed, and was not sent or is wrong.",
    408: "The body did not arrive in time.",
    413: "Too many bytes, candidates, requests or rows.",
    415: "The content type is none that the route takes.",
    421: "The Host header names no host of this service.",
    422: "A field is unknown, missing, or not what it must be.",
    500: "The server's own fault; its log says what happened.",
    503: "It cannot answer now; come back after Retry-After seconds.",
}


def answers(status: int, name: str) -> Json:
    """A response with one JSON schema."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {
        str(status): {
            "description": name,
            "content": {"application/json": {"schema": schema}},
        }
    }


def described(statuses: tuple[int, ...]) -> Json:
    """The error responses of a route."""
    responses: Json = {}
    for status in sorted(statuses):
        response = answers(status, "Problem")[str(status)]
        response["description"] = ERROR_MEANINGS[status]
        if status == 503:
            seconds = {"schema": {"type": "integer", "minimum": 0}, "required": True}
            response["headers"] = {"Retry-After": seconds}
        responses[str(status)] = response
    return responses


def _object(properties: Json, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        "properties": properties,
    }


_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FLAG: Json = {"type": "boolean"}
_SECONDS: Json = {"type": ["number", "null"], "description": "seconds"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_PROBLEM: Json = {
    "type": "object",
    "required": ["code", "field", "message"],
    "additionalProperties": False,
    "properties": {
        "code": {"type": "string", "enum": [str(code) for code in Code]},
        "field": {
            "type": ["string", "null"],
            "description": "path of the field at fault, such as candidates[3]",
        },
        "message": _TEXT,
    },
}
_RANKED = _object(
    {
        "item_id": _TEXT,
        "score": {"type": "number"},
        "position": {"type": "integer", "minimum": 1},
    }
)

ANSWER_SCHEMAS: Json = {
    "Problem": _object({"error": _PROBLEM}),
    "Answer": _object(
        {
            "request_id": _TEXT | {"description": "name it in /events"},
            "release": _TEXT | {"description": "digest of the release that ranked"},
            "version": {"type": "integer"},
            "arm": _TEXT | {"description": "champion, or the canary that answered"},
            "epoch": {"type": "integer"},
            "ts": {"type": "integer", "description": "as of when everything was known, µs"},
            "state_age_s": _SECONDS,
            "degraded": _FLAG | {"description": "worse than declared; reasons says why"},
            "reasons": _TEXTS,
            "unknown_items": _COUNT | {"description": "candidates nothing is known of"},
            "unknown_user": _FLAG,
            "items": {"type": "array", "items": _RANKED, "description": "top slot first"},
        },
        optional=("epoch",),
    ),
    "Answers": _object(
        {
            "answers": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Answer"},
                        _object({"status": {"type": "integer"}, "error": _PROBLEM}),
                    ]
                },
            }
        }
    ),
    "Intake": _object(
        {
            "accepted": _COUNT,
            "repeated": _COUNT | {"description": "rows that were there already"},
            "refused": {
                "type": "array",
                "items": _object(
                    {
                        "table": {"type": "string", "enum": list(TABLES)},
                        "row": _COUNT | {"description": "counted from 0, as sent"},
                        "field": {"type": ["string", "null"]},
                        "code": _TEXT,
                        "message": _TEXT,
                    }
                ),
            },
        }
    ),
    "Alive": _object({"status": {"const": "alive"}}),
    "Readiness": _object(
        {
            "status": {"type": "string", "enum": [str(status) for status in Status]},
            "error": _PROBLEM,
            "release": _TEXT,
            "surface": _TEXT,
            "version": {"type": "integer"},
            "epoch": {"type": "integer"},
            "state_age_s": _SECONDS,
            "position": _COUNT | {"description": "last batch of the log in the state"},
            "behind": _COUNT | {"description": "batches of the log not in it yet"},
            "late": _COUNT | {"description": "events that came too late to count in time"},
            "refused": _object(
                {
                    "code": {
                        "type": "string",
                        "enum": [str(reason) for reason in RefusalReason],
                    },
                    "message": _TEXT,
                }
            ),
            "reasons": _TEXTS,
        },
        optional=(
            "error",
            "release",
            "surface",
            "version",
            "epoch",
            "state_age_s",
            "position",
            "behind",
            "late",
            "refused",
            "reasons",
        ),
    ),
    "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
}
