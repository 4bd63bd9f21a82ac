"""A home that goes on being written: events, compactions, versions that a gate blocks, promotions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread
from unittest import mock

from sluice.data.event_log import EventLog
from sluice.registry import promotion
from sluice.registry.heads import export_head
from sluice.store.records import Outcome, State
from tests.lib import promotions
from tests.lib.killed_log import hours
from tests.lib.logs import AT
from tests.lib.releases import small_release
from tests.lib.stores import T0
from tests.lib.tampered_homes import SURFACE, Home, _sealed


def blocked_version(home: Home, run: str) -> None:
    """A version that its gates block, and the head that is sealed after it."""
    with home.store() as store:
        version = promotions.bring(store, State.CANDIDATE, run, SURFACE)
        failed = promotions.judged("quality", outcome=Outcome.FAIL)
        verdicts = [*promotions.judged("data", "leakage"), *failed]
        declared = {"mandatory": promotions.MANDATORY, **promotions.BY_FLOW}
        promotion.gate(store, version, verdicts, **declared)
        export_head(store, home.settings.heads, home.keys, T0)


class Writer:
    """Writes to a home until it is stopped; counts what was accepted."""

    def __init__(self, home: Home) -> None:
        self._home, self._stop, self._lock = home, Event(), Lock()
        self._accepted = self._rows = 0
        self.fault: BaseException | None = None

    @property
    def accepted(self) -> tuple[int, int]:
        """Requests in the log, and ledger rows, that were durable before this was asked."""
        with self._lock:
            return self._accepted, self._rows

    def run(self) -> None:
        try:
            while not self._stop.wait(0.02):
                self._step()
        except BaseException as error:
            self.fault = error
            raise

    def stop(self) -> None:
        self._stop.set()

    def _step(self) -> None:
        number = self._accepted
        log = EventLog(self._home.settings.log)
        log.take(hours(number, number + 1), AT)
        if number % 3 == 2:
            log.compact(timedelta(0), timedelta(0), AT + timedelta(hours=number))
        with self._home.store() as store:
            if number % 8:
                blocked_version(self._home, f"w{number}")
            else:
                release = small_release(self._home.settings.releases, 10 + number)
                with mock.patch.object(promotions, "release_of", return_value=release):
                    promotions.bring(
                        store, State.CHAMPION_PROVISIONAL, f"w{number}", SURFACE
                    )
                _sealed(self._home, store)
            with self._lock:
                self._accepted, self._rows = number + 1, len(self._home.rows())


@contextmanager
def written(home: Home) -> Iterator[Writer]:
    """The home while another thread writes to it."""
    writer = Writer(home)
    thread = Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stop()
        thread.join()
    if writer.fault:
        raise writer.fault
