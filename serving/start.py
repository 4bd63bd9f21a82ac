"""How a server process comes by its ranking server, whichever program the process runs in."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from registry.keys import KeyRing
from serving.canary_source import CanarySource
from serving.following import Verification
from serving.ranking_server import RankingServer
from serving.shadow import Shadow
from serving.shadow_process import shadow_from
from serving.source import source_from
from serving.supervisor import WORKERS
from serving.times import now_micros
from serving.trust import Trust
from sluice.data.event_log import EventLog
from sluice.serving_spec import ServingSpec
from sluice.settings import Settings, load_settings
from sluice.surface import load_surface, surface_path

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
    return RankingServer(
        source,
        settings.predictions,
        now_micros,
        events=EventLog(settings.log),
        workers=int(environ.get(WORKERS, "1")),
        declared=declared_service(settings.surfaces, environ),
        canary=_canary(environ, settings, keys),
        shadow=_shadow(environ, settings),
        verification=Verification(trust=trust),
    )


def _canary(
    environ: Mapping[str, str], settings: Settings, keys: KeyRing
) -> CanarySource | None:
    """A canary runs beside a champion that is followed; a server bound to one release has none."""
    surface = environ.get("SLUICE_SURFACE")
    if surface is None or environ.get("SLUICE_RELEASE"):
        return None
    return CanarySource(settings.pointers, surface, settings.releases, keys)


def _shadow(environ: Mapping[str, str], settings: Settings) -> Shadow | None:
    surface = environ.get("SLUICE_SURFACE")
    return shadow_from(environ, surface, settings) if surface else None


def declared_service(surfaces: Path, environ: Mapping[str, str]) -> ServingSpec:
    """What the surface's file declares of its service; the defaults where the server has no such file.

    A packaged release may be served anywhere, so without `SLUICE_SURFACE` no file is looked for.

    Raises:
        ConfigError: the file cannot be obeyed.
    """
    name = environ.get("SLUICE_SURFACE")
    if name is None:
        return ServingSpec()
    path = surface_path(surfaces, name)
    return load_surface(path).serving if path.is_file() else ServingSpec()


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
