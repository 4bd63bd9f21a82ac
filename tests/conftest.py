"""For every test: no tool reports to anybody, and a busy machine is no failure."""

import os

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
