"""What a state does not know of what a request speaks of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import (
    BASE,
    CATEGORY_CELL,
    ITEMS,
    NEVER,
    NOTED,
    PROVIDER_CELL,
    STRIDE,
    UNKNOWN,
)
from sluice.features.declaration.program import Program
from sluice.features.engine.compiled import compiled
from sluice.features.engine.counters import BORN, Known


@dataclass(frozen=True)
class Unknown:
    """How much of a request the state has never heard of, or has forgotten."""

    items: int
    """Candidates with neither events nor facts."""
    without_facts: int
    """Candidates, these included, of which no provider, category, time of publication or embedding is
    believed. A time of publication alone counts only if it was told since the state was loaded: a saved
    one does not tell it from the first exposure."""
    user: bool
    """Whether the person has no event."""


def unknown_in(
    arrays: Known, program: Program, query: tuple[int, int], items: NDArray[np.int32]
) -> Unknown:
    """What is unknown of a request, of which all that was known before it is counted.

    Args:
        arrays: by the state.
        program: of the state.
        query: µs of the request, and the person's code.
        items: [candidates] codes.
    """
    ts, user = query
    memory, horizon = arrays.memory, program.horizon
    heard_of, described = _count_items(
        memory.words, memory.cells, memory.tables, arrays.believed_at, arrays.vectors.of_item, items,
        ts - program.item_horizon if program.item_horizon else NEVER,
    )  # fmt: skip
    stranger = user == UNKNOWN or (
        horizon > 0 and int(arrays.people.seen_at[user]) + horizon < ts
    )
    return Unknown(len(items) - heard_of, len(items) - described, stranger)


@compiled
def _count_items(words, cells, tables, believed_at, of_item, items, edge):  # noqa: ANN001, ANN202, PLR0913, PLR0917 - plain arrays
    """How many of the items were heard of, and of how many something is believed."""
    heard_of = described = 0
    for nth in range(len(items)):
        item = items[nth]
        row = tables[ITEMS, BASE] + (item + 1) * tables[ITEMS, STRIDE]
        if item == UNKNOWN or (edge != NEVER and words[row + NOTED] < edge):
            continue
        heard_of += 1
        groups = cells[2 * row + PROVIDER_CELL] + cells[2 * row + CATEGORY_CELL] > 0
        if groups or of_item[item] != UNKNOWN or believed_at[item, BORN] != NEVER:
            described += 1
    return heard_of, described
