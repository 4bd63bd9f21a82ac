"""No segment of few people is shown, nor follows from those that are."""

import numpy as np
import pytest

from sluice.ecosystem.suppression import hidden


def segments(**sizes):
    """Requests of so many people a label, one each."""
    labels = np.repeat(list(sizes), list(sizes.values()))
    return labels, np.arange(len(labels))


@pytest.mark.parametrize(
    ("sizes", "gone"),
    [
        ({"a": 30, "b": 40}, set()),
        ({"a": 30, "b": 40, "c": 19}, {"c", "a"}),
        ({"a": 30, "b": 40, "c": 10, "d": 10}, {"c", "d"}),
        ({"a": 30, "b": 40, "c": 3, "d": 4}, {"c", "d", "a"}),
        ({"a": 19, "b": 400}, {"a", "b"}),
    ],
)
def test_small_segments_take_others_with_them(sizes, gone):
    assert hidden(*segments(**sizes), 20) == gone


def test_a_person_in_two_hidden_segments_counts_once():
    labels = np.repeat(["a", "b", "c"], [12, 12, 50])
    people = np.concatenate([np.arange(12), np.arange(12), np.arange(50)])

    assert hidden(labels, people, 20) == {"a", "b", "c"}
