import subprocess
import sys
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.metrics import compare, evaluate
from sluice.rankers import boosting, load_ranker, make_ranker, save_ranker
from sluice.rankers.lambdamart import LambdaMartParameters
from tests.lib.frames import confounded_frame, frame_of, generated_frame

SMALL = {"trees": 12, "leaves": 7, "num_threads": 1}


def fit(frame, seed=5, **parameters):
    ranker = make_ranker("lambdamart", SMALL | parameters)
    return ranker.fit(frame, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def frame():
    return generated_frame(150, 12, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(frame):
    return fit(frame)


@pytest.fixture
def saved(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    return tmp_path / "model.txt"


def test_it_beats_popularity_where_another_feature_drives_the_clicks():
    past, future = generated_frame(800, 15, rng=np.random.default_rng(0)).split_at(
        600_000_000
    )
    rng = np.random.default_rng(1)
    scores = {
        family: make_ranker(family, parameters).fit(past, rng).score(future.features)
        for family, parameters in (
            ("lambdamart", SMALL | {"trees": 40}),
            ("popularity", {}),
        )
    }
    candidate, baseline = (
        evaluate(scores[name], future) for name in ("lambdamart", "popularity")
    )

    result = compare(candidate, baseline, future.users, "ndcg@10", rng=rng)
    assert result.low > 0.05


def test_gain_names_the_feature_that_drives_the_clicks(frame, fitted):
    gain = fitted.feature_gain()

    assert tuple(gain) == frame.names
    assert max(gain, key=gain.__getitem__) == "quality"
    assert all(isinstance(value, float) for value in gain.values())


def test_another_generator_state_draws_other_bags(frame):
    first, second = (fit(frame, seed, bagging_fraction=0.5) for seed in (1, 2))

    assert not np.array_equal(first.score(frame.features), second.score(frame.features))


@pytest.mark.parametrize(
    "parameters",
    [
        {"quantised": True},
        {"feature_fraction": 0.5},
        {"bagging_fraction": 0.5, "bagging_every": 2},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_what_draws_at_random_is_deterministic_too(frame, parameters):
    first, second = (fit(frame, **parameters).score(frame.features) for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_the_number_of_threads_does_not_change_a_score(frame):
    one, two = (fit(frame, num_threads=threads).score(frame.features) for threads in (1, 2))

    np.testing.assert_array_equal(one, two)


def test_position_aware_training_beats_naive_training_on_confounded_clicks():
    past = confounded_frame(3000, 10, rng=np.random.default_rng(0))
    future = confounded_frame(1500, 10, rng=np.random.default_rng(1))
    truth = replace(future, labels=future.feedback["relevance"].astype(float))
    naive, aware = (
        evaluate(fit(past, trees=60, position_bias=aware).score(truth.features), truth)
        for aware in (False, True)
    )
    nobody = replace(naive, values={"ndcg@10": np.zeros(truth.requests)})
    rng = np.random.default_rng(2)
    intervals = [
        compare(who, nobody, truth.users, "ndcg@10", rng=rng) for who in (naive, aware)
    ]

    assert intervals[0].high < intervals[1].low


def test_position_aware_training_wants_every_position():
    frame = confounded_frame(50, 10, rng=np.random.default_rng(0))
    positions = frame.positions.copy()
    positions[7:9] = 0

    with pytest.raises(
        DataError, match="2 of 500 rows have no known position; set position_bias"
    ):
        fit(replace(frame, positions=positions), position_bias=True)


def test_a_sample_of_requests_fits_on_so_many_whole_ones(frame):
    sampled = fit(frame, request_sample=0.2, trees=1, leaves=2, min_rows_per_leaf=1)
    whole = fit(frame, trees=1, leaves=2, min_rows_per_leaf=1)

    def rows(ranker):
        return ranker.booster.dump_model()["tree_info"][0]["tree_structure"][
            "internal_count"
        ]

    assert (rows(sampled), rows(whole)) == (30 * 12, 150 * 12)


@pytest.mark.parametrize("scorer", ["kernel", "lightgbm"])
def test_who_scores_does_not_change_a_bit(frame, fitted, scorer):
    declared = fit(frame, scorer=scorer)

    assert (declared.model.scorer is None) == (scorer == "lightgbm")
    np.testing.assert_array_equal(
        declared.score(frame.features), fitted.score(frame.features)
    )


def test_requests_of_one_class_are_dropped_counted_and_change_nothing(frame):
    first = frame.take(0, 100)
    labels = frame.labels.copy()
    labels[first.rows :] = 0
    padded = fit(replace(frame, labels=labels))

    assert padded.requests_dropped == 50
    np.testing.assert_array_equal(
        padded.score(frame.features), fit(first).score(frame.features)
    )


def test_the_count_of_dropped_requests_is_saved(frame, tmp_path):
    labels = frame.labels.copy()
    labels[: frame.offsets[3]] = 0
    save_ranker(fit(replace(frame, labels=labels)), tmp_path)

    assert load_ranker(tmp_path).requests_dropped == 3


def test_a_higher_grade_pulls_harder():
    rng = np.random.default_rng(0)
    groups = [[3, 1, 0, 0]] * 60
    noise = rng.normal(scale=0.01, size=(60, 4))
    frame = frame_of(groups, grade=(np.array(groups) + noise).tolist())
    fitted = fit(frame, min_rows_per_leaf=5)
    top, middle, bottom = fitted.score(np.array([[3], [1], [0]], np.float32))

    assert top > middle > bottom


@pytest.mark.parametrize("label", [0.5, -1.0, 31.0, np.nan])
def test_labels_that_are_no_grade_are_refused(frame, label):
    labels = frame.labels.copy()
    labels[3] = label

    with pytest.raises(DataError, match="1 of 1800 labels are no whole grade"):
        fit(replace(frame, labels=labels))


def test_a_fit_that_lightgbm_gives_up_says_so_and_what_may_do(frame):
    with pytest.raises(DataError, match=r"gave up the fit: .*; set quantised = false"):
        boosting.train(
            {"objective": "nothing", "verbosity": -1},
            lightgbm.Dataset(frame.features, frame.labels),
            LambdaMartParameters(quantised=True),
        )


def test_a_request_longer_than_lightgbm_takes_is_refused():
    with pytest.raises(DataError, match="10001 candidates, lambdamart takes 10000"):
        fit(frame_of([[1] + [0] * 10_000], a=[[0] * 10_001]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"trees": 0}, "trees = 0: .*greater than or equal to 1"),
        ({"trees": 10.5}, "trees = 10.5: .*valid integer"),
        ({"trees": True}, "trees = True: .*valid integer"),
        ({"trees": "300"}, "trees = '300': .*valid integer"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: .*finite"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1"),
        ({"feature_fraction": 1.1}, "feature_fraction = 1.1"),
        ({"quantised": 1}, "quantised = 1: .*valid boolean"),
        ({"leaves": 1}, "leaves = 1"),
        ({"num_leaves": 31}, "no 'num_leaves'; there are: trees, leaves, learning_rate"),
        ({"trees": 0, "leaves": 0}, "trees = 0.*leaves = 0"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(parameters, message):
    with pytest.raises(ConfigError, match=message):
        make_ranker("lambdamart", parameters)


def test_names_that_lightgbm_refuses_come_back_as_they_were(frame, fitted, saved):
    assert "nothing[0]" in load_ranker(saved.parent).names
    assert "nothing" not in saved.read_text()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: b"", "not a LightGBM text model"),
        (lambda text: b"\x80\x04\x95" + text, "not a LightGBM text model"),
        (lambda text: b'{"learner": {}}', "not a LightGBM text model"),
        (lambda text: text[: len(text) // 2], "cut"),
        (lambda text: text[:-1], "cut"),
        (lambda text: text[:3000] + text[3100:], "its header says"),
        (lambda text: text.replace(b"leaf_value=", b"leaf_value=1 ", 1), "its header says"),
        (
            lambda text: text.replace(b"max_feature_idx=3", b"max_feature_idx=9"),
            "has 10 columns",
        ),
        (
            lambda text: text.replace(b"tree_sizes=", b"tree_sixes="),
            "header lacks tree_sizes",
        ),
    ],
    ids=["empty", "pickle", "json", "half", "last", "gap", "inserted", "columns", "key"],
)
def test_a_spoiled_model_is_refused_before_lightgbm_reads_it(saved, spoil, message):
    # LightGBM itself would kill this process on most of these.
    saved.write_bytes(spoil(saved.read_bytes()))

    with pytest.raises(IntegrityError, match=message):
        load_ranker(saved.parent)


def test_importing_the_rankers_does_not_import_lightgbm():
    code = "import sys, sluice.rankers; sys.exit('lightgbm' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
