"""The feature kernel: one time-ordered fold. Read the state as known before t, then update it.

An event enters the state once `at < t`, strictly, where `at` is its receipt plus the embargo; it is
inside a window of length w while `t - w <= at < t`. Offline replay and online serving run these same
functions on the same arrays, which is why their features agree bit for bit.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.features.counters import CLICK, EXPOSURE, NEVER, RING, UNKNOWN, Counters, Facts, Queue
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


@njit(cache=True, nogil=True)
def _count(counters: Counters, layout: Layout, event: int, item: int, at: int) -> None:
    counts = counters.counts[item, event]
    for window in range(len(counts)):
        counts[window] += 1
    counters.totals[event] += 1
    since = at - counters.touched[item, event]
    for index in range(len(layout.half_lives)):
        kept = math.exp(-math.log(2.0) * since / layout.half_lives[index])
        counters.decayed[item, event, index] = counters.decayed[item, event, index] * kept + 1.0
    counters.touched[item, event] = at


@njit(cache=True, nogil=True)
def _apply_exposure(
    counters: Counters, layout: Layout, item: int, user: int, at: int, embargo: int
) -> None:
    _count(counters, layout, EXPOSURE, item, at)
    if counters.born[item] == NEVER:
        counters.born[item] = at - embargo
    if layout.user_item >= 0:
        count_pair(counters, pair_key(USER_ITEM, user, item), EXPOSURE)


@njit(cache=True, nogil=True)
def _remember_click(counters: Counters, layout: Layout, item: int, user: int) -> None:
    if layout.user_item >= 0:
        count_pair(counters, pair_key(USER_ITEM, user, item), CLICK)
    if layout.provider >= 0 and counters.provider[item] != UNKNOWN:
        count_pair(counters, pair_key(USER_PROVIDER, user, counters.provider[item]), CLICK)
    if layout.category >= 0 and counters.category[item] != UNKNOWN:
        count_pair(counters, pair_key(USER_CATEGORY, user, counters.category[item]), CLICK)
    so_far = counters.clicked[user]
    if layout.transitions > 0 and so_far > 0:
        last = counters.ring[user, (so_far - 1) % RING]
        count_pair(counters, pair_key(ITEM_ITEM, last, item), CLICK)
        counters.followed[last] += 1
    counters.ring[user, so_far % RING] = item
    counters.clicked[user] = so_far + 1


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
def apply_until(
    counters: Counters,
    layout: Layout,
    facts: Facts,
    exposures: Queue,
    clicks: Queue,
    ts: int,
    embargo: int,
) -> None:
    """Count every event, and believe every fact, known strictly before `ts`."""
    _apply_facts(counters, facts, ts)
    nth = exposures.applied[0]
    while nth < len(exposures.at) and exposures.at[nth] < ts:
        _apply_exposure(
            counters, layout, exposures.item[nth], exposures.user[nth], exposures.at[nth], embargo
        )
        nth += 1
    exposures.applied[0] = nth
    nth = clicks.applied[0]
    while nth < len(clicks.at) and clicks.at[nth] < ts:
        if clicks.answers[nth]:
            _count(counters, layout, CLICK, clicks.item[nth], clicks.at[nth])
        _remember_click(counters, layout, clicks.item[nth], clicks.user[nth])
        nth += 1
    clicks.applied[0] = nth


@njit(cache=True, nogil=True)
def _place_windows(
    counters: Counters, layout: Layout, queue: Queue, event: int, ts: int
) -> None:
    # Both ways: an online request may ask about an earlier moment than the one before it did.
    for window in range(len(layout.windows)):
        edge = ts - layout.windows[window]
        nth = queue.expired[window]
        while nth < queue.applied[0] and queue.at[nth] < edge:
            if queue.answers[nth]:
                counters.counts[queue.item[nth], event, window] -= 1
            nth += 1
        while nth > 0 and queue.at[nth - 1] >= edge:
            nth -= 1
            if queue.answers[nth]:
                counters.counts[queue.item[nth], event, window] += 1
        queue.expired[window] = nth


@njit(cache=True, nogil=True)
def place_windows(
    counters: Counters, layout: Layout, exposures: Queue, clicks: Queue, ts: int
) -> None:
    """Make every windowed count hold exactly the applied events with `ts - w <= at`."""
    _place_windows(counters, layout, exposures, EXPOSURE, ts)
    _place_windows(counters, layout, clicks, CLICK, ts)


@njit(cache=True, nogil=True)
def _emit_counts(counters: Counters, layout: Layout, item: int, row: NDArray) -> None:
    prior = 0.0
    if counters.totals[EXPOSURE] > 0:
        prior = counters.totals[CLICK] / counters.totals[EXPOSURE]
    weight = layout.prior_weight
    for window in range(len(layout.windows) + 1):
        shown = counters.counts[item, EXPOSURE, window] if item != UNKNOWN else 0
        clicked = counters.counts[item, CLICK, window] if item != UNKNOWN else 0
        row[layout.exposure + window] = shown
        row[layout.click + window] = clicked
        row[layout.rate + window] = (clicked + weight * prior) / (shown + weight)


@njit(cache=True, nogil=True)
def _emit_decayed(
    counters: Counters, layout: Layout, item: int, ts: int, row: NDArray
) -> None:
    prior = 0.0
    if counters.totals[EXPOSURE] > 0:
        prior = counters.totals[CLICK] / counters.totals[EXPOSURE]
    weight = layout.prior_weight
    for index in range(len(layout.half_lives)):
        shown = clicked = 0.0
        if item != UNKNOWN:
            rate = -math.log(2.0) / layout.half_lives[index]
            since = ts - counters.touched[item, EXPOSURE]
            shown = counters.decayed[item, EXPOSURE, index] * math.exp(rate * since)
            since = ts - counters.touched[item, CLICK]
            clicked = counters.decayed[item, CLICK, index] * math.exp(rate * since)
        column = layout.decayed + 3 * index
        row[column] = shown
        row[column + 1] = clicked
        row[column + 2] = (clicked + weight * prior) / (shown + weight)


@njit(cache=True, nogil=True)
def _emit_affinity(
    counters: Counters, column: int, kind: int, user: int, code: int, row: NDArray
) -> None:
    clicks = 0
    if user != UNKNOWN and code != UNKNOWN:
        clicks = pair_count(counters, pair_key(kind, user, code), CLICK)
    row[column] = clicks
    row[column + 1] = clicks / counters.clicked[user] if clicks > 0 else 0.0


@njit(cache=True, nogil=True)
def _emit_user(
    counters: Counters, layout: Layout, item: int, user: int, row: NDArray
) -> None:
    known = user != UNKNOWN and item != UNKNOWN
    if layout.user_item >= 0:
        key = pair_key(USER_ITEM, user, item)
        row[layout.user_item] = pair_count(counters, key, EXPOSURE) if known else 0
        row[layout.user_item + 1] = pair_count(counters, key, CLICK) if known else 0
    if layout.provider >= 0:
        code = counters.provider[item] if item != UNKNOWN else UNKNOWN
        _emit_affinity(counters, layout.provider, USER_PROVIDER, user, code, row)
    if layout.category >= 0:
        code = counters.category[item] if item != UNKNOWN else UNKNOWN
        _emit_affinity(counters, layout.category, USER_CATEGORY, user, code, row)


@njit(cache=True, nogil=True)
def _emit_transition(
    counters: Counters, layout: Layout, item: int, user: int, row: NDArray
) -> None:
    # P(next = item | clicked), smoothed by one unseen follower so that 1 of 1 is no certainty.
    last = total = 0.0
    looked = 0
    if user != UNKNOWN and item != UNKNOWN:
        so_far = counters.clicked[user]
        looked = min(so_far, layout.transitions)
        for back in range(looked):
            clicked = counters.ring[user, (so_far - 1 - back) % RING]
            together = pair_count(counters, pair_key(ITEM_ITEM, clicked, item), CLICK)
            chance = together / (counters.followed[clicked] + 1.0)
            total += chance
            if back == 0:
                last = chance
    row[layout.transition] = last
    row[layout.transition + 1] = total / looked if looked > 0 else 0.0


@njit(cache=True, nogil=True)
def _emit_relative(layout: Layout, out: NDArray) -> None:
    rows = len(out)
    for nth in range(len(layout.relative_of)):
        values = out[:, layout.relative_of[nth]]
        total = 0.0
        known = 0
        for row in range(rows):
            if not np.isnan(values[row]):
                total += values[row]
                known += 1
        for row in range(rows):
            value = values[row]
            if layout.ranked >= 0:
                above = 0
                for other in range(rows):
                    above += values[other] > value
                out[row, layout.ranked + nth] = 1 + above if not np.isnan(value) else np.nan
            if layout.shared >= 0:
                out[row, layout.shared + nth] = value / total if total != 0.0 else value
            if layout.centred >= 0:
                out[row, layout.centred + nth] = value - total / max(known, 1)


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
    for nth in range(len(items)):
        item = items[nth]
        row = out[nth]
        row[0] = len(items)
        _emit_counts(counters, layout, item, row)
        if layout.decayed >= 0:
            _emit_decayed(counters, layout, item, ts, row)
        if layout.age >= 0:
            born = counters.born[item] if item != UNKNOWN else NEVER
            known = born != NEVER and born <= ts
            row[layout.age] = (ts - born) / _SECOND if known else np.nan
        _emit_user(counters, layout, item, user, row)
        if layout.transition >= 0:
            _emit_transition(counters, layout, item, user, row)
    _emit_relative(layout, out)


@njit(cache=True, nogil=True)
def fold(
    counters: Counters,
    layout: Layout,
    facts: Facts,
    exposures: Queue,
    clicks: Queue,
    embargo: int,
    ts: NDArray[np.int64],
    offsets: NDArray[np.int64],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    """Features of every request in time order: at each, read what is known, never what follows."""
    for request in range(len(ts)):
        apply_until(counters, layout, facts, exposures, clicks, ts[request], embargo)
        place_windows(counters, layout, exposures, clicks, ts[request])
        low, high = offsets[request], offsets[request + 1]
        emit(counters, layout, ts[request], users[request], items[low:high], out[low:high])
