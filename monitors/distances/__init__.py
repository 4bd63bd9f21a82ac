"""Effect sizes between two histograms of one column; a figure is a file here and a line below."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.distances.jensen_shannon import jensen_shannon
from sluice.monitors.distances.kolmogorov_smirnov import kolmogorov_smirnov
from sluice.monitors.distances.psi import psi
from sluice.monitors.distances.wasserstein import wasserstein

Distance = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Reference and current counts, [..., bins] with NaN last, to sizes [...]."""

DISTANCES: Mapping[str, Distance] = {
    "psi": psi,
    "js": jensen_shannon,
    "ks": kolmogorov_smirnov,
    "wasserstein": wasserstein,
}
