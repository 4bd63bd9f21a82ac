"""The lifecycle on the surface's own schedule, as a Prefect deployment that this process serves."""

import warnings
from typing import Any

from flows.lifecycle import lifecycle
from sluice.surface import Surface


def deployment(surface: Surface, home: str) -> dict[str, Any]:
    """What Prefect is told: when, with which parameters, and that one run at a time is enough."""
    return {
        "name": surface.name,
        "cron": surface.schedule.cron,
        "parameters": {"surface": surface.name, "home": home},
        "limit": 1,
        "description": f"The lifecycle of {surface.name}, owned by {surface.owner}.",
        "tags": ["sluice", surface.name],
    }


def serve_schedule(surface: Surface, home: str) -> None:
    """Run the lifecycle whenever its time comes, until stopped.

    Each run is a process of its own; one that overlaps the last waits for it.
    """
    from prefect.schedules import Cron

    declared = deployment(surface, home)
    schedule = Cron(declared.pop("cron"), timezone=surface.schedule.timezone)
    with warnings.catch_warnings():
        # Prefect 3.8 does not await its own stop on SIGTERM; the process ends all the same.
        warnings.filterwarnings(
            "ignore", r"coroutine 'Runner\.astop' was never awaited", RuntimeWarning
        )
        lifecycle.serve(**declared, schedules=[schedule], print_starting_message=False)
