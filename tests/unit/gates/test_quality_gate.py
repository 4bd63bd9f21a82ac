import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.gates.quality import QualityGate
from sluice.metrics.comparison import PairedComparison
from sluice.store.records import Outcome
from tests.lib.evidence import a_comparison

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
NAN = float("nan")
FIGURES = [field.name for field in fields(PairedComparison) if field.name != "metric"]

# The reference is 0.5, so a margin of 0.02 tolerates a loss of 0.01.
NON_INFERIOR = QualityGate(rule="non_inferiority", margin=0.02)
SUPERIOR = QualityGate(rule="superiority")


@pytest.mark.parametrize(
    ("rule", "against", "low", "high", "outcome"),
    [
        (NON_INFERIOR, "champion", +0.001, +0.009, PASS),
        (NON_INFERIOR, "champion", -0.009, +0.009, PASS),
        (NON_INFERIOR, "champion", -0.010, +0.009, INCONCLUSIVE),
        (NON_INFERIOR, "champion", -0.030, +0.009, INCONCLUSIVE),
        (NON_INFERIOR, "champion", -0.030, -0.005, INCONCLUSIVE),
        (NON_INFERIOR, "champion", -0.030, -0.011, FAIL),
        (SUPERIOR, "champion", +0.001, +0.009, PASS),
        (SUPERIOR, "champion", 0.0, +0.009, INCONCLUSIVE),
        (SUPERIOR, "champion", -0.009, +0.009, INCONCLUSIVE),
        (SUPERIOR, "champion", -0.009, -0.001, FAIL),
        # A first candidate that is the baseline all over again has shown nothing.
        (NON_INFERIOR, "baseline", 0.0, 0.0, FAIL),
        (NON_INFERIOR, "baseline", -0.009, +0.009, INCONCLUSIVE),
        (NON_INFERIOR, "baseline", +0.001, +0.009, PASS),
        (NON_INFERIOR, "baseline", -0.009, -0.001, FAIL),
        # An A/A retrain is not worse than itself.
        (NON_INFERIOR, "champion", 0.0, 0.0, PASS),
        (SUPERIOR, "champion", 0.0, 0.0, FAIL),
    ],
)
def test_the_whole_interval_decides(rule, against, low, high, outcome):
    comparison = a_comparison(
        reference=0.5, difference=(low + high) / 2, low=low, high=high
    )

    judgement = rule.decide(comparison, reference_kind=against)

    assert judgement.outcome is outcome
    assert f"of the {against}" in judgement.reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"requests": 199}, "199 requests were judged, the rule asks 200"),
        ({"clusters": 49}, "49 users were judged, the rule asks 50"),
        ({"requests": 0, "clusters": 0}, "0 requests were judged"),
        ({"metric": "auc"}, "the comparison is of auc"),
        ({"confidence": 0.9}, "holds at 90%, the rule asks 95%"),
        ({"low": 0.04, "high": 0.03}, "upside down"),
        ({"low": NAN, "high": NAN}, "no figure for low, high"),
    ],
)
def test_thin_or_foreign_evidence_is_inconclusive_though_the_gain_is_clear(changes, says):
    judgement = NON_INFERIOR.decide(a_comparison(**changes), reference_kind="champion")

    assert judgement.outcome is INCONCLUSIVE
    assert says in judgement.reason


def test_no_comparison_is_inconclusive():
    judgement = NON_INFERIOR.decide(None, reference_kind="champion")

    assert judgement.outcome is INCONCLUSIVE
    assert "no comparison was made" in judgement.reason
    json.dumps(judgement.evidence, allow_nan=False)


def test_an_undecided_gate_says_what_it_could_have_found():
    judgement = SUPERIOR.decide(
        a_comparison(low=-0.02, high=0.02, minimum_detectable=0.0285),
        reference_kind="champion",
    )

    assert "only a difference of 0.0285 or more would be found" in judgement.reason


unknown = st.sampled_from([None, NAN, float("inf"), float("-inf")])


@given(
    spoilt=st.dictionaries(st.sampled_from(FIGURES), unknown, min_size=1),
    rule=st.sampled_from([NON_INFERIOR, SUPERIOR]),
    against=st.sampled_from(["champion", "baseline"]),
)
def test_no_unknown_figure_ever_passes(spoilt, rule, against):
    judgement = rule.decide(a_comparison(**spoilt), reference_kind=against)

    assert judgement.outcome is INCONCLUSIVE
    assert all(judgement.evidence[name] is None for name in spoilt)
    json.dumps(judgement.evidence, allow_nan=False)


@given(
    low=st.floats(-0.2, 0.2),
    width=st.floats(0, 0.2),
    margin=st.floats(0, 0.9),
    against=st.sampled_from(["champion", "baseline"]),
)
def test_a_better_interval_never_gets_a_worse_verdict(low, width, margin, against):
    order = [FAIL, INCONCLUSIVE, PASS]
    rule = QualityGate(margin=margin)
    verdicts = [
        rule.decide(
            a_comparison(low=low + shift, high=low + width + shift), reference_kind=against
        ).outcome
        for shift in (0.0, 0.05, 0.4)
    ]

    assert verdicts == sorted(verdicts, key=order.index)
    assert verdicts[-1] is PASS
