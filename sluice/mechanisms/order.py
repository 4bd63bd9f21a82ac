"""The one place where scores become an order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError


def rank_by(
    scores: NDArray[np.float64], item_ids: Sequence[str] | NDArray[np.str_]
) -> NDArray[np.int64]:
    """Rows in the order in which they are shown, [rows]: highest score first, ties by item id.

    Ties are common (trees give many candidates one leaf path), and a client may send the same
    candidates in another order on a retry or from another replica. By id, ascending code points,
    it gets the same ranking all the same, and a replayed request compares equal.

    Raises:
        DataError: a score is NaN, which has no place in an order, or the lengths differ.
    """
    ids = np.asarray(item_ids, dtype=np.str_)
    if scores.shape != ids.shape or scores.ndim != 1:
        raise DataError(
            f"cannot order {scores.shape} scores of {ids.shape} items; one each is needed"
        )
    if unscored := int(np.isnan(scores).sum()):
        raise DataError(f"cannot order: {unscored} of {len(scores)} scores are NaN")
    return np.lexsort((ids, -scores)).astype(np.int64)
