"""Ranking frames: small ones from literal groups, generated ones of any size, and strategies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sluice.features.state.frame import RankingFrame


def frame_of(
    labels: Sequence[Sequence[float]], **columns: Sequence[Sequence[float]]
) -> RankingFrame:
    """A frame of the given groups of labels; each keyword is a feature, grouped alike."""
    sizes = [len(group) for group in labels]
    flat = {
        name: [value for group in groups for value in group]
        for name, groups in columns.items()
    }
    features = np.array(list(flat.values()), np.float32).T.reshape(sum(sizes), len(columns))
    return _frame(
        names=tuple(columns),
        features=features,
        labels=np.array([label for group in labels for label in group], np.float64),
        sizes=np.array(sizes, np.int64),
        users=np.arange(len(sizes), dtype=np.int64),
    )


def generated_frame(
    requests: int,
    candidates: int,
    *,
    rng: np.random.Generator,
    noise: float = 1.0,
    extra: int = 2,
    users: int = 50,
) -> RankingFrame:
    """One click a request, drawn by the feature `quality`; `item.click.24h` is a poor proxy of it.

    Clicks are also feedback, and so is the dwell on them, longer the better the item. `extra` further features say nothing.
    """
    rows = requests * candidates
    quality = rng.normal(size=rows)
    popularity = np.floor(np.exp(0.3 * quality + rng.normal(size=rows)))
    utility = (2.5 * quality + noise * rng.gumbel(size=rows)).reshape(requests, candidates)
    labels = (utility == utility.max(axis=1, keepdims=True)).ravel().astype(np.float64)
    seconds = labels * np.exp(3 + quality + np.tile([-0.5, 0.5], rows)[:rows])
    columns = [popularity, quality, *rng.normal(size=(extra, rows))]
    return _frame(
        names=("item.click.24h", "quality", *(f"nothing[{i}]" for i in range(extra))),
        features=np.stack(columns, axis=1).astype(np.float32),
        labels=labels,
        sizes=np.full(requests, candidates),
        users=rng.integers(users, size=requests),
        feedback={"click": labels, "dwell": seconds},
    )


def confounded_frame(
    requests: int, candidates: int, *, rng: np.random.Generator
) -> RankingFrame:
    """Clicks on what a poor policy put on top: slot k is examined with probability 1 / k.

    The policy orders by `policy`, which says little about relevance; `quality` says much. The
    labels are clicks; the true relevance, a grade from 0 to 4, is feedback of kind `relevance`.
    """
    rows = requests * candidates
    policy, quality, noise = rng.normal(size=(3, rows))
    relevance = 1 / (1 + np.exp(-(1.5 * quality + 0.2 * policy - 0.5)))
    shown = (policy + 0.2 * rng.normal(size=rows)).reshape(requests, candidates)
    positions = np.argsort(np.argsort(-shown, axis=1), axis=1).ravel() + 1
    clicked = (rng.random(rows) < 1 / positions) & (rng.random(rows) < relevance)
    frame = _frame(
        names=("policy", "quality", "noise"),
        features=np.stack([policy, quality, noise], axis=1).astype(np.float32),
        labels=clicked.astype(np.float64),
        sizes=np.full(requests, candidates),
        users=np.arange(requests),
        feedback={"relevance": np.floor(5 * relevance)},
    )
    return replace(frame, positions=positions.astype(np.int32))


def _frame(names, features, labels, sizes, users, feedback=None) -> RankingFrame:
    requests, rows = len(sizes), len(labels)
    return RankingFrame(
        names=names,
        features=features,
        labels=labels,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        ts=np.arange(requests, dtype=np.int64) * 1_000_000,
        request_ids=np.array([f"r{i}" for i in range(requests)], dtype=np.str_),
        users=users.astype(np.int64),
        item_ids=np.array([f"i{i}" for i in range(rows)], dtype=np.str_),
        positions=np.zeros(rows, np.int32),
        feedback={
            kind: values.astype(np.float32) for kind, values in (feedback or {}).items()
        },
    )


@st.composite
def scored_groups(
    draw, *, max_grade: int = 1, max_size: int = 12, levels: int | None = None
):
    """Groups of labels and of scores; scores take `levels` values, or all differ where None."""
    sizes = draw(st.lists(st.integers(1, max_size), min_size=1, max_size=6))
    labels, scores = [], []
    for size in sizes:
        labels.append(
            draw(st.lists(st.integers(0, max_grade), min_size=size, max_size=size))
        )
        if levels is None:
            scores.append(draw(st.permutations(range(size))))
        else:
            scores.append(
                draw(st.lists(st.integers(0, levels - 1), min_size=size, max_size=size))
            )
    return labels, scores


def flat(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Grouped scores as a frame's rows."""
    return np.array([value for group in groups for value in group], np.float64)
