"""What a person asks of a state, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sluice.features.unknown import Unknown


@dataclass(frozen=True)
class Request:
    """One person asks for a ranking of these candidates, now."""

    user_id: str
    item_ids: tuple[str, ...]
    ts: int
    """µs since the epoch, UTC."""
    context: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    """Values of `context_*` features, one for all candidates or one each; absent ones are NaN."""


@dataclass(frozen=True)
class Answer:
    """The features of one request, and how much of it was unknown."""

    features: NDArray[np.float32]
    """[candidates, features]."""
    unknown: Unknown
    items: NDArray[np.int32]
    """[candidates]; codes of the state as it is now, UNKNOWN where it never met one."""
