"""The program that the kernel runs for every request, compiled from a declaration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Operations, one row each of `Program.reads` and `Program.derived`.
SIZE, COUNT, DECAYED, ELAPSED, AGE, CONTEXT, TRANSITION, SIMILARITY, ALIKE = range(9)
RATE, RATIO, TASTE, RELATE = range(9, 13)
FIRST_DERIVED = RATE
"""Operations from here on follow from columns; those before read what is known."""
WIDTH = 6
"""Numbers that an operation has at most: code, column, operands."""

# Where an operation's numbers stand.
CODE, COLUMN = range(2)
READ_TABLE, READ_OFFSET, READ_EXTENT = range(2, 5)
"""Of one that reads a table: the tally's place in a row, and how many counts or which half-life."""
MEAN = 2
"""Of TRANSITION: the column of the mean, beside that of the last click."""
UPPER, LOWER, KIND = range(2, 5)
"""Of a fraction: the columns above and below, and of a rate the kind of event."""
RANKED, SHARED, CENTRED, SCORED = range(2, 6)
"""Of RELATE: a column for each form, or ABSENT."""


class Program(NamedTuple):
    """What the kernel needs to know of a plan, in types that Numba compiles once."""

    embargo: int
    """µs."""
    horizon: int
    """µs after which an idle key is forgotten; 0 for never."""
    item_horizon: int
    """µs after which what was said of an item is forgotten; 0 for never."""
    prior_weight: float
    transitions: int
    """How many of the last clicks are looked at; 0 for none."""
    similarity: int
    alike: int
    """Dimensions of persons' vectors; 0 for none."""
    last_clicks: int
    """How many of the last clicks these are held against."""
    windows: NDArray[np.int64]
    """[W] µs."""
    half_lives: NDArray[np.int64]
    """[H] µs."""
    halves: NDArray[np.int64]
    endless: NDArray[np.int64]
    updates: NDArray[np.int64]
    updates_first: NDArray[np.int64]
    expiries: NDArray[np.int64]
    expiries_first: NDArray[np.int64]
    marked: NDArray[np.bool_]
    """These as in `Rows`."""
    surface: int
    """Number of the surface's table."""
    previous_item: int
    """Number of the table of item × previous item, or ABSENT."""
    totals: NDArray[np.int64]
    """[kinds] cell of the surface's count over all of time, or ABSENT."""
    followed: int
    """Cell of the clicks that followed another, in the rows of item × previous item, or ABSENT."""
    reads: NDArray[np.int64]
    """[operations, 6] that read what is known."""
    derived: NDArray[np.int64]
    """[operations, 6] that follow from columns, in this order."""
    columns: int
    """Features; columns from here on are steps on the way."""
