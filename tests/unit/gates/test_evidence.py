import pytest

from sluice.gates.judgement import Judgement
from sluice.registry.evidence import approve_command, gate_rows, headline, metric_rows
from sluice.store.records import Outcome
from tests.lib.evidence import RELEASE, an_evidence


def judged(**outcomes):
    return tuple(
        Judgement(gate, outcome, "because.", {}) for gate, outcome in outcomes.items()
    )


ALL = dict.fromkeys(("data", "leakage", "quality", "replay"), Outcome.PASS)
UNSURE = {"quality": Outcome.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("changes", "outcome", "says"),
    [
        ({}, Outcome.PASS, "All gates passed; a reviewer decides"),
        ({"release": None}, Outcome.PASS, "All gates passed; to be packaged"),
        (
            {"judgements": ()},
            Outcome.INCONCLUSIVE,
            "data, leakage, quality, replay are not",
        ),
        (
            {"judgements": judged(**ALL | UNSURE)},
            Outcome.INCONCLUSIVE,
            "Held: quality is not settled",
        ),
        (
            {"judgements": judged(**ALL | UNSURE | {"data": Outcome.FAIL})},
            Outcome.FAIL,
            "Held: failed at data",
        ),
        # A gate that nobody demands holds the candidate as well once it has spoken.
        (
            {"judgements": judged(**ALL, churn=Outcome.FAIL)},
            Outcome.FAIL,
            "Held: failed at churn",
        ),
        ({"mandatory": (), "judgements": ()}, Outcome.INCONCLUSIVE, "demands no gate"),
    ],
)
def test_the_headline_follows_from_the_gates(changes, outcome, says):
    evidence = an_evidence(**changes)

    assert evidence.outcome is outcome
    assert says in headline(evidence)


@pytest.mark.parametrize(
    "changes", [{"release": None}, {"judgements": judged(**ALL | UNSURE)}]
)
def test_nothing_can_be_approved_before_it_is_packaged_and_passed(changes):
    assert approve_command(an_evidence(**changes)) is None


def test_the_approval_names_the_release_that_it_binds_to():
    command = approve_command(an_evidence())

    assert command == f"sluice review approve for_you 2 --reviewer NAME --digest {RELEASE}"


def test_a_gate_that_has_not_judged_stands_in_the_table():
    rows = gate_rows(an_evidence(judgements=judged(churn=Outcome.PASS)))

    assert [(row["gate"], row["outcome"]) for row in rows] == [
        ("data", "not judged"),
        ("leakage", "not judged"),
        ("quality", "not judged"),
        ("replay", "not judged"),
        ("churn", "pass"),
    ]


def test_a_metric_that_was_not_compared_has_no_difference():
    evidence = an_evidence(metrics={"candidate": {"recall@5": 0.7}})

    [row] = metric_rows(evidence)

    assert row["values"] == {"candidate": 0.7}
    assert row["against"] == {"champion": None, "baseline": None}
