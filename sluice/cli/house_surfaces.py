"""How every surface of a house stands: who serves, since when, and who waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.settings import Settings
    from sluice.store.port import Store
    from sluice.store.records import Champion


@dataclass(frozen=True)
class SurfaceNow:
    """One surface as the store has it."""

    surface: str
    champion: int | None
    """Version; None before the first promotion, and while the baseline serves."""
    state: str | None
    since: str | None
    """When the champion came to serve, RFC 3339."""
    waiting: tuple[int, ...]
    """Versions that a reviewer has to decide on."""
    pointed_to: str | None
    """Digest of the release that its servers are pointed to."""

    def cells(self) -> tuple[str, ...]:
        """As a row of a table for people."""
        champion = "-" if self.champion is None else f"{self.champion} ({self.state})"
        waiting = ", ".join(map(str, self.waiting)) or "-"
        served = self.pointed_to[:12] if self.pointed_to else "-"
        return self.surface, champion, self.since or "-", waiting, served


def surfaces_now(settings: "Settings", surfaces: Iterable[str]) -> tuple[SurfaceNow, ...]:
    """Of each surface in turn.

    Raises:
        NotFound: the installation has no store.
    """
    from sluice.cli.installation import existing_store

    with existing_store(settings) as store:
        return tuple(_now(settings, store, surface) for surface in surfaces)


def _now(settings: "Settings", store: "Store", surface: str) -> SurfaceNow:
    from sluice.registry.pointer import read_pointer
    from sluice.registry.promotion import champion_of
    from sluice.registry.review import review_queue
    from sluice.store.records import LedgerRow

    champion = champion_of(store, surface)
    promoted = [
        row
        for row in store.find(LedgerRow, surface=surface)
        if champion and (row.version, row.action) == (champion.version, "promote")
    ]
    pointer = read_pointer(settings.pointers, surface)
    return SurfaceNow(
        surface=surface,
        champion=champion.version if champion else None,
        state=_state(store, champion) if champion else None,
        since=promoted[-1].at.isoformat(timespec="seconds") if promoted else None,
        waiting=tuple(version.number for version in review_queue(store, surface)),
        pointed_to=pointer.release if pointer else None,
    )


def _state(store: "Store", champion: "Champion") -> str:
    from sluice.registry.moves import position_of, version_of

    version = version_of(store, champion.surface, champion.version)
    return position_of(store, version).state.value
