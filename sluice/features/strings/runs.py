"""Runs of an id: neighbouring rows that hold the same string, as those of one request do."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.features.engine.compiled import compiled
from sluice.features.strings.views import views_of


def runs(column: pl.Series) -> tuple[pl.Series, NDArray[np.int64]]:
    """The id of each run, [runs], and where each begins, with the end of the last, [runs + 1].

    Nulls in a row are a run of null.
    """
    begin, heads, begins = 0, [column[:0]], [np.zeros(0, np.int64)]
    for chunk in column.get_chunks():
        out = np.empty(len(chunk), np.int64)
        out = out[: _changes(*views_of(chunk), out)]
        heads.append(chunk.gather(out))
        begins.append(begin + out)
        begin += len(chunk)
    # Neighbours of the same name may differ in their views: only now are strings compared.
    named = pl.concat(heads).rle().struct.unnest()
    first = np.append(0, np.cumsum(named["len"].to_numpy(), dtype=np.int64))
    return named["value"], np.append(np.concatenate(begins), begin)[first]


@compiled
def _changes(views, valid, figures):  # noqa: ANN001, ANN202 - plain arrays
    """Rows whose view is not that of the row before, into `found`; returns how many there are."""
    count = 0
    for row in range(len(views)):
        if row > 0 and (not len(valid) or valid[row] == valid[row - 1]):
            same = views[row, 0] == views[row - 1, 0] and views[row, 1] == views[row - 1, 1]
            if same or (len(valid) and not valid[row]):
                continue
        figures[count] = row
        count += 1
    return count
