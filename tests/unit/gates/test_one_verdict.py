"""A row that is shown and the gate that judges it say the same, however many slices stand beside it."""

from dataclasses import asdict

import numpy as np
import pytest

from sluice.gates.calibration import CalibrationGate, calibration_rule
from sluice.metrics import Predictions, calibrations

RULE = CalibrationGate()
ROWS, USERS = 3_000, 300


def promised(seed: int, bias: float) -> tuple[Predictions, dict[str, np.ndarray]]:
    """Probabilities that are `bias` times the truth, and eleven slices of them."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.05, 0.4, ROWS)
    came = (rng.random(ROWS) < truth).astype(np.float64)
    labels = {
        name: rng.integers(many, size=ROWS).astype(np.str_)
        for name, many in (("hour", 4), ("activity", 3), ("candidates", 4))
    }
    users = rng.integers(USERS, size=ROWS)
    return Predictions(np.minimum(truth * bias, 1), came, users), labels


@pytest.mark.parametrize("seed", range(12))
def test_the_page_says_of_all_rows_what_the_gate_says(seed):
    """At the edge, where an adjustment for slices would tip the row alone."""
    given, labels = promised(seed, bias=1.19)
    rows = [
        asdict(each)
        for each in calibrations(
            given, labels, calibration_rule(RULE), rng=np.random.default_rng(0)
        )
    ]
    alone = calibrations(given, {}, calibration_rule(RULE), rng=np.random.default_rng(0))

    judgement = RULE.decide({"click": rows}, family="multitask")

    assert rows[0]["name"] == "all"
    assert judgement.outcome == rows[0]["decision"]["outcome"]
    assert rows[0]["decision"]["reason"] in judgement.reason
    assert alone[0].decision.outcome == judgement.outcome


def test_at_the_edge_some_fail_and_some_are_open():
    """Else the test above would compare what can only be one thing."""
    outcomes = {
        RULE.decide({
                "click": [
                    asdict(each)
                    for each in calibrations(
                        promised(seed, 1.19)[0], {}, calibration_rule(RULE),
                        rng=np.random.default_rng(0),
                    )
                ]
            }, family="multitask").outcome.value
        for seed in range(12)
    }  # fmt: skip

    assert outcomes == {"fail", "inconclusive"}
