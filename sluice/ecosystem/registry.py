"""The one place where measures are found: every class of one in `sluice.ecosystem.measures`."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from inspect import isabstract

from sluice.ecosystem import measures as package
from sluice.ecosystem.measure import Measure
from sluice.errors import ConfigError

_measures: dict[str, Measure] = {}


def register(measure: Measure) -> Measure:
    """Let scorecards show a measure.

    Raises:
        ConfigError: another class has this name.
    """
    there = _measures.setdefault(measure.name, measure)
    if type(there) is not type(measure):
        raise ConfigError(
            f"Cannot register {type(measure).__qualname__} because {type(there).__qualname__} is the "
            f"measure {measure.name!r} already; give it another name"
        )
    return there


def measures() -> Mapping[str, Measure]:
    """Every measure by its name, in the order in which they are listed."""
    return dict(sorted(_measures.items(), key=lambda pair: (pair[1].position, pair[0])))


def _find() -> None:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Measure)
                and value.__module__ == module.name
                and not isabstract(value)
            ):
                register(value())


_find()
