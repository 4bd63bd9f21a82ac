"""The lifecycle over a small generated feed, through the command line, with every platform real."""

import shutil
from dataclasses import replace

import pytest

from sluice.data.commit import Commit, running_commit
from sluice.store.records import State
from tests.lib.installations import (
    files,
    mlflow_rows,
    records,
)
from tests.lib.story import FIRST, KEPT, SECOND, Story

# One worker, in this order: the installation lives on from test to test.
pytestmark = [pytest.mark.integration]


@pytest.fixture(params=["story", "postgres_story"], ids=["sqlite", "postgresql"])
def told(request) -> Story:
    """The same story on both databases."""
    return request.getfixturevalue(request.param)


def test_a_candidate_passes_its_gates_and_waits_for_a_reviewer(told):
    gates = [*told.submitted["retrain"]["gates"], *told.submitted["package"]["gates"]]

    assert [(gate["name"], gate["verdict"]) for gate in gates] == [
        ("data", "pass"), ("leakage", "pass"), ("quality", "pass"), ("replay", "pass"),
    ]  # fmt: skip
    assert told.submitted["package"]["state"] == State.IN_REVIEW
    assert "promote" not in told.submitted
    assert [each["author"] for each in told.waiting["waiting"]] == ["ranking-team"]


def test_approved_and_promoted_it_serves_and_a_good_day_confirms_it(told):
    assert told.approved["state"] == State.APPROVED
    assert told.promoted["state"] == State.CHAMPION_PROVISIONAL
    assert told.promoted["epoch"] == 1
    assert told.watched["state"] == State.CHAMPION
    champion = told.installation.must("champion", "show", "for_you")
    assert champion["release"] == told.promoted["release"]
    assert champion["state"] == State.CHAMPION


def test_the_ledger_has_one_row_for_each_step_and_verifies(told):
    assert [(action, actor) for _, action, actor, *_ in told.left.ledger] == [
        ("register", "ranking-team"), ("gate", "ranking-team"), ("package", "ranking-team"),
        ("submit", "ranking-team"), ("approve", "demo-reviewer"), ("promote", "ranking-team"),
        ("confirm", "ranking-team"),
    ]  # fmt: skip
    assert told.installation.must("audit", "verify")["problems"] == []


def test_the_promoted_release_is_signed_and_the_ledger_s_head_exported(told):
    release = told.promoted["release"]
    verified = told.installation.must("release", "verify", release)
    audited = told.installation.must("audit", "verify")
    heads = (told.installation.home / "audit" / "heads").iterdir()

    assert [each["reviewer"] for each in verified["claims"]["reviews"]] == ["demo-reviewer"]
    assert {each["outcome"] for each in verified["claims"]["gates"]} == {"pass"}
    assert verified["claims"]["provenance"]["version"] == told.promoted["version"]
    assert Commit(**verified["claims"]["commit"]).found == running_commit().found
    assert f"{told.promoted['ledger']:09d}" in {head.name[:9] for head in heads}
    assert (audited["exported_heads"] > 0, audited["problems"]) == (True, [])


def test_nothing_that_the_tools_wrote_is_open_to_others(postgres_story):
    """The log was written by this test's own process, which keeps its mask; code in a Bento its modes."""
    home = postgres_story.installation.home
    ours = [
        each
        for each in home.rglob("*")
        if not {home / "log", home / "bentoml"} & {each, *each.parents}
    ]

    assert {"mlflow.db", "prefect.db", "api.log"} <= {each.name for each in ours}
    assert [
        each for each in (*ours, home / "bentoml") if each.lstat().st_mode & 0o077
    ] == []


def test_prefects_secret_stands_in_its_own_file_alone(postgres_story):
    home = postgres_story.installation.home
    kept = home / "credentials" / "prefect"
    secret = kept.read_bytes()
    files = [each for each in home.rglob("*") if each.is_file()]

    assert [each for each in files if secret in each.read_bytes()] == [kept]


def test_the_postgresql_store_leaves_no_database_of_ours_in_the_home(postgres_story):
    assert not (postgres_story.installation.home / "sluice.db").exists()


def test_both_databases_come_to_the_same_digests(story, postgres_story):
    assert story.left.files == postgres_story.left.files
    assert story.left.steps == postgres_story.left.steps
    assert story.submitted["retrain"] == postgres_story.submitted["retrain"]


def test_a_rerun_with_the_same_inputs_changes_nothing(told):
    installation = told.installation
    before = (records(installation), files(installation, *KEPT), mlflow_rows(installation))
    again = installation.must("run", "lifecycle", "for_you", "--until", FIRST)
    watched = installation.must("run", "monitor", "for_you", "--until", SECOND)

    assert again["validate"] == told.submitted["validate"]
    assert again["retrain"]["gates"] == told.submitted["retrain"]["gates"]
    assert again["package"]["release"] == told.submitted["package"]["release"]
    assert watched["document"] == told.watched["document"]
    assert (
        records(installation),
        files(installation, *KEPT),
        mlflow_rows(installation),
    ) == before


def test_prefect_has_a_record_of_every_run(postgres_story):
    flows = {"lifecycle", "validate", "retrain", "package", "promote", "monitor"}
    tasks = {
        "freeze",
        "check",
        "train",
        "evaluate",
        "judge",
        "build",
        "replay",
        "publish",
        "move",
    }

    assert postgres_story.runs.keys() >= flows | tasks
    assert {state for states in postgres_story.runs.values() for state in states} == {
        "COMPLETED"
    }


def test_a_day_later_the_candidate_meets_the_champion_on_the_same_requests(story, second):
    installation = story.installation
    stored = records(installation)
    bodies = {each.digest: each.body for each in stored["Document"]}
    (quality,) = (
        bodies[each.evidence]
        for each in stored["Verdict"]
        if (each.version, each.gate) == (2, "quality")
    )
    evaluation = bodies[second["retrain"]["evaluation"]]
    requests = {
        row["requests"] for rows in evaluation["comparisons"].values() for row in rows
    }

    assert second["retrain"]["version"] == 2
    assert quality["reference_kind"] == "champion"
    assert evaluation["champion"] == {"version": 1, "release": story.promoted["release"]}
    assert evaluation["metrics"].keys() == {"candidate", "baseline", "champion"}
    assert len(requests) == 1
    assert second["package"]["state"] == State.IN_REVIEW
    assert installation.must("champion", "show", "for_you")["version"] == 1


def test_a_candidate_that_a_gate_stops_is_blocked_and_the_champion_stays(
    story, prefect_url
):
    """The same log under a gate that nothing can pass."""
    strict = story.installation.surfaces.parent / "strict"
    shutil.copytree(story.installation.surfaces, strict)
    declared = (strict / "for_you.toml").read_text()
    (strict / "for_you.toml").write_text(
        declared.replace("min_users = 20", "min_users = 20000")
    )
    held = replace(
        story.installation, surfaces=strict, environ={"PREFECT_API_URL": prefect_url}
    )
    done = held.sluice("run", "lifecycle", "for_you", "--until", SECOND, "--json")
    version = done.json["retrain"]["version"]

    assert done.code == 3
    assert done.err == ""
    assert done.json.keys() == {"validate", "retrain"}
    assert done.json["retrain"]["state"] == State.BLOCKED
    assert {gate["name"]: gate["verdict"] for gate in done.json["retrain"]["gates"]} == {
        "data": "pass", "leakage": "pass", "quality": "inconclusive",
    }  # fmt: skip
    assert held.must("review", "show", "for_you", str(version))["release"] is None
    assert held.must("champion", "show", "for_you")["version"] == 1
