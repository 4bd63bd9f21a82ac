"""Explanations of a registered version, replayed from its snapshot."""

import pytest

from sluice.errors import NotFound
from sluice.flows.explain import explained
from sluice.flows.retrain import register
from tests.lib.retrainings import small_retraining, surface

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def retraining(tmp_path_factory):
    retraining = small_retraining(tmp_path_factory.mktemp("home"), surface())
    register(retraining, retraining.train())
    return retraining


def test_a_version_is_explained_by_what_moves_its_scores_most(retraining):
    found = explained(retraining.workplace, None, None)
    means = list(found["importance"].values())

    assert found["version"] == 1
    assert set(found["importance"]) == set(retraining.trial.frame.names)
    assert means == sorted(means, reverse=True)
    assert means[0] > 0


def test_a_request_is_explained_from_the_top_item_down(retraining):
    frame = retraining.trial.frame
    found = explained(retraining.workplace, 1, str(frame.request_ids[-1]))
    items = [each["item_id"] for each in found["standings"]]

    assert sorted(items) == sorted(frame.item_ids[frame.offsets[-2] :])
    for each in found["standings"]:
        assert each["score"] == pytest.approx(each["base"] + sum(each["reasons"].values()))
        assert set(each["features"]) == set(frame.names)


@pytest.mark.parametrize(
    ("version", "request_id", "message"),
    [(7, None, "7"), (None, "r-nobody", "no request 'r-nobody' among the 450")],
)
def test_what_is_not_there_is_named(retraining, version, request_id, message):
    with pytest.raises(NotFound, match=message):
        explained(retraining.workplace, version, request_id)
