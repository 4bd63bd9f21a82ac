"""`sluice doctor`: is this installation fit to run?"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import conclude, print_json, print_table, with_home
from sluice.errors import ConfigError, IntegrityError, SluiceError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from sluice.settings import Settings
    from sluice.store.port import Store
    from sluice.store.records import Champion

TOOLS = ("mlflow", "prefect", "bentoml", "evidently", "great-expectations", "lightgbm")
"""Named in any case; every other requirement only where it is not met."""

_LEAST_FREE_BYTES = 200_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: str
    found: str


@click.command()
@with_home
def doctor(home: Path | None, as_json: bool) -> None:
    """Check Python, tools, home, surfaces, store and champions; exit code 2 where one is wrong.

    \b
    Example:
      sluice doctor
    """
    settings = settings_at(home)
    findings = [
        *_python(), *_tools(), *_home(settings), *_surfaces(settings), *_store(settings),
        *_telemetry(),
    ]  # fmt: skip
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(finding.check, finding.verdict, finding.found) for finding in findings]
        print_table(f"Installation {settings.home}", ("check", "verdict", "found"), rows)
    wrong = [finding.check for finding in findings if finding.verdict == "fail"]
    if wrong:
        conclude(ConfigError(f"not fit to run: {', '.join(wrong)}"), as_json=as_json)


def _finding(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, "pass", look())
    except (SluiceError, OSError, PackageNotFoundError) as error:
        return Finding(check, "fail", str(error))


def _python() -> Iterator[Finding]:
    fit = (3, 11) <= sys.version_info[:2] < (3, 13)
    words = sys.version.split()[0]
    yield Finding(
        "python", "pass" if fit else "fail", words if fit else f"{words}, not 3.11 or 3.12"
    )


def _tools() -> Iterator[Finding]:
    """Versions as declared; many a tool fails to import beside a newer neighbour."""
    from packaging.requirements import Requirement

    try:
        declared = [Requirement(text) for text in requires("sluice") or ()]
    except PackageNotFoundError:
        yield Finding(
            "sluice", "fail", "not installed, so no tool's version can be checked"
        )
        return
    bounds = {(needed.name, str(needed.specifier)): needed for needed in declared}
    for needed in bounds.values():
        if _left_out(needed):
            extra = "not installed; pip install 'sluice[platform]' brings it"
            finding = Finding(needed.name, "absent", extra)
        else:
            finding = _finding(needed.name, lambda needed=needed: _fitting(needed))
        if needed.name in TOOLS or finding.verdict == "fail":
            yield finding


def _left_out(needed: "Requirement") -> bool:
    """Whether it belongs to an extra that this installation came without."""
    of_an_extra = needed.marker is not None and not needed.marker.evaluate({"extra": ""})
    return of_an_extra and not any(distributions(name=needed.name))


def _fitting(needed: "Requirement") -> str:
    registered = version(needed.name)
    if not needed.specifier.contains(registered, prereleases=True):
        raise ConfigError(f"{registered}, not {needed.specifier}")
    return registered


def _home(settings: "Settings") -> Iterator[Finding]:
    yield _finding("home", lambda: _room(settings.home))


def _room(home: Path) -> str:
    there = next(folder for folder in (home, *home.parents) if folder.is_dir())
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{there} cannot be written to")
    free = shutil.disk_usage(there).free
    if free < _LEAST_FREE_BYTES:
        raise ConfigError(
            f"{free / 1e6:,.0f} MB free, too few for a run; make room for 200"
        )
    return f"{free / 1e9:,.1f} GB free"


def _surfaces(settings: "Settings") -> Iterator[Finding]:
    from sluice.features.declaration.plan import compile_plan
    from sluice.surface import load_surface

    def describe(path: Path) -> str:
        surface = load_surface(path)
        names = compile_plan(surface.features).names
        return (
            f"{len(names)} features, {surface.ranker.family} against {surface.ranker.baseline}, "
            f"gates {', '.join(surface.gates.mandatory)}, "
            f"reviewers {', '.join(surface.review.reviewers)}, "
            f"lifecycle at {surface.schedule.cron}, monitor at {surface.schedule.monitor}, "
            f"parity at {surface.schedule.parity} {surface.schedule.timezone}"
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
    opened: list[Store] = []

    def describe() -> str:
        opened.append(open_store(settings.database_url))
        newest = head(opened[0])
        return f"{newest.sequence if newest else 0} ledger rows"

    yield _finding("store", describe)
    if opened:
        yield from _champions(settings, opened[0])


def _champions(settings: "Settings", store: "Store") -> Iterator[Finding]:
    from sluice.store.records import Champion

    for champion in store.find(Champion):
        check = f"champion {champion.surface}"
        yield _finding(check, lambda champion=champion: _standing(settings, champion))


def _standing(settings: "Settings", champion: "Champion") -> str:
    """What a server would find: the pointer, every byte of the release, and its signature."""
    from sluice.registry.keys import KeyRing
    from sluice.registry.pointer import read_pointer
    from sluice.serving.bento import Bento, check_bento
    from sluice.serving.custody import check_bytes
    from sluice.serving.trust import Trust

    keys = KeyRing(settings.keys)
    pointer = read_pointer(settings.pointers, champion.surface, keys)
    if pointer is None or pointer.release != champion.release:
        raise IntegrityError(
            f"{champion.release[:12]} in the store, {pointer.release[:12] if pointer else 'nothing'} "
            f"in the serving pointer; `sluice champion mirror {champion.surface}` tells it again"
        )
    manifest = check_bytes(settings.releases / champion.release, champion.release)
    trust = Trust(keys, settings.signatures, settings.require_signature)
    signed = trust.check(manifest)
    bento = Bento(settings.bentos, champion.surface, champion.release)
    if bento.folder.exists():
        check_bento(bento)
    return (
        f"version {champion.version}, release {champion.release[:12]} whole, "
        f"{f'signed with key {signed.key[:12]}' if signed else 'not signed'}, "
        f"{'its Bento as packaged' if bento.folder.exists() else 'no Bento of it here'}"
    )


def _telemetry() -> Iterator[Finding]:
    from sluice.settings import TELEMETRY_OFF

    on = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    yield Finding(
        "telemetry", "fail" if on else "pass", ", ".join(on) or "off for every tool"
    )
