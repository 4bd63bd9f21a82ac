"""Every gate stops what it is there to stop, lets a sound candidate on, and never guesses."""

import json

import pytest

from sluice.gates.churn import ChurnGate
from sluice.gates.judgement import Judgement
from sluice.gates.registry import figure_rows, kinds, remedies
from sluice.store.records import Outcome
from tests.lib.gate_worlds import (
    GATES,
    SLICED,
    by_night_reversed,
    churned,
    quality,
    scores,
    sliced,
    world,
)

UNKNOWN = [
    pytest.param(gate, judging, id=f"{gate}-{nth}")
    for gate, case in GATES.items()
    for nth, judging in enumerate(case.unknown)
]


def checked(judgement: Judgement, gate: str, outcome: Outcome) -> Judgement:
    assert (judgement.gate, judgement.outcome) == (gate, outcome), judgement.reason
    json.dumps(judgement.evidence, allow_nan=False)
    assert all(
        isinstance(text, str)
        for row in figure_rows(gate, judgement.evidence)
        for text in row
    )
    return judgement


def test_no_gate_is_without_its_counter_example_and_its_question():
    assert set(GATES) == set(kinds())
    assert all(kind.question for kind in kinds().values())


@pytest.mark.parametrize("gate", GATES)
def test_a_sound_candidate_passes(gate):
    judgement = checked(GATES[gate].sound(), gate, Outcome.PASS)

    assert remedies(gate, judgement.outcome, judgement.evidence) == ()


@pytest.mark.parametrize("gate", GATES)
def test_the_counter_example_is_stopped_and_told_what_would_have_to_change(gate):
    judgement = checked(GATES[gate].counter_example(), gate, Outcome.FAIL)

    assert GATES[gate].stops in judgement.reason
    assert remedies(gate, judgement.outcome, judgement.evidence)


@pytest.mark.parametrize(("gate", "judging"), UNKNOWN)
def test_no_data_is_never_a_pass_and_says_what_is_missing(gate, judging):
    judgement = checked(judging(), gate, Outcome.INCONCLUSIVE)

    assert remedies(gate, judgement.outcome, judgement.evidence)


def test_what_the_slices_gate_stops_has_passed_quality():
    """Else it would have no use."""
    candidate = by_night_reversed(scores(2))

    assert quality(candidate, margin=0.9).outcome is Outcome.PASS
    assert sliced(candidate, world(), SLICED).outcome is Outcome.FAIL


def test_without_a_champion_nothing_can_churn():
    judgement = ChurnGate().decide(None, champion=False, pairs=None, requests=None)

    checked(judgement, "churn", Outcome.PASS)
    assert "no champion yet" in judgement.reason


def test_a_better_candidate_may_still_churn_too_much():
    exact = scores(2, noise=0.0)

    assert quality(exact, believable=1.0).outcome is Outcome.PASS
    assert churned(exact).outcome is Outcome.PASS
    assert churned(scores(2, noise=1.5)).outcome is Outcome.FAIL


def test_a_gain_beyond_what_is_believed_waits_for_a_person():
    judgement = quality(scores(2, noise=0.0), believable=0.05)

    checked(judgement, "quality", Outcome.INCONCLUSIVE)
    assert "Too good to be true" in judgement.reason
    assert "gates waive" in " ".join(
        remedies("quality", judgement.outcome, judgement.evidence)
    )


@pytest.mark.parametrize(
    ("margin", "outcome"), [(0.03, Outcome.PASS), (0.0001, Outcome.INCONCLUSIVE)]
)
def test_equivalence_asks_for_both_sides(margin, outcome):
    judgement = quality(scores(2), rule="equivalence", margin=margin)

    assert judgement.outcome is outcome
    assert judgement.evidence["rule"] == "equivalence"


def test_a_clearly_better_candidate_is_not_equivalent():
    judgement = quality(scores(2, noise=0.0), rule="equivalence", margin=0.0005)

    assert judgement.outcome is not Outcome.PASS
