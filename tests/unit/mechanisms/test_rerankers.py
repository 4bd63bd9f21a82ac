"""MMR, DPP, spacing and calibration: each the greedy maximum of its published formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.mechanisms.calibration import calibration
from sluice.mechanisms.dpp import dpp
from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.mmr import mmr
from sluice.mechanisms.similarity import similarity
from sluice.mechanisms.slate import Slate
from sluice.mechanisms.spacing import spacing
from tests.lib.slates import slate_of, slates

WEIGHT = st.sampled_from([0.05, 0.2, 0.5, 0.8, 1.0])


def greedy(slate: Slate, gain) -> list[int]:
    """Slot by slot the place with the largest `gain(chosen, place)`; the first of equals."""
    chosen: list[int] = []
    left = list(range(slate.rows))
    while left:
        best = max(left, key=lambda place: (round(gain(chosen, place), 9), -place))
        left.remove(best)
        chosen.append(best)
    return slate.order[chosen].tolist()


def along(slate, names):
    return [names[row] for row in slate.order]


def objective_is_clear(slate, gain, order):
    """No slot was decided by less than a rounding."""
    places = {row: place for place, row in enumerate(slate.order.tolist())}
    chosen = [places[row] for row in order]
    for slot, taken in enumerate(chosen):
        gains = [gain(chosen[:slot], place) for place in chosen[slot:]]
        assert gain(chosen[:slot], taken) >= max(gains) - 1e-9


@given(slate=slates(min_size=1), weight=WEIGHT)
def test_mmr_takes_the_relevant_that_is_unlike_what_stands_above(slate, weight):
    alike, relevance = similarity(slate, "embedding"), slate.relevance

    def gain(chosen, place):
        closest = max((alike[place, other] for other in chosen), default=0.0)
        return (1 - weight) * relevance[place] - weight * closest

    objective_is_clear(slate, gain, mmr(slate, weight=weight).tolist())


def dpp_kernel(slate, of="embedding"):
    """S of the process: half of it is in common with all, a tenth with nobody."""
    kernel = 0.9 * (1 + similarity(slate, of)) / 2
    np.fill_diagonal(kernel, 1.0)
    return kernel


@given(slate=slates(min_size=1), weight=WEIGHT)
def test_dpp_takes_the_largest_determinant_of_the_kernel(slate, weight):
    kernel, relevance = dpp_kernel(slate), slate.relevance

    def gain(chosen, place):
        taken = [*chosen, place]
        volume = np.linalg.slogdet(kernel[np.ix_(taken, taken)])[1]
        return (1 - weight) * relevance[taken].sum() + weight * volume

    objective_is_clear(slate, gain, dpp(slate, weight=weight).tolist())


def test_dpp_maximises_the_kernel_of_chen_and_others():
    """argmax det(L_R), L = Diag(e^{α r}) S Diag(e^{α r}), α = θ / 2(1 - θ), slot by slot."""
    rng = np.random.default_rng(0)
    slate = slate_of(
        rng.normal(size=12), embeddings=rng.normal(size=(12, 20)).astype(np.float32)
    )
    weight = 0.4
    quality = np.exp((1 - weight) / (2 * weight) * slate.relevance)
    kernel = np.outer(quality, quality) * dpp_kernel(slate)
    expected = greedy(
        slate, lambda chosen, place: np.linalg.slogdet(
            kernel[np.ix_([*chosen, place], [*chosen, place])])[1],
    )  # fmt: skip

    assert dpp(slate, weight=weight).tolist() == expected


def test_dpp_alternates_between_groups():
    slate = slate_of([9, 8, 7, 3, 2, 1], categories=["a", "a", "a", "b", "b", "b"])

    assert dpp(slate, weight=0.9, of="category").tolist() == [0, 3, 1, 4, 2, 5]


@given(slate=slates(min_size=1), weight=WEIGHT, window=st.integers(1, 4))
def test_spacing_charges_a_group_by_how_near_it_stands(slate, weight, window):
    names, relevance = along(slate, slate.categories), slate.relevance

    def gain(chosen, place):
        near = sum(
            1 / distance
            for distance in range(1, min(window, len(chosen)) + 1)
            if names[place] is not None and names[chosen[-distance]] == names[place]
        )
        return (1 - weight) * relevance[place] - weight * near

    order = spacing(slate, weight=weight, window=window).tolist()
    objective_is_clear(slate, gain, order)


def test_spacing_holds_sensitive_classes_apart_as_one():
    slate = slate_of([9, 8, 7, 6], categories=["crime", "war", "food", "art"])
    order = spacing(slate, weight=0.8, window=1, only=["crime", "war"]).tolist()

    assert order == [0, 2, 1, 3]


@given(slate=slates(min_size=1), weight=WEIGHT)
def test_calibration_takes_the_smallest_divergence_from_the_interest(slate, weight):
    names, relevance = along(slate, slate.categories), slate.relevance
    total = sum(slate.interest.values())
    weights = position_weights(slate.rows)

    def gain(chosen, place):
        shown = [*chosen, place]
        mass = weights[: len(shown)]
        away = 0.0
        for name, clicks in slate.interest.items():
            wanted = clicks / total if clicks else 0.0
            if wanted:
                held = sum(
                    v for v, at in zip(mass, shown, strict=True) if names[at] == name
                )
                found = 0.99 * held / mass.sum() + 0.01 * wanted
                away += wanted * math.log(wanted / found)
        return (1 - weight) * relevance[shown].sum() - weight * away

    order = calibration(slate, weight=weight, min_history=1).tolist()
    if total < 1:
        assert order == slate.order.tolist()
    else:
        objective_is_clear(slate, gain, order)


def test_calibration_leaves_a_stranger_alone():
    slate = slate_of([3, 2, 1], categories=["a", "a", "b"], interest={"b": 4.0})

    assert calibration(slate, weight=0.9).tolist() == [0, 1, 2]
    assert calibration(slate, weight=0.9, min_history=4).tolist() == [2, 0, 1]


def test_an_item_without_an_embedding_is_like_no_other():
    slate = slate_of([3, 2, 1], embeddings=np.array([[1, 0], [2, 0], [0, 0]], np.float32))

    np.testing.assert_allclose(
        similarity(slate, "embedding"), [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-7
    )
    assert mmr(slate, weight=0.9).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("of", "expected"), [("category", [0, 2, 1]), ("provider", [0, 1, 2])]
)
def test_similarity_goes_by_a_group_where_there_are_no_vectors(of, expected):
    slate = slate_of([3, 2, 1], categories=["a", "a", "b"], providers=["x", "y", "z"])

    assert mmr(slate, weight=0.9, of=of).tolist() == expected
