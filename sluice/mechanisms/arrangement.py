"""How a candidate's scores become an order: its declared mechanisms with the prices fitted for them."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.digest import canonical_json
from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.mechanisms.exploration import ExplorationSpec, Explored
from sluice.mechanisms.slate import Slate
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.spec import MechanismSpec, arrange, needed

ARRANGEMENT = "arrangement.json"


class Arrangement(BaseModel):
    """Mechanisms in the order in which they are applied; none leaves the order by score."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    declared: Annotated[tuple[MechanismSpec, ...], Field(strict=False)] = ()
    prices: dict[str, float] | None = None
    """Of the provider floors, by provider; None where none are declared."""
    exploration: ExplorationSpec | None = None
    """How live answers explore; what is judged, and the golden requests, never do."""

    @property
    def columns(self) -> frozenset[str]:
        """Columns of a `Slate` that it reads, beside the items and their scores."""
        return needed(self.declared)

    def order(self, slate: Slate) -> NDArray[np.int64]:
        """Rows from the top slot down, [rows].

        Raises:
            DataError: the slate lacks a column that is needed.
        """
        return arrange(slate, self.declared, self.prices)

    def explored(
        self,
        order: NDArray[np.int64],
        scores: NDArray[np.float64],
        fixed: NDArray[np.bool_] | None,
        request_id: str,
    ) -> Explored:
        """An order that `order` gave, changed as declared by the chance of one request.

        Args:
            order: [shown]; rows from the top slot down.
            scores: [rows]; of the ranker. What stands in slot k counts as the k-th best of them, as
                for one mechanism after another.
            fixed: [shown]; slots that hold ads, which stay; None for none.
            request_id: whose chance it is; see `Exploration.chances`.
        """
        if self.exploration is None:
            return Explored(order, np.ones(len(order)))
        along = scores[order]
        if self.declared:
            movable = slice(None) if fixed is None else ~fixed
            along[movable] = -np.sort(-along[movable])
        chances = self.exploration.chances(request_id, 2 * len(order))
        return self.exploration.explore(order, along, fixed, chances)

    def places(self, slates: Slates) -> NDArray[np.float64]:
        """Numbers that order every request's rows as it does, [rows]; the scores where none is declared.

        What a metric is given to judge what would have been shown, and not what was only scored.
        """
        if not self.declared:
            return slates.scores
        out = np.empty(slates.rows)
        for slate, low in zip(slates, slates.offsets[:-1].tolist(), strict=True):
            out[low + self.order(slate)] = -np.arange(slate.rows, dtype=np.float64)
        return out

    def save(self, folder: Path) -> None:
        """Write `arrangement.json` into an existing folder."""
        # Arrangements of before there was exploration keep their bytes, and so their digests.
        silent = {"exploration"} if self.exploration is None else None
        content = canonical_json(self.model_dump(mode="json", exclude=silent))
        write_atomically(folder / ARRANGEMENT, content)

    @classmethod
    def load(cls, source: Path | Files) -> "Arrangement":
        """Make of what `save` wrote, its folder or the bytes of its files, what was saved.

        Raises:
            IntegrityError: the file is missing or is not what `save` writes.
        """
        files = Files.of(source, (ARRANGEMENT,))
        try:
            return cls.model_validate_json(files.read(ARRANGEMENT))
        except ValidationError as error:
            raise IntegrityError(
                f"{files.path(ARRANGEMENT)} is no arrangement of mechanisms"
            ) from error


BY_SCORE = Arrangement()
"""The order by score alone."""
