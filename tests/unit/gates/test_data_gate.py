import pytest

from sluice.gates.data import DataGate
from sluice.store.records import Outcome
from tests.lib.evidence import SUITES

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("suites", "required", "outcome", "says"),
    [
        (SUITES, (), PASS, "All 32 data checks in 4 suites passed"),
        (SUITES, ("items",), PASS, "passed"),
        ((), (), INCONCLUSIVE, "no suite of checks ran"),
        (SUITES, ("items", "slots"), INCONCLUSIVE, "suite slots did not run"),
        ((*SUITES, ("slots", PASS, 0, ())), (), INCONCLUSIVE, "suite slots ran no check"),
        (
            (*SUITES, ("slots", PASS, None, ())),
            (),
            INCONCLUSIVE,
            "suite slots ran no check",
        ),
        ((*SUITES, ("slots", PASS, float("nan"), ())), (), INCONCLUSIVE, "ran no check"),
        ((*SUITES, ("slots", PASS, -3, ())), (), INCONCLUSIVE, "ran no check"),
        (
            (*SUITES, ("slots", INCONCLUSIVE, 3, ())),
            (),
            INCONCLUSIVE,
            "slots was inconclusive",
        ),
        ((*SUITES, ("slots", FAIL, 3, ("unique",))), (), FAIL, "1 failed (slots/unique)"),
        # A suite that names a failing check has failed, whatever it says of itself.
        ((*SUITES, ("slots", PASS, 3, ("unique",))), (), FAIL, "1 failed (slots/unique)"),
        ((*SUITES, ("slots", FAIL, 0, ())), (), FAIL, "slots failed without naming"),
        ((*SUITES[:3], ("slots", FAIL, 3, ("unique",))), ("across",), FAIL, "slots/unique"),
    ],
)
def test_data_gate(suites, required, outcome, says):
    judgement = DataGate().decide(suites, required)

    assert judgement.outcome is outcome
    assert says in judgement.reason


def test_the_evidence_lists_every_suite_without_a_value_that_json_lacks():
    judgement = DataGate().decide((("items", FAIL, -1, ("ids are unique",)),))

    assert judgement.evidence == {
        "suites": [
            {
                "suite": "items",
                "outcome": "fail",
                "checks": None,
                "failing": ["ids are unique"],
            }
        ]
    }
