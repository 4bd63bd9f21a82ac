"""The kernel's first half: events enter the tables when they become known, and leave windows.

An event is counted once `at < t`, strictly, where `at` is its receipt plus the embargo; it is inside
a window of length w while `t - w <= at < t`. Events of all kinds, and what is said of items, are
taken in the order of `at` (ties: facts, exposures, clicks, others), never in the order of requests,
so that no answer depends on which requests were asked before.
"""

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    BEGAN,
    CATEGORY,
    CATEGORY_CELL,
    CELL,
    CELLS,
    DECAYS,
    FIRST,
    ITEM,
    ITEMS,
    LAST,
    NEVER,
    PREVIOUS,
    PROVIDER,
    PROVIDER_CELL,
    ROOM,
    SCALE,
    SECOND,
    STRICT,
    STRIDE,
    TABLE,
    UNKNOWN,
    UPDATE_DECAYS,
    UPDATE_SINCE,
    USED,
    USER,
)
from sluice.features.declaration.program import Program
from sluice.features.engine.aging import (
    Integers,
    add_weights,
    clicks_known,
    day_start,
    grow_older,
    weigh,
)
from sluice.features.engine.alike import add_vectors
from sluice.features.engine.compiled import inlined
from sluice.features.engine.counters import CLICK, EXPOSURE, RING, RUN, Known, Scratch
from sluice.features.engine.hash_table import FREE, find, pair_key
from sluice.features.engine.item_attributes import apply_fact, touch_items
from sluice.features.engine.llvm import natural

_NOTHING, _FACT = -2, -1


# Helpers that run for every event or candidate take plain arrays and numbers: a state is a tuple of
# arrays, and handing it on, or taking an array out of it, costs more than the event does.


@inlined
def _next(at: Integers, applied: Integers, end: Integers, fact: int, ts: int):  # noqa: ANN202 - Numba infers it
    """What becomes known next before `ts`, and the moment up to which nothing else does."""
    nearest = bound = min(fact, ts)
    kind = _FACT if fact < ts else _NOTHING
    for index in range(len(applied)):
        if applied[index] == end[index]:
            continue
        head = at[natural(applied[index])]
        if head < nearest:
            # What was nearest comes after; at one moment it goes first, for it is of a lower kind.
            bound, nearest, kind = nearest, head, index
        elif kind >= 0:
            bound = min(bound, head + 1)
    return kind, bound


@inlined
def apply_until(state: Known, program: Program, scratch: Scratch, ts: int) -> None:
    """Count every event, and believe every fact, known strictly before `ts`."""
    queue, facts = state.queue, state.facts
    at, applied, end = queue.at, queue.applied, queue.end
    times, believed = facts.at, facts.applied
    while True:
        fact = int(times[believed[0]]) if believed[0] < len(times) else ts
        kind, bound = _next(at, applied, end, fact, ts)
        if kind == _NOTHING:
            return
        if kind == _FACT:
            apply_fact(state, program.item_horizon)
            continue
        low = applied[kind]
        if program.item_horizon > 0:
            # In a run so short no item is forgotten between two of its events.
            bound = min(bound, at[low] + program.item_horizon + 1)
        high = low + 1
        while high < end[kind] and at[natural(high)] < bound:
            high += 1
        _count_run(state, program, scratch, kind, low, high)
        applied[kind] = high


@inlined
def _count_run(
    state: Known, program: Program, scratch: Scratch, kind: int, low: int, high: int
) -> None:
    """Count events of one kind that become known before anything else does."""
    memory, queue, places = state.memory, state.queue, scratch.places
    words, tables, codes, answers = memory.words, memory.tables, queue.codes, queue.answers
    updates = program.updates
    _mark(state, program, kind, low, high)
    if program.alike > 0 and kind <= CLICK:
        add_vectors(
            state.alike.vectors, state.alike.sums, codes[ITEM], codes[USER], kind, low, high
        )  # fmt: skip
    for change in range(program.updates_first[kind], program.updates_first[kind + 1]):
        update = updates[change]
        table = tables[update[TABLE]]
        timed = table[LAST] != ABSENT or update[UPDATE_SINCE] != ABSENT
        for begin in range(low, high, RUN):
            end = min(begin + RUN, high)
            _take_places(words, table, update[STRICT], codes, answers, begin, end, places)
            if timed:
                _count_timed(state, program, scratch, update, begin, end)
            else:
                _count(memory.cells, table, update, places, end - begin)


@inlined
def _mark(state: Known, program: Program, kind: int, low: int, high: int) -> None:
    """Give events the codes that their tables ask for, and remember items and clicks."""
    memory, queue, people = state.memory, state.queue, state.people
    words, tables, at, codes = memory.words, memory.tables, queue.at, queue.codes
    marked = program.marked[kind]
    if program.item_horizon > 0:
        touch_items(
            words, tables, state.vectors.of_item, codes[ITEM], at, low, high, program.item_horizon
        )  # fmt: skip
    if marked[PROVIDER] or marked[CATEGORY]:
        _mark_groups(memory.cells, tables, codes, low, high)
    if kind == EXPOSURE:
        _meet_items(words, tables, at, codes, low, high, program.embargo)
    if kind == CLICK:
        _remember_clicks(people, at, codes, program.horizon, low, high)
    elif marked[PREVIOUS]:
        _mark_previous(people.ring, people.clicked, people.clicked_at, at, codes, program.horizon, low, high)  # fmt: skip


