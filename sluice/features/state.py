"""The feature state: what is known before its clock, fed by events and asked by requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.data.files import Files
from sluice.data.tables import LogTables
from sluice.errors import DataError, StaleState
from sluice.features import kernel, state_file
from sluice.features.codes import Codes
from sluice.features.counters import (
    Facts,
    Known,
    People,
    Queue,
    Requests,
    Scratch,
    Vectors,
    empty_facts,
    empty_people,
    empty_queue,
    empty_vectors,
    scratch_for,
    with_people,
)
from sluice.features.forgetting import grown, let_go, note_seen, without_superseded
from sluice.features.intake import (
    NO_ARRIVALS,
    Arrivals,
    Events,
    Names,
    coded,
    joined_queue,
    keys_coming,
    known_events,
    oldest_needed,
    with_facts,
)
from sluice.features.memory import copied, empty_memory, sweep, with_room
from sluice.features.plan import Plan, compile_plan
from sluice.features.rows import NEVER
from sluice.features.spec import FeatureSpec

Part = TypeVar("Part", People, Queue, Facts, Vectors)


@dataclass(frozen=True)
class Request:
    """One person asks for a ranking of these candidates, now."""

    user_id: str
    item_ids: tuple[str, ...]
    ts: int
    """µs since the epoch, UTC."""
    context: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    """Values of `context_*` features, one for all candidates or one each; absent ones are NaN."""


class FeatureState:
    """Counters up to a clock. The same events in any batches give bit-identical features.

    Not thread-safe: asking moves window edges. Give each thread its own, or a lock.
    """

    def __init__(self, spec: FeatureSpec, context: tuple[str, ...]) -> None:
        """An empty state; `FeatureState.empty` reads better at a call."""
        self.spec = spec
        self.plan: Plan = compile_plan(spec, context)
        self.ids = Names()
        rows = self.plan.rows
        self.known = Known(
            memory=empty_memory(rows),
            people=empty_people(),
            queue=empty_queue(len(rows.kinds), len(rows.windows)),
            facts=empty_facts(),
            vectors=empty_vectors(),
        )
        self._context = context
        self._scratch = self._scratch_for(0)

    @classmethod
    def empty(cls, spec: FeatureSpec, context: tuple[str, ...] = ()) -> Self:
        """A state that has seen nothing."""
        return cls(spec, context)

    @property
    def names(self) -> tuple[str, ...]:
        return self.plan.names

    @property
    def context(self) -> tuple[str, ...]:
        """Context columns of the log, passed through or not."""
        return self._context

    @property
    def clock(self) -> int:
        """µs of the newest event that is counted; no request may lie at or before it."""
        queue = self.known.queue
        counted = queue.applied[queue.applied > queue.first[:-1]]
        return int(queue.at[counted - 1].max()) if len(counted) else NEVER

    def push(self, tables: LogTables) -> dict[str, Arrivals]:
        """Take events; each counts once its embargo is over.

        Returns:
            By kind of those that are counted, the events in codes, as they came.

        Raises:
            DataError: an event was known before the state's clock: it would have changed answers
                already given.
        """
        rows, clock = self.plan.rows, self.clock
        events = list(known_events(tables, rows.kinds, self.plan.program.embargo))
        self._refuse_late(events)
        self._expire()
        if grown(self.ids, self.plan.program):
            let_go(self.ids, self.known, self.plan.program, self.clock)
        arrivals = [coded(each, self.ids) for each in events]
        known = self.known
        queue = joined_queue(
            known.queue,
            arrivals,
            rows.kinds,
            oldest_needed(known.queue, self.plan, clock),
            self.ids,
        )
        # Vectors are large: they are kept only where something reads them.
        items = tables.items if self.spec.similarity else tables.items.drop("embedding")
        told = with_facts(known.facts, known.vectors, items, self.ids)
        facts, vectors = without_superseded(*told)
        people = with_people(known.people, len(self.ids.items), len(self.ids.users))
        for each in arrivals if self.plan.program.horizon else ():
            note_seen(people.seen_at, each.user, each.at)
        coming = keys_coming(rows, queue, self.ids)
        self.known = Known(
            memory=with_room(known.memory, rows, coming, self.idle_before),
            people=people,
            queue=queue,
            facts=facts,
            vectors=vectors,
        )
        return dict(zip(rows.kinds, arrivals, strict=True))

    def advance(self, ts: int) -> None:
        """Count every event known strictly before `ts` (µs)."""
        kernel.apply_until(self.known, self.plan.program, self._scratch, ts)

    def features(self, request: Request) -> NDArray[np.float32]:
        """Features of one request, [candidates, features].

        Raises:
            StaleState: the request lies at or before the clock, so its past is no longer known; or
                nothing was heard for longer than the declared freshness.
            DataError: a context value is given per candidate, but not for each.
        """
        if request.ts <= self.clock:
            raise StaleState(
                f"request at {_utc(request.ts)}: this state has counted events up to "
                f"{_utc(self.clock)}; ask for a later time"
            )
        self.advance(request.ts)
        self._refuse_stale(request.ts)
        out = np.empty((len(request.item_ids), len(self.names)), np.float32)
        self._fill_context(request, out)
        items = self.ids.items.encode_all(request.item_ids)
        scratch = self._room_for(len(items))
        asked = (request.ts, self.ids.users.code(request.user_id))
        kernel.place_windows(self.known, self.plan.program, request.ts)
        kernel.emit(self.known, self.plan.program, scratch, asked, items, out)
        return out

    def fold(self, requests: Requests, context: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of many requests, [rows, features], advancing the state.

        Args:
            requests: in time order.
            context: [rows, context columns] in the plan's order.
        """
        out = np.empty((len(requests.items), len(self.names)), np.float32)
        if self.plan.context:
            first = self.plan.context_column
            out[:, first : first + context.shape[1]] = context
        scratch = self._room_for(int(np.diff(requests.offsets).max(initial=0)))
        kernel.fold(self.known, self.plan.program, scratch, requests, out)
        return out

    def save(self, folder: Path) -> None:
        """Write the state into an existing folder: JSON and object-free NumPy."""
        self.forget()
        state_file.save(self, folder)

    @classmethod
    def load(cls, source: Path | Files) -> Self:
        """Make of what `save` wrote, its folder or the bytes of its files, the state that was saved.

        Raises:
            IntegrityError: a file is missing or is not what `save` writes.
        """
        files = Files.of(source, state_file.FILES)
        meta, arrays, ids = state_file.read(files)
        state = cls(FeatureSpec.model_validate(meta["spec"]), tuple(meta["context"]))
        state.ids = Names(**{name: Codes(each) for name, each in ids.items()})
        state_file.restore(state, arrays)
        return state

    def copy(self) -> Self:
        """A state of its own that goes on from here."""
        twin = type(self)(self.spec, self._context)
        twin.ids = self.ids.copy()
        known = self.known
        twin.known = Known(
            memory=copied(known.memory),
            people=_copied(known.people),
            queue=_copied(known.queue),
            facts=_copied(known.facts),
            vectors=_copied(known.vectors),
        )
        return twin

    def forget(self) -> None:
        """Let go of what no answer depends on any more: expired events, idle pairs and people.

        Which requests were asked since, and how far back the queues reach, is no part of a state.
        """
        if self.clock == NEVER:
            return
        self._expire()
        rows, known = self.plan.rows, self.known
        nothing = [NO_ARRIVALS] * len(rows.kinds)
        oldest = oldest_needed(known.queue, self.plan, self.clock)
        queue = joined_queue(known.queue, nothing, rows.kinds, oldest, self.ids)
        for table in np.flatnonzero(rows.pairs).tolist():
            sweep(known.memory, table, self.idle_before)
        self.known = known._replace(queue=queue)
        let_go(self.ids, self.known, self.plan.program, self.clock)

    def _expire(self) -> None:
        """Take what no request can ask for any more out of every window."""
        if self.clock != NEVER:
            kernel.place_windows(self.known, self.plan.program, self.clock)

    @property
    def idle_before(self) -> int:
        """µs; pairs without an event since are forgotten. Their events have left every window."""
        horizon = self.plan.program.horizon
        return self.clock - horizon if horizon and self.clock != NEVER else NEVER

    def _room_for(self, candidates: int) -> Scratch:
        """The scratch, made anew where it is too small."""
        dimensions = self.known.vectors.values.shape[1]
        there = self._scratch
        if there.rows.shape[1] < candidates or len(there.mean) != dimensions:
            self._scratch = self._scratch_for(candidates)
        return self._scratch

    def _scratch_for(self, candidates: int) -> Scratch:
        rows = self.plan.rows
        return scratch_for(
            len(rows.keys), self.plan.steps, len(rows.half_lives), candidates,
            self.known.vectors.values.shape[1],
        )  # fmt: skip

    def _fill_context(self, request: Request, out: NDArray[np.float32]) -> None:
        for nth, name in enumerate(self.plan.context):
            value = np.asarray(request.context.get(name, np.nan), np.float32)
            if value.ndim and len(value) != len(out):
                raise DataError(f"{name}: {len(value)} values for {len(out)} candidates")
            out[:, self.plan.context_column + nth] = value

    def _refuse_late(self, events: list[Events]) -> None:
        clock = self.clock
        late = sum(np.count_nonzero(each.at <= clock) for each in events)
        if clock != NEVER and late:
            raise DataError(
                f"{late} events were known by {_utc(clock)}, which the state has passed; "
                "push events in the order in which they are received"
            )

    def _refuse_stale(self, ts: int) -> None:
        fresh, clock = self.spec.fresh, self.clock
        if fresh is not None and ts - microseconds(fresh) > clock:
            raise StaleState(
                f"request at {_utc(ts)}: the newest event this state knows of is of {_utc(clock)}, "
                f"longer ago than features.fresh = {fresh}; push what happened since"
            )


def _copied(part: Part) -> Part:
    return part._replace(**{name: column.copy() for name, column in part._asdict().items()})


def _utc(ts: int) -> str:
    if ts == NEVER:
        return "no time at all"
    return datetime.fromtimestamp(ts / 1e6, tz=UTC).isoformat()
