"""Which segments are hidden, so that no figure speaks of fewer than k people."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def hidden(
    labels: NDArray[np.str_], people: NDArray[np.int64], least: int
) -> frozenset[str]:
    """Segments that are not shown: those of fewer than `least` people, and some beside them.

    Where any is hidden, the smallest of the others follow until two segments of `least` people together
    are hidden: else the whole less what is shown would be the one that was hidden (complementary
    suppression).

    Args:
        labels: of each request, [requests].
        people: who made it, [requests].
        least: k.
    """
    names, place = np.unique(labels, return_inverse=True)
    members = {
        str(name): frozenset(np.unique(people[place == code]).tolist())
        for code, name in enumerate(names)
    }
    by_size = sorted(members, key=lambda label: (len(members[label]), label))
    gone = [label for label in by_size if len(members[label]) < least]
    if not gone:
        return frozenset()
    for label in by_size[len(gone) :]:
        if len(gone) > 1 and _together(gone, members) >= least:
            break
        gone.append(label)
    return frozenset(gone)


def _together(gone: list[str], members: Mapping[str, frozenset[int]]) -> int:
    return len(frozenset[int]().union(*(members[label] for label in gone)))
