"""A candidate is numbered by its run; the commit of its code is noted beside it and decides nothing."""

import pytest

from sluice.data.commit import Commit
from sluice.flows import retrain
from sluice.registry.attestation import COMMIT_STEP
from sluice.store.records import Step, Version
from tests.lib.retrainings import small_retraining, surface

TRAINED = {"model": "1" * 64, "family": "lambdamart"}


@pytest.fixture
def retraining(tmp_path):
    return small_retraining(tmp_path, surface())


def at_commit(monkeypatch, letter, *, dirty=False):
    found = Commit(letter * 40, "its git work tree", dirty)
    monkeypatch.setattr(retrain, "running_commit", lambda: found)


def test_at_another_commit_the_same_code_registers_the_same_version(
    retraining, monkeypatch
):
    at_commit(monkeypatch, "a")
    first = retrain.register(retraining, TRAINED)
    at_commit(monkeypatch, "b", dirty=True)
    again = retrain.register(retraining, TRAINED)
    (noted,) = retraining.workplace.store.find(Step, step=COMMIT_STEP)

    assert again == first
    assert len(retraining.workplace.store.find(Version)) == 1
    assert noted.outcome["run"] == first.run
    assert noted.outcome["commit"] == {
        "id": "a" * 40, "found": "its git work tree", "dirty": False,
    }  # fmt: skip
