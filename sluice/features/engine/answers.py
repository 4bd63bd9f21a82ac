"""The kernel's second half: one request's features, column by column, from what is known before it.

Columns of a request lie side by side while they are computed, so that eight candidates are handled
at once; they become rows at the end.
"""

import numpy as np

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    CATEGORY,
    CATEGORY_CELL,
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
    STRIDE,
    UNKNOWN,
    USER,
)
from sluice.features.declaration.program import (
    AGE,
    ALIKE,
    CODE,
    COLUMN,
    CONTEXT,
    COUNT,
    DECAYED,
    ELAPSED,
    KIND,
    MEAN,
    RATE,
    READ_EXTENT,
    READ_OFFSET,
    READ_TABLE,
    SIMILARITY,
    SIZE,
    TRANSITION,
    Program,
)
from sluice.features.engine.aging import clicks_known, day_start, decay
from sluice.features.engine.alike import alike
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.counters import EXPOSURE, RING, Known, Scratch
from sluice.features.engine.derived import derive
from sluice.features.engine.hash_table import FREE, find, home, pair_key
from sluice.features.engine.item_attributes import pass_forgotten
from sluice.features.engine.llvm import natural
from sluice.features.engine.recent import similarity, transitions

_SECOND = 1e6
"""µs."""


@inlined
def emit(state: Known, program: Program, scratch: Scratch, query, items, out) -> None:  # noqa: ANN001 - Numba infers them
    """Features of one request, [candidates, features], as `answer` tells them, into `out`."""
    answer(state, program, scratch, query, items, out)
    for row in range(len(items)):
        for column in range(program.columns):
            out[row, column] = scratch.values[column, row]


@inlined
def answer(state: Known, program: Program, scratch: Scratch, query, items, out) -> None:  # noqa: ANN001 - Numba infers them
    """Leave one request's features in `scratch.values`, [features, candidates].

    Args:
        state: everything before the request, its windows placed.
        program: the compiled declaration.
        scratch: with room for the candidates.
        query: µs of the request, and the person's code.
        items: [candidates] codes.
        out: [candidates, features]; holds the context columns, which are the caller's.
    """
    ts, user = query
    people, tables = state.people, state.memory.tables
    clicked = clicks_known(people.clicked, people.clicked_at, program.horizon, user, ts)
    last = people.ring[user, (clicked - 1) % RING] if clicked > 0 else UNKNOWN
    _describe(state.memory.cells, tables, scratch.codes, scratch.rows, items, user, last)
    if program.item_horizon > 0:
        edge = ts - program.item_horizon
        facts = scratch.rows[len(tables)]
        pass_forgotten(state.memory.words, tables, scratch.codes, facts, edge, len(items))
    _find(state.memory.words, tables, scratch, program.horizon, ts, len(items))
    _read(state, program, scratch, query, items, out)
    cells, values, derived = state.memory.cells, scratch.values, program.derived
    surface = tables[program.surface]
    for nth in range(len(derived)):
        prior = 0.0
        if derived[nth, CODE] == RATE:
            prior = _surface_rate(cells, surface, program.totals, derived[nth, KIND])
        derive(values, derived[nth], prior, program.prior_weight, clicked, len(items))


@inlined
def _describe(cells, tables, codes, rows, items, user, last) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """The codes of every candidate, and where the facts about it lie."""
    base, stride = tables[ITEMS, BASE], tables[ITEMS, STRIDE]
    for nth in range(len(items)):
        row = base + (items[nth] + 1) * stride
        rows[len(tables), nth] = row
        codes[ITEM, nth], codes[USER, nth], codes[PREVIOUS, nth] = items[nth], user, last
        facts = natural(2 * row)
        codes[PROVIDER, nth] = cells[facts + PROVIDER_CELL] - 1
        codes[CATEGORY, nth] = cells[facts + CATEGORY_CELL] - 1


@inlined
def _find(words, tables, scratch, horizon, ts, size) -> None:  # noqa: ANN001 - Numba infers them
    """Where each candidate's row begins in every table; row 0, all zeros, where it has none."""
    codes, rows, held = scratch.codes, scratch.rows, scratch.held
    for nth in range(len(tables)):
        table = tables[nth]
        first, second = table[FIRST], table[SECOND]
        if second == ABSENT:
            _find_dense(table, codes[first], rows[nth], size)
        elif codes[first, 0] == UNKNOWN:
            rows[nth, :size] = table[BASE]
        else:
            _find_pairs(words, table, codes[first], codes[second], rows[nth], held, size)
        if horizon > 0:
            _pass_idle(words, table, rows[nth], ts - horizon, size)


@inlined
def _find_dense(table, codes, rows, size) -> None:  # noqa: ANN001 - plain arrays
    """Where each candidate's row begins in a table that codes number."""
    base, stride, step = table[BASE], table[STRIDE], table[STRIDE] * table[SCALE]
    for row in range(size):
        rows[row] = base + stride + codes[row] * step


