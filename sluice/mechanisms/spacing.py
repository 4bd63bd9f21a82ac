"""Soft spacing: items of one group keep a distance, unless they are worth being close."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.slate import UNKNOWN, Group, Slate


def spacing(
    slate: Slate,
    *,
    weight: float,
    of: Group = "category",
    window: int = 3,
    only: Collection[str] = (),
    depth: int = 50,
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: greedy argmax_i (1 - w) r_i - w q_i(t) at slot t.

    q_i(t) = Σ_{d=1}^{window} 1/d · [the item at slot t - d is of the group of i].
    Source: the soft-spacing penalty that Pinterest adds to sliding spectrum decomposition (Pinterest
    Engineering 2026, "Evolution of multi-objective optimization at Pinterest home feed"; the
    decomposition itself is Huang et al. 2021). There one set of sensitive classes is spaced: `only`.

    Args:
        slate: the candidates.
        weight: w, 0 .. 1; 0 leaves the order as it is.
        of: what makes a group.
        window: slots that are looked back.
        only: groups that are spaced, all of them as one; every group by itself where empty.
        depth: slots that are filled so; the rest follow as they stood.

    Raises:
        DataError: the slate lacks the column `of`.
    """
    from sluice.mechanisms import kernels

    groups, names = slate.groups(of)
    if only:
        spaced = [code for code, name in enumerate(names) if name in only]
        groups = np.where(np.isin(groups, spaced), 0, UNKNOWN)
    filled = min(depth, slate.rows)
    return slate.order[
        kernels.spaced(slate.relevance, groups, float(weight), window, filled)
    ]
