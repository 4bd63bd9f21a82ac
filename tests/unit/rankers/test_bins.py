"""Bins that an earlier fit left change no byte of the next one, whatever the two differ in."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from sluice.data.digest import folder_digest
from sluice.rankers import FAMILIES, make_ranker, save_ranker
from sluice.rankers.bins import Bins
from sluice.rankers.search import RANGES
from tests.lib.frames import generated_frame

SMALL = {"trees": 8, "leaves": 7, "num_threads": 1}
SEARCHED = {
    "trees": 11, "leaves": 5, "learning_rate": 0.2, "min_rows_per_leaf": 90, "l2": 3.0,
    "feature_fraction": 0.5,
}  # fmt: skip
BINNED_ALIKE = ("lambdamart", "multitask")
QUICK = {
    "mlp": {"epochs": 2, "seeds": 1},
    "blend": {
        "members": [{"family": "linear"}, {"family": "lambdamart", "parameters": SMALL}]
    },
}


def shown(seed):
    """Requests of twelve, whose slots are known."""
    frame = generated_frame(150, 12, rng=np.random.default_rng(seed))
    return replace(frame, positions=np.tile(np.arange(1, 13, dtype=np.int32), 150))


@pytest.fixture(scope="module")
def frame():
    return shown(0)


@pytest.fixture
def made(monkeypatch):
    """Datasets that were made."""
    datasets, make = [], lightgbm.Dataset
    monkeypatch.setattr(
        lightgbm,
        "Dataset",
        lambda *given, **named: datasets.append(1) or make(*given, **named),
    )
    return datasets


def digest(folder, frame, kept, family="lambdamart", seed=5, **parameters):
    declared = SMALL | parameters if family in BINNED_ALIKE else QUICK.get(family, {})
    ranker = make_ranker(family, declared)
    save_ranker(ranker.fit(frame, np.random.default_rng(seed), kept), folder)
    return folder_digest(folder)


def test_everything_that_is_searched_is_fitted_on_the_same_bins():
    assert all(set(RANGES[family]) == set(SEARCHED) for family in BINNED_ALIKE)


@pytest.mark.parametrize("family", BINNED_ALIKE)
@pytest.mark.parametrize("turn", [1, -1], ids=["grown", "shrunk"])
def test_fits_of_one_frame_share_their_bins_and_are_the_same_as_alone(
    family, turn, frame, made, tmp_path
):
    bins, fits = Bins(), [SEARCHED, {}][::turn]
    shared = [
        digest(tmp_path / f"shared-{nth}", frame, bins, family, **fit)
        for nth, fit in enumerate(fits)
    ]
    assert len(made) == 1

    alone = [
        digest(tmp_path / f"alone-{nth}", frame, None, family, **fit)
        for nth, fit in enumerate(fits)
    ]
    assert shared == alone
    assert len(set(shared)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6}, {"bins": 15}, {"position_bias": True}, {"request_sample": 0.5},
        {"frame": shown(1)},
        {"family": "multitask"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_is_binned_otherwise_is_binned_anew(change, frame, made, tmp_path):
    bins, changed = Bins(), {"frame": frame, **change}
    digest(tmp_path / "before", frame, bins)
    found = digest(tmp_path / "found", kept=bins, **changed)

    assert len(made) == 2
    assert found == digest(tmp_path / "alone", kept=None, **changed)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(BINNED_ALIKE)))
def test_families_that_bin_nothing_take_them_too(family, frame, tmp_path):
    found = digest(tmp_path / "found", frame, Bins(), family)

    assert found == digest(tmp_path / "alone", frame, None, family)