@inlined
def _find_pairs(words, table, firsts, seconds, rows, held, size) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Where each candidate's row begins in a table of pairs; row 0, all zeros, where it has none."""
    base, stride, room = table[BASE], table[STRIDE], table[ROOM]
    for row in range(size):
        rows[row] = home(base, stride, room, pair_key(firsts[row], seconds[row]))
    # All look-ups wait for memory at the same time, before the first of them is judged.
    for row in range(size):
        held[row] = words[natural(rows[row])]
    for row in range(size):
        key = pair_key(firsts[row], seconds[row])
        if firsts[row] == UNKNOWN or seconds[row] == UNKNOWN or held[row] == FREE:
            rows[row] = base
        elif held[row] != key:
            place = natural(find(words, base, stride, room, key))
            rows[row] = place if words[place] == key else base


@inlined
def _pass_idle(words, table, rows, edge, size) -> None:  # noqa: ANN001 - plain arrays
    """Row 0 for whatever has no event since `edge`."""
    base, last = table[BASE], table[LAST]
    # One row of all is looked at once; a request may have no candidate.
    for row in range(size if table[SCALE] else min(size, 1)):
        place = natural(rows[row])
        rows[row] = base if words[natural(place + last)] < edge else place
    for row in range(size if table[SCALE] else 1, size):
        rows[row] = rows[0]


@inlined
def _counts(cells, rows, values, operation, size) -> None:  # noqa: ANN001 - plain arrays
    column, cell, run = operation[COLUMN], operation[READ_OFFSET], operation[READ_EXTENT]
    for nth in range(run):
        for row in range(size):
            values[column + nth, row] = cells[natural(2 * rows[row] + cell + nth)]


@compiled
def _age(words, rows, values, ts, size) -> None:  # noqa: ANN001 - plain arrays
    for row in range(size):
        stored = words[natural(rows[row])]
        since = stored ^ NEVER
        known_by_now = stored != 0 and since <= ts
        values[row] = (ts - since) / _SECOND if known_by_now else np.nan


@compiled
def _surface_rate(cells, table, totals, kind) -> float:  # noqa: ANN001 - plain arrays
    """Events per exposure of everything so far: where a rate begins."""
    row = 2 * (table[BASE] + table[STRIDE])
    shown = cells[row + totals[EXPOSURE]]
    return cells[row + totals[kind]] / shown if shown > 0 else 0.0


@inlined
def _read(state: Known, program: Program, scratch: Scratch, query, items, out) -> None:  # noqa: ANN001 - Numba infers them
    """Columns that say what is known."""
    memory, rows, values, reads = state.memory, scratch.rows, scratch.values, program.reads
    ts, size = query[0], len(items)
    for nth in range(len(reads)):
        read = reads[nth]
        column, places = values[read[COLUMN]], rows[read[READ_TABLE]]
        if read[CODE] == COUNT:
            _counts(memory.cells, places, values, read, size)
        elif read[CODE] == DECAYED:
            last, half_life = (
                memory.tables[read[READ_TABLE], LAST],
                program.half_lives[read[READ_EXTENT]],
            )
            _decayed(
                memory.words,
                memory.sums,
                places,
                column,
                last,
                read[READ_OFFSET],
                half_life,
                ts,
                size,
            )
        elif read[CODE] == ELAPSED:
            _elapsed(memory.words, places, column, read[READ_OFFSET], ts, size)
        elif read[CODE] == AGE:
            _age(memory.words, rows[len(memory.tables)], column, ts, size)
        else:
            _read_request(state, program, scratch, read, query, items, out)


@inlined
def _read_request(state, program, scratch, read, query, items, out) -> None:  # noqa: ANN001, PLR0913, PLR0917 - Numba infers them
    """Columns that are one for the request, or look at the person's last clicks."""
    values, column = scratch.values, scratch.values[read[COLUMN]]
    if read[CODE] == TRANSITION:
        transitions(state, program, column, values[read[MEAN]], query, items)
    elif read[CODE] == SIMILARITY:
        similarity(state, program, scratch.mean, column, query, items)
    elif read[CODE] == ALIKE:
        alike(state, program, scratch.liked, values, read[COLUMN], query, items)
    elif read[CODE] == CONTEXT:
        for row in range(len(items)):
            column[row] = out[row, read[COLUMN]]
    elif read[CODE] == SIZE:
        column[: len(items)] = len(items)


@compiled
def _decayed(words, sums, rows, values, last, word, half_life, ts, size) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    today = day_start(ts)
    factor = decay(half_life, ts - today)
    for row in range(size):
        at = rows[row]
        seen, kept = words[at + last], factor
        if seen < today:
            kept = decay(half_life, ts - day_start(seen)) if seen != 0 else 0.0
        values[row] = (sums[at + word] + sums[at + word + 1]) * kept


@compiled
def _elapsed(words, rows, values, word, ts, size) -> None:  # noqa: ANN001 - plain arrays
    for row in range(size):
        last = words[rows[row] + word]
        values[row] = (ts - last) / _SECOND if last != 0 else np.nan
