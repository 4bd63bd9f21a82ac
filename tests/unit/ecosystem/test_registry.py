"""Measures are found, are one a name, and surfaces aim at those that there are."""

from typing import ClassVar

import pytest

from sluice.ecosystem.measure import Measure
from sluice.ecosystem.measures.coverage import Coverage
from sluice.ecosystem.registry import measures, register
from sluice.ecosystem.spec import EcosystemSpec
from sluice.errors import ConfigError


class Impostor(Coverage):
    name: ClassVar[str] = "coverage"


def test_every_measure_says_what_it_is():
    for name, measure in measures().items():
        assert isinstance(measure, Measure)
        assert measure.name == name
        assert measure.meaning


def test_a_name_belongs_to_one_class():
    with pytest.raises(ConfigError, match="Coverage is the measure 'coverage' already"):
        register(Impostor())


def test_a_target_of_no_measure_is_refused():
    with pytest.raises(ValueError, match="no measure clicks; there are: item_gini"):
        EcosystemSpec.model_validate({"targets": {"clicks": {"at_least": 1.0}}})
