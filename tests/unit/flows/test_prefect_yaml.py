"""prefect.yaml says what `sluice deploy` does, and of a run nothing but its surface can be chosen."""

import inspect
from pathlib import Path

import yaml

from sluice.flows import schedule
from sluice.flows.as_deployed import entrypoint
from sluice.flows.deployments import _parameters
from sluice.flows.prefect_yaml import declared_in, prefect_yaml

ROOT = Path(__file__).parents[3]
WRITTEN = yaml.safe_load((ROOT / "prefect.yaml").read_text())
FLOWS = {entrypoint(flow): flow for flow in schedule.FLOWS}


def test_the_file_is_what_the_surfaces_declare():
    assert (ROOT / "prefect.yaml").read_text() == prefect_yaml(
        declared_in(ROOT / "surfaces")
    )


def test_every_flow_of_every_surface_is_in_it():
    surfaces = [surface.name for surface in declared_in(ROOT / "surfaces")]
    deployed = {(each["name"], each["entrypoint"]) for each in WRITTEN["deployments"]}

    assert deployed == {(name, code) for name in surfaces for code in FLOWS}


def test_no_deployment_pulls_code_or_sets_variables():
    assert WRITTEN["pull"] == []
    for deployment in WRITTEN["deployments"]:
        assert deployment["pull"] == []
        assert deployment["work_pool"] == {"name": "sluice"}


def test_a_run_takes_a_surface_and_nothing_else():
    for deployment in WRITTEN["deployments"]:
        assert deployment["parameters"] == {"surface": deployment["name"]}
    for flow in FLOWS.values():
        (parameter,) = inspect.signature(flow.fn).parameters.values()
        assert (parameter.name, parameter.annotation) == ("surface", str)
    assert _parameters()["properties"] == {
        "surface": {"type": "string", "title": "surface"}
    }
