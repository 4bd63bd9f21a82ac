"""One request's candidates with the columns that mechanisms read: the input of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.mechanisms.order import rank_by

Group = Literal["category", "provider"]
"""Columns by which candidates fall into groups."""
UNKNOWN = -1
"""Code of a candidate that is in no known group; it shares one with nobody, itself included."""


@dataclass(frozen=True)
class Slate:
    """Candidates of one request, in any order; a column that is None was not supplied.

    Rows are numbered as they were given. `order` is what a mechanism starts from, so that neither
    the order in which candidates were sent nor a tie is ever decided by chance.
    """

    item_ids: NDArray[np.str_] | Sequence[str]
    """[rows]; each item once."""
    scores: NDArray[np.float64]
    """[rows]; higher is better for the person who asked."""
    providers: Sequence[str | None] | None = None
    """[rows]; None for one whose provider is unknown."""
    categories: Sequence[str | None] | None = None
    """[rows]; None for one whose category is unknown."""
    embeddings: NDArray[np.float32] | None = None
    """[rows, dimensions]; of any length, all zeros where an item has none."""
    ages: NDArray[np.float64] | None = None
    """[rows]; seconds since publication, NaN where unknown. No mechanism reads it, reports do."""
    is_ad: NDArray[np.bool_] | None = None
    """[rows]."""
    revenue: NDArray[np.float64] | None = None
    """[rows]; expected revenue of one exposure, e.g. bid × calibrated click probability."""
    interest: Mapping[str, float] | None = None
    """Past clicks of the person by category, or any other weights; None for a stranger."""
    prior: NDArray[np.int64] | None = None
    """[rows]; the order that an earlier mechanism left, None before the first."""

    def __post_init__(self) -> None:
        rows = len(self.item_ids)
        for name in ("scores", "providers", "categories", "embeddings", "ages", "is_ad",
                     "revenue", "prior"):  # fmt: skip
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise DataError(f"a slate of {rows} items has {len(column)} {name}")
        ids = self.item_ids
        if len(set(ids.tolist() if isinstance(ids, np.ndarray) else ids)) != rows:
            raise DataError(f"a slate names an item twice among its {rows}")
        for name in ("scores", "embeddings", "revenue"):
            _refuse_not_finite(name, getattr(self, name))
        if odd := [name for name, much in (self.interest or {}).items() if not much >= 0]:
            raise DataError(f"a slate has an interest below 0 or NaN in {', '.join(odd)}")

    @property
    def rows(self) -> int:
        return len(self.item_ids)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows from the top slot down, [rows]: as an earlier mechanism left them, or by score."""
        return rank_by(self.scores, self.item_ids) if self.prior is None else self.prior

    @cached_property
    def relevance(self) -> NDArray[np.float64]:
        """Scores along `order`, [rows], stretched to 0 .. 1 within the slate; 0 where all are equal.

        Scores of rankers are on scales of their own; weighed against a similarity or a divergence
        they must not depend on it.
        """
        along = self.scores[self.order]
        if not self.rows or along[0] == along[-1]:
            return np.zeros(self.rows)
        # Halves first: the span of the largest numbers there are would be infinite.
        return (along / 2 - along[-1] / 2) / (along[0] / 2 - along[-1] / 2)

    def groups(self, of: Group) -> tuple[NDArray[np.int64], list[str]]:
        """Codes along `order`, [rows], UNKNOWN for none, and the name of each code.

        Raises:
            DataError: the slate came without that column.
        """
        names = self.categories if of == "category" else self.providers
        if names is None:
            raise DataError(
                f"a mechanism goes by {of}, and the slate came without; one each of "
                f"{' or '.join(get_args(Group))} is needed"
            )
        along = [names[row] for row in self.order.tolist()]
        different = [name for name in dict.fromkeys(along) if name is not None]
        codes: dict[str | None, int] = {name: code for code, name in enumerate(different)}
        codes[None] = UNKNOWN
        return np.array([codes[name] for name in along], np.int64), list(
            map(str, different)
        )

    def after(self, order: NDArray[np.int64]) -> "Slate":
        """The slate as the next mechanism meets it: in that order, slot by slot with the old scores.

        What stands in slot k gets the k-th highest score, so that the next one weighs it by where it
        was put, on the scale that the scores have.
        """
        scores = np.empty_like(self.scores)
        scores[order] = self.scores[self.order]
        return replace(self, scores=scores, prior=order)


def _refuse_not_finite(name: str, column: NDArray[np.float32 | np.float64] | None) -> None:
    if column is not None and not np.isfinite(column).all():
        odd = int((~np.isfinite(column)).sum())
        raise DataError(f"a slate has {odd} {name} that are NaN or infinite")
