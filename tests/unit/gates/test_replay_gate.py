import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.gates.replay import ReplayFigures, ReplayGate
from sluice.store.records import Outcome
from tests.lib.evidence import a_replay

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
NAN = float("nan")
RULE = ReplayGate(requests=100, p99_ms=50.0, memory_mb=1500)


@pytest.mark.parametrize(
    ("changes", "outcome", "says"),
    [
        (
            {},
            PASS,
            "100 recorded requests were answered as the registered model scores them",
        ),
        (
            {"p99_ms": 50.0, "memory_mb": 1500.0},
            PASS,
            "p99 50.0 ms (limit 50; the quickest of 3 rounds)",
        ),
        ({"mismatches": 1}, FAIL, "answered 1 of 300 requests unlike the model"),
        ({"errors": 3}, FAIL, "gave no answer to 3 of 300 requests"),
        (
            {"p99_ms": 50.1},
            FAIL,
            "took 50.1 ms at p99 in the quickest of 3 rounds, where 50 are allowed",
        ),
        ({"memory_mb": 1500.5}, FAIL, "where 1500 are allowed"),
        ({"digest_agreed": False}, FAIL, "another digest"),
        # A broken bound is known even where another figure is not.
        ({"errors": 3, "p99_ms": NAN}, FAIL, "gave no answer"),
        ({"requests": 99}, INCONCLUSIVE, "99 requests were replayed, the rule asks 100"),
        ({"requests": 0}, INCONCLUSIVE, "0 requests were replayed"),
        ({"mismatches": -1}, INCONCLUSIVE, "no figure for mismatches"),
        ({"p99_ms": 0.0}, INCONCLUSIVE, "no figure for p99_ms"),
        ({"memory_mb": 0}, INCONCLUSIVE, "no figure for memory_mb"),
        ({"digest_agreed": None}, INCONCLUSIVE, "no figure for digest_agreed"),
    ],
)
def test_replay_gate(changes, outcome, says):
    judgement = RULE.decide(a_replay(**changes))

    assert judgement.outcome is outcome
    assert says in judgement.reason
    json.dumps(judgement.evidence, allow_nan=False)


def test_no_report_is_inconclusive():
    judgement = RULE.decide(None)

    assert judgement.outcome is INCONCLUSIVE
    assert "there is no report" in judgement.reason


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(ReplayFigures)]),
        st.sampled_from([None, NAN]),
        min_size=1,
    )
)
def test_no_unknown_figure_ever_passes(spoilt):
    judgement = RULE.decide(a_replay(**spoilt))

    assert judgement.outcome is INCONCLUSIVE
    json.dumps(judgement.evidence, allow_nan=False)
