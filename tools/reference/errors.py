"""docs/reference/errors.md: exit codes, the tree of errors, and codes over HTTP."""

from collections.abc import Iterator

from sluice import errors
from sluice.serving import client
from sluice.serving.problem import Code
from tools.reference.markdown import code, docstring, page, table

EXIT_CODES = {
    0: "Done.",
    1: "A defect in Sluice or in a tool under it.",
    130: "Stopped by Ctrl-C. Run the same command again: it goes on where it was.",
}
"""Exit codes that belong to no error."""


def errors_page() -> str:
    """What a command, a function and a request may fail with."""
    tree = list(_tree(errors.SluiceError, 0))
    return page(
        "# Errors",
        "A command that fails prints one message, `error: …`, without a traceback, and ends with "
        "the exit code of its error. With `--json` it prints "
        '`{"error": message, "kind": name}`. A traceback means a defect in Sluice.',
        "## Exit codes",
        table(("exit code", "meaning"), _exit_codes(tree)),
        "## Python",
        "Every error below is defined in `sluice.errors`; catching one catches those indented "
        "under it.",
        table(
            ("error", "exit code", "meaning"), (_row(depth, kind) for depth, kind in tree)
        ),
        "## HTTP",
        'A refused request is answered with `{"error": {"code", "field", "message"}}`. No message '
        "repeats a value that was sent.",
        table(
            ("code", "meaning"), ((code(member.value), member.meaning) for member in Code)
        ),
        "## Python client",
        table(
            ("error of `sluice.serving.client`", "meaning"),
            ((_indented(depth, kind), _summary(kind)) for depth, kind in _client()),
        ),
    )


def _tree(kind: type[Exception], depth: int) -> Iterator[tuple[int, type[Exception]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == kind.__module__:
            yield from _tree(child, depth + 1)


def _client() -> Iterator[tuple[int, type[Exception]]]:
    return _tree(client.ClientError, 0)


def _exit_codes(tree: list[tuple[int, type[Exception]]]) -> Iterator[tuple[str, str]]:
    meanings = dict(EXIT_CODES)
    for _, kind in sorted(tree, key=_depth):
        meanings.setdefault(_exit_code(kind), _summary(kind))
    return ((str(number), meanings[number]) for number in sorted(meanings))


def _depth(entry: tuple[int, type[Exception]]) -> int:
    """The error nearest to the root speaks for its exit code."""
    return entry[0]


def _row(depth: int, kind: type[Exception]) -> tuple[str, str, str]:
    return _indented(depth, kind), str(_exit_code(kind)), _summary(kind)


def _exit_code(kind: type[Exception]) -> int:
    if not issubclass(kind, errors.SluiceError):
        raise TypeError(f"{kind.__name__} is no SluiceError, so it has no exit code")
    return kind.exit_code


def _indented(depth: int, kind: type[Exception]) -> str:
    return "&emsp;" * depth + code(kind.__name__)


def _summary(kind: type[Exception]) -> str:
    return docstring(kind).split("\n\n", maxsplit=1)[0]
