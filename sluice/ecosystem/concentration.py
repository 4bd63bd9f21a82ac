"""How unequally exposure spreads: four figures of one vector, and the same of resampled people."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sluice.ecosystem.figure import Figure
from sluice.ecosystem.intervals import bias_corrected
from sluice.ecosystem.settings import Stated
from sluice.mechanisms.exposure import gini

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Values = NDArray[np.float64]
GINI, EFFECTIVE, HHI, TOP = range(4)


@dataclass(frozen=True)
class Exposed:
    """What each item or provider has of something that is added up over rows."""

    here: Values
    """Of exactly these rows, [groups]."""
    resampled: NDArray[np.float32]
    """With people drawn with replacement, [groups, resamples]; float32, since chance is far greater."""

    @classmethod
    def of(
        cls,
        who: NDArray[np.int64],
        groups: NDArray[np.int64],
        values: Values,
        count: int,
        draws: NDArray[np.float32],
    ) -> "Exposed":
        """Sums of values, all [rows], by group; `draws` [people, resamples] counts people."""
        from scipy.sparse import csr_matrix

        here = np.bincount(groups, weights=values, minlength=count).astype(np.float64)
        shape = (count, len(draws))
        seen = csr_matrix((values.astype(np.float32), (groups, who)), shape=shape)
        return cls(here, seen @ draws)

    def summed(self, owner: "csr_matrix") -> "Exposed":
        """Of what owns the groups, [owners, groups]."""
        return Exposed(owner @ self.here, owner.astype(np.float32) @ self.resampled)


@dataclass(frozen=True)
class Concentration:
    """Figures of the exposure of items or providers."""

    figures: Values
    """[4]; GINI, EFFECTIVE, HHI, TOP."""
    resampled: Values
    """[resamples, 4]."""
    per_group: float
    """Exposures for each that could have had them."""

    def figure(self, which: int, stated: Stated) -> Figure:
        """One of them with its interval."""
        value = float(self.figures[which])
        return bias_corrected(value, self.resampled[:, which], self.per_group, stated)


def concentrations(exposure: Values, top: int) -> Values:
    """Gini, e^H, HHI and the share of the `top` largest, [..., groups] to [..., 4]; with the zeros.

    Sources: Gini as `sluice.mechanisms.exposure.gini`; e^H of the shares, Hill 1973 (order 1);
    HHI = Σ s², Herfindahl and Hirschman.
    """
    from scipy.special import entr

    shares = exposure / exposure.sum(axis=-1, keepdims=True)
    first = max(exposure.shape[-1] - top, 0)
    largest = np.partition(shares, first, axis=-1)[..., first:]
    return np.stack(
        [
            gini(exposure),
            np.exp(entr(shares).sum(axis=-1)),
            np.square(shares).sum(axis=-1),
            largest.sum(axis=-1),
        ],
        axis=-1,
    )


def concentration(exposed: Exposed, per_group: float, top: int) -> Concentration:
    """Of exposure by group, and of what resampled people saw."""
    resampled = [
        concentrations(drawn.astype(np.float64), top) for drawn in exposed.resampled.T
    ]
    whole = concentrations(exposed.here, top)
    return Concentration(whole, np.array(resampled).reshape(-1, 4), per_group)
