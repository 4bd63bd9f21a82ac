"""Optuna's own storage, on disk: what a killed search had found is gone on with."""

import numpy as np
import pytest
from pydantic import ValidationError

from sluice.errors import ConfigError, TooLittleData
from sluice.metrics import evaluate
from sluice.rankers.search import RANGES, SearchSpec, Task, search
from tests.lib.frames import generated_frame

DECLARED = {"trees": 3, "leaves": 3, "num_threads": 1, "truncation": 12}


def judge(scores, frame):
    return evaluate(scores, frame).mean("ndcg@10")


def task(family="linear", *, judge=judge, requests=120, **parameters):
    frame = generated_frame(requests, 8, rng=np.random.default_rng(0))
    return Task(family, parameters, frame, judge, seed=3)


def spec(trials, **changes):
    return SearchSpec(**({"minutes": 5.0, "trials": trials} | changes))


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'search.sqlite'}"


def test_the_declared_parameters_are_tried_first():
    found = search(task(l2=3.0), spec(1), storage=None, study="s")

    assert found.parameters == {"l2": 3.0}
    assert found.value == found.declared
    assert found.trials == 1


def test_what_is_found_is_no_worse_than_what_was_declared_and_keeps_the_rest(monkeypatch):
    monkeypatch.setitem(
        RANGES, "lambdamart", {name: RANGES["lambdamart"][name] for name in ("leaves",)}
    )
    found = search(task("lambdamart", **DECLARED), spec(6), storage=None, study="s")

    assert found.value >= found.declared
    assert found.parameters["truncation"] == 12


def test_the_same_seed_finds_the_same():
    first, second = (search(task(), spec(4), storage=None, study="s") for _ in range(2))

    assert first == second


class Killed(BaseException):
    pass


def test_a_killed_search_goes_on_and_proposes_nothing_twice(storage):
    seen = []

    def dies_at_the_third(scores, frame):
        seen.append(float(scores[0]))
        if len(seen) == 3:
            raise Killed
        return judge(scores, frame)

    with pytest.raises(Killed):
        search(task(judge=dies_at_the_third), spec(5), storage=storage, study="s")
    found = search(task(judge=dies_at_the_third), spec(5), storage=storage, study="s")

    assert found.trials == 5
    assert len(seen) == 6
    assert len(set(seen)) == 6


def test_a_search_killed_in_its_first_trial_tries_the_declared_again(storage):
    def dies(scores, frame):
        raise Killed

    with pytest.raises(Killed):
        search(task(judge=dies), spec(2), storage=storage, study="s")
    found = search(task(), spec(1), storage=storage, study="s")

    assert found.value == found.declared


def test_a_budget_that_is_spent_is_not_spent_again(storage):
    first = search(task(), spec(3), storage=storage, study="s")
    seen = []
    again = search(
        task(judge=lambda *given: seen.append(given)), spec(3), storage=storage, study="s"
    )

    assert again == first
    assert seen == []


def test_trials_are_judged_on_requests_later_than_those_fitted():
    judged = []

    def note(scores, frame):
        judged.append((int(frame.ts[0]), frame.requests))
        return 0.0

    search(task(judge=note), spec(1, held_out=0.25), storage=None, study="s")

    assert judged == [(90_000_000, 30)]


def test_a_family_without_parameters_to_search_is_refused():
    with pytest.raises(ConfigError, match=r"popularity has nothing to search; .* linear"):
        search(task("popularity"), spec(1), storage=None, study="s")


def test_too_few_requests_to_split_are_refused():
    with pytest.raises(TooLittleData, match="1 requests cannot be split"):
        search(task(requests=1), spec(1), storage=None, study="s")


@pytest.mark.parametrize("given", [{"minutes": 0.0}, {"minutes": 1.0, "hours": 1}, {}])
def test_a_budget_must_be_declared_and_be_some_time(given):
    with pytest.raises(ValidationError):
        SearchSpec(**given)
