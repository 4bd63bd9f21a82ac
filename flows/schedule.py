"""A surface's own times: its flows as Prefect deployments that one process serves."""

import warnings
from typing import Any

from prefect import State, flow
from prefect.states import Completed

from flows.canary import canary
from flows.lifecycle import lifecycle
from flows.monitor import monitor
from flows.parity import parity
from sluice.errors import Held, NothingServed, NothingToWatch
from sluice.store.records import Outcome
from sluice.surface import Surface


@flow(name="monitor", flow_run_name="{surface}")
def monitor_due(surface: str, home: str) -> dict[str, Any] | State:
    """The monitor when its time has come: skipped, and Prefect says why, where nothing is to be watched.

    A surface has no champion before its first promotion, and a new one nothing before the window yet.
    Whoever asks for the monitor by hand gets that as an error; a schedule must not cry wolf.
    """
    try:
        return monitor.fn(surface, None, home)
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


@flow(name="canary", flow_run_name="{surface}")
def canary_due(surface: str, home: str) -> dict[str, Any] | State:
    """The canary's judge when its time has come: skipped, and Prefect says why, where none runs."""
    try:
        return canary.fn(surface, None, home)
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


@flow(name="parity", flow_run_name="{surface}")
def parity_due(surface: str, home: str) -> dict[str, Any] | State:
    """Parity when its time has come: skipped where nothing was served, failed where it did not hold.

    Raises:
        Held: too few answers were the same when computed again, or there were too few to say.
    """
    try:
        measured = parity.fn(surface, None, None, home)
    except NothingServed as error:
        return Completed(name="Skipped", message=str(error))
    if measured["outcome"] != Outcome.PASS:
        raise Held(f"{surface}: {measured['reason']}")
    return measured


FLOWS = (lifecycle, monitor_due, parity_due, canary_due)


def deployments(surface: Surface, home: str) -> dict[str, dict[str, Any]]:
    """What Prefect is told of each flow: when, with which parameters, and never twice at a time."""
    times = surface.schedule
    crons = {
        "lifecycle": times.cron,
        "monitor": times.monitor,
        "parity": times.parity,
        "canary": times.canary,
    }
    return {
        flow: {
            "name": surface.name,
            "cron": cron,
            "parameters": {"surface": surface.name, "home": home},
            "concurrency_limit": 1,
            "description": f"The {flow} of {surface.name}, owned by {surface.owner}.",
            "tags": ["sluice", surface.name],
        }
        for flow, cron in crons.items()
    }


def serve_schedule(surface: Surface, home: str) -> None:
    """Run lifecycle, monitor, parity and the canary's judge whenever their times come, until stopped.

    Each run is a process of its own; one that overlaps the last of its kind waits for it, and
    neither monitor nor parity waits for a lifecycle, which may take hours.
    """
    from prefect import serve
    from prefect.schedules import Cron

    served = []
    for each in FLOWS:
        declared = deployments(surface, home)[each.name]
        schedule = Cron(declared.pop("cron"), timezone=surface.schedule.timezone)
        served.append(each.to_deployment(**declared, schedules=[schedule]))
    with warnings.catch_warnings():
        # Prefect 3.8 does not await its own stop on SIGTERM; the process ends all the same.
        warnings.filterwarnings(
            "ignore", r"coroutine 'Runner\.astop' was never awaited", RuntimeWarning
        )
        serve(*served, limit=len(served), name=surface.name, print_starting_message=False)
