"""What stands on a version's page in MLflow: enough to decide, within what MLflow holds."""

from sluice.gates.judgement import Judgement
from sluice.registry.description import LIMIT, Shown, markdown
from sluice.registry.words import moment
from sluice.store.records import Outcome
from tests.lib.evidence import RELEASE, a_parity, an_evidence, closely_looked_at

SHOWN = Shown("7", "abc")


def test_a_reviewer_reads_everything_that_the_decision_needs():
    told = markdown(closely_looked_at(approvers=2), SHOWN)
    read = told.replace("&ensp;", "")

    for words in (
        "[the whole evidence](#/experiments/7/runs/abc/artifacts/evidence.html?workflowType=machine_learning)",
        f"binds to the release `{RELEASE}`",
        "2 different people have to approve, none of them the author",
        "the tag `review` with the value `approved`",
        f"--digest {RELEASE}",
        "| quality | **pass** |",
        "| ndcg@10 | 0.6400 | 0.6100 | 0.5000 | +0.0300 (+0.0210 to +0.0390) |",
        "| hour=00-05 | fail | -0.0400 (-0.0600 to -0.0200) |",
        "| click | pass | 1.0200 (0.9700 to 1.0800) |",
        "![calibration](get-artifact?path=plots/calibration.png&run_uuid=abc)",
        "| users | nDCG@10 | higher | 0.6400 | 0.6100 | +0.0300 (+0.0210 to +0.0390) |",
        "overlap@10 0.8100",
    ):
        assert words in read
    assert len(told) <= LIMIT


def test_the_slice_that_is_least_sure_comes_first():
    lines = markdown(closely_looked_at()).splitlines()
    slices = [line.split("&")[0].strip("| ") for line in lines if "| hour=" in line]

    assert slices == ["hour=00-05", "hour=06-11"]


def test_a_family_without_probabilities_says_so_and_shows_no_empty_plot():
    told = markdown(an_evidence(), SHOWN)

    assert "lambdamart promises no probability" in told
    assert "![calibration]" not in told


def test_what_mlflow_does_not_hold_is_left_out_from_the_end_and_said():
    rows = tuple(
        {"party": "users", "meaning": f"measure {nth}", "better": "higher", "candidate": 0.5,
         "reference": 0.5, "difference": 0.0, "low": 0.0, "high": 0.0, "confidence": 0.95}
        for nth in range(60)
    )  # fmt: skip
    told = markdown(closely_looked_at(stakeholders=rows), SHOWN)

    assert len(told) <= LIMIT
    assert told.endswith("Shortened here: `evidence.html` has all of it.")
    assert f"--digest {RELEASE}" in told
    assert "measure 0" not in told


def test_a_long_reason_leaves_room_for_the_others():
    long = (
        Judgement("data", Outcome.FAIL, "bad " * 3_000, {}),
        *an_evidence().judgements[1:],
    )
    told = markdown(an_evidence(judgements=long), SHOWN)

    assert len(told) <= LIMIT
    assert "| replay&ensp; | **pass**&ensp; |" in told


def test_what_is_held_offers_nothing_to_approve():
    told = markdown(an_evidence(judgements=()), SHOWN)

    assert told.startswith("## Held: ")
    assert "To decide" not in told


def test_the_delay_that_is_assumed_stands_beside_the_one_that_was_observed():
    told = markdown(an_evidence(embargo="5s", parity=a_parity()))

    assert (
        f"features.embargo assumes 5s; observed from {moment(a_parity().start)} to " in told
    )
    assert "up to 1.5 s (95th percentile of click, median 0.3 s)" in told


def test_where_nothing_was_served_the_delay_is_said_to_be_unmeasured():
    first = {**an_evidence().metrics}
    del first["champion"]
    for changes, why in (
        ({"metrics": first}, "not measured, for nothing was served"),
        ({}, "not measured, for no parity of the champion was measured yet"),
        ({"parity": a_parity(delay_s=None)}, "not measured, for no event came in live"),
    ):
        assert why in markdown(an_evidence(embargo="0s", **changes))
