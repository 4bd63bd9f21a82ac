"""The mechanisms that a surface declares, in the order in which they are applied."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sluice.errors import ConfigError, DataError
from sluice.features.declaration.plan import Plan
from sluice.features.state.readings import FEEDERS, told_by
from sluice.mechanisms.ads import insert_ads
from sluice.mechanisms.calibration import MIN_HISTORY, calibration
from sluice.mechanisms.dpp import dpp
from sluice.mechanisms.floors import floors
from sluice.mechanisms.mmr import mmr
from sluice.mechanisms.similarity import Likeness
from sluice.mechanisms.slate import Group, Slate
from sluice.mechanisms.spacing import spacing

Prices = Mapping[str, float]
"""Of the provider floors, by provider; fitted over many requests (`floors.fit_floors`)."""
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Slots = Annotated[int, Field(ge=1)]
_COLUMN = {"embedding": "embeddings", "category": "categories", "provider": "providers"}


class Mechanism(BaseModel, ABC):
    """What every mechanism declares and can do."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    swept: ClassVar[str] = "weight"
    """The parameter that trades one party's gain for another's."""
    grid: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2, 0.3, 0.5)
    """Its values that `sluice tradeoffs` tries, beside the declared one."""

    @property
    def setting(self) -> float:
        """The declared value of the swept parameter."""
        return float(getattr(self, self.swept))

    def at(self, setting: float) -> Self:
        """The same mechanism with another value of the swept parameter."""
        return self.model_copy(update={self.swept: setting})

    @property
    @abstractmethod
    def columns(self) -> frozenset[str]:
        """Columns of a `Slate` that it reads, beside the items and their scores."""

    @abstractmethod
    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:
        """Rows from the top slot down, [rows]; `prices` are for provider floors."""


class Diversity(Mechanism):
    """What all declare that put items apart which are alike."""

    weight: Weight = 0.1
    of: Likeness = "embedding"
    depth: Slots = 50

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({_COLUMN[self.of]})


class Mmr(Diversity):
    """Maximal marginal relevance; see `sluice.mechanisms.mmr`."""

    kind: Literal["mmr"]

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:  # noqa: ARG002
        return mmr(slate, weight=self.weight, of=self.of, depth=self.depth)


class Dpp(Diversity):
    """Greedy determinantal point process; see `sluice.mechanisms.dpp`."""

    kind: Literal["dpp"]

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:  # noqa: ARG002
        return dpp(slate, weight=self.weight, of=self.of, depth=self.depth)


class Spacing(Mechanism):
    """Soft spacing; see `sluice.mechanisms.spacing`."""

    kind: Literal["spacing"]
    weight: Weight = 0.1
    of: Group = "category"
    window: Slots = 3
    only: tuple[str, ...] = Field(default=(), strict=False)
    """Sensitive groups, spaced as one; every group by itself where empty."""
    depth: Slots = 50

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({_COLUMN[self.of]})

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:  # noqa: ARG002
        return spacing(
            slate, weight=self.weight, of=self.of, window=self.window, only=self.only,
            depth=self.depth,
        )  # fmt: skip


class Calibration(Mechanism):
    """Steck's calibration to the person's own categories; see `sluice.mechanisms.calibration`."""

    kind: Literal["calibration"]
    weight: Weight = 0.1
    min_history: float = Field(default=MIN_HISTORY, ge=0, allow_inf_nan=False)
    """Clicks below which a person's interest is not known well enough."""
    depth: Slots = 50

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"categories", "interest"})

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:  # noqa: ARG002
        return calibration(
            slate, weight=self.weight, min_history=self.min_history, depth=self.depth
        )


class ProviderFloors(Mechanism):
    """Provider floors by fitted prices; see `sluice.mechanisms.floors`."""

    kind: Literal["provider_floors"]
    floor: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.9
    """Share of the exposure under shuffled candidates that no provider falls below."""
    swept: ClassVar[str] = "floor"
    grid: ClassVar[tuple[float, ...]] = (0.8, 0.85, 0.9, 0.95, 0.98)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"providers"})

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:
        if prices is None:
            raise DataError(
                "provider floors are declared and their prices are not known; fit them with the model"
            )
        return floors(slate, prices)


class Ads(Mechanism):
    """Ad insertion; see `sluice.mechanisms.ads`."""

    kind: Literal["ads"]
    alpha: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """What one unit of score is worth in revenue."""
    first: Slots = 2
    gap: Slots = 4
    swept: ClassVar[str] = "alpha"
    grid: ClassVar[tuple[float, ...]] = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"is_ad", "revenue"})

    def order(self, slate: Slate, prices: Prices | None) -> NDArray[np.int64]:  # noqa: ARG002
        return insert_ads(slate, alpha=self.alpha, first=self.first, gap=self.gap)


MechanismSpec = Annotated[
    Mmr | Dpp | Spacing | Calibration | ProviderFloors | Ads, Field(discriminator="kind")
]


def check_declared(declared: Sequence[MechanismSpec]) -> None:
    """Refuse lists that cannot be meant.

    Raises:
        ConfigError: a kind is declared twice, the floors are not the first or the ads not the last.
    """
    kinds = [spec.kind for spec in declared]
    if twice := [kind for kind, count in Counter(kinds).items() if count > 1]:
        raise ConfigError(f"declares {', '.join(twice)} twice; once is enough")
    if "provider_floors" in kinds[1:]:
        raise ConfigError(
            "declares provider_floors after others; their prices are on the ranker's own scores, so "
            "put them first"
        )
    if "ads" in kinds[:-1]:
        raise ConfigError(
            "declares ads before the end; what comes after them would break their gaps: put them last"
        )


def check_told(declared: Sequence[MechanismSpec], plan: Plan) -> None:
    """Refuse mechanisms that read what a state of these features does not keep.

    Raises:
        ConfigError: one does; the message names the feature that would keep it.
    """
    for spec in declared:
        for column in sorted((spec.columns & FEEDERS.keys()) - told_by(plan)):
            raise ConfigError(
                f"{spec.kind} reads {column}, which a state of these features does not keep; declare "
                f"{FEEDERS[column]} too"
            )


def needed(declared: Sequence[Mechanism]) -> frozenset[str]:
    """Columns that a slate must bring for these mechanisms."""
    return frozenset[str]().union(*(spec.columns for spec in declared))


def arrange(
    slate: Slate, declared: Sequence[Mechanism], prices: Prices | None = None
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows], after every declared mechanism in turn; none: by score.

    Raises:
        DataError: the slate lacks a column that is needed, or `prices` are needed and not given.
    """
    order = None
    for spec in declared:
        slate = slate if order is None else slate.after(order)
        order = spec.order(slate, prices)
    return slate.order if order is None else order
