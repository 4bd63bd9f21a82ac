"""Fixtures of `tests.lib.stores`, for the conftest of each folder that needs a store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from sluice.store.port import Store
from tests.lib.stores import (
    DATABASES,
    KINDS,
    Postgres,
    fresh_store,
    fresh_url,
    running_postgres,
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], Postgres]]:
    """The one server of the session, started when first asked for."""
    with ExitStack() as stack:
        servers: list[Postgres] = []

        def started() -> Postgres:
            if not servers:
                servers.append(stack.enter_context(running_postgres()))
            return servers[0]

        yield started


@pytest.fixture(params=KINDS)
def store(request, tmp_path, postgres) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path, postgres) as opened:
        yield opened


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path, postgres) -> Iterator[str]:
    with fresh_url(request.param, tmp_path, postgres) as url:
        yield url
