"""A surface's own times: its flows as Prefect deployments that one process serves."""

import asyncio
import warnings
from contextlib import suppress
from typing import Any

from prefect import State, flow
from prefect.states import Completed

from sluice.errors import Held, NothingServed, NothingToWatch
from sluice.flows.as_deployed import SURFACE, ensure_as_deployed
from sluice.flows.canary import canary
from sluice.flows.lifecycle import lifecycle
from sluice.flows.monitor import monitor
from sluice.flows.parity import parity
from sluice.store.records import Outcome
from sluice.surface import Surface


@flow(name="lifecycle", flow_run_name="{surface}")
def lifecycle_due(surface: str) -> dict[str, Any]:
    """The lifecycle when its time has come, over the whole log."""
    ensure_as_deployed(lifecycle_due, surface)
    return lifecycle.fn(surface)


@flow(name="monitor", flow_run_name="{surface}")
def monitor_due(surface: str) -> dict[str, Any] | State:
    """The monitor when its time has come: skipped, and Prefect says why, where nothing is to be watched.

    A surface has no champion before its first promotion, and a new one nothing before the window yet.
    Whoever asks for the monitor by hand gets that as an error; a schedule must not cry wolf.
    """
    ensure_as_deployed(monitor_due, surface)
    try:
        return monitor.fn(surface)
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


@flow(name="parity", flow_run_name="{surface}")
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


@flow(name="canary", flow_run_name="{surface}")
def canary_due(surface: str) -> dict[str, Any] | State:
    """The canary's judge when its time has come: skipped, and Prefect says why, where none runs."""
    ensure_as_deployed(canary_due, surface)
    try:
        return canary.fn(surface)
    except NothingToWatch as error:
        return Completed(name="Skipped", message=str(error))


FLOWS = (lifecycle_due, monitor_due, parity_due, canary_due)


def deployments(surface: Surface) -> dict[str, dict[str, Any]]:
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
            "parameters": {SURFACE: surface.name},
            "concurrency_limit": 1,
            "description": f"The {flow} of {surface.name}, owned by {surface.owner}.",
            "tags": ["sluice", surface.name],
        }
        for flow, cron in crons.items()
    }


def serve_schedule(surface: Surface) -> None:
    """Run lifecycle, monitor, parity and the canary's judge whenever their times come, until stopped.

    Each run is a process of its own, in the home that the environment names; one that overlaps the
    last of its kind waits for it, and neither monitor nor parity waits for a lifecycle, which may
    take hours.
    """
    from prefect.exceptions import TerminationSignal
    from prefect.runner import Runner
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    runner = Runner(name=surface.name, limit=len(FLOWS))
    for column in FLOWS:
        declared = deployments(surface)[column.name]
        schedule = Cron(declared.pop("cron"), timezone=surface.schedule.timezone)
        # The runner keeps the flow and runs that, where `serve` would load what Prefect's row says.
        runner.add_flow(
            column,
            **declared,
            schedules=[schedule],
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    with warnings.catch_warnings():
        # Prefect 3.8 does not await its own stop on SIGTERM; the process ends all the same.
        warnings.filterwarnings(
            "ignore", r"coroutine 'Runner\.astop' was never awaited", RuntimeWarning
        )
        with suppress(KeyboardInterrupt, TerminationSignal):
            asyncio.run(runner.start())
