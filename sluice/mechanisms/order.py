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
    if scores.ndim != 1 or len(item_ids) != len(scores):
        raise DataError(
            f"cannot order {scores.shape} scores of {len(item_ids)} items; one each is needed"
        )
    order = (-scores).argsort(kind="stable").astype(np.int64, copy=False)
    along = scores[order]
    if len(along) and np.isnan(along[-1]):  # which are sorted to the end
        unscored = int(np.isnan(scores).sum())
        raise DataError(f"cannot order: {unscored} of {len(scores)} scores are NaN")
    tied = along[1:] == along[:-1]
    if tied.any():
        _by_id_where_tied(order, tied, item_ids)
    return order


def _by_id_where_tied(
    order: NDArray[np.int64],
    tied: NDArray[np.bool_],
    item_ids: Sequence[str] | NDArray[np.str_],
) -> None:
    """Put the rows of each run of ties in the order of their ids; few are tied, so few are compared.

    `tied` [rows - 1] says whether a row's score is that of the one above.
    """
    ids = item_ids.tolist() if isinstance(item_ids, np.ndarray) else item_ids
    rows, places = order.tolist(), tied.nonzero()[0].tolist()
    first = places[0]
    for place, following in zip(places, [*places[1:], len(rows)], strict=True):
        if following != place + 1:  # the run ends with the row below this place
            rows[first : place + 2] = sorted(rows[first : place + 2], key=ids.__getitem__)
            first = following
    order[:] = rows
