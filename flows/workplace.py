"""What every flow works in: one surface, one store, one event log. Built in flow bodies only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice.data.event_log import EventLog
from sluice.data.tables import Window
from sluice.errors import NotFound, TooLittleData
from sluice.registry.approvals import Panel
from sluice.registry.heads import Exported, seal
from sluice.registry.keys import KeyRing
from sluice.registry.review_keys import ReviewKeys
from sluice.settings import HOME, Settings, apply_environment, load_settings
from sluice.store import open_store
from sluice.store.port import Store
from sluice.surface import Surface, load_surface, surface_path


@dataclass(frozen=True)
class Workplace:
    """Where a flow finds its inputs and leaves its results."""

    settings: Settings
    surface: Surface
    store: Store
    log: EventLog

    @property
    def name(self) -> str:
        return self.surface.name

    @property
    def actor(self) -> str:
        """Who acts: the person who is named, or else the surface's owner."""
        return self.settings.actor or self.surface.owner

    @property
    def panel(self) -> Panel:
        """Who decides on its versions, and whose signatures count."""
        return Panel(
            self.surface.review.reviewers,
            ReviewKeys(self.settings.review_keys),
            self.surface.at_least.approvers,
        )

    def window(self, until: datetime | None) -> Window:
        """The log's whole time, cut off at `until` where that is given.

        Raises:
            TooLittleData: nothing was logged before `until`.
        """
        whole = self.log.window()
        if until is None or until >= whole.end:
            return whole
        if until <= whole.start:
            raise TooLittleData(
                f"no exposure before {until.isoformat()}; the log begins {whole.start.isoformat()}"
            )
        return Window(whole.start, until)


def seal_ledger(workplace: Workplace) -> Exported | None:
    """Keep the ledger's signed head outside the database; after every gate and every decision."""
    settings = workplace.settings
    return seal(workplace.store, settings.heads, KeyRing(settings.keys), now())


@contextmanager
def at_home(settings: Settings) -> Iterator[None]:
    """Have the flows of the block work in this installation, and the processes they start too.

    A home is never a parameter of a flow: who may start a run by Prefect's API must not choose whose
    keys and whose store it works with.
    """
    before = os.environ.get(HOME)
    os.environ[HOME] = str(settings.home)
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME]
        else:
            os.environ[HOME] = before


def open_workplace(surface: str, home: str | None = None) -> Workplace:
    """Open the installation that the environment, or `home`, names."""
    settings = load_settings(os.environ, Path(home) if home else None)
    apply_environment(settings)
    declared = load_surface(surface_path(settings.surfaces, surface))
    if not settings.log.is_dir():
        raise NotFound(
            f"no event log in {settings.home}; run `sluice ingest SOURCE FOLDER` first"
        )
    store = open_store(settings.database_url)
    return Workplace(settings, declared, store, EventLog(settings.log))


def now() -> datetime:
    """The clock of the entry points; below them, time is an argument."""
    return datetime.now(UTC)
