"""Count names that say nothing of a value, and refuse them where they are more than a few.

`python -m tools.filler_names` looks at every assigned variable, loop target and parameter of the
production code, prints those that are called `found`, `told`, `each` or the like, and fails where
they are more than `LIMIT` of all. `--list` prints them though there are few.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("sluice", "flows", "registry", "monitors", "serving", "benchmarks", "tools")
"""Folders of production code; a link to one of them is not followed."""
LIMIT = 0.003
"""Share of all names that may be fillers."""
FILLERS = frozenset({
    "asked", "came", "data2", "each", "foo", "found", "given", "got", "it", "known", "one", "res",
    "ret", "said", "stuff", "tell", "thing", "things", "tmp", "told",
})  # fmt: skip


@dataclass(frozen=True)
class Binding:
    """A name that gets a value."""

    name: str
    line: int

    @property
    def filler(self) -> bool:
        return self.name.strip("_") in FILLERS


def bindings(source: str) -> Iterator[Binding]:
    """Every variable, loop target and parameter of a module's text; attributes and fields are none."""
    tree = ast.parse(source)
    fields = {
        id(statement.target)
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for statement in owner.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if id(node) not in fields:
                yield Binding(node.id, node.lineno)
        elif isinstance(node, ast.arg):
            yield Binding(node.arg, node.lineno)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield Binding(node.name, node.lineno)


def sources(root: Path) -> list[Path]:
    """Python files of the rooms, each once."""
    rooms = [root / room for room in ROOMS]
    links = {path for path in (root / "sluice").iterdir() if path.is_symlink()}
    return sorted(
        path
        for room in rooms
        for path in room.rglob("*.py")
        if not links.intersection(path.parents)
    )


def report(root: Path) -> tuple[list[str], int]:
    """A line for every filler, `path:line: name`, and how many names there are in all."""
    lines, total = [], 0
    for path in sources(root):
        for binding in bindings(path.read_text()):
            total += 1
            if binding.filler:
                lines.append(f"{path.relative_to(root)}:{binding.line}: {binding.name}")
    return lines, total


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print every filler")
    listed = parser.parse_args(arguments).list
    lines, total = report(root)
    failed = len(lines) > LIMIT * total
    if listed or failed:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    share = f"{len(lines)} of {total} names are fillers, {len(lines) / max(total, 1):.2%}"
    sys.stdout.write(f"{share}; at most {LIMIT:.1%} may be\n")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
