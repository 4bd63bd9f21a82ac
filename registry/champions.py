"""Who serves a surface, and every move of its champion pointer."""

from sluice.store.port import Store
from sluice.store.records import Champion, LedgerRow


def champion_of(store: Store, surface: str) -> Champion | None:
    """Who serves the surface."""
    return store.get(Champion, surface=surface)


def history(store: Store, surface: str) -> tuple[LedgerRow, ...]:
    """Every move of the surface's champion pointer, oldest first."""
    return tuple(
        row for row in store.find(LedgerRow, surface=surface) if row.epoch is not None
    )