@inlined
def _mark_groups(cells, tables, codes, low, high) -> None:  # noqa: ANN001 - plain arrays
    base, stride = tables[ITEMS, BASE], tables[ITEMS, STRIDE]
    for nth in range(low, high):
        event = natural(nth)
        row = natural(2 * (base + (codes[ITEM, event] + 1) * stride))
        codes[PROVIDER, event] = cells[row + PROVIDER_CELL] - 1
        codes[CATEGORY, event] = cells[row + CATEGORY_CELL] - 1


@inlined
def _meet_items(words, tables, at, codes, low, high, embargo) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    base, stride = tables[ITEMS, BASE], tables[ITEMS, STRIDE]
    for nth in range(low, high):
        event = natural(nth)
        row = natural(base + (codes[ITEM, event] + 1) * stride)
        if words[row] == 0:
            words[row] = (at[event] - embargo) ^ NEVER


@inlined
def _remember_clicks(people, at, codes, horizon, low, high) -> None:  # noqa: ANN001 - plain arrays
    ring, clicked, clicked_at = people.ring, people.clicked, people.clicked_at
    followed, followed_at = people.followed, people.followed_at
    for nth in range(low, high):
        user = codes[USER, nth]
        so_far = clicks_known(clicked, clicked_at, horizon, user, at[nth])
        codes[PREVIOUS, nth] = UNKNOWN
        if so_far > 0:
            last = ring[user, (so_far - 1) % RING]
            codes[PREVIOUS, nth] = last
            if horizon > 0 and followed_at[last] + horizon < at[nth]:
                followed[last] = 0
            followed[last] += 1
            followed_at[last] = at[nth]
        ring[user, so_far % RING] = codes[ITEM, nth]
        clicked[user] = so_far + 1
        clicked_at[user] = at[nth]


@inlined
def _mark_previous(ring, clicked, clicked_at, at, codes, horizon, low, high) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    for nth in range(low, high):
        user = codes[USER, nth]
        so_far = clicks_known(clicked, clicked_at, horizon, user, at[nth])
        codes[PREVIOUS, nth] = ring[user, (so_far - 1) % RING] if so_far > 0 else UNKNOWN


@inlined
def _take_places(words, table, strict, codes, answers, low, high, places) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Where the row of each event's key begins, made its own where it was free; row 0 for none."""
    first, second = codes[table[FIRST]], table[SECOND]
    base, stride, step = table[BASE], table[STRIDE], table[STRIDE] * table[SCALE]
    if second != ABSENT:
        _take_pairs(
            words, table, strict, (first, codes[second]), answers, low, high, places
        )
        return
    for nth in range(low, high):
        event = natural(nth)
        counts = answers[event] or not strict
        row = base + stride + first[event] * step if counts else base
        places[natural(nth - low)] = row


@inlined
def _take_pairs(words, table, strict, pair, answers, low, high, places) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    base, stride, room, taken = table[BASE], table[STRIDE], table[ROOM], 0
    first, second = pair
    for nth in range(low, high):
        event, place = natural(nth), natural(nth - low)
        places[place] = base
        if (strict and not answers[event]) or min(first[event], second[event]) == UNKNOWN:
            continue
        key = pair_key(first[event], second[event])
        row = natural(find(words, base, stride, room, key))
        if words[row] == FREE:
            words[row] = key
            taken += 1
        places[place] = row
    table[USED] += taken


@inlined
def _count(cells, table, update, places, events) -> None:  # noqa: ANN001 - plain arrays
    """Let events change the counts of one table."""
    cell, count, base = update[CELL], update[CELLS], table[BASE]
    for nth in range(events):
        if places[nth] != base:
            for index in range(2 * places[nth] + cell, 2 * places[nth] + cell + count):
                cells[natural(index)] += 1


@inlined
def _count_timed(state, program, scratch, update, low, high) -> None:  # noqa: ANN001 - Numba infers them
    """As `_count`, with what depends on when the event became known, one event after the other."""
    table, cell, count = state.memory.tables[update[TABLE]], update[CELL], update[CELLS]
    words, cells, at = state.memory.words, state.memory.cells, state.queue.at
    # Taken out of the table once: what is written could be the table, for all that LLVM knows.
    base, aged = table[BASE], (table[LAST], table[BEGAN], table[DECAYS] > 0)
    since, decays = update[UPDATE_SINCE], update[UPDATE_DECAYS]
    for nth in range(low, high):
        row, now = natural(scratch.places[natural(nth - low)]), at[natural(nth)]
        if row == base:
            continue
        if table[LAST] != ABSENT:
            _touch(state.memory, program, table, aged, row, now)
        for index in range(2 * row + cell, 2 * row + cell + count):
            cells[natural(index)] += 1
        if since != ABSENT:
            words[natural(row + since)] = now
        if decays > 0:
            weigh(program.half_lives, scratch.weights, scratch.weighed, now)
            add_weights(state.memory.sums, update, row, program.halves, scratch.weights)


@inlined
def _touch(memory, program, table, aged, row, now) -> None:  # noqa: ANN001 - Numba infers them
    """Bring a row to the moment of an event."""
    words, horizon, (last, began, decays) = memory.words, program.horizon, aged
    before = words[natural(row + last)]
    begins = before == 0
    idle = horizon > 0 and before + horizon < now
    # Handing the memory on costs more than an event does, and few have need of it.
    if not begins and (idle or (decays and before < day_start(now))):
        begins = grow_older(memory, program, table, row, now)
    if begins and began != ABSENT:
        words[natural(row + began)] = now
    words[natural(row + last)] = now
