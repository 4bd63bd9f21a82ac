"""The feature kernel: one time-ordered fold. Read the state as known before t, then update it.

An event enters the state once `at < t`, strictly, where `at` is its receipt plus the embargo; it is
inside a window of length w while `t - w <= at < t`. Offline replay and online serving run these same
functions on the same arrays, which is why their features agree bit for bit.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.features.counters import (
    CLICK,
    EXPOSURE,
    NEVER,
    RING,
    UNKNOWN,
    Counters,
    Events,
    Facts,
    Queue,
    Requests,
)
from sluice.features.pairs import (
    ITEM_ITEM,
    USER_CATEGORY,
    USER_ITEM,
    USER_PROVIDER,
    count_pair,
    pair_count,
    pair_key,
)
from sluice.features.plan import Layout

_SECOND = 1e6


# Every helper below loops over many rows with its arrays in local names: a state is a tuple of
# arrays, and taking one out of it counts a reference, which costs more than the row does.


@njit(cache=True, nogil=True)
def _count_events(
    counters: Counters, layout: Layout, queue: Queue, event: int, low: int, high: int
) -> None:
    counts, decayed, touched = counters.counts, counters.decayed, counters.touched
    at, items, answers, half_lives = queue.at, queue.item, queue.answers, layout.half_lives
    spans = counts.shape[2]
    counted = 0
    for nth in range(low, high):
        if not answers[nth]:
            continue
        item = items[nth]
        counted += 1
        for window in range(spans):
            counts[item, event, window] += 1
        since = at[nth] - touched[item, event]
        for index in range(len(half_lives)):
            kept = math.exp(-math.log(2.0) * since / half_lives[index])
            decayed[item, event, index] = decayed[item, event, index] * kept + 1.0
        touched[item, event] = at[nth]
    counters.totals[event] += counted


@njit(cache=True, nogil=True)
def _meet_items(
    counters: Counters, queue: Queue, low: int, high: int, embargo: int
) -> None:
    born, at, items = counters.born, queue.at, queue.item
    for nth in range(low, high):
        if born[items[nth]] == NEVER:
            born[items[nth]] = at[nth] - embargo


@njit(cache=True, nogil=True)
def _remember_exposures(counters: Counters, queue: Queue, low: int, high: int) -> None:
    items, users = queue.item, queue.user
    slots, used = counters.seen
    for nth in range(low, high):
        count_pair(slots, used, pair_key(USER_ITEM, users[nth], items[nth]), EXPOSURE)


@njit(cache=True, nogil=True)
def _remember_clicks(
    counters: Counters, layout: Layout, queue: Queue, low: int, high: int
) -> None:
    seen, seen_used = counters.seen
    tastes, used = counters.tastes
    ring, clicked, followed = counters.ring, counters.clicked, counters.followed
    for nth in range(low, high):
        item, user = int(queue.item[nth]), int(queue.user[nth])
        provider, category = int(counters.provider[item]), int(counters.category[item])
        if layout.user_item >= 0:
            count_pair(seen, seen_used, pair_key(USER_ITEM, user, item), CLICK)
        if layout.provider >= 0 and provider != UNKNOWN:
            count_pair(tastes, used, pair_key(USER_PROVIDER, user, provider), CLICK)
        if layout.category >= 0 and category != UNKNOWN:
            count_pair(tastes, used, pair_key(USER_CATEGORY, user, category), CLICK)
        so_far = clicked[user]
        if layout.transitions > 0 and so_far > 0:
            last = int(ring[user, (so_far - 1) % RING])
            count_pair(tastes, used, pair_key(ITEM_ITEM, last, item), CLICK)
            followed[last] += 1
        ring[user, so_far % RING] = item
        clicked[user] = so_far + 1


@njit(cache=True, nogil=True)
def _apply_facts(counters: Counters, facts: Facts, ts: int) -> None:
    nth = facts.applied[0]
    while nth < len(facts.at) and facts.at[nth] < ts:
        item = facts.item[nth]
        counters.provider[item] = facts.provider[nth]
        counters.category[item] = facts.category[nth]
        if facts.born[nth] != NEVER:
            counters.born[item] = facts.born[nth]
        nth += 1
    facts.applied[0] = nth


@njit(cache=True, nogil=True)
def _known(at: NDArray[np.int64], first: int, ts: int) -> int:
    """Number of events before `ts`, looking from `first` on."""
    while first < len(at) and at[first] < ts:
        first += 1
    return first


@njit(cache=True, nogil=True)
def apply_until(counters: Counters, layout: Layout, events: Events, ts: int) -> None:
    """Count every event, and believe every fact, known strictly before `ts`."""
    facts, exposures, clicks = events
    _apply_facts(counters, facts, ts)
    low = exposures.applied[0]
    high = _known(exposures.at, low, ts)
    if high > low:
        _count_events(counters, layout, exposures, EXPOSURE, low, high)
        _meet_items(counters, exposures, low, high, layout.embargo)
        if layout.user_item >= 0:
            _remember_exposures(counters, exposures, low, high)
        exposures.applied[0] = high
    low = clicks.applied[0]
    high = _known(clicks.at, low, ts)
    if high > low:
        _count_events(counters, layout, clicks, CLICK, low, high)
        _remember_clicks(counters, layout, clicks, low, high)
        clicks.applied[0] = high


@njit(cache=True, nogil=True)
def _place_windows(
    counters: Counters, layout: Layout, queue: Queue, event: int, ts: int
) -> None:
    # Both ways: an online request may ask about an earlier moment than the one before it did.
    counts, at, items, answers = counters.counts, queue.at, queue.item, queue.answers
    applied = queue.applied[0]
    for window in range(len(layout.windows)):
        edge = ts - layout.windows[window]
        nth = queue.expired[window]
        while nth < applied and at[nth] < edge:
            if answers[nth]:
                counts[items[nth], event, window] -= 1
            nth += 1
        while nth > 0 and at[nth - 1] >= edge:
            nth -= 1
            if answers[nth]:
                counts[items[nth], event, window] += 1
        queue.expired[window] = nth


@njit(cache=True, nogil=True)
def place_windows(counters: Counters, layout: Layout, events: Events, ts: int) -> None:
    """Make every windowed count hold exactly the applied events with `ts - w <= at`."""
    _place_windows(counters, layout, events.exposures, EXPOSURE, ts)
    _place_windows(counters, layout, events.clicks, CLICK, ts)


@njit(cache=True, nogil=True)
def _surface_rate(counters: Counters) -> float:
    """Clicks per exposure of everything so far: where an item's rate begins."""
    shown = counters.totals[EXPOSURE]
    return counters.totals[CLICK] / shown if shown > 0 else 0.0


