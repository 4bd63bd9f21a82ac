"""Digests of what computes: the ranking code, and the libraries it runs on."""

from importlib.metadata import distributions
from pathlib import Path

from sluice.data.digest import file_digest, json_digest

RANKING_CODE = ("data", "features", "rankers", "metrics", "mechanisms")
"""Packages of `sluice` that a trained model depends on."""


def code_digest() -> str:
    """SHA-256 over the ranking core's source files: other code trains another model."""
    root = Path(__file__).parents[1]
    files = sorted(path for part in RANKING_CODE for path in (root / part).rglob("*.py"))
    return json_digest(
        [[path.relative_to(root).as_posix(), file_digest(path)] for path in files]
    )


def environment_digest() -> str:
    """SHA-256 over the names and versions of all installed distributions."""
    found = {
        (each.metadata["Name"] or "").lower(): each.version for each in distributions()
    }
    return json_digest(found)
