import json
from dataclasses import replace

import numpy as np
import pytest

from sluice.data.digest import file_digest, folder_digest
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, TooLittleData
from sluice.rankers import load_ranker, make_ranker, save_ranker
from sluice.rankers.multitask import reweighted
from sluice.rankers.utility import Utility
from tests.lib.frames import generated_frame

OBJECTIVES = [
    {"name": "click", "kind": "click"},
    {"name": "long_read", "kind": "dwell", "at_least": 30.0},
]


def utility(version=1, **weights):
    return {"name": "reading", "version": version, "weights": weights or {"click": 1.0}}


def make(**parameters):
    small = {"trees": 30, "leaves": 7, "num_threads": 1, "objectives": OBJECTIVES}
    return make_ranker("multitask", small | {"utility": utility()} | parameters)


@pytest.fixture(scope="module")
def frame():
    return generated_frame(600, 10, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(frame):
    return make().fit(frame, np.random.default_rng(5))


def test_it_wants_each_kind_of_feedback_once():
    twice = [*OBJECTIVES, {"name": "glance", "kind": "dwell", "at_least": 2.0}]

    assert make(objectives=twice).kinds == (FeedbackKind.CLICK, FeedbackKind.DWELL)


def test_objectives_are_calibrated_on_requests_not_seen(fitted):
    later = generated_frame(600, 10, rng=np.random.default_rng(1))
    found = fitted.objectives(later.features)
    truth = {
        "click": later.feedback["click"] >= 1,
        "long_read": later.feedback["dwell"] >= 30,
    }

    assert found.keys() == truth.keys()
    for name, outcomes in truth.items():
        assert found[name].mean() == pytest.approx(outcomes.mean(), rel=0.15)
        high = found[name] > np.quantile(found[name], 0.9)
        assert found[name][high].mean() == pytest.approx(outcomes[high].mean(), rel=0.15)


def test_the_score_is_the_utility_of_the_objectives(frame):
    ranker = make(utility=utility(click=1.0, long_read=-0.5)).fit(
        frame, np.random.default_rng(5)
    )
    found = ranker.objectives(frame.features)

    np.testing.assert_array_equal(
        ranker.score(frame.features), found["click"] - 0.5 * found["long_read"]
    )


def test_other_weights_are_another_folder_with_the_same_heads(fitted, frame, tmp_path):
    other = reweighted(fitted, Utility("reading", 2, {"click": 0, "long_read": 1}))
    for ranker, name in ((fitted, "first"), (other, "second")):
        save_ranker(ranker, tmp_path / name)
    files = {path.name for path in (tmp_path / "first").iterdir()} - {"ranker.json"}

    assert folder_digest(tmp_path / "first") != folder_digest(tmp_path / "second")
    assert files == {"heads.json", "head-click.txt", "head-long_read.txt"}
    for name in files:
        assert file_digest(tmp_path / "first" / name) == file_digest(
            tmp_path / "second" / name
        )
    np.testing.assert_array_equal(
        load_ranker(tmp_path / "second").score(frame.features),
        fitted.objectives(frame.features)["long_read"],
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Utility("reading", 1, {"click": 2}), "at version 1; other weights are a later"),
        (
            Utility("other", 1, {"hide": -1}),
            "weighs hide; objectives are: click, long_read",
        ),
    ],
)
def test_weights_that_do_not_fit_the_heads_are_refused(fitted, given, message):
    with pytest.raises(ConfigError, match=message):
        reweighted(fitted, given)


def test_the_calibration_chosen_is_written_with_the_losses_that_chose_it(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    heads = json.loads((tmp_path / "heads.json").read_text())["heads"]

    for head in heads.values():
        assert set(head["log_loss"]) == {"platt", "isotonic"}
        chosen = head["curve"]["method"]
        assert head["log_loss"][chosen] == min(head["log_loss"].values())
        assert head["rows"] == 4800


def test_a_frame_without_the_feedback_is_refused_with_what_would_do(frame):
    with pytest.raises(
        DataError, match="long_read: the frame holds no feedback of kind dwell"
    ):
        make().fit(
            replace(frame, feedback={"click": frame.feedback["click"]}),
            np.random.default_rng(0),
        )


def test_an_objective_that_nobody_met_is_too_little_data_by_name(frame):
    longest = [{"name": "epic", "kind": "dwell", "at_least": 1e9}]
    ranker = make(objectives=longest, utility=utility(epic=1.0))

    with pytest.raises(TooLittleData, match="objective epic: 0 of 4800 rows to fit"):
        ranker.fit(frame, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objectives": []}, "objectives"),
        ({"objectives": [*OBJECTIVES, OBJECTIVES[0]]}, "declared twice: click, long_read, click"),
        ({"objectives": [{"name": "A b", "kind": "click"}]}, r"objectives\.0\.name"),
        ({"objectives": [{"name": "x", "kind": "smile"}]}, r"objectives\.0\.kind"),
        ({"objectives": [{"name": "x", "kind": "click", "at_least": 0.0}]}, "at_least"),
        ({"utility": utility(hide=-1.0)}, "weighs hide; objectives are: click, long_read"),
        ({"utility": utility(version=0)}, "utility.version = 0"),
        ({"utility": utility(click=float("nan"))}, "utility.weights.click"),
        ({"held_out": 1.0}, "held_out = 1.0"),
    ],
)  # fmt: skip
def test_an_impossible_parameter_is_refused_by_its_path(parameters, message):
    with pytest.raises(ConfigError, match=message):
        make(**parameters)


def test_gain_counts_all_heads(fitted):
    gain = fitted.feature_gain()

    assert max(gain, key=gain.__getitem__) == "quality"
