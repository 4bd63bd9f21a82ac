"""docs/reference/python.md, from the docstrings of what a notebook or a client imports."""

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tools.reference.attributes import attribute_docstrings
from tools.reference.markdown import block, code, docstring, page, table

MODULES = (
    "sluice.data.adapters",
    "sluice.data.tables",
    "sluice.data.event_log",
    "sluice.data.generated",
    "sluice.features.state.replay",
    "sluice.features.state.frame",
    "sluice.features.state.feature_state",
    "sluice.rankers",
    "sluice.metrics",
    "sluice.metrics.offpolicy",
    "sluice.mechanisms",
    "sluice.surface",
    "sluice.store",
    "sluice.serving.client",
)
"""In the order of use: the log, features, a ranker, its figures, a surface, a service."""


def python_page() -> str:
    """Public classes and functions with their signatures and docstrings."""
    modules = [importlib.import_module(name) for name in MODULES]
    contents = table(
        ("module", "what it holds"),
        (
            (f"[`{module.__name__}`](#{_anchor(module.__name__)})", _summary(module))
            for module in modules
        ),
    )
    return page(
        "# Python",
        "Nothing is connected or configured when a module is imported. The units are in the "
        "docstrings: times inside the feature kernel are µs since 1970, features are float32, "
        "and shapes stand in brackets.",
        contents,
        *(_section(module) for module in modules),
    )


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module gives to others: `__all__`, or what it defines without an underscore."""
    names = getattr(module, "__all__", None)
    for name in names or sorted(vars(module)):
        member = getattr(module, name)
        own = getattr(member, "__module__", None) == module.__name__
        if names or (own and not name.startswith("_") and callable(member)):
            yield name, member


def _section(module: ModuleType) -> str:
    members = (_member(name, member) for name, member in public(module) if callable(member))
    constants = [name for name, member in public(module) if not callable(member)]
    listed = f"Constants: {', '.join(map(code, constants))}." if constants else ""
    return page(f"## {module.__name__}", docstring(module), listed, *members)


def _member(name: str, member: Any) -> str:
    if inspect.isclass(member):
        return _class(name, member)
    return page(
        f"### {name}", block(f"{name}{_signature(member)}", "python"), _text(member)
    )


def _class(name: str, kind: type) -> str:
    fields = {
        field: text
        for field, text in attribute_docstrings(kind).items()
        if not field.startswith("_")
    }
    methods = (
        _method(attribute, vars(kind)[attribute])
        for attribute in vars(kind)
        if not attribute.startswith("_")
    )
    return page(
        f"### {name}",
        _text(kind),
        table(
            ("field", "meaning"), ((code(field), text) for field, text in fields.items())
        ),
        *(text for text in methods if text),
    )


def _method(name: str, attribute: Any) -> str:
    """A public method with its docstring; one without a docstring speaks for itself."""
    function = getattr(attribute, "__func__", getattr(attribute, "fget", attribute))
    if not inspect.isfunction(function) or not docstring(function):
        return ""
    shown = name if isinstance(attribute, property) else f"{name}{_signature(function)}"
    return page(f"**`{_short(shown)}`**", _text(function))


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("~", "").replace("sluice.", "")


def _short(text: str) -> str:
    return " ".join(
        text.replace("numpy.", "").replace("polars.dataframe.frame.", "").split()
    )


def _text(documented: Any) -> str:
    """A docstring; the indented parts of Google's convention become lists."""
    return "\n".join(_listed(docstring(documented).splitlines()))


def _listed(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line in {"Args:", "Raises:", "Returns:", "Attributes:", "Yields:"}:
            yield f"{line}\n"
        elif line.startswith("    ") and not line.startswith("     "):
            yield f"- {line.strip()}"
        elif line.startswith("        "):
            yield f"  {line.strip()}"
        else:
            yield line


def _summary(module: ModuleType) -> str:
    return docstring(module).split("\n\n", maxsplit=1)[0]


def _anchor(name: str) -> str:
    return name.replace(".", "").lower()
