"""What a state tells of items and people beside their features: columns that mechanisms read.

Providers and categories are told by every state; vectors and interests by one whose declaration
keeps them for a feature. Everything is as it was known before the last moment asked for.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError
from sluice.features.declaration.layout import (
    BASE,
    CATEGORY_CELL,
    ITEMS,
    NEVER,
    NOTED,
    PROVIDER_CELL,
    STRIDE,
    UNKNOWN,
    Tally,
)
from sluice.features.declaration.plan import Plan
from sluice.features.declaration.spec import ALL, CLICK, FeatureSpec
from sluice.features.engine.hash_table import table_rows
from sluice.features.strings.codes import Codes

if TYPE_CHECKING:
    from sluice.features.state.feature_state import FeatureState

INTEREST = Tally("user_category", CLICK, ALL)
"""Clicks of a person on a category, as `features.affinity` or a counter declares them."""
ALWAYS = frozenset({"providers", "categories"})
"""Columns of a `Slate` that every state tells."""
FEEDERS = {
    "embeddings": "features.similarity = 1 or more",
    "interest": 'features.affinity = ["category"]',
}
"""What a declaration needs before its state tells these too."""


def told_by(plan: Plan) -> frozenset[str]:
    """Columns of a `Slate` that a state of this plan tells."""
    columns = set(ALWAYS)
    if plan.program.similarity:
        columns.add("embeddings")
    if INTEREST in plan.rows.offsets:
        columns.add("interest")
    return frozenset(columns)


def telling(wanted: Collection[str], spec: FeatureSpec) -> FeatureSpec:
    """The smallest declaration whose state tells these columns as one of `spec` would.

    Its counters of the same pairs stay: what they count keeps a pair from being forgotten.
    """
    interest = "interest" in wanted
    # Any event that the whole one counts keeps an item from being forgotten.
    counters = tuple(
        counter
        for counter in spec.counters
        if spec.item_horizon or (interest and counter.key == INTEREST.key)
    )
    counted = any(
        counter.key == INTEREST.key and counter.event == CLICK and ALL in counter.windows
        for counter in counters
    )
    return FeatureSpec(
        embargo=spec.embargo, horizon=spec.horizon, item_horizon=spec.item_horizon, windows=(),
        age=False, user_item=False,
        affinity=("category",) if interest and not counted else (),
        similarity=int("embeddings" in wanted), counters=counters, context=False,
    )  # fmt: skip


Items = Sequence[str] | NDArray[np.int32]
"""Ids, or the codes that the state has of them now (`Answer.items`), which need no look-up."""


def providers_of(state: "FeatureState", items: Items) -> list[str | None]:
    """Provider of each item as believed now, None where it is not known."""
    return _groups_of(state, items, PROVIDER_CELL, state.ids.providers)


def categories_of(state: "FeatureState", items: Items) -> list[str | None]:
    """Category of each item as believed now, None where it is not known."""
    return _groups_of(state, items, CATEGORY_CELL, state.ids.categories)


def births_of(state: "FeatureState", item_ids: Sequence[str]) -> NDArray[np.int64]:
    """When each item was born as believed now, µs, NEVER where it is not known, [items]."""
    memory = state.known.memory
    rows = memory.tables[ITEMS, BASE] + memory.tables[ITEMS, STRIDE] * (
        _believed(state, item_ids).astype(np.int64) + 1
    )
    return memory.words[rows] ^ NEVER


def _groups_of(
    state: "FeatureState", items: Items, cell: int, groups: Codes
) -> list[str | None]:
    memory = state.known.memory
    codes = _believed(state, items)
    rows = memory.tables[ITEMS, BASE] + memory.tables[ITEMS, STRIDE] * (codes + 1)
    return groups.names(memory.cells[2 * rows + cell] - 1)


def _believed(state: "FeatureState", items: Items) -> NDArray[np.int32]:
    """Codes of items, UNKNOWN where one was never told of, or is forgotten by the state's clock."""
    codes = items if isinstance(items, np.ndarray) else state.ids.items.encode_all(items)
    horizon = state.plan.program.item_horizon
    if horizon and state.clock != NEVER:
        noted = table_rows(state.known.memory, ITEMS)[codes, NOTED]
        codes = np.where(noted + horizon < state.clock, np.int32(UNKNOWN), codes)
    return codes


def embeddings_of(state: "FeatureState", items: Items) -> NDArray[np.float32]:
    """Newest vector of each item as believed now, [items, dimensions]; zeros where it has none.

    A fact without a vector leaves the one before it, as for the feature `user_item.similarity`.

    Raises:
        ConfigError: the state keeps no vectors.
    """
    _need(state, "embeddings")
    vectors, codes = state.known.vectors, _believed(state, items)
    newest = np.zeros((len(codes), vectors.values.shape[1]), np.float32)
    rows = np.full(len(codes), UNKNOWN, np.int32)
    met = codes != UNKNOWN
    rows[met] = vectors.of_item[codes[met]]
    has = rows != UNKNOWN
    newest[has] = vectors.values[rows[has]]
    return newest


def interest_of(state: "FeatureState", user_id: str, ts: int) -> dict[str, float]:
    """A person's clicks by category, each counted for what the item was when it was clicked.

    Counts and not shares, since how many there are says whether they mean anything. Empty for a
    stranger, and for what a declared `horizon` has forgotten by `ts` (µs).

    Raises:
        ConfigError: the state does not count them.
    """
    from sluice.features.engine.interest import clicks_by_category

    _need(state, "interest")
    memory, rows = state.known.memory, state.plan.rows
    horizon, names = state.plan.program.horizon, state.ids.categories.ids
    clicks = np.zeros(len(names), np.int32)
    clicks_by_category(
        memory.words, memory.cells, memory.tables[rows.table(INTEREST.key)],
        rows.offsets[INTEREST], state.ids.users.code(user_id), ts - horizon if horizon else 0,
        clicks,
    )  # fmt: skip
    return {names[code]: float(clicks[code]) for code in np.flatnonzero(clicks).tolist()}


def _need(state: "FeatureState", column: str) -> None:
    if column not in told_by(state.plan):
        raise ConfigError(
            f"this feature state keeps no {column}; declare {FEEDERS[column]} and fit again"
        )
