"""G7: an approved version whose bytes, or whose Bento's code, changed before its promotion."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from sluice.data.event_log import EventLog
from sluice.errors import IntegrityError
from sluice.flows import promote
from sluice.flows.workplace import Workplace
from sluice.serving.__main__ import COMMANDS
from sluice.serving.bento import Bento
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.store.records import Champion, Document, OutboxRow, State, Step, Version
from sluice.surface import GateSpec, ReviewSpec, Surface
from tests.lib import damaged_code, damaged_releases, promotions
from tests.lib.releases import small_release
from tests.lib.stores import T0

SURFACE = "for_you"


@dataclass(frozen=True)
class Site:
    """An installation whose one version is approved, with its release and a Bento of it."""

    workplace: Workplace
    version: Version
    release: str

    @property
    def folder(self) -> Path:
        return self.workplace.settings.releases / self.release

    @property
    def bento(self) -> Bento:
        return Bento(self.workplace.settings.bentos, SURFACE, self.release)


def approved(home: Path) -> Site:
    settings, store = load_settings({}, home), MemoryStore()
    promotions.trust_in(settings.review_keys, "rita")
    release = small_release(settings.releases)
    with mock.patch.object(promotions, "release_of", return_value=release):
        version = promotions.bring(store, State.APPROVED, surface=SURFACE)
    judged = store.put(Document.of("evaluation", {"champion": None}, T0))
    outcome = {"run": version.run, "evaluation": judged.digest}
    store.put(Step("k", "retrain", "evaluate", SURFACE, version.snapshot, outcome, 0.0, T0))
    surface = Surface(
        name=SURFACE,
        owner="flow",
        gates=GateSpec(mandatory=promotions.MANDATORY),
        review=ReviewSpec(reviewers=("rita",)),
    )
    site = Site(Workplace(settings, surface, store, EventLog(home)), version, release)
    damaged_code.laid_out(site.bento.source)
    shutil.rmtree(site.bento.source / "releases")
    shutil.copytree(site.folder, site.bento.packaged)
    return site


def a_bit(site: Site) -> None:
    damaged_releases.flip(site.folder)


def a_file_gone(site: Site) -> None:
    damaged_releases.remove(site.folder)


def all_gone(site: Site) -> None:
    shutil.rmtree(site.folder)


def a_bit_in_the_bento(site: Site) -> None:
    damaged_releases.flip(site.bento.packaged)


def code_in_the_bento(site: Site) -> None:
    damaged_code.edited(site.bento.source)


DAMAGES: tuple[Callable[[Site], None], ...] = (
    a_bit, a_file_gone, all_gone, a_bit_in_the_bento, code_in_the_bento,
)  # fmt: skip


def promoted_after(damage: Callable[[Site], None], home: Path) -> str:
    """What is wrong once a damaged version was to be promoted: empty where nothing moved."""
    site = approved(home)
    damage(site)
    try:
        with mock.patch.object(promote, "ask_serving", _here):
            promote.move(site.workplace, site.version.number)
    except IntegrityError as error:
        store = site.workplace.store
        moved = store.find(Champion) or store.find(OutboxRow)
        return f"refused, and {moved}" if moved or "cannot serve" not in str(error) else ""
    return f"promoted in spite of {damage.__name__}"


def _here(_: Workplace, command: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Without a process of its own; what crosses is JSON all the same."""
    return COMMANDS[command](json.loads(json.dumps(request)))


def looks_at_no_byte() -> tuple[Any, str, Any]:
    """G7: what was approved once is promoted, whatever has become of it."""
    return promote, "ensure_intact", lambda *_: None


MUTANTS = (looks_at_no_byte,)
