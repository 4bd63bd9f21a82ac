"""The Prefect deployments of every surface: what is declared, what Prefect holds, and what to change.

A pause that somebody made in Prefect's pages is kept: only what the surface's file declares is written.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sluice.flows.as_deployed import SURFACE
from sluice.surface import Surface

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

POOL = "sluice"
"""The work pool that this installation's worker asks for runs."""
TYPE = "sluice"
"""Of the pool and of the one worker that serves it."""
JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"name": "{{ name }}"},
    "variables": {
        "type": "object",
        "properties": {"name": {"type": "string", "default": "run"}},
    },
}
"""Nothing of a run is configured in Prefect, which insists on something."""
TAG = "sluice"
CODE = "sluice.flows.schedule"
"""Module of the flows that are deployed, each `<name>_due`."""
FLOWS = ("lifecycle", "monitor", "parity", "canary")
_MOST_ROWS = 200


class Change(StrEnum):
    """What happens to a deployment."""

    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True)
class Deployment:
    """One flow of one surface, and when it runs."""

    flow: str
    surface: str
    cron: str
    timezone: str
    description: str

    @property
    def entrypoint(self) -> str:
        """How Prefect names the flow: a module of the installation, and a function in it."""
        return f"{CODE}.{self.flow}_due"

    @property
    def parameters(self) -> dict[str, str]:
        """Of its runs; neither a home nor who acts is ever one."""
        return {SURFACE: self.surface}

    @property
    def name(self) -> str:
        """As Prefect's pages show it."""
        return f"{self.flow}/{self.surface}"


@dataclass(frozen=True)
class Row:
    """A deployment as Prefect holds it, with what decides about the code of its runs."""

    id: UUID
    deployment: Deployment
    entrypoint: str | None
    pool: str | None
    parameters: Mapping[str, Any]
    at_a_time: int | None
    strange: bool
    """It has pull steps, a storage or variables of the process, which none of ours has."""
    active: bool
    """Whether its schedule is on; people turn it off in Prefect's pages."""

    def is_as(self, declared: Deployment) -> bool:
        """Whether nothing has to be written."""
        return (
            self.deployment == declared
            and self.entrypoint == declared.entrypoint
            and self.pool == POOL
            and dict(self.parameters) == declared.parameters
            and self.at_a_time == 1
            and not self.strange
        )


@dataclass(frozen=True)
class Planned:
    """A change to one deployment."""

    change: Change
    name: str
    declared: Deployment | None
    held: Row | None


def deployments(surface: Surface) -> tuple[Deployment, ...]:
    """What the surface's file declares."""
    times = surface.schedule
    crons = {
        "lifecycle": times.cron,
        "monitor": times.monitor,
        "parity": times.parity,
        "canary": times.canary,
    }
    return tuple(
        Deployment(
            flow,
            surface.name,
            crons[flow],
            times.timezone,
            f"The {flow} of {surface.name}, owned by {surface.owner}.",
        )
        for flow in FLOWS
    )


def plan(declared: Iterable[Deployment], held: Iterable[Row]) -> tuple[Planned, ...]:
    """The way from what Prefect holds to what is declared, by name."""
    wanted = {deployment.name: deployment for deployment in declared}
    there = {row.deployment.name: row for row in held}
    return tuple(
        Planned(
            _change(wanted.get(name), there.get(name)),
            name,
            wanted.get(name),
            there.get(name),
        )
        for name in sorted(wanted.keys() | there.keys())
    )


def _change(declared: Deployment | None, held: Row | None) -> Change:
    if declared is None:
        return Change.REMOVED
    if held is None:
        return Change.NEW
    return Change.SAME if held.is_as(declared) else Change.CHANGED


