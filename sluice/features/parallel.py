"""Days folded side by side: each day's features from the state at its start, in threads.

The state at the start of a day is that of the day before with its events counted, which costs a
fraction of computing features. It is therefore carried through the days in order, and every day's
requests are answered, on a copy of it, while the next days' events are being counted. What a day's
state holds does not depend on who asked for features, so the frames are those of `replay_days`, bit
for bit.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.frame import RankingFrame
from sluice.features.replay import context_of, last_request, replay_into
from sluice.features.spec import FeatureSpec
from sluice.features.state import FeatureState


def replay_days_in_parallel(
    spec: FeatureSpec,
    label: FeedbackKind,
    days: Iterable[LogTables],
    *,
    workers: int,
    kinds: tuple[FeedbackKind, ...] = (),
) -> Iterator[RankingFrame]:
    """As `replay_days`, with up to `workers` days under way; memory holds as many days and states.

    Raises:
        TooLittleData: a day has no exposure.
        DataError: a day holds what was known before the end of the one before it.
    """
    state = None
    under_way: deque[Future[RankingFrame]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for day in days:
            state = state or FeatureState.empty(spec, context_of(day))
            under_way.append(pool.submit(replay_into, state.copy(), label, day, kinds))
            count_day(state, day)
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def count_day(state: FeatureState, day: LogTables) -> None:
    """Bring a state over a day without computing a feature, to where a replay of it would end.

    Raises:
        DataError: the day holds what was known before the state's clock.
    """
    state.push(day)
    if not day.exposures.is_empty():
        state.advance(last_request(day))
    state.forget()
