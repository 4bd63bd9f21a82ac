"""Where a change sits: segments ranked by how much of it goes away without them."""

import numpy as np

from sluice.monitors.usual.effects import FIGURES, effects
from sluice.monitors.usual.finding import Place
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.profile import EVERYWHERE, Profile

CONCENTRATED = 0.3
"""Share of the change, beyond its share of rows, that a segment must explain to be named."""
_TOP = 5


def places(
    usual: Usual, profile: Profile, figure: str, column: str, min_rows: int
) -> tuple[Place, ...]:
    """Segments that explain the change of one column most, the first the most likely.

    For each segment the size is taken again over all other rows of window and reference. What remains,
    of what is beyond the usual, is not explained; a segment with many rows explains more of any change,
    so its share of rows is taken off. Everywhere comes first where none stands out. A segment with few
    rows, now and usually, is not named: it may be of a single person.
    """
    at = usual.reference.binning.names.index(column)
    nth = FIGURES.index(figure)
    before, now = usual.reference.counts[:, at], profile.counts[:, at]
    rest = effects((before[:1] - before)[:, None], (now[:1] - now)[:, None])[nth, :, 0]
    whole = effects(before[:1, None], now[:1, None])[nth, 0, 0]
    ordinary = usual.usual_size(nth, 0, at, 0.0)
    beyond = max(whole - ordinary, 1e-12)
    explained = np.clip(1 - (rest - ordinary) / beyond, 0, 1)
    rows = profile.sizes / max(profile.rows, 1)
    names = usual.reference.binning.groups
    order = [
        group for group in np.argsort(-(explained - rows), kind="stable").tolist()
        if group and (usual.watched[group] or profile.sizes[group] >= min_rows)
    ]  # fmt: skip
    ranked = [
        Place(names[group], float(explained[group]), float(rows[group]))
        for group in order[:_TOP]
    ]
    stands_out = ranked and ranked[0].explained - ranked[0].rows >= CONCENTRATED
    return tuple(ranked if stands_out else [Place(EVERYWHERE, 1.0, 1.0), *ranked[:-1]])
