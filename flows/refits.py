"""Refits of a candidate's configuration, which tell how much of a change is only noise."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.metrics.clusters import numbered
from sluice.rankers import Ranker, make_ranker


def refit(
    family: str, parameters: Mapping[str, Any], fitted: RankingFrame, seed: int
) -> Ranker:
    """The same configuration with another seed, on another draw of the same people.

    A seed alone is no noise: boosted trees without sampling fit bit for bit the same under any of
    them. So whole users are drawn with replacement as well, which is what a log of other days, and
    other people like these, would have changed (the bootstrap of the fit).

    Args:
        family: of the ranker.
        parameters: as the candidate was fitted with.
        fitted: the requests that the candidate learned from.
        seed: of the draw and of the fit.
    """
    rng = np.random.default_rng(seed)
    return make_ranker(family, parameters).fit(chosen(fitted, _drawn(fitted, rng)), rng)


def chosen(frame: RankingFrame, requests: NDArray[np.int64]) -> RankingFrame:
    """These requests in this order, any as often as it is named."""
    sizes = np.diff(frame.offsets)[requests]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    shift = np.repeat(frame.offsets[requests] - offsets[:-1], sizes)
    rows = np.arange(offsets[-1]) + shift
    return RankingFrame(
        names=frame.names,
        features=frame.features[rows],
        labels=frame.labels[rows],
        offsets=offsets,
        ts=frame.ts[requests],
        request_ids=frame.request_ids[requests],
        users=frame.users[requests],
        item_ids=frame.item_ids[rows],
        positions=frame.positions[rows],
        feedback={kind: values[rows] for kind, values in frame.feedback.items()},
    )


def _drawn(frame: RankingFrame, rng: np.random.Generator) -> NDArray[np.int64]:
    """Requests of whole users drawn with replacement, in the order of time."""
    people, users = numbered(frame.users)
    times = np.bincount(rng.integers(people, size=people), minlength=people)
    return np.repeat(np.arange(frame.requests), times[users])
