"""The lifecycle: validate, retrain, package and submit to review; promote what is approved by then.

The champion that was promoted before is confirmed first, where it has baked.
"""

from datetime import datetime
from typing import Any

from prefect import flow

from sluice.errors import TooLittleData
from sluice.flows.monitor import monitor
from sluice.flows.package import package
from sluice.flows.promote import promote
from sluice.flows.retrain import retrain
from sluice.flows.validate import validate
from sluice.flows.workplace import Workplace, now, open_workplace
from sluice.registry.bake import has_baked
from sluice.registry.moves import position_of, version_of
from sluice.registry.promotion import champion_of
from sluice.store.records import Outcome, State, Version

SERVED = frozenset(
    {State.CHAMPION_PROVISIONAL, State.CHAMPION, State.RETIRED, State.ROLLED_BACK}
)
"""States of a version that has been champion: a rerun leaves it where it is."""


@flow(name="lifecycle", flow_run_name="{surface}")
def lifecycle(surface: str, until: datetime | None = None) -> dict[str, Any]:
    """Take the log up to `until` as far as the gates and the reviewers let it.

    Args:
        surface: which one.
        until: end of the window that is learned from and judged; the log's end where not given.
    """
    validated = validate(surface, until)
    retrained = retrain(surface, validated["snapshot"])
    steps: dict[str, Any] = {"validate": validated, "retrain": retrained}
    if retrained["state"] == State.BLOCKED:
        return steps
    number = retrained["version"]
    steps["package"] = package(surface, number)
    if steps["package"]["state"] == State.BLOCKED:
        return steps
    return steps | decided(surface, number, until)


def decided(surface: str, number: int, until: datetime | None) -> dict[str, Any]:
    """Promote the version where it is approved by now; returns what monitor and promote said."""
    decisions: dict[str, Any] = {}
    stands = standing(surface, number)
    if stands is State.APPROVED and (watched := settled(surface, until)):
        decisions["monitor"] = watched
    if stands in {State.APPROVED, *SERVED}:
        decisions["promote"] = promote(surface, number)
    return decisions


def standing(surface: str, number: int) -> State:
    """Where the version stands now."""
    store = open_workplace(surface).store
    return position_of(store, version_of(store, surface, number)).state


def settled(surface: str, until: datetime | None) -> dict[str, Any] | None:
    """Let the monitor confirm a champion that has baked, before another takes its place.

    Confirmed, it is the last good version that a rollback goes back to. Over a bad window, or one too
    short to tell, it is not: then the last good version before it stays, and its successor is not held.

    Returns:
        What the monitor found; None where no champion waits to be confirmed.
    """
    if baked_champion(open_workplace(surface), now()) is None:
        return None
    try:
        return monitor(surface, until)
    except TooLittleData as error:
        return {
            "outcome": Outcome.INCONCLUSIVE.value,
            "reason": str(error),
            "state": State.CHAMPION_PROVISIONAL.value,
        }


def baked_champion(workplace: Workplace, at: datetime) -> Version | None:
    """The champion, where it has baked and nothing confirmed it yet."""
    store, bake = workplace.store, workplace.surface.at_least.bake_time
    champion = champion_of(store, workplace.name)
    if champion is None:
        return None
    version = version_of(store, workplace.name, champion.version)
    return version if has_baked(store, version, bake, at) else None
