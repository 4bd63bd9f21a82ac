"""The 16-byte views of a column's strings, as Polars and Arrow hold them.

A string of up to twelve bytes lies in its view; of a longer one the view says where its bytes lie,
and rows that were read from one dictionary page of a Parquet file, or copied from one another, share
the very view. Equal views are equal strings; different views may be equal strings too.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray


def views_of(chunk: pl.Series) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The views of a column in one chunk, [rows, 2], and which rows are strings: [0] where all are.

    A row without a string has a view of no meaning.
    """
    strings = chunk.to_arrow(compat_level=pl.CompatLevel.newest())
    views = np.frombuffer(strings.buffers()[1], np.uint64).reshape(-1, 2)
    valid = np.ones(0, np.bool_)
    if chunk.null_count():
        valid = chunk.is_not_null().to_numpy()
    return views[strings.offset : strings.offset + len(strings)], valid
