"""An interval that holds at every look at once, for evidence that grows from window to window.

An interval of 95 % holds at one look. Who looks every day until it suits finds an A/A pair apart in a
quarter of all cases after 30 looks. This one is wider by about half, and may be looked at for ever.
"""

from dataclasses import dataclass
from functools import cached_property
from math import log, log1p, sqrt
from statistics import NormalDist

_STEPS = 60
"""Of a bisection; each halves what is left."""


@dataclass(frozen=True)
class ConfidenceSequence:
    """Of a mean that is nearly normal: the normal mixture of Robbins (1970).

    With information I = 1 / error² its half-width is √((1 + 1/(I t²)) (2 ln(1/α) + ln(1 + I t²)) / I); see
    Waudby-Smith et al. 2021 (arXiv 2103.06476) for means whose error is estimated.
    """

    confidence: float
    tuned: float
    """The half-width at which it is tightest; above 0, and fixed before the first look."""

    def half_width(self, error: float) -> float:
        """Where the mean has this standard error."""
        if error <= 0:
            return 0.0
        spread = (self._mixture / error) ** 2
        return error * sqrt((1 + 1 / spread) * (self._chance + log1p(spread)))

    def error_for(self, room: float, power: float = 0.5) -> float:
        """The largest standard error that leaves `room` for the half-width, with this power.

        0 where there is no room: no evidence is enough.
        """
        luck = NormalDist().inv_cdf(power)
        low, high = 0.0, max(room, 0.0)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            fits = self.half_width(middle) + luck * middle < room
            low, high = (middle, high) if fits else (low, middle)
        return low

    def shown_with(self, error: float, power: float) -> float:
        """The smallest true difference that leaves the interval with this power, from this error."""
        return self.half_width(error) + NormalDist().inv_cdf(power) * error

    @property
    def _chance(self) -> float:
        return 2 * log(1 / (1 - self.confidence))

    @cached_property
    def _mixture(self) -> float:
        # At the tightest place x = I t² solves x = 2 ln(1/α) + ln(1 + x), and half-width² = (1 + x) / I.
        best = self._chance
        for _ in range(_STEPS):
            best = self._chance + log1p(best)
        return self.tuned * sqrt(best / (1 + best))
