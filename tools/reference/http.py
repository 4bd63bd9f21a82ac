"""docs/reference/http.md, from the OpenAPI document that the service itself answers with."""

import json
from collections.abc import Mapping
from typing import Any

from sluice.serving.openapi import openapi
from tools.reference.markdown import block, code, page, table

Json = Mapping[str, Any]
_BOUNDS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "maxLength": "at most {} characters",
    "maxItems": "at most {}", "pattern": "matches `{}`",
}  # fmt: skip


def http_page() -> str:
    """Every route with its body and answers, and every schema field by field."""
    document = openapi()
    routes = [
        (method, route, operation)
        for route, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = document["components"]["schemas"]
    return page(
        "# HTTP",
        document["info"]["description"],
        "`sluice serve SURFACE` answers these routes on 127.0.0.1:3000. `GET /docs` and "
        "`GET /openapi.json` of a running service say the same of its own version. A service with "
        "`--tokens` wants `Authorization: Bearer TOKEN`.",
        *(_route(*route) for route in routes),
        "## Schemas",
        *(_schema(name, schema) for name, schema in schemas.items()),
    )


def _route(method: str, route: str, operation: Json) -> str:
    bodies = operation.get("requestBody", {}).get("content", {})
    return page(
        f"## {method.upper()} {route}",
        operation["summary"],
        *(_body(media, content) for media, content in bodies.items()),
        table(("status", "meaning"), operation_answers(operation)),
    )


def operation_answers(operation: Json) -> list[tuple[str, str]]:
    """Each status with its description, and the schema of its content where it has one."""
    return [
        (status, f"{answer['description']}{_content(answer)}")
        for status, answer in sorted(operation["responses"].items())
    ]


def _content(answer: Json) -> str:
    schemas = [kind["schema"] for kind in answer.get("content", {}).values()]
    names = [_type(schema) for schema in schemas if "$ref" in schema]
    return f" ({', '.join(names)})" if names else ""


def _body(media: str, content: Json) -> str:
    example = content.get("example")
    return page(
        f"Body `{media}`: {_type(content['schema'])}",
        block(json.dumps(example, indent=2), "json") if example else "",
    )


def _schema(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    fields = schema.get("properties", {})
    rows = (
        (_field(key, required), _type(field), _meaning(field))
        for key, field in fields.items()
    )
    return page(
        f"### {name}",
        "" if fields else f"{_type(schema)}. {_meaning(schema)}".strip(),
        table(("field", "type", "meaning"), rows),
    )


def _field(key: str, required: set[str]) -> str:
    return code(key) + (" (required)" if key in required else "")


def _meaning(schema: Json) -> str:
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    if "enum" in schema:
        bounds.append("one of " + ", ".join(code(str(value)) for value in schema["enum"]))
    described = schema.get("description", "")
    return "; ".join(part for part in (described, *bounds) if part)


def _type(schema: Json) -> str:
    """A schema in a few words; a named one is a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(choice) for choice in schema[several]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
