"""What is kept to say who clicks alike: a vector a person, and sums of them for every item.

Vectors are whole numbers, and so are their sums: they do not hang on the order in which events of one
moment came, as sums of floats would.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import NEVER
from sluice.features.engine.room import longer

PARTS = 2
"""Sums of an item: by kind of event, over exposures and over clicks."""
UNIT = 1 << 10
"""Length of a person's vector."""
MOST = (1 << 31) // UNIT - 1
"""Events of one kind up to which an item's sums cannot leave their 32 bits; beyond it nothing is told."""


class Alike(NamedTuple):
    """Vectors of persons, usable from `since` on, and the item sums in their space."""

    since: int
    """µs; what was known before it made the vectors. NEVER before the first."""
    vectors: NDArray[np.int16]
    """[users, dimensions], at least one row; 0 for a person without a vector. Never changed in place, so
    copies share it."""
    sums: NDArray[np.int32]
    """[items, 2 * dimensions + 2]; over exposures, over clicks, and how many there were of each."""


def row_length(dimensions: int) -> int:
    """Numbers that an item's sums are."""
    return PARTS * (dimensions + 1) if dimensions else 0


def empty_alike(dimensions: int) -> Alike:
    """Of nobody and nothing; without a column where no dimension is declared."""
    return Alike(
        NEVER,
        np.zeros((1, dimensions), np.int16),
        np.zeros((0, row_length(dimensions)), np.int32),
    )


def with_room_for(alike: Alike, items: int, users: int) -> Alike:
    """Room for that many; whoever is new has no vector until the next are made."""
    if not alike.vectors.shape[1]:
        return alike
    return alike._replace(
        vectors=longer(alike.vectors, max(users, 1)), sums=longer(alike.sums, items)
    )


def copied_alike(alike: Alike) -> Alike:
    """The same elsewhere."""
    return alike._replace(sums=alike.sums.copy())
