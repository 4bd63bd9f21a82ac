"""What the protocol guarantees, held for every family."""

import filecmp
import json
from dataclasses import replace

import numpy as np
import pytest

from sluice.data.digest import folder_digest
from sluice.errors import ConfigError, DataError, IntegrityError, TooLittleData
from sluice.rankers import FAMILIES, load_ranker, make_ranker, save_ranker
from tests.lib.frames import frame_of, generated_frame

SMALL = {
    "popularity": {},
    "linear": {},
    "lambdamart": {"trees": 12, "leaves": 7, "num_threads": 1},
    "multitask": {
        "trees": 12,
        "leaves": 7,
        "num_threads": 1,
        "objectives": [
            {"name": "click", "kind": "click"},
            {"name": "long_read", "kind": "dwell", "at_least": 30.0},
        ],
        "utility": {
            "name": "reading",
            "version": 1,
            "weights": {"click": 1.0, "long_read": 2.0},
        },
    },
    "mlp": {"hidden": [16, 8], "seeds": 2, "epochs": 3},
    "blend": {
        "members": [
            {"family": "lambdamart", "parameters": {"trees": 8, "num_threads": 1}},
            {"family": "mlp", "weight": 2.0, "parameters": {"hidden": [8, 8], "epochs": 2}},
        ]
    },
}


@pytest.fixture(scope="module")
def frame():
    return generated_frame(150, 12, rng=np.random.default_rng(0))


@pytest.fixture(params=sorted(FAMILIES))
def unfitted(request):
    return make_ranker(request.param, SMALL[request.param])


@pytest.fixture
def fitted(unfitted, frame):
    return unfitted.fit(frame, np.random.default_rng(5))


def test_every_family_is_checked():
    assert set(SMALL) == set(FAMILIES)


def test_every_family_has_its_own_name():
    assert {name: family.family for name, family in FAMILIES.items()} == {
        n: n for n in FAMILIES
    }


def test_two_fits_from_one_generator_state_save_the_same_bytes(unfitted, frame, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        save_ranker(unfitted.fit(frame, np.random.default_rng(5)), folder)

    assert folder_digest(folders[0]) == folder_digest(folders[1])


def test_fitting_returns_a_copy_that_knows_its_columns(unfitted, frame):
    fitted = unfitted.fit(frame, np.random.default_rng(5))

    assert unfitted.names == ()
    assert fitted.names == frame.names


def test_the_order_of_rows_does_not_change_a_score(fitted, frame):
    order = np.random.default_rng(1).permutation(frame.rows)

    np.testing.assert_array_equal(
        fitted.score(frame.features[order]), fitted.score(frame.features)[order]
    )


def test_a_row_scores_alone_as_it_does_among_many(fitted):
    if fitted.setwise:
        pytest.skip("its score hangs on the other rows; requests are held below")
    # 6,000 rows are enough for a ranker to take another path than for one.
    many = generated_frame(500, 12, rng=np.random.default_rng(1)).features
    alone = [fitted.score(many[i : i + 1])[0] for i in range(0, len(many), 500)]

    np.testing.assert_array_equal(alone, fitted.score(many)[::500])


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_memory_layout_does_not_change_a_score(fitted, frame, layout):
    np.testing.assert_array_equal(
        fitted.score(layout(frame.features)), fitted.score(frame.features)
    )


def test_saved_and_loaded_it_scores_bit_for_bit_alike(fitted, frame, tmp_path):
    save_ranker(fitted, tmp_path / "ranker")
    loaded = load_ranker(tmp_path / "ranker")

    assert loaded.names == fitted.names
    np.testing.assert_array_equal(
        loaded.score(frame.features), fitted.score(frame.features)
    )


def test_saving_what_was_loaded_writes_the_same_bytes(fitted, tmp_path):
    save_ranker(fitted, tmp_path / "first")
    save_ranker(load_ranker(tmp_path / "first"), tmp_path / "second")
    folder = tmp_path / "first"
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]

    _, differing, missing = filecmp.cmpfiles(
        tmp_path / "first", tmp_path / "second", files, False
    )
    assert (differing, missing) == ([], [])


