"""Trees out of LightGBM's text model: what its predict reads of them, and nothing else."""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, IntegrityError

_CATEGORICAL, _DEFAULT_LEFT, _MISSING = 1, 2, 12
"""Bits of `decision_type` (LightGBM's tree.h)."""
_MISSING_RULES = {0: "none", 4: "zero", 8: "nan"}


class UnscorableModel(DataError):
    """A model that the tree scorer does not score as LightGBM does."""


@dataclass(frozen=True)
class Node:
    """One split: a row whose feature is at most `threshold` goes left."""

    feature: int
    threshold: float
    default_left: bool
    """Where a missing value goes."""
    missing: str
    """What is missing: `none` (NaN counts as 0), `zero` (0 and NaN), `nan`."""
    left: int
    """Number of a node, or ~number of a leaf; likewise `right`."""
    right: int


@dataclass(frozen=True)
class Tree:
    """Nodes from the root on, and the leaves' values; a tree without nodes has one leaf."""

    nodes: tuple[Node, ...]
    values: NDArray[np.float64]
    """[leaves]."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one `Tree=` section.

        Raises:
            UnscorableModel: a categorical split or linear leaves.
            IntegrityError: its nodes form no tree; LightGBM's predict hangs or crashes on such.
        """
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if fields.get("is_linear", "0") != "0":
            raise UnscorableModel("a tree has linear leaves")
        values = np.array(fields["leaf_value"].split(), np.float64)
        if len(values) == 1:
            return cls((), values)
        columns = [
            fields[name].split()
            for name in (
                "split_feature", "threshold", "decision_type", "left_child", "right_child",
            )
        ]  # fmt: skip
        nodes = tuple(_node(*column) for column in zip(*columns, strict=True))
        _check_shape(nodes, len(values))
        return cls(nodes, values)


def parse_trees(text: str) -> tuple[Tree, ...]:
    """All trees of a model, in the order in which their values are added.

    Raises:
        UnscorableModel: categorical splits, linear leaves, several outputs, or averaged trees.
        IntegrityError: the nodes of one form no tree.
    """
    header, *sections = re.split(
        r"^Tree=\d+$", text.split("end of trees", maxsplit=1)[0], flags=re.MULTILINE
    )
    if re.search(r"^num_tree_per_iteration=1$", header, re.MULTILINE) is None:
        raise UnscorableModel("the model has several outputs")
    if re.search(r"^average_output$", header, re.MULTILINE):
        raise UnscorableModel("the model averages its trees")
    return tuple(Tree.parse(section) for section in sections)


def _check_shape(nodes: tuple[Node, ...], leaves: int) -> None:
    """LightGBM numbers a node after its parent, so a child with a lower number closes a cycle."""
    children = [
        (child, at) for at, node in enumerate(nodes) for child in (node.left, node.right)
    ]
    once = sorted(child for child, _ in children) == [
        *range(-leaves, 0),
        *range(1, len(nodes)),
    ]
    if not once or any(0 <= child <= at for child, at in children):
        raise IntegrityError(
            f"{len(nodes)} nodes and {leaves} leaves are no tree: each must hang on one earlier node"
        )


def _node(feature: str, threshold: str, decision: str, left: str, right: str) -> Node:
    bits = int(decision)
    if bits & _CATEGORICAL:
        raise UnscorableModel(f"a tree splits column {feature} by categories")
    return Node(
        feature=int(feature),
        threshold=float(threshold),
        default_left=bool(bits & _DEFAULT_LEFT),
        missing=_MISSING_RULES[bits & _MISSING],
        left=int(left),
        right=int(right),
    )