@njit(cache=True, nogil=True)
def _emit_counts(
    counters: Counters, layout: Layout, items: NDArray[np.int32], out: NDArray[np.float32]
) -> None:
    counts, weight, prior = counters.counts, layout.prior_weight, _surface_rate(counters)
    exposure, click, rate = layout.exposure, layout.click, layout.rate
    spans = counts.shape[2]
    for row in range(len(items)):
        item = items[row]
        for window in range(spans):
            shown = counts[item, EXPOSURE, window] if item != UNKNOWN else 0
            clicked = counts[item, CLICK, window] if item != UNKNOWN else 0
            out[row, exposure + window] = shown
            out[row, click + window] = clicked
            out[row, rate + window] = (clicked + weight * prior) / (shown + weight)


@njit(cache=True, nogil=True)
def _emit_decayed(
    counters: Counters,
    layout: Layout,
    ts: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    decayed, touched, half_lives = counters.decayed, counters.touched, layout.half_lives
    weight, prior = layout.prior_weight, _surface_rate(counters)
    for row in range(len(items)):
        item = items[row]
        for index in range(len(half_lives)):
            shown = clicked = 0.0
            if item != UNKNOWN:
                rate = -math.log(2.0) / half_lives[index]
                since = ts - touched[item, EXPOSURE]
                shown = decayed[item, EXPOSURE, index] * math.exp(rate * since)
                since = ts - touched[item, CLICK]
                clicked = decayed[item, CLICK, index] * math.exp(rate * since)
            column = layout.decayed + 3 * index
            out[row, column] = shown
            out[row, column + 1] = clicked
            out[row, column + 2] = (clicked + weight * prior) / (shown + weight)


@njit(cache=True, nogil=True)
def _emit_age(
    counters: Counters,
    column: int,
    ts: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    born = counters.born
    for row in range(len(items)):
        since = born[items[row]] if items[row] != UNKNOWN else NEVER
        known = since != NEVER and since <= ts
        out[row, column] = (ts - since) / _SECOND if known else np.nan


@njit(cache=True, nogil=True)
def _emit_user_item(
    counters: Counters,
    column: int,
    user: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    slots, _ = counters.seen
    for row in range(len(items)):
        shown = clicked = 0
        if user != UNKNOWN and items[row] != UNKNOWN:
            shown, clicked = pair_count(slots, pair_key(USER_ITEM, user, items[row]))
        out[row, column] = shown
        out[row, column + 1] = clicked


@njit(cache=True, nogil=True)
def _emit_affinity(
    counters: Counters,
    layout: Layout,
    kind: int,
    user: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    slots, _ = counters.tastes
    clicked = counters.clicked
    group = counters.provider if kind == USER_PROVIDER else counters.category
    column = layout.provider if kind == USER_PROVIDER else layout.category
    for row in range(len(items)):
        code = int(group[items[row]]) if items[row] != UNKNOWN else UNKNOWN
        clicks = 0
        if min(user, code) > UNKNOWN:
            _, clicks = pair_count(slots, pair_key(kind, user, code))
        out[row, column] = clicks
        out[row, column + 1] = clicks / clicked[user] if clicks > 0 else 0.0


@njit(cache=True, nogil=True)
def _emit_transition(
    counters: Counters,
    layout: Layout,
    user: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    # P(next = item | clicked), smoothed by one unseen follower so that 1 of 1 is no certainty.
    slots, _ = counters.tastes
    ring, followed = counters.ring, counters.followed
    so_far = counters.clicked[user] if user != UNKNOWN else 0
    looked = min(so_far, layout.transitions)
    for row in range(len(items)):
        last = total = 0.0
        for back in range(looked if items[row] != UNKNOWN else 0):
            clicked = int(ring[user, (so_far - 1 - back) % RING])
            _, together = pair_count(slots, pair_key(ITEM_ITEM, clicked, items[row]))
            chance = together / (followed[clicked] + 1.0)
            total += chance
            if back == 0:
                last = chance
        out[row, layout.transition] = last
        out[row, layout.transition + 1] = total / looked if looked > 0 else 0.0


@njit(cache=True, nogil=True)
def _rank(values: NDArray[np.float32], value: float) -> float:
    """1 for the largest; equal values share the best rank; NaN has none."""
    if np.isnan(value):
        return np.nan
    above = np.int32(0)
    for other in values:
        above += np.int32(other > value)
    return 1.0 + above


@njit(cache=True, nogil=True)
def _sum_and_mean(values: NDArray[np.float32]) -> tuple[float, float]:
    """Over the known values; zeros where none is."""
    total = 0.0
    known = 0
    for value in values:
        if not np.isnan(value):
            total += value
            known += 1
    return total, total / max(known, 1)


@njit(cache=True, nogil=True)
def _emit_relative(layout: Layout, out: NDArray[np.float32]) -> None:
    # A column of `out` lies scattered; side by side, eight values are compared at once.
    values = np.empty(len(out), np.float32)
    for nth in range(len(layout.relative_of)):
        values[:] = out[:, layout.relative_of[nth]]
        total, mean = _sum_and_mean(values)
        for row in range(len(out)):
            value = values[row]
            if layout.ranked >= 0:
                out[row, layout.ranked + nth] = _rank(values, value)
            if layout.shared >= 0:
                out[row, layout.shared + nth] = value / total if total != 0.0 else value
            if layout.centred >= 0:
                out[row, layout.centred + nth] = value - mean


@njit(cache=True, nogil=True)
def emit(
    counters: Counters,
    layout: Layout,
    ts: int,
    user: int,
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    """Features of one request at `ts`, [rows, features]; context columns are the caller's."""
    out[:, 0] = len(items)
    _emit_counts(counters, layout, items, out)
    if layout.decayed >= 0:
        _emit_decayed(counters, layout, ts, items, out)
    if layout.age >= 0:
        _emit_age(counters, layout.age, ts, items, out)
    if layout.user_item >= 0:
        _emit_user_item(counters, layout.user_item, user, items, out)
    if layout.provider >= 0:
        _emit_affinity(counters, layout, USER_PROVIDER, user, items, out)
    if layout.category >= 0:
        _emit_affinity(counters, layout, USER_CATEGORY, user, items, out)
    if layout.transition >= 0:
        _emit_transition(counters, layout, user, items, out)
    _emit_relative(layout, out)


@njit(cache=True, nogil=True)
def fold(
    counters: Counters,
    layout: Layout,
    events: Events,
    requests: Requests,
    out: NDArray[np.float32],
) -> None:
    """Features of every request in time order: at each, read what is known, never what follows."""
    for nth in range(len(requests.ts)):
        ts, low, high = requests.ts[nth], requests.offsets[nth], requests.offsets[nth + 1]
        apply_until(counters, layout, events, ts)
        place_windows(counters, layout, events, ts)
        emit(
            counters,
            layout,
            ts,
            requests.users[nth],
            requests.items[low:high],
            out[low:high],
        )
