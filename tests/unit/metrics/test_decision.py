import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.metrics import Minimum, PairedComparison, decide
from sluice.metrics.decision import Decision, adjusted_for_many, place

# The reference is 0.5, so a margin of 0.02 is 0.01 of difference.
CLEAR = PairedComparison(
    metric="ndcg@10", candidate=0.52, reference=0.5, difference=0.02, low=0.01, high=0.03,
    confidence=0.95, requests=5000, clusters=900, minimum_detectable=0.014,
)  # fmt: skip
FIGURES = [field.name for field in fields(PairedComparison) if field.name != "metric"]


def between(low: float, high: float) -> PairedComparison:
    return replace(CLEAR, low=low, high=high, difference=(low + high) / 2)


# rule, low, high, outcome
TABLE = [
    ("superiority", +0.001, +0.009, "pass"),
    ("superiority", 0.0, +0.009, "inconclusive"),
    ("superiority", -0.009, +0.009, "inconclusive"),
    ("superiority", -0.009, 0.0, "fail"),
    ("superiority", 0.0, 0.0, "fail"),
    ("non_inferiority", -0.009, +0.001, "pass"),
    ("non_inferiority", -0.009, -0.001, "pass"),
    ("non_inferiority", -0.010, +0.001, "inconclusive"),
    ("non_inferiority", -0.030, -0.010, "fail"),
    ("non_inferiority", 0.0, 0.0, "pass"),
    ("equivalence", -0.009, +0.009, "pass"),
    ("equivalence", -0.010, +0.009, "inconclusive"),
    ("equivalence", -0.009, +0.010, "inconclusive"),
    ("equivalence", -0.030, +0.030, "inconclusive"),
    ("equivalence", +0.010, +0.030, "fail"),
    ("equivalence", -0.030, -0.010, "fail"),
    # Better is not the same.
    ("equivalence", +0.005, +0.030, "inconclusive"),
    ("equivalence", 0.0, 0.0, "pass"),
]


@pytest.mark.parametrize(("rule", "low", "high", "outcome"), TABLE)
def test_the_whole_interval_decides(rule, low, high, outcome):
    decision = decide(between(low, high), rule, 0.02)

    assert decision.outcome == outcome
    assert "0.0140 or more would be found" in decision.reason


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("superiority", "zero"),
        ("non_inferiority", "the tolerated loss of -0.0100"),
        ("equivalence", "the tolerated difference of ±0.0100"),
    ],
)
def test_the_reason_names_what_it_was_held_against(rule, says):
    for comparison in (between(0.011, 0.02), between(-0.02, 0.02), between(0.0, 0.0)):
        assert says in decide(comparison, rule, 0.02).reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"requests": 199}, "199 requests were judged, the rule asks 200"),
        ({"clusters": 49}, "49 users were judged, the rule asks 50"),
        ({"confidence": 0.9}, "holds at 90%, the rule asks 95%"),
        ({"low": 0.04}, "upside down"),
        ({"low": math.nan, "high": None}, "no figure for low, high"),
    ],
)
@pytest.mark.parametrize("rule", ["superiority", "non_inferiority", "equivalence"])
def test_too_little_evidence_decides_nothing(rule, changes, says):
    decision = decide(replace(CLEAR, **changes), rule, 0.02)

    assert decision.outcome == "inconclusive"
    assert decision.threshold is None
    assert says in decision.reason


def test_what_is_enough_is_the_rules_to_say():
    thin = replace(CLEAR, requests=20, clusters=5)

    assert decide(thin, "superiority", minimum=Minimum(0.95, 20, 5)).outcome == "pass"


@given(
    st.dictionaries(
        st.sampled_from(FIGURES), st.sampled_from([None, math.nan, math.inf]), min_size=1
    )
)
def test_no_unknown_figure_is_ever_judged(spoilt):
    for rule in ("superiority", "non_inferiority", "equivalence"):
        assert decide(replace(CLEAR, **spoilt), rule, 0.02).outcome == "inconclusive"


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_equivalence_is_non_inferiority_both_ways(low, width, margin):
    forth = between(low, low + width)
    back = between(-(low + width), -low)
    both = all(
        decide(side, "non_inferiority", margin).outcome == "pass" for side in (forth, back)
    )

    assert (decide(forth, "equivalence", margin).outcome == "pass") == both


@given(st.floats(-1, 1), st.floats(0, 1))
def test_superiority_implies_non_inferiority_with_no_margin(low, width):
    comparison = between(low, low + width)

    assert (
        decide(comparison, "superiority", 0.5).outcome
        == decide(comparison, "non_inferiority", 0.0).outcome
    )


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.98, 1.02, "pass"),
        (0.96, 1.02, "inconclusive"),
        (0.90, 0.97, "fail"),
        (1.03, 1.2, "fail"),
    ],
)
def test_an_interval_is_placed_between_bounds(low, high, outcome):
    assert place(low, high, 0.97, 1.03) == outcome


def test_a_failure_among_many_needs_its_adjusted_chance():
    failed, passed = (
        Decision("fail", "none of it", -0.01),
        Decision("pass", "all of it", -0.01),
    )

    assert adjusted_for_many(failed, 0.02, 0.025) == failed
    assert adjusted_for_many(passed, 1.0, 0.025) == passed
    held = adjusted_for_many(failed, 0.03, 0.025)
    assert held.outcome == "inconclusive"
    assert "may be chance (p 0.030)" in held.reason
