"""What an order of the candidates gives to each party: users, providers, advertisers and policy."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.features.state.frame import RankingFrame
from sluice.mechanisms.calibration import MIN_HISTORY, SMOOTHING
from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.slate import UNKNOWN
from sluice.mechanisms.slates import Slates
from sluice.metrics import Ndcg, evaluate

SMALL = 0.5
"""Providers with the fewest candidates, as a share of all, count as small."""
_TOP = 10
_HOUR = 3600.0


@dataclass(frozen=True)
class Measure:
    """One column of the stakeholder table."""

    name: str
    party: Literal["users", "providers", "advertisers", "policy"]
    better: Literal["higher", "lower"]
    meaning: str
    headline: bool = False
    """Counts for the Pareto front: one for each party."""

    @property
    def sign(self) -> int:
        """Times this, more is better."""
        return 1 if self.better == "higher" else -1


MEASURES = (
    Measure("ndcg@10", "users", "higher", "nDCG@10", headline=True),
    Measure("clicks", "users", "higher", "clicks, each worth its slot's exposure"),
    Measure("miscalibration", "users", "lower", "divergence from the person's past categories"),
    Measure("provider_gini", "providers", "lower", "Gini of providers' exposure", headline=True),
    Measure("under_floor", "providers", "lower", "providers under the floor"),
    Measure("small_providers", "providers", "higher", "exposure of the smaller half of providers"),
    Measure("ad_exposure", "advertisers", "higher", "exposure of ads", headline=True),
    Measure("ad_revenue", "advertisers", "higher", "expected revenue a request"),
    Measure("category_entropy", "policy", "higher", "entropy of categories, nats", headline=True),
    Measure("categories@10", "policy", "higher", "categories in the first ten slots"),
    Measure("age_hours", "policy", "lower", "age of what is exposed, hours"),
)  # fmt: skip
"""In the order of the table. Shares are of a request's exposure, v_k = 1 / log2(k + 1)."""


