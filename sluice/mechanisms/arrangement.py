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

    def places(self, slates: Slates) -> NDArray[np.float64]:
        """Numbers that order every request's rows as it does, [rows]; the scores where none is declared.

        What a metric is given to judge what would have been shown, and not what was only scored.
        """
        if not self.declared:
            return slates.scores
        found = np.empty(slates.rows)
        for slate, low in zip(slates, slates.offsets[:-1].tolist(), strict=True):
            found[low + self.order(slate)] = -np.arange(slate.rows, dtype=np.float64)
        return found

    def save(self, folder: Path) -> None:
        """Write `arrangement.json` into an existing folder."""
        content = canonical_json(self.model_dump(mode="json"))
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
