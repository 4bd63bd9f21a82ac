"""Deployments that somebody rewrote in Prefect, and flows that would let a stranger act as a reviewer."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from prefect import Flow, flow

import sluice.flows
from sluice.flows import as_deployed, deployments, lifecycle
from sluice.flows.as_deployed import Deployed
from sluice.surface import ReviewSpec, Surface

CODE = "sluice.flows.schedule.lifecycle_due"
_OWN = {"surface": "feed"}
UNTOUCHED = Deployed("feed", CODE, (), None, {}, _OWN, _OWN, {})
_STEPS = ({"prefect.deployments.steps.run_shell_script": {"script": "touch pwned"}},)

REWRITTEN = {
    "a file as its code": replace(UNTOUCHED, entrypoint="pwn.py:monitor_due"),
    "another flow as its code": replace(
        UNTOUCHED, entrypoint="sluice.flows.schedule.monitor_due"
    ),
    "no code": replace(UNTOUCHED, entrypoint=None),
    "pull steps": replace(UNTOUCHED, pull_steps=_STEPS),
    "a storage": replace(UNTOUCHED, storage=UUID(int=1)),
    "variables": replace(UNTOUCHED, job_variables={"env": {"PYTHONPATH": "/tmp"}}),
    "variables of the run": replace(UNTOUCHED, run_variables={"env": {"SLUICE_HOME": "/"}}),
    "a reviewer": replace(UNTOUCHED, parameters={**_OWN, "approve_as": "rita"}),
    "a home of the run": replace(UNTOUCHED, run_parameters={**_OWN, "home": "/tmp"}),
    "another surface": replace(UNTOUCHED, run_parameters={"surface": "news"}),
}
"""The deployment with one thing changed, each in turn."""

FOREIGN = ("home", "approve", "review", "actor", "author", "promoter", "settings")
"""No parameter of a flow has one of these words in its name: who acts, and where, is the process's."""


def would_run() -> list[str]:
    """By rewritten deployment what is wrong: empty where it is refused; last, the untouched one runs."""
    wrong = [
        "" if _changes(row) else f"{name}: would run" for name, row in REWRITTEN.items()
    ]
    return [*wrong, _changes(UNTOUCHED)]


def _changes(row: Deployed) -> str:
    return ", ".join(as_deployed.changes(row, CODE, str(row.run_parameters["surface"])))


def all_flows() -> Iterator[tuple[str, Flow[..., Any]]]:
    """Every Prefect flow of the package, by module and name: any of them can be deployed."""
    for each in pkgutil.iter_modules(sluice.flows.__path__, "sluice.flows."):
        for name, value in vars(importlib.import_module(each.name)).items():
            if isinstance(value, Flow):
                yield f"{each.name}.{name}", value


def open_parameters() -> list[str]:
    """By flow and by deployment what is wrong: a parameter by which who starts it says who acts, or where."""
    declared = Surface(name="feed", owner="ann", review=ReviewSpec(reviewers=("rita",)))
    named = {name: inspect.signature(each.fn).parameters for name, each in all_flows()}
    named |= {
        f"deployment {deployment.name}": deployment.parameters
        for deployment in deployments.deployments(declared)
    }
    return [
        "".join(
            f"{name} takes {parameter}; "
            for parameter in parameters
            if any(word in parameter for word in FOREIGN)
        )
        for name, parameters in named.items()
    ]


def rows_are_believed() -> tuple[Any, str, Any]:
    """G30: a deployment runs, whatever became of its row."""
    return as_deployed, "changes", lambda *_: iter(())


def a_flow_approves() -> tuple[Any, str, Any]:
    """G30: who starts the lifecycle says who has approved."""

    @flow(name="lifecycle")
    def approving(surface: str, approve_as: str | None = None) -> None:
        del surface, approve_as

    return lifecycle, "lifecycle", approving


def a_deployment_names_a_home() -> tuple[Any, str, Any]:
    """G30: Prefect's row says whose keys and store a run works with."""
    homely = SimpleNamespace(name="monitor/feed", parameters={"home": "/tmp"})
    return deployments, "deployments", lambda _: (homely,)


PARAMETER_MUTANTS = (a_flow_approves, a_deployment_names_a_home)
