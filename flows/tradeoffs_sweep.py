"""Every mechanism at every strength of its grid, over the same requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from sluice.flows.reporting import step
from sluice.mechanisms.floors import fit_floors
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.spec import (
    Ads,
    Calibration,
    Dpp,
    MechanismSpec,
    Mmr,
    ProviderFloors,
    Spacing,
    arrange,
    needed,
)
from sluice.mechanisms.stakeholders import Judged

BY_SCORE = "score"
"""Name of the order that all others are compared with."""


@dataclass(frozen=True)
class Point:
    """One order of all requests: a mechanism at one strength, the others as declared."""

    mechanism: str
    parameter: str | None
    value: float | None
    chain: tuple[MechanismSpec, ...]
    declared: bool = False


def points(declared: Sequence[MechanismSpec], *, alone: bool) -> list[Point]:
    """The order by score, the declared one, and every mechanism at each strength of its grid.

    Args:
        declared: what the surface declares, or what is tried instead.
        alone: each mechanism by itself, and not with the others beside it.
    """
    swept = [Point(BY_SCORE, None, None, ())]
    if declared and not alone:
        swept.append(Point("declared", None, None, tuple(declared), declared=True))
    for nth, events in enumerate(declared):
        settings = {*events.grid} if alone else {*events.grid, events.setting}
        for value in sorted(settings):
            chain = [*declared]
            chain[nth] = events.at(value)
            kept = (chain[nth],) if alone else tuple(chain)
            swept.append(Point(_named(events), events.swept, value, kept))
    return swept


def every_mechanism() -> tuple[MechanismSpec, ...]:
    """One of each kind as it is usually declared; by category too, for a log without embeddings."""
    return (
        ProviderFloors(kind="provider_floors"),
        Mmr(kind="mmr"),
        Mmr(kind="mmr", of="category"),
        Dpp(kind="dpp"),
        Dpp(kind="dpp", of="category"),
        Spacing(kind="spacing"),
        Calibration(kind="calibration"),
        Ads(kind="ads"),
    )


def suited(
    wanted: Sequence[MechanismSpec], slates: Slates
) -> tuple[tuple[MechanismSpec, ...], dict[str, str]]:
    """Those of the mechanisms that the log has the columns for, and why the others are left out."""
    missing = [_missing(spec, slates) for spec in wanted]
    kept = tuple(spec for spec, why in zip(wanted, missing, strict=True) if not why)
    named = zip(map(_named, wanted), missing, strict=True)
    return kept, {name: why for name, why in named if why}


def sweep(judged: Judged, tried: Sequence[Point]) -> list[NDArray[np.int64]]:
    """The order that each point gives, [rows] each: all requests' rows from their top slots down."""
    with step("provider floors"):
        prices = _cross_fitted(judged.slates, tried)
    orders = []
    for mechanism, group in groupby(tried, key=lambda point: point.mechanism):
        with step(mechanism):
            orders += [_ordered(judged.slates, point, prices) for point in group]
    return orders


def floor_of(chain: Sequence[MechanismSpec]) -> float | None:
    """The floor among these mechanisms; None where there is none."""
    floors = [spec.floor for spec in chain if isinstance(spec, ProviderFloors)]
    return floors[0] if floors else None


def _named(mechanism_spec: MechanismSpec) -> str:
    """Its kind, and what it goes by where that is not its default."""
    of = getattr(mechanism_spec, "of", None)
    usual = type(mechanism_spec).model_fields["of"].default if of else None
    return mechanism_spec.kind if of == usual else f"{mechanism_spec.kind} of {of}"


def _missing(mechanism_spec: MechanismSpec, slates: Slates) -> str:
    columns = {"interest": "interests"}
    lacking = [
        name
        for name in sorted(needed([mechanism_spec]))
        if getattr(slates, columns.get(name, name)) is None
    ]
    return f"the log has no {' and no '.join(lacking)}" if lacking else ""


def _cross_fitted(
    slates: Slates, tried: Sequence[Point]
) -> dict[float, tuple[dict[str, float], dict[str, float]]]:
    """Prices of each floor for the earlier and the later half, each fitted on the other one.

    So floors are judged on requests that their prices have not seen, and all requests are judged.
    """
    middle = slates.requests // 2
    halves = slates.take(0, middle), slates.take(middle, slates.requests)
    floors = {floor for point in tried if (floor := floor_of(point.chain)) is not None}
    cross_fitted = {}
    for floor in sorted(floors):
        early, late = (dict(fit_floors(half, floor).prices) for half in halves)
        cross_fitted[floor] = (late, early)
    return cross_fitted


def _ordered(
    slates: Slates,
    point: Point,
    prices: dict[float, tuple[dict[str, float], dict[str, float]]],
) -> NDArray[np.int64]:
    if not point.chain:
        return slates.by_score()
    floor = floor_of(point.chain)
    early, late = (None, None) if floor is None else prices[floor]
    middle = slates.requests // 2
    return np.concatenate(
        [
            arrange(slate, point.chain, early if nth < middle else late)
            + slates.offsets[nth]
            for nth, slate in enumerate(slates)
        ]
    )
