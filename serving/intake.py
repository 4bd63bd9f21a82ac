"""Events on their way into the log: held against what was answered, made durable, refused row by row."""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from sluice.data.batch import RefusedRow
from sluice.data.event_log import EventLog
from sluice.data.frames import conform, empty_frame
from sluice.data.tables import LogTables
from sluice.errors import SluiceError
from sluice.serving.port import EventRows, Intake
from sluice.serving.prediction import Prediction
from sluice.serving.served_exposures import (
    CompletedExposures,
    complete_exposures,
    shown_exposures,
)
from sluice.serving.served_request import ServedRequest
from sluice.serving.served_requests import ServedRequests

_LOG = logging.getLogger(__name__)

NEIGHBOUR_SECONDS = 0.15
"""How long an id that nobody answered is waited for: a neighbour's prediction log writes within this."""
COMPLETION_SECONDS = 2.0
"""The same for a row that says neither who nor where nor when, and so must have been answered."""
_FLUSH_SECONDS = 0.1
_MAX_WAITING = 20_000


class EventIntake:
    """Takes events for one surface's service; `take` may be called from any thread."""

    def __init__(
        self,
        log: EventLog,
        served: ServedRequests,
        surface: str,
        *,
        shown_down_to: int | None = None,
        neighbours: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start the writer of what is shown by itself, where the surface declares that.

        Args:
            log: gets the rows.
            served: what was answered lately.
            surface: of the service.
            shown_down_to: slot down to which every answer counts as shown; None where clients confirm.
            neighbours: whether other processes answer for the surface too.
            clock: now.
        """
        self._log, self._served, self._surface = log, served, surface
        self._down_to, self._neighbours, self._clock = shown_down_to, neighbours, clock
        self._shown: deque[Prediction] = deque(maxlen=_MAX_WAITING)
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        if shown_down_to is not None:
            self._writer = threading.Thread(target=self._run, name="shown", daemon=True)
            self._writer.start()

    def answered(self, prediction: Prediction) -> None:
        """Remember an answer, to hold its confirmation against."""
        self._served.remember(prediction)
        if self._writer is not None:
            self._shown.append(prediction)

    def take(self, rows: EventRows, offset: tuple[str, str] | None = None) -> Intake:
        """Make the rows durable that may be taken, and say which may not.

        Args:
            rows: as they came.
            offset: a feed's name and how far it is read with these rows, kept in one transaction with them.

        Raises:
            OSError: the log cannot be written; nothing was taken.
        """
        exposures = self._completed(rows.tables["exposures"])
        tables = LogTables(
            exposures=conform("exposures", exposures.frame),
            feedback=rows.tables["feedback"],
            items=rows.tables["items"],
        )
        taken = self._log.take(tables, at=self._clock(), offset=offset)
        numbers = {
            **rows.rows,
            "exposures": [rows.rows["exposures"][row] for row in exposures.rows],
        }
        refused = [
            *_contradicting(exposures, rows.rows["exposures"]),
            *(replace(row, row=numbers[row.table][row.row]) for row in taken.refused),
        ]
        return Intake(taken.accepted, taken.repeated, tuple(refused))

    def close(self) -> None:
        """Write what is shown by itself and still waits."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join(timeout=10.0)

    def _completed(self, exposures: pl.DataFrame) -> CompletedExposures:
        return complete_exposures(exposures, self._lookup(exposures))

    def _lookup(self, exposures: pl.DataFrame) -> Mapping[str, Sequence[ServedRequest]]:
        """What was answered under the requests' ids, here or by a neighbour that may be about to write it.

        A row without what only an answer can complete is worth a longer wait: it would be refused.
        """
        wanted = set(exposures["request_id"].drop_nulls())
        answers = self._served.lookup(wanted) if wanted else {}
        if not self._neighbours or len(answers) == len(wanted):
            return answers
        incomplete = pl.any_horizontal(pl.col("user_id", "surface", "ts").is_null())
        urgent = set(exposures.filter(incomplete)["request_id"].drop_nulls())
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < COMPLETION_SECONDS:
            missing = wanted - answers.keys()
            if not missing & urgent and (not missing or waited >= NEIGHBOUR_SECONDS):
                break
            time.sleep(NEIGHBOUR_SECONDS / 3)
            answers = self._served.lookup(wanted)
        return answers

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        waiting = [self._shown.popleft() for _ in range(len(self._shown))]
        if not waiting or self._down_to is None:
            return
        exposures = shown_exposures(waiting, self._surface, self._down_to)
        tables = LogTables(exposures, empty_frame("feedback"), empty_frame("items"))
        try:
            taken = self._log.take(tables, at=self._clock())
        except (SluiceError, OSError, sqlite3.Error):
            _LOG.exception("%d answers that were shown cannot be logged yet", len(waiting))
            self._shown.extendleft(reversed(waiting))
            return
        if taken.refused:
            _LOG.warning(
                "%d exposures of answers that were shown are refused, the first: %s",
                len(taken.refused), taken.refused[0].message,
            )  # fmt: skip


def _contradicting(
    exposures: CompletedExposures, numbers: Sequence[int]
) -> Iterable[RefusedRow]:
    for row in exposures.refused:
        yield RefusedRow("exposures", numbers[row.row], row.field, row.code, row.message)
