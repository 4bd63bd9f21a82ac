"""How far a figure lies beyond its usual, where it never varied before."""

import numpy as np

from sluice.monitors.usual.spread import Spread


def test_what_never_varied_is_seen_when_it_moves():
    rng = np.random.default_rng(1)
    seen = np.column_stack([rng.normal(0, 0.1, 20), np.zeros(20)])
    spread = Spread.of(seen, np.array([0, 1]))

    assert spread.beyond(np.array([0.0, 0.0]))[1] == 0
    assert spread.beyond(np.array([0.0, 2.0]))[1] > 10
