"""Docstrings under the fields of a class, which Python itself throws away."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from tools.reference.markdown import one_line


def attribute_docstrings(documented: type) -> dict[str, str]:
    """Each field's docstring on one line, those of base classes included."""
    meanings: dict[str, str] = {}
    for kind in reversed(documented.__mro__):
        if kind.__module__.startswith("sluice."):
            meanings |= dict(_own(kind))
    return meanings


def _own(kind: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, statement in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            meaning = _text(statement)
            if meaning:
                yield field.target.id, meaning


def _text(statement: ast.stmt) -> str:
    """The text of a statement that is nothing but a text."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return one_line(text)
        case _:
            return ""
