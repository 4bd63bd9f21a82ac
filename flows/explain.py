"""Why a version ranks as it does: over the requests it was judged on, and for one of them."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.snapshot import open_snapshot
from sluice.data.split import time_split
from sluice.errors import NotFound
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.flows.candidates import candidate_folder
from sluice.flows.refits import chosen
from sluice.flows.reporting import step
from sluice.flows.trial import load_incumbent, micros
from sluice.flows.workplace import Workplace
from sluice.mechanisms.order import rank_by
from sluice.rankers import Ranker
from sluice.rankers.explain import explain, importance
from sluice.registry.moves import version_of
from sluice.store.records import Champion, Version

SAMPLED_ROWS = 500
"""Spread evenly over the judged rows: SHAP values cost some milliseconds a row."""


def version_to_explain(workplace: Workplace, number: int | None) -> Version:
    """The version named; else the champion, else the newest.

    Raises:
        NotFound: there is none.
    """
    store, surface = workplace.store, workplace.name
    if number is not None:
        return version_of(store, surface, number)
    champion = store.get(Champion, surface=surface)
    if champion is not None:
        return version_of(store, surface, champion.version)
    versions = store.find(Version, surface=surface)
    if not versions:
        raise NotFound(
            f"{surface} has no version; run `sluice run retrain {surface}` first"
        )
    return versions[-1]


def explained(
    workplace: Workplace, number: int | None, request: str | None
) -> dict[str, Any]:
    """What moves the scores of a version, or where `request` is given each of its candidates.

    Raises:
        NotFound: no such version, or its snapshot has no such request.
    """
    version = version_to_explain(workplace, number)
    ranker, frame = _replayed(workplace, version)
    document: dict[str, Any] = {
        "surface": workplace.name,
        "version": version.number,
        "family": version.family,
    }
    with step("explanation"):
        if request is not None:
            return {
                **document,
                "request": request,
                "standings": _standings(ranker, frame, request),
            }
        judged = frame.split_at(_fit_end(workplace, version))[1]
        return {**document, **_importance(ranker, judged)}


def _importance(ranker: Ranker, judged: RankingFrame) -> dict[str, Any]:
    """Over rows spread evenly; over requests where a row alone says nothing."""
    if ranker.setwise:
        wanted = max(1, round(SAMPLED_ROWS * judged.requests / judged.rows))
        some = chosen(judged, _spread(judged.requests, wanted))
        means = importance(ranker, some.features, some.offsets)
        return {"rows": some.rows, "importance": means}
    rows = _spread(judged.rows, SAMPLED_ROWS)
    return {"rows": len(rows), "importance": importance(ranker, judged.features[rows])}


def _spread(many: int, wanted: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, many - 1, wanted).astype(np.int64))


def _replayed(workplace: Workplace, version: Version) -> tuple[Ranker, RankingFrame]:
    """The ranker, and every request of its snapshot with the features it was fitted on."""
    folder = candidate_folder(workplace.settings.models, version.model)
    model = load_incumbent(folder, version.number, "")
    with step("features"):
        tables = open_snapshot(workplace.settings.snapshots, version.snapshot).read()
        frame = replay(model.features.spec, workplace.surface.data.label, tables).frame
    return model.ranker, frame


def _fit_end(workplace: Workplace, version: Version) -> int:
    snapshot = open_snapshot(workplace.settings.snapshots, version.snapshot)
    return micros(time_split(snapshot.window, workplace.surface.data.judged_share).fit_end)


def _standings(ranker: Ranker, frame: RankingFrame, request: str) -> list[dict[str, Any]]:
    places = np.flatnonzero(frame.request_ids == request)
    if not len(places):
        raise NotFound(
            f"no request {request!r} among the {frame.requests:,} of the version's snapshot, "
            f"such as {frame.request_ids[-1]!r}"
        )
    alone = frame.take(int(places[0]), int(places[0]) + 1)
    order = rank_by(ranker.score(alone.features), alone.item_ids)
    return [
        {
            **asdict(standing),
            "item_id": str(alone.item_ids[standing.row]),
            "features": dict(
                zip(
                    alone.names,
                    map(_known, alone.features[standing.row].tolist()),
                    strict=True,
                )
            ),
        }
        for standing in explain(ranker, alone.features, order)
    ]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
