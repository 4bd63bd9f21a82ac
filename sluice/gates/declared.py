"""The gates of a surface, as one gate sees the others."""

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from sluice.gates.base import Gate

AnyGate = TypeVar("AnyGate", bound="Gate")


class Declared(Protocol):
    """The gates as a surface declares them; `sluice.gates.spec.GateSpec` is it."""

    @property
    def mandatory(self) -> tuple[str, ...]:
        """Names of those that a version must pass."""
        ...

    def of(self, kind: type[AnyGate]) -> AnyGate:
        """The gate of this class; with its defaults where the surface says nothing of it."""
        ...
