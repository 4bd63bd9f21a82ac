"""What every family checks before it learns or scores."""

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.features.state.frame import RankingFrame


def learnable_requests(frame: RankingFrame) -> NDArray[np.bool_]:
    """Which requests, [requests], have both a positive and a negative: no other orders anything.

    Raises:
        TooLittleData: none has.
    """
    sizes = np.diff(frame.offsets)
    request = np.repeat(np.arange(frame.requests), sizes)
    positives = np.bincount(request, weights=frame.labels > 0, minlength=frame.requests)
    learnable = (positives > 0) & (positives < sizes)
    if not learnable.any():
        raise TooLittleData(
            f"none of {frame.requests} requests ({frame.rows} rows, {int(positives.sum())} of them "
            "positive) has both a positive and a negative; nothing can be learned from their order"
        )
    return learnable


def check_fitted(names: tuple[str, ...]) -> None:
    """Refuse a ranker that knows no columns yet.

    Raises:
        DataError: `names` is empty.
    """
    if not names:
        raise DataError("the ranker is not fitted: call fit() or load() first")


def check_columns(features: NDArray[np.float32], names: tuple[str, ...]) -> None:
    """Refuse features that are not the columns `names`.

    Raises:
        DataError: no ranker was fitted (`names` is empty), or the number of columns differs.
    """
    check_fitted(names)
    if features.ndim != 2 or features.shape[1] != len(names):
        raise DataError(
            f"features are {features.shape}, the ranker was fitted on {len(names)} columns: "
            f"{', '.join(names)}"
        )
