"""Scores of LightGBM's trees, bit for bit as its predict gives them, at a fraction of its cost.

LightGBM walks a row down a tree at a time; here each node is tested for many rows by one
instruction, and what is left of a mask of leaves says which leaf a row reaches.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sluice.rankers.tree_text import Node, Tree, UnscorableModel, parse_trees

if TYPE_CHECKING:
    from lightgbm import Booster

MAX_LEAVES = 64
"""Bits of the widest mask."""
PROBES = 256
"""Rows on which the scorer is held against LightGBM before it is trusted."""
_SPECIAL = np.array([0, -0.0, 1e-36, -1e-36, 1, np.nan, np.inf, -np.inf], np.float32)
_Copy = tuple[int, float, float]
"""A feature, and what its zeros and its NaNs are read as."""


@dataclass(frozen=True)
class TreeScorer:
    """A model packed for `sluice.rankers.tree_kernel`; immutable, shared by threads."""

    source: NDArray[np.int64]
    """[columns]; the feature that each column copies."""
    zero_as: NDArray[np.float32]
    nan_as: NDArray[np.float32]
    column: NDArray[np.int32]
    """[nodes]."""
    bound: NDArray[np.float32]
    """[nodes]; the largest float32 that still goes left."""
    keep: NDArray[np.unsignedinteger[Any]]
    """[nodes]; leaves still possible for a row that goes right."""
    trees: NDArray[np.int64]
    """[trees + 1]; offsets into nodes."""
    leaves: NDArray[np.int64]
    """[trees]; offsets into values."""
    values: NDArray[np.float64]
    """[leaves]; from left to right in each tree."""

    @classmethod
    def of(cls, booster: "Booster") -> Self:
        """Pack a model and hold the result against the model's own predict.

        Raises:
            UnscorableModel: it has what the kernel does not know, or any of PROBES scores differs
                in any bit.
        """
        scorer = cls._pack(parse_trees(booster.model_to_string(num_iteration=-1)))
        probes = scorer.probes(booster.num_feature(), np.random.default_rng(0))
        expected = booster.predict(probes, raw_score=True, num_threads=1)
        if differing := int((scorer.score(probes) != expected).sum()):
            raise UnscorableModel(
                f"{differing} of {PROBES} scores differ from LightGBM's predict"
            )
        return scorer

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw scores, [rows], of `features` [rows, features]."""
        from sluice.rankers.tree_kernel import score_rows

        return score_rows(
            np.ascontiguousarray(features, np.float32), self.source, self.zero_as,
            self.nan_as, self.column, self.bound, self.keep, self.trees, self.leaves,
            self.values, self.keep.dtype.type(np.iinfo(self.keep.dtype).max),
        )  # fmt: skip

    def probes(self, features: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Rows [PROBES, features] on both sides of the model's thresholds and at odd values."""
        rows = rng.choice(_SPECIAL, (PROBES, features))
        feature = self.source[self.column]
        for nth in np.unique(feature):
            at = self.bound[feature == nth]
            above = np.nextafter(at, np.float32(np.inf))
            near = rng.choice(np.concatenate([at, above]), PROBES)
            rows[:, nth] = np.where(rng.random(PROBES) < 0.8, near, rows[:, nth])
        return rows

    @classmethod
    def _pack(cls, trees: tuple[Tree, ...]) -> Self:
        from sluice.rankers.tree_kernel import NODES_AT_ONCE

        most = max((len(tree.values) for tree in trees), default=1)
        if most > MAX_LEAVES:
            raise UnscorableModel(f"a tree has {most} leaves, more than {MAX_LEAVES}")
        mask = np.uint32 if most <= 32 else np.uint64
        everything = int(np.iinfo(mask).max)
        copies: dict[_Copy, int] = {(0, 0.0, 0.0): 0}
        nodes: list[tuple[int, float, int]] = []
        starts, values = [0], []
        for tree in trees:
            order, left = _left_to_right(tree)
            values.append(tree.values[order])
            for node, leaves in zip(tree.nodes, left, strict=True):
                column = copies.setdefault(_copied(node), len(copies))
                nodes.append((column, node.threshold, everything & ~leaves))
            while len(nodes) % NODES_AT_ONCE:  # a node that every row passes
                nodes.append((0, np.inf, everything))
            starts.append(len(nodes))
        return cls(
            source=np.array([copy[0] for copy in copies], np.int64),
            zero_as=np.array([copy[1] for copy in copies], np.float32),
            nan_as=np.array([copy[2] for copy in copies], np.float32),
            column=np.array([node[0] for node in nodes], np.int32),
            bound=_at_most(np.array([node[1] for node in nodes], np.float64)),
            keep=np.array([node[2] for node in nodes], mask),
            trees=np.array(starts, np.int64),
            leaves=np.cumsum([0, *map(len, values)])[:-1].astype(np.int64),
            values=np.concatenate([*values, np.zeros(0)]),
        )


def _copied(node: Node) -> _Copy:
    """The copy of its feature with which the node's comparison alone says where a row goes."""
    # Below every threshold goes left; NaN, which no comparison holds for, goes right.
    default = -np.inf if node.default_left else _NAN
    missing_as = {"none": (0.0, 0.0), "nan": (0.0, default), "zero": (default, default)}
    return (node.feature, *missing_as[node.missing])


_NAN = float("nan")
"""One object: NaN equals no other, and the copies are told apart by equality."""


def _at_most(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Largest float32 not above each: a float32 is at most the one iff it is at most the other."""
    with np.errstate(
        over="ignore"
    ):  # beyond float32 becomes infinite, and then its largest
        rounded = thresholds.astype(np.float32)
    return np.where(
        rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded
    )


def _left_to_right(tree: Tree) -> tuple[list[int], list[int]]:
    """Leaves from left to right, and for each node the mask of those under its left child."""
    order: list[int] = []
    left = [0] * len(tree.nodes)

    def walk(child: int) -> None:
        if child < 0:
            order.append(~child)
            return
        first = len(order)
        walk(tree.nodes[child].left)
        left[child] = (1 << len(order)) - (1 << first)
        walk(tree.nodes[child].right)

    walk(0 if tree.nodes else ~0)
    return order, left
