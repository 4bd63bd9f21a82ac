"""The small network: its loss, its inputs, its explanation, its file, and that its kernel is it."""

import io
import json
import zipfile
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest

from sluice.data.digest import folder_digest
from sluice.errors import IntegrityError
from sluice.metrics import compare, evaluate
from sluice.rankers import load_ranker, make_ranker, save_ranker
from sluice.rankers.listwise import Lists
from sluice.rankers.mlp_file import MODEL
from sluice.rankers.network import Network
from sluice.rankers.quantiles import Quantiles
from tests.lib.frames import frame_of, generated_frame

SMALL = {"hidden": [16, 8], "seeds": 1, "epochs": 4}


def fit(frame, seed=0, **parameters):
    return make_ranker("mlp", SMALL | parameters).fit(frame, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def frame():
    return generated_frame(300, 12, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(frame):
    return fit(frame)


def test_it_beats_popularity_where_it_can(frame):
    later = generated_frame(300, 12, rng=np.random.default_rng(1))
    popularity = make_ranker("popularity", {}).fit(frame, np.random.default_rng(0))
    ours, theirs = (
        evaluate(ranker.score(later.features), later)
        for ranker in (fit(frame, epochs=12), popularity)
    )

    row = compare(ours, theirs, later.users, "ndcg@10", rng=np.random.default_rng(2))
    assert row.low > 0.05


def test_the_slope_is_of_the_loss():
    rng = np.random.default_rng(0)
    lists = Lists.of(np.array([1, 0, 0, 2, 1, 0.0]), np.array([3, 3]))
    scores = rng.normal(size=6)

    def loss(nth, step):
        return lists.loss(scores + step * (np.arange(6) == nth))

    found = [(loss(nth, 1e-5) - loss(nth, -1e-5)) / 2e-5 for nth in range(6)]
    np.testing.assert_allclose(found, lists.slope(scores), atol=1e-7)


def test_slopes_of_the_weights_are_of_the_loss():
    rng = np.random.default_rng(1)
    weights = Network.drawn(8, (8, 8), rng).weights
    network = Network(tuple(each.astype(np.float64) for each in weights))
    inputs, lists = (
        rng.normal(size=(6, 8)),
        Lists.of(np.tile([1.0, 0, 0], 2), np.array([3, 3])),
    )
    slopes = network.slopes(inputs, lists, (0.0, 0.0), rng)

    for nth, slope in enumerate(slopes):
        at = (0,) * slope.ndim
        losses = []
        for step in (1e-5, -1e-5):
            moved = [each.copy() for each in network.weights]
            moved[nth][at] += step
            losses.append(lists.loss(Network(tuple(moved)).scores(inputs)))
        assert slope[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-6)


def test_the_kernel_scores_as_the_network_does(fitted, frame):
    tables, (network,) = fitted.fitted.tables, fitted.fitted.networks

    np.testing.assert_allclose(
        fitted.score(frame.features),
        network.scores(tables.inputs(frame.features)),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_inputs_are_normal_scores_of_the_quantiles():
    column = np.arange(10_001, dtype=np.float32)[:, None]
    inputs = Quantiles.fit(column).inputs(
        np.array([[5000], [8413], [-1], [np.nan]], np.float32)
    )

    np.testing.assert_allclose(inputs[:, 0], [0, 1, -2.576, 0], atol=0.01)


def test_what_is_sometimes_missing_is_an_input(frame):
    features = frame.features.copy()
    features[frame.labels > 0, 3] = np.nan
    fitted = fit(replace(frame, features=features), epochs=40, batch=16)
    some, unknown = features[:1].copy(), features[:1].copy()
    some[:, 3], unknown[:, 3] = 0, np.nan

    assert fitted.score(unknown)[0] > fitted.score(some)[0] + 1


def test_epochs_end_where_later_requests_stop_gaining():
    noise = generated_frame(120, 8, rng=np.random.default_rng(3), noise=50.0)
    ended = fit(noise, epochs=60, hidden=[64, 32], learning_rate=0.02)

    assert 1 <= ended.epochs < 20
    assert fit(noise, epochs=5, held_out=0.0).epochs == 5


def test_seeds_are_averaged(frame):
    both = fit(frame, seeds=2)
    alone = [
        replace(both, fitted=replace(both.fitted, networks=(network,)))
        for network in both.fitted.networks
    ]
    scores = [each.score(frame.features) for each in alone]

    assert not np.array_equal(*scores)
    np.testing.assert_allclose(both.score(frame.features), np.mean(scores, axis=0))


def test_cores_do_not_change_a_byte(frame, tmp_path):
    from threadpoolctl import threadpool_limits

    for threads in (1, 2):
        with threadpool_limits(threads):
            save_ranker(fit(frame), tmp_path / str(threads))

    assert folder_digest(tmp_path / "1") == folder_digest(tmp_path / "2")


def test_contributions_are_near_shapley_values(frame):
    fitted = fit(frame, epochs=40, batch=16)
    rows = frame.features[:60]
    medians = np.median(frame.features, axis=0)
    columns = range(rows.shape[1])

    def without(absent):
        changed = rows.copy()
        changed[:, list(absent)] = medians[list(absent)]
        return fitted.score(changed)

    exact = np.zeros(rows.shape)
    for nth in columns:
        others = [each for each in columns if each != nth]
        for many in range(len(others) + 1):
            for absent in combinations(others, many):
                gained = without(absent) - without((*absent, nth))
                exact[:, nth] += gained / (len(columns) * comb(len(others), many))

    found = fitted.contributions(rows)[:, :-1]
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.97


def test_long_requests_and_grades_are_learned():
    grades, value = [[4, 1, 0, 0]] * 40, [[4.0, 1.0, 0.5, 0.0]] * 40
    fitted = fit(frame_of(grades, a=value), epochs=40, batch=8)
    scores = fitted.score(np.array([[4], [1], [0]], np.float32))

    assert (np.diff(scores) < 0).all()


def saved(fitted, folder, **changed):
    """The ranker's folder with some arrays of its file changed."""
    save_ranker(fitted, folder)
    with np.load(folder / MODEL) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(
        folder / MODEL, **arrays | {k: change(arrays[k]) for k, change in changed.items()}
    )
    return folder


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("flagged", lambda _: np.array([99])),
        ("flagged", lambda _: np.array([-1])),
        ("many", lambda many: many + 60),
        ("many", lambda many: many - 99),
        ("knots", lambda knots: knots[:, ::-1].copy()),
        ("knots", lambda knots: knots[:-1]),
        ("values", lambda values: values * np.nan),
        ("first_w", lambda weights: weights[:, :-1]),
        ("second_w", lambda weights: weights.astype(np.float64)),
        ("last_b", lambda bias: bias + np.float32(np.inf)),
        ("last_b", lambda _: np.array([{}], object)),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_arrays_that_do_not_fit_are_refused(fitted, tmp_path, name, change):
    with pytest.raises(IntegrityError):
        load_ranker(saved(fitted, tmp_path, **{name: change}))


def test_packed_arrays_are_refused(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    content, packed = (tmp_path / MODEL).read_bytes(), io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    (tmp_path / MODEL).write_bytes(packed.getvalue())

    with pytest.raises(IntegrityError, match="packed"):
        load_ranker(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_file_is_refused(fitted, tmp_path, share):
    save_ranker(fitted, tmp_path)
    content = (tmp_path / MODEL).read_bytes()
    (tmp_path / MODEL).write_bytes(content[: int(share * len(content))])

    with pytest.raises(IntegrityError, match="not a ranker's arrays"):
        load_ranker(tmp_path)


def test_parameters_of_another_shape_are_refused(fitted, tmp_path):
    save_ranker(fitted, tmp_path)
    path = tmp_path / "ranker.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["hidden"] = [8, 8]
    path.write_text(json.dumps(manifest))

    with pytest.raises(IntegrityError, match="first_w is"):
        load_ranker(tmp_path)
