"""Digests of what computes: source files, and the libraries they run on."""

from importlib.metadata import distributions, version
from pathlib import Path

from sluice.data.digest import file_digest, json_digest

RANKING_CODE = ("data", "features", "rankers", "metrics", "mechanisms")
"""Packages of `sluice` that a trained model depends on."""
RANKING_LIBRARIES = (
    "lightgbm",
    "numba",
    "numpy",
    "polars",
    "pyarrow",
    "scikit-learn",
    "scipy",
)
"""Libraries whose version may change a trained model or a figure about it."""


def source_digest(*places: Path) -> str:
    """SHA-256 over Python files, and those in folders, by name and content."""
    files = {
        f"{place.name}/{path.relative_to(place).as_posix()}": file_digest(path)
        for place in places
        for path in (sorted(place.rglob("*.py")) if place.is_dir() else [place])
    }
    return json_digest(files)


def code_digest(*more: Path) -> str:
    """SHA-256 over the ranking core, its libraries' versions and further files.

    Other code, or another LightGBM, trains another model.
    """
    root = Path(__file__).parents[1]
    core = source_digest(*(root / part for part in RANKING_CODE), *more)
    return json_digest([core, {name: version(name) for name in RANKING_LIBRARIES}])


def environment_digest() -> str:
    """SHA-256 over the names and versions of all installed distributions."""
    installed = {
        (distribution.metadata["Name"] or "").lower(): distribution.version
        for distribution in distributions()
    }
    return json_digest(installed)
