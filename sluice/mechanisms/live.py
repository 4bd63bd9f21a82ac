"""What mechanisms read of a request when it is asked, online and replayed alike.

The one definition of every column: serving answers by it, and what is judged offline is read by it
from a state that was brought to the request's moment.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.readings import (
    categories_of,
    embeddings_of,
    interest_of,
    providers_of,
)

if TYPE_CHECKING:
    from sluice.features.state.feature_state import FeatureState, Request

Revenue = Sequence[float | None]
"""Expected revenue of showing each candidate that is an ad, None for an organic one."""


def live_columns(
    state: "FeatureState",
    request: "Request",
    wanted: Collection[str],
    revenue: Revenue | None = None,
    codes: NDArray[np.int32] | None = None,
) -> dict[str, Any]:
    """The wanted columns of the request's `Slate`, beside its items and scores.

    Args:
        state: that has counted what was known before the request, and nothing later.
        request: what is asked.
        wanted: names of columns.
        revenue: what the request says of ads; all are organic where it is left out.
        codes: of its candidates, where the state was asked for its features just before.

    Raises:
        ConfigError: the state does not keep what is wanted.
    """
    by_column: dict[str, Any] = {}
    items = request.item_ids if codes is None else codes
    if "providers" in wanted:
        by_column["providers"] = providers_of(state, items)
    if "categories" in wanted:
        by_column["categories"] = categories_of(state, items)
    if "embeddings" in wanted:
        by_column["embeddings"] = embeddings_of(state, items)
    if "interest" in wanted:
        by_column["interest"] = interest_of(state, request.user_id, request.ts)
    offered = [None] * len(request.item_ids) if revenue is None else revenue
    if "is_ad" in wanted:
        by_column["is_ad"] = np.array([amount is not None for amount in offered], np.bool_)
    if "revenue" in wanted:
        by_column["revenue"] = np.array([amount or 0.0 for amount in offered], np.float64)
    return by_column
