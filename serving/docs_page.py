"""The contract as a page to read: rendered here from the OpenAPI document, without a script."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from typing import Any

from sluice.serving.openapi import EVENTS_EXAMPLE, RANK_EXAMPLE, openapi
from sluice.serving.problem import Code
from sluice.serving.reply import Headers

DOCS_HEADERS: Headers = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
)

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { margin: .5rem 0 0; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: 4px; }
pre code { overflow-wrap: normal; }
td code { white-space: nowrap; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1rem; white-space: nowrap; }
.method { font-weight: 600; }
"""

_PYTHON = """from sluice.serving.client import Client

with Client("http://127.0.0.1:3000") as sluice:
    answer = sluice.rank("u1", ["a", "b", "c"])
    sluice.events(
        exposures=[
            {"request_id": answer.request_id, "item_id": item.item_id, "position": item.position}
            for item in answer.items
        ]
    )
"""


@cache
def docs_page() -> bytes:
    """HTML in UTF-8."""
    document = openapi()
    paths: dict[str, Any] = document["paths"]
    shown: set[str] = set()
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Sluice API</title><style>{_STYLE}</style></head><body>",
        f"<h1>Sluice API</h1><p>{escape(document['info']['description'])} For machines: "
        '<a href="/openapi.json">/openapi.json</a>.</p>',
        _navigation(paths),
        *(
            _route(path, method, operation, shown)
            for path, operations in paths.items()
            for method, operation in operations.items()
        ),
        _examples(),
        _errors(),
        "</body></html>",
    ]
    return "\n".join(parts).encode()


def _navigation(paths: Iterable[str]) -> str:
    links = " ".join(f'<a href="#{_anchor(path)}">{escape(path)}</a>' for path in paths)
    return f'<nav aria-label="Routes">{links} <a href="#errors">errors</a></nav>'


def _anchor(path: str) -> str:
    return path.strip("/").replace("/", "-").replace(".", "-").replace(" ", "-")


def _route(path: str, method: str, operation: Mapping[str, Any], shown: set[str]) -> str:
    parts = [
        f'<h2 id="{_anchor(path)}"><code><span class="method">{method.upper()}</span> '
        f"{escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
    ]
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h3>Body: <code>{escape(media)}</code></h3>")
        parts += [_fields(table, "Needed", shown) for table in _schemas(body["schema"])]
    for parameter in operation.get("parameters", []):
        name = escape(parameter["name"])
        parts.append(
            f"<p>Query <code>{name}</code>: {escape(parameter['description'])}</p>"
        )
    success = operation["responses"]["200"]["content"].get("application/json")
    if success:
        parts.append("<h3>Answer</h3>")
        parts += [_fields(table, "Always", shown) for table in _schemas(success["schema"])]
    return "".join(parts)


def _schemas(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The objects that a body is made of: itself, and the rows of its lists."""
    name, schemas = _named(schema)
    objects = [(name, schemas)] if "properties" in schemas else []
    for field, column in schemas.get("properties", {}).items():
        items = column.get("items", {})
        for option in items.get("anyOf", items.get("oneOf", [items])):
            row, inner = _named(option)
            if "properties" in inner:
                objects.append((row or f"One of {field}", inner))
    return objects


def _named(schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    reference = schema.get("$ref")
    if reference is None:
        return "", schema
    name = reference.rpartition("/")[2]
    return name, openapi()["components"]["schemas"][name]


def _fields(table: tuple[str, Mapping[str, Any]], needed: str, shown: set[str]) -> str:
    """A table of fields; what was shown before is named alone."""
    name, schema = table
    place = f"schema-{_anchor(name)}"
    if name in shown and not name.startswith("One of"):
        return f'<p><a href="#{place}">{escape(name)}</a>, as above</p>'
    shown.add(name)
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{escape(_kind(column))}</td>"
        f"<td>{'yes' if field in required else ''}</td>"
        f"<td>{escape(column.get('description', ''))}</td></tr>"
        for field, column in schema["properties"].items()
    )
    about = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    title = f'<h4 id="{place}">{escape(name)}</h4>' if name else ""
    return (
        f"{title}{about}<table><thead><tr><th>Field</th><th>Type</th><th>{needed}</th>"
        f"<th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if options := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(dict.fromkeys(_kind(option) for option in options if option))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        row = _kind(schema["items"]) or "object"
        return f"list of ({row})" if " or " in row else f"list of {row}"
    return " or ".join(kind) if isinstance(kind, list) else kind or str(schema.get("const"))


def _examples() -> str:
    rank, events = (
        json.dumps(content, indent=1) for content in (RANK_EXAMPLE, EVENTS_EXAMPLE)
    )
    shell = "\n\n".join(
        f"curl -H 'content-type: application/json' http://127.0.0.1:3000{path} -d '{body}'"
        for path, body in (("/rank", rank), ("/events", events))
    )
    return (
        f'<h2 id="examples">Examples</h2><h3>curl</h3><pre><code>{escape(shell)}</code></pre>'
        f"<h3>Python</h3><pre><code>{escape(_PYTHON)}</code></pre>"
    )


def _errors() -> str:
    example = {"error": {"code": "given_twice", "field": "candidates[3]", "message": "..."}}
    codes = "".join(
        f"<tr><td><code>{code}</code></td><td>{escape(code.meaning)}</td></tr>"
        for code in Code
    )
    return (
        f'<h2 id="errors">Errors</h2><pre><code>{escape(json.dumps(example))}</code></pre>'
        "<table><thead><tr><th>Code</th><th>Meaning</th></tr></thead>"
        f"<tbody>{codes}</tbody></table>"
    )
