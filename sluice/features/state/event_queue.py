"""The events that a state counts, or has counted and may still have to take out of a window.

Every kind has a room of its own, in which its events lie one after the other, and some of it free: what
arrives is put there, and nothing else is moved but what becomes known later. Once a room is full all
are laid out anew, without what no answer depends on any more and with a quarter free again.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.features.declaration.layout import CODES, ITEM, NEVER, UNKNOWN, USER
from sluice.features.declaration.plan import Plan
from sluice.features.declaration.spec import CLICK
from sluice.features.engine.counters import Queue
from sluice.features.state.intake import Arrivals, Names

_FEW = 1 << 10
"""Events that are in order sooner than Polars has begun."""
_SHARE = 4
"""A room that is laid out anew has one free place for so many that are taken."""


def empty_queue(kinds: int, windows: int, room: NDArray[np.int64] | None = None) -> Queue:
    """Room for so many events of each kind, [kinds], of which none is there; none where left out."""
    room = np.zeros(kinds, np.int64) if room is None else room
    bounds = np.concatenate([[0], np.cumsum(room)]).astype(np.int64)
    places, begin = int(bounds[-1]), bounds[:-1]
    return Queue(
        at=np.empty(places, np.int64),
        codes=np.empty((CODES, places), np.int32),
        answers=np.empty(places, np.bool_),
        bounds=bounds,
        first=begin.copy(),
        end=begin.copy(),
        applied=begin.copy(),
        expired=np.repeat(begin[:, None], windows, axis=1),
    )


def clock_of(queue: Queue) -> int:
    """µs of the newest event that is counted, or NEVER."""
    return _last_of(queue, queue.applied)


def newest_of(queue: Queue) -> int:
    """µs since when the newest event may be counted, whether or not it is; NEVER without any."""
    return _last_of(queue, queue.end)


def _last_of(queue: Queue, ends: NDArray[np.int64]) -> int:
    """µs of the newest event before these ends, by kind; asked several times by every request."""
    at, first = queue.at, queue.first.tolist()
    last = [at.item(end - 1) for nth, end in enumerate(ends.tolist()) if end > first[nth]]
    return max(last, default=NEVER)


def oldest_needed(queue: Queue, plan: Plan, clock: int) -> list[int]:
    """By kind, the first event that some window still holds, or a request after `clock` could ask for."""
    edge, windows = clock - plan.longest_window, len(plan.rows.windows)
    oldest = []
    for kind, applied in enumerate(queue.applied.tolist()):
        first = int(queue.first[kind])
        reached = first + int(np.searchsorted(queue.at[first:applied], edge))
        leaving = plan.rows.expiries_first[kind * windows : (kind + 1) * windows + 1]
        inside = queue.expired[kind][np.diff(leaving) > 0].tolist()
        # The newest stays in any case: it is the clock.
        oldest.append(max(first, min(reached, *inside, applied - 1)))
    return oldest


def packed_queue(queue: Queue, oldest: list[int]) -> Queue:
    """The events from these on, by kind, with no room beside them."""
    return _laid_out(queue, oldest, np.zeros(len(oldest), np.int64))


def joined_queue(queue: Queue, arrivals: list[Arrivals], plan: Plan, names: Names) -> Queue:
    """The queue with what arrived, which is put where there is room: the queue itself, or a new one.

    Args:
        queue: what was there; changed.
        arrivals: by kind.
        plan: says which events are still needed, where all is laid out anew.
        names: to put clicks of one moment into an order that does not depend on the batches.
    """
    more = np.array([len(arrival.at) for arrival in arrivals])
    if (queue.end + more > queue.bounds[1:]).any():
        queue = _laid_out(queue, oldest_needed(queue, plan, clock_of(queue)), more, _SHARE)
    for kind, name in enumerate(plan.rows.kinds):
        _append(queue, kind, arrivals[kind], names if name == CLICK else None)
    return queue


def _laid_out(
    queue: Queue, oldest: list[int], more: NDArray[np.int64], share: int | None = None
) -> Queue:
    """The events from `oldest` on elsewhere, with places for `more`, and a share of all free."""
    begin = np.array(oldest, np.int64)
    kept = queue.end - begin
    room = kept + more
    if share and kept.any():
        # As many for a kind of few events as for the others: it moves all when its room is full.
        room += np.maximum(room, room.sum() // len(room)) // share
    moved = empty_queue(len(oldest), queue.expired.shape[1], room)
    shift = moved.first - begin
    for kind, low in enumerate(oldest):
        to = slice(int(moved.first[kind]), int(moved.first[kind] + kept[kind]))
        for column, old in zip(moved[:3], queue[:3], strict=True):
            column[..., to] = old[..., low : queue.end[kind]]
    return moved._replace(
        end=moved.first + kept,
        applied=queue.applied + shift,
        expired=np.maximum(queue.expired, begin[:, None]) + shift[:, None],
    )


def _append(queue: Queue, kind: int, new: Arrivals, names: Names | None) -> None:
    """Put events behind those of their kind, and what waits in order from the first of them on."""
    begin, end = int(queue.end[kind]), int(queue.end[kind]) + len(new.at)
    if begin == end:
        return
    queue.at[begin:end], queue.answers[begin:end] = new.at, new.answers
    queue.codes[ITEM, begin:end], queue.codes[USER, begin:end] = new.item, new.user
    queue.codes[USER + 1 :, begin:end] = UNKNOWN
    queue.end[kind] = end
    applied = int(queue.applied[kind])
    low = applied + int(np.searchsorted(queue.at[applied:begin], new.at.min()))
    order = _order(queue.at[low:end], queue.codes[:, low:end], names)
    for column in queue[:3] if order is not None else ():
        column[..., low:end] = column[..., low:end][..., order]


def _order(
    at: NDArray[np.int64], codes: NDArray[np.int32], names: Names | None
) -> NDArray[np.int64] | None:
    """By time, or None where they are in order; whose click came last matters also at one moment."""
    in_order = bool((at[1:] >= at[:-1]).all())
    if in_order and names is None:
        return None
    order = np.arange(len(at)) if in_order else np.argsort(at, kind="stable")
    if names is not None:
        same = at[order[1:]] == at[order[:-1]]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        if len(tied):
            order[tied] = _order_by_name(at, codes, order[tied], names)
            return order
    return None if in_order else order


def _order_by_name(
    at: NDArray[np.int64], codes: NDArray[np.int32], events: NDArray[np.int64], names: Names
) -> NDArray[np.int64]:
    """Events that share their moment with another, by person and item: codes follow the batches."""
    users = names.users.decode(codes[USER, events])
    items = names.items.decode(codes[ITEM, events])
    if len(events) <= _FEW:
        keys = list(zip(at[events].tolist(), users, items, strict=True))
        return events[sorted(range(len(keys)), key=keys.__getitem__)]
    schema = {"at": pl.Int64, "event": pl.Int64, "user": pl.String, "item": pl.String}
    columns = {"at": at[events], "event": events, "user": users, "item": items}
    tied = pl.DataFrame(columns, schema=schema)
    return tied.sort("at", "user", "item", maintain_order=True)["event"].to_numpy()
