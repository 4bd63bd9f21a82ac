"""`python -m sluice.flows.due_run RUN`: one run that Prefect says is due, with this installation's code.

Of two that are due of one deployment the newer alone is run: what an older one would see, the newer one
sees too.
"""

import os
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sluice.errors import Refused

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun


def newer_due(client: "SyncPrefectClient", run: "FlowRun") -> "FlowRun | None":
    """The newest other run of the same deployment whose time has come later than this one's."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.types import DateTime

    if run.deployment_id is None or run.expected_start_time is None:
        return None
    due = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(
            after_=run.expected_start_time, before_=DateTime.now("UTC")
        ),
    )
    runs = client.read_flow_runs(
        flow_run_filter=due,
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[run.deployment_id])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=2,
    )
    return next((other for other in runs if other.id != run.id), None)


def main(run_id: UUID) -> None:
    """Run it, or say in Prefect why it is skipped.

    Raises:
        Refused: it is of no flow of ours.
    """
    from prefect.client.orchestration import get_client
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import load_flow_run, run_flow
    from prefect.states import Completed

    from sluice.flows.schedule import FLOWS

    with handle_engine_signals(run_id):
        run = load_flow_run(run_id)
        with get_client(sync_client=True) as client:
            name = client.read_flow(run.flow_id).name
            if newer := newer_due(client, run):
                due = f"{newer.expected_start_time:%Y-%m-%d %H:%M:%S}"
                state = Completed(name="Skipped", message=f"the run due at {due} is newer")
                client.set_flow_run_state(run.id, state, force=True)
                return
        flow: Flow[..., Any] | None = next(
            (flow for flow in FLOWS if flow.name == name), None
        )
        if flow is None:
            raise Refused(f"Cannot run {name} because it is no flow of this installation")
        run_flow(flow, flow_run=run)


if __name__ == "__main__":
    os.environ["PREFECT__FLOW_RUN_ID"] = sys.argv[1]
    main(UUID(sys.argv[1]))
