"""The release in service: followed where the pointer moves, verified beside the traffic, swapped whole."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from functools import partial

from sluice.data.event_log import EventLog
from sluice.errors import IntegrityError, SluiceError
from sluice.serving.bounded import LOOK_SECONDS, OPEN_SECONDS, Bounded
from sluice.serving.live_state import LiveState
from sluice.serving.port import RefusalReason, Status
from sluice.serving.refusal import Unreadable, refusal_reason
from sluice.serving.release import LoadedRelease, open_release
from sluice.serving.sandbox import DEFAULT_LIMITS, Limits
from sluice.serving.source import Assignment, Source
from sluice.serving.telemetry import Telemetry
from sluice.serving.trust import Trust

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """A verified release in service with its live state, and since which epoch of the pointer."""

    release: LoadedRelease
    live: LiveState
    epoch: int | None
    share: float = 1.0
    """Of the people whom it serves."""


@dataclass(frozen=True)
class Pace:
    """How often a server looks at what it follows, in seconds."""

    pointer: float = 1.0
    feed: float = 0.1
    retry: float = 30.0
    """After which a refused release is tried again."""


@dataclass(frozen=True)
class Verification:
    """What a release must stand before it is loaded."""

    limits: Limits = DEFAULT_LIMITS
    """Of the child that tries it."""
    trust: Trust | None = None
    """Whose signature it needs; None where none is looked at."""


class Following:
    """One release at a time, or none; another takes its place only when it was verified and brought to now."""

    def __init__(
        self,
        source: Source,
        events: EventLog | None,
        telemetry: Telemetry,
        *,
        verification: Verification,
        pace: Pace,
    ) -> None:
        """Args: `source` names the release to serve, `events` is what its state is kept up with."""
        self.serving: Serving | None = None
        self.refusal = ""
        """Why the newest release named is not in service; empty where it is, or is being verified."""
        self.refused: RefusalReason | None = None
        self._source, self._events, self._telemetry = source, events, telemetry
        self._verification, self.pace = verification, pace
        self._bounded = Bounded()
        self._retry_at, self._reopen, self._catching_up = 0.0, False, False

    @property
    def waiting(self) -> Status:
        """How it stands while no release is in service."""
        if self.refusal:
            return Status.REFUSED
        return Status.CATCHING_UP if self._catching_up else Status.STARTING

    def begin_anew(self) -> None:
        """Have the next look open the release in service again, and catch it up from its snapshot."""
        self._reopen = True

    async def watch(self) -> None:
        """Look now, and again whenever there may be something new."""
        await self.look()
        while True:
            await asyncio.sleep(self.pace.pointer)
            refused_long_ago = self.refusal and time.monotonic() >= self._retry_at
            if self._reopen or refused_long_ago or await self._may_differ():
                await self.look()

    async def look(self) -> None:
        """Ask the source, and swap when it names another release that passes verification."""
        try:
            named = await self._named()
            if named is None:
                self.serving, self.refusal, self.refused = None, "", None
            elif self.serving and self._serves(named.digest):
                self._take_over(replace(self.serving, epoch=named.epoch, share=named.share))
            else:
                self._take_over(await self._opened(named))
        except (SluiceError, OSError) as error:
            self._refuse(str(error), refusal_reason(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the champion goes on serving
            # Of our own making, so the log gets it whole; and who looks must go on looking.
            _LOG.exception("the look at the release named broke down")
            self._refuse(f"{type(error).__name__}: {error}", RefusalReason.OTHER)

    async def _named(self) -> Assignment | None:
        """The release to serve, if any, where what names it can be read in time and did not go back."""
        try:
            named = await self._bounded.run(
                self._source.assignment, LOOK_SECONDS, "the pointer"
            )
        except IntegrityError as error:
            raise Unreadable(str(error)) from error
        since = self.serving.epoch if self.serving else None
        epoch = named.epoch if named else None
        if since is not None and epoch is not None and epoch < since:
            raise Unreadable(f"the pointer went back from epoch {since} to {epoch}")
        return named

    async def _opened(self, named: Assignment) -> Serving:
        what = f"release {named.digest[:12]}"
        return await self._bounded.run(partial(self._open, named), OPEN_SECONDS, what)

    async def _may_differ(self) -> bool:
        """Whether another release may be named; so too where nobody can tell in time."""
        try:
            return await self._bounded.run(
                self._source.changed, LOOK_SECONDS, "the pointer"
            )
        except (SluiceError, OSError):
            return True

    def _open(self, named: Assignment) -> Serving:
        """The release, verified, loaded and brought to now."""
        limits, trust = self._verification.limits, self._verification.trust
        release = open_release(named.folder, named.digest, limits, trust)
        live = LiveState(release, self._events)
        self._catching_up = True
        live.catch_up()
        return Serving(release, live, named.epoch, named.share)

    def _take_over(self, serving: Serving) -> None:
        if self.serving is None or self.serving.release is not serving.release:
            self._telemetry.swaps += 1
            _LOG.info("release %s is in service", serving.release.digest)
        self.serving = serving
        self.refusal, self.refused = "", None
        self._catching_up = self._reopen = False

    def _refuse(self, why: str, reason: RefusalReason) -> None:
        self.refusal, self.refused, self._catching_up = why, reason, False
        self._retry_at = time.monotonic() + self.pace.retry
        self._telemetry.refusals += 1
        still = f"{self.serving.release.digest[:12]} stays" if self.serving else "none is"
        _LOG.error("release refused, %s in service: %s", still, why)

    def _serves(self, digest: str) -> bool:
        """Whether this release is in service already, and its state need not be begun anew."""
        if self.serving is None or self._reopen:
            return False
        return self.serving.release.digest == digest
