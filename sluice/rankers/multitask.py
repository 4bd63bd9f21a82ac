"""Several calibrated objectives, each its own boosted model, joined by a versioned utility."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.boosting import BoostingParameters
from sluice.rankers.checks import check_columns, learnable_requests
from sluice.rankers.heads import Head, fit_heads, load_heads, save_heads
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.objective import Objective
from sluice.rankers.utility import Utility


class UtilityParameters(BaseModel):
    """The declared form of a `Utility`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    weights: dict[str, FiniteFloat] = Field(min_length=1)
    """By objective; an objective without one is foretold and counts nothing."""

    @property
    def utility(self) -> Utility:
        return Utility(self.name, self.version, self.weights)


_CLICK = Objective(name="click", kind=FeedbackKind.CLICK)
_CLICKS_ONLY = UtilityParameters(name="clicks", version=1, weights={"click": 1.0})


class MultitaskParameters(BoostingParameters):
    """What a surface may set; the boosting is that of each head."""

    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, strict=False)] = (
        _CLICK,
    )
    utility: UtilityParameters = _CLICKS_ONLY
    held_out: float = Field(default=0.2, gt=0, lt=1, allow_inf_nan=False)
    """Share of the requests, the last ones, that the heads are calibrated on and not fitted on."""

    @model_validator(mode="after")
    def _weights_are_of_objectives(self) -> "MultitaskParameters":
        names = [objective.name for objective in self.objectives]
        if len(set(names)) != len(names):
            raise ValueError(f"an objective is declared twice: {', '.join(names)}")
        if unknown := sorted(set(self.utility.weights) - set(names)):
            raise ValueError(
                f"utility weighs {', '.join(unknown)}; objectives are: {', '.join(names)}"
            )
        return self


@dataclass(frozen=True)
class Multitask:
    """U = Σ_m w_m p_m over calibrated probabilities; other weights need no other fit."""

    family: ClassVar[str] = "multitask"
    setwise: ClassVar[bool] = False

    parameters: MultitaskParameters
    names: tuple[str, ...] = ()
    heads: Mapping[str, Head] | None = None
    """By objective; None before `fit`."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(MultitaskParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        kinds = (objective.kind for objective in self.parameters.objectives)
        return tuple(dict.fromkeys(kinds))

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy: heads of the earlier requests, calibrated on the later ones.

        Raises:
            TooLittleData: no request has both a positive and a negative label, or an objective
                is constant on either part; the message names it.
            DataError: the frame lacks a kind of feedback that an objective is about.
        """
        learnable_requests(frame)
        heads = fit_heads(
            self.parameters.objectives,
            self.parameters,
            frame,
            self.parameters.held_out,
            rng,
            bins or Bins(),
        )
        return replace(self, names=frame.names, heads=heads)

    def objectives(self, features: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Calibrated probability of each objective, [rows] by name.

        Raises:
            DataError: the ranker is not fitted, or was fitted on another number of columns.
        """
        check_columns(features, self.names)
        threads = self.parameters.num_threads
        return {
            name: head.probabilities(features, threads)
            for name, head in self._fitted.items()
        }

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Utility, [rows]."""
        del offsets
        return self.parameters.utility.utility.score(self.objectives(features))

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """What each feature adds to the utility, [rows, features + 1]; last what all rows have."""
        del offsets
        check_columns(features, self.names)
        weights = self.parameters.utility.weights
        threads = self.parameters.num_threads
        contributions = np.zeros((len(features), len(self.names) + 1))
        for name in sorted(weights):
            contributions += weights[name] * self._fitted[name].contributions(
                features, threads
            )
        return contributions

    def feature_gain(self) -> dict[str, float]:
        """Log-loss reduction by each feature's splits, all heads together, in column order."""
        heads = [head.trees.gain(self.names) for head in self._fitted.values()]
        return {name: sum(head[name] for head in heads) for name in self.names}

    def save(self, directory: Path) -> None:
        save_heads(self._fitted, directory)
        manifest = RankerManifest(
            family=self.family,
            parameters=self.parameters.model_dump(mode="json"),
            names=self.names,
        )
        manifest.write(directory)

    @classmethod
    def load(cls, files: Files) -> Self:
        manifest = RankerManifest.read(files)
        try:
            parameters = MultitaskParameters.parse(cls.family, manifest.parameters)
        except ConfigError as error:
            raise IntegrityError(f"{files.source}: not a saved ranker: {error}") from error
        names = tuple(objective.name for objective in parameters.objectives)
        heads = load_heads(files, names, len(manifest.names), parameters.scorer)
        return cls(parameters, manifest.names, heads)

    @property
    def _fitted(self) -> Mapping[str, Head]:
        if self.heads is None:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        return self.heads


def reweighted(ranker: Multitask, utility: Utility) -> Multitask:
    """The same heads under other weights: saved, another folder and so another release.

    Raises:
        ConfigError: the version does not count up, or a weight is of no objective of the ranker.
    """
    before = ranker.parameters.utility
    if utility.name == before.name and utility.version <= before.version:
        raise ConfigError(
            f"utility {utility.name} is at version {before.version}; other weights are a later "
            f"version, not {utility.version}"
        )
    declared = {
        "name": utility.name,
        "version": utility.version,
        "weights": {name: float(weight) for name, weight in utility.weights.items()},
    }
    parameters = ranker.parameters.model_dump() | {"utility": declared}
    return replace(ranker, parameters=MultitaskParameters.parse(ranker.family, parameters))