def deploy(
    surfaces: Iterable[Surface], *, check: bool, of: str | None = None
) -> tuple[Planned, ...]:
    """Bring Prefect to what the surfaces declare.

    Args:
        surfaces: all of them; deployments of others are removed.
        check: only say what that would take.
        of: name of the one surface whose deployments are looked at; of every surface where None.
    """
    from prefect.client.orchestration import get_client

    declared = [deployment for surface in surfaces for deployment in deployments(surface)]
    with get_client(sync_client=True) as client:
        held = [row for row in held_by(client) if of in {None, row.deployment.surface}]
        planned = plan(declared, held)
        if not check:
            ensure_pool(client)
            for change in planned:
                carry_out(client, change)
    return planned


def ensure_pool(client: "SyncPrefectClient") -> None:
    """Make the work pool where there is none; its type is our worker's, which nobody else's serves."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=POOL,
            type=TYPE,
            description="Runs of this installation's own flows.",
            base_job_template=JOB_TEMPLATE,
        )
        client.create_work_pool(pool)


def held_by(client: "SyncPrefectClient") -> tuple[Row, ...]:
    """The deployments of ours that Prefect holds."""
    return tuple(
        _row(client.read_flow(response.flow_id).name, response)
        for response in _responses(client)
    )


def _responses(client: "SyncPrefectClient") -> Iterator["DeploymentResponse"]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    offset = 0
    while page := client.read_deployments(
        deployment_filter=ours, limit=_MOST_ROWS, offset=offset
    ):
        yield from page
        offset += len(page)


def _row(flow: str, response: "DeploymentResponse") -> Row:
    schedule = response.schedules[0] if response.schedules else None
    declared = Deployment(
        flow,
        response.name,
        str(getattr(schedule.schedule, "cron", "")) if schedule else "",
        str(getattr(schedule.schedule, "timezone", "")) if schedule else "",
        response.description or "",
    )
    limit = response.global_concurrency_limit
    return Row(
        id=response.id,
        deployment=declared,
        entrypoint=response.entrypoint,
        pool=response.work_pool_name,
        parameters=response.parameters,
        at_a_time=limit.limit if limit else None,
        strange=bool(
            response.pull_steps or response.storage_document_id or response.job_variables
        )
        or len(response.schedules) != 1,
        active=schedule.active if schedule else True,
    )


def carry_out(client: "SyncPrefectClient", planned: Planned) -> None:
    """Make the change in Prefect."""
    if planned.change is Change.REMOVED and planned.held:
        client.delete_deployment(planned.held.id)
    elif planned.change is Change.NEW and planned.declared:
        _create(client, planned.declared)
    elif planned.change is Change.CHANGED and planned.declared and planned.held:
        _rewrite(client, planned.held, planned.declared)


def _create(client: "SyncPrefectClient", declared: Deployment) -> None:
    client.create_deployment(
        flow_id=client.create_flow_from_name(declared.flow),
        name=declared.surface,
        schedules=[_schedule(declared, active=True)],
        concurrency_limit=1,
        parameters=declared.parameters,
        description=declared.description,
        tags=[TAG, declared.surface],
        work_pool_name=POOL,
        entrypoint=declared.entrypoint,
        parameter_openapi_schema=_parameters(),
        enforce_parameter_schema=True,
    )


def _rewrite(client: "SyncPrefectClient", held: Row, declared: Deployment) -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    client.update_deployment(
        held.id,
        DeploymentUpdate(
            schedules=[_schedule(declared, active=held.active)],
            concurrency_limit=1,
            parameters=declared.parameters,
            description=declared.description,
            tags=[TAG, declared.surface],
            work_pool_name=POOL,
            entrypoint=declared.entrypoint,
            pull_steps=[],
            job_variables={},
            storage_document_id=None,
        ),
    )


def _schedule(declared: Deployment, *, active: bool) -> Any:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    cron = CronSchedule(cron=declared.cron, timezone=declared.timezone)
    return DeploymentScheduleCreate(schedule=cron, active=active)


def _parameters() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {SURFACE: {"type": "string", "title": SURFACE}},
        "required": [SURFACE],
    }
