"""Slates of candidates: small ones by hand, random ones as Hypothesis draws them, whole worlds."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from sluice.mechanisms.slate import Slate
from sluice.mechanisms.slates import Slates

GROUPS = ("a", "b", "c", None)


def slate_of(scores, **columns) -> Slate:
    """A slate of items i00, i01 ... with these scores."""
    ids = np.array([f"i{row:02d}" for row in range(len(scores))], np.str_)
    return Slate(ids, np.array(scores, np.float64), **columns)


@st.composite
def slates(draw, *, max_size: int = 9, min_size: int = 0) -> Slate:
    """Few levels of scores, few groups, short vectors with repeats: ties wherever they can be."""
    rows = draw(st.integers(min_size, max_size))
    size = {"min_size": rows, "max_size": rows}
    group = st.lists(st.sampled_from(GROUPS), **size)
    vector = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=3, max_size=3)
    level = st.lists(st.integers(-2, 3).map(float), **size)
    return replace(
        slate_of(draw(level)),
        providers=draw(group),
        categories=draw(group),
        embeddings=np.array(draw(st.lists(vector, **size)), np.float32).reshape(rows, 3),
        is_ad=np.array(draw(st.lists(st.booleans(), **size)), bool),
        revenue=np.abs(np.array(draw(level), np.float64)),
        interest=draw(
            st.dictionaries(st.sampled_from(["a", "b", "z"]), st.integers(0, 9).map(float))
        ),
    )


def taken(slate: Slate, rows) -> Slate:
    """The same candidates, sent in another order."""
    rows = np.array(rows, np.int64)
    return Slate(
        slate.item_ids[rows],
        slate.scores[rows],
        providers=[slate.providers[row] for row in rows],
        categories=[slate.categories[row] for row in rows],
        embeddings=slate.embeddings[rows],
        is_ad=slate.is_ad[rows],
        revenue=slate.revenue[rows],
        interest=slate.interest,
    )


def marketplace(
    rng: np.random.Generator, *, requests: int, candidates: int, providers: int
) -> Slates:
    """Providers of unequal size and quality; an item belongs to one of them by its number.

    The same providers for every generator: their qualities are drawn apart.
    """
    quality = np.random.default_rng(providers).normal(0, 0.6, providers)
    shares = 1 / np.arange(1, providers + 1) ** 0.8
    rows = requests * candidates
    provider = rng.choice(providers, rows, p=shares / shares.sum())
    return Slates(
        offsets=np.arange(0, rows + 1, candidates, dtype=np.int64),
        item_ids=np.array([f"i{row}" for row in range(rows)]),
        scores=3 + quality[provider] + rng.normal(size=rows),
        providers=[f"p{code:02d}" for code in provider],
    )
