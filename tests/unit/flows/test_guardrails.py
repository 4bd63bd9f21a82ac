"""What the gates beside quality rest on, measured over a small generated feed."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from sluice.data.generated import FeedConfig, generate
from sluice.data.tables import Window
from sluice.flows import trial
from sluice.flows.candidates import candidate_folder, keep_candidate
from sluice.flows.evaluation import evaluation
from sluice.flows.refits import chosen, refit
from sluice.gates.coverage import coverage
from sluice.mechanisms.arrangement import BY_SCORE
from sluice.surface import Surface

FEED = FeedConfig(
    days=3, requests_per_day=200, users=40, items_per_day=40, candidates=8, providers=6,
    surfaces=("feed",),
)  # fmt: skip
WINDOW = Window(FEED.start, FEED.start + timedelta(days=3))
ASKED = ["data", "leakage", "quality", "churn", "ecosystem", "replay"]


@pytest.fixture(scope="module")
def surface():
    return Surface.model_validate(
        {
            "name": "feed",
            "owner": "ann",
            "features": {"windows": ["24h"]},
            "ranker": {"parameters": {"trees": 10, "leaves": 7, "num_threads": 1}},
            "gates": {"mandatory": ASKED, "churn": {"k": 3}},
            "review": {"reviewers": ["rita"]},
        }
    )


@pytest.fixture(scope="module")
def prepared(surface):
    return trial.prepare(surface, generate(FEED).tables, WINDOW)


@pytest.fixture(scope="module")
def found(surface, prepared, tmp_path_factory):
    """The evaluation of a candidate that is its own champion."""
    candidate, models = trial.fit(surface, prepared), tmp_path_factory.mktemp("models")
    digest = keep_candidate(models, candidate, prepared.replayed.state)
    champion = trial.load_incumbent(candidate_folder(models, digest), 1, "r" * 64)
    return evaluation(
        surface, prepared, candidate, BY_SCORE, trial.fit_baseline(surface, prepared),
        champion, refitted=trial.refits(surface, prepared),
    )  # fmt: skip


def test_a_refit_does_not_depend_on_how_people_are_numbered(surface, prepared):
    frame = prepared.parts[0]
    parameters = {**surface.ranker.parameters, "trees": 3}
    scores = [
        refit("lambdamart", parameters, replace(frame, users=users), 3).score(
            frame.features
        )
        for users in (frame.users, -frame.users)
    ]

    np.testing.assert_array_equal(*scores)


def test_the_same_ranker_is_more_alike_than_two_refits(found):
    row = found["stability"]["comparison"]

    assert (found["stability"]["pairs"], row["metric"]) == (1, "overlap@3")
    assert row["candidate"] == 1.0 > row["reference"]
    json.dumps(found, allow_nan=False)


def test_the_same_ranker_gives_the_providers_the_same(found):
    assert found["ecosystem"]["comparison"]["difference"] == 0
    assert (
        found["ecosystem"]["gini"]["candidate"] == found["ecosystem"]["gini"]["reference"]
    )


def test_refits_cost_nothing_where_no_gate_asks_for_them(surface, prepared):
    gates = surface.gates.model_copy(update={"mandatory": ("data", "leakage", "replay")})

    assert trial.refits(surface.model_copy(update={"gates": gates}), prepared) == ()


def test_a_refit_is_repeatable_and_another_seed_is_another_ranker(surface, prepared):
    fitted, judged = prepared.parts
    parameters = surface.ranker.parameters
    first, again, other = (
        refit("lambdamart", parameters, fitted, seed).score(judged.features)
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_chosen_requests_come_whole_and_as_often_as_named(prepared):
    frame = prepared.frame
    picked = chosen(frame, np.array([4, 4, 0]))

    assert list(picked.request_ids) == [frame.request_ids[at] for at in (4, 4, 0)]
    np.testing.assert_array_equal(picked.take(0, 1).features, frame.take(4, 5).features)
    np.testing.assert_array_equal(picked.take(1, 2).item_ids, frame.take(4, 5).item_ids)
    np.testing.assert_array_equal(picked.take(2, 3).labels, frame.take(0, 1).labels)


def test_coverage_of_nothing_is_unknown(prepared):
    empty = coverage(prepared.frame, prepared.frame.take(0, 0))

    assert empty["judged_rows"] == 0
    assert empty["complete"] is None
    assert {each["judged"] for each in empty["features"].values()} == {None}
