"""The command line as a person and as a machine meet it, each command in a process of its own."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from sluice.serving.processes import tree, wait_gone
from sluice.settings import load_settings
from tests.lib.installations import Installation, empty_installation, flow_runs
from tests.lib.sources import MINIATURES, behaviors, ebnerd, zoneless

# With the flows, whose installation it looks at.
pytestmark = [pytest.mark.integration]

METRICS = {"auc", "mrr", "ndcg@5", "ndcg@10"}


@pytest.fixture(scope="module")
def installation(story) -> Installation:
    """The first lifecycle, told to its end."""
    return story.installation


@pytest.fixture(scope="module")
def reviewed(story, second, prefect_url) -> Installation:
    """A day later: version 2 waits for a reviewer."""
    assert second["package"]["state"] == "in_review"
    return replace(story.installation, environ={"PREFECT_API_URL": prefect_url})


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Installation:
    return empty_installation(tmp_path_factory.mktemp("nothing run"))


# A demonstration


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory) -> tuple[Installation, dict]:
    installation = empty_installation(tmp_path_factory.mktemp("a demo"))
    return installation, installation.must("demo")


def test_the_demo_says_everything_in_one_object(demonstrated):
    _, found = demonstrated
    items = found["ranking"]["response"]["items"]

    assert found["surface"] == "for_you"
    assert found["state"] in {"champion", "champion_provisional"}
    assert len(found["snapshot"]) == len(found["release"]) == 64
    assert found["metrics"].keys() == {"candidate", "baseline"}
    assert all(values.keys() >= METRICS for values in found["metrics"].values())
    assert found["metrics"]["candidate"]["auc"] > found["metrics"]["baseline"]["auc"]
    assert [gate["name"] for gate in found["gates"]] == [
        "data",
        "leakage",
        "quality",
        "replay",
    ]
    assert all(gate["verdict"] == "pass" and gate["evidence"] for gate in found["gates"])
    assert [item["position"] for item in items] == list(range(1, len(items) + 1))
    assert found["ranking"]["response"]["release"] == found["release"]
    # So few days of log are no usual yet, and that is no pass.
    assert found["drift"]["outcome"] == "inconclusive"
    assert found["drift"]["reason"].startswith("learning the usual, ")
    assert found["seconds"]["total"] >= max(found["seconds"].values())


def test_what_the_demo_takes_is_accounted_for_by_its_steps(demonstrated):
    _, found = demonstrated
    steps = {name: taken for name, taken in found["seconds"].items() if name != "total"}

    assert steps.keys() >= {
        "ingest", "prefect", "snapshot", "data checks", "features", "training", "packaging",
        "replay", "promotion", "drift",
    }  # fmt: skip
    unsaid = found["seconds"]["total"] - sum(steps.values())
    assert unsaid < 0.25 * found["seconds"]["total"]


def test_a_demo_leaves_no_server_behind_and_prefect_with_every_run(demonstrated):
    installation, _ = demonstrated
    states = {state for runs in flow_runs(installation).values() for state in runs}

    assert states == {"COMPLETED"}
    assert [
        pid
        for pid in Path("/proc").iterdir()
        if pid.name.isdecimal() and _is_about(pid, installation)
    ] == []


def _is_about(pid: Path, installation: Installation) -> bool:
    try:
        return str(installation.home).encode() in (pid / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


# What a person sees


def test_a_run_prints_its_steps_and_tables_and_nothing_of_the_tools(installation):
    done = installation.sluice("run", "promote", "for_you", "--version", "1")

    assert done.code == 0
    assert [line.split()[1] for line in done.err.splitlines()] == ["prefect", "promotion"]
    assert "champion" in done.out


def test_the_version_is_told():
    done = subprocess.run(
        [sys.executable, "-m", "sluice", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("sluice, version ")


# What a machine reads


def test_reading_commands_print_one_object_each(installation):
    must = installation.must
    shown = must("review", "show", "for_you", "1")
    history = must("champion", "history", "for_you")["history"]

    assert must("review", "list", "for_you")["surface"] == "for_you"
    assert {gate["gate"]: gate["outcome"] for gate in shown["gates"]} == dict.fromkeys(
        ("data", "leakage", "quality", "replay"), "pass"
    )
    assert must("champion", "show", "for_you")["version"] == 1
    assert [(row["epoch"], row["action"]) for row in history] == [(1, "promote")]
    assert must("audit", "verify")["problems"] == []
    assert {each["verdict"] for each in must("doctor")["findings"]} == {"pass"}


def test_the_head_noted_earlier_is_still_in_the_ledger(installation):
    head = installation.must("audit", "verify")["head"]

    assert installation.must("audit", "verify", "--head", head)["problems"] == []
    other = f"1:{'0' * 64}"
    done = installation.sluice("audit", "verify", "--head", other, "--json")
    assert done.code == 5
    assert done.json["problems"] == [
        "ledger row 1 is not the one exported as head: rewritten"
    ]


def test_served_it_answers_on_loopback_until_it_is_told_to_stop(installation):
    process = installation.start("serve", "for_you", "--port", "3917", "--json")
    assert process.stdout
    said = ""
    while not said.endswith("}\n"):
        said += process.stdout.readline()
    server = json.loads(said)
    family = tree(process.pid)
    ready = httpx.get(f"{server['url']}/readyz", trust_env=False)
    process.send_signal(signal.SIGTERM)
    rest, err = process.communicate(timeout=60)

    assert ready.json()["release"] == server["release"]
    assert (process.returncode, rest, err) == (0, "", "")
    assert len(family) > 2
    assert wait_gone(family, 1.0)


# What is refused


REFUSED = [
    # command, exit code, kind, what the one line says
    (("run", "lifecycle", "fed"), 2, "NotFound", "surfaces there: for_you"),
    (("run", "lifecycle", "../for_you"), 2, "NotFound", "no name of a surface"),
    (("run", "retrain", "for_you", "--snapshot", "abc"), 2, "NotFound", "no snapshot 'abc'"),
    (("run", "package", "for_you"), 2, "NotFound", "run `sluice run retrain for_you` first"),
    (("run", "promote", "for_you"), 3, "Held", "no version of for_you is approved"),
    (("run", "promote", "for_you", "--version", "9"), 2, "NotFound", "newest: 1"),
    (("run", "fly", "for_you"), 2, "BadParameter", "'lifecycle'"),
    (("run", "monitor", "for_you", "--until", "2026-01-06"), 2, "NothingToWatch", "watch a later"),
    (("run", "validate", "for_you", "--until", "1999-01-01"), 2, "TooLittleData", "log begins"),
    (("run", "validate", "for_you", "--until", "soon"), 2, "BadParameter", "soon"),
    (("review", "list", "fed"), 2, "NotFound", "surfaces there: for_you"),
    (("review", "show", "for_you", "9"), 2, "NotFound", "newest: 1"),
    (("review", "approve", "for_you", "1"), 2, "MissingParameter", "--reviewer"),
    (("champion", "show", "fed"), 2, "NotFound", "no champion"),
    (("champion", "rollback", "for_you", "--actor", "ann", "--reason", "x"), 3, "Held", "nothing to roll"),
    (("champion", "rollback", "for_you", "--actor", "ann"), 2, "MissingParameter", "--reason"),
    (("audit", "verify", "--head", "x"), 2, "ConfigError", "SEQUENCE:HASH"),
    (("serve", "fed"), 2, "NotFound", "no champion"),
    (("ingest", "tape"), 2, "ConfigError", "there are: feed, ebnerd"),
    (("ingest", "ebnerd"), 2, "ConfigError", "needs a folder"),
    (("ingest", "ebnerd", "/nowhere"), 2, "DataError", "/nowhere: no such folder"),
    (("demo", "--surface", "fed"), 2, "NotFound", "surfaces there: for_you"),
    (("demo", "--source", "ebnerd", "--data", "/nowhere"), 2, "DataError", "no such folder"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "code", "kind", "said"),
    REFUSED,
    ids=[" ".join(each[0]) for each in REFUSED],
)
def test_a_refusal_is_one_message_and_an_exit_code(
    installation, prefect_url, command, code, kind, said
):
    quick = Installation(
        installation.home, installation.surfaces, {"PREFECT_API_URL": prefect_url}
    )
    machine = quick.sluice(*command, "--json")

    assert machine.code == code
    assert machine.err == ""
    assert machine.json["kind"] == kind
    assert said in machine.json["error"]


def test_a_person_gets_the_message_without_a_traceback(installation):
    done = installation.sluice("run", "promote", "for_you")

    assert done.code == 3
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1].startswith("error: no version of for_you is approved")


@pytest.mark.parametrize(
    "command",
    [
        ("review", "list", "for_you"), ("review", "show", "for_you", "1"),
        ("champion", "show", "for_you"), ("champion", "history", "for_you"),
        ("audit", "verify"), ("serve", "for_you"), ("run", "lifecycle", "for_you"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_where_nothing_was_run_the_message_says_what_to_run(empty, command):
    done = empty.sluice(*command)

    assert done.code == 2
    assert "run `sluice " in done.err
    assert not empty.home.exists() or not list(empty.home.iterdir())


def test_a_surface_that_cannot_be_obeyed_is_told_with_its_key(tmp_path):
    broken = empty_installation(tmp_path)
    with (broken.surfaces / "for_you.toml").open("a") as file:
        file.write("psi_limits = 1\n")
    done = broken.sluice("run", "lifecycle", "for_you")

    assert done.code == 2
    assert "monitors.psi_limits: unknown key" in done.err
    assert broken.sluice("doctor").code == 2


# Who may not


def test_the_author_cannot_approve_own_work(reviewed):
    digest = reviewed.must("review", "list", "for_you")["waiting"][0]["release"]

    def approve(reviewer, digest=digest):
        asked = ("--reviewer", reviewer, "--digest", digest)
        return reviewed.sluice("review", "approve", "for_you", "2", *asked, "--json")

    refused = {
        "ranking-team": "made version 2 of for_you and cannot review it",
        "Ranking-Team ": "made version 2 of for_you and cannot review it",
        "mallory": "mallory",
    }
    for reviewer, said in refused.items():
        done = approve(reviewer)
        assert (done.code, done.json["kind"]) == (6, "Refused")
        assert said in done.json["error"]
    other_bytes = approve("rita", "0" * 64)
    assert other_bytes.code == 6
    assert "look at the evidence again" in other_bytes.json["error"]


def test_what_is_not_approved_is_not_promoted(reviewed):
    named = reviewed.sluice("run", "promote", "for_you", "--version", "2", "--json")
    any_one = reviewed.sluice("run", "promote", "for_you", "--json")

    assert (named.code, any_one.code) == (3, 3)
    assert "nobody but its author approved" in named.json["error"]
    assert "waiting for a reviewer: 2" in any_one.json["error"]
    assert reviewed.must("champion", "show", "for_you")["version"] == 1


def test_a_rejected_version_is_over(reviewed):
    why = ("--reviewer", "rita", "--reason", "stale catalogue")
    rejected = reviewed.must("review", "reject", "for_you", "2", *why)

    assert rejected["state"] == "rejected"
    assert reviewed.must("review", "list", "for_you")["waiting"] == []
    assert (
        reviewed.sluice("run", "promote", "for_you", "--version", "2", "--json").code == 3
    )


# Logs that are refused


def test_an_ingested_source_is_counted_and_a_second_time_changes_nothing(empty, tmp_path):
    folder = MINIATURES["ebnerd"](tmp_path)
    first = empty.must("ingest", "ebnerd", str(folder))
    again = empty.must("ingest", "ebnerd", str(folder))

    assert first["exposures"] == 7
    assert (again["exposures"], again["feedback"], again["items"]) == (0, 0, 0)
    assert again["skipped"] == first["exposures"] + first["feedback"] + first["items"]


def _empty_file(path):
    path.write_bytes(b"")


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def _no_row(path):
    behaviors().clear().write_parquet(path)


def _duplicated_column(path):
    table = pq.read_table(path)
    pq.write_table(table.append_column("user_id", table["user_id"]), path)


def _future(path):
    times = [zoneless(2099, 5, day, 7) for day in (18, 18, 19)]
    behaviors(impression_time=times).write_parquet(path)


DAMAGE = [
    (_empty_file, "DataError", "cannot be read as Parquet"),
    (_truncated, "DataError", "cannot be read as Parquet"),
    (_no_row, "DataError", "no row"),
    (_duplicated_column, "SchemaError", "duplicated column user_id"),
    (_future, "BadRows", "future"),
]


@pytest.mark.parametrize(("damage", "kind", "said"), DAMAGE, ids=[each[0].__name__ for each in DAMAGE])  # fmt: skip
@pytest.mark.parametrize("command", ["ingest", "demo"])
def test_a_damaged_log_is_refused_in_one_line(tmp_path, command, damage, kind, said):
    installation = empty_installation(tmp_path / "installation")
    folder = tmp_path / "ebnerd"
    folder.mkdir()
    damage(ebnerd(folder) / "behaviors.parquet")
    asked = {"ingest": ("ingest", "ebnerd", str(folder)),
             "demo": ("demo", "--source", "ebnerd", "--data", str(folder))}[command]  # fmt: skip
    machine = installation.sluice(*asked, "--json")

    assert (machine.code, machine.err) == (2, "")
    assert machine.json["kind"] == kind
    assert said in machine.json["error"]
    assert "\n" not in machine.json["error"]
    assert not list((installation.home / "log").glob("*/*/*.parquet"))


# Telemetry


ASKED = """
import json
from prefect.settings import get_current_settings
from bentoml._internal.utils.analytics.usage_stats import do_not_track
from mlflow.telemetry.utils import is_telemetry_disabled
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION as PICKLE
print(json.dumps([
    get_current_settings().server.analytics_enabled, not do_not_track(),
    not is_telemetry_disabled(), PICKLE.get(),
]))
"""


def test_each_tool_obeys_the_variable_that_turns_its_telemetry_off(tmp_path):
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASKED],
        env=load_settings({}, tmp_path).child_environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert json.loads(told.stdout) == [False, False, False, False]
