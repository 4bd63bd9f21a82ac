"""The part of a request's list that variety is judged on."""

import numpy as np

from sluice.ecosystem.exposures import Codes, Exposures

FIRST = 10


def first_rows(shown: Exposures) -> Codes:
    """Rows of each request's first ten, in their order, [some rows]."""
    rows = np.arange(len(shown.item))
    start = np.searchsorted(shown.request, np.arange(shown.requests))
    return rows[rows - start[shown.request] < FIRST]
