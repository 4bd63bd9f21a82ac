"""docs/reference/surface.md, from the pydantic models that read a surface file."""

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sluice.gates.spec import TIERS, GateSpec
from sluice.surface import Surface
from tools.reference.attributes import attribute_docstrings
from tools.reference.markdown import code, docstring, page, table

_BOUNDS = (
    ("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("lt", "< {}"),
    ("min_length", "at least {}"), ("pattern", "matches `{}`"),
)  # fmt: skip
_UNIONS = (Union, UnionType)


def surface_page() -> str:
    """Every key of a surface file, TOML table by TOML table."""
    return page(
        "# Surface file",
        "One TOML file declares one surface: `surfaces/NAME.toml`, or NAME.toml in the folder "
        "that `SLUICE_SURFACES` names. An unknown key, a wrong type and an impossible value are "
        "refused with the key's path. Durations are a number and `s`, `m`, `h` or `d`, such as "
        "`36h`.",
        *_sections("", Surface),
        "## Tiers",
        "The least that `tier` asks before a version serves; a surface may ask for more.",
        table(("tier", "mandatory gates", "approvers", "bake"), _tiers()),
    )


def _tiers() -> Iterator[tuple[str, str, str, str]]:
    for name, tier in TIERS.items():
        yield code(name), ", ".join(tier.gates), str(tier.approvers), tier.bake


def _sections(path: str, model: type[BaseModel], *, many: bool = False) -> Iterator[str]:
    """The table of a model, then those below it."""
    model = model.written() if issubclass(model, GateSpec) else model
    meanings = attribute_docstrings(model)
    nested = {
        key: list(_models(info.annotation)) for key, info in model.model_fields.items()
    }
    yield page(
        f"## {_heading(path, model, many=many)}",
        docstring(model),
        table(
            ("key", "type", "default", "meaning"),
            (
                (code(key), _limited(info), _default(info), meanings.get(key, ""))
                for key, info in model.model_fields.items()
                if not nested[key]
            ),
        ),
    )
    for key, models in nested.items():
        annotation = model.model_fields[key].annotation
        listed, named = "tuple" in str(annotation), get_origin(annotation) is Mapping
        place = f"{path}.{key}{'.NAME' if named else ''}".lstrip(".")
        for child in models:
            yield from _sections(place, child, many=listed)


def _heading(path: str, model: type[BaseModel], *, many: bool) -> str:
    if not path:
        return "Top level"
    kind = model.model_fields.get("kind")
    values = get_args(kind.annotation) if kind else ()
    named = f" of kind {values[0]}" if len(values) == 1 else ""
    return f"`[[{path}]]`{named}" if many else f"`[{path}]`{named}"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type consists of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _limited(info: FieldInfo) -> str:
    """Type of a field with its bounds."""
    limits = list(_limits(info.metadata))
    return ", ".join((_type(info.annotation), *limits))


def _limits(metadata: list[Any]) -> Iterator[str]:
    for constraint in metadata:
        for name, text in _BOUNDS:
            bound = getattr(constraint, name, None)
            if bound is not None:
                yield text.format(bound)


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return ", ".join((_type(inner[0]), *_limits(_metadata(inner[1:]))))
    if origin is Literal:
        return " or ".join(code(json.dumps(value)) for value in inner)
    if origin in _UNIONS:
        return " or ".join(_type(choice) for choice in inner if choice is not NoneType)
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(code(json.dumps(member.value)) for member in annotation)
    return {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
    }.get(getattr(annotation, "__name__", ""), "table")


def _metadata(annotated: tuple[Any, ...]) -> list[Any]:
    """Constraints of `Annotated`, those inside of a `Field` taken out of it."""
    flat: list[Any] = []
    for constraint in annotated:
        flat += constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]
    return flat


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "none"
    return code(json.dumps(list(value) if isinstance(value, tuple) else value))
