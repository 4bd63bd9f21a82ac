"""Days folded side by side: each day's features from the state at its start, in threads.

A day's events are counted on their own, from what one pass that counts nothing found to hold at its
start; the states at the start of the days are the sums of the deltas before them; and every day's
requests are answered on a copy of its state. The cuts lie at midnight UTC, so that the frames are
those of `replay_days`, bit for bit.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sluice.data.durations import microseconds
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.layout import NEVER
from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.engine.aging import day_start
from sluice.features.state.delta import Cutter, Delta
from sluice.features.state.frame import RankingFrame
from sluice.features.state.intake import known_events
from sluice.features.state.replay import context_of, replay_into


def replay_days_in_parallel(
    spec: FeatureSpec,
    label: FeedbackKind,
    days: Iterable[LogTables],
    *,
    workers: int,
    kinds: tuple[FeedbackKind, ...] = (),
) -> Iterator[RankingFrame]:
    """As `replay_days`, with up to `workers` days counted and as many answered at a time.

    Memory holds the tables and states of the days under way.

    Raises:
        TooLittleData: a day has no exposure.
        DataError: a day holds what was known before the end of the one before it.
    """
    under_way: deque[Future[RankingFrame]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for before, day in _states(pool, spec, days, workers):
            answering = pool.submit(replay_into, before.state.copy(), label, day, kinds)
            under_way.append(answering)
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _states(
    pool: ThreadPoolExecutor, spec: FeatureSpec, days: Iterable[LogTables], workers: int
) -> Iterator[tuple[Delta, LogTables]]:
    """Each day and everything before it."""
    counting: deque[tuple[Future[Delta], LogTables]] = deque()
    cutter, before = None, None
    for day in days:
        cutter = cutter or Cutter(spec, context_of(day))
        stretch = cutter.cut(max(cutter.since, day_start(first_known(day, spec))))
        counting.append((pool.submit(stretch.count), day))
        cutter.push(day)
        if len(counting) > workers:
            before, following = _next(before, counting)
            yield before, following
    while counting:
        before, following = _next(before, counting)
        yield before, following


def _next(
    before: Delta | None, counting: deque[tuple[Future[Delta], LogTables]]
) -> tuple[Delta, LogTables]:
    counted, day = counting.popleft()
    delta = counted.result()
    return before.combined(delta) if before else delta, day


def first_known(day: LogTables, spec: FeatureSpec) -> int:
    """µs of a day's first request, or since when an event of it may be counted, if that is earlier."""
    kinds = compile_plan(spec).rows.kinds
    events = known_events(day, kinds, microseconds(spec.embargo))
    requests = day.exposures["ts"].dt.timestamp("us")
    moments = [requests.to_numpy(), *(event.at for event in events)]
    return min((int(moment.min()) for moment in moments if len(moment)), default=NEVER)
