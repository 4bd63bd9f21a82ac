"""What every ranker promises; the platform knows nothing else about one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins


class Ranker(Protocol):
    """Fit on a frame, score rows, save and load in safe formats.

    Guarantees, held by `tests/unit/rankers/test_ranker_checks.py` for every family:
    the same frame and the same generator state give the same bytes on disk and the same scores;
    the order of rows in a request and of requests does not change a score, nor does any other
    request; load(save(r)) scores bit for bit like r; zero rows score to zero rows; NaN features are
    legal and no score is NaN. Unless `setwise`, a row scores alone as it does among many.
    """

    family: ClassVar[str]
    """Name under which a surface declares it, e.g. `lambdamart`."""
    setwise: ClassVar[bool]
    """Whether a row's score hangs on the other rows of its request."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the feature columns it was fitted on, in their order; empty before that."""
        ...

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        """Feedback that `fit` wants in `frame.feedback`, beside the labels; mostly none."""
        ...

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        """An unfitted ranker.

        Raises:
            ConfigError: an unknown parameter, or one of the wrong type or size.
        """
        ...

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy.

        Args:
            frame: the requests to learn from.
            rng: of all that is drawn.
            bins: what earlier fits on this very frame left; fits the same, sooner.

        Raises:
            TooLittleData: no request has both a positive and a negative.
            DataError: the frame lacks what the family learns from; the message says what.
        """
        ...

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Scores, [rows]; higher ranks first.

        Args:
            features: [rows, features], columns as fitted.
            offsets: [requests + 1]; request r owns rows offsets[r] to offsets[r + 1]. None: the
                rows are one request.

        Raises:
            DataError: the ranker is not fitted, or was fitted on another number of columns.
        """
        ...

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """What each feature adds to the score, [rows, features + 1]; last what every row has.

        They sum to the score, up to rounding; arguments are those of `score`.

        Raises:
            DataError: as `score`.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write text, JSON or object-free NumPy files into an existing folder.

        `ranker.json` (see `RankerManifest`) is always one of them.

        Raises:
            DataError: the ranker is not fitted.
        """
        ...

    @classmethod
    def load(cls, files: Files) -> Self:
        """Make of the bytes that `save` wrote, by file name, what was saved.

        Raises:
            IntegrityError: a file is missing or is not what `save` writes.
        """
        ...
