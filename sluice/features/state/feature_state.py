"""The feature state: what is known before its clock, fed by events and asked by requests."""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.data.files import Files
from sluice.data.tables import LogTables
from sluice.features.declaration.layout import NEVER
from sluice.features.declaration.plan import Plan, compile_plan
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.engine import kernel
from sluice.features.engine.alike_sums import copied_alike, empty_alike, with_room_for
from sluice.features.engine.counters import (
    Known,
    Requests,
    Scratch,
    copied_part,
    empty_facts,
    empty_people,
    empty_vectors,
    nothing_believed,
    scratch_for,
    with_people,
)
from sluice.features.engine.hash_table import copied, empty_memory, sweep, with_room
from sluice.features.engine.room import longer
from sluice.features.state import state_file
from sluice.features.state.catalogue import with_facts
from sluice.features.state.event_queue import (
    clock_of,
    empty_queue,
    joined_queue,
    newest_of,
    oldest_needed,
    packed_queue,
)
from sluice.features.state.forgetting import grown, let_go, note_seen
from sluice.features.state.intake import Names, coded, keys_coming, known_events
from sluice.features.state.late import Late, Pushed, in_time
from sluice.features.state.request import (
    Answer,
    Request,
    fill_context,
    refuse_passed,
    refuse_stale,
)
from sluice.features.state.unknown import Unknown, unknown_in
from sluice.features.strings.codes import Codes

__all__ = ["Answer", "FeatureState", "Late", "Pushed", "Request", "Unknown"]


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
            believed_at=nothing_believed(),
            alike=empty_alike(self.plan.program.alike),
        )
        self._context = context
        # Asked several times by every request: of which counters it is, None once they may have moved on.
        self._clock = NEVER
        self._clock_of: Known | None = None
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
        """µs of the newest event that is counted, or NEVER; no request may lie at or before it."""
        if self._clock_of is not self.known:
            self._clock, self._clock_of = clock_of(self.known.queue), self.known
        return self._clock

    @property
    def earliest(self) -> int:
        """µs of the earliest request that can be answered: everything that is counted was known by then."""
        return self.clock + 1

    @property
    def newest(self) -> int:
        """µs of the newest event that was pushed, counted or not, or NEVER; without its embargo."""
        newest = newest_of(self.known.queue)
        return newest if newest == NEVER else newest - self.plan.program.embargo

    def push(self, tables: LogTables, late: Late = Late.REFUSE) -> Pushed:
        """Take events; each counts once its embargo is over.

        Args:
            tables: the events, in any order.
            late: what becomes of events that were known by the state's clock.

        Raises:
            DataError: an event is late and has to be refused, for it would have changed answers already
                given; or embeddings are of different lengths. Nothing was taken.
        """
        rows, program, clock = self.plan.rows, self.plan.program, self.clock
        events, many = in_time(
            list(known_events(tables, rows.kinds, program.embargo)), clock, late
        )
        self._expire(clock)
        if grown(self.ids, program):
            let_go(self.ids, self.known, program, clock)
        arrivals = [coded(batch, self.ids) for batch in events]
        arrays = self.known
        stored = (arrays.facts, arrays.vectors)
        facts, vectors = with_facts(stored, tables.items, self.plan, self.ids)
        people = with_people(arrays.people, len(self.ids.items), len(self.ids.users))
        for arrived in arrivals if program.horizon else ():
            note_seen(
                people.seen_at, arrived.user, np.require(arrived.at, requirements="W")
            )
        queue = joined_queue(arrays.queue, arrivals, self.plan, self.ids)
        coming = keys_coming(rows, queue, self.ids)
        self.known = Known(
            memory=with_room(arrays.memory, rows, coming, self.idle_before),
            people=people,
            queue=queue,
            facts=facts,
            vectors=vectors,
            believed_at=longer(arrays.believed_at, len(self.ids.items), NEVER),
            alike=with_room_for(arrays.alike, len(self.ids.items), len(self.ids.users)),
        )
        # What is said of items waits in order, so the late ones stand first.
        late_facts = int(np.searchsorted(facts.at, clock, "right")) if clock != NEVER else 0
        return Pushed(dict(zip(rows.kinds, arrivals, strict=True)), many, late_facts)

    def advance(self, ts: int) -> None:
        """Count every event known strictly before `ts` (µs)."""
        self._clock_of = None
        kernel.apply_until(self.known, self.plan.program, self._scratch, ts)

    def features(self, request: Request) -> NDArray[np.float32]:
        """Features of one request, [candidates, features].

        Raises:
            StaleState: the request lies at or before the clock, so its past is no longer known; or
                nothing was heard for longer than the declared freshness.
            DataError: a context value is given per candidate, but not for each.
        """
        return self._asked(request)[0]

    def answer(self, request: Request) -> Answer:
        """Features of one request, and how much of it was unknown.

        Raises:
            StaleState: as for `features`.
            DataError: as for `features`.
        """
        features, items, user = self._asked(request)
        program = self.plan.program
        unknown = unknown_in(self.known, program, (request.ts, user), items)
        return Answer(features, unknown, items)

    def unknown(self, request: Request) -> Unknown:
        """How much of a request is unknown, by what is counted so far; `answer` says it beside features."""
        items = self.ids.items.encode_all(request.item_ids)
        query = (request.ts, self.ids.users.code(request.user_id))
        return unknown_in(self.known, self.plan.program, query, items)

    def _asked(
        self, request: Request
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], int]:
        """Features, and the codes of the items and of the person."""
        refuse_passed(request.ts, self.clock)
        out = np.empty((len(request.item_ids), len(self.names)), np.float32)
        fill_context(request, self.plan, out)
        items = self.ids.items.encode_all(request.item_ids)
        user = self.ids.users.code(request.user_id)
        scratch = self._room_for(len(items))
        self._clock_of = None
        kernel.ask(self.known, self.plan.program, scratch, (request.ts, user), items, out)
        refuse_stale(request.ts, self.clock, self.spec.fresh)
        return out, items, user

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
        self._clock_of = None
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
        state.ids = Names(**{name: Codes(names) for name, names in ids.items()})
        state_file.restore(state, arrays)
        return state

    def copy(self) -> Self:
        """A state of its own that goes on from here."""
        twin = type(self)(self.spec, self._context)
        twin.ids = self.ids.copy()
        state = self.known
        twin.known = Known(
            memory=copied(state.memory),
            people=copied_part(state.people),
            queue=copied_part(state.queue),
            facts=copied_part(state.facts),
            vectors=copied_part(state.vectors),
            believed_at=state.believed_at.copy(),
            alike=copied_alike(state.alike),
        )
        return twin

    def forget(self) -> None:
        """Let go of what no answer depends on any more: expired events, idle pairs and people.

        Which requests were asked since, and how far back the queues reach, is no part of a state.
        """
        clock, arrays = self.clock, self.known
        if clock == NEVER:
            return
        self._expire(clock)
        queue = packed_queue(arrays.queue, oldest_needed(arrays.queue, self.plan, clock))
        for table in np.flatnonzero(self.plan.rows.pairs).tolist():
            sweep(arrays.memory, table, self.idle_before)
        self.known = arrays._replace(queue=queue)
        let_go(self.ids, self.known, self.plan.program, clock)

    def _expire(self, clock: int) -> None:
        """Take what no request after `clock` can ask for any more out of every window."""
        if clock != NEVER:
            kernel.place_windows(self.known, self.plan.program, clock)

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
            (self.known.vectors.values.shape[1], self.plan.program.alike),
        )  # fmt: skip
