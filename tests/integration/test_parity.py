"""`sluice parity` over a small installation that served a day: figures, memory, points, exit codes."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from sluice.data.event_log import EventLog
from sluice.flows.parity_memory import latest_parity
from sluice.flows.schedule import FLOWS
from sluice.flows.workplace import Workplace
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import MetricPoint, Outcome, Step
from sluice.surface import load_surface
from tests.lib.copied_home import copied
from tests.lib.installations import SURFACE, Installation, records
from tests.lib.served import SECOND, until
from tests.lib.served_log import LATER, Home, Process, history, moment, play, requests

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def served(tmp_path_factory, prefect_url) -> Installation:
    folder = tmp_path_factory.mktemp("parity")
    (folder / "surfaces").mkdir()
    (folder / "surfaces" / "for_you.toml").write_text(SURFACE)
    installation = Installation(
        folder / "home", folder / "surfaces", {"PREFECT_API_URL": prefect_url}
    )
    home = Home(installation.home)
    home.log.append(history(), at=LATER)
    process = Process(home, home.release(1))
    play(home, [(each, process) for each in requests()])
    process.close()
    open_store(
        load_settings(installation.variables(), installation.home).database_url
    ).close()
    return installation


def declared(served: Installation, folder, more: str) -> Installation:
    """The same home under another declaration."""
    (folder / "surfaces").mkdir()
    (folder / "surfaces" / "for_you.toml").write_text(SURFACE + more)
    return replace(served, surfaces=folder / "surfaces")


def test_a_day_that_was_served_right_is_told_and_remembered(served):
    found = served.must("parity", "for_you")
    again = served.must("parity", "for_you")
    stored = records(served)

    assert found["outcome"] == "pass"
    assert found["reason"].startswith("100.000% of ")
    assert again == found
    assert [(each.flow, each.step) for each in stored["Step"]] == [("parity", "compare")]
    points = {each.name: each for each in stored["MetricPoint"]}
    assert points["identical_share"].value == 1.0
    assert points["identical_share"].outcome is Outcome.PASS
    # Twenty minutes, where nothing is assumed.
    assert points["delay_p95[exposure]"].outcome is Outcome.FAIL
    assert {each.monitor for each in points.values()} == {"parity"}


def test_a_window_that_is_named_is_measured_by_itself(served):
    later = moment(until() + 3 * 3_600 * SECOND)
    found = served.must("parity", "for_you", "--from", later.strftime("%Y-%m-%dT%H:%M:%S"))

    assert found["report"]["start"].startswith(later.strftime("%Y-%m-%dT%H:%M"))
    assert 100 <= found["report"]["releases"][0]["requests"] < 120


def test_a_person_reads_tables(served):
    done = served.sluice("parity", "for_you")

    assert done.code == 0, done.err
    for words in (
        "identical",
        "100.000%",
        "Delay of events in seconds, 0s is assumed",
        "late events",
    ):
        assert words in done.out


def test_too_few_answers_are_not_a_pass(served, tmp_path):
    strict = declared(served, tmp_path, "\n[gates.served]\nmin_requests = 5000\n")
    done = strict.sluice("parity", "for_you", "--json")

    assert done.code == 3
    assert done.json["outcome"] == "inconclusive"
    assert "5,000 are asked" in done.json["reason"]


def test_a_release_that_was_altered_fails(served, tmp_path):
    home = tmp_path / "home"
    copied(served.home, home)
    for model in home.glob("releases/*/model/*.txt"):
        model.write_bytes(model.read_bytes() + b" ")
    altered = replace(served, home=home)
    # The day was measured before: what was found then stays, and another window is looked at.
    early = moment(until() + 20 * 3_600 * SECOND).strftime("%Y-%m-%dT%H:%M:%S")
    done = altered.sluice("parity", "for_you", "--to", early, "--json")

    assert done.code == 3, done.err
    assert (done.json["outcome"], done.json["report"]["releases"][0]["identical"]) == (
        "fail",
        0,
    )


def test_where_nothing_was_served_it_says_so_and_does_not_pass(served, tmp_path):
    home = tmp_path / "home"
    copied(served.home, home)
    shutil.rmtree(home / "predictions")
    done = replace(served, home=home).sluice("parity", "for_you", "--json")

    assert done.code == 3
    assert done.json["kind"] == "NothingServed"
    assert "because nothing was served" in done.json["error"]


def test_the_gate_and_the_evidence_read_the_newest_window(served):
    served.must("parity", "for_you")
    settings = load_settings(served.variables(), served.home)
    surface = load_surface(served.surfaces / "for_you.toml")
    with open_store(settings.database_url) as store:
        workplace = Workplace(settings, surface, store, EventLog(settings.log))
        newest = latest_parity(workplace)
        steps = store.find(Step, flow="parity")
        points = store.find(MetricPoint, monitor="parity")
        assert newest is not None
        assert latest_parity(workplace, before=newest.report.start) is None
        assert newest.report.end == max(each.end for each in points)
        assert steps
    assert "parity" in {each.name for each in FLOWS}


WHEN_DUE = """
import sys
from sluice.flows.schedule import parity_due
state = parity_due(sys.argv[1], return_state=True)
print(state.type.value, state.name, state.message, sep="|")
"""


def due(installation: Installation) -> tuple[str, ...]:
    """How the run ends that a schedule starts: type, name and message of its state."""
    done = subprocess.run(
        [sys.executable, "-c", WHEN_DUE, "for_you"],
        env={**installation.variables(), "SLUICE_HOME": str(installation.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(done.stdout.strip().split("|"))


def test_a_nightly_run_is_skipped_where_nothing_was_served_and_fails_where_it_is_no_pass(
    served, tmp_path
):
    home = tmp_path / "home"
    copied(served.home, home)
    shutil.rmtree(home / "predictions")
    strict = declared(served, tmp_path, "\n[gates.served]\nmin_requests = 5000\n")

    assert due(served)[0] == "COMPLETED"
    skipped = due(replace(served, home=home))
    assert skipped[:2] == ("COMPLETED", "Skipped")
    assert "nothing was served" in skipped[2]
    failed = due(strict)
    assert failed[0] == "FAILED"
    assert "5,000 are asked" in failed[2]
