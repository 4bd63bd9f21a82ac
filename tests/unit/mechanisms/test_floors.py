"""Prices of provider floors, against the exact linear program."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from sluice.errors import DataError, TooLittleData
from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.floors import fit_floors, floors, opportunity
from sluice.mechanisms.slates import Slates
from tests.lib.slates import marketplace

FLOOR = 0.95
TOLERANCE = 0.01
"""How far below its floor a provider may end, of what chance would give it."""
HELD_OUT_TOLERANCE = 0.04
"""The same on other requests: the smallest provider has some 2,400 items there, and so much noise."""


def exact(slates: Slates, floor: float) -> float:
    """Largest utility of any orders that meet all floors, mixed ones among them (HiGHS).

    x[row, slot] of each request is doubly stochastic; maximise Σ s v x, with Σ v x >= f a provider.
    """
    groups, names = slates.groups("provider")
    size, rows = int(slates.offsets[1]), slates.rows
    weights = position_weights(size)
    in_a_slot = sparse.kron(sparse.identity(rows), np.ones((1, size)))
    slot_filled = sparse.kron(
        sparse.identity(slates.requests),
        sparse.kron(np.ones((1, size)), sparse.identity(size)),
    )
    member = sparse.csr_matrix(
        (np.ones(rows), (groups, np.arange(rows))), shape=(len(names), rows)
    )
    found = linprog(
        -(slates.scores[:, None] * weights).ravel(),
        A_ub=-sparse.kron(member, weights[None, :]),
        b_ub=-floor * opportunity(slates, groups, len(names)),
        A_eq=sparse.vstack([in_a_slot, slot_filled]),
        b_eq=np.ones(2 * rows),
        method="highs",
    )
    assert found.status == 0
    return -found.fun


def realised(slates: Slates, prices) -> tuple[float, dict[str, float]]:
    """Utility of the orders by price, and each provider's exposure against what chance gives."""
    utility, exposed, chance = 0.0, {}, {}
    for slate in slates:
        weights = position_weights(slate.rows)
        for weight, row in zip(weights, floors(slate, prices), strict=True):
            provider = slate.providers[row]
            utility += weight * slate.scores[row]
            exposed[provider] = exposed.get(provider, 0.0) + weight
            chance[provider] = chance.get(provider, 0.0) + weights.mean()
    return utility, {name: exposed[name] / chance[name] for name in exposed}


@pytest.fixture(scope="module")
def market():
    rng = np.random.default_rng(0)
    return marketplace(rng, requests=150, candidates=8, providers=12)


def test_prices_reach_the_optimum_of_the_linear_program_within_two_percent(market):
    fitted = fit_floors(market, FLOOR)
    optimum = exact(market, FLOOR)
    utility, shares = realised(market, fitted.prices)

    assert utility == pytest.approx(optimum, rel=0.02)
    assert min(shares.values()) >= FLOOR - TOLERANCE
    assert fitted.least == pytest.approx(min(shares.values()))


def test_without_prices_the_floors_are_missed_and_cost_what_they_cost(market):
    utility, shares = realised(market, {})

    assert sum(share < FLOOR - TOLERANCE for share in shares.values()) >= 4
    assert utility > exact(market, FLOOR)


def test_floors_are_met_on_requests_that_were_not_fitted():
    size = {"requests": 8000, "candidates": 20, "providers": 20}
    fitted = fit_floors(marketplace(np.random.default_rng(1), **size), FLOOR)
    held_out = marketplace(np.random.default_rng(2), **size)
    before, shares_before = realised(held_out, {})
    after, shares = realised(held_out, fitted.prices)

    assert sum(share < FLOOR - HELD_OUT_TOLERANCE for share in shares_before.values()) >= 5
    assert min(shares.values()) >= FLOOR - HELD_OUT_TOLERANCE
    assert after > 0.98 * before


def test_a_floor_that_does_not_bind_costs_nothing(market):
    fitted = fit_floors(market, 0.3)

    assert set(fitted.prices.values()) == {0.0}
    assert fitted.least > 0.3


def test_the_order_of_requests_rows_and_names_does_not_change_a_price(market):
    # Every request's rows backwards.
    back = np.arange(market.rows).reshape(market.requests, -1)[:, ::-1].ravel()
    turned = replace(
        market,
        item_ids=market.item_ids[back],
        scores=market.scores[back],
        providers=[market.providers[row] for row in back],
    )

    assert fit_floors(turned, FLOOR).prices == fit_floors(market, FLOOR).prices


def test_equal_scores_are_served_evenly_by_small_prices():
    market = marketplace(np.random.default_rng(4), requests=200, candidates=6, providers=3)
    fitted = fit_floors(replace(market, scores=np.ones(market.rows)), 0.8)

    assert fitted.least >= 0.8 - TOLERANCE
    assert all(np.isfinite(list(fitted.prices.values())))


def test_requests_of_every_size_and_items_without_a_provider_are_taken():
    market = Slates(
        offsets=np.array([0, 0, 1, 4]),
        item_ids=np.array(["a", "b", "c", "d"]),
        scores=np.array([1.0, 3.0, 2.0, 1.0]),
        providers=["x", None, "x", "y"],
    )
    fitted = fit_floors(market, 1.0)

    assert fitted.prices.keys() == {"x", "y"}
    assert fitted.prices["y"] > fitted.prices["x"]


def test_chance_gives_what_the_mean_over_all_shuffles_is():
    market = Slates(
        offsets=np.array([0, 2, 5]),
        item_ids=np.array(list("abcde")),
        scores=np.zeros(5),
        providers=["x", "y", "x", "x", None],
    )
    groups, names = market.groups("provider")
    v1, v2, v3 = position_weights(3)
    pair, triple = (v1 + v2) / 2, (v1 + v2 + v3) / 3

    assert names == ("x", "y")
    np.testing.assert_allclose(opportunity(market, groups, 2), [pair + 2 * triple, pair])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"providers": None}, DataError, "have no provider"),
        ({"providers": [None, None]}, TooLittleData, "no provider is known of any of 2"),
        ({"scores": np.array([1.0, np.nan])}, DataError, "1 scores are NaN"),
    ],
)
def test_what_has_no_floors_is_refused(change, error, said):
    market = Slates(
        np.array([0, 2]), np.array(["a", "b"]), np.ones(2), providers=["x", "y"]
    )

    with pytest.raises(error, match=said):
        fit_floors(replace(market, **change), FLOOR)
