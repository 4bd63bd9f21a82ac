"""Ad insertion: ads enter the finished organic order where they are worth the place they take."""

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.mechanisms.slate import Slate


def insert_ads(
    slate: Slate, *, alpha: float, first: int = 2, gap: int = 4
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: the best ad enters above an organic item if it may.

    It enters slot t if t >= `first`, at least `gap` organic items stand since the last ad, and
    r + α u_ad >= α u_org: its expected revenue makes up for the loss of the person, α being what one
    unit of score is worth in revenue. Ads go by r + α u, ties as they stood. Those that enter nowhere
    come last, below every organic item: they are not to be shown.
    Source: Yan et al. 2020 (KDD), "Ads allocation in feed via constrained optimization", whose α is
    the dual of the constraint on engagement.

    Args:
        slate: the candidates, with `is_ad` and `revenue`.
        alpha: α, 0 or more; 0 fills every slot that the rules allow.
        first: the top slot that may hold an ad, 1 the very first.
        gap: organic items between two ads, at least 1.

    Raises:
        DataError: the slate lacks `is_ad` or `revenue`.
    """
    if slate.is_ad is None or slate.revenue is None:
        raise DataError(
            "ads are to be inserted, and the slate came without is_ad or revenue"
        )
    worth = (slate.revenue + alpha * slate.scores).tolist()
    dues = (alpha * slate.scores).tolist()
    along = slate.order.tolist()
    marked = slate.is_ad.tolist()
    # The sort is stable, and popping from the end takes the best first.
    waiting = sorted((row for row in along if marked[row]), key=lambda row: -worth[row])
    waiting.reverse()
    shown: list[int] = []
    since = gap
    for row in (row for row in along if not marked[row]):
        allowed = waiting and since >= gap and len(shown) + 1 >= first
        if allowed and worth[waiting[-1]] >= dues[row]:
            shown.append(waiting.pop())
            since = 0
        shown.append(row)
        since += 1
    return np.array([*shown, *reversed(waiting)], np.int64)
