"""Opens the store and the surface that a command speaks of."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.errors import NotFound

if TYPE_CHECKING:
    from sluice.settings import Settings
    from sluice.store.port import Store
    from sluice.surface import Surface


def settings_at(home: Path | None) -> "Settings":
    """Settings from the environment, and --home."""
    from sluice.settings import apply_environment, load_settings

    settings = load_settings(os.environ, home)
    apply_environment(settings)
    return settings


def existing_store(settings: "Settings") -> "Store":
    """The store of an installation that has one.

    Raises:
        NotFound: nothing was ever run there.
    """
    from sluice.store import open_store

    if settings.embedded and not settings.database.is_file():
        raise NotFound(
            f"no store in {settings.home}; run `sluice demo`, or `sluice ingest` and `sluice run`, "
            "or name another place with --home"
        )
    return open_store(settings.database_url)


def surface_of(settings: "Settings", name: str) -> "Surface":
    """The surface's declaration."""
    from sluice.surface import load_surface, surface_path

    return load_surface(surface_path(settings.surfaces, name))
