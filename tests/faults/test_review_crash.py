"""Kill -9 between the ledger row of a review made in MLflow and its tags: reconciled, and asked again."""

import pytest

from tests.lib.review_crashes import DECISIONS, MUTANTS, Build, ReviewPoint, is_red, reviews

pytestmark = [
    pytest.mark.faults,
    # MLflow's own, given once while it is imported, and by its accounts' migrations.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated"),
    pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning"),
]


def test_a_review_that_dies_in_mlflow_is_one_row_and_its_tags_say_so(
    database_url, tmp_path
):
    value = DECISIONS[database_url.startswith("sqlite")]
    found = dict(reviews(Build(), tmp_path, database_url, decisions=[value]))

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == len(ReviewPoint)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_death_between_row_and_tag_finds_a_build_without_the_guarantee(
    mutant, tmp_path
):
    url = f"sqlite:///{tmp_path / 'sluice.db'}"

    assert is_red(mutant, tmp_path / "desk", url)
