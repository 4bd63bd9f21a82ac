"""What a person asks of a state, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.errors import DataError, StaleState
from sluice.features.declaration.plan import Plan
from sluice.features.state.late import moment
from sluice.features.state.unknown import Unknown


@dataclass(frozen=True)
class Request:
    """One person asks for a ranking of these candidates, now."""

    user_id: str
    item_ids: tuple[str, ...]
    ts: int
    """µs since the epoch, UTC."""
    context: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    """Values of `context_*` features, one for all candidates or one each; absent ones are NaN."""


@dataclass(frozen=True)
class Answer:
    """The features of one request, and how much of it was unknown."""

    features: NDArray[np.float32]
    """[candidates, features]."""
    unknown: Unknown
    items: NDArray[np.int32]
    """[candidates]; codes of the state as it is now, UNKNOWN where it never met one."""


def fill_context(request: Request, plan: Plan, out: NDArray[np.float32]) -> None:
    """Write a request's context values into their columns of `out`, [candidates, features].

    Raises:
        DataError: a value is given per candidate, but not for each.
    """
    for column, name in enumerate(plan.context, plan.context_column):
        value = np.asarray(request.context.get(name, np.nan), np.float32)
        if value.ndim and len(value) != len(out):
            raise DataError(f"{name}: {len(value)} values for {len(out)} candidates")
        out[:, column] = value


def refuse_passed(ts: int, clock: int) -> None:
    """Refuse a request at or before the clock of a state, µs: its past is no longer known.

    Raises:
        StaleState: it is.
    """
    if ts <= clock:
        raise StaleState(
            f"request at {moment(ts)}: this state has counted events up to "
            f"{moment(clock)}; ask for a later time"
        )


def refuse_stale(ts: int, clock: int, fresh: str | None) -> None:
    """Refuse a request longer after the clock of a state, µs, than is declared to be fresh.

    Raises:
        StaleState: it is.
    """
    if fresh is not None and ts - microseconds(fresh) > clock:
        raise StaleState(
            f"request at {moment(ts)}: the newest event this state knows of is of "
            f"{moment(clock)}, longer ago than features.fresh = {fresh}; push what happened since"
        )
