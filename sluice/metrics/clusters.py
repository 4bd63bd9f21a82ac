"""Means over requests that come in clusters, one a user: their error and their interval.

Every mean here is a ratio of two sums over clusters, Σ s_c / Σ n_c, because users differ in how
many requests they made. What is resampled or linearised are the clusters, never the requests.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clusters:
    """Two sums of each cluster, in order of its first appearance."""

    sums: NDArray[np.float64]
    """[clusters]; s_c, e.g. of the weighted values."""
    sizes: NDArray[np.float64]
    """[clusters]; n_c, e.g. of the weights."""

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def ratio(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def effective(self) -> float:
        """Equally large clusters that would say as much: (Σ n_c)² / Σ n_c² (Kish 1965)."""
        return float(np.square(self.sizes.sum()) / np.square(self.sizes).sum())

    def residuals(self) -> NDArray[np.float64]:
        """What each cluster adds to the error of the ratio, (s_c - n_c m) / N, [clusters]."""
        return (self.sums - self.sizes * self.ratio) / self.sizes.sum()

    def standard_error(self) -> float:
        """Of the ratio, by leaving out one cluster at a time.

        SE² = (C - 1) / C Σ_c (r_c / (1 - n_c / N))², with r the residuals and N = Σ n_c: the
        jackknife, which is the cluster-robust CR3 (Bell & McCaffrey 2002). A feed has a few users
        with very many requests, who pull the ratio towards themselves; the plain sandwich takes
        that for precision. Equal clusters make both the same.
        """
        clusters, share = len(self), self.sizes / self.sizes.sum()
        squares = np.square(self.residuals() / (1 - share)).sum()
        return float(np.sqrt((clusters - 1) / clusters * squares))

    def interval(
        self, confidence: float, resamples: int, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Expanded percentile interval of the ratio, whole clusters drawn with replacement.

        Cluster bootstrap: Davison & Hinkley 1997, section 3.8. Resampled ratios vary only by
        √Σ r_c², so their percentiles are taken further out, at Φ(SE / √Σ r_c² × t_{α/2}) with
        the effective clusters' degrees of freedom; for equal clusters SE / √Σ r_c² is
        √(C / (C - 1)) (Hesterberg 2015, "expanded percentile interval"). Of 50 users the plain
        percentiles miss the truth in 6.5 to 8 % of simulated worlds, the more the less evenly
        requests are spread; these in 5.1 % of even and 3.6 % of very uneven ones.
        """
        from scipy.special import ndtr, stdtrit

        from sluice.metrics import kernels

        ratios = kernels.resampled_ratios(rng, self.sums, self.sizes, resamples)
        drawn_error = float(np.sqrt(np.square(self.residuals()).sum()))
        if drawn_error == 0:
            return self.ratio, self.ratio
        quantile = stdtrit(self.effective - 1, (1 - confidence) / 2)
        tail = float(ndtr(self.standard_error() / drawn_error * quantile))
        ratios.sort()
        outside = max(int(tail * (resamples + 1)), 1)
        return float(ratios[outside - 1]), float(ratios[-outside])

    def chance_of_at_least(self, bound: float) -> float:
        """One-sided p-value of "the true ratio is `bound` or more": small where it seems less.

        By Student's t over the cluster-robust error (Cameron & Miller 2015, section VI.D), with
        the degrees of freedom of the effective clusters. Without any error the ratio is the truth.
        """
        from scipy.special import stdtr

        error = self.standard_error()
        if error == 0:
            return float(self.ratio >= bound)
        return float(stdtr(self.effective - 1, (self.ratio - bound) / error))


def by_cluster(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], codes: NDArray[np.int64]
) -> Clusters:
    """Both columns added up over each code, all [rows]."""
    clusters, numbers = numbered(codes)
    totals = [
        np.bincount(numbers, weights=column, minlength=clusters).astype(np.float64)
        for column in (sums, sizes)
    ]
    return Clusters(totals[0], totals[1])


def numbered(codes: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """How many different codes there are, and the number of each row's, [rows].

    In order of first appearance, so that other codes for the same people draw the same resamples.
    """
    _, first, code = np.unique(codes, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return len(first), numbers[code]
