"""What a state may let go of, because no answer depends on it any more.

Under a horizon a person without an event for so long is answered as one never met, whatever is still
written down of them: so their code can go to somebody else as it stands.
"""

import numpy as np
from numpy.typing import NDArray

from sluice.features.compiled import compiled
from sluice.features.counters import Facts, Vectors
from sluice.features.rows import UNKNOWN


@compiled
def note_seen(
    seen_at: NDArray[np.int64], users: NDArray[np.int32], at: NDArray[np.int64]
) -> None:
    """Remember when each person had their last event, in whatever order events come."""
    for nth in range(len(users)):
        user = users[nth]
        if user != UNKNOWN:
            seen_at[user] = max(seen_at[user], at[nth])


def without_superseded(facts: Facts, vectors: Vectors) -> tuple[Facts, Vectors]:
    """Facts and the vectors that items have or will have, once these are less than half of all."""
    coming = facts.vector[int(facts.applied[0]) :]
    needed = np.zeros(len(vectors.values), np.bool_)
    for rows in (vectors.of_item, coming):
        needed[rows[rows != UNKNOWN]] = True
    if 2 * np.count_nonzero(needed) >= len(needed):
        return facts, vectors
    # Rows are UNKNOWN at -1, and so is the last of them here.
    moved = np.full(len(needed) + 1, UNKNOWN, np.int32)
    moved[:-1][needed] = np.arange(np.count_nonzero(needed))
    kept = Vectors(vectors.values[needed], moved[vectors.of_item])
    return facts._replace(vector=moved[facts.vector]), kept
