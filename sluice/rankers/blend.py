"""Several families as one: the mean of where each puts an item among those of its request."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.checks import check_columns
from sluice.rankers.lambdamart import LambdaMart
from sluice.rankers.linear import Linear
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.mlp import Mlp
from sluice.rankers.multitask import Multitask
from sluice.rankers.parameters import Parameters
from sluice.rankers.popularity import Popularity
from sluice.rankers.protocol import Ranker
from sluice.rankers.standing import mean_of, requests_of, scale_of

MEMBERS: Mapping[str, type[Ranker]] = {
    ranker.family: ranker for ranker in (Popularity, Linear, LambdaMart, Multitask, Mlp)
}
"""Families that a blend may have; a blend of blends is one blend."""


class Member(BaseModel):
    """One family of a blend, and what it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    family: str
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _can_be_made(self) -> "Member":
        if self.family not in MEMBERS:
            raise ValueError(
                f"no family {self.family!r} to blend; there are: {', '.join(MEMBERS)}"
            )
        try:
            self.make()
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    def make(self) -> Ranker:
        return MEMBERS[self.family].make(self.parameters)


class BlendParameters(Parameters):
    """What a surface may set."""

    members: Annotated[tuple[Member, ...], Field(min_length=2, strict=False)] = (
        Member(family="lambdamart"),
        Member(family="mlp"),
    )


@dataclass(frozen=True)
class Blend:
    """Σ_m w_m z_m / Σ_m w_m, z the member's score in deviations from its mean over the request.

    It looks at the whole request, so an item scores otherwise in other company. A request of one
    item, or one that a member cannot tell apart, has 0 of that member.
    """

    family: ClassVar[str] = "blend"
    setwise: ClassVar[bool] = True

    parameters: BlendParameters
    names: tuple[str, ...] = ()
    rankers: tuple[Ranker, ...] = ()
    """Of the members, fitted, in their order; none before `fit`."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(BlendParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        wanted = (
            kind for member in self.parameters.members for kind in member.make().kinds
        )
        return tuple(dict.fromkeys(wanted))

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy; each member draws from a child of `rng`.

        Raises:
            TooLittleData: a member finds nothing to learn from.
            DataError: the frame lacks what a member learns from.
        """
        members = self.parameters.members
        rankers = tuple(
            member.make().fit(frame, child, bins)
            for member, child in zip(members, rng.spawn(len(members)), strict=True)
        )
        return replace(self, names=frame.names, rankers=rankers)

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Weighted mean of the members' standard scores, [rows].

        Raises:
            DataError: as every ranker; or the offsets do not cover the rows.
        """
        check_columns(features, self.names)
        total = np.zeros(len(features))
        for share, ranker in self._shares:
            scores = ranker.score(features, offsets)
            total += share * scale_of(scores, offsets).standardised(scores)
        return total

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """What each feature adds over its mean in the request, [rows, features + 1]; last 0."""
        check_columns(features, self.names)
        total = np.zeros((len(features), len(self.names) + 1))
        for share, ranker in self._shares:
            scale = scale_of(ranker.score(features, offsets), offsets)
            contributions = ranker.contributions(features, offsets)
            for nth, column in enumerate(contributions.T):
                total[:, nth] += share * scale.shrunk(_above_mean(column, offsets))
        return total

    def feature_gain(self) -> dict[str, float]:
        """Share of the loss reduction of the members that tell it, by name, in column order."""
        reports = [
            (share, ranker.feature_gain())
            for share, ranker in self._shares
            if isinstance(ranker, LambdaMart | Multitask)
        ]
        total = dict.fromkeys(self.names, 0.0)
        for share, gains in reports:
            whole = sum(gains.values()) or 1.0
            for name, gain in gains.items():
                total[name] += share * gain / whole
        return total

    def save(self, directory: Path) -> None:
        check_columns(np.zeros((0, len(self.names)), np.float32), self.names)
        for nth, ranker in enumerate(self.rankers):
            _save_beside(ranker, directory, _prefix(nth))
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
            parameters = BlendParameters.parse(cls.family, manifest.parameters)
        except ConfigError as error:
            raise IntegrityError(f"{files.source}: not a saved ranker: {error}") from error
        rankers = tuple(
            _loaded(files, nth, member, manifest.names)
            for nth, member in enumerate(parameters.members)
        )
        return cls(parameters, manifest.names, rankers)

    @property
    def _shares(self) -> tuple[tuple[float, Ranker], ...]:
        if not self.rankers:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        weights = [member.weight for member in self.parameters.members]
        whole = sum(weights)
        return tuple(
            (weight / whole, ranker)
            for weight, ranker in zip(weights, self.rankers, strict=True)
        )


def _save_beside(ranker: Ranker, directory: Path, prefix: str) -> None:
    """Write a member's files under longer names: a release's `model` holds files, no folder."""
    with tempfile.TemporaryDirectory(dir=directory) as draft:
        ranker.save(Path(draft))
        for path in sorted(Path(draft).iterdir()):
            path.replace(directory / f"{prefix}{path.name}")


def _loaded(blended: Files, nth: int, member: Member, names: tuple[str, ...]) -> Ranker:
    files = blended.beginning(_prefix(nth), f"{blended.source} (member {nth})")
    manifest = RankerManifest.read(files)
    if (manifest.family, manifest.names) != (member.family, names):
        raise IntegrityError(
            f"{files.source}: a {manifest.family} of {len(manifest.names)} columns; the blend has "
            f"a {member.family} of {len(names)} here"
        )
    return MEMBERS[member.family].load(files)


def _above_mean(
    column: NDArray[np.float64], offsets: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """[rows]; what a row has over the mean of its request."""
    standardised = np.zeros(len(column))
    for first, last in requests_of(len(column), offsets):
        if first < last:
            standardised[first:last] = column[first:last] - mean_of(column[first:last])
    return standardised


def _prefix(nth: int) -> str:
    return f"member_{nth}_"
