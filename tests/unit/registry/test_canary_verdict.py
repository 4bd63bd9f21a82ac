"""What repeated looks at simulated canaries conclude: a loss is found, an equal one is left in peace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from sluice.canary_spec import CanarySpec
from sluice.metrics.arms import Arm
from sluice.registry import canary_verdict
from sluice.registry.canary_verdict import Fate, Verdict, judge, outcome_of
from sluice.store.records import Outcome
from tests.lib.canaries import Habits, looks_at

SPEC = CanarySpec(min_requests=200, min_users=50)
LOGS = 200


def fates(habits, spec, seed, logs=LOGS):
    """The end of each simulated canary: the first fate that is no going on."""
    rng = np.random.default_rng(seed)
    for _ in range(logs):
        looks = looks_at(habits, spec, rng)
        yield next(look for look in looks if look.fate(spec) is not Fate.GOES_ON)


def test_of_two_hundred_equal_canaries_at_least_95_percent_are_not_withdrawn():
    """With enough people to tell within the margin; every look counts against it."""
    spec = replace_spec(margin=0.15)
    ends = list(fates(Habits(people=12_000), spec, seed=1))

    stayed = sum(end.fate(spec) is Fate.STAYS for end in ends)
    assert stayed >= 0.95 * LOGS


def test_an_equal_canary_is_hardly_ever_taken_for_worse_even_without_a_margin():
    """The bound of the design: (1 - confidence) / 2 over all looks and both metrics."""
    spec = replace_spec(margin=1e-9)
    ends = list(fates(Habits(people=1500), spec, seed=2))

    assert sum(end.verdict is Verdict.WORSE for end in ends) <= 0.05 * LOGS


def test_without_the_correction_too_many_would_be_so_the_test_above_can_fail(monkeypatch):
    spec = replace_spec(margin=1e-9)
    monkeypatch.setattr(canary_verdict, "_METRICS", 1 / spec.looks)

    ends = list(fates(Habits(people=1500), spec, seed=2))
    assert sum(end.verdict is Verdict.WORSE for end in ends) > 0.05 * LOGS


def test_a_canary_that_is_worse_by_a_fifth_is_withdrawn_before_its_time_is_over():
    ends = list(fates(Habits(effect=-0.2), SPEC, seed=3, logs=50))

    assert [end.fate(SPEC) for end in ends] == [Fate.WITHDRAWN] * 50
    assert {end.verdict for end in ends} == {Verdict.WORSE}
    assert np.median([end.number for end in ends]) < SPEC.looks


def test_a_broken_canary_is_found_at_an_early_look():
    ends = list(fates(Habits(people=20_000, effect=-1.0), SPEC, seed=4, logs=5))

    assert {end.verdict for end in ends} == {Verdict.WORSE}
    assert max(end.number for end in ends) <= SPEC.looks / 2


def test_a_canary_that_is_better_by_a_fifth_stays():
    ends = list(fates(Habits(effect=0.2), SPEC, seed=5, logs=20))

    assert {end.fate(SPEC) for end in ends} == {Fate.STAYS}
    assert {end.verdict for end in ends} == {Verdict.BETTER}


@pytest.mark.parametrize("habits", [Habits(people=150), Habits(people=800, share=0.05)])
def test_too_little_data_is_inconclusive_goes_on_and_is_withdrawn_at_the_end(habits):
    looks = looks_at(habits, SPEC, np.random.default_rng(6))

    assert {look.verdict for look in looks} == {Verdict.INCONCLUSIVE}
    assert [look.fate(SPEC) for look in looks] == [
        *[Fate.GOES_ON] * (SPEC.looks - 1),
        Fate.WITHDRAWN,
    ]


def replace_spec(**changes):
    return CanarySpec.model_validate({**SPEC.model_dump(), **changes})


def arm(people, requests=5.0, clicks=1.0):
    return Arm(np.full(people, requests), np.full(people, clicks))


@pytest.mark.parametrize(
    ("canary", "champion"),
    [
        (Arm(np.empty(0), np.empty(0)), arm(100)),
        (arm(100), Arm(np.empty(0), np.empty(0))),
        (arm(49), arm(1000)),
        (arm(1000), arm(49)),
        (arm(100, requests=1.0), arm(1000)),
        (arm(1000), arm(1000, clicks=0.0)),
    ],
)
def test_no_data_in_either_arm_is_never_a_verdict(canary, champion):
    look = judge(1, canary, champion, SPEC)

    assert look.verdict is Verdict.INCONCLUSIVE
    assert look.comparisons == ()
    assert outcome_of(look.verdict) is Outcome.INCONCLUSIVE


def test_who_leaves_is_found_though_each_request_is_as_good():
    """Half as many requests a person, each clicked as often: only clicks per person tell."""
    rng = np.random.default_rng(7)
    often, seldom = rng.poisson(8, 3000) + 1.0, rng.poisson(3, 3000) + 1.0
    champion = Arm(often, rng.binomial(often.astype(int), 0.3).astype(float))
    canary = Arm(seldom, rng.binomial(seldom.astype(int), 0.3).astype(float))

    look = judge(1, canary, champion, SPEC)

    assert look.verdict is Verdict.WORSE
    assert look.comparisons[0].high > 0 > look.comparisons[1].high


def test_looks_are_ever_further_apart_and_end_with_the_declared_duration():
    since = datetime(2026, 1, 1, tzinfo=UTC)
    times = SPEC.look_times(since)

    assert len(times) == SPEC.looks
    assert timedelta(minutes=19) < times[0] - since < timedelta(minutes=20)
    assert abs(times[-1] - since - timedelta(days=7)) < timedelta(seconds=1)
    gaps = np.diff([since, *times])
    assert all(later > earlier for earlier, later in pairwise(gaps[1:]))


def test_a_verdict_is_the_same_at_every_asking():
    twice = [looks_at(Habits(people=800), SPEC, np.random.default_rng(8)) for _ in "ab"]

    assert twice[0] == twice[1]
    assert replace(twice[0][0], number=2) != twice[0][0]
