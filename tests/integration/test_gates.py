"""Every gate in a real retraining over a small feed, and what the command line says of it."""

import json
import tomllib
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from sluice.cli import main
from sluice.data.event_log import EventLog
from sluice.data.generated import generate
from sluice.data.snapshot import take
from sluice.flows.judging import judge
from sluice.flows.retrain import Retraining, register
from sluice.flows.workplace import Workplace, now
from sluice.registry import promotion
from sluice.registry.explanation import explain
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import Outcome, State
from sluice.surface import Surface
from tests.lib.retrainings import FEED, WINDOW

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

TOML = """
name = "feed"
owner = "ann"
tier = "critical"
[features]
windows = ["24h"]
[ranker]
parameters = { trees = 20, leaves = 7, num_threads = 1 }
[gates]
mandatory = ["data", "leakage", "quality", "slices", "calibration", "churn", "ecosystem", "freshness", "coverage", "served", "replay"]
[gates.quality]
min_requests = 20
min_users = 10
[gates.slices]
min_requests = 20
min_users = 10
dimensions = ["candidates"]
[gates.coverage]
min_rows = 100
[serving]
context = ["context_*"]
[review]
reviewers = ["rita", "rob"]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def gated(home):
    (home / "surfaces").mkdir()
    (home / "surfaces" / "feed.toml").write_text(TOML)
    settings = load_settings({"SLUICE_SURFACES": str(home / "surfaces")}, home)
    log = EventLog(settings.log)
    log.append(generate(replace(FEED, requests_per_day=1_000, users=120)).tables)
    declared = Surface.model_validate(tomllib.loads(TOML))
    workplace = Workplace(settings, declared, open_store(settings.database_url), log)
    retraining = Retraining(workplace, take(log, WINDOW, settings.snapshots))
    trained = retraining.train()
    version = register(retraining, trained)
    evaluation = retraining.evaluate(version.model)
    verdicts = judge(workplace, version, leakage=trained["leakage"], evaluation=evaluation)
    state = promotion.gate(
        workplace.store,
        version,
        (),
        mandatory=declared.gates.mandatory,
        actor="ann",
        at=now(),
    )
    assert state is State.BLOCKED
    return workplace, version, {each.gate: each for each in verdicts}


def test_every_declared_gate_judges_the_candidate(gated):
    workplace, _, verdicts = gated

    assert (*verdicts, "replay") == workplace.surface.gates.mandatory
    for gate in ("leakage", "churn", "coverage", "quality", "slices", "ecosystem"):
        assert verdicts[gate].outcome is Outcome.PASS, verdicts[gate].reason
    assert verdicts["served"].outcome is Outcome.PASS
    assert "no champion yet" in verdicts["served"].reason
    # The feed is of a January long past, and boosted trees promise no probability.
    assert verdicts["freshness"].outcome is Outcome.FAIL
    assert verdicts["calibration"].outcome is Outcome.INCONCLUSIVE


def test_an_explanation_says_what_would_have_to_change(gated):
    workplace, version, _ = gated
    found = {
        each.gate: each
        for each in explain(
            workplace.store, version, workplace.surface.gates.mandatory, now()
        )
    }

    assert {"freshness", "calibration", "replay"} <= {
        gate for gate, each in found.items() if each.holds
    }
    assert "ingest what was logged since 2026-01-0" in found["freshness"].changes[0]
    assert all(each.changes or not each.holds for each in found.values())


def call(home, *arguments):
    return CliRunner().invoke(
        main,
        [*arguments, "--home", str(home)],
        env={"SLUICE_SURFACES": str(home / "surfaces")},
    )


def test_the_command_line_explains_and_waives(gated, home):
    until = (now() + timedelta(days=3)).strftime("%Y-%m-%d")
    shown = call(home, "gates", "explain", "feed", "1", "--why-not")
    assert shown.exit_code == 0, shown.output
    assert "freshness: fail" in shown.output
    assert "to pass: events received within 2d" in shown.output

    refused = call(
        home, "gates", "waive", "feed", "1", "data", "--actor", "rita", "--reason", "no", "--until", until,
    )  # fmt: skip
    assert "cannot be waived" in str(refused.exception)
    waived = call(
        home, "gates", "waive", "feed", "1", "freshness", "--actor", "rita", "--reason", "an old feed",
        "--until", until,
    )  # fmt: skip
    assert waived.exit_code == 0, waived.output
    assert "next: sluice run retrain feed --snapshot" in waived.output

    told = json.loads(call(home, "gates", "explain", "feed", "1", "--json").output)
    [freshness] = [each for each in told["gates"] if each["gate"] == "freshness"]
    assert told["state"] == "candidate"
    assert not freshness["holds"]
    assert freshness["waiver"].startswith("waived by rita, ends ")
