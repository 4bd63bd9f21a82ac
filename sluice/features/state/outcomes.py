"""What came back for each shown row: feedback joined to the request that it answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.features.declaration.layout import UNKNOWN
from sluice.features.strings.codes import Codes


@dataclass(frozen=True)
class Shown:
    """Requests in time order and the items that each showed."""

    request_ids: pl.Series
    """[requests]."""
    offsets: NDArray[np.int64]
    """[requests + 1]; request r owns rows offsets[r] to offsets[r + 1]."""
    items: NDArray[np.int32]
    """[rows]; codes by `codes`."""
    codes: Codes

    def outcomes(
        self,
        feedback: pl.DataFrame,
        kinds: Iterable[FeedbackKind],
        coded: Mapping[str, NDArray[np.int32]],
    ) -> dict[str, NDArray[np.float64]]:
        """Largest value of each kind received for each row, [rows] by the kind's name, 0 for none.

        Feedback outside any of these requests, or about an item that was not shown, is nobody's.

        Args:
            feedback: of any kinds.
            kinds: those that are asked for.
            coded: items of a kind's feedback, in its order, where they were coded before.
        """
        wanted = tuple(dict.fromkeys(kind.value for kind in kinds))
        feedback = feedback.filter(pl.col("kind").is_in(wanted))
        requests = self.request_ids.to_frame("request_id").with_row_index("request")
        answers = feedback.select("request_id").with_row_index("nth")
        answers = answers.join(requests, on="request_id", maintain_order="left")
        nth, request = answers["nth"].to_numpy(), answers["request"].to_numpy()
        received = feedback["value"].to_numpy()
        outcomes = {}
        for kind in wanted:
            of_kind = (feedback["kind"] == kind).to_numpy()
            items = np.full(len(feedback), UNKNOWN, np.int32)
            items[of_kind] = (
                coded[kind]
                if kind in coded
                else self.codes.encode(feedback["item_id"].filter(of_kind))
            )
            outcomes[kind] = np.zeros(int(self.offsets[-1]))
            _mark(
                outcomes[kind], self.offsets, self.items, request, items[nth], received[nth]
            )
        return outcomes


@njit(cache=True, nogil=True)
def _mark(values, offsets, items, requests, answered, received):  # noqa: ANN001, ANN202 - Numba infers them
    for nth in range(len(requests)):
        if answered[nth] == UNKNOWN:
            continue
        for row in range(offsets[requests[nth]], offsets[requests[nth] + 1]):
            if items[row] == answered[nth]:
                values[row] = max(values[row], received[nth])
