"""The parity flow is killed at each of its writes; run again, it converges to the undisturbed run."""

from dataclasses import replace

import pytest

from sluice.settings import load_settings
from sluice.store import open_store
from tests.faults.test_flow_crash import killed_until_done
from tests.lib.copied_home import copied
from tests.lib.installations import SURFACE, Installation, records
from tests.lib.served_log import LATER, Home, Process, history, play, requests

FEW = 5
"""Writes between two kills: a report has a score of kinds."""
pytestmark = [pytest.mark.faults]


@pytest.fixture(scope="module")
def served(tmp_path_factory, prefect_url) -> Installation:
    """A day that was served, and nothing measured."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "surfaces").mkdir()
    (folder / "surfaces" / "for_you.toml").write_text(SURFACE)
    home = Home(folder / "home")
    home.log.append(history(), at=LATER)
    process = Process(home, home.release(1))
    play(home, [(each, process) for each in requests()])
    process.close()
    installation = Installation(
        folder / "home", folder / "surfaces", {"PREFECT_API_URL": prefect_url}
    )
    settings = load_settings(installation.variables(), installation.home)
    open_store(settings.database_url).close()
    return installation


def left_by(installation: Installation) -> dict[str, object]:
    """What a measurement leaves, without the moments at which it was made."""
    stored = records(installation)
    (step,) = stored["Step"]
    (report,) = [
        each.body for each in stored["Document"] if each.digest == step.outcome["report"]
    ]
    return {
        "step": (step.flow, step.step, step.key_digest),
        "points": [replace(each, created_at=each.end) for each in stored["MetricPoint"]],
        "report": {**report, "measured_at": None},
    }


def test_a_measurement_killed_at_its_writes_converges_to_the_undisturbed_one(
    served, tmp_path
):
    undisturbed = replace(served, home=tmp_path / "undisturbed")
    copied(served.home, undisturbed.home)
    killed = replace(served, home=tmp_path / "killed")
    copied(served.home, killed.home)
    told = undisturbed.must("parity", "for_you")
    kills, done = killed_until_done(
        killed, tmp_path / "seen", "parity", "for_you", every=FEW
    )

    assert done.code == 0, done.err
    assert kills >= 4
    assert left_by(killed) == left_by(undisturbed)
    assert len(left_by(killed)["points"]) > 20
    again = killed.must("parity", "for_you")
    assert again["reason"] == told["reason"]
    assert left_by(killed) == left_by(undisturbed)
