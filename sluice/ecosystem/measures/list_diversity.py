"""Intra-list diversity: how unlike the items of a request are (Smyth & McClave 2001)."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.lists import first_rows
from sluice.ecosystem.measure import Better, Measure, Party


class ListDiversity(Measure):
    """Intra-list diversity: how unlike the items of a request are (Smyth & McClave 2001)."""

    name: ClassVar[str] = "list_diversity"
    meaning: ClassVar[str] = (
        "mean over pairs of a request's first ten of 1 - cosine of their embeddings"
    )
    party: ClassVar[Party] = Party.VARIETY
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 41

    def figure(self, shown: Exposures) -> Figure:
        from scipy.sparse import csr_matrix

        vectors = shown.catalogue.embedding
        if vectors is None:
            return not_given("no item has an embedding, or their lengths differ")
        rows = first_rows(shown)
        rows = rows[np.isfinite(vectors[shown.item[rows], 0])]
        columns = shown.request[rows], shown.item[rows]
        size = np.bincount(columns[0], minlength=shown.requests)
        if not (size > 1).any():
            return not_given("no request shows two items with embeddings")
        shape = (shown.requests, len(vectors))
        lists = csr_matrix((np.ones(len(rows)), columns), shape=shape)
        total = lists @ np.nan_to_num(vectors.astype(np.float64))
        # Of unit vectors Σ_{i≠j} cos = |Σ e|² - k.
        alike = np.square(total).sum(axis=1) - size
        pairs = np.maximum(size * (size - 1), 1)
        sizes = (size > 1).astype(np.float64)
        return by_person(shown, shown.who, (1 - alike / pairs) * sizes, sizes)
