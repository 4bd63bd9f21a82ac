"""One answered request, as it is logged, confirmed and recomputed."""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

CHAMPION = "champion"
"""The arm of whoever is asked without an experiment."""
_SHARES = 1 << 32


class Prediction(NamedTuple):
    """What was asked, what was answered, and from which state: enough to compute it once more.

    A tuple, as every request makes one: a frozen dataclass of so many fields takes six times as long.
    """

    request_id: str
    """Not unique: a client may ask twice under one id, and gets two predictions."""
    ts: int
    """µs since the epoch: the time the ranking was asked for."""
    user_id: str
    """Pseudonym of the person, as in the event log."""
    candidates: tuple[str, ...]
    """In the order in which they were sent."""
    scores: tuple[float, ...]
    """[candidates]."""
    order: tuple[int, ...]
    """[shown]; rows of the candidates from the top slot down. An ad without a slot is not in it."""
    propensities: tuple[float, ...]
    """[shown]; probability of this item in this slot, given the items above it."""
    release: str
    """Digest of the release that answered."""
    features_digest: str
    """As in `Ranking.features_digest`."""
    context: Mapping[str, float | tuple[float, ...]]
    """Values of `context_*` columns, one for all candidates or one each."""
    features: bytes | None = None
    """The float32 matrix, C order, of the sampled share of requests; see `sampled`."""
    feed_position: int = 0
    """Newest batch of the event log that the state had counted."""
    state_clock: int = 0
    """µs since the epoch: the newest event that the state had counted."""
    unknown_items: int = 0
    """Candidates without facts."""
    unknown_user: bool = False
    degraded: bool = False
    """The state was older than declared."""
    arm: str = CHAMPION
    """Which of several releases in service answered."""

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes, for bounds on what waits."""
        values = sum(
            len(value) for value in self.context.values() if isinstance(value, tuple)
        )
        features = 0 if self.features is None else len(self.features)
        return 1_000 + 160 * len(self.candidates) + 32 * values + features


def sampled(request_id: str, share: float) -> bool:
    """Whether the features of this request belong to the share that is kept.

    The same request id is always in or always out, in every process.
    """
    return zlib.crc32(request_id.encode()) < share * _SHARES
