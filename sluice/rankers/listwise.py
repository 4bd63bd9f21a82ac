"""The listwise softmax loss of requests, and its slope (ListNet's top-one form, Cao et al. 2007)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Lists:
    """Rows of learnable requests and what share of its request's gain each holds."""

    starts: NDArray[np.int64]
    """[requests]; first row of each, none is empty."""
    sizes: NDArray[np.int64]
    """[requests]."""
    share: NDArray[np.float32]
    """[rows]; 2^grade - 1 over its sum in the request."""

    @classmethod
    def of(cls, labels: NDArray[np.float64], sizes: NDArray[np.int64]) -> Self:
        """Of `labels` [rows] in runs of `sizes` [requests], each with a positive."""
        starts = np.cumsum(sizes) - sizes
        gain = np.exp2(np.maximum(labels, 0.0)) - 1
        total = np.add.reduceat(gain, starts)
        return cls(starts, sizes, (gain / np.repeat(total, sizes)).astype(np.float32))

    def take(self, requests: NDArray[np.int64]) -> tuple[NDArray[np.int64], "Lists"]:
        """Rows of some requests, [rows], and those requests alone."""
        sizes = self.sizes[requests]
        starts = np.cumsum(sizes) - sizes
        rows = np.repeat(self.starts[requests] - starts, sizes) + np.arange(sizes.sum())
        return rows, Lists(starts, sizes, self.share[rows])

    def loss(self, scores: NDArray[np.floating]) -> float:
        """Mean over requests of the cross-entropy between share and softmax."""
        above = scores - np.repeat(np.maximum.reduceat(scores, self.starts), self.sizes)
        total = np.log(np.add.reduceat(np.exp(above), self.starts))
        lost = self.share * (np.repeat(total, self.sizes) - above)
        return float(lost.sum() / len(self.sizes))

    def slope(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Derivative of `loss` by each score, [rows]."""
        above = scores - np.repeat(np.maximum.reduceat(scores, self.starts), self.sizes)
        weight = np.exp(above)
        total = np.repeat(np.add.reduceat(weight, self.starts), self.sizes)
        return (weight / total - self.share) / np.float32(len(self.sizes))