def test_only_text_and_numbers_are_written(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    arrays = {path for path in written if path.suffix == ".npz"}

    assert {path.suffix for path in written - arrays} <= {".json", ".txt"}
    assert all(path.read_text(encoding="utf-8") for path in written - arrays)
    for path in arrays:
        with np.load(path, allow_pickle=False) as stored:
            assert {stored[name].dtype.kind for name in stored.files} <= {"f", "i"}


def test_no_rows_score_to_no_rows(fitted, frame):
    scores = fitted.score(frame.features[:0])

    assert scores.shape == (0,)
    assert scores.dtype == np.float64


def test_one_row_has_one_score(fitted, frame):
    assert fitted.score(frame.features[:1]).shape == (1,)


def test_scores_are_float64_and_finite_where_features_are_nan_or_infinite(fitted, frame):
    features = frame.features.copy()
    features[::3], features[1::7], features[2::11] = np.nan, np.inf, -np.inf
    scores = fitted.score(features)

    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_two_requests_scored_together_score_as_each_alone(fitted, frame):
    first, second = frame.take(0, 1).features, frame.take(1, 2).features

    np.testing.assert_array_equal(
        fitted.score(np.concatenate([second, first]), np.array([0, len(second), 24])),
        np.concatenate([fitted.score(second), fitted.score(first)]),
    )


def test_every_request_scores_alone_as_among_all(fitted, frame):
    alone = [fitted.score(frame.take(nth, nth + 1).features) for nth in range(0, 150, 10)]
    together = np.split(fitted.score(frame.features, frame.offsets), frame.offsets[1:-1])

    np.testing.assert_array_equal(np.concatenate(alone), np.concatenate(together[::10]))


def test_it_says_whether_a_request_decides(fitted, frame):
    alone = fitted.score(frame.features[:2])

    assert fitted.setwise == bool((alone != fitted.score(frame.features)[:2]).any())


def test_a_column_that_is_all_nan_can_be_fitted(unfitted, frame):
    features = frame.features.copy()
    features[:, -1] = np.nan
    fitted = unfitted.fit(replace(frame, features=features), np.random.default_rng(5))

    assert np.isfinite(fitted.score(features)).all()


def test_contributions_sum_to_the_score(fitted, frame):
    features = frame.features.copy()
    features[::3, 1] = np.nan
    found = fitted.contributions(features, frame.offsets)

    assert found.shape == (frame.rows, len(frame.names) + 1)
    np.testing.assert_allclose(
        found.sum(axis=1), fitted.score(features, frame.offsets), rtol=1e-6, atol=1e-9
    )


def test_scoring_leaves_the_features_alone(fitted, frame):
    features = frame.features.copy()
    features[0] = np.nan
    before = features.copy()
    fitted.score(features)

    np.testing.assert_array_equal(features, before)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_constant_label_is_too_little_data(unfitted, frame, label):
    constant = replace(frame, labels=np.full(frame.rows, label))

    with pytest.raises(TooLittleData, match="none of 150 requests"):
        unfitted.fit(constant, np.random.default_rng(5))


def test_requests_of_one_row_are_too_little_data(unfitted):
    lonely = frame_of([[1], [0], [1]], **{"item.click.24h": [[1], [2], [3]]})

    with pytest.raises(TooLittleData, match="none of 3 requests"):
        unfitted.fit(lonely, np.random.default_rng(5))


def test_requests_of_no_row_and_of_one_are_fitted_among_others(unfitted, frame):
    # The first request becomes one of one row, one of none and the rest.
    offsets = np.concatenate([[0, 1, 1], frame.offsets[1:]])
    twice = {
        name: np.concatenate([getattr(frame, name)[:1]] * 2 + [getattr(frame, name)])
        for name in ("ts", "request_ids", "users")
    }
    fitted = unfitted.fit(
        replace(frame, offsets=offsets, **twice), np.random.default_rng(5)
    )

    assert np.isfinite(fitted.score(frame.features)).all()


def test_no_requests_are_too_little_data(unfitted):
    with pytest.raises(TooLittleData, match="none of 0 requests"):
        unfitted.fit(frame_of([], **{"item.click.24h": []}), np.random.default_rng(5))


def test_another_number_of_columns_is_refused_with_those_it_was_fitted_on(fitted, frame):
    with pytest.raises(DataError, match=r"fitted on 4 columns: item\.click\.24h, quality"):
        fitted.score(frame.features[:, :-1])


def test_an_unfitted_ranker_neither_scores_nor_saves(unfitted, frame, tmp_path):
    with pytest.raises(DataError, match="not fitted"):
        unfitted.score(frame.features)
    with pytest.raises(DataError, match="not fitted"):
        save_ranker(unfitted, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_parameter_is_refused_with_those_there_are(unfitted):
    known = next(iter(type(unfitted.parameters).model_fields))

    with pytest.raises(ConfigError, match=f"no 'tres'; there are: {known}"):
        make_ranker(unfitted.family, {"tres": 300})


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(
        ConfigError,
        match="no ranker family 'forest'; there are: popularity, linear, lambdamart, multitask, mlp, blend",
    ):
        make_ranker("forest", {})


def test_a_folder_without_a_file_that_was_saved_is_refused(fitted, tmp_path):
    save_ranker(fitted, tmp_path / "whole")
    saved = [path for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    for path in saved:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(IntegrityError, match="is missing"):
            load_ranker(tmp_path / "whole")
        path.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"family": "forest"},
        {"format": 2},
        {"names": 3},
        {"names": ["quality"]},
        {"parameters": {"unheard_of": 1}},
        {"stranger": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_manifest_that_was_not_saved_so_is_refused(fitted, tmp_path, change):
    save_ranker(fitted, tmp_path)
    path = tmp_path / "ranker.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(IntegrityError):
        load_ranker(tmp_path)


def test_a_manifest_that_is_no_json_is_refused(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    (tmp_path / "ranker.json").write_bytes(b"\x80\x04 pickled?")

    with pytest.raises(IntegrityError, match="not a ranker's manifest"):
        load_ranker(tmp_path)
