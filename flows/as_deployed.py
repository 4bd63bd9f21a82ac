"""Whether Prefect still says of a deployment what this installation told it, before a run of it begins.

Prefect keeps in rows of its database what a run executes and with what, and its API rewrites them.
Our worker runs the flows of this installation alone, whatever an entrypoint says; a row that somebody
changed is refused all the same, for nobody changes one by accident.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.runtime import deployment, flow_run

from sluice.errors import Refused

SURFACE = "surface"
"""The one parameter of a flow that is deployed."""


@dataclass(frozen=True)
class Deployed:
    """What Prefect says of a deployment and of one run of it."""

    name: str
    entrypoint: str | None
    pull_steps: tuple[Mapping[str, Any], ...]
    storage: UUID | None
    job_variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    run_parameters: Mapping[str, Any]
    run_variables: Mapping[str, Any]


def entrypoint(flow: Flow[..., Any]) -> str:
    """How Prefect names the flow: a module of the installation, and a function in it."""
    return f"{flow.fn.__module__}.{flow.fn.__name__}"


def ensure_as_deployed(flow: Flow[..., Any], surface: str) -> None:
    """Refuse a run whose deployment is not as `sluice.flows.schedule` made it; one by hand has none.

    Raises:
        Refused: code, steps, variables or parameters are others.
    """
    if deployment.id is None:
        return
    wrong = ", ".join(changes(_read(), entrypoint(flow), surface))
    if wrong:
        raise Refused(
            f"Cannot run {flow.name} of {surface} because its deployment was changed in Prefect: "
            f"{wrong}; find out who did that, and run `sluice deploy`, which writes it as declared"
        )


def changes(row: Deployed, code: str, surface: str) -> Iterator[str]:
    """What is not as it was deployed, by name; a value that somebody put in is never repeated."""
    own = {SURFACE: row.name}
    if row.entrypoint != code:
        yield f"the entrypoint is not {code}"
    if row.pull_steps:
        yield "it has pull steps"
    if row.storage is not None:
        yield "it names a storage"
    if row.job_variables or row.run_variables:
        yield "it sets variables of the process"
    if row.parameters != own:
        yield f"its parameters are not {SURFACE}={row.name}"
    if row.run_parameters != own or surface != row.name:
        yield f"the run's parameters are not {SURFACE}={row.name}"


def _read() -> Deployed:
    with get_client(sync_client=True) as client:
        row = client.read_deployment(UUID(str(deployment.id)))
        run = client.read_flow_run(UUID(str(flow_run.id)))
    return Deployed(
        name=row.name,
        entrypoint=row.entrypoint,
        pull_steps=tuple(row.pull_steps or ()),
        storage=row.storage_document_id,
        job_variables=row.job_variables,
        parameters=row.parameters,
        run_parameters=run.parameters,
        run_variables=run.job_variables or {},
    )
