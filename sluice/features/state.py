"""The feature state: what is known before its clock, fed by events and asked by requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError, StaleState
from sluice.features import kernel, state_file
from sluice.features.codes import Codes
from sluice.features.counters import (
    NEVER,
    Events,
    Facts,
    Queue,
    Requests,
    empty_counters,
    empty_facts,
    empty_queue,
    grow,
    merged_facts,
)
from sluice.features.pairs import with_room
from sluice.features.plan import Plan, compile_plan
from sluice.features.spec import FeatureSpec

_TASTES_PER_CLICK = 3


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
        self.items, self.users = Codes(), Codes()
        self.providers, self.categories = Codes(), Codes()
        windows = len(self.plan.layout.windows)
        self.counters = empty_counters(windows, len(self.plan.layout.half_lives))
        self.exposures, self.clicks = empty_queue(windows), empty_queue(windows)
        self.facts = empty_facts()
        self._context = context

    @classmethod
    def empty(cls, spec: FeatureSpec, context: tuple[str, ...] = ()) -> Self:
        """A state that has seen nothing."""
        return cls(spec, context)

    @property
    def names(self) -> tuple[str, ...]:
        return self.plan.names

    @property
    def clock(self) -> int:
        """µs of the newest event that is counted; no request may lie at or before it."""
        newest = [
            int(queue.at[queue.applied[0] - 1])
            for queue in (self.exposures, self.clicks)
            if queue.applied[0]
        ]
        return max(newest, default=NEVER)

    @property
    def _events(self) -> Events:
        return Events(self.facts, self.exposures, self.clicks)

    def push(self, tables: LogTables) -> None:
        """Take events; each counts once its embargo is over.

        Raises:
            DataError: an event was known before the state's clock: it would have changed answers
                already given.
        """
        exposures = _known_exposures(tables.exposures, self.plan.layout.embargo)
        clicks = _known_clicks(tables.feedback, self.plan.layout.embargo)
        self._refuse_late(exposures, clicks)
        self.items.learn(exposures["item"], clicks["item"], tables.items["item_id"])
        self.users.learn(exposures["user"].rle().struct.field("value"), clicks["user"])
        self.providers.learn(tables.items["provider_id"])
        self.categories.learn(tables.items["category"])
        self.counters = grow(self.counters, len(self.items), len(self.users))
        self.facts = self._with_facts(tables.items)
        self.exposures = self._merged(self.exposures, exposures, by=["at"])
        # Whose click came last matters, also among clicks of one moment.
        self.clicks = self._merged(self.clicks, clicks, by=["at", "user", "item"])
        self.counters = self.counters._replace(
            seen=with_room(self.counters.seen, len(exposures) + len(clicks)),
            tastes=with_room(self.counters.tastes, _TASTES_PER_CLICK * len(clicks)),
        )

    def advance(self, ts: int) -> None:
        """Count every event known strictly before `ts` (µs)."""
        kernel.apply_until(self.counters, self.plan.layout, self._events, ts)

    def features(self, request: Request) -> NDArray[np.float32]:
        """Features of one request, [candidates, features].

        Raises:
            StaleState: the request lies at or before the clock, so its past is no longer known.
            DataError: a context value is given per candidate, but not for each.
        """
        if request.ts <= self.clock:
            raise StaleState(
                f"request at {_utc(request.ts)}: this state has counted events up to "
                f"{_utc(self.clock)}; ask for a later time"
            )
        self.advance(request.ts)
        out = np.empty((len(request.item_ids), len(self.names)), np.float32)
        self._fill_context(request, out)
        items = np.array([self.items.code(name) for name in request.item_ids], np.int32)
        kernel.place_windows(self.counters, self.plan.layout, self._events, request.ts)
        user = self.users.code(request.user_id)
        kernel.emit(self.counters, self.plan.layout, request.ts, user, items, out)
        return out

    def fold(self, requests: Requests, context: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of many requests, [rows, features], advancing the state.

        Args:
            requests: in time order.
            context: [rows, context columns] in the plan's order.
        """
        out = np.empty((len(requests.items), len(self.names)), np.float32)
        if self.plan.context:
            first = self.plan.layout.context
            out[:, first : first + context.shape[1]] = context
        kernel.fold(self.counters, self.plan.layout, self._events, requests, out)
        return out

    def save(self, folder: Path) -> None:
        """Write the state into an existing folder: JSON and object-free NumPy."""
        self._settle()
        state_file.save(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: a file is missing or is not what `save` writes.
        """
        meta, arrays, ids = state_file.read(folder)
        state = cls(FeatureSpec.model_validate(meta["spec"]), tuple(meta["context"]))
        state.items, state.users = Codes(ids["items"]), Codes(ids["users"])
        state.providers, state.categories = (
            Codes(ids["providers"]),
            Codes(ids["categories"]),
        )
        state_file.restore(state, arrays)
        return state

    @property
    def context(self) -> tuple[str, ...]:
        """Context columns of the log, passed through or not."""
        return self._context

    def _settle(self) -> None:
        # Which requests were asked since, and how far back the queues reach, is no part of a state.
        clock = self.clock
        if clock == NEVER:
            return
        kernel.place_windows(self.counters, self.plan.layout, self._events, clock)
        self.exposures = self._without_expired(self.exposures)
        self.clicks = self._without_expired(self.clicks)

    def _fill_context(self, request: Request, out: NDArray[np.float32]) -> None:
        for nth, name in enumerate(self.plan.context):
            value = np.asarray(request.context.get(name, np.nan), np.float32)
            if value.ndim and len(value) != len(out):
                raise DataError(f"{name}: {len(value)} values for {len(out)} candidates")
            out[:, self.plan.layout.context + nth] = value

    def _refuse_late(self, exposures: pl.DataFrame, clicks: pl.DataFrame) -> None:
        clock = self.clock
        late = int((exposures["at"] <= clock).sum()) + int((clicks["at"] <= clock).sum())
        if clock != NEVER and late:
            raise DataError(
                f"{late} events were known by {_utc(clock)}, which the state has passed; "
                "push events in the order in which they are received"
            )

    def _with_facts(self, items: pl.DataFrame) -> Facts:
        ordered = items.sort("valid_from", "item_id")
        born = ordered["published_at"].dt.timestamp("us").fill_null(NEVER)
        new = Facts(
            at=ordered["valid_from"].dt.timestamp("us").to_numpy(),
            item=self.items.encode(ordered["item_id"]),
            provider=self.providers.encode(ordered["provider_id"]),
            category=self.categories.encode(ordered["category"]),
            born=born.to_numpy(),
            applied=np.zeros(1, np.int64),
        )
        return merged_facts(self.facts, new)

    def _merged(self, queue: Queue, events: pl.DataFrame, by: list[str]) -> Queue:
        # What waits is sorted anew together with what came: ties must not depend on the batches.
        applied = int(queue.applied[0])
        first = self._oldest_needed(queue)
        waiting = pl.DataFrame({
            "at": queue.at[applied:],
            "item": _decode(self.items, queue.item[applied:]),
            "user": _decode(self.users, queue.user[applied:]),
            "answers": queue.answers[applied:],
        }, schema=events.schema)  # fmt: skip
        ordered = _sorted(pl.concat([waiting, events]), by)
        return Queue(
            at=np.concatenate([queue.at[first:applied], ordered["at"].to_numpy()]),
            item=np.concatenate(
                [queue.item[first:applied], self.items.encode(ordered["item"])]
            ),
            user=np.concatenate(
                [queue.user[first:applied], self.users.encode_runs(ordered["user"])]
            ),
            answers=np.concatenate(
                [queue.answers[first:applied], ordered["answers"].to_numpy()]
            ),
            applied=np.array([applied - first]),
            expired=queue.expired - first,
        )

    def _without_expired(self, queue: Queue) -> Queue:
        first = self._oldest_needed(queue)
        return Queue(
            at=queue.at[first:],
            item=queue.item[first:],
            user=queue.user[first:],
            answers=queue.answers[first:],
            applied=queue.applied - first,
            expired=queue.expired - first,
        )

    def _oldest_needed(self, queue: Queue) -> int:
        """First applied event that some window still holds, or an earlier request could ask for."""
        applied = int(queue.applied[0])
        if not applied:
            return 0
        edge = self.clock - self.plan.horizon
        # The newest stays in any case: it is the clock.
        return min(
            int(np.searchsorted(queue.at, edge)), *queue.expired.tolist(), applied - 1
        )


def _sorted(events: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Stable sort, or none where the only key is in order already, as a log's exposures are."""
    if by == ["at"] and bool((np.diff(events["at"].to_numpy()) >= 0).all()):
        return events
    return events.sort(by, maintain_order=True)


def _known_exposures(exposures: pl.DataFrame, embargo: int) -> pl.DataFrame:
    return exposures.select(
        at=pl.col("ts").dt.timestamp("us") + embargo,
        item="item_id",
        user="user_id",
        answers=pl.lit(value=True),
    )


def _known_clicks(feedback: pl.DataFrame, embargo: int) -> pl.DataFrame:
    clicks = feedback.filter(pl.col("kind") == FeedbackKind.CLICK.value)
    return clicks.select(
        at=pl.max_horizontal("ts", "received_ts").dt.timestamp("us") + embargo,
        item="item_id",
        user="user_id",
        answers=pl.col("request_id").is_not_null(),
    )


def _decode(codes: Codes, numbers: NDArray[np.int32]) -> list[str]:
    return [codes.ids[number] for number in numbers]


def _utc(ts: int) -> str:
    if ts == NEVER:
        return "no time at all"
    return datetime.fromtimestamp(ts / 1e6, tz=UTC).isoformat()
