"""How alike two candidates are: by their embeddings, or by belonging to one group."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.mechanisms.slate import UNKNOWN, Slate

Likeness = Literal["embedding", "category", "provider"]
"""What similarity goes by."""


def similarity(slate: Slate, of: Likeness) -> NDArray[np.float64]:
    """Cosine of embeddings, or 1 within a group and 0 across, [rows, rows] along the slate's order.

    An item is like itself; one without an embedding or a group is like no other.

    Raises:
        DataError: the slate came without that column.
    """
    alike = _cosines(slate) if of == "embedding" else _shared(*slate.groups(of))
    np.fill_diagonal(alike, 1.0)
    return alike


def _cosines(slate: Slate) -> NDArray[np.float64]:
    if slate.embeddings is None:
        raise DataError(
            "a mechanism goes by embedding, and the slate came without; supply one each, or "
            'declare of = "category"'
        )
    from sluice.mechanisms import kernels

    return kernels.cosines(slate.embeddings[slate.order].astype(np.float32, copy=False))


def _shared(groups: NDArray[np.int64], _: list[str]) -> NDArray[np.float64]:
    return ((groups[:, None] == groups) & (groups[:, None] != UNKNOWN)).astype(np.float64)
