"""`sluice doctor`: is this installation fit to run?"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, print_table, with_home
from sluice.errors import ConfigError, SluiceError

if TYPE_CHECKING:
    from sluice.settings import Settings

TOOLS = ("mlflow", "prefect", "bentoml", "evidently", "great-expectations", "lightgbm")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: str
    found: str


@click.command()
@with_home
def doctor(home: Path | None, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Check Python, tools, surfaces, store and telemetry; exit code 2 where something is wrong.

    \b
    Example:
      sluice doctor
    """
    settings = settings_at(home)
    findings = [*_python(), *_tools(), *_surfaces(settings), *_store(settings), *_telemetry()]
    if as_json:
        print_json({"findings": [asdict(each) for each in findings]})
    else:
        rows = [(each.check, each.verdict, each.found) for each in findings]
        print_table(f"installation {settings.home}", ("check", "verdict", "found"), rows)
    wrong = [each.check for each in findings if each.verdict == "fail"]
    if wrong:
        raise ConfigError(f"not fit to run: {', '.join(wrong)}")


def _finding(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, "pass", look())
    except (SluiceError, OSError, PackageNotFoundError) as error:
        return Finding(check, "fail", str(error))


def _python() -> Iterator[Finding]:
    fit = (3, 11) <= sys.version_info[:2] < (3, 13)
    yield Finding("python", "pass" if fit else "fail", sys.version.split()[0])


def _tools() -> Iterator[Finding]:
    for name in TOOLS:
        yield _finding(name, lambda name=name: version(name))


def _surfaces(settings: "Settings") -> Iterator[Finding]:
    from sluice.features.plan import compile_plan
    from sluice.surface import load_surface

    def describe(path: Path) -> str:
        surface = load_surface(path)
        names = compile_plan(surface.features).names
        return (
            f"{len(names)} features, {surface.ranker.family} against {surface.ranker.baseline}, "
            f"gates {', '.join(surface.gates.mandatory)}, "
            f"reviewers {', '.join(surface.review.reviewers)}"
        )

    files = sorted(settings.surfaces.glob("*.toml"))
    if not files:
        yield Finding("surfaces", "fail", f"no surface file in {settings.surfaces}")
    for path in files:
        yield _finding(f"surface {path.stem}", lambda path=path: describe(path))


def _store(settings: "Settings") -> Iterator[Finding]:
    from sluice.store import open_store
    from sluice.store.ledger import head

    if settings.embedded and not settings.database.is_file():
        yield Finding("store", "pass", "none yet; the first command makes one")
        return

    def describe() -> str:
        newest = head(open_store(settings.database_url))
        return f"{newest.sequence if newest else 0} ledger rows"

    yield _finding("store", describe)


def _telemetry() -> Iterator[Finding]:
    from sluice.settings import TELEMETRY_OFF

    on = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    yield Finding("telemetry", "fail" if on else "pass", ", ".join(on) or "off for every tool")
