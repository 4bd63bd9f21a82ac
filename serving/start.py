"""How a server process comes by its ranking server, whichever program the process runs in."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from registry.keys import KeyRing
from serving.ranking_server import RankingServer
from serving.source import source_from
from serving.trust import Trust
from sluice.settings import load_settings

PACKAGED_RELEASES = Path(__file__).parents[1] / "releases"
"""Where `serving.bento` puts the release, beside the code."""
SETTLE_SECONDS = 60.0
"""After which a worker takes connections and says itself that it is not ready."""

_LOOK_SECONDS = 0.005


def ranking_server(environ: Mapping[str, str] | None = None) -> RankingServer:
    """The ranking server that the environment asks for; nothing runs before its `start`.

    Raises:
        ConfigError: the environment names no release, or is wrong otherwise.
    """
    environ = os.environ if environ is None else environ
    settings = load_settings(environ)
    keys = KeyRing(settings.keys)
    source = source_from(
        environ, settings.pointers, settings.releases, PACKAGED_RELEASES, keys
    )
    trust = Trust(keys, settings.signatures, settings.require_signature)
    return RankingServer(source, settings.predictions, _now, trust=trust)


async def settled(server: RankingServer, seconds: float = SETTLE_SECONDS) -> bool:
    """Wait until a release is in service or was refused; whether that was within `seconds`.

    A worker that takes connections before would answer 503 for a release that is whole.
    """
    until = time.monotonic() + seconds
    while server.serving is None and not server.refusal:
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def _now() -> int:
    return time.time_ns() // 1000
