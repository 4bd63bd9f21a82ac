"""What a stretch of the log adds to a state: deltas, which combine.

A log is cut into stretches by when events became known. One pass over it, which counts nothing,
opens each stretch: it numbers ids, believes facts and remembers whom clicks follow, for what an event
counts towards depends on these. From there a stretch's events can be counted anywhere, and what was
counted added up in any grouping:

    log ──cut──► Stretch ──count──► Delta ─┐
        ──cut──► Stretch ──count──► Delta ─┴─combined──► Delta: a state, since the log's beginning

Counts, times and clicks are exactly those of one pass. Decayed sums are, bit for bit, where stretches
meet at midnight UTC and each begins and ends within a day; otherwise they differ by rounding.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.declaration.layout import ITEMS, NEVER, NOTED, ROOM, USED
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.engine import kernel
from sluice.features.engine.counters import Queue, scratch_for
from sluice.features.engine.hash_table import Memory, copied, table_rows, with_room
from sluice.features.engine.merging import add_rows
from sluice.features.state.alike_refit import refuse_parts
from sluice.features.state.event_queue import empty_queue, oldest_needed, packed_queue
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.forgetting import grown, let_go


@dataclass(frozen=True)
class Delta:
    """The events known from `since` to before `until` (µs), counted from nothing.

    Nothing is pushed into its state any more: codes of forgotten people would go to others, and no
    longer be those of the stretches that it is combined with.
    """

    state: FeatureState
    since: int
    until: int

    def combined(self, later: Self) -> "Delta":
        """Both stretches' events; what waits is the later's, which began with what waited here.

        Raises:
            DataError: the other does not begin where this ends.
        """
        if self.until != later.since:
            raise DataError(
                f"a delta up to {self.until} µs and one from {later.since} µs do not meet; "
                "combine deltas in the order of the log, without a gap"
            )
        return Delta(_added(self.state, later.state), self.since, later.until)


@dataclass(frozen=True)
class Stretch:
    """A part of the log, ready to be counted: all that holds at its start, and its events."""

    opening: FeatureState
    since: int
    until: int

    def count(self) -> Delta:
        """The stretch's delta; its opening goes into it."""
        self.opening.advance(self.until)
        return Delta(self.opening, self.since, self.until)


class Cutter:
    """Cuts a log into stretches, in time order."""

    def __init__(self, spec: FeatureSpec, context: tuple[str, ...] = ()) -> None:
        refuse_parts(spec)
        self._opening = FeatureState.empty(spec, context)
        self.since = NEVER
        """µs of the last cut."""

    def push(self, tables: LogTables) -> None:
        """Take events.

        Raises:
            DataError: an event was known before the last cut.
        """
        opening, program = self._opening, self._opening.plan.program
        if grown(opening.ids, program):
            # Whatever gets their codes comes later still: added up, their rows are idle ones.
            let_go(opening.ids, opening.known, program, self.since)
        opening.push(tables)
        queue = opening.known.queue
        waiting = queue.first[queue.end > queue.first]
        if len(waiting) and queue.at[waiting].min() < self.since:
            raise DataError(
                f"an event was known at {queue.at[waiting].min()} µs, before the last cut at "
                f"{self.since} µs; push events in the order in which they are received"
            )

    def cut(self, until: int) -> Stretch:
        """The stretch from the last cut to `until` (µs).

        Raises:
            DataError: that lies before the last cut.
        """
        if until < self.since:
            raise DataError(
                f"a cut at {until} µs, after one at {self.since} µs: cut a log in time order"
            )
        stretch = Stretch(self._opening.copy(), self.since, until)
        _pass_by(self._opening, until)
        self.since = until
        return stretch


def _pass_by(state: FeatureState, until: int) -> None:
    """Bring a state to `until` without counting what becomes known before."""
    plan, arrays = state.plan, state.known
    uncounted = plan.program._replace(
        updates_first=np.zeros_like(plan.program.updates_first)
    )
    scratch = scratch_for(len(plan.rows.keys), plan.steps, len(plan.rows.half_lives), 0)
    kernel.apply_until(arrays, uncounted, scratch, until)
    queue = packed_queue(arrays.queue, arrays.queue.applied.tolist())
    state.known = arrays._replace(queue=queue)


def _added(earlier: FeatureState, later: FeatureState) -> FeatureState:
    rows, program, clock = later.plan.rows, later.plan.program, later.clock
    if clock != NEVER:
        for state in (earlier, later):
            kernel.place_windows(state.known, program, clock)
    memory = _with_room_for(earlier, later.known.memory)
    for number in range(len(rows.keys)):
        add_rows(memory, later.known.memory, program, number)
    facts = NOTED + (program.item_horizon > 0)
    stored = table_rows(later.known.memory, ITEMS)[:, :facts]
    table_rows(memory, ITEMS)[: len(stored), :facts] = stored
    queue = earlier.known.queue
    oldest = oldest_needed(queue, earlier.plan, max(earlier.clock, clock))
    joined = _one_after_the_other(queue, oldest, later.known.queue)
    twin = FeatureState.empty(later.spec, later.context)
    twin.ids = later.ids
    twin.known = later.known._replace(memory=memory, queue=joined)
    return twin


def _with_room_for(earlier: FeatureState, later: Memory) -> Memory:
    """The earlier stretch's memory elsewhere, with room for the keys of both and as many again."""
    rows, memory = earlier.plan.rows, earlier.known.memory
    more = np.where(rows.pairs, 2 * later.tables[:, USED], later.tables[:, ROOM])
    # Idle where the earlier ends: a key that was still remembered there may go on in the later.
    roomy = with_room(memory, rows, more, earlier.idle_before)
    return copied(memory) if roomy is memory else roomy


def _one_after_the_other(earlier: Queue, oldest: list[int], later: Queue) -> Queue:
    """What was counted of the earlier from `oldest` on, and all of the later."""
    begin = np.array(oldest, np.int64)
    kept = earlier.applied - begin
    joined = empty_queue(
        len(kept), earlier.expired.shape[1], kept + later.end - later.first
    )
    moved = joined.first + kept - later.first
    inside = earlier.expired < earlier.applied[:, None]
    still = joined.first[:, None] + earlier.expired - begin[:, None]
    for kind in range(len(kept)):
        middle, end = int(joined.first[kind] + kept[kind]), int(joined.bounds[kind + 1])
        for column, old, new in zip(joined[:3], earlier[:3], later[:3], strict=True):
            column[..., joined.first[kind] : middle] = old[
                ..., oldest[kind] : earlier.applied[kind]
            ]
            column[..., middle:end] = new[..., later.first[kind] : later.end[kind]]
    return joined._replace(
        end=joined.bounds[1:].copy(),
        applied=later.applied + moved,
        expired=np.where(inside, still, later.expired + moved[:, None]),
    )
