"""The one place where gates are found: every class of one in a module of this package."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from inspect import isabstract

import sluice.gates
from sluice.errors import ConfigError
from sluice.gates.base import Evidence, Gate, TierName
from sluice.gates.figures import Row, plain_rows
from sluice.gates.outcome import Outcome

_STRICTNESS: Mapping[TierName, int] = {"experimental": 0, "standard": 1, "critical": 2}
_kinds: dict[str, type[Gate]] = {}


def register(kind: type[Gate]) -> type[Gate]:
    """Let surfaces declare a gate; the same class again changes nothing.

    Raises:
        ConfigError: another gate has this name.
    """
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ConfigError(
            f"Cannot register {kind.__qualname__} because {_kinds[kind.name].__qualname__} is the gate "
            f"{kind.name!r} already; give it another name"
        )
    return kind


def kinds() -> Mapping[str, type[Gate]]:
    """Every gate by its name, in the order in which they are listed."""
    return dict(sorted(_kinds.items(), key=lambda item: (item[1].position, item[0])))


def demanded_by(tier: TierName) -> tuple[str, ...]:
    """Names of the gates that a surface of this tier must have."""
    return tuple(
        name
        for name, kind in kinds().items()
        if kind.laxest_tier and _STRICTNESS[kind.laxest_tier] <= _STRICTNESS[tier]
    )


def is_waivable(gate: str) -> bool:
    """Whether a person may let a version past it: not where every tier demands the gate.

    Without such a one nobody knows what was measured, or what would be served.
    """
    return gate not in demanded_by("experimental")


def is_on_release(gate: str) -> bool:
    """Whether it judges the packaged release, and not the candidate."""
    return gate in _kinds and _kinds[gate].on_release


def question(gate: str) -> str:
    """What it asks; nothing of a gate that is no longer there."""
    return _kinds[gate].question if gate in _kinds else ""


def figure_rows(gate: str, evidence: Evidence) -> list[Row]:
    """Name and value of each figure that a verdict rests on."""
    return _kinds[gate].figures(evidence) if gate in _kinds else plain_rows(evidence)


def remedies(gate: str, outcome: Outcome, evidence: Evidence) -> tuple[str, ...]:
    """What would have to change, one sentence each; empty where it passed or nothing is known."""
    if outcome is Outcome.PASS or gate not in _kinds:
        return ()
    return tuple(_kinds[gate].to_pass(evidence))


def _find() -> None:
    """Register the gates of this package."""
    for module in pkgutil.iter_modules(sluice.gates.__path__, f"{sluice.gates.__name__}."):
        if module.name == __name__:
            continue
        for value in vars(import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Gate)
                and value.__module__ == module.name
                and not isabstract(value)
            ):
                register(value)


_find()
