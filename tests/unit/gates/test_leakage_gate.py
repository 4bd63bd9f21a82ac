import json

import pytest

from sluice.store.records import Outcome
from tests.lib.gate_worlds import leaked

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("probes", "rows", "moved", "worst", "outcome", "says"),
    [
        (8, 4096, (), 0.0, PASS, "No feature moved over 4,096 rows at 8 probes"),
        (8, 4096, ("item.click.24h",), 0.5, FAIL, "leak the future: item.click.24h"),
        (8, 4096, ("a", "b"), INF, FAIL, "2 features changed"),
        (0, 0, ("a",), NAN, FAIL, "leak the future: a"),
        (0, 4096, (), 0.0, INCONCLUSIVE, "probed 0 instants"),
        (8, 0, (), 0.0, INCONCLUSIVE, "0 rows"),
        (None, 4096, (), 0.0, INCONCLUSIVE, "no figure for probes"),
        (8, None, (), 0.0, INCONCLUSIVE, "no figure for rows"),
        (8, NAN, (), 0.0, INCONCLUSIVE, "no figure for rows"),
        (8, 4096, None, 0.0, INCONCLUSIVE, "no figure for moved"),
        (8, 4096, (), None, INCONCLUSIVE, "no figure for worst"),
        (8, 4096, (), NAN, INCONCLUSIVE, "no figure for worst"),
        (8, 4096, (), 0.25, INCONCLUSIVE, "moved by 0.25, but the audit names none"),
    ],
)
def test_leakage_gate(probes, rows, moved, worst, outcome, says):
    judgement = leaked(probes=probes, rows=rows, moved=moved, worst=worst)

    assert judgement.outcome is outcome
    assert says in judgement.reason
    json.dumps(judgement.evidence, allow_nan=False)