@dataclass(frozen=True)
class Judged:
    """Requests with their candidates and what came of them: what any order is judged on."""

    slates: Slates
    frame: RankingFrame
    """The same rows: labels and users."""

    def __post_init__(self) -> None:
        if not np.array_equal(self.slates.offsets, self.frame.offsets):
            raise DataError(
                f"slates of {self.slates.requests} requests and outcomes of {self.frame.requests}: "
                "they must be the same requests"
            )

    @cached_property
    def request(self) -> NDArray[np.int64]:
        """Request of each row, [rows]."""
        return np.repeat(np.arange(self.slates.requests), np.diff(self.slates.offsets))

    @cached_property
    def providers(self) -> tuple[NDArray[np.int64], int]:
        """Code of each row's provider, UNKNOWN for none, [rows], and how many there are."""
        codes, names = self.slates.groups("provider")
        return codes, len(names)

    @cached_property
    def small(self) -> NDArray[np.bool_]:
        """Whether each row's provider is a small one, [rows]."""
        codes, count = self.providers
        sizes = np.bincount(codes[codes != UNKNOWN], minlength=count)
        small = np.zeros(count + 1, np.bool_)
        small[np.argsort(sizes, kind="stable")[: int(count * SMALL)]] = True
        return small[codes]

    @cached_property
    def categories(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a request and a category that it offers: each row's pair, and each one's request.

        [rows], UNKNOWN where the category is, and [pairs].
        """
        codes, names = self.slates.groups("category")
        grouped = codes != UNKNOWN
        keys, pairs = np.unique(
            self.request[grouped] * len(names) + codes[grouped], return_inverse=True
        )
        out = np.full(self.slates.rows, UNKNOWN)
        out[grouped] = pairs
        return out, keys // max(len(names), 1)

    def ranks(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Slot of each row, 1 the top, [rows], from the rows of all requests in their order."""
        ranks = np.empty(self.slates.rows, np.int64)
        ranks[order] = np.arange(self.slates.rows) - self.slates.offsets[self.request] + 1
        return ranks

    def exposure(self, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weight of each row's slot, [rows]; 0 for an ad below every organic item, which nobody sees."""
        longest = int(np.diff(self.slates.offsets).max(initial=0))
        exposure = position_weights(longest)[ranks - 1]
        if self.slates.is_ad is not None:
            last = np.zeros(self.slates.requests, np.int64)
            organic = ~self.slates.is_ad
            np.maximum.at(last, self.request[organic], ranks[organic])
            exposure[self.slates.is_ad & (ranks > last[self.request])] = 0.0
        return exposure

    def measures(self, order: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Per-request values of all measures but those over all requests together, [requests].

        NaN where a request has none: no click, no known category, no known age.
        """
        ranks = self.ranks(order)
        exposure = self.exposure(ranks)
        figures = {
            "ndcg@10": evaluate(
                -ranks.astype(np.float64), self.frame, (Ndcg(_TOP),)
            ).vector("ndcg@10"),
            "clicks": self._total(exposure * (self.frame.labels > 0)),
        }
        if self.slates.providers is not None:
            figures["small_providers"] = self._share(exposure, self.small)
        if self.slates.is_ad is not None:
            figures["ad_exposure"] = self._share(exposure, self.slates.is_ad)
        if self.slates.revenue is not None:
            figures["ad_revenue"] = self._total(exposure * self.slates.revenue)
        if self.slates.categories is not None:
            shares = self._category_shares(exposure)
            figures |= self._diversity(ranks, shares)
            if self.slates.interests is not None:
                figures["miscalibration"] = self._miscalibration(shares)
        if self.slates.ages is not None:
            finite = np.isfinite(self.slates.ages)
            hours = np.where(finite, self.slates.ages, 0.0) / _HOUR
            figures["age_hours"] = _ratio(
                self._total(exposure * hours), self._total(exposure * finite)
            )
        return figures

    @cached_property
    def _interest(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Share of each pair's category in its person's past, [pairs], and of all that is offered.

        The latter is [requests]; NaN where the past is too short to tell.
        """
        _, request = self.categories
        codes, names = self.slates.groups("category")
        pairs = self.categories[0]
        category = np.zeros(len(request), np.int64)
        category[pairs[pairs != UNKNOWN]] = codes[pairs != UNKNOWN]
        pasts = [dict(past or {}) for past in self.slates.interests or ()]
        totals = np.array([sum(past.values()) for past in pasts], np.float64)
        held = [
            pasts[of].get(names[code], 0.0)
            for of, code in zip(request.tolist(), category.tolist(), strict=True)
        ]
        wanted = _ratio(np.array(held, np.float64), totals[request])
        offered = _summed(request, wanted, len(pasts))
        return wanted, np.where(totals >= MIN_HISTORY, offered, np.nan)

    def _category_shares(self, exposure: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each pair's category in its request's exposure, [pairs]."""
        pairs, request = self.categories
        category_shares = pairs != UNKNOWN
        mass = _summed(pairs[category_shares], exposure[category_shares], len(request))
        total = _summed(request, mass, self.slates.requests)
        return _ratio(mass, total[request])

    def _diversity(
        self, ranks: NDArray[np.int64], shares: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        pairs, request = self.categories
        requests = self.slates.requests
        some = np.bincount(request, minlength=requests) > 0
        logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        entropy = -_summed(request, shares * logs, requests)
        in_top = (pairs != UNKNOWN) & (ranks <= _TOP)
        seen = np.bincount(pairs[in_top], minlength=len(request)) > 0
        count = np.bincount(request[seen], minlength=requests)
        return {
            "category_entropy": np.where(some, entropy, np.nan),
            "categories@10": np.where(some, count, np.nan),
        }

    def _miscalibration(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """KL(p ‖ q̃) of Steck 2018 over all slots, [requests]; as `calibration` weighs it."""
        _, request = self.categories
        wanted, offered = self._interest
        shown = (1 - SMOOTHING) * shares + SMOOTHING * wanted
        part = np.zeros_like(shares)
        there = wanted > 0
        part[there] = wanted[there] * np.log(wanted[there] / shown[there])
        total = _summed(request, part, self.slates.requests)
        return total + (1 - offered) * np.log(1 / SMOOTHING)

    def _share(
        self, exposure: NDArray[np.float64], of: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        return _ratio(self._total(exposure * of), self._total(exposure))

    def _total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _summed(self.request, values, self.slates.requests)


def _summed(
    codes: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Sum of the values of each code, [count]."""
    return np.bincount(codes, weights=values, minlength=count).astype(np.float64)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
