"""What a surface declares about its gates: their thresholds, which are mandatory, and its tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import GenericAlias
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from sluice.data.durations import parse_duration
from sluice.gates.base import Gate, TierName
from sluice.gates.declared import AnyGate
from sluice.gates.registry import demanded_by, kinds


class GateSpec(BaseModel):
    """Gates a candidate must pass; the order is the order in which they are judged."""

    # Beside `mandatory` there is an attribute for each gate that declares anything: an instance of its class.
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    mandatory: tuple[str, ...] = Field(
        default_factory=lambda: demanded_by("standard"), min_length=1, strict=False
    )

    @classmethod
    def written(cls) -> type[BaseModel]:
        """What a surface file may say, key by key: a model with a field for each registered gate."""
        return _written(tuple(kinds().values()), cls.__doc__ or "")

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        # Its errors keep their keys: pydantic takes them over as they are.
        checked = cls.written().model_validate(given)
        return {name: getattr(checked, name) for name in type(checked).model_fields}

    @model_validator(mode="after")
    def _no_gate_twice(self) -> "GateSpec":
        if len(set(self.mandatory)) != len(self.mandatory):
            raise ValueError(f"mandatory names a gate twice: {list(self.mandatory)}")
        return self

    def of(self, kind: type[AnyGate]) -> AnyGate:
        """The gate of this class; with its defaults where the surface says nothing of it."""
        declared = (self.__pydantic_extra__ or {}).get(kind.name)
        return declared if isinstance(declared, kind) else kind()

    @property
    def demanded(self) -> tuple[Gate, ...]:
        """The mandatory gates, in their order."""
        return tuple(self.of(kinds()[name]) for name in self.mandatory)


@cache
def _written(registered: tuple[type[Gate], ...], meaning: str) -> type[BaseModel]:
    # Names that are known only now; no type checker follows that.
    literal: Any = Literal
    named: Any = literal[tuple(kind.name for kind in registered)]
    names: Any = GenericAlias(tuple, (named, ...))
    fields: dict[str, Any] = {
        kind.name: (kind, kind()) for kind in registered if kind.model_fields
    }
    mandatory = Field(default=demanded_by("standard"), min_length=1, strict=False)
    return create_model(
        "GateSpec",
        __config__=ConfigDict(frozen=True, extra="forbid", strict=True),
        __doc__=meaning,
        __module__=__name__,
        mandatory=(names, mandatory),
        **fields,
    )


@dataclass(frozen=True)
class Tier:
    """The least that a surface of a kind must ask before a version serves."""

    name: TierName
    approvers: int
    """Different people who must approve; none of them its author."""
    bake: str
    """How long a version serves before it is confirmed, and before another may follow it; wall time."""

    @property
    def gates(self) -> tuple[str, ...]:
        """Those that say so themselves; see `Gate.laxest_tier`."""
        return demanded_by(self.name)

    @property
    def bake_time(self) -> timedelta:
        return parse_duration(self.bake)


TIERS: Mapping[TierName, Tier] = {
    "critical": Tier("critical", approvers=2, bake="1d"),
    "standard": Tier("standard", approvers=1, bake="1h"),
    "experimental": Tier("experimental", approvers=1, bake="0s"),
}
