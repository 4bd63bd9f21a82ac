"""The strings of a column with most repetitions left out, and which of them each row holds.

Views are told apart, as many rows at a time as a cache holds, and only what is left is copied: of the
items of a log, a third.
"""

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from sluice.features.engine.compiled import compiled
from sluice.features.engine.hash_table import HALF_WORD, MIX
from sluice.features.strings.views import views_of

NULL = -1
"""Place of a row without a string."""
_SHORT = 1 << 10
"""Rows of a column that is taken as it is."""
_BLOCK = 1 << 17
_SLOTS = 2 * _BLOCK
_SHIFT = np.uint64(65 - _SLOTS.bit_length())  # leaves as many high bits as number the slots


def strings_of(column: pl.Series) -> tuple[pa.Array, NDArray[np.int32]]:
    """As `dictionary`; repetitions are left in where finding them costs more than they do."""
    if len(column) > _SHORT:
        return dictionary(column)
    places = np.arange(len(column), dtype=np.int32)
    if column.null_count():
        valid = column.is_not_null().to_numpy()
        places = np.where(valid, np.cumsum(valid, dtype=np.int32) - 1, np.int32(NULL))
        column = column.drop_nulls()
    return column.to_arrow(compat_level=pl.CompatLevel.oldest()), places


def dictionary(column: pl.Series) -> tuple[pa.Array, NDArray[np.int32]]:
    """Every string of a column at least once, in the order in which they come, and each row's place.

    Returns:
        Arrow's large strings without nulls, and [rows] places among them, NULL for a row without one.
    """
    places = np.empty(len(column), np.int32)
    begin, seen, parts = 0, 0, [column[:0]]
    for chunk in column.get_chunks():
        end = begin + len(chunk)
        firsts = _told_apart(chunk, seen, places[begin:end])
        parts.append(chunk.gather(firsts))
        begin, seen = end, seen + len(firsts)
    told_apart = pl.concat(parts).to_arrow(compat_level=pl.CompatLevel.newest())
    return pa.array(told_apart).cast(pa.large_string()), places


def _told_apart(
    chunk: pl.Series, seen: int, places: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Rows of the chunk with a view that none before it in its block has; fills in the places."""
    views, valid = views_of(chunk)
    firsts = np.empty(len(chunk), np.int64)
    count = _number(views, valid, seen, places, firsts, np.empty(_SLOTS, np.int32))
    return firsts[:count]


@compiled
def _number(views, valid, seen, places, firsts, slots):  # noqa: ANN001, ANN202 - plain arrays
    number = 0
    for begin in range(0, len(views), _BLOCK):
        slots[:] = -1
        for row in range(begin, min(begin + _BLOCK, len(views))):
            if len(valid) and not valid[row]:
                places[row] = NULL
                continue
            high, low = views[row, 0], views[row, 1]
            mixed = (high ^ (low * MIX)) * MIX
            at = ((mixed ^ (mixed >> HALF_WORD)) * MIX) >> _SHIFT
            while True:
                there = slots[at]
                if there < 0:
                    slots[at] = there = number
                    firsts[number] = row
                    number += 1
                    break
                first = firsts[there]
                if views[first, 0] == high and views[first, 1] == low:
                    break
                at = (at + np.uint64(1)) & np.uint64(_SLOTS - 1)
            places[row] = seen + there
    return number
