"""A service over a real event log: its releases, its journal, its prediction log, in a few lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from sluice.data.event_log import EventLog
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import Request
from sluice.serving.golden import record_golden, sample_requests
from sluice.serving.live_state import LiveState
from sluice.serving.parity import Place
from sluice.serving.prediction import Prediction
from sluice.serving.prediction_log import PredictionLog
from sluice.serving.release import build_release, open_release
from tests.lib.releases import small_provenance
from tests.lib.served import SECOND, Asked, asked, availability, scorer, until, world

SURFACE = "for_you"
MINUTES = 20
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def history() -> LogTables:
    """What the snapshot knows."""
    return _where(availability_at(None, until()))


def arrivals() -> Iterator[tuple[int, LogTables]]:
    """The third day's events, and when each lot of them is accepted: a second after it is whole."""
    step = MINUTES * 60 * SECOND
    for start in range(until(), until() + 24 * 3_600 * SECOND, step):
        yield start + step + SECOND, _where(availability_at(start, start + step))


def availability_at(start: int | None, end: int) -> dict[str, pl.Expr]:
    return {
        table: (availability(table) < end)
        & (pl.lit(value=True) if start is None else availability(table) >= start)
        for table in TABLES
    }


def _where(holds: dict[str, pl.Expr]) -> LogTables:
    return LogTables(
        **{table: getattr(world(), table).filter(holds[table]) for table in TABLES}
    )


@dataclass(frozen=True)
class Home:
    """One installation with releases and a day of live events."""

    root: Path

    @cached_property
    def log(self) -> EventLog:
        return EventLog(self.root / "log")

    @property
    def place(self) -> Place:
        predictions = self.root / "predictions" / SURFACE
        return Place(SURFACE, predictions, self.root / "releases", self.log)

    def release(self, version: int) -> str:
        """A release of the small trees; another version is another release."""
        fresh = replace(scorer(), state=scorer().state.copy())
        requests = sample_requests(history().exposures, until() - 3_600 * SECOND * 24, 5)
        golden = record_golden(fresh, requests, until())
        provenance = small_provenance(version).model_copy(update={"until": until()})
        return build_release(self.root / "releases", provenance, fresh, golden)


class Process:
    """One process that serves one release from the log, and logs what it answers."""

    def __init__(self, home: Home, release: str) -> None:
        opened = open_release(home.place.releases / release, release)
        self._scorer, self._release = opened.scorer, release
        self._predictions = PredictionLog(home.place.predictions)
        self._live = LiveState(opened, home.log)
        self._live.catch_up()

    @property
    def name(self) -> str:
        return self._predictions.process

    def answer(self, each: Asked) -> None:
        """Take in what is new, rank, and log it."""
        self._live.refresh()
        self._predictions.append(self._answered(each.name, each.request))

    def _answered(self, name: str, request: Request) -> Prediction:
        ranking = self._scorer.rank(request)
        return Prediction(
            request_id=name,
            ts=request.ts,
            user_id=request.user_id,
            candidates=request.item_ids,
            scores=tuple(ranking.scores.tolist()),
            order=tuple(ranking.order.tolist()),
            propensities=tuple(ranking.propensities.tolist()),
            release=self._release,
            features_digest=ranking.features_digest,
            context=request.context,
            features=ranking.features.tobytes(),
            feed_position=self._live.progress.position,
            state_clock=self._scorer.state.clock,
            unknown_items=1,
        )

    def close(self) -> None:
        counts = self._predictions.close()
        assert counts.accepted == counts.stored


def requests() -> list[Asked]:
    return [each for each in asked() if each.request.ts > until() + 3_600 * SECOND]


def play(home: Home, serve: Iterable[tuple[Asked, Process]]) -> None:
    """Events and requests of the day in the order of their times."""
    coming = list(arrivals())
    for each, process in serve:
        while coming and coming[0][0] < each.request.ts:
            at, tables = coming.pop(0)
            taken = home.log.take(tables, moment(at) + timedelta(seconds=1))
            assert not taken.refused
        process.answer(each)
