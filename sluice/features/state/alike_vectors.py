"""A vector for every person, near to those of people who clicked the same."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.features.engine.alike_sums import UNIT

LEAST_CLICKS = 3
"""Items that a person must have clicked to have a vector."""
_NONE = 1e-9
"""Length of a direction that is none."""


@dataclass(frozen=True)
class Clicks:
    """Who clicked what, in the order in which it became known."""

    users: NDArray[np.int32]
    """[clicks] codes."""
    items: NDArray[np.int32]
    """[clicks] codes."""


Vectors = NDArray[np.int16]
Fit = Callable[[Clicks, int, int], Vectors]
"""Clicks, how many persons there are, and dimensions."""


def user_vectors(clicks: Clicks, users: int, dimensions: int) -> Vectors:
    """Truncated SVD of the click matrix, each click over the root of both degrees.

    By random projections and power iterations (Halko, Martinsson, Tropp, SIAM Review 2011), of one seed.
    That is LightGCN (He et al., SIGIR 2020) without layers to learn. The first direction, which is
    popularity, is left out.

    Args:
        clicks: all that may be looked at.
        users: how many persons have a code.
        dimensions: of a vector.

    Returns:
        [users, dimensions], of length `UNIT`; 0 for whoever clicked fewer than three items. The bits
        hang on the clicks and their order, not on the codes.
    """
    vectors = np.zeros((users, dimensions), np.int16)
    coded = (clicks.users >= 0) & (clicks.items >= 0)
    people, user = _as_met(clicks.users[coded])
    clicked, item = _as_met(clicks.items[coded])
    # One number a pair is told apart three times as fast as two numbers.
    pairs = np.divmod(np.unique(user * len(clicked) + item), max(len(clicked), 1))
    many = np.bincount(pairs[0], minlength=len(people))
    directions = _directions(pairs, many, dimensions)
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    has = (many[:, None] >= LEAST_CLICKS) & (length > _NONE)
    unit = np.divide(directions, length, out=np.zeros_like(directions), where=has)
    vectors[people, : directions.shape[1]] = np.rint(UNIT * unit).astype(np.int16)
    return vectors


def permuted(vectors: Vectors, rng: np.random.Generator) -> Vectors:
    """The placebo: everybody has the vector of somebody else who has one."""
    has = np.flatnonzero(vectors.any(axis=1))
    moved = vectors.copy()
    moved[has] = vectors[rng.permutation(has)]
    return moved


def _as_met(codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The codes that there are, in the order in which they come first, and the place of each."""
    there, first, place = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(there), np.int64)
    rank[order] = np.arange(len(there))
    return there[order], rank[place]


def _directions(
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    many: NDArray[np.int64],
    dimensions: int,
) -> NDArray[np.float64]:
    """[people, dimensions], or fewer dimensions where the clicks have no more."""
    # These solvers take a third of a second to load, and a server never fits.
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    user, item = pairs
    clicked = np.bincount(item)
    wanted = min(dimensions + 1, min(len(many), len(clicked)) - 1)
    if wanted < 2:
        return np.zeros((len(many), 0))
    weight = 1 / np.sqrt(many[user] * clicked[item])
    matrix = csr_matrix((weight, (user, item)), (len(many), len(clicked)))
    # One thread and one seed: the same clicks give the same bytes. SciPy's `svds` does not give its
    # generator to ARPACK, which then draws anew from the machine wherever people fall into groups apart.
    with threadpool_limits(1):
        left, strength, _ = randomized_svd(matrix, wanted, random_state=0)
    return left[:, 1:] * strength[1:]
