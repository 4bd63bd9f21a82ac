"""The flows that Prefect runs when their times come, each over one surface."""

from typing import Any

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from sluice.errors import Held, NothingServed, NothingToWatch
from sluice.flows.as_deployed import SURFACE, ensure_as_deployed
from sluice.flows.canary import canary
from sluice.flows.lifecycle import lifecycle
from sluice.flows.monitor import monitor
from sluice.flows.parity import parity
from sluice.store.records import Outcome
from sluice.store.records import State as RecordState


def _run_name() -> str:
    """The surface and when the run was due, so that a list of runs tells them apart."""
    due = flow_run.scheduled_start_time
    return f"{flow_run.parameters[SURFACE]} {due:%Y-%m-%d %H:%M}"


@flow(name="lifecycle", flow_run_name=_run_name)
def lifecycle_due(surface: str) -> dict[str, Any] | State:
    """The lifecycle when its time has come, over the whole log."""
    ensure_as_deployed(lifecycle_due, surface)
    report = lifecycle.fn(surface)
    last = report.get("package") or report["retrain"]
    if last["state"] == RecordState.BLOCKED:
        why = "; ".join(
            f"{gate['name']}: {gate['reason']}"
            for gate in last["gates"]
            if gate["verdict"] != Outcome.PASS
        )
        return Failed(name="Held", message=f"version {last['version']} is held: {why}")
    return report


@flow(name="monitor", flow_run_name=_run_name)
def monitor_due(surface: str) -> dict[str, Any] | State:
    """The monitor when its time has come: skipped, and Prefect says why, where nothing is to be watched.

    A surface has no champion before its first promotion, and a new one nothing before the window yet.
    Whoever asks for the monitor by hand gets that as an error; a schedule must not cry wolf.
    """
    ensure_as_deployed(monitor_due, surface)
    try:
        return _honest(monitor.fn(surface))
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


def _honest(report: dict[str, Any]) -> dict[str, Any] | State:
    """What the monitor said, as a state whose colour says it too."""
    if report["outcome"] == Outcome.FAIL:
        return Failed(name="Drifted", message=report["reason"])
    if report["outcome"] == Outcome.INCONCLUSIVE:
        return Completed(name="Inconclusive", message=report["reason"])
    return report


@flow(name="parity", flow_run_name=_run_name)
def parity_due(surface: str) -> dict[str, Any] | State:
    """Parity when its time has come: skipped where nothing was served, failed where it did not hold.

    Raises:
        Held: too few answers were the same when computed again, or there were too few to say.
    """
    ensure_as_deployed(parity_due, surface)
    try:
        measured = parity.fn(surface)
    except NothingServed as error:
        return Completed(name="Skipped", message=str(error))
    if measured["outcome"] != Outcome.PASS:
        raise Held(f"{surface}: {measured['reason']}")
    return measured


@flow(name="canary", flow_run_name=_run_name)
def canary_due(surface: str) -> dict[str, Any] | State:
    """The canary's judge when its time has come: skipped, and Prefect says why, where none runs."""
    ensure_as_deployed(canary_due, surface)
    try:
        return canary.fn(surface)
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


FLOWS = (lifecycle_due, monitor_due, parity_due, canary_due)
