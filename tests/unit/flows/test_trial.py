"""A trial over a small generated feed."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from sluice.data.generated import FeedConfig, generate
from sluice.data.tables import Window
from sluice.errors import IntegrityError, NotFound, TooLittleData
from sluice.flows import trial
from sluice.flows.candidates import candidate_folder, keep_candidate
from sluice.flows.evaluation import COMPARED, evaluation
from sluice.mechanisms.arrangement import BY_SCORE, Arrangement
from sluice.mechanisms.spec import ProviderFloors, Spacing
from sluice.surface import Surface

FEED = FeedConfig(
    days=3, requests_per_day=120, users=40, items_per_day=40, candidates=8, providers=6,
    surfaces=("feed",),
)  # fmt: skip
WINDOW = Window(FEED.start, FEED.start + timedelta(days=3))
DECLARED = {
    "name": "feed",
    "owner": "ann",
    "features": {"windows": ["1h", "24h"]},
    "ranker": {"parameters": {"trees": 10, "leaves": 7, "num_threads": 1}},
    "review": {"reviewers": ["rita"]},
}


@pytest.fixture(scope="module")
def surface() -> Surface:
    return Surface.model_validate(DECLARED)


@pytest.fixture(scope="module")
def tables():
    return generate(FEED).tables


@pytest.fixture(scope="module")
def prepared(surface, tables):
    return trial.prepare(surface, tables, WINDOW)


@pytest.fixture(scope="module")
def candidate(surface, prepared):
    return trial.fit(surface, prepared)


def test_the_last_two_sevenths_of_the_time_are_judged(prepared):
    fitted, judged = prepared.parts
    end = trial.micros(WINDOW.start + (WINDOW.end - WINDOW.start) * 5 / 7)

    assert fitted.requests + judged.requests == prepared.frame.requests == 360
    assert (fitted.ts < end).all()
    assert (judged.ts >= end).all()


def declared_as(**ranker):
    return Surface.model_validate(DECLARED | {"ranker": DECLARED["ranker"] | ranker})


def test_a_ranker_of_several_objectives_gets_the_feedback_it_wants(tables, prepared):
    surface = declared_as(
        family="multitask",
        parameters=DECLARED["ranker"]["parameters"]
        | {
            "objectives": [
                {"name": "click", "kind": "click"},
                {"name": "long_read", "kind": "dwell", "at_least": 20.0},
            ]
        },
    )
    several = trial.prepare(surface, tables, WINDOW)

    assert prepared.frame.feedback == {}
    assert set(several.frame.feedback) == {"click", "dwell"}
    np.testing.assert_array_equal(several.frame.feedback["click"], several.frame.labels)
    assert set(trial.fit(surface, several).objectives(several.frame.features)) == {
        "click", "long_read",
    }  # fmt: skip


def test_parameters_are_searched_on_the_part_to_fit_and_used(prepared, tmp_path):
    surface = declared_as(search={"minutes": 1.0, "trials": 2})
    found = trial.search_parameters(
        surface, prepared, surface.ranker.search,
        storage=f"sqlite:///{tmp_path / 'search.db'}", study="s",
    )  # fmt: skip
    candidate = trial.fit(surface, prepared, (surface.ranker.family, found.parameters))

    assert found.trials == 2
    assert found.value >= found.declared
    assert candidate.parameters.num_threads == 1
    assert candidate.parameters.trees == found.parameters["trees"]


def test_the_same_inputs_fit_the_same_candidate(surface, prepared, candidate):
    features = prepared.parts[1].features
    again = trial.fit(surface, trial.prepare(surface, generate(FEED).tables, WINDOW))

    np.testing.assert_array_equal(again.score(features), candidate.score(features))


def test_no_feature_of_a_sound_log_moves_with_its_future(surface, prepared):
    found = trial.audit(surface, prepared)

    assert found.moved == ()
    assert found.probes == trial.AUDIT_PROBES


@pytest.mark.parametrize("judged", ["1/1000000", "999999/1000000"])
def test_with_nothing_to_fit_or_to_judge_there_is_no_candidate(surface, prepared, judged):
    data = surface.data.model_copy(update={"judged": judged})
    empty = trial.prepare(
        surface.model_copy(update={"data": data}), prepared.tables, WINDOW
    )

    with pytest.raises(TooLittleData, match="both are needed"):
        trial.fit(surface, empty)


def test_the_first_candidate_is_compared_with_the_baseline_alone(
    surface, prepared, candidate
):
    baseline = trial.fit_baseline(surface, prepared)
    found = evaluation(surface, prepared, candidate, BY_SCORE, baseline, None)

    assert found["metrics"].keys() == {"candidate", "baseline"}
    assert found["comparisons"].keys() == {"baseline"}
    assert [row["metric"] for row in found["comparisons"]["baseline"]] == list(COMPARED)
    assert found["champion"] is None
    assert found["counts"]["judged_requests"] == prepared.parts[1].requests
    assert found["gains"]
    assert {row["party"] for row in found["stakeholders"]} == {
        "users",
        "providers",
        "policy",
    }
    assert found["reliability"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert evaluation(surface, prepared, candidate, BY_SCORE, baseline, None) == found


def test_the_gates_own_metric_is_always_compared(surface, prepared, candidate):
    quality = surface.gates.quality.model_copy(update={"metric": "recall@5"})
    gates = surface.gates.model_copy(update={"quality": quality})
    other = surface.model_copy(update={"gates": gates})
    baseline = trial.fit_baseline(other, prepared)
    found = evaluation(other, prepared, candidate, BY_SCORE, baseline, None)

    assert [row["metric"] for row in found["comparisons"]["baseline"]] == [
        *COMPARED, "recall@5",
    ]  # fmt: skip


def test_a_champion_is_judged_on_the_same_requests_by_its_own_features(
    surface, prepared, candidate, tmp_path
):
    digest = keep_candidate(tmp_path, candidate, prepared.replayed.state)
    champion = trial.load_incumbent(candidate_folder(tmp_path, digest), 1, "r" * 64)
    features = surface.features.model_copy(update={"windows": ("6h",)})
    other = surface.model_copy(update={"features": features})
    later = trial.prepare(other, prepared.tables, WINDOW)
    baseline = trial.fit_baseline(surface, prepared)
    same = evaluation(surface, prepared, candidate, BY_SCORE, baseline, champion)
    six = trial.fit(other, later)
    met = evaluation(other, later, six, BY_SCORE, six, champion)

    assert same["champion"] == {"version": 1, "release": "r" * 64}
    assert same["metrics"]["champion"] == same["metrics"]["candidate"]
    assert all(row["difference"] == 0 for row in same["comparisons"]["champion"])
    assert later.frame.names != prepared.frame.names
    assert met["metrics"]["champion"] == same["metrics"]["candidate"]


def test_candidate_and_champion_are_judged_as_their_mechanisms_would_show_them(
    surface, prepared, candidate, tmp_path
):
    spaced = surface.model_copy(
        update={"mechanisms": (Spacing(kind="spacing", weight=1.0, of="category"),)}
    )
    arrangement = trial.arranged(spaced, prepared, candidate)
    digest = keep_candidate(tmp_path, candidate, prepared.replayed.state, arrangement)
    champion = trial.load_incumbent(candidate_folder(tmp_path, digest), 1, "r" * 64)
    baseline = trial.fit_baseline(surface, prepared)
    found = evaluation(surface, prepared, candidate, BY_SCORE, baseline, champion)
    plain, shown = found["metrics"]["candidate"], found["metrics"]["champion"]

    assert champion.arrangement == arrangement
    assert shown["ndcg@10"] != plain["ndcg@10"]
    assert found["metrics"]["baseline"]["ndcg@10"] != shown["ndcg@10"]


@pytest.mark.parametrize(
    ("kind", "moves"), [("calibration", True), ("mmr", False), ("ads", False)]
)
def test_a_mechanism_is_judged_by_what_a_service_would_know(tables, kind, moves):
    """The feed has no vectors, and no log says what was an ad: an order by score stays."""
    declared = {
        "mechanisms": [{"kind": kind}],
        "features": DECLARED["features"] | {"affinity": ["category"], "similarity": 1},
    }
    surface = Surface.model_validate(DECLARED | declared)
    prepared = trial.prepare(surface, tables, WINDOW)
    fitted, baseline = trial.fit(surface, prepared), trial.fit_baseline(surface, prepared)
    arrangement = trial.arranged(surface, prepared, fitted)
    scores = fitted.score(prepared.parts[1].features)
    slates = prepared.slates(surface.features, arrangement.columns, scores)
    found = evaluation(surface, prepared, fitted, arrangement, baseline, None)
    again = evaluation(surface, prepared, fitted, arrangement, baseline, None)

    by_score = np.empty(slates.rows)
    by_score[slates.by_score()] = np.arange(slates.rows)
    shown = np.lexsort((by_score, -arrangement.places(slates), np.repeat(
        np.arange(slates.requests), np.diff(slates.offsets)
    )))  # fmt: skip
    assert (shown.tolist() != slates.by_score().tolist()) == moves
    assert found == again


def test_another_mechanism_needs_no_other_fit(surface):
    spaced = surface.model_copy(update={"mechanisms": (Spacing(kind="spacing"),)})

    assert trial.fit_digest(spaced) == trial.fit_digest(surface)


def test_where_a_log_knows_no_category_spacing_changes_nothing(
    surface, prepared, candidate
):
    nameless = prepared.tables.items.with_columns(category=pl.lit(None, pl.String))
    bare = replace(prepared, tables=replace(prepared.tables, items=nameless))
    spaced = Arrangement(declared=(Spacing(kind="spacing", weight=1.0, of="category"),))
    baseline = trial.fit_baseline(surface, bare)
    shown = evaluation(surface, bare, candidate, spaced, baseline, None)
    plain = evaluation(surface, bare, candidate, BY_SCORE, baseline, None)

    # Only ties differ: an order has none.
    assert shown["metrics"]["candidate"]["auc"] == pytest.approx(
        plain["metrics"]["candidate"]["auc"], abs=0.01
    )


def test_floors_are_priced_for_the_candidates_own_scores(surface, prepared, candidate):
    floored = surface.model_copy(
        update={"mechanisms": (ProviderFloors(kind="provider_floors", floor=0.95),)}
    )
    found = trial.arranged(floored, prepared, candidate)

    assert found.prices
    assert max(found.prices.values()) > 0
    assert found == trial.arranged(floored, prepared, candidate)


def test_a_candidate_is_kept_under_its_content_and_found_whole(
    candidate, prepared, tmp_path
):
    digest = keep_candidate(tmp_path, candidate, prepared.replayed.state)

    assert keep_candidate(tmp_path, candidate, prepared.replayed.state) == digest
    assert [path.name for path in tmp_path.iterdir()] == [digest]
    with pytest.raises(NotFound, match="run the retrain flow again"):
        candidate_folder(tmp_path, "0" * 64)


def test_a_candidate_with_one_bit_flipped_is_refused(candidate, prepared, tmp_path):
    digest = keep_candidate(tmp_path, candidate, prepared.replayed.state)
    model = tmp_path / digest / "model" / "model.txt"
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(content)

    with pytest.raises(IntegrityError, match="not those that were trained"):
        candidate_folder(tmp_path, digest)
