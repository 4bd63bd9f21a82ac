"""Every figure of a surface's exposures, and of its segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Measure
from sluice.ecosystem.registry import measures
from sluice.ecosystem.suppression import hidden


@dataclass(frozen=True)
class Card:
    """Figures of some exposures, and how many they rest on."""

    requests: int
    exposures: int
    people: int
    figures: Mapping[str, Figure]
    """By measure, in the order of the registry."""


@dataclass(frozen=True)
class Segments:
    """Cards of the parts of the requests."""

    dimension: str
    cards: Mapping[str, Card]
    """By label."""
    hidden: int
    """How many segments are not shown."""


def card(shown: Exposures, chosen: Sequence[Measure] | None = None) -> Card:
    """Measure exposures.

    Args:
        shown: the exposures.
        chosen: the measures; all where None.
    """
    wanted = measures().values() if chosen is None else chosen
    figures = {measure.name: _figure(measure, shown) for measure in wanted}
    return Card(shown.requests, len(shown.item), shown.people, figures)


def segments(shown: Exposures, dimension: str, labels: NDArray[np.str_]) -> Segments:
    """Measure each segment that may be shown.

    Args:
        shown: the exposures.
        dimension: its name.
        labels: of each request, [requests].
    """
    gone = hidden(labels, shown.person, shown.stated.min_people)
    wanted = [measure for measure in measures().values() if measure.by_segment]
    names, place = np.unique(labels, return_inverse=True)
    cards = {
        label: card(shown.where(place == code), wanted)
        for code, label in enumerate(names.tolist())
        if label not in gone
    }
    return Segments(dimension, cards, len(gone))


def _figure(measure: Measure, shown: Exposures) -> Figure:
    if not shown.requests:
        return not_given("nothing was shown")
    return measure.figure(shown)
