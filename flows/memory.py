"""The memory of finished steps, which makes a rerun after a crash a no-op up to where it died.

Prefect schedules and shows; it is never asked what has been done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sluice.data.digest import json_digest
from sluice.errors import IntegrityError
from sluice.flows.workplace import Workplace, now
from sluice.store.records import Document, MetricPoint, Step


@dataclass(frozen=True)
class StepName:
    """One step of one flow over one snapshot, with all that its result depends on."""

    flow: str
    step: str
    snapshot: str
    depends_on: tuple[str, ...]
    """Digests of code, declaration and earlier results."""


def step_key(workplace: Workplace, name: StepName) -> str:
    """Key of the step's record in the store."""
    parts = [name.flow, name.step, workplace.name, name.snapshot, *name.depends_on]
    return json_digest(parts)


def remembered(
    workplace: Workplace, name: StepName, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The outcome that the store holds for this step, or else a computed one, kept from now on."""
    key = step_key(workplace, name)
    done = workplace.store.get(Step, key_digest=key)
    if done is not None:
        return done.outcome
    began = perf_counter()
    outcome = compute()
    step = Step(
        key, name.flow, name.step, workplace.name, name.snapshot, outcome,
        perf_counter() - began, now(),
    )  # fmt: skip
    return workplace.store.put(step).outcome


def kept(workplace: Workplace, kind: str, body: dict[str, Any]) -> str:
    """Store a content-addressed document and return its digest."""
    digest = json_digest(body)
    workplace.store.put(Document(digest, kind, body, now()))
    return digest


def put_once(workplace: Workplace, point: MetricPoint) -> None:
    """Keep a point; a window that is measured again, after more of it came, keeps that of the first time."""
    key = {name: getattr(point, name) for name in MetricPoint.key}
    if workplace.store.get(MetricPoint, **key) is None:
        workplace.store.put(point)


def document(workplace: Workplace, digest: str) -> dict[str, Any]:
    """Body of a stored document.

    Raises:
        IntegrityError: there is none, though something in the store names it.
    """
    document = workplace.store.get(Document, digest=digest)
    if document is None:
        raise IntegrityError(f"document {digest} is named in the store but not there")
    return document.body
