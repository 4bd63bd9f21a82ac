"""Mechanisms with their prices, as a candidate carries them."""

import numpy as np
import pytest

from sluice.errors import IntegrityError
from sluice.mechanisms.arrangement import ARRANGEMENT, BY_SCORE, Arrangement
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.spec import ProviderFloors, Spacing

SPACED = Arrangement(declared=(Spacing(kind="spacing", weight=1.0, window=1),))
FLOORED = Arrangement(
    declared=(ProviderFloors(kind="provider_floors"),), prices={"p": 0.25}
)


def slates():
    """Two requests: three items of two categories, and one item."""
    return Slates(
        offsets=np.array([0, 3, 4]),
        item_ids=np.array(["a", "b", "c", "d"]),
        scores=np.array([0.9, 0.8, 0.1, 0.5]),
        categories=["x", "x", "y", None],
    )


@pytest.mark.parametrize("arrangement", [BY_SCORE, SPACED, FLOORED])
def test_what_is_saved_is_loaded(arrangement, tmp_path):
    arrangement.save(tmp_path)

    assert Arrangement.load(tmp_path) == arrangement


def test_without_mechanisms_the_scores_are_the_places():
    np.testing.assert_array_equal(BY_SCORE.places(slates()), slates().scores)


def test_places_order_each_request_as_it_would_be_shown():
    np.testing.assert_array_equal(SPACED.places(slates()), [0.0, -2.0, -1.0, 0.0])


def test_a_file_that_is_missing_or_is_none_is_refused(tmp_path):
    with pytest.raises(IntegrityError, match=r"arrangement\.json is missing"):
        Arrangement.load(tmp_path)
    (tmp_path / ARRANGEMENT).write_text('{"declared": [{"kind": "magic"}]}')
    with pytest.raises(IntegrityError, match="is no arrangement"):
        Arrangement.load(tmp_path)
