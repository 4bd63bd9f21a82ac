"""Write the reference pages, or check that those in the tree are current.

`python -m tools.reference [--check]`
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools.reference.commands import commands_page
from tools.reference.errors import errors_page
from tools.reference.http import http_page
from tools.reference.python_api import python_page
from tools.reference.surface_file import surface_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": commands_page,
    "surface.md": surface_page,
    "python.md": python_page,
    "http.md": http_page,
    "errors.md": errors_page,
}


def written(page: str) -> str:
    """A page as its source says it now."""
    module = PAGES[page].__module__
    note = f"<!-- Written by `make reference` ({module}); edit the code, not this page. -->"
    return f"{note}\n\n{PAGES[page]().rstrip()}\n"


def stale() -> list[str]:
    """Names of the pages that differ from their source."""
    return [page for page in PAGES if _current(FOLDER / page) != written(page)]


def _current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main() -> int:
    """Exit code 1 where `--check` meets a page that is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    if parser.parse_args().check:
        pages = stale()
        if pages:
            sys.stderr.write(
                f"Cannot accept docs/reference: {', '.join(pages)} differ from the code; "
                "run `make reference` and commit the result.\n"
            )
        return int(bool(pages))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        (FOLDER / page).write_text(written(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
