import json
from dataclasses import replace

import numpy as np
import pytest

from sluice.errors import IntegrityError
from sluice.metrics import compare, evaluate
from sluice.rankers import load_ranker, make_ranker, save_ranker
from tests.lib.frames import frame_of, generated_frame


def fit(frame, family="linear", **parameters):
    return make_ranker(family, parameters).fit(frame, np.random.default_rng(0))


@pytest.fixture(scope="module")
def frame():
    return generated_frame(400, 12, rng=np.random.default_rng(0))


def test_it_beats_popularity_where_another_feature_drives_the_clicks(frame):
    later = generated_frame(400, 12, rng=np.random.default_rng(1))
    linear, popularity = (
        evaluate(fit(frame, family).score(later.features), later)
        for family in ("linear", "popularity")
    )
    rng = np.random.default_rng(2)

    assert compare(linear, popularity, later.users, "ndcg@10", rng=rng).low > 0.05


def test_the_scale_of_a_feature_does_not_matter_without_the_logarithm(frame):
    scaled = replace(frame, features=frame.features * np.float32(1024))
    plain, large = fit(frame, log=False), fit(scaled, log=False)

    np.testing.assert_allclose(
        large.score(scaled.features), plain.score(frame.features), rtol=1e-6
    )


def test_an_unknown_value_counts_as_the_mean_and_what_unknown_means(frame):
    features = frame.features.copy()
    features[frame.labels > 0, 3] = np.nan
    fitted = fit(replace(frame, features=features))
    known, unknown = features[:1].copy(), features[:1].copy()
    unknown[:, 3] = np.nan

    assert fitted.score(unknown)[0] > fitted.score(known)[0] + 1


def test_one_value_far_out_does_not_decide():
    groups = [[1, 0, 0]] * 50
    values = [[2.0, 1.0, 0.0]] * 49 + [[2.0, 1.0, 1e30]]
    fitted = fit(frame_of(groups, a=values))
    top, bottom = fitted.score(np.array([[2], [0]], np.float32))

    assert np.isfinite(fitted.weights.weight).all()
    assert top > bottom


def test_it_says_when_the_iterations_ended_first(frame):
    assert fit(frame, iterations=1).weights.iterations == 1
    assert 1 < fit(frame).weights.iterations < 200


@pytest.mark.parametrize(
    "change",
    [
        {"weight": [1.0]},
        {"bias": None},
        {"weight": ["1", 2, 3, 4]},
        {"stranger": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_weights_that_were_not_saved_so_are_refused(frame, tmp_path, change):
    save_ranker(fit(frame), tmp_path)
    path = tmp_path / "weights.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(IntegrityError):
        load_ranker(tmp_path)
