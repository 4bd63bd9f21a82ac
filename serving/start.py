"""How a server process comes by its ranking server, whichever program the process runs in."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sluice.child import ROOT
from sluice.data.durations import parse_duration
from sluice.data.event_log import EventLog
from sluice.data.feeds import feed_credentials, open_source
from sluice.errors import ConfigError
from sluice.registry.keys import KeyRing
from sluice.serving.canary_source import CanarySource
from sluice.serving.feeding import Feed, Feeding
from sluice.serving.following import Verification
from sluice.serving.housekeeping import Ages, Housekeeping
from sluice.serving.ranking_server import RankingServer
from sluice.serving.shadow import Shadow
from sluice.serving.shadow_process import shadow_from
from sluice.serving.source import source_from
from sluice.serving.supervisor import WORKERS
from sluice.serving.times import now_micros
from sluice.serving.trust import Trust
from sluice.serving_spec import FeedSpec, ServingSpec
from sluice.settings import Settings, load_settings
from sluice.surface import Surface, load_surface, surface_path

PACKAGED_RELEASES = ROOT / "releases"
"""Where `sluice.serving.bento` puts the release, beside the code."""
SETTLE_SECONDS = 60.0
"""After which a worker takes connections and says itself that it is not ready."""

_LOOK_SECONDS = 0.005
_LOG = logging.getLogger(__name__)


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
    surface = declared_surface(settings.surfaces, environ)
    log = EventLog(settings.log)
    server = RankingServer(
        source,
        settings.predictions,
        now_micros,
        events=log,
        workers=int(environ.get(WORKERS, "1")),
        declared=surface.serving if surface else ServingSpec(),
        canary=_canary(environ, settings, keys),
        shadow=_shadow(environ, settings),
        verification=Verification(trust=trust),
    )
    ages = log_ages(settings.surfaces)
    server.run_beside(Housekeeping(log, ages, server.telemetry))
    if surface and surface.feed.kind != "log":
        server.run_beside(_feeding(surface, log, server, environ))
    return server


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


def log_ages(surfaces: Path) -> Ages:
    """What suits every surface of the installation, for they share one log.

    Compaction follows the most eager surface, and batches are kept as long as the most patient one asks.
    """
    declared = [FeedSpec()]
    for path in sorted(surfaces.glob("*.toml")):
        try:
            declared.append(load_surface(path).feed)
        except ConfigError as error:
            _LOG.warning("the ages of the log do not heed a surface's file: %s", error)
    return Ages(
        compact_after=min(parse_duration(feed.compact_after) for feed in declared),
        keep=max(parse_duration(feed.keep) for feed in declared),
    )


def _feeding(
    surface: Surface, log: EventLog, server: RankingServer, environ: Mapping[str, str]
) -> Feeding:
    """The reader of the surface's feed; what it is declared to be is checked at once."""
    spec = surface.feed
    opened = partial(open_source, spec, feed_credentials(environ))
    opened().close()
    feed = Feed(
        surface.name,
        # The address is left out: a server may move, and the offset stays.
        name=f"{surface.name}/{spec.kind}/{spec.name}/{spec.partition}",
        open=opened,
        go_on_after_gap=spec.after_gap == "go_on",
    )
    return Feeding(log, feed, server.take, server.telemetry)


def declared_surface(surfaces: Path, environ: Mapping[str, str]) -> Surface | None:
    """What the surface's file declares; None where the server has no such file.

    A packaged release may be served anywhere, so without `SLUICE_SURFACE` no file is looked for.

    Raises:
        ConfigError: the file cannot be obeyed.
    """
    name = environ.get("SLUICE_SURFACE")
    if name is None:
        return None
    path = surface_path(surfaces, name)
    return load_surface(path) if path.is_file() else None


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
