"""What is believed of items: the last that was said of each, until nothing is heard of it for too long."""

from sluice.features.declaration.layout import (
    BASE,
    CATEGORY,
    CATEGORY_CELL,
    ITEMS,
    NEVER,
    NOTED,
    PROVIDER,
    PROVIDER_CELL,
    STRIDE,
    UNKNOWN,
)
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.counters import BORN, GROUPS, VECTOR, Known


@inlined
def apply_fact(state: Known, item_horizon: int) -> None:
    """Take the next fact in the order in which facts begin to hold."""
    facts, memory = state.facts, state.memory
    nth = facts.applied[0]
    item = facts.item[nth]
    row = memory.tables[ITEMS, BASE] + (item + 1) * memory.tables[ITEMS, STRIDE]
    if item_horizon > 0:
        touch_items(
            memory.words, memory.tables, state.vectors.of_item, facts.item, facts.at, nth, nth + 1,
            item_horizon,
        )  # fmt: skip
    # A fact that comes late says nothing of what a newer one has said already.
    at, believed_at = facts.at[nth], state.believed_at
    if facts.born[nth] != NEVER and at >= believed_at[item, BORN]:
        memory.words[row] = facts.born[nth] ^ NEVER
        believed_at[item, BORN] = at
    if at >= believed_at[item, GROUPS]:
        memory.cells[2 * row + PROVIDER_CELL] = facts.provider[nth] + 1
        memory.cells[2 * row + CATEGORY_CELL] = facts.category[nth] + 1
        believed_at[item, GROUPS] = at
    if facts.vector[nth] != UNKNOWN and at >= believed_at[item, VECTOR]:
        state.vectors.of_item[item] = facts.vector[nth]
        believed_at[item, VECTOR] = at
    facts.applied[0] = nth + 1


@compiled
def touch_items(words, tables, of_item, items, at, low, high, item_horizon) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Note that items are spoken of; what was said of one goes if that is too long ago."""
    for nth in range(low, high):
        row = tables[ITEMS, BASE] + (items[nth] + 1) * tables[ITEMS, STRIDE]
        if words[row + NOTED] + item_horizon < at[nth]:
            words[row : row + NOTED] = 0
            of_item[items[nth]] = UNKNOWN
        words[row + NOTED] = max(words[row + NOTED], at[nth])


@compiled
def pass_forgotten(words, tables, codes, facts, edge, size) -> None:  # noqa: ANN001 - plain arrays
    """Row 0 and no groups for a candidate of which nothing was heard since `edge` (µs)."""
    for nth in range(size):
        if words[facts[nth] + NOTED] < edge:
            facts[nth] = tables[ITEMS, BASE]
            codes[PROVIDER, nth] = codes[CATEGORY, nth] = UNKNOWN


@inlined
def vector_of(state, item_horizon, item, ts) -> int:  # noqa: ANN001 - Numba infers them
    """Row of an item's vector as believed at `ts` (µs), or UNKNOWN."""
    tables = state.memory.tables
    row = tables[ITEMS, BASE] + (item + 1) * tables[ITEMS, STRIDE]
    forgotten = item_horizon > 0 and state.memory.words[row + NOTED] + item_horizon < ts
    return UNKNOWN if item == UNKNOWN or forgotten else state.vectors.of_item[item]
