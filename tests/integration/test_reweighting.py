"""Other weights of the same objectives: a new candidate, and no new fit."""

from dataclasses import replace

import pytest

from sluice.errors import ConfigError
from sluice.flows.candidates import candidate_folder
from sluice.flows.retrain import Retraining
from sluice.rankers import load_ranker
from sluice.store.records import Step
from tests.lib.retrainings import small_retraining, surface

pytestmark = [pytest.mark.integration]

OBJECTIVES = [
    {"name": "click", "kind": "click"},
    {"name": "long_read", "kind": "dwell", "at_least": 20.0},
]


def declared(version, **weights):
    utility = {"name": "u", "version": version, "weights": weights}
    return surface("multitask", objectives=OBJECTIVES, utility=utility)


@pytest.fixture
def first(tmp_path):
    return small_retraining(tmp_path, declared(1, click=1.0))


def under(retraining, weighed):
    workplace = replace(retraining.workplace, surface=weighed)
    return Retraining(workplace, retraining.snapshot)


def test_other_weights_are_another_candidate_with_the_same_heads(first):
    clicks = first.train()
    reading = under(first, declared(2, click=0.2, long_read=1.0)).train()
    store, models = first.workplace.store, first.workplace.settings.models
    folders = [candidate_folder(models, each["model"]) for each in (clicks, reading)]

    assert clicks["model"] != reading["model"]
    assert [step.step for step in store.find(Step)].count("fit") == 1
    assert [step.step for step in store.find(Step)].count("train") == 2
    for name in ("heads.json", "head-click.txt", "head-long_read.txt"):
        assert len({(folder / "model" / name).read_bytes() for folder in folders}) == 1
    weights = load_ranker(folders[1] / "model").parameters.utility.weights
    assert weights == {"click": 0.2, "long_read": 1.0}


def test_other_weights_under_the_same_version_are_refused(first):
    first.train()

    with pytest.raises(ConfigError, match="utility u is at version 1"):
        under(first, declared(1, click=0.5)).train()
