"""A name that a reader takes for one of ours is ours, whatever its letters."""

import pytest

from sluice.registry.lookalikes import passes_for

LIKE_REVIEW = [
    "review", "Review", " review ", "REVIEW", "revi\u0435w", "r\u0435view", "\uff52eview", "rev1ew",
    "revievv", "rev|ew", "re\u200bview", "revie\u0461", "rev\u0456ew", "\u0433eview", "revi\u00e9w",
    "\u202ereview", "review\u00ad",
]  # fmt: skip
LIKE_OURS = ["sluice.reviewed", "sluic\u0435.reviewed", "sIuice.reviewed", "s1uice.run", "sluice:run",
             "sluice_reviewed", "ml\u0192low.x", "Sluice run"]  # fmt: skip
LIKE_CHAMPION = [
    "champion",
    "ch\u0430mpion",
    "champi0n",
    "charnpion",
    "Champ1on",
    "c\u04bbampion",
]
OTHERS = ["mood", "reviewer-notes", "my.slice", "team", "preview2", "owner", "champ"]


@pytest.mark.parametrize("name", LIKE_REVIEW)
def test_what_reads_like_the_tag_review(name):
    assert passes_for(name, ("review",))


@pytest.mark.parametrize("name", LIKE_OURS)
def test_what_reads_like_a_tag_of_ours(name):
    assert passes_for(name, (), ("sluice.", "mlflow."))


@pytest.mark.parametrize("name", LIKE_CHAMPION)
def test_what_reads_like_the_champion(name):
    assert passes_for(name, ("champion",))


@pytest.mark.parametrize("name", OTHERS)
def test_what_reads_like_nothing_of_ours_stays_free(name):
    assert not passes_for(
        name, ("review", "champion"), ("sluice.", "mlflow.", "candidate-")
    )
