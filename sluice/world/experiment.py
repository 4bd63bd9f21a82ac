"""What an experiment changes for some people or providers and not for others."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.world.people import NONE


@dataclass(frozen=True)
class Experiment:
    """Who is treated how, beside the policy that holds for all."""

    boost: NDArray[np.float64]
    """[providers]; added to the score, in its unit."""
    person_side: NDArray[np.int64]
    """[people]; 0 or 1 meets only providers of that side, NONE all."""
    provider_side: NDArray[np.int64]
    """[providers]."""
    spacing: NDArray[np.float64]
    """[people]; weight of spacing in the place of the policy's, NaN where the policy holds."""

    @classmethod
    def none(cls, people: int, providers: int) -> Self:
        return cls(
            boost=np.zeros(providers),
            person_side=np.full(people, NONE),
            provider_side=np.full(providers, NONE),
            spacing=np.full(people, np.nan),
        )
