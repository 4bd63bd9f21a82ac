"""Trade-offs of a surface: what each mechanism gives to one party and takes from another, replayed.

The newest version's ranker scores the requests that it was judged on; every mechanism then orders
them at every strength of a grid, and each order is compared with the one by score alone.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.atomic import write_atomically
from sluice.data.snapshot import open_snapshot
from sluice.data.split import time_split
from sluice.errors import NotFound, TooLittleData
from sluice.features.state.replay import replay
from sluice.flows.candidates import candidate_folder
from sluice.flows.logged_slates import TOLD, ages, logged_slates, without_the_unknown
from sluice.flows.reporting import step
from sluice.flows.tradeoffs_picture import draw
from sluice.flows.tradeoffs_sweep import (
    Point,
    every_mechanism,
    floor_of,
    points,
    suited,
    sweep,
)
from sluice.flows.trial import load_incumbent, micros
from sluice.flows.workplace import Workplace
from sluice.mechanisms.pareto import pareto_optimal
from sluice.mechanisms.provider_exposure import spread
from sluice.mechanisms.spec import ProviderFloors
from sluice.mechanisms.stakeholders import MEASURES, Judged, Measure
from sluice.metrics import Evaluation, compare
from sluice.registry.moves import version_of
from sluice.store.records import Version

CONFIDENCE = 0.95
RESAMPLES = 1000
USUAL_FLOOR = ProviderFloors(kind="provider_floors").floor
"""Under which providers are counted where the surface declares none."""
_SEED = 20_260_108
_TOTALS = ("provider_gini", "under_floor")
"""Figures of all requests together, in the order of `spread`."""


def newest(workplace: Workplace, number: int | None = None) -> Version:
    """The version of that number, or the newest.

    Raises:
        NotFound: there is none.
    """
    if number is not None:
        return version_of(workplace.store, workplace.name, number)
    versions = workplace.store.find(Version, surface=workplace.name)
    if not versions:
        raise NotFound(
            f"{workplace.name} has no version yet; run `sluice run retrain {workplace.name}` first"
        )
    return max(versions, key=lambda version: version.number)


def replayed(workplace: Workplace, version: Version) -> Judged:
    """The judged requests of a version's snapshot, scored by its ranker.

    Raises:
        TooLittleData: there is none.
    """
    folder = candidate_folder(workplace.settings.models, version.model)
    model = load_incumbent(folder, version.number, "")
    snapshot = open_snapshot(workplace.settings.snapshots, version.snapshot)
    tables, data = snapshot.read(), workplace.surface.data
    with step("features"):
        whole = replay(model.features.spec, data.label, tables).frame
    end = micros(time_split(snapshot.window, data.judged_share).fit_end)
    frame = whole.split_at(end)[1]
    if not frame.requests:
        raise TooLittleData(
            f"{workplace.name} {version.number} has no judged request in its snapshot"
        )
    with step("scores"):
        scores = model.ranker.score(frame.features, frame.offsets)
    with step("columns"):
        slates = logged_slates(frame, tables, scores, model.features.spec, TOLD)
        described = replace(without_the_unknown(slates), ages=ages(frame, tables.items))
        return Judged(described, frame)


def table(
    judged: Judged,
    tried: Sequence[Point],
    orders: Sequence[NDArray[np.int64]],
    floor: float,
) -> list[dict[str, Any]]:
    """A row a point: every measure, its difference to the order by score, and the interval of that."""
    requests = judged.slates.requests
    with step("intervals"):
        results = [Evaluation(judged.measures(order), requests, 0) for order in orders]
        rows = [
            {
                "mechanism": point.mechanism,
                "parameter": point.parameter,
                "value": point.value,
                "declared": point.declared,
                "measures": {
                    name: _compared(result, results[0], judged, name)
                    for name in result.names
                    if not np.isnan(result.vector(name)).all()
                },
            }
            for point, result in zip(tried, results, strict=True)
        ]
        if judged.slates.providers is not None:
            _add_totals(rows, judged, orders, floor)
    _mark_front(rows)
    return rows


def measured(rows: Sequence[dict[str, Any]]) -> tuple[Measure, ...]:
    """The measures that the table has, in its order."""
    return tuple(column for column in MEASURES if column.name in rows[0]["measures"])


def tradeoffs(
    workplace: Workplace, number: int | None = None, *, everything: bool = False
) -> dict[str, Any]:
    """Replay, sweep and compare; the whole finding as a JSON document.

    Args:
        workplace: the installation and the surface.
        number: of the version; the newest where None.
        everything: try every mechanism alone, and not only those that are declared.
    """
    version = newest(workplace, number)
    judged = replayed(workplace, version)
    declared = workplace.surface.mechanisms
    alone = everything or not declared
    kept, left_out = suited(every_mechanism() if alone else declared, judged.slates)
    tried = points(kept, alone=alone)
    floor = floor_of(declared) or USUAL_FLOOR
    rows = table(judged, tried, sweep(judged, tried), floor)
    return {
        "surface": workplace.name,
        "version": version.number,
        "snapshot": version.snapshot,
        "requests": judged.slates.requests,
        "users": len(np.unique(judged.frame.users)),
        "candidates": judged.slates.rows,
        "reference": "by score",
        "confidence": CONFIDENCE,
        "floor": floor,
        "left_out": left_out,
        "measures": {
            column.name: {
                "party": column.party, "better": column.better, "meaning": column.meaning,
                "headline": column.headline,
            }
            for column in measured(rows)
        },
        "points": rows,
    }  # fmt: skip


def keep(workplace: Workplace, document: dict[str, Any]) -> dict[str, str]:
    """Write the picture, and the figures beside it; returns both paths."""
    folder = workplace.settings.evidence / workplace.name
    stem = f"tradeoffs-{document['version']}"
    picture, figures = folder / f"{stem}.png", folder / f"{stem}.json"
    with step("picture"):
        write_atomically(picture, draw(document))
        write_atomically(figures, json.dumps(document, indent=2, allow_nan=False).encode())
    return {"picture": str(picture), "figures": str(figures)}


def _compared(
    result: Evaluation, reference: Evaluation, judged: Judged, name: str
) -> dict[str, float]:
    compared = compare(
        result, reference, judged.frame.users, name,
        confidence=CONFIDENCE, resamples=RESAMPLES, rng=np.random.default_rng(_SEED),
    )  # fmt: skip
    return {
        "value": compared.candidate, "difference": compared.difference, "low": compared.low,
        "high": compared.high,
    }  # fmt: skip


def _add_totals(
    rows: Sequence[dict[str, Any]],
    judged: Judged,
    orders: Sequence[NDArray[np.int64]],
    floor: float,
) -> None:
    add_totals = spread(
        judged, orders, floor, resamples=RESAMPLES, rng=np.random.default_rng(_SEED)
    )
    for nth, row in enumerate(rows):
        for figure, name in enumerate(_TOTALS):
            low, high = add_totals.interval(nth, 0, figure, CONFIDENCE)
            value, reference = (
                add_totals.figures[nth, figure],
                add_totals.figures[0, figure],
            )
            row["measures"][name] = {
                "value": float(value), "difference": float(value - reference), "low": low,
                "high": high,
            }  # fmt: skip


def _mark_front(rows: Sequence[dict[str, Any]]) -> None:
    headlines = [measure for measure in measured(rows) if measure.headline]
    gains = np.array([list(_gains(row, headlines)) for row in rows])
    for row, optimal in zip(rows, pareto_optimal(gains), strict=True):
        row["pareto"] = bool(optimal)


def _gains(row: dict[str, Any], headlines: Sequence[Measure]) -> Iterator[float]:
    for headline in headlines:
        yield headline.sign * row["measures"][headline.name]["value"]
