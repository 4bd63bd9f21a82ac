"""The lifecycle: validate, retrain, package and submit to review; promote what is approved by then."""

from datetime import datetime
from typing import Any

from prefect import flow

from flows.package import package
from flows.promote import promote
from flows.retrain import retrain
from flows.validate import validate
from flows.workplace import now, open_workplace
from registry.moves import position_of, version_of
from registry.review import approve
from sluice.store.records import State

SERVED = frozenset(
    {State.CHAMPION_PROVISIONAL, State.CHAMPION, State.RETIRED, State.ROLLED_BACK}
)
"""States of a version that has been champion: a rerun leaves it where it is."""


@flow(name="lifecycle", flow_run_name="{surface}")
def lifecycle(
    surface: str,
    until: datetime | None = None,
    approve_as: str | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    """Take the log up to `until` as far as the gates and the reviewers let it.

    Args:
        surface: which one.
        until: end of the window that is learned from and judged; the log's end where not given.
        approve_as: approve in this reviewer's name, as a demonstration does; nobody where not given.
        home: of the installation, where the environment does not say.
    """
    validated = validate(surface, until, home)
    retrained = retrain(surface, validated["snapshot"], home)
    found: dict[str, Any] = {"validate": validated, "retrain": retrained}
    if retrained["state"] == State.BLOCKED:
        return found
    number = retrained["version"]
    found["package"] = package(surface, number, home)
    if found["package"]["state"] == State.BLOCKED:
        return found
    if approve_as is not None:
        approve_for(surface, number, approve_as, home)
    if standing(surface, number, home) in {State.APPROVED, *SERVED}:
        found["promote"] = promote(surface, number, home)
    return found


def standing(surface: str, number: int, home: str | None) -> State:
    """Where the version stands now."""
    store = open_workplace(surface, home).store
    return position_of(store, version_of(store, surface, number)).state


def approve_for(surface: str, number: int, reviewer: str, home: str | None) -> None:
    """Approve the packaged release in a reviewer's name, by the rules that hold for every review."""
    workplace = open_workplace(surface, home)
    version = version_of(workplace.store, surface, number)
    position = position_of(workplace.store, version)
    approve(
        workplace.store,
        version,
        reviewer=reviewer,
        reviewers=workplace.surface.review.reviewers,
        approvers=workplace.surface.at_least.approvers,
        release=position.release or "",
        reason="demonstration",
        at=now(),
    )
