"""What a stated number of exposures would reach, so that logs of any length can be compared."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.ecosystem.by_person import person_sums
from sluice.ecosystem.exposures import Codes, Exposures, Values
from sluice.ecosystem.figure import Figure, Interval, Method, not_given
from sluice.ecosystem.intervals import MIN_EACH, student


@dataclass(frozen=True)
class Rarefied(Figure):
    """A number of items, which may be told as a share of them."""

    def divided(self, items: int) -> Figure:
        """As a share of so many items."""
        if self.value is None:
            return self
        interval = self.interval and replace(
            self.interval, low=self.interval.low / items, high=self.interval.high / items,
            centre=self.interval.centre / items, error=self.interval.error / items,
        )  # fmt: skip
        return Figure(self.value / items, interval, self.reason)


def rarefied(shown: Exposures, counted: NDArray[np.bool_], at_least: int) -> Rarefied:
    """Items with `at_least` counted rows among `at_exposures` rows that are drawn without replacement.

    Σ_i P(Hypergeometric(N, N_i, m) >= x), which is unbiased for any N >= m (Hurlbert 1971). Its error is
    linearised: with p_i the share of item i, dP(Binomial(m, p_i) >= x) / dp_i = m P(Binomial(m - 1, p_i) = x - 1).

    Args:
        shown: the exposures; `stated.at_exposures` is m.
        counted: which rows count, e.g. those with a click, [rows].
        at_least: x.
    """
    total, drawn = len(shown.item), shown.stated.at_exposures
    if total < drawn:
        return _lacking(f"{total} exposures; it is told at {drawn}")
    items = len(shown.catalogue)
    counts = np.bincount(shown.item[counted], minlength=items)
    value = float(reached(counts, total, drawn, at_least).sum())
    if total < 2 * drawn:
        return Rarefied(value, None, f"fewer than twice {drawn} exposures")
    if total < MIN_EACH * items:
        reason = (
            f"{total / items:.0f} exposures for each item; below {MIN_EACH} much is unseen"
        )
        return Rarefied(value, None, reason)
    slopes = _slopes(counts / total, drawn, at_least)
    people = person_sums(shown, shown.viewer, slopes[shown.item] * counted, np.ones(total))
    error = people.standard_error()
    reach = error * student(people.effective, shown.stated.confidence)
    return Rarefied(
        value, Interval(value - reach, value + reach, value, error, Method.RAREFACTION)
    )


def reached(counts: Codes, total: int, drawn: int, at_least: int) -> Values:
    """Chance of each item to have `at_least` of its counts among the drawn, [items]."""
    from scipy.stats import hypergeom

    distinct, where = np.unique(counts, return_inverse=True)
    return hypergeom.sf(at_least - 1, total, distinct, drawn)[where]


def _slopes(shares: Values, drawn: int, at_least: int) -> Values:
    from scipy.stats import binom

    distinct, where = np.unique(shares, return_inverse=True)
    return (drawn * binom.pmf(at_least - 1, drawn - 1, distinct))[where]


def _lacking(reason: str) -> Rarefied:
    missing = not_given(reason)
    return Rarefied(missing.value, missing.interval, missing.reason)
