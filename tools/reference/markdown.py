"""Markdown that the pages share."""

import inspect
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell's line breaks and bars are escaped, an empty table is an empty text."""
    lines = ["| " + " | ".join(_cell(text) for text in row) + " |" for row in rows]
    if not lines:
        return ""
    rule = "|" + "---|" * len(head)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *lines])


def code(text: str) -> str:
    """Inline code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def block(text: str, language: str = "text") -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def page(*parts: str) -> str:
    """Parts with an empty line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)


def docstring(documented: object) -> str:
    """The whole docstring without indentation; empty where there is none."""
    return inspect.cleandoc(getattr(documented, "__doc__", None) or "")


def one_line(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")
