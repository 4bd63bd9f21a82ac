"""A surface's own times: its lifecycle and its monitor as Prefect deployments that one process serves."""

import warnings
from typing import Any

from flows.lifecycle import lifecycle
from flows.monitor import monitor
from sluice.surface import Surface

FLOWS = (lifecycle, monitor)


def deployments(surface: Surface, home: str) -> dict[str, dict[str, Any]]:
    """What Prefect is told of each flow: when, with which parameters, and never twice at a time."""
    crons = {"lifecycle": surface.schedule.cron, "monitor": surface.schedule.monitor}
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
    """Run the lifecycle and the monitor whenever their times come, until stopped.

    Each run is a process of its own; one that overlaps the last of its kind waits for it, and a
    monitor waits for no lifecycle, which may take hours.
    """
    from prefect import serve
    from prefect.schedules import Cron

    served = []
    for flow in FLOWS:
        declared = deployments(surface, home)[flow.name]
        schedule = Cron(declared.pop("cron"), timezone=surface.schedule.timezone)
        served.append(flow.to_deployment(**declared, schedules=[schedule]))
    with warnings.catch_warnings():
        # Prefect 3.8 does not await its own stop on SIGTERM; the process ends all the same.
        warnings.filterwarnings(
            "ignore", r"coroutine 'Runner\.astop' was never awaited", RuntimeWarning
        )
        serve(*served, limit=len(served), name=surface.name, print_starting_message=False)
