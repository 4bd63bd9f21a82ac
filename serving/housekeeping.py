"""The event log kept small while it is served from: live rows become Parquet parts, old batches go."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sluice.data.compaction import Compacted
from sluice.data.event_log import EventLog
from sluice.serving.telemetry import Telemetry

_LOG = logging.getLogger(__name__)
EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Ages:
    """How old what is in the log becomes."""

    compact_after: timedelta
    """Live rows older than this are put into parts."""
    keep: timedelta
    """Batches older than this can no longer be followed singly."""


class Housekeeping:
    """A thread that compacts the log; of several workers one does it at a time."""

    def __init__(
        self,
        log: EventLog,
        ages: Ages,
        telemetry: Telemetry,
        *,
        every: float = EVERY_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing runs before `start`.

        Args:
            log: is compacted.
            ages: see there.
            telemetry: counts failures.
            every: seconds between two compactions, up to a quarter less.
            clock: now.
        """
        self._log, self._ages, self._telemetry = log, ages, telemetry
        self._every, self._clock = every, clock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin; the first compaction is one interval away."""
        self._thread.start()

    def stop(self) -> None:
        """End after the compaction under way."""
        self._closing.set()
        self._thread.join(timeout=30.0)
        if self._thread.is_alive():
            _LOG.warning("the event log is still being compacted; a kill does it no harm")

    def tidy(self) -> Compacted | None:
        """Compact once; None where another process does it, or where it failed, which is counted."""
        try:
            return self._log.compact(
                older_than=self._ages.compact_after, keep=self._ages.keep, at=self._clock()
            )
        except Exception:  # noqa: BLE001 - whatever it was, the service goes on, and tries again
            _LOG.exception("the event log cannot be compacted; it grows until it can be")
            self._telemetry.housekeeping_errors += 1
            return None

    def _run(self) -> None:
        # Workers that started together take turns rather than collide.
        while not self._closing.wait(self._every * random.uniform(0.75, 1.0)):  # noqa: S311
            self.tidy()
