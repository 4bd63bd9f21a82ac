"""The compiled form of a feature declaration: column names and the numbers the kernel reads."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.errors import ConfigError
from sluice.features.spec import FeatureSpec

ABSENT = -1
"""Column number of a feature that is not declared."""


class Layout(NamedTuple):
    """What the kernel needs to know of a plan, in types that Numba compiles once."""

    embargo: int
    """µs."""
    windows: NDArray[np.int64]
    """[W], µs, ascending as declared."""
    half_lives: NDArray[np.int64]
    """[H], µs."""
    prior_weight: float
    transitions: int
    """How many of the last clicks are looked at; 0 for none."""
    exposure: int
    """First of W + 1 columns; the last counts all of time."""
    click: int
    rate: int
    decayed: int
    """First of 3 H columns: per half-life exposures, clicks, rate."""
    age: int
    user_item: int
    """First of 2 columns: shown before, clicked before."""
    provider: int
    """First of 2 columns: clicks, share of the person's clicks."""
    category: int
    transition: int
    """First of 2 columns: from the last click, mean over the last clicks."""
    context: int
    relative_of: NDArray[np.int64]
    """[R] columns that get relative forms."""
    ranked: int
    """First of R columns, or absent; likewise for the two below."""
    shared: int
    centred: int


@dataclass(frozen=True)
class Plan:
    """A surface's features in column order."""

    names: tuple[str, ...]
    layout: Layout
    context: tuple[str, ...]

    @property
    def horizon(self) -> int:
        """µs for which an applied event must be kept, to leave its longest window."""
        return int(self.layout.windows.max()) if len(self.layout.windows) else 0


class _Columns:
    """Column names in the order in which blocks are added."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, names: list[str]) -> int:
        if not names:
            return ABSENT
        self.names.extend(names)
        return len(self.names) - len(names)


def compile_plan(spec: FeatureSpec, context: tuple[str, ...] = ()) -> Plan:
    """Number the columns of a declaration.

    Args:
        spec: the surface's declaration.
        context: names of the log's context columns, passed through where the spec says so.

    Raises:
        ConfigError: `relative_of` names a feature that is not declared.
    """
    columns = _Columns()
    columns.add(["request.size"])
    spans = [*spec.windows, "all"]
    passed = context if spec.context else ()
    blocks = {
        "exposure": columns.add([f"item.exposure.{span}" for span in spans]),
        "click": columns.add([f"item.click.{span}" for span in spans]),
        "rate": columns.add([f"item.ctr.{span}" for span in spans]),
        "decayed": columns.add(_decayed_names(spec)),
        "age": columns.add(["item.age"] if spec.age else []),
        "user_item": columns.add(
            ["user_item.exposure", "user_item.click"] if spec.user_item else []
        ),
        "provider": columns.add(_affinity_names("provider", spec)),
        "category": columns.add(_affinity_names("category", spec)),
        "transition": columns.add(
            ["transition.last", "transition.mean"] if spec.transitions else []
        ),
        "context": columns.add(list(passed)),
    }
    relative_of = _relative_columns(spec, columns.names)
    forms = {
        form: columns.add([f"{name}.{form}" for name in spec.relative_of])
        if form in spec.relative
        else ABSENT
        for form in ("rank", "share", "difference")
    }
    layout = Layout(
        embargo=microseconds(spec.embargo),
        windows=np.array([microseconds(text) for text in spec.windows], dtype=np.int64),
        half_lives=np.array(
            [microseconds(text) for text in spec.half_lives], dtype=np.int64
        ),
        prior_weight=float(spec.prior_weight),
        transitions=spec.transitions,
        relative_of=relative_of,
        ranked=forms["rank"],
        shared=forms["share"],
        centred=forms["difference"],
        **blocks,
    )
    return Plan(tuple(columns.names), layout, passed)


def _decayed_names(spec: FeatureSpec) -> list[str]:
    return [
        f"item.{event}.decay_{half_life}"
        for half_life in spec.half_lives
        for event in ("exposure", "click", "ctr")
    ]


def _affinity_names(key: str, spec: FeatureSpec) -> list[str]:
    return [f"user_{key}.click", f"user_{key}.share"] if key in spec.affinity else []


def _relative_columns(spec: FeatureSpec, names: list[str]) -> NDArray[np.int64]:
    missing = [name for name in spec.relative_of if name not in names]
    if missing:
        raise ConfigError(
            f"features.relative_of: no feature {', '.join(missing)}; there are: {', '.join(names)}"
        )
    return np.array([names.index(name) for name in spec.relative_of], dtype=np.int64)
