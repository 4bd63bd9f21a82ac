"""The mandatory baseline: what is clicked most goes first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.checks import check_columns, check_fitted, learnable_requests
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.parameters import Parameters

LIMIT = float(np.finfo(np.float32).max)
"""Unknown values score -LIMIT: below all others, and yet a number that JSON can carry."""


class PopularityParameters(Parameters):
    """Which column is the order."""

    feature: str = "item.click.24h"


@dataclass(frozen=True)
class Popularity:
    """Orders by one feature column, higher first; rows where it is NaN go last."""

    family: ClassVar[str] = "popularity"
    setwise: ClassVar[bool] = False

    parameters: PopularityParameters
    names: tuple[str, ...] = ()

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(PopularityParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        return ()

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """Learns where the column stands, and nothing from the labels.

        Raises:
            DataError: the frame has no such column; the message lists those there are.
            TooLittleData: as every ranker, so that a baseline cannot outlive its data.
        """
        del rng, bins  # nothing is drawn, or binned
        frame.column(self.parameters.feature)
        learnable_requests(frame)
        return replace(self, names=frame.names)

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        del offsets
        check_columns(features, self.names)
        column = features[:, self._column].astype(np.float64)
        return np.nan_to_num(column, nan=-LIMIT, posinf=LIMIT, neginf=-LIMIT)

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """All of the score is its column's, [rows, features + 1]."""
        del offsets
        contributions = np.zeros((len(features), len(self.names) + 1))
        contributions[:, self._column] = self.score(features)
        return contributions

    @property
    def _column(self) -> int:
        return self.names.index(self.parameters.feature)

    def save(self, directory: Path) -> None:
        check_fitted(self.names)
        manifest = RankerManifest(
            family=self.family, parameters=self.parameters.model_dump(), names=self.names
        )
        manifest.write(directory)

    @classmethod
    def load(cls, files: Files) -> Self:
        manifest = RankerManifest.read(files)
        try:
            parameters = PopularityParameters.parse(cls.family, manifest.parameters)
        except ConfigError as error:
            raise IntegrityError(f"{files.source}: {error}") from error
        if parameters.feature not in manifest.names:
            raise IntegrityError(
                f"{files.source}: its feature {parameters.feature!r} is no column"
            )
        return cls(parameters, manifest.names)
