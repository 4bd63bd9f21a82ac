"""Families as one: on one scale within the request, whatever else is asked for."""

import json

import numpy as np
import pytest

from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.rankers import load_ranker, make_ranker, save_ranker
from sluice.rankers.standing import scale_of
from tests.lib.frames import generated_frame

MEMBERS = [
    {"family": "popularity", "weight": 1.0},
    {"family": "linear", "weight": 3.0},
]


@pytest.fixture(scope="module")
def frame():
    return generated_frame(60, 10, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(frame):
    blend = make_ranker("blend", {"members": MEMBERS})
    return blend.fit(frame, np.random.default_rng(0))


def test_it_is_the_weighted_mean_of_z_scores(fitted, frame):
    expected = np.zeros((60, 10))
    for weight, member in zip((0.25, 0.75), fitted.rankers, strict=True):
        scores = member.score(frame.features).reshape(60, 10)
        centred = scores - scores.mean(axis=1, keepdims=True)
        expected += weight * centred / scores.std(axis=1, keepdims=True)

    np.testing.assert_allclose(
        fitted.score(frame.features, frame.offsets), expected.ravel(), atol=1e-9
    )


def test_members_are_fitted_as_alone(fitted, frame):
    alone = make_ranker("linear", {}).fit(frame, np.random.default_rng(0))

    np.testing.assert_array_equal(
        fitted.rankers[1].score(frame.features), alone.score(frame.features)
    )


def test_shuffled_requests_keep_every_bit(fitted, frame):
    rng = np.random.default_rng(1)
    order = np.concatenate([10 * nth + rng.permutation(10) for nth in rng.permutation(60)])

    np.testing.assert_array_equal(
        fitted.score(frame.features[order], frame.offsets),
        fitted.score(frame.features, frame.offsets)[order],
    )


def test_equal_scores_stand_at_zero():
    scale = scale_of(np.array([0.1, 0.1, 0.1, 5.0, 1, 2]), np.array([0, 3, 3, 4, 6]))

    assert scale.deviation.tolist() == [0, 0, 0, 0, 0.5, 0.5]
    assert scale.standardised(np.array([0.1, 0.1, 0.1, 5.0, 1, 2])).tolist()[:4] == [0] * 4


@pytest.mark.parametrize("offsets", [[], [0], [0, 5], [1, 20], [0, 15, 10, 20], [0, 30]])
def test_offsets_that_do_not_cover_are_refused(fitted, frame, offsets):
    with pytest.raises(DataError, match="do not cover 20 rows"):
        fitted.score(frame.features[:20], np.array(offsets, np.int64))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (MEMBERS[:1], "at least 2"),
        (
            [*MEMBERS, {"family": "blend"}],
            "no family 'blend' to blend; there are: popularity",
        ),
        ([*MEMBERS, {"family": "linear", "weight": 0.0}], "greater than 0"),
        ([*MEMBERS, {"family": "mlp", "parameters": {"sedes": 1}}], "no 'sedes'"),
    ],
)
def test_members_that_cannot_be_are_refused(members, message):
    with pytest.raises(ConfigError, match=message):
        make_ranker("blend", {"members": members})


def test_it_wants_the_feedback_of_its_members():
    members = [{"family": "multitask"}, {"family": "linear"}]

    assert [kind.value for kind in make_ranker("blend", {"members": members}).kinds] == [
        "click"
    ]


def test_a_member_of_another_family_is_refused(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    path = tmp_path / "ranker.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["members"].reverse()
    path.write_text(json.dumps(manifest))

    with pytest.raises(IntegrityError, match="the blend has a linear of 4 here"):
        load_ranker(tmp_path)
