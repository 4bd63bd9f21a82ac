"""Asks Prefect for runs that are due, and starts each as a process.

Prefect's own process worker runs what a row of its database says: a command, an entrypoint, variables.
Whoever may write there would run anything as the user who holds the signing key. This worker reads of a
run its id alone; which code that is, `sluice.flows.due_run` knows.
"""

import asyncio
import os
import signal
import subprocess
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import InfrastructureNotFound, TerminationSignal
from prefect.workers.base import BaseJobConfiguration, BaseWorker, BaseWorkerResult

from sluice.child import child_command
from sluice.environment import allowed
from sluice.flows.deployments import POOL, TYPE, deploy
from sluice.flows.prefect_api import API_URL, AUTH
from sluice.settings import load_settings
from sluice.surface import Surface

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

AT_A_TIME = 4
"""Runs of all surfaces; of one deployment there is one at a time."""

_STOP_SECONDS = 30
_POLL_SECONDS = 1.0
_UNHEARD = timedelta(seconds=90)
"""A run that was taken so long ago and has no process is nobody's."""


class OwnWorker(BaseWorker[BaseJobConfiguration, Any, BaseWorkerResult]):
    """Starts `sluice.flows.due_run` for each run that is due."""

    type = TYPE
    job_configuration = BaseJobConfiguration
    _display_name = "Sluice"
    _description = "Runs the flows of a Sluice installation, and nothing else."

    async def run(
        self,
        flow_run: "FlowRun",
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> BaseWorkerResult:
        """Run one to its end; of `configuration`, which Prefect's rows decide, nothing is used."""
        del configuration
        process = subprocess.Popen(
            child_command("sluice.flows.due_run", str(flow_run.id)),
            env=run_environment(os.environ),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if task_status is not None:
            task_status.started(process.pid)
        while (code := process.poll()) is None:
            await anyio.sleep(_POLL_SECONDS)
        return BaseWorkerResult(status_code=code, identifier=str(process.pid))

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: BaseJobConfiguration,
        grace_seconds: int = _STOP_SECONDS,
    ) -> None:
        """End the run that somebody cancelled in Prefect's pages.

        Raises:
            InfrastructureNotFound: it has no process any more.
        """
        del configuration
        if not is_due_run(int(infrastructure_pid)):
            raise InfrastructureNotFound(f"no run has process {infrastructure_pid}")
        session = int(infrastructure_pid)
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGTERM)
            for _ in range(int(grace_seconds / _POLL_SECONDS)):
                os.killpg(session, 0)
                await anyio.sleep(_POLL_SECONDS)
            os.killpg(session, signal.SIGKILL)

    async def _initialize_after_sync(self) -> None:
        """With every heartbeat: what has no process and did not say how it ended has crashed."""
        await super()._initialize_after_sync()
        await self.mark_crashed()

    async def mark_crashed(self) -> None:
        """Say of each run of this pool whose process is gone that it crashed, which frees its place."""
        under_way = FlowRunFilter(
            state=FlowRunFilterState(
                type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])
            )
        )
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        for run in await self.client.read_flow_runs(
            flow_run_filter=under_way, work_pool_filter=pool
        ):
            if run.id not in self._submitting_flow_run_ids and _is_lost(run):
                await self._propose_crashed_state(run, "Its process is gone.")


def _is_lost(run: "FlowRun") -> bool:
    if run.infrastructure_pid:
        return not is_due_run(int(run.infrastructure_pid), run.id)
    state = run.state
    return state is not None and datetime.now(UTC) - state.timestamp > _UNHEARD


def run_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a run starts with: what is allowed, the tools' variables, and the way to Prefect."""
    tools = load_settings(environ).environment()
    prefect = {name: environ[name] for name in (API_URL, AUTH) if name in environ}
    return {**allowed(environ), **tools, **prefect}


def is_due_run(pid: int, run: UUID | None = None) -> bool:
    """Whether the process is one of a run that is due, of that run where it is named."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"sluice.flows.due_run" in words and (run is None or str(run).encode() in words)


def work() -> None:
    """Take runs until stopped; Prefect read its address and the credential when it was imported."""
    worker = OwnWorker(work_pool_name=POOL, name=POOL, limit=AT_A_TIME, prefetch_seconds=1,
                       heartbeat_interval_seconds=30)  # fmt: skip
    signal.signal(signal.SIGTERM, _stop)
    with warnings.catch_warnings(), suppress(KeyboardInterrupt, TerminationSignal):
        warnings.simplefilter("ignore", RuntimeWarning)
        asyncio.run(worker.start(printer=lambda *_: None))


def serve_surface(surface: Surface) -> None:
    """Deploy one surface's flows and take their runs until stopped."""
    deploy([surface], check=False, of=surface.name)
    work()


def _stop(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
