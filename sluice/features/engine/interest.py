"""What a person clicked of each category, looked up in the table of pairs."""

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import LAST
from sluice.features.engine.compiled import compiled
from sluice.features.engine.hash_table import place


@compiled
def clicks_by_category(  # noqa: PLR0913, PLR0917 - plain arrays and numbers
    words: NDArray[np.int64],
    cells: NDArray[np.int32],
    table: NDArray[np.int64],
    cell: int,
    user: int,
    edge: int,
    figures: NDArray[np.int32],
) -> None:
    """Fill [categories] counts; a pair whose last event lies before `edge` (µs, 0 none) is forgotten."""
    for category in range(len(figures)):
        row = place(words, table, user, category)
        idle = edge > 0 and words[row + table[LAST]] < edge
        figures[category] = 0 if idle else cells[2 * row + cell]
