"""For every test: no tool reports to anybody, and a busy machine is no failure."""

import os

import pytest
from hypothesis import settings

from sluice.settings import SAFE_DEFAULTS, TELEMETRY_OFF
from tests.lib.store_fixtures import postgres
from tests.lib.story import day_later, postgres_story, prefect_url, second, story

__all__ = ["day_later", "postgres", "postgres_story", "prefect_url", "second", "story"]

# Prefect and MLflow read these when they are imported, so they are set before any test is.
os.environ.update(TELEMETRY_OFF | SAFE_DEFAULTS)

# A first call compiles a kernel.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.hookimpl(tryfirst=True)  # xdist reads the mark when its own turn comes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays with one worker, and so do all files to which a first lifecycle is told: it takes minutes."""
    listeners = {
        item.path
        for item in items
        if {"story", "postgres_story"} & set(getattr(item, "fixturenames", ()))
    }
    for item in items:
        together = "story" if item.path in listeners else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))
