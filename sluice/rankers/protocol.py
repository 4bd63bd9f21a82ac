"""What every ranker promises; the platform knows nothing else about one."""

from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sluice.features.frame import RankingFrame


class Ranker(Protocol):
    """Fit on a frame, score rows, save and load in safe formats.

    Guarantees, held by `tests/unit/rankers/test_ranker_checks.py` for every family:
    the same frame and the same generator state give the same bytes on disk and the same scores;
    the order of rows and of requests does not change a score; load(save(r)) scores bit for bit
    like r; zero rows score to zero rows; NaN features are legal.
    """

    family: str
    """Name under which a surface declares it, e.g. `lambdamart`."""

    def fit(self, frame: RankingFrame, rng: np.random.Generator) -> Self:
        """A fitted copy.

        Raises:
            TooLittleData: no request has both a positive and a negative.
        """
        ...

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores, [rows]; higher ranks first. `features` is [rows, features], columns as fitted."""
        ...

    def save(self, directory: Path) -> None:
        """Write text, JSON or object-free NumPy files into an existing folder."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: a file is missing or is not what `save` writes.
        """
        ...
