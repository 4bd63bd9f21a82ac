"""Who works when: one ranking at a time, the short before the long, and never too much.

Small rankings are done in the event loop: at once while the service is calm, else one in each turn of
the loop, so that in every turn the loop first meets what has come, and refuses what is too much. Work
that is begun where it comes in cannot be counted, and queues where nobody sees it. Another thread for
small work would cost as much again as the work: on another core it finds nothing of the state in its
caches. Large rankings go to a worker thread, for they would hold the loop too long. Events have a
thread of their own, for they wait for the disk; the server keeps them and rankings apart where both
enter its state.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from queue import SimpleQueue
from typing import Any, TypeVar

from sluice.serving.problem import Code, Rejected

T = TypeVar("T")

_LOAD_SECONDS = 0.1


class Lane(Enum):
    """Where work waits."""

    SMALL = "small"
    """Short rankings; first."""
    EVENTS = "events"
    """Events coming in, which wait for the disk."""
    LARGE = "large"
    """Rankings of many candidates."""


@dataclass(frozen=True)
class Bounds:
    """How much may be under way in one lane, waiting included; more is refused at once."""

    pieces: int
    size: int
    """Candidates or rows of all pieces together."""
    patience: float
    """Seconds that a piece may wait. A client that waited longer has mostly gone away, and answering
    it would make the next one wait too long as well."""


@dataclass(frozen=True)
class LaneRules:
    """How work is let in, and in which order it is done."""

    bounds: Mapping[Lane, Bounds] = field(
        default_factory=lambda: {
            Lane.SMALL: Bounds(pieces=64, size=32_000, patience=0.8),
            Lane.EVENTS: Bounds(pieces=64, size=200_000, patience=5.0),
            Lane.LARGE: Bounds(pieces=32, size=100_000, patience=5.0),
        }
    )
    small: int = 500
    """Candidates up to which a ranking counts as small."""
    calm: float = 0.5
    """Share of the time spent in small work up to which it is begun where it comes in."""
    turn: int = 16
    """Small pieces after which a piece of another lane has its turn."""
    reopened: float = 0.75
    """Share of the small lane's pieces at which it is open again once it was full. If it opened with
    each piece that leaves, whoever came in that turn would be read and all but the first refused."""


@dataclass(eq=False)
class _Job:
    work: Callable[[], Any]
    size: int
    lane: Lane
    until: float = float("inf")
    """When patience ends, by the monotonic clock."""
    future: asyncio.Future[Any] = field(init=False)


@dataclass
class _Load:
    """The share of the last 0.1 s or so that was spent in work of the event loop."""

    share: float = 0.0
    at: float = field(default_factory=time.perf_counter)

    def now(self, moment: float) -> float:
        return self.share * max(0.0, 1 - (moment - self.at) / _LOAD_SECONDS)

    def add(self, begun: float, ended: float) -> None:
        self.share = min(1.0, self.now(begun) + (ended - begun) / _LOAD_SECONDS)
        self.at = ended


class _Track:
    """The lanes that share one piece of work at a time, and the thread for what the loop does not do."""

    def __init__(
        self, name: str, lanes: tuple[Lane, ...], turn: int, load: _Load | None = None
    ) -> None:
        """The first lane goes before the others, but for every `turn`-th piece.

        Args:
            name: of the thread.
            lanes: in the order in which they go.
            turn: pieces of the first lane after which another has its turn.
            load: given where the first lane's work is done in the event loop; it is added there.
        """
        self._name, self._turn, self._load = name, turn, load
        self._first, self._others = lanes[0], deque(lanes[1:])
        self._queues: dict[Lane, deque[_Job]] = {lane: deque() for lane in lanes}
        self.pieces, self.sizes = dict.fromkeys(lanes, 0), dict.fromkeys(lanes, 0)
        self.busy = False
        self._first_in_row = 0
        self._handed: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def queued(self, job: _Job) -> Any:
        job.future = asyncio.get_running_loop().create_future()
        self.pieces[job.lane] += 1
        self.sizes[job.lane] += job.size
        self._queues[job.lane].append(job)
        self._start_next()
        return await job.future

    def close(self) -> None:
        """End the thread once the piece in hand is done."""
        self._handed.put(None)
        self._handed, self._thread = SimpleQueue(), None

    def _start_next(self) -> None:
        while not self.busy and (job := self._next()):
            if job.future.cancelled():
                self._leave(job)
            elif time.monotonic() > job.until:
                self._leave(job)
                job.future.set_exception(overloaded("the turn did not come in time"))
            else:
                self.busy = True
                if self._load is not None and job.lane is self._first:
                    job.future.get_loop().call_soon(self._work_here, self._load, job)
                else:
                    self._hand_over(job)

    def _next(self) -> _Job | None:
        """The first lane's, yet another's after so many pieces: none may starve the others."""
        other = next((lane for lane in self._others if self._queues[lane]), None)
        first = self._queues[self._first]
        if first and (other is None or self._first_in_row < self._turn):
            self._first_in_row += 1
            return first.popleft()
        if other is None:
            return None
        self._first_in_row = 0
        self._others.remove(other)
        self._others.append(other)
        return self._queues[other].popleft()

    def _work_here(self, load: _Load, job: _Job) -> None:
        begun = time.perf_counter()
        result, error = _outcome(job.work)
        load.add(begun, time.perf_counter())
        self._done(job, result, error)

    def _hand_over(self, job: _Job) -> None:
        """A bare queue: an executor's futures and locks would cost as much again as the hand-over."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, args=[self._handed], name=self._name, daemon=True
            )
            self._thread.start()
        self._handed.put(job)

    def _work(self, handed: SimpleQueue[_Job | None]) -> None:
        while (job := handed.get()) is not None:
            result, error = _outcome(job.work)
            loop = job.future.get_loop()
            with suppress(RuntimeError):  # the loop was closed meanwhile, so nobody waits
                loop.call_soon_threadsafe(self._done, job, result, error)

    def _done(self, job: _Job, result: Any, error: BaseException | None) -> None:
        self.busy = False
        self._leave(job)
        if not job.future.cancelled():
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        self._start_next()

    def _leave(self, job: _Job) -> None:
        self.pieces[job.lane] -= 1
        self.sizes[job.lane] -= job.size


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What a piece of work came to: its result, or the error to raise where it is awaited."""
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - raised again by whoever awaits it
        return None, error


class Lanes:
    """Who ranks when, and who takes events beside it; use it from one event loop's thread."""

    def __init__(self, rules: LaneRules | None = None) -> None:
        self.rules = rules or LaneRules()
        self._load, self._shut = _Load(), False
        self._ranking = _Track(
            "ranking", (Lane.SMALL, Lane.LARGE), self.rules.turn, self._load
        )
        self._events = _Track("events", (Lane.EVENTS,), self.rules.turn)

    @property
    def shut(self) -> bool:
        """Whether there is no use in reading a ranking: the small lane was full and has not drained since."""
        pieces, most = (
            self._ranking.pieces[Lane.SMALL],
            self.rules.bounds[Lane.SMALL].pieces,
        )
        self._shut = pieces > self.rules.reopened * most if self._shut else pieces >= most
        return self._shut

    async def rank(self, work: Callable[[], T], candidates: int) -> T:
        """Do a ranking when its turn comes.

        Raises:
            Rejected: 503, too much is under way already, or its turn did not come in time.
        """
        if candidates > self.rules.small:
            return await self._admitted(self._ranking, work, candidates, Lane.LARGE)
        if self._is_calm():
            return self._at_once(work)
        return await self._admitted(self._ranking, work, candidates, Lane.SMALL)

    async def take(self, work: Callable[[], T], rows: int) -> T:
        """Take events when their turn comes; rankings go on beside it.

        Raises:
            Rejected: 503, as for `rank`.
        """
        return await self._admitted(self._events, work, rows, Lane.EVENTS)

    def waiting(self) -> dict[str, int]:
        """Pieces waiting or in hand, by lane."""
        pieces = self._ranking.pieces | self._events.pieces
        return {lane.value: count for lane, count in pieces.items()}

    def close(self) -> None:
        """End the worker threads once the pieces in hand are done."""
        for track in (self._ranking, self._events):
            track.close()

    def _is_calm(self) -> bool:
        idle = not (self._ranking.busy or self._ranking.pieces[Lane.SMALL])
        return idle and self._load.now(time.perf_counter()) <= self.rules.calm

    def _at_once(self, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self._load.add(begun, time.perf_counter())

    async def _admitted(
        self, track: _Track, work: Callable[[], T], size: int, lane: Lane
    ) -> T:
        bounds, pieces = self.rules.bounds[lane], track.pieces[lane]
        # One piece alone is let in whatever its size, or it never would be.
        too_large = pieces and track.sizes[lane] + size > bounds.size
        if pieces >= bounds.pieces or too_large:
            raise overloaded()
        until = time.monotonic() + bounds.patience
        return await track.queued(_Job(work, size, lane, until))


def overloaded(
    message: str = "as much work is under way as may be; come back later",
) -> Rejected:
    """A request that is refused because of others."""
    return Rejected(503, message, code=Code.OVERLOADED, retry_after=1)
