"""Kill -9 at every named point of a promotion and of a rollback, restart, and compare all that must agree."""

import os
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from tests.lib.crash_mutants import MUTANTS
from tests.lib.crash_points import POINTS, STORE, Point
from tests.lib.crash_runs import Build, Deaths
from tests.lib.crash_sites import Works
from tests.lib.stores import fresh_url

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(3600),
    # MLflow's own, given once while it is imported.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated"),
]
SEEDS = int(os.environ.get("FAULTS_SEEDS", "1"))


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    return Works.make(tmp_path_factory.mktemp("works"))


@pytest.fixture
def places(tmp_path_factory, postgres):
    @contextmanager
    def place(database):
        folder = tmp_path_factory.mktemp("place")
        with fresh_url(database, folder, postgres) as url:
            yield url, folder

    return place


@pytest.mark.parametrize("operation", POINTS)
@pytest.mark.parametrize(
    ("database", "points"),
    [("sqlite", tuple(Point)), ("postgresql", STORE)],
    ids=("sqlite", "postgresql"),
)
def test_a_kill_at_any_point_leaves_one_champion_that_all_agree_on(
    operation, database, points, works, places
):
    # Points outside the store are the same whatever the database; `make faults` has them all.
    deaths = Deaths(works, replace(Build(), points=points), operation)
    found = [
        each for seed in range(SEEDS) for each in deaths.of(seed, partial(places, database))
    ]

    assert [(each.point.name, each.wrong) for each in found if each.wrong] == []
    assert len(found) == SEEDS * len(set(points) & set(POINTS[operation]))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_harness_finds_a_build_without_the_guarantee(mutant, works, places):
    deaths = Deaths(works, mutant, "promotion")

    assert deaths.is_red(3, partial(places, "sqlite"))
