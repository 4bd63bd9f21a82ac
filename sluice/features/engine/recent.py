"""Columns that look at what a person clicked last: what is clicked after it, and what is like it."""

import math

import numpy as np

from sluice.features.declaration.layout import LAST, UNKNOWN
from sluice.features.engine.aging import clicks_known
from sluice.features.engine.compiled import inlined
from sluice.features.engine.counters import RING
from sluice.features.engine.hash_table import place
from sluice.features.engine.item_attributes import vector_of


@inlined
def transitions(state, program, last, mean, query, items) -> None:  # noqa: ANN001 - Numba infers them
    """P(next = candidate | clicked), smoothed by one unseen follower so that 1 of 1 is no certainty.

    Args:
        state: everything before the request.
        program: says how many of the person's last clicks are looked at.
        last: [candidates], filled for the last click.
        mean: [candidates], filled with the mean over those looked at.
        query: µs of the request, and the person's code.
        items: [candidates] codes.
    """
    people, horizon = state.people, program.horizon
    ts, user = query
    clicked = clicks_known(people.clicked, people.clicked_at, horizon, user, ts)
    looked = min(clicked, program.transitions)
    last[: len(items)] = 0.0
    mean[: len(items)] = 0.0
    words, cells = state.memory.words, state.memory.cells
    table = state.memory.tables[program.previous_item]
    for back in range(looked):
        before = people.ring[user, (clicked - 1 - back) % RING]
        followed = people.followed[before] + 1.0
        for row in range(len(items)):
            at = place(words, table, before, items[row])
            together = cells[2 * at + program.followed]
            if horizon > 0 and words[at + table[LAST]] + horizon < ts:
                together = 0
            mean[row] += together / followed / looked
            if back == 0:
                last[row] = together / followed


@inlined
def similarity(state, program, mean, values, query, items) -> None:  # noqa: ANN001 - Numba infers them
    """Cosine of each candidate's vector and the mean of those last clicked; NaN without either.

    Args:
        state: everything before the request.
        program: says how many of the person's last clicks are looked at.
        mean: [dimensions], overwritten.
        values: [candidates], filled.
        query: µs of the request, and the person's code.
        items: [candidates] codes.
    """
    vectors = state.vectors.values
    people, (ts, user) = state.people, query
    clicked = clicks_known(people.clicked, people.clicked_at, program.horizon, user, ts)
    mean[:] = 0.0
    for back in range(min(clicked, program.similarity)):
        item = people.ring[user, (clicked - 1 - back) % RING]
        vector = vector_of(state, program.item_horizon, item, ts)
        if vector != UNKNOWN:
            for axis in range(len(mean)):
                mean[axis] += vectors[vector, axis]
    length = 0.0
    for axis in range(len(mean)):
        length += mean[axis] * mean[axis]
    for row in range(len(items)):
        vector = vector_of(state, program.item_horizon, items[row], ts)
        dot = own = 0.0
        for axis in range(len(mean) if vector != UNKNOWN else 0):
            dot += vectors[vector, axis] * mean[axis]
            own += vectors[vector, axis] * float(vectors[vector, axis])
        norm = math.sqrt(length * own)
        values[row] = dot / norm if norm > 0.0 else np.nan
