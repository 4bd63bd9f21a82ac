"""What a stranger may try at a real Prefect of ours, over HTTP."""

import asyncio
import os

import httpx
import pytest

from sluice.errors import ConfigError
from sluice.flows.prefect_api import AUTH, ensure_admitted
from tests.lib.prefect_door import tried

pytestmark = pytest.mark.integration


def test_a_stranger_gets_nothing_from_prefect_and_its_owner_gets_in(prefect_url):
    async def wrong() -> list[str]:
        base = prefect_url.removesuffix("/api")
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            return await tried(client, os.environ[AUTH])

    assert not any(asyncio.run(wrong()))


def test_who_has_another_servers_credential_is_told_what_to_do(prefect_url, monkeypatch):
    monkeypatch.setenv(AUTH, "sluice:another")

    with pytest.raises(ConfigError, match="does not take this installation's") as refused:
        ensure_admitted(prefect_url)
    assert "sluice:another" not in str(refused.value)
